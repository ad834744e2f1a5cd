"""The gas proxy: it answers for the gas meter, which sleeps, and what it says agrees with the meter."""

from __future__ import annotations

import pytest

from bench.arrivals import answers
from bench.findings import only
from bench.home import Home
from bench.requests import Request, gbz
from bench.target import Target
from protocols.instant import DAY, HALF_HOUR, HOUR, Instant

METERING, PREPAYMENT = 0x0702, 0x0705
SAMPLES, SNAPSHOT = 0x07, 0x06
OPEN = 2


@pytest.mark.use_case("GCS39")
def test_consumer_opens_the_armed_valve(gsme: Target) -> None:
    """The valve that the supplier arms opens when the consumer says so at the meter."""
    gsme.ask(gbz("GCS32", title="Close the valve"))
    gsme.ask(gbz("GCS39", title="Arm the valve"))
    gsme.press("open valve")
    reply = gsme.ask(gbz("GCS33", title="Read state of the valve"))
    reply.expect("state of the supply", OPEN, reply.attribute(METERING, 0x0014))


@pytest.mark.parametrize(
    ("name", "title", "attributes"),
    [
        ("GCS13a", "register", [(METERING, each) for each in (0x0000, 0x0301, 0x0302)]),
        ("GCS33", "state of the valve", [(METERING, 0x0014)]),
        ("GCS60", "balance", [(METERING, 0x0A00), (PREPAYMENT, 0x0001)]),
        ("GCS21j", "payment mode", [(PREPAYMENT, 0x0000)]),
    ],
)
def test_mirror(
    home: Home, gsme: Target, gpf: Target, name: str, title: str, attributes: list[tuple[int, int]]
) -> None:
    """What the proxy has taken over from the meter, at its last wake, is what the meter says at that moment."""
    home.pass_time(2 * HOUR)
    home.pass_to(HALF_HOUR)
    meter = gsme.ask(gbz(name, title=f"Read {title} of the meter when it wakes"))
    proxy = gpf.ask(gbz(name, title=f"Read {title} of the proxy"))
    for cluster, attribute in attributes:
        expected, found = (reply.attribute(cluster, attribute) for reply in (meter, proxy))
        proxy.expect(f"attribute {cluster:04X}/{attribute:04X}", expected, found)


@pytest.mark.use_case("GCS17")
def test_profile_log(home: Home, gsme: Target, gpf: Target) -> None:
    """The half-hours of the last two hours hold what flowed in them."""
    home.pass_time(2 * HOUR)
    home.pass_to(HALF_HOUR)
    start = gpf.now + 1 - 2 * HOUR
    reply = gpf.ask(samples("GCS17", start, 4, "Read profile log"))
    log = only(reply.fields(METERING, SAMPLES), "logs")
    reply.expect("first half-hour", start, log["sample_start_time"])
    reply.expect("half-hours", 4, len(log["samples"]))
    for number, amount in enumerate(log["samples"]):
        at = start + number * HALF_HOUR
        expected = gsme.section.load.litres_between(at, at + HALF_HOUR)
        reply.within("gas of a half-hour", expected, amount, 1, "l")


@pytest.mark.use_case("GCS16a")
def test_daily_read_log(home: Home, gsme: Target, gpf: Target) -> None:
    """The proxy's last daily reading is the register of the gas meter at midnight."""
    home.pass_to(DAY)
    meter = gsme.ask(gbz("GCS13a", title="Read register of the meter at midnight"))
    home.pass_time(HALF_HOUR)
    reply = gpf.ask(daily_reads(gpf.now, "Read daily read log"), success=False)
    reply.that("statuses", "00 or 8B", reply.statuses, good=set(reply.statuses) <= {0x00, 0x8B})
    readings = {made["snapshot_time"]: made["current_summation_delivered"] for made in reply.fields(METERING, SNAPSHOT)}
    reply.expect("reading at midnight", meter.attribute(METERING, 0x0000), readings.get(gpf.now // DAY * DAY))


@pytest.mark.use_case("GCS61")
def test_daily_consumption_log(home: Home, gsme: Target, gpf: Target) -> None:
    """A day after its midnight the daily consumption log holds what a whole day of the known load comes to."""
    home.pass_to(DAY)
    home.pass_time(HALF_HOUR)
    day = gpf.now // DAY * DAY - DAY
    reply = gpf.ask(samples("GCS61", day, 1, "Read daily consumption log"))
    log = only(reply.fields(METERING, SAMPLES), "logs")
    reply.expect("day", day, log["sample_start_time"])
    amount = only(log["samples"], "samples")
    reply.within("gas of the day", gsme.section.load.litres_between(day, day + DAY), amount, 1, "l")


@pytest.mark.use_case("CCS06")
def test_command_waits_at_the_hub_through_an_outage(home: Home, chf: Target, gsme: Target) -> None:
    """A command for the sleeping gas meter waits at the hub, which loses its supply; the meter answers on waking."""
    home.pass_to(HALF_HOUR)
    home.pass_time(60)
    command = gsme.command(gbz("GCS13a", title="Read register of the meter through the hub"))
    chf.pass_on(command)
    with chf.silent():
        home.pass_time(120)
    seen, answer = chf.listen(
        "GCS13a", "The answer of the gas meter, by way of the hub", lambda each: answers(each, command), HOUR
    )
    seen.that("answer", "a response", "a response" if answer else "none", good=answer is not None)


def samples(name: str, start: Instant, number: int, title: str) -> Request:
    """So many samples of a log from a time on."""
    return gbz(name, {"earliest_sample_time": start, "number_of_samples": number}, title=title)


def daily_reads(now: Instant, title: str) -> Request:
    """All readings of a day that there are; where there is none the answer says so (8B)."""
    period = {"earliest_start_time": 0, "latest_end_time": now}
    return gbz("GCS16a", *[period] * 31, title=title)
