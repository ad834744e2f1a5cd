"""Finds the public key that made a signature, where the signer's certificate is not at hand (SEC 1, 4.1.6).

An ECDSA signature on P-256 leaves four keys that could have made it. The right one is told by the key identifier that
the certificate names its issuer with. So the key of a root that is never sent follows from what it has signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from .certificate import Certificate, key_identifier
from .check import signed_by

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

_Point = tuple[int, int] | None
"""Affine coordinates on P-256; None is the point at infinity."""


def issuer_key(certificate: Certificate) -> bytes | None:
    """The public key (65 octets) that signed a certificate, or None where no key has the identifier that it names."""
    for point in _candidates(certificate):
        octets = b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")
        if key_identifier(octets) == certificate.authority_key_identifier and signed_by(certificate, octets):
            return octets
    return None


def _candidates(certificate: Certificate) -> Iterator[tuple[int, int]]:
    r, s = certificate.signature
    if not (0 < r < _N and 0 < s < _N):
        return
    digest = int.from_bytes(sha256(certificate.tbs).digest(), "big")
    inverse = pow(r, -1, _N)
    for x in (x for x in (r, r + _N) if x < _P):
        square = (x * x * x - 3 * x + _B) % _P
        y = pow(square, (_P + 1) // 4, _P)
        if y * y % _P != square:
            continue
        for each in (y, _P - y):
            found = _add(_times(s * inverse % _N, (x, each)), _times(-digest * inverse % _N, _G))
            if found is not None:
                yield found


def _add(one: _Point, other: _Point) -> _Point:
    if one is None or other is None:
        return other if one is None else one
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % _P == 0:
        return None
    slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, _P) if one == other else (y2 - y1) * pow(x2 - x1, -1, _P)
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P


def _times(factor: int, point: _Point) -> _Point:
    """Not in constant time: for public values only."""
    product: _Point = None
    while factor:
        if factor & 1:
            product = _add(product, point)
        point = _add(point, point)
        factor >>= 1
    return product
