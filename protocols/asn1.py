"""ASN.1 values in DER (ITU-T X.690), as formats of the grammar: the types that hold no others.

Lengths are those of DER or, after ``with_long_lengths``, have the form ``82 00 xx`` that some devices write for 128 to
255: a format reads the form that it writes and no other. Nothing here recurses deeper than the declared types nest.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from enum import IntEnum, IntFlag
from typing import Any, Self

from .der import (
    BIT_STRING,
    CONSTRUCTED,
    CONTEXT,
    ENUMERATED,
    GENERALIZED_TIME,
    INTEGER,
    NEVER,
    NULL,
    OCTET_STRING,
    SEQUENCE,
    put_header,
    put_integer,
    put_time,
    shortened,
    take_header,
    take_integer,
    take_time,
)
from .errors import DecodeError, EncodeError
from .eui64 import eui64_text
from .grammar import Format
from .instant import Instant
from .instant import text as instant_text
from .sheet import Sheet


class Der(Format):
    """A format with one tag. Subclasses give ``take_content`` and ``put_content``."""

    tag = 0
    kind = ""
    long_lengths = False

    def take(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        start = at + 2
        if start <= end and data[at] == self.tag and data[at + 1] < 0x80:  # nearly always; saves a call
            stop = start + data[at + 1]
            if stop <= end:
                return self.take_content(data, start, stop), stop
        if at < end and data[at] != self.tag:
            raise DecodeError(at, f"{self.kind} ({self.tag:02X})", f"{data[at]:02X}")
        _, start, stop = take_header(data, at, end, long_lengths=self.long_lengths)
        return self.take_content(data, start, stop), stop

    def put(self, value: Any) -> bytes:
        content = self.put_content(value)
        return put_header(self.tag, len(content), long_lengths=self.long_lengths) + content

    def take_content(self, data: bytes, start: int, stop: int) -> Any:
        """The value whose content is ``data[start:stop]``. Raises DecodeError."""
        raise NotImplementedError  # every format has its own

    def put_content(self, value: Any) -> bytes:
        """The content octets of ``value``. Raises EncodeError, or what ``encode`` turns into one."""
        raise NotImplementedError  # every format has its own

    def starts(self, tag: int) -> bool:
        """Whether a value of this format may begin with ``tag``."""
        return tag == self.tag

    def implicit(self, number: int) -> Self:
        """The same format under IMPLICIT tag ``[number]``."""
        made = copy(self)
        made.tag = CONTEXT | (self.tag & CONSTRUCTED) | number
        made.kind = f"[{number}] {self.kind}"
        return made

    def with_long_lengths(self) -> Self:
        """The same format, with lengths from 128 to 255 as ``82 00 xx``."""
        made = copy(self)
        made.long_lengths = True
        return made

    def describe_header(self, sheet: Sheet, content: int) -> None:
        """Append tag and length of a value with ``content`` content octets to ``sheet``."""
        header = put_header(self.tag, content, long_lengths=self.long_lengths)
        sheet.leaf("header", header, content, f"{self.kind} of {content} octet{'s' if content != 1 else ''}")


class Null(Der):
    """NULL: carries no value."""

    tag, kind = NULL, "NULL"

    def take_content(self, data: bytes, start: int, stop: int) -> None:  # noqa: ARG002 - there is no content
        if start != stop:
            raise DecodeError(start, "an empty NULL", f"{stop - start} octets")

    def put_content(self, value: Any) -> bytes:
        if value is not None:
            raise EncodeError(f"NULL holds no value, {value!r} given")
        return b""


class Integer(Der):
    """INTEGER from ``low`` to ``high``; with ``members``, one of theirs, or (``open_range``) any in the range."""

    tag, kind = INTEGER, "INTEGER"

    def __init__(
        self,
        low: int = 0,
        high: int = 0xFF,
        members: type[IntEnum] | None = None,
        *,
        open_range: bool = False,
        hexadecimal: int = 0,
    ) -> None:
        super().__init__()
        self.low, self.high, self.members, self.open_range, self.hexadecimal = (
            low,
            high,
            members,
            open_range,
            hexadecimal,
        )
        self._known: dict[int, int] = {m.value: m for m in members} if members else {}

    def take_content(self, data: bytes, start: int, stop: int) -> int:
        value = take_integer(data, start, stop)
        member = self._known.get(value)
        if member is not None:
            return member
        if not self.low <= value <= self.high:
            raise DecodeError(start, f"{self.low} to {self.high}", shortened(value))
        if self.members is not None and not self.open_range:
            raise DecodeError(start, "one of " + ", ".join(map(str, self._known)), shortened(value))
        return value

    def put_content(self, value: Any) -> bytes:
        if value not in self._known:
            if not self.low <= value <= self.high:
                raise EncodeError(f"{self.low} to {self.high} needed, {value} given")
            if self.members is not None and not self.open_range:
                raise EncodeError(f"one of {', '.join(map(str, self._known))} needed, {value} given")
        return put_integer(value)

    def text(self, value: Any) -> str:
        if self.hexadecimal:
            return f"{value:0{self.hexadecimal}X}"
        if self.members is None:
            return ""
        return enumeration_text(self._known[value]) if value in self._known else "unknown"

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        sheet.leaf(name, self.put(value), int(value), self.text(value))


class Enumerated(Integer):
    """ENUMERATED: one of ``members``."""

    tag, kind = ENUMERATED, "ENUMERATED"

    def __init__(self, members: type[IntEnum]) -> None:
        super().__init__(members=members)


def enumeration_text(member: Any) -> str:
    """``rootBySupplier`` as a person writes it; several flags joined by commas."""
    if isinstance(member, IntFlag):
        return ", ".join(str(flag.name).lower().replace("_", " ") for flag in type(member) if flag in member) or "none"
    return str(member.name).lower().replace("_", " ")


class NamedBits(Der):
    """BIT STRING with named bits, as an IntFlag where bit ``n`` has the value ``1 << n``; trailing zeros are cut."""

    tag, kind = BIT_STRING, "BIT STRING"

    def __init__(self, members: type[IntFlag]) -> None:
        super().__init__()
        self.members = members
        self._all = sum(members)

    def take_content(self, data: bytes, start: int, stop: int) -> IntFlag:
        value = int.from_bytes(data[start + 1 : min(stop, start + 9)].translate(_REVERSED), "little")
        if value & ~self._all or self._content(value) != data[start:stop]:
            raise DecodeError(start, "named bits without trailing zeros", data[start : start + 9].hex(" ").upper())
        return self.members(value)

    def put_content(self, value: Any) -> bytes:
        if value & ~self._all:
            raise EncodeError(f"{value:#x} has bits without a name")
        return self._content(value)

    def _content(self, value: int) -> bytes:
        octets = (int(value).bit_length() + 7) // 8
        unused = 8 * octets - int(value).bit_length()
        return bytes((unused, *(_REVERSED[value >> 8 * index & 0xFF] for index in range(octets))))

    def text(self, value: Any) -> str:
        return enumeration_text(self.members(value))

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        sheet.leaf(name, self.put(value), int(value), self.text(value))


_REVERSED = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))


class OctetString(Der):
    """OCTET STRING of ``low`` to ``high`` octets (exactly ``low`` when ``high`` is not given)."""

    tag, kind = OCTET_STRING, "OCTET STRING"

    def __init__(self, low: int, high: int | None = None) -> None:
        super().__init__()
        self.low, self.high = low, low if high is None else high

    def take_content(self, data: bytes, start: int, stop: int) -> bytes:
        if not self.low <= stop - start <= self.high:
            raise DecodeError(start, self._sizes(), f"{stop - start}")
        return data[start:stop]

    def put_content(self, value: Any) -> bytes:
        if not self.low <= len(value) <= self.high:
            raise EncodeError(f"{self._sizes()} needed, {len(value)} given")
        return bytes(value)

    def _sizes(self) -> str:
        return f"{self.low} octets" if self.low == self.high else f"{self.low} to {self.high} octets"


class EntityIdentifier(OctetString):
    """OCTET STRING holding an EUI-64, big-endian."""

    def __init__(self) -> None:
        super().__init__(8)

    def text(self, value: Any) -> str:
        return eui64_text(value)


class GeneralizedTime(Der):
    """GeneralizedTime ``YYYYMMDDhhmmssZ`` (the only form DER leaves with whole seconds), as an Instant."""

    tag, kind = GENERALIZED_TIME, "GeneralizedTime"

    def take_content(self, data: bytes, start: int, stop: int) -> Instant:
        return take_time(GENERALIZED_TIME, data, start, stop)

    def put_content(self, value: Any) -> bytes:
        return put_time(GENERALIZED_TIME, value)

    def text(self, value: Any) -> str:
        return "never" if value == NEVER else instant_text(value)


class OpaqueSequence(Der):
    """A SEQUENCE kept as its octets, tag and length included, such as a certificate; its inside is not judged."""

    tag, kind = SEQUENCE, "SEQUENCE"

    def __init__(self, describe_octets: Callable[[bytes], str] | None = None) -> None:
        super().__init__()
        self._text = describe_octets

    def take(self, data: bytes, at: int, end: int) -> tuple[bytes, int]:
        tag, _, stop = take_header(data, at, end)
        if tag != self.tag:
            raise DecodeError(at, f"{self.kind} ({self.tag:02X})", f"{tag:02X}")
        return data[at:stop], stop

    def put(self, value: Any) -> bytes:
        try:
            tag, _, stop = take_header(value, 0, len(value))
        except DecodeError as error:
            raise EncodeError(str(error)) from None
        if tag != self.tag or stop != len(value):
            raise EncodeError(f"one {self.kind} needed")
        return bytes(value)

    def text(self, value: Any) -> str:
        return self._text(value) if self._text else ""
