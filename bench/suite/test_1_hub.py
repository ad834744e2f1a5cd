"""The communications hub: what it says of itself, of its home and of what happened."""

from __future__ import annotations

import pytest

from bench.home import Home
from bench.requests import Period, dlms
from bench.security_log import check_times
from bench.target import Reply, Target
from protocols.dlms.data import enum, octet_string, structure, uint16
from protocols.eui64 import eui64
from protocols.gbcs.roles import DeviceType

PPMID = 132
LOG_CHANGED = 0x8F12


@pytest.mark.use_case("ECS26n")
def test_identity(chf: Target) -> None:
    """The hub gives model type and manufacturer."""
    reply = chf.ask(dlms("ECS26n", title="Read identity and type"))
    model, manufacturer = reply.data
    reply.expect("type of the model", "OCTET_STRING", model.type.name)
    reply.expect("type of the manufacturer", "OCTET_STRING", manufacturer.type.name)


@pytest.mark.use_case("ECS52")
def test_firmware_version(chf: Target) -> None:
    """The hub runs the firmware that the rig says."""
    reply = chf.ask(dlms("ECS52", title="Read firmware version"))
    found = reply.data[0].value.hex().upper()
    reply.expect("firmware version", chf.firmware or found, found)


@pytest.mark.use_case("CCS06")
def test_device_log(home: Home, chf: Target) -> None:
    """The hub lists the devices of its home."""
    reply = chf.ask(dlms("CCS06", title="Read device log and check the home area network"))
    log = reply.data[0]
    reply.expect("type of the device log", "ARRAY", log.type.name)
    reply.that("devices in the log", "0 to 16", len(log.value), good=len(log.value) <= 16)
    for device in (target for target in home.targets if target.type not in (DeviceType.CHF, DeviceType.GPF)):
        reply.expect(f"{device.name} in the log", True, device.eui64 in listed(reply))


@pytest.mark.use_case("ECS35c")
def test_event_log(chf: Target) -> None:
    """The event log can be read; its entries lie in the period asked for and are in order."""
    period = Period(chf.now - 86400, chf.now + 86400)
    reply = chf.ask(dlms("ECS35c", period=period, title="Read event log"))
    times = check_times(reply, period)
    reply.expect("order of the entries", sorted(times), times)


@pytest.mark.use_case("ECS35d")
def test_security_log(chf: Target) -> None:
    """The security log can be read; its entries lie in the period asked for."""
    period = Period(chf.now - 86400, chf.now + 86400)
    reply = chf.ask(dlms("ECS35d", period=period, title="Read security log"))
    check_times(reply, period)


@pytest.mark.use_case("DBCH03")
def test_sub_ghz_configuration(chf: Target) -> None:
    """The configuration of the sub-GHz radio has its fifteen members."""
    reply = chf.ask(dlms("DBCH03", title="Read sub-GHz configuration"))
    reply.expect("type of the configuration", "STRUCTURE", reply.data[0].type.name)
    reply.expect("members of the configuration", 15, len(reply.data[0].value))


@pytest.mark.use_case("CCS01")
def test_device_is_put_on_the_list_and_taken_off(chf: Target) -> None:
    """A device that is put into the device log is listed, and no longer when it is taken off; both are reported."""
    newcomer = eui64("00DB1234567890F0")
    code = structure(octet_string(newcomer), enum(1), octet_string(b"0123456789ABCDEF"), enum(PPMID))
    reply = chf.ask(dlms("CCS01", code, uint16(90), title="Put a device into the device log"))
    reply.that("alert", "8F12 device log changed", codes(reply), good=LOG_CHANGED in codes(reply))
    reply = chf.ask(dlms("CCS06", title="Read device log with the new device"))
    reply.expect("new device in the log", True, newcomer in listed(reply))
    reply = chf.ask(dlms("CCS02", octet_string(newcomer), title="Take the device off"))
    reply.that("alert", "8F12 device log changed", codes(reply), good=LOG_CHANGED in codes(reply))
    reply = chf.ask(dlms("CCS06", title="Read device log without the device"))
    reply.expect("device still in the log", False, newcomer in listed(reply))


def listed(reply: Reply) -> list[bytes]:
    """The identifiers in a device log that was read."""
    return [entry.value[0].value for entry in reply.data[0].value]


def codes(reply: Reply) -> list[int]:
    """The codes of the alerts that came with an answer."""
    return [alert.code for alert in reply.alerts]
