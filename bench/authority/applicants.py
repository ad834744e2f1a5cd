"""Who may apply for which certificate (Smart Energy Code, section L3), as tables.

An applicant speaks for an organisation. The first one in a row is who usually applies: the laboratory takes that one
where nobody is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from protocols.asn1 import enumeration_text
from protocols.enumerations import plain_members
from protocols.gbcs.roles import DeviceType, RemotePartyRole

from ..inventory import Status
from ..rig import kind_name


@plain_members
class Applicant(StrEnum):
    """What an applicant is. A party has acceded to the Code; ``other`` has not."""

    ELECTRICITY_SUPPLIER = "electricity-supplier"
    GAS_SUPPLIER = "gas-supplier"
    NETWORK_OPERATOR = "network-operator"
    DCC = "dcc"
    PARTY = "party"
    OTHER = "other"


_A, _D, _R = Applicant, DeviceType, RemotePartyRole
_SUPPLIERS = (_A.ELECTRICITY_SUPPLIER, _A.GAS_SUPPLIER)

DEVICES: Mapping[DeviceType, tuple[Applicant, ...]] = {
    _D.ESME: (_A.ELECTRICITY_SUPPLIER,),
    _D.GSME: (_A.GAS_SUPPLIER,),
    _D.CHF: (_A.DCC,),
    _D.GPF: (_A.DCC,),
    _D.PPMID: _SUPPLIERS,
    _D.HCALCS: _SUPPLIERS,
    _D.SAPC: _SUPPLIERS,
    _D.TYPE_2: (),
}
"""Who may apply for a device's certificates at any time. A type 2 device takes no part in the infrastructure.

That a stand-alone auxiliary proportional controller counts as a type 1 device is inferred: it is younger than the rule.
"""

NOT_INSTALLED = frozenset({Status.PENDING, Status.WHITELISTED})
"""For a smart meter in one of these statuses any party may apply, such as its maker or a meter operator."""

_METERS = frozenset({_D.ESME, _D.GSME})
_PARTIES = frozenset(Applicant) - {Applicant.OTHER}

ROLES: Mapping[int, tuple[Applicant, ...]] = {
    _R.RECOVERY: (_A.DCC,),
    _R.SUPPLIER: _SUPPLIERS,
    _R.NETWORK_OPERATOR: (_A.NETWORK_OPERATOR,),
    _R.ACCESS_CONTROL_BROKER: (_A.DCC,),
    _R.TRANSITIONAL_COS: (_A.DCC,),
    _R.WAN_PROVIDER: (_A.DCC,),
    _R.LOAD_CONTROLLER: (_A.PARTY, *_SUPPLIERS, _A.NETWORK_OPERATOR, _A.DCC),
    _R.OTHER: (_A.PARTY, *_SUPPLIERS, _A.NETWORK_OPERATOR, _A.DCC),
}
"""Who may apply for an organisation's certificate in a role. The Code says: parties only. That each role is for who
plays it is inferred. Root and issuing authority are not applied for."""


def usual_device_applicant(device: DeviceType) -> Applicant:
    """Who usually applies for a device of that type."""
    return next(iter(DEVICES[device]), Applicant.PARTY)


def usual_role_applicant(role: int) -> Applicant:
    """Who usually applies for a role."""
    return next(iter(ROLES.get(role, ())), Applicant.PARTY)


def refuse_device(applicant: Applicant, device: DeviceType, status: Status = Status.PENDING) -> str:
    """Why this applicant gets no certificate for such a device; empty if it may have one."""
    if applicant in DEVICES[device]:
        return ""
    if device in _METERS and status in NOT_INSTALLED and applicant in _PARTIES:
        return ""
    if not DEVICES[device]:
        return f"a device of type {kind_name(device)} has no certificates"
    asked = f"{applicant} may not apply for a device of type {kind_name(device)}"
    if device in _METERS and applicant in _PARTIES:
        asked += f" that is {status}"
    return f"{asked}; {' or '.join(DEVICES[device])} may"


def refuse_role(applicant: Applicant, role: int) -> str:
    """Why this applicant gets no certificate in a role; empty if it may have one."""
    if role in (_R.ROOT, _R.ISSUING_AUTHORITY):
        return f"nobody applies for the role {enumeration_text(_R(role))}: a laboratory makes its authorities itself"
    if role not in ROLES:
        known = ", ".join(f"{int(each)} ({enumeration_text(each)})" for each in ROLES if isinstance(each, _R))
        return f"no organisation has the role {role}; roles are {known}"
    if applicant in ROLES[role]:
        return ""
    named = enumeration_text(_R(role))
    return f"{applicant} may not apply for the role {named}; {' or '.join(ROLES[role])} may"
