"""Certificates for many requests, one after the other: what a registration authority hands an issuing authority.

A batch is answered request by request, so that one that is wrong does not stop those after it, and so that its caller
can keep each answer before it asks for the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ..errors import CertificateError, DecodeError
from ..eui64 import Eui64
from .certificate import CertificateKind, key_identifier
from .issuer import BulkIssuer
from .names import KeyUsage
from .request import CertificationRequest, issue_for, require_right

MIN_BATCH, MAX_BATCH = 2, 49_999
"""How many requests a batch has (Smart Energy Code, consultation on Stage 3, 87)."""


class Granted(NamedTuple):
    """A certificate (DER) and what it is found by. ``role`` is None for a device."""

    serial: int
    entity: Eui64
    role: int | None
    key_usage: KeyUsage
    key_identifier: bytes
    octets: bytes


class Refused(NamedTuple):
    """Why a request was not granted."""

    reason: str


def issue_batch(
    issuing: BulkIssuer,
    requests: Iterable[bytes],
    serial_of: Callable[[CertificationRequest], int],
    kind: CertificateKind = CertificateKind.DEVICE,
) -> Iterator[Granted | Refused]:
    """The answer to each request (DER), in order, as it is asked for. ``kind`` is what all of them must be for.

    ``serial_of`` gives the serial number of the certificate that a request is about to be granted. Raises EncodeError
    for what is not the request's fault: a serial number out of range, a signer whose key is not the issuer's.
    """
    for octets in requests:
        yield _answer(issuing, octets, serial_of, kind)


def _answer(
    issuing: BulkIssuer, octets: bytes, serial_of: Callable[[CertificationRequest], int], kind: CertificateKind
) -> Granted | Refused:
    try:
        request = CertificationRequest.decode(octets)
        require_right(request, kind)
    except (DecodeError, CertificateError) as error:
        return Refused(str(error))
    serial = serial_of(request)
    issued = issue_for(issuing, request, serial)
    use, point = request.key_usage or KeyUsage(0), request.public_point
    return Granted(serial, request.entity or Eui64(b""), request.role, use, key_identifier(point), issued)
