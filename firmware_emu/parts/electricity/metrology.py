"""What flows through an electricity meter: energy into registers, half hour by half hour (SMETS2 5.4, 5.7.5).

Energy comes from a load source. Half-hours that nothing else happens in are booked many at a time; a read, a switch
that moves or a tariff that changes first books what has flowed so far. Other parts hear of each half-hour that is
complete, of each midnight, and what the energy cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from protocols.instant import DAY, HALF_HOUR, HOUR, Instant

from ...clock import ClockStatus
from ...defects import register_defect
from ...engines.registers import Registers, TariffMeter
from ...engines.tariff import ESME_SECONDARY
from ...load_model import SLICES, DayLoad, LoadModel, NoLoad, half_hours, power
from ...local_time import is_summer_time
from ...part import Part
from .flows import Flows
from .metrology_objects import serve_metrology
from .register_rows import snapshot
from .tariff import PRIMARY, SECONDARY, Tariff

if TYPE_CHECKING:
    from protocols.dlms.data import Data

    from ...device import Device

TARIFF_IN_LOCAL_TIME = register_defect("tariff-in-local-time", "switches tariff rates an hour early in summer")
UPDATE_CLEARS_REGISTERS = register_defect("update-clears-registers", "a firmware update sets all registers to 0")
RATE_STUCK_AFTER_UPDATE = register_defect(
    "rate-stuck-after-update", "never leaves the rate that was in force when its firmware was updated"
)
SWITCHES_IN_DOUBT = register_defect(
    "switches-rates-in-doubt", "goes on switching tariff rates while its clock cannot be trusted"
)
FIRMWARE_CHANGED = 0x8F43
LOOK_EVERY = 60
"""Seconds between bookings while the account is close to a threshold."""
_COLUMNS = len(Flows._fields)


class Biller(Protocol):
    """Who is charged for energy."""

    def headroom(self, now: Instant, until: Instant) -> int:
        """What may be charged from ``now`` until then without anything happening, millipence."""

    def charge(self, at: Instant, cost: int) -> None:
        """Energy used up to ``at`` cost this much, millipence."""


@dataclass(slots=True)
class MetrologyState:
    """``until`` is how far, by the device's clock, energy is booked; ``until_true`` the same in true time.

    ``half_hour`` is what has flowed in the half-hour that is not complete, in the order of ``Flows``; ``slot_end`` is
    when it will be, by the device's clock. ``held``: the selectors that stay in force, by element, while the clock
    cannot be trusted; empty otherwise.
    """

    primary: Registers = field(default_factory=Registers)
    secondary: Registers = field(default_factory=Registers)
    active_export: int = 0
    reactive_import: int = 0
    reactive_export: int = 0
    until: Instant = -1
    until_true: Instant = 0
    half_hour: list[int] = field(default_factory=lambda: [0] * _COLUMNS)
    slot_end: Instant = 0
    held: list[int] = field(default_factory=list)


class Metrology(Part):
    """``connected`` tells whether current can flow; ``offset`` is the randomised offset of switch times, seconds."""

    name = "metrology"
    State = MetrologyState
    state: MetrologyState

    def __init__(
        self,
        tariff: Tariff,
        source: LoadModel | None = None,
        connected: Callable[[], bool] = lambda: True,
        offset: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__()
        self.tariff = tariff
        self.source: LoadModel = source or NoLoad()
        self.half_hours: list[Callable[[Instant, Flows], None]] = []
        """Told of complete half-hours, one after another: the end of the first, and their energy."""
        self.midnights: list[Callable[[Instant], None]] = []
        """Told of 00:00 UTC, after the half-hour that ends then."""
        self.biller: Biller | None = None
        self.daily_reset: Callable[[], bool] = lambda: False
        """Whether the block counters start anew at 00:00 UTC."""
        self._connected, self._offset = connected, offset
        self._flows = True
        self._settling = False
        self._meters: list[TariffMeter] = []
        self.presets: dict[str, Data] = {}
        """Measured values that the maker has set, by name of the object; until the half-hour ends."""
        tariff.before_change.append(self.settle)
        tariff.changed.append(self.retune)

    def attach(self, device: Device) -> None:
        super().attach(device)
        self.twin = device.personality.variant == "B"
        serve_metrology(self)
        device.alerts.listeners.append(self._heard)
        device.clock.listeners.append(self._clock_judged)

    def started(self) -> None:
        self.presets.clear()
        self._flows = self._connected()
        self.retune()
        state, device = self.state, self.device
        if state.until < 0:
            state.until, state.until_true = device.now, device.true_now
            state.slot_end = _slot_end(device.now)
            self.meters()  # which gives every register its place
            self.touch()
        self._hold(device.clock.status)
        self.schedule(state.slot_end)

    def power_lost(self, at: Instant) -> None:
        self.settle(at)

    def power_restored(self, lost: Instant, at: Instant) -> None:
        """Nothing flowed; slots that were missed are recorded, empty, so that every half-hour has its entry."""
        self.settle(lost)
        self._flows, flows = False, self._flows
        self.settle(at)
        self._flows = flows

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        """Energy until now belongs to the old time. A half-hour that was left is closed with what it has.

        Inferred: slots that the clock skips have no entry; set back by less than a half-hour, the slot goes on until
        its end comes again; set back by more, slots are recorded again.
        """
        state = self.state
        self._book(before, self.device.true_now)
        if after >= state.slot_end:
            self._close_slot(state.slot_end)
        if after >= state.slot_end or after < state.slot_end - 2 * HALF_HOUR:
            state.slot_end = _slot_end(after)
        state.until = after
        self.schedule(state.slot_end)

    def advance(self, at: Instant) -> None:
        self.presets.clear()
        many = self._whole_slots(at)
        if many > 1:
            self._run_slots(many)
        else:
            self.settle(at)
        self.due = self._next_look()

    # for other parts

    def settle(self, at: Instant | None = None) -> None:
        """Book everything that has flowed until ``at``, a time by the device's clock; now, if None."""
        if self._settling:  # the account or the switch, told of something on the way
            return
        self._settling = True
        try:
            self._settle(self.device.now if at is None else at)
        finally:
            self._settling = False

    def _settle(self, at: Instant) -> None:
        state = self.state
        while state.until < at:
            end = self._next_switch(state.until, min(at, state.slot_end))
            self._book(end, self.device.clock.true(end))
            if end == state.slot_end:
                state.slot_end += HALF_HOUR
                self._close_slot(end)

    def _next_switch(self, start: Instant, end: Instant) -> Instant:
        """The first switch time of a tariff between two moments of a day, or ``end``.

        What is booked up to there must not depend on when it was booked: a read may come in between.
        """
        day = start - start % DAY
        plans = [meter.plan(start // DAY).starts for meter in self.meters()]
        return min((day + at for starts in plans for at in starts if start < day + at < end), default=end)

    def supply_moved(self) -> None:
        """The load switch has opened or closed: until now, what was the case before held."""
        self.settle()
        self._flows = self._connected()
        self.look_again()

    def look_again(self) -> None:
        """The account or the supply has changed: what is used from now on may make something happen sooner."""
        if self.device.on:
            self.schedule(self._next_look())

    def retune(self) -> None:
        """The tariff or the randomised offset is another one."""
        self._meters.clear()

    def registers(self) -> tuple[int, ...]:
        """Register columns as logs keep them; what has flowed must be booked."""
        self.meters()
        return snapshot(self.state.primary, self.state.secondary if self.twin else None)

    def daily_reset_written(self) -> None:
        """Whether the block counters start anew every midnight may be another answer now; the next is the first."""
        self.settle()
        on, meter = self.daily_reset(), self.meters()[PRIMARY]
        if on != meter.daily_reset:
            meter.set_daily_reset(on, self.device.now)
            self.touch()

    def reset_block_counters(self) -> None:
        """Start the block counters anew; registers stay."""
        self.settle()
        self.meters()[PRIMARY].reset_counters()
        self.touch()

    def watts(self) -> tuple[int, int]:
        """Active import now in W, of the first element (or all phases) and of the second; 0 without supply."""
        if not self._flows:
            return 0, 0
        now = self.device.true_now
        second = 2 * self.source.day(now // DAY).secondary[now % DAY // HALF_HOUR] if self.twin else 0
        return max(0, power(self.source, now)), second

    # booking

    def meters(self) -> list[TariffMeter]:
        """The meter of the first element (or of all phases), and on a twin-element meter that of the second."""
        if not self._meters:
            offset, reset = self._offset() - self._wrong_hour(), self.daily_reset()
            primary, tariff = self.tariff.in_force(PRIMARY), self.tariff
            held: Sequence[int | None] = self.state.held or (None, None)
            self._meters = [
                TariffMeter(self.state.primary, primary, offset=offset, daily_reset=reset, held=held[PRIMARY])
            ]
            if self.twin:
                second = tariff.in_force(SECONDARY)
                self._meters.append(
                    TariffMeter(self.state.secondary, second, ESME_SECONDARY, offset=offset, held=held[SECONDARY])
                )
        return self._meters

    def _clock_judged(self, status: ClockStatus) -> None:
        """A meter that does not know the time leaves the rate as it is, and takes up its calendar when it does."""
        self.settle()
        self._hold(status)

    def _hold(self, status: ClockStatus) -> None:
        doubtful = status is not ClockStatus.RELIABLE and not self.device.defective(SWITCHES_IN_DOUBT)
        if doubtful != bool(self.state.held):
            at = max(0, self.state.until)
            self.state.held = [meter.selector(at) for meter in self.meters()] if doubtful else []
            self.retune()
            self.touch()

    def _wrong_hour(self) -> int:
        """What a meter that takes local time for UTC is early by, in seconds."""
        wrong = self.device.defective(TARIFF_IN_LOCAL_TIME) and is_summer_time(self.state.until)
        return HOUR if wrong else 0

    def _heard(self, code: int, _shared: bool) -> None:
        if code == FIRMWARE_CHANGED and self.device.defective(RATE_STUCK_AFTER_UPDATE):
            self.settle()
            self.state.held = [meter.selector(self.state.until) for meter in self.meters()]
            self.retune()
            self.touch()
        if code == FIRMWARE_CHANGED and self.device.defective(UPDATE_CLEARS_REGISTERS):
            state = self.state
            state.primary, state.secondary = Registers(), Registers()
            state.active_export = state.reactive_import = state.reactive_export = 0
            self.retune()
            self.touch()

    def _book(self, end: Instant, end_true: Instant) -> None:
        """Book what flows until ``end``, inside one slot."""
        state = self.state
        start, length = state.until, end - state.until
        if length <= 0:
            return
        amounts = self._between(state.until_true, end_true) if self._flows else [0] * _COLUMNS
        state.until, state.until_true = end, end_true  # first: who is charged may settle again
        self.touch()
        if any(amounts):
            state.half_hour = [held + new for held, new in zip(state.half_hour, amounts, strict=True)]
            self._charge(end, self._to_registers(start, Flows(*((amount,) for amount in amounts)), length))

    def _charge(self, at: Instant, cost: int) -> None:
        if cost and self.biller is not None:
            self.biller.charge(at, cost)

    def _to_registers(self, start: Instant, flows: Flows, interval: int) -> int:
        """Gives what the energy costs."""
        state, meters = self.state, self.meters()
        cost = meters[PRIMARY].apply(start, flows.imported, interval)
        if self.twin:
            cost += meters[SECONDARY].apply(start, flows.secondary, interval)
        state.active_export += sum(flows.exported)
        state.reactive_import += sum(flows.reactive_imported)
        state.reactive_export += sum(flows.reactive_exported)
        return cost

    def _between(self, start: Instant, end: Instant) -> list[int]:
        """What flows between two true times: even inside a half-hour, what was counted so far rounded down."""
        total = [0] * _COLUMNS
        slot = start - start % HALF_HOUR
        while slot < end:
            begin, stop = max(start - slot, 0), min(end - slot, HALF_HOUR)
            load, place = self.source.day(slot // DAY), slot % DAY // HALF_HOUR
            columns = (*load[:4], load.secondary) if self.twin else load[:4]
            for at, column in enumerate(columns):
                amount = column[place]
                total[at] += amount * stop // HALF_HOUR - amount * begin // HALF_HOUR
            slot += HALF_HOUR
        return total

    def _slots(self, start: Instant, count: int) -> Flows:
        """What the home uses in half-hours from a true time on."""
        day, place = start // DAY, start % DAY // HALF_HOUR
        if place + count > SLICES:
            load = half_hours(self.source, start, count)
        elif count == SLICES:
            load = self.source.day(day)
        else:
            load = DayLoad(*[column[place : place + count] for column in self.source.day(day)])
        return Flows(*load[:4], load.secondary if self.twin else (0,) * count)

    def _close_slot(self, end: Instant) -> None:
        """The half-hour is complete."""
        state = self.state
        flows = Flows(*((amount,) for amount in state.half_hour))
        state.half_hour = [0] * _COLUMNS
        self.touch()
        self._tell(end, flows)

    def _tell(self, first_end: Instant, flows: Flows) -> None:
        for listener in self.half_hours:
            listener(first_end, flows)
        last_end = first_end + HALF_HOUR * (len(flows.imported) - 1)
        if last_end % DAY == 0:
            if self.device.personality.defects:
                self.retune()
            for midnight in self.midnights:
                midnight(last_end)

    # many half-hours at once

    def _whole_slots(self, at: Instant) -> int:
        """How many slots, ending with the first at ``at``, can be run in one go: not beyond midnight."""
        state = self.state
        shift = at - HALF_HOUR - state.until_true
        aligned = state.until == at - HALF_HOUR and shift % HALF_HOUR == 0 and not self.device.clock.settings.drift
        if not aligned or any(state.half_hour):
            return 1
        midnight = state.until - state.until % DAY + DAY
        return (min(self.device.horizon, midnight) - state.until) // HALF_HOUR

    def _run_slots(self, many: int) -> None:
        state = self.state
        start, true = state.until, state.until_true
        flows = self._slots(true, many) if self._flows else Flows(*[(0,) * many] * _COLUMNS)
        end = start + many * HALF_HOUR
        if self._flows and not self._affordable(start, end, flows):
            self.settle(state.slot_end)
            return
        self._settling = True
        try:
            cost = self._to_registers(start, flows, HALF_HOUR)
            state.until, state.until_true, state.slot_end = end, true + many * HALF_HOUR, end + HALF_HOUR
            self.touch()
            self._charge(end, cost)
            self._tell(start + HALF_HOUR, flows)
        finally:
            self._settling = False

    def _affordable(self, start: Instant, end: Instant, flows: Flows) -> bool:
        """True if this much energy cannot make anything happen to the account."""
        if self.biller is None:
            return True
        meters = self.meters()
        most = meters[PRIMARY].highest_cost(sum(flows.imported))
        if self.twin:
            most += meters[SECONDARY].highest_cost(sum(flows.secondary))
        return most < self.biller.headroom(start, end)

    def _next_look(self) -> Instant:
        """When to book next: at the end of the half-hour, or soon, if what it costs may make something happen."""
        state = self.state
        soon = state.until + LOOK_EVERY
        if soon >= state.slot_end or self.biller is None or not self._flows:
            return state.slot_end
        flows = self._slots(state.until_true - state.until_true % HALF_HOUR, 1)
        return state.slot_end if self._affordable(state.until, state.slot_end, flows) else soon


def _slot_end(at: Instant) -> Instant:
    """The end of the half-hour that ``at`` lies in."""
    return at - at % HALF_HOUR + HALF_HOUR
