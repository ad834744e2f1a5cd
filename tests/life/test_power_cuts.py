"""A long story with the power cut before every single write to memory, one after another.

Whatever write it is, the meter starts again, holds all that it had acknowledged, and at the end of the story has the
same energy, money, settings and logs as a meter that was never cut, but for what could not flow.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from bench.head_end import BROKER
from bench.requests import Period, dlms
from bench.tokens import electricity_top_up
from firmware_emu.parts.electricity.charge_values import Suspension
from protocols.dlms.data import array, int32, uint32
from protocols.instant import DAY, HOUR, Instant, instant

from .cuts import PIECES, Cuttable
from .purse import Debt
from .suppliers import COS, FLOOR, TOP_UP_FLOOR, change_of_supplier, newcomer
from .tariffs import set_prices
from .test_changes import moment
from .test_outages import TARIFF, Mains
from .test_prepayment_life import owe, prepay
from .world import ELECTRICITY, POUND, SUPPLIER, plain

SUNDAY = instant(2026, 3, 15)
DEAR = replace(TARIFF, prices={1: 20_001, 2: 31_999, 3: 25_005})
DEBT_RATE, ADJUSTMENT = 1_234, 77_777
SETTLED = 20_000
"""More writes than the story has."""


class Story(Cuttable):
    """The steps, each of which may be cut off; then it is repeated as a supplier would."""

    def __init__(self) -> None:
        self.mains = Mains(SUNDAY)
        super().__init__(self.mains.meter)
        self.meter, self.ledger = self.mains.meter, self.mains.ledger
        self.off = self.ledger.off
        self.paid = 0
        self.hours_of_debt: Instant = 0

    def play(self) -> None:
        """From Sunday noon to Monday afternoon, over midnight and a bill."""
        self.say(dlms("ECS34", array(uint32(1_000), uint32(4_000))))
        self.pay(30)
        self.say(prepay(Suspension()))
        self.owe()
        self.go(SUNDAY + 5 * HOUR)
        self.say(set_prices(DEAR, moment(SUNDAY + DAY)))
        self.adjust(ADJUSTMENT)
        self.go(SUNDAY + DAY)
        self.ledger_to_midnight()
        self.go(SUNDAY + DAY + 2 * HOUR)
        self.switch("ECS43")
        self.go(SUNDAY + DAY + 3 * HOUR)
        self.switch("ECS42")
        self.say(dlms("ECS15a"))
        self.type_token(5)
        self.go_off(SUNDAY + DAY + 4 * HOUR)
        self.change_supplier()
        self.pay(2)
        self.go(SUNDAY + DAY + 8 * HOUR)

    # steps

    def owe(self) -> None:
        """A debt whose increment must not come twice: the same message again, which is carried out once at most."""
        none = Debt(0, 0, DAY)
        request = owe(Debt(15 * POUND, DEBT_RATE, HOUR), none, 0, 0)
        command = self.meter.command(request)
        if not self.attempt(lambda: self.send(command)) and not self.meter.send(command.octets, ELECTRICITY):
            left = self.meter.value("ECS19")[0][3]  # the one cut is over
            assert left in (0, 15 * POUND)
            if not left:
                self.meter.ask(request)
        self.hours_of_debt = self.now

    def adjust(self, amount: int) -> None:
        """The same message again is carried out once at most; what became of it is read."""
        before = self.until_done(self.balance)
        command = self.meter.command(dlms("ECS04a", int32(amount)))
        self.say_once(command)
        changed = self.until_done(self.balance) - before
        assert changed in (0, amount)
        self.paid += changed

    def pay(self, pounds: int) -> None:
        """A token counts once, and never not at all: the same message again is taken or was taken."""
        request = electricity_top_up(self.meter.head_end, pounds)
        counter = (TOP_UP_FLOOR + 5) << 32 if self.has_newcomer else None
        command = self.meter.command(request, counter=counter)
        self.say_once(command)
        assert self.until_done(lambda: self.meter.send(command.octets, ELECTRICITY)) == []
        self.paid += pounds * POUND

    def type_token(self, pounds: int) -> None:
        """The consumer types the digits again when the display went dark."""
        counter = (self.meter.head_end.next_counter(SUPPLIER, top_up=True)) >> 32
        key = f"token {self.meter.utrn(counter, pounds)}"
        if not self.attempt(lambda: self.meter.press(key)):
            self.meter.press(key)
        self.paid += pounds * POUND

    def switch(self, name: str) -> None:
        """The supplier opens or closes the load switch."""
        self.say(dlms(name))
        if name == "ECS43":
            self.opened = self.now
        else:
            self.ledger.off.append((self.opened, self.now))

    def change_supplier(self) -> None:
        """By the change-of-supplier party, whose counter is its own; all three cells or none."""
        party = newcomer(self.meter)
        request = change_of_supplier(self.meter, party)
        if not self.attempt(lambda: self.meter.ask(request, sender=COS)):
            held = {role.name: role for role in self.meter.device.credentials.roles_of(party.eui64)}
            cells = [self.meter.device.credentials.held(cell) for cell in self.meter.device.credentials.cells()]
            assert sum(cell.subject == bytes(party.eui64) for cell in cells) == (3 if held else 0)
            if not held:
                self.meter.ask(request, sender=COS)
        self.meter.head_end.parties[SUPPLIER] = party

    # inside

    @property
    def has_newcomer(self) -> bool:
        """The supplier has changed."""
        return self.meter.head_end.identity(SUPPLIER) != self.meter.pki.parties[SUPPLIER].eui64

    def balance(self) -> int:
        """Millipence."""
        found: int = self.meter.value("ECS82")
        return found

    def ledger_to_midnight(self) -> None:
        """The new prices are in force from now on."""
        self.mains.reckon()
        self.ledger.tariff = DEAR

    # the end

    def check_end(self) -> None:
        """Everything, read by the new supplier and the broker."""
        self.mains.reckon()
        meter, ledger = self.meter, self.ledger
        assert meter.value("ECS17b")[0][0] == ledger.total
        assert meter.value("ECS17d")[0][0] == [ledger.rates.get(rate, 0) for rate in range(1, 49)]
        hours = self.now // HOUR - self.hours_of_debt // HOUR
        assert self.balance() == self.paid - ledger.cost() - hours * DEBT_RATE
        assert meter.value("ECS19")[0][3] == 15 * POUND - hours * DEBT_RATE
        assert meter.value("ECS45") == 1
        assert meter.value("ECS26f") == [1_000, 4_000]
        matrix = plain(meter.ask(dlms("ECS24"), sender=BROKER).data[-1])
        assert [price for _, price in matrix[2]][:3] == [20_001, 31_999, 25_005]
        assert meter.log("ECS22b", Period(SUNDAY + 1, self.now)) == ledger.half_hours
        registers = plain(meter.ask(dlms("ECS20c")).data[0].value[0])
        assert [at for at, *_ in registers] == [at for at, *_ in self.mains.bills]
        assert [at for at, *_ in meter.log("ECS21a")] == [at for at, *_ in ledger.midnights]
        self.meter.ask(dlms("ECS34", array(uint32(1), uint32(2))), counter=FLOOR + 50)


def play(cut: int) -> tuple[Story, int]:
    """The story with the power cut before a write, counted from its beginning; how many writes there were."""
    story = Story()
    begun = story.meter.medium.writes
    story.arm(cut)
    story.play()
    writes = story.meter.medium.writes - begun
    story.disarm()
    story.check_end()
    return story, writes


@cache
def writes_of_the_story() -> int:
    """How many writes there are when nothing is cut."""
    story, writes = play(SETTLED)
    assert story.cuts == 0
    assert writes < SETTLED
    return writes


def test_the_story_without_a_cut() -> None:
    assert writes_of_the_story() > 200


@pytest.mark.parametrize("piece", range(PIECES))
def test_a_cut_before_some_writes(piece: int) -> None:
    """Forty of them, spread over the story."""
    every = writes_of_the_story() // 40
    for cut in range(1 + piece * every // PIECES, writes_of_the_story() + 1, every * PIECES):
        story, _ = play(cut)
        assert story.cuts == 1


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("piece", range(PIECES))
def test_a_cut_before_every_write(piece: int) -> None:
    for cut in range(1 + piece, writes_of_the_story() + 1, PIECES):
        story, _ = play(cut)
        assert story.cuts == 1, cut
