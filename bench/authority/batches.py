"""Batches of requests: from 2 to 49,999 at once, answered by a deadline, gone on with after an interruption.

A batch is received whole or not at all. Its requests are answered some hundreds at a time, each such step in one
transaction: what a killed process had not kept counts as not done, and is done again. A batch is known by the
hash of its contents, so that the same one handed in again is gone on with, and nothing is issued twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from protocols.gbcs.roles import DeviceType
from protocols.instant import Instant

from .applicants import Applicant
from .laboratory import Laboratory
from .registration import Answering, Application, Registration, State
from .sealing import LabError
from .times import BATCH_LEAST, BATCH_MOST, batch_deadline

STEP = 500
"""Requests answered in one transaction: a tenth of a second's work."""


class Batch(NamedTuple):
    """A batch. ``finished`` is when its last request was answered, None until then.

    ``lodge``: what is issued counts as accepted and is lodged; else it waits for its applicant.
    """

    number: int
    digest: bytes
    source: str
    applicant: Applicant
    received: Instant
    deadline: Instant
    total: int
    lodge: bool
    finished: Instant | None

    @property
    def late(self) -> bool:
        """Whether it was answered after its deadline."""
        return self.finished is not None and self.finished > self.deadline


class Batches:
    """The batches of a laboratory."""

    def __init__(self, lab: Laboratory) -> None:
        self._lab, self._registration = lab, Registration(lab)

    def receive(
        self, source: str, applications: Sequence[Application], now: Instant, *, lodge: bool = True
    ) -> tuple[Batch, bool]:
        """Take in a batch, all of one applicant; whether it is new. Raises LabError for one of a wrong size.

        One that was received before is given as it is, however far it has come.
        """
        digest = _digest(applications)
        known = self._find("digest = ?", digest)
        if known is not None:
            return known, False
        if not BATCH_LEAST <= len(applications) <= BATCH_MOST:
            raise LabError(f"{source}: {len(applications)} requests; a batch has {BATCH_LEAST} to {BATCH_MOST:,}")
        applicant = applications[0].applicant
        with self._lab.change(now, f"batch of {len(applications)} requests received: {source}"):
            row = (digest, source, applicant, now, batch_deadline(now), len(applications), lodge)
            made = self._lab.db.execute(
                "INSERT INTO batch (digest, source, applicant, received, deadline, total, lodge) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            for application in applications:
                self._registration.submit(application, now, made.lastrowid)
        return self.get(made.lastrowid or 0), True

    def get(self, number: int) -> Batch:
        """A batch by its number. Raises LabError."""
        found = self._find("id = ?", number)
        if found is None:
            raise LabError(f"{self._lab.folder}: no batch {number}")
        return found

    def all(self) -> list[Batch]:
        """Every batch, in order."""
        return [_batch(row) for row in self._lab.db.execute(f"{_SELECT} ORDER BY id")]

    def unfinished(self) -> list[Batch]:
        """What was interrupted."""
        return [batch for batch in self.all() if batch.finished is None]

    def answered(self, batch: Batch) -> int:
        """How many of its requests have an answer."""
        return batch.total - self.counts(batch)[State.RECEIVED]

    def counts(self, batch: Batch) -> dict[State, int]:
        """How many of its requests are in each state."""
        query = "SELECT state, count(*) FROM request WHERE batch = ? GROUP BY state"
        found = {State(state): number for state, number in self._lab.db.execute(query, (batch.number,))}
        return {state: found.get(state, 0) for state in State}

    def rejections(self, batch: Batch) -> list[tuple[str, int]]:
        """Why requests were rejected, and how many for each reason, the most frequent first."""
        query = "SELECT reason, count(*) FROM request WHERE batch = ? AND state = ? GROUP BY reason ORDER BY 2 DESC, 1"
        return [(reason, number) for reason, number in self._lab.db.execute(query, (batch.number, State.REJECTED))]

    def process(self, batch: Batch, now: Callable[[], Instant], answering: Answering) -> Iterator[int]:
        """Answer what waits, step by step; gives how many requests each step has answered.

        ``now`` gives the time of each step. Left at any moment, or killed, it is gone on with by another call.
        """
        registration = self._registration
        while waiting := registration.waiting(batch.number, STEP):
            yield registration.answer(waiting, now(), answering, lodge=batch.lodge)
        if self.get(batch.number).finished is None:
            with self._lab.change(ended := now(), f"batch {batch.number} is answered"):
                self._lab.db.execute("UPDATE batch SET finished = ? WHERE id = ?", (ended, batch.number))

    def _find(self, condition: str, value: object) -> Batch | None:
        row = self._lab.db.execute(f"{_SELECT} WHERE {condition}", (value,)).fetchone()
        return None if row is None else _batch(row)


_SELECT = "SELECT id, digest, source, applicant, received, deadline, total, lodge, finished FROM batch"


def _batch(row: tuple[int, bytes, str, str, int, int, int, int, int | None]) -> Batch:
    number, digest, source, applicant, received, deadline, total, lodge, finished = row
    return Batch(number, digest, source, Applicant(applicant), received, deadline, total, bool(lodge), finished)


def _digest(applications: Sequence[Application]) -> bytes:
    """The hash of what is asked for, whatever the files are called."""
    whole = sha256()
    for one in applications:
        kind = one.device_type.name if isinstance(one.device_type, DeviceType) else ""
        said = f"{one.applicant}|{kind}|{one.status}|{(one.entity or b'').hex()}|{one.role}|{one.use}|"
        whole.update(sha256(said.encode() + (one.der or b"")).digest())
    return whole.digest()
