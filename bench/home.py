"""A rig brought to life: its devices started or reached, its head end, one clock for all, everything on record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

from hal.blocks import BlockChannel
from hal.frame import WrapperChannel
from hal.opening import open_frames
from protocols.errors import DecodeError
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyStore
from protocols.gbcs.roles import RemotePartyRole

from .clock import Clock, RealClock, VirtualClock
from .emulated import Emulated, start_emulated
from .evidence import Exchange, SeenMessage
from .findings import Inconclusive
from .head_end import HeadEnd
from .inspection import inspect_message
from .observer import Observer
from .pki import USES, Party, TestPki
from .recorder import Recorder
from .rig import DeviceSection, Rig, RigError
from .session import Session
from .target import Target

T = TypeVar("T")


class Home:
    """Use it as a context: entering starts the devices, leaving stops them and gives every wire back."""

    def __init__(self, rig: Rig, sink: Callable[[Exchange], None] = lambda _: None) -> None:
        self.rig = rig
        self.pki = TestPki(rig)
        self.clock: Clock = VirtualClock(rig.started) if rig.virtual_time else RealClock()
        parties = self._parties()
        self.head_end = HeadEnd(parties, {d.eui64: d.type for d in rig.devices}, self._first_counter())
        self.observer = Observer([*(party.store for party in parties.values()), *self._folders()])
        self.recorder = Recorder(self.clock.now, sink)
        self.targets: tuple[Target, ...] = ()
        self._emulated: dict[str, Emulated] = {}
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        try:
            self.targets = tuple(self.run(self._reach(section)) for section in self.rig.devices)
            self.head_end.now = self.clock.now()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for target in self.targets:
                self.run(target.close())
            for emulated in self._emulated.values():
                self.run(emulated.stop())
        finally:
            self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the home's event loop, on which the emulated devices live too."""
        return self._runner.run(work)

    def target(self, name: str) -> Target:
        """The device of a name. Raises KeyError."""
        return {target.name: target for target in self.targets}[name]

    def tick(self) -> None:
        """A second passes between two exchanges, so that their times differ; real time passes by itself."""
        if self.clock.virtual:
            self.pass_time(1)
        self.head_end.now = self.clock.now()

    def pass_time(self, seconds: int) -> None:
        """Let time pass for all devices at once. Raises Inconclusive where a real device would make us wait."""
        if not self.clock.virtual:
            raise Inconclusive(f"{seconds} s have to pass, and this rig has real devices")
        self.clock.advance(seconds)
        for emulated in self._emulated.values():
            self.run(emulated.advance(self.clock.now()))
        self.head_end.now = self.clock.now()

    def emulated(self, name: str) -> Emulated | None:
        """The emulated device of a name, None if the device is real."""
        return self._emulated.get(name)

    def seen(self, name: str, octets: bytes) -> SeenMessage:
        """A message for the record, decoded with all that the remote parties together can know of it."""
        at = float(self.clock.now())
        try:
            found = inspect_message(octets, self.observer)
            return SeenMessage(name, octets, at, tuple(found.sheet().fields), found.notes())
        except DecodeError as error:
            return SeenMessage(name, octets, at, problem=str(error))

    async def _reach(self, section: DeviceSection) -> Target:
        if section.emulated:
            emulated, channel = await start_emulated(section, self.rig, self.pki, self.clock)
            self._emulated[section.name] = emulated
            return Target(
                self, section, Session(BlockChannel(WrapperChannel(channel)), self.rig.reply_seconds, emulated)
            )
        return Target(self, section, Session(BlockChannel(await open_frames(section.reach)), self.rig.reply_seconds))

    def _parties(self) -> dict[RemotePartyRole, Party]:
        folder = self.rig.head_end.keystore
        if folder is None:
            return self.pki.parties
        store = self._open(folder, "head_end.keystore")
        return {role: Party(role, self.rig.party(role), store) for role in USES}

    def _folders(self) -> list[KeyStore]:
        """Public keys of real devices."""
        given = [(f"device[{n}].keystore", device.keystore) for n, device in enumerate(self.rig.devices)]
        return [self._open(folder, key) for key, folder in given if folder is not None]

    def _open(self, folder: Path, key: str) -> FolderKeyStore:
        if not folder.is_dir():
            raise RigError(f"{self.rig.source}: {key}: {folder}: no such folder")
        return FolderKeyStore(folder)

    def _first_counter(self) -> int | None:
        """Counters of a rig with real devices follow the time, so that the next run's are above this one's.

        Seconds in the upper half, which names prepayment tokens, and their millionths in the lower.
        """
        given = self.rig.head_end.first_counter
        if given is not None or not isinstance(self.clock, RealClock):
            return given
        return self.clock.now() << 32 | self.clock.millionths() << 8
