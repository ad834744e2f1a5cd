"""Use cases of gas meters and of the gas proxy, those between PPMID and gas meter included (GBCS 15 and 20)."""

from __future__ import annotations

# Roles: S supplier, N network operator, A access control broker (also on behalf of parties unknown to the device),
# T transitional CoS, W WAN provider, R recovery, L load controller.
# Protection of command and response: M MAC, S signature, SM signature then MAC, M/S two forms (see ``signed_form``).
# Flags: C critical, F may be future dated, T response with date-time in its header, E encrypted parts,
# V response may go to another party, D device to device, R protected against replay.
# Devices: "all" is every device that holds credentials. A column that ends in "?" is inferred.
#
# Reads that name both devices go to the gas proxy; the gas meter itself answers its supplier only.
# GCS25 is retired: today a hub only takes its copy as the command passes. Meters of its time take it from their
# supplier, as signed messages show, and so its role is that of GCS25a.
#
# code, name, what, devices, payload, protection, roles, flags, service requests
GAS: tuple[tuple[int, str, str, str, str, str, str, str, str], ...] = (
    (0x006B, "GCS01a", "set gas tariff and price", "GSME", "GBZ", "SM S", "S", "CFTR", "1.1.1"),
    (0x006C, "GCS02", "gas: switch to credit mode", "GSME", "GBZ", "SM S", "S", "CFTR", "1.6"),
    (0x006D, "GCS03", "gas: switch to prepayment mode", "GSME", "GBZ", "SM S", "S", "CFTR", "1.6"),
    (0x006E, "GCS04", "gas: manage debt", "GSME", "GBZ", "SM S", "S", "CR", "2.3"),
    (0x006F, "GCS05", "gas: prepayment configuration", "GSME", "GBZ", "SM S", "S", "CFTR", "2.1"),
    (0x0070, "GCS06", "gas: activate emergency credit", "GSME", "GBZ", "SM S", "S", "CR", "2.5"),
    (0x0071, "GCS07", "gas: customer message", "GSME", "GBZ", "M M", "S", "", "3.1"),
    (0x0072, "GCS09", "GPF: change of tenancy", "GPF", "GBZ", "M M", "S", "", "3.2"),
    (0x0073, "GCS11", "gas: switch off PIN", "GSME", "GBZ", "M M", "S", "R", "3.5"),
    (0x0074, "GCS13a", "gas register", "GSME GPF", "GBZ", "M M", "SN", "TE", "4.1.1"),
    (0x0075, "GCS14", "gas prepayment registers", "GSME GPF", "GBZ", "M M", "S", "TE", "4.3"),
    (0x0076, "GCS15c", "gas billing log, billing calendar", "GSME GPF", "GBZ", "M M", "SA", "E", "4.4.3"),
    (0x0077, "GCS16a", "gas daily read log", "GSME GPF", "GBZ", "M M", "SA", "E", "4.6.1"),
    (0x0078, "GCS17", "gas profile log", "GSME GPF", "GBZ", "M M", "SNA", "EV", "4.8.1"),
    (0x0079, "GCS18", "gas network log", "GSME", "GBZ", "M M", "SA", "E", "4.10"),
    (0x007B, "GCS21a", "read gas configuration", "GSME", "GBZ", "M M", "SNA", "", "6.2.8"),
    (0x007C, "GCS23", "calorific value and conversion factor", "GSME", "GBZ", "SM S", "S", "CR", "6.6"),
    (0x007D, "GCS24", "uncontrolled flow and tamper state", "GSME", "GBZ", "SM S", "S?", "CR", "6.7"),
    (0x007E, "GCS25", "gas: billing calendar", "GSME GPF", "GBZ", "SM S", "S?", "CR", "6.8"),
    (0x007F, "GCS28", "set GSME clock", "GSME", "ASN1", "SM S", "S", "CR", "6.11 8.1.1"),
    (0x0080, "GCS31", "start gas network log", "GSME", "GBZ", "M M", "A", "R", "14.1"),
    (0x0081, "GCS32", "close valve", "GSME", "GBZ", "SM S", "S", "CR", "7.2"),
    (0x0082, "GCS33", "read valve state", "GSME GPF", "GBZ", "M M", "SNA", "", "7.4"),
    (0x0083, "GCS36", "send customer identification number, gas", "GSME", "GBZ", "M M", "A", "R", "9.1"),
    (0x0084, "GCS38", "read GSME firmware version", "GSME GPF", "GBZ", "M M", "SNA", "", "11.2"),
    (0x0085, "GCS39", "arm valve", "GSME", "GBZ", "SM S", "S", "CR", "7.3"),
    (0x0086, "GCS40a", "gas prepay balance adjust", "GSME", "GBZ", "SM S", "S", "CR", "1.5"),
    (0x0087, "GCS41", "write MPRN", "GSME", "GBZ", "M M", "S", "R", "6.20.1"),
    (0x0088, "GCS44", "gas: supplier contact details", "GSME", "GBZ", "M M", "S", "", "3.4"),
    (0x0089, "GCS46", "read MPRN", "GSME GPF", "GBZ", "M M", "SNA", "", "6.2.7"),
    (0x008C, "GCS59", "restore GPF device log", "GPF", "ASN1", "M M", "A?", "R?", "8.12.2"),
    (0x008D, "GCS60", "gas: read balance", "GSME GPF", "GBZ", "M M", "S", "", "4.18"),
    (0x0090, "PCS02", "PPMID: gas emergency credit", "GSME", "GBZ", "M M", "", "D", ""),
    (0x0096, "GCS16b", "gas daily read log, prepayment", "GSME GPF", "GBZ", "M M", "SA", "E", "4.14"),
    (0x009B, "PCS01", "PPMID: top-up token for GSME", "GSME", "GBZ", "M M", "", "D", ""),
    (0x009D, "GCS21d", "read gas configuration: billing calendar", "GSME", "GBZ", "M M", "S?", "?", "6.2.3"),
    (0x009E, "GCS21e", "read gas configuration: identity", "GSME", "GBZ", "M M", "S?", "?", "6.2.4"),
    (0x009F, "GCS21f", "read gas tariff", "GSME GPF", "GBZ", "M M", "SA", "V", "4.11.1"),
    (0x00A0, "GCS61", "gas daily consumption log", "GPF", "GBZ", "M M", "SNA", "E", "4.17"),
    (0x00A3, "GCS01b", "set gas price", "GSME", "GBZ", "SM S", "S", "CFTR", "1.2.1"),
    (0x00AD, "GCS20", "gas alert behaviour", "GSME", "GBZ", "M M", "S", "", "6.22"),
    (0x00B4, "GCS40b", "gas prepay balance reset", "GSME", "GBZ", "SM S", "S", "CR", "1.5"),
    (0x00B5, "GCS21b", "read gas configuration: prepayment", "GSME GPF", "GBZ", "M M", "S", "", "4.13"),
    (0x00B6, "GCS13c", "gas register, time of use", "GSME GPF", "GBZ", "M M", "SN", "TE", "4.1.2"),
    (0x00B8, "GCS13b", "gas block counters", "GSME GPF", "GBZ", "M M", "S", "TE", "4.1.4"),
    (0x00BF, "GCS21j", "read gas payment mode", "GSME GPF", "GBZ", "M M", "SA", "", "6.2.9"),
    (0x00C0, "GCS40c", "gas credit balance adjust", "GSME", "GBZ", "SM S", "S", "CR", "1.5"),
    (0x00C2, "GCS40d", "gas credit balance reset", "GSME", "GBZ", "SM S", "S", "CR", "1.5"),
    (0x00C3, "GCS15b", "gas billing log, mode/tariff change", "GSME GPF", "GBZ", "M M", "SA", "E", "4.4.2"),
    (0x00C4, "GCS15d", "gas billing log, payment debt", "GSME GPF", "GBZ", "M M", "SA", "E", "4.4.4"),
    (0x00C5, "GCS15e", "gas billing log, prepay credits", "GSME GPF", "GBZ", "M M", "SA", "", "4.4.5"),
    (0x00D8, "GCS25a", "gas billing calendar, all periods", "GSME", "GBZ", "SM S", "S", "CR", "6.8"),
    (0x00DA, "GCS21k", "read gas billing calendar, all periods", "GSME GPF", "GBZ", "M M", "SA", "", "6.2.3"),
    (0x00F1, "GCS20r", "read event behaviours, gas", "GSME", "GBZ", "M M", "S", "", "6.2.10"),
    (0x00FB, "GCS21m", "read gas identity, type and states", "GSME", "GBZ", "M M", "SNA", "", "6.2.4"),
    (0x00FC, "GCS24a", "uncontrolled flow and tamper state, later form", "GSME", "GBZ", "SM S", "S", "CR", "6.7"),
    (0x012A, "GCS60a", "gas: read balance, time-stamped", "GSME GPF", "GBZ", "M M", "S?", "T?", "4.18"),
)
