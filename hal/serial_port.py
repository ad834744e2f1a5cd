"""Serial ports, optical probes and the user's side of a pseudo-terminal, without threads.

pyserial opens and configures the port; the event loop watches its file descriptor. The port is locked for this
process, and the error says who holds it when it is taken. A port that vanishes gives TransientChannelError; the same
channel object can be reopened when the port is back.
"""

from __future__ import annotations

import asyncio
import errno
import os
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import serial

from .address import SerialAddress
from .channel import READ_LIMIT, AddressError, ChannelBusy, ChannelClosed, TransientChannelError, within

_POLL = 0.1
"""Seconds between two looks for a port that is to come back."""


class SerialChannel:
    """A ``ByteChannel`` on a serial port; made by ``open_serial``."""

    def __init__(self, address: SerialAddress) -> None:
        self.address = address
        self._port: serial.Serial | None = None
        self._fd = -1
        self._closed = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    @property
    def name(self) -> str:
        """The address."""
        return str(self.address)

    def open(self) -> None:
        """Open and lock the port. Raises ChannelBusy, AddressError or TransientChannelError (not there)."""
        self._release()
        self._port, self._closed = _open_port(self.address), False
        self._fd = self._port.fileno()
        os.set_blocking(self._fd, False)

    async def reopen(self, seconds: float) -> None:
        """Open the port again as soon as it is there and free. Raises ChannelTimeout after ``seconds``."""
        self._release()
        async with within(seconds, f"port {self.address.path}"):
            while True:
                with suppress(TransientChannelError, ChannelBusy):
                    return self.open()
                await asyncio.sleep(_POLL)

    async def read(self, limit: int = READ_LIMIT) -> bytes:
        """See ``ByteChannel.read``."""
        self._check()
        if self._reader is not None:
            raise ChannelBusy(f"{self.name}: another read is already waiting")
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._until_readable(self._reader)
            return self._take(limit)
        finally:
            self._reader = None

    async def write(self, data: bytes) -> None:
        """See ``ByteChannel.write``; returns when the driver has taken everything."""
        rest = memoryview(data)
        while rest:
            self._check()
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                await self._until_writable()
            except OSError as reason:
                raise self._vanished(reason) from reason

    async def close(self) -> None:
        """See ``ByteChannel.close``."""
        self._closed = True
        self._release()

    async def _until_readable(self, readable: asyncio.Future[None]) -> None:
        # The wait comes first: these ports are set to answer an empty read at once, which looks like a hang-up.
        loop, fd = asyncio.get_running_loop(), self._fd
        loop.add_reader(fd, _finish, readable)
        try:
            await readable
        finally:
            if fd == self._fd:  # a released port has been removed already, and its number may serve another file
                loop.remove_reader(fd)

    async def _until_writable(self) -> None:
        loop, fd = asyncio.get_running_loop(), self._fd
        if self._writer is not None:
            raise ChannelBusy(f"{self.name}: another write is already waiting")
        self._writer = loop.create_future()
        loop.add_writer(fd, _finish, self._writer)
        try:
            await self._writer
        finally:
            self._writer = None
            if fd == self._fd:
                loop.remove_writer(fd)

    def _take(self, limit: int) -> bytes:
        self._check()
        try:
            taken = os.read(self._fd, limit)
        except OSError as reason:
            raise self._vanished(reason) from reason
        if not taken:
            raise self._vanished("it was ready to read and gave nothing")
        return taken

    def _check(self) -> None:
        if self._closed:
            raise ChannelClosed(f"{self.name}: closed")
        if self._port is None:
            raise TransientChannelError(f"{self.name}: the port is gone; reopen it when it is back")

    def _vanished(self, reason: object) -> TransientChannelError:
        self._release()
        return TransientChannelError(f"{self.name}: the port vanished ({reason}); plug it in again and reopen it")

    def _waiting(self) -> Iterator[tuple[asyncio.Future[None], Callable[[int], bool]]]:
        if self._reader is not None:
            yield self._reader, self._reader.get_loop().remove_reader
        if self._writer is not None:
            yield self._writer, self._writer.get_loop().remove_writer

    def _release(self) -> None:
        if self._port is None:
            return
        port, self._port, fd, self._fd = self._port, None, self._fd, -1
        for waiting, remove in self._waiting():
            remove(fd)
            _finish(waiting)
        with suppress(OSError, serial.SerialException):
            port.close()


async def open_serial(address: SerialAddress) -> SerialChannel:
    """Open a port for this process alone. Raises ChannelBusy, AddressError or TransientChannelError."""
    channel = SerialChannel(address)
    channel.open()
    return channel


def _finish(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def _open_port(address: SerialAddress) -> serial.Serial:
    bits, parity, stop = tuple(address.format)
    try:
        return serial.Serial(
            address.path, address.baud, int(bits), parity, int(stop), timeout=0, write_timeout=0, exclusive=True
        )
    except ValueError as reason:
        raise AddressError(f"{address}: the port cannot be set like this ({reason})") from reason
    except (OSError, serial.SerialException) as reason:
        raise _opening_error(address, reason) from reason


def _opening_error(address: SerialAddress, reason: OSError) -> Exception:
    if reason.errno in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(reason):
        return ChannelBusy(f"{address.path} is in use by {_holder(address.path)}; close that program first")
    if reason.errno == errno.EACCES:
        return AddressError(f"{address.path} may not be opened; add yourself to the group that owns it (ls -l)")
    if reason.errno == errno.ENOENT:
        return TransientChannelError(f"{address.path} is not there; plug the device in or correct the rig file")
    if isinstance(reason.__context__, termios.error):
        return AddressError(f"{address.path} is not a serial port; correct the rig file")
    return TransientChannelError(f"{address.path} cannot be opened: {reason}")


def _holder(path: str) -> str:
    """The process that holds the lock on a port, as far as /proc/locks tells."""
    with suppress(OSError, ValueError, IndexError):
        at = os.stat(path)
        inode = f"{os.major(at.st_dev):02x}:{os.minor(at.st_dev):02x}:{at.st_ino}"
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            words = line.split()
            if inode in words:
                process = words[words.index(inode) - 1]
                return f"process {process} ({Path(f'/proc/{process}/comm').read_text(encoding='utf-8').strip()})"
    return "another program"
