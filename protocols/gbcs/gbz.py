"""GBZ payloads: ZigBee commands for gas devices inside a GBCS message (GBCS 7.2.9 and 9).

A payload is the Smart Energy profile id, the number of components, and the components. Header fields are
big-endian, everything inside a ZCL payload is little-endian. Alerts carry a code, a time and a body instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import DecodeError, EncodeError
from ..instant import text as instant_text
from ..sheet import Sheet
from ..zigbee.smart_energy import cluster_name, command_name, decode_command, describe_content
from ..zigbee.zcl import FRAME_CONTROLS
from .gbz_alert import AlertBody, ExecutionOutcome, GbzAlert, ImageHash, OtherBody, Reason
from .gbz_component import (
    DATED,
    ENCRYPTED,
    FROM_NEVER,
    FROM_NOW,
    LAST,
    PROFILE,
    SECURITY_HEADER,
    TAG_LENGTH,
    Component,
    Encrypted,
    check_profile,
    take_component,
)

__all__ = [
    "FROM_NEVER",
    "FROM_NOW",
    "PROFILE",
    "TAG_LENGTH",
    "AlertBody",
    "Component",
    "Encrypted",
    "ExecutionOutcome",
    "GbzAlert",
    "GbzPayload",
    "ImageHash",
    "OtherBody",
    "Reason",
    "decode_alert",
    "decode_gbz",
    "describe",
]


@dataclass(frozen=True, slots=True)
class GbzPayload:
    """The components of a command or response, in order; 1 to 255."""

    components: tuple[Component, ...]

    @classmethod
    def decode(cls, data: bytes) -> GbzPayload:
        """Read a whole payload; nothing may follow it. Raises DecodeError naming field and octet."""
        check_profile(data)
        number, at, end = data[2], 3, len(data)
        if not number:
            raise DecodeError(2, "at least one component", "00", ("count",))
        components = []
        for index in range(number):
            try:
                component, at = take_component(data, at, end, last=index == number - 1)
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


def decode_gbz(data: bytes) -> GbzPayload:
    """A command's or response's payload. Raises DecodeError."""
    return GbzPayload.decode(data)


def decode_alert(data: bytes, message_code: int) -> GbzAlert:
    """An alert's payload; the message code chooses its body. Raises DecodeError."""
    return GbzAlert.decode(data, message_code)


def describe(payload: GbzPayload | GbzAlert, sheet: Sheet, decrypted: Mapping[int, bytes] | None = None) -> None:
    """Append every field. ``decrypted`` holds plaintexts by component index (0 in an alert).

    A plaintext, or the content of a component already opened, stands below its ciphertext: it is as long, so its
    fields are given the places of the octets that hide them. Raises EncodeError.
    """
    plaintexts = decrypted or {}
    sheet.leaf("profile", PROFILE, int.from_bytes(PROFILE, "big"), "Smart Energy")
    if isinstance(payload, GbzAlert):
        _describe_alert(payload, sheet, plaintexts.get(0))
        return
    number = len(payload.components)
    sheet.leaf("count", bytes((number,)), number)
    for index, component in enumerate(payload.components):
        _describe_component(component, sheet, f"component {index}", index == number - 1, plaintexts.get(index))


def _describe_alert(alert: GbzAlert, sheet: Sheet, plaintext: bytes | None) -> None:
    sheet.leaf("count", bytes((alert.count,)), alert.count)
    sheet.leaf("alert_code", alert.alert_code.to_bytes(2, "big"), alert.alert_code, f"{alert.alert_code:04X}")
    sheet.leaf("time", alert.time.to_bytes(4, "big"), alert.time, instant_text(alert.time))
    if isinstance(alert.body, Component):
        _describe_component(alert.body, sheet, "component", True, plaintext)
    else:
        alert.describe_body(sheet)


def _describe_component(component: Component, sheet: Sheet, name: str, last: bool, plaintext: bytes | None) -> None:
    cluster, frame = component.cluster, component.frame
    command = command_name(cluster, frame.frame_control, frame.command)
    with sheet.group(name, f"{cluster_name(cluster)}: {command}"):
        octets = component.encode(last=last)
        sheet.leaf("control", octets[:1], octets[0], _control_text(octets[0]))
        sheet.leaf("cluster", octets[1:3], cluster, f"{cluster:04X} {cluster_name(cluster)}")
        sheet.leaf("length", octets[3:5], len(octets) - 5)
        hidden = component.encrypted
        if hidden is not None:
            sheet.leaf("additional_header_control", octets[5:6], 0)
            sheet.leaf("additional_header_frame_counter", octets[6:7], hidden.frame_counter)
        if component.from_date_time is not None:
            moment = component.from_date_time
            special = {FROM_NOW: "now", FROM_NEVER: "cancel"}
            sheet.leaf("from_date_time", octets[5:9], moment, special.get(moment) or instant_text(moment))
        control = FRAME_CONTROLS[frame.frame_control]
        sheet.leaf("frame_control", bytes((control,)), int(control), control.text)
        sheet.leaf("sequence", bytes((frame.sequence,)), frame.sequence)
        sheet.leaf("command", bytes((frame.command,)), frame.command, command)
        if hidden is not None:
            _describe_hidden(component, hidden, sheet, plaintext)
        elif component.content is not None:
            describe_content(cluster, frame.frame_control, component.content, sheet)


def _control_text(control: int) -> str:
    words = [
        word for bit, word in ((LAST, "last"), (ENCRYPTED, "encrypted"), (DATED, "from date-time")) if control & bit
    ]
    return ", ".join(words)


def _describe_hidden(component: Component, hidden: Encrypted, sheet: Sheet, plaintext: bytes | None) -> None:
    length = len(SECURITY_HEADER) + len(hidden.ciphertext) + TAG_LENGTH
    sheet.leaf("ciphered_length", length.to_bytes(2, "big"), length)
    sheet.leaf("security_control", SECURITY_HEADER[:1], SECURITY_HEADER[0], "suite 1, authenticated, encrypted")
    sheet.leaf("invocation_counter", SECURITY_HEADER[1:], 0)
    below = Sheet(sheet.position)
    _describe_plaintext(component, below, plaintext)
    if below.fields and len(below.octets) != len(hidden.ciphertext):
        raise EncodeError("the plaintext is not as long as the ciphertext", ("encrypted",))
    made = sheet.leaf("ciphertext", hidden.ciphertext, hidden.ciphertext, "decrypted below" if below.fields else "")
    made.children = below.fields
    sheet.leaf("tag", hidden.tag, hidden.tag)


def _describe_plaintext(component: Component, below: Sheet, plaintext: bytes | None) -> None:
    content, frame = component.content, component.frame
    if plaintext is not None:
        try:
            content = decode_command(component.cluster, frame.frame_control, frame.command, plaintext)
        except DecodeError as error:
            below.leaf("octets", plaintext, plaintext, f"cannot be decoded: {error}")
            return
    if content is not None:
        describe_content(component.cluster, frame.frame_control, content, below)
