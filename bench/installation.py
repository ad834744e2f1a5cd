"""The emulated devices of a rig, in one home: they meet on its network, and each has a wire of its own for the bench.

What a device sends leaves the home through the hub, as in life; it comes out at the wire at which the device was
spoken to last, which is usually its own. A rig without an emulated hub has no network: each device is alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from firmware_emu import Device, MemoryNvm, Nvm, Output, SendHan, SendMessage
from firmware_emu.han import Done
from firmware_emu.home import Home
from firmware_emu.part import DECOMMISSION
from firmware_emu.parts.firmware.intake import take_image_frame
from firmware_emu.runtime import Now
from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.message import Message
from protocols.gbcs.roles import DeviceType
from protocols.instant import Instant

from .devices import make_device
from .emulated import Emulated
from .pki import TestPki
from .rig import DeviceSection, Rig

Watch = Callable[[str, Output, Instant], None]
"""Told of everything that a device does: its name, what, and when."""
Memory = Callable[[DeviceSection], Nvm]


def volatile(_section: DeviceSection) -> Nvm:
    """A memory that lasts as long as this process."""
    return MemoryNvm()


class Installation:
    """Make it, then ``start``. ``memory`` gives each device its non-volatile memory.

    ``new``: the devices have yet to join, as at the maker's; else their memories say what they have joined.
    """

    def __init__(
        self,
        rig: Rig,
        pki: TestPki,
        now: Now,
        watch: Watch = lambda _name, _output, _at: None,
        memory: Memory = volatile,
        *,
        new: bool = True,
    ) -> None:
        self._now, self._watch = now, watch
        self._at: Instant = 0
        self.servers: dict[str, Emulated] = {}
        self._names: dict[Eui64, str] = {}
        self._wires: dict[Eui64, Emulated] = {}
        proxy = next((each.eui64 for each in rig.devices if each.emulated and each.type is DeviceType.GPF), None)
        hub, others = None, []
        for section in rig.devices:
            if not section.emulated:
                continue
            device = make_device(section, pki, memory(section), proxy)
            self._add(section.name, device)
            if hub is None and section.type is DeviceType.CHF:
                hub = device
            else:
                others.append(device)
        self._world: _World = _Alone(others) if hub is None else Home(hub, others, assembled=new)
        self.disturbed = asyncio.Event()
        """Set when something came from outside, so that what is due next may be due sooner."""

    @property
    def devices(self) -> list[Device]:
        """In the order of the rig."""
        return [server.device for server in self.servers.values()]

    async def start(self) -> None:
        """Switch everything on. Raises LocalProtocolError if time has gone back since the devices last ran."""
        await self._pass_on(self._world.power_on(self._moment()))

    async def advance(self, now: Instant) -> None:
        """Let time pass, from one thing that is due to the next."""
        while (wake := self._world.next_wake()) is not None and wake < now:
            self._at = max(self._at, wake)
            await self._pass_on(self._world.advance(self._at))
        await self._pass_on(self._world.advance(self._moment(now)))

    async def press(self, device: Eui64, key: str) -> None:
        """The consumer presses a key."""
        await self._pass_on(self._world.press(device, key, self._moment()))

    async def decommission(self, device: Eui64) -> None:
        """A device is taken out of service."""
        emulated = self._device(device)
        await self.look(device, lambda: emulated.hear(DECOMMISSION))

    async def look(self, device: Eui64, work: Callable[[], object]) -> None:
        """Look into a device; what follows from that, happens."""
        await self._pass_on(self._world.through(device, work, self._moment()))

    async def sense(self, device: Eui64, signal: str, *, active: bool) -> None:
        """A sensor of a device changes."""
        emulated = self._device(device)
        await self.look(device, lambda: emulated.hear(signal, active))

    async def supply(self, device: Eui64, *, on: bool) -> None:
        """The supply of one device alone fails, or comes back."""
        emulated, now = self._device(device), self._moment()
        await self._pass_on(_done(emulated, emulated.power_on(now) if on else emulated.power_off(now)))
        await self.look(device, lambda: None)  # what is due next may have changed

    def next_wake(self) -> Instant | None:
        """When something is due next, or None."""
        return self._world.next_wake()

    # inside

    def _device(self, identity: Eui64) -> Device:
        return next(each for each in self.devices if each.identity == identity)

    def _add(self, name: str, device: Device) -> None:
        self.servers[name] = self._wires[device.identity] = Emulated(
            device, self._now, self._deliver, self._deliver_image
        )
        self._names[device.identity] = name

    async def _deliver(self, server: Emulated, octets: bytes) -> None:
        recipient = _recipient(octets)
        if recipient in self._wires:
            self._wires[recipient] = server
        await self._pass_on(self._world.receive_at(server.device.identity, octets, self._moment()))
        self.disturbed.set()

    async def _deliver_image(self, server: Emulated, octets: bytes) -> bytes | None:
        answers: list[bytes | None] = []
        await self.look(server.device.identity, lambda: answers.append(take_image_frame(server.device, octets)))
        self.disturbed.set()
        return answers[0] if answers else None

    async def _pass_on(self, done: Iterable[Done]) -> None:
        for device, output in done:
            sender = device
            if isinstance(output, SendMessage):
                sender = Message.decode(output.octets).originator
                await self._wires[sender].give([output])
            self._watch(self._names[sender], output, self._at)

    def _moment(self, now: Instant | None = None) -> Instant:
        """The time, which is also that of what follows. While something is passed on, more may have come."""
        self._at = max(self._at, self._now() if now is None else now)
        return self._at


def _recipient(octets: bytes) -> Eui64 | None:
    try:
        return Message.decode(octets).recipient
    except DecodeError:
        return None


class _World(Protocol):
    """What a home and devices without one have in common."""

    def power_on(self, now: Instant) -> list[Done]: ...

    def advance(self, now: Instant) -> list[Done]: ...

    def receive_at(self, identity: Eui64, octets: bytes, now: Instant) -> list[Done]: ...

    def press(self, identity: Eui64, key: str, now: Instant) -> list[Done]: ...

    def through(self, identity: Eui64, work: Callable[[], object], now: Instant) -> list[Done]: ...

    def next_wake(self) -> Instant | None: ...


class _Alone:
    """Devices without a network; what they say to each other is lost."""

    def __init__(self, devices: list[Device]) -> None:
        self._devices = {device.identity: device for device in devices}

    def power_on(self, now: Instant) -> list[Done]:
        return self._all(lambda device: device.power_on(now))

    def advance(self, now: Instant) -> list[Done]:
        return self._all(lambda device: device.advance(now))

    def receive_at(self, identity: Eui64, octets: bytes, now: Instant) -> list[Done]:
        return _done(self._devices[identity], self._devices[identity].receive(octets, now))

    def press(self, identity: Eui64, key: str, now: Instant) -> list[Done]:
        return _done(self._devices[identity], self._devices[identity].press(key, now))

    def through(self, identity: Eui64, work: Callable[[], object], now: Instant) -> list[Done]:
        return _done(self._devices[identity], self._devices[identity].through(work, now))

    def next_wake(self) -> Instant | None:
        wakes = (device.next_wake() for device in self._devices.values())
        return min((wake for wake in wakes if wake is not None), default=None)

    def _all(self, work: Callable[[Device], list[Output]]) -> list[Done]:
        return [done for device in self._devices.values() for done in _done(device, work(device))]


def _done(device: Device, outputs: list[Output]) -> list[Done]:
    return [Done(device.identity, output) for output in outputs if not isinstance(output, SendHan)]
