"""The ASN.1 commands of a device: parts register a handler for each message code.

Beside it a part may register a *preset*, by which its maker puts the device into the state that a response or alert
speaks of, and a *cause*, which brings the device to raise an alert in the way that it comes about in life.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protocols.errors import LocalProtocolError
from protocols.gbcs.asn1_types import Asn1Payload

from .cosem import NoPreset

Handler = Callable[[Any], Any]
"""Takes the typed command (``asn1_credentials``, ``asn1_device``), gives the typed response, or None for silence."""

Preset = Callable[[Any, Any], None]
"""Takes the typed response or alert that the device is to give, and the typed command it will get, or None."""
Cause = Callable[[Any], None]
"""Takes the typed alert that the device is to raise."""


class Asn1Server:
    """All ASN.1 handlers of one device, by message code."""

    def __init__(self, *, long_lengths: bool = False) -> None:
        self._handlers: dict[int, Handler] = {}
        self._presets: dict[int, Preset] = {}
        self._causes: dict[int, Cause] = {}
        self._long_lengths = long_lengths

    def handler(self, message_code: int, handle: Handler) -> None:
        """Serve a message code. Raises LocalProtocolError if another part serves it already."""
        if message_code in self._handlers:
            raise LocalProtocolError(f"two parts serve message code {message_code:04X}")
        self._handlers[message_code] = handle

    def on_preset(self, message_code: int, preset: Preset) -> None:
        """Say how the state behind a response (or behind an alert, by the alert's code) is set."""
        self._presets[message_code] = preset

    def on_cause(self, message_code: int, cause: Cause) -> None:
        """Say what brings an alert about."""
        self._causes[message_code] = cause

    def preset(self, message_code: int, answer: Any, command: Any = None) -> None:
        """Put the device into the state in which ``command`` is answered with ``answer``, or leads to that alert.

        Both are the typed values of ``asn1_credentials`` and ``asn1_device``. Raises NoPreset.
        """
        preset = self._presets.get(message_code)
        if preset is None:
            raise NoPreset(f"no preset for message code {message_code:04X}")
        preset(answer, command)

    def cause(self, message_code: int, alert: Any) -> None:
        """Let happen what makes the device raise ``alert``. Raises NoPreset."""
        cause = self._causes.get(message_code)
        if cause is None:
            raise NoPreset(f"no cause for alert {message_code:04X}")
        cause(alert)

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
