"""The communications hub alone: device log, joining window, sub-GHz radio, supply."""

from __future__ import annotations

from functools import partial

import pytest

from firmware_emu import Device, Output, WanSignal
from firmware_emu.han import install_code_of
from firmware_emu.parts.hub import device_log as log_module
from firmware_emu.parts.hub.device_log import HubDeviceLog
from firmware_emu.parts.hub.sub_ghz import MOST_DEVICES, DutyCycle, SubGhz
from protocols.dlms.access import AccessRequest, AccessResponse, DataNotification, access_request, action, get, set_to
from protocols.dlms.data import (
    NULL,
    Data,
    DataType,
    array,
    bit_string,
    boolean,
    enum,
    octet_string,
    structure,
    uint8,
    uint16,
)
from protocols.dlms.obis import obis
from protocols.eui64 import Eui64
from protocols.gbcs.alert_codes import by_code
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, verify
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import DAY, HOUR
from protocols.zigbee.mmo import install_code_key, mmo_hash

from .homes import ELECTRICITY, GAS, KEYS, Parties, make_hub
from .tiny import BROKER, START, SUPPLIER, messages, read_log

LOG, HISTORIC = obis(log_module.LOG_IN_FORCE), obis(log_module.HISTORIC_LOG)
WINDOW = 90
READ_LOGS = access_request(0, action(104, LOG, 4, NULL), action(104, HISTORIC, 4, NULL))


def add_device(device: Eui64, kind: int = 0, window: int = WINDOW) -> AccessRequest:
    member = structure(octet_string(device), enum(1), octet_string(install_code_of(device)), enum(kind))
    return access_request(
        0, action(104, LOG, 1, member), set_to(104, LOG, 3, uint16(window)), set_to(104, LOG, 2, boolean(True))
    )


def remove_device(device: Eui64) -> AccessRequest:
    return access_request(0, action(104, LOG, 2, octet_string(device)))


def first_key(device: Eui64) -> bytes:
    """The hash of the link key that the device's installation code stands for."""
    return mmo_hash(install_code_key(install_code_of(device)))


class Bench:
    """A hub that is on, and the broker."""

    def __init__(self, *defects: str) -> None:
        self.hub = make_hub(defects=defects)
        self.parties, self.now = Parties(), START
        self.hub.power_on(self.now)
        self.log, self.radio = self.hub.find(HubDeviceLog), self.hub.find(SubGhz)

    def ask(self, use_case: str, request: AccessRequest) -> tuple[AccessResponse, list[Message]]:
        """A command; its answer, and the alerts that came with it."""
        found = messages(self.hub.receive(self.parties.command(use_case, request), self.now))
        (response,) = [message for message in found if message.cra is Cra.RESPONSE]
        payload = decode_payload(response)
        assert isinstance(payload, AccessResponse)
        return payload, [message for message in found if message.cra is Cra.ALERT]

    def hashes(self) -> tuple[dict[Eui64, bytes], dict[Eui64, bytes]]:
        """Both logs: hashes by device."""
        answer, _ = self.ask("CCS07", READ_LOGS)
        in_force, historic = answer.data
        return hashes_of(in_force), hashes_of(historic)


def hashes_of(log: Data) -> dict[Eui64, bytes]:
    return {Eui64(row.value[0].value): row.value[1].value for row in log.value[2].value}


def body(alert: Message) -> tuple[Data, ...]:
    payload = decode_payload(alert)
    assert isinstance(payload, DataNotification)
    members: tuple[Data, ...] = payload.body.value
    return members


def codes(found: list[Message]) -> list[int]:
    return [body(message)[0].value for message in found]


def alerts(outputs: list[Output]) -> list[int]:
    return codes([message for message in messages(outputs) if message.cra is Cra.ALERT])


def test_added_device_is_reported_without_a_hash() -> None:
    bench = Bench()
    answer, (alert,) = bench.ask("CCS01", add_device(ELECTRICITY))
    assert [result.code for result in answer.results] == [0, 0, 0]
    code, _at, _time, pan, devices = body(alert)
    assert (code.value, alert.recipient, pan.value) == (0x8F12, BROKER, bytes(bench.hub.identity))
    assert devices == array(structure(octet_string(ELECTRICITY), octet_string(b"")))
    assert verify(alert, KEYS).mac is Verdict.VALID
    assert [entry.code for entry in bench.hub.logs.security()] == [0x8F12]


def test_known_device_keeps_its_key() -> None:
    bench = Bench()
    bench.ask("CCS01", add_device(ELECTRICITY))
    bench.hub.through(lambda: bench.log.joined(ELECTRICITY, b"k" * 16), bench.now)
    _, found = bench.ask("CCS01", add_device(ELECTRICITY))
    assert codes(found) == [0x8F12]
    assert bench.hashes()[0] == {ELECTRICITY: b"k" * 16}


def test_defect_known_device_loses_its_key() -> None:
    bench = Bench(log_module.REPLACES_KNOWN_KEY)
    bench.ask("CCS01", add_device(ELECTRICITY))
    bench.hub.through(lambda: bench.log.joined(ELECTRICITY, b"k" * 16), bench.now)
    bench.ask("CCS01", add_device(ELECTRICITY))
    assert bench.hashes()[0] == {ELECTRICITY: b""}


def test_defect_zero_hash() -> None:
    bench = Bench(log_module.SENDS_ZERO_HASH)
    bench.ask("CCS01", add_device(ELECTRICITY))
    assert bench.hashes()[0] == {ELECTRICITY: bytes(16)}


def test_window_closes_by_itself() -> None:
    bench = Bench()
    bench.ask("CCS01", add_device(ELECTRICITY))
    assert bench.log.admits(ELECTRICITY, first_key(ELECTRICITY))
    assert not bench.log.admits(ELECTRICITY, first_key(GAS))
    assert not bench.log.admits(GAS, first_key(GAS))
    bench.hub.advance(bench.now + WINDOW - 1)
    assert bench.log.admits(ELECTRICITY, first_key(ELECTRICITY))
    bench.hub.advance(bench.now + WINDOW)
    assert not bench.log.admits(ELECTRICITY, first_key(ELECTRICITY))
    assert not bench.log.state.open


def test_removed_device_comes_back_with_its_old_key_in_the_first_half() -> None:
    bench = Bench()
    bench.ask("CCS01", add_device(ELECTRICITY))
    bench.hub.through(lambda: bench.log.joined(ELECTRICITY, b"k" * 16), bench.now)
    bench.ask("CCS02", remove_device(ELECTRICITY))
    assert bench.hashes() == ({}, {ELECTRICITY: b"k" * 16})
    bench.ask("CCS01", add_device(ELECTRICITY))
    admits = bench.log.admits
    assert admits(ELECTRICITY, b"k" * 16)
    assert not admits(ELECTRICITY, first_key(ELECTRICITY))
    bench.hub.advance(bench.now + WINDOW // 2)
    assert not admits(ELECTRICITY, b"k" * 16)
    assert admits(ELECTRICITY, first_key(ELECTRICITY))


def test_historic_log_forgets_the_oldest() -> None:
    bench = Bench()
    devices = [Eui64(bytes((0, 1, 2, 3, 4, 5, 6, number))) for number in range(16)]
    for device in devices:
        bench.ask("CCS01", add_device(device))
        bench.hub.through(partial(bench.log.joined, device, bytes(device) * 2), bench.now)
        bench.ask("CCS02", remove_device(device))
    assert list(bench.hashes()[1]) == devices[1:]


def test_device_without_a_key_is_not_remembered() -> None:
    bench = Bench()
    bench.ask("CCS01", add_device(ELECTRICITY))
    _, found = bench.ask("CCS02", remove_device(ELECTRICITY))
    assert codes(found) == [0x8F12]
    assert bench.hashes() == ({}, {})


def test_full_log_refuses_and_does_not_open_the_network() -> None:
    bench = Bench()
    for number in range(16):
        bench.ask("CCS01", add_device(Eui64(bytes((0, 1, 2, 3, 4, 5, 6, number)))))
    bench.hub.advance(bench.now + WINDOW)
    bench.now += WINDOW
    answer, found = bench.ask("CCS01", add_device(ELECTRICITY))
    assert [int(result.code) for result in answer.results] == [250, 250, 250]
    assert found == []
    assert not bench.log.state.open


def test_restored_log_is_in_force() -> None:
    bench = Bench()
    pair = structure(octet_string(GAS), octet_string(b"h" * 16))
    _, found = bench.ask(
        "CCS03", access_request(0, action(104, LOG, 5, structure(octet_string(b"networks"), array(pair))))
    )
    (alert,) = found
    assert body(alert)[3] == octet_string(b"networks")
    assert bench.log.admits(GAS, b"h" * 16)


@pytest.mark.parametrize("member", [uint8(0), structure(), octet_string(b"7 octet"), array(uint8(1))])
def test_unreadable_arguments_are_refused(member: Data) -> None:
    bench = Bench()
    for method, use_case in ((1, "CCS01"), (2, "CCS02"), (5, "CCS03")):
        answer, found = bench.ask(use_case, access_request(0, action(104, LOG, method, member)))
        assert (int(answer.results[0].code), found) == (250, [])


def test_state_survives_a_power_cut() -> None:
    bench = Bench()
    bench.ask("CCS01", add_device(ELECTRICITY))
    bench.hub.power_off(bench.now + 10)
    bench.hub.power_on(bench.now + 20)
    assert bench.log.admits(ELECTRICITY, first_key(ELECTRICITY))
    bench.hub.advance(bench.now + WINDOW)
    assert not bench.log.state.open
    assert bench.hub.unsaved() in ([], ["identity"])


# sub-GHz

CONFIGURATION = obis("0-0:94.44.10.0")
MASKS = [bit_string(f"{page:05b}{1:027b}") for page in (28, 29, 30, 31)]


def configuration(**changed: int) -> Data:
    numbers = {"normal": 130, "limited": 220, "changes": 5, "curfew": 7, "quieter": 7, "noisier": 12, "poor": 6000}
    numbers |= {"periods": 130, "noise": 100, "failures": 4000, "retries": 3000}
    short, long = DataType.UINT8, DataType.UINT16
    kinds = (long, long, short, long, short, short, long, short, long, long, long)
    values = (numbers | changed).values()
    return structure(*MASKS, *(Data(kind, value) for kind, value in zip(kinds, values, strict=True)))


def configure(value: Data) -> AccessRequest:
    return access_request(0, set_to(1, CONFIGURATION, 2, value))


def test_configuration_is_set_read_and_reported() -> None:
    bench = Bench()
    _, (alert,) = bench.ask("DBCH04", configure(configuration()))
    assert body(alert)[2] == configuration()
    assert alert.recipient == BROKER
    answer, _ = bench.ask("DBCH03", access_request(0, get(1, CONFIGURATION, 2)))
    assert answer.data == (configuration(),)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"normal": 49}, {"limited": 250}, {"normal": 201}, {"changes": 0}, {"quieter": 0}, {"noisier": 21}),
        *({"poor": 10001}, {"periods": 49}, {"noise": 60}, {"curfew": 1}, {"normal": 190, "limited": 180}),
    ],
)
def test_configuration_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    bench = Bench()
    answer, found = bench.ask("DBCH04", configure(configuration(**wrong)))
    assert (int(answer.results[0].code), found) == (250, [])


def test_scan_changes_to_a_quieter_channel() -> None:
    bench = Bench()
    quiet = f"{30:05b}{4:027b}"
    bench.radio.noise = {bench.radio.state.channel: 20, quiet: 1} | {
        channel: 20
        for channel in (f"{page:05b}{1 << bit:027b}" for page in range(28, 32) for bit in range(27))
        if channel != quiet
    }
    scan = access_request(0, set_to(1, obis("0-0:94.44.10.1"), 2, uint8(0)))
    _, found = bench.ask("DBCH05", scan)
    assert codes(found) == [0x8F28, 0x8F27]
    assert alerts(bench.hub.advance(bench.now + HOUR)) == [0x8F26]
    bench.now += HOUR
    answer, _ = bench.ask("DBCH01", access_request(0, get(1, obis("0-0:94.44.10.2"), 2)))
    assert answer.data == (bit_string(quiet),)
    log, _ = bench.ask("DBCH02", read_log("0-0:94.44.10.3"))
    (row,) = log.data[0].value.rows
    assert row[1:] == (0x8F26, bytes.fromhex("f0000004090100"))


def test_scan_keeps_the_channel_when_none_is_quieter() -> None:
    bench = Bench()
    bench.ask("DBCH05", access_request(0, set_to(1, obis("0-0:94.44.10.1"), 2, uint8(0))))
    assert alerts(bench.hub.advance(bench.now + HOUR)) == [0x8F2B]


def message_for(device: Eui64, length: int) -> bytes:
    return Message(Cra.COMMAND, 77, SUPPLIER, device, OtherInformation(0x27), b"x" * length).encode()


def listed(bench: Bench, *devices: Eui64) -> None:
    for device in devices:
        bench.ask("CCS01", add_device(device))
        bench.hub.through(partial(bench.radio.admit, device), bench.now)


def test_much_traffic_is_limited_then_forbidden_and_free_again() -> None:
    bench = Bench()
    listed(bench, ELECTRICITY, GAS)
    found: list[int] = []
    while bench.radio.state.duty is DutyCycle.NORMAL:
        found += alerts(bench.hub.receive(message_for(ELECTRICITY, 1400), bench.now))
    assert found == [0x8F20]
    (dropped,) = messages(bench.hub.receive(message_for(ELECTRICITY, 10), bench.now))
    assert body(dropped)[2].value == bytes(SUPPLIER) + bytes(ELECTRICITY) + b"\x01" + (77).to_bytes(8, "big")
    while bench.radio.state.duty is DutyCycle.LIMITED:
        found += alerts(bench.hub.receive(message_for(GAS, 1400), bench.now))
    assert found == [0x8F20, 0x8F22]
    assert alerts(bench.hub.receive(message_for(GAS, 10), bench.now)) == [0x8F2C]
    assert alerts(bench.hub.advance(bench.now + HOUR + 60)) == [0x8F23, 0x8F21]
    assert alerts(bench.hub.receive(message_for(ELECTRICITY, 10), bench.now + HOUR + 60)) == []


def test_no_room_for_another_sub_ghz_device() -> None:
    bench = Bench()
    for number in range(MOST_DEVICES):
        bench.hub.through(partial(bench.radio.admit, Eui64(bytes([number] * 8))), bench.now)
    (alert,) = messages(bench.hub.through(lambda: bench.radio.admit(GAS), bench.now))
    assert (body(alert)[0].value, body(alert)[2].value) == (0x8F2D, bytes(GAS))


# supply


def signals(outputs: list[Output]) -> list[tuple[str, int]]:
    return [(output.what, output.at - START) for output in outputs if isinstance(output, WanSignal)]


@pytest.mark.parametrize(("seconds", "reported"), [(179, []), (180, [("power outage", 0)])])
def test_outage_is_reported_after_three_minutes(seconds: int, reported: list[tuple[str, int]]) -> None:
    hub: Device = Bench().hub
    hub.sense("supply lost", True, START)
    assert signals(hub.advance(START + seconds)) == reported
    back = [("power restored", seconds)] if reported else []
    assert signals(hub.sense("supply lost", False, START + seconds)) == back
    assert signals(hub.advance(START + DAY)) == []
    assert [entry.code for entry in hub.logs.events()] == [0x8F57]


def test_end_of_a_reported_outage_is_told_when_the_hub_starts() -> None:
    hub: Device = Bench().hub
    hub.sense("supply lost", True, START)
    hub.power_off(START + 200)
    assert signals(hub.power_on(START + 500)) == [("power restored", 500)]
    assert len(hub.logs.events()) == 1


def test_alerts_of_the_hub_go_to_the_broker() -> None:
    for code in (0x8F12, 0x8F20, 0x8F26, 0x8F28, 0x8F2A, 0x8F2C, 0x8F2D):
        row = by_code(code)
        assert row is not None
        assert row.recipients == {RemotePartyRole.ACCESS_CONTROL_BROKER}
