"""Whether this machine can run the bench, and what to do where it cannot.

Each finding is OK, WARN (something optional is missing) or BAD (the bench will not run, or not as tested).
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from .evidence.records import DISTRIBUTION, UNKNOWN, dependency_names, installed_version, own_version

OLDEST_PYTHON = (3, 11)
TOP_LEVEL = ("bench", "firmware_emu", "hal", "hardware", "protocols")
EXTRAS = {
    "zigbee": ("zigpy", "bellows"),
    "ble": ("bleak",),
    "web": ("starlette", "uvicorn"),
    "dev": ("pytest", "hypothesis", "ruff", "mypy", "import-linter"),
}
"""What each extra adds that can be looked for."""
_TSHARK_SECONDS = 20.0


class State(StrEnum):
    """How a finding bears on the bench."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


class Finding(NamedTuple):
    """One thing that was looked at; ``advice`` says what to do and is empty where all is well."""

    topic: str
    state: State
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """All findings, in the order in which they were made."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether the bench can run."""
        return all(finding.state is not State.BAD for finding in self.findings)

    def lines(self) -> list[str]:
        """The report for people: a line for each finding, advice indented below it."""
        lines = []
        for finding in self.findings:
            lines.append(f"{finding.state.value:4}  {finding.topic}: {finding.text}")
            lines += [f"      -> {finding.advice}"] if finding.advice else []
        return [
            *lines,
            "The bench can run." if self.ok else "The bench cannot run like this; see the lines marked bad.",
        ]

    def to_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {"ok": self.ok, "findings": [finding._asdict() for finding in self.findings]}


def run_doctor(folder: Path | None = None) -> DoctorReport:
    """Look at everything; never raises for what it finds. ``folder`` is where evidence is to go, if not here."""
    findings = [
        python_version(sys.version_info[:2]),
        own(own_version()),
        *dependencies(dependency_names()),
        *extras(),
        *package_owners(_owned_files()),
        tshark(shutil.which("tshark")),
        serial_ports(_ports()),
        writeable("temporary folder", Path(tempfile.gettempdir())),
        writeable("evidence folder", folder or Path.cwd()),
    ]
    return DoctorReport(tuple(findings))


def python_version(version: Sequence[int]) -> Finding:
    """Whether the interpreter is young enough."""
    text = f"{platform.python_version()} at {sys.executable}"
    if tuple(version) >= OLDEST_PYTHON:
        return Finding("python", State.OK, text)
    needed = ".".join(map(str, OLDEST_PYTHON))
    return Finding("python", State.BAD, text, f"install Python {needed} or later and make the environment with it")


def own(version: str) -> Finding:
    """Which version of this program answers."""
    if version != UNKNOWN:
        return Finding(DISTRIBUTION, State.OK, version)
    return Finding(DISTRIBUTION, State.WARN, "a bare checkout, not installed", "pip install -e . in the checkout")


def dependencies(names: Iterable[str]) -> Iterator[Finding]:
    """A finding for each package that the bench always needs."""
    for name in names:
        version = installed_version(name)
        if version:
            yield Finding(name, State.OK, version)
        else:
            yield Finding(name, State.BAD, "not installed", f"pip install {DISTRIBUTION}, which brings it along")


def extras(known: Mapping[str, Sequence[str]] = EXTRAS) -> Iterator[Finding]:
    """A finding for each optional set of packages."""
    for extra, names in known.items():
        found = {name: installed_version(name) for name in names}
        missing = [name for name, version in found.items() if version is None]
        topic = f"extra {extra}"
        if missing:
            advice = f"pip install '{DISTRIBUTION}[{extra}]' if you need it"
            yield Finding(topic, State.WARN, f"without {', '.join(missing)}", advice)
        else:
            yield Finding(topic, State.OK, ", ".join(f"{name} {version}" for name, version in found.items()))


def package_owners(files: Mapping[str, Iterable[str]]) -> Iterator[Finding]:
    """Whether another distribution brings a package of the same name; pip lets one overwrite the other silently.

    ``files`` gives, for each distribution, the paths that it installed.
    """
    others = {name: owners for name in TOP_LEVEL if (owners := _others(name, files))}
    for name, owners in others.items():
        advice = f"use an environment of its own: pip uninstall {' '.join(owners)}, then reinstall {DISTRIBUTION}"
        yield Finding(f"package {name}", State.BAD, f"also installed by {', '.join(owners)}", advice)
    if not others:
        yield Finding("package names", State.OK, f"{', '.join(TOP_LEVEL)} belong to nobody else")


def tshark(program: str | None) -> Finding:
    """Whether packets can be cross-checked with Wireshark's dissectors."""
    advice = "install tshark to have messages cross-checked by another decoder"
    if program is None:
        return Finding("tshark", State.WARN, "not found", advice)
    try:
        run = subprocess.run(  # noqa: S603 - found on the path by name
            [program, "--version"], capture_output=True, text=True, timeout=_TSHARK_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as reason:
        return Finding("tshark", State.WARN, f"{program} does not run: {reason}", advice)
    match = re.search(r"\d+(\.\d+)+", run.stdout)
    return Finding("tshark", State.OK, f"{match[0] if match else 'unknown version'} at {program}")


def serial_ports(ports: Sequence[tuple[str, str]]) -> Finding:
    """Which ports (path and description) a device could be attached to, and whether they may be opened."""
    if not ports:
        return Finding("serial ports", State.OK, "none seen; emulated devices need none")
    seen = ", ".join(path if text in ("", "n/a") else f"{path} ({text})" for path, text in ports)
    closed = [path for path, _ in ports if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        advice = "add yourself to the group that owns the port (ls -l), then log in again"
        return Finding("serial ports", State.WARN, f"{seen}; may not open {', '.join(closed)}", advice)
    return Finding("serial ports", State.OK, seen)


def writeable(topic: str, folder: Path) -> Finding:
    """Whether files can be made in ``folder``, by making one."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as reason:
        advice = "choose another folder, or free some room and check its permissions"
        return Finding(topic, State.BAD, f"{folder}: {reason.strerror or reason}", advice)
    return Finding(topic, State.OK, str(folder))


def _others(package: str, files: Mapping[str, Iterable[str]]) -> list[str]:
    ours = _plain(DISTRIBUTION)
    return sorted(
        name
        for name, paths in files.items()
        if _plain(name) != ours and any(path == f"{package}.py" or path.startswith(f"{package}/") for path in paths)
    )


def _owned_files() -> dict[str, list[str]]:
    """The files of every distribution that could clash; a damaged one counts as having none."""
    owned: dict[str, list[str]] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"] if distribution.metadata else None
        if name:
            owned.setdefault(name, []).extend(str(path) for path in distribution.files or [])
    return owned


def _ports() -> list[tuple[str, str]]:
    try:
        from serial.tools.list_ports import comports
    except ImportError:  # reported as a missing dependency
        return []
    return sorted((port.device, port.description) for port in comports())


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
