"""COSEM objects that follow the clock: classes 8, 9, 10, 11, 20 and 22 (GBCS 20 and 21).

Columns: see ``objects_data``. A passive table takes effect at the activation time written to an object of class 9000
or to the calendar itself.
"""

from __future__ import annotations

CALENDARS: tuple[tuple[int, str, str, str, str, str], ...] = (
    (8, "0-0:1.0.0.255", "a2", "Time now", "oct12", "ESME SAPC"),
    (8, "0-0:1.0.0.255", "a4", "Clock status", "u8", "ESME SAPC"),
    (8, "0-0:1.0.0.255", "a9", "Clock base", "enum", "ESME SAPC"),
    (8, "0-0:1.0.0.255", "m4", "Set time from the communications hub", "i8", "ESME SAPC"),
    (
        8,
        "0-0:1.0.0.255",
        "m5",
        "Set valid time range",
        "{preset_time: oct12, validity_interval_start: oct12, validity_interval_end: oct12}",
        "ESME SAPC",
    ),
    (9, "0-0:10.0.100.255", "m1", "Tariff: run script", "u16", "ESME"),
    (9, "0-0:10.0.103.255", "m1", "Auxiliary controller: run script", "u16", "ESME SAPC"),
    (9, "0-0:10.0.106.255", "m1", "Load switch: run script", "u16", "ESME"),
    (9, "0-0:10.0.107.255", "m1", "Auxiliary proportional controller: limit level", "u16", "ESME SAPC"),
    (10, "0-0:12.0.0.255", "a2", "Maximum demand configurable period", "<schedule>", "ESME"),
    (10, "0-0:12.0.1.255", "a2", "Non-disablement calendar, active", "<schedule>", "ESME"),
    (10, "0-0:12.0.2.255", "a2", "Auxiliary controller calendar, active", "<schedule>", "ESME SAPC"),
    (10, "0-1:12.0.1.255", "a2", "Non-disablement calendar, passive", "<schedule>", "ESME"),
    (10, "0-1:12.0.2.255", "a2", "Auxiliary controller calendar, passive", "<schedule>", "ESME SAPC"),
    (11, "0-0:11.0.0.255", "a2", "Tariff special days, primary element, active", "<special_days>", "ESME"),
    (11, "0-0:11.0.1.255", "a2", "Tariff special days, secondary element, active", "<special_days>", "ESME"),
    (11, "0-0:11.0.2.255", "a2", "Non-disablement special days, active", "<special_days>", "ESME"),
    (11, "0-0:11.0.3.255", "a2", "Auxiliary controller special days, active", "<special_days>", "ESME SAPC"),
    (11, "0-1:11.0.0.255", "a2", "Tariff special days, primary element, passive", "<special_days>", "ESME"),
    (11, "0-1:11.0.1.255", "a2", "Tariff special days, secondary element, passive", "<special_days>", "ESME"),
    (11, "0-1:11.0.2.255", "a2", "Non-disablement special days, passive", "<special_days>", "ESME"),
    (11, "0-1:11.0.3.255", "a2", "Auxiliary controller special days, passive", "<special_days>", "ESME SAPC"),
    (20, "0-0:13.0.0.255", "a3", "Tariff switching table, primary element: seasons, active", "<seasons>", "ESME"),
    (20, "0-0:13.0.0.255", "a4", "Tariff switching table, primary element: weeks, active", "<weeks>", "ESME"),
    (20, "0-0:13.0.0.255", "a5", "Tariff switching table, primary element: days, active", "<days>", "ESME"),
    (20, "0-0:13.0.0.255", "a7", "Tariff switching table, primary element: seasons, passive", "<seasons>", "ESME"),
    (20, "0-0:13.0.0.255", "a8", "Tariff switching table, primary element: weeks, passive", "<weeks>", "ESME"),
    (20, "0-0:13.0.0.255", "a9", "Tariff switching table, primary element: days, passive", "<days>", "ESME"),
    (20, "0-0:13.0.0.255", "a10", "Tariff switching table, primary element: activate at", "<activation>", "ESME"),
    (20, "0-0:13.0.1.255", "a3", "Tariff switching table, secondary element: seasons, active", "<seasons>", "ESME"),
    (20, "0-0:13.0.1.255", "a4", "Tariff switching table, secondary element: weeks, active", "<weeks>", "ESME"),
    (20, "0-0:13.0.1.255", "a5", "Tariff switching table, secondary element: days, active", "<days>", "ESME"),
    (20, "0-0:13.0.1.255", "a7", "Tariff switching table, secondary element: seasons, passive", "<seasons>", "ESME"),
    (20, "0-0:13.0.1.255", "a8", "Tariff switching table, secondary element: weeks, passive", "<weeks>", "ESME"),
    (20, "0-0:13.0.1.255", "a9", "Tariff switching table, secondary element: days, passive", "<days>", "ESME"),
    (20, "0-0:13.0.1.255", "a10", "Tariff switching table, secondary element: activate at", "<activation>", "ESME"),
    (22, "0-0:15.0.0.255", "a4", "Billing calendar", "[1..4] of {time: oct4, date: oct5}", "ESME"),
    (22, "0-0:15.1.0.255", "a4", "Daily reset of block counters", "[1] of {time: oct4, date: oct5}", "ESME"),
)
