"""The hub's device log: who may be in the home area network, who was, and when the hub last heard each.

COSEM class 104 (ZigBee network control): object 0-0:30.3.0 is the log in force, 0-0:30.3.1 the devices removed from
it. Every change of the log, a new link key included, is reported with the whole log (GBCS CS14, alert 8F12). Of keys
only the hash is kept, which is what the trust centre hands over when a hub is replaced.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, DataType, array, boolean, octet_string, structure, uint16
from protocols.eui64 import Eui64
from protocols.instant import Instant
from protocols.zigbee.mmo import install_code_key, mmo_hash

from ...cosem import expect, expect_items
from ...defects import register_defect
from ...part import NEVER, Part
from ...refusals import AccessFailed

if TYPE_CHECKING:
    from ...device import Device

NETWORK_CONTROL, LOG_IN_FORCE, HISTORIC_LOG = 104, "0-0:30.3.0.255", "0-0:30.3.1.255"
JOINING_OPEN, JOIN_WINDOW, ACTIVE_DEVICES = 2, 3, 4
REGISTER, UNREGISTER, BACKUP, RESTORE = 1, 2, 4, 5
INSTALL_CODE = 1
CAPACITY = 16
HISTORIC_CAPACITY = 15
"""Removed devices that are remembered. The read-out has room for sixteen; the use case speaks of fifteen."""
LOG_CHANGED, LOG_CHANGED_ALERT = 0x8F12, 0x0018

_IDENTIFIER, _KEY = 8, 16
LINK_MEMBERS = (
    ("status", DataType.BIT_STRING),
    ("maximum_rssi", DataType.INT8),
    ("average_rssi", DataType.INT8),
    ("minimum_rssi", DataType.INT8),
    ("maximum_lqi", DataType.UINT8),
    ("average_lqi", DataType.UINT8),
    ("minimum_lqi", DataType.UINT8),
    ("last_communication", DataType.OCTET_STRING),
    ("hops", DataType.UINT8),
    ("failures", DataType.UINT8),
    ("successes", DataType.UINT8),
    ("application_version", DataType.UINT8),
    ("stack_version", DataType.UINT8),
)
"""What the hub knows of the link to a device, in the order of the active devices' structure."""

SENDS_ZERO_HASH = register_defect(
    "sends-zero-hash", "reports sixteen zero octets for a device that has no link key yet, instead of none"
)
REPLACES_KNOWN_KEY = register_defect(
    "replaces-known-key", "takes the install code of a device that is in the log already, and drops its link key"
)
FORGETS_OLD_KEY = register_defect(
    "forgets-old-key", "does not try the old link key of a device that comes back to the network"
)


class ListedType(IntEnum):
    """The kinds of device that CCS01 names; not the numbers of the device logs of meters."""

    ESME = 0
    GSME = 1
    HCALCS = 13
    IHD = 128
    CAD = 130
    PPMID = 132
    GPF = 254

    @property
    def takes_images(self) -> bool:
        """Whether devices of this kind are updated through the hub; the proxy is a part of the hub itself."""
        return self not in (ListedType.IHD, ListedType.CAD, ListedType.GPF)


@dataclass(slots=True)
class Link:
    """Signal strengths in dBm, link quality indications, counts; the time as 12 octets.

    An average strength of 127 says that the device is on 2.4 GHz. Inferred: no table of the marker is published.
    """

    status: str = "00000000"
    maximum_rssi: int = 127
    average_rssi: int = 127
    minimum_rssi: int = 127
    maximum_lqi: int = 255
    average_lqi: int = 255
    minimum_lqi: int = 255
    last_communication: bytes = bytes.fromhex("ffffffffffffffffff8000ff")
    hops: int = 1
    failures: int = 0
    successes: int = 0
    application_version: int = 1
    stack_version: int = 1


@dataclass(slots=True)
class Entry:
    """A device that may be in the network. ``key_hash`` is empty until it has a link key; hashes are AES-MMO."""

    device: bytes
    kind: ListedType | None = None
    key_hash: bytes = b""
    code_hash: bytes = b""
    """Of the link key that its install code stands for; empty once the device has joined."""
    link: Link = field(default_factory=Link)


@dataclass(slots=True)
class Removed:
    """A device of the historic log."""

    device: bytes
    key_hash: bytes


@dataclass(slots=True)
class DeviceLogState:
    """``opened`` is when the joining window was opened, ``closes`` when it ends. ``extended_pan`` empty: the usual."""

    entries: list[Entry] = field(default_factory=list)
    historic: list[Removed] = field(default_factory=list)
    extended_pan: bytes = b""
    open: bool = False
    window: int = 0
    opened: Instant = 0
    closes: Instant = 0


class HubDeviceLog(Part):
    """The white list, its memory and the joining window. ``proxy`` is the gas proxy of the same box, if any."""

    name = "device log"
    State = DeviceLogState
    state: DeviceLogState

    def __init__(self, proxy: Eui64 | None = None) -> None:
        super().__init__()
        self.proxy = proxy
        self.on_removed: Callable[[Eui64], None] = lambda _device: None

    def attach(self, device: Device) -> None:
        super().attach(device)
        cosem = device.cosem
        serve = (NETWORK_CONTROL, LOG_IN_FORCE)
        cosem.method(*serve, REGISTER, self._register)
        cosem.method(*serve, UNREGISTER, self._unregister)
        cosem.method(*serve, BACKUP, lambda _none: self._backup(self._hashes()), preset=self._preset_log)
        cosem.method(*serve, RESTORE, self._restore)
        cosem.attribute(*serve, JOINING_OPEN, lambda: boolean(self.state.open), self._open, preset=self._open)
        cosem.attribute(*serve, JOIN_WINDOW, lambda: uint16(self.state.window), self._window, preset=self._window)
        cosem.attribute(*serve, ACTIVE_DEVICES, self._active, preset=self._preset_active)
        historic = (NETWORK_CONTROL, HISTORIC_LOG, BACKUP)
        cosem.method(*historic, lambda _none: self._backup(self._historic()), preset=self._preset_historic)

    def started(self) -> None:
        if self.state.open:
            self.due = self.state.closes

    def advance(self, at: Instant) -> None:  # noqa: ARG002 - the window ends, whenever that is noticed
        self._close()

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        if self.state.open:
            self.state.opened += after - before
            self.state.closes += after - before
            self.touch()
            self.schedule(self.state.closes)

    @property
    def extended_pan(self) -> bytes:
        """The network's identifier: usually the radio's, which is that of the proxy in the same box."""
        return self.state.extended_pan or bytes(self.proxy or self.device.identity)

    # for the radio and for forwarding

    def entry(self, device: Eui64) -> Entry | None:
        """The entry of a device, or None if it may not be in the network."""
        return next((entry for entry in self.state.entries if entry.device == device), None)

    def admits(self, device: Eui64, key_hash: bytes) -> bool:
        """True if a device that joins with a link key of that hash is to be let in now.

        In the first half of the window a device that was here before is known by its old key, in the second, like
        a new one, by its install code.
        """
        entry = self.entry(device)
        if entry is None:
            return False
        if entry.key_hash and hmac.compare_digest(entry.key_hash, key_hash):
            return True  # a rejoin needs no window
        old = self._old(device)
        if old is not None and self._in_first_half():
            return not self.device.defective(FORGETS_OLD_KEY) and hmac.compare_digest(old.key_hash, key_hash)
        return self.state.open and bool(entry.code_hash) and hmac.compare_digest(entry.code_hash, key_hash)

    def joined(self, device: Eui64, key_hash: bytes) -> None:
        """The device has a link key with the hub; ``key_hash`` is that key's hash."""
        entry = self.entry(device)
        if entry is None:
            return
        entry.code_hash = b""
        self.heard(device)
        if not hmac.compare_digest(entry.key_hash, key_hash):
            entry.key_hash = key_hash
            self._changed()

    def heard(self, device: Eui64) -> None:
        """The hub has just exchanged something with the device."""
        entry = self.entry(device)
        if entry is not None:
            entry.link.last_communication = CosemDateTime.at(self.device.now).encode()
            entry.link.successes = min(entry.link.successes + 1, 255)
            self.touch()

    def enrol(self, entry: Entry) -> None:
        """Write an entry as the maker does: nobody is told."""
        self.state.entries = [*(held for held in self.state.entries if held.device != entry.device), entry]
        self.touch()

    def missed(self, device: Eui64) -> None:
        """The device did not answer over the radio."""
        entry = self.entry(device)
        if entry is not None:
            entry.link.failures = min(entry.link.failures + 1, 255)
            self.touch()

    # commands

    def _register(self, argument: Data) -> None:
        identifier, key_type, key, kind = expect_items(argument, DataType.STRUCTURE, 4)
        device, code = _octets(identifier, _IDENTIFIER), _octets(key, _KEY)
        if expect(key_type, DataType.ENUM) != INSTALL_CODE:
            raise AccessFailed
        listed = _listed_type(expect(kind, DataType.ENUM))
        known = self.entry(Eui64(device))
        if known is None:
            if len(self.state.entries) >= CAPACITY:
                raise AccessFailed
            self.state.entries.append(Entry(device, listed, b"", mmo_hash(install_code_key(code))))
        elif self.device.defective(REPLACES_KNOWN_KEY):
            known.key_hash, known.code_hash = b"", mmo_hash(install_code_key(code))
        self._changed()

    def _unregister(self, argument: Data) -> None:
        device = _octets(argument, _IDENTIFIER)
        entry = self.entry(Eui64(device))
        if entry is None:  # not in the log is what was asked for; inferred, by analogy with adding twice
            return
        self._remember(entry)
        self.state.entries.remove(entry)
        self.on_removed(Eui64(device))
        self._changed()

    def _restore(self, argument: Data) -> None:
        """Take over the log of the hub that was here before, and form its network again."""
        pan, devices = expect_items(argument, DataType.STRUCTURE, 2)
        pairs = [_hashed(each) for each in expect_items(devices, DataType.ARRAY, 1, CAPACITY)]
        self.state.extended_pan = _octets(pan, _IDENTIFIER)
        self.state.entries = [Entry(each, self._kind_of(each), key_hash) for each, key_hash in pairs]
        self._changed()

    def _open(self, value: Data) -> None:
        if not expect(value, DataType.BOOLEAN):
            self._close()
            return
        self.state.open = True
        self.state.opened, self.state.closes = self.device.now, self.device.now + self.state.window
        self.touch()
        self.schedule(self.state.closes)

    def _window(self, value: Data) -> None:
        self.state.window = expect(value, DataType.UINT16)
        self.touch()

    def _close(self) -> None:
        self.state.open = False
        self.touch()
        self.due = NEVER

    # reading

    def _active(self) -> Data:
        return array(*(_active_device(entry) for entry in self.state.entries))

    def _backup(self, devices: Iterable[Data]) -> Data:
        return structure(*self._backup_members(devices))

    def _backup_members(self, devices: Iterable[Data]) -> tuple[Data, Data, Data]:
        time = CosemDateTime.at(self.device.now).encode()
        return octet_string(time), octet_string(self.extended_pan), array(*devices)

    def _hashes(self) -> list[Data]:
        empty = bytes(_KEY) if self.device.defective(SENDS_ZERO_HASH) else b""
        return [_pair(entry.device, entry.key_hash or empty) for entry in self.state.entries]

    def _historic(self) -> list[Data]:
        return [_pair(removed.device, removed.key_hash) for removed in self.state.historic]

    # the maker's way in

    def _preset_log(self, value: Data) -> None:
        entries = []
        for device, key_hash in self._preset_backup(value):
            known = self.entry(Eui64(device)) or Entry(device)
            entries.append(replace(known, key_hash=key_hash))
        self.state.entries = entries

    def _preset_historic(self, value: Data) -> None:
        self.state.historic = [Removed(*pair) for pair in self._preset_backup(value)]

    def _preset_backup(self, value: Data) -> list[tuple[bytes, bytes]]:
        _time, pan, devices = expect_items(value, DataType.STRUCTURE, 3)
        self.state.extended_pan = _octets(pan, _IDENTIFIER)
        self.touch()
        return [_hashed(each) for each in expect_items(devices, DataType.ARRAY, 0, CAPACITY)]

    def _preset_active(self, value: Data) -> None:
        entries = []
        for row in expect_items(value, DataType.ARRAY, 0, CAPACITY):
            identifier, *members = expect_items(row, DataType.STRUCTURE, len(LINK_MEMBERS) + 1)
            device = _octets(identifier, _IDENTIFIER)
            found = zip(LINK_MEMBERS, members, strict=True)
            link = Link(**{name: expect(member, kind) for (name, kind), member in found})
            entries.append(replace(self.entry(Eui64(device)) or Entry(device), link=link))
        self.state.entries = entries
        self.touch()

    # inside

    def _changed(self) -> None:
        self.touch()
        alerts = self.device.alerts
        alerts.event(LOG_CHANGED)
        members = self._backup_members(self._hashes())
        alerts.send_dlms(LOG_CHANGED, LOG_CHANGED_ALERT, alerts.recipients(LOG_CHANGED), members)

    def _remember(self, entry: Entry) -> None:
        """Keep the key of a removed device, over the oldest one kept; what never had a key is not kept."""
        if not entry.key_hash:
            return
        kept = [removed for removed in self.state.historic if removed.device != entry.device]
        self.state.historic = [*kept, Removed(entry.device, entry.key_hash)][-HISTORIC_CAPACITY:]

    def _old(self, device: Eui64) -> Removed | None:
        return next((removed for removed in self.state.historic if removed.device == device), None)

    def _in_first_half(self) -> bool:
        state = self.state
        return state.open and 2 * (self.device.now - state.opened) < state.closes - state.opened

    def _kind_of(self, device: bytes) -> ListedType | None:
        known = self.entry(Eui64(device))
        return None if known is None else known.kind


def _listed_type(number: int) -> ListedType:
    try:
        return ListedType(number)
    except ValueError:
        raise AccessFailed from None


def _octets(data: Data, length: int) -> bytes:
    octets: bytes = expect(data, DataType.OCTET_STRING)
    if len(octets) != length:
        raise AccessFailed
    return octets


def _hashed(pair: Data) -> tuple[bytes, bytes]:
    device, key_hash = expect_items(pair, DataType.STRUCTURE, 2)
    octets: bytes = expect(key_hash, DataType.OCTET_STRING)
    if len(octets) not in (0, _KEY):
        raise AccessFailed
    return _octets(device, _IDENTIFIER), octets


def _pair(device: bytes, key_hash: bytes) -> Data:
    return structure(octet_string(device), octet_string(key_hash))


def _active_device(entry: Entry) -> Data:
    members = [Data(kind, getattr(entry.link, name)) for name, kind in LINK_MEMBERS]
    return structure(octet_string(entry.device), *members)
