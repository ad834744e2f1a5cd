"""The values of tariff tables: what a new meter holds, and which values may be written (SMETS2 5.7.4; GBCS tariffs).

A check answers True for a value of the right shape; whether a table makes sense as a whole is not judged, since its
parts come in several instructions.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.dlms.cosem_time import ANY, CosemDate, CosemDateTime, CosemTime
from protocols.dlms.data import Data, DataType, array, int8, int16, octet_string, structure, uint8, uint16, uint32
from protocols.dlms.obis import obis
from protocols.errors import MeterbenchError

from ...engines.tariff import UNUSED_THRESHOLD, millipence
from ...engines.tariff_calendar import DayProfile, Season, SpecialDay, Switch, SwitchingTable, Week
from ...refusals import AccessFailed

SCRIPT_TABLE = obis("0-0:10.0.100.255")
"""The script table that every entry of a switching table names."""
TOU_RATES, BLOCK_RATES, SECONDARY_RATES = 48, 8, 4
THRESHOLDS, BLOCKS = 3, 4
PRICE_CELLS = TOU_RATES + BLOCKS * BLOCK_RATES

Check = Callable[[Data], bool]

PRIMARY_SELECTORS = frozenset((*range(1, TOU_RATES + 1), *range(101, 101 + BLOCK_RATES)))
"""1 to 48 are the time-of-use rates, 101 to 108 the block rates."""
SECONDARY_SELECTORS = frozenset(range(201, 201 + SECONDARY_RATES))
"""201 to 204 are the rates of the second element."""

_ENERGY_SCALE = 3
"""Prices are for 10^3 Wh."""
USUAL_PRICE_SCALE = -5
_IMPORT_REGISTER, _SECONDARY_REGISTER, _NO_REGISTER = obis("1-0:1.8.0.255"), obis("1-20:1.8.0.255"), bytes(6)
_REGISTER_CLASS = 3


def price_keys() -> list[bytes]:
    """The 80 keys of the primary price matrix: 01 to 30 (time of use), A1 to A8, B1 to B8, C1 to C8, D1 to D8."""
    blocks = [bytes((0xA0 + 0x10 * block + rate,)) for block in range(BLOCKS) for rate in range(1, BLOCK_RATES + 1)]
    return [bytes((rate,)) for rate in range(1, TOU_RATES + 1)] + blocks


def secondary_price_keys() -> list[bytes]:
    """The 4 keys of the secondary element's prices."""
    return [bytes((rate,)) for rate in range(1, SECONDARY_RATES + 1)]


# a new meter


def new_seasons() -> Data:
    """One season without end, of week 1."""
    always = CosemDateTime(CosemDate(month=1, day=1), CosemTime(0, 0, 0, 0))
    return array(structure(octet_string(b"all"), octet_string(always.encode()), octet_string(b"\x01")))


def new_weeks() -> Data:
    """Week 1: every day is day 1."""
    return array(structure(octet_string(b"\x01"), *[uint8(1)] * 7))


def new_days(selector: int) -> Data:
    """Day 1: one rate from midnight."""
    midnight = octet_string(CosemTime(0, 0, 0, 0).encode())
    action = structure(midnight, octet_string(SCRIPT_TABLE), uint16(selector))
    return array(structure(uint8(1), array(action)))


def new_thresholds() -> Data:
    """No threshold in use."""
    return array(*[uint32(UNUSED_THRESHOLD)] * THRESHOLDS)


def new_prices(*, secondary: bool) -> Data:
    """A matrix of free energy."""
    keys = secondary_price_keys() if secondary else price_keys()
    register = _SECONDARY_REGISTER if secondary else _IMPORT_REGISTER
    return _charge(_ENERGY_SCALE, _REGISTER_CLASS, register, 2, keys)


def new_standing_charge() -> Data:
    """Nothing per day."""
    return _charge(0, 0, _NO_REGISTER, 0, [b""])


def _charge(scale: int, class_id: int, register: bytes, attribute: int, keys: list[bytes]) -> Data:
    scales = structure(int8(scale), int8(USUAL_PRICE_SCALE))
    reference = structure(uint16(class_id), octet_string(register), int8(attribute))
    return structure(scales, reference, array(*[structure(octet_string(key), int16(0)) for key in keys]))


# checks


def is_seasons(value: Data) -> bool:
    """1 to 4 of { name up to 8 octets, start date-time, week name }."""
    return _rows(value, 1, 4, _octets(0, 8), _octets(12, 12), _octets(1, 8))


def is_weeks(value: Data) -> bool:
    """1 to 4 of { name, day identifiers of Monday to Sunday }."""
    return _rows(value, 1, 4, _octets(1, 8), *[_of(DataType.UINT8)] * 7)


def is_days(selectors: frozenset[int]) -> Check:
    """The check of 1 to 16 of { day identifier, 1 to 48 switchings }."""

    def is_selector(value: Data) -> bool:
        return value.type is DataType.UINT16 and value.value in selectors

    def is_schedule(value: Data) -> bool:
        return _rows(value, 1, 48, _octets(4, 4), lambda name: name.value == SCRIPT_TABLE, is_selector)

    return lambda value: _rows(value, 1, 16, _of(DataType.UINT8), is_schedule)


def is_special_days(most: int) -> Check:
    """The check of up to ``most`` of { index, date, day identifier }."""
    return lambda value: _rows(value, 0, most, _of(DataType.UINT16), _octets(5, 5), _of(DataType.UINT8))


def is_thresholds(value: Data) -> bool:
    """1 to 3 import quantities in Wh."""
    return value.type is DataType.ARRAY and 1 <= len(value.value) <= THRESHOLDS and _all(value, DataType.UINT32)


def is_charge(keys: list[bytes]) -> Check:
    """The check of a charge structure with exactly these keys, in this order."""

    def check(value: Data) -> bool:
        if not _row(value, _pair, _triple, _of(DataType.ARRAY)):
            return False
        cells = value.value[2].value
        shapes = all(_row(cell, _of(DataType.OCTET_STRING), _of(DataType.INT16)) for cell in cells)
        return shapes and [cell.value[0].value for cell in cells] == keys

    return check


def _pair(value: Data) -> bool:
    return _row(value, _of(DataType.INT8), _of(DataType.INT8))


def _triple(value: Data) -> bool:
    return _row(value, _of(DataType.UINT16), _octets(6, 6), _of(DataType.INT8))


def _of(kind: DataType) -> Check:
    return lambda value: value.type is kind


def _octets(least: int, most: int) -> Check:
    return lambda value: value.type is DataType.OCTET_STRING and least <= len(value.value) <= most


def _all(value: Data, kind: DataType) -> bool:
    return all(item.type is kind for item in value.value)


def _row(value: Data, *members: Check) -> bool:
    return (
        value.type is DataType.STRUCTURE
        and len(value.value) == len(members)
        and all(check(item) for check, item in zip(members, value.value, strict=True))
    )


def _rows(value: Data, least: int, most: int, *members: Check) -> bool:
    return (
        value.type is DataType.ARRAY
        and least <= len(value.value) <= most
        and all(_row(row, *members) for row in value.value)
    )


# what the tables mean


def switching_table(seasons: Data, weeks: Data, days: Data, special_days: Data) -> SwitchingTable:
    """The engine's form of the four tables. Raises AccessFailed for a table of another shape."""
    try:
        return SwitchingTable(
            tuple(_season(row) for row in seasons.value),
            tuple(Week(row.value[0].value, tuple(day.value for day in row.value[1:])) for row in weeks.value),
            tuple(_profile(row) for row in days.value),
            tuple(_special_day(row) for row in special_days.value),
        )
    except (AttributeError, LookupError, TypeError, ValueError, MeterbenchError) as error:
        raise AccessFailed from error


def _season(row: Data) -> Season:
    name, start, week = (member.value for member in row.value)
    moment = CosemDateTime.decode(start)
    return Season(name, moment.date, week, second_of_day(moment.time))


def _profile(row: Data) -> DayProfile:
    day, schedule = row.value
    switches = [(CosemTime.decode(at.value), selector.value) for at, _table, selector in _members(schedule)]
    return DayProfile(day.value, tuple(sorted(Switch(second_of_day(at), selector) for at, selector in switches)))


def _special_day(row: Data) -> SpecialDay:
    index, date, day = (member.value for member in row.value)
    return SpecialDay(CosemDate.decode(date), day, index)


def _members(rows: Data) -> list[tuple[Data, ...]]:
    return [row.value for row in rows.value]


def second_of_day(time: CosemTime) -> int:
    """Seconds since midnight; parts left open count as 0."""
    hour, minute, second = (0 if part == ANY else part for part in (time.hour, time.minute, time.second))
    return 3600 * hour + 60 * minute + second


def prices(charge: Data) -> tuple[int, ...]:
    """The cells of a charge structure in millipence, 10^-5 of the currency unit. Raises AccessFailed."""
    try:
        (_energy, scale), _reference, cells = (member.value for member in charge.value)
        return tuple(millipence(cell.value[1].value, scale.value) for cell in cells)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise AccessFailed from error


def thresholds(value: Data) -> tuple[int, ...]:
    """Three thresholds in Wh; those not given are unused."""
    given = tuple(item.value for item in value.value)
    return (*given, *[UNUSED_THRESHOLD] * THRESHOLDS)[:THRESHOLDS]
