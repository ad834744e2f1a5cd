"""Private keys at rest: sealed with a secret of the device, which is in its chip and not in the memory they lie in.

A blob is ``version (1) || generation (8) || ciphertext (32) || tag (16)``, all numbers big-endian: AES-256-GCM over the
private number. What it belongs to is authenticated with it: the device, what the key is for, the place it is kept
in, the generation (the number of the sealing, counted by the device), and the public key. A blob of another device,
use, place or generation, or with one bit changed, does not open.

The nonce is the generation, so that the same run gives the same octets. That is safe because every blob has an
encryption key of its own, derived by HKDF (RFC 5869, SHA-256) from the device's secret and all that is authenticated:
one encryption key goes with one public key, and so with one private key. Even where a generation comes twice, as after
a power cut before the commit or in a memory that was put back, the same key and nonce meet the same plaintext only
and give the same octets again. A memory that was put back as a whole opens: nothing outside it counts generations.
"""

from __future__ import annotations

import hmac
from enum import StrEnum
from typing import NamedTuple, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..enumerations import plain_members
from ..errors import LocalProtocolError
from ..eui64 import Eui64, eui64_text
from ..secret import Secret
from .elliptic_curve import ENTROPY_LENGTH

SCALAR_LENGTH = 32
BLOB_LENGTH = 1 + 8 + SCALAR_LENGTH + 16
_VERSION = b"\x01"
_KEY_LENGTH = 32
_SALT = b"Meterbench key store 1"
_HASH = "sha256"
_HASH_LENGTH = 32
_NONCE_PAD = bytes(4)


@plain_members
class Place(StrEnum):
    """Where a device keeps a private key."""

    IN_USE = "in use"
    WAITING = "waiting"
    """Made, and without a certificate yet."""


class UnsealError(LocalProtocolError):
    """A blob that is not the one that was put there; the text says in which way, and nothing of the key."""


class Slot(NamedTuple):
    """What a sealed key belongs to. ``use`` is its file name's end, ``point`` the public key (65 octets)."""

    device: Eui64
    use: str
    place: Place
    generation: int
    point: bytes

    def associated(self) -> bytes:
        """What is authenticated with the key."""
        label = f"{self.use} {self.place}".encode()
        return b"".join(
            (_VERSION, self.device, len(label).to_bytes(1), label, self.generation.to_bytes(8, "big"), self.point)
        )


class Fuses:
    """The secret of one device. It seals, opens, and makes randomness for keys; nothing gives it away."""

    __slots__ = ("_device", "_key")

    def __init__(self, secret: bytes, device: Eui64) -> None:
        self._device = device
        self._key = Secret(hmac.digest(_SALT, secret, _HASH))

    def __repr__(self) -> str:
        return f"<fuses of {eui64_text(self._device)}>"

    def __reduce__(self) -> NoReturn:
        raise LocalProtocolError("the secret of a device is neither copied nor pickled")

    def seal(self, slot: Slot, plain: bytes) -> bytes:
        """The blob of a private number (32 octets, big-endian)."""
        associated = slot.associated()
        sealed = AESGCM(self._key_of(associated)).encrypt(_nonce(slot), plain, associated)
        return b"".join((_VERSION, slot.generation.to_bytes(8, "big"), sealed))

    def unseal(self, slot: Slot, blob: bytes) -> Secret:
        """The private number. Raises UnsealError."""
        if len(blob) != BLOB_LENGTH or blob[:1] != _VERSION:
            raise UnsealError("a sealed key that was cut short, or is of an unknown form")
        generation = int.from_bytes(blob[1:9], "big")
        if generation != slot.generation:
            age = "an older" if generation < slot.generation else "a later"
            raise UnsealError(f"a sealed key of {age} generation: {generation}, not {slot.generation}")
        associated = slot.associated()
        try:
            return Secret(AESGCM(self._key_of(associated)).decrypt(_nonce(slot), blob[9:], associated))
        except InvalidTag:
            raise UnsealError("a sealed key that was changed, or belongs to another device, use or place") from None

    def entropy(self, label: str) -> Secret:
        """48 octets to make a key from; the same for the same device and label."""
        return self._expand(b"entropy " + self._device + label.encode(), ENTROPY_LENGTH)

    def _key_of(self, associated: bytes) -> Secret:
        return self._expand(b"seal " + associated, _KEY_LENGTH)

    def _expand(self, info: bytes, length: int) -> Secret:
        """HKDF-Expand (RFC 5869 2.3)."""
        block, found = b"", b""
        for number in range(1, -(-length // _HASH_LENGTH) + 1):
            block = Secret(hmac.digest(self._key, block + info + bytes((number,)), _HASH))
            found = Secret(found + block)
        return Secret(found[:length])


def _nonce(slot: Slot) -> bytes:
    return _NONCE_PAD + slot.generation.to_bytes(8, "big")
