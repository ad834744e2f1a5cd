"""Certification requests of devices (use case CS02c): PKCS #10 (RFC 2986) with an empty subject and two extensions.

A device asks for a certificate with its key usage and its alternative name, both critical, and proves by its
signature that it holds the private key.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..asn1 import enumeration_text
from ..der import CONSTRUCTED, CONTEXT, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, SET, Walk, oid_text, tlv
from ..errors import CertificateError, DecodeError
from ..eui64 import Eui64, eui64_text
from ..instant import Instant
from .certificate import MAX_CERTIFICATE, Certificate
from .check import Aspect, Finding, verifies
from .issue import Issuer, Signer, entity_extensions, issue_device, public_key_info, put_signed
from .names import EXTENSION_REQUEST, KeyUsage
from .reading import (
    Extension,
    Name,
    ReadExtensions,
    take_algorithm,
    take_extensions,
    take_name,
    take_public_key,
    take_signature,
)


@dataclass(frozen=True, slots=True)
class CertificationRequest:
    """One request. Equal where the octets are equal; what it does not ask for is None."""

    octets: bytes = field(repr=False)
    info: bytes = field(compare=False, repr=False)
    subject: Name = field(compare=False)
    public_point: bytes = field(compare=False, repr=False)
    extensions: tuple[Extension, ...] = field(compare=False, repr=False)
    key_usage: KeyUsage | None = field(compare=False)
    entity: Eui64 | None = field(compare=False)
    signature: tuple[int, int] = field(compare=False, repr=False)

    @classmethod
    def decode(cls, der: bytes) -> CertificationRequest:
        """Read a request that fills ``der``. Raises DecodeError naming field and octet."""
        return _take_request(bytes(der))

    @classmethod
    def make(cls, entity: Eui64, key_usage: KeyUsage, point: bytes, sign: Signer) -> CertificationRequest:
        """The request of a device for a key pair of which ``sign`` holds the private half. Raises EncodeError."""
        attribute = tlv(
            SEQUENCE, tlv(OBJECT_IDENTIFIER, EXTENSION_REQUEST), tlv(SET, entity_extensions(entity, key_usage))
        )
        info = tlv(
            SEQUENCE,
            tlv(INTEGER, b"\0"),
            tlv(SEQUENCE),
            public_key_info(point),
            tlv(CONTEXT | CONSTRUCTED, attribute),
        )
        return cls.decode(put_signed(info, sign, point))

    def encode(self) -> bytes:
        """The octets of the request."""
        return self.octets

    def __str__(self) -> str:
        """Identifier and use, on one line."""
        entity = eui64_text(self.entity) if self.entity is not None else "no identifier"
        usage = enumeration_text(self.key_usage) if self.key_usage is not None else "no key usage"
        return f"certification request, {entity}, {usage}"


def request_text(der: bytes) -> str:
    """One line about the request, or why it cannot be read."""
    try:
        return str(CertificationRequest.decode(der))
    except DecodeError as error:
        return f"not a readable certification request: {error}"


def check_request(
    request: CertificationRequest, entity: Eui64 | None = None, key_usage: KeyUsage | None = None
) -> tuple[Finding, ...]:
    """What is wrong with a request: its profile, its proof of possession, and what is expected of it."""
    findings = []

    def add(aspect: Aspect, expected: str, found: str) -> None:
        findings.append(Finding("certification request", aspect, expected, found))

    if request.subject.attributes:
        add(Aspect.PROFILE, "an empty subject", str(request.subject))
    if len(request.extensions) != 2 or not all(extension.critical for extension in request.extensions):
        add(Aspect.PROFILE, "critical key usage and subject alternative name", f"{len(request.extensions)} extensions")
    if not verifies(request.public_point, request.info, request.signature):
        add(Aspect.SIGNATURE, "made by the key that is to be certified", "one that does not verify")
    if request.entity is None or (entity is not None and request.entity != entity):
        wanted = eui64_text(entity) if entity is not None else "an EUI-64"
        add(Aspect.ENTITY, wanted, eui64_text(request.entity) if request.entity is not None else "none")
    uses = (key_usage,) if key_usage is not None else (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT)
    if request.key_usage not in uses:
        held = request.key_usage
        wanted = " or ".join(enumeration_text(use) for use in uses)
        add(Aspect.KEY_USAGE, wanted, enumeration_text(held) if held is not None else "none")
    return tuple(findings)


def issue_requested(issuer: Issuer, request: CertificationRequest, serial: int, not_before: Instant) -> Certificate:
    """The device certificate that a request asks for. Raises CertificateError for a request that is wrong."""
    findings = check_request(request)
    if findings or request.entity is None or request.key_usage is None:
        raise CertificateError("; ".join(map(str, findings)))
    return issue_device(issuer, request.entity, request.key_usage, request.public_point, serial, not_before)


def _take_request(der: bytes) -> CertificationRequest:
    if len(der) > MAX_CERTIFICATE:
        raise DecodeError(MAX_CERTIFICATE, f"at most {MAX_CERTIFICATE} octets", f"{len(der)}", ("request",))
    whole = Walk(der, 0, len(der))
    outer = whole.enter(SEQUENCE, "request")
    whole.finish("request")
    start = outer.at
    info = outer.enter(SEQUENCE, "request_info")
    signed = der[start : outer.at]
    take_algorithm(outer, "signature_algorithm")
    signature, _ = take_signature(outer)
    outer.finish("request")
    at, version = info.at, info.integer("version")
    if version != 0:
        raise DecodeError(at, "version 0", "another", ("version",))
    subject = take_name(info, "subject")
    point = take_public_key(info)
    extensions, read = _take_attributes(info.enter(CONTEXT | CONSTRUCTED, "attributes"))
    info.finish("request_info")
    return CertificationRequest(der, signed, subject, point, extensions, read.key_usage, read.device, signature)


def _take_attributes(walk: Walk) -> tuple[tuple[Extension, ...], ReadExtensions]:
    """One attribute, the extension request."""
    at, attribute = walk.at, walk.enter(SEQUENCE, "attributes")
    walk.finish("attributes")
    kind = attribute.content(OBJECT_IDENTIFIER, "attributes")
    if kind != EXTENSION_REQUEST:
        raise DecodeError(at, "an extension request", oid_text(kind), ("attributes",))
    values = attribute.enter(SET, "attributes")
    attribute.finish("attributes")
    return take_extensions(values)
