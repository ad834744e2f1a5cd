"""The communications hub function: parts list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.gbcs.roles import DeviceType

from ..device import Device
from ..parts.credentials.asn1 import asn1_parts
from ..parts.electricity.identity import Identity
from ..parts.firmware.transfer import FirmwareTransfer
from ..parts.hub.device_log import HubDeviceLog
from ..parts.hub.forwarding import Forwarding
from ..parts.hub.power import HubPower
from ..parts.hub.sub_ghz import SubGhz

if TYPE_CHECKING:
    from protocols.eui64 import Eui64
    from protocols.gbcs.keys import MemoryKeyStore

    from ..nvm import Nvm
    from ..part import Part
    from ..personality import Personality


def make_device(
    identity: Eui64,
    personality: Personality,
    nvm: Nvm,
    keys: MemoryKeyStore,
    proxy: Eui64 | None = None,
    secret: bytes = b"",
) -> Device:
    """A communications hub; ``proxy`` is the gas proxy in the same box, ``secret`` is that of its chip."""
    device_log, radio = HubDeviceLog(proxy), SubGhz()
    device_log.on_removed = radio.forget
    forwarding = Forwarding(device_log, radio)
    parts: list[Part] = [
        *(Identity(), device_log, radio, forwarding, HubPower()),
        *asn1_parts(DeviceType.CHF, secret),
    ]
    device = Device(identity, personality, nvm, keys, parts)
    transfer = device.find(FirmwareTransfer)
    transfer.device_log, transfer.radio = device_log, radio
    forwarding.on_fetch = transfer.woke
    return device
