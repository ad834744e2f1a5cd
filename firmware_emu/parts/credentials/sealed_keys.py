"""The records in which a device keeps its private keys sealed: opened at power-on, written and wiped at a commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.sealing import Fuses, Place, Slot, UnsealError
from protocols.secret import Secret

from ...defects import register_defect

if TYPE_CHECKING:
    from ...device import Device
    from ...nvm import Nvm

KEEPS_OLD_KEY_ON_SWAP = register_defect(
    "keeps-old-key-on-swap", "leaves the private key that was replaced in its memory, sealed"
)
RECORDS = "key/"
"""Begins the names of the records; use and place follow: "key/ds in use"."""
OWN_USES = (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT)
LABELS = {f"{use} {place}": (use, place) for use in OWN_USES for place in Place}


class Sealed(NamedTuple):
    """What is known of a sealed key beside its record: the number of its sealing, the public key (65 octets)."""

    generation: int
    point: bytes


@dataclass(slots=True)
class SealedState:
    """``sealings`` counts how often a key was sealed and never goes back; ``held`` is by use and place: "ds in use"."""

    sealings: int = 0
    held: dict[str, Sealed] = field(default_factory=dict)


class SealedKeys:
    """``secret`` is in the chip of the device alone. What is to be sealed or wiped is done by ``save``."""

    def __init__(self, device: Device, secret: Secret) -> None:
        self._device = device
        self._fuses = Fuses(secret, device.identity)
        self._to_seal: dict[str, None] = {}
        self._to_wipe: dict[str, None] = {}

    def entropy(self, label: str) -> Secret:
        """48 octets to make a key from."""
        return self._fuses.entropy(label)

    def open(self, nvm: Nvm, state: SealedState) -> list[str]:
        """Take the keys into the key store; of those that do not open, which they are and why."""
        self._to_seal.clear()
        self._to_wipe.clear()
        return [f"{label}: {reason}" for label in LABELS if (reason := self._open(nvm, state, label))]

    def _open(self, nvm: Nvm, state: SealedState, label: str) -> str:
        sealed = state.held.get(label)
        if sealed is None:
            return ""
        use, place = LABELS[label]
        name, keys = self._own(use), self._device.keys
        if place is Place.IN_USE:
            keys.remove(name)  # what was there before the supply failed is not relied on
        try:
            blob = nvm.get(RECORDS + label)
            if blob is None:
                raise UnsealError("a sealed key that is gone")
            keys.unseal(name, Slot(self._device.identity, use, place, *sealed), self._fuses, blob)
        except UnsealError as error:
            return str(error)
        return ""

    def seal_later(self, use: KeyUse, place: Place) -> None:
        """Seal a key of the key store at the next ``save``."""
        self._to_seal[f"{use} {place}"] = None

    def take_into_use(self, state: SealedState, use: KeyUse) -> None:
        """The key that waited has come into use."""
        waited = f"{use} {Place.WAITING}"
        self._to_seal.pop(waited, None)
        if state.held.pop(waited, None) is not None:
            self._to_wipe[waited] = None
        self.seal_later(use, Place.IN_USE)

    def wipe_all(self, state: SealedState) -> None:
        """Leave nothing of any key in the memory after the next ``save``."""
        self._to_seal.clear()
        self._to_wipe.update(dict.fromkeys(state.held))
        state.held.clear()

    def save(self, nvm: Nvm, state: SealedState) -> None:
        """Stage everything that is to be sealed or wiped; ``state`` is to be kept by the same commit."""
        for label in self._to_wipe:
            nvm.wipe(RECORDS + label)
        for label in self._to_seal:
            self._seal(nvm, state, label)
        self._to_seal.clear()
        self._to_wipe.clear()

    def _seal(self, nvm: Nvm, state: SealedState, label: str) -> None:
        use, place = LABELS[label]
        name, keys, record = self._own(use), self._device.keys, RECORDS + label
        state.sealings += 1
        blob = keys.seal(name, place, state.sealings, self._fuses)
        point = keys.public_point(name) if place is Place.IN_USE else keys.next_point(name)
        state.held[label] = Sealed(state.sealings, point or b"")
        if self._device.defective(KEEPS_OLD_KEY_ON_SWAP) and (old := nvm.get(record)) is not None:
            nvm.put(f"{record} before", old)
        nvm.wipe(record)
        nvm.put(record, blob)

    def _own(self, use: KeyUse) -> KeyName:
        return KeyName(self._device.identity, use)
