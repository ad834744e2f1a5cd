"""The key of an issuer is found from what it signed."""

from __future__ import annotations

from dataclasses import replace

from protocols.eui64 import eui64
from protocols.gbcs.roles import RemotePartyRole
from protocols.smki.infrastructure import key_pair, make_infrastructure
from protocols.smki.names import KeyUsage
from protocols.smki.recovery import issuer_key

SMKI = make_infrastructure(b"recovery")
SUPPLIER = eui64("90-B3-D5-1F-30-01-00-00")


def test_the_root_is_found_from_the_authority_and_the_authority_from_a_certificate() -> None:
    authority = SMKI.organisation_authority.certificate
    assert issuer_key(authority) == SMKI.organisation_root.certificate.public_point
    certificate = SMKI.organisation(
        SUPPLIER, RemotePartyRole.SUPPLIER, KeyUsage.KEY_AGREEMENT, key_pair(b"supplier").point
    )
    assert issuer_key(certificate) == authority.public_point


def test_no_key_is_found_where_the_signature_or_the_identifier_is_wrong() -> None:
    authority = SMKI.organisation_authority.certificate
    r, s = authority.signature
    assert issuer_key(replace(authority, signature=(r, s ^ 1))) is None
    assert issuer_key(replace(authority, signature=(0, s))) is None
    assert issuer_key(replace(authority, authority_key_identifier=bytes(8))) is None
