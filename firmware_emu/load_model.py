"""What a home uses: half-hours of electricity, solar export and gas, from a seeded model or from a file.

A model has no state: any half-hour of any day can be asked at any time, and is the same each time. All its arithmetic
is on whole numbers, so it is the same on every machine. Time is UTC.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple, Protocol

from protocols.errors import LocalProtocolError
from protocols.instant import DAY, HALF_HOUR, Instant, from_datetime

SLICES = DAY // HALF_HOUR
_NOTHING = (0,) * SLICES


class DayLoad(NamedTuple):
    """The 48 half-hours of a UTC day: Wh, varh, and litres of gas.

    ``imported`` is the primary element's, what the home uses less what it generates; ``secondary`` that of a second
    element.
    """

    imported: Sequence[int] = _NOTHING
    exported: Sequence[int] = _NOTHING
    reactive_imported: Sequence[int] = _NOTHING
    reactive_exported: Sequence[int] = _NOTHING
    gas: Sequence[int] = _NOTHING
    secondary: Sequence[int] = _NOTHING


class LoadModel(Protocol):
    """Where a meter gets its measurements from."""

    def day(self, day: int) -> DayLoad:
        """The load of a day, counted from 2000-01-01."""
        ...


class NoLoad:
    """Nothing is connected: a home that uses and makes nothing."""

    def day(self, day: int) -> DayLoad:  # noqa: ARG002 - always the same
        """No energy, no gas."""
        return DayLoad()


def half_hours(model: LoadModel, start: Instant, count: int) -> DayLoad:
    """So many half-hours from ``start``, which is the beginning of one; the columns are as long as ``count``."""
    first = start // DAY
    skipped = (start - first * DAY) // HALF_HOUR
    days = [model.day(day) for day in range(first, first + (skipped + count + SLICES - 1) // SLICES)]
    columns = ([amount for column in columns for amount in column] for columns in zip(*days, strict=True))
    return DayLoad(*(column[skipped : skipped + count] for column in columns)) if days else DayLoad(*([[]] * 6))


def power(model: LoadModel, at: Instant) -> int:
    """Watts of the primary element at ``at``, negative for export.

    It moves from minute to minute, two minutes to opposite sides, so that every half-hour sums up to its Wh.
    """
    load, place = model.day(at // DAY), at % DAY // HALF_HOUR
    average = 2 * (load.imported[place] - load.exported[place])
    minute = at // 60
    ripple = average * ((minute // 2 * 40503 >> 4) % 64) // 256
    return average + (ripple if minute % 2 else -ripple)


def gas_flow(model: LoadModel, at: Instant) -> int:
    """Litres per hour at ``at``."""
    return 2 * model.day(at // DAY).gas[at % DAY // HALF_HOUR]


# Weights of the half-hours of a day, each row summing to about 1000.
_WEEKDAY = (
    *(12, 11, 10, 9, 9, 9, 9, 9, 9, 9, 10, 12, 16, 22, 28, 31, 29, 25, 21, 18, 17, 16, 16, 16),
    *(17, 17, 16, 16, 16, 17, 18, 20, 24, 29, 35, 39, 41, 40, 38, 36, 34, 32, 30, 28, 25, 22, 18, 15),
)
_WEEKEND = (
    *(13, 12, 11, 10, 9, 9, 9, 9, 9, 9, 9, 10, 11, 13, 16, 20, 24, 27, 28, 28, 27, 26, 26, 27),
    *(28, 28, 26, 25, 24, 23, 23, 24, 27, 31, 35, 37, 38, 37, 35, 33, 31, 29, 27, 25, 23, 21, 18, 15),
)
_HEATING = (
    *(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15, 40, 65, 70, 60, 45, 30, 20, 12, 8, 6, 6, 6, 6),
    *(6, 6, 6, 8, 10, 15, 25, 35, 50, 60, 60, 58, 55, 50, 45, 40, 35, 25, 15, 8, 0, 0, 0, 0),
)
_HOT_WATER = (*(0,) * 13, 150, 250, 150, *(0,) * 19, 50, 50, 0, 0, 100, 150, 100, *(0,) * 6)

# Middle of each month, January first.
_USE_PERCENT = (118, 115, 108, 98, 92, 88, 86, 87, 93, 100, 110, 118)
_HALF_DAYLIGHT = (250, 295, 355, 415, 470, 498, 485, 435, 375, 317, 265, 238)  # minutes from noon to sunset
_NOON_PERMILLE = (280, 420, 560, 700, 780, 800, 790, 730, 620, 470, 310, 240)  # of the panels' rating, clear sky
_TEMPERATURE = (45, 49, 67, 92, 123, 152, 174, 172, 146, 111, 73, 50)  # tenths of a degree
_HEATING_BELOW = 155
_NOON = 12 * 60 + 5
_USUAL_DAY = 8000  # Wh, for which the appliances are measured


@dataclass(frozen=True)
class Household:
    """A home, wholly given by its seed and sizes.

    ``daily_wh``: mean use without appliances; ``solar_watts``: rating of the panels; ``heating_litres``: gas for a day
    that is one degree too cold; ``hot_water_litres``: gas a day; ``storage_watts``: heaters on the second element,
    on from 00:30 to 07:30 in the cold months.
    """

    seed: int = 1
    daily_wh: int = 7000
    solar_watts: int = 0
    heating_litres: int = 500
    hot_water_litres: int = 700
    storage_watts: int = 0

    def day(self, day: int) -> DayLoad:
        """The load of a day."""
        return _household_day(self, day)

    def make_day(self, day: int) -> DayLoad:
        """As ``day``, worked out anew."""
        noise = self._noise(day)
        use = self._use(day, noise)
        sun = self._sun(day, noise) if self.solar_watts else _NOTHING
        reactive = [amount * 18 // 100 for amount in use]
        gas = self._gas(day, noise) if self.heating_litres or self.hot_water_litres else _NOTHING
        storage = self._storage(day) if self.storage_watts else _NOTHING
        if not self.solar_watts:
            return DayLoad(use, _NOTHING, reactive, _NOTHING, gas, storage)
        net = [used - made for used, made in zip(use, sun, strict=True)]
        imported = [amount if amount > 0 else 0 for amount in net]
        exported = [-amount if amount < 0 else 0 for amount in net]
        return DayLoad(imported, exported, reactive, [amount * 3 // 100 for amount in exported], gas, storage)

    def temperature(self, day: int) -> int:
        """Mean outside temperature of a day, tenths of a degree: the season's, a spell of three days, the day's own."""
        spell, own = self._noise(-1 - day // 3)[0], self._noise(day)[63]
        return _season(_TEMPERATURE, day) + (spell - 128) * 40 // 128 + (own - 128) * 15 // 128

    def _noise(self, number: int) -> bytes:
        """64 octets that look random: 48 for the half-hours, the rest for what happens once a day."""
        return blake2b(b"%d/%d" % (self.seed, number), digest_size=64).digest()

    def _use(self, day: int, noise: bytes) -> list[int]:
        shape = _WEEKEND if day % 7 in (0, 1) else _WEEKDAY  # 2000-01-01 was a Saturday
        scale = self.daily_wh * _season(_USE_PERCENT, day)
        use = [weight * scale * (640 + 3 * chance) // 102_400_000 for weight, chance in zip(shape, noise, strict=False)]
        for place, amount in _appliances(noise):
            use[place] += amount * self.daily_wh // _USUAL_DAY
        return use

    def _sun(self, day: int, noise: bytes) -> list[int]:
        """A parabola from sunrise to sunset, under the clouds of the day and of the half-hour."""
        half, clouds = _season(_HALF_DAYLIGHT, day), 40 + noise[52] * 216 // 256
        peak = self.solar_watts * _season(_NOON_PERMILLE, day) * clouds
        square = half * half
        divisor = 2 * 1000 * 256 * 256 * square
        heights = [square - (30 * place + 15 - _NOON) ** 2 for place in range(SLICES)]
        return [
            peak * height * (256 - (chance >> 2)) // divisor if height > 0 else 0
            for height, chance in zip(heights, reversed(noise[:SLICES]), strict=True)
        ]

    def _gas(self, day: int, noise: bytes) -> list[int]:
        heat = max(0, _HEATING_BELOW - self.temperature(day)) * self.heating_litres // 10
        water = self.hot_water_litres
        gas = [
            (weight * heat * (640 + 3 * chance) // 1024 + tap * water) // 1000
            for weight, tap, chance in zip(_HEATING, _HOT_WATER, noise, strict=False)
        ]
        gas[34 + noise[54] % 5] += 80 + noise[55] // 4  # cooking
        return gas

    def _storage(self, day: int) -> list[int]:
        cold = max(0, min(100, (_HEATING_BELOW - self.temperature(day)) * 100 // 110))
        amount = self.storage_watts * cold // 200
        return [amount if 1 <= place < 15 else 0 for place in range(SLICES)]


@lru_cache(maxsize=2048)
def _household_day(home: Household, day: int) -> DayLoad:
    return home.make_day(day)


def _appliances(noise: bytes) -> list[tuple[int, int]]:
    """(half-hour, Wh) of a washing machine, an oven and a shower, as the day's chance has it."""
    events = [(33 + noise[50] % 7, 350 + 2 * noise[51])]
    if noise[48] < 110:
        first = 16 + noise[49] % 26
        events += [(first, 450), (first + 1, 300), (first + 2, 150)]
    if noise[56] < 180:
        events.append((13 + noise[57] % 4, 600))
    return events


def _season(months: Sequence[int], day: int) -> int:
    """The value of a day of the year, straight between the middles of months."""
    place, rest = divmod((day * 100 % 36525) * 12 - 18262, 36525)  # from the middle of January
    return months[place % 12] + (months[(place + 1) % 12] - months[place % 12]) * rest // 36525


class LoadFileError(LocalProtocolError, ValueError):
    """A file of half-hours that cannot be used; ``line`` counts from 1, the header is 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(line, reason)
        self.line, self.reason = line, reason

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


_COLUMNS = {
    "import_wh": 0,
    "export_wh": 1,
    "reactive_import_varh": 2,
    "reactive_export_varh": 3,
    "gas_litres": 4,
    "secondary_wh": 5,
}


class RecordedLoad:
    """Half-hours from a CSV text.

    The first line names the columns: ``start``, the beginning of the half-hour as ISO 8601 (UTC if it says nothing),
    and any of ``import_wh, export_wh, reactive_import_varh, reactive_export_varh, gas_litres, secondary_wh``, whole
    numbers. What is missing is 0. With ``repeat`` the days of the file come again, before and after, for ever.
    """

    def __init__(self, days: Mapping[int, DayLoad], *, repeat: bool = False) -> None:
        self._days = dict(days)
        self._first, self._last = min(days, default=0), max(days, default=0)
        self._repeat = repeat

    @classmethod
    def from_csv(cls, text: str, *, repeat: bool = False) -> RecordedLoad:
        """Raises LoadFileError naming the line."""
        reader = csv.reader(io.StringIO(text))
        names = [name.strip() for name in next(reader, [])]
        if "start" not in names or any(name != "start" and name not in _COLUMNS for name in names):
            raise LoadFileError(1, f"the columns are start and any of {', '.join(_COLUMNS)}")
        days: dict[int, list[list[int]]] = {}
        seen: set[Instant] = set()
        for row in reader:
            if row:
                _read_row(days, seen, names, row, reader.line_num)
        return cls({day: DayLoad(*columns) for day, columns in days.items()}, repeat=repeat)

    def day(self, day: int) -> DayLoad:
        """The load of a day."""
        if self._repeat and self._days:
            day = self._first + (day - self._first) % (self._last - self._first + 1)
        return self._days.get(day) or DayLoad()


def _read_row(
    days: dict[int, list[list[int]]], seen: set[Instant], names: list[str], row: list[str], line: int
) -> None:
    if len(row) != len(names):
        raise LoadFileError(line, f"{len(names)} columns expected, found {len(row)}")
    members = dict(zip(names, row, strict=True))
    start = _read_start(members.pop("start"), line)
    if start % HALF_HOUR or start in seen:
        raise LoadFileError(line, "a half-hour begins at minute 0 or 30, and comes once")
    seen.add(start)
    columns = days.setdefault(start // DAY, [[0] * SLICES for _ in _COLUMNS])
    for name, value in members.items():
        columns[_COLUMNS[name]][start % DAY // HALF_HOUR] = _read_amount(name, value, line)


def _read_start(value: str, line: int) -> Instant:
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        raise LoadFileError(line, f"no date and time: {value!r:.40}") from None
    return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _read_amount(name: str, value: str, line: int) -> int:
    text = value.strip()
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise LoadFileError(line, f"{name}: a whole number expected, found {value!r:.40}")
    return int(text)
