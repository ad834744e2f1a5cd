"""The valve of a gas meter: supply on, off or armed, and the test for uncontrolled flow (SMETS2 4.5, 4.6; ZSE D.3).

Nobody opens the valve from afar: it is armed, and the consumer opens it at the meter. After that the meter lets the
flow settle and measures it; gas that flows though nothing should use it closes the valve again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from protocols.gbcs.gbz import Component
from protocols.instant import Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import METERING
from protocols.zigbee.zcl import ClusterCommand

from ...defects import register_defect
from ...han_commands import UserCommand, log_user_command
from ...outputs import Show, SwitchMoved
from ...part import NEVER, Part
from ...refusals import ZCL_FAILURE, ZclFailed
from ...zcl_server import Reply
from ...zcl_values import Held, fields_of, require, serve

if TYPE_CHECKING:
    from ...device import Device

SUPPLY_LOCKED, UNCONTROLLED_FLOW = 0x81BE, 0x81BF
CONNECT_FAILED, DISCONNECT_FAILED = 0x81BD, 0x81C0
STUCK_OPEN, STUCK_CLOSED = "fault: valve stuck open", "fault: valve stuck closed"
"""Signals of a valve that does not follow."""
LEAK = "uncontrolled flow"
"""Signal of gas that flows though nothing should use it."""
LEAK_FLOW = 10_000_000
"""Litres an hour of such a leak: more than any threshold."""
OPEN_KEY = "open valve"
LOCKED, UNCHANGED = 0, 3
"""Values of the supply tamper and depletion state."""
LITRES_IN_M3 = 1000

OPENS_UNASKED = register_defect("opens-valve-unasked", "opens the valve where it should only arm it")
IGNORES_FLOW = register_defect("ignores-uncontrolled-flow", "does not test the flow after the valve was opened")

_RESPONSE = command_named("Supply Status Response")


class Supply(IntEnum):
    """The state of the supply, with the values of its attribute."""

    OFF = 0
    ARMED = 1
    ON = 2


class Reason(StrEnum):
    """Why the valve is closed."""

    COMMAND = "command"
    CREDIT = "credit"
    TAMPER = "tamper"
    DEPLETION = "depletion"


ENDED_BY_SUPPLIER = frozenset({Reason.COMMAND, Reason.TAMPER, Reason.DEPLETION})
"""Reasons that the supplier's command to arm takes away. Lack of credit stays one: inferred."""


@dataclass(slots=True)
class GasValveState:
    """``reasons`` only while the valve is closed. The flow threshold is in m3/h x multiplier / divisor.

    ``test_at``: when the flow after an opening is judged, or 0.
    """

    supply: Supply = Supply.ON
    reasons: list[Reason] = field(default_factory=list)
    tamper_state: int = UNCHANGED
    depletion_state: int = UNCHANGED
    flow_state: int = 0
    load_limit_state: int = UNCHANGED
    threshold: int = 300
    threshold_unit: int = 1
    multiplier: int = 1
    divisor: int = 10000
    stabilisation: int = 20
    measurement: int = 10
    test_at: Instant = 0


class GasValve(Part):
    """Lets gas flow. ``before_move`` is told before the valve moves, ``listeners`` after its state has changed."""

    name = "gas valve"
    State = GasValveState
    state: GasValveState

    def __init__(self) -> None:
        super().__init__()
        self.before_move: list[Callable[[], None]] = []
        self.listeners: list[Callable[[], None]] = []
        self._signals: set[str] = set()

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.zcl.attribute(METERING, 0x0014, lambda: int(self.state.supply), preset=self._preset)
        serve(
            self,
            [
                Held(METERING, 0x0607, "tamper_state"),
                Held(METERING, 0x0608, "depletion_state"),
                Held(METERING, 0x0B10, "threshold"),
                Held(METERING, 0x0B11, "threshold_unit"),
                Held(METERING, 0x0B12, "multiplier"),
                Held(METERING, 0x0B13, "divisor"),
                Held(METERING, 0x0B14, "stabilisation"),
                Held(METERING, 0x0B15, "measurement"),
            ],
        )
        device.zcl.command(METERING, 0x0B, self._change_supply, preset=self._preset_change)
        device.zcl.command(METERING, 0x0D, self._set_supply_status)
        device.zcl.command(METERING, 0x0E, self._set_flow_threshold)

    def started(self) -> None:
        self._rearm()

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        if self.state.test_at:
            self.state.test_at += after - before
            self.touch()
        self._rearm()

    # for other parts

    @property
    def is_open(self) -> bool:
        """True while gas can flow."""
        if STUCK_OPEN in self._signals:
            return True
        return self.state.supply is Supply.ON and STUCK_CLOSED not in self._signals

    @property
    def supply(self) -> Supply:
        """The state of the supply."""
        return self.state.supply

    def close(self, reason: Reason) -> None:
        """Close for a reason, or add one to those for which the valve is closed."""
        if reason not in self.state.reasons:
            self.state.reasons.append(reason)
            self.touch()
        self._move(Supply.OFF)

    def release(self, reason: Reason) -> None:
        """The reason has gone: arm the supply if it was the last one."""
        if reason in self.state.reasons:
            self.state.reasons.remove(reason)
            self.touch()
            if not self.state.reasons:
                self._arm()

    def lock_for_tamper(self) -> None:
        """A tamper was detected: close if the supplier wants that."""
        if self.state.tamper_state == LOCKED:
            self.close(Reason.TAMPER)
            self.device.alerts.event(SUPPLY_LOCKED)

    def lock_for_depletion(self) -> None:
        """The battery is empty or gone: close if the supplier wants that."""
        if self.state.depletion_state == LOCKED:
            self.close(Reason.DEPLETION)

    # inputs

    def pressed(self, key: str) -> bool:
        if key != OPEN_KEY:
            return False
        armed = self.state.supply is Supply.ARMED
        log_user_command(self.device, UserCommand.ENABLE_SUPPLY, done=armed)
        if not armed:
            self.device.emit(Show("valve", "not armed"))
            return True
        self._move(Supply.ON)
        if not self.device.defective(IGNORES_FLOW):
            self.state.test_at = self.device.now + -(-self.state.stabilisation // 10) + self.state.measurement
            self._rearm()
        return True

    def sensed(self, signal: str, active: bool) -> None:
        if signal in (STUCK_OPEN, STUCK_CLOSED, LEAK):
            (self._signals.add if active else self._signals.discard)(signal)

    def advance(self, at: Instant) -> None:  # noqa: ARG002 - the test has its own time
        """The flow was measured for long enough."""
        state = self.state
        state.test_at = 0
        self.touch()
        self._rearm()
        flow = LEAK_FLOW if LEAK in self._signals else 0
        if state.supply is Supply.ON and flow * state.divisor > state.threshold * state.multiplier * LITRES_IN_M3:
            self._move(Supply.OFF)
            self.device.alerts.event(UNCONTROLLED_FLOW)
            self._arm()

    # commands

    def _change_supply(self, component: Component) -> Sequence[Reply]:
        fields = fields_of(component)
        wanted = fields["proposed_supply_status"]
        require(wanted in (Supply.OFF, Supply.ARMED))  # a valve is never opened from afar
        if wanted == Supply.OFF:
            self.close(Reason.COMMAND)
        else:
            self._arm_for_supplier()
        if STUCK_OPEN in self._signals and wanted == Supply.OFF:
            raise ZclFailed(ZCL_FAILURE)
        answer = _RESPONSE.make(
            provider_id=fields["provider_id"],
            issuer_event_id=fields["issuer_event_id"],
            implementation_date_time=fields["implementation_date_time"],
            supply_status_after_implementation=int(self.state.supply),
        )
        return [Reply(answer, quiet=False)]

    def _arm_for_supplier(self) -> None:
        """Not from open, and not while credit is lacking. Raises ZclFailed."""
        if self.state.supply is Supply.ON:
            raise ZclFailed(ZCL_FAILURE)
        self.state.reasons = [reason for reason in self.state.reasons if reason not in ENDED_BY_SUPPLIER]
        self.touch()
        if self.state.reasons:
            raise ZclFailed(ZCL_FAILURE)
        self._arm()

    def _set_supply_status(self, component: Component) -> None:
        fields, state = fields_of(component), self.state
        wanted = (fields["supply_tamper_state"], fields["supply_depletion_state"])
        require(all(each in (LOCKED, UNCHANGED) for each in wanted))
        state.tamper_state, state.depletion_state = wanted
        state.flow_state = fields["supply_uncontrolled_flow_state"]
        state.load_limit_state = fields["load_limit_supply_state"]
        self.touch()

    def _set_flow_threshold(self, component: Component) -> None:
        fields, state = fields_of(component), self.state
        require(fields["divisor"] > 0)
        state.threshold, state.threshold_unit = fields["uncontrolled_flow_threshold"], fields["unit_of_measure"]
        state.multiplier, state.divisor = fields["multiplier"], fields["divisor"]
        state.stabilisation, state.measurement = fields["stabilisation_period"], fields["measurement_period"]
        self.touch()

    # inside

    def _arm(self) -> None:
        if self.state.supply is Supply.OFF:
            self._move(Supply.ON if self.device.defective(OPENS_UNASKED) else Supply.ARMED)

    def _move(self, supply: Supply) -> None:
        if supply is self.state.supply:
            return
        before = self.is_open
        for tell in self.before_move:
            tell()
        self.state.supply = supply
        self.state.test_at = 0
        self.touch()
        self._report_fault(supply)
        if before != self.is_open:
            self.device.emit(SwitchMoved("valve", 100 * self.is_open))
        self.device.emit(Show("supply", supply.name.lower()))
        self._rearm()
        for tell in self.listeners:
            tell()

    def _report_fault(self, supply: Supply) -> None:
        if supply is Supply.ON and STUCK_CLOSED in self._signals:
            self.device.alerts.event(CONNECT_FAILED)
        if supply is Supply.OFF and STUCK_OPEN in self._signals:
            self.device.alerts.event(DISCONNECT_FAILED)

    def _rearm(self) -> None:
        self.schedule(self.state.test_at or NEVER)

    def _preset(self, value: int) -> None:
        require(value in list(Supply))
        self.state.supply = Supply(value)
        self.state.reasons = [Reason.COMMAND] if value == Supply.OFF else []
        self.touch()
        for tell in self.listeners:
            tell()

    def _preset_change(self, asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        """Closing always works; arming is possible from closed."""
        wanted = [answer["supply_status_after_implementation"] for answer in answers]
        self._preset(Supply.OFF if wanted == [Supply.ARMED] else Supply.ON)
        require(asked["proposed_supply_status"] in (*wanted, Supply.OFF, Supply.ARMED))
