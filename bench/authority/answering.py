"""Answers certification requests: the part of issuing that touches nothing but keys, so that several processes do it.

A task carries everything that decides the answer. The same task, authority and key give the same certificate, since
signing is deterministic (RFC 6979); a key pair that the laboratory makes itself is another each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from protocols.der import NEVER
from protocols.errors import DecodeError, EncodeError
from protocols.eui64 import Eui64, eui64_text
from protocols.gbcs.elliptic_curve import ENTROPY_LENGTH, point_of, private_from, sign
from protocols.gbcs.keys import KeyUse
from protocols.instant import Instant
from protocols.secret import Secret
from protocols.smki.certificate import CertificateKind, key_identifier
from protocols.smki.issue import BulkIssuer, Issuer, Validity
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest, check_request, issue_for

from .repository import Columns
from .sealing import Entropy, Seal

USAGES = {
    KeyUse.DIGITAL_SIGNING: KeyUsage.DIGITAL_SIGNATURE,
    KeyUse.KEY_AGREEMENT: KeyUsage.KEY_AGREEMENT,
    KeyUse.PREPAYMENT_KEY_AGREEMENT: KeyUsage.KEY_AGREEMENT,
}
PAIR_PURPOSE = b"key pair of a subscriber "
"""What sealed private keys of subscribers are sealed for, with the key identifier behind it."""


class Task(NamedTuple):
    """One request. ``der`` is None where the laboratory makes the key pair for ``entity`` itself.

    ``role`` is None for a device. ``not_after`` counts for organisations alone: certificates of devices have no end.
    """

    number: int
    serial: int
    not_before: Instant
    not_after: Instant
    der: bytes | None
    entity: bytes | None
    role: int | None
    use: str | None


class Answer(NamedTuple):
    """What was issued, or else the reason why nothing was.

    ``request`` is the request (DER); ``sealed`` the private key that was made for it; ``entity`` whose it is.
    """

    number: int
    reason: str
    columns: Columns | None = None
    request: bytes = b""
    sealed: bytes = b""
    entity: Eui64 | None = None


class Clerk:
    """Answers on behalf of one issuing authority."""

    def __init__(self, issuer: Issuer, seal: Seal, entropy: Entropy) -> None:
        self._issuer, self._seal, self._entropy = issuer, seal, entropy
        self._ready: dict[Validity, BulkIssuer] = {}

    def answer_all(self, tasks: Iterable[Task]) -> list[Answer]:
        """The answers, in order."""
        return [self.answer(task) for task in tasks]

    def answer(self, task: Task) -> Answer:
        """Issue or reject. Never raises for what an applicant has sent."""
        sealed = b""
        der = task.der
        if der is None:
            der, sealed = self._make(task)
        try:
            request = CertificationRequest.decode(der)
        except DecodeError as error:
            return Answer(task.number, f"no certification request (PKCS #10): {error}", request=der)
        reason = refusal(request, task)
        if reason:
            return Answer(task.number, reason, request=der, entity=request.entity)
        return self._issue(task, request, sealed)

    def _issue(self, task: Task, request: CertificationRequest, sealed: bytes) -> Answer:
        entity, usage, point = request.entity, request.key_usage, request.public_point
        if entity is None or usage is None:  # check_request has said so
            return Answer(task.number, "an identifier and a key usage are needed", request=request.octets)
        use = task.use or (KeyUse.DIGITAL_SIGNING if usage is KeyUsage.DIGITAL_SIGNATURE else KeyUse.KEY_AGREEMENT)
        ends = NEVER if request.role is None else task.not_after
        try:
            der = issue_for(self._bulk(Validity(task.not_before, ends)), request, task.serial)
        except EncodeError as error:
            return Answer(task.number, f"cannot be issued: {error}", request=request.octets)
        columns = Columns(
            request.kind,
            entity,
            request.role,
            use,
            task.serial,
            key_identifier(point),
            self._issuer.key_identifier,
            task.not_before,
            ends,
            der,
        )
        return Answer(task.number, "", columns, request.octets, sealed, entity)

    def _bulk(self, validity: Validity) -> BulkIssuer:
        if validity not in self._ready:
            self._ready[validity] = BulkIssuer(self._issuer, validity)
        return self._ready[validity]

    def _make(self, task: Task) -> tuple[bytes, bytes]:
        """A request for a key pair made here, and the sealed private key."""
        private = private_from(self._entropy(ENTROPY_LENGTH))
        point = point_of(private.public_key())
        octets = Secret(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
        sealed = self._seal.close(octets, PAIR_PURPOSE + key_identifier(point))
        entity, usage = Eui64(task.entity or b""), USAGES[KeyUse(task.use or KeyUse.DIGITAL_SIGNING)]
        if task.role is None:
            request = CertificationRequest.make(entity, usage, point, lambda octets: sign(private, octets))
        else:
            name = f"TEST {eui64_text(entity)}" if usage is KeyUsage.DIGITAL_SIGNATURE else ""
            request = CertificationRequest.make_organisation(
                entity, task.role, usage, point, lambda octets: sign(private, octets), name
            )
        return request.encode(), sealed


def refusal(request: CertificationRequest, task: Task) -> str:
    """Why a request is rejected: its profile, its proof of possession, or what was said of it; empty if it is good."""
    usage = USAGES[KeyUse(task.use)] if task.use else None
    entity = Eui64(task.entity) if task.entity is not None else None
    kind = CertificateKind.DEVICE if task.role is None else CertificateKind.ORGANISATION
    return "; ".join(str(finding) for finding in check_request(request, entity, usage, kind=kind, role=task.role))
