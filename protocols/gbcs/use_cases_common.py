"""Use cases that several kinds of device share: credentials, joining, firmware, top-up (GBCS 13, 14 and 15)."""

from __future__ import annotations

# Roles: S supplier, N network operator, A access control broker (also on behalf of parties unknown to the device),
# T transitional CoS, W WAN provider, R recovery, L load controller.
# Protection of command and response: M MAC, S signature, SM signature then MAC, M/S two forms (see ``signed_form``).
# Flags: C critical, F may be future dated, T response with date-time in its header, E encrypted parts,
# V response may go to another party, D device to device, R protected against replay.
# Devices: "all" is every device that holds credentials. A column that ends in "?" is inferred.
# That the broker renews the keys of a device is for those that know no supplier, the hub and the prepayment display.
#
# code, name, what, devices, payload, protection, roles, flags, service requests
COMMON: tuple[tuple[int, str, str, str, str, str, str, str, str], ...] = (
    (0x0007, "CS01a", "prepayment top-up, electricity", "ESME", "DLMS", "M M", "S?", "TR", "2.2"),
    (0x0008, "CS02a", "report trust anchors", "all?", "ASN1", "M/S", "SNATRW?", "?", "6.24.1"),
    (0x000A, "CS02c", "make a key pair, return certification request", "all?", "ASN1", "SM S", "SA?", "CR?", "6.17"),
    (0x000B, "CS02d", "install device certificate", "all?", "ASN1", "SM S", "SA?", "CR?", "6.15.2"),
    (0x000C, "CS02e", "return device certificate", "all?", "ASN1", "SM S", "SA?", "C?", "6.24.2"),
    (0x000D, "CS03A1", "join, method A, meter side", "ESME", "ASN1", "SM S", "S?", "CR?", "8.7.1"),
    (0x000E, "CS03B", "join, method B", "GSME", "ASN1", "M M", "SA?", "R?", "8.7.2"),
    (0x000F, "CS04AC", "unjoin, method A or C", "ESME GSME HCALCS PPMID?", "ASN1", "SM S", "SA?", "CR?", "8.8.1 8.8.2"),
    (0x0010, "CS04B", "unjoin, method B", "GSME", "ASN1", "M M", "SA?", "R?", "8.8.2"),
    (0x0012, "CS06", "activate firmware", "ESME GSME CHF SAPC?", "ASN1", "SM S", "SW?", "CFTR", "11.3"),
    (0x0013, "CS07", "read device log", "ESME GSME HCALCS PPMID?", "ASN1", "M M", "SNA?", "?", "8.9"),
    (0x0014, "CS10a", "read ZigBee event log", "GSME GPF", "GBZ", "M M", "SNA", "", "6.13"),
    (0x0015, "CS11", "clear ZigBee event log", "GSME GPF", "GBZ", "M M", "S", "", "3.3"),
    (0x0097, "CS01b", "prepayment top-up, gas", "GSME", "GBZ", "M M", "S?", "TR", "2.2"),
    (0x00A1, "CS10b", "read ZigBee security log", "GSME GPF", "GBZ", "M M", "SNA", "", "6.13"),
    (0x00AB, "CS03A2", "join, method A, non-meter side", "HCALCS PPMID", "ASN1", "SM S", "SA?", "CR?", "8.7.1 8.7.2"),
    (0x00AF, "CS03C", "join, method C", "GSME PPMID", "ASN1", "SM S", "SA?", "CR?", "8.7.1 8.7.2"),
    (0x011B, "CS02f", "report trust anchors, with load controller", "ESME SAPC", "ASN1", "M/S", "SAT?", "C?", "6.24.1"),
    (0x0129, "CS08", "read PPMID/HCALCS firmware version", "HCALCS PPMID", "ASN1", "M M", "SA?", "?", "11.2"),
)

# One message code per mode of an update (GBCS 13.4). In the two modes "by itself" of supplier and network operator the
# broker may stand in for the party: before hand-over the broker's certificates fill those cells. Mode 4 is without
# signature except to a hub, which alone holds a signing certificate of the broker. The contingency key of mode 9 is no
# role's own, so that row names none. The modes that replace only the root (0, 1) have no published message.
#
# code, name, variant, devices, protection, roles, flags
CREDENTIAL_UPDATES: tuple[tuple[int, str, str, str, str, str, str], ...] = (
    (0x0100, "CS02b", "root by supplier", "ESME GSME GPF HCALCS SAPC?", "SM S", "S?", "CFTR?"),
    (0x0101, "CS02b", "root by WAN provider", "CHF?", "SM S", "W?", "CFTR?"),
    (0x0102, "CS02b", "supplier by supplier", "ESME GSME GPF HCALCS SAPC?", "SM S", "SA?", "CFTR"),
    (0x0103, "CS02b", "network operator by network operator", "ESME GPF SAPC?", "SM S", "NA?", "CFTR"),
    (0x0104, "CS02b", "broker by broker", "all?", "M S", "A", "CFTR"),
    (0x0105, "CS02b", "WAN provider by WAN provider", "CHF", "SM S", "W", "CFTR"),
    (0x0106, "CS02b", "TCoS by TCoS", "all?", "SM S", "T", "CFTR"),
    (0x0107, "CS02b", "supplier by TCoS", "ESME GSME GPF HCALCS SAPC?", "SM S", "T", "CFTR"),
    (0x0108, "CS02b", "any but an abnormal root, by recovery", "all?", "S S", "R", "CFTR"),
    (0x0109, "CS02b", "any by contingency", "all?", "S S", "?", "CFTR"),
    (0x0125, "CS02g", "load controller by load controller", "ESME SAPC", "SM S", "L", "CFTR"),
    (0x0126, "CS02g", "load controller by supplier", "ESME SAPC", "SM S", "S", "CFTR"),
)
SERVICES_OF_CREDENTIAL_UPDATES = {"CS02b": "6.15.1 6.21 6.23 8.5", "CS02g": "6.15.1"}
