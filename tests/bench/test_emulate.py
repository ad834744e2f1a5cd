"""A home that is kept running by another process: reached, watched, stopped, killed, and started again."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.commands.emulate import run_emulate
from bench.counter_file import IN_RESERVE, read_counters, write_counters
from bench.evidence import Verdict
from bench.exit_codes import ExitCode
from bench.happenings import Happenings, happening_text
from bench.head_end import Command, HeadEnd
from bench.pace import MOST_AT_ONCE, Pace
from bench.pki import TestPki
from bench.requests import Request, dlms, gbz
from bench.rig import Rig, RigError, load_rig
from bench.runner import run_suite, suite_folder
from firmware_emu import SendHan, Show, SwitchMoved
from hal import open_blocking
from protocols.dlms.access import AccessResponse
from protocols.dlms.data import octet_string
from protocols.eui64 import Eui64
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict as KeyVerdict
from protocols.gbcs.protection import verify
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import instant

PATIENCE = 60.0
"""Seconds after which a test gives up; nothing waits this long when all is well."""
ROOT = Path(__file__).parents[2]
NEW_YEAR = instant(2026, 1, 1)
METER, HUB, GAS = "electricity-meter", "hub", "gas-meter"


class Running:
    """``meterbench emulate`` in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        line = [sys.executable, "-m", "bench", "emulate", *arguments]
        self.process = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.head = self.until("running")
        self.addresses = {
            line.split()[0]: line.split()[-1] for line in self.head if line.split()[-1][:4] in ("tcp:", "pty:")
        }

    def until(self, text: str) -> list[str]:
        """The lines up to and including the first that holds a text."""
        lines = [self._next()]
        while text not in lines[-1]:
            lines.append(self._next())
        return lines

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Send a signal; the exit status and what was said of errors."""
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE)
        return status, self._errors()

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        self._errors()

    def _errors(self) -> str:
        self._reader.join(PATIENCE)
        assert self.process.stderr is not None
        if self.process.stderr.closed:
            return ""
        with self.process.stderr as errors:
            return errors.read()

    def _next(self) -> str:
        return self._lines.get(timeout=PATIENCE)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._lines.put(line.rstrip("\n"))


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    found = Running(*arguments)
    try:
        yield found
    finally:
        found.close()


class Asking:
    """A head end of one rig, for one message at a time. ``run`` sets its counters apart from those of runs before."""

    def __init__(self, rig: Rig, run: int = 1) -> None:
        self._pki = TestPki(rig)
        kinds = {device.eui64: device.type for device in rig.devices}
        self._head_end = HeadEnd(self._pki.parties, kinds, run << 40)

    def command(self, device: Eui64, request: Request) -> Command:
        """A command, protected."""
        return self._head_end.command(device, request)

    def send(self, address: str, command: Command) -> Message:
        """Send a command to a device at an address; its answer, which must be authentic."""
        with open_blocking(address) as wire:
            wire.send(command.octets)
            while True:
                message = Message.decode(wire.receive(PATIENCE).payload)
                if message.cra is Cra.RESPONSE and message.counter == command.message.counter:
                    break
        assert verify(message, self._pki.parties[command.sender].store).mac is KeyVerdict.VALID
        return message

    def ask(self, address: str, device: Eui64, request: Request) -> AccessResponse:
        """As ``send``, for DLMS commands; the payload of the answer."""
        payload = decode_payload(self.send(address, self.command(device, request)))
        assert isinstance(payload, AccessResponse)
        return payload


RIG = load_rig()
IDENTITY = {device.name: device.eui64 for device in RIG.devices}


def test_devices_of_a_running_home_answer_until_it_is_interrupted() -> None:
    asking = Asking(RIG)
    with running("--speed", "100") as home:
        assert home.head[0].startswith("dual-fuel home, seed 1, from 2026-07-01 00:")
        assert home.head[0].endswith("100 times as fast as life")
        assert home.addresses[METER].startswith("pty:")
        assert home.addresses[HUB].startswith("tcp:127.0.0.1:")
        assert set(home.addresses) == set(IDENTITY) - {"in-home-display"}
        for name in (METER, HUB):
            answer = asking.ask(home.addresses[name], IDENTITY[name], dlms("ECS52"))
            assert answer.data[0].value.hex() == RIG.devices[list(IDENTITY).index(name)].firmware
            assert home.until(f"{name}  response ECS52")
        # the hub passes on what is for others
        answer = asking.ask(home.addresses[HUB], IDENTITY[METER], dlms("ECS52"))
        assert answer.data[0].value.hex() == "02000001"
        assert home.until("in-home-display  electricity power:")
        assert home.stop(signal.SIGINT) == (0, "")
        assert home.until("stopped at 2026-07-01")


def test_a_killed_home_goes_on_with_what_it_had(tmp_path: Path) -> None:
    state, rig = str(tmp_path / "state"), tmp_path / "rig.toml"
    mpan = dlms("ECS39a", octet_string(b"1200023305967"))
    with running("--state", state, "--speed", "100") as home:
        Asking(RIG).ask(home.addresses[METER], IDENTITY[METER], mpan)
        home.until("response ECS39a")
        home.stop(signal.SIGKILL)
    with running("--state", state, "--speed", "100", "--rig-out", str(rig)) as home:
        began = home.head[0].partition("from ")[2].partition(",")[0]
        assert began >= "2026-07-01 00:00"
        answer = Asking(load_rig(rig), run=2).ask(home.addresses[METER], IDENTITY[METER], dlms("ECS40"))
        assert answer.data[0].value == b"1200023305967"
        # devices are still in the network: what the meter sends leaves through the hub, displays ask it
        home.until("prepayment-display  electricity import:")
        assert home.stop(signal.SIGTERM) == (0, "")
        assert (tmp_path / "state" / "home.json").exists()
    with running("--state", state, "--for", "0") as home:
        assert home.head[0].partition("from ")[2] > began
        assert home.process.wait(PATIENCE) == 0


def test_the_suite_runs_against_a_running_home(tmp_path: Path) -> None:
    rig = tmp_path / "reach.toml"
    with running("--rig-out", str(rig)) as home:  # which begins at the present, as a bench expects of real devices
        names = ("test_1_hub.py", "test_3_electricity_changes.py", "test_6_gas_prepayment.py")
        tests = [str(suite_folder() / name) for name in names]
        for number in range(2):  # counters go on from one run to the next
            record = run_suite(load_rig(rig), tmp_path / f"evidence-{number}", tests=tests)
            reasons = [e.reason for e in record.exchanges if e.verdict is not Verdict.PASS]
            assert [reason for reason in reasons if "this rig has real devices" not in reason] == []
            assert record.plots == ()
        assert (tmp_path / "reach-counters.json").exists()
        assert home.stop()[0] == 0


def test_a_gas_meter_wakes_for_what_waits_at_the_hub() -> None:
    asking = Asking(RIG)
    with running("--speed", "3600") as home:
        answer = asking.send(home.addresses[HUB], asking.command(IDENTITY[GAS], gbz("GCS38")))
        assert answer.originator == IDENTITY[GAS]
        assert home.stop()[0] == 0


# -- what cannot be used ----------------------------------------------------------------------------------------------


def refused(capsys: pytest.CaptureFixture[str], rig: Path | None = None, **given: object) -> str:
    arguments = {"speed": 1.0, "seconds": 0.0, "state": None, "bind": "127.0.0.1", "seed": None, "rig_out": None}
    found = run_emulate(rig, **{**arguments, **given}, from_now=False)  # type: ignore[arg-type]  # as a person gives them
    assert found is ExitCode.USAGE
    return capsys.readouterr().err


def test_what_cannot_be_used_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = tmp_path / "real.toml"
    real.write_text(
        'name = "x"\n[[device]]\nname = "m"\ntype = "ESME"\neui64 = "00DB1234567890A0"\nreach = "tcp:h:1"\n'
    )
    assert "no device of the rig is emulated" in refused(capsys, real)
    assert "cannot be read" in refused(capsys, tmp_path / "none.toml")
    assert "--bind 192.0.2.1: cannot listen there" in refused(capsys, bind="192.0.2.1")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    assert "holds thesis.txt and no memories of a home" in refused(capsys, state=tmp_path / "full")
    assert (tmp_path / "full" / "thesis.txt").exists()
    assert "cannot be used for the devices' memories" in refused(capsys, state=real)
    assert "cannot be written" in refused(capsys, rig_out=tmp_path / "none" / "rig.toml")


def test_memories_of_another_home_are_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    assert run_emulate(None, 1.0, 0.0, state, "127.0.0.1", 5, None, from_now=False) is ExitCode.PASS
    kept = {path.name: path.read_bytes() for path in state.iterdir()}
    assert "another home or seed" in refused(capsys, state=state, seed=6)
    assert {path.name: path.read_bytes() for path in state.iterdir()} == kept
    (state / "hub.sqlite").write_bytes(b"no database" * 1000)
    assert "hub.sqlite: no memory of a device" in refused(capsys, state=state, seed=5)


def test_what_a_broken_start_left_is_thrown_away(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "hub.sqlite").write_bytes(b"half written")
    assert run_emulate(None, 1.0, 0.0, state, "127.0.0.1", None, None, from_now=False) is ExitCode.PASS


def test_counters_of_a_run_that_was_killed_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "counters.json"
    write_counters(file, {RemotePartyRole.SUPPLIER: 5}, IN_RESERVE)
    assert read_counters(file) == {RemotePartyRole.SUPPLIER: 5 + IN_RESERVE}
    assert read_counters(tmp_path / "none.json") == {}
    for text in ("[]", "{", '{"baker": 1}', '{"supplier": "x"}'):
        file.write_text(text)
        with pytest.raises(RigError, match="no file of counters"):
            read_counters(file)


# -- time and lines ---------------------------------------------------------------------------------------------------


def test_time_passes_as_fast_as_asked_but_not_faster_than_devices_can_live() -> None:
    at = [0.0]
    pace = Pace(1000, 60.0, lambda: at[0])
    assert pace() == 1000
    at[0] = 0.5
    assert pace() == 1030
    assert pace.seconds_until(1060) == pytest.approx(0.5)
    assert pace.seconds_until(1000) == 0
    for step in range(100):
        at[0] = 0.5 + step / 100
        pace()
    assert pace() == 1030 + 59
    at[0] = 1e6
    assert pace() == 1089 + MOST_AT_ONCE


def test_only_so_many_lines_are_written_in_a_second() -> None:
    lines: list[str] = []
    at = [0.0]
    happenings = Happenings(lines.append, lambda: at[0])
    happenings.watch("early", Show("power", "1 W"), NEW_YEAR)
    assert lines == []
    happenings.begin()
    assert lines == ["2026-01-01 00:00:00  early  power: 1 W"]
    for number in range(100):
        happenings.watch("display", Show("power", f"{number} W"), NEW_YEAR)
    happenings.watch("switch", SwitchMoved("relay", 100), NEW_YEAR)
    assert len(lines) == 6
    assert lines[-1] == "2026-01-01 00:00:00  switch  relay moves to 100 %"
    at[0] = 1.5
    happenings.watch("display", Show("power", "0 W"), NEW_YEAR)
    assert lines[-2:] == ["... 96 more, not shown", "2026-01-01 00:00:00  display  power: 0 W"]
    assert happening_text(SendHan(Eui64(bytes(8)), 1, b"")) == ""
