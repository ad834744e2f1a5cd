"""The hub's supply fails between any two writes of its memory; and planned defects of the hub."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from firmware_emu import Device, MemoryNvm, Personality, PowerCut
from firmware_emu.devices import chf
from firmware_emu.nvm import Medium
from firmware_emu.parts.hub.device_log import FORGETS_OLD_KEY, HubDeviceLog, ListedType
from firmware_emu.parts.hub.forwarding import LOSES_QUEUE, Forwarding
from firmware_emu.parts.hub.sub_ghz import SubGhz
from protocols.dlms.access import AccessRequest
from protocols.gbcs.roles import DeviceType
from protocols.instant import HOUR

from .homes import ELECTRICITY, GAS, HUB, Parties, home_of, install_anchors, make_hub, own_keys
from .test_home import make_gas_meter
from .test_hub import Bench, add_device, configuration, configure, first_key, message_for, remove_device
from .tiny import START

_KEY = b"k" * 16


def _hub(medium: Medium) -> Device:
    return chf.make_device(HUB, Personality(device=DeviceType.CHF), MemoryNvm(medium), own_keys(HUB))


def _scenario(hub: Device) -> list[Callable[[], object]]:
    """Devices come and go, messages wait, the radio is set; one step a second, each a function."""
    parties, log = Parties(), hub.find(HubDeviceLog)
    now = iter(range(START + 1, START + 100))
    commands = [
        ("CCS01", add_device(ELECTRICITY)),
        ("CCS01", add_device(GAS, ListedType.GSME)),
        ("DBCH04", configure(configuration())),
    ]

    def send(case: str, request: AccessRequest) -> object:
        return hub.receive(parties.command(case, request), next(now))

    steps: list[Callable[[], object]] = [partial(send, case, request) for case, request in commands]
    steps += [lambda: hub.receive(message_for(GAS, 100), next(now))] * 2
    steps += [lambda: hub.through(lambda: log.joined(ELECTRICITY, _KEY), next(now))]
    steps += [partial(send, "CCS02", remove_device(ELECTRICITY))]
    return steps


def _summary(hub: Device) -> tuple[list[bytes], list[bytes], int, int]:
    """Devices of both logs, messages that wait, the first threshold of the radio."""
    log = hub.find(HubDeviceLog).state
    devices, removed = [entry.device for entry in log.entries], [removed.device for removed in log.historic]
    return devices, removed, hub.find(Forwarding).waiting(GAS), hub.find(SubGhz).state.numbers[0]


def _factory() -> Medium:
    medium = Medium()
    hub = _hub(medium)
    install_anchors(hub)
    hub.power_on(START)
    hub.power_off(START)
    return medium


def test_cut_between_any_two_writes_leaves_the_state_before_or_after_a_step() -> None:
    medium = _factory()
    hub = _hub(medium)
    hub.power_on(START)
    states = [_summary(hub)]
    first = medium.writes
    for step in _scenario(hub):
        step()
        states.append(_summary(hub))
    writes = medium.writes - first
    assert states[-1] == ([GAS], [ELECTRICITY], 2, 130)
    assert writes > 50
    for nth in range(1, writes + 1):
        _cut_and_look(nth, states)


def _cut_and_look(nth: int, states: list[tuple[list[bytes], list[bytes], int, int]]) -> None:
    medium = _factory()
    hub = _hub(medium)
    hub.power_on(START)
    medium.cut_power_before(nth)
    done = 0
    try:
        for step in _scenario(hub):
            step()
            done += 1
    except PowerCut:
        pass
    after = _hub(medium)
    after.power_on(START + HOUR)
    assert _summary(after) in states[done : done + 2], f"cut before write {nth}"


def test_defect_old_key_is_not_tried() -> None:
    bench = Bench(FORGETS_OLD_KEY)
    bench.ask("CCS01", add_device(ELECTRICITY))
    bench.hub.through(lambda: bench.log.joined(ELECTRICITY, _KEY), bench.now)
    bench.ask("CCS02", remove_device(ELECTRICITY))
    bench.ask("CCS01", add_device(ELECTRICITY))
    assert not bench.log.admits(ELECTRICITY, _KEY)
    bench.hub.advance(bench.now + 45)
    assert bench.log.admits(ELECTRICITY, first_key(ELECTRICITY))


def test_defect_queue_is_lost_without_supply() -> None:
    home = home_of(make_gas_meter(), hub=make_hub(defects=[LOSES_QUEUE]))
    home.receive_wan(Parties().command("GCS38", b"", GAS), START + 10)
    forwarding = home.device(HUB).find(Forwarding)
    assert forwarding.waiting(GAS) == 1
    home.power_cut(START + 20)
    home.advance(START + HOUR)
    home.power_on(START + HOUR + 1)
    assert forwarding.waiting(GAS) == 0
