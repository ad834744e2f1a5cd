"""A meter answers real, protected commands, and refuses those that are not for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware_emu import MemoryNvm, Personality, SwitchMoved
from firmware_emu.defects import (
    ACCEPTS_REPLAYED_COUNTER,
    ACCEPTS_WRONG_MAC,
    ACCEPTS_WRONG_SIGNATURE,
    ANSWERS_REFUSED_COMMANDS,
    COUNTER_MOVES_ON_BAD_MAC,
    IGNORES_RECIPIENT,
    IGNORES_ROLE,
    ONE_COUNTER_FOR_ALL_ROLES,
)
from firmware_emu.logs import LogSizes
from protocols.dlms.access import AccessResponse, DataNotification
from protocols.dlms.data import Data, DataType
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, add_mac, sign, verify
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import DAY

from .tiny import (
    BROKER,
    CLOSE_SWITCH,
    OPEN_SWITCH,
    OPERATOR,
    READ_SWITCH,
    READ_VERSION,
    START,
    STRANGER,
    SUPPLIER,
    Rig,
    messages,
    read_log,
    set_clock,
)


def answer(message: Message) -> AccessResponse:
    payload = decode_payload(message)
    assert isinstance(payload, AccessResponse)
    return payload


def alert_code(message: Message) -> int:
    payload = decode_payload(message)
    assert message.cra is Cra.ALERT
    assert isinstance(payload, DataNotification)
    code: int = payload.body.value[0].value
    return code


def test_a_read_is_answered_with_a_mac_for_the_sender() -> None:
    rig = Rig()
    response = rig.ask("ECS45", READ_SWITCH)
    assert verify(response, rig.keys) == (Verdict.ABSENT, Verdict.VALID)
    assert (response.cra, response.counter, response.recipient) == (Cra.RESPONSE, rig.counter, SUPPLIER)
    assert answer(response).data == (Data(DataType.ENUM, 1),)
    assert answer(response).invoke_id == 0x20000000 | rig.counter


def test_a_critical_command_is_answered_with_a_signature_and_moves_the_switch() -> None:
    rig = Rig()
    outputs = rig.send(rig.build("ECS43", OPEN_SWITCH))
    (response,) = messages(outputs)
    assert verify(response, rig.keys) == (Verdict.VALID, Verdict.ABSENT)
    assert answer(response).results[0].code == 0
    assert SwitchMoved("load switch", 0) in outputs
    assert answer(rig.ask("ECS45", READ_SWITCH)).data[0].value == 0


def test_the_firmware_version_is_read_by_every_role_that_may() -> None:
    rig = Rig(Personality(firmware_version="0123abcd"))
    for sender in (SUPPLIER, OPERATOR):
        assert answer(rig.ask("ECS52", READ_VERSION, sender)).data[0].value == bytes.fromhex("0123abcd")


def test_the_broker_speaks_for_a_party_that_the_meter_does_not_know() -> None:
    rig = Rig()
    other = OtherInformation(0x0059, STRANGER, 77)
    (response,) = messages(rig.send(rig.build("ECS52", READ_VERSION, BROKER, other=other)))
    assert response.recipient == BROKER
    assert response.other == other
    assert verify(response, rig.keys).mac is Verdict.VALID


def test_the_clock_is_set_to_the_hubs_time_within_the_range() -> None:
    rig = Rig()
    rig.meter.hear_hub_time(START + 300, True, START)
    response = rig.ask("ECS70", set_clock(START, START + 600))
    moment, status = answer(response).data[3:]
    assert moment.value == bytes.fromhex("07ea0301ff0c0500008000ff")
    assert status == Data(DataType.UINT8, 0)
    assert rig.meter.now == START + 300
    assert [entry.code for entry in rig.meter.logs.events()] == [0x8145, 0x8154]


def test_a_clock_outside_the_range_is_left_alone_and_reported() -> None:
    rig = Rig()
    rig.meter.hear_hub_time(START + 300, True, START)
    sent = messages(rig.send(rig.build("ECS70", set_clock(START, START + 200))))
    response = next(message for message in sent if message.cra is Cra.RESPONSE)
    assert [result.code for result in answer(response).results] == [0] * 5
    assert answer(response).data[4].value == 2
    assert rig.meter.now == START
    assert [alert_code(message) for message in sent if message.cra is Cra.ALERT] == [0x8F0C]
    assert [entry.code for entry in rig.meter.logs.security()] == [0x8F0C]


def test_logs_are_read_by_date_both_ends_included() -> None:
    rig = Rig()
    for minute in range(5):
        rig.meter.advance(START + 60 * minute)
        rig.meter.logs.add_event(0x8154, bytes((0, minute)))
    rig.now = START + 600
    response = rig.ask("ECS35a", read_log("0-0:99.98.0.255", START + 60, START + 180))
    rows = answer(response).data[0].value.rows
    assert rows == tuple((START + 60 * minute, 0x8154, bytes((0, minute))) for minute in (1, 2, 3))


def test_an_empty_security_log_is_an_empty_array() -> None:
    assert answer(Rig().ask("ECS35b", read_log("0-0:99.98.1.255"))).data[0].value.rows == ()


# refusals: never an answer, always the evidence


def refusal(rig: Rig, frame: Message | bytes) -> list[int]:
    """The codes of the alerts that a refused command raises; nothing else may come back."""
    return [alert_code(message) for message in messages(rig.send(frame))]


def flipped(octets: bytes, at: int) -> bytes:
    return octets[:at] + bytes((octets[at] ^ 1,)) + octets[at + 1 :]


def test_every_octet_of_a_command_is_protected() -> None:
    rig = Rig()
    command = rig.build("ECS43", OPEN_SWITCH).encode()
    for at in range(len(command)):
        sent = messages(rig.send(flipped(command, at)))
        assert [message for message in sent if message.cra is Cra.RESPONSE] == [], at
    assert answer(rig.ask("ECS45", READ_SWITCH)).data[0].value == 1
    assert messages(rig.send(command))[0].cra is Cra.RESPONSE


def test_a_wrong_mac_is_reported_to_the_claimed_sender_and_not_logged() -> None:
    rig = Rig()
    command = rig.build("ECS45", READ_SWITCH, OPERATOR)
    (alert,) = messages(rig.send(replace(command, mac=bytes(12))))
    assert alert_code(alert) == 0x8F3D
    assert alert.recipient == OPERATOR
    assert verify(alert, rig.keys) == (Verdict.VALID, Verdict.ABSENT)
    assert rig.meter.logs.security() == []


def test_a_critical_command_needs_its_signature() -> None:
    rig = Rig()
    command = rig.build("ECS43", OPEN_SWITCH)
    unsigned = add_mac(replace(command, signature=b"", mac=None), rig.keys, BROKER)
    forged = add_mac(replace(command, signature=bytes(64), mac=None), rig.keys, BROKER)
    assert refusal(rig, unsigned) == [0x8F3D]
    assert refusal(rig, forged) == [0x8F3D]


def test_a_signature_of_another_party_is_refused() -> None:
    rig = Rig()
    command = rig.build("ECS43", OPEN_SWITCH)
    signed = sign(replace(command, originator=OPERATOR, signature=None, mac=None), rig.keys)
    assert signed.signature is not None
    stolen = add_mac(replace(command, signature=signed.signature, mac=None), rig.keys, BROKER)
    assert refusal(rig, stolen) == [0x8F3D]


def test_a_replayed_command_is_refused_and_logged() -> None:
    rig = Rig()
    command = rig.build("ECS43", OPEN_SWITCH)
    assert messages(rig.send(command))[0].cra is Cra.RESPONSE
    assert [m for m in messages(rig.send(command)) if m.cra is Cra.RESPONSE] == []
    assert [entry.code for entry in rig.meter.logs.security()] == [0x8F53]


def test_reads_may_come_in_any_order_and_twice() -> None:
    rig = Rig()
    rig.ask("ECS43", OPEN_SWITCH)
    old = rig.build("ECS45", READ_SWITCH, counter=3)
    assert [m.counter for _ in range(2) for m in messages(rig.send(old))] == [3, 3]


def test_each_role_has_its_own_counter() -> None:
    rig = Rig()
    rig.send(rig.build("ECS43", OPEN_SWITCH, counter=10**9))
    assert rig.meter.counters.executed(RemotePartyRole.SUPPLIER) == 10**9
    assert rig.meter.counters.is_new(RemotePartyRole.NETWORK_OPERATOR, 1)


def test_a_stranger_is_refused() -> None:
    rig = Rig()
    assert refusal(rig, rig.build("ECS45", READ_SWITCH, STRANGER)) == [0x8F3E]
    assert [entry.code for entry in rig.meter.logs.security()] == [0x8F3E]


def test_a_role_without_the_right_is_refused_and_not_logged() -> None:
    rig = Rig()
    assert refusal(rig, rig.build("ECS43", OPEN_SWITCH, OPERATOR)) == [0x8F30]
    assert rig.meter.logs.security() == []


def test_a_message_for_another_device_is_dropped_in_silence() -> None:
    rig = Rig()
    command = replace(rig.build("ECS45", READ_SWITCH), recipient=STRANGER)
    assert rig.send(command) == []


def test_octets_that_are_no_message_are_logged() -> None:
    rig = Rig()
    assert refusal(rig, b"\x00\x01\x02") == [0x8F1E]
    assert [entry.code for entry in rig.meter.logs.security()] == [0x8F1E]


def test_many_refused_messages_in_a_row_are_unusual() -> None:
    rig = Rig()
    for _ in range(7):
        rig.send(b"\xdd")
    codes = [entry.code for entry in rig.meter.logs.security()]
    assert codes.count(0x8F60) == 1
    assert codes.count(0x8F1E) == 7


def test_an_unsupported_code_is_reported_with_code_and_counter() -> None:
    rig = Rig(Personality(use_cases=frozenset({"ECS45"})))
    (alert,) = messages(rig.send(rig.build("ECS43", OPEN_SWITCH, counter=5)))
    payload = decode_payload(alert)
    assert alert.message_code == 0x0120
    assert isinstance(payload, DataNotification)
    assert payload.body.value[0].value == 0x8F85
    assert payload.body.value[2].value == bytes.fromhex("00500000000000000005")


def test_a_payload_of_another_use_case_is_refused() -> None:
    rig = Rig()
    assert [int(each.code) for each in answer(rig.ask("ECS45", OPEN_SWITCH)).results] == [250]
    assert answer(rig.ask("ECS45", READ_SWITCH)).data[0].value == 1


def test_a_payload_that_cannot_be_read_is_refused() -> None:
    rig = Rig()
    assert refusal(rig, rig.build("ECS45", b"\xd9\x20\x00")) == [0x8F1E]


def test_what_follows_a_failed_instruction_is_not_done() -> None:
    rig = Rig()
    rig.meter.cosem.faults[8, bytes.fromhex("0000010000FF"), 2] = 1
    response = rig.ask("ECS70", set_clock(START, START))
    assert response.payload.hex().endswith("05" + "00" * 5 + "05" + "0200" + "0300" + "0300" + "0101" + "01fa")


def test_a_forged_command_moves_no_counter() -> None:
    rig = Rig()
    forged = replace(rig.build("ECS43", OPEN_SWITCH, counter=2**63), mac=bytes(12))
    rig.send(forged)
    assert messages(rig.send(rig.build("ECS43", OPEN_SWITCH)))[0].cra is Cra.RESPONSE


# planned defects: the same checks find them


def answered(rig: Rig, frame: Message) -> bool:
    return any(message.cra is Cra.RESPONSE for message in messages(rig.send(frame)))


def test_an_answer_too_long_for_a_message_is_refused() -> None:
    rig = Rig(Personality(logs=LogSizes(event=20_000)))
    for _ in range(15_000):
        rig.meter.logs.add_event(0x8154)
    whole = answer(rig.ask("ECS35a", read_log("0-0:99.98.0.255")))
    assert [(result.code, data.type) for result, data in zip(whole.results, whole.data, strict=True)] == [
        (250, DataType.NULL)
    ]
    part = answer(rig.ask("ECS35a", read_log("0-0:99.98.0.255", START + 1)))
    assert part.results[0].code == 0


@pytest.mark.parametrize("defects", [frozenset[str](), frozenset({ACCEPTS_WRONG_MAC})])
def test_a_defect_lets_a_wrong_mac_pass(defects: frozenset[str]) -> None:
    rig = Rig(Personality(defects=defects))
    assert answered(rig, replace(rig.build("ECS45", READ_SWITCH), mac=bytes(12))) == bool(defects)


@pytest.mark.parametrize("defects", [frozenset[str](), frozenset({ACCEPTS_WRONG_SIGNATURE})])
def test_a_defect_lets_a_wrong_signature_pass(defects: frozenset[str]) -> None:
    rig = Rig(Personality(defects=defects))
    command = replace(rig.build("ECS43", OPEN_SWITCH), signature=bytes(64), mac=None)
    assert answered(rig, add_mac(command, rig.keys, BROKER)) == bool(defects)


@pytest.mark.parametrize("defects", [frozenset[str](), frozenset({IGNORES_ROLE})])
def test_a_defect_ignores_the_role(defects: frozenset[str]) -> None:
    rig = Rig(Personality(defects=defects))
    assert answered(rig, rig.build("ECS43", OPEN_SWITCH, OPERATOR)) == bool(defects)


@pytest.mark.parametrize("defect", ["", ACCEPTS_REPLAYED_COUNTER, ANSWERS_REFUSED_COMMANDS])
def test_a_defect_answers_a_replay(defect: str) -> None:
    rig = Rig(Personality(defects=frozenset({defect}) if defect else frozenset()))
    command = rig.build("ECS43", OPEN_SWITCH)
    assert answered(rig, command)
    assert answered(rig, command) == bool(defect)


@pytest.mark.parametrize("defects", [frozenset[str](), frozenset({COUNTER_MOVES_ON_BAD_MAC})])
def test_a_defect_is_locked_out_by_a_forged_counter(defects: frozenset[str]) -> None:
    rig = Rig(Personality(defects=defects))
    rig.send(replace(rig.build("ECS43", OPEN_SWITCH, counter=2**63), mac=bytes(12)))
    assert answered(rig, rig.build("ECS43", OPEN_SWITCH)) != bool(defects)


@pytest.mark.parametrize("defects", [frozenset[str](), frozenset({ONE_COUNTER_FOR_ALL_ROLES})])
def test_a_defect_has_one_counter_for_all(defects: frozenset[str]) -> None:
    rig = Rig(Personality(defects=defects))
    rig.send(rig.build("ECS43", OPEN_SWITCH, counter=10**9))
    assert rig.meter.counters.is_new(RemotePartyRole.NETWORK_OPERATOR, 5) != bool(defects)


@pytest.mark.parametrize("defects", [frozenset[str](), frozenset({IGNORES_RECIPIENT})])
def test_a_defect_takes_what_is_for_another(defects: frozenset[str]) -> None:
    rig = Rig(Personality(defects=frozenset({*defects, ACCEPTS_WRONG_MAC})))
    assert answered(rig, replace(rig.build("ECS45", READ_SWITCH), recipient=STRANGER)) == bool(defects)


# memory


def test_switch_counters_and_logs_survive_a_restart() -> None:
    rig = Rig()
    command = rig.build("ECS43", OPEN_SWITCH)
    rig.send(command)
    rig.send(b"\x00")
    assert isinstance(rig.nvm, MemoryNvm)
    rig.nvm = MemoryNvm(rig.nvm.medium)
    rig.now += DAY
    rig.start()
    assert not answered(rig, command)
    assert answer(rig.ask("ECS45", READ_SWITCH)).data[0].value == 0
    assert [entry.code for entry in rig.meter.logs.security()][:2] == [0x8F1E, 0x8F53]


def test_alert_counters_rise_across_a_restart() -> None:
    rig = Rig(Personality(counter_start=2000))
    (first,) = messages(rig.send(b"\x00"))
    assert isinstance(rig.nvm, MemoryNvm)
    rig.nvm = MemoryNvm(rig.nvm.medium)
    rig.start()
    (second,) = messages(rig.send(b"\x00"))
    assert (first.counter, second.counter) == (2001, 2002)


def test_closing_is_not_opening() -> None:
    rig = Rig()
    rig.ask("ECS43", OPEN_SWITCH)
    rig.ask("ECS42", CLOSE_SWITCH)
    assert answer(rig.ask("ECS45", READ_SWITCH)).data[0].value == 1
