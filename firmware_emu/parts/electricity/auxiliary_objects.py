"""The COSEM objects of each auxiliary controller: description, identifier, state, switch, bounds of periods (GBCS)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from protocols.dlms.data import Data, DataType, boolean, utf8_string

from ...cosem import expect
from ...stored_values import Stored, no_longer_than, serve
from .auxiliary_control import (
    CONTROLLERS,
    FULL,
    LIMIT_END,
    LIMIT_START,
    SET_END,
    SET_START,
    Direction,
    Kind,
    Target,
    kind_of,
    state_text,
)

if TYPE_CHECKING:
    from .auxiliary import Auxiliary

LONGEST_DESCRIPTION = 127
"""Characters; today's form allows 22, an older one more."""

_DATA, _DISCONNECT_CONTROL = 1, 70


def serve_controllers(part: Auxiliary) -> None:
    """Serve everything, for every controller."""
    for number in range(1, CONTROLLERS + 1):
        _serve_kept(part, number)
        _serve_state(part, number)
        _serve_bounds(part, number)


def _serve_kept(part: Auxiliary, number: int) -> None:
    described = partial(Stored, _DATA, f"0-0:94.44.0.{10 + number}", 2, "descriptions", DataType.VISIBLE_STRING)
    identified = partial(Stored, _DATA, f"0-0:94.44.0.{20 + number}", 2, "identifiers", DataType.OCTET_STRING)
    changed, preset = part.calendar_changed, part.calendar_preset
    serve(
        part,
        [
            described(number - 1, writable=True, check=no_longer_than(LONGEST_DESCRIPTION)),
            identified(number - 1, writable=True, check=_is_identifier, changed=changed, after_preset=preset),
        ],
    )


def _serve_state(part: Auxiliary, number: int) -> None:
    attribute = part.device.cosem.attribute
    text, switch = f"0-0:94.44.0.{30 + number}", f"0-{number}:96.3.10.255"
    attribute(_DATA, text, 2, partial(_read_text, part, number), preset=partial(_preset_text, part, number))
    attribute(
        _DISCONNECT_CONTROL,
        switch,
        2,
        lambda: boolean(part.level(number) == FULL),
        preset=partial(_preset_switch, part, number),
    )


def _serve_bounds(part: Auxiliary, number: int) -> None:
    for which in (SET_START, SET_END, LIMIT_START, LIMIT_END):
        name = f"0-0:94.44.{116 + number}.{which}"
        part.device.cosem.attribute(_DATA, name, 2, set=partial(part.set_bound, number, which))


def _read_text(part: Auxiliary, number: int) -> Data:
    given = part.state.texts[number - 1]
    if given is not None or part.kind(number) is Kind.NONE:
        return utf8_string(given or "")
    output, feed = part.level(number), part.level(number, Direction.INPUT)
    return utf8_string(state_text(output, feed, part.state.information[number - 1]))


def _preset_text(part: Auxiliary, number: int, value: Data) -> None:
    part.state.texts[number - 1] = expect(value, DataType.UTF8_STRING)
    part.touch()


def _preset_switch(part: Auxiliary, number: int, value: Data) -> None:
    closed = bool(expect(value, DataType.BOOLEAN))
    part.state.levels[Target(Direction.OUTPUT, number, 0).key] = FULL * closed
    part.touch()


def _is_identifier(octets: bytes) -> bool:
    return kind_of(octets) is not None
