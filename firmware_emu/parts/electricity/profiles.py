"""Profiles and daily logs of an electricity meter (SMETS2 profile data log, daily read log, daily consumption log).

Half-hour entries carry the end of their period, daily ones the midnight (UTC) at which they were taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.dlms.data import DataType, described_structure
from protocols.instant import HALF_HOUR, HOUR, Instant

from ...defects import register_defect
from ...local_time import is_summer_time
from ...part import Part
from ...profile_generic import serve_log
from ...protected_reads import serve_protected_read
from ...ring_log import RingLog
from .register_rows import MONEY, WRAP, RowShape, register_rows

if TYPE_CHECKING:
    from protocols.dlms.data import TypeDescription

    from ...cosem import Attribute
    from ...device import Device
    from .flows import Flows
    from .metrology import Metrology

IMPORT_PROFILE, EXPORT_PROFILE, REACTIVE_PROFILE = "0-0:99.1.0", "0-0:99.1.1", "0-0:99.1.2"
DAILY_CONSUMPTION = "0-0:99.1.3"
DAILY_IMPORT, DAILY_EXPORT, DAILY_PREPAYMENT = "0-0:98.1.9", "0-0:98.1.10", "0-0:98.1.8"

PROFILE_IN_WATTS = register_defect("profile-in-watts", "half-hour profile entries hold the average power, not Wh")
STAMPED_AT_START = register_defect("profile-stamped-at-start", "half-hour entries carry the start of their period")
DAILY_LOG_TWICE = register_defect("daily-log-twice", "every daily read log entry is made twice")

DAILY_LOG_IN_LOCAL_TIME = register_defect(
    "daily-log-in-local-time", "stamps daily entries with the midnight of local time, an hour early in summer"
)


@dataclass(slots=True)
class ProfileState:
    """Import since midnight in Wh, of both elements."""

    today: int = 0


Money = Callable[[], "tuple[int, ...] | None"]
"""The six money values of a prepayment entry in the order of its columns, or None in credit mode."""


class Profiles(Part):
    """Hears from metrology of half-hours and midnights, and writes them down.

    ``prepayment`` gives the money columns of the prepayment daily read log at midnight, None in credit mode.
    """

    name = "profiles"
    State = ProfileState
    state: ProfileState

    def __init__(self, metrology: Metrology, prepayment: Money = lambda: None) -> None:
        super().__init__()
        self.metrology, self.prepayment = metrology, prepayment
        metrology.half_hours.append(self._record)
        metrology.midnights.append(self._midnight)

    def attach(self, device: Device) -> None:
        super().attach(device)
        twin = device.personality.variant == "B"
        shape, sizes = register_rows(twin=twin), device.personality.logs
        self.imported = RingLog("profile/import", "II" + "I" * twin, sizes.profile_import)
        self.exported = RingLog("profile/export", "III", sizes.profile_export)
        self.reactive = RingLog("profile/reactive", "II", sizes.profile_reactive)
        self.consumption = RingLog("profile/days", "II", sizes.daily_consumption)
        self.daily_import = RingLog("profile/daily import", shape.layout, sizes.daily_read)
        self.daily_export = RingLog("profile/daily export", "II", sizes.daily_read)
        self.daily_prepayment = RingLog("profile/daily prepayment", f"I{MONEY}i", sizes.daily_read)
        self._serve(7, IMPORT_PROFILE, self.imported, _times(2 + twin))
        self._serve(None, EXPORT_PROFILE, self.exported, _times(3))
        self._serve(None, REACTIVE_PROFILE, self.reactive, _times(2))
        self._serve(4, DAILY_CONSUMPTION, self.consumption, _times(2))
        self._serve(None, DAILY_EXPORT, self.daily_export, _times(2))
        self._serve(6, DAILY_PREPAYMENT, self.daily_prepayment, MONEY_ROW)
        self._serve(5, DAILY_IMPORT, self.daily_import, shape.description, shape)

    def _serve(
        self,
        protected: int | None,
        name: str,
        ring: RingLog,
        description: TypeDescription,
        shape: RowShape | None = None,
    ) -> None:
        """``protected`` is the last part of the name of the object that reads the log encrypted."""
        ring.attach(self.device)
        buffer = serve_rows(self.device, name, ring, description, shape)
        if protected is not None:
            serve_protected_read(self.device, f"0-0:43.2.{protected}", [buffer])

    def _record(self, first_end: Instant, flows: Flows) -> None:
        if self.device.personality.defects:
            first_end, flows = self._spoil(first_end, flows)
        imported, exported, reactive_imported, reactive_exported, secondary = flows
        ends = range(first_end, first_end + HALF_HOUR * len(imported), HALF_HOUR)
        if self.metrology.twin:
            self.imported.extend(zip(ends, imported, secondary, strict=True))
        else:
            self.imported.extend(zip(ends, imported, strict=True))
        self.exported.extend(zip(ends, exported, reactive_exported, strict=True))
        self.reactive.extend(zip(ends, reactive_imported, strict=True))
        self.state.today += sum(imported) + sum(secondary)
        self.touch()

    def _spoil(self, first_end: Instant, flows: Flows) -> tuple[Instant, Flows]:
        if self.device.defective(PROFILE_IN_WATTS):
            flows = type(flows)(*([2 * energy for energy in column] for column in flows))
        if self.device.defective(STAMPED_AT_START):
            first_end -= HALF_HOUR
        return first_end, flows

    def _midnight(self, at: Instant) -> None:
        columns = self.metrology.registers()
        if self.device.defective(DAILY_LOG_IN_LOCAL_TIME) and is_summer_time(at):
            at -= HOUR
        self.daily_import.append(at, *columns)
        if self.device.defective(DAILY_LOG_TWICE):
            self.daily_import.append(at, *columns)
        self.daily_export.append(at, self.metrology.state.active_export % WRAP)
        self.consumption.append(at, self.state.today)
        self.state.today = 0
        self.touch()
        money = self.prepayment()
        if money is not None:
            self.daily_prepayment.append(at, *money)


def serve_rows(
    device: Device, name: str, ring: RingLog, description: TypeDescription, shape: RowShape | None = None
) -> Attribute:
    """Serve a log whose rows may hold arrays (``shape``)."""
    if shape is None:
        return serve_log(device.cosem, name, ring, description)
    return serve_log(device.cosem, name, ring, description, row=shape.nest, held=shape.flatten)


def _times(columns: int) -> TypeDescription:
    return described_structure(*[DataType.UINT32] * columns)


MONEY_ROW = described_structure(DataType.UINT32, *[DataType.INT32] * MONEY)
"""Time, emergency credit, meter balance, payment debt, time debts 1 and 2, accumulated debt."""
