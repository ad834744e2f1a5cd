"""The emulated devices of a rig, as they are when an installation is complete.

They have their own keys, the rig's parties in their trust anchor cells, the rig's load, and stand in the hub's log.
"""

from __future__ import annotations

from dataclasses import replace

from firmware_emu import Device, MemoryNvm, Personality, PersonalityError
from firmware_emu.credentials import Cell, point_anchor
from firmware_emu.load_model import LoadModel
from firmware_emu.personalities import named, names
from protocols.gbcs.keys import MemoryKeyStore
from protocols.gbcs.roles import DeviceType

from .loads import ConstantLoad
from .pki import TestPki
from .rig import DeviceSection, Rig, RigError


def make_device(section: DeviceSection, rig: Rig, pki: TestPki) -> Device:
    """A device that was never switched on, installed in the home of the rig."""
    store = pki.devices[section.eui64]
    seed = pki.entropy(f"new keys of {section.eui64.hex()}")
    device = _make(section, store, ConstantLoad(section.load), seed)
    for role, use, name in pki.cells(section.eui64):
        device.credentials.fill(Cell(role, use), point_anchor(store, name.party, use))
    if section.type is DeviceType.CHF:
        _list_home(device, rig, pki)
    device.commit()
    return device


def _make(section: DeviceSection, store: MemoryKeyStore, load: LoadModel, seed: bytes) -> Device:
    # Loaded kind by kind: a rig pays for the devices that it has.
    identity, personality, nvm = section.eui64, _personality(section), MemoryNvm()
    if section.type is DeviceType.ESME:
        from firmware_emu.devices import esme

        return esme.make_device(identity, personality, nvm, store, load, seed)
    if section.type is DeviceType.GSME:
        from firmware_emu.devices import gsme

        return gsme.make_device(identity, personality, nvm, store, load, seed)
    if section.type is DeviceType.CHF:
        from firmware_emu.devices import chf

        return chf.make_device(identity, personality, nvm, store, seed=seed)
    if section.type is DeviceType.GPF:
        from firmware_emu.devices import gpf

        return gpf.make_device(identity, personality, nvm, store, seed)
    raise RigError(f"device {section.name!r}: no {section.type.value} is emulated")


def _personality(section: DeviceSection) -> Personality:
    """That of the rig's model, or of the usual model of its kind, with what the rig says otherwise."""
    usual = f"{section.type.value.lower()}-single"
    try:
        if section.model:
            found = named(section.model)
        else:
            found = named(usual) if usual in names() else Personality(device=section.type)
        if found.device is not section.type:
            raise RigError(f"device {section.name!r}: {section.model} is a model of {found.device.value}")
        firmware = section.firmware or found.firmware_version
        return replace(found, firmware_version=firmware, defects=found.defects | frozenset(section.defects))
    except PersonalityError as error:
        raise RigError(f"device {section.name!r}: {error}") from None


def _list_home(hub: Device, rig: Rig, pki: TestPki) -> None:
    """Put the other devices of the rig into the hub's device log, as the installer does."""
    from firmware_emu.parts.hub_device_log import Entry, HubDeviceLog, ListedType

    for log in hub.parts:
        if isinstance(log, HubDeviceLog):
            for section in rig.devices:
                if section.type.name in ListedType.__members__:
                    key_hash = pki.entropy(f"link key of {section.eui64.hex()}")[:16]
                    log.state.entries.append(Entry(bytes(section.eui64), ListedType[section.type.name], key_hash))
            log.touch()
