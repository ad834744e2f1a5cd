"""The smart metering inventory: every device, its status, and what it hangs on (Smart Energy Code, section H5).

A system is complete when all its devices are commissioned. Every change is kept with its time and reason. The
inventory is a list of the bench's head end; the devices know nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from protocols.errors import LocalProtocolError
from protocols.eui64 import Eui64, eui64_text
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import Instant

from .database import Form, open_database, transaction
from .device_model import DeviceModel
from .relations import METERS, RELATIONS, TYPE_1
from .rig import KINDS, kind_name


class Status(StrEnum):
    """The status of a device in the inventory."""

    PENDING = "pending"
    WHITELISTED = "whitelisted"
    INSTALLED = "installed not commissioned"
    COMMISSIONED = "commissioned"
    DECOMMISSIONED = "decommissioned"
    WITHDRAWN = "withdrawn"
    SUSPENDED = "suspended"
    RECOVERY = "recovery"
    RECOVERED = "recovered"


_GONE = {Status.DECOMMISSIONED, Status.WITHDRAWN}

TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.WHITELISTED, Status.INSTALLED, Status.SUSPENDED, *_GONE}),
    Status.WHITELISTED: frozenset({Status.PENDING, Status.INSTALLED, Status.SUSPENDED, *_GONE}),
    Status.INSTALLED: frozenset(
        {Status.PENDING, Status.WHITELISTED, Status.COMMISSIONED, Status.SUSPENDED, Status.RECOVERY, *_GONE}
    ),
    Status.COMMISSIONED: frozenset({Status.INSTALLED, Status.SUSPENDED, Status.RECOVERY, *_GONE}),
    Status.SUSPENDED: frozenset(_GONE),  # besides the status that it had before
    Status.RECOVERY: frozenset({Status.RECOVERED, Status.SUSPENDED, *_GONE}),
    Status.RECOVERED: frozenset({Status.COMMISSIONED, Status.INSTALLED, Status.RECOVERY, Status.SUSPENDED, *_GONE}),
    Status.DECOMMISSIONED: frozenset({Status.PENDING}),
    Status.WITHDRAWN: frozenset({Status.PENDING}),
}
"""Which status may follow which. The Code defines the values; that these and no other steps exist is inferred.

A device that was taken away may be notified again. One whose suspension ends has the status that it had before.
"""

REACHABLE = frozenset({Status.INSTALLED, Status.COMMISSIONED, Status.RECOVERED})
"""The head end sends commands to devices of these. With a suspended device and one in recovery it has stopped."""


class InventoryError(LocalProtocolError):
    """A change that the inventory does not take, or a question about a device that is not in it."""


class UnknownDeviceError(InventoryError, LookupError):
    """The device is not in the inventory."""

    def __init__(self, device: bytes) -> None:
        super().__init__(f"{eui64_text(device)} is not in the inventory")
        self.device = device


class SuspendedError(InventoryError):
    """A message for a device that is suspended: the head end does not speak to it."""


class TransitionError(InventoryError):
    """A status that cannot follow the one that a device has."""

    def __init__(self, device: bytes, before: Status, wanted: Status, reason: str) -> None:
        super().__init__(f"{eui64_text(device)} is {before} and cannot become {wanted}: {reason}")
        self.device, self.before, self.wanted, self.reason = device, before, wanted, reason


class InventoryDevice(NamedTuple):
    """A device as the inventory has it. ``before``: the status to which the end of its suspension leads.

    ``hardware`` is 0 to FFFF; ``firmware`` 4 octets, or empty where it is not known. ``contact``: two-way
    communication over the WAN has been shown.
    """

    eui64: Eui64
    type: DeviceType
    status: Status
    model: DeviceModel | None = None
    hardware: int | None = None
    firmware: bytes = b""
    contact: bool = False
    before: Status | None = None


class Change(NamedTuple):
    """One line of the history. ``what``: status, relation, contact, firmware, or a role; the rest in words."""

    at: Instant
    device: Eui64
    what: str
    before: str
    after: str
    why: str


_FORM = Form(
    "an inventory of devices",
    b"MBin",
    1,
    (
        """CREATE TABLE device (
            eui64 BLOB PRIMARY KEY, type TEXT NOT NULL, status TEXT NOT NULL, manufacturer INTEGER, model INTEGER,
            hardware INTEGER, firmware BLOB NOT NULL, contact INTEGER NOT NULL, before TEXT
        ) WITHOUT ROWID""",
        """CREATE TABLE relation (
            device BLOB NOT NULL REFERENCES device, hangs_on BLOB NOT NULL REFERENCES device,
            PRIMARY KEY (device, hangs_on)
        ) WITHOUT ROWID""",
        "CREATE INDEX relation_to ON relation (hangs_on)",
        """CREATE TABLE party (
            device BLOB NOT NULL REFERENCES device, role TEXT NOT NULL, party BLOB NOT NULL, PRIMARY KEY (device, role)
        ) WITHOUT ROWID""",
        """CREATE TABLE change (
            number INTEGER PRIMARY KEY, at INTEGER NOT NULL, device BLOB NOT NULL, what TEXT NOT NULL,
            before TEXT NOT NULL, after TEXT NOT NULL, why TEXT NOT NULL
        )""",
        "CREATE INDEX change_of ON change (device)",
    ),
)
_COLUMNS = "SELECT eui64, type, status, manufacturer, model, hardware, firmware, contact, before FROM device "
_CHANGES = "SELECT at, device, what, before, after, why FROM change "


class Inventory:
    """The inventory in a file, or in memory. Raises DatabaseError for a file that is none."""

    def __init__(self, path: Path | str | None = None) -> None:
        self._db = open_database(path, _FORM)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # devices

    def add(
        self,
        device: Eui64,
        kind: DeviceType,
        now: Instant,
        *,
        model: DeviceModel | None = None,
        hardware: int | None = None,
        firmware: bytes = b"",
        why: str = "notified",
    ) -> InventoryDevice:
        """Take up a device, pending. Raises InventoryError if it is there, or its model is one of another kind."""
        if model is not None and model.type is not kind:
            raise InventoryError(f"{eui64_text(device)} is a {kind_name(kind)}, and {model} is no model of that")
        row = (bytes(device), kind_name(kind), str(Status.PENDING))
        numbers = (None, None) if model is None else (model.manufacturer, model.model)
        with transaction(self._db):
            if self.find(device) is not None:
                raise InventoryError(f"{eui64_text(device)} is in the inventory already")
            self._db.execute(
                "INSERT INTO device VALUES (?, ?, ?, ?, ?, ?, ?, 0, NULL)", (*row, *numbers, hardware, firmware)
            )
            self._note(now, device, "status", "", Status.PENDING, why)
        return self.device(device)

    def find(self, device: Eui64) -> InventoryDevice | None:
        """The device, or None if it is not in the inventory."""
        row = self._db.execute(_COLUMNS + "WHERE eui64 = ?", (bytes(device),)).fetchone()
        return None if row is None else _device(row)

    def device(self, device: Eui64) -> InventoryDevice:
        """The device. Raises UnknownDeviceError."""
        found = self.find(device)
        if found is None:
            raise UnknownDeviceError(device)
        return found

    def devices(self, *, status: Status | None = None, model: DeviceModel | None = None) -> Iterator[InventoryDevice]:
        """All devices, or those of a status or model, by identifier."""
        found = map(_device, self._db.execute(_COLUMNS + "ORDER BY eui64").fetchall())
        return (each for each in found if status in (None, each.status) and (model is None or each.model == model))

    def set_status(self, device: Eui64, status: Status, now: Instant, why: str) -> InventoryDevice:
        """Change a status. Raises UnknownDeviceError, TransitionError."""
        with transaction(self._db):
            known = self.device(device)
            self._check(known, status)
            before = known.status if status is Status.SUSPENDED else None
            self._db.execute(
                "UPDATE device SET status = ?, before = ? WHERE eui64 = ?",
                (str(status), None if before is None else str(before), bytes(device)),
            )
            self._note(now, device, "status", known.status, status, why)
        return self.device(device)

    def suspend(self, devices: Iterable[Eui64], now: Instant, why: str) -> tuple[Eui64, ...]:
        """Suspend devices and those that hang on them; gives all that were not suspended before.

        Devices that are decommissioned or withdrawn stay so.
        """
        with transaction(self._db):
            able = self.to_suspend(devices)
            for each in able:
                self.set_status(each, Status.SUSPENDED, now, why)
        return able

    def to_suspend(self, devices: Iterable[Eui64]) -> tuple[Eui64, ...]:
        """Those of some devices, and of what hangs on them, that a suspension of them would suspend."""
        all_of_them = dict.fromkeys(each for device in devices for each in (device, *self.dependents(device)))
        return tuple(each for each in all_of_them if Status.SUSPENDED in TRANSITIONS[self.device(each).status])

    def lift(self, device: Eui64, now: Instant, why: str) -> InventoryDevice:
        """End a suspension: the status is again that before it. Raises UnknownDeviceError, TransitionError."""
        known = self.device(device)
        if known.before is None:
            raise TransitionError(device, known.status, known.status, "it is not suspended")
        return self.set_status(device, known.before, now, why)

    def contact(self, device: Eui64, now: Instant, why: str = "answered over the WAN") -> None:
        """Two-way communication with the device over the WAN has been shown. Raises UnknownDeviceError."""
        with transaction(self._db):
            if not self.device(device).contact:
                self._db.execute("UPDATE device SET contact = 1 WHERE eui64 = ?", (bytes(device),))
                self._note(now, device, "contact", "none", "shown", why)

    def set_firmware(self, device: Eui64, version: bytes, now: Instant, why: str) -> None:
        """The version, 4 octets, that a device runs now. Raises UnknownDeviceError."""
        with transaction(self._db):
            before = self.device(device).firmware
            if before != version:
                self._db.execute("UPDATE device SET firmware = ? WHERE eui64 = ?", (version, bytes(device)))
                self._note(now, device, "firmware", before.hex().upper(), version.hex().upper(), why)

    def set_party(self, device: Eui64, role: RemotePartyRole, party: Eui64, now: Instant, why: str) -> None:
        """Who is the device's supplier, network operator, and so on. Raises UnknownDeviceError."""
        with transaction(self._db):
            self.device(device)
            before = self.parties(device).get(role)
            if before == party:
                return
            self._db.execute(
                "INSERT OR REPLACE INTO party VALUES (?, ?, ?)", (bytes(device), role.name.lower(), bytes(party))
            )
            self._note(now, device, role.name.lower(), eui64_text(before or b""), eui64_text(party), why)

    def parties(self, device: Eui64) -> dict[RemotePartyRole, Eui64]:
        """The parties that are responsible for a device, as far as they are known."""
        rows = self._db.execute("SELECT role, party FROM party WHERE device = ? ORDER BY role", (bytes(device),))
        return {RemotePartyRole[role.upper()]: Eui64(party) for role, party in rows}

    # relations

    def relate(self, device: Eui64, hangs_on: Eui64, now: Instant, why: str = "joined") -> None:
        """A device hangs on another from now on. Raises UnknownDeviceError, InventoryError for kinds that do not."""
        with transaction(self._db):
            lower, upper = self.device(device), self.device(hangs_on)
            if upper.type not in RELATIONS[lower.type]:
                raise InventoryError(f"a {kind_name(lower.type)} does not hang on a {kind_name(upper.type)}")
            made = self._db.execute("INSERT OR IGNORE INTO relation VALUES (?, ?)", (bytes(device), bytes(hangs_on)))
            if made.rowcount:
                self._note(now, device, "relation", "", eui64_text(hangs_on), why)

    def unrelate(self, device: Eui64, hangs_on: Eui64, now: Instant, why: str = "unjoined") -> None:
        """A device hangs on another no more. Raises UnknownDeviceError, InventoryError if it did not."""
        with transaction(self._db):
            self.device(device)
            gone = self._db.execute(
                "DELETE FROM relation WHERE device = ? AND hangs_on = ?", (bytes(device), bytes(hangs_on))
            )
            if not gone.rowcount:
                raise InventoryError(f"{eui64_text(device)} does not hang on {eui64_text(hangs_on)}")
            self._note(now, device, "relation", eui64_text(hangs_on), "", why)

    def hangs_on(self, device: Eui64) -> tuple[Eui64, ...]:
        """What a device hangs on directly."""
        rows = self._db.execute("SELECT hangs_on FROM relation WHERE device = ? ORDER BY hangs_on", (bytes(device),))
        return tuple(Eui64(row[0]) for row in rows)

    def dependents(self, device: Eui64) -> tuple[Eui64, ...]:
        """All that hang on a device, directly or not; the nearer ones first."""
        found: dict[Eui64, None] = {}
        level = [device]
        while level:
            level = [each for one in level for each in self._hanging(one) if each not in found and each != device]
            found.update(dict.fromkeys(level))
        return tuple(found)

    def _hanging(self, device: Eui64) -> list[Eui64]:
        rows = self._db.execute("SELECT device FROM relation WHERE hangs_on = ? ORDER BY device", (bytes(device),))
        return [Eui64(row[0]) for row in rows]

    # commissioned, enrolled

    def missing(self, device: Eui64) -> tuple[str, ...]:
        """What a device lacks for being commissioned; nothing if it may be. Raises UnknownDeviceError."""
        return tuple(self._missing(self.device(device)))

    def _missing(self, known: InventoryDevice) -> Iterator[str]:
        if not known.contact:
            yield "two-way communication over the WAN has not been shown"
        if RELATIONS[known.type] and not self.hangs_on(known.eui64):
            yield "it has no relation to a hub or a meter"

    def system(self, meter: Eui64) -> tuple[InventoryDevice, ...]:
        """The smart metering system of a meter: meter, hub, Type 1 devices on the meter, for gas the proxy.

        Raises UnknownDeviceError, InventoryError for a device that is no meter.
        """
        known = self.device(meter)
        if known.type not in METERS:
            raise InventoryError(f"{eui64_text(meter)} is no meter, and each system has one")
        above = list(self._above(known))
        proxies = [each.eui64 for each in above if each.type is DeviceType.GPF]
        below = (self.device(each) for one in (meter, *proxies) for each in self.dependents(one))
        chosen = [known, *above, *(each for each in below if each.type in TYPE_1)]
        return tuple({each.eui64: each for each in chosen}.values())

    def _above(self, meter: InventoryDevice) -> Iterator[InventoryDevice]:
        """The hub, and for gas the proxy, whether the meter was related to it or only to the hub."""
        upper = [self.device(each) for each in self.hangs_on(meter.eui64)]
        hubs = {hub.eui64: hub for one in upper for hub in self._hubs(one)}
        yield from hubs.values()
        if meter.type is DeviceType.GSME:
            hanging = (self.device(each) for hub in hubs for each in self._hanging(hub))
            yield from (each for each in hanging if each.type is DeviceType.GPF)

    def _hubs(self, device: InventoryDevice) -> Iterator[InventoryDevice]:
        if device.type is DeviceType.CHF:
            yield device
        else:
            yield from (self.device(each) for each in self.hangs_on(device.eui64))

    def enrolled(self, meter: Eui64) -> bool:
        """Whether the meter's system is complete and all its devices are commissioned. Raises as ``system``."""
        devices = self.system(meter)
        needed = {DeviceType.CHF, self.device(meter).type}
        if DeviceType.GSME in needed:
            needed.add(DeviceType.GPF)
        return needed <= {each.type for each in devices} and all(each.status is Status.COMMISSIONED for each in devices)

    # history

    def history(self, device: Eui64 | None = None) -> tuple[Change, ...]:
        """What has changed, of one device or of all, in the order in which it happened."""
        of_one, values = ("", ()) if device is None else ("WHERE device = ? ", (bytes(device),))
        rows = self._db.execute(_CHANGES + of_one + "ORDER BY number", values)
        return tuple(Change(at, Eui64(who), *rest) for at, who, *rest in rows)

    # inside

    def _check(self, known: InventoryDevice, wanted: Status) -> None:
        allowed = TRANSITIONS[known.status] | ({known.before} if known.before is not None else set())
        if wanted not in allowed:
            after = ", ".join(sorted(allowed - {None})) or "nothing"
            raise TransitionError(known.eui64, known.status, wanted, f"it may become {after}")
        if wanted is Status.COMMISSIONED and known.status is not Status.SUSPENDED:
            lacking = self.missing(known.eui64)
            if lacking:
                raise TransitionError(known.eui64, known.status, wanted, " and ".join(lacking))

    def _note(self, now: Instant, device: Eui64, what: str, before: str, after: str, why: str) -> None:
        self._db.execute(
            "INSERT INTO change (at, device, what, before, after, why) VALUES (?, ?, ?, ?, ?, ?)",
            (now, bytes(device), what, str(before), str(after), why),
        )


def _device(row: tuple[bytes, str, str, int | None, int | None, int | None, bytes, int, str | None]) -> InventoryDevice:
    identifier, kind, status, manufacturer, model, hardware, firmware, contact, before = row
    known = KINDS[kind]
    return InventoryDevice(
        Eui64(identifier),
        known,
        Status(status),
        None if manufacturer is None or model is None else DeviceModel(known, manufacturer, model),
        hardware,
        firmware,
        bool(contact),
        None if before is None else Status(before),
    )
