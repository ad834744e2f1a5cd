"""Consumption logs of gas: half-hours, days, and the network data log of six-minute samples (SMETS2 4.6; ZSE D.3).

A sample is what was consumed in the interval that begins at its time, in litres. Where the meter or its mirror has
no value the sample is invalid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocols.gbcs.gbz import Component
from protocols.instant import DAY, HALF_HOUR, Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import METERING
from protocols.zigbee.zcl import ClusterCommand

from ...defects import register_defect
from ...part import NEVER, Part
from ...refusals import ZCL_FAILURE, ZCL_NOT_FOUND, ZclFailed
from ...ring_log import ALWAYS_AFTER, RingLog
from ...zcl_server import Reply
from ...zcl_values import fields_of

if TYPE_CHECKING:
    from ...device import Device

HALF_HOURS, DAYS, NETWORK = 0, 1, 2
"""Sample ids."""
REFUSED = 0xFFFF
SIZES = {HALF_HOURS: 19056, DAYS: 731, NETWORK: 41}
"""Thirteen months of half-hours; two years of days; about four hours of six minutes."""
NETWORK_INTERVAL: Instant = 360
INTERVALS = {HALF_HOURS: HALF_HOUR, DAYS: DAY, NETWORK: NETWORK_INTERVAL}
A_DAY_ON_THE_WIRE = 0xFFFF
INVALID = 0xFFFFFF
LONGEST_GAP = 20_000
"""Samples that a gap is filled with at most."""

SAMPLE_IDS_SWAPPED = register_defect("sample-ids-swapped", "gives half-hours where days are asked for, and the reverse")

_RESPONSE = command_named("Get Sampled Data Response")
_STARTED = command_named("Start Sampling Response")


@dataclass(slots=True)
class GasSampleState:
    """``intervals`` as on the wire, where the maker set another one. ``left``: samples that a session still takes."""

    intervals: dict[int, int] = field(default_factory=dict)
    session_start: Instant = 0
    left: int = 0
    interval: Instant = NETWORK_INTERVAL
    last_total: int = 0


class GasSamples(Part):
    """Keeps and serves the logs. With ``total``, the import register, it can run a network data log."""

    name = "gas samples"
    State = GasSampleState
    state: GasSampleState

    def __init__(self, total: Callable[[], int] | None = None) -> None:
        super().__init__()
        self._total = total
        self.rings = {kind: RingLog(f"samples/{kind}", "II", size) for kind, size in SIZES.items()}

    def attach(self, device: Device) -> None:
        super().attach(device)
        for ring in self.rings.values():
            ring.attach(device)
        device.zcl.command(METERING, 0x08, self._get, preset=self._preset)
        if self._total is not None:
            device.zcl.command(METERING, 0x07, self._start_sampling, preset=self._preset_session)

    def started(self) -> None:
        self._rearm()

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        if self.state.left:
            self.state.session_start += after - before
            self.touch()
        self._rearm()

    def advance(self, at: Instant) -> None:
        """The end of a six-minute interval."""
        state = self.state
        total = self._total() if self._total is not None else 0
        self.rings[NETWORK].append(at - state.interval, min(total - state.last_total, INVALID - 1))
        state.last_total = total
        state.left -= 1
        self.touch()
        self._rearm()

    # for other parts

    def add(self, kind: int, start: Instant, amount: int | None) -> None:
        """Add a sample behind all others; a gap before it is filled with invalid ones. None is invalid too."""
        ring, interval = self.rings[kind], INTERVALS[kind]
        newest = ring.newest()
        if newest is not None:
            if start <= newest[0]:
                return
            for at in range(newest[0] + interval, start, interval)[-LONGEST_GAP:]:
                ring.append(at, INVALID)
        ring.append(start, INVALID if amount is None else min(max(0, amount), INVALID - 1))

    def newest_start(self, kind: int) -> Instant:
        """The time of the newest sample; 0 if there is none."""
        newest = self.rings[kind].newest()
        return 0 if newest is None else newest[0]

    # serving

    def _get(self, component: Component) -> Sequence[Reply]:
        fields = fields_of(component)
        kind = self._kind(fields["sample_id"])
        held = self.rings[kind].rows(fields["earliest_sample_time"], ALWAYS_AFTER)[: fields["number_of_samples"]]
        if not held or fields["sample_type"]:
            raise ZclFailed(ZCL_NOT_FOUND)
        usual = A_DAY_ON_THE_WIRE if kind == DAYS else self.state.interval if kind == NETWORK else HALF_HOUR
        answer = _RESPONSE.make(
            sample_id=fields["sample_id"],
            sample_start_time=held[0][0],
            sample_request_interval=self.state.intervals.get(kind, usual),
            samples=tuple(row[1] for row in held),
        )
        return [Reply(answer, quiet=kind != NETWORK, sensitive=True)]

    def _kind(self, sample_id: int) -> int:
        if sample_id not in self.rings:
            raise ZclFailed(ZCL_NOT_FOUND)
        swapped = {HALF_HOURS: DAYS, DAYS: HALF_HOURS} if self.device.defective(SAMPLE_IDS_SWAPPED) else {}
        return swapped.get(sample_id, sample_id)

    def _preset(self, asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        ring = self.rings.get(asked["sample_id"])
        if ring is None:
            raise ZclFailed(ZCL_FAILURE)
        ring.clear()
        for answer in answers:
            kind = answer["sample_id"]
            self.state.intervals[kind] = answer["sample_request_interval"]
            for place, amount in enumerate(answer["samples"]):
                self.rings[kind].append(answer["sample_start_time"] + place * INTERVALS[kind], amount)
        self.touch()

    # the network data log

    def _start_sampling(self, component: Component) -> Sequence[Reply]:
        """One session at a time; a second one, or one that is not for consumption, is refused."""
        fields, state = fields_of(component), self.state
        number = fields["max_number_of_samples"]
        possible = not fields["sample_type"] and 0 < number <= SIZES[NETWORK] and fields["sample_request_interval"] > 0
        if state.left or not possible:
            return [Reply(_STARTED.make(sample_id=REFUSED), quiet=False)]
        state.session_start = max(fields["start_sampling_time"], self.device.now)
        state.interval, state.left = fields["sample_request_interval"], number
        state.last_total = self._total() if self._total is not None else 0
        self.rings[NETWORK].clear()
        self.touch()
        self._rearm()
        return [Reply(_STARTED.make(sample_id=NETWORK), quiet=False)]

    def _preset_session(self, _asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        running = bool(answers) and answers[0]["sample_id"] == REFUSED
        self.state.left = SIZES[NETWORK] if running else 0
        self.state.session_start = self.device.now
        self.touch()
        self._rearm()

    def _rearm(self) -> None:
        state = self.state
        if not state.left:
            self.schedule(NEVER)
            return
        last = self.rings[NETWORK].newest()
        begin = state.session_start if last is None else last[0] + state.interval
        self.schedule(begin + state.interval)
