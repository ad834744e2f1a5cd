"""The device's clock: its own idea of UTC, how far to trust it, and how it is set (GBCS time keeping; SMETS clock).

The clock runs on while the supply is off. It drifts by a number of parts per million of true time, and compares
itself with the hub's time once a day: a small difference is taken over, a large one is reported and left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from protocols.dlms.cosem_time import NO_STATUS, CosemDateTime
from protocols.dlms.cosem_time import ClockStatus as CosemClockStatus
from protocols.enumerations import plain_members
from protocols.instant import DAY, Instant

from .defects import REPORTS_TEN_SECONDS
from .part import Part
from .settings import check_choice, check_range

MAX_SILENT_CORRECTION = 10
"""Seconds of difference to the hub that are corrected without an entry."""
COMPARE_EVERY = DAY

CLOCK_NOT_ADJUSTED = 0x8F0C
CLOCK_ADJUSTED = 0x8145

TIMES_WITH_STATUS = frozenset({0x0074, 0x0075, 0x00B6, 0x00B8, 0x012A})
"""Responses whose header date-time says how far it can be trusted: the gas reads that a proxy may answer."""

_MILLION = 1_000_000
MAX_DRIFT = 10_000
"""Parts per million; far beyond what a clock may do."""


@plain_members
class ClockStatus(IntEnum):
    """How far the time can be trusted, with the values of the set-time response."""

    RELIABLE = 0
    INVALID = 1
    """Never set since manufacture, or lost."""
    UNRELIABLE = 2
    """Set, but the last comparison failed."""


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """``drift`` in parts per million, positive when the clock runs fast; the rest is the state of a new device."""

    drift: int = 0
    status: str = "reliable"
    hub_heard: bool = True
    """A new device takes the hub's time to be true time until it hears otherwise."""

    def __post_init__(self) -> None:
        check_choice(self, [status.name.lower() for status in ClockStatus], "status")
        check_range(self, -MAX_DRIFT, MAX_DRIFT, "drift")


@dataclass(slots=True)
class ClockState:
    """``offset`` is device time less true time at ``reference``, a true time; seconds."""

    offset: int = 0
    reference: Instant = 0
    status: ClockStatus | None = None
    compared: Instant = 0


class Clock(Part):
    """Keeps the relation of device time and true time."""

    name = "clock"
    State = ClockState
    state: ClockState

    def __init__(self, settings: ClockSettings) -> None:
        super().__init__()
        self.settings = settings
        self._hub_offset: int | None = 0 if settings.hub_heard else None
        self._hub_reliable = settings.hub_heard
        self.listeners: list[Callable[[ClockStatus], None]] = []
        """Told of another status before it holds."""
        self.data_time: Callable[[], Instant | None] = lambda: None
        """On a proxy: when another device measured what is given out, by that device's clock; None if it is unknown."""
        self.preset_data_time: Callable[[Instant], None] | None = None
        """On a proxy, the maker's way in: that device measured it at this instant."""

    @property
    def status(self) -> ClockStatus:
        """How far the time can be trusted now."""
        status = self.state.status
        return ClockStatus[self.settings.status.upper()] if status is None else status

    def local(self, true: Instant) -> Instant:
        """Device time at a true time."""
        state, drift = self.state, self.settings.drift
        local = true + state.offset
        return local + (true - state.reference) * drift // _MILLION if drift else local

    def true(self, local: Instant) -> Instant:
        """The first true time at which the device's clock shows at least ``local``."""
        drift = self.settings.drift
        true: Instant = local - self.state.offset
        if drift:
            true -= (true - self.state.reference) * drift // (_MILLION + drift)
            while self.local(true) < local:
                true += 1
            while self.local(true - 1) >= local:
                true -= 1
        return true

    def started(self) -> None:
        if self.state.reference == 0:
            self.state.reference = self.device.true_now
            self.device.now = self.local(self.device.true_now)  # it has drifted since then, not since 2000
            self.state.compared = self.device.now
            self.touch()
        self.due = max(self.state.compared + COMPARE_EVERY, self.device.now)

    def advance(self, at: Instant) -> None:
        self.compare(at)

    def clock_stepped(self, before: Instant, after: Instant) -> None:  # noqa: ARG002 - the new time is enough
        self.state.compared = after
        self.schedule(after + COMPARE_EVERY)

    def hear_hub(self, hub_time: Instant | None, reliable: bool) -> None:
        """The hub's clock as just read; None if it does not answer."""
        self._hub_offset = None if hub_time is None else hub_time - self.device.true_now
        self._hub_reliable = reliable and hub_time is not None

    def hub_time(self) -> Instant | None:
        """The hub's time now, or None when it is not known or not reliable."""
        if self._hub_offset is None or not self._hub_reliable:
            return None
        return self.device.true_now + self._hub_offset

    def header_time(self, message_code: int) -> bytes:
        """The date-time in the header of a response: 12 octets, with a status for a few message codes only."""
        if message_code not in TIMES_WITH_STATUS:
            return CosemDateTime.at(self.device.now, NO_STATUS).encode()
        measured = self.data_time()
        if measured is not None:
            return CosemDateTime.at(measured, int(CosemClockStatus.DIFFERENT_CLOCK_BASE)).encode()
        return CosemDateTime.at(self.device.now, self.time_status()).encode()

    def time_status(self) -> int:
        """The status octet of a date-time: 00 when the clock can be trusted."""
        return 0 if self.status is ClockStatus.RELIABLE else int(CosemClockStatus.DOUBTFUL)

    def compare(self, at: Instant) -> None:
        """Compare with the hub's time; correct a small difference, report a large one."""
        self.state.compared = at
        self.due = at + COMPARE_EVERY
        self.touch()
        hub = self.hub_time()
        if hub is None:
            self._doubt()
        elif abs(hub - at) <= MAX_SILENT_CORRECTION - self.device.defective(REPORTS_TEN_SECONDS):
            self._take(hub)
        else:
            self._doubt()
            self.device.alerts.event(CLOCK_NOT_ADJUSTED)

    def set_within(self, start: Instant, end: Instant) -> bool:
        """Take the hub's time if it lies in ``start`` to ``end``, both included; True if it was taken.

        A refusal is logged and reported; a clock that was reliable is then unreliable.
        """
        hub = self.hub_time()
        if hub is None or not start <= hub <= end:
            self._doubt()
            self.device.alerts.event(CLOCK_NOT_ADJUSTED)
            return False
        self._take(hub)
        self.device.alerts.event(CLOCK_ADJUSTED)
        return True

    def set_status(self, status: ClockStatus) -> None:
        """Force the status, as a fault or its maker does."""
        if status is not self.status:
            for listener in self.listeners:
                listener(status)
        self.state.status = status
        self.touch()
        self.device.future.clock_status_changed()

    def force(self, local: Instant) -> None:
        """Set the clock without a word, as its maker does."""
        before = self.device.now
        self.state.offset = local - self.device.true_now
        self.state.reference = self.device.true_now
        self.touch()
        if local != before:
            self.device.clock_set(before, local)

    def _take(self, hub: Instant) -> None:
        self.set_status(ClockStatus.RELIABLE)
        self.force(hub)

    def _doubt(self) -> None:
        if self.status is ClockStatus.RELIABLE:
            self.set_status(ClockStatus.UNRELIABLE)
