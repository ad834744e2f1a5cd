"""Firmware arrives, is checked, activated and reported."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any, cast

import pytest

from firmware_emu import Personality, SendHan
from firmware_emu.defects import IGNORES_ROLE
from firmware_emu.firmware_content import FirmwareContent
from firmware_emu.nvm import Medium, MemoryNvm, PowerCut
from firmware_emu.parts.firmware.image_check import SKIPS_IMAGE_SIGNATURE
from firmware_emu.parts.firmware.store import ACTIVATES_WITHOUT_HASH, HASHES_WHOLE_FILE, FirmwareStore
from firmware_emu.parts.firmware.transfer import FirmwareTransfer
from firmware_emu.parts.firmware.upgrade_client import RESTARTS_DOWNLOAD
from protocols.der import NEVER
from protocols.dlms.access import DataNotification
from protocols.firmware_container import MAGIC
from protocols.gbcs.asn1_device import (
    ActivateFirmwareAlert,
    ActivateFirmwareCommand,
    ActivateFirmwareResponse,
    ActivationOutcome,
    ActivationResult,
    FirmwareTransferAlert,
    FirmwareTransferResult,
    FirmwareVersionAlert,
    ReadFirmwareVersionCommand,
    ReadFirmwareVersionResponse,
    ReadResult,
)
from protocols.gbcs.firmware_image import FirmwareImage, OtaHeader
from protocols.gbcs.gbz import GbzAlert, ImageHash
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, verify
from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY

from .asn1_home import BROKER, DEVICES, START, SUPPLIER, WAN, Asn1Rig, value_of
from .tiny import messages

RESULT = ActivationResult
OLD, NEW = bytes.fromhex("00000001"), bytes.fromhex("00000002")
CONTENT = FirmwareContent(frozenset(), frozenset({IGNORES_ROLE}))


def image(rig: Asn1Rig, content: bytes | None = None, signer: Any = SUPPLIER, **header: Any) -> FirmwareImage:
    octets = CONTENT.encode(rig.kind) if content is None else content
    made = replace(OtaHeader(0x121D, 0, 2), **header)
    return FirmwareImage.build(made, octets, None if signer is None else lambda each: rig.keys.sign(signer, each))


def store(rig: Asn1Rig) -> FirmwareStore:
    return cast(FirmwareStore, rig.device.part("firmware"))


def receive(rig: Asn1Rig, file: FirmwareImage | bytes, size: int = 40) -> list[Message]:
    store(rig).receive_image(file if isinstance(file, bytes) else file.encode(), size)
    return rig.advance(rig.now)


def activate(rig: Asn1Rig, digest: bytes, at: int | None = None, sender: Any = SUPPLIER) -> ActivateFirmwareResponse:
    number = rig.next_counter()
    answer = rig.ask(0x0012, ActivateFirmwareCommand(digest, number, at), sender, counter=number)
    assert isinstance(answer, ActivateFirmwareResponse)
    return answer


def version(rig: Asn1Rig) -> str:
    return rig.device.personality.firmware_version


def test_an_image_is_checked_reported_and_activated_on_command() -> None:
    rig = Asn1Rig()
    file = image(rig)
    (alert,) = receive(rig, file)
    payload = decode_payload(alert)
    assert isinstance(payload, DataNotification)
    assert (alert.message_code, alert.recipient) == (0x00CE, SUPPLIER)
    assert [member.value for member in payload.body.value[::2]] == [0x8F72, file.digest]
    assert version(rig) == OLD.hex()
    assert activate(rig, file.digest) == ActivateFirmwareResponse(ActivationOutcome(RESULT.SUCCESS, NEW))
    assert (version(rig), rig.device.personality.defects) == (NEW.hex(), CONTENT.defects)
    assert rig.security_log() == [0x8F72, 0x8F43]
    assert activate(rig, file.digest).outcome == ActivationOutcome(RESULT.NO_IMAGE_HELD, NEW)


def test_a_gas_meter_reports_its_image_as_gbz() -> None:
    rig = Asn1Rig(DeviceType.GSME)
    file = image(rig)
    (alert,) = receive(rig, file)
    payload = decode_payload(alert)
    assert isinstance(payload, GbzAlert)
    assert (alert.message_code, payload.alert_code, payload.body) == (0x00CF, 0x8F72, ImageHash(file.digest))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rig: image(rig, signer=BROKER),
        lambda rig: image(rig, hardware=(2, 9)),
        lambda rig: replace(image(rig), manufacturer_image=CONTENT.encode()[:-1] + b" "),
        lambda rig: image(rig).encode()[:55] + b"\x00" + image(rig).encode()[56:100],
        lambda _rig: b"\x00" * 100,
        lambda rig: image(rig, signer=None),
    ],
    ids=["another signer", "other hardware", "altered", "cut short", "no image", "not signed"],
)
def test_a_bad_image_is_thrown_away_and_reported(spoil: Any) -> None:
    rig = Asn1Rig()
    spoilt = spoil(rig)
    octets = spoilt if isinstance(spoilt, bytes) else spoilt.encode()
    receive(rig, octets + bytes(2000 if len(octets) < 120 else 0))
    assert rig.security_log() == [0x8F1C]
    assert activate(rig, image(rig).digest).outcome == ActivationOutcome(RESULT.NO_IMAGE_HELD, OLD)


def test_maker_and_model_count_where_the_personality_has_codes() -> None:
    for manufacturer, model, good in (
        ("121D", "00000001", True),
        ("121E", "00000001", False),
        ("121D", "00840001", False),
    ):
        rig = Asn1Rig()
        rig.device.personality = replace(rig.device.personality, manufacturer=manufacturer, model=model)
        receive(rig, image(rig))
        assert rig.security_log() == [0x8F72 if good else 0x8F1C]


def test_blocks_may_be_lost_doubled_or_interrupted_by_an_outage() -> None:
    rig = Asn1Rig()
    octets = image(rig).encode()
    part = store(rig)
    assert part.receive_block(0, octets[:50]) == 50
    assert part.receive_block(50, octets[50:100]) == 100
    assert part.receive_block(50, octets[50:100]) == 100
    assert part.receive_block(150, octets[150:200]) == 100
    rig.device.power_off(START + 1)
    rig.now = START + 60
    rig.start()
    assert store(rig).expected == 100
    assert store(rig).receive_block(100, octets[100:]) == 0
    assert activate(rig, image(rig).digest).outcome == ActivationOutcome(RESULT.SUCCESS, NEW)


def test_a_new_download_takes_the_place_of_the_waiting_image() -> None:
    rig = Asn1Rig()
    first, second = image(rig), image(rig, content=b"plain", file_version=3)
    receive(rig, first)
    activate(rig, first.digest, START + DAY)
    receive(rig, second)
    (alert,) = rig.advance(START + DAY)
    assert value_of(alert).outcome == ActivationOutcome(RESULT.HASH_MISMATCH, OLD)
    assert activate(rig, second.digest).outcome == ActivationOutcome(RESULT.SUCCESS, bytes((0, 0, 0, 3)))


def test_a_dated_activation_is_told_of_and_can_be_cancelled() -> None:
    rig = Asn1Rig()
    file = image(rig)
    receive(rig, file)
    assert activate(rig, file.digest, START + DAY) == ActivateFirmwareResponse()
    number = rig.counter
    (alert,) = rig.advance(START + DAY)
    assert verify(alert, rig.keys).signature is Verdict.VALID
    outcome = ActivationOutcome(RESULT.SUCCESS, NEW)
    assert (alert.message_code, alert.recipient) == (0x00CA, SUPPLIER)
    assert value_of(alert) == ActivateFirmwareAlert(0x8F66, START + DAY, number, outcome)
    other = image(rig, file_version=5)
    receive(rig, other)
    activate(rig, other.digest, START + 2 * DAY)
    assert activate(rig, other.digest, NEVER) == ActivateFirmwareResponse()
    assert rig.advance(START + 3 * DAY) == []
    assert version(rig) == NEW.hex()


def test_an_image_that_does_not_start_leaves_the_old_one_running() -> None:
    for content in (
        FirmwareContent(starts=False).encode(),
        MAGIC + b"nothing that is understood",
        FirmwareContent(defects=frozenset({"none such"})).encode(),
        FirmwareContent(use_cases=frozenset({"none such"})).encode(),
        FirmwareContent().encode(DeviceType.GSME),
    ):
        rig = Asn1Rig()
        file = image(rig, content)
        receive(rig, file)
        assert activate(rig, file.digest).outcome == ActivationOutcome(RESULT.ACTIVATION_FAILURE, OLD)
        assert version(rig) == OLD.hex()
        assert 0x8F43 not in rig.security_log()


def test_the_firmware_runs_on_after_an_outage_and_is_checked_at_power_on() -> None:
    medium = Medium()
    rig = Asn1Rig(nvm=MemoryNvm(medium))
    file = image(rig)
    receive(rig, file)
    activate(rig, file.digest)
    rig.device.power_off(START + 1)
    rig.now = START + 60
    rig.start()
    assert (version(rig), rig.device.personality.defects) == (NEW.hex(), CONTENT.defects)
    rig.device.power_off(START + 61)
    medium.logs["firmware/0"][1][70] ^= 1
    rig.now = START + 120
    sent = messages(rig.start())
    assert version(rig) == OLD.hex()
    assert rig.security_log()[-1] == 0x8F1B
    assert [message.cra for message in sent] == [Cra.ALERT]


def test_a_power_cut_at_any_write_leaves_a_whole_image_or_none() -> None:
    digests, runs = set(), set()
    for write in range(1, 60):
        medium = Medium()
        rig = Asn1Rig(nvm=MemoryNvm(medium))
        file = image(rig)
        medium.cut_power_before(write)
        try:
            receive(rig, file)
            activate(rig, file.digest)
        except PowerCut:
            rig.nvm = MemoryNvm(medium)
            rig.start()
            waiting = store(rig).state.waiting
            digests.add(None if waiting is None else waiting.digest)
            runs.add(version(rig))
            if waiting is not None:
                assert activate(rig, file.digest).outcome == ActivationOutcome(RESULT.SUCCESS, NEW)
            continue
        break
    assert digests == {None, file.digest}
    assert runs == {OLD.hex(), NEW.hex()}


def test_other_parts_are_told_of_new_firmware() -> None:
    rig = Asn1Rig()
    heard: list[str] = []
    rig.device.on_new_firmware.append(lambda: heard.append(version(rig)))
    file = image(rig)
    receive(rig, file)
    activate(rig, file.digest)
    assert heard == [NEW.hex()]


def test_a_hub_takes_the_wan_providers_signature_and_activation() -> None:
    rig = Asn1Rig(DeviceType.CHF)
    receive(rig, image(rig))
    assert store(rig).state.waiting is None
    file = image(rig, signer=WAN)
    receive(rig, file)
    assert activate(rig, file.digest, sender=WAN).outcome == ActivationOutcome(RESULT.SUCCESS, NEW)


@pytest.mark.parametrize("kind", [DeviceType.PPMID, DeviceType.HCALCS])
def test_a_small_device_activates_by_itself_and_tells_the_broker(kind: DeviceType) -> None:
    rig = Asn1Rig(kind)
    (alert,) = receive(rig, image(rig, signer=None))
    assert (alert.message_code, alert.recipient) == (0x012B, BROKER)
    assert value_of(alert) == FirmwareVersionAlert(0x8F8B, START, NEW, ReadResult.SUCCESS)
    answer = rig.ask(0x0129, ReadFirmwareVersionCommand(), BROKER)
    assert answer == ReadFirmwareVersionResponse(NEW, ReadResult.SUCCESS)
    (alert,) = receive(rig, image(rig, FirmwareContent(starts=False).encode(kind), None, file_version=3))
    assert value_of(alert) == FirmwareVersionAlert(0x8F8B, START, NEW, ReadResult.FAILURE)


@pytest.mark.parametrize("result", list(RESULT))
def test_every_outcome_of_an_activation_can_be_preset(result: ActivationResult) -> None:
    rig = Asn1Rig()
    answer = ActivateFirmwareResponse(ActivationOutcome(result, bytes.fromhex("0123abce")))
    digest = bytes(range(32))
    rig.device.asn1.preset(0x0012, answer, ActivateFirmwareCommand(digest, 1))
    assert activate(rig, digest) == answer


def test_planned_defects_show() -> None:
    skipping = Asn1Rig(defects=frozenset({SKIPS_IMAGE_SIGNATURE}))
    receive(skipping, image(skipping, signer=BROKER))
    assert skipping.security_log() == [0x8F72]
    careless = Asn1Rig(defects=frozenset({ACTIVATES_WITHOUT_HASH}))
    receive(careless, image(careless))
    assert activate(careless, bytes(32)).outcome == ActivationOutcome(RESULT.SUCCESS, NEW)
    whole = Asn1Rig(defects=frozenset({HASHES_WHOLE_FILE}))
    file = image(whole)
    receive(whole, file)
    assert activate(whole, file.digest).outcome == ActivationOutcome(RESULT.HASH_MISMATCH, OLD)
    assert store(whole).state.waiting.digest == sha256(file.encode()).digest()  # type: ignore[union-attr]  # it is there


def test_the_content_of_an_image_is_read_back() -> None:
    for content in (CONTENT, FirmwareContent(frozenset({"ECS17b"}), frozenset(), starts=False)):
        assert FirmwareContent.decode(content.encode()) == replace(content, device=DeviceType.ESME)
    assert FirmwareContent.decode(b"anything else") == FirmwareContent()
    for bad in (b"", b"\xff", bytes(200), CONTENT.encode()[8:-1]):
        assert not FirmwareContent.decode(MAGIC + bad).starts
    assert FirmwareContent().personality(Personality(variant="B"), NEW) == Personality(
        variant="B", firmware_version=NEW.hex()
    )


# The hub's transfer of images to others


@pytest.mark.parametrize("result", list(FirmwareTransferResult))
def test_a_hub_reports_every_end_of_a_transfer(result: FirmwareTransferResult) -> None:
    rig = Asn1Rig(DeviceType.CHF)
    target = DEVICES[DeviceType.ESME]
    code = 0x8F8A if result is FirmwareTransferResult.SUCCESS else 0x8F89
    expected = FirmwareTransferAlert(code, START, target, NEW, result)
    rig.device.asn1.cause(0x0128, expected)
    (alert,) = rig.advance(START + 1)
    assert (alert.message_code, alert.recipient, value_of(alert)) == (0x0128, BROKER, expected)
    assert verify(alert, rig.keys).signature is Verdict.VALID


def test_a_hub_discards_what_is_no_image_and_reports_nothing_that_was_not_begun() -> None:
    rig = Asn1Rig(DeviceType.CHF)
    part = cast(FirmwareTransfer, rig.device.part("firmware transfer"))
    part.ended(SUPPLIER, complete=True)
    assert part.accept(SUPPLIER, b"no image") is FirmwareTransferResult.IMAGE_DISCARDED
    (alert,) = rig.advance(START + 1)
    assert value_of(alert).result is FirmwareTransferResult.IMAGE_DISCARDED


# From the hub to a device, block by block


class Link:
    """A hub and a device, and the frames between them."""

    def __init__(self, kind: DeviceType = DeviceType.ESME) -> None:
        self.hub, self.rig = Asn1Rig(DeviceType.CHF), Asn1Rig(kind)
        self.cut = False
        self.frames = 0

    def offer(self, octets: bytes, now: int = START) -> list[Message]:
        """An image comes to the hub; what it sends over the WAN."""
        part = cast(FirmwareTransfer, self.hub.device.part("firmware transfer"))
        return self.carry(self.hub, self.hub.device.through(lambda: part.accept(self.rig.identity, octets), now), now)

    def carry(self, source: Asn1Rig, outputs: list[Any], now: int) -> list[Message]:
        """Bring frames to the other side, and theirs back."""
        other = self.rig if source is self.hub else self.hub
        sent = messages(outputs)
        for output in outputs:
            if isinstance(output, SendHan) and not self.cut and other.device.on:
                self.frames += 1
                heard = other.device.receive_han(source.identity, output.cluster, output.octets, now)
                sent += self.carry(other, heard, now)
        return sent

    def advance(self, now: int) -> list[Message]:
        """Let the device do what is due, second by second where something is."""
        sent = []
        while (wake := self.rig.device.next_wake()) is not None and wake <= now:
            sent += self.carry(self.rig, self.rig.device.advance(wake), wake)
        return sent + self.carry(self.rig, self.rig.device.advance(now), now)


def test_a_hub_hands_an_image_over_and_reports_its_arrival() -> None:
    link = Link()
    octets = image(link.rig, content=bytes(range(256)) * 4).encode()
    assert link.offer(octets) == []
    sent = link.advance(START + 600)
    assert [message.message_code for message in sent] == [0x00CE, 0x0128]
    assert value_of(sent[1]).result is FirmwareTransferResult.SUCCESS
    assert store(link.rig).state.waiting.digest == sha256(bytes(range(256)) * 4).digest()  # type: ignore[union-attr]
    assert link.frames > 2 * len(octets) // 64
    assert link.advance(START + 3 * DAY) == []


def test_a_transfer_goes_on_after_lost_frames_and_outages_of_both() -> None:
    link = Link()
    octets = image(link.rig, content=b"plain" * 400).encode()
    link.offer(octets)
    link.advance(START + 10)
    link.cut = True
    link.advance(START + 100)
    link.cut = False
    at = store(link.rig).expected
    assert 0 < at < len(octets)
    for rig in (link.rig, link.hub):
        rig.device.power_off(START + 110)
        rig.now = START + 200
        rig.start()
    assert store(link.rig).expected == at
    assert 0x0128 in [message.message_code for message in link.advance(START + 900)]
    assert store(link.rig).accepted


def test_an_image_that_the_device_refuses_is_a_failed_transfer() -> None:
    link = Link()
    link.offer(image(link.rig, signer=BROKER).encode())
    sent = link.advance(START + 600)
    assert value_of(sent[-1]).result is FirmwareTransferResult.TRANSFER_FAILURE
    assert link.rig.security_log() == [0x8F1C]


def test_a_device_asks_once_a_day_and_does_not_fetch_what_it_runs() -> None:
    link = Link(DeviceType.PPMID)
    link.cut = True
    link.offer(image(link.rig, signer=None).encode())
    link.cut = False
    assert link.advance(START + DAY - 1) == []
    sent = link.advance(START + DAY + 600)
    assert [message.message_code for message in sent] == [0x012B, 0x0128]
    frames = link.frames
    link.offer(image(link.rig, signer=None).encode(), START + DAY + 600)
    link.advance(START + 2 * DAY)
    assert link.frames - frames == 3


def test_a_download_that_begins_anew_after_an_outage_shows() -> None:
    link = Link()
    link.rig = Asn1Rig(defects=frozenset({RESTARTS_DOWNLOAD}))
    link.offer(image(link.rig, content=b"plain" * 400).encode())
    link.advance(START + 10)
    assert store(link.rig).expected > 0
    link.rig.device.power_off(START + 20)
    link.rig.now = START + 60
    link.rig.start()
    assert store(link.rig).expected == 0


def test_frames_that_are_none_of_the_cluster_are_ignored() -> None:
    link = Link()
    for rig in (link.hub, link.rig):
        for octets in (b"", b"\x01\x00\x03", b"\xff" * 40):
            assert rig.device.receive_han(link.rig.identity, 0x0019, octets, START) == []
