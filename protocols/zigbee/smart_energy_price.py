"""Price cluster, 0700 (ZigBee Smart Energy 1.4, D.4): tariff, prices, thresholds, billing period, calorific value."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import EncodeError
from ..grammar import Format, Record, truncated
from ..sheet import Sheet
from .smart_energy_common import (
    CURRENCY,
    MONEY,
    PRICE,
    SCALED_KWH,
    UNIT_OF_MEASURE,
    command_index,
    currency,
    decimals_text,
    earliest,
    empty_label,
    issuer_event,
    provider,
    start,
    tariff_type,
    total_commands,
    trailing_digit,
)
from .zcl import attributes, client_command, server_command
from .zcl_types import FixedOctets, ToTheEnd, Trailing, UtcTime, u8, u16, u24, u32, u48

CALORIFIC_UNIT = {1: "MJ/m3", 2: "MJ/kg"}
RESOLUTION = {0: "not defined", 1: "block period", 2: "one day"}
_BASES = ("minutes", "days", "weeks", "months")
_SIDES = ("start of the period", "end of the period", "not specified")
_SCHEMES = ("time of use", "block", "block and time of use, common thresholds", "block and time of use, own thresholds")


def duration_type_text(value: int) -> str:
    """Low nibble the unit of the duration, high nibble where it is anchored."""
    base = _BASES[value & 15] if value & 15 < len(_BASES) else f"unit {value & 15}"
    side = _SIDES[value >> 4] if value >> 4 < len(_SIDES) else f"control {value >> 4}"
    return f"{base}, {side}"


def charging_scheme_text(value: int) -> str:
    """High nibble the charging scheme, low nibble the tariff type."""
    scheme = _SCHEMES[value >> 4] if value >> 4 < len(_SCHEMES) else f"scheme {value >> 4}"
    return f"{scheme}, {('delivered', 'received', 'delivered and received')[min(value & 15, 2)]}"


class PriceCell(NamedTuple):
    """The price of a block (ids 00 to 03 are blocks 1 to 4) or of a tier (ids 01 to 04), in 10^-5 currency units."""

    tier_or_block: int
    price: int


class BlockThresholds(NamedTuple):
    """The thresholds between the blocks of one tier (0: of all)."""

    tier: int
    thresholds: tuple[int, ...]


class _BlockThresholdsFormat(Format):
    """An octet with the tier (high nibble) and the number of thresholds (low nibble), then the thresholds, u48."""

    def take(self, data: bytes, at: int, end: int) -> tuple[BlockThresholds, int]:
        if at >= end:
            raise truncated(at, end, 1)
        tier, number = data[at] >> 4, data[at] & 15
        stop = at + 1 + 6 * number
        if stop > end:
            raise truncated(at + 1, end, 6 * number).inside("thresholds")
        values = [int.from_bytes(data[i : i + 6], "little") for i in range(at + 1, stop, 6)]
        return BlockThresholds(tier, tuple(values)), stop

    def put(self, value: Any) -> bytes:
        tier, thresholds = value
        if not 0 <= tier < 16 or len(thresholds) > 15:
            raise EncodeError("a tier of 0 to 15 and at most 15 thresholds")
        return bytes((tier << 4 | len(thresholds),)) + b"".join([_THRESHOLD.put(item) for item in thresholds])

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        with sheet.group(name):
            octet = value.tier << 4 | len(value.thresholds)
            sheet.leaf(
                "tier_and_number", bytes((octet,)), octet, f"tier {value.tier}, {len(value.thresholds)} thresholds"
            )
            for index, threshold in enumerate(value.thresholds):
                _THRESHOLD.describe(threshold, sheet, f"threshold_{index + 1}")


_THRESHOLD = u48(unit=SCALED_KWH)

COMMANDS = (
    client_command(PRICE, 0x00, "Get Current Price", "options" / u8({1: "receiver on when idle"}, usual=0)),
    client_command(
        PRICE,
        0x0B,
        "Get Billing Period",
        "earliest_start_time" / earliest(0),
        "min_issuer_event_id" / u32({0xFFFFFFFF: "any"}, usual=0xFFFFFFFF),
        "number_of_commands" / u8(usual=1),
        "tariff_type" / tariff_type(),
    ),
    server_command(
        PRICE,
        0x00,
        "Publish Price",
        "provider_id" / provider(),
        "rate_label" / empty_label(),
        "issuer_event_id" / issuer_event(),
        "current_time" / UtcTime(),
        "unit_of_measure" / u8(UNIT_OF_MEASURE, usual=1),
        "currency" / currency(),
        "trailing_digit_and_price_tier" / u8(lambda value: f"{value >> 4} decimals, tier {value & 15}"),
        "price_tiers_and_register_tier" / u8(lambda value: f"{value >> 4} tiers, register tier {value & 15}"),
        "start_time" / start(0),
        "duration" / u16({0xFFFF: "until changed"}, "min"),
        "price" / u32(unit=MONEY),
        # Price ratio to extended register tier: a device may send them, a reader is to ignore them.
        "ignored" / Trailing(FixedOctets(19)),
    ),
    server_command(
        PRICE,
        0x01,
        "Publish Block Period",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "block_period_start_time" / start(),
        "block_period_duration" / u24(),
        "block_period_control" / u8(usual=2),
        "block_period_duration_type" / u8(duration_type_text),
        "tariff_type" / tariff_type(),
        "tariff_resolution_period" / u8(RESOLUTION, usual=1),
    ),
    server_command(
        PRICE,
        0x02,
        "Publish Conversion Factor",
        "issuer_event_id" / issuer_event(),
        "start_time" / start(0),
        "conversion_factor" / u32(),
        "conversion_factor_trailing_digit" / trailing_digit(0x50),
    ),
    server_command(
        PRICE,
        0x03,
        "Publish Calorific Value",
        "issuer_event_id" / issuer_event(),
        "start_time" / start(0),
        "calorific_value" / u32(),
        "calorific_value_unit" / u8(CALORIFIC_UNIT, usual=1),
        "calorific_value_trailing_digit" / trailing_digit(0x10),
    ),
    server_command(
        PRICE,
        0x04,
        "Publish Tariff Information",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "issuer_tariff_id" / u32(usual=1),
        "start_time" / start(),
        "tariff_type_and_charging_scheme" / u8(charging_scheme_text),
        "tariff_label" / empty_label(),
        "number_of_price_tiers_in_use" / u8(),
        "number_of_block_thresholds_in_use" / u8(),
        "unit_of_measure" / u8(UNIT_OF_MEASURE, usual=0),
        "currency" / currency(),
        "price_trailing_digit" / trailing_digit(0x50),
        "standing_charge" / u32(unit=MONEY),
        "tier_block_mode" / u8({0xFF: "not used"}, usual=0xFF),
        "block_threshold_multiplier" / u24(usual=1),
        "block_threshold_divisor" / u24(usual=1000),
    ),
    server_command(
        PRICE,
        0x05,
        "Publish Price Matrix",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "start_time" / start(),
        "issuer_tariff_id" / u32(usual=1),
        "command_index" / command_index(),
        "total_number_of_commands" / total_commands(),
        "sub_payload_control" / u8({0: "prices by block", 1: "prices by tier"}),
        "prices" / ToTheEnd(Record(PriceCell, "tier_or_block" / u8(), "price" / u32(unit=MONEY))),
    ),
    server_command(
        PRICE,
        0x06,
        "Publish Block Thresholds",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "start_time" / start(),
        "issuer_tariff_id" / u32(usual=1),
        "command_index" / command_index(),
        "total_number_of_commands" / total_commands(),
        "sub_payload_control" / u8({0: "own thresholds per tier", 1: "one set for all tiers"}, usual=1),
        "block_thresholds" / ToTheEnd(_BlockThresholdsFormat()),
    ),
    server_command(
        PRICE,
        0x09,
        "Publish Billing Period",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "billing_period_start_time" / start(),
        "billing_period_duration" / u24(),
        "billing_period_duration_type" / u8(duration_type_text),
        "tariff_type" / tariff_type(),
    ),
)

_KWH48 = u48(unit=SCALED_KWH)
_MONEY32 = u32(unit=MONEY)

ATTRIBUTES = attributes(
    PRICE,
    (0x0100, "Block Threshold 1", 0x25, _KWH48),
    (0x0101, "Block Threshold 2", 0x25, _KWH48),
    (0x0102, "Block Threshold 3", 0x25, _KWH48),
    (0x0202, "Threshold Multiplier", 0x22),
    (0x0203, "Threshold Divisor", 0x22),
    (0x0300, "Commodity Type", 0x30, u8({0: "electricity", 1: "gas"})),
    (0x0301, "Standing Charge", 0x23, _MONEY32),
    (0x0302, "Conversion Factor", 0x23),
    (0x0303, "Conversion Factor Trailing Digit", 0x18, u8(decimals_text)),
    (0x0304, "Calorific Value", 0x23),
    (0x0305, "Calorific Value Unit", 0x30, u8(CALORIFIC_UNIT)),
    (0x0306, "Calorific Value Trailing Digit", 0x18, u8(decimals_text)),
    (0x0400, "Price, no tier, block 1", 0x23, _MONEY32),
    (0x0401, "Price, no tier, block 2", 0x23, _MONEY32),
    (0x0402, "Price, no tier, block 3", 0x23, _MONEY32),
    (0x0403, "Price, no tier, block 4", 0x23, _MONEY32),
    (0x0410, "Price, tier 1, block 1", 0x23, _MONEY32),
    (0x0420, "Price, tier 2, block 1", 0x23, _MONEY32),
    (0x0430, "Price, tier 3, block 1", 0x23, _MONEY32),
    (0x0440, "Price, tier 4, block 1", 0x23, _MONEY32),
    (0x0615, "Tariff Unit of Measure", 0x30, u8(UNIT_OF_MEASURE)),
    (0x0616, "Currency", 0x21, u16(CURRENCY)),
    (0x0617, "Price Trailing Digit", 0x18, u8(decimals_text)),
)
