"""The test key infrastructure: profiles, determinism; read by OpenSSL and the general library."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from protocols.der import NEVER
from protocols.errors import EncodeError
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import instant
from protocols.smki.building import put_signed
from protocols.smki.certificate import Certificate
from protocols.smki.check import Aspect, check, check_chain
from protocols.smki.infrastructure import BEGINS, key_pair, make_infrastructure, serial_number
from protocols.smki.issue import (
    DEVICE,
    ORGANISATION,
    Issuer,
    Validity,
    issue_device,
    issue_organisation,
    issue_root,
    says_test,
)
from protocols.smki.names import KeyUsage
from protocols.smki.signature import Verifier

from .openssl import needs_openssl, pem, run
from .test_certificate import keystore

SUPPLIER, METER = eui64("90B3D51F30010000"), eui64("00DB1234567890A0")
PKI = make_infrastructure(b"issue")
KEY = key_pair(b"issue, some entity")
DEVICE_CERTIFICATE = PKI.device(METER, KeyUsage.DIGITAL_SIGNATURE, KEY.point)
SUPPLIER_CERTIFICATE = PKI.organisation(SUPPLIER, RemotePartyRole.SUPPLIER, KeyUsage.KEY_AGREEMENT, KEY.point)
ISSUED = (
    DEVICE_CERTIFICATE,
    SUPPLIER_CERTIFICATE,
    PKI.organisation(SUPPLIER, RemotePartyRole.SUPPLIER, KeyUsage.DIGITAL_SIGNATURE, KEY.point),
    *PKI.authorities,
    PKI.organisation_root.certificate,
    PKI.device_root.certificate,
)


@pytest.mark.parametrize("certificate", ISSUED, ids=str)
def test_what_is_issued_follows_its_profile_and_chains(certificate: Certificate) -> None:
    assert check(certificate) == ()
    assert check_chain(certificate, PKI.authorities, PKI.trust_anchors, BEGINS) == ()
    assert says_test(certificate)


@pytest.mark.parametrize("certificate", ISSUED, ids=str)
def test_the_general_library_reads_what_is_issued(certificate: Certificate) -> None:
    theirs = x509.load_der_x509_certificate(certificate.octets)
    assert theirs.serial_number == certificate.serial
    assert isinstance(theirs.public_key(), ec.EllipticCurvePublicKey)
    usage = theirs.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign is bool((certificate.key_usage or 0) & KeyUsage.KEY_CERT_SIGN)
    name = theirs.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert name == certificate.subject_key_identifier


def test_the_general_library_agrees_on_who_issued_what() -> None:
    device = x509.load_der_x509_certificate(DEVICE_CERTIFICATE.octets)
    device.verify_directly_issued_by(x509.load_der_x509_certificate(PKI.device_authority.certificate.octets))
    with pytest.raises(ValueError, match=r"[Ii]ssuer"):
        device.verify_directly_issued_by(x509.load_der_x509_certificate(PKI.organisation_authority.certificate.octets))


@needs_openssl
@pytest.mark.parametrize("certificate", [DEVICE_CERTIFICATE, SUPPLIER_CERTIFICATE], ids=str)
def test_openssl_follows_the_path(certificate: Certificate, tmp_path: Path) -> None:
    roots = pem(tmp_path / "roots.pem", PKI.organisation_root.certificate, PKI.device_root.certificate)
    between = pem(tmp_path / "between.pem", *PKI.authorities)
    leaf = pem(tmp_path / "leaf.pem", certificate)
    path = ("verify", "-CAfile", roots, "-untrusted", between, "-check_ss_sig", "-attime", "1750000000")
    good = run(*path, leaf)
    assert good.stdout.strip().endswith("OK"), good.stderr
    changed = certificate.octets[:-1] + bytes((certificate.octets[-1] ^ 1,))
    assert run(*path, pem(leaf, Certificate.decode(changed))).returncode != 0


@needs_openssl
def test_openssl_shows_what_was_meant(tmp_path: Path) -> None:
    text = run("x509", "-noout", "-text", "-in", pem(tmp_path / "one.pem", SUPPLIER_CERTIFICATE)).stdout
    assert "Issuer: OU = 07, CN = TEST Z1" in text
    assert "Subject: OU = 02, x500UniqueIdentifier = #03090090B3D51F30010000" in text
    assert "Key Agreement" in text
    assert "Policy: 1.2.826.0.1.8641679.1.2.1.4" in text


@pytest.mark.shared
def test_a_reference_certificate_comes_out_the_same_but_for_issuer_and_signature() -> None:
    theirs = keystore()["90b3d51f30010000-ds"], keystore()["00db1234567890a0-ka"]
    validity = Validity(theirs[0].not_before, theirs[0].not_after)
    ours = (
        issue_organisation(
            PKI.organisation_authority,
            SUPPLIER,
            2,
            KeyUsage.DIGITAL_SIGNATURE,
            theirs[0].public_point,
            theirs[0].serial,
            validity,
            "GITTESTSUPPLIER",
        ),
        issue_device(
            PKI.device_authority,
            METER,
            KeyUsage.KEY_AGREEMENT,
            theirs[1].public_point,
            theirs[1].serial,
            theirs[1].not_before,
        ),
    )
    assert not says_test(theirs[1])
    for made, reference in zip(ours, theirs, strict=True):
        assert _without_issuer(made) == _without_issuer(reference)


def _without_issuer(certificate: Certificate) -> bytes:
    """The signed part from its version on, without issuer name and authority key identifier."""
    start = certificate.tbs.index(b"\xa0\x03\x02\x01\x02")
    assert certificate.authority_key_identifier is not None
    return (
        certificate.tbs[start:]
        .replace(certificate.issuer.octets, b"")
        .replace(certificate.authority_key_identifier, bytes(8))
    )


def test_the_same_entropy_gives_the_same_octets() -> None:
    again = make_infrastructure(b"issue").device(
        METER, KeyUsage.DIGITAL_SIGNATURE, key_pair(b"issue, some entity").point
    )
    assert again.octets == DEVICE_CERTIFICATE.octets
    other = make_infrastructure(b"other").device(METER, KeyUsage.DIGITAL_SIGNATURE, KEY.point)
    assert other.octets != DEVICE_CERTIFICATE.octets
    assert check_chain(other, PKI.authorities, PKI.trust_anchors)[0].aspect is Aspect.TRUST_ANCHOR


def test_serial_numbers_have_sixteen_octets_and_depend_on_every_part() -> None:
    numbers = [serial_number(*parts) for parts in ((b"ab", b"c"), (b"a", b"bc"), (b"abc",), ())]
    assert len(set(numbers)) == 4
    assert {(number.bit_length() + 7) // 8 for number in numbers} == {16}


def test_a_signer_may_give_either_form_but_not_a_wrong_signature() -> None:
    octets = b"\x30\x00"
    der = KEY.sign(octets)
    key = Verifier(KEY.point)
    raw = b"".join(number.to_bytes(32, "big") for number in _pair(der))
    assert put_signed(octets, lambda _: raw, key) == put_signed(octets, lambda _: der, key)
    for signature in (bytes(64), der[:-1], KEY.sign(b"other"), b""):
        with pytest.raises(EncodeError, match="signature"):
            put_signed(octets, lambda _, given=signature: given, key)  # type: ignore[misc]  # binds the loop's value


def _pair(der: bytes) -> tuple[int, int]:
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    return decode_dss_signature(der)


def test_what_does_not_say_test_is_not_issued() -> None:
    validity = Validity(BEGINS, NEVER)
    for name in ("ZA", "test", "TEST é", "TEST @"):
        with pytest.raises(EncodeError, match="contains TEST"):
            issue_root(ORGANISATION, name, KEY.point, KEY.sign, 1, validity)
    assert issue_root(DEVICE, "TEST", KEY.point, KEY.sign, 1, validity).role is None
    assert issue_root(ORGANISATION, "TEST", KEY.point, KEY.sign, 1, validity).role == RemotePartyRole.ROOT


def test_arguments_that_no_certificate_can_hold_are_our_own_fault() -> None:
    issuer, validity = PKI.organisation_authority, Validity(BEGINS, NEVER)
    use = KeyUsage.KEY_AGREEMENT
    for changes in ((bytes(7), 2, 1, KEY.point), (SUPPLIER, 256, 1, KEY.point), (SUPPLIER, 2, 0, KEY.point)):
        entity, role, serial, point = changes
        with pytest.raises(EncodeError):
            issue_organisation(issuer, Eui64(entity), role, use, point, serial, validity)
    with pytest.raises(EncodeError, match="127 bits"):
        issue_device(PKI.device_authority, METER, use, KEY.point, 2**127, BEGINS)
    with pytest.raises(EncodeError, match="65 octets"):
        issue_device(PKI.device_authority, METER, use, KEY.point[:33], 1, BEGINS)
    wrong = Issuer(PKI.device_authority.certificate, KEY.sign)
    with pytest.raises(EncodeError, match="does not verify"):
        issue_device(wrong, METER, use, KEY.point, 1, BEGINS)


def test_moments_change_their_form_in_2050() -> None:
    made = issue_organisation(
        PKI.organisation_authority,
        SUPPLIER,
        2,
        KeyUsage.KEY_AGREEMENT,
        KEY.point,
        1,
        Validity(instant(2049, 12, 31), instant(2050, 1, 1)),
    )
    assert b"\x17\x0d491231000000Z\x18\x0f20500101000000Z" in made.octets
    assert (made.not_before, made.not_after) == (instant(2049, 12, 31), instant(2050, 1, 1))
