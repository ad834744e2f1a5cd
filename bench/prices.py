"""A price for all times of day, in the place of those that a meter has."""

from __future__ import annotations

from protocols.dlms.cosem_time import NOW
from protocols.dlms.data import Data, array, int8, int16, octet_string, structure, uint16

from .requests import Request, dlms

PENCE = 1000
"""Prices are in thousandths of a penny for a kWh, charges in thousandths of a penny for a day."""
_IN_POUNDS = -5
"""Their exponent of ten."""
_THOUSAND = 3
_IMPORT_REGISTER = bytes.fromhex("0100010800FF")


def one_price(price: int, standing_charge: int, keys: list[bytes]) -> Request:
    """ECS01b: ``price`` everywhere, at once. ``keys`` name the cells of the price matrix, as ECS24 reads them."""
    now = octet_string(NOW.encode())
    matrix = price_matrix([(key, price) for key in keys])
    title = f"Set a price of {price / PENCE:g} p/kWh at once"
    return dlms("ECS01b", charge(standing_charge), matrix, now, now, title=title)


def charge(amount: int) -> Data:
    """A standing charge: ``amount`` a day."""
    return _charge(0, (0, bytes(6), 0), [(b"", amount)])


def price_matrix(cells: list[tuple[bytes, int]]) -> Data:
    """Prices by the names of their cells."""
    return _charge(_THOUSAND, (3, _IMPORT_REGISTER, 2), cells)


def _charge(scale: int, register: tuple[int, bytes, int], cells: list[tuple[bytes, int]]) -> Data:
    class_id, name, index = register
    return structure(
        structure(int8(scale), int8(_IN_POUNDS)),
        structure(uint16(class_id), octet_string(name), int8(index)),
        array(*(structure(octet_string(key), int16(amount)) for key, amount in cells)),
    )
