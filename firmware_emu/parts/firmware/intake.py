"""Where image files come in that are delivered to a device's own wire: to a hub for its home, or on a bench.

The server of ``protocols.image_delivery``. What has arrived of a file outlives an outage. A hub passes a whole file on
to its own store or to the transfer that brings it to the device; any other device keeps what is for itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocols.eui64 import Eui64
from protocols.gbcs.asn1_device import FirmwareTransferResult
from protocols.image_delivery import FileName, Offer, Status
from protocols.image_delivery_ends import DeliveryServer, Held

from ...part import Part
from .banks import Bank

if TYPE_CHECKING:
    from protocols.instant import Instant

    from ...device import Device
    from ...nvm import Nvm
    from .store import FirmwareStore
    from .transfer import FirmwareTransfer

MOST_AT_ONCE = 16
"""Files that may be under way at the same time."""
VERDICTS_KEPT = 16

_STATUS = {
    FirmwareTransferResult.IMAGE_DISCARDED: Status.DISCARDED,
    FirmwareTransferResult.HARDWARE_VERSION_MISMATCH: Status.HARDWARE_MISMATCH,
}


@dataclass(slots=True)
class OfferedFile:
    """A file that is under way; its octets are in a bank of the target's name."""

    size: int
    digest: bytes


@dataclass(slots=True)
class Verdict:
    """What became of a file: the target, the start of its SHA-256, a status."""

    target: bytes
    start: bytes
    status: int


@dataclass(slots=True)
class IntakeState:
    """``files`` by target; ``verdicts`` are the latest ones, oldest first."""

    files: dict[str, OfferedFile] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)


class ImageIntake(Part):
    """The depot of a delivery server. ``transfer`` is that of a hub."""

    name = "image intake"
    State = IntakeState
    state: IntakeState

    def __init__(self, store: FirmwareStore, transfer: FirmwareTransfer | None = None) -> None:
        super().__init__()
        self._store, self._transfer = store, transfer
        self._banks: dict[str, Bank] = {}
        self._server = DeliveryServer(self)

    def receive(self, frame: bytes) -> bytes | None:
        """Take a frame; the answer, None if there is none."""
        return self._server.receive(frame)

    def load(self, nvm: Nvm) -> None:
        super().load(nvm)
        self._banks = {}
        for target in self.state.files:
            self._bank(target).load(nvm)

    def power_lost(self, at: Instant) -> None:  # noqa: ARG002 - what arrived is kept whenever that is
        for bank in self._banks.values():
            bank.flush()

    # the depot

    def refusal(self, offer: Offer) -> Status | None:
        """Why a file may not come; None if it may."""
        known = offer.target == self.device.identity
        if not known and (self._transfer is None or not self._transfer.serves(offer.target)):
            return Status.UNKNOWN_TARGET
        files = self.state.files
        full = len(files) >= MOST_AT_ONCE and offer.target.hex() not in files
        return Status.BUSY if full else None

    def held(self, target: Eui64) -> Held | None:
        """The file that is under way for a target."""
        found = self.state.files.get(target.hex())
        if found is None:
            return None
        return Held(Offer(target, found.size, found.digest), len(self._bank(target.hex()).octets))

    def begin(self, offer: Offer) -> None:
        """A file is to come, in the place of one that was under way for the same target."""
        self._bank(offer.target.hex()).erase()
        self.state.files[offer.target.hex()] = OfferedFile(offer.size, offer.digest)
        self.touch()

    def append(self, target: Eui64, data: bytes) -> None:
        """The next octets of a file."""
        self._bank(target.hex()).append(data)

    def octets(self, target: Eui64) -> bytes:
        """What has arrived."""
        return bytes(self._bank(target.hex()).octets)

    def drop(self, target: Eui64) -> None:
        """Forget what has arrived."""
        self._bank(target.hex()).erase()
        self.state.files.pop(target.hex(), None)
        self.touch()

    def hand_over(self, target: Eui64, file: bytes) -> Status:
        """A whole file is for this device, or for one of the home."""
        if target == self.device.identity:
            return Status.COMPLETE if self._store.receive_image(file) else Status.DISCARDED
        if self._transfer is None:
            return Status.UNKNOWN_TARGET
        refused = self._transfer.accept(target, file)
        return Status.COMPLETE if refused is None else _STATUS[refused]

    def verdict(self, name: FileName) -> Status | None:
        """What became of a file lately."""
        found = (each for each in reversed(self.state.verdicts) if (each.target, each.start) == name)
        return next((Status(each.status) for each in found), None)

    def keep_verdict(self, name: FileName, status: Status) -> None:
        """Remember what became of a file."""
        self.state.verdicts.append(Verdict(bytes(name.target), name.start, int(status)))
        del self.state.verdicts[:-VERDICTS_KEPT]
        self.touch()

    def _bank(self, target: str) -> Bank:
        if target not in self._banks:
            self._banks[target] = Bank(f"intake/{target}")
            self._banks[target].attach(self.device)
        return self._banks[target]


def take_image_frame(device: Device, frame: bytes) -> bytes | None:
    """Hand a frame of an image delivery to a device; its answer. None also for a device that takes no images."""
    intake = next((part for part in device.parts if isinstance(part, ImageIntake)), None)
    return None if intake is None else intake.receive(frame)
