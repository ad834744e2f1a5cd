"""Certificates of organisations, devices and their issuing authorities, read without the cost of a general library.

All are X.509 version 3 certificates (RFC 5280) on P-256, signed by ECDSA with SHA-256, in the profiles of the Smart
Metering Key Infrastructure (device and organisation certificate policies, appendices A and B of the Smart Energy
Code). Reading judges only what it cannot do without; ``check`` says what is wrong with what could be read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha1
from typing import NamedTuple

from ..der import BIT_STRING, CONSTRUCTED, CONTEXT, NEVER, SEQUENCE, Walk
from ..errors import DecodeError
from ..eui64 import Eui64, eui64_text
from ..gbcs.roles import RemotePartyRole
from ..instant import Instant
from ..instant import text as instant_text
from .names import (
    COMMON_NAME,
    ORGANISATIONAL_UNIT,
    SUBJECT_ALTERNATIVE_NAME,
    UNIQUE_IDENTIFIER,
    XML_SIGNING_BY_DATA_SERVICE,
    XML_SIGNING_BY_USERS,
    KeyUsage,
)
from .reading import (
    Extension,
    Name,
    take_algorithm,
    take_extensions,
    take_moment,
    take_name,
    take_public_key,
    take_signed,
)

MAX_CERTIFICATE = 0xFFFF
"""The longest certificate read, in octets; the profiles need less than 450."""

ROLES = frozenset({*RemotePartyRole, XML_SIGNING_BY_USERS, XML_SIGNING_BY_DATA_SERVICE})
"""The roles that organisations' certificates are issued for."""

_ROLES: dict[int, int] = {role.value: role for role in RemotePartyRole}


class CertificateKind(StrEnum):
    """Whom a certificate is about."""

    ORGANISATION = "organisation"
    DEVICE = "device"
    AUTHORITY = "authority"


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate. Equal where the octets are equal.

    ``public_point`` is the uncompressed point (65 octets, 04 first). ``entity`` is the EUI-64 of an organisation's
    subject or of a device's alternative name; ``role`` the number in an organisation's or authority's subject.
    What the certificate lacks is None. ``signature`` is (r, s); ``signature_is_der`` is False where an integer
    of it has superfluous octets, which strict readers refuse.
    """

    octets: bytes = field(repr=False)
    tbs: bytes = field(compare=False, repr=False)
    version: int = field(compare=False)
    serial: int = field(compare=False)
    issuer: Name = field(compare=False)
    not_before: Instant = field(compare=False)
    not_after: Instant = field(compare=False)
    subject: Name = field(compare=False)
    public_point: bytes = field(compare=False, repr=False)
    extensions: tuple[Extension, ...] = field(compare=False, repr=False)
    algorithms_agree: bool = field(compare=False, repr=False)
    signature: tuple[int, int] = field(compare=False, repr=False)
    signature_is_der: bool = field(compare=False, repr=False)
    key_usage: KeyUsage | None = field(compare=False)
    subject_key_identifier: bytes | None = field(compare=False)
    authority_key_identifier: bytes | None = field(compare=False)
    policies: tuple[str, ...] = field(compare=False)
    is_authority: bool = field(compare=False)
    path_length: int | None = field(compare=False)
    device: Eui64 | None = field(compare=False)

    @classmethod
    def decode(cls, der: bytes) -> Certificate:
        """Read a certificate that fills ``der``. Raises DecodeError naming field and octet."""
        return _take_certificate(bytes(der))

    def encode(self) -> bytes:
        """The octets that were read."""
        return self.octets

    @property
    def kind(self) -> CertificateKind:
        """Whom it is about, by its extensions."""
        if self.is_authority or (self.key_usage or 0) & KeyUsage.KEY_CERT_SIGN:
            return CertificateKind.AUTHORITY
        named = any(extension.kind == SUBJECT_ALTERNATIVE_NAME for extension in self.extensions)
        return CertificateKind.DEVICE if named else CertificateKind.ORGANISATION

    @property
    def entity(self) -> Eui64 | None:
        """The EUI-64 of the device or organisation."""
        if self.device is not None:
            return self.device
        return entity_of(self.subject)

    @property
    def role(self) -> int | None:
        """The remote party role: two hexadecimal digits of the subject; a RemotePartyRole where it has a name."""
        return role_of(self.subject)

    def __str__(self) -> str:
        """Kind, role, identifier, use, serial number and validity, on one line."""
        from ..asn1 import enumeration_text  # only for readers

        role, entity, usage = self.role, self.entity, self.key_usage
        parts = [f"{self.kind} certificate"]
        parts += [role_text(role)] if role is not None else []
        parts += [eui64_text(entity)] if entity is not None else []
        parts += [name] if (name := self.subject.get(COMMON_NAME)) else []
        parts += [enumeration_text(usage) if usage is not None else "no key usage", f"serial {self.serial:X}"]
        end = "without end" if self.not_after == NEVER else f"to {instant_text(self.not_after)}"
        return ", ".join((*parts, f"valid from {instant_text(self.not_before)} {end}"))


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


def certificate_text(der: bytes) -> str:
    """One line about the certificate, or why it cannot be read."""
    try:
        return str(Certificate.decode(der))
    except DecodeError as error:
        return f"not a readable certificate: {error}"


def entity_of(subject: Name) -> Eui64 | None:
    """The EUI-64 in an organisation's subject."""
    text = subject.get(UNIQUE_IDENTIFIER, BIT_STRING) or ""
    return Eui64(bytes.fromhex(text[2:])) if len(text) == 18 and text.startswith("00") else None


def role_of(subject: Name) -> int | None:
    """The role in an organisation's or authority's subject: two hexadecimal digits."""
    text = subject.get(ORGANISATIONAL_UNIT) or ""
    if len(text) != 2 or not all(digit in "0123456789ABCDEF" for digit in text):
        return None
    return _ROLES.get(int(text, 16), int(text, 16))


def role_text(role: int) -> str:
    """``access control broker``; the number for a role without a name."""
    from ..asn1 import enumeration_text  # only for readers

    return enumeration_text(RemotePartyRole(role)) if role in _ROLES else f"role {role}"


def key_identifier(public_point: bytes) -> bytes:
    """The 8-octet identifier of a public key: 0100 and the low 60 bits of its SHA-1 (RFC 5280 4.2.1.2, method 2)."""
    digest = sha1(public_point, usedforsecurity=False).digest()[-8:]
    return bytes((0x40 | digest[0] & 0x0F,)) + digest[1:]


def _take_certificate(der: bytes) -> Certificate:
    tbs, signed, algorithm, signature, is_der = take_signed(der, "certificate", "tbs_certificate", MAX_CERTIFICATE)
    version = _take_version(tbs)
    serial = tbs.integer("serial")
    agree = take_algorithm(tbs, "signature") == algorithm
    issuer = take_name(tbs, "issuer")
    validity = tbs.enter(SEQUENCE, "validity")
    not_before, not_after = take_moment(validity, "not_before"), take_moment(validity, "not_after")
    validity.finish("validity")
    subject = take_name(tbs, "subject")
    point = take_public_key(tbs)
    extensions, read = take_extensions(tbs.enter(CONTEXT | CONSTRUCTED | 3, "extensions"))
    tbs.finish("tbs_certificate")
    return Certificate(
        octets=der,
        tbs=signed,
        version=version,
        serial=serial,
        issuer=issuer,
        not_before=not_before,
        not_after=not_after,
        subject=subject,
        public_point=point,
        extensions=extensions,
        algorithms_agree=agree,
        signature=signature,
        signature_is_der=is_der,
        key_usage=read.key_usage,
        subject_key_identifier=read.subject_key_identifier,
        authority_key_identifier=read.authority_key_identifier,
        policies=read.policies,
        is_authority=read.is_authority,
        path_length=read.path_length,
        device=read.device,
    )


def _take_version(tbs: Walk) -> int:
    if tbs.tag != CONTEXT | CONSTRUCTED:
        raise DecodeError(tbs.at, "version 3", "version 1", ("version",))
    inner = tbs.enter(CONTEXT | CONSTRUCTED, "version")
    at, version = inner.at, inner.integer("version") + 1
    inner.finish("version")
    if version != 3:
        raise DecodeError(at, "version 3", f"version {version}" if 0 < version < 100 else "another", ("version",))
    return version
