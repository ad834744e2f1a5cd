"""Two banks of image memory: one runs, the other takes what is received. Octets are kept as they arrive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.gbcs.firmware_image import MAX_IMAGE

if TYPE_CHECKING:
    from ...device import Device
    from ...nvm import Nvm


@dataclass(slots=True)
class ImageRecord:
    """An image that the device holds: its version (4 octets), the digest of the manufacturer image, its place.

    ``start`` and ``stop`` are where the manufacturer image lies in the bank. In ``bank`` RECORDED there are no
    octets: the maker has put there what is known of the image.
    """

    version: bytes
    digest: bytes
    bank: int
    start: int = 0
    stop: int = 0


RECORDED = -1
PAGE = 1024
"""Octets that are written to memory at once: a block costs a part of a write. What is cut off in a page is lost."""


class Bank:
    """One bank; written by appending, page by page. ``flush`` writes the page that is not full."""

    def __init__(self, name: str) -> None:
        self.octets = bytearray()
        self._name = name
        self._saved = 0
        self._erased = self._flushed = False
        self._device: Device | None = None

    def attach(self, device: Device) -> None:
        """Join a device."""
        self._device = device

    def append(self, block: bytes) -> None:
        """Add a block."""
        self.octets += block
        if len(self.octets) - self._saved >= PAGE:
            self._changed()

    def flush(self) -> None:
        """Have all of it written at the next commit."""
        if len(self.octets) > self._saved:
            self._flushed = True
            self._changed()

    def erase(self) -> None:
        """Empty the bank."""
        self.octets.clear()
        self._saved, self._erased = 0, True
        self._changed()

    def _changed(self) -> None:
        if self._device is not None and self not in self._device.dirty:
            self._device.dirty.append(self)

    def load(self, nvm: Nvm) -> None:
        """Read what was committed."""
        self.octets = bytearray(nvm.read_log(self._name))
        self._saved, self._erased, self._flushed = len(self.octets), False, False

    def save(self, nvm: Nvm) -> None:
        """Stage what changed since the last commit."""
        if self._erased:
            nvm.erase_log(self._name)
        stop = len(self.octets) if self._flushed else len(self.octets) // PAGE * PAGE
        if stop > self._saved:
            nvm.append(self._name, bytes(memoryview(self.octets)[self._saved : stop]), MAX_IMAGE)
            self._saved = stop
        self._erased = self._flushed = False
