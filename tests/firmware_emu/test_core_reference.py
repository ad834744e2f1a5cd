"""The reference commands: each gets past every check of the device it is for, and small ones are answered alike."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from firmware_emu import Device, MemoryNvm, Personality
from firmware_emu.clock_object import ClockObject
from firmware_emu.command import Command
from firmware_emu.credentials import Cell, point_anchor
from firmware_emu.logs import EventEntry
from protocols.dlms.access import AccessRequest, AccessResponse
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import BETWEEN_DEVICES, Verdict, verify
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import instant

from ..reference import KEYSTORE, reference_messages
from .tiny import Identity, LoadSwitch, messages

if TYPE_CHECKING:
    from protocols.gbcs.payload import GbcsPayload

pytestmark = pytest.mark.shared

KINDS = {
    0xA0: DeviceType.ESME,
    0xA1: DeviceType.GSME,
    0xA2: DeviceType.CHF,
    0xA3: DeviceType.GPF,
    0xA4: DeviceType.PPMID,
    0xA5: DeviceType.HCALCS,
    0xA6: DeviceType.SAPC,
}
PARTIES = {
    RemotePartyRole.RECOVERY: eui64("90B3D51F30000001"),
    RemotePartyRole.ACCESS_CONTROL_BROKER: eui64("90B3D51F30000002"),
    RemotePartyRole.TRANSITIONAL_COS: eui64("90B3D51F30000004"),
    RemotePartyRole.WAN_PROVIDER: eui64("90B3D51F30000007"),
    RemotePartyRole.SUPPLIER: eui64("90B3D51F30010000"),
    RemotePartyRole.LOAD_CONTROLLER: eui64("90B3D51F30010008"),
    RemotePartyRole.NETWORK_OPERATOR: eui64("90B3D51F30020000"),
}
METER = eui64("00DB1234567890A0")
START = instant(2015, 1, 1)


@cache
def commands() -> tuple[tuple[str, Message], ...]:
    every = ((m.name, Message.decode(m.octets)) for m in reference_messages() if "_PRECOMMAND" not in m.name)
    return tuple((name, message) for name, message in every if message.cra is Cra.COMMAND)


@cache
def published() -> FolderKeyStore:
    return FolderKeyStore.open(KEYSTORE)


def store(signer: Eui64 | None = None) -> MemoryKeyStore:
    """The published keys. Agreement is from the other party's side; the device ``signer`` signs with a key of ours."""
    folder, keys = published(), MemoryKeyStore()
    for name in folder.names():
        if name.party not in PARTIES.values() and name.party[-1] not in KINDS:
            continue
        private = KEYSTORE / f"{name.party.hex()}-{name.use}.key"
        if name.party in PARTIES.values() and private.is_file():
            keys.put_private_key(name, private.read_bytes())
        elif (point := folder.public_point(name)) is not None:
            keys.put_point(name, point)
    if signer is not None:
        keys.generate(KeyName(signer, KeyUse.DIGITAL_SIGNING), bytes(range(48)))
    return keys


def device(identity: Eui64, signer: Eui64 | None = None) -> Device:
    personality = Personality(device=KINDS[identity[-1]], firmware_version="0123abcd")
    own = [LoadSwitch(), Identity(), ClockObject()] if personality.device is DeviceType.ESME else []
    made = Device(identity, personality, MemoryNvm(), store(signer), own)
    made.power_on(START)
    for role, party in PARTIES.items():
        for use in (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT):
            if made.keys.public_point(KeyName(party, use)) is not None:
                made.credentials.fill(Cell(role, use), point_anchor(made.keys, party, use))
    return made


def test_every_reference_command_gets_past_all_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[Command] = []
    devices = {bytes(message.recipient): device(message.recipient) for _, message in commands()}
    refused = []
    for name, message in commands():
        if message.message_code in BETWEEN_DEVICES:
            continue  # MACed with keys that nobody published
        meter = devices[message.recipient]

        def perform(command: Command, _payload: GbcsPayload) -> None:
            passed.append(command)

        monkeypatch.setattr(meter.commands, "perform", perform)
        monkeypatch.setattr(meter.counters, "is_new", lambda _role, _counter: True)
        monkeypatch.setattr(
            meter.alerts, "event", lambda code, *_rest, name=name, **_more: refused.append((name, code))
        )
        monkeypatch.setattr(
            meter.alerts, "send_dlms", lambda code, *_rest, name=name, **_more: refused.append((name, code))
        )
        meter.receive(message.encode(), START)
    assert refused == []
    assert len(passed) > 300


def response_of(name: str) -> Message:
    return next(Message.decode(m.octets) for m in reference_messages() if m.name == name.replace("COMMAND", "RESPONSE"))


def is_alike(answer: Message, expected: Message, keys: MemoryKeyStore) -> bool:
    if expected.signature:
        return answer.signed_octets() == expected.signed_octets() and verify(answer, keys).signature is Verdict.VALID
    return answer.encode() == expected.encode()


@pytest.mark.parametrize("use_case", ["ECS42", "ECS43", "ECS45", "ECS52", "ECS70", "ECS35a", "ECS35b"])
@pytest.mark.parametrize("outcome", ["SUCCESS", "ERROR"])
def test_the_tiny_meter_answers_like_the_reference(use_case: str, outcome: str) -> None:
    found = [(n, m) for n, m in commands() if n.startswith(f"{use_case}_") and outcome in n and m.recipient == METER]
    if not found:
        pytest.skip(f"no {outcome} command of {use_case}")
    for name, message in found:
        meter, expected = device(METER, METER), response_of(name)
        prepare(meter, message, expected)
        (answer,) = (m for m in messages(meter.receive(message.encode(), START)) if m.cra is Cra.RESPONSE)
        assert is_alike(answer, expected, meter.keys), name


def prepare(meter: Device, command: Message, expected: Message) -> None:
    """Bring the meter into the state that the expected answer speaks of."""
    answer = decode_payload(expected)
    request = decode_payload(command)
    assert isinstance(answer, AccessResponse)
    assert isinstance(request, AccessRequest)
    for spec, value, result in zip(request.specifications, answer.data, answer.results, strict=True):
        key = (spec.class_id, spec.obis, spec.attribute)
        if result.code == 1:
            meter.cosem.faults[key] = 1
        elif value.value is not None and spec.class_id == 70:
            meter.part("load switch").state.state = value.value
        elif value.value is not None and spec.class_id == 7:
            fill_log(meter, spec.obis[4], value.value.rows)


def fill_log(meter: Device, log: int, rows: tuple[tuple[object, ...], ...]) -> None:
    for row in rows:
        meter.now = row[0]  # type: ignore[assignment]  # the time stamp
        if log == 0:
            entry = EventEntry(*row)  # type: ignore[arg-type]  # time, code, octets
            meter.logs.add_event(entry.code, entry.other)
        else:
            meter.logs.add_security(row[1])  # type: ignore[arg-type]  # the code
