"""Switching table: which selector is in force when (SMETS tariff switching table; COSEM activity calendar).

A season begins at its start date and lasts until another begins; it names a week, the week names a day profile for
each day of the week, a special day overrules both; a day profile is a list of switch times. Everything is UTC. Gas
meters' friendly-credit calendars are the same with other selectors.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from protocols.dlms.cosem_time import CosemDate
from protocols.instant import DAY, Instant

from .dates import Day, civil, latest_match, next_match, weekday

OFFSET_STEPS = 10_000
"""The number of a randomised offset goes from 1 to this, and is so many ten-thousandths of the limit."""
LOOK_BACK_DAYS = 8
"""How far back to look for the switch whose effect still lasts, when the days since have none."""
LOOK_AHEAD_DAYS = 800
"""How far ahead a next switch is looked for: two years hold every day of a yearly table."""
_CACHE_DAYS = 40
_FOR_EVER: Day = 1 << 40


class Season(NamedTuple):
    """``time`` is the second of the day at which it begins; parts of ``date`` left open make it come again."""

    name: bytes
    date: CosemDate
    week: bytes
    time: int = 0


class Week(NamedTuple):
    """The day profiles of Monday to Sunday."""

    name: bytes
    days: tuple[int, ...]


class Switch(NamedTuple):
    """From this second of the day on (UTC) the selector is in force."""

    second: int
    selector: int


class DayProfile(NamedTuple):
    """A day's switches, in the order of their times."""

    day: int
    switches: tuple[Switch, ...]


class SpecialDay(NamedTuple):
    """A date, possibly one that comes again, that has its own day profile. ``number`` is only kept."""

    date: CosemDate
    day: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class SwitchingTable:
    """What a supplier sends. An empty one leaves the default selector in force always."""

    seasons: tuple[Season, ...] = ()
    weeks: tuple[Week, ...] = ()
    days: tuple[DayProfile, ...] = ()
    special_days: tuple[SpecialDay, ...] = ()


class DayPlan(NamedTuple):
    """One UTC day: ``selectors[i]`` from second ``starts[i]`` of the day until the next start; starts[0] is 0."""

    starts: tuple[int, ...]
    selectors: tuple[int, ...]

    def at(self, second: int) -> int:
        """The selector at a second of the day."""
        return self.selectors[bisect_right(self.starts, second) - 1]


def randomised_offset(number: int, limit: int) -> int:
    """Seconds of delay of switch times: number x limit x 10^-4, to the nearest second (SMETS randomised offset)."""
    return (number * limit + OFFSET_STEPS // 2) // OFFSET_STEPS


class Calendar:
    """A switching table made fast. ``offset`` delays every switch by so many seconds, also past midnight; a negative
    one, of less than a day, makes them early.

    ``default`` is in force where the table says nothing. A day before the first season begins belongs to the season
    listed first.
    """

    def __init__(self, table: SwitchingTable, offset: int = 0, default: int = 1) -> None:
        self.table, self.offset, self.default = table, offset, default
        self._weeks = {week.name: week.days for week in table.weeks}
        self._profiles = {profile.day: tuple(sorted(profile.switches)) for profile in table.days}
        self._always = None if any(self._profiles.values()) else DayPlan((0,), (default,))
        self._special = _SpecialDays(table.special_days)
        self._calm = (0, 0, 0)  # from day, before day: this season and no other
        self._quiet = (0, 0)  # after the last switch of the first day, nothing changes before the second
        self._plans: dict[Day, DayPlan] = {}
        self._switches: dict[Day, tuple[Switch, ...]] = {}

    def selector(self, at: Instant) -> int:
        """What is in force at ``at``; a switch time belongs to what it begins."""
        day, second = divmod(at, DAY)
        return self.plan(day).at(second)

    def next_switch(self, after: Instant) -> Instant | None:
        """The first instant later than ``after`` at which the selector changes, or None within the look-ahead."""
        if self._always is not None:
            return None
        day, second = divmod(after, DAY)
        plan = self.plan(day)
        place = bisect_right(plan.starts, second)
        if place < len(plan.starts):
            return day * DAY + plan.starts[place]
        current = plan.selectors[-1]
        first, last = self._quiet
        if not first <= day < last:
            first, last = day, day + 1
        while last < day + LOOK_AHEAD_DAYS:
            plan = self.plan(last)
            if plan.selectors[0] != current or len(plan.starts) > 1:
                self._quiet = (first, last)
                return last * DAY + (0 if plan.selectors[0] != current else plan.starts[1])
            last += 1
        self._quiet = (first, last)
        return None

    def plan(self, day: Day) -> DayPlan:
        """The whole day."""
        if self._always is not None:
            return self._always
        plan = self._plans.get(day)
        if plan is None:
            if len(self._plans) > _CACHE_DAYS:
                self._plans.clear()
                self._switches.clear()
            plan = self._plans[day] = self._make_plan(day)
        return plan

    def _make_plan(self, day: Day) -> DayPlan:
        """Switches shifted by the offset; those of the day before may spill over."""
        starts, selectors = [0], [self._carried_into(day)]
        for at in (day - 1, day, day + 1):
            for second, selector in self._day_switches(at):
                shifted = second + self.offset - (day - at) * DAY
                if 0 <= shifted < DAY and selector != selectors[-1]:
                    if shifted > starts[-1]:
                        starts.append(shifted)
                        selectors.append(selector)
                    else:
                        selectors[-1] = selector
        return DayPlan(tuple(starts), tuple(selectors))

    def _carried_into(self, day: Day) -> int:
        """The selector of the last switch before the day begins; without one, the first of the day itself."""
        for back in range(LOOK_BACK_DAYS):
            for second, selector in reversed(self._day_switches(day - back)):
                if second + self.offset < back * DAY:
                    return selector
        today = self._day_switches(day)
        return today[0].selector if today else self.default

    def _day_switches(self, day: Day) -> tuple[Switch, ...]:
        """The day's switches before the offset; at the beginning of a season in mid-day, what then holds."""
        known = self._switches.get(day)
        if known is not None:
            return known
        switches: list[Switch] = []
        for begin, end, profile in self._profiles_of(day):
            own = self._profiles.get(profile, ())
            before = [switch for switch in own if switch.second <= begin]
            if begin and before:
                switches.append(Switch(begin, before[-1].selector))
            switches += [switch for switch in own if (begin < switch.second or not begin) and switch.second < end]
        self._switches[day] = tuple(switches)
        return self._switches[day]

    def _profiles_of(self, day: Day) -> list[tuple[int, int, int]]:
        """(from second, to second, day profile) for the day: one piece unless a season begins inside it."""
        special = self._special.get(day)
        if special is not None:
            return [(0, DAY, special)]
        first, last, place = self._calm
        if first <= day < last:
            return [(0, DAY, self._profile(place, day))]
        begins = sorted((at, place) for at, place in self._season_starts(day) if at < (day + 1) * DAY)
        if not begins:
            begins = [(day * DAY, 0)] if self.table.seasons else []
        pieces: list[tuple[int, int, int]] = []
        end = DAY
        for at, place in reversed(begins):
            begin = max(0, at - day * DAY)
            if begin < end:
                pieces.insert(0, (begin, end, self._profile(place, day)))
                end = begin
            if begin == 0:
                if len(pieces) == 1:
                    self._calm = (day, self._next_start(day), place)
                break
        return pieces

    def _profile(self, place: int, day: Day) -> int:
        """The day profile that a season has for a day; -1 if its week is missing."""
        days = self._weeks.get(self.table.seasons[place].week, ())
        return days[weekday(day) - 1] if len(days) == 7 else -1

    def _next_start(self, day: Day) -> Day:
        """The first later day on which a season begins."""
        starts = (next_match(season.date, day + 1) for season in self.table.seasons)
        return min((start for start in starts if start is not None), default=_FOR_EVER)

    def _season_starts(self, day: Day) -> list[tuple[Instant, int]]:
        """For each season its last start that may matter to the day; the later listed wins where two begin at once."""
        starts = []
        for place, season in enumerate(self.table.seasons):
            begun = latest_match(season.date, day)
            if begun == day and season.time:
                starts.append((begun * DAY + season.time, place))
                begun = latest_match(season.date, day - 1)
            if begun is not None:
                starts.append((begun * DAY + season.time, place))
        return starts


class _SpecialDays:
    """Special days by date: fifty of them must not be searched for every day of a year. The first listed wins."""

    def __init__(self, special_days: tuple[SpecialDay, ...]) -> None:
        self._all = special_days
        self._yearly: dict[tuple[int, int], list[int]] = {}
        self._others: list[int] = []
        for place, (date, _day, _number) in enumerate(special_days):
            if date.month > 12 or not 1 <= date.day <= 31:
                self._others.append(place)
            else:
                self._yearly.setdefault((date.month, date.day), []).append(place)

    def get(self, day: Day) -> int | None:
        """The day profile, or None for a day that is not special."""
        if not self._all:
            return None
        today = civil(day)
        for place in sorted([*self._yearly.get((today.month, today.day), ()), *self._others]):
            if latest_match(self._all[place].date, day) == day:
                special: SpecialDay = self._all[place]
                return special.day
        return None
