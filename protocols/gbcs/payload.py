"""Which payload a message carries, as a typed value: DLMS, GBZ or ASN.1, chosen by its message code.

The codec of a family is imported when the first message of it comes: a command line shows one message, of one family.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from ..errors import DecodeError
from .message import Cra, Message
from .use_cases import Payload as Family
from .use_cases import by_code

if TYPE_CHECKING:
    from ..dlms.access import Apdu
    from .asn1_types import Asn1Payload
    from .gbz import GbzAlert, GbzPayload

    GbcsPayload: TypeAlias = "Apdu | GbzPayload | GbzAlert | Asn1Payload | OpaquePayload"
    """Everything that a message can carry; each has ``encode()``."""


@dataclass(frozen=True, slots=True)
class OpaquePayload:
    """The payload of a message whose code is in no table: octets without a meaning."""

    octets: bytes

    def encode(self) -> bytes:
        """The octets, as they came."""
        return self.octets


_EITHER = Family.DLMS | Family.GBZ  # the generic alerts
_GBZ_PROFILE = b"\x01\x09"
_DLMS_TAGS = frozenset((0xD9, 0xDA, 0x0F))  # access request, access response, data notification


def decode_payload(message: Message) -> GbcsPayload:
    """Read the payload of a message. Raises DecodeError with the offset counted from the start of the message.

    A message with an unknown code is read by the form of its first octets, which tell DLMS and GBZ apart; where they
    tell nothing its payload stays opaque.
    """
    try:
        decode = _decoder_of_code(message.other.message_code) or _decoder(payload_family(message))
        return decode(message)
    except DecodeError as error:
        raise error.inside("payload").shifted(payload_offset(message)) from None


def payload_family(message: Message) -> Family:
    """The family that ``decode_payload`` reads a message's payload as; NONE for an opaque one."""
    family = _family_of_code(message.other.message_code)
    if family is not None:
        return family
    family = _family_by_form(message.payload)
    if family is Family.NONE and by_code(message.message_code):
        return Family.DLMS  # a generic alert that is neither: have the codec say what is wrong
    return family


def payload_offset(message: Message) -> int:
    """Octets in front of the payload in the encoded message."""
    trailer = len(message.mac or b"")
    if message.signature is not None:
        trailer += 1 + len(message.signature)
    return len(message.encode()) - trailer - len(message.payload)


@cache
def _family_of_code(message_code: int) -> Family | None:
    """The family that a message code fixes; None where the payload itself must tell."""
    use_case = by_code(message_code)
    return use_case.payload if use_case and use_case.payload != _EITHER else None


def _family_by_form(octets: bytes) -> Family:
    if octets[:2] == _GBZ_PROFILE:
        return Family.GBZ
    return Family.DLMS if octets and octets[0] in _DLMS_TAGS else Family.NONE


@cache
def _decoder_of_code(message_code: int) -> Callable[[Message], GbcsPayload] | None:
    family = _family_of_code(message_code)
    return None if family is None else _decoder(family)


@cache
def _decoder(family: Family) -> Callable[[Message], GbcsPayload]:
    if family is Family.DLMS:
        from ..dlms.access import decode_apdu

        return lambda message: decode_apdu(message.payload)
    if family is Family.GBZ:
        from .gbz import decode_alert, decode_gbz

        return lambda message: (
            decode_alert(message.payload, message.message_code)
            if message.cra is Cra.ALERT
            else decode_gbz(message.payload)
        )
    if family is Family.ASN1:
        from .asn1_types import decode_asn1

        return lambda message: decode_asn1(message.message_code, message.cra, message.payload)
    return lambda message: OpaquePayload(message.payload)
