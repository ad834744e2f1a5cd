"""The relay of a HAN connected auxiliary load control switch: it does what the electricity meter says, for as long.

The meter answers a request (HECS01) with a load control event, and sends another when the level changes. The switch
asks again before an event is over. Once it is over without another the relay goes to its safe position: the meter may
be gone. Which position that is, and when to ask again, is inferred.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.eui64 import Eui64
from protocols.gbcs.asn1_device import DeviceLogEntry
from protocols.gbcs.roles import DeviceType
from protocols.instant import Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import LOAD_CONTROL
from protocols.zigbee.zcl import ClusterCommand

from ...defects import register_defect
from ...outputs import SwitchMoved
from ...part import Part
from ..credentials.joining import Joining

if TYPE_CHECKING:
    from protocols.gbcs.gbz import Component

    from ...device import Device
    from ..electricity.han_face import HanFace

SAFE_LEVEL, ON = 0, 100
ASK_BEFORE_END: Instant = 60
ASK_AGAIN: Instant = 60
"""Seconds between requests while no event holds."""
STARTED, COMPLETED, CANCELLED = 0x02, 0x03, 0x06

KEEPS_LAST_LEVEL = register_defect("relay-keeps-last-level", "leaves the relay where it is when the meter falls silent")


@dataclass(slots=True)
class RelayState:
    """``level``, 0 or 100, holds until ``until``; ``event`` is the meter's number of it, 0 for none."""

    level: int = SAFE_LEVEL
    until: Instant = 0
    event: int = 0
    asked: Instant = 0


class Relay(Part):
    """The relay."""

    name = "relay"
    State = RelayState
    state: RelayState

    def __init__(self, face: HanFace) -> None:
        super().__init__()
        self._face = face

    def attach(self, device: Device) -> None:
        super().attach(device)
        self._face.listen(LOAD_CONTROL, self._hear)

    def started(self) -> None:
        """A relay falls open without supply: move it where it belongs, and ask."""
        self._move(self.state.level if self.state.until > self.device.now else SAFE_LEVEL, always=True)
        self.due = self.device.now

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        if self.state.until:
            self.state.until += after - before
        self.state.asked += after - before
        self.touch()
        self.schedule(after)

    def advance(self, at: Instant) -> None:
        if self.state.event and at >= self.state.until:
            self._end(at)
        self._ask(at)
        self._wait(at)

    # inside

    def _ask(self, at: Instant) -> None:
        meter = next((each.device for each in self._log() if each.device_type is DeviceType.ESME), None)
        self.state.asked = at
        self.touch()
        if meter is not None:
            self._face.ask(meter, command_named("Get Scheduled Events").make(start_time=at, number_of_events=1))

    def _log(self) -> list[DeviceLogEntry]:
        return self.device.find(Joining).entries()

    def _hear(self, source: Eui64, component: Component) -> None:
        content = component.content
        if not isinstance(content, ClusterCommand):
            return
        if content.name == "Load Control Event":
            self._begin(source, content)
        elif content.name == "Cancel Load Control Event" and content["issuer_event_id"] == self.state.event:
            self._report(source, CANCELLED)
            self._end(self.device.now)
            self._wait(self.device.now)

    def _begin(self, meter: Eui64, event: ClusterCommand) -> None:
        """100 % is on, everything else off."""
        now = self.device.now
        start = max(now, event["start_time"])
        self.state.until, self.state.event = start + 60 * event["duration"], event["issuer_event_id"]
        self._move(ON if event["duty_cycle"] == ON else SAFE_LEVEL)
        self._report(meter, STARTED)
        self._wait(now)

    def _end(self, at: Instant) -> None:
        self.state.event, self.state.until = 0, at
        if not self.device.defective(KEEPS_LAST_LEVEL):
            self._move(SAFE_LEVEL)
        self.touch()

    def _report(self, meter: Eui64, status: int) -> None:
        report = command_named("Report Event Status").make(
            issuer_event_id=self.state.event,
            event_status=status,
            event_status_time=self.device.now,
            duty_cycle=self.state.level,
        )
        self._face.tell(meter, report)

    def _move(self, level: int, *, always: bool = False) -> None:
        self.touch()
        if always or level != self.state.level:
            self.state.level = level
            self.device.emit(SwitchMoved("relay", level))

    def _wait(self, now: Instant) -> None:
        state = self.state
        if not state.event:
            self.schedule(max(state.asked + ASK_AGAIN, now + 1))
            return
        ask = state.until - ASK_BEFORE_END
        self.schedule(ask if ask > max(now, state.asked) else state.until)
