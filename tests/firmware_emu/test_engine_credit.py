"""The account: every rule with numbers worked by hand, and money that is neither made nor lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_emu.engines.credit import Account
from firmware_emu.engines.credit_state import (
    CreditDefect,
    CreditEvent,
    CreditSettings,
    CreditState,
    Decision,
    PaymentMode,
    Refusal,
    TimeDebt,
)
from firmware_emu.state import decode_state, encode_state
from protocols.instant import DAY, HOUR, instant

POUND = 100_000
MONDAY = instant(2027, 6, 7)

SETTINGS = CreditSettings(
    emergency_limit=5 * POUND,
    emergency_threshold=1 * POUND,
    low_credit=2 * POUND,
    disablement=0,
    max_balance=100 * POUND,
    max_credit=50 * POUND,
)


def account(balance: int = 10 * POUND, **members: object) -> Account:
    """A prepayment account; members are of the settings or of the state. Defects and protection by name."""
    defects = members.pop("defects", ())
    protected = members.pop("protected", lambda _at: False)
    own = {name: members.pop(name) for name in list(members) if name in CreditState.__dataclass_fields__}
    state = CreditState(PaymentMode.PREPAYMENT, replace(SETTINGS, **members), balance, **own)  # type: ignore[arg-type]
    made = Account(state, protected, defects=defects)  # type: ignore[arg-type]
    made.advance(MONDAY)
    return made


def codes(events: list[CreditEvent] | tuple[CreditEvent, ...]) -> list[int]:
    return [event.code for event in events]


# charging


def test_energy_lowers_the_balance() -> None:
    meter = account()
    assert meter.charge(MONDAY, 123_456) == []
    assert meter.state.balance == 876_544


def test_the_standing_charge_is_taken_at_midnight_once_a_day() -> None:
    meter = account(standing_charge=60_000)
    meter.advance(MONDAY + DAY - 1)
    assert meter.state.balance == 1_000_000
    meter.advance(MONDAY + DAY)
    meter.advance(MONDAY + DAY + 5)
    assert meter.state.balance == 940_000
    meter.advance(MONDAY + 4 * DAY)
    assert meter.state.balance == 760_000


def test_time_debts_are_taken_hourly_and_daily_until_nothing_remains() -> None:
    meter = account(time_debts=[TimeDebt(25_000, 10_000, HOUR), TimeDebt(50_000, 30_000, DAY)])
    assert meter.next_charge(MONDAY) == MONDAY + HOUR
    assert meter.advance(MONDAY + 2 * HOUR) == []
    assert meter.advance(MONDAY + 3 * HOUR) == [CreditEvent(MONDAY + 3 * HOUR, 0x81A7)]
    assert meter.state.balance == 975_000
    assert meter.advance(MONDAY + DAY) == []
    assert meter.advance(MONDAY + 5 * DAY) == [CreditEvent(MONDAY + 2 * DAY, 0x81A8)]
    assert meter.state.balance == 925_000
    assert [debt.remaining for debt in meter.state.time_debts] == [0, 0]
    assert meter.next_charge(MONDAY) is None


def test_a_debt_may_end_with_a_whole_instalment() -> None:
    meter = account(time_debts=[TimeDebt(), TimeDebt(30_000, 10_000, HOUR)])
    assert meter.advance(MONDAY + 3 * HOUR) == [CreditEvent(MONDAY + 3 * HOUR, 0x81A8)]
    assert meter.state.balance == 970_000


def test_a_clock_set_back_charges_nothing_twice() -> None:
    meter = account(standing_charge=60_000)
    meter.advance(MONDAY + DAY)
    meter.advance(MONDAY + DAY - 100)
    meter.advance(MONDAY + DAY + 100)
    assert meter.state.balance == 940_000


def test_emergency_credit_is_used_only_when_the_balance_is_used_up() -> None:
    meter = account(80_000)
    meter.review(MONDAY)
    done, events = meter.activate_emergency(MONDAY)
    assert (done, codes(events)) == (True, [0x81AB])
    meter.charge(MONDAY, 50_000)
    assert (meter.state.balance, meter.emergency_balance) == (30_000, 500_000)
    meter.charge(MONDAY, 50_000)
    assert (meter.state.balance, meter.emergency_balance) == (0, 480_000)
    meter.charge(MONDAY, 80_000)
    assert (meter.state.balance, meter.emergency_balance) == (0, 400_000)


@pytest.mark.parametrize(("suspended", "emergency", "accumulated"), [(False, 410_000, 0), (True, 500_000, 90_000)])
def test_time_charges_while_emergency_credit_is_in_use(suspended: bool, emergency: int, accumulated: int) -> None:
    debts = [TimeDebt(100_000, 30_000, DAY), TimeDebt()]
    meter = account(0, standing_charge=60_000, suspend_emergency=suspended, emergency_active=True, time_debts=debts)
    meter.advance(MONDAY + DAY)
    assert meter.state.balance == 0
    assert meter.emergency_balance == emergency
    assert meter.state.accumulated_debt == accumulated
    assert debts[0].remaining == 70_000


@pytest.mark.parametrize(("suspended", "accumulated", "remaining"), [(False, 90_000, 70_000), (True, 0, 100_000)])
def test_time_charges_while_supply_is_disabled(suspended: bool, accumulated: int, remaining: int) -> None:
    debts = [TimeDebt(100_000, 30_000, DAY), TimeDebt()]
    meter = account(-5, standing_charge=60_000, suspend_disabled=suspended, disabled=True, time_debts=debts)
    meter.advance(MONDAY + DAY)
    assert (meter.state.balance, meter.state.accumulated_debt, debts[0].remaining) == (-5, accumulated, remaining)


def test_supply_disabled_for_another_reason_counts_too() -> None:
    meter = account(standing_charge=60_000)
    meter.disabled_otherwise = True
    meter.advance(MONDAY + DAY)
    assert (meter.state.balance, meter.state.accumulated_debt) == (1_000_000, 60_000)


# thresholds


def test_events_come_once_for_each_crossing_and_in_order() -> None:
    meter = account()
    assert codes(meter.charge(MONDAY, 800_000)) == [], "at the low credit threshold is not below"
    assert codes(meter.charge(MONDAY, 1)) == [0x810D]
    assert codes(meter.charge(MONDAY, 1)) == []
    assert codes(meter.charge(MONDAY, 99_998)) == [0x8119]
    assert codes(meter.charge(MONDAY, 99_999)) == []
    assert meter.charge(MONDAY + 7, 1) == [CreditEvent(MONDAY + 7, 0x8F0F, Decision.DISABLE)]
    assert meter.state.disabled
    assert codes(meter.charge(MONDAY, 50_000)) == []


def test_all_thresholds_at_one_stroke() -> None:
    assert codes(account().charge(MONDAY, 20 * POUND)) == [0x810D, 0x8119, 0x8F0F]


def test_low_credit_is_reported_again_after_it_was_enough() -> None:
    meter = account(150_000)
    assert codes(meter.review(MONDAY)) == [0x810D]
    assert codes(meter.top_up(MONDAY, POUND).events) == []
    assert codes(meter.charge(MONDAY, 60_000)) == [0x810D]


def test_emergency_credit_counts_for_low_credit_once_active() -> None:
    meter = account(90_000)
    assert codes(meter.review(MONDAY)) == [0x810D, 0x8119]
    assert codes(meter.activate_emergency(MONDAY)[1]) == [0x81AB]
    assert codes(meter.charge(MONDAY, 390_000)) == []  # 5.90 - 3.90 = 2.00
    assert codes(meter.charge(MONDAY, 1)) == [0x810D]


def test_emergency_credit_used_up_disables() -> None:
    meter = account(0, emergency_active=True, low_reported=True)
    assert codes(meter.charge(MONDAY, 499_999)) == []
    assert codes(meter.charge(MONDAY, 1)) == [0x81AA, 0x8F0F]
    assert (meter.state.balance, meter.emergency_balance) == (0, 0)
    assert codes(meter.charge(MONDAY, 7)) == [], "what still flowed"
    assert meter.state.balance == -7


def test_emergency_credit_while_disabled_arms() -> None:
    meter = account(50_000, low_credit=0)
    meter.charge(MONDAY, 60_000)
    assert meter.state.disabled
    done, events = meter.activate_emergency(MONDAY + 9)
    assert done
    assert events == [
        CreditEvent(MONDAY + 9, 0x81AB),
        CreditEvent(MONDAY + 9, 0x8168, Decision.ARM),
    ]
    assert not meter.state.disabled


def test_emergency_credit_is_refused_above_its_threshold_and_fine_when_active() -> None:
    meter = account(POUND + 1)
    assert meter.activate_emergency(MONDAY) == (False, [])
    meter.charge(MONDAY, 1)
    assert meter.activate_emergency(MONDAY)[0]
    assert meter.activate_emergency(MONDAY) == (True, [])
    faulty = account(0, emergency_active=True, defects=[CreditDefect.ACTIVE_EMERGENCY_FAILS])
    assert faulty.activate_emergency(MONDAY) == (False, [])
    assert account(0, emergency_limit=0).activate_emergency(MONDAY) == (False, [])


def test_non_disablement_keeps_supply_until_its_end() -> None:
    weekend = (MONDAY, MONDAY + 2 * DAY)
    meter = account(protected=lambda at: weekend[0] <= at < weekend[1], low_reported=True, available_reported=True)
    assert codes(meter.charge(MONDAY + HOUR, 10 * POUND)) == [0x8F83]
    assert codes(meter.charge(MONDAY + 2 * HOUR, 50_000)) == [], "reported once"
    assert not meter.state.disabled
    assert codes(meter.review(weekend[1] - 1)) == []
    assert meter.review(weekend[1]) == [CreditEvent(weekend[1], 0x8F0F, Decision.DISABLE)]


def test_a_top_up_in_the_non_disablement_period_saves_supply() -> None:
    protected = [True]
    meter = account(-50_000, protected=lambda _at: protected[0], low_reported=True, available_reported=True)
    assert codes(meter.review(MONDAY)) == [0x8F83]
    assert codes(meter.top_up(MONDAY, 10 * POUND).events) == []
    protected[0] = False
    assert meter.review(MONDAY + DAY) == []


# top-ups


def test_a_top_up_is_spent_in_order() -> None:
    """10.00: 10 % to payment debt = 1.00; 2.00 accumulated; 0.50 missing; 4.00 emergency credit; 2.50 balance."""
    meter = account(
        -50_000, payment_share=1000, payment_debt=3 * POUND, accumulated_debt=2 * POUND,
        emergency_active=True, emergency_used=4 * POUND, disabled=True,
    )  # fmt: skip
    result = meter.top_up(MONDAY, 10 * POUND)
    assert result[:5] == (None, 100_000, 200_000, 400_000, 300_000)
    assert meter.state.balance == 250_000
    assert meter.state.payment_debt == 200_000
    assert meter.state.accumulated_debt == 0
    assert (meter.emergency_balance, meter.state.emergency_active) == (500_000, False)
    assert result.events == (CreditEvent(MONDAY, 0x8F32, Decision.ARM),)


def test_emergency_credit_comes_back_only_after_full_repayment() -> None:
    meter = account(0, emergency_active=True, emergency_used=5 * POUND, used_up_reported=True, disabled=True)
    result = meter.top_up(MONDAY, 3 * POUND)
    assert (meter.state.balance, meter.emergency_balance, meter.state.emergency_active) == (0, 300_000, True)
    assert codes(result.events) == [0x8F32]
    assert not meter.emergency_available
    result = meter.top_up(MONDAY, 2 * POUND)
    assert (meter.state.balance, meter.state.emergency_active) == (0, False)
    assert codes(result.events) == [0x810D, 0x8119, 0x8F0F], "the emergency credit must be activated again"
    assert codes(meter.activate_emergency(MONDAY)[1]) == [0x81AB, 0x8168]


def test_emergency_credit_that_was_not_needed_ends_with_a_top_up() -> None:
    meter = account(90_000, emergency_active=True)
    active = []
    for amount in (10_000, 1):
        meter.top_up(MONDAY, amount)
        active.append(meter.state.emergency_active)
    assert active == [True, False], "it stays as long as it could be activated anyway"
    assert codes(meter.charge(MONDAY, 2)) == [0x8119]


def test_a_top_up_that_is_not_enough_does_not_arm() -> None:
    meter = account(-3 * POUND, disabled=True, low_reported=True, available_reported=True)
    assert meter.top_up(MONDAY, 3 * POUND).events == ()
    assert meter.state.disabled
    assert codes(meter.top_up(MONDAY, 1).events) == [0x8F32]


def test_payment_debt_takes_its_share_never_more_than_the_debt() -> None:
    meter = account(payment_share=2550, payment_debt=300_000)
    assert meter.top_up(MONDAY, 999_999).payment_debt == 254_999  # 25.5 % of 9.99999, rounded down
    result = meter.top_up(MONDAY, 999_999)
    assert result.payment_debt == 45_001
    assert codes(result.events) == [0x81A9]
    assert meter.top_up(MONDAY, POUND).payment_debt == 0


def test_the_cap_is_on_the_last_seven_days() -> None:
    """Cap 3.00. Tuesday 2.00, Thursday 1.00 of 2.00; on the next Tuesday, at the same second, the first is free."""
    meter = account(payment_share=5000, payment_debt=50 * POUND, payment_cap=3 * POUND)
    tuesday = MONDAY + DAY + 12345
    assert meter.top_up(tuesday, 4 * POUND).payment_debt == 200_000
    assert meter.top_up(tuesday + 2 * DAY, 4 * POUND).payment_debt == 100_000
    assert meter.top_up(tuesday + 6 * DAY, 4 * POUND).payment_debt == 0, "a new week of the calendar is no new cap"
    assert meter.top_up(tuesday + 7 * DAY - 1, 4 * POUND).payment_debt == 0
    assert meter.top_up(tuesday + 7 * DAY, 10 * POUND).payment_debt == 200_000
    assert meter.top_up(tuesday + 9 * DAY, 10 * POUND).payment_debt == 100_000


def test_top_ups_that_are_too_large_change_nothing() -> None:
    meter = account(60 * POUND, accumulated_debt=POUND)
    before = encode_state(meter.state)
    assert meter.top_up(MONDAY, 50 * POUND + 1).refusal is Refusal.VALUE_TOO_LARGE
    assert meter.top_up(MONDAY, 40 * POUND + 1).refusal is Refusal.BALANCE_LIMIT
    assert encode_state(meter.state) == before
    assert [refusal.value for refusal in Refusal] == [0x8F5B, 0x8F47]
    assert meter.top_up(MONDAY, 40 * POUND).refusal is None


def test_debt_to_clear() -> None:
    meter = account(-30_000, accumulated_debt=50_000, emergency_active=True, emergency_used=200_000)
    assert meter.debt_to_clear == 280_000
    spent = meter.top_up(MONDAY, 280_000)
    assert (meter.state.balance, meter.debt_to_clear, spent.accumulated_debt) == (0, 0, 50_000)


# commands


def test_adjusting_the_balance_looks_at_the_thresholds() -> None:
    meter = account()
    assert codes(meter.adjust_balance(MONDAY, -11 * POUND)) == [0x810D, 0x8119, 0x8F0F]
    assert meter.state.balance == -100_000
    assert codes(meter.adjust_balance(MONDAY, 2 * POUND)) == [0x8F32]


def test_a_reset_forgives_balance_accumulated_debt_and_emergency_credit() -> None:
    meter = account(-3 * POUND, accumulated_debt=7, emergency_active=True, emergency_used=POUND, payment_debt=9)
    meter.reset_balance(MONDAY)
    state = meter.state
    assert (state.balance, state.accumulated_debt, meter.emergency_balance) == (0, 0, 500_000)
    assert (state.emergency_active, state.payment_debt) == (False, 9)


def test_credit_mode_has_no_thresholds() -> None:
    meter = account(standing_charge=60_000, time_debts=[TimeDebt(9, 1, HOUR), TimeDebt()])
    meter.set_mode(MONDAY, PaymentMode.CREDIT)
    assert meter.charge(MONDAY, 50 * POUND) == []
    assert meter.advance(MONDAY + DAY) == []
    assert meter.state.balance == -4_060_000
    assert meter.state.time_debts[0].remaining == 9
    assert meter.activate_emergency(MONDAY) == (False, [])
    assert codes(meter.set_mode(MONDAY, PaymentMode.PREPAYMENT)) == [0x810D, 0x8119, 0x8F0F]


def test_credit_mode_arms_a_supply_disabled_for_credit() -> None:
    meter = account(-5, disabled=True)
    assert meter.set_mode(MONDAY, PaymentMode.CREDIT) == [CreditEvent(MONDAY, 0x8F32, Decision.ARM)]
    assert account().set_mode(MONDAY, PaymentMode.CREDIT) == []


def test_gas_keeps_a_bill_to_date_in_credit_mode() -> None:
    meter = Account(CreditState(balance=300, settings=CreditSettings(standing_charge=1000)), separate_bill=True)
    meter.advance(MONDAY)
    meter.charge(MONDAY, 5000)
    meter.advance(MONDAY + DAY)
    assert (meter.state.balance, meter.state.bill_to_date) == (300, 6000)
    meter.adjust_balance(MONDAY, 2000)
    assert meter.state.bill_to_date == 4000
    meter.reset_balance(MONDAY)
    assert (meter.state.balance, meter.state.bill_to_date) == (300, 0)


def test_debts_are_changed_by_increments() -> None:
    meter = account()
    meter.adjust_time_debt(0, 700)
    meter.adjust_time_debt(0, -200)
    meter.adjust_time_debt(1, -5)
    meter.adjust_payment_debt(300)
    assert meter.state.time_debts == [TimeDebt(500, 0, DAY), TimeDebt(0, 0, DAY)]
    assert meter.state.payment_debt == 300


# defects


def test_defect_order() -> None:
    meter = account(
        0, accumulated_debt=POUND, emergency_active=True, emergency_used=POUND,
        defects=[CreditDefect.TOP_UP_TO_BALANCE_FIRST],
    )  # fmt: skip
    result = meter.top_up(MONDAY, 150_000)
    assert (result.accumulated_debt, result.emergency) == (50_000, 100_000)


def test_defect_share() -> None:
    meter = account(
        payment_share=5000, payment_debt=9 * POUND, accumulated_debt=POUND, defects=[CreditDefect.SHARE_OF_THE_REST]
    )
    assert meter.top_up(MONDAY, 3 * POUND).payment_debt == 100_000


def test_defect_calendar_week() -> None:
    meter = account(
        payment_share=5000, payment_debt=9 * POUND, payment_cap=POUND, defects=[CreditDefect.CAP_PER_CALENDAR_WEEK]
    )
    assert [meter.top_up(MONDAY + day * DAY, 4 * POUND).payment_debt for day in (5, 6, 7)] == [POUND, 0, POUND]


def test_defect_reset_and_sign_and_suspension() -> None:
    meter = account(0, defects=[CreditDefect.RESET_EMPTIES_EMERGENCY])
    meter.reset_balance(MONDAY)
    assert meter.emergency_balance == 0
    gas = Account(CreditState(), separate_bill=True, defects=[CreditDefect.BILL_ADJUSTED_WITH_WRONG_SIGN])
    gas.adjust_balance(MONDAY, 2000)
    assert gas.state.bill_to_date == 2000
    meter = account(
        -1, disabled=True, suspend_disabled=True, standing_charge=7, defects=[CreditDefect.DEBT_TAKEN_THOUGH_SUSPENDED]
    )
    meter.advance(MONDAY + DAY)
    assert meter.state.accumulated_debt == 7


# properties

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("charge"), st.integers(0, 150_000)),
        st.tuples(st.just("top up"), st.integers(0, 60 * POUND)),
        st.tuples(st.just("wait"), st.integers(0, 3 * DAY)),
        st.tuples(st.just("emergency"), st.just(0)),
        st.tuples(st.just("adjust"), st.integers(-3 * POUND, 3 * POUND)),
        st.tuples(st.just("protect"), st.integers(0, 1)),
    ),
    max_size=60,
)


def wealth(state: CreditState) -> int:
    """What the consumer has less what is owed: collecting debt does not change it."""
    owed = state.accumulated_debt + state.payment_debt + sum(debt.remaining for debt in state.time_debts)
    return state.balance - state.emergency_used - owed


@settings(max_examples=150, deadline=None)
@given(STEPS, st.booleans(), st.booleans(), st.sampled_from((None, 0, 3 * POUND)), st.sampled_from((-POUND, 0, POUND)))
def test_money_is_neither_made_nor_lost(
    steps: list[tuple[str, int]], disabled: bool, emergency: bool, cap: int | None, threshold: int
) -> None:
    shield = [0]
    meter = account(
        protected=lambda _at: bool(shield[0]), suspend_disabled=disabled, suspend_emergency=emergency,
        payment_cap=cap, payment_share=2500, payment_debt=20 * POUND, disablement=threshold,
        time_debts=[TimeDebt(10 * POUND, 3_333, HOUR), TimeDebt(10 * POUND, 50_000, DAY)],
    )  # fmt: skip
    state, now, expected = meter.state, MONDAY, wealth(meter.state)
    for what, amount in steps:
        if what == "charge":
            meter.charge(now, amount)
            expected -= amount
        elif what == "top up":
            result = meter.top_up(now, amount)
            expected += 0 if result.refusal else amount
            assert result.refusal or sum(result[1:5]) == amount
        elif what == "wait":
            now += amount
            meter.advance(now)
        elif what == "emergency":
            meter.activate_emergency(now)
        elif what == "adjust":
            meter.adjust_balance(now, amount)
            expected += amount
        else:
            shield[0] = amount
            meter.review(now)
        assert wealth(state) == expected
        assert 0 <= meter.emergency_balance <= 5 * POUND
        assert not (state.disabled and meter.credit > threshold), "enough credit disables nothing"
        assert state.disabled or meter.credit > threshold or state.suspension_reported
        if cap is not None:
            assert sum(paid.amount for paid in state.repayments if paid.at > now - 7 * DAY) <= cap
    assert decode_state(CreditState, "credit", encode_state(state)) == state


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 20_000), min_size=48, max_size=48),
    st.integers(0, 12 * POUND),
    st.integers(0, 60_000),
    st.integers(0, 4 * POUND),
)
def test_a_day_within_the_headroom_may_be_charged_at_once(
    costs: list[int], balance: int, standing: int, debt: int
) -> None:
    def fresh() -> Account:
        made = account(balance, standing_charge=standing, time_debts=[TimeDebt(debt, 900, HOUR), TimeDebt()])
        made.review(MONDAY)
        return made

    single, whole = fresh(), fresh()
    events = []
    for number, cost in enumerate(costs, 1):
        events += single.charge(MONDAY + number * 1800, cost)
        events += single.advance(MONDAY + number * 1800)
    if sum(costs) <= whole.headroom(MONDAY, MONDAY + DAY):
        assert events == []
        whole.charge(MONDAY + DAY, sum(costs))
        assert whole.advance(MONDAY + DAY) == []
        assert whole.state == single.state


class StepByStep(Account):
    """Never sees any headroom, so that every charge is made and looked at alone."""

    def headroom(self, now: int, until: int) -> int:
        return min(0, until - now)


@settings(max_examples=100, deadline=None)
@given(st.integers(-POUND, 12 * POUND), st.lists(st.integers(0, 2 * DAY), max_size=12), st.integers(0, 6 * POUND))
def test_charging_a_long_time_at_once_is_as_hour_by_hour(balance: int, waits: list[int], debt: int) -> None:
    now = MONDAY
    quick = account(balance, standing_charge=7_777, time_debts=[TimeDebt(debt, 3_333, HOUR), TimeDebt(debt, 9_999)])
    slow = StepByStep(decode_state(CreditState, "credit", encode_state(quick.state)))
    assert quick.review(now) == slow.review(now)
    for wait in waits:
        now += wait
        assert quick.advance(now) == slow.advance(now)
        assert quick.state == slow.state


def test_headroom_is_not_always_nothing() -> None:
    meter = account(standing_charge=60_000, time_debts=[TimeDebt(10 * POUND, 1000, HOUR), TimeDebt()])
    assert meter.headroom(MONDAY, MONDAY + DAY) == 10 * POUND - 2 * POUND - 60_000 - 24_000
    meter.set_mode(MONDAY, PaymentMode.CREDIT)
    assert meter.headroom(MONDAY, MONDAY + DAY) > 10**15
