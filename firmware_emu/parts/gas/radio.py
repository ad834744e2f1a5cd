"""The radio life of a gas meter: it sleeps, and wakes every half-hour (ZSE D.3 mirroring; GBCS 10.4).

At each wake it sends the gas proxy, in this order: new snapshots, new log entries, its attributes cluster by cluster,
its time, and the mark that the report is complete (metering attribute FFFE = 1); then it asks the hub for messages
that wait. It stays awake for a moment, in which the proxy may ask for what it has missed. After a payment it sends
the logs of payments at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocols.eui64 import Eui64
from protocols.gbcs.gbz import Component
from protocols.instant import HALF_HOUR, Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import METERING, PREPAYMENT, PRICE
from protocols.zigbee.smart_energy_events import Event
from protocols.zigbee.zcl import AttributeRecord, ClusterCommand

from ...defects import register_defect
from ...outputs import SendHan
from ...part import Part
from ...tunnel import COORDINATOR, EVERY_SERVER, GET, TUNNELLING
from ...zcl_frames import encode_frame, report
from .events import GENERAL, SECURITY

if TYPE_CHECKING:
    from ...device import Device
    from .han_server import GasHanServer
    from .payments import GasPayments

REPORT_EVERY: Instant = HALF_HOUR
AWAKE_FOR: Instant = 10
"""Seconds that the radio listens after a wake. Inferred."""
MOST_WAITING = 100
"""Snapshots that wait for the next wake."""
TIME, TIME_ATTRIBUTE, UTC_TIME = 0x000A, 0x0000, 0xE2
REPORTING_STATUS, COMPLETE, ENUMERATION = 0xFFFE, 1, 0x30
REPORTED: dict[int, range] = {
    METERING: range(0x10000),
    PREPAYMENT: range(0x10000),
    PRICE: range(0x0302, 0x0307),
}
"""What is reported: clusters, and which of the attributes that the meter serves. Prices are read along by the proxy."""

STOPS_REPORTING = register_defect("stops-reporting", "tells the gas proxy nothing any more")

_LOG = command_named("Publish Event Log")


@dataclass(slots=True)
class GasRadioState:
    """``waiting``: snapshots not sent yet, each its cluster, command and payload. ``told_until``: log entries sent."""

    waiting: list[tuple[int, int, bytes]] = field(default_factory=list)
    told_until: Instant = 0
    sequence: int = 0


class GasRadio(Part):
    """Sends and listens. ``proxy`` gives the gas proxy's identifier, None while the meter has not joined one."""

    name = "gas radio"
    State = GasRadioState
    state: GasRadioState

    def __init__(self, server: GasHanServer, payments: GasPayments) -> None:
        super().__init__()
        self._server, self._payments = server, payments
        self._awake_until: Instant = -1
        self._reported: list[tuple[int, list[int]]] = []
        self._recipient = EVERY_SERVER
        self.proxy: Callable[[], Eui64 | None] = lambda: None
        self.before_wake: Callable[[], None] = lambda: None
        """Called before a report: consumption up to now is to be booked."""

    def attach(self, device: Device) -> None:
        super().attach(device)
        self._server.admits = lambda _source: self.awake

    def started(self) -> None:
        self._awake_until = -1
        served = self.device.zcl.attributes_of
        self._reported = [
            (cluster, [each for each in served(cluster) if each in want]) for cluster, want in REPORTED.items()
        ]
        self._rearm(self.device.now)

    def clock_stepped(self, before: Instant, after: Instant) -> None:  # noqa: ARG002 - the new time is enough
        self._awake_until = -1
        self._rearm(after)

    @property
    def awake(self) -> bool:
        """True while the radio listens."""
        return self.device.now <= self._awake_until

    def advance(self, at: Instant) -> None:
        self.wake()
        self._rearm(at)

    def wake(self) -> None:
        """Wake now: report, and ask the hub for what waits."""
        self._awake_until = self.device.now + AWAKE_FOR
        self._recipient = self.proxy() or EVERY_SERVER
        self.before_wake()
        if not self.device.defective(STOPS_REPORTING):
            self._send_waiting()
            self._send_logs()
            self._send_attributes()
        self.device.emit(SendHan(COORDINATOR, TUNNELLING, GET))

    def tell(self, published: ClusterCommand) -> None:
        """Have a snapshot sent at the next wake."""
        row = published.row
        self.state.waiting.append((row.cluster, row.command, published.encode()))
        del self.state.waiting[:-MOST_WAITING]
        self.touch()

    def tell_payment(self, debt_taken: bool) -> None:
        """A payment was taken: send the logs of payments at once."""
        self._recipient = self.proxy() or EVERY_SERVER
        logs = [self._payments.published_top_ups()]
        if debt_taken:
            logs.append(self._payments.published_repayments(most=1))
        for log in logs:
            self._send(Component.of(log, self._next(), disable_default_response=True))

    # inside

    def _send_waiting(self) -> None:
        waiting, self.state.waiting = self.state.waiting, []
        for cluster, command, payload in waiting:
            self.device.emit(SendHan(self._recipient, cluster, bytes((0x19, self._next(), command)) + payload))

    def _send_logs(self) -> None:
        """Entries since the last wake; those of its very second once more, which the proxy knows how to take."""
        logs, since = self.device.logs, self.state.told_until
        general = [Event(GENERAL, entry.code, entry.at, entry.other) for entry in logs.events(since)]
        security = [Event(SECURITY, entry.code, entry.at, b"") for entry in logs.security(since)]
        for events in (general, security):
            if events:
                log = _LOG.make(total_number_of_matching_events=len(events), events=tuple(events))
                self._send(Component.of(log, self._next(), disable_default_response=True))
        self.state.told_until = self.device.now
        self.touch()

    def _send_attributes(self) -> None:
        read = self.device.zcl.read
        for cluster, attributes in self._reported:
            records = [read(cluster, each) for each in attributes]
            self._report(cluster, [record for record in records if not record.status])
        self._report(TIME, [AttributeRecord(TIME_ATTRIBUTE, 0, UTC_TIME, self.device.now)])
        self._report(METERING, [AttributeRecord(REPORTING_STATUS, 0, ENUMERATION, COMPLETE)])

    def _report(self, cluster: int, records: Sequence[AttributeRecord]) -> None:
        self.device.emit(SendHan(self._recipient, cluster, report(cluster, records, self._next())))

    def _send(self, component: Component) -> None:
        self.device.emit(SendHan(self._recipient, component.cluster, encode_frame(component)))

    def _next(self) -> int:
        self.state.sequence = self.state.sequence + 1 & 0xFF
        self.touch()
        return self.state.sequence

    def _rearm(self, now: Instant) -> None:
        self.schedule((now // REPORT_EVERY + 1) * REPORT_EVERY)
