"""A gas meter: registers, configuration, identity, logs, settings, clock, valve."""

from __future__ import annotations

import pytest

from bench.clock_setting import set_clock
from bench.home import Home
from bench.requests import Period, gbz
from bench.security_log import check_times
from bench.target import Reply, Target
from protocols.instant import HALF_HOUR, HOUR

BASIC, PRICE, METERING, PREPAYMENT, EVENTS = 0x0000, 0x0700, 0x0702, 0x0705, 0x0709
CLOSED, ARMED, OPEN = 0, 1, 2
BILL_TO_DATE = 0x0A00
POUND = 100_000
GENERAL_LOG = 0x13
"""The gas meter's own event log, with all that belongs to each entry."""


def litres(reply: Reply) -> int:
    """The import register in litres."""
    value = reply.attribute(METERING, 0x0000)
    multiplier, divisor = reply.attribute(METERING, 0x0301), reply.attribute(METERING, 0x0302)
    return int(value) * int(multiplier) * 1000 // int(divisor)


@pytest.mark.use_case("GCS13a")
def test_register_follows_the_flow(home: Home, gsme: Target) -> None:
    """Two hours of a known flow raise the register by what independent arithmetic says."""
    home.pass_to(HALF_HOUR)
    before = litres(gsme.ask(gbz("GCS13a", title="Read register")))
    began = gsme.now
    home.pass_time(2 * HOUR - 1)
    reply = gsme.ask(gbz("GCS13a", title="Read register two hours later"))
    expected = gsme.section.load.litres_between(began, gsme.now)
    reply.within("gas metered since", expected, litres(reply) - before, 1, "l")


@pytest.mark.use_case("GCS33")
def test_valve_is_open(gsme: Target) -> None:
    """A meter in good order supplies."""
    valve_state(gsme, OPEN)


@pytest.mark.use_case("GCS38")
def test_firmware_version(gsme: Target) -> None:
    """The meter runs the firmware that the rig says."""
    reply = gsme.ask(gbz("GCS38", title="Read firmware version"))
    found = reply.attribute(METERING, 0x0206).hex().upper()
    reply.expect("firmware version", gsme.firmware or found, found)


@pytest.mark.use_case("GCS21m")
def test_identity(gsme: Target) -> None:
    """Manufacturer, model and the states for tamper and depletion can be read."""
    reply = gsme.ask(gbz("GCS21m", title="Read identity, type and states"))
    for attribute in (0x0607, 0x0608):
        state = reply.attribute(METERING, attribute)
        reply.that(f"state {attribute:04X}", "00 (locked) or 03 (unchanged)", f"{state:02X}", good=state in (0, 3))


@pytest.mark.use_case("GCS21j")
def test_payment_mode(gsme: Target) -> None:
    """The payment mode is one of the five allowed values."""
    reply = gsme.ask(gbz("GCS21j", title="Read payment mode"))
    mode = reply.attribute(PREPAYMENT, 0x0000)
    allowed = (0x0C94, 0x0497, 0x0097, 0x0C97, 0x0897)
    reply.that("payment mode", " ".join(f"{m:04X}" for m in allowed), f"{mode:04X}", good=mode in allowed)


@pytest.mark.use_case("GCS41")
def test_mprn(gsme: Target) -> None:
    """The MPRN that is written is read back."""
    gsme.ask(gbz("GCS41", {"site_id": b"1234567890"}, title="Write MPRN"))
    reply = gsme.ask(gbz("GCS46", title="Read MPRN back"))
    reply.expect("MPRN", b"1234567890", reply.attribute(METERING, 0x0307))


@pytest.mark.use_case("GCS44")
def test_supplier_contact_details(gsme: Target) -> None:
    """The supplier's name and telephone number can be set."""
    details = {"proposed_provider_name": b"Meterbench Ltd", "proposed_provider_contact_details": b"0800 123 4567"}
    gsme.ask(gbz("GCS44", details, title="Set supplier contact details"))


@pytest.mark.use_case("GCS28")
def test_clock_is_set(gsme: Target) -> None:
    """Inside the interval of the command the meter takes the hub's time, which is reliable."""
    reply = gsme.ask(set_clock(gsme.type, gsme.now - 10, gsme.now + 20, "Set the clock"))
    reply.within("time of the meter", gsme.now, reply.value.now, 10, "s")
    reply.expect("status of the clock", 0, int(reply.value.status))


@pytest.mark.use_case("GCS40c")
def test_adjustment_lowers_the_bill(gsme: Target) -> None:
    """In credit mode an adjustment in the consumer's favour lowers the bill, as it would raise a balance."""
    gsme.ask(gbz("GCS40c", {"credit_adjustment_value": -10 * POUND}, title="Adjust the bill by £10 more to pay"))
    before = bill(gsme, "Read bill")
    gsme.ask(gbz("GCS40c", {"credit_adjustment_value": 3 * POUND}, title="Adjust the bill by £3 less to pay"))
    reply = gsme.ask(gbz("GCS60", title="Read bill after the adjustment"))
    reply.within("change of the bill", -3 * POUND, int(reply.attribute(METERING, BILL_TO_DATE)) - before, 1000)
    gsme.ask(gbz("GCS40c", {"credit_adjustment_value": 7 * POUND}, title="Adjust the bill back"))


def bill(gsme: Target, title: str) -> int:
    """The bill to date, in 10^-5 pounds."""
    return int(gsme.ask(gbz("GCS60", title=title)).attribute(METERING, BILL_TO_DATE))


@pytest.mark.use_case("CS10a")
def test_event_log(gsme: Target) -> None:
    """The event log can be read, or is said to be empty."""
    log(gsme, "CS10a", GENERAL_LOG, "Read event log")


@pytest.mark.use_case("CS10b")
def test_security_log(gsme: Target) -> None:
    """The security log can be read, or is said to be empty."""
    log(gsme, "CS10b", 4, "Read security log")


def log(gsme: Target, name: str, number: int, title: str) -> None:
    """Read a log of the last day; its entries lie in it. An empty one is answered with status 8B, not found."""
    period = Period(gsme.now - 86400, gsme.now)
    fields = {"event_control_and_log_id": number, "start_time": period.start, "end_time": period.end}
    reply = gsme.ask(gbz(name, fields, title=title), success=False)
    reply.that("status", "00 or 8B", reply.statuses, good=set(reply.statuses) <= {0x00, 0x8B})
    check_times(reply, period)


def valve_state(gsme: Target, expected: int) -> None:
    """Read the state of the valve and compare."""
    reply = gsme.ask(gbz("GCS33", title="Read state of the valve"))
    reply.expect("state of the supply", expected, reply.attribute(METERING, 0x0014))


@pytest.mark.use_case("GCS32")
def test_valve_closes_and_is_armed(gsme: Target) -> None:
    """The valve closes when the supplier says so, and can be armed; it opens at the meter only."""
    reply = gsme.ask(gbz("GCS32", title="Close the valve"))
    after = reply.fields(METERING, 0x0C)
    reply.expect("state after the command", [CLOSED], [made["supply_status_after_implementation"] for made in after])
    valve_state(gsme, CLOSED)
    gsme.ask(gbz("GCS39", title="Arm the valve"))
    valve_state(gsme, ARMED)
