"""The setting of a gas meter's clock (GCS28): the hub's time is taken if it lies in the interval of the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.gbcs.asn1_device import SetTimeCommand, SetTimeResponse, TimeStatus

from ...clock import ClockStatus
from ...part import Part

if TYPE_CHECKING:
    from ...device import Device

SET_TIME = 0x007F


class GasClock(Part):
    """Serves the command; the clock itself is the device's."""

    name = "gas clock"

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.asn1.handler(SET_TIME, self._set)
        device.asn1.on_preset(SET_TIME, self._preset)

    def _set(self, command: SetTimeCommand) -> SetTimeResponse:
        """The answer tells the clock's time and how far it is trusted; it is unreliable after a refusal."""
        clock = self.device.clock
        clock.set_within(command.not_before, command.not_after)
        return SetTimeResponse(self.device.now, TimeStatus(clock.status))

    def _preset(self, answer: SetTimeResponse, _command: SetTimeCommand | None) -> None:
        """The hub's clock and this one show the time of the answer; one that was never set stays invalid."""
        clock = self.device.clock
        if answer.status is TimeStatus.INVALID:
            clock.set_status(ClockStatus.INVALID)
        clock.force(answer.now)
        clock.hear_hub(answer.now, reliable=True)
