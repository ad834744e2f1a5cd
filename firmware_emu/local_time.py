"""Local time in Great Britain. Devices keep UTC: only planned defects take the one for the other."""

from __future__ import annotations

from protocols.instant import DAY, HOUR, Instant, instant, to_datetime


def is_summer_time(at: Instant) -> bool:
    """British Summer Time: from the last Sunday of March to that of October, both at 01:00 UTC."""
    year = to_datetime(at).year
    return _last_sunday(year, 3) + HOUR <= at < _last_sunday(year, 10) + HOUR


def _last_sunday(year: int, month: int) -> Instant:
    last = instant(year, month, 31)
    return last - DAY * (to_datetime(last).isoweekday() % 7)
