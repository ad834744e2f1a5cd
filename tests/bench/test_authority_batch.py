"""Batches: their size and deadline, what they are read from, and that a killed process loses and repeats nothing."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import zipfile
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.authority import batch_files, batches
from bench.authority.applicants import Applicant
from bench.authority.authorities import KEY_FOLDER, Hierarchy
from bench.authority.batch_files import Claims, read_batch
from bench.authority.batches import Batch, Batches
from bench.authority.laboratory import Laboratory
from bench.authority.registration import Application, Registration, State
from bench.authority.repository import Search, Status
from bench.authority.sealing import BrokenError, LabError
from bench.authority.times import BATCH_LEAST, BATCH_MOST, Limits, batch_deadline
from bench.authority.workers import Workers
from bench.exit_codes import ExitCode
from protocols.eui64 import eui64
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY, HOUR, Instant, instant
from protocols.smki.check import check_chain

from .laboratories import NOW, PHRASE, device_request, make, reopened

METERS = Claims(None, DeviceType.ESME)


def pem(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE REQUEST-----\n%b\n-----END CERTIFICATE REQUEST-----\n" % b64encode(der)


def requests(number: int) -> list[Application]:
    owner = [eui64(f"{at:016X}") for at in range(number)]
    return [
        Application(Applicant.ELECTRICITY_SUPPLIER, device_request(at, owner[at]), DeviceType.ESME, origin=f"{at}")
        for at in range(number)
    ]


def identifiers(number: int) -> str:
    return "eui64,use\n" + "".join(f"{at:016X},ds\n" for at in range(number))


def answer(lab: Laboratory, batch: Batch, now: Instant = NOW) -> list[int]:
    return list(Batches(lab).process(batch, lambda: now, Registration(lab).answer_here))


# Rules


@pytest.mark.parametrize(
    ("received", "deadline"),
    [
        (instant(2026, 3, 1, 7), instant(2026, 3, 2, 7)),
        (instant(2026, 3, 1, 12, 30), instant(2026, 3, 2, 7)),
        (instant(2026, 3, 1, 18, 59, 59), instant(2026, 3, 2, 7)),
        (instant(2026, 3, 1, 19), instant(2026, 3, 2, 19)),
        (instant(2026, 3, 1, 23, 59), instant(2026, 3, 2, 23, 59)),
        (instant(2026, 3, 1, 6, 59, 59), instant(2026, 3, 2, 6, 59, 59)),
        (instant(2026, 12, 31, 8), instant(2027, 1, 1, 7)),
    ],
)
def test_deadlines(received: Instant, deadline: Instant) -> None:
    assert batch_deadline(received) == deadline


@given(st.integers(min_value=0, max_value=1 << 32))
def test_a_deadline_is_at_most_a_day_and_at_least_twelve_hours_away(received: Instant) -> None:
    assert 12 * HOUR <= batch_deadline(received) - received <= DAY


def test_a_batch_has_2_to_49_999_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (BATCH_LEAST, BATCH_MOST) == (2, 49_999)
    monkeypatch.setattr(batches, "BATCH_MOST", 4)
    with make(tmp_path / "lab") as lab:
        for number in (0, 1, 5):
            with pytest.raises(LabError, match=f"{number} requests; a batch has 2 to 4"):
                Batches(lab).receive("mine", requests(number), NOW)
        assert Batches(lab).all() == []
        for number in (2, 4):
            assert Batches(lab).receive("mine", requests(number), NOW)[0].total == number


def test_every_request_is_answered_once_and_good_ones_are_lodged(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        given = requests(5)
        given[1] = given[1]._replace(der=b"\x30\x03no!")
        given[2] = given[2]._replace(der=given[0].der)
        given[3] = given[3]._replace(applicant=Applicant.OTHER)
        batch, new = Batches(lab).receive("mine", given, NOW)
        assert new
        assert sum(answer(lab, batch)) == 4  # the fourth was rejected on receipt
        entries = Registration(lab).of_batch(batch.number)
        assert [entry.state for entry in entries] == [
            State.LODGED,
            State.REJECTED,
            State.REJECTED,
            State.REJECTED,
            State.LODGED,
        ]
        reasons = [entry.reason for entry in entries]
        assert "no certification request" in reasons[1]
        assert "has a certificate already" in reasons[2]
        assert "other may not apply" in reasons[3]
        assert Batches(lab).get(batch.number).finished == NOW
        assert answer(lab, batch) == []
        assert lab.repository.count(Search(statuses=tuple(Status))) == 4 + 2


def test_the_same_batch_handed_in_again_is_known(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        first, _ = Batches(lab).receive("mine", requests(3), NOW)
        answer(lab, first)
        again, new = Batches(lab).receive("another name", requests(3), NOW + 60)
        assert (again.number, new) == (first.number, False)
        assert answer(lab, again, NOW + 60) == []
        assert Batches(lab).get(first.number).finished == NOW
        other, new = Batches(lab).receive("mine", requests(4), NOW)
        assert (other.number, new) == (first.number + 1, True)
        answer(lab, other)
        assert Batches(lab).counts(other)[State.LODGED] == 1  # the keys of the first three are certified


def test_lateness_is_told(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        batch, _ = Batches(lab).receive("mine", requests(2), NOW)
        answer(lab, batch, batch.deadline + 1)
        assert Batches(lab).get(batch.number).late
        batch, _ = Batches(lab).receive("mine", requests(2)[::-1], NOW)
        answer(lab, batch, batch.deadline)
        assert not Batches(lab).get(batch.number).late


def test_a_batch_goes_across_the_renewal_of_the_authoritys_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "STEP", 4)
    with make(tmp_path / "lab", Limits(certificates=10)) as lab:
        batch, _ = Batches(lab).receive("mine", requests(25), NOW)
        assert answer(lab, batch) == [4, 4, 2, 4, 4, 2, 4, 1]
        used = [one.issued for one in lab.authorities.all() if one.hierarchy is Hierarchy.DEVICE][1:]
        assert used == [10, 10, 5]
        above = [one.certificate for one in lab.authorities.all()]
        for record in lab.repository.find(Search(kind=None, entity=None, use="ds")):
            assert check_chain(record.certificate, above, lab.infrastructure().trust_anchors, NOW) == ()


def test_workers_answer_as_one_process_does(tmp_path: Path) -> None:
    limits = Limits(certificates=140)  # the workers go on with another key of the authority
    with make(tmp_path / "one", limits) as one, make(tmp_path / "two", limits) as two:
        for lab in (one, two):
            Batches(lab).receive("mine", requests(300), NOW)
        answer(one, Batches(one).get(1))
        with Workers(two, 2) as workers:
            list(Batches(two).process(Batches(two).get(1), lambda: NOW, workers.answer))
        first, second = ([record.der for record in lab.repository.find()] for lab in (one, two))
        assert first == second
        assert len(first) == 306
        used = [record.issuer_key for record in two.repository.find(Search(use="ds"))]
        assert sorted(used.count(key) for key in set(used)) == [20, 140, 140]


def test_a_spoiled_key_of_the_authority_is_told_before_workers_have_it(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        batch, _ = Batches(lab).receive("mine", requests(130), NOW)
        key = lab.authorities.current(Hierarchy.DEVICE).key_identifier.hex()
        (tmp_path / "lab" / KEY_FOLDER / f"device-issuing-{key}.key").write_bytes(b"spoiled")
        with Workers(lab, 2) as workers, pytest.raises(BrokenError, match=f"{key}.key: .* was changed on the disk"):
            list(Batches(lab).process(batch, lambda: NOW, workers.answer))
        assert Batches(lab).answered(batch) == 0


# What batches are read from


def test_a_folder_a_pem_file_a_zip_and_der_say_the_same(tmp_path: Path) -> None:
    wanted = [device_request(number) for number in range(3)]
    (tmp_path / "folder").mkdir()
    for number, der in enumerate(wanted):
        name, octets = (f"{number}.csr", der) if number == 1 else (f"{number}.pem", pem(der))
        (tmp_path / "folder" / name).write_bytes(octets)
    (tmp_path / "folder" / "notes.txt").write_text("not a request")
    (tmp_path / "many.pem").write_bytes(b"# three\n" + b"\n".join(map(pem, wanted)))
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number, der in enumerate(wanted):
            archive.writestr(f"{number}.pem", pem(der))
        archive.writestr("README", "not a request")
    for name in ("folder", "many.pem", "many.zip"):
        found = read_batch(tmp_path / name, METERS)
        assert [one.der for one in found] == wanted, name
        assert {(one.applicant, one.device_type) for one in found} == {
            (Applicant.ELECTRICITY_SUPPLIER, DeviceType.ESME)
        }


def test_a_csv_of_identifiers_asks_for_pairs(tmp_path: Path) -> None:
    file = tmp_path / "devices.csv"
    file.write_text("\ufeffEUI64,type,use\n00-DB-12-34-56-78-90-A0,,\n\n00DB1234567890A1,GSME,ka\n", encoding="utf-8")
    found = read_batch(file, METERS)
    assert [(one.entity, one.device_type, one.use, one.applicant) for one in found] == [
        (eui64("00DB1234567890A0"), DeviceType.ESME, KeyUse.DIGITAL_SIGNING, Applicant.ELECTRICITY_SUPPLIER),
        (eui64("00DB1234567890A0"), DeviceType.ESME, KeyUse.KEY_AGREEMENT, Applicant.ELECTRICITY_SUPPLIER),
        (eui64("00DB1234567890A1"), DeviceType.GSME, KeyUse.KEY_AGREEMENT, Applicant.GAS_SUPPLIER),
    ]
    with make(tmp_path / "lab") as lab:
        batch, _ = Batches(lab).receive("devices.csv", found, NOW)
        answer(lab, batch)
        records = list(lab.repository.find(Search(entity=eui64("00DB1234567890A0"))))
        assert len(records) == 2
        assert all(lab.holds_pair(record.key_identifier) for record in records)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column eui64"),
        ("eui,use\n", "unknown column 'eui'"),
        ("eui64\n12\n", "line 2: an EUI-64 of 16 hexadecimal digits needed, '12' found"),
        ("eui64,type\n00DB1234567890A0,ESMÉ\n", "line 2: a type of ESME"),
        ("eui64,use\n00DB1234567890A0,both\n", "line 2: a use of ds"),
        ('eui64\n"00DB\n', "not a CSV file in UTF-8"),
        ("eui64\n", "no requests in it"),
    ],
)
def test_a_wrong_csv_file_says_where(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "devices.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(LabError, match=said) as raised:
        read_batch(file, METERS)
    assert str(file) in str(raised.value)


def test_what_cannot_be_read_as_a_batch_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = pem(device_request(1))
    files = {
        "cut.zip": b"PK\x03\x04" + bytes(40),
        "key.pem": b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
        "base.pem": good.replace(b"M", b"?"),
        "latin.csv": b"eui64\n\xff\xfe",
    }
    for name, octets in files.items():
        (tmp_path / name).write_bytes(octets)
        with pytest.raises(LabError, match=name):
            read_batch(tmp_path / name, METERS)
    (tmp_path / "empty").mkdir()
    for name in ("absent", "empty"):
        with pytest.raises(LabError, match=name):
            read_batch(tmp_path / name, METERS)
    monkeypatch.setattr(batch_files, "MAX_FILE", 3 * len(good))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.pem", b" " * 100_000)
    with pytest.raises(LabError, match="unpacked more than"):
        read_batch(tmp_path / "bomb.zip", METERS)
    (tmp_path / "long.pem").write_bytes(good * 4)
    with pytest.raises(LabError, match="which is no batch"):
        read_batch(tmp_path / "long.pem", METERS)
    monkeypatch.undo()
    monkeypatch.setattr(batch_files, "BATCH_MOST", 3)
    with pytest.raises(LabError, match="4 requests; a batch has at most 3: divide it"):
        read_batch(tmp_path / "long.pem", METERS)


@pytest.mark.parametrize("packed", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_damaged_archive_is_a_batch_or_a_complaint(tmp_path: Path, packed: int) -> None:
    file, said = tmp_path / "many.zip", []
    with zipfile.ZipFile(file, "w", packed) as archive:
        archive.writestr("1.pem", pem(device_request(1)))
    good = file.read_bytes()
    for place in range(len(good)):
        for changed in (good[place] ^ 0xFF, good[place] ^ 1):
            file.write_bytes(good[:place] + bytes((changed,)) + good[place + 1 :])
            try:
                read_batch(file, METERS)
            except LabError as error:
                said.append(str(error))
    assert len(said) > len(good)
    assert all(str(file) in each for each in said)


@given(st.binary(max_size=300))
def test_any_octets_as_a_request_are_answered(octets: bytes) -> None:
    try:
        found = batch_files.read_requests(octets)
    except LabError:
        return
    assert len(found) >= 1


# Killed

SCRIPT = """
import os, signal, sys
from pathlib import Path

from bench.authority import batches
from bench.authority.laboratory import Laboratory
from bench.authority.repository import Repository
from bench.authority.workers import Workers

def main(folder, moment, count):
    batches.STEP = 150
    calls = 0
    def die_after(function):
        def counted(*args):
            nonlocal calls
            calls += 1
            made = function(*args)
            if calls == count:
                os.kill(os.getpid(), signal.SIGKILL)
            return made
        return counted
    if moment == "inside":
        Repository.put_columns = die_after(Repository.put_columns)
    with Laboratory(folder, lambda: b"for a test") as lab, Workers(lab, 2) as workers:
        answering = die_after(workers.answer) if moment == "before" else workers.answer
        done = die_after(lambda: None) if moment == "after" else lambda: None
        now = int(sys.argv[4])
        for _ in batches.Batches(lab).process(batches.Batches(lab).unfinished()[0], lambda: now, answering):
            done()

if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
"""


def check_complete(lab: Laboratory, total: int) -> None:
    """Every request has one certificate, of its own key and with its own serial number."""
    (batch,) = Batches(lab).all()
    assert batch.finished is not None
    assert Batches(lab).counts(batch)[State.LODGED] == batch.total == total
    entries = Registration(lab).of_batch(batch.number)
    records = {record.number: record for record in lab.repository.find(Search(use="ds"))}
    assert len(records) == total
    assert sorted(entry.certificate or 0 for entry in entries) == sorted(records)
    assert all(records[entry.certificate or 0].entity == entry.entity for entry in entries)
    assert len({record.serial for record in records.values()}) == total
    assert len({record.key_identifier for record in records.values()}) == total
    assert sum(one.issued for one in lab.authorities.all() if one.certificate.path_length == 0) == total


@pytest.mark.parametrize(
    ("moment", "counts"),
    [("before", (2, 1)), ("inside", (260, 77)), ("after", (1, 2))],
    ids=["before", "inside", "after"],
)
def test_a_batch_killed_twice_ends_complete(tmp_path: Path, moment: str, counts: tuple[int, int]) -> None:
    folder, script = tmp_path / "lab", tmp_path / "script.py"
    script.write_text(SCRIPT)
    total = 600
    with make(folder) as lab:
        given = [
            Application(
                Applicant.PARTY, device_type=DeviceType.ESME, entity=eui64(f"{at:016X}"), use=KeyUse.DIGITAL_SIGNING
            )
            for at in range(total)
        ]
        batch, _ = Batches(lab).receive("mine", given, NOW)
    answered = 0
    for count in counts:
        # Its workers hold its standard output too: that this returns shows that none was left behind.
        arguments = [sys.executable, str(script), str(folder), moment, str(count), str(NOW)]
        ended = subprocess.run(arguments, capture_output=True, text=True, timeout=120, env=_environment())
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        with reopened(folder) as lab:
            now_answered = Batches(lab).answered(batch)
            assert answered <= now_answered < total
            assert lab.repository.count(Search(use="ds", statuses=tuple(Status))) == now_answered
            answered = now_answered
    with reopened(folder) as lab:
        assert Batches(lab).unfinished() == [batch]
        assert sum(answer(lab, batch)) == total - answered
        check_complete(lab, total)


def test_the_command_killed_twice_ends_complete(tmp_path: Path) -> None:
    """Whenever it is killed: this does not choose the moment."""
    total = 3000
    (tmp_path / "devices.csv").write_text(identifiers(total))
    folder = tmp_path / "lab"
    with make(folder):
        pass
    (tmp_path / "phrase").write_bytes(PHRASE)
    command = [sys.executable, "-m", "bench", "keys", "batch", str(folder), str(tmp_path / "devices.csv")]
    command += ["--type", "ESME", "--workers", "2", "--pass-phrase-file", str(tmp_path / "phrase"), "--json"]
    for part in (1, 2):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment())
        while _answered(folder) < part * total // 3 and process.poll() is None:
            pass
        process.kill()
        _, said = process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, said
    ended = subprocess.run(
        [*command, "--out", str(tmp_path / "out.zip")], capture_output=True, text=True, timeout=120, env=_environment()
    )
    assert ended.returncode == ExitCode.PASS, ended.stderr
    assert "gone on with" in ended.stderr
    with reopened(folder) as lab:
        check_complete(lab, total)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("answers.csv").decode())))
        assert len(rows) == total == len({row["serial"] for row in rows})
        assert {row["file"] for row in rows} < set(archive.namelist())


def _answered(folder: Path) -> int:
    with reopened(folder, write=False) as lab:
        found = Batches(lab).all()
        return Batches(lab).answered(found[0]) if found else 0


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": root}
