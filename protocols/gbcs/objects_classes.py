"""COSEM interface classes: names of classes, attributes and methods (IEC 62056-6-2).

Only the classes that GBCS uses. Class 9000 is its own extension (GBCS 21): an active value, a passive one, and the
time at which the passive value becomes the active one.
"""

from __future__ import annotations

LOGICAL_NAME = "logical_name"

# class, name, attributes from 2 on, methods from 1 on
CLASSES: dict[int, tuple[str, str, str]] = {
    1: ("Data", "value", ""),
    3: ("Register", "value scaler_unit", "reset"),
    4: ("Extended register", "value scaler_unit status capture_time", "reset"),
    7: (
        "Profile generic",
        "buffer capture_objects capture_period sort_method sort_object entries_in_use profile_entries",
        "reset capture",
    ),
    8: (
        "Clock",
        (
            "time time_zone status daylight_savings_begin daylight_savings_end daylight_savings_deviation "
            "daylight_savings_enabled clock_base"
        ),
        (
            "adjust_to_quarter adjust_to_measuring_period adjust_to_minute adjust_to_preset_time preset_adjusting_time "
            "shift_time"
        ),
    ),
    9: ("Script table", "scripts", "execute"),
    10: ("Schedule", "entries", "enable_disable insert delete"),
    11: ("Special days table", "entries", "insert delete"),
    20: (
        "Activity calendar",
        (
            "calendar_name_active season_profile_active week_profile_table_active day_profile_table_active "
            "calendar_name_passive season_profile_passive week_profile_table_passive day_profile_table_passive "
            "activate_passive_calendar_time"
        ),
        "activate_passive_calendar",
    ),
    21: ("Register monitor", "thresholds monitored_value actions", ""),
    22: ("Single action schedule", "executed_script type execution_time", ""),
    30: (
        "Data protection",
        (
            "protection_buffer protection_object_list protection_parameters_get protection_parameters_set "
            "required_protection"
        ),
        "get_protected_attributes set_protected_attributes invoke_protected_method",
    ),
    70: ("Disconnect control", "output_state control_state control_mode", "remote_disconnect remote_reconnect"),
    71: (
        "Limiter",
        (
            "monitored_value threshold_active threshold_normal threshold_emergency min_over_threshold_duration "
            "min_under_threshold_duration emergency_profile emergency_profile_group_id_list emergency_profile_active "
            "actions"
        ),
        "",
    ),
    104: (
        "ZigBee network control",
        "enable_disable_joining join_timeout active_devices",
        (
            "register_device unregister_device unregister_all_devices backup_PAN restore_PAN identify_device "
            "remove_mirror update_network_key update_link_key create_PAN remove_PAN"
        ),
    ),
    111: (
        "Account",
        (
            "account_mode_and_status current_credit_in_use current_credit_status available_credit amount_to_clear "
            "clearance_threshold aggregated_debt credit_reference_list charge_reference_list "
            "credit_charge_configuration token_gateway_configuration account_activation_time account_closure_time "
            "currency low_credit_threshold next_credit_available_threshold max_provision max_provision_period"
        ),
        "activate_account close_account reset_account",
    ),
    112: (
        "Credit",
        (
            "current_credit_amount credit_type priority warning_threshold limit credit_configuration credit_status "
            "preset_credit_amount credit_available_threshold period"
        ),
        "update_amount set_amount_to_value invoke_credit",
    ),
    113: (
        "Charge",
        (
            "total_amount_paid charge_type priority unit_charge_active unit_charge_passive unit_charge_activation_time "
            "period charge_configuration last_collection_time last_collection_amount total_amount_remaining proportion"
        ),
        (
            "update_unit_charge activate_passive_unit_charge collect update_total_amount_remaining "
            "set_total_amount_remaining"
        ),
    ),
    115: ("Token gateway", "token token_time token_description token_delivery_method token_status", "enter"),
    9000: (
        "GB extended data",
        "value_active scaler_unit_active value_passive scaler_unit_passive activation_time",
        "",
    ),
}


def class_name(class_id: int) -> str:
    """``Register``; empty for a class that GBCS does not use."""
    return CLASSES[class_id][0] if class_id in CLASSES else ""


def attribute_name(class_id: int, index: int) -> str:
    """The class's own name of an attribute, such as ``scaler_unit``; empty if there is none."""
    if index == 1:
        return LOGICAL_NAME if class_id in CLASSES else ""
    return _nth(CLASSES[class_id][1], index - 2) if class_id in CLASSES else ""


def method_name(class_id: int, index: int) -> str:
    """The class's own name of a method, such as ``reset``; empty if there is none."""
    return _nth(CLASSES[class_id][2], index - 1) if class_id in CLASSES else ""


def _nth(words: str, at: int) -> str:
    names = words.split()
    return names[at] if 0 <= at < len(names) else ""
