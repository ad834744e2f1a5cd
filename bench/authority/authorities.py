"""The authorities of a laboratory: two hierarchies, each with a root and an issuing authority below it.

An authority's private key lies sealed in a file of its own. Replacing an issuing authority's key is three steps: the
new key is written; one transaction makes it the current one; the old key's file is overwritten and removed. Whatever
is interrupted, the authority that the database calls current has its key, and the next opening destroys the rest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from protocols.enumerations import plain_members
from protocols.gbcs.elliptic_curve import ENTROPY_LENGTH, load_private, point_of, private_from, sign
from protocols.instant import Instant
from protocols.secret import Secret
from protocols.smki.certificate import Certificate, key_identifier
from protocols.smki.infrastructure import KeyPair, serial_number
from protocols.smki.issue import DEVICE, ORGANISATION, Issuer, Policy, Validity, issue_authority, issue_root

from ..database import transaction
from .repository import AUTHORITY_USE, Origin, Repository, Status
from .sealing import BrokenError, Entropy, LabError, Seal, SealError, destroy, write_private

KEY_FOLDER = "authorities"


@plain_members
class Hierarchy(StrEnum):
    """Certificates of organisations and of devices have nothing in common but the form."""

    ORGANISATION = "organisation"
    DEVICE = "device"


@plain_members
class Level(StrEnum):
    """The root signs itself and issuing authorities; these sign everything else."""

    ROOT = "root"
    ISSUING = "issuing"


@plain_members
class State(StrEnum):
    """Only a current authority has a private key."""

    CURRENT = "current"
    REPLACED = "replaced"
    REVOKED = "revoked"


NAMES: dict[tuple[Hierarchy, Level], str] = {
    (Hierarchy.ORGANISATION, Level.ROOT): "TEST ZA",
    (Hierarchy.ORGANISATION, Level.ISSUING): "TEST Z1",
    (Hierarchy.DEVICE, Level.ROOT): "TEST DEVICE ROOT",
    (Hierarchy.DEVICE, Level.ISSUING): "TEST E1",
}
"""The common names. The word TEST in them, and so in every issuer's name, is the mark of certificates for tests."""

POLICIES: dict[Hierarchy, Policy] = {Hierarchy.ORGANISATION: ORGANISATION, Hierarchy.DEVICE: DEVICE}


class Authority(NamedTuple):
    """One authority with one key. ``issued`` counts the certificates that the key has signed."""

    number: int
    hierarchy: Hierarchy
    level: Level
    key_identifier: bytes
    state: State
    begun: Instant
    ended: Instant | None
    issued: int
    certificate: Certificate

    @property
    def name(self) -> str:
        """Its common name and the identifier of its key."""
        return f"{NAMES[self.hierarchy, self.level]} (key {self.key_identifier.hex().upper()})"


_SELECT = (
    "SELECT a.id, a.hierarchy, a.level, a.key_identifier, a.state, a.begun, a.ended, a.issued, c.der "
    "FROM authority a JOIN certificate c ON c.id = a.certificate"
)


class Authorities:
    """The authorities and, sealed, their private keys."""

    def __init__(self, folder: Path, db: sqlite3.Connection, seal: Callable[[], Seal], entropy: Entropy) -> None:
        self._folder, self._db, self._seal, self._entropy = folder / KEY_FOLDER, db, seal, entropy
        self._issuers: dict[int, Issuer] = {}

    def all(self) -> list[Authority]:
        """Every authority there has been, in order."""
        return [_authority(row) for row in self._db.execute(f"{_SELECT} ORDER BY a.id")]

    def current(self, hierarchy: Hierarchy, level: Level = Level.ISSUING) -> Authority:
        """The authority that signs now. Raises LabError when there is none."""
        query = f"{_SELECT} WHERE a.hierarchy = ? AND a.level = ? AND a.state = ?"
        row = self._db.execute(query, (hierarchy, level, State.CURRENT)).fetchone()
        if row is None:
            raise LabError(f"there is no {level} authority of the {hierarchy} hierarchy; begin with a new laboratory")
        return _authority(row)

    def issuer(self, authority: Authority) -> Issuer:
        """Who signs for it. Raises LabError when its private key cannot be had."""
        if authority.number not in self._issuers:
            private = self.private(authority)
            self._issuers[authority.number] = Issuer(authority.certificate, lambda octets: sign(private, octets))
        return self._issuers[authority.number]

    def private(self, authority: Authority) -> ec.EllipticCurvePrivateKey:
        """The private key, which is that of the certificate. Raises LabError."""
        path, seal, sealed = self._key_file(authority), self._seal(), self.sealed(authority)
        try:
            private = load_private(seal.open(sealed, authority.key_identifier))
        except SealError:  # the pass phrase is right, or there were no seal
            raise BrokenError(f"{path}: the private key of {authority.name} was changed on the disk") from None
        if point_of(private.public_key()) != authority.certificate.public_point:
            raise BrokenError(f"{path}: not the private key of {authority.name}")
        return private

    def sealed(self, authority: Authority) -> bytes:
        """The private key as it lies on the disk. Raises BrokenError."""
        path = self._key_file(authority)
        try:
            return path.read_bytes()
        except OSError as error:
            raise BrokenError(f"{path}: the private key of {authority.name} cannot be read: {error.strerror}") from None

    def begin(self, hierarchy: Hierarchy, level: Level, validity: Validity, now: Instant) -> Authority:
        """A new current authority in the place of the one before, whose private key is destroyed.

        Subscribers notice nothing: the name stays, the key is another. Raises LabError.
        """
        if self._db.in_transaction:
            raise LabError("a key is not replaced inside another change: the old one would be destroyed too early")
        old = self._find_current(hierarchy, level)
        pair = self._new_pair(hierarchy, level)
        certificate = self._certify(hierarchy, level, pair, validity)
        with transaction(self._db):
            self._end(old, State.REPLACED, now)
            made = Repository(self._db).put(
                certificate.encode(), AUTHORITY_USE, Origin.ISSUED, Status.LODGED, now
            )  # nobody applies for it
            row = (hierarchy, level, key_identifier(pair.point), State.CURRENT, now, made)
            self._db.execute(
                "INSERT INTO authority (hierarchy, level, key_identifier, state, begun, certificate) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
            if level is Level.ISSUING:
                self.count(self.current(hierarchy, Level.ROOT), 1)
        self.destroy_old_keys()
        return self.current(hierarchy, level)

    def revoke(self, authority: Authority, now: Instant, reason: str) -> None:
        """Note that an authority is trusted no more, and destroy its key."""
        with transaction(self._db):
            self._end(authority, State.REVOKED, now)
            self._db.execute(
                "UPDATE certificate SET status = ?, changed = ?, reason = ? "
                "WHERE id = (SELECT certificate FROM authority WHERE id = ?)",
                (Status.REVOKED, now, reason, authority.number),
            )
        self.destroy_old_keys()

    def count(self, authority: Authority, more: int) -> None:
        """Note that its key has signed so many more certificates. Part of the caller's transaction."""
        self._db.execute("UPDATE authority SET issued = issued + ? WHERE id = ?", (more, authority.number))

    def destroy_old_keys(self) -> None:
        """Destroy every private key of an authority that has a current one with another key. Raises BrokenError.

        Of an authority that the database does not know no key is touched, nor is any other file.
        """
        self._issuers = {}
        current = [one for one in self.all() if one.state is State.CURRENT]
        kept = {self._key_file(one).name for one in current}
        known = tuple(f"{one.hierarchy}-{one.level}-" for one in current)
        try:
            held = sorted(path for path in self._folder.iterdir() if path.name.lstrip(".").startswith(known))
        except OSError as error:
            raise BrokenError(f"{self._folder}: the authorities' keys cannot be read: {error.strerror}") from None
        for path in held:
            if path.name not in kept and path.name.endswith((".key", ".key.new")):
                destroy(path)

    # inside

    def _find_current(self, hierarchy: Hierarchy, level: Level) -> Authority | None:
        try:
            return self.current(hierarchy, level)
        except LabError:
            return None

    def _new_pair(self, hierarchy: Hierarchy, level: Level) -> KeyPair:
        private = private_from(self._entropy(ENTROPY_LENGTH))
        point = point_of(private.public_key())
        octets = Secret(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
        identifier = key_identifier(point)
        write_private(self._path(hierarchy, level, identifier), self._seal().close(octets, identifier))
        return KeyPair(point, lambda to_sign: sign(private, to_sign))

    def _certify(self, hierarchy: Hierarchy, level: Level, pair: KeyPair, validity: Validity) -> Certificate:
        policy, name = POLICIES[hierarchy], NAMES[hierarchy, level]
        serial = serial_number(name.encode(), pair.point)
        if level is Level.ROOT:
            return issue_root(policy, name, pair.point, pair.sign, serial, validity)
        root = self.current(hierarchy, Level.ROOT)
        return issue_authority(self.issuer(root), policy, name, pair.point, serial, validity)

    def _end(self, authority: Authority | None, state: State, now: Instant) -> None:
        if authority is not None and authority.state is State.CURRENT:
            self._db.execute("UPDATE authority SET state = ?, ended = ? WHERE id = ?", (state, now, authority.number))
        elif authority is not None:
            self._db.execute("UPDATE authority SET state = ? WHERE id = ?", (state, authority.number))

    def _key_file(self, authority: Authority) -> Path:
        return self._path(authority.hierarchy, authority.level, authority.key_identifier)

    def _path(self, hierarchy: Hierarchy, level: Level, identifier: bytes) -> Path:
        return self._folder / f"{hierarchy}-{level}-{identifier.hex()}.key"


def _authority(row: tuple[int, str, str, bytes, str, int, int | None, int, bytes]) -> Authority:
    number, hierarchy, level, identifier, state, begun, ended, issued, der = row
    return Authority(
        number,
        Hierarchy(hierarchy),
        Level(level),
        identifier,
        State(state),
        begun,
        ended,
        issued,
        Certificate.decode(der),
    )
