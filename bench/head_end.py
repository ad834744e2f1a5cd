"""The head end plays the remote parties: it builds commands as the catalogue says and checks what comes back.

Each party has its own key store and its own counter. A command of a party other than the access control broker is
signed by that party where the use case is critical, and always gets its MAC from the broker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from protocols.errors import LocalProtocolError
from protocols.eui64 import Eui64, eui64_text
from protocols.gbcs import protection
from protocols.gbcs.keys import KeyStore
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Protection, UseCase
from protocols.instant import Instant

from .observer import Observer
from .pki import CELLS, Party
from .requests import ACTIVATE_FIRMWARE, Header, Request

BROKER = RemotePartyRole.ACCESS_CONTROL_BROKER
FIRST_COUNTER = 1 << 32
"""Counters begin here: the upper half of a counter names prepayment tokens and must not be zero."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it goes out. ``sender`` is its originator's role; ``on_behalf_of`` is who the broker speaks for.

    ``party`` is the originator with its keys, where it is not simply who holds that role for the device.
    """

    request: Request
    device: Eui64
    sender: RemotePartyRole
    message: Message
    octets: bytes
    on_behalf_of: RemotePartyRole | None = None
    party: Party | None = None

    @property
    def use_case(self) -> UseCase:
        """The use case of the request."""
        return self.request.use_case


class HeadEnd:
    """The remote parties of a rig. ``devices`` are kinds of device by identifier.

    ``parties`` hold the roles for every device, but where ``install`` has said that a device knows another party, or
    other keys of the same one: that begins when the device has confirmed it, and not before.
    """

    def __init__(
        self,
        parties: Mapping[RemotePartyRole, Party],
        devices: Mapping[Eui64, DeviceType],
        first_counter: int | None = None,
    ) -> None:
        self.parties, self.devices = dict(parties), dict(devices)
        self.now: Instant = 0
        self.sent: list[Command] = []
        self.planned: Callable[[Command, Instant], None] = lambda _command, _due: None
        """Told of every command that a device carries out later, and of when that is."""
        self.may_speak_to: Callable[[Eui64], None] = lambda _device: None
        """Asked before a command is built; raises for a device that the head end does not speak to."""
        self._first = FIRST_COUNTER if first_counter is None else first_counter
        self._counters: dict[tuple[RemotePartyRole, Eui64], int] = {}
        self._holders: dict[tuple[Eui64, RemotePartyRole], Party] = {}
        self._witnesses: dict[Eui64, KeyStore] = {}

    @property
    def counters(self) -> Mapping[RemotePartyRole, int]:
        """The counter that each role's own party used last."""
        return {role: self.counter(role) for role in self.parties}

    def go_on_from(self, counters: Mapping[RemotePartyRole, int]) -> None:
        """Use counters above these, as of a run before."""
        for role, last in counters.items():
            if role in self.parties:
                self._counters[role, self.identity(role)] = last

    # who holds a role

    def holder(self, role: RemotePartyRole, device: Eui64 | None = None) -> Party:
        """The party of a role, as a device knows it, or as devices do that nobody has told otherwise."""
        return self.parties[role] if device is None else self._holders.get((device, role)) or self.parties[role]

    def install(self, device: Eui64, party: Party) -> None:
        """From now on the device knows this party in its role: it has said so."""
        self._holders[device, party.role] = party

    def holders(self, device: Eui64) -> Iterator[Party]:
        """Every party that the device knows otherwise than other devices do."""
        return (party for (known_to, _), party in self._holders.items() if known_to == device)

    def identity(self, role: RemotePartyRole, device: Eui64 | None = None) -> Eui64:
        """The identifier of the party of a role."""
        return self.holder(role, device).eui64

    def store(self, role: RemotePartyRole, device: Eui64 | None = None) -> KeyStore:
        """The key store of the party of a role."""
        return self.holder(role, device).store

    def role_of(self, identifier: Eui64) -> RemotePartyRole | None:
        """The role of a party, None for somebody else."""
        known = (*self.parties.values(), *self._holders.values())
        return next((party.role for party in known if party.eui64 == identifier), None)

    # who checks an answer

    def party_of(self, command: Command) -> Party:
        """The originator of a command."""
        return command.party or self.holder(command.sender, command.device)

    def reader(self, command: Command) -> KeyStore:
        """The key store of whoever may read what is encrypted in the answer."""
        behalf = command.on_behalf_of
        return self.party_of(command).store if behalf is None else self.store(behalf, command.device)

    def verifier(self, command: Command) -> KeyStore:
        """What verifies the answer: the originator's key store, and beside it a key that the device may just have."""
        store, also = self.party_of(command).store, self._witnesses.get(command.device)
        return store if also is None else Observer([store, also])

    def witness(self, device: Eui64) -> KeyStore | None:
        """The key that the device may just have put into use."""
        return self._witnesses.get(device)

    @contextmanager
    def expecting(self, device: Eui64, certificates: KeyStore) -> Iterator[None]:
        """While a device is told to change its key: it may sign with the old one or the new one."""
        self._witnesses[device] = certificates
        try:
            yield
        finally:
            del self._witnesses[device]

    # counters

    def counter(self, role: RemotePartyRole, party: Party | None = None) -> int:
        """The counter that was used last by a role's party."""
        return self._counters.get((role, (party or self.holder(role)).eui64), self._first)

    def next_counter(self, role: RemotePartyRole, *, top_up: bool = False, party: Party | None = None) -> int:
        """A counter above all that the party has used. That of a top-up has a lower half of zero, as tokens need."""
        last = self.counter(role, party)
        used = ((last >> 32) + 1) << 32 if top_up else last + 1
        self._counters[role, (party or self.holder(role)).eui64] = used
        return used

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
        party: Party | None = None,
    ) -> Command:
        """Build and protect a command; ``keep`` what goes out.

        One that activates firmware is built for an image that the gate has cleared. Raises GateError, unless it is
        cleared today and for this device, and SuspendedError for any other to a device that is suspended.

        ``on_behalf_of`` makes the broker its originator; ``party`` sends it in its role, whether the device knows it
        or not.
        """
        if request.use_case.message_code != ACTIVATE_FIRMWARE:  # the gate judges whom to speak to about these
            self.may_speak_to(device)
        behalf = on_behalf_of
        role = BROKER if behalf is not None else sender
        found = party or self.holder(role or self.usual_sender(request.use_case, device), device)
        used = self.next_counter(found.role, top_up=request.top_up, party=found) if counter is None else counter
        drafted = self._draft(device, request, found, behalf, used)
        if drafted.message.message_code == ACTIVATE_FIRMWARE:
            self._check_activation(drafted)
        return self._protected(drafted)

    def _check_activation(self, drafted: Command) -> None:
        from .products.activation import check_activation  # only for this one use case

        check_activation(drafted.message, drafted.request.cleared, drafted.device, self.now)

    def check_sending(self, command: Command) -> None:
        """Raises GateError for octets that activate firmware, unless that is cleared for their recipient still."""
        from .products.activation import check_octets  # which knows this module

        check_octets(command.octets, command.request.cleared, self.now)

    def keep(self, command: Command) -> None:
        """Remember a command as sent, right or spoiled; one that is carried out later is told to ``planned``."""
        self.sent.append(command)
        if command.request.due is not None and command.request.due > self.now:
            self.planned(command, command.request.due)

    def _draft(
        self, device: Eui64, request: Request, party: Party, behalf: RemotePartyRole | None, counter: int
    ) -> Command:
        reader = party if behalf is None else self.holder(behalf, device)
        header = Header(counter, party.eui64, device, reader.eui64, self.now)
        other = OtherInformation(request.use_case.message_code)
        if behalf is not None:
            other = OtherInformation(other.message_code, reader.eui64, self.next_counter(behalf, party=reader))
        message = Message(Cra.COMMAND, counter, party.eui64, device, other, request.payload(header))
        return Command(request, device, party.role, message, b"", behalf, party)

    def _protected(self, command: Command) -> Command:
        wanted = command.use_case.protection_of(Cra.COMMAND, command.sender, self.devices.get(command.device))
        broker = self.holder(BROKER, command.device)
        message = protect(command.message, wanted, self.party_of(command).store, broker.store, broker.eui64)
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
