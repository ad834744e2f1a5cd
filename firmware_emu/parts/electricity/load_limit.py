"""Load limiting: supply is interrupted when import power stays above a threshold for a whole period (SMETS2 5.5).

Threshold, period, restoration period and what to do are passive values (ECS28a), read from the limiter (ECS27).
While there is a limit the import power is looked at every minute, and whenever somebody says that it has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocols.dlms.data import Data, DataType, enum, int8, structure, uint32
from protocols.instant import Instant

from ...cosem import expect
from ...defects import register_defect
from ...engines.load_limit import LimitDecision, LimitEvent, LimitSettings, LimitState
from ...engines.load_limit import LoadLimit as Limiter
from ...part import NEVER, Part
from ...stored_values import Stored, serve, serve_passive
from .load_switch import Reason, Supply

if TYPE_CHECKING:
    from ...device import Device
    from .load_switch import LoadSwitch

NO_LIMIT = 0xFFFFFFFF
"""Threshold of a new meter, in watts: never passed."""
LOOK_EVERY: Instant = 60
UNIT_COUNT = 255
COUNTER, LIMITER = "0-0:94.44.42.255", "0-0:17.0.0.255"

LIMIT_NOT_RESTORED = register_defect(
    "load-limit-not-restored", "leaves the supply armed at the end of the load limit's restoration period"
)


@dataclass(slots=True)
class LoadLimitState:
    """``disables`` when the limit is passed; threshold in watts, periods in seconds."""

    disables: bool = False
    threshold: int = NO_LIMIT
    period: int = 0
    restoration: int = 0
    limit: LimitState = field(default_factory=LimitState)


class LoadLimit(Part):
    """``power`` gives the active import now, in watts."""

    name = "load limit"
    State = LoadLimitState
    state: LoadLimitState

    def __init__(self, switch: LoadSwitch, power: Callable[[], int]) -> None:
        super().__init__()
        self._switch, self._power = switch, power
        self._limiter = Limiter(LimitState(), LimitSettings())
        self._acting = False

    def attach(self, device: Device) -> None:
        super().attach(device)
        u32, changed = DataType.UINT32, self._settings_changed
        for name, held, kind in (
            ("0-0:94.44.0.3", "disables", DataType.BOOLEAN),
            ("0-0:94.44.128.7", "threshold", u32),
            ("0-0:94.44.128.6", "period", u32),
            ("0-0:94.44.128.8", "restoration", u32),
        ):
            serve_passive(self, Stored(9000, name, 2, held, kind, changed=changed))
        numbered = ((4, "threshold"), (6, "period"), (7, "restoration"))
        serve(self, [Stored(71, LIMITER, number, held, u32, changed=changed) for number, held in numbered])
        device.cosem.attribute(3, COUNTER, 2, get=lambda: uint32(self.state.limit.counter), preset=self._preset_counter)
        device.cosem.constant(3, COUNTER, 3, structure(int8(0), enum(UNIT_COUNT)))
        device.cosem.method(3, COUNTER, 1, self._reset_counter)
        self._switch.listeners.append(self._supply_moved)

    def started(self) -> None:
        if self.state.limit.above_since is not None:  # measuring begins anew
            self.state.limit.above_since = None
            self.touch()
        self._limiter = Limiter(self.state.limit, self._settings())
        self._rearm(self.device.now)

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        limit, step = self.state.limit, after - before
        limit.above_since = None if limit.above_since is None else limit.above_since + step
        limit.restore_at = None if limit.restore_at is None else limit.restore_at + step
        self._rearm(after)

    def advance(self, at: Instant) -> None:
        self._act(self._limiter.advance(at))
        if self._limited:
            self._act(self._limiter.observe(at, self._power()))
        self._rearm(at)

    def power_changed(self) -> None:
        """The import power is another one from now on."""
        if self._limited:
            self._act(self._limiter.observe(self.device.now, self._power()))
            self._rearm(self.device.now)

    # inside

    @property
    def _limited(self) -> bool:
        return self.state.threshold != NO_LIMIT

    def _settings(self) -> LimitSettings:
        state = self.state
        threshold = state.threshold if self._limited else None
        return LimitSettings(threshold, state.period, state.restoration, state.disables)

    def _settings_changed(self) -> None:
        if self.device.on:
            self._act(self._limiter.set(self.device.now, self._settings()))
            self._rearm(self.device.now)

    def _act(self, events: list[LimitEvent]) -> None:
        self.touch()
        self._acting = True
        for event in events:
            if self._carry_out(event.decision):
                self.device.alerts.event(event.code)
        self._acting = False

    def _carry_out(self, decision: LimitDecision) -> bool:
        """False if the supply is no longer in the state that the decision was made for."""
        if decision is LimitDecision.INTERRUPT:
            if self._switch.supply is not Supply.ENABLED:
                return False
            self._switch.arm_at_once(Reason.LOAD_LIMIT)
        elif decision is LimitDecision.RESTORE:
            if self._switch.supply is not Supply.ARMED or self.device.defective(LIMIT_NOT_RESTORED):
                return False
            self._switch.enable()
        return True

    def _supply_moved(self) -> None:
        if not self._acting:
            self._limiter.supply_changed()
            self.touch()
            self._rearm(self.device.now)

    def _rearm(self, at: Instant) -> None:
        due = self._limiter.due
        look = at + LOOK_EVERY if self._limited else NEVER
        self.schedule(look if due is None else min(due, look))

    def _preset_counter(self, value: Data) -> None:
        self.state.limit.counter = expect(value, DataType.UINT32)
        self.touch()

    def _reset_counter(self, _argument: Data) -> None:
        self._limiter.reset_counter()
        self.touch()
