"""Joining, unjoining and the device log, over protected messages."""

from __future__ import annotations

from typing import cast

import pytest

from firmware_emu.parts.credentials.joining import DEVICE_LOG_SIZE, LOG_FAULT, UNJOIN_KEEPS_DEVICE, Joining
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.asn1_device import (
    BackupDeviceLogAlert,
    DeviceLogEntry,
    JoinDeviceCommand,
    JoinDeviceResponse,
    JoinMethod,
    JoinResult,
    ReadDeviceLogCommand,
    ReadDeviceLogResponse,
    ReadResult,
    RestoreDeviceLogCommand,
    RestoreDeviceLogResponse,
    RestoreResult,
    SetTimeCommand,
    SetTimeResponse,
    TimeStatus,
    UnjoinDeviceCommand,
    UnjoinDeviceResponse,
    UnjoinResult,
)
from protocols.gbcs.keys import KeyName, MemoryKeyStore
from protocols.gbcs.message import Cra
from protocols.gbcs.protection import Verdict, verify
from protocols.gbcs.roles import DeviceType
from protocols.smki.names import KeyUsage

from .asn1_home import BROKER, DEVICES, KA, RECOVERY, SMKI, START, SUPPLIER, Asn1Rig, device_keys, value_of

RESULT, METHOD, TYPE = JoinResult, JoinMethod, DeviceType
OTHER = eui64("00-DB-12-34-56-78-90-9A")
DISPLAY, GAS = DEVICES[TYPE.PPMID], DEVICES[TYPE.GSME]


def join(rig: Asn1Rig, code: int, command: JoinDeviceCommand) -> int:
    answer = rig.ask(code, command)
    assert isinstance(answer, JoinDeviceResponse)
    return answer.result


def log_of(rig: Asn1Rig) -> tuple[DeviceLogEntry, ...]:
    answer = rig.ask(0x0013, ReadDeviceLogCommand())
    assert answer.result is ReadResult.SUCCESS
    entries: tuple[DeviceLogEntry, ...] = answer.entries
    return entries


def a1(device: Eui64 = OTHER, kind: DeviceType = TYPE.HCALCS) -> JoinDeviceCommand:
    return JoinDeviceCommand(METHOD.METHOD_A_INITIATOR, device, kind)


def c(device: Eui64, kind: DeviceType, certificate: bytes | None) -> JoinDeviceCommand:
    return JoinDeviceCommand(METHOD.METHOD_C, device, kind, certificate)


def certificate_of(device: Eui64, use: KeyUsage = KeyUsage.KEY_AGREEMENT) -> bytes:
    return SMKI.device(device, use, device_keys(device).public_point(KeyName(device, KA)) or b"").octets


def test_a_joined_device_is_in_the_log_and_leaves_it() -> None:
    rig = Asn1Rig()
    assert join(rig, 0x000D, a1()) == RESULT.SUCCESS
    assert log_of(rig) == (DeviceLogEntry(OTHER, TYPE.HCALCS),)
    assert rig.ask(0x000F, UnjoinDeviceCommand(OTHER)).result is UnjoinResult.SUCCESS
    assert log_of(rig) == ()
    assert rig.ask(0x000F, UnjoinDeviceCommand(OTHER)).result is UnjoinResult.OTHER_DEVICE_NOT_IN_DEVICE_LOG
    assert rig.security_log() == [0x8F49, 0x8F4B, 0x8F4A]


def test_joining_twice_is_fine_unless_as_something_else() -> None:
    rig = Asn1Rig()
    assert join(rig, 0x000D, a1()) == join(rig, 0x000D, a1()) == RESULT.SUCCESS
    assert join(rig, 0x000D, a1(kind=TYPE.PPMID)) == RESULT.INCOMPATIBLE_WITH_EXISTING_ENTRY
    assert len(log_of(rig)) == 1


@pytest.mark.parametrize(
    ("kind", "code", "command", "result"),
    [
        (TYPE.ESME, 0x000D, JoinDeviceCommand(METHOD.METHOD_B, OTHER, TYPE.HCALCS), 1),
        (TYPE.ESME, 0x000D, a1(kind=TYPE.GSME), 2),
        (TYPE.HCALCS, 0x00AB, JoinDeviceCommand(METHOD.METHOD_A_RESPONDER, OTHER, TYPE.ESME), 0),
        (TYPE.GSME, 0x000E, JoinDeviceCommand(METHOD.METHOD_B, OTHER, TYPE.GPF), 0),
        (TYPE.GSME, 0x000E, JoinDeviceCommand(METHOD.METHOD_B, OTHER, TYPE.PPMID), 2),
        (TYPE.GSME, 0x00AF, c(DISPLAY, TYPE.PPMID, certificate_of(DISPLAY)), 0),
        (TYPE.GSME, 0x00AF, c(DISPLAY, TYPE.PPMID, None), 11),
        (TYPE.GSME, 0x00AF, c(DISPLAY, TYPE.PPMID, b"\x30\x00"), 11),
        (TYPE.GSME, 0x00AF, c(DISPLAY, TYPE.PPMID, certificate_of(GAS)), 11),
        (TYPE.GSME, 0x00AF, c(DISPLAY, TYPE.PPMID, certificate_of(DISPLAY, KeyUsage.DIGITAL_SIGNATURE)), 11),
    ],
)
def test_method_code_pair_and_certificate_must_agree(
    kind: DeviceType, code: int, command: JoinDeviceCommand, result: int
) -> None:
    rig = Asn1Rig(kind)
    assert join(rig, code, command) == result
    assert len(log_of(rig)) == (result == 0)


@pytest.mark.parametrize("name", [BROKER, SUPPLIER, RECOVERY, GAS], ids=["broker", "supplier", "recovery", "itself"])
@pytest.mark.parametrize("code", [0x00AF, 0x000E])
def test_nobody_is_joined_under_the_name_of_a_party_or_of_the_device_itself(name: Eui64, code: int) -> None:
    """Its certificate would put another key into the place of that party's: whoever joins could become the broker."""
    rig = Asn1Rig(TYPE.GSME)
    point = MemoryKeyStore().generate(KeyName(name, KA), bytes(range(48)))
    certificate = SMKI.device(name, KeyUsage.KEY_AGREEMENT, point).octets
    method, kind = (METHOD.METHOD_C, TYPE.PPMID) if code == 0x00AF else (METHOD.METHOD_B, TYPE.GPF)
    command = JoinDeviceCommand(method, name, kind, certificate)
    assert join(rig, code, command) == RESULT.INCOMPATIBLE_WITH_EXISTING_ENTRY
    assert rig.device.keys.public_point(KeyName(name, KA)) != point
    assert not rig.device.credentials.is_partner(name)
    assert log_of(rig) == ()


@pytest.mark.parametrize("certificate", [b"\x30\x00", certificate_of(OTHER)], ids=["none", "a good one"])
def test_only_method_c_brings_a_certificate(certificate: bytes) -> None:
    rig = Asn1Rig(TYPE.GSME)
    command = JoinDeviceCommand(METHOD.METHOD_B, OTHER, TYPE.GPF, certificate)
    assert join(rig, 0x000E, command) == RESULT.SUCCESS
    assert not rig.device.credentials.is_partner(OTHER)
    assert rig.device.keys.public_point(KeyName(OTHER, KA)) is None


def test_method_c_makes_the_other_a_partner_and_unjoining_ends_it() -> None:
    rig = Asn1Rig(TYPE.GSME)
    assert join(rig, 0x00AF, c(DISPLAY, TYPE.PPMID, certificate_of(DISPLAY))) == RESULT.SUCCESS
    assert rig.device.credentials.is_partner(DISPLAY)
    rig.device.power_off(START + 1)
    rig.now = START + 2
    rig.start()
    assert rig.device.credentials.is_partner(DISPLAY)
    assert rig.ask(0x000F, UnjoinDeviceCommand(DISPLAY)).result is UnjoinResult.SUCCESS
    assert not rig.device.credentials.is_partner(DISPLAY)


def test_the_radio_decides_whether_a_key_is_agreed() -> None:
    rig = Asn1Rig()
    joining = cast(Joining, rig.device.part("joining"))
    joining.agree_key = lambda _device, _kind: RESULT.NO_KEY_ESTABLISHMENT_RESPONSE
    assert join(rig, 0x000D, a1()) == RESULT.NO_KEY_ESTABLISHMENT_RESPONSE
    assert log_of(rig) == ()


def test_a_full_log_and_a_broken_one_refuse() -> None:
    rig = Asn1Rig()
    for place in range(DEVICE_LOG_SIZE):
        assert join(rig, 0x000D, a1(Eui64(bytes((*bytes(7), place))))) == RESULT.SUCCESS
    assert join(rig, 0x000D, a1()) == RESULT.DEVICE_LOG_FULL
    broken = Asn1Rig()
    broken.device.sense(LOG_FAULT, True, START)
    assert join(broken, 0x000D, a1()) == RESULT.WRITE_FAILURE
    broken.device.sense(LOG_FAULT, False, START)
    assert join(broken, 0x000D, a1()) == RESULT.SUCCESS


@pytest.mark.parametrize("result", [3, 4, 5, 6, 7, 8, 9, 10, 12, 13])
def test_every_result_of_joining_can_be_preset(result: int) -> None:
    rig = Asn1Rig()
    rig.device.asn1.preset(0x000D, JoinDeviceResponse(result), a1())
    assert join(rig, 0x000D, a1()) == result


def test_a_certificate_that_is_good_can_be_preset_to_fail() -> None:
    rig = Asn1Rig(TYPE.GSME)
    command = c(DISPLAY, TYPE.PPMID, certificate_of(DISPLAY))
    rig.device.asn1.preset(0x00AF, JoinDeviceResponse(RESULT.INVALID_OR_MISSING_CERTIFICATE), command)
    assert join(rig, 0x00AF, command) == RESULT.INVALID_OR_MISSING_CERTIFICATE


@pytest.mark.parametrize("result", list(UnjoinResult))
def test_every_result_of_unjoining_can_be_preset(result: UnjoinResult) -> None:
    rig = Asn1Rig()
    command = UnjoinDeviceCommand(OTHER)
    rig.device.asn1.preset(0x000F, UnjoinDeviceResponse(result), command)
    assert rig.ask(0x000F, command).result is result


def test_the_log_can_be_preset_also_as_unreadable() -> None:
    rig = Asn1Rig()
    entries = (DeviceLogEntry(OTHER, TYPE.GPF), DeviceLogEntry(DISPLAY, TYPE.PPMID))
    rig.device.asn1.preset(0x0013, ReadDeviceLogResponse(ReadResult.SUCCESS, entries))
    assert log_of(rig) == entries
    rig.device.asn1.preset(0x0013, ReadDeviceLogResponse(ReadResult.FAILURE))
    assert rig.ask(0x0013, ReadDeviceLogCommand()) == ReadDeviceLogResponse(ReadResult.FAILURE)


def test_a_forgetful_unjoining_shows() -> None:
    rig = Asn1Rig(defects=frozenset({UNJOIN_KEEPS_DEVICE}))
    join(rig, 0x000D, a1())
    assert rig.ask(0x000F, UnjoinDeviceCommand(OTHER)).result is UnjoinResult.SUCCESS
    assert len(log_of(rig)) == 1


# The gas proxy's log


def test_a_proxy_backs_up_its_log_when_a_device_joins_but_not_what_it_is_given() -> None:
    rig = Asn1Rig(TYPE.GPF)
    given = (DeviceLogEntry(OTHER, TYPE.TYPE_2), DeviceLogEntry(DISPLAY, TYPE.PPMID))
    answer = rig.ask(0x008C, RestoreDeviceLogCommand(given), BROKER)
    assert answer == RestoreDeviceLogResponse(tuple(RestoreResult(entry, 0) for entry in given))
    joining = cast(Joining, rig.device.part("joining"))
    last = DeviceLogEntry(GAS, TYPE.TYPE_2)
    joining.enter(last)
    (alert,) = rig.advance(START + 1)
    assert (alert.message_code, alert.cra, alert.recipient) == (0x00B2, Cra.ALERT, BROKER)
    assert verify(alert, rig.keys).mac is Verdict.VALID
    assert value_of(alert) == BackupDeviceLogAlert(0x8071, START, (*given, last))


def test_an_entry_that_clashes_is_not_restored() -> None:
    rig = Asn1Rig(TYPE.GPF)
    entries = (DeviceLogEntry(OTHER, TYPE.TYPE_2), DeviceLogEntry(OTHER, TYPE.PPMID))
    answer = rig.ask(0x008C, RestoreDeviceLogCommand(entries), BROKER)
    assert [each.result for each in answer.results] == [0, RESULT.INCOMPATIBLE_WITH_EXISTING_ENTRY]


def test_a_log_that_is_restored_is_no_longer_than_others() -> None:
    rig = Asn1Rig(TYPE.GPF)
    entries = [DeviceLogEntry(Eui64(bytes((*bytes(7), n))), TYPE.TYPE_2) for n in range(1, DEVICE_LOG_SIZE + 2)]
    answer = rig.ask(0x008C, RestoreDeviceLogCommand(tuple(entries)), BROKER)
    assert [each.result for each in answer.results] == [RESULT.SUCCESS] * DEVICE_LOG_SIZE + [RESULT.DEVICE_LOG_FULL]


def test_every_result_of_a_restoring_can_be_preset() -> None:
    rig = Asn1Rig(TYPE.GPF)
    entries = (DeviceLogEntry(OTHER, TYPE.TYPE_2), DeviceLogEntry(DISPLAY, TYPE.PPMID))
    wanted = RestoreDeviceLogResponse((RestoreResult(entries[0], 0), RestoreResult(entries[1], 9)))
    rig.device.asn1.preset(0x008C, wanted)
    assert rig.ask(0x008C, RestoreDeviceLogCommand(entries), BROKER) == wanted


# The gas meter's clock


def test_a_gas_meter_takes_the_hubs_time_within_the_interval() -> None:
    rig = Asn1Rig(TYPE.GSME)
    rig.device.hear_hub_time(START + 300, True, START)
    answer = rig.ask(0x007F, SetTimeCommand(START + 300, START + 600))
    assert answer == SetTimeResponse(START + 300, TimeStatus.RELIABLE)
    assert [entry.code for entry in rig.device.logs.events()] == [0x8145, 0x8154]


def test_a_gas_meter_outside_the_interval_keeps_its_time_and_doubts_it() -> None:
    rig = Asn1Rig(TYPE.GSME)
    sent = rig.send(rig.command(0x007F, SetTimeCommand(START + 300, START + 600)))
    assert value_of(next(each for each in sent if each.cra is Cra.RESPONSE)) == SetTimeResponse(
        START, TimeStatus.UNRELIABLE
    )
    assert rig.security_log() == [0x8F0C]
    assert [each.cra for each in sent].count(Cra.ALERT) == 1


@pytest.mark.parametrize("status", list(TimeStatus))
def test_every_status_of_the_clock_can_be_preset(status: TimeStatus) -> None:
    rig = Asn1Rig(TYPE.GSME)
    answer = SetTimeResponse(START - 5000, status)
    inside = (START - 6000, START) if status is TimeStatus.RELIABLE else (START, START + 6000)
    command = SetTimeCommand(*inside)
    rig.device.asn1.preset(0x007F, answer, command)
    assert value_of(next(m for m in rig.send(rig.command(0x007F, command)) if m.cra is Cra.RESPONSE)) == answer
