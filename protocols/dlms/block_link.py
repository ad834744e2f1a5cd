"""One end of a medium of short units: longer messages go in blocks (general block transfer).

Without I/O or clock: feed it units from the medium, give it messages to send, take its units, wake it when asked.
One transfer in each direction at a time; further messages wait for their turn.
"""

from __future__ import annotations

from collections import deque

from ..errors import DecodeError
from ..instant import Instant
from .block_transfer import (
    GENERAL_BLOCK_TRANSFER,
    Block,
    Delivered,
    Reassembler,
    Segmenter,
    TransferFailed,
    UnitReceived,
)

LONGEST_UNIT = 1500
"""Octets that a ZigBee tunnel carries at once; a longer message goes in blocks (GBCS 10.2)."""
WAITING = 100
"""Messages that wait for the transfer before them; more are dropped, the oldest first."""


class BlockLink:
    """One end of the medium. ``longest`` is what a unit may have, in octets."""

    def __init__(self, longest: int = LONGEST_UNIT) -> None:
        self._longest = longest
        self._incoming = Reassembler()
        self._outgoing: Segmenter | None = None
        self._waiting: deque[bytes] = deque(maxlen=WAITING)
        self._units: list[bytes] = []
        self.failed = 0
        """Messages that were given up because the far side did not acknowledge them."""

    def receive(self, unit: bytes, now: Instant) -> list[bytes]:
        """Take one unit from the medium; the messages that are whole now."""
        if unit[:1] != bytes((GENERAL_BLOCK_TRANSFER,)):
            return [unit]
        if self._outgoing is not None and _is_acknowledgement(unit):
            self._outgoing.feed(unit, now)
            self._pump(now)
            return []
        self._incoming.feed(unit, now)
        self._units += self._incoming.take_output()
        return [event.octets for event in self._incoming.events() if isinstance(event, UnitReceived)]

    def send(self, message: bytes, now: Instant) -> None:
        """Send a message, in blocks where it is too long. Raises EncodeError for one that no transfer can carry."""
        if len(message) <= self._longest:
            self._units.append(message)
            return
        self._waiting.append(message)
        self._pump(now)

    @property
    def sending(self) -> bool:
        """Whether a message is on its way whose last block has not been acknowledged."""
        return self._outgoing is not None

    def take_output(self) -> list[bytes]:
        """Units for the medium, in order."""
        units, self._units = self._units, []
        return units

    def next_timer(self) -> Instant | None:
        """When ``on_timer`` wants to be called."""
        timers = [self._incoming.next_timer(), self._outgoing.next_timer() if self._outgoing else None]
        return min((timer for timer in timers if timer is not None), default=None)

    def on_timer(self, now: Instant) -> None:
        """Repeat or give up what is due."""
        self._incoming.on_timer(now)
        self._units += self._incoming.take_output()
        if self._outgoing is not None:
            self._outgoing.on_timer(now)
        self._pump(now)

    def _pump(self, now: Instant) -> None:
        while True:
            if self._outgoing is not None:
                self._units += self._outgoing.take_output()
                ended = [e for e in self._outgoing.events() if isinstance(e, Delivered | TransferFailed)]
                self.failed += sum(isinstance(event, TransferFailed) for event in ended)
                if not ended:
                    return
                self._outgoing = None
            if not self._waiting:
                return
            self._outgoing = Segmenter(self._waiting.popleft(), now)


def _is_acknowledgement(unit: bytes) -> bool:
    try:
        return Block.decode(unit).is_acknowledgement
    except DecodeError:
        return False
