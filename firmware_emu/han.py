"""The home area network in memory: who is in it, and how frames and messages get from one device to another.

A device knows nothing of it: it gives ``SendHan`` and ``SendMessage``, and takes ``receive_han`` and ``receive``. A
``Node`` stands between a device and the air: it puts messages into tunnels and takes them out. Putting the ZigBee air
in the place of ``Han`` means another node, not another device. Frames arrive at once, in the order they were sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from hmac import compare_digest
from typing import NamedTuple

from protocols.errors import DecodeError, LocalProtocolError
from protocols.eui64 import Eui64
from protocols.gbcs.roles import DeviceType
from protocols.instant import Instant
from protocols.secret import Secret
from protocols.zigbee.mmo import install_code_key, mmo_hash

from .device import Device
from .outputs import Output, SendHan, SendMessage
from .parts.hub.device_log import Entry, HubDeviceLog, ListedType
from .parts.hub.forwarding import Forwarding
from .parts.hub.sub_ghz import SubGhz
from .tunnel import COORDINATOR, EVERY_SERVER, GET, TUNNELLING, given_out, put

JOINED = 0x8183
MOST_FRAMES_AT_ONCE = 10_000
"""More frames at one instant than any home has: devices that answer each other for ever."""

MOST_RENEWALS = 100
"""Link keys that are tried for a device that was in the network before."""


class HanFrame(NamedTuple):
    """One frame in the air. For the tunnelling cluster, ``octets`` are what the tunnel carries."""

    source: Eui64
    destination: Eui64
    cluster: int
    octets: bytes


class Done(NamedTuple):
    """An output of a device that leaves the home: on its display, its switches, or on the WAN."""

    device: Eui64
    output: Output


def install_code_of(device: Eui64) -> bytes:
    """The installation code printed on an emulated device: 16 octets, without check sum."""
    return mmo_hash(b"installation code of " + bytes(device))


class Node:
    """A device and its radio. ``mains``: without the supply of the home it is off. ``sleepy``: it fetches messages."""

    def __init__(self, device: Device, *, mains: bool = True, sleepy: bool = False, sub_ghz: bool = False) -> None:
        self.device, self.mains, self.sleepy, self.sub_ghz = device, mains, sleepy, sub_ghz
        self.identity = device.identity
        self.take_key(install_code_key(install_code_of(device.identity)))

    def take_key(self, key: bytes) -> None:
        """Have this link key with the hub; at first it is the one that the installation code stands for."""
        self.key = Secret(key)
        self.key_hash = mmo_hash(key)
        """What the hub knows of the link key."""

    def renew_key(self) -> None:
        """Key establishment with the hub gives a new link key; here it follows from the one before."""
        self.take_key(mmo_hash(b"link key after " + self.key))

    def sent(self, outputs: Iterable[Output]) -> Iterator[HanFrame | Done]:
        """What the outputs of the device are on the air."""
        for output in outputs:
            if isinstance(output, SendMessage):
                octets = put(output.octets) if self.sleepy else output.octets
                yield HanFrame(self.identity, COORDINATOR, TUNNELLING, octets)
            elif isinstance(output, SendHan):
                yield HanFrame(self.identity, output.recipient, output.cluster, output.octets)
            else:
                yield Done(self.identity, output)

    def deliver(self, frame: HanFrame, now: Instant) -> list[HanFrame | Done]:
        """Hand a frame to the device; gives what it sends in turn."""
        if frame.cluster != TUNNELLING:
            return list(self.sent(self.device.receive_han(frame.source, frame.cluster, frame.octets, now)))
        if not self.sleepy:
            return list(self.sent(self.device.receive(frame.octets, now)))
        return self._take_out(frame, now)

    def _take_out(self, frame: HanFrame, now: Instant) -> list[HanFrame | Done]:
        """A message that the device has fetched, and the request for the next one."""
        try:
            given = given_out(frame.octets)
        except DecodeError:
            return []
        sent = [] if given.message is None else list(self.sent(self.device.receive(given.message, now)))
        more = [HanFrame(self.identity, COORDINATOR, TUNNELLING, GET)] if given.remaining else []
        return [*sent, *more]


class HubNode(Node):
    """The hub: what it sends is for the WAN, what it hears of tunnels is for it to pass on."""

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.log = device.find(HubDeviceLog)
        self.forwarding = device.find(Forwarding)
        self.radio = device.find(SubGhz)

    def sent(self, outputs: Iterable[Output]) -> Iterator[HanFrame | Done]:
        for output in outputs:
            if isinstance(output, SendHan):
                yield HanFrame(self.identity, output.recipient, output.cluster, output.octets)
            else:
                yield Done(self.identity, output)

    def deliver(self, frame: HanFrame, now: Instant) -> list[HanFrame | Done]:
        return list(self.sent(self.device.receive_han(frame.source, frame.cluster, frame.octets, now)))


class Han:
    """The network of one hub. ``nodes`` are the devices within reach, in the order they were added."""

    def __init__(self, hub: HubNode) -> None:
        self.hub = hub
        self.nodes: dict[Eui64, Node] = {hub.identity: hub}
        self._air: deque[HanFrame] = deque()
        self._done: list[Done] = []

    def add(self, node: Node) -> None:
        """Bring a device within reach; it is in the network once it has joined. Raises LocalProtocolError."""
        if node.identity in self.nodes:
            raise LocalProtocolError(f"two devices of a home are {node.identity.hex()}")
        self.nodes[node.identity] = node

    def enrol(self, node: Node, kind: ListedType) -> None:
        """Put a device into the network as if it had joined long ago, at the maker's; nobody is told."""
        node.renew_key()
        self.hub.log.enrol(Entry(bytes(node.identity), kind, node.key_hash))
        if node.sub_ghz:
            self.hub.radio.admit(node.identity)

    def join(self, node: Node, now: Instant) -> bool:
        """The device asks to be let in with the link key it has; True if it was. ``carry`` gives what follows."""
        hub = self.hub
        if not hub.device.on or not hub.log.admits(node.identity, node.key_hash):
            return False
        if node.sub_ghz and not self._ask_for_room(node, now):
            return False
        node.renew_key()
        self._keep(hub.sent(hub.device.through(lambda: hub.log.joined(node.identity, node.key_hash), now)))
        if node.device.personality.device in (DeviceType.ESME, DeviceType.GSME):
            self._keep(node.sent(node.device.through(lambda: node.device.alerts.event(JOINED), now)))
        return True

    def recall(self, node: Node) -> None:
        """After a restart: let the device have the link key that the hub knows it by, if it ever had that."""
        entry = self.hub.log.entry(node.identity)
        key = node.key
        for _ in range(MOST_RENEWALS):
            if entry is None or compare_digest(entry.key_hash, node.key_hash):
                return
            node.renew_key()
        node.take_key(key)

    def is_member(self, node: Node) -> bool:
        """True if the hub lets the device speak: it, the proxy in its own box, and who has a link key with it."""
        if node is self.hub or node.identity == self.hub.log.proxy:
            return True
        entry = self.hub.log.entry(node.identity)
        return entry is not None and compare_digest(entry.key_hash, node.key_hash)

    def put(self, node: Node, outputs: Iterable[Output], now: Instant) -> list[Done]:
        """A device has given outputs: carry its frames, and all that follow; gives what leaves the home."""
        self._keep(node.sent(outputs))
        return self.carry(now)

    def carry(self, now: Instant) -> list[Done]:
        """Bring every frame in the air to its end, first sent first. Raises LocalProtocolError if there is no end."""
        for _ in range(MOST_FRAMES_AT_ONCE):
            if not self._air:
                done, self._done = self._done, []
                return done
            self._bring(self._air.popleft(), now)
        raise LocalProtocolError(f"more than {MOST_FRAMES_AT_ONCE} frames at one instant")

    # inside

    def _bring(self, frame: HanFrame, now: Instant) -> None:
        source = self.nodes[frame.source]
        if not self.is_member(source):
            return
        reached = [node for node in self._meant(frame) if node.device.on and self.is_member(node)]
        for node in reached:
            self._keep(node.deliver(frame, now))
        if not reached and source is self.hub and frame.cluster == TUNNELLING:
            hub = self.hub
            self._keep(hub.sent(hub.device.through(lambda: hub.forwarding.undelivered(frame.octets), now)))

    def _meant(self, frame: HanFrame) -> list[Node]:
        if frame.destination == COORDINATOR:
            return [self.hub]
        if frame.destination == EVERY_SERVER:
            others = (node for node in self.nodes.values() if node.identity != frame.source)
            return [node for node in others if frame.cluster in node.device.han]
        node = self.nodes.get(frame.destination)
        return [] if node is None else [node]

    def _ask_for_room(self, node: Node, now: Instant) -> bool:
        admitted = False

        def ask() -> None:
            nonlocal admitted
            admitted = self.hub.radio.admit(node.identity)

        self._keep(self.hub.sent(self.hub.device.through(ask, now)))
        return admitted

    def _keep(self, sent: Iterable[HanFrame | Done]) -> None:
        for each in sent:
            if isinstance(each, Done):
                self._done.append(each)
            else:
                self._air.append(each)
