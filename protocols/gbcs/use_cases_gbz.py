"""The components of GBZ commands, in message order (GBCS 20). Notation: see ``use_cases_instructions``."""

from __future__ import annotations

GBZ: dict[str, str] = {
    "CS01b": "to server 0705 04 originating_device=0",
    "CS10a": "to server 0709 00 event_control_and_log_id=0x13|0x16 event_id=0 number_of_events=0 event_offset=0",
    "CS10b": "to server 0709 00 event_control_and_log_id=4|7 event_id=0 number_of_events=0 event_offset=0",
    "CS11": "to server 0709 01 log_id=3",
    "GCS01a": (
        "to client 0707 00 provider_id=0 calendar_type=0 calendar_name=octets:; "
        "to client 0707 01 x1..4 provider_id=0 command_index=0 total_number_of_commands=1 calendar_type=0; "
        "to client 0707 02 x1..2 provider_id=0; "
        "to client 0707 03 provider_id=0 command_index=0 total_number_of_commands=1; "
        "to client 0707 04 provider_id=0 calendar_type=0 command_index=0 total_number_of_commands=1; "
        "to client 0700 04 provider_id=0 issuer_tariff_id=1 tariff_type_and_charging_scheme=0|0x10 "
        "tariff_label=octets: unit_of_measure=0 currency=0x33A|0x3D2 price_trailing_digit=0x50 tier_block_mode=0xFF "
        "block_threshold_multiplier=1 block_threshold_divisor=0x3E8; "
        "to client 0700 06 x0..1 provider_id=0 issuer_tariff_id=1 command_index=0 total_number_of_commands=1 "
        "sub_payload_control=1; "
        "to client 0700 05 provider_id=0 issuer_tariff_id=1 command_index=0 total_number_of_commands=1 "
        "sub_payload_control=0|1"
    ),
    "GCS01b": (
        "to client 0700 04 provider_id=0 issuer_tariff_id=1 tariff_type_and_charging_scheme=0|0x10 "
        "tariff_label=octets: unit_of_measure=0 currency=0x33A|0x3D2 price_trailing_digit=0x50 tier_block_mode=0xFF "
        "block_threshold_multiplier=1 block_threshold_divisor=0x3E8; "
        "to client 0700 05 provider_id=0 issuer_tariff_id=1 command_index=0 total_number_of_commands=1 "
        "sub_payload_control=0|1"
    ),
    "GCS02": "to server 0705 06 provider_id=0 proposed_payment_control_configuration=0xC94 cut_off_value=-1",
    "GCS03": "to server 0705 06 provider_id=0 proposed_payment_control_configuration=0x497|0x97|0xC97|0x897",
    "GCS04": (
        "to server 0705 02 debt_label=octets: debt_recovery_method=0 debt_amount_type=1 debt_recovery_start_time=0 "
        "debt_recovery_collection_time=0 debt_recovery_frequency=0|1 debt_recovery_balance_percentage=0; "
        "to server 0705 02 debt_label=octets: debt_recovery_method=0 debt_amount_type=3 debt_recovery_start_time=0 "
        "debt_recovery_collection_time=0 debt_recovery_frequency=0|1 debt_recovery_balance_percentage=0; "
        "to server 0705 02 debt_label=octets: debt_recovery_method=1 debt_amount_type=5 debt_recovery_start_time=0 "
        "debt_recovery_collection_time=0 debt_recovery_frequency=1 debt_recovery_amount=0"
    ),
    "GCS05": (
        "to server 0705 03; to server 0705 0C provider_id=0; to server 0705 09 timed; "
        "to server 0705 0B provider_id=0; to client 0707 00 provider_id=0 calendar_type=3 calendar_name=octets:; "
        "to client 0707 01 x1..5 provider_id=0 command_index=0 total_number_of_commands=1 calendar_type=3; "
        "to client 0707 02 x0..2 provider_id=0; "
        "to client 0707 03 provider_id=0 command_index=0 total_number_of_commands=1; "
        "to client 0707 04 provider_id=0 calendar_type=3 command_index=0 total_number_of_commands=1"
    ),
    "GCS06": "to server 0705 00 command_issue_date_time=0 originating_device=0",
    "GCS07": "to client 0703 00 message_control=0 duration_in_minutes=0xFFFF",
    "GCS09": "to client 0708 00 provider_id=0 tariff_type=0 proposed_tenancy_change_control=0x200",
    "GCS11": "to client 0708 02 implementation_date_time=0 duration_in_minutes=0 password_type=2 password=octets:",
    "GCS13a": "read 0702 0302 0301 0300 0000",
    "GCS13b": "read 0702 0700 0701 0702 0703 0302 0301 0300",
    "GCS13c": "read 0702 0302 0301 0300 0100 0102 0104 0106",
    "GCS14": "read 0700 0617 0616; read 0705 0005 0002 0001 0231 0211 0221",
    "GCS15b": (
        "to server 0705 07 x12 snapshot_offset=0..11 snapshot_cause=0x6008; "
        "to server 0702 06 x12 snapshot_offset=0..11 snapshot_cause=0x6008"
    ),
    "GCS15c": (
        "to server 0702 06 x12 snapshot_offset=0..11 snapshot_cause=2; "
        "to server 0705 07 x12 snapshot_offset=0..11 snapshot_cause=2"
    ),
    "GCS15d": "to server 0705 0A timed number_of_debts=0xA debt_type=2",
    "GCS15e": "to server 0705 08 timed number_of_records=5",
    "GCS16a": "to server 0702 06 x31 snapshot_offset=0..30 snapshot_cause=1",
    "GCS16b": "to server 0705 07 x31 snapshot_offset=0..30 snapshot_cause=1",
    "GCS17": "to server 0702 08 sample_id=0 sample_type=0",
    "GCS18": "to server 0702 08 sample_id=2 earliest_sample_time=1 sample_type=0 number_of_samples=41",
    "GCS20": "to client 0708 04 x1..n start_date_time=0 configuration_control=0",
    "GCS20r": "to client 0708 05 event_id=0x81FF",
    "GCS21a": "read 0700 0306 0305 0304 0303 0302; read 0702 0B13 0B12 0B11 0B10 0B14 0B15",
    "GCS21b": (
        "read 0705 0239 0006 0216 0226 0040 0010 0011 0031 0021 0022 0217 0227; read 0700 0617; "
        "to server 0707 01 provider_id=0 issuer_calendar_id=0xFFFFFFFE start_day_id=1 number_of_days=0; "
        "to server 0707 02 provider_id=0 issuer_calendar_id=0xFFFFFFFE start_week_id=1 number_of_weeks=0; "
        "to server 0707 03 provider_id=0 issuer_calendar_id=0xFFFFFFFE; "
        "to server 0707 04 start_time=0 number_of_events=0 calendar_type=3 provider_id=0 "
        "issuer_calendar_id=0xFFFFFFFE"
    ),
    "GCS21d": "to server 0700 0B",
    "GCS21e": "read 0000 0004 0005 0003; read 0702 0608 0607",
    "GCS21f": (
        "read 0700 0203 0202 0100 0101 0102 0615 0400 0401 0402 0403 0410 0420 0430 0440 0616 0617 0301; "
        "to server 0707 01 provider_id=0 issuer_calendar_id=0xFFFFFFFF start_day_id=1 number_of_days=0; "
        "to server 0707 02 provider_id=0 issuer_calendar_id=0xFFFFFFFF start_week_id=1 number_of_weeks=0; "
        "to server 0707 03 provider_id=0 issuer_calendar_id=0xFFFFFFFF; "
        "to server 0707 04 start_time=0 number_of_events=0 calendar_type=0 provider_id=0 "
        "issuer_calendar_id=0xFFFFFFFF; to server 0700 00 options=0"
    ),
    "GCS21j": "read 0705 0000",
    "GCS21k": (
        "to server 0700 0B earliest_start_time=0 min_issuer_event_id=0xFFFFFFFF number_of_commands=1 tariff_type=0"
    ),
    "GCS21m": "read 0000 0004 0005; read 0702 0608 0607",
    "GCS23": (
        "to client 0700 02 start_time=0 conversion_factor_trailing_digit=0x50; "
        "to client 0700 03 start_time=0 calorific_value_unit=1 calorific_value_trailing_digit=0x10"
    ),
    "GCS24": (
        "to server 0702 0E provider_id=0 unit_of_measure=1 multiplier=1 divisor=1; "
        "to server 0702 0D supply_tamper_state=0|3 supply_depletion_state=0|3 supply_uncontrolled_flow_state=0 "
        "load_limit_supply_state=3"
    ),
    "GCS24a": (
        "to server 0702 0E provider_id=0 unit_of_measure=1 multiplier=1 divisor=0x2710; "
        "to server 0702 0D supply_tamper_state=0|3 supply_depletion_state=0|3 supply_uncontrolled_flow_state=0 "
        "load_limit_supply_state=3"
    ),
    "GCS25": (
        "to client 0700 09 provider_id=0 billing_period_duration=1 tariff_type=0 "
        "billing_period_duration_type=0x21|0x22|0x23; "
        "to client 0700 01 provider_id=0 block_period_duration=1 block_period_control=2 tariff_type=0 "
        "tariff_resolution_period=1 block_period_duration_type=0x21|0x22|0x23"
    ),
    "GCS25a": (
        "to client 0700 09 provider_id=0 tariff_type=0; "
        "to client 0700 01 provider_id=0 block_period_control=2 tariff_type=0 tariff_resolution_period=1"
    ),
    "GCS31": (
        "to server 0702 07 start_sampling_time=0 sample_type=0 sample_request_interval=0x168 max_number_of_samples=0x29"
    ),
    "GCS32": (
        "to server 0702 0B provider_id=0 request_date_time=0 implementation_date_time=0 proposed_supply_status=0 "
        "supply_control_bits=1"
    ),
    "GCS33": "read 0702 0205 0014",
    "GCS36": "to client 0708 06 cin_implementation_time=0 provider_id=0",
    "GCS38": "read 0702 0206",
    "GCS39": (
        "to server 0702 0B provider_id=0 request_date_time=0 implementation_date_time=0 proposed_supply_status=1 "
        "supply_control_bits=1"
    ),
    "GCS40a": "to server 0705 05 start_time=0 credit_adjustment_type=0",
    "GCS40b": "to server 0705 05 start_time=0 credit_adjustment_type=1 credit_adjustment_value=0",
    "GCS40c": "to server 0705 05 start_time=0 credit_adjustment_type=3",
    "GCS40d": "to server 0705 05 start_time=0 credit_adjustment_type=2 credit_adjustment_value=0",
    "GCS41": "to client 0708 03 site_id_time=0 provider_id=0",
    "GCS44": (
        "to client 0708 01 current_provider_id=0 tariff_type=0 proposed_provider_id=0 "
        "provider_change_implementation_time=0 provider_change_control=0x1800"
    ),
    "GCS46": "read 0702 0307",
    "GCS60": "read 0702 0A00; read 0705 0001",
    "GCS60a": "read 0702 0A00; read 0705 0001",
    "GCS61": "to server 0702 08 sample_id=1 sample_type=0",
    "PCS01": "to server 0705 04 originating_device=2",
    "PCS02": "to server 0705 00 command_issue_date_time=0 originating_device=2",
}
