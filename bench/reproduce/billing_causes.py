"""What makes the alerts with billing data: a date of the billing calendar comes while the registers stand so."""

from __future__ import annotations

from functools import partial

from firmware_emu import Device, Output
from firmware_emu.parts.electricity.billing import CALENDAR, SCHEDULE_CLASS, times
from firmware_emu.parts.electricity.metrology_objects import BLOCK_COLLECTION, IMPORT_COLLECTION, TOU_COLLECTION
from firmware_emu.parts.gas.snapshots import BILLING_PERIOD, GasSnapshots
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, array, enum, int8, structure, uint32
from protocols.dlms.obis import obis
from protocols.gbcs.gbz import Component
from protocols.gbcs.sensitive import decrypt_payload
from protocols.instant import DAY, Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import METERING
from protocols.zigbee.zcl import ClusterCommand

from .stage import EARLIER, NoCause, Stage

_SHORTLY = 60
_WATT_HOUR, _VAR_HOUR = 30, 32


def electricity_bill(stage: Stage) -> list[Output]:
    """The registers stand as the entry has them when the date comes."""
    _at, *columns = _entry(stage)
    twin = not isinstance(columns[1], tuple)
    before = stage.at - _SHORTLY
    device, when = stage.make(before), CosemDateTime.at(stage.at)
    if twin != (device.personality.variant == "B"):
        raise NoCause("a meter of another variant")
    presets = {
        (SCHEDULE_CLASS, CALENDAR, 4): times(when.time, when.date),
        **_registers(columns, twin=twin),
    }

    def load() -> None:
        for (class_id, name, number), value in presets.items():
            device.cosem.preset((class_id, obis(name), number), value)

    return [*device.through(load, before), *device.advance(stage.at)]


def _entry(stage: Stage) -> tuple[object, ...]:
    """The one row of the log entry that the alert carries."""
    for part in decrypt_payload(stage.alert.message, stage.alert.payload, stage.workshop.far_side):
        if isinstance(part.value, Data):
            (log,) = part.value.value
            (row,) = log.value.rows
            return tuple(row)
    raise NoCause("the alert carries no entry that can be read")


def _registers(columns: list[object], *, twin: bool) -> dict[tuple[int, str, int], Data]:
    """Columns: import, rates, then the registers of four blocks; a twin-element meter has its second ones between."""
    total, second = columns[0], columns[1] if twin else None
    rates, second_rates = columns[1 + twin], columns[3] if twin else None
    unit, var = structure(int8(0), enum(_WATT_HOUR)), structure(int8(0), enum(_VAR_HOUR))
    imported = [_number(total), unit, uint32(0), var, *([_number(second)] if twin else [])]
    by_rate = [_numbers(rates), *([_numbers(second_rates)] if twin else [])]
    blocks: list[object] = []
    for block in columns[-4:]:
        blocks += [*_items(block), *([0] * len(_items(block)))]  # registers, then counters, of each block
    return {
        (1, IMPORT_COLLECTION, 2): structure(*imported),
        (1, TOU_COLLECTION, 2): structure(*by_rate),
        (1, BLOCK_COLLECTION, 2): structure(_numbers(blocks)),
    }


def _number(value: object) -> Data:
    if not isinstance(value, int):
        raise NoCause("an entry of an unknown form")
    return uint32(value)


def _items(value: object) -> list[object]:
    if not isinstance(value, tuple | list):
        raise NoCause("an entry of an unknown form")
    return list(value)


def _numbers(value: object) -> Data:
    return array(*[_number(each) for each in _items(value)])


def gas_bill(stage: Stage) -> list[Output]:
    """The registers stand as the snapshot has them when the billing period ends."""
    snapshot = _snapshot(stage)
    causes = snapshot["snapshot_cause"]
    if not causes & BILLING_PERIOD:
        raise NoCause(f"the causes of its snapshot, {causes:08X}, do not name the end of a billing period")
    device = stage.make(stage.at - EARLIER, billing_causes=causes)
    load = partial(_load_gas_bill, device, snapshot, stage.at - DAY)
    return [*device.through(load, device.true_now), *device.advance(stage.at)]


def _load_gas_bill(device: Device, snapshot: ClusterCommand, start: Instant) -> None:
    """The registers and the number of a snapshot, and a billing period of one day from ``start`` on."""
    zcl, snapshots = device.zcl, device.find(GasSnapshots)
    daily = start % DAY == 0  # the daily snapshot of the same midnight is taken first
    snapshots.state.next_metering = snapshot["snapshot_id"] - daily & 0xFFFFFFFF
    snapshots.touch()
    zcl.preset_attribute(METERING, 0x0000, snapshot["current_summation_delivered"])
    for tier, value in enumerate(snapshot["tier_summations_delivered"]):
        zcl.preset_attribute(METERING, 0x0100 + 2 * tier, value)
    for block, value in enumerate(snapshot["block_summations_delivered"]):
        zcl.preset_attribute(METERING, 0x0700 + block, value)
    asked = command_named("Get Billing Period").make(
        earliest_start_time=0, min_issuer_event_id=0xFFFFFFFF, number_of_commands=1, tariff_type=0
    )
    period = command_named("Publish Billing Period").make(
        provider_id=0,
        issuer_event_id=0,
        billing_period_start_time=start,
        billing_period_duration=1,
        billing_period_duration_type=0x21,
        tariff_type=0,
    )
    zcl.preset_command(asked, [period])


def _snapshot(stage: Stage) -> ClusterCommand:
    for part in decrypt_payload(stage.alert.message, stage.alert.payload, stage.workshop.far_side):
        if isinstance(part.value, Component) and isinstance(part.value.content, ClusterCommand):
            return part.value.content
    raise NoCause("the alert carries no snapshot that can be read")
