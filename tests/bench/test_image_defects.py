"""Firmware with a planned defect is found by the run, at an exchange that names it; good firmware is not reported.

The image is brought to the device as any other is, through the gate and over the wire; then the suite finds out. Each
defect is tried on a small home with the tests that concern it, and some in the whole run.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from bench.commands.run import run_run
from bench.device_model import DeviceModel
from bench.evidence import RunRecord, Verdict
from bench.exit_codes import ExitCode
from bench.firmware import read_firmware
from bench.firmware.examples import build_example, maker, manifest, names
from bench.home import Home
from bench.products.assurance import NEEDED, Assurance, six_years_after
from bench.products.entries import ListedFirmware, ListedModel
from bench.products.hashes import hashes_of
from bench.products.listing import CertifiedProducts
from bench.products.parties import ListParty, PartyKind
from bench.products.rig_images import NoImage, RigImages
from bench.rig import Rig, load_rig
from bench.runner import run_suite, suite_folder
from protocols.gbcs.roles import DeviceType

HUB, ELECTRICITY, GAS, PROXY = "hub", "electricity-meter", "gas-meter", "gas-proxy"
DISPLAY, SWITCH, CONTROLLER = "prepayment-display", "load-switch", "load-controller"
FIRMWARE = "test_0_firmware.py"
GAS_SIDE = (HUB, GAS, PROXY)


class Found(NamedTuple):
    """How a defect is found: the devices of the home, whose image it is, the test file, and each exchange that fails.

    By the title of an exchange: its device, and words from its reason.
    """

    home: tuple[str, ...]
    device: str
    test: str
    exchanges: dict[str, tuple[str, str]]


_ALONE = (ELECTRICITY,)
_REPLAYS = {
    "The same command once more, octet for octet": (ELECTRICITY, "expected none, found response 004C"),
    "The same critical command once more, octet for octet": (ELECTRICITY, "expected none, found response 004F"),
}
_SILENT_METER = {
    "Read register of the proxy": (PROXY, "time: expected"),
    "Read profile log": (PROXY, "found not found for all 1"),
    "Read daily read log": (PROXY, "reading at midnight: expected"),
    "Read daily consumption log": (PROXY, "found not found for all 1"),
}

DEFECTS: dict[str, Found] = {
    "esme-update-clears-registers": Found(
        _ALONE, ELECTRICITY, FIRMWARE,
        {"What the update has left alone": (ELECTRICITY, "import register, Wh: expected")},
    ),
    "gsme-registers-lost-at-start": Found(
        GAS_SIDE, GAS, FIRMWARE,
        {"What the update has left alone": (GAS, "register, litres: expected")},
    ),
    "esme-does-not-start": Found(
        _ALONE, ELECTRICITY, FIRMWARE,
        {"Activate firmware 02000002": (ELECTRICITY, "found activation failure, version 02000001")},
    ),
    "esme-activates-without-hash": Found(
        _ALONE, ELECTRICITY, FIRMWARE,
        {
            "Activate firmware by the hash of another image than the one that waits": (
                ELECTRICITY, "result: expected HASH_MISMATCH, found SUCCESS",
            )
        },
    ),
    "esme-hashes-whole-file": Found(
        _ALONE, ELECTRICITY, FIRMWARE,
        {"Receipt of the image": (ELECTRICITY, "hash that the device computed: expected")},
    ),
    "esme-seam-block-twice": Found(
        _ALONE, ELECTRICITY, FIRMWARE,
        {"Deliver firmware 02000003": (ELECTRICITY, "found complete, but no image for this device: thrown away")},
    ),
    "esme-cancel-means-now": Found(
        _ALONE, ELECTRICITY, FIRMWARE,
        {"Take the activation back": (ELECTRICITY, "expected outcome none, found outcome result success")},
    ),
    "esme-accepts-replayed-counter": Found(_ALONE, ELECTRICITY, "test_9_refusals.py", _REPLAYS),
    "gsme-accepts-replayed-counter": Found(
        GAS_SIDE, GAS, "test_9_refusals.py",
        dict.fromkeys(_REPLAYS, (GAS, "answer to what must be refused: expected none, found response")),
    ),
    "esme-profile-in-watts": Found(
        _ALONE, ELECTRICITY, "test_2_electricity_reads.py",
        {
            "Read half-hour profile": (ELECTRICITY, "energy of a half-hour: expected 225 ± 1 Wh, found 450 Wh"),
            "Read daily consumption log": (ELECTRICITY, "consumption of a whole day: expected 16770"),
        },
    ),
    "esme-profile-stamped-at-start": Found(
        _ALONE, ELECTRICITY, "test_2_electricity_reads.py",
        {"Read half-hour profile": (ELECTRICITY, "ends of the half-hours: expected")},
    ),
    "esme-log-end-excluded": Found(
        _ALONE, ELECTRICITY, "test_2_electricity_reads.py",
        {"Read half-hour profile": (ELECTRICITY, "ends of the half-hours: expected")},
    ),
    "esme-daily-log-in-local-time": Found(
        _ALONE, ELECTRICITY, "test_2_electricity_reads.py",
        {"Read daily consumption log": (ELECTRICITY, "T00:00:00Z, found 2026-07-02T23:00:00Z")},
    ),
    "esme-tariff-in-local-time": Found(
        _ALONE, ELECTRICITY, "test_3_electricity_rates.py",
        {"Read time-of-use registers a minute before the switch": (ELECTRICITY, "booked on the low rate: expected")},
    ),
    "esme-rate-stuck-after-update": Found(
        _ALONE, ELECTRICITY, "test_3_electricity_rates.py",
        {"Read time-of-use registers an hour after the switch": (ELECTRICITY, "Wh, found 0 Wh")},
    ),
    "esme-alert-storm": Found(
        _ALONE, ELECTRICITY, "test_3_electricity_alerts.py",
        {"A magnet is held to the meter for ten minutes": (ELECTRICITY, "found 11 to the network operator")},
    ),
    "esme-alerts-to-losing-supplier": Found(
        _ALONE, ELECTRICITY, "test_7_hand_over.py",
        {
            "Set the clock in an interval that is over, which is told to the supplier": (
                ELECTRICITY, "recipients of alert 8F0C: expected [supplier 90-B3-D5-1F-30-03-00-00], found",
            )
        },
    ),
    "esme-top-up-to-balance-first": Found(
        _ALONE, ELECTRICITY, "test_4_electricity_prepayment.py",
        {"Read balances after a top-up of £1": (ELECTRICITY, "accumulated debt, millipence: expected 0, found 60000")},
    ),
    "gsme-bill-adjusted-with-wrong-sign": Found(
        GAS_SIDE, GAS, "test_5_gas.py",
        {"Read bill after the adjustment": (GAS, "change of the bill: expected -300000 ± 1000, found 300000")},
    ),
    "gsme-stops-reporting": Found(GAS_SIDE, GAS, "test_8_gas_proxy.py", _SILENT_METER),
    "chf-mirror-repeats-last-value": Found(
        GAS_SIDE, HUB, "test_8_gas_proxy.py",
        {"Read profile log": (PROXY, "gas of a half-hour: expected")},
    ),
    "chf-loses-queue": Found(
        GAS_SIDE, HUB, "test_8_gas_proxy.py",
        {"The answer of the gas meter, by way of the hub": (HUB, "answer: expected a response, found none")},
    ),
    "ppmid-display-freezes": Found(
        (HUB, ELECTRICITY, DISPLAY), DISPLAY, "test_8_displays.py",
        {"Read import register, to compare it with the prepayment-display": (ELECTRICITY, "import on the display")},
    ),
    "hcalcs-relay-keeps-last-level": Found(
        (HUB, ELECTRICITY, SWITCH), SWITCH, "test_8_load_control.py",
        {"The relay, the meter silent for two hours": (SWITCH, "relay: expected 0, found 100")},
    ),
    "sapc-auxiliary-period-not-checked": Found(
        (CONTROLLER,), CONTROLLER, "test_8_load_control.py",
        {"Set controller 1 to 60 % for 25 hours": (CONTROLLER, "results: expected a failure")},
    ),
}  # fmt: skip
"""Every example with a defect that a bench can see from outside, and the exchanges, and no others, that fail."""

NOT_VISIBLE = {"ppmid-restarts-download"}
"""A display that begins a download anew takes longer, and does nothing wrong that anybody is told of."""


def small(rig: Rig, *kept: str) -> Rig:
    """The same home with these devices only."""
    return rig.model_copy(update={"device": tuple(each for each in rig.device if each.name in kept)})


def run(rig: Rig, tmp_path: Path, *tests: str) -> RunRecord:
    chosen = [str(suite_folder() / name) for name in dict.fromkeys((FIRMWARE, *tests))] if tests else []
    return run_suite(rig, tmp_path / "evidence", tests=chosen)


def failed(record: RunRecord) -> dict[str, tuple[str, str]]:
    return {e.title: (e.device, e.reason) for e in record.exchanges if e.verdict not in (Verdict.PASS, Verdict.SKIPPED)}


@pytest.mark.parametrize("name", DEFECTS)
def test_the_run_finds_what_is_wrong_with_an_image(tmp_path: Path, name: str) -> None:
    planned = DEFECTS[name]
    rig = small(load_rig(), *planned.home).with_update(planned.device, name)
    record = run(rig, tmp_path, planned.test)
    found = failed(record)
    assert {title: device for title, (device, _) in found.items()} == {
        title: device for title, (device, _) in planned.exchanges.items()
    }
    for title, (_, words) in planned.exchanges.items():
        assert words in found[title][1]
    assert record.verdict is Verdict.FAIL
    assert sum(exchange.verdict is Verdict.PASS for exchange in record.exchanges) > 3 * len(found)


@pytest.mark.parametrize(
    ("home", "tests"),
    sorted({(planned.home, planned.test) for planned in DEFECTS.values()}),
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
def test_good_images_pass_the_same_tests(tmp_path: Path, home: tuple[str, ...], tests: str) -> None:
    record = run(small(load_rig(), *home), tmp_path, tests)
    assert failed(record) == {}
    assert record.verdict is Verdict.PASS
    assert {each.name for each in record.devices if each.updated_to} == set(home)


@pytest.mark.parametrize("name", ["esme-update-clears-registers", "gsme-bill-adjusted-with-wrong-sign"])
def test_in_the_whole_run_one_exchange_fails(tmp_path: Path, name: str) -> None:
    planned = DEFECTS[name]
    found = failed(run(load_rig().with_update(planned.device, name), tmp_path))
    assert set(found) == set(planned.exchanges)


def test_the_whole_run_updates_every_device(tmp_path: Path) -> None:
    record = run(load_rig(), tmp_path)
    assert failed(record) == {}
    updated = {device.name: (device.firmware, device.updated_to) for device in record.devices if device.updated_to}
    assert updated[ELECTRICITY] == ("02000001", "02000002")
    assert set(updated) == {HUB, ELECTRICITY, GAS, PROXY, DISPLAY, SWITCH, CONTROLLER}
    requirements = {text.split(":")[0] for exchange in record.exchanges for text in exchange.requirements}
    assert {"FW-2", "FW-3", "KEY-11", "KEY-13", "KEY-14"} <= requirements


def test_every_example_with_a_defect_is_tried() -> None:
    assert set(DEFECTS) | NOT_VISIBLE == set(names(defective=True)) | {"esme-does-not-start"}
    kinds = {manifest(name).device_type for name in DEFECTS}
    assert kinds == {
        DeviceType.ESME,
        DeviceType.GSME,
        DeviceType.CHF,
        DeviceType.PPMID,
        DeviceType.HCALCS,
        DeviceType.SAPC,
    }


def test_an_image_may_be_left_out(tmp_path: Path) -> None:
    rig = small(load_rig(), ELECTRICITY).with_update(ELECTRICITY, "none")
    record = run(rig, tmp_path, FIRMWARE)
    assert {exchange.verdict for exchange in record.exchanges} == {Verdict.SKIPPED}
    assert "the rig says that electricity-meter is not updated" in {e.reason for e in record.exchanges}


def test_planned_faults_of_a_rig_are_not_updated_away(tmp_path: Path) -> None:
    rig = small(load_rig(), ELECTRICITY).with_defects(ELECTRICITY, "profile-in-watts")
    record = run(rig, tmp_path, "test_2_electricity_reads.py")
    assert "Read half-hour profile" in failed(record)
    assert {each.updated_to for each in record.devices} == {""}


# -- images of one's own ----------------------------------------------------------------------------------------------


def built(tmp_path: Path, name: str = "esme-good", version: str = "02000005") -> Path:
    """An image file for the electricity meter of the usual home."""
    with Home(small(load_rig(), ELECTRICITY)) as home:
        emulated = home.emulated(ELECTRICITY)
        assert emulated is not None
        image = build_example(name, emulated.device.personality, version=version)
    path = tmp_path / "meter.img"
    path.write_bytes(image.encode())
    return path


def listed(tmp_path: Path, image: Path, version: bytes) -> Path:
    """A list of certified products with that image on it under a version."""
    path = tmp_path / "products.cpl"
    model, now = DeviceModel(DeviceType.ESME, 0x1234, 1), load_rig().started
    certificates = tuple(Assurance(kind, "C-1", six_years_after(now)) for kind in NEEDED[DeviceType.ESME])
    octets = read_firmware(image.read_bytes()).manufacturer_image
    firmware = ListedFirmware(model, version, hashes_of(octets, version))
    with closing(CertifiedProducts(path)) as products:
        entry = ListedModel(model, maker().point, (1,), certificates)
        products.add_model(entry, [firmware], ListParty(PartyKind.OTHER, "a maker"), now)
    return path


def test_a_file_is_tested_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rig = tmp_path / "rig.toml"
    rig.write_text(METER_ALONE)
    image = built(tmp_path, "esme-update-clears-registers")
    updates = [f"meter={image}"]
    assert run_run(rig, tmp_path / "e", None, [], None, None, updates, as_json=False) is ExitCode.FAIL
    out = capsys.readouterr().out
    assert "What the update has left alone" in out
    assert "import register, Wh: expected" in out


def test_a_file_that_a_rig_names_lies_beside_it(tmp_path: Path) -> None:
    built(tmp_path)
    file = tmp_path / "rig.toml"
    file.write_text(METER_ALONE + 'update = "meter.img"\n')
    record = run(load_rig(file), tmp_path, FIRMWARE)
    assert failed(record) == {}
    assert [each.updated_to for each in record.devices] == ["02000005"]


def test_firmware_that_runs_already_is_not_brought_again(tmp_path: Path) -> None:
    built(tmp_path, version="02000001")
    file = tmp_path / "rig.toml"
    file.write_text(METER_ALONE + 'update = "meter.img"\n')
    record = run(load_rig(file), tmp_path, FIRMWARE)
    assert failed(record) == {}
    assert "meter runs firmware 02000001 already" in {
        e.reason for e in record.exchanges if e.verdict is Verdict.SKIPPED
    }


def test_a_list_of_ones_own_decides(tmp_path: Path) -> None:
    image = built(tmp_path)
    file = tmp_path / "rig.toml"
    file.write_text('head_end.products = "products.cpl"\n' + METER_ALONE + 'update = "meter.img"\n')
    listed(tmp_path, image, bytes.fromhex("02000005"))
    record = run(load_rig(file), tmp_path, FIRMWARE)
    assert failed(record) == {}
    assert [each.updated_to for each in record.devices] == ["02000005"]
    image.write_bytes(built(tmp_path, "esme-alert-storm").read_bytes())
    (tmp_path / "again").mkdir()
    found = failed(run(load_rig(file), tmp_path / "again", FIRMWARE))
    assert "SHA-256" in found["The gate: may this image be sent and activated?"][1]
    assert {device for device, _ in found.values()} == {"meter"}
    assert not any(title.startswith(("Deliver", "Activate")) for title in found)


def test_with_a_list_of_ones_own_nothing_is_listed_unasked(tmp_path: Path) -> None:
    image = built(tmp_path)
    listed(tmp_path, image, bytes.fromhex("02000005"))
    rig = small(load_rig(), ELECTRICITY).with_products(tmp_path / "products.cpl")
    record = run(rig, tmp_path, FIRMWARE)
    assert {exchange.verdict for exchange in record.exchanges} == {Verdict.SKIPPED}


def test_what_a_real_device_gets_stands_on_a_list_that_somebody_has_made(tmp_path: Path) -> None:
    """Else a run would certify what it tests."""
    file = tmp_path / "rig.toml"
    built(tmp_path)
    file.write_text(METER_ALONE.replace("load.household", "# ") + 'update = "meter.img"\n')
    home: Any = SimpleNamespace(rig=load_rig(file), emulated=lambda _name: None)
    (section,) = home.rig.devices
    target: Any = SimpleNamespace(name=section.name, type=section.type, section=section)
    with pytest.raises(NoImage, match="meter is a real device, and there is no list of certified products"):
        RigImages(home).image(target)


@pytest.mark.parametrize(
    ("updates", "said"),
    [
        (["meter"], "--update: DEVICE=IMAGE expected, found 'meter'"),
        (["oven=esme-good"], "--update: the rig has no device 'oven'; it has meter"),
        (["meter=gsme-good"], "gsme-good: an example for GSME, not for ESME"),
        (["meter=better"], "better: neither a file's name"),
        (["meter=./none.img"], "none.img: No such file"),
        (["meter=./rig.toml"], "rig.toml: an image without header or manifest"),
    ],
)
def test_what_is_no_image_for_a_device_is_said_before_anything_runs(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    updates: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rig.toml").write_text(METER_ALONE)
    assert run_run(Path("rig.toml"), Path("e"), None, [], None, None, updates, as_json=False) is ExitCode.USAGE
    assert said in capsys.readouterr().err
    assert not Path("e").exists()


METER_ALONE = """
name = "meter alone"

[[device]]
name = "meter"
type = "ESME"
eui64 = "00DB1234567890A0"
firmware = "02000001"
load.household = { seed = 7, daily_wh = 9000 }
"""
