"""Which prepayment tokens were used already, and the lock of the keypad (GBCS 14: UTRN counter cache)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from protocols.instant import HOUR, Instant

CACHE_SIZE: Final = 100
KEYPAD_TRIES: Final = 5
KEYPAD_WINDOW: Final = 600
KEYPAD_LOCK: Final = HOUR
"""As one maker has it: five wrong tokens in ten minutes lock the keypad for an hour."""


class TokenVerdict(Enum):
    """Whether a token's counter may be used."""

    NEW = "new"
    DUPLICATE = "duplicate"
    TOO_OLD = "too old"


@dataclass(slots=True)
class TokenCounters:
    """The highest 100 counters (32 bits) used, rising, and the floor that a new one must be above.

    A full cache loses its lowest counter, and from then on nothing below the lowest one held is taken: a token that
    was forgotten must not be used again.
    """

    used: list[int] = field(default_factory=list)
    floor: int = -1

    @property
    def highest(self) -> int:
        """What the ten bits in a token are completed with: the highest counter used, at first the floor."""
        return self.used[-1] if self.used else max(0, self.floor)

    def judge(self, counter: int, *, highest_only: bool = False) -> TokenVerdict:
        """Look, without using. ``highest_only`` is a planned defect: only the highest counter is looked at."""
        if highest_only:
            return TokenVerdict.NEW if counter > self.highest or not self.used else TokenVerdict.DUPLICATE
        if counter in self.used:
            return TokenVerdict.DUPLICATE
        full = len(self.used) >= CACHE_SIZE
        if counter <= self.floor or (full and counter < self.used[0]):
            return TokenVerdict.TOO_OLD
        return TokenVerdict.NEW

    def use(self, counter: int) -> None:
        """Remember a counter as used."""
        self.used.append(counter)
        self.used.sort()
        del self.used[:-CACHE_SIZE]

    def set_floor(self, floor: int) -> None:
        """New credentials of the supplier: only counters above ``floor`` are taken, old ones are forgotten."""
        self.used.clear()
        self.floor = floor

    def raise_floor(self, floor: int) -> None:
        """The same key goes on from ``floor``: nothing that was used, or was too old, is taken again."""
        oldest = self.used[0] - 1 if len(self.used) >= CACHE_SIZE else self.floor
        self.floor = max(floor, oldest, self.floor)
        self.used = [counter for counter in self.used if counter > self.floor]


@dataclass(slots=True)
class KeypadLock:
    """Wrong tokens at the keypad; the network is not concerned."""

    failures: list[Instant] = field(default_factory=list)
    locked_until: Instant = -1

    def is_locked(self, now: Instant) -> bool:
        """No token is taken at the keypad now."""
        return now < self.locked_until

    def failed(self, now: Instant) -> bool:
        """A wrong token was entered; True if the keypad is locked from now on."""
        self.failures = [at for at in self.failures if at > now - KEYPAD_WINDOW] + [now]
        if len(self.failures) < KEYPAD_TRIES:
            return False
        self.failures.clear()
        self.locked_until = now + KEYPAD_LOCK
        return True

    def succeeded(self) -> None:
        """A token was taken: earlier tries do not count any more."""
        self.failures.clear()
