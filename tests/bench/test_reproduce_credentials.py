"""Every reference command about credentials is carried out with the reference outcome, and modes without one too.

Commands of other modes are made here with the published keys of the parties and the certificates of the reference
commands, and sent to devices like the reference ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import pytest

from bench.reproduce.answering import Answering
from bench.reproduce.causes import Causes
from bench.reproduce.compare import Likeness
from bench.reproduce.device_for import TEST_DEVICES, Variant, Workshop
from bench.reproduce.moment import Moments
from bench.reproduce.vectors import Vectors, find_vectors
from firmware_emu import Device, Output, SendMessage
from firmware_emu.credentials import Cell, point_anchor
from firmware_emu.parts.credentials.rules import CELLS, MODES, UPDATE_CODES, USES, authorising_cell
from firmware_emu.parts.credentials.update import ACCEPTS_ANY_CERTIFICATE, STOPS_AT_BAD_ROW
from protocols.der import NEVER
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.asn1_credentials import (
    AuthorisingControl,
    CredentialDetailsCommand,
    CredentialReplacement,
    CredentialStatus,
    ReplacementMode,
    SequenceNumberChange,
    SpecialistPurpose,
    SpecialistSequenceNumber,
    TimeChecks,
    TrustAnchorCell,
    UpdateCredentialsCommand,
    UpdateCredentialsResponse,
)
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, add_mac, sign, verify
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Protection, by_code
from protocols.instant import DAY, Instant, instant
from protocols.smki.certificate import Certificate

from ..reference import KEYSTORE, MESSAGES

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not MESSAGES.is_dir(), reason="the reference messages are not beside this checkout"),
]

PAIRS = (
    "6.15.1_CS02bSupplierBySupplier/CS02bSupplierBySupplier_6.15.1_CANCELLATION_SUCCESS",
    "6.15.1_CS02bSupplierBySupplier/CS02bSupplierBySupplier_6.15.1_FUTURE_DATED_ERROR",
    "6.15.1_CS02bSupplierBySupplier/CS02bSupplierBySupplier_6.15.1_FUTURE_DATED_SUCCESS",
    "6.15.1_CS02bSupplierBySupplier/CS02bSupplierBySupplier_6.15.1_IMMEDIATE_ERROR",
    "6.15.1_CS02bSupplierBySupplier/CS02bSupplierBySupplier_6.15.1_IMMEDIATE_SUCCESS",
    "6.15.1_CS02gLoadControllerBySupplier/CS02gLoadControllerBySupplier_6.15.1_CANCELLATION_SUCCESS",
    "6.15.1_CS02gLoadControllerBySupplier/CS02gLoadControllerBySupplier_6.15.1_FUTURE_DATED_ERROR",
    "6.15.1_CS02gLoadControllerBySupplier/CS02gLoadControllerBySupplier_6.15.1_FUTURE_DATED_SUCCESS",
    "6.15.1_CS02gLoadControllerBySupplier/CS02gLoadControllerBySupplier_6.15.1_IMMEDIATE_ERROR",
    "6.15.1_CS02gLoadControllerBySupplier/CS02gLoadControllerBySupplier_6.15.1_IMMEDIATE_SUCCESS",
    "6.15.2_CS02d/CS02d_6.15.2_ERROR",
    "6.15.2_CS02d/CS02d_6.15.2_SUCCESS",
    "6.21_CS02bSupplierBySupplierHandover/CS02bSupplierBySupplierHandover_6.21_SUCCESS",
    "6.24.1_CS02aMAC/CS02aMAC_6.24.1_ERROR",
    "6.24.1_CS02aMAC/CS02aMAC_6.24.1_SUCCESS",
    "6.24.2_CS02e/CS02e_6.24.2_ERROR",
    "6.24.2_CS02e/CS02e_6.24.2_SUCCESS",
    "8.5_CS02bACBByACB/CS02bACBByACB_8.5_SUCCESS",
    "NA_CS02aSignature/CS02aSignature_NA_ERROR",
    "NA_CS02aSignature/CS02aSignature_NA_SUCCESS",
    "NA_CS02bAnyExceptAbnormalRootByRecovery/CS02bAnyExceptAbnormalRootByRecovery_NA_SUCCESS",
    "NA_CS02bWPByWP/CS02bWPByWP_NA_SUCCESS",
    "NA_CS02gLoadControllerByLoadController/CS02gLoadControllerByLoadController_NA_CANCELLATION_SUCCESS",
    "NA_CS02gLoadControllerByLoadController/CS02gLoadControllerByLoadController_NA_FUTURE_DATED_SUCCESS",
    "NA_CS02gLoadControllerByLoadController/CS02gLoadControllerByLoadController_NA_IMMEDIATE_SUCCESS",
)
ALERTS = (
    "6.15.1_CS02bSupplierBySupplier/CS02bSupplierBySupplier_6.15.1_8F66_FUTURE_DATED_SUCCESS_ALERT",
    "6.15.1_CS02bSupplierBySupplier/CS02bSupplierBySupplier_6.15.1_8F67_FUTURE_DATED_ERROR_ALERT",
    "6.15.1_CS02gLoadControllerBySupplier/CS02gLoadControllerBySupplier_6.15.1_8F66_FUTURE_DATED_SUCCESS_ALERT",
    "6.15.1_CS02gLoadControllerBySupplier/CS02gLoadControllerBySupplier_6.15.1_8F67_FUTURE_DATED_ERROR_ALERT",
    "NA_CS02gLoadControllerByLoadController/CS02gLoadControllerByLoadController_NA_8F66_FUTURE_DATED_SUCCESS_ALERT",
)
END = "_GBCS.HEX"
CODES = frozenset({0x0008, 0x000A, 0x000B, 0x000C, 0x011B, *UPDATE_CODES})
ALERT_CODES = frozenset({0x00CB, 0x0124})


@cache
def vectors() -> Vectors:
    return find_vectors(MESSAGES)


@cache
def workshop() -> Workshop:
    return Workshop(vectors(), FolderKeyStore.open(KEYSTORE))


def likeness_of_answer(name: str, defects: Iterable[str] = ()) -> Likeness:
    pair = next(pair for pair in vectors().pairs if pair.command.name == f"{name}_COMMAND{END}")
    return Answering(workshop(), Moments(vectors()), defects).reproduce(pair).likeness


def likeness_of_alert(name: str) -> Likeness:
    alert = next(alert for alert in vectors().alerts if alert.name == f"{name}{END}")
    return Causes(workshop(), vectors()).reproduce(alert).likeness


def test_these_are_all_that_there_are() -> None:
    """Each reference command about credentials is in the list; a folder with more of them has those tried as well."""
    commands = {each.name for each in vectors().commands if each.message.message_code in CODES}
    assert {f"{name}_COMMAND{END}" for name in PAIRS} <= commands
    more = commands - {f"{name}_COMMAND{END}" for name in PAIRS}
    for pair in vectors().pairs:
        if pair.command.name in more:
            assert likeness_of_answer(pair.command.name.removesuffix(f"_COMMAND{END}")) is not Likeness.DIFFERENT
    alerts = {each.name for each in vectors().alerts if each.message.message_code in ALERT_CODES}
    assert {f"{name}{END}" for name in ALERTS} <= alerts


@pytest.mark.parametrize("name", PAIRS)
def test_a_reference_command_has_the_reference_outcome(name: str) -> None:
    assert likeness_of_answer(name) is not Likeness.DIFFERENT


@pytest.mark.parametrize("name", ALERTS)
def test_a_dated_one_is_told_of_as_in_the_reference(name: str) -> None:
    assert likeness_of_alert(name) is not Likeness.DIFFERENT


def test_the_comparison_finds_a_device_that_is_wrong() -> None:
    found = likeness_of_answer(PAIRS[3], (STOPS_AT_BAD_ROW,))
    assert found is Likeness.DIFFERENT
    assert likeness_of_answer(PAIRS[3], (ACCEPTS_ANY_CERTIFICATE,)) is not Likeness.DIFFERENT  # roles are right there


# modes of which the development part has no command

ROLE, MODE = RemotePartyRole, ReplacementMode
DEVICES = {kind: device for device, kind in TEST_DEVICES.items()}
AT = instant(2015, 6, 1)
DS, KA, TOP_UP = KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT, KeyUse.PREPAYMENT_KEY_AGREEMENT
BROKER, COS, SECOND = (eui64(f"90-B3-D5-1F-30-0{number}") for number in ("0-00-02", "0-00-04", "3-00-00"))
SUPPLIER, OPERATOR, CONTROLLER = (eui64(f"90-B3-D5-1F-30-0{number}") for number in ("1-00-00", "2-00-00", "1-00-08"))
RECOVERY, WAN = eui64("90-B3-D5-1F-30-00-00-01"), eui64("90-B3-D5-1F-30-00-00-07")
OWNER = {
    ROLE.RECOVERY: RECOVERY,
    ROLE.SUPPLIER: SUPPLIER,
    ROLE.NETWORK_OPERATOR: OPERATOR,
    ROLE.ACCESS_CONTROL_BROKER: BROKER,
    ROLE.TRANSITIONAL_COS: COS,
    ROLE.WAN_PROVIDER: WAN,
}
COUNTER = 1300


def path() -> bytes:
    """The issuing authority that all reference commands bring."""
    pair = next(pair for pair in vectors().pairs if pair.command.name == f"{PAIRS[4]}_COMMAND{END}")
    assert isinstance(pair.command.payload, Asn1Payload)
    found: bytes = pair.command.payload.value.certification_path[0]
    return found


def published(party: Eui64, use: KeyUse) -> bytes:
    found = workshop().store().certificate(KeyName(party, use))
    assert found is not None
    return found


class Made(NamedTuple):
    """A command of a mode: to whom, by whom, whose certificates it brings, and what its control says of counters."""

    mode: ReplacementMode
    kind: DeviceType
    sender: Eui64
    brings: Eui64
    control: dict[str, Any] = {}  # noqa: RUF012 - never changed


def others(role: RemotePartyRole) -> dict[str, Any]:
    special = (SpecialistSequenceNumber(SpecialistPurpose.PREPAYMENT_TOP_UP, 0),) if role is ROLE.SUPPLIER else None
    return {"other_changes": (SequenceNumberChange(role, 0, special),)}


FLOOR: dict[str, Any] = {"new_floor": 0}
E, G, P, H, S = DeviceType.ESME, DeviceType.GSME, DeviceType.GPF, DeviceType.CHF, DeviceType.SAPC
BY_OPERATOR, BY_BROKER = MODE.NETWORK_OPERATOR_BY_NETWORK_OPERATOR, MODE.ACCESS_CONTROL_BROKER_BY_ACCESS_CONTROL_BROKER
CONTROLLER_BY_SUPPLIER = MODE.LOAD_CONTROLLER_BY_SUPPLIER
BY_COS, COS_ITSELF = MODE.SUPPLIER_BY_TRANSITIONAL_COS, MODE.TRANSITIONAL_COS_BY_TRANSITIONAL_COS
MADE = [
    *(Made(BY_OPERATOR, kind, OPERATOR, OPERATOR, FLOOR) for kind in (E, P, S)),
    Made(BY_OPERATOR, P, BROKER, OPERATOR, FLOOR),  # a hand-over
    *(Made(MODE.SUPPLIER_BY_SUPPLIER, kind, BROKER, SUPPLIER, FLOOR) for kind in (E, G, P)),  # likewise
    *(Made(BY_BROKER, kind, BROKER, BROKER, FLOOR) for kind in (E, G, P, H, S)),
    *(Made(COS_ITSELF, kind, COS, COS) for kind in (E, G, P, S)),
    *(Made(BY_COS, kind, COS, SECOND, others(ROLE.SUPPLIER)) for kind in (E, G, P, S)),
    *(
        Made(MODE.LOAD_CONTROLLER_BY_SUPPLIER, kind, SUPPLIER, SUPPLIER, others(ROLE.LOAD_CONTROLLER))
        for kind in (E, S)
    ),
]


def rows_of(made: Made) -> list[CredentialReplacement]:
    cells = sorted((cell for cell in CELLS[made.kind] if cell.role in MODES[made.mode].replaces), key=str)
    return [
        CredentialReplacement(published(made.brings, cell.use), TrustAnchorCell(cell.role, *USES[cell.use]))
        for cell in cells
        if cell.use is not None
    ]


def command_of(made: Made, authority: bytes, at: Instant | None = None, counter: int = COUNTER) -> Message:
    """The protected command, with the published keys."""
    code = next(code for code, mode in UPDATE_CODES.items() if mode is made.mode)
    cell = authorising_cell(made.mode, made.kind)
    named = None if cell is None else TrustAnchorCell(cell.role, *USES[cell.use])
    control = AuthorisingControl(made.mode, None, TimeChecks.APPLY, named, counter, **made.control)
    value = UpdateCredentialsCommand(control, tuple(rows_of(made)), (authority,), at)
    return protected(code, value, made, counter)


def protected(code: int, value: Any, made: Made, counter: int) -> Message:
    case = by_code(code)
    assert case is not None
    recipient, octets = DEVICES[made.kind], Asn1Payload(value).encode()
    role = ROLE.ACCESS_CONTROL_BROKER if made.sender == BROKER else ROLE.SUPPLIER
    needed = case.protection_of(Cra.COMMAND, role, made.kind)
    message = Message(Cra.COMMAND, counter, made.sender, recipient, OtherInformation(code), octets)
    keys = workshop().store()
    message = sign(message, keys) if Protection.SIGNATURE in needed else message
    return add_mac(message, keys, BROKER) if Protection.MAC in needed else message


def device_for(made: Made, command: Message) -> Device:
    """A device like the reference ones; the cells that a hand-over replaces hold the broker's certificates."""
    variant = Variant("A", ("proportional",) * 5 if made.kind in (E, S) else ())
    device = workshop().make(DEVICES[made.kind], made.sender, AT, variant, long_lengths=True)
    value = decode_payload(command)
    assert isinstance(value, Asn1Payload)
    if isinstance(value.value, UpdateCredentialsCommand):
        device.through(lambda: device.asn1.preset(command.message_code, UpdateCredentialsResponse(), value.value), AT)
    cell = authorising_cell(made.mode, made.kind)
    if cell is not None and OWNER.get(cell.role) not in (None, made.sender):
        device.through(lambda: hand_back(device, cell.role), AT)
    return device


def hand_back(device: Device, role: RemotePartyRole) -> None:
    for cell in CELLS[device.personality.device]:
        if cell.role is role and cell.use is not None:
            anchor = point_anchor(device.keys, BROKER, DS if cell.use is DS else KA)
            device.credentials.fill(cell, anchor)


def told_by(outputs: Iterable[Output], cra: Cra) -> tuple[Message, Any]:
    """The one message of a kind, which verifies, with its value."""
    messages = [Message.decode(each.octets) for each in outputs if isinstance(each, SendMessage)]
    (message,) = [each for each in messages if each.cra is cra]
    payload = decode_payload(message)
    assert isinstance(payload, Asn1Payload)
    return message, payload.value


def identity_of(made: Made) -> str:
    return f"{int(made.mode)}-{made.kind.name}-{made.sender.hex()[-6:]}"


@pytest.mark.parametrize("made", MADE, ids=identity_of)
def test_a_mode_is_carried_out_with_the_published_keys(made: Made) -> None:
    command = command_of(made, path())
    device = device_for(made, command)
    message, value = told_by(device.receive(command.encode(), AT), Cra.RESPONSE)
    assert verify(message, device.keys) == (Verdict.VALID, Verdict.ABSENT)
    assert (message.recipient, message.counter, message.message_code) == (made.sender, COUNTER, command.message_code)
    assert [each.status for each in value.outcome.results] == [CredentialStatus.SUCCESS] * len(rows_of(made))
    assert {each.new_subject for each in value.outcome.results} == {made.brings}
    assert [change.floor for change in value.outcome.changes] == [0] * len(made.control)
    for row, result in zip(rows_of(made), value.outcome.results, strict=True):
        assert result.new_key_identifier == Certificate.decode(row.certificate).subject_key_identifier


@pytest.mark.parametrize("made", MADE, ids=identity_of)
def test_a_spoilt_authority_fails_every_row(made: Made) -> None:
    """Every row has status 10, old and new alike; the floors are those asked for, as in the reference answers."""
    authority = path()
    command = command_of(made, authority[:-1] + bytes((authority[-1] ^ 1,)))
    device = device_for(made, command_of(made, authority))
    _, value = told_by(device.receive(command.encode(), AT), Cra.RESPONSE)
    assert [each.status for each in value.outcome.results] == [CredentialStatus.NO_TRUST_ANCHOR] * len(rows_of(made))
    assert all(each.old_key_identifier == each.new_key_identifier for each in value.outcome.results)
    assert [change.floor for change in value.outcome.changes] == [0] * len(made.control)


@pytest.mark.parametrize(
    "made", [each for each in MADE if each.mode in (BY_COS, COS_ITSELF, BY_OPERATOR)], ids=identity_of
)
def test_a_mode_is_dated_and_cancelled_with_the_published_keys(made: Made) -> None:
    command = command_of(made, path(), AT + DAY)
    device = device_for(made, command)
    _, value = told_by(device.receive(command.encode(), AT), Cra.RESPONSE)
    assert value == UpdateCredentialsResponse()
    alert, value = told_by(device.advance(AT + DAY), Cra.ALERT)
    assert (alert.message_code, alert.recipient, value.alert_code) == (0x00CB, made.sender, 0x8F66)
    device = device_for(made, command)
    device.receive(command.encode(), AT)
    cancel = command_of(made, path(), NEVER, COUNTER + 1)
    _, value = told_by(device.receive(cancel.encode(), AT), Cra.RESPONSE)
    assert value == UpdateCredentialsResponse()
    assert not [each for each in device.advance(AT + DAY) if isinstance(each, SendMessage)]


@pytest.mark.parametrize("kind", [E, S])
@pytest.mark.parametrize("sender", [SUPPLIER, COS, BROKER])
def test_a_report_with_load_controller(kind: DeviceType, sender: Eui64) -> None:
    """The change-of-supplier party's cell is not told, though it is there."""
    role = next(role for role, party in OWNER.items() if party == sender)
    named = TrustAnchorCell(role, *USES[KA if sender == BROKER else DS])
    asked = CredentialDetailsCommand(
        named, (ROLE.LOAD_CONTROLLER, ROLE.SUPPLIER, ROLE.TRANSITIONAL_COS, ROLE.WAN_PROVIDER)
    )
    made = Made(MODE.SUPPLIER_BY_SUPPLIER, kind, sender, sender)
    command = protected(0x011B, asked, made, COUNTER)
    device = workshop().make(DEVICES[kind], sender, AT, Variant("A", ("proportional",) * 5))
    message, value = told_by(device.receive(command.encode(), AT), Cra.RESPONSE)
    assert Verdict.INVALID not in verify(message, device.keys)
    assert [each.status for each in value.parties] == [
        0,
        0,
        CredentialStatus.OTHER,
        CredentialStatus.TRUST_ANCHOR_NOT_FOUND,
    ]
    assert {each.subject for each in value.parties[0].cells} == {CONTROLLER}
    assert Cell(ROLE.TRANSITIONAL_COS, DS) in CELLS[kind]
