"""The inventory: statuses and their order, relations, systems, history; in memory and in a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.database import DatabaseError
from bench.device_model import DeviceModel
from bench.inventory import (
    TRANSITIONS,
    Inventory,
    InventoryError,
    Status,
    TransitionError,
    UnknownDeviceError,
)
from bench.relations import RELATIONS
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import DAY, instant

NOW = instant(2026, 1, 1)
HUB, PROXY, ESME, GSME, PPMID, SWITCH, IHD = (eui64(f"00DB1234567890{n:02X}") for n in range(0xA0, 0xA7))
KINDS = {
    HUB: DeviceType.CHF,
    PROXY: DeviceType.GPF,
    ESME: DeviceType.ESME,
    GSME: DeviceType.GSME,
    PPMID: DeviceType.PPMID,
    SWITCH: DeviceType.HCALCS,
    IHD: DeviceType.TYPE_2,
}
MODEL = DeviceModel(DeviceType.ESME, 0x1234, 0x5678)
HOME = ((PROXY, HUB), (ESME, HUB), (GSME, PROXY), (PPMID, ESME), (PPMID, PROXY), (SWITCH, ESME), (IHD, ESME))


@pytest.fixture
def inventory() -> Iterator[Inventory]:
    made = Inventory()
    for device, kind in KINDS.items():
        made.add(device, kind, NOW)
    for lower, upper in HOME:
        made.relate(lower, upper, NOW)
    yield made
    made.close()


def commission(inventory: Inventory, *devices: Eui64) -> None:
    for device in devices:
        inventory.set_status(device, Status.INSTALLED, NOW, "installed")
        inventory.contact(device, NOW)
        inventory.set_status(device, Status.COMMISSIONED, NOW, "all is there")


def test_a_new_device_is_pending(inventory: Inventory) -> None:
    known = inventory.device(ESME)
    assert (known.status, known.contact, known.model, known.firmware) == (Status.PENDING, False, None, b"")
    with pytest.raises(InventoryError, match="in the inventory already"):
        inventory.add(ESME, DeviceType.ESME, NOW)
    with pytest.raises(UnknownDeviceError, match="90-AF is not in the inventory"):
        inventory.device(eui64("00DB1234567890AF"))


def test_a_model_is_one_of_the_device_s_kind() -> None:
    inventory = Inventory()
    with pytest.raises(InventoryError, match="is a GSME, and ESME 1234:5678 is no model of that"):
        inventory.add(GSME, DeviceType.GSME, NOW, model=MODEL)
    inventory.add(ESME, DeviceType.ESME, NOW, model=MODEL, hardware=0x9ABC, firmware=b"\x02\x00\x00\x01")
    known = inventory.device(ESME)
    assert (known.model, known.hardware, known.firmware) == (MODEL, 0x9ABC, b"\x02\x00\x00\x01")
    assert [each.eui64 for each in inventory.devices(model=MODEL)] == [ESME]


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_only_the_steps_of_the_table_are_taken(before: Status, after: Status) -> None:
    inventory = Inventory()
    inventory.add(HUB, DeviceType.CHF, NOW)
    inventory.contact(HUB, NOW)
    for status in _way_to(before):
        inventory.set_status(HUB, status, NOW, "on the way")
    allowed = TRANSITIONS[before] | ({Status.PENDING} if before is Status.SUSPENDED else set())
    if after in allowed:
        assert inventory.set_status(HUB, after, NOW, "tried").status is after
        return
    with pytest.raises(TransitionError, match=f"is {before} and cannot become {after}") as refused:
        inventory.set_status(HUB, after, NOW, "tried")
    assert (refused.value.before, refused.value.wanted) == (before, after)
    assert inventory.device(HUB).status is before


def _way_to(status: Status) -> list[Status]:
    ways: dict[Status, list[Status]] = {Status.PENDING: []}
    for known in (ordered := [Status.PENDING]):
        for after in sorted(TRANSITIONS[known] - set(ways)):
            ways[after] = [*ways[known], after]
            ordered.append(after)
    return ways[status]


def test_a_device_is_commissioned_when_contact_and_relation_are_shown() -> None:
    inventory = Inventory()
    for device in (HUB, ESME):
        inventory.add(device, KINDS[device], NOW)
        inventory.set_status(device, Status.INSTALLED, NOW, "installed")
    with pytest.raises(TransitionError, match=r"two-way communication.* and it has no relation"):
        inventory.set_status(ESME, Status.COMMISSIONED, NOW, "too early")
    inventory.contact(ESME, NOW)
    assert inventory.missing(ESME) == ("it has no relation to a hub or a meter",)
    inventory.relate(ESME, HUB, NOW)
    assert inventory.set_status(ESME, Status.COMMISSIONED, NOW, "now").status is Status.COMMISSIONED
    assert inventory.missing(HUB) == ("two-way communication over the WAN has not been shown",)


def test_relations_are_those_of_the_kinds(inventory: Inventory) -> None:
    assert inventory.hangs_on(PPMID) == (PROXY, ESME)
    assert set(inventory.dependents(HUB)) == {PROXY, ESME, GSME, PPMID, SWITCH, IHD}
    assert set(inventory.dependents(ESME)) == {PPMID, SWITCH, IHD}
    assert inventory.dependents(SWITCH) == ()
    with pytest.raises(InventoryError, match="a HCALCS does not hang on a GSME"):
        inventory.relate(SWITCH, GSME, NOW)
    inventory.unrelate(SWITCH, ESME, NOW)
    with pytest.raises(InventoryError, match="does not hang on"):
        inventory.unrelate(SWITCH, ESME, NOW)
    assert inventory.hangs_on(SWITCH) == ()
    assert not any(RELATIONS[DeviceType.CHF])


def test_a_system_is_enrolled_when_all_its_devices_are_commissioned(inventory: Inventory) -> None:
    electricity = {each.eui64 for each in inventory.system(ESME)}
    gas = {each.eui64 for each in inventory.system(GSME)}
    assert electricity == {HUB, ESME, PPMID, SWITCH}  # a display of type 2 is no part of it
    assert gas == {HUB, PROXY, GSME, PPMID}
    commission(inventory, HUB, ESME, PPMID)
    assert not inventory.enrolled(ESME)
    commission(inventory, SWITCH)
    assert inventory.enrolled(ESME)
    assert not inventory.enrolled(GSME)
    commission(inventory, PROXY, GSME)
    assert inventory.enrolled(GSME)
    with pytest.raises(InventoryError, match="is no meter"):
        inventory.system(HUB)


def test_a_meter_without_a_hub_is_never_enrolled() -> None:
    inventory = Inventory()
    inventory.add(GSME, DeviceType.GSME, NOW)
    assert [each.eui64 for each in inventory.system(GSME)] == [GSME]
    assert not inventory.enrolled(GSME)


def test_a_suspension_takes_along_what_hangs_on_the_device_and_ends_where_it_began(inventory: Inventory) -> None:
    commission(inventory, HUB, ESME)
    inventory.set_status(GSME, Status.DECOMMISSIONED, NOW, "taken away")
    assert set(inventory.suspend([HUB], NOW + DAY, "lapsed")) == {HUB, PROXY, ESME, PPMID, SWITCH, IHD}
    assert inventory.suspend([HUB, ESME], NOW + DAY, "again") == ()
    assert inventory.device(GSME).status is Status.DECOMMISSIONED
    with pytest.raises(TransitionError, match="it may become commissioned, decommissioned, withdrawn"):
        inventory.set_status(ESME, Status.INSTALLED, NOW, "not from there")
    assert inventory.lift(ESME, NOW, "certified anew").status is Status.COMMISSIONED
    assert inventory.lift(PPMID, NOW, "certified anew").status is Status.PENDING
    with pytest.raises(TransitionError, match="it is not suspended"):
        inventory.lift(ESME, NOW, "twice")


def test_every_change_is_kept(inventory: Inventory) -> None:
    before = len(inventory.history())
    inventory.set_status(ESME, Status.INSTALLED, NOW + 5, "fitted")
    inventory.contact(ESME, NOW + 6)
    inventory.contact(ESME, NOW + 7)  # is known
    inventory.set_firmware(ESME, b"\x00\x00\x00\x02", NOW + 8, "read")
    kept = inventory.history(ESME)[-3:]
    assert [(each.at, each.what, each.before, each.after) for each in kept] == [
        (NOW + 5, "status", "pending", "installed not commissioned"),
        (NOW + 6, "contact", "none", "shown"),
        (NOW + 8, "firmware", "", "00000002"),
    ]
    assert len(inventory.history()) == before + 3
    with pytest.raises(TransitionError):
        inventory.set_status(ESME, Status.RECOVERED, NOW, "never")
    assert len(inventory.history()) == before + 3


def test_a_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    inventory = Inventory(path)
    inventory.add(HUB, DeviceType.CHF, NOW)
    inventory.close()
    again = Inventory(path)
    assert again.device(HUB).type is DeviceType.CHF
    assert len(again.history()) == 1
    again.close()


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    text, other, newer = tmp_path / "text", tmp_path / "other.sqlite", tmp_path / "newer.sqlite"
    text.write_bytes(b"no database at all" * 100)
    sqlite3.connect(other).execute("CREATE TABLE a (b)")
    made = Inventory(newer)
    made._db.execute("PRAGMA user_version=7")
    made.close()
    wrong = {text: "is not an inventory of devices", other: "a database, but not", newer: "form 7, which is newer"}
    for path, said in wrong.items():
        with pytest.raises(DatabaseError, match=said) as refused:
            Inventory(path)
        assert str(path) in str(refused.value)
    with pytest.raises(DatabaseError, match="cannot be opened"):
        Inventory(tmp_path / "no folder" / "x")


def test_it_knows_who_is_responsible_for_a_device(inventory: Inventory) -> None:
    old, new = eui64("90B3D51F30010000"), eui64("90B3D51F30020000")
    role = RemotePartyRole.SUPPLIER
    assert inventory.parties(ESME) == {}
    inventory.set_party(ESME, role, old, NOW, "commissioned")
    inventory.set_party(ESME, role, old, NOW, "again")
    inventory.set_party(ESME, role, new, NOW, "change of supplier")
    assert inventory.parties(ESME) == {role: new}
    assert [(each.what, each.after) for each in inventory.history(ESME)[-2:]] == [
        ("supplier", "90-B3-D5-1F-30-01-00-00"),
        ("supplier", "90-B3-D5-1F-30-02-00-00"),
    ]
