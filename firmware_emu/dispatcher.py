"""A message arrives: the checks of GBCS 6.2.4 in their order, and what a device does when one fails.

A command that fails a check is not answered; the evidence is an entry in the security log and an alert to the party
concerned. The order is: structure, recipient, originator, message code, rights of the role, MAC, signature, counter,
payload. The specification fixes that there is one order and that the counters come last but for the content;
the rest of it, and which party is concerned, is inferred. What can be read but is not of the use case is answered, as
failed: by then the sender is known to be who it says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from protocols.dlms.data import octet_string
from protocols.errors import CertificateError, DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import BETWEEN_DEVICES, Verdict, verify
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Kind, Protection, UseCase, by_code
from protocols.smki.certificate import Certificate
from protocols.smki.names import KeyUsage

from . import defects
from .command import Command
from .counters import TOP_UP

if TYPE_CHECKING:
    from protocols.gbcs.payload import GbcsPayload

    from .device import Device

FORMAT_FAILURE = 0x8F1E
NO_AUTHORITY = 0x8F30
AUTHENTICATION_FAILURE = 0x8F3D
UNKNOWN_ORIGINATOR = 0x8F3E
OTHER_FAILURE = 0x8F53
UNUSUAL_NUMBER = 0x8F60
UNSUPPORTED_CODE = 0x8F85
UNSUPPORTED_ALERT = 0x0120

REPORTS_UNSUPPORTED_CODES = frozenset({DeviceType.ESME, DeviceType.SAPC})
"""Devices that answer an unknown message code with an alert of its own; others drop it."""
UNUSUAL_AFTER = 5
"""Refused messages in a row that make one entry 8F60. Inferred: the specification leaves the number open."""
TOP_UP_CODES = frozenset({0x0007, 0x0097, 0x009B})
ANSWERED_WITHOUT_OWN_COUNTER = frozenset({0x00A0})
"""Commands that introduce an unknown party and are yet answered with the short form, as the reference device does."""

ANSWERED_TO_THE_SUPPLIER_ONLY = frozenset({0x0074, 0x00B6, 0x0077, 0x0078, 0x0096, 0x00C3, 0x0076})
"""Reads that a gas meter answers to its supplier alone; everybody else asks the proxy (GBCS GCS13a to GCS17)."""

OF_THE_SUPPLIER_IF_KNOWN = frozenset({0x000A, 0x000B, 0x000C})
"""Commands about a device's own keys: the supplier's, the broker's where there is none, as on a hub. Inferred."""

ReplayCheck = Callable[[Command], bool]
Introduction = Callable[[Message], RemotePartyRole | None]
"""Gives the role in which the sender is to be taken, None if its message brings no key that the device accepts."""


class Dispatcher:
    """Takes messages from outside. Other parts may take those that are not for this device, and responses."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._refused_in_a_row = 0
        self.route: Callable[[Message, bytes], bool] | None = None
        """Takes a message for another device, as a hub does; False if it does not want it."""
        self.on_response: Callable[[Message], bool] | None = None
        """Takes a response or alert that another device of the home sent; False if it is not expected."""
        self.replay_checks: dict[int, ReplayCheck] = {}
        """By message code: checks a counter in place of the execution counter of the role."""
        self.introductions: dict[int, Introduction] = {}
        """By message code: finds in a message from a stranger the key that authorises it."""
        self.partings: dict[int, Callable[[Message], None]] = {}
        """By message code: forgets that key, when the message is done with or was refused."""

    def receive(self, frame: bytes) -> None:
        """One frame from the network."""
        try:
            message = Message.decode(frame)
        except DecodeError:
            self._refuse(FORMAT_FAILURE, None)
            return
        if message.recipient != self._device.identity and not self._device.defective(defects.IGNORES_RECIPIENT):
            if self.route is None or not self.route(message, frame):
                self._count_refusal()
            return
        if message.cra is not Cra.COMMAND:
            if self.on_response is None or not self.on_response(message):
                self._refuse(FORMAT_FAILURE, message.originator)
            return
        self._receive_command(message)

    def _receive_command(self, message: Message) -> None:
        introduce = self.introductions.get(message.message_code)
        introduced = None if introduce is None else introduce(message)
        self._receive_from(message, introduced)
        self._device.credentials.act_as_usual()
        if introduced is not None:
            self.partings[message.message_code](message)

    def _receive_from(self, message: Message, introduced: RemotePartyRole | None) -> None:
        device = self._device
        roles = device.credentials.roles_of(message.originator)
        if not roles and introduced is None and not device.credentials.is_partner(message.originator):
            self._refuse(UNKNOWN_ORIGINATOR, None)
            return
        use_case = by_code(message.message_code)
        if use_case is None or not self._supports(use_case):
            self._report_unsupported(message)
            return
        role = self._role_for(use_case, roles, message) if introduced is None else introduced
        if role is None and not self._between_devices(message):
            self._refuse(NO_AUTHORITY, message.originator)
            return
        command = Command(message, use_case, role, self._requester(message), self._header(message, use_case))
        if device.defective(defects.COUNTER_MOVES_ON_BAD_MAC) and use_case.replay_protection:
            self._store_counter(command)
        self._check_protection(command)

    def _check_protection(self, command: Command) -> None:
        if not self._is_authentic(command):
            self._refuse(AUTHENTICATION_FAILURE, command.message.originator)
            return
        if not self._is_new(command):
            self._refuse(OTHER_FAILURE, command.message.originator)
            if self._device.defective(defects.ANSWERS_REFUSED_COMMANDS):
                self._device.commands.refuse(command)
            return
        payload = self._payload(command)
        if payload is None:
            self._refuse(FORMAT_FAILURE, command.message.originator)
            return
        self._refused_in_a_row = 0
        self._perform(command, payload)

    def _perform(self, command: Command, payload: GbcsPayload) -> None:
        device = self._device
        counted = command.use_case.replay_protection and command.role is not None
        late = device.defective(defects.COUNTER_STORED_AFTER_EXECUTION)
        if counted and not late:
            self._store_counter(command)
            device.commit()  # a cut during the execution must not let it happen twice
        device.commands.perform(command, payload)
        if counted and late:
            self._store_counter(command)

    # the single checks

    def _supports(self, use_case: UseCase) -> bool:
        personality = self._device.personality
        return (
            use_case.kind is Kind.COMMAND
            and personality.device in use_case.devices
            and (not personality.use_cases or use_case.name in personality.use_cases)
        )

    def _role_for(
        self, use_case: UseCase, roles: tuple[RemotePartyRole, ...], message: Message
    ) -> RemotePartyRole | None:
        broker = RemotePartyRole.ACCESS_CONTROL_BROKER
        if use_case.signed_form and broker in roles and broker in use_case.roles:
            return broker  # before a hand-over it fills the cells of others, and yet sends its own form
        alone = self._device.personality.device is DeviceType.GSME
        alone = alone and use_case.message_code in ANSWERED_TO_THE_SUPPLIER_ONLY
        if alone:  # who asks through the broker is the one behind it
            asking = self._device.credentials.roles_of(self._requester(message))
            alone = RemotePartyRole.SUPPLIER not in asking
        for role in roles:
            fits = role in use_case.roles and not (alone and role is not RemotePartyRole.SUPPLIER)
            if fits and not (role is broker and self._has_supplier_for(use_case)):
                return role
        return roles[0] if roles and self._device.defective(defects.IGNORES_ROLE) else None

    def _has_supplier_for(self, use_case: UseCase) -> bool:
        """True if the supplier, whom this device knows, is the one who sends this and not the broker."""
        known = self._device.credentials.party(RemotePartyRole.SUPPLIER) is not None
        return known and use_case.message_code in OF_THE_SUPPLIER_IF_KNOWN

    def _between_devices(self, message: Message) -> bool:
        partner = self._device.credentials.is_partner(message.originator)
        return partner and message.message_code in BETWEEN_DEVICES

    def _is_authentic(self, command: Command) -> bool:
        """True if the message has exactly the protection of its use case, and all of it verifies."""
        device, message = self._device, command.message
        needed = command.use_case.protection_of(Cra.COMMAND, command.role, device.personality.device)
        if (message.mac is not None) != (Protection.MAC in needed):
            return False
        if bool(message.signature) != (Protection.SIGNATURE in needed):
            return False
        if command.role is not None:
            device.credentials.act_for(message.originator, command.role)
        found = verify(message, device.keys, device.credentials.broker())
        passes = (Verdict.VALID, Verdict.ABSENT)
        return (found.mac in passes or device.defective(defects.ACCEPTS_WRONG_MAC)) and (
            found.signature in passes or device.defective(defects.ACCEPTS_WRONG_SIGNATURE)
        )

    def _is_new(self, command: Command) -> bool:
        device = self._device
        if not command.use_case.replay_protection and not device.defective(defects.CHECKS_COUNTER_ON_READS):
            return True
        check = self.replay_checks.get(command.use_case.message_code)
        if check is not None:
            return check(command)
        if command.role is None:
            return True
        counter, role = command.message.counter, _counter_role(command)
        if device.defective(defects.ACCEPTS_REPLAYED_COUNTER) and counter == device.counters.executed(role):
            return True
        return device.counters.is_new(role, counter)

    def _payload(self, command: Command) -> GbcsPayload | None:
        try:
            payload = decode_payload(command.message)
        except DecodeError:
            return None
        return payload if self._learn_party(command) else None

    # around them

    def _store_counter(self, command: Command) -> None:
        self._device.counters.store(_counter_role(command), command.message.counter)

    def _requester(self, message: Message) -> Eui64:
        party = message.other.supplementary_party
        return message.originator if party is None else party

    def _header(self, message: Message, use_case: UseCase) -> Message:
        device = self._device
        return Message(
            Cra.RESPONSE,
            message.counter,
            device.identity,
            message.originator,
            self._echo(message.other),
            b"",
            device.clock.header_time(use_case.message_code) if use_case.response_has_time else b"",
        )

    def _echo(self, other: OtherInformation) -> OtherInformation:
        """What a response says of the party behind the access control broker."""
        if other.certificate is None:
            return other
        if other.message_code in ANSWERED_WITHOUT_OWN_COUNTER:
            return replace(other, certificate=None)
        own = self._device.counters.next_supplementary()
        return replace(other, certificate=None, supplementary_originator_counter=own)

    def _learn_party(self, command: Command) -> bool:
        """Take the key of a party that the command introduces; the broker, whose MAC covers it, vouches for it.

        False if what came along is no key agreement certificate of that party. No path is checked: a device holds the
        root, but not the authority between the two. A party that the device knows by its cells keeps the key there,
        a device that it is joined to the key that it was joined with.
        """
        other, device = command.message.other, self._device
        if other.certificate is None or other.supplementary_party is None:
            return True
        name = KeyName(other.supplementary_party, KeyUse.KEY_AGREEMENT)
        try:
            certificate = Certificate.decode(other.certificate)
            if not device.defective(defects.TAKES_ANY_PARTY_KEY) and (
                certificate.entity != name.party or certificate.key_usage != KeyUsage.KEY_AGREEMENT
            ):
                return False
            credentials = device.credentials
            known = credentials.roles_of(name.party) or credentials.is_partner(name.party)
            known = known or device.keys.holds_private(name)
            if not known and device.keys.public_point(name) != certificate.public_point:
                device.keys.put_certificate(name, other.certificate)
        except (DecodeError, CertificateError):
            return False
        return True

    def _report_unsupported(self, message: Message) -> None:
        self._count_refusal()
        if self._device.personality.device not in REPORTS_UNSUPPORTED_CODES:
            return
        body = message.message_code.to_bytes(2, "big") + message.counter.to_bytes(8, "big")
        other = message.other
        self._device.alerts.send_dlms(
            UNSUPPORTED_CODE,
            UNSUPPORTED_ALERT,
            [message.originator],
            [octet_string(body)],
            supplementary=(other.supplementary_party, other.supplementary_counter),
        )

    def _refuse(self, code: int, concerned: Eui64 | None) -> None:
        self._device.alerts.event(code, concerned=concerned)
        self._count_refusal()

    def _count_refusal(self) -> None:
        self._refused_in_a_row += 1
        if self._refused_in_a_row == UNUSUAL_AFTER:
            self._device.alerts.event(UNUSUAL_NUMBER)


def _counter_role(command: Command) -> int:
    return TOP_UP if command.use_case.message_code in TOP_UP_CODES else int(command.role or 0)
