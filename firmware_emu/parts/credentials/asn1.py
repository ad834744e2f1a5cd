"""The parts that serve ASN.1 commands, by kind of device."""

from __future__ import annotations

from protocols.gbcs.roles import DeviceType

from ...part import Part
from ..firmware.commands import FirmwareCommands
from ..firmware.intake import ImageIntake
from ..firmware.store import FirmwareStore
from ..firmware.transfer import FirmwareTransfer
from ..firmware.upgrade_client import UpgradeClient
from ..gas.gas_clock import GasClock
from .joining import Joining
from .own_keys import OwnKeys
from .proxy_device_log import ProxyDeviceLog
from .trust_anchors import TrustAnchors


def asn1_parts(device: DeviceType, secret: bytes = b"") -> list[Part]:
    """New parts for the ASN.1 commands of a device of this kind. ``secret`` is that of its chip."""
    parts: list[Part] = [TrustAnchors(), OwnKeys(secret)]
    if device not in (DeviceType.CHF, DeviceType.SAPC):
        joining = Joining()
        parts.append(joining)
        if device is DeviceType.GPF:
            parts.append(ProxyDeviceLog(joining))
    if device is not DeviceType.GPF:  # it is in the hub, and so is its firmware
        parts += _firmware(device)
    if device is DeviceType.GSME:
        parts.append(GasClock())
    return parts


def _firmware(device: DeviceType) -> list[Part]:
    store = FirmwareStore()
    parts: list[Part] = [store, FirmwareCommands(store)]
    if device is DeviceType.CHF:
        transfer = FirmwareTransfer()
        return [*parts, transfer, ImageIntake(store, transfer)]
    return [*parts, UpgradeClient(store), ImageIntake(store)]
