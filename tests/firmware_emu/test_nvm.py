"""What was committed survives; what was not is gone; nothing is half there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_emu.nvm import CorruptRecord, Medium, MemoryNvm, Nvm, PowerCut
from firmware_emu.ring_log import RingLog
from firmware_emu.sqlite_nvm import SqliteNvm

Step = Callable[[Nvm], None]

KEYS = ("a", "b", "part/clock")
LOGS = ("x", "y")
STEPS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS), st.binary(min_size=1, max_size=9)),
    st.tuples(st.just("delete"), st.sampled_from(KEYS), st.just(b"")),
    st.tuples(st.just("append"), st.sampled_from(LOGS), st.binary(min_size=4, max_size=4)),
    st.tuples(st.just("erase"), st.sampled_from(LOGS), st.just(b"")),
)
KEEP = 12


def apply(nvm: Nvm, step: tuple[str, str, bytes]) -> None:
    what, name, octets = step
    if what == "put":
        nvm.put(name, octets)
    elif what == "delete":
        nvm.delete(name)
    elif what == "append":
        nvm.append(name, octets, KEEP)
    else:
        nvm.erase_log(name)


def seen(nvm: Nvm) -> tuple[dict[str, bytes | None], dict[str, bytes]]:
    """Everything that may be relied upon."""
    return {key: nvm.get(key) for key in nvm.keys("")}, {log: nvm.read_log(log)[-KEEP:] for log in LOGS}


@given(st.lists(st.lists(STEPS, max_size=4), max_size=6))
def test_memory_and_disk_agree_with_plain_dictionaries(commits: list[list[tuple[str, str, bytes]]]) -> None:
    memory, disk = MemoryNvm(), SqliteNvm(":memory:")
    records: dict[str, bytes] = {}
    logs: dict[str, bytes] = dict.fromkeys(LOGS, b"")
    for steps in commits:
        for step in steps:
            what, name, octets = step
            apply(memory, step)
            apply(disk, step)
            if what == "put":
                records[name] = octets
            elif what == "delete":
                records.pop(name, None)
            else:
                logs[name] = logs[name] + octets if what == "append" else b""
            expected = (records, {log: held[-KEEP:] for log, held in logs.items()})
            assert seen(memory) == expected
            assert seen(disk) == expected
        memory.commit()
        disk.commit()
        assert seen(MemoryNvm(memory.medium)) == (records, {log: held[-KEEP:] for log, held in logs.items()})
    disk.close()


@given(st.lists(st.lists(STEPS, min_size=1, max_size=4), min_size=1, max_size=4), st.integers(1, 40))
def test_a_cut_before_any_write_leaves_the_last_commit_whole(
    commits: list[list[tuple[str, str, bytes]]], nth: int
) -> None:
    nvm = MemoryNvm()
    committed = [seen(nvm)]
    nvm.medium.cut_power_before(nth)
    try:
        for steps in commits:
            for step in steps:
                apply(nvm, step)
            after = seen(nvm)
            committed.append(after)
            nvm.commit()
            committed = [after]
    except PowerCut:
        assert nvm.medium.writes == nth
    found = seen(MemoryNvm(nvm.medium))
    assert found in committed
    if nvm.medium.sealed is False and len(committed) == 1:
        assert found == committed[0]


def test_a_torn_write_is_really_torn_until_recovery() -> None:
    nvm = MemoryNvm()
    nvm.put("a", b"old value")
    nvm.commit()
    nvm.put("a", b"new value")
    nvm.medium.cut_power_before(3)  # journal, seal, and then the data
    with pytest.raises(PowerCut):
        nvm.commit()
    assert nvm.medium.records["a"] == b"new "
    assert MemoryNvm(nvm.medium).get("a") == b"new value"


def test_a_cut_before_the_seal_leaves_the_old_value() -> None:
    nvm = MemoryNvm()
    nvm.put("a", b"old")
    nvm.commit()
    nvm.put("a", b"new")
    nvm.medium.cut_power_before(2)
    with pytest.raises(PowerCut):
        nvm.commit()
    assert MemoryNvm(nvm.medium).get("a") == b"old"


def test_abandoned_writes_never_happened(tmp_path: Path) -> None:
    for nvm in (MemoryNvm(), SqliteNvm(tmp_path / "device.db")):
        nvm.put("a", b"1")
        nvm.append("x", b"1111", KEEP)
        nvm.commit()
        nvm.put("a", b"2")
        nvm.append("x", b"2222", KEEP)
        nvm.abandon()
        nvm.append("x", b"3333", KEEP)
        nvm.commit()
        assert (nvm.get("a"), nvm.read_log("x")) == (b"1", b"11113333")
        if isinstance(nvm, SqliteNvm):
            nvm.close()


def test_a_log_on_disk_does_not_grow_without_end(tmp_path: Path) -> None:
    nvm = SqliteNvm(tmp_path / "device.db")
    for number in range(100):
        nvm.append("x", number.to_bytes(4, "big"), KEEP)
        nvm.commit()
    assert len(nvm.read_log("x")) <= 2 * KEEP
    nvm.close()


def test_what_is_on_disk_is_there_after_opening_again(tmp_path: Path) -> None:
    nvm = SqliteNvm(tmp_path / "device.db")
    nvm.put("a", b"1")
    nvm.append("x", b"1111", KEEP)
    nvm.commit()
    nvm.close()
    again = SqliteNvm(tmp_path / "device.db")
    again.append("x", b"2222", KEEP)
    again.commit()
    assert (again.get("a"), again.read_log("x")) == (b"1", b"11112222")
    again.close()


def test_a_file_that_is_no_database_is_a_typed_error(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    path.write_bytes(b"this is not a database, and it is long enough to be sure of that" * 20)
    with pytest.raises(CorruptRecord, match=r"device\.db"):
        SqliteNvm(path)


_WRITER = """
import sys
from firmware_emu.sqlite_nvm import SqliteNvm
nvm = SqliteNvm(sys.argv[1])
for number in range(1, 1000000):
    nvm.put("low", number.to_bytes(4, "big"))
    nvm.append("log", number.to_bytes(4, "big"), 400)
    nvm.put("high", number.to_bytes(4, "big"))
    nvm.commit()
    print(number, flush=True)
"""


def test_a_killed_process_loses_nothing_committed(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        told = 0
        while told < 25:
            told = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        told = max([told, *(int(line) for line in writer.stdout.read().split())])
    nvm = SqliteNvm(path)
    low, high = nvm.get("low"), nvm.get("high")
    assert low == high
    assert low is not None
    assert int.from_bytes(low, "big") >= told
    assert nvm.read_log("log").endswith(low)
    nvm.close()


# ring logs


def ring(nvm: Nvm, capacity: int = 5) -> RingLog:
    made = RingLog("log/test", "IH", capacity)
    made.load(nvm)
    return made


@given(st.lists(st.integers(0, 7), max_size=20))
def test_a_ring_keeps_the_newest_rows_across_restarts(batches: list[int]) -> None:
    nvm, expected, at = MemoryNvm(), list[tuple[int, int]](), 0
    log = ring(nvm)
    for batch in batches:
        if batch == 7:
            log.clear()
            expected.clear()
        for _ in range(batch):
            at += 1
            log.append(at, at % 7)
            expected.append((at, at % 7))
        assert log.rows() == expected[-5:]
        assert len(log) == len(expected[-5:])
        log.save(nvm)
        nvm.commit()
        log = ring(MemoryNvm(nvm.medium))
        assert log.rows() == expected[-5:]
        assert log.newest() == (expected[-1] if expected else None)


def test_rows_are_read_by_date_both_ends_included() -> None:
    log = ring(MemoryNvm(), 10)
    for at in range(10):
        log.append(at, 0)
    assert [row[0] for row in log.rows(3, 6)] == [3, 4, 5, 6]


def test_rows_of_another_layout_are_corrupt() -> None:
    nvm = MemoryNvm()
    nvm.append("log/test", b"12345", 100)
    with pytest.raises(CorruptRecord, match="log/test"):
        ring(nvm)


def test_a_log_holds_at_least_one_row() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        RingLog("log/test", "IH", 0)


def test_a_medium_counts_its_writes() -> None:
    nvm = MemoryNvm(Medium())
    nvm.put("a", b"1")
    nvm.put("b", b"1")
    nvm.commit()
    assert nvm.medium.writes == 6  # two to the journal, the seal, two to the data, the journal cleared
