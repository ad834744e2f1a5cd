"""Wires for tests: the bench's end as a ``ByteChannel``, the device's end as something that reads and writes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from hal import ByteChannel, SerialAddress, TcpAddress, memory_pair, open_serial, open_tcp

PATIENCE = 20.0
"""Seconds after which a test gives up; nothing waits this long when all is well."""


class FarEnd(Protocol):
    """The device's end."""

    async def read(self, limit: int = 65536) -> bytes: ...

    async def write(self, data: bytes) -> None: ...

    async def close(self) -> None: ...


class PtyMaster:
    """The device's end of a pseudo-terminal."""

    def __init__(self) -> None:
        self.fd, self._slave = os.openpty()
        self.path = os.ttyname(self._slave)
        os.set_blocking(self.fd, False)

    async def read(self, limit: int = 65536) -> bytes:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self.fd, ready.set)
        try:
            await asyncio.wait_for(ready.wait(), PATIENCE)
        finally:
            loop.remove_reader(self.fd)
        return os.read(self.fd, limit)

    async def write(self, data: bytes) -> None:
        assert os.write(self.fd, data) == len(data)

    async def close(self) -> None:
        """Unplug."""
        if self.fd >= 0:
            os.close(self.fd)
            os.close(self._slave)
            self.fd = -1


class _Socket:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, limit: int = 65536) -> bytes:
        return await asyncio.wait_for(self._reader.read(limit), PATIENCE)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@asynccontextmanager
async def wire(kind: str) -> AsyncIterator[tuple[ByteChannel, FarEnd]]:
    """Both ends of a new ``memory``, ``pty`` or ``tcp`` wire."""
    maker = {"memory": _memory, "pty": _pty, "tcp": _tcp}[kind]
    async with maker() as (channel, far):
        try:
            yield channel, far
        finally:
            await channel.close()
            await far.close()


@asynccontextmanager
async def _memory() -> AsyncIterator[tuple[ByteChannel, FarEnd]]:
    yield memory_pair()


@asynccontextmanager
async def _pty() -> AsyncIterator[tuple[ByteChannel, FarEnd]]:
    master = PtyMaster()
    yield await open_serial(SerialAddress(master.path, 300)), master


@asynccontextmanager
async def _tcp() -> AsyncIterator[tuple[ByteChannel, FarEnd]]:
    connected: asyncio.Future[_Socket] = asyncio.get_running_loop().create_future()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set_result(_Socket(reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    channel = await open_tcp(TcpAddress("127.0.0.1", port), PATIENCE)
    yield channel, await asyncio.wait_for(connected, PATIENCE)
    server.close()
