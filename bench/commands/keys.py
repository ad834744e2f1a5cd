"""``meterbench keys init|show|revoke|crl|accept``: a laboratory, what is in it, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import Any

from protocols.instant import Instant, text
from protocols.smki.infrastructure import BEGINS
from protocols.smki.revocation import RevocationReason

from ..authority.batches import Batches
from ..authority.exporting import Form, current_lists, write_all
from ..authority.laboratory import Laboratory
from ..authority.lists import SIGNERS, KeptList, ListKind, Lists, revoke
from ..authority.registration import Registration, State
from ..authority.repository import Search, Status
from ..authority.sealing import PASS_PHRASE_FILE, LabError, new_pass_phrase
from ..authority.times import AUTHORITY_YEARS, years_from
from ..authority.upkeep import Upkeep
from ..exit_codes import ExitCode
from ..pass_phrase import environment_pass_phrase
from .keys_common import entry_json, entry_line, moment, opened, record_json, record_line, tell

SHOWN = 50
"""Certificates that people are shown at once."""


def run_init(
    folder: Path, begins: str | None, at: str | None, pass_phrase_file: Path | None, *, as_json: bool
) -> ExitCode:
    """Make a laboratory."""
    now, first = moment(at), BEGINS if begins is None else moment(begins)
    if first > now:
        raise LabError(
            f"validity begins at {text(first)}, which is later than the time, {text(now)}: give another --begins"
        )
    if years_from(first, AUTHORITY_YEARS).not_after < now:
        raise LabError(f"--begins {begins}: authorities are valid for {AUTHORITY_YEARS} years, which are over")
    own = pass_phrase_file is None and environment_pass_phrase() is None
    with Laboratory.create(folder, lambda: new_pass_phrase(folder, pass_phrase_file), now, begins=first) as lab:
        Upkeep(lab).advance(now)
        authorities = lab.authorities.all()
    kept = f"in {folder / PASS_PHRASE_FILE}, readable for you alone" if own else "yours; it is kept nowhere"
    lines = [f"laboratory in {folder}, valid from {text(first)}"]
    lines += [f"  {one.hierarchy:12}  {one.level:7}  {one.name}" for one in authorities]
    lines += [f"pass phrase: {kept}", f"next: meterbench keys issue {quote(str(folder))} --rig dual-fuel-home"]
    value = {
        "folder": str(folder),
        "pass_phrase_file": str(folder / PASS_PHRASE_FILE) if own else None,
        "authorities": [
            {
                "hierarchy": str(one.hierarchy),
                "level": str(one.level),
                "name": str(one.certificate.subject),
                "key_identifier": one.key_identifier.hex().upper(),
            }
            for one in authorities
        ],
    }
    tell(lines, value, as_json=as_json)
    return ExitCode.PASS


# What is in it


def run_show(folder: Path, found: Search, at: str | None, *, listed: bool, history: bool, as_json: bool) -> ExitCode:
    """The state of a laboratory, or the certificates that fit. FAIL when none does."""
    now = moment(at)
    with opened(folder, None, write=False) as lab:
        if history:
            events = lab.history()
            value: dict[str, Any] = {"history": [{"at": text(when), "what": what} for when, what in events]}
            tell([f"{text(when)}  {what}" for when, what in events], value, as_json=as_json)
            return ExitCode.PASS
        if not listed:
            tell(list(_state_lines(lab, now)), _state_json(lab, now), as_json=as_json)
            return ExitCode.PASS
        total = lab.repository.count(found)
        records = list(lab.repository.find(found, -1 if as_json else SHOWN))
    lines = _first(map(record_line, records), total)
    tell(lines or ["no certificate fits"], {"certificates": [record_json(one) for one in records]}, as_json=as_json)
    return ExitCode.PASS if total else ExitCode.FAIL


def _first(lines: Iterable[str], total: int) -> list[str]:
    """As many lines as people are shown at once, and how many there are besides."""
    shown = list(islice(lines, SHOWN))
    return shown if total <= len(shown) else [*shown, f"... and {total - len(shown)} more; --json gives all"]


def _state_lines(lab: Laboratory, now: Instant) -> Iterator[str]:
    for one in lab.authorities.all():
        ended = f", {one.state} {text(one.ended)}" if one.ended is not None else ""
        yield f"{one.hierarchy:12}  {one.level:7}  {one.name}, {one.issued} issued{ended}"
    for (kind, status), number in _counts(lab).items():
        yield f"{number:>7}  {kind} certificates {status}"
    lists = Lists(lab)
    for kind, hierarchy, _ in SIGNERS:
        current = lists.current(kind, hierarchy)
        said = "none yet" if current is None else _list_line(current)
        yield f"{hierarchy} {kind}: {said}"
    yield f"next due: {text(Upkeep(lab).due())}"
    for late in lists.late(now):
        yield f"late: {late}; make it with: meterbench keys crl {quote(str(lab.folder))}"
    batches = Batches(lab)
    for batch in batches.all():
        done = f"answered {text(batch.finished)}" if batch.finished is not None else "not finished"
        yield (
            f"batch {batch.number}: {batch.source}, {batches.answered(batch)} of {batch.total} requests, "
            f"due {text(batch.deadline)}, {done}{', LATE' if (batch.finished or now) > batch.deadline else ''}"
        )
    waiting = Registration(lab).in_state(State.ISSUED)
    yield from _first((f"waits for its applicant: {entry_line(entry)}" for entry in waiting), len(waiting))


def _state_json(lab: Laboratory, now: Instant) -> dict[str, Any]:
    lists, batches = Lists(lab), Batches(lab)
    current = [lists.current(kind, hierarchy) for kind, hierarchy, _ in SIGNERS]
    return {
        "authorities": [
            {
                "hierarchy": str(one.hierarchy),
                "level": str(one.level),
                "key_identifier": one.key_identifier.hex().upper(),
                "state": str(one.state),
                "begun": text(one.begun),
                "issued": one.issued,
            }
            for one in lab.authorities.all()
        ],
        "certificates": [
            {"kind": kind, "status": status, "number": number} for (kind, status), number in _counts(lab).items()
        ],
        "lists": [_list_json(one) for one in current if one is not None],
        "next_due": text(Upkeep(lab).due()),
        "late": lists.late(now),
        "batches": [
            {
                "batch": batch.number,
                "source": batch.source,
                "total": batch.total,
                "answered": batches.answered(batch),
                "deadline": text(batch.deadline),
                "finished": text(batch.finished) if batch.finished is not None else None,
            }
            for batch in batches.all()
        ],
        "awaiting_acceptance": [entry_json(entry) for entry in Registration(lab).in_state(State.ISSUED)],
    }


def _counts(lab: Laboratory) -> dict[tuple[str, str], int]:
    query = "SELECT kind, status, count(*) FROM certificate GROUP BY kind, status ORDER BY kind, status"
    return {(kind, status): number for kind, status, number in lab.db.execute(query)}


def _list_line(kept: KeptList) -> str:
    revoked = len(kept.list.entries)
    return f"number {kept.number} of {text(kept.this_update)}, {revoked} revoked, next {text(kept.next_update)}"


def _list_json(kept: KeptList) -> dict[str, Any]:
    return {
        "kind": str(kept.kind),
        "hierarchy": str(kept.hierarchy),
        "number": kept.number,
        "this_update": text(kept.this_update),
        "next_update": text(kept.next_update),
        "revoked": [f"{entry.serial:X}" for entry in kept.list.entries],
    }


# What becomes of certificates


def run_accept(
    folder: Path, number: int | None, batch: int | None, declined: str | None, at: str | None, *, as_json: bool
) -> ExitCode:
    """The applicant takes what was issued, which is then lodged, or declines it: one, or all of a batch that wait."""
    now = moment(at)
    if (number is None) == (batch is None):
        raise LabError("which? the number of a request, or --batch N: meterbench keys show lists what waits")
    with opened(folder, None, write=True) as lab:
        registration = Registration(lab)
        numbers = [number] if number is not None else _waiting(lab, batch or 0)
        with lab.change(now):
            for one in numbers:
                if declined is None:
                    registration.accept(one, now)
                else:
                    registration.decline(one, now, declined)
            registration.lodge(now)
        entries = [registration.get(one) for one in numbers]
    value = entry_json(entries[0]) if number is not None else {"requests": [entry_json(entry) for entry in entries]}
    tell(_first(map(entry_line, entries), len(entries)), value, as_json=as_json)
    return ExitCode.PASS


def _waiting(lab: Laboratory, batch: int) -> list[int]:
    """The requests of a batch that wait for their applicant. Raises LabError when none does."""
    of_batch = Registration(lab).of_batch(Batches(lab).get(batch).number)
    numbers = [entry.number for entry in of_batch if entry.state is State.ISSUED]
    if not numbers:
        raise LabError(f"batch {batch}: nothing of it waits for its applicant")
    return numbers


def run_revoke(
    folder: Path, found: Search, reason: str, at: str | None, pass_phrase_file: Path | None, *, as_json: bool
) -> ExitCode:
    """Revoke the one certificate that fits, and make the list that tells of it."""
    now, why = moment(at), _reason(reason)
    with opened(folder, pass_phrase_file, write=True) as lab:
        if found == Search():
            raise LabError("which certificate? give --id, --serial or --key-id")
        records = list(lab.repository.find(found._replace(statuses=tuple(Status)), 2))
        if len(records) != 1:
            few = "no certificate fits" if not records else "more than one certificate fits; --id names one"
            raise LabError(f"{few}: meterbench keys show {folder} --all lists them")
        revoke(lab, records[0], why, now)
        made = Upkeep(lab).advance(now)
        record = lab.repository.get(records[0].number)
    if record is None:
        raise LabError(f"{folder}: certificate {records[0].number} has gone")
    lines = [record_line(record), *(f"{one.hierarchy} {one.kind}: {_list_line(one)}" for one in made)]
    tell(lines, {**record_json(record), "lists": [_list_json(one) for one in made]}, as_json=as_json)
    return ExitCode.PASS


def _reason(given: str) -> RevocationReason:
    known = {each.name.lower().replace("_", "-"): each for each in RevocationReason}
    if given not in known:
        raise LabError(f"no reason {given!r}; known are {', '.join(known)}")
    return known[given]


def run_crl(
    folder: Path,
    out: Path | None,
    form: str,
    at: str | None,
    pass_phrase_file: Path | None,
    *,
    authorities: bool,
    new: bool,
    as_json: bool,
) -> ExitCode:
    """Make the lists that are due, and write those in force."""
    now = moment(at)
    wanted = ListKind.AUTHORITIES if authorities else ListKind.CERTIFICATES
    if form not in (Form.PEM, Form.DER):
        raise LabError(f"--form {form}: pem or der is needed")
    with opened(folder, pass_phrase_file, write=True) as lab:
        made = Upkeep(lab).advance(now)
        if new:
            made += _make_others(lab, wanted, made, now)
        shown = [Lists(lab).current(kind, hierarchy) for kind, hierarchy, _ in SIGNERS if kind is wanted]
        current = [one for one in shown if one is not None]
        files = current_lists(lab, Form(form), wanted)
    written = [] if out is None else [str(out / name) for name in files]
    if out is not None:
        write_all(out, files)
    lines = [f"{one.hierarchy} {one.kind}: {_list_line(one)}" for one in current]
    lines += [f"written: {name}" for name in written]
    tell(lines, {"lists": [_list_json(one) for one in current], "made": len(made), "files": written}, as_json=as_json)
    return ExitCode.PASS


def _make_others(lab: Laboratory, wanted: ListKind, made: list[KeptList], now: Instant) -> list[KeptList]:
    """Lists of one kind that are not due, besides those just made."""
    fresh = {(one.kind, one.hierarchy) for one in made}
    others = [(kind, hierarchy) for kind, hierarchy, _ in SIGNERS if kind is wanted and (kind, hierarchy) not in fresh]
    return [Lists(lab).make(kind, hierarchy, now) for kind, hierarchy in others]
