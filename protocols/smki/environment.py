"""Tells certificates for tests from live ones, and refuses either where the other belongs.

Keys for tests are never used in live operation, nor live ones in a test. A certificate is for tests if it says so, if
an authority above it says so, or if its authority is one of the published test authorities; otherwise it is
taken for live. That is a guard against mix-ups: whether a certificate is to be trusted, its path tells.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..gbcs.keys import Purpose, PurposeError
from .certificate import Certificate
from .check import MAX_PATH
from .mark import TEST_MARK, published_test_key, says_test
from .signature import signed_by


class Environment(NamedTuple):
    """What a certificate is for, and why it is taken for that."""

    purpose: Purpose
    reason: str


def environment_of(certificate: Certificate, authorities: Iterable[Certificate] = ()) -> Environment:
    """What a certificate is for, by itself and by the ``authorities`` (roots too) whose signatures lead up from it.

    An authority counts only if its key made the signature below it.
    """
    known = tuple(authorities)
    shown, seen = certificate, 0
    while seen < MAX_PATH:
        reason = _reason(shown)
        if reason is not None:
            return Environment(Purpose.TEST, reason)
        issuer = _issuer(shown, known)
        if issuer is None:
            break
        shown, seen = issuer, seen + 1
    return Environment(
        Purpose.LIVE, f"neither it nor an authority above it says {TEST_MARK} or is a published test key"
    )


def refuse_live(certificate: Certificate, authorities: Iterable[Certificate] = ()) -> None:
    """Refuse a live certificate in a test rig. Raises PurposeError that names the certificate and the reason."""
    _refuse(certificate, authorities, Purpose.LIVE)


def refuse_test(certificate: Certificate, authorities: Iterable[Certificate] = ()) -> None:
    """Refuse a test certificate in live operation. Raises PurposeError that names the certificate and the reason."""
    _refuse(certificate, authorities, Purpose.TEST)


def require_purpose(certificate: Certificate, wanted: Purpose, authorities: Iterable[Certificate] = ()) -> None:
    """Refuse a certificate that is not for the purpose that is wanted. Raises PurposeError."""
    _refuse(certificate, authorities, Purpose.LIVE if wanted is Purpose.TEST else Purpose.TEST)


def _refuse(certificate: Certificate, authorities: Iterable[Certificate], refused: Purpose) -> None:
    purpose, reason = environment_of(certificate, authorities)
    if purpose is refused:
        wanted = Purpose.TEST if refused is Purpose.LIVE else Purpose.LIVE
        raise PurposeError(f"{certificate}: for {purpose} use, refused for {wanted} use: {reason}")


def _reason(certificate: Certificate) -> str | None:
    """Why a certificate is for tests, or None."""
    if says_test(certificate):
        return f"its issuer's name says {TEST_MARK}: {certificate.issuer}"
    published = published_test_key(certificate)
    return f"a key of the published test keys: {published}" if published is not None else None


def _issuer(certificate: Certificate, known: tuple[Certificate, ...]) -> Certificate | None:
    identifier = certificate.authority_key_identifier
    if identifier is None:
        return None
    for authority in known:
        named = authority.subject == certificate.issuer and authority.subject_key_identifier == identifier
        if named and authority != certificate and signed_by(certificate, authority.public_point):
            return authority
    return None
