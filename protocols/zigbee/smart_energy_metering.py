"""Metering cluster, 0702 (ZigBee Smart Energy 1.4, D.3): registers, snapshots, sampled data, supply, flow threshold."""

from __future__ import annotations

from typing import Any

from ..errors import EncodeError
from ..grammar import Format, truncated
from ..sheet import Sheet
from .smart_energy_common import (
    FLOW_UNIT,
    METERING,
    MONEY,
    SCALED_M3,
    SUPPLY_STATE,
    SUPPLY_STATUS,
    UNIT_OF_MEASURE,
    command_index,
    earliest,
    issuer_event,
    latest,
    provider,
    snapshot_cause,
    start,
    total_commands,
)
from .zcl import attributes, client_command, server_command
from .zcl_types import ToTheEnd, UtcTime, u8, u16, u24, u32, u48

SAMPLE_ID = {0: "half-hour profile", 1: "daily consumption", 2: "network data", 0xFFFF: "refused"}
SAMPLE_TYPE = {0: "consumption delivered", 1: "consumption received"}
SAMPLE_INTERVAL = {0xFFFF: "a day"}
SNAPSHOT_PAYLOAD = {6: "block and tier registers, no billing"}

_M3_SAMPLE = u24({0xFFFFFF: "invalid"}, SCALED_M3)
_M3_REGISTER = u48(unit=SCALED_M3)


class _Samples(Format):
    """The number of samples, u16, then as many u24."""

    usual = ()

    def take(self, data: bytes, at: int, end: int) -> tuple[tuple[int, ...], int]:
        if at + 2 > end:
            raise truncated(at, end, 2)
        start, number = at + 2, data[at] | data[at + 1] << 8
        stop = start + 3 * number
        if stop > end:
            raise truncated(start, end, 3 * number)
        low, middle, high = (data[start + octet : stop : 3] for octet in range(3))
        return tuple([a | b << 8 | c << 16 for a, b, c in zip(low, middle, high, strict=True)]), stop

    def put(self, value: Any) -> bytes:
        return len(value).to_bytes(2, "little") + b"".join([sample.to_bytes(3, "little") for sample in value])

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        with sheet.group(name, f"{len(value)} samples"):
            sheet.leaf("number_of_samples", len(value).to_bytes(2, "little"), len(value))
            for index, sample in enumerate(value):
                _M3_SAMPLE.describe(sample, sheet, f"[{index}]")


class _CountedRegisters(Format):
    """A number, u8, then as many u48."""

    usual = ()

    def take(self, data: bytes, at: int, end: int) -> tuple[tuple[int, ...], int]:
        if at >= end:
            raise truncated(at, end, 1)
        stop = at + 1 + 6 * data[at]
        if stop > end:
            raise truncated(at + 1, end, 6 * data[at])
        return tuple([int.from_bytes(data[i : i + 6], "little") for i in range(at + 1, stop, 6)]), stop

    def put(self, value: Any) -> bytes:
        if len(value) > 255:
            raise EncodeError(f"at most 255 registers, {len(value)} given")
        return bytes((len(value),)) + b"".join([_M3_REGISTER.put(item) for item in value])

    def describe(self, value: Any, sheet: Sheet, name: str) -> None:
        with sheet.group(name, f"{len(value)} tiers"):
            sheet.leaf("number_of_tiers_in_use", bytes((len(value),)), len(value))
            for index, item in enumerate(value):
                _M3_REGISTER.describe(item, sheet, f"tier_{index + 1}")


COMMANDS = (
    client_command(
        METERING,
        0x06,
        "Get Snapshot",
        "earliest_start_time" / earliest(),
        "latest_end_time" / latest(),
        "snapshot_offset" / u8(usual=0),
        "snapshot_cause" / snapshot_cause(),
    ),
    client_command(
        METERING,
        0x07,
        "Start Sampling",
        "issuer_event_id" / issuer_event(),
        "start_sampling_time" / start(0),
        "sample_type" / u8(SAMPLE_TYPE, usual=0),
        "sample_request_interval" / u16(SAMPLE_INTERVAL, "s", usual=360),
        "max_number_of_samples" / u16(usual=41),
    ),
    client_command(
        METERING,
        0x08,
        "Get Sampled Data",
        "sample_id" / u16(SAMPLE_ID),
        "earliest_sample_time" / earliest(),
        "sample_type" / u8(SAMPLE_TYPE, usual=0),
        "number_of_samples" / u16(),
    ),
    client_command(
        METERING,
        0x0B,
        "Change Supply",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "request_date_time" / start(0),
        "implementation_date_time" / start(0),
        "proposed_supply_status" / u8(SUPPLY_STATUS),
        "supply_control_bits" / u8({1: "acknowledge"}, usual=1),
    ),
    client_command(METERING, 0x0C, "Local Change Supply", "proposed_supply_status" / u8(SUPPLY_STATUS)),
    client_command(
        METERING,
        0x0D,
        "Set Supply Status",
        "issuer_event_id" / issuer_event(),
        "supply_tamper_state" / u8(SUPPLY_STATE),
        "supply_depletion_state" / u8(SUPPLY_STATE),
        "supply_uncontrolled_flow_state" / u8(SUPPLY_STATE, usual=0),
        "load_limit_supply_state" / u8(SUPPLY_STATE, usual=3),
    ),
    client_command(
        METERING,
        0x0E,
        "Set Uncontrolled Flow Threshold",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "uncontrolled_flow_threshold" / u16(),
        "unit_of_measure" / u8(FLOW_UNIT, usual=1),
        "multiplier" / u16(usual=1),
        "divisor" / u16(usual=10000),
        "stabilisation_period" / u8(unit="0.1 s"),
        "measurement_period" / u16(unit="s"),
    ),
    server_command(
        METERING,
        0x06,
        "Publish Snapshot",
        "snapshot_id" / u32(),
        "snapshot_time" / UtcTime(),
        "total_snapshots_found" / u8(),
        "command_index" / command_index(),
        "total_number_of_commands" / total_commands(),
        "snapshot_cause" / snapshot_cause(),
        "snapshot_payload_type" / u8(SNAPSHOT_PAYLOAD, usual=6),
        "current_summation_delivered" / _M3_REGISTER,
        "tier_summations_delivered" / _CountedRegisters(),
        "tiers_and_blocks_in_use" / u8(lambda value: f"{value >> 4} tiers, {value & 15} blocks", usual=0x14),
        # GB meters count blocks in the octet above (14: four registers), the cluster's own text counts thresholds, one
        # fewer: so the registers are taken up to the end and the octet is left to the reader.
        "block_summations_delivered" / ToTheEnd(_M3_REGISTER),
    ),
    server_command(
        METERING,
        0x07,
        "Get Sampled Data Response",
        "sample_id" / u16(SAMPLE_ID),
        "sample_start_time" / UtcTime(),
        "sample_type" / u8(SAMPLE_TYPE, usual=0),
        "sample_request_interval" / u16(SAMPLE_INTERVAL, "s"),
        "samples" / _Samples(),
    ),
    server_command(
        METERING,
        0x0C,
        "Supply Status Response",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "implementation_date_time" / start(0),
        "supply_status_after_implementation" / u8(SUPPLY_STATUS),
    ),
    server_command(METERING, 0x0D, "Start Sampling Response", "sample_id" / u16(SAMPLE_ID, usual=2)),
)

_M3_48 = _M3_REGISTER

ATTRIBUTES = attributes(
    METERING,
    (0x0000, "Current Summation Delivered (import register)", 0x25, _M3_48),
    (0x0014, "Supply Status (valve)", 0x30, u8(SUPPLY_STATUS)),
    (0x0100, "Current Tier 1 Summation Delivered (import register, TOU 1)", 0x25, _M3_48),
    (0x0102, "Current Tier 2 Summation Delivered (import register, TOU 2)", 0x25, _M3_48),
    (0x0104, "Current Tier 3 Summation Delivered (import register, TOU 3)", 0x25, _M3_48),
    (0x0106, "Current Tier 4 Summation Delivered (import register, TOU 4)", 0x25, _M3_48),
    (0x0205, "Remaining Battery Life", 0x21, u16(unit="days")),
    (0x0206, "Current Meter ID (firmware version)", 0x41),
    (0x0207, "Ambient Consumption Indicator", 0x30, u8({0: "low", 1: "medium", 2: "high"})),
    (0x0300, "Unit of Measure", 0x30, u8(UNIT_OF_MEASURE)),
    (0x0301, "Multiplier", 0x22),
    (0x0302, "Divisor", 0x22),
    (0x0307, "Site ID (MPRN)", 0x41),
    (0x0400, "Instantaneous Demand", 0x2A),
    (0x0607, "Supply Tamper State", 0x30, u8(SUPPLY_STATE)),
    (0x0608, "Supply Depletion State", 0x30, u8(SUPPLY_STATE)),
    (0x0700, "Current No Tier Block 1 Summation Delivered (block counter 1)", 0x25, _M3_48),
    (0x0701, "Current No Tier Block 2 Summation Delivered (block counter 2)", 0x25, _M3_48),
    (0x0702, "Current No Tier Block 3 Summation Delivered (block counter 3)", 0x25, _M3_48),
    (0x0703, "Current No Tier Block 4 Summation Delivered (block counter 4)", 0x25, _M3_48),
    (0x0A00, "Bill To Date Delivered (meter balance, credit mode)", 0x23, u32(unit=MONEY)),
    (0x0B10, "Uncontrolled Flow Threshold", 0x21),
    (0x0B11, "Uncontrolled Flow Threshold Unit of Measure", 0x30, u8(FLOW_UNIT)),
    (0x0B12, "Uncontrolled Flow Multiplier", 0x21),
    (0x0B13, "Uncontrolled Flow Divisor", 0x21),
    (0x0B14, "Flow Stabilisation Period", 0x20, u8(unit="0.1 s")),
    (0x0B15, "Flow Measurement Period", 0x21, u16(unit="s")),
)
