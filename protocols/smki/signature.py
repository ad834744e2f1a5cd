"""ECDSA signatures on P-256 with SHA-256, as certificates, requests and revocation lists carry them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from .certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric import ec


class _Library(NamedTuple):
    """What is needed of the cryptographic library."""

    load: Callable[[ec.EllipticCurve, bytes], ec.EllipticCurvePublicKey]
    curve: ec.EllipticCurve
    algorithm: ec.ECDSA
    put_pair: Callable[[int, int], bytes]
    invalid: type[Exception]


@cache
def _library() -> _Library:
    # Only here: reading certificates does not need it, and it costs more than all else.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    load = ec.EllipticCurvePublicKey.from_encoded_point
    return _Library(load, ec.SECP256R1(), ec.ECDSA(hashes.SHA256()), encode_dss_signature, InvalidSignature)


class Verifier:
    """A public key (65 octets) loaded once to verify many signatures. One that is not on P-256 verifies none."""

    __slots__ = ("_key", "_library")

    def __init__(self, public_point: bytes) -> None:
        self._library = _library()
        self._key: ec.EllipticCurvePublicKey | None
        try:
            self._key = self._library.load(self._library.curve, public_point)
        except ValueError:
            self._key = None

    def verifies(self, octets: bytes, signature: tuple[int, int]) -> bool:
        """Whether (r, s) is this key's signature of ``octets``."""
        r, s = signature
        if self._key is None or not (0 < r < 1 << 256 and 0 < s < 1 << 256):
            return False
        library = self._library
        try:
            self._key.verify(library.put_pair(r, s), octets, library.algorithm)
        except library.invalid:
            return False
        return True


def signed_by(certificate: Certificate, public_point: bytes) -> bool:
    """Whether the certificate's signature verifies under this public key."""
    return verifies(public_point, certificate.tbs, certificate.signature)


def verifies(public_point: bytes, octets: bytes, signature: tuple[int, int]) -> bool:
    """Whether (r, s) is an ECDSA signature with SHA-256 of ``octets``; False also for a point that is not on P-256."""
    return Verifier(public_point).verifies(octets, signature)
