"""What remote parties may set in the devices of a home, and where each of it is read back.

``write`` gives a request with random values and what must be read after it; ``read`` gives what is held now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.requests import Request, dlms, gbz
from firmware_emu.parts.electricity.charge_values import Suspension, collection_pattern
from protocols.dlms.cosem_time import NOW, CosemDate, CosemDateTime, CosemTime
from protocols.dlms.data import (
    Data,
    DataType,
    array,
    bit_string,
    boolean,
    enum,
    int32,
    octet_string,
    structure,
    uint16,
    uint32,
)
from protocols.eui64 import Eui64
from protocols.instant import DAY, Instant
from protocols.zigbee.smart_energy_common import METERING, PREPAYMENT, PRICE

from ..firmware_emu.whole_meter import entry
from .tariffs import PlainTariff, set_prices
from .world import CONTROLLER, ELECTRICITY, GAS, HUB, POUND, PROXY, plain

if TYPE_CHECKING:
    from .test_random_commands import Walk

AT_ONCE: Instant = 0


class Written(NamedTuple):
    """A request, and what is read after it. ``at``: when it comes into force."""

    request: Request
    value: Any
    at: Instant = AT_ONCE


@dataclass(frozen=True)
class Setting:
    """One thing that can be set. ``write`` is given chance, what is held now (None: unknown) and the time."""

    name: str
    device: Eui64
    write: Callable[[Random, Any, Instant], Written | None]
    read: Callable[[Walk], Any]


def dated(at: Instant) -> Data:
    """An activation date-time; ``AT_ONCE`` is none."""
    return octet_string((NOW if at == AT_ONCE else CosemDateTime.at(at)).encode())


def perhaps_later(chance: Random, now: Instant) -> Instant:
    """At once, or within three hours."""
    return AT_ONCE if chance.random() < 0.6 else now + chance.randrange(60, 10_000)


def of_dlms(name: str, place: int, device: Eui64 = ELECTRICITY) -> Callable[[Walk], Any]:
    """A value of the answer to a DLMS read."""
    return lambda walk: plain(walk.read(dlms(name), device).data[place])


def of_gbz(name: str, *attributes: tuple[int, int], device: Eui64 = GAS) -> Callable[[Walk], Any]:
    """Attributes of the answer to a GBZ read."""

    def read(walk: Walk) -> Any:
        answer = walk.read(gbz(name), device)
        return [answer.attribute(*each) for each in attributes]

    return read


def visible_string(text: str) -> Data:
    """A printable text."""
    return Data(DataType.VISIBLE_STRING, text)


# electricity


def _power(chance: Random, _held: Any, _now: Instant) -> Written:
    low = chance.randrange(1, 5_000)
    high = low + chance.randrange(1, 9_000)
    return Written(dlms("ECS34", array(uint32(low), uint32(high))), [low, high])


def _mpan(name: str) -> Callable[[Random, Any, Instant], Written]:
    def write(chance: Random, _held: Any, _now: Instant) -> Written:
        digits = str(chance.randrange(10**12, 10**13)).encode()
        return Written(dlms(name, octet_string(digits)), digits)

    return write


def _offset(chance: Random, _held: Any, _now: Instant) -> Written:
    limit = chance.randrange(1_800)
    return Written(dlms("ECS38", uint16(limit)), limit)


def _load_limit(chance: Random, _held: Any, now: Instant) -> Written:
    threshold, period, restoration = (chance.randrange(1, 2**31) for _ in range(3))
    disables, at = chance.random() < 0.5, perhaps_later(chance, now)
    values = (boolean(disables), uint32(threshold), uint32(period), uint32(restoration))
    return Written(dlms("ECS28a", *values, *[dated(at)] * 4), [disables, threshold, period, restoration], at)


def _read_load_limit(walk: Walk) -> Any:
    data = walk.read(dlms("ECS27"), ELECTRICITY).data
    return [plain(data[place]) for place in (0, 3, 4, 5)]


def _voltage(chance: Random, _held: Any, _now: Instant) -> Written:
    values = [chance.randrange(1, 2**31) for _ in range(11)]
    return Written(dlms("ECS29a", *map(uint32, values)), values[1:])


def _read_voltage(walk: Walk) -> Any:
    return [plain(data) for data in walk.read(dlms("ECS26b"), ELECTRICITY).data]


def _tamper(chance: Random, _held: Any, _now: Instant) -> Written:
    locks = chance.random() < 0.5
    return Written(dlms("ECS81", boolean(locks)), locks)


def _billing(chance: Random, _held: Any, _now: Instant) -> Written:
    time, date = CosemTime(chance.randrange(24), chance.choice([0, 30]), 0, 0), CosemDate(day=chance.randrange(1, 29))
    row = structure(octet_string(time.encode()), octet_string(date.encode()))
    return Written(dlms("ECS30a", array(row)), [[time.encode(), date.encode()]])


def _events(name: str) -> Callable[[Random, Any, Instant], Written | None]:
    def write(chance: Random, held: Any, _now: Instant) -> Written | None:
        if held is None:
            return None
        mask, action = (format(chance.getrandbits(256), "0256b") for _ in range(2))
        after = "".join(new if changed == "1" else old for old, changed, new in zip(held, mask, action, strict=True))
        return Written(dlms(name, bit_string(mask + action)), after)

    return write


def _mode(chance: Random, _held: Any, now: Instant) -> Written:
    mode, at = chance.choice([1, 2]), perhaps_later(chance, now)
    pattern = collection_pattern(Suspension(), twin=False)
    wanted = structure(enum(mode), enum(1))
    if mode == 1:
        return Written(dlms("ECS02", wanted, pattern, dated(at)), [mode, 2], at)
    return Written(dlms("ECS03", wanted, int32(0), pattern, dated(at), dated(at)), [mode, 2], at)


def _prices(chance: Random, _held: Any, now: Instant) -> Written:
    prices = [chance.randrange(32_768) for _ in range(48)]
    at = perhaps_later(chance, now)
    tariff = PlainTariff([], {}, {}, dict(enumerate(prices, 1)))
    return Written(set_prices(tariff, dated(at)), prices, at)


def _read_prices(walk: Walk) -> Any:
    matrix = walk.read(dlms("ECS24"), ELECTRICITY).data[-1]
    return [cell.value[1].value for cell in matrix.value[2].value][:48]


def _prepayment(chance: Random, _held: Any, now: Instant) -> Written:
    at = perhaps_later(chance, now)
    most, credit = chance.randrange(900, 2_000) * POUND, chance.randrange(100, 200) * POUND
    low, limit, threshold = (chance.randrange(20 * POUND) for _ in range(3))
    cap = chance.randrange(0x10000)
    weekend = array(entry(1, "0-0:10.0.106.255", 32, chance.randrange(24), "0000011"))
    values = (array(), int32(most), int32(credit), weekend, uint16(cap), int32(7 * DAY), int32(low), int32(limit))
    request = dlms("ECS08a", *values, dated(at), int32(threshold), *[dated(at)] * 8)
    return Written(request, [credit, most, low, cap, limit, threshold], at)


def _read_prepayment(walk: Walk) -> Any:
    data = walk.read(dlms("ECS26a"), ELECTRICITY).data
    return [plain(data[place]) for place in (8, 10, 11, 12, 14, 15)]


def _links(chance: Random, _held: Any, _now: Instant) -> Written:
    linked = [chance.random() < 0.5 for _ in range(5)]
    return Written(dlms("ECS62", *map(boolean, linked)), linked)


def _read_links(device: Eui64) -> Callable[[Walk], Any]:
    return lambda walk: [plain(data) for data in walk.read(dlms("ECS61c"), device).data[2:]]


def _descriptions(chance: Random, _held: Any, _now: Instant) -> Written:
    texts = ["".join(chance.choices("abcdefgh XYZ", k=chance.randrange(20))) for _ in range(5)]
    return Written(dlms("ECS46a", *map(visible_string, texts)), texts)


def _read_descriptions(device: Eui64) -> Callable[[Walk], Any]:
    return lambda walk: [plain(data) for data in walk.read(dlms("ECS61d"), device).data[:5]]


# hub


def _radio(chance: Random, held: Any, _now: Instant) -> Written | None:
    if held is None:
        return None
    masks = held[:4]
    numbers = [chance.randrange(50, 150), chance.randrange(151, 240), chance.randrange(1, 8), chance.randrange(2, 999)]
    numbers += [chance.randrange(1, 256), chance.randrange(21), chance.randrange(100, 10_001)]
    numbers += [chance.randrange(50, 151), chance.randrange(61, 9_999)]
    numbers += [chance.randrange(10_001), chance.randrange(10_001)]
    kinds = "HHBHBBHBHHH"
    types = {"H": DataType.UINT16, "B": DataType.UINT8}
    members = [Data(types[kind], number) for kind, number in zip(kinds, numbers, strict=True)]
    return Written(dlms("DBCH04", structure(*map(bit_string, masks), *members)), [*masks, *numbers])


# gas


def _mprn(chance: Random, _held: Any, _now: Instant) -> Written:
    digits = str(chance.randrange(10**9, 10**10)).encode()
    return Written(gbz("GCS41", {"site_id": digits}), [digits])


def _conversion(chance: Random, _held: Any, _now: Instant) -> Written:
    factor, value = chance.randrange(100_000, 110_000), chance.randrange(350, 450)
    return Written(gbz("GCS23", {"conversion_factor": factor}, {"calorific_value": value}), [value, factor])


def _flow(chance: Random, _held: Any, _now: Instant) -> Written:
    threshold, settle, measure = chance.randrange(65_536), chance.randrange(256), chance.randrange(65_536)
    fields = {
        "uncontrolled_flow_threshold": threshold,
        "stabilisation_period": settle,
        "measurement_period": measure,
    }
    locks = {"supply_tamper_state": chance.choice([0, 3]), "supply_depletion_state": chance.choice([0, 3])}
    return Written(gbz("GCS24a", fields, locks), [threshold, settle, measure])


def _gas_mode(chance: Random, _held: Any, now: Instant) -> Written:
    at = perhaps_later(chance, now + 1800)
    if chance.random() < 0.5:
        fields = {"implementation_date_time": at}
        return Written(gbz("GCS02", fields), [0x0C94], at)
    control = chance.choice([0x0497, 0x0097, 0x0C97, 0x0897])
    fields = {"implementation_date_time": at, "proposed_payment_control_configuration": control, "cut_off_value": 0}
    return Written(gbz("GCS03", fields), [control], at)


ALERT_BITS = (("ECS25a", "ECS25r1", 0), ("ECS25a1", "ECS25r1", 1), ("ECS25a2", "ECS25r1", 2), ("ECS25a3", "ECS25r1", 3))
OPERATOR_BITS = (("ECS25b", "ECS25r2", 0), ("ECS25b3", "ECS25r2", 1))

SETTINGS = (
    Setting("power thresholds", ELECTRICITY, _power, of_dlms("ECS26f", 0)),
    Setting("import MPAN", ELECTRICITY, _mpan("ECS39a"), of_dlms("ECS40", 0)),
    Setting("export MPAN", ELECTRICITY, _mpan("ECS39b"), of_dlms("ECS40", 1)),
    Setting("offset limit", ELECTRICITY, _offset, of_dlms("ECS26c", 2)),
    Setting("offset limit of the controller", CONTROLLER, _offset, of_dlms("ECS26c", 2, CONTROLLER)),
    Setting("load limit", ELECTRICITY, _load_limit, _read_load_limit),
    Setting("voltage", ELECTRICITY, _voltage, _read_voltage),
    Setting("tamper state", ELECTRICITY, _tamper, of_dlms("ECS26m", 3)),
    Setting("billing calendar", ELECTRICITY, _billing, of_dlms("ECS26l", 0)),
    Setting("payment mode", ELECTRICITY, _mode, of_dlms("ECS26j", 0)),
    Setting("prices", ELECTRICITY, _prices, _read_prices),
    Setting("prepayment", ELECTRICITY, _prepayment, _read_prepayment),
    Setting("boost links", ELECTRICITY, _links, _read_links(ELECTRICITY)),
    Setting("boost links of the controller", CONTROLLER, _links, _read_links(CONTROLLER)),
    Setting("descriptions", ELECTRICITY, _descriptions, _read_descriptions(ELECTRICITY)),
    Setting("descriptions of the controller", CONTROLLER, _descriptions, _read_descriptions(CONTROLLER)),
    *(
        Setting(f"{name} bits", ELECTRICITY, _events(name), of_dlms(read, place))
        for name, read, place in (*ALERT_BITS, *OPERATOR_BITS)
    ),
    Setting("sub-GHz radio", HUB, _radio, of_dlms("DBCH03", 0, HUB)),
    Setting("MPRN", GAS, _mprn, of_gbz("GCS46", (METERING, 0x0307))),
    Setting("conversion", GAS, _conversion, of_gbz("GCS21a", (PRICE, 0x0304), (PRICE, 0x0302))),
    Setting("flow", GAS, _flow, of_gbz("GCS21a", (METERING, 0x0B10), (METERING, 0x0B14), (METERING, 0x0B15))),
    Setting("gas payment mode", GAS, _gas_mode, of_gbz("GCS21j", (PREPAYMENT, 0x0000))),
)

AT_THE_PROXY = {
    "MPRN": of_gbz("GCS46", (METERING, 0x0307), device=PROXY),
    "gas payment mode": of_gbz("GCS21j", (PREPAYMENT, 0x0000), device=PROXY),
    "valve": of_gbz("GCS33", (METERING, 0x0014), device=PROXY),
    "gas balance": of_gbz("GCS60", (PREPAYMENT, 0x0001), device=PROXY),
}
"""What the proxy must say too, once the gas meter has woken again."""
