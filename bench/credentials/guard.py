"""What may be tried on which device: a real one must not be left with credentials that nobody has any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.gbcs.keys import KeyName
from protocols.gbcs.roles import RemotePartyRole
from protocols.smki.certificate import Certificate, key_identifier

from ..head_end import BROKER
from ..pki import Party
from ..target import Target
from .cells import details_request, reported

if TYPE_CHECKING:
    from ..home import Home


def why_not_for_good(home: Home, target: Target) -> str:
    """Why credentials of a device may not be changed for good; empty if they may.

    The keys that a run makes are known to this run alone, so that the next one would find a real device locked.
    """
    return "" if _is_emulated(home, target) else f"{target.name} is a real device: the next run would not know its keys"


def why_not_for_now(home: Home, target: Target) -> str:
    """Why credentials of a device may not even be changed and changed back; empty if they may.

    A real device may hold another root: then it takes none of the rig's certificates, and rightly so. So may the
    parties whose keys a folder gives.
    """
    if not all(_is_ours(home, party) for party in home.head_end.parties.values()):
        return "the rig's parties have no certificates under the root that its devices hold"
    if _is_emulated(home, target):
        return ""
    asks = home.head_end.holder(BROKER, target.eui64)
    reply = target.ask(details_request(asks, RemotePartyRole.ROOT, title="Read which root it holds"), party=asks)
    held = [each.key_identifier for each in reported(reply, RemotePartyRole.ROOT).cells or ()]
    ours = key_identifier(home.pki.authority().organisation_root.certificate.public_point)
    return "" if held == [ours] else f"{target.name} holds another root than that of the rig's keys"


def _is_ours(home: Home, party: Party) -> bool:
    ours = home.pki.authority(party.root).organisation_authority.certificate.subject_key_identifier
    found = [party.store.certificate(KeyName(party.eui64, use)) for use in party.uses]
    return all(der is not None and Certificate.decode(der).authority_key_identifier == ours for der in found)


def _is_emulated(home: Home, target: Target) -> bool:
    return home.emulated(target.name) is not None
