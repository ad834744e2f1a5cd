"""The power of one device of a home is cut before a write, wherever that is in two days of the home.

The others live on. In the end the device holds what it had acknowledged, and the gas proxy has every half-hour of the
meter, asked for again where a report was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from bench.head_end import Command
from bench.requests import Request, dlms, gbz
from bench.tokens import gas_top_up
from firmware_emu import MemoryNvm, PowerCut
from firmware_emu.load_model import Household
from firmware_emu.nvm import Medium
from protocols.dlms.data import enum, octet_string, structure, uint16
from protocols.eui64 import eui64
from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY, HALF_HOUR, HOUR, Instant

from .test_gas_life import METERING, PREPAYMENT, balance, conversion, supply, tariff, total, used
from .world import CHF, ELECTRICITY, GAS, GPF, GSME, HUB, IDENTITIES, POUND, PROXY, START, House

HOME = Household(seed=5)
NEWCOMER = eui64("00DB1234567891F0")
CLOSED = 0
SAMPLED = 6
"""Cuts of each device in the short run."""


class Days:
    """A home and the one device that will be cut off."""

    def __init__(self, kind: DeviceType, cut: int) -> None:
        self.kind, self.house = kind, House(HOME)
        self.medium = self.medium_of()
        self.begun = self.medium.writes
        self.medium.cut_power_before(cut)
        self.lost: tuple[Instant, Instant] | None = None

    def medium_of(self) -> Medium:
        """The memory of the device."""
        nvm = self.house.home.device(IDENTITIES[self.kind]).nvm
        assert isinstance(nvm, MemoryNvm)
        return nvm.medium

    def attempt(self, work: Callable[[], object]) -> bool:
        """False if the device was cut off; it has started again."""
        try:
            work()
        except PowerCut:
            device = self.house.make(self.kind, HOME, MemoryNvm(self.medium))
            self.house.restarted(device)
            self.lost = (device.last_ran, self.house.now)
            return False
        return True

    def go(self, until: Instant) -> None:
        """Half-hour by half-hour, as the meter wakes."""
        while self.house.now < until:
            step = min(until, self.house.now - self.house.now % HALF_HOUR + HALF_HOUR)
            if not self.attempt(lambda step=step: self.house.run(step)):  # type: ignore[misc]  # a default binds it
                self.house.run(step)

    def tell_gas(self, request: Request) -> None:
        """By the hub; the same octets again if nothing comes back, and then, but for a token, a new command.

        The meter may have been cut off between remembering the counter and doing what it was told.
        """
        command = self.house.command(request, GAS)
        for _ in range(2):
            self.attempt(lambda: self.house.send(command.octets))
            self.go(self.house.now + HALF_HOUR)
            if self.answered(command):
                return
        if not request.top_up:
            self.tell_gas(request)

    def answered(self, command: Command) -> bool:
        """An answer has come."""
        found = [message for message in self.house.late if message.counter == command.message.counter]
        return bool(found)

    def live(self) -> None:
        """A tariff, money, a device more at the hub, a closed valve."""
        self.go(START + 60)
        self.tell_gas(conversion())
        self.tell_gas(tariff())
        self.tell_gas(gas_top_up(self.house.head_end, 7))
        code = structure(octet_string(NEWCOMER), enum(1), octet_string(bytes(16)), enum(132))
        add = dlms("CCS01", code, uint16(90))
        if not self.attempt(lambda: self.house.ask(add, HUB)):
            self.house.ask(add, HUB)
        self.go(START + DAY + 20 * HOUR)
        self.tell_gas(gbz("GCS32"))
        self.go(START + 2 * DAY + HOUR + 60)

    def check(self) -> None:
        """Read by messages, when nothing is cut any more."""
        house = self.house
        self.medium.cut_before = None
        register = house.command(gbz("GCS13a"), GAS)
        assert house.send(register.octets) == []
        metered = total(house.wait_for(register, HALF_HOUR))
        money = house.command(gbz("GCS60"), GAS)
        house.send(money.octets)
        assert balance(house.wait_for(money, HALF_HOUR)) == 7 * POUND
        house.run(house.now + HALF_HOUR + 1)
        assert supply(house.ask(gbz("GCS33"), PROXY)) == CLOSED
        self.check_samples(metered)
        listed = {each.value[0].value for each in house.ask(dlms("CCS06"), HUB).data[0].value}
        assert {bytes(NEWCOMER), bytes(ELECTRICITY), bytes(GAS)} <= listed
        log = house.ask(gbz("GCS15e", {"latest_end_time": 0xFFFFFFFF}), PROXY).command_fields(PREPAYMENT, 0x05)
        assert [entry.amount for published in log for entry in published["top_ups"]] == [7 * POUND]

    def check_samples(self, metered: int) -> None:
        """The proxy has them all; they are those of the home, and the register is their sum."""
        asked = {"earliest_sample_time": START, "number_of_samples": 1000}
        (answer,) = self.house.ask(gbz("GCS17", asked), PROXY).command_fields(METERING, 0x07)
        samples = list(answer["samples"])
        assert answer["sample_start_time"] == START
        assert sum(samples) == metered
        places = {place for moment in self.lost or () for place in ((moment - START) // HALF_HOUR,)}
        for place in range(DAY // HALF_HOUR + 38):
            whole = used(START + place * HALF_HOUR, START + (place + 1) * HALF_HOUR)
            if self.kind is GSME and self.lost is not None and self._in_gap(place, places):
                assert samples[place] <= whole
            else:
                assert samples[place] == whole, place

    def _in_gap(self, place: int, places: set[int]) -> bool:
        return min(places) <= place <= max(places)


def play(kind: DeviceType, cut: int) -> tuple[Days, int]:
    """The two days, and how many writes of the device there were."""
    days = Days(kind, cut)
    days.live()
    writes = days.medium.writes - days.begun
    days.check()
    return days, writes


@cache
def writes_of(kind: DeviceType) -> int:
    """How many there are when nothing is cut."""
    days, writes = play(kind, 1 << 30)
    assert days.lost is None
    return writes


@pytest.mark.parametrize("kind", [CHF, GPF, GSME])
def test_a_cut_somewhere(kind: DeviceType) -> None:
    writes = writes_of(kind)
    for number in range(SAMPLED):
        days, _ = play(kind, 1 + (2 * number + 1) * writes // (2 * SAMPLED + 1))
        assert days.lost is not None


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("part", range(5))
@pytest.mark.parametrize("kind", [CHF, GPF, GSME])
def test_a_cut_before_every_fifth_write(kind: DeviceType, part: int) -> None:
    writes = writes_of(kind)
    for cut in range(1 + part * writes // 5, 1 + (part + 1) * writes // 5, 5):
        days, _ = play(kind, cut)
        assert days.lost is not None, cut
