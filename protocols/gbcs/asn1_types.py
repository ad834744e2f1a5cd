"""ASN.1 payloads of GBCS messages: which type a message carries, reading, writing, readable output.

The types themselves are in ``asn1_credentials`` and ``asn1_device``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import DecodeError, EncodeError
from ..sheet import Sheet
from . import asn1_credentials as credentials
from . import asn1_device as device
from .message import Cra

_UPDATE_CREDENTIALS = (*range(0x0100, 0x010A), 0x0125, 0x0126)

# message codes of command and response, command, response; message codes of the alert, alert
_TABLE: tuple[tuple[tuple[int, ...], type | None, type | None, tuple[int, ...], type | None], ...] = (
    ((0x0008, 0x011B), credentials.CredentialDetailsCommand, credentials.CredentialDetailsResponse, (), None),
    ((0x000A,), credentials.IssueCredentialsCommand, credentials.IssueCredentialsResponse, (), None),
    ((0x000B,), credentials.UpdateDeviceCertificateCommand, credentials.UpdateDeviceCertificateResponse, (), None),
    ((0x000C,), credentials.ReadDeviceCertificateCommand, credentials.ReadDeviceCertificateResponse, (), None),
    ((0x000D, 0x000E, 0x00AB, 0x00AF), device.JoinDeviceCommand, device.JoinDeviceResponse, (), None),
    ((0x000F, 0x0010), device.UnjoinDeviceCommand, device.UnjoinDeviceResponse, (), None),
    (
        (0x0012,),
        device.ActivateFirmwareCommand,
        device.ActivateFirmwareResponse,
        (0x00CA,),
        device.ActivateFirmwareAlert,
    ),
    ((0x0013,), device.ReadDeviceLogCommand, device.ReadDeviceLogResponse, (), None),
    ((0x007F,), device.SetTimeCommand, device.SetTimeResponse, (), None),
    (
        (0x008C,),
        device.RestoreDeviceLogCommand,
        device.RestoreDeviceLogResponse,
        (0x00B2,),
        device.BackupDeviceLogAlert,
    ),
    (
        _UPDATE_CREDENTIALS,
        credentials.UpdateCredentialsCommand,
        credentials.UpdateCredentialsResponse,
        (0x00CB, 0x0124),
        credentials.UpdateCredentialsAlert,
    ),
    (
        (0x0129,),
        device.ReadFirmwareVersionCommand,
        device.ReadFirmwareVersionResponse,
        (0x012B,),
        device.FirmwareVersionAlert,
    ),
    ((), None, None, (0x0128,), device.FirmwareTransferAlert),
)


def _types() -> dict[tuple[int, Cra], type]:
    types: dict[tuple[int, Cra], type] = {}
    for codes, command, response, alert_codes, alert in _TABLE:
        for made, cra, of in (
            (command, Cra.COMMAND, codes),
            (response, Cra.RESPONSE, codes),
            (alert, Cra.ALERT, alert_codes),
        ):
            if made is not None:
                types |= {(code, cra): made for code in of}
    return types


_TYPES = _types()
_FORMATS: dict[type, Any] = {**credentials.FORMATS, **device.FORMATS}
_LONG_LENGTH = b"\x82\x00"
_LONG_FORMATS: dict[type, Any] = {made: form.with_long_lengths() for made, form in _FORMATS.items()}


def asn1_type(message_code: int, cra: Cra) -> type | None:
    """The class of the payload that such a message carries; None where it carries no ASN.1."""
    return _TYPES.get((message_code, cra))


@dataclass(frozen=True, slots=True)
class Asn1Payload:
    """An ASN.1 payload. ``value`` is one of the dataclasses of ``asn1_credentials`` and ``asn1_device``.

    ``long_lengths`` is True where lengths from 128 to 255 are written ``82 00 xx`` instead of the ``81 xx`` of DER,
    as some devices do; certificates inside are not concerned.
    """

    value: Any
    long_lengths: bool = False

    def encode(self) -> bytes:
        """The octets of the payload. Raises EncodeError naming the field that cannot hold its value."""
        return bytes(_form(self).encode(self.value))

    def describe(self, sheet: Sheet) -> None:
        """Append every field of the payload to ``sheet``. Raises EncodeError."""
        _form(self).describe(self.value, sheet, _spaced(type(self.value).__name__))


def decode_asn1(message_code: int, cra: Cra, data: bytes) -> Asn1Payload:
    """Read the payload of a message; it must fill ``data``. Raises DecodeError.

    A payload in which some lengths from 128 to 255 have the long form and others not is refused: no one device
    writes both, and a typed value could not give the octets back.
    """
    made = _TYPES.get((message_code, cra))
    if made is None:
        raise DecodeError(0, "a message that carries ASN.1", f"{message_code:04X} {cra.name.lower()}")
    if _LONG_LENGTH not in data:
        return Asn1Payload(_FORMATS[made].decode(data))
    try:
        return Asn1Payload(_LONG_FORMATS[made].decode(data), long_lengths=True)
    except DecodeError as error:
        in_long_form = error
    try:
        return Asn1Payload(_FORMATS[made].decode(data))  # the octets were part of something else
    except DecodeError as error:
        raise max(error, in_long_form, key=lambda each: each.offset) from None


def describe(payload: Asn1Payload, sheet: Sheet) -> None:
    """Append every field of the payload to ``sheet``. Raises EncodeError."""
    payload.describe(sheet)


def _form(payload: Asn1Payload) -> Any:
    form = (_LONG_FORMATS if payload.long_lengths else _FORMATS).get(type(payload.value))
    if form is None:
        raise EncodeError(f"{type(payload.value).__name__} is not an ASN.1 payload of GBCS")
    return form


def _spaced(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
