"""The gas proxy's picture of the sleeping gas meter (CHTS gas proxy; ZSE D.3 mirroring; GBCS 10.4).

What the meter reports is taken into the same parts that the meter itself has, and answered from there with the
meter's time. Half-hours and days are differences of the import register between reports; what was missed is asked
for while the meter is awake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.gbz import Component
from protocols.instant import DAY, HALF_HOUR, Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import EVENTS, METERING
from protocols.zigbee.zcl import ClusterCommand, UnknownCommand

from ...cosem import NoPreset
from ...defects import register_defect
from ...outputs import SendHan
from ...part import Part
from ...refusals import ZclFailed
from ...ring_log import RingLog
from ...zcl_frames import REPORT_ATTRIBUTES, encode_frame, reported
from ...zcl_values import Held, serve
from .events import GENERAL, GENERAL_COPY, SECURITY, SECURITY_COPY
from .payments import PUBLISH_REPAYMENTS, PUBLISH_TOP_UPS
from .radio import REPORTING_STATUS, TIME, TIME_ATTRIBUTE
from .samples import DAYS, HALF_HOURS, INTERVALS, SIZES
from .snapshots import DAILY, PUBLISH_METERING, PUBLISH_PREPAYMENT
from .snapshots import DAYS as DAYS_KEPT

if TYPE_CHECKING:
    from ...device import Device
    from .account import GasAccount
    from .han_server import GasHanServer
    from .payments import GasPayments
    from .registers import GasRegisters
    from .samples import GasSamples
    from .snapshots import GasSnapshots

LOG_ENTRIES = 100
FROM_THE_FIRST, NO_END = 0, 0xFFFFFFFE
TOTAL = (METERING, 0x0000)
"""The import register. A report without it, most of which was lost, tells nothing of what was used."""

REPEATS_LAST_VALUE = register_defect(
    "mirror-repeats-last-value", "gives every half-hour the consumption of the one before, and never asks for a gap"
)

_SAMPLES = command_named("Get Sampled Data Response")
_EVENT_LOG = command_named("Publish Event Log")


@dataclass(slots=True)
class GasMirrorState:
    """``meter_time``: the meter's clock at its last whole report, 0 before; totals then and at its last midnight."""

    supply: int = 2
    battery: int = 0
    heard_time: Instant = 0
    meter_time: Instant = 0
    total: int = 0
    midnight: Instant = 0
    midnight_total: int = 0
    last_half_hour: int = 0
    sequence: int = 0


class GasMirror(Part):
    """Takes reports. ``copies`` are the logs of the meter, by the ids under which the proxy serves them."""

    name = "gas mirror"
    State = GasMirrorState
    state: GasMirrorState

    def __init__(
        self,
        registers: GasRegisters,
        account: GasAccount,
        samples: GasSamples,
        snapshots: GasSnapshots,
        payments: GasPayments,
        server: GasHanServer,
    ) -> None:
        super().__init__()
        self._registers, self._account = registers, account
        self._samples, self._snapshots, self._payments = samples, snapshots, payments
        self._server = server
        self._asked: dict[int, Instant] = {}  # by sample id or command, the meter's day for which it was asked
        self._total_heard = False  # in the report that is coming in
        self.copies = {
            GENERAL_COPY: RingLog("copy/event", "IHB8s", LOG_ENTRIES),
            SECURITY_COPY: RingLog("copy/security", "IH", LOG_ENTRIES),
        }

    def attach(self, device: Device) -> None:
        super().attach(device)
        for ring in self.copies.values():
            ring.attach(device)
        serve(self, [Held(METERING, 0x0014, "supply"), Held(METERING, 0x0205, "battery")])
        self._server.listener = self._hear
        for cluster in (TIME, EVENTS):
            self._server.listen_on(cluster)
        device.clock.data_time = lambda: self.state.meter_time or None
        device.clock.preset_data_time = self.preset_meter_time

    def preset_meter_time(self, at: Instant) -> None:
        """The maker's way in: all that is held was measured at ``at`` by the meter's clock; 0: when is not known."""
        self.state.meter_time = at
        self.touch()

    def clear_log_copy(self) -> None:
        """The meter's event log was cleared."""
        self.copies[GENERAL_COPY].clear()

    # reports

    def _hear(self, source: Eui64, component: Component) -> None:
        content, frame = component.content, component.frame
        if isinstance(content, ClusterCommand):
            self._take_published(content)
        elif isinstance(content, UnknownCommand) and (frame.frame_control & 3, frame.command) == (0, REPORT_ATTRIBUTES):
            self._take_report(source, component.cluster, content.octets)

    def _take_report(self, source: Eui64, cluster: int, octets: bytes) -> None:
        try:
            records = reported(octets)
        except DecodeError:
            return
        for record in reversed(records):  # limits stand behind what is counted from them
            self._take_attribute(source, cluster, record.attribute, record.value)

    def _take_attribute(self, source: Eui64, cluster: int, attribute: int, value: int) -> None:
        if (cluster, attribute) == (TIME, TIME_ATTRIBUTE):
            self.state.heard_time = value
            self.touch()
        elif (cluster, attribute) == (METERING, REPORTING_STATUS):
            self._complete(source)
        else:
            self._total_heard |= (cluster, attribute) == TOTAL
            try:
                self.device.zcl.preset_attribute(cluster, attribute, value)
            except (NoPreset, ZclFailed):  # the proxy has no such attribute
                return

    def _take_published(self, content: ClusterCommand) -> None:
        row = content.row
        if row in (PUBLISH_METERING, PUBLISH_PREPAYMENT):
            self._snapshots.copy(content)
        elif row in (PUBLISH_TOP_UPS, PUBLISH_REPAYMENTS):
            self._payments.copy(content)
        elif row is _SAMPLES and content["sample_id"] in (HALF_HOURS, DAYS):
            for place, amount in enumerate(content["samples"]):
                start = content["sample_start_time"] + place * INTERVALS[content["sample_id"]]
                self._samples.add(content["sample_id"], start, amount)
        elif row is _EVENT_LOG:
            self._copy_log(content)

    def _copy_log(self, content: ClusterCommand) -> None:
        """Entries from the first one's time on take the place of those held."""
        events = content["events"]
        ring = self.copies.get({GENERAL: GENERAL_COPY, SECURITY: SECURITY_COPY}.get(events[0].log_id, -1))
        if ring is None:
            return
        kept = [row for row in ring.rows() if row[0] < events[0].time]
        ring.clear()
        for row in kept:
            ring.append(*row)
        for event in events:
            data = (len(event.data), event.data) if ring is self.copies[GENERAL_COPY] else ()
            ring.append(event.time, event.event_id, *data)

    # what follows from a whole report

    def _complete(self, meter: Eui64) -> None:
        now = self.state.heard_time
        if self._total_heard:
            self._take_total(now, self._registers.registers.total)
        self._total_heard = False
        if self._samples.newest_start(HALF_HOURS) < now - HALF_HOUR:
            self._ask_samples(meter, HALF_HOURS, now)
        if not self.device.defective(REPEATS_LAST_VALUE):
            self._fill_gaps(meter, now)

    def _take_total(self, now: Instant, total: int) -> None:
        """The register at ``now``: what was used since the reports before follows from it."""
        state = self.state
        self._note_half_hour(now, total)
        if now % DAY == 0 and now:
            if state.midnight == now - DAY:
                self._samples.add(DAYS, state.midnight, total - state.midnight_total)
            state.midnight, state.midnight_total = now, total
        state.meter_time, state.total = now, total
        self.touch()

    def _note_half_hour(self, now: Instant, total: int) -> None:
        state = self.state
        if self.device.defective(REPEATS_LAST_VALUE):
            self._samples.add(HALF_HOURS, now - HALF_HOUR, state.last_half_hour)
        elif state.meter_time and now == state.meter_time + HALF_HOUR and now % HALF_HOUR == 0:
            held = self._samples.newest_start(HALF_HOURS)
            if held == now - 2 * HALF_HOUR:
                state.last_half_hour = total - state.total
                self._samples.add(HALF_HOURS, now - HALF_HOUR, state.last_half_hour)

    def _fill_gaps(self, meter: Eui64, now: Instant) -> None:
        today = now // DAY * DAY
        if self._samples.newest_start(DAYS) < today - DAY and self._once(DAYS, today):
            self._ask_samples(meter, DAYS, now)
        for publish, name in ((PUBLISH_METERING, "Get Snapshot"), (PUBLISH_PREPAYMENT, "Get Prepay Snapshot")):
            wanted = publish is PUBLISH_METERING or self._account.prepayment
            newest = self._snapshots.newest_time(publish, daily=True)
            if wanted and newest < today and self._once(publish.command << 8 | publish.cluster, today):
                self._ask_snapshots(meter, name, newest, today)
        if self._once(-1, today):
            self._ask(meter, command_named("Get Top Up Log").make())
            self._ask(meter, command_named("Get Debt Repayment Log").make())

    def _once(self, what: int, today: Instant) -> bool:
        """True at the first time on a day of the meter."""
        if self._asked.get(what) == today:
            return False
        self._asked[what] = today
        return True

    def _ask_samples(self, meter: Eui64, kind: int, now: Instant) -> None:
        interval, newest = INTERVALS[kind], self._samples.newest_start(kind)
        first = newest + interval if newest else FROM_THE_FIRST
        number = min((now - first) // interval, SIZES[kind])
        content = command_named("Get Sampled Data").make(
            sample_id=kind, earliest_sample_time=first, number_of_samples=number
        )
        self._ask(meter, content)

    def _ask_snapshots(self, meter: Eui64, name: str, newest: Instant, today: Instant) -> None:
        """One question for each day that is missing, as many as the meter keeps."""
        missing = min(DAYS_KEPT, (today - newest) // DAY)
        for number in range(missing):
            content = command_named(name).make(
                earliest_start_time=newest + 1, latest_end_time=NO_END, snapshot_offset=number, snapshot_cause=DAILY
            )
            self._ask(meter, content)

    def _ask(self, meter: Eui64, content: ClusterCommand) -> None:
        """Ask the meter, which is awake. The short logs of payments are asked for whole: what is held is left out."""
        self.state.sequence = self.state.sequence + 1 & 0xFF
        component = Component.of(content, self.state.sequence)
        self.device.emit(SendHan(meter, content.row.cluster, encode_frame(component)))
