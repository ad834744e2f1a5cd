"""The COSEM objects of GB devices: what each attribute and method is, its shape, unit, devices and users (GBCS 20, 21).

Tables are loaded class by class when first asked for. ``NAMES`` lends the catalogue to readable output.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Literal

from ..dlms.obis import obis as parse_obis
from ..dlms.units import UNIT_TEXTS
from .objects_classes import attribute_name, class_name, method_name
from .objects_shapes import Shape
from .objects_shapes import shape as parse_shape
from .roles import DeviceType

if TYPE_CHECKING:
    from ..dlms.describe import ObjectName
    from .use_cases import UseCase
    from .use_cases_instructions import Operation

__all__ = [
    "NAMES",
    "CosemObject",
    "Use",
    "all_objects",
    "attribute_name",
    "class_name",
    "find",
    "method_name",
    "uses",
]

Kind = Literal["attribute", "method"]
Row = tuple[int, str, str, str, str, str]

# What is read under encryption only (class 30), or pushed so.
SENSITIVE = frozenset(
    (class_id, parse_obis(name))
    for class_id, name in (
        (1, "0-0:94.44.34.1"),
        (1, "0-0:94.44.34.2"),
        (1, "0-0:94.44.34.10"),
        (1, "0-0:94.44.34.30"),
        (7, "0-0:98.1.0"),
        (7, "0-0:98.1.1"),
        (7, "0-0:98.1.2"),
        (7, "0-0:98.1.8"),
        (7, "0-0:98.1.9"),
        (7, "0-0:99.1.0"),
        (7, "0-0:99.1.3"),
    )
)

# The numbers of an enumeration, a flag or a script selector.
TEXTS: dict[tuple[int, str, str], dict[int, str]] = {
    (1, "0-0:94.44.0.4", "a2"): {0: "supply unchanged by a tamper", 1: "supply locked by a tamper"},
    (1, "0-0:94.44.7.255", "a2"): {0: "absent", 1: "present"},
    (8, "0-0:1.0.0.255", "a4"): {0: "reliable", 1: "invalid", 2: "doubtful"},
    (9, "0-0:10.0.100.255", "m1"): {99: "reset the block counters"},
    (9, "0-0:10.0.106.255", "m1"): {51: "enable supply", 52: "disable supply", 54: "arm supply"},
    (70, "0-0:96.3.10.255", "a3"): {0: "disabled", 1: "enabled", 2: "armed"},
    (9000, "0-0:94.44.0.3", "a2"): {0: "supply unchanged", 1: "disable supply"},
    (9000, "0-0:94.44.0.3", "a4"): {0: "supply unchanged", 1: "disable supply"},
    (9000, "0-0:94.44.2.0", "a2"): {0: "euro", 1: "pound sterling"},
    (9000, "0-0:94.44.2.0", "a4"): {0: "euro", 1: "pound sterling"},
}
# The same for members of structures, by class and name.
MEMBER_TEXTS: dict[tuple[int, str], dict[int, str]] = {
    (7, "outcome"): {0: "unknown", 1: "success", 2: "failure"},
    (104, "key_type"): {1: "install code"},
    (104, "device_type"): {0: "ESME", 1: "GSME", 13: "HCALCS", 128: "IHD", 130: "CAD", 132: "PPMID", 254: "GPF"},
    (111, "payment_mode"): {1: "credit", 2: "prepayment"},
}


@dataclass(frozen=True, slots=True)
class CosemObject:
    """One attribute or method of an object. ``obis`` is the logical name, six octets; ``structure`` its shape in text.

    ``sensitive``: may be read under encryption only. ``texts`` gives the meaning of numbers.
    """

    class_id: int
    obis: bytes
    kind: Kind
    index: int
    name: str
    structure: str
    devices: frozenset[DeviceType]
    sensitive: bool
    texts: Mapping[int, str]

    @property
    def shape(self) -> Shape:
        """The shape of the attribute's value, or of the method's argument."""
        return parse_shape(self.structure)

    @property
    def unit(self) -> str:
        """The unit of a plain value or of the values in an array; empty for a structure or a value without unit."""
        return self.shape.element.unit

    @property
    def members(self) -> tuple[Shape, ...]:
        """The members of the structure that the value is, or is an array or log of; empty if it is neither."""
        return self.shape.members


@dataclass(frozen=True, slots=True)
class Use:
    """A use case that touches an attribute or method, and how; ``protected``: through a protected read."""

    use_case: UseCase
    operation: Operation
    protected: bool


def find(class_id: int, obis: bytes, kind: Kind, index: int) -> CosemObject | None:
    """What the catalogue knows about attribute or method ``index`` of an object, or None."""
    return _by_key(class_id).get((obis, kind, index))


def all_objects() -> Iterator[CosemObject]:
    """Every attribute and method of the catalogue, class by class."""
    for class_id in _CLASSES:
        yield from _by_key(class_id).values()


def uses(class_id: int, obis: bytes, kind: Kind, index: int) -> tuple[Use, ...]:
    """The use cases that read, write or invoke it, in the order of message codes."""
    return _uses().get((class_id, obis, kind, index), ())


_NO_TEXTS: Mapping[int, str] = {}
_CLASSES = (1, 3, 4, 7, 8, 9, 10, 11, 20, 21, 22, 30, 70, 71, 104, 111, 112, 113, 115, 9000)


def _table(class_id: int) -> tuple[Row, ...]:
    if class_id == 9000:
        from .objects_extended import EXTENDED as TABLE
    elif class_id in (1, 104):
        from .objects_data import DATA, HUB

        TABLE = DATA if class_id == 1 else HUB  # noqa: N806 (a table, like its neighbours)
    elif class_id in (3, 4, 21, 70, 71):
        from .objects_registers import REGISTERS as TABLE
    elif class_id in (7, 30):
        from .objects_logs import LOGS, PROTECTED_READS

        TABLE = LOGS if class_id == 7 else PROTECTED_READS  # noqa: N806 (a table, like its neighbours)
    elif class_id in (111, 112, 113, 115):
        from .objects_prepayment import PREPAYMENT as TABLE
    else:
        from .objects_calendars import CALENDARS as TABLE
    return TABLE


@cache
def _by_key(class_id: int) -> dict[tuple[bytes, Kind, int], CosemObject]:
    if class_id not in _CLASSES:
        return {}
    rows = (made for row in _table(class_id) if row[0] == class_id for made in _expand(row))
    return {(made.obis, made.kind, made.index): made for made in rows}


def _expand(row: Row) -> Iterator[CosemObject]:
    """A row for each object that its pattern stands for."""
    class_id, pattern, item, name, structure, devices = row
    kind: Kind = "attribute" if item[0] == "a" else "method"
    for number, obis in enumerate(_each(pattern), 1):
        yield CosemObject(
            class_id,
            obis,
            kind,
            int(item[1:]),
            name.replace("[n]", str(number)),
            structure,
            frozenset(DeviceType[word] for word in devices.split()),
            (class_id, obis) in SENSITIVE,
            TEXTS.get((class_id, pattern, item), _NO_TEXTS),
        )


def _each(pattern: str) -> Iterator[bytes]:
    """``0-0:94.44.0.11..15`` and ``1-0:32|52|72.31.0.4``, one logical name after the other."""
    groups = re.findall(r"\d+\.\.\d+|\d+(?:\|\d+)*", pattern)
    for numbers in product(*(_numbers(group) for group in groups)):
        yield bytes(numbers)


def _numbers(group: str) -> list[int]:
    low, dots, high = group.partition("..")
    return list(range(int(low), int(high) + 1)) if dots else [int(number) for number in group.split("|")]


@cache
def _uses() -> dict[tuple[int, bytes, Kind, int], tuple[Use, ...]]:
    from .use_cases import all_use_cases
    from .use_cases_instructions import Operation

    found: dict[tuple[int, bytes, Kind, int], list[Use]] = {}
    for use_case in all_use_cases():
        for step in use_case.instructions:
            kind: Kind = "method" if step.op is Operation.ACTION else "attribute"
            found.setdefault((step.class_id, step.obis, kind, step.index), []).append(Use(use_case, step.op, False))
            for read in step.reads:
                key: tuple[int, bytes, Kind, int] = (read.class_id, read.obis, "attribute", read.attribute)
                found.setdefault(key, []).append(Use(use_case, Operation.GET, True))
    return {key: tuple(users) for key, users in found.items()}


class _Names:
    """The catalogue as the ``ObjectNames`` of readable output."""

    def name(self, class_id: int, obis: bytes, kind: Kind, index: int) -> ObjectName | None:
        """The catalogue's name of an attribute or method, else the class's own, else None."""
        return _object_name(class_id, obis, kind, index)


NAMES = _Names()


@cache
def _object_name(class_id: int, obis: bytes, kind: Kind, index: int) -> ObjectName | None:
    from ..dlms.describe import ObjectName

    known = find(class_id, obis, kind, index)
    if known is not None:
        return _described(class_id, known.name, known.shape, known.texts)
    generic = attribute_name(class_id, index) if kind == "attribute" else method_name(class_id, index)
    return ObjectName(f"{class_name(class_id)} {generic}") if generic else None


def _described(class_id: int, name: str, shape: Shape, texts: Mapping[int, str]) -> ObjectName:
    from ..dlms.describe import ObjectName

    members = shape.members
    return ObjectName(
        name,
        tuple(member.name for member in members),
        shape.element.unit,
        texts=texts,
        optional=frozenset(member.name for member in members if member.optional),
        inside={m.name: _described(class_id, m.name, m, _member_texts(class_id, m.name)) for m in members},
    )


def _member_texts(class_id: int, name: str) -> Mapping[int, str]:
    if name == "event":
        from .alert_codes import all_codes

        return {code.code: code.meaning for code in all_codes()}
    return UNIT_TEXTS if name == "unit" else MEMBER_TEXTS.get((class_id, name), _NO_TEXTS)
