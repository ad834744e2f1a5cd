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
from .entries import Standing
from .gate import is_issued
from .hashes import ON_THE_WIRE
from .refusals import NoClearanceError

if TYPE_CHECKING:
    from .gate import ClearedImage
    from .listing import CertifiedProducts


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


def may_be_sent(message: Message, products: CertifiedProducts | None, now: Instant) -> str:
    """Why a message that somebody else has built is not sent; empty if it may be.

    An activation of firmware may be sent if its hash is on a list that is given, for a model that is certified, or if
    it only cancels one.
    """
    if message.message_code != ACTIVATE_FIRMWARE or message.cra is not Cra.COMMAND:
        return ""
    command = activation_of(message)
    if command is None:
        return "it is an activation of firmware that cannot be read"
    if command.execute_at == NEVER or (products is not None and _is_listed(products, command.image_hash, now)):
        return ""
    where = "and no list of certified products is given (--cpl)" if products is None else "which is not on the list"
    return f"it activates firmware with SHA-256 {command.image_hash.hex()}, {where}"


def _is_listed(products: CertifiedProducts, digest: bytes, now: Instant) -> bool:
    certified = (entry for entry in products.models() if entry.standing is Standing.LISTED and not entry.lacking(now))
    versions = (each for entry in list(certified) for each in products.versions(entry.model))
    return any(
        each.standing is Standing.LISTED and compare_digest(each.hashes.get(ON_THE_WIRE, b""), digest)
        for each in versions
    )


def activation_of(message: Message) -> ActivateFirmwareCommand | None:
    """The activation that a message holds; None for any other message, and for one that cannot be read."""
    if message.message_code != ACTIVATE_FIRMWARE or message.cra is not Cra.COMMAND:
        return None
    try:
        command = decode_asn1(message.message_code, message.cra, message.payload).value
    except DecodeError:
        return None
    return command if isinstance(command, ActivateFirmwareCommand) else None
