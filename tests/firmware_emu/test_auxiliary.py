"""Auxiliary controllers and boost button of a meter and of a stand-alone device."""

from __future__ import annotations

import pytest

from firmware_emu import Personality, SwitchMoved
from firmware_emu.parts.electricity.auxiliary import PERIOD_NOT_CHECKED, Auxiliary
from firmware_emu.parts.electricity.auxiliary_control import (
    Direction,
    Kind,
    Target,
    calendar_target,
    identifier_of,
    immediate_target,
    kind_of,
    old_target,
)
from firmware_emu.parts.electricity.randomised_offset import DRAWN_DAILY
from firmware_emu.personalities import named
from protocols.dlms.cosem_time import CosemDate
from protocols.dlms.data import NULL, Data, DataType, array, boolean, octet_string, uint16, visible_string
from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY, HOUR, Instant, instant

from .tiny import START, SUPPLIER, read_log
from .whole_meter import (
    AT_ONCE,
    LOAD_CONTROLLER,
    Steps,
    Told,
    WholeMeter,
    action,
    alerts,
    entry,
    get,
    moment,
    obis,
    set_to,
    special_day,
)

TABLE = "0-0:10.0.103.255"
FITTED = ("switch", "switch", "proportional", "none", "90-B3-D5-1F-00-00-00-77")
MIDNIGHT = instant(2026, 3, 2)


def device(*defects: str) -> WholeMeter:
    return WholeMeter(Personality(auxiliary=FITTED, boost_button=True, defects=frozenset(defects)))


def calendar(meter: WholeMeter, *entries: Data, days: tuple[Data, ...] = ()) -> Told:
    return meter.tell(
        "ECS46d",
        set_to(11, obis("0-1:11.0.3.255"), 2, array(*days)),
        set_to(10, obis("0-1:12.0.2.255"), 2, array(*entries)),
        set_to(9000, obis("0-0:94.44.128.26"), 6, AT_ONCE),
        set_to(9000, obis("0-0:94.44.128.35"), 6, AT_ONCE),
    )


def switch_at(number: int, controller: int, level: int, hour: int, days: str = "1111111", special: str = "") -> Data:
    return entry(number, TABLE, 0x1080 | controller << 8 | level, hour, days, special)


def set_state(meter: WholeMeter, controller: int, level: int, start: Instant, end: Instant) -> Told:
    return meter.tell("ECS47a", *period(controller, 1, start, end), run_script(controller, level))


def limit(meter: WholeMeter, controller: int, level: int, start: Instant, end: Instant) -> Told:
    steps = (*period(controller, 3, start, end), run_script(controller, level, "0-0:10.0.107.255"))
    return meter.tell("ECS47e", *steps, sender=LOAD_CONTROLLER)


def period(controller: int, first: int, start: Instant, end: Instant) -> tuple[Steps, Steps]:
    name = f"0-0:94.44.{116 + controller}"
    return (
        set_to(1, obis(f"{name}.{first}"), 2, moment(start)),
        set_to(1, obis(f"{name}.{first + 1}"), 2, moment(end)),
    )


def run_script(controller: int, level: int, table: str = TABLE) -> Steps:
    return action(9, obis(table), 1, uint16(0x1000 | controller << 8 | level))


def level(meter: WholeMeter, controller: int) -> int:
    return meter.meter.find(Auxiliary).level(controller)


def test_selectors() -> None:
    assert calendar_target(0x11B2) == Target(Direction.OUTPUT, 1, 50)
    assert calendar_target(0x21E4) == Target(Direction.INPUT, 1, 100)
    assert immediate_target(0x1564) == Target(Direction.OUTPUT, 5, 100)
    assert immediate_target(0x2332) == Target(Direction.INPUT, 3, 50)
    assert old_target(0x0312) == Target(Direction.OUTPUT, 3, 0)
    for wrong in (0x1664, 0x1065, 0x3100, 0x1165, 0x11E4):
        assert immediate_target(wrong) is None
    assert calendar_target(0x1164) is None


def test_identifiers_say_what_a_controller_is() -> None:
    kinds = [kind_of(identifier_of(text)) for text in FITTED]
    assert kinds == [Kind.SWITCH, Kind.SWITCH, Kind.PROPORTIONAL, Kind.NONE, Kind.HAN_SWITCH]
    assert kind_of(b"\x01") is None


def test_the_calendar_switches_and_every_change_is_logged() -> None:
    meter = device()
    assert calendar(meter, switch_at(1, 1, 100, 1), switch_at(2, 1, 0, 5)).results == [0] * 4
    assert 0x8131 in meter.run(MIDNIGHT + HOUR)
    assert level(meter, 1) == 100
    assert level(meter, 2) == 0
    assert meter.run(MIDNIGHT + 5 * HOUR) == [0x8131]
    assert level(meter, 1) == 0
    request = read_log("0-17:99.98.2.255")
    (data,) = meter.tell("ECS35g", (request.specifications[0], request.data[0])).data
    assert data.value.rows == (
        (MIDNIGHT + HOUR, 0x1164, 1, 0),
        (MIDNIGHT + 5 * HOUR, 0x1100, 1, 0),
    )
    assert meter.tell("ECS15c", action(7, obis("0-17:99.98.2.255"), 1, Data(DataType.INT8, 0))).results == [0]
    assert meter.meter.logs.auxiliary() == []
    assert meter.security() == [0x8F52]


def test_weekdays_and_special_days_are_obeyed() -> None:
    meter = device()
    days = (special_day(1, CosemDate(2026, 3, 4)),)
    entries = (
        switch_at(1, 1, 100, 1, "1100000", "0"),
        switch_at(2, 1, 0, 2),
        switch_at(3, 2, 100, 3, "0000000", "1"),
    )
    calendar(meter, *entries, days=days)
    seen = {}
    for day in range(4):
        meter.run(MIDNIGHT + day * DAY + 3 * HOUR // 2)
        seen[day] = level(meter, 1)
    assert seen == {0: 100, 1: 100, 2: 0, 3: 0}  # Monday, Tuesday
    meter.run(MIDNIGHT + 4 * DAY)
    assert level(meter, 2) == 100


def test_the_randomised_offset_delays_the_calendar() -> None:
    meter = device()
    meter.preset(1, "0-0:94.44.0.2", 2, uint16(5000))
    assert meter.tell("ECS38", set_to(1, obis("0-0:94.44.0.1"), 2, uint16(1000))).results == [0]
    names = [get(1, obis(f"0-0:94.44.0.{number}"), 2) for number in (0, 2, 1)]
    assert [data.value for data in meter.tell("ECS26c", *names).data] == [500, 5000, 1000]
    calendar(meter, switch_at(1, 1, 0, 0), switch_at(2, 1, 100, 1))
    meter.run(MIDNIGHT + HOUR + 499)
    assert level(meter, 1) == 0
    meter.run(MIDNIGHT + HOUR + 500)
    assert level(meter, 1) == 100
    assert meter.tell("ECS38", set_to(1, obis("0-0:94.44.0.1"), 2, uint16(1800))).results == [250]


def test_a_commanded_state_holds_for_its_period() -> None:
    meter = device()
    assert set_state(meter, 1, 100, START + 60, START + 3660).results == [0, 0, 0]
    assert level(meter, 1) == 0
    meter.run(START + 60)
    assert level(meter, 1) == 100
    meter.run(START + 3660)
    assert level(meter, 1) == 0


@pytest.mark.parametrize(("start", "end"), [(0, 0), (10, 5), (0, DAY + 1)])
def test_a_period_that_is_none_or_too_long_is_refused(start: Instant, end: Instant) -> None:
    meter = device()
    assert set_state(meter, 1, 100, START + start, START + end).results == [0, 250, 250]
    assert level(meter, 1) == 0


def test_the_defect_that_takes_long_periods() -> None:
    meter = device(PERIOD_NOT_CHECKED)
    assert set_state(meter, 1, 100, START, START + 2 * DAY).results == [0, 0, 0]


def test_a_controller_that_is_not_there_cannot_be_set() -> None:
    meter = device()
    assert set_state(meter, 4, 100, START, START + 60).results == [0, 0, 250]


def test_a_switch_knows_on_and_off_only() -> None:
    meter = device()
    set_state(meter, 1, 50, START, START + 60)
    set_state(meter, 3, 50, START, START + 60)
    assert (level(meter, 1), level(meter, 3)) == (0, 50)


def test_a_limit_caps_whatever_is_asked_and_is_told_at_both_ends() -> None:
    meter = device()
    set_state(meter, 3, 80, START, START + 3 * HOUR)
    assert level(meter, 3) == 80
    told = limit(meter, 3, 30, START + 60, START + HOUR)
    assert told.results == [0, 0, 0]
    found = {code: (message, rest) for code, message, rest in alerts(told.outputs)}
    message, rest = found[0x8F86]
    assert (message.message_code, message.recipient) == (0x0121, SUPPLIER)
    assert [member.value for member in rest] == [0x13, moment(START + 60).value, moment(START + HOUR).value, 30]
    meter.run(START + 60)
    assert level(meter, 3) == 30
    outputs = meter.meter.advance(START + HOUR)
    meter.now = START + HOUR
    ended = {code: rest for code, _message, rest in alerts(outputs)}
    assert [member.value for member in ended[0x8F87]] == [0x13, 80]
    assert level(meter, 3) == 80


def test_only_a_proportional_controller_is_limited() -> None:
    meter = device()
    assert limit(meter, 1, 30, START, START + 60).results == [0, 0, 250]


def test_older_commands_switch_for_minutes_and_reset() -> None:
    meter = device()
    minutes = set_to(1, obis("0-0:94.44.117.1"), 2, uint16(10))
    assert meter.tell("ECS47", minutes, action(9, obis(TABLE), 1, uint16(0x0111))).results == [0, 0]
    assert level(meter, 1) == 100
    meter.run(START + 600)
    assert level(meter, 1) == 0
    meter.tell("ECS47", minutes, action(9, obis(TABLE), 1, uint16(0x0111)))
    assert meter.tell("ECS47", action(9, obis(TABLE), 1, uint16(0x0120))).results == [0]
    assert level(meter, 1) == 0


def test_a_controller_that_does_not_follow_is_reported() -> None:
    meter = device()
    meter.sense("fault: auxiliary controller 1")
    assert set_state(meter, 1, 100, START, START + 60).alerts == [0x811A]
    assert [(row.action, row.outcome) for row in meter.meter.logs.auxiliary()] == [(0x1164, 2)]


def test_a_switch_elsewhere_has_an_unknown_outcome_and_a_command_number() -> None:
    meter = device()
    set_state(meter, 5, 100, START, START + 60)
    meter.run(START + 60)
    rows = meter.meter.logs.auxiliary()
    assert [(row.action, row.outcome, row.han_command) for row in rows] == [(0x1564, 0, 1), (0x1500, 0, 2)]


def test_descriptions_kinds_and_states_are_read() -> None:
    meter = device()
    described = set_to(1, obis("0-0:94.44.0.12"), 2, visible_string("immersion heater"))
    assert meter.tell("ECS46a", described).results == [0]
    names = [get(1, obis(f"0-0:94.44.0.{number}"), 2) for number in range(11, 16)]
    tables = [get(11, obis("0-0:11.0.3.255"), 2), get(10, obis("0-0:12.0.2.255"), 2)]
    told = meter.tell("ECS61d", *names, *tables)
    assert told.results == [0] * 7
    assert [data.value for data in told.data[:5]] == ["", "immersion heater", "", "", ""]
    kinds = [get(1, obis(f"0-0:94.44.0.{number}"), 2) for number in range(21, 26)]
    states = [get(1, obis(f"0-0:94.44.0.{number}"), 2) for number in range(31, 36)]
    data = meter.tell("ECS61e", *kinds, *states).data
    assert [each.value for each in data[:5]] == [identifier_of(text) for text in FITTED]
    assert [each.value for each in data[5:]] == ["000000", "000000", "000000", "", "000000"]
    assert meter.tell("ECS46c", set_to(1, obis("0-0:94.44.0.24"), 2, octet_string(b"\xff"))).results == [0]
    assert meter.meter.find(Auxiliary).kind(4) is Kind.PROPORTIONAL


def test_what_a_load_says_is_told_and_read() -> None:
    meter = device()
    set_state(meter, 3, 40, START, START + HOUR)
    outputs = meter.meter.sense("load of auxiliary controller 3: charging, 12 A", True, meter.now)
    ((code, message, members),) = alerts(outputs)
    assert (code, message.message_code) == (0x8F88, 0x0123)
    assert [member.value for member in members] == [0x13, 40, 0, "charging, 12 A"]
    assert meter.read(1, "0-0:94.44.0.33", 2).value == "040000charging, 12 A"


def test_presets_move_nothing() -> None:
    meter = device()
    source = device()
    calendar(source, switch_at(1, 1, 100, 0))
    for class_id, name in ((10, "0-0:12.0.2.255"), (11, "0-0:11.0.3.255"), (1, "0-0:94.44.0.21")):
        meter.preset(class_id, name, 2, source.read(class_id, name, 2))
    meter.preset(70, "0-2:96.3.10.255", 2, boolean(True))
    assert meter.read(70, "0-2:96.3.10.255", 2) == boolean(True)
    assert meter.meter.logs.auxiliary() == []
    assert level(meter, 1) == 0
    meter.run(MIDNIGHT)
    assert level(meter, 1) == 100


def test_the_maker_can_fit_what_every_script_needs() -> None:
    meter = WholeMeter()
    assert limit(meter, 4, 30, START, START + 60).results == [0, 0, 250]
    meter.meter.cosem.preset((9, obis("0-0:10.0.107.255"), 1), NULL, method=True)
    assert limit(meter, 4, 30, START, START + 60).results == [0, 0, 0]


def test_the_defect_that_draws_the_offset_daily() -> None:
    meter = device(DRAWN_DAILY)
    numbers = set()
    for day in range(3):
        meter.run(MIDNIGHT + day * DAY)
        numbers.add(meter.read(1, "0-0:94.44.0.2", 2).value)
    assert len(numbers) == 3


def test_states_survive_a_power_cut() -> None:
    meter = device()
    calendar(meter, switch_at(1, 2, 0, 0), switch_at(2, 2, 100, 1))
    set_state(meter, 1, 100, START, START + 2 * HOUR)
    meter.run(START + HOUR)
    meter.start()
    assert level(meter, 1) == 100
    meter.run(START + 2 * HOUR)
    assert level(meter, 1) == 0
    meter.run(MIDNIGHT + HOUR - 1)
    assert level(meter, 2) == 0
    meter.run(MIDNIGHT + HOUR)
    assert level(meter, 2) == 100


# the boost button


def link(meter: WholeMeter, *numbers: int) -> Told:
    linked = [set_to(1, obis(f"0-0:94.44.6.{each}"), 2, boolean(each in numbers)) for each in range(1, 6)]
    return meter.tell("ECS62", *linked)


def boost_log(meter: WholeMeter) -> tuple[tuple[Instant, Instant], ...]:
    request = read_log("0-0:99.98.20.255")
    told = meter.tell("ECS61c", get(1, obis("0-0:94.44.7.255"), 2), (request.specifications[0], request.data[0]))
    assert told.data[0] == boolean(True)
    rows: tuple[tuple[Instant, Instant], ...] = told.data[1].value.rows
    return rows


def test_a_boost_lasts_a_quarter_of_an_hour_for_each_press() -> None:
    meter = device()
    assert link(meter, 1).results == [0] * 5
    assert SwitchMoved("auxiliary controller 1", 100) in meter.press("boost")
    assert level(meter, 2) == 0
    meter.press("boost")
    meter.run(START + 1799)
    assert level(meter, 1) == 100
    meter.run(START + 1800)
    assert level(meter, 1) == 0
    assert boost_log(meter) == ((START, START + 1800),)


def test_a_boost_lasts_an_hour_at_most_and_can_be_cancelled() -> None:
    meter = device()
    link(meter, 1)
    for _ in range(7):
        meter.press("boost")
    meter.run(START + 3600)
    assert level(meter, 1) == 0
    meter.press("boost")
    meter.run(START + 3700)
    meter.press("cancel boost")
    assert level(meter, 1) == 0
    assert boost_log(meter) == ((START, START + 3600), (START + 3600, START + 3700))


def test_no_boost_without_a_controller_that_is_off() -> None:
    meter = device()
    meter.press("boost")
    assert meter.run(START + 3600) == []
    link(meter, 1)
    calendar(meter, switch_at(1, 1, 100, 0))
    meter.run(MIDNIGHT + 60)
    meter.press("boost")
    meter.run(MIDNIGHT + 3600)
    assert boost_log(meter) == ()


def test_a_commanded_state_is_above_a_boost() -> None:
    meter = device()
    link(meter, 1)
    set_state(meter, 1, 0, START, START + 600)
    meter.press("boost")
    assert level(meter, 1) == 0
    meter.run(START + 600)
    assert level(meter, 1) == 100


# the stand-alone device


def test_the_stand_alone_controller_does_the_same() -> None:
    meter = WholeMeter(named("sapc"))
    assert meter.personality.device is DeviceType.SAPC
    assert calendar(meter, switch_at(1, 5, 0, 0), switch_at(2, 5, 40, 1)).results == [0] * 4
    assert level(meter, 5) == 40  # since one o'clock
    meter.run(MIDNIGHT)
    assert level(meter, 5) == 0
    meter.run(MIDNIGHT + HOUR)
    assert level(meter, 5) == 40
    assert limit(meter, 5, 20, meter.now, meter.now + 60).results == [0, 0, 0]
    assert level(meter, 5) == 20


def test_the_stand_alone_controller_has_no_load_switch() -> None:
    meter = WholeMeter(named("sapc"))
    told = meter.tell("ECS43", action(9, obis("0-0:10.0.106.255"), 1, uint16(52)))
    assert (told.results, told.alerts) == ([], [0x8F85])
