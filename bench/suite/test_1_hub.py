"""The communications hub: what it says of itself, of its home and of what happened."""

from __future__ import annotations

import pytest

from bench.requests import Period, dlms
from bench.security_log import entries
from bench.target import Target
from protocols.dlms.data import DataType


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
    reply.expect("firmware version", chf.section.firmware.upper(), reply.data[0].value.hex().upper())


@pytest.mark.use_case("CCS06")
def test_device_log(chf: Target) -> None:
    """The hub lists the devices of its home, each with the time of its last contact."""
    reply = chf.ask(dlms("CCS06", title="Read device log and check the home area network"))
    log = reply.data[0]
    reply.expect("type of the device log", "ARRAY", log.type.name)
    reply.that("devices in the log", "0 to 16", len(log.value), good=len(log.value) <= 16)
    for entry in log.value:
        reply.expect("type of an identifier", DataType.OCTET_STRING.name, entry.value[0].type.name)
        reply.expect("octets of an identifier", 8, len(entry.value[0].value))


@pytest.mark.use_case("ECS35c")
def test_event_log(chf: Target) -> None:
    """The event log can be read; its entries lie in the period asked for and are in order."""
    period = Period(chf.now - 86400, chf.now + 86400)
    reply = chf.ask(dlms("ECS35c", period=period, title="Read event log"))
    times = [at for at, _, _ in entries(reply.answer)]
    reply.that(
        "times of the entries", "in the period", times, good=all(period.start <= at <= period.end for at in times)
    )
    reply.expect("order of the entries", sorted(times), times)


@pytest.mark.use_case("ECS35d")
def test_security_log(chf: Target) -> None:
    """The security log can be read; its entries lie in the period asked for."""
    period = Period(chf.now - 86400, chf.now + 86400)
    reply = chf.ask(dlms("ECS35d", period=period, title="Read security log"))
    times = [at for at, _, _ in entries(reply.answer)]
    reply.that(
        "times of the entries", "in the period", times, good=all(period.start <= at <= period.end for at in times)
    )


@pytest.mark.use_case("DBCH03")
def test_sub_ghz_configuration(chf: Target) -> None:
    """The configuration of the sub-GHz radio has its fifteen members."""
    reply = chf.ask(dlms("DBCH03", title="Read sub-GHz configuration"))
    reply.expect("type of the configuration", "STRUCTURE", reply.data[0].type.name)
    reply.expect("members of the configuration", 15, len(reply.data[0].value))
