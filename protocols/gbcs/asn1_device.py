"""ASN.1 payloads about devices: joining, firmware, device logs, the clock (ASN.1 module of the GBCS; use cases CS03
to CS09, CCS08, GCS28, GCS59, GCS62).

Values are plain dataclasses. Counters are unsigned, 64 bits; times are Instants, NEVER meaning *cancel*.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ..asn1 import Integer, Null, OctetString
from ..asn1_structure import OneOf, Optional, Sequence, SequenceOf, Wrapped
from ..errors import DecodeError, EncodeError
from ..eui64 import Eui64
from ..instant import Instant
from ..sheet import Sheet
from .asn1_credentials import ALERT_CODE, CERTIFICATE, COUNTER, ENTITY, TIME
from .roles import DeviceType


class JoinMethod(IntEnum):
    """How two devices come to share a key, and which part the recipient plays."""

    METHOD_A_INITIATOR = 0
    METHOD_A_RESPONDER = 1
    METHOD_B = 2
    METHOD_C = 3


class JoinResult(IntEnum):
    """How joining went. The range is open to 255."""

    SUCCESS = 0
    INVALID_MESSAGE_CODE_FOR_JOIN_METHOD_AND_ROLE = 1
    INVALID_JOIN_METHOD_AND_ROLE = 2
    INCOMPATIBLE_WITH_EXISTING_ENTRY = 3
    DEVICE_LOG_FULL = 4
    WRITE_FAILURE = 5
    KEY_AGREEMENT_NO_RESOURCES = 6
    KEY_AGREEMENT_UNKNOWN_ISSUER = 7
    KEY_AGREEMENT_UNSUPPORTED_SUITE = 8
    KEY_AGREEMENT_BAD_MESSAGE = 9
    KEY_AGREEMENT_BAD_KEY_CONFIRM = 10
    INVALID_OR_MISSING_CERTIFICATE = 11
    NO_PARTNER_LINK_KEY = 12
    NO_KEY_ESTABLISHMENT_RESPONSE = 13


class UnjoinResult(IntEnum):
    """How unjoining went."""

    SUCCESS = 0
    OTHER_DEVICE_NOT_IN_DEVICE_LOG = 1
    OTHER_FAILURE = 2


class ActivationResult(IntEnum):
    """How the activation of firmware went."""

    SUCCESS = 0
    NO_IMAGE_HELD = 1
    HASH_MISMATCH = 2
    ACTIVATION_FAILURE = 3


class ReadResult(IntEnum):
    """How reading went."""

    SUCCESS = 0
    FAILURE = 1


class FirmwareTransferResult(IntEnum):
    """How the transfer of firmware to a device went."""

    SUCCESS = 0
    IMAGE_DISCARDED = 1
    HARDWARE_VERSION_MISMATCH = 2
    TRANSFER_FAILURE = 3


class TimeStatus(IntEnum):
    """How far a device trusts its clock."""

    RELIABLE = 0
    INVALID = 1
    UNRELIABLE = 2


@dataclass(frozen=True, slots=True)
class DeviceLogEntry:
    """One joined device."""

    device: Eui64
    device_type: DeviceType


@dataclass(frozen=True, slots=True)
class JoinDeviceCommand:
    """CS03: join the device ``other``; method C sends its key-agreement certificate (DER) along."""

    method: JoinMethod
    other: Eui64
    other_type: DeviceType
    certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class JoinDeviceResponse:
    """A JoinResult, or a plain number up to 255 that has no name."""

    result: int


@dataclass(frozen=True, slots=True)
class UnjoinDeviceCommand:
    """CS04: forget this device."""

    other: Eui64


@dataclass(frozen=True, slots=True)
class UnjoinDeviceResponse:
    """How it went."""

    result: UnjoinResult


@dataclass(frozen=True, slots=True)
class ActivateFirmwareCommand:
    """CS06. ``image_hash`` is the SHA-256 of the image (32 octets); ``originator_counter`` the message's counter."""

    image_hash: bytes
    originator_counter: int
    execute_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class ActivationOutcome:
    """How it went, and the version (4 octets) that runs now."""

    result: ActivationResult
    version: bytes


@dataclass(frozen=True, slots=True)
class ActivateFirmwareResponse:
    """None: accepted, to be executed later, or cancelled; otherwise the outcome."""

    outcome: ActivationOutcome | None = None


@dataclass(frozen=True, slots=True)
class ActivateFirmwareAlert:
    """The outcome of an activation that was executed later."""

    alert_code: int
    at: Instant
    originator_counter: int
    outcome: ActivationOutcome


@dataclass(frozen=True, slots=True)
class ReadDeviceLogCommand:
    """CS07: which devices are you joined to?"""


@dataclass(frozen=True, slots=True)
class ReadDeviceLogResponse:
    """The entries are there where the result is success."""

    result: ReadResult
    entries: tuple[DeviceLogEntry, ...] | None = None


@dataclass(frozen=True, slots=True)
class ReadFirmwareVersionCommand:
    """CS08: which firmware do you run?"""


@dataclass(frozen=True, slots=True)
class ReadFirmwareVersionResponse:
    """The version has 4 octets."""

    version: bytes
    result: ReadResult


@dataclass(frozen=True, slots=True)
class FirmwareVersionAlert:
    """CS09: the firmware that a device runs since ``at``; the version has 4 octets."""

    alert_code: int
    at: Instant
    version: bytes
    result: ReadResult


@dataclass(frozen=True, slots=True)
class FirmwareTransferAlert:
    """CCS08: how the transfer of a version (4 octets) to ``device`` went."""

    alert_code: int
    at: Instant
    device: Eui64
    version: bytes
    result: FirmwareTransferResult


@dataclass(frozen=True, slots=True)
class SetTimeCommand:
    """GCS28: the true time lies between these."""

    not_before: Instant
    not_after: Instant


@dataclass(frozen=True, slots=True)
class SetTimeResponse:
    """The device's time, and how far it is to be trusted."""

    now: Instant
    status: TimeStatus


@dataclass(frozen=True, slots=True)
class RestoreDeviceLogCommand:
    """GCS59: these devices were joined to your predecessor."""

    entries: tuple[DeviceLogEntry, ...]


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """How one entry went; 0 is success, other numbers (to 255) have no published name."""

    entry: DeviceLogEntry
    result: int


@dataclass(frozen=True, slots=True)
class RestoreDeviceLogResponse:
    """One result per entry."""

    results: tuple[RestoreResult, ...]


@dataclass(frozen=True, slots=True)
class BackupDeviceLogAlert:
    """GCS62: the device log changed; here it is for safe keeping."""

    alert_code: int
    at: Instant
    entries: tuple[DeviceLogEntry, ...]


class _Version(OctetString):
    def text(self, value: bytes) -> str:
        return value.hex().upper()


class _DeviceTypeFormat(Integer):
    def take_content(self, data: bytes, start: int, stop: int) -> DeviceType:  # type: ignore[override]  # no IntEnum
        number = super().take_content(data, start, stop)
        device_type = DeviceType.from_asn1(number)
        if device_type is None:
            raise DecodeError(start, "the number of a device type", f"{number}")
        return device_type

    def put_content(self, value: DeviceType) -> bytes:
        if value.asn1_value is None:
            raise EncodeError(f"{value.name} has no number")
        return super().put_content(value.asn1_value)

    def describe(self, value: DeviceType, sheet: Sheet, name: str) -> None:
        sheet.leaf(name, self.put(value), value.asn1_value, value.name)


_VERSION = _Version(4)
_DEVICE_TYPE = _DeviceTypeFormat()
_LOG_ENTRY = Sequence(DeviceLogEntry, "device" / ENTITY, "device_type" / _DEVICE_TYPE)
_ENTRIES = SequenceOf(_LOG_ENTRY)
_OUTCOME = Sequence(ActivationOutcome, "result" / Integer(members=ActivationResult), "version" / _VERSION)
_READ_RESULT = Integer(members=ReadResult)
FORMATS = {
    JoinDeviceCommand: Sequence(
        JoinDeviceCommand,
        "method" / Integer(members=JoinMethod),
        "other" / ENTITY,
        "other_type" / _DEVICE_TYPE,
        "certificate" / Optional(CERTIFICATE),
    ),
    JoinDeviceResponse: Wrapped(JoinDeviceResponse, "result" / Integer(0, 0xFF, JoinResult, open_range=True)),
    UnjoinDeviceCommand: Wrapped(UnjoinDeviceCommand, "other" / ENTITY),
    UnjoinDeviceResponse: Wrapped(UnjoinDeviceResponse, "result" / Integer(members=UnjoinResult)),
    ActivateFirmwareCommand: Sequence(
        ActivateFirmwareCommand,
        "image_hash" / OctetString(32),
        "originator_counter" / COUNTER,
        "execute_at" / Optional(TIME),
    ),
    ActivateFirmwareResponse: OneOf(ActivateFirmwareResponse, "accepted" / Null(), "outcome" / _OUTCOME),
    ActivateFirmwareAlert: Sequence(
        ActivateFirmwareAlert,
        "alert_code" / ALERT_CODE,
        "at" / TIME,
        "originator_counter" / COUNTER,
        "outcome" / _OUTCOME,
    ),
    ReadDeviceLogCommand: Wrapped(ReadDeviceLogCommand, "nothing" / Null()),
    ReadDeviceLogResponse: Sequence(ReadDeviceLogResponse, "result" / _READ_RESULT, "entries" / Optional(_ENTRIES)),
    ReadFirmwareVersionCommand: Wrapped(ReadFirmwareVersionCommand, "nothing" / Null()),
    ReadFirmwareVersionResponse: Sequence(ReadFirmwareVersionResponse, "version" / _VERSION, "result" / _READ_RESULT),
    FirmwareVersionAlert: Sequence(
        FirmwareVersionAlert, "alert_code" / ALERT_CODE, "at" / TIME, "version" / _VERSION, "result" / _READ_RESULT
    ),
    FirmwareTransferAlert: Sequence(
        FirmwareTransferAlert,
        "alert_code" / ALERT_CODE,
        "at" / TIME,
        "device" / ENTITY,
        "version" / _VERSION,
        "result" / Integer(members=FirmwareTransferResult),
    ),
    SetTimeCommand: Sequence(SetTimeCommand, "not_before" / TIME, "not_after" / TIME),
    SetTimeResponse: Sequence(SetTimeResponse, "now" / TIME, "status" / Integer(members=TimeStatus)),
    RestoreDeviceLogCommand: Sequence(RestoreDeviceLogCommand, "entries" / _ENTRIES),
    RestoreDeviceLogResponse: Sequence(
        RestoreDeviceLogResponse,
        "results" / SequenceOf(Sequence(RestoreResult, "entry" / _LOG_ENTRY, "result" / Integer(0, 0xFF))),
    ),
    BackupDeviceLogAlert: Sequence(BackupDeviceLogAlert, "alert_code" / ALERT_CODE, "at" / TIME, "entries" / _ENTRIES),
}
"""The format of every payload in this module, by its class."""
