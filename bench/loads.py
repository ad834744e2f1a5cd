"""The load that a rig applies to its emulated meters."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from firmware_emu.load_model import SLICES, DayLoad, Household, LoadFileError, LoadModel, RecordedLoad
from protocols.instant import DAY, HOUR

from .rig import MAX_FILE, Load, RigError

SLICES_AN_HOUR = SLICES * HOUR // DAY


class DailyLoad:
    """The same half-hours of energy and gas every day: easy to reckon with."""

    def __init__(self, load: Load) -> None:
        self._day = DayLoad(
            imported=load.wh or (load.watts // SLICES_AN_HOUR,) * SLICES,
            gas=load.litres or (load.litres_per_hour // SLICES_AN_HOUR,) * SLICES,
        )

    def day(self, day: int) -> DayLoad:  # noqa: ARG002 - always the same
        """The load of any day."""
        return self._day


@lru_cache(maxsize=64)
def load_model(load: Load) -> LoadModel:
    """What a rig says of the load, as meters take it. Raises RigError for a file that cannot be used."""
    if load.household is not None:
        return Household(**load.household.model_dump())
    if load.csv is not None:
        return _recorded(load.csv)
    return DailyLoad(load)


def _recorded(path: Path) -> RecordedLoad:
    """The half-hours of a file, again and again."""
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_FILE + 1)
        if len(octets) > MAX_FILE:
            raise RigError(f"load.csv: {path}: more than {MAX_FILE} octets")
        return RecordedLoad.from_csv(octets.decode(), repeat=True)
    except OSError as error:
        raise RigError(f"load.csv: {path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RigError(f"load.csv: {path}: not UTF-8 text") from None
    except LoadFileError as error:
        raise RigError(f"load.csv: {path}: {error}") from None
