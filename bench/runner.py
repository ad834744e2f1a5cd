"""Carries out the suite on a rig and leaves evidence; what a person sees of it is the caller's business."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from protocols.errors import LocalProtocolError
from protocols.gbcs.keys import KeyName

from . import plugin
from .evidence import CertificateRecord, DeviceRecord, EvidenceFolder, Exchange, RunRecord, Verdict, environment
from .home import Home
from .rig import Rig

MARKS_OF_EVIDENCE = ("manifest.json", "run.json", "messages.jsonl")
"""A folder that holds one of these was made by a run before and may be used again."""

_CARRIED_OUT = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)

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
            whole = replace(head, exchanges=tuple(done), plots=home.diary.plots())
            evidence.finish(whole)
            return whole

        with evidence:
            yield home, finish


def run_suite(rig: Rig, folder: Path, progress: Progress = lambda _: None, tests: Sequence[str] = ()) -> RunRecord:
    """Carry out the suite that is shipped, or the tests given; raises OutputError."""
    with recorded(rig, folder, progress) as (home, finish):
        outcome = _pytest(home, tests or [str(suite_folder())])
        if outcome not in _CARRIED_OUT:
            _break_off(home, outcome)
        return finish()


def _break_off(home: Home, outcome: pytest.ExitCode) -> None:
    """Have the record say that tests are missing from it: what was done before may have passed, the run has not."""
    said = outcome.name.lower().replace("_", " ")
    home.recorder.open("bench", "", "The suite as a whole")
    home.recorder.close(Verdict.ERROR, f"not carried out to its end: pytest says {said}")


def suite_folder() -> Path:
    """Where the tests that are shipped lie."""
    return Path(str(resources.files("bench").joinpath("suite")))


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
        certificates=tuple(
            made for party in home.head_end.parties.values() for made in _certificates(home, party.eui64)
        ),
        **environment(),
    )


def _certificates(home: Home, owner: bytes) -> tuple[CertificateRecord, ...]:
    names: list[KeyName] = sorted(name for name in home.observer.names() if name.party == owner)
    found = ((name, home.observer.certificate(name)) for name in names)
    return tuple(
        CertificateRecord(str(n.use), n.party.hex().upper(), sha256(der).hexdigest()) for n, der in found if der
    )


class _Hooks:
    """Hands the home to the plugin, and leaves out the tests of devices that the rig does not have."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[plugin.HOME] = self._home

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        present = {target.kind.lower() for target in self._home.targets}
        wanted = {item: plugin.devices_of(item) for item in items}
        items[:] = [item for item in items if wanted[item] <= present]
        left_out = Counter(kind for kinds in wanted.values() for kind in sorted(kinds - present)[:1])
        for kind, number in left_out.items():
            self._home.recorder.open("bench", "", _left_out(number, kind.upper()))
            self._home.recorder.close(Verdict.SKIPPED, f"the rig has no {kind.upper()}")


def _left_out(number: int, kind: str) -> str:
    article = "an" if kind[0] in "EHIS" else "a"  # as the letters are said
    return f"{number} test{'' if number == 1 else 's'} for {article} {kind}"


def _pytest(home: Home, tests: Sequence[str]) -> pytest.ExitCode:
    """Run pytest in this process: quietly, without configuration or plugins of whoever calls."""
    arguments = ["-c", os.devnull, "--rootdir", str(suite_folder()), "--noconftest", "-p", "no:cacheprovider"]
    arguments += ["-p", "no:terminal", "-p", "no:logging", "-p", "no:warnings", "--assert=plain", "--capture=no"]
    plugins: list[Any] = [plugin, _Hooks(home)]
    with _no_foreign_plugins():
        return pytest.ExitCode(pytest.main([*arguments, *tests], plugins=plugins))


@contextmanager
def _no_foreign_plugins() -> Iterator[None]:
    """Plugins that happen to be installed are not loaded: a run is the same everywhere."""
    name = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
