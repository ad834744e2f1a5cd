"""What a remote party is called, as a display shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.roles import RemotePartyRole
from protocols.smki.certificate import Certificate
from protocols.smki.names import COMMON_NAME

from ...credentials import Cell

if TYPE_CHECKING:
    from ...credentials import Credentials, PartyChange

LONGEST_NAME = 15
"""Characters of a supplier's name."""


def new_supplier_name(credentials: Credentials, change: PartyChange) -> bytes | None:
    """The new supplier's name, when an update of credentials brings one; None for any other change.

    That a meter takes it from the signing certificate is inferred: that it has it from the change itself is known.
    """
    if change.role is not RemotePartyRole.SUPPLIER:
        return None
    anchor = credentials.anchor(Cell(change.role, KeyUse.DIGITAL_SIGNING))
    if anchor is None or not anchor.certificate:
        return None
    try:
        name = Certificate.decode(anchor.certificate).subject.get(COMMON_NAME)
    except DecodeError:
        return None
    return name.encode("ascii", "replace")[:LONGEST_NAME] if name else None
