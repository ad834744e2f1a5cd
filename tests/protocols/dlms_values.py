"""Hypothesis strategies for DLMS values."""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import strategies as st

from protocols.dlms.axdr_leaves import INTEGER_CODES
from protocols.dlms.data import CompactArray, Data, DataType, TypeDescription

_CHARACTERS = st.text(st.characters(codec="utf-8"), max_size=20)
_RANGES = {"b": (-(2**7), 2**7), "h": (-(2**15), 2**15), "i": (-(2**31), 2**31), "q": (-(2**63), 2**63)} | {
    "B": (0, 2**8),
    "H": (0, 2**16),
    "I": (0, 2**32),
    "Q": (0, 2**64),
}
CONTENTS: dict[DataType, st.SearchStrategy[Any]] = {
    kind: st.integers(_RANGES[code][0], _RANGES[code][1] - 1) for kind, code in INTEGER_CODES.items()
} | {
    DataType.BOOLEAN: st.booleans() | st.integers(2, 254),
    DataType.BIT_STRING: st.text("01", max_size=40),
    DataType.OCTET_STRING: st.binary(max_size=200),
    DataType.VISIBLE_STRING: st.text(st.characters(max_codepoint=255), max_size=20),
    DataType.UTF8_STRING: _CHARACTERS,
    DataType.FLOAT32: st.floats(width=32, allow_nan=False),
    DataType.FLOAT64: st.floats(allow_nan=False),
    DataType.DATE_TIME: st.binary(min_size=12, max_size=12),
    DataType.DATE: st.binary(min_size=5, max_size=5),
    DataType.TIME: st.binary(min_size=4, max_size=4),
}
_leaf_descriptions = st.sampled_from(list(CONTENTS)).map(TypeDescription)


def descriptions() -> st.SearchStrategy[TypeDescription]:
    """Types that the rows of a compact array may have; none of them is empty."""
    return st.recursive(
        _leaf_descriptions,
        lambda inner: (
            st.builds(lambda item, number: TypeDescription(DataType.ARRAY, (item,), number), inner, st.integers(1, 4))
            | st.lists(inner, min_size=1, max_size=4).map(lambda all_: TypeDescription(DataType.STRUCTURE, tuple(all_)))
        ),
        max_leaves=6,
    )


def rows_of(description: TypeDescription) -> st.SearchStrategy[Any]:
    """Plain values of a described type."""
    if description.type is DataType.STRUCTURE:
        return st.tuples(*map(rows_of, description.members))
    if description.type is DataType.ARRAY:
        return st.tuples(*[rows_of(description.members[0])] * description.number)
    return CONTENTS[description.type]


def compact_arrays() -> st.SearchStrategy[Data]:
    """Compact arrays of any rows."""
    return descriptions().flatmap(
        lambda description: st.lists(rows_of(description), max_size=4).map(
            lambda rows: Data(DataType.COMPACT_ARRAY, CompactArray(description, tuple(rows)))
        )
    )


def values() -> st.SearchStrategy[Data]:
    """Data values of every type."""
    leaves = [
        st.just(Data(DataType.NULL, None)),
        st.just(Data(DataType.DONT_CARE, None)),
        *[content.map(partial(Data, kind)) for kind, content in CONTENTS.items()],
        compact_arrays(),
    ]
    several = st.sampled_from((DataType.ARRAY, DataType.STRUCTURE))
    return st.recursive(
        st.one_of(leaves),
        lambda inner: st.builds(lambda kind, items: Data(kind, tuple(items)), several, st.lists(inner, max_size=5)),
        max_leaves=12,
    )
