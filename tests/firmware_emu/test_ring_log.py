"""Rings: the oldest row goes first; a range is found by its times, also where the clock was set back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_emu.ring_log import RingLog


@given(
    st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=4), max_size=12),
    st.integers(1, 9),
    st.integers(-5, 55),
    st.integers(-5, 55),
)
def test_ranges_are_those_of_a_plain_list(pieces: list[list[int]], capacity: int, start: int, end: int) -> None:
    ring, plain = RingLog("test", "IH", capacity), []
    for number, piece in enumerate(pieces):
        rows = [(at, number) for at in sorted(piece)]
        if len(rows) == 1:
            ring.append(*rows[0])
        else:
            ring.extend(rows)
        plain += rows
        kept = plain[-capacity:]
        assert ring.rows(start, end) == [row for row in kept if start <= row[0] <= end]
        assert len(ring) == len(kept)
        assert ring.newest() == kept[-1]


def test_a_row_begins_with_its_time() -> None:
    with pytest.raises(ValueError, match="time stamp"):
        RingLog("test", "HI", 3)
