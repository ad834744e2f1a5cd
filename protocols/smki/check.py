"""What is wrong with a certificate: its profile, its subject, its issuer, its certification path (RFC 5280 6).

Every check returns all its findings, an empty tuple when there are none. Times are Instants; None as a time leaves
validity out, as a credential update may ask for.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from ..asn1 import enumeration_text
from ..der import SEQUENCE, tlv
from ..eui64 import Eui64, eui64_text
from ..instant import Instant
from ..instant import text as instant_text
from .certificate import Certificate, CertificateKind, key_identifier, role_text
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
from .reading import Name

MAX_PATH = 8
"""The longest certification path followed; the infrastructure has a root, an issuing authority and the certificate."""

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


class Aspect(StrEnum):
    """What a finding is about."""

    PROFILE = "profile"
    KIND = "kind"
    ROLE = "role"
    ENTITY = "entity identifier"
    KEY_USAGE = "key usage"
    VALIDITY = "validity"
    ISSUER = "issuer"
    AUTHORITY_KEY = "authority key identifier"
    AUTHORITY = "issuing authority"
    PATH_LENGTH = "path length"
    SIGNATURE = "signature"
    TRUST_ANCHOR = "trust anchor"


class Finding(NamedTuple):
    """One thing that is wrong with the certificate ``subject`` (a short text)."""

    subject: str
    aspect: Aspect
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.aspect}: expected {self.expected}, found {self.found}"


class TrustAnchor(NamedTuple):
    """A public key that is trusted as it is. ``subject`` is compared with an issuer's name where it is known."""

    subject_key_identifier: bytes
    public_point: bytes
    subject: Name | None = None

    @classmethod
    def of_certificate(cls, certificate: Certificate) -> TrustAnchor:
        """The anchor that an authority's certificate stands for."""
        identifier = certificate.subject_key_identifier or key_identifier(certificate.public_point)
        return cls(identifier, certificate.public_point, certificate.subject)

    @classmethod
    def of_key(cls, public_point: bytes) -> TrustAnchor:
        """The anchor of a bare public key (65 octets)."""
        return cls(key_identifier(public_point), public_point)


def check(
    certificate: Certificate,
    issuer: Certificate | TrustAnchor | None = None,
    at: Instant | None = None,
    *,
    kind: CertificateKind | None = None,
    role: int | None = None,
    key_usage: KeyUsage | None = None,
    entity: Eui64 | None = None,
) -> tuple[Finding, ...]:
    """Compare a certificate with its profile, with what is expected of it, with the time, and with its issuer."""
    found = _Findings(certificate)
    _check_profile(certificate, found)
    if kind is not None and certificate.kind is not kind:
        found.add(Aspect.KIND, kind, certificate.kind)
    if role is not None and certificate.role != role:
        found.add(Aspect.ROLE, role_text(role), _role_of(certificate))
    if entity is not None and certificate.entity != entity:
        held = certificate.entity
        found.add(Aspect.ENTITY, eui64_text(entity), eui64_text(held) if held is not None else "none")
    usage = certificate.key_usage or KeyUsage(0)
    if key_usage is not None and usage & key_usage != key_usage:
        found.add(Aspect.KEY_USAGE, enumeration_text(key_usage), enumeration_text(usage))
    _check_validity(certificate, at, found)
    if issuer is not None:
        _check_issuer(certificate, issuer, found)
    return tuple(found.findings)


def check_chain(
    certificate: Certificate,
    authorities: Iterable[Certificate],
    trust_anchors: Iterable[TrustAnchor],
    at: Instant | None = None,
) -> tuple[Finding, ...]:
    """Follow issuers from ``certificate`` by way of ``authorities`` to a trust anchor, checking each step.

    An issuer is found by the authority key identifier. ``at`` None leaves validity out.
    """
    anchors = {anchor.subject_key_identifier: anchor for anchor in trust_anchors}
    known = {authority.subject_key_identifier: authority for authority in authorities}
    findings: list[Finding] = []
    for below in range(MAX_PATH):
        found = _Findings(certificate)
        if below:
            _check_authority(certificate, below - 1, found)
        _check_validity(certificate, at, found)
        anchor = anchors.get(certificate.authority_key_identifier or b"")
        issuer = anchor or known.get(certificate.authority_key_identifier)
        if certificate.authority_key_identifier is None or issuer is None or issuer == certificate:
            found.no_issuer(certificate)
            return (*findings, *found.findings)
        _check_issuer(certificate, issuer, found)
        findings += found.findings
        if isinstance(issuer, TrustAnchor):
            return tuple(findings)
        certificate = issuer
    found = _Findings(certificate)
    found.add(Aspect.PATH_LENGTH, f"at most {MAX_PATH} certificates", "more")
    return (*findings, *found.findings)


def signed_by(certificate: Certificate, public_point: bytes) -> bool:
    """Whether the certificate's signature verifies under this public key."""
    return verifies(public_point, certificate.tbs, certificate.signature)


def verifies(public_point: bytes, octets: bytes, signature: tuple[int, int]) -> bool:
    """Whether (r, s) is an ECDSA signature with SHA-256 of ``octets``; False also for a point that is not on P-256."""
    # Only here: reading certificates does not need it, and it costs more than all else.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    if not all(0 < number < 1 << 256 for number in signature):
        return False
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_point)
        key.verify(encode_dss_signature(*signature), octets, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True


class _Findings:
    """Findings about one certificate."""

    def __init__(self, certificate: Certificate) -> None:
        entity = certificate.entity
        named = eui64_text(entity) if entity is not None else str(certificate.subject)
        self.subject = f"{certificate.kind} {named}"
        self.findings: list[Finding] = []

    def add(self, aspect: Aspect, expected: str, found: str) -> None:
        self.findings.append(Finding(self.subject, aspect, expected, found))

    def no_issuer(self, certificate: Certificate) -> None:
        """The path ends here without a trust anchor."""
        identifier = certificate.authority_key_identifier
        wanted = f"key {identifier.hex().upper()} of {certificate.issuer}" if identifier else str(certificate.issuer)
        own = ", signed with its own key" if signed_by(certificate, certificate.public_point) else ""
        self.add(Aspect.TRUST_ANCHOR, f"a path to a trusted key by way of {wanted}", f"no such issuer{own}")


def _check_validity(certificate: Certificate, at: Instant | None, found: _Findings) -> None:
    if at is None:
        return
    if at < certificate.not_before:
        begins = instant_text(certificate.not_before)
        found.add(Aspect.VALIDITY, f"valid at {instant_text(at)}", f"not yet valid, begins {begins}")
    if at > certificate.not_after:
        found.add(Aspect.VALIDITY, f"valid at {instant_text(at)}", f"expired {instant_text(certificate.not_after)}")


def _check_issuer(certificate: Certificate, issuer: Certificate | TrustAnchor, found: _Findings) -> None:
    if issuer.subject is not None and issuer.subject != certificate.issuer:
        found.add(Aspect.ISSUER, str(issuer.subject), str(certificate.issuer))
    held, named = certificate.authority_key_identifier, issuer.subject_key_identifier
    if named is not None and held != named:
        found.add(Aspect.AUTHORITY_KEY, named.hex().upper(), held.hex().upper() if held else "none")
    if not signed_by(certificate, issuer.public_point):
        own = signed_by(certificate, certificate.public_point)
        made_by = str(issuer.subject) if issuer.subject is not None else f"key {(named or b'').hex().upper()}"
        found.add(Aspect.SIGNATURE, f"made by {made_by}", "made by its own key" if own else "one that does not verify")


def _check_authority(certificate: Certificate, below: int, found: _Findings) -> None:
    """``below``: how many authorities stand between this one and the certificate at the end of the path."""
    if not certificate.is_authority:
        found.add(Aspect.AUTHORITY, "basic constraints of an authority", "none")
    usage = certificate.key_usage or KeyUsage(0)
    if not usage & KeyUsage.KEY_CERT_SIGN:
        found.add(Aspect.KEY_USAGE, enumeration_text(KeyUsage.KEY_CERT_SIGN), enumeration_text(usage))
    if certificate.path_length is not None and certificate.path_length < below:
        found.add(Aspect.PATH_LENGTH, f"at most {certificate.path_length} authorities below", f"{below}")


def _check_profile(certificate: Certificate, found: _Findings) -> None:
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


def _check_extensions(certificate: Certificate, profile: dict[bytes, bool], found: _Findings) -> None:
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


def _check_key(certificate: Certificate, found: _Findings) -> None:
    wanted = key_identifier(certificate.public_point)
    held = certificate.subject_key_identifier
    if held is not None and held != wanted:
        found.add(Aspect.PROFILE, f"subject key identifier {wanted.hex().upper()}", held.hex().upper())
    if not _on_curve(certificate.public_point):
        found.add(Aspect.PROFILE, "a public key on the curve P-256", "a point that is not on it")
    usage = certificate.key_usage
    if certificate.kind is not CertificateKind.AUTHORITY and usage is not None and usage not in _ENTITY_USES:
        found.add(Aspect.PROFILE, "either digital signature or key agreement", enumeration_text(usage))


def _check_subject(certificate: Certificate, kind: CertificateKind, found: _Findings) -> None:
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


def _role_of(certificate: Certificate) -> str:
    return role_text(certificate.role) if certificate.role is not None else "none"


def _number(value: int) -> str:
    return f"{value:X}" if value.bit_length() < 200 else f"a number of {value.bit_length()} bits"


def _critical(critical: bool) -> str:
    return "critical" if critical else "not critical"
