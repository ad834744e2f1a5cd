"""Billing periods of gas meters: days, weeks or months counted from a start (ZigBee Smart Energy 1.4, D.4)."""

from __future__ import annotations

from calendar import monthrange

from protocols.instant import DAY, Instant, from_datetime, to_datetime

_MOST_MONTHS = 137 * 12
"""From the first instant to the last."""
MINUTES, DAYS, WEEKS, MONTHS = range(4)
"""Low nibble of a duration type."""
LAST_INSTANT: Instant = 0xFFFF_FFFF
"""The latest that 32 bits hold. A period that would end later never does."""
_SECONDS = {MINUTES: 60, DAYS: DAY, WEEKS: 7 * DAY}


def next_period(start: Instant, duration: int, duration_type: int, after: Instant) -> Instant | None:
    """The first beginning of a period later than ``after``, or None for a duration that is none."""
    base = duration_type & 15
    if duration <= 0 or base > MONTHS:
        return None
    if start > after:
        return start
    if base != MONTHS:
        length = duration * _SECONDS[base]
        return _in_time(start + ((after - start) // length + 1) * length)
    begun, now = to_datetime(start), to_datetime(after)
    passed = (now.year - begun.year) * 12 + now.month - begun.month
    months = passed // duration * duration
    while months <= _MOST_MONTHS and (at := add_months(start, months)) <= after:
        months += duration
    return _in_time(at) if months <= _MOST_MONTHS else None


def _in_time(at: Instant) -> Instant | None:
    return at if at <= LAST_INSTANT else None


def add_months(start: Instant, months: int) -> Instant:
    """The same time of day, so many months on; a day that the month does not have becomes its last."""
    begun = to_datetime(start)
    year, month = divmod(begun.year * 12 + begun.month - 1 + months, 12)
    day = min(begun.day, monthrange(year, month + 1)[1])
    return from_datetime(begun.replace(year=year, month=month + 1, day=day))
