"""``meterbench emulate``: a home that runs until it is stopped, for other programs to talk to."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from protocols.eui64 import eui64_text
from protocols.instant import Instant, to_datetime

from ..clock import RealClock
from ..emulation import Emulation, run_until_stopped
from ..exit_codes import ExitCode
from ..happenings import Happenings
from ..home_files import HomeFiles, last_lived
from ..installation import Installation, volatile
from ..pace import Pace
from ..pki import TestPki
from ..rig import Rig, RigError, kind_name, load_rig
from ..rig_text import rig_text

COUNTERS = "-counters.json"
"""Ends the name of the file of counters beside a rig file that is written."""


def run_emulate(
    rig_file: Path | None,
    speed: float,
    seconds: float | None,
    state: Path | None,
    bind: str,
    seed: int | None,
    rig_out: Path | None,
    *,
    from_now: bool,
) -> ExitCode:
    """Run until stopped. USAGE for a rig, folder or address that cannot be used."""
    try:
        rig = load_rig(rig_file).with_seed(seed)
        with ExitStack() as kept:
            # Whoever reaches devices by a rig file takes them for real ones, whose time is the present.
            _run(rig, speed, seconds, state, bind, rig_out, kept, from_now=from_now or rig_out is not None)
    except RigError as error:
        print(f"meterbench emulate: {error}", file=sys.stderr)
        return ExitCode.USAGE
    return ExitCode.PASS


def _run(
    rig: Rig,
    speed: float,
    seconds: float | None,
    state: Path | None,
    bind: str,
    rig_out: Path | None,
    kept: ExitStack,
    *,
    from_now: bool,
) -> None:
    if not any(section.emulated for section in rig.devices):
        raise RigError(f"{rig.source}: no device of the rig is emulated")
    life = _Life(rig, state, kept)
    pace = Pace(max(RealClock().now() if from_now else rig.started, life.last), speed)
    life.begin(pace)

    def started(emulation: Emulation) -> None:
        if rig_out is not None:
            _write_rig(rig_out, rig, emulation, new=life.new)
        _say("\n".join(_head(rig, emulation, pace(), speed)))
        life.begun()

    run_until_stopped(Emulation(rig, life.installation, pace, bind), seconds, started)
    _say(f"stopped at {_time(pace())}")


class _Life:
    """The devices and their memories. They can be made before it is known when they go on living."""

    def __init__(self, rig: Rig, state: Path | None, kept: ExitStack) -> None:
        self._files = None if state is None else HomeFiles(state, rig)
        if self._files is not None:
            kept.callback(self._files.close)
        self._pace: Pace | None = None
        self._happenings = Happenings(_say, time.monotonic)
        files = self._files
        memory, new = (volatile, True) if files is None else (files.memory, files.new)
        self.new = new
        self.installation = Installation(rig, TestPki(rig), self._now, self._happenings.watch, memory, new=new)
        if files is not None:
            files.check({name: server.device for name, server in self.installation.servers.items()})
        self.last = last_lived(self.installation.devices)

    def begin(self, pace: Pace) -> None:
        """From now on there is a time."""
        self._pace = pace

    def begun(self) -> None:
        """All devices live, and people know where: tell what happens."""
        self._happenings.begin()
        if self._files is not None:
            self._files.begun()

    def _now(self) -> Instant:
        return 0 if self._pace is None else self._pace()


def _head(rig: Rig, emulation: Emulation, now: Instant, speed: float) -> Iterator[str]:
    pace = "" if speed == 1 else f", {speed:g} times as fast as life"
    yield f"{rig.name}, seed {rig.seed}, from {_time(now)}{pace}"
    width = max(len(section.name) for section in rig.devices)
    for section in rig.devices:
        address = emulation.addresses.get(section.name)
        place = str(address) if address else "takes no messages" if section.emulated else f"real, at {section.reach}"
        yield f"{section.name:{width}}  {kind_name(section.type):6}  {eui64_text(section.eui64)}  {place}"
    yield "running; Ctrl-C stops it"


def _write_rig(path: Path, rig: Rig, emulation: Emulation, *, new: bool) -> None:
    """The rig file, and beside it, made by the first run, the counters. New devices know none of them."""
    counters = path.with_name(path.stem + COUNTERS)
    try:
        path.write_text(rig_text(rig, emulation.addresses, counters.name, emulation.products), encoding="utf-8")
        if new:
            counters.unlink(missing_ok=True)
    except OSError as error:
        raise RigError(f"{path}: cannot be written: {error.strerror}") from None


def _time(at: Instant) -> str:
    return f"{to_datetime(at):%Y-%m-%d %H:%M:%S} UTC"


def _say(text: str) -> None:
    print(text, flush=True)
