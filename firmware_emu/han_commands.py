"""The event log's record of commands: of remote parties, of other devices of the home, of the consumer at the meter.

A command that was verified is an entry with its message code, done or not done (GBCS 16.2, immediate commands). What
waits for a later time has codes of its own; commands that fail a check are in the security log.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING

from protocols.dlms.data_protection import CLASS_ID as DATA_PROTECTION
from protocols.gbcs.use_cases import by_code
from protocols.gbcs.use_cases_instructions import GbzInstruction, Operation
from protocols.zigbee.smart_energy import find_command

if TYPE_CHECKING:
    from .command import Command
    from .device import Device

DONE, NOT_DONE = 0x8154, 0x8155
USER_DONE, USER_NOT_DONE = 0x8161, 0x8162
LOGS_READS = False
"""Inferred: what only reads leaves no entry, or a month of daily reads would push everything else out of the log."""
CLEAR_EVENT_LOG = frozenset({0x0015, 0x0024})
"""A log that was cleared is empty; the security log says that it was (inferred that it does not also say so itself)."""

_ASN1_READS = frozenset({0x0008, 0x000C, 0x0013, 0x011B, 0x0129})
_GETS = (Operation.GET, Operation.GET_WITH_SELECTION)


class UserCommand(IntEnum):
    """Commands of the user interface, as the log names them.

    Inferred: the order in which SMETS lists them, which agrees with the two numbers that have been seen, 2 and 5.
    """

    ACTIVATE_EMERGENCY_CREDIT = 1
    ADD_CREDIT = 2
    ALLOW_ACCESS = 3
    CHECK_FOR_HAN_COMMANDS = 4
    ENABLE_SUPPLY = 5
    SET_PRIVACY_PIN = 6
    TEST_VALVE = 7


def log_user_command(device: Device, command: UserCommand, *, done: bool) -> None:
    """Log what the consumer has asked for at the device itself."""
    device.alerts.event(USER_DONE if done else USER_NOT_DONE, command.to_bytes(2, "big"))


def log_command(device: Device, command: Command, *, done: bool) -> None:
    """Log a command of a remote party that was just carried out."""
    code = command.use_case.message_code
    if command.role is not None and code not in CLEAR_EVENT_LOG and (LOGS_READS or not only_reads(code)):
        device.alerts.event(DONE if done else NOT_DONE, code.to_bytes(2, "big"))


def log_han_command(device: Device, done: bool) -> None:
    """Log the command being carried out, by its message code; nothing if it came from a remote party."""
    command = device.commands.current
    if command is not None and command.role is None:
        device.alerts.event(DONE if done else NOT_DONE, command.use_case.message_code.to_bytes(2, "big"))


@cache
def only_reads(message_code: int) -> bool:
    """True for a command that changes nothing in the device."""
    use_case = by_code(message_code)
    if use_case is None or message_code in _ASN1_READS:
        return use_case is not None
    objects, components = use_case.instructions, use_case.components
    gets = [each.op in _GETS or each.class_id == DATA_PROTECTION for each in objects]
    return bool(objects or components) and all(gets) and all(map(_is_get, components))


def _is_get(component: GbzInstruction) -> bool:
    row = find_command(component.cluster, not component.to_server, component.command)
    return bool(component.attributes) or (row is not None and row.name.startswith("Get "))
