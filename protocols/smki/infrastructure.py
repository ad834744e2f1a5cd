"""A whole key infrastructure for tests from one piece of entropy: both hierarchies, and certificates on demand.

Everything follows from its arguments, so two benches with the same entropy trust each other, and a recorded run can
be repeated octet for octet.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from ..eui64 import Eui64, eui64_text
from ..gbcs.roles import RemotePartyRole
from ..instant import Instant, instant
from ..secret import Secret
from .certificate import Certificate, TrustAnchor
from .issue import (
    DEVICE,
    ORGANISATION,
    Issuer,
    Policy,
    Signer,
    Validity,
    issue_authority,
    issue_device,
    issue_organisation,
    issue_root,
)
from .names import KeyUsage

BEGINS: Instant = instant(2024, 1, 1)
"""Default start of validity: fixed, so that the same arguments give the same certificates."""

_ENDS = instant(2049, 12, 31, 23, 59, 59)
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of the group of P-256


class KeyPair(NamedTuple):
    """A public point (65 octets) and what signs with its private key; the key itself is out of reach."""

    point: bytes
    sign: Signer


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """Roots and issuing authorities of both hierarchies."""

    organisation_root: Issuer
    organisation_authority: Issuer
    device_root: Issuer
    device_authority: Issuer

    @property
    def authorities(self) -> tuple[Certificate, ...]:
        """The issuing authorities' certificates."""
        return self.organisation_authority.certificate, self.device_authority.certificate

    @property
    def trust_anchors(self) -> tuple[TrustAnchor, ...]:
        """The roots."""
        return self.organisation_root.trust_anchor, self.device_root.trust_anchor

    def organisation(
        self, entity: Eui64, role: RemotePartyRole, key_usage: KeyUsage, point: bytes, validity: Validity | None = None
    ) -> Certificate:
        """The certificate of an organisation's key (65 octets); ten years less a second unless said otherwise."""
        validity = validity or Validity(BEGINS, instant(2033, 12, 31, 23, 59, 59))
        serial = serial_number(entity, bytes((role, key_usage)), point, repr(validity).encode())
        name = f"TEST {role.name} {eui64_text(entity)}" if key_usage is KeyUsage.DIGITAL_SIGNATURE else ""
        issuer = self.organisation_authority
        return issue_organisation(issuer, entity, role, key_usage, point, serial, validity, name)

    def device(self, entity: Eui64, key_usage: KeyUsage, point: bytes, not_before: Instant = BEGINS) -> Certificate:
        """The certificate of a device's key (65 octets)."""
        serial = serial_number(entity, bytes((key_usage,)), point, str(not_before).encode())
        return issue_device(self.device_authority, entity, key_usage, point, serial, not_before)


def make_infrastructure(entropy: bytes) -> Infrastructure:
    """Roots and issuing authorities whose keys follow from ``entropy``, and are as secret as it is."""
    keys = {name: key_pair(entropy + name.encode()) for name in ("OR", "OA", "DR", "DA")}
    validity = Validity(BEGINS, _ENDS)

    def root(policy: Policy, name: str, key: KeyPair) -> Issuer:
        serial = serial_number(name.encode(), key.point)
        return Issuer(issue_root(policy, name, key.point, key.sign, serial, validity), key.sign)

    def authority(above: Issuer, policy: Policy, name: str, key: KeyPair) -> Issuer:
        serial = serial_number(name.encode(), key.point)
        return Issuer(issue_authority(above, policy, name, key.point, serial, validity), key.sign)

    organisation_root = root(ORGANISATION, "TEST ZA", keys["OR"])
    device_root = root(DEVICE, "TEST DEVICE ROOT", keys["DR"])
    return Infrastructure(
        organisation_root,
        authority(organisation_root, ORGANISATION, "TEST Z1", keys["OA"]),
        device_root,
        authority(device_root, DEVICE, "TEST E1", keys["DA"]),
    )


def key_pair(entropy: bytes) -> KeyPair:
    """A key pair on P-256 that follows from ``entropy``, signing deterministically (RFC 6979)."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    entropy = Secret(entropy)
    digest = Secret(sha256(b"private key 1" + entropy).digest() + sha256(b"private key 2" + entropy).digest())
    private = ec.derive_private_key(int.from_bytes(digest, "big") % (_ORDER - 1) + 1, ec.SECP256R1())
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return KeyPair(point, lambda octets: private.sign(octets, algorithm))


def serial_number(*parts: bytes) -> int:
    """A serial number of exactly 16 octets, positive, that follows from ``parts``."""
    digest = sha256(b"".join(len(part).to_bytes(2, "big") + part for part in parts)).digest()
    return int.from_bytes(digest[:16], "big") >> 2 | 1 << 126
