"""The event logs of a device (SMETS event, security, power event and auxiliary controller event log).

Rings of a fixed number of entries, the oldest overwritten; readable by date, both ends included; persistent.
Reading over DLMS is in ``profile_generic``, over GBZ with the device's events cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

from protocols.instant import Instant

from .defects import CLEAR_LOG_CLEARS_SECURITY_LOG, LOG_KEEPS_OLDEST
from .part import Part
from .ring_log import ALWAYS_AFTER, ALWAYS_BEFORE, RingLog
from .settings import check_range

if TYPE_CHECKING:
    from .device import Device

LOG_CLEARED = 0x8F52
MAX_ENTRIES = 100_000
MAX_OTHER = 8
"""Octets of other information that an event log entry can hold."""


@dataclass(frozen=True, slots=True)
class LogSizes:
    """Entries of each log (SMETS2: 100 of events), and of the profiles and logs of an electricity meter.

    13 months of half-hours of active import, 3 months of the other profiles; ``voltage`` for each phase.
    """

    event: int = 100
    security: int = 100
    power: int = 100
    auxiliary: int = 100
    profile_import: int = 19_056
    profile_export: int = 4_464
    profile_reactive: int = 4_464
    daily_consumption: int = 731
    daily_read: int = 31
    billing: int = 12
    voltage: int = 4_320

    def __post_init__(self) -> None:
        check_range(self, 1, MAX_ENTRIES, *(member.name for member in fields(self)))


class EventEntry(NamedTuple):
    """An entry of the event log: when, what, and up to 8 octets that belong to it."""

    at: Instant
    code: int
    other: bytes


class SecurityEntry(NamedTuple):
    """An entry of the security log."""

    at: Instant
    code: int


class PowerEntry(NamedTuple):
    """An entry of the power event log; ``other`` is 32 bits whose meaning depends on the code."""

    at: Instant
    code: int
    other: int


class AuxiliaryEntry(NamedTuple):
    """An entry of the auxiliary controller event log: controller and action, outcome, HAN command identifier."""

    at: Instant
    action: int
    outcome: int
    han_command: int


class Logs(Part):
    """The four logs; their entries are stamped with the device's clock."""

    name = "logs"

    def __init__(self, sizes: LogSizes) -> None:
        super().__init__()
        self.event_ring = RingLog("log/event", "IHB8s", sizes.event)
        self.security_ring = RingLog("log/security", "IH", sizes.security)
        self.power_ring = RingLog("log/power", "IHI", sizes.power)
        self.auxiliary_ring = RingLog("log/auxiliary", "IHBI", sizes.auxiliary)

    def attach(self, device: Device) -> None:
        super().attach(device)
        for ring in (self.event_ring, self.security_ring, self.power_ring, self.auxiliary_ring):
            ring.attach(device)

    def add_event(self, code: int, other: bytes = b"") -> None:
        """Add to the event log; of ``other`` the first 8 octets."""
        other = other[:MAX_OTHER]
        self._append(self.event_ring, code, len(other), other)

    def add_security(self, code: int) -> None:
        """Add to the security log."""
        self._append(self.security_ring, code)

    def add_power(self, code: int, other: int = 0) -> None:
        """Add to the power event log."""
        self._append(self.power_ring, code, other)

    def add_auxiliary(self, action: int, outcome: int, han_command: int = 0) -> None:
        """Add to the auxiliary controller event log."""
        self._append(self.auxiliary_ring, action, outcome, han_command)

    def events(self, start: Instant = ALWAYS_BEFORE, end: Instant = ALWAYS_AFTER) -> list[EventEntry]:
        """Entries of the event log, oldest first."""
        return [EventEntry(at, code, other[:size]) for at, code, size, other in self.event_ring.rows(start, end)]

    def security(self, start: Instant = ALWAYS_BEFORE, end: Instant = ALWAYS_AFTER) -> list[SecurityEntry]:
        """Entries of the security log, oldest first."""
        return [SecurityEntry(*row) for row in self.security_ring.rows(start, end)]

    def power(self, start: Instant = ALWAYS_BEFORE, end: Instant = ALWAYS_AFTER) -> list[PowerEntry]:
        """Entries of the power event log, oldest first."""
        return [PowerEntry(*row) for row in self.power_ring.rows(start, end)]

    def auxiliary(self, start: Instant = ALWAYS_BEFORE, end: Instant = ALWAYS_AFTER) -> list[AuxiliaryEntry]:
        """Entries of the auxiliary controller event log, oldest first."""
        return [AuxiliaryEntry(*row) for row in self.auxiliary_ring.rows(start, end)]

    def clear_events(self) -> None:
        """Clear the event log; the security log, which cannot be cleared, says so."""
        self.event_ring.clear()
        if self.device.defective(CLEAR_LOG_CLEARS_SECURITY_LOG):
            self.security_ring.clear()
        self.add_security(LOG_CLEARED)

    def clear_auxiliary(self) -> None:
        """Clear the auxiliary controller event log; the security log says so."""
        self.auxiliary_ring.clear()
        self.add_security(LOG_CLEARED)

    def _append(self, ring: RingLog, *columns: object) -> None:
        if len(ring) == ring.capacity and self.device.defective(LOG_KEEPS_OLDEST):
            return
        ring.append(max(0, min(self.device.now, 0xFFFFFFFF)), *columns)
