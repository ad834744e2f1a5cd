"""Reports and replaces the security credentials of remote parties: CS02a, CS02f, CS02b, CS02g (GBCS 13.2 to 13.10)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from protocols.der import NEVER as ASN1_NEVER
from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_credentials import (
    AuthorisingControl,
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
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import Instant
from protocols.smki.certificate import Certificate, key_identifier
from protocols.smki.recovery import issuer_key

from ...credentials import Anchor, Cell
from ...defects import register_defect
from ...dispatcher import FORMAT_FAILURE, NO_AUTHORITY
from ...future_dating import AT_ONCE, CANCEL, NOT_DONE, Pending
from ...part import Part
from ...refusals import Refused
from .contingency import open_contingency_key, wrapped_key_in
from .rules import (
    BY_CONTINGENCY,
    UNREPORTED,
    UPDATE_CODES,
    USES,
    alert_code_of,
    authorising_cell,
    cell_name,
    cell_named,
    role_behind,
)
from .update import CredentialUpdate, read_certificate, refusal

if TYPE_CHECKING:
    from ...command import Command
    from ...device import Device

HIDES_FAILED_ROW = register_defect(
    "hides-failed-credential", "reports a dated update as carried out though one of its credentials was refused"
)
TAKES_ANY_CONTINGENCY_KEY = register_defect(
    "takes-any-contingency-key", "takes an update by contingency that is signed with the key of the root it brings"
)
KEEPS_LAPSED_UPDATE = register_defect(
    "keeps-lapsed-update", "carries out a dated update of a party that has lost its role since"
)
REPORT_CODES = (0x0008, 0x011B)
CREDENTIALS_UPDATED = 0x8F70
MOST_ITEMS = 255
"""Roles of a report, or rows of an update: more than any device has cells, and their answer still fits a message."""
_ROOT = Cell(RemotePartyRole.ROOT, None)
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
        self._introduced: KeyName | None = None

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
        device.dispatcher.introductions[BY_CONTINGENCY] = self._introduce
        device.dispatcher.partings[BY_CONTINGENCY] = self._forget

    # CS02a, CS02f

    def _report_details(self, message_code: int, command: CredentialDetailsCommand) -> CredentialDetailsResponse | None:
        """Who may ask follows from the message; the cell that the command names beside it is not judged (inferred)."""
        if len(command.roles) > MOST_ITEMS:
            current = self.device.commands.current
            self.device.alerts.event(FORMAT_FAILURE, concerned=current.message.originator if current else None)
            return None
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
        if current is None:
            return None
        problem = self._problem(message_code, command, current)
        if problem:
            self.device.alerts.event(problem, concerned=current.message.originator)
            return None
        bare = replace(command, control=replace(command.control, symmetric_key=None))  # it has done its work
        octets = Asn1Payload(bare).encode()
        when = execution_time(command.execute_at)
        self._outcome = None
        with suppress(Refused):  # what failed is in the outcome
            self.device.future.request(_key(message_code), when, current, bytes(current.message.originator), octets)
        return UpdateCredentialsResponse(self._outcome)

    def _problem(self, message_code: int, command: UpdateCredentialsCommand, current: Command) -> int:
        """Why a command is not answered, as the code of the event that tells of it; 0 if it is in order.

        Which codes tell of it is inferred. The party that has signed it must be that of the authorising cell.
        """
        control, originator = command.control, current.message.originator
        by_contingency = message_code == BY_CONTINGENCY
        if control.mode is not UPDATE_CODES[message_code] or control.sequence_number != current.message.counter:
            return FORMAT_FAILURE
        if len(command.replacements) > MOST_ITEMS or (control.symmetric_key is not None) != by_contingency:
            return FORMAT_FAILURE
        named = control.authorising_cell
        if by_contingency:  # the key is the root's; whether its cell is named is not known
            return 0 if named in (None, cell_name(_ROOT)) else NO_AUTHORITY
        cell = authorising_cell(control.mode, self.device.personality.device)
        if cell is None:
            return 0 if named is None else NO_AUTHORITY
        return 0 if named == cell_name(cell) and self._is_of(named, originator) else NO_AUTHORITY

    def _is_of(self, named: TrustAnchorCell, party: Eui64) -> bool:
        """True if this party's key is in the cell."""
        cell = cell_named(named)
        anchor = None if cell is None else self.device.credentials.anchor(cell)
        return anchor is not None and anchor.subject == party

    def _run(self, pending: Pending) -> None:
        command = _command_of(pending)
        update = CredentialUpdate(self.device, command, self._fault)
        outcome = update.run()
        self._outcome = outcome
        if RemotePartyRole.ROOT in update.replaced:
            self.put_contingency_key(b"")  # that of the old root; the new one's is in its certificate
        if update.replaced:
            self.device.alerts.event(CREDENTIALS_UPDATED)
        self._let_lapse(command.control, update)
        statuses = {result.status for result in outcome.results}
        partly = CredentialStatus.SUCCESS in statuses and self.device.defective(HIDES_FAILED_ROW)
        if statuses - {CredentialStatus.SUCCESS} and not partly:
            raise Refused

    def _let_lapse(self, control: AuthorisingControl, update: CredentialUpdate) -> None:
        """Drop the dated updates of parties whose keys others have replaced, or that have lost their role.

        Inferred: what else an old supplier has dated may still hold, but an update of credentials would take the
        device back, and one signed with a compromised key would undo its recovery. The sender is told.
        """
        lost = {role for role in update.replaced if role is not role_behind(control.mode)} | update.changed_hands
        for code, mode in UPDATE_CODES.items():
            pending = self.device.future.pending(_key(code))
            if pending is None or role_behind(mode) not in lost or self.device.defective(KEEPS_LAPSED_UPDATE):
                continue
            self.device.future.drop(_key(code))
            self._report(pending, NOT_DONE, self.device.now, refusal(self.device, _command_of(pending)))

    def _tell(self, pending: Pending, code: int) -> None:
        if self._outcome is not None:
            self._report(pending, code, pending.at, self._outcome)

    def _report(self, pending: Pending, code: int, at: Instant, outcome: UpdateCredentialsOutcome) -> None:
        """The alert goes to whoever sent the command, also when it has lost its role by it."""
        alerts = self.device.alerts
        alerts.event(code)
        told = UpdateCredentialsAlert(code, at, outcome)
        alerts.send_asn1(alert_code_of(pending.message_code), [Eui64(pending.reference)], told)

    def _fault(self, cell: Cell) -> int | None:
        return self.state.faults.get(f"{int(cell.role)} {cell.use or ''}")

    def _introduce(self, message: Message) -> RemotePartyRole | None:
        """Take the key that signs an update by contingency, if the symmetric key in the message opens it."""
        name = KeyName(message.originator, KeyUse.DIGITAL_SIGNING)
        credentials, keys = self.device.credentials, self.device.keys
        try:
            command = decode_asn1(message.message_code, message.cra, message.payload).value
        except DecodeError:
            return None
        point = self._contingency_point(command)
        party = message.originator
        if point is None or credentials.roles_of(party) or credentials.is_partner(party) or keys.holds_private(name):
            return None  # no key, or somebody else's name
        if keys.public_point(name) != point:
            keys.put_point(name, point)
            self._introduced = name
        return RemotePartyRole.ROOT

    def _contingency_point(self, command: UpdateCredentialsCommand) -> bytes | None:
        root = self.device.credentials.anchor(_ROOT)
        wrapped = wrapped_key_in(root.certificate if root else b"") or self.state.contingency
        point = open_contingency_key(wrapped, command.control.symmetric_key)
        if point is None and self.device.defective(TAKES_ANY_CONTINGENCY_KEY):
            rows = [row for row in command.replacements if row.cell.role == RemotePartyRole.ROOT]
            brought = read_certificate(rows[0].certificate) if rows else None
            return brought.public_point if brought else None
        return point

    def _forget(self, _message: Message) -> None:
        """The contingency key serves one message; what it signed is then done, or has been refused."""
        if self._introduced is not None:
            self.device.keys.remove(self._introduced)
            self._introduced = None

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
        if self.device.credentials.anchor(_ROOT) is not None:
            return
        points = [point for each in path if (point := issuer_key(Certificate.decode(each)))]
        if points:
            self.device.credentials.fill(_ROOT, Anchor(bytes(8), key_identifier(points[-1]), points[-1]))

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


def _command_of(pending: Pending) -> UpdateCredentialsCommand:
    command: UpdateCredentialsCommand = decode_asn1(pending.message_code, Cra.COMMAND, pending.data).value
    return command
