"""Messages that people hand to a command: a file, hexadecimal digits, or standard input."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from protocols.errors import MeterbenchError

MAX_FILE = 1024 * 1024
"""The largest file taken as one message, in octets; the longest message has a fraction of it."""
STANDARD_INPUT = "standard input"


class InputError(MeterbenchError, ValueError):
    """What a person gave cannot be used. ``name`` is what they called it; ``reason`` says what is needed instead."""

    def __init__(self, reason: str, name: str = "") -> None:
        super().__init__(reason, name)
        self.reason, self.name = reason, name

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" if self.name else self.reason


def read_message(source: str) -> bytes:
    """The octets of one message from ``-`` (standard input), a file, or hexadecimal digits. Raises InputError."""
    if source == "-":
        return message_octets(_standard_input(), STANDARD_INPUT)
    digits = "".join(source.split())
    if digits and os.path.exists(source):  # unlike Path.exists, False for what is too long to be a name
        return read_message_file(Path(source))
    if digits and all(c in "0123456789abcdefABCDEF" for c in digits):
        return message_octets(digits.encode(), "the argument")
    raise InputError("neither a file that exists nor hexadecimal digits", _short(source) or "nothing")


def read_message_file(path: Path) -> bytes:
    """The octets of one message in a file: hexadecimal digits with or without white space, or the octets themselves.

    Raises InputError naming the file.
    """
    try:
        with path.open("rb") as file:
            return message_octets(file.read(MAX_FILE + 1), str(path))
    except OSError as error:
        raise InputError(error.strerror or str(error), str(path)) from None


def read_stored_message(path: Path) -> bytes:
    """As ``read_message_file``, for what was found in a folder: a pipe there would keep its reader waiting."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError("not a file", str(path))
    return read_message_file(path)


def message_files(folder: Path) -> tuple[list[Path], list[tuple[str, str]]]:
    """The ``*.HEX`` files below a folder, sorted, and the folders that could not be searched, with the reason."""
    refused: list[OSError] = []
    found = [Path(at, name) for at, _, names in os.walk(folder, onerror=refused.append) for name in names]
    problems = [(os.path.relpath(error.filename, folder), error.strerror or str(error)) for error in refused]
    return sorted(path for path in found if path.suffix.upper() == ".HEX"), problems


def message_octets(content: bytes, name: str) -> bytes:
    """The message in a file's content. Raises InputError."""
    if len(content) > MAX_FILE:
        raise InputError(f"more than {MAX_FILE} octets, which is no GBCS message", name)
    if content[:1] in (b"\xdd", b"\xdf"):  # the tags of a message are no ASCII digits
        return content
    digits = b"".join(content.removeprefix(b"\xef\xbb\xbf").split())
    if not digits:
        raise InputError("empty; a message in hexadecimal digits is needed", name)
    for at, digit in enumerate(digits):
        if digit not in b"0123456789abcdefABCDEF":
            raise InputError(f"{chr(digit)!r} is no hexadecimal digit (character {at + 1} without white space)", name)
    if len(digits) % 2:
        raise InputError(f"an odd number of hexadecimal digits ({len(digits)}); one is missing", name)
    return bytes.fromhex(digits.decode())


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise InputError("closed; a message is needed on it", STANDARD_INPUT)
    try:
        return sys.stdin.buffer.read(MAX_FILE + 1)
    except OSError as error:
        raise InputError(error.strerror or str(error), STANDARD_INPUT) from None


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
