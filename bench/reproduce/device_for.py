"""A fresh device of the kind that a message is for, with the keys and trust anchors that the message takes for granted.

The private keys of the reference devices are not published. A device here agrees its keys from the other side, with
the published keys of the remote parties, and signs with a key made for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from hashlib import sha512
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from types import ModuleType
from typing import NamedTuple

from firmware_emu import Device, MemoryNvm, Personality
from firmware_emu.credentials import point_anchor
from firmware_emu.parts.credentials.rules import CELLS
from firmware_emu.personality import BILLING_PERIOD_ENDED
from protocols.errors import LocalProtocolError
from protocols.eui64 import Eui64, eui64, eui64_text
from protocols.gbcs.elliptic_curve import ENTROPY_LENGTH
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Cra
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import all_use_cases, by_code
from protocols.instant import Instant
from protocols.smki.certificate import Certificate

from .vectors import Vectors

TEST_DEVICES: Mapping[Eui64, DeviceType] = {
    eui64("00-DB-12-34-56-78-90-A0"): DeviceType.ESME,
    eui64("00-DB-12-34-56-78-90-A1"): DeviceType.GSME,
    eui64("00-DB-12-34-56-78-90-A2"): DeviceType.CHF,
    eui64("00-DB-12-34-56-78-90-A3"): DeviceType.GPF,
    eui64("00-DB-12-34-56-78-90-A4"): DeviceType.PPMID,
    eui64("00-DB-12-34-56-78-90-A5"): DeviceType.HCALCS,
    eui64("00-DB-12-34-56-78-90-A6"): DeviceType.SAPC,
}
"""What the devices of the published test keys are. Of others it follows from the use cases that concern them."""

_AUXILIARY: tuple[tuple[str, ...], ...] = (("proportional",) * 5, ("switch",) * 5)
_WITH_AUXILIARY = frozenset({DeviceType.ESME, DeviceType.SAPC})


@dataclass(frozen=True, slots=True)
class Variant:
    """What a message does not say of a device: the letter of its variant, what its auxiliary controllers are."""

    letter: str = "A"
    auxiliary: tuple[str, ...] = ()


class Manner(NamedTuple):
    """How a device tells of things, where no rule is published: see the members of its personality.

    ``alone``: one party holds the cells of supplier, network operator and load controller.
    """

    alone: bool = False
    names_load_controller: bool = False
    forms: tuple[str, ...] = ()
    start_up: Instant = 0
    billing_causes: int = BILLING_PERIOD_ENDED


USUAL_MANNER = Manner()
_HANDED_OVER = frozenset({RemotePartyRole.SUPPLIER, RemotePartyRole.NETWORK_OPERATOR, RemotePartyRole.LOAD_CONTROLLER})


class NoDevice(LocalProtocolError):  # noqa: N818 - says what is missing
    """There is no emulated device for a message."""


class Workshop:
    """Makes devices. ``keys`` are the published keys, None where none were given."""

    def __init__(self, vectors: Vectors, keys: FolderKeyStore | None) -> None:
        self.keys = keys
        self._kinds = {**_kinds_of(vectors), **TEST_DEVICES}
        self._roles: dict[Eui64, frozenset[int]] = {}
        self._lent = list(_parties(keys)) if keys else []
        self.far_side = self.store()
        """The published keys alone, which open what a device has encrypted."""

    def kind(self, device: Eui64) -> DeviceType:
        """What a device is. Raises NoDevice."""
        if device not in self._kinds:
            raise NoDevice(f"what kind of device {eui64_text(device)} is cannot be told")
        return self._kinds[device]

    def variants(self, device: Eui64) -> Iterator[Variant]:
        """The variants of a kind of device, the simplest first."""
        kind = self.kind(device)
        letters = "ABC" if kind is DeviceType.ESME else "A"
        for auxiliary, letter in product(_AUXILIARY if kind in _WITH_AUXILIARY else ((),), letters):
            yield Variant(letter, auxiliary)

    def make(
        self,
        identity: Eui64,
        party: Eui64,
        at: Instant,
        variant: Variant,
        *,
        long_lengths: bool = False,
        without: Iterable[int] = (),
        defects: Iterable[str] = (),
        manner: Manner = USUAL_MANNER,
    ) -> Device:
        """A device that was switched on at ``at`` and knows ``party``.

        ``without`` are message codes that it shall not know. Raises NoDevice.
        """
        kind = self.kind(identity)
        personality = Personality(
            device=kind,
            variant=variant.letter,
            auxiliary=variant.auxiliary,
            boost_button=bool(variant.auxiliary),
            long_asn1_lengths=long_lengths,
            certificate_times=False,  # the reference devices take certificates years before and after their validity
            long_limits=True,  # a reference alert tells of a limit that lasts a month
            any_objects=True,  # the lists of use cases that are retired, or in no public text, are not certain
            start_up=manner.start_up,
            billing_causes=manner.billing_causes,
            names_load_controller=manner.names_load_controller,
            alert_forms=manner.forms,
            use_cases=_all_but(frozenset(without)),
            defects=frozenset(defects),
        )
        made: Device = _maker(kind).make_device(identity, personality, MemoryNvm(), self._store(identity))
        made.power_on(at)
        self._install(made, party, alone=manner.alone)
        made.commit()
        return made

    def store(self) -> MemoryKeyStore:
        """The published keys of all parties, and the public ones of the devices."""
        store = MemoryKeyStore()
        if self.keys is not None:
            devices = [KeyName(device, KeyUse.KEY_AGREEMENT) for device in self._kinds]
            store.borrow(self.keys, [*devices, *self._lent])
        return store

    def _store(self, identity: Eui64) -> MemoryKeyStore:
        store = self.store()
        entropy = sha512(b"meterbench reproduce " + identity).digest()[:ENTROPY_LENGTH]
        store.generate(KeyName(identity, KeyUse.DIGITAL_SIGNING), entropy)
        return store

    def _install(self, device: Device, party: Eui64, *, alone: bool) -> None:
        """Fill the trust anchor cells: ``party`` in those of its role, of other roles whoever has them.

        Before a hand-over one party is ``alone`` in all cells that change hands.
        """
        for cell in sorted(CELLS[device.personality.device], key=str):
            if cell.use is None:
                continue  # the root's key is in no folder; it follows from what it has signed
            holder = party if alone and cell.role in _HANDED_OVER else self._holder(cell.role, party)
            if holder is not None and device.keys.public_point(KeyName(holder, cell.use)) is not None:
                device.credentials.fill(cell, point_anchor(device.keys, holder, cell.use))

    def _holder(self, role: RemotePartyRole, party: Eui64) -> Eui64 | None:
        if self.keys is None:
            return None
        return party if role in self.roles_of(party) else self.keys.party_of_role(role)

    def roles_of(self, party: Eui64) -> frozenset[int]:
        """The roles that the certificates of a party name."""
        if party not in self._roles:
            self._roles[party] = self._find_roles(party)
        return self._roles[party]

    def _find_roles(self, party: Eui64) -> frozenset[int]:
        found = set()
        for use in KeyUse:
            octets = self.keys.certificate(KeyName(party, use)) if self.keys else None
            certificate = Certificate.decode(octets) if octets else None
            if certificate is not None and certificate.entity == party and certificate.role is not None:
                found.add(certificate.role)
        return frozenset(found)


def _maker(kind: DeviceType) -> ModuleType:
    module = f"firmware_emu.devices.{kind.name.lower()}"
    if find_spec(module) is None:
        raise NoDevice(f"there is no emulated {kind.value} yet")
    return import_module(module)


def _all_but(message_codes: frozenset[int]) -> frozenset[str]:
    """The names of all use cases but those; empty, which means all, where nothing is left out."""
    if not message_codes:
        return frozenset()
    left_out = {use_case.name for code in message_codes if (use_case := by_code(code))}
    return frozenset(use_case.name for use_case in all_use_cases()) - left_out


def _parties(keys: FolderKeyStore) -> Iterator[KeyName]:
    """The keys of parties whose private keys are there."""
    with_private = {name.party for name in keys.names() if keys.holds_private(name)}
    return (name for name in keys.names() if name.party in with_private)


def _kinds_of(vectors: Vectors) -> dict[Eui64, DeviceType]:
    """The one kind of device that all use cases which concern an identifier have in common, where there is one."""
    possible: dict[Eui64, list[frozenset[DeviceType]]] = defaultdict(list)
    for vector in (*vectors.commands, *vectors.alerts):
        message = vector.message
        use_case = by_code(message.message_code)
        if use_case is not None:
            device = message.recipient if message.cra is Cra.COMMAND else message.originator
            possible[device].append(use_case.devices)
    common = {device: reduce(frozenset.__and__, kinds) for device, kinds in possible.items()}
    return {device: next(iter(kinds)) for device, kinds in common.items() if len(kinds) == 1}
