"""The test keys of a rig, made from its seed: the same seed gives the same keys, certificates and signatures.

Every party and every device gets a key store of its own, with its own private keys and nobody else's, and the public
keys of those it has to do with. These keys are for tests: whoever knows the seed knows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha512

from protocols.eui64 import Eui64
from protocols.gbcs.elliptic_curve import ENTROPY_LENGTH
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.smki.infrastructure import Infrastructure, make_infrastructure
from protocols.smki.names import KeyUsage

from .rig import Rig

SIGNING, AGREEMENT, TOP_UP = KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT, KeyUse.PREPAYMENT_KEY_AGREEMENT

USES: Mapping[RemotePartyRole, tuple[KeyUse, ...]] = {
    RemotePartyRole.RECOVERY: (SIGNING,),
    RemotePartyRole.SUPPLIER: (SIGNING, AGREEMENT, TOP_UP),
    RemotePartyRole.NETWORK_OPERATOR: (SIGNING, AGREEMENT),
    RemotePartyRole.ACCESS_CONTROL_BROKER: (SIGNING, AGREEMENT),
    RemotePartyRole.TRANSITIONAL_COS: (SIGNING,),
    RemotePartyRole.WAN_PROVIDER: (SIGNING,),
    RemotePartyRole.LOAD_CONTROLLER: (SIGNING, AGREEMENT),
}
"""The key pairs of each party."""

_R = RemotePartyRole
_BROKER_SIGNING = (_R.ACCESS_CONTROL_BROKER, SIGNING)
_BROKER_AGREEMENT = (_R.ACCESS_CONTROL_BROKER, AGREEMENT)
_EVERYWHERE = ((_R.RECOVERY, SIGNING), (_R.TRANSITIONAL_COS, SIGNING), _BROKER_AGREEMENT)
_SUPPLIER = ((_R.SUPPLIER, SIGNING), (_R.SUPPLIER, AGREEMENT), (_R.SUPPLIER, TOP_UP))
_OPERATOR = ((_R.NETWORK_OPERATOR, SIGNING), (_R.NETWORK_OPERATOR, AGREEMENT))
_CONTROLLER = ((_R.LOAD_CONTROLLER, SIGNING), (_R.LOAD_CONTROLLER, AGREEMENT))

CELLS: Mapping[DeviceType, tuple[tuple[RemotePartyRole, KeyUse], ...]] = {
    DeviceType.ESME: (*_EVERYWHERE, *_SUPPLIER, *_OPERATOR, *_CONTROLLER),
    DeviceType.GSME: (*_EVERYWHERE, *_SUPPLIER),
    DeviceType.GPF: (*_EVERYWHERE, *_SUPPLIER, *_OPERATOR),
    DeviceType.CHF: (*_EVERYWHERE, _BROKER_SIGNING, (_R.WAN_PROVIDER, SIGNING)),
    DeviceType.SAPC: (*_EVERYWHERE, *_SUPPLIER, *_OPERATOR, *_CONTROLLER),
    DeviceType.HCALCS: (*_EVERYWHERE, *_SUPPLIER, _BROKER_SIGNING),
    DeviceType.PPMID: (*_EVERYWHERE, _BROKER_SIGNING),
    DeviceType.TYPE_2: (),
}
"""The trust anchor cells of each kind of device. A gas meter knows no network operator; a hub knows no supplier."""


@dataclass(frozen=True, slots=True)
class Party:
    """A remote party with the key store that only it uses."""

    role: RemotePartyRole
    eui64: Eui64
    store: MemoryKeyStore


def public_keys(store: MemoryKeyStore, names: Iterable[KeyName]) -> MemoryKeyStore:
    """A store of the public keys alone."""
    public = MemoryKeyStore()
    for name in names:
        certificate, point = store.certificate(name), store.public_point(name)
        if certificate is not None:
            public.put_certificate(name, certificate)
        elif point is not None:
            public.put_point(name, point)
    return public


class TestPki:
    """The keys of a whole rig. ``devices`` are key stores by identifier, for the emulated devices alone."""

    __test__ = False  # not a test case, whatever its name

    def __init__(self, rig: Rig) -> None:
        self._seed = rig.seed
        self.infrastructure: Infrastructure = make_infrastructure(self.entropy("infrastructure"))
        self.certificates: dict[KeyName, bytes] = {}
        self.parties = {role: Party(role, rig.party(role), MemoryKeyStore()) for role in USES}
        self.devices = {device.eui64: MemoryKeyStore() for device in rig.devices}
        self._types = {device.eui64: device.type for device in rig.devices}
        for party in self.parties.values():
            self._make(party.store, party.eui64, USES[party.role], party.role)
        for identifier, store in self.devices.items():
            if self._types[identifier] is not DeviceType.TYPE_2:  # it takes no GBCS messages
                self._make(store, identifier, (SIGNING, AGREEMENT), None)
        self._introduce()

    def entropy(self, label: str) -> bytes:
        """48 octets that depend on the seed and the label alone."""
        return sha512(f"meterbench test key {self._seed} {label}".encode()).digest()[:ENTROPY_LENGTH]

    def cells(self, device: Eui64) -> Iterator[tuple[RemotePartyRole, KeyUse, KeyName]]:
        """The trust anchor cells of a device: role, use, and whose key is in it."""
        for role, use in CELLS[self._types[device]]:
            yield role, use, KeyName(self.parties[role].eui64, use)

    def adopt(self, store: MemoryKeyStore) -> None:
        """Have the parties of a store in the place of those made here: its devices know them, it knows the devices."""
        for name in [name for name in self.certificates if name.party not in self.devices]:
            given = store.certificate(name)
            if given is None:
                continue
            self.certificates[name] = given
            for held in self.devices.values():
                if held.public_point(name) is not None:
                    held.remove(name)
                    held.put_certificate(name, given)
        for device, held in self.devices.items():
            own = [name for name in held.names() if name.party == device]
            store.borrow(public_keys(held, own), own)

    def stranger(self, label: str) -> MemoryKeyStore:
        """A store like the rig's parties' own, with all their names but other keys: what an attacker would hold."""
        store = MemoryKeyStore()
        for party in self.parties.values():
            for use in USES[party.role]:
                store.generate(KeyName(party.eui64, use), self.entropy(f"{label} {party.eui64.hex()} {use}"))
            store.set_party_of_role(party.role, party.eui64)
        self._give(store, [name for name in self.certificates if name.party in self.devices])
        return store

    def _make(self, store: MemoryKeyStore, owner: Eui64, uses: Iterable[KeyUse], role: RemotePartyRole | None) -> None:
        for use in uses:
            name = KeyName(owner, use)
            point = store.generate(name, self.entropy(f"{owner.hex()} {use}"))
            usage = KeyUsage.DIGITAL_SIGNATURE if use is SIGNING else KeyUsage.KEY_AGREEMENT
            issued = (
                self.infrastructure.device(owner, usage, point)
                if role is None
                else self.infrastructure.organisation(owner, role, usage, point)
            )
            self.certificates[name] = issued.encode()
            store.put_certificate(name, self.certificates[name])

    def _introduce(self) -> None:
        devices = [name for name in self.certificates if name.party in self.devices]
        for party in self.parties.values():
            self._give(party.store, devices)
            self._tell_roles(party.store)
        for identifier, store in self.devices.items():
            self._give(store, [name for _, _, name in self.cells(identifier)])
            self._tell_roles(store, {role for role, _, _ in self.cells(identifier)})

    def _give(self, store: MemoryKeyStore, names: Iterable[KeyName]) -> None:
        for name in names:
            store.put_certificate(name, self.certificates[name])

    def _tell_roles(self, store: MemoryKeyStore, roles: Iterable[RemotePartyRole] = USES) -> None:
        for role in roles:
            store.set_party_of_role(role, self.parties[role].eui64)
