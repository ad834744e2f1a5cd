"""A meter on mains that live: averages, thresholds, and the same each time."""

from __future__ import annotations

from firmware_emu import MemoryNvm, Personality
from firmware_emu.devices import esme
from firmware_emu.mains import LEVELS, Mains
from protocols.dlms.data import uint32
from protocols.dlms.obis import obis
from protocols.instant import DAY, HALF_HOUR, HOUR

from .tiny import METER, START
from .whole_meter import alert_codes, meter_keys

AVERAGES = (7, obis("1-0:32.24.0"), 2)


def test_averages_are_those_of_the_mains() -> None:
    mains = Mains(b"home")
    meter = esme.make_device(METER, Personality(), MemoryNvm(), meter_keys(), mains=mains)
    meter.power_on(START)
    meter.advance(START + DAY)
    rows = meter.cosem.read_range(AVERAGES, START + 1, START + DAY).value.rows
    assert len(rows) == 144
    assert [volts for _at, volts in rows] == [mains.volts(at - 1, 1)[0] for at, _volts in rows]
    assert len({volts for _at, volts in rows}) > 4
    assert all(LEVELS[0] - 8 <= volts <= LEVELS[-1] + 4 for _at, volts in rows)


def test_a_busy_evening_passes_a_threshold_and_comes_back() -> None:
    mains = Mains(b"home")
    by_day = [mains.volts(START + slot * HALF_HOUR, 1)[0] for slot in range(48)]
    threshold = sorted(by_day)[6]
    meter = esme.make_device(METER, Personality(), MemoryNvm(), meter_keys(), mains=mains)
    meter.power_on(START)
    meter.cosem.preset((1, obis("1-0:32.31.0.4"), 2), uint32(threshold))
    for hour in range(1, 25):
        meter.advance(START + hour * HOUR)
    found = [entry.code for entry in meter.logs.power()]
    below = [volts < threshold for volts in by_day]
    begun = sum(now and not before for before, now in zip([False, *below], below, strict=False))
    assert found.count(0x8006) == begun > 0
    assert found.count(0x8089) in (begun, begun - 1)
    assert alert_codes(meter.advance(START + DAY + 1)) == []


def test_every_phase_has_its_own_voltage_and_every_home_its_level() -> None:
    mains = Mains(b"another")
    assert any(len(set(mains.volts(START + slot * HALF_HOUR, 3))) > 1 for slot in range(48))
    assert mains.volts(START, 3) == Mains(b"another").volts(START, 3)
    assert len({Mains(bytes((seed,))).volts(START, 1) for seed in range(40)}) > 5
