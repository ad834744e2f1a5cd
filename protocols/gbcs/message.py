"""The GBCS message envelope: grouping header, payload, signature, MAC (GBCS 7.2).

A body is a DLMS *general signing* unit (tag DF). Where a MAC protects the message, the body stands inside a
*general ciphering* unit (tag DD) whose header fields are all empty. All integers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

from ..enumerations import plain_members
from ..errors import DecodeError, EncodeError
from ..eui64 import Eui64, eui64_text
from ..grammar import (
    Choice,
    Counted,
    Fixed,
    Format,
    Octets,
    Record,
    Uint,
    put_length,
    take_length,
    take_octets,
    truncated,
)
from ..sheet import Sheet

GENERAL_SIGNING = 0xDF
GENERAL_CIPHERING = 0xDD
MAC_LENGTH = 12
SIGNATURE_LENGTH = 64
MAX_MESSAGE = 72 * 1024
"""The longest message taken, in octets: the 63 blocks of 1149 octets that the longest use case may need."""


@plain_members
class Cra(IntEnum):
    """Command, response or alert (GBCS 7.2.7)."""

    COMMAND = 1
    RESPONSE = 2
    ALERT = 3


@dataclass(frozen=True, slots=True)
class OtherInformation:
    """Message code and, where the access control broker speaks for somebody else, that party (GBCS 7.2.9).

    The fields nest: each one needs all before it. ``certificate`` is the DER key-agreement certificate of a party
    whose key the device does not hold. Counters are unsigned, 64 bits.
    """

    message_code: int
    supplementary_party: Eui64 | None = None
    supplementary_counter: int | None = None
    supplementary_originator_counter: int | None = None
    certificate: bytes | None = None


@lru_cache(maxsize=512)
def _plain_other_information(message_code: int) -> OtherInformation:
    """One value for each message code: it never changes, and nearly every message has nothing else."""
    return OtherInformation(message_code)


class _OtherInformationFormat(Format):
    """2, 10, 18 or 26 octets, or 18 followed by a certificate."""

    def take(self, data: bytes, at: int, end: int) -> tuple[OtherInformation, int]:
        length, at = take_length(data, at, end)
        stop = at + length
        if stop > end:
            raise truncated(at, end, length)
        if length == 2:
            return _plain_other_information(data[at] << 8 | data[at + 1]), stop
        if length not in (10, 18) and length < 26:
            raise DecodeError(at, "other information of 2, 10, 18, 26 or more octets", f"{length}")
        code = int.from_bytes(data[at : at + 2], "big")
        party = Eui64(data[at + 2 : at + 10])
        if length == 10:
            return OtherInformation(code, party), stop
        counter = int.from_bytes(data[at + 10 : at + 18], "big")
        if length == 26:
            own_counter = int.from_bytes(data[at + 18 : stop], "big")
            return OtherInformation(code, party, counter, own_counter), stop
        return OtherInformation(code, party, counter, None, data[at + 18 : stop] or None), stop

    def put(self, value: OtherInformation) -> bytes:
        if (
            value.supplementary_party is None
            and value.supplementary_counter is None
            and value.supplementary_originator_counter is None
            and value.certificate is None
        ):
            return b"\x02" + value.message_code.to_bytes(2, "big")
        octets = b"".join(part for _, part, _ in self._parts(value))
        return put_length(len(octets)) + octets

    def _parts(self, value: OtherInformation) -> list[tuple[str, bytes, object]]:
        members = (
            ("supplementary_party", value.supplementary_party),
            ("supplementary_counter", value.supplementary_counter),
            ("supplementary_originator_counter", value.supplementary_originator_counter),
        )
        parts: list[tuple[str, bytes, object]] = [
            ("message_code", value.message_code.to_bytes(2, "big"), value.message_code)
        ]
        missing = False
        for name, member in members:
            if member is None:
                missing = True
                continue
            if missing:
                raise EncodeError("needs the member before it", (name,))
            parts.append((name, member.to_bytes(8, "big") if isinstance(member, int) else bytes(member), member))
        if value.certificate is not None:
            if len(parts) != 3:
                raise EncodeError("stands right behind the supplementary counter", ("certificate",))
            if len(value.certificate) <= 8:
                raise EncodeError("too short to be a certificate", ("certificate",))
            parts.append(("certificate", value.certificate, value.certificate))
        return parts

    def describe(self, value: OtherInformation, sheet: Sheet, name: str) -> None:
        parts = self._parts(value)
        with sheet.group(name):
            length = sum(len(octets) for _, octets, _ in parts)
            sheet.leaf("length", put_length(length), length)
            for part, octets, member in parts:
                text = _use_case_text(value.message_code) if part == "message_code" else ""
                text = eui64_text(octets) if part == "supplementary_party" else text
                sheet.leaf(part, octets, octets if isinstance(member, bytes) else member, text)


def _use_case_text(message_code: int) -> str:
    from .use_cases import by_code  # only readable output needs the catalogue

    use_case = by_code(message_code)
    return f"{message_code:04X} {use_case.name}, {use_case.what}" if use_case else f"{message_code:04X}, unknown"


class _IdentifierFormat(Octets):
    def __init__(self) -> None:
        super().__init__(8)

    def text(self, value: bytes) -> str:
        return eui64_text(value)


class _Body(NamedTuple):
    cra: Cra
    counter: int
    originator: Eui64
    recipient: Eui64
    date_time: bytes
    other: OtherInformation
    payload: bytes


class _DateTimeFormat(Counted):
    """Nothing, or the 12 octets of a COSEM date-time."""

    def take(self, data: bytes, at: int, end: int) -> tuple[bytes, int]:
        value, stop = super().take(data, at, end)
        if len(value) not in (0, 12):
            raise DecodeError(at, "a date-time of 0 or 12 octets", f"{len(value)}")
        return value, stop

    def text(self, value: bytes) -> str:
        from ..dlms.cosem_time import date_time_text  # readable output is not what most messages are read for

        return (date_time_text(value) or "") if value else "absent"


_DATE_TIME = _DateTimeFormat(0, 12)
_OTHER_INFORMATION = _OtherInformationFormat()
_BODY = Record(
    _Body,
    "transaction_identifier_length" / Fixed(b"\x09"),
    "cra" / Choice(Cra),
    "counter" / Uint(8),
    "originator_length" / Fixed(b"\x08"),
    "originator" / _IdentifierFormat(),
    "recipient_length" / Fixed(b"\x08"),
    "recipient" / _IdentifierFormat(),
    "date_time" / _DATE_TIME,
    "other" / _OTHER_INFORMATION,
    "payload" / Counted(),
)
_BODY_START = struct.Struct(">BBQB8sB8s")  # as far as the fields have fixed widths
_TAG = bytes((GENERAL_SIGNING,))
_SIGNATURE_LENGTH = bytes((SIGNATURE_LENGTH,))
_CRAS = {cra.value: cra for cra in Cra}
_EMPTY_HEADER = bytes(6)  # transaction id, originator, recipient, date-time, other information, key information
_SECURITY_HEADER = b"\x11\x00\x00\x00\x00"  # suite 1, authentication only; invocation counter 0


@dataclass(frozen=True, slots=True)
class Message:
    """One GBCS message, protected or not.

    ``counter`` is unsigned, 64 bits; identifiers are EUI-64, big-endian on the wire. ``date_time`` is empty or a
    12-octet COSEM date-time. ``signature`` is None where the field is absent (a pre-command), empty where the field
    is there without a signature, else 64 octets r || s. ``mac`` is None, or the 12 octets of the general ciphering
    unit around the body.
    """

    cra: Cra
    counter: int
    originator: Eui64
    recipient: Eui64
    other: OtherInformation
    payload: bytes
    date_time: bytes = b""
    signature: bytes | None = None
    mac: bytes | None = None

    @property
    def message_code(self) -> int:
        """The message code of the use case."""
        return self.other.message_code

    @classmethod
    def decode(cls, data: bytes) -> Message:
        """Read a whole message; nothing may follow it. Raises DecodeError naming field and octet."""
        end = len(data)
        if end > MAX_MESSAGE:
            raise DecodeError(MAX_MESSAGE, f"at most {MAX_MESSAGE} octets", f"{end}")
        if not end:
            raise truncated(0, 0, 1).inside("tag")
        if data[0] == GENERAL_SIGNING:
            return _take_body(data, 0, end, None)
        if data[0] != GENERAL_CIPHERING:
            raise DecodeError(0, "DD (general ciphering) or DF (general signing)", f"{data[0]:02X}", ("tag",))
        return _take_ciphering(data, end)

    def encode(self) -> bytes:
        """The octets of the message. Raises EncodeError."""
        body = self.body_octets()
        if self.mac is None:
            return body
        if len(self.mac) != MAC_LENGTH:
            raise EncodeError(f"{MAC_LENGTH} octets needed, {len(self.mac)} given", ("mac",))
        return self._ciphering_header(len(body)) + body + self.mac

    def signed_octets(self) -> bytes:
        """What a signature covers: from the length of the transaction id to the last payload octet (GBCS 6.2)."""
        try:
            return self._signed_octets()
        except (EncodeError, struct.error, OverflowError, ValueError, TypeError, AttributeError):
            return _BODY.encode(self)  # which says what is wrong, and where

    def _signed_octets(self) -> bytes:
        """What ``_BODY`` would give, in a third of the time: every message is encoded again to be checked."""
        if not len(self.originator) == len(self.recipient) == 8:
            raise ValueError
        return b"".join(
            (
                _BODY_START.pack(9, self.cra, self.counter, 8, self.originator, 8, self.recipient),
                _DATE_TIME.put(self.date_time) if self.date_time else b"\x00",
                _OTHER_INFORMATION.put(self.other),
                put_length(len(self.payload)),
                self.payload,
            )
        )

    def body_octets(self) -> bytes:
        """The general signing unit, its signature field included if there is one; what a MAC covers."""
        return _TAG + self.signed_octets() + self._signature_octets()

    def with_payload(self, payload: bytes) -> Message:
        """The same header around another payload, not yet protected."""
        return Message(self.cra, self.counter, self.originator, self.recipient, self.other, payload, self.date_time)

    def without_protection(self) -> Message:
        """The same message as a pre-command: no signature field, no MAC."""
        return replace(self, signature=None, mac=None)

    def describe(self, sheet: Sheet, describe_payload: Callable[[Sheet], None] | None = None) -> None:
        """Append every field to ``sheet``; ``describe_payload``, if given, appends the payload's own fields."""
        if self.mac is not None:
            header = self._ciphering_header(len(self.body_octets()))
            with sheet.group("general_ciphering"):
                sheet.leaf("tag", header[:1], GENERAL_CIPHERING, "general ciphering")
                sheet.leaf("empty_fields", header[1:7], header[1:7].hex())
                sheet.leaf("length", header[7:-5], len(self.body_octets()) + 17)
                sheet.leaf("security_header", header[-5:], header[-5:].hex(), "suite 1, authentication only")
        with sheet.group("general_signing"):
            sheet.leaf("tag", bytes((GENERAL_SIGNING,)), GENERAL_SIGNING, "general signing")
            _BODY.describe_fields(self, sheet, leave_out=("payload",))
            with sheet.group("payload"):
                sheet.leaf("length", put_length(len(self.payload)), len(self.payload))
                if describe_payload is None:
                    sheet.leaf("octets", self.payload, self.payload)
                else:
                    describe_payload(sheet)
        if self.signature is not None:
            text = "" if self.signature else "field present, no signature"
            sheet.leaf("signature", self._signature_octets(), self.signature, text)
        if self.mac is not None:
            sheet.leaf("mac", self.mac, self.mac)

    def _signature_octets(self) -> bytes:
        if self.signature is None:
            return b""
        if len(self.signature) == SIGNATURE_LENGTH:
            return _SIGNATURE_LENGTH + self.signature
        if self.signature:
            raise EncodeError(f"0 or {SIGNATURE_LENGTH} octets needed, {len(self.signature)} given", ("signature",))
        return b"\x00"

    def _ciphering_header(self, body_length: int) -> bytes:
        length = put_length(len(_SECURITY_HEADER) + body_length + MAC_LENGTH)
        return bytes((GENERAL_CIPHERING,)) + _EMPTY_HEADER + length + _SECURITY_HEADER


def _take_ciphering(data: bytes, end: int) -> Message:
    if data[1:7] != _EMPTY_HEADER:
        raise DecodeError(1, "six empty header fields (00)", data[1:7].hex(" ").upper(), ("general_ciphering",))
    length, at = take_length(data, 7, end)
    if at + length > end:
        raise truncated(at, end, length).inside("general_ciphering")
    if at + length < end:
        raise DecodeError(at + length, "the end of the message", f"{end - at - length} more octets")
    if data[at : at + 5] != _SECURITY_HEADER:
        raise DecodeError(at, "11 00 00 00 00", data[at : at + 5].hex(" ").upper(), ("security_header",))
    body, mac = at + 5, end - MAC_LENGTH
    if mac <= body:
        raise truncated(body, end, MAC_LENGTH + 1).inside("mac")
    if data[body] != GENERAL_SIGNING:
        raise DecodeError(body, "DF (general signing)", f"{data[body]:02X}", ("tag",))
    return _take_body(data, body, mac, data[mac:])


def _take_body(data: bytes, at: int, end: int, mac: bytes | None) -> Message:
    fields, at = _take_fields(data, at + 1, end)
    signature: bytes | None = None
    if at < end:
        length, at = take_length(data, at, end)
        if length not in (0, SIGNATURE_LENGTH):
            raise DecodeError(at - 1, f"a signature of 0 or {SIGNATURE_LENGTH} octets", f"{length}", ("signature",))
        if at + length > end:
            raise truncated(at, end, length).inside("signature")
        signature = data[at : at + length]
        if at + length < end:
            raise DecodeError(at + length, "the end of the message", f"{end - at - length} more octets")
    elif mac is not None:
        raise truncated(at, end, 1).inside("signature")
    cra, counter, originator, recipient, date_time, other, payload = fields
    return Message(cra, counter, originator, recipient, other, payload, date_time, signature, mac)


def _take_fields(data: bytes, at: int, end: int) -> tuple[tuple[Any, ...], int]:
    """What ``_BODY`` would read, in half the time; whatever is unusual is left to it, errors above all."""
    start = at + _BODY_START.size
    if start >= end:
        return _BODY.take(data, at, end)
    nine, cra, counter, eight, originator, also_eight, recipient = _BODY_START.unpack_from(data, at)
    if nine != 9 or not eight == also_eight == 8 or cra not in _CRAS or data[start] not in (0, 12):
        return _BODY.take(data, at, end)
    stop = start + 1 + data[start]
    date_time = data[start + 1 : stop]
    try:
        other, stop = _OTHER_INFORMATION.take(data, stop, end)
        payload, stop = take_octets(data, stop, end)
    except DecodeError:
        return _BODY.take(data, at, end)
    return (_CRAS[cra], counter, originator, recipient, date_time, other, payload), stop
