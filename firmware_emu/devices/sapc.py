"""The stand-alone auxiliary proportional controller: parts list (SMETS2 chapter 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.gbcs.roles import DeviceType

from ..clock_object import ClockObject
from ..device import Device
from ..parts.credentials.asn1 import asn1_parts
from ..parts.electricity.auxiliary import Auxiliary
from ..parts.electricity.boost import Boost
from ..parts.electricity.identity import Identity
from ..parts.electricity.randomised_offset import RandomisedOffset
from ..parts.tamper import Tamper

if TYPE_CHECKING:
    from protocols.eui64 import Eui64
    from protocols.gbcs.keys import MemoryKeyStore

    from ..nvm import Nvm
    from ..part import Part
    from ..personality import Personality


def make_device(
    identity: Eui64, personality: Personality, nvm: Nvm, keys: MemoryKeyStore, secret: bytes = b""
) -> Device:
    """A controller of loads without a meter; ``secret`` is that of its chip."""
    offset = RandomisedOffset()
    auxiliary = Auxiliary(offset)
    parts: list[Part] = [
        *(Identity(), ClockObject(), offset, Tamper(None), auxiliary, Boost(auxiliary)),
        *asn1_parts(DeviceType.SAPC, secret),
    ]
    return Device(identity, personality, nvm, keys, parts)
