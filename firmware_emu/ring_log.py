"""Rings of rows of one fixed layout: profiles and logs, in memory and in non-volatile memory.

A row is a ``struct`` layout whose first column is the time stamp; the oldest row is overwritten when the ring is
full. Rows are kept packed, so that thirteen months of half-hours take 150 kB, and what was appended since the last
commit is written as one piece.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

from protocols.instant import Instant

from .nvm import CorruptRecord

if TYPE_CHECKING:
    from .device import Device
    from .nvm import Nvm


@lru_cache(maxsize=512)
def _struct_of(layout: str, rows: int) -> struct.Struct:
    """Packs so many rows in one call."""
    return struct.Struct(">" + layout * rows)


_STAMP = struct.Struct(">I")  # the first column of every row

ALWAYS_BEFORE: Instant = -(1 << 62)
ALWAYS_AFTER: Instant = 1 << 62


class RingLog:
    """``layout`` is a struct format without byte order (big-endian is used) whose first column, the time stamp, is
    ``I``; ``capacity`` is the number of rows. Raises ValueError.
    """

    __slots__ = (
        *("name", "layout", "capacity"),
        *("_row", "_keep", "_held", "_saved", "_erased", "_ordered", "_changed", "_dirty"),
    )

    def __init__(self, name: str, layout: str, capacity: int) -> None:
        if not layout.startswith("I"):
            raise ValueError(f"{name}: the first column is a time stamp, I, not {layout[:1]}")
        if capacity < 1:
            raise ValueError(f"{name}: a log holds at least one row, not {capacity}")
        self.name, self.layout, self.capacity = name, layout, capacity
        self._row = _struct_of(layout, 1)
        self._keep = capacity * self._row.size
        self._held = bytearray()
        self._saved = 0  # octets of _held that are in non-volatile memory
        self._erased = False
        self._ordered: bool | None = None
        self._changed: Callable[[], None] = lambda: None
        self._dirty = False

    def attach(self, device: Device) -> None:
        """Join a device: loaded at power-on, saved at every commit."""
        device.rings.append(self)
        self._changed = lambda: device.dirty.append(self)

    def append(self, at: Instant, *columns: Any) -> None:
        """Add a row, over the oldest one when the ring is full. Raises struct.error when a column does not fit."""
        self._add(self._row.pack(at, *columns))

    def extend(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add rows, each beginning with its time stamp, in the order of their times."""
        held = list(rows)
        self._add(_struct_of(self.layout, len(held)).pack(*chain.from_iterable(held)))

    def rows(self, start: Instant = ALWAYS_BEFORE, end: Instant = ALWAYS_AFTER) -> list[tuple[Any, ...]]:
        """The rows with ``start`` <= time stamp <= ``end``, oldest first."""
        surplus, size = self._surplus(), self._row.size
        begin, stop = surplus, len(self._held)
        if self._is_ordered():
            places = range((stop - surplus) // size)
            begin = surplus + size * bisect_left(places, start, key=self._stamp)
            stop = surplus + size * bisect_right(places, end, key=self._stamp)
        every = self._row.iter_unpack(memoryview(self._held)[begin:stop])
        return [row for row in every if start <= row[0] <= end]

    def newest(self) -> tuple[Any, ...] | None:
        """The row added last, or None."""
        return self._row.unpack_from(self._held, len(self._held) - self._row.size) if self._held else None

    def clear(self) -> None:
        """Forget all rows."""
        self._held.clear()
        self._ordered = None
        self._saved = 0
        self._erased = True
        if not self._dirty:
            self._dirty = True
            self._changed()

    def __len__(self) -> int:
        return (len(self._held) - self._surplus()) // self._row.size

    def load(self, nvm: Nvm) -> None:
        """Read the rows of the last commit. Raises CorruptRecord when they do not have this layout."""
        octets = nvm.read_log(self.name)
        if len(octets) % self._row.size:
            raise CorruptRecord(self.name, f"{len(octets)} octets are not rows of {self._row.size}")
        self._held = bytearray(octets[-self._keep :])
        self._saved, self._erased, self._dirty = len(self._held), False, False
        self._ordered = None

    def save(self, nvm: Nvm) -> None:
        """Stage what changed since the last commit."""
        if self._erased:
            nvm.erase_log(self.name)
        if len(self._held) > self._saved:
            nvm.append(self.name, bytes(memoryview(self._held)[max(self._saved, self._surplus()) :]), self._keep)
        self._saved, self._erased, self._dirty = len(self._held), False, False

    def _stamp(self, place: int) -> int:
        """The time stamp of a row, counted from the oldest."""
        stamp: int = _STAMP.unpack_from(self._held, self._surplus() + place * self._row.size)[0]
        return stamp

    def _is_ordered(self) -> bool:
        """True unless the clock was set back: then rows must be looked at one by one. Found out once."""
        if self._ordered is None:
            stamps = [self._stamp(place) for place in range(len(self))]
            self._ordered = all(before <= later for before, later in pairwise(stamps))
        return self._ordered

    def _add(self, octets: bytes) -> None:
        held = self._held
        if self._ordered and held and octets[: _STAMP.size] < held[-self._row.size :][: _STAMP.size]:
            self._ordered = None
        held += octets
        if not self._dirty:
            self._dirty = True
            self._changed()
        if len(held) >= 2 * self._keep:  # drop rarely, in large pieces
            dropped = len(held) - self._keep
            del held[:dropped]
            self._saved = max(0, self._saved - dropped)

    def _surplus(self) -> int:
        return max(0, len(self._held) - self._keep)
