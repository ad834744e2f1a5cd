"""Counters and roots when credentials are replaced, and who is who then."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest

from firmware_emu.counters import TOP_UP as TOP_UP_COUNTER
from firmware_emu.credentials import Cell, PartyChange
from firmware_emu.nvm import Medium, MemoryNvm
from firmware_emu.parts.credentials.contingency import wrapped_key_in
from firmware_emu.parts.credentials.rules import CELLS, role_behind
from firmware_emu.parts.credentials.trust_anchors import MOST_ITEMS, TrustAnchors
from firmware_emu.parts.credentials.update import IGNORES_FLOORS
from protocols.der import oid
from protocols.gbcs.asn1_credentials import (
    CredentialReplacement,
    ReplacementMode,
    SequenceNumberChange,
    SpecialistPurpose,
    SpecialistSequenceNumber,
    TimeChecks,
)
from protocols.gbcs.keys import KeyName
from protocols.gbcs.protection import add_mac
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Protection
from protocols.instant import DAY
from protocols.smki.building import authority_name, put_extension, put_signed
from protocols.smki.certificate import Certificate
from protocols.smki.infrastructure import make_infrastructure
from protocols.smki.issue import (
    ORGANISATION,
    ROOT_KEY_USAGE,
    Issuer,
    Validity,
    _authority_extensions,
    _Tbs,
    issue_link,
    issue_organisation,
)
from protocols.smki.signature import Verifier

from .asn1_home import BROKER, DS, KA, NEW_SUPPLIER, PARTIES, RECOVERY, SMKI, START, SUPPLIER
from .credential_desk import (
    CONTINGENCY,
    LATER,
    LATER_PATH,
    LINK,
    LONG,
    MODE,
    PATH,
    ROLE,
    ROOT,
    STATUS,
    SUCCESS,
    SYMMETRIC_KEY,
    Desk,
    Parcel,
    is_unchanged,
    keys_of,
    name_of,
    new_certificate,
    own_cells,
    parcel,
    row,
    statuses,
)
from .test_credential_dates import (
    BAD,
    BY_COS,
    BY_RECOVERY,
    BY_SELF,
    CONTINGENT,
    CONTROLLER_BY_SUPPLIER,
    DONE,
    TOMORROW,
    dated,
    told,
)

ESME, GSME, GPF, CHF = DeviceType.ESME, DeviceType.GSME, DeviceType.GPF, DeviceType.CHF


def tokens(number: int) -> tuple[SpecialistSequenceNumber, ...]:
    return (SpecialistSequenceNumber(SpecialistPurpose.PREPAYMENT_TOP_UP, number),)


def floor(role: RemotePartyRole, number: int, special: int | None = None) -> SequenceNumberChange:
    return SequenceNumberChange(role, number, None if special is None else tokens(special))


# counters


class Floors(NamedTuple):
    """What a command asks for, and the counters afterwards: those of roles, and of tokens."""

    mode: ReplacementMode
    control: dict[str, object]
    counters: dict[RemotePartyRole, int]
    tokens: int = 40


OLD = 900
FLOORS = {
    "lower": Floors(BY_SELF, {"new_floor": 3}, {ROLE.SUPPLIER: 3}),
    "higher": Floors(BY_SELF, {"new_floor": 2**63}, {ROLE.SUPPLIER: 2**63}),
    "with tokens": Floors(BY_SELF, {"new_floor": 3, "new_specialist_floors": tokens(8)}, {ROLE.SUPPLIER: 3}, 8),
    "tokens alone": Floors(BY_SELF, {"new_specialist_floors": tokens(8)}, {}, 8),
    "absent": Floors(BY_SELF, {}, {}),
    "of another role": Floors(
        BY_SELF, {"other_changes": (floor(ROLE.RECOVERY, 1), floor(ROLE.SUPPLIER, 5))}, {ROLE.SUPPLIER: 5}
    ),
    "tokens of a network operator": Floors(
        MODE.NETWORK_OPERATOR_BY_NETWORK_OPERATOR,
        {"new_floor": 4, "new_specialist_floors": tokens(0)},
        {ROLE.NETWORK_OPERATOR: 4},
    ),
    "supplier's by a network operator": Floors(
        MODE.NETWORK_OPERATOR_BY_NETWORK_OPERATOR, {"other_changes": (floor(ROLE.SUPPLIER, 0, 0),)}, {}
    ),
    "change of supplier": Floors(BY_COS, {"other_changes": (floor(ROLE.SUPPLIER, 70, 80),)}, {ROLE.SUPPLIER: 70}, 80),
    "change of supplier, for the wrong one": Floors(BY_COS, {"new_floor": 1}, {}),
    "load controller by supplier": Floors(
        CONTROLLER_BY_SUPPLIER,
        {"new_floor": 1, "other_changes": (floor(ROLE.LOAD_CONTROLLER, 2, 0),)},
        {ROLE.LOAD_CONTROLLER: 2},
    ),
    "recovery": Floors(
        BY_RECOVERY,
        {"new_floor": 6, "other_changes": (floor(ROLE.SUPPLIER, 7, 9), floor(ROLE.ACCESS_CONTROL_BROKER, 8))},
        {ROLE.RECOVERY: 6, ROLE.SUPPLIER: 7, ROLE.ACCESS_CONTROL_BROKER: 8},
        9,
    ),
    "contingency": Floors(
        CONTINGENT,
        {"new_floor": 1, "other_changes": (floor(ROLE.SUPPLIER, 2, 3),)},
        {ROLE.ROOT: 1, ROLE.SUPPLIER: 2},
        3,
    ),
}


def with_floors(name: str, defects: frozenset[str] = frozenset(), *, good: bool = True) -> tuple[Desk, dict[int, int]]:
    """A device that was asked for floors; and the counters of all roles before, the command's own stored."""
    asked = FLOORS[name]
    desk = Desk(ESME, asked.mode, defects)
    counters = desk.rig.device.counters
    for role in PARTIES:
        counters.store(role, OLD)
    counters.store(TOP_UP_COUNTER, 40)
    what = parcel(ESME, asked.mode)
    rows = what.rows if good else tuple(CredentialReplacement(b"\x30\x00", each.cell) for each in what.rows)
    outcome = desk.ask(what._replace(rows=rows, control=asked.control))
    assert (SUCCESS in statuses(outcome)) == good
    before = dict.fromkeys(PARTIES, OLD) | {role_behind(asked.mode): outcome.sequence_number}
    return desk, {int(role): number for role, number in before.items()}


def check_floors(name: str, defects: frozenset[str] = frozenset()) -> None:
    desk, before = with_floors(name, defects)
    counters = desk.rig.device.counters
    expected = before | {int(role): number for role, number in FLOORS[name].counters.items()}
    assert {int(role): counters.executed(role) for role in PARTIES} == expected
    assert counters.executed(TOP_UP_COUNTER) == FLOORS[name].tokens


@pytest.mark.parametrize("name", FLOORS)
def test_floors_are_those_of_the_roles_whose_cells_were_replaced(name: str) -> None:
    check_floors(name)


@pytest.mark.parametrize("name", FLOORS)
def test_an_update_of_which_nothing_was_done_sets_no_floor(name: str) -> None:
    desk, before = with_floors(name, good=False)
    counters = desk.rig.device.counters
    assert {int(role): counters.executed(role) for role in PARTIES} == before
    assert counters.executed(TOP_UP_COUNTER) == 40


def test_the_floors_asked_for_are_reported_the_authorising_role_first() -> None:
    desk = Desk(ESME, BY_RECOVERY)
    asked = {"new_floor": 6, "other_changes": (floor(ROLE.SUPPLIER, 7, 9), floor(ROLE.NETWORK_OPERATOR, 8, 1))}
    outcome = desk.ask(parcel(ESME, BY_RECOVERY)._replace(control=asked))
    assert outcome.changes == (floor(ROLE.RECOVERY, 6), floor(ROLE.SUPPLIER, 7, 9), floor(ROLE.NETWORK_OPERATOR, 8))


def test_a_firmware_that_ignores_floors_is_found() -> None:
    with pytest.raises(AssertionError):
        check_floors("lower", frozenset({IGNORES_FLOORS}))


def test_a_counter_must_rise_above_the_floor() -> None:
    desk = Desk(ESME, BY_SELF)
    desk.ask(parcel(ESME, BY_SELF)._replace(control={"new_floor": 5000}))
    desk.learn(desk.cells)
    desk.send(desk.message(Parcel(()), number=5000))
    assert not desk.answers()
    desk.send(desk.message(Parcel(()), number=5001))
    assert desk.answers()


# roots


@pytest.mark.parametrize(
    ("kind", "mode"), [(ESME, MODE.ROOT_BY_SUPPLIER), (CHF, MODE.ROOT_BY_WAN_PROVIDER), (GPF, BY_RECOVERY)]
)
def test_a_root_that_signs_itself_needs_the_old_ones_word_in_the_path(kind: DeviceType, mode: ReplacementMode) -> None:
    new = LATER.organisation_root.certificate
    desk = Desk(kind, mode)
    assert statuses(desk.ask(Parcel((row(new, ROOT),), (LINK.octets,)))) == [SUCCESS]
    assert desk.rig.device.credentials.held(ROOT).certificate == new.octets
    other = make_infrastructure(b"a third one").organisation_root.certificate
    late = issue_link(SMKI.organisation_root, new, 9, Validity(START - 2 * DAY, START - DAY))
    for link in (issue_link(SMKI.organisation_root, other, 8, LONG), late):  # another's word, and one that is over
        assert statuses(Desk(kind, mode).ask(Parcel((row(new, ROOT),), (link.octets,)))) == [STATUS.NO_TRUST_ANCHOR]


def test_after_a_new_root_only_what_is_under_it_is_taken() -> None:
    desk = Desk(ESME, MODE.ROOT_BY_SUPPLIER)
    desk.ask(parcel(ESME, MODE.ROOT_BY_SUPPLIER))
    desk.mode = BY_SELF
    cell = Cell(ROLE.SUPPLIER, KA)
    assert statuses(desk.ask(Parcel((row(new_certificate(cell, BY_SELF), cell),)))) == [STATUS.NO_TRUST_ANCHOR]
    under = new_certificate(cell, BY_SELF, smki=LATER)
    assert statuses(desk.ask(Parcel((row(under, cell),), LATER_PATH))) == [SUCCESS]


def test_recovery_changes_root_and_cells_in_one_command() -> None:
    desk = Desk(ESME, BY_RECOVERY)
    rows = [row(new_certificate(cell, BY_RECOVERY, 1, LATER), cell) for cell in desk.cells]
    outcome = desk.ask(Parcel((*rows, row(LINK, ROOT)), LATER_PATH))
    assert statuses(outcome) == [SUCCESS] * (len(rows) + 1)
    assert [each.cell for each in outcome.results] == [each.cell for each in (*rows, row(LINK, ROOT))]


@pytest.mark.parametrize("place", [0, 3, 99])
def test_by_contingency_the_place_of_the_root_does_not_matter(place: int) -> None:
    desk = Desk(ESME, CONTINGENT)
    rows = list(parcel(ESME, CONTINGENT).rows)
    rows.insert(place, rows.pop())
    outcome = desk.ask(Parcel(tuple(rows), LATER_PATH))
    assert statuses(outcome) == [SUCCESS] * len(rows)
    assert [each.cell for each in outcome.results] == [each.cell for each in rows]


def test_a_root_that_is_refused_leaves_the_old_one_to_judge_the_rest() -> None:
    desk = Desk(ESME, CONTINGENT)
    cell = Cell(ROLE.SUPPLIER, KA)
    bad = CredentialReplacement(b"\x30\x00", name_of(ROOT))
    under_new = row(new_certificate(cell, CONTINGENT, smki=LATER), cell)
    assert statuses(desk.ask(Parcel((bad, under_new), LATER_PATH))) == [STATUS.BAD_CERTIFICATE, STATUS.NO_TRUST_ANCHOR]
    under_old = row(new_certificate(cell, CONTINGENT), cell)
    assert statuses(desk.ask(Parcel((bad, under_old), PATH))) == [STATUS.BAD_CERTIFICATE, SUCCESS]


def test_the_contingency_key_goes_with_its_root() -> None:
    desk = Desk(ESME, CONTINGENT)
    desk.ask(parcel(ESME, CONTINGENT))
    assert wrapped_key_in(desk.rig.device.credentials.held(ROOT).certificate) == b""
    assert not desk.works()


def test_a_contingency_key_that_was_put_in_apart_goes_with_a_normal_root_too() -> None:
    desk = Desk(ESME, MODE.ROOT_BY_SUPPLIER)
    wrapped = wrapped_key_in(desk.rig.device.credentials.held(ROOT).certificate)
    desk.rig.device.find(TrustAnchors).put_contingency_key(wrapped)
    desk.ask(parcel(ESME, MODE.ROOT_BY_SUPPLIER))
    assert not desk.works(CONTINGENT)


def test_the_contingency_key_is_forgotten_when_its_message_is_done() -> None:
    desk = Desk(ESME, CONTINGENT)
    name = KeyName(CONTINGENCY, DS)
    assert desk.works()
    assert desk.rig.device.keys.public_point(name) is None
    message = desk.message(Parcel(()))
    desk.send(replace(message, signature=bytes(64)))
    assert desk.rig.device.keys.public_point(name) is None
    assert not desk.rig.device.credentials.roles_of(CONTINGENCY)


def test_nobody_borrows_a_known_name_for_the_contingency_key() -> None:
    desk = Desk(ESME, CONTINGENT)
    before = desk.held()
    desk.send(desk.message(parcel(ESME, CONTINGENT), sender=SUPPLIER))
    assert not desk.answers()
    assert desk.held() == before


def test_the_symmetric_key_is_not_kept_nor_shown() -> None:
    medium = Medium()
    desk = Desk(ESME, CONTINGENT, nvm=MemoryNvm(medium))
    dated(desk, parcel(ESME, CONTINGENT))
    assert desk.rig.device.future.pending("credentials 0109") is not None
    octets = b"".join([*medium.records.values(), *(bytes(held) for _, held in medium.logs.values())])
    assert SYMMETRIC_KEY not in octets
    assert SYMMETRIC_KEY.hex().encode() not in octets.lower()  # as texts are kept
    command, _ = desk.command(parcel(ESME, CONTINGENT))
    assert command.control.symmetric_key == SYMMETRIC_KEY
    assert repr(SYMMETRIC_KEY) not in repr(command)
    assert told(desk.rig.advance(TOMORROW)).alert_code == DONE


# who is who


def test_other_parts_hear_of_every_role_that_changes_hands_and_of_no_other() -> None:
    desk = Desk(ESME, BY_RECOVERY)
    heard: list[PartyChange] = []
    desk.rig.device.credentials.listeners.append(heard.append)
    desk.ask(parcel(ESME, BY_RECOVERY))
    assert heard == []
    desk = Desk(ESME, BY_COS)
    desk.rig.device.credentials.listeners.append(heard.append)
    desk.ask(parcel(ESME, BY_COS)._replace(control={"other_changes": (floor(ROLE.SUPPLIER, 1, 2),)}))
    assert heard == [PartyChange(ROLE.SUPPLIER, SUPPLIER, NEW_SUPPLIER, 1, 2)]


def test_who_signs_for_a_role_holds_it_when_an_update_was_done_in_part() -> None:
    """A change of supplier of which the signing cell failed has not taken place."""
    for good, holder in ((slice(0, 1), NEW_SUPPLIER), (slice(1, 3), SUPPLIER)):
        desk = Desk(ESME, BY_COS)
        heard: list[PartyChange] = []
        desk.rig.device.credentials.listeners.append(heard.append)
        desk.ask(Parcel(parcel(ESME, BY_COS).rows[good]))
        assert desk.rig.device.credentials.party(ROLE.SUPPLIER) == holder
        assert [change.after for change in heard] == [NEW_SUPPLIER] * (holder == NEW_SUPPLIER)


def test_the_brokers_macs_are_by_its_own_key_also_while_it_fills_the_cells_of_others() -> None:
    """Before a hand-over the broker renews its key: then two different ones of it are in the device."""
    desk = Desk(GPF, MODE.ACCESS_CONTROL_BROKER_BY_ACCESS_CONTROL_BROKER)
    credentials = desk.rig.device.credentials
    for cell in own_cells(GPF, BY_SELF):
        held = credentials.held(cell)
        point = desk.rig.keys.public_point(KeyName(BROKER, DS if cell.use is DS else KA))
        assert point
        credentials.fill(cell, replace(held, subject=bytes(BROKER), point=point, certificate=b""))
    desk.ask(parcel(GPF, desk.mode))
    desk.learn(desk.cells)
    assert desk.broker_works()
    desk.send(desk.message(Parcel(()), mode=BY_SELF, sender=BROKER))
    assert desk.answers()
    assert desk.works(MODE.TRANSITIONAL_COS_BY_TRANSITIONAL_COS)
    outcome = desk.ask(Parcel(parcel(GPF, BY_SELF).rows), mode=BY_SELF, sender=BROKER)
    assert statuses(outcome) == [SUCCESS] * 3
    assert desk.broker_works()


def test_a_broker_that_has_handed_over_does_not_speak_for_the_supplier() -> None:
    """Also where it has a signing key of its own in the device."""
    desk = Desk(DeviceType.HCALCS, BY_SELF)
    before = desk.held()
    desk.send(desk.message(parcel(DeviceType.HCALCS, BY_SELF), sender=BROKER))
    assert not desk.answers()
    assert desk.alerts() == [0x8F30]
    assert desk.held() == before
    assert desk.works()


def test_a_party_of_two_roles_has_the_counter_of_each() -> None:
    desk = Desk(ESME, CONTROLLER_BY_SUPPLIER)
    cells = own_cells(ESME, CONTROLLER_BY_SUPPLIER)
    uses = {cell: Cell(ROLE.SUPPLIER, cell.use) for cell in cells}
    rows = [CredentialReplacement(new_certificate(uses[cell], BY_SELF, 0).octets, name_of(cell)) for cell in cells]
    assert (
        statuses(desk.ask(Parcel(tuple(rows), control={"other_changes": (floor(ROLE.LOAD_CONTROLLER, 2),)})))
        == [SUCCESS] * 2
    )
    assert desk.rig.device.credentials.roles_of(SUPPLIER) == (ROLE.SUPPLIER, ROLE.LOAD_CONTROLLER)
    own = MODE.LOAD_CONTROLLER_BY_LOAD_CONTROLLER
    desk.send(desk.message(Parcel(()), mode=own, sender=SUPPLIER, number=3))
    assert desk.answers()
    assert desk.rig.device.counters.executed(ROLE.LOAD_CONTROLLER) == 3


# sizes


def test_nothing_to_replace_is_done_at_once() -> None:
    outcome = Desk(ESME, BY_SELF).ask(Parcel(()))
    assert (outcome.results, outcome.changes) == ((), ())


def test_more_rows_than_any_device_has_cells_are_not_answered() -> None:
    desk = Desk(ESME, BY_SELF)
    assert len(desk.ask(Parcel((BAD,) * MOST_ITEMS)).results) == MOST_ITEMS
    desk.send(desk.message(Parcel((BAD,) * (MOST_ITEMS + 1))))
    assert not desk.answers()
    assert desk.alerts() == [0x8F1E]
    assert desk.works()


def test_the_same_certificates_again_are_no_failure() -> None:
    desk = Desk(ESME, BY_RECOVERY)
    cells = [cell for cell in CELLS[ESME] if cell != ROOT]
    rows = [row(new_certificate(cell, BY_RECOVERY, 0), cell) for cell in cells]
    outcome = desk.ask(Parcel(tuple(rows), control={"time_checks": TimeChecks.DISAPPLY}))
    assert statuses(outcome) == [SUCCESS] * len(rows)
    assert all(is_unchanged(each) for each in outcome.results)
    assert desk.works()
    assert desk.sender == RECOVERY


def authority(name: RemotePartyRole, path_length: int | None, *more: bytes) -> Certificate:
    """An authority of any form below the root, for the key of ``LATER``'s root."""
    point = LATER.organisation_root.certificate.public_point
    root = SMKI.organisation_root
    usage = _authority_extensions(ORGANISATION, ROOT_KEY_USAGE, path_length, point, root.key_identifier)
    subject = authority_name(ORGANISATION, name, "TEST ODD")
    tbs = _Tbs(root.certificate.subject.octets, subject, point, 11, LONG, (*usage, *more))
    return Certificate.decode(put_signed(tbs.encode(), root.sign, Verifier(root.certificate.public_point)))


def test_an_authority_with_what_is_critical_and_not_known_is_none() -> None:
    unknown = put_extension(oid("1.2.3.4"), b"\x05\x00", critical=True)
    cell = Cell(ROLE.SUPPLIER, KA)
    for held, status in ((authority(ROLE.ISSUING_AUTHORITY, 0), SUCCESS), (None, STATUS.NO_TRUST_ANCHOR)):
        found = held or authority(ROLE.ISSUING_AUTHORITY, 0, unknown)
        issuer = Issuer(found, LATER.organisation_root.sign)
        point = new_certificate(cell, BY_SELF).public_point
        made = issue_organisation(issuer, SUPPLIER, ROLE.SUPPLIER, name_of(cell).key_usage, point, 12, LONG)
        assert statuses(Desk(ESME, BY_SELF).ask(Parcel((row(made, cell),), (found.octets,)))) == [status]


def test_a_root_that_allows_no_authority_is_none() -> None:
    for length, status in ((None, SUCCESS), (1, SUCCESS), (0, STATUS.NO_TRUST_ANCHOR)):
        desk = Desk(ESME, MODE.ROOT_BY_SUPPLIER)
        assert statuses(desk.ask(Parcel((row(authority(ROLE.ROOT, length), ROOT),), ()))) == [status]


def test_a_party_goes_on_with_the_key_of_the_role_that_it_keeps() -> None:
    """A supplier was load controller too, with other keys, and gives that role away by them."""
    desk = Desk(ESME, CONTROLLER_BY_SUPPLIER)
    cells, own = own_cells(ESME, CONTROLLER_BY_SUPPLIER), MODE.LOAD_CONTROLLER_BY_LOAD_CONTROLLER
    others = [new_certificate(Cell(ROLE.SUPPLIER, cell.use), BY_SELF, 5) for cell in cells]
    desk.ask(Parcel(tuple(row(held, cell) for held, cell in zip(others, cells, strict=True))))
    controller_keys = keys_of([SUPPLIER], 5)
    made = desk.message(
        parcel(ESME, own), mode=own, sender=SUPPLIER, keys=controller_keys, protection=Protection.SIGNATURE
    )
    desk.send(add_mac(made, desk.rig.keys, BROKER))
    assert len(desk.answers()) == 1
    assert desk.rig.device.credentials.roles_of(SUPPLIER) == (ROLE.SUPPLIER,)
    assert desk.works(BY_SELF)
