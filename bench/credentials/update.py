"""Commands that replace the contents of trust anchor cells (use cases CS02b and CS02g; GBCS 13.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from protocols.errors import LocalProtocolError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_credentials import (
    AuthorisingControl,
    CredentialReplacement,
    CredentialStatus,
    ReplacementMode,
    ReplacementResult,
    SequenceNumberChange,
    SpecialistPurpose,
    SpecialistSequenceNumber,
    TimeChecks,
    TrustAnchorCell,
    UpdateCredentialsCommand,
    UpdateCredentialsOutcome,
)
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.use_cases import by_code
from protocols.instant import Instant
from protocols.smki.certificate import Certificate

from ..head_end import HeadEnd
from ..pki import SIGNING, TOP_UP, Party
from ..requests import Header, Request
from ..target import Reply
from .cells import ROOT_CELL, cell

Mode = ReplacementMode
_R = RemotePartyRole

BY_ITSELF: Mapping[RemotePartyRole, ReplacementMode] = {
    _R.SUPPLIER: Mode.SUPPLIER_BY_SUPPLIER,
    _R.NETWORK_OPERATOR: Mode.NETWORK_OPERATOR_BY_NETWORK_OPERATOR,
    _R.ACCESS_CONTROL_BROKER: Mode.ACCESS_CONTROL_BROKER_BY_ACCESS_CONTROL_BROKER,
    _R.WAN_PROVIDER: Mode.WAN_PROVIDER_BY_WAN_PROVIDER,
    _R.TRANSITIONAL_COS: Mode.TRANSITIONAL_COS_BY_TRANSITIONAL_COS,
    _R.LOAD_CONTROLLER: Mode.LOAD_CONTROLLER_BY_LOAD_CONTROLLER,
}
"""The mode in which the holder of a role replaces its own credentials."""

AUTHORISERS: Mapping[ReplacementMode, TrustAnchorCell] = {
    **{mode: cell(role, SIGNING) for role, mode in BY_ITSELF.items()},
    Mode.ROOT_BY_SUPPLIER: cell(_R.SUPPLIER, SIGNING),
    Mode.ROOT_BY_WAN_PROVIDER: cell(_R.WAN_PROVIDER, SIGNING),
    Mode.SUPPLIER_BY_TRANSITIONAL_COS: cell(_R.TRANSITIONAL_COS, SIGNING),
    Mode.ANY_EXCEPT_ABNORMAL_ROOT_BY_RECOVERY: cell(_R.RECOVERY, SIGNING),
    Mode.ANY_BY_CONTINGENCY: ROOT_CELL,
    Mode.LOAD_CONTROLLER_BY_SUPPLIER: cell(_R.SUPPLIER, SIGNING),
}
"""The cell whose key authorises a mode. That of the contingency mode is inferred: no message shows it."""

_CODES = {Mode.LOAD_CONTROLLER_BY_LOAD_CONTROLLER: 0x0125, Mode.LOAD_CONTROLLER_BY_SUPPLIER: 0x0126}


class Row(NamedTuple):
    """A certificate (DER) and the cell that it is for."""

    cell: TrustAnchorCell
    certificate: bytes


class Update(NamedTuple):
    """What a command is to replace, and where the counters of the new holders begin.

    ``own`` is the floor of the authorised role itself, ``others`` those of the roles that somebody else's key replaces.
    ``party`` will hold that role: if it is also the sender, the command's own counter is below the floor too. ``path``
    are the issuing authorities' certificates (DER). ``authoriser`` None leaves the cell out.
    """

    mode: ReplacementMode
    rows: Sequence[Row]
    path: Sequence[bytes]
    own: SequenceNumberChange | None = None
    party: Eui64 | None = None
    others: tuple[SequenceNumberChange, ...] = ()
    authoriser: TrustAnchorCell | None = None
    execute_at: Instant | None = None
    symmetric_key: bytes | None = None
    time_checks: TimeChecks = TimeChecks.APPLY


def update_request(update: Update, title: str) -> Request:
    """CS02b, or CS02g for the load controller's credentials."""
    case = by_code(_CODES.get(update.mode, 0x0100 + update.mode))
    if case is None:
        raise LocalProtocolError(f"no use case replaces credentials in mode {update.mode}")
    rows = tuple(CredentialReplacement(row.certificate, row.cell) for row in update.rows)

    def payload(header: Header) -> bytes:
        control = _control(update, header)
        return Asn1Payload(UpdateCredentialsCommand(control, rows, tuple(update.path), update.execute_at)).encode()

    return Request(case, payload, title)


def _control(update: Update, header: Header) -> AuthorisingControl:
    own, counter = update.own, header.counter
    if own is not None and header.originator == update.party:
        own = replace(own, floor=max(own.floor, counter))
    return AuthorisingControl(
        update.mode,
        update.symmetric_key,
        update.time_checks,
        update.authoriser,
        counter,
        None if own is None else own.floor,
        None if own is None else own.specialist,
        update.others or None,
    )


def rows_for(party: Party, uses: Iterable[KeyUse]) -> tuple[Row, ...]:
    """The party's certificates for the cells of its role."""
    return tuple(Row(cell(party.role, use), party.certificate(use)) for use in uses)


def floor(head_end: HeadEnd, party: Party, uses: Iterable[KeyUse] = ()) -> SequenceNumberChange:
    """Where a party's counters begin: at the one that it used last; with a cell for top-ups also those of tokens.

    The counter of a token has a lower half of zero.
    """
    last = head_end.counter(party.role, party)
    special = (SpecialistSequenceNumber(SpecialistPurpose.PREPAYMENT_TOP_UP, last >> 32 << 32),)
    return SequenceNumberChange(party.role, last, special if TOP_UP in uses else None)


def results_of(reply: Reply) -> dict[TrustAnchorCell, ReplacementResult]:
    """How each replacement ended, by cell; empty if the device has only accepted the command."""
    outcome: UpdateCredentialsOutcome | None = reply.value.outcome
    return {} if outcome is None else {result.cell: result for result in outcome.results}


def check_results(reply: Reply, rows: Sequence[Row]) -> None:
    """That every replacement was done, and is reported with what the cell holds now. Raises DeviceFinding."""
    found = results_of(reply)
    reply.expect("replacements", [cell_text(row.cell) for row in rows], [cell_text(each) for each in found])
    for row in rows:
        result = found[row.cell]
        status = CredentialStatus(result.status)
        reply.expect(f"replacement in {cell_text(row.cell)}", CredentialStatus.SUCCESS.name, status.name)
        reply.expect(f"key in {cell_text(row.cell)}", _identifier(row), result.new_key_identifier.hex())


def _identifier(row: Row) -> str:
    return (Certificate.decode(row.certificate).subject_key_identifier or b"").hex()


def cell_text(named: TrustAnchorCell) -> str:
    """A cell in words: ``supplier digital signature``, ``supplier key agreement prepayment top up``."""
    role = _R(named.role).name if named.role in list(_R) else f"role {named.role}"
    words = [role, named.key_usage.name or str(named.key_usage), named.cell_usage.name if named.cell_usage else ""]
    return " ".join(word.lower().replace("_", " ") for word in words if word)
