"""Prepayment at an electricity meter: mode, top-up by token, balance."""

from __future__ import annotations

import pytest

from bench.requests import Request, dlms
from bench.target import Target
from bench.tokens import electricity_top_up, repeated
from protocols.dlms.cosem_time import NOW
from protocols.dlms.data import Data, array, bit_string, enum, int32, octet_string, structure
from protocols.dlms.obis import obis

MILLIPENCE_PER_POUND = 100_000
_PAIRS = (
    ("0", "0"), ("0", "4"), ("0", "1"), ("0", "2"), ("0", "3"), ("1", "3"), ("1", "0"), ("1", "4"), ("1", "1"),
    ("1", "2"), ("2", "4"), ("2", "1"), ("2", "2"),
)  # fmt: skip
_NOT_IN_FRIENDLY_CREDIT = {("0", "1"), ("0", "2"), ("1", "1"), ("1", "2")}


def collection() -> Data:
    """Which credit pays which charge, in prepayment; the only pattern that a public message shows."""
    return array(
        *(
            structure(
                octet_string(obis(f"0-0:19.10.{credit}.255")),
                octet_string(obis(f"0-0:19.20.{charge}.255")),
                bit_string("110" if (credit, charge) in _NOT_IN_FRIENDLY_CREDIT else "111"),
            )
            for credit, charge in _PAIRS
        )
    )


def to_prepayment() -> Request:
    """ECS03, at once, with a disablement threshold of nought."""
    now = octet_string(NOW.encode())
    mode = structure(enum(2), enum(1))
    return dlms("ECS03", mode, int32(0), collection(), now, now, title="Change to prepayment mode")


def balance(esme: Target, title: str) -> int:
    """The meter balance in millipence."""
    return int(esme.ask(dlms("ECS82", title=title)).data[0].value)


@pytest.mark.use_case("ECS03")
def test_prepayment_mode(esme: Target) -> None:
    """The meter changes to prepayment mode at once."""
    esme.ask(to_prepayment())
    reply = esme.ask(dlms("ECS26j", title="Read payment mode"))
    reply.expect("payment mode", 2, reply.data[0].value[0].value)


@pytest.mark.use_case("CS01a")
def test_top_up(esme: Target) -> None:
    """A token of ten pounds raises the balance by ten pounds, less what is consumed meanwhile."""
    before = balance(esme, "Read balance")
    esme.ask(electricity_top_up(esme.head_end, pounds=10))
    after = esme.ask(dlms("ECS82", title="Read balance after the top-up"))
    paid = int(after.data[0].value) - before
    after.within("rise of the balance", 10 * MILLIPENCE_PER_POUND, paid, 1000, "millipence")


@pytest.mark.use_case("CS01a")
def test_token_is_taken_once(esme: Target) -> None:
    """The same token in a new command is refused, and the balance stays."""
    esme.ask(electricity_top_up(esme.head_end, pounds=5))
    before = balance(esme, "Read balance")
    again = esme.ask(repeated(esme.head_end, esme.eui64), success=False)
    again.that("result", "a failure", again.results, good=again.results[0] != 0)
    after = esme.ask(dlms("ECS82", title="Read balance after the repeated token"))
    after.within("rise of the balance", 0, int(after.data[0].value) - before, 1000, "millipence")
