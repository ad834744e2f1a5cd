"""TCP: a device, or its emulation, behind a socket."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from .address import TcpAddress
from .channel import READ_LIMIT, ChannelBusy, ChannelClosed, TransientChannelError, within


class TcpChannel:
    """A ``ByteChannel`` on a TCP connection; made by ``open_tcp``."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._name, self._reader, self._writer = name, reader, writer
        self._reading = self._closed = False

    @property
    def name(self) -> str:
        """The address."""
        return self._name

    async def read(self, limit: int = READ_LIMIT) -> bytes:
        """See ``ByteChannel.read``."""
        self._check()
        if self._reading:
            raise ChannelBusy(f"{self._name}: another read is already waiting")
        self._reading = True
        try:
            taken = await self._reader.read(limit)
        except OSError as reason:
            raise self._lost(reason) from reason
        finally:
            self._reading = False
        if not taken:
            raise ChannelClosed(f"{self._name}: closed")
        return taken

    async def write(self, data: bytes) -> None:
        """See ``ByteChannel.write``."""
        self._check()
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as reason:
            raise self._lost(reason) from reason

    async def close(self) -> None:
        """See ``ByteChannel.close``."""
        self._closed = True
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    def _check(self) -> None:
        if self._closed:
            raise ChannelClosed(f"{self._name}: closed")

    def _lost(self, reason: OSError) -> TransientChannelError:
        return TransientChannelError(f"{self._name}: connection lost ({reason})")


async def open_tcp(address: TcpAddress, seconds: float = 10) -> TcpChannel:
    """Connect. Raises TransientChannelError when nobody answers, ChannelTimeout after ``seconds``."""
    try:
        async with within(seconds, f"connection to {address}"):
            reader, writer = await asyncio.open_connection(address.host, address.port)
    except TransientChannelError:
        raise
    except OSError as reason:
        text = f"{address}: no connection ({reason.strerror or reason}); is the device on and the address right?"
        raise TransientChannelError(text) from reason
    return TcpChannel(str(address), reader, writer)
