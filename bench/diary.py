"""What a home did during a run: power, money and supply over time, as its emulated meters themselves say.

The bench looks at the meters, as nobody could look at real ones all the time: every ten minutes, and at every exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from firmware_emu import Device, Output, Show, SwitchMoved
from protocols.gbcs.roles import DeviceType
from protocols.instant import HOUR, Instant
from protocols.zigbee.smart_energy_common import METERING, PREPAYMENT

from .evidence import Lane, Plot, Series, Strip

LOOK_EVERY: Instant = 600
"""Seconds; flows are means over this long."""
METERS = (DeviceType.ESME, DeviceType.GSME)
_IMPORT, _SUPPLY, _MULTIPLIER, _DIVISOR, _BALANCE = 0x0000, 0x0014, 0x0301, 0x0302, 0x0001
_SUPPLY_TEXT = {0: "off", 1: "armed", 2: "on"}
_IN_POUND = 100_000
_THOUSAND = 1000


@dataclass(slots=True)
class _Story:
    """Of one device. ``register`` in Wh or litres, at full ten minutes; ``balance`` in pounds."""

    fuel: str
    register: list[tuple[Instant, float]] = field(default_factory=list)
    balance: list[tuple[Instant, float]] = field(default_factory=list)
    supply: list[tuple[Instant, str]] = field(default_factory=list)


class Diary:
    """``watch`` takes what devices do, ``look`` reads their meters."""

    def __init__(self) -> None:
        self.shown: dict[str, dict[str, str]] = {}
        """What each display shows, by item."""
        self.levels: dict[str, dict[str, int]] = {}
        """Where each switch stands, percent."""
        self._moves: dict[tuple[str, str], list[tuple[Instant, str]]] = {}
        self._stories: dict[str, _Story] = {}
        self._began: Instant = 0
        self._ended: Instant = 0

    def watch(self, name: str, output: Output, at: Instant) -> None:
        """A device did something."""
        if isinstance(output, Show):
            self.shown.setdefault(name, {})[output.item] = output.text
        elif isinstance(output, SwitchMoved):
            self.levels.setdefault(name, {})[output.switch] = output.level
            self._moves.setdefault((name, output.switch), []).append((at, f"{output.level} %"))

    def look(self, name: str, device: Device, now: Instant) -> None:
        """Read a meter."""
        kind = device.personality.device
        story = self._stories.setdefault(name, _Story("electricity" if kind is DeviceType.ESME else "gas"))
        self._began, self._ended = self._began or now, now
        read = _reader(device)
        if now % LOOK_EVERY == 0:
            scale = read(METERING, _MULTIPLIER) * _THOUSAND / read(METERING, _DIVISOR)
            _once(story.register, now, read(METERING, _IMPORT) * scale)
        _once(story.balance, now, read(PREPAYMENT, _BALANCE) / _IN_POUND)
        supply = _SUPPLY_TEXT.get(read(METERING, _SUPPLY), "?")
        if not story.supply or story.supply[-1][1] != supply:
            story.supply.append((now, supply))

    def plots(self) -> tuple[Plot | Strip, ...]:
        """The pictures, all over the same time; none if nothing was looked at."""
        if self._ended - self._began < LOOK_EVERY:
            return ()
        span = (self._began, self._ended)
        power = self._flows("electricity", "Electricity: power drawn, mean of ten minutes", "W", span)
        gas = self._flows("gas", "Gas: flow, mean of ten minutes", "l/h", span)
        money = tuple(Series(name, story.balance, step=True) for name, story in self._stories.items())
        lanes = tuple(self._lanes())
        return (*power, *gas, Plot("Balance of the meters", money, "£", span=span), Strip("Supply", lanes, span))

    def _flows(self, fuel: str, title: str, unit: str, span: tuple[Instant, Instant]) -> Iterator[Plot]:
        series = tuple(
            Series(name, list(_means(story.register)), step=True)
            for name, story in self._stories.items()
            if story.fuel == fuel
        )
        if series:
            yield Plot(title, series, unit, span=span)

    def _lanes(self) -> Iterator[Lane]:
        for name, story in self._stories.items():
            yield Lane(name, story.supply)
        for (name, switch), moves in self._moves.items():
            if name not in self._stories and len(moves) > 1:
                before = [] if moves[0][0] <= self._began else [(self._began, "0 %")]
                yield Lane(f"{name}: {switch}", [*before, *moves])


def _reader(device: Device) -> Callable[[int, int], Any]:
    def read(cluster: int, attribute: int) -> Any:
        return device.zcl.read(cluster, attribute).value

    return read


def _once(points: list[tuple[Instant, float]], at: Instant, value: float) -> None:
    if not points or points[-1][0] < at:
        points.append((at, value))


def _means(register: list[tuple[Instant, float]]) -> Iterator[tuple[Instant, float]]:
    """Units an hour from one reading to the next; the last value holds until the last reading."""
    mean = 0.0
    for (start, before), (end, after) in pairwise(register):
        mean = round((after - before) * HOUR / (end - start), 1)
        yield start, mean
    if register:
        yield register[-1][0], mean
