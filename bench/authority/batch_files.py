"""What a batch may be made of: a folder or zip file of requests, a PEM file of many, or a CSV file of identifiers.

Requests are PKCS #10, PEM or DER. A CSV file has a line ``eui64,type,use`` at its top, of which only the first is
needed: without a type the one given applies, without a use (``ds`` or ``ka``) a pair of each is made.
"""

from __future__ import annotations

import csv
import io
import lzma
import os
import re
import zipfile
import zlib
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from protocols.eui64 import Eui64, eui64
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.roles import DeviceType
from protocols.smki.certificate import MAX_CERTIFICATE

from ..inventory import Status as DeviceStatus
from ..rig import KINDS
from .applicants import Applicant, usual_device_applicant, usual_role_applicant
from .files import is_der
from .registration import Application
from .sealing import LabError
from .times import BATCH_MOST

_UNREADABLE_ZIP = (zipfile.BadZipFile, RuntimeError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)
"""What the library raises for an archive that is damaged, encrypted, or packed in a way that it does not know."""
MAX_FILE = 128 << 20
"""The largest file read as a batch, in octets: about twice what 49,999 requests in PEM need."""

REQUEST_ENDS = (".pem", ".der", ".csr", ".p10", ".req")
_PEM = re.compile(rb"-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----(.*?)-----END (?:NEW )?CERTIFICATE REQUEST-----", re.S)
_COLUMNS = ("eui64", "type", "use")
_USES = {"ds": (KeyUse.DIGITAL_SIGNING,), "ka": (KeyUse.KEY_AGREEMENT,)}
_BOTH = (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT)


class Claims(NamedTuple):
    """What is said of every request of a batch: by whom, for which kind of device, in which status.

    Without an applicant it is who usually applies for that kind of device or role.
    """

    applicant: Applicant | None
    device_type: DeviceType | None
    status: DeviceStatus = DeviceStatus.PENDING
    role: int | None = None

    def applies(self, device_type: DeviceType | None) -> Applicant:
        """Who applies for a kind of device, or for the role."""
        if self.applicant is not None:
            return self.applicant
        if device_type is not None:
            return usual_device_applicant(device_type)
        return Applicant.PARTY if self.role is None else usual_role_applicant(self.role)


def read_batch(path: Path, claims: Claims) -> list[Application]:
    """The requests of a folder, a zip, PEM or CSV file, in the order of their names. Raises LabError."""
    found = list(_read(path, claims))
    if len(found) > BATCH_MOST:
        raise LabError(f"{path}: {len(found)} requests; a batch has at most {BATCH_MOST:,}: divide it")
    if not found:
        raise LabError(f"{path}: no requests in it; PKCS #10 files ({', '.join(REQUEST_ENDS)}) or a CSV are needed")
    return found


def read_requests(octets: bytes) -> list[bytes]:
    """The DER of every request in a file. What is no PEM is taken for DER. Raises LabError for what is not base 64."""
    if is_der(octets) or b"-----BEGIN" not in octets:
        return [octets[: MAX_CERTIFICATE + 1]]
    blocks = _PEM.findall(octets)
    if not blocks:
        raise LabError("PEM, but no CERTIFICATE REQUEST in it")
    return [_base64(block, number) for number, block in enumerate(blocks, 1)]


def _base64(block: bytes, number: int) -> bytes:
    try:
        return b64decode(b"".join(block.split()), validate=True)[: MAX_CERTIFICATE + 1]
    except ValueError:
        raise LabError(f"request {number} is not base 64") from None


def _read(path: Path, claims: Claims) -> Iterator[Application]:
    if path.is_dir():
        for name in sorted(os.listdir(path)):
            if name.lower().endswith(REQUEST_ENDS):
                yield from _requests(_octets(path / name), path / name, name, claims)
        return
    octets = _octets(path)
    if path.suffix.lower() == ".csv":
        yield from _identifiers(octets, path, claims)
    elif octets[:4] == b"PK\x03\x04":
        yield from _zipped(octets, path, claims)
    else:
        yield from _requests(octets, path, path.name, claims)


def _octets(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise LabError(f"{path}: no such file or folder")
        with path.open("rb") as file:
            octets = file.read(MAX_FILE + 1)
    except OSError as error:
        raise LabError(f"{path}: cannot be read: {error.strerror}") from None
    if len(octets) > MAX_FILE:
        raise LabError(f"{path}: more than {MAX_FILE >> 20} MB, which is no batch")
    return octets


def _requests(octets: bytes, path: Path, name: str, claims: Claims) -> Iterator[Application]:
    if claims.device_type is None and claims.role is None:
        raise LabError(f"{path}: whose requests? say with --type or --role")
    try:
        found = read_requests(octets)
    except LabError as error:
        raise LabError(f"{path}: {error}") from None
    for number, der in enumerate(found, 1):
        origin = name if len(found) == 1 else f"{name} {number}"
        yield Application(
            claims.applies(claims.device_type), der, claims.device_type, claims.status, role=claims.role, origin=origin
        )


def _zipped(octets: bytes, path: Path, claims: Claims) -> Iterator[Application]:
    for name, inner in _members(octets, path):
        yield from _requests(inner, path / name, name, claims)


def _members(octets: bytes, path: Path) -> Iterator[tuple[str, bytes]]:
    """The files of requests in an archive, by name. Raises LabError for one that is damaged or unpacks too far."""
    left = MAX_FILE
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            for name in sorted(name for name in archive.namelist() if name.lower().endswith(REQUEST_ENDS)):
                with archive.open(name) as member:
                    inner = member.read(left + 1)
                left -= len(inner)
                if left < 0:
                    raise LabError(f"{path}: unpacked more than {MAX_FILE >> 20} MB, which is no batch")
                yield name, inner
    except _UNREADABLE_ZIP as error:
        raise LabError(f"{path}: a zip file that cannot be read: {error}") from None


def _identifiers(octets: bytes, path: Path, claims: Claims) -> Iterator[Application]:
    try:
        rows = csv.reader(io.StringIO(octets.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip().lower() for name in next(rows, [])]
        unknown = sorted(set(header) - set(_COLUMNS))
        if "eui64" not in header or unknown:
            said = f"unknown column {unknown[0]!r}" if unknown else "no column eui64"
            raise LabError(f"{path}: line 1: {said}; the first line is {','.join(_COLUMNS)}, of which eui64 is needed")
        seen: dict[tuple[Eui64 | None, KeyUse | None], str] = {}
        for row in rows:
            if any(cell.strip() for cell in row):
                line = dict(zip(header, (cell.strip() for cell in row), strict=False))
                place = f"line {rows.line_num}"
                for one in _pairs(line, f"{path}: {place}", place, claims):
                    first = seen.setdefault((one.entity, one.use), place)
                    if first != place:
                        raise LabError(f"{path}: {place}: {line['eui64']} {one.use} is asked for in {first} already")
                    yield one
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabError(f"{path}: not a CSV file in UTF-8: {error}") from None


def _pairs(line: dict[str, str], place: str, origin: str, claims: Claims) -> Iterator[Application]:
    try:
        entity: Eui64 = eui64(line.get("eui64", ""))
    except ValueError:
        raise LabError(f"{place}: an EUI-64 of 16 hexadecimal digits needed, {line.get('eui64', '')!r} found") from None
    kind = line.get("type", "").upper()
    if kind and kind not in KINDS:
        raise LabError(f"{place}: a type of {', '.join(KINDS)} needed, {line['type']!r} found")
    use = line.get("use", "").lower()
    if use and use not in _USES:
        raise LabError(f"{place}: a use of ds (signing) or ka (key agreement) needed, {line['use']!r} found")
    device_type = KINDS[kind] if kind else claims.device_type
    if device_type is None and claims.role is None:
        raise LabError(f"{place}: a type of device needed, in a column type or by --type")
    for one in _USES[use] if use else _BOTH:
        yield Application(
            claims.applies(device_type), None, device_type, claims.status, entity, claims.role, one, f"{origin} {one}"
        )
