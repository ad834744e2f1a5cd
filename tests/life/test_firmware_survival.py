"""What survives an activation: registers, logs, credentials, counters, tariff, what waits: all but the firmware."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from bench.products.gate import ClearedImage
from bench.tokens import gas_top_up
from firmware_emu import MemoryNvm
from firmware_emu.load_model import Household
from protocols.gbcs.asn1_device import ActivationOutcome, ActivationResult
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY, HOUR

from .firmware import BY_THEMSELVES, KINDS, NEW, Estate
from .tariffs import set_prices, set_tariff
from .test_changes import DEAR, TARIFF, moment
from .test_gas_life import conversion, dated_prices
from .test_gas_life import tariff as gas_tariff
from .world import ESME, GSME, START

CARRIED_OUT = 0x8F66
ITS_OWN = {"part/firmware", "part/counters", "part/power", "part/upgrade client", "part/image intake"}
"""Records that an update may change: images, the counter of the command, the time, what is fetched and what came."""
VERSIONS = {"part/identity", "part/gas identity"}
"""Where the version is kept as an attribute."""
SEQUENCE = {"part/gas radio"}
"""Numbers of frames: of the events of an update the gas meter tells its proxy in frames of their own."""


class Memory(NamedTuple):
    """Records, and what is in the logs."""

    records: dict[str, bytes]
    logs: dict[str, bytes]


def memory_of(estate: Estate) -> Memory:
    nvm = estate.device.nvm
    assert isinstance(nvm, MemoryNvm)
    logs = {name: bytes(held) for name, (_start, held) in nvm.medium.logs.items()}
    return Memory(dict(nvm.medium.records), {name: log for name, log in logs.items() if "firmware/" not in name})


def lived(kind: DeviceType) -> Estate:
    """A device with a past: consumption, money, a tariff and another that is to come, refusals in its log."""
    estate = Estate(kind, load=Household(seed=3))
    estate.run(START + 60)
    if kind is ESME:
        for request in (set_tariff(TARIFF, moment(0)), set_prices(DEAR, moment(START + 2 * DAY))):
            estate.ask(request)
    if kind is GSME:
        requests = (conversion(), gas_tariff(), gas_top_up(estate.head_end, 7), dated_prices([9] * 4, START + 2 * DAY))
        for request in requests:
            estate.exchange(estate.command(request, estate.identity))
    good = estate.activation(estate.clear(estate.file()), START) if kind not in BY_THEMSELVES else None
    if good is not None:
        estate.refusal(good.octets[:-1] + bytes((good.octets[-1] ^ 1,)))
    estate.run(START + DAY + 11 * HOUR)
    return estate


def at_once(estate: Estate, cleared: ClearedImage) -> None:
    """Activate by a command at the device's own wire, so that nothing else happens in between."""
    command = estate.activation(cleared)
    done: list[Message] = estate._take(estate.home.receive_at(estate.identity, command.octets, estate.now))
    (answer,) = [message for message in done if message.cra is Cra.RESPONSE]
    outcome = estate.judge(command, answer).value.outcome
    assert outcome == ActivationOutcome(ActivationResult.SUCCESS, NEW)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in BY_THEMSELVES], ids=lambda kind: kind.value)
def test_an_activation_changes_nothing_else(kind: DeviceType) -> None:
    estate = lived(kind)
    cleared = estate.clear(estate.file())
    estate.put(cleared.file)
    before = memory_of(estate)
    at_once(estate, cleared)
    after = memory_of(estate)
    changed = {key for key in before.records | after.records if before.records.get(key) != after.records.get(key)}
    assert "part/firmware" in changed
    assert changed <= ITS_OWN | VERSIONS
    grown = {name for name in before.logs | after.logs if before.logs.get(name) != after.logs.get(name)}
    assert grown <= {"log/event", "log/security"}
    assert all(after.logs[name].startswith(before.logs.get(name, b"")) for name in grown)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
def test_an_updated_device_lives_on_as_one_that_was_not(kind: DeviceType) -> None:
    """Two days later its memory is that of a twin without the update, and what waited was carried out on both."""
    updated, twin = lived(kind), lived(kind)
    cleared = updated.clear(updated.file())
    updated.put(cleared.file)
    if kind not in BY_THEMSELVES:
        at_once(updated, cleared)
    for estate in (updated, twin):
        estate.run(START + 4 * DAY)
        estate.run(estate.now + 60)
    found, expected = memory_of(updated), memory_of(twin)
    keys = (found.records.keys() | expected.records.keys()) - ITS_OWN - VERSIONS - SEQUENCE
    assert {key for key in keys if found.records.get(key) != expected.records.get(key)} == set()
    logs = (found.logs.keys() | expected.logs.keys()) - {"log/event", "log/security"}
    assert {name for name in logs if found.logs.get(name) != expected.logs.get(name)} == set()
    carried_out = [[heard.code for heard in each.alerts].count(CARRIED_OUT) for each in (updated, twin)]
    assert carried_out[0] == carried_out[1]
    assert carried_out[0] > 0 or kind not in (ESME, GSME)
    assert updated.version == NEW
