"""A-XDR coding of compact arrays (IEC 62056-6-2): rows of one type, described once, without tags.

On the wire: the type description, a length, and the rows one after another until that length is used up. A row's
arrays and structures carry neither tag nor count, so the description alone says how large a row is; it is checked
before anything is made of it.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from ..errors import DecodeError, EncodeError
from ..grammar import put_length, take_length, truncated
from .axdr_leaves import INTEGER_CODES, MAX_DEPTH, PUT, TAKE, check_depth, declare, is_known, take_fixed
from .data import CompactArray, Data, DataType, TypeDescription

_VALUES_PER_OCTET = 16
"""How many values a row may hold for each octet it is at least long; stops rows of many empty values."""
_LEAST_WIDTH = {DataType.NULL: 0, DataType.DONT_CARE: 0, DataType.FLOAT32: 4, DataType.FLOAT64: 8} | {
    kind: struct.calcsize(">" + code) for kind, code in INTEGER_CODES.items()
}
_LEAST_WIDTH |= {DataType.DATE_TIME: 12, DataType.DATE: 5, DataType.TIME: 4}


def _take_description(data: bytes, at: int, end: int, depth: int) -> tuple[TypeDescription, int]:
    if at >= end:
        raise truncated(at, end, 1)
    tag = data[at]
    if not is_known(tag) or tag == DataType.COMPACT_ARRAY:
        raise DecodeError(at, "a type that may stand in a compact array", f"{tag:02X}")
    if tag not in (DataType.ARRAY, DataType.STRUCTURE):
        return TypeDescription(DataType(tag)), at + 1
    check_depth(at, depth)
    if tag == DataType.ARRAY:
        octets, at = take_fixed(data, at + 1, end, 2)
        item, at = _take_description(data, at, end, depth + 1)
        return TypeDescription(DataType.ARRAY, (item,), int.from_bytes(octets, "big")), at
    count, at = take_length(data, at + 1, end)
    if count > end - at:
        raise DecodeError(at, f"{count} types", f"only {end - at} octets")
    members = []
    for _ in range(count):
        member, at = _take_description(data, at, end, depth + 1)
        members.append(member)
    return TypeDescription(DataType.STRUCTURE, tuple(members)), at


def put_description(description: TypeDescription, depth: int = 0) -> bytes:
    """The octets of a type description. Raises EncodeError."""
    kind, members, count = description
    if kind == DataType.COMPACT_ARRAY or depth > MAX_DEPTH:
        raise EncodeError("a compact array cannot hold this type")
    inside = b"".join([put_description(member, depth + 1) for member in members])
    if kind == DataType.ARRAY and len(members) == 1:
        return b"\x01" + count.to_bytes(2, "big") + inside
    if kind == DataType.STRUCTURE:
        return b"\x02" + put_length(len(members)) + inside
    if members:
        raise EncodeError(f"{kind!r} does not have {len(members)} members")
    return PUT[kind][0]


def _least(description: TypeDescription) -> tuple[int, int]:
    """The least width of one row in octets, and the number of values it is made of."""
    kind, members, count = description
    if kind not in (DataType.ARRAY, DataType.STRUCTURE):
        return _LEAST_WIDTH.get(kind, 1), 1
    inside = [_least(member) for member in members]
    times = count if kind == DataType.ARRAY else 1
    return times * sum(width for width, _ in inside), 1 + times * sum(values for _, values in inside)


class _Fixed(NamedTuple):
    """A structure of integers and arrays of integers: one ``struct`` call reads a row."""

    layout: struct.Struct
    arrays: tuple[tuple[int, int], ...]  # where arrays stand among the members, and how long they are


def _fixed(description: TypeDescription) -> _Fixed | None:
    if description.type is not DataType.STRUCTURE or not description.members:
        return None
    codes, arrays = [], []
    for place, (kind, members, count) in enumerate(description.members):
        code = INTEGER_CODES.get(members[0].type if kind is DataType.ARRAY else kind)
        if code is None:
            return None
        if kind is DataType.ARRAY:
            arrays.append((place, count))
            code = f"{count}{code}"
        codes.append(code)
    return _Fixed(struct.Struct(">" + "".join(codes)), tuple(arrays))


def _take_compact_array(data: bytes, at: int, end: int, depth: int) -> tuple[Data, int]:
    start = at
    description, at = _take_description(data, at, end, depth)
    length, at = take_length(data, at, end)
    stop = at + length
    if stop > end:
        raise truncated(at, end, length)
    width, values = _least(description)
    if length and (width == 0 or values > _VALUES_PER_OCTET * width):
        raise DecodeError(start, f"rows of at most {_VALUES_PER_OCTET} values to an octet", f"{values} to {width}")
    if length and width > length:
        raise truncated(at, stop, width)
    fixed = _fixed(description) if length else None
    if fixed is not None and length % fixed.layout.size == 0:
        rows = _take_fixed_rows(fixed, data[at:stop])
    else:
        rows = _take_rows(description, data, at, stop)
    return Data(DataType.COMPACT_ARRAY, CompactArray(description, rows)), stop


def _take_fixed_rows(fixed: _Fixed, contents: bytes) -> tuple[Any, ...]:
    rows = fixed.layout.iter_unpack(contents)
    return tuple(rows) if not fixed.arrays else tuple(_grouped(row, fixed.arrays) for row in rows)


def _grouped(flat: tuple[Any, ...], arrays: tuple[tuple[int, int], ...]) -> tuple[Any, ...]:
    row = list(flat)
    for place, count in arrays:
        row[place : place + count] = [tuple(row[place : place + count])]
    return tuple(row)


def _take_rows(description: TypeDescription, data: bytes, at: int, stop: int) -> tuple[Any, ...]:
    rows: list[Any] = []
    while at < stop:
        try:
            row, at = _take_value(description, data, at, stop)
        except DecodeError as error:
            raise error.inside(f"[{len(rows)}]") from None
        rows.append(row)
    return tuple(rows)


def _take_value(description: TypeDescription, data: bytes, at: int, end: int) -> tuple[Any, int]:
    kind, members, count = description
    if kind is not DataType.STRUCTURE and kind is not DataType.ARRAY:
        item, at = TAKE[kind](data, at, end, 0)
        return item[1], at
    values = []
    for member in members if kind is DataType.STRUCTURE else members * count:
        value, at = _take_value(member, data, at, end)
        values.append(value)
    return tuple(values), at


def _put_compact_array(value: CompactArray, depth: int) -> bytes:
    description, rows = value
    octets = put_description(description, depth)
    width, values = _least(description)
    if rows and (width == 0 or values > _VALUES_PER_OCTET * width):
        raise EncodeError(f"rows of at most {_VALUES_PER_OCTET} values to an octet needed")
    fixed = _fixed(description)
    if fixed is not None and not fixed.arrays:
        pack = fixed.layout.pack
        contents = b"".join([pack(*row) for row in rows])
    else:
        contents = b"".join([put_value(description, row) for row in rows])
    return octets + put_length(len(contents)) + contents


def put_value(description: TypeDescription, value: Any) -> bytes:
    """The octets of a row, or of a value inside one. Raises EncodeError, or what ``Format.encode`` turns into one."""
    kind, members, count = description
    if kind != DataType.STRUCTURE and kind != DataType.ARRAY:
        return PUT[kind][1](value, 0)
    if kind == DataType.ARRAY:
        members = members * count
    if len(value) != len(members):
        raise EncodeError(f"{len(members)} values needed, {len(value)} given")
    return b"".join(map(put_value, members, value))


declare(DataType.COMPACT_ARRAY, _take_compact_array, _put_compact_array)
