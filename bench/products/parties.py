"""Who keeps the list of certified products, and what each of them may do (Smart Energy Code, section F2)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from protocols.gbcs.roles import DeviceType


class PartyKind(StrEnum):
    """The kind of a party to the Code. ``PANEL`` maintains the list; ``DCC`` runs the network and owns the hubs."""

    SUPPLIER = "supplier"
    NETWORK_OPERATOR = "network-operator"
    DCC = "dcc"
    PANEL = "panel"
    OTHER = "other"


class ListParty(NamedTuple):
    """Somebody who changes the list."""

    kind: PartyKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".rstrip()


class Act(StrEnum):
    """What can be done with the list."""

    LIST_MODEL = "list a new model"
    ADD_VERSION = "add a firmware or hardware version to a listed model"
    RENEW = "renew an assurance certificate"
    REMOVE = "remove an entry"


HUBS = frozenset({DeviceType.CHF, DeviceType.GPF})

ANYBODY = frozenset(PartyKind)
_EQUIPMENT: Mapping[Act, frozenset[PartyKind]] = {
    Act.LIST_MODEL: ANYBODY,
    Act.ADD_VERSION: frozenset({PartyKind.SUPPLIER}),
    Act.RENEW: frozenset({PartyKind.SUPPLIER, PartyKind.PANEL}),
    Act.REMOVE: frozenset({PartyKind.SUPPLIER, PartyKind.PANEL}),
}
_OF_HUBS: Mapping[Act, frozenset[PartyKind]] = {
    Act.LIST_MODEL: ANYBODY,
    Act.ADD_VERSION: frozenset({PartyKind.DCC}),
    Act.RENEW: frozenset({PartyKind.DCC, PartyKind.PANEL}),
    Act.REMOVE: frozenset({PartyKind.DCC, PartyKind.PANEL}),
}
"""Listing and adding are the Code's own rules. Who renews and removes is inferred: those who answer for the
certification must tell the Panel of every change of it, and the Panel maintains the list."""


def who_may(act: Act, device: DeviceType) -> frozenset[PartyKind]:
    """The kinds of party that may do this with entries for a kind of device."""
    return (_OF_HUBS if device in HUBS else _EQUIPMENT)[act]
