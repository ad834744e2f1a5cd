"""The GBZ and ASN.1 servers, carried out behind a gas meter's dispatcher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from firmware_emu import Device, MemoryNvm, Part, Personality
from firmware_emu.credentials import Cell, point_anchor
from firmware_emu.refusals import ZCL_HARDWARE_FAILURE, ZCL_NOT_FOUND, ZclFailed
from firmware_emu.zcl_server import Reply
from protocols.errors import LocalProtocolError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_device import SetTimeCommand, SetTimeResponse, TimeStatus
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.gbz import Component, GbzAlert, GbzPayload
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, add_mac, sign, verify
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.sensitive import decrypt_payload
from protocols.smki.issue import ORGANISATION, Issuer, Validity, issue_organisation, issue_root
from protocols.smki.names import KeyUsage
from protocols.zigbee.smart_energy import command_named, find_command
from protocols.zigbee.zcl import ClusterCommand, DefaultResponse, ReadAttributes, ReadAttributesResponse

from .tiny import BROKER, METER, ROLES, START, STRANGER, SUPPLIER, messages, meter_keys, party_keys


class Valve(Part):
    """A few clusters of a gas meter."""

    name = "valve"

    def __init__(self) -> None:
        super().__init__()
        self.closed = 0

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.zcl.attribute(0x0702, 0x0014, lambda: 2)
        device.zcl.attribute(0x0702, 0x0205, lambda: 0)
        device.zcl.attribute(0x0702, 0x0000, lambda: 12345, sensitive=True)
        for attribute in (0x0300, 0x0301, 0x0302):
            device.zcl.attribute(0x0702, attribute, lambda: 1)
        device.zcl.command(0x0705, 0x05, self._adjust)
        device.zcl.command(0x0709, 0x01, self._clear_log)
        device.zcl.command(0x0709, 0x00, self._read_log)
        device.zcl.command(0x0702, 0x08, self._profile)
        device.asn1.handler(0x007F, self._set_time)

    def _adjust(self, _component: Component) -> None:
        self.closed += 1

    @staticmethod
    def _profile(_component: Component) -> Sequence[Reply]:
        row = command_named("Get Sampled Data Response")
        answer = row.make(sample_id=0, sample_start_time=START, sample_request_interval=1800, samples=(1, 2, 3))
        return [Reply(answer, sensitive=True)]

    @staticmethod
    def _read_log(_component: Component) -> Sequence[Reply]:
        raise ZclFailed(ZCL_NOT_FOUND)

    @staticmethod
    def _clear_log(_component: Component) -> Sequence[Reply]:
        row = find_command(0x0709, True, 0x02)
        assert row is not None
        return [Reply(row.make(**dict.fromkeys(row.fields.names, 1)), quiet=False)]

    def _set_time(self, command: SetTimeCommand) -> SetTimeResponse:
        self.device.clock.set_within(command.not_before, command.not_after)
        return SetTimeResponse(self.device.now, TimeStatus(self.device.clock.status))


class GasRig:
    """A gas meter, or proxy, with keys as in ``tiny``."""

    def __init__(self, kind: DeviceType = DeviceType.GSME) -> None:
        self.kind = kind
        self.keys, self.valve, self.counter = party_keys(), Valve(), 100
        self.meter = self._new()

    def _new(self) -> Device:
        meter = Device(METER, Personality(device=self.kind), MemoryNvm(), meter_keys(), [self.valve])
        meter.power_on(START)
        for role, party in ROLES.items():
            for use in (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT):
                meter.credentials.fill(Cell(role, use), point_anchor(self.keys, party, use))
        return meter

    def send(
        self,
        code: int,
        payload: bytes,
        sender: Eui64 = SUPPLIER,
        *,
        signed: bool = False,
        other: OtherInformation | None = None,
    ) -> list[Message]:
        self.counter += 1
        message = Message(Cra.COMMAND, self.counter, sender, METER, other or OtherInformation(code), payload)
        if signed:
            message = sign(message, self.keys)
        return messages(self.meter.receive(add_mac(message, self.keys, BROKER).encode(), START))

    def components(self, response: Message) -> tuple[Component, ...]:
        payload = decode_payload(response)
        assert isinstance(payload, GbzPayload)
        return payload.components


def read(cluster: int, *attributes: int, sequence: int = 0) -> Component:
    return Component.general(cluster, ReadAttributes(attributes), sequence)


def adjust(sequence: int = 0) -> Component:
    row = find_command(0x0705, False, 0x05)
    assert row is not None
    return Component.of(row.make(**dict.fromkeys(row.fields.names, 0)), sequence)


def test_attributes_are_read() -> None:
    rig = GasRig()
    (response,) = rig.send(0x0082, GbzPayload((read(0x0702, 0x0205, 0x0014, sequence=7),)).encode())
    (answer,) = rig.components(response)
    assert verify(response, rig.keys) == (Verdict.ABSENT, Verdict.VALID)
    assert (answer.frame.frame_control, answer.frame.sequence) == (0x08, 7)
    assert isinstance(answer.content, ReadAttributesResponse)
    assert [(r.attribute, r.status, r.value) for r in answer.content.records] == [(0x0205, 0, 0), (0x0014, 0, 2)]


def test_sensitive_attributes_are_encrypted_for_the_reader() -> None:
    rig = GasRig()
    payload = GbzPayload((read(0x0702, 0x0302, 0x0301, 0x0300, 0x0000),)).encode()
    (response,) = rig.send(0x0074, payload)
    (answer,) = rig.components(response)
    assert answer.frame.frame_control == 0x18
    assert answer.encrypted is not None
    assert answer.encrypted.frame_counter == 0
    (part,) = decrypt_payload(response, decode_payload(response), rig.keys)
    assert isinstance(part.value, Component)
    assert isinstance(part.value.content, ReadAttributesResponse)
    assert part.value.content.records[3].value == 12345
    assert response.date_time.hex() == "07ea0301ff0c0000008000" + "00"


def profile() -> bytes:
    row = command_named("Get Sampled Data")
    wanted = row.make(sample_id=0, earliest_sample_time=0, sample_type=0, number_of_samples=3)
    return GbzPayload((Component.of(wanted, 0),)).encode()


def certificate_of(keys: MemoryKeyStore, party: Eui64) -> bytes:
    """A key agreement certificate, issued by a root of its own."""
    point = keys.public_point(KeyName(party, KeyUse.KEY_AGREEMENT))
    root_point = keys.public_point(KeyName(BROKER, KeyUse.DIGITAL_SIGNING))
    assert point is not None
    assert root_point is not None

    def sign_as_root(octets: bytes) -> bytes:
        return keys.sign(BROKER, octets)

    validity = Validity(START - 1000, START + 1000)
    root = issue_root(ORGANISATION, "TEST", root_point, sign_as_root, 1, validity)
    issuer = Issuer(root, sign_as_root)
    return issue_organisation(
        issuer, party, RemotePartyRole.SUPPLIER, KeyUsage.KEY_AGREEMENT, point, 2, validity
    ).octets


def test_an_unknown_party_reads_with_the_key_that_came_along() -> None:
    rig = GasRig(DeviceType.GPF)
    other = OtherInformation(0x0078, STRANGER, 55, None, certificate_of(rig.keys, STRANGER))
    (response,) = rig.send(0x0078, profile(), BROKER, other=other)
    assert response.other == OtherInformation(0x0078, STRANGER, 55, 1)
    (part,) = decrypt_payload(response, decode_payload(response), rig.keys)
    assert isinstance(part.value, Component)
    assert isinstance(part.value.content, ClusterCommand)
    assert part.value.content["samples"] == (1, 2, 3)


def test_an_unknown_party_without_a_key_gets_a_failure() -> None:
    rig = GasRig(DeviceType.GPF)
    (response,) = rig.send(0x0078, profile(), BROKER, other=OtherInformation(0x0078, STRANGER, 55))
    assert rig.components(response)[0].content == DefaultResponse(0x07, 0x01)


def test_a_certificate_without_a_key_is_refused_as_badly_formed() -> None:
    rig = GasRig(DeviceType.GPF)
    (alert,) = rig.send(0x0078, profile(), BROKER, other=OtherInformation(0x0078, STRANGER, 55, None, bytes(50)))
    assert decode_payload(alert) == GbzAlert(0x8F1E, START)


@pytest.mark.parametrize("component", [read(0x0702, 0x0000), read(0x0705, 0x0205), adjust()])
def test_components_of_another_use_case_are_refused(component: Component) -> None:
    rig = GasRig()
    (response,) = rig.send(0x0082, GbzPayload((component,)).encode())
    assert rig.components(response)[0].content == DefaultResponse(component.frame.command, 0x01)
    assert rig.valve.closed == 0


def test_commands_without_an_answer_of_their_own_get_a_default_response() -> None:
    rig = GasRig()
    (response,) = rig.send(0x00B4, GbzPayload((adjust(),)).encode(), signed=True)
    (answer,) = rig.components(response)
    assert verify(response, rig.keys) == (Verdict.VALID, Verdict.ABSENT)
    assert answer.content == DefaultResponse(0x05, 0x00)
    assert (answer.frame.frame_control, rig.valve.closed) == (0x08, 1)


def test_what_follows_a_failed_component_is_not_done() -> None:
    rig = GasRig()
    rig.meter.zcl.faults[0x0702, 0x0014] = ZCL_HARDWARE_FAILURE
    both = GbzPayload((read(0x0702, 0x0014), adjust(1)))
    header = Message(Cra.RESPONSE, 1, METER, SUPPLIER, OtherInformation(0x0082), b"")
    answer = rig.meter.zcl.execute(both, header, rig.keys)
    first, second = answer.components
    assert isinstance(first.content, ReadAttributesResponse)
    assert first.content.records[0].status == ZCL_HARDWARE_FAILURE
    assert (second.content, second.frame.sequence) == (DefaultResponse(0xFF, 0x01), 1)
    assert rig.valve.closed == 0


def test_finding_nothing_is_no_failure() -> None:
    rig = GasRig()
    row = find_command(0x0709, False, 0x00)
    assert row is not None
    get_log = Component.of(row.make(**dict.fromkeys(row.fields.names, 0)), 0)
    header = Message(Cra.RESPONSE, 1, METER, SUPPLIER, OtherInformation(0x0014), b"")
    answer = rig.meter.zcl.execute(GbzPayload((get_log, adjust(1))), header, rig.keys)
    assert [component.content for component in answer.components] == [
        DefaultResponse(0x00, ZCL_NOT_FOUND),
        DefaultResponse(0x05, 0x00),
    ]


def test_a_reply_with_fields_repeats_the_sequence_number() -> None:
    rig = GasRig()
    row = find_command(0x0709, False, 0x01)
    assert row is not None
    clear = Component.of(row.make(**dict.fromkeys(row.fields.names, 3)), 9)
    (response,) = rig.send(0x0015, GbzPayload((clear,)).encode())
    (answer,) = rig.components(response)
    assert (answer.frame.frame_control, answer.frame.sequence, answer.frame.command) == (0x09, 9, 0x02)
    assert isinstance(answer.content, ClusterCommand)


def test_an_unknown_command_fails() -> None:
    rig = GasRig()
    row = command_named("Change Supply")
    unknown = Component.of(row.make(**dict.fromkeys(row.fields.names, 0)), 0)
    header = Message(Cra.RESPONSE, 1, METER, SUPPLIER, OtherInformation(0x0078), b"")
    answer = rig.meter.zcl.execute(GbzPayload((unknown,)), header, rig.keys)
    assert answer.components[0].content == DefaultResponse(0x0B, 0x81)


def test_asn1_commands_are_answered_by_their_handler() -> None:
    rig = GasRig()
    payload = Asn1Payload(SetTimeCommand(START - 10, START + 10)).encode()
    (response,) = rig.send(0x007F, payload, signed=True)
    answer = decode_payload(response)
    assert isinstance(answer, Asn1Payload)
    assert answer.value == SetTimeResponse(START, TimeStatus.RELIABLE)


def test_a_gas_meters_alerts_are_gbz() -> None:
    rig = GasRig()
    (alert,) = messages(rig.meter.receive(b"\x00", START))
    assert decode_payload(alert) == GbzAlert(0x8F1E, START)
    assert alert.recipient == SUPPLIER


def test_an_unsupported_code_is_dropped_by_a_gas_meter() -> None:
    rig = GasRig()
    rig.meter.personality = replace(rig.meter.personality, use_cases=frozenset({"GCS33"}))
    assert rig.send(0x0074, b"") == []


_TWICE: dict[str, Callable[[Device], None]] = {
    "command": lambda device: device.zcl.command(0x0705, 0x05, lambda _component: None),
    "attribute": lambda device: device.zcl.attribute(0x0702, 0x0014, lambda: 0),
    "unknown attribute": lambda device: device.zcl.attribute(0x0702, 0x7777, lambda: 0),
    "handler": lambda device: device.asn1.handler(0x007F, lambda value: value),
}


@pytest.mark.parametrize("twice", _TWICE.values(), ids=_TWICE.keys())
def test_what_two_parts_serve_is_our_own_fault(twice: Callable[[Device], None]) -> None:
    rig = GasRig()
    with pytest.raises(LocalProtocolError):
        twice(rig.meter)
