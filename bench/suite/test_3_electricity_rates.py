"""Time-of-use rates of an electricity meter: each unit is booked on the register of the rate in force, by UTC."""

from __future__ import annotations

import pytest

from bench.home import Home
from bench.requests import dlms
from bench.rows import rows
from bench.target import Reply, Target
from bench.tariffs import HIGH, LOW, two_rates
from protocols.instant import DAY, HALF_HOUR, HOUR

PRICES = (12_000, 30_000)
UTC = pytest.mark.requirement("GBCS: devices keep UTC; rates are switched by it, in summer too")


def rates(esme: Target, title: str) -> tuple[Reply, dict[int, int]]:
    """Read the time-of-use registers: Wh by number."""
    reply = esme.ask(dlms("ECS17d", title=title))
    return reply, dict(enumerate((row[0] for row in rows(reply.data[0].value[0].value[0])), 1))


@UTC
@pytest.mark.use_case("ECS01a")
def test_rates_are_switched_in_utc(home: Home, esme: Target) -> None:
    """Up to the switch everything is booked on the low rate, from then on, delayed at most, on the high one."""
    if esme.now % DAY > DAY - 4 * HOUR:
        home.pass_to(DAY)
    matrix = esme.ask(dlms("ECS24", title="Read tariff")).data[16].value[2].value
    reply = esme.ask(dlms("ECS26c", title="Read randomised offset"))
    offset = int(reply.data[0].value)
    reply.that("randomised offset", "half an hour at most", offset, good=0 <= offset <= HALF_HOUR)
    switch = (esme.now // HOUR + 2) * HOUR
    esme.ask(two_rates(switch % DAY, PRICES, [cell.value[0].value for cell in matrix]))
    _, before = rates(esme, "Read time-of-use registers under the new tariff")
    began = esme.now
    home.pass_time(switch - esme.now - 60)
    reply, found = rates(esme, "Read time-of-use registers a minute before the switch")
    used = esme.section.load.watt_hours_between(began, esme.now)
    reply.within("booked on the low rate", used, found[LOW] - before[LOW], 2, "Wh")
    reply.expect("booked on the high rate", 0, found[HIGH] - before[HIGH])
    home.pass_time(switch + HOUR + offset - esme.now)
    reply, found = rates(esme, "Read time-of-use registers an hour after the switch")
    used = esme.section.load.watt_hours_between(switch + offset, esme.now)
    reply.within("booked on the high rate", used, found[HIGH] - before[HIGH], 2, "Wh")
