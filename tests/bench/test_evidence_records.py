"""Verdicts and plots."""

from __future__ import annotations

import math
from xml.etree import ElementTree as Xml

import pytest

from bench.evidence import Lane, Plot, Series, Strip, Verdict, environment, plot_svg
from bench.evidence.plot import POINTS_LIMIT
from bench.evidence.records import time_text
from protocols.instant import DAY, HALF_HOUR

from .runs import START, exchange, run

PASS, FAIL, ERROR, INCONCLUSIVE, SKIPPED = Verdict


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([], INCONCLUSIVE),
        ([PASS, PASS], PASS),
        ([PASS, SKIPPED], PASS),
        ([SKIPPED], SKIPPED),
        ([PASS, INCONCLUSIVE], INCONCLUSIVE),
        ([INCONCLUSIVE, ERROR, PASS], ERROR),
        ([PASS, ERROR, FAIL], FAIL),
    ],
)
def test_the_verdict_of_a_whole(parts: list[Verdict], whole: Verdict) -> None:
    assert Verdict.of(parts) is whole


def test_totals_count_every_verdict() -> None:
    record = run(exchange(PASS), exchange(PASS), exchange(FAIL))
    assert record.totals == {PASS: 2, FAIL: 1, ERROR: 0, INCONCLUSIVE: 0, SKIPPED: 0}
    assert record.verdict is FAIL
    assert record.ended == START + 61.25


def test_the_environment_names_versions() -> None:
    known = environment()
    assert dict(known["packages"])["construct"].startswith("2.10")
    assert known["python"].startswith("3.")


def test_times_have_microseconds_where_needed() -> None:
    assert time_text(START) == "2026-01-31T12:00:00Z"
    assert time_text(START + 0.000001) == "2026-01-31T12:00:00.000001Z"


def drawn(plot: Plot | Strip) -> Xml.Element:
    return Xml.fromstring(plot_svg(plot))  # noqa: S314 - our own text


def test_a_day_is_drawn_with_times_and_values() -> None:
    points = [(START + n * HALF_HOUR, 1000 * math.sin(n / 8)) for n in range(48)]
    svg = drawn(Plot("Power", (Series("import", points), Series("export", points[:3])), "W"))
    lines = svg.findall("polyline")
    assert [len((line.get("points") or "").split()) for line in lines] == [48, 3]
    ticks = [tick.text for tick in svg.findall("text")]
    assert ticks == [
        "-1000",
        "-500",
        "0",
        "500",
        "1000",
        "12:00",
        "15:00",
        "18:00",
        "21:00",
        "01 Feb",
        "03:00",
        "06:00",
        "09:00",
        "W",
    ]


def test_a_state_is_drawn_in_steps_with_names() -> None:
    series = Series("supply", [(START, 1), (START + HALF_HOUR, 0), (START + DAY, 0)], step=True)
    svg = drawn(Plot("Supply", (series,), levels={0: "off", 1: "<on>"}))
    points = [point.split(",") for point in (svg.findall("polyline")[0].get("points") or "").split()]
    assert len(points) == 5
    assert points[1] == [points[2][0], points[0][1]]
    assert [tick.text for tick in svg.findall("text")][:2] == ["off", "<on>"]


def test_states_are_drawn_as_bars_with_their_colours_in_the_key() -> None:
    lanes = (
        Lane("<meter>", [(START, "on"), (START + HALF_HOUR, "off"), (START + DAY // 2, "on")]),
        Lane("controller", [(START, "35 %")]),
    )
    strip = Strip("Supply", lanes, (START, START + DAY))
    svg = drawn(strip)
    bars = svg.findall("rect")
    assert [bar.get("class") for bar in bars] == ["fill2", "fill1", "fill2", "fill0"]
    assert strip.key == [(2, "on"), (1, "off"), (0, "35 %")]
    widths = [float(bar.get("width") or 0) for bar in bars]
    assert sum(widths[:3]) == pytest.approx(widths[3], abs=0.3)
    assert "<meter>" in [text.text for text in svg.findall("text")]
    assert "off from 31 Jan 12:30:00" in (bars[1].findtext("title") or "")
    assert "no states" in plot_svg(Strip("nothing", (), (START, START + DAY)))


def test_a_plot_can_show_more_time_than_it_has_points() -> None:
    plot = Plot("one", (Series("one", [(START, 1.0)]),), span=(START - DAY, START + DAY))
    (line,) = drawn(plot).findall("polyline")
    assert (line.get("points") or "").startswith(f"{(62 + 760 - 24) / 2:.1f},")


@pytest.mark.parametrize("points", [[], [(START, math.nan)], [(START, 1e300)]])
def test_nothing_to_draw_is_said(points: list[tuple[int, float]]) -> None:
    assert "no points" in plot_svg(Plot("empty", (Series("none", points),)))


@pytest.mark.parametrize("value", [0, -3.5, 1e99, 1e-300])
def test_a_single_point_is_drawn(value: float) -> None:
    assert drawn(Plot("one", (Series("one", [(START, value)]),))).findall("polyline")


def test_a_year_of_half_hours_is_thinned() -> None:
    series = Series("year", [(START + n * HALF_HOUR, n) for n in range(48 * 365)])
    (line,) = drawn(Plot("year", (series,))).findall("polyline")
    assert len((line.get("points") or "").split()) <= POINTS_LIMIT + 1
