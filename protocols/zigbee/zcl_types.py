"""Data types of the ZigBee Cluster Library (ZCL 2.6.2): little-endian integers, bitmaps, strings, times.

``DATA_TYPES`` maps the type octet of an attribute record to its format. The same formats, with a unit, texts for
enumerated values and a usual value added, are the fields of the cluster commands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..errors import DecodeError, EncodeError
from ..eui64 import eui64_text
from ..grammar import Format, Uint, truncated
from ..instant import text as instant_text
from ..sheet import Sheet, number_of

Texts = Mapping[int, str] | Callable[[int], str]
"""The text of each known value, or a function that gives one ("" for none)."""

NOT_GIVEN = object()
"""The usual value of a field that has none."""


class Integer(Uint):
    """A little-endian integer with a unit, texts for some of its values, and the value it usually has."""

    def __init__(
        self, width: int, texts: Texts | None = None, unit: str = "", usual: Any = NOT_GIVEN, *, signed: bool = False
    ) -> None:
        super().__init__(width, little=True, signed=signed)
        self.texts, self.unit, self.usual = texts or {}, unit, usual

    def text(self, value: Any) -> str:
        if callable(self.texts):
            return self.texts(int(value))
        return self.texts.get(int(value), "")

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        sheet.leaf(name, self.put(value), int(value), self.text(value), self.unit)


def u8(texts: Texts | None = None, unit: str = "", usual: Any = NOT_GIVEN) -> Integer:
    """Unsigned, 1 octet; also a map8 or an enum8."""
    return Integer(1, texts, unit, usual)


def u16(texts: Texts | None = None, unit: str = "", usual: Any = NOT_GIVEN) -> Integer:
    """Unsigned, 2 octets; also a map16 or an enum16."""
    return Integer(2, texts, unit, usual)


def u24(texts: Texts | None = None, unit: str = "", usual: Any = NOT_GIVEN) -> Integer:
    """Unsigned, 3 octets."""
    return Integer(3, texts, unit, usual)


def u32(texts: Texts | None = None, unit: str = "", usual: Any = NOT_GIVEN) -> Integer:
    """Unsigned, 4 octets; also a map32."""
    return Integer(4, texts, unit, usual)


def u48(texts: Texts | None = None, unit: str = "", usual: Any = NOT_GIVEN) -> Integer:
    """Unsigned, 6 octets."""
    return Integer(6, texts, unit, usual)


def i32(texts: Texts | None = None, unit: str = "", usual: Any = NOT_GIVEN) -> Integer:
    """Signed, 4 octets, two's complement."""
    return Integer(4, texts, unit, usual, signed=True)


class UtcTime(Integer):
    """Seconds since 2000-01-01T00:00:00Z, 4 octets; ``texts`` name the special values of the field."""

    def __init__(self, texts: Texts | None = None, usual: Any = NOT_GIVEN) -> None:
        super().__init__(4, texts, "", usual)

    def text(self, value: Any) -> str:
        return super().text(value) or ("not given" if value == 0xFFFFFFFF else instant_text(value))


def bits(names: Mapping[int, str]) -> Callable[[int], str]:
    """Texts of a bitmap: the names of the bits that are set, joined by commas. ``names`` counts bits from 0."""
    return lambda value: ", ".join(name for bit, name in names.items() if value >> bit & 1)


class OctetString(Format):
    """Octets behind their number, itself ``width`` octets. All ones in the number mean "no value": None.

    Character strings are kept as octets too: devices put identifiers in them that are not text.
    """

    def __init__(self, width: int = 1, usual: Any = NOT_GIVEN) -> None:
        super().__init__()
        self.width, self.usual = width, usual
        self.none = (1 << 8 * width) - 1

    def take(self, data: bytes, at: int, end: int) -> tuple[bytes | None, int]:
        start = at + self.width
        if start > end:
            raise truncated(at, end, self.width)
        length = data[at] if self.width == 1 else int.from_bytes(data[at:start], "little")
        if length == self.none:
            return None, start
        stop = start + length
        if stop > end:
            raise truncated(start, end, length)
        return data[start:stop], stop

    def put(self, value: Any) -> bytes:
        if value is None:
            return self.none.to_bytes(self.width, "little")
        if len(value) >= self.none:
            raise EncodeError(f"at most {self.none - 1} octets, {len(value)} given")
        return len(value).to_bytes(self.width, "little") + bytes(value)

    def text(self, value: Any) -> str:
        if value is None:
            return "no value"
        return value.decode() if value and value.isascii() and value.decode().isprintable() else ""


class ZclDate(NamedTuple):
    """A date of 4 octets. None stands for FF, "any". ``year`` counts from 1900 to 2154, ``weekday`` 1 is Monday."""

    year: int | None
    month: int | None
    day: int | None
    weekday: int | None = None


class DateFormat(Format):
    """A date: year less 1900, month, day, day of week, one octet each; FF means any."""

    def take(self, data: bytes, at: int, end: int) -> tuple[ZclDate, int]:
        stop = at + 4
        if stop > end:
            raise truncated(at, end, 4)
        year, month, day, weekday = (None if octet == 0xFF else octet for octet in data[at:stop])
        return ZclDate(None if year is None else year + 1900, month, day, weekday), stop

    def put(self, value: Any) -> bytes:
        octets = (None if value[0] is None else value[0] - 1900, *value[1:])
        if len(octets) != 4 or 0xFF in octets:
            raise EncodeError("four members, each less than 255")
        return bytes(0xFF if octet is None else octet for octet in octets)

    def text(self, value: Any) -> str:
        year, month, day, weekday = ("any" if part is None else f"{part:02d}" for part in value)
        return f"{year}-{month}-{day}" + ("" if value.weekday is None else f", day {weekday} of the week")

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        octets = self.put(value)
        sheet.leaf(name, octets, octets, self.text(value))


class FixedOctets(Format):
    """A value that is kept as its octets: floating point, keys, times of day."""

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


class Eui64Format(FixedOctets):
    """An EUI-64: little-endian on the air, big-endian (``Eui64``) as a value."""

    def __init__(self) -> None:
        super().__init__(8)

    def take(self, data: bytes, at: int, end: int) -> tuple[bytes, int]:
        value, stop = super().take(data, at, end)
        return value[::-1], stop

    def put(self, value: Any) -> bytes:
        return super().put(value)[::-1]

    def text(self, value: Any) -> str:
        return eui64_text(value)


class Trailing(Format):
    """A value that may be missing at the end of a payload; None where it is."""

    usual = None

    def __init__(self, item: Format) -> None:
        super().__init__()
        self.item = item

    def take(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        return (None, at) if at == end else self.item.take(data, at, end)

    def put(self, value: Any) -> bytes:
        return b"" if value is None else self.item.put(value)

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        if value is not None:
            self.item.describe(value, sheet, name)


class ToTheEnd(Format):
    """Values of one format up to the end of the payload; gives a tuple. No item may be empty."""

    def __init__(self, item: Format) -> None:
        super().__init__()
        self.item, self.usual = item, NOT_GIVEN

    def take(self, data: bytes, at: int, end: int) -> tuple[tuple[Any, ...], int]:
        values: list[Any] = []
        take = self.item.take
        while at < end:
            try:
                value, at = take(data, at, end)
            except DecodeError as error:
                raise error.inside(f"[{len(values)}]") from None
            values.append(value)
        return tuple(values), at

    def put(self, value: Any) -> bytes:
        put = self.item.put
        return b"".join([put(item) for item in value])

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        with sheet.group(name, number_of(value)):
            for index, item in enumerate(value):
                self.item.describe(item, sheet, f"[{index}]")


class Times(Format):
    """A fixed number of values of one format; gives a tuple."""

    def __init__(self, number: int, item: Format) -> None:
        super().__init__()
        self.number, self.item, self.usual = number, item, NOT_GIVEN

    def take(self, data: bytes, at: int, end: int) -> tuple[tuple[Any, ...], int]:
        values: list[Any] = []
        for _ in range(self.number):
            value, at = self.item.take(data, at, end)
            values.append(value)
        return tuple(values), at

    def put(self, value: Any) -> bytes:
        if len(value) != self.number:
            raise EncodeError(f"{self.number} values needed, {len(value)} given")
        return b"".join([self.item.put(item) for item in value])

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        with sheet.group(name, number_of(value)):
            for index, item in enumerate(value):
                self.item.describe(item, sheet, f"[{index}]")


class DataType(NamedTuple):
    """One row of the table of data types."""

    code: int
    name: str
    format: Format


_BOOLEAN: Texts = {0: "false", 1: "true", 0xFF: "no value"}


def _data_types() -> dict[int, DataType]:
    rows = [DataType(0x10, "boolean", u8(_BOOLEAN))]
    for width in range(1, 9):
        rows += [
            DataType(0x07 + width, f"data{8 * width}", Integer(width)),
            DataType(0x17 + width, f"map{8 * width}", Integer(width)),
            DataType(0x1F + width, f"uint{8 * width}", Integer(width)),
            DataType(0x27 + width, f"int{8 * width}", Integer(width, signed=True)),
        ]
    rows += [DataType(0x30, "enum8", u8()), DataType(0x31, "enum16", u16())]
    rows += [DataType(0x38 + n, name, FixedOctets(2 << n)) for n, name in enumerate(("semi", "single", "double"))]
    rows += [DataType(0x41, "octstr", OctetString()), DataType(0x42, "string", OctetString())]
    rows += [DataType(0x43, "octstr16", OctetString(2)), DataType(0x44, "string16", OctetString(2))]
    rows += [DataType(0xE0, "ToD", FixedOctets(4)), DataType(0xE1, "date", DateFormat())]
    rows += [DataType(0xE2, "UTC", UtcTime()), DataType(0xE8, "clusterId", u16()), DataType(0xE9, "attribId", u16())]
    rows += [
        DataType(0xEA, "bacOID", u32()),
        DataType(0xF0, "EUI64", Eui64Format()),
        DataType(0xF1, "key128", FixedOctets(16)),
    ]
    return {row.code: row for row in rows}


DATA_TYPES = _data_types()
"""Every data type whose length is known (ZCL table 2-10); collections (48 array to 51 bag) are not among them."""
