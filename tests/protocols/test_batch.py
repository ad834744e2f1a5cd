"""Many certificates at once: the same octets as one by one; wrong requests do not stop right ones; renewed keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from protocols.der import NEVER
from protocols.errors import EncodeError
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import DAY, instant
from protocols.smki.batch import Granted, Refused, issue_batch
from protocols.smki.building import DEVICE, Validity
from protocols.smki.certificate import Certificate, CertificateKind
from protocols.smki.check import check, check_chain
from protocols.smki.finding import Aspect
from protocols.smki.infrastructure import BEGINS, key_pair, make_infrastructure
from protocols.smki.issue import issue_authority, issue_device, issue_organisation
from protocols.smki.issuer import BulkIssuer, Issuer
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest

from .openssl import attime, needs_openssl, pem, run

SUPPLIER, METER = eui64("90B3D51F30010000"), eui64("00DB1234567890A0")
PKI = make_infrastructure(b"batch")
KEY = key_pair(b"batch, some entity")
WITHOUT_END = Validity(BEGINS, NEVER)
TEN_YEARS = Validity(instant(2026, 1, 1), instant(2035, 12, 31, 23, 59, 59))
USES = (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT)


def requests(count: int) -> list[bytes]:
    return [
        CertificationRequest.make(Eui64(bytes((0, number) * 4)), USES[number % 2], KEY.point, KEY.sign).octets
        for number in range(count)
    ]


def numbers() -> Iterator[int]:
    return iter(range(1 << 126, (1 << 126) + 1000))


def test_a_batch_gives_the_octets_that_single_requests_give() -> None:
    serials = numbers()
    issuing = BulkIssuer(PKI.device_authority, WITHOUT_END)
    answers = list(issue_batch(issuing, requests(20), lambda _: next(serials)))
    for number, answer in enumerate(answers):
        assert isinstance(answer, Granted)
        entity, use, serial = Eui64(bytes((0, number) * 4)), USES[number % 2], (1 << 126) + number
        single = issue_device(PKI.device_authority, entity, use, KEY.point, serial, BEGINS)
        assert answer == (serial, entity, None, use, single.subject_key_identifier, single.octets)
        assert check(single, PKI.device_authority.certificate) == ()


@given(
    st.integers(1, 2**127 - 1),
    st.sampled_from(USES),
    st.binary(min_size=8, max_size=8),
    st.integers(0, 255),
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=64),
)
def test_serials_names_and_identifiers_of_every_length(
    serial: int, use: KeyUsage, entity: bytes, role: int, name: str
) -> None:
    authority = PKI.organisation_authority
    made = issue_organisation(authority, Eui64(entity), role, use, KEY.point, serial, TEN_YEARS, name)
    theirs = x509.load_der_x509_certificate(made.octets)
    assert (made.serial, made.entity, made.role, made.key_usage) == (serial, entity, role, use)
    assert theirs.serial_number == serial
    assert check(made, authority.certificate, TEN_YEARS.not_after) == ()
    device = issue_device(PKI.device_authority, Eui64(entity), use, KEY.point, serial, BEGINS)
    assert (device.serial, device.entity) == (x509.load_der_x509_certificate(device.octets).serial_number, entity)


def test_a_batch_of_organisations() -> None:
    asked = [
        CertificationRequest.make_organisation(SUPPLIER, role, use, KEY.point, KEY.sign, "SUPPLIER").octets
        for role in RemotePartyRole
        for use in USES
    ]
    serials = numbers()
    issuing = BulkIssuer(PKI.organisation_authority, TEN_YEARS)
    answers = list(issue_batch(issuing, asked, lambda _: next(serials), CertificateKind.ORGANISATION))
    assert [answer.role for answer in answers if isinstance(answer, Granted)] == [
        role for role in RemotePartyRole for _ in USES
    ]


def test_a_wrong_request_takes_no_serial_number_and_stops_nothing() -> None:
    good = requests(3)
    forged = good[0][:-1] + bytes((good[0][-1] ^ 1,))
    organisation = CertificationRequest.make_organisation(SUPPLIER, 2, USES[0], KEY.point, KEY.sign).octets
    serials = numbers()
    issuing = BulkIssuer(PKI.device_authority, WITHOUT_END)
    asked = (good[0], forged, b"", organisation, good[1], good[2][:-1])
    answers = list(issue_batch(issuing, asked, lambda _: next(serials)))
    reasons = [answer.reason if isinstance(answer, Refused) else answer.serial - (1 << 126) for answer in answers]
    assert [reason for reason in reasons if isinstance(reason, int)] == [0, 1]
    assert "does not verify" in str(reasons[1])
    assert "only 0 left" in str(reasons[2])
    assert "kind: expected device, found organisation" in str(reasons[3])
    assert reasons[5] is not None


def test_a_batch_is_answered_one_by_one() -> None:
    asked = iter(requests(3))
    answers = issue_batch(BulkIssuer(PKI.device_authority, WITHOUT_END), asked, lambda _: 5)
    assert isinstance(next(answers), Granted)
    assert len(list(asked)) == 2  # not asked for yet


def test_a_signer_of_another_key_issues_nothing() -> None:
    issuing = BulkIssuer(Issuer(PKI.device_authority.certificate, KEY.sign), WITHOUT_END)
    with pytest.raises(EncodeError, match="does not verify"):
        next(issue_batch(issuing, requests(1), lambda _: 5))


def test_a_signer_that_fails_later_is_caught_then() -> None:
    calls = []

    def sign(octets: bytes) -> bytes:
        calls.append(octets)
        signature = PKI.device_authority.sign(octets)
        return signature if len(calls) < 3 else PKI.device_authority.sign(octets + b"\0")

    issuing = BulkIssuer(Issuer(PKI.device_authority.certificate, sign), WITHOUT_END)
    answers = issue_batch(issuing, requests(3), lambda _: 5)
    assert all(isinstance(next(answers), Granted) for _ in range(2))
    with pytest.raises(EncodeError, match="does not verify"):
        next(answers)


def test_a_serial_number_out_of_range_is_our_own_fault() -> None:
    issuing = BulkIssuer(PKI.device_authority, WITHOUT_END)
    for serial in (0, -1, 1 << 127):
        with pytest.raises(EncodeError, match="127 bits"):
            next(issue_batch(issuing, requests(1), lambda _, given=serial: given))  # type: ignore[misc]  # binds the loop's value


# An authority renews its key and keeps its name


def successors(count: int) -> list[Issuer]:
    made = []
    for number in range(count):
        pair = key_pair(b"batch, device authority %d" % number)
        validity = Validity(BEGINS + number * 90 * DAY, instant(2049, 1, 1))
        certificate = issue_authority(PKI.device_root, DEVICE, "TEST E1", pair.point, 100 + number, validity)
        made.append(Issuer(certificate, pair.sign))
    return made


AUTHORITIES = [PKI.device_authority, *successors(3)]
KNOWN = [issuer.certificate for issuer in AUTHORITIES]
FROM_EACH = [
    issue_device(issuer, METER, USES[0], KEY.point, 7 + number, BEGINS) for number, issuer in enumerate(AUTHORITIES)
]
LATER = instant(2026, 1, 1)


def test_subscribers_notice_nothing_of_a_renewed_key() -> None:
    assert {certificate.subject.octets for certificate in KNOWN} == {KNOWN[0].subject.octets}
    assert len({certificate.subject_key_identifier for certificate in KNOWN}) == 4
    assert {certificate.issuer.octets for certificate in FROM_EACH} == {KNOWN[0].subject.octets}


@pytest.mark.parametrize("certificate", FROM_EACH, ids=str)
def test_a_path_leads_by_way_of_the_key_among_several_of_one_name(certificate: Certificate) -> None:
    for known in (KNOWN, KNOWN[::-1]):
        assert check_chain(certificate, known, PKI.trust_anchors, LATER) == ()
    others = [each for each in KNOWN if each.subject_key_identifier != certificate.authority_key_identifier]
    assert [f.aspect for f in check_chain(certificate, others, PKI.trust_anchors, LATER)] == [Aspect.TRUST_ANCHOR]


def test_of_two_certificates_of_one_key_the_one_in_force_counts() -> None:
    old = issue_authority(
        PKI.device_root, DEVICE, "TEST E1", KNOWN[1].public_point, 9, Validity(BEGINS - DAY, BEGINS - 1)
    )
    renamed = issue_authority(PKI.device_root, DEVICE, "TEST E2", KNOWN[1].public_point, 10, WITHOUT_END)
    for known in ((old, renamed, KNOWN[1]), (KNOWN[1], renamed, old)):
        assert check_chain(FROM_EACH[1], known, PKI.trust_anchors, LATER) == ()
    (finding,) = check_chain(FROM_EACH[1], (old, renamed), PKI.trust_anchors, LATER)
    assert (finding.subject, finding.aspect) == ("authority CN=TEST E1", Aspect.VALIDITY)


@needs_openssl
@pytest.mark.parametrize("certificate", FROM_EACH, ids=str)
def test_openssl_finds_the_key_among_several_of_one_name(certificate: Certificate, tmp_path: Path) -> None:
    roots = pem(tmp_path / "root.pem", PKI.device_root.certificate)
    leaf = pem(tmp_path / "leaf.pem", certificate)
    others = [each for each in KNOWN if each.subject_key_identifier != certificate.authority_key_identifier]
    for order in (KNOWN, KNOWN[::-1], others):
        between = pem(tmp_path / "between.pem", *order)
        shown = run("verify", "-CAfile", roots, "-untrusted", between, *attime(LATER), leaf)
        assert (shown.returncode == 0) is (order is not others), shown.stderr
