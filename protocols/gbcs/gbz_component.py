"""Components of GBZ payloads (GBCS 7.2.9): a header in big-endian order around one ZigBee Cluster Library frame.

A component may be encrypted: then only its ZCL payload is hidden, cluster and command stay readable.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ..errors import DecodeError, EncodeError
from ..grammar import Fixed, Format, Record, Uint, truncated
from ..instant import Instant
from ..zigbee.smart_energy import decode_command
from ..zigbee.zcl import (
    DEFAULT_RESPONSE,
    FRAME_CONTROLS,
    READ_ATTRIBUTES,
    READ_ATTRIBUTES_RESPONSE,
    ClusterCommand,
    Content,
    DefaultResponse,
    Frame,
    ReadAttributes,
    ReadAttributesResponse,
    UnknownCommand,
)

PROFILE = b"\x01\x09"
"""The Smart Energy profile id, the first two octets of every GBZ payload."""
LAST, ENCRYPTED, DATED = 0x01, 0x02, 0x10
"""Bits of a component's control octet. Encrypted and dated do not go together."""
FROM_NOW = 0x00000000
FROM_NEVER = 0xFFFFFFFF
"""From-date-times that mean "at once" and "cancel"."""
TAG_LENGTH = 12
SECURITY_HEADER = bytes.fromhex("3100000000")
"""Security control 31 (suite 1, authenticated and encrypted), then an invocation counter that is always 0."""

_CONTROLS = frozenset((0x00, LAST, ENCRYPTED, LAST | ENCRYPTED, DATED, LAST | DATED))


class Encrypted(NamedTuple):
    """The hidden ZCL payload. ``frame_counter`` numbers the encrypted components of a message from 0.

    The counter is not part of the initialisation vector.
    """

    frame_counter: int
    ciphertext: bytes
    tag: bytes

    @property
    def part(self) -> bytes:
        """Security header, ciphertext and tag: what is handed over for decryption."""
        return SECURITY_HEADER + self.ciphertext + self.tag


class Component(NamedTuple):
    """One ZCL frame. ``content`` is None while it is ``encrypted`` and nobody has opened it.

    ``from_date_time`` is None where absent, else 0 now, FFFFFFFF cancel, or an instant.
    """

    cluster: int
    frame: Frame
    content: Content | None
    from_date_time: Instant | None = None
    encrypted: Encrypted | None = None

    @classmethod
    def of(
        cls,
        content: ClusterCommand,
        sequence: int = 0,
        from_date_time: Instant | None = None,
        *,
        disable_default_response: bool = False,
    ) -> Component:
        """The component of a cluster command; cluster, direction and command id are those of its row."""
        row = content.row
        control = 0x01 | (0x08 if row.to_client else 0) | (0x10 if disable_default_response else 0)
        return cls(row.cluster, Frame(FRAME_CONTROLS[control], sequence, row.command), content, from_date_time)

    @classmethod
    def general(
        cls,
        cluster: int,
        content: ReadAttributes | ReadAttributesResponse | DefaultResponse,
        sequence: int = 0,
        *,
        to_client: bool = False,
        disable_default_response: bool = False,
    ) -> Component:
        """The component of a general command. A reading client sends ``to_client`` False, its server answers True."""
        control = (0x08 if to_client else 0) | (0x10 if disable_default_response else 0)
        return cls(cluster, Frame(FRAME_CONTROLS[control], sequence, _GENERAL[type(content)]), content)

    def with_plaintext(self, octets: bytes) -> Component:
        """The same component, still encrypted, with ``content`` decoded from the plaintext. Raises DecodeError."""
        return self._replace(content=decode_command(self.cluster, self.frame.frame_control, self.frame.command, octets))

    def plaintext(self) -> bytes:
        """The ZCL payload of ``content``. Raises EncodeError, also where the frame announces another command."""
        content = self.content
        if content is None:
            raise EncodeError("encrypted and not opened", ("content",))
        if not isinstance(content, UnknownCommand) and _command_key(content, self.cluster) != self._key():
            raise EncodeError(f"{content.name} stands in the frame of another command", ("content",))
        return content.encode()

    def _key(self) -> tuple[int, bool | None, int]:
        kind = self.frame.frame_control & 7
        to_client = self.frame.frame_control & 8 != 0
        return self.cluster, to_client if kind == 1 else None, self.frame.command if kind < 2 else -1

    def sealed(self, frame_counter: int, part: bytes) -> Component:
        """The same component encrypted as ``part`` (see ``Encrypted.part``); ``content`` stays for the reader."""
        body, tag = len(SECURITY_HEADER), len(part) - TAG_LENGTH
        if part[:body] != SECURITY_HEADER or tag < body:
            raise EncodeError("an encrypted part is 31 00 00 00 00, ciphertext and a tag of 12 octets", ("encrypted",))
        return self._replace(encrypted=Encrypted(frame_counter, part[body:tag], part[tag:]))

    def opened(self) -> Component:
        """The same component in clear."""
        return self._replace(encrypted=None)

    def encode(self, *, last: bool) -> bytes:
        """The octets of the component; ``last`` sets its last-component flag. Raises EncodeError."""
        if self.encrypted is not None:
            return self._encode_encrypted(LAST * last | ENCRYPTED, self.encrypted)
        frame = _FRAME.encode(self.frame) + self.plaintext()
        if self.from_date_time is None:
            return _HEADER.encode(Header(LAST * last, self.cluster, len(frame))) + frame
        dated = _INSTANT.encode(_FromDateTime(self.from_date_time)) + frame
        return _HEADER.encode(Header(LAST * last | DATED, self.cluster, len(dated))) + dated

    def _encode_encrypted(self, control: int, hidden: Encrypted) -> bytes:
        if self.from_date_time is not None:
            raise EncodeError("an encrypted component has none", ("from_date_time",))
        if len(hidden.tag) != TAG_LENGTH:
            raise EncodeError(f"{TAG_LENGTH} octets needed, {len(hidden.tag)} given", ("encrypted", "tag"))
        ciphered = hidden.part
        rest = [_ADDITIONAL_HEADER.encode(hidden), _FRAME.encode(self.frame), _LENGTH.encode(len(ciphered)), ciphered]
        return _HEADER.encode(Header(control, self.cluster, sum(map(len, rest)))) + b"".join(rest)


class Header(NamedTuple):
    """What begins every component; ``length`` counts the octets behind it."""

    control: int
    cluster: int
    length: int


class _FrameCounter(NamedTuple):
    frame_counter: int


class _FromDateTime(NamedTuple):
    from_date_time: Instant


_GENERAL: Mapping[type, int] = {
    ReadAttributes: READ_ATTRIBUTES,
    ReadAttributesResponse: READ_ATTRIBUTES_RESPONSE,
    DefaultResponse: DEFAULT_RESPONSE,
}


def _command_key(content: Content, cluster: int) -> tuple[int, bool | None, int]:
    """Cluster, direction (None for general commands) and id of a command."""
    if isinstance(content, ClusterCommand):
        return content.row.cluster, content.row.to_client, content.row.command
    return cluster, None, _GENERAL[type(content)]


_HEADER = Record(Header, "control" / Uint(1), "cluster" / Uint(2), "length" / Uint(2))
_HEADER_OCTETS = struct.Struct(">BHH")  # the same; a payload may have 255 components
_ADDITIONAL_HEADER = Record(_FrameCounter, Fixed(b"\x00"), "frame_counter" / Uint(1))
_FRAME = Record(Frame, "frame_control" / Uint(1), "sequence" / Uint(1), "command" / Uint(1))
_INSTANT = Record(_FromDateTime, "from_date_time" / Uint(4))
_LENGTH = Uint(2)


_component: Callable[[tuple[Any, ...]], Component] = partial(tuple.__new__, Component)  # the cheaper call
_frame: Callable[[tuple[Any, ...]], Frame] = partial(tuple.__new__, Frame)


def take_component(data: bytes, at: int, end: int, *, last: bool) -> tuple[Component, int]:
    """Read one component, whose last-component flag must be as ``last`` says."""
    start = at + _HEADER_OCTETS.size
    if start > end:
        _HEADER.take(data, at, end)  # which says what is missing
    control, cluster, length = _HEADER_OCTETS.unpack_from(data, at)
    if control not in _CONTROLS:
        raise DecodeError(at, "a control of 00, 01, 02, 03, 10 or 11", f"{control:02X}", ("control",))
    if control & LAST != last:
        wanted = "the last-component flag" if last else "no last-component flag before the last component"
        raise DecodeError(at, wanted, f"{control:02X}", ("control",))
    stop = start + length
    if stop > end:
        raise truncated(start, end, length)
    if control & ENCRYPTED:
        return _take_encrypted(data, start, stop, cluster), stop
    moment = None
    if control & DATED:
        (moment,), start = _INSTANT.take(data, start, stop)
    frame, start = _take_frame(data, start, stop)
    try:
        content = decode_command(cluster, frame.frame_control, frame.command, data[start:stop])
    except DecodeError as error:
        raise error.shifted(start).inside("payload") from None
    return _component((cluster, frame, content, moment, None)), stop


def _take_frame(data: bytes, at: int, end: int) -> tuple[Frame, int]:
    if at + 3 > end:
        raise truncated(at, end, 3).inside("frame")
    return _frame((FRAME_CONTROLS[data[at]], data[at + 1], data[at + 2])), at + 3


def _take_encrypted(data: bytes, at: int, end: int, cluster: int) -> Component:
    (frame_counter,), at = _ADDITIONAL_HEADER.take(data, at, end)
    frame, at = _take_frame(data, at, end)
    length, at = _LENGTH.take(data, at, end)
    body, tag = at + len(SECURITY_HEADER), end - TAG_LENGTH
    if at + length != end or body > tag:
        raise DecodeError(at - 2, f"the length of the rest, at least {TAG_LENGTH + 5}", f"{length}", ("ciphered",))
    if data[at:body] != SECURITY_HEADER:
        raise DecodeError(at, SECURITY_HEADER.hex(" "), data[at:body].hex(" "), ("security_header",))
    return Component(cluster, frame, None, None, Encrypted(frame_counter, data[body:tag], data[tag:end]))


class ComponentFormat(Format):
    """A component that is the only one and so the last."""

    def take(self, data: bytes, at: int, end: int) -> tuple[Component, int]:
        return take_component(data, at, end, last=True)

    def put(self, value: Any) -> bytes:
        component: Component = value
        return component.encode(last=True)


def check_profile(data: bytes) -> None:
    """Refuse what does not begin with the profile id and a count. Raises DecodeError."""
    if data[:2] != PROFILE:
        raise DecodeError(0, "0109 (Smart Energy profile)", data[:2].hex().upper() or "nothing", ("profile",))
    if len(data) < 3:
        raise truncated(2, len(data), 1).inside("count")
