"""A run as one HTML page that a person wants to read; it needs nothing but itself.

Everything that came over a wire is escaped. The page stays light on large runs: the exchanges that passed are folded,
and beyond a budget their decoded fields are left to the JSON lines; what did not pass is always there in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from protocols.eui64 import eui64_text
from protocols.sheet import Field

from .plot import plot_svg
from .records import Exchange, RunRecord, SeenMessage, Verdict, time_text

if TYPE_CHECKING:
    import jinja2

FIELD_BUDGET = 15_000
"""Decoded fields of passed exchanges on one page; each takes about 300 octets of it."""
DEPTH_LIMIT = 24
"""Levels that are folded one inside the other; what lies deeper is listed flat."""
_TEXT_LIMIT = 160
_OCTETS_LIMIT = 16
_SIGNS = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.ERROR: "!",
    Verdict.INCONCLUSIVE: "?",
    Verdict.SKIPPED: "–",
}


@dataclass(frozen=True, slots=True)
class _Numbered:
    """An exchange with its number, counted from 1, and whether its fields are on the page."""

    number: int
    exchange: Exchange
    with_fields: bool


def html_page(run: RunRecord, files: tuple[str, ...] = ()) -> str:
    """The page. ``files`` are the other files of the evidence folder, to be linked."""
    numbered = list(_numbered(run))
    return _template().render(
        run=run,
        files=files,
        exchanges=numbered,
        others=sorted((one for one in numbered if one.exchange.verdict != Verdict.PASS), key=_urgency),
        matrix=_matrix(run, numbered),
        requirements=_requirements(numbered),
        procedures=_procedures(run, numbered),
        totals={verdict: count for verdict, count in run.totals.items() if count},
    )


def _numbered(run: RunRecord) -> Iterator[_Numbered]:
    budget = FIELD_BUDGET
    for number, exchange in enumerate(run.exchanges, 1):
        passed = exchange.verdict == Verdict.PASS
        if passed:
            budget -= sum(1 for message in exchange.messages for top in message.fields for _ in top.walk())
        yield _Numbered(number, exchange, not passed or budget >= 0)


def _urgency(one: _Numbered) -> int:
    """Faults of the device first, what was not tried last; sorting keeps the order of the run within a verdict."""
    return list(Verdict).index(one.exchange.verdict)


def _matrix(run: RunRecord, numbered: list[_Numbered]) -> list[tuple[str, str, list[list[_Numbered]]]]:
    """A row for each use case, in the order of the run; a cell for each device, in the order of the rig."""
    devices = _columns(run)
    rows: dict[tuple[str, str], dict[str, list[_Numbered]]] = {}
    for one in numbered:
        if one.exchange.device not in devices:
            continue
        row = rows.setdefault((one.exchange.use_case, one.exchange.title), {})
        row.setdefault(one.exchange.device, []).append(one)
    return [(case, title, [row.get(device, []) for device in devices]) for (case, title), row in rows.items()]


def _columns(run: RunRecord) -> list[str]:
    """The devices, and what else was tried; tests that were left out, of devices that the rig lacks, belong to none."""
    names = [device.name for device in run.devices]
    return list(dict.fromkeys(names + [tried.device for tried in run.tried]))


def _procedures(
    run: RunRecord, numbered: list[_Numbered]
) -> dict[str, list[tuple[str, tuple[str, ...], Verdict, list[_Numbered]]]]:
    """By title, in the order of the run: device, what came of it, verdict, exchanges."""
    titled: dict[str, list[tuple[str, tuple[str, ...], Verdict, list[_Numbered]]]] = {}
    for each in run.procedures:
        row = each.device, each.steps, run.verdict_of(each), numbered[each.first - 1 : each.last]
        titled.setdefault(each.title, []).append(row)
    return titled


def _requirements(numbered: list[_Numbered]) -> list[tuple[str, Verdict, list[_Numbered]]]:
    speaking: dict[str, list[_Numbered]] = {}
    for one in numbered:
        for identifier in one.exchange.requirements:
            speaking.setdefault(identifier, []).append(one)
    return [
        (identifier, Verdict.of(one.exchange.verdict for one in ones), ones)
        for identifier, ones in sorted(speaking.items())
    ]


@cache
def _template() -> jinja2.Template:
    # Imported here: commands that write no page start without it.
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("bench.evidence"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(depth_limit=DEPTH_LIMIT, columns=_columns)
    environment.filters.update(
        {
            "time": _time,
            "eui64": eui64_text,
            "sign": _SIGNS.__getitem__,
            "value": _value,
            "octets_of": _octets_of,
            "dump": _dump,
            "short": _short,
            "duration": _duration,
            "svg": lambda plot: Markup(plot_svg(plot)),  # noqa: S704 - plot_svg escapes every text it is given
        }
    )
    return environment.get_template("report.html.j2")


def _time(at: float) -> str:
    day, _, time = time_text(at)[:-1].partition("T")
    return f"{day} {time.rstrip('0') if '.' in time else time} UTC"


def _duration(seconds: float) -> str:
    """``0.25 s``, ``3 min 20 s``, ``2 d 3 h``: the two largest parts."""
    if seconds < 60:
        return f"{seconds:g} s"
    rest, parts = round(seconds), []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts[:2])


def _value(field: Field) -> str:
    """What stands right of a field's name, without the unit; octets stand at the end of the line anyway."""
    value: Any = field.value
    if isinstance(value, bytes | bytearray):
        return ""
    if isinstance(value, str) and value.upper() == field.text.upper():
        return ""
    if isinstance(value, bool):
        value = "true" if value else "false"
    return "" if value is None else _short(str(value))


def _short(text: str, limit: int = _TEXT_LIMIT) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def _octets_of(field: Field, message: SeenMessage) -> str:
    octets = message.octets[field.offset : field.offset + field.length]
    return octets[:_OCTETS_LIMIT].hex(" ").upper() + (" …" if len(octets) > _OCTETS_LIMIT else "")


def _dump(octets: bytes) -> str:
    """Lines of 16 octets, each with the offset of its first."""
    lines = (octets[at : at + 16] for at in range(0, len(octets), 16))
    return "\n".join(f"{16 * number:5}  {line.hex(' ')}" for number, line in enumerate(lines)).upper()
