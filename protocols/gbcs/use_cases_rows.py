"""Turns the literal rows of the use-case tables into ``UseCase`` values."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from .roles import DeviceType, RemotePartyRole
from .use_cases import Kind, Payload, Protection, UseCase
from .use_cases_alerts import ALERTS, HAN_ONLY
from .use_cases_common import COMMON, CREDENTIAL_UPDATES, SERVICES_OF_CREDENTIAL_UPDATES
from .use_cases_electricity import ELECTRICITY
from .use_cases_gas import GAS
from .use_cases_hub import HUB

ROLES = {
    "S": RemotePartyRole.SUPPLIER,
    "N": RemotePartyRole.NETWORK_OPERATOR,
    "A": RemotePartyRole.ACCESS_CONTROL_BROKER,
    "T": RemotePartyRole.TRANSITIONAL_COS,
    "W": RemotePartyRole.WAN_PROVIDER,
    "R": RemotePartyRole.RECOVERY,
    "L": RemotePartyRole.LOAD_CONTROLLER,
}
PAYLOADS = {
    "": Payload.NONE,
    "DLMS": Payload.DLMS,
    "GBZ": Payload.GBZ,
    "ASN1": Payload.ASN1,
    "DLMS GBZ": Payload.DLMS | Payload.GBZ,
}
ALL_DEVICES = "ESME GSME CHF GPF HCALCS PPMID SAPC"
PROTECTIONS = {
    "": Protection.NONE,
    "M": Protection.MAC,
    "S": Protection.SIGNATURE,
    "SM": Protection.SIGNATURE | Protection.MAC,
}


@cache
def builders() -> dict[int, Callable[[], UseCase]]:
    """What makes the use case of each message code, in the order of codes; nothing is made before it is asked for."""
    made: dict[int, Callable[[], UseCase]] = {}
    for row in (*ELECTRICITY, *GAS, *HUB, *COMMON):
        made[row[0]] = partial(_command, *row)
    for code, name, variant, devices, protection, roles, flags in CREDENTIAL_UPDATES:
        columns = (code, name, "update credentials", devices, "ASN1", protection, roles, flags)
        made[code] = partial(_command, *columns, SERVICES_OF_CREDENTIAL_UPDATES[name], variant)
    for alert in ALERTS:
        made[alert[0]] = partial(_alert, *alert)
    for code, name, what, devices in HAN_ONLY:
        made[code] = partial(_row, code, name, what, Kind.HAN_ONLY, devices, "", "", "", "", "", "", "")
    return dict(sorted(made.items()))


def _command(
    code: int,
    name: str,
    what: str,
    devices: str,
    payload: str,
    protection: str,
    roles: str,
    flags: str,
    services: str,
    variant: str = "",
) -> UseCase:
    command, response = ("M", "M") if protection == "M/S" else protection.split()
    signed_form = protection == "M/S"
    return _row(
        code,
        name,
        what,
        Kind.COMMAND,
        devices,
        payload,
        command,
        response,
        "",
        roles,
        flags,
        services,
        variant=variant,
        signed_form=signed_form,
    )


def _alert(
    code: int, name: str, what: str, devices: str, payload: str, protection: str, flags: str, alert_codes: str
) -> UseCase:
    return _row(
        code, name, what, Kind.ALERT, devices, payload, "", "", protection, "", flags, "", alert_codes=alert_codes
    )


def _row(
    code: int,
    name: str,
    what: str,
    kind: Kind,
    devices: str,
    payload: str,
    command: str,
    response: str,
    alert: str,
    roles: str,
    flags: str,
    services: str,
    *,
    variant: str = "",
    signed_form: bool = False,
    alert_codes: str = "",
) -> UseCase:
    uncertain = {"devices": devices, "roles": roles, "replay_protection": flags, "payload": payload}
    return UseCase(
        message_code=code,
        name=name,
        what=what,
        variant=variant,
        kind=kind,
        devices=frozenset(DeviceType[word] for word in devices.rstrip("?").replace("all", ALL_DEVICES).split()),
        payload=PAYLOADS[payload.rstrip("?")],
        command=PROTECTIONS[command],
        response=PROTECTIONS[response],
        alert=PROTECTIONS[alert],
        roles=frozenset(ROLES[letter] for letter in roles.rstrip("?")),
        critical="C" in flags,
        replay_protection="R" in flags,
        future_datable="F" in flags,
        response_has_time="T" in flags,
        has_encrypted_parts="E" in flags,
        response_recipient_may_differ="V" in flags,
        device_to_device="D" in flags,
        signed_form=signed_form,
        services=tuple(services.split()),
        alert_codes=tuple(int(word, 16) for word in alert_codes.split()),
        inferred=frozenset(name for name, column in uncertain.items() if column.endswith("?")),
    )
