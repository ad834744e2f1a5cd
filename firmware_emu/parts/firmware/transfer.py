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
from ...part import Part
from .banks import Bank

if TYPE_CHECKING:
    from ...device import Device
    from ...nvm import Nvm

TRANSFER_ALERT = 0x0128
TRANSFER_DONE, TRANSFER_FAILED = 0x8F8A, 0x8F89
LONGEST_HEADER = 128
_Result = FirmwareTransferResult


@dataclass(slots=True)
class HeldImage:
    """What is known of an image that waits for a device."""

    manufacturer: int
    image_type: int
    file_version: int


@dataclass(slots=True)
class TransferState:
    """Images by the identifier of the device that they are for; their octets are in banks of that name."""

    images: dict[str, HeldImage] = field(default_factory=dict)


class FirmwareTransfer(Part):
    """Takes images for others, hands them over, and reports."""

    name = "firmware transfer"
    State = TransferState
    state: TransferState

    def __init__(self) -> None:
        super().__init__()
        self._banks: dict[str, Bank] = {}

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.asn1.on_cause(TRANSFER_ALERT, self._cause)
        device.han[CLUSTER] = self._hear

    def load(self, nvm: Nvm) -> None:
        super().load(nvm)
        self._banks = {}
        for target in self.state.images:
            self._bank(target).load(nvm)

    # from the WAN

    def accept(self, target: Eui64, hardware_version: int, octets: bytes) -> bool:
        """An image for ``target`` has come over the WAN. False if it is discarded, which is reported at once."""
        try:
            header = OtaHeader.decode(octets[:LONGEST_HEADER])
        except DecodeError:
            self._report(target, bytes(4), _Result.IMAGE_DISCARDED)
            return False
        if header.total_size != len(octets) or len(octets) > MAX_IMAGE:
            self._report(target, header.version, _Result.IMAGE_DISCARDED)
            return False
        if not header.suits(hardware_version):
            self._report(target, header.version, _Result.HARDWARE_VERSION_MISMATCH)
            return False
        self._hold(target, header, octets)
        return True

    def ended(self, target: Eui64, *, complete: bool) -> None:
        """The transfer to ``target`` by radio is over; nothing happens if there was none."""
        held = self.state.images.pop(target.hex(), None)
        if held is None:
            return
        self._bank(target.hex()).erase()
        self.touch()
        version = held.file_version.to_bytes(4, "big")
        self._report(target, version, _Result.SUCCESS if complete else _Result.TRANSFER_FAILURE)

    def _hold(self, target: Eui64, header: OtaHeader, octets: bytes) -> None:
        bank = self._bank(target.hex())
        bank.erase()
        bank.append(octets)
        self.state.images[target.hex()] = HeldImage(header.manufacturer, header.image_type, header.file_version)
        self.touch()
        self._send(target, ImageNotify(), 0)

    def _bank(self, target: str) -> Bank:
        if target not in self._banks:
            self._banks[target] = Bank(f"transfer/{target}")
            self._banks[target].attach(self.device)
        return self._banks[target]

    # to the device

    def _hear(self, source: Eui64, frame: bytes) -> None:
        try:
            sequence, message = decode_ota(frame)
        except DecodeError:
            return
        if isinstance(message, QueryNextImage):
            self._send(source, self._offer(source), sequence)
        elif isinstance(message, ImageBlockRequest):
            self._send(source, self._block(source, message), sequence)
        elif isinstance(message, UpgradeEnd):
            self._send(source, UpgradeEndResponse(), sequence)
            self.ended(source, complete=message.status == SUCCESS)

    def _offer(self, source: Eui64) -> QueryNextImageResponse:
        file = self._file(source)
        if file is None:
            return QueryNextImageResponse(NO_IMAGE)
        return QueryNextImageResponse(SUCCESS, file, len(self._bank(source.hex()).octets))

    def _block(self, source: Eui64, asked: ImageBlockRequest) -> ImageBlock:
        octets = self._bank(source.hex()).octets
        if self._file(source) != asked.file or asked.offset >= len(octets):
            return ImageBlock(ABORT)
        return ImageBlock(SUCCESS, asked.file, asked.offset, bytes(octets[asked.offset : asked.offset + asked.most]))

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
        hardware = (1, 1) if alert.result is not _Result.HARDWARE_VERSION_MISMATCH else (2, 2)
        header = OtaHeader(0, 0, int.from_bytes(alert.version, "big"), hardware=hardware)
        octets = FirmwareImage.build(header, b"image").encode()
        if alert.result is _Result.IMAGE_DISCARDED:
            octets += b"surplus"
        if self.accept(alert.device, 1, octets):
            self.ended(alert.device, complete=alert.result is _Result.SUCCESS)
