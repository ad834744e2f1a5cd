"""The prepayment meter interface device, of type 1: shows both accounts, tops up, activates emergency credit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.gbcs.roles import DeviceType

from ..device import Device
from ..parts.credentials.asn1 import asn1_parts
from ..parts.electricity.han_face import HanFace
from ..parts.home.consumer_keys import ConsumerKeys
from ..parts.home.display import ASK_EVERY, Display
from ..parts.home.display_messages import DisplayMessages

if TYPE_CHECKING:
    from protocols.eui64 import Eui64
    from protocols.gbcs.keys import MemoryKeyStore
    from protocols.instant import Instant

    from ..nvm import Nvm
    from ..personality import Personality


def make_device(
    identity: Eui64,
    personality: Personality,
    nvm: Nvm,
    keys: MemoryKeyStore,
    secret: bytes = b"",
    ask_every: Instant = ASK_EVERY,
) -> Device:
    """A PPMID; ``secret`` is that of its chip, ``ask_every`` is how often it asks the electricity meter (s)."""
    face = HanFace({}, joined_only=False)
    display = Display(face, prices=False, ask_every=ask_every)
    parts = [
        face,
        display,
        ConsumerKeys(face, display),
        DisplayMessages(face, display),
        *asn1_parts(DeviceType.PPMID, secret),
    ]
    return Device(identity, personality, nvm, keys, parts)
