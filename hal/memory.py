"""Two ends of a wire inside one process: no thread, no file, no time."""

from __future__ import annotations

import asyncio

from .channel import READ_LIMIT, ChannelBusy, ChannelClosed

CAPACITY = 1 << 20
"""Octets that a direction holds before a writer has to wait."""


class _Pipe:
    """One direction: a bounded buffer between a writer and a reader."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.closed = False
        self.reader: asyncio.Future[None] | None = None
        self.writers: list[asyncio.Future[None]] = []

    def wake(self) -> None:
        """Let both sides look again."""
        for waiter in [self.reader, *self.writers]:
            if waiter is not None and not waiter.done():
                waiter.set_result(None)

    async def wait_for_octets(self, name: str) -> None:
        if self.reader is not None:
            raise ChannelBusy(f"{name}: another read is already waiting")
        self.reader = asyncio.get_running_loop().create_future()
        try:
            await self.reader
        finally:
            self.reader = None

    async def wait_for_room(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.writers.append(waiter)
        try:
            await waiter
        finally:
            self.writers.remove(waiter)


class MemoryChannel:
    """One end of a ``memory_pair``."""

    def __init__(self, name: str, incoming: _Pipe, outgoing: _Pipe) -> None:
        self._name, self._incoming, self._outgoing = name, incoming, outgoing

    @property
    def name(self) -> str:
        """The address."""
        return self._name

    async def read(self, limit: int = READ_LIMIT) -> bytes:
        """See ``ByteChannel.read``; what was written before the far end closed can still be read."""
        pipe = self._incoming
        while not pipe.buffer:
            if pipe.closed:
                raise ChannelClosed(f"{self._name}: closed")
            await pipe.wait_for_octets(self._name)
        taken = bytes(pipe.buffer[:limit])
        del pipe.buffer[: len(taken)]
        pipe.wake()
        return taken

    async def write(self, data: bytes) -> None:
        """See ``ByteChannel.write``; waits while the far end has CAPACITY octets left to read."""
        pipe = self._outgoing
        while len(pipe.buffer) >= CAPACITY and not pipe.closed:
            await pipe.wait_for_room()
        if pipe.closed:
            raise ChannelClosed(f"{self._name}: closed")
        pipe.buffer += data
        pipe.wake()

    async def close(self) -> None:
        """See ``ByteChannel.close``; the far end reads what is left, then learns that the channel is closed."""
        self._incoming.buffer.clear()
        for pipe in (self._incoming, self._outgoing):
            pipe.closed = True
            pipe.wake()


def memory_pair(name: str = "memory:") -> tuple[MemoryChannel, MemoryChannel]:
    """Both ends of a new wire: what one writes the other reads. Cheap; needs no running event loop."""
    forth, back = _Pipe(), _Pipe()
    return MemoryChannel(name, back, forth), MemoryChannel(name, forth, back)
