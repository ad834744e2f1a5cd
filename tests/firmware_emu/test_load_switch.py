"""The load switch, load limiting and tampering of a whole meter."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from firmware_emu import Personality, SwitchMoved
from firmware_emu.parts.electricity.load_limit import LIMIT_NOT_RESTORED, LoadLimit
from firmware_emu.parts.electricity.load_switch import (
    ENABLES_UNASKED,
    STUCK_CLOSED,
    SWITCH_IGNORES_REASONS,
    LoadSwitch,
    Reason,
    Supply,
)
from firmware_emu.parts.tamper import ALERT_STORM
from protocols.dlms.data import boolean, int8, uint16, uint32
from protocols.dlms.obis import obis
from protocols.instant import HOUR

from .tiny import START
from .whole_meter import AT_ONCE, Steady, Told, WholeMeter, action, alerts, get, set_to

SCRIPTS = obis("0-0:10.0.106.255")
ENABLE, DISABLE, ARM = 51, 52, 54
USE_CASES = {ENABLE: "ECS42", DISABLE: "ECS43", ARM: "ECS44"}


def run_script(meter: WholeMeter, script: int) -> Told:
    return meter.tell(USE_CASES[script], action(9, SCRIPTS, 1, uint16(script)))


def supply(meter: WholeMeter) -> Supply:
    told = meter.tell("ECS45", get(70, obis("0-0:96.3.10.255"), 3))
    return Supply(told.data[0].value)


def switch(meter: WholeMeter) -> LoadSwitch:
    return meter.meter.find(LoadSwitch)


def test_supply_is_disabled_armed_and_enabled_by_the_consumer() -> None:
    meter = WholeMeter()
    told = run_script(meter, DISABLE)
    assert told.results == [0]
    assert SwitchMoved("load switch", 0) in told.outputs
    assert supply(meter) is Supply.DISABLED
    assert not any(isinstance(output, SwitchMoved) for output in meter.press("enable supply"))
    told = run_script(meter, ARM)
    assert (told.results, told.alerts) == ([0], [0x8F32])
    assert supply(meter) is Supply.ARMED
    assert meter.press("enable supply") == [SwitchMoved("load switch", 100)]
    assert supply(meter) is Supply.ENABLED


def test_the_supplier_enables_from_disabled_and_from_armed() -> None:
    meter = WholeMeter()
    for steps in ((DISABLE,), (DISABLE, ARM)):
        for script in steps:
            run_script(meter, script)
        assert SwitchMoved("load switch", 100) in run_script(meter, ENABLE).outputs
        assert supply(meter) is Supply.ENABLED


def test_arming_an_enabled_supply_fails() -> None:
    meter = WholeMeter()
    assert run_script(meter, ARM).results == [250]
    assert supply(meter) is Supply.ENABLED


def test_a_script_that_does_not_exist_fails() -> None:
    assert WholeMeter().tell("ECS42", action(9, SCRIPTS, 1, uint16(53))).results == [250]


@pytest.mark.parametrize(("defects", "after"), [((), Supply.DISABLED), ((SWITCH_IGNORES_REASONS,), Supply.ARMED)])
def test_one_of_two_reasons_going_does_not_arm(defects: tuple[str, ...], after: Supply) -> None:
    meter = WholeMeter(Personality(defects=frozenset(defects)))
    switch(meter).disable(Reason.CREDIT)
    switch(meter).disable(Reason.TAMPER)
    switch(meter).release(Reason.CREDIT)
    assert switch(meter).supply is after


def test_lack_of_credit_outlives_the_suppliers_command() -> None:
    meter = WholeMeter()
    switch(meter).disable(Reason.CREDIT)
    assert run_script(meter, ENABLE).results == [250]
    assert run_script(meter, ARM).results == [250]
    assert supply(meter) is Supply.DISABLED


def test_state_and_reasons_survive_a_power_cut() -> None:
    meter = WholeMeter()
    run_script(meter, DISABLE)
    switch(meter).disable(Reason.TAMPER)
    meter.meter.commit()
    meter.start()
    assert switch(meter).state.reasons == [Reason.COMMAND, Reason.TAMPER]
    assert supply(meter) is Supply.DISABLED


def test_a_switch_that_sticks_is_reported() -> None:
    meter = WholeMeter(load=Steady(500))
    meter.sense(STUCK_CLOSED)
    assert run_script(meter, DISABLE).alerts == [0x81C0]
    assert switch(meter).connected


def test_the_defect_that_closes_instead_of_arming_is_visible() -> None:
    meter = WholeMeter(Personality(defects=frozenset({ENABLES_UNASKED})))
    run_script(meter, DISABLE)
    run_script(meter, ARM)
    assert supply(meter) is Supply.ENABLED


def test_nothing_is_registered_while_the_supply_is_off() -> None:
    meter = WholeMeter(load=Steady(500))
    run_script(meter, DISABLE)
    meter.run(START + 4 * HOUR)
    run_script(meter, ENABLE)
    meter.run(START + 5 * HOUR)
    assert meter.read(1, "0-0:94.44.34.10", 2).value[0].value == 1000


# load limiting


@dataclass
class Power:
    watts: int = 0


def limited(defects: tuple[str, ...] = (), disables: bool = True) -> tuple[WholeMeter, Power]:
    """A meter that interrupts above 1000 W for 300 s, for 60 s."""
    meter, power = WholeMeter(Personality(defects=frozenset(defects))), Power()
    part = meter.meter.find(LoadLimit)
    part._power = lambda: power.watts
    values = (
        ("0-0:94.44.0.3", boolean(disables)),
        ("0-0:94.44.128.7", uint32(1000)),
        ("0-0:94.44.128.6", uint32(300)),
        ("0-0:94.44.128.8", uint32(60)),
    )
    steps = [set_to(9000, obis(name), 4, value) for name, value in values]
    times = [set_to(9000, obis(name), 6, AT_ONCE) for name, _value in values]
    assert meter.tell("ECS28a", *steps, *times).results == [0] * 8
    return meter, power


def use(meter: WholeMeter, power: Power, watts: int) -> None:
    power.watts = watts
    meter.meter.find(LoadLimit).power_changed()


def test_settings_and_counter_are_read() -> None:
    meter, power = limited()
    use(meter, power, 1001)
    meter.run(START + 400)
    limiter, counter = obis("0-0:17.0.0.255"), obis("0-0:94.44.42.255")
    steps = [get(9000, obis("0-0:94.44.0.3"), 2), get(3, counter, 2), get(3, counter, 3)]
    told = meter.tell("ECS27", *steps, *(get(71, limiter, number) for number in (4, 6, 7)))
    assert told.data[:2] == [boolean(True), uint32(1)]
    assert told.data[3:] == [uint32(1000), uint32(300), uint32(60)]
    assert meter.tell("ECS28b", action(3, counter, 1, int8(0))).results == [0]
    assert meter.read(3, "0-0:94.44.42.255", 2).value == 0


def test_too_much_for_too_long_interrupts_and_is_restored() -> None:
    meter, power = limited()
    use(meter, power, 1001)
    assert meter.run(START + 299) == []
    assert meter.run(START + 300) == [0x8F01, 0x8F32, 0x8F33]
    assert supply(meter) is Supply.ARMED
    power.watts = 0
    assert meter.run(START + 359) == []
    outputs = meter.meter.advance(START + 360)
    meter.now = START + 360
    found = [(code, message.recipient) for code, message, _rest in alerts(outputs)]
    assert [code for code, _recipient in found] == [0x8F34, 0x8F34]
    assert len({recipient for _code, recipient in found}) == 2
    assert supply(meter) is Supply.ENABLED


def test_a_short_excess_does_nothing_and_the_period_begins_anew() -> None:
    meter, power = limited()
    use(meter, power, 1001)
    meter.run(START + 200)
    use(meter, power, 1000)
    use(meter, power, 1001)
    assert meter.run(START + 499) == []
    assert meter.run(START + 500) == [0x8F01, 0x8F32, 0x8F33]


def test_an_unchanged_supply_is_only_counted() -> None:
    meter, power = limited(disables=False)
    use(meter, power, 5000)
    assert meter.run(START + 3000) == [0x8F01]
    assert supply(meter) is Supply.ENABLED
    assert meter.read(3, "0-0:94.44.42.255", 2).value == 1


def test_the_consumer_may_close_before_the_restoration() -> None:
    meter, power = limited()
    use(meter, power, 1001)
    meter.run(START + 301)
    power.watts = 0
    meter.press("enable supply")
    assert meter.run(START + 500) == []
    assert supply(meter) is Supply.ENABLED


def test_a_disabled_supply_is_not_enabled_by_the_restoration() -> None:
    meter, power = limited()
    use(meter, power, 1001)
    meter.run(START + 301)
    run_script(meter, DISABLE)
    assert meter.run(START + 500) == []
    assert supply(meter) is Supply.DISABLED


def test_the_interruption_survives_a_power_cut() -> None:
    meter, power = limited()
    use(meter, power, 1001)
    meter.run(START + 310)
    meter.start()
    meter.run(START + 360)
    assert supply(meter) is Supply.ENABLED


def test_the_defect_that_leaves_it_armed_is_visible() -> None:
    meter, power = limited((LIMIT_NOT_RESTORED,))
    use(meter, power, 1001)
    meter.run(START + 1000)
    assert supply(meter) is Supply.ARMED


# tampering


def test_tampers_are_reported_on_their_edges() -> None:
    meter = WholeMeter()
    assert set(meter.sense("meter cover")) == {0x8F74}
    assert meter.sense("meter cover") == []
    meter.run(START + HOUR)
    assert set(meter.sense("meter cover", False)) == {0x81B9}
    assert meter.sense("meter cover", False) == []
    assert meter.security() == [0x8F74]
    assert meter.events() == [0x81B9]
    assert supply(meter) is Supply.ENABLED


def test_a_locked_tamper_state_disables_until_the_supplier_acts() -> None:
    meter = WholeMeter()
    assert meter.tell("ECS81", set_to(1, obis("0-0:94.44.0.4"), 2, boolean(True))).results == [0]
    codes = meter.sense("magnet")
    assert set(codes) == {0x8F75, 0x81BE}
    meter.sense("magnet", False)
    assert supply(meter) is Supply.DISABLED
    assert run_script(meter, ARM).results == [0]
    assert supply(meter) is Supply.ARMED


def test_an_integrity_warning_says_why() -> None:
    meter = WholeMeter()
    outputs = meter.meter.sense("integrity: watchdog", True, meter.now)
    ((code, message, (reason,)),) = alerts(outputs)
    assert (code, message.message_code, reason.value) == (0x81A0, 0x00F0, b"\x00\x06")
    assert [entry.other for entry in meter.meter.logs.events()] == [b"\x00\x06"]


def test_the_storm_of_alerts_is_visible() -> None:
    meter = WholeMeter(Personality(defects=frozenset({ALERT_STORM})))
    meter.sense("magnet")
    assert meter.run(START + 180).count(0x8F75) >= 3
    meter.sense("magnet", False)
    assert meter.run(START + 600) == []
