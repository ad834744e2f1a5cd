"""The list of certified products as CSV and JSON: out and in again, and what is wrong named by its place."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.products.assurance import NEEDED, Assurance
from bench.products.entries import ListedFirmware, ListedModel, Standing
from bench.products.hashes import HashForm
from bench.products.listing import CertifiedProducts
from bench.products.parties import ListParty
from bench.products.tables import COLUMNS, TableError, Taken, take_csv, take_json, to_csv, to_json
from protocols.gbcs.roles import DeviceType

from .certified import (
    ANYBODY,
    ESME,
    LAPSES,
    MODELS,
    NOW,
    PANEL,
    SUPPLIER,
    VERSION,
    certificates,
    entry,
    image,
    key,
    listed,
    products,
)

MODEL = MODELS[ESME]
NEWER = b"\x02\x00\x00\x03"
Take = Callable[[CertifiedProducts, bytes, str, ListParty, int], Taken]
FORMS = pytest.mark.parametrize(("out", "take"), [(to_csv, take_csv), (to_json, take_json)], ids=["csv", "json"])


def full() -> CertifiedProducts:
    """A list with everything that a list can have."""
    made = products()
    made.add_hardware(MODEL, 7, 'other housing, "blue"\nand two lines', SUPPLIER, NOW)
    made.add_firmware(listed(image(version=NEWER), evidence="=1+1; ½ ; a,b"), SUPPLIER, NOW)
    made.add_firmware(replace(listed(image(version=b"zzzz")), evidence="no"), SUPPLIER, NOW)
    made.remove_firmware(MODEL, b"zzzz", "wrong", SUPPLIER, NOW)
    made.lapse(MODELS[DeviceType.PPMID], PANEL, LAPSES)
    made.remove_model(MODELS[DeviceType.HCALCS], "gone", SUPPLIER, NOW)
    return made


def content(made: CertifiedProducts) -> list[tuple[ListedModel, Any, Any]]:
    return [
        (each, made.hardware_evidence(each.model), [v for v in made.versions(each.model) if v.standing == "listed"])
        for each in made.models()
        if each.standing is not Standing.REMOVED
    ]


@FORMS
def test_a_list_goes_out_and_comes_in_again(out: Callable[[CertifiedProducts], str], take: Take) -> None:
    made, again = full(), CertifiedProducts()
    text = out(made)
    taken = take(again, text.encode(), "list", ANYBODY, NOW)
    assert taken == Taken(4 + 5, 0)
    assert out(again) == text
    assert content(again) == content(made)
    assert len(content(again)) == 4
    assert take(again, text.encode(), "list", ANYBODY, NOW) == Taken(0, 9)
    assert take(again, b"\xef\xbb\xbf" + text.encode(), "list", ANYBODY, NOW) == Taken(0, 9)


@FORMS
def test_an_empty_list_is_a_list(out: Callable[[CertifiedProducts], str], take: Take) -> None:
    assert take(CertifiedProducts(), out(CertifiedProducts()).encode(), "list", ANYBODY, NOW) == Taken(0, 0)


def test_every_way_of_writing_lines_is_read() -> None:
    text = to_csv(full())
    for other in (text.replace("\n", "\r\n"), text + "\n\n"):
        made = CertifiedProducts()
        assert take_csv(made, other.encode(), "list", ANYBODY, NOW).new == 9


_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20)


@given(
    maker=_TEXTS,
    name=_TEXTS,
    number=_TEXTS.filter(lambda text: bool(text.strip())),
    evidence=_TEXTS,
    hardware=st.sets(st.integers(0, 0xFFFF), min_size=1, max_size=4),
    versions=st.dictionaries(
        st.binary(min_size=4, max_size=4),
        st.dictionaries(st.sampled_from(HashForm), st.binary(min_size=32, max_size=32), min_size=1),
        max_size=4,
    ),
)
def test_whatever_is_listed_goes_out_and_comes_in_again(
    maker: str,
    name: str,
    number: str,
    evidence: str,
    hardware: set[int],
    versions: dict[bytes, dict[HashForm, bytes]],
) -> None:
    made = CertifiedProducts()
    held = tuple(Assurance(kind, number, LAPSES) for kind in NEEDED[ESME])
    model = ListedModel(MODEL, key("maker").point, tuple(sorted(hardware)), held, maker, name)
    firmware = [ListedFirmware(MODEL, version, hashes, evidence) for version, hashes in versions.items()]
    made.add_model(model, firmware, ANYBODY, NOW)
    for out, take in ((to_csv, take_csv), (to_json, take_json)):
        again = CertifiedProducts()
        take(again, out(made).encode(), "list", ANYBODY, NOW)
        assert content(again) == content(made)
        again.close()
    made.close()


# taking in more


@FORMS
def test_a_listed_model_is_extended_under_the_rules(out: Callable[[CertifiedProducts], str], take: Take) -> None:
    made, text = products(ESME), out(full()).encode()
    with pytest.raises(TableError, match="other a maker may not add a firmware or hardware version") as refused:
        take(made, text, "list", ANYBODY, NOW)
    assert refused.value.name.startswith("list: ")
    assert content(made) == content(products(ESME))
    assert take(made, text, "list", SUPPLIER, NOW) == Taken(2 + 3 + 3, 2)
    assert out(made) == text.decode()


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"maker": "Another"}, "maker"),
        ({"maker_key": key("another").point}, "maker_key"),
    ],
)
def test_a_listed_model_is_not_changed_by_taking_in(change: dict[str, Any], column: str) -> None:
    made, other = products(ESME), CertifiedProducts()
    other.add_model(replace(entry(), **change), [listed(image())], ANYBODY, NOW)
    with pytest.raises(TableError, match="what is on the list of ESME 1234:0001 expected") as refused:
        take_csv(made, to_csv(other).encode(), "list", SUPPLIER, NOW)
    assert refused.value.name == f"list: line 2, column {column}"


def test_another_hash_of_a_listed_version_is_refused() -> None:
    made, other = products(ESME), CertifiedProducts()
    other.add_model(entry(), [replace(listed(image(content=b"other")), version=VERSION)], ANYBODY, NOW)
    with pytest.raises(TableError, match="what is on the list of ESME 1234:0001 expected") as refused:
        take_json(made, to_json(other).encode(), "list", SUPPLIER, NOW)
    assert refused.value.name == "list: models[0].firmware[0].hash_image"


def test_another_reason_for_a_listed_version_is_refused() -> None:
    made, other = products(ESME), CertifiedProducts()
    other.add_model(entry(), [replace(listed(image()), evidence="another")], ANYBODY, NOW)
    with pytest.raises(TableError, match="what is on the list of ESME 1234:0001 expected, found 'another'"):
        take_json(made, to_json(other).encode(), "list", SUPPLIER, NOW)


# what is wrong


def cells(made: CertifiedProducts) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(made))))


def written(rows: list[dict[str, str]]) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


@pytest.mark.parametrize(
    ("row", "column", "value", "said"),
    [
        (0, "record", "thing", "one of model, hardware, certificate, firmware expected, found 'thing'"),
        (0, "device_type", "TOASTER", "one of ESME, GSME"),
        (0, "manufacturer", "123", "4 hexadecimal digits expected, found '123'"),
        (0, "model", "00 1", "4 hexadecimal digits expected"),
        (0, "maker_key", "04", "130 hexadecimal digits expected"),
        (0, "standing", "removed", "listed or lapsed expected, found 'removed'"),
        (0, "standing", "perhaps", "listed or lapsed expected"),
        (0, "number", "Z-1", "nothing in a row of the record model expected, found 'Z-1'"),
        (1, "hardware_version", "00012", "4 hexadecimal digits expected"),
        (1, "hardware_version", "0002", "a hardware version once expected"),
        (1, "model", "0009", "a row of the model ESME 1234:0009 before those of its hardware"),
        (3, "certificate", "oak", "one of zigbee, dlms, cpa expected, found 'oak'"),
        (3, "expires", "soon", "a time such as 2032-01-31T00:00:00Z, or nothing, expected, found 'soon'"),
        (3, "expires", "2025-01-01", "without a valid certificate: zigbee"),
        (6, "firmware_version", "02", "8 hexadecimal digits expected"),
        (6, "hash_image", "xy" * 32, "64 hexadecimal digits expected, found 'xyxy"),
        (6, "hash_image_and_id", "ab", "64 hexadecimal digits expected, found 'ab'"),
    ],
)
def test_a_wrong_cell_is_named(row: int, column: str, value: str, said: str) -> None:
    rows = cells(products(ESME))
    rows[row][column] = value
    made = CertifiedProducts()
    with pytest.raises(TableError) as refused:
        take_csv(made, written(rows), "list.csv", ANYBODY, NOW)
    assert said in refused.value.reason
    at = 2 if "without" in said else row + (3 if "once" in said else 2)
    assert refused.value.name == f"list.csv: line {at}, column {'model' if 'without' in said else column}"
    assert content(made) == []
    assert made.changes() == ()


def test_a_wrong_row_at_the_end_leaves_nothing_behind() -> None:
    rows = cells(products())
    rows[-1]["hash_image"] = rows[-1]["hash_image_and_id"] = ""
    made = CertifiedProducts()
    with pytest.raises(TableError, match="has no hash") as refused:
        take_csv(made, written(rows), "list.csv", ANYBODY, NOW)
    assert refused.value.name == f"list.csv: line {len(rows) + 1}, column firmware_version"
    assert content(made) == []
    assert made.changes() == ()


def test_a_model_twice_is_refused() -> None:
    rows = cells(products(ESME))
    with pytest.raises(TableError, match="a model once"):
        take_csv(CertifiedProducts(), written([*rows, rows[0]]), "list.csv", ANYBODY, NOW)


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"", "'record' is missing"),
        (b"record,device_type\n", "'manufacturer' is missing"),
        ((",".join(COLUMNS) + ",price\n").encode(), "found 'price'"),
        ((",".join(COLUMNS) + ",model\n").encode(), "found 'model'"),
        ((",".join(COLUMNS) + "\nmodel,ESME\n").encode(), "line 2: 16 cells expected, found 2"),
        ((",".join(COLUMNS) + '\n"model,ESME\n').encode(), "not CSV"),
        ((",".join(COLUMNS) + "\nmodel,\0\n").encode(), "line 2"),
        (b"\xff\xfe", "UTF-8 text expected, found FF at octet 0"),
    ],
)
def test_what_is_no_table_is_refused(octets: bytes, said: str) -> None:
    with pytest.raises(TableError) as refused:
        take_csv(CertifiedProducts(), octets, "list.csv", ANYBODY, NOW)
    assert said in str(refused.value)
    assert str(refused.value).startswith("list.csv")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda whole: whole.pop("models"), "list.json: an object with the members form, version, models expected"),
        (lambda whole: whole.update(form="cake"), "list.json: form, version: form 'certified products'"),
        (lambda whole: whole.update(version=2), "version 1 expected"),
        (lambda whole: whole.update(models={}), "models: a list expected, found dict"),
        (lambda whole: whole["models"].append(3), "models[1]: an object with the members"),
        (lambda whole: whole["models"][0].update(maker=3), "models[0].maker: a text expected, found int"),
        (lambda whole: whole["models"][0].pop("firmware"), "models[0]: an object"),
        (lambda whole: whole["models"][0]["firmware"][0].update(more=""), "models[0].firmware[0]: an object"),
        (lambda whole: whole["models"][0]["firmware"][0].update(hash_image="ab"), "models[0].firmware[0].hash_image"),
        (lambda whole: whole["models"][0]["certificates"].clear(), "models[0].model: ESME 1234:0001: without a valid"),
    ],
)
def test_wrong_json_is_named_by_its_path(change: Callable[[Any], object], said: str) -> None:
    whole = json.loads(to_json(products(ESME)))
    change(whole)
    made = CertifiedProducts()
    with pytest.raises(TableError) as refused:
        take_json(made, json.dumps(whole).encode(), "list.json", ANYBODY, NOW)
    assert said in str(refused.value)
    assert made.changes() == ()


@pytest.mark.parametrize("octets", [b"", b"{", b"[" * 100_000, b"[1" + b"1" * 10_000 + b"]", b"\xff", b"NaN"])
def test_what_is_no_json_is_refused(octets: bytes) -> None:
    with pytest.raises(TableError):
        take_json(CertifiedProducts(), octets, "list.json", ANYBODY, NOW)


@given(st.binary(max_size=200), st.booleans())
def test_anything_is_refused_or_taken(octets: bytes, as_json: bool) -> None:
    made = CertifiedProducts()
    try:
        (take_json if as_json else take_csv)(made, octets, "list", ANYBODY, NOW)
    except TableError:
        assert made.changes() == ()
    made.close()


def test_the_tests_list_is_complete() -> None:
    assert {each.kind for each in certificates()} == set(NEEDED[ESME])


@pytest.mark.parametrize("form", HashForm)
@pytest.mark.parametrize("by", [SUPPLIER, ANYBODY])
@pytest.mark.parametrize("digits", ["00" * 32, ""])
def test_no_hash_is_changed_by_a_table(form: HashForm, by: ListParty, digits: str) -> None:
    made = products(ESME)
    before = made.versions(MODELS[ESME]), made.changes()
    spoiled = to_csv(made).replace(before[0][0].hashes[form].hex(), digits)
    column = f"column hash_{form.replace('-', '_')}: what is on the list of ESME 1234:0001 expected"
    with pytest.raises(TableError, match=column):
        take_csv(made, spoiled.encode(), "list.csv", by, NOW)
    assert (made.versions(MODELS[ESME]), made.changes()) == before
