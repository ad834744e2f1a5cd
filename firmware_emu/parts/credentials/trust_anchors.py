"""Reports and replaces the security credentials of remote parties: CS02a, CS02f, CS02b, CS02g (GBCS 13.2 to 13.10)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from protocols.der import NEVER as ASN1_NEVER
from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_credentials import (
    CellContents,
    CredentialDetailsCommand,
    CredentialDetailsResponse,
    CredentialStatus,
    PartyDetails,
    TrustAnchorCell,
    UpdateCredentialsAlert,
    UpdateCredentialsCommand,
    UpdateCredentialsOutcome,
    UpdateCredentialsResponse,
)
from protocols.gbcs.asn1_types import Asn1Payload, decode_asn1
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import Instant
from protocols.smki.certificate import Certificate, key_identifier
from protocols.smki.recovery import issuer_key

from ...credentials import Anchor, Cell
from ...defects import register_defect
from ...dispatcher import FORMAT_FAILURE, NO_AUTHORITY
from ...future_dating import AT_ONCE, CANCEL, Pending
from ...part import Part
from ...refusals import Refused
from .contingency import open_contingency_key, wrapped_key_in
from .rules import MODES, UNREPORTED, UPDATE_CODES, USES, alert_code_of, cell_named
from .update import CredentialUpdate

if TYPE_CHECKING:
    from ...device import Device

HIDES_FAILED_ROW = register_defect(
    "hides-failed-credential", "reports a dated update as carried out though one of its credentials was refused"
)
REPORT_CODES = (0x0008, 0x011B)
CREDENTIALS_UPDATED = 0x8F70
_BROKER_BY_BROKER, _BY_CONTINGENCY = 0x0104, 0x0109
_NATURAL = frozenset({CredentialStatus.SUCCESS, CredentialStatus.BAD_CERTIFICATE, CredentialStatus.NO_TRUST_ANCHOR})
"""Statuses that follow from the certificates; the others need a fault in the device."""


@dataclass(slots=True)
class TrustAnchorState:
    """``faults``: what is wrong with a cell's memory, by "role-number use": the status that an update ends with.

    ``unreadable``: roles whose cells cannot be read, with the status of the report. ``contingency`` is the wrapped
    contingency key, where it does not come from the root's certificate.
    """

    faults: dict[str, int] = field(default_factory=dict)
    unreadable: dict[int, int] = field(default_factory=dict)
    contingency: bytes = b""


class TrustAnchors(Part):
    """The handlers; what the cells hold is with the device's credentials."""

    name = "trust anchors"
    State = TrustAnchorState
    state: TrustAnchorState

    def __init__(self) -> None:
        super().__init__()
        self._outcome: UpdateCredentialsOutcome | None = None

    def attach(self, device: Device) -> None:
        super().attach(device)
        preset, run, tell = self._preset_update, self._run, self._tell  # one of each for all the codes
        for code in REPORT_CODES:
            device.asn1.handler(code, partial(self._report_details, code))
            device.asn1.on_preset(code, self._preset_details)
        for code in UPDATE_CODES:
            device.asn1.handler(code, partial(self._update, code))
            device.asn1.on_preset(code, preset)
            device.asn1.on_preset(alert_code_of(code), preset)
            device.future.register(_key(code), run, tell)
        device.dispatcher.introductions[_BY_CONTINGENCY] = self._introduce

    # CS02a, CS02f

    def _report_details(self, message_code: int, command: CredentialDetailsCommand) -> CredentialDetailsResponse:
        return CredentialDetailsResponse(tuple(self._details(message_code, role) for role in command.roles))

    def _details(self, message_code: int, role: int) -> PartyDetails:
        credentials = self.device.credentials
        held = [(cell, credentials.held(cell)) for cell in credentials.cells() if cell.role == role]
        if role in self.state.unreadable:
            return PartyDetails(role, CredentialStatus(self.state.unreadable[role]))
        if role in UNREPORTED.get(message_code, ()):
            return PartyDetails(role, CredentialStatus.OTHER)
        if not held:
            return PartyDetails(role, CredentialStatus.TRUST_ANCHOR_NOT_FOUND)
        contents = tuple(
            CellContents(*USES[cell.use], Eui64(anchor.subject), anchor.key_identifier) for cell, anchor in held
        )
        return PartyDetails(role, CredentialStatus.SUCCESS, self.device.counters.executed(role), contents)

    # CS02b, CS02g

    def _update(self, message_code: int, command: UpdateCredentialsCommand) -> UpdateCredentialsResponse | None:
        current = self.device.commands.current
        if current is None or not self._is_in_order(message_code, command, current.message.counter):
            return None
        octets = Asn1Payload(command).encode()
        when = execution_time(command.execute_at)
        self._outcome = None
        with suppress(Refused):  # what failed is in the outcome
            self.device.future.request(_key(message_code), when, current, bytes(current.message.originator), octets)
        return UpdateCredentialsResponse(self._outcome)

    def _is_in_order(self, message_code: int, command: UpdateCredentialsCommand, counter: int) -> bool:
        """A command that contradicts itself is not answered. Which codes tell of it is inferred."""
        control, alerts = command.control, self.device.alerts
        if control.mode is not UPDATE_CODES[message_code] or control.sequence_number != counter:
            alerts.event(FORMAT_FAILURE)
            return False
        if message_code != _BY_CONTINGENCY and control.authorising_cell != self._authorising_cell(message_code):
            alerts.event(NO_AUTHORITY)
            return False
        return True

    def _authorising_cell(self, message_code: int) -> TrustAnchorCell | None:
        """The cell that must be named: none for the broker's own key, but on a hub, which has its signing key."""
        mode = UPDATE_CODES[message_code]
        cell = MODES[mode].authoriser
        if message_code == _BROKER_BY_BROKER and self.device.personality.device is DeviceType.CHF:
            cell = Cell(RemotePartyRole.ACCESS_CONTROL_BROKER, KeyUse.DIGITAL_SIGNING)
        return None if cell is None else TrustAnchorCell(cell.role, *USES[cell.use])

    def _run(self, pending: Pending) -> None:
        command = decode_asn1(pending.message_code, Cra.COMMAND, pending.data).value
        outcome = CredentialUpdate(self.device, command, self._fault).run()
        self._outcome = outcome
        if any(done.cell.role == RemotePartyRole.ROOT and not done.status for done in outcome.results):
            self.put_contingency_key(b"")  # that of the old root; the new one's is in its certificate
        statuses = {result.status for result in outcome.results}
        if CredentialStatus.SUCCESS in statuses:
            self.device.alerts.event(CREDENTIALS_UPDATED)
        partly = CredentialStatus.SUCCESS in statuses and self.device.defective(HIDES_FAILED_ROW)
        if statuses - {CredentialStatus.SUCCESS} and not partly:
            raise Refused

    def _tell(self, pending: Pending, code: int) -> None:
        """The alert goes to whoever sent the command, also when it has lost its role by it."""
        alerts = self.device.alerts
        alerts.event(code)
        if self._outcome is not None:
            recipients = [Eui64(pending.reference)]
            told = UpdateCredentialsAlert(code, pending.at, self._outcome)
            alerts.send_asn1(alert_code_of(pending.message_code), recipients, told)

    def _fault(self, cell: Cell) -> int | None:
        return self.state.faults.get(f"{int(cell.role)} {cell.use or ''}")

    def _introduce(self, message: Message) -> RemotePartyRole | None:
        """Take the key that signs an update by contingency, if the symmetric key in the message opens it."""
        root = self.device.credentials.anchor(Cell(RemotePartyRole.ROOT, None))
        wrapped = wrapped_key_in(root.certificate if root else b"") or self.state.contingency
        try:
            command = decode_asn1(message.message_code, message.cra, message.payload).value
        except DecodeError:
            return None
        point = open_contingency_key(wrapped, command.control.symmetric_key)
        if point is None:
            return None
        name = KeyName(message.originator, KeyUse.DIGITAL_SIGNING)
        if self.device.credentials.roles_of(message.originator) or self.device.keys.holds_private(name):
            return None  # somebody else's name
        if self.device.keys.public_point(name) != point:
            self.device.keys.put_point(name, point)
        return RemotePartyRole.ROOT

    # the maker's way in

    def put_contingency_key(self, wrapped: bytes) -> None:
        """Give the wrapped contingency key to a device whose root is a bare key."""
        self.state.contingency = wrapped
        self.touch()

    def _preset_details(self, answer: CredentialDetailsResponse, _command: CredentialDetailsCommand | None) -> None:
        for party in answer.parties:
            self._preset_party(party)

    def _preset_party(self, party: PartyDetails) -> None:
        credentials = self.device.credentials
        if party.status is CredentialStatus.SUCCESS:
            listed = [(contents.key_usage, contents.cell_usage) for contents in party.cells or ()]
            for cell in [
                cell for cell in credentials.cells() if cell.role == party.role and USES[cell.use] not in listed
            ]:
                credentials.empty(cell)
            for contents in party.cells or ():
                named = TrustAnchorCell(party.role, contents.key_usage, contents.cell_usage)
                self._preset_cell(named, contents.subject, contents.key_identifier)
            self.device.counters.store(party.role, party.current_sequence_number or 0)
        elif party.status is CredentialStatus.TRUST_ANCHOR_NOT_FOUND:
            for cell in [cell for cell in credentials.cells() if cell.role == party.role]:
                credentials.empty(cell)
        else:
            self.state.unreadable[party.role] = party.status
            self.touch()

    def _preset_update(
        self, answer: UpdateCredentialsResponse | UpdateCredentialsAlert, command: UpdateCredentialsCommand | None
    ) -> None:
        self._preset_root(command.certification_path if command else ())
        for result in answer.outcome.results if answer.outcome else ():
            self._preset_cell(result.cell, result.old_subject, result.old_key_identifier)
            cell = cell_named(result.cell)
            if cell is not None and result.status not in _NATURAL:
                self.state.faults[f"{int(cell.role)} {cell.use or ''}"] = result.status
                self.touch()

    def _preset_root(self, path: tuple[bytes, ...]) -> None:
        """A device without a root gets the one that signed the certification path."""
        root = Cell(RemotePartyRole.ROOT, None)
        if self.device.credentials.anchor(root) is not None:
            return
        points = [point for each in path if (point := issuer_key(Certificate.decode(each)))]
        if points:
            self.device.credentials.fill(root, Anchor(bytes(8), key_identifier(points[-1]), points[-1]))

    def _preset_cell(self, named: TrustAnchorCell, subject: Eui64, identifier: bytes) -> None:
        """Fill a cell with a key of which only the identifier is known, unless the key store has it."""
        cell, credentials = cell_named(named), self.device.credentials
        if cell is None:
            return
        held = credentials.anchor(cell)
        if held is not None and (held.subject, held.key_identifier) == (subject, identifier):
            return
        point = self.device.keys.public_point(KeyName(subject, cell.use)) if cell.use else None
        if point is None or key_identifier(point) != identifier:
            point = b""
        credentials.fill(cell, Anchor(bytes(subject), identifier, point))


def execution_time(at: Instant | None) -> Instant:
    """When a command with an optional time is to be executed; the last second of the year 9999 cancels it."""
    if at is None:
        return AT_ONCE
    return CANCEL if at == ASN1_NEVER else at


def _key(message_code: int) -> str:
    return f"credentials {message_code:04X}"
