"""Registration: who may apply for what, what is rejected and why, and how a certificate gets into the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.authority.applicants import DEVICES, ROLES, Applicant, refuse_device, refuse_role
from bench.authority.laboratory import Laboratory
from bench.authority.registration import Application, Registration, State
from bench.authority.repository import Search, Status, issuer_of, use_of
from bench.authority.sealing import LabError
from bench.authority.upkeep import Upkeep
from bench.inventory import Status as DeviceStatus
from protocols.eui64 import eui64
from protocols.gbcs.elliptic_curve import point_of, private_from, sign
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import instant
from protocols.smki.certificate import CertificateKind
from protocols.smki.infrastructure import key_pair
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest

from .laboratories import METER, NOW, SUPPLIER, device_request, for_meter, for_supplier, issued, make, record_of

A, D = Applicant, DeviceType
KEY = key_pair(b"of an organisation")
METERS = (D.ESME, D.GSME)
PARTIES = (A.ELECTRICITY_SUPPLIER, A.GAS_SUPPLIER, A.NETWORK_OPERATOR, A.DCC, A.PARTY)


@pytest.fixture
def lab(tmp_path: Path) -> Laboratory:
    return make(tmp_path / "lab")


# Who may apply


@pytest.mark.parametrize(
    ("applicant", "allowed"),
    [
        (A.ELECTRICITY_SUPPLIER, {D.ESME, D.PPMID, D.HCALCS, D.SAPC}),
        (A.GAS_SUPPLIER, {D.GSME, D.PPMID, D.HCALCS, D.SAPC}),
        (A.DCC, {D.CHF, D.GPF}),
        (A.NETWORK_OPERATOR, set()),
        (A.PARTY, set()),
        (A.OTHER, set()),
    ],
)
def test_who_may_apply_for_a_commissioned_device(applicant: Applicant, allowed: set[DeviceType]) -> None:
    assert {each for each in DeviceType if not refuse_device(applicant, each, DeviceStatus.COMMISSIONED)} == allowed


@pytest.mark.parametrize("status", DeviceStatus)
@pytest.mark.parametrize("device", DeviceType)
def test_any_party_may_apply_for_a_meter_that_is_not_installed(device: DeviceType, status: DeviceStatus) -> None:
    free = device in METERS and status in (DeviceStatus.PENDING, DeviceStatus.WHITELISTED)
    assert (not refuse_device(A.PARTY, device, status)) is free
    assert (not refuse_device(A.NETWORK_OPERATOR, device, status)) is free
    assert refuse_device(A.OTHER, device, status)


def test_only_parties_get_certificates_of_organisations_and_nobody_those_of_authorities() -> None:
    assert all(refuse_role(A.OTHER, role) for role in range(256))
    named = {role for role in range(256) if any(not refuse_role(each, role) for each in PARTIES)}
    assert named == {1, 2, 3, 4, 5, 6, 8, 127} == {int(role) for role in ROLES}
    assert "dcc may" in refuse_role(A.PARTY, RemotePartyRole.RECOVERY)
    assert "nobody applies for the role root" in refuse_role(A.DCC, RemotePartyRole.ROOT)
    assert set(DEVICES) == set(DeviceType)


# From a request to the repository


def test_a_request_is_issued_accepted_and_lodged(lab: Laboratory) -> None:
    registration = Registration(lab)
    application = Application(A.ELECTRICITY_SUPPLIER, device_request(1), D.ESME)
    entry = registration.apply(application, NOW, accept=False)
    assert (entry.state, entry.entity, entry.use) == (State.ISSUED, METER, "ds")
    made = record_of(lab, entry)
    assert made.status is Status.ISSUED
    assert lab.repository.count(Search(entity=METER)) == 0  # it is not in the repository yet
    assert lab.repository.count(Search(entity=METER, statuses=tuple(Status))) == 1
    registration.accept(entry.number, NOW + 5)
    assert record_of(lab, entry).status is Status.ACCEPTED
    assert registration.lodge(NOW + 6) == 1
    lodged = record_of(lab, entry)
    assert (lodged.status, lodged.changed) == (Status.LODGED, NOW + 6)
    assert lab.repository.count(Search(entity=METER)) == 1
    assert made.certificate.public_point == CertificationRequest.decode(device_request(1)).public_point


def test_what_was_accepted_when_the_process_ended_is_lodged_later(lab: Laboratory) -> None:
    entry = Registration(lab).apply(for_meter(), NOW, accept=False)
    Registration(lab).accept(entry.number, NOW)
    Upkeep(lab).advance(NOW + 60)
    assert record_of(lab, entry).status is Status.LODGED


def test_a_declined_certificate_is_never_lodged(lab: Laboratory) -> None:
    registration = Registration(lab)
    entry = registration.apply(for_meter(), NOW, accept=False)
    registration.decline(entry.number, NOW, "a misspelt identifier")
    Upkeep(lab).advance(NOW)
    assert registration.get(entry.number).state is State.DECLINED
    assert record_of(lab, entry).status is Status.DECLINED
    assert lab.repository.count(Search(entity=METER)) == 0
    for again in (registration.accept, lambda number, now: registration.decline(number, now, "")):
        with pytest.raises(LabError, match="is declined: only what is issued"):
            again(entry.number, NOW)
    with pytest.raises(LabError, match="no request 99"):
        registration.get(99)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_gets_its_certificates(lab: Laboratory, role: int) -> None:
    for use in KeyUse:
        record = issued(lab, Application(ROLES[role][0], entity=SUPPLIER, role=role, use=use))
        certificate = record.certificate
        signs = use is KeyUse.DIGITAL_SIGNING
        assert (record.kind, record.role, record.use) == (CertificateKind.ORGANISATION, role, use)
        assert certificate.key_usage is (KeyUsage.DIGITAL_SIGNATURE if signs else KeyUsage.KEY_AGREEMENT)
        assert (record.not_before, record.not_after) == (instant(2024, 1, 1), instant(2034, 1, 1) - 1)


def test_validity_begins_when_asked_and_what_has_ended_begins_now(lab: Laboratory) -> None:
    registration = Registration(lab)
    late, asked = instant(2040, 5, 6), instant(2027, 3, 1)
    entry = registration.apply(for_supplier(), NOW, not_before=asked)
    record = record_of(lab, entry)
    assert (record.not_before, record.not_after) == (asked, instant(2037, 3, 1) - 1)
    record = record_of(lab, registration.apply(for_supplier(), late))
    assert (record.not_before, record.not_after) == (late, instant(2050, 5, 6) - 1)


# What is rejected


def _rejected(lab: Laboratory, application: Application) -> str:
    before = lab.repository.count(Search(statuses=tuple(Status)))
    entry = Registration(lab).apply(application, NOW)
    assert (entry.state, entry.certificate, entry.answered) == (State.REJECTED, None, NOW)
    assert lab.repository.count(Search(statuses=tuple(Status))) == before
    return entry.reason


def test_possession_of_the_private_key_is_proved(lab: Laboratory) -> None:
    mine, other = (private_from(bytes(47) + bytes((number,))) for number in (1, 2))
    good = CertificationRequest.make(
        METER, KeyUsage.KEY_AGREEMENT, point_of(mine.public_key()), lambda octets: sign(mine, octets)
    ).encode()
    stolen = good.replace(point_of(mine.public_key()), point_of(other.public_key()))
    assert stolen != good
    reason = _rejected(lab, Application(A.ELECTRICITY_SUPPLIER, stolen, D.ESME))
    assert "made by the key that is to be certified" in reason
    (entry,) = Registration(lab).in_state(State.REJECTED)
    assert (entry.entity, entry.use) == (METER, None)  # whose it says to be
    assert issued(lab, Application(A.ELECTRICITY_SUPPLIER, good, D.ESME)).entity == METER


def test_what_is_no_request_or_not_the_one_that_was_announced_is_rejected(lab: Laboratory) -> None:
    request = device_request(3)
    cases = {
        b"": "no certification request",
        b"\x30\x80": "no certification request",
        request[:-1]: "no certification request",
        request + b"\0": "no certification request",
    }
    for der, said in cases.items():
        assert said in _rejected(lab, Application(A.ELECTRICITY_SUPPLIER, der, D.ESME))
    claims = [
        (Application(A.ELECTRICITY_SUPPLIER, request, D.ESME, entity=SUPPLIER), "entity identifier"),
        (Application(A.ELECTRICITY_SUPPLIER, request, D.ESME, use=KeyUse.KEY_AGREEMENT), "key usage"),
        (Application(A.ELECTRICITY_SUPPLIER, request, role=2), "organisation"),
        (Application(A.ELECTRICITY_SUPPLIER, request), "the type of the device"),
        (Application(A.ELECTRICITY_SUPPLIER, request, D.TYPE_2), "has no certificates"),
        (Application(A.GAS_SUPPLIER, request, D.CHF), "dcc may"),
        (Application(A.PARTY, request, D.ESME, DeviceStatus.COMMISSIONED), "that is commissioned"),
    ]
    supplier = CertificationRequest.make_organisation(
        SUPPLIER, RemotePartyRole.SUPPLIER, KeyUsage.DIGITAL_SIGNATURE, KEY.point, KEY.sign
    ).encode()
    claims += [  # who may apply for one role gets no certificate of another
        (
            Application(A.NETWORK_OPERATOR, supplier, role=int(RemotePartyRole.NETWORK_OPERATOR)),
            "role: expected network",
        ),
        (Application(A.ELECTRICITY_SUPPLIER, supplier, D.ESME), "kind: expected device, found organisation"),
    ]
    for application, said in claims:
        assert said in _rejected(lab, application), application
    assert issued(lab, Application(A.PARTY, request, D.ESME, DeviceStatus.PENDING)).entity == METER


def test_a_key_gets_one_certificate(lab: Laboratory) -> None:
    application = Application(A.ELECTRICITY_SUPPLIER, device_request(4), D.ESME)
    first = issued(lab, application)
    assert "has a certificate already" in _rejected(lab, application)
    assert list(lab.repository.find(Search(entity=METER))) == [first]


def test_serial_numbers_are_positive_of_16_octets_and_all_different(lab: Laboratory) -> None:
    owners = [eui64(f"{number:016X}") for number in range(20)]
    serials = [issued(lab, for_meter(owner)).serial for owner in owners]
    assert len(set(serials)) == 20
    assert all((serial.bit_length() + 8) // 8 == 16 for serial in serials)


def test_a_failing_disk_leaves_nothing_half_done(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    registration = Registration(lab)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lab, "set_fact", fail)
    with pytest.raises(OSError, match="No space left"):
        registration.apply(for_meter(), NOW)
    monkeypatch.undo()
    assert lab.repository.count(Search(entity=METER, statuses=tuple(Status))) == 0
    assert issued(lab, for_meter()).status is Status.LODGED


def test_what_a_certificate_is_found_by_is_what_is_in_it(lab: Laboratory) -> None:
    for application in (for_supplier(), for_supplier(KeyUse.KEY_AGREEMENT), for_meter(use=KeyUse.KEY_AGREEMENT)):
        issued(lab, application)
    records = list(lab.repository.find(Search(statuses=tuple(Status))))
    assert len(records) == 7
    for record in records:
        read = record.certificate
        assert (record.kind, record.entity, record.role) == (read.kind, read.entity, read.role)
        assert (record.serial, record.key_identifier) == (read.serial, read.subject_key_identifier)
        assert (record.issuer_key, record.use) == (issuer_of(read), use_of(read))
        assert (record.not_before, record.not_after) == (read.not_before, read.not_after)
