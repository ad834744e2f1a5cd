"""Non-volatile memory in an SQLite file: a killed process loses nothing that was committed.

Write-ahead logging with ``synchronous=FULL``: after ``commit`` returns, the writes are on the disk. What is wiped is
overwritten with zeros where it was, the file is rebuilt without what is free in it, and the log of writes is emptied;
a process that is killed in between does it when it opens the file again.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from .nvm import CorruptRecord

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (name TEXT, position INTEGER, octets BLOB NOT NULL, PRIMARY KEY (name, position))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS wiping (due INTEGER PRIMARY KEY);
"""


class SqliteNvm:
    """One device's memory in one file. Not to be shared between threads or devices.

    Raises CorruptRecord when the file is not a database of this kind.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA secure_delete=ON")
            self._db.executescript(_SCHEMA)
            self._ends: dict[str, int] = dict(
                self._db.execute("SELECT name, max(position + length(octets)) FROM log GROUP BY name")
            )
        except sqlite3.DatabaseError as error:
            raise CorruptRecord(self.path, str(error)) from error
        self._open = False
        self._wiping = self._db.execute("SELECT count(*) FROM wiping").fetchone()[0] > 0
        if self._wiping:
            self._rebuild()

    def get(self, key: str) -> bytes | None:
        row = self._db.execute("SELECT value FROM record WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, key: str, value: bytes) -> None:
        self._begin()
        self._db.execute("INSERT OR REPLACE INTO record VALUES (?, ?)", (key, value))

    def delete(self, key: str) -> None:
        self._begin()
        self._db.execute("DELETE FROM record WHERE key = ?", (key,))

    def wipe(self, key: str) -> None:
        if self.get(key) is not None:
            self.delete(key)
            self._db.execute("INSERT OR IGNORE INTO wiping VALUES (1)")
            self._wiping = True

    def keys(self, prefix: str = "") -> list[str]:
        rows = self._db.execute("SELECT key FROM record WHERE substr(key, 1, ?) = ?", (len(prefix), prefix))
        return sorted(row[0] for row in rows)

    def append(self, log: str, octets: bytes, keep: int) -> None:
        self._begin()
        position = self._ends.get(log, 0)
        self._ends[log] = end = position + len(octets)
        self._db.execute("INSERT INTO log VALUES (?, ?, ?)", (log, position, bytes(octets)))
        self._db.execute("DELETE FROM log WHERE name = ? AND position + length(octets) <= ?", (log, end - keep))

    def read_log(self, log: str) -> bytes:
        rows = self._db.execute("SELECT octets FROM log WHERE name = ? ORDER BY position", (log,))
        return b"".join(row[0] for row in rows)

    def erase_log(self, log: str) -> None:
        self._begin()
        self._db.execute("DELETE FROM log WHERE name = ?", (log,))

    def commit(self) -> None:
        if self._open:
            self._db.execute("COMMIT")
            self._open = False
            if self._wiping:
                self._rebuild()

    def abandon(self) -> None:
        if self._open:
            self._db.execute("ROLLBACK")
            self._open = self._wiping = False
            self._ends = dict(self._db.execute("SELECT name, max(position + length(octets)) FROM log GROUP BY name"))

    def close(self) -> None:
        """Drop what was not committed and close the file."""
        self.abandon()
        self._db.close()

    def _rebuild(self) -> None:
        """Leave nothing of what was deleted: neither in pages that were moved, nor in the log of writes."""
        self._db.execute("VACUUM")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.execute("DELETE FROM wiping")
        self._wiping = False

    def _begin(self) -> None:
        if not self._open:
            self._db.execute("BEGIN IMMEDIATE")
            self._open = True
