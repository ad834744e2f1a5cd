"""COSEM objects that remember: profiles and logs, class 7, and the protected reads of class 30 (GBCS 20 and 21).

Columns: see ``objects_data``.
"""

from __future__ import annotations

LOGS: tuple[tuple[int, str, str, str, str, str], ...] = (
    # other information: channel mask 4, 09 01, trigger 1
    (7, "0-0:94.44.10.3", "a2", "Sub-GHz channel log", "log of {<entry>, event: u16, other: oct7}", "CHF"),
    (7, "0-0:98.1.0.255", "a2", "Billing data log, registers", "log of {<entry>, <registers>}", "ESME"),
    (7, "0-0:98.1.1.255", "a2", "Billing data log, money", "log of {<entry>, <money>}", "ESME"),
    (
        7,
        "0-0:98.1.2.255",
        "a2",
        "Billing data log, change of mode or tariff",
        "log of {<entry>, <registers>, <money>}",
        "ESME",
    ),
    (7, "0-0:98.1.4.255", "a2", "Payment-based debt log", "log of {<entry>, amount: u32 millipence}", "ESME"),
    (7, "0-0:98.1.5.255", "a2", "Prepayment credit log", "log of {<entry>, amount: u32 millipence}", "ESME"),
    (7, "0-0:98.1.8.255", "a2", "Prepayment daily read log", "log of {<entry>, <money>}", "ESME"),
    (7, "0-0:98.1.9.255", "a2", "Daily read log, import", "log of {<entry>, <registers>}", "ESME"),
    (7, "0-0:98.1.10.255", "a2", "Daily read log, export", "log of {<entry>, active_export: u32 Wh}", "ESME"),
    (
        7,
        "0-0:99.1.0.255",
        "a2",
        "Half-hour profile, active import",
        "log of {<entry>, active_import: u32 Wh, secondary_active_import?: u32 Wh}",
        "ESME",
    ),
    (
        7,
        "0-0:99.1.1.255",
        "a2",
        "Half-hour profile, export",
        "log of {<entry>, active_export: u32 Wh, reactive_export: u32 varh}",
        "ESME",
    ),
    (7, "0-0:99.1.2.255", "a2", "Half-hour profile, reactive import", "log of {<entry>, import: u32 varh}", "ESME"),
    (7, "0-0:99.1.3.255", "a2", "Daily consumption log", "log of {<entry>, consumption: u32 Wh}", "ESME"),
    (7, "0-0:99.98.0.255", "a2", "Event log", "log of {<entry>, event: u16, other: oct<=8}", "ESME CHF SAPC"),
    (7, "0-0:99.98.0.255", "m1", "Clear event log", "i8", "ESME SAPC"),
    (7, "0-0:99.98.1.255", "a2", "Security log", "log of {<entry>, event: u16}", "ESME CHF SAPC"),
    (7, "0-0:99.98.4.255", "a2", "Power event log", "log of {<entry>, event: u16, other: u32}", "ESME"),
    (
        7,
        "0-0:99.98.20.255",
        "a2",
        "Boost function event log",
        "log of {boost_start: u32 s since 2000, boost_end: u32 s since 2000}",
        "ESME SAPC",
    ),
    (
        7,
        "0-17:99.98.2.255",
        "a2",
        "Auxiliary controller event log",
        "log of {<entry>, controller_and_action: u16, outcome: enum, HAN_command_id: u32}",
        "ESME SAPC",
    ),
    (7, "0-17:99.98.2.255", "m1", "Clear auxiliary controller event log", "i8", "ESME SAPC"),
    (7, "1-0:32|52|72.24.0.255", "a2", "RMS voltage profile log, phase [n]", "log of {<entry>, volts: u32 V}", "ESME"),
    (7, "1-0:32|52|72.24.0.255", "a4", "Average RMS voltage measurement period, phase [n]", "u32 s", "ESME"),
)

# The shape is that of the answer; the argument lists what to read and how to protect it.
PROTECTED_READS: tuple[tuple[int, str, str, str, str, str], ...] = (
    (30, "0-0:43.2.1.255", "m1", "Protected read: prepayment balance collection", "<protected>", "ESME"),
    (30, "0-0:43.2.2.255", "m1", "Protected read: billing data log, registers and money", "<protected>", "ESME"),
    (30, "0-0:43.2.3.255", "m1", "Protected read: billing data log, change of mode or tariff", "<protected>", "ESME"),
    (30, "0-0:43.2.4.255", "m1", "Protected read: daily consumption log", "<protected>", "ESME"),
    (30, "0-0:43.2.5.255", "m1", "Protected read: daily read log, import", "<protected>", "ESME"),
    (30, "0-0:43.2.6.255", "m1", "Protected read: prepayment daily read log", "<protected>", "ESME"),
    (30, "0-0:43.2.7.255", "m1", "Protected read: half-hour profile, active import", "<protected>", "ESME"),
    (30, "0-0:43.2.8.255", "m1", "Protected read: import register collection", "<protected>", "ESME"),
    (30, "0-0:43.2.9.255", "m1", "Protected read: time-of-use register collection", "<protected>", "ESME"),
    (30, "0-0:43.2.10.255", "m1", "Protected read: block and time-of-use collection", "<protected>", "ESME"),
    (30, "0-0:43.2.11.255", "m1", "Protected push: newest entry of the billing data log", "<protected>", "ESME"),
)
