"""The boost button: the consumer switches chosen auxiliary controllers on for a quarter of an hour, or up to four.

Which controllers it holds on is written by the supplier (ECS62); every boost is logged with start and end (ECS61c).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from protocols.dlms.data import DataType, described_structure
from protocols.instant import Instant

from ...part import NEVER, Part
from ...profile_generic import serve_log
from ...ring_log import RingLog
from ...stored_values import Stored, serve
from .auxiliary_control import CONTROLLERS, FULL, Kind

if TYPE_CHECKING:
    from ...device import Device
    from .auxiliary import Auxiliary

BOOST_KEY, CANCEL_KEY = "boost", "cancel boost"
STEP: Instant = 15 * 60
LONGEST: Instant = 60 * 60
LOG_ENTRIES = 25
_ROW = described_structure(DataType.UINT32, DataType.UINT32)


@dataclass(slots=True)
class BoostState:
    """``until`` is the end of the running boost, None while there is none."""

    available: bool | None = None
    linked: list[bool] = field(default_factory=lambda: [False] * CONTROLLERS)
    since: Instant = 0
    until: Instant | None = None


class Boost(Part):
    """Serves and obeys the button."""

    name = "boost"
    State = BoostState
    state: BoostState

    def __init__(self, auxiliary: Auxiliary) -> None:
        super().__init__()
        self._auxiliary = auxiliary
        self._log = RingLog("log/boost", "II", LOG_ENTRIES)

    def attach(self, device: Device) -> None:
        super().attach(device)
        self._log.attach(device)
        self._auxiliary.boosted = self.holds
        rows = [Stored(1, "0-0:94.44.7.255", 2, "available", DataType.BOOLEAN)]
        for place in range(CONTROLLERS):
            name = f"0-0:94.44.6.{place + 1}"
            row = Stored(1, name, 2, "linked", DataType.BOOLEAN, place, writable=True, changed=self._update)
            rows.append(replace(row, quiet_preset=True))
        serve(self, rows)
        serve_log(device.cosem, "0-0:99.98.20.255", self._log, _ROW)

    def started(self) -> None:
        if self.state.available is None:
            self.state.available = self.device.personality.boost_button
        self.due = NEVER if self.state.until is None else self.state.until

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        if self.state.until is not None:
            self.state.until += after - before
            self.touch()
            self.schedule(self.state.until)

    def holds(self, number: int) -> bool:
        """True while a boost keeps controller 1 to 5 on."""
        return self.state.until is not None and self.state.linked[number - 1]

    def pressed(self, key: str) -> bool:
        if key == BOOST_KEY:
            self._extend()
        elif key == CANCEL_KEY:
            self._end(self.device.now)
        return key in (BOOST_KEY, CANCEL_KEY)

    def advance(self, at: Instant) -> None:
        self._end(at)

    def _extend(self) -> None:
        now, state = self.device.now, self.state
        if state.until is None:
            if not self._possible(now):
                return
            state.since = state.until = now
        state.until = min(state.until + STEP, state.since + LONGEST)
        self.touch()
        self.schedule(state.until)
        self._update()

    def _possible(self, at: Instant) -> bool:
        """There is something to switch on: a linked controller that the calendar does not hold on already."""
        numbers = [place + 1 for place, linked in enumerate(self.state.linked) if linked]
        fitted = [number for number in numbers if self._auxiliary.kind(number) is not Kind.NONE]
        return bool(self.state.available) and any(self._auxiliary.calendar_level(each, at) != FULL for each in fitted)

    def _end(self, at: Instant) -> None:
        state = self.state
        self.schedule(NEVER)
        if state.until is not None:
            self._log.append(state.since, at)
            state.until = None
            self.touch()
            self._update()

    def _update(self) -> None:
        if self.device.on:
            self._auxiliary.update(self.device.now)
