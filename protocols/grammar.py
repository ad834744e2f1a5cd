"""The few construct formats that the codecs are written with.

Every format here is an ordinary ``construct`` construct, so it can stand inside any ``Struct``, and it has a second,
fast face: ``take`` reads from a bytes object at an offset, ``put`` gives the octets of a value. construct's own
engine works field by field on a stream with a context dictionary, which costs ten times the time; the
grammar is written once and serves both. A ``Record`` reads neighbouring fields of fixed width by one ``struct`` call.

``take`` never reads past ``end`` and never trusts a count: what a length field promises must be there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum
from operator import attrgetter, itemgetter
from typing import Any

from construct import Construct, Struct

from .errors import DecodeError, EncodeError
from .sheet import Sheet, number_of

_FIXED = {1: "B", 2: "H", 4: "I", 8: "Q"}


def truncated(at: int, end: int, wanted: int) -> DecodeError:
    """The error for a field of ``wanted`` octets of which only ``end - at`` are there."""
    return DecodeError(at, f"{wanted} octet{'s' if wanted != 1 else ''}", f"only {max(0, end - at)} left")


def _take_raw(data: bytes, at: int, end: int, width: int) -> tuple[bytes, int]:
    stop = at + width
    if stop > end:
        raise truncated(at, end, width)
    return data[at:stop], stop


class Format(Construct):
    """A construct with a fast face. Subclasses give ``take``, ``put`` and, where a name is not enough, ``describe``."""

    def take(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        """Read one value from ``data[at:end]``; return it and the offset after it. Raises DecodeError."""
        raise NotImplementedError  # every format has its own

    def put(self, value: Any) -> bytes:
        """The octets of ``value``. Raises EncodeError, or what ``encode`` turns into one."""
        raise NotImplementedError  # every format has its own

    def text(self, value: Any) -> str:  # noqa: ARG002 - formats that have a text use the value
        """What a person wants to read beside the value; empty where the value says it all."""
        return ""

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        """Append ``value`` to the readable ``sheet`` under ``name``."""
        sheet.leaf(name, self.put(value), value, self.text(value))

    def decode(self, data: bytes) -> Any:
        """Read one value that fills ``data`` exactly. Raises DecodeError."""
        value, at = self.take(data, 0, len(data))
        if at != len(data):
            raise DecodeError(at, "the end", f"{len(data) - at} more octets")
        return value

    def encode(self, value: Any) -> bytes:
        """The octets of ``value``. Raises EncodeError naming the field that cannot hold its value."""
        try:
            return self.put(value)
        except EncodeError:
            raise
        except (struct.error, OverflowError, ValueError, TypeError, AttributeError, LookupError) as error:
            raise EncodeError(str(error)) from error

    # construct's own face, by way of the fast one
    def _parse(self, stream: Any, context: Any, path: str) -> Any:  # noqa: ARG002 - construct's signature
        start = stream.tell()
        rest = stream.read()
        value, used = self.take(rest, 0, len(rest))
        stream.seek(start + used)
        return value

    def _build(self, value: Any, stream: Any, context: Any, path: str) -> Any:  # noqa: ARG002 - construct's signature
        stream.write(self.put(value))
        return value


class Uint(Format):
    """An unsigned integer of ``width`` octets, big-endian unless ``little``."""

    def __init__(self, width: int, *, little: bool = False, signed: bool = False) -> None:
        super().__init__()
        self.width, self.signed = width, signed
        self.order: Any = "little" if little else "big"

    def from_raw(self, raw: bytes, at: int) -> int:  # noqa: ARG002 - every from_raw is told the place
        return int.from_bytes(raw, self.order, signed=self.signed)

    def take(self, data: bytes, at: int, end: int) -> tuple[int, int]:
        raw, stop = _take_raw(data, at, end, self.width)
        return int.from_bytes(raw, self.order, signed=self.signed), stop

    def put(self, value: Any) -> bytes:
        return int(value).to_bytes(self.width, self.order, signed=self.signed)


class Choice(Uint):
    """An unsigned integer that must be a member of an IntEnum."""

    def __init__(self, members: type[IntEnum], width: int = 1) -> None:
        super().__init__(width)
        self.members = members
        self._by_octets = {member.to_bytes(width, "big"): member for member in members}

    def take(self, data: bytes, at: int, end: int) -> tuple[IntEnum, int]:
        raw, stop = _take_raw(data, at, end, self.width)
        return self.from_raw(raw, at), stop

    def from_raw(self, raw: bytes, at: int) -> IntEnum:
        member = self._by_octets.get(raw)
        if member is None:
            known = ", ".join(octets.hex().upper() for octets in self._by_octets)
            raise DecodeError(at, f"one of {known}", raw.hex().upper())
        return member

    def text(self, value: Any) -> str:
        return str(self.members(value).name.lower().replace("_", " "))

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        sheet.leaf(name, self.put(value), int(value), self.text(value))


class Octets(Format):
    """Exactly ``width`` octets."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def take(self, data: bytes, at: int, end: int) -> tuple[bytes, int]:
        return _take_raw(data, at, end, self.width)

    def put(self, value: Any) -> bytes:
        if len(value) != self.width:
            raise EncodeError(f"{self.width} octets needed, {len(value)} given")
        return bytes(value)


class Fixed(Format):
    """Octets that are always the same and carry no value."""

    def __init__(self, octets: bytes) -> None:
        super().__init__()
        self.octets, self.width = octets, len(octets)

    def take(self, data: bytes, at: int, end: int) -> tuple[None, int]:
        raw, stop = _take_raw(data, at, end, self.width)
        self.from_raw(raw, at)
        return None, stop

    def from_raw(self, raw: bytes, at: int) -> None:
        if raw != self.octets:
            raise DecodeError(at, self.octets.hex(" ").upper(), raw.hex(" ").upper())

    def put(self, value: Any) -> bytes:  # noqa: ARG002 - there is only one value
        return self.octets


def take_length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A DLMS length (IEC 61334-6): one octet below 80, else 81 xx, 82 xx xx, ...; always the shortest form."""
    if at >= end:
        raise truncated(at, end, 1)
    first = data[at]
    if first < 0x80:
        return first, at + 1
    stop = at + 1 + (first & 0x7F)
    if first == 0x80 or first > 0x84:
        raise DecodeError(at, "a length of at most four octets", f"{first:02X}")
    if stop > end:
        raise truncated(at, end, stop - at)
    value = int.from_bytes(data[at + 1 : stop], "big")
    if put_length(value) != data[at:stop]:
        raise DecodeError(at, "the shortest form of the length", data[at:stop].hex(" ").upper())
    return value, stop


_SHORT_LENGTHS = [bytes((value,)) for value in range(0x80)]


def put_length(value: int) -> bytes:
    """The octets of a DLMS length, in the shortest form."""
    if 0 <= value < 0x80:
        return _SHORT_LENGTHS[value]
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def take_octets(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """An octet string behind its DLMS length."""
    if at < end and data[at] < 0x80:  # nearly always; saves a call
        length, start = data[at], at + 1
    else:
        length, start = take_length(data, at, end)
    stop = start + length
    if stop > end:
        raise truncated(start, end, length)
    return data[start:stop], stop


class Counted(Format):
    """An octet string behind its DLMS length, of ``low`` to ``high`` octets."""

    def __init__(self, low: int = 0, high: int = 0xFFFFFF) -> None:
        super().__init__()
        self.low, self.high = low, high

    def take(self, data: bytes, at: int, end: int) -> tuple[bytes, int]:
        value, stop = take_octets(data, at, end)
        if not self.low <= len(value) <= self.high:
            raise DecodeError(at, f"{self.low} to {self.high} octets", f"{len(value)}")
        return value, stop

    def put(self, value: Any) -> bytes:
        if not self.low <= len(value) <= self.high:
            raise EncodeError(f"{self.low} to {self.high} octets needed, {len(value)} given")
        return put_length(len(value)) + bytes(value)


class ListOf(Format):
    """Values of one format behind their number, itself a ``count`` format; gives a tuple."""

    def __init__(self, item: Format, count: Format) -> None:
        super().__init__()
        self.item, self.count = item, count

    def take(self, data: bytes, at: int, end: int) -> tuple[tuple[Any, ...], int]:
        number, at = self.count.take(data, at, end)
        if number > end - at:  # no item is empty, so this many cannot be there
            raise DecodeError(at, f"{number} items", f"only {end - at} octets")
        values = []
        take = self.item.take
        for index in range(number):
            try:
                value, at = take(data, at, end)
            except DecodeError as error:
                raise error.inside(f"[{index}]") from None
            values.append(value)
        return tuple(values), at

    def put(self, value: Any) -> bytes:
        put = self.item.put
        return self.count.put(len(value)) + b"".join([put(item) for item in value])

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        with sheet.group(name, number_of(value)):
            sheet.leaf("count", self.count.put(len(value)), len(value))
            for index, item in enumerate(value):
                self.item.describe(item, sheet, f"[{index}]")


class Record(Format, Struct):
    """Named fields in order, like ``construct.Struct``; the fast face gives ``make(*values)``.

    ``make`` is a dataclass or named tuple whose members are named like the fields, or None for a plain dictionary.
    ``Fixed`` fields stand in the grammar but not in the value. Written ``Record(Header, "cra" / Uint(1), ...)``.
    """

    _parse = Struct._parse  # construct's own engine, field by field, into a Container
    _build = Struct._build

    def __init__(self, make: Callable[..., Any] | None, *fields: Any) -> None:
        Struct.__init__(self, *fields)
        self.fields: list[tuple[str, Any]] = [(f.name, f.subcon) if f.name else ("", f) for f in self.subcons]
        self.names = tuple(name for name, kind in self.fields if not isinstance(kind, Fixed))
        self._make = make
        getter: Callable[[str], Callable[[Any], Any]] = attrgetter if make else itemgetter
        self._puts = [(name, kind, None if isinstance(kind, Fixed) else getter(name)) for name, kind in self.fields]
        self._steps = _steps(self.fields)

    def take(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        values: list[Any] = []
        for name, kind in self._steps:
            if name is None:
                at = kind.take_into(values, data, at, end)
                continue
            try:
                value, at = kind.take(data, at, end)
            except DecodeError as error:
                raise error.inside(name) from None
            values.append(value)
        if self._make is None:
            return dict(zip(self.names, values)), at  # noqa: B905 - the steps give one value for each name
        return self._make(*values), at

    def put(self, value: Any) -> bytes:
        try:
            return b"".join([kind.put(get(value) if get else None) for _, kind, get in self._puts])
        except (EncodeError, struct.error, OverflowError, ValueError, TypeError, AttributeError, LookupError):
            raise self._explain(value) from None

    def _explain(self, value: Any) -> EncodeError:
        """Say which field cannot hold its value."""
        for name, kind, get in self._puts:
            try:
                kind.put(get(value) if get else None)
            except EncodeError as error:
                return error.inside(name)
            except (struct.error, OverflowError, ValueError, TypeError, AttributeError, LookupError) as error:
                return EncodeError(str(error), (name,))
        raise AssertionError("a value that can be encoded was called wrong")

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        with sheet.group(name):
            self.describe_fields(value, sheet)

    def describe_fields(self, value: Any, sheet: Sheet, leave_out: tuple[str, ...] = ()) -> None:
        """Append the fields without a group around them, and without those the caller describes itself."""
        for name, kind, get in self._puts:
            if name in leave_out:
                continue
            if get is None:
                sheet.leaf(name or "fixed", kind.octets, kind.octets)
            else:
                kind.describe(get(value), sheet, name)


class _Run:
    """Neighbouring fields of fixed width, read by one ``struct`` call."""

    def __init__(self, fields: list[tuple[str, Any]]) -> None:
        self.fields = fields
        order = next((kind.order for _, kind in fields if _native(kind)), "big")
        codes = [
            "x" * kind.width if isinstance(kind, Fixed) else _native(kind) or f"{kind.width}s" for _, kind in fields
        ]
        self.format = struct.Struct((">" if order == "big" else "<") + "".join(codes))
        self.fixed, self.converts = [], []
        offset = index = 0
        for name, kind in fields:
            if isinstance(kind, Fixed):
                self.fixed.append((kind.octets, offset))
            else:
                if not _native(kind) and type(kind).take is not Octets.take:
                    self.converts.append((index, name, kind.from_raw, offset))
                index += 1
            offset += kind.width

    def take_into(self, values: list[Any], data: bytes, at: int, end: int) -> int:
        stop = at + self.format.size
        if stop > end:
            raise self._short(at, end)
        for octets, offset in self.fixed:
            if not data.startswith(octets, at + offset):
                self._explain(data, at, end)
        first = len(values)
        values += self.format.unpack_from(data, at)
        for index, name, convert, offset in self.converts:
            try:
                values[first + index] = convert(values[first + index], at + offset)
            except DecodeError as error:
                raise (error.inside(name) if name else error) from None
        return stop

    def _explain(self, data: bytes, at: int, end: int) -> None:
        """Raise the error of the first field that is wrong."""
        for name, kind in self.fields:
            try:
                _, at = kind.take(data, at, end)
            except DecodeError as error:
                raise (error.inside(name) if name else error) from None

    def _short(self, at: int, end: int) -> DecodeError:
        """Name the first field that does not fit any more."""
        for name, kind in self.fields:
            if at + kind.width > end:
                error = truncated(at, end, kind.width)
                return error.inside(name) if name else error
            at += kind.width
        raise AssertionError("a run that fits was called short")


def _native(kind: Any) -> str:
    """The struct code of an integer that needs no conversion."""
    if type(kind).take is not Uint.take:
        return ""
    code = _FIXED.get(kind.width, "")
    return code.lower() if kind.signed else code


def _joins(kind: Any) -> bool:
    """Whether a format is of fixed width and keeps one of the readings that ``_Run`` knows."""
    return type(kind).take in (Uint.take, Choice.take, Octets.take, Fixed.take)


def _steps(fields: list[tuple[str, Any]]) -> list[tuple[str | None, Any]]:
    """The fields, with neighbours of fixed width and one byte order joined: (None, run) or (name, format)."""
    steps: list[tuple[str | None, Any]] = []
    run: list[tuple[str, Any]] = []
    for name, kind in fields:
        orders = {other.order for _, other in run if _native(other)}
        if run and (not _joins(kind) or (_native(kind) and orders and kind.order not in orders)):
            steps.append((None, _Run(run)))
            run = []
        if _joins(kind):
            run.append((name, kind))
        else:
            steps.append((name, kind))
    if run:
        steps.append((None, _Run(run)))
    return steps
