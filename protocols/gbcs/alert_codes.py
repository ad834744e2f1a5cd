"""Alert and event codes: what they mean, whether they are sent, logged or both, and to whom (GBCS 16.2).

Codes 80nn are a network operator's and 81nn a supplier's; each may switch its own on and off, bit nn of a setting.
Codes 8Fnn cannot be switched. The prefix does not fix the protection: see ``AlertCode.kind``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache

from ..enumerations import plain_members
from .alert_codes_rows import ALWAYS_ON_CODES, HUB_AND_CONTROLLER_CODES, NETWORK_OPERATOR_CODES, SUPPLIER_CODES, Row
from .roles import DeviceType, RemotePartyRole


@plain_members
class AlertKind(Enum):
    """How an alert is protected, or that there is none."""

    CRITICAL = "critical"
    """Signed by the device."""
    NON_CRITICAL = "non-critical"
    """MAC for the recipient."""
    LOG_ONLY = "log only"


@plain_members
class Log(Enum):
    """The logs of a device."""

    EVENT = "event"
    SECURITY = "security"
    POWER = "power"
    AUXILIARY = "auxiliary"
    CHANNEL = "channel"


@plain_members
class Wan(Enum):
    """How an alert leaves over the WAN."""

    NONE = 0
    GENERIC = 1
    """Code and time, message code 1000 (critical) or 1001."""
    OWN_USE_CASE = 2
    """A message code of its own; ``use_cases.by_alert_code`` gives it."""


@dataclass(frozen=True, slots=True)
class AlertCode:
    """One code. ``recipients`` are the default ones; which of several depends on the device and on the cause.

    ``configurable_by`` may switch the alert on and off; None if nobody may. ``meters``: ``single`` or ``poly`` if the
    code is for meters with so many phases only, else empty. ``inferred`` names the fields that no published table
    gives for this code.
    """

    code: int
    meaning: str
    devices: frozenset[DeviceType]
    kind: AlertKind
    logs: tuple[tuple[DeviceType, Log], ...]
    wan: Wan
    han: bool
    recipients: frozenset[RemotePartyRole]
    configurable_by: RemotePartyRole | None
    meters: str
    inferred: frozenset[str]

    @property
    def configurable(self) -> bool:
        """True if a remote party may switch the alert on and off."""
        return self.configurable_by is not None

    def log_on(self, device: DeviceType) -> Log | None:
        """The log of a device that takes the code, or None."""
        return next((log for where, log in self.logs if where is device), None)


def by_code(code: int) -> AlertCode | None:
    """What is known about an alert or event code, or None."""
    return _codes().get(code)


def all_codes() -> tuple[AlertCode, ...]:
    """Every code, in numerical order."""
    return tuple(_codes().values())


_DEVICES = {
    "E": (DeviceType.ESME,),
    "G": (DeviceType.GSME,),
    "H": (DeviceType.CHF,),
    "P": (DeviceType.GPF,),
    "D": (DeviceType.PPMID, DeviceType.HCALCS),
    "S": (DeviceType.SAPC,),
}
_KINDS = {"C": AlertKind.CRITICAL, "N": AlertKind.NON_CRITICAL, "L": AlertKind.LOG_ONLY}
_ROLES = {
    "S": RemotePartyRole.SUPPLIER,
    "N": RemotePartyRole.NETWORK_OPERATOR,
    "A": RemotePartyRole.ACCESS_CONTROL_BROKER,
    "W": RemotePartyRole.WAN_PROVIDER,
    "L": RemotePartyRole.LOAD_CONTROLLER,
}


@cache
def _codes() -> dict[int, AlertCode]:
    rows = (*NETWORK_OPERATOR_CODES, *SUPPLIER_CODES, *ALWAYS_ON_CODES, *HUB_AND_CONTROLLER_CODES)
    return {row[0]: _alert_code(row) for row in sorted(rows)}


def _alert_code(row: Row) -> AlertCode:
    code, meaning, devices, kind, logs, ways, recipients, settings = row
    owner, _, meters = settings.partition(" ")
    uncertain = {"kind": kind, "logs": logs, "wan": ways, "recipients": recipients}
    return AlertCode(
        code=code,
        meaning=meaning,
        devices=frozenset(device for letter in devices for device in _DEVICES[letter]),
        kind=_KINDS[kind[0]],
        logs=_logs(logs.rstrip("?")),
        wan=Wan(int(ways[0])),
        han="H" in ways,
        recipients=frozenset(_ROLES[letter] for letter in recipients.rstrip("?")),
        configurable_by=_ROLES[owner] if owner else None,
        meters=meters,
        inferred=frozenset(name for name, column in uncertain.items() if column.endswith("?")),
    )


def _logs(text: str) -> tuple[tuple[DeviceType, Log], ...]:
    """``EG event, H security``."""
    entries = (entry.split() for entry in text.split(", ") if entry)
    return tuple((device, Log(log)) for letters, log in entries for letter in letters for device in _DEVICES[letter])
