"""Key usage and object identifiers that certificates, requests and credential messages share."""

from __future__ import annotations

from enum import IntFlag

from ..der import oid
from ..enumerations import plain_members


@plain_members
class KeyUsage(IntFlag):
    """X.509 key usage (RFC 5280 4.2.1.3); bit ``n`` of the BIT STRING has the value ``1 << n``."""

    DIGITAL_SIGNATURE = 1 << 0
    NON_REPUDIATION = 1 << 1
    KEY_ENCIPHERMENT = 1 << 2
    DATA_ENCIPHERMENT = 1 << 3
    KEY_AGREEMENT = 1 << 4
    KEY_CERT_SIGN = 1 << 5
    CRL_SIGN = 1 << 6


# Content octets of the OBJECT IDENTIFIERs
COMMON_NAME = oid("2.5.4.3")
ORGANISATIONAL_UNIT = oid("2.5.4.11")
UNIQUE_IDENTIFIER = oid("2.5.4.45")
SUBJECT_KEY_IDENTIFIER = oid("2.5.29.14")
KEY_USAGE = oid("2.5.29.15")
SUBJECT_ALTERNATIVE_NAME = oid("2.5.29.17")
BASIC_CONSTRAINTS = oid("2.5.29.19")
CRL_NUMBER = oid("2.5.29.20")
REASON_CODE = oid("2.5.29.21")
CERTIFICATE_POLICIES = oid("2.5.29.32")
AUTHORITY_KEY_IDENTIFIER = oid("2.5.29.35")
HARDWARE_MODULE_NAME = oid("1.3.6.1.5.5.7.8.4")
HARDWARE_TYPE = oid("1.2.826.0.1.8641679.1.2.2.1")
EXTENSION_REQUEST = oid("1.2.840.113549.1.9.14")
ECDSA_WITH_SHA256 = oid("1.2.840.10045.4.3.2")
EC_PUBLIC_KEY = oid("1.2.840.10045.2.1")
P_256 = oid("1.2.840.10045.3.1.7")
WRAPPED_CONTINGENCY_KEY = oid("1.3.6.1.5.5.7.1.20")
AES_256_WRAP_PAD = oid("2.16.840.1.101.3.4.1.48")

XML_SIGNING_BY_USERS = 135
XML_SIGNING_BY_DATA_SERVICE = 137
"""Roles of organisations' keys that sign requests and responses outside of GBCS messages; seen in tests alone."""

ORGANISATION_POLICY = "1.2.826.0.1.8641679.1.2.1.4"
DEVICE_POLICY = "1.2.826.0.1.1800000.1.2.1.4"

NAMES = {
    COMMON_NAME: "CN",
    ORGANISATIONAL_UNIT: "OU",
    UNIQUE_IDENTIFIER: "unique identifier",
    SUBJECT_KEY_IDENTIFIER: "subject key identifier",
    KEY_USAGE: "key usage",
    SUBJECT_ALTERNATIVE_NAME: "subject alternative name",
    BASIC_CONSTRAINTS: "basic constraints",
    CERTIFICATE_POLICIES: "certificate policies",
    AUTHORITY_KEY_IDENTIFIER: "authority key identifier",
}
