"""COSEM date-time, date and time (IEC 62056-6-2): 12, 5 and 4 octets, in which every part may be left open.

Any octets can be read and come back unchanged; whether they name one point in time is asked with ``to_instant``.
In GBCS all times are UTC and the deviation is left open; two date-times are signals: *now* and *never*.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntFlag
from typing import ClassVar

from ..enumerations import plain_members
from ..errors import DecodeError, EncodeError
from ..instant import Instant, from_datetime, to_datetime

ANY = 0xFF
"""An octet left open; so is a year of FFFF."""
ANY_YEAR = 0xFFFF
DAYLIGHT_SAVING_END, DAYLIGHT_SAVING_BEGIN = 0xFD, 0xFE
"""Months with a meaning instead of a number."""
SECOND_LAST_DAY, LAST_DAY = 0xFD, 0xFE
"""Days of the month counted from its end."""
NO_DEVIATION = -0x8000
"""Deviation left open."""
NO_STATUS = 0xFF

_DATE = struct.Struct(">HBBB")
_TIME = struct.Struct(">BBBB")
_DATE_TIME = struct.Struct(">HBBBBBBBhB")
_DAYS = ("", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@plain_members
class ClockStatus(IntFlag):
    """Bits of the status octet (class Clock, attribute status)."""

    INVALID = 0x01
    DOUBTFUL = 0x02
    DIFFERENT_CLOCK_BASE = 0x04
    INVALID_CLOCK_STATUS = 0x08
    DAYLIGHT_SAVING = 0x80


def status_text(status: int) -> str:
    """``reliable``, ``doubtful, different clock base``, ``not specified``."""
    if status == NO_STATUS:
        return "not specified"
    names = [bit.name.lower().replace("_", " ") for bit in ClockStatus if status & bit and bit.name]
    rest = status & ~sum(ClockStatus)
    return ", ".join(names + ([f"{rest:02X}"] if rest else [])) or "reliable"


@dataclass(frozen=True, slots=True)
class CosemDate:
    """Five octets: year (FFFF any), month, day of the month, day of the week (1 is Monday); FF leaves a part open."""

    WIDTH: ClassVar[int] = 5
    year: int = ANY_YEAR
    month: int = ANY
    day: int = ANY
    weekday: int = ANY

    @classmethod
    def decode(cls, octets: bytes) -> CosemDate:
        """Raises DecodeError unless there are five octets."""
        return cls(*_unpack(_DATE, octets))

    def encode(self) -> bytes:
        """Raises EncodeError for a part that does not fit."""
        return _pack(_DATE, (self.year, self.month, self.day, self.weekday))

    def matches(self, at: Instant) -> bool:
        """Whether the UTC day of ``at`` is one of the days meant. Months of daylight saving match nothing."""
        moment = to_datetime(at)
        return (
            self.year in (ANY_YEAR, moment.year)
            and self.month in (ANY, moment.month)
            and self.day in (ANY, moment.day, _day_from_end(moment))
            and self.weekday in (ANY, moment.isoweekday())
        )

    def __str__(self) -> str:
        year = "*" if self.year == ANY_YEAR else f"{self.year:04}"
        day = {LAST_DAY: "last", SECOND_LAST_DAY: "second last"}.get(self.day) or _two(self.day)
        month = {DAYLIGHT_SAVING_BEGIN: "daylight saving begin", DAYLIGHT_SAVING_END: "daylight saving end"}
        text = f"{year}-{month.get(self.month) or _two(self.month)}-{day}"
        return text if self.weekday == ANY else f"{text} {_weekday(self.weekday)}"


@dataclass(frozen=True, slots=True)
class CosemTime:
    """Four octets: hour, minute, second, hundredths of a second; FF leaves a part open."""

    WIDTH: ClassVar[int] = 4
    hour: int = ANY
    minute: int = ANY
    second: int = ANY
    hundredths: int = ANY

    @classmethod
    def decode(cls, octets: bytes) -> CosemTime:
        """Raises DecodeError unless there are four octets."""
        return cls(*_unpack(_TIME, octets))

    def encode(self) -> bytes:
        """Raises EncodeError for a part that does not fit."""
        return _pack(_TIME, (self.hour, self.minute, self.second, self.hundredths))

    def __str__(self) -> str:
        text = f"{_two(self.hour)}:{_two(self.minute)}:{_two(self.second)}"
        return text if self.hundredths in (0, ANY) else f"{text}.{self.hundredths:02}"


@dataclass(frozen=True, slots=True)
class CosemDateTime:
    """Twelve octets: a date, a time, the deviation of local time and the clock's status.

    ``deviation`` is in minutes, UTC less local time, -720 to 840, or NO_DEVIATION; ``status`` has the bits of
    ClockStatus, or is NO_STATUS.
    """

    WIDTH: ClassVar[int] = 12
    date: CosemDate
    time: CosemTime
    deviation: int = NO_DEVIATION
    status: int = NO_STATUS

    @classmethod
    def decode(cls, octets: bytes) -> CosemDateTime:
        """Raises DecodeError unless there are twelve octets."""
        parts = _unpack(_DATE_TIME, octets)
        return cls(CosemDate(*parts[:4]), CosemTime(*parts[4:8]), *parts[8:])

    @classmethod
    def at(cls, moment: Instant, status: int = NO_STATUS) -> CosemDateTime:
        """A point in time as GBCS writes it: day of the week and deviation left open, hundredths 0."""
        utc = to_datetime(moment)
        date = CosemDate(utc.year, utc.month, utc.day)
        return cls(date, CosemTime(utc.hour, utc.minute, utc.second, 0), NO_DEVIATION, status)

    def encode(self) -> bytes:
        """Raises EncodeError for a part that does not fit."""
        date, time = self.date, self.time
        parts = (date.year, date.month, date.day, date.weekday)
        return _pack(
            _DATE_TIME,
            (*parts, time.hour, time.minute, time.second, time.hundredths, self.deviation, self.status),
        )

    def to_instant(self) -> Instant | None:
        """The point in time meant, hundredths cut off; None if a part is left open or there is no such time.

        A day of the week that does not belong to the date makes it no time. Deviation left open means UTC.
        """
        date, time = self.date, self.time
        try:
            moment = datetime(date.year, date.month, date.day, time.hour, time.minute, time.second, tzinfo=UTC)
            if self.deviation != NO_DEVIATION:
                moment += timedelta(minutes=self.deviation)
        except (ValueError, OverflowError):
            return None
        if date.weekday not in (ANY, _true_weekday(date)) or (time.hundredths > 99 and time.hundredths != ANY):
            return None
        return from_datetime(moment)

    def __str__(self) -> str:
        if self == NOW:
            return "now"
        if self == NEVER:
            return "never"
        zone = "" if self.deviation == NO_DEVIATION else f" (UTC {-self.deviation:+} min)"
        status = "" if self.status == NO_STATUS else f" ({status_text(self.status)})"
        return f"{self.date} {self.time}{zone}{status}"


NOW = CosemDateTime(CosemDate(0, 0, 0, 0), CosemTime(0, 0, 0, 0))
"""As an activation time: at once."""
NEVER = CosemDateTime(CosemDate(), CosemTime())
"""As an activation time: not at all; cancels a pending activation."""


def date_time_text(octets: bytes) -> str | None:
    """The text of twelve octets that can be a date-time, whole or with parts left open; None for any others."""
    if len(octets) != CosemDateTime.WIDTH:
        return None
    value = CosemDateTime.decode(octets)
    if value in (NOW, NEVER) or (value.to_instant() is not None and -720 <= _minutes(value) <= 840):
        return str(value)
    # parts left open, such as the start of a season that comes every year
    date, time = value.date, value.time
    plausible = (
        (date.year == ANY_YEAR or 1970 <= date.year <= 9999)
        and (1 <= date.month <= 12 or date.month >= DAYLIGHT_SAVING_END)
        and (1 <= date.day <= 31 or date.day >= SECOND_LAST_DAY)
        and (time.hour < 24 or time.hour == ANY)
        and (time.minute < 60 or time.minute == ANY)
        and (time.second < 60 or time.second == ANY)
        and value.deviation == NO_DEVIATION
    )
    return str(value) if plausible else None


def _minutes(value: CosemDateTime) -> int:
    return 0 if value.deviation == NO_DEVIATION else value.deviation


def _unpack(layout: struct.Struct, octets: bytes) -> tuple[int, ...]:
    if len(octets) != layout.size:
        raise DecodeError(0, f"{layout.size} octets", f"{len(octets)}")
    return layout.unpack(octets)


def _pack(layout: struct.Struct, parts: Sequence[int]) -> bytes:
    try:
        return layout.pack(*parts)
    except struct.error as error:
        raise EncodeError(f"{tuple(parts)}: {error}") from error


def _two(part: int) -> str:
    return "*" if part == ANY else f"{part:02}"


def _weekday(number: int) -> str:
    return _DAYS[number] if 1 <= number <= 7 else f"weekday {number}"


def _true_weekday(date: CosemDate) -> int:
    return datetime(date.year, date.month, date.day, tzinfo=UTC).isoweekday()


def _day_from_end(moment: datetime) -> int | None:
    """LAST_DAY or SECOND_LAST_DAY if the day is that, else None."""
    day = timedelta(days=1)
    if (moment + day).month != moment.month:
        return LAST_DAY
    return SECOND_LAST_DAY if (moment + 2 * day).month != moment.month else None
