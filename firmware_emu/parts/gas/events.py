"""Event and security log of a gas device, read and cleared over the events cluster (ZSE D.11).

A gas meter serves its own logs as 3 and 4; a gas proxy, besides, copies of the meter's as 6 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.gbcs.gbz import Component
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import EVENTS
from protocols.zigbee.smart_energy_events import Event
from protocols.zigbee.zcl import ClusterCommand

from ...part import Part
from ...refusals import ZCL_FAILURE, ZCL_NOT_FOUND, ZclFailed
from ...zcl_server import Reply
from ...zcl_values import fields_of

if TYPE_CHECKING:
    from ...device import Device
    from ...logs import Logs
    from ...ring_log import RingLog

GENERAL, SECURITY, GENERAL_COPY, SECURITY_COPY = 3, 4, 6, 7
"""Log ids of the events cluster; the copies are a gas proxy's."""
LOG_MASK = 0x0F
CLEARED = 1 << GENERAL
MOST_EVENTS = 100

_PUBLISH = command_named("Publish Event Log")
_CLEAR_RESPONSE = command_named("Clear Event Log Response")


@dataclass(slots=True)
class GasEventState:
    """``cannot_clear``: a fault of the memory, set by the maker."""

    cannot_clear: bool = False


class GasEvents(Part):
    """Serves the logs; ``copies`` are those of another device."""

    name = "gas events"
    State = GasEventState
    state: GasEventState

    def __init__(self, copies: dict[int, RingLog] | None = None) -> None:
        super().__init__()
        self._copies = copies or {}

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.zcl.command(EVENTS, 0x00, self._get, preset=self._preset)
        device.zcl.command(EVENTS, 0x01, self._clear, preset=self._preset_clear)

    def _ring(self, log: int) -> RingLog:
        """A log by its id. Raises ZclFailed."""
        logs: Logs = self.device.logs
        ring = {GENERAL: logs.event_ring, SECURITY: logs.security_ring, **self._copies}.get(log)
        if ring is None:
            raise ZclFailed(ZCL_NOT_FOUND)
        return ring

    def _events(self, log: int, first: int, last: int) -> list[Event]:
        rows = self._ring(log).rows(first, last)
        if log in (GENERAL, GENERAL_COPY):
            return [Event(log, code, at, other[:size]) for at, code, size, other in rows]
        return [Event(log, code, at, b"") for at, code in rows]

    def _get(self, component: Component) -> Sequence[Reply]:
        """Events with start <= time <= end, oldest first, at most 100."""
        fields = fields_of(component)
        log = fields["event_control_and_log_id"] & LOG_MASK
        events = self._events(log, fields["start_time"], fields["end_time"])
        if fields["event_id"]:
            events = [event for event in events if event.event_id == fields["event_id"]]
        sent = events[fields["event_offset"] :][: fields["number_of_events"] or MOST_EVENTS][:MOST_EVENTS]
        if not sent:
            raise ZclFailed(ZCL_NOT_FOUND)
        return [Reply(_PUBLISH.make(total_number_of_matching_events=len(events), events=tuple(sent)))]

    def _preset(self, asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        log = asked["event_control_and_log_id"] & LOG_MASK
        ring = self._ring(log)
        ring.clear()
        for event in (event for answer in answers for event in answer["events"]):
            if event.log_id != log or len(event.data) > 8 or (event.data and log in (SECURITY, SECURITY_COPY)):
                raise ZclFailed(ZCL_FAILURE)
            data = (len(event.data), event.data) if log in (GENERAL, GENERAL_COPY) else ()
            ring.append(event.time, event.event_id, *data)

    def _clear(self, component: Component) -> Sequence[Reply]:
        """Only the general event log can be cleared."""
        if fields_of(component)["log_id"] & LOG_MASK != GENERAL or self.state.cannot_clear:
            return [Reply(_CLEAR_RESPONSE.make(cleared_event_logs=0), quiet=False)]
        self.device.logs.clear_events()
        return [Reply(_CLEAR_RESPONSE.make(cleared_event_logs=CLEARED), quiet=False)]

    def _preset_clear(self, _asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        self.state.cannot_clear = bool(answers) and not answers[0]["cleared_event_logs"]
        self.touch()
