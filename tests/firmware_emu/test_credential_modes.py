"""Every way of replacing credentials, on every kind of device that knows it: what is accepted and what is refused.

A refusal is told in one of two ways: the command is not answered, and an event tells of it; or the row has a status.
Either way the old credentials go on working, which is tried with the next command.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import firmware_emu
from firmware_emu.defects import ACCEPTS_WRONG_MAC, ACCEPTS_WRONG_SIGNATURE, known_defects
from firmware_emu.parts.credentials.rules import CELLS, cell_named, modes_of, role_behind
from firmware_emu.parts.credentials.trust_anchors import TAKES_ANY_CONTINGENCY_KEY
from firmware_emu.parts.credentials.update import (
    ACCEPTS_ANY_CERTIFICATE,
    IGNORES_VALIDITY,
    SKIPS_PATH,
    STOPS_AT_BAD_ROW,
)
from protocols.gbcs.alert_codes import Wan
from protocols.gbcs.alert_codes import by_code as alert_by_code
from protocols.gbcs.asn1_credentials import (
    CredentialReplacement,
    ReplacementMode,
)
from protocols.gbcs.roles import DeviceType
from protocols.gbcs.use_cases import by_code

from .asn1_home import DS, PARTIES, SMKI
from .credential_desk import (
    CODES,
    MODE,
    ROLE,
    ROOT,
    STATUS,
    SUCCESS,
    Desk,
    Parcel,
    is_logged,
    is_unchanged,
    new_certificate,
    newcomer,
    parcel,
    row,
    statuses,
)
from .credential_refusals import BAD_ROWS, FORMAT, NO_AUTHORITY, PARTY_MODES, ROOTS, SILENT, UPDATED

DOCUMENT = Path(firmware_emu.__file__).with_name("CREDENTIALS.md")
EVERY = [(kind, mode) for kind in CELLS for mode in sorted(modes_of(kind))]
"""Every mode of every kind of device."""
USUAL = {
    mode: next(kind for kind in (DeviceType.ESME, DeviceType.CHF) if mode in modes_of(kind)) for mode in ReplacementMode
}


def called(each: tuple[DeviceType, ReplacementMode]) -> str:
    return f"{each[0].name}-{int(each[1])}"


# what is accepted


@pytest.mark.parametrize(("kind", "mode"), EVERY, ids=map(called, EVERY))
def test_a_mode_replaces_all_its_cells_and_the_new_keys_are_in_force(kind: DeviceType, mode: ReplacementMode) -> None:
    desk = Desk(kind, mode)
    before = desk.held()
    outcome = desk.ask(parcel(kind, mode))
    assert outcome.mode is mode
    assert statuses(outcome) == [SUCCESS] * len(outcome.results)
    after = desk.held()
    replaced = {str(cell_named(each.cell)) for each in outcome.results}
    assert {name for name in after if after[name] != before[name]} == replaced
    assert {each.old_key_identifier for each in outcome.results} == {before[name] for name in replaced}
    assert {each.new_key_identifier for each in outcome.results} == {after[name] for name in replaced}
    assert (UPDATED in desk.rig.security_log()) == is_logged(UPDATED, kind)
    check_new_keys(desk)


def check_new_keys(desk: Desk) -> None:
    """The next commands of all whose keys changed are refused with the old keys and answered with the new ones."""
    signing = [cell for cell in desk.cells if cell.use is DS]
    changed_broker = any(cell.role is ROLE.ACCESS_CONTROL_BROKER for cell in desk.cells)
    own = [OWN_MODE[cell.role] for cell in signing if OWN_MODE.get(cell.role) in modes_of(desk.kind)]
    if newcomer(ROLE.SUPPLIER, desk.mode) == PARTIES[ROLE.SUPPLIER]:  # else the name alone is refused already
        assert not any(desk.works(mode) for mode in own)
    assert not (changed_broker and desk.broker_works())
    desk.learn(desk.cells)
    if newcomer(ROLE.SUPPLIER, desk.mode) == PARTIES[ROLE.SUPPLIER]:
        assert all(desk.works(mode) for mode in own)
    else:
        sender = newcomer(ROLE.SUPPLIER, desk.mode)
        desk.send(desk.message(Parcel(()), mode=MODE.SUPPLIER_BY_SUPPLIER, sender=sender))
        assert desk.answers()
    assert desk.broker_works()


OWN_MODE = {
    ROLE.SUPPLIER: MODE.SUPPLIER_BY_SUPPLIER,
    ROLE.NETWORK_OPERATOR: MODE.NETWORK_OPERATOR_BY_NETWORK_OPERATOR,
    ROLE.ACCESS_CONTROL_BROKER: MODE.ACCESS_CONTROL_BROKER_BY_ACCESS_CONTROL_BROKER,
    ROLE.WAN_PROVIDER: MODE.WAN_PROVIDER_BY_WAN_PROVIDER,
    ROLE.TRANSITIONAL_COS: MODE.TRANSITIONAL_COS_BY_TRANSITIONAL_COS,
    ROLE.LOAD_CONTROLLER: MODE.LOAD_CONTROLLER_BY_LOAD_CONTROLLER,
}
"""How a party replaces its own keys; the broker's signing key authorises on a hub alone."""


@pytest.mark.parametrize("mode", list(ReplacementMode))
def test_the_catalogue_has_each_mode_for_the_devices_that_know_it(mode: ReplacementMode) -> None:
    case = by_code(CODES[mode])
    assert case is not None
    assert case.devices == {kind for kind in CELLS if mode in modes_of(kind)}


@pytest.mark.parametrize("mode", list(ReplacementMode))
def test_a_mode_is_not_known_elsewhere(mode: ReplacementMode) -> None:
    """Where the device lacks the authorising cell the sender is a stranger; else the code is unknown."""
    for kind in CELLS:
        if mode in modes_of(kind):
            continue
        desk = Desk(kind, mode)
        before = desk.held()
        desk.send(desk.message(Parcel((row(SMKI.organisation_root.certificate, ROOT),))))
        assert not desk.answers()
        assert desk.held() == before


# what is refused


SILENCES = [(mode, name) for mode in MODE for name, each in SILENT.items() if mode not in each.not_for]


def check_silence(desk: Desk, name: str) -> None:
    """Not answered, told as it should be; nothing has changed, and the old credentials work."""
    refusal = SILENT[name]
    message = refusal.make(desk)
    before, log = desk.held(), desk.rig.security_log()
    counter = desk.rig.device.counters.executed(role_behind(desk.mode))
    desk.send(message)
    assert not desk.answers()
    event = alert_by_code(refusal.event)
    assert event is not None
    assert (refusal.event in desk.alerts()) == (event.wan is Wan.GENERIC)
    assert desk.rig.security_log() == log + [refusal.event] * is_logged(refusal.event, desk.kind)
    assert desk.held() == before
    if refusal.event is not FORMAT and refusal.event is not NO_AUTHORITY:
        assert desk.rig.device.counters.executed(role_behind(desk.mode)) == counter
    assert desk.works()


@pytest.mark.parametrize(("mode", "name"), SILENCES)
def test_a_command_that_is_wrong_as_a_whole_is_not_answered(mode: ReplacementMode, name: str) -> None:
    check_silence(Desk(USUAL[mode], mode), name)


BAD = [(mode, name) for mode in MODE for name, each in BAD_ROWS.items() if mode in each.only_for]


def check_bad_row(desk: Desk, name: str) -> None:
    """The row has its status and its cell is as it was; a good row behind it is done; the old credentials work."""
    refusal = BAD_ROWS[name]
    before, log = desk.held(), desk.rig.security_log()
    outcome = desk.ask(refusal.make(desk))
    assert outcome.results[0].status is refusal.status
    assert is_unchanged(outcome.results[0])
    replaced = [each for each in outcome.results if each.status is SUCCESS]
    assert len(replaced) == len(outcome.results) - 1
    if not replaced:
        assert desk.held() == before
        assert desk.rig.security_log() == log
        assert desk.works()


@pytest.mark.parametrize(("mode", "name"), BAD)
def test_a_row_that_is_wrong_is_refused_with_its_status(mode: ReplacementMode, name: str) -> None:
    check_bad_row(Desk(USUAL[mode], mode), name)


SEVERAL = [(kind, mode) for kind, mode in EVERY if mode not in ROOTS and len(Desk(kind, mode).cells) > 1]


def check_the_rest(desk: Desk) -> None:
    """The first row is refused, all others are done."""
    rows = [row(new_certificate(cell, desk.mode), cell) for cell in desk.cells]
    rows[0] = CredentialReplacement(b"\x30\x00", rows[0].cell)
    before = desk.held()
    outcome = desk.ask(Parcel(tuple(rows)))
    assert statuses(outcome) == [STATUS.BAD_CERTIFICATE, *[SUCCESS] * (len(rows) - 1)]
    after = desk.held()
    assert {name for name in after if after[name] != before[name]} == {str(cell) for cell in desk.cells[1:]}
    assert (UPDATED in desk.rig.security_log()) == is_logged(UPDATED, desk.kind)


@pytest.mark.parametrize(("kind", "mode"), SEVERAL, ids=map(called, SEVERAL))
def test_rows_behind_a_bad_one_are_done(kind: DeviceType, mode: ReplacementMode) -> None:
    check_the_rest(Desk(kind, mode))


@pytest.mark.parametrize("mode", sorted(PARTY_MODES))
def test_a_cell_is_replaced_once_by_a_command(mode: ReplacementMode) -> None:
    desk = Desk(USUAL[mode], mode)
    cell = desk.cells[0]
    outcome = desk.ask(Parcel((row(new_certificate(cell, mode), cell), row(new_certificate(cell, mode, 2), cell))))
    assert statuses(outcome) == [SUCCESS, STATUS.OTHER]
    assert desk.held()[str(cell)] == new_certificate(cell, mode).subject_key_identifier
    assert is_unchanged(outcome.results[1])


def test_every_mode_has_an_accepting_and_three_refusing_tests() -> None:
    for mode in MODE:
        assert [kind for kind, each in EVERY if each is mode]
        assert len([name for each, name in SILENCES + BAD if each is mode]) > 20


# the tests above can fail


FOUND: list[tuple[str, ReplacementMode, str]] = [
    (ACCEPTS_ANY_CERTIFICATE, MODE.SUPPLIER_BY_SUPPLIER, "another role"),
    (ACCEPTS_ANY_CERTIFICATE, MODE.TRANSITIONAL_COS_BY_TRANSITIONAL_COS, "another use"),
    (SKIPS_PATH, MODE.NETWORK_OPERATOR_BY_NETWORK_OPERATOR, "another infrastructure"),
    (SKIPS_PATH, MODE.ANY_EXCEPT_ABNORMAL_ROOT_BY_RECOVERY, "no path"),
    (SKIPS_PATH, MODE.ROOT_BY_SUPPLIER, "root that nobody vouches for"),
    (SKIPS_PATH, MODE.WAN_PROVIDER_BY_WAN_PROVIDER, "signed by an organisation"),
    (IGNORES_VALIDITY, MODE.LOAD_CONTROLLER_BY_SUPPLIER, "expired"),
    (IGNORES_VALIDITY, MODE.SUPPLIER_BY_TRANSITIONAL_COS, "not valid yet"),
    (STOPS_AT_BAD_ROW, MODE.NETWORK_OPERATOR_BY_NETWORK_OPERATOR, "the rest"),
    (STOPS_AT_BAD_ROW, MODE.ANY_BY_CONTINGENCY, "the rest"),
    (TAKES_ANY_CONTINGENCY_KEY, MODE.ANY_BY_CONTINGENCY, "signed by the new root"),
    (ACCEPTS_WRONG_SIGNATURE, MODE.SUPPLIER_BY_SUPPLIER, "wrong signature"),
    (ACCEPTS_WRONG_MAC, MODE.ACCESS_CONTROL_BROKER_BY_ACCESS_CONTROL_BROKER, "wrong MAC"),
]


def check(desk: Desk, name: str) -> None:
    if name == "the rest":
        check_the_rest(desk)
    elif name in SILENT:
        check_silence(desk, name)
    else:
        check_bad_row(desk, name)


@pytest.mark.parametrize(("defect", "mode", "name"), FOUND)
def test_a_planned_defect_is_found(defect: str, mode: ReplacementMode, name: str) -> None:
    check(Desk(USUAL[mode], mode), name)
    with pytest.raises((AssertionError, IndexError)):
        check(Desk(USUAL[mode], mode, frozenset({defect})), name)


def test_the_document_has_the_modes_and_defects_that_there_are() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([A-Z]+) \|.*\| ([\d ]+) \|$", text, re.MULTILINE))
    assert rows == {kind.name: " ".join(str(int(mode)) for mode in sorted(modes_of(kind))) for kind in CELLS}
    named = re.findall(r"`([a-z]+(?:-[a-z]+)+)`", text)
    assert len(named) == 8
    assert set(named) <= set(known_defects())
