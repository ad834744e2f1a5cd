"""Alerts and their settings, credentials, logs, protected reads, personalities, blocks, bad input."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import firmware_emu
from firmware_emu import Device, MemoryNvm, Part, Personality, PersonalityError, load_personality
from firmware_emu import defects as planned
from firmware_emu.alerts import Purpose
from firmware_emu.clock import ClockSettings
from firmware_emu.cosem import attribute
from firmware_emu.credentials import Cell, point_anchor
from firmware_emu.logs import LogSizes
from firmware_emu.protected_reads import serve_protected_read
from protocols.dlms.access import AccessRequest, AccessResponse, DataNotification, Result, access_request, action
from protocols.dlms.axdr import DATA
from protocols.dlms.block_link import LONGEST_UNIT, BlockLink
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, DataType, compact_array, described_structure, int8, structure, uint32
from protocols.dlms.data_protection import ProtectedObject, ProtectedRead, ProtectionParameters
from protocols.dlms.obis import obis
from protocols.errors import LocalProtocolError, MissingKeyError
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, verify
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.sensitive import decrypt_payload
from protocols.gbcs.use_cases import by_name
from protocols.instant import DAY, Instant

from .tiny import (
    BROKER,
    METER,
    OPEN_SWITCH,
    OPERATOR,
    READ_SWITCH,
    START,
    STRANGER,
    SUPPLIER,
    Rig,
    messages,
    read_log,
    set_clock,
)


def sent(rig: Rig) -> list[tuple[int, Eui64]]:
    """Code and recipient of the alerts raised since the last input."""
    found = []
    for message in messages(rig.meter.advance(rig.now)):
        payload = decode_payload(message)
        assert isinstance(payload, DataNotification)
        found.append((payload.body.value[0].value, message.recipient))
    return found


# alerts


def test_an_event_is_logged_and_sent_as_its_table_row_says() -> None:
    rig = Rig()
    rig.meter.alerts.event(0x81AB)  # event log, non-critical, to the supplier
    (alert,) = messages(rig.meter.advance(START))
    assert (alert.message_code, alert.recipient, alert.cra) == (0x1001, SUPPLIER, Cra.ALERT)
    assert verify(alert, rig.keys) == (Verdict.ABSENT, Verdict.VALID)
    assert [entry.code for entry in rig.meter.logs.events()] == [0x81AB]


def test_a_critical_alert_is_signed() -> None:
    rig = Rig()
    rig.meter.alerts.event(0x8F0F)
    (alert,) = messages(rig.meter.advance(START))
    assert alert.message_code == 0x1000
    assert verify(alert, rig.keys) == (Verdict.VALID, Verdict.ABSENT)


@pytest.mark.parametrize(
    ("code", "recipients"),
    [(0x8002, [OPERATOR]), (0x8F34, [SUPPLIER, OPERATOR]), (0x8F1E, [SUPPLIER]), (0x8F57, []), (0x8145, [])],
)
def test_alerts_go_to_the_parties_of_their_row(code: int, recipients: list[Eui64]) -> None:
    rig = Rig()
    rig.meter.alerts.event(code)
    assert sent(rig) == [(code, recipient) for recipient in recipients]


def test_a_defect_sends_them_to_the_wrong_party() -> None:
    rig = Rig(Personality(defects=frozenset({planned.ALERTS_GO_TO_WRONG_PARTY})))
    rig.meter.alerts.event(0x8002)
    assert sent(rig) == [(0x8002, SUPPLIER)]


def test_an_alert_without_a_recipient_is_not_sent() -> None:
    rig = Rig()
    for use in (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT):
        rig.meter.credentials.empty(Cell(RemotePartyRole.NETWORK_OPERATOR, use))
    rig.meter.alerts.event(0x8002)
    assert sent(rig) == []


def test_an_alert_that_cannot_be_protected_is_not_sent() -> None:
    rig = Rig()
    rig.meter.credentials.empty(Cell(RemotePartyRole.NETWORK_OPERATOR, KeyUse.KEY_AGREEMENT))
    rig.meter.alerts.event(0x8002)
    assert sent(rig) == []
    rig.meter.alerts.event(0x8F34)  # signed
    assert sent(rig) == [(0x8F34, SUPPLIER), (0x8F34, OPERATOR)]


def test_a_part_is_found_by_its_class() -> None:
    rig = Rig(parts=[Register()])
    assert rig.meter.find(Register).name == "register"
    with pytest.raises(LookupError, match="parts are a Part"):
        rig.meter.find(Part)


def test_switching_off_an_alert_leaves_its_log_entry_and_other_codes() -> None:
    rig = Rig()
    bit = 1 << 0xAB
    rig.meter.alerts.change(RemotePartyRole.SUPPLIER, Purpose.WAN, bit, 0)
    rig.meter.alerts.event(0x81AB)
    rig.meter.alerts.event(0x81AA)
    assert sent(rig) == [(0x81AA, SUPPLIER)]
    assert [entry.code for entry in rig.meter.logs.events()] == [0x81AB, 0x81AA]
    rig.meter.alerts.change(RemotePartyRole.SUPPLIER, Purpose.LOG, bit, 0)
    rig.meter.alerts.change(RemotePartyRole.SUPPLIER, Purpose.WAN, bit, bit)
    rig.meter.alerts.event(0x81AB)
    assert sent(rig) == [(0x81AB, SUPPLIER)]
    assert len(rig.meter.logs.events()) == 2


def test_always_on_codes_cannot_be_switched_off() -> None:
    rig = Rig()
    for role in RemotePartyRole:
        rig.meter.alerts.change(role, Purpose.WAN, (1 << 256) - 1, 0)
    rig.meter.alerts.event(0x8F0F)
    rig.meter.alerts.event(0x81AB)
    assert sent(rig) == [(0x8F0F, SUPPLIER)]


def test_settings_survive_a_restart() -> None:
    rig = Rig()
    rig.meter.alerts.change(RemotePartyRole.SUPPLIER, Purpose.WAN, 1 << 0xAB, 0)
    rig.meter.power_off(START)
    rig.meter.power_on(START)
    assert not rig.meter.alerts.is_on(0x81AB, Purpose.WAN)
    assert rig.meter.alerts.is_on(0x81AB, Purpose.LOG)


def test_listeners_hear_of_every_event_and_whether_it_is_shared() -> None:
    rig = Rig()
    heard: list[tuple[int, bool]] = []
    rig.meter.alerts.listeners.append(lambda code, shared: heard.append((code, shared)))
    rig.meter.alerts.event(0x810D)
    rig.meter.alerts.event(0x8145)
    assert heard == [(0x810D, True), (0x8145, False)]


# credentials


def test_a_new_key_in_a_cell_replaces_the_old_party() -> None:
    rig = Rig()
    for use in (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT):
        rig.meter.credentials.fill(Cell(RemotePartyRole.SUPPLIER, use), point_anchor(rig.keys, STRANGER, use))
    refused = messages(rig.send(rig.build("ECS43", OPEN_SWITCH)))
    assert [message.cra for message in refused] == [Cra.ALERT]
    (response,) = messages(rig.send(rig.build("ECS43", OPEN_SWITCH, STRANGER)))
    assert (response.cra, response.recipient) == (Cra.RESPONSE, STRANGER)
    with pytest.raises(MissingKeyError):
        rig.meter.keys.verify(SUPPLIER, b"", bytes(64))


def test_before_the_hand_over_the_broker_holds_other_roles_too() -> None:
    rig = Rig()
    for role in (RemotePartyRole.SUPPLIER, RemotePartyRole.NETWORK_OPERATOR):
        for use in (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT):
            rig.meter.credentials.fill(Cell(role, use), point_anchor(rig.keys, BROKER, use))
    assert rig.meter.credentials.roles_of(BROKER) == (2, 3, 4)
    (response,) = messages(rig.send(rig.build("ECS43", OPEN_SWITCH, BROKER)))
    assert response.cra is Cra.RESPONSE
    assert rig.meter.counters.executed(RemotePartyRole.SUPPLIER) == rig.counter
    rig.meter.credentials.empty(Cell(RemotePartyRole.SUPPLIER, KeyUse.KEY_AGREEMENT))
    assert rig.meter.keys.public_point(KeyName(BROKER, KeyUse.KEY_AGREEMENT)) is not None


def test_partners_are_remembered_and_forgotten() -> None:
    rig = Rig()
    display = eui64("00-DB-12-34-56-78-90-A4")
    point = rig.keys.public_point(KeyName(STRANGER, KeyUse.KEY_AGREEMENT)) or b""
    rig.meter.credentials.add_partner(display, point)
    rig.meter.power_off(START)
    rig.meter.keys.remove(KeyName(display, KeyUse.KEY_AGREEMENT))
    rig.meter.power_on(START)
    assert rig.meter.credentials.is_partner(display)
    assert rig.meter.keys.public_point(KeyName(display, KeyUse.KEY_AGREEMENT)) == point
    assert rig.meter.credentials.remove_partner(display)
    assert not rig.meter.credentials.remove_partner(display)


def test_an_anchor_for_an_unknown_key_is_our_own_fault() -> None:
    with pytest.raises(MissingKeyError, match="no public key"):
        point_anchor(Rig().keys, eui64("0011223344556677"), KeyUse.KEY_AGREEMENT)


# logs


@pytest.mark.parametrize(("defects", "kept"), [(frozenset[str](), 5), (frozenset({planned.LOG_KEEPS_OLDEST}), 1)])
def test_a_full_log_loses_its_oldest_entry(defects: frozenset[str], kept: int) -> None:
    rig = Rig(Personality(logs=LogSizes(event=3), defects=defects))
    for code in range(1, 6):
        rig.meter.logs.add_event(code)
    assert kept in [entry.code for entry in rig.meter.logs.events()]
    assert len(rig.meter.logs.events()) == 3


@pytest.mark.parametrize("defects", [frozenset[str](), frozenset({planned.CLEAR_LOG_CLEARS_SECURITY_LOG})])
def test_clearing_the_event_log_is_noted_in_the_security_log(defects: frozenset[str]) -> None:
    rig = Rig(Personality(defects=defects))
    rig.meter.logs.add_event(0x8154)
    rig.meter.logs.add_security(0x8F3F)
    rig.ask("ECS15a", access_request(0, action(7, obis("0-0:99.98.0.255"), 1, int8(0))))
    assert rig.meter.logs.events() == []
    codes = [entry.code for entry in rig.meter.logs.security()]
    assert codes == ([0x8F52] if defects else [0x8F3F, 0x8F52])


def test_a_log_can_be_preset_and_read_back() -> None:
    rig = Rig()
    description = described_structure(DataType.UINT32, DataType.UINT16, DataType.OCTET_STRING)
    value = compact_array(description, [(START, 0x8154, b"\x00\x9b"), (START + 1, 0x8145, b"")])
    rig.meter.cosem.preset(attribute(7, "0-0:99.98.0.255", 2), value)
    payload = decode_payload(rig.ask("ECS35a", read_log("0-0:99.98.0.255")))
    assert isinstance(payload, AccessResponse)
    assert payload.data == (value,)


# protected reads


class Register(Part):
    """One sensitive value."""

    name = "register"

    def attach(self, device: Device) -> None:
        super().attach(device)
        key = device.cosem.attribute(1, "0-0:94.44.34.10", 2, get=lambda: structure(uint32(77)))
        log = device.cosem.attribute(
            7, "0-0:99.1.3.255", 2, get_range=lambda start, end: structure(uint32(end - start))
        )
        serve_protected_read(device, "0-0:43.2.8.255", [key])
        serve_protected_read(device, "0-0:43.2.4.255", [log])

    @staticmethod
    def _length(start: Instant, end: Instant) -> Data:
        return structure(uint32(end - start))


def protected(name: str, wanted: ProtectedObject) -> AccessRequest:
    argument = ProtectedRead((wanted,), ProtectionParameters.of(1, SUPPLIER, METER)).to_data()
    return access_request(0, action(30, obis(name), 1, argument))


def daily(start: Instant, end: Instant) -> ProtectedObject:
    moments = [CosemDateTime.at(at).encode() for at in (start, end)]
    return ProtectedObject.between(7, obis("0-0:99.1.3.255"), 2, *moments)


WHOLE = protected("0-0:43.2.8.255", ProtectedObject(1, obis("0-0:94.44.34.10"), 2))


def test_a_protected_read_is_encrypted_for_the_reader() -> None:
    rig = Rig(parts=[Register()])
    response = rig.ask("ECS17b", WHOLE)
    (part,) = decrypt_payload(response, decode_payload(response), rig.keys)
    assert part.value == structure(structure(uint32(77)))
    assert b"\x00\x00\x00\x4d" not in response.payload


def test_a_log_is_read_by_range_through_protection() -> None:
    rig = Rig(parts=[Register()])
    response = rig.ask("ECS66", protected("0-0:43.2.4.255", daily(START, START + DAY)))
    (part,) = decrypt_payload(response, decode_payload(response), rig.keys)
    assert part.value == structure(structure(uint32(DAY)))


@pytest.mark.parametrize("defects", [frozenset[str](), frozenset({planned.ENCRYPTS_WITH_HEADER_COUNTER})])
def test_an_unknown_partys_own_counter_makes_the_key(defects: frozenset[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(Personality(defects=defects), parts=[Register()])
    point = rig.keys.public_point(KeyName(STRANGER, KeyUse.KEY_AGREEMENT)) or b""
    rig.meter.keys.put_point(KeyName(STRANGER, KeyUse.KEY_AGREEMENT), point)
    other = OtherInformation(0x0060, STRANGER, 9)
    command = rig.build("ECS66", protected("0-0:43.2.4.255", daily(START, START)), BROKER, other=other)
    echo = replace(other, supplementary_originator_counter=5)  # as if a certificate had come
    monkeypatch.setattr(rig.meter.dispatcher, "_echo", lambda _other: echo)
    (response,) = messages(rig.send(command))
    try:
        opened = bool(decrypt_payload(response, decode_payload(response), rig.keys))
    except ValueError:
        opened = False
    assert opened != bool(defects)


@pytest.mark.parametrize(
    "wanted",
    [
        ProtectedObject(1, obis("0-0:94.44.34.11"), 2),
        ProtectedObject(1, obis("0-0:94.44.34.10"), 2, 0, 1, structure(uint32(1), uint32(2))),
        ProtectedObject(1, obis("0-0:94.44.34.10"), 2, 0, 7),
    ],
)
def test_a_protected_read_of_anything_else_fails(wanted: ProtectedObject) -> None:
    rig = Rig(parts=[Register()])
    payload = decode_payload(rig.ask("ECS17b", protected("0-0:43.2.8.255", wanted)))
    assert isinstance(payload, AccessResponse)
    assert payload.results == (Result(payload.results[0].service, 250),)


# planned defects


def test_every_planned_defect_is_looked_up_somewhere() -> None:
    folder = Path(firmware_emu.__file__).parent
    sources = [path.read_text() for path in folder.rglob("*.py") if path.name != "defects.py"]
    names = [
        name
        for name, value in vars(planned).items()
        if name.isupper() and name != "DEFECTS" and value in planned.DEFECTS
    ]
    assert len(names) > 10
    assert [name for name in names if not any(name in source for source in sources)] == []


def test_a_defect_checks_counters_on_reads() -> None:
    rig = Rig(Personality(defects=frozenset({planned.CHECKS_COUNTER_ON_READS})))
    rig.ask("ECS43", OPEN_SWITCH)
    answers = messages(rig.send(rig.build("ECS45", READ_SWITCH, counter=3)))
    assert [message for message in answers if message.cra is Cra.RESPONSE] == []


def test_a_defect_goes_on_after_a_failure() -> None:
    rig = Rig(Personality(defects=frozenset({planned.GOES_ON_AFTER_FAILURE})))
    rig.meter.cosem.faults[attribute(8, "0-0:1.0.0.255", 2)] = 1
    payload = decode_payload(rig.ask("ECS70", set_clock(START, START)))
    assert isinstance(payload, AccessResponse)
    assert [result.code for result in payload.results] == [0, 0, 0, 1, 0]


def test_the_defects_of_every_part_are_known_to_a_program_that_has_loaded_none() -> None:
    folder = Path(firmware_emu.__file__).parent
    written = {
        name
        for path in folder.rglob("*.py")
        for name in re.findall(r'register_defect\(\s*"([a-z-]+)"', path.read_text(encoding="utf-8"))
    }
    code = "from firmware_emu.defects import known_defects; print(*known_defects())"
    known = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert len(written) > 20
    assert sorted(written - set(known)) == []


def test_a_defect_that_nobody_knows_is_told_with_the_nearest() -> None:
    with pytest.raises(PersonalityError, match="no such defect: 'stop-reporting'; is it stops-reporting"):
        Personality(defects=frozenset({"stop-reporting"}))
    with pytest.raises(PersonalityError, match=r"known are .*ignores-role, .*stops-reporting"):
        Personality(defects=frozenset({"xyz"}))


def test_a_defect_name_cannot_be_taken_twice() -> None:
    with pytest.raises(ValueError, match="two defects"):
        planned.register_defect(planned.IGNORES_ROLE, "something else")


# personalities


def test_a_personality_is_read_from_toml() -> None:
    text = """
        device = "SAPC"
        manufacturer = "Acme"
        firmware_version = "0123abcd"
        use_cases = ["ECS42", "ECS45"]
        defects = ["ignores-role"]
        [clock]
        drift = 12
        [logs]
        event = 20
    """
    expected = Personality(
        device=DeviceType.SAPC,
        manufacturer="Acme",
        firmware_version="0123abcd",
        use_cases=frozenset({"ECS42", "ECS45"}),
        defects=frozenset({planned.IGNORES_ROLE}),
        clock=ClockSettings(drift=12),
        logs=LogSizes(event=20),
    )
    assert load_personality(text) == expected


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("colour = 3", "colour"),
        ("logs.colour = 3", "logs.colour"),
        ('logs.event = "many"', "logs.event"),
        ("logs.event = true", "logs.event"),
        ("logs = 3", "logs"),
        ('device = "toaster"', "device"),
        ('variant = "D"', "variant"),
        ('firmware_version = "12"', "firmware_version"),
        ('firmware_version = "ghijklmn"', "firmware_version"),
        ("use_cases = [1]", r"use_cases\[0\]"),
        ('use_cases = ["ECS999"]', "use_cases"),
        ('defects = ["burns"]', "defects"),
        ('clock.status = "wrong"', "clock.status"),
        ("logs.event = 0", "logs.event"),
        ("= 3", "the file"),
    ],
)
def test_a_bad_personality_names_the_key(text: str, key: str) -> None:
    with pytest.raises(PersonalityError, match=f"^{key}: "):
        load_personality(text)


# blocks


def carry(one: BlockLink, other: BlockLink, now: Instant, lose: int = 0) -> list[bytes]:
    """Pass units until nothing moves any more; the ``lose``-th one is lost on the way. What the other end received."""
    received, number = [], 0
    while True:
        moved = False
        for sender, receiver in ((one, other), (other, one)):
            for unit in sender.take_output():
                moved = True
                number += 1
                if number != lose:
                    received += receiver.receive(unit, now)
        if not moved:
            return received


@pytest.mark.parametrize("size", [1, LONGEST_UNIT, LONGEST_UNIT + 1, 20_000])
def test_messages_of_any_length_arrive(size: int) -> None:
    one, other = BlockLink(), BlockLink()
    message = bytes((0xDD, *(n % 251 for n in range(size - 1))))
    one.send(message, START)
    one.send(message[::-1] if size > LONGEST_UNIT else message, START)
    assert carry(one, other, START) == [message, message[::-1] if size > LONGEST_UNIT else message]


@pytest.mark.parametrize("lose", range(1, 6))
def test_a_lost_block_is_repeated(lose: int) -> None:
    one, other, now = BlockLink(), BlockLink(), START
    message = b"\xdd" + bytes(5000)
    one.send(message, now)
    received = carry(one, other, now, lose)
    while (timer := one.next_timer()) is not None and not received:
        now = timer
        one.on_timer(now)
        other.on_timer(now)
        received += carry(one, other, now)
    assert received == [message]
    assert one.failed == 0


def test_a_message_that_nobody_acknowledges_is_given_up() -> None:
    one, now = BlockLink(), START
    one.send(b"\xdd" + bytes(5000), now)
    while (timer := one.next_timer()) is not None:
        now = timer
        one.on_timer(now)
        one.take_output()
    assert one.failed == 1


# bad input


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150, deadline=None)
@given(st.data())
def test_a_verified_command_with_any_payload_never_breaks_the_device(data: st.DataObject) -> None:
    """Messages with a right MAC and a payload that is wrong somewhere: an answer or a refusal, nothing else."""
    rig = Rig(parts=[Register()])
    name = data.draw(st.sampled_from(["ECS45", "ECS35a", "ECS17b", "ECS70", "ECS43"]))
    good = {
        "ECS45": READ_SWITCH,
        "ECS35a": read_log("0-0:99.98.0.255"),
        "ECS17b": WHOLE,
        "ECS70": set_clock(START, START),
        "ECS43": OPEN_SWITCH,
    }[name]
    values = [_mutated(data, value) for value in good.data]
    specifications = [
        spec if spec.selection is None else spec._replace(selection=_mutated(data, spec.selection))
        for spec in good.specifications
    ]
    request = AccessRequest(0, tuple(specifications), tuple(values))
    outputs = messages(rig.send(rig.build(name, request)))
    assert len([message for message in outputs if message.cra is Cra.RESPONSE]) <= 1
    row = by_name("ECS45")
    assert row is not None
    assert rig.ask("ECS45", READ_SWITCH).cra is Cra.RESPONSE


_SIMPLE = st.sampled_from(
    [Data(DataType.NULL, None), uint32(5), Data(DataType.ENUM, 9), structure(), structure(uint32(1))]
)


def _mutated(data: st.DataObject, value: Data) -> Data:
    """The value, or one like it with a part replaced or an octet of its encoding changed."""
    how = data.draw(st.sampled_from(["same", "other", "inside", "octet"]))
    if how == "other":
        other: Data = data.draw(_SIMPLE)
        return other
    if how == "inside" and value.type in (DataType.STRUCTURE, DataType.ARRAY) and value.value:
        at = data.draw(st.integers(0, len(value.value) - 1))
        items = list(value.value)
        items[at] = _mutated(data, items[at])
        return Data(value.type, tuple(items))
    if how == "octet":
        octets = bytearray(DATA.encode(value))
        octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
        try:
            changed: Data = DATA.decode(bytes(octets))
        except ValueError:
            return value
        return changed
    return value


@given(st.binary(max_size=200))
def test_octets_that_are_no_message_never_break_the_device(octets: bytes) -> None:
    rig = Rig()
    before = len(rig.meter.logs.security())
    rig.meter.receive(octets, START)
    assert len(rig.meter.logs.security()) == before + 1


def test_a_missing_own_key_is_our_own_fault() -> None:
    rig = Rig()
    rig.meter.keys.remove(KeyName(METER, KeyUse.DIGITAL_SIGNING))
    with pytest.raises(LocalProtocolError):
        rig.send(rig.build("ECS43", OPEN_SWITCH))


def test_a_command_from_another_device_needs_a_code_for_devices() -> None:
    rig = Rig()
    point = rig.keys.public_point(KeyName(STRANGER, KeyUse.KEY_AGREEMENT)) or b""
    rig.meter.credentials.add_partner(STRANGER, point)
    answers = messages(rig.send(rig.build("ECS45", READ_SWITCH, STRANGER)))
    assert [decode_payload(m).body.value[0].value for m in answers] == [0x8F30]  # type: ignore[union-attr]  # a notification


def test_a_response_that_nobody_expects_is_a_format_failure() -> None:
    rig = Rig()
    answer = Message(Cra.RESPONSE, 1, SUPPLIER, METER, OtherInformation(0x0052), b"", b"", b"")
    rig.send(answer)
    assert [entry.code for entry in rig.meter.logs.security()] == [0x8F1E]
    taken: list[Message] = []

    def take(message: Message) -> bool:
        taken.append(message)
        return True

    rig.meter.dispatcher.on_response = take
    rig.send(answer)
    assert taken == [answer]


def test_a_hub_takes_what_is_for_others() -> None:
    rig = Rig()
    routed: list[bytes] = []

    def route(_message: Message, frame: bytes) -> bool:
        routed.append(frame)
        return True

    rig.meter.dispatcher.route = route
    frame = replace(rig.build("ECS45", READ_SWITCH), recipient=STRANGER).encode()
    assert rig.send(frame) == []
    assert routed == [frame]


def test_memory_is_that_of_the_last_commit_after_an_abandoned_run() -> None:
    rig = Rig()
    assert isinstance(rig.nvm, MemoryNvm)
    assert rig.meter.unsaved() == []
    rig.meter.part("load switch").state.state = 0  # without touch: volatile
    assert rig.meter.unsaved() == ["load switch"]
    rig.meter.power_off(START)
    rig.meter.power_on(START)
    assert rig.meter.part("load switch").state.state == 1


def test_the_example_in_the_documentation_works() -> None:
    text = (firmware_emu.__doc__ or "").partition("::\n")[2].partition("\nRules for parts")[0]
    code = (
        "from dataclasses import dataclass\n"
        "from firmware_emu import Device, Part, SwitchMoved\n"
        "from firmware_emu.refusals import AccessFailed\n"
        "from protocols.dlms.data import Data, boolean\n" + dedent(text)
    )
    names: dict[str, type[Part]] = {}
    exec(code, names)  # noqa: S102 - our own documentation
    rig = Rig(parts=[names["Valve"]()])
    closing = access_request(0, action(70, obis("0-0:96.3.10.255"), 1, int8(0)))
    answers = [rig.meter.cosem.execute(closing).results[0].code for _ in range(2)]
    assert answers == [0, 250]
    assert rig.meter.part("valve").due == START + 60
