"""A-XDR coding of data values (IEC 61334-6): the one leaf format that stands for all of it inside a grammar."""

from __future__ import annotations

from typing import Any

from ..errors import DecodeError, EncodeError
from ..grammar import Format, put_length, take_length, truncated
from ..sheet import Sheet
from . import compact_array as _compact_array  # noqa: F401 - enters its reader and writer into the tables
from .axdr_leaves import MAX_DEPTH, PUT, SMALL, TAKE, Put, Take, check_depth, declare, new_data
from .axdr_rows import FEWEST_ROWS, layout_of
from .data import Data, DataType


def _take_count(data: bytes, at: int, end: int) -> tuple[int, int]:
    if at < end and data[at] < 0x80:
        count = data[at]
        at += 1
    else:
        count, at = take_length(data, at, end)
    if count > end - at:  # no value is shorter than its tag
        raise DecodeError(at, f"{count} values", f"only {end - at} octets")
    return count, at


def _take_into(items: list[Data], count: int, data: bytes, at: int, end: int, depth: int) -> int:
    """Append values until there are ``count``; return the offset after them.

    The hottest loop of the codec: one-octet values are looked up without a call.
    """
    append = items.append
    try:
        for _ in range(count - len(items)):
            if at >= end:
                raise truncated(at, end, 1)
            tag = data[at]
            small = SMALL[tag]
            if small is None:
                item, at = TAKE[tag](data, at + 1, end, depth)
                append(item)
            elif at + 1 < end:
                append(small[data[at + 1]])
                at += 2
            else:
                raise truncated(at + 1, end, 1)
    except DecodeError as error:
        raise error.inside(f"[{len(items)}]") from None
    return at


def _take_items(data: bytes, at: int, end: int, depth: int) -> tuple[tuple[Data, ...], int]:
    """A count and as many values."""
    count, at = _take_count(data, at, end)
    items: list[Data] = []
    at = _take_into(items, count, data, at, end, depth)
    return tuple(items), at


def _take_alike(rows: list[Data], count: int, data: bytes, at: int, end: int, depth: int) -> int:
    """Append the first row of an array and those laid out like it; return the offset after them."""
    at = _take_into(rows, 1, data, at, end, depth)
    layout = layout_of(rows[0])
    return at if layout is None else layout.take_rows(rows, count, data, at, end)


def _put_items(values: Any, depth: int) -> bytes:
    parts = []
    for kind, value in values:
        tag, put = PUT[kind]
        parts.append(tag + put(value, depth))
    return put_length(len(parts)) + b"".join(parts)


def _several(kind: DataType) -> tuple[Take, Put]:
    has_rows = kind is DataType.ARRAY

    def take(data: bytes, at: int, end: int, depth: int) -> tuple[Data, int]:
        if depth >= MAX_DEPTH:
            check_depth(at, depth)
        items: list[Data] = []
        if at < end and data[at] < 0x80 and data[at] < end - at:  # nearly always; saves a call
            count = data[at]
            at += 1
        else:
            count, at = _take_count(data, at, end)
        if has_rows and count >= FEWEST_ROWS:
            at = _take_alike(items, count, data, at, end, depth + 1)
        at = _take_into(items, count, data, at, end, depth + 1)
        return new_data((kind, tuple(items))), at

    def put(value: Any, depth: int) -> bytes:
        if depth >= MAX_DEPTH:
            raise EncodeError(f"more than {MAX_DEPTH} levels of arrays and structures")
        return _put_items(value, depth + 1)

    return take, put


declare(DataType.ARRAY, *_several(DataType.ARRAY))
declare(DataType.STRUCTURE, *_several(DataType.STRUCTURE))


class DataFormat(Format):
    """One data value of any type."""

    def take(self, data: bytes, at: int, end: int) -> tuple[Data, int]:
        if at >= end:
            raise truncated(at, end, 1)
        return TAKE[data[at]](data, at + 1, end, 0)

    def put(self, value: Any) -> bytes:
        kind, content = value
        tag, put = PUT[kind]
        return tag + put(content, 0)

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        from .describe import describe_data  # describing needs this module

        describe_data(value, sheet, name)


class DataListFormat(Format):
    """A count and as many data values of any types."""

    def take(self, data: bytes, at: int, end: int) -> tuple[tuple[Data, ...], int]:
        return _take_items(data, at, end, 0)

    def put(self, value: Any) -> bytes:
        return _put_items(value, 0)


DATA = DataFormat()
DATA_LIST = DataListFormat()


def decode_data(octets: bytes) -> Data:
    """Read one value that fills ``octets`` exactly. Raises DecodeError."""
    value: Data = DATA.decode(octets)
    return value


def encode_data(value: Data) -> bytes:
    """The octets of a value. Raises EncodeError."""
    return DATA.encode(value)


_ENCODED: Any = -1  # in the place of a type; no tag on the wire is negative
PUT[_ENCODED] = (b"", lambda octets, _depth: octets)


def encoded(octets: bytes) -> Data:
    """A value by its own octets, tag and all, to be put into a unit that is written, and nowhere else.

    Spares reading and writing again what is kept as octets. It equals no value that is read.
    """
    return new_data((_ENCODED, octets))
