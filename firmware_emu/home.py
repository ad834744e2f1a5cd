"""A home: a hub, meters and displays on one network, under one clock and one supply.

Deterministic and without input or output of its own, as its devices are: messages from the WAN, time, power, keys and
sensors go in, and what leaves the home comes out, in order. ``now`` is true time and never goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from protocols.errors import LocalProtocolError, MissingKeyError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_device import DeviceLogEntry, JoinMethod, JoinResult
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY, Instant

from .clock import ClockStatus
from .device import Device
from .han import Done, Han, HubNode, Node
from .outputs import Output, SendMessage, WanSignal
from .parts.credentials.joining import PAIRS, Joining
from .parts.hub.device_log import ListedType
from .parts.hub.power import POWER_OUTAGE, SUPPLY_LOST
from .shared_firmware import SharedFirmware

LISTED_AS = {
    DeviceType.ESME: ListedType.ESME,
    DeviceType.GSME: ListedType.GSME,
    DeviceType.HCALCS: ListedType.HCALCS,
    DeviceType.PPMID: ListedType.PPMID,
    DeviceType.TYPE_2: ListedType.IHD,
    DeviceType.SAPC: ListedType.HCALCS,
}
"""How the hub lists each kind of device. The proxy needs no entry; that of a SAPC is inferred, none is published."""
NOT_FETCHED = 0x819D
HUB_TIME_EVERY: Instant = DAY
"""How often every device reads the hub's time."""


def node_of(device: Device, *, sub_ghz: bool = False) -> Node:
    """A device with the radio that its kind has: gas meters sleep and have a battery, all else is on the mains."""
    gas_meter = device.personality.device is DeviceType.GSME
    return Node(device, mains=not gas_meter, sleepy=gas_meter, sub_ghz=sub_ghz)


class Home:
    """Construct it with devices that are off, then ``power_on``. ``assembled``: all have joined at the maker's."""

    def __init__(self, hub: Device, devices: Iterable[Device | Node] = (), *, assembled: bool = True) -> None:
        self.hub = HubNode(hub)
        self.hub.forwarding.on_unfetched = self._note_unfetched
        self._unfetched: list[Message] = []
        self.han = Han(self.hub)
        self._shared: SharedFirmware | None = None
        for device in devices:
            self._bring_in(device)
        self.now: Instant = 0
        self.supplied = False
        self._assembled = assembled
        self._next_hub_time: Instant = 0
        self._wakes: dict[Eui64, Instant | None] = {}

    @property
    def nodes(self) -> list[Node]:
        """Every device with its radio; the hub first."""
        return list(self.han.nodes.values())

    def device(self, identity: Eui64) -> Device:
        """The device of that identifier. Raises KeyError."""
        return self.han.nodes[identity].device

    # inputs

    def power_on(self, now: Instant) -> list[Done]:
        """The supply of the home is there: everything that is off starts."""
        done = self._start(now)
        self.supplied = True
        hub_lived_on = self.hub.device.on
        started = [(node, node.device.power_on(now)) for node in self.nodes if not node.device.on]
        if self._assembled:
            self._assembled = False
            self._enrol_all(now)
        for node in self.nodes:
            self.han.recall(node)
        for node, outputs in started:
            done += self._give(node, outputs)
        if hub_lived_on:
            done += self._give(self.hub, self.hub.device.sense(SUPPLY_LOST, False, now))
        return done + self._tell_time(now)

    def power_cut(self, now: Instant) -> list[Done]:
        """The supply fails. The hub lives on for a while; what has a battery does not notice."""
        done = self.advance(now)
        if not self.supplied:
            return done
        self.supplied = False
        for node in self.nodes:
            if node.device.on and node.mains and not self._in_hub(node):
                done += self._give(node, node.device.power_off(now))
        return done + self._give(self.hub, self.hub.device.sense(SUPPLY_LOST, True, now))

    def receive_wan(self, octets: bytes, now: Instant) -> list[Done]:
        """A message from a remote party reaches the hub; it is lost while the hub is off."""
        return self.advance(now) + self._give(self.hub, self.hub.device.receive(octets, now))

    def receive_at(self, identity: Eui64, octets: bytes, now: Instant) -> list[Done]:
        """A message reaches a device at a port of its own, as on a bench, though the device may sleep.

        The gas proxy reads along as if the hub had passed it on. What the device answers takes the usual way out.
        """
        done, node = self.advance(now), self.han.nodes[identity]
        if node.sleepy:
            hub = self.hub
            done += self._give(hub, hub.device.through(lambda: hub.forwarding.overheard(identity, octets), now))
        return done + self._give(node, node.device.receive(octets, now))

    def press(self, identity: Eui64, key: str, now: Instant) -> list[Done]:
        """The consumer presses a key of a device."""
        return self._to(identity, now, lambda device: device.press(key, now))

    def sense(self, identity: Eui64, signal: str, active: bool, now: Instant) -> list[Done]:
        """A sensor of a device changes."""
        return self._to(identity, now, lambda device: device.sense(signal, active, now))

    def through(self, identity: Eui64, work: Callable[[], object], now: Instant) -> list[Done]:
        """Somebody looks into a device, or works on it, from outside."""
        return self._to(identity, now, lambda device: device.through(work, now))

    def join(self, identity: Eui64, now: Instant) -> tuple[bool, list[Done]]:
        """A device asks to be let into the network; whether it was, and what followed."""
        done = self.advance(now)
        joined = self.han.join(self.han.nodes[identity], now)
        self._wakes.clear()
        return joined, done + self.han.carry(now)

    def add(self, device: Device | Node, now: Instant) -> list[Done]:
        """Bring a new device into the home. It must be let into the network, and join."""
        done = self.advance(now)
        node = self._bring_in(device)
        if node.device.on or (node.mains and not self.supplied):
            return done
        return done + self._give(node, node.device.power_on(now))

    def replace(self, device: Device, now: Instant) -> list[Done]:
        """A device that was killed starts again: built anew from its memory, off. Frames still in the air go on."""
        node = self.han.nodes[device.identity]
        if isinstance(node, HubNode):
            self.hub = self.han.hub = HubNode(device)
            self.hub.forwarding.on_unfetched = self._note_unfetched
            self.han.nodes[device.identity] = self.hub
        else:
            again = Node(device, mains=node.mains, sleepy=node.sleepy, sub_ghz=node.sub_ghz)
            again.take_key(node.key)
            self.han.nodes[device.identity] = again
        self._introduce(device)
        self._wakes.clear()
        return self._give(self.han.nodes[device.identity], device.power_on(now)) + self.han.carry(now)

    def advance(self, now: Instant) -> list[Done]:
        """Let time pass until ``now``: everything due up to and including it happens, in time order."""
        if now < self.now:
            raise LocalProtocolError(f"time goes back from {self.now} to {now}")
        done: list[Done] = []
        while (wake := self.next_wake()) is not None and wake <= now:
            done += self._run(max(wake, self.now))
        for node in self.nodes:
            done += self._give(node, node.device.advance(now))
        self.now = now
        return done

    def next_wake(self) -> Instant | None:
        """True time of the next thing that is due in any device, or None."""
        for node in self.nodes:
            if node.identity not in self._wakes:
                self._wakes[node.identity] = node.device.next_wake()
        wakes = [wake for wake in self._wakes.values() if wake is not None]
        return min([*wakes, self._next_hub_time]) if self.hub.device.on or wakes else None

    # inside

    def _bring_in(self, device: Device | Node) -> Node:
        node = device if isinstance(device, Node) else node_of(device)
        self.han.add(node)
        self._introduce(node.device)
        return node

    def _introduce(self, device: Device) -> None:
        """What a device, or one built anew, has to do with others from the start."""
        joining = _joining(device)
        if joining is not None:
            joining.agree_key = self._agree_key
        if device.identity == self.hub.log.proxy:
            self._shared = SharedFirmware(device)
        if self._shared is not None and device.identity in (self.hub.identity, self.hub.log.proxy):
            self._shared.follow(self.hub.device)

    def _start(self, now: Instant) -> list[Done]:
        if self.now:
            return self.advance(now)
        self.now, self._next_hub_time = now, now + HUB_TIME_EVERY
        return []

    def _run(self, at: Instant) -> list[Done]:
        """Everything that is due at one instant, device by device."""
        done: list[Done] = []
        for node in self.nodes:
            wake = self._wakes.get(node.identity)
            if wake is not None and wake <= at:
                done += self._give(node, node.device.advance(at))
        self.now = at
        return done + self._tell_time(at) if at >= self._next_hub_time else done

    def _to(self, identity: Eui64, now: Instant, work: Callable[[Device], list[Output]]) -> list[Done]:
        done = self.advance(now)
        node = self.han.nodes[identity]
        return done + self._give(node, work(node.device))

    def _give(self, node: Node, outputs: list[Output]) -> list[Done]:
        """Carry what a device gave. A hub that has reported an outage has used up its energy."""
        now = node.device.true_now
        if not outputs and not self._unfetched:
            self._wakes.pop(node.identity, None)
            return []
        self._wakes.clear()
        done = self.han.put(node, outputs, now)
        if self._unfetched:
            done += self._tell_unfetched(now)
        if not self.supplied and any(_is_last_gasp(each) for each in done):
            for each in self.nodes:
                if self._in_hub(each) and each.device.on:
                    done += self.han.put(each, each.device.power_off(now), now)
        return done

    def _tell_time(self, now: Instant) -> list[Done]:
        """Every device of the network reads the hub's clock."""
        self._next_hub_time = now + HUB_TIME_EVERY
        hub = self.hub.device
        time = hub.clock.local(now) if hub.on else None
        reliable = hub.on and hub.clock.status is ClockStatus.RELIABLE
        done: list[Done] = []
        for node in self.nodes:
            if node is not self.hub and node.device.on and self.han.is_member(node):
                done += self._give(node, node.device.hear_hub_time(time, reliable, now))
                if hub.on:
                    done += self._give(self.hub, hub.through(partial(self.hub.log.heard, node.identity), now))
        return done

    def _enrol_all(self, now: Instant) -> None:
        def enrol() -> None:
            for node in self.nodes:
                kind = LISTED_AS.get(node.device.personality.device)
                if kind is not None:
                    self.han.enrol(node, kind)

        self.hub.device.through(enrol, now)
        for node in self.nodes:
            node.device.through(partial(self._acquaint, node), now)
        self._wakes.clear()

    def _acquaint(self, node: Node) -> None:
        """Join a device to all of the home that it can be joined to, as the maker does."""
        joining = _joining(node.device)
        if joining is None:
            return
        own = node.device.personality.device
        for method, pairs in PAIRS.items():
            for other in self.nodes:
                kind = other.device.personality.device
                if other is node or (own, kind) not in pairs:
                    continue
                joining.put((*joining.entries(), DeviceLogEntry(other.identity, kind)))
                if method is JoinMethod.METHOD_C:
                    node.device.credentials.add_partner(other.identity, _public_key(other.device))

    def _agree_key(self, other: Eui64, _kind: DeviceType) -> JoinResult:
        """Two devices agree a key with the hub's help; the other must be there to answer."""
        node = self.han.nodes.get(other)
        if node is None or not self.han.is_member(node):
            return JoinResult.NO_PARTNER_LINK_KEY
        return JoinResult.SUCCESS if node.device.on else JoinResult.NO_KEY_ESTABLISHMENT_RESPONSE

    def _note_unfetched(self, message: Message) -> None:
        if message.cra is Cra.COMMAND:
            self._unfetched.append(message)

    def _tell_unfetched(self, now: Instant) -> list[Done]:
        """The proxy, in the box of the hub, reports commands that the gas meter never fetched, to who sent them."""
        lost, self._unfetched = self._unfetched, []
        proxy = self.han.nodes.get(self.hub.log.proxy or self.hub.identity)
        if proxy is None or proxy is self.hub:
            return []
        done: list[Done] = []
        for message in lost:
            event = partial(proxy.device.alerts.event, NOT_FETCHED, concerned=message.originator)
            done += self.han.put(proxy, proxy.device.through(event, now), now)
        return done

    def _in_hub(self, node: Node) -> bool:
        """True for the hub and the proxy, which are one box."""
        return node is self.hub or node.identity == self.hub.log.proxy


def to_wan(done: Iterable[Done]) -> list[bytes]:
    """The messages among what left the home, in order."""
    return [each.output.octets for each in done if isinstance(each.output, SendMessage)]


def _joining(device: Device) -> Joining | None:
    return next((part for part in device.parts if isinstance(part, Joining)), None)


def _public_key(device: Device) -> bytes:
    """The certificate of a device's key agreement key, or its bare point. Raises MissingKeyError."""
    name = KeyName(device.identity, KeyUse.KEY_AGREEMENT)
    found = device.keys.certificate(name) or device.keys.public_point(name)
    if found is None:
        raise MissingKeyError(f"no key of {name}")
    return found


def _is_last_gasp(done: Done) -> bool:
    return isinstance(done.output, WanSignal) and done.output.what == POWER_OUTAGE
