"""Rows of the matrix between gate and device: what was cleared is spoiled on the way, or something else is put in.

To the hub over the wire, at the hub, on the radio, and in the device that checks what it got. What is brought here to
the hub past the gate stands for what somebody on the way could do, or for a fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from firmware_emu.han import HanFrame
from firmware_emu.parts.firmware.transfer import KEPT_FOR
from firmware_emu.parts.firmware.upgrade_client import ANSWER_WITHIN
from protocols.eui64 import eui64
from protocols.gbcs.asn1_device import ActivationOutcome, ActivationResult, ReadResult
from protocols.gbcs.asn1_device import FirmwareTransferResult as Transfer
from protocols.gbcs.firmware_image import FirmwareImage
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.image_delivery import Status
from protocols.zigbee.ota import FileId, ImageBlock, OtaMessage, encode_ota

from .firmware import BAD_RECEIPT, BY_THEMSELVES, KINDS, NEW, NEWER, OLD, TRANSFER, VERSION_REPORT, Estate, maker
from .firmware_gate_rows import unsigned, with_octet_changed
from .firmware_rows import METERS, ON_COMMAND, SMALL, THROUGH_HUB, row
from .world import CHF, GSME, START

STRANGER = eui64("00DB1234567891FF")
WAN_PROVIDER = RemotePartyRole.WAN_PROVIDER
Make = Callable[[Estate], FirmwareImage | bytes]


def holds_nothing(estate: Estate) -> None:
    """Nothing waits; what one tries to activate is not there."""
    assert estate.store.state.waiting is None
    assert not estate.store.state.downloading
    if estate.kind in BY_THEMSELVES:
        assert estate.alerts_of(VERSION_REPORT) == []
    else:
        outcome = estate.activate(estate.clear(estate.enlist(estate.file())))
        assert outcome == ActivationOutcome(ActivationResult.NO_IMAGE_HELD, OLD)


# over the wire


@row("delivery, an altered file")
def altered_on_the_wire(estate: Estate) -> None:
    """The hub has another hash than was offered: it asks for the file again, and in the end gives up."""
    status = estate.bring(estate.file(), digest=bytes(32))
    assert status is Status.HASH_WRONG
    assert estate.alerts_of(TRANSFER) == []
    holds_nothing(estate)


@row("delivery, frames lost, doubled, altered, out of order")
def bad_wire(estate: Estate) -> None:
    """The wire spoils one frame in three: nothing is received that was not sent, and in the end all of it."""
    random = Random(7)

    def wire(frame: bytes) -> list[bytes]:
        fate = random.randrange(9)
        altered = frame[:20] + bytes((frame[20] ^ 1,)) + frame[21:]
        return {0: [], 1: [altered], 2: [frame, frame]}.get(fate, [frame])

    cut = estate.file().encode()
    assert estate.bring(cut + b"surplus", wire, block=100) is Status.DISCARDED
    holds_nothing(estate)


@row("delivery, for a device that is not there")
def wrong_target(estate: Estate) -> None:
    assert estate.bring(estate.file(), target=STRANGER) is Status.UNKNOWN_TARGET
    holds_nothing(estate)


@row("delivery, broken off")
def broken_off(estate: Estate) -> None:
    """The head end falls silent in the middle: what has arrived starts nothing, also when the hub starts again."""
    frames = 0

    def wire(frame: bytes) -> list[bytes]:
        nonlocal frames
        frames += 1
        return [frame] if frames < 4 else []

    assert estate.bring(estate.file(), wire, block=100, window=1) is None
    estate.switch_off()
    estate.run(estate.now + 200)
    estate.switch_on()
    holds_nothing(estate)


# at the hub


def at_hub(what: str, status: Status, result: Transfer) -> Callable[[Make], Make]:
    """A row: the hub does not keep the file, and says so at once and by CCS08."""

    def put(make: Make) -> Make:
        def play(estate: Estate) -> None:
            assert estate.bring(make(estate)) is status
            (told,) = [heard.payload.value for heard in estate.alerts_of(TRANSFER)]
            assert (told.alert_code, told.device, told.result) == (0x8F89, estate.identity, result)
            estate.transferred(0)
            holds_nothing(estate)

        row(f"hub, {what}", THROUGH_HUB)(play)
        return make

    return put


at_hub("no image", Status.DISCARDED, Transfer.IMAGE_DISCARDED)(lambda _estate: bytes(500))
at_hub("cut short", Status.DISCARDED, Transfer.IMAGE_DISCARDED)(lambda e: e.file().encode()[:-10])
at_hub("surplus octets", Status.DISCARDED, Transfer.IMAGE_DISCARDED)(lambda e: e.file().encode() + bytes(9))


@at_hub("for another device", Status.DISCARDED, Transfer.IMAGE_DISCARDED)
def for_another(estate: Estate) -> FirmwareImage:
    file = estate.file()
    header = replace(file.header, destination=STRANGER, total_size=file.header.total_size + 8)
    return replace(file, header=header)


@row("hub, other hardware", THROUGH_HUB)
def other_hardware(estate: Estate) -> None:
    """At first the hub learns the device's hardware version by its question; from then on it knows it."""
    file = estate.file(hardware_versions=(2, 3))
    for status in (Status.COMPLETE, Status.HARDWARE_MISMATCH):
        assert estate.bring(file) is status
        told = estate.transferred()
        assert told is not None
        assert (told.alert_code, told.version, told.result) == (0x8F89, NEW, Transfer.HARDWARE_VERSION_MISMATCH)
        holds_nothing(estate)


# on the radio


@row("radio, the device is not reached", THROUGH_HUB)
def not_reached(estate: Estate) -> None:
    """No frame gets through for a week: the hub gives up."""
    silence = True
    estate.on_air(lambda frame, _message: [] if silence else [frame])
    assert estate.bring(estate.file()) is Status.COMPLETE
    assert estate.transferred(KEPT_FOR - 1) is None
    told = estate.transferred(1)
    assert told is not None
    assert told.result is Transfer.TRANSFER_FAILURE
    silence = False
    holds_nothing(estate)


@row("radio, the transfer breaks off and the image is withdrawn", THROUGH_HUB)
def breaks_off(estate: Estate) -> None:
    """The radio falls silent in the middle, and another image comes: of the first nothing is used."""
    silent_from = 5

    def air(frame: HanFrame, message: OtaMessage) -> list[HanFrame]:
        nonlocal silent_from
        silent_from -= isinstance(message, ImageBlock)
        return [frame] if silent_from > 0 else []

    estate.on_air(air)
    estate.bring(estate.file())
    assert estate.transferred() is None
    assert estate.store.state.downloading
    silent_from = 1 << 30
    bad = with_octet_changed(estate.file(NEWER), -90)
    estate.bring(bad)
    told = estate.transferred()
    assert told is not None
    assert (told.version, told.result) == (NEWER, Transfer.TRANSFER_FAILURE)
    holds_nothing(estate)


def spoiled(estate: Estate, change: Callable[[ImageBlock], ImageBlock]) -> None:
    """Every third block is another one when it arrives."""
    number = 0

    def air(frame: HanFrame, message: OtaMessage) -> list[HanFrame]:
        nonlocal number
        if not isinstance(message, ImageBlock) or message.status:
            return [frame]
        number += 1
        if number % 3:
            return [frame]
        return [frame._replace(octets=encode_ota(change(message), frame.octets[1]))]

    estate.on_air(air)


def wrong_blocks(what: str, change: Callable[[ImageBlock], ImageBlock]) -> None:
    """A row: such blocks are not written; they are asked for again, and what arrives in the end is what was sent.

    That is then an image for another model, which the device refuses.
    """

    def play(estate: Estate) -> None:
        spoiled(estate, change)
        foreign = estate.file(model="00770001")
        assert estate.put(foreign) is Transfer.TRANSFER_FAILURE
        if estate.kind not in BY_THEMSELVES:
            assert estate.receipt == (BAD_RECEIPT, foreign.digest)
        assert estate.now - START > ANSWER_WITHIN
        holds_nothing(estate)

    row(f"radio, blocks {what}", THROUGH_HUB)(play)


wrong_blocks("of another offset", lambda block: replace(block, offset=block.offset + 64))
wrong_blocks("of another file", lambda block: replace(block, file=FileId(0x1234, 0, 77)))


@row("radio, blocks altered", THROUGH_HUB)
def altered_blocks(estate: Estate) -> None:
    """The radio's own check would find them; if it did not, the signature would."""
    spoiled(estate, lambda block: replace(block, data=bytes((block.data[0] ^ 1,)) + block.data[1:]))
    assert estate.put(estate.file()) is Transfer.TRANSFER_FAILURE
    if estate.kind not in BY_THEMSELVES:
        code, digest = estate.receipt or (0, b"")
        assert code == BAD_RECEIPT
        assert digest != estate.file().digest
    estate.on_air(lambda frame, _message: [frame])
    holds_nothing(estate)


# in the device, which does not trust the way


def at_device(what: str, kinds: tuple[DeviceType, ...] = KINDS) -> Callable[[Make], Make]:
    """A row: the device throws the image away and says so (8F1C with the hash that it computed); the hub, CCS08."""

    def put(make: Make) -> Make:
        def play(estate: Estate) -> None:
            file = make(estate)
            digest = file.digest if isinstance(file, FirmwareImage) else b""
            result = estate.put(file)
            if estate.kind is CHF:
                assert [entry.code for entry in estate.device.logs.events()] == []
            else:
                assert result is Transfer.TRANSFER_FAILURE
            if estate.kind in METERS:
                assert estate.receipt == (BAD_RECEIPT, digest)
                assert [entry.code for entry in estate.device.logs.security()][-1] == BAD_RECEIPT
            holds_nothing(estate)

        row(f"device, {what}", kinds)(play)
        return make

    return put


at_device("image altered")(lambda e: with_octet_changed(e.file(), -100))
at_device("signed by another maker")(lambda e: e.file(by=maker("somebody else")))
at_device("another model")(lambda e: e.file(model="00770001"))
at_device("another maker's number")(lambda e: e.file(manufacturer="4321"))
at_device("header altered, version")(lambda e: replace(e.file(), header=replace(e.file().header, file_version=7)))
at_device("header altered, hardware")(lambda e: replace(e.file(), header=replace(e.file().header, hardware=(0, 9))))
at_device("other hardware", (CHF,))(lambda e: e.file(hardware_versions=(2, 3)))  # of others the hub knows it first
at_device("for another device", (CHF,))(
    lambda e: FirmwareImage.build(
        replace(e.file().header, destination=STRANGER), e.file().manufacturer_image, e.signer(WAN_PROVIDER).sign
    )
)
at_device("signature of a wrong role", ON_COMMAND)(lambda e: e.file(role=RemotePartyRole.NETWORK_OPERATOR))
at_device("signature altered", ON_COMMAND)(lambda e: replace(e.file(), signature=bytes(63) + b"\1"))
at_device("an image without container")(
    lambda e: FirmwareImage.build(e.file().header, b"opaque", None if e.kind in SMALL else lambda _octets: bytes(64))
)


@row("device, signature missing", ON_COMMAND)
def signature_missing(estate: Estate) -> None:
    """What stands at the end of the file is then no signature: the file is none for this kind."""
    file = unsigned(estate.file())
    result = estate.put(file)
    assert result is (None if estate.kind is CHF else Transfer.TRANSFER_FAILURE)
    holds_nothing(estate)


@row("device, an image that does not start", SMALL)
def does_not_start(estate: Estate) -> None:
    """It is kept and tried at once: CS09 says that the old version runs on."""
    assert estate.put(estate.not_starting()) is Transfer.SUCCESS
    (report,) = estate.alerts_of(VERSION_REPORT)
    assert (report.payload.value.version, report.payload.value.result) == (OLD, ReadResult.FAILURE)


@row("device, downgrade refused", SMALL, refuses_downgrade=True)
def downgrade_refused(estate: Estate) -> None:
    assert estate.put(estate.file(bytes(4))) is Transfer.SUCCESS
    (report,) = estate.alerts_of(VERSION_REPORT)
    assert (report.payload.value.version, report.payload.value.result) == (OLD, ReadResult.FAILURE)


@row("device, it sleeps", (GSME,))
def asleep(estate: Estate) -> None:
    """Between two wakes nothing is fetched; then all of it, which is no image for it."""
    assert estate.bring(estate.file(model="00770001")) is Status.COMPLETE
    estate.run(estate.now + 1799)
    assert not estate.store.state.downloading
    told = estate.transferred(600)
    assert told is not None
    assert told.result is Transfer.TRANSFER_FAILURE
    holds_nothing(estate)
