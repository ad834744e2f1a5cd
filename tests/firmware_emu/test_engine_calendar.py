"""Switching tables against a reckoning that lists every switch day by day, and known cases by hand."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_emu.engines.dates import civil, latest_match, next_match, weekday
from firmware_emu.engines.tariff_calendar import (
    Calendar,
    DayProfile,
    Season,
    SpecialDay,
    Switch,
    SwitchingTable,
    Week,
    randomised_offset,
)
from firmware_emu.state import decode_state, encode_state
from protocols.dlms.cosem_time import LAST_DAY, SECOND_LAST_DAY, CosemDate
from protocols.instant import DAY, HOUR, instant

START = date(2000, 1, 1)
DATES = st.builds(
    CosemDate,
    st.sampled_from((0xFFFF, 0xFFFF, 2027, 2028)),
    st.sampled_from((0xFF, 1, 2, 6, 12)),
    st.sampled_from((0xFF, 1, 15, 28, 29, 31, LAST_DAY, SECOND_LAST_DAY)),
    st.sampled_from((0xFF, 0xFF, 1, 7)),
)
SECONDS = st.integers(0, 47).map(lambda half_hour: half_hour * 1800)


@st.composite
def tables(draw: st.DrawFn) -> SwitchingTable:
    days = tuple(
        DayProfile(
            number,
            tuple(Switch(at, draw(st.integers(1, 5))) for at in sorted(draw(st.sets(SECONDS, min_size=1, max_size=4)))),
        )
        for number in range(1, 5)
    )
    weeks = tuple(Week(name, tuple(draw(st.integers(1, 4)) for _ in range(7))) for name in (b"1", b"2"))
    names = st.sampled_from((b"1", b"2"))
    times = st.sampled_from((0, 0, 22 * HOUR + 2700))
    seasons = tuple(Season(b"%d" % n, draw(DATES), draw(names), draw(times)) for n in range(draw(st.integers(1, 3))))
    special = tuple(SpecialDay(draw(DATES), draw(st.integers(1, 4))) for _ in range(draw(st.integers(0, 3))))
    return SwitchingTable(seasons, weeks, days, special)


def season_begins(table: SwitchingTable, day: int) -> list[tuple[int, int]]:
    return [
        (day * DAY + season.time, place) for place, season in enumerate(table.seasons) if season.date.matches(day * DAY)
    ]


def reckon(table: SwitchingTable, offset: int, first: int, last: int) -> dict[int, int]:
    """Selector of every quarter of an hour from day ``first`` to ``last``, by going through the days once."""
    weeks = {week.name: week.days for week in table.weeks}
    profiles = {profile.day: profile.switches for profile in table.days}
    season = 0
    switches: list[tuple[int, int]] = []
    for day in range(first - 41 * 366, last + 1):
        begins = sorted(season_begins(table, day))
        if day < first - 9:
            season = begins[-1][1] if begins else season
            continue
        special = next((s.day for s in table.special_days if s.date.matches(day * DAY)), None)
        for second in range(0, DAY, 900):
            begun = [place for at, place in begins if at <= day * DAY + second]
            now = begun[-1] if begun else season
            name = special or weeks[table.seasons[now].week][(START + timedelta(day)).weekday()]
            entered = [s for s in profiles[name] if s.second <= second]
            if entered:
                switches.append((day * DAY + second + offset, entered[-1].selector))
        season = begins[-1][1] if begins else season
    result: dict[int, int] = {}
    place = 0
    for at in range(first * DAY, (last + 1) * DAY, 300):
        while place + 1 < len(switches) and switches[place + 1][0] <= at:
            place += 1
        result[at] = switches[place][1]
    return result


@settings(max_examples=25, deadline=None)
@given(tables(), st.sampled_from((0, 1, 300, 1799)), st.integers(9800, 10500))
def test_the_selector_is_that_of_a_day_by_day_reckoning(table: SwitchingTable, offset: int, day: int) -> None:
    calendar = Calendar(table, offset)
    expected = reckon(table, offset, day, day + 3)
    assert {at: calendar.selector(at) for at in expected} == expected


@settings(max_examples=50, deadline=None)
@given(tables(), st.lists(st.integers(9800, 10600), min_size=1, max_size=40))
def test_what_was_asked_before_makes_no_difference(table: SwitchingTable, days: list[int]) -> None:
    calendar = Calendar(table, 5)
    asked = [calendar.plan(day) for day in (*sorted(days), *days)]
    assert asked == [Calendar(table, 5).plan(day) for day in (*sorted(days), *days)]


@settings(max_examples=50, deadline=None)
@given(tables(), st.sampled_from((0, 700)), st.integers(9800, 10500))
def test_the_next_switch_is_the_first_change(table: SwitchingTable, offset: int, day: int) -> None:
    calendar = Calendar(table, offset)
    after = day * DAY + 12345
    found = calendar.next_switch(after)
    now = calendar.selector(after)
    end = after + 3 * DAY if found is None else found
    assert all(calendar.selector(at) == now for at in range(after, min(end, after + 3 * DAY), 97))
    assert found is None or calendar.selector(found) != calendar.selector(found - 1) == now


@given(DATES, st.integers(0, 20000))
def test_dates_are_found_as_by_trying_every_day(wanted: CosemDate, day: int) -> None:
    near = range(day, day + 500)
    first = next((d for d in near if wanted.matches(d * DAY)), None)
    found = next_match(wanted, day)
    assert found == first or (first is None and (found is None or (found > near[-1] and wanted.matches(found * DAY))))
    last = next((d for d in range(day, day - 500, -1) if wanted.matches(d * DAY)), None)
    found = latest_match(wanted, day)
    assert found == last or (last is None and (found is None or (found <= day - 500 and wanted.matches(found * DAY))))


@given(st.integers(-3000, 40000))
def test_days_of_the_week(day: int) -> None:
    assert weekday(day) == (START + timedelta(day)).isoweekday()
    assert civil(day) == START + timedelta(day)


def test_the_29th_of_february_comes_every_four_years() -> None:
    leap = CosemDate(month=2, day=29)
    assert next_match(leap, instant(2027, 3, 1) // DAY) == instant(2028, 2, 29) // DAY
    assert latest_match(leap, instant(2027, 3, 1) // DAY) == instant(2024, 2, 29) // DAY
    assert next_match(CosemDate(2027, 2, 29), 0) is None
    assert next_match(CosemDate(month=0xFD), 0) is None, "months of daylight saving mean nothing in UTC"


TWO_RATES = SwitchingTable(
    (Season(b"all", CosemDate(), b"1"),),
    (Week(b"1", (1, 1, 1, 1, 1, 2, 2)),),
    (DayProfile(1, (Switch(0, 1), Switch(7 * HOUR, 2))), DayProfile(2, (Switch(0, 1),))),
    (SpecialDay(CosemDate(month=12, day=25), 1), SpecialDay(CosemDate(2027, 6, 7), 2)),
)


def test_special_days_come_before_the_week() -> None:
    calendar = Calendar(TWO_RATES)
    assert calendar.selector(instant(2027, 6, 4, 12)) == 2, "a Friday"
    assert calendar.selector(instant(2027, 6, 5, 12)) == 1, "a Saturday"
    assert calendar.selector(instant(2027, 6, 7, 12)) == 1, "a special Monday, this year only"
    assert calendar.selector(instant(2028, 6, 5, 12)) == 2
    assert calendar.selector(instant(2027, 12, 25, 12)) == 2, "a special Saturday, every year"
    assert calendar.selector(instant(2032, 12, 25, 12)) == 2


def test_summer_time_changes_nothing() -> None:
    calendar = Calendar(TWO_RATES)
    for day in (instant(2027, 3, 29), instant(2027, 7, 1), instant(2027, 11, 1)):
        assert calendar.selector(day + 7 * HOUR - 1) == 1
        assert calendar.selector(day + 7 * HOUR) == 2


def test_the_offset_delays_every_switch_also_past_midnight() -> None:
    late = SwitchingTable(TWO_RATES.seasons, TWO_RATES.weeks, (DayProfile(1, (Switch(85_500, 2), Switch(3600, 1))),))
    calendar = Calendar(late, offset=1799)
    monday = instant(2027, 6, 7)
    assert calendar.selector(monday + 85_500 + 1798) == 1
    assert calendar.next_switch(monday + 80_000) == monday + 85_500 + 1799 == monday + DAY + 899
    assert calendar.selector(monday + DAY + 899) == 2
    assert calendar.next_switch(monday + DAY + 899) == monday + DAY + 3600 + 1799


def test_a_season_may_begin_in_the_evening() -> None:
    table = SwitchingTable(
        (
            Season(b"winter", CosemDate(2026, 10, 1), b"1"),
            Season(b"spring", CosemDate(2027, 3, 20), b"2", 22 * HOUR + 2700),
        ),
        (Week(b"1", (1,) * 7), Week(b"2", (2,) * 7)),
        (DayProfile(1, (Switch(0, 1),)), DayProfile(2, (Switch(0, 3), Switch(8 * HOUR, 4)))),
    )
    calendar = Calendar(table)
    begin = instant(2027, 3, 20, 22, 45)
    assert calendar.next_switch(instant(2026, 11, 1)) == begin
    assert [calendar.selector(begin - 1), calendar.selector(begin)] == [1, 4]
    assert calendar.selector(instant(2027, 3, 21)) == 3
    assert calendar.selector(instant(2040, 3, 21)) == 3, "a season with a year lasts until another begins"


def test_seasons_change_on_their_day_when_asked_day_by_day() -> None:
    seasons = (Season(b"a", CosemDate(month=3, day=29), b"1"), Season(b"b", CosemDate(month=3, day=30), b"2"))
    weeks = (Week(b"1", (1,) * 7), Week(b"2", (2,) * 7))
    calendar = Calendar(SwitchingTable(seasons, weeks, tuple(DayProfile(n, (Switch(0, n),)) for n in (1, 2))))
    days = range(instant(2027, 3, 26) // DAY, instant(2027, 4, 2) // DAY)
    assert [calendar.selector(day * DAY) for day in days] == [2, 2, 2, 1, 2, 2, 2]


def test_an_empty_table_leaves_the_default() -> None:
    calendar = Calendar(SwitchingTable(), default=201)
    assert calendar.selector(123456789) == 201
    assert calendar.next_switch(123456789) is None


def test_randomised_offset() -> None:
    assert randomised_offset(2000, 1000) == 200
    assert randomised_offset(10_000, 1799) == 1799
    assert randomised_offset(1, 0) == 0
    assert randomised_offset(4, 1000) == 0  # 0.4 s
    assert randomised_offset(6, 1000) == 1  # 0.6 s


def test_a_table_is_kept_as_it_is() -> None:
    assert decode_state(SwitchingTable, "table", encode_state(TWO_RATES)) == TWO_RATES
