"""ASN.1 types made of others: SEQUENCE, SEQUENCE OF, CHOICE (ITU-T X.680, X.690)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple, Self

from .asn1 import Der
from .der import NULL, SEQUENCE
from .errors import DecodeError, EncodeError
from .grammar import truncated
from .sheet import Sheet

_BUILD_FAULTS = (struct.error, OverflowError, ValueError, TypeError, AttributeError, LookupError)


class Optional:
    """A member of a SEQUENCE that may be absent; its value is then None."""

    def __init__(self, kind: Der) -> None:
        self.kind = kind

    def __rtruediv__(self, name: str) -> Member:
        return Member(name, self.kind, optional=True)


class Default:
    """A member of a SEQUENCE that is absent when it has its default value.

    DER forbids writing the default; devices do. The value class has a last member ``explicit_default``, True
    where the octets hold it all the same.
    """

    def __init__(self, kind: Der, default: Any) -> None:
        self.kind, self.default = kind, default

    def __rtruediv__(self, name: str) -> Member:
        return Member(name, self.kind, optional=True, default=self.default)


class Member(NamedTuple):
    """One member of a SEQUENCE."""

    name: str
    kind: Der
    optional: bool = False
    default: Any = None

    def absent(self, value: Any) -> bool:
        """Whether the member is left out of the octets of ``value``."""
        member = getattr(value, self.name)
        if member is None:
            return self.optional
        return self.default is not None and member == self.default and not value.explicit_default


def _member(field: Any) -> Member:
    return field if isinstance(field, Member) else Member(field.name, field.subcon)


class Sequence(Der):
    """SEQUENCE of declared members, given in their order; NULL members stand in the octets but not in the value.

    ``make`` is a dataclass whose members are named alike, in the same order.
    """

    tag, kind = SEQUENCE, "SEQUENCE"

    def __init__(self, make: Callable[..., Any], *fields: Any) -> None:
        super().__init__()
        self.make, self.members = make, tuple(_member(field) for field in fields)
        self._has_default = any(member.default is not None for member in self.members)

    def take_content(self, data: bytes, start: int, stop: int) -> Any:
        values: list[Any] = []
        explicit = False
        at = start
        for name, kind, optional, default in self.members:
            if optional and (at == stop or not kind.starts(data[at])):
                values.append(default)
                continue
            try:
                value, at = kind.take(data, at, stop)
            except DecodeError as error:
                raise error.inside(name) from None
            explicit = explicit or (default is not None and value == default)
            if kind.tag != NULL:
                values.append(value)
        if at != stop:
            raise DecodeError(at, f"the end of the {self.kind}", f"{stop - at} more octets")
        return self.make(*values, explicit) if self._has_default else self.make(*values)

    def put_content(self, value: Any) -> bytes:
        return b"".join([_put_member(member.kind, value, member.name) for member in self._present(value)])

    def _present(self, value: Any) -> list[Member]:
        try:
            return [m for m in self.members if m.kind.tag == NULL or not m.absent(value)]
        except AttributeError as error:
            raise EncodeError(str(error)) from error

    def with_long_lengths(self) -> Self:
        made = super().with_long_lengths()
        made.members = tuple(m._replace(kind=m.kind.with_long_lengths()) for m in self.members)
        return made

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        with sheet.group(name):
            self.describe_header(sheet, len(self.put_content(value)))
            for member in self._present(value):
                member.kind.describe(getattr(value, member.name, None), sheet, member.name)


def _put_member(kind: Der, value: Any, name: str) -> bytes:
    member = None if kind.tag == NULL else getattr(value, name)
    try:
        return kind.put(member)
    except EncodeError as error:
        raise error.inside(name) from None
    except _BUILD_FAULTS as error:
        raise EncodeError(f"{member!r}: {error}", (name,)) from error


class SequenceOf(Der):
    """SEQUENCE OF one type, as a tuple."""

    tag, kind = SEQUENCE, "SEQUENCE OF"

    def __init__(self, item: Der) -> None:
        super().__init__()
        self.item = item

    def take_content(self, data: bytes, start: int, stop: int) -> tuple[Any, ...]:
        values: list[Any] = []
        take, at = self.item.take, start
        while at < stop:
            try:
                value, at = take(data, at, stop)
            except DecodeError as error:
                raise error.inside(f"[{len(values)}]") from None
            values.append(value)
        return tuple(values)

    def put_content(self, value: Any) -> bytes:
        out = []
        for index, item in enumerate(value):
            try:
                out.append(self.item.put(item))
            except EncodeError as error:
                raise error.inside(f"[{index}]") from None
        return b"".join(out)

    def with_long_lengths(self) -> Self:
        made = super().with_long_lengths()
        made.item = self.item.with_long_lengths()
        return made

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        with sheet.group(name):
            self.describe_header(sheet, len(self.put_content(value)))
            for index, item in enumerate(value):
                self.item.describe(item, sheet, f"[{index}]")


class OneOf(Der):
    """CHOICE: a dataclass of which one member is not None; when all are None, the NULL alternative is meant."""

    kind = "CHOICE"

    def __init__(self, make: Callable[..., Any], *fields: Any) -> None:
        super().__init__()
        self.make, self.members = make, tuple(_member(field) for field in fields)

    def starts(self, tag: int) -> bool:
        return any(member.kind.starts(tag) for member in self.members)

    def take(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        if at >= end:
            raise truncated(at, end, 2)
        for member in self.members:
            if member.kind.starts(data[at]):
                try:
                    value, stop = member.kind.take(data, at, end)
                except DecodeError as error:
                    raise error.inside(member.name) from None
                return self.make(**({} if member.kind.tag == NULL else {member.name: value})), stop
        tags = ", ".join(f"{member.name} ({member.kind.tag:02X})" for member in self.members)
        raise DecodeError(at, f"one of {tags}", f"{data[at]:02X}")

    def put(self, value: Any) -> bytes:
        chosen = self._chosen(value)
        return _put_member(chosen.kind, value, chosen.name)

    def _chosen(self, value: Any) -> Member:
        chosen = [m for m in self.members if m.kind.tag != NULL and getattr(value, m.name) is not None]
        chosen = chosen or [m for m in self.members if m.kind.tag == NULL]
        if len(chosen) != 1:
            raise EncodeError(f"exactly one of {', '.join(m.name for m in self.members)} needed")
        return chosen[0]

    def with_long_lengths(self) -> Self:
        made = super().with_long_lengths()
        made.members = tuple(m._replace(kind=m.kind.with_long_lengths()) for m in self.members)
        return made

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        chosen = self._chosen(value)
        with sheet.group(name, chosen.name):
            chosen.kind.describe(getattr(value, chosen.name, None), sheet, chosen.name)


class Wrapped(Der):
    """A type that is one value, held by the single member of a dataclass (by no member when it is NULL)."""

    def __init__(self, make: Callable[..., Any], field: Any) -> None:
        super().__init__()
        self.make, self.member = make, _member(field)
        self.tag, self.kind = self.member.kind.tag, self.member.kind.kind

    def take(self, data: bytes, at: int, end: int) -> tuple[Any, int]:
        try:
            value, stop = self.member.kind.take(data, at, end)
        except DecodeError as error:
            raise error.inside(self.member.name) from None
        return (self.make() if self.tag == NULL else self.make(value)), stop

    def put(self, value: Any) -> bytes:
        return _put_member(self.member.kind, value, self.member.name)

    def with_long_lengths(self) -> Self:
        made = super().with_long_lengths()
        made.member = self.member._replace(kind=self.member.kind.with_long_lengths())
        return made

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        with sheet.group(name):
            self.member.kind.describe(getattr(value, self.member.name, None), sheet, self.member.name)
