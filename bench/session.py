"""One device as the bench meets it: something on a wire that takes messages and sends some.

Whether the device is real or emulated is not visible here, but for one thing: of an emulated device the bench knows
how many messages it has sent, so that it need not wait for one that does not come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from hal.channel import ChannelClosed, ChannelTimeout, within
from hal.frame import Frame, FrameChannel
from protocols.errors import DecodeError
from protocols.gbcs.message import Message
from protocols.image_delivery import PORT as IMAGE_PORT

MOST_MESSAGES = 1000
"""Messages after which the one that is waited for is given up; a device may send alerts without end."""


class Arrived(NamedTuple):
    """Octets that a device sent; ``message`` is None where they are no GBCS message."""

    octets: bytes
    message: Message | None


class Outstanding(Protocol):
    """What is known of an emulated device behind the wire."""

    async def settled(self, messages: int) -> None:
        """Returns when the device has dealt with so many messages."""

    @property
    def sent(self) -> int:
        """Messages that the device has sent so far."""


class Session:
    """Sends and collects on one frame channel. ``seconds`` bounds, in real time, the wait for one message."""

    def __init__(self, channel: FrameChannel, seconds: float, device: Outstanding | None = None) -> None:
        self._channel, self._seconds, self._device = channel, seconds, device
        self.sent = self.received = 0
        self._kept: deque[Frame] = deque()

    async def send(self, octets: bytes) -> None:
        """Send one message."""
        try:
            await self._channel.send(octets)
        except ChannelClosed:
            if self._device is not None:
                await self._device.settled(0)  # which tells what broke an emulated device off
            raise
        self.sent += 1

    async def collect(self, until: Callable[[Arrived], bool]) -> list[Arrived]:
        """What arrives up to and including the message that ``until`` accepts.

        Raises NothingCame, which holds what did arrive, when that message does not come.
        """
        arrived: list[Arrived] = []
        while not arrived or not until(arrived[-1]):
            if len(arrived) == MOST_MESSAGES or not await self._more():
                raise NothingCame(arrived)
            try:
                arrived.append(await self._receive())
            except ChannelTimeout:
                raise NothingCame(arrived) from None
        return arrived

    async def rest(self) -> list[Arrived]:
        """What an emulated device has sent besides; of a real one this is not known, and nothing is waited for."""
        arrived: list[Arrived] = []
        while self._device is not None and await self._more():
            arrived.append(await self._receive())
        return arrived

    async def send_image_frame(self, octets: bytes) -> None:
        """Send a frame of an image delivery."""
        await self._channel.send(octets, IMAGE_PORT, IMAGE_PORT)

    async def receive_image_frame(self, seconds: float) -> bytes:
        """The next frame of an image delivery; messages that come before it are kept. Raises ChannelTimeout."""
        async with within(seconds, "frame of an image delivery"):
            while True:
                frame = await self._channel.receive(seconds)
                if frame.source == IMAGE_PORT:
                    return frame.payload
                self._kept.append(frame)

    async def close(self) -> None:
        """Give the wire back."""
        await self._channel.close()

    async def _more(self) -> bool:
        if self._device is None:
            return True
        await self._device.settled(self.sent)
        return self._device.sent > self.received

    async def _receive(self) -> Arrived:
        frame = self._kept.popleft() if self._kept else await self._channel.receive(self._seconds)
        while frame.source == IMAGE_PORT:  # late, of a delivery that is over
            frame = await self._channel.receive(self._seconds)
        self.received += 1
        try:
            return Arrived(frame.payload, Message.decode(frame.payload))
        except DecodeError:
            return Arrived(frame.payload, None)


class NothingCame(ChannelTimeout):
    """The message waited for did not come; ``arrived`` is what came instead."""

    def __init__(self, arrived: list[Arrived]) -> None:
        super().__init__(f"no answer; {len(arrived)} other messages came")
        self.arrived = arrived
