"""The head end plays the remote parties: it builds commands as the catalogue says and checks what comes back.

Each party has its own key store and its own counter. A command of a party other than the access control broker is
signed by that party where the use case is critical, and always gets its MAC from the broker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from protocols.errors import LocalProtocolError
from protocols.eui64 import Eui64, eui64_text
from protocols.gbcs import protection
from protocols.gbcs.keys import KeyStore
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Protection, UseCase
from protocols.instant import Instant

from .pki import CELLS, Party
from .requests import Header, Request

BROKER = RemotePartyRole.ACCESS_CONTROL_BROKER
FIRST_COUNTER = 1 << 32
"""Counters begin here: the upper half of a counter names prepayment tokens and must not be zero."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it goes out. ``sender`` is its originator; ``on_behalf_of`` is who the broker speaks for."""

    request: Request
    device: Eui64
    sender: RemotePartyRole
    message: Message
    octets: bytes
    on_behalf_of: RemotePartyRole | None = None

    @property
    def use_case(self) -> UseCase:
        """The use case of the request."""
        return self.request.use_case


class HeadEnd:
    """The remote parties of a rig. ``devices`` are kinds of device by identifier."""

    def __init__(
        self,
        parties: Mapping[RemotePartyRole, Party],
        devices: Mapping[Eui64, DeviceType],
        first_counter: int | None = None,
    ) -> None:
        self.parties, self.devices = dict(parties), dict(devices)
        self.now: Instant = 0
        self.sent: list[Command] = []
        first = FIRST_COUNTER if first_counter is None else first_counter
        self._counters = dict.fromkeys(self.parties, first)

    @property
    def counters(self) -> Mapping[RemotePartyRole, int]:
        """The counter that each role used last."""
        return dict(self._counters)

    def go_on_from(self, counters: Mapping[RemotePartyRole, int]) -> None:
        """Use counters above these, as of a run before."""
        self._counters.update({role: last for role, last in counters.items() if role in self._counters})

    def identity(self, role: RemotePartyRole) -> Eui64:
        """The identifier of the party of a role."""
        return self.parties[role].eui64

    def store(self, role: RemotePartyRole) -> KeyStore:
        """The key store of the party of a role."""
        return self.parties[role].store

    def role_of(self, identifier: Eui64) -> RemotePartyRole | None:
        """The role of a party, None for somebody else."""
        return next((role for role, party in self.parties.items() if party.eui64 == identifier), None)

    def counter(self, role: RemotePartyRole) -> int:
        """The counter that was used last by a role."""
        return self._counters[role]

    def next_counter(self, role: RemotePartyRole, *, top_up: bool = False) -> int:
        """A counter above all that the role has used. That of a top-up has a lower half of zero, as tokens need."""
        last = self._counters[role]
        self._counters[role] = ((last >> 32) + 1) << 32 if top_up else last + 1
        return self._counters[role]

    def usual_sender(self, case: UseCase, device: Eui64) -> RemotePartyRole:
        """The role that may send a use case to a device which knows it: supplier, network operator, broker, others."""
        order = [RemotePartyRole.SUPPLIER, RemotePartyRole.NETWORK_OPERATOR, BROKER, *self.parties]
        kind = self.devices.get(device)
        known = {role for role, _ in CELLS.get(kind, ())} if kind is not None else set(order)
        found = next((role for role in order if role in case.roles and role in known), None)
        if found is None:
            raise LocalProtocolError(f"{case.name}: no remote party that the device knows may send it")
        return found

    def command(
        self,
        device: Eui64,
        request: Request,
        *,
        sender: RemotePartyRole | None = None,
        on_behalf_of: RemotePartyRole | None = None,
        counter: int | None = None,
    ) -> Command:
        """Build and protect a command. ``on_behalf_of`` makes the broker its originator; ``keep`` what goes out."""
        role = BROKER if on_behalf_of is not None else sender or self.usual_sender(request.use_case, device)
        used = self.next_counter(role, top_up=request.top_up) if counter is None else counter
        return self._protected(self._draft(device, request, role, on_behalf_of, used))

    def keep(self, command: Command) -> None:
        """Remember a command as sent, right or spoiled."""
        self.sent.append(command)

    def _draft(
        self, device: Eui64, request: Request, role: RemotePartyRole, behalf: RemotePartyRole | None, counter: int
    ) -> Command:
        originator = self.identity(role)
        reader = originator if behalf is None else self.identity(behalf)
        header = Header(counter, originator, device, reader, self.now)
        other = OtherInformation(request.use_case.message_code)
        if behalf is not None:
            other = OtherInformation(other.message_code, reader, self.next_counter(behalf))
        message = Message(Cra.COMMAND, counter, originator, device, other, request.payload(header))
        return Command(request, device, role, message, b"", behalf)

    def _protected(self, command: Command) -> Command:
        wanted = command.use_case.protection_of(Cra.COMMAND, command.sender, self.devices.get(command.device))
        message = protect(
            command.message, wanted, self.store(command.sender), self.store(BROKER), self.identity(BROKER)
        )
        return replace(command, message=message, octets=message.encode())


def protect(message: Message, wanted: Protection, signer: KeyStore, broker: KeyStore, broker_id: Eui64) -> Message:
    """The message with signature and MAC as ``wanted``: the signature first, then the broker's MAC around it."""
    if Protection.SIGNATURE in wanted:
        message = protection.sign(message, signer)
    if Protection.MAC in wanted:
        message = protection.add_mac(message, broker, broker_id)
    return message


def names_of_roles(roles: Iterable[RemotePartyRole]) -> str:
    """Roles in words."""
    return ", ".join(role.name.lower().replace("_", " ") for role in sorted(roles))


def party_text(head_end: HeadEnd, identifier: Eui64) -> str:
    """A party in words: its role if it is one of the head end's, and its identifier."""
    role = head_end.role_of(identifier)
    return eui64_text(identifier) if role is None else f"{names_of_roles((role,))} {eui64_text(identifier)}"
