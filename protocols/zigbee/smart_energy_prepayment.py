"""Prepayment cluster, 0705 (ZigBee Smart Energy 1.4, D.7): payment mode, credit, top-up, debt, their logs."""

from __future__ import annotations

from typing import NamedTuple

from ..grammar import Record
from .smart_energy_common import (
    DEBT_FREQUENCY,
    MONEY,
    PAYMENT_MODE,
    PREPAYMENT,
    command_index,
    earliest,
    empty_label,
    issuer_event,
    latest,
    provider,
    signed_money,
    snapshot_cause,
    start,
    total_commands,
    unsigned_money,
)
from .zcl import attributes, client_command, server_command
from .zcl_types import OctetString, ToTheEnd, UtcTime, i32, u8, u16, u32

ORIGINATING_DEVICE = {0: "energy service interface (remote)", 1: "meter", 2: "in-home display (PPMID)"}
DEBT_METHOD = {0: "time based", 1: "percentage of payments", 2: "catch-up"}
DEBT_AMOUNT_TYPE = {
    0: "debt 1 absolute",
    1: "debt 1 incremental",
    2: "debt 2 absolute",
    3: "debt 2 incremental",
    4: "debt 3 (payment) absolute",
    5: "debt 3 (payment) incremental",
}
DEBT_TYPE = {0: "debt 1", 1: "debt 2", 2: "debt 3 (payment)", 0xFF: "all"}
CREDIT_ADJUSTMENT_TYPE = {
    0: "credit incremental: add to the prepayment balance",
    1: "credit absolute: set the prepayment balance",
    2: "set the bill to date",
    3: "adjust the bill to date",
}
TOP_UP_RESULT = {
    0x00: "accepted",
    0x01: "rejected, invalid",
    0x02: "rejected, duplicate",
    0x03: "rejected, error",
    0x04: "rejected, maximum credit reached",
    0x05: "rejected, keypad locked",
    0x06: "rejected, value too large",
    0x10: "accepted, supply enabled",
    0x11: "accepted, supply disabled",
    0x12: "accepted, supply armed",
}
SNAPSHOT_PAYLOAD = {0: "debt and credit status"}
_UNCHANGED = {-1: "unchanged"}
_REFUSED = {-1: "not given (refused)"}


class TopUp(NamedTuple):
    """One accepted top-up: the 20 digits, the amount in 10^-5 currency units, the time."""

    code: bytes
    amount: int
    time: int


class DebtRepayment(NamedTuple):
    """One collection of debt; money in 10^-5 currency units."""

    time: int
    amount: int
    debt_type: int
    outstanding: int


_TOP_UP = Record(TopUp, "code" / OctetString(), "amount" / signed_money(), "time" / UtcTime())
_DEBT_REPAYMENT = Record(
    DebtRepayment,
    "time" / UtcTime(),
    "amount" / unsigned_money(),
    "debt_type" / u8(DEBT_TYPE),
    "outstanding" / unsigned_money(),
)

COMMANDS = (
    client_command(
        PREPAYMENT,
        0x00,
        "Select Available Emergency Credit",
        "command_issue_date_time" / start(0),
        "originating_device" / u8(ORIGINATING_DEVICE, usual=0),
    ),
    client_command(
        PREPAYMENT,
        0x02,
        "Change Debt",
        "issuer_event_id" / issuer_event(),
        "debt_label" / empty_label(),
        "debt_amount" / signed_money(),
        "debt_recovery_method" / u8(DEBT_METHOD),
        "debt_amount_type" / u8(DEBT_AMOUNT_TYPE),
        "debt_recovery_start_time" / start(0),
        "debt_recovery_collection_time" / u16(unit="min", usual=0),
        "debt_recovery_frequency" / u8(DEBT_FREQUENCY),
        "debt_recovery_amount" / signed_money(),
        "debt_recovery_balance_percentage" / u16(unit="0.01 %"),
    ),
    client_command(
        PREPAYMENT,
        0x03,
        "Emergency Credit Setup",
        "issuer_event_id" / issuer_event(),
        "start_time" / start(),
        "emergency_credit_limit" / unsigned_money(),
        "emergency_credit_threshold" / unsigned_money(),
    ),
    client_command(
        PREPAYMENT,
        0x04,
        "Consumer Top Up",
        "originating_device" / u8(ORIGINATING_DEVICE, usual=0),
        "top_up_code" / OctetString(),
    ),
    client_command(
        PREPAYMENT,
        0x05,
        "Credit Adjustment",
        "issuer_event_id" / issuer_event(),
        "start_time" / start(0),
        "credit_adjustment_type" / u8(CREDIT_ADJUSTMENT_TYPE),
        "credit_adjustment_value" / signed_money(),
    ),
    client_command(
        PREPAYMENT,
        0x06,
        "Change Payment Mode",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "implementation_date_time" / start(),
        "proposed_payment_control_configuration" / u16(PAYMENT_MODE),
        "cut_off_value" / i32(_UNCHANGED, MONEY, usual=-1),
    ),
    client_command(
        PREPAYMENT,
        0x07,
        "Get Prepay Snapshot",
        "earliest_start_time" / earliest(),
        "latest_end_time" / latest(),
        "snapshot_offset" / u8(usual=0),
        "snapshot_cause" / snapshot_cause(),
    ),
    client_command(
        PREPAYMENT,
        0x08,
        "Get Top Up Log",  # its first moment travels as the component's from-date-time
        "latest_end_time" / latest(0xFFFFFFFE),
        "number_of_records" / u8({0: "all"}, usual=5),
    ),
    client_command(
        PREPAYMENT,
        0x09,
        "Set Low Credit Warning Level",  # its activation time travels as the component's from-date-time
        "low_credit_warning_level" / unsigned_money(),
    ),
    client_command(
        PREPAYMENT,
        0x0A,
        "Get Debt Repayment Log",  # its first moment travels as the component's from-date-time
        "latest_end_time" / latest(0xFFFFFFFE),
        "number_of_debts" / u8({0: "all"}, usual=10),
        "debt_type" / u8(DEBT_TYPE, usual=2),
    ),
    client_command(
        PREPAYMENT,
        0x0B,
        "Set Maximum Credit Limit",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "implementation_date_time" / start(),
        "maximum_credit_level" / unsigned_money(),
        "maximum_credit_per_top_up" / unsigned_money(),
    ),
    client_command(
        PREPAYMENT,
        0x0C,
        "Set Overall Debt Cap",
        "provider_id" / provider(),
        "issuer_event_id" / issuer_event(),
        "implementation_date_time" / start(),
        "overall_debt_cap" / signed_money(),
    ),
    server_command(
        PREPAYMENT,
        0x01,
        "Publish Prepay Snapshot",
        "snapshot_id" / u32(),
        "snapshot_time" / UtcTime(),
        "total_snapshots_found" / u8(),
        "command_index" / command_index(),
        "total_number_of_commands" / total_commands(),
        "snapshot_cause" / snapshot_cause(),
        "snapshot_payload_type" / u8(SNAPSHOT_PAYLOAD, usual=0),
        "accumulated_debt" / signed_money(),
        "time_debt_1_outstanding" / unsigned_money(),
        "time_debt_2_outstanding" / unsigned_money(),
        "payment_debt_outstanding" / unsigned_money(),
        "emergency_credit_remaining" / signed_money(),
        "credit_remaining" / signed_money(),
    ),
    server_command(
        PREPAYMENT,
        0x02,
        "Change Payment Mode Response",
        "friendly_credit" / u8({0: "disabled", 1: "enabled"}),
        "friendly_credit_calendar_id" / u32(usual=2),
        "emergency_credit_limit" / unsigned_money(),
        "emergency_credit_threshold" / unsigned_money(),
    ),
    server_command(
        PREPAYMENT,
        0x03,
        "Consumer Top Up Response",
        "result_type" / u8(TOP_UP_RESULT),
        "top_up_value" / signed_money(_REFUSED),
        "source_of_top_up" / u8(ORIGINATING_DEVICE, usual=0),
        "credit_remaining" / signed_money(_REFUSED),
    ),
    server_command(
        PREPAYMENT,
        0x05,
        "Publish Top Up Log",
        "command_index" / command_index(),
        "total_number_of_commands" / total_commands(),
        "top_ups" / ToTheEnd(_TOP_UP),
    ),
    server_command(
        PREPAYMENT,
        0x06,
        "Publish Debt Log",
        "command_index" / command_index(),
        "total_number_of_commands" / total_commands(),
        "repayments" / ToTheEnd(_DEBT_REPAYMENT),
    ),
)

ATTRIBUTES = attributes(
    PREPAYMENT,
    (0x0000, "Payment Control Configuration (payment mode)", 0x19, u16(PAYMENT_MODE)),
    (0x0001, "Credit Remaining (meter balance, prepayment mode)", 0x2B, signed_money()),
    (0x0002, "Emergency Credit Remaining", 0x2B, signed_money()),
    (0x0005, "Accumulated Debt", 0x2B, signed_money()),
    (0x0006, "Overall Debt Cap", 0x2B, signed_money()),
    (0x0010, "Emergency Credit Limit", 0x23, unsigned_money()),
    (0x0011, "Emergency Credit Threshold", 0x23, unsigned_money()),
    (0x0021, "Max Credit Limit (maximum meter balance)", 0x23, unsigned_money()),
    (0x0022, "Max Credit Per Top Up", 0x23, unsigned_money()),
    (0x0031, "Low Credit Warning Level", 0x23, unsigned_money()),
    (0x0040, "Cut Off Value (disablement threshold)", 0x2B, signed_money()),
    (0x0211, "Debt Amount 1 (time debt 1 outstanding)", 0x23, unsigned_money()),
    (0x0216, "Debt Recovery Frequency 1", 0x30, u8(DEBT_FREQUENCY)),
    (0x0217, "Debt Recovery Amount 1", 0x23, unsigned_money()),
    (0x0221, "Debt Amount 2 (time debt 2 outstanding)", 0x23, unsigned_money()),
    (0x0226, "Debt Recovery Frequency 2", 0x30, u8(DEBT_FREQUENCY)),
    (0x0227, "Debt Recovery Amount 2", 0x23, unsigned_money()),
    (0x0231, "Debt Amount 3 (payment debt outstanding)", 0x23, unsigned_money()),
    (0x0239, "Debt Recovery Top Up Percentage 3", 0x21, u16(unit="0.01 %")),
)
