"""A year of a whole electricity meter, and a plain loop that does the same arithmetic and keeps the same rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from firmware_emu import Device, MemoryNvm, Personality
from firmware_emu.devices.esme import make_device
from firmware_emu.load_model import Household
from protocols.dlms.data import array, uint32
from protocols.dlms.obis import obis
from protocols.instant import DAY, HALF_HOUR, Instant, instant

from .metering import days, price_matrix, seasons, weeks
from .tiny import METER, meter_keys

START, END = instant(2026, 1, 1), instant(2027, 1, 1)
HOME = Household(seed=7, solar_watts=3000)
NIGHT, DAYTIME, PEAK = 1500, (2400, 2700), 3600
LIMIT = 6000


@dataclass
class Reckoning:
    """What a meter ends the year with."""

    tou: list[int] = field(default_factory=lambda: [0, 0])
    blocks: list[int] = field(default_factory=lambda: [0, 0])
    worth: int = 0
    sums: list[int] = field(default_factory=lambda: [0] * 3)
    highest: list[int] = field(default_factory=lambda: [0] * 2)
    profile: list[tuple[Instant, int]] = field(default_factory=list)
    exported: list[tuple[Instant, int, int]] = field(default_factory=list)
    reactive: list[tuple[Instant, int]] = field(default_factory=list)
    voltage: list[tuple[Instant, int]] = field(default_factory=list)
    daily: list[tuple[int, ...]] = field(default_factory=list)
    consumption: list[tuple[Instant, int]] = field(default_factory=list)
    bills: list[tuple[int, ...]] = field(default_factory=list)


def plain_year() -> Reckoning:
    """Night rate until 7, two blocks a month until 16, peak until 19, night again."""
    found, counted = Reckoning(), 0
    for day in range(START // DAY, END // DAY):
        load, today = HOME.day(day), 0
        for place in range(48):
            energy, end = load.imported[place], day * DAY + (place + 1) * HALF_HOUR
            if place < 14 or place >= 38:
                found.tou[0] += energy
                found.worth += energy * NIGHT
            elif place >= 32:
                found.tou[1] += energy
                found.worth += energy * PEAK
            else:
                first = min(energy, max(0, LIMIT - counted))
                found.blocks[0] += first
                found.blocks[1] += energy - first
                found.worth += first * DAYTIME[0] + (energy - first) * DAYTIME[1]
                counted += energy
            made, reactive, reactive_made = (
                load.exported[place],
                load.reactive_imported[place],
                load.reactive_exported[place],
            )
            found.sums[0] += made
            found.sums[1] += reactive
            found.sums[2] += reactive_made
            found.highest[0] = max(found.highest[0], 2 * energy)
            found.highest[1] = max(found.highest[1], 2 * made)
            found.profile.append((end, energy))
            found.exported.append((end, made, reactive_made))
            found.reactive.append((end, reactive))
            today += energy
        midnight = (day + 1) * DAY
        found.voltage += [(at, 230) for at in range(midnight - DAY + 600, midnight + 1, 600)]
        row = (midnight, *found.tou, *([0] * 46), *found.blocks, *([0] * 30))
        found.daily.append(row)
        found.consumption.append((midnight, today))
        if midnight in BILLS:
            found.bills.append(row)
            counted = 0
    return found


BILLS = frozenset(instant(2026, month, 1) for month in range(2, 13)) | {END}


def new_meter() -> Device:
    """On the tariff of the plain reckoning."""
    meter = make_device(METER, Personality(), MemoryNvm(), meter_keys(), HOME)
    meter.power_on(START)
    prices = {b"\x01": NIGHT, b"\x02": PEAK, b"\xa1": DAYTIME[0], b"\xb1": DAYTIME[1]}
    switches = days((0, 1), (7 * 3600, 101), (16 * 3600, 2), (19 * 3600, 1))
    unused = uint32(0xFFFFFFFF)
    for key, value in (
        ((20, obis("0-0:13.0.0"), 3), seasons()),
        ((20, obis("0-0:13.0.0"), 4), weeks()),
        ((20, obis("0-0:13.0.0"), 5), switches),
        ((113, obis("0-0:19.20.0"), 5), price_matrix(prices)),
        ((21, obis("0-0:16.0.11"), 2), array(uint32(LIMIT), unused, unused)),
    ):
        meter.cosem.preset(key, value)
    return meter


def check(meter: Device, plain: Reckoning) -> None:
    """The meter ends the year with what the plain loop reckons, to the last unit."""
    state: Any = meter.part("metrology").state
    assert state.primary.tou[:2] == plain.tou
    assert [row[0] for row in state.primary.block[:2]] == plain.blocks
    balance: Any = meter.cosem.read((112, obis("0-0:19.10.0"), 2)).value
    assert balance == -(plain.worth // 1000)
    assert [state.active_export, state.reactive_import, state.reactive_export] == plain.sums
    demand: Any = meter.part("maximum demand").state
    assert [demand.imported.watts, demand.exported.watts] == plain.highest
    profiles: Any = meter.part("profiles")
    assert profiles.imported.rows() == plain.profile
    assert profiles.exported.rows() == plain.exported[-4464:]
    assert profiles.consumption.rows() == plain.consumption
    voltage: Any = meter.cosem.read_range((7, obis("1-0:32.24.0"), 2), 0, END).value.rows
    assert list(voltage) == plain.voltage[-4320:]
    billing: Any = meter.part("billing")
    assert [(at, *tou[:2]) for at, _total, *tou in billing.registers_log.rows()] == [bill[:3] for bill in plain.bills]
