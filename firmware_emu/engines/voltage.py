"""Voltage quality of one phase: averages, thresholds, sags and swells (SMETS voltage operational functions).

Voltage is given when it changes (``observe``) and holds until it changes again; ``advance`` lets time pass. All
voltages are in the unit of the thresholds, whole volts in the objects of a meter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

from protocols.enumerations import plain_members
from protocols.instant import Instant


@plain_members
class Quality(IntEnum):
    """A condition of the voltage; the value is the alert code of a single-phase meter, phase n adds n."""

    AVERAGE_OVER = 0x8002
    AVERAGE_UNDER = 0x8006
    EXTREME_OVER = 0x8020
    SWELL = 0x8024
    EXTREME_UNDER = 0x8028
    SAG = 0x802C


ENDED: Final = {
    Quality.AVERAGE_OVER: 0x8085,
    Quality.AVERAGE_UNDER: 0x8089,
    Quality.EXTREME_OVER: 0x808D,
    Quality.SWELL: 0x8091,
    Quality.EXTREME_UNDER: 0x8095,
    Quality.SAG: 0x8099,
}
"""The code of the end of each condition, single-phase."""

KEPT_AVERAGES: Final = 4320
"""Rows of the average voltage log: 720 hours of ten minutes."""

_NEVER: Final = 1 << 62

_INSTANT: Final = (Quality.EXTREME_OVER, Quality.SWELL, Quality.EXTREME_UNDER, Quality.SAG)
_UNDER: Final = frozenset({Quality.AVERAGE_UNDER, Quality.EXTREME_UNDER, Quality.SAG})


class VoltageEvent(NamedTuple):
    """A condition began or ended; ``voltage`` is what was seen then."""

    at: Instant
    code: int
    voltage: int


class Limit(NamedTuple):
    """A threshold, and for how long it must be passed (seconds)."""

    threshold: int
    period: int


@dataclass(slots=True)
class VoltageSettings:
    """None switches a threshold off. ``period`` is the averaging period in seconds, 0 for none."""

    period: int = 600
    average_over: int | None = None
    average_under: int | None = None
    extreme_over: Limit | None = None
    swell: Limit | None = None
    extreme_under: Limit | None = None
    sag: Limit | None = None

    def limit(self, quality: Quality) -> Limit | None:
        """The limit of a condition that is judged at once."""
        limits = (self.extreme_over, self.swell, self.extreme_under, self.sag)
        return limits[_INSTANT.index(quality)]


class Average(NamedTuple):
    """A row of the average voltage log: the end of the period and the average."""

    at: Instant
    voltage: int


@dataclass(slots=True)
class PhaseState:
    """``product``: volt-seconds since ``period_start``. ``passed[i]``: since when limit i is passed."""

    voltage: int = 0
    seen: Instant | None = None
    period_start: Instant = 0
    product: int = 0
    over_counter: int = 0
    under_counter: int = 0
    active: list[bool] = field(default_factory=lambda: [False] * len(Quality))
    passed: list[Instant | None] = field(default_factory=lambda: [None] * len(_INSTANT))


class VoltageOutcome(NamedTuple):
    """What passed since the last call."""

    events: list[VoltageEvent]
    averages: list[Average]


class Phase:
    """``number`` is 0 on a single-phase meter, 1 to 3 on a polyphase one. Periods are aligned to whole multiples.

    The average over a period, rounded to the nearest whole, is compared at its end; the counter counts crossings.
    """

    def __init__(self, state: PhaseState, settings: VoltageSettings, number: int = 0) -> None:
        self.state, self.settings, self.number = state, settings, number

    @property
    def due(self) -> Instant | None:
        """When ``advance`` has something to do next, if the voltage stays as it is."""
        state = self.state
        if state.seen is None:
            return None
        ends = [self._period_end(), *(at for at, _quality in self._maturing())]
        return min(ends)

    @property
    def next_change(self) -> Instant | None:
        """When a condition may begin or end, if the voltage stays as it is; None for never.

        Until then ``advance`` only closes periods, and may be called late.
        """
        state = self.state
        if state.seen is None:
            return None
        times = [at for at, _quality in self._maturing()]
        steady = state.product == (state.seen - state.period_start) * state.voltage
        if not steady or self._average_conditions(state.voltage) != state.active[:2]:
            times.append(self._period_end())
        return min(times, default=None)

    def observe(self, now: Instant, voltage: int) -> VoltageOutcome:
        """The RMS voltage is ``voltage`` from ``now`` on."""
        outcome = self.advance(now)
        state = self.state
        state.voltage = voltage
        for place, quality in enumerate(_INSTANT):
            if not self._is_passed(quality):
                state.passed[place] = None
                outcome.events.extend(self._end(now, quality, voltage))
            elif state.passed[place] is None:
                state.passed[place] = now
        return outcome

    def advance(self, now: Instant, keep: int = KEPT_AVERAGES) -> VoltageOutcome:
        """Everything due up to and including ``now``; of averages at least the last ``keep``, oldest first."""
        outcome = VoltageOutcome([], [])
        if self.state.seen is None:
            self._begin(now)
        while (due := self.due) is not None and due <= now:
            self._count(due)
            for at, quality in self._maturing():
                if at <= due:
                    outcome.events.extend(self._start(at, quality, self.state.voltage))
            if due == self._period_end():
                whole = self.state.period_start % self.settings.period == 0
                self._close_period(due, outcome)
                if whole and outcome.averages[-1].voltage == self.state.voltage and not self._maturing():
                    self._skip_equal_periods(now, keep, outcome)
        self._count(now)
        return outcome

    def restart(self, now: Instant) -> None:
        """After an outage, a clock set or a new period: the running period is given up."""
        self._begin(now)

    def _begin(self, now: Instant) -> None:
        state = self.state
        state.seen = state.period_start = now
        state.product = 0
        state.passed = [None] * len(_INSTANT)

    def _period_end(self) -> Instant:
        period = self.settings.period
        return (self.state.period_start // period + 1) * period if period > 0 else _NEVER

    def _count(self, now: Instant) -> None:
        state = self.state
        if state.seen is not None and now > state.seen:
            state.product += (now - state.seen) * state.voltage
            state.seen = now

    def _close_period(self, at: Instant, outcome: VoltageOutcome) -> None:
        state = self.state
        length = at - state.period_start
        average = (2 * state.product + length) // (2 * length)
        state.period_start, state.product = at, 0
        outcome.averages.append(Average(at, average))
        over, under = self._average_conditions(average)
        passed = ((Quality.AVERAGE_OVER, over), (Quality.AVERAGE_UNDER, under))
        for quality, is_passed in sorted(passed, key=lambda item: item[1]):  # what ended comes first
            change = self._start if is_passed else self._end
            outcome.events.extend(change(at, quality, average))

    def _average_conditions(self, average: int) -> list[bool]:
        """Whether it is over the one limit, and under the other."""
        settings = self.settings
        return [
            settings.average_over is not None and average > settings.average_over,
            settings.average_under is not None and average < settings.average_under,
        ]

    def _skip_equal_periods(self, now: Instant, keep: int, outcome: VoltageOutcome) -> None:
        """The voltage does not change up to ``now``, and one whole period like those to come was judged already."""
        state, period = self.state, self.settings.period
        ends = range(state.period_start + period, now + 1, period)
        outcome.averages.extend([Average(at, state.voltage) for at in ends[-keep:]])
        if ends:
            state.period_start = state.seen = ends[-1]

    def _is_passed(self, quality: Quality) -> bool:
        limit = self.settings.limit(quality)
        if limit is None:
            return False
        voltage = self.state.voltage
        return voltage < limit.threshold if quality in _UNDER else voltage > limit.threshold

    def _maturing(self) -> list[tuple[Instant, Quality]]:
        """When each limit that is passed, but not reported yet, will have been passed for its period."""
        found = []
        for quality, since in zip(_INSTANT, self.state.passed, strict=True):
            limit = self.settings.limit(quality)
            if since is not None and limit is not None and not self._is_active(quality):
                found.append((since + limit.period, quality))
        return found

    def _is_active(self, quality: Quality) -> bool:
        return self.state.active[_PLACES[quality]]

    def _start(self, at: Instant, quality: Quality, voltage: int) -> list[VoltageEvent]:
        if self._is_active(quality):
            return []
        state = self.state
        state.active[_PLACES[quality]] = True
        state.over_counter += quality is Quality.AVERAGE_OVER
        state.under_counter += quality is Quality.AVERAGE_UNDER
        return [VoltageEvent(at, quality + self.number, voltage)]

    def _end(self, at: Instant, quality: Quality, voltage: int) -> list[VoltageEvent]:
        if not self._is_active(quality):
            return []
        self.state.active[_PLACES[quality]] = False
        return [VoltageEvent(at, ENDED[quality] + self.number, voltage)]


_PLACES: Final = {quality: place for place, quality in enumerate(Quality)}
