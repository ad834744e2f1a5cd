"""Billing calendars and schedules against counting days, and the cases of the specification's examples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_emu.engines.billing_calendar import BillingCalendar, Execution, Periodicity, executions_from
from firmware_emu.engines.schedule import (
    NON_DISABLEMENT_STARTS,
    NON_DISABLEMENT_STOPS,
    Action,
    NonDisablement,
    Schedule,
    ScheduleEntry,
)
from firmware_emu.engines.tariff_calendar import SpecialDay
from protocols.dlms.cosem_time import LAST_DAY, CosemDate, CosemTime
from protocols.instant import DAY, HOUR, from_datetime, instant

START, STOP = NON_DISABLEMENT_STARTS, NON_DISABLEMENT_STOPS


def plain_bills(start: datetime, periodicity: Periodicity, until: datetime) -> list[int]:
    """Every hour of the time is looked at."""
    months = {Periodicity.QUARTERLY: 3, Periodicity.HALF_YEARLY: 6, Periodicity.YEARLY: 12}.get(periodicity, 1)
    found, at = [], start + timedelta(hours=1)
    while at <= until:
        daily = at.hour == start.hour
        weekly = daily and at.weekday() == start.weekday()
        monthly = daily and at.day == start.day and (at.month - start.month) % months == 0
        if {Periodicity.DAILY: daily, Periodicity.WEEKLY: weekly}.get(periodicity, monthly):
            found.append(from_datetime(at))
        at += timedelta(hours=1)
    return found


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(Periodicity), st.integers(1, 12), st.integers(1, 28), st.integers(0, 23), st.integers(200, 900))
def test_billing_dates(periodicity: Periodicity, month: int, day: int, hour: int, days: int) -> None:
    start = datetime(2027, month, day, hour, tzinfo=UTC)
    until = start + timedelta(days=days)
    calendar = BillingCalendar(executions_from(from_datetime(start), periodicity))
    expected = plain_bills(start, periodicity, until)
    assert calendar.due(from_datetime(start), from_datetime(until)) == expected
    assert calendar.next(from_datetime(start)) == (expected[0] if expected else calendar.next(from_datetime(until)))


def test_missed_dates_come_in_order_once_each() -> None:
    calendar = BillingCalendar((Execution(CosemTime(12, 0, 0, 0), CosemDate(day=1)),))
    assert calendar.due(instant(2027, 1, 1, 12), instant(2027, 4, 1, 11)) == [
        instant(2027, 2, 1, 12),
        instant(2027, 3, 1, 12),
    ]
    twice = BillingCalendar(calendar.executions * 2)
    assert twice.due(instant(2027, 1, 1), instant(2027, 1, 3)) == [instant(2027, 1, 1, 12)]


def test_dates_with_and_without_an_end() -> None:
    once = BillingCalendar((Execution(CosemTime(0, 0, 0), CosemDate(2027, 5, 6)),))
    assert once.next(instant(2027, 5, 5, 23)) == instant(2027, 5, 6)
    assert once.next(instant(2027, 5, 6)) is None
    last = BillingCalendar((Execution(CosemTime(23, 30), CosemDate(day=LAST_DAY)),))
    assert last.due(instant(2028, 2, 1), instant(2028, 3, 1)) == [instant(2028, 2, 29, 23, 30)]
    assert BillingCalendar().next(0) is None


def test_days_that_some_months_lack_are_refused() -> None:
    with pytest.raises(ValueError, match="29"):
        executions_from(instant(2027, 1, 29), Periodicity.MONTHLY)
    assert executions_from(instant(2027, 1, 29), Periodicity.DAILY)[0].date == CosemDate()


WEEKEND = Schedule(
    (ScheduleEntry(1, START, 18 * HOUR, "0000100"), ScheduleEntry(2, STOP, 8 * HOUR, "1000000")),
)


def test_a_non_disablement_weekend() -> None:
    protected = NonDisablement(WEEKEND)
    friday = instant(2027, 6, 4)
    assert [protected(friday + hour * HOUR) for hour in (0, 17, 18, 40, 79, 80)] == [
        *(False, False, True, True, True, False),
    ]
    assert not protected(friday + 18 * HOUR - 1)
    assert protected.next_change(friday + 18 * HOUR) == friday + 3 * DAY + 8 * HOUR
    assert not NonDisablement(Schedule(()))(friday)
    assert NonDisablement(Schedule(())).next_change(friday) is None


def test_actions_come_in_order_and_the_ends_are_as_said() -> None:
    monday = instant(2027, 6, 7)
    stop = monday + 8 * HOUR
    assert WEEKEND.actions(stop, stop + 7 * DAY) == [
        Action(monday + 4 * DAY + 18 * HOUR, START),
        Action(stop + 7 * DAY, STOP),
    ]
    assert Schedule(WEEKEND._entries, offset=90).next_action(stop) == Action(stop + 90, STOP)


def test_special_days_overrule_days_of_the_week() -> None:
    special = (SpecialDay(CosemDate(month=12, day=25), 1), SpecialDay(CosemDate(2027, 6, 9), 2))
    entries = (ScheduleEntry(1, 7, HOUR), ScheduleEntry(2, 8, HOUR, "0000000", "10"))
    schedule = Schedule(entries, special)
    assert schedule.actions(instant(2027, 12, 24), instant(2027, 12, 27)) == [
        Action(instant(2027, 12, 24, 1), 7),
        Action(instant(2027, 12, 25, 1), 8),
        Action(instant(2027, 12, 26, 1), 7),
    ]
    assert schedule.last_action(instant(2027, 6, 9, 12)) == Action(instant(2027, 6, 9, 1), 7), "named by no entry"


@pytest.mark.parametrize(
    ("begin", "end", "days"),
    [
        (CosemDate(), CosemDate(), (1, 1, 1, 1)),
        (CosemDate(2027, 3, 1), CosemDate(2027, 8, 31), (0, 1, 0, 0)),
        (CosemDate(month=3, day=1), CosemDate(month=8, day=31), (0, 1, 0, 1)),
        (CosemDate(month=10, day=1), CosemDate(month=2, day=28), (1, 0, 1, 0)),
        (CosemDate(2027, 7), CosemDate(), (0, 0, 1, 1)),
        (CosemDate(0, 1), CosemDate(), (1, 1, 1, 1)),
    ],
)
def test_the_period_of_an_entry(begin: CosemDate, end: CosemDate, days: tuple[int, ...]) -> None:
    schedule = Schedule((ScheduleEntry(1, 9, 0, begin=begin, end=end),))
    moments = (instant(2027, 1, 5), instant(2027, 6, 5), instant(2027, 12, 5), instant(2028, 6, 5))
    assert tuple(len(schedule.actions(at - 1, at)) for at in moments) == days


def test_a_disabled_entry_rests_and_subjects_are_told_apart() -> None:
    entries = (
        ScheduleEntry(1, 0x11E4, 9 * HOUR),
        ScheduleEntry(2, 0x12E4, 10 * HOUR),
        ScheduleEntry(3, 0x1180, 11 * HOUR, enabled=False),
    )
    schedule = Schedule(entries)
    noon = instant(2027, 6, 7, 12)
    assert schedule.last_action(noon) == Action(noon - 2 * HOUR, 0x12E4)
    assert schedule.last_action(noon, lambda selector: selector >> 8 & 15 == 1) == Action(noon - 3 * HOUR, 0x11E4)
    assert schedule.last_action(noon, lambda selector: selector >> 8 & 15 == 3) is None
