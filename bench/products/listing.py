"""The Certified Products List: models of device and the versions of firmware that may run on them.

Any party lists a new model. To a listed one only suppliers add versions - for hubs only the DCC - and say why no new
certification was needed. Every change is kept, with who made it and when, and announced to all who have subscribed.
The list is one SQLite file; nothing in its history can be changed or deleted through SQL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType

from protocols.instant import Instant

from ..database import DatabaseError, Form, file_identity, open_database, transaction
from ..device_model import DeviceModel
from ..rig import KINDS, kind_name
from .assurance import Assurance, AssuranceKind
from .entries import ListChange, ListedFirmware, ListedModel, Notice, Standing, certificate_text, model_text
from .entry_checks import ListError, check_certificate, check_firmware, check_hardware, check_model
from .hashes import HashForm
from .parties import Act, ListParty, who_may


class NotAllowedError(ListError):
    """Somebody may not do this."""

    def __init__(self, by: ListParty, act: Act, model: DeviceModel) -> None:
        allowed = ", ".join(sorted(who_may(act, model.type)))
        super().__init__(f"{by} may not {act} ({model}); those who may: {allowed}")
        self.by, self.act, self.model = by, act, model


class NoSuchEntryError(ListError, LookupError):
    """What is to be changed is not on the list."""


_FORM = Form(
    "a list of certified products",
    b"MBcp",
    1,
    (
        """CREATE TABLE model (
            id INTEGER PRIMARY KEY, type TEXT NOT NULL, manufacturer INTEGER NOT NULL, model INTEGER NOT NULL,
            maker_key BLOB NOT NULL, maker TEXT NOT NULL, name TEXT NOT NULL, standing TEXT NOT NULL,
            UNIQUE (type, manufacturer, model)
        )""",
        """CREATE TABLE hardware (
            of INTEGER NOT NULL REFERENCES model, version INTEGER NOT NULL, evidence TEXT NOT NULL,
            PRIMARY KEY (of, version)
        ) WITHOUT ROWID""",
        """CREATE TABLE certificate (
            of INTEGER NOT NULL REFERENCES model, kind TEXT NOT NULL, number TEXT NOT NULL, expires INTEGER,
            PRIMARY KEY (of, kind, number)
        ) WITHOUT ROWID""",
        """CREATE TABLE firmware (
            of INTEGER NOT NULL REFERENCES model, version BLOB NOT NULL, image BLOB, image_and_id BLOB,
            evidence TEXT NOT NULL, standing TEXT NOT NULL, PRIMARY KEY (of, version)
        ) WITHOUT ROWID""",
        """CREATE TABLE change (
            number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, by TEXT NOT NULL, what TEXT NOT NULL,
            type TEXT NOT NULL, manufacturer INTEGER NOT NULL, model INTEGER NOT NULL, detail TEXT NOT NULL,
            evidence TEXT NOT NULL
        )""",
        "CREATE TRIGGER change_kept BEFORE DELETE ON change BEGIN SELECT RAISE(ABORT, 'history is kept'); END",
        "CREATE TRIGGER change_fixed BEFORE UPDATE ON change BEGIN SELECT RAISE(ABORT, 'history is kept'); END",
        "CREATE TABLE subscriber (name TEXT PRIMARY KEY, heard INTEGER NOT NULL) WITHOUT ROWID",
        """CREATE TABLE notice (
            number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, recipient TEXT NOT NULL, text TEXT NOT NULL
        )""",
    ),
    "meterbench cpl add",
)
_MODELS = "SELECT id, type, manufacturer, model, maker_key, maker, name, standing FROM model "
_FIRMWARE = "SELECT version, image, image_and_id, evidence, standing FROM firmware "
_CHANGES = "SELECT number, at, by, what, type, manufacturer, model, detail, evidence FROM change "


class CertifiedProducts:
    """The list in a file, or in memory. Raises DatabaseError for a file that is none."""

    def __init__(self, path: Path | str | None = None, *, create: bool = True) -> None:
        self._db = open_database(path, _FORM, create=create)
        self._path = None if path is None else Path(path).absolute()
        self._file = file_identity(self._path)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def one_change(self) -> AbstractContextManager[None]:
        """All changes inside are made, or none of them."""
        return transaction(self._db)

    # what is listed

    def model(self, model: DeviceModel) -> ListedModel | None:
        """The entry of a model, whatever its standing; None if it never was on the list."""
        row = self._row(model)
        return None if row is None else self._model(row)

    def models(self) -> Iterator[ListedModel]:
        """Every model, whatever its standing, by kind, maker and number."""
        rows = self._db.execute(_MODELS + "ORDER BY type, manufacturer, model").fetchall()
        return map(self._model, rows)

    def firmware(self, model: DeviceModel, version: bytes) -> ListedFirmware | None:
        """The entry of a version (4 octets) of firmware, whatever its standing; None if it never was on the list."""
        return next((each for each in self.versions(model) if each.version == version), None)

    def versions(self, model: DeviceModel) -> tuple[ListedFirmware, ...]:
        """The versions of firmware of a model, whatever their standing, in order."""
        row = self._row(model)
        if row is None:
            return ()
        found = self._db.execute(_FIRMWARE + "WHERE of = ? ORDER BY version", (row[0],))
        return tuple(_firmware(model, each) for each in found)

    def hardware_evidence(self, model: DeviceModel) -> dict[int, str]:
        """Why each hardware version needed no new certification; empty for those listed with their model."""
        row = self._row(model)
        if row is None:
            return {}
        return dict(self._db.execute("SELECT version, evidence FROM hardware WHERE of = ? ORDER BY version", row[:1]))

    # changes

    def add_model(
        self,
        entry: ListedModel,
        firmware: Sequence[ListedFirmware],
        by: ListParty,
        now: Instant,
        evidence: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        """List a new model with its first versions, or one that was removed. Any party may.

        ``evidence`` says of hardware versions why they needed no new certification, in a list that is taken over; an
        entry that has lapsed there is taken over as such. Raises ListError: it is on the list, lacks a certificate or
        maker's key, or something is wrong.
        """
        model = entry.model
        self._allow(by, Act.LIST_MODEL, model)
        check_model(entry, now)
        with transaction(self._db):
            known = self._row(model)
            if known is not None and Standing(known[-1]) is not Standing.REMOVED:
                raise ListError(f"{model} is on the list already ({known[-1]})")
            number = self._put_model(entry, known)
            what = "model listed" if entry.standing is Standing.LISTED else "lapsed model taken over"
            self._note(now, by, what, model, model_text(entry))
            for version in entry.hardware:
                values = (number, version, evidence.get(version, ""))
                self._db.execute("INSERT INTO hardware VALUES (?, ?, ?)", values)
            for each in firmware:
                if each.model != model:
                    raise ListError(f"{model}: firmware of {each.model} does not belong to it")
                self._put_firmware(number, each, by, now)

    def add_firmware(self, entry: ListedFirmware, by: ListParty, now: Instant) -> None:
        """Add a version of firmware to a listed model. Raises NotAllowedError, NoSuchEntryError, ListError."""
        with transaction(self._db):
            number = self._to_extend(entry.model, by, entry.evidence, now)
            self._put_firmware(number, entry, by, now)

    def add_hardware(self, model: DeviceModel, version: int, evidence: str, by: ListParty, now: Instant) -> None:
        """Add a hardware version to a listed model. Raises NotAllowedError, NoSuchEntryError, ListError."""
        check_hardware(version)
        with transaction(self._db):
            number = self._to_extend(model, by, evidence, now)
            try:
                self._db.execute("INSERT INTO hardware VALUES (?, ?, ?)", (number, version, evidence))
            except sqlite3.IntegrityError:
                raise ListError(f"{model}: hardware {version:04X} is on the list already") from None
            self._note(now, by, "hardware added", model, f"{version:04X}", evidence)

    def renew(self, model: DeviceModel, certificate: Assurance, by: ListParty, now: Instant) -> None:
        """Add a new assurance certificate; a model that had lapsed is listed again when it lacks none.

        Raises NotAllowedError, NoSuchEntryError, ListError.
        """
        self._allow(by, Act.RENEW, model)
        check_certificate(certificate, now)
        with transaction(self._db):
            row = self._there(model)
            try:
                self._put_certificate(row[0], certificate)
            except sqlite3.IntegrityError:
                raise ListError(f"{model}: certificate {certificate.number} is on the list already") from None
            self._note(now, by, "certificate added", model, certificate_text(certificate))
            if Standing(row[-1]) is Standing.LAPSED and not self._model(row).lacking(now):
                self._stand(row[0], Standing.LISTED)
                self._note(now, by, "model listed again", model)

    def remove_model(self, model: DeviceModel, why: str, by: ListParty, now: Instant) -> None:
        """Take a model and all its firmware off the list. Raises NotAllowedError, NoSuchEntryError."""
        self._allow(by, Act.REMOVE, model)
        with transaction(self._db):
            number = self._there(model)[0]
            self._stand(number, Standing.REMOVED)
            self._db.execute("UPDATE firmware SET standing = ? WHERE of = ?", (str(Standing.REMOVED), number))
            for table in ("DELETE FROM hardware WHERE of = ?", "DELETE FROM certificate WHERE of = ?"):
                self._db.execute(table, (number,))
            self._note(now, by, "model removed", model, why)

    def remove_firmware(self, model: DeviceModel, version: bytes, why: str, by: ListParty, now: Instant) -> None:
        """Take a version of firmware off the list. Raises NotAllowedError, NoSuchEntryError."""
        self._allow(by, Act.REMOVE, model)
        with transaction(self._db):
            number = self._there(model)[0]
            gone = self._db.execute(
                "UPDATE firmware SET standing = ? WHERE of = ? AND version = ? AND standing = ?",
                (str(Standing.REMOVED), number, version, str(Standing.LISTED)),
            )
            if not gone.rowcount:
                raise NoSuchEntryError(f"{model}: firmware {version.hex().upper()} is not on the list")
            self._note(now, by, "firmware removed", model, f"{version.hex().upper()}: {why}")

    def lapse(self, model: DeviceModel, by: ListParty, now: Instant) -> bool:
        """Let a listed model lapse that lacks a certificate by now; True if it does, and was listed until now."""
        with transaction(self._db):
            row = self._there(model)
            lacking = self._model(row).lacking(now)
            if not lacking or Standing(row[-1]) is not Standing.LISTED:
                return False
            self._stand(row[0], Standing.LAPSED)
            self._note(now, by, "model lapsed", model, f"without a valid certificate: {', '.join(lacking)}")
        return True

    # history and announcements

    def changes(self, after: int = 0) -> tuple[ListChange, ...]:
        """Every change behind number ``after``, in order."""
        rows = self._db.execute(_CHANGES + "WHERE number > ? ORDER BY number", (after,))
        return tuple(_change(row) for row in rows)

    def subscribe(self, name: str) -> None:
        """Announce every change from now on to a subscriber."""
        with transaction(self._db):
            last = self._db.execute("SELECT coalesce(max(number), 0) FROM change").fetchone()[0]
            self._db.execute("INSERT OR IGNORE INTO subscriber VALUES (?, ?)", (name, last))

    def subscribers(self) -> tuple[str, ...]:
        """Those to whom changes are announced."""
        return tuple(row[0] for row in self._db.execute("SELECT name FROM subscriber ORDER BY name"))

    def announcements(self, name: str) -> tuple[ListChange, ...]:
        """What a subscriber has not heard yet. Raises NoSuchEntryError."""
        row = self._db.execute("SELECT heard FROM subscriber WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise NoSuchEntryError(f"{name} has not subscribed; those who have: {', '.join(self.subscribers())}")
        return self.changes(row[0])

    def heard(self, name: str, number: int) -> None:
        """A subscriber has heard of all changes up to a number."""
        with transaction(self._db):
            self._db.execute("UPDATE subscriber SET heard = max(heard, ?) WHERE name = ?", (number, name))

    def tell(self, notice: Notice) -> None:
        """Keep what one party was told."""
        with transaction(self._db):
            self._db.execute("INSERT INTO notice (at, recipient, text) VALUES (?, ?, ?)", notice)

    def notices(self) -> tuple[Notice, ...]:
        """All that single parties were told, in order."""
        return tuple(Notice(*row) for row in self._db.execute("SELECT at, recipient, text FROM notice ORDER BY number"))

    # inside

    def _allow(self, by: ListParty, act: Act, model: DeviceModel) -> None:
        if by.kind not in who_may(act, model.type):
            raise NotAllowedError(by, act, model)

    def _to_extend(self, model: DeviceModel, by: ListParty, evidence: str, now: Instant) -> int:
        """The number of a model to which a version may be added."""
        self._allow(by, Act.ADD_VERSION, model)
        if not evidence.strip():
            raise ListError(f"{model}: the evidence is missing why no new certification is needed")
        row = self._there(model)
        lacking = self._model(row).lacking(now)
        if lacking:
            raise ListError(f"{model}: has no valid certificate: {', '.join(lacking)}; no version can be added")
        return int(row[0])

    def _row(self, model: DeviceModel) -> tuple[int, str, int, int, bytes, str, str, str] | None:
        """Raises DatabaseError for a file that cannot be read any more, or has given way to another of its name."""
        if file_identity(self._path) != self._file:
            raise DatabaseError(f"{self._path}: is not the file any more that was opened")
        values = (kind_name(model.type), model.manufacturer, model.model)
        where = "WHERE type = ? AND manufacturer = ? AND model = ?"
        try:
            found: tuple[int, str, int, int, bytes, str, str, str] | None
            found = self._db.execute(_MODELS + where, values).fetchone()
        except sqlite3.Error as error:
            raise DatabaseError(f"{self._path}: cannot be read: {error}") from None
        return found

    def _there(self, model: DeviceModel) -> tuple[int, str, int, int, bytes, str, str, str]:
        row = self._row(model)
        if row is None or Standing(row[-1]) is Standing.REMOVED:
            raise NoSuchEntryError(f"{model} is not on the list")
        return row

    def _model(self, row: tuple[int, str, int, int, bytes, str, str, str]) -> ListedModel:
        number, kind, manufacturer, model, key, maker, name, standing = row
        hardware = self._db.execute("SELECT version FROM hardware WHERE of = ? ORDER BY version", (number,))
        rows = self._db.execute("SELECT kind, number, expires FROM certificate WHERE of = ? ORDER BY number", (number,))
        certificates = [Assurance(AssuranceKind(kind), text, expires) for kind, text, expires in rows]
        return ListedModel(
            DeviceModel(KINDS[kind], manufacturer, model),
            key,
            tuple(each[0] for each in hardware),
            tuple(each for kind in AssuranceKind for each in certificates if each.kind is kind),
            maker,
            name,
            Standing(standing),
        )

    def _put_model(self, entry: ListedModel, known: tuple[int, str, int, int, bytes, str, str, str] | None) -> int:
        model, rest = entry.model, (entry.maker_key, entry.maker, entry.name, str(entry.standing))
        if known is None:
            made = self._db.execute(
                "INSERT INTO model (type, manufacturer, model, maker_key, maker, name, standing)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (kind_name(model.type), model.manufacturer, model.model, *rest),
            )
            number = made.lastrowid or 0
        else:
            number = known[0]
            self._db.execute(
                "UPDATE model SET maker_key = ?, maker = ?, name = ?, standing = ? WHERE id = ?", (*rest, number)
            )
        for certificate in entry.certificates:
            self._put_certificate(number, certificate)
        return number

    def _put_certificate(self, number: int, certificate: Assurance) -> None:
        values = (number, str(certificate.kind), certificate.number, certificate.expires)
        self._db.execute("INSERT INTO certificate VALUES (?, ?, ?, ?)", values)

    def _put_firmware(self, number: int, entry: ListedFirmware, by: ListParty, now: Instant) -> None:
        check_firmware(entry)
        shown = entry.version.hex().upper()
        known = self.firmware(entry.model, entry.version)
        if known is not None and known.standing is not Standing.REMOVED:
            raise ListError(f"{entry.model}: firmware {shown} is on the list already")
        hashes = (entry.hashes.get(HashForm.IMAGE), entry.hashes.get(HashForm.IMAGE_AND_ID))
        self._db.execute(
            "INSERT OR REPLACE INTO firmware VALUES (?, ?, ?, ?, ?, ?)",
            (number, entry.version, *hashes, entry.evidence, str(Standing.LISTED)),
        )
        said = ", ".join(f"{form} {digest.hex()}" for form, digest in entry.hashes.items())
        self._note(now, by, "firmware added", entry.model, f"{shown}: {said}", entry.evidence)

    def _stand(self, number: int, standing: Standing) -> None:
        self._db.execute("UPDATE model SET standing = ? WHERE id = ?", (str(standing), number))

    def _note(
        self, now: Instant, by: ListParty, what: str, model: DeviceModel, detail: str = "", evidence: str = ""
    ) -> None:
        self._db.execute(
            "INSERT INTO change (at, by, what, type, manufacturer, model, detail, evidence)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (now, str(by), what, kind_name(model.type), model.manufacturer, model.model, detail, evidence),
        )


def _firmware(model: DeviceModel, row: tuple[bytes, bytes | None, bytes | None, str, str]) -> ListedFirmware:
    version, image, image_and_id, evidence, standing = row
    both = {HashForm.IMAGE: image, HashForm.IMAGE_AND_ID: image_and_id}
    hashes = {form: digest for form, digest in both.items() if digest is not None}
    return ListedFirmware(model, version, hashes, evidence, Standing(standing))


def _change(row: tuple[int, int, str, str, str, int, int, str, str]) -> ListChange:
    number, at, by, what, kind, manufacturer, model, detail, evidence = row
    return ListChange(number, at, by, what, DeviceModel(KINDS[kind], manufacturer, model), detail, evidence)


def last_number(changes: Iterable[ListChange]) -> int:
    """The number of the last of some changes, 0 for none."""
    return max((change.number for change in changes), default=0)
