"""COSEM objects that measure, watch and switch: classes 3, 4, 21, 70 and 71 (GBCS 20 and 21).

Columns: see ``objects_data``.
"""

from __future__ import annotations

REGISTERS: tuple[tuple[int, str, str, str, str, str], ...] = (
    # prices: 10^-5 of the currency unit
    (3, "0-0:94.44.1.7", "a2", "Active tariff price, primary element", "u32 millipence", "ESME"),
    (3, "0-0:94.44.1.7", "a3", "Active tariff price, primary element: scaler and unit", "<scaler_unit>", "ESME"),
    (3, "0-0:94.44.1.8", "a2", "Active tariff price, secondary element", "u32 millipence", "ESME"),
    (3, "0-0:94.44.1.8", "a3", "Active tariff price, secondary element: scaler and unit", "<scaler_unit>", "ESME"),
    (3, "0-0:94.44.42.255", "a2", "Load limit counter", "u32", "ESME"),
    (3, "0-0:94.44.42.255", "a3", "Load limit counter: scaler and unit", "<scaler_unit>", "ESME"),
    (3, "0-0:94.44.42.255", "m1", "Reset load limit counter", "i8", "ESME"),
    (3, "1-0:2.8.0.255", "a2", "Active export register", "u32 Wh", "ESME"),
    (3, "1-0:2.8.0.255", "a3", "Active export register: scaler and unit", "<scaler_unit>", "ESME"),
    (3, "1-0:4.8.0.255", "a2", "Reactive export register", "u32 varh", "ESME"),
    (3, "1-0:4.8.0.255", "a3", "Reactive export register: scaler and unit", "<scaler_unit>", "ESME"),
    (3, "1-0:32|52|72.32.0.4", "a2", "Average RMS under-voltage counter, phase [n]", "u32", "ESME"),
    (3, "1-0:32|52|72.32.0.4", "a3", "Average RMS under-voltage counter, phase [n]: unit", "<scaler_unit>", "ESME"),
    (3, "1-0:32|52|72.32.0.4", "m1", "Reset average RMS under-voltage counter, phase [n]", "i8", "ESME"),
    (3, "1-0:32|52|72.36.0.4", "a2", "Average RMS over-voltage counter, phase [n]", "u32", "ESME"),
    (3, "1-0:32|52|72.36.0.4", "a3", "Average RMS over-voltage counter, phase [n]: unit", "<scaler_unit>", "ESME"),
    (3, "1-0:32|52|72.36.0.4", "m1", "Reset average RMS over-voltage counter, phase [n]", "i8", "ESME"),
    (4, "1-0:1.6.0.255", "a2", "Maximum demand, import", "u32 W", "ESME"),
    (4, "1-0:1.6.0.255", "a3", "Maximum demand, import: scaler and unit", "<scaler_unit>", "ESME"),
    (4, "1-0:1.6.0.255", "a5", "Maximum demand, import: capture time", "oct12", "ESME"),
    (4, "1-0:1.6.0.255", "m1", "Reset maximum demand, import", "i8", "ESME"),
    (4, "1-0:1.6.1.255", "a2", "Maximum demand, import in the configurable period", "u32 W", "ESME"),
    (4, "1-0:1.6.1.255", "a3", "Maximum demand, import in the configurable period: unit", "<scaler_unit>", "ESME"),
    (4, "1-0:1.6.1.255", "a5", "Maximum demand, import in the configurable period: capture time", "oct12", "ESME"),
    (4, "1-0:1.6.1.255", "m1", "Reset maximum demand, import in the configurable period", "i8", "ESME"),
    (4, "1-0:2.6.0.255", "a2", "Maximum demand, export", "u32 W", "ESME"),
    (4, "1-0:2.6.0.255", "a3", "Maximum demand, export: scaler and unit", "<scaler_unit>", "ESME"),
    (4, "1-0:2.6.0.255", "a5", "Maximum demand, export: capture time", "oct12", "ESME"),
    (4, "1-0:2.6.0.255", "m1", "Reset maximum demand, export", "i8", "ESME"),
    # low/medium, then medium/high
    (21, "0-0:16.0.0.255", "a2", "Instantaneous power thresholds", "[2] of u32 W", "ESME"),
    (21, "0-0:16.0.1.255", "a2", "Disablement threshold, active", "[1] of i32 millipence", "ESME"),
    # FFFFFFFF: threshold not used
    (21, "0-0:16.0.11..18.255", "a2", "Block thresholds of TOU [n], active", "[3] of u32 Wh", "ESME"),
    (21, "0-0:16.1.11..18.255", "a2", "Block thresholds of TOU [n], passive", "[1..3] of u32 Wh", "ESME"),
    (70, "0-0:96.3.10.255", "a3", "Supply state", "enum", "ESME"),
    (70, "0-1..5:96.3.10.255", "a2", "Auxiliary load control switch [n] state", "bool", "ESME"),
    (71, "0-0:17.0.0.255", "a4", "Load limit power threshold, active", "u32 W", "ESME"),
    (71, "0-0:17.0.0.255", "a6", "Load limit period, active", "u32 s", "ESME"),
    (71, "0-0:17.0.0.255", "a7", "Load limit restoration period, active", "u32 s", "ESME"),
    (71, "0-0:17.0.1.255", "a4", "RMS extreme over-voltage threshold", "u32 V", "ESME"),
    (71, "0-0:17.0.1.255", "a6", "RMS extreme over-voltage measurement period", "u32 s", "ESME"),
    (71, "0-0:17.0.2.255", "a4", "RMS extreme under-voltage threshold", "u32 V", "ESME"),
    (71, "0-0:17.0.2.255", "a6", "RMS extreme under-voltage measurement period", "u32 s", "ESME"),
    (71, "0-0:17.0.3.255", "a4", "RMS voltage sag threshold", "u32 V", "ESME"),
    (71, "0-0:17.0.3.255", "a6", "RMS voltage sag measurement period", "u32 s", "ESME"),
    (71, "0-0:17.0.4.255", "a4", "RMS voltage swell threshold", "u32 V", "ESME"),
    (71, "0-0:17.0.4.255", "a6", "RMS voltage swell measurement period", "u32 s", "ESME"),
)
