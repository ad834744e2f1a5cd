"""A rig brought to life: its devices started or reached, its head end, one clock for all, everything on record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from hal.address import PtyAddress
from hal.blocks import BlockChannel
from hal.frame import WrapperChannel
from hal.opening import open_frames
from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.key_folder import FolderKeyStore, KeyFolderError
from protocols.gbcs.keys import KeyName, MemoryKeyStore, PurposeError
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import DAY, Instant

from .clock import Clock, RealClock, VirtualClock
from .counter_file import IN_RESERVE, read_counters, write_counters
from .devices import as_bought_by_a_meter_operator
from .diary import LOOK_EVERY, METERS, Diary
from .emulated import Emulated
from .evidence import Exchange, SeenMessage
from .findings import Inconclusive
from .head_end import HeadEnd
from .inspection import inspect_message
from .installation import Installation
from .observer import Observer
from .pki import USES, Party, TestPki, public_keys
from .recorder import Recorder
from .rig import DeviceSection, Rig, RigError, SupplierCells
from .session import Session
from .target import Target

if TYPE_CHECKING:
    from .products.keeping import HeadEndLists
    from .products.rig_images import RigImages

T = TypeVar("T")


class Home:
    """Use it as a context: entering starts the devices, leaving stops them and gives every wire back."""

    def __init__(self, rig: Rig, sink: Callable[[Exchange], None] = lambda _: None) -> None:
        self.rig = rig
        self.pki = TestPki(rig)
        self.clock: Clock = VirtualClock(rig.started) if rig.virtual_time else RealClock()
        parties = self._parties()
        self.head_end = HeadEnd(parties, {d.eui64: d.type for d in rig.devices}, self._first_counter())
        self._stores = [*(party.store for party in parties.values()), *self._introduce(parties.values())]
        self.observer = Observer(self._stores)
        self.recorder = Recorder(self.clock.now, sink)
        self.targets: tuple[Target, ...] = ()
        self.awaiting_hand_over = {d.eui64 for d in rig.devices if d.supplier_cells is SupplierCells.BROKER}
        """Devices whose cells of supplier and network operator hold the access control broker's certificates."""
        self.diary = Diary()
        self.installation = Installation(rig, self.pki, self.clock.now, self.diary.watch)
        self._lapsed_on: Instant | None = None
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        try:
            self._take_up_counters()
            self.run(self.installation.start())
            self.targets = tuple(self.run(self._reach(section)) for section in self.rig.devices)
            self.head_end.now = self.clock.now()
            if self.rig.head_end.products is not None:
                self.lists.products.models()  # complains of a file that is no list before anything runs
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for target in self.targets:
                self.run(target.close())
            for emulated in self.installation.servers.values():
                self.run(emulated.stop())
            if "lists" in self.__dict__:
                self.lists.products.close()
        finally:
            self._runner.close()
        if self.rig.head_end.counters is not None:
            write_counters(self.rig.head_end.counters, self.head_end.counters)

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
            self._look()
        self.head_end.now = self.clock.now()

    def pass_time(self, seconds: int) -> None:
        """Let time pass for all devices at once. Raises Inconclusive where a real device would make us wait."""
        if not self.clock.virtual:
            raise Inconclusive(f"{seconds} s have to pass, and this rig has real devices")
        end = self.clock.now() + seconds
        while (now := self.clock.now()) < end:
            self.clock.advance(min(end, (now // LOOK_EVERY + 1) * LOOK_EVERY) - now)
            self.run(self.installation.advance(self.clock.now()))
            if self.clock.now() % LOOK_EVERY == 0:
                self._look()
            self._let_lapse()
        self.head_end.now = self.clock.now()

    def pass_to(self, multiple: int) -> None:
        """Let time pass so that the next exchange is made when the time is a multiple of so many seconds.

        Raises Inconclusive as ``pass_time`` does.
        """
        if not self.clock.virtual:
            raise Inconclusive(f"the time has to be a multiple of {multiple} s, and this rig has real devices")
        self.pass_time((-self.clock.now() - 1) % multiple)

    def press(self, device: str, key: str) -> None:
        """The consumer presses a key of an emulated device."""
        self.tick()
        self.run(self.installation.press(self.target(device).eui64, key))

    def sense(self, device: str, signal: str, *, active: bool) -> None:
        """A sensor of an emulated device changes."""
        self.tick()
        self.run(self.installation.sense(self.target(device).eui64, signal, active=active))

    @contextmanager
    def silence(self, device: str) -> Iterator[None]:
        """Meanwhile an emulated device has no supply."""
        self.tick()
        identity = self.target(device).eui64
        self.run(self.installation.supply(identity, on=False))
        try:
            yield
        finally:
            self.run(self.installation.supply(identity, on=True))

    def decommission(self, device: str) -> None:
        """An emulated device is taken out of service: it destroys its keys and falls silent for good."""
        self.tick()
        self.run(self.installation.decommission(self.target(device).eui64))

    @cached_property
    def lists(self) -> HeadEndLists:
        """What the head end keeps: certified products, the rig's or none at first; inventory, planned work, gate."""
        from .products.keeping import lists_of  # only for those who update firmware
        from .products.listing import CertifiedProducts

        file = self.rig.head_end.products
        return lists_of(self, None if file is None else CertifiedProducts(file, create=False))

    def _let_lapse(self) -> None:
        """Once a day: the head end speaks no more to devices whose certification has ended.

        A list in a file outlives the run, whose time is not the world's: ``meterbench cpl advance`` is for that.
        """
        today = self.clock.now() // DAY
        if "lists" not in self.__dict__ or self.rig.head_end.products is not None or today == self._lapsed_on:
            return
        from .products.lapse import advance

        self._lapsed_on = today
        advance(self.lists.products, self.lists.inventory, self.lists.planned, self.clock.now())

    @cached_property
    def images(self) -> RigImages:
        """The firmware that the rig has for its devices."""
        from .products.rig_images import RigImages

        return RigImages(self)

    def buy(self, target: Target) -> None:
        """Put an emulated device back into the state in which a meter operator buys it: to be handed over."""
        emulated = self.emulated(target.name)
        if emulated is None:
            raise Inconclusive(f"{target.name} is a real device, and nobody can put it back to its maker's state")
        self.tick()
        device = emulated.device
        self.run(self.installation.look(device.identity, partial(as_bought_by_a_meter_operator, device, self.pki)))
        self.awaiting_hand_over.add(target.eui64)

    def emulated(self, name: str) -> Emulated | None:
        """The emulated device of a name, None if the device is real."""
        return self.installation.servers.get(name)

    def observer_of(self, device: Eui64) -> Observer:
        """The bench's eyes for a device, which may know other parties or keys than the rest of the home."""
        holders, witness = [party.store for party in self.head_end.holders(device)], self.head_end.witness(device)
        if not holders and witness is None:
            return self.observer
        return Observer([*holders, *([] if witness is None else [witness]), *self._stores])

    def learn(self, name: KeyName, certificate: bytes) -> None:
        """A device has a new key: every remote party is given its certificate (DER)."""
        self.pki.learn(name, certificate)
        for store in self._stores:
            if store.certificate(name) != certificate:
                store.remove(name)
                store.put_certificate(name, certificate)

    def seen(self, name: str, octets: bytes, party: Party | None = None) -> SeenMessage:
        """A message for the record, decoded with all that the remote parties together can know of it.

        ``party`` sent it, with keys that its recipient may not know.
        """
        at = float(self.clock.now())
        try:
            found = inspect_message(octets, self._observer_for(octets, party))
            return SeenMessage(name, octets, at, tuple(found.sheet().fields), found.notes())
        except DecodeError as error:
            return SeenMessage(name, octets, at, problem=str(error))

    def _observer_for(self, octets: bytes, party: Party | None) -> Observer:
        message = Message.decode(octets)
        device = message.recipient if message.cra is Cra.COMMAND else message.originator
        usual = self.observer_of(device)
        return usual if party is None else Observer([party.store, usual])

    def _look(self) -> None:
        """Read the meters for the record."""
        for section in self.rig.devices:
            emulated = self.emulated(section.name)
            if emulated is not None and section.type in METERS and emulated.device.on:
                device, name = emulated.device, section.name
                self.run(
                    self.installation.look(device.identity, partial(self.diary.look, name, device, self.clock.now()))
                )

    async def _reach(self, section: DeviceSection) -> Target:
        emulated = self.emulated(section.name)
        if emulated is not None:
            channel = await emulated.connect(isinstance(section.reach, PtyAddress))
            return Target(
                self, section, Session(BlockChannel(WrapperChannel(channel)), self.rig.reply_seconds, emulated)
            )
        return Target(self, section, Session(BlockChannel(await open_frames(section.reach)), self.rig.reply_seconds))

    def _parties(self) -> dict[RemotePartyRole, Party]:
        """Those of the rig's key folder, who then know its devices and are known to them; else of the test PKI."""
        folder = self.rig.head_end.keystore
        if folder is None:
            return self.pki.parties
        parties = {self.rig.party(role) for role in USES}
        store = self._open(folder, "head_end.keystore", parties)
        self.pki.adopt(store)
        return {role: Party(role, self.rig.party(role), store) for role in USES}

    def _introduce(self, parties: Iterable[Party]) -> list[MemoryKeyStore]:
        """Let the parties know the public keys in the folders of real devices; gives the stores of these."""
        found: list[MemoryKeyStore] = []
        for number, device in enumerate(self.rig.devices):
            if device.keystore is not None:
                store = self._open(device.keystore, f"device[{number}].keystore", {device.eui64})
                own = [name for name in store.names() if name.party == device.eui64]
                for party in parties:
                    party.store.borrow(public_keys(store, own), own)
                found.append(store)
        return found

    def _open(self, folder: Path, key: str, owners: Collection[Eui64]) -> FolderKeyStore:
        """The keys of a folder, which is left as it is. Those of its owners must be for tests. Raises RigError."""
        from .authority.rig_keys import refuse_live_keys  # most rigs have no folders
        from .pass_phrase import environment_pass_phrase

        if not folder.is_dir():
            raise RigError(f"{self.rig.source}: {key}: {folder}: no such folder")
        try:
            store = FolderKeyStore.open(folder, environment_pass_phrase(), read_only=True)
            refuse_live_keys(store, [name for name in store.names() if name.party in owners], folder)
            return store
        except (KeyFolderError, PurposeError) as error:
            raise RigError(f"{self.rig.source}: {key}: {error}") from None

    def _take_up_counters(self) -> None:
        """Go on with the counters of the run before, and keep a reserve in the file while this one goes on."""
        file = self.rig.head_end.counters
        if file is not None:
            self.head_end.go_on_from(read_counters(file))
            write_counters(file, self.head_end.counters, IN_RESERVE)

    def _first_counter(self) -> int | None:
        """Counters of a rig with real devices, and no file of them, follow the time: those of the next run are higher.

        Seconds in the upper half, which names prepayment tokens, and their millionths in the lower.
        """
        given = self.rig.head_end.first_counter
        if given is not None or self.rig.head_end.counters is not None or not isinstance(self.clock, RealClock):
            return given
        return self.clock.now() << 32 | self.clock.millionths() << 8
