"""What a device has sent: an alert, the answer to a command, or something that nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from protocols.eui64 import Eui64
from protocols.gbcs import alert_codes
from protocols.gbcs.message import Cra, Message

from .answers import check
from .evidence import Check
from .head_end import Command
from .session import Arrived


class Alert(NamedTuple):
    """An alert that arrived: its code, message code and recipient."""

    code: int
    message_code: int
    recipient: Eui64


def is_answer(arrived: Arrived, command: Command) -> bool:
    """Whether it is a message at all, and the response to a command."""
    return arrived.message is not None and answers(arrived.message, command)


def answers(message: Message, command: Command) -> bool:
    """Whether a message is the response to a command, as far as the device says so."""
    return (
        message.cra is Cra.RESPONSE
        and message.counter == command.message.counter
        and message.message_code == command.message.message_code
    )


def unasked(arrived: Sequence[Arrived]) -> Iterator[Check]:
    """Every message but alerts after the first, which is the answer or stands in its place."""
    others = [a for a in arrived if a.message is None or a.message.cra is not Cra.ALERT]
    if len(others) > 1:
        yield check("messages that nobody asked for", "none", ", ".join(what_it_is(other) for other in others[1:]))


def meaning(code: int) -> str:
    """What an alert code means, in words."""
    row = alert_codes.by_code(code)
    return row.meaning if row is not None else "unknown code"


def what_it_is(arrived: Arrived) -> str:
    """What has arrived, in words."""
    if arrived.message is None:
        return "octets that are no message"
    return f"{arrived.message.cra.name.lower()} {arrived.message.message_code:04X}"
