"""An emulated device behind a wire: the bench starts the device on one end and keeps the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from firmware_emu import Device, Output, SendMessage
from firmware_emu.runtime import Server, Stream, on_pty
from hal.address import PtyAddress
from hal.channel import ByteChannel, within
from hal.memory import memory_pair
from hal.opening import open_channel
from protocols.instant import Instant

from .clock import Clock
from .devices import make_device
from .pki import TestPki
from .rig import DeviceSection, Rig

SETTLE_SECONDS = 30.0
"""Real time that an emulated device may take for one message before the bench calls it stuck."""


class Emulated(Server):
    """A running device. ``sent`` counts the messages that it has sent, ``taken`` those that it has dealt with."""

    def __init__(self, device: Device, clock: Clock) -> None:
        super().__init__(device, self._time_of_arrival)
        self._clock = clock
        self.sent = self.taken = 0
        self._arriving = False
        self._failure: Exception | None = None
        self._moved = asyncio.Event()
        self._wire = AsyncExitStack()

    def _time_of_arrival(self) -> Instant:
        """The server asks for the time exactly when it hands a message to the device."""
        self._arriving = True
        return self._clock.now()

    async def give(self, outputs: Iterable[Output]) -> None:
        """Count what the device does, then pass it on."""
        outputs = list(outputs)
        self.sent += sum(isinstance(output, SendMessage) for output in outputs)
        self.taken += self._arriving
        self._arriving = False
        await super().give(outputs)
        self._moved.set()

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

    async def start(self, pty: bool) -> ByteChannel:
        """Power on and serve; gives the bench's end of the wire."""
        now = self._clock.now()
        if pty:
            path = await self._wire.enter_async_context(on_pty(self))
            channel = await open_channel(PtyAddress(path))
        else:
            channel = await self._wire.enter_async_context(_in_memory(self))
        await self.give(self.device.power_on(now))
        return channel

    async def advance(self, now: Instant) -> None:
        """Let time pass for the device."""
        await self.give(self.device.advance(now))

    async def stop(self) -> None:
        """Give the wire back; what the device remembers is forgotten with it."""
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


async def start_emulated(section: DeviceSection, rig: Rig, pki: TestPki, clock: Clock) -> tuple[Emulated, ByteChannel]:
    """Make the device of a rig's section and start it; gives it and the bench's end of its wire."""
    emulated = Emulated(make_device(section, rig, pki), clock)
    return emulated, await emulated.start(isinstance(section.reach, PtyAddress))
