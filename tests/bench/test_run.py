"""``meterbench run`` as a person meets it: output, exit status, evidence, messages of one's own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.commands.run import run_run
from bench.evidence import Verdict, verify_manifest
from bench.exit_codes import ExitCode
from bench.head_end import HeadEnd
from bench.pki import TestPki
from bench.requests import dlms
from bench.rig import load_rig
from bench.runner import NO_LOAD, run_suite, suite_folder
from bench.spoiling import with_altered_octet
from protocols.dlms.data import octet_string
from protocols.errors import DecodeError
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload

RIG = load_rig()
ESME = RIG.devices[1].eui64
ROOT = Path(__file__).parents[2]


def command(counter: int = 1 << 40) -> bytes:
    """A command that the embedded rig's meter takes: its keys follow from the seed."""
    head_end = HeadEnd(TestPki(RIG).parties, {device.eui64: device.type for device in RIG.devices})
    request = dlms("ECS39a", octet_string(b"1200023305967"))
    return head_end.command(ESME, request, counter=counter).octets


def altered() -> bytes:
    head_end = HeadEnd(TestPki(RIG).parties, {device.eui64: device.type for device in RIG.devices})
    return with_altered_octet(head_end.command(ESME, dlms("ECS52"))).octets


def send(folder: Path, *messages: bytes, device: str | None = None, as_json: bool = False) -> ExitCode:
    files = []
    for number, octets in enumerate(messages):
        files.append(folder / f"message-{number}.hex")
        files[-1].write_text(octets.hex() + "\n")
    return run_run(None, folder / "evidence", None, files, device, as_json=as_json)


def test_a_message_of_ones_own_is_answered_and_decoded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert send(tmp_path, command()) is ExitCode.PASS
    out = capsys.readouterr().out
    assert "PASS  message-0.hex -> electricity-meter" in out
    assert "response: ECS39a response" in out
    assert str(tmp_path / "evidence") in out
    assert (tmp_path / "evidence" / "report.html").exists()


def test_a_refused_message_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert send(tmp_path, altered()) is ExitCode.FAIL
    out = capsys.readouterr().out
    assert "answer: expected a response, found none; alert 8F3D authentication" in out


def test_the_run_goes_on_after_a_message_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stranger = bytearray(command())
    stranger[stranger.index(ESME) + 7] = 0x99
    assert send(tmp_path, b"\xff\xff", bytes(stranger), command()) is ExitCode.FAIL
    out = capsys.readouterr().out
    assert "no GBCS message: octet 0 (tag)" in out
    assert "which is not in the rig" in out
    assert "PASS  message-2.hex" in out


def test_anything_can_be_sent_to_a_device_that_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert send(tmp_path, b"\xff\xff", device="electricity-meter") is ExitCode.FAIL
    assert "security log 8F1E" in capsys.readouterr().out


def test_the_run_goes_on_after_an_alert_that_is_malformed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(message: Message) -> object:
        if message.cra is Cra.ALERT:
            raise DecodeError(33, "a structure", "nonsense")
        return decode_payload(message)

    monkeypatch.setattr("bench.target.decode_payload", refused)
    assert send(tmp_path, altered(), command()) is ExitCode.FAIL
    out = capsys.readouterr().out
    assert "alert: expected as its message code says, found octet 33: expected a structure, found nonsense" in out
    assert "PASS  message-1.hex" in out


def test_a_replayed_file_is_refused_the_second_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert send(tmp_path, command(), command()) is ExitCode.FAIL
    out = capsys.readouterr().out
    assert "PASS  message-0.hex" in out
    assert "security log 8F53" in out


def test_the_main_job_passes_and_says_where_its_evidence_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_run(None, None, None, [], None, as_json=False) is ExitCode.PASS
    out = capsys.readouterr().out
    assert "dual-fuel home, seed 1" in out
    assert f"evidence: {tmp_path / 'evidence'}" in out
    assert (tmp_path / "evidence" / "junit.xml").exists()


def test_a_meter_with_planned_faults_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_run(Path("faulty-meter"), tmp_path / "e", 5, [], None, as_json=False) is ExitCode.FAIL
    out = capsys.readouterr().out
    wrong_role = "FAIL  electricity-meter  ECS42  A supplier's command from the network operator"
    reasons = out[out.index(wrong_role) :].splitlines()[1:3]
    assert [reason.strip().split(":")[0] for reason in reasons] == ["answer to what must be refused", "alert"]
    assert re.search(r", seed 5: \d{2,} exchanges with 1 device\n", out)
    assert "SKIPPED  2 tests for an IHD: the rig has no IHD" in out
    assert "bench  " not in out


def test_json_is_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    send(tmp_path, command(), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "PASS"
    assert found["seed"] == RIG.seed
    assert [exchange["verdict"] for exchange in found["exchanges"]] == ["PASS"]
    assert found["evidence"] == str((tmp_path / "evidence").resolve())


def test_what_cannot_be_used_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_run(tmp_path / "none.toml", None, None, [], None, as_json=False) is ExitCode.USAGE
    assert "none.toml: cannot be read" in capsys.readouterr().err
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("")
    assert run_run(None, tmp_path / "precious", None, [], None, as_json=False) is ExitCode.USAGE
    assert "holds no evidence" in capsys.readouterr().err
    given = tmp_path / "m.hex"
    given.write_text("00")
    assert run_run(None, tmp_path / "e", None, [given], "toaster", as_json=False) is ExitCode.USAGE
    assert "the rig has no such device; it has hub, electricity-meter, gas-meter" in capsys.readouterr().err
    assert not (tmp_path / "e").exists()


def test_an_unknown_defect_is_a_fault_of_the_rig(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rig = tmp_path / "rig.toml"
    rig.write_text('name = "x"\n[[device]]\nname = "m"\ntype = "ESME"\neui64 = "00DB1234567890A0"\ndefects = ["none"]')
    assert run_run(rig, tmp_path / "e", None, [], None, as_json=False) is ExitCode.USAGE
    assert "device 'm': defects: no such defect" in capsys.readouterr().err


def test_a_file_that_is_absent_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absent, there = tmp_path / "none.hex", tmp_path / "there.hex"
    assert run_run(None, tmp_path / "e", None, [absent], None, as_json=False) is ExitCode.USAGE
    assert f"--hex: {absent}: No such file or directory" in capsys.readouterr().err
    assert not (tmp_path / "e").exists()
    there.write_text(command().hex())
    assert run_run(None, tmp_path / "e", None, [absent, there], None, as_json=False) is ExitCode.FAIL
    assert "PASS  there.hex" in capsys.readouterr().out
    evidence = "".join(file.read_text(errors="replace") for file in (tmp_path / "e").iterdir())
    assert "none.hex" in evidence
    assert str(tmp_path) not in evidence


def test_a_device_without_a_message_for_it_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_run(None, tmp_path / "e", None, [], "hub", as_json=False) is ExitCode.USAGE
    assert "--device: " in capsys.readouterr().err


INTERRUPTED = """
from bench.requests import dlms

def test_version(esme):
    esme.ask(dlms("ECS52"))

def test_interrupt(esme):
    raise KeyboardInterrupt
"""


def test_a_suite_that_is_broken_off_has_not_passed(tmp_path: Path) -> None:
    (tmp_path / "test_broken_off.py").write_text(INTERRUPTED)
    record = run_suite(load_rig(), tmp_path / "e", tests=[str(tmp_path / "test_broken_off.py")])
    assert [exchange.verdict for exchange in record.exchanges] == [Verdict.PASS, Verdict.ERROR]
    assert "pytest says interrupted" in record.exchanges[-1].reason
    assert json.loads((tmp_path / "e" / "run.json").read_text())["verdict"] == "ERROR"


def test_a_suite_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "test_unreadable.py").write_text("this is no Python")
    record = run_suite(load_rig(), tmp_path / "e", tests=[str(tmp_path / "test_unreadable.py")])
    assert record.verdict is Verdict.ERROR


OWN = '''
import pytest
from bench.requests import dlms

@pytest.mark.use_case("ECS52")
def test_version(esme):
    """The version is as the rig says."""
    reply = esme.ask(dlms("ECS52"))
    assert reply.data[0].value.hex() == esme.section.firmware

def test_wrong(esme):
    reply = esme.ask(dlms("ECS52"))
    reply.expect("version", "another", reply.data[0].value.hex())
'''


def own(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """pytest on a file of one's own; with the plugin named, as it is until the distribution is installed."""
    (tmp_path / "test_own.py").write_text(OWN)
    arguments = ["-p", "bench.plugin", "-p", "no:meterbench", "-p", "no:cacheprovider", "-c", "/dev/null", "-q"]
    line = [sys.executable, "-m", "pytest", *arguments, *options, str(tmp_path / "test_own.py")]
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT, check=False)


def test_any_pytest_file_can_leave_evidence(tmp_path: Path) -> None:
    found = own(tmp_path, "--evidence", str(tmp_path / "e"))
    assert found.returncode == 1, found.stdout + found.stderr
    assert f"evidence: {tmp_path / 'e'}" in found.stdout
    record = json.loads((tmp_path / "e" / "run.json").read_text())
    assert [exchange["verdict"] for exchange in record["exchanges"]] == ["PASS", "FAIL"]
    assert verify_manifest(tmp_path / "e") == []


def test_a_rig_or_folder_that_pytest_cannot_use_is_told_in_one_line(tmp_path: Path) -> None:
    found = own(tmp_path, "--rig", "none.toml")
    assert (found.returncode, found.stdout) == (4, "")
    assert found.stderr.startswith("ERROR: none.toml: cannot be read")
    (tmp_path / "precious").write_text("")
    assert "holds no evidence" in own(tmp_path, "--evidence", str(tmp_path)).stderr


def test_any_pytest_file_can_use_a_rig(tmp_path: Path) -> None:
    found = own(tmp_path, "--rig-seed", "3")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "1 failed, 1 passed" in found.stdout
    assert "DeviceFinding: version: expected another, found 02000001" in found.stdout


@pytest.mark.parametrize(("load", "said"), [("", True), ("load = { watts = 500 }\n", False)])
def test_a_meter_that_measures_nothing_is_said_to_be_untested_in_that(tmp_path: Path, load: str, said: bool) -> None:
    """Amounts that are wrong by a factor are right where nothing is used."""
    section = 'name = "meter"\ntype = "ESME"\neui64 = "00-DB-12-34-56-78-90-A0"\nreach = "memory:"\n'
    (tmp_path / "one.toml").write_text(f'name = "one meter"\n[[device]]\n{section}{load}')
    tests = [str(suite_folder() / "test_9_refusals.py")]
    record = run_suite(load_rig(tmp_path / "one.toml"), tmp_path / "evidence", tests=tests)
    found = [each for each in record.exchanges if each.device == "meter" and each.verdict is Verdict.SKIPPED]
    assert [each.reason for each in found] == [NO_LOAD] * said
