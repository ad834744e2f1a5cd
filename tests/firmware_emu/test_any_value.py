"""Whatever is written to a whole electricity meter, or preset, is taken or refused; time then passes as ever."""

from __future__ import annotations

import random
from typing import Any

import pytest

from firmware_emu import Device, MemoryNvm, Personality
from firmware_emu.devices.esme import make_device
from firmware_emu.refusals import AccessFailed
from protocols.dlms.data import Data, DataType
from protocols.instant import DAY, HALF_HOUR

from .tiny import METER, START, meter_keys

TRIES = 2500
_NUMBERS = {
    DataType.UINT8: (0, 1, 7, 255),
    DataType.INT8: (-5, -1, 0, 3, 127),
    DataType.UINT16: (0, 1, 48, 49, 101, 205, 0xFFFF),
    DataType.INT16: (-1, 0, 0x7FFF),
    DataType.UINT32: (0, 1, 60, 3600, 0xFFFFFFFF),
    DataType.INT32: (-(1 << 31), -1, 0, 1, (1 << 31) - 1),
    DataType.ENUM: (0, 1, 2, 255),
}
_OTHERS = (
    Data(DataType.NULL, None),
    Data(DataType.ARRAY, ()),
    Data(DataType.STRUCTURE, (Data(DataType.UINT8, 1),)),
    Data(DataType.OCTET_STRING, b""),
    Data(DataType.BIT_STRING, "101"),
    Data(DataType.BOOLEAN, True),
    Data(DataType.UINT32, 5),
)


def changed(value: Data, choose: random.Random) -> Data:
    """The value with something in it changed: a number, octets, a member more or less, another type."""
    kind, plain = value
    if kind in (DataType.ARRAY, DataType.STRUCTURE) and plain and choose.random() < 0.85:
        place, members = choose.randrange(len(plain)), list(plain)
        what = choose.random()
        if what < 0.75:
            members[place] = changed(members[place], choose)
        elif what < 0.85:
            del members[place]
        else:
            members.insert(place, members[place])
        return Data(kind, tuple(members))
    if kind is DataType.OCTET_STRING and choose.random() < 0.7:
        return Data(kind, choose.randbytes(len(plain)))
    if kind in _NUMBERS and choose.random() < 0.7:
        return Data(kind, choose.choice(_NUMBERS[kind]))
    return choose.choice(_OTHERS)


def readable(meter: Device) -> dict[Any, Data]:
    """The value of every attribute that can be preset and read."""
    found: dict[Any, Data] = {}
    for key, method in meter.cosem.presets():
        if not method:
            try:
                found[key] = meter.cosem.read(key)
            except AccessFailed:
                continue
    return found


@pytest.mark.parametrize("variant", ["A", "B", "C"])
def test_any_value_is_taken_or_refused(variant: str) -> None:
    choose = random.Random(variant)
    personality = Personality(variant=variant, auxiliary=("switch", "proportional"))
    meter = make_device(METER, personality, MemoryNvm(), meter_keys())
    meter.power_on(START)
    values, now = readable(meter), START
    keys = list(values)
    taken = refused = 0
    for number in range(TRIES):
        key = choose.choice(keys)
        try:
            meter.cosem.preset(key, changed(values[key], choose))
        except AccessFailed:
            refused += 1
        else:
            taken += 1
        if number % 50 == 49:
            now += choose.choice((1, HALF_HOUR, DAY))
            meter.advance(now)
    assert taken > 100
    assert refused > 100
