"""Consumption into registers: total, time of use, blocks with their counters, and what it costs.

Rule of division: inside the interval that an amount was measured over, consumption is taken to be even; up to a moment
within it, the part counted is rounded down, so that the parts always add up to the amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeVar

from protocols.instant import DAY, HALF_HOUR, Instant

from .tariff import ELECTRICITY, ESME_PRIMARY, UNUSED_THRESHOLD, Layout, Pricing, Tariff
from .tariff_calendar import Calendar, DayPlan

_Item = TypeVar("_Item")


@dataclass(slots=True)
class Registers:
    """What is kept of one element. ``block[b][c]`` and ``counters[b][c]``: block b, column c.

    ``remainder`` is the part of a millipence not yet charged (see ``Pricing``); ``counted_day`` is the last day on
    which something was counted, or the daily reset switched on.
    """

    total: int = 0
    tou: list[int] = field(default_factory=list)
    block: list[list[int]] = field(default_factory=list)
    counters: list[list[int]] = field(default_factory=list)
    remainder: int = 0
    counted_day: int = -1

    def fit(self, layout: Layout) -> None:
        """Give every register of the layout its place."""
        self.tou += [0] * (layout.tou_count - len(self.tou))
        if layout.columns:
            for matrix in (self.block, self.counters):
                matrix += [[0] * layout.columns for _ in range(layout.blocks - len(matrix))]


class TariffMeter:
    """Books consumption of one element. ``daily_reset`` starts the block counters anew at every 00:00 UTC.

    A selector of a block column books into that column's blocks only, one of a time-of-use rate into that register
    only; so the time-of-use and block registers together make the total.

    ``held`` is a selector that stays in force whatever the calendar says, as while nobody knows the time.
    """

    def __init__(
        self,
        registers: Registers,
        tariff: Tariff | None = None,
        layout: Layout = ESME_PRIMARY,
        pricing: Pricing = ELECTRICITY,
        offset: int = 0,
        daily_reset: bool = False,
        held: int | None = None,
    ) -> None:
        self.registers, self.layout, self.pricing, self.daily_reset = registers, layout, pricing, daily_reset
        self.hold(held)
        registers.fit(layout)
        self.use(tariff or Tariff(), offset)

    def use(self, tariff: Tariff, offset: int = 0) -> None:
        """Take a tariff into use; registers and counters stay."""
        layout = self.layout
        self.tariff = tariff
        self.calendar = Calendar(tariff.table, offset, default=layout.tou_first)
        self._prices = _padded(tariff.tou_prices, layout.tou_count, 0)
        rows = [_padded(row, layout.columns, 0) for row in tariff.block_prices[: layout.blocks]]
        self._block_prices = rows + [[0] * layout.columns] * (layout.blocks - len(rows))
        self._highest_price = max(0, *self._prices, *(price for row in self._block_prices for price in row))
        unused: tuple[int, ...] = ()
        self._ends = [self._block_ends(column) for column in _padded(tariff.thresholds, layout.columns, unused)]

    def apply(self, start: Instant, amounts: Sequence[int], interval: int = HALF_HOUR) -> int:
        """Book amounts measured over intervals one after another from ``start``; the cost in millipence.

        Any number of intervals may be given at once, across switches and midnights; the result is the same as one by
        one.
        """
        reached = [0, *accumulate(amounts)]
        end = start + interval * len(amounts)
        at, done = start, 0
        worth = 0
        while at < end:
            day = at // DAY
            midnight = day * DAY
            plan = self._held or self.calendar.plan(day)
            if day > self.registers.counted_day:
                self.registers.counted_day = day
                if self.daily_reset:
                    self.reset_counters()
            for begin, stop, selector in zip(plan.starts, (*plan.starts[1:], DAY), plan.selectors, strict=True):
                until = min(midnight + stop, end)
                if until <= at or midnight + begin >= end:
                    continue
                place, inside = divmod(until - start, interval)
                energy = reached[place]
                if inside:
                    energy += amounts[place] * inside // interval
                worth += self._book(selector, energy - done)
                at, done = until, energy
        self.registers.total += reached[-1]
        return self._charge(worth)

    def hold(self, selector: int | None) -> None:
        """Let a selector stay in force; None gives the calendar its way again."""
        self._held = None if selector is None else DayPlan((0,), (selector,))

    def plan(self, day: int) -> DayPlan:
        """Which selectors are in force on a UTC day."""
        return self._held or self.calendar.plan(day)

    def selector(self, at: Instant) -> int:
        """The selector in force at ``at``."""
        return self.plan(at // DAY).at(at % DAY)

    def active_price(self, at: Instant) -> int:
        """Price of the next unit consumed at ``at``, millipence per kWh."""
        selector = self.selector(at)
        column = selector - self.layout.block_first
        if 0 <= column < self.layout.columns:
            return self._block_prices[self.active_block(column)][column]
        return self._prices[self._rate(selector)]

    def active_block(self, column: int) -> int:
        """The block, from 0, that the next unit of a column goes to."""
        used = sum(counters[column] for counters in self.registers.counters)
        return next(block for block, limit in enumerate(self._ends[column]) if limit is None or used < limit)

    def highest_price(self) -> int:
        """No unit costs more than this: a bound on what a day may cost."""
        return self._highest_price

    def highest_cost(self, amount: int) -> int:
        """No less than what any use of ``amount`` may cost."""
        return amount * self.highest_price() * self.pricing.weight // self.pricing.divisor + 1

    def set_daily_reset(self, on: bool, now: Instant) -> None:
        """Switch the daily reset; the first one is at the next midnight."""
        self.daily_reset = on
        self.registers.counted_day = now // DAY

    def reset_counters(self) -> None:
        """Start the block counters anew; registers stay."""
        for row in self.registers.counters:
            row[:] = [0] * len(row)

    def _rate(self, selector: int) -> int:
        rate = selector - self.layout.tou_first
        return rate if 0 <= rate < self.layout.tou_count else 0

    def _book(self, selector: int, amount: int) -> int:
        """Into the registers; gives the sum of amount x price."""
        column = selector - self.layout.block_first
        if 0 <= column < self.layout.columns:
            return self._book_blocks(column, amount)
        rate = self._rate(selector)
        self.registers.tou[rate] += amount
        return amount * self._prices[rate]

    def _book_blocks(self, column: int, amount: int) -> int:
        """Fill the blocks in turn: the unit after a threshold belongs to the next block."""
        registers = self.registers
        used = sum([row[column] for row in registers.counters])
        worth = 0
        for block, limit in enumerate(self._ends[column]):
            part = amount if limit is None else min(amount, max(0, limit - used))
            if part:
                registers.block[block][column] += part
                registers.counters[block][column] += part
                worth += part * self._block_prices[block][column]
                used += part
                amount -= part
        return worth

    def _charge(self, worth: int) -> int:
        weight, divisor = self.pricing
        cost, self.registers.remainder = divmod(self.registers.remainder + worth * weight, divisor)
        return cost

    def _block_ends(self, thresholds: tuple[int, ...]) -> list[int | None]:
        """Where each block ends; the first one without a threshold takes all the rest."""
        ends: list[int | None] = []
        for threshold in thresholds[: self.layout.blocks - 1]:
            if threshold == UNUSED_THRESHOLD:
                break
            ends.append(threshold)
        return [*ends, None]


def _padded(values: Sequence[_Item], length: int, filler: _Item) -> list[_Item]:
    return [*values[:length], *[filler] * (length - len(values))]
