"""The mark of certificates that are for testing only, as the device and organisation certificate policies ask for.

Everything issued for tests must say so and otherwise look like the live form. A device's subject must be empty, so the
mark stands in the names of authorities: the word TEST in the common name of every authority, and so in the issuer's
name of everything below it. What a subscriber calls itself is no mark: a live organisation may be named anything.

The authorities of the published reference certificates carry no mark. They are known by their key identifiers.
"""

from __future__ import annotations

from collections.abc import Mapping

from .certificate import Certificate
from .names import COMMON_NAME
from .reading import Name

TEST_MARK = "TEST"
"""A word of its own in the common name of an authority."""

PUBLISHED_TEST_AUTHORITIES: Mapping[bytes, str] = {
    bytes.fromhex("48CF1B32697C4669"): "organisation root ZA",
    bytes.fromhex("4F5688D7EC933BE2"): "organisation authority Z1",
    bytes.fromhex("49D2A8DF85845FC3"): "organisation authority Z2",
    bytes.fromhex("47D40AF3412904A0"): "device authority E357",
}
"""Key identifiers of the authorities of the published reference certificates, which are for tests without saying so."""

PUBLISHED_TEST_KEYS: Mapping[bytes, str] = {
    bytes.fromhex("4694FE8205DC1ACD"): "load controller, digital signature",
    bytes.fromhex("4C42629AFA881F7A"): "load controller, key agreement",
}
"""Key identifiers of the published reference certificates that no authority has issued: they sign themselves."""


def name_says_test(name: Name) -> bool:
    """Whether a common name in it has the word TEST."""
    return any(TEST_MARK in attribute.text.split() for attribute in name.attributes if attribute.kind == COMMON_NAME)


def says_test(certificate: Certificate) -> bool:
    """Whether a certificate says by its issuer's name that it is for testing only; live operation must refuse it."""
    return name_says_test(certificate.issuer)


def published_test_key(certificate: Certificate) -> str | None:
    """Which published test key has made the certificate, or is certified by it; None where it is none of them."""
    made_by, own = certificate.authority_key_identifier or b"", certificate.subject_key_identifier or b""
    known = PUBLISHED_TEST_AUTHORITIES
    return known.get(made_by) or known.get(own) or PUBLISHED_TEST_KEYS.get(own)
