"""Key stores: they sign, verify and agree keys, and never give a private key or a shared secret away.

Every key is an elliptic curve key on P-256 and is known by the party it belongs to and its use (GBCS 4.3). Points and
signatures are as in ``elliptic_curve``.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..enumerations import plain_members
from ..errors import CertificateError, DecodeError, LocalProtocolError, MissingKeyError
from ..eui64 import Eui64, eui64_text
from ..secret import Secret
from ..smki.certificate import Certificate
from .elliptic_curve import (
    fingerprint,
    is_signature,
    load_point,
    load_private,
    point_of,
    private_from,
    private_number,
    private_of,
    sign,
)
from .key_derivation import begin_derivation, finish_derivation
from .sealing import Fuses, Place, Slot

if TYPE_CHECKING:
    from hashlib import _Hash


@plain_members
class KeyUse(StrEnum):
    """What a key is for; the value is the end of its file names."""

    DIGITAL_SIGNING = "ds"
    KEY_AGREEMENT = "ka"
    PREPAYMENT_KEY_AGREEMENT = "pp-ka"


@plain_members
class Purpose(StrEnum):
    """Keys for tests are never used in live operation, nor live keys in tests."""

    TEST = "test"
    LIVE = "live"


class KeyName(NamedTuple):
    """Whose key, and for what."""

    party: Eui64
    use: KeyUse

    def __str__(self) -> str:
        return f"{eui64_text(self.party)} {self.use}"


class PurposeError(LocalProtocolError):
    """Test keys offered for live operation, live keys for a test, or live keys that are not encrypted."""


class KeyStore(Protocol):
    """What signs, verifies and derives keys on behalf of the parties whose keys it holds."""

    @property
    def purpose(self) -> Purpose:
        """Whether its keys are for tests or for live operation."""

    def names(self) -> Iterable[KeyName]:
        """Every key it knows, public or private, in order."""

    def holds_private(self, name: KeyName) -> bool:
        """Whether it can sign or agree in that name."""

    def public_point(self, name: KeyName) -> bytes | None:
        """The public key, 65 octets."""

    def certificate(self, name: KeyName) -> bytes | None:
        """The certificate, in DER."""

    def party_of_role(self, role: int) -> Eui64 | None:
        """The party that holds a role (SMKI role number), as set or as found in the certificates."""

    def sign(self, party: Eui64, octets: bytes) -> bytes:
        """ECDSA with SHA-256 and the party's signing key: 64 octets, r || s. Raises MissingKeyError."""

    def verify(self, party: Eui64, octets: bytes, signature: bytes) -> bool:
        """Whether ``signature`` (r || s) is that party's over ``octets``. Raises MissingKeyError."""

    def derive(self, one: KeyName, other: KeyName, other_info: bytes) -> bytes:
        """The 16-octet key that the two share for ``other_info``. It must hold the private key of either.

        Raises MissingKeyError.
        """


class Entry:
    """What a store holds under one name. Never leaves its store; shows nothing of a private key.

    ``bound``: the private keys are those of a device, and are not lent.
    """

    __slots__ = ("bound", "certificate", "next_private", "point", "private", "public")

    def __init__(self) -> None:
        self.private: ec.EllipticCurvePrivateKey | None = None
        self.public: ec.EllipticCurvePublicKey | None = None
        self.point: bytes | None = None
        self.certificate: Certificate | None = None
        self.next_private: ec.EllipticCurvePrivateKey | None = None
        self.bound = False

    def __reduce__(self) -> NoReturn:
        raise LocalProtocolError("what a key store holds is neither copied nor pickled")

    def __repr__(self) -> str:
        shown = fingerprint(self.point) if self.point else "no key"
        return f"<{'key pair' if self.private else 'public key'} {shown}>"

    def set_public(self, public: ec.EllipticCurvePublicKey) -> None:
        """Take a public key; its point is what agrees with a certificate."""
        self.public, self.point = public, point_of(public)

    def public_pem(self) -> bytes:
        """The public key, in PEM."""
        if self.public is None:
            raise MissingKeyError("no public key")
        return self.public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


class MemoryKeyStore:
    """Keys in memory. The same randomness gives the same keys, and the same keys the same signatures."""

    def __init__(self, purpose: Purpose = Purpose.TEST) -> None:
        self._purpose = purpose
        self._entries: dict[KeyName, Entry] = {}
        self._agreed: dict[tuple[KeyName, KeyName], _Hash] = {}
        self._roles: dict[int, Eui64] = {}
        self._found_roles: dict[int, Eui64 | None] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._purpose}: {len(list(self.names()))} keys>"

    def __reduce__(self) -> NoReturn:
        raise LocalProtocolError("a key store is neither copied nor pickled: its keys stay where they are")

    @property
    def purpose(self) -> Purpose:
        """Whether its keys are for tests or for live operation."""
        return self._purpose

    def names(self) -> Iterable[KeyName]:
        """Every key it knows, public or private, in order."""
        return sorted(self._entries)

    def holds_private(self, name: KeyName) -> bool:
        """Whether it can sign or agree in that name."""
        entry = self._entry(name)
        return entry is not None and entry.private is not None

    def public_point(self, name: KeyName) -> bytes | None:
        """The public key, 65 octets."""
        entry = self._entry(name)
        return entry.point if entry else None

    def certificate(self, name: KeyName) -> bytes | None:
        """The certificate, in DER."""
        entry = self._entry(name)
        return entry.certificate.octets if entry and entry.certificate else None

    # What keys do

    def sign(self, party: Eui64, octets: bytes) -> bytes:
        """ECDSA with SHA-256 and the party's signing key: 64 octets, r || s. Raises MissingKeyError."""
        return sign(self._private(_signing_key(party)), octets)

    def verify(self, party: Eui64, octets: bytes, signature: bytes) -> bool:
        """Whether ``signature`` (r || s) is that party's over ``octets``. Raises MissingKeyError."""
        return is_signature(self._public(_signing_key(party)), octets, signature)

    def derive(self, one: KeyName, other: KeyName, other_info: bytes) -> bytes:
        """The 16-octet key that the two share for ``other_info``. Raises MissingKeyError.

        The secret of a pair depends on its two long-term keys alone, so it is kept until one of them changes.
        """
        begun = self._agreed.get((one, other))
        if begun is None:
            begun = self._agreed[one, other] = begin_derivation(self._agree(one, other))
        return finish_derivation(begun, other_info)

    def _agree(self, one: KeyName, other: KeyName) -> bytes:
        if KeyUse.DIGITAL_SIGNING in (one.use, other.use):
            raise LocalProtocolError(f"a signing key does not agree keys: {one}, {other}")
        mine, theirs = (one, other) if self.holds_private(one) else (other, one)
        if not self.holds_private(mine):
            raise MissingKeyError(f"no private key of {one} or {other}{self._reason(one)}{self._reason(other)}")
        return Secret(self._private(mine).exchange(ec.ECDH(), self._public(theirs)))

    # How keys come and go

    def generate(self, name: KeyName, entropy: bytes) -> bytes:
        """Make a key pair from 48 octets of randomness; return its point. A certificate held for it is dropped."""
        entropy = Secret(entropy)
        self._put_private(name, private_from(entropy))
        return self._held(name).point or b""

    def put_private_key(self, name: KeyName, octets: bytes, pass_phrase: bytes | None = None) -> None:
        """Take a private key in PKCS#8, PEM or DER. Raises LocalProtocolError for what cannot be used."""
        octets, pass_phrase = Secret(octets), None if pass_phrase is None else Secret(pass_phrase)
        self._put_private(name, load_private(octets, pass_phrase))

    def put_point(self, name: KeyName, point: bytes) -> None:
        """Take a public key of 65 octets. Raises CertificateError for what is no point of the curve, or disagrees."""
        self._put_public(name, point, None)

    def put_certificate(self, name: KeyName, der: bytes) -> None:
        """Take a certificate and its public key. Who it names and who issued it is for the caller to check.

        Raises CertificateError when its key cannot be read, or is not that of the private key held.
        """
        certificate = read_certificate(der)
        self._put_public(name, certificate.public_point, certificate)

    def borrow(self, other: MemoryKeyStore, names: Iterable[KeyName]) -> None:
        """Hold what ``other`` holds under these names, private keys included; those it does not know are left out.

        For a bench that agrees keys from the far side, because a device's own key is not published. Private keys that
        are bound to a device (``seal``) stay there.
        """
        for name in names:
            lent = other._entry(name)
            if lent is None or lent.point is None:
                continue
            entry = self._entries[name] = Entry()
            entry.private, entry.public = None if lent.bound else lent.private, lent.public
            entry.point, entry.certificate = lent.point, lent.certificate
            self._forget(name)

    def remove(self, name: KeyName) -> None:
        """Forget a key pair and its certificate."""
        self._entries.pop(name, None)
        self._forget(name)

    def set_party_of_role(self, role: int, party: Eui64) -> None:
        """Say who holds a role, whatever the certificates say."""
        self._roles[role] = party

    def party_of_role(self, role: int) -> Eui64 | None:
        """The party that holds a role, as set or as found in the certificates.

        Of several, a party whose private key is held goes first, then the lowest identifier.
        """
        if role in self._roles:
            return self._roles[role]
        if role not in self._found_roles:
            self._found_roles[role] = self._find_role(role)
        return self._found_roles[role]

    # Renewal of a device's key: the old pair stays in use until the new one's certificate is there

    def generate_next(self, name: KeyName, entropy: bytes) -> bytes:
        """Make the pair that shall replace this one, from 48 octets of randomness; return its point."""
        entropy = Secret(entropy)
        entry = self._entry(name) or self._entries.setdefault(name, Entry())
        entry.next_private = private_from(entropy)
        return point_of(entry.next_private.public_key())

    def next_point(self, name: KeyName) -> bytes | None:
        """The public key that waits for its certificate, 65 octets."""
        entry = self._entry(name)
        return point_of(entry.next_private.public_key()) if entry and entry.next_private else None

    def prove_possession(self, name: KeyName, octets: bytes) -> bytes:
        """Sign a certification request with the waiting key, or else the present one: 64 octets, r || s.

        The one signature that a key agreement key makes (RFC 2986). Raises MissingKeyError.
        """
        entry = self._entry(name)
        waiting = entry.next_private if entry else None
        return sign(waiting or self._private(name), octets)

    def install_next(self, name: KeyName, der: bytes) -> None:
        """Put the waiting pair in the place of the present one. Raises MissingKeyError, CertificateError."""
        entry = self._entry(name)
        if entry is None or entry.next_private is None:
            raise MissingKeyError(f"no new key pair of {name}")
        certificate = read_certificate(der)
        if certificate.public_point != point_of(entry.next_private.public_key()):
            raise CertificateError(f"not a certificate of the new key of {name}")
        bound = entry.bound
        self._put_private(name, entry.next_private)
        self._held(name).bound = bound
        self._put_public(name, certificate.public_point, certificate)

    # At rest: private keys leave the store sealed only

    def seal(self, name: KeyName, place: Place, generation: int, fuses: Fuses) -> bytes:
        """The private key in use, or the one that waits, for the memory of its device; from now on it is bound to it.

        Raises MissingKeyError.
        """
        entry = self._held(name)
        private = entry.private if place is Place.IN_USE else entry.next_private
        if private is None:
            raise MissingKeyError(f"no private key of {name} {place}")
        entry.bound = True
        slot = Slot(name.party, name.use, place, generation, point_of(private.public_key()))
        return fuses.seal(slot, private_number(private))

    def unseal(self, name: KeyName, slot: Slot, fuses: Fuses, blob: bytes) -> None:
        """Take back what ``seal`` gave. A certificate held for another key is dropped. Raises UnsealError."""
        private = private_of(fuses.unseal(slot, blob))
        if slot.place is Place.IN_USE:
            self._take_back(name, private)
        else:
            entry = self._entry(name) or self._entries.setdefault(name, Entry())
            entry.next_private, entry.bound = private, True

    def _take_back(self, name: KeyName, private: ec.EllipticCurvePrivateKey) -> None:
        before = self._entry(name)
        self._put_private(name, private)
        entry = self._held(name)
        entry.bound = True
        if before is not None:
            entry.next_private = before.next_private
            entry.certificate = before.certificate if before.point == entry.point else None

    # Inside

    def _entry(self, name: KeyName) -> Entry | None:
        return self._entries.get(name)

    def _held(self, name: KeyName) -> Entry:
        entry = self._entry(name)
        if entry is None:
            raise MissingKeyError(f"no key of {name}{self._reason(name)}")
        return entry

    def _reason(self, name: KeyName) -> str:  # noqa: ARG002 - stores that read files know why a key is missing
        return ""

    def _private(self, name: KeyName) -> ec.EllipticCurvePrivateKey:
        private = self._held(name).private
        if private is None:
            raise MissingKeyError(f"no private key of {name}{self._reason(name)}")
        return private

    def _public(self, name: KeyName) -> ec.EllipticCurvePublicKey:
        public = self._held(name).public
        if public is None:
            raise MissingKeyError(f"no public key of {name}{self._reason(name)}")
        return public

    def _put_private(self, name: KeyName, private: ec.EllipticCurvePrivateKey) -> None:
        entry = Entry()
        entry.private = private
        entry.set_public(private.public_key())
        self._entries[name] = entry
        self._forget(name)

    def _put_public(self, name: KeyName, point: bytes, certificate: Certificate | None) -> None:
        public = load_point(point)
        entry = self._entry(name) or Entry()
        if entry.private is not None and entry.point != point:
            raise CertificateError(f"not the public key of the private key held of {name}")
        entry.set_public(public)
        entry.certificate = certificate
        self._entries[name] = entry
        self._forget(name)

    def _forget(self, name: KeyName) -> None:
        """Drop the secrets that the changed key took part in, and the roles that its certificate may have told."""
        for pair in [pair for pair in self._agreed if name in pair]:
            del self._agreed[pair]
        self._found_roles.clear()

    def _find_role(self, role: int) -> Eui64 | None:
        for name in sorted(self.names(), key=lambda name: (not self._may_hold_private(name), name)):
            entry = self._entry(name)
            certificate = entry.certificate if entry else None
            if certificate and certificate.role == role and certificate.entity == name.party:
                return name.party
        return None

    def _may_hold_private(self, name: KeyName) -> bool:
        return self.holds_private(name)


@lru_cache(maxsize=1024)
def _signing_key(party: Eui64) -> KeyName:
    return KeyName(party, KeyUse.DIGITAL_SIGNING)


def read_certificate(der: bytes) -> Certificate:
    """A certificate. Raises CertificateError for what is none."""
    try:
        return Certificate.decode(der)
    except DecodeError as error:
        raise CertificateError(f"a certificate that cannot be read: {error}") from None


def certificate_point(der: bytes) -> bytes:
    """The public key in a certificate, 65 octets. Raises CertificateError."""
    return read_certificate(der).public_point
