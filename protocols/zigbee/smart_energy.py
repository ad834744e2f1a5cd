"""The Smart Energy clusters that GB smart metering uses: every command and attribute of their tables, by number.

Anything else is kept as octets and says so, since a device may send more than the use cases name.
"""

from __future__ import annotations

from ..sheet import Sheet
from . import (
    smart_energy_basic,
    smart_energy_calendar,
    smart_energy_events,
    smart_energy_load_control,
    smart_energy_management,
    smart_energy_metering,
    smart_energy_prepayment,
    smart_energy_price,
)
from . import smart_energy_common as common
from .zcl import (
    READ_ATTRIBUTES,
    STATUS_TEXTS,
    AttributeRecord,
    AttributeRow,
    ClusterCommand,
    CommandRow,
    Content,
    DefaultResponse,
    ReadAttributes,
    ReadAttributesResponse,
    UnknownCommand,
    decode_general,
)
from .zcl_types import DATA_TYPES

CLUSTERS = {
    common.BASIC: "Basic",
    0x000A: "Time",
    0x0019: "OTA Upgrade",
    0x0025: "Keep-Alive",
    common.PRICE: "Price",
    common.LOAD_CONTROL: "Demand Response and Load Control",
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
    *smart_energy_load_control.COMMANDS,
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


def describe_content(cluster: int, frame_control: int, content: Content, sheet: Sheet) -> None:
    """Append the fields of a ZCL payload, attributes and commands by name."""
    if isinstance(content, ReadAttributes):
        for attribute in content.attributes:
            sheet.leaf("attribute", attribute.to_bytes(2, "little"), attribute, attribute_name(cluster, attribute))
    elif isinstance(content, ReadAttributesResponse):
        for record in content.records:
            _describe_record(cluster, record, sheet)
    elif isinstance(content, DefaultResponse):
        text = _answered_text(cluster, frame_control, content.command)
        sheet.leaf("command_answered", bytes((content.command,)), content.command, text)
        sheet.leaf("status", bytes((content.status,)), content.status, STATUS_TEXTS.get(content.status, ""))
    else:
        content.describe(sheet)


def attribute_name(cluster: int, attribute: int) -> str:
    """The attribute's name, or ``unknown attribute 0702/0B33``."""
    row = find_attribute(cluster, attribute)
    return row.name if row else f"unknown attribute {cluster:04X}/{attribute:04X}"


def _describe_record(cluster: int, record: AttributeRecord, sheet: Sheet) -> None:
    name = attribute_name(cluster, record.attribute)
    with sheet.group(name):
        sheet.leaf("attribute", record.attribute.to_bytes(2, "little"), record.attribute, f"{record.attribute:04X}")
        sheet.leaf("status", bytes((record.status,)), record.status, STATUS_TEXTS.get(record.status, ""))
        if record.type is None:
            return
        kind, row = DATA_TYPES.get(record.type), find_attribute(cluster, record.attribute)
        sheet.leaf("type", bytes((record.type,)), record.type, kind.name if kind else "unknown type")
        if kind is None:
            sheet.leaf("value", record.value, record.value, "unknown type, not decoded")
        else:
            form = row.format if row and row.type == record.type else kind.format
            form.describe(record.value, sheet, "value")


def _answered_text(cluster: int, frame_control: int, command: int) -> str:
    """What a default response answers: a command that went the other way, a general one or one of the cluster."""
    row = find_command(cluster, not frame_control & 8, command)
    names = ([row.name] if row else []) + (["Read Attributes"] if command == READ_ATTRIBUTES else [])
    return " or ".join(names) or f"unknown command {cluster:04X}/{command:02X}"
