"""Which trust anchor cells a device has, and what each way of replacing credentials may touch (GBCS 13.2, 13.3).

The modes, their authorising cells and what they replace are as seen in messages, but for those that replace the root,
which are inferred. The cells of hub, proxy and type 1 devices are partly inferred.
"""

from __future__ import annotations

from typing import NamedTuple

from protocols.gbcs.asn1_credentials import CellUsage, ReplacementMode, TrustAnchorCell
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.smki.names import KeyUsage

from ...credentials import Cell

_DS, _KA, _TOP_UP = KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT, KeyUse.PREPAYMENT_KEY_AGREEMENT
_Role, _Mode = RemotePartyRole, ReplacementMode

USES: dict[KeyUse | None, tuple[KeyUsage, CellUsage]] = {
    _DS: (KeyUsage.DIGITAL_SIGNATURE, CellUsage.MANAGEMENT),
    _KA: (KeyUsage.KEY_AGREEMENT, CellUsage.MANAGEMENT),
    _TOP_UP: (KeyUsage.KEY_AGREEMENT, CellUsage.PREPAYMENT_TOP_UP),
    None: (KeyUsage.KEY_CERT_SIGN, CellUsage.MANAGEMENT),
}
"""Key usage and cell usage of each use of a cell; None is the root's."""
_BY_USAGE = {usage: use for use, usage in USES.items()}


def cell_named(named: TrustAnchorCell) -> Cell | None:
    """The cell that a message names, or None if no device can have such a cell."""
    usage = (named.key_usage, named.cell_usage)
    if usage not in _BY_USAGE or not isinstance(named.role, RemotePartyRole):
        return None
    return Cell(named.role, _BY_USAGE[usage])


class ModeRule(NamedTuple):
    """``authoriser`` is the cell whose key signs (None: the MAC alone authorises, or the contingency key signs).

    ``floor_of`` is the role whose counter the new floor is for, that of the party which authorises; floors of others
    are listed apart. ``replaces`` are the roles of the cells that may be replaced.
    """

    authoriser: Cell | None
    floor_of: RemotePartyRole
    replaces: frozenset[RemotePartyRole]


_ALL_BUT_ROOT = frozenset(_Role) - {_Role.ROOT, _Role.ISSUING_AUTHORITY, _Role.OTHER}

MODES: dict[ReplacementMode, ModeRule] = {
    _Mode.ROOT_BY_SUPPLIER: ModeRule(Cell(_Role.SUPPLIER, _DS), _Role.SUPPLIER, frozenset({_Role.ROOT})),
    _Mode.ROOT_BY_WAN_PROVIDER: ModeRule(Cell(_Role.WAN_PROVIDER, _DS), _Role.WAN_PROVIDER, frozenset({_Role.ROOT})),
    _Mode.SUPPLIER_BY_SUPPLIER: ModeRule(Cell(_Role.SUPPLIER, _DS), _Role.SUPPLIER, frozenset({_Role.SUPPLIER})),
    _Mode.NETWORK_OPERATOR_BY_NETWORK_OPERATOR: ModeRule(
        Cell(_Role.NETWORK_OPERATOR, _DS), _Role.NETWORK_OPERATOR, frozenset({_Role.NETWORK_OPERATOR})
    ),
    _Mode.ACCESS_CONTROL_BROKER_BY_ACCESS_CONTROL_BROKER: ModeRule(
        None, _Role.ACCESS_CONTROL_BROKER, frozenset({_Role.ACCESS_CONTROL_BROKER})
    ),
    _Mode.WAN_PROVIDER_BY_WAN_PROVIDER: ModeRule(
        Cell(_Role.WAN_PROVIDER, _DS), _Role.WAN_PROVIDER, frozenset({_Role.WAN_PROVIDER})
    ),
    _Mode.TRANSITIONAL_COS_BY_TRANSITIONAL_COS: ModeRule(
        Cell(_Role.TRANSITIONAL_COS, _DS), _Role.TRANSITIONAL_COS, frozenset({_Role.TRANSITIONAL_COS})
    ),
    _Mode.SUPPLIER_BY_TRANSITIONAL_COS: ModeRule(
        Cell(_Role.TRANSITIONAL_COS, _DS), _Role.TRANSITIONAL_COS, frozenset({_Role.SUPPLIER})
    ),
    _Mode.ANY_EXCEPT_ABNORMAL_ROOT_BY_RECOVERY: ModeRule(
        Cell(_Role.RECOVERY, _DS), _Role.RECOVERY, _ALL_BUT_ROOT | {_Role.ROOT}
    ),
    _Mode.ANY_BY_CONTINGENCY: ModeRule(None, _Role.ROOT, _ALL_BUT_ROOT | {_Role.ROOT}),
    _Mode.LOAD_CONTROLLER_BY_LOAD_CONTROLLER: ModeRule(
        Cell(_Role.LOAD_CONTROLLER, _DS), _Role.LOAD_CONTROLLER, frozenset({_Role.LOAD_CONTROLLER})
    ),
    _Mode.LOAD_CONTROLLER_BY_SUPPLIER: ModeRule(
        Cell(_Role.SUPPLIER, _DS), _Role.SUPPLIER, frozenset({_Role.LOAD_CONTROLLER})
    ),
}

UPDATE_CODES: dict[int, ReplacementMode] = {
    **{0x0100 + mode: ReplacementMode(mode) for mode in range(10)},
    0x0125: _Mode.LOAD_CONTROLLER_BY_LOAD_CONTROLLER,
    0x0126: _Mode.LOAD_CONTROLLER_BY_SUPPLIER,
}
"""The mode of each message code."""
BROKER_BY_BROKER, BY_CONTINGENCY = 0x0104, 0x0109
UPDATE_ALERT, LOAD_CONTROLLER_ALERT = 0x00CB, 0x0124
"""Message codes of the alert about a future-dated update: CS02b, CS02g."""


def alert_code_of(message_code: int) -> int:
    """The message code of the alert that tells the outcome of a future-dated update."""
    return LOAD_CONTROLLER_ALERT if message_code in (0x0125, 0x0126) else UPDATE_ALERT


ROLES_IN_CELL: dict[RemotePartyRole, frozenset[int]] = {
    _Role.LOAD_CONTROLLER: frozenset({_Role.LOAD_CONTROLLER, _Role.SUPPLIER}),
}
"""Roles that a certificate may name beside that of its cell: a supplier may be the load controller."""

_COMMON = {
    Cell(_Role.ROOT, None),
    Cell(_Role.RECOVERY, _DS),
    Cell(_Role.TRANSITIONAL_COS, _DS),
    Cell(_Role.ACCESS_CONTROL_BROKER, _KA),
}
_SUPPLIER = {Cell(_Role.SUPPLIER, use) for use in (_DS, _KA, _TOP_UP)}
_OPERATOR = {Cell(_Role.NETWORK_OPERATOR, use) for use in (_DS, _KA)}
_CONTROLLER = {Cell(_Role.LOAD_CONTROLLER, use) for use in (_DS, _KA)}
_BROKER_SIGNING = {Cell(_Role.ACCESS_CONTROL_BROKER, _DS)}

CELLS: dict[DeviceType, frozenset[Cell]] = {
    DeviceType.ESME: frozenset(_COMMON | _SUPPLIER | _OPERATOR | _CONTROLLER),
    DeviceType.GSME: frozenset(_COMMON | _SUPPLIER),
    DeviceType.GPF: frozenset(_COMMON | _SUPPLIER | _OPERATOR),
    DeviceType.CHF: frozenset(_COMMON | _BROKER_SIGNING | {Cell(_Role.WAN_PROVIDER, _DS)}),
    DeviceType.SAPC: frozenset(_COMMON | _SUPPLIER | _OPERATOR | _CONTROLLER),
    DeviceType.HCALCS: frozenset(_COMMON | _SUPPLIER | _BROKER_SIGNING),
    DeviceType.PPMID: frozenset(_COMMON | _BROKER_SIGNING),
}
"""The cells of each kind of device; other kinds have none."""

UNREPORTED: dict[int, frozenset[RemotePartyRole]] = {0x011B: frozenset({_Role.TRANSITIONAL_COS})}
"""Roles that a credential report refuses by its message code, with status *other*, although the cells are there."""


def modes_of(device: DeviceType) -> frozenset[ReplacementMode]:
    """The ways of replacing credentials that a kind of device knows.

    Inferred as a whole, and as the messages seen have it: those whose authorising cell it has, and at least one of
    the cells that they replace.
    """
    held = {cell.role for cell in CELLS.get(device, ())}
    return frozenset(
        mode
        for mode, rule in MODES.items()
        if rule.replaces & held and (rule.authoriser is None or rule.authoriser in CELLS[device])
    )


def authorising_cell(mode: ReplacementMode, device: DeviceType) -> Cell | None:
    """The cell whose key signs an update; none for the broker's own key, but on a hub, where it has a signing key."""
    if mode is _Mode.ACCESS_CONTROL_BROKER_BY_ACCESS_CONTROL_BROKER and device is DeviceType.CHF:
        return Cell(_Role.ACCESS_CONTROL_BROKER, _DS)
    return MODES[mode].authoriser


def role_behind(mode: ReplacementMode) -> RemotePartyRole:
    """The role by whose right an update is made. The contingency key belongs to the root."""
    return MODES[mode].floor_of


def cell_name(cell: Cell) -> TrustAnchorCell:
    """A cell as messages name it."""
    return TrustAnchorCell(cell.role, *USES[cell.use])
