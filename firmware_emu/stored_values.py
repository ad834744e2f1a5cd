"""Attributes that are a field of a part's state: read, written under a check, preset, or activated as passive values.

A row of such attributes is data; ``serve`` gives it to the COSEM server. A field holds the plain Python value of the
attribute's type; with ``kind`` None it holds the A-XDR octets of any value, as calendars and tables do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from protocols.dlms.axdr import DATA
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import NULL, Data, DataType

from .cosem import Attribute, attribute, expect
from .part import Part
from .refusals import AccessFailed

EXTENDED_DATA = 9000
"""The GB class of values with a passive twin: attribute 2 in force, 4 passive, 6 activation time."""
IN_FORCE, PASSIVE, ACTIVATE = 2, 4, 6

Check = Callable[[Any], bool]
Changed = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Stored:
    """One attribute kept in ``field``, dotted when it is inside another (in its ``place`` if that is a list).

    ``check`` judges the plain value of a write (the ``Data`` when ``kind`` is None); ``changed`` is called after a
    write, and after a preset unless ``quiet_preset``; ``after_preset`` takes its place there. Without ``readable`` it
    can be preset all the same.
    """

    class_id: int
    name: str
    number: int
    field: str
    kind: DataType | None
    place: int | None = None
    readable: bool = True
    writable: bool = False
    check: Check | None = None
    changed: Changed | None = None
    quiet_preset: bool = False
    after_preset: Changed | None = None


class _Access:
    """Reads and writes the place of one attribute."""

    __slots__ = ("_field", "_path", "part", "row")

    def __init__(self, part: Part, row: Stored) -> None:
        self.part, self.row = part, row
        *self._path, self._field = row.field.split(".")

    @property
    def _holder(self) -> Any:
        holder = self.part.state
        for name in self._path:
            holder = getattr(holder, name)
        return holder

    def held(self) -> Any:
        """What the field holds: a plain value, or the octets of any value."""
        held = getattr(self._holder if self._path else self.part.state, self._field)
        return held if self.row.place is None else held[self.row.place]

    def read(self) -> Data:
        kind, held = self.row.kind, self.held()
        value: Data = DATA.decode(held) if kind is None else Data(kind, held)
        return value

    def write(self, value: Data) -> None:
        plain = plain_value(value, self.row.kind)
        self._judge(value if self.row.kind is None else plain)
        self.put(plain)

    def _judge(self, value: Any) -> None:
        if self.row.check is not None and not self.row.check(value):
            raise AccessFailed

    def preset(self, value: Data) -> None:
        row = self.row
        if row.kind is None and value != self.read():  # not even the maker can set a table that is none
            self._judge(value)
        self.put(plain_value(value, row.kind), quiet=row.quiet_preset or row.after_preset is not None)
        if row.after_preset is not None:
            row.after_preset()

    def activate(self, value: Data) -> None:
        self.put(plain_value(value, self.row.kind))

    def put(self, plain: Any, *, quiet: bool = False) -> None:
        part, row = self.part, self.row
        if row.place is None:
            setattr(self._holder, self._field, plain)
        else:
            getattr(self._holder, self._field)[row.place] = plain
        part.touch()
        if row.changed is not None and not quiet:
            row.changed()


def plain_value(value: Data, kind: DataType | None) -> Any:
    """What a field holds for ``value``: the plain value, or its octets when ``kind`` is None. Raises AccessFailed."""
    if kind is None:
        return DATA.encode(value)
    plain = expect(value, kind)
    return bool(plain) if kind is DataType.BOOLEAN else plain


def serve(part: Part, rows: Iterable[Stored]) -> None:
    """Serve attributes of a part that is attached to a device."""
    for row in rows:
        access = _Access(part, row)
        part.device.cosem.attribute(
            row.class_id,
            row.name,
            row.number,
            get=access.read if row.readable else None,
            set=access.write if row.writable else None,
            preset=access.preset,
            kept=access.held if row.readable and row.kind is None else None,
        )


def serve_passive(part: Part, row: Stored) -> None:
    """Serve the passive value and the activation of ``row``, an attribute of the class for extended data.

    ``row`` itself is the value in force, which may be served elsewhere too: it is read as attribute 2 of the object.
    """
    access = _Access(part, row)
    passive = attribute(EXTENDED_DATA, row.name, PASSIVE)
    part.device.cosem.attribute(EXTENDED_DATA, row.name, IN_FORCE, get=access.read, preset=access.preset)

    def check(_attribute: Attribute, value: Data) -> None:
        plain = plain_value(value, row.kind)
        if row.check is not None and not row.check(plain):
            raise AccessFailed

    def apply(values: Mapping[Attribute, Data]) -> None:
        if passive in values:
            access.activate(values[passive])

    part.device.passive.serve(attribute(EXTENDED_DATA, row.name, ACTIVATE), [passive], apply, check)


def serve_passive_object(part: Part, active: Stored, passive: Attribute, activate: Attribute) -> None:
    """Serve an object whose passive twin is another object, and whose activation is a third one's."""
    access = _Access(part, active)
    serve(part, [active])

    def check(_attribute: Attribute, value: Data) -> None:
        if active.check is not None and not active.check(value):
            raise AccessFailed

    def apply(values: Mapping[Attribute, Data]) -> None:
        if passive in values:
            access.activate(values[passive])

    part.device.passive.serve(activate, [passive], apply, check)


def within(least: int, most: int) -> Check:
    """The check that a number lies between two limits, both included."""
    return lambda number: bool(least <= number <= most)


def no_longer_than(most: int) -> Check:
    """The check of a text's or octet string's length."""
    return lambda value: len(value) <= most


def is_moment(octets: bytes) -> bool:
    """True if 12 octets name one instant."""
    return len(octets) == CosemDateTime.WIDTH and CosemDateTime.decode(octets).to_instant() is not None


NOTHING = DATA.encode(NULL)
"""The octets of no value."""
EMPTY_ARRAY = DATA.encode(Data(DataType.ARRAY, ()))
"""The octets of a table without rows."""
