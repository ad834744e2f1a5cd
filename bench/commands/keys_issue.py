"""``meterbench keys issue|export|import``: single certificates, and what goes in and out of a laboratory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.roles import DeviceType
from protocols.smki.certificate import CertificateKind
from protocols.smki.request import CertificationRequest

from ..authority.applicants import Applicant, usual_device_applicant, usual_role_applicant
from ..authority.batch_files import read_requests
from ..authority.exporting import Form, export, export_key_store
from ..authority.files import make_folder, pem, write_file
from ..authority.importing import import_folder
from ..authority.laboratory import Laboratory
from ..authority.registration import Application, Registration, State
from ..authority.repository import Record, Search, Status
from ..authority.sealing import LabError, find_pass_phrase
from ..authority.upkeep import Upkeep
from ..exit_codes import ExitCode
from ..inventory import Status as DeviceStatus
from ..pass_phrase import environment_pass_phrase
from ..pki import USES
from ..rig import Rig, load_rig
from .keys_common import entry_json, entry_line, moment, opened, tell

MAX_REQUEST = 64 * 1024
"""The longest file read as a request, in octets."""
DEVICE_USES = (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT)


class Wanted(NamedTuple):
    """What the options of ``issue`` ask for; None is left out."""

    entity: Eui64 | None
    role: int | None
    device_type: DeviceType | None
    uses: tuple[KeyUse, ...]
    applicant: Applicant | None
    status: DeviceStatus
    request: Path | None
    rig: Path | None


def run_issue(
    folder: Path,
    wanted: Wanted,
    begins: str | None,
    at: str | None,
    out: Path | None,
    pass_phrase_file: Path | None,
    *,
    accept: bool,
    as_json: bool,
) -> ExitCode:
    """Answer single requests. FAIL when one is rejected."""
    now, not_before = moment(at), None if begins is None else moment(begins)
    with opened(folder, pass_phrase_file, write=True) as lab:
        registration = Registration(lab)
        entries = [
            registration.apply(application, now, accept=accept, not_before=not_before)
            for application in _applications(lab, wanted)
        ]
        Upkeep(lab).advance(now)
        records = [lab.repository.get(entry.certificate) for entry in entries if entry.certificate is not None]
        files = _write(out, [record for record in records if record is not None])
    value: dict[str, Any] = {"requests": [entry_json(entry) for entry in entries], "files": [str(one) for one in files]}
    lines = [entry_line(entry) for entry in entries] or ["nothing to issue: every key pair is there"]
    tell([*lines, *(f"written: {one}" for one in files)], value, as_json=as_json)
    return ExitCode.FAIL if any(entry.state is State.REJECTED for entry in entries) else ExitCode.PASS


def _applications(lab: Laboratory, wanted: Wanted) -> Iterator[Application]:
    if wanted.rig is not None:
        yield from rig_applications(lab, load_rig(wanted.rig))
    elif wanted.request is not None:
        yield from _of_file(wanted)
    elif wanted.entity is None or (wanted.role is None) == (wanted.device_type is None):
        raise LabError(
            "for whom? --role or --type, with --eui64; or --request FILE; or --rig FILE for all parties and devices"
        )
    else:
        usual = DEVICE_USES if wanted.role is None else _role_uses(wanted.role)
        for use in wanted.uses or usual:
            yield _made(wanted.entity, wanted.role, wanted.device_type, use, wanted.applicant, wanted.status)


def _made(
    entity: Eui64,
    role: int | None,
    kind: DeviceType | None,
    use: KeyUse,
    applicant: Applicant | None = None,
    status: DeviceStatus = DeviceStatus.PENDING,
) -> Application:
    usual = usual_device_applicant(kind) if kind is not None else usual_role_applicant(role or 0)
    return Application(applicant or usual, None, kind, status, entity, role, use, "made here")


def _role_uses(role: int) -> tuple[KeyUse, ...]:
    known = {int(each): uses for each, uses in USES.items()}
    return known.get(role, DEVICE_USES)


def _read_request(path: Path) -> bytes:
    """The one request of a file (DER). Raises LabError."""
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_REQUEST + 1)
        if len(octets) > MAX_REQUEST:
            raise LabError(f"longer than {MAX_REQUEST} octets")
        found = read_requests(octets)
    except OSError as error:
        raise LabError(f"{path}: cannot be read: {error.strerror}") from None
    except LabError as error:
        raise LabError(f"{path}: {error}; a certification request (PKCS #10) is needed") from None
    if len(found) != 1:
        raise LabError(f"{path}: {len(found)} requests; more than one is a batch: meterbench keys batch")
    return found[0]


def _of_file(wanted: Wanted) -> Iterator[Application]:
    path = wanted.request or Path()
    der, role = _read_request(path), wanted.role
    try:
        request = CertificationRequest.decode(der)
        if role is None and request.kind is CertificateKind.ORGANISATION and wanted.device_type is None:
            role = request.role
    except DecodeError as error:
        raise LabError(f"{path}: no certification request (PKCS #10): {error}") from None
    if role is None and wanted.device_type is None:
        raise LabError(f"{path}: the request of a device: say with --type which kind of device it is")
    usual = usual_device_applicant(wanted.device_type) if wanted.device_type is not None else None
    applicant = wanted.applicant or usual or usual_role_applicant(role or 0)
    use = wanted.uses[0] if wanted.uses else None
    yield Application(applicant, der, wanted.device_type, wanted.status, wanted.entity, role, use, str(path))


def rig_applications(lab: Laboratory, rig: Rig) -> Iterator[Application]:
    """For the key pairs that the parties and emulated devices of a rig lack."""
    for role, uses in USES.items():
        for use in uses:
            if not _holds(lab, KeyName(rig.party(role), use)):
                yield _made(rig.party(role), int(role), None, use)
    for device in rig.devices:
        if not device.emulated or device.type is DeviceType.TYPE_2:
            continue
        for use in DEVICE_USES:
            if not _holds(lab, KeyName(device.eui64, use)):
                yield _made(device.eui64, None, device.type, use)


def _holds(lab: Laboratory, name: KeyName) -> bool:
    """Whether a rig finds that key pair, or will when its applicant has accepted the certificate."""
    waiting = Search(entity=name.party, use=name.use, statuses=(Status.ISSUED, Status.ACCEPTED))
    found = [*lab.repository.in_force(name), *lab.repository.find(waiting)]
    return any(lab.holds_pair(record.key_identifier) for record in found)


def _write(out: Path | None, records: Sequence[Record]) -> list[Path]:
    """One certificate goes into a file, several into a folder."""
    if out is None or not records:
        return []
    try:
        return _write_to(out, records)
    except LabError as error:
        numbers = ", ".join(str(record.number) for record in records)
        raise LabError(f"{error}; issued all the same: {numbers}, which meterbench keys export writes") from None


def _write_to(out: Path, records: Sequence[Record]) -> list[Path]:
    if len(records) == 1 and not out.is_dir():
        write_file(out, pem("CERTIFICATE", records[0].der))
        return [out]
    make_folder(out)
    files = []
    for record in records:
        path = out / f"{(record.entity or b'').hex()}-{record.use}.pem"
        write_file(path, pem("CERTIFICATE", record.der))
        files.append(path)
    return files


# In and out


def run_export(
    folder: Path,
    out: Path,
    found: Search,
    form: str,
    pass_phrase_file: Path | None,
    *,
    key_store: bool,
    plain: bool,
    as_json: bool,
) -> ExitCode:
    """Write certificates, or a key folder with the private keys that are here."""
    if plain and not key_store:
        raise LabError("--plain is about the private keys of a key folder: give --keystore too")
    with opened(folder, pass_phrase_file, write=False) as lab:
        records = lab.repository.find(found)
        private = 0
        if key_store:
            phrase = None if plain else find_pass_phrase(folder, pass_phrase_file)
            total, private = export_key_store(lab, records, out, phrase)
        else:
            if form not in set(Form):
                raise LabError(f"--form {form}: {', '.join(Form)} are the forms")
            total = export(lab, records, Form(form), out)
    lines = [f"{total} certificates, {private} private keys: {out}"]
    if private and not plain:
        lines.append("private keys are encrypted: other commands need METERBENCH_PASS_PHRASE")
    tell(lines, {"certificates": total, "private_keys": private, "out": str(out)}, as_json=as_json)
    return ExitCode.PASS


def run_import(
    folder: Path,
    source: Path,
    key_pass_phrase_file: Path | None,
    at: str | None,
    pass_phrase_file: Path | None,
    *,
    as_json: bool,
) -> ExitCode:
    """Take in certificates and keys. FAIL when a file is refused."""
    now = moment(at)
    given = key_pass_phrase_file
    phrase = environment_pass_phrase() if given is None else find_pass_phrase(source, given)
    with opened(folder, pass_phrase_file, write=True) as lab:
        done = import_folder(lab, source, now, phrase)
    recovered = {identifier.hex().upper(): point.hex() for identifier, point in done.recovered.items()}
    lines = [f"{len(done.certificates)} certificates and {done.private_keys} private keys taken in"]
    if done.known:
        lines.append(f"certificates here already: {done.known}")
    lines += [f"issuer's key {name} follows from what it has signed" for name in recovered]
    if done.left_out:
        lines.append(f"{done.left_out} private keys without a certificate are left out")
    lines += [f"refused: {problem}" for problem in done.problems]
    value = {
        "certificates": len(done.certificates),
        "private_keys": done.private_keys,
        "known": done.known,
        "left_out": done.left_out,
        "recovered_issuer_keys": recovered,
        "problems": [{"file": file, "reason": reason} for file, reason in done.problems],
    }
    tell(lines, value, as_json=as_json)
    return ExitCode.FAIL if done.problems else ExitCode.PASS
