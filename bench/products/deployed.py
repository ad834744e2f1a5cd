"""The Deployed Products List: which combinations of models are in use, derived from the inventory."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from protocols.gbcs.roles import DeviceType

from ..device_model import DeviceModel
from ..inventory import Inventory, InventoryDevice, Status

IN_USE = frozenset({Status.COMMISSIONED, Status.RECOVERED})


class Product(NamedTuple):
    """A model with its hardware version and the firmware (4 octets) that runs on it; None or empty if not known."""

    model: DeviceModel
    hardware: int | None
    firmware: bytes

    def __str__(self) -> str:
        hardware = "" if self.hardware is None else f" hardware {self.hardware:04X}"
        return f"{self.model}{hardware} firmware {self.firmware.hex().upper() or 'unknown'}"


class Combination(NamedTuple):
    """Products that are in use together, on one hub, and in how many homes."""

    products: tuple[Product, ...]
    number: int


def deployed_products(inventory: Inventory) -> tuple[Combination, ...]:
    """Every combination of products in use, once; the most frequent first."""
    found: Counter[tuple[Product, ...]] = Counter()
    for hub in inventory.devices():
        if hub.type is DeviceType.CHF and hub.status in IN_USE:
            devices = [hub, *(inventory.device(each) for each in inventory.dependents(hub.eui64))]
            found[_products(devices)] += 1
    return tuple(Combination(products, number) for products, number in sorted(found.items(), key=_order))


def _products(devices: list[InventoryDevice]) -> tuple[Product, ...]:
    used = [each for each in devices if each.status in IN_USE and each.model is not None]
    found = [Product(each.model, each.hardware, each.firmware) for each in used if each.model is not None]
    return tuple(sorted(found, key=str))


def _order(item: tuple[tuple[Product, ...], int]) -> tuple[int, str]:
    return -item[1], str(item[0])
