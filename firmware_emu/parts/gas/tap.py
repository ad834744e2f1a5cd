"""The gas proxy reads along what the gas meter is told, and takes over what the meter has accepted (GBCS 10.4.2).

A command is kept until the meter's response passes; only components that were answered with success are applied. One
with a future date is applied when the meter's alert says that it was executed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protocols.errors import DecodeError
from protocols.gbcs.gbz import Component, ExecutionOutcome, GbzAlert, GbzPayload
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.instant import DAY, Instant
from protocols.zigbee.smart_energy_common import CALENDAR, CANCEL, EVENTS, NO_END
from protocols.zigbee.zcl import ClusterCommand, DefaultResponse

from ...defects import register_defect
from ...future_dating import DONE
from ...han_commands import DONE as TAKEN_OVER
from ...han_commands import NOT_DONE as NOT_TAKEN_OVER
from ...part import NEVER, Part
from ...refusals import ZclFailed
from .events import CLEARED

if TYPE_CHECKING:
    from ...device import Device
    from .mirror import GasMirror

CLEAR_LOG, PREPAYMENT_CONFIGURATION, FUTURE_DATED_ALERT = 0x0015, 0x006F, 0x00CD
TAPPED = frozenset({CLEAR_LOG, 0x006B, PREPAYMENT_CONFIGURATION, 0x0071, 0x007C, 0x007E, 0x0088, 0x00A3, 0x00D8})
"""Message codes of commands that are read along."""
KEPT_FOR: Instant = DAY + 3600
"""How long a response is waited for: as long as the hub keeps the command, and an hour. Inferred."""
MOST_KEPT = 16
TAPPING_FAILED = 0x819E
_TIMES = ("start_time", "implementation_date_time", "provider_change_implementation_time")
_CALENDAR_PARTS = frozenset({0x00, 0x01, 0x02, 0x03})
"""Commands that make one calendar, whose execution one alert tells."""

TAKES_REFUSED = register_defect(
    "proxy-takes-refused", "the gas proxy takes over commands although the gas meter refused them"
)
FORGETS_DATED = register_defect("proxy-forgets-dated", "the gas proxy never takes over commands with a future date")


@dataclass(slots=True)
class Kept:
    """A command's payload, and until when it is of use."""

    message_code: int
    counter: int
    payload: bytes
    until: Instant


@dataclass(slots=True)
class GasTapState:
    """``commands`` wait for their response, ``dated`` for the alerts of their execution."""

    commands: list[Kept] = field(default_factory=list)
    dated: list[Kept] = field(default_factory=list)


class GasTap(Part):
    """Takes every message that is not for the proxy itself."""

    name = "gas tap"
    State = GasTapState
    state: GasTapState

    def __init__(self, mirror: GasMirror) -> None:
        super().__init__()
        self._mirror = mirror

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.dispatcher.route = self._see

    def started(self) -> None:
        self._rearm()

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        for kept in self.state.commands:
            kept.until += after - before
        self.touch()
        self._rearm()

    def advance(self, at: Instant) -> None:
        """A response never came."""
        for kept in [kept for kept in self.state.commands if kept.until <= at]:
            self._end(kept, done=False)
        self._rearm()

    def _see(self, message: Message, _frame: bytes) -> bool:
        if message.cra is Cra.COMMAND and message.message_code in TAPPED:
            self._keep(self.state.commands, Kept(*_name(message), message.payload, self.device.now + KEPT_FOR))
            self._rearm()
        elif message.cra is Cra.RESPONSE:
            kept = _find(self.state.commands, *_name(message))
            if kept is not None:
                self._end(kept, done=self._take_over(kept, message))
        elif message.cra is Cra.ALERT and message.message_code == FUTURE_DATED_ALERT:
            self._see_alert(message)
        return True

    # a response passes

    def _take_over(self, kept: Kept, response: Message) -> bool:
        """Apply what was successful. False if the answer does not fit the command, or nothing in it was successful."""
        asked, answers = _components(kept.payload), _payload(response)
        if not isinstance(answers, GbzPayload) or len(asked) != len(answers.components):
            return False
        pairs = list(zip(asked, answers.components, strict=True))
        if not all(_belong(command, answer) for command, answer in pairs):
            return False
        every = self.device.defective(TAKES_REFUSED)
        taken = [command for command, answer in pairs if every or _was_successful(answer)]
        if kept.message_code == CLEAR_LOG:
            if taken:
                self._mirror.clear_log_copy()
        else:
            self._apply_all(kept, [each for each in taken if _is_wanted(kept.message_code, each)])
        return bool(taken)

    def _apply_all(self, kept: Kept, taken: list[Component]) -> None:
        """A calendar without all its parts is not applied, since its seasons, which come last, complete it."""
        moments = [_moment(each) for each in taken]
        if any(moment not in (None, 0, CANCEL, NO_END) and moment > self.device.now for moment in moments if moment):
            self._keep(self.state.dated, Kept(kept.message_code, kept.counter, kept.payload, NEVER))
            return
        self.state.dated = [each for each in self.state.dated if each.message_code != kept.message_code]
        self.touch()
        if not any(moment in (CANCEL, NO_END) for moment in moments):
            self._apply(taken)

    def _apply(self, components: list[Component]) -> None:
        for component in components:
            try:
                self.device.zcl.perform(_now(component))
            except ZclFailed:  # what the meter took and the proxy cannot is left out
                continue

    # an alert passes

    def _see_alert(self, message: Message) -> None:
        alert = _payload(message)
        body = alert.body if isinstance(alert, GbzAlert) else None
        if not isinstance(alert, GbzAlert) or not isinstance(body, ExecutionOutcome):
            return
        kept = _find(self.state.dated, body.message_code, body.counter)
        if kept is None or alert.alert_code != DONE or self.device.defective(FORGETS_DATED):
            return
        parts = _CALENDAR_PARTS if (body.cluster, body.command) == (CALENDAR, 0) else {body.command}
        self._apply(
            [
                each
                for each in _components(kept.payload)
                if each.cluster == body.cluster and each.frame.command in parts and _is_wanted(kept.message_code, each)
            ]
        )

    # keeping

    def _keep(self, where: list[Kept], kept: Kept) -> None:
        """At most one of a kind with a date; the oldest is lost first."""
        if where is self.state.dated:
            where[:] = [each for each in where if each.message_code != kept.message_code]
        where.append(kept)
        del where[:-MOST_KEPT]
        self.touch()

    def _end(self, kept: Kept, *, done: bool) -> None:
        self.state.commands.remove(kept)
        self.touch()
        code = TAKEN_OVER if done else NOT_TAKEN_OVER
        self.device.logs.add_event(code, kept.message_code.to_bytes(2, "big"))
        if not done:
            self.device.alerts.event(TAPPING_FAILED)
        self._rearm()

    def _rearm(self) -> None:
        self.schedule(min((kept.until for kept in self.state.commands), default=NEVER))


def _name(message: Message) -> tuple[int, int]:
    return message.message_code, message.counter


def _find(where: list[Kept], message_code: int, counter: int) -> Kept | None:
    return next((kept for kept in where if (kept.message_code, kept.counter) == (message_code, counter)), None)


def _payload(message: Message) -> Any:
    try:
        return decode_payload(message)
    except DecodeError:
        return None


def _components(payload: bytes) -> tuple[Component, ...]:
    try:
        return GbzPayload.decode(payload).components
    except DecodeError:
        return ()


def _belong(command: Component, answer: Component) -> bool:
    """Cluster, sequence and direction fit."""
    same = (command.cluster, command.frame.sequence) == (answer.cluster, answer.frame.sequence)
    return same and bool(command.frame.frame_control & 8) != bool(answer.frame.frame_control & 8)


def _was_successful(answer: Component) -> bool:
    content = answer.content
    if isinstance(content, DefaultResponse):
        return not content.status
    return (
        answer.cluster == EVENTS
        and isinstance(content, ClusterCommand)
        and content.fields.get("cleared_event_logs") == CLEARED
    )


def _is_wanted(message_code: int, component: Component) -> bool:
    """Of the prepayment configuration only the calendar is taken; the rest the meter reports."""
    return message_code != PREPAYMENT_CONFIGURATION or component.cluster == CALENDAR


def _moment(component: Component) -> Instant | None:
    """The time that a command carries, or None."""
    content = component.content
    if not isinstance(content, ClusterCommand):
        return None
    return next((content.fields[name] for name in _TIMES if name in content.fields), None)


def _now(component: Component) -> Component:
    """The same command, to be carried out at once."""
    content = component.content
    if not isinstance(content, ClusterCommand):
        return component
    fields = {name: 0 if name in _TIMES else value for name, value in content.fields.items()}
    return component._replace(content=ClusterCommand(content.row, fields))
