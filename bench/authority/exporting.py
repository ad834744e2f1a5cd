"""Certificates of the repository as files: PEM, DER, a zip file, or a key folder that other commands read.

A key folder has the private keys that the laboratory keeps, encrypted under its pass phrase unless plain ones are
asked for. Every collection has a file that says that its keys are for testing only.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from protocols.enumerations import plain_members
from protocols.gbcs.elliptic_curve import load_private
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName
from protocols.secret import Secret

from .files import make_folder, pem, write_file, write_private
from .laboratory import Laboratory
from .lists import ListKind, Lists
from .repository import AUTHORITY_USE, Record, serial_text
from .sealing import LabError

NOTE = "For testing only: these certificates and keys must never be used in live operation.\n"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@plain_members
class Form(StrEnum):
    """How certificates are written."""

    PEM = "pem"
    DER = "der"
    ZIP = "zip"


def export(lab: Laboratory, records: Iterable[Record], form: Form, path: Path) -> int:
    """Write certificates to a file (PEM of all; zip) or a folder (DER); how many. Raises LabError."""
    named = list(_named(records))
    if not named:
        raise LabError("no certificate fits; nothing was written")
    if form is Form.PEM:
        write_file(path, b"".join(_titled(record) for _, record in named))
    elif form is Form.DER:
        write_all(path, {f"{name}.der": record.der for name, record in named})
    else:
        members = {f"{name}.pem": _titled(record) for name, record in named}
        members |= {f"lists/{name}": octets for name, octets in current_lists(lab, Form.DER).items()}
        write_file(path, zipped(members))
    return len(named)


def export_key_store(lab: Laboratory, records: Iterable[Record], folder: Path, phrase: bytes | None) -> tuple[int, int]:
    """Write a key folder: certificates, and private keys encrypted under a pass phrase, or plain without one.

    Of several certificates for one use the last is taken. How many certificates and private keys. Raises LabError.
    """
    newest = {record.name: record for record in records if record.name is not None}
    if not newest:
        raise LabError("no certificate of a device or organisation fits; nothing was written")
    if any(lab.holds_pair(record.key_identifier) for record in newest.values()):
        lab.unlock()
    store = FolderKeyStore.create(folder, phrase or b"")
    private = 0
    for name, record in newest.items():
        if name is not None and phrase is not None:
            private += lab.lend(store, record)
        elif name is not None:
            private += _write_plain(lab, folder, name, record)
            store.put_certificate(name, record.der)
    write_file(folder / "README", NOTE.encode())
    return len(newest), private


def current_lists(lab: Laboratory, form: Form, kind: ListKind | None = None) -> dict[str, bytes]:
    """The lists in force, of one kind or all, by file name: ``organisation-crl.der``."""
    lists, found = Lists(lab), {}
    for kept in lists.kept():  # the last one of each stays
        if kind is not None and kept.kind is not kind:
            continue
        octets = kept.der if form is Form.DER else pem("X509 CRL", kept.der)
        found[f"{kept.stem}.{form}"] = octets
    return found


def write_all(folder: Path, files: dict[str, bytes]) -> None:
    """Write files into a folder, made if need be, with a note that they are for testing only. Raises LabError."""
    make_folder(folder)
    for name, octets in {**files, "README": NOTE.encode()}.items():
        write_file(folder / name, octets)


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip file; the same members give the same octets."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in {"README": NOTE.encode(), **members}.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_TIME), octets, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _write_plain(lab: Laboratory, folder: Path, name: KeyName, record: Record) -> bool:
    octets = lab.private_key(record)
    if octets is None:
        return False
    text = Secret(load_private(octets).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    write_private(folder / f"{name.party.hex()}-{name.use}.key", text)
    return True


def _named(records: Iterable[Record]) -> Iterator[tuple[str, Record]]:
    """File names: whose and for what, and the serial number from the second of the same name on."""
    seen: set[str] = set()
    for record in records:
        owner = record.entity.hex() if record.entity is not None else record.key_identifier.hex()
        name = f"authority-{owner}" if record.use == AUTHORITY_USE else f"{owner}-{record.use}"
        yield name if name not in seen else f"{name}-{serial_text(record.serial).lower()}", record
        seen.add(name)


def _titled(record: Record) -> bytes:
    """PEM under a line that says what it is; readers of PEM skip such lines."""
    return f"# For testing only: {record.certificate}\n".encode() + pem("CERTIFICATE", record.der)
