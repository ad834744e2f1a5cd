"""Signatures, MACs and encrypted parts of GBCS messages (GBCS 4.3.3, 6.2, 7.2).

Which of them a message must have is the use case's matter; here only how each is made and checked.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import lru_cache, partial
from hmac import compare_digest
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..enumerations import plain_members
from ..errors import LocalProtocolError, MissingKeyError, ProtectionError
from ..eui64 import Eui64
from .key_derivation import Mode, initialisation_vector, other_info
from .keys import KeyName, KeyStore, KeyUse
from .message import MAC_LENGTH, SIGNATURE_LENGTH, Cra, Message
from .roles import RemotePartyRole

BETWEEN_DEVICES = frozenset({0x0090, 0x009B, 0x0116, 0x0117, 0x0118, 0x0119})
"""Message codes of the commands that one device of the home sends another: PCS01, PCS02, PECS01 to 03, HECS01.

No reference shows their keys; that they are MACed with the two devices' own keys is inferred from all other cases.
"""

_MAC_HEADER = b"\x11\x00\x00\x00\x00\x00"  # security control (suite 1, authenticated), then five empty fields
_ENCRYPTED = b"\x31"  # security control: suite 1, authenticated and encrypted
_PART_HEADER = _ENCRYPTED + b"\x00\x00\x00\x00"  # and invocation counter 0
_TAG_LENGTH = 12


@plain_members
class Verdict(Enum):
    """What checking a signature or MAC found."""

    ABSENT = "absent"
    VALID = "valid"
    INVALID = "invalid"
    NO_KEY = "no key"


class Verdicts(NamedTuple):
    """Both checks of one message."""

    signature: Verdict
    mac: Verdict


_verdicts: Callable[[tuple[Verdict, Verdict]], Verdicts] = partial(tuple.__new__, Verdicts)  # the cheaper call


# Making


def sign(message: Message, store: KeyStore) -> Message:
    """The message with the originator's signature; a MAC it had is gone. Raises MissingKeyError."""
    return _protected(message, store.sign(message.originator, message.signed_octets()), None)


def add_mac(message: Message, store: KeyStore, access_control_broker: Eui64 | None = None) -> Message:
    """The message with a MAC over everything up to its signature field, which is empty if there was none.

    Raises MissingKeyError.
    """
    body, signature = message.body_octets(), message.signature
    if signature is None:
        body, signature = body + b"\x00", b""
    return _protected(message, signature, _mac(message, body, store, access_control_broker))


def _protected(message: Message, signature: bytes, mac: bytes | None) -> Message:
    """The message with this protection; ``dataclasses.replace`` would take as long as the cryptography of a MAC."""
    return Message(
        message.cra,
        message.counter,
        message.originator,
        message.recipient,
        message.other,
        message.payload,
        message.date_time,
        signature,
        mac,
    )


def command_from_pre_command(
    pre_command: Message, signer: KeyStore, broker: KeyStore, access_control_broker: Eui64 | None = None
) -> Message:
    """A critical command: signed by the remote party, MACed by the access control broker.

    An empty signature field that a tool left on the pre-command is replaced. Raises MissingKeyError, and
    LocalProtocolError for what is no pre-command.
    """
    if pre_command.cra is not Cra.COMMAND or pre_command.signature or pre_command.mac is not None:
        raise LocalProtocolError("a pre-command is a command without signature and MAC")
    return add_mac(sign(pre_command, signer), broker, access_control_broker)


# Checking


def verify(message: Message, store: KeyStore, access_control_broker: Eui64 | None = None) -> Verdicts:
    """Check signature and MAC."""
    body = message.body_octets()
    return _verdicts(
        (_verify_signature(message, body, store), _verify_mac(message, body, store, access_control_broker))
    )


def verify_signature(message: Message, store: KeyStore) -> Verdict:
    """Check the originator's signature."""
    return _verify_signature(message, message.body_octets(), store)


def verify_mac(message: Message, store: KeyStore, access_control_broker: Eui64 | None = None) -> Verdict:
    """Check the MAC; the broker, if not given, is the one that the store knows."""
    return _verify_mac(message, message.body_octets(), store, access_control_broker)


def _verify_signature(message: Message, body: bytes, store: KeyStore) -> Verdict:
    if not message.signature:
        return Verdict.ABSENT
    signed = body[1 : -1 - SIGNATURE_LENGTH]  # without the tag, the signature's length and the signature
    try:
        valid = store.verify(message.originator, signed, message.signature)
    except MissingKeyError:
        return Verdict.NO_KEY
    return Verdict.VALID if valid else Verdict.INVALID


def _verify_mac(message: Message, body: bytes, store: KeyStore, access_control_broker: Eui64 | None) -> Verdict:
    if message.mac is None:
        return Verdict.ABSENT
    try:
        expected = _mac(message, body, store, access_control_broker)
    except MissingKeyError:
        return Verdict.NO_KEY
    return Verdict.VALID if compare_digest(expected, message.mac) else Verdict.INVALID


def mac_keys(message: Message, access_control_broker: Eui64 | None) -> tuple[KeyName, KeyName]:
    """The pair of keys that a message's MAC key is agreed from. Raises MissingKeyError without a broker.

    A command comes by way of the access control broker, whoever its originator is; what a device sends goes
    straight to its recipient.
    """
    if message.cra is not Cra.COMMAND:
        return _agreement(message.recipient), _agreement(message.originator)
    if message.message_code in BETWEEN_DEVICES:
        return _agreement(message.originator), _agreement(message.recipient)
    if access_control_broker is None:
        raise MissingKeyError("the access control broker is not known")
    return _agreement(access_control_broker), _agreement(message.recipient)


@lru_cache(maxsize=1024)
def _agreement(party: Eui64) -> KeyName:
    return KeyName(party, KeyUse.KEY_AGREEMENT)


def _mac(message: Message, body: bytes, store: KeyStore, access_control_broker: Eui64 | None) -> bytes:
    broker = access_control_broker
    if broker is None and message.cra is Cra.COMMAND:
        broker = store.party_of_role(RemotePartyRole.ACCESS_CONTROL_BROKER)
    one, other = mac_keys(message, broker)
    key = store.derive(one, other, other_info(message.originator, message.cra, message.counter, message.recipient))
    return AESGCM(key).encrypt(initialisation_vector(message.originator), b"", _MAC_HEADER + body)[:MAC_LENGTH]


# Encrypted parts


def encrypt_part(message: Message, store: KeyStore, plaintext: bytes) -> bytes:
    """Encrypt sensitive data that a device sends: 31 00000000 || ciphertext || tag (12 octets).

    ``message`` gives the header alone. Every part of one message is encrypted with the same key and IV: that is
    what the specification says and it repeats the key stream, so use it for nothing else. Raises MissingKeyError.
    """
    sealed = AESGCM(_encryption_key(message, store)).encrypt(
        initialisation_vector(message.originator), plaintext, _ENCRYPTED
    )
    return _PART_HEADER + sealed[: len(plaintext) + _TAG_LENGTH]


def decrypt_part(message: Message, store: KeyStore, part: bytes) -> bytes:
    """The plaintext of an encrypted part. Raises ProtectionError if it is not authentic, MissingKeyError."""
    if len(part) < len(_PART_HEADER) + _TAG_LENGTH or not part.startswith(_PART_HEADER):
        raise ProtectionError("an encrypted part is 31 00 00 00 00, ciphertext and a tag of 12 octets")
    ciphertext, tag = part[len(_PART_HEADER) : -_TAG_LENGTH], part[-_TAG_LENGTH:]
    mode = modes.GCM(initialisation_vector(message.originator), tag, min_tag_length=_TAG_LENGTH)
    decryptor = Cipher(algorithms.AES(_encryption_key(message, store)), mode).decryptor()
    decryptor.authenticate_additional_data(_ENCRYPTED)
    try:
        return decryptor.update(ciphertext) + decryptor.finalize()
    except InvalidTag:
        raise ProtectionError("an encrypted part that is not authentic") from None


def _encryption_key(message: Message, store: KeyStore) -> bytes:
    """Agreed between the device and the party that the data is for; that party's own counter, if there is one."""
    other = message.other
    reader = other.supplementary_party if other.supplementary_party is not None else message.recipient
    own_counter = other.supplementary_originator_counter
    info = other_info(
        message.originator, Mode.ENCRYPTION, message.counter if own_counter is None else own_counter, reader
    )
    return store.derive(_agreement(reader), _agreement(message.originator), info)
