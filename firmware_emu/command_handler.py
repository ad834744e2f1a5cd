"""Carries out a command that has passed the checks, and answers it with the right protection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from protocols.dlms.access import AccessRequest, AccessResponse, Result, ResultCode, Service
from protocols.dlms.data import NULL
from protocols.errors import MissingKeyError
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.gbz import Component, GbzPayload
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.message import MAX_MESSAGE, Cra, Message
from protocols.gbcs.protection import add_mac, sign
from protocols.gbcs.use_cases import Protection
from protocols.zigbee.zcl import DefaultResponse, ReadAttributesResponse

from . import cosem, defects, zcl_server
from .command import Command
from .han_commands import log_command
from .outputs import SendMessage
from .refusals import ZCL_NOT_FOUND

if TYPE_CHECKING:
    from protocols.gbcs.payload import GbcsPayload

    from .device import Device


LONGEST_ANSWER = MAX_MESSAGE - 1024
"""Octets of an answer that fit into a message with header, signature and MAC.

Inferred: what is asked for beyond that is refused, and the remote party asks for less at a time.
"""


class CommandHandler:
    """Between the dispatcher and the objects, clusters and handlers of the parts."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self.current: Command | None = None
        """The command that is being carried out, for handlers that need more than their argument."""
        self.deferred = False
        """True once the command being carried out has left something for a later time."""

    def perform(self, command: Command, payload: GbcsPayload) -> None:
        """Carry it out and send the response. What does not belong to the use case fails as a whole."""
        self.current, self.deferred = command, False
        try:
            answer, done = self._execute(command, payload)
        finally:
            self.current = None
        if answer is not None:
            self._respond(command, answer)
        if not self.deferred:  # what waits is logged when it is carried out
            log_command(self._device, command, done=done)

    def refuse(self, command: Command) -> None:
        """Answer with a failure: what a correct device never does to a command that fails a check."""
        result = Result(Service.ACTION, ResultCode.OTHER_REASON)
        self._respond(command, AccessResponse(_invoke_id(command), (NULL,), (result,)).encode())

    def _execute(self, command: Command, payload: GbcsPayload) -> tuple[bytes | None, bool]:
        """The answer, None for none, and whether all that was asked for was done."""
        device = self._device
        strict = not device.personality.any_objects
        go_on = bool(device.personality.defects) and device.defective(defects.GOES_ON_AFTER_FAILURE)
        if isinstance(payload, AccessRequest):
            if strict and not cosem.allowed(command.use_case, payload):
                return cosem.refusal(payload).encode(), False
            return _fitting(device.cosem.execute(payload, go_on=go_on))
        if isinstance(payload, GbzPayload):
            if strict and not zcl_server.allowed(command.use_case, payload):
                return zcl_server.refusal(payload).encode(), False
            components = device.zcl.execute(payload, command.header, device.keys, go_on=go_on)
            lost = device.defective(defects.SILENT_WHEN_NOTHING_FOUND) and any(
                map(_is_not_found, components.components)
            )
            return None if lost else components.encode(), all(map(_is_success, components.components))
        if isinstance(payload, Asn1Payload) and device.asn1.serves(command.use_case.message_code):
            answer = device.asn1.execute(command.use_case.message_code, payload)
            return (None, False) if answer is None else (answer.encode(), _is_done(answer.value))
        return None, False

    def _respond(self, command: Command, payload: bytes) -> None:
        protection = command.use_case.protection_of(Cra.RESPONSE, command.role, self._device.personality.device)
        self.send(command.header.with_payload(payload), protection)

    def send(self, message: Message, protection: Protection) -> bool:
        """Protect a message and send it; False without the key of the recipient, or with its own erased."""
        recipient = KeyName(message.recipient, KeyUse.KEY_AGREEMENT)
        if Protection.MAC in protection and self._device.keys.public_point(recipient) is None:
            return False
        try:
            octets = self.protect(message, protection).encode()
        except MissingKeyError:
            if self._device.keyless:
                return False
            raise
        self._device.emit(SendMessage(message.recipient, octets))
        return True

    def protect(self, message: Message, protection: Protection) -> Message:
        """Sign and MAC a message that this device sends. Raises MissingKeyError."""
        keys = self._device.keys
        if Protection.SIGNATURE in protection:
            message = sign(message, keys)
        if Protection.MAC in protection:
            broker = self._device.credentials.broker()
            if self._device.defective(defects.DERIVES_WITHOUT_COUNTER):
                return replace(add_mac(replace(message, counter=0), keys, broker), counter=message.counter)
            message = add_mac(message, keys, broker)
        return message


def _fitting(answer: AccessResponse) -> tuple[bytes, bool]:
    """The answer, or failures if it is too long: only reads of logs are. And whether it tells of success."""
    octets = answer.encode()
    if len(octets) <= LONGEST_ANSWER:
        return octets, not any(result.code for result in answer.results)
    failed = tuple(Result(result.service, ResultCode.OTHER_REASON) for result in answer.results)
    return AccessResponse(answer.invoke_id, (NULL,) * len(answer.data), failed).encode(), False


def _is_success(component: Component) -> bool:
    """What was not found is no failure."""
    content = component.content
    if isinstance(content, ReadAttributesResponse):
        return not any(record.status for record in content.records)
    return not isinstance(content, DefaultResponse) or content.status in (0, ZCL_NOT_FOUND)


def _is_not_found(component: Component) -> bool:
    return isinstance(component.content, DefaultResponse) and component.content.status == ZCL_NOT_FOUND


def _is_done(answer: Any) -> bool:
    """What an ASN.1 response, or the outcome in it, says of itself; one that only accepts says nothing."""
    outcome = getattr(answer, "outcome", None)
    told = (answer, *(getattr(answer, "results", None) or ()), *(getattr(answer, "parties", None) or ()))
    good = not any(getattr(each, name, None) for each in told for name in ("result", "status", "error"))
    return good and (outcome is None or _is_done(outcome))


def _invoke_id(command: Command) -> int:
    return 0x2000_0000 | command.message.counter & 0xFF_FFFF
