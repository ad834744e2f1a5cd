"""COSEM date-times, dates and times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.cosem_time import (
    ANY_YEAR,
    LAST_DAY,
    NEVER,
    NOW,
    SECOND_LAST_DAY,
    ClockStatus,
    CosemDate,
    CosemDateTime,
    CosemTime,
    date_time_text,
    status_text,
)
from protocols.errors import DecodeError, EncodeError
from protocols.instant import instant

NEW_YEAR = bytes.fromhex("07DF0101FF000000008000FF")


def test_a_point_in_time_is_written_as_gbcs_does() -> None:
    value = CosemDateTime.at(instant(2015, 1, 1))
    assert value.encode() == NEW_YEAR
    assert CosemDateTime.decode(NEW_YEAR) == value
    assert value.to_instant() == instant(2015, 1, 1)
    assert str(value) == "2015-01-01 00:00:00"


def test_now_and_never_are_signals_and_no_times() -> None:
    assert NOW.encode() == bytes.fromhex("00000000000000000080 00FF")
    assert NEVER.encode() == bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")
    assert (str(NOW), str(NEVER)) == ("now", "never")
    assert NOW.to_instant() is None
    assert NEVER.to_instant() is None


@given(st.binary(min_size=12, max_size=12))
def test_any_octets_come_back(octets: bytes) -> None:
    value = CosemDateTime.decode(octets)
    assert value.encode() == octets
    assert CosemDate.decode(octets[:5]).encode() == octets[:5]
    assert CosemTime.decode(octets[5:9]).encode() == octets[5:9]
    assert str(value)
    assert date_time_text(octets) in (None, str(value))


@given(st.integers(0, instant(2099, 12, 31)))
def test_every_instant_comes_back(at: int) -> None:
    assert CosemDateTime.decode(CosemDateTime.at(at).encode()).to_instant() == at


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        ("07DF0704FF0C1E0000FFC480", instant(2015, 7, 4, 11, 30)),  # one hour ahead of UTC, daylight saving
        ("07DF0704060C1E00008000FF", instant(2015, 7, 4, 12, 30)),  # a Saturday
        ("07DF0704050C1E00008000FF", None),  # no Friday
        ("07DF021DFF0000 00008000FF", None),  # no such day
        ("07DF0D01FF0000 00008000FF", None),
        ("FFFF0101FF0000 00008000FF", None),
        ("07DF0101FF1800 00008000FF", None),
        ("07DF0101FF000000648000FF", None),  # 100 hundredths
        ("270F0C1FFF173B3B0003E8FF", None),  # beyond the year 9999
    ],
)
def test_only_what_names_one_point_in_time_is_an_instant(octets: str, expected: int | None) -> None:
    assert CosemDateTime.decode(bytes.fromhex(octets)).to_instant() == expected


def test_the_status_is_named_bit_by_bit() -> None:
    assert status_text(0) == "reliable"
    assert status_text(0xFF) == "not specified"
    assert status_text(ClockStatus.DOUBTFUL | ClockStatus.DIFFERENT_CLOCK_BASE) == "doubtful, different clock base"
    assert status_text(0x11) == "invalid, 10"
    assert str(CosemDateTime.at(0, 2)) == "2000-01-01 00:00:00 (doubtful)"


def test_a_date_with_open_parts_matches_many_days() -> None:
    christmas = CosemDate.decode(bytes.fromhex("FFFF0C19FF"))
    assert christmas == CosemDate(ANY_YEAR, 12, 25)
    assert christmas.matches(instant(2015, 12, 25, 23, 59))
    assert not christmas.matches(instant(2015, 12, 26))
    assert str(christmas) == "*-12-25"


def test_days_are_counted_from_the_end_of_the_month() -> None:
    last, second_last = CosemDate(day=LAST_DAY), CosemDate(day=SECOND_LAST_DAY)
    assert last.matches(instant(2016, 2, 29))
    assert second_last.matches(instant(2016, 2, 28))
    assert not last.matches(instant(2016, 2, 28))
    assert not second_last.matches(instant(2016, 2, 27))
    assert last.matches(instant(2015, 12, 31))


def test_a_day_of_the_week_matches_every_week() -> None:
    mondays = CosemDate(weekday=1)
    assert mondays.matches(instant(2026, 8, 3))
    assert not mondays.matches(instant(2026, 8, 4))
    assert str(mondays) == "*-*-* Monday"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DecodeError):
        CosemDateTime.decode(NEW_YEAR[:-1])
    with pytest.raises(DecodeError):
        CosemDate.decode(bytes(4))
    with pytest.raises(DecodeError):
        CosemTime.decode(bytes(5))
    with pytest.raises(EncodeError):
        CosemTime(256).encode()


@pytest.mark.parametrize("octets", [b"", bytes(11), b"Hello, world", bytes(range(12)), b"\xff" * 12])
def test_other_octets_have_no_text(octets: bytes) -> None:
    assert date_time_text(octets) is None


def test_a_date_that_comes_every_year_has_a_text() -> None:
    assert date_time_text(bytes.fromhex("FFFF0314FF162D00008000FF")) == "*-03-20 22:45:00"
