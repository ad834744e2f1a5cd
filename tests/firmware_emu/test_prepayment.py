"""Account, debts, tokens and non-disablement of a whole meter, against sums made by hand (in millipence)."""

from __future__ import annotations

import pytest

from firmware_emu import MemoryNvm, Personality, PowerCut, Show
from firmware_emu.counters import TOP_UP
from firmware_emu.credentials import PartyChange
from firmware_emu.nvm import Medium
from firmware_emu.parts.electricity.account import AccountPart
from firmware_emu.parts.electricity.charge_values import (
    Suspension,
    collection_pattern,
    rate_of,
    rate_value,
    suspension_of,
)
from firmware_emu.parts.electricity.load_switch import LoadSwitch, Supply
from firmware_emu.parts.token_gateway import COUNTER_WITHOUT_WINDOW, HIGHEST_COUNTER_ONLY, TokenGateway
from protocols.dlms.access import access_request
from protocols.dlms.data import Data, array, enum, int32, octet_string, structure, uint16, uint32
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.utrn import ValueClass, make_utrn
from protocols.instant import DAY, HOUR, instant

from .tiny import START, STRANGER, SUPPLIER, read_log
from .whole_meter import AT_ONCE, Steady, Steps, Told, WholeMeter, action, entry, get, int8, moment, obis, set_to

POUND = 100_000
SWITCH_TABLE = "0-0:10.0.106.255"
SETTINGS = {
    "max balance": ("0-0:94.44.2.20", int32),
    "max credit": ("0-0:94.44.2.10", int32),
    "emergency limit": ("0-0:94.44.128.2", int32),
    "emergency threshold": ("0-0:94.44.128.3", int32),
    "low credit": ("0-0:94.44.128.9", int32),
    "cap": ("0-0:94.44.128.12", uint16),
    "cap period": ("0-0:94.44.128.13", int32),
}


NEVER_SUSPENDED = Suspension()


def mode(
    meter: WholeMeter,
    prepayment: bool,
    threshold: int = 0,
    suspension: Suspension = NEVER_SUSPENDED,
    at: Data = AT_ONCE,
) -> Told:
    name = obis("0-1:19.0.0.255")
    pattern = set_to(111, name, 11, collection_pattern(suspension, twin=False))
    wanted = set_to(111, name, 2, structure(enum(2 if prepayment else 1), enum(1)))
    if not prepayment:
        return meter.tell("ECS02", wanted, pattern, set_to(111, name, 13, at))
    limit = obis("0-0:94.44.128.22")
    return meter.tell(
        "ECS03",
        wanted,
        set_to(9000, limit, 4, int32(threshold)),
        pattern,
        set_to(9000, limit, 6, at),
        set_to(111, name, 13, at),
    )


def configure(meter: WholeMeter, **values: int) -> Told:
    rows = [SETTINGS[name.replace("_", " ")] for name in values]
    writes = [
        set_to(9000, obis(name), 4, kind(value)) for (name, kind), value in zip(rows, values.values(), strict=True)
    ]
    return meter.tell("ECS08a", *writes, *(set_to(9000, obis(name), 6, AT_ONCE) for name, _kind in rows))


def top_up(meter: WholeMeter, token: str, counter: int) -> Told:
    gateway = action(115, obis("0-0:19.40.0.255"), 1, octet_string(token.encode()))
    return meter.tell("CS01a", gateway, counter=counter << 32)


def adjust(meter: WholeMeter, amount: int) -> Told:
    return meter.tell("ECS04a", action(112, obis("0-0:19.10.0.255"), 1, int32(amount)))


def balance(meter: WholeMeter) -> int:
    (data,) = meter.tell("ECS82", get(112, obis("0-0:19.10.0.255"), 2)).data
    number: int = data.value
    return number


def balances(meter: WholeMeter) -> list[int]:
    """Meter balance, emergency credit, accumulated debt, time debts 1 and 2, payment debt."""
    return [member.value for member in meter.read(1, "0-0:94.44.34.30", 2).value]


def supply(meter: WholeMeter) -> Supply:
    return meter.meter.find(LoadSwitch).supply


def price(meter: WholeMeter, number: int) -> None:
    """Every kilowatt-hour costs this many millipence."""
    charge = meter.read(113, "0-0:19.20.0.255", 5)
    scales, reference, cells = charge.value
    rows = [structure(row.value[0], Data(row.value[1].type, number)) for row in cells.value]
    meter.preset(113, "0-0:19.20.0.255", 5, structure(scales, reference, array(*rows)))


def prepaid(credit: int = 10 * POUND, **options: int) -> WholeMeter:
    """Prepayment mode, 1 kWh an hour at 10 pence, nothing configured but ``options``."""
    meter = WholeMeter(load=Steady(500))
    price(meter, 10_000)
    if options:
        assert set(configure(meter, **options).results) == {0}
    assert set(adjust(meter, credit).results) == {0}
    assert set(mode(meter, True).results) == {0}
    return meter


def test_energy_and_standing_charge_are_taken_in_credit_mode() -> None:
    meter = WholeMeter(load=Steady(500))
    price(meter, 10_000)
    meter.run(START + 12 * HOUR)
    assert balance(meter) == -120_000
    assert meter.meter.find(LoadSwitch).connected
    assert adjust(meter, 200_000).results == [0]
    assert balance(meter) == 80_000


def test_a_reset_gives_all_emergency_credit_back() -> None:
    meter = prepaid(0, emergency_limit=5 * POUND)
    balance_name, emergency, accumulated = (obis(f"0-0:19.10.{number}.255") for number in range(3))
    assert meter.tell("ECS09", action(112, emergency, 3, int8(0))).results == [0]
    meter.press("enable supply")
    meter.run(START + 10 * HOUR)
    assert balances(meter)[:2] == [0, 4 * POUND]
    resets = [action(112, name, 2, int32(0)) for name in (balance_name, emergency, accumulated)]
    assert meter.tell("ECS04b", *resets).results == [0, 0, 0]
    assert balances(meter)[:2] == [0, 5 * POUND]


def test_payment_mode_is_read_and_changed_at_its_time() -> None:
    meter = WholeMeter()
    assert set(mode(meter, True, at=moment(START + DAY)).results) == {0}
    assert meter.read(111, "0-0:19.0.0.255", 2) == structure(enum(1), enum(2))
    codes = meter.run(START + DAY)
    assert codes.count(0x8F66) == 2
    (data,) = meter.tell("ECS26j", get(111, obis("0-0:19.0.0.255"), 2)).data
    assert data == structure(enum(2), enum(2))


def test_the_way_down() -> None:
    """10 pence an hour from 10 pounds: each threshold is reported when it is passed, and the supply goes at 0."""
    meter = prepaid(low_credit=6 * POUND, emergency_threshold=2 * POUND, emergency_limit=1 * POUND)
    assert 0x810D in meter.run(START + 41 * HOUR)
    assert balance(meter) == 590_000
    codes = meter.run(START + 80 * HOUR)
    assert 0x8119 in codes
    assert balance(meter) == 200_000
    assert supply(meter) is Supply.ENABLED
    codes = meter.run(START + 100 * HOUR)
    assert [code for code in codes if code in (0x8F0F, 0x810D, 0x8119)] == [0x8F0F]
    assert supply(meter) is Supply.DISABLED
    assert balance(meter) == 0
    meter.run(START + 150 * HOUR)
    assert balance(meter) == 0


def test_emergency_credit_arms_and_runs_out() -> None:
    meter = prepaid(POUND, emergency_threshold=2 * POUND, emergency_limit=1 * POUND)
    meter.run(START + 10 * HOUR)
    assert supply(meter) is Supply.DISABLED
    told = meter.tell("ECS09", action(112, obis("0-0:19.10.1.255"), 3, int8(0)))
    assert told.results == [0]
    assert {0x81AB} <= set(told.alerts)
    assert supply(meter) is Supply.ARMED
    meter.press("enable supply")
    codes = meter.run(START + 20 * HOUR)
    assert {0x81AA, 0x8F0F} <= set(codes)
    assert supply(meter) is Supply.DISABLED
    assert balances(meter)[:2] == [0, 0]


def test_emergency_credit_far_above_its_threshold_fails() -> None:
    meter = prepaid(emergency_threshold=POUND, emergency_limit=POUND)
    assert meter.tell("ECS09", action(112, obis("0-0:19.10.1.255"), 3, int8(0))).results == [250]


def test_a_token_repays_in_order_and_arms() -> None:
    meter = prepaid(POUND, emergency_threshold=2 * POUND, emergency_limit=3 * POUND)
    debts(meter, payment=5 * POUND, share=2000)
    meter.run(START + 10 * HOUR)
    meter.tell("ECS09", action(112, obis("0-0:19.10.1.255"), 3, int8(0)))
    meter.press("enable supply")
    meter.run(START + 20 * HOUR)
    assert balances(meter) == [0, 2 * POUND, 0, 0, 0, 5 * POUND]
    told = top_up(meter, meter.token(1, 10), 1)
    assert told.results == [0]
    # 20 % to the debt, 1 pound to the emergency credit used, the rest to the balance
    assert balances(meter) == [7 * POUND, 3 * POUND, 0, 0, 0, 3 * POUND]
    (paid,) = meter.tell("ECS20d", log_read("0-0:98.1.5.255")).data
    (repayments,) = meter.tell("ECS20a", log_read("0-0:98.1.4.255")).data
    assert paid.value.rows == ((meter.now, 10 * POUND),)
    assert repayments.value.rows == ((meter.now, 2 * POUND),)


def log_read(name: str) -> Steps:
    request = read_log(name)
    return request.specifications[0], request.data[0]


def debts(
    meter: WholeMeter,
    first: int = 0,
    second: int = 0,
    payment: int = 0,
    share: int = 0,
    rate: int = 0,
    period: int = DAY,
) -> Told:
    one, two, three = (obis(f"0-0:19.20.{number}.255") for number in (1, 2, 3))
    return meter.tell(
        "ECS07",
        set_to(113, one, 6, rate_value(rate)),
        set_to(113, two, 6, rate_value(rate)),
        set_to(113, three, 13, uint16(share)),
        set_to(113, one, 8, uint32(period)),
        set_to(113, two, 8, uint32(period)),
        action(113, one, 2, int8(0)),
        action(113, two, 2, int8(0)),
        action(113, three, 4, int32(payment)),
        action(113, one, 4, int32(first)),
        action(113, two, 4, int32(second)),
    )


def test_time_debts_are_collected_every_hour_until_nothing_remains() -> None:
    meter = prepaid()
    told = debts(meter, first=5_000, second=30_000, rate=2_000, period=HOUR)
    assert told.results == [0] * 10
    codes = meter.run(START + 3 * HOUR)
    assert 0x81A7 in codes
    assert balances(meter) == [10 * POUND - 30_000 - 5_000 - 6_000, 0, 0, 0, 24_000, 0]


def test_a_debt_period_other_than_hour_or_day_is_refused() -> None:
    meter = WholeMeter()
    assert debts(meter, period=60).results == [0, 0, 0, 250, *[250] * 6]


@pytest.mark.parametrize(("suspended", "accumulated"), [(False, 2 * 2_000), (True, 0)])
def test_debt_while_disabled_is_booked_or_suspended(suspended: bool, accumulated: int) -> None:
    meter = WholeMeter()
    debts(meter, first=50_000, rate=2_000, period=HOUR)
    mode(meter, True, suspension=Suspension(disabled=suspended))
    assert supply(meter) is Supply.DISABLED
    meter.run(START + 2 * HOUR)
    assert balances(meter)[2] == accumulated


def test_leaving_prepayment_arms_the_supply() -> None:
    meter = WholeMeter()
    mode(meter, True)
    assert supply(meter) is Supply.DISABLED
    assert 0x8F32 in mode(meter, False).alerts
    assert supply(meter) is Supply.ARMED


# tokens


def test_a_token_is_taken_once() -> None:
    meter = prepaid()
    token = meter.token(5, 12)
    assert top_up(meter, token, 5).results == [0]
    assert balance(meter) == 22 * POUND
    assert top_up(meter, token, 5).results == []  # the counter of the message is not new: no answer
    assert top_up(meter, token, 6).results == [250]
    assert balance(meter) == 22 * POUND
    assert meter.security()[-2:] == [0x8F53, 0x8F51]


def test_tokens_may_come_in_any_order() -> None:
    meter = prepaid()
    for counter in (9, 3, 400, 4):
        assert top_up(meter, meter.token(counter, 1), counter).results == [0]
    assert balance(meter) == 14 * POUND


def test_a_counter_is_completed_across_the_next_multiple_of_1024() -> None:
    for defects, result in ((frozenset(), 0), (frozenset({COUNTER_WITHOUT_WINDOW}), 250)):
        meter = WholeMeter(Personality(defects=defects))
        assert top_up(meter, meter.token(500, 1), 500).results == [0]
        assert top_up(meter, meter.token(1000, 1), 1000).results == [0]
        assert top_up(meter, meter.token(1030, 1), 1030).results == [result]


def test_the_defect_that_looks_at_the_highest_counter_only() -> None:
    meter = WholeMeter(Personality(defects=frozenset({HIGHEST_COUNTER_ONLY})))
    assert top_up(meter, meter.token(9, 1), 9).results == [0]
    assert top_up(meter, meter.token(3, 1), 10).results == [250]


def test_altered_and_foreign_tokens_are_refused() -> None:
    meter = prepaid()
    token = meter.token(1, 10)
    wrong_digit = token[:-1] + str((int(token[-1]) + 1) % 10)
    assert top_up(meter, wrong_digit, 1).results == [250]
    foreign = make_utrn(meter.keys, SUPPLIER, STRANGER, 2, 10, ValueClass.POUNDS)
    assert top_up(meter, foreign, 2).results == [250]
    assert meter.security() == [0x8F63]
    assert balance(meter) == 10 * POUND


def test_limits_of_credit_and_balance() -> None:
    meter = prepaid(max_credit=20 * POUND, max_balance=25 * POUND)
    assert top_up(meter, meter.token(1, 21), 1).results == [250]
    assert top_up(meter, meter.token(2, 16), 2).results == [250]
    assert top_up(meter, meter.token(3, 15), 3).results == [0]
    assert meter.security() == [0x8F5B, 0x8F47]
    assert balance(meter) == 25 * POUND


def test_a_typed_token_is_reported_and_wrong_ones_lock_the_keypad() -> None:
    meter = prepaid()
    outputs = meter.press("token " + meter.token(1, 250, ValueClass.PENCE))
    assert Show("token", "accepted") in outputs
    assert balance(meter) == 1_250_000
    for _ in range(5):
        assert Show("token", "invalid") in meter.press("token 12345678901234567890")
    assert Show("token", "keypad locked") in meter.press("token " + meter.token(2, 1))
    assert meter.events()[-4:] == [0x81C4, 0x8162, 0x81C5, 0x8162]
    assert top_up(meter, meter.token(3, 1), 3).results == [0]
    meter.run(START + HOUR)
    assert Show("token", "accepted") in meter.press("token " + meter.token(2, 1))


def test_new_credentials_set_the_floor_of_tokens() -> None:
    meter = prepaid()
    assert top_up(meter, meter.token(400, 1), 400).results == [0]
    meter.meter.counters.set_floor(TOP_UP, 40 << 32)
    gateway = meter.meter.find(TokenGateway)
    assert gateway.enter(meter.token(40, 1)).name == "DUPLICATE"
    assert gateway.enter(meter.token(41, 1)).name == "ACCEPTED"
    assert gateway.enter(meter.token(400, 1)).name != "DUPLICATE"


# non-disablement


def test_no_disablement_inside_a_period() -> None:
    """Protected every day from 18:00 to 09:00; credit ends at 22:00."""
    meter = prepaid(POUND)
    calendar = array(entry(1, SWITCH_TABLE, 32, 18), entry(2, SWITCH_TABLE, 33, 9))
    told = meter.tell(
        "ECS08a",
        set_to(10, obis("0-1:12.0.1.255"), 2, calendar),
        set_to(9000, obis("0-0:94.44.128.28"), 6, AT_ONCE),
    )
    assert told.results == [0, 0]
    codes = meter.run(instant(2026, 3, 1, 23))
    assert 0x8F83 in codes
    assert 0x8F0F not in codes
    assert supply(meter) is Supply.ENABLED
    assert balance(meter) == -10_000
    codes = meter.run(instant(2026, 3, 2, 9))
    assert 0x8F0F in codes
    assert supply(meter) is Supply.DISABLED
    assert balance(meter) == -110_000


def test_a_calendar_of_another_script_table_is_refused() -> None:
    meter = WholeMeter()
    calendar = array(entry(1, "0-0:10.0.100.255", 32, 18))
    told = meter.tell("ECS08a", set_to(10, obis("0-1:12.0.1.255"), 2, calendar))
    assert told.results == [250]


# values


@pytest.mark.parametrize("suspension", [Suspension(a, b) for a in (False, True) for b in (False, True)])
@pytest.mark.parametrize("twin", [False, True])
def test_the_collection_pattern_keeps_both_flags(suspension: Suspension, twin: bool) -> None:
    pattern = collection_pattern(suspension, twin=twin)
    assert suspension_of(pattern) == suspension
    assert len(pattern.value) == 13 + 2 * twin


def test_rates_are_scaled() -> None:
    assert rate_of(rate_value(3, -1)) == 30_000
    assert rate_of(rate_value(5000)) == 5000
    assert rate_of(rate_value(1234, -7)) == 12


def test_the_account_survives_a_power_cut() -> None:
    meter = prepaid(emergency_limit=POUND)
    debts(meter, first=5_000, payment=7_000)
    before = balances(meter)
    meter.meter.commit()
    meter.start()
    assert balances(meter) == before
    assert meter.meter.find(AccountPart).prepayment


def used(meter: WholeMeter) -> list[int]:
    return meter.meter.find(TokenGateway).state.counters.used


def test_no_token_is_lost_or_taken_twice_by_a_power_cut() -> None:
    """The supply fails before the nth write of a top-up, for every n; the head end sends it again."""
    meter = prepaid()
    medium = Medium()
    meter.nvm = MemoryNvm(medium)
    meter.start()
    meter.install_anchors()
    cuts = 0
    for counter in range(1, 100):
        before = balance(meter)
        digits = octet_string(meter.token(counter, 1).encode())
        gateway = access_request(0, action(115, obis("0-0:19.40.0.255"), 1, digits))
        message = meter.build("CS01a", gateway, counter=counter << 32)
        medium.cut_power_before(counter)
        try:
            meter.send(message)
        except PowerCut:
            cuts += 1
        else:
            break
        meter.nvm = MemoryNvm(medium)
        meter.start()
        meter.send(message)
        assert balance(meter) == before + POUND, f"write {counter}"
        assert used(meter) == list(range(1, counter + 1))
    assert 5 < cuts < 99


def test_a_snapshot_is_taken_before_the_mode_changes() -> None:
    meter = WholeMeter()
    adjust(meter, 12_345)
    mode(meter, True)
    rows = meter.meter.cosem.read_range((7, obis("0-0:98.1.2.255"), 2), 0, 1 << 40).value.rows
    assert [row[0] for row in rows] == [START]
    assert rows[0][-5] == 12_345


def test_a_snapshot_is_taken_when_the_supplier_changes() -> None:
    meter = WholeMeter()
    change = PartyChange(RemotePartyRole.SUPPLIER, SUPPLIER, STRANGER, None, None)
    for listener in meter.meter.credentials.listeners:
        listener(change)
    rows = meter.meter.cosem.read_range((7, obis("0-0:98.1.2.255"), 2), 0, 1 << 40).value.rows
    assert len(rows) == 1
