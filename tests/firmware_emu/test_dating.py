"""Times in one command must agree; what fails at its time is told by 8F67 (GBCS 9.2)."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_emu.refusals import AccessFailed, ZclFailed
from protocols.dlms.data import uint32
from protocols.gbcs.gbz import ExecutionOutcome
from protocols.instant import DAY
from protocols.zigbee.smart_energy_common import CALENDAR

from .gas_rig import GasRig, calendar, prices, published, statuses, tariff_information
from .test_gas_tariff import CANCEL_CALENDAR, CANCEL_TARIFF, CELLS, CURRENT, WEEKDAYS, WEEKEND, WORKDAY, tariff
from .tiny import START as NOON
from .whole_meter import WholeMeter, moment, obis, set_to

SOON = 2 * DAY


def parts(calendar_at: int, tariff_at: int, prices_at: int) -> list[Any]:
    return [
        *calendar([WORKDAY, WEEKEND], WEEKDAYS, calendar_at),
        tariff_information(tariff_at),
        prices(CELLS, prices_at),
    ]


def test_gas_components_for_different_times_are_all_refused() -> None:
    rig = GasRig()
    at = rig.now + SOON
    assert statuses(rig.ask("GCS01a", *parts(at, at, at + DAY))) == [1] * 8
    rig.run(SOON + 2 * DAY)
    assert rig.alerts() == []
    assert statuses(rig.ask("GCS21f", published("Get Current Price"))) == [0x8B]


def test_cancelling_one_and_dating_another_is_refused() -> None:
    rig = GasRig()
    at = rig.now + SOON
    assert statuses(rig.ask("GCS01a", *parts(CANCEL_CALENDAR, at, at))) == [1] * 8
    assert statuses(rig.ask("GCS01a", *parts(CANCEL_CALENDAR, CANCEL_TARIFF, CANCEL_CALENDAR))) == [0] * 8


def test_times_that_have_passed_are_all_now() -> None:
    rig = GasRig()
    assert statuses(rig.ask("GCS01a", *parts(0, rig.now - 10, rig.now))) == [0] * 8
    assert statuses(rig.ask("GCS21f", published("Get Day Profiles", issuer_calendar_id=CURRENT))) != [0x8B]


def test_a_gas_calendar_that_fails_at_its_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = GasRig()
    rig.ask("GCS01a", *tariff(rig.now + SOON))
    counter = rig.parties.counter

    def fail(*_arguments: object) -> None:
        raise ZclFailed

    actions = rig.device.future._actions
    key = next(key for key in rig.device.future.state.pending if key.startswith("gas calendar"))
    monkeypatch.setitem(actions, key, actions[key]._replace(run=fail))
    rig.run(SOON)
    failed = [alert for alert in rig.alerts() if alert.alert_code == 0x8F67]
    assert [alert.body for alert in failed] == [ExecutionOutcome(0x006B, counter, CALENDAR, 9, 0)]
    assert 0x8F67 in [entry.code for entry in rig.device.logs.events()]


def test_an_electricity_setting_that_fails_at_its_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    meter, limit = WholeMeter(), obis("0-0:94.44.128.7")
    told = meter.tell("ECS28a", set_to(9000, limit, 4, uint32(5000)), set_to(9000, limit, 6, moment(NOON + 60)))
    assert told.results == [0, 0]

    def fail(*_arguments: object) -> None:
        raise AccessFailed

    actions = meter.meter.future._actions
    (key,) = meter.meter.future.state.pending
    monkeypatch.setitem(actions, key, actions[key]._replace(run=fail))
    assert meter.run(NOON + 60) == [0x8F67]
    assert meter.events() == [0x8F67]
