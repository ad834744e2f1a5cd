"""What a device gives to the world: messages, radio frames, what its display shows, where its switches stand."""

from __future__ import annotations

from typing import NamedTuple

from protocols.eui64 import Eui64
from protocols.instant import Instant


class SendMessage(NamedTuple):
    """One whole GBCS message, as it leaves the device; ``recipient`` is the one in its header."""

    recipient: Eui64
    octets: bytes


class SendHan(NamedTuple):
    """One ZigBee Smart Energy frame for another device of the home: a ZCL frame with its header."""

    recipient: Eui64
    cluster: int
    octets: bytes


class Show(NamedTuple):
    """The display, a lamp or the buzzer changed: ``item`` names it, ``text`` is what it now shows."""

    item: str
    text: str


class SwitchMoved(NamedTuple):
    """A load switch, valve or relay stands in a new position; levels are percent."""

    switch: str
    level: int


class WanSignal(NamedTuple):
    """What a hub tells its WAN beside GBCS messages: the supply failed, or is back, ``at`` a time of its clock."""

    what: str
    at: Instant


Output = SendMessage | SendHan | Show | SwitchMoved | WanSignal
