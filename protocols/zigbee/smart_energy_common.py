"""Fields, texts and units that several Smart Energy clusters share (ZigBee Smart Energy 1.4, annex D).

Money has five decimals: 100000 is one unit of the currency. Times are UTC, seconds since 2000-01-01.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .zcl_types import NOT_GIVEN, Integer, OctetString, Texts, UtcTime, bits, i32, u8, u16, u32

BASIC = 0x0000
PRICE = 0x0700
LOAD_CONTROL = 0x0701
METERING = 0x0702
MESSAGING = 0x0703
PREPAYMENT = 0x0705
CALENDAR = 0x0707
DEVICE_MANAGEMENT = 0x0708
EVENTS = 0x0709

NOW = 0
NO_END = 0xFFFFFFFE
CANCEL = 0xFFFFFFFF

MONEY = "10^-5 currency units"
SCALED_KWH = "kWh x multiplier / divisor"
SCALED_M3 = "m3 x multiplier / divisor"

UNIT_OF_MEASURE: Texts = {0x00: "kWh", 0x01: "m3", 0x80: "kWh (BCD)", 0x81: "m3 (BCD)"}
FLOW_UNIT: Texts = {0x01: "m3/h"}
CURRENCY: Texts = {0x033A: "GBP", 0x03D2: "EUR"}
TARIFF_TYPE: Texts = {0: "delivered", 1: "received", 2: "delivered and received"}
SUPPLY_STATUS: Texts = {0: "off", 1: "armed", 2: "on", 3: "unchanged"}
SUPPLY_STATE: Texts = {0: "off (locked)", 1: "armed", 2: "on", 3: "unchanged"}
DEBT_FREQUENCY: Texts = {0: "hourly", 1: "daily", 2: "weekly", 3: "monthly", 4: "quarterly"}
PAYMENT_MODE: Mapping[int, str] = {
    0x0C94: "credit mode",
    0x0497: "prepayment, debt recovery suspended when disabled and in emergency credit",
    0x0097: "prepayment, debt recovery suspended in emergency credit",
    0x0C97: "prepayment, debt recovery suspended when disabled",
    0x0897: "prepayment, debt recovery never suspended",
}

snapshot_cause_text = bits(
    {
        0: "general (daily)",
        1: "end of billing period",
        2: "end of block period",
        3: "change of tariff information",
        4: "change of price matrix",
        5: "change of block thresholds",
        6: "change of calorific value",
        7: "change of conversion factor",
        8: "change of calendar",
        9: "critical peak pricing",
        10: "manually triggered by client",
        11: "end of resolve period",
        12: "change of tenancy",
        13: "change of supplier",
        14: "change of payment mode",
        15: "debt payment",
        16: "scheduled",
        17: "firmware download",
    }
)


def decimals_text(value: int) -> str:
    """The high nibble of a trailing-digit octet counts decimals."""
    return f"{value >> 4} decimals"


def provider() -> Integer:
    """Provider id; GB devices do not use it, so it is 0."""
    return u32(usual=0)


def issuer_event() -> Integer:
    """Issuer event id: the time of the command, seconds since 2000-01-01; a newer one replaces an older one."""
    return u32()


def start(usual: Any = NOT_GIVEN) -> UtcTime:
    """When something begins: 0 now, FFFFFFFF or (calendar, special days, price matrix, thresholds) FFFFFFFE cancel."""
    return UtcTime({NOW: "now", NO_END: "cancel", CANCEL: "cancel"}, usual)


def earliest(usual: Any = NOT_GIVEN) -> UtcTime:
    """The first moment asked for."""
    return UtcTime({0: "from the first"}, usual)


def latest(usual: Any = NOT_GIVEN) -> UtcTime:
    """The last moment asked for; FFFFFFFE means no end."""
    return UtcTime({0: "to the last", NO_END: "no end", CANCEL: "no end"}, usual)


def command_index() -> Integer:
    """Number of this command among those that carry one long table, from 0."""
    return u8(usual=0)


def total_commands() -> Integer:
    """How many commands carry the table."""
    return u8(usual=1)


def tariff_type() -> Integer:
    """Map8: delivered or received energy."""
    return u8(TARIFF_TYPE, usual=0)


def snapshot_cause() -> Integer:
    """Map32: why a snapshot was taken."""
    return u32(snapshot_cause_text)


def unsigned_money(usual: Any = NOT_GIVEN) -> Integer:
    """Money of 4 octets, never negative."""
    return u32(unit=MONEY, usual=usual)


def signed_money(texts: Texts | None = None) -> Integer:
    """Money of 4 octets; positive is credit."""
    return i32(texts, MONEY)


def trailing_digit(usual: Any = NOT_GIVEN) -> Integer:
    """Map8: decimals in the high nibble."""
    return u8(decimals_text, usual=usual)


def currency() -> Integer:
    """ISO 4217 number."""
    return u16(CURRENCY, usual=0x033A)


def empty_label() -> OctetString:
    """A label that GB use cases leave empty."""
    return OctetString(usual=b"")
