"""EUI-64 identifiers: eight octets, big-endian, kept as ``bytes``."""

from __future__ import annotations

from typing import NewType

Eui64 = NewType("Eui64", bytes)


def eui64(text: str) -> Eui64:
    """The identifier written as 16 hexadecimal digits, with or without ``-``, ``:`` or spaces. Raises ValueError."""
    octets = bytes.fromhex(text.replace("-", "").replace(":", ""))
    if len(octets) != 8:
        raise ValueError(f"an EUI-64 has 16 hexadecimal digits, not {text!r}")
    return Eui64(octets)


def eui64_text(identifier: bytes) -> str:
    """``90-B3-D5-1F-30-01-00-00``."""
    return identifier.hex("-").upper()
