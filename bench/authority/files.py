"""Writing files whole or not at all."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from .sealing import LabError, write_private

__all__ = ["is_der", "make_folder", "pem", "write_file", "write_private"]


def pem(label: str, der: bytes) -> bytes:
    """PEM (RFC 7468)."""
    text = b64encode(der)
    lines = b"\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label.encode(), lines, label.encode())


def is_der(octets: bytes) -> bool:
    """Whether a file begins as DER of some length does, and no text; what PEM it may hold inside counts for nothing."""
    return octets[:1] == b"\x30" and octets[1:2] >= b"\x80"


def make_folder(folder: Path) -> None:
    """Make a folder if it is not there. Raises LabError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"{folder}: cannot be written to: {error.strerror}") from None


def write_file(path: Path, octets: bytes) -> None:
    """Write a file that anybody may read. Raises LabError."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_bytes(octets)
        fresh.replace(path)
    except OSError as error:
        raise LabError(f"{path}: cannot be written: {error.strerror}") from None
