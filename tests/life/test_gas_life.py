"""Gas in a home: the meter sleeps, commands wait at the hub, the proxy answers, the consumer opens the valve."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from bench.answers import Answer
from bench.requests import Request, gbz, use_case
from bench.tokens import gas_top_up, repeated
from firmware_emu import MemoryNvm
from firmware_emu.load_model import Household
from firmware_emu.outputs import SwitchMoved
from protocols.dlms.cosem_time import CosemDateTime
from protocols.gbcs.gbz import Component, GbzPayload
from protocols.instant import DAY, HALF_HOUR, HOUR, Instant, to_datetime
from protocols.zigbee.smart_energy_calendar import ScheduleEntry

from ..firmware_emu.gas_rig import calendar, prices, tariff_information
from .world import CHF, GAS, HUB, POUND, PROXY, START, House, Steady

METERING, PRICE, PREPAYMENT = 0x0702, 0x0700, 0x0705
CLOSED, ARMED, OPEN = 0, 1, 2
NEVER_FETCHED, CARRIED_OUT = 0x819D, 0x8F66
OPEN_KEY, LEAK = "open valve", "uncontrolled flow"
HOME = Household(seed=5)
CALORIFIC, FACTOR = 394, 102_264
"""39.4 MJ/m3 and 1.02264."""
WORKDAY, WEEKEND = 6_543, 4_321
STANDING = 27_272


def wait(house: House, request: Request, *, success: bool = True) -> Answer:
    """Send a command to the gas meter and let time pass until it has answered."""
    command = house.command(request, GAS)
    assert house.send(command.octets) == []
    return house.wait_for(command, HALF_HOUR, success=success)


def mirrored(house: House, request: Request, since: Instant | None = None) -> Answer:
    """Ask the proxy, whose answers carry the time of the meter's last wake."""
    house.clock_error = (house.now - house.now % HALF_HOUR if since is None else since) - house.now
    try:
        return house.ask(request, PROXY)
    finally:
        house.clock_error = 0


def total(answer: Answer) -> int:
    """The import register in litres."""
    found: int = answer.attribute(METERING, 0x0000)
    return found


def used(start: Instant, end: Instant, home: Any = HOME) -> int:
    """Litres from one half-hour to another."""
    return sum(home.day(at // DAY).gas[at % DAY // HALF_HOUR] for at in range(start, end, HALF_HOUR))


def of_components(name: str, components: list[Component]) -> Request:
    """A request of components that are ready, numbered here."""
    numbered = [each._replace(frame=each.frame._replace(sequence=n)) for n, each in enumerate(components)]
    return Request(use_case(name), lambda _header: GbzPayload(tuple(numbered)).encode(), name)


def tariff() -> Request:
    """One price on workdays, another at weekends, and a standing charge."""
    days = calendar([(ScheduleEntry(0, 1),), (ScheduleEntry(0, 2),)], [1, 1, 1, 1, 1, 2, 2])
    cells = [WORKDAY, WEEKEND, 0, 0]
    return of_components("GCS01a", [*days, tariff_information(standing=STANDING), prices(cells)])


def conversion() -> Request:
    """GCS23."""
    return gbz("GCS23", {"conversion_factor": FACTOR}, {"calorific_value": CALORIFIC})


def worth(start: Instant, end: Instant, home: Any = HOME) -> Fraction:
    """The exact cost of gas in millipence: litres to cubic metres to kilowatt-hours, by the day's price."""
    sums = {WORKDAY: 0, WEEKEND: 0}
    for at in range(start, end, HALF_HOUR):
        weekend = to_datetime(at).isoweekday() > 5
        sums[WEEKEND if weekend else WORKDAY] += home.day(at // DAY).gas[at % DAY // HALF_HOUR]
    factor = Fraction(FACTOR, 100_000) * Fraction(CALORIFIC, 10) / Fraction(36, 10) / 1000
    return sum((price * litres * factor for price, litres in sums.items()), Fraction(0))


# sleeping


def test_commands_wait_and_the_proxy_answers_meanwhile() -> None:
    """At 10:10 three commands come; until 10:30 the proxy speaks for the meter, as of 10:00."""
    house = House(HOME)
    house.run(START + 10 * HOUR + 600)
    names = {"proposed_provider_name": b"Other Gas", "proposed_provider_contact_details": b"0800 1"}
    requests = [gbz("GCS44", names), gbz("GCS41", {"site_id": b"1234567890"}), gbz("GCS13a")]
    commands = [house.command(request, GAS) for request in requests]
    assert [house.send(command.octets) for command in commands] == [[], [], []]
    assert total(mirrored(house, gbz("GCS13a"))) == used(START, START + 10 * HOUR)
    house.run(START + 10 * HOUR + 1799)
    assert house.late == []
    house.run(START + 10 * HOUR + 1800)
    assert [message.counter for message in house.late] == [command.message.counter for command in commands]
    answers = [house.wait_for(command, 0) for command in commands]
    assert total(answers[2]) == used(START, START + 10 * HOUR + HALF_HOUR)
    assert total(mirrored(house, gbz("GCS13a"))) == used(START, START + 10 * HOUR + HALF_HOUR)
    house.run(START + 11 * HOUR)
    assert mirrored(house, gbz("GCS46")).attribute(METERING, 0x0307) == b"1234567890"


def test_the_proxy_tells_when_its_data_were_measured() -> None:
    """The header of a proxy's answer has the meter's time, marked as that of another clock."""
    house = House(HOME)
    house.run(START + 5 * HOUR + 1234)
    answer = mirrored(house, gbz("GCS13a"))
    assert answer.message is not None
    shown = CosemDateTime.decode(answer.message.date_time)
    assert shown.to_instant() == START + 5 * HOUR
    assert shown.status == 0x04


@pytest.mark.parametrize("killed", [False, True])
def test_what_nobody_fetches_is_dropped_after_a_day(killed: bool) -> None:
    """A meter without power: its command waits for 24 hours and no longer, also in a hub that was killed meanwhile."""
    house = House(HOME)
    house.run(START + HOUR + 60)
    meter = house.home.device(GAS)
    meter.power_off(house.now)
    command = house.command(gbz("GCS32"), GAS)
    house.send(command.octets)
    if killed:
        nvm = house.home.device(HUB).nvm
        assert isinstance(nvm, MemoryNvm)
        house.restarted(house.make(CHF, nvm=MemoryNvm(nvm.medium)))
    house.run(house.now + DAY - 1)
    assert NEVER_FETCHED not in house.since(0)
    house.run(house.now + 1)
    assert house.since(0).count(NEVER_FETCHED) == 1
    meter.power_on(house.now)
    house.run(house.now + HALF_HOUR)
    assert house.late == []
    second = house.command(gbz("GCS33"), GAS)
    house.send(second.octets)
    assert house.wait_for(second, HALF_HOUR).attribute(METERING, 0x0014) == OPEN


def test_a_command_that_waited_almost_a_day_is_carried_out() -> None:
    house = House(HOME)
    house.run(START + HOUR + 60)
    meter = house.home.device(GAS)
    meter.power_off(house.now)
    command = house.command(gbz("GCS32"), GAS)
    house.send(command.octets)
    house.run(house.now + DAY - 2 * HALF_HOUR)
    meter.power_on(house.now)
    answer = house.wait_for(command, HALF_HOUR)
    (made,) = answer.command_fields(METERING, 0x0C)
    assert made["supply_status_after_implementation"] == CLOSED


def test_the_proxy_asks_for_what_it_missed() -> None:
    """The hub is without power for nine hours; the meter is not. Nothing is missing afterwards."""
    house = House(HOME)
    house.run(START + DAY + 20 * HOUR + 600)
    house.switch_off()
    house.run(house.now + 9 * HOUR)
    house.switch_on()
    house.run(START + 3 * DAY + HOUR + 60)
    end = START + 3 * DAY + HOUR
    samples = {"earliest_sample_time": START, "number_of_samples": 1000}
    (half_hours,) = house.ask(gbz("GCS17", samples), PROXY).command_fields(METERING, 0x07)
    assert half_hours["sample_start_time"] == START
    assert list(half_hours["samples"]) == [used(at, at + HALF_HOUR) for at in range(START, end, HALF_HOUR)]
    (days,) = house.ask(gbz("GCS61", samples), PROXY).command_fields(METERING, 0x07)
    assert list(days["samples"]) == [used(START + n * DAY, START + (n + 1) * DAY) for n in range(3)]


# money


def test_a_month_of_gas() -> None:
    """Registers by day of the week and the bill in credit mode, read at the proxy; the meter says the same."""
    house = House(HOME)
    house.run(START + 60)
    wait(house, conversion())
    wait(house, tariff())
    begun = house.now
    assert begun == START + HOUR
    end = START + 31 * DAY
    house.run(end + 60)
    workdays = sum(used(max(at, begun), at + DAY) for at in days(end) if to_datetime(at).isoweekday() <= 5)
    weekends = sum(used(max(at, begun), at + DAY) for at in days(end) if to_datetime(at).isoweekday() > 5)
    first = used(START, begun)
    registers = [first + workdays, weekends, 0, 0]
    for answer in (mirrored(house, gbz("GCS13c")), wait(house, gbz("GCS13c"))):
        later = used(end, end + HALF_HOUR) if answer.command.device == GAS else 0
        weekend = to_datetime(end).isoweekday() > 5
        found = [answer.attribute(METERING, attribute) for attribute in (0x0100, 0x0102, 0x0104, 0x0106)]
        assert found == [registers[0] + later * (not weekend), registers[1] + later * weekend, 0, 0]
    bill = house.ask(gbz("GCS60"), PROXY).attribute(METERING, 0x0A00)
    expected = worth(begun, end + HALF_HOUR) + 31 * STANDING
    assert abs(bill - expected) <= 1
    daily = {"earliest_sample_time": START, "number_of_samples": 1000}
    (kept,) = house.ask(gbz("GCS61", daily), PROXY).command_fields(METERING, 0x07)
    assert list(kept["samples"]) == [used(at, at + DAY) for at in days(end)]


def days(end: Instant) -> list[Instant]:
    """Midnights from the start on."""
    return list(range(START, end, DAY))


def supply(answer: Answer) -> int:
    """The state of the valve."""
    found: int = answer.attribute(METERING, 0x0014)
    return found


def test_the_valve_is_closed_from_afar_and_opened_at_the_meter() -> None:
    """Closed at the next wake, armed at a later one, opened by the consumer and nobody else; gas flows accordingly."""
    home = Steady(gas=600)
    house = House(home)
    house.run(START + 2 * HOUR + 60)
    (made,) = wait(house, gbz("GCS32")).command_fields(METERING, 0x0C)
    assert made["supply_status_after_implementation"] == CLOSED
    closed_at = house.now
    assert closed_at == START + 2 * HOUR + HALF_HOUR
    house.press(GAS, OPEN_KEY)
    house.run(closed_at + HALF_HOUR + 60)
    assert supply(mirrored(house, gbz("GCS33"))) == CLOSED
    wait(house, gbz("GCS39"))
    assert supply(wait(house, gbz("GCS33"))) == ARMED
    house.run(house.now + 77)
    house.press(GAS, OPEN_KEY)
    opened_at = house.now
    house.run(opened_at + 3 * HOUR)
    moves = [each.output.level for each in house.done if isinstance(each.output, SwitchMoved)]
    assert moves == [0, 100]
    assert supply(mirrored(house, gbz("GCS33"))) == OPEN
    end = house.now - house.now % HALF_HOUR
    left = 600 - 600 * (opened_at % HALF_HOUR) // HALF_HOUR
    rest = (end - (opened_at - opened_at % HALF_HOUR) - HALF_HOUR) // HALF_HOUR * 600
    flowed = (closed_at - START) // HALF_HOUR * 600 + left + rest
    assert total(mirrored(house, gbz("GCS13a"))) == flowed


def test_an_open_valve_cannot_be_armed() -> None:
    house = House(HOME)
    house.run(START + HOUR + 60)
    answer = wait(house, gbz("GCS39"), success=False)
    assert set(answer.statuses) == {1}
    assert supply(mirrored(house, gbz("GCS33"))) == OPEN


def test_gas_that_flows_by_itself_closes_the_valve_again() -> None:
    """After the stabilisation time and the measurement; the consumer may try again when the leak is mended."""
    house = House(HOME)
    house.run(START + HOUR + 60)
    wait(house, gbz("GCS32"))
    wait(house, gbz("GCS39"))
    sense = house.home.sense(GAS, LEAK, True, house.now)
    assert sense == []
    number = len(house.alerts)
    house.press(GAS, OPEN_KEY)
    house.run(house.now + 60)
    assert 0x81BF in house.since(number)
    assert supply(wait(house, gbz("GCS33"))) == ARMED
    house.home.sense(GAS, LEAK, False, house.now)
    house.press(GAS, OPEN_KEY)
    house.run(house.now + 60)
    assert supply(wait(house, gbz("GCS33"))) == OPEN


# prepayment


def prepay() -> Request:
    """GCS03, with a disablement threshold of 0; nothing is suspended."""
    fields = {"implementation_date_time": 0, "proposed_payment_control_configuration": 0x0897, "cut_off_value": 0}
    return gbz("GCS03", fields)


def results(answer: Answer) -> list[int]:
    """What became of a token."""
    return [made["result_type"] for made in answer.command_fields(PREPAYMENT, 0x03)]


def balance(answer: Answer) -> int:
    """In prepayment mode."""
    found: int = answer.attribute(PREPAYMENT, 0x0001)
    return found


def test_gas_runs_out_and_is_paid_for() -> None:
    """Ten pounds, until nothing is left; the valve closes, a token arms it, the consumer opens it."""
    home = Steady(gas=400)
    house = House(home)
    house.run(START + 60)
    for request in (conversion(), tariff()):
        wait(house, request)
    assert results(wait(house, gas_top_up(house.head_end, 10))) == [0]
    wait(house, prepay())
    begun = house.now
    money = balance(wait(house, gbz("GCS60")))
    assert abs(10 * POUND - worth(begun, house.now, home) - money) <= 1
    number = len(house.alerts)
    while 0x8F0F not in house.since(number) and house.now < START + 10 * DAY:
        house.run(house.now + HALF_HOUR)
    told = next(heard for heard in house.alerts[number:] if heard.code == 0x8F0F)
    assert spent(begun, told.at - 60, home) < 10 * POUND <= spent(begun, told.at, home) + 1
    house.run(house.now + HALF_HOUR)
    assert supply(mirrored(house, gbz("GCS33"))) == CLOSED
    lacking = balance(wait(house, gbz("GCS60")))
    assert abs(10 * POUND - spent(begun, told.at, home) - lacking) <= 1
    assert results(wait(house, gas_top_up(house.head_end, 5)))[0] in (0, 0x12)
    again = wait(house, repeated_token(house), success=False)
    assert results(again) == [2]
    assert balance(wait(house, gbz("GCS60"))) == lacking + 5 * POUND
    house.press(GAS, OPEN_KEY)
    house.run(house.now + HALF_HOUR)
    assert supply(mirrored(house, gbz("GCS33"))) == OPEN
    log = house.ask(gbz("GCS15e", {"latest_end_time": 0xFFFFFFFF}), PROXY)
    (paid,) = log.command_fields(PREPAYMENT, 0x05)
    assert [entry.amount for entry in paid["top_ups"]] == [5 * POUND, 10 * POUND]


def repeated_token(house: House) -> Request:
    """The token that was sent last."""
    return repeated(house.head_end, GAS)


def spent(start: Instant, end: Instant, home: Steady) -> Fraction:
    """Gas and standing charges from a half-hour to any second; of the last half-hour, litres rounded down."""
    slot = end - end % HALF_HOUR
    whole = worth(start, slot, home) + (end // DAY - start // DAY) * STANDING
    price = WEEKEND if to_datetime(slot).isoweekday() > 5 else WORKDAY
    litres = home.day(slot // DAY).gas[0] * (end - slot) // HALF_HOUR
    return whole + price * litres * Fraction(FACTOR, 100_000) * Fraction(CALORIFIC, 10) / Fraction(36, 10) / 1000


def price_shown(house: House) -> list[int]:
    """The four tier prices that the proxy knows."""
    answer = house.ask(gbz("GCS21f"), PROXY, success=False)
    return [answer.attribute(PRICE, 0x0410 + 0x10 * tier) for tier in range(4)]


def dated_prices(cells: list[int], at: Instant) -> Request:
    """GCS01b for a moment."""
    return of_components("GCS01b", [tariff_information(at, standing=STANDING), prices(cells, at)])


def test_gas_prices_for_midnight_are_taken_by_meter_and_proxy_then() -> None:
    """Asked for twice, the second replaces the first; the meter tells, the proxy hears it, the bill follows."""
    home = Steady(gas=500)
    house = House(home)
    house.run(START + 60)
    for request in (conversion(), tariff()):
        wait(house, request)
    begun, midnight = house.now, START + DAY
    wait(house, dated_prices([30_000] * 4, midnight))
    dated = house.command(dated_prices([20_000] * 4, midnight), GAS)
    house.send(dated.octets)
    house.wait_for(dated, HALF_HOUR)
    house.run(midnight - 1)
    assert price_shown(house)[:2] == [WORKDAY, WEEKEND]
    assert CARRIED_OUT not in house.since(0)
    house.run(midnight + HALF_HOUR)
    told = [heard for heard in house.alerts if heard.code == CARRIED_OUT]
    assert [heard.at for heard in told] == [midnight] * 2
    assert {(heard.payload.body.message_code, heard.payload.body.counter) for heard in told} == {
        (0x00A3, dated.message.counter)
    }
    assert price_shown(house) == [20_000] * 4
    house.run(midnight + 6 * HOUR)
    litres = 500 * 2 * 6
    later = litres * 20_000 * Fraction(FACTOR, 100_000) * Fraction(CALORIFIC, 10) / Fraction(36, 10) / 1000
    bill = house.ask(gbz("GCS60"), PROXY).attribute(METERING, 0x0A00)
    assert abs(bill - (worth(begun, midnight, home) + STANDING + later)) <= 1
