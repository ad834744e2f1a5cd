"""The load of a home: the same every time, plausible, and able to come from a file."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_emu.load_model import (
    DayLoad,
    Household,
    LoadFileError,
    RecordedLoad,
    gas_flow,
    half_hours,
    power,
)
from protocols.instant import DAY, HALF_HOUR, instant

YEAR = instant(2027, 1, 1) // DAY
HOME = Household(seed=11, solar_watts=3500)


def year_of(home: Household, column: str) -> list[int]:
    return [sum(getattr(home.make_day(day), column)) for day in range(YEAR, YEAR + 365)]


@given(st.integers(0, 40_000), st.integers(0, 2**63))
def test_every_day_is_whole_and_the_same_each_time(day: int, seed: int) -> None:
    home = Household(seed, solar_watts=5000, storage_watts=3000)
    load = home.day(day)
    assert load == Household(seed, solar_watts=5000, storage_watts=3000).make_day(day)
    assert all(len(column) == 48 and all(amount >= 0 for amount in column) for column in load)
    assert not any(bought and sold for bought, sold in zip(load.imported, load.exported, strict=True))


def test_the_same_seed_gives_this_home_on_every_machine() -> None:
    load = Household(7, solar_watts=4000).day(10_000)
    assert [list(column[24:28]) for column in load] == [
        [0, 0, 0, 0],
        [929, 1065, 1159, 1142],
        [22, 22, 19, 11],
        [27, 31, 34, 34],
        [6, 6, 5, 4],
        [0, 0, 0, 0],
    ]
    assert Household(7).day(10_000).imported != Household(8).day(10_000).imported
    assert Household(7).day(10_000) != Household(7).day(10_001)


def test_a_year_is_that_of_a_home() -> None:
    home = Household(seed=3)
    used = sum(year_of(home, "imported"))
    assert 2_500_000 < used < 4_000_000, "Wh"
    gas = sum(year_of(home, "gas"))
    assert 800_000 < gas < 1_800_000, "litres"
    assert sum(year_of(home, "exported")) == sum(year_of(home, "secondary")) == 0


def test_seasons_and_times_of_the_day() -> None:
    winter, summer = range(YEAR, YEAR + 59), range(YEAR + 151, YEAR + 210)

    def mean(days: range, column: str, first: int, last: int) -> int:
        return sum(sum(getattr(HOME.day(day), column)[first:last]) for day in days) // len(days)

    assert mean(winter, "gas", 0, 48) > 4 * mean(summer, "gas", 0, 48)
    assert mean(summer, "exported", 0, 48) > 4 * mean(winter, "exported", 0, 48)
    assert mean(summer, "exported", 0, 8) == mean(summer, "exported", 44, 48) == 0, "no sun at night"
    assert mean(winter, "imported", 34, 40) > 2 * mean(winter, "imported", 4, 10), "evening and night"
    assert mean(winter, "exported", 0, 14) == 0


def test_heat_follows_the_temperature() -> None:
    days = sorted(range(YEAR, YEAR + 365), key=HOME.temperature)
    coldest, warmest = days[:30], days[-30:]
    assert HOME.temperature(days[0]) < 20 < 200 < HOME.temperature(days[-1])
    assert min(sum(HOME.day(day).gas) for day in coldest) > max(sum(HOME.day(day).gas) for day in warmest)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 48 * 400), st.integers(0, 200))
def test_any_slice_can_be_asked(place: int, count: int) -> None:
    start = YEAR * DAY + place * HALF_HOUR
    columns = half_hours(HOME, start, count)
    assert [len(column) for column in columns] == [count] * 6
    for number in range(0, count, 7):
        at = start + number * HALF_HOUR
        assert columns.imported[number] == HOME.day(at // DAY).imported[at % DAY // HALF_HOUR]


@given(st.integers(0, 48 * 30))
def test_power_of_a_half_hour_sums_up_to_its_energy(place: int) -> None:
    start = YEAR * DAY + 150 * DAY + place * HALF_HOUR
    columns = half_hours(HOME, start, 1)
    watt_minutes = sum(power(HOME, start + 60 * minute) for minute in range(30))
    assert watt_minutes == 60 * (columns.imported[0] - columns.exported[0])
    assert gas_flow(HOME, start) == 2 * columns.gas[0]


CSV = """start,import_wh,gas_litres
2027-06-07T00:00:00Z,100,7
2027-06-07T00:30Z,200,0
2027-06-08T01:00:00+01:00,300,1
2027-06-08T23:30:00,400,2
"""


def test_a_file_of_half_hours() -> None:
    load = RecordedLoad.from_csv(CSV)
    first = instant(2027, 6, 7) // DAY
    assert load.day(first).imported == [100, 200] + [0] * 46
    assert load.day(first).gas[0] == 7
    assert [load.day(first + 1).imported[place] for place in (0, 47)] == [300, 400]
    assert load.day(first + 2) == DayLoad()
    again = RecordedLoad.from_csv(CSV, repeat=True)
    assert again.day(first + 2).imported == load.day(first).imported
    assert again.day(first - 1).imported == load.day(first + 1).imported
    assert RecordedLoad.from_csv("start,import_wh\n", repeat=True).day(5) == DayLoad()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("time,import_wh\n", 1),
        ("start,power\n", 1),
        ("start,import_wh\n2027-06-07T00:00:00Z\n", 2),
        ("start,import_wh\n2027-06-07T00:15:00Z,1\n", 2),
        ("start,import_wh\n2027-06-07T00:00:00Z,1\n2027-06-07T00:00:00Z,1\n", 3),
        ("start,import_wh\n2027-06-07T00:00:00Z,-1\n", 2),
        ("start,import_wh\n2027-06-07T00:00:00Z,1.5\n", 2),
        ("start,import_wh\n2027-06-07T00:00:00Z,99999999999\n", 2),
        ("start,import_wh\nyesterday,1\n", 2),
    ],
)
def test_a_bad_file_is_refused_at_its_line(text: str, line: int) -> None:
    with pytest.raises(LoadFileError) as refusal:
        RecordedLoad.from_csv(text)
    assert refusal.value.line == line
