"""Load limiting: supply is interrupted when import power stays above a threshold for a whole period (SMETS2 5.5).

Threshold, period, restoration period and what to do are passive values (ECS28a), read from the limiter (ECS27).
After the restoration period the supply is enabled again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.dlms.data import Data, DataType, enum, int8, structure
from protocols.instant import Instant

from ..defects import register_defect
from ..part import NEVER, Part
from ..stored_values import Stored, serve, serve_passive
from .load_switch import Reason, Supply

if TYPE_CHECKING:
    from ..device import Device
    from .load_switch import LoadSwitch

ABOVE_LIMIT, DISABLED_BY_LIMIT, RESTORED = 0x8F01, 0x8F33, 0x8F34
NO_LIMIT = 0xFFFFFFFF
"""Threshold of a new meter, in watts: never passed."""
UNIT_COUNT = 255
COUNTER, LIMITER = "0-0:94.44.42.255", "0-0:17.0.0.255"

LIMIT_NOT_RESTORED = register_defect(
    "load-limit-not-restored", "leaves the supply armed at the end of the load limit's restoration period"
)


@dataclass(slots=True)
class LoadLimitState:
    """``disables`` when the limit is passed; threshold in watts, periods in seconds.

    ``above_since`` is when the power last rose above the threshold, ``restore_at`` when to enable the supply again.
    """

    disables: bool = False
    threshold: int = NO_LIMIT
    period: int = 0
    restoration: int = 0
    counter: int = 0
    above_since: Instant | None = None
    counted: bool = False
    restore_at: Instant | None = None


class LoadLimit(Part):
    """Watches the import power that the meter's measuring part reports with ``power_changed``."""

    name = "load limit"
    State = LoadLimitState
    state: LoadLimitState

    def __init__(self, switch: LoadSwitch) -> None:
        super().__init__()
        self._switch = switch
        self._power = 0

    def attach(self, device: Device) -> None:
        super().attach(device)
        u32, changed = DataType.UINT32, self._settings_changed
        for name, field, kind in (
            ("0-0:94.44.0.3", "disables", DataType.BOOLEAN),
            ("0-0:94.44.128.7", "threshold", u32),
            ("0-0:94.44.128.6", "period", u32),
            ("0-0:94.44.128.8", "restoration", u32),
        ):
            serve_passive(self, Stored(9000, name, 2, field, kind, changed=changed))
        serve(
            self,
            [
                Stored(71, LIMITER, 4, "threshold", u32, changed=changed),
                Stored(71, LIMITER, 6, "period", u32, changed=changed),
                Stored(71, LIMITER, 7, "restoration", u32, changed=changed),
                Stored(3, COUNTER, 2, "counter", u32),
            ],
        )
        device.cosem.constant(3, COUNTER, 3, structure(int8(0), enum(UNIT_COUNT)))
        device.cosem.method(3, COUNTER, 1, self._reset_counter)

    # inputs

    def power_changed(self, watts: int) -> None:
        """The import power (active, watts) is now this; tell it again at every change of the load or of the switch."""
        self._power = watts
        self._compare()

    def started(self) -> None:
        if self.state.above_since is not None:  # measuring begins anew
            self.state.above_since = None
            self.touch()
        self._rearm()

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        state, step = self.state, after - before
        if state.above_since is not None:
            state.above_since += step
        if state.restore_at is not None:
            state.restore_at += step
        self.touch()
        self._rearm()

    def advance(self, at: Instant) -> None:
        state = self.state
        if state.restore_at is not None and at >= state.restore_at:
            self._restore()
        if self._passed_at() <= at:
            self._pass_limit(at)
        self._rearm()

    # inside

    def _compare(self) -> None:
        state = self.state
        if self._power <= state.threshold:
            if state.above_since is not None:  # the period begins anew when the load drops: inferred
                state.above_since, state.counted = None, False
                self.touch()
        elif state.above_since is None:
            state.above_since, state.counted = self.device.now, False
            self.touch()
        self._rearm()

    def _passed_at(self) -> Instant:
        state = self.state
        return NEVER if state.above_since is None or state.counted else state.above_since + state.period

    def _pass_limit(self, at: Instant) -> None:
        state = self.state
        state.counted = True
        state.counter = min(state.counter + 1, 0xFFFFFFFF)
        self.touch()
        self.device.alerts.event(ABOVE_LIMIT)
        if state.disables and self._switch.supply is Supply.ENABLED:
            state.restore_at = at + state.restoration
            self._switch.arm_at_once(Reason.LOAD_LIMIT)
            self.device.alerts.event(DISABLED_BY_LIMIT)

    def _restore(self) -> None:
        self.state.restore_at = None
        self.touch()
        if self._switch.supply is not Supply.ARMED or self.device.defective(LIMIT_NOT_RESTORED):
            return
        self._switch.enable()
        self.device.alerts.event(RESTORED)

    def _rearm(self) -> None:
        restore_at = self.state.restore_at
        self.schedule(min(self._passed_at(), NEVER if restore_at is None else restore_at))

    def _settings_changed(self) -> None:
        self._compare()

    def _reset_counter(self, _argument: Data) -> None:
        self.state.counter = 0
        self.touch()
