"""Manifests as people write them: TOML, of which the manifest of a manufacturer image is made.

The keys are those of the manifest (``protocols.firmware_container.Manifest``); what is left out has its default. Two
more say how to build: ``content_size``, the octets of filler where no content is given, and ``header_text``, the text
in the header of the file around it, at most 32 characters.
"""

from __future__ import annotations

import json
import tomllib
from typing import Any, NamedTuple

from protocols.errors import DecodeError
from protocols.firmware_container import MAX_CONTENT, Manifest

from ..reading import InputError

MAX_FILE = 256 * 1024
"""The longest file, in octets."""
USUAL_CONTENT_SIZE = 4096
HEADER_TEXT_LENGTH = 32

_NEEDED = ("device_type", "manufacturer", "model", "firmware_version")
_HEXADECIMAL = ("manufacturer", "model", "firmware_version")


class ManifestError(InputError):
    """A manifest that cannot be used. The text names the file, the key, and what is expected there."""


class Recipe(NamedTuple):
    """What to build: a manifest, how much filler where no content is given, and the text of the file's header."""

    manifest: Manifest
    content_size: int = USUAL_CONTENT_SIZE
    header_text: str = ""


def parse_recipe(octets: bytes, source: str) -> Recipe:
    """The recipe in TOML text; ``source`` names it in errors. Raises ManifestError."""
    if len(octets) > MAX_FILE:
        raise ManifestError(f"more than {MAX_FILE} octets, which is no manifest", source)
    try:
        table = tomllib.loads(octets.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ManifestError(f"not UTF-8 text (octet {error.start})", source) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ManifestError(f"not TOML: {error}", source) from None
    size = _whole(table.pop("content_size", USUAL_CONTENT_SIZE), source)
    text = table.pop("header_text", "")
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or len(text) > HEADER_TEXT_LENGTH:
        raise ManifestError(f"header_text: at most {HEADER_TEXT_LENGTH} printable ASCII characters expected", source)
    return Recipe(_manifest(table, source), size, text)


def _manifest(table: dict[str, Any], source: str) -> Manifest:
    for key in _NEEDED:
        if key not in table:
            raise ManifestError(f"{key}: missing", source)
    try:
        return Manifest.decode(json.dumps(_complete(table), sort_keys=True, separators=(",", ":")).encode())
    except DecodeError as error:
        where = f"{'.'.join(error.path)}: " if error.path else ""
        raise ManifestError(f"{where}expected {error.expected}, found {error.found}", source) from None
    except TypeError:  # a date or time, which TOML has and JSON has not
        raise ManifestError("a date or time, where none belongs", source) from None


def _complete(table: dict[str, Any]) -> dict[str, Any]:
    """The table with every key, lists in order, digits in upper case."""
    members: dict[str, Any] = {"model_name": "", "hardware_versions": ["0000", "FFFF"], "notes": {}, **table}
    for key in _HEXADECIMAL:
        members[key] = _upper(members[key])
    if isinstance(members["hardware_versions"], list):
        members["hardware_versions"] = [_upper(each) for each in members["hardware_versions"]]
    behaviour = members.get("behaviour", {})
    if isinstance(behaviour, dict):
        members["behaviour"] = {"use_cases": None, "defects": [], "starts": True, **_sorted(behaviour)}
    return members


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _sorted(behaviour: dict[str, Any]) -> dict[str, Any]:
    return {
        key: sorted(set(value)) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value
        for key, value in behaviour.items()
    }


def _whole(value: object, source: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_CONTENT:
        raise ManifestError(f"content_size: a whole number from 0 to {MAX_CONTENT} expected, found {value!r}", source)
    return value
