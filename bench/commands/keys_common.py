"""What the commands of ``meterbench keys`` have in common: what people write, and what they are told."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from protocols.der import NEVER
from protocols.errors import MeterbenchError
from protocols.eui64 import Eui64, eui64, eui64_text
from protocols.gbcs.key_folder import KeyFolderError
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import Instant, from_datetime, text
from protocols.smki.certificate import CertificateKind, role_text

from ..authority.laboratory import Laboratory
from ..authority.registration import Entry
from ..authority.repository import Record, Search, Status, serial_text
from ..authority.sealing import BrokenError, LabError, RuleError, find_pass_phrase
from ..clock import RealClock
from ..exit_codes import ExitCode
from ..rig import KINDS, RigError, kind_name
from .output import say

FOR_TESTS = "for testing only"
T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


def guarded(command: str, work: Callable[[], ExitCode]) -> ExitCode:
    """Do the work; an error that it raises on purpose is one line on standard error and an exit code."""
    try:
        return work()
    except MeterbenchError as error:
        print(f"meterbench keys {command}: {error}", file=sys.stderr)
        if isinstance(error, RuleError):
            return ExitCode.FAIL
        usage = isinstance(error, LabError | RigError | KeyFolderError) and not isinstance(error, BrokenError)
        return ExitCode.USAGE if usage else ExitCode.BENCH_ERROR


@contextmanager
def opened(folder: Path, pass_phrase_file: Path | None, *, write: bool) -> Iterator[Laboratory]:
    """The laboratory in a folder; its pass phrase is looked for when it is first needed. Raises LabError."""
    with Laboratory(folder, lambda: find_pass_phrase(folder, pass_phrase_file), write=write) as lab, lab.guarded():
        yield lab


def tell(lines: Sequence[str], value: Mapping[str, Any], *, as_json: bool) -> None:
    """Say it, as text or as JSON; both say that it is for testing only."""
    if as_json:
        say(json.dumps({"for_testing_only": True, **value}, indent=2))
    else:
        say("\n".join([*lines, FOR_TESTS]))


# What people write


def moment(given: str | None) -> Instant:
    """A time such as ``2026-01-31T12:00:00Z`` or ``2026-01-31``, in UTC; the present for None. Raises LabError."""
    if given is None:
        return RealClock().now()
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise LabError(f"a time such as 2026-01-31T12:00:00Z is needed, {given!r} was given") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if not 2000 <= at.year < 2136:
        raise LabError(f"a time from 2000 to 2135 is needed, {given!r} was given")
    return from_datetime(at)


def identifier(given: str | None) -> Eui64 | None:
    """An EUI-64. Raises LabError."""
    if given is None:
        return None
    try:
        return eui64(given)
    except ValueError:
        raise LabError(f"an EUI-64 of 16 hexadecimal digits is needed, {given!r} was given") from None


def role(given: str | None) -> int | None:
    """A role by its name or number. Raises LabError."""
    if given is None:
        return None
    if given.isdecimal() and int(given) <= 0xFF:
        return int(given)
    names = {each.name.lower().replace("_", "-"): int(each) for each in RemotePartyRole}
    return _one_of(names, given.lower().replace("_", "-").replace(" ", "-"), "role")


def device_type(given: str | None) -> DeviceType | None:
    """A kind of device by its name in rig files. Raises LabError."""
    return None if given is None else _one_of(KINDS, given.upper(), "type of device")


def chosen(known: type[E], given: str | None, what: str) -> E | None:
    """A member of an enumeration of words. Raises LabError."""
    return None if given is None else _one_of({str(each): each for each in known}, given.lower(), what)


def uses(given: Sequence[str], usual: tuple[KeyUse, ...]) -> tuple[KeyUse, ...]:
    """Key uses, ``ds``, ``ka`` and ``pp-ka``, in that order. Raises LabError."""
    if not given:
        return usual
    found = {_one_of({str(each): each for each in KeyUse}, one.lower(), "use") for one in given}
    return tuple(each for each in KeyUse if each in found)


def number(given: str | None, what: str) -> int | None:
    """A number of hexadecimal digits. Raises LabError."""
    octets = hexadecimal(given, what)
    return None if octets is None else int.from_bytes(octets, "big")


def hexadecimal(given: str | None, what: str) -> bytes | None:
    """Octets in hexadecimal digits. Raises LabError."""
    if given is None:
        return None
    digits = given.replace(":", "").replace("-", "").removeprefix("0x")
    try:
        return bytes.fromhex(digits if len(digits) % 2 == 0 else f"0{digits}")
    except ValueError:
        raise LabError(f"{what}: hexadecimal digits are needed, {given!r} was given") from None


def search(
    certificate: int | None,
    entity: str | None,
    of_role: str | None,
    serial: str | None,
    key_identifier: str | None,
    kind: str | None,
    *,
    every_status: bool = False,
) -> Search:
    """What the options look for. Raises LabError."""
    found = Search(
        number=certificate,
        entity=identifier(entity),
        role=role(of_role),
        serial=number(serial, "--serial"),
        key_identifier=hexadecimal(key_identifier, "--key-id"),
        kind=chosen(CertificateKind, kind, "kind of certificate"),
    )
    return found._replace(statuses=tuple(Status)) if every_status else found


def _one_of(known: Mapping[str, T], given: str, what: str) -> T:
    if given in known:
        return known[given]
    close = get_close_matches(given, known, 1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise LabError(f"no {what} {given!r}{hint}; known are {', '.join(known)}")


# What people are told


def record_line(record: Record) -> str:
    """A certificate of the repository on one line."""
    reason = f", {record.reason.lower().replace('_', ' ')}" if record.reason else ""
    changed = f" since {text(record.changed)}{reason}" if record.status is Status.REVOKED else ""
    top_ups = ", for top-ups" if record.use == KeyUse.PREPAYMENT_KEY_AGREEMENT else ""
    return f"{record.number:>6}  {record.status:8}  {record.certificate}{top_ups}{changed}"


def record_json(record: Record) -> dict[str, Any]:
    """A certificate of the repository for programs."""
    return {
        "id": record.number,
        "kind": str(record.kind),
        "origin": str(record.origin),
        "eui64": eui64_text(record.entity) if record.entity is not None else None,
        "role": record.role,
        "use": record.use,
        "serial": serial_text(record.serial),
        "key_identifier": record.key_identifier.hex().upper(),
        "issuer_key_identifier": record.issuer_key.hex().upper(),
        "not_before": text(record.not_before),
        "not_after": None if record.not_after == NEVER else text(record.not_after),
        "status": str(record.status),
        "changed": text(record.changed),
        "reason": record.reason,
    }


def entry_line(entry: Entry) -> str:
    """A request on one line."""
    whose = eui64_text(entry.entity) if entry.entity is not None else "no identifier"
    kind = kind_name(entry.device_type) if entry.device_type is not None else "request"
    kind = role_text(entry.role) if entry.role is not None else kind
    reason = f": {entry.reason}" if entry.reason else ""
    made = f", certificate {entry.certificate}" if entry.certificate is not None else ""
    about = " ".join((kind, whose, entry.use or "")).rstrip()
    return f"request {entry.number} ({about}): {entry.state}{made}{reason}"


def entry_json(entry: Entry) -> dict[str, Any]:
    """A request for programs."""
    return {
        "request": entry.number,
        "batch": entry.batch,
        "origin": entry.origin,
        "applicant": str(entry.applicant),
        "received": text(entry.received),
        "answered": text(entry.answered) if entry.answered is not None else None,
        "state": str(entry.state),
        "reason": entry.reason,
        "eui64": eui64_text(entry.entity) if entry.entity is not None else None,
        "role": entry.role,
        "type": kind_name(entry.device_type) if entry.device_type is not None else None,
        "use": entry.use,
        "certificate": entry.certificate,
    }
