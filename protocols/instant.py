"""Points in time: whole seconds since 2000-01-01T00:00:00Z, the epoch of every GBCS and ZigBee time field.

An ``Instant`` is a plain integer, so that it can be compared, stored and put on the wire without conversion.
Leap seconds do not exist in it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

Instant = int

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
HALF_HOUR = 1800
HOUR = 3600
DAY = 86400


def instant(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> Instant:
    """The instant of a UTC date and time. Raises ValueError for a date that does not exist."""
    return from_datetime(datetime(year, month, day, hour, minute, second, tzinfo=UTC))


def from_datetime(moment: datetime) -> Instant:
    """The instant of an aware datetime; fractions of a second are cut off."""
    return int((moment - EPOCH).total_seconds())


def to_datetime(at: Instant) -> datetime:
    """The UTC datetime of an instant. Raises OverflowError beyond the year 9999."""
    return EPOCH + timedelta(seconds=at)


def text(at: Instant) -> str:
    """``2026-01-31T12:00:00Z``."""
    return to_datetime(at).strftime("%Y-%m-%dT%H:%M:%SZ")
