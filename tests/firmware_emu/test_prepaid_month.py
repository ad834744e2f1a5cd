"""A month of prepayment through protected messages, against a reckoning in plain Python."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_emu.parts.electricity.load_switch import Supply
from protocols.dlms.data import array
from protocols.instant import DAY, HALF_HOUR, HOUR, Instant

from .test_prepayment import (
    POUND,
    SWITCH_TABLE,
    balances,
    configure,
    debts,
    mode,
    price,
    supply,
    top_up,
)
from .tiny import START
from .whole_meter import AT_ONCE, Steady, WholeMeter, action, entry, int8, obis, set_to

LOAD, PRICE = 500, 10
"""Wh in a half-hour, millipence for each."""
MINUTE: Instant = 60
EMERGENCY, THRESHOLD = 2 * POUND, 1 * POUND
HOURLY_DEBT, SHARE = 1_500, 2_500
TOP_UPS = {2: 10, 6: 3, 8: 20, 13: 5, 15: 40, 24: 7, 27: 30}
"""Pounds, by days after the start; at 15:00."""
EMERGENCY_DAYS = (5, 14, 23)


@dataclass
class Reckoning:
    """The rules of SMETS2 in as few lines as they take; minute by minute, as the meter looks while credit is short."""

    balance: int = 0
    used: int = 0
    active: bool = False
    accumulated: int = 0
    time_debt: int = 30 * POUND
    payment_debt: int = 20 * POUND
    connected: bool = False
    lacking: bool = True

    def minute(self, end: Instant) -> None:
        if self.connected:
            seconds = (end - 1) % HALF_HOUR + 1
            self.take((LOAD * seconds // HALF_HOUR - LOAD * (seconds - MINUTE) // HALF_HOUR) * PRICE)
            self.review(end)
        if end % HOUR == 0:
            amount = min(HOURLY_DEBT, self.time_debt)
            self.time_debt -= amount
            if self.lacking:
                self.accumulated += amount
            else:
                self.take(amount)
            self.review(end)
        if not self.lacking and self.is_protected_end(end):
            self.review(end)

    def take(self, amount: int) -> None:
        if self.active:
            from_emergency = min(max(0, amount - max(0, self.balance)), EMERGENCY - self.used)
            self.used += from_emergency
            amount -= from_emergency
        self.balance -= amount

    def review(self, at: Instant) -> None:
        credit = self.balance + (EMERGENCY - self.used if self.active else 0)
        if credit <= 0 and not self.lacking and not self.is_protected(at):
            self.lacking, self.connected = True, False
        elif credit > 0 and self.lacking:
            self.lacking = False  # armed; the consumer closes it

    def top_up(self, at: Instant, amount: int) -> None:
        share = min(amount * SHARE // 10_000, self.payment_debt)
        self.payment_debt -= share
        amount -= share
        part = min(amount, self.accumulated)
        self.accumulated -= part
        amount -= part
        shortage = min(amount, max(0, -self.balance))
        self.balance += shortage
        amount -= shortage
        part = min(amount, self.used)
        self.used -= part
        self.active = self.active and not (part and not self.used)
        self.balance += amount - part
        self.review(at)

    def activate(self, at: Instant) -> bool:
        if self.active:
            return True
        if self.balance > THRESHOLD or self.used:
            return False
        self.active = True
        self.review(at)
        return True

    @staticmethod
    def is_protected(at: Instant) -> bool:
        """From Saturday 18:00 to Monday 09:00; the first of January 2000 was a Saturday."""
        return 18 * HOUR <= at % (7 * DAY) < 2 * DAY + 9 * HOUR

    @staticmethod
    def is_protected_end(at: Instant) -> bool:
        return at % (7 * DAY) == 2 * DAY + 9 * HOUR


def prepared() -> WholeMeter:
    meter = WholeMeter(load=Steady(LOAD))
    price(meter, 1_000 * PRICE)
    configure(meter, emergency_limit=EMERGENCY, emergency_threshold=THRESHOLD)
    debts(meter, first=30 * POUND, payment=20 * POUND, share=SHARE, rate=HOURLY_DEBT, period=HOUR)
    calendar = array(
        entry(1, SWITCH_TABLE, 32, 18, "0000010"),
        entry(2, SWITCH_TABLE, 33, 9, "1000000"),
    )
    told = meter.tell(
        "ECS08a",
        set_to(10, obis("0-1:12.0.1.255"), 2, calendar),
        set_to(9000, obis("0-0:94.44.128.28"), 6, AT_ONCE),
    )
    assert told.results == [0, 0]
    return meter


def test_a_month_of_prepayment() -> None:
    meter, plain = prepared(), Reckoning()
    mode(meter, True)  # Sunday noon: protected
    plain.lacking, plain.connected = False, True
    counter, switched_off = 0, 0
    for slot in range(1, 48 * 30):
        at = START + slot * HALF_HOUR
        meter.run(at)
        was = plain.connected
        for minute in range(at - HALF_HOUR + MINUTE, at + MINUTE, MINUTE):
            plain.minute(minute)
        switched_off += was and not plain.connected
        day, second = divmod(at - START, DAY)
        if second == 3 * HOUR and day in TOP_UPS:
            counter += 1
            assert top_up(meter, meter.token(counter, TOP_UPS[day]), counter).results == [0]
            plain.top_up(at, TOP_UPS[day] * POUND)
        if second == 5 * HOUR and day in EMERGENCY_DAYS:
            told = meter.tell("ECS09", action(112, obis("0-0:19.10.1.255"), 3, int8(0)))
            assert told.results == [0 if plain.activate(at) else 250]
        if second == 6 * HOUR and not plain.lacking and not plain.connected:
            assert supply(meter) is Supply.ARMED
            meter.press("enable supply")
            plain.connected = True
        held = balances(meter)
        wanted = [plain.balance, EMERGENCY - plain.used, plain.accumulated, plain.time_debt, 0, plain.payment_debt]
        assert held == wanted, f"day {day}, {second} s"
        assert (supply(meter) is Supply.ENABLED) == plain.connected
    assert switched_off >= 3
    assert plain.payment_debt < 20 * POUND
