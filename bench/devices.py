"""The emulated devices of a rig: which parts make which kind, with the credentials that a factory installs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from firmware_emu import Device, MemoryNvm, Nvm, Personality
from firmware_emu.credentials import Cell, point_anchor
from protocols.errors import LocalProtocolError
from protocols.eui64 import Eui64
from protocols.gbcs.keys import MemoryKeyStore
from protocols.gbcs.roles import DeviceType

from .loads import apply_load
from .pki import TestPki
from .rig import DeviceSection, RigError

Maker = Callable[[Eui64, Personality, Nvm, MemoryKeyStore], Device]

MAKERS: Mapping[DeviceType, str] = {
    DeviceType.ESME: "firmware_emu.devices.esme",
    DeviceType.GSME: "firmware_emu.devices.gsme",
    DeviceType.CHF: "firmware_emu.devices.chf",
    DeviceType.GPF: "firmware_emu.devices.gpf",
}


def make_device(section: DeviceSection, pki: TestPki) -> Device:
    """A new device as it leaves the factory: its own keys, the rig's parties in its trust anchor cells, its load."""
    store = pki.devices[section.eui64]
    device = _maker(section.type)(section.eui64, _personality(section), MemoryNvm(), store)
    for role, use, name in pki.cells(section.eui64):
        device.credentials.fill(Cell(role, use), point_anchor(store, name.party, use))
    device.commit()
    apply_load(device, section.load)
    return device


def _personality(section: DeviceSection) -> Personality:
    try:
        return Personality(
            device=section.type,
            firmware_version=section.firmware,
            defects=frozenset(section.defects),
        )
    except LocalProtocolError as error:
        raise RigError(f"device {section.name!r}: {error}") from None


def _maker(kind: DeviceType) -> Maker:
    try:
        maker: Maker = import_module(MAKERS[kind]).make_device
    except ImportError:
        return _bare
    return maker


def _bare(identity: Eui64, personality: Personality, nvm: Nvm, keys: MemoryKeyStore) -> Device:
    from firmware_emu.parts.identity import Identity

    return Device(identity, personality, nvm, keys, [Identity()])
