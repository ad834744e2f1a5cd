"""Issuers made ready for many certificates: the same octets as one by one, every signature checked; renewed keys."""

from __future__ import annotations

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
from protocols.smki.building import DEVICE, Validity
from protocols.smki.certificate import Certificate, CertificateKind
from protocols.smki.check import check, check_chain
from protocols.smki.finding import Aspect
from protocols.smki.infrastructure import BEGINS, key_pair, make_infrastructure
from protocols.smki.issue import issue_authority, issue_device, issue_organisation
from protocols.smki.issuer import BulkIssuer, Issuer
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest, grant

from .openssl import attime, needs_openssl, pem, run

SUPPLIER, METER = eui64("90B3D51F30010000"), eui64("00DB1234567890A0")
PKI = make_infrastructure(b"batch")
KEY = key_pair(b"batch, some entity")
WITHOUT_END = Validity(BEGINS, NEVER)
TEN_YEARS = Validity(instant(2026, 1, 1), instant(2035, 12, 31, 23, 59, 59))
USES = (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT)


def test_many_certificates_have_the_octets_that_single_ones_have() -> None:
    issuing = BulkIssuer(PKI.device_authority, WITHOUT_END)
    for number in range(20):
        entity, use, serial = Eui64(bytes((0, number) * 4)), USES[number % 2], (1 << 126) + number
        request = CertificationRequest.make(entity, use, KEY.point, KEY.sign)
        single = issue_device(PKI.device_authority, entity, use, KEY.point, serial, BEGINS)
        assert grant(issuing, request, serial, CertificateKind.DEVICE) == single.octets
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


def test_many_certificates_of_organisations() -> None:
    issuing = BulkIssuer(PKI.organisation_authority, TEN_YEARS)
    for role in RemotePartyRole:
        for use in USES:
            single = issue_organisation(
                PKI.organisation_authority, SUPPLIER, role, use, KEY.point, 5, TEN_YEARS, "SUPPLIER"
            )
            assert issuing.organisation(SUPPLIER, role, use, KEY.point, 5, "SUPPLIER") == single.octets


def test_a_signer_of_another_key_issues_nothing() -> None:
    issuing = BulkIssuer(Issuer(PKI.device_authority.certificate, KEY.sign), WITHOUT_END)
    with pytest.raises(EncodeError, match="does not verify"):
        issuing.device(METER, USES[0], KEY.point, 5)


def test_a_signer_that_fails_later_is_caught_then() -> None:
    calls = []

    def sign(octets: bytes) -> bytes:
        calls.append(octets)
        return PKI.device_authority.sign(octets if len(calls) < 3 else octets + b"\0")

    issuing = BulkIssuer(Issuer(PKI.device_authority.certificate, sign), WITHOUT_END)
    assert issuing.device(METER, USES[0], KEY.point, 5) == issuing.device(METER, USES[0], KEY.point, 5)
    with pytest.raises(EncodeError, match="does not verify"):
        issuing.device(METER, USES[0], KEY.point, 5)


def test_an_authority_that_does_not_say_that_it_is_for_tests_issues_nothing() -> None:
    unnamed = PKI.organisation(SUPPLIER, RemotePartyRole.SUPPLIER, KeyUsage.KEY_AGREEMENT, KEY.point)
    with pytest.raises(EncodeError, match="a name that contains TEST needed, found OU=02"):
        BulkIssuer(Issuer(unnamed, KEY.sign), TEN_YEARS)
    with pytest.raises(EncodeError, match="a name that contains TEST needed"):
        issue_authority(Issuer(unnamed, KEY.sign), DEVICE, "TEST E1", KEY.point, 5, TEN_YEARS)


@pytest.mark.parametrize("serial", [0, -1, 1 << 127])
def test_a_serial_number_out_of_range_is_our_own_fault(serial: int) -> None:
    with pytest.raises(EncodeError, match="127 bits"):
        BulkIssuer(PKI.device_authority, WITHOUT_END).device(METER, USES[0], KEY.point, serial)


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
