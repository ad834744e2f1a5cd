"""Whether a device's message is the reference one: byte for byte, but for a signature, which must verify."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from protocols.errors import DecodeError
from protocols.gbcs.keys import KeyStore
from protocols.gbcs.message import Message
from protocols.gbcs.protection import Verdict, verify


class Likeness(Enum):
    """How a message compares with the reference."""

    IDENTICAL = "identical"
    SIGNATURE_DIFFERS = "verified, only the signature differs"
    DIFFERENT = "different"


class Comparison(NamedTuple):
    """The likeness; ``reason`` says what differs, or under which reservation it does not."""

    likeness: Likeness
    reason: str = ""


def compare(made: bytes, reference: bytes, keys: KeyStore) -> Comparison:
    """Compare what a device sent with the reference; ``keys`` verify the device's own signature."""
    if made == reference:
        return Comparison(Likeness.IDENTICAL)
    try:
        mine, theirs = Message.decode(made), Message.decode(reference)
    except DecodeError as error:
        return Comparison(Likeness.DIFFERENT, f"no message: {error}")
    if _skeleton(mine) != _skeleton(theirs):
        return Comparison(Likeness.DIFFERENT, difference(mine, theirs))
    found = verify(mine, keys)
    if found.signature is not Verdict.VALID or found.mac not in (Verdict.VALID, Verdict.ABSENT):
        return Comparison(Likeness.DIFFERENT, f"signature {found.signature.value}, MAC {found.mac.value}")
    return Comparison(Likeness.SIGNATURE_DIFFERS)


def difference(mine: Message, theirs: Message) -> str:
    """What differs first, in words: a field of the header, or where in the payload."""
    fields = ("cra", "counter", "originator", "recipient", "other", "date_time")
    for name in fields:
        one, other = getattr(mine, name), getattr(theirs, name)
        if one != other:
            return f"{name} is {_text(one)}, in the reference {_text(other)}"
    if mine.payload != theirs.payload:
        return _payload_difference(mine.payload, theirs.payload)
    return "the protection is of another kind, or the MAC differs"


def _skeleton(message: Message) -> tuple[bytes, bool, bool]:
    """All that is compared of a signed message; one that is not signed has to be identical as a whole."""
    if not message.signature:
        return message.encode(), False, message.mac is not None
    return message.signed_octets(), True, message.mac is not None


def _payload_difference(mine: bytes, theirs: bytes) -> str:
    at = next((at for at, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), min(len(mine), len(theirs)))
    start = max(0, at - 4)
    return (
        f"payload octet {at}: {mine[start : at + 12].hex(' ')}, in the reference {theirs[start : at + 12].hex(' ')}"
        f" ({len(mine)} octets, in the reference {len(theirs)})"
    )


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
