"""Prepayment: the way down and up again, and tokens that must not work, against an account kept minute by minute."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.requests import Request, dlms
from bench.tokens import electricity_top_up, repeated
from firmware_emu.load_model import Household
from firmware_emu.parts.electricity.charge_values import Suspension, collection_pattern, rate_value
from protocols.dlms.cosem_time import NOW
from protocols.dlms.data import array, enum, int32, octet_string, structure, uint16, uint32
from protocols.gbcs.utrn import check_digit
from protocols.instant import DAY, HOUR, Instant, instant

from ..firmware_emu.whole_meter import entry
from . import purse as told
from .purse import Debt, Purse
from .tariffs import PlainTariff, set_tariff
from .world import ELECTRICITY, GAS, POUND, SUPPLIER, Wire, plain, top_up

MONDAY = instant(2026, 6, 1)
AT_ONCE = octet_string(NOW.encode())
HOME = Household(seed=11, daily_wh=11_000)
TARIFF = PlainTariff(
    seasons=[(1, 1, "all")],
    weeks={"all": (1,) * 7},
    days={1: [(0, 1), (7 * HOUR, 2)]},
    prices={1: 11_111, 2: 29_777},
    standing=31_234,
)
SWITCH_TABLE = "0-0:10.0.106.255"
BEGIN, END = 32, 33
DISABLED, ENABLED, ARMED = 0, 1, 2
DUPLICATE, REPLAYED, NOT_AUTHENTIC, TOO_LARGE, TOO_MUCH = 0x8F51, 0x8F53, 0x8F63, 0x8F5B, 0x8F47


def configure() -> Request:
    """ECS08a: limits, and no disablement from Saturday to Monday, 10:00."""
    weekend = array(
        entry(1, SWITCH_TABLE, BEGIN, 0, "0000010"),
        entry(2, SWITCH_TABLE, END, 10, "1000000"),
    )
    amounts = (int32(60 * POUND), int32(50 * POUND), weekend, uint16(3), int32(7 * DAY), int32(2 * POUND))
    return dlms("ECS08a", array(), *amounts, int32(5 * POUND), AT_ONCE, int32(POUND), *[AT_ONCE] * 8)


def owe(first: Debt, second: Debt, payment: int, share: int) -> Request:
    """ECS07."""
    return dlms(
        "ECS07",
        *(rate_value(first.rate), rate_value(second.rate), uint16(share)),
        *(uint32(first.period), uint32(second.period)),
        *(int32(payment), int32(first.left), int32(second.left)),
    )


def prepay(suspension: Suspension) -> Request:
    """ECS03, with a disablement threshold of 0."""
    pattern = collection_pattern(suspension, twin=False)
    return dlms("ECS03", structure(enum(2), enum(1)), int32(0), pattern, AT_ONCE, AT_ONCE)


class Life:
    """A meter and a purse with the same settings, which must agree at every step."""

    def __init__(self, suspension: Suspension) -> None:
        self.meter = Wire(load=HOME, start=MONDAY)
        self.paid: list[tuple[Instant, int]] = []
        debts = [Debt(3 * POUND, 2_345, HOUR), Debt(20 * POUND, 31_333, DAY)]
        self.purse = Purse(
            *(HOME, TARIFF, MONDAY),
            emergency_limit=5 * POUND,
            emergency_threshold=POUND,
            low_credit=2 * POUND,
            cap=3 * POUND,
            share=2_500,
            debts=debts,
            suspend_disabled=suspension.disabled,
            suspend_emergency=suspension.emergency,
        )
        self.meter.ask(set_tariff(TARIFF, AT_ONCE))
        self.meter.ask(configure())
        self.pay(10)
        self.meter.ask(prepay(suspension))
        self.meter.ask(owe(debts[0], debts[1], 15 * POUND, 2_500))
        self.purse.payment_debt = 15 * POUND
        self.compare()

    def pay(self, pounds: int) -> None:
        """A token from the network."""
        self.meter.ask(electricity_top_up(self.meter.head_end, pounds))
        self.purse.pay(pounds * POUND)
        self.paid.append((self.meter.now, pounds * POUND))

    def run(self, until: Instant) -> None:
        """Both live until then, and agree."""
        self.purse.run(until)
        self.meter.run(until)
        self.compare()

    def run_to(self, code: int, within: int = 8 * DAY) -> None:
        """Both live until the purse says that something happened; the meter must say so at the same minute."""
        self.purse.run_to(code, within)
        self.meter.run(self.purse.now)
        self.compare()

    def compare(self) -> None:
        """Money, supply, energy and everything that was said."""
        assert self.meter.value("ECS19") == [self.purse.state()]
        expected = ENABLED if self.purse.supplied else DISABLED if self.purse.disabled else ARMED
        assert self.meter.value("ECS45") == expected
        assert self.meter.value("ECS17b")[0][0] == self.purse.wh
        said = [(heard.at, heard.code) for heard in self.meter.alerts if heard.code in told.CODES]
        assert said == self.purse.events

    def emergency(self) -> None:
        """The supplier activates it; the consumer closes the switch."""
        self.meter.ask(dlms("ECS09"))
        self.purse.activate()
        self.compare()

    def close(self) -> None:
        """The consumer closes the armed switch."""
        self.meter.press("enable supply")
        self.purse.close_switch()
        self.compare()

    def adjust(self, amount: int) -> None:
        """The supplier adds to the balance, or takes from it."""
        self.meter.ask(dlms("ECS04a", int32(amount)))
        self.purse.adjust(amount)
        self.compare()


SUSPENSIONS = [Suspension(disabled, emergency) for disabled in (False, True) for emergency in (False, True)]


@pytest.mark.parametrize("suspension", SUSPENSIONS)
def test_down_and_up_again(suspension: Suspension) -> None:
    """Ten pounds run out; emergency credit runs out; a top-up repays; a weekend without disablement; another."""
    life = Life(suspension)
    life.run_to(told.LOW_CREDIT)
    life.run_to(told.AVAILABLE)
    life.run_to(told.BELOW)
    life.run(life.purse.now + 3 * HOUR)
    life.emergency()
    life.close()
    life.run_to(told.EXHAUSTED)
    life.run(life.purse.now + 20 * HOUR)
    life.pay(20)
    life.close()
    life.run(MONDAY + 5 * DAY + 12 * HOUR)
    life.adjust(4 * POUND - life.purse.balance)
    life.run_to(told.SUSPENDED)
    life.run_to(told.BELOW)
    assert life.purse.now == MONDAY + 7 * DAY + 10 * HOUR
    life.pay(15)
    life.close()
    life.run(life.purse.now + 2 * DAY + 1234 * 60)
    check_logs(life)


def check_logs(life: Life) -> None:
    """What was paid, what of it went to debt, and the money at every midnight."""
    meter, purse = life.meter, life.purse
    assert meter.log("ECS20d") == life.paid
    assert meter.log("ECS20a") == purse.repaid
    assert meter.log("ECS21b") == purse.midnights


def test_credit_that_ends_between_two_half_hours() -> None:
    """Taken away, or switched on, in mid half-hour: the end comes at its minute, not with the half-hour."""
    life = Life(Suspension())
    life.run(MONDAY + 9 * HOUR + 420)
    life.adjust(-life.purse.balance + 2_000)
    life.run_to(told.BELOW, HOUR)
    life.adjust(1_500 - life.purse.balance)
    life.run(life.purse.now + 120)
    life.close()
    life.run_to(told.BELOW, HOUR)
    assert life.purse.now % 1800


def test_debt_by_payments_has_a_cap_for_any_seven_days() -> None:
    """A quarter of every payment, but three pounds in any 168 hours, to the second."""
    life = Life(Suspension())
    for pounds, hours in ((8, 20), (12, 30), (4, 117), (4, 2), (20, 19), (50, 200)):
        life.adjust(-life.purse.balance + POUND // 2)
        life.pay(pounds)
        life.compare()
        life.run(life.purse.now + hours * HOUR)
    assert len(life.purse.repaid) == 4
    assert life.meter.log("ECS20a") == life.purse.repaid


# tokens that must not work


def balance(meter: Wire) -> int:
    """Millipence."""
    found: int = meter.value("ECS82")
    return found


def refuse(meter: Wire, request: Request, code: int) -> None:
    """A top-up is answered with a failure, the security log says why, and no money has moved."""
    meter.run(meter.now + 60)
    before = balance(meter)
    answer = meter.ask(request, success=False)
    assert answer.results == (250,)
    assert meter.security_log(meter.now) == [code]
    assert balance(meter) == before


def altered(digits: str, place: int) -> str:
    """Another digit, and the check digit that then is right."""
    other = digits[:place] + str((int(digits[place]) + 1) % 10) + digits[place + 1 : -1]
    return other + check_digit(other)


def prepaid() -> Wire:
    """A meter without load, in prepayment mode, at ten pounds."""
    meter = Wire(start=MONDAY)
    meter.ask(configure())
    meter.ask(electricity_top_up(meter.head_end, 10))
    meter.ask(prepay(Suspension()))
    return meter


def test_a_token_works_once() -> None:
    meter = prepaid()
    command = meter.command(electricity_top_up(meter.head_end, 5))
    meter.judge(command, meter.send(command.octets, ELECTRICITY)[0])
    assert balance(meter) == 15 * POUND
    assert meter.refused(command) == []
    assert meter.security_log(meter.now) == [REPLAYED]
    refuse(meter, repeated(meter.head_end, ELECTRICITY), DUPLICATE)


def test_the_same_digits_at_the_keypad_and_from_afar() -> None:
    """A token that was typed does not come in over the network too, nor the other way round."""
    meter = prepaid()
    command = meter.command(electricity_top_up(meter.head_end, 5))
    digits = meter.utrn(command.message.counter >> 32, 5)
    meter.press(f"token {digits}")
    assert balance(meter) == 15 * POUND
    assert meter.refused(command) == []
    request = electricity_top_up(meter.head_end, 6)
    last = meter.head_end.counter(SUPPLIER) >> 32
    meter.ask(request)
    meter.press(f"token {meter.utrn(last + 1, 6)}")
    assert balance(meter) == 21 * POUND


def of_another_meter(meter: Wire, counter: int) -> str:
    return meter.utrn(counter, 5, GAS)


def of_another_supplier(meter: Wire, counter: int) -> str:
    supplier = meter.head_end.parties[SUPPLIER]
    meter.head_end.parties[SUPPLIER] = type(supplier)(SUPPLIER, supplier.eui64, meter.pki.stranger("thief"))
    digits = meter.utrn(counter, 5)
    meter.head_end.parties[SUPPLIER] = supplier
    return digits


def worth_more(meter: Wire, counter: int) -> str:
    return altered(meter.utrn(counter, 5), 10)


def with_another_mac(meter: Wire, counter: int) -> str:
    return altered(meter.utrn(counter, 5), 18)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (of_another_meter, NOT_AUTHENTIC),
        (of_another_supplier, NOT_AUTHENTIC),
        (with_another_mac, NOT_AUTHENTIC),
        (worth_more, NOT_AUTHENTIC),
        (lambda meter, counter: meter.utrn(counter, 51), TOO_LARGE),
        (lambda meter, counter: meter.utrn(counter, 50), None),
    ],
    ids=["another meter", "another supplier", "altered MAC", "altered amount", "above the limit", "at the limit"],
)
def test_forged_and_foreign_tokens(make: Callable[[Wire, int], str], code: int | None) -> None:
    """Each in a good command of the supplier, so that only the token can be wrong."""
    meter = prepaid()
    digits = make(meter, (meter.head_end.counter(SUPPLIER) >> 32) + 1)
    if code is not None:
        refuse(meter, top_up(digits), code)
    else:
        meter.ask(top_up(digits))
        assert balance(meter) == 60 * POUND


def test_more_than_the_meter_holds() -> None:
    meter = prepaid()
    meter.ask(electricity_top_up(meter.head_end, 45))
    refuse(meter, top_up(meter.utrn((meter.head_end.counter(SUPPLIER) >> 32) + 1, 6)), TOO_MUCH)


def test_a_wrong_check_digit_says_nothing() -> None:
    meter = prepaid()
    digits = meter.utrn((meter.head_end.counter(SUPPLIER) >> 32) + 1, 5)
    meter.run(meter.now + 60)
    answer = meter.ask(top_up(digits[:-1] + str((int(digits[-1]) + 1) % 10)), success=False)
    assert answer.results == (250,)
    assert meter.security_log(meter.now) == []
    assert balance(meter) == 10 * POUND
    assert plain(meter.ask(dlms("ECS45")).data[0]) == ENABLED
