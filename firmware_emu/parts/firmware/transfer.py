"""The hub's part in updating others: it keeps images for the devices of the home and reports each transfer (CCS08).

An image comes over the WAN without a GBCS message. The hub compares its header with the device that it is for, tells
the device, hands the image over block by block (the server of the ZigBee upgrade cluster), and tells the access
control broker how that ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_device import FirmwareTransferAlert, FirmwareTransferResult
from protocols.gbcs.firmware_image import MAX_IMAGE, FirmwareImage, OtaHeader
from protocols.instant import DAY, Instant
from protocols.zigbee.ota import (
    ABORT,
    CLUSTER,
    NO_IMAGE,
    SUCCESS,
    FileId,
    ImageBlock,
    ImageBlockRequest,
    ImageNotify,
    OtaMessage,
    QueryNextImage,
    QueryNextImageResponse,
    UpgradeEnd,
    UpgradeEndResponse,
    decode_ota,
    encode_ota,
)

from ...outputs import SendHan
from ...part import NEVER, Part
from .banks import Bank

if TYPE_CHECKING:
    from ...device import Device
    from ...nvm import Nvm
    from ..hub.device_log import HubDeviceLog
    from ..hub.sub_ghz import SubGhz

TRANSFER_ALERT = 0x0128
TRANSFER_DONE, TRANSFER_FAILED = 0x8F8A, 0x8F89
LONGEST_HEADER = 128
KEPT_FOR: Instant = 7 * DAY
"""How long an image waits for a device that does not fetch it; then the transfer has failed. Inferred."""
BUSY_WAIT: Instant = 60
"""Seconds after which a device asks again that was told to wait for its turn. Inferred."""
SILENT_WAIT: Instant = 900
"""Seconds after which a device asks again to which the sub-GHz radio may not send now. Inferred."""
_Result = FirmwareTransferResult


@dataclass(slots=True)
class HeldImage:
    """What is known of an image that waits for a device. ``begun``: its first block was given; ``until``: its end."""

    manufacturer: int
    image_type: int
    file_version: int
    until: Instant = NEVER
    begun: bool = False


@dataclass(slots=True)
class TransferState:
    """Images by the identifier of the device that they are for; their octets are in banks of that name.

    ``hardware`` are the hardware versions that devices have told.
    """

    images: dict[str, HeldImage] = field(default_factory=dict)
    hardware: dict[str, int] = field(default_factory=dict)


class FirmwareTransfer(Part):
    """Takes images for others, hands them over, and reports. ``device_log`` and ``radio`` are those of the hub."""

    name = "firmware transfer"
    State = TransferState
    state: TransferState

    def __init__(self) -> None:
        super().__init__()
        self._banks: dict[str, Bank] = {}
        self._served: dict[Eui64, Instant] = {}  # when each device was given its last block
        self.device_log: HubDeviceLog | None = None
        self.radio: SubGhz | None = None

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.asn1.on_cause(TRANSFER_ALERT, self._cause)
        device.han[CLUSTER] = self._hear

    def load(self, nvm: Nvm) -> None:
        super().load(nvm)
        self._banks = {}
        for target in self.state.images:
            self._bank(target).load(nvm)

    def started(self) -> None:
        self._served = {}
        self._wait()

    def advance(self, at: Instant) -> None:
        """The time of some images is over."""
        for target in [target for target, held in self.state.images.items() if held.until <= at]:
            self.ended(Eui64(bytes.fromhex(target)), complete=False)
        self._wait()

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        self._served = {}
        for held in self.state.images.values():
            held.until += after - before
            self.touch()
        self._wait()

    # from the WAN

    def serves(self, target: Eui64) -> bool:
        """Whether images for a device may come: it is in the device log, and of a kind that is updated."""
        if self.device_log is None:
            return True
        entry = self.device_log.entry(target)
        return entry is not None and entry.kind is not None and entry.kind.takes_images

    def accept(self, target: Eui64, octets: bytes) -> FirmwareTransferResult | None:
        """An image for ``target`` has come over the WAN. None if it is kept, else why not, which is also reported."""
        version, refused = self._check(target, octets)
        if refused is not None:
            self._report(target, version, refused)
            return refused
        self._hold(target, OtaHeader.decode(octets[:LONGEST_HEADER]), octets)
        return None

    def ended(self, target: Eui64, *, complete: bool) -> None:
        """The transfer to ``target`` by radio is over; nothing happens if there was none."""
        self._end(target, _Result.SUCCESS if complete else _Result.TRANSFER_FAILURE)

    def woke(self, source: Eui64) -> None:
        """A sleeping device listens: it is told of an image. This stands for functional notification flag 0."""
        file = self._file(source)
        if file is not None:
            self._send(source, ImageNotify(100, *file), 0)

    def _check(self, target: Eui64, octets: bytes) -> tuple[bytes, FirmwareTransferResult | None]:
        try:
            header = OtaHeader.decode(octets[:LONGEST_HEADER])
        except DecodeError:
            return bytes(4), _Result.IMAGE_DISCARDED
        for_another = header.destination not in (None, target)
        if for_another or header.total_size != len(octets) or len(octets) > MAX_IMAGE:
            return header.version, _Result.IMAGE_DISCARDED
        hardware = self.state.hardware.get(target.hex())
        if hardware is not None and not header.suits(hardware):
            return header.version, _Result.HARDWARE_VERSION_MISMATCH
        return header.version, None

    def _hold(self, target: Eui64, header: OtaHeader, octets: bytes) -> None:
        bank = self._bank(target.hex())
        bank.erase()
        bank.append(octets)
        bank.flush()
        file = FileId(header.manufacturer, header.image_type, header.file_version)
        self.state.images[target.hex()] = HeldImage(*file, self.device.now + KEPT_FOR)
        self.touch()
        self._wait()
        self._send(target, ImageNotify(100, *file), 0)

    def _end(self, target: Eui64, result: FirmwareTransferResult) -> None:
        held = self.state.images.pop(target.hex(), None)
        if held is None:
            return
        self._bank(target.hex()).erase()
        self._served.pop(target, None)
        self.touch()
        self._wait()
        self._report(target, held.file_version.to_bytes(4, "big"), result)

    def _bank(self, target: str) -> Bank:
        if target not in self._banks:
            self._banks[target] = Bank(f"transfer/{target}")
            self._banks[target].attach(self.device)
        return self._banks[target]

    def _wait(self) -> None:
        self.schedule(min((held.until for held in self.state.images.values()), default=NEVER))

    # to the device

    def _hear(self, source: Eui64, frame: bytes) -> None:
        try:
            sequence, message = decode_ota(frame)
        except DecodeError:
            return
        if isinstance(message, QueryNextImage):
            self._send(source, self._offer(source, message), sequence)
        elif isinstance(message, ImageBlockRequest):
            self._send(source, self._block(source, message), sequence)
        elif isinstance(message, UpgradeEnd):
            self._send(source, UpgradeEndResponse(), sequence)
            self._ended_by_device(source, message)

    def _offer(self, source: Eui64, asked: QueryNextImage) -> QueryNextImageResponse:
        self._note_hardware(source, asked.hardware_version)
        file = self._file(source)
        if file is None:
            return QueryNextImageResponse(NO_IMAGE)
        return QueryNextImageResponse(SUCCESS, file, len(self._bank(source.hex()).octets))

    def _note_hardware(self, source: Eui64, version: int | None) -> None:
        """The device has told its hardware version: an image for another is discarded."""
        if version is None:
            return
        if self.state.hardware.get(source.hex()) != version:
            self.state.hardware[source.hex()] = version
            self.touch()
        if source.hex() in self.state.images:
            header = OtaHeader.decode(bytes(self._bank(source.hex()).octets[:LONGEST_HEADER]))
            if not header.suits(version):
                self._end(source, _Result.HARDWARE_VERSION_MISMATCH)

    def _block(self, source: Eui64, asked: ImageBlockRequest) -> ImageBlock:
        held, octets = self.state.images.get(source.hex()), self._bank(source.hex()).octets
        if held is None or self._file(source) != asked.file or asked.offset >= len(octets):
            return ImageBlock(ABORT)
        if asked.offset and not held.begun:
            return ImageBlock(ABORT)  # it goes on with an image that this one has taken the place of
        wait = self._must_wait(source, asked)
        if wait is not None:
            return wait
        if not held.begun:
            held.begun = True
            self.touch()
        self._served[source] = self.device.now
        return ImageBlock(SUCCESS, asked.file, asked.offset, bytes(octets[asked.offset : asked.offset + asked.most]))

    def _must_wait(self, source: Eui64, asked: ImageBlockRequest) -> ImageBlock | None:
        """What a device is told that must wait for its turn, or leave more time between its requests."""
        personality, now = self.device.personality, self.device.now
        if asked.period is not None and asked.period != personality.block_period:
            return ImageBlock.later(0, personality.block_period)
        most = personality.transfers_at_once
        others = [at for device, at in self._served.items() if device != source and now - at < BUSY_WAIT]
        if most and len(others) >= most:
            return ImageBlock.later(BUSY_WAIT, personality.block_period)
        if self.radio is not None and not self.radio.may_send_block(source, asked.most):
            return ImageBlock.later(SILENT_WAIT, personality.block_period)
        return None

    def _ended_by_device(self, source: Eui64, message: UpgradeEnd) -> None:
        """The end of another file than the one that waits, or of one that was not begun, is no end of this."""
        held = self.state.images.get(source.hex())
        if held is not None and held.begun and self._file(source) == message.file:
            self.ended(source, complete=message.status == SUCCESS)

    def _file(self, target: Eui64) -> FileId | None:
        held = self.state.images.get(target.hex())
        return FileId(held.manufacturer, held.image_type, held.file_version) if held else None

    def _send(self, target: Eui64, message: OtaMessage, sequence: int) -> None:
        self.device.emit(SendHan(target, CLUSTER, encode_ota(message, sequence)))

    def _report(self, target: Eui64, version: bytes, result: FirmwareTransferResult) -> None:
        alerts = self.device.alerts
        code = TRANSFER_DONE if result is _Result.SUCCESS else TRANSFER_FAILED
        alerts.event(code)
        told = FirmwareTransferAlert(code, self.device.now, target, version, result)
        alerts.send_asn1(TRANSFER_ALERT, alerts.recipients(code), told)

    def _cause(self, alert: FirmwareTransferAlert) -> None:
        """An image of that version comes, suits the device or not, and is handed over or not."""
        mismatch = alert.result is _Result.HARDWARE_VERSION_MISMATCH
        self.state.hardware[alert.device.hex()] = 2 if mismatch else 1
        header = OtaHeader(0, 0, int.from_bytes(alert.version, "big"), hardware=(1, 1))
        octets = FirmwareImage.build(header, b"image").encode()
        if alert.result is _Result.IMAGE_DISCARDED:
            octets += b"surplus"
        if self.accept(alert.device, octets) is None:
            self.ended(alert.device, complete=alert.result is _Result.SUCCESS)
