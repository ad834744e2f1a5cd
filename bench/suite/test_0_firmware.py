"""Firmware: what has not proved itself goes nowhere, what has is brought to each device and made to run.

These tests come first, so that all others meet the devices with their new firmware, and find what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.findings import DeviceFinding
from bench.home import Home
from bench.products.gate import ClearedImage
from bench.products.kept_state import compare, look_at
from bench.products.refusals import GateCheck, GateError
from bench.products.rig_images import NoImage, RigImage
from bench.products.updating import FirmwareUpdate, read_version
from bench.requests import activate_firmware, cancel_activation
from bench.target import Target
from protocols.gbcs.asn1_device import (
    ActivateFirmwareResponse,
    ActivationResult,
    FirmwareTransferAlert,
    FirmwareTransferResult,
)
from protocols.gbcs.message import Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.roles import DeviceType
from protocols.instant import HOUR

GATE = pytest.mark.requirement("FW-3: only an image whose hash is on the list of certified products is sent")
UPDATE = pytest.mark.requirement("FW-2: what was sent is what the maker issued, and the device says so itself")
KEPT = pytest.mark.requirement("GBCS 11: an update changes the firmware and nothing else")
ACTIVATION = pytest.mark.requirement("GBCS 11.5: an image runs only by a command that names its hash")
UPDATED = ["chf", "esme", "gsme", "sapc", "hcalcs", "ppmid"]
"""The hub first: from then on it is its new firmware that hands images on."""
ON_COMMAND = ["chf", "esme", "gsme", "sapc"]
TRANSFER_REPORT = 0x0128
SETTLED = 6 * HOUR
"""How long emulated devices have lived before they are updated, so that there is something to lose."""


@pytest.fixture(params=UPDATED)
def device(request: pytest.FixtureRequest, home: Home) -> Target:  # noqa: ARG001 - the plugin looks for it
    """Each device of the rig that has firmware of its own."""
    found: Target = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=ON_COMMAND)
def commanded(request: pytest.FixtureRequest, home: Home) -> Target:  # noqa: ARG001 - the plugin looks for it
    """Each device of the rig whose firmware is activated by command."""
    found: Target = request.getfixturevalue(request.param)
    return found


def image_for(home: Home, target: Target) -> RigImage:
    """The image under test, on the list; skips the test where there is none."""
    try:
        return home.images.image(target)
    except NoImage as reason:
        pytest.skip(reason.reason)


def next_image(home: Home, target: Target) -> RigImage:
    """A good version after that: for what must not be activated, and for the update after it."""
    image_for(home, target)
    try:
        return home.images.following(target)
    except NoImage as reason:
        pytest.skip(reason.reason)


def cleared(home: Home, target: Target, image: RigImage) -> ClearedImage:
    """Have the gate clear an image; on record."""
    with gate_refuses_as_finding():
        return FirmwareUpdate(home, home.lists, target).clear(image.file, image.detached)


@contextmanager
def gate_refuses_as_finding() -> Iterator[None]:
    """An image that the gate does not clear is a finding about the image; the exchange with the gate says it."""
    try:
        yield
    except GateError as refused:
        raise DeviceFinding(refused.reason, recorded=True) from refused


@GATE
@pytest.mark.use_case("CS05a")
def test_altered_image_goes_nowhere(home: Home, device: Target) -> None:
    """One octet of an image that is on the list is changed: the gate says which check failed, and nothing is sent."""
    image = image_for(home, device)
    octets = bytearray(image.file)
    octets[octets.index(image.manufacturer_image) + len(image.manufacturer_image) // 2] ^= 1
    sent = device.session.sent, len(home.head_end.sent)
    with home.recorder.procedure("Altered image at the gate", device.name) as say:
        seen = device.observe("CS05a", "The gate is asked about an image that was altered after it was listed")
        refused = _refusal(home, device, bytes(octets), image.detached)
        seen.that("gate", "a refusal", refused or "cleared", good=refused is not None)
        if refused is not None:
            wanted = (GateCheck.MAKER, GateCheck.HASH)
            seen.that("check that failed", " or ".join(wanted), refused.check, good=refused.check in wanted)
            computed, listed = refused.hashes()
            say(f"refused: {refused.check}: {refused.reason}")
            say(f"SHA-256 computed {computed}")
            say(f"SHA-256 on the list {listed}")
            seen.expect("hash on the list", image.digest.hex(), listed)
            seen.that("hash computed", "another one", computed, good=computed not in (listed, "none"))
        seen.expect("messages and commands sent", sent, (device.session.sent, len(home.head_end.sent)))
        say("nothing was sent")


def _refusal(home: Home, target: Target, file: bytes, detached: bytes | None) -> GateError | None:
    """Why the gate, asked in every way there is, does not clear a file; None if it does."""
    gate, now = home.lists.gate, home.clock.now()
    try:
        signed = gate.authorise(file, target.eui64, now, lambda octets: octets[:0].ljust(64, b"\1"), detached)
        gate.clear(signed, target.eui64, now, detached)
    except GateError as refused:
        return refused
    return None


@ACTIVATION
@pytest.mark.use_case("CS06")
def test_nothing_is_activated_where_nothing_waits(home: Home, commanded: Target) -> None:
    """An activation before any image has arrived is answered with *no image*, and the old version runs on."""
    image = cleared(home, commanded, image_for(home, commanded))
    before = read_version(commanded)
    activation(commanded, image, ActivationResult.NO_IMAGE_HELD, before, "Activate firmware that has not arrived")


def activation(target: Target, image: ClearedImage, result: ActivationResult, version: bytes, title: str) -> None:
    """Activate at once, and check what comes of it: the result, and the version that runs then."""
    reply = target.ask(activate_firmware(image, title=title), success=False)
    outcome = reply.value.outcome
    reply.that("outcome", "one", "one" if outcome else "none", good=outcome is not None)
    reply.expect("result", result.name, ActivationResult(outcome.result).name)
    reply.expect("version that runs", version.hex().upper(), outcome.version.hex().upper())


@UPDATE
@KEPT
@pytest.mark.use_case("CS06")
def test_update(home: Home, device: Target) -> None:
    """Gate, delivery, receipt with the right hash, activation, version read back; nothing else has changed."""
    image = image_for(home, device)
    if read_version(device) == image.version:
        pytest.skip(f"{device.name} runs firmware {image.version.hex().upper()} already")
    if home.clock.virtual and home.clock.now() < home.rig.started + SETTLED:
        home.pass_time(SETTLED)
    with home.recorder.procedure("Firmware update", device.name) as say:
        before = look_at(device, "before the update")
        with gate_refuses_as_finding():
            FirmwareUpdate(home, home.lists, device, say).run(image.file, detached=image.detached)
        _hub_reports_transfer(home, device, image)
        compare(device, before, look_at(device, "after the update", before), load_known=home.clock.virtual)
        say("all that was compared before and after is as it was")


def _hub_reports_transfer(home: Home, device: Target, image: RigImage) -> None:
    """The hub tells the access control broker that it has handed the image on."""
    hub = next((target for target in home.targets if target.type is DeviceType.CHF), None)
    if hub is None or hub is device:
        return
    title = f"The hub reports the transfer to the {device.name}"
    seen, message = hub.listen("CCS08", title, lambda each: _transfer(each, device) is not None, HOUR)
    value = None if message is None else _transfer(message, device)
    seen.that("report", "one", "one" if value else "none", good=value is not None)
    if value is not None:
        seen.expect("version", image.version.hex(), value.version.hex())
        seen.expect("result", FirmwareTransferResult.SUCCESS.name, value.result.name)


def _transfer(message: Message, device: Target) -> FirmwareTransferAlert | None:
    """The report in a message, if it is about this device."""
    if message.message_code != TRANSFER_REPORT:
        return None
    value = getattr(decode_payload(message), "value", None)
    return value if isinstance(value, FirmwareTransferAlert) and value.device == device.eui64 else None


@ACTIVATION
@pytest.mark.use_case("CS06")
def test_next_image_is_activated_only_by_its_own_hash(home: Home, commanded: Target) -> None:
    """The firmware that runs now takes another image, reports its hash, and does not activate it by a wrong one."""
    waiting = cleared(home, commanded, next_image(home, commanded))
    running = cleared(home, commanded, image_for(home, commanded))
    FirmwareUpdate(home, home.lists, commanded).deliver(waiting)
    before = read_version(commanded)
    title = "Activate firmware by the hash of another image than the one that waits"
    activation(commanded, running, ActivationResult.HASH_MISMATCH, before, title)


@ACTIVATION
@pytest.mark.use_case("CS06")
def test_cancelled_activation_does_not_happen(home: Home, commanded: Target) -> None:
    """An activation is dated and taken back: when its time has come the version is still the same."""
    image, before = cleared(home, commanded, next_image(home, commanded)), read_version(commanded)
    at = commanded.now + HOUR
    reply = commanded.ask(activate_firmware(image, at, "Activate firmware in an hour"), success=False)
    reply.expect("answer", ActivateFirmwareResponse(), reply.value)
    reply = commanded.ask(cancel_activation(image, "Take the activation back"), success=False)
    reply.expect("answer", ActivateFirmwareResponse(), reply.value)
    version_is(commanded, before, "when it was taken back")
    home.pass_time(2 * HOUR)
    version_is(commanded, before, "when its time has come")


def version_is(target: Target, expected: bytes, when: str) -> None:
    """Read the version, and compare."""
    found = read_version(target)
    target.observe("CS06", f"The version that runs {when}").expect("version", expected.hex(), found.hex())
