"""Events cluster, 0709 (ZigBee Smart Energy 1.4, D.11): reading and clearing a device's logs."""

from __future__ import annotations

from typing import NamedTuple

from ..grammar import Record
from .smart_energy_common import EVENTS, command_index, earliest, latest, total_commands
from .zcl import client_command, server_command
from .zcl_types import OctetString, ToTheEnd, UtcTime, bits, u8, u16

LOGS = {
    0: "all logs",
    1: "tamper log",
    2: "fault log",
    3: "general event log",
    4: "security log",
    5: "network log",
    6: "general event log, GPF copy",
    7: "security log, GPF copy",
}
_CLEARED = bits(
    {0: "all logs", 1: "tamper log", 2: "fault log", 3: "general event log", 4: "security log", 5: "network log"}
)


def log_text(value: int) -> str:
    """Low nibble the log, bit 4 the full information."""
    name = LOGS.get(value & 15, f"log {value & 15}")
    return name + (", full information" if value >> 4 & 1 else "")


class Event(NamedTuple):
    """One log entry. ``data`` may be empty."""

    log_id: int
    event_id: int
    time: int
    data: bytes


_EVENT = Record(
    Event,
    "log_id" / u8(log_text),
    "event_id" / u16(lambda value: f"{value:04X}"),
    "time" / UtcTime(),
    "data" / OctetString(),
)

COMMANDS = (
    client_command(
        EVENTS,
        0x00,
        "Get Event Log",
        "event_control_and_log_id" / u8(log_text),
        "event_id" / u16({0: "any"}, usual=0),
        "start_time" / earliest(),
        "end_time" / latest(),
        "number_of_events" / u8({0: "all"}, usual=0),
        "event_offset" / u16(usual=0),
    ),
    client_command(EVENTS, 0x01, "Clear Event Log Request", "log_id" / u8(log_text, usual=3)),
    server_command(
        EVENTS,
        0x00,
        "Publish Event",
        "log_id" / u8(log_text),
        "event_id" / u16(lambda value: f"{value:04X}"),
        "event_time" / UtcTime(),
        "event_control" / u8(bits({0: "HAN", 1: "WAN"})),
        "event_data" / OctetString(usual=b""),
    ),
    server_command(
        EVENTS,
        0x01,
        "Publish Event Log",
        "total_number_of_matching_events" / u16(),
        "command_index" / command_index(),
        "total_number_of_commands" / total_commands(),
        "log_payload_control" / u8(usual=0),
        "events" / ToTheEnd(_EVENT),
    ),
    server_command(EVENTS, 0x02, "Clear Event Log Response", "cleared_event_logs" / u8(_CLEARED)),
)
