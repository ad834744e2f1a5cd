"""The ASN.1 commands of a device: parts register a handler for each message code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protocols.errors import LocalProtocolError
from protocols.gbcs.asn1_types import Asn1Payload

Handler = Callable[[Any], Any]
"""Takes the typed command (``asn1_credentials``, ``asn1_device``), gives the typed response, or None for silence."""


class Asn1Server:
    """All ASN.1 handlers of one device, by message code."""

    def __init__(self, *, long_lengths: bool = False) -> None:
        self._handlers: dict[int, Handler] = {}
        self._long_lengths = long_lengths

    def handler(self, message_code: int, handle: Handler) -> None:
        """Serve a message code. Raises LocalProtocolError if another part serves it already."""
        if message_code in self._handlers:
            raise LocalProtocolError(f"two parts serve message code {message_code:04X}")
        self._handlers[message_code] = handle

    def serves(self, message_code: int) -> bool:
        """True if a part has registered for it."""
        return message_code in self._handlers

    def execute(self, message_code: int, payload: Asn1Payload) -> Asn1Payload | None:
        """Carry out a command; None where nothing is answered."""
        answer = self._handlers[message_code](payload.value)
        return None if answer is None else self.payload(answer)

    def payload(self, value: Any) -> Asn1Payload:
        """A payload in the form of lengths that this device writes."""
        return Asn1Payload(value, long_lengths=self._long_lengths)
