"""Many emulated homes in one process, for ``test_many_homes``: run as a program it prints what they took, as JSON.

A home is a hub, an electricity meter, a gas meter with its proxy, a prepayment display and an in-home display, all
joined and switched on, each with its own keys, trust anchors and memory.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from firmware_emu import Device, MemoryNvm, Personality
from firmware_emu.devices import chf, esme, gpf, gsme, ihd, ppmid
from firmware_emu.home import Home
from firmware_emu.load_model import Household
from protocols.eui64 import Eui64
from protocols.gbcs.roles import DeviceType

from ..firmware_emu.homes import (
    DISPLAY,
    ELECTRICITY,
    GAS,
    HUB,
    IN_HOME_DISPLAY,
    PROXY,
    install_anchors,
    own_keys,
)
from ..firmware_emu.tiny import START

PARTS = 4
_PAGE = 4096


def make_home(seed: int) -> Home:
    """A dual-fuel home, on."""
    load = Household(seed=seed)

    def made(make: Callable[..., Device], identity: Eui64, kind: DeviceType, *more: object) -> Device:
        device = make(identity, Personality(device=kind), MemoryNvm(), own_keys(identity), *more)
        if kind is not DeviceType.TYPE_2:  # it takes no GBCS messages
            install_anchors(device)
        return device

    hub = made(chf.make_device, HUB, DeviceType.CHF, PROXY)
    home = Home(
        hub,
        [
            made(esme.make_device, ELECTRICITY, DeviceType.ESME, load),
            made(gsme.make_device, GAS, DeviceType.GSME, load),
            made(gpf.make_device, PROXY, DeviceType.GPF),
            made(ppmid.make_device, DISPLAY, DeviceType.PPMID),
            made(ihd.make_device, IN_HOME_DISPLAY, DeviceType.TYPE_2),
        ],
    )
    home.power_on(START)
    return home


def resident() -> int:
    """Octets of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def measure(number: int) -> dict[str, list[float]]:
    """Make homes in four equal parts; what each part took: KiB and milliseconds for a home, and for its keys alone."""
    make_home(0)
    homes: list[Home] = []
    found: dict[str, list[float]] = {"kib": [], "ms": [], "keys_ms": []}
    for part in range(PARTS):
        gc.collect()
        before, start = resident(), perf_counter()
        homes += [make_home(1 + seed) for seed in range(part, number, PARTS)]
        found["ms"].append(1000 * (perf_counter() - start) * PARTS / number)
        gc.collect()
        found["kib"].append((resident() - before) / 1024 * PARTS / number)
        found["keys_ms"].append(_keys_alone())
    assert len(homes) == number
    assert all(node.device.on for home in homes for node in home.nodes)
    return found


def _keys_alone() -> float:
    """Milliseconds for the key pairs of one home."""
    start = perf_counter()
    for identity in (HUB, ELECTRICITY, GAS, PROXY, DISPLAY, IN_HOME_DISPLAY) * 10:
        own_keys(identity)
    return 1000 * (perf_counter() - start) / 10


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
