"""Images on their way from the bench to devices: over every kind of wire, with faults, on record, and only cleared."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.delivery import Delivered, _bring, deliver, seconds_on_the_radio, way_to
from bench.device_model import DeviceModel
from bench.evidence import Verdict
from bench.firmware import signing_key_of_store, wrap
from bench.firmware.building import header_of
from bench.firmware.examples import build_example, maker
from bench.home import Home
from bench.inventory import Inventory, Status
from bench.products.assurance import NEEDED, Assurance, six_years_after
from bench.products.entries import ListedFirmware, ListedModel
from bench.products.gate import ClearedImage, Gate
from bench.products.hashes import hashes_of
from bench.products.listing import CertifiedProducts
from bench.products.parties import ListParty, PartyKind
from bench.products.refusals import NotListedError
from bench.requests import activate_firmware, dlms
from bench.rig import Rig, load_rig, parse_rig
from bench.session import Session
from bench.target import Target
from hal.address import parse_address
from hal.blocks import BlockChannel
from hal.faults import FaultPlan, Faults, FaultyFrameChannel
from hal.frame import WrapperChannel
from hal.memory import memory_pair
from hal.opening import open_frames
from protocols.gbcs.asn1_device import ActivationResult
from protocols.gbcs.firmware_image import AUTHORISERS
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.roles import DeviceType
from protocols.image_delivery import PORT
from protocols.image_delivery import Status as Said
from protocols.image_delivery_ends import DeliveryClient, DeliveryServer, MemoryDepot
from protocols.instant import HOUR

from .test_emulate import running

SECTION = '[[device]]\nname = "{name}"\ntype = "{kind}"\neui64 = "00DB12345678{id}"\nreach = "{reach}"\n'
METER, HUB = "meter", "hub"


def rig(reach: str = "memory:", *, hub: bool = True) -> Rig:
    """A meter, behind a hub or alone."""
    text = 'name = "delivery"\nreply_seconds = 5.0\n' + SECTION.format(name=METER, kind="ESME", id="90A0", reach=reach)
    if hub:
        text += SECTION.format(name=HUB, kind="CHF", id="90A2", reach=reach)
    return parse_rig(text.encode(), "delivery.toml")


class Cleared:
    """The gate of a home, and an image for one of its devices."""

    def __init__(self, home: Home, target: Target, example: str = "esme-good", size: int = 3000) -> None:
        self.home, self.target = home, target
        emulated = home.emulated(target.name)
        assert emulated is not None
        personality = emulated.device.personality
        image = build_example(example, personality, version="02000002", content_size=size)
        role = AUTHORISERS[target.type]
        party = home.pki.parties[role]
        self.file = wrap(image, header_of(image.manifest), signing_key_of_store(party.store, party.eui64))
        self.model = DeviceModel(target.type, image.manifest.manufacturer_code, image.manifest.image_type)
        self.products, inventory, now = CertifiedProducts(), Inventory(), home.clock.now()
        hardware = personality.hardware_version
        certificates = tuple(Assurance(each, "1", six_years_after(now)) for each in NEEDED[target.type])
        entry = ListedModel(self.model, maker().point, (hardware,), certificates)
        version = image.manifest.version
        listed = ListedFirmware(self.model, version, hashes_of(image.encode(), version))
        self.products.add_model(entry, [listed], ListParty(PartyKind.OTHER, "a maker"), now)
        inventory.add(target.eui64, target.type, now, model=self.model, hardware=hardware, firmware=bytes(4))
        inventory.set_status(target.eui64, Status.INSTALLED, now, "fitted")
        point = party.store.public_point(KeyName(party.eui64, KeyUse.DIGITAL_SIGNING))
        self.gate = Gate(self.products, inventory, lambda _role, _device: point)

    @property
    def image(self) -> ClearedImage:
        return self.gate.clear(self.file.encode(), self.target.eui64, self.home.clock.now())

    def withdraw(self) -> None:
        """Take the version off the list."""
        by = ListParty(PartyKind.SUPPLIER, "")
        self.products.remove_firmware(self.model, self.file.header.version, "withdrawn", by, self.home.clock.now())


@pytest.mark.parametrize("reach", ["memory:", "pty:"])
@pytest.mark.parametrize("hub", [True, False], ids=["by the hub", "directly"])
def test_an_image_is_delivered_received_and_activated(reach: str, hub: bool) -> None:
    with Home(rig(reach, hub=hub)) as home:
        meter = home.target(METER)
        cleared = Cleared(home, meter).image
        told: list[int] = []
        done = deliver(home, cleared, meter, lambda arrived, _size: told.append(arrived))
        assert done == Delivered(Said.COMPLETE, len(cleared.file), 0, 4, 0, HUB if hub else METER)
        assert (done.complete, told == sorted(told), way_to(home, meter).name) == (True, True, done.via)
        home.pass_time(HOUR)
        reply = meter.ask(activate_firmware(cleared))
        assert reply.value.outcome.result is ActivationResult.SUCCESS
        assert 0x8F72 in [alert.code for alert in meter.alerts]
        assert meter.ask(dlms("ECS52")).data[0].value == cleared.version


def test_a_delivery_is_one_exchange_on_record() -> None:
    with Home(rig()) as home:
        deliver(home, Cleared(home, home.target(METER)).image, home.target(METER))
        (exchange,) = home.recorder.exchanges
    assert (exchange.device, exchange.use_case, exchange.verdict) == (HUB, "CS05a", Verdict.PASS)
    assert [message.name for message in exchange.messages] == ["offer", "status"]
    (note,) = exchange.received[0].notes
    assert (note.startswith("4 blocks of 3"), note.endswith("octets, 0 repeated")) == (True, True)
    assert "complete and kept" in json.dumps(exchange.received[0].to_json())
    assert exchange.checks[0].expected == exchange.checks[0].found == "complete and kept"


def test_nothing_is_delivered_that_is_not_cleared_today() -> None:
    with Home(rig()) as home:
        meter = home.target(METER)
        before = Cleared(home, meter)
        cleared = before.image
        before.withdraw()
        with pytest.raises(NotListedError):
            deliver(home, cleared, meter)
        assert home.recorder.exchanges == []
        hub = home.emulated(HUB)
        assert hub is not None
        assert hub.device.nvm.keys("part/image intake") == []


def test_what_the_hub_does_not_keep_is_a_fail_on_record() -> None:
    with Home(rig()) as home:
        hub = home.emulated(HUB)
        assert hub is not None
        hub.device.power_off(home.clock.now())
        meter = home.target(METER)
        done = deliver_silently(home, Cleared(home, meter).image, meter)
        assert (done.status, done.text) == (None, "no answer")
        (exchange,) = home.recorder.exchanges
        assert exchange.verdict is Verdict.FAIL
        assert "found no answer" in exchange.reason


def deliver_silently(home: Home, cleared: ClearedImage, target: Target) -> Delivered:
    """With little patience."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.delivery._bring.__defaults__", (lambda _done, _all: None, 0.01))
        return deliver(home, cleared, target)


def test_alerts_that_come_during_a_delivery_are_kept_and_late_frames_dropped() -> None:
    with Home(rig()) as home:
        hub, meter = home.target(HUB), home.target(METER)
        bad = DeliveryClient(meter.eui64, bytes(3000))  # the hub reports that it is no image
        home.run(_bring(hub.session, bad))
        assert bad.status is Said.DISCARDED
        home.run(hub.session.send_image_frame(bad.offer.encode()))  # its answer will be late
        reply = hub.ask(dlms("ECS52"))
        assert [alert.code for alert in reply.alerts] == [0x8F89]


def test_both_firmware_and_messages_of_the_hub_itself() -> None:
    with Home(rig()) as home:
        hub = home.target(HUB)
        cleared = Cleared(home, hub, "chf-good").image
        assert deliver(home, cleared, hub).complete
        reply = hub.ask(activate_firmware(cleared))
        assert reply.value.outcome.version == cleared.version


@pytest.mark.parametrize("seed", range(3))
def test_a_file_arrives_over_a_faulty_wire(seed: int) -> None:
    file = bytes(range(256)) * 40
    depot = MemoryDepot(frozenset((rig().devices[0].eui64,)))

    async def far_end(channel: WrapperChannel) -> None:
        server = DeliveryServer(depot)
        while True:
            frame = await channel.receive(60)
            answer = server.receive(frame.payload)
            if answer is not None:
                await channel.send(answer, PORT, frame.source)

    async def both() -> DeliveryClient:
        near, far = memory_pair()
        faults = FaultPlan(Faults(loss=0.1, duplication=0.1, corruption=0.1), random.Random(seed))
        session = Session(BlockChannel(FaultyFrameChannel(WrapperChannel(near), faults)), 5)
        serving = asyncio.create_task(far_end(WrapperChannel(far)))
        client = DeliveryClient(rig().devices[0].eui64, file, 200)
        await _bring(session, client, seconds=0.02)
        serving.cancel()
        return client

    client = asyncio.run(both())
    assert client.status is Said.COMPLETE
    assert depot.files == [(rig().devices[0].eui64, file)]
    assert client.repeated > 0


async def deliver_to(address: str, client: DeliveryClient, until: int = 1 << 30) -> DeliveryClient:
    """Run a delivery at an address, until that many octets have arrived."""
    session = Session(BlockChannel(await open_frames(parse_address(address))), 5)
    try:
        while not client.ended and client.arrived < until:
            for frame in client.take_output():
                await session.send_image_frame(frame)
            client.receive(await session.receive_image_frame(30))
    finally:
        await session.close()
    return client


def test_an_image_is_delivered_to_a_home_in_another_process(tmp_path: Path) -> None:
    """The hub of ``meterbench emulate`` takes it, in two parts, between which it is killed; the meter gets it."""
    default = load_rig()
    with Home(default) as twin:  # with the same keys
        meter = next(each for each in twin.targets if each.type is DeviceType.ESME)
        file = Cleared(twin, meter, size=20_000).file.encode()
    state = ("--state", str(tmp_path / "state"), "--speed", "1000")
    with running(*state) as home:
        first = asyncio.run(deliver_to(home.addresses["hub"], DeliveryClient(meter.eui64, file, 1000, 1), 10_000))
        home.stop(signal.SIGKILL)
    with running(*state) as home:
        second = asyncio.run(deliver_to(home.addresses["hub"], DeliveryClient(meter.eui64, file)))
        assert (first.arrived, second.began_at, second.status) == (10_000, 9 * 1024, Said.COMPLETE)
        assert home.until(f"{meter.name}  alert 8F72")
        assert home.until("hub  alert 8F8A")


def test_a_device_is_reached_by_a_hub_of_its_own_kind_alone() -> None:
    text = 'name = "mixed"\n' + SECTION.format(name=HUB, kind="CHF", id="90A2", reach="tcp:192.0.2.1:4059")
    text += SECTION.format(name=METER, kind="ESME", id="90A0", reach="memory:")
    text += SECTION.format(name="real meter", kind="GSME", id="90A1", reach="tcp:192.0.2.1:4060")
    sections = {section.name: section for section in parse_rig(text.encode(), "mixed.toml").devices}
    targets = {name: SimpleNamespace(name=name, type=each.type, section=each) for name, each in sections.items()}
    home = SimpleNamespace(targets=tuple(targets.values()))
    ways = {name: way_to(home, target).name for name, target in targets.items()}  # type: ignore[arg-type]  # all it needs
    assert ways == {HUB: HUB, METER: METER, "real meter": HUB}


def test_how_long_the_radio_needs() -> None:
    assert [seconds_on_the_radio(size) for size in (1, 64, 65, 1_000_000)] == [1, 1, 2, 15_625]
