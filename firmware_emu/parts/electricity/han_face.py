"""The face of a device towards others of the home: which clusters they may read, which commands they may give.

Frames to a server are answered from the device's clusters, those to a client go to whoever listens here. What a
consumer's device may not do is not answered with a refusal of its own kind but as if it did not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.gbz import Component
from protocols.zigbee.zcl import ClusterCommand, DefaultResponse, ReadAttributes, ReadAttributesResponse

from ...outputs import SendHan
from ...part import Part
from ...refusals import ZclFailed
from ...zcl_frames import decode_frame, encode_frame
from ...zcl_server import UNSUPPORTED_COMMAND
from ..credentials.joining import Joining

if TYPE_CHECKING:
    from ...device import Device

Listener = Callable[[Eui64, Component], None]


class HanFace(Part):
    """``commands`` are the client's commands that are served, by cluster; attributes of these clusters can be read.

    With ``joined_only``, devices of the device's own log are heard; without, everybody in the network.
    """

    name = "han face"

    def __init__(self, commands: Mapping[int, Collection[int]], *, joined_only: bool = True) -> None:
        super().__init__()
        self._commands, self._joined_only = commands, joined_only
        self._joined: Joining | None = None
        self._listeners: dict[int, Listener] = {}
        self._sequence = 0
        self.source = Eui64(bytes(8))
        """Who sent the frame that is being dealt with."""

    def attach(self, device: Device) -> None:
        super().attach(device)
        self._joined = device.find(Joining) if self._joined_only else None
        for cluster in self._commands:
            self._hear(cluster)

    def listen(self, cluster: int, listener: Listener) -> None:
        """Have ``listener`` told of frames to the client of a cluster: who sent it, and the frame."""
        self._listeners[cluster] = listener
        self._hear(cluster)

    def ask(self, destination: Eui64, content: ClusterCommand | ReadAttributes, cluster: int = 0) -> None:
        """Send a command, or a read of attributes of ``cluster``, to another device."""
        self._sequence = (self._sequence + 1) & 0xFF
        if isinstance(content, ClusterCommand):
            component = Component.of(content, self._sequence)
        else:
            component = Component.general(cluster, content, self._sequence)
        self._send(destination, component)

    def tell(self, destination: Eui64, content: ClusterCommand) -> None:
        """Send a command that wants no answer."""
        self._sequence = (self._sequence + 1) & 0xFF
        self._send(destination, Component.of(content, self._sequence, disable_default_response=True))

    # inside

    def _hear(self, cluster: int) -> None:
        self.device.han[cluster] = partial(self._receive, cluster)

    def _receive(self, cluster: int, source: Eui64, octets: bytes) -> None:
        if self._joined is not None and self._joined.type_of(source) is None:
            return
        try:
            component = decode_frame(cluster, octets)
        except DecodeError:
            return
        self.source = source
        if component.frame.frame_control.to_client:
            listener = self._listeners.get(cluster)
            if listener is not None:
                listener(source, component)
        elif cluster in self._commands:
            for answer in self._answers(component):
                self._send(source, answer)

    def _answers(self, component: Component) -> list[Component]:
        content, sequence = component.content, component.frame.sequence
        if isinstance(content, ReadAttributes):
            records = tuple(self.device.zcl.read(component.cluster, attribute) for attribute in content.attributes)
            response = ReadAttributesResponse(records)
            return [Component.general(component.cluster, response, sequence, to_client=True)]
        if not component.frame.frame_control.cluster_specific:
            return []
        try:
            if component.frame.command not in self._commands[component.cluster]:
                raise ZclFailed(UNSUPPORTED_COMMAND)
            replies = self.device.zcl.perform(component)
        except ZclFailed as failure:
            return [_default(component, failure.status)]
        if replies is None:
            quiet = component.frame.frame_control.disable_default_response
            return [] if quiet else [_default(component, 0)]
        return [Component.of(reply.content, sequence, disable_default_response=True) for reply in replies]

    def _send(self, destination: Eui64, component: Component) -> None:
        self.device.emit(SendHan(destination, component.cluster, encode_frame(component)))


def _default(component: Component, status: int) -> Component:
    response = DefaultResponse(component.frame.command, status)
    return Component.general(component.cluster, response, component.frame.sequence, to_client=True)
