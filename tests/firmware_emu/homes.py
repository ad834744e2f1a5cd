"""A home with a hub, and an access control broker that talks to it with keys of its own."""

from __future__ import annotations

from collections.abc import Sequence

from firmware_emu import Device, MemoryNvm, Output, Part, Personality
from firmware_emu.credentials import Cell, point_anchor
from firmware_emu.devices import chf
from firmware_emu.han import Done, Node
from firmware_emu.home import Home, to_wan
from protocols.dlms.access import AccessRequest, invoke_id_of
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.protection import add_mac, sign
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Protection, by_name
from protocols.instant import Instant

from .tiny import BROKER, OPERATOR, ROLES, START, STRANGER, SUPPLIER, entropy

HUB = eui64("00-DB-12-34-56-78-90-A2")
ELECTRICITY = eui64("00-DB-12-34-56-78-90-A0")
GAS = eui64("00-DB-12-34-56-78-90-A1")
PROXY = eui64("00-DB-12-34-56-78-90-A3")
DISPLAY = eui64("00-DB-12-34-56-78-90-A4")
SWITCH = eui64("00-DB-12-34-56-78-90-A5")
IN_HOME_DISPLAY = eui64("00-DB-12-34-56-78-90-A8")
DEVICES = (HUB, ELECTRICITY, GAS, PROXY, DISPLAY, SWITCH)
USES = (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT)


def own_keys(device: Eui64) -> MemoryKeyStore:
    """A device's own keys."""
    store = MemoryKeyStore()
    for use in USES:
        store.generate(KeyName(device, use), entropy(device, use))
    return store


def all_keys() -> MemoryKeyStore:
    """The keys of every remote party, and the public ones of every device."""
    store = MemoryKeyStore()
    for party in (SUPPLIER, OPERATOR, BROKER, STRANGER):
        for use in (*USES, KeyUse.PREPAYMENT_KEY_AGREEMENT):
            store.generate(KeyName(party, use), entropy(party, use))
    for device in DEVICES:
        for use in USES:
            store.put_point(KeyName(device, use), own_keys(device).public_point(KeyName(device, use)) or b"")
    return store


KEYS = all_keys()


def install_anchors(device: Device) -> None:
    """What the factory does."""
    for role, party in ROLES.items():
        for use in USES:
            device.credentials.fill(Cell(role, use), point_anchor(KEYS, party, use))
    if device.personality.device in (DeviceType.ESME, DeviceType.GSME):
        use = KeyUse.PREPAYMENT_KEY_AGREEMENT
        device.credentials.fill(Cell(RemotePartyRole.SUPPLIER, use), point_anchor(KEYS, SUPPLIER, use))
    device.commit()


def make_hub(proxy: Eui64 | None = None, defects: Sequence[str] = ()) -> Device:
    """A hub with its anchors, off."""
    personality = Personality(device=DeviceType.CHF, defects=frozenset(defects))
    hub = chf.make_device(HUB, personality, MemoryNvm(), own_keys(HUB), proxy)
    install_anchors(hub)
    return hub


def bare(identity: Eui64, kind: DeviceType, *parts: Part) -> Device:
    """A device of a kind with no parts but these, off."""
    device = Device(identity, Personality(device=kind), MemoryNvm(), own_keys(identity), parts)
    install_anchors(device)
    return device


class Parties:
    """The remote parties; ``counter`` goes up with every command."""

    def __init__(self) -> None:
        self.counter = 1000

    def command(
        self, use_case: str, request: AccessRequest | bytes, recipient: Eui64 = HUB, sender: Eui64 = BROKER
    ) -> bytes:
        """A command with the protection of its use case."""
        row = by_name(use_case)
        assert row is not None
        self.counter += 1
        payload = request if isinstance(request, bytes) else _with_id(request, self.counter)
        message = Message(Cra.COMMAND, self.counter, sender, recipient, OtherInformation(row.message_code), payload)
        if Protection.SIGNATURE in row.command:
            message = sign(message, KEYS)
        message = add_mac(message, KEYS, BROKER) if Protection.MAC in row.command else message
        return message.encode()


def _with_id(request: AccessRequest, counter: int) -> bytes:
    return AccessRequest(invoke_id_of(counter), request.specifications, request.data).encode()


def wan(done: Sequence[Done]) -> list[Message]:
    """The messages that left a home."""
    return [Message.decode(octets) for octets in to_wan(done)]


def outputs_of(done: Sequence[Done], device: Eui64) -> list[Output]:
    """What a device gave."""
    return [each.output for each in done if each.device == device]


def home_of(*devices: Device | Node, hub: Device | None = None, at: Instant = START, assembled: bool = True) -> Home:
    """A home with these devices, on."""
    home = Home(hub or make_hub(), devices, assembled=assembled)
    home.power_on(at)
    return home
