"""Arrays whose rows are laid out alike are read by their layout: the same values and errors as one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms import axdr
from protocols.dlms.axdr import decode_data, encode_data
from protocols.dlms.axdr_rows import FEWEST_ROWS, layout_of
from protocols.dlms.data import (
    Data,
    array,
    bit_string,
    boolean,
    int16,
    null,
    octet_string,
    structure,
    uint8,
    uint32,
    uint64,
    visible_string,
)
from protocols.errors import DecodeError

ROW = structure(uint8(3), boolean(True), octet_string(b"abc"), bit_string("10110"), uint32(7))
MEMBERS = st.one_of(
    st.integers(0, 255).map(uint8),
    st.integers(-(2**15), 2**15 - 1).map(int16),
    st.integers(0, 2**64 - 1).map(uint64),
    st.booleans().map(boolean),
    st.binary(max_size=3).map(octet_string),
    st.text("01", max_size=10).map(bit_string),
    st.just(null()),
    st.just(visible_string("x")),
)
ROWS = st.lists(st.lists(MEMBERS, max_size=4).map(lambda members: structure(*members)), max_size=4)


def one_by_one(octets: bytes) -> Data | str:
    """What the ordinary reading gives: a value, or an error's text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(axdr, "FEWEST_ROWS", 1 << 32)
        return either(octets)


def either(octets: bytes) -> Data | str:
    try:
        return decode_data(octets)
    except DecodeError as error:
        return str(error)


@given(ROWS, st.integers(FEWEST_ROWS, 9), st.data())
def test_rows_read_by_layout_are_those_read_one_by_one(rows: list[Data], times: int, data: st.DataObject) -> None:
    value = array(*rows[:1] * times, *rows)
    octets = encode_data(value)
    assert decode_data(octets) == value == one_by_one(octets)
    spoilt = bytearray(octets)
    spoilt[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    assert either(bytes(spoilt)) == one_by_one(bytes(spoilt))


def test_every_octet_of_alike_rows_altered_or_cut_off() -> None:
    octets = encode_data(array(*[ROW] * 6))
    for place in range(len(octets)):
        assert either(octets[:place]) == one_by_one(octets[:place])
        for bit in range(8):
            spoilt = bytes((*octets[:place], octets[place] ^ 1 << bit, *octets[place + 1 :]))
            assert either(spoilt) == one_by_one(spoilt)


def test_values_are_of_the_same_python_types() -> None:
    octets = encode_data(array(*[ROW] * FEWEST_ROWS))
    assert repr(decode_data(octets)) == repr(one_by_one(octets))
    last = decode_data(octets).value[-1]
    assert type(last) is Data
    assert last.value[1].value is True


@pytest.mark.parametrize(
    ("row", "has_layout"),
    [
        (ROW, True),
        (uint8(1), False),
        (structure(), False),
        (structure(visible_string("x")), False),
        (structure(octet_string(bytes(128))), False),
        (structure(structure(uint8(1))), False),
    ],
)
def test_which_rows_have_a_layout(row: Data, has_layout: bool) -> None:
    assert (layout_of(row) is not None) == has_layout
