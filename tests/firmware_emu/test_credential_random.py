"""Updates put together at random: whatever is asked for, the answer tells what the device then holds."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_emu.credentials import Cell
from firmware_emu.parts.credentials.rules import CELLS, MODES, USES, cell_named, modes_of
from protocols.gbcs.asn1_credentials import (
    CellUsage,
    CredentialReplacement,
    CredentialStatus,
    SequenceNumberChange,
    SpecialistPurpose,
    SpecialistSequenceNumber,
    TimeChecks,
    TrustAnchorCell,
    UpdateCredentialsAlert,
)
from protocols.gbcs.message import Cra
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import DAY
from protocols.smki.issue import Validity
from protocols.smki.names import KeyUsage

from .asn1_home import SMKI, START, value_of
from .credential_desk import LATER, LATER_PATH, LINK, MODE, PATH, ROOT, Desk, Parcel, new_certificate

EVERY = [(kind, mode) for kind in CELLS for mode in sorted(modes_of(kind))]
ANY_CELL = sorted({cell for cells in CELLS.values() for cell in cells if cell != ROOT}, key=str)
PAST = Validity(START - 2 * DAY, START - DAY)
POOL = [
    *(new_certificate(cell, MODE.SUPPLIER_BY_SUPPLIER).octets for cell in ANY_CELL),
    *(new_certificate(cell, MODE.ANY_BY_CONTINGENCY, 2, LATER).octets for cell in ANY_CELL),
    *(new_certificate(cell, MODE.SUPPLIER_BY_SUPPLIER, 3, validity=PAST).octets for cell in ANY_CELL[:3]),
    LINK.octets,
    LATER.organisation_root.certificate.octets,
    SMKI.organisation_root.certificate.octets,
    SMKI.organisation_authority.certificate.octets,
    b"\x30\x00",
]
NUMBERS = st.integers(0, 2**64 - 1)
TOKENS = st.none() | st.lists(
    st.builds(SpecialistSequenceNumber, st.just(SpecialistPurpose.PREPAYMENT_TOP_UP), NUMBERS), max_size=2
).map(tuple)
NAMED = st.one_of(
    st.sampled_from([TrustAnchorCell(cell.role, *USES[cell.use]) for cell in (*ANY_CELL, ROOT)]),
    st.builds(
        TrustAnchorCell,
        st.sampled_from(list(RemotePartyRole)) | st.integers(200, 255),
        st.sampled_from([KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_CERT_SIGN, KeyUsage(0), KeyUsage(17)]),
        st.sampled_from(list(CellUsage)),
    ),
)
ROWS = st.lists(st.builds(CredentialReplacement, st.sampled_from(POOL), NAMED), max_size=6).map(tuple)
PATHS = st.lists(st.sampled_from([*PATH, *LATER_PATH, LINK.octets, *POOL[:2], b"\x30\x00"]), max_size=4).map(tuple)
CHANGES = st.lists(
    st.builds(SequenceNumberChange, st.sampled_from(list(RemotePartyRole)) | st.integers(200, 255), NUMBERS, TOKENS),
    max_size=3,
).map(tuple)
CONTROL = st.fixed_dictionaries(
    {},
    optional={
        "time_checks": st.sampled_from(list(TimeChecks)),
        "new_floor": NUMBERS,
        "new_specialist_floors": TOKENS,
        "other_changes": CHANGES,
    },
)


@settings(deadline=None, max_examples=120)
@given(st.sampled_from(EVERY), ROWS, PATHS, CONTROL, st.booleans())
def test_the_answer_tells_what_the_device_then_holds(
    where: tuple[DeviceType, Any],
    rows: tuple[CredentialReplacement, ...],
    path: tuple[bytes, ...],
    control: Any,
    later: bool,
) -> None:
    kind, mode = where
    desk = Desk(kind, mode)
    before = desk.held()
    desk.send(desk.message(Parcel(rows, path, control, START + DAY if later else None)))
    (answer,) = desk.answers()
    outcome = value_of(answer).outcome
    if later:
        assert outcome is None
        (alert,) = [each for each in desk.rig.advance(START + DAY) if each.cra is Cra.ALERT]
        told = value_of(alert)
        assert isinstance(told, UpdateCredentialsAlert)
        outcome = told.outcome
        failed = any(each.status for each in outcome.results)
        assert told.alert_code == (0x8F67 if failed else 0x8F66)
    assert [each.cell for each in outcome.results] == [each.cell for each in rows]
    expected = dict(before)
    for result in outcome.results:
        cell = cell_named(result.cell)
        if result.status is CredentialStatus.SUCCESS:
            assert cell in CELLS[kind]
            assert cell.role in MODES[mode].replaces
            assert before[str(cell)] == result.old_key_identifier
            expected[str(cell)] = result.new_key_identifier
        else:
            assert (result.old_subject, result.old_key_identifier) == (result.new_subject, result.new_key_identifier)
    assert desk.held() == expected
    assert not desk.rig.device.unsaved()
    replaced = {each.cell.role for each in outcome.results if each.status is CredentialStatus.SUCCESS}
    for role in set(RemotePartyRole) - replaced - {MODES[mode].floor_of}:
        assert desk.rig.device.counters.executed(role) == 0


def test_the_pool_has_what_is_taken_and_what_is_not() -> None:
    """The test above sees both."""
    seen = set()
    cell = Cell(RemotePartyRole.SUPPLIER, ANY_CELL[0].use)
    for octets in POOL:
        desk = Desk(DeviceType.ESME, MODE.ANY_EXCEPT_ABNORMAL_ROOT_BY_RECOVERY)
        for each in (cell, ROOT):
            row = CredentialReplacement(octets, TrustAnchorCell(each.role, *USES[each.use]))
            seen.add(desk.ask(Parcel((row,))).results[0].status)
    assert {CredentialStatus.SUCCESS, CredentialStatus.BAD_CERTIFICATE, CredentialStatus.NO_TRUST_ANCHOR} <= seen
