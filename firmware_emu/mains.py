"""The voltage of the mains: a level of its own for each home, lower when the street is busy, never quite at rest.

Like the load models it has no state and reckons in whole numbers: any half-hour is the same each time it is asked.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from protocols.instant import DAY, HALF_HOUR, Instant

LEVELS = range(236, 245)
"""Volts around which homes lie: 230 V nominal, as it is found in Great Britain."""
_BUSY = {7: -1, 8: -2, 16: -1, 17: -3, 18: -4, 19: -4, 20: -3, 21: -2, 22: -1}
"""Volts more or less by the hour of the day (UTC)."""
_WOBBLE = 5


class Mains:
    """``seed`` decides the home's level and what varies."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._level = LEVELS[_number(seed + b"level") % len(LEVELS)]

    def volts(self, at: Instant, phases: int) -> tuple[int, ...]:
        """RMS voltage of each phase in the half-hour that ``at`` lies in."""
        slot, hour = at // HALF_HOUR, at % DAY // 3600
        noise = _noise(self._seed, slot)
        return tuple(
            self._level + _BUSY.get(hour, 0) + noise[phase] % _WOBBLE - _WOBBLE // 2 for phase in range(phases)
        )


@lru_cache(maxsize=256)
def _noise(seed: bytes, slot: int) -> bytes:
    return blake2b(slot.to_bytes(8, "big", signed=True), key=seed[:64], digest_size=3).digest()


def _number(octets: bytes) -> int:
    return int.from_bytes(blake2b(octets, digest_size=4).digest(), "big")
