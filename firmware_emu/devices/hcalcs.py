"""The HAN connected auxiliary load control switch: one relay that the electricity meter moves (type 1 device)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.gbcs.roles import DeviceType

from ..device import Device
from ..parts.credentials.asn1 import asn1_parts
from ..parts.electricity.han_face import HanFace
from ..parts.home.relay import Relay

if TYPE_CHECKING:
    from protocols.eui64 import Eui64
    from protocols.gbcs.keys import MemoryKeyStore

    from ..nvm import Nvm
    from ..personality import Personality


def make_device(
    identity: Eui64, personality: Personality, nvm: Nvm, keys: MemoryKeyStore, secret: bytes = b""
) -> Device:
    """A HCALCS; ``secret`` is that of its chip."""
    face = HanFace({})
    return Device(identity, personality, nvm, keys, [face, Relay(face), *asn1_parts(DeviceType.HCALCS, secret)])
