"""AES-MMO, the hash of ZigBee, and the link key that an installation code stands for (ZigBee specification B.6).

Matyas-Meyer-Oseas over AES-128: every block is enciphered under the hash so far and added to the result. The padding
ends with the length in bits, in 16 bits; from 2^16 bits on in 32, with 16 bits of zero behind.
"""

from __future__ import annotations

import hmac

from ..errors import LocalProtocolError

BLOCK = 16
LONGEST_MESSAGE = (1 << 29) - 1
"""Octets; all that 32 bits of length can say."""
INSTALL_CODE_LENGTHS = (6, 8, 12, 16)


class InstallCodeError(LocalProtocolError, ValueError):
    """Octets that are no installation code: a wrong length, or a check sum that does not fit."""


def mmo_hash(message: bytes) -> bytes:
    """The 16-octet hash. Raises LocalProtocolError for a message of 2^29 octets or more."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if len(message) > LONGEST_MESSAGE:
        raise LocalProtocolError(f"{len(message)} octets are too many to hash")
    bits = 8 * len(message)
    length = bits.to_bytes(2, "big") if bits < 1 << 16 else bits.to_bytes(4, "big") + bytes(2)
    padded = b"".join((message, b"\x80", bytes(-(len(message) + 1 + len(length)) % BLOCK), length))
    state = bytes(BLOCK)
    for at in range(0, len(padded), BLOCK):
        block = padded[at : at + BLOCK]
        enciphered = Cipher(algorithms.AES128(state), modes.ECB()).encryptor().update(block)  # noqa: S305 - the hash's
        state = bytes(left ^ right for left, right in zip(enciphered, block, strict=True))
    return state


def install_code_check(code: bytes) -> bytes:
    """The two octets of check sum behind an installation code: CRC-16/X-25, low octet first."""
    crc = 0xFFFF
    for octet in code:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return (crc ^ 0xFFFF).to_bytes(2, "little")


def install_code_key(code: bytes) -> bytes:
    """The link key of an installation code without its check sum. Raises InstallCodeError for a wrong length."""
    if len(code) not in INSTALL_CODE_LENGTHS:
        raise InstallCodeError(f"an installation code has 6, 8, 12 or 16 octets, not {len(code)}")
    return mmo_hash(code + install_code_check(code))


def checked_install_code(octets: bytes) -> bytes:
    """The code in octets that end with its check sum. Raises InstallCodeError."""
    code, check = octets[:-2], octets[-2:]
    if len(code) not in INSTALL_CODE_LENGTHS or not hmac.compare_digest(check, install_code_check(code)):
        raise InstallCodeError("the check sum of the installation code does not fit")
    return code
