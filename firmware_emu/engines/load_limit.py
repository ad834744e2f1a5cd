"""Load limiting (SMETS load limit data and events): too much import for too long interrupts the supply.

Power is given when it changes (``observe``) and holds until it changes again; ``advance`` lets time pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from protocols.enumerations import plain_members
from protocols.instant import Instant

ABOVE_LIMIT: Final = 0x8F01
INTERRUPTED: Final = 0x8F33
RESTORED: Final = 0x8F34


@plain_members
class LimitDecision(Enum):
    """What the supply has to do: after an interruption it is armed at once, and enabled when restored."""

    NOTHING = "nothing"
    INTERRUPT = "interrupt"
    RESTORE = "restore"


class LimitEvent(NamedTuple):
    """A load limit event: when, its alert code, what the supply has to do."""

    at: Instant
    code: int
    decision: LimitDecision = LimitDecision.NOTHING


@dataclass(slots=True)
class LimitSettings:
    """``threshold`` in W, None for no limit; ``period`` and ``restoration`` in seconds.

    ``interrupts``: the load limit supply state is "disabled"; otherwise supply is left unchanged.
    """

    threshold: int | None = None
    period: int = 0
    restoration: int = 0
    interrupts: bool = False


@dataclass(slots=True)
class LimitState:
    """``above_since``: import is above the threshold since then; ``restore_at``: supply is interrupted until then."""

    watts: int = 0
    above_since: Instant | None = None
    reported: bool = False
    restore_at: Instant | None = None
    counter: int = 0


class LoadLimit:
    """The period begins anew whenever import drops to the threshold or below (inferred)."""

    def __init__(self, state: LimitState, settings: LimitSettings) -> None:
        self.state, self.settings = state, settings

    @property
    def due(self) -> Instant | None:
        """When ``advance`` has something to do, if power stays as it is."""
        state = self.state
        if state.restore_at is not None:
            return state.restore_at
        if state.above_since is None or state.reported:
            return None
        return state.above_since + self.settings.period

    def observe(self, now: Instant, watts: int) -> list[LimitEvent]:
        """Active import is ``watts`` from ``now`` on."""
        events = self.advance(now)
        self.state.watts = watts
        self._judge(now)
        return events + self.advance(now)

    def set(self, now: Instant, settings: LimitSettings) -> list[LimitEvent]:
        """New settings; a running period is judged anew, an interruption runs its course."""
        self.settings = settings
        self.state.above_since, self.state.reported = None, False
        self._judge(now)
        return self.advance(now)

    def advance(self, now: Instant) -> list[LimitEvent]:
        """Everything due up to and including ``now``."""
        events: list[LimitEvent] = []
        due = self.due
        while due is not None and due <= now:
            events += self._restore(due) if self.state.restore_at is not None else self._limit(due)
            due = self.due
        return events

    def supply_changed(self) -> None:
        """Supply was enabled or disabled by something else: the interruption, if any, is over without a word."""
        self.state.restore_at = None

    def reset_counter(self) -> None:
        """Begin to count anew."""
        self.state.counter = 0

    def _judge(self, now: Instant) -> None:
        state, threshold = self.state, self.settings.threshold
        if threshold is None or state.watts <= threshold:
            state.above_since, state.reported = None, False
        elif state.above_since is None:
            state.above_since = now

    def _limit(self, at: Instant) -> list[LimitEvent]:
        state = self.state
        state.counter += 1
        state.reported = True
        events = [LimitEvent(at, ABOVE_LIMIT)]
        if self.settings.interrupts:
            state.watts, state.above_since, state.reported = 0, None, False
            state.restore_at = at + self.settings.restoration
            events.append(LimitEvent(at, INTERRUPTED, LimitDecision.INTERRUPT))
        return events

    def _restore(self, at: Instant) -> list[LimitEvent]:
        self.state.restore_at = None
        return [LimitEvent(at, RESTORED, LimitDecision.RESTORE)]
