"""Who replaces credentials in each mode, with real protected messages; shared by the tests of CS02b and CS02g."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from firmware_emu import MemoryNvm, Nvm
from firmware_emu.credentials import Cell
from firmware_emu.parts.credentials.rules import CELLS, MODES, UPDATE_CODES, USES, authorising_cell, role_behind
from firmware_emu.parts.credentials.update import anchor_of
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.alert_codes import by_code as alert_by_code
from protocols.gbcs.asn1_credentials import (
    AuthorisingControl,
    CredentialDetailsCommand,
    CredentialReplacement,
    CredentialStatus,
    ReplacementMode,
    ReplacementResult,
    TimeChecks,
    TrustAnchorCell,
    UpdateCredentialsCommand,
    UpdateCredentialsOutcome,
    UpdateCredentialsResponse,
)
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.gbz import GbzAlert
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, add_mac, sign, verify
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Protection, by_code
from protocols.instant import Instant, instant
from protocols.smki.certificate import Certificate
from protocols.smki.infrastructure import Infrastructure, make_infrastructure
from protocols.smki.issue import ORGANISATION, Validity, issue_link, issue_root, public_key_info

from .asn1_home import (
    BROKER,
    DEVICES,
    DS,
    KA,
    NEW_SUPPLIER,
    PARTIES,
    SMKI,
    Asn1Rig,
    certificate,
    device_keys,
    entropy,
    value_of,
)

ROLE, MODE, STATUS = RemotePartyRole, ReplacementMode, CredentialStatus
SUCCESS = STATUS.SUCCESS
CODES = {mode: code for code, mode in UPDATE_CODES.items()}
CONTINGENCY = eui64("70-B3-D5-1F-30-00-17-FF")
SYMMETRIC_KEY = bytes(range(32))
ROOT = Cell(ROLE.ROOT, None)
LATER = make_infrastructure(b"the one after")
"""Another infrastructure, whose root follows that of ``SMKI``."""
LONG = Validity(instant(2024, 1, 1), instant(2049, 1, 1))
PATH = (SMKI.organisation_authority.certificate.octets,)
LATER_PATH = (LATER.organisation_authority.certificate.octets,)
LINK = issue_link(SMKI.organisation_root, LATER.organisation_root.certificate, 77, LONG)
"""The new root, signed by the old one."""


def contingency_root() -> Certificate:
    """The root of ``SMKI``, with a contingency key."""
    point = MemoryKeyStore().generate(KeyName(CONTINGENCY, DS), entropy(CONTINGENCY, DS))
    wrapped = aes_key_wrap_with_padding(SYMMETRIC_KEY, public_key_info(point))
    root = SMKI.organisation_root
    return issue_root(ORGANISATION, "TEST ZA", root.certificate.public_point, root.sign, 78, LONG, wrapped)


ROOT_WITH_CONTINGENCY = contingency_root()


class Parcel(NamedTuple):
    """What one command brings: rows, the path to them, and what its control says beyond the usual."""

    rows: tuple[CredentialReplacement, ...]
    path: tuple[bytes, ...] = PATH
    control: dict[str, Any] = {}  # noqa: RUF012 - never changed
    at: Instant | None = None


def name_of(cell: Cell) -> TrustAnchorCell:
    """A cell as messages name it."""
    return TrustAnchorCell(cell.role, *USES[cell.use])


def row(held: Certificate | bytes, cell: Cell) -> CredentialReplacement:
    """A certificate for a cell."""
    return CredentialReplacement(held if isinstance(held, bytes) else held.octets, name_of(cell))


def own_cells(kind: DeviceType, mode: ReplacementMode) -> list[Cell]:
    """The cells that a mode replaces on a kind of device."""
    return sorted((cell for cell in CELLS[kind] if cell.role in MODES[mode].replaces), key=lambda cell: str(cell))


def newcomer(role: RemotePartyRole, mode: ReplacementMode) -> Eui64:
    """Whose certificates a mode brings: the party's own new ones, but at a change of supplier."""
    return NEW_SUPPLIER if mode is MODE.SUPPLIER_BY_TRANSITIONAL_COS else PARTIES[role]


def new_certificate(
    cell: Cell, mode: ReplacementMode, generation: int = 1, smki: Infrastructure = SMKI, **how: Any
) -> Certificate:
    """The next certificate for a cell that is not the root's."""
    assert cell.use is not None
    party = newcomer(cell.role, mode)
    point = MemoryKeyStore().generate(KeyName(party, cell.use), entropy(party, cell.use, generation))
    return smki.organisation(party, cell.role, USES[cell.use][0], point, **how)


def parcel(kind: DeviceType, mode: ReplacementMode, generation: int = 1) -> Parcel:
    """All that a mode can replace, in order. By contingency, under a new root, which comes last."""
    abnormal = mode is MODE.ANY_BY_CONTINGENCY
    smki = LATER if abnormal else SMKI
    cells = [cell for cell in own_cells(kind, mode) if cell != ROOT]
    rows = [row(new_certificate(cell, mode, generation, smki), cell) for cell in cells]
    if mode in (MODE.ROOT_BY_SUPPLIER, MODE.ROOT_BY_WAN_PROVIDER):
        return Parcel((row(LINK, ROOT),), ())
    if abnormal:
        return Parcel((*rows, row(LATER.organisation_root.certificate, ROOT)), LATER_PATH)
    return Parcel(tuple(rows))


@dataclass
class Desk:
    """One device, and all who may replace its credentials in one mode."""

    kind: DeviceType
    mode: ReplacementMode
    defects: frozenset[str] = frozenset()
    nvm: Nvm = field(default_factory=MemoryNvm)
    sent: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rig = Asn1Rig(self.kind, self.defects, self.nvm)
        device = self.rig.device
        device.credentials.fill(ROOT, anchor_of(ROOT, ROOT_WITH_CONTINGENCY))
        device.commit()
        self.rig.keys.generate(KeyName(CONTINGENCY, DS), entropy(CONTINGENCY, DS))
        self.cells = [cell for cell in own_cells(self.kind, self.mode) if cell != ROOT]

    @property
    def sender(self) -> Eui64:
        """Who sends updates in this mode."""
        return CONTINGENCY if self.mode is MODE.ANY_BY_CONTINGENCY else PARTIES[role_behind(self.mode)]

    # sending

    def command(self, what: Parcel, mode: ReplacementMode | None = None, number: int | None = None) -> Any:
        """The typed command of a parcel, in the form that the device expects; its counter."""
        mode = self.mode if mode is None else mode
        counter = self.rig.next_counter() if number is None else number
        cell = authorising_cell(mode, self.kind)
        secret = SYMMETRIC_KEY if mode is MODE.ANY_BY_CONTINGENCY else None
        named = None if cell is None else name_of(cell)
        control = AuthorisingControl(mode, secret, TimeChecks.APPLY, named, counter)
        return UpdateCredentialsCommand(replace(control, **what.control), what.rows, what.path, what.at), counter

    def message(
        self,
        what: Parcel,
        *,
        mode: ReplacementMode | None = None,
        code: int | None = None,
        sender: Eui64 | None = None,
        number: int | None = None,
        keys: MemoryKeyStore | None = None,
        protection: Protection | None = None,
    ) -> Message:
        """A protected command; everything can be made wrong."""
        mode = self.mode if mode is None else mode
        command, counter = self.command(what, mode, number)
        octets = Asn1Payload(command).encode()
        return self.protected(octets, counter, mode, code, sender, keys, protection)

    def protected(
        self,
        octets: bytes,
        counter: int,
        mode: ReplacementMode,
        code: int | None = None,
        sender: Eui64 | None = None,
        keys: MemoryKeyStore | None = None,
        protection: Protection | None = None,
    ) -> Message:
        """Octets as the payload of a command of a mode."""
        code = CODES[mode] if code is None else code
        case = by_code(code)
        assert case is not None
        party = CONTINGENCY if mode is MODE.ANY_BY_CONTINGENCY else PARTIES[role_behind(mode)]
        other = OtherInformation(code)
        made = Message(Cra.COMMAND, counter, sender or party, self.rig.identity, other, octets)
        needed = case.protection_of(Cra.COMMAND, role_behind(mode), self.kind) if protection is None else protection
        made = sign(made, keys or self.rig.keys) if Protection.SIGNATURE in needed else replace(made, signature=b"")
        return add_mac(made, keys or self.rig.keys, BROKER) if Protection.MAC in needed else made

    def send(self, message: Message) -> list[Message]:
        """Hand it over; what comes back is kept too."""
        self.sent = self.rig.send(message)
        return self.sent

    def answers(self) -> list[Message]:
        """The responses to the last message."""
        return [each for each in self.sent if each.cra is Cra.RESPONSE]

    def alerts(self) -> list[int]:
        """The codes of the alerts that the last message led to."""
        return [code_of(each) for each in self.sent if each.cra is Cra.ALERT]

    def ask(self, what: Parcel, **how: Any) -> UpdateCredentialsOutcome:
        """Send a parcel; the outcome in its answer, which is signed and goes to the sender."""
        message = self.message(what, **how)
        self.send(message)
        (response,) = self.answers()
        assert verify(response, self.rig.keys) == (Verdict.VALID, Verdict.ABSENT)
        assert (response.recipient, response.counter) == (message.originator, message.counter)
        told = value_of(response)
        assert isinstance(told, UpdateCredentialsResponse)
        assert told.outcome is not None
        assert told.outcome.sequence_number == message.counter
        return told.outcome

    # what the device holds

    def held(self) -> dict[str, bytes]:
        """The key identifier in every cell."""
        credentials = self.rig.device.credentials
        return {str(cell): credentials.held(cell).key_identifier for cell in credentials.cells()}

    def works(self, mode: ReplacementMode | None = None) -> bool:
        """True if the next command, one that changes nothing, is answered: signed and MACed with today's keys."""
        self.send(self.message(Parcel(()), mode=mode))
        return len(self.answers()) == 1

    def broker_works(self) -> bool:
        """True if a report that the broker asks for with its MAC is answered."""
        asked = CredentialDetailsCommand(name_of(Cell(ROLE.ACCESS_CONTROL_BROKER, KA)), (ROLE.ROOT,))
        octets, counter = Asn1Payload(asked).encode(), self.rig.next_counter()
        self.send(self.protected(octets, counter, self.mode, 0x0008, BROKER, protection=Protection.MAC))
        return len(self.answers()) == 1

    def learn(self, cells: Iterable[Cell], generation: int = 1) -> None:
        """Give the remote parties their new keys."""
        for cell in cells:
            if cell.use is not None:
                party = newcomer(cell.role, self.mode)
                self.rig.keys.generate(KeyName(party, cell.use), entropy(party, cell.use, generation))

    def restart(self, nvm: Nvm) -> None:
        """The device starts again, from a memory."""
        self.rig.nvm = nvm
        self.rig.device_keys = device_keys(DEVICES[self.kind])
        self.rig.start()


def code_of(alert: Message) -> int:
    """The code of an alert."""
    payload = decode_payload(alert)
    if isinstance(payload, GbzAlert):
        return payload.alert_code
    if isinstance(payload, Asn1Payload):
        told: int = payload.value.alert_code
        return told
    found: int = payload.body.value[0].value  # type: ignore[union-attr]  # a data notification
    return found


def is_logged(code: int, kind: DeviceType) -> bool:
    """Whether the table of events has a code in the security log of a device."""
    like = {DeviceType.SAPC: DeviceType.ESME, DeviceType.GPF: DeviceType.GSME}.get(kind, kind)
    entry = alert_by_code(code)
    return entry is not None and entry.log_on(like) is not None and entry.log_on(like).name == "SECURITY"  # type: ignore[union-attr]  # not None


def statuses(outcome: UpdateCredentialsOutcome) -> list[CredentialStatus]:
    """The statuses of the rows."""
    return [each.status for each in outcome.results]


def is_unchanged(result: ReplacementResult) -> bool:
    """True if a row says that its cell is as it was."""
    return (result.old_subject, result.old_key_identifier) == (result.new_subject, result.new_key_identifier)


def keys_of(parties: Sequence[Eui64], generation: int) -> MemoryKeyStore:
    """A store with other keys of these parties."""
    store = MemoryKeyStore()
    for party in parties:
        for use in KeyUse:
            store.generate(KeyName(party, use), entropy(party, use, generation))
    return store


__all__ = [
    "CODES",
    "CONTINGENCY",
    "LATER",
    "LATER_PATH",
    "LINK",
    "MODE",
    "PATH",
    "ROLE",
    "ROOT",
    "STATUS",
    "SUCCESS",
    "SYMMETRIC_KEY",
    "Desk",
    "Parcel",
    "certificate",
    "code_of",
    "is_logged",
    "is_unchanged",
    "keys_of",
    "name_of",
    "new_certificate",
    "newcomer",
    "own_cells",
    "parcel",
    "row",
    "statuses",
]
