"""The gas proxy runs what the hub runs: they are one box."""

from __future__ import annotations

from firmware_emu import Device, MemoryNvm, Nvm, Personality
from firmware_emu.credentials import Cell, point_anchor
from firmware_emu.devices import chf, gpf
from firmware_emu.firmware_content import FirmwareContent
from firmware_emu.home import Home
from firmware_emu.parts.firmware.store import FirmwareStore
from firmware_emu.parts.gas.mirror import REPEATS_LAST_VALUE
from protocols.gbcs.firmware_image import FirmwareImage, OtaHeader
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import Instant

from .homes import HUB, PROXY, install_anchors, own_keys
from .tiny import BROKER, START, entropy

WAN_KEY = KeyName(BROKER, KeyUse.DIGITAL_SIGNING)
CONTENT = FirmwareContent(None, frozenset({REPEATS_LAST_VALUE})).encode(DeviceType.CHF)


def keys() -> MemoryKeyStore:
    store = MemoryKeyStore()
    store.generate(WAN_KEY, entropy(*WAN_KEY))
    return store


def hub(nvm: Nvm) -> Device:
    made = chf.make_device(HUB, Personality(device=DeviceType.CHF), nvm, own_keys(HUB), PROXY)
    install_anchors(made)
    made.credentials.fill(
        Cell(RemotePartyRole.WAN_PROVIDER, KeyUse.DIGITAL_SIGNING), point_anchor(keys(), BROKER, WAN_KEY.use)
    )
    made.commit()
    return made


def proxy(nvm: Nvm) -> Device:
    personality = Personality(device=DeviceType.GPF, defects=frozenset({"sample-ids-swapped"}))
    made = gpf.make_device(PROXY, personality, nvm, own_keys(PROXY))
    install_anchors(made)
    return made


def update(home: Home, now: Instant = START) -> None:
    """An image of the hub arrives and is activated."""
    store = home.hub.device.find(FirmwareStore)
    file = FirmwareImage.build(OtaHeader(0, 0, 2), CONTENT, lambda octets: keys().sign(BROKER, octets))
    home.through(HUB, lambda: store.receive_image(file.encode()), now)
    home.through(HUB, lambda: store.install(file.digest), now)
    assert home.hub.device.personality.firmware_version == "00000002"


def test_an_image_of_the_hub_is_the_proxys_too_and_stays_so() -> None:
    memories = MemoryNvm(), MemoryNvm()
    home = Home(hub(memories[0]), [proxy(memories[1])])
    home.power_on(START)
    assert home.device(PROXY).personality.defects == {"sample-ids-swapped"}
    update(home)
    ran = home.device(PROXY).personality
    assert (ran.device, ran.firmware_version) == (DeviceType.GPF, "00000002")
    assert ran.defects == {REPEATS_LAST_VALUE}
    home.replace(proxy(memories[1]), START + 10)
    assert home.device(PROXY).personality.defects == {REPEATS_LAST_VALUE}
    home.replace(hub(memories[0]), START + 20)
    assert home.device(PROXY).personality.defects == {REPEATS_LAST_VALUE}
    again = Home(hub(memories[0]), [proxy(memories[1])])
    again.power_on(START + 30)
    assert again.device(PROXY).personality.firmware_version == "00000002"


def test_a_proxy_follows_the_hub_that_takes_the_place_of_another() -> None:
    home = Home(hub(MemoryNvm()), [proxy(MemoryNvm())])
    home.power_on(START)
    home.replace(hub(MemoryNvm()), START + 10)
    update(home, START + 10)
    assert home.device(PROXY).personality.defects == {REPEATS_LAST_VALUE}
