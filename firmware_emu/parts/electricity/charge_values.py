"""Values of the account's objects: recovery rates and the collection pattern (COSEM classes 111 and 113 in GBCS)."""

from __future__ import annotations

from typing import NamedTuple

from protocols.dlms.data import Data, DataType, array, bit_string, int8, int16, octet_string, structure, uint16
from protocols.dlms.obis import obis

from ...cosem import expect, expect_items
from ...refusals import AccessFailed

METER_BALANCE, EMERGENCY_CREDIT, ACCUMULATED_DEBT = (obis(f"0-0:19.10.{number}.255") for number in range(3))
ENERGY, TIME_DEBT_1, TIME_DEBT_2, PAYMENT_DEBT, STANDING, SECOND_ELEMENT = (
    obis(f"0-0:19.20.{number}.255") for number in range(6)
)
MILLIPENCE = -5
"""The exponent of ten of a millipence, in currency units."""

_PAIRS = (
    (METER_BALANCE, ENERGY),
    (METER_BALANCE, STANDING),
    (METER_BALANCE, TIME_DEBT_1),
    (METER_BALANCE, TIME_DEBT_2),
    (METER_BALANCE, PAYMENT_DEBT),
    (EMERGENCY_CREDIT, PAYMENT_DEBT),
    (EMERGENCY_CREDIT, ENERGY),
    (EMERGENCY_CREDIT, STANDING),
    (EMERGENCY_CREDIT, TIME_DEBT_1),
    (EMERGENCY_CREDIT, TIME_DEBT_2),
    (ACCUMULATED_DEBT, STANDING),
    (ACCUMULATED_DEBT, TIME_DEBT_1),
    (ACCUMULATED_DEBT, TIME_DEBT_2),
)
_TWIN_PAIRS = ((METER_BALANCE, SECOND_ELEMENT), (EMERGENCY_CREDIT, SECOND_ELEMENT))
_TIME_BASED = (STANDING, TIME_DEBT_1, TIME_DEBT_2)


class Suspension(NamedTuple):
    """When debt and standing charge are not collected."""

    disabled: bool = False
    emergency: bool = False


# How the two flags stand in the three bits of a pair is not published. Inferred from the class: the first bit allows
# collection while supply is disconnected; a pair that is never collected has no bit. The last bit, collection in
# non-disablement periods, is 0 for time debts in the one pattern that is known.
_ALWAYS, _NOT_PROTECTED, _NOT_DISCONNECTED, _NEVER = "111", "110", "010", "000"


def collection_pattern(suspension: Suspension, *, twin: bool) -> Data:
    """The account's credit and charge configuration, as a new meter holds it."""
    pairs = _PAIRS + _TWIN_PAIRS if twin else _PAIRS
    return array(
        *(
            structure(octet_string(credit), octet_string(charge), bit_string(_bits(credit, charge, suspension)))
            for credit, charge in pairs
        )
    )


def suspension_of(pattern: Data) -> Suspension:
    """The two flags in a configuration. Raises AccessFailed if it is none."""
    bits = {}
    for pair in expect(pattern, DataType.ARRAY):
        credit, charge, collection = expect_items(pair, DataType.STRUCTURE, 3)
        key = expect(credit, DataType.OCTET_STRING), expect(charge, DataType.OCTET_STRING)
        bits[key] = expect(collection, DataType.BIT_STRING)
        if len(bits[key]) != 3:
            raise AccessFailed
    disabled = bits.get((METER_BALANCE, TIME_DEBT_1), _ALWAYS)[0] == "0"
    return Suspension(disabled, bits.get((EMERGENCY_CREDIT, TIME_DEBT_1), _NEVER) == _NEVER)


def rate_value(amount: int, scale: int = MILLIPENCE) -> Data:
    """A recovery rate: ``amount`` x 10^``scale`` currency units per period."""
    no_register = structure(uint16(0), octet_string(bytes(6)), int8(0))
    return structure(structure(int8(0), int8(scale)), no_register, array(structure(octet_string(b""), int16(amount))))


def rate_of(value: Data) -> int:
    """The recovery rate in millipence per period, rounded down. Raises AccessFailed."""
    scales, _register, table = expect_items(value, DataType.STRUCTURE, 3)
    _commodity, scale = expect_items(scales, DataType.STRUCTURE, 2)
    (row,) = expect_items(table, DataType.ARRAY, 1)
    _key, amount = expect_items(row, DataType.STRUCTURE, 2)
    exponent: int = expect(scale, DataType.INT8) - MILLIPENCE
    number: int = expect(amount, DataType.INT16)
    if not -20 <= exponent <= 20:
        raise AccessFailed
    factor: int = 10 ** abs(exponent)
    return number * factor if exponent >= 0 else number // factor


def bounded(amount: int) -> int:
    """The amount, or the nearest that a signed integer of 32 bits holds."""
    return min(max(amount, -(1 << 31)), (1 << 31) - 1)


def is_rate(value: Data) -> bool:
    """Whether a value is a recovery rate."""
    try:
        return rate_of(value) >= 0
    except AccessFailed:
        return False


def is_collection_pattern(value: Data) -> bool:
    """Whether a value is a credit and charge configuration."""
    try:
        suspension_of(value)
    except AccessFailed:
        return False
    return True


def _bits(credit: bytes, charge: bytes, suspension: Suspension) -> str:
    if charge not in _TIME_BASED:
        return _ALWAYS
    if credit == EMERGENCY_CREDIT and suspension.emergency:
        return _NEVER
    if suspension.disabled:
        return _NOT_DISCONNECTED
    return _ALWAYS if charge == STANDING else _NOT_PROTECTED
