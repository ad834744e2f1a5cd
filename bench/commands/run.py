"""``meterbench run``: the suite, or messages of one's own, against a rig; evidence in a folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..database import DatabaseError
from ..evidence import Exchange, RunRecord, Verdict
from ..exit_codes import ExitCode
from ..products.rig_images import check_update
from ..reading import InputError
from ..recorder import finding_text
from ..recording import OutputError, check_folder, recorded
from ..rig import Rig, RigError, load_rig
from ..runner import run_suite
from ..sending import Given, read_all, send_all
from ..verdicts import EXIT_CODES
from .output import say

if TYPE_CHECKING:
    from rich.progress import Progress

DEFAULT_OUT = Path("evidence")


def run_run(
    rig_file: Path | None,
    out: Path | None,
    seed: int | None,
    hex_files: list[Path],
    device: str | None,
    cpl: Path | None = None,
    updates: Sequence[str] = (),
    *,
    as_json: bool,
) -> ExitCode:
    """Run, write the evidence, say how it went. USAGE for a rig, folder or list that cannot be used."""
    folder = DEFAULT_OUT if out is None else out
    try:
        rig = _with_updates(load_rig(rig_file).with_seed(seed), updates, given=bool(hex_files))
        _check_device(rig, device, given=bool(hex_files))
        if cpl is not None:
            rig = rig.with_products(cpl)
        given = _readable(read_all(hex_files))
        check_folder(folder)
        with _shown(rig, as_json=as_json) as progress:
            record = _send(rig, folder, given, device, progress) if given else run_suite(rig, folder, progress)
    except (RigError, OutputError, InputError, DatabaseError) as error:
        print(f"meterbench run: {error}", file=sys.stderr)
        return ExitCode.USAGE
    _say(record, folder, as_json=as_json, detailed=bool(hex_files))
    return EXIT_CODES[record.verdict]


def _with_updates(rig: Rig, updates: Sequence[str], *, given: bool) -> Rig:
    """The rig with images in the place of its own, each written DEVICE=IMAGE. Raises InputError."""
    if updates and given:
        raise InputError("says what firmware the suite brings to a device, and --hex stands for the suite", "--update")
    sections = {section.name: section for section in rig.devices}
    for update in updates:
        name, equals, image = update.partition("=")
        if not equals or not image:
            raise InputError(f"DEVICE=IMAGE expected, found {update!r}", "--update")
        if name not in sections:
            raise InputError(f"the rig has no device {name!r}; it has {', '.join(sections)}", "--update")
        rig = rig.with_update(name, image)
    for section in rig.devices:
        if section.update:
            check_update(section.update, section.type)
    return rig


def _check_device(rig: Rig, device: str | None, *, given: bool) -> None:
    if device is not None and not given:
        raise InputError("says where messages go that --hex gives, and there is no --hex", "--device")
    names = [section.name for section in rig.devices]
    if device is not None and device not in names:
        raise RigError(f"--device {device}: the rig has no such device; it has {', '.join(names)}")


def _readable(given: list[Given]) -> list[Given]:
    """The files as they are, if one of them can be read: then the others are findings on record. Raises InputError."""
    if given and all(one.problem for one in given):
        raise InputError("; ".join(f"{one.path}: {one.problem}" for one in given), "--hex")
    return given


def _send(
    rig: Rig, folder: Path, given: list[Given], device: str | None, progress: Callable[[Exchange], None]
) -> RunRecord:
    with recorded(rig, folder, progress) as (home, finish):
        send_all(home, given, device)
        return finish()


# -- what a person sees ------------------------------------------------------------------------------------------


@contextmanager
def _shown(rig: Rig, *, as_json: bool) -> Iterator[Callable[[Exchange], None]]:
    """What to call after each exchange: a line that is rewritten when somebody watches, else nothing."""
    if as_json or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # only when somebody watches
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed} exchanges"), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        yield _step(bar, rig)


def _step(bar: Progress, rig: Rig) -> Callable[[Exchange], None]:
    task = bar.add_task(rig.name, total=None)
    return lambda exchange: bar.update(task, advance=1, description=f"{exchange.device} {exchange.title}")


def _say(record: RunRecord, folder: Path, *, as_json: bool, detailed: bool) -> None:
    if as_json:
        import json

        say(json.dumps({**record.summary_json(), "evidence": str(folder.resolve())}, indent=2))
        return
    say("\n".join(_lines(record, folder, detailed=detailed)))


def _lines(record: RunRecord, folder: Path, *, detailed: bool) -> Iterator[str]:
    tried, devices = _number(len(record.tried), "exchange"), _number(len(record.devices), "device")
    yield f"{record.rig}, seed {record.seed}: {tried} with {devices}"
    yield ""
    yield from _table(record)
    if detailed:
        yield from _messages(record)
    else:
        yield from _findings(record)
    yield ""
    yield f"{record.verdict.value}   {_counts(record)}"
    yield f"evidence: {folder.resolve()}"
    yield f"report:   {(folder / 'report.html').resolve()}"


def _table(record: RunRecord) -> Iterator[str]:
    names = list(dict.fromkeys([device.name for device in record.devices] + [e.device for e in record.tried]))
    found = {exchange.verdict for exchange in record.exchanges if exchange.device in names}
    verdicts = [verdict for verdict in Verdict if verdict in found | {Verdict.PASS, Verdict.FAIL}]
    width = max(len(name) for name in [*names, "device"])
    yield f"{'device':{width}}  use cases  " + "  ".join(f"{verdict.value:>4}" for verdict in verdicts)
    for name in names:
        mine = [exchange for exchange in record.exchanges if exchange.device == name]
        numbers = [sum(exchange.verdict is verdict for exchange in mine) for verdict in verdicts]
        columns = "  ".join(
            f"{number:{max(4, len(verdict.value))}}" for number, verdict in zip(numbers, verdicts, strict=True)
        )
        yield f"{name:{width}}  {len({e.use_case for e in mine}):9}  {columns}"


def _findings(record: RunRecord) -> Iterator[str]:
    bad = [e for e in record.exchanges if e.verdict not in (Verdict.PASS, Verdict.SKIPPED)]
    if bad:
        yield ""
    for exchange in bad:
        yield f"{exchange.verdict.value}  {exchange.device}  {exchange.use_case}  {exchange.title}"
        yield from (f"      {reason}" for reason in _reasons(exchange))
    skipped = [exchange for exchange in record.exchanges if exchange.verdict is Verdict.SKIPPED]
    if skipped:
        yield ""
    yield from (f"SKIPPED  {exchange.title}: {exchange.reason}" for exchange in skipped)


def _reasons(exchange: Exchange) -> list[str]:
    """What decided, then the other checks that did not pass."""
    failed = [finding_text(made) for made in exchange.checks if made.verdict is Verdict.FAIL]
    return list(dict.fromkeys([exchange.reason, *failed]))


def _messages(record: RunRecord) -> Iterator[str]:
    from ..inspection import inspect_message
    from .decode import field_text

    for exchange in record.exchanges:
        yield ""
        yield f"{exchange.verdict.value}  {exchange.title} -> {exchange.device}"
        if exchange.verdict is not Verdict.PASS:
            yield f"      {exchange.reason}"
        for message in exchange.received:
            yield f"  {message.name}: {message.problem or inspect_message(message.octets).title}"
            yield from (f"    {note}" for note in message.notes)
            for field in message.fields:
                yield from _tree(field, 2, field_text)


def _tree(field: object, depth: int, text: Callable[..., str]) -> Iterator[str]:
    yield "  " * depth + text(field)
    for child in getattr(field, "children", ()):
        yield from _tree(child, depth + 1, text)


def _number(number: int, of: str) -> str:
    return f"{number} {of}" if number == 1 else f"{number} {of}s"


def _counts(record: RunRecord) -> str:
    said = [f"{number} {verdict.value}" for verdict, number in record.totals.items() if number]
    return ", ".join(said) or "nothing was tried"
