"""Certificates: reading, profiles, paths; the reference key store against the published authority keys."""

from __future__ import annotations

import dataclasses
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from protocols.der import NEVER, UTF8_STRING, oid, tlv
from protocols.errors import DecodeError
from protocols.eui64 import eui64
from protocols.gbcs.asn1_types import asn1_type, decode_asn1
from protocols.gbcs.message import Message
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import from_datetime, instant
from protocols.smki.certificate import Certificate, CertificateKind, certificate_text, key_identifier
from protocols.smki.check import Aspect, Finding, TrustAnchor, check, check_chain, signed_by, verifies
from protocols.smki.infrastructure import BEGINS, key_pair, make_infrastructure
from protocols.smki.issue import ORGANISATION as ORGANISATION_HIERARCHY
from protocols.smki.issue import Issuer, Validity, issue_authority, issue_organisation
from protocols.smki.names import KEY_USAGE, KeyUsage

from ..reference import KEYSTORE, reference_messages

# Public keys of the reference certificates' root ZA and device authority E357
ROOT = TrustAnchor.of_key(
    bytes.fromhex(
        "040691e68b45c57e2ec7974ef6d1360a50da01576e0ee0b3b4c67f64127120e63f"
        "31771cc9dcbd5ae007d0c6170951d7035bcefc8b1f81805e0fd0f7a555dcca78"
    )
)
DEVICE_AUTHORITY = TrustAnchor.of_key(
    bytes.fromhex(
        "041f3b1aa71f247df76435b0e3ed8808991abbf7340d5b726fd45d076403de664e"
        "d67b6e2d3b59880ba0fe4fd8a7abe9c2ed61afc8eb28b653c6266f6f0d8b7c8f"
    )
)
ANCHORS = (ROOT, DEVICE_AUTHORITY)
NOT_DER = {"00db123456789023-ka", "00db12345678909b-ds"}  # a superfluous leading zero in a signature integer
SELF_SIGNED = {"90b3d51f30010008-ds", "90b3d51f30010008-ka"}
THEN = instant(2016, 6, 1)  # when all of the key store is valid but for what began later

SUPPLIER, METER = eui64("90B3D51F30010000"), eui64("00DB1234567890A0")
PKI = make_infrastructure(b"certificates")
KEY = key_pair(b"certificates, some entity")
ORGANISATION = PKI.organisation(SUPPLIER, RemotePartyRole.SUPPLIER, KeyUsage.DIGITAL_SIGNATURE, KEY.point)
DEVICE = PKI.device(METER, KeyUsage.KEY_AGREEMENT, KEY.point)
NOW = instant(2026, 1, 1)
SHOWN = "90-B3-D5-1F-30-01-00-00"
Z2 = "key 49D2A8DF85845FC3 of OU=07, CN=Z2"


@cache
def keystore() -> dict[str, Certificate]:
    """Every certificate file of the reference key store; a few files hold bare keys."""
    found = {}
    for file in sorted(KEYSTORE.glob("*.pem")):
        lines = file.read_text().split("\n")
        if "CERTIFICATE" in lines[0]:
            der = b64decode("".join(line for line in lines if "-" not in line))
            found[file.stem] = Certificate.decode(der)
    return found


def octets_in(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from octets_in(item)
    elif dataclasses.is_dataclass(value):
        for member in dataclasses.fields(value):
            yield from octets_in(getattr(value, member.name))


@cache
def embedded() -> tuple[Certificate, ...]:
    """Every distinct certificate inside a reference message."""
    found = set()
    for reference in reference_messages():
        message = Message.decode(reference.octets)
        found.add(message.other.certificate or b"")
        if asn1_type(message.message_code, message.cra) is not None:
            found |= set(octets_in(decode_asn1(message.message_code, message.cra, message.payload).value))
    return tuple(Certificate.decode(octets) for octets in sorted(found) if len(octets) > 300)


def authorities() -> list[Certificate]:
    return [c for c in embedded() if c.kind is CertificateKind.AUTHORITY and not check_chain(c, (), ANCHORS)]


def aspects(findings: tuple[Finding, ...]) -> list[Aspect]:
    return [finding.aspect for finding in findings]


@pytest.mark.shared
def test_every_certificate_of_the_key_store_is_read() -> None:
    kinds = Counter((c.kind, c.key_usage) for c in keystore().values())
    assert kinds[CertificateKind.DEVICE, KeyUsage.DIGITAL_SIGNATURE] == 200
    assert kinds[CertificateKind.DEVICE, KeyUsage.KEY_AGREEMENT] == 200
    assert kinds[CertificateKind.ORGANISATION, KeyUsage.DIGITAL_SIGNATURE] == 8
    assert kinds[CertificateKind.ORGANISATION, KeyUsage.KEY_AGREEMENT] == 8
    assert {name for name, c in keystore().items() if not c.signature_is_der} == NOT_DER
    assert all(c.subject_key_identifier == key_identifier(c.public_point) for c in keystore().values())


@pytest.mark.shared
def test_the_general_library_reads_the_same() -> None:
    for name, ours in keystore().items():
        if name in NOT_DER:
            continue
        theirs = x509.load_der_x509_certificate(ours.octets)
        assert ours.serial == theirs.serial_number
        assert ours.tbs == theirs.tbs_certificate_bytes
        assert ours.not_before == from_datetime(theirs.not_valid_before_utc)
        assert ours.not_after == from_datetime(theirs.not_valid_after_utc)
        assert [e.critical for e in ours.extensions] == [e.critical for e in theirs.extensions]
        usage = theirs.extensions.get_extension_for_class(x509.KeyUsage).value
        assert (ours.key_usage == KeyUsage.DIGITAL_SIGNATURE) is usage.digital_signature
        assert (ours.key_usage == KeyUsage.KEY_AGREEMENT) is usage.key_agreement


@pytest.mark.shared
def test_the_key_store_chains_to_the_published_keys() -> None:
    for name, certificate in keystore().items():
        findings = check(certificate) + check_chain(certificate, authorities(), ANCHORS)
        expected = [Aspect.PROFILE] if name in NOT_DER else []
        expected = [Aspect.PROFILE, Aspect.TRUST_ANCHOR] if name in SELF_SIGNED else expected
        assert aspects(findings) == expected, name


@pytest.mark.shared
def test_file_names_say_whose_certificates_they_are_but_for_one() -> None:
    different = []
    for name, certificate in keystore().items():
        use = KeyUsage.DIGITAL_SIGNATURE if name.endswith("-ds") else KeyUsage.KEY_AGREEMENT
        if check(certificate, entity=eui64(name[:16]), key_usage=use)[: -1 if name in NOT_DER | SELF_SIGNED else None]:
            different.append(name)
    assert different == ["90b3d51f30000007-ka"]


@pytest.mark.shared
def test_the_certificates_of_organisations_have_ended_and_those_of_devices_have_not() -> None:
    late = {name for name, c in keystore().items() if Aspect.VALIDITY in aspects(check(c, at=NOW))}
    assert len(late) == 14
    assert all(name.startswith("90b3d51f300") and name not in SELF_SIGNED for name in late)
    early = {name for name, c in keystore().items() if Aspect.VALIDITY in aspects(check(c, at=THEN))}
    assert early == SELF_SIGNED


@pytest.mark.shared
def test_the_deliberately_bad_certificates_in_messages_are_told_apart() -> None:
    wrong = [check(c) + check_chain(c, authorities(), ANCHORS) for c in embedded()]
    texts = sorted("; ".join(map(str, findings)) for findings in wrong if findings)
    assert len(embedded()) == 19
    bad, none = "found one that does not verify", "found no such issuer"
    device = "device 00-DB-12-34-56-78-90-A0"
    either = "expected either digital signature or key agreement, found non repudiation"
    assert texts == [
        f"authority OU=07, CN=Z1: signature: expected made by key 48CF1B32697C4669, {bad}",
        f"{device}: profile: {either}; {device}: signature: expected made by key 47D40AF3412904A0, {bad}",
        f"organisation {SHOWN}: trust anchor: expected a path to a trusted key by way of {Z2}, {none}",
    ]


def test_what_is_expected_and_what_is_found_is_said() -> None:
    wrong = check(
        ORGANISATION,
        PKI.organisation_authority.certificate,
        BEGINS - 1,
        kind=CertificateKind.DEVICE,
        role=RemotePartyRole.NETWORK_OPERATOR,
        key_usage=KeyUsage.KEY_AGREEMENT,
        entity=METER,
    )
    name = "organisation 90-B3-D5-1F-30-01-00-00"
    assert [str(finding) for finding in wrong] == [
        f"{name}: kind: expected device, found organisation",
        f"{name}: role: expected network operator, found supplier",
        f"{name}: entity identifier: expected 00-DB-12-34-56-78-90-A0, found 90-B3-D5-1F-30-01-00-00",
        f"{name}: key usage: expected key agreement, found digital signature",
        f"{name}: validity: expected valid at 2023-12-31T23:59:59Z, found not yet valid, begins 2024-01-01T00:00:00Z",
    ]
    expected = {"kind": CertificateKind.ORGANISATION, "role": RemotePartyRole.SUPPLIER, "entity": SUPPLIER}
    use = KeyUsage.DIGITAL_SIGNATURE
    assert check(ORGANISATION, PKI.organisation_authority.certificate, NOW, key_usage=use, **expected) == ()  # type: ignore[arg-type]  # the dictionary mixes types


def test_validity_holds_to_its_first_and_last_second() -> None:
    first, last = ORGANISATION.not_before, ORGANISATION.not_after
    moments = (first - 1, first, last, last + 1)
    assert [aspects(check(ORGANISATION, at=at)) for at in moments] == [[Aspect.VALIDITY], [], [], [Aspect.VALIDITY]]
    assert check_chain(ORGANISATION, PKI.authorities, PKI.trust_anchors, last + 1)[0].aspect is Aspect.VALIDITY
    assert check_chain(ORGANISATION, PKI.authorities, PKI.trust_anchors, None) == ()


def test_the_wrong_issuer_is_told_by_name_key_and_signature() -> None:
    findings = check(ORGANISATION, PKI.device_authority.certificate)
    assert aspects(findings) == [Aspect.ISSUER, Aspect.AUTHORITY_KEY, Aspect.SIGNATURE]


def test_every_octet_of_a_certificate_counts() -> None:
    accepted = []
    for at in range(len(DEVICE.octets)):
        changed = DEVICE.octets[:at] + bytes((DEVICE.octets[at] ^ 1,)) + DEVICE.octets[at + 1 :]
        try:
            certificate = Certificate.decode(changed)
        except DecodeError:
            continue
        if not check_chain(certificate, PKI.authorities, PKI.trust_anchors, NOW):
            accepted.append(at)
    assert accepted == []


def test_an_entity_is_no_authority() -> None:
    impostor = Issuer(ORGANISATION, KEY.sign)
    forged = issue_organisation(
        impostor, SUPPLIER, RemotePartyRole.SUPPLIER, KeyUsage.KEY_AGREEMENT, KEY.point, 7, Validity(BEGINS, NEVER)
    )
    findings = check_chain(forged, (*PKI.authorities, ORGANISATION), PKI.trust_anchors, NOW)
    assert aspects(findings) == [Aspect.AUTHORITY, Aspect.KEY_USAGE, Aspect.PATH_LENGTH]


def test_an_issuing_authority_has_none_below_itself() -> None:
    pair = key_pair(b"another")
    lower = issue_authority(
        PKI.organisation_authority, ORGANISATION_HIERARCHY, "TEST LOWER", pair.point, 9, Validity(BEGINS, NEVER)
    )
    made = issue_organisation(
        Issuer(lower, pair.sign), SUPPLIER, 2, KeyUsage.KEY_AGREEMENT, KEY.point, 8, Validity(BEGINS, NEVER)
    )
    findings = check_chain(made, (*PKI.authorities, lower), PKI.trust_anchors)
    assert [str(finding) for finding in findings] == [
        "authority OU=07, CN=TEST Z1: path length: expected at most 0 authorities below, found 1"
    ]


def test_a_path_without_anchor_ends_and_says_so() -> None:
    assert aspects(check_chain(DEVICE, PKI.authorities, ())) == [Aspect.TRUST_ANCHOR]
    assert aspects(check_chain(DEVICE, (), PKI.trust_anchors)) == [Aspect.TRUST_ANCHOR]
    root = PKI.device_root.certificate
    findings = check_chain(DEVICE, (*PKI.authorities, root), ())
    assert aspects(findings) == [Aspect.TRUST_ANCHOR]
    assert "signed with its own key" in str(findings[0])
    assert check_chain(root, (), PKI.trust_anchors, NOW) == ()


def test_points_and_signatures_that_are_none_do_not_verify() -> None:
    assert signed_by(DEVICE, PKI.device_authority.certificate.public_point)
    assert not signed_by(DEVICE, KEY.point)
    assert not verifies(b"\x04" + bytes(64), DEVICE.tbs, DEVICE.signature)
    for pair in ((0, 1), (1, 0), (-1, 1), (2**256, 1)):
        assert not verifies(KEY.point, b"", pair)


def rebuilt(certificate: Certificate, old: bytes, new: bytes) -> Certificate:
    """The certificate with a part of the same length exchanged."""
    assert len(old) == len(new)
    assert certificate.octets.count(old) == 1
    return Certificate.decode(certificate.octets.replace(old, new))


@pytest.mark.parametrize(
    ("certificate", "old", "new", "text"),
    [
        (DEVICE, DEVICE.public_point[-4:], bytes(4), "found a point that is not on it"),
        (DEVICE, DEVICE.subject_key_identifier, bytes(8), "found 0000000000000000"),
        (DEVICE, "551D0F0101FF", "551D0F010100", "critical key usage, found not critical"),
        (DEVICE, "03020308", "03020388", "either digital signature or key agreement, found digital signature, key"),
        (DEVICE, "0603551D0E", "0603551D63", "subject key identifier, found none"),
        (ORGANISATION, "060355040B0C023032", "060355040B0C023078", "a role"),
        (
            ORGANISATION,
            "060355042D030900",
            "060355042D0C0900",
            "an EUI-64, found none",
        ),
    ],
)
def test_what_the_profile_forbids(certificate: Certificate, old: bytes | str, new: bytes | str, text: str) -> None:
    one, other = (bytes.fromhex(part) if isinstance(part, str) else part for part in (old, new))
    findings = check(rebuilt(certificate, one, other))
    assert text in " | ".join(map(str, findings))
    assert check(certificate) == ()


def test_text_that_would_move_the_cursor_is_not_repeated() -> None:
    shown = str(rebuilt(ORGANISATION, b"TEST SUPPLIER", b"\x1b[2J\r\n\x07RUDE!\n"[:13].ljust(13)))
    assert "\x1b" not in shown
    assert "RUDE" in shown


def test_a_text_in_place_of_the_identifier_is_no_identifier() -> None:
    bits = tlv(3, b"\0" + SUPPLIER)
    changed = rebuilt(ORGANISATION, bits, tlv(UTF8_STRING, b"00zzzzzzz"))
    assert changed.entity is None


def test_an_extension_stands_once() -> None:
    twice = DEVICE.octets.replace(oid("2.5.29.14"), KEY_USAGE)
    with pytest.raises(DecodeError, match="each extension once, found key usage"):
        Certificate.decode(twice)


@pytest.mark.parametrize("cut", range(0, len(DEVICE.octets), 3))
def test_a_truncated_certificate_is_a_decode_error(cut: int) -> None:
    with pytest.raises(DecodeError):
        Certificate.decode(DEVICE.octets[:cut])
    assert certificate_text(DEVICE.octets[:cut]).startswith("not a readable certificate: octet")


@given(st.lists(st.tuples(st.integers(0, 440), st.integers(0, 255)), min_size=1, max_size=4), st.sampled_from((0, 1)))
def test_changed_octets_are_an_error_or_a_value(changes: list[tuple[int, int]], which: int) -> None:
    octets = bytearray((DEVICE, ORGANISATION)[which].octets)
    for at, octet in changes:
        octets[at % len(octets)] = octet
    try:
        certificate = Certificate.decode(bytes(octets))
    except DecodeError as error:
        assert 0 <= error.offset <= len(octets)  # noqa: PT017 - either outcome is right
        return
    assert certificate.encode() == bytes(octets)
    assert str(certificate).isprintable()
    assert isinstance(check(certificate, PKI.device_authority.certificate, NOW), tuple)


def test_summaries_name_what_matters() -> None:
    assert str(DEVICE) == (
        f"device certificate, 00-DB-12-34-56-78-90-A0, key agreement, serial {DEVICE.serial:X}, "
        "valid from 2024-01-01T00:00:00Z without end"
    )
    assert str(ORGANISATION) == (
        "organisation certificate, supplier, 90-B3-D5-1F-30-01-00-00, TEST SUPPLIER 90-B3-D5-1F-30-01-00-00, "
        f"digital signature, serial {ORGANISATION.serial:X}, valid from 2024-01-01T00:00:00Z to 2033-12-31T23:59:59Z"
    )
