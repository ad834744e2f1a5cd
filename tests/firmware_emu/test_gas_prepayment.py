"""A gas meter in prepayment mode: credit, debts, emergency credit, tokens, the valve, friendly credit."""

from __future__ import annotations

import pytest

from firmware_emu.outputs import SendHan
from protocols.gbcs.gbz import Component
from protocols.gbcs.utrn import ValueClass, make_utrn
from protocols.instant import DAY, HALF_HOUR, HOUR
from protocols.zigbee.smart_energy_calendar import ScheduleEntry
from protocols.zigbee.zcl import ClusterCommand

from .gas_rig import (
    BROKER,
    KEYS,
    MIDNIGHT,
    SUPPLIER,
    EvenLoad,
    GasRig,
    calendar,
    dated,
    fields,
    prices,
    published,
    read,
    statuses,
    tariff_information,
    values,
)
from .homes import GAS

METERING, PREPAYMENT = 0x0702, 0x0705
POUND = 100_000
OFF, ARMED, ON = 0, 1, 2
SUSPEND_NOTHING, SUSPEND_BOTH = 0x0897, 0x0497


def set_mode(control: int = SUSPEND_NOTHING, cut_off: int = 0, at: int = 0) -> Component:
    return published(
        "Change Payment Mode",
        implementation_date_time=at,
        proposed_payment_control_configuration=control,
        cut_off_value=cut_off,
    )


def configuration(
    limit: int = 5 * POUND, threshold: int = 1 * POUND, low: int = 2 * POUND, cap: int = 100 * POUND, at: int = 0
) -> list[Component]:
    """The four parts of GCS05 that are no calendar."""
    return [
        published(
            "Emergency Credit Setup",
            start_time=at,
            emergency_credit_limit=limit,
            emergency_credit_threshold=threshold,
        ),
        published("Set Overall Debt Cap", implementation_date_time=at, overall_debt_cap=cap),
        dated(published("Set Low Credit Warning Level", low_credit_warning_level=low), at),
        published(
            "Set Maximum Credit Limit",
            implementation_date_time=at,
            maximum_credit_level=200 * POUND,
            maximum_credit_per_top_up=100 * POUND,
        ),
    ]


def debt(kind: int, amount: int, rate: int = 0, frequency: int = 1, share: int = 0) -> Component:
    return published(
        "Change Debt",
        debt_amount=amount,
        debt_recovery_method=1 if kind == 5 else 0,
        debt_amount_type=kind,
        debt_recovery_frequency=frequency,
        debt_recovery_amount=rate,
        debt_recovery_balance_percentage=share,
    )


def adjust(kind: int, value: int) -> Component:
    return published("Credit Adjustment", credit_adjustment_type=kind, credit_adjustment_value=value)


class PrepaymentRig(GasRig):
    """In prepayment mode, with 10 pounds. An hour costs 50 pence and a bit; there is no standing charge."""

    def __init__(self, defects: tuple[str, ...] = (), control: int = SUSPEND_NOTHING) -> None:
        super().__init__(EvenLoad(2200), defects=defects)
        self.ask("GCS01b", tariff_information(), prices([1000] * 4))
        self.ask("GCS05", *configuration())
        self.ask("GCS40a", adjust(0, 10 * POUND))
        self.ask("GCS03", set_mode(control))
        self.counter = 5
        self.outputs.clear()

    @property
    def balance(self) -> int:
        (answer,) = self.ask("GCS60", read(PREPAYMENT, 0x0001))
        found: int = values(answer)[0]
        return found

    @property
    def valve(self) -> int:
        (answer,) = self.ask("GCS33", read(METERING, 0x0014))
        found: int = values(answer)[0]
        return found

    def token(self, pounds: int, counter: int | None = None, device: bytes = GAS) -> str:
        if counter is None:
            self.counter += 1
            counter = self.counter
        return make_utrn(KEYS, SUPPLIER, type(GAS)(device), counter, pounds, ValueClass.POUNDS)

    def top_up(self, token: str) -> tuple[int, int, int]:
        """Result, value and balance in the answer. The command's own counter is always new."""
        self.parties.counter = max(self.parties.counter, self.counter << 32) + (1000 << 32)
        component = published("Consumer Top Up", top_up_code=token.encode())
        (answer,) = self.ask("CS01b", component)
        found = fields(answer)
        return found["result_type"], found["top_up_value"], found["credit_remaining"]


@pytest.fixture
def rig() -> PrepaymentRig:
    return PrepaymentRig()


def test_mode_is_read_back(rig: PrepaymentRig) -> None:
    (answer,) = rig.ask("GCS21j", read(PREPAYMENT, 0x0000))
    assert values(answer) == [SUSPEND_NOTHING]
    (mode,) = rig.ask("GCS02", set_mode(0x0C94, -1))
    assert fields(mode)["emergency_credit_limit"] == 5 * POUND
    (answer,) = rig.ask("GCS21j", read(PREPAYMENT, 0x0000))
    assert values(answer) == [0x0C94]


def test_amounts_that_no_attribute_holds_are_told_as_the_nearest_one(rig: PrepaymentRig) -> None:
    most, least = 2**31 - 1, -(2**31)
    rig.ask("GCS05", *configuration(limit=2**32 - 1))
    for _ in range(2):
        rig.ask("GCS40a", adjust(0, most))
    assert rig.balance == most
    assert fields(rig.ask("GCS02", set_mode(0x0C94, -1))[0])["emergency_credit_limit"] == 2**32 - 1
    for _ in range(4):
        rig.ask("GCS40a", adjust(0, least))
    assert rig.balance == least
    for _ in range(3):
        rig.ask("GCS04", *(debt(kind, most) for kind in (1, 3, 5)))
    (_, answer) = rig.ask("GCS14", read(0x0700, 0x0617, 0x0616), read(PREPAYMENT, 5, 2, 1, 0x231, 0x211, 0x221))
    assert values(answer)[1:] == [most, least, *[2**32 - 1] * 3]


def test_unknown_mode_is_refused(rig: PrepaymentRig) -> None:
    assert statuses(rig.ask("GCS03", set_mode(0x1234))) == [0x85]


def test_use_lowers_the_balance(rig: PrepaymentRig) -> None:
    rig.run(2 * HOUR)
    weight = 400 * 102264
    cost = 8800 * 1000 * weight // 3_600_000_000
    assert rig.balance == 10 * POUND - cost


def test_low_credit_emergency_credit_and_the_end(rig: PrepaymentRig) -> None:
    while rig.balance >= 2 * POUND:
        assert rig.codes() == []
        rig.run(HALF_HOUR)
    assert rig.codes() == [0x810D]
    while rig.balance > POUND:
        assert rig.codes() == []
        rig.run(HALF_HOUR)
    assert rig.codes() == [0x8119]
    assert statuses(rig.ask("GCS06", published("Select Available Emergency Credit"))) == [0]
    assert rig.codes() == [0x81AB]
    while rig.valve == ON:
        rig.run(HALF_HOUR)
    assert rig.codes() == [0x810D, 0x81AA, 0x8F0F]  # the credit taken together was low once more
    (answer,) = rig.ask("GCS14", read(PREPAYMENT, 0x0002))
    assert values(answer) == [0]
    before = rig.part("gas registers").registers.total
    rig.run(DAY)
    assert rig.part("gas registers").registers.total == before


def test_without_emergency_credit_supply_ends_at_the_threshold(rig: PrepaymentRig) -> None:
    while rig.valve == ON:
        rig.run(HALF_HOUR)
    (told,) = [alert for alert in rig.alerts() if alert.alert_code == 0x8F0F]
    assert told.time % HALF_HOUR  # not only when a half-hour is over
    assert -POUND // 20 < rig.balance <= 0  # what a minute costs
    assert rig.part("gas registers").registers.total == 2200 * (told.time - MIDNIGHT) // HALF_HOUR


def test_top_up_arms_and_the_consumer_opens(rig: PrepaymentRig) -> None:
    while rig.valve == ON:
        rig.run(HALF_HOUR)
    low = rig.balance
    assert rig.top_up(rig.token(20)) == (0x12, 20 * POUND, low + 20 * POUND)
    assert rig.valve == ARMED
    rig.press("open valve")
    assert rig.valve == ON


def test_tokens_that_are_refused(rig: PrepaymentRig) -> None:
    good = rig.token(10)
    assert rig.top_up(good)[0] == 0
    assert rig.top_up(good)[0] == 2
    changed = good[:-2] + f"{(int(good[-2:]) + 7) % 100:02d}"
    assert rig.top_up(changed)[0] in (1, 2)
    assert rig.top_up(rig.token(10, device=BROKER))[0] == 1
    rig.ask("GCS05", *configuration())
    assert rig.top_up(rig.token(101)) == (6, -1, -1)
    rig.ask("GCS40a", adjust(0, 175 * POUND))
    assert rig.top_up(rig.token(100))[0] == 4
    security = [entry.code for entry in rig.device.logs.security()]
    assert {0x8F51, 0x8F63, 0x8F5B, 0x8F47} <= set(security)


def test_tokens_may_come_in_any_order(rig: PrepaymentRig) -> None:
    rig.counter = 20
    late = rig.token(10, 15)
    assert rig.top_up(rig.token(10, 20))[0] == 0
    rig.counter = 21
    assert rig.top_up(late)[0] == 0


def test_token_at_the_keypad_is_told_and_wrong_ones_lock_it(rig: PrepaymentRig) -> None:
    rig.press("token " + rig.token(10))
    assert rig.codes() == [0x810E]
    assert rig.balance == 20 * POUND
    for _ in range(5):
        rig.press("token 12345678901234567890")
    assert rig.codes() == [0x81C4]
    rig.press("token " + rig.token(10))
    assert rig.codes() == [0x81C5]
    assert rig.balance == 20 * POUND


def test_log_of_top_ups_has_the_last_five_newest_first(rig: PrepaymentRig) -> None:
    asked = dated(published("Get Top Up Log"), 0)
    assert statuses(rig.ask("GCS15e", asked)) == [0x8B]
    for pounds in range(1, 8):
        rig.run(60)
        rig.top_up(rig.token(pounds))
    (log,) = rig.ask("GCS15e", asked)
    assert [top_up.amount for top_up in fields(log)["top_ups"]] == [n * POUND for n in (7, 6, 5, 4, 3)]
    (log,) = rig.ask("GCS15e", dated(published("Get Top Up Log", latest_end_time=rig.now - 60), rig.now - 120))
    assert [top_up.amount for top_up in fields(log)["top_ups"]] == [6 * POUND, 5 * POUND]


def test_payment_debt_takes_its_share_and_is_logged(rig: PrepaymentRig) -> None:
    rig.ask("GCS04", debt(1, 0), debt(3, 0), debt(5, 3 * POUND, share=2000))
    assert rig.top_up(rig.token(10))[2] == 18 * POUND
    assert rig.top_up(rig.token(10))[2] == 27 * POUND
    assert 0x81A9 in rig.codes()
    (log,) = rig.ask("GCS15d", dated(published("Get Debt Repayment Log"), 0))
    assert [(each.amount, each.outstanding) for each in fields(log)["repayments"]] == [
        (2 * POUND, POUND),
        (POUND, 0),
    ]


def test_debts_are_incremented_and_collected_hourly_and_daily() -> None:
    rig = PrepaymentRig()
    rig.ask("GCS40a", adjust(0, 30 * POUND))
    rig.part("gas metrology").model = EvenLoad(0)
    rig.ask("GCS04", debt(1, 2 * POUND, POUND // 10, 0), debt(3, 5 * POUND, POUND, 1), debt(5, 0))
    rig.ask("GCS04", debt(1, 1 * POUND, POUND // 10, 0), debt(3, -1 * POUND, POUND, 1), debt(5, 0))
    rig.run(2 * DAY)
    answer = rig.ask("GCS14", read(PREPAYMENT, 0x0211, 0x0221))[0]
    assert values(answer) == [0, 2 * POUND]
    assert rig.balance == 40 * POUND - 3 * POUND - 2 * POUND
    assert rig.codes().count(0x81A7) == 1


def test_debt_with_an_unknown_frequency_is_refused_and_ends_the_command(rig: PrepaymentRig) -> None:
    answers = rig.ask("GCS04", debt(1, POUND), debt(3, POUND, frequency=2), debt(5, POUND))
    assert [(each.command, each.status) for each in answers] == [(2, 0), (2, 0x85), (0xFF, 1)]


def test_emergency_credit_that_is_not_available_fails_and_active_one_succeeds_again(rig: PrepaymentRig) -> None:
    ask = published("Select Available Emergency Credit")
    assert statuses(rig.ask("GCS06", ask)) == [1]
    rig.ask("GCS40a", adjust(0, -10 * POUND + POUND // 2))
    assert statuses(rig.ask("GCS06", ask)) == [0]
    assert statuses(rig.ask("GCS06", ask)) == [0]
    assert rig.codes().count(0x81AB) == 1


def test_reset_forgives_the_use_of_emergency_credit(rig: PrepaymentRig) -> None:
    rig.ask("GCS40a", adjust(0, -9 * POUND - POUND // 2))
    rig.ask("GCS06", published("Select Available Emergency Credit"))
    rig.run(4 * HOUR)
    rig.ask("GCS40b", adjust(1, 0))
    answer = rig.ask("GCS14", read(PREPAYMENT, 0x0002, 0x0001, 0x0005))[0]
    assert values(answer) == [5 * POUND, 0, 0]


@pytest.mark.parametrize(("defects", "expected"), [((), -7 * POUND), (("bill-adjusted-with-wrong-sign",), 7 * POUND)])
def test_adjustment_of_the_bill_is_subtracted(defects: tuple[str, ...], expected: int) -> None:
    rig = GasRig(defects=defects)
    rig.ask("GCS40d", adjust(2, 10 * POUND))
    rig.ask("GCS40c", adjust(3, 7 * POUND))
    (answer,) = rig.ask("GCS60", read(METERING, 0x0A00))
    assert values(answer) == [10 * POUND + expected]
    rig.ask("GCS40d", adjust(2, 0))
    (answer,) = rig.ask("GCS60", read(METERING, 0x0A00))
    assert values(answer) == [0]


def test_each_mode_has_a_balance_of_its_own(rig: PrepaymentRig) -> None:
    rig.ask("GCS02", set_mode(0x0C94, -1))
    rig.run(DAY)
    bill, credit = rig.ask("GCS60", read(METERING, 0x0A00), read(PREPAYMENT, 0x0001))
    assert values(bill)[0] > 10 * POUND
    assert values(credit) == [10 * POUND]


def test_mode_change_takes_snapshots_of_both(rig: PrepaymentRig) -> None:
    asked = {"earliest_start_time": 0, "latest_end_time": 0xFFFFFFFE, "snapshot_cause": 1 << 14}
    answers = rig.ask(
        "GCS15b",
        *(published("Get Prepay Snapshot", snapshot_offset=n, **asked) for n in range(2)),
        published("Get Snapshot", **asked),
    )
    assert statuses(answers) == [0, 0x8B, 0]


def test_daily_snapshot_of_the_account_in_prepayment_mode_only() -> None:
    rig = PrepaymentRig()
    rig.ask("GCS40a", adjust(0, 100 * POUND))
    rig.run(2 * DAY)
    rig.ask("GCS02", set_mode(0x0C94, -1))
    rig.run(2 * DAY)
    asked = {"earliest_start_time": 0, "latest_end_time": 0xFFFFFFFE, "snapshot_cause": 1}
    prepaid = rig.ask("GCS16b", *(published("Get Prepay Snapshot", snapshot_offset=n, **asked) for n in range(31)))
    metered = rig.ask("GCS16a", *(published("Get Snapshot", snapshot_offset=n, **asked) for n in range(31)))
    assert statuses(prepaid) == [0, 0, *[0x8B] * 29]
    assert statuses(metered) == [0, 0, 0, 0, *[0x8B] * 27]
    assert [fields(each)["snapshot_time"] for each in metered[:4]] == [MIDNIGHT + n * DAY for n in range(1, 5)]


def test_end_of_a_range_of_snapshots_is_exclusive() -> None:
    rig = GasRig()
    rig.run(3 * DAY)
    asked = {"earliest_start_time": MIDNIGHT + DAY, "latest_end_time": MIDNIGHT + 3 * DAY, "snapshot_cause": 1}
    answers = rig.ask("GCS16a", *(published("Get Snapshot", snapshot_offset=n, **asked) for n in range(31)))
    assert [fields(each)["snapshot_time"] for each in answers[:2]] == [MIDNIGHT + DAY, MIDNIGHT + 2 * DAY]
    assert statuses(answers[2:]) == [0x8B] * 29


def test_friendly_credit_keeps_the_valve_open_until_the_period_ends(rig: PrepaymentRig) -> None:
    always = (ScheduleEntry(0, 1), ScheduleEntry(9 * 60, 0), ScheduleEntry(18 * 60, 1))
    assert statuses(rig.ask("GCS05", *configuration(), *calendar([always], [1] * 7, kind=3))) == [0] * 9
    rig.ask("GCS40a", adjust(0, -10 * POUND + 1))
    rig.outputs.clear()
    rig.run(8 * HOUR)
    assert rig.codes() == [0x8F83]
    assert rig.valve == ON
    rig.run(HOUR)
    assert rig.codes() == [0x8F0F]
    assert rig.valve == OFF


def test_dated_configuration_is_told_part_by_part(rig: PrepaymentRig) -> None:
    at = MIDNIGHT + DAY
    always = (ScheduleEntry(0, 1),)
    parts = [*configuration(7 * POUND, at=at), *calendar([always], [1] * 7, at, kind=3)]
    assert statuses(rig.ask("GCS05", *parts)) == [0] * 9
    rig.run(DAY)
    told = [(each.body.cluster, each.body.frame_control, each.body.command) for each in rig.alerts() if each.count]  # type: ignore[union-attr]  # all with a body are of this kind
    assert told == [
        (PREPAYMENT, 1, 0x03),
        (PREPAYMENT, 1, 0x0C),
        (PREPAYMENT, 1, 0x09),
        (PREPAYMENT, 1, 0x0B),
        (0x0707, 1, 0x00),
        (0x0707, 1, 0x04),
    ]
    (answer, *_) = rig.ask("GCS21b", read(PREPAYMENT, 0x0010))
    assert values(answer) == [7 * POUND]


def test_dated_low_credit_level_is_cancelled_by_its_header_time(rig: PrepaymentRig) -> None:
    level = published("Set Low Credit Warning Level", low_credit_warning_level=9)
    rig.ask("GCS05", dated(level, MIDNIGHT + 60))
    rig.ask("GCS05", dated(level, 0xFFFFFFFF))
    rig.run(120)
    (answer,) = rig.ask("GCS21b", read(PREPAYMENT, 0x0031))
    assert values(answer) == [2 * POUND]


def test_credit_mode_arms_what_lack_of_credit_had_closed(rig: PrepaymentRig) -> None:
    while rig.valve == ON:
        rig.run(HALF_HOUR)
    rig.ask("GCS02", set_mode(0x0C94, -1))
    assert rig.valve == ARMED


def test_logs_of_payments_are_pushed_after_a_top_up(rig: PrepaymentRig) -> None:
    rig.ask("GCS04", debt(1, 0), debt(3, 0), debt(5, 3 * POUND, share=1000))
    rig.outputs.clear()
    rig.top_up(rig.token(10))
    pushed = [each for each in rig.outputs if isinstance(each, SendHan)]
    assert [(each.cluster, each.octets[2]) for each in pushed] == [(PREPAYMENT, 5), (PREPAYMENT, 6)]


def test_answers_say_that_the_command_was_understood(rig: PrepaymentRig) -> None:
    (mode,) = rig.ask("GCS03", set_mode(SUSPEND_BOTH, -1))
    assert isinstance(mode, ClusterCommand)
    assert mode.name == "Change Payment Mode Response"
