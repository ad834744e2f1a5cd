"""The bench's idea of the time: virtual when every device is emulated, else that of this computer."""

from __future__ import annotations

import time
from typing import Protocol

from protocols.instant import EPOCH, Instant

_UNIX_2000 = int(EPOCH.timestamp())


class Clock(Protocol):
    """Says what time it is, in whole seconds of UTC."""

    @property
    def virtual(self) -> bool:
        """True if time passes only when ``advance`` is called."""

    def now(self) -> Instant:
        """The time."""

    def advance(self, seconds: int) -> None:
        """Let time pass. Raises RuntimeError where it cannot be made to pass."""


class VirtualClock:
    """Stands still until it is moved."""

    virtual = True

    def __init__(self, start: Instant) -> None:
        self._now = start

    def now(self) -> Instant:
        """The time."""
        return self._now

    def advance(self, seconds: int) -> None:
        """Move forward; negative steps are refused, since time does not go back."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self._now += seconds


class RealClock:
    """This computer's clock, for rigs with real devices."""

    virtual = False

    def now(self) -> Instant:
        """The time."""
        return int(time.time()) - _UNIX_2000

    def millionths(self) -> int:
        """Of the present second, 0 to 999,999."""
        return time.time_ns() // 1000 % 1_000_000

    def advance(self, seconds: int) -> None:
        """Refused: a test that needs days to pass needs virtual time."""
        raise RuntimeError(f"{seconds} s cannot be skipped in real time")
