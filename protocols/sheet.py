"""Readable output: a tree of named fields with value, unit and the place of their octets.

A sheet is filled by walking *typed values* in the order of their encoding. Each leaf hands over the octets it
encodes to, so offsets and lengths need no second parser, and ``Sheet.octets`` must equal the encoding as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


def number_of(items: Sized) -> str:
    """``1 item``, ``3 items``."""
    return "1 item" if len(items) == 1 else f"{len(items)} items"


@dataclass(slots=True)
class Field:
    """One line of readable output. ``offset`` and ``length`` are in octets from the start of the message.

    ``value`` is what a program wants (int, str, bool, None), ``text`` what a person wants to read beside it.
    """

    name: str
    offset: int
    length: int = 0
    value: Any = None
    text: str = ""
    unit: str = ""
    children: list[Field] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The field and everything below it, as plain JSON types; empty members are left out."""
        out: dict[str, Any] = {"name": self.name, "offset": self.offset, "length": self.length}
        if not self.children or self.value is not None:
            out["value"] = self.value.hex().upper() if isinstance(self.value, bytes | bytearray) else self.value
        if self.text:
            out["text"] = self.text
        if self.unit:
            out["unit"] = self.unit
        if self.children:
            out["fields"] = [child.to_json() for child in self.children]
        return out

    def walk(self) -> Iterator[Field]:
        """This field, then all below it, in the order of their octets."""
        yield self
        for child in self.children:
            yield from child.walk()


class Sheet:
    """Collects fields while a describer walks a value."""

    def __init__(self, offset: int = 0) -> None:
        self._base = offset
        self.octets = bytearray()
        self.fields: list[Field] = []

    @property
    def position(self) -> int:
        """Octets from the start of the message to the next field."""
        return self._base + len(self.octets)

    def leaf(self, name: str, octets: bytes, value: Any = None, text: str = "", unit: str = "") -> Field:
        """Append one field that is encoded as ``octets``."""
        made = Field(name, self.position, len(octets), value, text, unit)
        self.octets += octets
        self.fields.append(made)
        return made

    @contextmanager
    def group(self, name: str, text: str = "", value: Any = None) -> Iterator[Field]:
        """Append a field that holds all fields described inside the ``with`` block."""
        made = Field(name, self.position, 0, value, text)
        outer, self.fields = self.fields, made.children
        try:
            yield made
        finally:
            self.fields = outer
            made.length = self.position - made.offset
            outer.append(made)
