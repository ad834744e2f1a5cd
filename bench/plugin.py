"""The pytest plugin: a rig's devices, head end and clock as fixtures, and every exchange on record.

``pytest --rig my-rig.toml --evidence folder`` runs any test file against a rig; ``meterbench run`` does the same with
the suite that is shipped. Light to import: what costs time is loaded by the first test that asks for a device.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .home import Home
    from .recorder import Recorder
    from .rig import Rig
    from .target import Target

HOME = pytest.StashKey["Home"]()
"""Where a run that is started by ``meterbench run`` puts its home; otherwise the ``home`` fixture makes one."""

DEVICE_FIXTURES = frozenset({"esme", "gsme", "chf", "gpf", "ppmid", "hcalcs", "sapc", "ihd"})
"""The fixtures that give a device, each named after its kind."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a rig."""
    group = parser.getgroup("meterbench")
    group.addoption("--rig", metavar="FILE", help="rig file of the devices to test (default: the embedded rig)")
    group.addoption("--rig-seed", metavar="N", type=int, help="seed in place of the rig file's")
    group.addoption("--evidence", metavar="DIR", help="folder for the evidence (default: none is kept)")


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known; a rig or folder that cannot be used is told before the first test."""
    config.addinivalue_line("markers", "use_case(name): the use case that a bench test is about")
    config.addinivalue_line("markers", "requirement(text, ...): what a bench test speaks to")
    if config.getoption("--rig", None) or config.getoption("--evidence", None):
        _check_options(config)


def _check_options(config: pytest.Config) -> None:
    from .recording import OutputError, check_folder
    from .rig import RigError

    evidence = config.getoption("--evidence")
    if evidence and config.getoption("numprocesses", None):
        raise pytest.UsageError("--evidence: one process writes it; leave out -n")
    try:
        _rig(config)
        if evidence:
            check_folder(Path(evidence))
    except (RigError, OutputError) as error:
        raise pytest.UsageError(str(error)) from None


def _rig(config: pytest.Config) -> Rig:
    from .rig import load_rig

    path = config.getoption("--rig")
    return load_rig(Path(path) if path else None).with_seed(config.getoption("--rig-seed"))


@pytest.fixture(scope="session")
def home(pytestconfig: pytest.Config) -> Iterator[Home]:
    """The devices of the rig, started, with the head end that speaks to them."""
    given = pytestconfig.stash.get(HOME, None)
    if given is not None:
        yield given
        return
    with _made(pytestconfig) as made:
        pytestconfig.stash[HOME] = made
        yield made
        del pytestconfig.stash[HOME]


@contextmanager
def _made(config: pytest.Config) -> Iterator[Home]:
    from .home import Home
    from .recording import recorded

    evidence = config.getoption("--evidence")
    if not evidence:
        with Home(_rig(config)) as made:
            yield made
        return
    with recorded(_rig(config), Path(evidence), lambda _: None) as (made, finish):
        yield made
        finish()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say where the evidence is."""
    evidence = config.getoption("--evidence", None)
    if evidence and (Path(evidence) / "report.html").exists():
        terminalreporter.write_line(f"evidence: {Path(evidence).resolve()}")


def _one(home: Home, name: str) -> Target:
    from .rig import KINDS

    kind = KINDS[name.upper()]
    found = [target for target in home.targets if target.type is kind]
    if not found:
        pytest.skip(f"the rig has no {name.upper()}")
    target = found[0]
    if target.eui64 in home.awaiting_hand_over:
        from .credentials import hand_over

        hand_over(home, target)  # as at commissioning, before anything else
    return target


@pytest.fixture
def esme(home: Home) -> Target:
    """The rig's first electricity meter."""
    return _one(home, "esme")


@pytest.fixture
def gsme(home: Home) -> Target:
    """The rig's first gas meter."""
    return _one(home, "gsme")


@pytest.fixture
def chf(home: Home) -> Target:
    """The rig's first communications hub."""
    return _one(home, "chf")


@pytest.fixture
def gpf(home: Home) -> Target:
    """The rig's first gas proxy."""
    return _one(home, "gpf")


@pytest.fixture
def ppmid(home: Home) -> Target:
    """The rig's first prepayment display."""
    return _one(home, "ppmid")


@pytest.fixture
def hcalcs(home: Home) -> Target:
    """The rig's first load switch of the home."""
    return _one(home, "hcalcs")


@pytest.fixture
def sapc(home: Home) -> Target:
    """The rig's first stand-alone proportional controller."""
    return _one(home, "sapc")


@pytest.fixture
def ihd(home: Home) -> Target:
    """The rig's first in-home display."""
    return _one(home, "ihd")


@pytest.fixture
def recorder(home: Home) -> Recorder:
    """What is written down of this run."""
    return home.recorder


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tell the record which test begins."""
    recorder = _recorder(item)
    if recorder is not None:
        recorder.test_title = _title(item)
        recorder.requirements = tuple(text for mark in item.iter_markers("requirement") for text in mark.args)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Close the record of a test: what broke it off decides the verdict of its last exchange."""
    report = yield
    recorder = _recorder(item)
    if recorder is None or call.when == "teardown" or (call.when == "setup" and call.excinfo is None):
        return report
    from .evidence import Verdict

    verdict, reason, recorded = None, "", False
    if call.excinfo is not None:
        error = call.excinfo.value
        reason, recorded = str(error) or type(error).__name__, getattr(error, "recorded", False)
        if isinstance(error, pytest.skip.Exception):
            verdict = Verdict.SKIPPED
        else:
            from .findings import verdict_of

            verdict = verdict_of(error, item.path, Path(str(call.excinfo.traceback[-1].path)))
            if verdict is Verdict.ERROR:
                reason = f"{type(error).__name__}: {reason}"
    recorder.end_test(_device_name(item), _use_case(item), verdict, reason, recorded=recorded)
    return report


def _recorder(item: pytest.Item) -> Recorder | None:
    found: Home | None = item.config.stash.get(HOME, None)
    return found.recorder if found is not None and "home" in getattr(item, "fixturenames", ()) else None


def _use_case(item: pytest.Item) -> str:
    mark = item.get_closest_marker("use_case")
    return str(mark.args[0]) if mark else item.name.removeprefix("test_")


def _title(item: pytest.Item) -> str:
    function = getattr(item, "function", None)
    text = (getattr(function, "__doc__", None) or item.name).strip().splitlines()[0]
    return text.rstrip(".")


def devices_of(item: pytest.Item) -> set[str]:
    """The kinds of device that a test asks for, by the names of their fixtures."""
    callspec = getattr(item, "callspec", None)
    chosen = {value for value in callspec.params.values() if isinstance(value, str)} if callspec is not None else set()
    return set(DEVICE_FIXTURES) & (chosen | set(getattr(item, "fixturenames", ())))


def _device_name(item: pytest.Item) -> str:
    home = item.config.stash.get(HOME, None)
    found = devices_of(item)
    names = [target.name for target in (home.targets if home else ()) if target.kind.lower() in found]
    return names[0] if names else "bench"
