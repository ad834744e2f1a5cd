"""The load that a rig applies to its emulated meters: constant, and therefore easy to reckon with."""

from __future__ import annotations

from firmware_emu import Device
from firmware_emu.parts.metrology import Flow, Metrology
from protocols.instant import HALF_HOUR, HOUR, Instant

from .rig import Load


class ConstantPower:
    """A constant active import in W: the same energy in every half-hour."""

    def __init__(self, watts: int) -> None:
        self._watts = watts

    def half_hour(self, start: Instant) -> Flow:  # noqa: ARG002 - always the same
        """Energy of half an hour."""
        return Flow(active_import=self._watts * HALF_HOUR // HOUR)

    def power(self, at: Instant) -> tuple[int, int]:  # noqa: ARG002 - always the same
        """Active import of the first and the second element."""
        return self._watts, 0


def apply_load(device: Device, load: Load) -> None:
    """Connect the load to the device's metrology, if it has any."""
    for part in device.parts:
        if isinstance(part, Metrology):
            part.source = ConstantPower(load.watts)
