"""Revocation of certificates, and the lists that tell of it.

Devices' certificates are never revoked. The issuing authority of organisations signs the list of those of theirs that
it has revoked (CRL): every twelve hours, even unchanged, and after each revocation. The roots sign the lists of
revoked authorities (ARL): every twelve months, and after each revocation. Lists are numbered and kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from protocols.asn1 import enumeration_text
from protocols.enumerations import plain_members
from protocols.instant import Instant, text
from protocols.smki.certificate import CertificateKind
from protocols.smki.revocation import (
    RevocationList,
    RevocationReason,
    RevokedCertificate,
    issue_revocation_list,
)

from .authorities import Authority, Hierarchy, Level, State
from .laboratory import Laboratory
from .repository import Origin, Record, Search, Status
from .sealing import RuleError
from .times import AUTHORITY_LIST_MONTHS, LIST_EVERY, LIST_WITHIN, months_after


@plain_members
class ListKind(StrEnum):
    """What a list is about."""

    CERTIFICATES = "CRL"
    AUTHORITIES = "ARL"


class KeptList(NamedTuple):
    """A list as it is kept; ``key_identifier`` is that of the key that signed it."""

    kind: ListKind
    hierarchy: Hierarchy
    key_identifier: bytes
    number: int
    this_update: Instant
    next_update: Instant
    der: bytes

    @property
    def list(self) -> RevocationList:
        """The list itself."""
        return RevocationList.decode(self.der)

    @property
    def stem(self) -> str:
        """What its file may be called: ``organisation-crl``, ``device-arl``."""
        return f"{self.hierarchy}-{self.kind.lower()}"


SIGNERS = (
    (ListKind.CERTIFICATES, Hierarchy.ORGANISATION, Level.ISSUING),
    (ListKind.AUTHORITIES, Hierarchy.ORGANISATION, Level.ROOT),
    (ListKind.AUTHORITIES, Hierarchy.DEVICE, Level.ROOT),
)
"""Which lists there are, and who signs them."""


class Lists:
    """The lists of a laboratory."""

    def __init__(self, lab: Laboratory) -> None:
        self._lab = lab

    def kept(self) -> Iterator[KeptList]:
        """Every list made so far, in order."""
        hierarchies = {one.key_identifier: one.hierarchy for one in self._lab.authorities.all()}
        query = "SELECT kind, issuer_key, number, this_update, next_update, der FROM list ORDER BY id"
        for kind, key, number, this_update, next_update, der in self._lab.db.execute(query):
            yield KeptList(ListKind(kind), hierarchies[key], key, number, this_update, next_update, der)

    def current(self, kind: ListKind, hierarchy: Hierarchy) -> KeptList | None:
        """The last list that the present authority has signed."""
        return self._last(kind, self._signer(kind, hierarchy))

    def due(self) -> Instant:
        """When the next list has to be made: at once for what was revoked and is on none."""
        return min(self._due(kind, hierarchy) for kind, hierarchy, _ in SIGNERS)

    def late(self, now: Instant) -> list[str]:
        """Which lists are later than the rules allow."""
        found = []
        for kind, hierarchy, _ in SIGNERS:
            due = self._due(kind, hierarchy)
            last = self.current(kind, hierarchy)
            allowed = due if last is not None and due == last.next_update else due + LIST_WITHIN
            if now > allowed:
                found.append(f"{kind} of the {hierarchy} hierarchy: due {text(due)}")
        return found

    def advance(self, now: Instant) -> list[KeptList]:
        """Make the lists whose time has come; gives them."""
        return [self.make(kind, hierarchy, now) for kind, hierarchy, _ in SIGNERS if self._due(kind, hierarchy) <= now]

    def make(self, kind: ListKind, hierarchy: Hierarchy, now: Instant) -> KeptList:
        """The next list, whether it is due or not."""
        lab, authority = self._lab, self._signer(kind, hierarchy)
        last = self._last(kind, authority)
        number = 1 if last is None else last.number + 1
        next_update = now + LIST_EVERY
        if kind is ListKind.AUTHORITIES:
            next_update = months_after(now, AUTHORITY_LIST_MONTHS)
        issuer = lab.authorities.issuer(authority)
        made = issue_revocation_list(issuer, self._revoked(kind, authority), now, next_update, number)
        row = (kind, authority.key_identifier, number, now, next_update, made.encode())
        with lab.change(now, f"{kind} {number} of the {hierarchy} hierarchy, {len(made.entries)} revoked"):
            names = "kind, issuer_key, number, this_update, next_update, der"
            lab.db.execute(f"INSERT INTO list ({names}) VALUES (?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - own words
        return KeptList(kind, hierarchy, authority.key_identifier, number, now, next_update, made.encode())

    def _due(self, kind: ListKind, hierarchy: Hierarchy) -> Instant:
        authority = self._signer(kind, hierarchy)
        last = self._last(kind, authority)
        if last is None:
            return authority.begun
        listed = last.list
        missing = [entry.revoked_at for entry in self._revoked(kind, authority) if not listed.is_revoked(entry.serial)]
        return min([last.next_update, *missing])

    def _last(self, kind: ListKind, authority: Authority) -> KeptList | None:
        query = (
            "SELECT number, this_update, next_update, der FROM list WHERE issuer_key = ? AND kind = ? "
            "ORDER BY number DESC LIMIT 1"
        )
        row = self._lab.db.execute(query, (authority.key_identifier, kind)).fetchone()
        return None if row is None else KeptList(kind, authority.hierarchy, authority.key_identifier, *row)

    def _signer(self, kind: ListKind, hierarchy: Hierarchy) -> Authority:
        level = next(level for one, other, level in SIGNERS if (one, other) == (kind, hierarchy))
        return self._lab.authorities.current(hierarchy, level)

    def _revoked(self, kind: ListKind, authority: Authority) -> list[RevokedCertificate]:
        wanted = CertificateKind.AUTHORITY if kind is ListKind.AUTHORITIES else CertificateKind.ORGANISATION
        search = Search(kind=wanted, origin=Origin.ISSUED, statuses=(Status.REVOKED,))
        return [
            RevokedCertificate(record.serial, record.changed, RevocationReason[record.reason])
            for record in self._lab.repository.find(search)
            if record.issuer_key == authority.key_identifier
        ]


def revoke(lab: Laboratory, record: Record, reason: RevocationReason, now: Instant) -> None:
    """Revoke a certificate for ever. The list that tells of it is due at once. Raises RuleError.

    An issuing authority that is revoked is replaced first, under the same name and with another key.
    """
    refusal = _refusal(lab, record)
    if refusal:
        raise RuleError(f"certificate {record.number} ({record.certificate}) is not revoked: {refusal}")
    what = f"certificate {record.number} revoked: {enumeration_text(reason)}"
    if record.kind is CertificateKind.AUTHORITY:
        _revoke_authority(lab, record, reason, now)
        with lab.change(now, what):
            return
    with lab.change(now, what):
        lab.repository.set_status(record.number, Status.REVOKED, now, reason.name)


def _refusal(lab: Laboratory, record: Record) -> str:
    if record.kind is CertificateKind.DEVICE:
        return "certificates of devices are for the life of the device; there is no list of revoked ones"
    if record.origin is Origin.IMPORTED:
        return "it was issued elsewhere, and only its issuer can revoke it"
    if record.status is Status.REVOKED:
        return f"it was revoked at {text(record.changed)} ({enumeration_text(RevocationReason[record.reason])})"
    if record.status is Status.DECLINED:
        return "its applicant declined it"
    if record.kind is CertificateKind.AUTHORITY:
        root = _authority_of(lab, record.key_identifier).level is Level.ROOT
        return "a root is on no list; make a new laboratory" if root else ""
    if _authority_of(lab, record.issuer_key).state is not State.CURRENT:
        return "the authority that issued it was revoked, and all that it has issued with it; it signs no more lists"
    return ""


def _authority_of(lab: Laboratory, key_identifier: bytes) -> Authority:
    return next(one for one in lab.authorities.all() if one.key_identifier == key_identifier)


def _revoke_authority(lab: Laboratory, record: Record, reason: RevocationReason, now: Instant) -> None:
    authority = _authority_of(lab, record.key_identifier)
    with lab.guarded():
        if authority.state is State.CURRENT:
            lab.authorities.begin(authority.hierarchy, authority.level, lab.authority_validity(), now)
            authority = _authority_of(lab, record.key_identifier)
        lab.authorities.revoke(authority, now, reason.name)
