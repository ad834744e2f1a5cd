"""Six years later: an entry lapses, devices are suspended, work withdrawn, parties told; the list of what is in use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.clock import VirtualClock
from bench.device_model import DeviceModel
from bench.home import Home
from bench.inventory import Inventory, Status, SuspendedError
from bench.products.assurance import NEEDED, Assurance, six_years_after
from bench.products.deployed import deployed_products
from bench.products.entries import Standing
from bench.products.keeping import product_of
from bench.products.lapse import advance, reinstate
from bench.products.listing import CertifiedProducts
from bench.products.planned_work import PlannedWork, Work, WorkKind
from bench.requests import dlms
from bench.rig import load_rig
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import DAY, instant

from .certified import ANYBODY, DCC, DEVICES, ESME, KINDS, LAPSES, MODELS, NOW, SUPPLIER, entry, image, listed, products
from .certified import inventory as home

CHF, GSME, PPMID, HCALCS = DeviceType.CHF, DeviceType.GSME, DeviceType.PPMID, DeviceType.HCALCS
METER = DEVICES[ESME]


def list_of(**expiries: int) -> CertifiedProducts:
    """Every model, certified for six years, those named for another time."""
    made = CertifiedProducts()
    for kind in KINDS:
        held = tuple(Assurance(each, f"{each}-1", expiries.get(kind.name, LAPSES)) for each in NEEDED[kind])
        made.add_model(replace(entry(kind), certificates=held), [listed(image(kind), kind)], ANYBODY, NOW)
    return made


def suspended(inventory: Inventory) -> set[DeviceType]:
    return {each.type for each in inventory.devices(status=Status.SUSPENDED)}


def test_nothing_happens_in_six_years_and_then_everything() -> None:
    made, devices, planned, clock = products(), home(), PlannedWork(), VirtualClock(NOW)
    while clock.now() < LAPSES:
        assert advance(made, devices, planned, clock.now()) == ((), (), (), ())
        clock.advance(min(7 * DAY, LAPSES - clock.now()))
    assert clock.now() == instant(2032, 1, 1)
    lapse = advance(made, devices, planned, clock.now())
    assert set(lapse.models) == set(MODELS.values())
    assert set(lapse.suspended) == set(DEVICES.values())
    assert all(each.standing is Standing.LAPSED for each in made.models())
    assert advance(made, devices, planned, clock.now() + DAY) == ((), (), (), ())


@pytest.mark.parametrize(
    ("lapsing", "wanted"),
    [
        (CHF, set(KINDS)),
        (ESME, {ESME, PPMID, HCALCS}),
        (GSME, {GSME}),
        (PPMID, {PPMID}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_devices_are_suspended_with_those_that_hang_on_them(lapsing: DeviceType, wanted: set[DeviceType]) -> None:
    made, devices = list_of(**{lapsing.name: NOW + DAY}), home()
    lapse = advance(made, devices, PlannedWork(), NOW + DAY)
    assert lapse.models == (MODELS[lapsing],)
    assert suspended(devices) == wanted
    assert {devices.device(each).type for each in lapse.suspended} == wanted
    assert made.changes()[-1].what == "model lapsed"
    assert devices.history(DEVICES[lapsing])[-1].why == f"certification has lapsed: {MODELS[lapsing]}"


def test_supplier_and_network_operator_are_told() -> None:
    made, devices = list_of(GSME=NOW + DAY), home()
    supplier = eui64("90B3D51F30010000")
    devices.set_party(DEVICES[GSME], RemotePartyRole.SUPPLIER, supplier, NOW, "test")
    lapse = advance(made, devices, PlannedWork(), NOW + DAY)
    assert [each.to for each in lapse.notices] == ["supplier 90-B3-D5-1F-30-01-00-00", "network operator"]
    assert lapse.notices[0].text == (
        "00-DB-12-34-56-78-90-A1 is suspended: the certification of GSME 1234:0002 has lapsed"
    )
    assert made.notices() == lapse.notices


def test_what_was_planned_is_withdrawn_and_who_ordered_it_told() -> None:
    made, devices, planned = list_of(ESME=NOW + DAY), home(), PlannedWork()
    switch, gas = DEVICES[HCALCS], DEVICES[GSME]
    order = [
        Work(METER, WorkKind.COMMAND, "activate firmware", NOW + 2 * DAY, "supplier Bright"),
        Work(METER, WorkKind.SCHEDULE, "read the registers", NOW - DAY, "network operator Grid"),
        Work(METER, WorkKind.REQUEST, "update the tariff", NOW + DAY, "supplier Bright"),  # is due now
        Work(switch, WorkKind.REQUEST, "switch at night", NOW + 9 * DAY, "load controller"),
        Work(gas, WorkKind.COMMAND, "close the valve", NOW + 9 * DAY, "supplier Gas"),
    ]
    numbered = [planned.add(work) for work in order]
    lapse = advance(made, devices, planned, NOW + DAY)
    assert {work.what for work in lapse.withdrawn} == {"activate firmware", "read the registers", "switch at night"}
    assert {work.number for work in planned.withdrawn()} == {numbered[at].number for at in (0, 1, 3)}
    assert [work.what for work in planned.standing(gas, NOW + DAY)] == ["close the valve"]
    assert list(planned.standing(METER, NOW + DAY)) == []
    told = {(each.to, each.text.partition(":")[0]) for each in lapse.notices if "withdrawn" in each.text}
    assert told == {
        ("supplier Bright", "future-dated command withdrawn"),
        ("network operator Grid", "schedule withdrawn"),
        ("load controller", "future-dated request withdrawn"),
    }


def test_work_that_is_done_is_not_withdrawn(tmp_path: Path) -> None:
    planned = PlannedWork(tmp_path / "work.sqlite")
    work = planned.add(Work(METER, WorkKind.COMMAND, "activate firmware", NOW + DAY, "supplier"))
    planned.close()
    again = PlannedWork(tmp_path / "work.sqlite")
    assert list(again.standing(METER, NOW)) == [work]
    again.done(work.number)
    assert again.withdraw(METER, NOW) == ()
    again.close()


def test_a_lapse_that_was_broken_off_is_completed() -> None:
    made, devices = list_of(ESME=NOW + DAY), home()
    devices_before = list(devices.devices())

    class KilledError(RuntimeError):
        pass

    class Breaking(PlannedWork):
        def withdraw(self, device: Eui64, now: int) -> tuple[Work, ...]:
            if device == DEVICES[PPMID]:
                raise KilledError
            return super().withdraw(device, now)

    planned = Breaking()
    with pytest.raises(KilledError):
        advance(made, devices, planned, NOW + DAY)
    assert suspended(devices) < {ESME, PPMID, HCALCS}
    assert len(devices_before) == len(KINDS)
    advance(made, devices, PlannedWork(), NOW + DAY)
    assert suspended(devices) == {ESME, PPMID, HCALCS}
    told = [each.text for each in made.notices() if "00-DB-12-34-56-78-90-A3" in each.text]
    assert len(told) == 4  # supplier and network operator, twice


def test_devices_come_back_when_the_model_is_certified_again() -> None:
    made, devices = list_of(ESME=NOW + DAY, CHF=NOW + DAY), home()
    devices.set_status(DEVICES[GSME], Status.SUSPENDED, NOW, "by hand")
    advance(made, devices, PlannedWork(), NOW + DAY)
    assert suspended(devices) == set(KINDS)
    _renew(made, ESME)
    assert reinstate(made, devices, NOW + 2 * DAY) == ()  # the hub's has still lapsed
    _renew(made, CHF)
    back = {devices.device(each).type for each in reinstate(made, devices, NOW + 2 * DAY)}
    assert back == {CHF, ESME, PPMID, HCALCS}
    assert devices.device(METER).status is Status.COMMISSIONED
    assert suspended(devices) == {GSME}  # which no lapse has suspended
    assert advance(made, devices, PlannedWork(), NOW + 3 * DAY) == ((), (), (), ())


def _renew(made: CertifiedProducts, kind: DeviceType) -> None:
    by = DCC if kind is CHF else SUPPLIER
    for each in NEEDED[kind]:
        made.renew(MODELS[kind], Assurance(each, "new", six_years_after(NOW + DAY)), by, NOW + DAY)


def test_models_of_other_devices_stay() -> None:
    made, devices = list_of(ESME=NOW + DAY), home()
    other = eui64("00DB1234567890EE")
    devices.add(other, ESME, NOW, model=DeviceModel(ESME, 9, 9))
    advance(made, devices, PlannedWork(), NOW + DAY)
    assert devices.device(other).status is Status.PENDING


# the Deployed Products List


def test_combinations_in_use_are_listed_once() -> None:
    devices = home()
    for number in (1, 2):
        _small_home(devices, number, b"\x03\x00\x00\x01")
    _small_home(devices, 3, b"\x03\x00\x00\x02")
    found = deployed_products(devices)
    assert [each.number for each in found] == [2, 1, 1]
    assert [str(each) for each in found[0].products] == [
        "CHF 1234:0003 hardware 0001 firmware 03000001",
        "ESME 1234:0001 hardware 0001 firmware unknown",
    ]
    assert {len(each.products) for each in found[1:]} == {2, 5}


def test_only_what_is_commissioned_is_deployed() -> None:
    devices = home()
    devices.set_status(DEVICES[GSME], Status.SUSPENDED, NOW, "test")
    (found,) = deployed_products(devices)
    assert {each.model.type for each in found.products} == set(KINDS) - {GSME}
    devices.set_status(DEVICES[CHF], Status.DECOMMISSIONED, NOW, "test")
    assert deployed_products(devices) == ()


def _small_home(devices: Inventory, number: int, firmware: bytes) -> None:
    hub, meter = eui64(f"0000000000000{number}01"), eui64(f"0000000000000{number}02")
    devices.add(hub, CHF, NOW, model=MODELS[CHF], hardware=1, firmware=firmware)
    devices.add(meter, ESME, NOW, model=MODELS[ESME], hardware=1)
    devices.relate(meter, hub, NOW)
    for device in (hub, meter):
        devices.set_status(device, Status.INSTALLED, NOW, "fitted")
        devices.contact(device, NOW)
        devices.set_status(device, Status.COMMISSIONED, NOW, "complete")


def test_a_home_speaks_no_more_to_a_device_whose_certification_has_ended() -> None:
    rig = load_rig()
    with Home(rig.model_copy(update={"device": rig.devices[:2]})) as living:
        hub, meter = living.targets
        found = product_of(living, meter)
        assert found is not None
        model, hardware = found
        ends = tuple(Assurance(each, f"{each}-1", living.clock.now() + DAY) for each in NEEDED[ESME])
        held = replace(entry(ESME), model=model, hardware=(hardware,), certificates=ends)
        living.lists.products.add_model(held, [replace(listed(image(ESME)), model=model)], ANYBODY, living.clock.now())
        assert meter.ask(dlms("ECS52")).data
        living.pass_time(DAY + 60)
        assert living.lists.inventory.device(meter.eui64).status is Status.SUSPENDED
        sent = meter.session.sent
        with pytest.raises(SuspendedError, match="certification has lapsed"):
            meter.ask(dlms("ECS52"))
        assert meter.session.sent == sent
        assert hub.ask(dlms("ECS26n")).data
