"""The list of certified products as CSV and JSON, out and in.

Both hold the same rows: a model, then its hardware versions, certificates and versions of firmware. What is taken in is
taken in whole or not at all, under the same rules as any other change; a row that is wrong is named by its place.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from protocols.gbcs.roles import DeviceType
from protocols.instant import Instant
from protocols.instant import text as instant_text

from ..device_model import DeviceModel
from ..reading import InputError
from ..rig import KINDS, kind_name
from ..written_time import EXAMPLE, read_time
from .assurance import Assurance, AssuranceKind
from .entries import ListedFirmware, ListedModel, Standing
from .entry_checks import ListError
from .hashes import HASH_LENGTH, VERSION_LENGTH, HashForm
from .listing import CertifiedProducts
from .parties import ListParty

T = TypeVar("T")

MAX_TABLE = 64 * 1024 * 1024
"""The largest file taken in, in octets."""
JSON_FORM, JSON_VERSION = "certified products", 1
POINT_LENGTH = 65

MODEL_COLUMNS = ("device_type", "manufacturer", "model")
RECORDS: Mapping[str, tuple[str, ...]] = {
    "model": ("maker", "name", "maker_key", "standing"),
    "hardware": ("hardware_version", "evidence"),
    "certificate": ("certificate", "number", "expires"),
    "firmware": ("firmware_version", "hash_image", "hash_image_and_id", "evidence"),
}
"""The columns of each kind of row, besides those that name the model; all others are empty."""
COLUMNS = ("record", *MODEL_COLUMNS, *dict.fromkeys(name for names in RECORDS.values() for name in names))
_HASH_COLUMNS = {"hash_image": HashForm.IMAGE, "hash_image_and_id": HashForm.IMAGE_AND_ID}
_JSON_LISTS = {"hardware": "hardware", "certificates": "certificate", "firmware": "firmware"}


class TableError(InputError):
    """A file that cannot be taken in. The text names the file and the place, and says what was expected."""


class Taken(NamedTuple):
    """How many entries were new, and how many were on the list already as they are."""

    new: int
    known: int


# -- out ---------------------------------------------------------------------------------------------------------


def to_csv(products: CertifiedProducts) -> str:
    """The list as CSV: a header, then one row for each entry, with line feeds alone."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for record, names, cells in _rows(products):
        writer.writerow({"record": record, **names, **cells})
    return file.getvalue()


def to_json(products: CertifiedProducts) -> str:
    """The list as JSON: one object with its models, each with its hardware versions, certificates and firmware."""
    models: list[dict[str, Any]] = []
    lists = {record: name for name, record in _JSON_LISTS.items()}
    for record, names, cells in _rows(products):
        if record == "model":
            models.append({**names, **cells, **{name: [] for name in _JSON_LISTS}})
        else:
            models[-1][lists[record]].append(cells)
    whole = {"form": JSON_FORM, "version": JSON_VERSION, "models": models}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _rows(products: CertifiedProducts) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    for entry in products.models():
        if entry.standing is Standing.REMOVED:
            continue
        model = entry.model
        names = (kind_name(model.type), f"{model.manufacturer:04X}", f"{model.model:04X}")
        for record, values in _records(products, entry):
            yield record, dict(zip(MODEL_COLUMNS, names, strict=True)), dict(zip(RECORDS[record], values, strict=True))


def _records(products: CertifiedProducts, entry: ListedModel) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "model", (entry.maker, entry.name, entry.maker_key.hex().upper(), str(entry.standing))
    for version, evidence in products.hardware_evidence(entry.model).items():
        yield "hardware", (f"{version:04X}", evidence)
    for each in entry.certificates:
        yield "certificate", (str(each.kind), each.number, "" if each.expires is None else instant_text(each.expires))
    for firmware in products.versions(entry.model):
        if firmware.standing is Standing.LISTED:
            hashes = (firmware.hashes.get(form, b"").hex() for form in _HASH_COLUMNS.values())
            yield "firmware", (firmware.version.hex().upper(), *hashes, firmware.evidence)


# -- in ----------------------------------------------------------------------------------------------------------


def take_csv(products: CertifiedProducts, octets: bytes, source: str, by: ListParty, now: Instant) -> Taken:
    """Take in a CSV file. ``source`` names it in errors. Raises TableError; then the list is as it was."""
    return _take(products, _csv_rows(_text(octets, source), source), by, now)


def take_json(products: CertifiedProducts, octets: bytes, source: str, by: ListParty, now: Instant) -> Taken:
    """Take in a JSON file. ``source`` names it in errors. Raises TableError; then the list is as it was."""
    return _take(products, _json_rows(_text(octets, source), source), by, now)


@dataclass(frozen=True, slots=True)
class _Row:
    """One row: what it holds, by column, and where each column is."""

    record: str
    cells: Mapping[str, str]
    place: Callable[[str], str]

    def wrong(self, column: str, expected: str) -> TableError:
        """The error of one cell."""
        found = self.cells.get(column, "")
        shown = repr(found) if len(found) <= 80 else repr(found[:77]) + "..."
        return TableError(f"{expected} expected, found {shown}", self.place(column))

    def read(self, column: str, expected: str, reader: Callable[[str], T]) -> T:
        """The value of a cell."""
        try:
            return reader(self.cells[column])
        except (ValueError, KeyError):
            raise self.wrong(column, expected) from None

    def digits(self, column: str, number: int) -> bytes:
        """A cell of so many hexadecimal digits."""
        return self.read(column, f"{number} hexadecimal digits", lambda text: _octets(text, number))

    @property
    def model(self) -> DeviceModel:
        """The model that the row is of."""
        kind: DeviceType = self.read("device_type", f"one of {', '.join(KINDS)}", KINDS.__getitem__)
        manufacturer, model = (int.from_bytes(self.digits(name, 4), "big") for name in MODEL_COLUMNS[1:])
        return DeviceModel(kind, manufacturer, model)


@dataclass(slots=True)
class _Model:
    """A model with all that belongs to it, each with its row."""

    row: _Row
    hardware: dict[int, tuple[_Row, str]] = field(default_factory=dict)
    certificates: list[tuple[_Row, Assurance]] = field(default_factory=list)
    firmware: list[tuple[_Row, ListedFirmware]] = field(default_factory=list)

    def entry(self) -> ListedModel:
        """The entry of the model."""
        row = self.row
        return ListedModel(
            row.model,
            row.digits("maker_key", 2 * POINT_LENGTH),
            tuple(self.hardware),
            tuple(each for _, each in self.certificates),
            row.cells["maker"],
            row.cells["name"],
            row.read("standing", f"{Standing.LISTED} or {Standing.LAPSED}", _standing),
        )


def _take(products: CertifiedProducts, rows: Iterable[_Row], by: ListParty, now: Instant) -> Taken:
    models = _gathered(rows)
    new = known = 0
    with products.one_change():
        for given in models:
            entry = given.entry()
            listed = products.model(entry.model)
            if listed is None or listed.standing is Standing.REMOVED:
                new += _add(products, given, entry, by, now)
                continue
            more, same = _extend(products, given, entry, listed, by, now)
            new, known = new + more, known + same
    return Taken(new, known)


def _gathered(rows: Iterable[_Row]) -> list[_Model]:
    models: dict[DeviceModel, _Model] = {}
    for row in rows:
        model = row.model
        if row.record == "model":
            if model in models:
                raise row.wrong("model", f"a model once, and {model} a second time is not")
            models[model] = _Model(row)
        elif model not in models:
            raise row.wrong("model", f"a row of the model {model} before those of its {row.record}")
        else:
            _gather(models[model], model, row)
    return list(models.values())


def _gather(into: _Model, model: DeviceModel, row: _Row) -> None:
    if row.record == "hardware":
        version = int.from_bytes(row.digits("hardware_version", 4), "big")
        if version in into.hardware:
            raise row.wrong("hardware_version", "a hardware version once")
        into.hardware[version] = row, row.cells["evidence"]
    elif row.record == "certificate":
        kind = row.read("certificate", f"one of {', '.join(AssuranceKind)}", AssuranceKind)
        expires = row.read("expires", f"a time such as {EXAMPLE}, or nothing,", _moment)
        into.certificates.append((row, Assurance(kind, row.cells["number"], expires)))
    else:
        version_octets = row.digits("firmware_version", 2 * VERSION_LENGTH)
        hashes = {
            form: row.digits(column, 2 * HASH_LENGTH) for column, form in _HASH_COLUMNS.items() if row.cells[column]
        }
        into.firmware.append((row, ListedFirmware(model, version_octets, hashes, row.cells["evidence"])))


def _add(products: CertifiedProducts, given: _Model, entry: ListedModel, by: ListParty, now: Instant) -> int:
    """List a new model; firmware is added in the same change, so that an error names its row."""
    firmware = [each for _, each in given.firmware]
    evidence = {version: text for version, (_, text) in given.hardware.items()}
    try:
        products.add_model(entry, firmware, by, now, evidence)
    except ListError as error:
        raise _located(error, given, firmware) from None
    return 1 + len(firmware)


def _located(error: ListError, given: _Model, firmware: list[ListedFirmware]) -> TableError:
    """The row that an error is about: that of the firmware which it names, else that of the model."""
    said = str(error)
    for row, each in given.firmware if firmware else ():
        if f"firmware {each.version.hex().upper()}" in said:
            return TableError(said, row.place("firmware_version"))
    return TableError(said, given.row.place("model"))


def _extend(
    products: CertifiedProducts, given: _Model, entry: ListedModel, listed: ListedModel, by: ListParty, now: Instant
) -> tuple[int, int]:
    """Add to a listed model what it does not have; gives how much that is, and how much it had."""
    for column in ("maker", "name", "maker_key", "standing"):
        if getattr(entry, column) != getattr(listed, column):
            raise given.row.wrong(column, f"what is on the list of {entry.model}")
    new = 0
    for version, (row, evidence) in given.hardware.items():
        if version not in listed.hardware:
            new += 1
            with _at(row, "hardware_version"):
                products.add_hardware(entry.model, version, evidence, by, now)
    for row, certificate in given.certificates:
        if certificate not in listed.certificates:
            new += 1
            with _at(row, "number"):
                products.renew(entry.model, certificate, by, now)
    newer = [each for each in given.firmware if products.firmware(entry.model, each[1].version) != each[1]]
    for row, firmware in newer:
        known = products.firmware(entry.model, firmware.version)
        if known is not None and known.standing is Standing.LISTED:
            there = known.hashes
            other = (name for name, form in _HASH_COLUMNS.items() if firmware.hashes.get(form) != there.get(form))
            raise row.wrong(next(other, "evidence"), f"what is on the list of {entry.model}")
        with _at(row, "firmware_version"):
            products.add_firmware(firmware, by, now)
    return new + len(newer), 1 + len(given.firmware) - len(newer)


@contextmanager
def _at(row: _Row, column: str) -> Iterator[None]:
    try:
        yield
    except ListError as error:
        raise TableError(str(error), row.place(column)) from None


# -- rows of CSV -------------------------------------------------------------------------------------------------


def _csv_rows(text: str, source: str) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        _check_header(header, source)
        for cells in reader:
            if cells:
                yield _csv_row(header, cells, source, reader.line_num)
    except csv.Error as error:
        raise TableError(f"not CSV: {error}", f"{source}: line {reader.line_num}") from None


def _check_header(header: list[str], source: str) -> None:
    strange = [name for name in header if name not in COLUMNS or header.count(name) > 1]
    missing = [name for name in COLUMNS if name not in header]
    if strange or missing:
        wrong = f"found {strange[0]!r}" if strange else f"{missing[0]!r} is missing"
        raise TableError(f"the columns {', '.join(COLUMNS)} expected, {wrong}", f"{source}: line 1")


def _csv_row(header: list[str], cells: list[str], source: str, line: int) -> _Row:
    if len(cells) != len(header):
        raise TableError(f"{len(header)} cells expected, found {len(cells)}", f"{source}: line {line}")
    found = dict(zip(header, cells, strict=True))
    row = _Row(found["record"], found, lambda column: f"{source}: line {line}, column {column}")
    if row.record not in RECORDS:
        raise row.wrong("record", f"one of {', '.join(RECORDS)}")
    for name in COLUMNS:
        if found[name] and name not in ("record", *MODEL_COLUMNS, *RECORDS[row.record]):
            raise row.wrong(name, f"nothing in a row of the record {row.record}")
    return row


# -- rows of JSON ------------------------------------------------------------------------------------------------


def _json_rows(text: str, source: str) -> Iterator[_Row]:
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        raise TableError(f"not JSON: {error.msg}", f"{source}: line {error.lineno}, column {error.colno}") from None
    except (RecursionError, ValueError):
        raise TableError("not JSON of this kind: nested too deep, or a number too long", source) from None
    _members(whole, ("form", "version", "models"), source, "")
    if (whole["form"], whole["version"]) != (JSON_FORM, JSON_VERSION):
        raise TableError(f"form {JSON_FORM!r}, version {JSON_VERSION} expected", f"{source}: form, version")
    for number, model in enumerate(_list(whole["models"], source, "models")):
        yield from _json_model(model, source, f"models[{number}]")


def _json_model(model: Any, source: str, path: str) -> Iterator[_Row]:
    _members(model, (*MODEL_COLUMNS, *RECORDS["model"], *_JSON_LISTS), source, path)
    names = {name: model[name] for name in MODEL_COLUMNS}
    yield _json_row("model", {name: model[name] for name in (*names, *RECORDS["model"])}, source, path)
    for name, record in _JSON_LISTS.items():
        for number, cells in enumerate(_list(model[name], source, f"{path}.{name}")):
            place = f"{path}.{name}[{number}]"
            _members(cells, RECORDS[record], source, place)
            yield _json_row(record, {**names, **cells}, source, place)


def _json_row(record: str, cells: dict[str, Any], source: str, path: str) -> _Row:
    for name, value in cells.items():
        if not isinstance(value, str):
            raise TableError(f"a text expected, found {type(value).__name__}", f"{source}: {path}.{name}")
    return _Row(record, cells, lambda column: f"{source}: {path}.{column}")


def _members(value: Any, names: tuple[str, ...], source: str, path: str) -> None:
    place = f"{source}: {path}" if path else source
    if not isinstance(value, dict) or set(value) != set(names):
        found = ", ".join(map(str, value)) if isinstance(value, dict) else type(value).__name__
        raise TableError(f"an object with the members {', '.join(names)} expected, found {found or 'none'}", place)


def _list(value: Any, source: str, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise TableError(f"a list expected, found {type(value).__name__}", f"{source}: {path}")
    return value


# -- cells -------------------------------------------------------------------------------------------------------


def _text(octets: bytes, source: str) -> str:
    if len(octets) > MAX_TABLE:
        raise TableError(f"more than {MAX_TABLE} octets, which is no list of products", source)
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(
            f"UTF-8 text expected, found {octets[error.start]:02X} at octet {error.start}", source
        ) from None


def _octets(text: str, number: int) -> bytes:
    if len(text) != number or not text.isascii() or not text.isalnum():
        raise ValueError
    return bytes.fromhex(text)


def _moment(text: str) -> Instant | None:
    return read_time(text) if text else None


def _standing(text: str) -> Standing:
    standing = Standing(text)
    if standing is Standing.REMOVED:
        raise ValueError
    return standing
