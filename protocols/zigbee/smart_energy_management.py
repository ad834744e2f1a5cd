"""Device Management cluster, 0708 (ZigBee Smart Energy 1.4, D.10): tenancy, supplier, site id, CIN, event settings."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import DecodeError, EncodeError
from ..grammar import Format, Record, truncated
from ..sheet import Sheet
from .smart_energy_common import DEVICE_MANAGEMENT, issuer_event, provider, start, tariff_type
from .zcl import client_command, server_command
from .zcl_types import OctetString, ToTheEnd, bits, u8, u16, u32

PASSWORD_TYPE = {1: "service menu", 2: "consumer menu", 3: "password 3", 4: "password 4"}
_SETTINGS = bits({3: "WAN alert", 4: "HAN alert", 5: "ZigBee alarm", 6: "audible alarm"})
_LOGS = {0: "not logged", 1: "tamper log", 2: "fault log", 3: "general event log", 4: "security log", 5: "network log"}
_TENANCY = bits(
    {
        0: "pre snapshots",
        1: "post snapshots",
        2: "reset credit register",
        3: "reset debit register",
        4: "reset billing period",
        5: "clear tariff plan",
        6: "clear standing charge",
        7: "block historical load profile",
        8: "clear historical load profile",
        9: "clear in-home display data, consumer",
        10: "clear in-home display data, supplier",
        13: "clear transaction log",
        14: "clear prepayment data",
    }
)


def event_configuration_text(value: int) -> str:
    """Bits 0 to 2 the log, the others where the event is sent."""
    return ", ".join(part for part in (_LOGS.get(value & 7, f"log {value & 7}"), _SETTINGS(value)) if part)


def event_group_text(value: int) -> str:
    """An event id whose low octet is FF stands for its whole group."""
    return f"all events {value >> 8:02X}nn" if value & 0xFF == 0xFF else f"{value:04X}"


class EventConfiguration(NamedTuple):
    """One event's setting."""

    event_id: int
    configuration: int


class EventSelection(NamedTuple):
    """Which events a setting is for: ``control`` 0 the listed events, 1 a group, 2 a log, 3 those so configured now.

    ``values`` holds any number of event ids for control 0, else one group (nnFF), log id or configuration.
    """

    control: int
    values: tuple[int, ...]


class _EventSelectionFormat(Format):
    """The control octet, then what it selects by; a list stands behind its number."""

    _SELECTORS = ("list", "group", "log", "configuration")
    _WIDTHS = (2, 2, 1, 1)

    def take(self, data: bytes, at: int, end: int) -> tuple[EventSelection, int]:
        if at >= end:
            raise truncated(at, end, 1)
        control = data[at]
        if control > 3:
            raise DecodeError(at, "a selector of 0 to 3", f"{control}")
        number, at = 1, at + 1
        if control == 0:
            if at >= end:
                raise truncated(at, end, 1)
            number, at = data[at], at + 1
        width = self._WIDTHS[control]
        stop = at + width * number
        if stop > end:
            raise truncated(at, end, width * number)
        values = tuple(int.from_bytes(data[i : i + width], "little") for i in range(at, stop, width))
        return EventSelection(control, values), stop

    def put(self, value: Any) -> bytes:
        return b"".join(octets for _, octets, _, _ in self._parts(value))

    def _parts(self, value: EventSelection) -> list[tuple[str, bytes, int, str]]:
        control, values = value
        if control not in range(4) or (control and len(values) != 1):
            raise EncodeError("a selector of 0 to 3; all but 0 take exactly one value")
        parts = [("configuration_control", bytes((control,)), control, self._SELECTORS[control])]
        if control == 0:
            parts.append(("number_of_events", bytes((len(values),)), len(values), ""))
        width = self._WIDTHS[control]
        for item in values:
            text = event_group_text(item) if width == 2 else ""
            parts.append((self._SELECTORS[control], item.to_bytes(width, "little"), item, text))
        return parts

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        with sheet.group(name):
            for part, octets, item, text in self._parts(value):
                sheet.leaf(part, octets, item, text)


_EVENT_CONFIGURATION = Record(
    EventConfiguration, "event_id" / u16(event_group_text), "configuration" / u8(event_configuration_text)
)

COMMANDS = (
    client_command(
        DEVICE_MANAGEMENT,
        0x04,
        "Report Event Configuration",
        "command_index" / u8(usual=0),
        "total_commands" / u8(usual=1),
        "configurations" / ToTheEnd(_EVENT_CONFIGURATION),
    ),
    server_command(
        DEVICE_MANAGEMENT,
        0x00,
        "Publish Change of Tenancy",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "tariff_type" / tariff_type(),
        "implementation_date_time" / start(),
        "proposed_tenancy_change_control" / u32(_TENANCY, usual=0x200),
    ),
    server_command(
        DEVICE_MANAGEMENT,
        0x01,
        "Publish Change of Supplier",  # used to carry the supplier's name and telephone number only
        "current_provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "tariff_type" / tariff_type(),
        "proposed_provider_id" / provider(),
        "provider_change_implementation_time" / start(0),
        "provider_change_control" / u32(usual=0x1800),
        "proposed_provider_name" / OctetString(),
        "proposed_provider_contact_details" / OctetString(),
    ),
    server_command(
        DEVICE_MANAGEMENT,
        0x02,
        "Request New Password Response",  # an empty consumer-menu password switches the PIN off
        "issuer_event_id" / issuer_event(),
        "implementation_date_time" / start(0),
        "duration_in_minutes" / u16({0: "until changed"}, "min", usual=0),
        "password_type" / u8(PASSWORD_TYPE, usual=2),
        "password" / OctetString(usual=b""),
    ),
    server_command(
        DEVICE_MANAGEMENT,
        0x03,
        "Update SiteID",
        "issuer_event_id" / issuer_event(),
        "site_id_time" / start(0),
        "provider_id" / provider(),
        "site_id" / OctetString(),
    ),
    server_command(
        DEVICE_MANAGEMENT,
        0x04,
        "Set Event Configuration",
        "issuer_event_id" / issuer_event(),
        "start_date_time" / start(0),
        "event_configuration" / u8(event_configuration_text),
        "selection" / _EventSelectionFormat(),
    ),
    server_command(
        DEVICE_MANAGEMENT,
        0x05,
        "Get Event Configuration",
        "event_id" / u16(event_group_text, usual=0x81FF),
    ),
    server_command(
        DEVICE_MANAGEMENT,
        0x06,
        "Update CIN",
        "issuer_event_id" / issuer_event(),
        "cin_implementation_time" / start(0),
        "provider_id" / provider(),
        "customer_id_number" / OctetString(),
    ),
)
