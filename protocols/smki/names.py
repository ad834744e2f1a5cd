"""The enumerations that certificates and credential messages share."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class RemotePartyRole(IntEnum):
    """What an organisation is to a device; in an organisation certificate two hexadecimal digits of its subject."""

    ROOT = 0
    RECOVERY = 1
    SUPPLIER = 2
    NETWORK_OPERATOR = 3
    ACCESS_CONTROL_BROKER = 4
    TRANSITIONAL_COS = 5
    WAN_PROVIDER = 6
    ISSUING_AUTHORITY = 7
    LOAD_CONTROLLER = 8
    OTHER = 127
    USER_XML_SIGNING = 135
    """Signs service requests; never in a trust anchor cell."""
    DATA_SERVICE_XML_SIGNING = 137


class KeyUsage(IntFlag):
    """X.509 key usage (RFC 5280 4.2.1.3); bit ``n`` of the BIT STRING has the value ``1 << n``."""

    DIGITAL_SIGNATURE = 1 << 0
    NON_REPUDIATION = 1 << 1
    KEY_ENCIPHERMENT = 1 << 2
    DATA_ENCIPHERMENT = 1 << 3
    KEY_AGREEMENT = 1 << 4
    KEY_CERT_SIGN = 1 << 5
    CRL_SIGN = 1 << 6
