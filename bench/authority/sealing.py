"""How private keys lie on the disk: encrypted and authenticated under a pass phrase, and never shown.

A private key (PKCS#8) is sealed by AES-256 in Galois/counter mode; the key for that follows from the pass phrase by
scrypt (RFC 7914). What was sealed for one purpose does not open for another, and what was changed does not open.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import scrypt
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocols.errors import LocalProtocolError
from protocols.secret import Secret

from ..pass_phrase import PASS_PHRASE_VARIABLE, environment_pass_phrase

PASS_PHRASE_FILE = "pass-phrase"  # noqa: S105 - the name of a file
SALT_LENGTH = 16
_NONCE_LENGTH = 12
_KEY_LENGTH = 32
USUAL_COST = 15
"""Binary logarithm of what a guess of the pass phrase costs (RFC 7914 section 2): a tenth of a second and 32 MB."""
_MAX_COST = 20
_MAX_PHRASE = 4096

Entropy = Callable[[int], bytes]
"""Gives so many octets of randomness."""


class LabError(LocalProtocolError):
    """Something that a laboratory refuses or cannot do. The text says what, where, and what to do."""


class RuleError(LabError):
    """What the rules of the infrastructure forbid. The text says which rule."""


class BrokenError(LabError):
    """A file of the laboratory that is damaged or missing."""


class SealError(LabError):
    """A wrong pass phrase, or sealed octets that were changed."""


class Seal:
    """Seals octets and opens them again. Shows nothing of its key."""

    __slots__ = ("_cipher", "_entropy", "_key")

    def __init__(self, key: bytes, entropy: Entropy = os.urandom) -> None:
        self._key, self._cipher, self._entropy = Secret(key), AESGCM(key), entropy

    @classmethod
    def from_pass_phrase(cls, phrase: bytes, salt: bytes, cost: int, entropy: Entropy = os.urandom) -> Seal:
        """The seal that a pass phrase and a salt make; slow on purpose. Raises SealError for a cost out of range."""
        if not 1 <= cost <= _MAX_COST:
            raise SealError(f"a pass phrase at a cost of 1 to {_MAX_COST} is read, not {cost}")
        work = 1 << cost
        key = scrypt(phrase, salt=salt, dklen=_KEY_LENGTH, n=work, r=8, p=1, maxmem=(work << 10) + (1 << 20))
        return cls(Secret(key), entropy)

    def __repr__(self) -> str:
        return "<Seal>"

    def __reduce__(self) -> NoReturn:
        raise LabError("a seal is neither copied nor pickled: its key stays where it is")

    def close(self, octets: bytes, purpose: bytes) -> bytes:
        """Sealed octets, 28 longer than what they hold."""
        nonce = self._entropy(_NONCE_LENGTH)
        return nonce + self._cipher.encrypt(nonce, octets, purpose)

    def open(self, sealed: bytes, purpose: bytes) -> Secret:
        """What was sealed for this purpose. Raises SealError."""
        try:
            return Secret(self._cipher.decrypt(sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:], purpose))
        except (InvalidTag, ValueError):
            raise SealError("a wrong pass phrase, or octets that were changed on the disk") from None

    def hand_over(self) -> bytes:
        """The key itself, for a process that works for this one, over a pipe between the two and nowhere else."""
        return bytes(self._key)


def find_pass_phrase(folder: Path, file: Path | None = None) -> Secret:
    """That of a file, else of the environment, else of the laboratory's own file. Raises LabError."""
    if file is not None:
        return _read(file)
    given = environment_pass_phrase()
    if given is not None:
        return given
    own = folder / PASS_PHRASE_FILE
    if not own.exists():
        raise LabError(
            f"{folder}: has no pass phrase of its own; give --pass-phrase-file or set {PASS_PHRASE_VARIABLE}"
        )
    return _read(own)


def new_pass_phrase(folder: Path, file: Path | None, entropy: Entropy = os.urandom) -> Secret:
    """The pass phrase of a laboratory that is being made. Raises LabError.

    Where none is given it lies in the laboratory's own folder: the one that is there, or else a new one.
    """
    own = folder / PASS_PHRASE_FILE
    if file is None and environment_pass_phrase() is None and not own.exists():
        write_private(own, Secret(entropy(24).hex().encode() + b"\n"))
    return find_pass_phrase(folder, file)


def _read(path: Path) -> Secret:
    try:
        if not path.is_file():
            raise LabError(f"{path}: no such file; a pass phrase is needed in it")
        with path.open("rb") as file:
            phrase = Secret(file.read(_MAX_PHRASE + 1).strip())
    except OSError as error:
        raise LabError(f"{path}: cannot be read: {error.strerror}") from None
    if not phrase or len(phrase) > _MAX_PHRASE:
        raise LabError(f"{path}: a pass phrase has 1 to {_MAX_PHRASE} octets")
    return phrase


def write_private(path: Path, octets: bytes, mode: int = 0o600) -> None:
    """Write the whole file or leave the old one; readable for its owner alone. Raises LabError."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise LabError(f"{path}: cannot be written: {error.strerror}") from None


def destroy(path: Path) -> None:
    """Overwrite a file and remove it. Does nothing for one that is not there. Raises LabError."""
    try:
        with path.open("r+b") as file:
            file.write(b"\0" * path.stat().st_size)
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        sync_folder(path.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise LabError(f"{path}: cannot be destroyed: {error.strerror}") from None


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
