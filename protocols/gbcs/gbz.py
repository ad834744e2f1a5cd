"""GBZ payloads: ZigBee commands for gas devices inside a GBCS message (GBCS 7.2.9 and 9).

A payload is the Smart Energy profile id, the number of components, and the components. Header fields are
big-endian, everything inside a ZCL payload is little-endian. A component may be encrypted: then only its ZCL
payload is hidden, cluster and command stay readable. Alerts carry a code, a time and one of a few bodies instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import DecodeError, EncodeError
from ..grammar import Fixed, Format, Octets, Record, Uint, truncated
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
        """The ZCL payload of ``content``. Raises EncodeError."""
        if self.content is None:
            raise EncodeError("encrypted and not opened", ("content",))
        return self.content.encode()

    def sealed(self, frame_counter: int, ciphertext: bytes, tag: bytes) -> Component:
        """The same component with its payload encrypted; ``content`` stays for the reader."""
        return self._replace(encrypted=Encrypted(frame_counter, ciphertext, tag))

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
        dated = _INSTANT.encode(self.from_date_time) + frame
        return _HEADER.encode(Header(LAST * last | DATED, self.cluster, len(dated))) + dated

    def _encode_encrypted(self, control: int, hidden: Encrypted) -> bytes:
        if self.from_date_time is not None:
            raise EncodeError("an encrypted component has none", ("from_date_time",))
        if len(hidden.tag) != TAG_LENGTH:
            raise EncodeError(f"{TAG_LENGTH} octets needed, {len(hidden.tag)} given", ("encrypted", "tag"))
        ciphered = SECURITY_HEADER + hidden.ciphertext + hidden.tag
        rest = [_ADDITIONAL_HEADER.encode(hidden), _FRAME.encode(self.frame), _LENGTH.encode(len(ciphered)), ciphered]
        return _HEADER.encode(Header(control, self.cluster, sum(map(len, rest)))) + b"".join(rest)


class Header(NamedTuple):
    """What begins every component; ``length`` counts the octets behind it."""

    control: int
    cluster: int
    length: int


class _FrameCounter(NamedTuple):
    frame_counter: int


_GENERAL: Mapping[type, int] = {
    ReadAttributes: READ_ATTRIBUTES,
    ReadAttributesResponse: READ_ATTRIBUTES_RESPONSE,
    DefaultResponse: DEFAULT_RESPONSE,
}
_HEADER = Record(Header, "control" / Uint(1), "cluster" / Uint(2), "length" / Uint(2))
_ADDITIONAL_HEADER = Record(_FrameCounter, Fixed(b"\x00"), "frame_counter" / Uint(1))
_FRAME = Record(Frame, "frame_control" / Uint(1), "sequence" / Uint(1), "command" / Uint(1))
_INSTANT = Uint(4)
_LENGTH = Uint(2)


def _take_component(data: bytes, at: int, end: int, *, last: bool) -> tuple[Component, int]:
    """Read one component, whose last-component flag must be as ``last`` says."""
    (control, cluster, length), start = _HEADER.take(data, at, end)
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
        moment, start = _INSTANT.take(data, start, stop)
    frame, start = _take_frame(data, start, stop)
    try:
        content = decode_command(cluster, frame.frame_control, frame.command, data[start:stop])
    except DecodeError as error:
        raise error.shifted(start).inside("payload") from None
    return Component(cluster, frame, content, moment), stop


def _take_frame(data: bytes, at: int, end: int) -> tuple[Frame, int]:
    if at + 3 > end:
        raise truncated(at, end, 3).inside("frame")
    return Frame(FRAME_CONTROLS[data[at]], data[at + 1], data[at + 2]), at + 3


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


def _check_profile(data: bytes) -> None:
    if data[:2] != PROFILE:
        raise DecodeError(0, "0109 (Smart Energy profile)", data[:2].hex().upper() or "nothing", ("profile",))
    if len(data) < 3:
        raise truncated(2, len(data), 1).inside("count")


@dataclass(frozen=True, slots=True)
class GbzPayload:
    """The components of a command or response, in order; 1 to 255."""

    components: tuple[Component, ...]

    @classmethod
    def decode(cls, data: bytes) -> GbzPayload:
        """Read a whole payload; nothing may follow it. Raises DecodeError naming field and octet."""
        _check_profile(data)
        number, at, end = data[2], 3, len(data)
        if not number:
            raise DecodeError(2, "at least one component", "00", ("count",))
        components = []
        for index in range(number):
            try:
                component, at = _take_component(data, at, end, last=index == number - 1)
            except DecodeError as error:
                raise error.inside(f"components[{index}]") from None
            components.append(component)
        if at != end:
            raise DecodeError(at, "the end", f"{end - at} more octets")
        return cls(tuple(components))

    def encode(self) -> bytes:
        """The octets of the payload; flags, lengths and count follow from the components. Raises EncodeError."""
        number = len(self.components)
        if not 1 <= number <= 255:
            raise EncodeError(f"1 to 255 components, not {number}", ("components",))
        out = [PROFILE, bytes((number,))]
        for index, component in enumerate(self.components):
            try:
                out.append(component.encode(last=index == number - 1))
            except EncodeError as error:
                raise error.inside(f"components[{index}]") from None
        return b"".join(out)


class ExecutionOutcome(NamedTuple):
    """Body of a future-dated execution alert: the instruction that ran, and the command that brought it."""

    message_code: int
    counter: int
    cluster: int
    frame_control: int
    command: int


class ImageHash(NamedTuple):
    """Body of a firmware distribution receipt alert: SHA-256 of the manufacturer image."""

    digest: bytes


class Reason(NamedTuple):
    """Body of an integrity warning alert. ``prefix`` is what stands before the two octets."""

    reason: int
    prefix: bytes = b"\x09\x02"


class OtherBody(NamedTuple):
    """A body that no rule here knows, as it is."""

    octets: bytes


AlertBody = ExecutionOutcome | ImageHash | Reason | Component | OtherBody | None

_OUTCOME = Record(
    ExecutionOutcome,
    Fixed(b"\x0e"),  # the length of what follows
    "message_code" / Uint(2),
    "counter" / Uint(8),
    "cluster" / Uint(2),
    "frame_control" / Uint(1),
    "command" / Uint(1),
)
_HASH = Record(ImageHash, Fixed(b"\x09\x20"), "digest" / Octets(32))  # octet string of 32


class _ReasonFormat(Format):
    """Two octets. No public text says whether tag and length stand before them, so all three forms are taken."""

    PREFIXES = (b"\x09\x02", b"\x02", b"")

    def take(self, data: bytes, at: int, end: int) -> tuple[Reason, int]:
        for prefix in self.PREFIXES:
            if end - at == len(prefix) + 2 and data.startswith(prefix, at):
                return Reason(int.from_bytes(data[end - 2 : end], "big"), prefix), end
        raise DecodeError(at, "a reason of two octets", f"{end - at} octets")

    def put(self, value: Any) -> bytes:
        if value.prefix not in self.PREFIXES:
            raise EncodeError(f"one of the known forms, not {value.prefix.hex()}", ("prefix",))
        return bytes(value.prefix) + int(value.reason).to_bytes(2, "big")


_REASON = _ReasonFormat()


class _ComponentFormat(Format):
    """The one component of an alert, which is its last."""

    def take(self, data: bytes, at: int, end: int) -> tuple[Component, int]:
        return _take_component(data, at, end, last=True)

    def put(self, value: Any) -> bytes:
        component: Component = value
        return component.encode(last=True)


_COMPONENT = _ComponentFormat()

FUTURE_DATED_ALERT, BILLING_DATA_ALERT, FIRMWARE_RECEIPT_ALERT, INTEGRITY_ALERT = 0x00CD, 0x008B, 0x00CF, 0x00F2
_BODY_BY_MESSAGE_CODE: Mapping[int, Format] = {
    FUTURE_DATED_ALERT: _OUTCOME,
    BILLING_DATA_ALERT: _COMPONENT,
    FIRMWARE_RECEIPT_ALERT: _HASH,
    INTEGRITY_ALERT: _REASON,
}
_BODY_BY_TYPE: Mapping[type, Format] = {
    ExecutionOutcome: _OUTCOME,
    Component: _COMPONENT,
    ImageHash: _HASH,
    Reason: _REASON,
}
_ALERT_HEADER = Record(None, Fixed(PROFILE), "count" / Uint(1), "alert_code" / Uint(2), "time" / Uint(4))


def _take_body(data: bytes, at: int, message_code: int) -> AlertBody:
    """The body that the message code asks for; other codes have none, or one that is kept as octets."""
    form = _BODY_BY_MESSAGE_CODE.get(message_code)
    if form is None:
        return OtherBody(data[at:]) if at < len(data) else None
    body, stop = form.take(data, at, len(data))
    if stop != len(data):
        raise DecodeError(stop, "the end", f"{len(data) - stop} more octets")
    made: AlertBody = body
    return made


@dataclass(frozen=True, slots=True)
class GbzAlert:
    """An alert. ``count`` is 0 for an alert without a body, else 1; it does not count components."""

    alert_code: int
    time: Instant
    body: AlertBody = None
    count: int = 0

    @classmethod
    def decode(cls, data: bytes, message_code: int) -> GbzAlert:
        """Read a whole alert; its message code says which body it has. Raises DecodeError."""
        _check_profile(data)
        head, at = _ALERT_HEADER.take(data, 0, len(data))
        try:
            body = _take_body(data, at, message_code)
        except DecodeError as error:
            raise error.inside("body") from None
        return cls(head["alert_code"], head["time"], body, head["count"])

    def encode(self) -> bytes:
        """The octets of the alert. Raises EncodeError."""
        head = _ALERT_HEADER.encode({"count": self.count, "alert_code": self.alert_code, "time": self.time})
        if self.body is None:
            return head
        if isinstance(self.body, OtherBody):
            return head + self.body.octets
        return head + _BODY_BY_TYPE[type(self.body)].encode(self.body)
