"""Rows of a table that was read, whichever way its array is written."""

from __future__ import annotations

from protocols.dlms.data import CompactArray, Data


def rows(table: Data) -> list[tuple[int, ...]]:
    """The rows as plain numbers; a row of one number is a tuple of one."""
    found = table.value.rows if isinstance(table.value, CompactArray) else [_members(row) for row in table.value]
    return [row if isinstance(row, tuple) else (row,) for row in found]


def _members(row: Data) -> tuple[int, ...]:
    return tuple(member.value for member in row.value) if isinstance(row.value, list | tuple) else (row.value,)
