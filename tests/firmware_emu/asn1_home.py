"""Devices with the parts for ASN.1 commands, and all remote parties with certificates of a test infrastructure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from firmware_emu import Device, MemoryNvm, Nvm, Output, Personality
from firmware_emu.credentials import Cell
from firmware_emu.parts.credentials.asn1 import asn1_parts
from firmware_emu.parts.credentials.rules import CELLS
from firmware_emu.parts.credentials.update import anchor_of
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, add_mac, sign, verify
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Protection, by_code
from protocols.instant import Instant, instant
from protocols.smki.certificate import Certificate
from protocols.smki.infrastructure import make_infrastructure
from protocols.smki.names import KeyUsage

from .tiny import messages

SMKI = make_infrastructure(b"device parts")
START = instant(2026, 3, 1, 12)
DEVICES = {kind: eui64(f"00-DB-12-34-56-78-90-A{place}") for place, kind in enumerate(DeviceType)}
PARTIES = {role: eui64(f"90-B3-D5-1F-30-0{int(role):X}-00-00") for role in RemotePartyRole if role < 10}
SUPPLIER, OPERATOR = PARTIES[RemotePartyRole.SUPPLIER], PARTIES[RemotePartyRole.NETWORK_OPERATOR]
BROKER, COS = PARTIES[RemotePartyRole.ACCESS_CONTROL_BROKER], PARTIES[RemotePartyRole.TRANSITIONAL_COS]
CONTROLLER, RECOVERY = PARTIES[RemotePartyRole.LOAD_CONTROLLER], PARTIES[RemotePartyRole.RECOVERY]
WAN = PARTIES[RemotePartyRole.WAN_PROVIDER]
NEW_SUPPLIER = eui64("90-B3-D5-1F-30-0F-00-00")
DS, KA, TOP_UP = KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT, KeyUse.PREPAYMENT_KEY_AGREEMENT
_USAGES = {DS: KeyUsage.DIGITAL_SIGNATURE, KA: KeyUsage.KEY_AGREEMENT, TOP_UP: KeyUsage.KEY_AGREEMENT}


def entropy(party: Eui64, use: KeyUse, generation: int = 0) -> bytes:
    """48 octets that are the same in every run."""
    return (bytes(party) + use.value.encode() + bytes((generation,))).ljust(48, b"\x3c")


def certificate(party: Eui64, role: RemotePartyRole, use: KeyUse, generation: int = 0, **others: Any) -> Certificate:
    """An organisation's certificate for the key that ``entropy`` makes."""
    store = MemoryKeyStore()
    point = store.generate(KeyName(party, use), entropy(party, use, generation))
    return SMKI.organisation(party, role, _USAGES[use], point, **others)


def device_keys(device: Eui64) -> MemoryKeyStore:
    """A device's key store with its certificates."""
    store = MemoryKeyStore()
    for use in (DS, KA):
        point = store.generate(KeyName(device, use), entropy(device, use))
        store.put_certificate(KeyName(device, use), SMKI.device(device, _USAGES[use], point).octets)
    return store


def party_keys(device: Eui64) -> MemoryKeyStore:
    """All remote parties' keys, and the device's public ones."""
    store = MemoryKeyStore()
    for party in (*PARTIES.values(), NEW_SUPPLIER):
        for use in KeyUse:
            store.generate(KeyName(party, use), entropy(party, use))
    own = device_keys(device)
    for use in (DS, KA):
        store.put_certificate(KeyName(device, use), own.certificate(KeyName(device, use)) or b"")
    return store


@dataclass
class Asn1Rig:
    """One device and those who command it."""

    kind: DeviceType = DeviceType.ESME
    defects: frozenset[str] = frozenset()
    nvm: Nvm = field(default_factory=MemoryNvm)
    now: Instant = START
    counter: int = 1000

    def __post_init__(self) -> None:
        self.identity = DEVICES[self.kind]
        self.keys = party_keys(self.identity)
        self.device_keys = device_keys(self.identity)
        self.start()
        self._fill()

    def start(self) -> list[Output]:
        """Build the device from its memory and switch it on."""
        personality = Personality(device=self.kind, defects=self.defects)
        self.device = Device(self.identity, personality, self.nvm, self.device_keys, asn1_parts(self.kind))
        return self.device.power_on(self.now)

    def _fill(self) -> None:
        for cell in CELLS[self.kind]:
            if cell.use is None:
                self.device.credentials.fill(cell, anchor_of(cell, SMKI.organisation_root.certificate))
            else:
                self.device.credentials.fill(
                    cell, anchor_of(cell, certificate(PARTIES[cell.role], cell.role, cell.use))
                )
        self.device.commit()

    def command(
        self, code: int, value: Any, sender: Eui64 = SUPPLIER, counter: int | None = None, **other: Any
    ) -> Message:
        """A command with the protection that the device expects."""
        use_case = by_code(code)
        assert use_case is not None
        number = self.next_counter() if counter is None else counter
        payload = Asn1Payload(value).encode()
        message = Message(Cra.COMMAND, number, sender, self.identity, OtherInformation(code, **other), payload)
        roles = self.device.credentials.roles_of(sender)
        role = next((role for role in roles if role in use_case.roles), None)
        needed = use_case.protection_of(Cra.COMMAND, role, self.kind)
        if Protection.SIGNATURE in needed:
            message = sign(message, self.keys)
        return add_mac(message, self.keys, BROKER) if Protection.MAC in needed else message

    def next_counter(self) -> int:
        """A counter that no command has had."""
        self.counter += 1
        return self.counter

    def send(self, message: Message) -> list[Message]:
        """Hand a message to the device; all that it sends."""
        return messages(self.device.receive(message.encode(), self.now))

    def ask(self, code: int, value: Any, sender: Eui64 = SUPPLIER, **others: Any) -> Any:
        """Send a command; the typed value of its response, whose protection verifies."""
        sent = self.send(self.command(code, value, sender, **others))
        (response,) = [message for message in sent if message.cra is Cra.RESPONSE]
        assert Verdict.INVALID not in verify(response, self.keys)
        return value_of(response)

    def advance(self, to: Instant) -> list[Message]:
        """Let time pass; all that the device sends."""
        self.now = to
        return messages(self.device.advance(to))

    def security_log(self) -> list[int]:
        """The codes in the security log."""
        return [entry.code for entry in self.device.logs.security()]

    def held(self, role: RemotePartyRole, use: KeyUse | None) -> bytes:
        """The key identifier that a cell holds."""
        return self.device.credentials.held(Cell(role, use)).key_identifier


def value_of(message: Message) -> Any:
    """The typed ASN.1 value of a message."""
    payload = decode_payload(message)
    assert isinstance(payload, Asn1Payload)
    return payload.value
