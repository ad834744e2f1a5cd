"""A meter that cannot trust its clock: rates stay as they are, energy is counted, dated work waits (SMETS2)."""

from __future__ import annotations

import pytest

from firmware_emu import Personality
from firmware_emu.clock import ClockStatus
from firmware_emu.parts.electricity.metrology import SWITCHES_IN_DOUBT
from protocols.instant import DAY, HALF_HOUR, HOUR
from protocols.zigbee.smart_energy_common import METERING

from .gas_rig import EvenLoad, GasRig, read, values
from .metering import Metering, Wobbly, days, price_matrix, set_tariff
from .test_gas_tariff import tariff
from .tiny import START

NIGHT, MORNING = START - START % DAY + DAY, START - START % DAY + DAY + 7 * HOUR
TWO_RATES = days((0, 1), (7 * 3600, 2))
PRICES = price_matrix({b"\x01": 1000, b"\x02": 2000})


def rates(home: Metering) -> list[int]:
    home.metrology.settle()
    return home.metrology.state.primary.tou[:2]


def status(home: Metering) -> ClockStatus:
    return home.device.clock.status


def doubting(home: Metering) -> None:
    """No hub answers any more; the comparison of the next noon fails."""
    home.device.hear_hub_time(None, False, home.rig.now)


def test_the_rate_stays_until_the_time_is_known_again() -> None:
    load = Wobbly()
    home = Metering(load)
    home.ask("ECS01a", set_tariff(TWO_RATES, PRICES))
    home.run(START + HOUR)
    doubting(home)
    home.run(START + DAY)  # the comparison fails at noon: rate 2 is in force
    assert status(home) is ClockStatus.UNRELIABLE
    night, day = rates(home)
    home.run(START + DAY + 18 * HOUR)
    slots = range((START + DAY) // HALF_HOUR, (START + DAY + 18 * HOUR) // HALF_HOUR)
    assert rates(home) == [night, day + sum(map(load.amount, slots))]
    home.device.hear_hub_time(home.rig.now, True, home.rig.now)
    home.run(START + 2 * DAY)
    assert status(home) is ClockStatus.RELIABLE
    before = rates(home)
    home.run(START + 2 * DAY + 13 * HOUR)
    assert rates(home)[0] - before[0] == load.amount((START + 2 * DAY + 12 * HOUR) // HALF_HOUR) + load.amount(
        (START + 2 * DAY + 12 * HOUR) // HALF_HOUR + 1
    )


def test_the_rate_kept_survives_an_outage() -> None:
    home = Metering(Wobbly())
    home.ask("ECS01a", set_tariff(TWO_RATES, PRICES))
    doubting(home)
    home.run(START + DAY + HOUR)
    night, _day = rates(home)
    home.restart(START + DAY + 2 * HOUR, START + DAY + 3 * HOUR)
    home.run(START + DAY + 18 * HOUR)
    assert rates(home)[0] == night
    assert home.device.clock.status is ClockStatus.UNRELIABLE


@pytest.mark.parametrize("defect", [SWITCHES_IN_DOUBT])
def test_a_defect_goes_on_switching(defect: str) -> None:
    home = Metering(Wobbly(), personality=Personality(defects=frozenset({defect})))
    home.ask("ECS01a", set_tariff(TWO_RATES, PRICES))
    doubting(home)
    home.run(START + DAY + HOUR)
    night, _day = rates(home)
    home.run(START + DAY + 18 * HOUR)
    assert rates(home)[0] > night


def test_a_gas_meter_leaves_its_tier_as_it_is() -> None:
    rig = GasRig(EvenLoad(100))  # a Sunday: tier 2
    rig.ask("GCS01a", *tariff())
    rig.device.hear_hub_time(None, False, rig.now)
    rig.run(DAY + HOUR)  # the comparison fails at midnight, with which Monday begins
    before = tiers(rig)
    rig.start()
    rig.device.hear_hub_time(None, False, rig.now)
    rig.run(DAY)
    assert rig.device.clock.status is ClockStatus.UNRELIABLE
    moved = [after - held for held, after in zip(before, tiers(rig), strict=True)]
    assert sorted(moved) == [0, 4800]
    rig.device.hear_hub_time(rig.now, True, rig.now)
    rig.run(5 * DAY)
    assert all(after > held for held, after in zip(before, tiers(rig), strict=True))


def tiers(rig: GasRig) -> list[int]:
    (answer,) = rig.ask("GCS13c", read(METERING, 0x0100, 0x0102))
    return [int(value) for value in values(answer)]
