"""Where the memories of an emulated home lie on disk: a file for each device, and one that says whose they are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from firmware_emu import CorruptRecord, Device
from firmware_emu.sqlite_nvm import SqliteNvm
from protocols.eui64 import eui64_text
from protocols.instant import Instant

from .devices import problems_with_keys
from .rig import DeviceSection, Rig, RigError, kind_name

MARK = "home.json"
"""Written when all devices have begun to live; what was left before that is thrown away."""


class HomeFiles:
    """The folder. Raises RigError for one that cannot be used or that belongs to another home."""

    def __init__(self, folder: Path, rig: Rig) -> None:
        self._folder, self._owner = folder, _owner(rig)
        self._open: list[SqliteNvm] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.new = not self._is_ours()
            if self.new:
                self._throw_away(rig)
        except OSError as error:
            raise RigError(f"{folder}: cannot be used for the devices' memories: {error.strerror}") from None

    def memory(self, section: DeviceSection) -> SqliteNvm:
        """The memory of a device. Raises RigError."""
        path = self._path(section.name)
        try:
            nvm = SqliteNvm(path)
        except (CorruptRecord, sqlite3.Error) as error:
            raise RigError(f"{path}: no memory of a device: {error}") from None
        self._open.append(nvm)
        return nvm

    def check(self, devices: Mapping[str, Device]) -> None:
        """Whether devices that are off can go on with what they remember. Raises RigError; nothing is changed."""
        if self.new:
            return
        for name, device in devices.items():
            try:
                problems = problems_with_keys(device)
            except CorruptRecord as error:
                raise RigError(f"{self._path(name)}: cannot be read, nothing was changed: {error}") from None
            if problems:
                told = "; ".join(problems)
                raise RigError(f"{self._path(name)}: no memory of this home and seed, nothing was changed: {told}")

    def begun(self) -> None:
        """All devices live: from now on the memories count."""
        (self._folder / MARK).write_text(json.dumps(self._owner, indent=2) + "\n", encoding="utf-8")

    def close(self) -> None:
        """Close every file."""
        for nvm in self._open:
            nvm.close()

    def _is_ours(self) -> bool:
        mark = self._folder / MARK
        if not mark.exists():
            strange = [path.name for path in self._folder.iterdir() if ".sqlite" not in path.suffix]
            if strange:
                raise RigError(f"{self._folder}: holds {strange[0]} and no memories of a home; give another folder")
            return False
        try:
            found = json.loads(mark.read_text(encoding="utf-8"))
        except ValueError:
            raise RigError(f"{mark}: not JSON; remove the folder to begin anew") from None
        if found != self._owner:
            raise RigError(f"{self._folder}: holds the memories of another home or seed; give another folder")
        return True

    def _throw_away(self, rig: Rig) -> None:
        for section in rig.devices:
            for suffix in ("", "-wal", "-shm"):
                self._path(section.name).with_suffix(f".sqlite{suffix}").unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.sqlite"


def last_lived(devices: list[Device]) -> Instant:
    """When the devices, which are off, are known to have run last; 0 for new ones."""
    for device in devices:
        device.power.load(device.nvm)
    return max(device.power.state.last_seen for device in devices)


def _owner(rig: Rig) -> dict[str, object]:
    devices = {each.name: f"{kind_name(each.type)} {eui64_text(each.eui64)}" for each in rig.devices if each.emulated}
    return {"home": rig.name, "seed": _mark_of(rig.seed), "devices": devices}


def _mark_of(seed: int) -> str:
    """What tells one seed from another, but is not it: the seed opens the devices' keys, which lie beside it."""
    return sha256(f"meterbench seed {seed}".encode()).hexdigest()[:16]
