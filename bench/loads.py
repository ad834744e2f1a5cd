"""The load of a rig's emulated meters: what the rig file says of it, as meters take it, and to reckon with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from firmware_emu.load_model import SLICES, DayLoad, Household, LoadFileError, LoadModel, RecordedLoad
from protocols.instant import DAY, HALF_HOUR, HOUR, Instant

from .rig_section import MAX_FILE, RigError, Strict

SLICES_AN_HOUR = SLICES * HOUR // DAY


def _whole_day(value: tuple[int, ...]) -> tuple[int, ...]:
    if len(value) not in (0, SLICES):
        raise ValueError(f"a day has {SLICES} half-hours, {len(value)} are given")
    return value


Day = Annotated[tuple[Annotated[int, Field(ge=0, le=50_000)], ...], AfterValidator(_whole_day)]


class HouseholdSection(Strict):
    """A home's own profile, made from a seed: use by hour and weekday, sun by season, gas by the cold outside.

    The members are those of ``firmware_emu.load_model.Household``.
    """

    seed: Annotated[int, Field(ge=0, lt=1 << 64)] = 1
    daily_wh: Annotated[int, Field(ge=0, le=1_000_000)] = 7000
    solar_watts: Annotated[int, Field(ge=0, le=100_000)] = 0
    heating_litres: Annotated[int, Field(ge=0, le=100_000)] = 500
    hot_water_litres: Annotated[int, Field(ge=0, le=100_000)] = 700
    storage_watts: Annotated[int, Field(ge=0, le=100_000)] = 0


class Load(Strict):
    """What flows through an emulated meter, or is known to flow through a real one.

    ``watts`` of active import through an electricity meter, ``litres_per_hour`` of gas through a gas meter; or every
    half-hour of a day by itself, from midnight UTC on: ``wh`` and ``litres``, 48 whole numbers each. In their place
    ``household``, a profile made from a seed, or ``csv``, a file of half-hours whose days come again and again.
    """

    watts: Annotated[int, Field(ge=0, le=100_000)] = 0
    litres_per_hour: Annotated[int, Field(ge=0, le=100_000)] = 0
    wh: Day = ()
    litres: Day = ()
    household: HouseholdSection | None = None
    csv: Path | None = None

    @model_validator(mode="after")
    def _stands_alone(self) -> Load:
        if (self.household is not None or self.csv is not None) and len(self.model_fields_set) > 1:
            raise ValueError("household and csv stand alone: each of them is the whole load")
        return self

    def model(self) -> LoadModel:
        """The load as meters take it. Raises RigError for a file of half-hours that cannot be used."""
        return load_model(self)

    def watt_hours_between(self, start: Instant, end: Instant) -> int:
        """The energy of a time; exact when it begins and ends on half-hours."""
        return _between(lambda at: self._slice(at, "imported"), start, end)

    def litres_between(self, start: Instant, end: Instant) -> int:
        """The gas of a time; exact when it begins and ends on half-hours."""
        return _between(lambda at: self._slice(at, "gas"), start, end)

    def watts_at(self, at: Instant) -> int:
        """The mean power of the half-hour."""
        return 2 * self._slice(at, "imported")

    def _slice(self, at: Instant, column: str) -> int:
        amounts: Sequence[int] = getattr(self.model().day(at // DAY), column)
        return amounts[at % DAY // HALF_HOUR]


def _between(amount_at: Callable[[Instant], int], start: Instant, end: Instant) -> int:
    """Each half-hour's amount as far as it lies between the two, added up second by second and then rounded down."""
    amount_seconds = sum(
        amount_at(at) * (min(at + HALF_HOUR, end) - max(at, start))
        for at in range(start // HALF_HOUR * HALF_HOUR, end, HALF_HOUR)
    )
    return amount_seconds // HALF_HOUR


def load_model(load: Load) -> LoadModel:
    """What a rig says of the load, as meters take it. Raises RigError for a file that cannot be used."""
    if load.csv is None:
        return _made(load)
    try:
        return _recorded(load.csv, load.csv.stat().st_mtime_ns)
    except OSError as error:
        raise RigError(f"load.csv: {load.csv}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RigError(f"load.csv: {load.csv}: not UTF-8 text") from None
    except LoadFileError as error:
        raise RigError(f"load.csv: {load.csv}: {error}") from None


@lru_cache(maxsize=64)
def _made(load: Load) -> LoadModel:
    """A household, or one day that comes again and again: easy to reckon with."""
    if load.household is not None:
        return Household(**load.household.model_dump())
    day = DayLoad(
        imported=load.wh or (load.watts // SLICES_AN_HOUR,) * SLICES,
        gas=load.litres or (load.litres_per_hour // SLICES_AN_HOUR,) * SLICES,
    )
    return RecordedLoad({0: day}, repeat=True)


@lru_cache(maxsize=64)
def _recorded(path: Path, _changed: int) -> RecordedLoad:
    """The half-hours of a file, again and again; read anew when the file has changed."""
    with path.open("rb") as file:
        octets = file.read(MAX_FILE + 1)
    if len(octets) > MAX_FILE:
        raise RigError(f"load.csv: {path}: more than {MAX_FILE} octets")
    return RecordedLoad.from_csv(octets.decode(), repeat=True)
