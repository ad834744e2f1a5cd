"""Instants and date-times of 12 octets as values of COSEM attributes."""

from __future__ import annotations

from protocols.dlms.cosem_time import NEVER, CosemDateTime
from protocols.dlms.data import Data, DataType, octet_string
from protocols.instant import Instant

from ...cosem import expect
from ...refusals import AccessFailed

NO_MOMENT = NEVER.encode()
"""What is read for something that has not happened yet: every part left open. Inferred."""


def moment_value(at: Instant | None) -> Data:
    """12 octets."""
    return octet_string(NO_MOMENT if at is None else CosemDateTime.at(at).encode())


def moment_of(value: Data) -> Instant | None:
    """The instant of 12 octets, None if it is left open. Raises AccessFailed."""
    octets = expect(value, DataType.OCTET_STRING)
    if len(octets) != CosemDateTime.WIDTH:
        raise AccessFailed
    return CosemDateTime.decode(octets).to_instant()
