"""A year on a time-of-use tariff with blocks: every register, bill and log against a plain reckoning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench.requests import Period, dlms
from firmware_emu.load_model import Household
from protocols.dlms.axdr import decode_data
from protocols.dlms.cosem_time import NOW, CosemDate, CosemDateTime, CosemTime
from protocols.dlms.data import Data, array, octet_string, structure, uint16
from protocols.dlms.data_protection import ProtectedValue
from protocols.gbcs.protection import decrypt_part
from protocols.instant import DAY, HALF_HOUR, HOUR, Instant, instant, to_datetime

from .tariffs import Ledger, PlainTariff, set_prices, set_second_tariff, set_tariff
from .world import OPERATOR, START, SUPPLIER, Heard, Wire, plain, rows_of

NEW_BILL, CARRIED_OUT = 0x8F0A, 0x8F66
AT_ONCE = octet_string(NOW.encode())
BILL_DAY, BILL_HOUR = 15, 2
MOST_DAYS = 90
"""Days of half-hours that fit a message, also with a second element."""
HOME = Household(seed=7, daily_wh=9000, solar_watts=2500, storage_watts=2000)

TARIFF = PlainTariff(
    seasons=[(3, 29, "summer"), (10, 25, "winter")],
    weeks={"summer": (3, 3, 3, 3, 3, 2, 2), "winter": (1, 1, 1, 1, 1, 2, 5)},
    days={
        1: [(0, 1), (7 * HOUR, 101), (16 * HOUR, 2), (19 * HOUR + HALF_HOUR, 101), (23 * HOUR, 1)],
        2: [(0, 1), (8 * HOUR + 900, 102)],
        3: [(0, 3), (6 * HOUR + 2400, 101), (22 * HOUR + 600, 3)],
        4: [(0, 48)],
        5: [(0, 102), (12 * HOUR + 61, 7)],
    },
    special={(None, 12, 25): 4, (None, 12, 26): 4, (2026, 4, 3): 2},
    prices={1: 9_123, 2: 29_987, 3: 8_001, 7: 17_503, 48: 1},
    block_prices={101: (15_111, 21_009, 29_997, 12_345), 102: (10_001, 20_003)},
    thresholds={101: (40_000, 90_000, 123_457), 102: (25_001,)},
    standing=26_314,
)
DEARER = replace(
    TARIFF,
    prices={rate: price + 1_777 for rate, price in TARIFF.prices.items()},
    block_prices={101: (16_001, 22_222, 30_001, 13_999), 102: (11_000, 19_999)},
    standing=28_999,
)
SECOND = PlainTariff(
    seasons=[(1, 1, "all")],
    weeks={"all": (1,) * 7},
    days={1: [(0, 201), (2 * HOUR + 300, 203), (5 * HOUR, 202)]},
    prices={201: 7_003, 202: 19_001, 203: 3_333},
)


def moment(at: Instant) -> Data:
    return octet_string(CosemDateTime.at(at).encode())


def bill_monthly(meter: Wire) -> None:
    """At 02:00 on the 15th."""
    row = structure(
        octet_string(CosemTime(BILL_HOUR, 0, 0, 0).encode()), octet_string(CosemDate(day=BILL_DAY).encode())
    )
    meter.ask(dlms("ECS30a", array(row)))


def delay_switches(meter: Wire, limit: int) -> int:
    """Set the limit of the randomised offset; the seconds that follow from the meter's number."""
    meter.ask(dlms("ECS38", uint16(limit)))
    offset, number, read = (int(data.value) for data in meter.ask(dlms("ECS26c")).data)
    assert (offset, read) == (round(number * limit / 10_000), limit)
    return offset


class Bookkeeper:
    """Runs meter and ledger side by side to every bill; ``bills`` and ``owed`` are those of the ledger."""

    def __init__(self, meter: Wire, ledger: Ledger, second: Ledger | None = None) -> None:
        self.meter, self.ledger, self.second = meter, ledger, second
        self.bills: list[tuple[int, ...]] = []
        self.owed: list[tuple[Instant, int]] = []
        self.changes: list[tuple[int, ...]] = []

    def run(self, until: Instant) -> None:
        """Let the meter alone until then, and reckon what it must have come to."""
        while (bill := next_bill(self.ledger.now)) <= until:
            self._reckon(bill)
            self.bills.append((bill, *self.registers()))
            self.owed.append((bill, self.balance()))
            self.ledger.reset_counters()
        self._reckon(until)
        self.meter.run(until)

    def change(self, tariff: PlainTariff) -> None:
        """The prices are others from now on."""
        self.changes.append((self.ledger.now, *self.registers(), self.balance()))
        self.ledger.tariff = tariff

    def _reckon(self, until: Instant) -> None:
        self.ledger.run(until)
        if self.second is not None:
            self.second.run(until)

    def registers(self) -> tuple[int, ...]:
        """As a log of the meter has them."""
        total, *others = self.ledger.registers()
        if self.second is None:
            return total, *others
        second = [self.second.rates.get(rate, 0) for rate in range(201, 205)]
        return total, self.second.total, *others[:48], *second, *others[48:]

    def balance(self) -> int:
        """In credit mode what was used is owed."""
        return -self.cost()

    def cost(self) -> int:
        """Both elements have their own remainder of a millipence."""
        return self.ledger.cost() + (self.second.cost() if self.second is not None else 0)


def next_bill(after: Instant) -> Instant:
    """The next 15th, 02:00, later than ``after``."""
    at = after // HOUR * HOUR + HOUR
    while (to_datetime(at).day, to_datetime(at).hour) != (BILL_DAY, BILL_HOUR):
        at += HOUR
    return at


def flat(row: tuple[Any, ...]) -> tuple[int, ...]:
    """A row whose arrays are unpacked."""
    return tuple(number for each in row for number in (each if isinstance(each, list | tuple) else (each,)))


def billed(meter: Wire, heard: Heard) -> tuple[int, ...]:
    """The entry in the alert of a new bill, which only the supplier can open."""
    assert heard.message.recipient == meter.head_end.identity(SUPPLIER)
    hidden = ProtectedValue.from_data(structure(*heard.payload.body.value[2:]))
    assert hidden is not None
    opened = decode_data(decrypt_part(heard.message, meter.head_end.store(SUPPLIER), hidden.ciphered))
    (row,) = rows_of(opened)
    return flat(row)


def check_registers(book: Bookkeeper) -> None:
    """Everything that can be read now."""
    meter, ledger = book.meter, book.ledger
    (collection,) = meter.value("ECS17b")
    assert collection[0] == ledger.total
    rates = meter.value("ECS17d")[0]
    assert rates[0] == [ledger.rates.get(rate, 0) for rate in range(1, 49)]
    (numbers,) = meter.value("ECS17e")[0]
    held = [[numbers[8 * row + column] for column in range(8)] for row in range(8)]
    for block in range(4):
        assert held[2 * block] == [ledger.blocks.get((block, column), 0) for column in range(101, 109)]
        assert held[2 * block + 1] == [ledger.counted(block, column) for column in range(101, 109)]
    assert meter.value("ECS82") == book.balance()
    if book.second is not None:
        assert collection[4] == book.second.total
        assert rates[1] == [book.second.rates.get(rate, 0) for rate in range(201, 205)]


def check_logs(book: Bookkeeper, since: Instant) -> None:
    """Bills, as sent and as kept; daily reads; profile and daily consumption."""
    meter, now = book.meter, book.ledger.now
    assert [billed(meter, heard) for heard in meter.alerts if heard.code == NEW_BILL] == book.bills
    registers, money = (rows_of(data) for data in meter.ask(dlms("ECS20c")).data[0].value)
    assert [flat(row) for row in registers] == book.bills[-12:]
    assert [(at, balance) for at, _, balance, *_ in money] == book.owed[-12:]
    changed = [flat(row) for row in meter.log("ECS20b")]
    assert [(*row[:-6], row[-5]) for row in changed[1:]] == book.changes  # the first is before this tariff
    assert profile(meter, since, now) == profile_of(book)


def profile(meter: Wire, since: Instant, until: Instant) -> list[tuple[int, ...]]:
    """The half-hours of a time, read in pieces that fit a message."""
    if until - since > MOST_DAYS * DAY:
        whole = meter.ask(dlms("ECS22b", period=Period(since + 1, until)), success=False)
        assert whole.results == (250,)
    starts = range(since, until, MOST_DAYS * DAY)
    pieces = [meter.log("ECS22b", Period(at + 1, min(until, at + MOST_DAYS * DAY))) for at in starts]
    return [tuple(row) for piece in pieces for row in piece]


def profile_of(book: Bookkeeper) -> list[tuple[int, ...]]:
    """What the profile must be."""
    if book.second is None:
        return [tuple(row) for row in book.ledger.half_hours]
    both = zip(book.ledger.half_hours, book.second.half_hours, strict=True)
    return [(*first, second) for first, (_, second) in both]


def check_days(book: Bookkeeper, since: Instant) -> None:
    """Daily reads of the last month, and what was used on each day."""
    meter = book.meter
    second = book.second.midnights if book.second is not None else None
    if second is None:
        assert [flat(row) for row in meter.log("ECS21a")] == book.ledger.midnights[-31:]
    used: dict[Instant, int] = {}
    for ledger in filter(None, (book.ledger, book.second)):
        for at, amount in ledger.half_hours:
            used[(at - 1) // DAY] = used.get((at - 1) // DAY, 0) + amount
    days = meter.log("ECS66", Period(since, book.ledger.now))
    assert [row[1] for row in days] == list(used.values())[: len(days)]
    assert len(days) == (book.ledger.now - since) // DAY


def check_export(meter: Wire, until: Instant) -> None:
    """Export and reactive energy, read by the network operator."""
    answer = meter.ask(dlms("ECS17a"), sender=OPERATOR)
    days = [HOME.day(day) for day in range(START // DAY, until // DAY)]
    sums = [sum(map(sum, columns)) for columns in zip(*((d.exported, d.reactive_exported) for d in days), strict=True)]
    assert [plain(data) for data in answer.data][::2] == sums
    assert meter.value("ECS17b")[0][2] == sum(sum(day.reactive_imported) for day in days)


@pytest.mark.parametrize("limit", [0, 1799])
def test_a_year(limit: int) -> None:
    """Twelve bills; prices rise at midnight of 1 July, set half a year ahead; both changes of summer time passed."""
    meter = Wire(load=HOME)
    offset = delay_switches(meter, limit)
    bill_monthly(meter)
    meter.ask(set_tariff(TARIFF, AT_ONCE))
    rise = instant(2026, 7, 1)
    meter.ask(set_prices(DEARER, moment(rise)))
    book = Bookkeeper(meter, Ledger(HOME, START, TARIFF, offset))
    book.run(rise)
    book.change(DEARER)
    book.run(instant(2027, 1, 1))
    assert len(book.bills) == 12
    assert [heard.at for heard in meter.alerts if heard.code == CARRIED_OUT] == [rise, rise]
    check_registers(book)
    check_logs(book, START)
    check_days(book, START)
    check_export(meter, instant(2027, 1, 1))


def test_a_quarter_with_two_elements() -> None:
    """The second element has rates and prices of its own; the money is one account."""
    meter = Wire(load=HOME, model="esme-twin")
    bill_monthly(meter)
    meter.ask(set_tariff(TARIFF, AT_ONCE))
    meter.ask(set_second_tariff(SECOND, AT_ONCE))
    book = Bookkeeper(meter, Ledger(HOME, START, TARIFF), Ledger(HOME, START, SECOND, column="secondary"))
    book.run(instant(2026, 4, 1))
    check_registers(book)
    check_logs(book, START)
    check_days(book, START)


def test_the_reckoning_sees_a_unit() -> None:
    """One watt-hour in another half-hour, or one millipence more for a kilowatt-hour, is seen."""
    meter = Wire(load=HOME)
    meter.ask(set_tariff(replace(TARIFF, prices={**TARIFF.prices, 1: 9_124}), AT_ONCE))
    book = Bookkeeper(meter, Ledger(HOME, START, TARIFF))
    book.run(START + 20 * DAY)
    with pytest.raises(AssertionError):
        check_registers(book)
