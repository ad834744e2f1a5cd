"""Whatever is written to a meter's objects is taken or refused, and never stops it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from firmware_emu.command import Command
from firmware_emu.personalities import named
from firmware_emu.refusals import Refused
from protocols.dlms.access import access_request
from protocols.dlms.axdr import DATA
from protocols.dlms.data import (
    NULL,
    Data,
    array,
    bit_string,
    boolean,
    enum,
    int8,
    int16,
    int32,
    octet_string,
    structure,
    uint8,
    uint16,
    uint32,
    visible_string,
)
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.use_cases import by_name
from protocols.instant import DAY, HOUR

from .tiny import SUPPLIER
from .whole_meter import AT_ONCE, Steady, WholeMeter

_LEAVES: tuple[Callable[[Random], Data], ...] = (
    lambda random: uint8(random.choice((0, 1, 255))),
    lambda random: uint16(random.choice((0, 1, 51, 52, 54, 99, 0x1164, 0x0111, 0xFFFF))),
    lambda random: uint32(random.choice((0, 1, 3600, 0xFFFFFFFF))),
    lambda random: int8(random.choice((-128, -5, 0, 127))),
    lambda random: int16(random.choice((-32768, 0, 32767))),
    lambda random: int32(random.choice((-(1 << 31), 0, 1000, (1 << 31) - 1))),
    lambda random: boolean(random.random() < 0.5),
    lambda random: octet_string(random.randbytes(random.choice((0, 1, 4, 5, 6, 8, 12, 20)))),
    lambda _random: AT_ONCE,
    lambda random: bit_string("".join(random.choices("01", k=random.choice((0, 3, 7, 256, 512))))),
    lambda random: visible_string("x" * random.choice((0, 5, 200))),
    lambda random: enum(random.choice((0, 1, 2, 9))),
    lambda _random: NULL,
)


def made(random: Random, depth: int = 0) -> Data:
    """Any value."""
    if depth < 4 and random.random() < 0.4:
        several = array if random.random() < 0.5 else structure
        return several(*(made(random, depth + 1) for _ in range(random.choice((0, 1, 2, 3, 10)))))
    return random.choice(_LEAVES)(random)


def spoilt(random: Random, value: Data) -> Data:
    """A value that is almost right: one member changed, missing or twice."""
    if type(value.value) is not tuple or not value.value or random.random() < 0.2:
        leaf = random.choice(_LEAVES)(random)
        return Data(value.type, leaf.value) if leaf.type is value.type else leaf
    members, place = list(value.value), random.randrange(len(value.value))
    if random.random() < 0.6:
        members[place] = spoilt(random, members[place])
    elif random.random() < 0.5:
        del members[place]
    else:
        members.insert(place, members[place])
    return Data(value.type, tuple(members))


def attempt(act: Callable[..., Any], *values: Any) -> Any:
    """Do it, or be refused."""
    try:
        return act(*values)
    except Refused:
        return None


@pytest.mark.parametrize("model", ["esme-auxiliary", "esme-twin", "esme-polyphase", "sapc"])
def test_no_value_stops_the_device(model: str) -> None:
    random = Random(model)
    meter = WholeMeter(named(model), load=Steady(300))
    use_case = by_name("ECS03")
    assert use_case is not None
    message = meter.build("ECS03", access_request(0))
    command = Command(message, use_case, RemotePartyRole.SUPPLIER, SUPPLIER, message)
    cosem = meter.meter.cosem
    tables = (cosem._sets, cosem._sets, cosem._methods, cosem._presets)
    taken = 0
    for step in range(1500):
        if step % 300 == 0:
            meter.run(meter.now + random.choice((600, HOUR, DAY)))
        table: dict[Any, Any] = random.choice(tables)
        key = random.choice(list(table))
        get = cosem._gets.get(key[:3])
        held = attempt(get) if get is not None and random.random() < 0.7 else None
        meter.meter.commands.current = command
        value = made(random) if held is None else spoilt(random, held)
        attempt(table[key], value)
        meter.meter.commands.current = None
        taken += get is not None and attempt(get) == value
    for get in cosem._gets.values():
        answer = attempt(get)
        assert answer is None or DATA.decode(DATA.encode(answer)) == answer
    meter.meter.commit()
    meter.start()
    meter.run(meter.now + DAY)
    assert taken > 10
