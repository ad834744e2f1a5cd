"""Values as people read them in the evidence: without the marks of the program's own types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from protocols.dlms.data import CompactArray, Data

SHORTEST_TEXT = 4
"""Octets; fewer are shown in hexadecimal digits."""


def plain_text(value: Any) -> str:
    """Texts and numbers as they are, members of enumerations by name, octets as text or hexadecimal digits."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Enum):
        return value.name.lower().replace("_", " ")
    if isinstance(value, bytes | bytearray):
        return _octets(bytes(value))
    if isinstance(value, Data | CompactArray):
        return plain_text(value.value if isinstance(value, Data) else value.rows)
    if isinstance(value, Mapping):
        return ", ".join(f"{plain_text(key)}: {plain_text(each)}" for key, each in value.items())
    named = _members(value)
    if named is not None:
        return ", ".join(f"{name.replace('_', ' ')} {plain_text(each)}" for name, each in named.items())
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{', '.join(map(plain_text, value))}]"
    return "none" if value is None else str(value)


def _octets(value: bytes) -> str:
    """As text if it is one by all appearances; what is short may be anything."""
    text = value.decode("ascii", "replace")
    return text if len(value) >= SHORTEST_TEXT and value.isascii() and text.isprintable() else value.hex().upper()


def _members(value: Any) -> dict[str, Any] | None:
    """The members of a record, by name."""
    if is_dataclass(value) and not isinstance(value, type) and type(value).__str__ is object.__str__:
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict") and type(value).__str__ is object.__str__:
        return dict(value._asdict())
    return None
