"""Emulated devices behind wires: the bench starts a device on one end of a wire and keeps the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from firmware_emu import Device, Output, SendMessage
from firmware_emu.runtime import Now, Server, Stream, on_pty
from hal.address import PtyAddress
from hal.channel import ByteChannel, within
from hal.memory import memory_pair
from hal.opening import open_channel

SETTLE_SECONDS = 30.0
"""Real time that an emulated device may take for one message before the bench calls it stuck."""


class Emulated(Server):
    """A running device at its wire. ``sent`` counts the messages that it sent, ``taken`` those that it dealt with.

    ``deliver`` hands it a message where it lives, in its home, and passes on what follows; ``deliver_image`` does so
    with a frame of an image delivery, and gives the answer.
    """

    def __init__(
        self,
        device: Device,
        now: Now,
        deliver: Callable[[Emulated, bytes], Awaitable[None]],
        deliver_image: Callable[[Emulated, bytes], Awaitable[bytes | None]],
    ) -> None:
        super().__init__(device, now)
        self._deliver, self._deliver_image = deliver, deliver_image
        self.sent = self.taken = 0
        self._failure: Exception | None = None
        self._moved = asyncio.Event()
        self._wire = AsyncExitStack()

    async def take(self, octets: bytes) -> None:
        """A message has arrived at the wire."""
        await self._deliver(self, octets)
        self.taken += 1
        self._moved.set()

    async def take_image_frame(self, octets: bytes) -> bytes | None:
        """A frame of an image delivery has arrived at the wire; the answer."""
        return await self._deliver_image(self, octets)

    async def give(self, outputs: Iterable[Output]) -> None:
        """Count the messages, then pass them on."""
        outputs = list(outputs)
        self.sent += sum(isinstance(output, SendMessage) for output in outputs)
        await super().give(outputs)

    async def serve(self, stream: Stream) -> None:
        """As the server does; what breaks it off is raised to whoever waits for the device."""
        try:
            await super().serve(stream)
        except Exception as error:  # noqa: BLE001 - raised again by ``settled``
            self._failure = error
        finally:
            self._moved.set()

    async def settled(self, messages: int) -> None:
        """Returns when the device has dealt with so many messages; raises what broke it off, or ChannelTimeout."""
        async with within(SETTLE_SECONDS, "reaction of the emulated device"):
            while self.taken < messages and self._failure is None:
                self._moved.clear()
                await self._moved.wait()
        if self._failure is not None:
            raise self._failure

    async def connect(self, pty: bool) -> ByteChannel:
        """Serve; gives the bench's end of the wire."""
        if pty:
            path = await self._wire.enter_async_context(on_pty(self))
            return await open_channel(PtyAddress(path))
        return await self._wire.enter_async_context(_in_memory(self))

    async def stop(self) -> None:
        """Give the wire back."""
        await self._wire.aclose()


@asynccontextmanager
async def _in_memory(server: Server) -> AsyncIterator[ByteChannel]:
    near, far = memory_pair()
    task = asyncio.create_task(server.serve(far))
    try:
        yield near
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
