"""The repository: every certificate that was lodged, found by number, EUI-64, role, serial number or key identifier.

Anybody may read it; only the laboratory writes. A certificate that its applicant has not accepted yet is kept, but it
is not in the repository, and is found only by who asks for that status.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from protocols.enumerations import plain_members
from protocols.eui64 import Eui64
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.instant import Instant
from protocols.smki.certificate import Certificate, CertificateKind
from protocols.smki.names import KeyUsage

AUTHORITY_USE = "ca"
"""What stands in the place of a use for keys of authorities."""


@plain_members
class Status(StrEnum):
    """Where a certificate is in its life. An expired one keeps the status that it had."""

    ISSUED = "issued"
    ACCEPTED = "accepted"
    LODGED = "lodged"
    DECLINED = "declined"
    REVOKED = "revoked"


PUBLIC = (Status.LODGED, Status.REVOKED)
"""What is in the repository."""


@plain_members
class Origin(StrEnum):
    """Where a certificate comes from."""

    ISSUED = "issued here"
    IMPORTED = "imported"


class Record(NamedTuple):
    """A certificate and what is known of it. ``number`` is its own in this laboratory; ``use`` a KeyUse, or ``ca``."""

    number: int
    kind: CertificateKind
    origin: Origin
    entity: Eui64 | None
    role: int | None
    use: str
    serial: int
    key_identifier: bytes
    issuer_key: bytes
    not_before: Instant
    not_after: Instant
    status: Status
    changed: Instant
    reason: str
    der: bytes

    @property
    def certificate(self) -> Certificate:
        """The certificate itself."""
        return Certificate.decode(self.der)

    @property
    def name(self) -> KeyName | None:
        """What a key store calls the key; None for an authority's."""
        return None if self.use == AUTHORITY_USE or self.entity is None else KeyName(self.entity, KeyUse(self.use))


class Search(NamedTuple):
    """What to look for; None leaves it open."""

    number: int | None = None
    entity: Eui64 | None = None
    role: int | None = None
    serial: int | None = None
    key_identifier: bytes | None = None
    use: str | None = None
    kind: CertificateKind | None = None
    origin: Origin | None = None
    statuses: tuple[Status, ...] = PUBLIC

    def where(self) -> tuple[str, list[object]]:
        """The condition in SQL and its values."""
        terms: dict[str, object] = {
            "id": self.number,
            "entity": self.entity,
            "role": self.role,
            "serial": None if self.serial is None else serial_text(self.serial),
            "key_identifier": self.key_identifier,
            "use": self.use,
            "kind": self.kind,
            "origin": self.origin,
        }
        given = {name: value for name, value in terms.items() if value is not None}
        wanted = [f"{name} = ?" for name in given] + [f"status IN ({', '.join('?' * len(self.statuses))})"]
        return " AND ".join(wanted), [*given.values(), *self.statuses]


EVERYTHING = Search()
"""All that is in the repository."""

_COLUMNS = (
    "id, kind, origin, entity, role, use, serial, key_identifier, issuer_key, not_before, not_after, status, changed, "
    "reason, der"
)


class Columns(NamedTuple):
    """What a certificate is found by, and its octets, in the order of the table's columns."""

    kind: CertificateKind
    entity: Eui64 | None
    role: int | None
    use: str
    serial: int
    key_identifier: bytes
    issuer_key: bytes
    not_before: Instant
    not_after: Instant
    der: bytes


_KEPT = (*Columns._fields, "origin", "status", "changed")
_INSERT = f"INSERT INTO certificate ({', '.join(_KEPT)}) VALUES ({', '.join('?' * len(_KEPT))})"  # noqa: S608 - own words


class Repository:
    """The certificates of one laboratory. Changes become lasting with the transaction that its owner makes."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def find(self, search: Search = EVERYTHING, limit: int = -1) -> Iterator[Record]:
        """What fits, in the order of issue; at most ``limit``, all if it is negative."""
        condition, values = search.where()
        query = f"SELECT {_COLUMNS} FROM certificate WHERE {condition} ORDER BY id LIMIT ?"  # noqa: S608 - own words
        yield from map(_record, self._db.execute(query, (*values, limit)))

    def count(self, search: Search = EVERYTHING) -> int:
        """How many fit."""
        condition, values = search.where()
        query = f"SELECT count(*) FROM certificate WHERE {condition}"  # noqa: S608 - own words
        return int(self._db.execute(query, values).fetchone()[0])

    def get(self, number: int) -> Record | None:
        """A certificate by its number, whatever its status."""
        return next(self.find(Search(number=number, statuses=tuple(Status))), None)

    def in_force(self, name: KeyName) -> list[Record]:
        """The lodged certificates of an entity for a use whose authority is not revoked, the last one last."""
        authorities = self.find(Search(kind=CertificateKind.AUTHORITY, statuses=(Status.REVOKED,)))
        revoked = {record.key_identifier for record in authorities}
        lodged = self.find(Search(entity=name.party, use=name.use, statuses=(Status.LODGED,)))
        return [record for record in lodged if record.issuer_key not in revoked]

    def newest(self, name: KeyName, at: Instant | None = None) -> Record | None:
        """The last certificate in force of an entity for a use, valid at that time if one is given."""
        found = [one for one in self.in_force(name) if at is None or one.not_before <= at <= one.not_after]
        return found[-1] if found else None

    def certified(self, key_identifiers: Iterable[bytes]) -> set[bytes]:
        """Those of these keys that have a certificate already, whatever its status."""
        query = "SELECT key_identifier FROM certificate WHERE key_identifier = ?"
        return {bytes(row[0]) for key in set(key_identifiers) for row in self._db.execute(query, (key,))}

    def put(self, der: bytes, use: str, origin: Origin, status: Status, now: Instant) -> int:
        """Read and keep a certificate; give its number. Part of the caller's transaction."""
        read = Certificate.decode(der)
        columns = Columns(
            read.kind,
            read.entity,
            read.role,
            use,
            read.serial,
            read.subject_key_identifier or b"",
            issuer_of(read),
            read.not_before,
            read.not_after,
            der,
        )
        return self.put_columns(columns, origin, status, now)

    def put_columns(self, columns: Columns, origin: Origin, status: Status, now: Instant) -> int:
        """Keep a certificate whose issuer says what is in it; give its number. Part of the caller's transaction.

        Raises sqlite3.IntegrityError when the serial number is another certificate's of the same issuer.
        """
        kind, entity, role, use, serial, *rest = columns
        row = (kind, entity, role, use, serial_text(serial), *rest, origin, status, now)
        return self._db.execute(_INSERT, row).lastrowid or 0

    def set_status(self, number: int, status: Status, now: Instant, reason: str = "") -> None:
        """Note what has become of a certificate. Part of the caller's transaction."""
        changed = (status, now, reason, number)
        self._db.execute("UPDATE certificate SET status = ?, changed = ?, reason = ? WHERE id = ?", changed)


def serial_text(serial: int) -> str:
    """Hexadecimal digits, as everywhere where people read serial numbers."""
    return f"{serial:X}"


def issuer_of(certificate: Certificate) -> bytes:
    """The identifier of the key that signed; one that names no issuer has signed itself."""
    return certificate.authority_key_identifier or certificate.subject_key_identifier or b""


def use_of(certificate: Certificate) -> str:
    """What a certificate's key is for; that of an agreement key may be told apart from top-ups only by its owner."""
    if certificate.kind is CertificateKind.AUTHORITY:
        return AUTHORITY_USE
    signs = (certificate.key_usage or 0) & KeyUsage.DIGITAL_SIGNATURE
    return KeyUse.DIGITAL_SIGNING if signs else KeyUse.KEY_AGREEMENT


def _record(row: tuple[object, ...]) -> Record:
    number, kind, origin, entity, role, use, serial, key, issuer, begins, ends, status, changed, reason, der = row
    return Record(
        int(str(number)),
        CertificateKind(str(kind)),
        Origin(str(origin)),
        Eui64(entity) if isinstance(entity, bytes) else None,
        role if isinstance(role, int) else None,
        str(use),
        int(str(serial), 16),
        _octets(key),
        _octets(issuer),
        int(str(begins)),
        int(str(ends)),
        Status(str(status)),
        int(str(changed)),
        str(reason),
        _octets(der),
    )


def _octets(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""
