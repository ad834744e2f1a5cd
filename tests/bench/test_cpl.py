"""The Certified Products List: who may add what, what is refused, its history and announcements, its file."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.database import DatabaseError
from bench.device_model import DeviceModel
from bench.inventory import Inventory
from bench.products.assurance import NEEDED, Assurance, AssuranceKind, first_expiry, lacking, six_years_after
from bench.products.entries import ListedFirmware, Notice, Standing
from bench.products.entry_checks import ListError
from bench.products.hashes import HashForm
from bench.products.listing import CertifiedProducts, NoSuchEntryError, NotAllowedError
from bench.products.parties import Act, ListParty, PartyKind, who_may
from protocols.gbcs.roles import DeviceType
from protocols.instant import instant
from protocols.smki.certificate import key_identifier

from .certified import (
    ANYBODY,
    DCC,
    ESME,
    KINDS,
    LAPSES,
    LATER,
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
GSME = DeviceType.GSME
NEWER = b"\x02\x00\x00\x03"
EVERYBODY = [ListParty(kind, "somebody") for kind in PartyKind]


def newer(evidence: str = "only the texts of the display differ") -> ListedFirmware:
    return listed(image(version=NEWER), evidence=evidence)


@pytest.mark.parametrize("by", EVERYBODY, ids=lambda by: by.kind)
@pytest.mark.parametrize("kind", KINDS)
def test_anybody_lists_a_new_model(kind: DeviceType, by: ListParty) -> None:
    made = CertifiedProducts()
    made.add_model(entry(kind), [listed(image(kind), kind)], by, NOW)
    assert made.model(MODELS[kind]) == entry(kind)
    assert made.versions(MODELS[kind]) == (listed(image(kind), kind),)


@pytest.mark.parametrize("by", EVERYBODY, ids=lambda by: by.kind)
@pytest.mark.parametrize("kind", [*KINDS, DeviceType.GPF])
def test_only_suppliers_and_for_hubs_the_dcc_add_versions(kind: DeviceType, by: ListParty) -> None:
    hub = kind in (DeviceType.CHF, DeviceType.GPF)
    allowed = by.kind is (PartyKind.DCC if hub else PartyKind.SUPPLIER)
    assert (by.kind in who_may(Act.ADD_VERSION, kind)) is allowed
    if kind is DeviceType.GPF:
        return
    made = products(kind)
    firmware = listed(image(kind, NEWER), kind, "small change")
    tries: list[Callable[[], None]] = [
        lambda: made.add_firmware(firmware, by, NOW),
        lambda: made.add_hardware(MODELS[kind], 7, "another display", by, NOW),
    ]
    for work in tries:
        before = made.changes()
        if allowed:
            work()
            assert len(made.changes()) == len(before) + 1
            continue
        with pytest.raises(NotAllowedError, match=f"{by.kind} somebody may not add a firmware or hardware version"):
            work()
        assert made.changes() == before
    assert (made.firmware(MODELS[kind], NEWER) == firmware) is allowed
    found = made.model(MODELS[kind])
    assert found is not None
    assert found.hardware == ((1, 2, 7) if allowed else (1, 2))


@pytest.mark.parametrize("act", [Act.RENEW, Act.REMOVE])
@pytest.mark.parametrize("kind", [PartyKind.OTHER, PartyKind.NETWORK_OPERATOR])
def test_others_neither_renew_nor_remove(act: Act, kind: PartyKind) -> None:
    made, by = products(ESME), ListParty(kind, "")
    assert kind not in who_may(act, ESME)
    tries: dict[Act, Callable[[], None]] = {
        Act.RENEW: lambda: made.renew(MODEL, Assurance(AssuranceKind.CPA, "2", LAPSES), by, NOW),
        Act.REMOVE: lambda: made.remove_model(MODEL, "no", by, NOW),
    }
    with pytest.raises(NotAllowedError, match=f"may not {act}"):
        tries[act]()
    with pytest.raises(NotAllowedError):
        products(DeviceType.CHF).remove_firmware(MODELS[DeviceType.CHF], VERSION, "", SUPPLIER, NOW)


def test_what_is_added_to_a_model_needs_evidence() -> None:
    made = products(ESME)
    for text in ("", "  "):
        with pytest.raises(ListError, match="the evidence is missing why no new certification is needed"):
            made.add_firmware(newer(text), SUPPLIER, NOW)
        with pytest.raises(ListError, match="the evidence is missing"):
            made.add_hardware(MODEL, 7, text, SUPPLIER, NOW)
    made.add_firmware(newer(), SUPPLIER, NOW)
    made.add_hardware(MODEL, 7, "other housing", SUPPLIER, NOW)
    kept = made.firmware(MODEL, NEWER)
    assert kept is not None
    assert kept.evidence == "only the texts of the display differ"
    assert made.hardware_evidence(MODEL) == {1: "", 2: "", 7: "other housing"}
    assert made.changes()[-1].evidence == "other housing"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (replace(entry(), certificates=certificates()[1:]), "certificate: zigbee; an entry for ESME needs"),
        (replace(entry(), certificates=certificates(expires=NOW)), "without a valid certificate: zigbee, dlms, cpa"),
        (replace(entry(), certificates=certificates() * 2), "a certificate is given twice"),
        (replace(entry(), certificates=(Assurance(AssuranceKind.ZIGBEE, " "),)), "zigbee certificate has a number"),
        (replace(entry(), certificates=(Assurance(AssuranceKind.CPA, "1"),)), "expires within six years; say when"),
        (
            replace(entry(), certificates=(Assurance(AssuranceKind.CPA, "1", LAPSES + 1),)),
            "at most six years, until 2032-01-01T00:00:00Z",
        ),
        (replace(entry(), maker_key=b"\x04" + bytes(64)), "the maker's public key"),
        (replace(entry(), maker_key=b""), "the maker's public key"),
        (replace(entry(), standing=Standing.REMOVED), "what was removed is not on a list"),
        (replace(entry(), hardware=()), "one hardware version at least"),
        (replace(entry(), hardware=(1, 1)), "given twice"),
        (replace(entry(), hardware=(0x10000,)), "0 to FFFF expected, found 10000"),
        (replace(entry(), model=DeviceModel(ESME, -1, 1)), "manufacturer: 0 to FFFF expected"),
        (replace(entry(), model=DeviceModel(ESME, 1, 0x10000)), "model: 0 to FFFF expected, found 10000"),
    ],
)
def test_a_wrong_entry_is_refused(wrong: object, said: str) -> None:
    made = CertifiedProducts()
    with pytest.raises(ListError, match=said):
        made.add_model(wrong, [], ANYBODY, NOW)  # type: ignore[arg-type]  # pytest knows no type of a parameter
    assert list(made.models()) == []
    assert made.changes() == ()


@pytest.mark.parametrize(
    ("firmware", "said"),
    [
        (replace(newer(), version=b"\x01"), "4 octets expected, found 1"),
        (replace(newer(), hashes={}), "has no hash"),
        (replace(newer(), hashes={HashForm.IMAGE: bytes(20)}), "hash image: 32 octets expected, found 20"),
        (replace(listed(image()), evidence="again"), "firmware 02000002 is on the list already"),
        (replace(newer(), model=MODELS[DeviceType.GSME]), "GSME 1234:0002 is not on the list"),
    ],
)
def test_a_wrong_version_is_refused(firmware: ListedFirmware, said: str) -> None:
    made = products(ESME)
    before = made.changes()
    with pytest.raises(ListError, match=said):
        made.add_firmware(firmware, SUPPLIER, NOW)
    assert made.changes() == before


def test_a_model_with_a_wrong_version_is_not_listed_at_all() -> None:
    made = CertifiedProducts()
    with pytest.raises(ListError, match="has no hash"):
        made.add_model(entry(), [listed(image()), replace(newer(), hashes={})], ANYBODY, NOW)
    assert made.model(MODEL) is None
    assert made.changes() == ()


def test_a_model_is_listed_once_and_again_after_its_removal() -> None:
    made = products(ESME)
    with pytest.raises(ListError, match="on the list already"):
        made.add_model(entry(), [], ANYBODY, NOW)
    made.remove_model(MODEL, "withdrawn by its maker", PANEL, NOW)
    with pytest.raises(NoSuchEntryError, match="is not on the list"):
        made.add_firmware(newer(), SUPPLIER, NOW)
    removed = made.model(MODEL)
    assert removed is not None
    assert removed.standing is Standing.REMOVED
    made.add_model(replace(entry(), name="ESME 201"), [listed(image())], ANYBODY, NOW)
    again = made.model(MODEL)
    assert again is not None
    assert (again.name, again.standing, again.hardware) == ("ESME 201", Standing.LISTED, (1, 2))
    assert [each.what for each in made.changes()].count("model listed") == 2


def test_a_version_is_removed_once() -> None:
    made = products(ESME)
    made.remove_firmware(MODEL, VERSION, "wrong sums", SUPPLIER, NOW)
    with pytest.raises(NoSuchEntryError, match="02000002 is not on the list"):
        made.remove_firmware(MODEL, VERSION, "again", SUPPLIER, NOW)
    made.add_firmware(replace(listed(image()), evidence="sums are right"), SUPPLIER, NOW)
    found = made.firmware(MODEL, VERSION)
    assert found is not None
    assert found.standing is Standing.LISTED


def test_nothing_is_added_to_a_model_without_certificate() -> None:
    made = products(ESME)
    with pytest.raises(ListError, match="has no valid certificate: zigbee, dlms, cpa; no version"):
        made.add_firmware(newer(), SUPPLIER, LAPSES)


# certificates


@pytest.mark.parametrize("kind", list(NEEDED))
def test_each_kind_needs_its_certificates(kind: DeviceType) -> None:
    held = certificates(kind)
    assert lacking(kind, held, NOW) == ()
    for number, each in enumerate(NEEDED[kind]):
        assert lacking(kind, held[:number] + held[number + 1 :], NOW) == (each,)
    assert lacking(kind, held, LAPSES) == NEEDED[kind]


def test_of_two_certificates_the_longer_counts() -> None:
    held = [Assurance(AssuranceKind.ZIGBEE, "z"), Assurance(AssuranceKind.DLMS, "d")]
    held += [Assurance(AssuranceKind.CPA, "1", NOW), Assurance(AssuranceKind.CPA, "2", LATER)]
    assert first_expiry(ESME, held) == LATER
    assert first_expiry(ESME, held[:2]) is None
    assert lacking(ESME, held, LATER - 1) == ()


def test_six_years_are_calendar_years() -> None:
    assert six_years_after(NOW) == instant(2032, 1, 1)
    assert six_years_after(instant(2028, 2, 29, 12)) == instant(2034, 3, 1, 12)


def test_a_renewed_certificate_lists_a_lapsed_model_again() -> None:
    made = products(ESME)
    assert not made.lapse(MODEL, PANEL, LAPSES - 1)
    assert made.lapse(MODEL, PANEL, LAPSES)
    assert not made.lapse(MODEL, PANEL, LAPSES)
    for number, kind in enumerate(NEEDED[ESME]):
        found = made.model(MODEL)
        assert found is not None
        assert found.standing is Standing.LAPSED
        made.renew(MODEL, Assurance(kind, f"new {number}", six_years_after(LAPSES)), SUPPLIER, LAPSES)
    found = made.model(MODEL)
    assert found is not None
    assert (found.standing, found.expires) == (Standing.LISTED, six_years_after(LAPSES))
    with pytest.raises(ListError, match="certificate new 2 is on the list already"):
        made.renew(MODEL, Assurance(AssuranceKind.CPA, "new 2", LAPSES + 1), SUPPLIER, LAPSES)


# history and announcements


def test_every_change_is_kept_with_who_made_it() -> None:
    made = products(ESME)
    made.add_firmware(newer(), SUPPLIER, LATER)
    made.remove_firmware(MODEL, VERSION, "old", SUPPLIER, LATER)
    said = [(each.at, each.by, each.what) for each in made.changes()]
    assert said == [
        (NOW, "other a maker", "model listed"),
        (NOW, "other a maker", "firmware added"),
        (LATER, "supplier Bright", "firmware added"),
        (LATER, "supplier Bright", "firmware removed"),
    ]
    assert image(version=NEWER).digest.hex() in made.changes()[2].detail
    assert [each.number for each in made.changes(2)] == [3, 4]


@pytest.mark.parametrize(
    "statement", ["DELETE FROM change", "UPDATE change SET by = 'me'", "DELETE FROM change WHERE 1"]
)
def test_the_history_cannot_be_rewritten(statement: str) -> None:
    made = products(ESME)
    before = made.changes()
    with pytest.raises(sqlite3.IntegrityError, match="history is kept"):
        made._db.execute(statement)
    assert made.changes() == before


def test_every_change_is_announced_to_all_who_subscribed() -> None:
    made = products(ESME)
    made.subscribe("Bright")
    assert made.announcements("Bright") == ()
    made.add_firmware(newer(), SUPPLIER, NOW)
    made.subscribe("Gas Ltd")
    made.remove_firmware(MODEL, NEWER, "no", SUPPLIER, NOW)
    assert [each.what for each in made.announcements("Bright")] == ["firmware added", "firmware removed"]
    assert [each.what for each in made.announcements("Gas Ltd")] == ["firmware removed"]
    made.heard("Bright", made.announcements("Bright")[0].number)
    made.heard("Bright", 1)  # what was heard stays heard
    assert [each.what for each in made.announcements("Bright")] == ["firmware removed"]
    made.subscribe("Bright")
    assert len(made.announcements("Bright")) == 1
    assert made.subscribers() == ("Bright", "Gas Ltd")
    with pytest.raises(NoSuchEntryError, match="Nobody has not subscribed; those who have: Bright, Gas Ltd"):
        made.announcements("Nobody")


# the file


def test_a_file_keeps_the_list(tmp_path: Path) -> None:
    path = tmp_path / "cpl.sqlite"
    made = CertifiedProducts(path)
    made.add_model(entry(), [listed(image())], ANYBODY, NOW)
    made.tell(Notice(NOW, "supplier", "something"))
    before = (list(made.models()), made.versions(MODEL), made.changes(), made.notices())
    made.close()
    again = CertifiedProducts(path)
    assert (list(again.models()), again.versions(MODEL), again.changes(), again.notices()) == before
    again.close()


def test_files_that_hold_no_list_are_refused(tmp_path: Path) -> None:
    missing, other = tmp_path / "none.sqlite", tmp_path / "inventory.sqlite"
    Inventory(other).close()
    with pytest.raises(DatabaseError, match="no such file; it should hold a list of certified products"):
        CertifiedProducts(missing, create=False)
    with pytest.raises(DatabaseError, match="a database, but not a list of certified products"):
        CertifiedProducts(other)
    assert not missing.exists()


def test_two_programs_change_one_list(tmp_path: Path) -> None:
    path = tmp_path / "cpl.sqlite"
    one, two = CertifiedProducts(path), CertifiedProducts(path)
    one.add_model(entry(), [listed(image())], ANYBODY, NOW)
    two.add_firmware(newer(), SUPPLIER, NOW)
    assert len(one.versions(MODEL)) == 2
    one.close()
    two.close()


def test_a_change_that_fails_half_way_is_not_made() -> None:
    made = products(ESME)
    before = (made.changes(), made.versions(MODEL))

    def half() -> None:
        with made.one_change():
            made.add_firmware(newer(), SUPPLIER, NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert (made.changes(), made.versions(MODEL)) == before


def test_hubs_are_the_dcc_s() -> None:
    made = products(DeviceType.CHF)
    made.add_hardware(MODELS[DeviceType.CHF], 9, "other housing", DCC, NOW)
    assert made.changes()[-1].by == "dcc"
    assert key("maker").point == entry().maker_key


def test_a_program_that_is_killed_in_a_change_leaves_the_list_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "cpl.sqlite"
    made = CertifiedProducts(path)
    made.add_model(entry(), [listed(image())], ANYBODY, NOW)
    before = (list(made.models()), made.versions(MODEL), made.changes())
    made.close()
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(path)], cwd=ROOT, check=False)
    assert killed.returncode == 9
    again = CertifiedProducts(path)
    assert (list(again.models()), again.versions(MODEL), again.changes()) == before
    again.add_firmware(newer(), SUPPLIER, NOW)
    again.close()


ROOT = Path(__file__).parents[2]
_KILLED = """
import os, sys
from tests.bench.certified import MODELS, ESME, NOW, PANEL, SUPPLIER
from bench.products.listing import CertifiedProducts
made = CertifiedProducts(sys.argv[1])
with made.one_change():
    made.add_hardware(MODELS[ESME], 9, "because", SUPPLIER, NOW)
    made.remove_model(MODELS[ESME], "no", PANEL, NOW)
    os._exit(9)
"""


def test_the_history_says_whose_key_counts_for_a_model() -> None:
    made = products(ESME)
    assert key_identifier(key("maker").point).hex().upper() in made.changes()[0].detail


def test_firmware_of_another_model_is_not_listed_with_a_model() -> None:
    made = CertifiedProducts()
    with pytest.raises(ListError, match="firmware of GSME 1234:0002 does not belong to it"):
        made.add_model(entry(), [listed(image(GSME), GSME)], ANYBODY, NOW)
    assert list(made.models()) == []
    assert made.changes() == ()
