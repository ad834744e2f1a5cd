"""How the hub names a message that it could not pass on, in the alerts that tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protocols.gbcs.message import Message


def identification(message: Message) -> bytes:
    """Which message: originator, recipient, CRA flag, counter (big-endian); 25 octets."""
    parts = (message.originator, message.recipient, bytes([message.cra]), message.counter.to_bytes(8, "big"))
    return b"".join(parts)
