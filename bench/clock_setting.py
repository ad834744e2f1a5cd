"""Setting a meter's clock: it takes the hub's time where that lies in the interval of the command (ECS70, GCS28)."""

from __future__ import annotations

from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import octet_string, structure
from protocols.gbcs.asn1_device import SetTimeCommand
from protocols.gbcs.roles import DeviceType
from protocols.instant import Instant

from .requests import Request, asn1, dlms

NOT_ADJUSTED = 0x8F0C
"""The alert to the supplier of a meter whose clock was not adjusted."""
_PRESET = bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")


def set_clock(kind: DeviceType, first: Instant, last: Instant, title: str) -> Request:
    """The command for a kind of meter, with its interval."""
    if kind is DeviceType.GSME:
        return asn1("GCS28", SetTimeCommand(first, last), title=title)
    interval = [octet_string(CosemDateTime.at(at).encode()) for at in (first, last)]
    return dlms("ECS70", structure(octet_string(_PRESET), *interval), title=title)
