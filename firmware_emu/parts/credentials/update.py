"""Replaces the contents of trust anchor cells, row by row, as one command asks (GBCS 13.3.4, 13.10).

Each row stands for itself: one that fails leaves its cell alone and does not stop the others. Everything is written
to non-volatile memory by one commit, so that a power cut leaves either all of it or nothing. What ``succession`` says
of new roots holds for the whole command: the other rows are checked against the root that the device holds after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_credentials import (
    CredentialReplacement,
    CredentialStatus,
    ReplacementMode,
    ReplacementResult,
    SequenceNumberChange,
    TimeChecks,
    UpdateCredentialsCommand,
    UpdateCredentialsOutcome,
)
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import Instant
from protocols.smki.certificate import Certificate, CertificateKind, key_identifier
from protocols.smki.check import Aspect, TrustAnchor, check, check_chain

from ...clock import ClockStatus
from ...counters import TOP_UP
from ...credentials import Anchor, Cell, PartyChange
from ...defects import register_defect
from .rules import CELLS, MODES, ROLES_IN_CELL, USES, cell_named
from .succession import succeeds

if TYPE_CHECKING:
    from ...device import Device

ACCEPTS_ANY_CERTIFICATE = register_defect(
    "accepts-wrong-certificate-role", "takes credentials whose role or key usage is not that of the cell"
)
STOPS_AT_BAD_ROW = register_defect(
    "stops-at-bad-credential", "leaves out the replacements that follow a credential that was refused"
)
SKIPS_PATH = register_defect(
    "skips-certificate-path", "takes credentials without following their path to the root that it holds"
)
IGNORES_VALIDITY = register_defect(
    "ignores-certificate-validity", "takes credentials that have expired, or are not valid yet"
)
IGNORES_FLOORS = register_defect(
    "ignores-counter-floors", "leaves the counters as they are when credentials are replaced"
)

_EMPTY = Anchor(bytes(8), bytes(8), b"")
_ROOT = Cell(RemotePartyRole.ROOT, None)
_TOKENS = Cell(RemotePartyRole.SUPPLIER, KeyUse.PREPAYMENT_KEY_AGREEMENT)
_SIGNING = frozenset({KeyUse.DIGITAL_SIGNING, None})
_UNJUDGED = frozenset({Aspect.ROLE, Aspect.KEY_USAGE})
_NOBODY = bytes(8)


class CredentialUpdate:
    """One update of one device. ``fault`` tells a cell's fault, where there is one: the status it ends with."""

    def __init__(self, device: Device, command: UpdateCredentialsCommand, fault: Callable[[Cell], int | None]) -> None:
        self._device, self._command, self._fault = device, command, fault
        self._rule = MODES[command.control.mode]
        self._path = [found for each in command.certification_path if (found := read_certificate(each)) is not None]
        self._authorities = [each for each in self._path if not check(each, kind=CertificateKind.AUTHORITY)]
        self._at = self._time_of_checks()
        self._replaced: set[Cell] = set()
        self._with_new_keys: set[Cell] = set()
        self.changed_hands: set[RemotePartyRole] = set()
        """Roles that another party holds after the update."""

    @property
    def replaced(self) -> set[RemotePartyRole]:
        """The roles of the cells that were replaced."""
        return {cell.role for cell in self._replaced}

    def run(self) -> UpdateCredentialsOutcome:
        """Replace what can be replaced."""
        credentials = self._device.credentials
        holders = {role: credentials.party(role) for role in self._rule.replaces}
        results = self._replace_all()
        changes = self._changes()
        self.changed_hands = {role for role in self.replaced if credentials.party(role) != holders[role]}
        self._set_floors(changes)
        for role in sorted(self.changed_hands):
            self._tell(role, holders[role], changes)
        control = self._command.control
        return UpdateCredentialsOutcome(control.sequence_number, control.mode, tuple(changes), results)

    # rows

    def _replace_all(self) -> tuple[ReplacementResult, ...]:
        """Replace the root first, the rest in order; the results are in the order of the rows."""
        rows = self._command.replacements
        results: dict[int, ReplacementResult] = {}
        for place in sorted(range(len(rows)), key=lambda place: rows[place].cell.role != RemotePartyRole.ROOT):
            results[place] = self._replace(rows[place])
            failed = results[place].status is not CredentialStatus.SUCCESS
            if failed and self._device.defective(STOPS_AT_BAD_ROW):
                break
        return tuple(results[place] for place in sorted(results))

    def _replace(self, row: CredentialReplacement) -> ReplacementResult:
        cell = cell_named(row.cell)
        credentials = self._device.credentials
        before = (credentials.anchor(cell) if cell else None) or _EMPTY
        certificate = read_certificate(row.certificate)
        status = self._judge(cell, certificate)
        after = before
        if status is CredentialStatus.SUCCESS and cell is not None and certificate is not None:
            after = anchor_of(cell, certificate)
            credentials.fill(cell, after)
            self._replaced.add(cell)
            if after.key_identifier != before.key_identifier:
                self._with_new_keys.add(cell)
        return ReplacementResult(
            row.cell,
            status,
            Eui64(before.subject),
            before.key_identifier,
            Eui64(after.subject),
            after.key_identifier,
        )

    def _judge(self, cell: Cell | None, certificate: Certificate | None) -> CredentialStatus:
        """A cell that this command has replaced is not replaced again (inferred): which key counts would be a guess."""
        device = self._device
        if cell is None or cell not in CELLS.get(device.personality.device, frozenset()):
            return CredentialStatus.TRUST_ANCHOR_NOT_FOUND
        if cell.role not in self._rule.replaces or cell in self._replaced:
            return CredentialStatus.OTHER
        fault = self._fault(cell)
        if fault is not None:
            return CredentialStatus(fault)
        if certificate is None or not self._fits(cell, certificate):
            return CredentialStatus.BAD_CERTIFICATE
        return CredentialStatus.SUCCESS if self._is_trusted(cell, certificate) else CredentialStatus.NO_TRUST_ANCHOR

    def _fits(self, cell: Cell, certificate: Certificate) -> bool:
        """True if it is a certificate for this cell, in the right profile, and valid if that counts."""
        usage, _ = USES[cell.use]
        kind = CertificateKind.AUTHORITY if cell == _ROOT else CertificateKind.ORGANISATION
        findings = check(certificate, at=self._at, kind=kind, key_usage=usage)
        roles = ROLES_IN_CELL.get(cell.role, frozenset({cell.role}))
        if self._device.defective(ACCEPTS_ANY_CERTIFICATE):
            return not [finding for finding in findings if finding.aspect not in _UNJUDGED]
        return not findings and certificate.role in roles and (cell == _ROOT or self._names_party(certificate))

    def _names_party(self, certificate: Certificate) -> bool:
        """True if its subject is somebody, and not a device that this one knows, itself least of all."""
        entity, device = certificate.entity, self._device
        return (
            entity is not None
            and entity not in (_NOBODY, device.identity)
            and not device.credentials.is_partner(entity)
        )

    def _is_trusted(self, cell: Cell, certificate: Certificate) -> bool:
        """True if a path leads to the root that the device holds."""
        if self._device.defective(SKIPS_PATH):
            return True
        root = self._device.credentials.anchor(_ROOT)
        anchor = None if root is None else trust_anchor(root)
        if cell == _ROOT:
            abnormal = self._command.control.mode is ReplacementMode.ANY_BY_CONTINGENCY
            return succeeds(certificate, None if abnormal else anchor, self._path, self._at, abnormal=abnormal)
        return anchor is not None and not check_chain(certificate, self._authorities, [anchor], self._at)

    def _time_of_checks(self) -> Instant | None:
        """When certificates must be valid; None where that is not asked for, or the device does not know the time."""
        device = self._device
        wanted = self._command.control.time_checks is TimeChecks.APPLY and device.personality.certificate_times
        reliable = device.clock.status is ClockStatus.RELIABLE
        return device.now if wanted and reliable and not device.defective(IGNORES_VALIDITY) else None

    # counters

    def _changes(self) -> list[SequenceNumberChange]:
        """The floors asked for, of the authorising role first, then those of others in the order of the command.

        They are reported as asked for also where no row succeeded, as the reference devices do. Only suppliers have
        counters beside those of commands.
        """
        control, own = self._command.control, self._rule.floor_of
        changes = list(control.other_changes or ())
        if control.new_floor is not None or control.new_specialist_floors:
            floor = self._device.counters.executed(own) if control.new_floor is None else control.new_floor
            changes.insert(0, SequenceNumberChange(own, floor, control.new_specialist_floors))
        supplier = RemotePartyRole.SUPPLIER
        return [each if each.role == supplier else replace(each, specialist=None) for each in changes]

    def _set_floors(self, changes: list[SequenceNumberChange]) -> None:
        """Set those of roles of which a cell was replaced.

        A floor may be lower than the counter it replaces: the new key's holder counts from its own start. Inferred:
        not where the keys that authorise are the same, since all that they have authorised could be repeated then.
        """
        if self._device.defective(IGNORES_FLOORS):
            return
        counters = self._device.counters
        for change in changes:
            if change.role in self.replaced:
                counters.set_floor(change.role, change.floor, anew=self._authorises_anew(change.role))
                for special in change.specialist or ():
                    counters.set_floor(TOP_UP, special.sequence_number, anew=_TOKENS in self._with_new_keys)

    def _authorises_anew(self, role: int) -> bool:
        """True if all keys by which the role's commands are known to be its own are new.

        Its commands with the broker's MAC alone are left out: the messages seen let a party that keeps its name begin
        at 0 with new keys.
        """
        held = {cell for cell in CELLS[self._device.personality.device] if cell.role == role}
        by_mac = role == RemotePartyRole.ACCESS_CONTROL_BROKER
        return self._with_new_keys >= {cell for cell in held if by_mac or cell.use in _SIGNING}

    def _tell(self, role: RemotePartyRole, before: Eui64 | None, changes: list[SequenceNumberChange]) -> None:
        asked = next((change for change in changes if change.role == role), None)
        floor = asked.floor if asked else None
        special = asked.specialist if asked else None
        change = PartyChange(
            role, before, self._device.credentials.party(role), floor, special[-1].sequence_number if special else None
        )
        for listener in self._device.credentials.listeners:
            listener(change)


def refusal(device: Device, command: UpdateCredentialsCommand) -> UpdateCredentialsOutcome:
    """The outcome of an update of which nothing may be done: every row failed, all cells are as they were."""
    return CredentialUpdate(device, command, lambda _cell: CredentialStatus.OTHER).run()


def anchor_of(cell: Cell, certificate: Certificate) -> Anchor:
    """What a cell holds when it holds this certificate. The root's subject has no identifier; it counts as zeros."""
    subject = _NOBODY if cell == _ROOT else bytes(certificate.entity or _NOBODY)
    identifier = certificate.subject_key_identifier or key_identifier(certificate.public_point)
    return Anchor(subject, identifier, certificate.public_point, certificate.octets)


def trust_anchor(root: Anchor) -> TrustAnchor | None:
    """What a root cell lets a device trust; None where only the identifier of its key is known."""
    certificate = read_certificate(root.certificate)
    if certificate is not None:
        return TrustAnchor.of_certificate(certificate)
    return TrustAnchor.of_key(root.point) if root.point else None


def read_certificate(octets: bytes) -> Certificate | None:
    """A certificate, or None for octets that are none."""
    try:
        return Certificate.decode(octets) if octets else None
    except DecodeError:
        return None
