"""What a run leaves behind, as values: who was asked what, what came back, and why the verdict is what it is.

Instants are whole or fractional seconds since 2000-01-01T00:00:00Z, in the time the devices live in. Everything turns
into plain JSON with ``to_json``; octets are written as upper-case hexadecimal digits.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any, NamedTuple

from protocols import instant
from protocols.eui64 import Eui64, eui64_text
from protocols.sheet import Field

from .plot import Plot, Strip

DISTRIBUTION = "meterbench"
UNKNOWN = "unknown"


class Verdict(StrEnum):
    """PASS; FAIL: the device is wrong; ERROR: the bench is wrong; INCONCLUSIVE: nobody can tell; SKIPPED: not tried."""

    PASS = "PASS"  # noqa: S105 - not a password
    FAIL = "FAIL"
    ERROR = "ERROR"
    INCONCLUSIVE = "INCONCLUSIVE"
    SKIPPED = "SKIPPED"

    @staticmethod
    def of(verdicts: Iterable[Verdict]) -> Verdict:
        """The verdict of a whole from its parts.

        One FAIL decides, since what a device did wrong stays wrong when the bench stumbles elsewhere; then ERROR, then
        INCONCLUSIVE. A whole of which nothing was tried is SKIPPED; one without parts is INCONCLUSIVE.
        """
        given = set(verdicts)
        order = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.SKIPPED)
        return next((verdict for verdict in order if verdict in given), Verdict.INCONCLUSIVE)


class Check(NamedTuple):
    """One thing that was looked at; ``expected`` and ``found`` are short texts."""

    name: str
    verdict: Verdict
    expected: str
    found: str

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"name": self.name, "verdict": self.verdict.value, "expected": self.expected, "found": self.found}


@dataclass(frozen=True, slots=True)
class SeenMessage:
    """One message on the wire: its octets, its fields (offsets into ``octets``) and when it passed.

    ``name`` is a short title ("command", "response", "alert 8F0A"); ``notes`` say what is known of it (who signed it,
    whether that verifies); ``problem`` says why it could not be decoded.
    """

    name: str
    octets: bytes
    at: float
    fields: tuple[Field, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "name": self.name,
            "at": time_text(self.at),
            "octets": self.octets.hex().upper(),
            "notes": list(self.notes),
            "problem": self.problem,
            "fields": [field.to_json() for field in self.fields],
        }


@dataclass(frozen=True, slots=True)
class Exchange:
    """One use case tried on one device. ``at`` is when it began, ``seconds`` how long it took, in the device's time."""

    device: str
    use_case: str
    title: str
    verdict: Verdict
    reason: str
    at: float
    seconds: float = 0.0
    requirements: tuple[str, ...] = ()
    sent: SeenMessage | None = None
    received: tuple[SeenMessage, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def messages(self) -> tuple[SeenMessage, ...]:
        """What was sent, then what was received."""
        return (*((self.sent,) if self.sent else ()), *self.received)

    def verdict_json(self) -> dict[str, Any]:
        """Everything but the messages, as plain JSON."""
        return {
            "device": self.device,
            "use_case": self.use_case,
            "title": self.title,
            "requirements": list(self.requirements),
            "at": time_text(self.at),
            "seconds": self.seconds,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "checks": [check.to_json() for check in self.checks],
        }

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        sent = self.sent.to_json() if self.sent else None
        return {**self.verdict_json(), "sent": sent, "received": [message.to_json() for message in self.received]}


class CertificateRecord(NamedTuple):
    """A certificate by its fingerprint: the SHA-256 of its DER octets, in hexadecimal."""

    use: str
    owner: str
    fingerprint: str

    def to_json(self) -> dict[str, str]:
        """As plain JSON."""
        return self._asdict()


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device of the rig as the run met it; ``updated_to`` is the firmware that it ran in the end, if another."""

    name: str
    type: str
    eui64: Eui64
    firmware: str = ""
    certificates: tuple[CertificateRecord, ...] = ()
    updated_to: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "name": self.name,
            "type": self.type,
            "eui64": eui64_text(self.eui64),
            "firmware": self.firmware,
            "updated_to": self.updated_to,
            "certificates": [certificate.to_json() for certificate in self.certificates],
        }


class Procedure(NamedTuple):
    """Several exchanges that do one thing to one device, such as an update of its firmware.

    ``steps`` say in lines what came of it; ``first`` and ``last`` are the numbers of its exchanges, counted from 1.
    """

    title: str
    device: str
    steps: tuple[str, ...]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A whole run. ``rig_sha256`` is the hash of the rig file's text; ``packages`` are name and version."""

    rig: str
    rig_sha256: str
    seed: int
    started: float
    devices: tuple[DeviceRecord, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    plots: tuple[Plot | Strip, ...] = ()
    certificates: tuple[CertificateRecord, ...] = ()
    version: str = ""
    python: str = ""
    packages: tuple[tuple[str, str], ...] = ()
    procedures: tuple[Procedure, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict of the run as a whole."""
        return Verdict.of(exchange.verdict for exchange in self.exchanges)

    @property
    def tried(self) -> tuple[Exchange, ...]:
        """The exchanges without those that were skipped."""
        return tuple(exchange for exchange in self.exchanges if exchange.verdict is not Verdict.SKIPPED)

    @property
    def totals(self) -> dict[Verdict, int]:
        """How many exchanges ended how; every verdict is there."""
        counted = Counter(exchange.verdict for exchange in self.exchanges)
        return {verdict: counted[verdict] for verdict in Verdict}

    @property
    def ended(self) -> float:
        """When the last exchange was over."""
        return max((exchange.at + exchange.seconds for exchange in self.exchanges), default=self.started)

    def verdict_of(self, procedure: Procedure) -> Verdict:
        """The verdict of a procedure from its exchanges."""
        return Verdict.of(exchange.verdict for exchange in self.exchanges[procedure.first - 1 : procedure.last])

    def head_json(self) -> dict[str, Any]:
        """What is known before the first exchange, as plain JSON."""
        return {
            "rig": self.rig,
            "rig_sha256": self.rig_sha256,
            "seed": self.seed,
            "started": time_text(self.started),
            "version": self.version,
            "python": self.python,
            "packages": dict(self.packages),
            "certificates": [certificate.to_json() for certificate in self.certificates],
            "devices": [device.to_json() for device in self.devices],
        }

    def summary_json(self) -> dict[str, Any]:
        """Head, totals and the verdict of every exchange, without the messages, as plain JSON."""
        return {
            **self.head_json(),
            "verdict": self.verdict.value,
            "totals": {verdict.value: count for verdict, count in self.totals.items()},
            "procedures": [{**each._asdict(), "verdict": self.verdict_of(each).value} for each in self.procedures],
            "exchanges": [exchange.verdict_json() for exchange in self.exchanges],
        }

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, messages included."""
        return {**self.summary_json(), "exchanges": [exchange.to_json() for exchange in self.exchanges]}


def time_text(at: float) -> str:
    """``2026-01-31T12:00:00Z``, with microseconds where they are not zero."""
    moment = instant.EPOCH + timedelta(microseconds=round(at * 1_000_000))
    return moment.strftime("%Y-%m-%dT%H:%M:%S" + (".%fZ" if moment.microsecond else "Z"))


def own_version() -> str:
    """The version of the installed distribution, or UNKNOWN in a bare checkout."""
    return installed_version(DISTRIBUTION) or UNKNOWN


def installed_version(name: str) -> str | None:
    """The version of a distribution, None when it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def dependency_names() -> tuple[str, ...]:
    """What the installed distribution needs to run, without its extras; in alphabetical order."""
    try:
        lines = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        lines = []
    names = {_name(line) for line in lines if "extra ==" not in line}
    return tuple(sorted(names or _FALLBACK))


def environment() -> dict[str, Any]:
    """``version``, ``python`` and ``packages`` of a RunRecord, for the running interpreter."""
    packages = tuple((name, installed_version(name) or "absent") for name in dependency_names())
    return {"version": own_version(), "python": platform.python_version(), "packages": packages}


def _name(requirement: str) -> str:
    end = next((at for at, sign in enumerate(requirement) if not (sign.isalnum() or sign in "-_.")), None)
    return requirement[:end]


_FALLBACK = ("construct", "cryptography", "jinja2", "pydantic", "pyserial", "rich", "typer")
"""The dependencies of a checkout that is not installed."""
