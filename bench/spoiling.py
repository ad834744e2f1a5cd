"""Commands made wrong in one way only, so that a device has one reason to refuse them."""

from __future__ import annotations

from dataclasses import replace

from protocols.gbcs import protection
from protocols.gbcs.keys import KeyStore
from protocols.gbcs.message import Message
from protocols.gbcs.roles import RemotePartyRole

from .head_end import BROKER, Command, HeadEnd


def with_foreign_mac(head_end: HeadEnd, command: Command, stranger: KeyStore) -> Command:
    """The MAC made with another key than the broker's; the signature, if there is one, stays right."""
    return _of(command, protection.add_mac(command.message, stranger, head_end.identity(BROKER, command.device)))


def with_foreign_signature(head_end: HeadEnd, command: Command, stranger: KeyStore) -> Command:
    """Signed with another key in the sender's name, and a right MAC around it."""
    signed = protection.sign(command.message.without_protection(), stranger)
    broker = head_end.holder(BROKER, command.device)
    return _of(command, protection.add_mac(signed, broker.store, broker.eui64))


def with_altered_octet(command: Command) -> Command:
    """The last octet of the payload changed after protection."""
    payload = command.message.payload
    return _of(command, replace(command.message, payload=payload[:-1] + bytes((payload[-1] ^ 0x01,))))


def cut_short(command: Command, octets: int = 1) -> Command:
    """The end of the message missing: no GBCS message at all."""
    return replace(command, octets=command.octets[:-octets])


def as_if_from(head_end: HeadEnd, command: Command, role: RemotePartyRole) -> Command:
    """The same request, properly protected, from a party whose role may not send it."""
    return head_end.command(command.device, command.request, sender=role)


def _of(command: Command, message: Message) -> Command:
    return replace(command, message=message, octets=message.encode())
