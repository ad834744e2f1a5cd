"""The message envelope."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocols.errors import DecodeError, EncodeError
from protocols.eui64 import eui64
from protocols.gbcs.message import _BODY, Cra, Message, OtherInformation, _take_fields
from protocols.sheet import Sheet

from ..reference import ReferenceMessage, reference_messages

SUPPLIER, METER = eui64("90B3D51F30010000"), eui64("00DB1234567890A0")
PRE_COMMAND = bytes.fromhex(
    "DF0901 00000000000003E8 08 90B3D51F30010000 08 00DB1234567890A0 00 02004F 15"
    "D9 200003E8 00 01 03 0009 00000A006AFF 01 01 120033"
)


def test_a_pre_command_has_no_signature_field() -> None:
    message = Message.decode(PRE_COMMAND)
    assert message.signature is None
    assert message.mac is None
    assert (message.cra, message.counter, message.message_code) == (Cra.COMMAND, 1000, 0x004F)
    assert (message.originator, message.recipient) == (SUPPLIER, METER)
    assert message.encode() == PRE_COMMAND


@pytest.mark.parametrize(
    "other",
    [
        OtherInformation(0x0027),
        OtherInformation(0x0027, SUPPLIER),
        OtherInformation(0x0027, SUPPLIER, 2**64 - 1),
        OtherInformation(0x0027, SUPPLIER, 5, 6),
        OtherInformation(0x0027, SUPPLIER, 5, None, bytes(range(200)) * 2),
    ],
)
@pytest.mark.parametrize(("signature", "mac"), [(None, None), (b"", None), (bytes(64), None), (b"", bytes(12))])
def test_every_form_of_the_envelope_comes_back(
    other: OtherInformation, signature: bytes | None, mac: bytes | None
) -> None:
    message = Message(Cra.RESPONSE, 2**63, METER, SUPPLIER, other, b"\xda" * 300, bytes(12), signature, mac)
    assert Message.decode(message.encode()) == message


@pytest.mark.parametrize("cut", range(len(PRE_COMMAND)))
def test_a_truncated_message_is_a_decode_error(cut: int) -> None:
    with pytest.raises(DecodeError) as error:
        Message.decode(PRE_COMMAND[:cut])
    assert error.value.offset <= cut


def test_an_error_names_field_and_octet() -> None:
    with pytest.raises(DecodeError, match=r"octet 2 \(cra\): expected one of 01, 02, 03, found 07"):
        Message.decode(PRE_COMMAND[:2] + b"\x07" + PRE_COMMAND[3:])


def test_a_length_of_four_gigabytes_costs_nothing() -> None:
    at = PRE_COMMAND.index(b"\x15\xd9")
    with pytest.raises(DecodeError, match="4294967295 octets"):
        Message.decode(PRE_COMMAND[:at] + b"\x84\xff\xff\xff\xff" + PRE_COMMAND[at + 1 :])


def test_octets_after_the_message_are_refused() -> None:
    with pytest.raises(DecodeError):
        Message.decode(PRE_COMMAND + b"\x00\x00")


def test_a_supplementary_counter_without_its_party_is_our_own_fault() -> None:
    other = OtherInformation(0x0027, None, 5)
    with pytest.raises(EncodeError, match="supplementary_counter"):
        Message(Cra.COMMAND, 1, SUPPLIER, METER, other, b"").encode()


@pytest.mark.shared
def test_every_reference_envelope_is_rebuilt_from_its_value() -> None:
    different = [m.name for m in reference_messages() if Message.decode(m.octets).encode() != m.octets]
    assert reference_messages()
    assert different == []


@pytest.mark.shared
def test_the_readable_fields_cover_every_octet_once() -> None:
    def check(reference: ReferenceMessage) -> None:
        sheet = Sheet()
        Message.decode(reference.octets).describe(sheet)
        assert bytes(sheet.octets) == reference.octets
        leaves = [f for top in sheet.fields for f in top.walk() if not f.children]
        assert [leaf.offset for leaf in leaves[1:]] == [leaf.offset + leaf.length for leaf in leaves[:-1]]

    for reference in reference_messages():
        check(reference)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"originator": bytes(7)}, "originator"),
        ({"recipient": bytes(9)}, "recipient"),
        ({"counter": 2**64}, "counter"),
        ({"counter": -1}, "counter"),
        ({"date_time": bytes(13)}, "date_time"),
        ({"other": OtherInformation(0x10000)}, "other"),
    ],
)
def test_a_value_that_does_not_fit_is_named(change: dict[str, object], field: str) -> None:
    message = replace(Message.decode(PRE_COMMAND), **change)  # type: ignore[arg-type]  # one member at a time
    with pytest.raises(EncodeError) as error:
        message.encode()
    assert error.value.path == (field,)


@pytest.mark.shared
def test_the_fast_ways_are_those_of_the_grammar() -> None:
    for reference in reference_messages():
        message = Message.decode(reference.octets)
        octets = message.signed_octets()
        assert octets == _BODY.encode(message)
        assert _take_fields(octets, 0, len(octets)) == (tuple(_BODY.decode(octets)), len(octets))
