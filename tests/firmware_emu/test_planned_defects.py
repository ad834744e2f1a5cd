"""Planned defects, each against the behaviour without it."""

from __future__ import annotations

import pytest

from firmware_emu import Personality, SendHan, defects
from firmware_emu.credentials import PartyChange
from firmware_emu.parts.credentials.trust_anchors import HIDES_FAILED_ROW
from firmware_emu.parts.electricity.metrology import RATE_STUCK_AFTER_UPDATE
from firmware_emu.parts.electricity.profiles import DAILY_LOG_IN_LOCAL_TIME
from firmware_emu.parts.firmware.store import SEAM_BLOCK_TWICE
from firmware_emu.parts.firmware.upgrade_client import BLOCK_PERIOD, IGNORES_WAIT, UpgradeClient
from firmware_emu.parts.gas.han_server import LOGS_IN_THE_HOME
from firmware_emu.zcl_frames import decode_frame, encode_frame
from protocols.gbcs.message import Cra
from protocols.gbcs.protection import Verdict, verify
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import DAY, HALF_HOUR, HOUR, instant
from protocols.zigbee.ota import ImageBlock
from protocols.zigbee.smart_energy_common import EVENTS
from protocols.zigbee.zcl import ClusterCommand, DefaultResponse

from .asn1_home import CONTROLLER, DS, KA, Asn1Rig, certificate, value_of
from .gas_rig import GasRig, published
from .homes import IN_HOME_DISPLAY
from .metering import Metering, Wobbly, days, price_matrix, set_tariff
from .test_firmware import image, receive
from .test_trust_anchors import by_supplier, own_rows, row
from .tiny import OPERATOR, START, SUPPLIER, messages
from .whole_meter import WholeMeter, get, obis

ROLE = RemotePartyRole
MIDNIGHT = START - START % DAY + DAY
TWO_RATES = days((0, 1), (7 * 3600, 2))


def only(name: str, present: bool) -> frozenset[str]:
    return frozenset({name} if present else ())


@pytest.fixture(params=[False, True], ids=["sound", "defective"])
def bad(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_macs_of_keys_derived_without_the_counter(bad: bool) -> None:
    meter = WholeMeter(Personality(defects=only(defects.DERIVES_WITHOUT_COUNTER, bad)))
    told = meter.tell("ECS45", get(70, obis("0-0:96.3.10.255"), 3))
    (response,) = [each for each in messages(told.outputs) if each.cra is Cra.RESPONSE]
    assert (verify(response, meter.keys).mac is Verdict.VALID) != bad


def test_silence_where_nothing_is_found(bad: bool) -> None:
    rig = GasRig(defects=[defects.SILENT_WHEN_NOTHING_FOUND] if bad else [])
    asked = published("Get Event Log", event_control_and_log_id=0x13, start_time=0, end_time=0xFFFFFFFE)
    assert bool(rig.send(rig.command("CS10a", asked))) != bad


def test_alerts_to_the_supplier_that_has_lost_the_meter(bad: bool) -> None:
    meter = WholeMeter(Personality(defects=only(defects.ALERTS_TO_LOSING_SUPPLIER, bad)))
    for listener in meter.meter.credentials.listeners:
        listener(PartyChange(ROLE.SUPPLIER, OPERATOR, SUPPLIER, None, None))
    assert meter.meter.alerts.recipients(0x8F0F) == [OPERATOR if bad else SUPPLIER]


def test_the_last_entry_of_a_log_is_left_out(bad: bool) -> None:
    home = Metering(Wobbly(), personality=Personality(defects=only(defects.LOG_END_EXCLUDED, bad)))
    home.run(START + 2 * HALF_HOUR)
    entries = home.log("0-0:99.1.0", START, START + 2 * HALF_HOUR)
    assert [stamp for stamp, *_rest in entries] == [START + HALF_HOUR, START + 2 * HALF_HOUR][: 1 if bad else 2]


def test_ten_seconds_are_reported(bad: bool) -> None:
    meter = WholeMeter(Personality(defects=only(defects.REPORTS_TEN_SECONDS, bad)))
    meter.meter.hear_hub_time(START + 10, True, START)
    assert (0x8F0C in meter.run(START + DAY)) == bad


def test_a_rate_that_never_changes_after_an_update(bad: bool) -> None:
    home = Metering(Wobbly(), personality=Personality(defects=only(RATE_STUCK_AFTER_UPDATE, bad)))
    home.ask("ECS01a", set_tariff(TWO_RATES, price_matrix({})))
    home.device.alerts.event(0x8F43)  # at noon, in rate 2
    home.run(MIDNIGHT + 7 * HOUR)
    home.metrology.settle()
    assert (home.metrology.state.primary.tou[0] == 0) == bad


def test_daily_entries_an_hour_early_in_summer(bad: bool) -> None:
    home = Metering(Wobbly(), personality=Personality(defects=only(DAILY_LOG_IN_LOCAL_TIME, bad)))
    summer = instant(2026, 3, 30)
    home.run(summer)
    stamps = [stamp for stamp, *_rest in home.log("0-0:99.1.3")]
    assert stamps[-2:] == [summer - DAY, summer - HOUR * bad]


def test_a_block_at_the_seam_is_written_twice(bad: bool) -> None:
    rig = Asn1Rig(defects=only(SEAM_BLOCK_TWICE, bad))
    receive(rig, image(rig, content=bytes(range(256)) * 8), 64)
    assert rig.security_log() == [0x8F1C if bad else 0x8F72]


def test_a_wait_is_ignored(bad: bool) -> None:
    rig = Asn1Rig(defects=only(IGNORES_WAIT, bad))
    client = rig.device.find(UpgradeClient)
    client._take(ImageBlock.later(600))
    assert client.due == START + (BLOCK_PERIOD if bad else 600)


def test_logs_can_be_read_in_the_home(bad: bool) -> None:
    rig = GasRig(defects=[LOGS_IN_THE_HOME] if bad else [], kind=DeviceType.GPF)
    rig.device.logs.add_security(0x8F3F)
    asked = published("Get Event Log", event_control_and_log_id=0x14, start_time=0, end_time=0xFFFFFFFE)
    (answer,) = rig.device.receive_han(IN_HOME_DISPLAY, EVENTS, encode_frame(asked), rig.now)
    assert isinstance(answer, SendHan)
    content = decode_frame(answer.cluster, answer.octets).content
    assert isinstance(content, ClusterCommand if bad else DefaultResponse)


def test_a_failed_credential_is_hidden(bad: bool) -> None:
    rig = Asn1Rig(defects=only(HIDES_FAILED_ROW, bad))
    wrong = row(certificate(CONTROLLER, ROLE.LOAD_CONTROLLER, DS, 1), ROLE.SUPPLIER, KA)
    by_supplier(rig, [*own_rows(DS), wrong], START + DAY)
    (alert,) = [each for each in rig.advance(START + DAY) if each.cra is Cra.ALERT]
    assert value_of(alert).alert_code == (0x8F66 if bad else 0x8F67)
