"""The keys of a prepayment display: top-up, emergency credit and supply, of both meters (GBCS PCS01, PCS02, PECS01-03).

The electricity meter takes ZigBee commands. The gas meter, which pays more heed, takes GBCS messages with a MAC of the
two devices, and takes them when it next wakes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protocols.errors import DecodeError, MissingKeyError
from protocols.eui64 import Eui64
from protocols.gbcs.gbz import Component, GbzPayload
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, verify
from protocols.gbcs.roles import DeviceType
from protocols.gbcs.use_cases import Protection
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import METERING, PREPAYMENT
from protocols.zigbee.smart_energy_prepayment import TOP_UP_RESULT
from protocols.zigbee.zcl import STATUS_TEXTS, ClusterCommand, DefaultResponse

from ...outputs import SendMessage
from ...part import Part
from ..credentials.joining import Joining

if TYPE_CHECKING:
    from ...device import Device
    from ..electricity.han_face import HanFace
    from .display import Display

TOP_UP_CODE, EMERGENCY_CODE = 0x009B, 0x0090
DISPLAY = 2
"""The originating device in commands: a display of the home."""
SUPPLY_ON = 2
ELECTRICITY, GAS = "electricity", "gas"
TOP_UP, EMERGENCY, SUPPLY = "top up ", "emergency credit ", "supply on"
"""What the consumer presses: ``top up gas 12345678901234567890``, ``emergency credit electricity``, ``supply on``."""
_TITLES = {TOP_UP_CODE: "gas top up", EMERGENCY_CODE: "gas emergency credit"}
_COMMANDS = {
    (PREPAYMENT, 0x00): "electricity emergency credit",
    (PREPAYMENT, 0x04): "electricity top up",
    (METERING, 0x0C): "electricity supply on",
}


@dataclass(slots=True)
class ConsumerKeysState:
    """Messages to the gas meter that wait for an answer: message code by counter."""

    waiting: dict[int, int] = field(default_factory=dict)


class ConsumerKeys(Part):
    """Turns keys into commands, and answers into what the display shows."""

    name = "consumer keys"
    State = ConsumerKeysState
    state: ConsumerKeysState

    def __init__(self, face: HanFace, display: Display) -> None:
        super().__init__()
        self._face, self._display = face, display

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.dispatcher.on_response = self._from_gas
        for cluster in (METERING, PREPAYMENT):
            self._face.listen(cluster, self._from_electricity)

    def pressed(self, key: str) -> bool:
        if key == SUPPLY:
            self._to_electricity(command_named("Local Change Supply").make(proposed_supply_status=SUPPLY_ON))
        elif key.startswith(TOP_UP):
            fuel, _, digits = key.removeprefix(TOP_UP).partition(" ")
            return self._send(fuel, TOP_UP_CODE, _top_up(digits))
        elif key.startswith(EMERGENCY):
            return self._send(key.removeprefix(EMERGENCY), EMERGENCY_CODE, _emergency())
        else:
            return False
        return True

    # sending

    def _send(self, fuel: str, message_code: int, command: ClusterCommand) -> bool:
        if fuel == ELECTRICITY:
            self._to_electricity(command)
        elif fuel == GAS:
            self._to_gas(message_code, command)
        else:
            return False
        return True

    def _to_electricity(self, command: ClusterCommand) -> None:
        meter = self._joined(DeviceType.ESME)
        if meter is None:
            self._display.show("electricity", "not joined")
        else:
            self._face.ask(meter, command)

    def _to_gas(self, message_code: int, command: ClusterCommand) -> None:
        meter = self._joined(DeviceType.GSME)
        if meter is None:
            self._display.show("gas", "not joined")
            return
        device = self.device
        counter = device.counters.next_originator()
        payload = GbzPayload((Component.of(command),)).encode()
        message = Message(Cra.COMMAND, counter, device.identity, meter, OtherInformation(message_code), payload)
        try:
            octets = device.commands.protect(message, Protection.MAC).encode()
        except MissingKeyError:
            self._display.show("gas", "not joined")
            return
        self.state.waiting[counter] = message_code
        self.touch()
        device.emit(SendMessage(meter, octets))
        self._display.show(_TITLES[message_code], "waiting")

    def _joined(self, kind: DeviceType) -> Eui64 | None:
        joining = self.device.find(Joining)
        return next((entry.device for entry in joining.entries() if entry.device_type is kind), None)

    # answers

    def _from_electricity(self, source: Eui64, component: Component) -> None:
        content: Any = component.content
        if isinstance(content, ClusterCommand) and content.name == "Consumer Top Up Response":
            self._display.show("electricity top up", TOP_UP_RESULT.get(content["result_type"], "?"))
        elif isinstance(content, DefaultResponse):
            title = _COMMANDS.get((component.cluster, content.command))
            if title is not None:
                self._display.show(title, STATUS_TEXTS.get(content.status, "?"))
        else:
            self._display.hear(source, component)

    def _from_gas(self, message: Message) -> bool:
        """The gas meter's answer; True if it is one to something that was sent, and authentic."""
        if message.cra is not Cra.RESPONSE or self.state.waiting.get(message.counter) != message.message_code:
            return False
        if verify(message, self.device.keys, self.device.credentials.broker()).mac is not Verdict.VALID:
            return False
        try:
            payload = decode_payload(message)
        except DecodeError:
            return False
        if not isinstance(payload, GbzPayload):
            return False
        del self.state.waiting[message.counter]
        self.touch()
        self._display.show(_TITLES[message.message_code], _outcome(payload.components[0]))
        return True


def _outcome(component: Component) -> str:
    content = component.content
    if isinstance(content, ClusterCommand):
        return TOP_UP_RESULT.get(content.fields.get("result_type", -1), "?")
    if isinstance(content, DefaultResponse):
        return STATUS_TEXTS.get(content.status, "?")
    return "?"


def _top_up(digits: str) -> ClusterCommand:
    return command_named("Consumer Top Up").make(originating_device=DISPLAY, top_up_code=digits.encode())


def _emergency() -> ClusterCommand:
    command = command_named("Select Available Emergency Credit")
    return command.make(command_issue_date_time=0, originating_device=DISPLAY)
