"""COSEM objects of prices, credit and debt: classes 111, 112, 113 and 115 (GBCS 20 and 21).

Columns: see ``objects_data``. Money is in 10^-5 of the currency unit, called millipence. Prices are integers with a
scale of their own in the same structure: per kWh in a price matrix, per day in the standing charge, per period in the
debt recovery rates.
"""

from __future__ import annotations

PREPAYMENT: tuple[tuple[int, str, str, str, str, str], ...] = (
    (111, "0-0:19.0.0.255", "a2", "Payment mode, active", "{payment_mode: enum, account_status: enum}", "ESME"),
    (111, "0-0:19.0.0.255", "a11", "Credit and charge configuration, active", "<collections>", "ESME"),
    (111, "0-0:19.0.0.255", "a16", "Low credit threshold, active", "i32 millipence", "ESME"),
    (111, "0-0:19.0.0.255", "a18", "Debt recovery rate cap, active", "u16 currency units", "ESME"),
    (111, "0-0:19.0.0.255", "a19", "Debt recovery rate cap period, active", "i32 s", "ESME"),
    (111, "0-1:19.0.0.255", "a2", "Payment mode, passive", "{payment_mode: enum, account_status: enum}", "ESME"),
    (111, "0-1:19.0.0.255", "a11", "Credit and charge configuration, passive", "<collections>", "ESME"),
    (111, "0-1:19.0.0.255", "a13", "Payment mode: activate at", "<activation>", "ESME"),
    (112, "0-0:19.10.0.255", "a2", "Meter balance", "i32 millipence", "ESME"),
    (112, "0-0:19.10.0.255", "m1", "Adjust meter balance", "i32 millipence", "ESME"),
    (112, "0-0:19.10.0.255", "m2", "Reset meter balance", "i32 millipence", "ESME"),
    (112, "0-0:19.10.1.255", "a9", "Emergency credit limit, active", "i32 millipence", "ESME"),
    (112, "0-0:19.10.1.255", "a10", "Emergency credit threshold, active", "i32 millipence", "ESME"),
    (112, "0-0:19.10.1.255", "m2", "Reset emergency credit", "i32 millipence", "ESME"),
    (112, "0-0:19.10.1.255", "m3", "Activate emergency credit", "i8", "ESME"),
    (112, "0-0:19.10.2.255", "m2", "Reset accumulated debt", "i32 millipence", "ESME"),
    (113, "0-0:19.20.0.255", "a5", "Price matrix, primary element, active", "<charge>", "ESME"),
    (113, "0-0:19.20.0.255", "a6", "Price matrix, primary element, passive", "<charge>", "ESME"),
    (113, "0-0:19.20.0.255", "a7", "Price matrix, primary element: activate at", "<activation>", "ESME"),
    (113, "0-0:19.20.1..2.255", "a5", "Debt recovery rate [n], active", "<charge>", "ESME"),
    (113, "0-0:19.20.1..2.255", "a6", "Debt recovery rate [n], passive", "<charge>", "ESME"),
    (113, "0-0:19.20.1..2.255", "a8", "Debt recovery period [n]", "u32 s", "ESME"),
    (113, "0-0:19.20.1..2.255", "m2", "Activate debt recovery rate [n]", "i8", "ESME"),
    (113, "0-0:19.20.1..2.255", "m4", "Adjust time debt register [n]", "i32 millipence", "ESME"),
    (113, "0-0:19.20.3.255", "a13", "Debt recovery per payment", "u16 0.01 %", "ESME"),
    (113, "0-0:19.20.3.255", "m4", "Adjust payment debt register", "i32 millipence", "ESME"),
    (113, "0-0:19.20.4.255", "a5", "Standing charge, active", "<charge>", "ESME"),
    (113, "0-0:19.20.4.255", "a6", "Standing charge, passive", "<charge>", "ESME"),
    (113, "0-0:19.20.4.255", "a7", "Standing charge: activate at", "<activation>", "ESME"),
    (113, "0-0:19.20.5.255", "a5", "Price matrix, secondary element, active", "<charge>", "ESME"),
    (113, "0-0:19.20.5.255", "a6", "Price matrix, secondary element, passive", "<charge>", "ESME"),
    (113, "0-0:19.20.5.255", "a7", "Price matrix, secondary element: activate at", "<activation>", "ESME"),
    (115, "0-0:19.40.0.255", "m1", "Enter top-up token", "oct20", "ESME"),
)
