"""A home with everything: both meters, the gas proxy, displays and a load switch."""

from __future__ import annotations

from firmware_emu import MemoryNvm, Personality
from firmware_emu.devices import esme, gpf, gsme, hcalcs, ihd, ppmid
from firmware_emu.home import Home
from firmware_emu.load_model import DayLoad
from firmware_emu.parts.gas.account import GasAccount
from firmware_emu.parts.home.display import Display
from firmware_emu.parts.hub.device_log import HubDeviceLog
from firmware_emu.parts.hub.forwarding import Forwarding
from protocols.dlms.access import AccessResponse, access_request, get
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.obis import obis
from protocols.gbcs.gbz import Component, GbzPayload
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.roles import DeviceType
from protocols.gbcs.sensitive import decrypt_payload
from protocols.gbcs.utrn import ValueClass, make_utrn
from protocols.instant import DAY, HOUR
from protocols.zigbee.zcl import ReadAttributes, ReadAttributesResponse

from .homes import (
    DISPLAY,
    ELECTRICITY,
    GAS,
    HUB,
    IN_HOME_DISPLAY,
    KEYS,
    PROXY,
    SWITCH,
    Parties,
    home_of,
    install_anchors,
    make_hub,
    own_keys,
    wan,
)
from .test_home import shown
from .tiny import START, SUPPLIER

WAKE = (START // 1800 + 1) * 1800
"""When the gas meter wakes first."""


class Load:
    """600 Wh and 50 litres in every half-hour."""

    def day(self, _day: int) -> DayLoad:
        return DayLoad(imported=[600] * 48, gas=[50] * 48)


def whole_home() -> Home:
    load = Load()
    kinds = {kind: Personality(device=kind) for kind in DeviceType}
    devices = [
        gpf.make_device(PROXY, kinds[DeviceType.GPF], MemoryNvm(), own_keys(PROXY)),
        esme.make_device(ELECTRICITY, kinds[DeviceType.ESME], MemoryNvm(), own_keys(ELECTRICITY), load),
        gsme.make_device(GAS, kinds[DeviceType.GSME], MemoryNvm(), own_keys(GAS), load),
        ppmid.make_device(DISPLAY, kinds[DeviceType.PPMID], MemoryNvm(), own_keys(DISPLAY), ask_every=60),
        hcalcs.make_device(SWITCH, kinds[DeviceType.HCALCS], MemoryNvm(), own_keys(SWITCH)),
        ihd.make_device(
            IN_HOME_DISPLAY, kinds[DeviceType.TYPE_2], MemoryNvm(), own_keys(IN_HOME_DISPLAY), ask_every=60
        ),
    ]
    for device in devices:
        install_anchors(device)
    return home_of(*devices, hub=make_hub(PROXY))


def test_displays_show_gas_from_the_proxy() -> None:
    home = whole_home()
    home.advance(START + 2 * HOUR)
    for display in (DISPLAY, IN_HOME_DISPLAY):
        items = home.device(display).find(Display).shown
        litres = round(1000 * float(items["gas import"].removesuffix(" m3")))
        assert items["electricity import"] == "2.400 kWh"
        assert 150 <= litres <= 200  # what the meter told at its last wake, and the display asked for since


def test_proxy_answers_a_remote_party_while_the_meter_sleeps() -> None:
    home, parties = whole_home(), Parties()
    home.advance(WAKE + 10)
    request = GbzPayload((Component.general(0x0702, ReadAttributes((0x0000,))),)).encode()
    (answer,) = wan(home.receive_wan(parties.command("GCS13a", request, PROXY, SUPPLIER), WAKE + 20))
    payload = decode_payload(answer)
    assert isinstance(payload, GbzPayload)
    (part,) = decrypt_payload(answer, payload, KEYS)
    component = part.value
    assert isinstance(component, Component)
    content = component.content
    assert isinstance(content, ReadAttributesResponse)
    assert content.records[0].value == 50


def test_gas_is_topped_up_at_the_display() -> None:
    home = whole_home()
    home.advance(WAKE + 10)
    token = make_utrn(KEYS, SUPPLIER, GAS, 1, 2025, ValueClass.PENCE)
    items = shown(home.press(DISPLAY, f"top up gas {token}", WAKE + 20), DISPLAY)
    assert items["gas top up"] == "waiting"
    assert home.device(HUB).find(Forwarding).waiting(GAS) == 1
    items = shown(home.advance(WAKE + 1800), DISPLAY)
    assert items["gas top up"] == "accepted"
    assert home.device(GAS).find(GasAccount).credit.balance == 2_025_000
    again = home.press(DISPLAY, f"top up gas {token}", WAKE + 1900) + home.advance(WAKE + 3600)
    assert shown(again, DISPLAY)["gas top up"] == "rejected, duplicate"


def test_hub_knows_when_it_heard_every_device() -> None:
    home, parties = whole_home(), Parties()
    home.advance(START + DAY)
    read = access_request(0, get(104, obis("0-0:30.3.0.255"), 4))
    (answer,) = wan(home.receive_wan(parties.command("CCS06", read), START + DAY + 1))
    payload = decode_payload(answer)
    assert isinstance(payload, AccessResponse)
    heard = {row.value[0].value: CosemDateTime.decode(row.value[8].value).to_instant() for row in payload.data[0].value}
    assert set(heard) == {ELECTRICITY, GAS, DISPLAY, SWITCH, IN_HOME_DISPLAY}
    assert set(heard.values()) == {START + DAY}
    assert home.device(HUB).find(HubDeviceLog).entry(PROXY) is None
