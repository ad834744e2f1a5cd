"""The firmware of a device: images received, checked, kept, activated (GBCS 11; CS06, CS08, CS09, receipt alerts).

An image arrives block by block in the bank that does not run, is checked when it is whole, and waits. Activation is a
command of its own for meters and hubs; a PPMID or load control switch does it by itself. What the running image
contains decides how the device behaves. Everything else - registers, logs, credentials, counters - survives.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from protocols.dlms.access import DataNotification
from protocols.dlms.data import octet_string
from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_device import (
    ActivateFirmwareAlert,
    ActivateFirmwareCommand,
    ActivateFirmwareResponse,
    ActivationOutcome,
    ActivationResult,
    FirmwareVersionAlert,
    ReadFirmwareVersionCommand,
    ReadFirmwareVersionResponse,
    ReadResult,
)
from protocols.gbcs.asn1_types import Asn1Payload, decode_asn1
from protocols.gbcs.firmware_image import MAX_IMAGE, FirmwareImage, OtaHeader
from protocols.gbcs.gbz import GbzAlert, ImageHash
from protocols.gbcs.message import Cra
from protocols.gbcs.roles import DeviceType

from ...defects import register_defect
from ...dispatcher import FORMAT_FAILURE
from ...firmware_content import FirmwareContent
from ...future_dating import Pending
from ...part import Part
from ...refusals import Refused
from ..credentials.trust_anchors import execution_time
from .banks import RECORDED, Bank, ImageRecord
from .image_check import authoriser, number_of, suits

if TYPE_CHECKING:
    from ...device import Device
    from ...nvm import Nvm

ACTIVATES_WITHOUT_HASH = register_defect("activates-without-hash", "activates an image without computing its hash anew")
HASHES_WHOLE_FILE = register_defect("hashes-whole-file", "computes the hash over the whole file, header included")

SEAM_BLOCK_TWICE = register_defect(
    "seam-block-twice", "writes the block before a page of image memory once more in the place of the page's first"
)
SEAM = 1024
"""Octets of a page."""

ACTIVATE, READ_VERSION = 0x0012, 0x0129
ACTIVATION_ALERT, VERSION_ALERT = 0x00CA, 0x012B
RECEIPT_DLMS, RECEIPT_GBZ = 0x00CE, 0x00CF
IMAGE_GOOD, IMAGE_BAD, RUNNING_IMAGE_BAD, VERSION_CHANGED = 0x8F72, 0x8F1C, 0x8F1B, 0x8F43
VERSION_REPORT = 0x8F8B

ACTIVATES_ITSELF = frozenset({DeviceType.PPMID, DeviceType.HCALCS})
LONGEST_HEADER = 80
"""Octets; the known optional members make 69."""
_LENGTH_AT = slice(6, 8)

_KEY = "firmware"
_NO_VERSION = bytes(4)


@dataclass(slots=True)
class FirmwareState:
    """``running`` None is the firmware that the device was made with. ``total`` is the size of the download, 0 before
    its header is there. ``faults``: what fails, "start" or "read".
    """

    running: ImageRecord | None = None
    waiting: ImageRecord | None = None
    downloading: bool = False
    total: int = 0
    faults: list[str] = field(default_factory=list)


class FirmwareStore(Part):
    """Holds the images and does what the commands say."""

    name = "firmware"
    State = FirmwareState
    state: FirmwareState

    def __init__(self) -> None:
        super().__init__()
        self._banks = (Bank("firmware/0"), Bank("firmware/1"))
        self._outcome: ActivationOutcome | None = None
        self.accepted = False
        """Whether the last download was found good."""

    def attach(self, device: Device) -> None:
        super().attach(device)
        self._factory = device.personality
        for bank in self._banks:
            bank.attach(device)
        asn1 = device.asn1
        asn1.handler(ACTIVATE, self._activate)
        asn1.handler(READ_VERSION, self._read_version)
        asn1.on_preset(ACTIVATE, self._preset_activation)
        asn1.on_preset(ACTIVATION_ALERT, self._preset_activation)
        asn1.on_preset(READ_VERSION, self._preset_version)
        asn1.on_cause(VERSION_ALERT, self._cause_version)
        asn1.on_cause(RECEIPT_DLMS, self._cause_receipt)
        asn1.on_cause(RECEIPT_GBZ, self._cause_receipt)
        device.future.register(_KEY, self._run, self._tell)

    def load(self, nvm: Nvm) -> None:
        super().load(nvm)
        for bank in self._banks:
            bank.load(nvm)
        self._behave()

    def started(self) -> None:
        """Check the running image; one that has changed is given up for the firmware that the device was made with.

        That it falls back so far is inferred.
        """
        running = self.state.running
        if running is not None and running.bank != RECORDED and self._digest(running) != running.digest:
            self.state.running = None
            self.touch()
            self._behave()
            self.device.alerts.event(RUNNING_IMAGE_BAD)

    @property
    def version(self) -> bytes:
        """The running version, 4 octets."""
        return bytes.fromhex(self.device.personality.firmware_version)

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
            self._begin()
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

    def receive_image(self, octets: bytes, block_size: int = 1024) -> None:
        """Take a whole file in blocks."""
        for offset in range(0, len(octets), block_size):
            self.receive_block(offset, octets[offset : offset + block_size])

    def drop_download(self) -> None:
        """Forget what has arrived of a file; an image that waits stays until another begins to arrive."""
        if self.state.downloading:
            self._spare.erase()
            self.state.downloading, self.state.total = False, 0
            self.touch()

    @property
    def _spare(self) -> Bank:
        running = self.state.running
        return self._banks[1 if running is not None and running.bank == 0 else 0]

    def _begin(self) -> None:
        self._spare.erase()
        self.state.waiting, self.state.downloading, self.state.total = None, True, 0
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
            self._reject()
            return
        self.touch()
        if not length <= self.state.total <= MAX_IMAGE:
            self._reject()

    def _finish(self) -> None:
        octets = bytes(self._spare.octets)
        try:
            image = FirmwareImage.decode(octets, signed=authoriser(self.device) is not None)
        except DecodeError:
            self._reject()
            return
        if not suits(self.device, image):
            self._reject(image.digest)
            return
        start = image.header.length
        waiting = ImageRecord(
            image.header.version, b"", self._banks.index(self._spare), start, start + len(image.manufacturer_image)
        )
        waiting.digest = self._digest(waiting)
        self._keep(waiting)

    def _keep(self, waiting: ImageRecord) -> None:
        self.state.waiting, self.state.downloading = waiting, False
        self.accepted = True
        self.touch()
        self._report_receipt(IMAGE_GOOD, waiting.digest)
        if self.device.personality.device in ACTIVATES_ITSELF:
            self._activate_itself()

    def _reject(self, digest: bytes | None = None) -> None:
        octets = bytes(self._spare.octets)
        self._spare.erase()
        self.state.downloading, self.state.total = False, 0
        self.accepted = False
        self.touch()
        self._report_receipt(IMAGE_BAD, digest or sha256(octets).digest())

    def _digest(self, record: ImageRecord) -> bytes:
        if record.bank == RECORDED:
            return record.digest
        octets = self._banks[record.bank].octets
        if self.device.defective(HASHES_WHOLE_FILE):
            return sha256(octets).digest()
        return sha256(memoryview(octets)[record.start : record.stop]).digest()

    def _report_receipt(self, code: int, digest: bytes) -> None:
        alerts, kind = self.device.alerts, self.device.personality.device
        if kind in ACTIVATES_ITSELF:
            return
        alerts.event(code)
        if kind is DeviceType.ESME:
            alerts.send_dlms(code, RECEIPT_DLMS, alerts.recipients(code), [octet_string(digest)])
        elif kind is DeviceType.GSME:
            alerts.send_gbz(code, RECEIPT_GBZ, alerts.recipients(code), ImageHash(digest))

    # activation

    def _activate(self, command: ActivateFirmwareCommand) -> ActivateFirmwareResponse | None:
        current = self.device.commands.current
        if current is None:
            return None
        if command.originator_counter != current.message.counter:
            self.device.alerts.event(FORMAT_FAILURE)  # a command that contradicts itself is not answered
            return None
        sender, octets = bytes(current.message.originator), Asn1Payload(command).encode()
        self._outcome = None
        with suppress(Refused):  # what failed is in the outcome
            self.device.future.request(_KEY, execution_time(command.execute_at), current, sender, octets)
        return ActivateFirmwareResponse(self._outcome)

    def _run(self, pending: Pending) -> None:
        command = decode_asn1(pending.message_code, Cra.COMMAND, pending.data).value
        result = self._install(command.image_hash)
        self._outcome = ActivationOutcome(result, self.version)
        if result is not ActivationResult.SUCCESS:
            raise Refused

    def _tell(self, pending: Pending, code: int) -> None:
        alerts = self.device.alerts
        alerts.event(code)
        if self._outcome is not None:
            told = ActivateFirmwareAlert(code, pending.at, pending.counter, self._outcome)
            alerts.send_asn1(ACTIVATION_ALERT, [Eui64(pending.reference)], told)

    def _install(self, image_hash: bytes | None) -> ActivationResult:
        """Let the waiting image run if its hash is ``image_hash`` (None: whatever it is)."""
        waiting = self.state.waiting
        if waiting is None:
            return ActivationResult.NO_IMAGE_HELD
        wrong = image_hash is not None and self._digest(waiting) != image_hash
        if wrong and not self.device.defective(ACTIVATES_WITHOUT_HASH):
            return ActivationResult.HASH_MISMATCH
        if "start" in self.state.faults or not self._starts(waiting):
            return ActivationResult.ACTIVATION_FAILURE  # and the old one runs on
        self.state.running, self.state.waiting = waiting, None
        self.touch()
        self._behave()
        self.device.alerts.event(VERSION_CHANGED)
        return ActivationResult.SUCCESS

    def _starts(self, record: ImageRecord) -> bool:
        return self._content(record).starts_on(self.device.personality.device)

    def _activate_itself(self) -> None:
        """A PPMID or load control switch activates what it has received, and tells the access control broker."""
        done = self._install(None) is ActivationResult.SUCCESS
        alerts = self.device.alerts
        alerts.event(VERSION_REPORT)
        result = ReadResult.SUCCESS if done else ReadResult.FAILURE
        told = FirmwareVersionAlert(VERSION_REPORT, self.device.now, self.version, result)
        alerts.send_asn1(VERSION_ALERT, alerts.recipients(VERSION_REPORT), told)

    def _content(self, record: ImageRecord | None) -> FirmwareContent:
        if record is None or record.bank == RECORDED:
            return FirmwareContent()
        return FirmwareContent.decode(bytes(self._banks[record.bank].octets[record.start : record.stop]))

    def _behave(self) -> None:
        """Be the device that the running image makes."""
        running = self.state.running
        before = self.device.personality.firmware_version
        self.device.personality = (
            self._factory if running is None else self._content(running).personality(self._factory, running.version)
        )
        if self.device.personality.firmware_version != before:
            for listener in self.device.on_new_firmware:
                listener()

    # CS08

    def _read_version(self, _command: ReadFirmwareVersionCommand) -> ReadFirmwareVersionResponse:
        if "read" in self.state.faults:
            return ReadFirmwareVersionResponse(_NO_VERSION, ReadResult.FAILURE)
        return ReadFirmwareVersionResponse(self.version, ReadResult.SUCCESS)

    # the maker's way in

    def put_running(self, version: bytes) -> None:
        """Let this version (4 octets) run, with the behaviour of the firmware that the device was made with."""
        self.state.running = ImageRecord(version, bytes(32), RECORDED)
        self.touch()
        self._behave()

    def _preset_activation(
        self, answer: ActivateFirmwareResponse | ActivateFirmwareAlert, command: ActivateFirmwareCommand | None
    ) -> None:
        outcome = answer.outcome
        if outcome is None or command is None:
            return
        digest, version = command.image_hash, outcome.version
        self.state.waiting = None
        if outcome.result is not ActivationResult.SUCCESS:
            self.put_running(version)
        if outcome.result is ActivationResult.HASH_MISMATCH:
            digest = sha256(digest).digest()
        if outcome.result is ActivationResult.ACTIVATION_FAILURE:
            self.state.faults.append("start")
        if outcome.result is not ActivationResult.NO_IMAGE_HELD:
            self.state.waiting = ImageRecord(version, digest, RECORDED)
        self.touch()

    def _preset_version(self, answer: ReadFirmwareVersionResponse, _command: Any) -> None:
        if answer.result is ReadResult.SUCCESS:
            self.put_running(answer.version)
        else:
            self.state.faults.append("read")
            self.touch()

    def _cause_version(self, alert: FirmwareVersionAlert) -> None:
        """An image of that version arrives; or, where activation failed, one that does not start."""
        good = alert.result is ReadResult.SUCCESS
        if not good:
            self.put_running(alert.version)
        header = OtaHeader(
            number_of(self._factory.manufacturer, 4) or 0,
            (number_of(self._factory.model, 8) or 0) >> 16,
            int.from_bytes(alert.version, "big"),
        )
        content = FirmwareContent(starts=good).encode(self._factory.device)
        self.receive_image(FirmwareImage.build(header, content).encode())

    def _cause_receipt(self, alert: DataNotification | GbzAlert) -> None:
        """The check of an image ends of which the maker has put there the hash alone."""
        if isinstance(alert, GbzAlert):
            code, digest = alert.alert_code, alert.body.digest if isinstance(alert.body, ImageHash) else b""
        else:
            code, digest = alert.body.value[0].value, alert.body.value[2].value
        self._begin()
        if code == IMAGE_GOOD:
            self._keep(ImageRecord(self.version, digest, RECORDED))
        else:
            self._reject(digest)
