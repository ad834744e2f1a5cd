"""What a rig can say of the load: constant, a day of half-hours, a household's profile, a file of half-hours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.evidence import Verdict
from bench.rig import HouseholdSection, Load, RigError, load_rig, parse_rig
from bench.rig_text import rig_text
from bench.runner import run_suite, suite_folder
from firmware_emu.load_model import Household
from hal.address import parse_address
from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY, HALF_HOUR, instant

RIG = 'name = "small"\n[[device]]\nname = "meter"\ntype = "ESME"\neui64 = "00DB1234567890A0"\n'
CSV = "start,import_wh,gas_litres\n2026-01-01T00:00,100,7\n2026-01-01T23:30,900,1\n"
MIDNIGHT = instant(2026, 1, 1)
METERS = (DeviceType.ESME, DeviceType.GSME)


def rig_with(folder: Path, load: str) -> Path:
    path = folder / "rig.toml"
    path.write_text(RIG + load)
    return path


def load_of(folder: Path, load: str) -> Load:
    return load_rig(rig_with(folder, load)).devices[0].load


def test_a_file_of_half_hours_is_relative_to_the_rig_and_comes_again_every_day(tmp_path: Path) -> None:
    (tmp_path / "half-hours.csv").write_text(CSV)
    load = load_of(tmp_path, 'load.csv = "half-hours.csv"')
    assert load.watt_hours_between(MIDNIGHT, MIDNIGHT + DAY) == 1000
    assert load.watt_hours_between(MIDNIGHT + 5 * DAY - HALF_HOUR, MIDNIGHT + 5 * DAY + HALF_HOUR // 2) == 950
    assert load.litres_between(MIDNIGHT, MIDNIGHT + DAY) == 8
    assert load.watts_at(MIDNIGHT + DAY) == 200


def test_a_file_that_has_changed_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "half-hours.csv"
    file.write_text(CSV)
    load = load_of(tmp_path, 'load.csv = "half-hours.csv"')
    file.write_text(CSV.replace("900", "400"))
    os.utime(file, ns=(1, 1))  # a time of its own, however coarse the file system's clock is
    assert load.watt_hours_between(MIDNIGHT, MIDNIGHT + DAY) == 500


def test_a_household_is_that_of_its_seed_and_sizes(tmp_path: Path) -> None:
    load = load_of(tmp_path, "load.household = { seed = 7, daily_wh = 9000, solar_watts = 3000 }")
    day = Household(seed=7, daily_wh=9000, solar_watts=3000).day(MIDNIGHT // DAY)
    assert sum(day.imported) > 0
    assert load.watt_hours_between(MIDNIGHT, MIDNIGHT + DAY) == sum(day.imported)
    assert load.litres_between(MIDNIGHT, MIDNIGHT + DAY) == sum(day.gas)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "load.csv: .*half-hours.csv: cannot be read"),
        ("a,b\n", "load.csv: .*half-hours.csv: line 1: the columns are start"),
        (CSV + "2026-01-01T00:10,1,1\n", "line 4: a half-hour begins at minute 0 or 30"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_before_anything_runs(
    tmp_path: Path, content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "half-hours.csv").write_text(content)
    with pytest.raises(RigError, match=said):
        load_of(tmp_path, 'load.csv = "half-hours.csv"')


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ('load = { csv = "x.csv", watts = 5 }', "device[0].load: household and csv stand alone"),
        ("load.household = { sed = 7 }", "device[0].load.household.sed: unknown key (did you mean 'seed'?)"),
    ],
)
def test_what_does_not_go_together_or_is_unknown_is_told(load: str, said: str) -> None:
    with pytest.raises(RigError) as error:
        parse_rig((RIG + load).encode(), "rig.toml")
    assert said in str(error.value)


@pytest.mark.parametrize("load", ['load.csv = "half-hours.csv"', "load.household = { seed = 7 }"])
def test_a_rig_that_is_written_down_keeps_its_load(tmp_path: Path, load: str) -> None:
    (tmp_path / "half-hours.csv").write_text(CSV)
    rig = load_rig(rig_with(tmp_path, load))
    text = rig_text(rig, {"meter": parse_address("tcp:127.0.0.1:4059")}, "counters.json")
    again = parse_rig(text.encode(), "again.toml").devices[0].load
    times = (MIDNIGHT, MIDNIGHT + 3 * DAY)
    assert again.watt_hours_between(*times) == rig.devices[0].load.watt_hours_between(*times) > 0


def test_the_suite_reckons_with_a_household(tmp_path: Path) -> None:
    rig = load_rig()
    members = {"load": Load(household=HouseholdSection(seed=7))}
    devices = tuple(d.model_copy(update=members) if d.type in METERS else d for d in rig.device)
    record = run_suite(
        rig.model_copy(update={"device": devices}),
        tmp_path / "evidence",
        tests=[str(suite_folder() / name) for name in ("test_2_electricity_reads.py", "test_8_gas_proxy.py")],
    )
    assert record.exchanges
    assert {exchange.verdict for exchange in record.exchanges} == {Verdict.PASS}
