"""The randomised offset: a delay of every switch time of tariff and auxiliary calendar, different for each meter.

The number that decides its share of the limit is fixed when the meter is made (SMETS2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.dlms.data import DataType
from protocols.instant import DAY, Instant

from ...defects import register_defect
from ...engines.tariff_calendar import OFFSET_STEPS, randomised_offset
from ...part import Part
from ...stored_values import Stored, serve, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...device import Device

LARGEST_LIMIT = 1799
"""Seconds."""

DRAWN_DAILY = register_defect("randomised-offset-drawn-daily", "draws another randomised offset every midnight")


@dataclass(slots=True)
class RandomisedOffsetState:
    """``value`` and ``limit`` in seconds. ``number`` 0 means that the maker's choice is taken from the identity."""

    value: int = 0
    limit: int = 0
    number: int = 0


class RandomisedOffset(Part):
    """Serves the offset; ``listeners`` are told when it has changed."""

    name = "randomised offset"
    State = RandomisedOffsetState
    state: RandomisedOffsetState

    def __init__(self) -> None:
        super().__init__()
        self.listeners: list[Callable[[], None]] = []

    @property
    def seconds(self) -> int:
        """By how much every switch time is late."""
        return self.state.value

    def attach(self, device: Device) -> None:
        super().attach(device)
        kind = DataType.UINT16
        limit = within(0, LARGEST_LIMIT)
        serve(
            self,
            [
                Stored(1, "0-0:94.44.0.0", 2, "value", kind, changed=self._tell),
                Stored(
                    1,
                    "0-0:94.44.0.1",
                    2,
                    "limit",
                    kind,
                    writable=True,
                    check=limit,
                    changed=self._compute,
                    quiet_preset=True,
                ),
                Stored(1, "0-0:94.44.0.2", 2, "number", kind),
            ],
        )

    def started(self) -> None:
        if self.state.number == 0:
            self._draw(0)
        if self.device.defective(DRAWN_DAILY):
            self.due = self.device.now // DAY * DAY + DAY

    def clock_stepped(self, before: Instant, after: Instant) -> None:  # noqa: ARG002 - the next midnight counts
        if self.device.defective(DRAWN_DAILY):
            self.schedule(after // DAY * DAY + DAY)

    def advance(self, at: Instant) -> None:
        self._draw(at // DAY)
        self._compute()
        self.schedule(at + DAY)

    def _draw(self, day: int) -> None:
        """From the identity, so that the same meter always gets the same number."""
        self.state.number = 1 + (int.from_bytes(self.device.identity, "big") + 7919 * day) % OFFSET_STEPS
        self.touch()

    def _compute(self) -> None:
        state = self.state
        state.value = randomised_offset(state.number, state.limit)
        self._tell()

    def _tell(self) -> None:
        for listener in self.listeners:
            listener()
