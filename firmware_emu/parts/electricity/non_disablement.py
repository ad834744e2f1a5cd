"""The non-disablement calendar: when supply must not be disabled for lack of credit (SMETS2 non-disablement periods).

Scripts 32 and 33 of the load switch's script table begin and end a period; special days as in every schedule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.dlms.obis import obis
from protocols.instant import DAY, Instant

from ...cosem import attribute
from ...engines.schedule import (
    LOOK_AHEAD_DAYS,
    NON_DISABLEMENT_STARTS,
    NON_DISABLEMENT_STOPS,
)
from ...engines.schedule import (
    NonDisablement as Periods,
)
from ...part import Part
from ...stored_values import EMPTY_ARRAY, EXTENDED_DATA, Stored, serve_passive_object
from .schedule_values import is_schedule, is_special_days_table, schedule

if TYPE_CHECKING:
    from protocols.dlms.data import Data

    from ...device import Device

SCRIPT_TABLE = obis("0-0:10.0.106.255")
MOST_ENTRIES = 22


@dataclass(slots=True)
class NonDisablementState:
    """The tables in force, encoded."""

    calendar: bytes = EMPTY_ARRAY
    special_days: bytes = EMPTY_ARRAY


class NonDisablement(Part):
    """Serves the calendar; ``listeners`` are told at the beginning and end of every period."""

    name = "non-disablement"
    State = NonDisablementState
    state: NonDisablementState

    def __init__(self) -> None:
        super().__init__()
        self.active = False
        """True inside a period."""
        self.listeners: list[Callable[[], None]] = []
        self._periods = Periods(schedule(EMPTY_ARRAY, EMPTY_ARRAY))

    def attach(self, device: Device) -> None:
        super().attach(device)
        calendar = Stored(10, "0-0:12.0.1.255", 2, "calendar", None, check=_is_calendar, changed=self._changed)
        days = Stored(11, "0-0:11.0.2.255", 2, "special_days", None, check=is_special_days_table, changed=self._changed)
        serve_passive_object(
            self, calendar, attribute(10, "0-1:12.0.1.255", 2), attribute(EXTENDED_DATA, "0-0:94.44.128.28", 6)
        )
        serve_passive_object(
            self, days, attribute(11, "0-1:11.0.2.255", 2), attribute(EXTENDED_DATA, "0-0:94.44.128.31", 6)
        )

    def started(self) -> None:
        self._build()
        self._look(self.device.now)

    def clock_stepped(self, before: Instant, after: Instant) -> None:  # noqa: ARG002 - the calendar knows
        self._look(after)

    def advance(self, at: Instant) -> None:
        self._look(at)

    def _changed(self) -> None:
        self._build()
        self._look(self.device.now)

    def _build(self) -> None:
        self._periods = Periods(schedule(self.state.calendar, self.state.special_days))

    def holds(self, at: Instant) -> bool:
        """True if an instant lies in a period."""
        return self._periods(at)

    def _look(self, at: Instant) -> None:
        active = self._periods(at)
        change = self._periods.next_change(at)
        self.schedule(at + LOOK_AHEAD_DAYS * DAY if change is None else change)
        if active != self.active:
            self.active = active
            for listener in self.listeners:
                listener()


def _is_calendar(value: Data) -> bool:
    return is_schedule(value, MOST_ENTRIES, SCRIPT_TABLE, (NON_DISABLEMENT_STARTS, NON_DISABLEMENT_STOPS))
