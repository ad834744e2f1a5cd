"""Small plots as inline SVG: a day's power, a balance, the states of a supply one after another.

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
_MOST_TICKS = 12
_COLOURS = 6
_LANE, _LANE_NAME, _BAR = 40, 15, 18
_STATES = {"on": 2, "100 %": 2, "armed": 4, "off": 1, "0 %": 5}
"""Colours of states that are well known; others get these in the order they come."""
_OTHERS = (0, 3)
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
    """Some series on one scale. ``levels`` gives names to values (0 "off", 1 "on") in place of numbers.

    ``span`` is the time that is shown where it is not that of the points.
    """

    title: str
    series: tuple[Series, ...]
    unit: str = ""
    levels: Mapping[float, str] = field(default_factory=dict)
    span: tuple[Instant, Instant] | None = None

    @property
    def key(self) -> list[tuple[int, str]]:
        """Number of the colour, and what has it."""
        return [(number % _COLOURS, series.name) for number, series in enumerate(self.series)]


class Lane(NamedTuple):
    """One thing and its states in order of time, each from its instant until the next."""

    name: str
    states: Sequence[tuple[Instant, str]]


@dataclass(frozen=True, slots=True)
class Strip:
    """Lanes one below the other over the same time."""

    title: str
    lanes: tuple[Lane, ...]
    span: tuple[Instant, Instant]
    unit: str = ""

    @property
    def key(self) -> list[tuple[int, str]]:
        """Number of the colour, and the state that has it, in the order of appearance."""
        texts = list(dict.fromkeys(text for lane in self.lanes for _, text in lane.states))
        others = [text for text in texts if text not in _STATES]
        return [
            (_STATES[text] if text in _STATES else _OTHERS[others.index(text) % len(_OTHERS)], text) for text in texts
        ]


class _Scale(NamedTuple):
    """From a value to a place on the page."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def plot_svg(plot: Plot | Strip) -> str:
    """The plot as an SVG element. Points that are no finite numbers are left out."""
    return _strip_svg(plot) if isinstance(plot, Strip) else _lines_svg(plot)


def _lines_svg(plot: Plot) -> str:
    lines = [(series, _thinned(series)) for series in plot.series]
    points = [point for _, kept in lines for point in kept]
    if not points:
        return '<p class="quiet">no points</p>'
    times = _scale(plot.span or [at for at, _ in points], _LEFT, WIDTH - _RIGHT)
    values = _scale([value for _, value in points] + list(plot.levels), HEIGHT - _BOTTOM, _TOP, spare=0.05)
    drawn = [_line(number, series, kept, times, values) for number, (series, kept) in enumerate(lines)]
    parts = [*_value_ticks(plot, values), *_time_ticks(times, HEIGHT), *drawn, _axis_name(plot.unit)]
    return _svg(plot.title, HEIGHT, parts)


def _axis_name(unit: str) -> str:
    """The unit, upright along the axis of values."""
    middle = (_TOP + HEIGHT - _BOTTOM) // 2
    turned = f'transform="rotate(-90 12 {middle})" x="12" y="{middle}" text-anchor="middle"'
    return f'<text class="tick" {turned}>{escape(unit)}</text>' if unit else ""


def _svg(title: str, height: int, parts: Sequence[str]) -> str:
    head = f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
    return head + "".join(parts) + "</svg>"


def _strip_svg(strip: Strip) -> str:
    """Each lane has its name above its bar; each state its colour, its text where there is room, and a tooltip."""
    if not strip.lanes:
        return '<p class="quiet">no states</p>'
    times = _scale(strip.span, _LEFT, WIDTH - _RIGHT)
    height = _TOP + _LANE * len(strip.lanes) + _BOTTOM
    colours = {text: number for number, text in strip.key}
    parts = [*_time_ticks(times, height)]
    for number, lane in enumerate(strip.lanes):
        top = _TOP + _LANE * number
        parts.append(f'<text class="tick" x="{_LEFT}" y="{top + 10}">{escape(lane.name)}</text>')
        parts += _bars(lane, strip.span[1], top + _LANE_NAME, times, colours)
    return _svg(strip.title, height, parts)


def _bars(lane: Lane, end: Instant, top: int, times: _Scale, colours: Mapping[str, int]) -> list[str]:
    parts = []
    ends = [at for at, _ in lane.states[1:]] + [end]
    for (at, text), until in zip(lane.states, ends, strict=True):
        x, width = times(at), max(times(until) - times(at), 1)
        label = escape(text)
        parts.append(
            f'<rect class="fill{colours[text]}" x="{x:.1f}" y="{top}" width="{width:.1f}" height="{_BAR}">'
            f"<title>{escape(lane.name)}: {label} from {to_datetime(at):%d %b %H:%M:%S}</title></rect>"
        )
        if width > 8 * len(text):
            parts.append(f'<text class="label" x="{x + 5:.1f}" y="{top + _BAR - 5}">{label}</text>')
    return parts


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


def _time_ticks(scale: _Scale, height: int) -> list[str]:
    """Round times, UTC; midnight by its date."""
    span = next((span for span in _SPANS if (scale.high - scale.low) / span <= _MOST_TICKS), _SPANS[-1])
    first = -(-int(scale.low) // span) * span
    return [_time_tick(at, span, scale(at), height) for at in range(first, int(scale.high) + 1, span)]


def _time_tick(at: int, span: int, x: float, height: int) -> str:
    form = "%Y" if span >= 365 * DAY else "%d %b" if at % DAY == 0 else "%H:%M"
    return (
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - _BOTTOM}"/>'
        f'<text class="tick" x="{x:.1f}" y="{height - 6}" text-anchor="middle">{to_datetime(at):{form}}</text>'
    )


def _round_values(low: float, high: float) -> list[float]:
    """About four round values between two."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
