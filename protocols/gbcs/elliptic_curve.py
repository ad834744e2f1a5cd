"""Keys of the curve P-256 as GBCS has them: points, private keys, signatures (GBCS 4.3).

Points are 65 octets, uncompressed (04 || x || y); signatures are 64 octets, r || s. All numbers are big-endian.
"""

from __future__ import annotations

from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from ..errors import CertificateError, LocalProtocolError
from ..secret import Secret

POINT_LENGTH = 65
SIGNATURE_LENGTH = 64
ENTROPY_LENGTH = 48
"""Octets of randomness for one key: 128 bits more than the order of the curve, so that no key is more likely."""

_CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_VERIFYING = ec.ECDSA(hashes.SHA256())
_SIGNING = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)  # RFC 6979: the same run gives the same octets


def fingerprint(point: bytes) -> str:
    """What a public key may be called in logs and reports: 16 hexadecimal digits of its SHA-256."""
    return sha256(point).hexdigest()[:16]


def point_of(public: ec.EllipticCurvePublicKey) -> bytes:
    """65 octets: 04 || x || y."""
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def load_point(point: bytes) -> ec.EllipticCurvePublicKey:
    """The key of a 65-octet point. Raises CertificateError for what is no point of the curve."""
    if len(point) != POINT_LENGTH or point[0] != 4:
        raise CertificateError(f"a public key is a point of {POINT_LENGTH} octets that begins with 04")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    except ValueError:
        raise CertificateError("a public key that is no point of the curve P-256") from None


def load_private(octets: bytes, pass_phrase: bytes | None = None) -> ec.EllipticCurvePrivateKey:
    """A private key from PKCS#8, PEM or DER. Raises LocalProtocolError; its text shows nothing of the key."""
    octets, pass_phrase = Secret(octets), None if pass_phrase is None else Secret(pass_phrase)
    pem = octets.lstrip().startswith(b"-----")
    load = serialization.load_pem_private_key if pem else serialization.load_der_private_key
    try:
        key = load(octets, pass_phrase)
    except TypeError:
        needed = "a pass phrase is needed" if pass_phrase is None else "a pass phrase was given, the key has none"
        raise LocalProtocolError(f"private key: {needed}") from None
    except Exception:  # noqa: BLE001 - the library's errors are many, and their texts may quote what was read
        raise LocalProtocolError("private key: cannot be read, or the pass phrase is wrong") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise LocalProtocolError("private key: not an elliptic curve key on P-256")
    return key


def private_from(entropy: bytes) -> ec.EllipticCurvePrivateKey:
    """The private key that 48 octets of randomness make. Raises LocalProtocolError for another number of octets."""
    entropy = Secret(entropy)
    if len(entropy) != ENTROPY_LENGTH:
        raise LocalProtocolError(f"a key is made from {ENTROPY_LENGTH} octets of randomness, not {len(entropy)}")
    return ec.derive_private_key(int.from_bytes(entropy, "big") % (_ORDER - 1) + 1, _CURVE)


def private_number(private: ec.EllipticCurvePrivateKey) -> Secret:
    """The private key as 32 octets. For sealing alone."""
    return Secret(private.private_numbers().private_value.to_bytes(32, "big"))


def private_of(number: Secret) -> ec.EllipticCurvePrivateKey:
    """The private key of 32 octets that were sealed. Raises ValueError for what is no private key."""
    return ec.derive_private_key(int.from_bytes(number, "big"), _CURVE)


def sign(private: ec.EllipticCurvePrivateKey, octets: bytes) -> bytes:
    """ECDSA with SHA-256: 64 octets, r || s, each big-endian."""
    r, s = decode_dss_signature(private.sign(octets, _SIGNING))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def is_signature(public: ec.EllipticCurvePublicKey, octets: bytes, signature: bytes) -> bool:
    """Whether ``signature`` (r || s) is that key's over ``octets``; False for anything but 64 octets."""
    if len(signature) != SIGNATURE_LENGTH:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        public.verify(encode_dss_signature(r, s), octets, _VERIFYING)
    except InvalidSignature:
        return False
    return True
