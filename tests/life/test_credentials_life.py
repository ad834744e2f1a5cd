"""A new device is handed over by the access control broker to its supplier and operator, and changes hands later on.

Its maker has put the broker's certificates into the supplier's and the operator's cells (Smart Energy Code S3 206);
an incoming supplier takes it over through the change-of-supplier party (S15).
"""

from __future__ import annotations

from typing import Any

import pytest

from bench.answers import Answer
from bench.credentials.update import Update, rows_for, update_request
from bench.head_end import BROKER
from bench.pki import CELLS, Party
from bench.requests import Request, asn1, dlms
from bench.tokens import electricity_top_up
from firmware_emu.credentials import Cell
from firmware_emu.parts.credentials.rules import MODES, USES
from firmware_emu.parts.credentials.update import anchor_of
from protocols.gbcs.asn1_credentials import (
    CredentialDetailsCommand,
    CredentialStatus,
    PartyDetails,
    ReadDeviceCertificateCommand,
    ReplacementMode,
    SequenceNumberChange,
    SpecialistPurpose,
    SpecialistSequenceNumber,
    TrustAnchorCell,
    UpdateCredentialsResponse,
)
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import DAY, HOUR, Instant
from protocols.smki.certificate import Certificate
from protocols.smki.names import KeyUsage

from .world import CHF, ESME, GPF, GSME, OPERATOR, START, SUPPLIER, Wire, World, plain

MODE, ROLE = ReplacementMode, RemotePartyRole
COS = ROLE.TRANSITIONAL_COS
DS, KA, TOP_UP = KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT, KeyUse.PREPAYMENT_KEY_AGREEMENT
BY_SUPPLIER, BY_OPERATOR = MODE.SUPPLIER_BY_SUPPLIER, MODE.NETWORK_OPERATOR_BY_NETWORK_OPERATOR
BY_COS, BY_CONTROLLER = MODE.SUPPLIER_BY_TRANSITIONAL_COS, MODE.LOAD_CONTROLLER_BY_SUPPLIER
UNKNOWN, NO_AUTHORITY, NOT_DONE = 0x8F3E, 0x8F30, 0x8F67
FLOOR, TOKENS = 500, 7
ALL = [kind for kind in CELLS if (SUPPLIER, DS) in CELLS[kind]]


class Handed:
    """A device on a wire, and its parties; ``broker(role)`` is the broker in the place of another."""

    def __init__(self, kind: DeviceType = ESME) -> None:
        self.wire = Wire(kind)
        self.kind, self.identity = kind, self.wire.device.identity
        self.supplier, self.operator = (self.wire.pki.parties[role] for role in (SUPPLIER, OPERATOR))
        self.uses = {role: [use for held, use in CELLS[kind] if held is role] for role in ROLE}

    def broker(self, role: RemotePartyRole) -> Party:
        """The broker as it is known to a new device."""
        own = self.wire.pki.parties[BROKER]
        return Party(role, own.eui64, own.store)

    def put_broker_in(self) -> None:
        """What the maker does: the broker's two certificates, its agreement key for top-ups too."""
        own = self.wire.pki.parties[BROKER]
        credentials = self.wire.device.credentials

        def fill() -> None:
            for role in (SUPPLIER, OPERATOR):
                for use in self.uses[role]:
                    held = own.store.certificate(KeyName(own.eui64, DS if use is DS else KA)) or b""
                    credentials.fill(Cell(role, use), anchor_of(Cell(role, use), Certificate.decode(held)))

        self.wire.device.through(fill, self.wire.now)

    # asking

    def ask(self, request: Request, party: Party, counter: int | None = None) -> Answer:
        """In order, and successful."""
        return self.wire.ask(request, self.identity, party=party, counter=counter)

    def refused(self, request: Request, party: Party, counter: int | None = None) -> list[int]:
        """Not answered; the codes of the alerts."""
        return self.wire.refused(self.wire.command(request, self.identity, party=party, counter=counter))

    def update(self, mode: ReplacementMode, party: Party, at: Instant | None = None) -> Request:
        """Put a party's certificates into the cells of its role; its counters begin at FLOOR, those of tokens too."""
        special = (SpecialistSequenceNumber(SpecialistPurpose.PREPAYMENT_TOP_UP, TOKENS << 32),)
        start = SequenceNumberChange(party.role, FLOOR, special if party.role is SUPPLIER else None)
        cell = MODES[mode].authoriser
        assert cell is not None
        own = cell.role is party.role
        path = (self.wire.pki.infrastructure.organisation_authority.certificate.octets,)
        rows = rows_for(party, self.uses[party.role])
        named = TrustAnchorCell(cell.role, *USES[cell.use])
        made = Update(
            mode,
            rows,
            path,
            own=start if own else None,
            others=() if own else (start,),
            authoriser=named,
            execute_at=at,
        )
        return update_request(made, "replace")

    def details(self, asks: Party, role: RemotePartyRole) -> PartyDetails:
        """What the device says of a role."""
        use = KA if asks.role is BROKER else DS
        command = CredentialDetailsCommand(TrustAnchorCell(asks.role, *USES[use]), (role,))
        found: PartyDetails = self.ask(asn1("CS02a", command), asks).value.parties[0]
        return found

    def hand_over(self) -> None:
        """Supplier first, then the operator where the device knows one."""
        done(self.ask(self.update(BY_SUPPLIER, self.supplier), self.broker(SUPPLIER)))
        if self.uses[OPERATOR]:
            done(self.ask(self.update(BY_OPERATOR, self.operator), self.broker(OPERATOR)))


def done(answer: Answer) -> None:
    """Every row was replaced."""
    assert isinstance(answer.value, UpdateCredentialsResponse)
    assert answer.value.outcome is not None
    statuses = [each.status for each in answer.value.outcome.results]
    assert statuses == [CredentialStatus.SUCCESS] * len(statuses) != []


def own_certificate() -> Request:
    """A critical command of the supplier that every kind of device knows."""
    return asn1("CS02e", ReadDeviceCertificateCommand(KeyUsage.DIGITAL_SIGNATURE))


def subjects(details: PartyDetails) -> set[Any]:
    return {cell.subject for cell in details.cells or ()}


@pytest.mark.parametrize("kind", ALL)
def test_a_new_device_is_handed_over(kind: DeviceType) -> None:
    """Before it the broker speaks for the supplier and the operator and they are strangers; after it they speak."""
    new = Handed(kind)
    new.put_broker_in()
    broker, supplier = new.wire.pki.parties[BROKER], new.supplier
    assert subjects(new.details(broker, SUPPLIER)) == {broker.eui64}
    assert new.refused(own_certificate(), supplier) == [UNKNOWN]
    assert new.wire.alerts[-1].message.recipient == broker.eui64
    new.ask(own_certificate(), new.broker(SUPPLIER))
    handed = new.wire.command(new.update(BY_SUPPLIER, supplier), new.identity, party=new.broker(SUPPLIER))
    (answer,) = new.wire.send(handed.octets, new.identity)
    done(new.wire.judge(handed, answer))
    assert new.refused(own_certificate(), new.broker(SUPPLIER))[0] in (NO_AUTHORITY, UNKNOWN)
    assert new.wire.send(handed.octets, new.identity) == []
    if new.uses[OPERATOR]:
        done(new.ask(new.update(BY_OPERATOR, new.operator), new.broker(OPERATOR)))
        assert subjects(new.details(new.operator, OPERATOR)) == {new.operator.eui64}
    assert new.refused(own_certificate(), new.broker(OPERATOR)) == [NO_AUTHORITY]
    details = new.details(supplier, SUPPLIER)
    assert (subjects(details), details.current_sequence_number) == ({supplier.eui64}, FLOOR)
    assert new.refused(new.update(BY_SUPPLIER, supplier), supplier, counter=FLOOR) == []
    done(new.ask(new.update(BY_SUPPLIER, supplier), supplier, counter=FLOOR + 1))
    assert subjects(new.details(broker, BROKER)) == {broker.eui64}


def test_a_meter_works_for_the_broker_before_and_for_its_supplier_after() -> None:
    """The load switch, the clock's reading and top-ups; the power fails between the two steps of the hand-over."""
    new = Handed()
    new.put_broker_in()
    wire, supplier, operator = new.wire, new.supplier, new.operator
    number = iter(range(FLOOR + 1, FLOOR + 100))
    new.ask(dlms("ECS43"), new.broker(SUPPLIER))
    assert new.refused(dlms("ECS42"), supplier) == [UNKNOWN]
    assert new.refused(dlms("ECS17b"), operator) == [UNKNOWN]
    done(new.ask(new.update(BY_SUPPLIER, supplier), new.broker(SUPPLIER)))
    new.ask(dlms("ECS42"), supplier, next(number))
    assert new.refused(dlms("ECS17b"), operator) == [UNKNOWN]
    wire.switch_off()
    wire.restart(wire.now + HOUR)
    done(new.ask(new.update(BY_OPERATOR, operator), new.broker(OPERATOR)))
    assert new.refused(dlms("ECS43"), new.broker(SUPPLIER)) == [NO_AUTHORITY]
    assert new.refused(dlms("ECS43"), operator) == [NO_AUTHORITY]
    new.ask(dlms("ECS43"), supplier, next(number))
    assert plain(new.ask(dlms("ECS45"), operator).data[0]) == 0
    answer = new.ask(electricity_top_up(wire.head_end, 5), supplier, (TOKENS + 1) << 32)
    assert answer.results == (0,)


def test_suppliers_follow_each_other_and_renew_their_keys() -> None:
    """Handed over, taken over through the change-of-supplier party, keys renewed: each time only the latest speak."""
    new = Handed()
    new.put_broker_in()
    new.hand_over()
    wire, old, cos = new.wire, new.supplier, new.wire.pki.parties[COS]
    second = wire.pki.newcomer(SUPPLIER)
    done(new.ask(new.update(BY_COS, second), cos))
    assert new.refused(own_certificate(), old) == [UNKNOWN]
    assert wire.alerts[-1].message.recipient == second.eui64
    new.ask(own_certificate(), second, FLOOR + 1)
    renewed = wire.pki.renewed(second)
    done(new.ask(new.update(BY_SUPPLIER, renewed), second, FLOOR + 2))
    wire.switch_off()
    wire.restart(wire.now + HOUR)
    assert new.refused(own_certificate(), second, FLOOR + 3) != []
    new.ask(own_certificate(), renewed, FLOOR + 1)
    another = wire.pki.newcomer(OPERATOR)
    done(new.ask(new.update(BY_OPERATOR, another), new.operator, FLOOR + 1))
    assert new.refused(dlms("ECS17b"), new.operator) == [UNKNOWN]
    new.ask(dlms("ECS17b"), another)
    done(new.ask(new.update(BY_COS, old), cos))
    new.ask(own_certificate(), old, FLOOR + 1)


def test_a_supplier_that_has_lost_the_meter_does_not_take_it_back() -> None:
    """It has dated new keys for itself; they lapse when another takes over, and it is told."""
    new = Handed()
    wire, old, cos = new.wire, new.supplier, new.wire.pki.parties[COS]
    second, tomorrow = wire.pki.newcomer(SUPPLIER), START + DAY
    accepted = new.ask(new.update(BY_SUPPLIER, wire.pki.renewed(old), tomorrow), old)
    assert accepted.value == UpdateCredentialsResponse(None)
    done(new.ask(new.update(BY_COS, second), cos))
    told = [(heard.code, heard.message.recipient) for heard in wire.alerts]
    assert told == [(NOT_DONE, old.eui64)]
    wire.run(tomorrow + HOUR)
    assert [heard.code for heard in wire.alerts] == [NOT_DONE]
    assert subjects(new.details(second, SUPPLIER)) == {second.eui64}
    new.ask(own_certificate(), second, FLOOR + 1)


@pytest.mark.parametrize("kind", [GSME, GPF])
def test_the_gas_side_is_taken_over(kind: DeviceType) -> None:
    new = Handed(kind)
    second = new.wire.pki.newcomer(SUPPLIER)
    done(new.ask(new.update(BY_COS, second), new.wire.pki.parties[COS]))
    assert new.refused(own_certificate(), new.supplier) == [UNKNOWN]
    new.ask(own_certificate(), second, FLOOR + 1)


def test_a_hub_knows_neither_supplier_nor_operator() -> None:
    hub = Handed(CHF)
    assert hub.uses[SUPPLIER] == hub.uses[OPERATOR] == []
    assert hub.refused(own_certificate(), hub.supplier) == [UNKNOWN]
    assert isinstance(hub.wire, World)
