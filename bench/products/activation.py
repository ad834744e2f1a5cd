"""No activation of firmware is built for an image that the gate has not cleared (CS06)."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING

from protocols.der import NEVER
from protocols.dlms.block_transfer import GENERAL_BLOCK_TRANSFER
from protocols.errors import DecodeError
from protocols.eui64 import Eui64, eui64_text
from protocols.gbcs.asn1_device import ActivateFirmwareCommand
from protocols.gbcs.asn1_types import decode_asn1
from protocols.gbcs.message import Cra, Message
from protocols.instant import Instant

from ..inventory import REACHABLE
from ..requests import ACTIVATE_FIRMWARE
from .entries import Standing
from .gate import is_issued
from .hashes import ON_THE_WIRE
from .refusals import NoClearanceError

if TYPE_CHECKING:
    from ..home import Home
    from .gate import ClearedImage

_CODE = ACTIVATE_FIRMWARE.to_bytes(2, "big")
_BLOCK = bytes((GENERAL_BLOCK_TRANSFER,))
_HEADER = 96
"""Octets in which the message code stands, however the header before it is written."""


def check_activation(message: Message, cleared: ClearedImage | None, device: Eui64, now: Instant) -> None:
    """Raises GateError unless a command activates, or cancels, just what was cleared for this device.

    The gate is asked again: what was cleared yesterday may have lapsed today.
    """
    command = activation_of(Message.decode(message.encode()))  # as a device will read it
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


def check_octets(octets: bytes, cleared: ClearedImage | None, now: Instant) -> None:
    """As ``check_activation`` for octets that are about to go out, whoever has built them and whenever that was."""
    message = _activation_in(octets)
    if message is not None:
        check_activation(message, cleared, message.recipient, now)


def check_given(octets: bytes, home: Home) -> None:
    """Raises NoClearanceError for a message that somebody else has built and that activates uncertified firmware.

    It may be sent if its hash is that of a listed version for the model of its recipient, or if it only cancels.
    """
    message = _activation_in(octets)
    if message is None:
        return
    command = activation_of(message)
    if command is None:
        raise NoClearanceError("it is an activation of firmware that cannot be read")
    if command.execute_at != NEVER:
        reason = _not_listed(home, message.recipient, command.image_hash)
        if reason:
            raise NoClearanceError(f"it activates firmware with SHA-256 {command.image_hash.hex()}, {reason}")


def _not_listed(home: Home, device: Eui64, digest: bytes) -> str:
    """Why no version on the home's list is meant; empty if one is."""
    lists, now = home.lists, home.clock.now()
    known = lists.inventory.find(device)
    if known is None or known.model is None:
        return f"and nobody says what model {eui64_text(device)} is"
    if known.status not in REACHABLE:
        return f"and {eui64_text(device)} is {known.status}"
    entry = lists.products.model(known.model)
    certified = entry is not None and entry.standing is Standing.LISTED and not entry.lacking(now)
    versions = lists.products.versions(known.model) if certified else ()
    listed = (each.hashes.get(ON_THE_WIRE, b"") for each in versions if each.standing is Standing.LISTED)
    if any(compare_digest(each, digest) for each in listed):
        return ""
    if home.rig.head_end.products is None:
        return "and no list of certified products is given (--cpl)"
    return f"which is not on the list for {known.model}"


def _activation_in(octets: bytes) -> Message | None:
    """The message, if it is a command with which firmware is activated. Raises NoClearanceError where nobody can tell:

    a device might read what is unreadable here, or put it together from blocks.
    """
    if octets[:1] == _BLOCK:
        raise NoClearanceError("it is a block of a longer message, which may activate firmware; give the message whole")
    if _CODE not in octets[:_HEADER]:
        return None
    try:
        message = Message.decode(octets)
    except DecodeError:
        raise NoClearanceError("it cannot be read, and may be an activation of firmware") from None
    return message if message.message_code == ACTIVATE_FIRMWARE and message.cra is Cra.COMMAND else None


def activation_of(message: Message) -> ActivateFirmwareCommand | None:
    """The activation that a message holds; None for any other message, and for one that cannot be read."""
    if message.message_code != ACTIVATE_FIRMWARE or message.cra is not Cra.COMMAND:
        return None
    try:
        command = decode_asn1(message.message_code, message.cra, message.payload).value
    except DecodeError:
        return None
    return command if isinstance(command, ActivateFirmwareCommand) else None
