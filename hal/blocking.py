"""A thin blocking face for scripts and the interactive prompt.

    with open_blocking("tcp:127.0.0.1:4059") as meter:
        meter.send(command)
        print(meter.receive(seconds=10).payload.hex())

It runs an event loop of its own and cannot be used inside a running one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from .frame import Frame, FrameChannel
from .opening import open_frames


class BlockingFrames:
    """A ``FrameChannel`` without ``await``; the errors are the same."""

    def __init__(self, opener: Callable[[], Awaitable[FrameChannel]]) -> None:
        self._runner = asyncio.Runner()
        try:
            self._channel = self._runner.run(_opened(opener))
        except BaseException:
            self._runner.close()
            raise

    @property
    def name(self) -> str:
        """The address."""
        return self._channel.name

    def send(self, payload: bytes, source: int = 1, destination: int = 1) -> None:
        """See ``FrameChannel.send``."""
        self._runner.run(self._channel.send(payload, source, destination))

    def receive(self, seconds: float) -> Frame:
        """See ``FrameChannel.receive``."""
        return self._runner.run(self._channel.receive(seconds))

    def close(self) -> None:
        """Give the wire and the event loop back."""
        try:
            self._runner.run(self._channel.close())
        finally:
            self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_blocking(address: str) -> BlockingFrames:
    """Open the wire that ``address`` names for frames. Raises as ``open_channel`` does."""
    return BlockingFrames(lambda: open_frames(address))


async def _opened(opener: Callable[[], Awaitable[FrameChannel]]) -> FrameChannel:
    return await opener()
