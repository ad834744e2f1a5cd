"""Laboratories for tests: small, quick, and the same each time."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from bench.authority.applicants import Applicant
from bench.authority.laboratory import Laboratory
from bench.authority.registration import Application, Entry, Registration
from bench.authority.repository import Record
from bench.authority.sealing import Entropy
from bench.authority.times import USUAL, Limits
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.elliptic_curve import point_of, private_from, sign
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import instant
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest

PHRASE = b"for a test"
NOW = instant(2026, 6, 1, 12)
SUPPLIER = eui64("90B3D51F30010000")
METER = eui64("00DB1234567890A0")


def counted_entropy(label: str = "") -> Entropy:
    """The same octets in each run, others at each call."""
    calls: Iterator[int] = iter(range(1 << 30))

    def give(number: int) -> bytes:
        call = next(calls)
        blocks = (sha256(f"{label} {call} {block}".encode()).digest() for block in range(-(-number // 32)))
        return b"".join(blocks)[:number]

    return give


def make(folder: Path, limits: Limits = USUAL, label: str = "") -> Laboratory:
    """A new laboratory."""
    return Laboratory.create(folder, lambda: PHRASE, NOW, limits=limits, entropy=counted_entropy(label), cost=1)


def reopened(folder: Path, phrase: bytes = PHRASE, *, write: bool = True, limits: Limits = USUAL) -> Laboratory:
    """The laboratory of a folder."""
    return Laboratory(folder, lambda: phrase, write=write, limits=limits)


def for_supplier(use: KeyUse = KeyUse.DIGITAL_SIGNING, owner: Eui64 = SUPPLIER) -> Application:
    """A supplier asks for a certificate of a key pair that the laboratory makes."""
    role = int(RemotePartyRole.SUPPLIER)
    return Application(Applicant.ELECTRICITY_SUPPLIER, entity=owner, role=role, use=use)


def for_meter(owner: Eui64 = METER, use: KeyUse = KeyUse.DIGITAL_SIGNING) -> Application:
    """A supplier asks for a meter."""
    return Application(Applicant.ELECTRICITY_SUPPLIER, device_type=DeviceType.ESME, entity=owner, use=use)


def device_request(number: int, entity: Eui64 = METER, usage: KeyUsage = KeyUsage.DIGITAL_SIGNATURE) -> bytes:
    """A device's own request (DER); each number has another key."""
    private = private_from(sha256(b"device %d" % number).digest() + bytes(16))
    point = point_of(private.public_key())
    return CertificationRequest.make(entity, usage, point, lambda octets: sign(private, octets)).encode()


def issued(lab: Laboratory, application: Application, now: int = NOW) -> Record:
    """The certificate that was issued for it, lodged."""
    return record_of(lab, Registration(lab).apply(application, now))


def record_of(lab: Laboratory, entry: Entry) -> Record:
    """What the repository holds for a request."""
    assert entry.certificate is not None, entry.reason
    found = lab.repository.get(entry.certificate)
    assert found is not None
    return found
