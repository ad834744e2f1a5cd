"""Schedules and special days tables on the wire (COSEM classes 10 and 11), for the calendars that run scripts.

The non-disablement calendar and the calendar of the auxiliary controllers are such schedules; ``engines.schedule``
says what they do.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from protocols.dlms.axdr import DATA
from protocols.dlms.cosem_time import CosemDate, CosemTime
from protocols.dlms.data import Data, DataType
from protocols.errors import DecodeError

from ...cosem import expect, expect_items
from ...engines.schedule import Schedule, ScheduleEntry
from ...engines.tariff_calendar import SpecialDay
from ...refusals import AccessFailed

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
_SCRIPT_TABLE = 2
_SPECIAL_DAY = (DataType.UINT16, DataType.OCTET_STRING, DataType.UINT8)


def schedule(entries: bytes, special_days: bytes, delay: int = 0) -> Schedule:
    """The schedule that two encoded tables make; ``delay`` in seconds is added to every action."""
    return Schedule(schedule_entries(DATA.decode(entries)), special_days_of(DATA.decode(special_days)), delay)


def schedule_entries(value: Data) -> tuple[ScheduleEntry, ...]:
    """The entries of an array of class 10. Raises AccessFailed."""
    return tuple(_entry(each) for each in expect(value, DataType.ARRAY))


def special_days_of(value: Data) -> tuple[SpecialDay, ...]:
    """The days of an array of class 11. Raises AccessFailed."""
    return tuple(_special_day(each) for each in expect(value, DataType.ARRAY))


def is_schedule(value: Data, most: int, script_table: bytes, selectors: Container[int] | None = None) -> bool:
    """Whether ``value`` is a schedule of at most so many entries, that run scripts of this table.

    Without ``selectors`` any will do; a script that does not exist does nothing when its time comes.
    """
    try:
        entries = schedule_entries(value)
    except AccessFailed:
        return False
    tables = {each.value[_SCRIPT_TABLE].value for each in value.value}
    known = selectors is None or all(entry.selector in selectors for entry in entries)
    return known and len(entries) <= most and tables <= {script_table}


def is_special_days_table(value: Data) -> bool:
    """Whether ``value`` is a table of at most 20 special days."""
    try:
        return len(special_days_of(value)) <= MOST_SPECIAL_DAYS
    except AccessFailed:
        return False


def _members(value: Data, kinds: tuple[DataType, ...]) -> list[Any]:
    items = expect_items(value, DataType.STRUCTURE, len(kinds))
    return [expect(item, kind) for item, kind in zip(items, kinds, strict=True)]


def _entry(value: Data) -> ScheduleEntry:
    index, enabled, _table, selector, time, _window, weekdays, days, begin, end = _members(value, _ENTRY)
    try:
        moment = CosemTime.decode(time)
        first, last = CosemDate.decode(begin), CosemDate.decode(end)
    except DecodeError:
        raise AccessFailed from None
    if moment.hour > 23 or moment.minute > 59 or moment.second > 59 or len(weekdays) != 7:
        raise AccessFailed
    second = 3600 * moment.hour + 60 * moment.minute + moment.second
    return ScheduleEntry(index, selector, second, weekdays, days, first, last, bool(enabled))


def _special_day(value: Data) -> SpecialDay:
    index, when, day = _members(value, _SPECIAL_DAY)
    try:
        return SpecialDay(CosemDate.decode(when), day, index)
    except DecodeError:
        raise AccessFailed from None
