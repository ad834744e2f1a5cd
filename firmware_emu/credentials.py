"""The device's security credentials: trust anchor cells, partner devices, its own keys (GBCS 4.3, 13).

A trust anchor cell is named by a remote party role and a key use and holds one certificate. What a cell holds is
non-volatile data of the device; the key store only computes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from protocols.errors import CertificateError, MissingKeyError
from protocols.eui64 import Eui64, eui64, eui64_text
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore, certificate_point
from protocols.gbcs.roles import RemotePartyRole
from protocols.smki.certificate import key_identifier

from .nvm import CorruptRecord
from .part import Part


class Cell(NamedTuple):
    """The name of a trust anchor cell; ``use`` is None for the root's certificate signing."""

    role: RemotePartyRole
    use: KeyUse | None

    def __str__(self) -> str:
        return f"{self.role.name.lower()} {self.use or 'certificate signing'}"


_BROKER_AGREEMENT = Cell(RemotePartyRole.ACCESS_CONTROL_BROKER, KeyUse.KEY_AGREEMENT)


@dataclass(slots=True)
class Anchor:
    """What a cell holds: whose key, its identifier (8 octets), the point (65 octets), the certificate (DER).

    The certificate is empty where only the key is known, the point too where only the identifier is.
    """

    subject: bytes
    key_identifier: bytes
    point: bytes
    certificate: bytes = b""


class PartyChange(NamedTuple):
    """Another party has come to hold a role. Floors are the counters that it begins from, None where not given."""

    role: RemotePartyRole
    before: Eui64 | None
    after: Eui64 | None
    floor: int | None
    top_up_floor: int | None


@dataclass(slots=True)
class CredentialState:
    """``cells`` by "role-number use"; ``partners`` are key agreement certificates of devices of the home."""

    cells: dict[str, Anchor] = field(default_factory=dict)
    partners: dict[str, bytes] = field(default_factory=dict)


class Credentials(Part):
    """Who may speak to this device. Public keys go to the key store whenever a cell changes."""

    name = "credentials"
    State = CredentialState
    state: CredentialState

    def __init__(self, keys: MemoryKeyStore) -> None:
        super().__init__()
        self.keys = keys
        self._roles: dict[Eui64, tuple[RemotePartyRole, ...]] = {}
        self._parties: dict[RemotePartyRole, Eui64] = {}
        self._with_two_keys: frozenset[Eui64] = frozenset()
        self.listeners: list[Callable[[PartyChange], None]] = []
        """Told when a role has changed hands, as at a change of supplier."""

    def started(self) -> None:
        """Tell the key store. Raises CorruptRecord for what is in memory and is no key or no cell."""
        try:
            for party, certificate in self.state.partners.items():
                self._trust_partner(eui64(party), certificate)
            for cell in self.cells():  # after them: a name in a cell is that of the remote party
                self._give_to_key_store(cell)
        except (CertificateError, ValueError) as error:
            raise CorruptRecord(f"part/{self.name}", str(error)) from None
        self._index()

    # cells

    def cells(self) -> Iterator[Cell]:
        """The cells that hold something, in the order of roles and uses."""
        for key in sorted(self.state.cells):
            role, _, use = key.partition(" ")
            yield Cell(RemotePartyRole(int(role)), KeyUse(use) if use else None)

    def anchor(self, cell: Cell) -> Anchor | None:
        """What a cell holds, or None."""
        return self.state.cells.get(_key(cell))

    def held(self, cell: Cell) -> Anchor:
        """What a cell holds. Raises KeyError when it is empty."""
        return self.state.cells[_key(cell)]

    def fill(self, cell: Cell, anchor: Anchor) -> None:
        """Put a key into a cell, in the place of what was there. Checking it is the caller's task."""
        before = self.anchor(cell)
        self.state.cells[_key(cell)] = anchor
        self.touch()
        if before is not None:
            self._settle(before.subject, cell.use)
        self._give_to_key_store(cell)
        self._index()

    def empty(self, cell: Cell) -> None:
        """Take the key out of a cell."""
        before = self.state.cells.pop(_key(cell), None)
        self.touch()
        if before is not None:
            self._settle(before.subject, cell.use)
        self._index()

    def clear(self) -> None:
        """Forget every party and partner, with their keys and the secrets shared with them."""
        for anchor in self.state.cells.values():
            for use in KeyUse:
                self.keys.remove(KeyName(Eui64(anchor.subject), use))
        for device in list(self.state.partners):
            self.remove_partner(eui64(device))
        self.state.cells.clear()
        self.touch()
        self._index()

    # who is who

    def roles_of(self, party: Eui64) -> tuple[RemotePartyRole, ...]:
        """The roles of a remote party, lowest number first; empty for a stranger.

        One party has several while its certificates fill the cells of others, as before a hand-over.
        """
        return self._roles.get(party, ())

    def party(self, role: RemotePartyRole) -> Eui64 | None:
        """Who holds a role, or None: where its cells name several, whoever signs in it."""
        return self._parties.get(role)

    def broker(self) -> Eui64 | None:
        """The access control broker: whose key agreement key it is, since that authenticates the MACs of all."""
        anchor = self.anchor(_BROKER_AGREEMENT)
        return self.party(RemotePartyRole.ACCESS_CONTROL_BROKER) if anchor is None else Eui64(anchor.subject)

    def act_for(self, party: Eui64, role: RemotePartyRole) -> None:
        """Use the keys that ``party`` has in ``role``, where its cells in two roles hold different ones.

        The access control broker adds its MAC with its own key, also while its certificates fill the cells of others.
        """
        if not self._with_two_keys:
            return
        self._use([cell for cell in self.cells() if cell.role is role and self.held(cell).subject == party])

    def act_as_usual(self) -> None:
        """Of a party with different keys in several roles, use those of the lowest role number (inferred).

        So what a device sends of itself is for the keys of the supplier, also where that is the load controller too.
        """
        if self._with_two_keys:
            self._use(reversed(list(self.cells())))

    def _use(self, cells: Iterable[Cell]) -> None:
        for cell in cells:
            self._give_to_key_store(cell)
        if self.anchor(_BROKER_AGREEMENT) is not None:
            self._give_to_key_store(_BROKER_AGREEMENT)

    # devices of the home

    def add_partner(self, device: Eui64, certificate: bytes) -> None:
        """Trust another device's key agreement key (certificate in DER, or its point)."""
        self.state.partners[device.hex()] = certificate
        self.touch()
        self._trust_partner(device, certificate)

    def remove_partner(self, device: Eui64) -> bool:
        """Stop trusting it; False if it was not trusted."""
        found = self.state.partners.pop(device.hex(), None) is not None
        if found:
            self.touch()
            self.keys.remove(KeyName(device, KeyUse.KEY_AGREEMENT))
        return found

    def is_partner(self, device: Eui64) -> bool:
        """True for a device whose key agreement key is trusted."""
        return device.hex() in self.state.partners

    # inside

    def _index(self) -> None:
        roles: dict[Eui64, set[RemotePartyRole]] = {}
        self._parties = {}
        for cell in self.cells():
            anchor = self.state.cells[_key(cell)]
            subject = Eui64(anchor.subject)
            if cell.use is None:
                continue
            roles.setdefault(subject, set()).add(cell.role)
            self._parties.setdefault(cell.role, subject)  # the signing cell comes first
        self._roles = {party: tuple(sorted(held)) for party, held in roles.items()}
        self._with_two_keys = self._find_two_keys()
        self.act_as_usual()

    def _find_two_keys(self) -> frozenset[Eui64]:
        points: dict[tuple[bytes, KeyUse | None], set[bytes]] = {}
        for cell in self.cells():
            anchor = self.state.cells[_key(cell)]
            points.setdefault((anchor.subject, cell.use), set()).add(anchor.point)
        return frozenset(Eui64(subject) for (subject, _use), held in points.items() if len(held) > 1)

    def _settle(self, subject: bytes, use: KeyUse | None) -> None:
        """One cell less holds this party's key of this use: go on with that of another cell, or forget it."""
        left = [cell for cell in self.cells() if cell.use == use and self.held(cell).subject == subject]
        for cell in left:
            self._give_to_key_store(cell)
        if not left and use is not None and not self.keys.holds_private(KeyName(Eui64(subject), use)):
            self.keys.remove(KeyName(Eui64(subject), use))

    def _give_to_key_store(self, cell: Cell) -> None:
        if cell.use is not None:
            anchor = self.state.cells[_key(cell)]
            if anchor.point:
                self._give(KeyName(Eui64(anchor.subject), cell.use), anchor.point, anchor.certificate)

    def _trust_partner(self, device: Eui64, certificate: bytes) -> None:
        is_point = len(certificate) == 65
        point = certificate if is_point else certificate_point(certificate)
        self._give(KeyName(device, KeyUse.KEY_AGREEMENT), point, b"" if is_point else certificate)

    def _give(self, name: KeyName, point: bytes, certificate: bytes) -> None:
        """Let the store know a key. One whose private half it holds stays: a bench that agrees keys from the other
        side, since a device's own key is not published, may lend a device such a store.
        """
        if self.keys.public_point(name) == point or self.keys.holds_private(name):
            return
        if certificate:
            self.keys.put_certificate(name, certificate)
        else:
            self.keys.put_point(name, point)


def _key(cell: Cell) -> str:
    return f"{int(cell.role)} {cell.use or ''}"


def point_anchor(keys: MemoryKeyStore, party: Eui64, use: KeyUse) -> Anchor:
    """An anchor for a key that the store already knows, as a factory would install it. Raises MissingKeyError."""
    name = KeyName(party, use)
    point = keys.public_point(name)
    if point is None:
        raise MissingKeyError(f"no public key of {eui64_text(party)} {use}")
    return Anchor(bytes(party), key_identifier(point), point, keys.certificate(name) or b"")
