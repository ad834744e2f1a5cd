"""The battery and the sensors of a gas meter: covers, tilt, flow faults, integrity warnings (SMETS2 4.5; GBCS 16.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocols.gbcs.gbz import Reason
from protocols.instant import DAY, Instant
from protocols.zigbee.smart_energy_common import METERING

from ...alert_forms import REASONS
from ...alerts import Purpose
from ...part import Part
from ...zcl_values import Held, serve
from ..sensors import ERRORS, PORTS
from ..tamper import INTEGRITY, INTEGRITY_REASONS, Sensor

if TYPE_CHECKING:
    from ...device import Device
    from .valve import GasValve

BATTERY_LOW, POWER_LOST, CAPACITY_RESET = 0x8F1F, 0x8F1D, 0x8F82
INTEGRITY_WARNING, INTEGRITY_ALERT = 0x81A0, 0x00F2
LOW_BATTERY_DAYS = 180
"""Remaining days at which the battery is low. Inferred: half a year, time for a visit."""
NEW_BATTERY_DAYS = 3650
BATTERY_REPLACED, BATTERY_REMOVED = "battery replaced", "battery removed"
"""Signals of the battery."""

TAMPERS = {
    "battery cover": Sensor(0x8F73, 0x81A1),
    "meter cover": Sensor(0x8F74, 0x81B9),
    "other tamper": Sensor(0x8F78, None),
    "physical tamper": Sensor(0x8F3F, None),
    "tilt": Sensor(0x81C3, 0x81C2),
}
"""Signals that are tampers, with the codes of their beginning and end."""
FAULTS = {"flow beyond capacity": 0x81B4, "air in the gas": 0x81B5, "reverse flow": 0x81B6, "valve tested": 0x8184}
FAULTS |= ERRORS | PORTS


@dataclass(slots=True)
class GasGuardState:
    """``battery``: remaining days; ``counted``: the midnight when they were counted last; ``active``: open covers."""

    battery: int = NEW_BATTERY_DAYS
    counted: Instant = 0
    low_told: bool = False
    active: list[str] = field(default_factory=list)


class GasGuard(Part):
    """Watches; closes the valve where the supplier wants that."""

    name = "gas guard"
    State = GasGuardState
    state: GasGuardState

    def __init__(self, valve: GasValve) -> None:
        super().__init__()
        self._valve = valve

    def attach(self, device: Device) -> None:
        super().attach(device)
        serve(self, [Held(METERING, 0x0205, "battery")])

    def started(self) -> None:
        if not self.state.counted:
            self.state.counted = self.device.now
            self.touch()
        self._rearm()

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        self.state.counted += after - before
        self.touch()
        self._rearm()

    def power_restored(self, lost: Instant, at: Instant) -> None:  # noqa: ARG002 - that it was lost is enough
        self.device.alerts.event(POWER_LOST)

    def advance(self, at: Instant) -> None:
        """A day of battery life is over."""
        state = self.state
        state.counted = at
        state.battery = max(0, state.battery - 1)
        self.touch()
        if state.battery <= LOW_BATTERY_DAYS and not state.low_told:
            state.low_told = True
            self.device.alerts.event(BATTERY_LOW)
        if not state.battery:
            self._valve.lock_for_depletion()
        self._rearm()

    def sensed(self, signal: str, active: bool) -> None:
        if signal.startswith(INTEGRITY):
            if active:
                self._warn(signal.removeprefix(INTEGRITY))
        elif signal in TAMPERS and active != (signal in self.state.active):
            (self._begin if active else self._end)(signal)
        elif signal in FAULTS and active:
            self.device.alerts.event(FAULTS[signal])
        elif signal == BATTERY_REMOVED and active:
            self._valve.lock_for_depletion()
        elif signal == BATTERY_REPLACED and active:
            self.state.battery, self.state.low_told = NEW_BATTERY_DAYS, False
            self.touch()
            self.device.alerts.event(CAPACITY_RESET)

    def _begin(self, signal: str) -> None:
        self.state.active.append(signal)
        self.touch()
        self.device.alerts.event(TAMPERS[signal].begin)
        self._valve.lock_for_tamper()

    def _end(self, signal: str) -> None:
        self.state.active.remove(signal)
        self.touch()
        code = TAMPERS[signal].end
        if code is not None:
            self.device.alerts.event(code)

    def _warn(self, reason: str) -> None:
        """An integrity warning: event log with the reason, and an alert of its own."""
        number = INTEGRITY_REASONS.index(reason) if reason in INTEGRITY_REASONS else 0
        alerts = self.device.alerts
        alerts.event(INTEGRITY_WARNING, number.to_bytes(2, "big"))
        if alerts.is_on(INTEGRITY_WARNING, Purpose.WAN):
            recipients = alerts.recipients(INTEGRITY_WARNING)
            prefix = REASONS[self.device.personality.alert_form(INTEGRITY_ALERT)]
            alerts.send_gbz(INTEGRITY_WARNING, INTEGRITY_ALERT, recipients, Reason(number, prefix))

    def _rearm(self) -> None:
        self.schedule(self.state.counted + DAY)
