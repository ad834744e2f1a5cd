"""Tariffs of an electricity meter: written, activated at their time, read as they are in force."""

from __future__ import annotations

import pytest

from firmware_emu.parts.electricity.tariff_values import PRICE_CELLS, THRESHOLDS
from protocols.dlms.access import AccessResponse, access_request, set_to
from protocols.dlms.data import Data, array, int16, octet_string, structure, uint8, uint16, uint32
from protocols.dlms.obis import obis
from protocols.instant import DAY, HALF_HOUR

from .metering import NEVER, UNUSED, Metering, Wobbly, days, moment, price_matrix, read_tariff, set_tariff, told
from .tiny import START, messages

MIDNIGHT = START - START % DAY + DAY
TWO_RATES = days((0, 1), (7 * 3600, 2))
PRICES = price_matrix({b"\x01": 1000, b"\x02": 2000})


def codes(response: AccessResponse) -> list[int]:
    return [int(result.code) for result in response.results]


def test_a_tariff_put_into_force_at_once_is_read_back() -> None:
    home = Metering(Wobbly())
    thresholds = [(10_000,), (1, 2), (1, 2, 3), *[UNUSED] * 5]
    answer = home.ask("ECS01a", set_tariff(TWO_RATES, PRICES, thresholds=thresholds, charge=20000))
    assert codes(answer) == [0] * 21
    values = home.ask("ECS24", read_tariff()).data
    assert values[0] == uint32(2000)  # it is noon
    assert values[4] == TWO_RATES
    assert values[-1] == PRICES
    assert [item.value for item in values[6].value] == [10_000, *UNUSED[1:]]
    assert all(len(each.value) == THRESHOLDS for each in values[6:14])


def test_energy_goes_to_the_rates_of_the_tariff() -> None:
    load = Wobbly()
    home = Metering(load)
    home.ask("ECS01a", set_tariff(TWO_RATES, PRICES))
    home.run(MIDNIGHT + DAY)
    slots = range(START // HALF_HOUR, (MIDNIGHT + DAY) // HALF_HOUR)
    night = sum(load.amount(slot) for slot in slots if slot % 48 < 14)
    (rates,) = home.read(1, "0-0:94.44.34.1", 2).value
    assert [item.value for item in rates.value[:3]] == [night, sum(map(load.amount, slots)) - night, 0]


def test_a_dated_tariff_waits_and_is_reported_instruction_by_instruction() -> None:
    load = Wobbly()
    home = Metering(load)
    answer = home.ask("ECS01a", set_tariff(days((0, 5)), PRICES, moment(MIDNIGHT)))
    assert codes(answer) == [0] * 21
    assert home.read(20, "0-0:13.0.0", 5) == days((0, 1))
    references = [body[2].value for body in told(home.run(MIDNIGHT), 0x00CC)]
    assert len(references) == 6
    assert {reference[10:12] for reference in references} == {b"\x00\x14", b"\x23\x28", b"\x00\x71"}
    home.run(MIDNIGHT + HALF_HOUR)
    assert home.read(20, "0-0:13.0.0", 5) == days((0, 5))
    (rates,) = home.read(1, "0-0:94.44.34.1", 2).value
    assert rates.value[4] == uint32(load.amount(MIDNIGHT // HALF_HOUR))


def test_before_a_tariff_changes_a_snapshot_is_taken_once() -> None:
    load = Wobbly()
    home = Metering(load)
    home.ask("ECS01a", set_tariff(days((0, 5)), PRICES, moment(MIDNIGHT)))
    home.run(MIDNIGHT + DAY)
    (entry,) = home.log("0-0:98.1.2")
    used = sum(load.amount(slot) for slot in range(START // HALF_HOUR, MIDNIGHT // HALF_HOUR))
    assert entry[:2] == (MIDNIGHT, used)
    rates = entry[2]
    assert isinstance(rates, tuple)
    assert rates[0] == used
    assert rates[4] == 0


def test_a_cancelled_tariff_never_comes() -> None:
    home = Metering()
    home.ask("ECS01a", set_tariff(days((0, 5)), PRICES, moment(MIDNIGHT)))
    assert codes(home.ask("ECS01a", set_tariff(days((0, 6)), PRICES, NEVER))) == [0] * 21
    assert messages(home.run(MIDNIGHT + DAY)) == []
    assert home.read(20, "0-0:13.0.0", 5) == days((0, 1))


def test_a_dated_tariff_survives_an_outage_over_its_time() -> None:
    home = Metering()
    home.ask("ECS01a", set_tariff(days((0, 5)), PRICES, moment(MIDNIGHT)))
    home.restart(MIDNIGHT - 60, MIDNIGHT + 3600)
    home.run(MIDNIGHT + 3601)
    assert home.read(20, "0-0:13.0.0", 5) == days((0, 5))


def _cells(count: int) -> Data:
    scales, reference, _cells = PRICES.value
    return structure(scales, reference, array(*[structure(octet_string(b"\x01"), int16(1))] * count))


@pytest.mark.parametrize(
    ("class_id", "name", "number", "value"),
    [
        (20, "0-0:13.0.0", 9, days((0, 49))),
        (20, "0-0:13.0.0", 9, days((0, 201))),
        (20, "0-0:13.0.0", 9, array()),
        (20, "0-0:13.0.0", 8, array(structure(octet_string(b"\x01"), *[uint8(1)] * 6))),
        (20, "0-0:13.0.0", 7, array(*[structure(octet_string(b"a"), octet_string(bytes(12)), octet_string(b"1"))] * 5)),
        (11, "0-1:11.0.0", 2, array(*[structure(uint16(1), octet_string(bytes(5)), uint8(1))] * 51)),
        (21, "0-0:16.1.11", 2, array(*[uint32(1)] * 4)),
        (21, "0-0:16.1.11", 2, array(uint16(1))),
        (113, "0-0:19.20.0", 6, _cells(PRICE_CELLS - 1)),
        (113, "0-0:19.20.0", 6, _cells(PRICE_CELLS)),
        (113, "0-0:19.20.4", 6, uint32(1)),
        (9000, "0-0:94.44.2.0", 4, uint8(1)),
        (113, "0-0:19.20.5", 6, PRICES),  # no second element
    ],
)
def test_values_of_another_shape_are_refused(class_id: int, name: str, number: int, value: Data) -> None:
    home = Metering()
    use_case = "ECS01d" if name.endswith("20.5") else "ECS01a"
    answer = home.ask(use_case, access_request(0, set_to(class_id, obis(name), number, value)))
    assert codes(answer) == [250]


def test_a_twin_meter_has_a_tariff_for_its_second_element() -> None:
    home = Metering(Wobbly(), variant="B")
    _scales, _reference, _cells = PRICES.value
    row = home.read(113, "0-0:19.20.5", 5)
    assert len(row.value[2].value) == 4
    home.run(MIDNIGHT)
    primary, secondary = home.read(1, "0-0:94.44.34.1", 2).value
    slots = range(START // HALF_HOUR, MIDNIGHT // HALF_HOUR)
    assert secondary.value[0] == uint32(sum(slot % 11 for slot in slots))
    assert len(primary.value) == 48
    assert len(home.read(1, "0-0:94.44.34.10", 2).value) == 5
