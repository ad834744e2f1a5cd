"""The parts that certificates, requests and revocation lists are made of, in DER (RFC 5280)."""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_letters, digits
from typing import NamedTuple

from ..der import (
    BIT_STRING,
    BOOLEAN,
    CONSTRUCTED,
    CONTEXT,
    GENERALIZED_TIME,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    PRINTABLE_STRING,
    SEQUENCE,
    SET,
    UTC_TIME,
    UTF8_STRING,
    oid,
    put_integer,
    put_time,
    tlv,
)
from ..errors import DecodeError, EncodeError
from ..eui64 import Eui64
from ..instant import Instant, to_datetime
from .certificate import key_identifier
from .mark import TEST_MARK
from .names import (
    AUTHORITY_KEY_IDENTIFIER,
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    COMMON_NAME,
    DEVICE_POLICY,
    EC_PUBLIC_KEY,
    ECDSA_WITH_SHA256,
    EXTENSION_REQUEST,
    HARDWARE_MODULE_NAME,
    HARDWARE_TYPE,
    KEY_USAGE,
    ORGANISATION_POLICY,
    ORGANISATIONAL_UNIT,
    P_256,
    SUBJECT_ALTERNATIVE_NAME,
    SUBJECT_KEY_IDENTIFIER,
    UNIQUE_IDENTIFIER,
    KeyUsage,
)
from .reading import KEY_USAGE_FORMAT, POINT_LENGTH, take_signature_pair
from .signature import Verifier

Signer = Callable[[bytes], bytes]
"""Signs octets by ECDSA on P-256 with SHA-256; gives r || s (64 octets), or DER."""

ALGORITHM = tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, ECDSA_WITH_SHA256))
EMPTY_NAME = tlv(SEQUENCE)
_KEY_ALGORITHM = tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, EC_PUBLIC_KEY), tlv(OBJECT_IDENTIFIER, P_256))
_PRINTABLE = frozenset(ascii_letters + digits + " '()+,-./:=?")  # X.680 41.4
MAX_COMMON_NAME = 64
"""Characters (RFC 5280, ub-common-name)."""


class Validity(NamedTuple):
    """First and last second of validity."""

    not_before: Instant
    not_after: Instant


class Policy(NamedTuple):
    """What the two hierarchies differ in: the policy identifier, and whether authorities' names carry their role."""

    identifier: str
    names_role: bool


ORGANISATION = Policy(ORGANISATION_POLICY, names_role=True)
DEVICE = Policy(DEVICE_POLICY, names_role=False)


# Signing


def put_signed(octets: bytes, sign: Signer, verifier: Verifier) -> bytes:
    """SEQUENCE { octets, algorithm, signature }. Raises EncodeError when the signature is not by the verifier's key."""
    pair = _signature_pair(sign(octets))
    if not verifier.verifies(octets, pair):
        raise EncodeError("does not verify under the public key that it should", ("signature",))
    signature = tlv(SEQUENCE, *(tlv(INTEGER, put_integer(number)) for number in pair))
    return tlv(SEQUENCE, octets, ALGORITHM, tlv(BIT_STRING, b"\0", signature))


def _signature_pair(signature: bytes) -> tuple[int, int]:
    if len(signature) == 64:
        return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        return take_signature_pair(signature)
    except DecodeError as error:
        raise EncodeError(str(error), ("signature",)) from None


# Numbers, moments, keys


def serial_octets(serial: int) -> bytes:
    """The content octets of a serial number: positive, at most 16 octets. Raises EncodeError."""
    if serial <= 0 or serial.bit_length() > 127:
        raise EncodeError("a positive number of at most 127 bits needed", ("serial",))
    return put_integer(serial)


def put_moment(at: Instant) -> bytes:
    """UTCTime to 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5)."""
    tag = UTC_TIME if to_datetime(at).year < 2050 else GENERALIZED_TIME
    return tlv(tag, put_time(tag, at))


def put_validity(validity: Validity) -> bytes:
    """SEQUENCE { notBefore, notAfter }."""
    return tlv(SEQUENCE, put_moment(validity.not_before), put_moment(validity.not_after))


def checked_point(point: bytes) -> bytes:
    """The point, if it is one of 65 octets that begins with 04. Raises EncodeError."""
    if len(point) != POINT_LENGTH or point[0] != 4:
        raise EncodeError(f"an uncompressed point of {POINT_LENGTH} octets needed", ("public_key",))
    return point


def public_key_info(point: bytes) -> bytes:
    """SubjectPublicKeyInfo of a point (65 octets), which are its last octets. Raises EncodeError."""
    return tlv(SEQUENCE, _KEY_ALGORITHM, tlv(BIT_STRING, b"\0", checked_point(point)))


def request_info(subject: bytes, extensions: tuple[bytes, ...], point: bytes) -> bytes:
    """What a certification request signs: version, subject, public key, extension request (RFC 2986 4.1)."""
    attribute = tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, EXTENSION_REQUEST), tlv(SET, tlv(SEQUENCE, *extensions)))
    return tlv(SEQUENCE, tlv(INTEGER, b"\0"), subject, public_key_info(point), tlv(CONTEXT | CONSTRUCTED, attribute))


# Names


def authority_name(policy: Policy, role: int, name: str) -> bytes:
    """The name of an authority, which must have the word TEST. Raises EncodeError."""
    if TEST_MARK not in name.split() or not _PRINTABLE.issuperset(name) or len(name) > MAX_COMMON_NAME:
        raise EncodeError(f"a PrintableString that contains {TEST_MARK} needed, {name!r} given", ("name",))
    role_of = [_attribute(ORGANISATIONAL_UNIT, PRINTABLE_STRING, _role_digits(role))] if policy.names_role else []
    return tlv(SEQUENCE, *role_of, _attribute(COMMON_NAME, PRINTABLE_STRING, name.encode()))


def organisation_name(entity: Eui64, role: int, common_name: str = "") -> bytes:
    """The subject of an organisation in one role; ``common_name`` may be empty. Raises EncodeError."""
    if len(common_name) > MAX_COMMON_NAME:
        raise EncodeError(f"at most {MAX_COMMON_NAME} characters, {len(common_name)} given", ("common_name",))
    names = [_attribute(COMMON_NAME, UTF8_STRING, common_name.encode())] if common_name else []
    names.append(_attribute(ORGANISATIONAL_UNIT, UTF8_STRING, _role_digits(role)))
    names.append(_attribute(UNIQUE_IDENTIFIER, BIT_STRING, b"\0" + eight_octets(entity)))
    return tlv(SEQUENCE, *names)


def _attribute(kind: bytes, tag: int, content: bytes) -> bytes:
    return tlv(SET, tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, kind), tlv(tag, content)))


def _role_digits(role: int) -> bytes:
    if not 0 <= role <= 0xFF:
        raise EncodeError(f"0 to 255 needed, {role} given", ("role",))
    return f"{int(role):02X}".encode()


def eight_octets(entity: bytes) -> bytes:
    """An EUI-64's octets. Raises EncodeError."""
    if len(entity) != 8:
        raise EncodeError(f"8 octets needed, {len(entity)} given", ("entity",))
    return bytes(entity)


# Extensions


def put_extension(kind: bytes, value: bytes, *, critical: bool) -> bytes:
    """SEQUENCE { extnID, critical if so, extnValue }."""
    flag = tlv(BOOLEAN, b"\xff") if critical else b""
    return tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, kind), flag, tlv(OCTET_STRING, value))


def key_usage_extension(usage: KeyUsage) -> bytes:
    """Critical."""
    return put_extension(KEY_USAGE, KEY_USAGE_FORMAT.encode(usage), critical=True)


def subject_key_extension(point: bytes) -> bytes:
    """The identifier of a public key, which is its last 8 octets."""
    return put_extension(SUBJECT_KEY_IDENTIFIER, tlv(OCTET_STRING, key_identifier(point)), critical=False)


def authority_key_extension(identifier: bytes) -> bytes:
    """The identifier of the issuer's key."""
    return put_extension(AUTHORITY_KEY_IDENTIFIER, tlv(SEQUENCE, tlv(CONTEXT, identifier)), critical=False)


def policies_extension(policy: Policy) -> bytes:
    """Critical; one policy."""
    value = tlv(SEQUENCE, tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, oid(policy.identifier))))
    return put_extension(CERTIFICATE_POLICIES, value, critical=True)


def basic_constraints_extension(path_length: int | None) -> bytes:
    """Critical; those of an authority."""
    length = tlv(INTEGER, put_integer(path_length)) if path_length is not None else b""
    return put_extension(BASIC_CONSTRAINTS, tlv(SEQUENCE, tlv(BOOLEAN, b"\xff"), length), critical=True)


def device_name_extension(entity: Eui64) -> bytes:
    """Critical: the EUI-64 as the serial number of a hardware module (RFC 4108), its last 8 octets."""
    module = tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, HARDWARE_TYPE), tlv(OCTET_STRING, eight_octets(entity)))
    other = tlv(OBJECT_IDENTIFIER, HARDWARE_MODULE_NAME) + tlv(CONTEXT | CONSTRUCTED, module)
    return put_extension(SUBJECT_ALTERNATIVE_NAME, tlv(SEQUENCE, tlv(CONTEXT | CONSTRUCTED, other)), critical=True)
