"""What one message is: its values, its use case, whether its protection holds, and what it hides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from protocols.dlms.access import AccessRequest, AccessResponse, DataNotification
from protocols.dlms.data import Data
from protocols.errors import DecodeError, MissingKeyError, ProtectionError
from protocols.eui64 import eui64_text
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.gbz import GbzAlert, GbzPayload
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import GbcsPayload, OpaquePayload, decode_payload
from protocols.gbcs.use_cases import UseCase, by_code
from protocols.sheet import Sheet

if TYPE_CHECKING:
    from protocols.gbcs.keys import KeyStore
    from protocols.gbcs.protection import Verdicts
    from protocols.gbcs.sensitive import DecryptedPart, EncryptedPart


@dataclass(frozen=True, slots=True)
class Inspection:
    """One decoded message with everything that a key store lets us say about it.

    ``verdicts`` is None without a key store. ``hidden`` are the encrypted parts, ``opened`` those that could be
    decrypted; ``secrecy_problem`` says why others could not.
    """

    octets: bytes
    message: Message
    payload: GbcsPayload
    use_case: UseCase | None
    verdicts: Verdicts | None = None
    hidden: tuple[EncryptedPart, ...] = ()
    opened: tuple[DecryptedPart, ...] = ()
    secrecy_problem: str = ""

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
        for part, hidden in zip(self.opened, self.hidden, strict=False):
            if isinstance(part.value, Data):
                sheet.fields.append(_decrypted_data(part.value, self.octets.find(hidden.octets) + 5))
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
        payload = self.payload
        if isinstance(payload, AccessRequest | AccessResponse | DataNotification):
            from protocols.dlms.describe import describe_apdu  # readable output is not needed to verify
            from protocols.gbcs.objects import NAMES

            describe_apdu(payload, sheet, NAMES)
        elif isinstance(payload, GbzPayload | GbzAlert):
            from protocols.gbcs.gbz import describe

            describe(payload, sheet, {part.place: part.plaintext for part in self.opened})
        elif isinstance(payload, Asn1Payload):
            payload.describe(sheet)
        else:
            sheet.leaf("octets", payload.octets, payload.octets, "unknown message code: not decoded")


def inspect_message(octets: bytes, store: KeyStore | None = None) -> Inspection:
    """Decode a message and, with a key store, verify and decrypt it. Raises DecodeError."""
    message = Message.decode(octets)
    payload = decode_payload(message)
    found = partial(Inspection, octets, message, payload, by_code(message.message_code))
    from protocols.gbcs.sensitive import decrypt_payload, encrypted_parts

    hidden = tuple(encrypted_parts(payload))
    if store is None:
        return found(hidden=hidden)
    from protocols.gbcs.protection import verify  # decoding alone needs no cryptography

    verdicts = verify(message, store)
    if not hidden:
        return found(verdicts=verdicts)
    try:
        return found(verdicts=verdicts, hidden=hidden, opened=decrypt_payload(message, payload, store))
    except (ProtectionError, MissingKeyError, DecodeError) as error:
        return found(verdicts=verdicts, hidden=hidden, secrecy_problem=str(error))


def _decrypted_data(value: Data, offset: int) -> Any:
    from protocols.dlms.describe import describe_data

    below = Sheet(offset)
    with below.group("decrypted part", "plaintext in the place of its ciphertext"):
        describe_data(value, below, "plaintext")
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
