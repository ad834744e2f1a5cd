"""Demand Response and Load Control cluster, 0701 (ZigBee Smart Energy 1.4, D.2): how a load switch is told to move.

A status report may end with a signature, type and all; the security of the home area network has taken its place.
"""

from __future__ import annotations

from .smart_energy_common import LOAD_CONTROL, issuer_event, start
from .zcl import client_command, server_command
from .zcl_types import FixedOctets, Integer, Trailing, UtcTime, u8, u16, u32

CRITICALITY = {0: "reserved", 1: "green", **{level: f"level {level - 1}" for level in range(2, 7)}, 7: "emergency"}
EVENT_STATUS = {
    0x01: "received",
    0x02: "started",
    0x03: "completed",
    0x04: "opted out",
    0x05: "opted in",
    0x06: "cancelled",
    0x07: "superseded",
    0xFD: "rejected, invalid effective time",
    0xFE: "rejected",
}
CANCEL_CONTROL = {0: "at once", 1: "with randomised end"}
NOT_USED = {0xFF: "not used"}
_NO_TEMPERATURE = {0x8000: "not used"}
_NO_ADJUSTMENT = {-128: "not used"}
_SIGNATURE = 43


def _adjustment() -> Integer:
    return Integer(1, _NO_ADJUSTMENT, "%", -128, signed=True)


COMMANDS = (
    server_command(
        LOAD_CONTROL,
        0x00,
        "Load Control Event",
        "issuer_event_id" / issuer_event(),
        "device_class" / u16(),
        "utility_enrolment_group" / u8(usual=0),
        "start_time" / start(0),
        "duration" / u16(unit="min"),
        "criticality_level" / u8(CRITICALITY, usual=1),
        "cooling_temperature_offset" / u8(NOT_USED, usual=0xFF),
        "heating_temperature_offset" / u8(NOT_USED, usual=0xFF),
        "cooling_temperature_set_point" / u16(_NO_TEMPERATURE, usual=0x8000),
        "heating_temperature_set_point" / u16(_NO_TEMPERATURE, usual=0x8000),
        "average_load_adjustment" / _adjustment(),
        "duty_cycle" / u8(NOT_USED, "%"),
        "event_control" / u8(usual=0),
    ),
    server_command(
        LOAD_CONTROL,
        0x01,
        "Cancel Load Control Event",
        "issuer_event_id" / issuer_event(),
        "device_class" / u16(),
        "utility_enrolment_group" / u8(usual=0),
        "cancel_control" / u8(CANCEL_CONTROL, usual=0),
        "effective_time" / start(0),
    ),
    client_command(
        LOAD_CONTROL,
        0x00,
        "Report Event Status",
        "issuer_event_id" / issuer_event(),
        "event_status" / u8(EVENT_STATUS),
        "event_status_time" / UtcTime(),
        "criticality_level" / u8(CRITICALITY, usual=1),
        "cooling_temperature_set_point" / u16(_NO_TEMPERATURE, usual=0x8000),
        "heating_temperature_set_point" / u16(_NO_TEMPERATURE, usual=0x8000),
        "average_load_adjustment" / _adjustment(),
        "duty_cycle" / u8(NOT_USED, "%"),
        "event_control" / u8(usual=0),
        "signature" / Trailing(FixedOctets(_SIGNATURE)),
    ),
    client_command(
        LOAD_CONTROL,
        0x01,
        "Get Scheduled Events",
        "start_time" / start(),
        "number_of_events" / u8({0: "all"}, usual=0),
        "issuer_event_id" / u32({0xFFFFFFFF: "any"}, usual=0xFFFFFFFF),
    ),
)
