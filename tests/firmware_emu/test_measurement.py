"""Maximum demand, voltage quality, outages and power thresholds of an electricity meter."""

from __future__ import annotations

import pytest

from firmware_emu import Output
from firmware_emu.parts.electricity.maximum_demand import demand_period, period_entry
from firmware_emu.parts.electricity.moments import NO_MOMENT
from firmware_emu.parts.electricity.supply import LONG_OUTAGE, LONG_OUTAGE_LATE
from firmware_emu.parts.electricity.voltage import COUNTERS_STAY, NOMINAL
from firmware_emu.personality import Personality
from protocols.dlms.access import AccessRequest, Specification, access_request, action, get, set_to
from protocols.dlms.cosem_time import CosemTime
from protocols.dlms.data import (
    Data,
    array,
    int8,
    octet_string,
    uint16,
    uint32,
)
from protocols.dlms.obis import obis
from protocols.instant import DAY, HALF_HOUR

from .metering import Metering, Wobbly, moment, told
from .tiny import OPERATOR, START, SUPPLIER, messages

ZERO = int8(0)
Instruction = tuple[Specification, Data]


# maximum demand


def window(*times: tuple[int, int]) -> Data:
    """Schedule entries: selector and second of the day."""
    return array(
        *[
            period_entry(index, selector, CosemTime(second // 3600, second // 60 % 60, 0, 0))
            for index, (selector, second) in enumerate(times)
        ]
    )


def demand_registers() -> AccessRequest:
    """The instructions of ECS18b."""
    registers = [get(4, obis(name), number) for name in ("1-0:1.6.0", "1-0:1.6.1") for number in (2, 3, 5)]
    times = [get(1, obis(name), 2) for name in ("0-0:94.44.5.0", "0-0:94.44.5.1")]
    return access_request(0, *times, *registers, get(10, obis("0-0:12.0.0"), 2))


def test_demand_is_the_highest_half_hour_in_and_out_of_the_window() -> None:
    load = Wobbly()
    home = Metering(load)
    evening = window((1, 17 * 3600), (2, 20 * 3600))
    home.ask("ECS37", access_request(0, set_to(10, obis("0-0:12.0.0"), 2, evening)), sender=OPERATOR)
    home.run(START + 3 * DAY)
    slots = range(START // HALF_HOUR, (START + 3 * DAY) // HALF_HOUR)
    highest = max(slots, key=load.amount)
    inside = max((slot for slot in slots if 34 <= slot % 48 < 40), key=load.amount)
    data = home.ask("ECS18b", demand_registers(), sender=OPERATOR).data
    assert data[0].value == data[1].value == NO_MOMENT
    assert data[2] == uint32(2 * load.amount(highest))
    assert data[4] == octet_string(moment((highest + 1) * HALF_HOUR))
    assert data[5] == uint32(2 * load.amount(inside))
    assert data[7] == octet_string(moment((inside + 1) * HALF_HOUR))
    assert data[8] == evening


def test_each_demand_register_is_reset_by_itself() -> None:
    home = Metering(Wobbly())
    home.run(START + DAY)
    home.ask("ECS57", access_request(0, action(4, obis("1-0:1.6.0"), 1, ZERO)), sender=OPERATOR)
    data = home.ask("ECS18b", demand_registers(), sender=OPERATOR).data
    assert data[1] == octet_string(moment(START + DAY))
    assert data[2] == uint32(0)
    assert data[0].value == NO_MOMENT
    assert data[5] != uint32(0)


@pytest.mark.parametrize(
    "value", [array(), window((3, 0)), window((1, 0), (2, 1), (1, 2)), array(uint16(1)), uint16(1)]
)
def test_windows_of_another_shape_are_refused(value: Data) -> None:
    request = access_request(0, set_to(10, obis("0-0:12.0.0"), 2, value))
    assert [result.code for result in Metering().ask("ECS37", request, sender=OPERATOR).results] == [250]


def test_a_window_without_entries_is_the_whole_day() -> None:
    assert demand_period(array()).holds(12345 * HALF_HOUR)


# voltage


def voltage_settings(polyphase: bool = False) -> list[Instruction]:
    """Period 10 minutes, average 216 to 253 V, extremes 180 and 287 V for 30 s, sag 210 and swell 260 V for 5 s."""
    prefixes = ("1-0:32", "1-0:52", "1-0:72") if polyphase else ("1-0:32",)
    settings = [set_to(7, obis(f"{prefix}.24.0"), 4, uint32(600)) for prefix in prefixes]
    for number, (volts, seconds) in enumerate(((287, 30), (180, 30), (210, 5), (260, 5)), 1):
        name = obis(f"0-0:17.0.{number}")
        settings += [set_to(71, name, 4, uint32(volts)), set_to(71, name, 6, uint32(seconds))]
    for prefix in prefixes:
        settings.append(set_to(1, obis(f"{prefix}.35.0.4"), 2, uint32(253)))
        settings.append(set_to(1, obis(f"{prefix}.31.0.4"), 2, uint32(216)))
    return settings


def configured(variant: str = "A", personality: Personality | None = None) -> Metering:
    home = Metering(variant=variant, personality=personality)
    use_case = "ECS29d" if variant == "C" else "ECS29c"
    answer = home.ask(use_case, access_request(0, *voltage_settings(variant == "C")), sender=OPERATOR)
    assert {int(result.code) for result in answer.results} == {0}
    return home


def observe(home: Metering, after: int, *volts: int) -> list[Output]:
    """So much later the voltage of each phase is another one."""
    home.rig.now += after
    return home.device.through(lambda: home.voltage.observe(volts), home.rig.now)


def power_log(home: Metering) -> list[tuple[object, ...]]:
    return [tuple(entry[:2]) for entry in home.device.logs.power()]


def counter(home: Metering, name: str) -> Data:
    return home.read(3, name, 2)


def test_a_steady_voltage_is_averaged_and_nothing_is_told() -> None:
    home = configured()
    sent = messages(home.run(START + 40 * DAY))
    assert [message.other.message_code for message in sent] == [0x0061]  # the bill of the month
    log = home.log("1-0:32.24.0")
    assert len(log) == 4320
    assert log[-1] == (START + 40 * DAY, NOMINAL)
    assert [row[0] for row in log[:2]] == [START + 10 * DAY + 600, START + 10 * DAY + 1200]
    assert power_log(home) == []


def test_an_average_over_the_limit_is_counted_told_and_ends() -> None:
    home = configured()
    observe(home, 60, 255)
    outputs = home.run(START + 1200)
    outputs += observe(home, 1, NOMINAL)
    outputs += home.run(START + 1800)
    # the first average is 9 parts 255 and 1 part 230, which is not more than 253
    assert power_log(home) == [(START + 1200, 0x8002), (START + 1800, 0x8085)]
    assert [row[1] for row in home.log("1-0:32.24.0")] == [253, 255, 230]
    assert counter(home, "1-0:32.36.0.4") == uint32(1)
    assert counter(home, "1-0:32.32.0.4") == uint32(0)
    sent = messages(outputs)
    assert [message.other.message_code for message in sent] == [0x1001, 0x1001]
    assert {message.recipient for message in sent} == {OPERATOR}


def test_extremes_must_last() -> None:
    home = configured()
    observe(home, 10, 205)
    observe(home, 4, NOMINAL)
    assert power_log(home) == []
    start = home.rig.now + 10
    observe(home, 10, 170)
    observe(home, 60, NOMINAL)
    codes = [(start + 5, 0x802C), (start + 30, 0x8028), (start + 60, 0x8095), (start + 60, 0x8099)]
    assert power_log(home) == codes


def test_every_phase_has_its_own_codes() -> None:
    home = configured("C")
    observe(home, 10, NOMINAL, 265, 200)
    home.run(START + 20)
    assert sorted(code for _at, code in power_log(home) if isinstance(code, int)) == [0x8024 + 2, 0x802C + 3]


def test_counters_are_reset_by_command() -> None:
    for personality, left in ((None, 0), (Personality(defects=frozenset({COUNTERS_STAY})), 1)):
        home = configured(personality=personality)
        observe(home, 1, 100)
        home.run(START + 600)
        assert counter(home, "1-0:32.32.0.4") == uint32(1)
        resets = [action(3, obis(f"1-0:32.{group}.0.4"), 1, ZERO) for group in (32, 36)]
        home.ask("ECS29e", access_request(0, *resets), sender=OPERATOR)
        assert counter(home, "1-0:32.32.0.4") == uint32(left)


def test_a_period_of_nothing_is_refused() -> None:
    request = access_request(0, set_to(7, obis("1-0:32.24.0"), 4, uint32(0)))
    assert [result.code for result in Metering().ask("ECS29c", request, sender=OPERATOR).results] == [250]


def test_voltage_survives_an_outage() -> None:
    home = configured()
    observe(home, 1, 100)
    home.run(START + 600)
    home.restart(START + 700, START + 5000)
    home.run(START + 6000)
    assert counter(home, "1-0:32.32.0.4") == uint32(1)
    assert home.read(1, "1-0:32.35.0.4", 2) == uint32(253)
    assert [row[0] for row in home.log("1-0:32.24.0")] == [START + 600, START + 5400, START + 6000]
    assert 0x8006 in [code for _at, code in power_log(home)]


# outages


@pytest.mark.parametrize(
    ("length", "code"), [(1, 0x8F35), (LONG_OUTAGE - 1, 0x8F35), (LONG_OUTAGE, 0x8F36), (DAY, 0x8F36)]
)
def test_an_outage_is_told_to_the_network_operator_when_it_is_over(length: int, code: int) -> None:
    home = Metering()
    outputs = home.restart(START + 10, START + 10 + length)
    (body,) = told(outputs, 0x0067)
    assert body[0] == uint16(code)
    times = [octet_string(moment(START + 10)), octet_string(moment(START + 10 + length))]
    assert list(body[2:]) == times
    (alert,) = messages(outputs)
    assert alert.recipient == OPERATOR
    assert alert.signature
    assert power_log(home) == [(START + 10, 0x8F57), (START + 10 + length, code)]


def test_a_first_start_is_no_outage() -> None:
    assert power_log(Metering()) == []


def test_one_phase_is_lost_and_comes_back() -> None:
    home = Metering(variant="C")
    home.device.sense("phase 2 lost", True, START + 5)
    outputs = home.device.sense("phase 2 lost", False, START + 5 + LONG_OUTAGE)
    (body,) = told(outputs, 0x0067)
    assert body[0] == uint16(0x8F3A)
    assert power_log(home) == [(START + 5, 0x8F59), (START + 5 + LONG_OUTAGE, 0x8F3A)]


def test_a_single_phase_meter_has_no_second_phase() -> None:
    home = Metering()
    home.device.sense("phase 2 lost", True, START + 5)
    assert power_log(home) == []


def test_the_planned_defect_of_long_outages() -> None:
    home = Metering(personality=Personality(defects=frozenset({LONG_OUTAGE_LATE})))
    (body,) = told(home.restart(START, START + LONG_OUTAGE), 0x0067)
    assert body[0] == uint16(0x8F35)


def test_power_thresholds_are_set_read_and_make_levels() -> None:
    home = Metering(Wobbly())
    thresholds = array(uint32(100), uint32(200))
    home.ask("ECS34", access_request(0, set_to(21, obis("0-0:16.0.0"), 2, thresholds)))
    answer = home.ask("ECS26f", access_request(0, get(21, obis("0-0:16.0.0"), 2)), sender=SUPPLIER)
    assert answer.data == (thresholds,)
    watts, _second = home.metrology.watts()
    assert home.supply.power_level() == (watts > 100) + (watts > 200)
    refused = home.ask("ECS34", access_request(0, set_to(21, obis("0-0:16.0.0"), 2, array(uint32(1)))))
    assert [result.code for result in refused.results] == [250]
