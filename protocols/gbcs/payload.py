"""Which payload a message carries, as a typed value: DLMS, GBZ or ASN.1, chosen by its message code."""

from __future__ import annotations

from dataclasses import dataclass

from ..dlms.access import ACCESS_REQUEST, ACCESS_RESPONSE, DATA_NOTIFICATION, Apdu, decode_apdu
from ..errors import DecodeError
from .asn1_types import Asn1Payload, decode_asn1
from .gbz import PROFILE, GbzAlert, GbzPayload, decode_alert, decode_gbz
from .message import Cra, Message
from .use_cases import Payload as Family
from .use_cases import by_code


@dataclass(frozen=True, slots=True)
class OpaquePayload:
    """The payload of a message whose code is in no table: octets without a meaning."""

    octets: bytes

    def encode(self) -> bytes:
        """The octets, as they came."""
        return self.octets


GbcsPayload = Apdu | GbzPayload | GbzAlert | Asn1Payload | OpaquePayload
"""Everything that a message can carry; each has ``encode()``."""


_EITHER = Family.DLMS | Family.GBZ  # the generic alerts


def decode_payload(message: Message) -> GbcsPayload:
    """Read the payload of a message. Raises DecodeError with the offset counted from the start of the message.

    A message with an unknown code is read by the form of its first octets, which tell DLMS and GBZ apart; where they
    tell nothing its payload stays opaque.
    """
    try:
        return _decode(message.message_code, message.cra, message.payload)
    except DecodeError as error:
        raise error.inside("payload").shifted(payload_offset(message)) from None


def payload_offset(message: Message) -> int:
    """Octets in front of the payload in the encoded message."""
    trailer = len(message.mac or b"")
    if message.signature is not None:
        trailer += 1 + len(message.signature)
    return len(message.encode()) - trailer - len(message.payload)


def _decode(message_code: int, cra: Cra, octets: bytes) -> GbcsPayload:
    use_case = by_code(message_code)
    family = use_case.payload if use_case else _family_by_form(octets)
    if family == _EITHER:
        family = Family.GBZ if octets[:2] == PROFILE else Family.DLMS
    if family is Family.DLMS:
        return decode_apdu(octets)
    if family is Family.GBZ:
        return decode_alert(octets, message_code) if cra is Cra.ALERT else decode_gbz(octets)
    if family is Family.ASN1:
        return decode_asn1(message_code, cra, octets)
    return OpaquePayload(octets)


def _family_by_form(octets: bytes) -> Family:
    if octets[:2] == PROFILE:
        return Family.GBZ
    if octets[:1] and octets[0] in (ACCESS_REQUEST, ACCESS_RESPONSE, DATA_NOTIFICATION):
        return Family.DLMS
    return Family.NONE
