"""A key infrastructure for tests: root, issuing authorities, organisations and devices in the profiles of the real one.

Whatever is issued says that it is for testing only, as the real infrastructure's test certificates must: every
authority's name contains TEST, and with it the issuer name of every certificate, including those of devices, whose
subject must stay empty. Otherwise they look like the real ones, so that devices cannot tell.

Private keys stay where they are: an issuer is a public point and a function that signs. The same keys, serial numbers
and times give the same octets when that function signs deterministically (RFC 6979).
"""

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
    NEVER,
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
from ..gbcs.roles import RemotePartyRole
from ..instant import Instant, to_datetime
from .certificate import Certificate, key_identifier
from .check import TrustAnchor, verifies
from .names import (
    AUTHORITY_KEY_IDENTIFIER,
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    COMMON_NAME,
    DEVICE_POLICY,
    EC_PUBLIC_KEY,
    ECDSA_WITH_SHA256,
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

Signer = Callable[[bytes], bytes]
"""Signs octets by ECDSA on P-256 with SHA-256; gives r || s (64 octets), or DER."""

TEST_MARK = "TEST"
ROOT_KEY_USAGE = KeyUsage.KEY_CERT_SIGN | KeyUsage.CRL_SIGN
"""The root signs certificates and the list of revoked authorities. Inferred from the issuing authority's profile."""

_ALGORITHM = tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, ECDSA_WITH_SHA256))
_KEY_ALGORITHM = tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, EC_PUBLIC_KEY), tlv(OBJECT_IDENTIFIER, P_256))
_PRINTABLE = frozenset(ascii_letters + digits + " '()+,-./:=?")  # X.680 41.4
_EMPTY_NAME = tlv(SEQUENCE)
_VERSION_3 = tlv(CONTEXT | CONSTRUCTED, tlv(INTEGER, b"\x02"))


class Issuer(NamedTuple):
    """Who signs: its certificate and its signer."""

    certificate: Certificate
    sign: Signer

    @property
    def trust_anchor(self) -> TrustAnchor:
        """The anchor for certification paths that end here."""
        return TrustAnchor.of_certificate(self.certificate)


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


def says_test(certificate: Certificate) -> bool:
    """Whether a certificate says by a name in it that it is for testing only; live operation must refuse it."""
    return any(
        TEST_MARK in attribute.text for attribute in certificate.issuer.attributes + certificate.subject.attributes
    )


def issue_root(policy: Policy, name: str, point: bytes, sign: Signer, serial: int, validity: Validity) -> Certificate:
    """A self-signed root. ``name`` must contain TEST; ``serial`` is positive, 16 octets at most.

    No root of the real infrastructure is published; this profile is that of its issuing authorities, without
    a path length. Raises EncodeError.
    """
    subject = _authority_name(policy, RemotePartyRole.ROOT, name)
    extensions = _authority_extensions(policy, ROOT_KEY_USAGE, None, point, key_identifier(point))
    return _issue(_Tbs(subject, subject, point, serial, validity, extensions), sign, point)


def issue_authority(
    root: Issuer, policy: Policy, name: str, point: bytes, serial: int, validity: Validity
) -> Certificate:
    """An issuing authority below ``root`` that has no authorities below itself. Raises EncodeError."""
    usage = KeyUsage.KEY_CERT_SIGN | KeyUsage.CRL_SIGN
    extensions = _authority_extensions(policy, usage, 0, point, _identifier_of(root))
    subject = _authority_name(policy, RemotePartyRole.ISSUING_AUTHORITY, name)
    return _issue_by(root, _Tbs(root.certificate.subject.octets, subject, point, serial, validity, extensions))


def issue_organisation(
    issuer: Issuer,
    entity: Eui64,
    role: int,
    key_usage: KeyUsage,
    point: bytes,
    serial: int,
    validity: Validity,
    common_name: str = "",
) -> Certificate:
    """The certificate of an organisation in one role, for one key. ``common_name`` may be empty. Raises EncodeError."""
    names = [_attribute(COMMON_NAME, UTF8_STRING, common_name.encode())] if common_name else []
    names.append(_attribute(ORGANISATIONAL_UNIT, UTF8_STRING, _role_digits(role)))
    names.append(_attribute(UNIQUE_IDENTIFIER, BIT_STRING, b"\0" + _eight_octets(entity)))
    extensions = (
        _key_usage(key_usage),
        _subject_key(point),
        _policies(ORGANISATION),
        _authority_key(_identifier_of(issuer)),
    )
    subject = tlv(SEQUENCE, *names)
    return _issue_by(issuer, _Tbs(issuer.certificate.subject.octets, subject, point, serial, validity, extensions))


def issue_device(
    issuer: Issuer, entity: Eui64, key_usage: KeyUsage, point: bytes, serial: int, not_before: Instant
) -> Certificate:
    """The certificate of a device for one key; it has no end. Raises EncodeError."""
    extensions = (
        _key_usage(key_usage),
        _subject_key(point),
        _device_name(entity),
        _policies(DEVICE),
        _authority_key(_identifier_of(issuer)),
    )
    validity = Validity(not_before, NEVER)
    return _issue_by(issuer, _Tbs(issuer.certificate.subject.octets, _EMPTY_NAME, point, serial, validity, extensions))


class _Tbs(NamedTuple):
    issuer: bytes
    subject: bytes
    point: bytes
    serial: int
    validity: Validity
    extensions: tuple[bytes, ...]

    def encode(self) -> bytes:
        if self.serial <= 0 or self.serial.bit_length() > 127:
            raise EncodeError("a positive number of at most 127 bits needed", ("serial",))
        return tlv(
            SEQUENCE,
            _VERSION_3,
            tlv(INTEGER, put_integer(self.serial)),
            _ALGORITHM,
            self.issuer,
            tlv(SEQUENCE, _moment(self.validity.not_before), _moment(self.validity.not_after)),
            self.subject,
            public_key_info(self.point),
            tlv(CONTEXT | CONSTRUCTED | 3, tlv(SEQUENCE, *self.extensions)),
        )


def _issue_by(issuer: Issuer, tbs: _Tbs) -> Certificate:
    return _issue(tbs, issuer.sign, issuer.certificate.public_point)


def _issue(tbs: _Tbs, sign: Signer, issuer_point: bytes) -> Certificate:
    return Certificate.decode(put_signed(tbs.encode(), sign, issuer_point))


def put_signed(octets: bytes, sign: Signer, point: bytes) -> bytes:
    """SEQUENCE { octets, algorithm, signature }. Raises EncodeError when the signer's key is not that of ``point``."""
    pair = _signature_pair(sign(octets))
    if not verifies(point, octets, pair):
        raise EncodeError("does not verify under the public key that it should", ("signature",))
    signature = tlv(SEQUENCE, *(tlv(INTEGER, put_integer(number)) for number in pair))
    return tlv(SEQUENCE, octets, _ALGORITHM, tlv(BIT_STRING, b"\0", signature))


def _signature_pair(signature: bytes) -> tuple[int, int]:
    if len(signature) == 64:
        return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        return take_signature_pair(signature)
    except DecodeError as error:
        raise EncodeError(str(error), ("signature",)) from None


def public_key_info(point: bytes) -> bytes:
    """SubjectPublicKeyInfo of a point (65 octets). Raises EncodeError."""
    if len(point) != POINT_LENGTH or point[0] != 4:
        raise EncodeError(f"an uncompressed point of {POINT_LENGTH} octets needed", ("public_key",))
    return tlv(SEQUENCE, _KEY_ALGORITHM, tlv(BIT_STRING, b"\0", point))


def entity_extensions(entity: Eui64, key_usage: KeyUsage) -> bytes:
    """The extensions that a device asks for in a certification request."""
    return tlv(SEQUENCE, _key_usage(key_usage), _device_name(entity))


def _attribute(kind: bytes, tag: int, content: bytes) -> bytes:
    return tlv(SET, tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, kind), tlv(tag, content)))


def _authority_name(policy: Policy, role: RemotePartyRole, name: str) -> bytes:
    if TEST_MARK not in name or not _PRINTABLE.issuperset(name):
        raise EncodeError(f"a PrintableString that contains {TEST_MARK} needed, {name!r} given", ("name",))
    role_of = [_attribute(ORGANISATIONAL_UNIT, PRINTABLE_STRING, _role_digits(role))] if policy.names_role else []
    return tlv(SEQUENCE, *role_of, _attribute(COMMON_NAME, PRINTABLE_STRING, name.encode()))


def _role_digits(role: int) -> bytes:
    if not 0 <= role <= 0xFF:
        raise EncodeError(f"0 to 255 needed, {role} given", ("role",))
    return f"{int(role):02X}".encode()


def _eight_octets(entity: bytes) -> bytes:
    if len(entity) != 8:
        raise EncodeError(f"8 octets needed, {len(entity)} given", ("entity",))
    return bytes(entity)


def _moment(at: Instant) -> bytes:
    """UTCTime to 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5)."""
    tag = UTC_TIME if to_datetime(at).year < 2050 else GENERALIZED_TIME
    return tlv(tag, put_time(tag, at))


def _identifier_of(issuer: Issuer) -> bytes:
    return issuer.certificate.subject_key_identifier or key_identifier(issuer.certificate.public_point)


def _extension(kind: bytes, value: bytes, *, critical: bool) -> bytes:
    flag = tlv(BOOLEAN, b"\xff") if critical else b""
    return tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, kind), flag, tlv(OCTET_STRING, value))


def _key_usage(usage: KeyUsage) -> bytes:
    return _extension(KEY_USAGE, KEY_USAGE_FORMAT.encode(usage), critical=True)


def _subject_key(point: bytes) -> bytes:
    return _extension(SUBJECT_KEY_IDENTIFIER, tlv(OCTET_STRING, key_identifier(point)), critical=False)


def _authority_key(identifier: bytes) -> bytes:
    return _extension(AUTHORITY_KEY_IDENTIFIER, tlv(SEQUENCE, tlv(CONTEXT, identifier)), critical=False)


def _policies(policy: Policy) -> bytes:
    value = tlv(SEQUENCE, tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, oid(policy.identifier))))
    return _extension(CERTIFICATE_POLICIES, value, critical=True)


def _basic_constraints(path_length: int | None) -> bytes:
    length = tlv(INTEGER, put_integer(path_length)) if path_length is not None else b""
    return _extension(BASIC_CONSTRAINTS, tlv(SEQUENCE, tlv(BOOLEAN, b"\xff"), length), critical=True)


def _device_name(entity: Eui64) -> bytes:
    module = tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, HARDWARE_TYPE), tlv(OCTET_STRING, _eight_octets(entity)))
    other = tlv(OBJECT_IDENTIFIER, HARDWARE_MODULE_NAME) + tlv(CONTEXT | CONSTRUCTED, module)
    return _extension(SUBJECT_ALTERNATIVE_NAME, tlv(SEQUENCE, tlv(CONTEXT | CONSTRUCTED, other)), critical=True)


def _authority_extensions(
    policy: Policy, usage: KeyUsage, path_length: int | None, point: bytes, authority: bytes
) -> tuple[bytes, ...]:
    return (
        _key_usage(usage),
        _basic_constraints(path_length),
        _policies(policy),
        _subject_key(point),
        _authority_key(authority),
    )
