"""A tap on a wire: everything that passes goes to a sink, from before the first octet.

The tap stands between a channel and its user. It is put there when the channel is made, so that nothing passes
before it; time comes from the caller's clock, in virtual seconds or real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from .channel import READ_LIMIT, ByteChannel
from .frame import Frame, FrameChannel


class Direction(Enum):
    """Seen from the bench."""

    SENT = "sent"
    RECEIVED = "received"


class Captured(NamedTuple):
    """One thing that passed. ``at`` is what the clock said, in seconds; ``octets`` a chunk or a frame's payload."""

    direction: Direction
    at: float
    octets: bytes


Sink = Callable[[Captured], None]
Clock = Callable[[], float]


class ByteTap:
    """A ``ByteChannel`` whose octets are recorded on their way. What could not be written is recorded too."""

    def __init__(self, channel: ByteChannel, sink: Sink, clock: Clock) -> None:
        self._channel, self._sink, self._clock = channel, sink, clock

    @property
    def name(self) -> str:
        """The address of the channel inside."""
        return self._channel.name

    async def read(self, limit: int = READ_LIMIT) -> bytes:
        """See ``ByteChannel.read``."""
        octets = await self._channel.read(limit)
        self._sink(Captured(Direction.RECEIVED, self._clock(), octets))
        return octets

    async def write(self, data: bytes) -> None:
        """See ``ByteChannel.write``."""
        self._sink(Captured(Direction.SENT, self._clock(), bytes(data)))
        await self._channel.write(data)

    async def close(self) -> None:
        """See ``ByteChannel.close``."""
        await self._channel.close()


class FrameTap:
    """A ``FrameChannel`` whose payloads are recorded on their way."""

    def __init__(self, channel: FrameChannel, sink: Sink, clock: Clock) -> None:
        self._channel, self._sink, self._clock = channel, sink, clock

    @property
    def name(self) -> str:
        """The address of the channel inside."""
        return self._channel.name

    async def send(self, payload: bytes, source: int = 1, destination: int = 1) -> None:
        """See ``FrameChannel.send``."""
        self._sink(Captured(Direction.SENT, self._clock(), bytes(payload)))
        await self._channel.send(payload, source, destination)

    async def receive(self, seconds: float) -> Frame:
        """See ``FrameChannel.receive``."""
        frame = await self._channel.receive(seconds)
        self._sink(Captured(Direction.RECEIVED, self._clock(), frame.payload))
        return frame

    async def close(self) -> None:
        """See ``FrameChannel.close``."""
        await self._channel.close()
