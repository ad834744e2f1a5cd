"""A home whose exchanges are kept as evidence: what a run writes down, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from protocols.errors import LocalProtocolError
from protocols.gbcs.keys import KeyName

from .evidence import CertificateRecord, DeviceRecord, EvidenceFolder, Exchange, RunRecord, environment
from .home import Home
from .rig import Rig

MARKS_OF_EVIDENCE = ("manifest.json", "run.json", "messages.jsonl")
"""A folder that holds one of these was made by a run before and may be used again."""

Progress = Callable[[Exchange], None]


class OutputError(LocalProtocolError):
    """The folder for the evidence cannot be used. The text says why and what to do."""


def check_folder(folder: Path) -> None:
    """Raises OutputError unless ``folder`` is absent, empty, or holds the evidence of a run before."""
    try:
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    except OSError as error:
        raise OutputError(f"{folder}: cannot be used for evidence: {error.strerror}; give another with --out") from None
    if names and not names & set(MARKS_OF_EVIDENCE):
        raise OutputError(f"{folder}: is there already and holds no evidence of a run; give another with --out")


@contextmanager
def recorded(rig: Rig, folder: Path, progress: Progress) -> Iterator[tuple[Home, Callable[[], RunRecord]]]:
    """A home whose exchanges go to the evidence folder; the second member closes it and gives the whole record.

    Raises OutputError. What was seen before a crash is in the folder.
    """
    check_folder(folder)
    done: list[Exchange] = []
    with Home(rig, lambda exchange: keep(exchange)) as home:
        head = head_of(home)
        try:
            evidence = EvidenceFolder(folder, head)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be written: {error.strerror}; give another with --out") from None

        def keep(exchange: Exchange) -> None:
            done.append(exchange)
            evidence.exchange(exchange)
            progress(exchange)

        def finish() -> RunRecord:
            home.recorder.close()
            whole = replace(
                head,
                devices=tuple(_as_left(home, record) for record in head.devices),
                exchanges=tuple(done),
                procedures=home.recorder.whole_procedures(),
                plots=home.diary.plots(),
                certificates=_certificates_of_parties(home),
            )
            evidence.finish(whole)
            return whole

        with evidence:
            yield home, finish


def head_of(home: Home) -> RunRecord:
    """What is known of a run before its first exchange."""
    rig = home.rig
    return RunRecord(
        rig=rig.name,
        rig_sha256=rig.text_sha256,
        seed=rig.seed,
        started=home.clock.now(),
        devices=tuple(
            DeviceRecord(t.name, t.kind, t.eui64, t.firmware, _certificates(home, t.eui64)) for t in home.targets
        ),
        certificates=_certificates_of_parties(home),
        **environment(),
    )


def _as_left(home: Home, record: DeviceRecord) -> DeviceRecord:
    """A device as the run has left it: with all its certificates, old and new, and the firmware that runs now."""
    target = home.target(record.name)
    held = (*record.certificates, *_certificates(home, target.eui64))
    updated = target.firmware if target.firmware != record.firmware else ""
    return replace(record, certificates=tuple(dict.fromkeys(held)), updated_to=updated)


def _certificates_of_parties(home: Home) -> tuple[CertificateRecord, ...]:
    """Those of the rig's parties, and of all that came later: newcomers, and the next keys of the same parties."""
    first = [made for party in home.head_end.parties.values() for made in _certificates(home, party.eui64)]
    later = [
        CertificateRecord(str(use), party.eui64.hex().upper(), sha256(party.certificate(use)).hexdigest())
        for party in home.pki.others
        for use in party.uses
    ]
    return (*first, *later)


def _certificates(home: Home, owner: bytes) -> tuple[CertificateRecord, ...]:
    names: list[KeyName] = sorted(name for name in home.observer.names() if name.party == owner)
    found = ((name, home.observer.certificate(name)) for name in names)
    return tuple(
        CertificateRecord(str(n.use), n.party.hex().upper(), sha256(der).hexdigest()) for n, der in found if der
    )
