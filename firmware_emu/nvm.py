"""Non-volatile memory with commit points: what survives a power cut is what was committed.

A device writes two kinds of things: *records*, octets under a name, and *logs*, octets appended to a name of which
at least the last ``keep`` stay. Writes are staged and take effect together at ``commit``. Reading sees the staged
writes of this device first.

``MemoryNvm`` models a medium that can be cut off before any single physical write, half of which may then be done:
every commit goes to a journal first, then to the data, so that opening the medium again gives the state of the last
commit, whole. ``sqlite_nvm`` keeps the same contract on disk.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from protocols.errors import MeterbenchError


class PowerCut(MeterbenchError):  # noqa: N818 - an event in a test, not a fault of the program
    """The supply failed before a physical write; the device that was writing is gone."""


class CorruptRecord(MeterbenchError):  # noqa: N818 - names what was found
    """A record in non-volatile memory cannot be what was written. ``key`` names it, ``reason`` says why."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.key, self.reason = key, reason

    def __str__(self) -> str:
        return f"record {self.key!r}: {self.reason}"


class Nvm(Protocol):
    """What a device needs of its memory. Keys are printable text, values are octets."""

    def get(self, key: str) -> bytes | None:
        """The record, or None."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Stage a record."""
        ...

    def delete(self, key: str) -> None:
        """Stage the removal of a record; a record that is not there is no error."""
        ...

    def wipe(self, key: str) -> None:
        """Stage the destruction of a record: after ``commit`` nothing of it is on the medium, also where it is free.

        A ``put`` may follow; then nothing of the record before is left.
        """
        ...

    def keys(self, prefix: str = "") -> list[str]:
        """The names of all records that begin with ``prefix``, sorted."""
        ...

    def append(self, log: str, octets: bytes, keep: int) -> None:
        """Stage octets at the end of a log of which at least the last ``keep`` octets are to stay."""
        ...

    def read_log(self, log: str) -> bytes:
        """The octets of a log, oldest first; possibly more than were to be kept, never fewer."""
        ...

    def erase_log(self, log: str) -> None:
        """Stage the removal of everything in a log."""
        ...

    def commit(self) -> None:
        """Make all staged writes permanent, together."""
        ...

    def abandon(self) -> None:
        """Forget all staged writes."""
        ...


class _Put(NamedTuple):
    key: str
    value: bytes | None  # None removes

    def apply(self, medium: Medium) -> None:
        if self.value is None:
            medium.records.pop(self.key, None)
        else:
            medium.records[self.key] = self.value

    def tear(self, medium: Medium) -> None:
        if self.value is not None:
            medium.records[self.key] = self.value[: len(self.value) // 2]


class _Append(NamedTuple):
    log: str
    position: int  # octets ever written to the log before these: writing them twice is the same as once
    octets: bytes
    keep: int

    def apply(self, medium: Medium) -> None:
        start, held = self._put(medium, self.octets)
        surplus = len(held) - self.keep
        if surplus > self.keep:  # drop rarely, in large pieces
            del held[:surplus]
            start += surplus
        medium.logs[self.log] = (start, held)

    def tear(self, medium: Medium) -> None:
        self._put(medium, self.octets[: len(self.octets) // 2])  # nothing is dropped before all is written

    def _put(self, medium: Medium, octets: bytes) -> tuple[int, bytearray]:
        start, held = medium.logs.setdefault(self.log, (0, bytearray()))
        del held[max(0, self.position - start) :]
        held += octets
        return start, held


class _Erase(NamedTuple):
    log: str

    def apply(self, medium: Medium) -> None:
        medium.logs.pop(self.log, None)

    def tear(self, medium: Medium) -> None:
        _start, held = medium.logs.get(self.log, (0, bytearray()))
        del held[len(held) // 2 :]


_Write = _Put | _Append | _Erase


class Medium:
    """The chip behind a ``MemoryNvm``: it outlives the device that was cut off."""

    def __init__(self) -> None:
        self.records: dict[str, bytes] = {}
        self.logs: dict[str, tuple[int, bytearray]] = {}
        self.journal: list[_Write] = []
        self.sealed = False
        self.writes = 0
        self.cut_before: int | None = None

    def cut_power_before(self, nth: int) -> None:
        """Raise ``PowerCut`` instead of the ``nth`` physical write from now (1 is the next one)."""
        self.cut_before = self.writes + nth

    def recover(self) -> None:
        """What a device does first: finish a sealed journal, throw an unfinished one away."""
        self.cut_before = None
        if self.sealed:
            for write in self.journal:
                write.apply(self)
        self.journal.clear()
        self.sealed = False

    def store(self, writes: list[_Write]) -> None:
        """Write all, or, when cut off, leave what ``recover`` turns into all or nothing."""
        for write in writes:
            self._physical_write()
            self.journal.append(write)
        self._physical_write()
        self.sealed = True
        for write in self.journal:
            self._physical_write(write)
            write.apply(self)
        self._physical_write()
        self.journal.clear()
        self.sealed = False

    def _physical_write(self, torn: _Write | None = None) -> None:
        self.writes += 1
        if self.writes == self.cut_before:
            if torn is not None:
                torn.tear(self)
            raise PowerCut(f"before physical write {self.writes}")


class MemoryNvm:
    """Non-volatile memory of a device that lives in this process only."""

    def __init__(self, medium: Medium | None = None) -> None:
        self.medium = medium or Medium()
        self.medium.recover()
        self._records: dict[str, bytes | None] = {}
        self._writes: list[_Write] = []

    def get(self, key: str) -> bytes | None:
        if key in self._records:
            return self._records[key]
        return self.medium.records.get(key)

    def put(self, key: str, value: bytes) -> None:
        self._records[key] = value

    def delete(self, key: str) -> None:
        self._records[key] = None

    def wipe(self, key: str) -> None:
        self._records[key] = None  # a record is written over where it lies: this medium keeps no copies

    def keys(self, prefix: str = "") -> list[str]:
        staged = {key for key, value in self._records.items() if value is not None}
        stored = {key for key in self.medium.records if key not in self._records}
        return sorted(key for key in staged | stored if key.startswith(prefix))

    def append(self, log: str, octets: bytes, keep: int) -> None:
        self._writes.append(_Append(log, self._end_of(log), bytes(octets), keep))

    def read_log(self, log: str) -> bytes:
        octets = bytes(self.medium.logs.get(log, (0, b""))[1])
        for write in self._writes:
            if isinstance(write, _Append) and write.log == log:
                octets += write.octets
            elif isinstance(write, _Erase) and write.log == log:
                octets = b""
        return octets

    def erase_log(self, log: str) -> None:
        self._writes.append(_Erase(log))

    def commit(self) -> None:
        writes = [*(_Put(key, value) for key, value in self._records.items()), *self._writes]
        self.abandon()
        if writes:
            self.medium.store(writes)

    def abandon(self) -> None:
        self._records = {}
        self._writes = []

    def _end_of(self, log: str) -> int:
        for write in reversed(self._writes):
            if isinstance(write, _Append) and write.log == log:
                return write.position + len(write.octets)
            if isinstance(write, _Erase) and write.log == log:
                return 0
        start, held = self.medium.logs.get(log, (0, b""))
        return start + len(held)
