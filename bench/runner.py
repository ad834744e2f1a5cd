"""Carries out the suite on a rig and leaves evidence; what a person sees of it is the caller's business."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY

from . import plugin
from .evidence import RunRecord, Verdict
from .home import Home
from .recording import Progress, recorded
from .rig import Rig
from .target import Target

NO_LOAD = "the rig gives the meter no load: it measures nothing, and wrong amounts cannot be seen"
_CARRIED_OUT = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


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
        for target in self._home.targets:
            if target.type in (DeviceType.ESME, DeviceType.GSME) and _idle(target):
                self._home.recorder.open(target.name, "", "Amounts other than nothing")
                self._home.recorder.close(Verdict.SKIPPED, NO_LOAD)


def _idle(target: Target) -> bool:
    """Whether a meter has nothing to measure in the first day of the run."""
    load, now = target.section.load, target.now
    used = load.litres_between if target.type is DeviceType.GSME else load.watt_hours_between
    return used(now, now + DAY) == 0


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
