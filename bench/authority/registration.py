"""Registration: from a request to a certificate in the repository.

A request is received, then issued or rejected with a reason; the applicant accepts the certificate or declines it; what
was accepted is lodged. Every step is one transaction, so that a killed process leaves a request in the step before or
the step after, and no request is answered twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from protocols.der import NEVER
from protocols.enumerations import plain_members
from protocols.eui64 import Eui64
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.roles import DeviceType
from protocols.instant import Instant
from protocols.smki.infrastructure import serial_number

from ..inventory import Status as DeviceStatus
from .answering import Answer, Clerk, Task
from .applicants import Applicant, refuse_device, refuse_role
from .authorities import Hierarchy
from .laboratory import Laboratory
from .renewal import Renewal
from .repository import Origin, Status
from .sealing import BrokenError, LabError
from .times import ORGANISATION_YEARS, years_from


@plain_members
class State(StrEnum):
    """How far a request has come."""

    RECEIVED = "received"
    REJECTED = "rejected"
    ISSUED = "issued"
    ACCEPTED = "accepted"
    LODGED = "lodged"
    DECLINED = "declined"


class Application(NamedTuple):
    """What an applicant hands in: a certification request (PKCS #10), or for whom and what a key pair shall be made.

    ``status`` is the device's in the inventory. ``role`` is None for a device, whose type is then needed. ``use`` tells
    the key for top-ups from that for messages, which requests do not. ``origin`` is what people call it.
    """

    applicant: Applicant
    der: bytes | None = None
    device_type: DeviceType | None = None
    status: DeviceStatus = DeviceStatus.PENDING
    entity: Eui64 | None = None
    role: int | None = None
    use: KeyUse | None = None
    origin: str = ""


class Entry(NamedTuple):
    """A request as registration knows it. ``certificate`` is the number of what was issued."""

    number: int
    batch: int | None
    origin: str
    applicant: Applicant
    received: Instant
    answered: Instant | None
    state: State
    reason: str
    device_type: DeviceType | None
    entity: Eui64 | None
    role: int | None
    use: str | None
    der: bytes | None
    certificate: int | None


_COLUMNS = (
    "id, batch, origin, applicant, received, answered, state, reason, device_type, entity, role, use, der, certificate"
)
Answering = Callable[[Hierarchy, Sequence[Task]], list[Answer]]
"""Answers tasks of one hierarchy: here, or in other processes."""


class Registration:
    """The registration authority of both hierarchies."""

    def __init__(self, lab: Laboratory) -> None:
        self._lab, self._renewal = lab, Renewal(lab)

    def apply(
        self, application: Application, now: Instant, *, accept: bool = True, not_before: Instant | None = None
    ) -> Entry:
        """A single request, answered at once; with ``accept`` the certificate is lodged too. All or nothing."""
        self._renewal.advance(now)  # before the transaction: the old key is destroyed when the new one is kept
        with self._lab.change(now):
            number = self.submit(application, now)
            self.answer([self.get(number)], now, self.answer_here, not_before=not_before)
            if accept and self.get(number).state is State.ISSUED:
                self.accept(number, now)
                self.lodge(now)
        return self.get(number)

    def submit(self, application: Application, now: Instant, batch: int | None = None) -> int:
        """Note a request; one that this applicant may not make is rejected. Part of the caller's transaction."""
        given = application
        reason = _refusal(given)
        answered = now if reason else None
        state = State.REJECTED if reason else State.RECEIVED
        kind = given.device_type.name if given.device_type is not None else None
        row = (
            *(batch, given.origin, given.applicant, now, answered, state, reason, kind),
            *(given.entity, given.role, given.use, given.der, None),
        )
        names = _COLUMNS.removeprefix("id, ")
        made = self._lab.db.execute(f"INSERT INTO request ({names}) VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - own words
        return made.lastrowid or 0

    def get(self, number: int) -> Entry:
        """A request by its number. Raises LabError."""
        found = self._select("id = ?", (number,))
        if not found:
            raise LabError(f"{self._lab.folder}: no request {number}")
        return found[0]

    def waiting(self, batch: int | None, most: int) -> list[Entry]:
        """Requests that nobody has answered yet, the oldest first."""
        return self._select(f"batch IS ? AND state = ? ORDER BY id LIMIT {int(most)}", (batch, State.RECEIVED))

    def of_batch(self, batch: int) -> list[Entry]:
        """All requests of a batch, in its order."""
        return self._select("batch = ? ORDER BY id", (batch,))

    def in_state(self, state: State) -> list[Entry]:
        """All requests in a state."""
        return self._select("state = ? ORDER BY id", (state,))

    # Answering

    def answer(
        self,
        entries: Sequence[Entry],
        now: Instant,
        answering: Answering,
        *,
        not_before: Instant | None = None,
        lodge: bool = False,
    ) -> int:
        """Answer requests, as many as the keys may sign now; how many were answered, of the first ones given.

        Whatever is answered is kept in one transaction. With ``lodge`` what is issued counts as accepted.
        """
        entries = [entry for entry in entries if entry.state is State.RECEIVED]
        room = self._renewal.room(now)
        entries = entries[:room]
        serial = int.from_bytes(self._lab.fact("serial"), "big")
        tasks = [self._task(entry, serial + n, now, not_before) for n, entry in enumerate(entries)]
        answers: list[Answer] = []
        for hierarchy in Hierarchy:
            mine = [task for task in tasks if (task.role is None) == (hierarchy is Hierarchy.DEVICE)]
            answers += answering(hierarchy, mine) if mine else []
        with self._lab.change(now):
            self._settle(answers, now, lodge=lodge)
            self._lab.set_fact("serial", (serial + len(tasks)).to_bytes(8, "big"))
        return len(entries)

    def answer_here(self, hierarchy: Hierarchy, tasks: Sequence[Task]) -> list[Answer]:
        """Answer in this process."""
        lab = self._lab
        issuer = lab.authorities.issuer(lab.authorities.current(hierarchy))
        return Clerk(issuer, lab.seal, lab.entropy).answer_all(tasks)

    def _task(self, entry: Entry, serial: int, now: Instant, not_before: Instant | None) -> Task:
        lab = self._lab
        number = serial_number(lab.fact("name"), serial.to_bytes(8, "big"))
        begins = lab.begins if not_before is None else not_before
        ends = NEVER if entry.role is None else years_from(begins, ORGANISATION_YEARS).not_after
        if ends < now:
            begins = now  # what has ended already would be of no use
            ends = years_from(begins, ORGANISATION_YEARS).not_after
        return Task(entry.number, number, begins, ends, entry.der, entry.entity, entry.role, entry.use)

    def _settle(self, answers: Iterable[Answer], now: Instant, *, lodge: bool) -> None:
        """Keep what was decided. A key that has a certificate already gets no second one."""
        lab, db = self._lab, self._lab.db
        status = Status.LODGED if lodge else Status.ISSUED
        issued = dict.fromkeys(Hierarchy, 0)
        for answer in answers:
            reason, made, columns = answer.reason, None, answer.columns
            if columns is not None and lab.repository.certified([columns.key_identifier]):
                reason, columns = "this key has a certificate already; a new certificate needs a new key", None
            if columns is not None:
                made = lab.repository.put_columns(columns, Origin.ISSUED, status, now)
                issued[Hierarchy.DEVICE if columns.role is None else Hierarchy.ORGANISATION] += 1
                if answer.sealed:
                    db.execute("INSERT INTO pair VALUES (?, ?)", (columns.key_identifier, answer.sealed))
            state = State.REJECTED if reason else State.LODGED if lodge else State.ISSUED
            found = (answer.entity, None, None) if columns is None else (columns.entity, columns.role, columns.use)
            db.execute(
                "UPDATE request SET state = ?, reason = ?, answered = ?, entity = coalesce(entity, ?), "
                "role = coalesce(?, role), use = coalesce(?, use), der = ?, certificate = ? WHERE id = ?",
                (state, reason, now, *found, answer.request, made, answer.number),
            )
        for hierarchy, number in issued.items():
            lab.authorities.count(lab.authorities.current(hierarchy), number)

    # What the applicant does

    def accept(self, number: int, now: Instant) -> None:
        """The applicant takes the certificate. Raises LabError when there is none to take."""
        self._decide(number, State.ACCEPTED, Status.ACCEPTED, now)

    def decline(self, number: int, now: Instant, reason: str) -> None:
        """The applicant does not take the certificate, which is never lodged. Raises LabError."""
        self._decide(number, State.DECLINED, Status.DECLINED, now, reason)

    def lodge(self, now: Instant) -> int:
        """Lodge every certificate that was accepted; how many."""
        accepted = self.in_state(State.ACCEPTED)
        if accepted:
            with self._lab.change(now):
                for entry in accepted:
                    self._set(entry, State.LODGED, Status.LODGED, now, "")
        return len(accepted)

    def _decide(self, number: int, state: State, status: Status, now: Instant, reason: str = "") -> None:
        entry = self.get(number)
        if entry.state is not State.ISSUED:
            raise LabError(f"request {number} is {entry.state}: only what is issued can be accepted or declined")
        with self._lab.change(now):
            self._set(entry, state, status, now, reason)

    def _set(self, entry: Entry, state: State, status: Status, now: Instant, reason: str) -> None:
        self._lab.db.execute("UPDATE request SET state = ?, reason = ? WHERE id = ?", (state, reason, entry.number))
        self._lab.repository.set_status(entry.certificate or 0, status, now, reason)

    def _select(self, condition: str, values: tuple[object, ...]) -> list[Entry]:
        query = f"SELECT {_COLUMNS} FROM request WHERE {condition}"  # noqa: S608 - own words
        try:
            return [_entry(row) for row in self._lab.db.execute(query, values)]
        except sqlite3.Error as error:
            raise BrokenError(f"{self._lab.folder}: {error}") from None


def _refusal(given: Application) -> str:
    """Why the applicant may not make this request. What is wrong with the request itself is found on answering it."""
    role = given.role
    if role is not None:
        return refuse_role(given.applicant, role)
    if given.device_type is None:
        return "the type of the device, or the role of the organisation, is needed"
    return refuse_device(given.applicant, given.device_type, given.status)


def _entry(row: tuple[object, ...]) -> Entry:
    number, batch, origin, applicant, received, answered, state, reason, kind, entity, role, use, der, made = row
    return Entry(
        int(str(number)),
        batch if isinstance(batch, int) else None,
        str(origin),
        Applicant(str(applicant)),
        int(str(received)),
        answered if isinstance(answered, int) else None,
        State(str(state)),
        str(reason),
        DeviceType[str(kind)] if kind is not None else None,
        Eui64(entity) if isinstance(entity, bytes) else None,
        role if isinstance(role, int) else None,
        str(use) if use is not None else None,
        der if isinstance(der, bytes) else None,
        made if isinstance(made, int) else None,
    )
