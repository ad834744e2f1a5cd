"""A tiny electricity meter, and remote parties that talk to it with keys of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from firmware_emu import Device, MemoryNvm, Nvm, Output, Part, Personality, SendMessage, SwitchMoved
from firmware_emu.clock_object import ClockObject
from firmware_emu.cosem import expect
from firmware_emu.credentials import Cell, point_anchor
from firmware_emu.profile_generic import serve_event_logs
from firmware_emu.refusals import AccessFailed
from protocols.dlms.access import AccessRequest, access_request, action, get, get_selected, invoke_id_of, set_to
from protocols.dlms.cosem_time import NEVER, CosemDateTime
from protocols.dlms.data import (
    Data,
    DataType,
    array,
    enum,
    int8,
    octet_string,
    structure,
    uint16,
    uint32,
)
from protocols.dlms.obis import obis
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.protection import add_mac, sign
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.use_cases import Protection, by_name
from protocols.instant import Instant, instant

START = instant(2026, 3, 1, 12)
METER = eui64("00-DB-12-34-56-78-90-A0")
SUPPLIER = eui64("90-B3-D5-1F-30-01-00-00")
OPERATOR = eui64("90-B3-D5-1F-30-02-00-00")
BROKER = eui64("90-B3-D5-1F-30-00-00-02")
STRANGER = eui64("90-B3-D5-1F-30-09-00-00")

ROLES = {
    RemotePartyRole.SUPPLIER: SUPPLIER,
    RemotePartyRole.NETWORK_OPERATOR: OPERATOR,
    RemotePartyRole.ACCESS_CONTROL_BROKER: BROKER,
}
_USES = (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT)

SWITCH_SCRIPTS, SWITCH = "0-0:10.0.106.255", "0-0:96.3.10.255"


@dataclass(slots=True)
class SwitchState:
    """0 disabled, 1 enabled, 2 armed."""

    state: int = 1


class LoadSwitch(Part):
    """Opens and closes on command."""

    name = "load switch"
    State = SwitchState
    state: SwitchState

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.cosem.attribute(70, SWITCH, 3, get=lambda: enum(self.state.state))
        device.cosem.method(9, SWITCH_SCRIPTS, 1, self._run)

    def _run(self, argument: Data) -> None:
        wanted = {51: 1, 52: 0}.get(expect(argument, DataType.UINT16))
        if wanted is None:
            raise AccessFailed
        self.state.state = wanted
        self.touch()
        self.device.emit(SwitchMoved("load switch", 100 * wanted))


class Identity(Part):
    """The firmware version."""

    name = "identity"

    def attach(self, device: Device) -> None:
        super().attach(device)
        version = bytes.fromhex(device.personality.firmware_version)
        device.cosem.constant(1, "0-0:0.2.1.255", 2, octet_string(version))
        serve_event_logs(device.cosem, device.logs, device.personality.device)


def entropy(party: Eui64, use: KeyUse) -> bytes:
    """48 octets that are the same in every run."""
    return (bytes(party) + use.value.encode()).ljust(48, b"\x5a")


def party_keys() -> MemoryKeyStore:
    """The keys of every remote party, and the meter's public ones."""
    store = MemoryKeyStore()
    for party in (SUPPLIER, OPERATOR, BROKER, STRANGER):
        for use in _USES:
            store.generate(KeyName(party, use), entropy(party, use))
    meter = meter_keys()
    for use in _USES:
        store.put_point(KeyName(METER, use), meter.public_point(KeyName(METER, use)) or b"")
    return store


def meter_keys() -> MemoryKeyStore:
    """The meter's own keys; those of others come from its trust anchors."""
    store = MemoryKeyStore()
    for use in _USES:
        store.generate(KeyName(METER, use), entropy(METER, use))
    return store


@dataclass
class Rig:
    """The meter and what was sent to it. ``now`` moves with ``advance`` only."""

    personality: Personality = field(default_factory=Personality)
    nvm: Nvm = field(default_factory=MemoryNvm)
    keys: MemoryKeyStore = field(default_factory=party_keys)
    now: Instant = START
    counter: int = 1000
    parts: Sequence[Part] = ()

    def __post_init__(self) -> None:
        self.start()
        if not any(True for _ in self.meter.credentials.cells()):
            self.install_anchors()

    def start(self) -> list[Output]:
        """Build the meter from its memory and switch it on, as after a cut."""
        own = [LoadSwitch(), Identity(), ClockObject(), *self.parts]
        self.meter = Device(METER, self.personality, self.nvm, meter_keys(), own)
        return self.meter.power_on(self.now)

    def install_anchors(self) -> None:
        """What the factory does."""
        for role, party in ROLES.items():
            for use in _USES:
                self.meter.credentials.fill(Cell(role, use), point_anchor(self.keys, party, use))
        self.meter.commit()

    def build(
        self,
        use_case: str,
        request: AccessRequest | bytes,
        sender: Eui64 = SUPPLIER,
        counter: int | None = None,
        other: OtherInformation | None = None,
    ) -> Message:
        """A command with the protection of its use case."""
        row = by_name(use_case)
        assert row is not None
        self.counter += 1
        number = self.counter if counter is None else counter
        payload = request if isinstance(request, bytes) else _with_id(request, number)
        message = Message(Cra.COMMAND, number, sender, METER, other or OtherInformation(row.message_code), payload)
        if Protection.SIGNATURE in row.command:
            message = sign(message, self.keys)
        return add_mac(message, self.keys, BROKER) if Protection.MAC in row.command else message

    def send(self, message: Message | bytes) -> list[Output]:
        """Hand it to the meter."""
        return self.meter.receive(message if isinstance(message, bytes) else message.encode(), self.now)

    def ask(self, use_case: str, request: AccessRequest, sender: Eui64 = SUPPLIER) -> Message:
        """Send a command; the one message that comes back."""
        (response,) = messages(self.send(self.build(use_case, request, sender)))
        return response


def _with_id(request: AccessRequest, counter: int) -> bytes:
    return AccessRequest(invoke_id_of(counter), request.specifications, request.data).encode()


def messages(outputs: Sequence[Output]) -> list[Message]:
    """The messages among outputs, decoded."""
    return [Message.decode(output.octets) for output in outputs if isinstance(output, SendMessage)]


READ_SWITCH = access_request(0, get(70, obis(SWITCH), 3))
CLOSE_SWITCH = access_request(0, action(9, obis(SWITCH_SCRIPTS), 1, uint16(51)))
OPEN_SWITCH = access_request(0, action(9, obis(SWITCH_SCRIPTS), 1, uint16(52)))
READ_VERSION = access_request(0, get(1, obis("0-0:0.2.1.255"), 2))


def read_log(name: str, start: Instant = 0, end: Instant = 0xFFFFFFFF) -> AccessRequest:
    """The entries of a log between two times."""
    clock = structure(uint16(1), octet_string(obis("0-0:94.44.100.255")), int8(2), uint16(0))
    return access_request(0, get_selected(7, obis(name), 2, 1, structure(clock, uint32(start), uint32(end), array())))


def set_clock(start: Instant, end: Instant) -> AccessRequest:
    """The instructions of ECS70."""
    name = obis("0-0:1.0.0.255")
    moments = [octet_string(CosemDateTime.at(each).encode()) for each in (start, end)]
    return access_request(
        0,
        set_to(8, name, 9, enum(5)),
        action(8, name, 5, structure(octet_string(NEVER.encode()), *moments)),
        action(8, name, 4, int8(0)),
        get(8, name, 2),
        get(8, name, 4),
    )
