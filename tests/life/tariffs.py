"""A tariff as a person would write it down: made into commands, and reckoned with in the plainest way there is.

The reckoning shares nothing with the meter but the rules: it asks for the rate at a moment of a date, fills blocks
unit by unit, and adds money up in one sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache

from bench.requests import Request, dlms
from firmware_emu.load_model import LoadModel
from protocols.dlms.cosem_time import CosemDate, CosemDateTime, CosemTime
from protocols.dlms.data import Data, array, boolean, int8, int16, octet_string, structure, uint8, uint16, uint32
from protocols.dlms.obis import obis
from protocols.instant import DAY, HALF_HOUR, Instant

SCRIPTS = octet_string(obis("0-0:10.0.100.255"))
MIDNIGHT = CosemTime(0, 0, 0, 0)
UNUSED = 0xFFFFFFFF
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class PlainTariff:
    """``seasons``: (month, day, week); ``days``: (second of the day, rate), the first at 0. A rate is the number of a
    register, 1 to 48, or of a column of blocks, 101 to 108. ``block_prices`` by column: one for each block.

    ``special`` days are (year or None, month, day). Prices are millipence for a kWh, ``standing`` for a day.
    """

    seasons: Sequence[tuple[int, int, str]]
    weeks: Mapping[str, Sequence[int]]
    days: Mapping[int, Sequence[tuple[int, int]]]
    prices: Mapping[int, int]
    special: Mapping[tuple[int | None, int, int], int] = field(default_factory=dict)
    block_prices: Mapping[int, Sequence[int]] = field(default_factory=dict)
    thresholds: Mapping[int, Sequence[int]] = field(default_factory=dict)
    standing: int = 0

    __hash__ = object.__hash__

    def profile(self, day: date) -> Sequence[tuple[int, int]]:
        """The switches of a date."""
        for (year, month, number), name in self.special.items():
            if (month, number) == (day.month, day.day) and year in (None, day.year):
                return self.days[name]
        begun = [season for season in self.seasons if season[:2] <= (day.month, day.day)]
        week = max(begun or self.seasons)[2]
        return self.days[self.weeks[week][day.weekday()]]

    @cache  # noqa: B019 - a few tariffs in a test
    def _profile(self, day: int) -> Sequence[tuple[int, int]]:
        return self.profile((_EPOCH + timedelta(days=day)).date())

    def rate(self, at: Instant, offset: int = 0) -> int:
        """The rate at a moment, every switch being late by ``offset`` seconds."""
        day, second = divmod(at - offset, DAY)
        return [rate for begin, rate in self._profile(day) if begin <= second][-1]

    def price(self, rate: int, block: int) -> int:
        """Of a kWh."""
        return self.block_prices[rate][block] if rate in self.block_prices else self.prices.get(rate, 0)

    # as commands

    def tables(self) -> list[Data]:
        """Seasons, weeks, days and special days."""
        seasons = [
            structure(octet_string(week.encode()), octet_string(_season_start(month, day)), octet_string(week.encode()))
            for month, day, week in self.seasons
        ]
        weeks = [structure(octet_string(name.encode()), *map(uint8, days)) for name, days in self.weeks.items()]
        days = [structure(uint8(name), array(*map(_switch, switches))) for name, switches in self.days.items()]
        special = [
            structure(uint16(number), octet_string(_special(*when)), uint8(day))
            for number, (when, day) in enumerate(self.special.items(), 1)
        ]
        return [array(*seasons), array(*weeks), array(*days), array(*special)]

    def matrix(self) -> Data:
        """The 80 prices of the primary element."""
        cells = [(bytes((rate,)), self.prices.get(rate, 0)) for rate in range(1, 49)]
        for block in range(4):
            for column in range(1, 9):
                key = bytes((0xA0 + 0x10 * block + column,))
                cells.append((key, (*self.block_prices.get(100 + column, ()), 0, 0, 0, 0)[block]))
        return _charge(3, 3, "1-0:1.8.0.255", cells)

    def second_matrix(self) -> Data:
        """The 4 prices of the secondary element, whose rates are 201 to 204."""
        cells = [(bytes((rate,)), self.prices.get(200 + rate, 0)) for rate in range(1, 5)]
        return _charge(3, 3, "1-20:1.8.0.255", cells)

    def standing_charge(self) -> Data:
        """The price of a day."""
        scales = structure(int8(0), int8(-5))
        reference = structure(uint16(0), octet_string(bytes(6)), int8(0))
        return structure(scales, reference, array(structure(octet_string(b""), int16(self.standing))))


def _season_start(month: int, day: int) -> bytes:
    return CosemDateTime(CosemDate(month=month, day=day), MIDNIGHT).encode()


def _special(year: int | None, month: int, day: int) -> bytes:
    return (CosemDate(month=month, day=day) if year is None else CosemDate(year, month, day)).encode()


def _switch(switch: tuple[int, int]) -> Data:
    second, rate = switch
    time = CosemTime(second // 3600, second // 60 % 60, second % 60, 0)
    return structure(octet_string(time.encode()), SCRIPTS, uint16(rate))


def _charge(scale: int, class_id: int, register: str, cells: Sequence[tuple[bytes, int]]) -> Data:
    scales = structure(int8(scale), int8(-5))
    reference = structure(uint16(class_id), octet_string(obis(register)), int8(2))
    return structure(scales, reference, array(*[structure(octet_string(key), int16(price)) for key, price in cells]))


def set_tariff(tariff: PlainTariff, at: Data) -> Request:
    """ECS01a."""
    thresholds = [
        array(*map(uint32, (*tariff.thresholds.get(column, ()), UNUSED, UNUSED, UNUSED)[:3]))
        for column in range(101, 109)
    ]
    money = (boolean(True), tariff.standing_charge(), tariff.matrix())
    return dlms("ECS01a", *tariff.tables(), *thresholds, *money, *[at] * 6)


def set_prices(tariff: PlainTariff, at: Data) -> Request:
    """ECS01b."""
    return dlms("ECS01b", tariff.standing_charge(), tariff.matrix(), at, at)


def set_second_tariff(tariff: PlainTariff, at: Data) -> Request:
    """ECS01c, whose order is its own: prices first."""
    return dlms("ECS01c", tariff.second_matrix(), *tariff.tables(), *[at] * 3)


@dataclass
class Ledger:
    """What a meter must hold: consumption booked half-hour by half-hour, unit by unit; money as one exact sum.

    ``worth`` is in thousandths of a millipence. Time passes in half-hours.
    """

    load: LoadModel
    now: Instant
    tariff: PlainTariff
    offset: int = 0
    column: str = "imported"
    worth: int = 0
    standing: int = 0
    total: int = 0
    rates: dict[int, int] = field(default_factory=dict)
    blocks: dict[tuple[int, int], int] = field(default_factory=dict)
    """By block, from 0, and column."""
    counters: dict[int, int] = field(default_factory=dict)
    midnights: list[tuple[int, ...]] = field(default_factory=list)
    half_hours: list[tuple[int, int]] = field(default_factory=list)
    off: list[tuple[Instant, Instant]] = field(default_factory=list)
    """From when to when nothing flowed. A rate must not change inside a half-hour of which this is a part."""

    def run(self, until: Instant) -> None:
        """Book all half-hours that end up to and including ``until``."""
        while self.now + HALF_HOUR <= until:
            amount = self._amount()
            self._book(amount)
            self.now += HALF_HOUR
            self.half_hours.append((self.now, amount))
            if self.now % DAY == 0:
                self.standing += self.tariff.standing
                self.midnights.append((self.now, *self.registers()))

    def registers(self) -> tuple[int, ...]:
        """Total, 48 rates, and the blocks in turn with their 8 columns."""
        rates = [self.rates.get(rate, 0) for rate in range(1, 49)]
        blocks = [self.blocks.get((block, column), 0) for block in range(4) for column in range(101, 109)]
        return self.total, *rates, *blocks

    def counted(self, block: int, column: int) -> int:
        """What of the counter of a column lies in a block."""
        ends = [0, *self.tariff.thresholds.get(column, ()), 1 << 60]
        if block + 1 >= len(ends):
            return 0
        return max(0, min(self.counters.get(column, 0), ends[block + 1]) - ends[block])

    def reset_counters(self) -> None:
        """A bill."""
        self.counters.clear()

    def cost(self) -> int:
        """Everything so far, millipence."""
        return self.worth // 1000 + self.standing

    def _amount(self) -> int:
        """What flows in the half-hour that begins now: of each part of it, what has flowed so far rounded down."""
        whole: int = getattr(self.load.day(self.now // DAY), self.column)[self.now % DAY // HALF_HOUR]
        flowed, begin = 0, 0
        for lost, back in sorted(self.off):
            stop = min(max(lost - self.now, begin), HALF_HOUR)
            flowed += whole * stop // HALF_HOUR - whole * begin // HALF_HOUR
            begin = min(max(back - self.now, stop), HALF_HOUR)
        return flowed + whole - whole * begin // HALF_HOUR

    def _book(self, amount: int) -> None:
        first, last = self.tariff.rate(self.now, self.offset), self.tariff.rate(self.now + HALF_HOUR - 1, self.offset)
        if first == last:
            self._units(first, amount)
            return
        change = next(s for s in range(HALF_HOUR) if self.tariff.rate(self.now + s, self.offset) != first)
        before = amount * change // HALF_HOUR
        self._units(first, before)
        self._units(last, amount - before)

    def _units(self, rate: int, amount: int) -> None:
        self.total += amount
        if rate not in self.tariff.thresholds:
            self.rates[rate] = self.rates.get(rate, 0) + amount
            self.worth += amount * self.tariff.price(rate, 0)
            return
        for _ in range(amount):
            used = self.counters.get(rate, 0)
            block = sum(used >= end for end in self.tariff.thresholds[rate])
            self.counters[rate] = used + 1
            self.blocks[block, rate] = self.blocks.get((block, rate), 0) + 1
            self.worth += self.tariff.price(rate, block)
