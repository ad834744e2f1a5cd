"""Alerts with a message code, and the codes of commands that never leave the HAN (GBCS 15, 16 and 20)."""

from __future__ import annotations

# Protection: M MAC, S signature. Flags: C critical, E encrypted parts.
# The names that begin with FD, FDRA and MIIWA are ours: the specification numbers these alerts without naming them.
# Alert 00D5 is known by number only; the alert codes of DBCH06 to DBCH08 are inferred from their titles.
#
# code, name, what, devices, payload, protection, flags, alert codes
ALERTS: tuple[tuple[int, str, str, str, str, str, str, str], ...] = (
    (0x0018, "CS14", "CHF device log changed", "CHF", "DLMS", "M", "", "8F12"),
    (0x0061, "ECS68", "new billing data log entry", "ESME", "DLMS", "S", "CE", "8F0A"),
    (0x0067, "ECS80", "supply outage restored", "ESME", "DLMS", "S", "C", "8F35 8F36 8F37 8F38 8F39 8F3A 8F3B 8F3C"),
    (0x008B, "GCS53", "new billing data log entry", "GSME", "GBZ", "S", "CE", "8F0A"),
    (0x00B2, "GCS62", "GPF device log backup", "GPF", "ASN1", "M", "", "8071"),
    (0x00CA, "CS06 alert", "outcome of a future-dated firmware activation", "ESME", "ASN1", "S", "C", "8F66 8F67"),
    (0x00CB, "CS02b alert", "outcome of a future-dated credential update", "ESME", "ASN1", "S", "C", "8F66 8F67"),
    (0x00CC, "FD DLMS", "outcome of one future-dated DLMS instruction", "ESME SAPC", "DLMS", "S", "C", "8F66 8F67"),
    (0x00CD, "FD GBZ", "outcome of one future-dated GBZ instruction", "GSME", "GBZ", "S", "C", "8F66 8F67"),
    (0x00CE, "FDRA DLMS", "firmware image received, ESME", "ESME", "DLMS", "S", "C", "8F72 8F1C"),
    (0x00CF, "FDRA GBZ", "firmware image received, GSME", "GSME", "GBZ", "S", "C", "8F72 8F1C"),
    (0x00D5, "8F84", "message for the ESME not delivered", "CHF", "?", "", "", "8F84"),
    (0x00F0, "MIIWA DLMS", "meter integrity warning, ESME", "ESME", "DLMS", "M", "", "81A0"),
    (0x00F2, "MIIWA GBZ", "meter integrity warning, GSME", "GSME", "GBZ", "M", "", "81A0"),
    (0x0110, "DBCH06", "limited duty cycle action", "CHF", "DLMS", "M", "", "8F20"),
    (0x0111, "DBCH07", "channel changed", "CHF", "DLMS", "M", "", "8F26"),
    (0x0112, "DBCH08", "scan outcome", "CHF", "DLMS", "M", "", "8F28"),
    (0x0113, "DBCH09", "sub-GHz configuration changed", "CHF", "DLMS", "M", "", "8F2A"),
    (0x0114, "DBCH10", "message dropped by duty-cycle management", "CHF", "DLMS", "M", "", "8F2C"),
    (0x0115, "DBCH11", "no sub-GHz capacity", "CHF", "DLMS", "M", "", "8F2D"),
    (0x0120, "ECS100", "command not supported", "SAPC", "DLMS", "S", "C", "8F85"),
    (0x0121, "ECS101", "APC limit processed", "ESME SAPC", "DLMS", "S", "C", "8F86"),
    (0x0122, "ECS102", "APC limit ended", "ESME SAPC", "DLMS", "S", "C", "8F87"),
    (0x0123, "ECS200", "operational update", "ESME", "DLMS", "S", "C", "8F88"),
    (0x0124, "CS02g alert", "outcome of a future-dated load controller", "ESME SAPC", "ASN1", "S", "C", "8F66 8F67"),
    (0x0128, "CCS08", "firmware transfer to a HAN device", "CHF", "ASN1", "S", "C", "8F8A 8F89"),
    (0x012B, "CS09", "PPMID firmware activation", "PPMID", "ASN1", "S", "C", "8F8B"),
    (0x1000, "GCA", "any other critical alert", "ESME GSME", "DLMS GBZ", "S", "C", ""),
    (0x1001, "GNCA", "any other non-critical alert", "ESME GSME", "DLMS GBZ", "M", "", ""),
)

# ZigBee Smart Energy commands on the HAN; the codes appear in the event logs of meters.
#
# code, name, what, devices
HAN_ONLY: tuple[tuple[int, str, str, str], ...] = (
    (0x0116, "PECS01", "PPMID: top-up token for ESME", "ESME"),
    (0x0117, "PECS02", "PPMID: electricity emergency credit", "ESME"),
    (0x0118, "PECS03", "PPMID: enable supply", "ESME"),
    (0x0119, "HECS01", "HCALCS control request", "HCALCS"),
)
