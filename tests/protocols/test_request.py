"""Certification requests of devices and of organisations: made, read, checked, granted; both ways of reading agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from protocols.der import BIT_STRING, NEVER, OBJECT_IDENTIFIER, PRINTABLE_STRING, SEQUENCE, SET, UTF8_STRING, oid, tlv
from protocols.errors import CertificateError, DecodeError, EncodeError
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import instant
from protocols.smki.building import (
    ALGORITHM,
    EMPTY_NAME,
    Validity,
    device_name_extension,
    key_usage_extension,
    organisation_name,
    put_extension,
    put_signed,
    request_info,
)
from protocols.smki.certificate import CertificateKind
from protocols.smki.check import check, check_chain
from protocols.smki.finding import Aspect, Finding
from protocols.smki.infrastructure import BEGINS, key_pair, make_infrastructure
from protocols.smki.issuer import BulkIssuer
from protocols.smki.names import COMMON_NAME, XML_SIGNING_BY_DATA_SERVICE, XML_SIGNING_BY_USERS, KeyUsage
from protocols.smki.request import (
    CertificationRequest,
    _take_request,
    check_request,
    grant,
    issue_requested_device,
    issue_requested_organisation,
    request_text,
)
from protocols.smki.signature import Verifier
from protocols.smki.usual_request import take_usual

from .openssl import needs_openssl, run
from .test_certificate import embedded, keystore

SUPPLIER, METER = eui64("90B3D51F30010000"), eui64("00DB1234567890A0")
PKI = make_infrastructure(b"requests")
KEY = key_pair(b"requests, some entity")
TEN_YEARS = Validity(instant(2026, 1, 1), instant(2035, 12, 31, 23, 59, 59))
REQUEST = CertificationRequest.make(METER, KeyUsage.KEY_AGREEMENT, KEY.point, KEY.sign)
ORGANISATION = CertificationRequest.make_organisation(
    SUPPLIER, RemotePartyRole.SUPPLIER, KeyUsage.DIGITAL_SIGNATURE, KEY.point, KEY.sign, "SOME SUPPLIER"
)
REQUESTS = (
    REQUEST,
    CertificationRequest.make(METER, KeyUsage.DIGITAL_SIGNATURE, KEY.point, KEY.sign),
    ORGANISATION,
    CertificationRequest.make_organisation(SUPPLIER, 3, KeyUsage.KEY_AGREEMENT, KEY.point, KEY.sign),
)
ROLES = (*range(9), 127, XML_SIGNING_BY_USERS, XML_SIGNING_BY_DATA_SERVICE)


def aspects(findings: tuple[Finding, ...]) -> list[Aspect]:
    return [finding.aspect for finding in findings]


def signed(subject: bytes, *extensions: bytes) -> CertificationRequest:
    """A request that may be anything, but proves possession."""
    info = request_info(subject, extensions, KEY.point)
    return CertificationRequest.decode(put_signed(info, KEY.sign, Verifier(KEY.point)))


def test_a_devices_request_comes_back_and_is_granted() -> None:
    read = CertificationRequest.decode(REQUEST.encode())
    assert (read.entity, read.key_usage, read.public_point) == (METER, KeyUsage.KEY_AGREEMENT, KEY.point)
    assert (read.kind, read.role, read.common_name) == (CertificateKind.DEVICE, None, "")
    assert check_request(read, METER, KeyUsage.KEY_AGREEMENT, kind=CertificateKind.DEVICE) == ()
    granted = issue_requested_device(PKI.device_authority, read, 5, BEGINS)
    assert check(granted, PKI.device_authority.certificate, entity=METER, key_usage=KeyUsage.KEY_AGREEMENT) == ()
    assert granted.public_point == KEY.point
    assert request_text(REQUEST.octets) == "certification request, 00-DB-12-34-56-78-90-A0, key agreement"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("use", [KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT])
@pytest.mark.parametrize("name", ["", "Energie für alle"])
def test_an_organisations_request_is_granted_in_every_role(role: int, use: KeyUsage, name: str) -> None:
    made = CertificationRequest.make_organisation(SUPPLIER, role, use, KEY.point, KEY.sign, name)
    read = CertificationRequest.decode(made.encode())
    assert (read.kind, read.entity, read.role, read.common_name) == (
        CertificateKind.ORGANISATION,
        SUPPLIER,
        role,
        name,
    )
    assert check_request(read, SUPPLIER, use, kind=CertificateKind.ORGANISATION, role=role) == ()
    granted = issue_requested_organisation(PKI.organisation_authority, read, 1 << 126, TEN_YEARS)
    issuer = PKI.organisation_authority.certificate
    kind = CertificateKind.ORGANISATION
    assert check(granted, issuer, BEGINS + 10**8, kind=kind, role=role, key_usage=use, entity=SUPPLIER) == ()
    assert check_chain(granted, PKI.authorities, PKI.trust_anchors, TEN_YEARS.not_after) == ()
    assert granted.subject == read.subject
    assert (granted.subject.get(COMMON_NAME) or "") == name


def test_summaries_of_requests() -> None:
    assert str(ORGANISATION) == "certification request, supplier, 90-B3-D5-1F-30-01-00-00, digital signature"
    assert (
        request_text(b"")
        == "not a readable certification request: octet 0 (request): expected 2 octets, found only 0 left"
    )


def test_a_request_of_another_party_kind_role_or_use_is_told() -> None:
    assert aspects(check_request(REQUEST, Eui64(SUPPLIER), KeyUsage.DIGITAL_SIGNATURE)) == [
        Aspect.ENTITY,
        Aspect.KEY_USAGE,
    ]
    assert aspects(check_request(REQUEST, kind=CertificateKind.ORGANISATION, role=2)) == [Aspect.KIND, Aspect.ROLE]
    assert aspects(check_request(ORGANISATION, role=3)) == [Aspect.ROLE]
    strange = CertificationRequest.make_organisation(SUPPLIER, 9, KeyUsage.KEY_AGREEMENT, KEY.point, KEY.sign)
    assert str(check_request(strange)[0]) == (
        "certification request: role: expected a role of the infrastructure, found role 9"
    )


def test_neither_authority_grants_the_others_requests() -> None:
    with pytest.raises(CertificateError, match="kind: expected device, found organisation"):
        issue_requested_device(PKI.device_authority, ORGANISATION, 5, BEGINS)
    with pytest.raises(CertificateError, match="kind: expected organisation, found device"):
        issue_requested_organisation(PKI.organisation_authority, REQUEST, 5, TEN_YEARS)
    with pytest.raises(EncodeError, match=r"an authority of policy 1\.2\.826\.0\.1\.8641679"):
        issue_requested_organisation(PKI.device_authority, ORGANISATION, 5, TEN_YEARS)
    with pytest.raises(EncodeError, match=r"an authority of policy 1\.2\.826\.0\.1\.1800000"):
        issue_requested_device(PKI.organisation_authority, REQUEST, 5, BEGINS)


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_a_request_that_does_not_prove_possession_is_refused(request_: CertificationRequest) -> None:
    octets = bytearray(request_.octets)
    octets[-1] ^= 1
    forged = CertificationRequest.decode(bytes(octets))
    assert aspects(check_request(forged)) == [Aspect.SIGNATURE]
    issuing = BulkIssuer(PKI.device_authority, Validity(BEGINS, NEVER))
    if request_.kind is CertificateKind.ORGANISATION:
        issuing = BulkIssuer(PKI.organisation_authority, TEN_YEARS)
    with pytest.raises(CertificateError, match="does not verify"):
        grant(issuing, forged, 5, request_.kind)


def test_another_key_than_the_one_that_signs_is_refused() -> None:
    other = key_pair(b"requests, another")
    with pytest.raises(EncodeError, match="does not verify"):
        CertificationRequest.make(METER, KeyUsage.KEY_AGREEMENT, other.point, KEY.sign)
    swapped = CertificationRequest.decode(REQUEST.octets.replace(KEY.point, other.point))
    assert aspects(check_request(swapped)) == [Aspect.SIGNATURE]


USE, NAME = key_usage_extension(KeyUsage.KEY_AGREEMENT), device_name_extension(METER)
SUBJECT = organisation_name(SUPPLIER, 2, "SOME SUPPLIER")


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (signed(EMPTY_NAME, USE), [Aspect.PROFILE, Aspect.ENTITY]),
        (signed(EMPTY_NAME, NAME), [Aspect.PROFILE, Aspect.KEY_USAGE]),
        (signed(SUBJECT, USE, NAME), [Aspect.PROFILE]),
        (signed(SUBJECT), [Aspect.PROFILE, Aspect.KEY_USAGE]),
        (signed(EMPTY_NAME, USE, NAME, put_extension(oid("2.5.29.99"), b"", critical=True)), [Aspect.PROFILE]),
        (signed(EMPTY_NAME, USE.replace(b"\x01\x01\xff", b"\x01\x01\x00"), NAME), [Aspect.PROFILE]),
        (signed(SUBJECT, key_usage_extension(KeyUsage(0x11))), [Aspect.KEY_USAGE]),
        (signed(SUBJECT.replace(b"SOME", b"\x1b[2J"), USE), [Aspect.PROFILE]),
        (signed(SUBJECT.replace(b"\x0c\x0dSOME", b"\x13\x0dSOME"), USE), [Aspect.PROFILE]),
        (signed(tlv(SEQUENCE, SUBJECT[2:], SUBJECT[2:]), USE), [Aspect.PROFILE]),
        (signed(organisation_name(SUPPLIER, 2).replace(b"02", b"2a"), USE), [Aspect.PROFILE]),
        (
            signed(tlv(SEQUENCE, tlv(SET, tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, COMMON_NAME), tlv(UTF8_STRING)))), USE),
            [Aspect.PROFILE, Aspect.ENTITY],
        ),
    ],
)
def test_a_request_out_of_its_profile_is_told(wrong: CertificationRequest, found: list[Aspect]) -> None:
    assert aspects(check_request(wrong)) == found
    assert str(wrong).isprintable()


def test_a_name_has_at_most_64_characters() -> None:
    with pytest.raises(EncodeError, match="common_name: at most 64"):
        organisation_name(SUPPLIER, 2, "x" * 65)
    content = tlv(SET, tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, COMMON_NAME), tlv(UTF8_STRING, b"x" * 65)))
    long = signed(tlv(SEQUENCE, content, organisation_name(SUPPLIER, 2)[2:]), USE)
    assert aspects(check_request(long)) == [Aspect.PROFILE]
    assert long.subject.get(COMMON_NAME, PRINTABLE_STRING) is None


# Reading


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_a_truncated_request_is_a_decode_error(request_: CertificationRequest) -> None:
    for cut in range(len(request_.octets)):
        with pytest.raises(DecodeError):
            CertificationRequest.decode(request_.octets[:cut])
        assert request_text(request_.octets[:cut]).startswith("not a readable certification request: octet")


def members(request: CertificationRequest) -> tuple[object, ...]:
    return tuple(getattr(request, name) for name in CertificationRequest.__slots__)


@pytest.mark.parametrize("request_", REQUESTS[:2], ids=str)
def test_both_ways_of_reading_a_devices_request_agree(request_: CertificationRequest) -> None:
    usual = take_usual(request_.octets)
    assert usual is not None
    assert tuple(usual) == members(_take_request(request_.octets))
    for octets in (b"", request_.octets[:-1], request_.octets + b"\0"):
        assert take_usual(octets) is None


def test_every_octet_that_changes_changes_both_ways_of_reading_alike() -> None:
    shortened = 0
    for at in range(len(REQUEST.octets)):
        for flip in (0x01, 0x80, 0xFF):
            octets = REQUEST.octets[:at] + bytes((REQUEST.octets[at] ^ flip,)) + REQUEST.octets[at + 1 :]
            usual = take_usual(octets)
            if usual is not None:
                shortened += 1
                assert tuple(usual) == members(_take_request(octets))
    assert shortened > 300


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4), st.sampled_from(REQUESTS))
def test_changed_octets_are_an_error_or_a_value(changes: list[tuple[int, int]], request_: CertificationRequest) -> None:
    octets = bytearray(request_.octets)
    for at, octet in changes:
        octets[at % len(octets)] = octet
    try:
        read = CertificationRequest.decode(bytes(octets))
    except DecodeError as error:
        assert 0 <= error.offset <= len(octets)  # noqa: PT017 - either outcome is right
        return
    assert read.encode() == bytes(octets)
    assert members(read) == members(_take_request(bytes(octets)))
    assert str(read).isprintable()
    assert bool(check_request(read)) is (read != request_)


@given(st.integers(1, 2**256 - 1), st.integers(1, 2**256 - 1))
def test_signatures_of_every_length_are_read_alike(r: int, s: int) -> None:
    octets = tlv(SEQUENCE, REQUEST.info, ALGORITHM, tlv(BIT_STRING, b"\0", encode_dss_signature(r, s)))
    usual = take_usual(octets)
    assert usual is None or usual.signature == (r, s)
    assert CertificationRequest.decode(octets).signature == (r, s)


# The general library, OpenSSL, the reference


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_the_general_library_reads_a_request(request_: CertificationRequest) -> None:
    theirs = x509.load_der_x509_csr(request_.octets)
    assert theirs.is_signature_valid
    assert theirs.subject.public_bytes() == request_.subject.octets
    assert all(extension.critical for extension in theirs.extensions)
    assert len(theirs.extensions) == len(request_.extensions)


def test_the_general_librarys_request_is_read_and_granted() -> None:
    private = ec.derive_private_key(99, ec.SECP256R1())
    usage = x509.KeyUsage(True, *(False,) * 8)
    builder = x509.CertificateSigningRequestBuilder().add_extension(usage, critical=True)
    text, identifier = x509.NameAttribute, b"\0" + SUPPLIER
    name = x509.Name(
        [
            text(x509.NameOID.COMMON_NAME, "SOME NAME"),
            text(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "02"),
            text(x509.NameOID.X500_UNIQUE_IDENTIFIER, identifier, _type=_BIT_STRING),
        ]
    )
    made = builder.subject_name(name).sign(private, hashes.SHA256()).public_bytes(Encoding.DER)
    read = CertificationRequest.decode(made)
    assert check_request(read, SUPPLIER, KeyUsage.DIGITAL_SIGNATURE, role=2) == ()
    granted = issue_requested_organisation(PKI.organisation_authority, read, 5, TEN_YEARS)
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert granted.public_point == point
    assert granted.subject.octets == name.public_bytes()


_BIT_STRING = next(kind for kind in x509.name._ASN1Type if kind.value == 3)


@needs_openssl
@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_openssl_reads_a_request(request_: CertificationRequest, tmp_path: Path) -> None:
    file = tmp_path / "request.der"
    file.write_bytes(request_.octets)
    shown = run("req", "-inform", "DER", "-in", file, "-noout", "-verify", "-text")
    wanted = "Key Agreement" if request_.key_usage is KeyUsage.KEY_AGREEMENT else "Digital Signature"
    assert wanted in shown.stdout
    assert "verify OK" in shown.stdout + shown.stderr


@pytest.mark.shared
def test_what_is_granted_has_the_reference_certificates_fields() -> None:
    """All that is in them but issuer, serial number, validity and keys, which differ by their nature."""
    theirs = [*keystore().items(), *((str(number), each) for number, each in enumerate(embedded()))]
    compared = 0
    for name, reference in theirs:
        if reference.authority_key_identifier is None or check(reference) or reference.entity is None:
            continue  # signs itself, is deliberately bad, or is an authority's
        compared += 1
        use = reference.key_usage or KeyUsage(0)
        if reference.kind is CertificateKind.DEVICE:
            asked = CertificationRequest.make(reference.entity, use, KEY.point, KEY.sign)
            ours = issue_requested_device(PKI.device_authority, asked, 1 << 126, reference.not_before)
        else:
            common_name = reference.subject.get(COMMON_NAME) or ""
            role = reference.role or 0
            asked = CertificationRequest.make_organisation(
                reference.entity, role, use, KEY.point, KEY.sign, common_name
            )
            validity = Validity(reference.not_before, reference.not_after)
            ours = issue_requested_organisation(PKI.organisation_authority, asked, 1 << 126, validity)
        same = ("version", "not_before", "not_after", "subject", "key_usage", "policies", "device", "kind", "role")
        for member in same:
            assert getattr(ours, member) == getattr(reference, member), (name, member)
        assert [e[:2] for e in ours.extensions] == [e[:2] for e in reference.extensions], name
        assert [a[:2] for a in ours.issuer.attributes] == [a[:2] for a in reference.issuer.attributes], name
        assert [len(e.octets) for e in ours.extensions] == [len(e.octets) for e in reference.extensions], name
    assert compared > 400
