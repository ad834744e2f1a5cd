"""``meterbench keys batch``: many requests at once, with progress, gone on with after an interruption."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from protocols.instant import Instant, text

from ..authority.applicants import Applicant
from ..authority.batch_files import Claims, read_batch
from ..authority.batches import Batch, Batches
from ..authority.exporting import write_all, zipped
from ..authority.files import pem, write_file
from ..authority.laboratory import Laboratory
from ..authority.registration import Answering, Registration, State
from ..authority.sealing import LabError
from ..authority.upkeep import Upkeep
from ..authority.workers import Workers
from ..exit_codes import ExitCode
from ..inventory import Status as DeviceStatus
from .keys_common import chosen, device_type, moment, opened, tell
from .keys_common import role as role_of

WORTH_WORKERS = 2000
"""Fewer requests are answered sooner by one process than others have begun."""
ANSWERS = "answers.csv"
REASONS = 5
"""Reasons for rejection that people are shown at once."""


def run_batch(
    folder: Path,
    source: Path | None,
    claims: Claims | None,
    workers: int | None,
    out: Path | None,
    at: str | None,
    pass_phrase_file: Path | None,
    *,
    accept: bool,
    as_json: bool,
) -> ExitCode:
    """Receive a batch and answer it, or go on with what was interrupted. FAIL when a request was rejected."""

    def clock() -> Instant:
        return moment(at)

    now = clock()
    if source is None and claims is not None:
        raise LabError("what batch? give a folder, a zip, PEM or CSV file; or --resume goes on with interrupted ones")
    with opened(folder, pass_phrase_file, write=True) as lab:
        batches = Batches(lab)
        if source is not None and claims is not None:
            todo = [_receive(batches, source, claims, now, lodge=accept)]
        else:
            todo = batches.unfinished()
        for batch in todo:
            _process(lab, batch, clock, workers, quiet=as_json)
        Upkeep(lab).advance(clock())
        done = [batches.get(batch.number) for batch in todo]
        value = {"batches": [_json(batches, batch) for batch in done]}
        lines = [line for batch in done for line in _lines(batches, batch)] or ["no batch was interrupted"]
        if out is not None:
            several = len(done) > 1
            lines += [_write(lab, batch, out / f"batch-{batch.number}" if several else out) for batch in done]
        rejected = any(batches.counts(batch)[State.REJECTED] for batch in done)
    tell(lines, value, as_json=as_json)
    return ExitCode.FAIL if rejected else ExitCode.PASS


def _receive(batches: Batches, source: Path, claims: Claims, now: Instant, *, lodge: bool) -> Batch:
    batch, new = batches.receive(str(source), read_batch(source, claims), now, lodge=lodge)
    if not new:
        known = "answered already" if batch.finished is not None else "gone on with"
        print(f"meterbench keys batch: {source}: received before as batch {batch.number}, {known}", file=sys.stderr)
    return batch


def _process(lab: Laboratory, batch: Batch, clock: Callable[[], Instant], workers: int | None, *, quiet: bool) -> None:
    batches = Batches(lab)
    left = batch.total - batches.answered(batch)
    number = workers or (min(2, os.cpu_count() or 1) if left >= WORTH_WORKERS else 1)
    with _answering(lab, number) as answering, _progress(batch, batch.total - left, quiet=quiet) as step:
        for answered in batches.process(batch, clock, answering):
            step(answered)


@contextmanager
def _answering(lab: Laboratory, number: int) -> Iterator[Answering]:
    if number == 1:
        yield Registration(lab).answer_here
        return
    with Workers(lab, number) as workers:
        yield workers.answer


@contextmanager
def _progress(batch: Batch, done: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """What to call after each step: a bar when a person watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"batch {batch.number}", total=batch.total, completed=done)
        yield lambda answered: bar.update(task, advance=answered)


def _lines(batches: Batches, batch: Batch) -> Iterator[str]:
    counts = batches.counts(batch)
    said = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    late = ", LATE" if batch.late else ""
    yield f"batch {batch.number}: {batch.total} requests, {said}; due {text(batch.deadline)}{late}"
    rejections = batches.rejections(batch)
    for reason, number in rejections[:REASONS]:
        yield f"  {number} rejected: {reason}"
    if len(rejections) > REASONS:
        yield f"  and for {len(rejections) - REASONS} other reasons; --out gives all"


def _json(batches: Batches, batch: Batch) -> dict[str, Any]:
    return {
        "batch": batch.number,
        "source": batch.source,
        "applicant": str(batch.applicant),
        "total": batch.total,
        "received": text(batch.received),
        "deadline": text(batch.deadline),
        "finished": text(batch.finished) if batch.finished is not None else None,
        "late": batch.late,
        "rejections": [{"reason": reason, "number": number} for reason, number in batches.rejections(batch)],
        "states": {str(state): number for state, number in batches.counts(batch).items() if number},
    }


def _write(lab: Laboratory, batch: Batch, out: Path) -> str:
    """The certificates and a table of the answers: a folder, a zip file, or a PEM file of all certificates."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["request", "origin", "state", "reason", "eui64", "use", "serial", "file"])
    files: dict[str, bytes] = {}
    for entry in Registration(lab).of_batch(batch.number):
        record = lab.repository.get(entry.certificate) if entry.certificate is not None else None
        whose = entry.entity.hex() if entry.entity is not None else ""
        name = f"{entry.number}-{whose}-{entry.use}.pem" if record is not None else ""
        serial = f"{record.serial:X}" if record is not None else ""
        row = [entry.number, entry.origin, entry.state, entry.reason, whose, entry.use or "", serial, name]
        writer.writerow(row)
        if record is not None:
            files[name] = pem("CERTIFICATE", record.der)
    answers = table.getvalue().encode()
    if out.suffix.lower() == ".zip":
        write_file(out, zipped({ANSWERS: answers, **files}))
    elif out.suffix.lower() == ".pem":
        write_file(out, b"".join(files.values()))
        write_file(out.with_suffix(".csv"), answers)
    else:
        write_all(out, {**files, ANSWERS: answers})
    return f"written: {len(files)} certificates and {ANSWERS}: {out}"


def batch_claims(kind: str | None, role: str | None, applicant: str | None, status: str) -> Claims:
    """What the options say of every request. Raises LabError.

    Who applies is, unless said, who usually does for the kind of device or the role.
    """
    return Claims(
        chosen(Applicant, applicant, "applicant"),
        device_type(kind),
        chosen(DeviceStatus, status, "status") or DeviceStatus.PENDING,
        role_of(role),
    )
