"""Displays of the home: what they show is what the meters say, and what is pressed at them happens at the meters."""

from __future__ import annotations

import re

import pytest

from bench.home import Home
from bench.requests import asn1, dlms, gbz
from bench.target import Target
from bench.tokens import SUPPLIER, token
from protocols.gbcs.asn1_device import ReadDeviceLogCommand
from protocols.gbcs.roles import DeviceType
from protocols.instant import HALF_HOUR, HOUR

PREPAYMENT = 0x0705
MILLIPENCE_PER_POUND = 100_000


def pounds(text: str) -> int:
    """An amount on a display in pence; a text that is none is 0."""
    found = re.fullmatch(r"(-?)£(\d+)\.(\d\d)", text)
    return 0 if found is None else int(found[1] + found[2] + found[3])


def kilowatt_hours(text: str) -> int:
    """An amount of energy on a display in Wh; a text that is none is -1."""
    found = re.fullmatch(r"(\d+)\.(\d{3}) kWh", text)
    return -1 if found is None else int(found[1] + found[2])


@pytest.mark.use_case("CS07")
def test_display_is_joined_to_both_meters(esme: Target, gsme: Target, ppmid: Target) -> None:
    """The prepayment display lists the meters."""
    reply = ppmid.ask(asn1("CS07", ReadDeviceLogCommand(), title="Read device log of the display"))
    listed = {entry.device: entry.device_type for entry in reply.value.entries or ()}
    reply.expect("electricity meter in the log", DeviceType.ESME, listed.get(esme.eui64))
    reply.expect("gas meter in the log", DeviceType.GSME, listed.get(gsme.eui64))


@pytest.mark.parametrize("name", ["ppmid", "ihd"])
def test_display_shows_what_the_electricity_meter_says(
    request: pytest.FixtureRequest, home: Home, esme: Target, name: str
) -> None:
    """Register, balance and supply on the display are those of the meter at the same time."""
    display: Target = request.getfixturevalue(name)
    home.pass_to(HALF_HOUR)
    balance = esme.ask(dlms("ECS82", title=f"Read balance, to compare it with the {display.name}"))
    shown = pounds(display.shown("electricity balance"))
    balance.expect("balance on the display, in pence", int(balance.data[0].value / 1000), shown)
    register = esme.ask(dlms("ECS17b", title=f"Read import register, to compare it with the {display.name}"))
    found = kilowatt_hours(display.shown("electricity import"))
    register.within("import on the display", int(register.data[0].value[0].value[0].value), found, 1, "Wh")
    register.expect("supply on the display", "on", display.shown("electricity supply"))


def test_in_home_display_shows_price_and_cost(home: Home, esme: Target, ihd: Target) -> None:
    """Price and cost of the day on the in-home display are what meter and load make them."""
    prices = (
        esme.ask(dlms("ECS24", title="Read tariff, to compare it with the in-home display")).data[16].value[2].value
    )
    price = max(cell.value[1].value for cell in prices)
    home.pass_to(HALF_HOUR)
    seen = ihd.observe("price", "Price and cost on the in-home display")
    seen.expect("price", f"{price / 1000:.3f} p/kWh", ihd.shown("electricity price"))
    before, began = pounds(ihd.shown("electricity cost today")), ihd.now
    home.pass_time(2 * HOUR - 1)
    seen = ihd.observe("cost", "Cost of the day two hours later")
    cost = esme.section.load.watt_hours_between(began, ihd.now) * price // 1_000_000
    seen.within("rise of the cost", cost, pounds(ihd.shown("electricity cost today")) - before, 1, "pence")


@pytest.mark.use_case("PECS01")
def test_electricity_token_is_taken_at_the_display(esme: Target, ppmid: Target) -> None:
    """A token that the consumer enters at the prepayment display raises the balance of the electricity meter."""
    before = esme.ask(dlms("ECS82", title="Read balance")).data[0].value
    ppmid.press(f"top up electricity {digits(esme, 5)}")
    result = ppmid.shown("electricity top up")
    after = esme.ask(dlms("ECS82", title="Read balance after a top-up of £5 at the display"))
    after.that("display", "accepted", result, good=result.startswith("accepted"))
    after.within("rise of the balance", 5 * MILLIPENCE_PER_POUND, after.data[0].value - before, 1000, "millipence")


@pytest.mark.use_case("PCS01")
def test_gas_token_is_taken_at_the_display(home: Home, gsme: Target, ppmid: Target) -> None:
    """A token for the gas meter waits at the hub until the meter wakes, and is taken then."""
    before = gas_balance(gsme, "Read balance")
    ppmid.press(f"top up gas {digits(gsme, 5)}")
    seen = ppmid.observe("PCS01", "A gas top-up waits for the meter to wake")
    seen.expect("display", "waiting", ppmid.shown("gas top up"))
    home.pass_time(HALF_HOUR)
    seen = ppmid.observe("PCS01", "The gas top-up when the meter has woken")
    result = ppmid.shown("gas top up")
    seen.that("display", "accepted", result, good=result.startswith("accepted"))
    rise = gas_balance(gsme, "Read balance after a top-up of £5 at the display") - before
    gsme.observe("PCS01", "Balance of the gas meter").within("rise", 5 * MILLIPENCE_PER_POUND, rise, 1000)


def gas_balance(gsme: Target, title: str) -> int:
    """The meter balance in 10^-5 pounds."""
    return int(gsme.ask(gbz("GCS60", title=title)).attribute(PREPAYMENT, 0x0001))


def digits(meter: Target, amount: int) -> str:
    """A new token for a meter."""
    counter = meter.head_end.next_counter(SUPPLIER, top_up=True, party=meter.head_end.holder(SUPPLIER, meter.eui64))
    return token(meter.head_end, meter.eui64, counter, amount).decode()
