"""What tunnels of the home area network carry: GBCS messages, bare or under a GB-HRGP header (GBCS 10.2.3).

Electricity meters, prepayment displays and load switches keep a tunnel from the hub, in which messages lie bare. The
gas meter, which sleeps, fetches what waits for it and hands over what it has; its tunnel puts a header before every
message. In ``SendHan`` and ``Device.receive_han`` the tunnelling cluster stands for the tunnel: the octets are what
it carries. Opening tunnels and the frames around them are the business of the port that a device is behind.
"""

from __future__ import annotations

from typing import NamedTuple

from protocols.errors import DecodeError
from protocols.eui64 import Eui64

TUNNELLING = 0x0704
"""The cluster."""
COORDINATOR = Eui64(bytes(8))
"""In ``SendHan``: the hub of the device's own network."""
EVERY_SERVER = Eui64(b"\xff" * 8)
"""In ``SendHan``: every device that serves the cluster; a port finds them by service discovery."""

GET = b"\x01"
"""The gas meter is awake and asks for what waits."""
_GET_RESPONSE, _PUT = 0x02, 0x03
_MOST_REMAINING = 255


class GetResponse(NamedTuple):
    """How many messages remain behind this one, and the message; None if none waits."""

    remaining: int
    message: bytes | None

    def encode(self) -> bytes:
        """Header and message."""
        return bytes([_GET_RESPONSE, min(self.remaining, _MOST_REMAINING)]) + (self.message or b"")


def put(message: bytes) -> bytes:
    """What the gas meter sends to hand over a message."""
    return bytes([_PUT]) + message


def handed_over(octets: bytes) -> bytes | None:
    """The message that a device gives to the hub, bare or under a header; None if it asks for what waits."""
    if octets == GET:
        return None
    return octets[1:] if octets[:1] == bytes([_PUT]) else octets


def given_out(octets: bytes) -> GetResponse:
    """What the hub gives to a gas meter. Raises DecodeError."""
    if len(octets) < 2 or octets[0] != _GET_RESPONSE:
        raise DecodeError(0, "a GET-RESPONSE", octets[:2].hex() or "nothing")
    return GetResponse(octets[1], octets[2:] or None)
