"""The supply of an electricity meter: outages of all phases or of one, and how much power is much (SMETS2 5.5).

A meter that has no supply does nothing; what there is to log and to tell, it does when the supply is back (ECS80).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocols.dlms.axdr import DATA
from protocols.dlms.data import Data, DataType, array, uint32
from protocols.instant import Instant

from ...defects import register_defect
from ...part import NEVER, Part
from ...stored_values import Stored, serve
from .moments import moment_value

if TYPE_CHECKING:
    from ...device import Device

LONG_OUTAGE = 180
"""Seconds; an outage of this length is a long one."""
SUPPLY_LOST, SUPPLY_BACK = 0x8F57, 0x8F35
"""Codes for all phases; ``SUPPLY_BACK`` + 1 after a long outage. Phase n: lost + n, back + 2n."""
OUTAGE_ALERT = 0x0067
PHASES = 3
PHASE_SIGNALS = tuple(f"phase {number} lost" for number in range(1, PHASES + 1))
REGISTER_MONITOR, POWER_THRESHOLDS = 21, "0-0:16.0.0"

LONG_OUTAGE_LATE = register_defect("long-outage-late", "takes an outage of exactly 3 minutes for a short one")


@dataclass(slots=True)
class SupplyState:
    """``lost`` is when each phase was lost, by the device's clock; ``thresholds`` as written (W).

    ``untold``: outages that are over, of which the meter tells when it has started: alert code, from, to.
    """

    lost: list[Instant | None] = field(default_factory=lambda: [None] * PHASES)
    untold: list[tuple[int, Instant, Instant]] = field(default_factory=list)
    thresholds: bytes = field(default_factory=lambda: DATA.encode(array(uint32(0), uint32(0))))


class Supply(Part):
    """``watts`` gives the active import now, for ``power_level``."""

    name = "supply"
    State = SupplyState
    state: SupplyState

    def __init__(self, watts: Callable[[], int] = lambda: 0) -> None:
        super().__init__()
        self._watts = watts

    def attach(self, device: Device) -> None:
        super().attach(device)
        row = Stored(REGISTER_MONITOR, POWER_THRESHOLDS, 2, "thresholds", None, writable=True, check=is_thresholds)
        serve(self, [row])

    def power_level(self) -> int:
        """0 low, 1 medium, 2 high: what the ambient light of a display shows."""
        watts = self._watts()
        return sum(watts > item.value for item in DATA.decode(self.state.thresholds).value)

    def power_restored(self, lost: Instant, at: Instant) -> None:
        # the meter's own log says when, though it is written now
        self.device.logs.power_ring.append(max(0, lost), SUPPLY_LOST, 0)
        code = self._note(SUPPLY_BACK, lost, at)
        if not self.device.personality.start_up:
            self._tell(code, lost, at)
            return
        self.state.untold.append((code, lost, at))
        self.touch()
        self._wait()

    def started(self) -> None:
        self._wait()

    def advance(self, at: Instant) -> None:  # noqa: ARG002 - what is due is told whenever that is
        self.schedule(NEVER)
        told, self.state.untold = self.state.untold, []
        self.touch()
        for code, lost, back in told:
            self._tell(code, lost, back)

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        if self.state.untold:
            self.schedule(self.due + after - before)

    def _wait(self) -> None:
        if self.state.untold:
            self.schedule(self.device.now + self.device.personality.start_up)

    def sensed(self, signal: str, active: bool) -> None:
        if signal not in PHASE_SIGNALS or self.device.personality.variant != "C":
            return
        phase = PHASE_SIGNALS.index(signal)
        lost, now = self.state.lost[phase], self.device.now
        if active and lost is None:
            self.state.lost[phase] = now
            self.device.alerts.event(SUPPLY_LOST + 1 + phase)
        elif not active and lost is not None:
            self.state.lost[phase] = None
            self._tell(self._note(SUPPLY_BACK + 2 * (1 + phase), lost, now), lost, now)
        self.touch()

    def _note(self, code: int, lost: Instant, back: Instant) -> int:
        """Log that the supply is back; gives the code, which says whether the outage was a long one."""
        late = self.device.defective(LONG_OUTAGE_LATE)
        if back - lost >= LONG_OUTAGE + late:
            code += 1
        self.device.alerts.event(code)
        return code

    def _tell(self, code: int, lost: Instant, back: Instant) -> None:
        alerts = self.device.alerts
        alerts.send_dlms(code, OUTAGE_ALERT, alerts.recipients(code), [moment_value(lost), moment_value(back)])


def is_thresholds(value: Data) -> bool:
    """Two powers in W: from low to medium, from medium to high."""
    return (
        value.type is DataType.ARRAY
        and len(value.value) == 2
        and all(item.type is DataType.UINT32 for item in value.value)
    )
