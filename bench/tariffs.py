"""A tariff of two rates, the same on every day of the year, in the place of that which a meter has (ECS01a)."""

from __future__ import annotations

from protocols.dlms.cosem_time import NOW, CosemDate, CosemDateTime, CosemTime
from protocols.dlms.data import Data, array, boolean, octet_string, structure, uint8, uint16, uint32
from protocols.dlms.obis import obis
from protocols.instant import DAY, HOUR

from .prices import charge, price_matrix
from .requests import Request, dlms

LOW, HIGH = 1, 2
"""The rates: numbers of time-of-use registers."""
NO_THRESHOLD = 0xFFFF_FFFF
COLUMNS, THRESHOLDS, DATES = 8, 3, 6
_SCRIPTS = octet_string(obis("0-0:10.0.100.255"))
_NAME = octet_string(b"year")
_DAY = uint8(1)


def two_rates(switch: int, prices: tuple[int, int], keys: list[bytes]) -> Request:
    """From midnight the low rate, from ``switch`` on, a second of the day in UTC, the high one; at once.

    ``prices`` are in thousandths of a penny for a kWh; ``keys`` name the cells of the price matrix, as ECS24 reads
    them, of which the first two are those of the two rates.
    """
    if not 0 < switch < DAY:
        raise ValueError(f"a second of the day behind midnight needed, {switch} given")
    thresholds = [array(*[uint32(NO_THRESHOLD)] * THRESHOLDS)] * COLUMNS
    amounts = [*prices, *[0] * (len(keys) - len(prices))]
    money = (boolean(True), charge(0), price_matrix(list(zip(keys, amounts, strict=True))))
    at_once = [octet_string(NOW.encode())] * DATES
    text = f"{switch // HOUR:02}:{switch % HOUR // 60:02}"
    return dlms(
        "ECS01a",
        *_calendar(switch),
        *thresholds,
        *money,
        *at_once,
        title=f"Set two rates, the high one from {text} UTC",
    )


def _calendar(switch: int) -> list[Data]:
    """Seasons, weeks, days, special days."""
    start = CosemDateTime(CosemDate(month=1, day=1), CosemTime(0, 0, 0, 0))
    season = structure(_NAME, octet_string(start.encode()), _NAME)
    week = structure(_NAME, *[_DAY] * 7)
    day = structure(_DAY, array(_switch(0, LOW), _switch(switch, HIGH)))
    return [array(season), array(week), array(day), array()]


def _switch(second: int, rate: int) -> Data:
    time = CosemTime(second // HOUR, second // 60 % 60, second % 60, 0)
    return structure(octet_string(time.encode()), _SCRIPTS, uint16(rate))
