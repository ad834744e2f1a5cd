"""Prepayment at an electricity meter: mode, top-up by token, balance."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from bench.findings import DeviceFinding, afterwards
from bench.home import Home
from bench.prices import PENCE, one_price
from bench.requests import Request, dlms
from bench.target import Reply, Target
from bench.tokens import electricity_top_up, repeated
from protocols.dlms.cosem_time import NOW
from protocols.dlms.data import Data, array, bit_string, enum, int32, octet_string, structure, uint16
from protocols.dlms.obis import obis
from protocols.instant import DAY, HALF_HOUR, HOUR

POUND = MILLIPENCE_PER_POUND = 100_000
STANDING_CHARGE = 30 * PENCE
"""A day."""
MOST_DAYS = 6
SPENT = pytest.mark.requirement("SMETS2 5.5.8: a top-up pays accumulated debt before emergency credit")
PRICE = 24 * PENCE + 500
"""Of a kWh."""
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


class Account(NamedTuple):
    """What the meter holds, in millipence."""

    balance: int
    emergency: int
    accumulated: int


def account_reply(esme: Target, title: str) -> tuple[Reply, Account]:
    """Read the prepayment registers."""
    reply = esme.ask(dlms("ECS19", title=title))
    amounts = [member.value for member in reply.data[0].value[0].value]
    return reply, Account(*amounts[:3])


def account(esme: Target, title: str) -> Account:
    """The amounts alone."""
    return account_reply(esme, title)[1]


def emergency_credit(limit: int, threshold: int) -> Request:
    """ECS08a, at once: emergency credit, nothing else that is special, and high limits."""
    now = octet_string(NOW.encode())
    most = (int32(1000 * POUND), int32(1000 * POUND))
    cap = (uint16(1000), int32(7 * DAY))
    amounts = (int32(0), int32(limit), now, int32(threshold))
    return dlms("ECS08a", array(), *most, array(), *cap, *amounts, *[now] * 8, title="Set emergency credit")


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


@pytest.mark.use_case("ECS01b")
def test_price_is_charged(home: Home, esme: Target) -> None:
    """A price that is set is read back, and two hours of a known load take from the balance what they come to."""
    matrix = esme.ask(dlms("ECS24", title="Read tariff")).data[16].value[2].value
    esme.ask(one_price(PRICE, 0, [cell.value[0].value for cell in matrix]))
    reply = esme.ask(dlms("ECS24", title="Read tariff back"))
    cells = {cell.value[1].value for cell in reply.data[16].value[2].value}
    reply.expect("prices in the matrix", {PRICE}, cells)
    esme.ask(dlms("ECS42", title="Close the load switch, which the lack of credit may have opened"))
    home.pass_to(HALF_HOUR)
    before, began = balance(esme, "Read balance"), esme.now
    home.pass_time(2 * HOUR - 1)
    after = esme.ask(dlms("ECS82", title="Read balance two hours later"))
    cost = esme.section.load.watt_hours_between(began, esme.now) * PRICE // 1000
    after.within("taken from the balance", cost, before - int(after.data[0].value), 100, "millipence")


@pytest.mark.use_case("ECS43")
def test_nothing_flows_while_the_load_switch_is_open(home: Home, esme: Target) -> None:
    """An hour and a half without supply adds nothing to the register, and costs nothing."""
    esme.ask(dlms("ECS43", title="Open the load switch"))
    first = esme.ask(dlms("ECS17b", title="Read import registers")).data[0].value[0].value[0].value
    before = balance(esme, "Read balance")
    home.pass_time(3 * HALF_HOUR)
    reply = esme.ask(dlms("ECS17b", title="Read import registers an hour and a half later"))
    reply.expect("energy imported since", 0, reply.data[0].value[0].value[0].value - first)
    after = esme.ask(dlms("ECS82", title="Read balance"))
    after.expect("taken from the balance", 0, before - int(after.data[0].value))
    esme.ask(dlms("ECS42", title="Close the load switch"))


@pytest.mark.use_case("CS01a")
def test_token_is_taken_once(esme: Target) -> None:
    """The same token in a new command is refused, and the balance stays."""
    esme.ask(electricity_top_up(esme.head_end, pounds=5))
    before = balance(esme, "Read balance")
    again = esme.ask(repeated(esme.head_end, esme.eui64), success=False)
    again.that("result", "a failure", again.results, good=again.results[0] != 0)
    after = esme.ask(dlms("ECS82", title="Read balance after the repeated token"))
    after.within("rise of the balance", 0, int(after.data[0].value) - before, 1000, "millipence")


@SPENT
@pytest.mark.use_case("ECS19")
def test_top_up_pays_accumulated_debt_first(home: Home, esme: Target) -> None:
    """Emergency credit is used up and charges pile up while there is no supply: a top-up pays these before that."""
    keys = [cell.value[0].value for cell in esme.ask(dlms("ECS24", title="Read tariff")).data[16].value[2].value]
    esme.ask(one_price(PRICE, STANDING_CHARGE, keys))
    esme.ask(emergency_credit(2 * POUND, 1 * POUND))
    with afterwards(lambda: back_to_plenty(esme, keys)):
        left = balance(esme, "Read balance")
        esme.ask(dlms("ECS04a", int32(POUND // 2 - left), title="Adjust the balance to 50 p"))
        esme.ask(dlms("ECS09", title="Activate emergency credit"))
        before = in_need(home, esme)
        esme.ask(electricity_top_up(esme.head_end, pounds=1))
        reply, after = account_reply(esme, "Read balances after a top-up of £1")
        reply.expect("accumulated debt, millipence", max(0, before.accumulated - POUND), after.accumulated)
        repaid = max(0, POUND - before.accumulated - max(0, -before.balance))
        reply.within("emergency credit, which the rest repays", before.emergency + repaid, after.emergency, 10)


def in_need(home: Home, esme: Target) -> Account:
    """Let days pass until emergency credit is used up and charges have piled up."""
    for _ in range(MOST_DAYS):
        home.pass_to(DAY)
        home.pass_time(HOUR)
        found = account(esme, "Read balances a day later")
        if found.accumulated > STANDING_CHARGE and found.emergency <= 0:
            return found
    raise DeviceFinding(f"after {MOST_DAYS} days without money: expected debt and no emergency credit, found {found}")


def back_to_plenty(esme: Target, keys: list[bytes]) -> None:
    """Money enough for all tests that follow, and supply."""
    esme.ask(electricity_top_up(esme.head_end, pounds=40))
    esme.ask(one_price(PRICE, 0, keys))
    esme.ask(dlms("ECS42", title="Close the load switch"))
