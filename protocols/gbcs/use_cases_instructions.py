"""What a command asks of the device: attribute reads and writes, method calls, cluster commands.

The lists are short texts in ``use_cases_dlms`` and ``use_cases_gbz``; this module reads them.

DLMS, statements joined by ``;``: ``get`` | ``set`` | ``act`` | ``select`` (get with selection), then class and object,
then ``a`` (attribute) or ``m`` (method) numbers, then constants of the argument. ``[...]`` may be left out of the
message. ``of`` lists what a protected read (class 30) reads, with ``range`` for a selection by time.

GBZ: ``read`` cluster attribute ..., or ``to server`` | ``to client`` cluster command, ``xN`` or ``xN..M`` for
repetitions, ``timed`` for a component with from-date-time, constants of the payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from ..dlms.obis import obis as parse_obis
from .use_cases_dlms import DLMS
from .use_cases_gbz import GBZ

FixedValue = int | bool | bytes | str


class Operation(IntEnum):
    """What an instruction does: the choice of an access-request specification (GBCS 7.2.11, IEC 62056-5-3)."""

    GET = 1
    SET = 2
    ACTION = 3
    GET_WITH_SELECTION = 4


@dataclass(frozen=True, slots=True)
class Fixed:
    """A member whose value the use case fixes: one of ``values``.

    Integers are values, not encodings; octet strings are bytes; bit strings are text of ``0`` and ``1``.
    """

    name: str
    values: tuple[FixedValue, ...]


@dataclass(frozen=True, slots=True)
class ProtectedRead:
    """One attribute behind a protected read; ``by_range``: restricted to a range of date-times."""

    class_id: int
    obis: bytes
    attribute: int
    by_range: bool


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a DLMS command. ``obis`` is the logical name, six octets; ``index`` attribute or method."""

    op: Operation
    class_id: int
    obis: bytes
    index: int
    optional: bool = False
    fixed: tuple[Fixed, ...] = ()
    reads: tuple[ProtectedRead, ...] = ()


@dataclass(frozen=True, slots=True)
class GbzInstruction:
    """One component of a GBZ command, or several of a kind in a row.

    ``attributes`` is not empty exactly for a read of attributes, whose ``command`` is the general command 00.
    ``least`` and ``most`` count repetitions; ``most`` is None where the use case sets no limit. ``timed``: the
    component's header carries a from-date-time.
    """

    cluster: int
    command: int
    to_server: bool
    attributes: tuple[int, ...] = ()
    least: int = 1
    most: int | None = 1
    timed: bool = False
    fixed: tuple[Fixed, ...] = ()


@cache
def dlms_instructions(name: str) -> tuple[Instruction, ...]:
    """The instructions of a use case, by its short name; empty if it is not a DLMS command."""
    text = DLMS.get(name, "")
    return tuple(made for statement in text.split("; ") if statement for made in _dlms_statement(statement))


@cache
def gbz_instructions(name: str) -> tuple[GbzInstruction, ...]:
    """The components of a use case, by its short name; empty if it is not a GBZ command."""
    return tuple(_gbz_statement(statement) for statement in GBZ.get(name, "").split("; ") if statement)


_OPERATIONS = {
    "get": Operation.GET,
    "set": Operation.SET,
    "act": Operation.ACTION,
    "select": Operation.GET_WITH_SELECTION,
}


def _dlms_statement(statement: str) -> list[Instruction]:
    optional = statement.startswith("[")
    head, _, behind = statement.strip("[]").partition(" of ")
    word, target, *rest = head.split()
    class_id, obis = _target(target)
    indices = [int(part[1:]) for part in rest if "=" not in part]
    fixed = tuple(_fixed(part) for part in rest if "=" in part)
    reads = tuple(_protected_read(part) for part in behind.split(", ") if part)
    return [Instruction(_OPERATIONS[word], class_id, obis, index, optional, fixed, reads) for index in indices]


def _protected_read(text: str) -> ProtectedRead:
    target, attribute, *by_range = text.split()
    class_id, obis = _target(target)
    return ProtectedRead(class_id, obis, int(attribute[1:]), bool(by_range))


def _target(text: str) -> tuple[int, bytes]:
    class_id, _, name = text.partition("/")
    return int(class_id), parse_obis(name)


def _gbz_statement(statement: str) -> GbzInstruction:
    word, *rest = statement.split()
    if word == "read":
        cluster, *attributes = (int(part, 16) for part in rest)
        return GbzInstruction(cluster, 0x00, to_server=True, attributes=tuple(attributes))
    side, cluster_text, command, *options = rest
    least: int = 1
    most: int | None = 1
    for option in options:
        if option[0] == "x" and "=" not in option:
            low, _, high = option[1:].partition("..")
            least, most = int(low), None if high == "n" else int(high or low)
    return GbzInstruction(
        int(cluster_text, 16),
        int(command, 16),
        side == "server",
        (),
        least,
        most,
        "timed" in options,
        tuple(_fixed(option) for option in options if "=" in option),
    )


def _fixed(text: str) -> Fixed:
    name, _, values = text.partition("=")
    low, dots, high = values.partition("..")
    if dots:
        return Fixed(name, tuple(range(int(low), int(high) + 1)))
    return Fixed(name, tuple(_fixed_value(value) for value in values.split("|")))


def _fixed_value(text: str) -> FixedValue:
    if text == "true":
        return True
    kind, colon, value = text.partition(":")
    if not colon:
        return int(text, 0)
    return bytes.fromhex(value) if kind == "octets" else value
