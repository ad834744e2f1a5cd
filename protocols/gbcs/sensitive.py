"""Encrypted parts where they stand in typed payloads: answers to protected reads, GBZ components, billing alerts.

``protection`` encrypts and decrypts octets; here they are found in a payload, and put there. It and the GBZ codec are
imported where they are needed: finding out that a payload hides nothing should cost nothing.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ..dlms.access import AccessRequest, AccessResponse, DataNotification
from ..dlms.axdr import decode_data, encode_data
from ..dlms.data import Data, DataType
from ..dlms.data_protection import ProtectedValue, ProtectionParameters, protected_value_in
from .message import Message

if TYPE_CHECKING:
    from .gbz import Component, GbzAlert, GbzPayload
    from .keys import KeyStore
    from .payload import GbcsPayload


_STRUCTURE = DataType.STRUCTURE


class EncryptedPart(NamedTuple):
    """One encrypted part: the value or component that holds it (counted from 0; 0 in alerts), and its octets.

    ``octets`` are 31 00000000, ciphertext and tag. ``component`` is None in DLMS payloads.
    """

    place: int
    octets: bytes
    component: Component | None = None


class DecryptedPart(NamedTuple):
    """The plaintext of a part, and what it says: a DLMS structure, or a component with its content."""

    place: int
    plaintext: bytes
    value: Data | Component


def encrypted_parts(payload: GbcsPayload) -> list[EncryptedPart]:
    """Every encrypted part of a payload, in order."""
    if isinstance(payload, AccessResponse):
        found = [
            (place, ProtectedValue.from_data(data))
            for place, data in enumerate(payload.data)
            if data.type is _STRUCTURE
        ]
        return [EncryptedPart(place, value.ciphered) for place, value in found if value is not None]
    if isinstance(payload, DataNotification):
        value = protected_value_in(payload.body)
        return [EncryptedPart(0, value.ciphered)] if value is not None else []
    if isinstance(payload, AccessRequest):
        return []
    return _in_components(_components(payload))


def decrypt_payload(message: Message, payload: GbcsPayload, store: KeyStore) -> tuple[DecryptedPart, ...]:
    """Decrypt every encrypted part of a message's payload.

    Raises ProtectionError if a part is not authentic, MissingKeyError, and DecodeError when a plaintext is not what
    its place asks for.
    """
    parts = encrypted_parts(payload)
    return tuple([_decrypt(message, part, store) for part in parts]) if parts else ()


def encrypt_data(message: Message, store: KeyStore, data: Data) -> ProtectedValue:
    """The answer to a protected read: ``data`` (one structure, an element for each object) encrypted.

    The parameters repeat the header of ``message`` even where the key is made for a supplementary party. Raises
    MissingKeyError.
    """
    from .protection import encrypt_part

    parameters = ProtectionParameters.of(message.counter, message.originator, message.recipient)
    return ProtectedValue(parameters, encrypt_part(message, store, encode_data(data)))


def encrypt_component(message: Message, store: KeyStore, component: Component, frame_counter: int) -> Component:
    """A GBZ component with its ZCL payload encrypted; ``frame_counter`` numbers a message's encrypted ones from 0.

    Raises MissingKeyError.
    """
    from .protection import encrypt_part

    return component.sealed(frame_counter, encrypt_part(message, store, component.plaintext()))


@cache
def _gbz() -> tuple[type[GbzPayload], type[GbzAlert], type[Component]]:
    from .gbz import Component, GbzAlert, GbzPayload

    return GbzPayload, GbzAlert, Component


def _components(payload: GbcsPayload) -> tuple[Component, ...]:
    commands, alerts, component = _gbz()
    if isinstance(payload, commands):
        return payload.components
    if isinstance(payload, alerts) and isinstance(payload.body, component):
        return (payload.body,)
    return ()


def _in_components(components: tuple[Component, ...]) -> list[EncryptedPart]:
    return [
        EncryptedPart(place, component.encrypted.part, component)
        for place, component in enumerate(components)
        if component.encrypted is not None
    ]


def _decrypt(message: Message, part: EncryptedPart, store: KeyStore) -> DecryptedPart:
    from .protection import decrypt_part

    plaintext = decrypt_part(message, store, part.octets)
    if part.component is not None:
        return DecryptedPart(part.place, plaintext, part.component.with_plaintext(plaintext))
    return DecryptedPart(part.place, plaintext, decode_data(plaintext))
