"""COSEM objects of class 1 (Data) and of the hub's network control, class 104 (GBCS 20 and 21).

Class, object, attribute or method, name, shape (see ``objects_shapes``), devices. In an object ``11..15`` and
``32|52|72`` stand for several; ``[n]`` in the name counts them from 1.
"""

from __future__ import annotations

DATA: tuple[tuple[int, str, str, str, str, str], ...] = (
    (1, "0-0:0.2.1.255", "a2", "Firmware version", "oct4", "ESME CHF SAPC"),
    (1, "0-0:94.44.0.0", "a2", "Randomised offset in force", "u16 s", "ESME SAPC"),
    (1, "0-0:94.44.0.1", "a2", "Randomised offset limit", "u16 s", "ESME SAPC"),
    (1, "0-0:94.44.0.2", "a2", "Randomised offset number", "u16", "ESME SAPC"),
    (1, "0-0:94.44.0.4", "a2", "Supply tamper state", "bool", "ESME"),
    (1, "0-0:94.44.0.11..15", "a2", "Auxiliary controller [n] description", "vis<=22", "ESME SAPC"),
    (1, "0-0:94.44.0.21..25", "a2", "Auxiliary controller [n] type and identifier", "oct<=8", "ESME SAPC"),
    (1, "0-0:94.44.0.31..35", "a2", "Auxiliary controller [n] state and information", "utf8<=72000", "ESME SAPC"),
    (1, "0-0:94.44.3.1", "a2", "Switch off privacy PIN protection", "oct0", "ESME"),
    (1, "0-0:94.44.3.2", "a2", "Restrict data from", "oct12", "ESME"),
    (1, "0-0:94.44.5.0", "a2", "Last reset, maximum demand import in the configurable period", "oct12", "ESME"),
    (1, "0-0:94.44.5.1", "a2", "Last reset, maximum demand import", "oct12", "ESME"),
    (1, "0-0:94.44.5.2", "a2", "Last reset, maximum demand export", "oct12", "ESME"),
    (1, "0-0:94.44.6.1..5", "a2", "Boost function control, auxiliary controller [n]", "bool", "ESME SAPC"),
    (1, "0-0:94.44.7.255", "a2", "Boost function availability", "bool", "ESME SAPC"),
    (1, "0-0:94.44.10.0", "a2", "Sub-GHz configuration", "<sub_ghz>", "CHF"),
    (1, "0-0:94.44.10.1", "a2", "Sub-GHz channel scan request", "u8", "CHF"),
    (1, "0-0:94.44.10.2", "a2", "Operating sub-GHz channel", "bits32", "CHF"),
    (
        1,
        "0-0:94.44.34.1",
        "a2",
        "Time-of-use register collection",
        "{primary: [48] of u32 Wh, secondary?: [4] of u32 Wh}",
        "ESME",
    ),
    # for each block 1 to 4: registers of TOU 1 to 8, then block counters of TOU 1 to 8
    (1, "0-0:94.44.34.2", "a2", "Block and time-of-use register collection", "{matrix: [64] of u32 Wh}", "ESME"),
    (
        1,
        "0-0:94.44.34.10",
        "a2",
        "Import register collection",
        (
            "{active: u32 Wh, active_scaler_unit: <scaler_unit>, reactive: u32 varh, "
            "reactive_scaler_unit: <scaler_unit>, secondary_active?: u32 Wh}"
        ),
        "ESME",
    ),
    (1, "0-0:94.44.34.11", "a2", "Import MPANs, primary then secondary", "oct<=26", "ESME"),
    (
        1,
        "0-0:94.44.34.20",
        "a2",
        "Active power import collection",
        "{total: u32 W, scaler_unit: <scaler_unit>, primary_element: u32 W}",
        "ESME",
    ),
    (
        1,
        "0-0:94.44.34.30",
        "a2",
        "Prepayment balance collection",
        (
            "{meter_balance: i32 millipence, emergency_credit_balance: i32 millipence, "
            "accumulated_debt: i32 millipence, time_debt_1: i32 millipence, time_debt_2: i32 millipence, "
            "payment_debt: i32 millipence}"
        ),
        "ESME",
    ),
    # a date-time in ECS47a, minutes (u16) in the legacy ECS47
    (1, "0-0:94.44.117..121.1", "a2", "Auxiliary controller [n] setting: start, or time on", "oct12|u16", "ESME SAPC"),
    (1, "0-0:94.44.117..121.2", "a2", "Auxiliary controller [n] setting: end, or time off", "oct12|u16", "ESME SAPC"),
    (1, "0-0:94.44.117..121.3", "a2", "Auxiliary proportional controller [n] limit: start", "oct12", "ESME SAPC"),
    (1, "0-0:94.44.117..121.4", "a2", "Auxiliary proportional controller [n] limit: end", "oct12", "ESME SAPC"),
    (1, "0-0:96.1.1.255", "a2", "Device identifier", "oct8", "ESME"),
    (1, "0-0:96.1.2.255", "a2", "Meter variant", "oct1", "ESME"),
    (1, "0-0:96.1.4.255", "a2", "Model type", "oct<=8", "ESME CHF"),
    (1, "0-0:96.1.6.255", "a2", "Manufacturer identifier", "oct<=32", "ESME CHF"),
    (1, "0-2:96.13.1.255", "a2", "Supplier message", "oct<=116", "ESME"),
    (1, "0-3:96.13.1.255", "a2", "Customer identification number", "oct4", "ESME"),
    (1, "0-30:97.98.11.255", "a2", "Supplier alert settings: WAN", "<settings>", "ESME"),
    (1, "0-30:97.98.12.255", "a2", "Supplier alert settings: HAN devices", "<settings>", "ESME"),
    (1, "0-30:97.98.13.255", "a2", "Supplier event settings: audible alarm", "<settings>", "ESME"),
    (1, "0-30:97.98.14.255", "a2", "Supplier event settings: log", "<settings>", "ESME"),
    (1, "0-30:97.98.15.255", "a2", "Supplier alert settings in force: WAN", "<settings_in_force>", "ESME"),
    (1, "0-30:97.98.16.255", "a2", "Supplier alert settings in force: HAN devices", "<settings_in_force>", "ESME"),
    (1, "0-30:97.98.17.255", "a2", "Supplier event settings in force: audible alarm", "<settings_in_force>", "ESME"),
    (1, "0-30:97.98.18.255", "a2", "Supplier event settings in force: log", "<settings_in_force>", "ESME"),
    (1, "0-33:97.98.11.255", "a2", "Network operator alert settings: WAN", "<settings>", "ESME"),
    (1, "0-33:97.98.14.255", "a2", "Network operator event settings: log", "<settings>", "ESME"),
    (1, "0-33:97.98.15.255", "a2", "Network operator alert settings in force: WAN", "<settings_in_force>", "ESME"),
    (1, "0-33:97.98.18.255", "a2", "Network operator event settings in force: log", "<settings_in_force>", "ESME"),
    (1, "1-0:0.0.2.255", "a2", "Export MPAN", "oct13", "ESME"),
    (1, "1-0:32|52|72.31.0.4", "a2", "Average RMS under-voltage threshold, phase [n]", "u32 V", "ESME"),
    (1, "1-0:32|52|72.35.0.4", "a2", "Average RMS over-voltage threshold, phase [n]", "u32 V", "ESME"),
)

HUB: tuple[tuple[int, str, str, str, str, str], ...] = (
    (104, "0-0:30.3.0.255", "a2", "Open the HAN for joining", "bool", "CHF"),
    (104, "0-0:30.3.0.255", "a3", "Join window", "u16 s", "CHF"),
    (104, "0-0:30.3.0.255", "a4", "Active devices", "<active_devices>", "CHF"),
    (
        104,
        "0-0:30.3.0.255",
        "m1",
        "Add device to the CHF device log",
        "{mac_address: oct8, key_type: enum, key: oct16, device_type: enum}",
        "CHF",
    ),
    (104, "0-0:30.3.0.255", "m2", "Remove device from the CHF device log", "oct8", "CHF"),
    (104, "0-0:30.3.0.255", "m4", "Read the CHF device log", "<hub_log>", "CHF"),
    (
        104,
        "0-0:30.3.0.255",
        "m5",
        "Restore the CHF device log",
        "{extended_PAN_id: oct8, devices: [1..16] of {mac_address: oct8, hashed_TC_link_key: oct16}}",
        "CHF",
    ),
    (104, "0-0:30.3.1.255", "m4", "Read the historic CHF device log", "<hub_log>", "CHF"),
)
