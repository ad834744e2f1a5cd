"""Joining a device to others of the home, and its device log (CS03A1, A2, B, C, CS04AC, CS04B, CS07; GBCS 13.7).

Joining enters the other device in the log and has the two agree a key by radio; method C also hands over the other
device's certificate, so that the two may exchange GBCS messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.asn1_device import (
    DeviceLogEntry,
    JoinDeviceCommand,
    JoinDeviceResponse,
    JoinMethod,
    JoinResult,
    ReadDeviceLogCommand,
    ReadDeviceLogResponse,
    ReadResult,
    UnjoinDeviceCommand,
    UnjoinDeviceResponse,
    UnjoinResult,
)
from protocols.gbcs.roles import DeviceType
from protocols.smki.certificate import Certificate, CertificateKind
from protocols.smki.check import check
from protocols.smki.names import KeyUsage

from ...defects import register_defect
from ...part import Part
from .own_keys import as_devices_read

if TYPE_CHECKING:
    from ...device import Device

UNJOIN_KEEPS_DEVICE = register_defect("unjoin-keeps-device", "answers an unjoining with success but keeps the device")

DEVICE_LOG_SIZE = 16
"""Entries of a device log. Sure for the hub; taken for the others too, for which no number is published."""

_FAILED, _JOINED, _UNJOIN_FAILED, _UNJOINED = 0x8F48, 0x8F49, 0x8F4A, 0x8F4B
_Type, _Method, _Result = DeviceType, JoinMethod, JoinResult

METHOD_OF_CODE = {
    0x000D: _Method.METHOD_A_INITIATOR,
    0x00AB: _Method.METHOD_A_RESPONDER,
    0x000E: _Method.METHOD_B,
    0x00AF: _Method.METHOD_C,
}
PAIRS: dict[JoinMethod, frozenset[tuple[DeviceType, DeviceType]]] = {
    _Method.METHOD_A_INITIATOR: frozenset({(_Type.ESME, _Type.HCALCS), (_Type.ESME, _Type.PPMID)}),
    _Method.METHOD_A_RESPONDER: frozenset({(_Type.HCALCS, _Type.ESME), (_Type.PPMID, _Type.ESME)}),
    _Method.METHOD_B: frozenset({(_Type.GSME, _Type.GPF), (_Type.ESME, _Type.TYPE_2), (_Type.GPF, _Type.TYPE_2)}),
    _Method.METHOD_C: frozenset({(_Type.GSME, _Type.PPMID), (_Type.PPMID, _Type.GSME)}),
}
"""Which device may be joined to which, by method. Those of method B with type 2 devices are inferred."""

_KEY_AGREEMENT_FAULTS = frozenset(range(_Result.KEY_AGREEMENT_NO_RESOURCES, _Result.NO_KEY_ESTABLISHMENT_RESPONSE + 1))
_KEY_AGREEMENT_FAULTS -= {_Result.INVALID_OR_MISSING_CERTIFICATE}
LOG_FAULT = "fault: device log"
"""The sensor signal of a device log whose memory cannot be written."""


@dataclass(slots=True)
class JoiningState:
    """``entries``: device types (numbers of the ASN.1 module) by identifier, in the order of joining.

    ``faults``: numbers of results, by the operation that fails: "write", "join", "certificate", "unjoin", "read", and
    "restore" with the identifier of an entry.
    """

    entries: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)


class Joining(Part):
    """The device log and its commands."""

    name = "joining"
    State = JoiningState
    state: JoiningState

    def __init__(self) -> None:
        super().__init__()
        self.agree_key: Callable[[Eui64, DeviceType], JoinResult] = lambda _other, _type: JoinResult.SUCCESS
        """Has the radio agree a key with the other device; the home puts its own here."""
        self.listeners: list[Callable[[], None]] = []
        """Told after every change of the log."""

    def attach(self, device: Device) -> None:
        super().attach(device)
        asn1 = device.asn1
        for code in METHOD_OF_CODE:
            asn1.handler(code, partial(self._join, code))
            asn1.on_preset(code, self._preset_join)
        for code in (0x000F, 0x0010):
            asn1.handler(code, self._unjoin)
            asn1.on_preset(code, self._preset_unjoin)
        asn1.handler(0x0013, self._read)
        asn1.on_preset(0x0013, self._preset_read)

    # the log

    def entries(self) -> list[DeviceLogEntry]:
        """The joined devices, first joined first."""
        return [
            DeviceLogEntry(eui64(device), found)
            for device, number in self.state.entries.items()
            if (found := DeviceType.from_asn1(number)) is not None
        ]

    def type_of(self, device: Eui64) -> DeviceType | None:
        """What a joined device is, or None."""
        number = self.state.entries.get(device.hex())
        return None if number is None else DeviceType.from_asn1(number)

    def enter(self, entry: DeviceLogEntry) -> JoinResult:
        """Write one entry: one that is there already stays; of another type it is refused, as when the log is full."""
        held = self.type_of(entry.device)
        if held is not None:
            return _Result.SUCCESS if held is entry.device_type else _Result.INCOMPATIBLE_WITH_EXISTING_ENTRY
        if len(self.state.entries) >= DEVICE_LOG_SIZE:
            return _Result.DEVICE_LOG_FULL
        if "write" in self.state.faults:
            return _Result.WRITE_FAILURE
        self.state.entries[entry.device.hex()] = entry.device_type.asn1_value or 0
        self._changed()
        return _Result.SUCCESS

    def remove(self, device: Eui64) -> bool:
        """Take a device out; False if it is not there."""
        if self.state.entries.pop(device.hex(), None) is None:
            return False
        self.device.credentials.remove_partner(device)
        self._changed()
        return True

    def sensed(self, signal: str, active: bool) -> None:
        if signal == LOG_FAULT:
            self.set_fault("write", _Result.WRITE_FAILURE if active else None)

    def _changed(self) -> None:
        self.touch()
        for listener in self.listeners:
            listener()

    # commands

    def _join(self, message_code: int, command: JoinDeviceCommand) -> JoinDeviceResponse:
        result = self._judge(message_code, command)
        if result is _Result.SUCCESS:
            result = self._agree_and_enter(command)
        self.device.alerts.event(_JOINED if result is _Result.SUCCESS else _FAILED)
        return JoinDeviceResponse(result)

    def _judge(self, message_code: int, command: JoinDeviceCommand) -> JoinResult:
        own = self.device.personality.device
        if METHOD_OF_CODE[message_code] is not command.method:
            return _Result.INVALID_MESSAGE_CODE_FOR_JOIN_METHOD_AND_ROLE
        if (own, command.other_type) not in PAIRS[command.method]:
            return _Result.INVALID_JOIN_METHOD_AND_ROLE
        if self._has_other_name(command.other):
            return _Result.INCOMPATIBLE_WITH_EXISTING_ENTRY
        usable = "certificate" not in self.state.faults and _is_key_of(command.other, command.certificate)
        if command.method is _Method.METHOD_C and not usable:
            return _Result.INVALID_OR_MISSING_CERTIFICATE
        held = self.type_of(command.other)
        if held not in (None, command.other_type):
            return _Result.INCOMPATIBLE_WITH_EXISTING_ENTRY
        if held is None and len(self.state.entries) >= DEVICE_LOG_SIZE:
            return _Result.DEVICE_LOG_FULL
        return _Result.SUCCESS

    def _has_other_name(self, other: Eui64) -> bool:
        """True for this device itself and for a remote party: the key of a partner of that name would take the place
        of theirs. Which result tells of it is inferred.
        """
        return other == self.device.identity or bool(self.device.credentials.roles_of(other))

    def _agree_and_enter(self, command: JoinDeviceCommand) -> JoinResult:
        """Method C needs no key by radio: its devices exchange GBCS messages only. No other brings a certificate."""
        by_certificate = command.method is _Method.METHOD_C
        if not by_certificate:
            fault = self.state.faults.get("join")
            result = self.agree_key(command.other, command.other_type) if fault is None else JoinResult(fault)
            if result is not _Result.SUCCESS:
                return result
        result = self.enter(DeviceLogEntry(command.other, command.other_type))
        if result is _Result.SUCCESS and by_certificate and command.certificate is not None:
            self.device.credentials.add_partner(command.other, command.certificate)
        return result

    def _unjoin(self, command: UnjoinDeviceCommand) -> UnjoinDeviceResponse:
        result = self._forget(command.other)
        self.device.alerts.event(_UNJOINED if result is UnjoinResult.SUCCESS else _UNJOIN_FAILED)
        return UnjoinDeviceResponse(result)

    def _forget(self, other: Eui64) -> UnjoinResult:
        if self.type_of(other) is None:
            return UnjoinResult.OTHER_DEVICE_NOT_IN_DEVICE_LOG
        if "unjoin" in self.state.faults or "write" in self.state.faults:
            return UnjoinResult.OTHER_FAILURE
        if not self.device.defective(UNJOIN_KEEPS_DEVICE):
            self.remove(other)
        return UnjoinResult.SUCCESS

    def _read(self, _command: ReadDeviceLogCommand) -> ReadDeviceLogResponse:
        if "read" in self.state.faults:
            return ReadDeviceLogResponse(ReadResult.FAILURE)
        return ReadDeviceLogResponse(ReadResult.SUCCESS, tuple(self.entries()))

    # the maker's way in

    def put(self, entries: tuple[DeviceLogEntry, ...]) -> None:
        """Let the log hold exactly these."""
        self.state.entries = {entry.device.hex(): entry.device_type.asn1_value or 0 for entry in entries}
        self.touch()

    def set_fault(self, operation: str, result: int | None) -> None:
        """Let an operation fail with this result; None lets it work again."""
        if result is None:
            self.state.faults.pop(operation, None)
        else:
            self.state.faults[operation] = int(result)
        self.touch()

    def _preset_join(self, answer: JoinDeviceResponse, command: JoinDeviceCommand | None) -> None:
        result = answer.result
        if result == _Result.DEVICE_LOG_FULL:
            self.put(tuple(DeviceLogEntry(Eui64(bytes((*bytes(7), n))), _Type.PPMID) for n in range(DEVICE_LOG_SIZE)))
        elif result == _Result.WRITE_FAILURE:
            self.set_fault("write", result)
        elif result in _KEY_AGREEMENT_FAULTS:
            self.set_fault("join", result)
        elif result == _Result.INVALID_OR_MISSING_CERTIFICATE:
            self.set_fault("certificate", result)
        elif result == _Result.INCOMPATIBLE_WITH_EXISTING_ENTRY and command is not None:
            held = _Type.HCALCS if command.other_type is not _Type.HCALCS else _Type.PPMID
            self.put((DeviceLogEntry(command.other, held),))

    def _preset_unjoin(self, answer: UnjoinDeviceResponse, command: UnjoinDeviceCommand | None) -> None:
        if command is None:
            return
        if answer.result is UnjoinResult.OTHER_DEVICE_NOT_IN_DEVICE_LOG:
            self.state.entries.pop(command.other.hex(), None)
            self.touch()
            return
        if self.type_of(command.other) is None:
            self.put((*self.entries(), DeviceLogEntry(command.other, self._usual_partner())))
        if answer.result is UnjoinResult.OTHER_FAILURE:
            self.set_fault("unjoin", answer.result)

    def _preset_read(self, answer: ReadDeviceLogResponse, _command: ReadDeviceLogCommand | None) -> None:
        if answer.result is ReadResult.SUCCESS:
            self.put(answer.entries or ())
        else:
            self.set_fault("read", answer.result)

    def _usual_partner(self) -> DeviceType:
        own = self.device.personality.device
        partners = {other for pairs in PAIRS.values() for mine, other in pairs if mine is own}
        return min(partners, key=lambda other: other.name, default=_Type.TYPE_2)


def _is_key_of(device: Eui64, octets: bytes | None) -> bool:
    """True for a key agreement certificate of that device. Devices hold no root of devices, so no path is checked."""
    if octets is None:
        return False
    try:
        certificate = Certificate.decode(octets)
    except DecodeError:
        return False
    kind, usage = CertificateKind.DEVICE, KeyUsage.KEY_AGREEMENT
    return not check(as_devices_read(certificate), kind=kind, entity=device, key_usage=usage)
