"""What remote parties ask of a device's firmware and hear of it: activation (CS06), version (CS08), a report (CS09)."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from protocols.dlms.access import DataNotification
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
from protocols.gbcs.firmware_image import FirmwareImage, OtaHeader
from protocols.gbcs.gbz import GbzAlert, ImageHash
from protocols.gbcs.message import Cra

from ...dispatcher import FORMAT_FAILURE
from ...firmware_content import FirmwareContent
from ...future_dating import Pending
from ...part import Part
from ...refusals import Refused
from ..credentials.trust_anchors import execution_time
from .banks import RECORDED, ImageRecord
from .image_check import number_of
from .store import ACTIVATES_ITSELF, IMAGE_GOOD, RECEIPT_DLMS, RECEIPT_GBZ, FirmwareStore

if TYPE_CHECKING:
    from ...device import Device

ACTIVATE, READ_VERSION = 0x0012, 0x0129
ACTIVATION_ALERT, VERSION_ALERT = 0x00CA, 0x012B
VERSION_REPORT = 0x8F8B

_KEY = "firmware"
_NO_VERSION = bytes(4)


class FirmwareCommands(Part):
    """Does with the store what the commands say, and reports."""

    name = "firmware commands"

    def __init__(self, store: FirmwareStore) -> None:
        super().__init__()
        self._store = store
        self._outcome: ActivationOutcome | None = None

    def attach(self, device: Device) -> None:
        super().attach(device)
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
        if device.personality.device in ACTIVATES_ITSELF:
            self._store.on_kept = self._activate_itself

    # CS06

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
        result = self._store.install(command.image_hash)
        self._outcome = ActivationOutcome(result, self._store.version)
        if result is not ActivationResult.SUCCESS:
            raise Refused

    def _tell(self, pending: Pending, code: int) -> None:
        alerts = self.device.alerts
        alerts.event(code)
        if self._outcome is not None:
            told = ActivateFirmwareAlert(code, pending.at, pending.counter, self._outcome)
            alerts.send_asn1(ACTIVATION_ALERT, [Eui64(pending.reference)], told)

    # CS08, CS09

    def _read_version(self, _command: ReadFirmwareVersionCommand) -> ReadFirmwareVersionResponse:
        if "read" in self._store.state.faults:
            return ReadFirmwareVersionResponse(_NO_VERSION, ReadResult.FAILURE)
        return ReadFirmwareVersionResponse(self._store.version, ReadResult.SUCCESS)

    def _activate_itself(self) -> None:
        """A PPMID or load control switch activates what it has received, and tells the access control broker."""
        done = self._store.install(None) is ActivationResult.SUCCESS
        alerts = self.device.alerts
        alerts.event(VERSION_REPORT)
        result = ReadResult.SUCCESS if done else ReadResult.FAILURE
        told = FirmwareVersionAlert(VERSION_REPORT, self.device.now, self._store.version, result)
        alerts.send_asn1(VERSION_ALERT, alerts.recipients(VERSION_REPORT), told)

    # the maker's way in

    def _preset_activation(
        self, answer: ActivateFirmwareResponse | ActivateFirmwareAlert, command: ActivateFirmwareCommand | None
    ) -> None:
        outcome, store = answer.outcome, self._store
        if outcome is None or command is None:
            return
        digest, version = command.image_hash, outcome.version
        store.state.waiting = None
        if outcome.result is not ActivationResult.SUCCESS:
            store.put_running(version)
        if outcome.result is ActivationResult.HASH_MISMATCH:
            digest = sha256(digest).digest()
        if outcome.result is ActivationResult.ACTIVATION_FAILURE:
            store.state.faults.append("start")
        if outcome.result is not ActivationResult.NO_IMAGE_HELD:
            store.state.waiting = ImageRecord(version, digest, RECORDED)
        store.touch()

    def _preset_version(self, answer: ReadFirmwareVersionResponse, _command: Any) -> None:
        if answer.result is ReadResult.SUCCESS:
            self._store.put_running(answer.version)
        else:
            self._store.state.faults.append("read")
            self._store.touch()

    def _cause_version(self, alert: FirmwareVersionAlert) -> None:
        """An image of that version arrives; or, where activation failed, one that does not start."""
        good, factory = alert.result is ReadResult.SUCCESS, self._store.factory
        if not good:
            self._store.put_running(alert.version)
        header = OtaHeader(
            number_of(factory.manufacturer, 4) or 0,
            (number_of(factory.model, 8) or 0) >> 16,
            int.from_bytes(alert.version, "big"),
        )
        content = FirmwareContent(starts=good).encode(factory.device)
        self._store.trust_maker(b"")
        self._store.receive_image(FirmwareImage.build(header, content).encode())

    def _cause_receipt(self, alert: DataNotification | GbzAlert) -> None:
        """The check of an image ends of which the maker has put there the hash alone."""
        if isinstance(alert, GbzAlert):
            code, digest = alert.alert_code, alert.body.digest if isinstance(alert.body, ImageHash) else b""
        else:
            code, digest = alert.body.value[0].value, alert.body.value[2].value
        self._store.begin()
        if code == IMAGE_GOOD:
            self._store.keep(ImageRecord(self._store.version, digest, RECORDED))
        else:
            self._store.reject(digest)
