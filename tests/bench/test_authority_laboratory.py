"""A laboratory: its folder, its secrets, its authorities, and what happens when any of them is spoiled."""

from __future__ import annotations

import copy
import pickle
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bench.authority import laboratory
from bench.authority.authorities import KEY_FOLDER, Hierarchy, Level, State
from bench.authority.registration import Registration
from bench.authority.repository import Search, Status
from bench.authority.sealing import (
    PASS_PHRASE_FILE,
    BrokenError,
    LabError,
    Seal,
    SealError,
    find_pass_phrase,
    new_pass_phrase,
)
from bench.authority.tables import DATABASE
from bench.database import Form, open_database, transaction
from protocols.gbcs.elliptic_curve import load_private, point_of
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore, PurposeError
from protocols.smki.check import check, check_chain
from protocols.smki.environment import refuse_live, refuse_test
from protocols.smki.mark import says_test
from protocols.smki.names import KeyUsage

from .laboratories import METER, NOW, PHRASE, SUPPLIER, for_meter, for_supplier, issued, make, reopened


def test_both_hierarchies_follow_their_profiles_and_say_that_they_are_for_tests(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        anchors = lab.infrastructure().trust_anchors
        above = [one.certificate for one in lab.authorities.all()]
        organisation, device = issued(lab, for_supplier()).certificate, issued(lab, for_meter()).certificate
        for hierarchy in Hierarchy:
            root = lab.authorities.current(hierarchy, Level.ROOT).certificate
            authority = lab.authorities.current(hierarchy).certificate
            assert check(root, root, NOW) == ()
            assert check_chain(authority, [], anchors, NOW) == ()
            assert root.subject == root.issuer == authority.issuer
            assert root.path_length is None
            assert authority.path_length == 0
        for certificate in (organisation, device, *above):
            assert says_test(certificate)
            refuse_live(certificate)
            with pytest.raises(PurposeError, match="refused for live use"):
                refuse_test(certificate)
        assert check_chain(organisation, above, anchors, NOW) == check_chain(device, above, anchors, NOW) == ()
        assert (organisation.entity, organisation.role, organisation.key_usage) == (
            SUPPLIER,
            2,
            KeyUsage.DIGITAL_SIGNATURE,
        )
        assert (device.entity, device.subject.attributes) == (METER, ())


def test_the_two_hierarchies_have_no_key_in_common(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        assert len({one.key_identifier for one in lab.authorities.all()}) == 4
        device = issued(lab, for_meter()).certificate
        organisation_root = lab.authorities.current(Hierarchy.ORGANISATION, Level.ROOT)
        anchors = [lab.authorities.issuer(organisation_root).trust_anchor]
        assert check_chain(device, [one.certificate for one in lab.authorities.all()][1:2], anchors, NOW)


def test_the_same_entropy_gives_the_same_laboratory(tmp_path: Path) -> None:
    with make(tmp_path / "one") as one, make(tmp_path / "two") as two, make(tmp_path / "three", label="x") as three:
        first, second, other = (
            [authority.certificate.octets for authority in lab.authorities.all()] for lab in (one, two, three)
        )
    assert first == second
    assert not set(first) & set(other)


def test_what_was_lodged_is_found_again_after_a_restart(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        record = issued(lab, for_supplier())
        issued(lab, for_supplier(KeyUse.KEY_AGREEMENT))
        issued(lab, for_meter())
    with reopened(tmp_path / "lab", write=False) as lab:
        searches = (
            Search(number=record.number),
            Search(serial=record.serial),
            Search(key_identifier=record.key_identifier),
            Search(entity=SUPPLIER, use=KeyUse.DIGITAL_SIGNING),
        )
        for search in searches:
            assert list(lab.repository.find(search)) == [record], search
        assert lab.repository.count(Search(role=2)) == 2
        assert lab.repository.count(Search(entity=METER)) == 1
        assert lab.repository.count() == 4 + 3
        assert lab.repository.count(Search(serial=1)) == 0
        assert lab.repository.newest(KeyName(SUPPLIER, KeyUse.DIGITAL_SIGNING), record.not_after + 1) is None
        assert lab.repository.newest(KeyName(SUPPLIER, KeyUse.DIGITAL_SIGNING), NOW) == record


def test_a_key_store_borrows_a_pair_that_the_laboratory_made(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        record, store = issued(lab, for_supplier()), MemoryKeyStore()
        assert lab.lend(store, record)
        signature = store.sign(SUPPLIER, b"octets")
        assert store.verify(SUPPLIER, b"octets", signature)
        authority = next(iter(lab.repository.find(Search(use="ca"))))
        with pytest.raises(LabError, match="its key stays here"):
            lab.lend(store, authority)


# Secrets


def test_nothing_of_a_private_key_lies_open_in_the_folder_or_shows(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    with make(folder) as lab:
        record = issued(lab, for_supplier())
        private = lab.private_key(record)
        assert private is not None
        secrets = [load_private(private).private_numbers().private_value.to_bytes(32, "big")]
        for authority in lab.authorities.all():
            number = lab.authorities.private(authority).private_numbers().private_value
            secrets.append(number.to_bytes(32, "big"))
        shown = repr([lab.seal, lab, private, lab.authorities, lab.authorities.all(), vars(lab)])
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for secret in secrets:
        assert secret not in written
        assert secret.hex() not in written.decode("latin-1")
        assert repr(secret)[2:-1] not in shown
        assert str(int.from_bytes(secret, "big")) not in shown
    assert PHRASE not in written
    for path in (*(folder / KEY_FOLDER).iterdir(), folder / DATABASE):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_seal_is_not_copied_and_opens_nothing_that_was_changed() -> None:
    seal = Seal(bytes(32))
    with pytest.raises(LabError, match="neither copied nor pickled"):
        copy.copy(seal)
    with pytest.raises(LabError, match="neither copied nor pickled"):
        pickle.dumps(seal)
    closed = seal.close(b"octets", b"one purpose")
    assert seal.open(closed, b"one purpose") == b"octets"
    for at in range(len(closed)):
        with pytest.raises(SealError):
            seal.open(closed[:at] + bytes((closed[at] ^ 1,)) + closed[at + 1 :], b"one purpose")
    for octets, purpose in ((closed, b"another"), (b"", b"one purpose"), (closed[:11], b"one purpose")):
        with pytest.raises(SealError):
            seal.open(octets, purpose)


def test_a_wrong_pass_phrase_is_told_and_reading_needs_none(tmp_path: Path) -> None:
    make(tmp_path / "lab").close()
    with reopened(tmp_path / "lab", b"wrong") as lab:
        assert lab.repository.count() == 4
        with pytest.raises(SealError, match="the pass phrase is wrong"):
            issued(lab, for_supplier())
        assert lab.repository.count() == 4
    with reopened(tmp_path / "lab") as lab:
        assert issued(lab, for_supplier()).status is Status.LODGED


def test_where_the_pass_phrase_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METERBENCH_PASS_PHRASE", raising=False)
    with pytest.raises(LabError, match="--pass-phrase-file or set METERBENCH_PASS_PHRASE"):
        find_pass_phrase(tmp_path)
    phrase = new_pass_phrase(tmp_path, None)
    assert find_pass_phrase(tmp_path) == new_pass_phrase(tmp_path, None) == phrase
    assert stat.S_IMODE((tmp_path / PASS_PHRASE_FILE).stat().st_mode) == 0o600
    assert phrase.decode() not in repr(phrase)
    monkeypatch.setenv("METERBENCH_PASS_PHRASE", "of the environment")
    assert find_pass_phrase(tmp_path) == b"of the environment"
    given = tmp_path / "given"
    given.write_text("of a file\n")
    assert find_pass_phrase(tmp_path, given) == b"of a file"
    given.write_text("\n")
    for wrong in (given, tmp_path / "absent", tmp_path):
        with pytest.raises(LabError, match=wrong.name):
            find_pass_phrase(tmp_path, wrong)


# Spoiled


def test_a_folder_without_a_laboratory_or_with_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no laboratory; make one with: meterbench keys init"):
        reopened(tmp_path / "absent")
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(LabError, match="holds 'notes'"):
        make(tmp_path)
    make(tmp_path / "lab").close()
    with pytest.raises(LabError, match="holds a laboratory already"):
        make(tmp_path / "lab")


def test_an_interrupted_beginning_can_be_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "lab")
    monkeypatch.undo()
    with make(tmp_path / "lab", label="again") as lab:
        assert issued(lab, for_supplier()).status is Status.LODGED
        assert len(list((tmp_path / "lab" / KEY_FOLDER).iterdir())) == 4


def test_of_two_that_begin_at_once_one_does(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    with make(folder) as first:
        (folder / DATABASE).rename(tmp_path / "away")  # as while it is being made
        with pytest.raises(LabError, match="in use by another meterbench"):
            make(folder, label="second")
        (tmp_path / "away").rename(folder / DATABASE)
        assert issued(first, for_supplier()).status is Status.LODGED


def test_one_that_was_made_while_another_waited_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = laboratory._Lock

    def late(path: Path) -> laboratory._Lock:
        monkeypatch.undo()
        make(tmp_path / "lab").close()
        return lock(path)

    monkeypatch.setattr(laboratory, "_Lock", late)
    with pytest.raises(LabError, match="holds a laboratory already"):
        make(tmp_path / "lab", label="second")
    with reopened(tmp_path / "lab") as lab:
        assert issued(lab, for_supplier()).status is Status.LODGED


def test_a_pass_phrase_that_lies_ready_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METERBENCH_PASS_PHRASE", raising=False)
    (tmp_path / PASS_PHRASE_FILE).write_text("of my own\n")
    assert new_pass_phrase(tmp_path, None) == b"of my own"
    assert (tmp_path / PASS_PHRASE_FILE).read_text() == "of my own\n"


def test_a_full_disk_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path | None, form: Form) -> sqlite3.Connection:
        db = open_database(path, form)
        db.execute("PRAGMA max_page_count=1")  # counts as: no more than there are
        with pytest.raises(sqlite3.OperationalError, match="full"), transaction(db):
            db.execute("INSERT INTO fact VALUES ('much', zeroblob(100000))")
        db.execute("PRAGMA query_only=1")
        return db

    monkeypatch.setattr(laboratory, "open_database", full)
    with pytest.raises(LabError, match=r"lab: cannot be made a laboratory: .*readonly"):
        make(tmp_path / "lab")
    monkeypatch.undo()
    make(tmp_path / "lab").close()


@pytest.mark.parametrize("spoil", ["text", "cut", "other", "newer", "page"])
def test_a_spoiled_database_is_one_clear_error(tmp_path: Path, spoil: str) -> None:
    folder = tmp_path / "lab"
    with make(folder) as lab:
        for number in range(8):
            issued(lab, for_supplier(owner=SUPPLIER[:7] + bytes((number,))))  # type: ignore[arg-type]  # octets
    file = folder / DATABASE
    octets = file.read_bytes()
    if spoil == "text":
        file.write_text("not a database, but long enough to look like one" * 100)
    elif spoil == "cut":
        file.write_bytes(octets[: len(octets) // 2])
    elif spoil == "page":
        file.write_bytes(octets[:4096] + b"\xa5" * (len(octets) - 4096))
    elif spoil == "other":
        file.unlink()
        sqlite3.connect(file).executescript("CREATE TABLE a (b)").close()
    else:
        db = sqlite3.connect(file)
        db.executescript("PRAGMA user_version = 99").close()
        db.close()
    with pytest.raises(BrokenError, match=r"laboratory\.sqlite"), reopened(folder) as lab, lab.guarded():
        list(lab.repository.find())


def test_a_spoiled_missing_or_swapped_private_key_of_an_authority_is_told(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        organisation, device = (lab.authorities.current(each) for each in Hierarchy)
    folder = tmp_path / "lab" / KEY_FOLDER
    one = folder / f"organisation-issuing-{organisation.key_identifier.hex()}.key"
    two = folder / f"device-issuing-{device.key_identifier.hex()}.key"
    good = one.read_bytes()
    for spoiled, said in ((good[:-1] + bytes((good[-1] ^ 1,)), "changed"), (two.read_bytes(), "changed"), (b"", "")):
        one.write_bytes(spoiled)
        with reopened(tmp_path / "lab") as lab:
            with pytest.raises(BrokenError, match=rf"{one.name}.*{said}"):
                issued(lab, for_supplier())
            assert issued(lab, for_meter(use=KeyUse.KEY_AGREEMENT)).status is Status.LODGED
    one.unlink()
    with reopened(tmp_path / "lab") as lab, pytest.raises(BrokenError, match=f"{one.name}.*No such file"):
        issued(lab, for_supplier())


def test_opening_destroys_no_key_that_may_be_needed_and_no_file_of_others(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        names = {path.name for path in (tmp_path / "lab" / KEY_FOLDER).iterdir()}
    folder = tmp_path / "lab" / KEY_FOLDER
    old = f"device-issuing-{'0' * 16}.key"
    for name in ("notes", "mine.key", old, f".{old}.new"):
        (folder / name).write_text("octets")
    with reopened(tmp_path / "lab"):
        assert {path.name for path in folder.iterdir()} == names | {"notes", "mine.key"}
    db = sqlite3.connect(tmp_path / "lab" / DATABASE)
    db.execute("DELETE FROM authority WHERE level = 'issuing'")
    db.commit()
    db.close()
    with reopened(tmp_path / "lab") as lab:
        assert {path.name for path in folder.iterdir()} == names | {"notes", "mine.key"}
        with pytest.raises(LabError, match="there is no issuing authority of the device hierarchy"):
            issued(lab, for_supplier())
    folder.rename(tmp_path / "away")
    with pytest.raises(BrokenError, match="the authorities' keys cannot be read: No such file"):
        reopened(tmp_path / "lab")
    (tmp_path / "away").rename(folder)
    reopened(tmp_path / "lab").close()  # the one that failed has given the lock back


def test_one_process_at_a_time_changes_a_laboratory(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    with make(folder) as lab:
        issued(lab, for_supplier())
        with pytest.raises(LabError, match=r"in use by another meterbench \(process \d+\).*wait until it has ended"):
            reopened(folder)
        script = f"""
from pathlib import Path
from bench.authority.laboratory import Laboratory
from bench.authority.sealing import LabError
try:
    Laboratory(Path({str(folder)!r}), lambda: b"")
except LabError as error:
    print(error)
with Laboratory(Path({str(folder)!r}), lambda: b"", write=False) as lab:
    print(lab.repository.count())
"""
        said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "in use by another meterbench" in said
    assert said.splitlines()[-1] == "5"
    with reopened(folder) as lab:
        assert issued(lab, for_meter()).status is Status.LODGED


def test_a_reader_changes_nothing(tmp_path: Path) -> None:
    make(tmp_path / "lab").close()
    with reopened(tmp_path / "lab", write=False) as lab:
        with pytest.raises(LabError, match="opened for reading only"):
            Registration(lab).apply(for_supplier(), NOW)
        assert lab.repository.count() == 4


def test_an_authority_key_is_that_of_its_certificate(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        for authority in lab.authorities.all():
            assert authority.state is State.CURRENT
            private = lab.authorities.private(authority)
            assert point_of(private.public_key()) == authority.certificate.public_point


def test_the_history_says_what_was_done_and_when(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        with lab.change(NOW, "something"):
            pass
        assert lab.history()[-1] == (NOW, "something")
