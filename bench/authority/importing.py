"""Taking in certificates and keys that were made elsewhere, such as the published test organisations' keys.

A file named ``...-pp-ka`` has a key for top-ups; the rest its certificate tells. Whatever is for live use, or cannot be
shown to be for tests, is refused, and so is what its issuer has not signed. The issuer's key need not be at hand: it
follows from the signatures that it has made. Private keys without a certificate are left where they are.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from protocols.errors import CertificateError, MeterbenchError
from protocols.gbcs.elliptic_curve import load_private, point_of
from protocols.gbcs.keys import KeyName, KeyUse, PurposeError, read_certificate
from protocols.instant import Instant
from protocols.smki.certificate import Certificate, key_identifier
from protocols.smki.environment import refuse_live
from protocols.smki.recovery import issuer_key
from protocols.smki.signature import signed_by

from .files import is_der
from .laboratory import Laboratory
from .repository import Origin, Search, Status, issuer_of, use_of
from .sealing import LabError

MAX_FILE = 64 * 1024
_ENDS = (".pem", ".key", ".cer", ".crt", ".der")
_TOP_UP = f"-{KeyUse.PREPAYMENT_KEY_AGREEMENT}"
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.S)
_PRIVATE = re.compile(
    rb"-----BEGIN (?:EC |ENCRYPTED )?PRIVATE KEY-----.*?-----END (?:EC |ENCRYPTED )?PRIVATE KEY-----", re.S
)


class Problem(NamedTuple):
    """A file that was not taken in, and why."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


@dataclass(slots=True)
class Imported:
    """What an import has done. ``recovered`` are issuers' keys (identifier: point) that followed from signatures.

    ``known`` counts certificates that were here already, ``left_out`` private keys without a certificate.
    """

    certificates: list[KeyName | None] = field(default_factory=list)
    private_keys: int = 0
    known: int = 0
    left_out: int = 0
    recovered: dict[bytes, bytes] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class _Found:
    """What the files hold. Private keys by the identifier of their public key."""

    certificates: list[tuple[str, Certificate]] = field(default_factory=list)
    private: dict[bytes, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def import_folder(lab: Laboratory, folder: Path, now: Instant, phrase: bytes | None = None) -> Imported:
    """Take in a folder of PEM or DER files in one transaction. ``phrase`` opens encrypted keys. Raises LabError."""
    found = _read(folder, phrase)
    done = Imported(problems=found.problems)
    authorities = [certificate for _, certificate in found.certificates if certificate.is_authority]
    authorities += [one.certificate for one in lab.authorities.all()]
    with lab.change(now, f"imported from {folder}"):
        for file, certificate in found.certificates:
            try:
                _check(certificate, authorities, done.recovered)
            except (PurposeError, CertificateError) as error:
                done.problems.append(Problem(file, str(error)))
                continue
            _keep(lab, file, certificate, found.private, done, now)
    used = {key_identifier(certificate.public_point) for _, certificate in found.certificates}
    done.left_out = len(found.private.keys() - used)
    return done


def _keep(
    lab: Laboratory,
    file: str,
    certificate: Certificate,
    private: dict[bytes, ec.EllipticCurvePrivateKey],
    done: Imported,
    now: Instant,
) -> None:
    identifier = key_identifier(certificate.public_point)
    use = use_of(certificate)
    if use == KeyUse.KEY_AGREEMENT and Path(file).stem.lower().endswith(_TOP_UP):
        use = KeyUse.PREPAYMENT_KEY_AGREEMENT
    same = list(lab.repository.find(Search(serial=certificate.serial, statuses=tuple(Status))))
    if any(record.der == certificate.octets for record in same):
        done.known += 1
    elif any(record.issuer_key == issuer_of(certificate) for record in same):
        done.problems.append(
            Problem(file, f"another certificate of its issuer has its serial number, {certificate.serial:X}")
        )
        return
    else:
        number = lab.repository.put(certificate.octets, use, Origin.IMPORTED, Status.LODGED, now)
        record = lab.repository.get(number)
        done.certificates.append(record.name if record is not None else None)
    key = private.get(identifier)
    if key is not None and not lab.holds_pair(identifier):
        lab.put_pair(identifier, key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
        done.private_keys += 1


def _check(certificate: Certificate, authorities: Iterable[Certificate], recovered: dict[bytes, bytes]) -> None:
    """Refuse what is live and what its issuer has not signed. Raises PurposeError, CertificateError."""
    refuse_live(certificate, authorities)
    if signed_by(certificate, certificate.public_point):
        return  # a root, or one of the published keys that nobody else has certified
    identifier = certificate.authority_key_identifier
    if identifier is None:
        raise CertificateError("names no issuer's key, and is not signed with its own")
    known = {one.subject_key_identifier: one.public_point for one in authorities}
    point = known.get(identifier) or recovered.get(identifier)
    if point is None:
        point = issuer_key(certificate)
        if point is not None:
            recovered[identifier] = point
    if point is None or not signed_by(certificate, point):
        raise CertificateError(f"is not signed by the issuer that it names, key {identifier.hex().upper()}")


def _read(folder: Path, phrase: bytes | None) -> _Found:
    found = _Found()
    files = list(_files(folder))
    if not files:
        raise LabError(f"{folder}: no files that end with {', '.join(_ENDS)}; a folder of PEM files is needed")
    for path in files:
        try:
            _take(path, phrase, found)
        except MeterbenchError as error:
            found.problems.append(Problem(path.name, str(error)))
    return found


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
        return
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise LabError(f"{folder}: cannot be read: {error.strerror}; a folder of PEM files is needed") from None
    for name in names:
        if name.lower().endswith(_ENDS) and (folder / name).is_file():
            yield folder / name


def _take(path: Path, phrase: bytes | None, found: _Found) -> None:
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_FILE + 1)
    except OSError as error:
        raise LabError(f"cannot be read: {error.strerror}") from None
    if len(octets) > MAX_FILE:
        raise LabError(f"longer than {MAX_FILE} octets")
    if is_der(octets) or b"-----BEGIN" not in octets:
        found.certificates.append((path.name, read_certificate(octets)))
        return
    for block in _CERTIFICATE.findall(octets):
        try:
            der = b64decode(b"".join(block.split()), validate=True)
        except ValueError:
            raise LabError("a certificate that is not base 64") from None
        found.certificates.append((path.name, read_certificate(der)))
    for block in _PRIVATE.findall(octets):
        key = load_private(block, phrase if b"ENCRYPTED" in block else None)
        found.private[key_identifier(point_of(key.public_key()))] = key
