"""Messages that a person gives, sent to the rig's devices: what does a device make of them?"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from protocols.errors import DecodeError
from protocols.gbcs.message import Message
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.use_cases import UseCase, by_code

from .evidence import Check, Verdict
from .head_end import BROKER, Command
from .home import Home
from .products.refusals import GateError
from .reading import InputError, read_message_file
from .requests import Request
from .target import Target


class Given(NamedTuple):
    """A file and its octets, or why there are none."""

    path: Path
    octets: bytes = b""
    problem: str = ""


def read_all(paths: list[Path]) -> list[Given]:
    """Read every file; one that cannot be read is said to be so, and the next one follows."""
    found = []
    for path in paths:
        try:
            found.append(Given(path, read_message_file(path)))
        except InputError as error:
            found.append(Given(path, problem=error.reason))
    return found


def send_all(home: Home, given: list[Given], device: str | None) -> None:
    """Send each message to the device it is for, or to ``device``; every one becomes an exchange on record.

    PASS: answered, and the answer is in order. FAIL: not answered, or the answer is not in order, or the file holds no
    message for a device of the rig. What activates firmware is sent only if that is on the rig's list of products.
    """
    for one in given:
        try:
            target = _target(home, one, device)
            target.try_out(one.octets, one.path.name, _command(home, target, one.octets))
        except InputError as error:
            _record(home, one, device, str(error))
        except GateError as refused:
            _record(home, one, device, f"not sent: {refused.reason}")


def _record(home: Home, one: Given, device: str | None, problem: str) -> None:
    exchange = home.recorder.open(device or "bench", "", one.path.name)
    exchange.checks.append(Check("input", Verdict.FAIL, "a message for a device of this rig", problem))
    home.recorder.close()


def _target(home: Home, one: Given, device: str | None) -> Target:
    if one.problem:
        raise InputError(one.problem)
    if device is not None:
        return home.target(device)
    try:
        recipient = Message.decode(one.octets).recipient
    except DecodeError as error:
        raise InputError(f"no GBCS message: {error}; name a device with --device to send it all the same") from None
    found = next((target for target in home.targets if target.eui64 == recipient), None)
    if found is None:
        known = ", ".join(f"{t.name} {t.eui64.hex().upper()}" for t in home.targets)
        raise InputError(f"addressed to {recipient.hex().upper()}, which is not in the rig ({known})")
    return found


def _command(home: Home, target: Target, octets: bytes) -> Command | None:
    """The message as a command of one of our parties, so that an answer can be checked; None if it is none."""
    try:
        message = Message.decode(octets)
    except DecodeError:
        return None
    sender = home.head_end.role_of(message.originator)
    case = by_code(message.message_code)
    if sender is None or case is None:
        return None
    return Command(_request(case, message), target.eui64, sender, message, octets, _behalf(home, sender, message))


def _request(case: UseCase, message: Message) -> Request:
    return Request(case, lambda _: message.payload, case.what)


def _behalf(home: Home, sender: RemotePartyRole, message: Message) -> RemotePartyRole | None:
    party = message.other.supplementary_party
    return home.head_end.role_of(party) if sender is BROKER and party is not None else None
