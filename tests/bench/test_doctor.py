"""The doctor finds what is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bench import doctor
from bench.doctor import DoctorReport, Finding, State, run_doctor


def test_the_bench_can_run_where_its_tests_run() -> None:
    report = run_doctor()
    assert report.ok, report.lines()
    assert json.loads(json.dumps(report.to_json()))["ok"] is True
    topics = {finding.topic for finding in report.findings}
    assert {"python", "meterbench", "construct", "extra zigbee", "package names", "tshark", "serial ports"} <= topics
    assert report.lines()[-1] == "The bench can run."


def test_one_bad_finding_is_enough() -> None:
    report = DoctorReport((Finding("a", State.WARN, "b"), Finding("c", State.BAD, "d", "do this")))
    assert not report.ok
    assert report.lines()[:3] == ["warn  a: b", "bad   c: d", "      -> do this"]
    assert DoctorReport(report.findings[:1]).ok


def test_an_old_python_is_bad() -> None:
    assert doctor.python_version((3, 10)).state is State.BAD
    assert doctor.python_version((3, 11)).state is State.OK


def test_a_missing_dependency_is_bad_and_a_missing_extra_a_warning() -> None:
    (dependency,) = doctor.dependencies(["no-such-package-anywhere"])
    assert dependency.state is State.BAD
    (extra,) = doctor.extras({"moon": ("no-such-package-anywhere", "pytest")})
    assert (extra.state, extra.text) == (State.WARN, "without no-such-package-anywhere")
    assert "meterbench[moon]" in extra.advice
    (present,) = doctor.extras({"test": ("pytest",)})
    assert present.state is State.OK


def test_another_owner_of_our_packages_is_found() -> None:
    files = {
        "Meterbench": ["hal/__init__.py", "bench/__init__.py"],
        "hal": ["hal/__init__.py", "hal-1.0.dist-info/RECORD"],
        "bench": ["bench.py"],
        "workbench": ["workbench/__init__.py", "bin/hal/x"],
    }
    findings = list(doctor.package_owners(files))
    assert [(f.topic, f.state, f.text) for f in findings] == [
        ("package bench", State.BAD, "also installed by bench"),
        ("package hal", State.BAD, "also installed by hal"),
    ]
    (well,) = doctor.package_owners({"meterbench": files["Meterbench"]})
    assert well.state is State.OK


def test_tshark_absent_or_broken_is_a_warning(tmp_path: Path) -> None:
    assert doctor.tshark(None).state is State.WARN
    broken = tmp_path / "tshark"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o700)
    assert "does not run" in doctor.tshark(str(broken)).text
    broken.write_text("#!/bin/sh\necho TShark 4.2.1 is here\n")
    assert doctor.tshark(str(broken)).text == f"4.2.1 at {broken}"


def test_serial_ports_are_listed() -> None:
    assert "none seen" in doctor.serial_ports([]).text
    well = doctor.serial_ports([("/dev/null", "n/a")])
    assert (well.state, well.text) == (State.OK, "/dev/null")
    closed = doctor.serial_ports([("/dev/absent", "Optical probe")])
    assert closed.state is State.WARN
    assert "/dev/absent (Optical probe); may not open /dev/absent" in closed.text


def test_a_folder_that_cannot_be_written_is_bad(tmp_path: Path) -> None:
    assert doctor.writeable("evidence folder", tmp_path).state is State.OK
    assert list(tmp_path.iterdir()) == []
    assert doctor.writeable("evidence folder", tmp_path / "absent").state is State.BAD


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to the superuser")
def test_a_closed_folder_is_bad(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert doctor.writeable("evidence folder", tmp_path).state is State.BAD
