"""GBZ alerts (GBCS 16.2): an alert code, a time and one of a few bodies that the message code chooses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import DecodeError, EncodeError
from ..grammar import Fixed, Format, Octets, Record, Uint
from ..instant import Instant
from ..sheet import Sheet
from ..zigbee.smart_energy import cluster_name, command_name, find_command
from ..zigbee.zcl import FRAME_CONTROLS
from .gbz_component import PROFILE, Component, ComponentFormat, check_profile


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
    prefix: bytes = b""


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
    """Two octets. Independent dissectors read them bare; the images' hash beside it has tag and length.

    No reference message is public that would settle it, so all forms are taken and the bare one is sent.
    """

    PREFIXES = (b"", b"\x02", b"\x09\x02")

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
INTEGRITY_REASONS: Mapping[int, str] = {
    0: "other",
    1: "non-volatile memory",
    2: "execution",
    3: "storage",
    4: "RAM",
    5: "reset",
    6: "watchdog",
    7: "metrology firmware",
    8: "measurement",
    9: "unspecified",
}
"""Texts of the reasons of an integrity warning."""


_COMPONENT = ComponentFormat()

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
        check_profile(data)
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

    def describe_body(self, sheet: Sheet) -> None:
        """Append the fields of a body that is not a component."""
        body = self.body
        if isinstance(body, ExecutionOutcome):
            _describe_outcome(body, sheet)
        elif isinstance(body, ImageHash):
            sheet.leaf("octet_string", b"\x09\x20", 32, "octet string of 32")
            sheet.leaf("image_hash", body.digest, body.digest, "SHA-256")
        elif isinstance(body, Reason):
            octets = _REASON.encode(body)
            if body.prefix:
                sheet.leaf("octet_string", body.prefix, 2, "octet string of 2")
            sheet.leaf("reason", octets[-2:], body.reason, INTEGRITY_REASONS.get(body.reason, ""))
        elif isinstance(body, OtherBody):
            sheet.leaf("body", body.octets, body.octets, "unknown body, not decoded")


def _describe_outcome(body: ExecutionOutcome, sheet: Sheet) -> None:
    octets = _OUTCOME.encode(body)
    with sheet.group("executed_instruction"):
        sheet.leaf("length", octets[:1], octets[0])
        sheet.leaf("message_code", octets[1:3], body.message_code, f"{body.message_code:04X}")
        sheet.leaf("originator_counter", octets[3:11], body.counter)
        sheet.leaf("cluster", octets[11:13], body.cluster, f"{body.cluster:04X} {cluster_name(body.cluster)}")
        sheet.leaf("frame_control", octets[13:14], body.frame_control, FRAME_CONTROLS[body.frame_control].text)
        text = _executed_text(body)
        sheet.leaf("command", octets[14:15], body.command, text)


def _executed_text(body: ExecutionOutcome) -> str:
    """The command's name. Some meters report a publish with the frame control of a request: then look it up so."""
    row = find_command(body.cluster, bool(body.frame_control & 8), body.command)
    row = row or find_command(body.cluster, not body.frame_control & 8, body.command)
    return row.name if row else command_name(body.cluster, body.frame_control, body.command)
