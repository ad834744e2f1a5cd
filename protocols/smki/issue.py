"""A key infrastructure for tests: root, issuing authorities, organisations and devices in the profiles of the real one.

Whatever is issued says that it is for testing only, as the real infrastructure's test certificates must: see ``mark``.
Otherwise it looks like the real ones, so that devices cannot tell.

The same keys, serial numbers and times give the same octets when the signer signs deterministically (RFC 6979).
"""

from __future__ import annotations

from typing import NamedTuple

from ..der import CONSTRUCTED, CONTEXT, INTEGER, NEVER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, tlv
from ..eui64 import Eui64
from ..gbcs.roles import RemotePartyRole
from ..instant import Instant
from .building import (
    ALGORITHM,
    DEVICE,
    ORGANISATION,
    Policy,
    Signer,
    Validity,
    authority_key_extension,
    authority_name,
    basic_constraints_extension,
    key_usage_extension,
    policies_extension,
    public_key_info,
    put_extension,
    put_signed,
    put_validity,
    serial_octets,
    subject_key_extension,
)
from .certificate import Certificate, key_identifier
from .issuer import VERSION_3, BulkIssuer, Issuer, refuse_unmarked
from .mark import TEST_MARK, says_test
from .names import AES_256_WRAP_PAD, WRAPPED_CONTINGENCY_KEY, KeyUsage
from .signature import Verifier

__all__ = [
    "DEVICE",
    "ORGANISATION",
    "ROOT_KEY_USAGE",
    "TEST_MARK",
    "BulkIssuer",
    "Issuer",
    "Policy",
    "Signer",
    "Validity",
    "contingency_extension",
    "issue_authority",
    "issue_device",
    "issue_link",
    "issue_organisation",
    "issue_root",
    "public_key_info",
    "says_test",
]

ROOT_KEY_USAGE = KeyUsage.KEY_CERT_SIGN | KeyUsage.CRL_SIGN
"""The root signs certificates and the list of revoked authorities. Inferred from the issuing authority's profile."""


def issue_root(
    policy: Policy,
    name: str,
    point: bytes,
    sign: Signer,
    serial: int,
    validity: Validity,
    wrapped_contingency_key: bytes = b"",
) -> Certificate:
    """A self-signed root. ``name`` must have the word TEST; ``serial`` is positive, 16 octets at most.

    No root of the real infrastructure is published; this profile is that of its issuing authorities, without
    a path length. ``wrapped_contingency_key``: see ``contingency_extension``; none where it is empty. Raises
    EncodeError.
    """
    subject = authority_name(policy, RemotePartyRole.ROOT, name)
    extensions = _authority_extensions(policy, ROOT_KEY_USAGE, None, point, key_identifier(point))
    if wrapped_contingency_key:
        extensions += (contingency_extension(wrapped_contingency_key),)
    tbs = _Tbs(subject, subject, point, serial, validity, extensions)
    return Certificate.decode(put_signed(tbs.encode(), sign, Verifier(point)))


def contingency_extension(wrapped: bytes) -> bytes:
    """The extension of a root that holds its contingency key, wrapped by AES with padding (RFC 5649; RFC 5934 A.3)."""
    value = tlv(SEQUENCE, tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, AES_256_WRAP_PAD)), tlv(OCTET_STRING, wrapped))
    return put_extension(WRAPPED_CONTINGENCY_KEY, value, critical=False)


def issue_link(old: Issuer, new: Certificate, serial: int, validity: Validity) -> Certificate:
    """The certificate by which a root vouches for the one that follows it: the new name and key, signed by the old one.

    RFC 4210 4.4 names it *new with old*. Extensions other than those of the profile are taken over. Raises EncodeError.
    """
    refuse_unmarked(old)
    point = new.public_point
    extensions = _authority_extensions(ORGANISATION, ROOT_KEY_USAGE, None, point, old.key_identifier)
    for extension in new.extensions:
        if extension.kind == WRAPPED_CONTINGENCY_KEY:
            extensions += (put_extension(extension.kind, extension.octets, critical=extension.critical),)
    tbs = _Tbs(old.certificate.subject.octets, new.subject.octets, point, serial, validity, extensions)
    return Certificate.decode(put_signed(tbs.encode(), old.sign, Verifier(old.certificate.public_point)))


def issue_authority(
    root: Issuer, policy: Policy, name: str, point: bytes, serial: int, validity: Validity
) -> Certificate:
    """An issuing authority below ``root`` that has no authorities below itself.

    One that renews its key keeps its name, so that its subscribers notice nothing: which key has issued a certificate,
    the authority key identifier in it tells. Raises EncodeError.
    """
    refuse_unmarked(root)
    usage = KeyUsage.KEY_CERT_SIGN | KeyUsage.CRL_SIGN
    extensions = _authority_extensions(policy, usage, 0, point, root.key_identifier)
    subject = authority_name(policy, RemotePartyRole.ISSUING_AUTHORITY, name)
    tbs = _Tbs(root.certificate.subject.octets, subject, point, serial, validity, extensions)
    return Certificate.decode(put_signed(tbs.encode(), root.sign, Verifier(root.certificate.public_point)))


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
    ready = BulkIssuer(issuer, validity)
    return Certificate.decode(ready.organisation(entity, role, key_usage, point, serial, common_name))


def issue_device(
    issuer: Issuer, entity: Eui64, key_usage: KeyUsage, point: bytes, serial: int, not_before: Instant
) -> Certificate:
    """The certificate of a device for one key; it has no end. Raises EncodeError."""
    ready = BulkIssuer(issuer, Validity(not_before, NEVER))
    return Certificate.decode(ready.device(entity, key_usage, point, serial))


class _Tbs(NamedTuple):
    issuer: bytes
    subject: bytes
    point: bytes
    serial: int
    validity: Validity
    extensions: tuple[bytes, ...]

    def encode(self) -> bytes:
        return tlv(
            SEQUENCE,
            VERSION_3,
            tlv(INTEGER, serial_octets(self.serial)),
            ALGORITHM,
            self.issuer,
            put_validity(self.validity),
            self.subject,
            public_key_info(self.point),
            tlv(CONTEXT | CONSTRUCTED | 3, tlv(SEQUENCE, *self.extensions)),
        )


def _authority_extensions(
    policy: Policy, usage: KeyUsage, path_length: int | None, point: bytes, authority: bytes
) -> tuple[bytes, ...]:
    return (
        key_usage_extension(usage),
        basic_constraints_extension(path_length),
        policies_extension(policy),
        subject_key_extension(point),
        authority_key_extension(authority),
    )
