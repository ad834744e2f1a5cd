"""From a shared secret to the key of one message (GBCS 4.3.3; NIST SP 800-56A one-step derivation with SHA-256).

All integers are big-endian. Keys are AES-128 keys of 16 octets.
"""

from __future__ import annotations

from enum import IntEnum
from hashlib import sha256
from typing import TYPE_CHECKING

from ..enumerations import plain_members
from ..eui64 import Eui64
from ..secret import Secret

if TYPE_CHECKING:
    from hashlib import _Hash

KEY_LENGTH = 16
IV_LENGTH = 12
_ALGORITHM = bytes.fromhex("60857406080300")  # object identifier 2.16.756.5.8.3.0, AES-GCM-128
_FIRST_BLOCK = b"\x00\x00\x00\x01"  # the derivation's counter: one SHA-256 block is more than a key needs
_FIXED_FIELD = b"\x00\x00\x00\x00"  # the same in every IV: key and counter never repeat, so the IV need not change


@plain_members
class Mode(IntEnum):
    """What a key is for: the CRA flag of the message it authenticates, or 4 for encryption."""

    COMMAND = 1
    RESPONSE = 2
    ALERT = 3
    ENCRYPTION = 4


_TRANSACTION = {mode.value: bytes((9, mode)) for mode in Mode}
"""How a transaction identifier begins: its length, and the mode."""


def other_info(originator: Eui64, mode: int, counter: int, recipient: Eui64) -> bytes:
    """The 33 octets that tie a key to its message: algorithm, originator, transaction identifier, recipient.

    ``counter`` is unsigned, 64 bits. Raises OverflowError for a counter outside that range.
    """
    return _ALGORITHM + originator + _TRANSACTION[mode] + counter.to_bytes(8, "big") + recipient


def initialisation_vector(originator: Eui64) -> bytes:
    """The 12-octet IV: the originator, then four zero octets."""
    return originator + _FIXED_FIELD


def begin_derivation(shared_secret: bytes) -> _Hash:
    """The hash over what is the same for every message between two parties; ``shared_secret`` is Z, 32 octets."""
    return sha256(_FIRST_BLOCK + shared_secret)


def finish_derivation(begun: _Hash, info: bytes) -> Secret:
    """The 16-octet key for ``info``; ``begun`` can be used again."""
    state = begun.copy()
    state.update(info)
    return Secret(state.digest()[:KEY_LENGTH])


def derive_key(shared_secret: bytes, info: bytes) -> Secret:
    """The 16-octet key from Z (32 octets) and OtherInfo."""
    return finish_derivation(begin_derivation(shared_secret), info)
