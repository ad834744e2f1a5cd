"""Controllers of loads: the load switch of the home obeys the electricity meter, the stand-alone one the head end."""

from __future__ import annotations

import pytest

from bench.controllers import limit, set_state
from bench.home import Home
from bench.requests import Period, asn1, dlms
from bench.target import Target
from protocols.gbcs.asn1_device import ReadDeviceLogCommand
from protocols.gbcs.roles import DeviceType
from protocols.instant import HALF_HOUR, HOUR

RELAY, FIRST = "relay", "auxiliary controller 1"
LIMITED, LIMIT_ENDED, NOT_SUPPORTED = 0x8F86, 0x8F87, 0x8F85


@pytest.mark.use_case("CS07")
def test_load_switch_is_joined_to_the_meter(esme: Target, hcalcs: Target) -> None:
    """The load switch lists the electricity meter."""
    reply = hcalcs.ask(asn1("CS07", ReadDeviceLogCommand(), title="Read device log of the load switch"))
    listed = {entry.device: entry.device_type for entry in reply.value.entries or ()}
    reply.expect("meter in the log", DeviceType.ESME, listed.get(esme.eui64))


@pytest.mark.use_case("ECS47a")
def test_load_switch_obeys_the_meter(home: Home, esme: Target, hcalcs: Target) -> None:
    """While the meter's controller is on by command the relay is closed; it opens when the time is over."""
    number = controller_of(esme, hcalcs)
    period = Period(esme.now, esme.now + HALF_HOUR)
    reply = esme.ask(set_state(number, 100, period, "Switch the load on for half an hour"))
    reply.expect("relay", 100, hcalcs.level(RELAY))
    home.pass_time(HALF_HOUR // 2)
    esme.observe("ECS47a", "The relay after a quarter of an hour").expect("relay", 100, hcalcs.level(RELAY))
    home.pass_time(HALF_HOUR // 2 + 60)
    hcalcs.observe("ECS47a", "The relay when the time is over").expect("relay", 0, hcalcs.level(RELAY))


@pytest.mark.use_case("HECS01")
def test_load_switch_opens_when_the_meter_falls_silent(home: Home, esme: Target, hcalcs: Target) -> None:
    """What the meter switched on for an hour ends with that hour, though the meter cannot say so any more."""
    number = controller_of(esme, hcalcs)
    esme.ask(set_state(number, 100, Period(esme.now, esme.now + HOUR), "Switch the load on for an hour"))
    hcalcs.observe("HECS01", "The relay while the meter speaks").expect("relay", 100, hcalcs.level(RELAY))
    with esme.silent():
        home.pass_time(2 * HOUR)
        hcalcs.observe("HECS01", "The relay, the meter silent for two hours").expect("relay", 0, hcalcs.level(RELAY))


def controller_of(esme: Target, hcalcs: Target) -> int:
    """Which of the meter's controllers the load switch is."""
    for number in range(1, 6):
        if esme.section.auxiliary[number - 1 : number] and hcalcs.eui64.hex() == plain(
            esme.section.auxiliary[number - 1]
        ):
            return number
    pytest.skip("the rig does not say that the meter controls the load switch")


def plain(identifier: str) -> str:
    """An EUI-64 in plain digits."""
    return identifier.replace("-", "").lower()


@pytest.mark.use_case("ECS52")
def test_firmware_version(sapc: Target) -> None:
    """The controller runs the firmware that the rig says."""
    reply = sapc.ask(dlms("ECS52", title="Read firmware version"))
    found = reply.data[0].value.hex().upper()
    reply.expect("firmware version", sapc.firmware or found, found)


@pytest.mark.use_case("ECS47e")
def test_limit_holds_for_its_time(home: Home, sapc: Target) -> None:
    """A state is set, a limit takes it down for a while, and both end when their time is over; all is reported."""
    now = sapc.now
    sapc.ask(set_state(1, 80, Period(now, now + HOUR), "Set controller 1 to 80 % for an hour"))
    sapc.observe("ECS47a", "Level of the controller").expect("level", 80, sapc.level(FIRST))
    before = len(sapc.alerts)
    reply = sapc.ask(
        limit(1, 30, Period(sapc.now, sapc.now + HALF_HOUR), "Limit controller 1 to 30 % for half an hour")
    )
    codes = [alert.code for alert in sapc.alerts[before:]]
    reply.that("alert", "8F86 limited", hexadecimal(codes), good=LIMITED in codes)
    reply.expect("level", 30, sapc.level(FIRST))
    home.pass_time(HALF_HOUR + 60)
    reply = sapc.ask(dlms("ECS35a", period=Period(now, sapc.now + 1), title="Read event log after the limit"))
    codes = [alert.code for alert in sapc.alerts[before:]]
    reply.that("alert", "8F87 limit ended", hexadecimal(codes), good=LIMIT_ENDED in codes)
    reply.expect("level", 80, sapc.level(FIRST))
    home.pass_time(HALF_HOUR)
    sapc.observe("ECS47a", "Level when the hour is over").expect("level", 0, sapc.level(FIRST))


@pytest.mark.use_case("ECS47a")
def test_period_of_more_than_a_day_is_refused(sapc: Target) -> None:
    """A controller is set for 24 hours at most; a longer period is answered with a failure and changes nothing."""
    before, now = sapc.level(FIRST), sapc.now
    title = "Set controller 1 to 60 % for 25 hours"
    reply = sapc.ask(set_state(1, 60, Period(now, now + 25 * HOUR), title), success=False)
    reply.that("results", "a failure", reply.results, good=any(reply.results))
    reply.expect("level", before, sapc.level(FIRST))


@pytest.mark.use_case("ECS100")
def test_command_that_is_not_supported_is_reported(sapc: Target) -> None:
    """A meter's command is not answered by a controller, and the sender is told."""
    sapc.refuses(sapc.command(dlms("ECS17b")), NOT_SUPPORTED, "A command that this kind of device does not know")


def hexadecimal(codes: list[int]) -> str:
    """Alert codes as people write them."""
    return " ".join(f"{code:04X}" for code in codes) or "none"
