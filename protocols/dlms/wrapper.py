"""The wrapper that carries DLMS units over a stream of octets (IEC 62056-47).

Eight octets stand before every unit: version 0001, source port, destination port, length; each 16 bits, big-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ..errors import EncodeError

VERSION = b"\x00\x01"
HEADER_LENGTH = 8
MAX_PAYLOAD = 0xFFFF
_PORTS_AND_LENGTH = struct.Struct(">2xHHH")


@dataclass(frozen=True, slots=True)
class FrameReceived:
    """One whole unit. Ports are unsigned, 16 bits."""

    source: int
    destination: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class BadFrame:
    """Octets that are no frame and were passed over."""

    reason: str
    octets: bytes


Event = FrameReceived | BadFrame


def encode_frame(payload: bytes, source: int, destination: int) -> bytes:
    """One wrapped unit. Raises EncodeError for ports beyond 16 bits and payloads beyond 65535 octets."""
    if len(payload) > MAX_PAYLOAD:
        raise EncodeError(f"at most {MAX_PAYLOAD} octets, {len(payload)} given", ("payload",))
    for name, port in (("source", source), ("destination", destination)):
        if not 0 <= port <= 0xFFFF:
            raise EncodeError(f"a port is 0 to 65535, not {port}", (name,))
    return VERSION + struct.pack(">HHH", source, destination, len(payload)) + payload


class WrapperLink:
    """Cuts a stream of octets into frames. Holds at most one unfinished frame.

    Octets that do not begin a frame are passed over up to the next version number, and reported as they come.
    ``longest`` limits the payload that is waited for; a header that promises more is taken for noise.
    """

    def __init__(self, longest: int = MAX_PAYLOAD) -> None:
        self._longest = longest
        self._octets = bytearray()

    def feed(self, octets: bytes) -> list[Event]:
        """Take octets as they come, in pieces of any size; return what became of them, in order."""
        self._octets += octets
        events: list[Event] = []
        at = 0
        while (step := self._next(at, events)) is not None:
            at = step
        del self._octets[:at]
        return events

    def discard(self, reason: str) -> list[Event]:
        """Give up an unfinished frame, at the end of the stream or after too long a pause."""
        rest = bytes(self._octets)
        self._octets.clear()
        return [BadFrame(reason, rest)] if rest else []

    @property
    def unfinished(self) -> int:
        """Octets held that are no whole frame yet."""
        return len(self._octets)

    def _next(self, at: int, events: list[Event]) -> int | None:
        """Read one frame, or pass over noise; the offset after it, or None when more octets are needed."""
        buffer = self._octets
        if not VERSION.startswith(buffer[at : at + 2]):
            return self._skip(at, events, "no version 0001")
        if len(buffer) - at < HEADER_LENGTH:
            return None
        length: int
        source, destination, length = _PORTS_AND_LENGTH.unpack_from(buffer, at)
        if length > self._longest:
            return self._skip(at, events, f"a length of {length}, beyond {self._longest}")
        stop = at + HEADER_LENGTH + length
        if stop > len(buffer):
            return None
        events.append(FrameReceived(source, destination, bytes(buffer[at + HEADER_LENGTH : stop])))
        return stop

    def _skip(self, at: int, events: list[Event], reason: str) -> int:
        buffer = self._octets
        found = buffer.find(VERSION, at + 1)
        if found < 0:  # the last octet may be the first half of a version number
            found = len(buffer) - 1 if buffer[-1] == VERSION[0] and len(buffer) - 1 > at else len(buffer)
        events.append(BadFrame(reason, bytes(buffer[at:found])))
        return found
