"""Frames on a wire: whole messages with the addresses of both ends (IEC 62056-47 wrapper).

A bad frame is recorded and reported, and the channel goes on with the next one: it never makes a receiver wait for
octets that will not come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

from protocols.dlms.wrapper import BadFrame, Event, WrapperLink, encode_frame

from .channel import ByteChannel, ChannelTimeout, within

BAD_FRAMES_KEPT = 1000
"""Bad frames that a channel remembers; older ones are forgotten, not counted wrongly (see ``bad_frame_count``)."""


class Frame(NamedTuple):
    """One message. ``source`` and ``destination`` are wrapper ports, unsigned, 16 bits."""

    payload: bytes
    source: int
    destination: int


@runtime_checkable
class FrameChannel(Protocol):
    """A wire that carries whole messages."""

    @property
    def name(self) -> str:
        """The address, as a person would write it."""
        ...

    async def send(self, payload: bytes, source: int = 1, destination: int = 1) -> None:
        """Send one message. Raises EncodeError for one that no frame can hold, else as ``ByteChannel.write``."""
        ...

    async def receive(self, seconds: float) -> Frame:
        """The next message. Raises ChannelTimeout after ``seconds``, else as ``ByteChannel.read``."""
        ...

    async def close(self) -> None:
        """Give the wire back."""
        ...


class WrapperChannel:
    """A ``FrameChannel`` on any byte channel, in IEC 62056-47 wrapper frames.

    ``bad_frames`` holds the latest bad frames; ``on_bad_frame``, if given, hears of each one when it is seen.
    """

    def __init__(self, channel: ByteChannel, on_bad_frame: Callable[[BadFrame], None] | None = None) -> None:
        self._channel, self._link, self._on_bad_frame = channel, WrapperLink(), on_bad_frame
        self._arrived: deque[Frame] = deque()
        self.bad_frames: deque[BadFrame] = deque(maxlen=BAD_FRAMES_KEPT)
        self.bad_frame_count = 0

    @property
    def name(self) -> str:
        """The address of the byte channel."""
        return self._channel.name

    async def send(self, payload: bytes, source: int = 1, destination: int = 1) -> None:
        """See ``FrameChannel.send``."""
        await self._channel.write(encode_frame(payload, source, destination))

    async def receive(self, seconds: float) -> Frame:
        """See ``FrameChannel.receive``; bad frames on the way are recorded and passed over.

        A frame that has begun may go on in the next call, but one that stood still for a whole call is given up.
        """
        heard = False
        try:
            async with within(seconds, "frame"):
                while not self._arrived:
                    self._take(await self._channel.read())
                    heard = True
        except ChannelTimeout:
            if not heard:
                self._note(self._link.discard(f"unfinished, then silence for {seconds:g} s"))
            raise
        return self._arrived.popleft()

    async def close(self) -> None:
        """See ``FrameChannel.close``."""
        await self._channel.close()

    def _take(self, octets: bytes) -> None:
        self._note(self._link.feed(octets))

    def _note(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, BadFrame):
                self._record(event)
            else:
                self._arrived.append(Frame(event.payload, event.source, event.destination))

    def _record(self, bad: BadFrame) -> None:
        self.bad_frames.append(bad)
        self.bad_frame_count += 1
        if self._on_bad_frame is not None:
            self._on_bad_frame(bad)
