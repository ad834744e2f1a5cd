"""Access requests, responses, notifications; protected reads; readable output."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.access import (
    AccessRequest,
    AccessResponse,
    Apdu,
    DataNotification,
    Result,
    Service,
    Specification,
    access_request,
    action,
    decode_apdu,
    get,
    get_selected,
    invoke_id_of,
    set_to,
)
from protocols.dlms.axdr import decode_data, encode_data
from protocols.dlms.data import Data, DataType, array, enum, null, octet_string, structure, uint8, uint16, uint32
from protocols.dlms.data_protection import (
    CLASS_ID,
    GET_PROTECTED_ATTRIBUTES,
    ProtectedObject,
    ProtectedRead,
    ProtectedValue,
    ProtectionParameters,
    protected_value_in,
)
from protocols.dlms.describe import Kind, ObjectName, describe_apdu
from protocols.dlms.obis import obis
from protocols.errors import DecodeError, EncodeError
from protocols.eui64 import eui64
from protocols.gbcs.message import Message
from protocols.sheet import Field, Sheet

from ..reference import reference_messages
from .dlms_values import values

SUPPLIER, METER = eui64("90B3D51F30010000"), eui64("00DB1234567890A0")
LOAD_SWITCH, CLOCK = obis("0-0:10.0.106.255"), obis("0-0:1.0.0.255")
ENABLE = bytes.fromhex("D9 200003E8 00 01 03 0009 00000A006AFF 01 01 120033")
ENABLED = bytes.fromhex("DA 200003E8 00 00 01 00 01 03 00")
ALERT = bytes.fromhex("0F 200007D0 00 0202 12 810E 090C 07DF0101FF000000008000FF")
PROTECTED_READ = bytes.fromhex(
    "D9 200003E8 00 01 03 001E 00002B0208FF 01"
    "01 0202 0101 0205 120001 0906 00005E2C220A 0F02 120000 0202 1600 00"
    "0101 0202 1602 0205 0909 0400000000000003E8 0908 90B3D51F30010000 0908 00DB1234567890A0 0900"
    "0202 1602 0202 0901 02 0900"
)


def test_a_request_pairs_each_specification_with_one_value() -> None:
    request = access_request(invoke_id_of(1000), action(9, LOAD_SWITCH, 1, uint16(51)))
    assert request.encode() == ENABLE
    assert decode_apdu(ENABLE) == request
    assert request.specifications == (Specification(Service.ACTION, 9, LOAD_SWITCH, 1),)


def test_a_response_pairs_each_value_with_one_result() -> None:
    response = AccessResponse(0x200003E8, (null(),), (Result(Service.ACTION, 0),))
    assert response.encode() == ENABLED
    assert decode_apdu(ENABLED) == response


def test_a_notification_holds_one_value() -> None:
    notification = decode_apdu(ALERT)
    assert isinstance(notification, DataNotification)
    assert notification.body.value[0] == uint16(0x810E)
    assert notification.encode() == ALERT


def test_the_invoke_id_has_the_low_bits_of_the_counter() -> None:
    assert invoke_id_of(0x1234_5678_9ABC_DEF0) == 0x20BC_DEF0


def _units() -> st.SearchStrategy[Apdu]:
    head = st.integers(0, 2**32 - 1)
    date_time = st.sampled_from((b"", bytes(12)))
    target = (st.integers(0, 0xFFFF), st.binary(min_size=6, max_size=6), st.integers(-128, 127))
    plain = st.tuples(st.sampled_from((Service.GET, Service.SET, Service.ACTION)), *target)
    selected = st.tuples(
        st.sampled_from((Service.GET_SELECTED, Service.SET_SELECTED)), *target, st.integers(0, 255), values()
    )
    specification = (plain | selected).map(lambda parts: Specification(*parts))
    rows = st.lists(st.tuples(specification, values(), st.integers(1, 3), st.integers(0, 255)), max_size=4)

    def response(invoke_id: int, rows: list[tuple[Specification, Data, int, int]], at: bytes, echo: bool) -> Apdu:
        results = tuple(Result(Service(row[2]), row[3]) for row in rows)
        specifications = tuple(row[0] for row in rows) if echo else None
        return AccessResponse(invoke_id, tuple(row[1] for row in rows), results, at, specifications)

    return (
        st.builds(lambda i, rows, at: AccessRequest(i, *_columns(rows), at), head, rows, date_time)
        | st.builds(response, head, rows, date_time, st.booleans())
        | st.builds(DataNotification, head, values(), date_time)
    )


def _columns(
    rows: list[tuple[Specification, Data, int, int]],
) -> tuple[tuple[Specification, ...], tuple[Data, ...]]:
    return tuple(row[0] for row in rows), tuple(row[1] for row in rows)


@given(_units())
def test_every_unit_comes_back_and_is_readable_octet_by_octet(apdu: Apdu) -> None:
    octets = apdu.encode()
    assert decode_apdu(octets) == apdu
    sheet = Sheet()
    describe_apdu(apdu, sheet)
    assert bytes(sheet.octets) == octets


@pytest.mark.parametrize("octets", [ENABLE, ENABLED, ALERT, PROTECTED_READ])
def test_every_truncation_is_a_decode_error(octets: bytes) -> None:
    for cut in range(len(octets)):
        with pytest.raises(DecodeError) as error:
            decode_apdu(octets[:cut])
        assert error.value.offset <= cut


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        ("", r"octet 0 \(tag\)"),
        ("C0", r"octet 0 \(tag\): expected D9, DA or 0F, found C0"),
        ("D9 200003E8 01 00 00 00", r"octet 5 \(date_time\)"),
        ("D9 200003E8 00 01 06 0009 00000A006AFF 01 01 00", r"octet 7 \(specifications.\[0\]\): .*found 06"),
        ("D9 200003E8 00 01 04 0009 00000A006AFF 01", r"specifications.\[0\].selector"),
        ("D9 200003E8 00 01 04 0009 00000A006AFF 01 01 1C", r"octet 18 \(specifications.\[0\].selection\)"),
        ("D9 200003E8 00 01 03 0009 00000A006AFF 01 02 00 00", r"\(data\): expected 1 items, one for each, found 2"),
        ("D9 200003E8 00 01 03 0009 00000A006AFF 01 00", r"\(data\)"),
        ("DA 200003E8 00 02 00 00", r"octet 6 \(specifications\): expected 00"),
        ("DA 200003E8 00 01 00 01 00 01 01 00", r"\(specifications\): expected 1 items"),
        ("DA 200003E8 00 00 01 00 01 04 00", r"octet 10 \(results.\[0\]\)"),
        ("DA 200003E8 00 00 01 00 02 01 00 01 00", r"\(results\): expected 1 items"),
        ("DA 200003E8 00 00 01 00 01 01 00 FF", r"expected the end"),
        ("D9 200003E8 00 84FFFFFFFF", r"4294967295 items"),
    ],
)
def test_an_error_names_field_and_octet(octets: str, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        decode_apdu(bytes.fromhex(octets))


@pytest.mark.parametrize(
    "apdu",
    [
        AccessRequest(1, (get(8, CLOCK, 2)[0],), ()),
        AccessRequest(2**32, (), ()),
        AccessRequest(1, (), (), b"\x00"),
        access_request(1, get(8, CLOCK[:5], 2)),
        access_request(1, get(8, CLOCK, 200)),
        AccessRequest(1, (Specification(Service.GET_SELECTED, 8, CLOCK, 2),), (null(),)),
        AccessRequest(1, (Specification(Service.GET, 8, CLOCK, 2, 1, null()),), (null(),)),
        AccessResponse(1, (null(),), ()),
        AccessResponse(1, (null(),), (Result(Service.GET_SELECTED, 0),)),
    ],
)
def test_a_unit_that_cannot_be_written_is_our_own_fault(apdu: Apdu) -> None:
    with pytest.raises(EncodeError):
        apdu.encode()


# -- protected reads ---------------------------------------------------------------------------------------------

PARAMETERS = ProtectionParameters.of(1000, SUPPLIER, METER)


def test_a_protected_read_is_recognised_and_written() -> None:
    request = decode_apdu(PROTECTED_READ)
    assert isinstance(request, AccessRequest)
    found = ProtectedRead.from_data(request.data[0])
    read = ProtectedRead((ProtectedObject(1, obis("0-0:94.44.34.10"), 2),), PARAMETERS)
    assert found == read
    assert read.parameters.counter == 1000
    method = action(CLASS_ID, obis("0-0:43.2.8"), GET_PROTECTED_ATTRIBUTES, read.to_data())
    assert access_request(0x200003E8, method).encode() == PROTECTED_READ


def test_a_range_has_two_date_times() -> None:
    start, end = bytes.fromhex("07DF0101FF000000008000FF"), bytes.fromhex("07DF0201FF000000008000FF")
    wanted = ProtectedObject.between(7, obis("0-0:99.1.0"), 2, start, end)
    assert ProtectedObject.from_data(wanted.to_data()) == wanted
    assert wanted.restriction == structure(octet_string(start), octet_string(end))


def test_a_protected_value_is_found_alone_and_in_an_alert() -> None:
    value = ProtectedValue(PARAMETERS, b"\x31" + bytes(20))
    assert ProtectedValue.from_data(value.to_data()) == value
    assert protected_value_in(structure(uint16(0x8F0A), octet_string(bytes(12)), *value.members())) == value


@pytest.mark.parametrize(
    "data",
    [
        null(),
        structure(),
        structure(array(), octet_string(b"")),
        structure(array(uint8(1)), octet_string(b"")),
        structure(array(PARAMETERS.to_data()), null()),
        structure(array(PARAMETERS.to_data(), PARAMETERS.to_data()), octet_string(b"")),
        structure(array(PARAMETERS._replace(transaction_id=b"").to_data()), octet_string(b"")),
        structure(array(structure(enum(1), PARAMETERS.to_data().value[1])), octet_string(b"")),
    ],
)
def test_other_values_are_not_taken_for_protected_ones(data: Data) -> None:
    assert ProtectedValue.from_data(data) is None
    assert protected_value_in(data) is None
    assert ProtectedRead.from_data(data) is None


@given(values())
def test_recognising_never_fails(value: Data) -> None:
    assert protected_value_in(value) is None
    assert ProtectedRead.from_data(value) is None
    assert ProtectionParameters.from_data(value) is None


# -- readable output ---------------------------------------------------------------------------------------------


class _Names:
    def name(self, class_id: int, obis: bytes, kind: Kind, index: int) -> ObjectName | None:  # noqa: ARG002 - the protocol's
        if (class_id, kind) == (7, "attribute"):
            return ObjectName("Power event log", ("time", "code", "other"), optional=frozenset({"other"}))
        if (class_id, kind) == (9, "method"):
            return ObjectName("Load switch: run script", texts={51: "enable supply"})
        if (class_id, kind) == (3, "attribute"):
            return ObjectName("Active import", unit="Wh")
        return None


def _find(sheet: Sheet, name: str) -> Field:
    return next(field for top in sheet.fields for field in top.walk() if field.name == name)


def test_values_have_name_text_and_unit() -> None:
    sheet = Sheet(offset=100)
    steps = [action(9, LOAD_SWITCH, 1, uint16(51)), set_to(3, obis("1-0:1.8.0"), 2, uint32(7)), get(8, CLOCK, 2)]
    describe_apdu(access_request(1, *steps), sheet, _Names())
    script = _find(sheet, "Load switch: run script")
    assert (script.value, script.text, script.length) == (51, "enable supply", 3)
    register = _find(sheet, "Active import")
    assert (register.value, register.unit) == (7, "Wh")
    assert _find(sheet, "tag").offset == 100
    assert _find(sheet, "logical_name").text == "0-0:10.0.106.255"
    assert json.dumps([field.to_json() for field in sheet.fields])


def test_a_log_is_shown_row_by_row_with_its_times() -> None:
    log = decode_data(bytes.fromhex("13 02020612 0C 1C35F9008002 1C3602FD8003"))
    asked, _ = get_selected(7, obis("0-0:99.98.4"), 2, 1, null())
    response = AccessResponse(1, (log,), (Result(Service.GET, 0),))
    sheet = Sheet()
    describe_apdu(response, sheet, _Names(), (asked,))
    rows = [field for field in _find(sheet, "Power event log").children if field.name.startswith("[")]
    assert [[column.name for column in row.children] for row in rows] == [["time", "code"]] * 2
    assert rows[0].children[0].text == "2014-12-31T00:00:00Z"
    assert rows[1].children[1].value == 0x8003
    assert (rows[1].offset, rows[1].length) == (rows[0].offset + 6, 6)


def test_date_times_logical_names_and_units_are_read_without_a_catalogue() -> None:
    body = structure(
        uint16(0x8F66),
        octet_string(bytes.fromhex("00000000000000000080 00FF")),
        octet_string(CLOCK),
        structure(Data(DataType.INT8, 0), enum(30)),
        Data(DataType.BOOLEAN, True),
        octet_string(b"Hello"),
    )
    sheet = Sheet()
    describe_apdu(DataNotification(1, body), sheet)
    texts = [field.text for field in _find(sheet, "body").children[1:]]
    assert texts == ["8F66", "now", "0-0:1.0.0.255", "structure of 2", "TRUE", "Hello"]
    assert _find(sheet, "unit").text == "Wh"


# -- the reference messages, whole and damaged -------------------------------------------------------------------


def _reference_units() -> list[tuple[str, bytes]]:
    found = [(each.name, Message.decode(each.octets).payload) for each in reference_messages()]
    return [(name, payload) for name, payload in found if payload[:1] in (b"\xd9", b"\xda", b"\x0f")]


@pytest.mark.shared
def test_every_reference_unit_is_rebuilt_and_readable() -> None:
    units = _reference_units()
    assert units
    for name, octets in units:
        apdu = decode_apdu(octets)
        assert apdu.encode() == octets, name
        sheet = Sheet()
        describe_apdu(apdu, sheet)
        assert bytes(sheet.octets) == octets, name
        leaves = [field for top in sheet.fields for field in top.walk() if not field.children]
        assert [leaf.offset for leaf in leaves[1:]] == [leaf.offset + leaf.length for leaf in leaves[:-1]], name


def _damaged(rounds: int, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    units = [octets for _, octets in _reference_units()] or [ENABLE, ENABLED, ALERT, PROTECTED_READ]
    for _ in range(rounds):
        octets = bytearray(chance.choice(units))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(octets))
            damage = chance.randrange(4)
            if damage == 0:
                octets[at] = chance.choice((0, 1, 2, 0x13, 0x7F, 0x80, 0x84, 0xFF, chance.randrange(256)))
            elif damage == 1:
                del octets[at + 1 :]
            elif damage == 2:
                octets[at:at] = chance.randbytes(chance.randint(1, 6))
            else:
                octets[at : at + chance.randint(1, 6)] = octets[:6]
        yield bytes(octets)


def _check_damaged(octets: bytes) -> bool:
    """Whether the octets still are a unit; anything but a unit or a DecodeError lets the test fail."""
    try:
        apdu = decode_apdu(octets)
    except DecodeError as error:
        return error.offset > len(octets) and pytest.fail(octets.hex())
    assert apdu.encode() == octets, octets.hex()
    sheet = Sheet()
    describe_apdu(apdu, sheet)
    assert bytes(sheet.octets) == octets, octets.hex()
    return True


def test_damaged_units_are_units_or_decode_errors() -> None:
    outcomes = [_check_damaged(octets) for octets in _damaged(2000, 1)]
    assert {True, False} == set(outcomes)


@pytest.mark.slow
def test_many_damaged_units_are_units_or_decode_errors() -> None:
    outcomes = [_check_damaged(octets) for octets in _damaged(200_000, 2)]
    assert {True, False} == set(outcomes)


@given(st.binary(max_size=300), st.sampled_from((b"", b"\xd9", b"\xda", b"\x0f\x00\x00\x00\x00\x00", b"\x13\x02\x02")))
def test_noise_is_a_unit_or_a_decode_error(noise: bytes, start: bytes) -> None:
    _check_damaged(start + noise)
    try:
        value = decode_data(start + noise)
    except DecodeError:
        return
    assert encode_data(value) == start + noise
