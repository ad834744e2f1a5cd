"""A gas meter measures: the load of the home into registers, logs and cost (SMETS2 4.6.5).

Every half-hour, and whenever something changes what gas costs or whether it flows, the consumption since the last
time is booked; every minute while credit is short. Between two bookings gas flows evenly; parts are rounded down so
that they add up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.instant import DAY, HALF_HOUR, Instant

from ...clock import ClockStatus
from ...defects import register_defect
from ...engines.credit import UNLIMITED
from ...engines.registers import TariffMeter
from ...engines.tariff import GSME
from ...load_model import SLICES, LoadModel, NoLoad
from ...part import Part
from .samples import DAYS, HALF_HOURS

if TYPE_CHECKING:
    from ...device import Device
    from .calendar import GasCalendars
    from .price import GasPrice
    from .registers import GasRegisters
    from .samples import GasSamples
    from .valve import GasValve

REGISTERS_LOST = register_defect("registers-lost-at-start", "loses the gas registers when the firmware starts")

LOOK_EVERY = 60
"""Seconds between bookings while the account is close to a threshold."""

Charge = Callable[[Instant, int], None]
Headroom = Callable[[Instant, Instant], int]
"""Millipence that may be charged from one moment to another without anything happening."""


@dataclass(slots=True)
class GasMetrologyState:
    """``booked``: consumption up to there is in the registers. Totals at the last half-hour and midnight. ``held``: the
    tier that stays in force while the clock cannot be trusted, -1 while it can.
    """

    booked: Instant = 0
    half_hour_total: int = 0
    day_total: int = 0
    day_cost: int = 0
    held: int = -1


class GasMetrology(Part):
    """Books consumption; ``charge`` hears of its cost. ``model``, the home's load, may be exchanged at any time."""

    name = "gas metrology"
    State = GasMetrologyState
    state: GasMetrologyState

    def __init__(
        self,
        registers: GasRegisters,
        price: GasPrice,
        calendars: GasCalendars,
        valve: GasValve,
        samples: GasSamples,
        load: LoadModel | None = None,
    ) -> None:
        super().__init__()
        self._registers, self._price, self._valve, self._samples = registers, price, valve, samples
        self._calendars = calendars
        self.model: LoadModel = load or NoLoad()
        self.charge: Charge = lambda _at, _cost: None
        self.headroom: Headroom = lambda _now, _until: UNLIMITED
        self._meter = TariffMeter(registers.registers, layout=GSME)

    def attach(self, device: Device) -> None:
        super().attach(device)
        self._valve.before_move.append(self.settle)
        self._valve.listeners.append(self.look_again)
        self._price.before_change.append(self.settle)
        self._price.listeners.append(self._price_changed)
        self._price.active_block = self._active_block
        self._calendars.before_change.append(lambda _kind: self.settle())
        self._calendars.listeners.append(lambda _kind: self._price_changed())
        device.clock.listeners.append(self._clock_judged)
        device.on_new_firmware.append(self._firmware_begins)

    def started(self) -> None:
        self._firmware_begins()
        self._meter = TariffMeter(self._registers.registers, layout=GSME)
        self._price_changed()
        if not self.state.booked:
            self._begin_at(self.device.now)
        self._hold(self.device.clock.status)
        self._rearm(self.device.now)

    def _firmware_begins(self) -> None:
        if self.device.defective(REGISTERS_LOST):
            self._registers.registers.total = 0
            self._registers.registers.tou[:] = [0] * GSME.tou_count
            self._registers.touch()

    def power_lost(self, at: Instant) -> None:  # noqa: ARG002 - up to now
        self.settle()

    def power_restored(self, lost: Instant, at: Instant) -> None:  # noqa: ARG002 - the device's own clock counts
        """Nothing was measured while there was no power; what was begun before is closed.

        A meter that was killed could not book what it had measured until then.
        """
        self._book(lost)
        state, now = self.state, self.device.now
        if now // HALF_HOUR > state.booked // HALF_HOUR:
            self._close_half_hour(state.booked // HALF_HOUR * HALF_HOUR)
        if now // DAY > state.booked // DAY:
            self._close_day(state.booked // DAY * DAY)
        self._begin_at(now)

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        self._book(before)
        self.state.booked = after
        self.touch()
        self._rearm(after)

    def advance(self, at: Instant) -> None:
        """The end of a half-hour, or of a minute."""
        self._book(at)
        if at % HALF_HOUR == 0:
            self._close_half_hour(at - HALF_HOUR)
        if at % DAY == 0:
            self._close_day(at - DAY)
        self._rearm(at)

    # for other parts

    def settle(self) -> None:
        """Book consumption up to now."""
        self._book(self.device.now)

    def total(self) -> int:
        """The import register, up to now."""
        self.settle()
        return self._registers.registers.total

    def reset_block_counters(self) -> None:
        """A new block period begins."""
        self.settle()
        self._meter.reset_counters()
        self._registers.touch()

    # inside

    def _close_half_hour(self, start: Instant) -> None:
        total = self._registers.registers.total
        self._samples.add(HALF_HOURS, start, total - self.state.half_hour_total)
        self.state.half_hour_total = total
        self.touch()

    def _close_day(self, start: Instant) -> None:
        total = self._registers.registers.total
        self._samples.add(DAYS, start, total - self.state.day_total)
        self.state.day_total, self.state.day_cost = total, 0
        self.touch()

    def _book(self, until: Instant) -> None:
        state = self.state
        while state.booked < until:
            half_hour = state.booked // HALF_HOUR * HALF_HOUR
            begin, end = state.booked, min(until, half_hour + HALF_HOUR)
            state.booked = end  # before the charge, which may move the valve and have this called again
            self.touch()
            self._book_part(half_hour, begin - half_hour, end - half_hour)

    def _book_part(self, half_hour: Instant, begin: int, end: int) -> None:
        """From ``begin`` to ``end`` seconds into a half-hour."""
        if not self._valve.is_open:
            return
        litres = self.model.day(half_hour // DAY).gas[half_hour // HALF_HOUR % SLICES]
        amount = litres * end // HALF_HOUR - litres * begin // HALF_HOUR
        if amount:
            cost = self._meter.apply(half_hour + begin, [amount], end - begin)
            self._registers.touch()
            self.state.day_cost += cost
            self.charge(half_hour + end, cost)

    def _price_changed(self) -> None:
        self._meter.use(self._price.tariff())
        self._meter.pricing = self._price.pricing()

    def _clock_judged(self, status: ClockStatus) -> None:
        """A meter that does not know the time leaves the tier as it is, and takes up its calendar when it does."""
        self.settle()
        self._hold(status)

    def _hold(self, status: ClockStatus) -> None:
        doubtful, state = status is not ClockStatus.RELIABLE, self.state
        if doubtful != (state.held >= 0):
            state.held = self._meter.selector(state.booked) if doubtful else -1
            self.touch()
        self._meter.hold(state.held if state.held >= 0 else None)

    def _active_block(self) -> int:
        return self._meter.active_block(0)

    def _begin_at(self, now: Instant) -> None:
        self.state.booked = now
        self.touch()

    def look_again(self) -> None:
        """The account has changed: what is used from now on may make something happen sooner."""
        if self.device.on and self.due > self.device.now:  # else a half-hour is about to be closed
            self._rearm(self.device.now)

    def _rearm(self, now: Instant) -> None:
        end = (now // HALF_HOUR + 1) * HALF_HOUR
        self.schedule(end if self._is_affordable(now, end) else min(now + LOOK_EVERY, end))

    def _is_affordable(self, now: Instant, end: Instant) -> bool:
        """True if what flows until the end of the half-hour cannot make anything happen to the account."""
        if not self._valve.is_open:
            return True
        litres = self.model.day(now // DAY).gas[now % DAY // HALF_HOUR]
        return self._meter.highest_cost(litres) < self.headroom(now, end)
