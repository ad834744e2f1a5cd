"""What an electricity meter tells the consumer's displays beside readings: messages, and its own history (SMETS2 5.5).

A message goes to the displays when it comes, and to any that asks later; that the consumer has confirmed it is an
event, and told to the supplier. Half-hours and days are given from the profile logs, but nothing that is older than
the change of tenancy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY, HALF_HOUR, Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import MESSAGING, METERING
from protocols.zigbee.zcl import ClusterCommand

from ...part import Part
from ...refusals import ZCL_NOT_FOUND, ZclFailed
from ...ring_log import ALWAYS_AFTER
from ...zcl_server import Reply
from ..credentials.joining import Joining
from ..gas.samples import A_DAY_ON_THE_WIRE, DAYS, HALF_HOURS

if TYPE_CHECKING:
    from protocols.gbcs.gbz import Component

    from ...device import Device
    from .consumer_information import ConsumerInformation
    from .han_face import HanFace
    from .metrology import Metrology
    from .profiles import Profiles

CONFIRMED = 0x81A6
CONFIRMATION_WANTED = 0x80
DISPLAYS = (DeviceType.TYPE_2, DeviceType.PPMID)
MOST_SAMPLES = 480
"""Samples in one answer. Inferred: ten days of half-hours."""


class ConsumerHistory(Part):
    """Serves the messaging cluster, and the samples of the metering cluster."""

    name = "consumer history"

    def __init__(
        self, face: HanFace, information: ConsumerInformation, metrology: Metrology, profiles: Profiles
    ) -> None:
        super().__init__()
        self._face, self._information = face, information
        self._metrology, self._profiles = metrology, profiles

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.zcl.command(MESSAGING, 0x00, self._last_message)
        device.zcl.command(MESSAGING, 0x01, self._confirm)
        device.zcl.command(METERING, 0x08, self._samples)
        self._information.on_message = self._tell

    # messages

    def _message(self) -> ClusterCommand:
        held = self._information.state
        control = CONFIRMATION_WANTED if held.confirmed < held.number else 0
        return command_named("Display Message").make(
            message_id=held.number, message_control=control, message=held.message
        )

    def _tell(self) -> None:
        for entry in self.device.find(Joining).entries():
            if entry.device_type in DISPLAYS:
                self._face.tell(entry.device, self._message())

    def _last_message(self, _component: Component) -> Sequence[Reply]:
        if not self._information.state.message:
            raise ZclFailed(ZCL_NOT_FOUND)
        return [Reply(self._message())]

    def _confirm(self, component: Component) -> None:
        """The first confirmation of a message counts, whichever display it comes from."""
        fields: Any = component.content
        held = self._information.state
        if fields["message_id"] != held.number or held.confirmed >= held.number:
            return
        held.confirmed = held.number
        self._information.touch()
        self.device.alerts.event(CONFIRMED)

    # history

    def _samples(self, component: Component) -> Sequence[Reply]:
        """A sample is of the half-hour or day that begins at its time; the logs are stamped with its end."""
        fields: Any = component.content
        kind, first = fields["sample_id"], fields["earliest_sample_time"]
        if kind not in (HALF_HOURS, DAYS) or fields["sample_type"]:
            raise ZclFailed(ZCL_NOT_FOUND)
        self._metrology.settle()
        interval = DAY if kind == DAYS else HALF_HOUR
        ring = self._profiles.consumption if kind == DAYS else self._profiles.imported
        earliest = max(first, self._information.visible_from() or first)
        rows = ring.rows(earliest + interval, ALWAYS_AFTER)[: min(fields["number_of_samples"], MOST_SAMPLES)]
        if not rows:
            raise ZclFailed(ZCL_NOT_FOUND)
        return [Reply(_answer(kind, rows[0][0] - interval, [sum(row[1:]) for row in rows]))]


def _answer(kind: int, start: Instant, amounts: Sequence[int]) -> ClusterCommand:
    return command_named("Get Sampled Data Response").make(
        sample_id=kind,
        sample_start_time=start,
        sample_request_interval=A_DAY_ON_THE_WIRE if kind == DAYS else HALF_HOUR,
        samples=tuple(min(amount, 0xFFFFFE) for amount in amounts),
    )
