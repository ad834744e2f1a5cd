"""Reports on trust anchors (CS02a, CS02f) and a device's own credentials (CS02c, CS02d, CS02e): who may ask, and how.

Each is answered on every kind of device where somebody may ask, and refused in at least three ways, after which the
next one is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from firmware_emu.credentials import Cell
from firmware_emu.defects import ACCEPTS_WRONG_SIGNATURE, IGNORES_ROLE
from firmware_emu.parts.credentials.own_keys import TAKES_ANY_OWN_CERTIFICATE
from firmware_emu.parts.credentials.rules import CELLS, USES
from firmware_emu.parts.credentials.trust_anchors import MOST_ITEMS
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.alert_codes import Wan
from protocols.gbcs.alert_codes import by_code as alert_by_code
from protocols.gbcs.asn1_credentials import (
    CellContents,
    CredentialDetailsCommand,
    CredentialDetailsResponse,
    CredentialStatus,
    DeviceCertificateResult,
    IssueCredentialsCommand,
    IssueCredentialsError,
    IssueCredentialsResponse,
    PartyDetails,
    ReadDeviceCertificateCommand,
    ReadDeviceCertificateError,
    ReadDeviceCertificateResponse,
    UpdateDeviceCertificateCommand,
    UpdateDeviceCertificateResponse,
)
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.protection import Verdict, add_mac, sign, verify
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import by_code
from protocols.smki.certificate import Certificate
from protocols.smki.infrastructure import key_pair
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest, check_request

from .asn1_home import (
    BROKER,
    COS,
    DS,
    KA,
    OPERATOR,
    PARTIES,
    RECOVERY,
    SMKI,
    SUPPLIER,
    Asn1Rig,
    entropy,
    value_of,
)
from .credential_desk import code_of, is_logged, keys_of, name_of

ROLE, STATUS = RemotePartyRole, CredentialStatus
REPORT, REPORT_WITH_CONTROLLER, ISSUE, STORE, READ = 0x0008, 0x011B, 0x000A, 0x000B, 0x000C
SIGNING, AGREEING = KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT
STRANGER = eui64("90-B3-D5-1F-30-0E-00-00")
FORMAT, NO_AUTHORITY, NOT_AUTHENTIC, UNKNOWN, OTHER_FAILURE = 0x8F1E, 0x8F30, 0x8F3D, 0x8F3E, 0x8F53
OWN_CELL: dict[RemotePartyRole, Cell] = {
    role: Cell(role, KA if role is ROLE.ACCESS_CONTROL_BROKER else DS)
    for role in PARTIES
    if role not in (ROLE.ROOT, ROLE.ISSUING_AUTHORITY)
}
"""The cell in whose name a party asks."""


def askers() -> Iterator[tuple[int, DeviceType, RemotePartyRole]]:
    """Who may ask which device for a report."""
    for code in (REPORT, REPORT_WITH_CONTROLLER):
        case = by_code(code)
        assert case is not None
        for kind in CELLS:
            for role, cell in OWN_CELL.items():
                if kind in case.devices and role in case.roles and cell in CELLS[kind]:
                    yield code, kind, role


def report(role: RemotePartyRole, *roles: int) -> CredentialDetailsCommand:
    return CredentialDetailsCommand(name_of(OWN_CELL[role]), roles)


def expected(rig: Asn1Rig, code: int, role: int) -> PartyDetails:
    """What a device says of a role, from what it holds."""
    if code == REPORT_WITH_CONTROLLER and role == ROLE.TRANSITIONAL_COS:
        return PartyDetails(role, STATUS.OTHER)
    credentials, contents = rig.device.credentials, []
    for cell in sorted(CELLS[rig.kind], key=lambda cell: cell.use or ""):
        if cell.role == role:
            held = credentials.held(cell)
            contents.append(CellContents(*USES[cell.use], Eui64(held.subject), held.key_identifier))
    if not contents:
        return PartyDetails(role, STATUS.TRUST_ANCHOR_NOT_FOUND)
    return PartyDetails(role, STATUS.SUCCESS, rig.device.counters.executed(role), tuple(contents))


@pytest.mark.parametrize(("code", "kind", "role"), list(askers()))
def test_every_party_gets_a_report_on_every_role(code: int, kind: DeviceType, role: RemotePartyRole) -> None:
    rig = Asn1Rig(kind)
    for each in PARTIES:
        rig.device.counters.store(each, 100 + each)
    roles = (*RemotePartyRole, 77)
    answer = rig.ask(code, report(role, *roles), PARTIES[role])
    assert answer == CredentialDetailsResponse(tuple(expected(rig, code, each) for each in roles))


def test_the_broker_asks_with_a_mac_all_others_with_a_signature_alone() -> None:
    rig = Asn1Rig()
    for role in (ROLE.ACCESS_CONTROL_BROKER, ROLE.SUPPLIER, ROLE.TRANSITIONAL_COS):
        command = rig.command(REPORT, report(role, role), PARTIES[role])
        (answer,) = rig.send(command)
        has_mac = role is ROLE.ACCESS_CONTROL_BROKER
        assert (command.mac is not None, bool(command.signature)) == (has_mac, not has_mac)
        assert (answer.mac is not None, bool(answer.signature)) == (has_mac, not has_mac)
        assert Verdict.INVALID not in verify(answer, rig.keys)


def test_the_counter_of_a_report_is_not_checked() -> None:
    rig = Asn1Rig()
    rig.device.counters.store(ROLE.SUPPLIER, 10**6)
    assert rig.ask(REPORT, report(ROLE.SUPPLIER, ROLE.SUPPLIER), counter=1).parties[0].current_sequence_number == 10**6


# what is refused as a whole


def good(rig: Asn1Rig, code: int) -> Any:
    if code in (REPORT, REPORT_WITH_CONTROLLER):
        return report(ROLE.SUPPLIER, ROLE.SUPPLIER)
    if code == STORE:
        return UpdateDeviceCertificateCommand(rig.device_keys.certificate(KeyName(rig.identity, DS)) or b"")
    return IssueCredentialsCommand(SIGNING) if code == ISSUE else ReadDeviceCertificateCommand(SIGNING)


def usual(rig: Asn1Rig, code: int) -> Message:
    return rig.command(code, good(rig, code))


def re_macked(rig: Asn1Rig, message: Message) -> Message:
    return message if message.mac is None else add_mac(replace(message, mac=None), rig.keys, BROKER)


def badly_signed(rig: Asn1Rig, code: int) -> Message:
    made = replace(usual(rig, code), mac=None, signature=b"")
    signed = sign(made, keys_of([SUPPLIER], 9))
    return add_mac(signed, rig.keys, BROKER) if usual(rig, code).mac is not None else signed


def without_signature(rig: Asn1Rig, code: int) -> Message:
    return re_macked(rig, replace(usual(rig, code), signature=b""))


def with_or_without_mac(rig: Asn1Rig, code: int) -> Message:
    made = usual(rig, code)
    return replace(made, mac=None) if made.mac is not None else add_mac(made, rig.keys, BROKER)


def spoilt_mac(rig: Asn1Rig, code: int) -> Message:
    made = usual(rig, code)
    assert made.mac
    return replace(made, mac=bytes(12))


def sent_twice(rig: Asn1Rig, code: int) -> Message:
    made = usual(rig, code)
    rig.send(made)
    return made


def by(party: Eui64, value: Callable[[Asn1Rig, int], Any] = good) -> Callable[[Asn1Rig, int], Message]:
    """Signed by another party, with a MAC where the code has one."""

    def make(rig: Asn1Rig, code: int) -> Message:
        for use in KeyUse:
            if not rig.keys.holds_private(KeyName(party, use)):
                rig.keys.generate(KeyName(party, use), entropy(party, use))
        octets = Asn1Payload(value(rig, code)).encode()
        made = Message(Cra.COMMAND, rig.next_counter(), party, rig.identity, OtherInformation(code), octets)
        signed = sign(made, rig.keys)
        return add_mac(signed, rig.keys, BROKER) if usual(rig, code).mac is not None else signed

    return make


def in_own_name(role: RemotePartyRole) -> Callable[[Asn1Rig, int], Message]:
    """A report that a party asks for which may not, in the name of its own cell."""
    return by(PARTIES[role], lambda _rig, _code: report(role, ROLE.SUPPLIER))


def no_der(rig: Asn1Rig, code: int) -> Message:
    made = replace(usual(rig, code), payload=b"\x30\x03\x02\x01", signature=b"", mac=None)
    signed = sign(made, rig.keys)
    return add_mac(signed, rig.keys, BROKER) if usual(rig, code).mac is not None else signed


def too_many(rig: Asn1Rig, code: int) -> Message:
    return rig.command(code, report(ROLE.SUPPLIER, *[2] * (MOST_ITEMS + 1)))


COMMON: dict[str, tuple[Callable[[Asn1Rig, int], Message], int]] = {
    "signed by another key": (badly_signed, NOT_AUTHENTIC),
    "no signature": (without_signature, NOT_AUTHENTIC),
    "MAC or none": (with_or_without_mac, NOT_AUTHENTIC),
    "stranger": (by(STRANGER), UNKNOWN),
    "no DER": (no_der, FORMAT),
}
OWN = {
    **COMMON,
    "spoilt MAC": (spoilt_mac, NOT_AUTHENTIC),
    "network operator": (by(OPERATOR), NO_AUTHORITY),
    "change-of-supplier party": (by(COS), NO_AUTHORITY),
    "recovery": (by(RECOVERY), NO_AUTHORITY),
}
ANY_REPORT = {
    **COMMON,
    "too many roles": (too_many, FORMAT),
}
REFUSALS: dict[int, dict[str, tuple[Callable[[Asn1Rig, int], Message], int]]] = {
    REPORT: {**ANY_REPORT, "load controller": (in_own_name(ROLE.LOAD_CONTROLLER), NO_AUTHORITY)},
    REPORT_WITH_CONTROLLER: {
        **ANY_REPORT,
        "load controller": (in_own_name(ROLE.LOAD_CONTROLLER), NO_AUTHORITY),
        "network operator": (in_own_name(ROLE.NETWORK_OPERATOR), NO_AUTHORITY),
    },
    ISSUE: {**OWN, "seen before": (sent_twice, OTHER_FAILURE)},
    STORE: {**OWN, "seen before": (sent_twice, OTHER_FAILURE)},
    READ: OWN,
}
ALL = [(code, name) for code, table in REFUSALS.items() for name in table]


def check_refusal(rig: Asn1Rig, code: int, name: str) -> None:
    """Silence, told as it should be; then the next one is answered."""
    make, event = REFUSALS[code][name]
    message = make(rig, code)
    log = rig.security_log()
    sent = rig.send(message)
    assert [each.cra for each in sent if each.cra is Cra.RESPONSE] == []
    entry = alert_by_code(event)
    assert entry is not None
    assert (event in map(code_of, sent)) == (entry.wan is Wan.GENERIC)
    assert rig.security_log() == log + [event] * is_logged(event, rig.kind)
    assert [each.cra for each in rig.send(usual(rig, code))] == [Cra.RESPONSE]


@pytest.mark.parametrize(("code", "name"), ALL)
def test_what_is_refused_is_not_answered(code: int, name: str) -> None:
    check_refusal(Asn1Rig(), code, name)


@pytest.mark.parametrize(
    ("defect", "code", "name"),
    [
        (ACCEPTS_WRONG_SIGNATURE, REPORT, "signed by another key"),
        (IGNORES_ROLE, REPORT_WITH_CONTROLLER, "load controller"),
        (IGNORES_ROLE, ISSUE, "network operator"),
        (ACCEPTS_WRONG_SIGNATURE, READ, "signed by another key"),
    ],
)
def test_a_planned_defect_is_found(defect: str, code: int, name: str) -> None:
    with pytest.raises(AssertionError):
        check_refusal(Asn1Rig(defects=frozenset({defect})), code, name)


@pytest.mark.parametrize("kind", [DeviceType.GSME, DeviceType.GPF, DeviceType.CHF, DeviceType.PPMID])
def test_the_report_with_load_controller_is_for_devices_that_have_one(kind: DeviceType) -> None:
    rig = Asn1Rig(kind)
    command = replace(rig.command(REPORT, report(ROLE.ACCESS_CONTROL_BROKER, ROLE.SUPPLIER), BROKER), mac=None)
    wrong = add_mac(replace(command, other=OtherInformation(REPORT_WITH_CONTROLLER)), rig.keys, BROKER)
    assert rig.send(wrong) == []


# a device's own credentials

WITH_SUPPLIER = [kind for kind in CELLS if Cell(ROLE.SUPPLIER, DS) in CELLS[kind]]


def new_certificate(rig: Asn1Rig, usage: KeyUsage = SIGNING) -> Certificate:
    """Ask for a new pair; its certificate."""
    answer = rig.ask(ISSUE, IssueCredentialsCommand(usage))
    made = CertificationRequest.decode(answer.certification_request)
    assert check_request(made, rig.identity, usage) == ()
    return SMKI.device(rig.identity, usage, made.public_point)


@pytest.mark.parametrize("kind", WITH_SUPPLIER)
@pytest.mark.parametrize("usage", [SIGNING, AGREEING])
def test_a_new_pair_is_made_installed_and_reported(kind: DeviceType, usage: KeyUsage) -> None:
    rig = Asn1Rig(kind)
    name = KeyName(rig.identity, DS if usage is SIGNING else KA)
    certificate = new_certificate(rig, usage)
    assert rig.ask(READ, ReadDeviceCertificateCommand(usage)).certificate == rig.keys.certificate(name)
    message = rig.command(STORE, UpdateDeviceCertificateCommand(certificate.octets))
    (answer,) = rig.send(message)
    assert value_of(answer) == UpdateDeviceCertificateResponse(DeviceCertificateResult.SUCCESS)
    rig.keys.put_certificate(name, certificate.octets)
    assert Verdict.INVALID not in verify(answer, rig.keys)
    assert rig.ask(READ, ReadDeviceCertificateCommand(usage)) == ReadDeviceCertificateResponse(certificate.octets)


STORED = {
    "not a certificate": DeviceCertificateResult.INVALID_CERTIFICATE,
    "an organisation's": DeviceCertificateResult.WRONG_DEVICE_IDENTITY,
    "another device's": DeviceCertificateResult.WRONG_DEVICE_IDENTITY,
    "another use": DeviceCertificateResult.INVALID_KEY_USAGE,
    "nothing asked for": DeviceCertificateResult.NO_CORRESPONDING_KEY_PAIR,
    "another key": DeviceCertificateResult.WRONG_PUBLIC_KEY,
}


def spoilt(rig: Asn1Rig, name: str) -> bytes:
    if name == "nothing asked for":
        return SMKI.device(rig.identity, SIGNING, key_pair(b"x").point).octets
    right = new_certificate(rig)
    other = Asn1Rig(DeviceType.GSME).identity
    return {
        "not a certificate": b"\x30\x00",
        "an organisation's": SMKI.organisation(SUPPLIER, ROLE.SUPPLIER, SIGNING, right.public_point).octets,
        "another device's": SMKI.device(other, SIGNING, right.public_point).octets,
        "another use": SMKI.device(rig.identity, SIGNING | AGREEING, right.public_point).octets,
        "another key": SMKI.device(rig.identity, SIGNING, key_pair(b"x").point).octets,
    }[name]


def check_stored(rig: Asn1Rig, name: str) -> None:
    """Refused with its result; the old pair goes on serving."""
    before = rig.device_keys.public_point(KeyName(rig.identity, DS))
    answer = rig.ask(STORE, UpdateDeviceCertificateCommand(spoilt(rig, name)))
    assert answer == UpdateDeviceCertificateResponse(STORED[name])
    assert rig.security_log() == [0x8F4C]
    assert rig.device_keys.public_point(KeyName(rig.identity, DS)) == before
    assert [each.cra for each in rig.send(usual(rig, READ))] == [Cra.RESPONSE]


@pytest.mark.parametrize("name", STORED)
def test_a_certificate_that_does_not_fit_is_refused_with_its_result(name: str) -> None:
    check_stored(Asn1Rig(), name)


def test_a_device_that_compares_no_keys_is_found() -> None:
    with pytest.raises(AssertionError):
        check_stored(Asn1Rig(defects=frozenset({TAKES_ANY_OWN_CERTIFICATE})), "another key")


@pytest.mark.parametrize("usage", [SIGNING | AGREEING, KeyUsage.KEY_CERT_SIGN, KeyUsage(0)])
def test_other_usages_are_refused_with_their_error(usage: KeyUsage) -> None:
    rig = Asn1Rig()
    assert rig.ask(ISSUE, IssueCredentialsCommand(usage)) == IssueCredentialsResponse(
        error=IssueCredentialsError.INVALID_KEY_USAGE
    )
    assert rig.ask(READ, ReadDeviceCertificateCommand(usage)) == ReadDeviceCertificateResponse(
        error=ReadDeviceCertificateError.INVALID_KEY_USAGE
    )
