"""The hub's supply: stored energy lets it report an outage before it falls silent (CHTS).

When the supply fails the hub runs on for three minutes; if it is not back by then the hub tells the WAN and is off.
What that report looks like on the WAN is the provider's own; ``WanSignal`` stands for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.instant import Instant

from ...outputs import WanSignal
from ...part import NEVER, Part

if TYPE_CHECKING:
    from ...device import Device

SUPPLY_LOST = "supply lost"
"""The signal for ``Device.sense``."""
POWER_OUTAGE, POWER_RESTORED = "power outage", "power restored"
OUTAGE_REPORTED_AFTER: Instant = 180
SUPPLY_LOST_EVENT = 0x8F57


@dataclass(slots=True)
class HubPowerState:
    """``lost`` is when the supply failed, 0 while it is there; ``reported``: the WAN was told."""

    lost: Instant = 0
    reported: bool = False


class HubPower(Part):
    """Reports outages of three minutes or more, and their end."""

    name = "hub power"
    State = HubPowerState
    state: HubPowerState

    def attach(self, device: Device) -> None:
        super().attach(device)

    def advance(self, at: Instant) -> None:  # noqa: ARG002 - the report says when the supply failed
        """Last gasp."""
        self.due = NEVER
        self.state.reported = True
        self.touch()
        self.device.emit(WanSignal(POWER_OUTAGE, self.state.lost))

    def sensed(self, signal: str, active: bool) -> None:
        if signal == SUPPLY_LOST and active:
            self._note_loss(self.device.now)
            self.schedule(self.state.lost + OUTAGE_REPORTED_AFTER)
        elif signal == SUPPLY_LOST:
            self._note_return()

    def power_lost(self, at: Instant) -> None:
        self._note_loss(at)

    def power_restored(self, lost: Instant, at: Instant) -> None:  # noqa: ARG002 - the hub knows when it was
        self._note_return()

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        if self.due < NEVER:
            self.state.lost += after - before
            self.touch()
            self.schedule(self.state.lost + OUTAGE_REPORTED_AFTER)

    def _note_loss(self, at: Instant) -> None:
        if not self.state.lost:
            self.state.lost = at
            self.touch()
            self.device.alerts.event(SUPPLY_LOST_EVENT)

    def _note_return(self) -> None:
        """The supply is back; an outage that was reported has ended."""
        if self.state.reported:
            self.device.emit(WanSignal(POWER_RESTORED, self.device.now))
        self.due = NEVER
        self.state.lost, self.state.reported = 0, False
        self.touch()
