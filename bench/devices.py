"""The emulated devices of a rig, as they are when an installation is complete.

They have their own keys, the rig's parties in their trust anchor cells, and the rig's load. The maker has a device's
key store make the first pairs and the device seal them; from then on they come from the device's memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from firmware_emu import Device, MemoryNvm, Nvm, Personality, PersonalityError
from firmware_emu.credentials import Cell, point_anchor
from firmware_emu.parts.credentials.own_keys import OwnKeys
from firmware_emu.parts.credentials.trust_anchors import TrustAnchors
from firmware_emu.parts.credentials.update import anchor_of
from firmware_emu.parts.firmware.store import FirmwareStore
from firmware_emu.personalities import named, names
from protocols.eui64 import Eui64
from protocols.gbcs.keys import KeyUse, MemoryKeyStore
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.smki.certificate import Certificate

from .pki import CELLS, TestPki
from .reading import InputError
from .rig import DeviceSection, RigError, SupplierCells, kind_name

BROKER = RemotePartyRole.ACCESS_CONTROL_BROKER


def make_device(section: DeviceSection, pki: TestPki, nvm: Nvm | None = None, proxy: Eui64 | None = None) -> Device:
    """A device of the rig, off. With an ``nvm`` that remembers something it is the device that it was.

    ``proxy`` is the gas proxy in the box of a hub.
    """
    memory = MemoryNvm() if nvm is None else nvm
    new = not memory.keys()
    device = _make(section, pki, memory, pki.devices[section.eui64] if new else pki.restarted(section.eui64), proxy)
    if new:
        _fill_cells(device, section, pki)
        _own_keys(device, OwnKeys.adopt)
        _know_maker(device, section)
        device.commit()
    return device


def _know_maker(device: Device, section: DeviceSection) -> None:
    """Let the device know by which key its maker signs firmware."""
    store = next((part for part in device.parts if isinstance(part, FirmwareStore)), None)
    if store is None or not section.maker:
        return
    from .firmware.signing_keys import public_point

    try:
        store.trust_maker(public_point(section.maker))
    except InputError as error:
        raise RigError(f"device {section.name!r}: maker: {error}") from None


def problems_with_keys(device: Device) -> list[str]:
    """Why a device that is off could not use the private keys in its memory. Nothing is changed."""
    found: list[str] = []

    def look(keys: OwnKeys) -> None:
        keys.load(device.nvm)
        found.extend(keys.refused)
        if not keys.state.sealed.held and not keys.state.erased:
            found.append("no private key")

    _own_keys(device, look)
    return found


def _own_keys(device: Device, work: Callable[[OwnKeys], None]) -> None:
    for part in device.parts:
        if isinstance(part, OwnKeys):  # an in-home display has none
            work(part)


def _fill_cells(device: Device, section: DeviceSection, pki: TestPki) -> None:
    for role, use, name in pki.cells(section.eui64):
        device.credentials.fill(Cell(role, use), point_anchor(pki.devices[section.eui64], name.party, use))
    if CELLS[section.type]:
        root = Cell(RemotePartyRole.ROOT, None)
        device.credentials.fill(root, anchor_of(root, pki.infrastructure.organisation_root.certificate))
        device.find(TrustAnchors).put_contingency_key(pki.contingency().wrapped)
    if section.supplier_cells is SupplierCells.BROKER:
        as_bought_by_a_meter_operator(device, pki)


def as_bought_by_a_meter_operator(device: Device, pki: TestPki) -> None:
    """Put the access control broker's certificates into the cells of supplier and network operator.

    So a device comes from its maker that no supplier has ordered. Its key agreement certificate is in both cells for
    key agreement, as the public test messages show.
    """
    broker = pki.parties[BROKER]
    for cell in list(device.credentials.cells()):
        if cell.role in (RemotePartyRole.SUPPLIER, RemotePartyRole.NETWORK_OPERATOR):
            use = KeyUse.DIGITAL_SIGNING if cell.use is KeyUse.DIGITAL_SIGNING else KeyUse.KEY_AGREEMENT
            certificate = Certificate.decode(broker.certificate(use))
            device.credentials.fill(cell, anchor_of(cell, certificate))
            device.counters.store(cell.role, 0)


def _make(section: DeviceSection, pki: TestPki, nvm: Nvm, store: MemoryKeyStore, proxy: Eui64 | None) -> Device:
    # Loaded kind by kind: a rig pays for the devices that it has.
    identity, personality, kind = section.eui64, _personality(section), section.type
    secret = pki.secret(identity)
    if kind is DeviceType.ESME:
        from firmware_emu.devices import esme
        from firmware_emu.mains import Mains

        mains = Mains(pki.entropy(f"voltage at {identity.hex()}"))
        return esme.make_device(identity, personality, nvm, store, section.load.model(), secret, mains)
    if kind is DeviceType.GSME:
        from firmware_emu.devices import gsme

        return gsme.make_device(identity, personality, nvm, store, section.load.model(), secret)
    if kind is DeviceType.CHF:
        from firmware_emu.devices import chf

        return chf.make_device(identity, personality, nvm, store, proxy, secret)
    if kind is DeviceType.PPMID:
        from firmware_emu.devices import ppmid

        return ppmid.make_device(identity, personality, nvm, store, secret, section.ask_every)
    if kind is DeviceType.TYPE_2:
        from firmware_emu.devices import ihd

        return ihd.make_device(identity, personality, nvm, store, section.ask_every)
    from firmware_emu.devices import gpf, hcalcs, sapc

    makers = {DeviceType.GPF: gpf, DeviceType.HCALCS: hcalcs, DeviceType.SAPC: sapc}
    device: Device = makers[kind].make_device(identity, personality, nvm, store, secret)
    return device


def _personality(section: DeviceSection) -> Personality:
    """That of the rig's model, or of the usual model of its kind, with what the rig says otherwise."""
    kind = kind_name(section.type).lower()
    usual = next((name for name in (f"{kind}-single", kind) if name in names()), None)
    try:
        model = section.model or usual
        found = named(model) if model else Personality(device=section.type)
        if found.device is not section.type:
            raise RigError(f"device {section.name!r}: {section.model} is a model of {kind_name(found.device)}")
        firmware = section.firmware or found.firmware_version
        auxiliary = section.auxiliary or found.auxiliary
        defects = found.defects | frozenset(section.defects)
        return replace(found, firmware_version=firmware, defects=defects, auxiliary=auxiliary)
    except PersonalityError as error:
        raise RigError(f"device {section.name!r}: {error}") from None
