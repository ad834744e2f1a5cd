"""Revocation lists: both kinds, checked by OpenSSL and the general library, changed octet by octet."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from protocols.der import BOOLEAN, NEVER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, oid, tlv
from protocols.errors import DecodeError, EncodeError
from protocols.eui64 import eui64
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import HOUR, Instant, from_datetime, instant, to_datetime
from protocols.smki.building import ORGANISATION, Validity, put_extension, put_signed
from protocols.smki.certificate import Certificate, TrustAnchor
from protocols.smki.check import check_chain
from protocols.smki.finding import Aspect, Finding
from protocols.smki.infrastructure import BEGINS, key_pair, make_infrastructure
from protocols.smki.issue import issue_authority, issue_organisation
from protocols.smki.issuer import Issuer
from protocols.smki.names import KeyUsage
from protocols.smki.revocation import (
    MAX_NUMBER,
    MAX_REVOCATION_LIST,
    RevocationList,
    RevocationReason,
    RevokedCertificate,
    check_revocation_list,
    issue_revocation_list,
)
from protocols.smki.signature import Verifier

from .openssl import attime, needs_openssl, pem, run

SUPPLIER, METER = eui64("90B3D51F30010000"), eui64("00DB1234567890A0")
PKI = make_infrastructure(b"revocation")
KEY = key_pair(b"revocation, some entity")
GOOD = PKI.organisation(SUPPLIER, RemotePartyRole.SUPPLIER, KeyUsage.KEY_AGREEMENT, KEY.point)
BAD = PKI.organisation(SUPPLIER, RemotePartyRole.SUPPLIER, KeyUsage.DIGITAL_SIGNATURE, KEY.point)
DEVICE = PKI.device(METER, KeyUsage.KEY_AGREEMENT, KEY.point)
ISSUER, ROOT = PKI.organisation_authority, PKI.organisation_root
NOW = instant(2026, 1, 1, 12)
NEXT = NOW + 12 * HOUR
ENTRIES = (
    RevokedCertificate(BAD.serial, NOW - HOUR, RevocationReason.KEY_COMPROMISE),
    RevokedCertificate(5, NOW - 2 * HOUR),
    RevokedCertificate(1 << 100, instant(2050, 1, 1), RevocationReason.CESSATION_OF_OPERATION),
)
LIST = issue_revocation_list(ISSUER, ENTRIES, NOW, NEXT, 7)
EMPTY = issue_revocation_list(ISSUER, (), NOW - HOUR, NEXT, 6)
AUTHORITIES = issue_revocation_list(ROOT, (), NOW, NOW + 365 * 24 * HOUR, 1)
AUTHORITY_REVOKED = issue_revocation_list(
    ROOT,
    (RevokedCertificate(ISSUER.certificate.serial, NOW, RevocationReason.AUTHORITY_COMPROMISE),),
    NOW,
    NOW + 365 * 24 * HOUR,
    2,
)


def aspects(findings: tuple[Finding, ...]) -> list[Aspect]:
    return [finding.aspect for finding in findings]


def status(
    certificate: Certificate, *lists: RevocationList, at: Instant | None = NOW, anchors: tuple[TrustAnchor, ...] = ()
) -> tuple[Finding, ...]:
    anchors = anchors or PKI.trust_anchors
    return check_chain(certificate, PKI.authorities, anchors, at, revocations=lists)


def test_a_list_comes_back() -> None:
    read = RevocationList.decode(LIST.encode())
    assert read == LIST
    assert (read.entries, read.number, read.this_update, read.next_update) == (ENTRIES, 7, NOW, NEXT)
    assert read.issuer == ISSUER.certificate.subject
    assert read.authority_key_identifier == ISSUER.certificate.subject_key_identifier
    assert read.is_revoked(5)
    assert not read.is_revoked(6)
    assert read.entry(5) == ENTRIES[1]
    assert read.entry(6) is None
    assert str(read) == (
        "revocation list 7 of OU=07, CN=TEST Z1, 3 revoked, from 2026-01-01T12:00:00Z, next 2026-01-02T00:00:00Z"
    )


@pytest.mark.parametrize(
    ("revocations", "issuer"), [(LIST, ISSUER), (EMPTY, ISSUER), (AUTHORITIES, ROOT), (AUTHORITY_REVOKED, ROOT)]
)
def test_what_is_issued_is_right(revocations: RevocationList, issuer: Issuer) -> None:
    for at in (None, revocations.this_update, revocations.next_update):
        assert check_revocation_list(revocations, issuer.certificate, at) == ()
        assert check_revocation_list(revocations, issuer.trust_anchor, at) == ()


def test_a_list_of_another_issuer_is_told_by_name_key_and_signature() -> None:
    assert aspects(check_revocation_list(LIST, ROOT.certificate, NOW)) == [
        Aspect.ISSUER,
        Aspect.AUTHORITY_KEY,
        Aspect.SIGNATURE,
    ]
    assert aspects(check_revocation_list(LIST, TrustAnchor.of_key(KEY.point), NOW)) == [
        Aspect.AUTHORITY_KEY,
        Aspect.SIGNATURE,
    ]
    without_right = dataclasses.replace(ISSUER.certificate, key_usage=KeyUsage.KEY_CERT_SIGN)
    assert aspects(check_revocation_list(LIST, without_right, NOW)) == [Aspect.KEY_USAGE]


def test_a_list_counts_from_its_first_to_its_last_second() -> None:
    found = [check_revocation_list(LIST, ISSUER.certificate, at) for at in (NOW - 1, NOW, NEXT, NEXT + 1)]
    assert [aspects(findings) for findings in found] == [[Aspect.VALIDITY], [], [], [Aspect.VALIDITY]]
    assert str(found[3][0]).endswith(
        "validity: expected in force at 2026-01-02T00:00:01Z, found overdue, next was due 2026-01-02T00:00:00Z"
    )


def test_numbers_grow() -> None:
    certificate = ISSUER.certificate
    assert check_revocation_list(LIST, certificate, NOW, previous=EMPTY) == ()
    assert check_revocation_list(LIST, certificate, NOW, previous=LIST) == ()
    assert aspects(check_revocation_list(EMPTY, certificate, NOW, previous=LIST)) == [Aspect.NUMBER]
    same = issue_revocation_list(ISSUER, (), NOW, NEXT, 7)
    assert aspects(check_revocation_list(same, certificate, NOW, previous=LIST)) == [Aspect.NUMBER]


def test_a_revoked_certificate_is_told_with_moment_and_reason() -> None:
    assert status(GOOD, LIST, AUTHORITIES) == ()
    (finding,) = status(BAD, LIST, AUTHORITIES)
    assert str(finding) == (
        "organisation 90-B3-D5-1F-30-01-00-00: revocation: expected a certificate that is not revoked, "
        f"found serial {BAD.serial:X} revoked 2026-01-01T11:00:00Z, key compromise"
    )
    assert check_chain(BAD, PKI.authorities, PKI.trust_anchors, NOW) == ()


def test_what_a_revoked_authority_has_issued_is_refused() -> None:
    (finding,) = status(GOOD, LIST, AUTHORITY_REVOKED)
    assert (finding.subject, finding.aspect) == ("authority OU=07, CN=TEST Z1", Aspect.REVOCATION)


def test_without_a_list_in_force_nothing_is_taken_for_good() -> None:
    assert aspects(status(GOOD)) == [Aspect.REVOCATION] * 2
    assert aspects(status(GOOD, LIST)) == [Aspect.REVOCATION]
    assert aspects(status(GOOD, AUTHORITIES)) == [Aspect.REVOCATION]
    (finding,) = status(GOOD, LIST, AUTHORITIES, at=NEXT + 1)
    assert "overdue" in finding.found
    assert status(GOOD, LIST, AUTHORITIES, at=None) == ()


def test_of_several_lists_the_latest_counts() -> None:
    for lists in ((EMPTY, LIST), (LIST, EMPTY)):
        assert aspects(status(BAD, *lists, AUTHORITIES)) == [Aspect.REVOCATION]
    assert status(BAD, EMPTY, AUTHORITIES) == ()
    assert status(BAD, EMPTY, LIST, AUTHORITIES, at=NOW - 1)[0].subject == "authority OU=07, CN=TEST Z1"


def test_a_forged_list_neither_revokes_nor_clears() -> None:
    forged = RevocationList.decode(LIST.octets[:-1] + bytes((LIST.octets[-1] ^ 1,)))
    assert status(GOOD, EMPTY, forged, AUTHORITIES) == ()
    (finding,) = status(GOOD, forged, AUTHORITIES)
    assert "signature" in finding.found


def test_devices_need_no_list_but_their_authority_does() -> None:
    of_root = issue_revocation_list(PKI.device_root, (), NOW, NEXT, 1)
    assert status(DEVICE, of_root) == ()
    (finding,) = status(DEVICE)
    assert finding.subject == "authority CN=TEST E1"


def test_a_list_speaks_for_its_issuers_key_alone() -> None:
    pair = key_pair(b"revocation, the next key")
    validity = Validity(BEGINS, NEVER)
    renewed = Issuer(issue_authority(ROOT, ORGANISATION, "TEST Z1", pair.point, 77, validity), pair.sign)
    made = issue_organisation(renewed, SUPPLIER, 2, KeyUsage.KEY_AGREEMENT, KEY.point, 5, validity)
    assert LIST.issuer == made.issuer
    assert LIST.is_revoked(made.serial)
    assert not LIST.speaks_for(made)
    own = issue_revocation_list(renewed, (), NOW, NEXT, 1)
    known = (*PKI.authorities, renewed.certificate)
    assert check_chain(made, known, PKI.trust_anchors, NOW, revocations=(LIST, own, AUTHORITIES)) == ()


# OpenSSL and the general library


@needs_openssl
@pytest.mark.parametrize("revocations", [LIST, EMPTY, AUTHORITIES, AUTHORITY_REVOKED])
def test_openssl_verifies_every_list(revocations: RevocationList, tmp_path: Path) -> None:
    signers = pem(tmp_path / "signers.pem", ISSUER.certificate, ROOT.certificate)
    file = pem(tmp_path / "list.pem", revocations, label="X509 CRL")
    shown = run("crl", "-in", file, "-verify", "-CAfile", signers, "-noout", "-text")
    assert shown.returncode == 0
    assert "verify OK" in shown.stderr
    assert shown.stdout.count("Serial Number: ") == len(revocations.entries)
    forged = RevocationList.decode(revocations.octets[:-1] + bytes((revocations.octets[-1] ^ 1,)))
    file = pem(tmp_path / "forged.pem", forged, label="X509 CRL")
    assert "verify failure" in run("crl", "-in", file, "-verify", "-CAfile", signers, "-noout").stderr


@needs_openssl
@pytest.mark.parametrize(
    ("certificate", "lists", "at"),
    [
        (GOOD, (LIST, AUTHORITIES), NOW),
        (BAD, (LIST, AUTHORITIES), NOW),
        (BAD, (EMPTY, AUTHORITIES), NOW),
        (GOOD, (LIST, AUTHORITY_REVOKED), NOW),
        (GOOD, (LIST, AUTHORITIES), NEXT + 1),
        (GOOD, (LIST, AUTHORITIES), NOW - 1),
        (GOOD, (LIST,), NOW),
        (GOOD, (AUTHORITIES,), NOW),
        (ISSUER.certificate, (AUTHORITIES,), NOW),
        (ISSUER.certificate, (AUTHORITY_REVOKED,), NOW),
    ],
)
def test_openssl_agrees_on_what_is_revoked(
    certificate: Certificate, lists: tuple[RevocationList, ...], at: Instant, tmp_path: Path
) -> None:
    path = ("verify", "-CAfile", pem(tmp_path / "root.pem", ROOT.certificate), *attime(at))
    between = ("-untrusted", pem(tmp_path / "between.pem", ISSUER.certificate))
    known = ("-CRLfile", pem(tmp_path / "lists.pem", *lists, label="X509 CRL"))
    leaf = pem(tmp_path / "leaf.pem", certificate)
    theirs = run(*path, *between, *known, "-crl_check", "-crl_check_all", leaf)
    ours = status(certificate, *lists, at=at)
    assert (theirs.returncode == 0) is (ours == ()), theirs.stderr
    assert ("certificate revoked" in theirs.stderr) is any("revoked 20" in finding.found for finding in ours)
    assert run(*path, *between, leaf).returncode == 0


@needs_openssl
def test_openssl_agrees_on_a_device(tmp_path: Path) -> None:
    """It asks for the authority's status only where its certificate is the one that is verified."""
    of_root = issue_revocation_list(PKI.device_root, (), NOW, NEXT, 1)
    roots = pem(tmp_path / "root.pem", PKI.device_root.certificate)
    lists = pem(tmp_path / "lists.pem", of_root, label="X509 CRL")
    authority = pem(tmp_path / "authority.pem", PKI.device_authority.certificate)
    path = ("verify", "-CAfile", roots, *attime(NOW))
    assert run(*path, "-CRLfile", lists, "-crl_check", authority).returncode == 0
    assert run(*path, "-untrusted", authority, pem(tmp_path / "leaf.pem", DEVICE)).returncode == 0


REASONS = {
    x509.ReasonFlags.key_compromise: RevocationReason.KEY_COMPROMISE,
    x509.ReasonFlags.ca_compromise: RevocationReason.AUTHORITY_COMPROMISE,
    x509.ReasonFlags.affiliation_changed: RevocationReason.AFFILIATION_CHANGED,
    x509.ReasonFlags.superseded: RevocationReason.SUPERSEDED,
    x509.ReasonFlags.cessation_of_operation: RevocationReason.CESSATION_OF_OPERATION,
    x509.ReasonFlags.certificate_hold: RevocationReason.CERTIFICATE_HOLD,
    x509.ReasonFlags.privilege_withdrawn: RevocationReason.PRIVILEGE_WITHDRAWN,
    x509.ReasonFlags.aa_compromise: RevocationReason.ATTRIBUTE_AUTHORITY_COMPROMISE,
}
MOMENTS = st.integers(instant(2001, 1, 1), instant(2099, 12, 31))
SERIALS = st.integers(1, MAX_NUMBER - 1)
LISTED = st.lists(
    st.builds(RevokedCertificate, SERIALS, MOMENTS, st.sampled_from(RevocationReason)),
    max_size=6,
    unique_by=lambda entry: entry.serial,
)


@given(LISTED, MOMENTS, st.integers(1, 10**8), st.integers(0, MAX_NUMBER - 1))
def test_the_general_library_reads_what_is_issued(
    entries: list[RevokedCertificate], at: Instant, lasts: int, number: int
) -> None:
    ours = issue_revocation_list(ISSUER, entries, at, at + lasts, number)
    theirs = x509.load_der_x509_crl(ours.octets)
    signer = x509.load_der_x509_certificate(ISSUER.certificate.octets).public_key()
    assert isinstance(signer, ec.EllipticCurvePublicKey)
    assert theirs.is_signature_valid(signer)
    assert (from_datetime(theirs.last_update_utc), theirs.next_update_utc) == (at, to_datetime(at + lasts))
    assert theirs.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == number
    assert [(e.serial_number, from_datetime(e.revocation_date_utc), _reason(e)) for e in theirs] == entries
    assert ours.entries == tuple(entries)


def _reason(entry: x509.RevokedCertificate) -> RevocationReason:
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            return REASONS[extension.value.reason]
    return RevocationReason.UNSPECIFIED


def test_the_general_librarys_lists_are_read() -> None:
    private = ec.derive_private_key(77, ec.SECP256R1())
    key = x509.AuthorityKeyIdentifier(b"12345678", None, None)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "TEST another")]))
        .last_update(to_datetime(NOW))
        .next_update(to_datetime(NOW) + timedelta(hours=12))
        .add_extension(key, critical=False)
        .add_extension(x509.CRLNumber(300), critical=False)
    )
    for serial, (flag, _) in enumerate(REASONS.items(), 1):
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(to_datetime(NOW))
        revoked = revoked.add_extension(x509.CRLReason(flag), critical=False)
        invalid = x509.InvalidityDate(to_datetime(NOW))
        builder = builder.add_revoked_certificate(revoked.add_extension(invalid, critical=False).build())
    read = RevocationList.decode(_der(builder.sign(private, hashes.SHA256())))
    assert read.entries == tuple(RevokedCertificate(n, NOW, reason) for n, reason in enumerate(REASONS.values(), 1))
    assert (read.number, read.authority_key_identifier, read.unknown_critical) == (300, b"12345678", ())
    assert str(read.issuer) == "CN=TEST another"


def _der(theirs: x509.CertificateRevocationList) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return theirs.public_bytes(Encoding.DER)


# What is refused


def test_only_an_authority_for_tests_signs_lists() -> None:
    entity = Issuer(BAD, KEY.sign)
    with pytest.raises(EncodeError, match="may sign revocation lists"):
        issue_revocation_list(entity, (), NOW, NEXT, 1)
    with pytest.raises(EncodeError, match="contains TEST"):
        issue_revocation_list(Issuer(GOOD, KEY.sign), (), NOW, NEXT, 1)
    with pytest.raises(EncodeError, match="does not verify"):
        issue_revocation_list(Issuer(ISSUER.certificate, KEY.sign), (), NOW, NEXT, 1)


@pytest.mark.parametrize(
    ("entries", "next_update", "number", "text"),
    [
        ((ENTRIES[0], ENTRIES[0]), NEXT, 1, "entries: each serial number once"),
        ((), NOW, 1, "next_update: must be later"),
        ((), NEXT, -1, "number: a number from 0"),
        ((), NEXT, MAX_NUMBER, "number: a number from 0"),
        ((RevokedCertificate(0, NOW),), NEXT, 1, "serial: a number from 1"),
        ((RevokedCertificate(MAX_NUMBER, NOW),), NEXT, 1, "serial: a number from 1"),
    ],
)
def test_what_no_list_can_hold_is_our_own_fault(
    entries: tuple[RevokedCertificate, ...], next_update: Instant, number: int, text: str
) -> None:
    with pytest.raises(EncodeError, match=text):
        issue_revocation_list(ISSUER, entries, NOW, next_update, number)


def resigned(old: bytes, new: bytes, revocations: RevocationList = LIST) -> bytes:
    """The list with a part exchanged for one of the same length, signed anew."""
    assert len(old) == len(new)
    assert revocations.tbs.count(old) == 1
    return put_signed(revocations.tbs.replace(old, new), ISSUER.sign, Verifier(ISSUER.certificate.public_point))


REASON = bytes.fromhex("0603551D1504030A0101")


def test_a_reason_that_no_complete_list_has_is_an_error() -> None:
    for number in (7, 8, 11):
        with pytest.raises(DecodeError, match=f"a reason of a complete list, found {number}"):
            RevocationList.decode(resigned(REASON, REASON[:-1] + bytes((number,))))


def test_a_list_of_another_version_is_an_error() -> None:
    start = LIST.tbs[:6]
    assert start.endswith(b"\x02\x01\x01")
    for version in (0, 2):
        with pytest.raises(DecodeError, match="version 2"):
            RevocationList.decode(resigned(start, start[:-1] + bytes((version,))))


def test_an_unknown_critical_extension_spoils_a_list() -> None:
    for kind, critical in (("2.5.29.27", True), ("2.5.29.28", True), ("2.5.29.99", False)):
        new = put_extension(oid(kind), b"\x30\x00", critical=critical)
        read = RevocationList.decode(_with_extension(new))
        expected = [Aspect.PROFILE] if critical else []
        assert aspects(check_revocation_list(read, ISSUER.certificate, NOW)) == expected
        assert read.unknown_critical == ((kind,) if critical else ())


def _with_extension(extension: bytes) -> bytes:
    """The empty list with one more extension, signed anew."""
    content = EMPTY.tbs[EMPTY.tbs.index(b"\x02\x01\x01\x30") :]
    at = content.index(b"\xa0")
    extensions = content[at + 4 :]
    tbs = tlv(SEQUENCE, content[:at], tlv(0xA0, tlv(SEQUENCE, extensions, extension)))
    return put_signed(tbs, ISSUER.sign, Verifier(ISSUER.certificate.public_point))


def test_a_critical_extension_of_an_entry_spoils_the_list() -> None:
    old = tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, oid("2.5.29.21")), tlv(OCTET_STRING, b"\x0a\x01\x01"))
    flag = tlv(BOOLEAN, b"\xff")
    new = tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, oid("2.5.29.29")), flag, tlv(OCTET_STRING, b""))
    read = RevocationList.decode(resigned(old, new))
    assert read.unknown_critical == ("2.5.29.29",)
    assert aspects(check_revocation_list(read, ISSUER.certificate, NOW)) == [Aspect.PROFILE]


def test_a_list_without_number_or_key_is_told() -> None:
    number, key = bytes.fromhex("0603551D14"), bytes.fromhex("0603551D23")
    for old, aspect in ((number, Aspect.NUMBER), (key, Aspect.PROFILE)):
        read = RevocationList.decode(resigned(old, bytes.fromhex("0603551D63")))
        assert aspects(check_revocation_list(read, ISSUER.certificate, NOW)) == [aspect]


def test_a_list_is_bounded() -> None:
    with pytest.raises(DecodeError, match="at most"):
        RevocationList.decode(bytes(MAX_REVOCATION_LIST + 1))
    entries = [RevokedCertificate(1 << 126 | n, NOW, RevocationReason.SUPERSEDED) for n in range(20_000)]
    assert len(issue_revocation_list(ISSUER, entries, NOW, NEXT, 1).octets) <= MAX_REVOCATION_LIST


def test_every_octet_of_a_list_counts() -> None:
    accepted = []
    for at in range(len(LIST.octets)):
        changed = LIST.octets[:at] + bytes((LIST.octets[at] ^ 1,)) + LIST.octets[at + 1 :]
        try:
            read = RevocationList.decode(changed)
        except DecodeError:
            continue
        if not check_revocation_list(read, ISSUER.certificate, NOW):
            accepted.append(at)
    assert accepted == []


@pytest.mark.parametrize("cut", range(0, len(LIST.octets), 3))
def test_a_truncated_list_is_a_decode_error(cut: int) -> None:
    with pytest.raises(DecodeError):
        RevocationList.decode(LIST.octets[:cut])


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
def test_changed_octets_are_an_error_or_a_value(changes: list[tuple[int, int]], empty: bool) -> None:
    octets = bytearray((EMPTY if empty else LIST).octets)
    for at, octet in changes:
        octets[at % len(octets)] = octet
    try:
        read = RevocationList.decode(bytes(octets))
    except DecodeError as error:
        assert 0 <= error.offset <= len(octets)  # noqa: PT017 - either outcome is right
        return
    assert read.encode() == bytes(octets)
    assert str(read).isprintable()
    assert bool(check_revocation_list(read, ISSUER.certificate, NOW)) is (read not in (LIST, EMPTY))


@given(st.binary(max_size=200))
def test_octets_that_are_no_list_are_a_decode_error(octets: bytes) -> None:
    with pytest.raises(DecodeError):
        RevocationList.decode(octets)
    with pytest.raises(DecodeError):
        RevocationList.decode(LIST.octets[:4] + octets)
