"""A laboratory for test keys: a folder with two key hierarchies, their registration, repository and revocation lists.

One process at a time changes it; any number may read. All times are given by the caller, so that it runs on a rig's
clock. Everything that it issues is for testing only (see ``protocols.smki.mark``).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Self

from protocols.gbcs.keys import MemoryKeyStore
from protocols.instant import Instant
from protocols.secret import Secret
from protocols.smki.infrastructure import BEGINS, Infrastructure
from protocols.smki.issue import Validity

from ..database import DatabaseError, open_database, transaction
from .answering import PAIR_PURPOSE
from .authorities import KEY_FOLDER, Authorities, Hierarchy, Level
from .repository import Record, Repository
from .sealing import PASS_PHRASE_FILE, SALT_LENGTH, USUAL_COST, BrokenError, Entropy, LabError, Seal, SealError
from .tables import DATABASE, FORM
from .times import AUTHORITY_YEARS, USUAL, Limits, years_from

LOCK = "lock"
PURPOSE_FILE = "purpose"
_UNFINISHED = (f"{DATABASE}.new", f"{DATABASE}.new-journal")
_CHECK, _CHECK_PURPOSE = b"the pass phrase is right", b"check of the pass phrase"


class Laboratory:
    """Use it as a context, or close it. ``phrase`` gives the pass phrase when a private key is first needed."""

    def __init__(
        self,
        folder: Path,
        phrase: Callable[[], bytes],
        *,
        write: bool = True,
        limits: Limits = USUAL,
        entropy: Entropy = os.urandom,
    ) -> None:
        self.folder, self.limits, self.entropy, self.writes = folder, limits, entropy, write
        self._phrase = phrase
        if not (folder / DATABASE).is_file():
            raise LabError(f"{folder}: no laboratory; make one with: meterbench keys init {folder}")
        self._lock = _Lock(folder / LOCK) if write else None
        try:
            self.db = open_database(folder / DATABASE, FORM, create=False)
            self.begins = Instant(int.from_bytes(self.fact("begins"), "big"))
        except BaseException as error:
            self._unlock()
            if isinstance(error, DatabaseError):
                raise BrokenError(str(error)) from None  # it names the file
            if isinstance(error, sqlite3.Error):
                raise BrokenError(f"{folder / DATABASE}: {error}") from None
            raise
        self.repository = Repository(self.db)
        self.authorities = Authorities(folder, self.db, self._lazy_seal, entropy)
        if write:
            try:
                with self.guarded():
                    self.authorities.destroy_old_keys()
            except BaseException:
                self.close()
                raise

    @classmethod
    def create(
        cls,
        folder: Path,
        phrase: Callable[[], bytes],
        now: Instant,
        *,
        begins: Instant = BEGINS,
        limits: Limits = USUAL,
        entropy: Entropy = os.urandom,
        cost: int = USUAL_COST,
    ) -> Laboratory:
        """A new laboratory in a folder that is not there, is empty, or holds a pass phrase alone. Raises LabError.

        What it issues is valid from ``begins`` on, unless said otherwise: rigs live at times of their own. ``cost`` is
        that of a guess of the pass phrase. Of two processes that begin at once, one does.
        """
        _check_new(folder)
        lock = _Lock(folder / LOCK)
        try:
            _check_new(folder)  # another may have been first
            given = phrase()
            _begin(folder, given, now, begins, entropy, cost)
        except (OSError, sqlite3.Error, DatabaseError) as error:
            raise LabError(f"{folder}: cannot be made a laboratory: {error}") from None
        finally:
            lock.release()
        return cls(folder, lambda: given, limits=limits, entropy=entropy)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the files back."""
        self.db.close()
        self._unlock()

    # What it remembers

    def fact(self, name: str) -> bytes:
        """A value kept under a name. Raises LabError."""
        row = self.db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise BrokenError(f"{self.folder / DATABASE}: lacks {name!r}; begin with a new laboratory")
        return bytes(row[0])

    def set_fact(self, name: str, value: bytes) -> None:
        """Keep a value under a name. Part of the caller's transaction."""
        self.db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """What SQLite complains of becomes a LabError that names the file."""
        try:
            yield
        except (sqlite3.Error, DatabaseError) as error:
            raise BrokenError(f"{self.folder / DATABASE}: {error}") from None

    @contextmanager
    def change(self, now: Instant, what: str = "") -> Iterator[None]:
        """All of a change or nothing; ``what`` goes into the history. Raises LabError."""
        if not self.writes:
            raise LabError(f"{self.folder}: opened for reading only")
        with self.guarded(), transaction(self.db):
            yield
            if what:
                self.db.execute("INSERT INTO event (at, what) VALUES (?, ?)", (now, what))

    def history(self) -> list[tuple[Instant, str]]:
        """What has happened, in order."""
        return [(at, what) for at, what in self.db.execute("SELECT at, what FROM event ORDER BY id")]

    # Secrets

    @cached_property
    def seal(self) -> Seal:
        """What private keys are sealed with. Raises SealError for a wrong pass phrase."""
        cost = int.from_bytes(self.fact("cost"), "big")
        seal = Seal.from_pass_phrase(self._phrase(), self.fact("salt"), cost, self.entropy)
        try:
            seal.open(self.fact("check"), _CHECK_PURPOSE)
        except SealError:
            raise SealError(f"{self.folder}: the pass phrase is wrong") from None
        return seal

    def unlock(self) -> None:
        """Look for the pass phrase now, before anything is written. Raises SealError for a wrong one."""
        self._lazy_seal()

    def _lazy_seal(self) -> Seal:
        return self.seal

    def holds_pair(self, key_identifier: bytes) -> bool:
        """Whether the private key with that identifier is kept here."""
        row = self.db.execute("SELECT 1 FROM pair WHERE key_identifier = ?", (key_identifier,)).fetchone()
        return row is not None

    def put_pair(self, key_identifier: bytes, octets: bytes) -> None:
        """Keep a private key (PKCS#8, DER). Part of the caller's transaction."""
        sealed = self.seal.close(octets, PAIR_PURPOSE + key_identifier)
        self.db.execute("INSERT OR IGNORE INTO pair VALUES (?, ?)", (key_identifier, sealed))

    def private_key(self, record: Record) -> Secret | None:
        """The private key of a certificate (PKCS#8, DER) for another key store; None if it is not kept here."""
        row = self.db.execute("SELECT sealed FROM pair WHERE key_identifier = ?", (record.key_identifier,)).fetchone()
        if row is None:
            return None
        seal = self.seal
        try:
            return Secret(seal.open(bytes(row[0]), PAIR_PURPOSE + record.key_identifier))
        except SealError:
            raise BrokenError(
                f"{self.folder / DATABASE}: the private key of certificate {record.number} was changed on the disk"
            ) from None

    def lend(self, store: MemoryKeyStore, record: Record) -> bool:
        """Put a certificate, and its private key if it is kept here, into a key store; say whether it was."""
        name = record.name
        if name is None:
            raise LabError(f"certificate {record.number} is an authority's; its key stays here")
        private = self.private_key(record)
        if private is not None:
            store.put_private_key(name, private)
        store.put_certificate(name, record.der)
        return private is not None

    def infrastructure(self) -> Infrastructure:
        """Both hierarchies as they are now, for a bench that issues certificates that live for one run."""
        current = {
            (hierarchy, level): self.authorities.issuer(self.authorities.current(hierarchy, level))
            for hierarchy in Hierarchy
            for level in Level
        }
        return Infrastructure(
            current[Hierarchy.ORGANISATION, Level.ROOT],
            current[Hierarchy.ORGANISATION, Level.ISSUING],
            current[Hierarchy.DEVICE, Level.ROOT],
            current[Hierarchy.DEVICE, Level.ISSUING],
        )

    def authority_validity(self) -> Validity:
        """What a new authority's certificate says."""
        return years_from(self.begins, AUTHORITY_YEARS)

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()


class _Lock:
    """Held by the one process that changes a laboratory; it ends with its process. Raises LabError."""

    def __init__(self, path: Path) -> None:
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise LabError(f"{path}: cannot be opened: {error.strerror}") from None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._handle, 20, 0).decode("ascii", "replace").strip()
            os.close(self._handle)
            raise LabError(
                f"{path.parent}: in use by another meterbench (process {holder or 'unknown'}); "
                "one at a time changes a laboratory: wait until it has ended"
            ) from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others in."""
        os.close(self._handle)


def _begin(folder: Path, phrase: bytes, now: Instant, begins: Instant, entropy: Entropy, cost: int) -> None:
    """The files of a new laboratory; the database gets its name last, when all is there."""
    (folder / KEY_FOLDER).mkdir(mode=0o700, exist_ok=True)
    (folder / PURPOSE_FILE).write_text("test\n")
    for name in _UNFINISHED:
        (folder / name).unlink(missing_ok=True)
    fresh = folder / _UNFINISHED[0]
    db = open_database(fresh, FORM)
    try:
        _fill(db, folder, phrase, now, begins, entropy, cost)
    finally:
        db.close()
    fresh.chmod(0o600)  # it holds sealed private keys of subscribers
    fresh.rename(folder / DATABASE)


def _fill(
    db: sqlite3.Connection, folder: Path, phrase: bytes, now: Instant, begins: Instant, entropy: Entropy, cost: int
) -> None:
    """What a laboratory remembers from its beginning on, and its four authorities."""
    salt = entropy(SALT_LENGTH)
    seal = Seal.from_pass_phrase(phrase, salt, cost, entropy)
    facts = {
        "salt": salt,
        "cost": bytes((cost,)),
        "check": seal.close(_CHECK, _CHECK_PURPOSE),
        "begins": begins.to_bytes(8, "big"),
        "serial": (0).to_bytes(8, "big"),
        "name": entropy(8),
    }
    with transaction(db):
        db.executemany("INSERT INTO fact VALUES (?, ?)", facts.items())
    authorities = Authorities(folder, db, lambda: seal, entropy)
    for hierarchy in Hierarchy:
        for level in (Level.ROOT, Level.ISSUING):
            authorities.begin(hierarchy, level, years_from(begins, AUTHORITY_YEARS), now)


def _check_new(folder: Path) -> None:
    """Make a folder for a new laboratory, if there is none. Raises LabError for one that is in use."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise LabError(f"{folder}: cannot be used for a laboratory: {error.strerror}") from None
    if DATABASE in held:
        raise LabError(f"{folder}: holds a laboratory already")
    strange = held - {PASS_PHRASE_FILE, f".{PASS_PHRASE_FILE}.new", KEY_FOLDER, PURPOSE_FILE, LOCK, *_UNFINISHED}
    if strange:
        raise LabError(f"{folder}: holds {sorted(strange)[0]!r}; give an empty folder or a new one")
