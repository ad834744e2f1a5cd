"""Trust anchor cells as the head end names them, and what a device says of them (use case CS02a)."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.errors import RemoteProtocolError
from protocols.gbcs.asn1_credentials import (
    CellUsage,
    CredentialDetailsCommand,
    CredentialStatus,
    PartyDetails,
    TrustAnchorCell,
)
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.smki.certificate import Certificate
from protocols.smki.names import KeyUsage

from ..findings import only
from ..head_end import BROKER
from ..pki import AGREEMENT, CELLS, SIGNING, TOP_UP, Party
from ..requests import Request, asn1
from ..target import Reply, Target

SUPPLIER, OPERATOR = RemotePartyRole.SUPPLIER, RemotePartyRole.NETWORK_OPERATOR

USAGES: Mapping[KeyUse, tuple[KeyUsage, CellUsage]] = {
    SIGNING: (KeyUsage.DIGITAL_SIGNATURE, CellUsage.MANAGEMENT),
    AGREEMENT: (KeyUsage.KEY_AGREEMENT, CellUsage.MANAGEMENT),
    TOP_UP: (KeyUsage.KEY_AGREEMENT, CellUsage.PREPAYMENT_TOP_UP),
}
"""Key usage and cell usage of each use of an organisation's key."""
_USES = {usage: use for use, usage in USAGES.items()}
ROOT_CELL = TrustAnchorCell(RemotePartyRole.ROOT, KeyUsage.KEY_CERT_SIGN)


def cell(role: RemotePartyRole, use: KeyUse) -> TrustAnchorCell:
    """The name of a cell."""
    return TrustAnchorCell(role, *USAGES[use])


def cells_of(kind: DeviceType, role: RemotePartyRole) -> tuple[KeyUse, ...]:
    """The uses for which a kind of device has cells of a role."""
    return tuple(use for held, use in CELLS[kind] if held is role)


def can_be_handed_over(kind: DeviceType) -> bool:
    """Whether a kind of device knows a supplier at all: hubs and prepayment displays do not."""
    return bool(cells_of(kind, SUPPLIER))


def asker(target: Target, role: RemotePartyRole) -> Party:
    """Who asks a device about a role: its supplier or network operator for themselves, the broker for all others."""
    asks = role if role in (SUPPLIER, OPERATOR) and cells_of(target.type, role) else BROKER
    return target.head_end.holder(asks, target.eui64)


def details_request(asks: Party, *roles: RemotePartyRole, title: str = "Read trust anchor details") -> Request:
    """CS02a: whose credentials are in the cells of these roles? With the load controller among them it is CS02f."""
    use = AGREEMENT if asks.role is BROKER else SIGNING
    name = "CS02f" if RemotePartyRole.LOAD_CONTROLLER in roles else "CS02a"
    return asn1(name, CredentialDetailsCommand(cell(asks.role, use), roles), title=title)


def party_details(target: Target, role: RemotePartyRole, title: str = "Read trust anchor details") -> Reply:
    """Ask a device whose certificates the cells of a role hold."""
    asks = asker(target, role)
    return target.ask(details_request(asks, role, title=title), party=asks)


def check_cells(target: Target, party: Party, title: str = "Read trust anchor details") -> None:
    """Ask a device, and check that the cells of the party's role hold its certificates. Raises DeviceFinding."""
    reply = party_details(target, party.role, title)
    held = only(reply.value.parties, "parties")
    reply.expect("role", int(party.role), held.role)
    reply.expect("status", CredentialStatus.SUCCESS.name, CredentialStatus(held.status).name)
    usages = [(each.key_usage, each.cell_usage) for each in held.cells or ()]
    reply.that("uses of the cells", "known ones", usages, good=set(usages) <= set(_USES))
    expected = {use: _contents(party, use) for use in cells_of(target.type, party.role)}
    reply.expect("cells", described(expected), described(held_cells(held)))


def held_cells(details: PartyDetails) -> dict[KeyUse, tuple[bytes, bytes]]:
    """Subject and key identifier by use, as a device reports them; cells with unknown usages are left out."""
    return {
        _USES[each.key_usage, each.cell_usage]: (bytes(each.subject), each.key_identifier)
        for each in details.cells or ()
        if (each.key_usage, each.cell_usage) in _USES
    }


def holds(details: PartyDetails, party: Party, use: KeyUse) -> bool:
    """Whether a reported cell holds this party's certificate."""
    return held_cells(details).get(use) == _contents(party, use)


def _contents(party: Party, use: KeyUse) -> tuple[bytes, bytes]:
    return bytes(party.eui64), Certificate.decode(party.certificate(use)).subject_key_identifier or b""


def described(cells: Mapping[KeyUse, tuple[bytes, bytes]]) -> str:
    """Cells in words, in the order of their uses."""
    return ", ".join(f"{use} {cells[use][0].hex()} {cells[use][1].hex()}" for use in sorted(cells))


def reported(reply: Reply, role: RemotePartyRole) -> PartyDetails:
    """What a device reported of one role. Raises RemoteProtocolError if it left it out."""
    for details in reply.value.parties:
        if details.role == role:
            found: PartyDetails = details
            return found
    raise RemoteProtocolError(f"the report leaves out role {int(role)}, which was asked for")
