"""The firmware of a device: images received, checked, kept, made to run (GBCS 11).

An image arrives block by block in the bank that does not run, is checked when it is whole, and waits. Activation is a
command of its own for meters and hubs; a PPMID or load control switch does it by itself. What the running image
contains decides how the device behaves. Everything else - registers, logs, credentials, counters - survives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING

from protocols.dlms.data import octet_string
from protocols.errors import DecodeError
from protocols.gbcs.asn1_device import ActivationResult
from protocols.gbcs.firmware_image import MAX_IMAGE, FirmwareImage, OtaHeader
from protocols.gbcs.gbz import ImageHash
from protocols.gbcs.roles import DeviceType

from ...defects import register_defect
from ...firmware_content import FirmwareContent
from ...part import Part
from .banks import RECORDED, Bank, ImageRecord
from .image_check import authoriser, suits

if TYPE_CHECKING:
    from protocols.instant import Instant

    from ...device import Device
    from ...nvm import Nvm

ACTIVATES_WITHOUT_HASH = register_defect("activates-without-hash", "activates an image without computing its hash anew")
HASHES_WHOLE_FILE = register_defect("hashes-whole-file", "computes the hash over the whole file, header included")

SEAM_BLOCK_TWICE = register_defect(
    "seam-block-twice", "writes the block before a page of image memory once more in the place of the page's first"
)
SEAM = 1024
"""Octets of a page."""

RECEIPT_DLMS, RECEIPT_GBZ = 0x00CE, 0x00CF
IMAGE_GOOD, IMAGE_BAD, RUNNING_IMAGE_BAD, VERSION_CHANGED = 0x8F72, 0x8F1C, 0x8F1B, 0x8F43

ACTIVATES_ITSELF = frozenset({DeviceType.PPMID, DeviceType.HCALCS})
LONGEST_HEADER = 80
"""Octets; the known optional members make 69."""
_LENGTH_AT = slice(6, 8)


@dataclass(slots=True)
class FirmwareState:
    """``running`` None is the firmware that the device was made with; ``previous`` is what ran before, while it is
    there. ``total`` is the size of the download, 0 before its header is there. ``maker_key`` is the public key of the
    device's maker (65 octets), empty where the device knows none. ``faults``: what fails, "start" or "read".
    """

    running: ImageRecord | None = None
    waiting: ImageRecord | None = None
    previous: ImageRecord | None = None
    downloading: bool = False
    total: int = 0
    maker_key: bytes = b""
    faults: list[str] = field(default_factory=list)


class FirmwareStore(Part):
    """Holds the images. ``on_kept`` is called when an image was found good and waits."""

    name = "firmware"
    State = FirmwareState
    state: FirmwareState

    def __init__(self) -> None:
        super().__init__()
        self.banks = (Bank("firmware/0"), Bank("firmware/1"))
        self.on_kept: Callable[[], None] = lambda: None
        self.accepted = False
        """Whether the last download was found good."""

    def attach(self, device: Device) -> None:
        super().attach(device)
        self.factory = device.personality
        """The firmware that the device was made with."""
        for bank in self.banks:
            bank.attach(device)

    def load(self, nvm: Nvm) -> None:
        super().load(nvm)
        for bank in self.banks:
            bank.load(nvm)
        self._behave()

    def power_lost(self, at: Instant) -> None:  # noqa: ARG002 - what arrived is kept whenever that is
        self._spare.flush()

    def started(self) -> None:
        """Check the running image; one that has changed is given up for what ran before, which is checked too.

        Where that is not there any more it is the firmware that the device was made with. Both are inferred.
        """
        if self._is_whole(self.state.running):
            return
        previous = self.state.previous
        self.state.running = previous if self._is_whole(previous) else None
        self.state.previous = None
        self.touch()
        self._behave()
        self.device.alerts.event(RUNNING_IMAGE_BAD)

    @property
    def version(self) -> bytes:
        """The running version, 4 octets."""
        return bytes.fromhex(self.device.personality.firmware_version)

    @property
    def content(self) -> FirmwareContent:
        """How the running image has devices behave."""
        return self._content(self.state.running)

    def trust_maker(self, point: bytes) -> None:
        """Know the maker by this public key (65 octets): from now on only what it has signed is kept."""
        self.state.maker_key = point
        self.touch()

    # an image arrives

    @property
    def expected(self) -> int:
        """Offset of the block that comes next, also after an outage in the middle; 0 when none is under way."""
        return len(self._spare.octets) if self.state.downloading else 0

    def receive_block(self, offset: int, block: bytes) -> int:
        """Take a block of an image file, and give the offset of the next; 0 when the file is complete.

        Offset 0 begins a new file, which takes the place of one that waits. A block for another offset is ignored.
        """
        if offset == 0:
            self.begin()
        if not self.state.downloading or offset != self.expected:
            return self.expected
        bank = self._spare
        if offset and offset % SEAM == 0 and self.device.defective(SEAM_BLOCK_TWICE):
            block = bytes(bank.octets[-len(block) :])
        bank.append(block)
        if not self.state.total:
            self._read_size()
        if self.state.downloading and self.state.total and len(bank.octets) >= self.state.total:
            self._finish()
        return self.expected

    def receive_image(self, octets: bytes, block_size: int = 1024) -> bool:
        """Take a whole file in blocks; whether it was found good."""
        self.accepted = False
        for offset in range(0, len(octets), block_size):
            self.receive_block(offset, octets[offset : offset + block_size])
        return self.accepted

    def drop_download(self) -> None:
        """Forget what has arrived of a file; an image that waits stays until another begins to arrive."""
        if self.state.downloading:
            self._spare.erase()
            self.state.downloading, self.state.total = False, 0
            self.touch()

    @property
    def _spare(self) -> Bank:
        running = self.state.running
        return self.banks[1 if running is not None and running.bank == 0 else 0]

    def begin(self) -> None:
        """A file begins to arrive; what waited, and what ran before, make room for it."""
        self._spare.erase()
        self.state.waiting, self.state.downloading, self.state.total = None, True, 0
        self.state.previous = None
        self.touch()

    def _read_size(self) -> None:
        """Learn from the header how long the file is, once the header is whole."""
        octets = self._spare.octets
        length = int.from_bytes(octets[_LENGTH_AT], "little")
        if len(octets) < _LENGTH_AT.stop or len(octets) < length <= LONGEST_HEADER:
            return
        try:
            self.state.total = OtaHeader.decode(bytes(octets[:LONGEST_HEADER])).total_size
        except DecodeError:
            self.reject()
            return
        self.touch()
        if not length <= self.state.total <= MAX_IMAGE:
            self.reject()

    def _finish(self) -> None:
        octets = bytes(self._spare.octets)
        try:
            image = FirmwareImage.decode(octets, signed=authoriser(self.device) is not None)
        except DecodeError:
            self.reject()
            return
        if not suits(self.device, image, self.state.maker_key):
            self.reject(image.digest)
            return
        start = image.header.length
        waiting = ImageRecord(
            image.header.version, b"", self.banks.index(self._spare), start, start + len(image.manufacturer_image)
        )
        waiting.digest = self.digest(waiting)
        self.keep(waiting)

    def keep(self, waiting: ImageRecord) -> None:
        """An image was found good: it waits, and its receipt is reported."""
        self._spare.flush()
        self.state.waiting, self.state.downloading = waiting, False
        self.accepted = True
        self.touch()
        self._report_receipt(IMAGE_GOOD, waiting.digest)
        self.on_kept()

    def reject(self, digest: bytes | None = None) -> None:
        """What has arrived is no good: it is thrown away, which is reported."""
        octets = bytes(self._spare.octets)
        self._spare.erase()
        self.state.downloading, self.state.total = False, 0
        self.accepted = False
        self.touch()
        self._report_receipt(IMAGE_BAD, digest or sha256(octets).digest())

    def _report_receipt(self, code: int, digest: bytes) -> None:
        alerts, kind = self.device.alerts, self.device.personality.device
        if kind in ACTIVATES_ITSELF:
            return
        alerts.event(code)
        if kind is DeviceType.GSME:
            alerts.send_gbz(code, RECEIPT_GBZ, alerts.recipients(code), ImageHash(digest))
        elif kind is not DeviceType.CHF:  # that a SAPC reports as an electricity meter does is inferred
            alerts.send_dlms(code, RECEIPT_DLMS, alerts.recipients(code), [octet_string(digest)])

    # images that are held

    def digest(self, record: ImageRecord) -> bytes:
        """SHA-256 of the manufacturer image, computed anew from the bank."""
        if record.bank == RECORDED:
            return record.digest
        octets = self.banks[record.bank].octets
        if self.device.defective(HASHES_WHOLE_FILE):
            return sha256(octets).digest()
        return sha256(memoryview(octets)[record.start : record.stop]).digest()

    def install(self, image_hash: bytes | None) -> ActivationResult:
        """Let the waiting image run if its hash is ``image_hash`` (None: whatever it is)."""
        waiting = self.state.waiting
        if waiting is None:
            return ActivationResult.NO_IMAGE_HELD
        if not self._has_hash(waiting, waiting.digest if image_hash is None else image_hash):
            return ActivationResult.HASH_MISMATCH
        if not self._starts(waiting):
            return ActivationResult.ACTIVATION_FAILURE  # and the old one runs on
        self.state.previous, self.state.running, self.state.waiting = self.state.running, waiting, None
        self.touch()
        self._behave()
        self.device.alerts.event(VERSION_CHANGED)
        return ActivationResult.SUCCESS

    def _has_hash(self, waiting: ImageRecord, image_hash: bytes) -> bool:
        return self.device.defective(ACTIVATES_WITHOUT_HASH) or compare_digest(self.digest(waiting), image_hash)

    def _starts(self, record: ImageRecord) -> bool:
        """Whether an image can run here. That a downgrade fails so late, where it is refused at all, is inferred."""
        personality = self.device.personality
        older = personality.refuses_downgrade and record.version < self.version
        return not older and "start" not in self.state.faults and self._content(record).starts_on(personality.device)

    def _is_whole(self, record: ImageRecord | None) -> bool:
        """Whether an image is what it was when it was received; the firmware of the maker (None) always is."""
        return record is None or record.bank == RECORDED or compare_digest(self.digest(record), record.digest)

    def _content(self, record: ImageRecord | None) -> FirmwareContent:
        if record is None or record.bank == RECORDED:
            return FirmwareContent()
        return FirmwareContent.decode(bytes(self.banks[record.bank].octets[record.start : record.stop]))

    def _behave(self) -> None:
        """Be the device that the running image makes."""
        running = self.state.running
        before = self.device.personality.firmware_version
        self.device.personality = (
            self.factory if running is None else self._content(running).personality(self.factory, running.version)
        )
        if self.device.personality.firmware_version != before:
            for listener in self.device.on_new_firmware:
                listener()

    def put_running(self, version: bytes) -> None:
        """The maker's way in: this version (4 octets) runs, with the behaviour that the device was made with."""
        self.state.running = ImageRecord(version, bytes(32), RECORDED)
        self.touch()
        self._behave()
