"""Reference messages in a folder: commands with the responses beside them, and alerts.

A response has the name of its command with RESPONSE in the place of COMMAND. Which of the three a message is, its
header says; the forms that a remote party signs before the access control broker adds the MAC (PRECOMMAND) are left
out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload

from ..reading import InputError, message_files, read_stored_message

if TYPE_CHECKING:
    from protocols.gbcs.payload import GbcsPayload

_COMMAND, _RESPONSE, _PRECOMMAND = "_COMMAND", "_RESPONSE", "_PRECOMMAND"


@dataclass(frozen=True, slots=True)
class Vector:
    """One message; ``name`` is its path below the folder."""

    name: str
    octets: bytes
    message: Message
    payload: GbcsPayload


@dataclass(frozen=True, slots=True)
class Pair:
    """A command and the response that the reference device gave."""

    command: Vector
    response: Vector


@dataclass(slots=True)
class Vectors:
    """What was found. ``problems`` are files that cannot be read, each with the reason."""

    pairs: list[Pair] = field(default_factory=list)
    alerts: list[Vector] = field(default_factory=list)
    commands: list[Vector] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def command_of(self, device: bytes, counter: int, message_codes: frozenset[int], near: str) -> Vector | None:
        """The command of one counter to a device; of several, the one whose path has most in common with ``near``."""
        found = [
            vector
            for vector in self.commands
            if vector.message.recipient == device
            and vector.message.counter == counter
            and vector.message.message_code in message_codes
        ]
        return max(found, key=lambda vector: _common(vector.name, near), default=None)


def find_vectors(folder: Path) -> Vectors:
    """Everything in the ``*.HEX`` files below ``folder``."""
    found = Vectors()
    vectors = {vector.name: vector for vector in _read_all(folder, found.problems)}
    for name, vector in vectors.items():
        if vector.message.cra is Cra.ALERT:
            found.alerts.append(vector)
        elif vector.message.cra is Cra.COMMAND:
            found.commands.append(vector)
            response = vectors.get(_RESPONSE.join(name.rsplit(_COMMAND, 1))) if _COMMAND in name else None
            if response is not None and response is not vector:
                found.pairs.append(Pair(vector, response))
    return found


def _read_all(folder: Path, problems: list[tuple[str, str]]) -> Iterator[Vector]:
    files, unsearched = message_files(folder)
    problems += unsearched
    for path in files:
        if _PRECOMMAND in path.name:
            continue
        name = str(path.relative_to(folder))
        try:
            octets = read_stored_message(path)
            message = Message.decode(octets)
            yield Vector(name, octets, message, decode_payload(message))
        except InputError as error:
            problems.append((name, error.reason))
        except DecodeError as error:
            problems.append((name, str(error)))


def _common(one: str, other: str) -> int:
    """Characters that two names begin with in common."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
