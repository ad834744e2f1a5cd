"""A year on a time-of-use tariff with blocks: registers, profiles, bills and balance, to the last unit."""

from __future__ import annotations

import pytest

from protocols.instant import DAY, HALF_HOUR

from .meter_year import END, START, check, new_meter, plain_year


@pytest.mark.parametrize("stride", [END - START, 30 * DAY + 12345, 5 * DAY + 7 * HALF_HOUR])
def test_a_year_agrees_with_a_plain_reckoning(stride: int) -> None:
    """However time is cut up."""
    meter = new_meter()
    for now in range(START + stride, END, stride):
        meter.advance(now)
    meter.advance(END)
    check(meter, plain_year())
