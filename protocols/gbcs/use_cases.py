"""The use cases: what each message code means, who may send it, and how it is protected (GBCS 15 and 20).

The rows are literals in ``use_cases_electricity``, ``_gas``, ``_hub``, ``_common`` and ``_alerts``; what a command
asks of the device, instruction by instruction, is in ``use_cases_dlms`` and ``use_cases_gbz``. Rows become
``UseCase`` values when somebody asks for them. Where the specification's text is not public a value is inferred, and
``UseCase.inferred`` names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, Flag
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from ..enumerations import plain_members
from .roles import DeviceType, RemotePartyRole

if TYPE_CHECKING:
    from .use_cases_instructions import GbzInstruction, Instruction


@plain_members
class Kind(Enum):
    """What a use case is to the device that it names."""

    COMMAND = "command"
    ALERT = "alert"
    HAN_ONLY = "HAN only"
    """Has a message code for event logs, but travels as ZigBee Smart Energy commands, never as a GBCS message."""


@plain_members
class Payload(Flag):
    """The family of a payload. The generic alerts have two: DLMS from an ESME, GBZ from a GSME."""

    NONE = 0
    DLMS = 1
    GBZ = 2
    ASN1 = 4


@plain_members
class Protection(Flag):
    """What protects a message. Both: signed first, then the MAC around it."""

    NONE = 0
    MAC = 1
    SIGNATURE = 2


_COMMAND, _RESPONSE, _ALERT = 1, 2, 3  # values of message.Cra; its module is not imported, for a light start


@dataclass(frozen=True, slots=True)
class UseCase:
    """One row of the catalogue.

    ``name`` is the specification's short name; several message codes may share it, and ``variant`` then tells them
    apart. ``response_has_time``: the header of a response carries the device's date-time. ``has_encrypted_parts``:
    parts of the response or alert are encrypted. ``response_recipient_may_differ``: the answer may go to another party
    than the sender. ``services`` are references of DUIS service requests. ``alert_codes`` are those of an alert; empty
    for the two generic alerts, which take every code without a use case of its own. ``inferred`` names the fields that
    no published table gives.
    """

    message_code: int
    name: str
    what: str
    variant: str
    kind: Kind
    devices: frozenset[DeviceType]
    payload: Payload
    command: Protection
    response: Protection
    alert: Protection
    roles: frozenset[RemotePartyRole]
    critical: bool
    replay_protection: bool
    future_datable: bool
    response_has_time: bool
    has_encrypted_parts: bool
    response_recipient_may_differ: bool
    device_to_device: bool
    signed_form: bool
    """A second form exists, signed and without MAC, for every sender but the access control broker."""
    services: tuple[str, ...]
    alert_codes: tuple[int, ...]
    inferred: frozenset[str]

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        """What a DLMS command asks of the device, in the order of the message; empty for every other use case."""
        from .use_cases_instructions import dlms_instructions  # loaded by those who need it

        return dlms_instructions(self.name)

    @property
    def components(self) -> tuple[GbzInstruction, ...]:
        """The components of a GBZ command, in the order of the message; empty for every other use case."""
        from .use_cases_instructions import gbz_instructions  # loaded by those who need it

        return gbz_instructions(self.name)

    def protection_of(
        self, cra: int, originator_role: RemotePartyRole | None = None, device: DeviceType | None = None
    ) -> Protection:
        """The protection of a command (1), response (2) or alert (3); NONE if the use case has no such message.

        ``originator_role`` is the role of the command's sender (also when asking about its response) and ``device``
        the recipient; they matter where a use case has two forms, and without them the usual form is given.
        """
        if cra == _ALERT:
            return self.alert
        broker = originator_role in (None, RemotePartyRole.ACCESS_CONTROL_BROKER)
        if self.signed_form and not broker:
            return Protection.SIGNATURE
        if cra == _COMMAND and self.message_code == _BROKER_BY_BROKER and device is DeviceType.CHF:
            return Protection.SIGNATURE | Protection.MAC  # a hub holds the broker's signing certificate, others do not
        return self.command if cra == _COMMAND else self.response


_BROKER_BY_BROKER = 0x0104


@lru_cache(maxsize=1024)
def by_code(message_code: int) -> UseCase | None:
    """The use case of a message code, or None for a code that the catalogue does not have."""
    from .use_cases_rows import builders  # the tables: loaded when first asked for

    build = builders().get(message_code)
    return build() if build else None


def by_name(name: str) -> UseCase | None:
    """The use case of a short name such as ``ECS17b``, letters in either case; None if there is none.

    Where message codes share a name (CS02b, CS02g) this is the lowest of them; see ``variants``.
    """
    found = variants(name)
    return found[0] if found else None


def variants(name: str) -> tuple[UseCase, ...]:
    """Every use case of a short name, in the order of message codes; empty if there is none."""
    return _by_names().get(name.casefold(), ())


@cache
def all_use_cases() -> tuple[UseCase, ...]:
    """The whole catalogue in the order of message codes."""
    from .use_cases_rows import builders

    return tuple(use_case for code in builders() if (use_case := by_code(code)))


def by_alert_code(alert_code: int) -> tuple[UseCase, ...]:
    """The alert use cases that carry an alert code by name; empty for a code that the generic alerts carry."""
    return tuple(u for u in all_use_cases() if alert_code in u.alert_codes)


@cache
def _by_names() -> dict[str, tuple[UseCase, ...]]:
    found: dict[str, tuple[UseCase, ...]] = {}
    for use_case in all_use_cases():
        for name in {use_case.name, *use_case.name.split("/")}:
            found[name.casefold()] = (*found.get(name.casefold(), ()), use_case)
    return found
