"""Models of device, as lists of products and inventories name them."""

from __future__ import annotations

from typing import NamedTuple

from firmware_emu import Device
from protocols.gbcs.roles import DeviceType

from .rig import kind_name


class DeviceModel(NamedTuple):
    """A model: its kind, its maker's number and its own, 0 to FFFF each.

    These are the manufacturer code and image type of ZigBee image files; a device shows them as four digits of its
    maker and the first four of the eight of its model, of which the last four are the hardware version.
    """

    type: DeviceType
    manufacturer: int
    model: int

    def __str__(self) -> str:
        return f"{kind_name(self.type)} {self.manufacturer:04X}:{self.model:04X}"


def product_text(device: Device) -> str:
    """What an emulated device is on lists of products, as rig files say it; empty where its names are no digits."""
    made = device.personality
    if not (_is_number(made.manufacturer, 4) and _is_number(made.model, 8)):
        return ""
    return f"{made.manufacturer}:{made.model[:4]}{made.hardware_version:04X}".upper()


def _is_number(text: str, digits: int) -> bool:
    return len(text) == digits and all(c in "0123456789abcdefABCDEF" for c in text)
