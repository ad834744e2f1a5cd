"""The calendars of a gas meter: the tariff switching table and the friendly credit calendar (SMETS2 4.6; ZSE D.9).

A calendar is published in several commands - calendar, days, weeks, seasons - and stands or falls as a whole: only
when all of it has come is it put into force, or set to wait for its time. Special days have a time of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from protocols.dlms.cosem_time import ANY, ANY_YEAR, CosemDate
from protocols.gbcs.gbz import Component
from protocols.instant import Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_calendar import CURRENT_NON_DISABLEMENT_CALENDAR, CURRENT_TARIFF_CALENDAR
from protocols.zigbee.smart_energy_common import CALENDAR
from protocols.zigbee.zcl import ClusterCommand, CommandRow
from protocols.zigbee.zcl_types import ZclDate

from ...dated_commands import CANCEL_FFFFFFFE, ask_for, moment_of, register
from ...defects import register_defect
from ...engines.tariff_calendar import DayProfile, Season, SpecialDay, Switch, SwitchingTable, Week
from ...part import Part
from ...refusals import ZCL_NOT_FOUND, ZclFailed
from ...state import decode_state, encode_state
from ...zcl_server import Reply
from ...zcl_values import INVALID_FIELD, fields_of, require

if TYPE_CHECKING:
    from ...command import Command
    from ...device import Device

TARIFF, FRIENDLY_CREDIT = 0, 3
"""Calendar types."""
MOST_SEASONS, MOST_WEEKS, MOST_SPECIAL_DAYS = 3, 2, 20
MOST_DAYS = {TARIFF: 4, FRIENDLY_CREDIT: 5}
MOST_ENTRIES = {TARIFF: 1, FRIENDLY_CREDIT: 3}
"""Switch times of a day; the first is at midnight."""

APPLIES_PART_OF_CALENDAR = register_defect(
    "applies-part-of-calendar", "puts every part of a gas calendar into force as it comes, also when a later one fails"
)

_PUBLISH = command_named("Publish Calendar")
_DAY, _WEEK = command_named("Publish Day Profile"), command_named("Publish Week Profile")
_SEASONS, _SPECIAL = command_named("Publish Seasons"), command_named("Publish Special Days")
_GETS = (
    ("Get Day Profiles", "days", _DAY, "start_day_id", "day_id", "number_of_days"),
    ("Get Week Profiles", "weeks", _WEEK, "start_week_id", "week_id", "number_of_weeks"),
)
_ASKED_AS = {CURRENT_TARIFF_CALENDAR: TARIFF, CURRENT_NON_DISABLEMENT_CALENDAR: FRIENDLY_CREDIT}


@dataclass(slots=True)
class CalendarSet:
    """The payloads of the commands that published a calendar."""

    calendar_id: int = 0
    header: bytes = b""
    days: list[bytes] = field(default_factory=list)
    weeks: list[bytes] = field(default_factory=list)
    seasons: bytes = b""


@dataclass(slots=True)
class GasCalendarState:
    """What is in force, by calendar type; ``special_days`` are payloads."""

    calendars: dict[int, CalendarSet] = field(default_factory=dict)
    special_days: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class _Draft:
    """A calendar of which not all has come. ``command`` is the one that brings it."""

    kind: int
    command: Command | None
    header: Component
    fields: Any
    parts: CalendarSet


class GasCalendars(Part):
    """Serves both calendars. ``before_change`` and ``listeners`` are told the type around a change."""

    name = "gas calendars"
    State = GasCalendarState
    state: GasCalendarState

    def __init__(self) -> None:
        super().__init__()
        self.before_change: list[Callable[[int], None]] = []
        self.listeners: list[Callable[[int], None]] = []
        self._draft: _Draft | None = None

    def attach(self, device: Device) -> None:
        super().attach(device)
        zcl = device.zcl
        for row, handler in (
            (_PUBLISH, self._begin),
            (_DAY, self._add_day),
            (_WEEK, self._add_week),
            (_SEASONS, self._add_seasons),
            (_SPECIAL, self._take_special_days),
        ):
            zcl.command(CALENDAR, row.command, handler, to_client=True)
        for row in (_PUBLISH, _SPECIAL):
            zcl.times[CALENDAR, True, row.command] = self._time_of
        for name, kept, row, first, number, most in _GETS:
            reader = _Reader(self, kept, row, first, number, most)
            zcl.command(CALENDAR, command_named(name).command, reader.get, preset=reader.preset)
        zcl.command(CALENDAR, command_named("Get Seasons").command, self._get_seasons, preset=self._preset_seasons)
        zcl.command(
            CALENDAR, command_named("Get Special Days").command, self._get_special_days, preset=self._preset_special
        )
        for kind in MOST_DAYS:
            register(device, _calendar_key(kind), partial(self._apply, kind))
            register(device, _special_key(kind), partial(self._apply_special, kind))

    # for other parts

    def table(self, kind: int) -> SwitchingTable:
        """The calendar in force, for the engines; selectors are the tiers, or 1 and 0 for friendly credit."""
        held = self.state.calendars.get(kind, CalendarSet())
        seasons = _SEASONS.fields.decode(held.seasons)["seasons"] if held.seasons else ()
        special = self.state.special_days.get(kind)
        days = _SPECIAL.fields.decode(special)["special_days"] if special else ()
        return SwitchingTable(
            tuple(Season(b"", _date(each.start), bytes((each.week_id,))) for each in seasons),
            tuple(_week(_WEEK.fields.decode(each)) for each in held.weeks),
            tuple(_day(_DAY.fields.decode(each)) for each in held.days),
            tuple(SpecialDay(_date(each.date), each.day_id) for each in days),
        )

    def has(self, kind: int) -> bool:
        """True if a calendar of this type is in force."""
        return kind in self.state.calendars

    def kind_of(self, calendar_id: int) -> int:
        """The type of the calendar that a query names. Raises ZclFailed."""
        if calendar_id in _ASKED_AS:
            return _ASKED_AS[calendar_id]
        for kind, held in self.state.calendars.items():
            if held.calendar_id == calendar_id:
                return kind
        raise ZclFailed(ZCL_NOT_FOUND)

    def calendar(self, kind: int) -> CalendarSet:
        """The calendar in force, made empty if there is none, for a preset."""
        return self.state.calendars.setdefault(kind, CalendarSet())

    def _time_of(self, component: Component) -> Instant | None:
        content = component.content
        if not isinstance(content, ClusterCommand):
            return None
        return moment_of(self.device, content["start_time"])

    # publishing

    def _begin(self, component: Component) -> None:
        fields = fields_of(component)
        kind = fields["calendar_type"]
        require(kind in MOST_DAYS)
        require(fields["number_of_day_profiles"] <= MOST_DAYS[kind])
        require(fields["number_of_week_profiles"] <= MOST_WEEKS and fields["number_of_seasons"] <= MOST_SEASONS)
        parts = CalendarSet(fields["issuer_calendar_id"], component.plaintext())
        self._draft = _Draft(kind, self.device.commands.current, component, fields, parts)

    def _add_day(self, component: Component) -> None:
        draft, fields = self._draft_of(component)
        entries = fields["entries"]
        require(fields["calendar_type"] == draft.kind)
        require(0 < len(entries) <= MOST_ENTRIES[draft.kind] and entries[0].start == 0)
        require(len(draft.parts.days) < draft.fields["number_of_day_profiles"])
        draft.parts.days.append(component.plaintext())
        self._show_part(draft)

    def _add_week(self, component: Component) -> None:
        draft, _ = self._draft_of(component)
        require(len(draft.parts.weeks) < draft.fields["number_of_week_profiles"])
        draft.parts.weeks.append(component.plaintext())
        self._show_part(draft)

    def _add_seasons(self, component: Component) -> None:
        """Seasons come last: now all must be there."""
        draft, fields = self._draft_of(component)
        require(len(fields["seasons"]) == draft.fields["number_of_seasons"])
        require(len(draft.parts.days) == draft.fields["number_of_day_profiles"])
        require(len(draft.parts.weeks) == draft.fields["number_of_week_profiles"])
        draft.parts.seasons = component.plaintext()
        self._draft = None
        ask_for(
            self.device,
            _calendar_key(draft.kind),
            draft.fields["start_time"],
            CANCEL_FFFFFFFE,
            draft.header,
            encode_state(draft.parts),
        )

    def _take_special_days(self, component: Component) -> None:
        fields = fields_of(component)
        kind = fields["calendar_type"]
        require(kind in MOST_DAYS and len(fields["special_days"]) <= MOST_SPECIAL_DAYS)
        require(len(fields["special_days"]) == fields["total_number_of_special_days"])
        ask_for(self.device, _special_key(kind), fields["start_time"], CANCEL_FFFFFFFE, component)

    def _draft_of(self, component: Component) -> tuple[_Draft, Any]:
        """The calendar that a part belongs to. Raises ZclFailed if none is being published by this command."""
        fields, draft = fields_of(component), self._draft
        if draft is None or draft.command is not self.device.commands.current:
            raise ZclFailed(INVALID_FIELD)
        require(fields["issuer_calendar_id"] == draft.parts.calendar_id)
        return draft, fields

    def _show_part(self, draft: _Draft) -> None:
        if self.device.defective(APPLIES_PART_OF_CALENDAR) and not draft.fields["start_time"]:
            self._apply(draft.kind, encode_state(draft.parts))

    def _apply(self, kind: int, data: bytes) -> None:
        for tell in self.before_change:
            tell(kind)
        self.state.calendars[kind] = decode_state(CalendarSet, _calendar_key(kind), data)
        self._changed(kind)

    def _apply_special(self, kind: int, data: bytes) -> None:
        for tell in self.before_change:
            tell(kind)
        self.state.special_days[kind] = data
        self._changed(kind)

    def _changed(self, kind: int) -> None:
        self.touch()
        for tell in self.listeners:
            tell(kind)

    # reading

    def _get_seasons(self, component: Component) -> Sequence[Reply]:
        kind = self.kind_of(fields_of(component)["issuer_calendar_id"])
        held = self.state.calendars.get(kind, CalendarSet()).seasons
        return [Reply(_content(_SEASONS, _found(held)))]

    def _preset_seasons(self, asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        kind = self.kind_of(asked["issuer_calendar_id"])
        self.calendar(kind).seasons = answers[0].encode() if answers else b""
        self._changed(kind)

    def _get_special_days(self, component: Component) -> Sequence[Reply]:
        held = self.state.special_days.get(self._special_kind(fields_of(component)))
        return [Reply(_content(_SPECIAL, _found(held)))]

    def _preset_special(self, asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        kind = self._special_kind(asked)
        if answers:
            self.state.special_days[kind] = answers[0].encode()
        else:
            self.state.special_days.pop(kind, None)
        self._changed(kind)

    def _special_kind(self, fields: Any) -> int:
        return self.kind_of(fields["issuer_calendar_id"])


class _Reader:
    """Serves a Get that is answered by one command for each day, or week."""

    def __init__(self, part: GasCalendars, kept: str, row: CommandRow, first: str, number: str, most: str) -> None:
        self.part, self.kept, self.row, self.first, self.number, self.most = part, kept, row, first, number, most

    def get(self, component: Component) -> Sequence[Reply]:
        fields = fields_of(component)
        held = self.part.state.calendars.get(self.part.kind_of(fields["issuer_calendar_id"]), CalendarSet())
        commands = [_content(self.row, each) for each in getattr(held, self.kept)]
        wanted = [each for each in commands if each[self.number] >= fields[self.first]]
        if not wanted:
            raise ZclFailed(ZCL_NOT_FOUND)
        return [Reply(each) for each in wanted[: fields[self.most] or None]]

    def preset(self, asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        kind = self.part.kind_of(asked["issuer_calendar_id"])
        setattr(self.part.calendar(kind), self.kept, [each.encode() for each in answers])
        self.part._changed(kind)


def _calendar_key(kind: int) -> str:
    return f"gas calendar {kind}"


def _special_key(kind: int) -> str:
    return f"gas special days {kind}"


def _content(row: CommandRow, payload: bytes) -> ClusterCommand:
    return ClusterCommand(row, row.fields.decode(payload))


def _found(payload: bytes | None) -> bytes:
    if not payload:
        raise ZclFailed(ZCL_NOT_FOUND)
    return payload


def _date(date: ZclDate) -> CosemDate:
    year, *parts = date
    return CosemDate(ANY_YEAR if year is None else year, *(ANY if part is None else part for part in parts))


def _week(fields: Any) -> Week:
    return Week(bytes((fields["week_id"],)), tuple(fields["day_ids"]))


def _day(fields: Any) -> DayProfile:
    return DayProfile(fields["day_id"], tuple(Switch(60 * each.start, each.value) for each in fields["entries"]))
