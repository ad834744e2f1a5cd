"""A whole electricity meter, or a stand-alone controller, and remote parties that command it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from firmware_emu import Output, SendMessage
from firmware_emu.credentials import Cell, point_anchor
from firmware_emu.devices import esme, sapc
from firmware_emu.load_model import DayLoad
from protocols.dlms.access import (
    AccessRequest,
    AccessResponse,
    DataNotification,
    access_request,
    action,
    get,
    invoke_id_of,
    set_to,
)
from protocols.dlms.access import Specification as Step
from protocols.dlms.cosem_time import NEVER, NOW, CosemDate, CosemDateTime, CosemTime
from protocols.dlms.data import (
    Data,
    array,
    bit_string,
    boolean,
    enum,
    int8,
    int32,
    octet_string,
    structure,
    uint8,
    uint16,
)
from protocols.dlms.obis import obis
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.utrn import ValueClass, make_utrn
from protocols.instant import Instant

from .tiny import BROKER, METER, SUPPLIER, Rig, entropy, party_keys

LOAD_CONTROLLER = eui64("90-B3-D5-1F-30-01-00-08")
ANY_DATE = CosemDate()
AT_ONCE, CANCELLED = octet_string(NOW.encode()), octet_string(NEVER.encode())
PREPAYMENT_KEY = KeyName(SUPPLIER, KeyUse.PREPAYMENT_KEY_AGREEMENT)

Steps = tuple[Step, Data]


def all_keys() -> MemoryKeyStore:
    """The keys of every remote party, with those for tokens and of the load controller."""
    keys = party_keys()
    keys.generate(PREPAYMENT_KEY, entropy(*PREPAYMENT_KEY))
    for use in (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT):
        keys.generate(KeyName(LOAD_CONTROLLER, use), entropy(LOAD_CONTROLLER, use))
    return keys


def meter_keys() -> MemoryKeyStore:
    """The meter's own keys."""
    store = MemoryKeyStore()
    for use in (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT):
        store.generate(KeyName(METER, use), entropy(METER, use))
    return store


@dataclass
class Steady:
    """The same import in every half-hour, Wh."""

    energy: int = 0

    def day(self, day: int) -> DayLoad:  # noqa: ARG002 - always the same
        """48 half-hours."""
        return DayLoad((self.energy,) * 48, *[(0,) * 48] * 5)


class Told(NamedTuple):
    """What came of a command: the result of each instruction, the data, codes of alerts, all outputs."""

    results: list[int]
    data: list[Data]
    alerts: list[int]
    outputs: list[Output]


@dataclass
class WholeMeter(Rig):
    """Give it commands with ``tell``; ``run`` lets time pass and gives the codes of the alerts."""

    keys: MemoryKeyStore = field(default_factory=all_keys)
    load: Steady = field(default_factory=Steady)

    def start(self) -> list[Output]:
        """Build the device from its memory and switch it on."""
        if self.personality.device is DeviceType.SAPC:
            self.meter = sapc.make_device(METER, self.personality, self.nvm, meter_keys())
        else:
            self.meter = esme.make_device(METER, self.personality, self.nvm, meter_keys(), self.load)
        return self.meter.power_on(self.now)

    def install_anchors(self) -> None:
        """What the factory does."""
        super().install_anchors()
        fill = self.meter.credentials.fill
        prepayment = KeyUse.PREPAYMENT_KEY_AGREEMENT
        fill(Cell(RemotePartyRole.SUPPLIER, prepayment), point_anchor(self.keys, SUPPLIER, prepayment))
        for use in (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT):
            fill(Cell(RemotePartyRole.LOAD_CONTROLLER, use), point_anchor(self.keys, LOAD_CONTROLLER, use))
        self.meter.commit()

    def tell(self, use_case: str, *steps: Steps, sender: Eui64 = SUPPLIER, counter: int | None = None) -> Told:
        """Send a protected command and read the answer."""
        self.counter += 1
        number = self.counter if counter is None else counter
        plain = access_request(0, *steps)
        request = AccessRequest(invoke_id_of(number), plain.specifications, plain.data).encode()
        outputs = self.send(self.build(use_case, request, sender, number))
        answers = [message for message in _messages(outputs) if message.cra is Cra.RESPONSE]
        payload = decode_payload(answers[0]) if answers else None
        if not isinstance(payload, AccessResponse):
            return Told([], [], alert_codes(outputs), outputs)
        results = [int(result.code) for result in payload.results]
        return Told(results, list(payload.data), alert_codes(outputs), outputs)

    def run(self, until: Instant) -> list[int]:
        """Let time pass."""
        self.now = until
        return alert_codes(self.meter.advance(until))

    def press(self, key: str) -> list[Output]:
        """The consumer presses a key."""
        return self.meter.press(key, self.now)

    def sense(self, signal: str, active: bool = True) -> list[int]:
        """A sensor changes; the codes of the alerts."""
        return alert_codes(self.meter.sense(signal, active, self.now))

    def read(self, class_id: int, name: str, number: int) -> Data:
        """An attribute, without a message."""
        return self.meter.cosem.read((class_id, obis(name), number))

    def preset(self, class_id: int, name: str, number: int, value: Data) -> None:
        """The maker sets an attribute."""
        self.meter.cosem.preset((class_id, obis(name), number), value)
        self.meter.commit()

    def token(self, counter: int, value: int, value_class: ValueClass = ValueClass.POUNDS) -> str:
        """A prepayment token of the supplier for this meter."""
        return make_utrn(self.keys, SUPPLIER, METER, counter, value, value_class)

    def security(self) -> list[int]:
        """The codes in the security log."""
        return [entry.code for entry in self.meter.logs.security()]

    def events(self) -> list[int]:
        """The codes in the event log."""
        return [entry.code for entry in self.meter.logs.events()]


def _messages(outputs: Sequence[Output]) -> list[Message]:
    return [Message.decode(output.octets) for output in outputs if isinstance(output, SendMessage)]


def alerts(outputs: Sequence[Output]) -> list[tuple[int, Message, tuple[Data, ...]]]:
    """Code, message and members behind code and time of every alert."""
    found = []
    for message in _messages(outputs):
        payload = decode_payload(message)
        if message.cra is Cra.ALERT and isinstance(payload, DataNotification):
            code, _time, *rest = payload.body.value
            found.append((code.value, message, tuple(rest)))
    return found


def alert_codes(outputs: Sequence[Output]) -> list[int]:
    """The codes of the alerts among outputs."""
    return [code for code, _message, _rest in alerts(outputs)]


def moment(at: Instant) -> Data:
    """A date-time of 12 octets."""
    return octet_string(CosemDateTime.at(at).encode())


def entry(
    number: int,
    table: str,
    selector: int,
    hour: int,
    weekdays: str = "1111111",
    special_days: str = "",
    begin: CosemDate = ANY_DATE,
    end: CosemDate = ANY_DATE,
) -> Data:
    """An entry of a schedule."""
    return structure(
        uint16(number),
        boolean(True),
        octet_string(obis(table)),
        uint16(selector),
        octet_string(CosemTime(hour, 0, 0, 0).encode()),
        uint16(0xFFFF),
        bit_string(weekdays),
        bit_string(special_days),
        octet_string(begin.encode()),
        octet_string(end.encode()),
    )


def special_day(number: int, date: CosemDate) -> Data:
    """A row of a special days table."""
    return structure(uint16(number), octet_string(date.encode()), uint8(number))


__all__ = [
    "ANY_DATE",
    "AT_ONCE",
    "BROKER",
    "CANCELLED",
    "LOAD_CONTROLLER",
    "Steady",
    "Steps",
    "Told",
    "WholeMeter",
    "action",
    "alert_codes",
    "alerts",
    "array",
    "entry",
    "enum",
    "get",
    "int8",
    "int32",
    "moment",
    "obis",
    "set_to",
    "special_day",
]
