"""How fast the DLMS codec is beside a plain, interpreted construct grammar of the same units.

The ratio is recorded in the benchmark's ``extra_info`` and never asserted.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from operator import methodcaller
from typing import Any

import pytest

from protocols.dlms.access import Apdu, decode_apdu
from protocols.gbcs.message import Message

from ..reference import reference_messages
from .plain_construct import ApduGrammar, plain_from_codec, plain_from_construct
from .ratios import on_a_thread, seconds

ROUNDS = 5


def _units() -> list[bytes]:
    payloads = [Message.decode(reference.octets).payload for reference in reference_messages()]
    return [payload for payload in payloads if payload[:1] in (b"\xd9", b"\xda", b"\x0f")]


@pytest.mark.shared
def test_the_plain_grammar_gives_the_same_values_and_octets() -> None:
    units = _units()
    assert units
    for unit in units:
        parsed = ApduGrammar.parse(unit)
        assert plain_from_construct(parsed) == plain_from_codec(decode_apdu(unit))
        assert ApduGrammar.build(parsed) == unit


def _each(work: Callable[[Any], Any], items: Sequence[Any]) -> None:
    """Nothing is kept, so that neither side pays for a growing heap."""
    for item in items:
        work(item)


def _best(work: Callable[[], Any]) -> float:
    """The best of some rounds, in seconds."""
    return on_a_thread(lambda: min([seconds(work) for _ in range(ROUNDS)]))


@pytest.mark.shared
def test_decode(benchmark: Any) -> None:
    units = _units()
    gc.freeze()
    benchmark(_each, decode_apdu, units)
    codec, plain = _best(lambda: _each(decode_apdu, units)), _best(lambda: _each(ApduGrammar.parse, units))
    assert decode_apdu(units[0]).encode() == units[0]
    _record(benchmark, codec, plain, len(units))


@pytest.mark.shared
def test_encode(benchmark: Any) -> None:
    units = _units()
    values: list[Apdu] = [decode_apdu(unit) for unit in units]
    parsed = [ApduGrammar.parse(unit) for unit in units]
    gc.freeze()
    encode = methodcaller("encode")
    benchmark(_each, encode, values)
    codec, plain = _best(lambda: _each(encode, values)), _best(lambda: _each(ApduGrammar.build, parsed))
    assert [value.encode() for value in values] == units
    _record(benchmark, codec, plain, len(units))


def _record(benchmark: Any, codec: float, plain: float, units: int) -> None:
    """Microseconds for one unit, and the ratio."""
    benchmark.extra_info["codec_microseconds"] = round(codec / units * 1e6, 2)
    benchmark.extra_info["plain_construct_microseconds"] = round(plain / units * 1e6, 2)
    benchmark.extra_info["times_faster"] = round(plain / codec, 1)
