"""A-XDR coding of the data types that hold no other values (IEC 61334-6; types of IEC 62056-6-2).

Every type has a reader and a writer in two tables, ``TAKE`` by tag and ``PUT`` by type; arrays, structures and compact
arrays put theirs in from their own modules. A reader gets the offset after the tag and never reads beyond ``end``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any

from ..errors import DecodeError, EncodeError
from ..grammar import put_length, take_length, take_octets, truncated
from .data import Data, DataType

Take = Callable[[bytes, int, int, int], tuple[Data, int]]
"""Reader: octets, offset after the tag, end, depth of nesting; gives the value and the offset after it."""
Put = Callable[[Any, int], bytes]
"""Writer: value, depth of nesting; gives the octets after the tag."""

MAX_DEPTH = 16
"""The deepest nesting of arrays and structures that is taken; the objects of the specification need seven."""

new_data: Callable[[tuple[DataType, Any]], Data] = partial(tuple.__new__, Data)  # half the cost of calling Data


def _unknown(data: bytes, at: int, _end: int, _depth: int) -> tuple[Data, int]:
    raise DecodeError(at - 1, "a known data type", f"{data[at - 1]:02X}")


TAKE: list[Take] = [_unknown] * 256
PUT: dict[int, tuple[bytes, Put]] = {}
SMALL: list[tuple[Data, ...] | None] = [None] * 256
"""All 256 values of the types that are one octet long, made once: reading one makes nothing."""


def declare(kind: DataType, take: Take, put: Put) -> None:
    """Enter reader and writer of one type."""
    TAKE[kind] = take
    PUT[kind] = (bytes((kind,)), put)


def is_known(tag: int) -> bool:
    """Whether there is a data type with this tag."""
    return TAKE[tag] is not _unknown


def check_depth(at: int, depth: int) -> None:
    """Raise DecodeError where values are nested too deep."""
    if depth >= MAX_DEPTH:
        raise DecodeError(at, f"at most {MAX_DEPTH} levels of arrays and structures", "one more")


INTEGER_CODES = {
    DataType.INT8: "b",
    DataType.INT16: "h",
    DataType.INT32: "i",
    DataType.INT64: "q",
    DataType.UINT8: "B",
    DataType.UINT16: "H",
    DataType.UINT32: "I",
    DataType.UINT64: "Q",
    DataType.ENUM: "B",
    DataType.BCD: "B",
}
"""The ``struct`` code of every integer type; all are big-endian."""


def _integer(kind: DataType, code: str) -> tuple[Take, Put]:
    layout = struct.Struct(">" + code)
    unpack, pack, width = layout.unpack_from, layout.pack, layout.size

    def take(data: bytes, at: int, end: int, _depth: int) -> tuple[Data, int]:
        stop = at + width
        if stop > end:
            raise truncated(at, end, width)
        return new_data((kind, unpack(data, at)[0])), stop

    def put(value: Any, _depth: int) -> bytes:
        return pack(value)

    return take, put


def _floating(kind: DataType, code: str) -> tuple[Take, Put]:
    layout = struct.Struct(">" + code)

    def take(data: bytes, at: int, end: int, _depth: int) -> tuple[Data, int]:
        octets, stop = take_fixed(data, at, end, layout.size)
        (value,) = layout.unpack(octets)
        return Data(kind, octets if value != value else value), stop

    def put(value: Any, _depth: int) -> bytes:
        if isinstance(value, bytes):
            return _exactly(value, layout.size)
        return layout.pack(value)

    return take, put


def _fixed_octets(kind: DataType, width: int) -> tuple[Take, Put]:
    def take(data: bytes, at: int, end: int, _depth: int) -> tuple[Data, int]:
        octets, stop = take_fixed(data, at, end, width)
        return Data(kind, octets), stop

    def put(value: Any, _depth: int) -> bytes:
        return _exactly(value, width)

    return take, put


def take_fixed(data: bytes, at: int, end: int, width: int) -> tuple[bytes, int]:
    """The next ``width`` octets, and the offset after them. Raises DecodeError if they are not all there."""
    stop = at + width
    if stop > end:
        raise truncated(at, end, width)
    return data[at:stop], stop


def _exactly(octets: bytes, width: int) -> bytes:
    if len(octets) != width:
        raise EncodeError(f"{width} octets needed, {len(octets)} given")
    return bytes(memoryview(octets))


def _empty(kind: DataType) -> tuple[Take, Put]:
    only = Data(kind, None)

    def take(_data: bytes, at: int, _end: int, _depth: int) -> tuple[Data, int]:
        return only, at

    def put(value: Any, _depth: int) -> bytes:
        if value is not None:
            raise EncodeError(f"{kind.name} has no value, {value!r} given")
        return b""

    return take, put


def _one_octet(kind: DataType, values: tuple[Any, ...]) -> Take:
    made = SMALL[kind] = tuple(Data(kind, value) for value in values)

    def take(data: bytes, at: int, end: int, _depth: int) -> tuple[Data, int]:
        if at >= end:
            raise truncated(at, end, 1)
        return made[data[at]], at + 1

    return take


def _put_boolean(value: Any, _depth: int) -> bytes:
    if value is True:
        return b"\xff"
    return bytes((value,))


def _take_bit_string(data: bytes, at: int, end: int, _depth: int) -> tuple[Data, int]:
    bits, start = take_length(data, at, end)
    octets, stop = take_fixed(data, start, end, (bits + 7) // 8)
    number, unused = int.from_bytes(octets, "big"), -bits % 8
    if number & ((1 << unused) - 1):
        raise DecodeError(stop - 1, f"{unused} unused bits of 0", octets[-1:].hex().upper())
    return Data(DataType.BIT_STRING, f"{number >> unused:0{bits}b}" if bits else ""), stop


def _put_bit_string(value: Any, _depth: int) -> bytes:
    bits = len(value)
    if value.strip("01"):
        raise EncodeError(f"only 0 and 1 stand in a bit string, not {value!r}")
    number = int(value, 2) << (-bits % 8) if bits else 0
    return put_length(bits) + number.to_bytes((bits + 7) // 8, "big")


def _take_octet_string(data: bytes, at: int, end: int, _depth: int) -> tuple[Data, int]:
    if at >= end:
        raise truncated(at, end, 1)
    length = data[at]
    stop = at + 1 + length
    if length < 0x80 and stop <= end:  # nearly always; saves two calls
        return new_data((DataType.OCTET_STRING, data[at + 1 : stop])), stop
    octets, stop = take_octets(data, at, end)
    return new_data((DataType.OCTET_STRING, octets)), stop


def _put_octet_string(value: Any, _depth: int) -> bytes:
    return put_length(len(value)) + value  # type: ignore[no-any-return]  # a wrong type ends in a TypeError here


def _text(kind: DataType, coding: str) -> tuple[Take, Put]:
    def take(data: bytes, at: int, end: int, _depth: int) -> tuple[Data, int]:
        octets, stop = take_octets(data, at, end)
        try:
            return Data(kind, octets.decode(coding)), stop
        except UnicodeDecodeError as error:
            found = octets[error.start : error.end].hex(" ").upper()
            raise DecodeError(stop - len(octets) + error.start, f"{coding} text", found) from None

    def put(value: Any, _depth: int) -> bytes:
        octets = value.encode(coding)
        return put_length(len(octets)) + octets  # type: ignore[no-any-return]  # str.encode, if value is a str

    return take, put


# -- the table of types ------------------------------------------------------------------------------------------

for _kind, _code in INTEGER_CODES.items():
    declare(_kind, *_integer(_kind, _code))
    if struct.calcsize(_code) == 1:
        TAKE[_kind] = _one_octet(_kind, struct.unpack(f"256{_code}", bytes(range(256))))
declare(DataType.BOOLEAN, _one_octet(DataType.BOOLEAN, (False, *range(1, 255), True)), _put_boolean)
declare(DataType.NULL, *_empty(DataType.NULL))
declare(DataType.DONT_CARE, *_empty(DataType.DONT_CARE))
declare(DataType.BIT_STRING, _take_bit_string, _put_bit_string)
declare(DataType.OCTET_STRING, _take_octet_string, _put_octet_string)
declare(DataType.VISIBLE_STRING, *_text(DataType.VISIBLE_STRING, "latin-1"))
declare(DataType.UTF8_STRING, *_text(DataType.UTF8_STRING, "utf-8"))
declare(DataType.FLOAT32, *_floating(DataType.FLOAT32, "f"))
declare(DataType.FLOAT64, *_floating(DataType.FLOAT64, "d"))
declare(DataType.DATE_TIME, *_fixed_octets(DataType.DATE_TIME, 12))
declare(DataType.DATE, *_fixed_octets(DataType.DATE, 5))
declare(DataType.TIME, *_fixed_octets(DataType.TIME, 4))
