"""DLMS data values (IEC 62056-6-2, common data types); ``axdr`` reads and writes them.

``Data`` is a type with a plain Python value. Coding is lossless: the octets come back from the value alone.

=================  ===========================================================================================
type               value
=================  ===========================================================================================
null, don't care   None
boolean            False for 00, True for FF, an int for any other octet. All but 00 mean TRUE, and devices write
                   01 as well as FF; the int keeps which one it was (and is as true as True)
integers, enum     int; ``bcd`` is its octet, 0 to 255
float32, float64   float; a NaN is kept as its octets (bytes), since it has many codings and equals nothing
bit-string         str of "0" and "1", the first bit on the wire leftmost; unused bits of the last octet must be 0
octet-string       bytes
visible-string     str, one character to an octet (ISO 8859-1, so that octets outside ASCII survive)
utf8-string        str
date-time, date,   bytes: 12, 5 and 4 octets (see ``cosem_time``)
time
array, structure   tuple of Data
compact-array      CompactArray
=================  ===========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NamedTuple

from ..enumerations import plain_members


@plain_members
class DataType(IntEnum):
    """The tag of a data value (IEC 62056-6-2, common data types)."""

    NULL = 0
    ARRAY = 1
    STRUCTURE = 2
    BOOLEAN = 3
    BIT_STRING = 4
    INT32 = 5
    UINT32 = 6
    OCTET_STRING = 9
    VISIBLE_STRING = 10
    UTF8_STRING = 12
    BCD = 13
    INT8 = 15
    INT16 = 16
    UINT8 = 17
    UINT16 = 18
    COMPACT_ARRAY = 19
    INT64 = 20
    UINT64 = 21
    ENUM = 22
    FLOAT32 = 23
    FLOAT64 = 24
    DATE_TIME = 25
    DATE = 26
    TIME = 27
    DONT_CARE = 255


class Data(NamedTuple):
    """One data value: its type and a plain Python value (see the module's table)."""

    type: DataType
    value: Any


class TypeDescription(NamedTuple):
    """What a compact array holds: ``members`` of a structure, or ``number`` times the one member of an array."""

    type: DataType
    members: tuple[TypeDescription, ...] = ()
    number: int = 0


class CompactArray(NamedTuple):
    """Rows of one type, described once.

    A row, and everything in it, is a plain value as in ``Data.value``; arrays and structures are tuples of values.
    """

    description: TypeDescription
    rows: tuple[Any, ...]

    def as_array(self) -> Data:
        """The same rows as an ordinary array of typed values."""
        return Data(DataType.ARRAY, tuple(_typed(self.description, row) for row in self.rows))


def _typed(description: TypeDescription, value: Any) -> Data:
    kind, members, count = description
    if kind is DataType.STRUCTURE:
        return Data(kind, tuple(map(_typed, members, value)))
    if kind is DataType.ARRAY:
        return Data(kind, tuple(map(_typed, members * count, value)))
    return Data(kind, value)


NULL = Data(DataType.NULL, None)


def null() -> Data:
    """No value."""
    return NULL


def dont_care() -> Data:
    """A value that does not matter."""
    return Data(DataType.DONT_CARE, None)


def boolean(value: bool) -> Data:
    """TRUE is written FF, FALSE 00."""
    return Data(DataType.BOOLEAN, value)


def bit_string(bits: str) -> Data:
    """Bits as text, the first on the wire leftmost: ``bit_string("0101")``."""
    return Data(DataType.BIT_STRING, bits)


def octet_string(octets: bytes) -> Data:
    """Any octets."""
    return Data(DataType.OCTET_STRING, octets)


def visible_string(text: str) -> Data:
    """ASCII text."""
    return Data(DataType.VISIBLE_STRING, text)


def utf8_string(text: str) -> Data:
    """Unicode text, written as UTF-8."""
    return Data(DataType.UTF8_STRING, text)


def int8(value: int) -> Data:
    """-128 to 127."""
    return Data(DataType.INT8, value)


def int16(value: int) -> Data:
    """A signed integer of two octets."""
    return Data(DataType.INT16, value)


def int32(value: int) -> Data:
    """A signed integer of four octets."""
    return Data(DataType.INT32, value)


def int64(value: int) -> Data:
    """A signed integer of eight octets."""
    return Data(DataType.INT64, value)


def uint8(value: int) -> Data:
    """0 to 255."""
    return Data(DataType.UINT8, value)


def uint16(value: int) -> Data:
    """An unsigned integer of two octets."""
    return Data(DataType.UINT16, value)


def uint32(value: int) -> Data:
    """An unsigned integer of four octets."""
    return Data(DataType.UINT32, value)


def uint64(value: int) -> Data:
    """An unsigned integer of eight octets."""
    return Data(DataType.UINT64, value)


def enum(value: int) -> Data:
    """One of a list of meanings, 0 to 255."""
    return Data(DataType.ENUM, value)


def array(*items: Data) -> Data:
    """Values of one type."""
    return Data(DataType.ARRAY, items)


def structure(*items: Data) -> Data:
    """Values of any types."""
    return Data(DataType.STRUCTURE, items)


def described_structure(*members: DataType | TypeDescription) -> TypeDescription:
    """The description of a compact array's rows: ``described_structure(DataType.UINT32, DataType.UINT16)``."""
    return TypeDescription(DataType.STRUCTURE, tuple(_description(member) for member in members))


def described_array(item: DataType | TypeDescription, count: int) -> TypeDescription:
    """The description of an array of ``count`` items inside a compact array."""
    return TypeDescription(DataType.ARRAY, (_description(item),), count)


def _description(member: DataType | TypeDescription) -> TypeDescription:
    return member if isinstance(member, TypeDescription) else TypeDescription(member)


def compact_array(description: TypeDescription, rows: Iterable[Any]) -> Data:
    """Rows of plain values: ``compact_array(described_structure(DataType.UINT32, DataType.UINT32), [(1, 2)])``."""
    return Data(DataType.COMPACT_ARRAY, CompactArray(description, tuple(rows)))
