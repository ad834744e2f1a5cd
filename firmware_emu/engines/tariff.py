"""What energy costs: prices, block thresholds, and how an amount turns into money (SMETS tariff and price data).

Money is whole millipence. An amount times a price seldom is; ``Pricing`` says how it is rounded, once for all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .tariff_calendar import SwitchingTable

UNUSED_THRESHOLD = 0xFFFFFFFF
MILLIPENCE_SCALE = -5
"""A price with this scale counts millipence."""


class Layout(NamedTuple):
    """How the selectors of one element's switching table name its registers.

    ``tou_first`` is the selector of the first time-of-use register, ``block_first`` that of the first column of the
    block matrix. A selector outside both counts as ``tou_first``.
    """

    tou_first: int
    tou_count: int
    block_first: int = 0
    columns: int = 0
    blocks: int = 4


ESME_PRIMARY = Layout(1, 48, 101, 8)
ESME_SECONDARY = Layout(201, 4)
GSME = Layout(1, 4, 0, 1)


class Pricing(NamedTuple):
    """amount x price x ``weight`` / ``divisor`` is millipence; the price is millipence per kWh.

    Rounding rule: a cost is rounded down, and what is cut off is kept, in parts of ``divisor``, and added to the next
    cost, so that nothing is lost however finely consumption is divided.
    """

    weight: int
    divisor: int


ELECTRICITY = Pricing(1, 1000)
"""Amounts in Wh."""

_GAS_DIVISOR = 3_600_000_000  # litres, factor in 10^-5, calorific value in 10^-1 MJ/m3, 3.6 MJ to the kWh


def gas_pricing(calorific_value: int, conversion_factor: int) -> Pricing:
    """Amounts in litres. kWh = m3 x conversion factor x calorific value / 3.6 (SMETS gas conversion).

    ``calorific_value`` in 0.1 MJ/m3 (392 is 39.2), ``conversion_factor`` in 10^-5 (102264 is 1.02264).
    """
    return Pricing(calorific_value * conversion_factor, _GAS_DIVISOR)


def gas_energy(litres: int, calorific_value: int, conversion_factor: int) -> int:
    """Wh in so many litres, rounded down."""
    return litres * calorific_value * conversion_factor * 1000 // _GAS_DIVISOR


def millipence(price: int, scale: int) -> int:
    """``price`` x 10^``scale`` of the currency unit; a half millipence and more is rounded up."""
    if scale >= MILLIPENCE_SCALE:
        return price * int(10 ** (scale - MILLIPENCE_SCALE))
    divisor = int(10 ** (MILLIPENCE_SCALE - scale))
    return (2 * price + divisor) // (2 * divisor)


@dataclass(frozen=True, slots=True)
class Tariff:
    """One element's tariff. Prices in millipence per kWh, thresholds in the unit of the registers.

    ``block_prices[block][column]``; ``thresholds[column]`` are up to three, rising; consumption beyond the n-th
    belongs to block n + 1. Missing prices are 0, missing thresholds unused. ``standing_charge`` is millipence a day.
    """

    table: SwitchingTable = field(default_factory=SwitchingTable)
    tou_prices: tuple[int, ...] = ()
    block_prices: tuple[tuple[int, ...], ...] = ()
    thresholds: tuple[tuple[int, ...], ...] = ()
    standing_charge: int = 0
