"""Replaces the contents of trust anchor cells, row by row, as one command asks (GBCS 13.3.4, 13.10).

Each row stands for itself: one that fails leaves its cell alone and does not stop the others. Everything is written
to non-volatile memory by one commit, so that a power cut leaves either all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_credentials import (
    CredentialReplacement,
    CredentialStatus,
    ReplacementMode,
    ReplacementResult,
    SequenceNumberChange,
    SpecialistSequenceNumber,
    TimeChecks,
    UpdateCredentialsCommand,
    UpdateCredentialsOutcome,
)
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import Instant
from protocols.smki.certificate import Certificate, CertificateKind, key_identifier
from protocols.smki.check import Aspect, TrustAnchor, check, check_chain, signed_by

from ...clock import ClockStatus
from ...counters import TOP_UP
from ...credentials import Anchor, Cell, PartyChange
from ...defects import register_defect
from .rules import CELLS, MODES, ROLES_IN_CELL, USES, cell_named

if TYPE_CHECKING:
    from ...device import Device

ACCEPTS_ANY_CERTIFICATE = register_defect(
    "accepts-wrong-certificate-role", "takes credentials whose role or key usage is not that of the cell"
)
STOPS_AT_BAD_ROW = register_defect(
    "stops-at-bad-credential", "leaves out the replacements that follow a credential that was refused"
)

_EMPTY = Anchor(bytes(8), bytes(8), b"")
_ROOT = Cell(RemotePartyRole.ROOT, None)
_UNJUDGED = frozenset({Aspect.ROLE, Aspect.KEY_USAGE})
Results = list[ReplacementResult]


class CredentialUpdate:
    """One update of one device. ``fault`` tells a cell's fault, where there is one: the status it ends with."""

    def __init__(self, device: Device, command: UpdateCredentialsCommand, fault: Callable[[Cell], int | None]) -> None:
        self._device, self._command, self._fault = device, command, fault
        self._rule = MODES[command.control.mode]
        self._authorities = [found for each in command.certification_path if (found := _read(each)) is not None]
        self._at = self._time_of_checks()

    def run(self) -> UpdateCredentialsOutcome:
        """Replace what can be replaced."""
        credentials = self._device.credentials
        holders = {role: credentials.party(role) for role in self._rule.replaces}
        results = self._replace_all()
        done = {result.cell.role for result in results if result.status is CredentialStatus.SUCCESS}
        changes = self._changes()
        self._set_floors([change for change in changes if change.role in done])
        for role, before in holders.items():
            if role in done and credentials.party(role) != before:
                self._tell(role, before, changes)
        control = self._command.control
        held = tuple(self._held(change) for change in changes)
        return UpdateCredentialsOutcome(control.sequence_number, control.mode, held, tuple(results))

    # rows

    def _replace_all(self) -> Results:
        results: Results = []
        for row in self._command.replacements:
            results.append(self._replace(row))
            failed = results[-1].status is not CredentialStatus.SUCCESS
            if failed and self._device.defective(STOPS_AT_BAD_ROW):
                break
        return results

    def _replace(self, row: CredentialReplacement) -> ReplacementResult:
        cell = cell_named(row.cell)
        credentials = self._device.credentials
        before = (credentials.anchor(cell) if cell else None) or _EMPTY
        certificate = _read(row.certificate)
        status = self._judge(cell, certificate)
        after = before
        if status is CredentialStatus.SUCCESS and cell is not None and certificate is not None:
            after = anchor_of(cell, certificate)
            credentials.fill(cell, after)
        return ReplacementResult(
            row.cell,
            status,
            Eui64(before.subject),
            before.key_identifier,
            Eui64(after.subject),
            after.key_identifier,
        )

    def _judge(self, cell: Cell | None, certificate: Certificate | None) -> CredentialStatus:
        device = self._device
        if cell is None or cell not in CELLS.get(device.personality.device, frozenset()):
            return CredentialStatus.TRUST_ANCHOR_NOT_FOUND
        if cell.role not in self._rule.replaces:
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
        return not findings and certificate.role in roles

    def _is_trusted(self, cell: Cell, certificate: Certificate) -> bool:
        """True if a path leads to the root that the device holds; a root by contingency stands for itself."""
        if cell == _ROOT and self._command.control.mode is ReplacementMode.ANY_BY_CONTINGENCY:
            return signed_by(certificate, certificate.public_point)
        root = self._device.credentials.anchor(_ROOT)
        if root is None or not root.point:
            return False
        anchor = _read(root.certificate)
        trusted = TrustAnchor.of_certificate(anchor) if anchor else TrustAnchor.of_key(root.point)
        return not check_chain(certificate, self._authorities, [trusted], self._at)

    def _time_of_checks(self) -> Instant | None:
        """When certificates must be valid; None where that is not asked for, or the device does not know the time."""
        device = self._device
        wanted = self._command.control.time_checks is TimeChecks.APPLY and device.personality.certificate_times
        return device.now if wanted and device.clock.status is ClockStatus.RELIABLE else None

    # counters

    def _changes(self) -> list[SequenceNumberChange]:
        """The changes asked for, of the authorised role first, then those of others in the order of the command."""
        control = self._command.control
        changes = []
        if control.new_floor is not None:
            role = self._rule.floor_of
            changes.append(SequenceNumberChange(role, control.new_floor, control.new_specialist_floors))
        return [*changes, *(control.other_changes or ())]

    def _set_floors(self, changes: list[SequenceNumberChange]) -> None:
        """A floor may be lower than the counter it replaces: the new key's holder counts from its own start."""
        for change in changes:
            self._device.counters.store(change.role, change.floor)
            for special in change.specialist or ():
                self._device.counters.set_floor(TOP_UP, special.sequence_number)

    def _held(self, change: SequenceNumberChange) -> SequenceNumberChange:
        """What a change has led to: the floor that it set, or the counter that stays where no cell was replaced.

        Inferred from an answer in which all rows failed and which yet names the role, with a counter of 0.
        """
        counters = self._device.counters
        special = change.specialist
        if special is not None:
            special = tuple(SpecialistSequenceNumber(each.purpose, counters.executed(TOP_UP)) for each in special)
        return SequenceNumberChange(change.role, counters.executed(change.role), special)

    def _tell(self, role: RemotePartyRole, before: Eui64 | None, changes: list[SequenceNumberChange]) -> None:
        asked = next((change for change in changes if change.role == role), None)
        floor = asked.floor if asked else None
        special = asked.specialist if asked else None
        change = PartyChange(
            role, before, self._device.credentials.party(role), floor, special[0].sequence_number if special else None
        )
        for listener in self._device.credentials.listeners:
            listener(change)


def anchor_of(cell: Cell, certificate: Certificate) -> Anchor:
    """What a cell holds when it holds this certificate. The root's subject has no identifier; it counts as zeros."""
    subject = bytes(8) if cell == _ROOT else bytes(certificate.entity or bytes(8))
    identifier = certificate.subject_key_identifier or key_identifier(certificate.public_point)
    return Anchor(subject, identifier, certificate.public_point, certificate.octets)


def _read(octets: bytes) -> Certificate | None:
    if not octets:
        return None
    try:
        return Certificate.decode(octets)
    except DecodeError:
        return None
