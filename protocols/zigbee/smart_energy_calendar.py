"""Calendar cluster, 0707 (ZigBee Smart Energy 1.4, D.9): day and week profiles, seasons, special days."""

from __future__ import annotations

from typing import NamedTuple

from ..grammar import Record
from .smart_energy_common import CALENDAR, command_index, empty_label, issuer_event, provider, start, total_commands
from .zcl import client_command, server_command
from .zcl_types import DateFormat, Integer, Times, ToTheEnd, ZclDate, u8, u16, u32

CALENDAR_TYPE = {
    0: "delivered (tariff)",
    1: "received",
    2: "delivered and received",
    3: "friendly credit (non-disablement)",
    4: "auxiliary load switch",
}
CURRENT_TARIFF_CALENDAR = 0xFFFFFFFF
CURRENT_NON_DISABLEMENT_CALENDAR = 0xFFFFFFFE
_CALENDAR_ID = {
    CURRENT_TARIFF_CALENDAR: "the tariff calendar in force",
    CURRENT_NON_DISABLEMENT_CALENDAR: "the non-disablement calendar in force",
}


class ScheduleEntry(NamedTuple):
    """From ``start`` (minutes after midnight) on: a price tier, or 1 / 0 for non-disablement on / off."""

    start: int
    value: int


class Season(NamedTuple):
    """From this date on, the week profile ``week_id``."""

    start: ZclDate
    week_id: int


class SpecialDay(NamedTuple):
    """On this date, the day profile ``day_id``."""

    date: ZclDate
    day_id: int


_ENTRY = Record(
    ScheduleEntry, "start" / u16(lambda value: f"{value // 60:02d}:{value % 60:02d}", "min"), "value" / u8()
)
_SEASON = Record(Season, "start" / DateFormat(), "week_id" / u8())
_SPECIAL_DAY = Record(SpecialDay, "date" / DateFormat(), "day_id" / u8())


def _calendar_id() -> Integer:
    return u32(_CALENDAR_ID)


def _calendar_type() -> Integer:
    return u8(CALENDAR_TYPE)


COMMANDS = (
    client_command(
        CALENDAR,
        0x01,
        "Get Day Profiles",
        "provider_id" / provider(),
        "issuer_calendar_id" / _calendar_id(),
        "start_day_id" / u8(usual=1),
        "number_of_days" / u8({0: "all"}, usual=0),
    ),
    client_command(
        CALENDAR,
        0x02,
        "Get Week Profiles",
        "provider_id" / provider(),
        "issuer_calendar_id" / _calendar_id(),
        "start_week_id" / u8(usual=1),
        "number_of_weeks" / u8({0: "all"}, usual=0),
    ),
    client_command(
        CALENDAR,
        0x03,
        "Get Seasons",
        "provider_id" / provider(),
        "issuer_calendar_id" / _calendar_id(),
    ),
    client_command(
        CALENDAR,
        0x04,
        "Get Special Days",
        "start_time" / start(0),
        "number_of_events" / u8({0: "all"}, usual=0),
        "calendar_type" / _calendar_type(),
        "provider_id" / provider(),
        "issuer_calendar_id" / _calendar_id(),
    ),
    server_command(
        CALENDAR,
        0x00,
        "Publish Calendar",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "issuer_calendar_id" / _calendar_id(),
        "start_time" / start(),
        "calendar_type" / _calendar_type(),
        "calendar_time_reference" / u8({0: "UTC", 1: "standard time", 2: "local time"}, usual=0),
        "calendar_name" / empty_label(),
        "number_of_seasons" / u8(),
        "number_of_week_profiles" / u8(),
        "number_of_day_profiles" / u8(),
    ),
    server_command(
        CALENDAR,
        0x01,
        "Publish Day Profile",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "issuer_calendar_id" / _calendar_id(),
        "day_id" / u8(),
        "total_number_of_schedule_entries" / u8(),
        "command_index" / command_index(),
        "total_number_of_commands" / total_commands(),
        "calendar_type" / _calendar_type(),
        "entries" / ToTheEnd(_ENTRY),
    ),
    server_command(
        CALENDAR,
        0x02,
        "Publish Week Profile",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "issuer_calendar_id" / _calendar_id(),
        "week_id" / u8(),
        "day_ids" / Times(7, u8()),  # Monday to Sunday
    ),
    server_command(
        CALENDAR,
        0x03,
        "Publish Seasons",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "issuer_calendar_id" / _calendar_id(),
        "command_index" / command_index(),
        "total_number_of_commands" / total_commands(),
        "seasons" / ToTheEnd(_SEASON),
    ),
    server_command(
        CALENDAR,
        0x04,
        "Publish Special Days",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "issuer_calendar_id" / _calendar_id(),
        "start_time" / start(),
        "calendar_type" / _calendar_type(),
        "total_number_of_special_days" / u8(),
        "command_index" / command_index(),
        "total_number_of_commands" / total_commands(),
        "special_days" / ToTheEnd(_SPECIAL_DAY),
    ),
)
