"""Writing files whole or not at all."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from .sealing import LabError, write_private

__all__ = ["pem", "write_file", "write_private"]


def pem(label: str, der: bytes) -> bytes:
    """PEM (RFC 7468)."""
    text = b64encode(der)
    lines = b"\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label.encode(), lines, label.encode())


def write_file(path: Path, octets: bytes) -> None:
    """Write a file that anybody may read. Raises LabError."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_bytes(octets)
        fresh.replace(path)
    except OSError as error:
        raise LabError(f"{path}: cannot be written: {error.strerror}") from None
