"""Rows of an array that are laid out alike: one ``struct`` call for each row instead of a call for each value.

An array's first row is read value by value and gives the layout: the octets that stand in every row at the same
place (tags and lengths) and the values between them. Rows are read by it as long as those octets are the same; what
is different, or wrong, is left to the ordinary reading, so that there is one grammar and this changes no value.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from itertools import chain, islice, repeat
from typing import Any

from ..errors import DecodeError
from .axdr_leaves import INTEGER_CODES, TAKE, new_data
from .data import Data, DataType

FEWEST_ROWS = 4
"""For fewer rows finding the layout takes longer than reading them."""
_MOST_COLUMNS = 64

_Convert = Callable[[bytes], Any]
_Column = tuple[bytes, str, _Convert | None]


class Layout:
    """How a row is laid out: the octets in front of every value, the types, and what makes a value of raw octets."""

    def __init__(self, columns: tuple[_Column, ...], kinds: tuple[DataType, ...]) -> None:
        self.row = struct.Struct(">" + "".join(f"{len(front)}s{code}" for front, code, _ in columns))
        self.columns = tuple((kind, *column) for kind, column in zip(kinds, columns, strict=True))

    def take_rows(self, rows: list[Data], count: int, data: bytes, at: int, end: int) -> int:
        """Append rows until there are ``count`` or one is different; return the offset after the last."""
        width = self.row.size
        number = min(count - len(rows), (end - at) // width)
        flat = list(chain.from_iterable(self.row.iter_unpack(data[at : at + number * width])))
        values = []
        for index, (kind, front, _, convert) in enumerate(self.columns):
            found, column = flat[2 * index :: 2 * len(self.columns)], flat[2 * index + 1 :: 2 * len(self.columns)]
            number = _alike(found[:number], front)
            if convert:
                try:
                    column = list(map(convert, column[:number]))
                except DecodeError:  # the ordinary reading says where
                    return at
            values.append(map(new_data, zip(repeat(kind), column)))
        made = map(new_data, zip(repeat(DataType.STRUCTURE), zip(*values, strict=False)))
        rows += islice(made, number)
        return at + number * width


def _alike(found: list[bytes], wanted: bytes) -> int:
    """How many of ``found``, from the first on, are as wanted."""
    if found.count(wanted) == len(found):
        return len(found)
    return next(index for index, octets in enumerate(found) if octets != wanted)


def layout_of(row: Data) -> Layout | None:
    """The layout of a structure of values whose widths follow from their tags and lengths; None for any other."""
    kind, members = row
    if kind is not DataType.STRUCTURE or not 0 < len(members) <= _MOST_COLUMNS:
        return None
    return _layout(tuple([(kind, len(value) if kind in _SIZED else 0) for kind, value in members]))


@lru_cache(maxsize=256)
def _layout(members: tuple[tuple[DataType, int], ...]) -> Layout | None:
    columns = []
    front = bytes((DataType.STRUCTURE, len(members)))
    for kind, length in members:
        column = _column(kind, length)
        if column is None:
            return None
        columns.append((front + column[0], *column[1:]))
        front = b""
    return Layout(tuple(columns), tuple(kind for kind, _ in members))


_SIZED = frozenset((DataType.OCTET_STRING, DataType.BIT_STRING))


def _column(kind: DataType, length: int) -> _Column | None:
    """The octets in front of a value, the struct code of the value itself, and what makes a value of it."""
    if length >= 0x80:  # lengths of more than one octet
        return None
    if kind is DataType.OCTET_STRING:
        return bytes((kind, length)), f"{length}s", None
    if kind is DataType.BIT_STRING:
        return bytes((kind, length)), f"{(length + 7) // 8}s", _reader(kind, bytes((length,)))
    if kind is DataType.BOOLEAN:
        return bytes((kind,)), "s", _reader(kind, b"")
    code = INTEGER_CODES.get(kind)
    return None if code is None else (bytes((kind,)), code, None)


def _reader(kind: DataType, front: bytes) -> _Convert:
    """The ordinary reading of one value, whose length octet is known; its results for one octet are a table."""
    take = TAKE[kind]

    def read(octets: bytes) -> Any:
        whole = front + octets
        return take(whole, 0, len(whole), 0)[0].value

    return lru_cache(maxsize=256)(read)
