"""Auxiliary controllers: up to five switches or proportional controllers of a meter or a stand-alone device (SMETS2).

Each obeys, in this order, a limit of the load controller (ECS47e), a state commanded for a period (ECS47a, the older
ECS47), the boost button, and the calendar (ECS46d), which is delayed by the randomised offset. Every change is logged
and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, DataType, octet_string, uint8
from protocols.dlms.obis import obis
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import DAY, Instant

from ...alert_forms import written
from ...cosem import attribute, expect
from ...defects import register_defect
from ...engines.schedule import LOOK_AHEAD_DAYS
from ...outputs import SwitchMoved
from ...part import Part
from ...refusals import AccessFailed
from ...stored_values import EMPTY_ARRAY, EXTENDED_DATA, Stored, serve_passive_object
from .auxiliary_control import (
    CONTROLLERS,
    FULL,
    LIMIT_END,
    LIMIT_START,
    LONGEST_PERIOD,
    SET_END,
    SET_START,
    AuxiliaryState,
    Direction,
    Kind,
    Period,
    Target,
    calendar_target,
    identifier_of,
    immediate_target,
    kind_of,
    level_for,
    old_reset,
    old_target,
)
from .auxiliary_objects import serve_controllers
from .schedule_values import is_schedule, is_special_days_table, schedule

if TYPE_CHECKING:
    from ...device import Device
    from .randomised_offset import RandomisedOffset

SCRIPT_TABLE = obis("0-0:10.0.103.255")
LIMIT_SCRIPTS = "0-0:10.0.107.255"
MOST_ENTRIES = 120
CHANGED, NOT_CHANGED = 0x8131, 0x811A
LIMITED, LIMIT_ENDED, UPDATED = 0x8F86, 0x8F87, 0x8F88
LIMITED_ALERT, LIMIT_ENDED_ALERT, UPDATED_ALERT = 0x0121, 0x0122, 0x0123
UNKNOWN, SUCCESS, FAILURE = 0, 1, 2
"""Outcomes in the log; unknown is for commands to a switch elsewhere in the home."""
LOAD = "load of auxiliary controller "
"""Begins the signal of a controlled load that says something of itself: ``load of auxiliary controller 3: text``."""
LONGEST_UPDATE = 1200
FAULT = "fault: auxiliary controller "
"""Begins the signal of a controller that does not follow; its number comes after."""

PERIOD_NOT_CHECKED = register_defect(
    "auxiliary-period-not-checked", "takes periods of more than 24 hours for auxiliary controllers"
)

_U16, _OCTETS = DataType.UINT16, DataType.OCTET_STRING


class Auxiliary(Part):
    """Serves and runs the controllers. ``boosted`` is asked which controllers the boost button holds on."""

    name = "auxiliary"
    State = AuxiliaryState
    state: AuxiliaryState

    def __init__(self, offset: RandomisedOffset) -> None:
        super().__init__()
        self._offset = offset
        self._schedule = schedule(EMPTY_ARRAY, EMPTY_ARRAY)
        self._faulty: set[int] = set()
        self.boosted: Callable[[int], bool] = lambda _number: False
        self.listeners: list[Callable[[Target], None]] = []
        """Told when a controller is sent to another level."""

    def attach(self, device: Device) -> None:
        super().attach(device)
        self._offset.listeners.append(self.calendar_changed)
        serve_controllers(self)
        device.cosem.method(9, "0-0:10.0.103.255", 1, self._run, preset=self._preset_for_scripts)
        device.cosem.method(9, LIMIT_SCRIPTS, 1, self._run_limit, preset=self._preset_for_scripts)
        table = partial(Stored, kind=None, changed=self.calendar_changed, after_preset=self.calendar_preset)
        calendar = table(10, "0-0:12.0.2.255", 2, "calendar", check=_is_calendar)
        days = table(11, "0-0:11.0.3.255", 2, "special_days", check=is_special_days_table)
        for row, passive, activate in (
            (calendar, attribute(10, "0-1:12.0.2.255", 2), "0-0:94.44.128.26"),
            (days, attribute(11, "0-1:11.0.3.255", 2), "0-0:94.44.128.35"),
        ):
            serve_passive_object(self, row, passive, attribute(EXTENDED_DATA, activate, 6))

    def started(self) -> None:
        if not self.state.fitted:
            self.state.fitted = True
            fitted = self.device.personality.auxiliary
            self.state.identifiers[: len(fitted)] = [identifier_of(text) for text in fitted]
        self._build()
        self.update(self.device.now)

    def clock_stepped(self, before: Instant, after: Instant) -> None:  # noqa: ARG002 - periods are dates
        self.update(after)

    def sensed(self, signal: str, active: bool) -> None:
        if signal.startswith(FAULT):
            faulty = int(signal.removeprefix(FAULT))
            (self._faulty.add if active else self._faulty.discard)(faulty)
        elif signal.startswith(LOAD) and active:
            number, _, text = signal.removeprefix(LOAD).partition(": ")
            self._update_operation(int(number), text)

    def _update_operation(self, number: int, text: str) -> None:
        """A controlled load says something of itself: the supplier is told."""
        self.state.information[number - 1], self.state.texts[number - 1] = text, None
        self.touch()
        output, feed = (self.level(number, direction) for direction in Direction)
        facts: dict[str, int | str] = {
            "controller": Direction.OUTPUT << 4 | number,
            "number": number,
            "output": output,
            "input": feed,
            "text": text[:LONGEST_UPDATE],
        }
        form = self.device.personality.alert_form(UPDATED_ALERT)
        self._send(UPDATED, UPDATED_ALERT, written(UPDATED_ALERT, form, facts))

    def advance(self, at: Instant) -> None:
        self.update(at)

    # for other parts

    def kind(self, number: int) -> Kind:
        """What controller 1 to 5 is."""
        return kind_of(self.state.identifiers[number - 1]) or Kind.NONE

    def level(self, number: int, direction: Direction = Direction.OUTPUT) -> int:
        """Where it stands now, percent."""
        return self.state.levels.get(Target(direction, number, 0).key, 0)

    def calendar_level(self, number: int, at: Instant, direction: Direction = Direction.OUTPUT) -> int:
        """What the calendar asks for; 0 where it says nothing."""
        action = self._schedule.last_action(at, partial(_concerns, direction, number))
        target = None if action is None else calendar_target(action.selector)
        return 0 if target is None else target.level

    def next_change(self, at: Instant) -> Instant:
        """When something may next ask for another level, later than ``at``."""
        action = self._schedule.next_action(at)
        times = [at + LOOK_AHEAD_DAYS * DAY if action is None else action.at]
        for period in (*self.state.commanded.values(), *self.state.limits.values()):
            times += [moment for moment in (period.start, period.end) if moment > at]
        return min(times)

    def calendar_changed(self) -> None:
        """The calendar, its special days or the randomised offset have changed."""
        self._build()
        self.update(self.device.now)

    def update(self, at: Instant) -> None:
        """Let every controller take the level that is due now, and wait for the next change."""
        self._end_limits(at)
        self._end_commands(at)
        for target in self._wanted(at):
            if self.state.levels.get(target.key, 0) != target.level:
                self._move(target)
        self._rearm(at)

    def set_bound(self, number: int, which: int, value: Data) -> None:
        """Keep a start or an end (1 to 4) for controller 1 to 5; the older use case writes minutes instead.

        Raises AccessFailed.
        """
        if value.type is _U16 and which in (SET_START, SET_END):
            moment: Instant = value.value
        else:
            octets = expect(value, _OCTETS)
            found = CosemDateTime.decode(octets).to_instant() if len(octets) == CosemDateTime.WIDTH else None
            if found is None:
                raise AccessFailed
            moment = found
            start = self.state.bounds.get(f"{number} {which - 1}")
            if which in (SET_END, LIMIT_END) and start is not None:
                self._check_period(start, moment, which)
        self.state.bounds[f"{number} {which}"] = moment
        self.touch()

    # levels

    def _wanted(self, at: Instant) -> Iterator[Target]:
        for number in range(1, CONTROLLERS + 1):
            kind = self.kind(number)
            if kind is Kind.NONE:
                continue
            yield self._due(kind, Direction.OUTPUT, number, at)
            if kind is Kind.PROPORTIONAL:
                yield self._due(kind, Direction.INPUT, number, at)

    def _due(self, kind: Kind, direction: Direction, number: int, at: Instant) -> Target:
        target = Target(direction, number, 0)
        commanded = self.state.commanded.get(target.key)
        limit = self.state.limits.get(target.key)
        if commanded is not None and commanded.holds(at):
            wanted = commanded.level
        elif direction is Direction.OUTPUT and self.boosted(number):
            wanted = FULL
        else:
            wanted = self.calendar_level(number, at, direction)
        most = limit.level if limit is not None and limit.holds(at) else None
        return target._replace(level=level_for(kind, wanted, most))

    def _move(self, target: Target) -> None:
        state, logs = self.state, self.device.logs
        elsewhere = self.kind(target.number) is Kind.HAN_SWITCH
        if target.number in self._faulty:
            logs.add_auxiliary(target.action, FAILURE)
            self.device.alerts.event(NOT_CHANGED)
            return
        state.levels[target.key] = target.level
        state.texts[target.number - 1] = None
        state.han_commands += elsewhere
        self.touch()
        logs.add_auxiliary(target.action, *((UNKNOWN, state.han_commands) if elsewhere else (SUCCESS, 0)))
        suffix = " input" if target.direction is Direction.INPUT else ""
        self.device.emit(SwitchMoved(f"auxiliary controller {target.number}{suffix}", target.level))
        if not elsewhere:
            self.device.alerts.event(CHANGED)
        for listener in self.listeners:
            listener(target)

    def _end_limits(self, at: Instant) -> None:
        ended = [key for key, period in self.state.limits.items() if period.end <= at]
        for key in ended:
            del self.state.limits[key]
            self.touch()
            direction, number = Direction(int(key[0])), int(key[1])
            result = self._due(self.kind(number), direction, number, at).level
            self._report(LIMIT_ENDED, LIMIT_ENDED_ALERT, direction, number, [uint8(result)])

    def _end_commands(self, at: Instant) -> None:
        ended = [key for key, period in self.state.commanded.items() if period.end <= at]
        for key in ended:
            del self.state.commanded[key]
            self.touch()

    def _rearm(self, at: Instant) -> None:
        self.schedule(self.next_change(at))

    def _build(self) -> None:
        self._schedule = schedule(self.state.calendar, self.state.special_days, self._offset.seconds)

    # commands

    def _run(self, argument: Data) -> None:
        """Set a state for a period (ECS47a), or for minutes from now, or end that (ECS47)."""
        selector = expect(argument, _U16)
        number = old_reset(selector)
        if number is not None:
            self._fitted(Target(Direction.OUTPUT, number, 0))
            self.state.commanded.pop(Target(Direction.OUTPUT, number, 0).key, None)
        else:
            target = immediate_target(selector)
            old = target is None
            target = self._fitted(target or old_target(selector))
            start, end = self._lasting(target) if old else self._period(target, SET_START, SET_END)
            self.state.commanded[target.key] = Period(start, end, target.level)
        self.touch()
        self.update(self.device.now)

    def _run_limit(self, argument: Data) -> None:
        target = self._fitted(immediate_target(expect(argument, _U16)))
        if self.kind(target.number) is not Kind.PROPORTIONAL:
            raise AccessFailed
        start, end = self._period(target, LIMIT_START, LIMIT_END)
        self.state.limits[target.key] = Period(start, end, target.level)
        self.touch()
        moments = [octet_string(CosemDateTime.at(each).encode()) for each in (start, end)]
        self._report(LIMITED, LIMITED_ALERT, target.direction, target.number, [*moments, uint8(target.level)])
        self.update(self.device.now)

    def _fitted(self, target: Target | None) -> Target:
        """The target, if this device has such a controller. Raises AccessFailed."""
        if target is None or self.kind(target.number) is Kind.NONE:
            raise AccessFailed
        if target.direction is Direction.INPUT and self.kind(target.number) is not Kind.PROPORTIONAL:
            raise AccessFailed
        return target

    def _period(self, target: Target, first: int, last: int) -> tuple[Instant, Instant]:
        bounds = self.state.bounds
        start, end = bounds.get(f"{target.number} {first}"), bounds.get(f"{target.number} {last}")
        if start is None or end is None:
            raise AccessFailed
        self._check_period(start, end, last)
        return start, end

    def _lasting(self, target: Target) -> tuple[Instant, Instant]:
        written = SET_START if target.level else SET_END
        minutes = self.state.bounds.get(f"{target.number} {written}")
        if minutes is None:
            raise AccessFailed
        return self.device.now, self.device.now + 60 * minutes

    def _check_period(self, start: Instant, end: Instant, which: int) -> None:
        long = end - start > LONGEST_PERIOD and not (which == LIMIT_END and self.device.personality.long_limits)
        if end <= start or (long and not self.device.defective(PERIOD_NOT_CHECKED)):
            raise AccessFailed

    def _report(self, code: int, message_code: int, direction: Direction, number: int, rest: list[Data]) -> None:
        self._send(code, message_code, [uint8(direction << 4 | number), *rest])

    def _send(self, code: int, message_code: int, body: list[Data]) -> None:
        """Tell of a controller. Whether the load controller is named with it is not published."""
        alerts, controller = self.device.alerts, None
        if self.device.personality.names_load_controller:
            controller = self.device.credentials.party(RemotePartyRole.LOAD_CONTROLLER)
        alerts.event(code)
        alerts.send_dlms(code, message_code, alerts.recipients(code), body, supplementary=(controller, None))

    # the maker's way in

    def calendar_preset(self) -> None:
        """The maker moves nothing: the controllers obey from the next change on."""
        self._build()
        self._rearm(self.device.now)

    def _preset_for_scripts(self, _value: Data) -> None:
        """Five proportional controllers: with them every script can be carried out."""
        self.state.identifiers[:] = [identifier_of(Kind.PROPORTIONAL)] * CONTROLLERS
        self.touch()


def _concerns(direction: Direction, number: int, selector: int) -> bool:
    target = calendar_target(selector)
    return target is not None and (target.direction, target.number) == (direction, number)


def _is_calendar(value: Data) -> bool:
    return is_schedule(value, MOST_ENTRIES, SCRIPT_TABLE)
