"""The catalogue of use cases, alone and against the reference messages."""

from __future__ import annotations

import pytest

from protocols.dlms.access import AccessRequest
from protocols.dlms.obis import obis
from protocols.gbcs.gbz import Component, GbzPayload
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import (
    Kind,
    Payload,
    Protection,
    UseCase,
    all_use_cases,
    by_alert_code,
    by_code,
    by_name,
    variants,
)
from protocols.gbcs.use_cases_alerts import ALERTS
from protocols.gbcs.use_cases_common import CREDENTIAL_UPDATES
from protocols.gbcs.use_cases_dlms import DLMS
from protocols.gbcs.use_cases_gbz import GBZ
from protocols.gbcs.use_cases_instructions import GbzInstruction, Instruction, Operation
from protocols.zigbee.zcl import ReadAttributes

from ..reference import reference_messages

CODES = """
    0001 0002 0003 0004 0007 0008 000A 000B 000C 000D 000E 000F 0010 0012 0013 0014 0015 0018 0019 001A 001B
    001C 001D 001E 001F 0020 0021 0022 0023 0024 0025 0026 0027 0028 0029 002A 002B 002C 002D 002E 002F 0030
    0033 0034 0035 0036 0037 0038 0039 003A 003B 003C 003D 003E 003F 0040 0042 0043 0044 0045 0046 0047 0048
    0049 004A 004B 004C 004D 004E 004F 0050 0051 0052 0053 0054 0055 0058 0059 005A 005E 005F 0060 0061 0062
    0067 0068 0069 006B 006C 006D 006E 006F 0070 0071 0072 0073 0074 0075 0076 0077 0078 0079 007B 007C 007D
    007E 007F 0080 0081 0082 0083 0084 0085 0086 0087 0088 0089 008B 008C 008D 0090 0092 0093 0094 0096 0097
    009B 009D 009E 009F 00A0 00A1 00A2 00A3 00AB 00AC 00AD 00AE 00AF 00B0 00B2 00B3 00B4 00B5 00B6 00B7 00B8
    00B9 00BA 00BB 00BC 00BD 00BE 00BF 00C0 00C1 00C2 00C3 00C4 00C5 00C6 00C7 00C9 00CA 00CB 00CC 00CD 00CE
    00CF 00D1 00D2 00D3 00D4 00D5 00D7 00D8 00D9 00DA 00DB 00DE 00EA 00EB 00EC 00ED 00EE 00EF 00F0 00F1 00F2
    00F9 00FA 00FB 00FC 00FD 00FE 0100 0101 0102 0103 0104 0105 0106 0107 0108 0109 010A 010B 010C 010D 010E
    010F 0110 0111 0112 0113 0114 0115 0116 0117 0118 0119 011A 011B 011C 011D 011E 011F 0120 0121 0122 0123
    0124 0125 0126 0128 0129 012A 012B 1000 1001
"""


ORIGINATORS = {
    "90B3D51F30000001": RemotePartyRole.RECOVERY,
    "90B3D51F30000002": RemotePartyRole.ACCESS_CONTROL_BROKER,
    "90B3D51F30000004": RemotePartyRole.TRANSITIONAL_COS,
    "90B3D51F30000007": RemotePartyRole.WAN_PROVIDER,
    "90B3D51F30010000": RemotePartyRole.SUPPLIER,
    "90B3D51F30010008": RemotePartyRole.LOAD_CONTROLLER,
    "90B3D51F30020000": RemotePartyRole.NETWORK_OPERATOR,
    "90B3D51F30030000": RemotePartyRole.SUPPLIER,
}
DEVICES = {
    "00DB1234567890A0": DeviceType.ESME,
    "00DB1234567890A1": DeviceType.GSME,
    "00DB1234567890A2": DeviceType.CHF,
    "00DB1234567890A3": DeviceType.GPF,
    "00DB1234567890A4": DeviceType.PPMID,
    "00DB1234567890A5": DeviceType.HCALCS,
    "00DB1234567890A6": DeviceType.SAPC,
}


def test_every_message_code_is_there_once() -> None:
    assert [f"{use_case.message_code:04X}" for use_case in all_use_cases()] == CODES.split()


def test_an_unknown_code_and_name_are_none() -> None:
    assert by_code(0xFFFF) is None
    assert by_name("ECS99") is None
    assert variants("ECS99") == ()


def test_a_row_reads_like_the_specification() -> None:
    row = by_name("ECS17b")
    assert row is by_code(0x0027)
    assert row is not None
    assert row.devices == {DeviceType.ESME}
    assert row.roles == {RemotePartyRole.SUPPLIER, RemotePartyRole.NETWORK_OPERATOR}
    assert (row.kind, row.payload, row.services) == (Kind.COMMAND, Payload.DLMS, ("4.1.1",))
    assert (row.command, row.response, row.alert) == (Protection.MAC, Protection.MAC, Protection.NONE)
    assert row.response_has_time
    assert row.has_encrypted_parts
    assert not row.critical
    assert not row.replay_protection


def test_names_are_found_in_either_case_and_by_each_of_two() -> None:
    assert by_name("gcs01A") is by_code(0x006B)
    assert by_name("CCS04") is by_name("CCS05") is by_code(0x0004)


def test_the_modes_of_a_credential_update_share_a_name() -> None:
    assert [use_case.message_code for use_case in variants("CS02b")] == list(range(0x0100, 0x010A))
    assert [use_case.message_code for use_case in variants("CS02g")] == [0x0125, 0x0126]
    assert len({use_case.variant for use_case in variants("CS02b")}) == 10
    assert by_name("CS02b") is by_code(0x0100)


@pytest.mark.parametrize(
    ("code", "originator", "device", "command", "response"),
    [
        (0x0008, RemotePartyRole.ACCESS_CONTROL_BROKER, DeviceType.ESME, Protection.MAC, Protection.MAC),
        (0x0008, RemotePartyRole.TRANSITIONAL_COS, DeviceType.ESME, Protection.SIGNATURE, Protection.SIGNATURE),
        (0x011B, RemotePartyRole.SUPPLIER, DeviceType.SAPC, Protection.SIGNATURE, Protection.SIGNATURE),
        (0x0104, RemotePartyRole.ACCESS_CONTROL_BROKER, DeviceType.ESME, Protection.MAC, Protection.SIGNATURE),
        (
            0x0104,
            RemotePartyRole.ACCESS_CONTROL_BROKER,
            DeviceType.CHF,
            Protection.SIGNATURE | Protection.MAC,
            Protection.SIGNATURE,
        ),
        (0x0108, RemotePartyRole.RECOVERY, DeviceType.ESME, Protection.SIGNATURE, Protection.SIGNATURE),
        (
            0x0019,
            RemotePartyRole.SUPPLIER,
            DeviceType.ESME,
            Protection.SIGNATURE | Protection.MAC,
            Protection.SIGNATURE,
        ),
    ],
)
def test_protection_depends_on_sender_and_device_where_it_should(
    code: int, originator: RemotePartyRole, device: DeviceType, command: Protection, response: Protection
) -> None:
    use_case = by_code(code)
    assert use_case is not None
    assert use_case.protection_of(Cra.COMMAND, originator, device) == command
    assert use_case.protection_of(Cra.RESPONSE, originator, device) == response
    assert use_case.protection_of(Cra.ALERT) == Protection.NONE


def test_critical_and_signed_go_together() -> None:
    for use_case in all_use_cases():
        if use_case.kind is Kind.HAN_ONLY or use_case.payload == Payload.NONE or use_case.signed_form:
            continue
        carried = use_case.alert | use_case.response
        assert use_case.critical == (Protection.SIGNATURE in carried), use_case.name


def test_alerts_have_no_command_and_commands_no_alert() -> None:
    for use_case in all_use_cases():
        if use_case.kind is Kind.ALERT:
            assert (use_case.command, use_case.response) == (Protection.NONE, Protection.NONE)
            assert not use_case.roles
        elif use_case.kind is Kind.COMMAND:
            assert use_case.command != Protection.NONE
            assert use_case.alert == Protection.NONE


def test_an_alert_code_leads_to_its_use_cases() -> None:
    assert [use_case.name for use_case in by_alert_code(0x8F0A)] == ["ECS68", "GCS53"]
    assert by_alert_code(0x8F3E) == ()


def test_devices_are_addressed_only_over_the_han_without_a_role() -> None:
    without = {u.name for u in all_use_cases() if u.kind is Kind.COMMAND and not u.roles}
    assert without == {"PCS01", "PCS02", "CS02b"}
    assert {u.name for u in all_use_cases() if u.device_to_device} == {"PCS01", "PCS02"}


def test_instructions_keep_order_constants_and_what_may_be_left_out() -> None:
    row = by_name("ECS42")
    assert row is not None
    (step,) = row.instructions
    assert (step.op, step.class_id, step.obis, step.index) == (Operation.ACTION, 9, obis("0-0:10.0.106.255"), 1)
    assert [(fixed.name, fixed.values) for fixed in step.fixed] == [("script", (51,))]
    maximum_demand = by_name("ECS57")
    assert maximum_demand is not None
    assert [step.optional for step in maximum_demand.instructions] == [True, True, True]


def test_a_protected_read_names_what_it_reads() -> None:
    row = by_name("ECS20c")
    assert row is not None
    (step,) = row.instructions
    assert [(read.class_id, read.obis, read.attribute, read.by_range) for read in step.reads] == [
        (7, obis("0-0:98.1.0.255"), 2, True),
        (7, obis("0-0:98.1.1.255"), 2, True),
    ]


def test_components_count_repetitions() -> None:
    row = by_name("GCS15b")
    assert row is not None
    assert [(part.cluster, part.command, part.least, part.most) for part in row.components] == [
        (0x0705, 0x07, 12, 12),
        (0x0702, 0x06, 12, 12),
    ]
    offsets = row.components[0].fixed[0]
    assert (offsets.name, offsets.values) == ("snapshot_offset", tuple(range(12)))


def test_every_list_of_instructions_belongs_to_a_use_case_of_its_family() -> None:
    names = {use_case.name: use_case for use_case in all_use_cases()}
    assert all(names[name].payload == Payload.DLMS and names[name].instructions for name in DLMS)
    assert all(names[name].payload == Payload.GBZ and names[name].components for name in GBZ)
    commands = [u for u in all_use_cases() if u.kind is Kind.COMMAND and u.payload != Payload.ASN1]
    assert {u.name for u in commands if not (u.instructions or u.components)} == {"ECS26i"}


def test_inferred_fields_are_named() -> None:
    assert {name for use_case in all_use_cases() for name in use_case.inferred} == {
        "devices",
        "payload",
        "replay_protection",
        "roles",
    }
    assert len(CREDENTIAL_UPDATES) == 12
    assert len(ALERTS) == 29


# -- against the reference messages -------------------------------------------------------------------------------


def _messages() -> list[tuple[str, Message, UseCase]]:
    found = []
    for name, octets in reference_messages():
        message = Message.decode(octets)
        use_case = by_code(message.message_code)
        assert use_case is not None, name
        found.append((name, message, use_case))
    return found


def _role_and_device(message: Message) -> tuple[RemotePartyRole | None, DeviceType]:
    """The remote party's role, None if none has a part in it, and the device that the message goes to or comes from."""
    command = message.cra is Cra.COMMAND
    party, device = (message.originator, message.recipient) if command else (message.recipient, message.originator)
    return ORIGINATORS.get(party.hex().upper()), DEVICES[device.hex().upper()]


def _protection(message: Message) -> Protection:
    carried = Protection.MAC if message.mac else Protection.NONE
    return carried | Protection.SIGNATURE if message.signature else carried


@pytest.mark.shared
def test_protection_is_what_reference_messages_carry() -> None:
    checked = 0
    for name, message, use_case in _messages():
        if message.signature is None:  # a pre-command, not protected yet
            continue
        role, device = _role_and_device(message)
        assert use_case.protection_of(message.cra, role, device) == _protection(message), name
        checked += 1
    assert checked > 500


@pytest.mark.shared
def test_only_roles_with_the_right_send_reference_commands() -> None:
    for name, message, use_case in _messages():
        if message.cra is Cra.COMMAND and not use_case.device_to_device:
            assert _role_and_device(message)[0] in use_case.roles, name


@pytest.mark.shared
def test_reference_messages_meet_only_devices_of_their_use_case() -> None:
    for name, message, use_case in _messages():
        assert _role_and_device(message)[1] in use_case.devices, name


@pytest.mark.shared
def test_payload_family_shows_in_the_first_octets() -> None:
    forms = {b"\xd9": Payload.DLMS, b"\xda": Payload.DLMS, b"\x0f": Payload.DLMS}
    for name, message, use_case in _messages():
        gbz = message.payload[:2] == b"\x01\x09"
        family = Payload.GBZ if gbz else forms.get(message.payload[:1], Payload.ASN1)
        assert family in use_case.payload, name


@pytest.mark.shared
def test_responses_carry_the_time_where_the_use_case_says_so() -> None:
    for name, message, use_case in _messages():
        if message.cra is Cra.RESPONSE:
            assert bool(message.date_time) == use_case.response_has_time, name
        else:
            assert not message.date_time, name


@pytest.mark.shared
def test_reference_commands_are_the_instructions_of_their_use_case() -> None:
    checked = 0
    for name, message, use_case in _messages():
        if message.cra is not Cra.COMMAND or use_case.payload is Payload.ASN1:
            continue
        payload = decode_payload(message)
        if isinstance(payload, AccessRequest):
            asked = [(int(s.service), s.class_id, s.obis, s.attribute) for s in payload.specifications]
            assert _follows(asked, list(use_case.instructions)), name
            checked += 1
        elif isinstance(payload, GbzPayload):
            assert _components_follow(list(payload.components), list(use_case.components)), name
            checked += 1
    assert checked > 200


def _follows(asked: list[tuple[int, int, bytes, int]], plan: list[Instruction]) -> bool:
    at = 0
    for step in plan:
        if at < len(asked) and asked[at] == (int(step.op), step.class_id, step.obis, step.index):
            at += 1
        elif not step.optional:
            return False
    return at == len(asked)


def _components_follow(asked: list[Component], plan: list[GbzInstruction]) -> bool:
    at = 0
    for step in plan:
        number = 0
        while at < len(asked) and _is(asked[at], step) and (step.most is None or number < step.most):
            at, number = at + 1, number + 1
        if number < step.least:
            return False
    return at == len(asked)


def _is(component: Component, step: GbzInstruction) -> bool:
    control = component.frame.frame_control
    attributes = component.content.attributes if isinstance(component.content, ReadAttributes) else ()
    return (
        (component.cluster, component.frame.command) == (step.cluster, step.command)
        and bool(control & 0x08) != step.to_server
        and control.cluster_specific == (not step.attributes)
        and attributes == step.attributes
    )


def test_a_missing_or_misplaced_instruction_is_noticed() -> None:
    row = by_name("ECS01b")
    assert row is not None
    plan = list(row.instructions)
    asked = [(int(step.op), step.class_id, step.obis, step.index) for step in plan]
    assert _follows(asked, plan)
    assert not _follows(asked[1:], plan)
    assert not _follows([asked[1], asked[0], *asked[2:]], plan)
    assert not _follows([*asked, asked[0]], plan)
