"""The few construct formats that the codecs are written with.

Every format here is an ordinary ``construct`` construct, so it can stand inside any ``Struct``, and it has a second,
fast face: ``take`` reads from a bytes object at an offset, ``put`` gives the octets of a value. construct's own
engine works field by field on a stream with a context dictionary, which costs ten times the time; the
grammar is written once and serves both. A ``Record`` joins runs of fixed-width integers into one ``struct`` call.

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
from .sheet import Sheet

_FIXED = {1: "B", 2: "H", 4: "I", 8: "Q"}


def truncated(at: int, end: int, wanted: int) -> DecodeError:
    """The error for a field of ``wanted`` octets of which only ``end - at`` are there."""
    return DecodeError(at, f"{wanted} octet{'s' if wanted != 1 else ''}", f"only {max(0, end - at)} left")


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
        code = _FIXED.get(width)
        self.code = (code.lower() if signed else code) if code else None

    def take(self, data: bytes, at: int, end: int) -> tuple[int, int]:
        stop = at + self.width
        if stop > end:
            raise truncated(at, end, self.width)
        return int.from_bytes(data[at:stop], self.order, signed=self.signed), stop

    def put(self, value: Any) -> bytes:
        return int(value).to_bytes(self.width, self.order, signed=self.signed)


class Choice(Uint):
    """An unsigned integer that must be a member of an IntEnum."""

    def __init__(self, members: type[IntEnum], width: int = 1) -> None:
        super().__init__(width)
        self.members = members
        self.code = None  # the member check needs a step of its own

    def take(self, data: bytes, at: int, end: int) -> tuple[IntEnum, int]:
        value, stop = super().take(data, at, end)
        try:
            return self.members(value), stop
        except ValueError:
            known = ", ".join(f"{m.value:0{2 * self.width}X}" for m in self.members)
            raise DecodeError(at, f"one of {known}", f"{value:0{2 * self.width}X}") from None

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
        stop = at + self.width
        if stop > end:
            raise truncated(at, end, self.width)
        return data[at:stop], stop

    def put(self, value: Any) -> bytes:
        if len(value) != self.width:
            raise EncodeError(f"{self.width} octets needed, {len(value)} given")
        return bytes(value)


class Fixed(Format):
    """Octets that are always the same and carry no value."""

    def __init__(self, octets: bytes) -> None:
        super().__init__()
        self.octets = octets

    def take(self, data: bytes, at: int, end: int) -> tuple[None, int]:
        stop = at + len(self.octets)
        if stop > end:
            raise truncated(at, end, len(self.octets))
        if data[at:stop] != self.octets:
            raise DecodeError(at, self.octets.hex(" ").upper(), data[at:stop].hex(" ").upper())
        return None, stop

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


def put_length(value: int) -> bytes:
    """The octets of a DLMS length, in the shortest form."""
    if value < 0x80:
        return bytes((value,))
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def take_octets(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """An octet string behind its DLMS length."""
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
        with sheet.group(name, f"{len(value)} items"):
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
        self._make: Callable[..., Any] = make or (lambda *values: dict(zip(self.names, values, strict=True)))
        self._get: Callable[[str], Callable[[Any], Any]] = attrgetter if make else itemgetter
        self._steps = _steps(self.fields)

    def take(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        values: list[Any] = []
        for name, run, kind in self._steps:
            if run is not None:
                stop = at + run.size
                if stop > end:
                    raise _short_run(kind, at, end)
                values += run.unpack_from(data, at)
                at = stop
                continue
            try:
                value, at = kind.take(data, at, end)
            except DecodeError as error:
                raise (error.inside(name) if name else error) from None
            if name:
                values.append(value)
        return self._make(*values), at

    def put(self, value: Any) -> bytes:
        out = []
        for name, kind in self.fields:
            member = None if isinstance(kind, Fixed) else self._member(value, name)
            try:
                out.append(kind.put(member))
            except EncodeError as error:
                raise error.inside(name) from None
            except (struct.error, OverflowError, ValueError, TypeError, AttributeError, LookupError) as error:
                raise EncodeError(f"{member!r}: {error}", (name,)) from error
        return b"".join(out)

    def _member(self, value: Any, name: str) -> Any:
        try:
            return self._get(name)(value)
        except (AttributeError, LookupError, TypeError) as error:
            raise EncodeError("missing", (name,)) from error

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        with sheet.group(name):
            self.describe_fields(value, sheet)

    def describe_fields(self, value: Any, sheet: Sheet, leave_out: tuple[str, ...] = ()) -> None:
        """Append the fields without a group around them, and without those the caller describes itself."""
        for name, kind in self.fields:
            if name in leave_out:
                continue
            if isinstance(kind, Fixed):
                sheet.leaf(name or "fixed", kind.octets, kind.octets.hex().upper())
            else:
                kind.describe(self._member(value, name), sheet, name)


def _short_run(run: list[tuple[str, Uint]], at: int, end: int) -> DecodeError:
    """Name the first integer of a joined run that does not fit any more."""
    for name, kind in run:
        if at + kind.width > end:
            return truncated(at, end, kind.width).inside(name)
        at += kind.width
    raise AssertionError("a run that fits was called short")


def _steps(fields: list[tuple[str, Any]]) -> list[tuple[str, struct.Struct | None, Any]]:
    """Join neighbouring fixed-width integers of one byte order into one ``struct`` call.

    A step is (name, None, format) for one field or ("", struct, its fields) for a run.
    """
    steps: list[tuple[str, struct.Struct | None, Any]] = []
    run: list[tuple[str, Uint]] = []

    def close_run() -> None:
        if run:
            order = ">" if run[0][1].order == "big" else "<"
            steps.append(("", struct.Struct(order + "".join(str(kind.code) for _, kind in run)), list(run)))
            run.clear()

    for name, kind in fields:
        joins = isinstance(kind, Uint) and kind.code is not None
        if not joins or (run and run[0][1].order != kind.order):
            close_run()
        if joins:
            run.append((name, kind))
        else:
            steps.append(("" if isinstance(kind, Fixed) else name, None, kind))
    close_run()
    return steps
