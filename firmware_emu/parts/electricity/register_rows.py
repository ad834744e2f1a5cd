"""The columns of a register snapshot, as daily and billing logs keep them (SMETS2 daily read log, billing data log).

A row is: time, import register, on a twin-element meter the second element's, 48 time-of-use registers, on a
twin-element meter 4 more, and 8 registers of each of the 4 blocks; unsigned 32 bits, Wh. Money columns may follow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from protocols.dlms.data import DataType, TypeDescription, described_array, described_structure

from ...engines.registers import Registers

WRAP = 1 << 32
"""Registers are read as unsigned 32 bits and begin again at 0."""
MONEY = 6
"""Emergency credit, meter balance, payment debt, time debts 1 and 2, accumulated debt; signed 32 bits, millipence."""

_TOU, _SECONDARY_TOU, _BLOCKS, _RATES = 48, 4, 4, 8

Row = tuple[Any, ...]


class RowShape(NamedTuple):
    """How a row is kept (flat, a ``struct`` layout), described, and put together again."""

    layout: str
    description: TypeDescription
    arrays: tuple[tuple[int, int], ...]
    """Where arrays stand in the flat row, and how long they are; rising."""

    def nest(self, flat: Row) -> Row:
        """The plain values of a read."""
        nested: list[Any] = []
        done = 0
        for start, count in self.arrays:
            nested += flat[done:start]
            nested.append(tuple(flat[start : start + count]))
            done = start + count
        return (*nested, *flat[done:])

    def flatten(self, row: Row) -> Row:
        """What the ring keeps."""
        flat: list[Any] = []
        for value in row:
            if isinstance(value, tuple):
                flat += value
            else:
                flat.append(value)
        return tuple(flat)


def register_rows(*, twin: bool, money: bool = False) -> RowShape:
    """The shape of a snapshot's row."""
    singles = 2 + twin
    counts = [_TOU, *([_SECONDARY_TOU] if twin else []), *[_RATES] * _BLOCKS]
    starts = [singles + sum(counts[:at]) for at in range(len(counts))]
    members = [DataType.UINT32] * singles + [described_array(DataType.UINT32, count) for count in counts]
    members += [DataType.INT32] * (MONEY * money)
    layout = f"I{singles - 1 + sum(counts)}I" + f"{MONEY}i" * money
    return RowShape(layout, described_structure(*members), tuple(zip(starts, counts, strict=True)))


def snapshot(primary: Registers, secondary: Registers | None) -> tuple[int, ...]:
    """The register columns, flat."""
    blocks = [register for block in primary.block for register in block]
    if secondary is None:
        columns = [primary.total, *primary.tou, *blocks]
    else:
        columns = [primary.total, secondary.total, *primary.tou, *secondary.tou, *blocks]
    return tuple([column % WRAP for column in columns])
