"""ASN.1 payloads: DER formats, every payload type, both forms of lengths."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import asn1
from protocols.asn1_structure import OneOf, Sequence, SequenceOf
from protocols.der import NEVER, oid, oid_text, put_header, put_integer, take_header, take_integer
from protocols.errors import DecodeError, EncodeError
from protocols.eui64 import eui64
from protocols.gbcs import asn1_credentials as credentials
from protocols.gbcs import asn1_device as device
from protocols.gbcs.asn1_types import Asn1Payload, asn1_type, decode_asn1, describe
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import instant
from protocols.sheet import Field, Sheet
from protocols.smki.names import KeyUsage

from ..reference import reference_messages

PARTY, METER = eui64("90B3D51F30010000"), eui64("00DB1234567890A0")
CELL = bytes.fromhex("3007 020102 03020780")
CODES = (
    *(0x0008, 0x000A, 0x000B, 0x000C, 0x000D, 0x000F, 0x0012, 0x0013, 0x007F, 0x008C, 0x0102, 0x0129),
    *(0x00CA, 0x00B2, 0x00CB, 0x0128, 0x012B),
)

CELLS = st.builds(
    credentials.TrustAnchorCell,
    st.one_of(st.sampled_from(RemotePartyRole), st.integers(0, 255)),
    st.builds(KeyUsage, st.integers(0, 127)),
    st.sampled_from(credentials.CellUsage),
    st.booleans(),
)
COUNTERS = st.integers(0, 2**64 - 1)
ENTITIES = st.binary(min_size=8, max_size=8)
SPECIALIST_NUMBERS = st.builds(
    credentials.SpecialistSequenceNumber, st.sampled_from(credentials.SpecialistPurpose), COUNTERS
)
SPECIALIST = st.none() | st.lists(SPECIALIST_NUMBERS, max_size=3).map(tuple)
CHANGE = st.builds(credentials.SequenceNumberChange, st.integers(0, 255), COUNTERS, SPECIALIST)
CHANGES = st.lists(CHANGE, max_size=3).map(tuple)
CERTIFICATES = st.binary(max_size=300).map(lambda content: put_header(0x30, len(content)) + content)
TIMES = st.integers(instant(1, 1, 1), NEVER)
RESULTS = st.builds(
    credentials.ReplacementResult,
    CELLS,
    st.sampled_from(credentials.CredentialStatus),
    ENTITIES,
    ENTITIES,
    ENTITIES,
    ENTITIES,
)
OUTCOMES = st.builds(
    credentials.UpdateCredentialsOutcome,
    COUNTERS,
    st.sampled_from(credentials.ReplacementMode),
    CHANGES,
    st.lists(RESULTS, max_size=12).map(tuple),
)
CONTROLS = st.builds(
    credentials.AuthorisingControl,
    st.sampled_from(credentials.ReplacementMode),
    st.none() | st.binary(max_size=200),
    st.sampled_from(credentials.TimeChecks),
    st.none() | CELLS,
    COUNTERS,
    st.none() | COUNTERS,
    SPECIALIST,
    st.none() | CHANGES,
    st.booleans(),
)
UPDATES = st.builds(
    credentials.UpdateCredentialsCommand,
    CONTROLS,
    st.lists(st.builds(credentials.CredentialReplacement, CERTIFICATES, CELLS), max_size=3).map(tuple),
    st.lists(CERTIFICATES, max_size=2).map(tuple),
    st.none() | TIMES,
)


def explicit(value: Any) -> list[bool]:
    """Every ``explicit_default`` in a value; they do not count when values are compared."""
    if isinstance(value, tuple):
        return [flag for item in value for flag in explicit(item)]
    if not dataclasses.is_dataclass(value):
        return []
    flags = [flag for f in dataclasses.fields(value) for flag in explicit(getattr(value, f.name))]
    return flags + ([value.explicit_default] if hasattr(value, "explicit_default") else [])


def asn1_messages() -> Iterator[tuple[str, Message]]:
    for reference in reference_messages():
        message = Message.decode(reference.octets)
        if asn1_type(message.message_code, message.cra) is not None:
            yield reference.name, message


@pytest.mark.shared
def test_every_reference_payload_is_rebuilt_from_its_value() -> None:
    total = long = 0
    for name, message in asn1_messages():
        payload = decode_asn1(message.message_code, message.cra, message.payload)
        assert payload.encode() == message.payload, name
        total, long = total + 1, long + payload.long_lengths
    assert (total, long) == (143, 12)


@pytest.mark.shared
def test_a_changed_octet_in_a_reference_payload_never_comes_back_as_another() -> None:
    for name, message in asn1_messages():
        for at in range(0, len(message.payload), 7):
            changed = message.payload[:at] + bytes((message.payload[at] ^ 1,)) + message.payload[at + 1 :]
            try:
                payload = decode_asn1(message.message_code, message.cra, changed)
            except DecodeError:
                continue
            assert payload.encode() == changed, name


@pytest.mark.shared
def test_the_readable_fields_cover_every_octet_once() -> None:
    for name, message in asn1_messages():
        sheet = Sheet(10)
        describe(decode_asn1(message.message_code, message.cra, message.payload), sheet)
        assert bytes(sheet.octets) == message.payload, name
        leaves = [f for top in sheet.fields for f in top.walk() if not f.children]
        assert leaves[0].offset == 10
        assert [leaf.offset for leaf in leaves[1:]] == [leaf.offset + leaf.length for leaf in leaves[:-1]]


@given(OUTCOMES, st.booleans(), TIMES)
def test_outcomes_come_back_in_both_forms_of_lengths(
    outcome: credentials.UpdateCredentialsOutcome, long_lengths: bool, at: int
) -> None:
    payload = Asn1Payload(credentials.UpdateCredentialsAlert(0x8F66, at, outcome), long_lengths)
    octets = payload.encode()
    again = decode_asn1(0x00CB, Cra.ALERT, octets)
    assert again.encode() == octets
    assert again.value == payload.value


@given(UPDATES)
def test_credential_updates_come_back(update: credentials.UpdateCredentialsCommand) -> None:
    octets = Asn1Payload(update).encode()
    again = decode_asn1(0x0102, Cra.COMMAND, octets)
    assert again.encode() == octets
    assert again.value == update
    sheet = Sheet()
    again.describe(sheet)
    assert bytes(sheet.octets) == octets


@given(st.sampled_from(CODES), st.sampled_from(Cra), st.binary(max_size=80))
def test_no_octets_do_more_than_a_decode_error(code: int, cra: Cra, octets: bytes) -> None:
    try:
        payload = decode_asn1(code, cra, octets)
    except DecodeError as error:
        offset = error.offset
    else:
        offset = 0
        assert payload.encode() == octets
        payload.describe(Sheet())
    assert 0 <= offset <= len(octets)


@pytest.mark.parametrize(
    ("code", "cra", "octets", "value"),
    [
        (0x000A, Cra.COMMAND, "3004 03020780", credentials.IssueCredentialsCommand(KeyUsage.DIGITAL_SIGNATURE)),
        (
            0x000A,
            Cra.RESPONSE,
            "020102",
            credentials.IssueCredentialsResponse(error=credentials.IssueCredentialsError(2)),
        ),
        (0x000A, Cra.RESPONSE, "3000", credentials.IssueCredentialsResponse(b"\x30\x00")),
        (0x000C, Cra.COMMAND, "3004 03020308", credentials.ReadDeviceCertificateCommand(KeyUsage.KEY_AGREEMENT)),
        (
            0x000B,
            Cra.RESPONSE,
            "020105",
            credentials.UpdateDeviceCertificateResponse(credentials.DeviceCertificateResult(5)),
        ),
        (0x000F, Cra.COMMAND, "0408 00DB1234567890A0", device.UnjoinDeviceCommand(METER)),
        (0x000D, Cra.RESPONSE, "02020080", device.JoinDeviceResponse(128)),
        (0x00AF, Cra.RESPONSE, "02010B", device.JoinDeviceResponse(device.JoinResult.INVALID_OR_MISSING_CERTIFICATE)),
        (0x0012, Cra.RESPONSE, "0500", device.ActivateFirmwareResponse()),
        (0x0102, Cra.RESPONSE, "30020500", credentials.UpdateCredentialsResponse()),
        (0x0013, Cra.COMMAND, "0500", device.ReadDeviceLogCommand()),
        (0x0013, Cra.RESPONSE, "3003020101", device.ReadDeviceLogResponse(device.ReadResult.FAILURE)),
        (
            0x00B2,
            Cra.ALERT,
            "3027 0203008F66 180F 39393939313233313233353935395A 300F 300D 0408 00DB1234567890A0 020101",
            device.BackupDeviceLogAlert(0x8F66, NEVER, (device.DeviceLogEntry(METER, DeviceType.ESME),)),
        ),
    ],
)
def test_small_payloads_octet_by_octet(code: int, cra: Cra, octets: str, value: object) -> None:
    payload = decode_asn1(code, cra, bytes.fromhex(octets))
    assert payload == Asn1Payload(value)
    assert payload.encode() == bytes.fromhex(octets)


def test_a_default_that_is_written_all_the_same_is_written_again() -> None:
    omitted = bytes.fromhex("300E") + CELL + bytes.fromhex("3003 020104")
    written = bytes.fromhex("3011 300A 020102 03020780 020100 3003 020104")
    one, other = (decode_asn1(0x0008, Cra.COMMAND, octets) for octets in (omitted, written))
    assert one.value == other.value
    assert (explicit(one.value), explicit(other.value)) == ([False], [True])
    assert (one.encode(), other.encode()) == (omitted, written)


def _alert(rows: int) -> credentials.UpdateCredentialsAlert:
    cell = credentials.TrustAnchorCell(RemotePartyRole.SUPPLIER, KeyUsage.DIGITAL_SIGNATURE)
    row = credentials.ReplacementResult(cell, credentials.CredentialStatus.SUCCESS, PARTY, METER, PARTY, METER)
    outcome = credentials.UpdateCredentialsOutcome(
        7, credentials.ReplacementMode.SUPPLIER_BY_SUPPLIER, (), (row,) * rows
    )
    return credentials.UpdateCredentialsAlert(0x8F66, instant(2026, 1, 1), outcome)


def test_one_payload_does_not_mix_forms_of_lengths() -> None:
    der, long = (Asn1Payload(_alert(3), form).encode() for form in (False, True))
    assert long.count(b"\x82\x00") == der.count(b"\x81") == 3
    assert decode_asn1(0x00CB, Cra.ALERT, long).long_lengths
    inner = der.index(b"\x30\x81", 3)
    mixed = bytes((0x30, 0x81, der[2] + 1)) + der[3 : inner + 1] + b"\x82\x00" + der[inner + 2 :]
    with pytest.raises(DecodeError, match="shortest form of the length") as error:
        decode_asn1(0x00CB, Cra.ALERT, mixed)
    assert mixed[error.value.offset :].startswith(b"\x82\x00")


@pytest.mark.parametrize(
    ("code", "cra", "octets", "text"),
    [
        (0x0008, Cra.ALERT, "0500", "a message that carries ASN.1, found 0008 alert"),
        (0x004F, Cra.COMMAND, "0500", "a message that carries ASN.1"),
        (0x0013, Cra.COMMAND, "", "octet 0"),
        (0x0013, Cra.COMMAND, "0501FF", r"octet 2 \(nothing\): expected an empty NULL"),
        (0x0013, Cra.COMMAND, "05000500", "octet 2: expected the end"),
        (0x0013, Cra.RESPONSE, "3003020102", r"octet 4 \(result\): expected one of 0, 1, found 2"),
        (0x0013, Cra.RESPONSE, "300402020001", "fewest octets"),
        (0x0013, Cra.RESPONSE, "30020200", "at least one octet"),
        (0x0013, Cra.RESPONSE, "3080", "definite length"),
        (0x0013, Cra.RESPONSE, "308103020101", "shortest form of the length"),
        (0x0013, Cra.RESPONSE, "30820003020101", "shortest form of the length"),
        (0x0013, Cra.RESPONSE, "3084FFFFFFFF", "4294967295 octets"),
        (0x0013, Cra.RESPONSE, "3085FFFFFFFFFF", "at most four octets"),
        (0x0013, Cra.RESPONSE, "3006 020100 020100", "end of the SEQUENCE"),
        (0x0013, Cra.RESPONSE, "3005 020100 3001", r"\(entries\): expected 1 octet"),
        (0x0013, Cra.RESPONSE, "3014 020100 300F 300D 0408 00DB1234567890A0 02017F", "device type"),
        (0x000A, Cra.COMMAND, "3004 03020700", "trailing zeros"),
        (0x000A, Cra.COMMAND, "3004 03020880", "trailing zeros"),
        (0x000A, Cra.COMMAND, "3004 03020081", "trailing zeros"),
        (0x000A, Cra.COMMAND, "3002 0300", "trailing zeros"),
        (0x000A, Cra.RESPONSE, "0500", r"one of certification_request \(30\), error \(02\), found 05"),
        (0x000F, Cra.COMMAND, "0407 00DB1234567890", "8 octets, found 7"),
        (0x000D, Cra.RESPONSE, "02020100", "0 to 255, found 256"),
        (0x000D, Cra.RESPONSE, "0201FF", "0 to 255, found -1"),
    ],
)
def test_what_is_refused_and_where(code: int, cra: Cra, octets: str, text: str) -> None:
    with pytest.raises(DecodeError, match=text):
        decode_asn1(code, cra, bytes.fromhex(octets))


@pytest.mark.parametrize(
    "time", ["20250229000000Z", "2025010100000Z", "20250101000000+", "+0250101000000Z", "00000101000000Z"]
)
def test_times_that_do_not_exist_are_refused(time: str) -> None:
    octets = b"\x18" + bytes((len(time),)) + time.encode()
    with pytest.raises(DecodeError, match="YYYYMMDDhhmmssZ"):
        asn1.GeneralizedTime().decode(octets)


def test_a_huge_integer_is_refused_without_printing_it() -> None:
    octets = b"\x02\x82\x40\x00\x7f" + bytes(0x3FFF)
    with pytest.raises(DecodeError, match="integer of 131071 bits"):
        decode_asn1(0x000D, Cra.RESPONSE, octets)


def test_many_empty_items_cost_no_more_than_their_octets() -> None:
    octets = put_header(0x30, 30_000) + b"\x30\x00" * 15_000
    with pytest.raises(DecodeError, match=r"parties\.\[0\]\.role"):
        decode_asn1(0x0008, Cra.RESPONSE, octets)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (credentials.IssueCredentialsResponse(), "exactly one"),
        (credentials.IssueCredentialsResponse(b"\x30\x00", credentials.IssueCredentialsError(1)), "exactly one"),
        (credentials.IssueCredentialsResponse(b"\x30\x01"), "certification_request"),
        (credentials.IssueCredentialsCommand(KeyUsage(128)), "key_usage"),
        (device.ActivateFirmwareCommand(bytes(31), 1), "image_hash: 32 octets needed, 31 given"),
        (device.ActivateFirmwareCommand(bytes(32), 2**64), "originator_counter"),
        (device.SetTimeCommand(10**20, 0), "not_before"),
        (device.RestoreDeviceLogCommand((device.DeviceLogEntry(METER, DeviceType.SAPC),)), "SAPC has no number"),
        (device.JoinDeviceResponse(256), "0 to 255 needed"),
        (device.UnjoinDeviceCommand(None), "other"),  # type: ignore[arg-type]  # that is the point
        ("text", "str is not an ASN.1 payload"),
    ],
)
def test_values_that_no_octets_stand_for_are_our_own_fault(value: object, text: str) -> None:
    with pytest.raises(EncodeError, match=text):
        Asn1Payload(value).encode()


def test_readable_output_names_values_and_places() -> None:
    sheet = Sheet()
    Asn1Payload(_alert(1)).describe(sheet)
    fields = {f.name: f for top in sheet.fields for f in top.walk()}
    assert fields["alert_code"].text == "8F66"
    assert (fields["at"].text, fields["at"].value) == ("2026-01-01T00:00:00Z", instant(2026, 1, 1))
    assert fields["role"].text == "supplier"
    assert fields["key_usage"].text == "digital signature"
    assert fields["status"].to_json() == {"name": "status", "offset": 47, "length": 3, "value": 0, "text": "success"}
    assert fields["old_subject"].text == "90-B3-D5-1F-30-01-00-00"
    assert isinstance(sheet.fields[0], Field)


@given(st.integers())
def test_integers_come_back_and_python_agrees(value: int) -> None:
    octets = put_integer(value)
    assert take_integer(octets, 0, len(octets)) == value
    assert len(octets) == 1 or int.from_bytes(octets[1:], "big", signed=True) != value


@given(st.lists(st.integers(0, 2**64 - 1), max_size=6), st.integers(0, 39))
def test_object_identifiers_come_back(arcs: list[int], second: int) -> None:
    text = ".".join(map(str, (1, second, *arcs)))
    assert oid_text(oid(text)) == text


def test_object_identifiers_that_are_none_are_shown_as_octets() -> None:
    assert oid("1.2.840.113549") == bytes.fromhex("2A864886F70D")
    assert [oid_text(octets) for octets in (b"", b"\x81", b"\xff" * 20)] == ["", "81", "ff" * 20]


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_a_header_is_read_as_it_was_written(length: int, long_lengths: bool) -> None:
    octets = put_header(4, length, long_lengths=long_lengths)
    with pytest.raises(DecodeError, match=f"{length} octets?") if length else nullcontext():
        take_header(octets, 0, len(octets), long_lengths=long_lengths)
    if long_lengths and 0x80 <= length < 0x100:
        with pytest.raises(DecodeError, match="shortest form"):
            take_header(octets, 0, len(octets))


def test_null_stands_alone_in_a_choice() -> None:
    @dataclasses.dataclass(frozen=True)
    class Made:
        number: int | None = None

    form = OneOf(Made, "nothing" / asn1.Null(), "number" / asn1.Integer())
    assert [form.decode(octets) for octets in (b"\x05\x00", b"\x02\x01\x07")] == [Made(), Made(7)]
    assert [form.encode(value) for value in (Made(), Made(7))] == [b"\x05\x00", b"\x02\x01\x07"]


def test_implicit_tags_keep_whether_a_value_is_constructed() -> None:
    assert asn1.Integer().implicit(1).encode(5) == b"\x81\x01\x05"
    assert SequenceOf(asn1.Integer()).implicit(2).encode((5,)) == b"\xa2\x03\x02\x01\x05"
    with pytest.raises(DecodeError, match=r"\[1\] INTEGER \(81\), found 02"):
        asn1.Integer().implicit(1).decode(b"\x02\x01\x05")


def test_a_sequence_names_the_member_that_is_missing() -> None:
    form = Sequence(complex, "real" / asn1.Integer(), "imag" / asn1.Integer())
    with pytest.raises(DecodeError, match=r"octet 5 \(imag\): expected 2 octets, found only 0 left"):
        form.decode(b"\x30\x03\x02\x01\x05")
