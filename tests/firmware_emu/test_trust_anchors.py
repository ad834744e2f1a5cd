"""Credential reports and updates, checked over protected messages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware_emu.clock import ClockStatus
from firmware_emu.counters import TOP_UP as TOP_UP_COUNTER
from firmware_emu.credentials import Cell, PartyChange
from firmware_emu.nvm import Medium, MemoryNvm, PowerCut
from firmware_emu.parts.credentials.rules import USES
from firmware_emu.parts.credentials.update import ACCEPTS_ANY_CERTIFICATE, STOPS_AT_BAD_ROW
from protocols.der import BIT_STRING, NEVER, SEQUENCE, tlv
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.asn1_credentials import (
    AuthorisingControl,
    CellContents,
    CredentialDetailsCommand,
    CredentialDetailsResponse,
    CredentialReplacement,
    CredentialStatus,
    PartyDetails,
    ReplacementMode,
    SequenceNumberChange,
    SpecialistPurpose,
    SpecialistSequenceNumber,
    TimeChecks,
    TrustAnchorCell,
    UpdateCredentialsAlert,
    UpdateCredentialsCommand,
    UpdateCredentialsOutcome,
    UpdateCredentialsResponse,
)
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.protection import Verdict, sign, verify
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import DAY
from protocols.smki.certificate import Certificate, key_identifier
from protocols.smki.infrastructure import make_infrastructure
from protocols.smki.issue import Validity, public_key_info

from .asn1_home import (
    BROKER,
    CONTROLLER,
    COS,
    DS,
    KA,
    NEW_SUPPLIER,
    PARTIES,
    RECOVERY,
    SMKI,
    START,
    SUPPLIER,
    TOP_UP,
    WAN,
    Asn1Rig,
    certificate,
    entropy,
    value_of,
)
from .tiny import messages

ROLE = RemotePartyRole
SUCCESS = CredentialStatus.SUCCESS
PATH = (SMKI.organisation_authority.certificate.octets,)


def cell(role: RemotePartyRole, use: KeyUse | None) -> TrustAnchorCell:
    return TrustAnchorCell(role, *USES[use])


def row(held: Certificate, role: RemotePartyRole, use: KeyUse | None) -> CredentialReplacement:
    return CredentialReplacement(held.octets, cell(role, use))


def top_up(number: int) -> tuple[SpecialistSequenceNumber, ...]:
    return (SpecialistSequenceNumber(SpecialistPurpose.PREPAYMENT_TOP_UP, number),)


def update(
    rig: Asn1Rig,
    mode: ReplacementMode,
    rows: list[CredentialReplacement],
    authoriser: TrustAnchorCell | None,
    at: int | None = None,
    **control: object,
) -> UpdateCredentialsCommand:
    number = rig.next_counter()
    made = AuthorisingControl(mode, None, TimeChecks.APPLY, authoriser, number)
    return UpdateCredentialsCommand(replace(made, **control), tuple(rows), PATH, at)  # type: ignore[arg-type]  # members by name


def own_rows(*uses: KeyUse, generation: int = 1) -> list[CredentialReplacement]:
    return [row(certificate(SUPPLIER, ROLE.SUPPLIER, use, generation), ROLE.SUPPLIER, use) for use in uses]


def by_supplier(rig: Asn1Rig, rows: list[CredentialReplacement], at: int | None = None, **control: object) -> object:
    command = update(rig, ReplacementMode.SUPPLIER_BY_SUPPLIER, rows, cell(ROLE.SUPPLIER, DS), at, **control)
    return rig.ask(0x0102, command, counter=command.control.sequence_number)


def outcome_of(answer: object) -> UpdateCredentialsOutcome:
    assert isinstance(answer, UpdateCredentialsResponse)
    assert answer.outcome is not None
    return answer.outcome


def statuses(answer: object) -> list[CredentialStatus]:
    return [result.status for result in outcome_of(answer).results]


def identifier(party: Eui64, use: KeyUse, generation: int = 0) -> bytes:
    point = MemoryKeyStore().generate(KeyName(party, use), entropy(party, use, generation))
    return key_identifier(point)


def test_a_report_lists_the_cells_and_the_counter_of_each_role() -> None:
    rig = Asn1Rig()
    asked = CredentialDetailsCommand(cell(ROLE.ACCESS_CONTROL_BROKER, KA), (ROLE.SUPPLIER, ROLE.WAN_PROVIDER))
    answer = rig.ask(0x0008, asked, BROKER)
    contents = [CellContents(*USES[use], SUPPLIER, identifier(SUPPLIER, use)) for use in (DS, KA, TOP_UP)]
    assert answer == CredentialDetailsResponse(
        (
            PartyDetails(ROLE.SUPPLIER, SUCCESS, 0, tuple(contents)),
            PartyDetails(ROLE.WAN_PROVIDER, CredentialStatus.TRUST_ANCHOR_NOT_FOUND),
        )
    )


def test_the_signed_form_of_a_report_is_for_all_but_the_broker() -> None:
    rig = Asn1Rig()
    asked = CredentialDetailsCommand(cell(ROLE.TRANSITIONAL_COS, DS), (ROLE.ACCESS_CONTROL_BROKER,))
    (response,) = rig.send(rig.command(0x0008, asked, COS))
    assert verify(response, rig.keys) == (Verdict.VALID, Verdict.ABSENT)
    assert [each.status for each in value_of(response).parties] == [SUCCESS]


def test_a_report_with_load_controller_refuses_the_change_of_supplier_party() -> None:
    rig = Asn1Rig(DeviceType.SAPC)
    asked = CredentialDetailsCommand(
        cell(ROLE.ACCESS_CONTROL_BROKER, KA), (ROLE.TRANSITIONAL_COS, ROLE.LOAD_CONTROLLER)
    )
    answer = rig.ask(0x011B, asked, BROKER)
    assert [each.status for each in answer.parties] == [CredentialStatus.OTHER, SUCCESS]


def test_a_supplier_replaces_its_keys_and_speaks_with_the_new_ones() -> None:
    rig = Asn1Rig()
    answer = by_supplier(rig, own_rows(DS, KA, TOP_UP), new_floor=5, new_specialist_floors=top_up(9))
    assert statuses(answer) == [SUCCESS] * 3
    first = outcome_of(answer).results[0]
    assert (first.old_key_identifier, first.new_key_identifier) == (
        identifier(SUPPLIER, DS),
        identifier(SUPPLIER, DS, 1),
    )
    assert outcome_of(answer).changes == (SequenceNumberChange(ROLE.SUPPLIER, 5, top_up(9)),)
    assert rig.device.counters.executed(TOP_UP_COUNTER) == 9
    assert rig.security_log() == [0x8F70]
    assert not [message for message in rig.send(old_style(rig, 6)) if message.cra is Cra.RESPONSE]
    rig.keys.generate(KeyName(SUPPLIER, DS), entropy(SUPPLIER, DS, 1))
    assert isinstance(value_of(rig.send(old_style(rig, 6))[-1]), UpdateCredentialsResponse)


def old_style(rig: Asn1Rig, number: int) -> Message:
    """A supplier's update with this counter, signed with the key that its store has now."""
    command = update(rig, ReplacementMode.SUPPLIER_BY_SUPPLIER, [], cell(ROLE.SUPPLIER, DS), sequence_number=number)
    return rig.command(0x0102, command, counter=number)


def test_a_bad_row_leaves_its_cell_and_does_not_stop_the_others() -> None:
    rig = Asn1Rig()
    foreign = make_infrastructure(b"somebody else")
    point = rig.keys.public_point(KeyName(SUPPLIER, KA)) or b""
    unknown = foreign.organisation(SUPPLIER, ROLE.SUPPLIER, USES[KA][0], point)
    rows = [
        CredentialReplacement(b"\x30\x00", cell(ROLE.SUPPLIER, DS)),
        row(unknown, ROLE.SUPPLIER, KA),
        *own_rows(TOP_UP),
    ]
    answer = by_supplier(rig, rows, new_floor=7000)
    assert statuses(answer) == [CredentialStatus.BAD_CERTIFICATE, CredentialStatus.NO_TRUST_ANCHOR, SUCCESS]
    bad, untrusted, _ = outcome_of(answer).results
    assert bad.new_key_identifier == bad.old_key_identifier == identifier(SUPPLIER, DS)
    assert untrusted.new_key_identifier == rig.held(ROLE.SUPPLIER, KA)
    assert rig.held(ROLE.SUPPLIER, TOP_UP) == identifier(SUPPLIER, TOP_UP, 1)
    assert rig.device.counters.executed(ROLE.SUPPLIER) == 7000


def test_floors_are_set_only_where_a_cell_was_replaced() -> None:
    rig = Asn1Rig()
    answer = by_supplier(rig, [CredentialReplacement(b"\x30\x00", cell(ROLE.SUPPLIER, DS))], new_floor=3)
    assert statuses(answer) == [CredentialStatus.BAD_CERTIFICATE]
    assert rig.device.counters.executed(ROLE.SUPPLIER) == rig.counter
    assert outcome_of(answer).changes == (SequenceNumberChange(ROLE.SUPPLIER, 3),)  # as asked for
    assert rig.security_log() == []


@pytest.mark.parametrize(
    ("held", "role", "use", "status"),
    [
        (certificate(SUPPLIER, ROLE.NETWORK_OPERATOR, DS), ROLE.SUPPLIER, DS, CredentialStatus.BAD_CERTIFICATE),
        (certificate(SUPPLIER, ROLE.SUPPLIER, DS), ROLE.SUPPLIER, KA, CredentialStatus.BAD_CERTIFICATE),
        (certificate(SUPPLIER, ROLE.SUPPLIER, DS), ROLE.WAN_PROVIDER, DS, CredentialStatus.TRUST_ANCHOR_NOT_FOUND),
        (certificate(SUPPLIER, ROLE.RECOVERY, DS), ROLE.RECOVERY, DS, CredentialStatus.OTHER),
        (
            certificate(SUPPLIER, ROLE.SUPPLIER, DS, validity=Validity(START + DAY, START + 2 * DAY)),
            ROLE.SUPPLIER,
            DS,
            CredentialStatus.BAD_CERTIFICATE,
        ),
    ],
    ids=["another role", "another use", "no such cell", "not in this mode", "not yet valid"],
)
def test_what_does_not_fit_a_cell_is_refused(
    held: Certificate, role: RemotePartyRole, use: KeyUse, status: CredentialStatus
) -> None:
    assert statuses(by_supplier(Asn1Rig(), [row(held, role, use)])) == [status]


def test_validity_does_not_count_where_the_command_says_so_or_the_clock_is_wrong() -> None:
    late = certificate(SUPPLIER, ROLE.SUPPLIER, KA, validity=Validity(START - 2 * DAY, START - DAY))
    rows = [row(late, ROLE.SUPPLIER, KA)]
    assert statuses(by_supplier(Asn1Rig(), rows, time_checks=TimeChecks.DISAPPLY)) == [SUCCESS]
    rig = Asn1Rig()
    rig.device.clock.set_status(ClockStatus.UNRELIABLE)
    assert statuses(by_supplier(rig, rows)) == [SUCCESS]
    assert statuses(by_supplier(Asn1Rig(), rows)) == [CredentialStatus.BAD_CERTIFICATE]


def test_a_change_of_supplier_is_told_to_the_other_parts() -> None:
    rig = Asn1Rig()
    heard: list[PartyChange] = []
    rig.device.credentials.listeners.append(heard.append)
    rows = [row(certificate(NEW_SUPPLIER, ROLE.SUPPLIER, use), ROLE.SUPPLIER, use) for use in (DS, KA, TOP_UP)]
    others = (SequenceNumberChange(ROLE.SUPPLIER, 70, top_up(80)),)
    command = update(
        rig,
        ReplacementMode.SUPPLIER_BY_TRANSITIONAL_COS,
        rows,
        cell(ROLE.TRANSITIONAL_COS, DS),
        other_changes=others,
    )
    answer = rig.ask(0x0107, command, COS, counter=command.control.sequence_number)
    assert outcome_of(answer).changes == others
    assert heard == [PartyChange(ROLE.SUPPLIER, SUPPLIER, NEW_SUPPLIER, 70, 80)]
    assert rig.device.credentials.party(ROLE.SUPPLIER) == NEW_SUPPLIER
    assert not rig.device.credentials.roles_of(SUPPLIER)
    followed = update(rig, ReplacementMode.SUPPLIER_BY_SUPPLIER, [], cell(ROLE.SUPPLIER, DS), sequence_number=71)
    assert isinstance(rig.ask(0x0102, followed, NEW_SUPPLIER, counter=71), UpdateCredentialsResponse)


def test_the_broker_replaces_its_key_with_a_mac_alone_but_on_a_hub() -> None:
    for kind, authoriser in ((DeviceType.GSME, None), (DeviceType.CHF, cell(ROLE.ACCESS_CONTROL_BROKER, DS))):
        rig = Asn1Rig(kind)
        rows = [row(certificate(BROKER, ROLE.ACCESS_CONTROL_BROKER, KA, 1), ROLE.ACCESS_CONTROL_BROKER, KA)]
        mode = ReplacementMode.ACCESS_CONTROL_BROKER_BY_ACCESS_CONTROL_BROKER
        command = update(rig, mode, rows, authoriser, new_floor=0)
        answer = rig.ask(0x0104, command, BROKER, counter=command.control.sequence_number)
        assert statuses(answer) == [SUCCESS]
        asked = CredentialDetailsCommand(cell(ROLE.ACCESS_CONTROL_BROKER, KA), (ROLE.SUPPLIER,))
        rig.keys.generate(KeyName(BROKER, KA), entropy(BROKER, KA, 1))
        assert isinstance(rig.ask(0x0008, asked, BROKER), CredentialDetailsResponse)


def test_recovery_replaces_many_roles_with_its_signature_alone() -> None:
    rig = Asn1Rig()
    rows = [row(certificate(PARTIES[role], role, DS, 2), role, DS) for role in (ROLE.SUPPLIER, ROLE.TRANSITIONAL_COS)]
    rows.insert(0, row(certificate(RECOVERY, ROLE.RECOVERY, DS, 2), ROLE.RECOVERY, DS))
    others = (SequenceNumberChange(ROLE.SUPPLIER, 4), SequenceNumberChange(ROLE.TRANSITIONAL_COS, 6))
    command = update(
        rig,
        ReplacementMode.ANY_EXCEPT_ABNORMAL_ROOT_BY_RECOVERY,
        rows,
        cell(ROLE.RECOVERY, DS),
        new_floor=2,
        other_changes=others,
    )
    message = rig.command(0x0108, command, RECOVERY, counter=command.control.sequence_number)
    assert message.mac is None
    answer = value_of(rig.send(message)[-1])
    assert statuses(answer) == [SUCCESS] * 3
    assert outcome_of(answer).changes == (SequenceNumberChange(ROLE.RECOVERY, 2), *others)


def test_a_supplier_may_be_the_load_controller_with_other_keys_in_each_role() -> None:
    rig = Asn1Rig(DeviceType.SAPC)
    rows = [row(certificate(SUPPLIER, ROLE.SUPPLIER, use, 5), ROLE.LOAD_CONTROLLER, use) for use in (DS, KA)]
    mode = ReplacementMode.LOAD_CONTROLLER_BY_SUPPLIER
    command = update(rig, mode, rows, cell(ROLE.SUPPLIER, DS))
    assert statuses(rig.ask(0x0126, command, counter=command.control.sequence_number)) == [SUCCESS] * 2
    again = update(rig, mode, [], cell(ROLE.SUPPLIER, DS))
    assert isinstance(rig.ask(0x0126, again, counter=again.control.sequence_number), UpdateCredentialsResponse)
    rig.keys.generate(KeyName(SUPPLIER, DS), entropy(SUPPLIER, DS, 5))
    own = update(rig, ReplacementMode.LOAD_CONTROLLER_BY_LOAD_CONTROLLER, [], cell(ROLE.LOAD_CONTROLLER, DS))
    message = rig.command(0x0125, own, counter=own.control.sequence_number)
    assert [each.cra for each in rig.send(message)] == [Cra.RESPONSE]


def test_a_dated_update_is_accepted_bare_and_told_of_later() -> None:
    rig = Asn1Rig()
    answer = by_supplier(rig, own_rows(DS, KA), START + DAY)
    assert answer == UpdateCredentialsResponse()
    assert rig.held(ROLE.SUPPLIER, DS) == identifier(SUPPLIER, DS)
    assert rig.advance(START + DAY - 1) == []
    (alert,) = rig.advance(START + DAY)
    told = value_of(alert)
    assert isinstance(told, UpdateCredentialsAlert)
    assert (alert.message_code, alert.recipient, told.alert_code, told.at) == (0x00CB, SUPPLIER, 0x8F66, START + DAY)
    assert [result.status for result in told.outcome.results] == [SUCCESS] * 2
    assert verify(alert, rig.keys).signature is Verdict.VALID
    assert rig.held(ROLE.SUPPLIER, DS) == identifier(SUPPLIER, DS, 1)


def test_a_dated_update_survives_an_outage_and_tells_of_a_failed_row() -> None:
    rig = Asn1Rig(DeviceType.SAPC)
    rows = [row(certificate(CONTROLLER, ROLE.LOAD_CONTROLLER, DS, 1), ROLE.LOAD_CONTROLLER, KA)]
    mode, named = ReplacementMode.LOAD_CONTROLLER_BY_LOAD_CONTROLLER, cell(ROLE.LOAD_CONTROLLER, DS)
    command = update(rig, mode, rows, named, START + DAY)
    rig.ask(0x0125, command, CONTROLLER, counter=command.control.sequence_number)
    rig.device.power_off(START + 60)
    rig.now = START + 2 * DAY
    (alert,) = [each for each in messages(rig.start()) if each.message_code == 0x0124]
    assert (value_of(alert).alert_code, alert.recipient) == (0x8F67, CONTROLLER)


def test_a_dated_update_is_cancelled_without_a_word() -> None:
    rig = Asn1Rig()
    by_supplier(rig, own_rows(DS), START + DAY)
    assert by_supplier(rig, own_rows(DS), NEVER) == UpdateCredentialsResponse()
    assert rig.advance(START + 2 * DAY) == []
    assert rig.held(ROLE.SUPPLIER, DS) == identifier(SUPPLIER, DS)


def test_a_command_that_contradicts_itself_is_not_answered() -> None:
    rig = Asn1Rig()
    good = update(rig, ReplacementMode.SUPPLIER_BY_SUPPLIER, own_rows(KA), cell(ROLE.SUPPLIER, DS))
    wrong_mode = replace(good, control=replace(good.control, mode=ReplacementMode.TRANSITIONAL_COS_BY_TRANSITIONAL_COS))
    wrong_counter = replace(good, control=replace(good.control, sequence_number=1))
    wrong_cell = replace(good, control=replace(good.control, authorising_cell=None))
    for command in (wrong_mode, wrong_counter, wrong_cell):
        number = rig.next_counter()
        if command is not wrong_counter:
            command = replace(command, control=replace(command.control, sequence_number=number))
        sent = rig.send(rig.command(0x0102, command, counter=number))
        assert [message.cra for message in sent if message.cra is Cra.RESPONSE] == []
    assert rig.held(ROLE.SUPPLIER, KA) == identifier(SUPPLIER, KA)


def test_a_replayed_update_changes_nothing() -> None:
    rig = Asn1Rig(DeviceType.CHF)
    rows = [row(certificate(WAN, ROLE.WAN_PROVIDER, DS), ROLE.WAN_PROVIDER, DS)]
    mode = ReplacementMode.WAN_PROVIDER_BY_WAN_PROVIDER
    command = update(rig, mode, rows, cell(ROLE.WAN_PROVIDER, DS))
    message = rig.command(0x0105, command, WAN, counter=command.control.sequence_number)
    assert [each.cra for each in rig.send(message)] == [Cra.RESPONSE]
    assert Cra.RESPONSE not in [each.cra for each in rig.send(message)]


def test_a_power_cut_at_any_write_leaves_all_cells_old_or_all_new() -> None:
    old = [identifier(SUPPLIER, use) for use in (DS, KA, TOP_UP)]
    new = [identifier(SUPPLIER, use, 1) for use in (DS, KA, TOP_UP)]
    seen = []
    for write in range(1, 200):
        medium = Medium()
        rig = Asn1Rig(nvm=MemoryNvm(medium))
        medium.cut_power_before(write)
        try:
            by_supplier(rig, own_rows(DS, KA, TOP_UP), new_floor=5)
        except PowerCut:
            rig.nvm = MemoryNvm(medium)
            rig.device_keys = Asn1Rig().device_keys
            rig.start()
            seen.append([rig.held(ROLE.SUPPLIER, use) for use in (DS, KA, TOP_UP)])
            continue
        break
    assert old in seen
    assert new in seen
    assert all(held in (old, new) for held in seen)


def test_planned_defects_show() -> None:
    wrong = [row(certificate(SUPPLIER, ROLE.NETWORK_OPERATOR, DS), ROLE.SUPPLIER, DS)]
    assert statuses(by_supplier(Asn1Rig(defects=frozenset({ACCEPTS_ANY_CERTIFICATE})), wrong)) == [SUCCESS]
    stopping = Asn1Rig(defects=frozenset({STOPS_AT_BAD_ROW}))
    assert statuses(by_supplier(stopping, [*wrong, *own_rows(KA)])) == [CredentialStatus.BAD_CERTIFICATE]


CONTINGENCY = eui64("70-B3-D5-1F-30-00-17-FF")


def test_the_contingency_key_replaces_the_root_and_what_hangs_on_it() -> None:
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

    rig = Asn1Rig()
    secret = bytes(range(32))
    point = rig.keys.generate(KeyName(CONTINGENCY, DS), entropy(CONTINGENCY, DS))
    wrapped = aes_key_wrap_with_padding(secret, public_key_info(point))
    anchors = rig.device.part("trust anchors")
    anchors.put_contingency_key(wrapped)  # type: ignore[attr-defined]  # the part is known by its name only
    new = make_infrastructure(b"after the disaster")
    supplier = new.organisation(
        SUPPLIER, ROLE.SUPPLIER, USES[DS][0], rig.keys.public_point(KeyName(SUPPLIER, DS)) or b""
    )
    number = rig.next_counter()
    control = AuthorisingControl(
        ReplacementMode.ANY_BY_CONTINGENCY, secret, TimeChecks.APPLY, cell(ROLE.ROOT, None), number, 0
    )
    rows = (row(new.organisation_root.certificate, ROLE.ROOT, None), row(supplier, ROLE.SUPPLIER, DS))
    path = (new.organisation_authority.certificate.octets,)
    command = UpdateCredentialsCommand(control, rows, path)
    guess = replace(command, control=replace(control, symmetric_key=bytes(32)))
    assert Cra.RESPONSE not in [each.cra for each in rig.send(by_contingency(rig, guess, number))]
    answer = value_of(rig.send(by_contingency(rig, command, number))[-1])
    assert statuses(answer) == [SUCCESS] * 2
    assert outcome_of(answer).results[0].new_subject == bytes(8)
    held = rig.device.credentials.held(Cell(ROLE.ROOT, None))
    assert held.point == new.organisation_root.certificate.public_point
    assert Cra.RESPONSE not in [each.cra for each in rig.send(by_contingency(rig, command, number))]


def by_contingency(rig: Asn1Rig, command: UpdateCredentialsCommand, number: int) -> Message:
    from protocols.gbcs.asn1_types import Asn1Payload

    payload = Asn1Payload(command).encode()
    other = OtherInformation(0x0109)
    return sign(Message(Cra.COMMAND, number, CONTINGENCY, rig.identity, other, payload), rig.keys)


def test_a_damaged_wrapped_key_opens_nothing() -> None:
    from firmware_emu.parts.credentials.contingency import open_contingency_key, wrapped_key_in

    assert open_contingency_key(bytes(40), bytes(32)) is None
    assert open_contingency_key(bytes(40), bytes(5)) is None
    assert open_contingency_key(b"", bytes(32)) is None
    assert wrapped_key_in(SMKI.organisation_root.certificate.octets) == b""
    assert wrapped_key_in(tlv(SEQUENCE, tlv(BIT_STRING))) == b""


def test_a_preset_fills_cells_of_which_only_the_identifier_is_known() -> None:
    rig = Asn1Rig()
    stranger = eui64("90-B3-D5-1F-30-0E-00-00")
    contents = CellContents(*USES[DS], stranger, bytes.fromhex("4011223344556677"))
    details = PartyDetails(ROLE.NETWORK_OPERATOR, SUCCESS, 12, (contents,))
    gone = PartyDetails(ROLE.LOAD_CONTROLLER, CredentialStatus.TRUST_ANCHOR_NOT_FOUND)
    rig.device.asn1.preset(0x0008, CredentialDetailsResponse((details, gone)))
    named = cell(ROLE.ACCESS_CONTROL_BROKER, KA)
    asked = CredentialDetailsCommand(named, (ROLE.NETWORK_OPERATOR, ROLE.LOAD_CONTROLLER))
    answer = rig.ask(0x0008, asked, BROKER)
    assert contents in answer.parties[0].cells
    assert answer.parties[0].current_sequence_number == 12
    assert answer.parties[1] == gone


def test_a_preset_leaves_a_role_only_the_cells_that_are_listed() -> None:
    rig = Asn1Rig()
    asked = CredentialDetailsCommand(cell(ROLE.ACCESS_CONTROL_BROKER, KA), (ROLE.SUPPLIER,))
    (before,) = rig.ask(0x0008, asked, BROKER).parties
    assert len(before.cells) == 3
    wanted = replace(before, cells=before.cells[:2])
    rig.device.asn1.preset(0x0008, CredentialDetailsResponse((wanted,)))
    assert rig.ask(0x0008, asked, BROKER).parties == (wanted,)
