"""Small line plots as inline SVG: a day's power, a balance, the state of a supply.

Colours come from the page's style sheet (classes ``line0`` to ``line5``), so that the plots follow light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple

from protocols.instant import DAY, HOUR, Instant, to_datetime

WIDTH, HEIGHT = 760, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 24, 12, 24
_SPANS = (60, 300, 900, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 7 * DAY, 30 * DAY, 91 * DAY, 365 * DAY)
_COLOURS = 6
_LARGEST = 1e100  # beyond this the differences of values overflow; not-a-numbers are not below it either
POINTS_LIMIT = 2000
"""More points than a plot is wide are thinned to this many before drawing."""


class Series(NamedTuple):
    """A named line. ``points`` are instant and value, in order of time; ``step`` holds a value until the next."""

    name: str
    points: Sequence[tuple[Instant, float]]
    step: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """Some series on one scale. ``levels`` gives names to values (0 "off", 1 "on") in place of numbers."""

    title: str
    series: tuple[Series, ...]
    unit: str = ""
    levels: Mapping[float, str] = field(default_factory=dict)


class _Scale(NamedTuple):
    """From a value to a place on the page."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def plot_svg(plot: Plot) -> str:
    """The plot as an SVG element. Points that are no finite numbers are left out."""
    lines = [(series, _thinned(series)) for series in plot.series]
    points = [point for _, kept in lines for point in kept]
    if not points:
        return '<p class="quiet">no points</p>'
    times = _scale([at for at, _ in points], _LEFT, WIDTH - _RIGHT)
    values = _scale([value for _, value in points] + list(plot.levels), HEIGHT - _BOTTOM, _TOP, spare=0.05)
    drawn = [_line(number, series, kept, times, values) for number, (series, kept) in enumerate(lines)]
    parts = [*_value_ticks(plot, values), *_time_ticks(times), *drawn]
    head = f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(plot.title)}">'
    return head + "".join(parts) + "</svg>"


def _thinned(series: Series) -> list[tuple[Instant, float]]:
    finite = [(at, value) for at, value in series.points if abs(value) < _LARGEST]
    step = -(-len(finite) // POINTS_LIMIT) or 1
    return finite[::step] + (finite[-1:] if step > 1 else [])


def _scale(values: Sequence[float], start: float, end: float, spare: float = 0.0) -> _Scale:
    low, high = min(values), max(values)
    if low == high:
        around = max(1.0, abs(low) / 10)
        low, high = low - around, high + around
    margin = (high - low) * spare
    return _Scale(low - margin, high + margin, start, end)


def _line(number: int, series: Series, points: list[tuple[Instant, float]], times: _Scale, values: _Scale) -> str:
    path, before = [], ""
    for at, value in points:
        x, y = f"{times(at):.1f}", f"{values(value):.1f}"
        path += [f"{x},{before}"] if series.step and before else []
        path.append(f"{x},{y}")
        before = y
    name = escape(series.name)
    return f'<polyline class="line{number % _COLOURS}" points="{" ".join(path)}"><title>{name}</title></polyline>'


def _value_ticks(plot: Plot, scale: _Scale) -> list[str]:
    labels = plot.levels or {value: f"{value:g}" for value in _round_values(scale.low, scale.high)}
    return [
        f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{scale(value):.1f}" y2="{scale(value):.1f}"/>'
        f'<text class="tick" x="{_LEFT - 6}" y="{scale(value) + 4:.1f}" text-anchor="end">{escape(label)}</text>'
        for value, label in labels.items()
    ]


def _time_ticks(scale: _Scale) -> list[str]:
    span = next((span for span in _SPANS if (scale.high - scale.low) / span <= 8), _SPANS[-1])
    form = "%H:%M" if span < DAY else "%d %b" if span < 365 * DAY else "%Y"
    first = -(-int(scale.low) // span) * span
    return [
        f'<text class="tick" x="{scale(at):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{to_datetime(at):{form}}</text>'
        for at in range(first, int(scale.high) + 1, span)
    ]


def _round_values(low: float, high: float) -> list[float]:
    """About four round values between two."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
