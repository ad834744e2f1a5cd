"""The metering side of an electricity meter with a load, and the commands that set its tariff."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_emu import Device, MemoryNvm, Output, Part, Personality
from firmware_emu.engines.tariff import UNUSED_THRESHOLD
from firmware_emu.load_model import DayLoad, LoadModel
from firmware_emu.parts.electricity.billing import Billing
from firmware_emu.parts.electricity.maximum_demand import MaximumDemands
from firmware_emu.parts.electricity.metrology import Metrology
from firmware_emu.parts.electricity.profiles import Profiles
from firmware_emu.parts.electricity.supply import Supply
from firmware_emu.parts.electricity.tariff import Tariff
from firmware_emu.parts.electricity.tariff_values import (
    SCRIPT_TABLE,
    new_prices,
    new_standing_charge,
    price_keys,
)
from firmware_emu.parts.electricity.voltage import Voltage
from protocols.dlms.access import AccessRequest, AccessResponse, DataNotification, access_request, get, set_to
from protocols.dlms.cosem_time import CosemDate, CosemDateTime, CosemTime
from protocols.dlms.data import (
    Data,
    array,
    boolean,
    int8,
    int16,
    octet_string,
    structure,
    uint8,
    uint16,
    uint32,
)
from protocols.dlms.obis import obis
from protocols.gbcs.message import Message
from protocols.gbcs.payload import decode_payload
from protocols.instant import Instant

from .tiny import Rig, messages

NOW = bytes(9) + bytes.fromhex("8000ff")
NEVER = b"\xff" * 9 + bytes.fromhex("8000ff")
UNUSED = (UNUSED_THRESHOLD,) * 3


@dataclass
class Wobbly:
    """A load that is easy to reckon: every half-hour another amount, export now and then."""

    scale: int = 100

    def amount(self, slot: int) -> int:
        """Import of a half-hour counted from 2000, Wh."""
        return (slot * 7919 % 97) * self.scale // 10

    def day(self, day: int) -> DayLoad:
        """The half-hours of a day."""
        slots = range(48 * day, 48 * day + 48)
        used = [self.amount(slot) for slot in slots]
        made = [slot % 5 for slot in slots]
        return DayLoad(used, made, [amount // 3 for amount in used], made, (0,) * 48, [slot % 11 for slot in slots])


class Metering:
    """A rig with the metering parts by name; ``now`` moves with ``run``."""

    def __init__(
        self,
        load: LoadModel | None = None,
        variant: str = "A",
        connected: Callable[[], bool] = lambda: True,
        personality: Personality | None = None,
    ) -> None:
        self.load, self.connected = load, connected
        nvm = MemoryNvm()
        self.medium = nvm.medium
        self.rig = Rig(personality or Personality(variant=variant), nvm, parts=self.parts())

    def parts(self) -> list[Part]:
        """Parts anew, as at a restart."""
        self.tariff = Tariff()
        self.metrology = Metrology(self.tariff, self.load, self.connected)
        self.profiles = Profiles(self.metrology)
        self.billing = Billing(self.metrology)
        self.demands = MaximumDemands(self.metrology)
        self.supply = Supply(lambda: sum(self.metrology.watts()))
        self.voltage = Voltage()
        return [
            self.tariff,
            self.metrology,
            self.profiles,
            self.billing,
            self.demands,
            self.supply,
            self.voltage,
        ]

    @property
    def device(self) -> Device:
        """The meter."""
        return self.rig.meter

    def run(self, until: Instant) -> list[Output]:
        """Let time pass."""
        self.rig.now = until
        return self.device.advance(until)

    def restart(self, lost: Instant, back: Instant) -> list[Output]:
        """The supply fails and comes back; the meter is built anew from its memory."""
        self.rig.now = lost
        self.device.power_off(lost)
        return self.restart_from_memory(back)

    def restart_from_memory(self, back: Instant) -> list[Output]:
        """The meter is built anew from what was committed."""
        self.rig.now, self.rig.nvm, self.rig.parts = back, MemoryNvm(self.medium), self.parts()
        return self.rig.start()

    def ask(self, use_case: str, request: AccessRequest, **options: object) -> AccessResponse:
        """A command through a real message; the response's payload."""
        response: Message = self.rig.ask(use_case, request, **options)  # type: ignore[arg-type]  # a sender only
        payload = decode_payload(response)
        assert isinstance(payload, AccessResponse)
        return payload

    def read(self, class_id: int, name: str, number: int) -> Data:
        """An attribute, without a message."""
        return self.device.cosem.read((class_id, obis(name), number))

    def log(self, name: str, start: Instant = 0, end: Instant = 1 << 40) -> list[tuple[object, ...]]:
        """The entries of a log, without a message."""
        value = self.device.cosem.read_range((7, obis(name), 2), start, end)
        return list(value.value.rows)


def told(outputs: Sequence[Output], message_code: int) -> list[tuple[Data, ...]]:
    """What the DLMS alerts with a message code say: code, time, and the rest."""
    found = []
    for message in messages(outputs):
        payload = decode_payload(message)
        if message.other.message_code == message_code and isinstance(payload, DataNotification):
            found.append(tuple(payload.body.value))
    return found


def moment(at: Instant) -> bytes:
    """12 octets of a date-time."""
    return CosemDateTime.at(at).encode()


def days(*switches: tuple[int, int]) -> Data:
    """Day 1: (second, selector) pairs."""
    return array(structure(uint8(1), array(*[_switch(*each) for each in switches])))


def _switch(second: int, selector: int) -> Data:
    time = CosemTime(second // 3600, second // 60 % 60, second % 60, 0)
    return structure(octet_string(time.encode()), octet_string(SCRIPT_TABLE), uint16(selector))


def seasons() -> Data:
    """One, for ever."""
    start = CosemDateTime(CosemDate(2015, 1, 1), CosemTime(0, 0, 0, 0)).encode()
    return array(structure(octet_string(b"all"), octet_string(start), octet_string(b"\x01")))


def weeks() -> Data:
    """Every day is day 1."""
    return array(structure(octet_string(b"\x01"), *[uint8(1)] * 7))


def price_matrix(cells: dict[bytes, int], scale: int = -5) -> Data:
    """The primary matrix; cells not named are 0."""
    _scales, reference, _cells = new_prices(secondary=False).value
    rows = [structure(octet_string(key), int16(cells.get(key, 0))) for key in price_keys()]
    return structure(structure(int8(3), int8(scale)), reference, array(*rows))


def standing_charge(price: int) -> Data:
    """Millipence a day."""
    scales, reference, _cells = new_standing_charge().value
    return structure(scales, reference, array(structure(octet_string(b""), int16(price))))


def set_tariff(
    day: Data,
    prices: Data,
    when: bytes = NOW,
    thresholds: Sequence[Sequence[int]] = (UNUSED,) * 8,
    special: Data = array(),  # noqa: B008 - an immutable value
    charge: int = 0,
) -> AccessRequest:
    """The instructions of ECS01a."""
    calendar = obis("0-0:13.0.0")
    at = octet_string(when)
    blocks = [
        set_to(21, obis(f"0-0:16.1.{11 + rate}"), 2, array(*[uint32(each) for each in row]))
        for rate, row in enumerate(thresholds)
    ]
    return access_request(
        0,
        set_to(20, calendar, 7, seasons()),
        set_to(20, calendar, 8, weeks()),
        set_to(20, calendar, 9, day),
        set_to(11, obis("0-1:11.0.0"), 2, special),
        *blocks,
        set_to(9000, obis("0-0:94.44.2.0"), 4, boolean(True)),
        set_to(113, obis("0-0:19.20.4"), 6, standing_charge(charge)),
        set_to(113, obis("0-0:19.20.0"), 6, prices),
        set_to(20, calendar, 10, at),
        set_to(9000, obis("0-0:94.44.128.29"), 6, at),
        set_to(9000, obis("0-0:94.44.2.0"), 6, at),
        set_to(113, obis("0-0:19.20.4"), 7, at),
        set_to(113, obis("0-0:19.20.0"), 7, at),
        set_to(9000, obis("0-0:63.1.1"), 6, at),
    )


def read_tariff() -> AccessRequest:
    """The instructions of ECS24."""
    thresholds = [get(21, obis(f"0-0:16.0.{11 + rate}"), 2) for rate in range(8)]
    return access_request(
        0,
        get(3, obis("0-0:94.44.1.7"), 2),
        get(3, obis("0-0:94.44.1.7"), 3),
        *[get(20, obis("0-0:13.0.0"), number) for number in (3, 4, 5)],
        get(11, obis("0-0:11.0.0"), 2),
        *thresholds,
        get(9000, obis("0-0:94.44.2.0"), 2),
        get(113, obis("0-0:19.20.4"), 5),
        get(113, obis("0-0:19.20.0"), 5),
    )
