"""The event log's record of commands that other devices of the home send to a meter."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .device import Device

DONE, NOT_DONE = 0x8154, 0x8155


def log_han_command(device: Device, done: bool) -> None:
    """Log the command being carried out, by its message code; nothing if it came from a remote party."""
    command = device.commands.current
    if command is not None and command.role is None:
        device.alerts.event(DONE if done else NOT_DONE, command.use_case.message_code.to_bytes(2, "big"))
