"""State records: what goes in comes out, the same octets each time, and damage is named."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_emu import CorruptRecord
from firmware_emu.state import decode_state, encode_state
from protocols.errors import EncodeError


class Colour(IntEnum):
    RED = 1
    GREEN = 2


class Point(NamedTuple):
    x: int
    y: int


@dataclass(slots=True)
class Inner:
    octets: bytes = b""
    label: str = ""


@dataclass(slots=True)
class State:
    number: int = 0
    flag: bool = False
    colour: Colour = Colour.RED
    maybe: int | None = None
    inner: Inner = field(default_factory=Inner)
    numbers: list[int] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    pair: tuple[int, str] = (0, "")
    many: tuple[bytes, ...] = ()
    by_name: dict[str, Inner] = field(default_factory=dict)
    by_number: dict[int, int] = field(default_factory=dict)


_INNER = st.builds(Inner, st.binary(max_size=8), st.text(max_size=8))
_INTEGERS = st.integers(-(2**70), 2**70)
_STATES = st.builds(
    State,
    _INTEGERS,
    st.booleans(),
    st.sampled_from(Colour),
    st.none() | _INTEGERS,
    _INNER,
    st.lists(_INTEGERS, max_size=5),
    st.lists(st.builds(Point, _INTEGERS, _INTEGERS), max_size=3),
    st.tuples(_INTEGERS, st.text(max_size=5)),
    st.lists(st.binary(max_size=4), max_size=3).map(tuple),
    st.dictionaries(st.text(max_size=4), _INNER, max_size=3),
    st.dictionaries(_INTEGERS, _INTEGERS, max_size=3),
)


@given(_STATES)
def test_a_state_comes_back_and_gives_the_same_octets(state: State) -> None:
    octets = encode_state(state)
    again = decode_state(State, "part/test", octets)
    assert again == state
    assert isinstance(again.colour, Colour)
    assert encode_state(again) == octets


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_damage_is_a_corrupt_record(octets: bytes) -> None:
    with pytest.raises(CorruptRecord, match="part/test"):
        decode_state(State, "part/test", b"\x00" + octets)


@pytest.mark.parametrize(
    ("octets", "named"),
    [
        (b'{"number":"1"}', "number"),
        (b'{"flag":1}', "flag"),
        (b'{"colour":9}', "colour"),
        (b'{"inner":{"octets":"xy"}}', "inner: octets"),
        (b'{"points":[[1]]}', "points"),
        (b'{"nothing":1}', "nothing"),
        (b"[]", "dict"),
        (b"[" * 100_000, "part/test"),
    ],
)
def test_the_error_names_the_field(octets: bytes, named: str) -> None:
    with pytest.raises(CorruptRecord, match=named):
        decode_state(State, "part/test", octets)


def test_a_field_that_an_older_firmware_did_not_know_takes_its_default() -> None:
    assert decode_state(State, "part/test", b'{"number":3}') == State(number=3)


def test_a_value_without_a_plain_form_is_refused() -> None:
    with pytest.raises(EncodeError, match="State: "):
        encode_state(State(number=object()))  # type: ignore[arg-type]  # the wrong type is what is tested
