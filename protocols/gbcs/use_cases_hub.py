"""Use cases of the communications hub: device log and sub-GHz radio (GBCS 15 and 20)."""

from __future__ import annotations

# Roles: S supplier, N network operator, A access control broker (also on behalf of parties unknown to the device),
# T transitional CoS, W WAN provider, R recovery, L load controller.
# Protection of command and response: M MAC, S signature, SM signature then MAC, M/S two forms (see ``signed_form``).
# Flags: C critical, F may be future dated, T response with date-time in its header, E encrypted parts,
# V response may go to another party, D device to device, R protected against replay.
# Devices: "all" is every device that holds credentials. A column that ends in "?" is inferred.
#
# code, name, what, devices, payload, protection, roles, flags, service requests
HUB: tuple[tuple[int, str, str, str, str, str, str, str, str], ...] = (
    (0x0001, "CCS01", "add device to CHF device log", "CHF", "DLMS", "M M", "A", "R", "8.11"),
    (0x0002, "CCS02", "remove device from CHF device log", "CHF", "DLMS", "M M", "A", "R", "8.11"),
    (0x0003, "CCS03", "restore CHF device log", "CHF", "DLMS", "M M", "A", "R", "8.12.1"),
    (0x0004, "CCS05/CCS04", "read CHF device log and check HAN links", "CHF", "DLMS", "M M", "A?", "?", "8.9"),
    (0x00FE, "CCS07", "read CHF device logs", "CHF", "DLMS", "M M", "A", "", "8.9"),
    (0x010A, "DBCH01", "read sub-GHz channel", "CHF", "DLMS", "M M", "A", "", "6.31"),
    (0x010B, "DBCH02", "read sub-GHz channel log", "CHF", "DLMS", "M M", "A", "", "6.32"),
    (0x010C, "DBCH03", "read sub-GHz configuration", "CHF", "DLMS", "M M", "A", "", "6.30"),
    (0x010D, "DBCH04", "set sub-GHz configuration", "CHF", "DLMS", "M M", "A", "R", "6.28"),
    (0x010E, "DBCH05", "request channel scan", "CHF", "DLMS", "M M", "A", "R", "6.29"),
    (0x010F, "CCS06", "read CHF device log and check HAN", "CHF", "DLMS", "M M", "A", "", "8.9"),
)
