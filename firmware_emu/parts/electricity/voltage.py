"""Voltage quality of an electricity meter, phase by phase (SMETS2 voltage operational functions).

Averages over a period are logged and compared with two thresholds, with a counter for each; extremes, sags and
swells are reported when they last. Thresholds of averages and the period are set for each phase, the others for all
(ECS29a to ECS29f), read by ECS26b, ECS26k, ECS23 and ECS23b.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from protocols.dlms.data import Data, DataType, described_structure, enum, int8, structure, uint32
from protocols.instant import DAY, HALF_HOUR, Instant

from ...cosem import expect
from ...defects import register_defect
from ...engines.voltage import Limit, Phase, PhaseState, VoltageOutcome, VoltageSettings
from ...part import Part
from ...profile_generic import CLASS_ID as PROFILE
from ...profile_generic import serve_log
from ...ring_log import RingLog
from ...stored_values import Stored, serve, within

if TYPE_CHECKING:
    from ...device import Device
    from ...mains import Mains

DATA_CLASS, REGISTER, LIMITER = 1, 3, 71
COUNT = 255
NOMINAL = 230
"""Volts, until something else is observed."""
VOLTAGE = "voltage "
"""Begins the signal of a voltmeter; volts of each phase follow."""
USUAL_PERIOD = 600
NEVER_OVER, NEVER_UNDER = 0xFFFF_FFFF, 0
"""Thresholds of a new meter: none is passed. Inferred."""
LIMITERS = ("extreme over", "extreme under", "sag", "swell")
"""Objects 17.0.1 to 17.0.4."""

_ROW = described_structure(DataType.UINT32, DataType.UINT32)

COUNTERS_STAY = register_defect("voltage-counters-not-reset", "leaves voltage counters when told to reset them")


@dataclass(slots=True)
class VoltageState:
    """Thresholds in V and periods in s; lists are by phase, or by limiter."""

    phases: list[PhaseState] = field(default_factory=list)
    period: list[int] = field(default_factory=lambda: [USUAL_PERIOD] * 3)
    over: list[int] = field(default_factory=lambda: [NEVER_OVER] * 3)
    under: list[int] = field(default_factory=lambda: [NEVER_UNDER] * 3)
    limits: list[int] = field(default_factory=lambda: [NEVER_OVER, NEVER_UNDER, NEVER_UNDER, NEVER_OVER])
    durations: list[int] = field(default_factory=lambda: [0] * 4)


class Voltage(Part):
    """``mains`` is what the meter is connected to; ``observe``, or the signal of a voltmeter, overrules it until the
    half-hour ends. Without mains the voltage is the nominal one until something else is observed.
    """

    name = "voltage"
    State = VoltageState
    state: VoltageState

    def __init__(self, mains: Mains | None = None) -> None:
        super().__init__()
        self._mains = mains
        self._phases: list[Phase] = []
        self._looked: Instant = -1

    def attach(self, device: Device) -> None:
        super().attach(device)
        self._polyphase = device.personality.variant == "C"
        count = 3 if self._polyphase else 1
        self._entries = device.personality.logs.voltage
        self._logs = [RingLog(f"voltage/{number}", "II", self._entries) for number in range(1, count + 1)]
        for place in range(count):
            self._serve_phase(place)
        for place in range(len(LIMITERS)):
            name = f"0-0:17.0.{place + 1}"
            rows = [(4, "limits"), (6, "durations")]
            serve(self, [_setting(LIMITER, name, number, held, place, self._reconfigured) for number, held in rows])

    def started(self) -> None:
        self._configured()
        now = self.device.now
        for phase in self._phases:
            if phase.state.voltage == 0:
                phase.state.voltage = NOMINAL
            phase.restart(now)
        self.touch()
        self._look()
        self._rearm()

    def clock_stepped(self, before: Instant, after: Instant) -> None:  # noqa: ARG002 - periods begin anew
        for phase in self._phases:
            phase.restart(after)
        self.touch()
        self._rearm()

    def advance(self, at: Instant) -> None:
        self._let_pass(at)
        self._look()
        self._rearm()

    # inputs

    def observe(self, volts: Sequence[int]) -> None:
        """The RMS voltage of each phase is this from now on."""
        now = self.device.now
        self._let_pass(now)
        for place, (phase, voltage) in enumerate(zip(self._phases, volts, strict=True)):
            self._take(place, phase.observe(now, voltage))
        self.touch()
        self._rearm()

    def sensed(self, signal: str, active: bool) -> None:
        """``voltage 243``, on a polyphase meter ``voltage 243 241 240``; anything else is not about voltage."""
        if not active or not signal.startswith(VOLTAGE):
            return
        volts = [int(word) for word in signal.removeprefix(VOLTAGE).split() if word.isdecimal()]
        if len(volts) == len(self._phases):
            self.observe(volts)

    # inside

    def _look(self) -> None:
        """Once in a half-hour, by true time, the mains have another voltage."""
        slot = self.device.true_now // HALF_HOUR
        if self._mains is not None and slot != self._looked:
            self._looked = slot
            self.observe(self._mains.volts(self.device.true_now, len(self._phases)))

    def _configured(self) -> None:
        """Settings have changed, or the meter starts: make the engines anew."""
        state = self.state
        count = len(self._logs)
        state.phases += [PhaseState() for _ in range(count - len(state.phases))]
        first = 1 if self._polyphase else 0
        extremes = [Limit(*each) for each in zip(state.limits, state.durations, strict=True)]
        self._phases = []
        for place in range(count):
            extreme_over, extreme_under, sag, swell = extremes
            settings = VoltageSettings(
                max(1, state.period[place]),
                state.over[place],
                state.under[place],
                extreme_over,
                swell,
                extreme_under,
                sag,
            )
            self._phases.append(Phase(state.phases[place], settings, first + place if first else 0))

    def _reconfigured(self) -> None:
        """The voltage as it is has to be compared with new settings. What passed was judged by the old ones."""
        self._catch_up()
        self._configured()
        self.observe([phase.state.voltage for phase in self._phases])

    def _catch_up(self) -> None:
        self._let_pass(self.device.now)

    def _let_pass(self, until: Instant) -> None:
        for place, phase in enumerate(self._phases):
            self._take(place, phase.advance(until, self._entries))
        self.touch()

    def _take(self, place: int, outcome: VoltageOutcome) -> None:
        self._logs[place].extend(outcome.averages)
        for event in outcome.events:
            self.device.alerts.event(event.code, event.voltage.to_bytes(4, "big"))

    def _rearm(self) -> None:
        """While nothing begins or ends the periods are dealt with once a day."""
        now = self.device.now
        changes = [change for phase in self._phases if (change := phase.next_change) is not None]
        if self._mains is not None:
            changes.append(now + HALF_HOUR - self.device.true_now % HALF_HOUR)
        self.schedule(min([now - now % DAY + DAY, *changes]))

    # serving

    def _serve_phase(self, place: int) -> None:
        prefix, ring = f"1-0:{32 + 20 * place}", self._logs[place]
        ring.attach(self.device)
        log = f"{prefix}.24.0"
        configured = self._reconfigured
        serve(
            self,
            [
                _setting(PROFILE, log, 4, "period", place, self._new_period, least=1),
                _setting(DATA_CLASS, f"{prefix}.31.0.4", 2, "under", place, configured),
                _setting(DATA_CLASS, f"{prefix}.35.0.4", 2, "over", place, configured),
            ],
        )
        self._serve_counter(f"{prefix}.32.0.4", place, "under_counter")
        self._serve_counter(f"{prefix}.36.0.4", place, "over_counter")
        serve_log(self.device.cosem, log, ring, _ROW, before=self._catch_up)

    def _serve_counter(self, name: str, place: int, held: str) -> None:
        def read() -> Data:
            return uint32(getattr(self.state.phases[place], held))

        def preset(value: Data) -> None:
            setattr(self.state.phases[place], held, expect(value, DataType.UINT32))
            self.touch()

        cosem = self.device.cosem
        cosem.attribute(REGISTER, name, 2, get=read, preset=preset)
        cosem.constant(REGISTER, name, 3, structure(int8(0), enum(COUNT)))
        cosem.method(REGISTER, name, 1, partial(self._reset, place, held))

    def _reset(self, place: int, held: str, _argument: Data) -> None:
        if not self.device.defective(COUNTERS_STAY):
            setattr(self.state.phases[place], held, 0)
            self.touch()

    def _new_period(self) -> None:
        self._reconfigured()
        for phase in self._phases:
            phase.restart(self.device.now)
        self._reconfigured()


def _setting(
    class_id: int, name: str, number: int, held: str, place: int, changed: Callable[[], None], least: int = 0
) -> Stored:
    """A setting of 32 bits; volts or seconds."""
    check = within(least, 0xFFFF_FFFF)
    return Stored(class_id, name, number, held, DataType.UINT32, place, writable=True, check=check, changed=changed)
