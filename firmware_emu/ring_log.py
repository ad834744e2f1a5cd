"""Rings of rows of one fixed layout: profiles and logs, in memory and in non-volatile memory.

A row is a ``struct`` layout whose first column is the time stamp; the oldest row is overwritten when the ring is
full. Rows are kept packed, so that thirteen months of half-hours take 150 kB, and what was appended since the last
commit is written as one piece.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from protocols.instant import Instant

from .nvm import CorruptRecord

if TYPE_CHECKING:
    from .device import Device
    from .nvm import Nvm

ALWAYS_BEFORE: Instant = -(1 << 62)
ALWAYS_AFTER: Instant = 1 << 62


class RingLog:
    """``layout`` is a struct format without byte order (big-endian is used), ``capacity`` the number of rows."""

    def __init__(self, name: str, layout: str, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"{name}: a log holds at least one row, not {capacity}")
        self.name, self.capacity = name, capacity
        self._row = struct.Struct(">" + layout)
        self._keep = capacity * self._row.size
        self._held = bytearray()
        self._saved = 0  # octets of _held that are in non-volatile memory
        self._erased = False
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
        pack = self._row.pack
        self._add(b"".join([pack(*row) for row in rows]))

    def rows(self, start: Instant = ALWAYS_BEFORE, end: Instant = ALWAYS_AFTER) -> list[tuple[Any, ...]]:
        """The rows with ``start`` <= time stamp <= ``end``, oldest first."""
        every = self._row.iter_unpack(memoryview(self._held)[self._surplus() :])
        return [row for row in every if start <= row[0] <= end]

    def newest(self) -> tuple[Any, ...] | None:
        """The row added last, or None."""
        return self._row.unpack_from(self._held, len(self._held) - self._row.size) if self._held else None

    def clear(self) -> None:
        """Forget all rows."""
        self._held.clear()
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

    def save(self, nvm: Nvm) -> None:
        """Stage what changed since the last commit."""
        if self._erased:
            nvm.erase_log(self.name)
        if len(self._held) > self._saved:
            nvm.append(self.name, bytes(memoryview(self._held)[max(self._saved, self._surplus()) :]), self._keep)
        self._saved, self._erased, self._dirty = len(self._held), False, False

    def _add(self, octets: bytes) -> None:
        held = self._held
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
