"""Where an alert is brought about: a fresh device, the alert to be had, and remote parties who can send commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_emu import Device, Output
from firmware_emu.alert_forms import Facts
from firmware_emu.personality import BILLING_PERIOD_ENDED
from protocols.dlms.access import AccessRequest, DataNotification, Specification, access_request, invoke_id_of
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, DataType
from protocols.errors import LocalProtocolError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.protection import add_mac, sign
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.use_cases import Protection, by_code
from protocols.instant import HOUR, Instant

from .device_for import USUAL_MANNER, Manner, Variant, Workshop
from .moment import told_by_alert
from .vectors import Vector, Vectors

EARLIER: Instant = HOUR
"""How long before the alert the device is made, where time must pass."""


class NoCause(LocalProtocolError):  # noqa: N818 - says what is missing
    """An alert cannot be brought about; the text says why."""


Cause = Callable[["Stage"], list[Output]]
"""Has the alert come about, and gives everything that the device gave out meanwhile."""


@dataclass(slots=True)
class Stage:
    """One attempt. ``counter`` is what the device has used last for messages of its own.

    ``facts`` are what the alert tells, if its form is one of those that ``manner`` chooses.
    """

    workshop: Workshop
    vectors: Vectors
    alert: Vector
    variant: Variant
    counter: int
    defects: frozenset[str] = frozenset()
    manner: Manner = USUAL_MANNER
    facts: Facts = field(default_factory=dict)
    device: Device = field(init=False)
    sent: int = 0

    @property
    def at(self) -> Instant:
        """The time of the alert. Raises NoCause if it tells none."""
        moment = told_by_alert(self.alert)
        if moment is None:
            raise NoCause("the alert tells no time")
        return moment

    @property
    def recipient(self) -> Eui64:
        """Whom the alert is for."""
        return self.alert.message.recipient

    @property
    def body(self) -> tuple[Data, ...]:
        """What stands behind code and time in a DLMS alert. Raises NoCause for an alert of another form."""
        payload = self.alert.payload
        if not isinstance(payload, DataNotification) or payload.body.type is not DataType.STRUCTURE:
            raise NoCause("an alert of an unknown form")
        members: tuple[Data, ...] = payload.body.value
        return members[2:]

    def octets(self, place: int, length: int | None = None) -> bytes:
        """A member of the body that is an octet string. Raises NoCause if it is none."""
        members = self.body
        if place >= len(members) or members[place].type is not DataType.OCTET_STRING:
            raise NoCause(f"member {place} of the body is no octet string")
        octets: bytes = members[place].value
        if length is not None and len(octets) != length:
            raise NoCause(f"member {place} of the body has {len(octets)} octets, not {length}")
        return octets

    def moment(self, place: int) -> Instant:
        """A member of the body that is a date-time. Raises NoCause if it is none."""
        found = CosemDateTime.decode(self.octets(place, CosemDateTime.WIDTH)).to_instant()
        if found is None:
            raise NoCause(f"member {place} of the body is no moment")
        return found

    def fact(self, name: str, otherwise: int) -> int:
        """A number that the alert tells, or another where it does not."""
        value = self.facts.get(name, otherwise)
        return value if isinstance(value, int) else otherwise

    def make(
        self,
        at: Instant,
        *,
        party: Eui64 | None = None,
        without: tuple[int, ...] = (),
        start_up: Instant = 0,
        billing_causes: int = BILLING_PERIOD_ENDED,
    ) -> Device:
        """The device, switched on at ``at``, which knows ``party`` (the alert's recipient if None).

        ``start_up`` and ``billing_causes`` are members of its personality.
        """
        payload = self.alert.payload
        self.device = self.workshop.make(
            self.alert.message.originator,
            self.recipient if party is None else party,
            at,
            self.variant,
            long_lengths=isinstance(payload, Asn1Payload) and payload.long_lengths,
            without=without,
            defects=self.defects,
            manner=self.manner._replace(start_up=start_up, billing_causes=billing_causes),
        )
        self.device.counters.state.originator = self.counter
        self.device.counters.touch()
        return self.device

    def party(self, role: RemotePartyRole) -> Eui64:
        """Who holds a role for the device. Raises NoCause if nobody does."""
        found = self.device.credentials.party(role)
        if found is None:
            raise NoCause(f"no {role.name.lower().replace('_', ' ')} is known")
        return found

    def request(self, *steps: tuple[Specification, Data]) -> AccessRequest:
        """A DLMS request with the number of the next command."""
        return access_request(invoke_id_of(self.sent + 1), *steps)

    def command(self, message_code: int, party: Eui64, payload: bytes, other: OtherInformation | None = None) -> bytes:
        """A command as the access control broker hands it over, with the protection of its use case."""
        self.sent += 1
        information = other or OtherInformation(message_code)
        message = Message(Cra.COMMAND, self.sent, party, self.device.identity, information, payload)
        return self.protect(message).encode()

    def protect(self, message: Message) -> Message:
        """The message with the protection of its use case; without any, if the use case is unknown."""
        use_case, keys = by_code(message.message_code), self.workshop.far_side
        needed = use_case.command if use_case else Protection.NONE
        if Protection.SIGNATURE in needed:
            message = sign(message, keys)
        if Protection.MAC in needed:
            broker = self.device.credentials.broker()
            message = add_mac(message, keys, broker)
        return message
