"""No activation of firmware is built for an image that the gate has not cleared (CS06)."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING

from protocols.der import NEVER
from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_device import ActivateFirmwareCommand
from protocols.gbcs.asn1_types import decode_asn1
from protocols.gbcs.message import Cra, Message
from protocols.instant import Instant

from ..head_end import ACTIVATE_FIRMWARE
from .gate import is_issued
from .refusals import NoClearanceError

if TYPE_CHECKING:
    from .gate import ClearedImage


def check_activation(message: Message, cleared: ClearedImage | None, device: Eui64, now: Instant) -> None:
    """Raises GateError unless a command activates, or cancels, just what was cleared for this device.

    The gate is asked again: what was cleared yesterday may have lapsed today.
    """
    command = activation_of(message)
    if command is None:
        raise NoClearanceError("what follows the header is no activation that a device could read")
    named = command.image_hash.hex()
    if not is_issued(cleared):
        raise NoClearanceError(f"the command names the image {named}, which the gate has not cleared")
    if not compare_digest(cleared.digest, command.image_hash):
        raise NoClearanceError(f"the command names the image {named}, and another one is cleared", cleared.digest)
    if command.execute_at == NEVER:
        cleared.confirm_cancelling(device)
    else:
        cleared.confirm(device, now)


def activation_of(message: Message) -> ActivateFirmwareCommand | None:
    """The activation that a message holds; None for any other message, and for one that cannot be read."""
    if message.message_code != ACTIVATE_FIRMWARE or message.cra is not Cra.COMMAND:
        return None
    try:
        command = decode_asn1(message.message_code, message.cra, message.payload).value
    except DecodeError:
        return None
    return command if isinstance(command, ActivateFirmwareCommand) else None
