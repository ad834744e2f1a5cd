"""The load that a rig applies to its emulated meters: every day alike, and therefore easy to reckon with."""

from __future__ import annotations

from firmware_emu.load_model import SLICES, DayLoad
from protocols.instant import DAY, HOUR

from .rig import Load

SLICES_AN_HOUR = SLICES * HOUR // DAY


class DailyLoad:
    """The same half-hours of energy and gas every day."""

    def __init__(self, load: Load) -> None:
        self._day = DayLoad(
            imported=load.wh or (load.watts // SLICES_AN_HOUR,) * SLICES,
            gas=load.litres or (load.litres_per_hour // SLICES_AN_HOUR,) * SLICES,
        )

    def day(self, day: int) -> DayLoad:  # noqa: ARG002 - always the same
        """The load of any day."""
        return self._day
