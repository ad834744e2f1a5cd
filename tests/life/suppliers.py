"""A second supplier, and how it takes a meter over."""

from __future__ import annotations

from bench.head_end import BROKER
from bench.observer import Observer
from bench.pki import AGREEMENT, SIGNING, TOP_UP, USES, Party
from bench.requests import Header, Request
from firmware_emu.parts.credentials.rules import USES as CELL_USES
from protocols.eui64 import eui64
from protocols.gbcs.asn1_credentials import (
    AuthorisingControl,
    CredentialReplacement,
    ReplacementMode,
    SequenceNumberChange,
    SpecialistPurpose,
    SpecialistSequenceNumber,
    TimeChecks,
    TrustAnchorCell,
    UpdateCredentialsCommand,
)
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.keys import KeyName, MemoryKeyStore
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.use_cases import by_code
from protocols.instant import Instant
from protocols.smki.names import KeyUsage

from .world import SUPPLIER, World

COS = RemotePartyRole.TRANSITIONAL_COS
BY_CHANGE_OF_SUPPLIER_PARTY = 0x0107
NEWCOMER = eui64("90-B3-D5-1F-30-0F-00-00")
FLOOR, TOP_UP_FLOOR = 500, 7
"""Where the new supplier's counters begin, below those of the old one; that of top-ups counts tokens."""


def newcomer(world: World) -> Party:
    """Another supplier with keys of its own, which knows what suppliers know."""
    store = MemoryKeyStore()
    for use in (SIGNING, AGREEMENT, TOP_UP):
        name = KeyName(NEWCOMER, use)
        point = store.generate(name, world.pki.entropy(f"newcomer {use}"))
        usage = KeyUsage.DIGITAL_SIGNATURE if use is SIGNING else KeyUsage.KEY_AGREEMENT
        issued = world.pki.infrastructure.organisation(NEWCOMER, SUPPLIER, usage, point)
        store.put_certificate(name, issued.encode())
    for name, certificate in world.pki.certificates.items():
        if name.party in world.pki.devices or name.party == world.head_end.identity(BROKER):
            store.put_certificate(name, certificate)
    for role in USES:
        store.set_party_of_role(role, world.head_end.identity(role))
    store.set_party_of_role(SUPPLIER, NEWCOMER)
    world.observer = Observer([*(party.store for party in world.pki.parties.values()), store])
    return Party(SUPPLIER, NEWCOMER, store)


def change_of_supplier(world: World, party: Party, at: Instant | None = None) -> Request:
    """CS02b by the change-of-supplier party: three cells, and where the newcomer's counters begin."""
    case = by_code(BY_CHANGE_OF_SUPPLIER_PARTY)
    assert case is not None
    rows = tuple(
        CredentialReplacement(
            party.store.certificate(KeyName(party.eui64, use)) or b"", TrustAnchorCell(SUPPLIER, *CELL_USES[use])
        )
        for use in (SIGNING, AGREEMENT, TOP_UP)
    )
    special = (SpecialistSequenceNumber(SpecialistPurpose.PREPAYMENT_TOP_UP, TOP_UP_FLOOR << 32),)
    path = (world.pki.infrastructure.organisation_authority.certificate.octets,)

    def payload(header: Header) -> bytes:
        control = AuthorisingControl(
            ReplacementMode.SUPPLIER_BY_TRANSITIONAL_COS,
            None,
            TimeChecks.APPLY,
            TrustAnchorCell(COS, *CELL_USES[SIGNING]),
            header.counter,
            other_changes=(SequenceNumberChange(SUPPLIER, FLOOR, special),),
        )
        return Asn1Payload(UpdateCredentialsCommand(control, rows, path, at)).encode()

    return Request(case, payload, "change of supplier")
