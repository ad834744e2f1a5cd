"""What one message is: its values, its use case, whether its protection holds, and what it hides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from protocols.errors import DecodeError, MissingKeyError, ProtectionError
from protocols.eui64 import eui64_text
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import OpaquePayload, decode_payload, payload_family
from protocols.gbcs.use_cases import Payload as Family
from protocols.gbcs.use_cases import UseCase, by_code
from protocols.sheet import Field, Sheet

if TYPE_CHECKING:
    from protocols.dlms.access import Apdu
    from protocols.dlms.data import Data
    from protocols.dlms.describe import ObjectName
    from protocols.gbcs.asn1_types import Asn1Payload
    from protocols.gbcs.gbz import GbzAlert, GbzPayload
    from protocols.gbcs.keys import KeyStore
    from protocols.gbcs.payload import GbcsPayload
    from protocols.gbcs.protection import Verdicts
    from protocols.gbcs.sensitive import DecryptedPart, EncryptedPart
    from protocols.gbcs.use_cases_instructions import Instruction


@dataclass(frozen=True, slots=True)
class Inspection:
    """One decoded message with everything that a key store lets us say about it.

    ``verdicts`` is None without a key store. ``hidden`` are the encrypted parts, ``opened`` those that could be
    decrypted; ``secrecy_problem`` says why others could not, and ``tampered_part`` that it was not for want of a key.
    """

    octets: bytes
    message: Message
    payload: GbcsPayload
    use_case: UseCase | None
    verdicts: Verdicts | None = None
    hidden: tuple[EncryptedPart, ...] = ()
    opened: tuple[DecryptedPart, ...] = ()
    secrecy_problem: str = ""
    tampered_part: bool = False

    @property
    def rebuilt(self) -> bytes:
        """The message encoded again from its typed values alone."""
        message = self.message
        again = Message(
            message.cra,
            message.counter,
            message.originator,
            message.recipient,
            message.other,
            self.payload.encode(),
            message.date_time,
            message.signature,
            message.mac,
        )
        return again.encode()

    @property
    def title(self) -> str:
        """``ECS17b command: electricity registers, import``, or what can be said of an unknown message code."""
        kind = self.message.cra.name.lower()
        if self.use_case is None:
            return f"unknown message code {self.message.message_code:04X}, {kind}"
        return f"{self.use_case.name} {kind}: {self.use_case.what}"

    def sheet(self) -> Sheet:
        """Every field with its place; decrypted parts stand below what hides them, or in groups at the end."""
        sheet = Sheet()
        self.message.describe(sheet, self._describe_payload)
        if payload_family(self.message) is Family.DLMS:
            for part, hidden in zip(self.opened, self.hidden, strict=False):
                place = self.octets.find(hidden.octets) + _PART_HEADER
                sheet.fields.append(_decrypted_data(cast("Data", part.value), place, self._reads(part.place)))
        return sheet

    def notes(self) -> tuple[str, ...]:
        """What is known of the message's protection, a sentence each."""
        return tuple(_notes(self))

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        verdicts = self.verdicts
        return {
            "title": self.title,
            "message_code": f"{self.message.message_code:04X}",
            "use_case": self.use_case.name if self.use_case else None,
            "cra": self.message.cra.name.lower(),
            "originator": eui64_text(self.message.originator),
            "recipient": eui64_text(self.message.recipient),
            "counter": self.message.counter,
            "payload": type(self.payload).__name__,
            "rebuilt_identical": self.rebuilt == self.octets,
            "signature": verdicts.signature.value if verdicts else None,
            "mac": verdicts.mac.value if verdicts else None,
            "encrypted_parts": len(self.hidden),
            "decrypted_parts": len(self.opened),
            "notes": list(self.notes()),
            "fields": [field.to_json() for field in self.sheet().fields],
            "octets": self.octets.hex().upper(),
        }

    def _describe_payload(self, sheet: Sheet) -> None:
        family = payload_family(self.message)
        if family is Family.DLMS:
            from protocols.dlms.describe import describe_apdu  # a codec's readable output, when it is to be read
            from protocols.gbcs.objects import NAMES

            describe_apdu(cast("Apdu", self.payload), sheet, NAMES, self._asked())
        elif family is Family.GBZ:
            from protocols.gbcs.gbz import describe

            plaintexts = {part.place: part.plaintext for part in self.opened}
            describe(cast("GbzPayload | GbzAlert", self.payload), sheet, plaintexts)
        elif family is Family.ASN1:
            cast("Asn1Payload", self.payload).describe(sheet)
        else:
            octets = self.payload.encode()
            sheet.leaf("octets", octets, octets, "unknown message code: not decoded")

    def _asked(self) -> Any:
        """What the command of a response asked for: its use case's own list, if it has as many instructions."""
        from protocols.dlms.access import AccessResponse, Service, Specification

        if self.use_case is None or not isinstance(self.payload, AccessResponse):
            return ()
        listed = self.use_case.instructions
        if len(listed) != len(self.payload.data):
            return ()  # instructions that may be left out: the response does not say which were
        return tuple(Specification(Service(int(each.op)), each.class_id, each.obis, each.index) for each in listed)

    def _reads(self, place: int) -> tuple[ObjectName | None, ...]:
        """What is known of the objects in the answer to a protected read."""
        from protocols.gbcs.objects import NAMES

        listed: tuple[Instruction, ...] = self.use_case.instructions if self.use_case else ()
        reads = listed[place].reads if place < len(listed) else ()
        return tuple(NAMES.name(each.class_id, each.obis, "attribute", each.attribute) for each in reads)


def inspect_message(octets: bytes, store: KeyStore | None = None) -> Inspection:
    """Decode a message and, with a key store, verify and decrypt it. Raises DecodeError."""
    message = Message.decode(octets)
    payload = decode_payload(message)
    found = partial(Inspection, octets, message, payload, by_code(message.message_code))
    hidden = _hidden(message, payload)
    if store is None:
        return found(hidden=hidden)
    from protocols.gbcs.protection import verify  # decoding alone needs no cryptography

    verdicts = verify(message, store)
    if not hidden:
        return found(verdicts=verdicts)
    from protocols.gbcs.sensitive import decrypt_payload

    try:
        return found(verdicts=verdicts, hidden=hidden, opened=decrypt_payload(message, payload, store))
    except (ProtectionError, MissingKeyError, DecodeError) as error:
        tampered = not isinstance(error, MissingKeyError)
        return found(verdicts=verdicts, hidden=hidden, secrecy_problem=str(error), tampered_part=tampered)


def _hidden(message: Message, payload: GbcsPayload) -> tuple[EncryptedPart, ...]:
    if payload_family(message) not in (Family.DLMS, Family.GBZ):
        return ()  # no other family has encrypted parts
    from protocols.gbcs.sensitive import encrypted_parts

    return tuple(encrypted_parts(payload))


_PART_HEADER = 5
"""Octets of an encrypted part in front of its ciphertext: security control and invocation counter."""


def _decrypted_data(value: Data, offset: int, known: tuple[ObjectName | None, ...]) -> Field:
    """A DLMS structure with an element for each object that was read."""
    from protocols.dlms.axdr import encode_data
    from protocols.dlms.describe import describe_data

    below = Sheet(offset)
    with below.group("decrypted part", "plaintext in the place of its ciphertext"):
        if len(known) != len(value.value):
            describe_data(value, below, "plaintext")
        else:
            below.leaf("type_and_count", encode_data(value)[:2], len(known), "structure")
            for place, (each, name) in enumerate(zip(value.value, known, strict=True)):
                describe_data(each, below, name.name if name else f"[{place}]", name)
    return below.fields[0]


def _notes(found: Inspection) -> list[str]:
    message, verdicts = found.message, found.verdicts
    signer, notes = eui64_text(message.originator), []
    if message.signature:
        state = f": {verdicts.signature.value}" if verdicts else ": not checked, no key store given"
        notes.append(f"signed by {signer}{state}")
    elif message.signature is None:
        notes.append("no signature field: a pre-command, to be signed")
    if message.mac is not None:
        reader = eui64_text(message.recipient)
        state = f": {verdicts.mac.value}" if verdicts else ": not checked, no key store given"
        notes.append(f"MAC from {signer} to {reader}{_broker_note(message)}{state}")
    if found.hidden:
        state = f"; {found.secrecy_problem}" if found.secrecy_problem else ""
        notes.append(f"{len(found.hidden)} encrypted, {len(found.opened)} decrypted{state}")
    if isinstance(found.payload, OpaquePayload):
        notes.append("the message code is in no table, so the payload was not decoded")
    return notes


def _broker_note(message: Message) -> str:
    return ", added by the access control broker" if message.cra is Cra.COMMAND else ""
