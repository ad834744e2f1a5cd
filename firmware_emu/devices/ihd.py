"""The in-home display: import, power, price, cost of the day and balance (type 2 device: it takes no GBCS messages)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..device import Device
from ..parts.electricity.han_face import HanFace
from ..parts.home.display import ASK_EVERY, Display
from ..parts.home.display_messages import DisplayMessages

if TYPE_CHECKING:
    from protocols.eui64 import Eui64
    from protocols.gbcs.keys import MemoryKeyStore
    from protocols.instant import Instant

    from ..nvm import Nvm
    from ..personality import Personality


def make_device(
    identity: Eui64, personality: Personality, nvm: Nvm, keys: MemoryKeyStore, ask_every: Instant = ASK_EVERY
) -> Device:
    """An IHD, which has no keys of GBCS; ``ask_every`` is how often it asks the electricity meter, in seconds."""
    face = HanFace({}, joined_only=False)
    display = Display(face, prices=True, ask_every=ask_every)
    return Device(identity, personality, nvm, keys, [face, display, DisplayMessages(face, display)])
