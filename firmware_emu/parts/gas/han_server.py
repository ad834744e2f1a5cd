"""A gas device answers reads of the home: attributes, logs, snapshots, calendars, in clear (ZSE D.3, D.4, D.7, D.9).

A gas proxy answers the consumer's displays, with nothing older than the change of tenancy; a gas meter answers its
proxy, while it is awake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.gbz import Component
from protocols.instant import Instant
from protocols.zigbee.smart_energy_common import BASIC, CALENDAR, EVENTS, METERING, PREPAYMENT, PRICE
from protocols.zigbee.zcl import ClusterCommand, DefaultResponse, ReadAttributes, ReadAttributesResponse

from ...defects import register_defect
from ...outputs import SendHan
from ...part import Part
from ...refusals import ZclFailed
from ...zcl_frames import decode_frame, encode_frame
from ...zcl_server import UNSUPPORTED_COMMAND, Reply

if TYPE_CHECKING:
    from ...device import Device

READABLE = frozenset({BASIC, PRICE, METERING, PREPAYMENT, CALENDAR})
"""Clusters that may be read in the home. The events cluster is not among them: logs are for remote parties."""
GETS = frozenset(
    {
        (PRICE, 0x00),
        (PRICE, 0x0B),
        (METERING, 0x06),
        (METERING, 0x08),
        (PREPAYMENT, 0x07),
        (PREPAYMENT, 0x08),
        (PREPAYMENT, 0x0A),
        *((CALENDAR, command) for command in (1, 2, 3, 4)),
    }
)
"""Commands that may be asked in the home: cluster and command."""
GET_EVENT_LOG = (EVENTS, 0x00)
LOGS_IN_THE_HOME = register_defect("logs-in-the-home", "lets any device of the home read event and security log")
_FIRST_TIMES = ("earliest_start_time", "earliest_sample_time")

Listener = Callable[[Eui64, Component], None]


class GasHanServer(Part):
    """Answers frames. What is no question - reports and published data - goes to ``listener``.

    ``admits`` says whether frames of a device are heard now, ``visible_from`` before when nothing is shown.
    """

    name = "gas han server"

    def __init__(self) -> None:
        super().__init__()
        self.listener: Listener = lambda _source, _component: None
        self.admits: Callable[[Eui64], bool] = lambda _source: True
        self.visible_from: Callable[[], Instant] = lambda: 0

    def attach(self, device: Device) -> None:
        super().attach(device)
        for cluster in READABLE:
            device.han[cluster] = self._on(cluster)

    def listen_on(self, cluster: int) -> None:
        """Take frames of another cluster too."""
        self.device.han[cluster] = self._on(cluster)

    def _on(self, cluster: int) -> Callable[[Eui64, bytes], None]:
        def take(source: Eui64, octets: bytes) -> None:
            if not self.admits(source):
                return
            try:
                component = decode_frame(cluster, octets)
            except DecodeError:
                return
            self._take(source, component)

        return take

    def _take(self, source: Eui64, component: Component) -> None:
        content, control = component.content, component.frame.frame_control
        if isinstance(content, ReadAttributes) and component.cluster in READABLE:
            records = tuple(self.device.zcl.read(component.cluster, each) for each in content.attributes)
            answer = ReadAttributesResponse(records)
            self._send(source, Component.general(component.cluster, answer, component.frame.sequence, to_client=True))
        elif isinstance(content, ClusterCommand) and not control & 8:
            self._answer(source, component)
        else:
            self.listener(source, component)

    def _answer(self, source: Eui64, component: Component) -> None:
        sequence = component.frame.sequence
        try:
            replies = self._perform(component)
        except ZclFailed as failure:
            refusal = DefaultResponse(component.frame.command, failure.status)
            self._send(source, Component.general(component.cluster, refusal, sequence, to_client=True))
            return
        for reply in replies:
            self._send(source, Component.of(reply.content, sequence, disable_default_response=True))

    def _perform(self, component: Component) -> Sequence[Reply]:
        asked = (component.cluster, component.frame.command)
        if asked not in GETS and not (asked == GET_EVENT_LOG and self.device.defective(LOGS_IN_THE_HOME)):
            raise ZclFailed(UNSUPPORTED_COMMAND)
        return self.device.zcl.perform(self._limited(component)) or ()

    def _limited(self, component: Component) -> Component:
        """The same question, but not for anything older than may be shown."""
        first, content = self.visible_from(), component.content
        if not first or not isinstance(content, ClusterCommand):
            return component
        fields = {name: max(value, first) if name in _FIRST_TIMES else value for name, value in content.fields.items()}
        limited = ClusterCommand(content.row, fields)
        return component._replace(content=limited, from_date_time=max(component.from_date_time or 0, first))

    def _send(self, recipient: Eui64, component: Component) -> None:
        self.device.emit(SendHan(recipient, component.cluster, encode_frame(component)))
