"""Updates of credentials that are dated: done and told of at their time, cancelled, replaced, lapsed."""

from __future__ import annotations

import pytest

from firmware_emu.clock import ClockStatus
from firmware_emu.credentials import Cell
from firmware_emu.parts.credentials.rules import modes_of
from firmware_emu.parts.credentials.trust_anchors import HIDES_FAILED_ROW, KEEPS_LAPSED_UPDATE
from protocols.der import NEVER
from protocols.gbcs.asn1_credentials import (
    CredentialReplacement,
    ReplacementMode,
    TimeChecks,
    UpdateCredentialsAlert,
    UpdateCredentialsResponse,
)
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.protection import Verdict, verify
from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY
from protocols.smki.issue import Validity

from .asn1_home import DS, START, value_of
from .credential_desk import (
    MODE,
    ROLE,
    STATUS,
    SUCCESS,
    Desk,
    Parcel,
    is_unchanged,
    name_of,
    new_certificate,
    parcel,
    row,
    statuses,
)

ESME, GSME, GPF, CHF = DeviceType.ESME, DeviceType.GSME, DeviceType.GPF, DeviceType.CHF
BAD = CredentialReplacement(b"\x30\x00", name_of(Cell(ROLE.SUPPLIER, DS)))
DONE, NOT_DONE = 0x8F66, 0x8F67
BY_SELF, BY_COS = MODE.SUPPLIER_BY_SUPPLIER, MODE.SUPPLIER_BY_TRANSITIONAL_COS
BY_RECOVERY, CONTINGENT = MODE.ANY_EXCEPT_ABNORMAL_ROOT_BY_RECOVERY, MODE.ANY_BY_CONTINGENCY
CONTROLLER_BY_SUPPLIER = MODE.LOAD_CONTROLLER_BY_SUPPLIER


DATED = [(kind, mode) for kind in (ESME, CHF) for mode in sorted(modes_of(kind))]
TOMORROW = START + DAY


def told(messages: list[Message]) -> UpdateCredentialsAlert:
    (alert,) = [each for each in messages if each.message_code in (0x00CB, 0x0124)]
    value = value_of(alert)
    assert isinstance(value, UpdateCredentialsAlert)
    return value


def dated(desk: Desk, what: Parcel, at: int = TOMORROW, mode: ReplacementMode | None = None) -> Message:
    """Send an update for later, which is accepted bare."""
    message = desk.message(what._replace(at=at), mode=mode)
    desk.send(message)
    assert [value_of(each) for each in desk.answers()] == [UpdateCredentialsResponse()]
    return message


@pytest.mark.parametrize(("kind", "mode"), DATED)
def test_a_dated_update_is_told_of_when_its_time_has_come(kind: DeviceType, mode: ReplacementMode) -> None:
    desk = Desk(kind, mode)
    before = desk.held()
    command = dated(desk, parcel(kind, mode))
    assert desk.rig.advance(TOMORROW - 1) == []
    assert desk.held() == before
    (alert,) = desk.rig.advance(TOMORROW)
    value = told([alert])
    by_controller = mode in (MODE.LOAD_CONTROLLER_BY_LOAD_CONTROLLER, CONTROLLER_BY_SUPPLIER)
    assert alert.message_code == (0x0124 if by_controller else 0x00CB)
    assert alert.recipient == command.originator
    assert verify(alert, desk.rig.keys) == (Verdict.VALID, Verdict.ABSENT)
    assert (value.alert_code, value.at) == (DONE, TOMORROW)
    assert (value.outcome.sequence_number, value.outcome.mode) == (command.counter, mode)
    assert statuses(value.outcome) == [SUCCESS] * len(value.outcome.results)
    assert desk.held() != before


def check_partial_failure(defects: frozenset[str] = frozenset()) -> None:
    desk = Desk(ESME, BY_SELF, defects)
    dated(desk, Parcel((BAD, *parcel(ESME, BY_SELF).rows[1:])))
    value = told(desk.rig.advance(TOMORROW))
    assert statuses(value.outcome) == [STATUS.BAD_CERTIFICATE, SUCCESS, SUCCESS]
    assert value.alert_code == NOT_DONE


def test_a_partial_failure_is_told_as_a_failure() -> None:
    check_partial_failure()
    with pytest.raises(AssertionError):
        check_partial_failure(frozenset({HIDES_FAILED_ROW}))


def test_an_update_for_the_past_is_done_at_once() -> None:
    desk = Desk(ESME, BY_SELF)
    outcome = desk.ask(parcel(ESME, BY_SELF)._replace(at=START - DAY))
    assert statuses(outcome) == [SUCCESS] * 3
    assert desk.rig.advance(TOMORROW) == []


def test_a_dated_update_is_cancelled_only_in_its_own_mode() -> None:
    desk = Desk(ESME, BY_SELF)
    before = desk.held()
    dated(desk, parcel(ESME, BY_SELF))
    dated(desk, Parcel(()), NEVER, MODE.NETWORK_OPERATOR_BY_NETWORK_OPERATOR)
    assert desk.rig.device.future.pending("credentials 0102") is not None
    dated(desk, parcel(ESME, BY_SELF), NEVER)
    assert desk.rig.advance(TOMORROW + DAY) == []
    assert desk.held() == before


def test_a_later_update_of_the_same_mode_takes_the_place_of_a_pending_one() -> None:
    desk = Desk(ESME, BY_SELF)
    dated(desk, parcel(ESME, BY_SELF), TOMORROW)
    command = dated(desk, parcel(ESME, BY_SELF, 2), TOMORROW + DAY)
    assert desk.rig.advance(TOMORROW) == []
    assert told(desk.rig.advance(TOMORROW + DAY)).outcome.sequence_number == command.counter
    desk.learn(desk.cells, 2)
    assert desk.works()


def test_updates_of_two_modes_wait_side_by_side() -> None:
    desk = Desk(ESME, BY_SELF)
    dated(desk, parcel(ESME, CONTROLLER_BY_SUPPLIER), TOMORROW, CONTROLLER_BY_SUPPLIER)
    dated(desk, parcel(ESME, BY_SELF), TOMORROW)
    first, second = desk.rig.advance(TOMORROW)
    assert [first.message_code, second.message_code] == [0x0124, 0x00CB]
    assert [value_of(each).alert_code for each in (first, second)] == [DONE, DONE]


def test_an_own_new_key_does_not_make_a_dated_update_lapse() -> None:
    desk = Desk(ESME, BY_SELF)
    dated(desk, parcel(ESME, CONTROLLER_BY_SUPPLIER), TOMORROW, CONTROLLER_BY_SUPPLIER)
    desk.ask(parcel(ESME, BY_SELF))
    assert told(desk.rig.advance(TOMORROW)).alert_code == DONE


def check_lapse(taken_by: ReplacementMode, dated_by: ReplacementMode, defects: frozenset[str] = frozenset()) -> None:
    """Others take the role of the party that has dated an update: it is dropped, and its sender told at once."""
    desk = Desk(ESME, dated_by, defects)
    command = dated(desk, parcel(ESME, dated_by, 3))
    desk.mode = taken_by
    outcome = desk.ask(parcel(ESME, taken_by))
    assert statuses(outcome) == [SUCCESS] * len(outcome.results)
    (alert,) = [each for each in desk.sent if each.cra is Cra.ALERT]
    value = told([alert])
    assert (value.alert_code, value.at, alert.recipient) == (NOT_DONE, START, command.originator)
    assert value.outcome.sequence_number == command.counter
    assert set(statuses(value.outcome)) == {STATUS.OTHER}
    assert all(is_unchanged(each) for each in value.outcome.results)
    held = desk.held()
    assert desk.rig.advance(TOMORROW) == []
    assert desk.held() == held


LAPSES = [
    (BY_COS, BY_SELF),
    (BY_COS, CONTROLLER_BY_SUPPLIER),
    (BY_RECOVERY, BY_SELF),
    (BY_RECOVERY, BY_COS),
    (CONTINGENT, BY_RECOVERY),
    (CONTROLLER_BY_SUPPLIER, MODE.LOAD_CONTROLLER_BY_LOAD_CONTROLLER),
]


@pytest.mark.parametrize(("taken_by", "dated_by"), LAPSES)
def test_a_dated_update_lapses_when_others_take_the_role(taken_by: ReplacementMode, dated_by: ReplacementMode) -> None:
    check_lapse(taken_by, dated_by)
    with pytest.raises((AssertionError, ValueError)):
        check_lapse(taken_by, dated_by, frozenset({KEEPS_LAPSED_UPDATE}))


def test_a_dated_update_lapses_when_its_party_gives_the_role_away() -> None:
    """As at a hand-over, by an update of its own."""
    desk = Desk(ESME, BY_SELF)
    command = dated(desk, parcel(ESME, CONTROLLER_BY_SUPPLIER), TOMORROW, CONTROLLER_BY_SUPPLIER)
    outcome = desk.ask(Parcel(parcel(ESME, BY_COS).rows))
    assert statuses(outcome) == [SUCCESS] * 3
    value = told([each for each in desk.sent if each.cra is Cra.ALERT])
    assert (value.alert_code, value.outcome.sequence_number) == (NOT_DONE, command.counter)
    assert desk.rig.advance(TOMORROW) == []


def test_a_dated_update_waits_while_the_clock_is_not_reliable() -> None:
    desk = Desk(ESME, BY_SELF)
    dated(desk, parcel(ESME, BY_SELF))
    desk.rig.device.hear_hub_time(None, False, START)
    desk.rig.device.clock.set_status(ClockStatus.UNRELIABLE)
    assert desk.rig.advance(TOMORROW + 60) == []
    desk.rig.device.clock.set_status(ClockStatus.RELIABLE)
    assert told(desk.rig.advance(TOMORROW + 120)).alert_code == DONE


def test_the_validity_that_counts_is_that_when_the_update_is_done() -> None:
    desk = Desk(ESME, BY_SELF)
    cell = desk.cells[0]
    short = new_certificate(cell, BY_SELF, validity=Validity(START - DAY, TOMORROW - 1))
    dated(desk, Parcel((row(short, cell),)))
    assert statuses(told(desk.rig.advance(TOMORROW)).outcome) == [STATUS.BAD_CERTIFICATE]


@pytest.mark.parametrize("reason", ["not asked for", "clock"])
def test_validity_does_not_count(reason: str) -> None:
    desk = Desk(ESME, BY_SELF)
    cell = desk.cells[0]
    late = new_certificate(cell, BY_SELF, validity=Validity(START - 2 * DAY, START - DAY))
    if reason == "clock":
        desk.rig.device.clock.set_status(ClockStatus.UNRELIABLE)
    control = {"time_checks": TimeChecks.DISAPPLY} if reason == "not asked for" else {}
    assert statuses(desk.ask(Parcel((row(late, cell),), control=control))) == [SUCCESS]
