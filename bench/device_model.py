"""Models of device, as lists of products and inventories name them."""

from __future__ import annotations

from typing import NamedTuple

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
