"""Readable output of DLMS application units: every data value is a field with its place, name, unit and text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ..sheet import Sheet
from .axdr import encode_data
from .data import Data

Kind = Literal["attribute", "method"]


@dataclass(frozen=True, slots=True)
class ObjectName:
    """What a catalogue knows about one attribute or method.

    ``members`` name the members of a structure, or of the structures in an array or compact array, in order; a
    member's own unit stands in ``units`` under its name. ``unit`` belongs to a value that is no structure.
    ``texts`` gives the meaning of an enumeration's or selector's numbers. Members in ``optional`` are there or not,
    all of them together; ``inside`` describes the members that are structures or arrays themselves.
    """

    name: str
    members: tuple[str, ...] = ()
    unit: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[int, str] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    inside: Mapping[str, ObjectName] = field(default_factory=dict)


class ObjectNames(Protocol):
    """A catalogue of objects."""

    def name(self, class_id: int, obis: bytes, kind: Kind, index: int) -> ObjectName | None:
        """What is known about attribute or method ``index`` of an object, None if nothing is."""
        ...


def describe_data(value: Data, sheet: Sheet, name: str, known: ObjectName | None = None) -> None:
    """Append a data value, and everything in it, to ``sheet``."""
    sheet.leaf(name, encode_data(value), None, known.name if known else "")
