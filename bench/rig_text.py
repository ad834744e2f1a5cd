"""A rig written down as a rig file, whose devices are reached at other addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from hal.address import Address
from protocols.eui64 import eui64_text

from .rig import DeviceSection, Rig, SupplierCells, kind_name


def rig_text(
    rig: Rig, addresses: Mapping[str, Address], counters: str, products: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The rig with the devices that have an address, by name, and the test keys that belong to its seed.

    ``counters`` is the file of the parties' counters; ``products`` say what devices are on lists of products.
    """
    lines = [f"name = {_text(rig.name)}", f"seed = {rig.seed}", f"reply_seconds = {rig.reply_seconds}"]
    lines += ["", "[head_end]", f"counters = {_text(counters)}"]
    for key in ("keystore", "lab"):
        if getattr(rig.head_end, key) is not None:
            lines += [f"{key} = {_text(str(getattr(rig.head_end, key).resolve()))}"]
    lines += ["", "[head_end.parties]"]
    lines += [
        f"{role.name.lower().replace('_', '-')} = {_text(eui64_text(party))}"
        for role, party in rig.head_end.parties.items()
    ]
    for section in rig.devices:
        if section.name in addresses:
            lines += ["", "[[device]]", *_device(section, addresses[section.name], products)]
    return "\n".join(lines) + "\n"


def _device(section: DeviceSection, address: Address, products: Mapping[str, str]) -> Iterator[str]:
    yield f"name = {_text(section.name)}"
    yield f"type = {_text(kind_name(section.type))}"
    yield f"eui64 = {_text(eui64_text(section.eui64))}"
    yield f"reach = {_text(str(address))}"
    for key in ("model", "firmware"):
        if getattr(section, key):
            yield f"{key} = {_text(getattr(section, key))}"
    product = products.get(section.name) or section.product
    if product:
        yield f"product = {_text(product)}"
    if section.supplier_cells is not SupplierCells.SUPPLIER:
        yield f"supplier_cells = {_text(section.supplier_cells)}"
    if section.auxiliary:
        yield f"auxiliary = {json.dumps(section.auxiliary)}"
    load = section.load.model_dump(exclude_defaults=True)
    household = load.pop("household", None)
    if household is not None:
        yield f"load.household = {{ {', '.join(f'{key} = {value}' for key, value in household.items())} }}"
    if "csv" in load:
        yield f"load.csv = {_text(str(load.pop('csv').resolve()))}"
    for key, value in load.items():
        yield f"load.{key} = {json.dumps(value)}"


def _text(value: str) -> str:
    """A TOML string, whose escapes are those of JSON."""
    return json.dumps(value, ensure_ascii=False)
