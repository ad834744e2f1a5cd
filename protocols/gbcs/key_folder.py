"""A key store in a folder of PEM files, named after what they hold.

``<eui64>-ds.pem``, ``-ka.pem`` and ``-pp-ka.pem`` hold certificates (or bare public keys), the same names with
``.key`` private keys in PKCS#8. The file ``purpose`` says ``test`` or ``live``; a folder without it is for tests.

The one module of this package that touches files: plain reading and writing below a given folder, with no state
kept outside it. What it adds to a store in memory is only where keys come from, and both sides of a wire need that.

A folder may hold hundreds of certificates where a message needs two, so opening it lists names and nothing else;
a file is read when its key is first asked for. Files that cannot be used count as absent and are listed as problems.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_public_key,
)

from ..errors import CertificateError, LocalProtocolError, MeterbenchError
from ..eui64 import Eui64, eui64_text
from ..secret import Secret
from ..smki.certificate import Certificate
from ..smki.names import KeyUsage
from .elliptic_curve import load_point, load_private, point_of
from .keys import Entry, KeyName, KeyUse, MemoryKeyStore, Purpose, PurposeError, read_certificate

MAX_FILE = 64 * 1024
"""The longest file read, in octets; a key or a certificate has less than 2000."""

_PURPOSE_FILE = "purpose"
_PUBLIC, _PRIVATE = ".pem", ".key"
_NAME = re.compile(r"([0-9a-f]{16})-(ds|ka|pp-ka)\.(?:pem|key)", re.IGNORECASE)
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
_PUBLIC_KEY = b"-----BEGIN PUBLIC KEY-----"
_USAGE = {
    KeyUse.DIGITAL_SIGNING: KeyUsage.DIGITAL_SIGNATURE,
    KeyUse.KEY_AGREEMENT: KeyUsage.KEY_AGREEMENT,
    KeyUse.PREPAYMENT_KEY_AGREEMENT: KeyUsage.KEY_AGREEMENT,
}


class KeyFolderError(LocalProtocolError, OSError):
    """A folder or file that cannot be read or written; the text names it."""


class KeyProblem(NamedTuple):
    """A file of a key folder that is not what it should be."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


class FolderKeyStore(MemoryKeyStore):
    """The keys of a folder. Private keys it takes or makes are written encrypted, readable for their owner alone.

    ``pass_phrase`` opens encrypted private keys and encrypts new ones. With ``live`` the folder must be for live
    operation and every private key in it encrypted; without, it must be for tests. A key pair that waits for its
    certificate (``generate_next``) is kept in memory only, as all that is new with ``read_only``, which leaves the
    folder as it is. Raises KeyFolderError and PurposeError.
    """

    def __init__(
        self, folder: Path, pass_phrase: bytes | None = None, *, live: bool = False, read_only: bool = False
    ) -> None:
        self._read_only = read_only
        self._folder = folder
        self._pass_phrase = pass_phrase = None if pass_phrase is None else Secret(pass_phrase)
        self._files: dict[KeyName, dict[str, str]] = {}
        self._problems: dict[tuple[str, str], KeyProblem] = {}
        files = _list(folder)
        super().__init__(_purpose(folder) if _PURPOSE_FILE in files else Purpose.TEST)
        for file in files:
            self._index(file)
        self._refuse_other_purpose(Purpose.LIVE if live else Purpose.TEST)

    @classmethod
    def open(
        cls, folder: Path, pass_phrase: bytes | None = None, *, live: bool = False, read_only: bool = False
    ) -> FolderKeyStore:
        """The keys of a folder that is there. Raises KeyFolderError and PurposeError."""
        return cls(folder, pass_phrase, live=live, read_only=read_only)

    @classmethod
    def create(cls, folder: Path, pass_phrase: bytes, purpose: Purpose = Purpose.TEST) -> FolderKeyStore:
        """A new folder for keys, readable for its owner alone. Raises KeyFolderError when there is one already."""
        try:
            folder.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            raise KeyFolderError(f"{folder}: is there already; name a new folder") from None
        except OSError as error:
            raise KeyFolderError(f"{folder}: {error.strerror}") from None
        _write(folder / _PURPOSE_FILE, f"{purpose}\n".encode(), 0o644)
        return cls(folder, pass_phrase, live=purpose is Purpose.LIVE)

    @property
    def problems(self) -> tuple[KeyProblem, ...]:
        """What was found wrong so far; files are read when first needed, so ``check`` may find more."""
        return tuple(self._problems.values())

    def check(self) -> tuple[KeyProblem, ...]:
        """Read every file; return all that is wrong."""
        for name in self.names():
            self._entry(name)
        return self.problems

    def names(self) -> Iterable[KeyName]:
        """Every key that a file or the memory may hold, in order."""
        return sorted(self._files.keys() | self._entries.keys())

    def remove(self, name: KeyName) -> None:
        """Forget a key pair and its certificate, and delete their files. Raises KeyFolderError."""
        super().remove(name)
        files = self._files.pop(name, {})
        for file in () if self._read_only else files.values():
            try:
                (self._folder / file).unlink(missing_ok=True)
            except OSError as error:
                raise KeyFolderError(f"{self._folder / file}: {error.strerror}") from None

    # Reading

    def _index(self, file: str) -> None:
        if not file.lower().endswith((_PUBLIC, _PRIVATE)):
            return
        match = _NAME.fullmatch(file)
        if match is None:
            self._problem(file, "not named <16 hexadecimal digits>-ds, -ka or -pp-ka")
            return
        name = KeyName(Eui64(bytes.fromhex(match[1])), KeyUse(match[2].lower()))
        held = self._files.setdefault(name, {})
        if held.setdefault(file[-4:].lower(), file) != file:
            self._problem(file, f"the same name as {held[file[-4:].lower()]}, which is used")

    def _refuse_other_purpose(self, wanted: Purpose) -> None:
        if self._purpose is not wanted:
            raise PurposeError(f"{self._folder}: keys for {self._purpose} use, refused for {wanted} use")
        if wanted is Purpose.TEST:
            return
        for files in self._files.values():
            if _PRIVATE in files and not _read(self._folder / files[_PRIVATE]).lstrip().startswith(_ENCRYPTED):
                raise PurposeError(f"{self._folder / files[_PRIVATE]}: a live private key that is not encrypted")

    def _problem(self, file: str, reason: str) -> None:
        self._problems[file, reason] = KeyProblem(file, reason)

    def _reason(self, name: KeyName) -> str:
        files = self._files.get(name, {}).values()
        found = "; ".join(str(problem) for problem in self._problems.values() if problem.file in files)
        return f" ({found})" if found else ""

    def _may_hold_private(self, name: KeyName) -> bool:
        return _PRIVATE in self._files.get(name, ())  # looks at names alone: whoever asks would read every file

    def _entry(self, name: KeyName) -> Entry | None:
        entry = self._entries.get(name)
        if entry is not None or name not in self._files:
            return entry
        entry = self._entries[name] = Entry()  # an empty one, if no file can be used: each is read once
        self._load_private(name, entry)
        self._load_public(name, entry)
        return entry

    def _load_private(self, name: KeyName, entry: Entry) -> None:
        file = self._files[name].get(_PRIVATE)
        if file is None:
            return
        try:
            octets = Secret(_read(self._folder / file))
            encrypted = octets.lstrip().startswith(_ENCRYPTED)
            entry.private = load_private(octets, self._pass_phrase if encrypted else None)
            entry.set_public(entry.private.public_key())
        except MeterbenchError as error:
            self._problem(file, _reason_of(error))

    def _load_public(self, name: KeyName, entry: Entry) -> None:
        file = self._files[name].get(_PUBLIC)
        if file is None:
            return
        try:
            point, certificate = _take_public(_read(self._folder / file))
            public = load_point(point)
        except MeterbenchError as error:
            self._problem(file, _reason_of(error))
            return
        if entry.private is not None and entry.point != point:
            self._problem(file, f"not the public key of {self._files[name][_PRIVATE]}")
        entry.public, entry.point, entry.certificate = public, point, certificate
        if certificate is not None:
            self._compare(name, file, certificate)

    def _compare(self, name: KeyName, file: str, certificate: Certificate) -> None:
        """Say where a certificate disagrees with its file name; it is used under that name all the same."""
        if certificate.entity is not None and certificate.entity != name.party:
            self._problem(file, f"a certificate of {eui64_text(certificate.entity)}")
        if certificate.key_usage is not None and not certificate.key_usage & _USAGE[name.use]:
            self._problem(file, "a certificate for another key usage")

    # Writing

    def _put_private(self, name: KeyName, private: ec.EllipticCurvePrivateKey) -> None:
        if self._read_only:
            super()._put_private(name, private)
            return
        if self._pass_phrase is None:
            raise LocalProtocolError("a pass phrase is needed to write private keys")
        octets = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(self._pass_phrase))
        self._store(name, _PRIVATE, octets, 0o600)
        stale = self._files[name].pop(_PUBLIC, None)
        if stale is not None:
            (self._folder / stale).unlink(missing_ok=True)
        super()._put_private(name, private)

    def _put_public(self, name: KeyName, point: bytes, certificate: Certificate | None) -> None:
        super()._put_public(name, point, certificate)
        if self._read_only:
            return
        octets = _pem("CERTIFICATE", certificate.octets) if certificate is not None else self._held(name).public_pem()
        self._store(name, _PUBLIC, octets, 0o644)

    def _store(self, name: KeyName, end: str, octets: bytes, mode: int) -> None:
        files = self._files.setdefault(name, {})
        file = files.setdefault(end, f"{name.party.hex()}-{name.use}{end}")
        _write(self._folder / file, octets, mode)
        self._problems = {key: problem for key, problem in self._problems.items() if problem.file != file}


def _list(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise KeyFolderError(f"{folder}: {error.strerror}") from None


def _purpose(folder: Path) -> Purpose:
    text = _read(folder / _PURPOSE_FILE).decode("latin-1").strip().lower()
    try:
        return Purpose(text)
    except ValueError:
        raise KeyFolderError(f"{folder / _PURPOSE_FILE}: says neither test nor live") from None


def _read(path: Path) -> bytes:
    """A file's octets. Only regular files: reading a pipe would wait for ever."""
    try:
        if not S_ISREG(path.stat().st_mode):
            raise KeyFolderError(f"{path}: not a file")
        with path.open("rb") as file:
            octets = file.read(MAX_FILE + 1)
    except OSError as error:
        if isinstance(error, KeyFolderError):
            raise
        raise KeyFolderError(f"{path}: {error.strerror}") from None
    if len(octets) > MAX_FILE:
        raise KeyFolderError(f"{path}: longer than {MAX_FILE} octets")
    return octets


def _write(path: Path, octets: bytes, mode: int) -> None:
    """Write the whole file or leave the old one: a new file beside it takes its name when it is on the disk."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise KeyFolderError(f"{path}: {error.strerror}") from None


def _take_public(octets: bytes) -> tuple[bytes, Certificate | None]:
    """Point and certificate of a PEM file; a bare public key has no certificate. Raises CertificateError."""
    match = _CERTIFICATE.search(octets)
    if match is not None:
        try:
            der = b64decode(b"".join(match[1].split()), validate=True)
        except ValueError:
            raise CertificateError("a certificate that is not base 64") from None
        certificate = read_certificate(der)
        return certificate.public_point, certificate
    if _PUBLIC_KEY not in octets:
        raise CertificateError("neither a certificate nor a public key")
    try:
        key = load_pem_public_key(octets)
    except Exception:  # noqa: BLE001 - the library has many errors for what it cannot read
        raise CertificateError("a public key that cannot be read") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError("not an elliptic curve key on P-256")
    return point_of(key), None


def _pem(label: str, der: bytes) -> bytes:
    text = b64encode(der)
    lines = b"\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label.encode(), lines, label.encode())


def _reason_of(error: MeterbenchError) -> str:
    return str(error.args[0]).rsplit(": ", 1)[-1] if isinstance(error, KeyFolderError) else str(error)
