"""What the consumer's displays show beside readings: messages, the days before, ambient light, what gas costs."""

from __future__ import annotations

import pytest

from firmware_emu import Device, MemoryNvm, Personality
from firmware_emu.devices import esme, gpf, gsme, ihd
from firmware_emu.home import Home
from firmware_emu.load_model import DayLoad
from firmware_emu.parts.gas.price import GasPrice
from firmware_emu.parts.home.display import Display
from firmware_emu.parts.privacy import TENANCY_HIDES_NOTHING
from protocols.dlms.access import access_request, set_to
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import array, octet_string, uint32
from protocols.dlms.obis import obis
from protocols.eui64 import Eui64
from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY, HALF_HOUR, HOUR, Instant

from .homes import ELECTRICITY, GAS, IN_HOME_DISPLAY, PROXY, Parties, home_of, install_anchors, make_hub, own_keys, wan
from .tiny import START, SUPPLIER

MIDNIGHT = START - START % DAY + DAY


class Load:
    """600 Wh and 50 litres in every half-hour."""

    def day(self, _day: int) -> DayLoad:
        return DayLoad(imported=[600] * 48, gas=[50] * 48)


def personality(kind: DeviceType, *defects: str) -> Personality:
    return Personality(device=kind, defects=frozenset(defects))


def home_with_display(*defects: str) -> Home:
    load = Load()
    meter = esme.make_device(
        ELECTRICITY, personality(DeviceType.ESME, *defects), MemoryNvm(), own_keys(ELECTRICITY), load
    )
    devices = [
        gpf.make_device(PROXY, personality(DeviceType.GPF), MemoryNvm(), own_keys(PROXY)),
        meter,
        gsme.make_device(GAS, personality(DeviceType.GSME), MemoryNvm(), own_keys(GAS), load),
        ihd.make_device(
            IN_HOME_DISPLAY, personality(DeviceType.TYPE_2), MemoryNvm(), own_keys(IN_HOME_DISPLAY), ask_every=60
        ),
    ]
    for device in devices:
        install_anchors(device)
    return home_of(*devices, hub=make_hub(PROXY))


def shown(home: Home) -> dict[str, str]:
    return home.device(IN_HOME_DISPLAY).find(Display).shown


def codes(device: Device) -> list[int]:
    return [entry.code for entry in device.logs.events()]


def send_message(home: Home, parties: Parties, text: bytes, at: Instant) -> None:
    write = set_to(1, obis("0-2:96.13.1.255"), 2, octet_string(text))
    home.receive_wan(parties.command("ECS10", access_request(0, write), ELECTRICITY, SUPPLIER), at)


def test_a_message_is_shown_and_confirmed_once() -> None:
    home, parties = home_with_display(), Parties()
    send_message(home, parties, b"Your bill is ready", START + 10)
    assert shown(home)["message"] == "Your bill is ready"
    (alert,) = wan(home.press(IN_HOME_DISPLAY, "confirm message", START + 20))
    assert (alert.originator, alert.recipient, alert.message_code) == (ELECTRICITY, SUPPLIER, 0x1001)
    assert codes(home.device(ELECTRICITY))[-1] == 0x81A6
    assert wan(home.press(IN_HOME_DISPLAY, "confirm message", START + 30)) == []
    send_message(home, parties, b"Another", START + 40)
    assert len(wan(home.press(IN_HOME_DISPLAY, "confirm message", START + 50))) == 1


def test_a_display_that_was_off_asks_for_the_message() -> None:
    home, parties = home_with_display(), Parties()
    display = home.device(IN_HOME_DISPLAY)
    display.power_off(START + 1)
    send_message(home, parties, b"Hello", START + 10)
    home.advance(START + 20)
    display.power_on(START + 20)
    home.advance(START + HALF_HOUR)
    assert shown(home)["message"] == "Hello"


def test_the_days_before_are_shown() -> None:
    home = home_with_display()
    home.advance(MIDNIGHT + 2 * DAY + HOUR)
    assert shown(home)["electricity days"] == "14.400 28.800 28.800 kWh"
    assert shown(home)["gas days"].split()[-2:] == ["2.400", "m3"]


def tenancy(parties: Parties, at: Instant) -> bytes:
    write = set_to(1, obis("0-0:94.44.3.2"), 2, octet_string(CosemDateTime.at(at).encode()))
    return parties.command("ECS12", access_request(0, write), ELECTRICITY, SUPPLIER)


@pytest.mark.parametrize("defects", [(), (TENANCY_HIDES_NOTHING,)])
def test_nothing_older_than_the_change_of_tenancy_is_shown(defects: tuple[str, ...]) -> None:
    home, parties = home_with_display(*defects), Parties()
    home.receive_wan(tenancy(parties, MIDNIGHT + DAY), START + 10)
    home.advance(MIDNIGHT + 2 * DAY + HOUR)
    hidden = "28.800 kWh"
    assert shown(home)["electricity days"] == ("14.400 28.800 28.800 kWh" if defects else hidden)


def test_ambient_light_follows_the_power_thresholds() -> None:
    home, parties = home_with_display(), Parties()
    for number, (low, high, light) in enumerate([(2000, 3000, "low"), (200, 3000, "medium"), (100, 200, "high")]):
        write = set_to(21, obis("0-0:16.0.0.255"), 2, array(uint32(low), uint32(high)))
        at = START + 100 * number + 10
        home.receive_wan(parties.command("ECS34", access_request(0, write), ELECTRICITY, SUPPLIER), at)
        home.advance(at + 61)
        assert shown(home)["electricity light"] == light


def test_gas_is_priced_by_energy() -> None:
    home = home_with_display()
    proxy: Eui64 = PROXY
    price = home.device(proxy).find(GasPrice)
    price.state.issuer_event, price.state.trailing_digit = 1, 0x50
    price.state.tier_prices = [5000] * 4
    price.state.calorific_value, price.state.conversion_factor = 392, 102_264
    home.advance(START + HALF_HOUR + 120)
    first = shown(home)
    assert first["gas price"] == "5.000 p/kWh"
    home.advance(START + 4 * HOUR + 120)
    watt_hours = 7 * 50 * 392 * 102_264 * 1000 // 3_600_000_000
    assert abs(float(shown(home)["gas cost today"].removeprefix("£")) - watt_hours * 5 / 100_000) < 0.02
