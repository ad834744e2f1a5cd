"""The head end: commands as the catalogue says, answers checked in every way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.alert_reading import alert_code
from bench.answers import Answer, check_answer, check_success
from bench.evidence import Verdict
from bench.head_end import BROKER, Command, HeadEnd
from bench.pki import USES, Party, TestPki
from bench.requests import Request, dlms, gbz
from bench.rig import load_rig
from bench.tokens import electricity_top_up, repeated, token_in
from protocols.dlms.access import DataNotification
from protocols.dlms.data import Data, null, octet_string, structure, uint16
from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.protection import Verdict as KeyVerdict
from protocols.gbcs.protection import add_mac, sign, verify
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Kind, UseCase, by_code
from tests.reference import KEYSTORE, reference_messages

RIG = load_rig()
PKI = TestPki(RIG)
HUB, ESME, GSME = (device.eui64 for device in RIG.devices[:3])
SUPPLIER, OPERATOR = RemotePartyRole.SUPPLIER, RemotePartyRole.NETWORK_OPERATOR


@pytest.fixture
def head_end() -> HeadEnd:
    return HeadEnd(TestPki(RIG).parties, {device.eui64: device.type for device in RIG.devices})


def test_a_critical_command_is_signed_by_its_sender_and_macked_by_the_broker(head_end: HeadEnd) -> None:
    command = head_end.command(ESME, dlms("ECS42"))
    found = verify(command.message, PKI.devices[ESME])
    assert (found.signature, found.mac) == (KeyVerdict.VALID, KeyVerdict.VALID)
    assert command.message.originator == head_end.identity(SUPPLIER)
    assert Message.decode(command.octets) == command.message


def test_a_read_has_a_mac_alone(head_end: HeadEnd) -> None:
    command = head_end.command(ESME, dlms("ECS45"), sender=OPERATOR)
    found = verify(command.message, PKI.devices[ESME])
    assert (found.signature, found.mac) == (KeyVerdict.ABSENT, KeyVerdict.VALID)
    assert command.message.originator == head_end.identity(OPERATOR)


def test_the_sender_is_a_role_that_the_device_knows(head_end: HeadEnd) -> None:
    assert head_end.command(ESME, dlms("ECS52")).sender is SUPPLIER
    assert head_end.command(HUB, dlms("ECS52")).sender is BROKER
    with pytest.raises(LocalProtocolError, match="no remote party"):
        head_end.command(HUB, dlms("ECS42"))


def test_counters_rise_for_each_role_by_itself(head_end: HeadEnd) -> None:
    first, second = (head_end.command(ESME, dlms("ECS45")).message.counter for _ in range(2))
    other = head_end.command(ESME, dlms("ECS45"), sender=OPERATOR).message.counter
    assert second == first + 1
    assert other == first
    top_up = head_end.command(ESME, electricity_top_up(head_end, 10)).message.counter
    assert top_up > second
    assert top_up & 0xFFFF_FFFF == 0
    assert head_end.command(ESME, dlms("ECS45")).message.counter == top_up + 1


def test_the_broker_speaks_for_a_party_that_the_device_does_not_know(head_end: HeadEnd) -> None:
    command = head_end.command(GSME, gbz("GCS21f"), on_behalf_of=OPERATOR)
    assert command.message.originator == head_end.identity(BROKER)
    assert command.message.other.supplementary_party == head_end.identity(OPERATOR)
    assert command.message.other.supplementary_counter == head_end.counter(OPERATOR)


def test_a_repeated_token_is_the_same_in_another_command(head_end: HeadEnd) -> None:
    first = head_end.command(ESME, electricity_top_up(head_end, 10))
    head_end.keep(first)
    again = head_end.command(ESME, repeated(head_end, ESME))
    assert isinstance(token_in(first.message.payload), Data)
    assert token_in(first.message.payload) == token_in(again.message.payload)
    assert again.message.counter > first.message.counter


# -- answers: the reference messages, right and wrong ---------------------------------------------------------------


def pairs() -> list[tuple[str, bytes, bytes]]:
    """Reference commands with their responses."""
    named = {reference.name: reference.octets for reference in reference_messages()}
    return [
        (name, octets, named[name.replace("_COMMAND", "_RESPONSE")])
        for name, octets in named.items()
        if "_COMMAND" in name and name.replace("_COMMAND", "_RESPONSE") in named
    ]


def reference_head_end(device: bytes, kind: DeviceType, store: FolderKeyStore) -> HeadEnd:
    known = {RemotePartyRole(role): store.party_of_role(role) for role in USES}
    parties = {role: Party(role, party, store) for role, party in known.items() if party is not None}
    return HeadEnd(parties, {device: kind})  # type: ignore[dict-item]  # an EUI-64 is octets


def as_command(head_end: HeadEnd, octets: bytes, case: UseCase) -> Command | None:
    message = Message.decode(octets)
    sender = head_end.role_of(message.originator)
    if sender is None:
        return None
    return Command(Request(case, lambda _: message.payload, case.what), message.recipient, sender, message, octets)


@pytest.mark.shared
def test_reference_answers_pass_every_check() -> None:
    store, checked = FolderKeyStore(KEYSTORE), 0
    for name, octets, response in pairs():
        sent = Message.decode(octets)
        case = by_code(sent.message_code)
        if case is None or case.kind is not Kind.COMMAND or sent.other.supplementary_party is not None:
            continue
        kind = next(iter(case.devices))
        command = as_command(reference_head_end(sent.recipient, kind, store), octets, case)
        if command is None:
            continue
        answer = check_answer(reference_head_end(sent.recipient, kind, store), command, response, None)
        assert answer.failed is None, f"{name}: {answer.failed}"
        if "_SUCCESS" in name and answer.results:
            assert [c for c in check_success(answer) if c.verdict is not Verdict.PASS] == [], name
        checked += 1
    assert checked > 150


def answered(head_end: HeadEnd, change: Callable[[Message], Message]) -> Answer:
    """The check of an answer to ECS45 that was changed before the meter protected it."""
    command = head_end.command(ESME, dlms("ECS45"))
    sent = command.message
    payload = bytes.fromhex(f"DA2{sent.counter & 0xFFFFFF:07X}00000116010101 00".replace(" ", ""))
    right = Message(Cra.RESPONSE, sent.counter, ESME, sent.originator, sent.other, payload)
    message = add_mac(change(right), PKI.devices[ESME], head_end.identity(BROKER))
    return check_answer(head_end, command, message.encode(), RIG.started)


def test_a_right_answer_passes(head_end: HeadEnd) -> None:
    answer = answered(head_end, lambda message: message)
    assert answer.failed is None
    assert answer.data[0].value == 1
    assert answer.results == (0,)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("counter", {"counter": 7}),
        ("kind", {"cra": Cra.ALERT}),
        ("recipient", {"recipient": PKI.parties[OPERATOR].eui64}),
        ("date-time in the header", {"date_time": bytes.fromhex("07EA0101FF000000008000FF")}),
        ("payload", {"payload": b"\xda\x00"}),
        ("invoke id", {"payload": bytes.fromhex("DA20000009000001160101" + "0100")}),
        ("results", {"payload": bytes.fromhex("DA20000001000001" + "00010200")}),
        ("values", {"payload": bytes.fromhex("DA20000001000001" + "1101" + "010100")}),
        ("values", {"payload": bytes.fromhex("DA20000001000001" + "00" + "010100")}),
    ],
)
def test_one_thing_wrong_is_found_and_named(head_end: HeadEnd, name: str, changed: dict[str, Any]) -> None:
    answer = answered(head_end, lambda message: replace(message, **changed))
    assert name in {check.name for check in answer.checks if check.verdict is Verdict.FAIL}


def test_a_wrong_mac_or_signature_is_found(head_end: HeadEnd) -> None:
    command = head_end.command(ESME, dlms("ECS45"))
    sent = command.message
    message = Message(Cra.RESPONSE, sent.counter, ESME, sent.originator, sent.other, b"\xda" + bytes(7))
    spoiled = replace(add_mac(message, PKI.devices[ESME]), mac=bytes(12))
    failed = {
        c.name for c in check_answer(head_end, command, spoiled.encode(), None).checks if c.verdict is Verdict.FAIL
    }
    assert {"MAC", "payload"} & failed
    signed = sign(message, PKI.devices[ESME])
    found = check_answer(head_end, command, signed.encode(), None).checks
    assert "protection" in {c.name for c in found if c.verdict is Verdict.FAIL}
    assert check_answer(head_end, command, b"\x00", None).failed is not None


def test_a_key_that_the_bench_lacks_is_no_fault_of_the_device(head_end: HeadEnd) -> None:
    def from_a_stranger(message: Message) -> Message:
        return add_mac(replace(message, signature=bytes(64)), PKI.devices[ESME], head_end.identity(BROKER))

    head_end.store(SUPPLIER).remove(KeyName(ESME, KeyUse.DIGITAL_SIGNING))  # type: ignore[attr-defined]  # in memory
    answer = answered(head_end, from_a_stranger)
    (signature,) = (made for made in answer.checks if made.name == "signature")
    assert signature.verdict is Verdict.INCONCLUSIVE
    assert signature.found == "no key of 00-DB-12-34-56-78-90-A0 to verify it with"


@pytest.mark.parametrize(
    "body", [structure(), structure(null()), uint16(0x8F30), octet_string(b"ab"), structure(structure())]
)
def test_an_alert_without_a_code_is_a_fault_of_the_device(body: Data) -> None:
    with pytest.raises(RemoteProtocolError, match="without an alert code"):
        alert_code(DataNotification(1, body))


def test_a_failing_instruction_is_named(head_end: HeadEnd) -> None:
    def failing(message: Message) -> Message:
        return replace(message, payload=message.payload[:7] + bytes.fromhex("010001" + "01FA"))

    answer = answered(head_end, failing)
    (found,) = check_success(answer)
    assert found.verdict is Verdict.FAIL
    assert found.found == "failure 250 for all 1"
