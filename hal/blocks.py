"""Messages of any length over a wire of short units (general block transfer)."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress

from protocols.dlms.block_link import LONGEST_UNIT, BlockLink

from .channel import ChannelTimeout
from .frame import Frame, FrameChannel

MESSAGE_PORT = 1
"""The wrapper port of GBCS messages at a device."""
ACKNOWLEDGEMENT_SECONDS = 10.0
"""How long a new message waits for the acknowledgement of the one before."""


class BlockChannel:
    """A ``FrameChannel`` on another one: messages of more than ``longest`` octets go and come in blocks.

    Blocks that are lost are repeated while somebody waits in ``receive``. What is sent to another port than that of
    messages, and what comes back from there, passes as it is.
    """

    def __init__(self, channel: FrameChannel, longest: int = LONGEST_UNIT) -> None:
        self._channel, self._link = channel, BlockLink(longest)
        self._arrived: deque[Frame] = deque()
        self._ports = (1, 1)
        self._plain: set[int] = set()

    @property
    def name(self) -> str:
        """The address of the channel below."""
        return self._channel.name

    async def send(self, payload: bytes, source: int = 1, destination: int = 1) -> None:
        """See ``FrameChannel.send``; a message that no transfer can carry is an EncodeError too."""
        if destination != MESSAGE_PORT:
            self._plain.add(source)
            await self._channel.send(payload, source, destination)
            return
        self._ports = (source, destination)
        await self._finish_sending()
        self._link.send(payload, _now())
        await self._flush()

    async def receive(self, seconds: float) -> Frame:
        """See ``FrameChannel.receive``; ``seconds`` bound the wait for a whole message."""
        deadline = time.monotonic() + seconds
        while not self._arrived:
            await self._hear(deadline, seconds)
        return self._arrived.popleft()

    async def close(self) -> None:
        """See ``FrameChannel.close``."""
        await self._channel.close()

    async def _finish_sending(self) -> None:
        """Hear what the far side says to the message before, which nobody may have waited for."""
        deadline = time.monotonic() + ACKNOWLEDGEMENT_SECONDS
        with suppress(ChannelTimeout):
            while self._link.sending:
                await self._hear(deadline, ACKNOWLEDGEMENT_SECONDS)

    async def _hear(self, deadline: float, seconds: float) -> None:
        """Take one unit; ask again for what is due."""
        self._link.on_timer(_now())
        await self._flush()
        timer, now = self._link.next_timer(), time.monotonic()
        if now >= deadline:
            raise ChannelTimeout(f"no message within {seconds:g} s")
        with suppress(ChannelTimeout):
            frame = await self._channel.receive((deadline if timer is None else min(timer, deadline)) - now)
            if frame.destination in self._plain:
                self._arrived.append(frame)
                return
            for message in self._link.receive(frame.payload, _now()):
                self._arrived.append(Frame(message, frame.source, frame.destination))
            await self._flush()

    async def _flush(self) -> None:
        for unit in self._link.take_output():
            await self._channel.send(unit, *self._ports)


def _now() -> int:
    """Whole seconds of this computer's clock."""
    return int(time.monotonic())
