"""Energy into registers and profiles, however time is cut up: reads, outages, clock steps, switches."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware_emu import Personality
from firmware_emu.clock import ClockSettings
from firmware_emu.engines.tariff import UNUSED_THRESHOLD
from firmware_emu.local_time import is_summer_time
from firmware_emu.parts.electricity.metrology import LOOK_EVERY, TARIFF_IN_LOCAL_TIME, UPDATE_CLEARS_REGISTERS
from firmware_emu.parts.electricity.profiles import PROFILE_IN_WATTS, STAMPED_AT_START
from firmware_emu.state import encode_state
from protocols.dlms.access import ResultCode, access_request, action
from protocols.dlms.data import Data, DataType, array, enum, int8, structure, uint16, uint32
from protocols.dlms.obis import obis
from protocols.instant import DAY, HALF_HOUR, Instant, instant

from .metering import UNUSED, Metering, Wobbly, days, price_matrix, set_tariff
from .tiny import START, set_clock

IMPORT, EXPORT, REACTIVE = "0-0:99.1.0", "0-0:99.1.1", "0-0:99.1.2"
MIDNIGHT = START - START % DAY + DAY


def used(load: Wobbly, start: Instant, end: Instant) -> int:
    """Import between two half-hours, Wh."""
    return sum(load.amount(slot) for slot in range(start // HALF_HOUR, end // HALF_HOUR))


def test_registers_and_profiles_follow_the_load() -> None:
    load = Wobbly()
    home = Metering(load)
    home.run(START + 3 * DAY)
    members = home.read(1, "0-0:94.44.34.10", 2).value
    assert members[0] == uint32(used(load, START, START + 3 * DAY))
    profile = home.log(IMPORT)
    assert profile == [
        (end, load.amount(end // HALF_HOUR - 1)) for end in range(START + HALF_HOUR, START + 3 * DAY + 1, HALF_HOUR)
    ]
    exported = sum(row[1] for row in home.log(EXPORT) if isinstance(row[1], int))
    assert home.read(3, "1-0:2.8.0", 2) == uint32(exported)
    reactive = sum(row[1] for row in home.log(REACTIVE) if isinstance(row[1], int))
    assert members[2] == uint32(reactive)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 3 * DAY), max_size=12))
@example([155_112])  # five minutes after a switch that is not at a half-hour
def test_reading_in_between_changes_nothing(moments: list[int]) -> None:
    whole, cut = Metering(Wobbly()), Metering(Wobbly())
    tariff = set_tariff(days((0, 101), (7 * 3600 + 17, 2)), price_matrix({}), thresholds=[(3000, 5000), *[UNUSED] * 7])
    for home in (whole, cut):
        home.ask("ECS01a", tariff)
    for moment in sorted(moments):
        cut.run(START + moment)
        cut.read(1, "0-0:94.44.34.2", 2)
    for home in (whole, cut):
        home.run(START + 3 * DAY)
    assert encode_state(whole.metrology.state) == encode_state(cut.metrology.state)
    assert whole.log(IMPORT) == cut.log(IMPORT)


def test_a_register_moves_inside_the_half_hour() -> None:
    load = Wobbly()
    home = Metering(load)
    home.run(START + 600)
    assert home.read(1, "0-0:94.44.34.10", 2).value[0] == uint32(load.amount(START // HALF_HOUR) // 3)


def test_blocks_with_daily_reset_agree_with_a_plain_reckoning() -> None:
    load = Wobbly()
    home = Metering(load)
    home.device.cosem.preset((22, obis("0-0:15.1.0"), 4), _midnight_every_day())
    limits = [(1000, 2500, UNUSED_THRESHOLD), (700,), *[UNUSED] * 6]
    tariff = set_tariff(days((0, 101), (8 * 3600, 102)), price_matrix({}), thresholds=limits)
    home.ask("ECS01a", tariff)
    home.run(START + 5 * DAY)
    registers = [[0] * 2 for _ in range(4)]
    counted = [0, 0]
    for slot in range(START // HALF_HOUR, (START + 5 * DAY) // HALF_HOUR):
        if slot % 48 == 0:
            counted = [0, 0]
        rate = 0 if slot % 48 < 16 else 1
        for _ in range(load.amount(slot)):
            block = sum(counted[rate] >= limit for limit in limits[rate])
            registers[block][rate] += 1
            counted[rate] += 1
    values = [item.value for item in home.read(1, "0-0:94.44.34.2", 2).value[0].value]
    assert [values[16 * block : 16 * block + 2] for block in range(4)] == registers
    assert sum(values[16 * block + 8 + 1] for block in range(4)) == counted[1]


def _midnight_every_day() -> Data:
    time, date = Data(DataType.OCTET_STRING, bytes(4)), Data(DataType.OCTET_STRING, b"\xff" * 5)
    return array(structure(time, date))


def test_script_99_resets_counters_and_leaves_registers() -> None:
    load = Wobbly()
    home = Metering(load)
    home.ask("ECS01a", set_tariff(days((0, 101)), price_matrix({})))
    home.run(START + DAY)
    before = home.metrology.registers()
    answer = home.ask("ECS05", access_request(0, action(9, obis("0-0:10.0.100"), 1, uint16(99))))
    assert [result.code for result in answer.results] == [0]
    values = [item.value for item in home.read(1, "0-0:94.44.34.2", 2).value[0].value]
    assert values[0] == used(load, START, START + DAY)
    assert values[8:16] == [0] * 8
    assert home.metrology.registers() == before
    refused = home.ask("ECS05", access_request(0, action(9, obis("0-0:10.0.100"), 1, uint16(98))))
    assert [result.code for result in refused.results] == [ResultCode.OTHER_REASON]


def test_nothing_flows_while_the_switch_is_open() -> None:
    load, closed = Wobbly(), [True]
    home = Metering(load, connected=lambda: closed[0])
    home.run(START + 600)
    closed[0] = False
    home.metrology.supply_moved()
    home.run(START + 6 * HALF_HOUR)
    assert home.read(1, "0-0:94.44.34.20", 2).value[0] == uint32(0)
    closed[0] = True
    home.metrology.supply_moved()
    home.run(START + 8 * HALF_HOUR)
    first = load.amount(START // HALF_HOUR) // 3
    rest = used(load, START + 6 * HALF_HOUR, START + 8 * HALF_HOUR)
    assert home.metrology.state.primary.total == first + rest
    assert [row[1] for row in home.log(IMPORT)][:3] == [first, 0, 0]


def test_half_hours_of_an_outage_are_recorded_empty() -> None:
    load = Wobbly()
    home = Metering(load)
    home.restart(START + 900, MIDNIGHT + 900)
    home.run(MIDNIGHT + HALF_HOUR)
    profile = home.log(IMPORT)
    assert {later[0] - before[0] for before, later in pairwise(profile)} == {HALF_HOUR}  # type: ignore[operator]
    first = load.amount(START // HALF_HOUR) // 2
    last = load.amount(MIDNIGHT // HALF_HOUR)
    assert [row[1] for row in profile] == [first, *[0] * 23, last - last // 2]
    assert [row[:2] for row in home.log("0-0:99.1.3")] == [(MIDNIGHT, first)]


@pytest.mark.parametrize("ahead", [-2 * HALF_HOUR, 5 * HALF_HOUR])
def test_an_outage_of_a_meter_whose_clock_is_wrong(ahead: int) -> None:
    load = Wobbly()
    home = Metering(load)
    home.device.clock.force(START + ahead)
    lost, back = START + 2 * HALF_HOUR, START + 6 * HALF_HOUR
    home.restart(lost, back)
    home.run(back + HALF_HOUR)
    assert home.metrology.state.primary.total == used(load, START, lost) + used(load, back, back + HALF_HOUR)
    assert [entry.at for entry in home.device.logs.power()] == [lost + ahead, back + ahead]


@pytest.mark.parametrize("step", [-700, 900, 3 * HALF_HOUR + 5, -5 * HALF_HOUR])
def test_a_set_clock_loses_no_energy(step: int) -> None:
    load = Wobbly()
    home = Metering(load)
    home.run(START + 1000)
    home.device.hear_hub_time(START + 1000 + step, True, START + 1000)
    home.ask("ECS70", set_clock(START, START + DAY) if step > 0 else set_clock(START - DAY, START + DAY))
    assert home.device.now == START + 1000 + step
    home.run(START + 10 * HALF_HOUR)
    home.metrology.settle()
    assert home.metrology.state.primary.total == used(load, START, START + 10 * HALF_HOUR)
    stamps = [row[0] for row in home.log(IMPORT)]
    recorded = sum(row[1] for row in home.log(IMPORT) if isinstance(row[1], int))
    assert recorded + home.metrology.state.half_hour[0] == home.metrology.state.primary.total
    assert all(isinstance(stamp, int) and stamp % HALF_HOUR == 0 for stamp in stamps)
    if step > -HALF_HOUR:
        assert len(set(stamps)) == len(stamps)


@pytest.mark.parametrize("drift", [100, -100])
def test_a_drifting_clock_loses_no_energy_and_no_half_hour(drift: int) -> None:
    """8.6 s a day, taken back when the meter compares itself with the hub."""
    load = Wobbly()
    home = Metering(load, personality=Personality(clock=ClockSettings(drift=drift)))
    home.run(START + 10 * DAY)
    home.metrology.settle()
    state = home.metrology.state
    passed = state.until_true - state.until_true % HALF_HOUR
    begun = load.amount(passed // HALF_HOUR) * (state.until_true - passed) // HALF_HOUR
    assert state.primary.total == used(load, START, passed) + begun
    assert abs(state.until_true - START - 10 * DAY) <= 1
    stamps = [row[0] for row in home.log(IMPORT)]
    assert stamps == list(range(START + HALF_HOUR, state.slot_end, HALF_HOUR))
    recorded = sum(row[1] for row in home.log(IMPORT) if isinstance(row[1], int))
    assert recorded + state.half_hour[0] == state.primary.total


def test_power_and_price_registers() -> None:
    home = Metering(Wobbly())
    home.ask("ECS01a", set_tariff(days((0, 1), (13 * 3600, 2)), price_matrix({b"\x01": 150, b"\x02": 250}, -4)))
    assert home.read(3, "0-0:94.44.1.7", 2) == uint32(1500)
    assert home.read(3, "0-0:94.44.1.7", 3) == structure(int8(-5), enum(254))
    home.run(START + 3600)
    assert home.read(3, "0-0:94.44.1.7", 2) == uint32(2500)
    total, unit, first = home.read(1, "0-0:94.44.34.20", 2).value
    assert total == first
    assert unit == structure(int8(0), enum(27))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (
            "0-0:94.44.34.10",
            structure(uint32(10), structure(int8(0), enum(30)), uint32(5), structure(int8(0), enum(32))),
        ),
        ("0-0:94.44.34.1", structure(array(*[uint32(each) for each in range(48)]))),
        ("0-0:94.44.34.2", structure(array(*[uint32(each) for each in range(64)]))),
        ("0-0:94.44.34.20", structure(uint32(7), structure(int8(0), enum(27)), uint32(7))),
    ],
)
def test_what_is_preset_is_read(name: str, value: Data) -> None:
    home = Metering()
    assert home.read(1, name, 2) != value
    home.device.cosem.preset((1, obis(name), 2), value)
    assert home.read(1, name, 2) == value


@dataclass
class Bill:
    """Charged for energy; ``room`` is what it may cost without being looked at again."""

    room: int = 1 << 60
    charges: list[tuple[Instant, int]] = field(default_factory=list)

    def headroom(self, _now: Instant, _until: Instant) -> int:
        return self.room

    def charge(self, at: Instant, cost: int) -> None:
        self.charges.append((at, cost))


def test_energy_costs_what_a_plain_reckoning_says() -> None:
    load = Wobbly()
    home = Metering(load)
    bill = home.metrology.biller = Bill()
    prices = price_matrix({b"\x01": 1517, b"\xa1": 2011, b"\xb1": 3303})
    limits = [(2000,), *[UNUSED] * 7]
    home.ask("ECS01a", set_tariff(days((0, 1), (7 * 3600, 101)), prices, thresholds=limits))
    home.run(START + 2 * DAY)
    worth, counted = 0, 0
    for slot in range(START // HALF_HOUR, (START + 2 * DAY) // HALF_HOUR):
        for _ in range(load.amount(slot)):
            night = slot % 48 < 14
            worth += 1517 if night else 2011 if counted < 2000 else 3303
            counted += not night
    assert sum(cost for _at, cost in bill.charges) == worth // 1000


def test_a_short_account_is_charged_every_minute() -> None:
    load = Wobbly()
    home = Metering(load)
    bill = home.metrology.biller = Bill(room=0)
    home.ask("ECS01a", set_tariff(days((0, 1)), price_matrix({b"\x01": 30000})))
    home.run(START + 4 * HALF_HOUR)
    times = [at for at, _cost in bill.charges]
    assert {at % 60 for at in times} == {0}
    slot = next(slot for slot in range(START // HALF_HOUR + 1, START // HALF_HOUR + 4) if load.amount(slot) > 60)
    inside = [at for at in times if slot * HALF_HOUR < at <= (slot + 1) * HALF_HOUR]
    assert inside == list(range(slot * HALF_HOUR + LOOK_EVERY, (slot + 1) * HALF_HOUR + 1, LOOK_EVERY))
    assert sum(cost for _at, cost in bill.charges) == 30 * used(load, START, START + 4 * HALF_HOUR)


def test_a_meter_that_takes_local_time_for_utc_is_an_hour_early_in_summer() -> None:
    load = Wobbly()
    home = Metering(load, personality=Personality(defects=frozenset({TARIFF_IN_LOCAL_TIME})))
    home.ask("ECS01a", set_tariff(days((0, 1), (7 * 3600, 2)), price_matrix({})))
    summer = instant(2026, 3, 30)
    home.run(summer)
    home.metrology.settle()
    rates = list(home.metrology.state.primary.tou)
    home.run(summer + DAY)
    home.metrology.settle()
    day = used(load, summer + 6 * 3600, summer + 23 * 3600)
    assert home.metrology.state.primary.tou[1] - rates[1] == day
    assert is_summer_time(summer)
    assert not is_summer_time(instant(2026, 3, 29))


def test_a_faulty_update_clears_registers() -> None:
    home = Metering(Wobbly(), personality=Personality(defects=frozenset({UPDATE_CLEARS_REGISTERS})))
    home.run(START + DAY)
    home.device.alerts.event(0x8F43)
    assert home.read(1, "0-0:94.44.34.10", 2).value[0] == uint32(0)


def test_planned_defects_show_in_the_profile() -> None:
    load = Wobbly()
    home = Metering(load, personality=Personality(defects=frozenset({PROFILE_IN_WATTS, STAMPED_AT_START})))
    home.run(START + HALF_HOUR)
    assert home.log(IMPORT) == [(START, 2 * load.amount(START // HALF_HOUR))]


def test_state_is_saved_whenever_it_changes() -> None:
    home = Metering(Wobbly(), variant="C")
    for moment in (1, 1800, 5000, DAY, 40 * DAY):
        home.run(START + moment)
        home.read(1, "0-0:94.44.34.10", 2)
        home.run(START + moment)
        assert home.device.unsaved() == []
