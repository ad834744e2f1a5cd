"""Messages on a display: shown when they come, asked for when it starts and every half-hour, confirmed by a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.eui64 import Eui64
from protocols.instant import HALF_HOUR, Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import MESSAGING
from protocols.zigbee.zcl import ClusterCommand

from ...part import Part
from ...tunnel import EVERY_SERVER

if TYPE_CHECKING:
    from protocols.gbcs.gbz import Component

    from ...device import Device
    from ..electricity.han_face import HanFace
    from .display import Display

CONFIRM_KEY = "confirm message"
ASK_EVERY: Instant = HALF_HOUR


@dataclass(slots=True)
class _Message:
    source: Eui64
    number: int


class DisplayMessages(Part):
    """Shows the newest message of a meter."""

    name = "display messages"

    def __init__(self, face: HanFace, display: Display) -> None:
        super().__init__()
        self._face, self._display = face, display
        self._held: _Message | None = None

    def attach(self, device: Device) -> None:
        super().attach(device)
        self._face.listen(MESSAGING, self._hear)

    def started(self) -> None:
        self._held = None
        self.due = self.device.now

    def clock_stepped(self, before: Instant, after: Instant) -> None:  # noqa: ARG002 - only the new time matters
        self.schedule(after)

    def advance(self, at: Instant) -> None:
        self._face.ask(EVERY_SERVER, command_named("Get Last Message").make())
        self.schedule((at // ASK_EVERY + 1) * ASK_EVERY)

    def pressed(self, key: str) -> bool:
        if key != CONFIRM_KEY:
            return False
        if self._held is not None:
            number, now = self._held.number, self.device.now
            confirmation = command_named("Message Confirmation").make(message_id=number, confirmation_time=now)
            self._face.tell(self._held.source, confirmation)
        return True

    def _hear(self, source: Eui64, component: Component) -> None:
        content = component.content
        if isinstance(content, ClusterCommand) and content.name == "Display Message":
            self._held = _Message(source, content["message_id"])
            self._display.show("message", (content["message"] or b"").decode("latin-1"))
