"""What the profiles ask of certificates of organisations, of devices and of issuing authorities.

The profiles are those of the device and organisation certificate policies (appendices A and B of the Smart Energy
Code).
"""

from __future__ import annotations

from ..asn1 import enumeration_text
from ..der import SEQUENCE, tlv
from ..instant import text as instant_text
from .certificate import Certificate, CertificateKind, key_identifier
from .finding import Aspect, Findings
from .names import (
    AUTHORITY_KEY_IDENTIFIER,
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    KEY_USAGE,
    NAMES,
    SUBJECT_ALTERNATIVE_NAME,
    SUBJECT_KEY_IDENTIFIER,
    KeyUsage,
)

SERIAL_LENGTH = 16
"""Octets of every serial number seen."""

# Extensions and whether they are critical. The order is that of the issuing authorities; it means nothing, and is
# not judged.
_PROFILES: dict[CertificateKind, dict[bytes, bool]] = {
    CertificateKind.ORGANISATION: {
        KEY_USAGE: True,
        SUBJECT_KEY_IDENTIFIER: False,
        CERTIFICATE_POLICIES: True,
        AUTHORITY_KEY_IDENTIFIER: False,
    },
    CertificateKind.DEVICE: {
        KEY_USAGE: True,
        SUBJECT_KEY_IDENTIFIER: False,
        SUBJECT_ALTERNATIVE_NAME: True,
        CERTIFICATE_POLICIES: True,
        AUTHORITY_KEY_IDENTIFIER: False,
    },
    CertificateKind.AUTHORITY: {
        KEY_USAGE: True,
        BASIC_CONSTRAINTS: True,
        CERTIFICATE_POLICIES: True,
        SUBJECT_KEY_IDENTIFIER: False,
        AUTHORITY_KEY_IDENTIFIER: False,
    },
}
_ENTITY_USES = (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT)
_EMPTY_NAME = tlv(SEQUENCE)


def check_profile(certificate: Certificate, found: Findings) -> None:
    """Note what the profile of its kind does not allow."""
    kind = certificate.kind
    serial = certificate.serial
    if serial <= 0 or (serial.bit_length() + 8) // 8 > SERIAL_LENGTH:
        found.add(Aspect.PROFILE, f"a positive serial number of at most {SERIAL_LENGTH} octets", _number(serial))
    if not certificate.signature_is_der:
        found.add(Aspect.PROFILE, "signature integers of the fewest octets", "a superfluous leading octet")
    if not certificate.algorithms_agree:
        found.add(Aspect.PROFILE, "one signature algorithm", "two that differ")
    if certificate.not_after < certificate.not_before:
        found.add(Aspect.PROFILE, "validity that begins before it ends", instant_text(certificate.not_after))
    _check_extensions(certificate, _PROFILES[kind], found)
    _check_key(certificate, found)
    _check_subject(certificate, kind, found)


def _check_extensions(certificate: Certificate, profile: dict[bytes, bool], found: Findings) -> None:
    held = {extension.kind: extension.critical for extension in certificate.extensions}
    self_issued = certificate.subject == certificate.issuer
    for kind, critical in profile.items():
        if kind not in held:
            if not (self_issued and kind == AUTHORITY_KEY_IDENTIFIER):  # a root may leave it out (RFC 5280 4.2.1.1)
                found.add(Aspect.PROFILE, NAMES[kind], "none")
        elif held[kind] is not critical:
            found.add(Aspect.PROFILE, f"{_critical(critical)} {NAMES[kind]}", _critical(held[kind]))
    for kind, critical in held.items():
        if kind not in profile and (critical or kind in NAMES):
            named = NAMES.get(kind) or "an unknown critical extension"
            found.add(Aspect.PROFILE, "only the extensions of the profile", named)


def _check_key(certificate: Certificate, found: Findings) -> None:
    wanted = key_identifier(certificate.public_point)
    held = certificate.subject_key_identifier
    if held is not None and held != wanted:
        found.add(Aspect.PROFILE, f"subject key identifier {wanted.hex().upper()}", held.hex().upper())
    if not _on_curve(certificate.public_point):
        found.add(Aspect.PROFILE, "a public key on the curve P-256", "a point that is not on it")
    usage = certificate.key_usage
    if certificate.kind is not CertificateKind.AUTHORITY and usage is not None and usage not in _ENTITY_USES:
        found.add(Aspect.PROFILE, "either digital signature or key agreement", enumeration_text(usage))


def _check_subject(certificate: Certificate, kind: CertificateKind, found: Findings) -> None:
    if kind is CertificateKind.DEVICE and certificate.subject.octets != _EMPTY_NAME:
        found.add(Aspect.PROFILE, "an empty subject", str(certificate.subject))
    if kind is CertificateKind.ORGANISATION and certificate.role is None:
        found.add(Aspect.PROFILE, "a role (OU, two hexadecimal digits)", str(certificate.subject))
    if kind is not CertificateKind.AUTHORITY and certificate.entity is None:
        found.add(Aspect.PROFILE, "an EUI-64", "none")


_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def _on_curve(point: bytes) -> bool:
    """y^2 = x^3 - 3x + b modulo p (FIPS 186-4 D.1.2.3)."""
    x, y = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
    return x < _P and y < _P and (y * y - (x * x * x - 3 * x + _B)) % _P == 0


def _number(value: int) -> str:
    return f"{value:X}" if value.bit_length() < 200 else f"a number of {value.bit_length()} bits"


def _critical(critical: bool) -> str:
    return "critical" if critical else "not critical"
