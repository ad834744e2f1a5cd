"""``meterbench decode``: one message, as a tree for people or JSON for programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.sheet import Field

from ..exit_codes import ExitCode
from ..inspection import Inspection, inspect_message
from ..reading import STANDARD_INPUT, InputError, read_message
from .output import say

if TYPE_CHECKING:
    from protocols.gbcs.key_folder import FolderKeyStore

_MOST_OCTETS_SHOWN = 40


def run_decode(source: str, keystore: Path | None, *, as_json: bool) -> ExitCode:
    """Decode and print. FAIL for a message that is malformed or whose protection does not hold."""
    try:
        octets = read_message(source)
    except InputError as error:
        print(f"meterbench decode: {error}", file=sys.stderr)
        return ExitCode.USAGE
    store = _store(keystore)
    try:
        found = inspect_message(octets, store)
    except DecodeError as error:
        return _malformed(source, octets, error, as_json=as_json)
    if as_json:
        import json

        say(json.dumps(found.to_json(), indent=2))
    else:
        say("\n".join(tree_lines(found)))
    if store is not None:
        from .key_folder import warn_of_problems

        warn_of_problems(store)
    return ExitCode.FAIL if _broken(found) else ExitCode.PASS


def _store(folder: Path | None) -> FolderKeyStore | None:
    if folder is None:
        return None
    from .key_folder import open_keystore  # brings the cryptography with it

    return open_keystore(folder)


def tree_lines(found: Inspection) -> list[str]:
    """The message as indented lines: octet offset and length, name, value, unit, meaning."""
    return [found.title, *(f"  {note}" for note in found.notes()), "", *field_lines(found.sheet().fields)]


def field_lines(fields: list[Field]) -> list[str]:
    """Fields and all below them, a line for each, under a line that names the columns."""
    lines = ["  octet  size  field"]
    for field in fields:
        _append_lines(field, 0, lines)
    return lines


def _append_lines(field: Field, depth: int, lines: list[str]) -> None:
    lines.append(f"{field.offset:7d} {field.length:5d}  {'  ' * depth}{field_text(field)}")
    for child in field.children:
        _append_lines(child, depth + 1, lines)


def field_text(field: Field) -> str:
    """``name: value unit (text)`` as far as there is any of it."""
    value = "" if field.value is None else _value_text(field.value)
    said = " ".join(part for part in (value, field.unit) if part)
    if field.text and field.text != said:
        said = f"{said}  ({field.text})" if said else field.text
    return f"{field.name}: {said}" if said else field.name


def _value_text(value: object) -> str:
    if not isinstance(value, bytes | bytearray):
        return str(value)
    if len(value) <= _MOST_OCTETS_SHOWN:
        return value.hex().upper() or "(empty)"
    return f"{value[:_MOST_OCTETS_SHOWN].hex().upper()}... ({len(value)} octets)"


def _broken(found: Inspection) -> bool:
    if found.rebuilt != found.octets or found.verdicts is None:
        return found.rebuilt != found.octets
    from protocols.gbcs.protection import Verdict

    return Verdict.INVALID in found.verdicts or found.tampered_part


def _malformed(source: str, octets: bytes, error: DecodeError, *, as_json: bool) -> ExitCode:
    if as_json:
        import json

        said = {"offset": error.offset, "field": ".".join(error.path), "expected": error.expected, "found": error.found}
        say(json.dumps({"error": said, "octets": octets.hex().upper()}, indent=2))
    else:
        name = STANDARD_INPUT if source == "-" else source if len(source) <= 60 else source[:57] + "..."
        print(f"meterbench decode: {name}: {error}", file=sys.stderr)
    return ExitCode.FAIL
