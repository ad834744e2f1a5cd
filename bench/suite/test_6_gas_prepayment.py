"""Prepayment at a gas meter: mode, top-up by token, balance."""

from __future__ import annotations

import pytest

from bench.requests import gbz
from bench.target import Reply, Target
from bench.tokens import gas_top_up, repeated

PREPAYMENT = 0x0705
UNITS_PER_POUND = 100_000
ACCEPTED, DUPLICATE = (0x00, 0x10, 0x11, 0x12), 0x02
SUSPEND_BOTH = 0x0497


def balance(reply: Reply) -> int:
    """The meter balance in prepayment mode, in 10^-5 pounds."""
    return int(reply.attribute(PREPAYMENT, 0x0001))


@pytest.mark.use_case("GCS03")
def test_prepayment_mode(gsme: Target) -> None:
    """The meter changes to prepayment mode at once."""
    fields = {"implementation_date_time": 0, "proposed_payment_control_configuration": SUSPEND_BOTH, "cut_off_value": 0}
    gsme.ask(gbz("GCS03", fields, title="Change to prepayment mode"))
    reply = gsme.ask(gbz("GCS21j", title="Read payment mode"))
    reply.expect("payment mode", f"{SUSPEND_BOTH:04X}", f"{reply.attribute(PREPAYMENT, 0x0000):04X}")


@pytest.mark.use_case("CS01b")
def test_top_up(gsme: Target) -> None:
    """A token of ten pounds raises the balance by ten pounds, less what is consumed meanwhile."""
    before = balance(gsme.ask(gbz("GCS60", title="Read balance")))
    reply = gsme.ask(gas_top_up(gsme.head_end, pounds=10))
    results = [made["result_type"] for made in reply.fields(PREPAYMENT, 0x03)]
    reply.that("result of the top-up", "accepted", results, good=len(results) == 1 and results[0] in ACCEPTED)
    after = gsme.ask(gbz("GCS60", title="Read balance after the top-up"))
    after.within("rise of the balance", 10 * UNITS_PER_POUND, balance(after) - before, 1000)


@pytest.mark.use_case("CS01b")
def test_token_is_taken_once(gsme: Target) -> None:
    """The same token in a new command is refused as a duplicate."""
    gsme.ask(gas_top_up(gsme.head_end, pounds=5))
    again = gsme.ask(repeated(gsme.head_end, gsme.eui64), success=False)
    again.expect("result of the top-up", [DUPLICATE], [made["result_type"] for made in again.fields(PREPAYMENT, 0x03)])
