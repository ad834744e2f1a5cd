"""A command that has passed all checks, as the parts see it while it is carried out."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.eui64 import Eui64
from protocols.gbcs.message import Message
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.use_cases import UseCase


@dataclass(slots=True)
class Command:
    """``role`` is the one under which the sender may send it, None for another device of the home.

    ``requester`` is who asks: the supplementary party where the access control broker speaks for one, else the
    sender. ``header`` is the response without its payload; encryption takes counters and parties from it.
    """

    message: Message
    use_case: UseCase
    role: RemotePartyRole | None
    requester: Eui64
    header: Message
