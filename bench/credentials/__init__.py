"""The head end's procedures about credentials: hand-over, change of supplier, renewal of keys, recovery.

Each speaks to one device at a time by real commands, believes the device's own answer alone, and only then has the
head end use the new keys for that device.
"""

from .cells import can_be_handed_over, cells_of, check_cells
from .procedures import change_supplier, hand_over, renew_device_keys, replace_by_itself
from .recovery import ContingencyRecovery, DeviceRecovery, Outcome, Recovery, RecoveryReport

__all__ = [
    "ContingencyRecovery",
    "DeviceRecovery",
    "Outcome",
    "Recovery",
    "RecoveryReport",
    "can_be_handed_over",
    "cells_of",
    "change_supplier",
    "check_cells",
    "hand_over",
    "renew_device_keys",
    "replace_by_itself",
]
