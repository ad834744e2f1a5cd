"""Lists that the bench keeps from run to run: SQLite files, one transaction for each change.

A file says by its ``application_id`` what it holds and by its ``user_version`` in which form, so that a list is never
read as another. With ``synchronous=FULL`` a change that was made is on the disk; a killed process leaves it whole or
not made at all.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from protocols.errors import LocalProtocolError

WAIT_SECONDS = 10.0
"""How long a change of another process on the same file is waited for."""


class DatabaseError(LocalProtocolError):
    """A file that cannot be used as the list it should be. The text names the file and says why."""


class Form(NamedTuple):
    """What a file holds: words for people, four octets that mark it, the number of its form, and what makes it.

    ``command``: what makes a file that is missing.
    """

    what: str
    mark: bytes
    version: int
    statements: tuple[str, ...]
    command: str = ""


def open_database(path: Path | str | None, form: Form, *, create: bool = True) -> sqlite3.Connection:
    """The list in a file, or one in memory for None. A file that is not there is made if ``create`` says so.

    Raises DatabaseError for a file that is not there, cannot be read, holds something else or has a newer form.
    """
    if path is not None and not create and not os.path.exists(path):
        made = f", which is made by: {form.command}" if form.command else ""
        raise DatabaseError(f"{path}: no such file; it should hold {form.what}{made}")
    try:
        db = sqlite3.connect(":memory:" if path is None else path, timeout=WAIT_SECONDS, isolation_level=None)
    except sqlite3.Error as error:
        raise DatabaseError(f"{path}: cannot be opened as {form.what}: {error}") from None
    try:
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA foreign_keys=ON")
        _check(db, path, form)
    except sqlite3.Error as error:
        db.close()
        raise DatabaseError(f"{path}: is not {form.what}: {error}") from None
    except DatabaseError:
        db.close()
        raise
    return db


def file_identity(path: Path | None) -> tuple[int, int] | None:
    """What tells a file from another of its name; None for a list in memory, and for no file."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check(db: sqlite3.Connection, path: Path | str | None, form: Form) -> None:
    mark, version = _number(db, "application_id"), _number(db, "user_version")
    wanted = int.from_bytes(form.mark, "big")
    if mark == wanted and version == form.version:
        return
    if mark == wanted:
        age = "newer than this program; use a newer one" if version > form.version else "older than this program reads"
        raise DatabaseError(f"{path}: {form.what} in form {version}, which is {age} (form {form.version})")
    with transaction(db):
        if _number(db, "application_id") == wanted:
            return  # another process was first
        if mark or version or db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise DatabaseError(f"{path}: a database, but not {form.what}")
        for statement in form.statements:
            db.execute(statement)
        db.execute(f"PRAGMA application_id={wanted}")
        db.execute(f"PRAGMA user_version={form.version}")


def _number(db: sqlite3.Connection, pragma: str) -> int:
    return int(db.execute(f"PRAGMA {pragma}").fetchone()[0])


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of a change or nothing of it. Inside another one it is part of that."""
    if _under_way(db):
        yield
        return
    try:
        db.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        raise DatabaseError(f"the list cannot be changed: {error}") from None
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if _under_way(db):  # on a full disk SQLite has gone back by itself
            db.execute("ROLLBACK")
        raise


def _under_way(db: sqlite3.Connection) -> bool:
    """Asked anew each time: a type checker takes the first answer for the last."""
    return db.in_transaction
