"""Messages that people hand to a command: a file, hexadecimal digits, or standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from protocols.errors import MeterbenchError

MAX_FILE = 1024 * 1024
"""The largest file taken as one message, in octets; the longest message has a fraction of it."""


class InputError(MeterbenchError, ValueError):
    """What a person gave cannot be read; the text says what, and what is needed instead."""


def read_message(source: str) -> bytes:
    """The octets of one message from ``-`` (standard input), a file, or hexadecimal digits. Raises InputError."""
    if source == "-":
        return message_octets(sys.stdin.buffer.read(MAX_FILE + 1), "standard input")
    digits = "".join(source.split())
    path = Path(source)
    if digits and len(source) < 1000 and path.exists():
        return read_message_file(path)
    if digits and all(c in "0123456789abcdefABCDEF" for c in digits):
        return message_octets(digits.encode(), "the argument")
    raise InputError(f"{_short(source) or 'nothing'}: neither a file that exists nor hexadecimal digits")


def read_message_file(path: Path) -> bytes:
    """The octets of one message in a file: hexadecimal digits with or without white space, or the octets themselves.

    Raises InputError naming the file.
    """
    try:
        with path.open("rb") as file:
            return message_octets(file.read(MAX_FILE + 1), str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def message_octets(content: bytes, name: str) -> bytes:
    """The message in a file's content. Raises InputError."""
    if len(content) > MAX_FILE:
        raise InputError(f"{name}: more than {MAX_FILE} octets, which is no GBCS message")
    if content[:1] in (b"\xdd", b"\xdf"):  # the tags of a message are no ASCII digits
        return content
    digits = b"".join(content.removeprefix(b"\xef\xbb\xbf").split())
    if not digits:
        raise InputError(f"{name}: empty; a message in hexadecimal digits is needed")
    for at, digit in enumerate(digits):
        if digit not in b"0123456789abcdefABCDEF":
            raise InputError(f"{name}: {chr(digit)!r} is no hexadecimal digit (character {at + 1} without white space)")
    if len(digits) % 2:
        raise InputError(f"{name}: an odd number of hexadecimal digits ({len(digits)}); one is missing")
    return bytes.fromhex(digits.decode())


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
