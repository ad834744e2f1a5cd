"""Maximum demand: the highest half-hour block since the last reset (SMETS maximum demand registers)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocols.instant import DAY, HALF_HOUR, Instant


@dataclass(slots=True)
class MaximumDemand:
    """Watts, averaged over a half-hour. ``at`` is the end of the block that set it, None while nothing did."""

    watts: int = 0
    at: Instant | None = None
    reset_at: Instant | None = None

    def offer(self, start: Instant, amounts: Sequence[int]) -> None:
        """Half-hours of Wh from ``start`` on; of equal ones the earliest stays."""
        highest = max(amounts, default=0)
        if 2 * highest > self.watts:
            self.watts = 2 * highest
            self.at = start + HALF_HOUR * (amounts.index(highest) + 1)

    def reset(self, now: Instant) -> None:
        """Begin anew at 0 W."""
        self.watts, self.at, self.reset_at = 0, None, now


@dataclass(frozen=True, slots=True)
class DemandPeriod:
    """A daily window, seconds of the UTC day. ``begin`` after ``end`` spans midnight, equal ones hold all day.

    A block counts if it lies wholly inside (inferred).
    """

    begin: int = 0
    end: int = 0

    def holds(self, start: Instant) -> bool:
        """The half-hour that begins at ``start`` lies in the window."""
        length = (self.end - self.begin) % DAY or DAY
        return (start - self.begin) % DAY + HALF_HOUR <= length

    def offer(self, demand: MaximumDemand, start: Instant, amounts: Sequence[int]) -> None:
        """Give ``demand`` the half-hours inside the window only."""
        places = range(len(amounts))
        inside = [amounts[place] if self.holds(start + HALF_HOUR * place) else 0 for place in places]
        demand.offer(start, inside)
