"""What the head end has planned for devices: commands that they hold for a date to come, and schedules of requests.

When a device is suspended this is withdrawn, and those who ordered it are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from protocols.eui64 import Eui64
from protocols.instant import Instant

from ..database import Form, open_database, transaction


class WorkKind(StrEnum):
    """A command that the device holds, a request that the head end holds, or one that it repeats."""

    COMMAND = "future-dated command"
    REQUEST = "future-dated request"
    SCHEDULE = "schedule"


class Work(NamedTuple):
    """A piece of work. ``due``: when it is next done; ``ordered_by``: who is told when it is withdrawn.

    ``withdrawn``: when it was, None while it stands. ``number`` is given when it is added.
    """

    device: Eui64
    kind: WorkKind
    what: str
    due: Instant
    ordered_by: str
    number: int = 0
    withdrawn: Instant | None = None


_FORM = Form(
    "a register of planned work",
    b"MBpw",
    1,
    (
        """CREATE TABLE work (
            number INTEGER PRIMARY KEY AUTOINCREMENT, device BLOB NOT NULL, kind TEXT NOT NULL, what TEXT NOT NULL,
            due INTEGER NOT NULL, ordered_by TEXT NOT NULL, withdrawn INTEGER
        )""",
        "CREATE INDEX work_of ON work (device)",
    ),
)
_WORK = "SELECT device, kind, what, due, ordered_by, number, withdrawn FROM work "


class PlannedWork:
    """The register in a file, or in memory. Raises DatabaseError for a file that is none."""

    def __init__(self, path: Path | str | None = None) -> None:
        self._db = open_database(path, _FORM)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, work: Work) -> Work:
        """Take up a piece of work; gives it with its number."""
        with transaction(self._db):
            made = self._db.execute(
                "INSERT INTO work (device, kind, what, due, ordered_by) VALUES (?, ?, ?, ?, ?)",
                (bytes(work.device), str(work.kind), work.what, work.due, work.ordered_by),
            )
        return work._replace(number=made.lastrowid or 0)

    def done(self, number: int) -> None:
        """The work was carried out, or taken back by who ordered it."""
        with transaction(self._db):
            self._db.execute("DELETE FROM work WHERE number = ?", (number,))

    def standing(self, device: Eui64, now: Instant) -> Iterator[Work]:
        """What is still to be done on a device: schedules, and what is due later than now."""
        for work in self._of(device):
            if work.withdrawn is None and (work.due > now or work.kind is WorkKind.SCHEDULE):
                yield work

    def withdrawn(self) -> Iterator[Work]:
        """All that was withdrawn."""
        rows = self._db.execute(_WORK + "WHERE withdrawn IS NOT NULL ORDER BY number").fetchall()
        return map(_work, rows)

    def withdraw(self, device: Eui64, now: Instant) -> tuple[Work, ...]:
        """Withdraw all that is still to be done on a device, and give it."""
        with transaction(self._db):
            found = tuple(work._replace(withdrawn=now) for work in self.standing(device, now))
            for work in found:
                self._db.execute("UPDATE work SET withdrawn = ? WHERE number = ?", (now, work.number))
        return found

    def _of(self, device: Eui64) -> list[Work]:
        rows = self._db.execute(_WORK + "WHERE device = ? ORDER BY number", (bytes(device),))
        return [_work(row) for row in rows]


def _work(row: tuple[bytes, str, str, int, str, int, int | None]) -> Work:
    device, kind, what, due, ordered_by, number, withdrawn = row
    return Work(Eui64(device), WorkKind(kind), what, due, ordered_by, number, withdrawn)
