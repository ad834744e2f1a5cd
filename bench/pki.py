"""The test keys of a rig, made from its seed: the same seed gives the same keys, certificates and signatures.

Every party and every device gets a key store of its own, with its own private keys and nobody else's, and the public
keys of those it has to do with. These keys are for tests: whoever knows the seed knows them.

A party may have new keys, its next generation; and there is a second supplier and network operator, to whom devices
can go over. Devices hold the root of the organisations, so they can check the certificates that they are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha512
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from protocols.errors import MissingKeyError
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.elliptic_curve import ENTROPY_LENGTH
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.secret import Secret
from protocols.smki.certificate import Certificate
from protocols.smki.infrastructure import BEGINS, Infrastructure, make_infrastructure, serial_number
from protocols.smki.issue import public_key_info
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest, issue_requested_device

from .rig import Rig

if TYPE_CHECKING:
    from .authority.rig_keys import RigKeys

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


NEWCOMERS: Mapping[RemotePartyRole, tuple[Eui64, Eui64]] = {
    _R.SUPPLIER: (eui64("90B3D51F30030000"), eui64("90B3D51F30050000")),
    _R.NETWORK_OPERATOR: (eui64("90B3D51F30040000"), eui64("90B3D51F30060000")),
}
"""The second party of a role; the other identifier is for rigs in which somebody has the first."""
CONTINGENCY = eui64("70B3D51F300017FF")
"""The originator of replacements by contingency, as in the public test messages."""


@dataclass(frozen=True, slots=True)
class Party:
    """A remote party with the key store that only it uses.

    ``generation`` counts the renewals of its keys, ``root`` those of the root above its certificates.
    """

    role: RemotePartyRole
    eui64: Eui64
    store: MemoryKeyStore
    generation: int = 0
    root: int = 0

    @property
    def uses(self) -> tuple[KeyUse, ...]:
        """Its key pairs."""
        return USES.get(self.role, (SIGNING,))

    def certificate(self, use: KeyUse) -> bytes:
        """Its certificate for a use, in DER. Raises MissingKeyError."""
        found = self.store.certificate(KeyName(self.eui64, use))
        if found is None:
            raise MissingKeyError(f"no certificate of {KeyName(self.eui64, use)}")
        return found


class Contingency(NamedTuple):
    """The contingency key: who signs with it, and the symmetric key that opens what devices hold of it.

    ``wrapped`` is that: the public key, wrapped.
    """

    party: Party
    symmetric_key: bytes
    wrapped: bytes

    def __repr__(self) -> str:
        return "<contingency key>"


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


def _lab_keys(rig: Rig) -> RigKeys | None:
    if rig.head_end.lab is None:
        return None
    from .authority.rig_keys import RigKeys  # most rigs have none

    return RigKeys(rig, rig.head_end.lab, USES)


class TestPki:
    """The keys of a whole rig. ``devices`` are key stores by identifier, for the emulated devices alone.

    A rig that names a laboratory has its parties' keys, its roots, and what devices it knows from there.
    """

    __test__ = False  # not a test case, whatever its name

    def __init__(self, rig: Rig) -> None:
        self._seed = rig.seed
        self._lab = _lab_keys(rig)
        self.infrastructure: Infrastructure = (
            make_infrastructure(self.entropy("infrastructure")) if self._lab is None else self._lab.infrastructure
        )
        self.certificates: dict[KeyName, bytes] = {}
        self.parties = {role: Party(role, rig.party(role), MemoryKeyStore()) for role in USES}
        self.devices = {device.eui64: MemoryKeyStore() for device in rig.devices}
        self._types = {device.eui64: device.type for device in rig.devices}
        for party in self.parties.values():
            self._make(party.store, party.eui64, USES[party.role], party.role)
        for identifier, store in self.devices.items():
            if self._types[identifier] is not DeviceType.TYPE_2:  # it takes no GBCS messages
                self._make(store, identifier, (SIGNING, AGREEMENT), None)
        self._others: dict[tuple[RemotePartyRole, Eui64, int, int], Party] = {}
        self._infrastructures = [self.infrastructure]
        self._contingencies: dict[int, Contingency] = {}
        self._introduce()

    def entropy(self, label: str) -> Secret:
        """48 octets that depend on the seed and the label alone."""
        return Secret(sha512(f"meterbench test key {self._seed} {label}".encode()).digest()[:ENTROPY_LENGTH])

    def secret(self, device: Eui64) -> Secret:
        """What is in the chip of a device, and in no other: it seals the device's private keys."""
        return self.entropy(f"new keys of {device.hex()}")

    def restarted(self, device: Eui64) -> MemoryKeyStore:
        """The key store of a device that has lived: it gets its private keys from its own memory alone."""
        held = self.devices[device]
        store = public_keys(held, [name for name in held.names() if name.party != device])
        self._tell_roles(store, {role for role, _, _ in self.cells(device)})
        return store

    def cells(self, device: Eui64) -> Iterator[tuple[RemotePartyRole, KeyUse, KeyName]]:
        """The trust anchor cells of a device: role, use, and whose key is in it."""
        for role, use in CELLS[self._types[device]]:
            yield role, use, KeyName(self.parties[role].eui64, use)

    # those who come later

    @property
    def others(self) -> tuple[Party, ...]:
        """Every party that was made after the first ones."""
        return tuple(self._others.values())

    def newcomer(self, role: RemotePartyRole, root: int = 0) -> Party:
        """The second party of a role: another supplier or network operator."""
        taken = {party.eui64 for party in self.parties.values()}
        return self._other(role, next(each for each in NEWCOMERS[role] if each not in taken), 0, root)

    def renewed(self, party: Party, root: int | None = None) -> Party:
        """The same party with new keys, certified under the same root unless another one is named."""
        return self._other(party.role, party.eui64, party.generation + 1, party.root if root is None else root)

    def authority(self, root: int = 0) -> Infrastructure:
        """The infrastructure after so many replacements of its root."""
        while len(self._infrastructures) <= root:
            self._infrastructures.append(
                make_infrastructure(self.entropy(f"infrastructure {len(self._infrastructures)}"))
            )
        return self._infrastructures[root]

    def contingency(self, root: int = 0) -> Contingency:
        """The contingency key that belongs to a root."""
        if root not in self._contingencies:
            self._contingencies[root] = self._make_contingency(root)
        return self._contingencies[root]

    def certify(self, request: CertificationRequest) -> Certificate:
        """The device certificate that a request asks for. Raises CertificateError for one that is wrong."""
        serial = serial_number(request.octets)
        return issue_requested_device(self.infrastructure.device_authority, request, serial, BEGINS)

    def learn(self, name: KeyName, certificate: bytes) -> None:
        """A device has a new key: everybody who has to do with it is given the certificate (DER)."""
        self.certificates[name] = certificate
        for party in (*self.parties.values(), *self._others.values()):
            party.store.remove(name)
            party.store.put_certificate(name, certificate)

    def _other(self, role: RemotePartyRole, identity: Eui64, generation: int, root: int) -> Party:
        key = (role, identity, generation, root)
        if key not in self._others:
            party = self._others[key] = Party(role, identity, MemoryKeyStore(), generation, root)
            for use in party.uses:
                label = f"{identity.hex()} {use} generation {generation} {root}"
                self._issue(party.store, identity, use, role, label, self.authority(root))
            self._give(party.store, [name for name in self.certificates if name.party in self.devices])
            self._tell_roles(party.store)
            party.store.set_party_of_role(role, identity)
        return self._others[key]

    def _make_contingency(self, root: int) -> Contingency:
        store = MemoryKeyStore()
        label = f"contingency {root}"
        point = store.generate(KeyName(CONTINGENCY, SIGNING), self.entropy(label))
        self._give(store, [name for name in self.certificates if name.party in self.devices])
        secret = Secret(self.entropy(f"{label} symmetric")[:32])
        wrapped = aes_key_wrap_with_padding(secret, public_key_info(point))
        return Contingency(Party(_R.ROOT, CONTINGENCY, store, root=root), secret, wrapped)

    # keys from elsewhere

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
            given = None if self._lab is None else self._lab.give(store, name)
            self.certificates[name] = given or self._issue(
                store, owner, use, role, f"{owner.hex()} {use}", self.infrastructure
            )

    def _issue(
        self,
        store: MemoryKeyStore,
        owner: Eui64,
        use: KeyUse,
        role: RemotePartyRole | None,
        label: str,
        infrastructure: Infrastructure,
    ) -> bytes:
        """A key pair in a store, with its certificate; ``role`` is None for a device."""
        name = KeyName(owner, use)
        point = store.generate(name, self.entropy(label))
        usage = KeyUsage.DIGITAL_SIGNATURE if use is SIGNING else KeyUsage.KEY_AGREEMENT
        issued = (
            infrastructure.device(owner, usage, point)
            if role is None
            else infrastructure.organisation(owner, role, usage, point)
        )
        store.put_certificate(name, issued.encode())
        return issued.encode()

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
