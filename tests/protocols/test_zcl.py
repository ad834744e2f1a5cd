"""ZCL data types, general commands and the Smart Energy tables."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import DecodeError, EncodeError
from protocols.grammar import Record, Uint
from protocols.sheet import Sheet
from protocols.zigbee import zcl_types as types
from protocols.zigbee.smart_energy import (
    ATTRIBUTES,
    COMMANDS,
    attribute_name,
    command_name,
    command_named,
    decode_command,
    describe_content,
    find_command,
)
from protocols.zigbee.smart_energy_calendar import ScheduleEntry, Season
from protocols.zigbee.smart_energy_events import Event
from protocols.zigbee.smart_energy_management import EventSelection
from protocols.zigbee.smart_energy_metering import SAMPLE_ID
from protocols.zigbee.smart_energy_prepayment import TopUp
from protocols.zigbee.smart_energy_price import BlockThresholds, PriceCell
from protocols.zigbee.zcl import (
    FRAME_CONTROLS,
    AttributeRecord,
    ClusterCommand,
    CommandRow,
    DefaultResponse,
    ReadAttributes,
    ReadAttributesResponse,
    UnknownCommand,
)
from protocols.zigbee.zcl_types import DATA_TYPES, ZclDate

# One payload of every command that reference messages carry in clear or, decrypted, in encrypted parts.
EXAMPLES = """
0700 c 00 00
0700 s 00 0000000000804a371c804a371c013a03514100000000a00580250000
0700 s 01 00000000804a371c804a371c06000002230001
0700 s 04 00000000804a371c010000009088813810000003003a03500ad60000ff010000e80300
0700 s 05 00000000804a371c9088813801000000000100008025000001d827000002fe29000003f82a0000
0700 s 06 00000000804a371c90888138010000000001010340420f00000080841e000000c0c62d000000
0700 s 09 00000000804a371c0017561a0100002200
0700 c 0b 00000000ffffffff0100
0702 c 06 006c0e1c8012c81d0008600000
0702 s 06 0c000000006c0e1c0200010800000006900000000000046c0000000000ea0000000000840000000000840000000000\
144a0000000000300000000000b10000000000b30000000000
0702 c 08 020001000000002900
0702 c 0b 00000000804a371c00000000000000000001
0702 s 0c 00000000804a371c0000000000
0702 c 0d 804a371c03030003
0702 c 0e 00000000804a371cf0f001010010273c2c01
0705 c 00 0000000000
0705 s 01 000000001026351c1f000101000000008200000079000000df000000ca0000003200000042000000
0705 c 02 804a371c0040420f0000010000000000000150c300000000
0705 s 02 010200000040420f00400d0300
0705 c 03 804a371c9088813880969800a0860100
0705 s 03 00d012130000c0aa7f01
0705 c 04 00143733393530303637383837313035313738363035
0705 c 05 804a371c000000000100000000
0705 c 06 00000000804a371c90888138940cffffffff
0705 c 07 7099341c804a371c0001000000
0705 c 08 feffffff05
0705 c 09 404b4c00
0705 c 0a 00d17f270a02
0705 c 0b 00000000804a371c9088813840787d0140787d01
0705 c 0c 00000000804a371c90888138a0860100
0707 s 00 00000000804a371c804a371c90888138000000010101
0707 c 01 00000000ffffffff0100
0707 s 01 00000000804a371c804a371c0101000100000000
0707 c 02 00000000ffffffff0100
0707 s 02 00000000804a371c804a371c0101010101010101
0707 c 03 00000000ffffffff
0707 s 03 00000000804a371c804a371c0001ff0314ff01
0707 c 04 00000000000000000000ffffffff
0707 s 04 00000000804a371c804a371c9088813800000001
0708 s 00 00000000804a371c00206ec61f00020000
0708 s 01 00000000804a371c0000000000000000000018000004452d4f4e0d30333333203230322034363530
0708 s 06 804a371c00000000000000000431323334
0709 c 00 13000000f9351c00956e38000000
0709 c 01 03
0709 s 02 08
"""


def example(cluster: int, to_client: bool, command: int) -> ClusterCommand:
    wanted = f"{cluster:04x} {'s' if to_client else 'c'} {command:02x} "
    line = next(line for line in EXAMPLES.splitlines() if line.startswith(wanted))
    made = decode_command(cluster, 0x09 if to_client else 0x01, command, bytes.fromhex(line.split()[3]))
    assert isinstance(made, ClusterCommand)
    return made


@pytest.mark.parametrize("line", EXAMPLES.strip().splitlines())
def test_an_example_is_decoded_and_rebuilt(line: str) -> None:
    cluster, side, command, octets = line.split()
    content = decode_command(int(cluster, 16), 0x09 if side == "s" else 0x01, int(command, 16), bytes.fromhex(octets))
    assert isinstance(content, ClusterCommand)
    assert content.encode().hex() == octets
    sheet = Sheet()
    content.describe(sheet)
    assert sheet.octets.hex() == octets


def test_values_of_a_tariff() -> None:
    tariff = example(0x0700, True, 0x04)
    assert tariff.name == "Publish Tariff Information"
    assert (tariff["issuer_event_id"], tariff["start_time"]) == (473385600, 948013200)
    assert (tariff["tariff_type_and_charging_scheme"], tariff["number_of_block_thresholds_in_use"]) == (0x10, 3)
    assert (tariff["currency"], tariff["standing_charge"], tariff["block_threshold_divisor"]) == (826, 54794, 1000)
    matrix = example(0x0700, True, 0x05)
    assert matrix["prices"] == (PriceCell(0, 9600), PriceCell(1, 10200), PriceCell(2, 10750), PriceCell(3, 11000))
    thresholds = example(0x0700, True, 0x06)
    assert thresholds["block_thresholds"] == (BlockThresholds(0, (1_000_000, 2_000_000, 3_000_000)),)


def test_values_of_a_calendar() -> None:
    assert example(0x0707, True, 0x01)["entries"] == (ScheduleEntry(0, 0),)
    assert example(0x0707, True, 0x02)["day_ids"] == (1,) * 7
    assert example(0x0707, True, 0x03)["seasons"] == (Season(ZclDate(None, 3, 20, None), 1),)
    assert example(0x0707, True, 0x04)["special_days"] == ()


def test_values_of_snapshots() -> None:
    snapshot = example(0x0702, True, 0x06)
    assert (snapshot["current_summation_delivered"], snapshot["snapshot_cause"]) == (144, 8)
    assert snapshot["tier_summations_delivered"] == (108, 234, 132, 132)
    assert snapshot["block_summations_delivered"] == (74, 48, 177, 179)
    credit = example(0x0705, True, 0x01)
    assert (credit["accumulated_debt"], credit["credit_remaining"]) == (130, 66)


def test_values_of_prepayment() -> None:
    debt = example(0x0705, False, 0x02)
    assert (debt["debt_amount"], debt["debt_recovery_amount"], debt["debt_recovery_frequency"]) == (1000000, 50000, 1)
    assert example(0x0705, False, 0x04)["top_up_code"] == b"73950067887105178605"
    assert example(0x0705, True, 0x03)["top_up_value"] == 1250000
    assert example(0x0705, False, 0x06)["cut_off_value"] == -1


def test_logs_and_samples() -> None:
    row = command_named("Publish Event Log")
    octets = bytes.fromhex("2000000100 031f8f00f9351c00 0345812101361c02009b")
    events = row.fields.decode(octets)["events"]
    assert events == (Event(3, 0x8F1F, 473299200, b""), Event(3, 0x8145, 473301281, b"\x00\x9b"))
    samples = command_named("Get Sampled Data Response").make(
        sample_id=1, sample_start_time=5, sample_request_interval=0xFFFF, samples=(1, 0xFFFFFF, 0x010203)
    )
    assert samples.encode().hex() == "01000500000000ffff0300010000ffffff030201"
    assert samples.row.fields.decode(samples.encode()) == samples.fields
    assert SAMPLE_ID[1] == "daily consumption"
    log = command_named("Publish Top Up Log").make(top_ups=(TopUp(b"0" * 20, 100000, 7),))
    assert log.row.fields.decode(log.encode())["top_ups"] == (TopUp(b"0" * 20, 100000, 7),)


@pytest.mark.parametrize(
    ("selection", "octets"),
    [
        (EventSelection(0, (0x8F01, 0x8F02)), "0002018f028f"),
        (EventSelection(0, ()), "0000"),
        (EventSelection(1, (0x81FF,)), "01ff81"),
        (EventSelection(2, (4,)), "0204"),
        (EventSelection(3, (8,)), "0308"),
    ],
)
def test_event_selections(selection: EventSelection, octets: str) -> None:
    row = command_named("Set Event Configuration")
    made = row.make(issuer_event_id=1, event_configuration=0x0B, selection=selection)
    assert made.encode().hex() == "01000000000000000b" + octets
    assert row.fields.decode(made.encode()) == made.fields


def test_an_unknown_event_selector_is_an_error() -> None:
    with pytest.raises(DecodeError, match="selector"):
        command_named("Set Event Configuration").fields.decode(bytes.fromhex("01000000000000000b04"))
    with pytest.raises(EncodeError, match="selector"):
        command_named("Set Event Configuration").make(
            issuer_event_id=1, event_configuration=0, selection=EventSelection(1, (1, 2))
        ).encode()


def test_a_price_may_carry_nineteen_octets_to_be_ignored() -> None:
    octets = example(0x0700, True, 0x00).encode() + bytes(range(19))
    content = decode_command(0x0700, 0x09, 0x00, octets)
    assert content.encode() == octets
    for length in (1, 18, 20):
        with pytest.raises(DecodeError):
            decode_command(0x0700, 0x09, 0x00, octets[:28] + bytes(length))


def test_usual_values_are_filled_in() -> None:
    made = command_named("Change Supply").make(issuer_event_id=473385600, proposed_supply_status=0)
    assert made == example(0x0702, False, 0x0B)
    with pytest.raises(EncodeError, match=r"proposed_supply_status.*needs a value"):
        command_named("Change Supply").make(issuer_event_id=1)
    with pytest.raises(EncodeError, match="no such field"):
        command_named("Change Supply").make(valve=0)
    with pytest.raises(EncodeError, match="issuer_event_id"):
        command_named("Change Supply").make(issuer_event_id=1 << 32, proposed_supply_status=0).encode()


def test_every_octet_too_few_or_too_many_is_an_error() -> None:
    open_ended = {"Publish Price Matrix", "Publish Special Days", "Publish Day Profile"}
    for line in EXAMPLES.strip().splitlines():
        cluster, side, command, text = line.split()
        row = find_command(int(cluster, 16), side == "s", int(command, 16))
        assert row is not None
        octets = bytes.fromhex(text)
        with pytest.raises(DecodeError):
            row.fields.decode(octets + b"\x01")
        if row.name not in open_ended:
            with pytest.raises(DecodeError):
                row.fields.decode(octets[:-1])


# The tables


def test_commands_and_attributes_are_there_once() -> None:
    assert len({(row.cluster, row.to_client, row.command) for row in COMMANDS}) == len(COMMANDS)
    assert len({row.name for row in COMMANDS}) == len(COMMANDS)
    assert len({row[:2] for row in ATTRIBUTES}) == len(ATTRIBUTES)
    for attribute in ATTRIBUTES:
        form, kind = attribute.format, DATA_TYPES[attribute.type].format
        assert type(form) is type(kind)
        assert getattr(form, "width", None) == getattr(kind, "width", None)
        assert getattr(form, "signed", None) == getattr(kind, "signed", None)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values that a format can hold."""
    if isinstance(kind, Uint):
        top = 1 << 8 * kind.width
        return st.integers(-top // 2, top // 2 - 1) if kind.signed else st.integers(0, top - 1)
    if isinstance(kind, types.OctetString):
        return st.none() | st.binary(max_size=30)
    if isinstance(kind, types.DateFormat):
        part = st.none() | st.integers(0, 254)
        return st.builds(ZclDate, st.none() | st.integers(1900, 2154), part, part, part)
    if isinstance(kind, types.FixedOctets):
        return st.binary(min_size=kind.width, max_size=kind.width)
    if isinstance(kind, types.Trailing):
        return st.none() | values(kind.item)
    if isinstance(kind, types.ToTheEnd):
        return st.lists(values(kind.item), max_size=4).map(tuple)
    if isinstance(kind, types.Times):
        return st.tuples(*[values(kind.item)] * kind.number)
    if isinstance(kind, Record):
        assert kind._make is not None
        return st.builds(kind._make, *[values(member) for _, member in kind.fields])
    return special_values(type(kind).__name__)


def special_values(name: str) -> st.SearchStrategy[Any]:
    """Values of the formats that one cluster alone has."""
    u16, u48 = st.integers(0, 0xFFFF), st.integers(0, (1 << 48) - 1)
    return {
        "_BlockThresholdsFormat": st.builds(BlockThresholds, st.integers(0, 15), st.lists(u48, max_size=15).map(tuple)),
        "_Samples": st.lists(st.integers(0, 0xFFFFFF), max_size=50).map(tuple),
        "_CountedRegisters": st.lists(u48, max_size=5).map(tuple),
        "_EventSelectionFormat": st.builds(EventSelection, st.just(0), st.lists(u16, max_size=9).map(tuple))
        | st.builds(EventSelection, st.just(1), st.tuples(u16))
        | st.builds(EventSelection, st.sampled_from((2, 3)), st.tuples(st.integers(0, 255))),
    }[name]


@given(st.data())
def test_every_row_comes_back(data: st.DataObject) -> None:
    row: CommandRow = data.draw(st.sampled_from(COMMANDS))
    made = row.make(**{name: data.draw(values(kind), name) for name, kind in row.fields.fields})
    octets = made.encode()
    assert decode_command(row.cluster, 0x09 if row.to_client else 0x01, row.command, octets) == made
    sheet = Sheet()
    made.describe(sheet)
    assert sheet.octets == octets
    for field in sheet.fields:
        field.to_json()


@given(st.sampled_from(COMMANDS), st.binary(max_size=60))
def test_any_octets_give_a_value_or_a_decode_error(row: CommandRow, octets: bytes) -> None:
    try:
        content = decode_command(row.cluster, 0x09 if row.to_client else 0x01, row.command, octets)
    except DecodeError as error:
        assert 0 <= error.offset <= len(octets)  # noqa: PT017 - either outcome is right
    else:
        assert content.encode() == octets


# General commands and frames


@given(st.data())
def test_read_responses_of_every_type_come_back(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(sorted(DATA_TYPES)), max_size=5))
    records = tuple(
        AttributeRecord(data.draw(st.integers(0, 0xFFFF)), 0, kind, data.draw(values(DATA_TYPES[kind].format)))
        for kind in kinds
    )
    content = ReadAttributesResponse((*records, AttributeRecord(0x0B15, 0x86)))
    octets = content.encode()
    assert decode_command(0x0702, 0x18, 0x01, octets) == content
    sheet = Sheet()
    describe_content(0x0702, 0x18, content, sheet)
    assert sheet.octets == octets


def test_a_type_of_unknown_length_keeps_the_rest_as_octets() -> None:
    octets = bytes.fromhex("0a0b00480102")
    content = decode_command(0x0702, 0x18, 0x01, octets)
    assert content == ReadAttributesResponse((AttributeRecord(0x0B0A, 0, 0x48, b"\x01\x02"),))
    assert content.encode() == octets


def test_a_record_with_a_status_has_no_value() -> None:
    with pytest.raises(EncodeError):
        ReadAttributesResponse((AttributeRecord(1, 0x86, 0x20, 1),)).encode()
    with pytest.raises(EncodeError):
        ReadAttributesResponse((AttributeRecord(1),)).encode()
    with pytest.raises(DecodeError, match=r"\[0\]\.type"):
        decode_command(0x0702, 0x18, 0x01, b"\x01\x00\x00")


def test_general_commands() -> None:
    assert decode_command(0x0702, 0x00, 0x00, bytes.fromhex("0203 0103")) == ReadAttributes((0x0302, 0x0301))
    answer = decode_command(0x0700, 0x00, 0x0B, b"\x04\xc0")
    assert answer == DefaultResponse(4, 0xC0)
    sheet = Sheet()
    describe_content(0x0700, 0x00, answer, sheet)
    assert [field.text for field in sheet.fields] == ["Publish Tariff Information", "hardware failure"]
    with pytest.raises(DecodeError):
        decode_command(0x0702, 0x00, 0x00, b"\x00\x03\x01")


@pytest.mark.parametrize(("control", "command"), [(0x01, 0x33), (0x09, 0x0B), (0x05, 0x06), (0x02, 0x06), (0x00, 0x42)])
def test_what_no_table_has_is_kept_and_named_unknown(control: int, command: int) -> None:
    assert decode_command(0x0702, control, command, b"\x01\x02") == UnknownCommand(b"\x01\x02")
    assert command_name(0x0702, control, command) == f"unknown command 0702/{command:02X}"
    assert attribute_name(0x0702, 0x1234) == "unknown attribute 0702/1234"


def test_frame_control_bits_have_names() -> None:
    control = FRAME_CONTROLS[0x19]
    assert (control.cluster_specific, control.to_client, control.disable_default_response) == (True, True, True)
    assert not control.manufacturer_specific
    assert control.text == "cluster, server to client, default response disabled"
    assert FRAME_CONTROLS[0].text == "general, client to server"
    assert not FRAME_CONTROLS[0x04].cluster_specific
