"""A schedule of switch entries by date, day of the week and special day (COSEM schedule and special days table).

Serves the non-disablement calendar, the auxiliary controllers' calendar and the maximum demand period: at the time of
an entry its selector is carried out and holds until another entry of the same subject. UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from protocols.dlms.cosem_time import ANY_YEAR, CosemDate
from protocols.instant import DAY, Instant

from .dates import Day, civil, latest_match, next_match, weekday
from .tariff_calendar import SpecialDay

NON_DISABLEMENT_STARTS: Final = 32
NON_DISABLEMENT_STOPS: Final = 33
DEMAND_PERIOD_STARTS: Final = 1
DEMAND_PERIOD_ENDS: Final = 2
LOOK_AHEAD_DAYS: Final = 400
LOOK_BACK_DAYS: Final = 400
_CACHE_DAYS: Final = 800


class ScheduleEntry(NamedTuple):
    """``weekdays``: seven letters 0 or 1, Monday first; ``special_days``: one for each special day of the table.

    The entry holds on days from ``begin`` to ``end``, both included, that are one of its days of the week, or one of
    its special days. Open parts of ``begin`` and ``end``: see ``Schedule``. ``second`` is of the day.
    """

    number: int
    selector: int
    second: int
    weekdays: str = "1111111"
    special_days: str = ""
    begin: CosemDate = CosemDate()
    end: CosemDate = CosemDate()
    enabled: bool = True


class Action(NamedTuple):
    """An entry of the schedule comes due."""

    at: Instant
    selector: int


class Schedule:
    """Entries made fast. ``offset`` delays every action.

    On a special day that any entry of the schedule names, only the entries that name it hold; the others rest.
    Inferred. A year left open in ``begin`` and ``end`` makes the period come every year, possibly across new year.
    """

    def __init__(
        self, entries: Sequence[ScheduleEntry], special_days: Sequence[SpecialDay] = (), offset: int = 0
    ) -> None:
        self._entries = [entry for entry in entries if entry.enabled]
        self._special_days, self.offset = special_days, offset
        self._days: dict[Day, tuple[Action, ...]] = {}

    def actions(self, after: Instant, until: Instant) -> list[Action]:
        """Actions later than ``after``, up to and including ``until``, in time order."""
        days = range((after - self.offset) // DAY, (until - self.offset) // DAY + 1)
        return [action for day in days for action in self._day(day) if after < action.at <= until]

    def next_action(self, after: Instant) -> Action | None:
        """The first action later than ``after``, or None within the look-ahead."""
        day = (after - self.offset) // DAY
        for later in range(day, day + LOOK_AHEAD_DAYS if self._entries else day):
            for action in self._day(later):
                if action.at > after:
                    return action
        return None

    def last_action(self, at: Instant, subject: Callable[[int], bool] = lambda _selector: True) -> Action | None:
        """The latest action up to and including ``at`` whose selector is of the subject, or None."""
        day = (at - self.offset) // DAY
        for earlier in range(day, day - LOOK_BACK_DAYS if self._entries else day, -1):
            for action in reversed(self._day(earlier)):
                if action.at <= at and subject(action.selector):
                    return action
        return None

    def _day(self, day: Day) -> tuple[Action, ...]:
        actions = self._days.get(day)
        if actions is None:
            if len(self._days) > _CACHE_DAYS:
                self._days.clear()
            actions = self._days[day] = self._make_day(day)
        return actions

    def _make_day(self, day: Day) -> tuple[Action, ...]:
        marks = [latest_match(special.date, day) == day for special in self._special_days]
        named = any(_names(entry, marks) for entry in self._entries)
        place = weekday(day) - 1
        found = [
            Action(day * DAY + entry.second + self.offset, entry.selector)
            for entry in self._entries
            if _in_period(entry, day) and (_names(entry, marks) if named else entry.weekdays[place : place + 1] == "1")
        ]
        return tuple(sorted(found, key=lambda action: action.at))


class NonDisablement:
    """Whether an instant lies in a non-disablement period of a schedule with selectors 32 and 33."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def __call__(self, at: Instant) -> bool:
        """Before the first start nothing is protected."""
        last = self.schedule.last_action(at)
        return last is not None and last.selector == NON_DISABLEMENT_STARTS

    def next_change(self, after: Instant) -> Instant | None:
        """When to review the account next: a start or stop."""
        action = self.schedule.next_action(after)
        return action.at if action else None


def _names(entry: ScheduleEntry, marks: Sequence[bool]) -> bool:
    return any(mark and letter == "1" for mark, letter in zip(marks, entry.special_days, strict=False))


def _in_period(entry: ScheduleEntry, day: Day) -> bool:
    """From begin to end; without a year both come every year, and a begin after the end spans new year."""
    begin, end = entry.begin, entry.end
    if begin.year == ANY_YEAR and end.year == ANY_YEAR and _is_yearly(begin) and _is_yearly(end):
        today = civil(day)
        first, last, now = (begin.month, begin.day), (end.month, end.day), (today.month, today.day)
        return first <= now <= last if first <= last else now >= first or now <= last
    return _begun(begin, day) and not _over(end, day)


def _is_yearly(date: CosemDate) -> bool:
    return date.month <= 12 and date.day <= 31


def _begun(date: CosemDate, day: Day) -> bool:
    """An open date has always begun; parts left open are the earliest possible."""
    if date.year == ANY_YEAR:
        return True
    first = next_match(date, -(1 << 17))
    return first is None or first <= day


def _over(date: CosemDate, day: Day) -> bool:
    """An open date is never over; parts left open are the latest possible."""
    if date.year == ANY_YEAR:
        return False
    last = latest_match(date, 1 << 20)
    return last is not None and last < day
