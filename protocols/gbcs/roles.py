"""Remote party roles and device types (GBCS 4.3 and 12, and its ASN.1 module)."""

from __future__ import annotations

from enum import Enum, IntEnum

from ..enumerations import plain_members


@plain_members
class RemotePartyRole(IntEnum):
    """The role of an organisation: the number in its certificates, in trust anchor cells and in credential updates."""

    ROOT = 0
    RECOVERY = 1
    SUPPLIER = 2
    NETWORK_OPERATOR = 3
    ACCESS_CONTROL_BROKER = 4
    TRANSITIONAL_COS = 5
    WAN_PROVIDER = 6
    ISSUING_AUTHORITY = 7
    LOAD_CONTROLLER = 8
    OTHER = 127


@plain_members
class DeviceType(Enum):
    """A kind of device that sends or takes GBCS messages, or that a device log may list."""

    GSME = "GSME"
    ESME = "ESME"
    CHF = "CHF"
    GPF = "GPF"
    HCALCS = "HCALCS"
    PPMID = "PPMID"
    TYPE_2 = "type 2"
    SAPC = "SAPC"

    @property
    def asn1_value(self) -> int | None:
        """The ``DeviceType`` integer of the ASN.1 module; None for the SAPC, whose number is not published."""
        return _ASN1_VALUES.get(self)

    @classmethod
    def from_asn1(cls, value: int) -> DeviceType | None:
        """The device type of a ``DeviceType`` integer, or None for a number the module does not name."""
        return _BY_ASN1.get(value)


_ASN1_VALUES = {
    DeviceType.GSME: 0,
    DeviceType.ESME: 1,
    DeviceType.CHF: 2,
    DeviceType.GPF: 3,
    DeviceType.HCALCS: 4,
    DeviceType.PPMID: 5,
    DeviceType.TYPE_2: 6,
}
_BY_ASN1 = {value: device for device, value in _ASN1_VALUES.items()}
