"""Schedules: scripts run at times of day, on days of the week or special days, between two dates (COSEM class 10).

The non-disablement calendar and the calendar of the auxiliary controllers are schedules with a special days table
(class 11). Everything is UTC. A day that is in the special days table obeys only entries that name it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from datetime import date
from typing import Any, NamedTuple

from protocols.dlms.cosem_time import ANY, ANY_YEAR, CosemDate, CosemTime
from protocols.dlms.data import Data, DataType
from protocols.errors import DecodeError
from protocols.instant import DAY, Instant, to_datetime

from .cosem import expect, expect_items
from .refusals import AccessFailed

LOOK_DAYS = 366
"""How many days before and after a moment are searched for events: a table may hold one event a year."""
MOST_SPECIAL_DAYS = 20

_ENTRY = (
    DataType.UINT16,
    DataType.BOOLEAN,
    DataType.OCTET_STRING,
    DataType.UINT16,
    DataType.OCTET_STRING,
    DataType.UINT16,
    DataType.BIT_STRING,
    DataType.BIT_STRING,
    DataType.OCTET_STRING,
    DataType.OCTET_STRING,
)
_SPECIAL_DAY = (DataType.UINT16, DataType.OCTET_STRING, DataType.UINT8)


class ScheduleEntry(NamedTuple):
    """``selector`` is run at ``second`` of a UTC day; bit strings as on the wire, Monday and day 1 first."""

    enabled: bool
    script_table: bytes
    selector: int
    second: int
    weekdays: str
    special_days: str
    begin: CosemDate
    end: CosemDate


class SpecialDay(NamedTuple):
    """A date, possibly with open parts, and the number by which entries name it."""

    date: CosemDate
    day: int


class Event(NamedTuple):
    """A script that is due."""

    at: Instant
    selector: int


Wanted = Callable[[int], bool]


class Schedule:
    """Entries and special days; ``delay`` in seconds is added to every event."""

    def __init__(
        self, entries: tuple[ScheduleEntry, ...] = (), special_days: tuple[SpecialDay, ...] = (), delay: int = 0
    ) -> None:
        self._entries = sorted((entry for entry in entries if entry.enabled), key=lambda entry: entry.second)
        self._special_days = special_days
        self._delay = delay

    def next_event(self, after: Instant) -> Event | None:
        """The first event later than ``after``, or None if none comes within LOOK_DAYS."""
        if not self._entries:
            return None
        first = (after - self._delay) // DAY
        for day in range(first, first + LOOK_DAYS):
            for event in self._on(day):
                if event.at > after:
                    return event
        return None

    def events(self, after: Instant, until: Instant) -> Iterator[Event]:
        """The events later than ``after`` up to and including ``until``, in their order."""
        for day in range((after - self._delay) // DAY, (until - self._delay) // DAY + 1):
            for event in self._on(day):
                if after < event.at <= until:
                    yield event

    def latest(self, at: Instant, wanted: Wanted = lambda _selector: True) -> int | None:
        """The selector of the last wanted event up to and including ``at``, or None."""
        if not any(wanted(entry.selector) for entry in self._entries):
            return None
        last = (at - self._delay) // DAY
        for day in range(last, last - LOOK_DAYS, -1):
            for event in reversed(self._on(day)):
                if event.at <= at and wanted(event.selector):
                    return event.selector
        return None

    def _on(self, day: int) -> list[Event]:
        """The events of a UTC day; entries at the same second in the order of the table."""
        start = day * DAY
        special = [each.day for each in self._special_days if each.date.matches(start)]
        moment = to_datetime(start).date()
        return [
            Event(start + entry.second + self._delay, entry.selector)
            for entry in self._entries
            if _chosen(entry, moment, special) and _within(entry.begin, entry.end, moment)
        ]


def _chosen(entry: ScheduleEntry, day: date, special: list[int]) -> bool:
    if special:
        bits = entry.special_days
        return any(0 < number <= len(bits) and bits[number - 1] == "1" for number in special)
    return entry.weekdays[day.weekday()] == "1"


def _within(begin: CosemDate, end: CosemDate, day: date) -> bool:
    """Whether a day lies between two dates, both included; without years the period comes again every year."""
    low, high = _filled(begin, day, 1, 1), _filled(end, day, 12, 31)
    now = (day.year, day.month, day.day)
    if low > high and begin.year == end.year == ANY_YEAR:
        return now >= low or now <= high
    return low <= now <= high


def _filled(limit: CosemDate, day: date, month: int, number: int) -> tuple[int, int, int]:
    year = day.year if limit.year == ANY_YEAR else limit.year
    return year, month if limit.month == ANY else limit.month, number if limit.day == ANY else limit.day


# values on the wire


def schedule_entries(value: Data) -> tuple[ScheduleEntry, ...]:
    """The entries of an array of class 10. Raises AccessFailed."""
    return tuple(_entry(each) for each in expect(value, DataType.ARRAY))


def special_days(value: Data) -> tuple[SpecialDay, ...]:
    """The days of an array of class 11. Raises AccessFailed."""
    return tuple(_special_day(each) for each in expect(value, DataType.ARRAY))


def is_schedule(value: Data, most: int, script_table: bytes, selectors: Container[int]) -> bool:
    """Whether ``value`` is a schedule of at most so many entries that run scripts of this table."""
    try:
        entries = schedule_entries(value)
    except AccessFailed:
        return False
    return len(entries) <= most and all(
        entry.script_table == script_table and entry.selector in selectors for entry in entries
    )


def is_special_days_table(value: Data) -> bool:
    """Whether ``value`` is a table of at most 20 special days."""
    try:
        return len(special_days(value)) <= MOST_SPECIAL_DAYS
    except AccessFailed:
        return False


def _members(value: Data, kinds: tuple[DataType, ...]) -> list[Any]:
    items = expect_items(value, DataType.STRUCTURE, len(kinds))
    return [expect(item, kind) for item, kind in zip(items, kinds, strict=True)]


def _entry(value: Data) -> ScheduleEntry:
    _index, enabled, table, selector, time, _window, weekdays, days, begin, end = _members(value, _ENTRY)
    try:
        moment = CosemTime.decode(time)
        dates = CosemDate.decode(begin), CosemDate.decode(end)
    except DecodeError:
        raise AccessFailed from None
    if moment.hour > 23 or moment.minute > 59 or moment.second > 59 or len(weekdays) != 7:
        raise AccessFailed
    second = 3600 * moment.hour + 60 * moment.minute + moment.second
    return ScheduleEntry(bool(enabled), table, selector, second, weekdays, days, *dates)


def _special_day(value: Data) -> SpecialDay:
    _index, when, day = _members(value, _SPECIAL_DAY)
    try:
        return SpecialDay(CosemDate.decode(when), day)
    except DecodeError:
        raise AccessFailed from None
