"""Certificates for tests and live ones: told apart, and refused where the other belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from protocols.der import NEVER
from protocols.eui64 import eui64
from protocols.gbcs.keys import Purpose, PurposeError
from protocols.gbcs.roles import RemotePartyRole
from protocols.smki.building import ORGANISATION, Validity, put_signed
from protocols.smki.certificate import Certificate
from protocols.smki.check import check, check_chain
from protocols.smki.environment import environment_of, refuse_live, refuse_test, require_purpose
from protocols.smki.infrastructure import BEGINS, KeyPair, key_pair, make_infrastructure
from protocols.smki.issue import issue_root
from protocols.smki.mark import PUBLISHED_TEST_AUTHORITIES, name_says_test, published_test_key, says_test
from protocols.smki.names import KeyUsage
from protocols.smki.signature import Verifier

from .test_certificate import embedded, keystore

SUPPLIER, METER = eui64("90B3D51F30010000"), eui64("00DB1234567890A0")
PKI = make_infrastructure(b"environment")
KEY, ROOT_KEY, AUTHORITY_KEY = (key_pair(label) for label in (b"environment", b"live root", b"live authority"))
FOR_TESTS = (
    PKI.organisation(SUPPLIER, RemotePartyRole.SUPPLIER, KeyUsage.DIGITAL_SIGNATURE, KEY.point),
    PKI.organisation(SUPPLIER, RemotePartyRole.SUPPLIER, KeyUsage.KEY_AGREEMENT, KEY.point),
    PKI.device(METER, KeyUsage.KEY_AGREEMENT, KEY.point),
    *PKI.authorities,
    PKI.organisation_root.certificate,
    PKI.device_root.certificate,
)


def as_live(certificate: Certificate, changes: Iterable[tuple[bytes, bytes]], key: KeyPair) -> Certificate:
    """What the live infrastructure might issue: other names of the same length, signed with another key."""
    tbs = certificate.tbs
    for old, new in changes:
        assert len(old) == len(new)
        assert old in tbs
        tbs = tbs.replace(old, new)
    return Certificate.decode(put_signed(tbs, key.sign, Verifier(key.point)))


def live_root() -> Certificate:
    made = issue_root(ORGANISATION, "TEST ZA", ROOT_KEY.point, ROOT_KEY.sign, 5, Validity(BEGINS, NEVER))
    return as_live(made, [(b"TEST ZA", b"REAL ZA")], ROOT_KEY)


LIVE_ROOT = live_root()
LIVE = as_live(FOR_TESTS[0], [(b"TEST Z1", b"REAL Z1"), (b"TEST SUPPLIER", b"REAL SUPPLIER")], AUTHORITY_KEY)


def test_the_live_ones_here_look_live() -> None:
    assert check(LIVE_ROOT) == check(LIVE) == ()
    assert str(LIVE_ROOT.subject) == "OU=00, CN=REAL ZA"


@pytest.mark.parametrize("certificate", FOR_TESTS, ids=str)
def test_whatever_is_issued_here_is_refused_as_live(certificate: Certificate) -> None:
    assert says_test(certificate)
    assert environment_of(certificate).purpose is Purpose.TEST
    with pytest.raises(PurposeError) as caught:
        refuse_test(certificate)
    shown = str(caught.value)
    assert shown.startswith(f"{certificate}: for test use, refused for live use: its issuer's name says TEST: ")
    with pytest.raises(PurposeError):
        require_purpose(certificate, Purpose.LIVE)
    refuse_live(certificate)
    require_purpose(certificate, Purpose.TEST)


@pytest.mark.parametrize("certificate", [LIVE, LIVE_ROOT], ids=str)
def test_what_does_not_say_so_is_live_and_refused_in_a_test(certificate: Certificate) -> None:
    assert environment_of(certificate, PKI.authorities).purpose is Purpose.LIVE
    with pytest.raises(PurposeError) as caught:
        refuse_live(certificate)
    assert str(caught.value) == (
        f"{certificate}: for live use, refused for test use: neither it nor an authority above it says TEST "
        "or is a published test key"
    )
    with pytest.raises(PurposeError):
        require_purpose(certificate, Purpose.TEST)
    refuse_test(certificate)
    require_purpose(certificate, Purpose.LIVE)


def test_what_a_subscriber_calls_itself_is_no_mark() -> None:
    named = as_live(FOR_TESTS[0], [(b"TEST Z1", b"REAL Z1")], AUTHORITY_KEY)
    assert "TEST SUPPLIER" in str(named.subject)
    assert environment_of(named).purpose is Purpose.LIVE


@pytest.mark.parametrize("name", [b"TESTAZ1", b"AT TEST", b"test Z1", b"ATTESTZ"])
def test_the_mark_is_a_word(name: bytes) -> None:
    other = as_live(FOR_TESTS[2], [(b"TEST E1", name)], AUTHORITY_KEY)
    assert name_says_test(other.issuer) is (name == b"AT TEST")


def test_an_authority_counts_by_what_it_has_signed() -> None:
    """A certificate that does not say so, below an authority that does."""
    authority = PKI.organisation_authority
    hidden_name = [(b"TEST Z1", b"REAL Z1")]
    hidden = as_live(FOR_TESTS[1], hidden_name, KeyPair(authority.certificate.public_point, authority.sign))
    signer = as_live(
        authority.certificate,
        hidden_name,
        KeyPair(PKI.organisation_root.certificate.public_point, PKI.organisation_root.sign),
    )
    assert environment_of(hidden).purpose is Purpose.LIVE
    assert environment_of(hidden, [signer]).purpose is Purpose.TEST
    impostor = as_live(FOR_TESTS[1], hidden_name, AUTHORITY_KEY)
    assert environment_of(impostor, [signer]).purpose is Purpose.LIVE


def test_a_circle_of_authorities_ends() -> None:
    assert environment_of(LIVE_ROOT, [LIVE_ROOT, LIVE]).purpose is Purpose.LIVE


@pytest.mark.shared
def test_all_the_reference_certificates_are_for_tests() -> None:
    reference = [*keystore().values(), *embedded()]
    assert not any(says_test(certificate) for certificate in reference)
    assert {environment_of(certificate).purpose for certificate in reference} == {Purpose.TEST}
    used = {published_test_key(certificate) for certificate in reference}
    assert used >= {"organisation authority Z1", "organisation authority Z2", "device authority E357"}


@pytest.mark.parametrize("identifier", PUBLISHED_TEST_AUTHORITIES)
@pytest.mark.parametrize("end", [refuse_live, refuse_test])
def test_a_published_test_authority_is_known_by_its_key(identifier: bytes, end: Callable[[Certificate], None]) -> None:
    made = as_live(LIVE, [(LIVE.authority_key_identifier or b"", identifier)], AUTHORITY_KEY)
    assert environment_of(made).purpose is Purpose.TEST
    if end is refuse_test:
        with pytest.raises(PurposeError, match=PUBLISHED_TEST_AUTHORITIES[identifier]):
            end(made)
    else:
        end(made)
    assert check_chain(made, PKI.authorities, PKI.trust_anchors)
