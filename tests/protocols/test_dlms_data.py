"""DLMS data values and their A-XDR coding."""

from __future__ import annotations

import pytest
from construct import Int8ub, Struct
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.axdr import DATA, decode_data, encode_data
from protocols.dlms.axdr_leaves import MAX_DEPTH
from protocols.dlms.data import (
    Data,
    DataType,
    TypeDescription,
    array,
    bit_string,
    boolean,
    compact_array,
    described_array,
    described_structure,
    dont_care,
    enum,
    int8,
    int16,
    int32,
    int64,
    null,
    octet_string,
    structure,
    uint8,
    uint16,
    uint32,
    uint64,
    utf8_string,
    visible_string,
)
from protocols.dlms.obis import obis, obis_text
from protocols.errors import DecodeError, EncodeError

from .dlms_values import values

EXAMPLES = [
    (null(), "00"),
    (dont_care(), "FF"),
    (boolean(True), "03FF"),
    (boolean(False), "0300"),
    (Data(DataType.BOOLEAN, 1), "0301"),
    (bit_string(""), "0400"),
    (bit_string("0101"), "040450"),
    (bit_string("111110010"), "0409F900"),
    (int32(-2), "05FFFFFFFE"),
    (uint32(10), "060000000A"),
    (octet_string(b"\x01\x02"), "09020102"),
    (octet_string(bytes(200)), "0981C8" + "00" * 200),
    (visible_string("ALCS"), "0A04414C4353"),
    (visible_string("\xa3"), "0A01A3"),
    (utf8_string("£"), "0C02C2A3"),
    (Data(DataType.BCD, 0x42), "0D42"),
    (int8(-5), "0FFB"),
    (int16(-2), "10FFFE"),
    (uint8(255), "11FF"),
    (uint16(51), "120033"),
    (int64(-1), "14" + "FF" * 8),
    (uint64(2**64 - 1), "15" + "FF" * 8),
    (enum(30), "161E"),
    (Data(DataType.FLOAT32, 1.5), "173FC00000"),
    (Data(DataType.FLOAT32, b"\x7f\xa0\x00\x01"), "177FA00001"),
    (Data(DataType.FLOAT64, -2.0), "18C000000000000000"),
    (Data(DataType.DATE_TIME, bytes(12)), "19" + "00" * 12),
    (Data(DataType.DATE, bytes(5)), "1A" + "00" * 5),
    (Data(DataType.TIME, bytes(4)), "1B" + "00" * 4),
    (array(), "0100"),
    (structure(int8(0), enum(30)), "02020F00161E"),
    (array(structure(null()), structure(uint8(1))), "01020201000201" + "1101"),
]


@pytest.mark.parametrize(("value", "octets"), EXAMPLES, ids=[octets[:16] for _, octets in EXAMPLES])
def test_every_type_has_its_octets(value: Data, octets: str) -> None:
    assert encode_data(value) == bytes.fromhex(octets)
    assert decode_data(bytes.fromhex(octets)) == value


def test_every_type_is_among_the_examples() -> None:
    assert {value.type for value, _ in EXAMPLES} | {DataType.COMPACT_ARRAY} == set(DataType)


def test_a_boolean_keeps_the_octet_that_meant_true() -> None:
    assert decode_data(b"\x03\xff").value is True
    assert decode_data(b"\x03\x00").value is False
    odd = decode_data(b"\x03\x01")
    assert odd.value is not True
    assert odd.value
    assert encode_data(odd) == b"\x03\x01"


@given(values())
def test_every_value_comes_back(value: Data) -> None:
    octets = encode_data(value)
    assert decode_data(octets) == value
    assert encode_data(decode_data(octets)) == octets


@given(values(), st.data())
def test_every_truncation_is_a_decode_error(value: Data, data: st.DataObject) -> None:
    octets = encode_data(value)
    cut = data.draw(st.integers(0, len(octets) - 1))
    with pytest.raises(DecodeError) as error:
        decode_data(octets[:cut])
    assert error.value.offset <= cut


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        ("", r"octet 0: expected 1 octet"),
        ("1C", r"octet 0: expected a known data type, found 1C"),
        ("020211FF1C", r"octet 4 \(\[1\]\): expected a known data type"),
        ("040451", r"octet 2: expected 4 unused bits of 0, found 51"),
        ("0C02C328", r"octet 2: expected utf-8 text, found C3"),
        ("09810100", r"octet 1: expected the shortest form"),
        ("0184FFFFFFFF", r"expected 4294967295 values, found only 0 octets"),
        ("0984FFFFFFFF", r"expected 4294967295 octets"),
        ("0484FFFFFFFF", r"expected 536870912 octets"),
        ("1100" + "00", r"octet 2: expected the end"),
    ],
)
def test_an_error_names_the_octet(octets: str, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        decode_data(bytes.fromhex(octets))


def test_nesting_is_bounded_both_ways() -> None:
    deepest = decode_data(b"\x01\x01" * MAX_DEPTH + b"\x00")
    assert encode_data(deepest) == b"\x01\x01" * MAX_DEPTH + b"\x00"
    with pytest.raises(DecodeError, match="levels"):
        decode_data(b"\x01\x01" * 100_000 + b"\x00")
    with pytest.raises(EncodeError, match="levels"):
        encode_data(array(deepest))


@pytest.mark.parametrize(
    "value",
    [
        uint8(256),
        int16(-32769),
        bit_string("012"),
        octet_string(5),  # type: ignore[arg-type]  # what the test is about
        visible_string("€"),
        Data(DataType.NULL, 1),
        Data(DataType.DATE, b""),
        Data(DataType.BOOLEAN, 256),
        Data(DataType.FLOAT32, 1e300),
        array(5),  # type: ignore[arg-type]
        Data(99, 0),  # type: ignore[arg-type]
    ],
)
def test_a_value_that_does_not_fit_is_our_own_fault(value: Data) -> None:
    with pytest.raises(EncodeError):
        encode_data(value)


def test_the_format_stands_inside_any_construct() -> None:
    frame = Struct("before" / Int8ub, "value" / DATA, "after" / Int8ub)
    parsed = frame.parse(bytes.fromhex("AA 0202 0F00 161E BB"))
    assert (parsed.value, parsed.after) == (structure(int8(0), enum(30)), 0xBB)
    assert frame.build(parsed) == bytes.fromhex("AA 0202 0F00 161E BB")


# -- compact arrays ----------------------------------------------------------------------------------------------

LOG = described_structure(DataType.UINT32, DataType.UINT16, DataType.OCTET_STRING)
PAIR = described_structure(DataType.UINT8, DataType.UINT8)
BILLING = described_structure(DataType.UINT32, described_array(DataType.UINT32, 3), DataType.INT8)


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (compact_array(LOG, [(1, 2, b""), (3, 4, b"\x05")]), "13 0203061209 0F 00000001000200 000000030004 0105"),
        (compact_array(LOG, []), "13 0203061209 00"),
        (
            compact_array(BILLING, [(1, (2, 3, 4), -1)]),
            "13 0203 06 01000306 0F 11 00000001 00000002 00000003 00000004 FF",
        ),
        (compact_array(TypeDescription(DataType.UINT16), [7, 8]), "13 12 04 0007 0008"),
        (compact_array(described_array(BILLING, 0), []), "13 01 0000 0203 06 01000306 0F 00"),
        (compact_array(described_structure(DataType.NULL, DataType.BOOLEAN), [(None, True)]), "13 02020003 01 FF"),
        (
            compact_array(described_array(described_structure(DataType.UINT8), 2), [((1,), (2,))]),
            "13 01 0002 020111 02 0102",
        ),
    ],
)
def test_compact_arrays_are_rows(value: Data, octets: str) -> None:
    assert encode_data(value) == bytes.fromhex(octets)
    assert decode_data(bytes.fromhex(octets)) == value


def test_rows_can_be_had_as_an_ordinary_array() -> None:
    rows = compact_array(BILLING, [(1, (2, 3, 4), -1)]).value.as_array()
    assert rows == array(structure(uint32(1), array(uint32(2), uint32(3), uint32(4)), int8(-1)))


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        ("13 02020612 07 00000001000200", r"\[1\]"),  # half a row
        ("13 13 00", "may stand in a compact array"),
        ("13 1C 00", "may stand in a compact array"),
        ("13 00 01 00", "values to an octet"),
        ("13 01FFFF00 01 00", "values to an octet"),
        ("13 0202 11 01FFFF00 02 0000", "values to an octet"),
        ("13 01FFFF 01FFFF 01FFFF 11 02 0000", "octets, found only"),
        ("13 01FFFF 01FFFF 01FFFF 02 00 02 0000", "values to an octet"),
        ("13 02 84FFFFFFFF 11", "types"),
        ("13" + "010001" * 100 + "11 00", "levels"),
    ],
)
def test_a_compact_array_cannot_blow_up(octets: str, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        decode_data(bytes.fromhex(octets))


@pytest.mark.parametrize(
    "value",
    [
        compact_array(LOG, [(1, 2)]),
        compact_array(BILLING, [(1, (2, 3), -1)]),
        compact_array(TypeDescription(DataType.NULL), [None]),
        compact_array(TypeDescription(DataType.COMPACT_ARRAY), []),
        compact_array(TypeDescription(DataType.UINT8, (LOG,)), []),
        compact_array(described_structure(DataType.UINT32), [(2**32,)]),
    ],
)
def test_rows_must_be_of_the_type_described(value: Data) -> None:
    with pytest.raises(EncodeError):
        encode_data(value)


def test_logical_names() -> None:
    assert obis("0-0:10.0.106.255") == bytes.fromhex("00000A006AFF")
    assert obis("1-0:1.8.0") == bytes.fromhex("0100010800FF")
    assert obis("0-0:94.44.0.0") == bytes.fromhex("00005E2C0000")
    assert obis_text(bytes.fromhex("00000A006AFF")) == "0-0:10.0.106.255"
    for wrong in ("0-0:10.0", "0-0:10.0.256.255", "x"):
        with pytest.raises(ValueError, match=r"logical name|range"):
            obis(wrong)
