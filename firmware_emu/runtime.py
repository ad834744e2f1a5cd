"""Puts a device behind a wire: the only module of the emulator with input and output.

Messages travel in IEC 62056-47 wrapper frames, long ones in blocks, over any stream of octets: a pseudo-terminal, a
TCP connection on the loopback interface, or a channel object with ``read``, ``write`` and ``close``. Images are
delivered on another port of the same wire (``protocols.image_delivery``). What time it is
comes from a callable, so that a device can live in real, scaled or virtual time.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
import tty
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Protocol

from protocols.dlms.block_link import BlockLink
from protocols.dlms.wrapper import FrameReceived, WrapperLink, encode_frame
from protocols.errors import MeterbenchError
from protocols.image_delivery import PORT as IMAGE_PORT
from protocols.instant import Instant

from .device import Device
from .outputs import Output, SendMessage
from .parts.firmware.intake import take_image_frame

READ_SIZE = 65536
SILENCE = 2.0
"""Seconds without an octet after which an unfinished frame is given up."""
LONGEST_SLEEP = 3600.0
"""Seconds after which the time keeper looks at the clock again, whatever it waits for."""
WAITING_MESSAGES = 1000
"""Messages kept for the next connection while there is none; the oldest are lost first."""
DEVICE_PORT = 1
"""The wrapper port of the device."""

Now = Callable[[], Instant]


class StreamClosed(MeterbenchError):  # noqa: N818 - reads as the state it reports
    """The far end of a stream is gone."""


class Stream(Protocol):
    """Two-way octets. At the end, ``read`` gives nothing or raises a MeterbenchError."""

    async def read(self, limit: int = READ_SIZE) -> bytes: ...

    async def write(self, data: bytes) -> None: ...

    async def close(self) -> None: ...


def _wire_time() -> int:
    """Seconds by which blocks are repeated: a wire knows nothing of the time that its device lives in."""
    return int(time.monotonic())


class ScaledTime:
    """A clock that runs ``speed`` times as fast as the wall clock, from ``start`` on. Call it for the time."""

    def __init__(self, start: Instant, speed: float = 1.0) -> None:
        self._start, self._speed, self._began = start, speed, time.monotonic()

    def __call__(self) -> Instant:
        return self._start + int((time.monotonic() - self._began) * self._speed)

    def seconds_until(self, at: Instant) -> float:
        """Seconds of the wall clock until this clock shows ``at``; 0 if it has been."""
        return max(0.0, (at - self._start) / self._speed - (time.monotonic() - self._began))


class Server:
    """One device and the connection to it. ``watch`` is told of every output, for displays and switches."""

    def __init__(self, device: Device, now: Now, watch: Callable[[Output], None] | None = None) -> None:
        self.device, self.now, self._watch = device, now, watch
        self._stream: Stream | None = None
        self._peer = 0
        self._waiting: deque[bytes] = deque(maxlen=WAITING_MESSAGES)
        self._image_answers: deque[bytes] = deque(maxlen=WAITING_MESSAGES)
        self._blocks = BlockLink()
        self._changed, self._to_write = asyncio.Event(), asyncio.Event()

    async def serve(self, stream: Stream) -> None:
        """Serve one connection until its far end is gone. A new connection takes the place of the one before."""
        link = WrapperLink()
        self._stream, self._blocks = stream, BlockLink()
        self._image_answers.clear()
        writing = asyncio.ensure_future(self._write(stream))
        try:
            while octets := await self._read(stream, link):
                for event in link.feed(octets):
                    if isinstance(event, FrameReceived):
                        await self._hear(event)
        except MeterbenchError:
            return
        finally:
            if self._stream is stream:
                self._stream = None
            writing.cancel()
            await stream.close()

    async def take(self, octets: bytes) -> None:
        """A message has arrived: hand it to the device."""
        await self.give(self.device.receive(octets, self.now()))

    async def give(self, outputs: Iterable[Output]) -> None:
        """Pass the device's outputs on; messages wait while nobody is connected or reads."""
        for output in outputs:
            if self._watch is not None:
                self._watch(output)
            if isinstance(output, SendMessage):
                self._waiting.append(output.octets)
        self._changed.set()
        self._to_write.set()

    async def keep_time(self, clock: ScaledTime) -> None:
        """Let the device do what is due, for ever. Cancel it to stop."""
        while True:
            await self.give(self.device.advance(self.now()))
            wake = self.device.next_wake()
            seconds = LONGEST_SLEEP if wake is None else min(clock.seconds_until(wake), LONGEST_SLEEP)
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()

    async def take_image_frame(self, octets: bytes) -> bytes | None:
        """A frame of an image delivery has arrived: hand it to the device; its answer."""
        answers: list[bytes | None] = []
        work = partial(take_image_frame, self.device, octets)
        await self.give(self.device.through(lambda: answers.append(work()), self.now()))
        return answers[0] if answers else None

    async def _hear(self, frame: FrameReceived) -> None:
        """A frame of the wire: a message, a block of one, or the acknowledgement of blocks; or of an image."""
        if frame.destination == IMAGE_PORT:
            answer = await self.take_image_frame(frame.payload)
            if answer is not None:
                self._image_answers.append(encode_frame(answer, IMAGE_PORT, frame.source))
        else:
            self._peer = frame.source
            for message in self._blocks.receive(frame.payload, _wire_time()):
                await self.take(message)
        self._to_write.set()

    async def _write(self, stream: Stream) -> None:
        """Write what there is to be written, until cancelled: the device never waits for those who do not read."""
        try:
            while True:
                self._to_write.clear()
                while self._image_answers:
                    await stream.write(self._image_answers.popleft())
                for unit in self._units():
                    await stream.write(encode_frame(unit, DEVICE_PORT, self._peer))
                await self._to_write.wait()
        except MeterbenchError:
            return  # the reading side learns of it too

    def _units(self) -> Iterator[bytes]:
        """What is to be written now; a message is taken off the queue when the ones before it are written."""
        while True:
            now = _wire_time()
            timer = self._blocks.next_timer()
            if timer is not None and timer <= now:
                self._blocks.on_timer(now)
            units = self._blocks.take_output()
            yield from units
            if not units and not self._waiting:
                return
            if not units:
                self._blocks.send(self._waiting.popleft(), now)

    @staticmethod
    async def _read(stream: Stream, link: WrapperLink) -> bytes:
        while link.unfinished:
            try:
                async with asyncio.timeout(SILENCE):
                    return await stream.read()
            except TimeoutError:
                link.discard("unfinished, then silence")
        return await stream.read()


class _PtyStream:
    """The device's end of a pseudo-terminal. The other end stays open here, so that clients may come and go."""

    def __init__(self, device_end: int) -> None:
        self._end = device_end
        self._closed = False
        os.set_blocking(device_end, False)

    async def read(self, limit: int = READ_SIZE) -> bytes:
        while not self._closed:
            try:
                return os.read(self._end, limit)
            except BlockingIOError:
                await self._ready(asyncio.get_running_loop().add_reader, asyncio.get_running_loop().remove_reader)
        return b""

    async def write(self, data: bytes) -> None:
        while data:
            if self._closed:
                raise StreamClosed("the pseudo-terminal is closed")
            try:
                data = data[os.write(self._end, data) :]
            except BlockingIOError:
                await self._ready(asyncio.get_running_loop().add_writer, asyncio.get_running_loop().remove_writer)

    async def close(self) -> None:
        self._closed = True

    async def _ready(self, add: Callable[..., object], remove: Callable[[int], object]) -> None:
        ready = asyncio.Event()
        add(self._end, ready.set)
        try:
            await ready.wait()
        finally:
            remove(self._end)


class _TcpStream:
    """A connection that asyncio accepted."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, limit: int = READ_SIZE) -> bytes:
        try:
            return await self._reader.read(limit)
        except OSError as error:
            raise StreamClosed(str(error)) from error

    async def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise StreamClosed(str(error)) from error

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


@asynccontextmanager
async def on_pty(server: Server) -> AsyncIterator[str]:
    """Serve the device on a new pseudo-terminal; gives the path that a client opens like a serial port."""
    device_end, client_end = os.openpty()
    try:
        tty.setraw(client_end)
        async with _running(server.serve(_PtyStream(device_end))):
            yield os.ttyname(client_end)
    finally:
        os.close(device_end)
        os.close(client_end)


@asynccontextmanager
async def on_tcp(server: Server, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[tuple[str, int]]:
    """Serve the device on a TCP port; 0 takes a free one. Gives the address and port."""
    with socket.create_server((host, port), family=_family(host)) as listener:
        listener.setblocking(False)
        bound = listener.getsockname()
        async with _accepting(server, listener):
            yield bound[0], bound[1]


@asynccontextmanager
async def _accepting(server: Server, listener: socket.socket) -> AsyncIterator[None]:
    """Serve whoever connects; at the end, end every connection.

    asyncio's own server loses a connection that is accepted in the moment when it is closed.
    """
    loop, connections = asyncio.get_running_loop(), dict[asyncio.Task[None], socket.socket]()

    async def serve(connection: socket.socket) -> None:
        await server.serve(_TcpStream(*await asyncio.open_connection(sock=connection)))

    def accept() -> None:
        with suppress(OSError):  # the far end may be gone again
            connection, _ = listener.accept()
            connection.setblocking(False)
            serving = asyncio.ensure_future(serve(connection))
            connections[serving] = connection
            serving.add_done_callback(lambda done: connections.pop(done).close())

    loop.add_reader(listener, accept)
    try:
        yield
    finally:
        loop.remove_reader(listener)
        for serving in connections:
            serving.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await asyncio.sleep(0)  # for the last connections to be put away


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


@asynccontextmanager
async def _running(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
