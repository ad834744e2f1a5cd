"""GBZ payloads and alerts."""

from __future__ import annotations

import random
import re
import struct
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import DecodeError, EncodeError
from protocols.eui64 import eui64
from protocols.gbcs import protection
from protocols.gbcs.gbz import (
    FROM_NEVER,
    FROM_NOW,
    PROFILE,
    Component,
    Encrypted,
    ExecutionOutcome,
    GbzAlert,
    GbzPayload,
    ImageHash,
    OtherBody,
    Reason,
    decode_alert,
    decode_gbz,
    describe,
)
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.grammar import Uint
from protocols.sheet import Field, Sheet
from protocols.zigbee.smart_energy import COMMANDS, command_name, command_named
from protocols.zigbee.smart_energy_management import EventSelection
from protocols.zigbee.smart_energy_prepayment import DebtRepayment
from protocols.zigbee.zcl import (
    FRAME_CONTROLS,
    AttributeRecord,
    ClusterCommand,
    DefaultResponse,
    Frame,
    ReadAttributes,
    ReadAttributesResponse,
    UnknownCommand,
)
from protocols.zigbee.zcl_types import OctetString, Times, Trailing

from ..reference import KEYSTORE, reference_messages

READ_REGISTERS = bytes.fromhex("0109 01 01 0702 000B 000000 0203 0103 0003 0000")
SEALED = bytes.fromhex("0109 01 03 0702 001A 0000 180001 0013 3100000000 0a0b") + bytes(12)
EXECUTED = bytes.fromhex("0109 01 8F66 38818890 0E 006B 00000000000003ED 0700 09 06")


def low_credit(moment: int | None) -> Component:
    return Component.of(command_named("Set Low Credit Warning Level").make(low_credit_warning_level=5), 2, moment)


def test_a_read_of_attributes() -> None:
    payload = decode_gbz(READ_REGISTERS)
    wanted = ReadAttributes((0x0302, 0x0301, 0x0300, 0x0000))
    assert payload == GbzPayload((Component(0x0702, Frame(FRAME_CONTROLS[0], 0, 0), wanted),))
    assert payload.components[0] == Component.general(0x0702, wanted)
    assert payload.encode() == READ_REGISTERS


def test_flags_lengths_and_count_follow_from_the_components() -> None:
    payload = GbzPayload((low_credit(FROM_NOW), low_credit(None), low_credit(FROM_NEVER)))
    octets = payload.encode()
    assert octets.hex() == (
        "01090310 0705 000b 00000000 010209 0500000000 0705 0007 010209 0500000011 0705 000b ffffffff 010209 05000000"
    ).replace(" ", "")
    assert decode_gbz(octets) == payload


def test_answers_are_built_with_the_servers_direction() -> None:
    answer = ReadAttributesResponse((AttributeRecord(0x0206, 0, 0x41, b"\x01\x23\xab\xcd"),))
    component = Component.general(0x0702, answer, to_client=True, disable_default_response=True)
    assert component.frame.frame_control == 0x18
    refusal = Component.general(0x0702, DefaultResponse(0x06, 0x8B), 4, to_client=True)
    payload = GbzPayload((component, refusal))
    assert payload.encode().hex() == "01090200 0702000c 180001 060200 41040123abcd 01 0702 0005 08040b 068b".replace(
        " ", ""
    )
    assert decode_gbz(payload.encode()) == payload


def test_an_encrypted_component_is_opened_and_closed() -> None:
    component = decode_gbz(SEALED).components[0]
    assert component == Component(
        0x0702, Frame(FRAME_CONTROLS[0x18], 0, 1), None, None, Encrypted(0, b"\x0a\x0b", bytes(12))
    )
    assert decode_gbz(SEALED).encode() == SEALED
    assert component.encrypted is not None
    assert component.encrypted.part == bytes.fromhex("3100000000 0a0b") + bytes(12)
    with pytest.raises(EncodeError, match="not opened"):
        component.plaintext()
    clear = Component.general(0x0702, ReadAttributesResponse((AttributeRecord(0, 0x86),)), to_client=True)
    sealed = clear.sealed(1, bytes.fromhex("3100000000 010203") + bytes(12))
    assert GbzPayload((sealed,)).encode().hex() == (
        "010901 03 0702 001b 0001 080001 0014 3100000000 010203".replace(" ", "") + "00" * 12
    )
    assert sealed.opened() == clear
    assert sealed._replace(content=None).with_plaintext(clear.plaintext()) == sealed
    with pytest.raises(EncodeError):
        clear.sealed(0, bytes(17))


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("", "profile"),
        ("0108 01", "profile"),
        ("0109", "count"),
        ("0109 00", "at least one component"),
        ("0109 01 00 0702 0003 000000", "the last-component flag"),
        ("0109 02 01 0702 0003 000000 01 0702 0003 000000", "no last-component flag"),
        ("0109 02 00 0702 0003 000000", r"components\[1\]"),
        ("0109 01 01 0702 0003 000000 00", "the end"),
        ("0109 01 04 0702 0003 000000", "found 04"),
        ("0109 01 12 0702 0003 000000", "found 12"),
        ("0109 01 13 0702 0003 000000", "found 13"),
        ("0109 01 01 0702 FFFF 000000", "65535 octets"),
        ("0109 01 01 0702 0002 0000", "frame"),
        ("0109 01 11 0702 0003 000000", "only 3 left"),
        ("0109 01 01 0702 0004 000000 01", "payload"),
        ("0109 01 01 0702 0005 01000B 0000", "provider_id"),
        ("0109 01 03 0702 0007 0000 180001 0000", "ciphered"),
        ("0109 01 03 0702 0018 0000 180001 0010 3100000000" + "00" * 12, "ciphered"),
        ("0109 01 03 0702 0018 0000 180001 0011 3000000000" + "00" * 12, "security_header"),
        ("0109 01 03 0702 0018 0100 180001 0011 3100000000" + "00" * 12, "found 01"),
    ],
)
def test_what_is_wrong_is_named(octets: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        decode_gbz(bytes.fromhex(octets))


def test_offsets_of_errors_count_from_the_start_of_the_payload() -> None:
    with pytest.raises(DecodeError) as error:
        decode_gbz(bytes.fromhex("0109 02 00 0702 0003 000000 01 0709 0005 010001 03 FF"))
    assert (error.value.offset, error.value.path) == (20, ("components[1]", "payload"))


def test_what_cannot_be_encoded_is_our_own_fault() -> None:
    with pytest.raises(EncodeError, match="1 to 255"):
        GbzPayload(()).encode()
    with pytest.raises(EncodeError, match=r"components\[0\].*another command"):
        GbzPayload((low_credit(0)._replace(cluster=0x0702),)).encode()
    read = Component.general(0x0702, ReadAttributes((1,)))
    with pytest.raises(EncodeError, match="another command"):
        GbzPayload((read._replace(frame=Frame(FRAME_CONTROLS[1], 0, 0)),)).encode()
    dated = decode_gbz(SEALED).components[0]._replace(from_date_time=0)
    with pytest.raises(EncodeError, match="from_date_time"):
        GbzPayload((dated,)).encode()
    with pytest.raises(EncodeError, match="from_date_time"):
        GbzPayload((low_credit(1 << 32),)).encode()


# Alerts


@pytest.mark.parametrize(
    ("octets", "code", "alert"),
    [
        (EXECUTED, 0x00CD, GbzAlert(0x8F66, 948013200, ExecutionOutcome(0x006B, 0x3ED, 0x0700, 9, 6), 1)),
        (PROFILE + bytes.fromhex("00 810E 1C374A80"), 0x1001, GbzAlert(0x810E, 473385600)),
        (PROFILE + bytes.fromhex("00 810E 1C374A80 AA"), 0x1000, GbzAlert(0x810E, 473385600, OtherBody(b"\xaa"))),
        (
            PROFILE + bytes.fromhex("01 8F72 00000005 0920") + bytes(range(32)),
            0x00CF,
            GbzAlert(0x8F72, 5, ImageHash(bytes(range(32))), 1),
        ),
        (PROFILE + bytes.fromhex("01 81A0 00000005 0003"), 0x00F2, GbzAlert(0x81A0, 5, Reason(3), 1)),
        (PROFILE + bytes.fromhex("01 81A0 00000005 020003"), 0x00F2, GbzAlert(0x81A0, 5, Reason(3, b"\x02"), 1)),
        (PROFILE + bytes.fromhex("01 81A0 00000005 09020003"), 0x00F2, GbzAlert(0x81A0, 5, Reason(3, b"\x09\x02"), 1)),
        (
            PROFILE + bytes.fromhex("01 8F0A 00000005") + SEALED[3:],
            0x008B,
            GbzAlert(0x8F0A, 5, decode_gbz(SEALED).components[0], 1),
        ),
    ],
)
def test_every_body_of_an_alert(octets: bytes, code: int, alert: GbzAlert) -> None:
    assert decode_alert(octets, code) == alert
    assert alert.encode() == octets
    sheet = Sheet()
    describe(alert, sheet)
    assert sheet.octets == octets


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (EXECUTED[:-1], 0x00CD),
        (EXECUTED + b"\x00", 0x00CD),
        (EXECUTED[:9] + b"\x0d" + EXECUTED[10:], 0x00CD),
        (EXECUTED, 0x00CF),
        (EXECUTED, 0x00F2),
        (EXECUTED, 0x008B),
        (EXECUTED[:9], 0x00CD),
        (EXECUTED[:8], 0x1000),
    ],
)
def test_a_body_of_another_alert_is_refused(octets: bytes, code: int) -> None:
    with pytest.raises(DecodeError):
        decode_alert(octets, code)


# Readable output


def leaves(sheet: Sheet) -> list[Field]:
    return [field for top in sheet.fields for field in top.walk() if not field.children]


def test_fields_have_names_texts_units_and_places() -> None:
    sheet = Sheet(100)
    describe(decode_gbz(READ_REGISTERS), sheet)
    component = sheet.fields[2]
    assert (component.name, component.text) == ("component 0", "Metering: Read Attributes")
    assert [field.text for field in component.children[-4:]] == [
        "Divisor",
        "Multiplier",
        "Unit of Measure",
        "Current Summation Delivered (import register)",
    ]
    assert [(field.offset, field.length) for field in component.children[-2:]] == [(115, 2), (117, 2)]
    sheet = Sheet()
    describe(GbzPayload((low_credit(FROM_NEVER),)), sheet)
    dated, level = sheet.fields[2].children[3], sheet.fields[2].children[-1]
    assert (dated.name, dated.text, dated.offset) == ("from_date_time", "cancel", 8)
    assert (level.name, level.value, level.unit, level.offset) == (
        "low_credit_warning_level",
        5,
        "10^-5 currency units",
        15,
    )


def test_decrypted_fields_stand_where_the_ciphertext_stands() -> None:
    answer = ReadAttributesResponse((AttributeRecord(0x0300, 0, 0x30, 1),))
    clear = Component.general(0x0702, answer, to_client=True)
    hidden = clear.sealed(0, bytes.fromhex("3100000000") + bytes(5) + bytes(12))
    for payload, plaintexts in (
        (GbzPayload((hidden,)), None),
        (GbzPayload((hidden._replace(content=None),)), {0: clear.plaintext()}),
    ):
        sheet = Sheet()
        describe(payload, sheet, plaintexts)
        assert sheet.octets == payload.encode()
        ciphertext = next(field for top in sheet.fields for field in top.walk() if field.name == "ciphertext")
        value = ciphertext.children[0].children[-1]
        assert (value.name, value.value, value.text) == ("value", 1, "m3")
        assert value.offset == ciphertext.offset + ciphertext.length - 1


def test_a_plaintext_that_does_not_fit_says_so() -> None:
    component = decode_gbz(SEALED)
    sheet = Sheet()
    describe(component, sheet, {0: b"\x00\x03"})
    assert any("cannot be decoded" in field.text for field in leaves(sheet))
    with pytest.raises(EncodeError, match="as long as"):
        describe(component, Sheet(), {0: b"\x00\x03\x00"})


# Bad input


@given(st.binary(max_size=80), st.sampled_from((0x00CD, 0x00CF, 0x00F2, 0x008B, 0x1000)))
def test_any_octets_give_a_value_or_a_decode_error(octets: bytes, code: int) -> None:
    for read in (decode_gbz, lambda data: decode_alert(data, code)):
        try:
            value = read(PROFILE + octets)
        except DecodeError:
            continue
        assert value.encode() == PROFILE + octets


def mutations(octets: bytes, chance: random.Random) -> bytes:
    """The octets with one to three of them changed, left out or put in."""
    changed = bytearray(octets)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(changed))
        kind = chance.randrange(4)
        if kind == 0:
            del changed[at]
        elif kind == 1:
            changed.insert(at, chance.randrange(256))
        else:
            changed[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    return bytes(changed)


@cache
def reference_payloads() -> tuple[tuple[str, Message], ...]:
    """Every reference message with a GBZ payload."""
    messages = ((reference.name, Message.decode(reference.octets)) for reference in reference_messages())
    return tuple((name, message) for name, message in messages if message.payload[:2] == PROFILE)


def decode(message: Message, octets: bytes | None = None) -> GbzPayload | GbzAlert:
    data = message.payload if octets is None else octets
    return decode_alert(data, message.message_code) if message.cra is Cra.ALERT else decode_gbz(data)


@pytest.mark.shared
def test_mutated_reference_payloads_give_values_or_decode_errors() -> None:
    chance, refused, described = random.Random(1), 0, 0
    for _ in range(20):
        for _, message in reference_payloads():
            octets = mutations(message.payload, chance)
            try:
                value = decode(message, octets)
            except DecodeError as error:
                assert 0 <= error.offset <= len(octets)  # noqa: PT017 - either outcome is right
                refused += 1
                continue
            assert value.encode() == octets
            sheet = Sheet()
            describe(value, sheet)
            assert sheet.octets == octets
            described += 1
    assert refused > 500
    assert described > 500


# The reference messages


@pytest.mark.shared
def test_every_reference_payload_is_rebuilt_from_its_value() -> None:
    different = [name for name, message in reference_payloads() if decode(message).encode() != message.payload]
    assert reference_payloads()
    assert different == []


@pytest.mark.shared
def test_every_reference_command_is_known() -> None:
    for name, message in reference_payloads():
        value = decode(message)
        if isinstance(value, GbzPayload):
            assert not [c for c in value.components if isinstance(c.content, UnknownCommand)], name
        else:
            assert not isinstance(value.body, OtherBody), name


@pytest.mark.shared
def test_the_readable_fields_cover_every_octet_once() -> None:
    for name, message in reference_payloads():
        sheet = Sheet()
        describe(decode(message), sheet)
        assert sheet.octets == message.payload, name
        found = leaves(sheet)
        assert [leaf.offset for leaf in found[1:]] == [leaf.offset + leaf.length for leaf in found[:-1]], name
        assert not [leaf for leaf in found if "unknown" in leaf.text and leaf.value != 0xFF], name


@pytest.mark.shared
def test_every_encrypted_part_is_decrypted_decoded_and_rebuilt() -> None:
    store, parts = FolderKeyStore.open(KEYSTORE), 0
    for name, message in reference_payloads():
        value = decode(message)
        components = value.components if isinstance(value, GbzPayload) else (value.body,)
        plaintexts: dict[int, bytes] = {}
        for index, component in enumerate(components):
            if isinstance(component, Component) and component.encrypted is not None:
                plaintexts[index] = protection.decrypt_part(message, store, component.encrypted.part)
                opened = component.with_plaintext(plaintexts[index])
                assert opened.plaintext() == plaintexts[index], name
                assert isinstance(opened.content, ClusterCommand | ReadAttributesResponse), name
                parts += 1
        sheet = Sheet()
        describe(value, sheet, plaintexts)
        assert sheet.octets == message.payload, name
        assert not [leaf for leaf in leaves(sheet) if "cannot be decoded" in leaf.text], name
    assert parts


@pytest.mark.shared
def test_values_of_a_decrypted_debt_log() -> None:
    message = next(
        m
        for name, m in reference_payloads()
        if "GCS15d" in name and m.cra is Cra.RESPONSE and b"\x31\x00\x00\x00\x00" in m.payload
    )
    component = decode_gbz(message.payload).components[0]
    assert component.encrypted is not None
    plaintext = protection.decrypt_part(message, FolderKeyStore.open(KEYSTORE), component.encrypted.part)
    content = component.with_plaintext(plaintext).content
    assert isinstance(content, ClusterCommand)
    assert content.name == "Publish Debt Log"
    assert content["repayments"][0] == DebtRepayment(0x1C0E6C00, 163000, 2, 0)


# tshark as a second opinion


def exported_pdus(messages: list[bytes]) -> bytes:
    """A pcap of link type 252 in which every packet names the dissector for GBCS messages."""
    packets = [struct.pack(">HH12sHH", 12, 12, b"gbcs_message", 0, 0) + octets for octets in messages]
    header = struct.pack(">IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 252)
    return header + b"".join(struct.pack(">IIII", 0, 0, len(p), len(p)) + p for p in packets)


def tshark(folder: Path, messages: list[Message]) -> list[str]:
    """What tshark says about each component of each message."""
    capture = folder / "gbz.pcap"
    capture.write_bytes(exported_pdus([message.encode() for message in messages]))
    run = subprocess.run(["tshark", "-r", str(capture), "-V"], capture_output=True, text=True, check=True)
    assert "Malformed" not in run.stdout
    packets = run.stdout.split("GBCS GBZ\n")[1:]
    assert len(packets) == len(messages)
    return [text for packet in packets for text in packet.split("Extended Header Cluster ID: ")[1:]]


@pytest.mark.shared
@pytest.mark.tshark
def test_tshark_sees_the_same_clusters_and_commands(tmp_path: Path) -> None:
    messages = [m for _, m in reference_payloads() if m.signature is not None and m.cra is not Cra.ALERT]
    assert messages
    components = [component for m in messages for component in decode_gbz(m.payload).components]
    for text, component in zip(tshark(tmp_path, messages), components, strict=True):
        check_against_tshark(text, component)


def least(kind: Any) -> Any:
    """The plainest value of a format."""
    if isinstance(kind, Uint):
        return 0
    if isinstance(kind, OctetString):
        return b"1"
    if isinstance(kind, Times):
        return (0,) * kind.number
    if isinstance(kind, Trailing):  # tshark does not know that a signature may be left out
        return 0 if isinstance(kind.item, Uint) else bytes(kind.item.width)
    return EventSelection(0, (0x8F01,)) if "Selection" in type(kind).__name__ else ()


@pytest.mark.tshark
def test_tshark_knows_every_command_of_the_tables(tmp_path: Path) -> None:
    components = [Component.of(row.make(**{name: least(kind) for name, kind in row.fields.fields})) for row in COMMANDS]
    header = Message(Cra.COMMAND, 1, eui64("90B3D51F30010000"), eui64("00DB1234567890A1"), OtherInformation(0x6B), b"")
    messages = [replace(header, payload=GbzPayload((c,)).encode(), signature=b"", mac=bytes(12)) for c in components]
    for text, component in zip(tshark(tmp_path, messages), components, strict=True):
        check_against_tshark(text, component)


def check_against_tshark(text: str, component: Component) -> None:
    """Compare numbers and, where tshark gives one, the command's name (letters only)."""
    cluster, frame = component.cluster, component.frame
    numbers = [re.search(f"{label}(\\w+)", text) for label in (r".*\(", "Command Identifier: ", "Sequence Number: ")]
    assert [int(n[1], 0) for n in numbers if n] == [cluster, frame.command, frame.sequence]
    name = re.search(r"Command: (.*) \(0x", text)
    if name:
        ours = command_name(cluster, frame.frame_control, frame.command)
        assert re.sub("[^a-z]", "", name[1].lower()) == re.sub("[^a-z]", "", ours.lower())
    assert name or component.encrypted
