"""Time for emulated devices that others talk to: the computer's clock, sped up, but never faster than they can live."""

from __future__ import annotations

import time
from collections.abc import Callable

from protocols.instant import HOUR, Instant

MOST_AT_ONCE: Instant = HOUR
"""Seconds of the devices' time that pass in one go. Where the computer is too slow for more, time passes slower."""


class Pace:
    """Call it for the time. ``clock`` gives seconds that never go back."""

    def __init__(self, start: Instant, speed: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._speed, self._clock = speed, clock
        self._last, self._at = start, clock()
        self._rest = 0.0

    def __call__(self) -> Instant:
        at = self._clock()
        passed = (at - self._at) * self._speed + self._rest
        self._at, self._rest = at, passed % 1
        self._last += min(int(passed), MOST_AT_ONCE)
        return self._last

    def seconds_until(self, wanted: Instant) -> float:
        """Seconds of the computer's clock until this one shows ``wanted``; 0 if it does."""
        since = (self._clock() - self._at) * self._speed + self._rest
        return max(0.0, (wanted - self._last - since) / self._speed)
