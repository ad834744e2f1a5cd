"""Every reference command and alert in ASN.1 is answered or raised as the reference device did.

A device is put into the state that the answer speaks of by the presets; all octets but those of signatures are
compared, since the reference devices' private keys are not published.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from firmware_emu import Device, MemoryNvm, Output, Personality
from firmware_emu.credentials import point_anchor
from firmware_emu.parts.credentials.asn1 import asn1_parts
from firmware_emu.parts.credentials.rules import CELLS
from protocols.dlms.cosem_time import CosemDateTime
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_credentials import CredentialStatus, UpdateCredentialsResponse
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.keys import KeyName
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, verify
from protocols.instant import Instant, instant

from ..reference import reference_messages
from .test_core_reference import KINDS, PARTIES, store
from .tiny import messages

pytestmark = pytest.mark.shared

START = instant(2015, 1, 1)
RECEIPTS = frozenset({0x00CE, 0x00CF})


@cache
def asn1_messages(cra: Cra) -> dict[str, Message]:
    """Reference messages with an ASN.1 payload, or alerts about images, by name."""
    found = {each.name: Message.decode(each.octets) for each in reference_messages() if "PRECOMMAND" not in each.name}
    return {name: each for name, each in found.items() if each.cra is cra and (value(each) or is_receipt(each))}


def is_receipt(message: Message) -> bool:
    return message.cra is Cra.ALERT and message.message_code in RECEIPTS


def value(message: Message) -> Any:
    payload = decode_payload(message)
    return payload.value if isinstance(payload, Asn1Payload) else None


def device(identity: Eui64, at: Instant, counter: int = 0) -> Device:
    """A device like the reference one: long forms of lengths, no comparison of validity periods."""
    kind = KINDS[identity[-1]]
    personality = Personality(device=kind, long_asn1_lengths=True, certificate_times=False, counter_start=counter)
    made = Device(identity, personality, MemoryNvm(), store(identity), asn1_parts(kind))
    made.power_on(at)
    for cell in CELLS[kind]:
        party = PARTIES.get(cell.role)
        if party and cell.use and made.keys.public_point(KeyName(party, cell.use)) is not None:
            made.credentials.fill(cell, point_anchor(made.keys, party, cell.use))
    return made


def is_alike(made: Message, reference: Message) -> bool:
    """Octet for octet, but for a signature."""
    if reference.mac is not None:
        return made.encode() == reference.encode()
    return replace(made, signature=None) == replace(reference, signature=None)


PAIRS = [
    name for name in asn1_messages(Cra.RESPONSE) if name.replace("RESPONSE", "COMMAND") in asn1_messages(Cra.COMMAND)
]


@pytest.mark.parametrize("name", PAIRS)
def test_the_answer_is_that_of_the_reference_device(name: str) -> None:
    reference = asn1_messages(Cra.RESPONSE)[name]
    command = asn1_messages(Cra.COMMAND)[name.replace("RESPONSE", "COMMAND")]
    told = CosemDateTime.decode(reference.date_time).to_instant() if reference.date_time else None
    at = START if told is None else told
    made = device(command.recipient, at)
    made.asn1.preset(command.message_code, value(reference), value(command))
    (answer,) = [each for each in messages(made.receive(command.encode(), at)) if each.cra is Cra.RESPONSE]
    assert is_alike(answer, reference)
    assert verify(answer, made.keys).signature in (Verdict.VALID, Verdict.ABSENT)


@pytest.mark.parametrize("name", list(asn1_messages(Cra.ALERT)))
def test_the_alert_is_raised_by_its_cause(name: str) -> None:
    reference = asn1_messages(Cra.ALERT)[name]
    made = device(reference.originator, START, reference.counter - 1)
    told = value(reference)
    command = command_behind(reference, told)
    if command is not None:
        made.asn1.preset(reference.message_code, told, value(command))
        assert [each.cra for each in messages(made.receive(command.encode(), START))] == [Cra.RESPONSE]
        outputs: list[Output] = made.advance(told.at)
    else:
        made.asn1.cause(reference.message_code, decode_payload(reference) if told is None else told)
        outputs = made.advance(START)
    (alert,) = messages(outputs)
    assert is_alike(alert, reference)
    assert Verdict.INVALID not in verify(alert, made.keys)


def command_behind(reference: Message, told: Any) -> Message | None:
    """The dated command whose outcome an alert tells: that of its sender and counter, of the same kind."""
    outcome = getattr(told, "outcome", None)
    counter = getattr(told, "originator_counter", None) or getattr(outcome, "sequence_number", 0)
    for command in asn1_messages(Cra.COMMAND).values():
        control = getattr(value(command), "control", None)
        if (
            (command.counter, command.originator, command.recipient)
            == (counter, reference.recipient, reference.originator)
            and getattr(control, "mode", None) == getattr(outcome, "mode", None)
            and hasattr(value(command), "execute_at")
        ):
            return command
    return None


def test_there_is_something_to_reproduce() -> None:
    assert len(PAIRS) > 40
    assert len(asn1_messages(Cra.ALERT)) > 7


def test_a_device_with_another_root_refuses_the_reference_credentials() -> None:
    """The comparison above is seen to fail: the path leads to a key that this device does not trust."""
    name = next(each for each in PAIRS if "SupplierBySupplier_6.15.1_IMMEDIATE_SUCCESS" in each)
    command = asn1_messages(Cra.COMMAND)[name.replace("RESPONSE", "COMMAND")]
    made = device(command.recipient, START)
    (answer,) = messages(made.receive(command.encode(), START))
    told = value(answer)
    assert isinstance(told, UpdateCredentialsResponse)
    assert told.outcome is not None
    assert {each.status for each in told.outcome.results} == {CredentialStatus.NO_TRUST_ANCHOR}
