"""What is wrong with a certificate: its profile, its subject, its issuer, its certification path (RFC 5280 6).

Every check returns all its findings, an empty tuple when there are none. Times are Instants; None as a time leaves
validity out, as a credential update may ask for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..asn1 import enumeration_text
from ..eui64 import Eui64, eui64_text
from ..instant import Instant
from ..instant import text as instant_text
from .certificate import Certificate, CertificateKind, TrustAnchor, role_text
from .finding import Aspect, Finding, Findings
from .names import KeyUsage
from .profile import check_profile
from .revocation import RevocationList, check_status
from .signature import signed_by, verifies

__all__ = ["MAX_PATH", "Aspect", "Finding", "TrustAnchor", "check", "check_chain", "signed_by", "verifies"]

MAX_PATH = 8
"""The longest certification path followed; the infrastructure has a root, an issuing authority and the certificate."""


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
    found = Findings(certificate)
    check_profile(certificate, found)
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
    *,
    revocations: Iterable[RevocationList] | None = None,
) -> tuple[Finding, ...]:
    """Follow issuers from ``certificate`` by way of ``authorities`` to a trust anchor, checking each step.

    An issuer is found by the authority key identifier, since an authority that renews its key keeps its name. ``at``
    None leaves validity out. With ``revocations``, every certificate on the path, but those of devices, needs a list
    of its issuer that is in force and does not have it; without, nothing is asked about revocation.
    """
    anchors = {anchor.subject_key_identifier: anchor for anchor in trust_anchors}
    known, lists = tuple(authorities), None if revocations is None else tuple(revocations)
    findings: list[Finding] = []
    for below in range(MAX_PATH):
        found = Findings(certificate)
        if below:
            _check_authority(certificate, below - 1, found)
        _check_validity(certificate, at, found)
        issuer = anchors.get(certificate.authority_key_identifier or b"") or _find_issuer(certificate, known, at)
        if issuer is None:
            _no_issuer(certificate, found)
            return (*findings, *found.findings)
        _check_issuer(certificate, issuer, found)
        if lists is not None:
            check_status(certificate, issuer, lists, at, found)
        findings += found.findings
        if isinstance(issuer, TrustAnchor):
            return tuple(findings)
        certificate = issuer
    found = Findings(certificate)
    found.add(Aspect.PATH_LENGTH, f"at most {MAX_PATH} certificates", "more")
    return (*findings, *found.findings)


def _find_issuer(certificate: Certificate, known: Sequence[Certificate], at: Instant | None) -> Certificate | None:
    """The authority that has the key; of several certificates of that key, one of the right name, in force."""
    identifier = certificate.authority_key_identifier
    if identifier is None:
        return None
    fitting = [each for each in known if each.subject_key_identifier == identifier and each != certificate]
    return max(
        fitting,
        key=lambda each: (each.subject == certificate.issuer, at is None or each.not_before <= at <= each.not_after),
        default=None,
    )


def _no_issuer(certificate: Certificate, found: Findings) -> None:
    """The path ends here without a trust anchor."""
    identifier = certificate.authority_key_identifier
    wanted = f"key {identifier.hex().upper()} of {certificate.issuer}" if identifier else str(certificate.issuer)
    own = ", signed with its own key" if signed_by(certificate, certificate.public_point) else ""
    found.add(Aspect.TRUST_ANCHOR, f"a path to a trusted key by way of {wanted}", f"no such issuer{own}")


def _check_validity(certificate: Certificate, at: Instant | None, found: Findings) -> None:
    if at is None:
        return
    if at < certificate.not_before:
        begins = instant_text(certificate.not_before)
        found.add(Aspect.VALIDITY, f"valid at {instant_text(at)}", f"not yet valid, begins {begins}")
    if at > certificate.not_after:
        found.add(Aspect.VALIDITY, f"valid at {instant_text(at)}", f"expired {instant_text(certificate.not_after)}")


def _check_issuer(certificate: Certificate, issuer: Certificate | TrustAnchor, found: Findings) -> None:
    if issuer.subject is not None and issuer.subject != certificate.issuer:
        found.add(Aspect.ISSUER, str(issuer.subject), str(certificate.issuer))
    held, named = certificate.authority_key_identifier, issuer.subject_key_identifier
    if named is not None and held != named:
        found.add(Aspect.AUTHORITY_KEY, named.hex().upper(), held.hex().upper() if held else "none")
    if not signed_by(certificate, issuer.public_point):
        own = signed_by(certificate, certificate.public_point)
        made_by = str(issuer.subject) if issuer.subject is not None else f"key {(named or b'').hex().upper()}"
        found.add(Aspect.SIGNATURE, f"made by {made_by}", "made by its own key" if own else "one that does not verify")


def _check_authority(certificate: Certificate, below: int, found: Findings) -> None:
    """``below``: how many authorities stand between this one and the certificate at the end of the path."""
    if not certificate.is_authority:
        found.add(Aspect.AUTHORITY, "basic constraints of an authority", "none")
    usage = certificate.key_usage or KeyUsage(0)
    if not usage & KeyUsage.KEY_CERT_SIGN:
        found.add(Aspect.KEY_USAGE, enumeration_text(KeyUsage.KEY_CERT_SIGN), enumeration_text(usage))
    if certificate.path_length is not None and certificate.path_length < below:
        found.add(Aspect.PATH_LENGTH, f"at most {certificate.path_length} authorities below", f"{below}")


def _role_of(certificate: Certificate) -> str:
    return role_text(certificate.role) if certificate.role is not None else "none"
