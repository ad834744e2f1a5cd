"""The Smart Energy clusters that GB smart metering uses: every command and attribute of their tables, by number.

Anything else is kept as octets and says so, since a device may send more than the use cases name.
"""

from __future__ import annotations

from . import (
    smart_energy_basic,
    smart_energy_calendar,
    smart_energy_events,
    smart_energy_management,
    smart_energy_metering,
    smart_energy_prepayment,
    smart_energy_price,
)
from . import smart_energy_common as common
from .zcl import (
    AttributeRow,
    ClusterCommand,
    CommandRow,
    Content,
    UnknownCommand,
    decode_general,
)

CLUSTERS = {
    common.BASIC: "Basic",
    0x000A: "Time",
    0x0019: "OTA Upgrade",
    0x0025: "Keep-Alive",
    common.PRICE: "Price",
    common.METERING: "Metering",
    common.MESSAGING: "Messaging",
    0x0704: "Tunnelling",
    common.PREPAYMENT: "Prepayment",
    common.CALENDAR: "Calendar",
    common.DEVICE_MANAGEMENT: "Device Management",
    common.EVENTS: "Events",
    0x070B: "Sub-GHz",
    0x0800: "Key Establishment",
}
"""Cluster names."""

COMMANDS: tuple[CommandRow, ...] = (
    *smart_energy_basic.COMMANDS,
    *smart_energy_price.COMMANDS,
    *smart_energy_metering.COMMANDS,
    *smart_energy_prepayment.COMMANDS,
    *smart_energy_calendar.COMMANDS,
    *smart_energy_management.COMMANDS,
    *smart_energy_events.COMMANDS,
)
"""Every known cluster command."""

ATTRIBUTES: tuple[AttributeRow, ...] = (
    *smart_energy_basic.ATTRIBUTES,
    *smart_energy_price.ATTRIBUTES,
    *smart_energy_metering.ATTRIBUTES,
    *smart_energy_prepayment.ATTRIBUTES,
)
"""Every known attribute."""

_BY_NUMBER = {(row.cluster, row.to_client, row.command): row for row in COMMANDS}
_BY_NAME = {row.name: row for row in COMMANDS}
_ATTRIBUTE_BY_NUMBER = {(row.cluster, row.attribute): row for row in ATTRIBUTES}


def find_command(cluster: int, to_client: bool, command: int) -> CommandRow | None:
    """The row of a cluster command, or None."""
    return _BY_NUMBER.get((cluster, to_client, command))


def command_named(name: str) -> CommandRow:
    """The row of the command with this name; names are unique. Raises KeyError."""
    return _BY_NAME[name]


def find_attribute(cluster: int, attribute: int) -> AttributeRow | None:
    """The row of an attribute, or None."""
    return _ATTRIBUTE_BY_NUMBER.get((cluster, attribute))


def cluster_name(cluster: int) -> str:
    """The name of a cluster; "unknown cluster" where the tables have none."""
    return CLUSTERS.get(cluster, "unknown cluster")


def decode_command(cluster: int, frame_control: int, command: int, data: bytes) -> Content:
    """The ZCL payload of one frame, which must fill ``data``. Raises DecodeError.

    Commands that no table has, and frames of reserved types or of a manufacturer's own, become UnknownCommand.
    """
    kind = frame_control & 7
    if kind == 1:
        row = _BY_NUMBER.get((cluster, frame_control & 8 != 0, command))
        if row is not None:
            return ClusterCommand(row, row.fields.decode(data))
    elif kind == 0:
        return decode_general(command, data)
    return UnknownCommand(data)


def command_name(cluster: int, frame_control: int, command: int) -> str:
    """The command's name, or ``unknown command 0702/33``."""
    if frame_control & 7 == 0:
        name = {0: "Read Attributes", 1: "Read Attributes Response", 0x0B: "Default Response"}.get(command)
    else:
        row = find_command(cluster, bool(frame_control & 8), command) if frame_control & 7 == 1 else None
        name = row.name if row else None
    return name or f"unknown command {cluster:04X}/{command:02X}"
