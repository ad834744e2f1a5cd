"""The hub passes messages on: from the WAN to the devices of its log, from them to the WAN, and among them.

A message for the sleeping gas meter waits until it is fetched, for a day at most. One that cannot be delivered to an
electricity meter, or that the sub-GHz radio may not send, is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocols.dlms.data import octet_string
from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.message import Message
from protocols.instant import DAY, Instant

from ...defects import register_defect
from ...outputs import SendHan, SendMessage
from ...part import NEVER, Part
from ...tunnel import TUNNELLING, GetResponse, handed_over
from .device_log import Entry, HubDeviceLog, ListedType
from .message_identification import identification

if TYPE_CHECKING:
    from ...device import Device
    from .sub_ghz import SubGhz

KEPT_FOR: Instant = DAY
"""How long a message waits for a sleeping device. Inferred: the usual setting of hubs."""
TAPPED = frozenset({0x0015, 0x006B, 0x006F, 0x0071, 0x007C, 0x007E, 0x0088, 0x00A3, 0x00CD, 0x00D8})
"""Message codes to and from the gas meter that the proxy reads along: configuration, and what becomes of it later."""
MOST_WAITING = 64
"""Messages that wait for one device; the oldest is lost first. Inferred."""
NOT_DELIVERED, NOT_DELIVERED_ALERT = 0x8F84, 0x00D5

LOSES_QUEUE = register_defect("loses-queue", "forgets what waits for the gas meter when the supply fails")


@dataclass(slots=True)
class Waiting:
    """A message that a sleeping device has yet to fetch."""

    device: bytes
    octets: bytes
    until: Instant


@dataclass(slots=True)
class ForwardingState:
    """What waits, oldest first."""

    queue: list[Waiting] = field(default_factory=list)


class Forwarding(Part):
    """Between the WAN and the home. ``on_unfetched`` is told of a message that was never fetched.

    ``on_fetch`` is told of a sleeping device that is awake and asks.
    """

    name = "forwarding"
    State = ForwardingState
    state: ForwardingState

    def __init__(self, device_log: HubDeviceLog, radio: SubGhz | None = None) -> None:
        super().__init__()
        self._log, self._radio = device_log, radio
        self.on_unfetched: Callable[[Message], None] = lambda _message: None
        self.on_fetch: Callable[[Eui64], None] = lambda _device: None

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.dispatcher.route = self._from_wan
        device.han[TUNNELLING] = self._from_device
        if self._radio is not None:
            self._radio.is_gas_meter = self._is_gas_meter

    def started(self) -> None:
        if self.device.defective(LOSES_QUEUE):
            self.state.queue.clear()
        self._wait()

    def advance(self, at: Instant) -> None:
        """The time of the oldest messages is over."""
        lost = [waiting for waiting in self.state.queue if waiting.until <= at]
        self.state.queue = [waiting for waiting in self.state.queue if waiting.until > at]
        self.touch()
        for waiting in lost:
            self.on_unfetched(Message.decode(waiting.octets))
        self._wait()

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        for waiting in self.state.queue:
            waiting.until += after - before
        if self.state.queue:
            self.touch()
            self._wait()

    def waiting(self, device: Eui64) -> int:
        """How many messages wait for a device."""
        return sum(waiting.device == device for waiting in self.state.queue)

    def undelivered(self, frame: bytes) -> None:
        """The radio could not hand over a message of the hub."""
        message = Message.decode(frame)
        self._log.missed(message.recipient)
        entry = self._log.entry(message.recipient)
        if entry is not None and entry.kind is ListedType.ESME:
            body = [octet_string(identification(message))]
            self.device.alerts.send_dlms(NOT_DELIVERED, NOT_DELIVERED_ALERT, [message.originator], body)

    def overheard(self, device: Eui64, frame: bytes) -> None:
        """A message reached a device without passing here: the proxy may read along all the same."""
        try:
            self._tap(self._log.entry(device), Message.decode(frame), frame)
        except DecodeError:
            return

    # inside

    def _is_gas_meter(self, device: Eui64) -> bool:
        entry = self._log.entry(device)
        return entry is not None and entry.kind is ListedType.GSME

    def _from_wan(self, message: Message, frame: bytes) -> bool:
        return self._to_home(message, frame)

    def _from_device(self, source: Eui64, octets: bytes) -> None:
        """A tunnel brings something; only devices of the log have one."""
        if source != self._log.proxy:
            if self._log.entry(source) is None:
                return
            self._log.heard(source)
            if self._radio is not None:
                self._radio.heard(source)
        frame = handed_over(octets)
        if frame is None:
            self._give_next(source)
            return
        try:
            message = Message.decode(frame)
        except DecodeError:
            return
        self._tap(self._log.entry(source), message, frame)
        if message.recipient == self.device.identity:
            self.device.dispatcher.receive(frame)
        elif not self._to_home(message, frame):
            self.device.emit(SendMessage(message.recipient, frame))

    def _to_home(self, message: Message, frame: bytes) -> bool:
        """Hand a message to a device of the home; False if the recipient is none."""
        entry = self._log.entry(message.recipient)
        if entry is None and message.recipient != self._log.proxy:
            return False
        if self._radio is not None and not self._radio.may_send(message, len(frame)):
            return True
        if entry is not None and entry.kind is ListedType.GSME:
            self._tap(entry, message, frame)
            self._keep(message.recipient, frame)
        else:
            self.device.emit(SendHan(message.recipient, TUNNELLING, frame))
        return True

    def _tap(self, gas_meter: Entry | None, message: Message, frame: bytes) -> None:
        """Let the proxy read along. It takes what is not addressed to it as what it is."""
        proxy = self._log.proxy
        if proxy is None or gas_meter is None or gas_meter.kind is not ListedType.GSME:
            return
        if message.message_code in TAPPED:
            self.device.emit(SendHan(proxy, TUNNELLING, frame))

    def _keep(self, device: Eui64, frame: bytes) -> None:
        queue = self.state.queue
        if self.waiting(device) >= MOST_WAITING:
            queue.remove(next(waiting for waiting in queue if waiting.device == device))
        queue.append(Waiting(bytes(device), frame, self.device.now + KEPT_FOR))
        self.touch()
        self._wait()

    def _give_next(self, device: Eui64) -> None:
        """Answer a GET: the oldest message that waits, and how many remain."""
        found = next((waiting for waiting in self.state.queue if waiting.device == device), None)
        if found is not None:
            self.state.queue.remove(found)
            self.touch()
            self._wait()
        answer = GetResponse(self.waiting(device), None if found is None else found.octets)
        self.device.emit(SendHan(device, TUNNELLING, answer.encode()))
        self.on_fetch(device)

    def _wait(self) -> None:
        self.schedule(min((waiting.until for waiting in self.state.queue), default=NEVER))
