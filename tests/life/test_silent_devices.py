"""Devices of a home that have lost their keys, or are out of service: the home lives on, and they say nothing."""

from __future__ import annotations

import pytest

from bench.requests import dlms, gbz
from firmware_emu.load_model import Household
from firmware_emu.outputs import SendMessage
from firmware_emu.parts.credentials.own_keys import OwnKeys
from protocols.gbcs.message import Message
from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY, HALF_HOUR, HOUR

from .world import CHF, ESME, GPF, GSME, IDENTITIES, START, House

METERS = (GPF, ESME, GSME)
OTHERS = (DeviceType.PPMID, DeviceType.HCALCS, DeviceType.SAPC)
COMMANDED = {CHF: dlms("CCS06"), ESME: dlms("ECS52"), GPF: gbz("GCS38"), GSME: gbz("GCS38")}
KEYS = ("token 12345678901234567890", "emergency", "enable", "boost", "confirm", "a key that no device has")


def home_with(kind: DeviceType) -> House:
    """A home with meters, and one more device if it is another; it is late in the evening."""
    house = House(Household(seed=3), kinds=METERS if kind in (CHF, *METERS) else (*METERS, kind))
    house.run(START + DAY - HOUR)
    return house


def live_on(house: House, kind: DeviceType) -> list[Message]:
    """A night with all that can happen to a device; what it sent."""
    identity = IDENTITIES[kind]
    before = len(house.alerts)
    answers = []
    if kind in COMMANDED:
        answers += house.send(house.command(COMMANDED[kind], identity).octets)
    for key in KEYS:
        house.press(identity, key)
    for signal in ("meter cover", "magnet", "fault: device log", "integrity: memory"):
        house.late += house._take(house.home.sense(identity, signal, True, house.now))
    house.run(START + DAY + HALF_HOUR)  # over midnight
    house.switch_off()
    house.run(house.now + HOUR)
    house.switch_on()
    house.run(house.now + HOUR)
    heard = [alert.message for alert in house.alerts[before:]] + answers + house.late
    return [message for message in heard if message.originator == identity]


@pytest.mark.parametrize("kind", [CHF, *METERS, *OTHERS])
def test_a_device_that_destroyed_its_keys_lives_on_in_silence(kind: DeviceType) -> None:
    house = home_with(kind)
    device = house.home.device(IDENTITIES[kind])
    house.home.through(device.identity, device.find(OwnKeys).erase, house.now)
    assert device.keyless
    assert not device.retired
    house.late.clear()
    assert live_on(house, kind) == []


@pytest.mark.parametrize("kind", [CHF, *METERS, *OTHERS, DeviceType.TYPE_2])
def test_a_device_out_of_service_lives_on_in_silence(kind: DeviceType) -> None:
    house = home_with(kind)
    identity = IDENTITIES[kind]
    device = house.home.device(identity)
    house.home.sense(identity, "decommission", True, house.now)
    assert device.retired == (kind is not DeviceType.TYPE_2)
    house.late.clear()
    assert live_on(house, kind) == []
    assert not [done for done in house.done if done.device == identity and isinstance(done.output, SendMessage)]


def test_without_that_they_speak() -> None:
    for kind in COMMANDED:
        assert live_on(home_with(kind), kind)
