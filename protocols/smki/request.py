"""Certification requests of devices (use case CS02c) and of organisations: PKCS #10 (RFC 2986).

A device asks with an empty subject for its key usage and its alternative name, both critical. An organisation asks with
the subject that its certificate shall have, for its key usage, critical. Either proves by its signature that it holds
the private key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..asn1 import enumeration_text
from ..der import CONSTRUCTED, CONTEXT, NEVER, OBJECT_IDENTIFIER, SEQUENCE, SET, Walk, oid_text
from ..errors import CertificateError, DecodeError
from ..eui64 import Eui64, eui64_text
from ..instant import Instant
from .building import (
    EMPTY_NAME,
    MAX_COMMON_NAME,
    Signer,
    Validity,
    device_name_extension,
    key_usage_extension,
    organisation_name,
    put_signed,
    request_info,
)
from .certificate import MAX_CERTIFICATE, ROLES, Certificate, CertificateKind, entity_of, role_of, role_text
from .finding import Aspect, Finding
from .issuer import BulkIssuer, Issuer
from .names import COMMON_NAME, EXTENSION_REQUEST, KEY_USAGE, NAMES, SUBJECT_ALTERNATIVE_NAME, KeyUsage
from .reading import (
    Extension,
    Name,
    ReadExtensions,
    take_extensions,
    take_name,
    take_public_key,
    take_signed,
)
from .signature import Verifier, verifies
from .usual_request import take_usual

_EXTENSIONS = {
    CertificateKind.DEVICE: (KEY_USAGE, SUBJECT_ALTERNATIVE_NAME),
    CertificateKind.ORGANISATION: (KEY_USAGE,),
}


@dataclass(frozen=True, slots=True)
class CertificationRequest:
    """One request. Equal where the octets are equal; what it does not ask for is None.

    ``device`` is the EUI-64 of the alternative name, which only devices ask for.
    """

    octets: bytes = field(repr=False)
    info: bytes = field(compare=False, repr=False)
    subject: Name = field(compare=False)
    public_point: bytes = field(compare=False, repr=False)
    extensions: tuple[Extension, ...] = field(compare=False, repr=False)
    key_usage: KeyUsage | None = field(compare=False)
    device: Eui64 | None = field(compare=False)
    signature: tuple[int, int] = field(compare=False, repr=False)

    @classmethod
    def decode(cls, der: bytes) -> CertificationRequest:
        """Read a request that fills ``der``. Raises DecodeError naming field and octet."""
        octets = bytes(der)
        usual = take_usual(octets)
        return cls(*usual) if usual is not None else _take_request(octets)

    @classmethod
    def make(cls, entity: Eui64, key_usage: KeyUsage, point: bytes, sign: Signer) -> CertificationRequest:
        """The request of a device for a key pair of which ``sign`` holds the private half. Raises EncodeError."""
        return _make(EMPTY_NAME, (key_usage_extension(key_usage), device_name_extension(entity)), point, sign)

    @classmethod
    def make_organisation(
        cls, entity: Eui64, role: int, key_usage: KeyUsage, point: bytes, sign: Signer, common_name: str = ""
    ) -> CertificationRequest:
        """The request of an organisation in one role for such a key pair; the name may be empty. Raises EncodeError."""
        return _make(organisation_name(entity, role, common_name), (key_usage_extension(key_usage),), point, sign)

    @property
    def kind(self) -> CertificateKind:
        """Whose request it is: an organisation's has a subject."""
        return CertificateKind.ORGANISATION if self.subject.attributes else CertificateKind.DEVICE

    @property
    def entity(self) -> Eui64 | None:
        """The EUI-64 of the device or organisation."""
        return self.device if self.kind is CertificateKind.DEVICE else entity_of(self.subject)

    @property
    def role(self) -> int | None:
        """The role in an organisation's subject; a RemotePartyRole where it has a name."""
        return role_of(self.subject)

    @property
    def common_name(self) -> str:
        """The name that an organisation gives itself; empty where there is none."""
        return self.subject.get(COMMON_NAME) or ""

    def encode(self) -> bytes:
        """The octets of the request."""
        return self.octets

    def __str__(self) -> str:
        """Role, identifier and use, on one line."""
        role = [role_text(self.role)] if self.role is not None else []
        entity = eui64_text(self.entity) if self.entity is not None else "no identifier"
        usage = enumeration_text(self.key_usage) if self.key_usage is not None else "no key usage"
        return ", ".join(("certification request", *role, entity, usage))


def request_text(der: bytes) -> str:
    """One line about the request, or why it cannot be read."""
    try:
        return str(CertificationRequest.decode(der))
    except DecodeError as error:
        return f"not a readable certification request: {error}"


def check_request(
    request: CertificationRequest,
    entity: Eui64 | None = None,
    key_usage: KeyUsage | None = None,
    *,
    kind: CertificateKind | None = None,
    role: int | None = None,
) -> tuple[Finding, ...]:
    """What is wrong with a request: its profile, its proof of possession, and what is expected of it."""
    findings: list[Finding] = []
    for aspect, expected, found in (
        *_wrong_profile(request),
        *_wrong_claims(request, entity, key_usage),
        *_wrong_party(request, kind, role),
    ):
        findings.append(Finding("certification request", aspect, expected, found))
    return tuple(findings)


_Wrong = Iterator[tuple[Aspect, str, str]]


def _wrong_profile(request: CertificationRequest) -> _Wrong:
    wanted = _EXTENSIONS[request.kind]
    held = {extension.kind for extension in request.extensions if extension.critical}
    if held != set(wanted) or len(request.extensions) != len(wanted):
        named = " and ".join(NAMES[kind] for kind in wanted)
        yield Aspect.PROFILE, f"critical {named}", f"{len(request.extensions)} extensions"
    if request.kind is CertificateKind.ORGANISATION and not _is_in_profile(request):
        yield Aspect.PROFILE, "a subject of a name that may be absent, a role and an EUI-64", str(request.subject)
    if not verifies(request.public_point, request.info, request.signature):
        yield Aspect.SIGNATURE, "made by the key that is to be certified", "one that does not verify"


def _is_in_profile(request: CertificationRequest) -> bool:
    """Whether the subject is the one that the certificate gets, octet for octet."""
    if request.entity is None or request.role is None or len(request.common_name) > MAX_COMMON_NAME:
        return False
    return request.subject.octets == organisation_name(request.entity, request.role, request.common_name)


def _wrong_claims(request: CertificationRequest, entity: Eui64 | None, key_usage: KeyUsage | None) -> _Wrong:
    if request.entity is None or (entity is not None and request.entity != entity):
        wanted = eui64_text(entity) if entity is not None else "an EUI-64"
        yield Aspect.ENTITY, wanted, eui64_text(request.entity) if request.entity is not None else "none"
    uses = (key_usage,) if key_usage is not None else (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT)
    if request.key_usage not in uses:
        held = request.key_usage
        wanted = " or ".join(enumeration_text(use) for use in uses)
        yield Aspect.KEY_USAGE, wanted, enumeration_text(held) if held is not None else "none"


def _wrong_party(request: CertificationRequest, kind: CertificateKind | None, role: int | None) -> _Wrong:
    held = request.role
    if kind is not None and request.kind is not kind:
        yield Aspect.KIND, kind, request.kind
    if role is not None and held != role:
        yield Aspect.ROLE, role_text(role), role_text(held) if held is not None else "none"
    elif held is not None and held not in ROLES:
        yield Aspect.ROLE, "a role of the infrastructure", role_text(held)


def issue_requested_device(
    issuer: Issuer, request: CertificationRequest, serial: int, not_before: Instant
) -> Certificate:
    """The device certificate that a request asks for; it has no end. Raises CertificateError for a wrong request."""
    issuing = BulkIssuer(issuer, Validity(not_before, NEVER))
    return Certificate.decode(grant(issuing, request, serial, CertificateKind.DEVICE))


def issue_requested_organisation(
    issuer: Issuer, request: CertificationRequest, serial: int, validity: Validity
) -> Certificate:
    """The organisation certificate that a request asks for. Raises CertificateError for a wrong request."""
    issuing = BulkIssuer(issuer, validity)
    return Certificate.decode(grant(issuing, request, serial, CertificateKind.ORGANISATION))


def grant(issuing: BulkIssuer, request: CertificationRequest, serial: int, kind: CertificateKind) -> bytes:
    """The certificate (DER) that a request asks for. Raises CertificateError for a request that is wrong."""
    findings = check_request(request, kind=kind)
    if findings:
        raise CertificateError("; ".join(map(str, findings)))
    return issue_for(issuing, request, serial)


def issue_for(issuing: BulkIssuer, request: CertificationRequest, serial: int) -> bytes:
    """The certificate (DER) for a request in which ``check_request`` has found nothing wrong. Raises EncodeError."""
    entity, use = request.entity or Eui64(b""), request.key_usage or KeyUsage(0)
    if request.kind is CertificateKind.DEVICE:
        return issuing.device(entity, use, request.public_point, serial)
    return issuing.organisation(entity, request.role or 0, use, request.public_point, serial, request.common_name)


def _make(subject: bytes, extensions: tuple[bytes, ...], point: bytes, sign: Signer) -> CertificationRequest:
    return CertificationRequest.decode(put_signed(request_info(subject, extensions, point), sign, Verifier(point)))


def _take_request(der: bytes) -> CertificationRequest:
    info, signed, _, signature, _ = take_signed(der, "request", "request_info", MAX_CERTIFICATE)
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
