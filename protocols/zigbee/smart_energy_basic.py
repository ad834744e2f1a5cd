"""Basic cluster, 0000 (ZCL 3.2), and Messaging cluster, 0703 (ZigBee Smart Energy 1.4, D.5)."""

from __future__ import annotations

from .smart_energy_common import BASIC, MESSAGING, start
from .zcl import attributes, client_command, server_command
from .zcl_types import OctetString, Trailing, UtcTime, u8, u16, u32

_IMPORTANCE = ("low", "medium", "high", "critical")


def message_control_text(value: int) -> str:
    """Bits 2 and 3 the importance, bit 5 enhanced confirmation, bit 7 confirmation."""
    words = [f"importance {_IMPORTANCE[value >> 2 & 3]}"]
    words += ["enhanced confirmation wanted"] if value & 0x20 else []
    words += ["confirmation wanted"] if value & 0x80 else []
    return ", ".join(words)


COMMANDS = (
    server_command(
        MESSAGING,
        0x00,
        "Display Message",
        "message_id" / u32(),
        "message_control" / u8(message_control_text, usual=0),
        "start_time" / start(0),
        "duration_in_minutes" / u16({0xFFFF: "until changed"}, "min", usual=0xFFFF),
        "message" / OctetString(),
        "extended_message_control" / Trailing(u8({1: "message confirmed"})),
    ),
    client_command(MESSAGING, 0x00, "Get Last Message"),
    client_command(MESSAGING, 0x01, "Message Confirmation", "message_id" / u32(), "confirmation_time" / UtcTime()),
)

ATTRIBUTES = attributes(
    BASIC,
    (0x0003, "HW Version (hardware version)", 0x20),
    (0x0004, "Manufacturer Name", 0x42),
    (0x0005, "Model Identifier", 0x42),
    (0x0011, "Physical Environment", 0x30),
)
