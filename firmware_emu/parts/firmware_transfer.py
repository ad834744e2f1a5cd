"""The hub's part in updating others: it keeps images for the devices of the home and reports each transfer (CCS08).

An image comes over the WAN without a GBCS message. The hub compares its header with the device that it is for, hands
it over by radio, and tells the access control broker how that ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_device import FirmwareTransferAlert, FirmwareTransferResult
from protocols.gbcs.firmware_image import MAX_IMAGE, FirmwareImage, OtaHeader

from ..part import Part

if TYPE_CHECKING:
    from ..device import Device

TRANSFER_ALERT = 0x0128
TRANSFER_DONE, TRANSFER_FAILED = 0x8F8A, 0x8F89
_Result = FirmwareTransferResult


@dataclass(slots=True)
class TransferState:
    """Versions (4 octets) that wait for their devices, by identifier."""

    versions: dict[str, bytes] = field(default_factory=dict)


class FirmwareTransfer(Part):
    """Takes images for others and reports on them. The octets of an image are not kept: the caller has them."""

    name = "firmware transfer"
    State = TransferState
    state: TransferState

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.asn1.on_cause(TRANSFER_ALERT, self._cause)

    def accept(self, target: Eui64, hardware_version: int, octets: bytes) -> bool:
        """An image for ``target`` has come over the WAN. False if it is discarded, which is reported at once."""
        try:
            header = OtaHeader.decode(octets[:128])
        except DecodeError:
            self._report(target, bytes(4), _Result.IMAGE_DISCARDED)
            return False
        if header.total_size != len(octets) or len(octets) > MAX_IMAGE:
            self._report(target, header.version, _Result.IMAGE_DISCARDED)
            return False
        if not header.suits(hardware_version):
            self._report(target, header.version, _Result.HARDWARE_VERSION_MISMATCH)
            return False
        self.state.versions[target.hex()] = header.version
        self.touch()
        return True

    def ended(self, target: Eui64, *, complete: bool) -> None:
        """The transfer to ``target`` by radio is over; nothing happens if there was none."""
        version = self.state.versions.pop(target.hex(), None)
        if version is not None:
            self.touch()
            self._report(target, version, _Result.SUCCESS if complete else _Result.TRANSFER_FAILURE)

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
