"""A year of a whole electricity meter against a plain loop that does the same arithmetic and keeps the same rows."""

from __future__ import annotations

from typing import Any

from ..firmware_emu.meter_year import END, new_meter, plain_year
from .ratios import compare

GOAL = 6


def test_a_meter_year(benchmark: Any) -> None:
    compare(benchmark, lambda: new_meter().advance(END), plain_year, GOAL)
