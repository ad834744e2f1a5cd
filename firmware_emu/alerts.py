"""Events and alerts of a device: where they are logged, whether they leave, to whom, and in which protection (GBCS 16).

``event`` is what parts call when something happens: it writes the log that the code belongs to and sends the generic
alert where the code has one. Alerts with a message code of their own are sent by the part, with ``send_dlms``,
``send_gbz`` or ``send_asn1``. Codes 80nn and 81nn can be switched off, for each purpose by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from protocols.dlms.access import DataNotification, invoke_id_of
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, octet_string, structure, uint16
from protocols.enumerations import plain_members
from protocols.eui64 import Eui64
from protocols.gbcs.alert_codes import AlertCode, AlertKind, Log, Wan, all_codes, by_code
from protocols.gbcs.gbz import AlertBody, GbzAlert
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Protection
from protocols.gbcs.use_cases import by_code as use_case_by_code
from protocols.instant import Instant

from .defects import ALERTS_GO_TO_WRONG_PARTY, ALERTS_TO_LOSING_SUPPLIER
from .part import Part

if TYPE_CHECKING:
    from .credentials import PartyChange
    from .device import Device

GENERIC_CRITICAL, GENERIC_NON_CRITICAL = 0x1000, 0x1001

_GBZ_DEVICES = frozenset({DeviceType.GSME, DeviceType.GPF})
_LOGS_LIKE = {DeviceType.SAPC: DeviceType.ESME, DeviceType.GPF: DeviceType.GSME}
"""Devices for which no table of logs is published, and whose table is taken instead. Inferred."""
_ALL_BITS = (1 << 256) - 1
_WRONG_PARTY = {
    RemotePartyRole.SUPPLIER: RemotePartyRole.NETWORK_OPERATOR,
    RemotePartyRole.NETWORK_OPERATOR: RemotePartyRole.SUPPLIER,
}

Party = tuple[Eui64 | None, int | None]
"""A supplementary remote party and its counter."""
NOBODY: Party = (None, None)


@plain_members
class Purpose(StrEnum):
    """What may be done about an event."""

    WAN = "wan"
    HAN = "han"
    ALARM = "alarm"
    LOG = "log"


@dataclass(slots=True)
class AlertState:
    """Settings in force, by "role-number purpose": 256 bits, bit n for code 80nn or 81nn. ``former``: the supplier
    before the last change of supplier, empty without one.
    """

    bits: dict[str, int] = field(default_factory=dict)
    former: bytes = b""


class Alerts(Part):
    """Raises events and alerts, as configured."""

    name = "alerts"
    State = AlertState
    state: AlertState

    def __init__(self) -> None:
        super().__init__()
        self.listeners: list[Callable[[int, bool], None]] = []
        """Told of every event: its code, and whether it is to be shared with the devices of the home."""

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.credentials.listeners.append(self._party_changed)

    def _party_changed(self, change: PartyChange) -> None:
        if change.role is RemotePartyRole.SUPPLIER and change.before is not None:
            self.state.former = bytes(change.before)
            self.touch()

    # events

    def event(self, code: int, other: bytes = b"", concerned: Eui64 | None = None) -> None:
        """Something happened: log it, send the generic alert if the code has one.

        ``other`` is up to 8 octets for the event log, 4 for the power event log. ``concerned`` is the remote party
        that a security event is about, where it is known.
        """
        row = by_code(code)
        if row is None:
            return
        self._log(row, other)
        if row.wan is Wan.GENERIC and row.kind is not AlertKind.LOG_ONLY and self.is_on(code, Purpose.WAN):
            message_code = GENERIC_CRITICAL if row.kind is AlertKind.CRITICAL else GENERIC_NON_CRITICAL
            recipients = self.recipients(code, concerned)
            if self.device.personality.device in _GBZ_DEVICES:
                self.send_gbz(code, message_code, recipients)
            else:
                self.send_dlms(code, message_code, recipients)
        shared = row.han and self.is_on(code, Purpose.HAN)
        for listener in self.listeners:
            listener(code, shared)

    def recipients(self, code: int, concerned: Eui64 | None = None) -> list[Eui64]:
        """Who gets an alert: the concerned party if it is known, else the holders of the roles in the table."""
        credentials = self.device.credentials
        if concerned is not None and credentials.roles_of(concerned):
            return [concerned]
        row = by_code(code)
        roles = self._roles(row.recipients if row else frozenset())
        found = {party: None for role in roles if (party := credentials.party(role)) is not None}
        if self.state.former and self.device.defective(ALERTS_TO_LOSING_SUPPLIER):
            supplier, former = credentials.party(RemotePartyRole.SUPPLIER), Eui64(self.state.former)
            return [former if party == supplier else party for party in found]
        return list(found)

    def holder(self, role: int) -> list[Eui64]:
        """The party of one role, as a list of none or one."""
        party = self.device.credentials.party(RemotePartyRole(role))
        return [] if party is None else [party]

    # settings

    def is_on(self, code: int, purpose: Purpose) -> bool:
        """True unless the code can be switched and is switched off for this purpose."""
        row = by_code(code)
        if row is None or row.configurable_by is None:
            return True
        return bool(self.bits(row.configurable_by, purpose) >> (code & 0xFF) & 1)

    def bits(self, role: RemotePartyRole, purpose: Purpose) -> int:
        """The settings in force: bit n belongs to code 81nn (supplier) or 80nn (network operator)."""
        held = self.state.bits.get(f"{int(role)} {purpose}")
        return _usual_bits(role, self.device.personality.device) if held is None else held

    def change(self, role: RemotePartyRole, purpose: Purpose, mask: int, action: int) -> None:
        """Switch the codes whose ``mask`` bit is 1 as their ``action`` bit says (1 on)."""
        bits = self.bits(role, purpose)
        self.state.bits[f"{int(role)} {purpose}"] = (bits & ~mask | action & mask) & _ALL_BITS
        self.touch()

    # sending

    def send_dlms(
        self,
        code: int,
        message_code: int,
        recipients: Iterable[Eui64],
        body: Sequence[Data] | Callable[[Message], Sequence[Data]] = (),
        *,
        at: Instant | None = None,
        supplementary: Party = NOBODY,
    ) -> None:
        """A data notification: code, time, ``body``. A function as body gets the header, for encryption."""

        def payload(header: Message) -> bytes:
            members = body(header) if callable(body) else body
            moment = octet_string(CosemDateTime.at(self._time(at)).encode())
            notification = structure(uint16(code), moment, *members)
            return DataNotification(invoke_id_of(header.counter), notification).encode()

        self._send(message_code, recipients, payload, supplementary)

    def send_gbz(
        self,
        code: int,
        message_code: int,
        recipients: Iterable[Eui64],
        body: AlertBody | Callable[[Message], AlertBody] = None,
        *,
        at: Instant | None = None,
    ) -> None:
        """A GBZ alert. A function as body gets the header, for encryption."""

        def payload(header: Message) -> bytes:
            content = body(header) if callable(body) else body
            return GbzAlert(code, self._time(at), content, 0 if content is None else 1).encode()

        self._send(message_code, recipients, payload, NOBODY)

    def send_asn1(self, message_code: int, recipients: Iterable[Eui64], value: Any) -> None:
        """An alert whose payload, code and time included, is one of the ASN.1 alert types."""
        octets = self.device.asn1.payload(value).encode()
        self._send(message_code, recipients, lambda _header: octets, NOBODY)

    def _send(
        self,
        message_code: int,
        recipients: Iterable[Eui64],
        payload: Callable[[Message], bytes],
        supplementary: Party,
    ) -> None:
        device = self.device
        use_case = use_case_by_code(message_code)
        published = use_case.protection_of(Cra.ALERT) if use_case else Protection.NONE
        protection = published or Protection.SIGNATURE  # inferred where no protection is published
        other = OtherInformation(message_code, *supplementary)
        for recipient in recipients:
            counter = device.counters.next_originator()
            header = Message(Cra.ALERT, counter, device.identity, recipient, other, b"")
            message = Message(Cra.ALERT, counter, device.identity, recipient, other, payload(header))
            device.commands.send(message, protection)

    # inside

    def _time(self, at: Instant | None) -> Instant:
        return self.device.now if at is None else at

    def _log(self, row: AlertCode, other: bytes) -> None:
        if not self.is_on(row.code, Purpose.LOG):
            return
        kind = self.device.personality.device
        log = row.log_on(_LOGS_LIKE.get(kind, kind))
        logs = self.device.logs
        if log is Log.EVENT:
            logs.add_event(row.code, other)
        elif log is Log.SECURITY:
            logs.add_security(row.code)
        elif log is Log.POWER:
            logs.add_power(row.code, int.from_bytes(other, "big"))

    def _roles(self, roles: frozenset[RemotePartyRole]) -> list[RemotePartyRole]:
        """The roles to send to, in order of their numbers; one only where the table leaves the choice open."""
        held = sorted(role for role in roles if self.device.credentials.party(role) is not None)
        if RemotePartyRole.WAN_PROVIDER in roles:  # the concerned party: the hub's is the WAN provider
            hub = self.device.personality.device is DeviceType.CHF
            held.sort(key=lambda role: (role is not RemotePartyRole.WAN_PROVIDER) == hub)
            held = held[:1]
        if self.device.defective(ALERTS_GO_TO_WRONG_PARTY):
            return [_WRONG_PARTY.get(role, role) for role in held]
        return held


@cache
def _usual_bits(role: RemotePartyRole, device: DeviceType) -> int:
    """Everything that the role may switch on such a device is on."""
    bits = 0
    for row in all_codes():
        if row.configurable_by is role and device in row.devices:
            bits |= 1 << (row.code & 0xFF)
    return bits
