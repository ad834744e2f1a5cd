"""Sensors of covers and magnets, what a meter does about tampering, and its integrity warnings (SMETS2 5.5; GBCS 16.2).

A sensor is heard on its edges: the beginning of a tamper is logged and alerted, its end logged. With the supply
tamper state "locked" the supply is disabled too, until the supplier enables or arms it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from protocols.dlms.data import DataType, octet_string

from ..alerts import Purpose
from ..defects import register_defect
from ..part import NEVER, Part
from ..stored_values import Stored, serve
from .electricity.load_switch import Reason

if TYPE_CHECKING:
    from protocols.instant import Instant

    from ..device import Device
    from .electricity.load_switch import LoadSwitch

SUPPLY_LOCKED = 0x81BE
INTEGRITY_WARNING, INTEGRITY_ALERT = 0x81A0, 0x00F0
INTEGRITY = "integrity: "
"""Begins the signal of an integrity warning; the reason follows."""
INTEGRITY_REASONS = (
    "other",
    "non-volatile memory",
    "program execution",
    "program storage",
    "memory",
    "unexpected reset",
    "watchdog",
    "metrology firmware",
    "measurement",
    "unspecified",
)
"""Reasons by their numbers in the alert."""
STORM_INTERVAL: Instant = 60

ALERT_STORM = register_defect("alert-storm", "repeats the alert of a tamper every minute while it lasts")


class Sensor(NamedTuple):
    """The codes of a tamper's beginning and end; None where the end has no code."""

    begin: int
    end: int | None


SENSORS = {
    "meter cover": Sensor(0x8F74, 0x81B9),
    "magnet": Sensor(0x8F75, 0x81BC),
    "terminal cover": Sensor(0x8F76, 0x81C1),
    "second terminal cover": Sensor(0x8F77, 0x81C1),
    "other tamper": Sensor(0x8F78, None),
    "physical tamper": Sensor(0x8F3F, None),
}


@dataclass(slots=True)
class TamperState:
    """``locks`` is the supply tamper state: True when a tamper disables the supply. ``active``: open covers."""

    locks: bool = False
    active: list[str] = field(default_factory=list)


class Tamper(Part):
    """Listens to the sensors. ``switch`` is None for a device without load switch."""

    name = "tamper"
    State = TamperState
    state: TamperState

    def __init__(self, switch: LoadSwitch | None) -> None:
        super().__init__()
        self._switch = switch

    def attach(self, device: Device) -> None:
        super().attach(device)
        if self._switch is not None:
            serve(self, [Stored(1, "0-0:94.44.0.4", 2, "locks", DataType.BOOLEAN, writable=True)])

    def sensed(self, signal: str, active: bool) -> None:
        if signal.startswith(INTEGRITY):
            if active:
                self._warn(signal.removeprefix(INTEGRITY))
        elif signal in SENSORS and active != (signal in self.state.active):
            (self._begin if active else self._end)(signal)

    def started(self) -> None:
        self._rearm()

    def advance(self, at: Instant) -> None:
        for signal in self.state.active:
            self.device.alerts.event(SENSORS[signal].begin)
        self.schedule(at + STORM_INTERVAL)

    def _begin(self, signal: str) -> None:
        self.state.active.append(signal)
        self.touch()
        self.device.alerts.event(SENSORS[signal].begin)
        if self.state.locks and self._switch is not None:
            self._switch.disable(Reason.TAMPER)
            self.device.alerts.event(SUPPLY_LOCKED)
        self._rearm()

    def _end(self, signal: str) -> None:
        self.state.active.remove(signal)
        self.touch()
        code = SENSORS[signal].end
        if code is not None:
            self.device.alerts.event(code)
        self._rearm()

    def _rearm(self) -> None:
        storm = self.state.active and self.device.defective(ALERT_STORM)
        self.schedule(self.device.now + STORM_INTERVAL if storm else NEVER)

    def _warn(self, reason: str) -> None:
        """An integrity warning: event log with the reason, and an alert of its own."""
        number = INTEGRITY_REASONS.index(reason) if reason in INTEGRITY_REASONS else 0
        octets = number.to_bytes(2, "big")
        alerts = self.device.alerts
        alerts.event(INTEGRITY_WARNING, octets)
        if alerts.is_on(INTEGRITY_WARNING, Purpose.WAN):
            recipients = alerts.recipients(INTEGRITY_WARNING)
            alerts.send_dlms(INTEGRITY_WARNING, INTEGRITY_ALERT, recipients, [octet_string(octets)])
