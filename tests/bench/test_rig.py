"""Rig files: what they say, and what they say wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.home import Home
from bench.rig import KINDS, PARTIES, RigError, embedded_rigs, load_rig, parse_rig
from hal.address import MemoryAddress, PtyAddress, SerialAddress
from protocols.eui64 import eui64
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import instant

HARDWARE = Path(__file__).parents[2] / "hardware"
SMALL = """
name = "small"
[[device]]
name = "meter"
type = "ESME"
eui64 = "00DB1234567890A0"
"""


def complaint(text: str) -> str:
    with pytest.raises(RigError) as error:
        parse_rig(text.encode(), "my-rig.toml")
    return str(error.value)


def test_the_embedded_rig_is_a_dual_fuel_home() -> None:
    rig = load_rig()
    assert [device.type for device in rig.devices[:3]] == [DeviceType.CHF, DeviceType.ESME, DeviceType.GSME]
    assert {device.type for device in rig.devices} == set(DeviceType)
    assert {type(device.reach) for device in rig.devices} == {MemoryAddress, PtyAddress}
    assert rig.virtual_time
    assert rig.started == instant(2026, 7, 1)
    assert len(rig.text_sha256) == 64


@pytest.mark.parametrize("name", embedded_rigs())
def test_every_embedded_rig_is_wholly_emulated(name: str) -> None:
    assert all(device.emulated for device in load_rig(Path(name)).devices)


def test_what_a_rig_leaves_out_has_a_default() -> None:
    rig = parse_rig(SMALL.encode(), "small.toml")
    assert rig.devices[0].emulated
    assert rig.party(RemotePartyRole.SUPPLIER) == PARTIES[RemotePartyRole.SUPPLIER]
    assert rig.with_seed(9).seed == 9
    assert rig.with_seed(None).seed == rig.seed
    assert rig.with_defects("meter", "ignores-role").devices[0].defects == ("ignores-role",)


def test_a_real_port_makes_time_real() -> None:
    rig = parse_rig((SMALL + 'reach = "serial:/dev/ttyUSB0?baud=300&format=7E1"').encode(), "real.toml")
    assert rig.devices[0].reach == SerialAddress("/dev/ttyUSB0", 300, "7E1")
    assert not rig.devices[0].emulated
    assert not rig.virtual_time


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SMALL + 'reech = "memory:"', "my-rig.toml: device[0].reech: unknown key (did you mean 'reach'?)"),
        ("nam = 1\n" + SMALL, "my-rig.toml: nam: unknown key (did you mean 'name'?)"),
        ("source = 'x'\n" + SMALL, "my-rig.toml: source: unknown key"),
        (SMALL + "load = { wats = 1 }", "device[0].load.wats: unknown key (did you mean 'watts'?)"),
        (SMALL + "load = { wh = [1, 2] }", "device[0].load.wh: a day has 48 half-hours, 2 are given"),
        (SMALL + 'auxiliary = ["a", "a", "a", "a", "a", "a"]', "device[0].auxiliary: "),
        (SMALL + 'reach = "seral:/dev/x"', "device[0].reach: 'seral:/dev/x': unknown scheme 'seral'"),
        (
            SMALL.replace("ESME", "TOASTER"),
            "device[0].type: one of ESME, GSME, CHF, GPF, PPMID, HCALCS, SAPC, IHD, not 'TOASTER'",
        ),
        (SMALL.replace("00DB1234567890A0", "00DB"), "device[0].eui64: an EUI-64 has 16 hexadecimal digits"),
        (SMALL + SMALL.partition("\n\n")[2].replace('name = "small"', ""), "two devices have the same name"),
        (SMALL + '[head_end.parties]\nsuplier = "90B3D51F30010000"', "no such role (did you mean 'supplier'?)"),
        (SMALL + '[head_end]\nkeystor = "x"', "head_end.keystor: unknown key (did you mean 'keystore'?)"),
        ('name = "x"', "my-rig.toml: device: missing"),
        ("seed = -1\n" + SMALL, "my-rig.toml: seed: "),
        ("start = 2000-12-31T23:59:59Z\n" + SMALL, "my-rig.toml: start: a time from 2001 to 2129 is needed"),
        ("start = 2130-01-01T00:00:00Z\n" + SMALL, "my-rig.toml: start: a time from 2001 to 2129 is needed"),
        ("name = [", "my-rig.toml: not TOML"),
        ("a = " + "[" * 5000, "my-rig.toml: not TOML"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(text: str, said: str) -> None:
    if "same name" in said:
        text = SMALL + SMALL.replace('name = "small"\n', "")
    assert said in complaint(text)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        RigError, match=r"none\.toml: cannot be read: .*; embedded rigs are dual-fuel-home, faulty-meter"
    ):
        load_rig(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RigError, match=r"binary\.toml: not UTF-8"):
        load_rig(tmp_path / "binary.toml")
    (tmp_path / "long.toml").write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(RigError, match=r"long\.toml: more than"):
        load_rig(tmp_path / "long.toml")


def test_key_folders_are_relative_to_the_rig_file(tmp_path: Path) -> None:
    (tmp_path / "rig.toml").write_text('head_end = { keystore = "keys" }\n' + SMALL + 'keystore = "meter"')
    rig = load_rig(tmp_path / "rig.toml")
    assert rig.head_end.keystore == tmp_path / "keys"
    assert rig.devices[0].keystore == tmp_path / "meter"
    assert rig.devices[0].eui64 == eui64("00DB1234567890A0")


@pytest.mark.parametrize("file", sorted(HARDWARE.rglob("*.toml")), ids=lambda path: path.name)
def test_every_rig_file_of_the_hardware_folder_loads(file: Path) -> None:
    rig = load_rig(file)
    assert any(not device.emulated for device in rig.devices)


def test_the_hardware_folder_explains_every_file_in_it() -> None:
    readme = (HARDWARE / "README.md").read_text()
    files = [file for file in HARDWARE.rglob("*") if file.is_file() and file.name != "README.md"]
    assert files
    assert [file.name for file in files if file.name not in readme] == []


def test_every_kind_of_device_that_a_rig_names_can_be_started() -> None:
    sections = [
        f'[[device]]\nname = "{kind}"\ntype = "{kind}"\neui64 = "00DB1234567890A{n}"\n' for n, kind in enumerate(KINDS)
    ]
    with Home(parse_rig(("name = 'all'\n" + "".join(sections)).encode(), "all.toml")) as home:
        assert [target.kind for target in home.targets] == list(KINDS)
        emulated = [home.emulated(target.name) for target in home.targets]
        assert all(device is not None and device.device.on for device in emulated)
