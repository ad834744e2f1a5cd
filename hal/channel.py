"""What every wire looks like from above: octets in, octets out, typed errors, bounded waits.

A channel has one owner and one reader at a time. ``read`` waits without a limit of its own; the caller bounds it
with ``within``, so that the limit stands where the reason for it is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, runtime_checkable

from protocols.errors import MeterbenchError

READ_LIMIT = 65536
"""The most octets that one read takes when the caller names no limit."""


class ChannelError(MeterbenchError):
    """Something is wrong with the wire: neither the device nor the message is to blame."""


class ChannelClosed(ChannelError):  # noqa: N818 - reads as the state it reports
    """The channel was closed, on this side or in good order on the far one. It does not come back."""


class TransientChannelError(ChannelError):
    """The wire is gone for now (unplugged, refused, reset); reopening may succeed."""


class ChannelTimeout(TransientChannelError, TimeoutError):  # noqa: N818 - as TimeoutError in the standard library
    """Nothing happened within the time that the caller gave."""


class ChannelBusy(ChannelError):  # noqa: N818 - reads as the state it reports
    """Somebody else owns the port or is already reading from this channel."""


class AddressError(ChannelError, ValueError):
    """An address that cannot be understood or opened. The text says what is expected and what to do."""


@runtime_checkable
class ByteChannel(Protocol):
    """A two-way stream of octets without boundaries."""

    @property
    def name(self) -> str:
        """The address, as a person would write it."""
        ...

    async def read(self, limit: int = READ_LIMIT) -> bytes:
        """At least one octet and at most ``limit``, as soon as there are any.

        Raises ChannelClosed when there will be no more, TransientChannelError when the wire is gone,
        ChannelBusy when another read is waiting.
        """
        ...

    async def write(self, data: bytes) -> None:
        """Hand over all of ``data``; returns when the wire has taken it. Raises as ``read`` does."""
        ...

    async def close(self) -> None:
        """Give the wire back. A waiting read ends with ChannelClosed. Closing twice is no error."""
        ...


@asynccontextmanager
async def within(seconds: float, what: str) -> AsyncIterator[None]:
    """Bound what happens inside to ``seconds``; raises ChannelTimeout naming ``what`` was waited for."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except ChannelTimeout:
        raise
    except TimeoutError:
        raise ChannelTimeout(f"no {what} within {seconds:g} s") from None
