"""Images over the radio and into the intake: waits, several devices, images that take the place of others, restarts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_emu import Device, MemoryNvm, Personality, PersonalityError, SendHan
from firmware_emu.devices import chf
from firmware_emu.nvm import Medium
from firmware_emu.outputs import Output
from firmware_emu.parts.firmware.banks import PAGE
from firmware_emu.parts.firmware.image_check import suits
from firmware_emu.parts.firmware.intake import MOST_AT_ONCE, ImageIntake, take_image_frame
from firmware_emu.parts.firmware.store import FirmwareStore
from firmware_emu.parts.firmware.transfer import BUSY_WAIT, KEPT_FOR, SILENT_WAIT, FirmwareTransfer
from firmware_emu.parts.firmware.upgrade_client import UpgradeClient
from firmware_emu.parts.hub.sub_ghz import SubGhz
from protocols.firmware_container import Manifest, ManufacturerImage
from protocols.gbcs.asn1_device import ActivationOutcome, ActivationResult, FirmwareTransferResult
from protocols.gbcs.elliptic_curve import ENTROPY_LENGTH
from protocols.gbcs.firmware_image import FirmwareImage, OtaHeader
from protocols.gbcs.keys import KeyName, MemoryKeyStore
from protocols.gbcs.message import Message
from protocols.gbcs.roles import DeviceType
from protocols.image_delivery import FileBlock, Offer, Progress, Status, Withdraw, decode_frame
from protocols.image_delivery_ends import DeliveryClient
from protocols.zigbee.ota import (
    ABORT,
    CLUSTER,
    WAIT_FOR_DATA,
    FileId,
    ImageBlock,
    ImageBlockRequest,
    ImageNotify,
    QueryNextImage,
    QueryNextImageResponse,
    UpgradeEnd,
    decode_ota,
    encode_ota,
)

from .asn1_home import DEVICES, DS, START, SUPPLIER, WAN, Asn1Rig, value_of
from .test_firmware import NEW, OLD, activate, image, receive, store, version
from .tiny import messages

HUB = DEVICES[DeviceType.CHF]
METER, DISPLAY, GAS = (DEVICES[kind] for kind in (DeviceType.ESME, DeviceType.PPMID, DeviceType.GSME))
RESULT = FirmwareTransferResult
BIG = bytes(range(256)) * 12
FILE_ID = FileId(0x121D, 0, 2)
WELL_FORMED = [
    *(
        encode_ota(message, 1)
        for message in (
            ImageNotify(),
            QueryNextImage(FILE_ID, 1),
            QueryNextImageResponse(0, FILE_ID, 1 << 31),
            ImageBlockRequest(FILE_ID, 0, 64, METER, 9),
            ImageBlock(0, FILE_ID, 0, bytes(64)),
            ImageBlock.later(1 << 31, 0xFFFF),
            UpgradeEnd(0, FILE_ID),
        )
    ),
    Offer(METER, 10, bytes(32)).encode(),
    FileBlock(Offer(METER, 10, bytes(32)).name, 0, bytes(10)).encode(),
    Withdraw(Offer(METER, 10, bytes(32)).name).encode(),
]


class Home:
    """A hub and devices, each with its rig; frames between them pass ``air``, which may keep them back."""

    def __init__(self, *kinds: DeviceType, **hub: int) -> None:
        self.hub = Asn1Rig(DeviceType.CHF)
        self.hub.device.personality = replace(self.hub.device.personality, **hub)  # type: ignore[arg-type]  # numbers
        self.rigs = {DEVICES[kind]: Asn1Rig(kind) for kind in kinds}
        self.air: Callable[[SendHan], bool] = lambda _frame: True
        self.frames: list[SendHan] = []
        self.told: list[Message] = []

    @property
    def transfer(self) -> FirmwareTransfer:
        return self.hub.device.find(FirmwareTransfer)

    def offer(self, kind: DeviceType, file: FirmwareImage, now: int = START) -> None:
        target = DEVICES[kind]
        self._carry(self.hub, self.hub.device.through(lambda: self.transfer.accept(target, file.encode()), now), now)

    def run(self, until: int) -> None:
        rigs = (self.hub, *self.rigs.values())
        while True:
            due = min((rig.device.next_wake() or until + 1, at) for at, rig in enumerate(rigs))
            if due[0] > until:
                return
            rig = rigs[due[1]]
            self._carry(rig, rig.device.advance(max(due[0], rig.device.true_now)), due[0])

    def results(self) -> list[tuple[bytes, FirmwareTransferResult]]:
        told = [value_of(message) for message in self.told if message.message_code == 0x0128]
        return [(each.device, each.result) for each in told]

    def blocks(self) -> list[ImageBlock]:
        found = [decode_ota(frame.octets)[1] for frame in self.frames]
        return [message for message in found if isinstance(message, ImageBlock)]

    def _carry(self, rig: Asn1Rig, outputs: list[Output], now: int) -> None:
        self.told += messages(outputs)
        for output in outputs:
            if isinstance(output, SendHan) and output.cluster == CLUSTER and self.air(output):
                self.frames.append(output)
                there = self.rigs[output.recipient] if rig is self.hub else self.hub
                heard = there.device.receive_han(rig.identity, CLUSTER, output.octets, max(now, there.device.true_now))
                self._carry(there, heard, now)


def test_a_hub_asks_for_a_pace() -> None:
    home = Home(DeviceType.ESME, block_period=5000)
    home.offer(DeviceType.ESME, image(home.rigs[METER], content=BIG))
    home.run(START + 3600)
    assert home.results() == [(METER, RESULT.SUCCESS)]
    first, *others = home.blocks()
    assert (first.status, first.period) == (WAIT_FOR_DATA, 5000)
    assert all(block.status == 0 for block in others)
    asked = [decode_ota(frame.octets)[1] for frame in home.frames if frame.recipient == bytes(8)]
    assert [each.period for each in asked if isinstance(each, ImageBlockRequest)] == [0, *[5000] * len(others)]
    assert home.rigs[METER].device.true_now >= START + 5 * len(others)


def test_several_devices_at_once_each_gets_its_own() -> None:
    home = Home(DeviceType.ESME, DeviceType.PPMID, DeviceType.GSME)
    home.rigs[GAS].device.find(UpgradeClient).hears = lambda: True
    for kind, rig in zip((DeviceType.ESME, DeviceType.PPMID, DeviceType.GSME), home.rigs.values(), strict=True):
        signer = None if kind is DeviceType.PPMID else SUPPLIER
        home.offer(kind, image(rig, content=kind.value.encode() * 300, signer=signer))
    home.run(START + 300)
    assert sorted(home.results()) == sorted((device, RESULT.SUCCESS) for device in (METER, DISPLAY, GAS))
    waiting = store(home.rigs[METER]).state.waiting
    assert waiting is not None
    assert waiting.digest == image(home.rigs[METER], content=b"ESME" * 300).digest
    assert version(home.rigs[DISPLAY]) == NEW.hex()


def test_a_device_waits_for_its_turn() -> None:
    home = Home(DeviceType.ESME, DeviceType.PPMID, transfers_at_once=1)
    home.offer(DeviceType.ESME, image(home.rigs[METER], content=BIG))
    home.offer(DeviceType.PPMID, image(home.rigs[DISPLAY], content=b"small", signer=None))
    home.run(START + 3600)
    assert home.results() == [(METER, RESULT.SUCCESS), (DISPLAY, RESULT.SUCCESS)]
    waits = [block for block in home.blocks() if block.status == WAIT_FOR_DATA]
    assert waits
    assert {block.wait for block in waits} == {BUSY_WAIT}


def test_a_device_waits_while_the_sub_ghz_radio_is_silent() -> None:
    home = Home(DeviceType.ESME)
    radio = SubGhz()
    home.transfer.radio = radio
    radio.state.suspended.append(bytes(METER))
    home.offer(DeviceType.ESME, image(home.rigs[METER]))
    home.run(START + 10)
    assert [block.wait for block in home.blocks()] == [SILENT_WAIT]
    radio.state.suspended.clear()
    home.run(START + 1000)
    assert home.results() == [(METER, RESULT.SUCCESS)]


@pytest.mark.parametrize("newer", [3, 2], ids=["another version", "the same version"])
@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
def test_a_new_image_takes_the_place_of_one_in_transit(newer: int, told: bool) -> None:
    """Nothing of the first one is in the second, and one transfer is reported: the second."""
    home = Home(DeviceType.ESME)
    rig = home.rigs[METER]
    home.offer(DeviceType.ESME, image(rig, content=BIG))
    home.run(START + 20)
    assert 0 < store(rig).expected < len(BIG)
    home.air = lambda frame: told or not isinstance(decode_ota(frame.octets)[1], ImageNotify)
    second = image(rig, content=BIG[::-1], file_version=newer)
    home.offer(DeviceType.ESME, second, START + 21)
    home.run(START + 600)
    assert home.results() == [(METER, RESULT.SUCCESS)]
    waiting = store(rig).state.waiting
    assert waiting is not None
    assert (waiting.digest, waiting.version) == (second.digest, bytes((0, 0, 0, newer)))


def test_an_image_is_kept_a_week_and_then_reported_as_not_fetched() -> None:
    home = Home(DeviceType.ESME)
    home.air = lambda _frame: False
    home.offer(DeviceType.ESME, image(home.rigs[METER]))
    home.run(START + KEPT_FOR - 1)
    assert home.results() == []
    home.run(START + KEPT_FOR)
    assert home.results() == [(METER, RESULT.TRANSFER_FAILURE)]
    assert home.transfer.state.images == {}


def test_a_hub_goes_on_with_all_images_after_an_outage() -> None:
    home = Home(DeviceType.ESME)
    rig = home.rigs[METER]
    home.offer(DeviceType.ESME, image(rig, content=BIG))
    home.run(START + 20)
    home.hub.now = START + 21
    home.hub.start()  # killed, not switched off
    home.run(START + 600)
    assert home.results() == [(METER, RESULT.SUCCESS)]
    offsets = [block.offset for block in home.blocks()]
    assert sorted(set(offsets)) == sorted(offsets)


def test_a_device_that_is_killed_goes_on_from_its_last_whole_page() -> None:
    home = Home(DeviceType.ESME)
    rig = home.rigs[METER]
    home.offer(DeviceType.ESME, image(rig, content=BIG))
    home.run(START + 25)
    arrived = store(rig).expected
    assert PAGE < arrived < 2 * PAGE
    rig.now = START + 26
    rig.start()
    assert store(rig).expected == PAGE
    home.run(START + 600)
    assert home.results() == [(METER, RESULT.SUCCESS)]


def test_the_hub_knows_hardware_from_what_devices_ask() -> None:
    home = Home(DeviceType.ESME)
    other = image(home.rigs[METER], hardware=(2, 3))
    home.offer(DeviceType.ESME, other)
    assert home.results() == [(METER, RESULT.HARDWARE_VERSION_MISMATCH)]
    assert home.transfer.accept(METER, other.encode()) is RESULT.HARDWARE_VERSION_MISMATCH
    assert home.transfer.state.images == {}


def test_blocks_are_given_only_of_what_waits() -> None:
    home = Home(DeviceType.ESME)
    home.air = lambda _frame: False
    file = FileId(0x121D, 0, 2)
    hub = home.hub.device

    def ask(message: ImageBlockRequest | UpgradeEnd) -> object:
        (answer,) = [
            each for each in hub.receive_han(METER, CLUSTER, encode_ota(message, 1), START) if isinstance(each, SendHan)
        ]
        return decode_ota(answer.octets)[1]

    assert ask(ImageBlockRequest(file, 0, 64)) == ImageBlock(ABORT)
    home.offer(DeviceType.ESME, image(home.rigs[METER]))
    assert ask(ImageBlockRequest(file, 64, 64)) == ImageBlock(ABORT)  # nobody has asked for its first block
    ask(UpgradeEnd(ABORT, file))
    assert home.transfer.state.images != {}
    assert ask(ImageBlockRequest(file._replace(file_version=9), 0, 64)) == ImageBlock(ABORT)
    first = ask(ImageBlockRequest(file, 0, 64))
    assert isinstance(first, ImageBlock)
    assert len(first.data) == 64
    assert ask(ImageBlockRequest(file, 1 << 20, 64)) == ImageBlock(ABORT)
    ask(UpgradeEnd(ABORT, file._replace(file_version=9)))
    assert home.transfer.state.images != {}
    ask(UpgradeEnd(ABORT, file))
    assert home.transfer.state.images == {}


def test_a_sleeping_device_is_deaf_until_it_wakes() -> None:
    home = Home(DeviceType.GSME)
    rig = home.rigs[GAS]
    client = rig.device.find(UpgradeClient)
    client.hears = lambda: False
    home.offer(DeviceType.GSME, image(rig))
    assert [type(decode_ota(frame.octets)[1]) for frame in home.frames] == [ImageNotify]
    home.run(START + 600)
    assert len(home.frames) == 1
    client.hears = lambda: True
    home._carry(home.hub, home.hub.device.through(lambda: home.transfer.woke(GAS), START + 601), START + 601)
    assert isinstance(decode_ota(home.frames[2].octets)[1], QueryNextImage)
    client.hears = lambda: False  # and yet it stays awake while it fetches
    home.run(START + 700)
    assert home.results() == [(GAS, RESULT.SUCCESS)]


# the maker's own signature


def maker(name: str) -> tuple[MemoryKeyStore, bytes]:
    keys = MemoryKeyStore()
    return keys, keys.generate(KeyName(SUPPLIER, DS), name.encode().ljust(ENTROPY_LENGTH, b"."))


def made(by: str = "maker", **manifest: object) -> ManufacturerImage:
    keys, point = maker(by)
    said = Manifest(DeviceType.ESME, "121D", "00000001", "00000002")
    said = replace(said, **manifest)  # type: ignore[arg-type]  # members of a manifest
    return ManufacturerImage.build(said, b"content", point, lambda octets: keys.sign(SUPPLIER, octets))


def test_a_device_that_knows_its_maker_takes_only_what_that_has_signed() -> None:
    rig = Asn1Rig()
    store(rig).trust_maker(maker("maker")[1])
    for content, good in (
        (made().encode(), True),
        (made("another").encode(), False),
        (replace(made(), content=b"other").encode(), False),
        (b"opaque", False),
        (made(firmware_version="00000003").encode(), False),
        (made(model="00840001").encode(), False),
        (made(manufacturer="1234").encode(), False),
        (made().encode() + b"\0", False),
    ):
        receive(rig, image(rig, content=content))
        assert rig.security_log()[-1] == (0x8F72 if good else 0x8F1C)
    hardware = image(rig, content=made().encode(), hardware=(0, 9))
    assert not suits(rig.device, hardware, maker("maker")[1])
    assert suits(rig.device, replace(hardware, header=replace(hardware.header, hardware=(0, 0xFFFF))), b"")


def test_an_image_for_another_device_alone_is_none_for_this() -> None:
    rig = Asn1Rig()
    for destination, good in ((rig.identity, True), (SUPPLIER, False)):
        receive(rig, image(rig, destination=destination))
        assert rig.security_log()[-1] == (0x8F72 if good else 0x8F1C)


# versions


def test_what_ran_before_runs_again_when_the_running_image_is_bad() -> None:
    medium = Medium()
    rig = Asn1Rig(nvm=MemoryNvm(medium))
    for number in (2, 3):
        file = image(rig, content=b"image %d" % number, file_version=number)
        receive(rig, file)
        activate(rig, file.digest)
    for bank, expected in ((1, "00000002"), (0, "00000001")):
        rig.device.power_off(rig.now)
        medium.logs[f"firmware/{bank}"][1][62] ^= 1
        rig.now += 1
        rig.start()
        assert version(rig) == expected
        assert rig.security_log()[-1] == 0x8F1B


def test_a_downgrade_is_refused_where_the_model_does_so() -> None:
    for refuses in (False, True):
        rig = Asn1Rig()
        store(rig).factory = rig.device.personality = replace(rig.device.personality, refuses_downgrade=refuses)
        file = image(rig, file_version=0)
        receive(rig, file)
        expected = (ActivationResult.ACTIVATION_FAILURE, OLD) if refuses else (ActivationResult.SUCCESS, bytes(4))
        assert activate(rig, file.digest).outcome == ActivationOutcome(*expected)


# the intake


def answer_to(device: Device, frame: bytes) -> bytes:
    """What a device says to a frame, nothing where it says nothing."""
    answers: list[bytes | None] = []
    device.through(lambda: answers.append(take_image_frame(device, frame)), START)
    return answers[0] or b""


def deliver(device: Device, client: DeliveryClient, frames: int = 1 << 30) -> Status | None:
    """Bring so many frames of a delivery to a device."""
    while not client.ended:
        for frame in client.take_output():
            if not frames:
                return client.status
            frames -= 1
            client.receive(answer_to(device, frame))
    return client.status


@pytest.mark.parametrize("kind", [kind for kind in DeviceType if kind not in (DeviceType.GPF, DeviceType.TYPE_2)])
def test_a_device_without_hub_takes_what_is_for_itself(kind: DeviceType) -> None:
    rig = Asn1Rig(kind)
    signer = {DeviceType.PPMID: None, DeviceType.HCALCS: None, DeviceType.CHF: WAN}.get(kind, SUPPLIER)
    file = image(rig, signer=signer)
    assert deliver(rig.device, DeliveryClient(rig.identity, file.encode())) is Status.COMPLETE
    kept = version(rig) if signer is None else store(rig).state.waiting
    assert kept == NEW.hex() or getattr(kept, "digest", b"") == file.digest
    if kind is not DeviceType.CHF:
        assert deliver(rig.device, DeliveryClient(GAS if rig.identity != GAS else METER, b"x")) is Status.UNKNOWN_TARGET
    assert deliver(rig.device, DeliveryClient(rig.identity, b"nothing of the kind" * 9)) is Status.DISCARDED


def test_a_proxy_takes_no_images() -> None:
    rig = Asn1Rig(DeviceType.GPF)
    assert take_image_frame(rig.device, Offer(rig.identity, 1, bytes(32)).encode()) is None


def test_what_has_arrived_of_a_file_outlives_a_restart_of_the_hub() -> None:
    hub, meter = Asn1Rig(DeviceType.CHF), Asn1Rig()
    file = image(meter, content=BIG).encode()
    first = DeliveryClient(METER, file, 500, 1)
    deliver(hub.device, first, 5)
    assert first.arrived == 2000
    hub.start()  # killed: the last whole page is there
    second = DeliveryClient(METER, file, 500)
    assert deliver(hub.device, second) is Status.COMPLETE
    assert second.began_at == PAGE
    third = DeliveryClient(METER, file, 500, 1)
    deliver(hub.device, third, 5)
    hub.device.power_off(START)  # in good order: all of it is there
    hub.start()
    fourth = DeliveryClient(METER, file, 500)
    assert deliver(hub.device, fourth) is Status.COMPLETE
    assert fourth.began_at == 2000
    assert hub.device.find(ImageIntake).state.files == {}


def test_a_verdict_is_remembered_over_a_restart() -> None:
    hub = Asn1Rig(DeviceType.CHF)
    client = DeliveryClient(METER, bytes(500))
    assert deliver(hub.device, client) is Status.DISCARDED
    hub.start()
    answer = take_image_frame(hub.device, FileBlock(client.offer.name, 0, bytes(500)).encode())
    assert answer is not None
    assert decode_frame(answer) == Progress(client.offer.name, Status.DISCARDED)


def test_only_so_many_files_at_once() -> None:
    hub = Asn1Rig(DeviceType.CHF)
    for number in range(MOST_AT_ONCE):
        target = type(METER)(bytes((0, 1, 2, 3, 4, 5, 6, number)))
        assert deliver(hub.device, DeliveryClient(target, bytes(5000), window=1), 2) is Status.CONTINUE
    assert deliver(hub.device, DeliveryClient(METER, bytes(5000))) is Status.BUSY
    assert hub.device.find(FirmwareStore).state.waiting is None


def test_an_image_header_that_lies_about_its_size_costs_nothing() -> None:
    rig = Asn1Rig()
    header = OtaHeader(0x121D, 0, 2, total_size=0xFFFFFFFF).encode()
    assert store(rig).receive_block(0, header + bytes(200)) == 0
    assert rig.security_log() == [0x8F1C]


def test_blocks_cost_time_on_the_air_and_wait_for_a_suspended_device() -> None:
    hub = chf.make_device(HUB, Personality(device=DeviceType.CHF), MemoryNvm(), MemoryKeyStore())
    hub.power_on(START)
    radio = hub.find(SubGhz)
    radio.admit(METER)
    assert radio.may_send_block(METER, 64)
    assert radio.may_send_block(DISPLAY, 64)  # which is in the other band
    assert [row[1] for row in radio.state.sent] == [bytes(METER)]
    radio.state.suspended.append(bytes(METER))
    assert not radio.may_send_block(METER, 64)


@pytest.mark.parametrize("name", ["block_period", "transfers_at_once"])
def test_settings_of_a_transfer_have_their_range(name: str) -> None:
    assert getattr(Personality(**{name: 0xFFFF}), name) == 0xFFFF  # type: ignore[arg-type]  # a number
    for wrong in (-1, 0x10000):
        with pytest.raises(PersonalityError, match=name):
            Personality(**{name: wrong})  # type: ignore[arg-type]  # a number


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60) | st.sampled_from(WELL_FORMED)), max_size=20))
def test_neither_hub_nor_meter_is_upset_by_any_frame(frames: list[tuple[bool, bytes]]) -> None:
    for rig in (Asn1Rig(DeviceType.CHF), Asn1Rig()):
        for by_radio, octets in frames:
            if by_radio:
                rig.device.receive_han(METER, CLUSTER, octets, START)
            else:
                answer_to(rig.device, octets)
        assert rig.device.unsaved() == []
        rig.start()
