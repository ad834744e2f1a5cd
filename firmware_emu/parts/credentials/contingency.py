"""The contingency key, which replaces everything, the root included, when nothing else can be trusted any more.

Its public half lies in the root's certificate, encrypted; the command brings the symmetric key that opens it (RFC
5934). The extension and the wrapping are those of that specification: the profile of the real root is not public.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding

from protocols.der import OCTET_STRING, SEQUENCE, Walk
from protocols.errors import CertificateError, DecodeError
from protocols.gbcs.elliptic_curve import load_point
from protocols.smki.certificate import Certificate
from protocols.smki.names import WRAPPED_CONTINGENCY_KEY
from protocols.smki.reading import take_public_key

_KEY_LENGTHS = frozenset({16, 24, 32})


def wrapped_key_in(certificate: bytes) -> bytes:
    """The wrapped key in a root's certificate (DER); empty if there is none."""
    try:
        extensions = Certificate.decode(certificate).extensions if certificate else ()
        for extension in extensions:
            if extension.kind == WRAPPED_CONTINGENCY_KEY:
                inner = Walk(extension.octets, 0, len(extension.octets)).enter(SEQUENCE, "contingency_key")
                inner.enter(SEQUENCE, "algorithm")
                return inner.content(OCTET_STRING, "wrapped_key")
    except DecodeError:
        pass
    return b""


def open_contingency_key(wrapped: bytes, symmetric_key: bytes | None) -> bytes | None:
    """The public point (65 octets) in ``wrapped``, or None if this symmetric key does not open it."""
    if symmetric_key is None or len(symmetric_key) not in _KEY_LENGTHS or not wrapped:
        return None
    try:
        octets = aes_key_unwrap_with_padding(symmetric_key, wrapped)
        point = take_public_key(Walk(octets, 0, len(octets)))
        load_point(point)
    except (InvalidUnwrap, ValueError, DecodeError, CertificateError):
        return None
    return point
