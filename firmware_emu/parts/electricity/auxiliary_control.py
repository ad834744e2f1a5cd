"""What an auxiliary controller is told to do: selectors, periods, and which of several wishes wins.

A selector of the controllers' script tables is direction (4 bits), controller (4 bits), one bit that is 1 in calendar
entries, and a level of 0 to 100 percent (GBCS use cases ECS46d, ECS47a, ECS47e). Older ones are a controller and a
code (ECS46c, ECS47).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple

from protocols.instant import DAY, Instant

from ...stored_values import EMPTY_ARRAY

CONTROLLERS = 5
FULL = 100
"""Percent. A switch is on at this level and off at every other."""
LONGEST_PERIOD: Instant = DAY
"""A state or a limit may be set for so long (seconds)."""

_IN_CALENDAR = 0x80
_OLD_ACTIVATE, _OLD_DEACTIVATE, OLD_RESET = 0x11, 0x12, 0x20
_OLD_LEVELS = {_OLD_ACTIVATE: FULL, _OLD_DEACTIVATE: 0}

_NOTHING, _PROPORTIONAL, _SWITCH = b"", b"\xff", bytes(8)


class Direction(IntEnum):
    """Of the load: what it draws, which every switch controls, or what it feeds in."""

    OUTPUT = 1
    INPUT = 2


SET_START, SET_END, LIMIT_START, LIMIT_END = 1, 2, 3, 4
"""The bounds of periods, as a supplier or a load controller writes them."""


class Kind(StrEnum):
    """What a controller is."""

    NONE = "none"
    SWITCH = "switch"
    """An auxiliary load control switch inside the meter (ALCS)."""
    PROPORTIONAL = "proportional"
    """An auxiliary proportional controller (APC)."""
    HAN_SWITCH = "han switch"
    """A switch elsewhere in the home (HCALCS), named by its EUI-64."""


_IDENTIFIERS = {Kind.NONE: _NOTHING, Kind.SWITCH: _SWITCH, Kind.PROPORTIONAL: _PROPORTIONAL}


class Target(NamedTuple):
    """A level, in percent, for one direction of one controller (1 to 5)."""

    direction: Direction
    number: int
    level: int

    @property
    def key(self) -> str:
        """The name of direction and controller in a part's state."""
        return f"{self.direction:d}{self.number}"

    @property
    def action(self) -> int:
        """As the auxiliary controller event log has it."""
        return self.direction << 12 | self.number << 8 | self.level


@dataclass(slots=True)
class Period:
    """A level from ``start`` (included) to ``end`` (not included)."""

    start: Instant
    end: Instant
    level: int

    def holds(self, at: Instant) -> bool:
        """True during the period."""
        return self.start <= at < self.end


@dataclass(slots=True)
class AuxiliaryState:
    """Lists have a place for each controller. Dicts are by direction and controller (``Target.key``).

    ``bounds`` are the starts and ends written last, ``texts`` what the maker set as state text until it changes,
    ``information`` what the controlled loads say of themselves.
    """

    identifiers: list[bytes] = field(default_factory=lambda: [b""] * CONTROLLERS)
    descriptions: list[str] = field(default_factory=lambda: [""] * CONTROLLERS)
    texts: list[str | None] = field(default_factory=lambda: [None] * CONTROLLERS)
    information: list[str] = field(default_factory=lambda: [""] * CONTROLLERS)
    fitted: bool = False
    calendar: bytes = EMPTY_ARRAY
    special_days: bytes = EMPTY_ARRAY
    bounds: dict[str, Instant] = field(default_factory=dict)
    commanded: dict[str, Period] = field(default_factory=dict)
    limits: dict[str, Period] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)
    han_commands: int = 0


def state_text(output: int, feed: int, information: str) -> str:
    """State and associated information of a controller. That it begins with the levels is known, how is inferred."""
    return f"{output:03d}{feed:03d}{information}"


def kind_of(identifier: bytes) -> Kind | None:
    """What an identifier says; None if it is none."""
    for kind, octets in _IDENTIFIERS.items():
        if identifier == octets:
            return kind
    return Kind.HAN_SWITCH if len(identifier) == 8 else None


def identifier_of(text: str) -> bytes:
    """The identifier of a controller in a personality: a ``Kind``'s name, or the EUI-64 of a HAN switch in digits.

    Raises ValueError.
    """
    if text in (Kind.NONE, Kind.SWITCH, Kind.PROPORTIONAL):
        return _IDENTIFIERS[Kind(text)]
    octets = bytes.fromhex(text.replace("-", ""))
    if kind_of(octets) is not Kind.HAN_SWITCH:
        raise ValueError(f"no controller is {text!r}")
    return octets


def calendar_target(selector: int) -> Target | None:
    """What a calendar entry asks for."""
    if selector & _IN_CALENDAR:
        return _target(selector & ~_IN_CALENDAR)
    return old_target(selector)


def immediate_target(selector: int) -> Target | None:
    """What a command asks for."""
    return None if selector & _IN_CALENDAR else _target(selector)


def old_target(selector: int) -> Target | None:
    """What an older selector asks for: controller and 11 (activate) or 12 (deactivate), hexadecimal."""
    number, code = selector >> 8, selector & 0xFF
    if code not in _OLD_LEVELS or not 1 <= number <= CONTROLLERS:
        return None
    return Target(Direction.OUTPUT, number, _OLD_LEVELS[code])


def old_reset(selector: int) -> int | None:
    """The controller that an older selector gives back to its calendar, or None."""
    number, code = selector >> 8, selector & 0xFF
    return number if code == OLD_RESET and 1 <= number <= CONTROLLERS else None


def level_for(kind: Kind, wanted: int, limit: int | None) -> int:
    """The level that a controller takes.

    Priority, inferred: a limit over a commanded state, that over boost, boost over the calendar; ``wanted`` is what
    the latter three come to.
    """
    level = wanted if limit is None else min(wanted, limit)
    if kind is Kind.PROPORTIONAL:
        return level
    return FULL if level == FULL else 0


def _target(selector: int) -> Target | None:
    direction, number, level = selector >> 12, selector >> 8 & 0x0F, selector & 0xFF
    if direction not in (Direction.OUTPUT, Direction.INPUT) or not 1 <= number <= CONTROLLERS or level > FULL:
        return None
    return Target(Direction(direction), number, level)
