"""The clock as a COSEM object of class 8: set within a range (ECS70), read with its status.

The command writes the clock base, gives the range together with a preset time of "never", and then asks to adjust:
the device takes the hub's time if that lies in the range, and answers with its time and status either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, DataType, octet_string, uint8
from protocols.instant import Instant

from .clock import ClockStatus
from .cosem import expect, expect_items
from .part import Part
from .refusals import AccessFailed

if TYPE_CHECKING:
    from .device import Device

CLASS_ID, NAME = 8, "0-0:1.0.0.255"
HUB_CLOCK_BASE = 5
"""The only clock base that may be written: time from the hub."""


@dataclass(slots=True)
class Range:
    """When the time asked for may lie, both included."""

    start: Instant
    end: Instant


class ClockObject(Part):
    """Serves ``device.clock`` to remote parties."""

    name = "clock object"

    def __init__(self) -> None:
        super().__init__()
        self._range: Range | None = None

    def attach(self, device: Device) -> None:
        super().attach(device)
        cosem, clock = device.cosem, device.clock
        cosem.attribute(CLASS_ID, NAME, 2, get=self._time, preset=lambda value: clock.force(_instant(value)))
        cosem.attribute(CLASS_ID, NAME, 4, get=lambda: uint8(clock.status), preset=self._preset_status)
        cosem.attribute(CLASS_ID, NAME, 9, set=self._set_base)
        cosem.method(CLASS_ID, NAME, 5, self._preset)
        cosem.method(CLASS_ID, NAME, 4, self._adjust)

    def started(self) -> None:
        self._range = None

    def _time(self) -> Data:
        return octet_string(CosemDateTime.at(self.device.now).encode())

    def _preset_status(self, value: Data) -> None:
        status = expect(value, DataType.UINT8)
        if status not in ClockStatus.__members__.values():
            raise AccessFailed
        self.device.clock.set_status(ClockStatus(status))

    @staticmethod
    def _set_base(value: Data) -> None:
        if expect(value, DataType.ENUM) != HUB_CLOCK_BASE:
            raise AccessFailed

    def _preset(self, argument: Data) -> None:
        _preset, start, end = expect_items(argument, DataType.STRUCTURE, 3)
        self._range = Range(_instant(start), _instant(end))

    def _adjust(self, _argument: Data) -> None:
        if self._range is None:
            raise AccessFailed
        wanted, self._range = self._range, None
        self.device.clock.set_within(wanted.start, wanted.end)


def _instant(data: Data) -> Instant:
    octets = expect(data, DataType.OCTET_STRING)
    moment = CosemDateTime.decode(octets).to_instant() if len(octets) == CosemDateTime.WIDTH else None
    if moment is None:
        raise AccessFailed
    return moment
