"""What an electricity meter notices beside tampering: currents, its own faults, its ports (GBCS 16.2 event codes).

Every signal is heard on its edges: the beginning, and where there is a code for it the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..part import Part
from .tamper import Sensor

ERRORS = {
    "error: measurement": 0x81AC,
    "error: metrology firmware": 0x81AD,
    "error: non-volatile memory": 0x81AE,
    "error: program execution": 0x81AF,
    "error: program storage": 0x81B0,
    "error: memory": 0x81B1,
    "error: unexpected reset": 0x81B2,
    "error: watchdog": 0x81B3,
}
"""Faults that meters of both fuels find in themselves."""
PORTS = {"optical port": 0x81A5, "tunnel close refused": 0x81A4, "tunnel request refused": 0x81BA}
SIGNALS = {
    "power factor": Sensor(0x8014, 0x8015),
    "polarity": Sensor(0x81B8, None),
    "reverse current": Sensor(0x81BB, None),
    "hub detached": Sensor(0x81A3, 0x81A2),
    **{signal: Sensor(code, None) for signal, code in (*ERRORS.items(), *PORTS.items())},
}
SINGLE_PHASE = {"over-current": Sensor(0x8010, None)}
POLYPHASE = {
    "over-current phase 1": Sensor(0x8011, None),
    "over-current phase 2": Sensor(0x8016, None),
    "over-current phase 3": Sensor(0x8013, None),
    "phase sequence": Sensor(0x81B7, None),
}


@dataclass(slots=True)
class SensorState:
    """Signals that last."""

    active: list[str] = field(default_factory=list)


class Sensors(Part):
    """Turns signals into events."""

    name = "sensors"
    State = SensorState
    state: SensorState

    def sensed(self, signal: str, active: bool) -> None:
        known = SIGNALS | (POLYPHASE if self.device.personality.variant == "C" else SINGLE_PHASE)
        sensor = known.get(signal)
        if sensor is None or active == (signal in self.state.active):
            return
        (self.state.active.append if active else self.state.active.remove)(signal)
        self.touch()
        code = sensor.begin if active else sensor.end
        if code is not None:
            self.device.alerts.event(code)
