"""What a remote party is called, as a display shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.gbcs.keys import KeyUse
from protocols.smki.certificate import Certificate
from protocols.smki.names import COMMON_NAME

from ...credentials import Cell

if TYPE_CHECKING:
    from protocols.gbcs.roles import RemotePartyRole

    from ...credentials import Credentials

LONGEST_NAME = 15
"""Characters of a supplier's name."""


def name_in_certificate(credentials: Credentials, role: RemotePartyRole) -> bytes | None:
    """The name in the signing certificate of a role's holder; None without one.

    That a meter takes its new supplier's name from there is inferred: that it has it from the change itself is known.
    """
    anchor = credentials.anchor(Cell(role, KeyUse.DIGITAL_SIGNING))
    if anchor is None or not anchor.certificate:
        return None
    try:
        name = Certificate.decode(anchor.certificate).subject.get(COMMON_NAME)
    except DecodeError:
        return None
    return name.encode("ascii", "replace")[:LONGEST_NAME] if name else None
