"""Rows of the matrix before the gate: nothing is built and nothing sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bench.inventory import Status
from bench.products.parties import ListParty, PartyKind
from bench.products.refusals import (
    AssuranceError,
    GateError,
    HashMismatchError,
    MakerError,
    NoClearanceError,
    NotAuthorisedError,
    NotInInventoryError,
    NotListedError,
    StatusError,
    UnreadableFileError,
    WrongHardwareError,
    WrongModelError,
)
from bench.requests import asn1
from firmware_emu.parts.firmware.intake import ImageIntake
from protocols.eui64 import eui64
from protocols.gbcs.asn1_device import ActivateFirmwareCommand
from protocols.gbcs.firmware_image import FirmwareImage
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import DAY

from .firmware import KINDS, NEW, NEWER, OLD, Estate, maker
from .firmware_rows import ON_COMMAND, SMALL, row
from .world import CHF, HUB, START

STRANGER = eui64("00DB1234567891FF")
Prepare = Callable[[Estate], FirmwareImage | bytes]


def refused(estate: Estate, kind: type[GateError], said: str, work: Callable[[], object]) -> GateError:
    """Nothing was built, nothing sent, nothing has reached the hub; and why, with both hashes where there are both."""
    sent = len(estate.head_end.sent)
    with pytest.raises(kind, match=said) as caught:
        work()
    error = caught.value
    assert type(error) is kind
    assert len(estate.head_end.sent) == sent
    assert estate.home.device(HUB).find(ImageIntake).state.files == {}
    computed, listed = error.hashes()
    assert str(error).endswith(f"computed {computed}, listed {listed})")
    return error


def at_gate(
    what: str, kind: type[GateError], said: str, kinds: tuple[DeviceType, ...] = KINDS
) -> Callable[[Prepare], Prepare]:
    """A row: the function gives the file, and makes list and inventory what they are."""

    def put(prepare: Prepare) -> Prepare:
        def play(estate: Estate) -> None:
            now = estate.now
            file = prepare(estate)
            error = refused(estate, kind, said, lambda: estate.clear(file))
            assert kind is not HashMismatchError or error.computed != error.listed is not None
            estate.now = now

        row(f"gate, {what}", kinds, goes_on=False)(play)
        return prepare

    return put


def with_octet_changed(file: FirmwareImage, at: int) -> FirmwareImage:
    """One octet of the manufacturer image is another."""
    image = bytearray(file.manufacturer_image)
    image[at] ^= 1
    return replace(file, manufacturer_image=bytes(image))


def unsigned(file: FirmwareImage) -> FirmwareImage:
    """The same without the authorising party's signature."""
    return FirmwareImage.build(file.header, file.manufacturer_image)


def opaque(estate: Estate) -> FirmwareImage:
    """An image of no known layout, with a signature of the authorising party where the kind needs one."""
    good = estate.file()
    return FirmwareImage.build(good.header, b"opaque", None if good.signature is None else lambda _octets: bytes(64))


at_gate("version not listed", NotListedError, "firmware 00000003 of .* is not on the list")(lambda e: e.file(NEWER))
at_gate("another image than listed", HashMismatchError, "not what is on the list")(lambda e: e.file(content=b"other"))
at_gate("another model", WrongModelError, "for maker and model 1234:0077")(lambda e: e.file(model="00770001"))
at_gate("another maker's number", WrongModelError, "for maker and model 4321")(lambda e: e.file(manufacturer="4321"))
at_gate("another kind of device", WrongModelError, "is for GPF")(lambda e: e.file(device_type=DeviceType.GPF))
at_gate("signed by another maker", MakerError, "maker")(lambda e: e.file(by=maker("somebody else")))
at_gate("image altered", MakerError, "maker")(lambda e: with_octet_changed(e.file(), -100))
at_gate("image without a maker's signature", MakerError, "maker")(opaque)
at_gate("other hardware", WrongHardwareError, "hardware is 0001, the image is for 0002-0002")(
    lambda e: e.file(hardware_versions=(2, 2))
)
at_gate("cut short", UnreadableFileError, "octet")(lambda e: e.file().encode()[:-1])
at_gate("surplus octets", UnreadableFileError, "total_size")(lambda e: e.file().encode() + b"\0")
at_gate("no image", UnreadableFileError, "opaque manufacturer image")(lambda _estate: b"nothing of the kind")
at_gate("signature of a wrong role", NotAuthorisedError, "does not verify|another", ON_COMMAND)(
    lambda e: e.file(role=RemotePartyRole.NETWORK_OPERATOR)
)
at_gate("signature missing", NotAuthorisedError, "is missing", ON_COMMAND)(lambda e: unsigned(e.file()))
at_gate("signature altered", NotAuthorisedError, "does not verify|another", ON_COMMAND)(
    lambda e: replace(e.file(), signature=bytes(63) + b"\1")
)
at_gate("signature where none belongs", NotAuthorisedError, "without signature", SMALL)(
    lambda e: e.file(role=RemotePartyRole.SUPPLIER)
)


@at_gate("header altered", WrongModelError, "version")
def altered_header(estate: Estate) -> FirmwareImage:
    """An image under the version of another, which is on the list too."""
    other = estate.enlist(estate.file(NEWER))
    return replace(estate.file(), header=other.header)


@at_gate("assurance lapsed", AssuranceError, "has lapsed, on .* without")
def lapsed_certificate(estate: Estate) -> FirmwareImage:
    estate.now = START + 7 * 366 * DAY  # for the head end alone
    return estate.file()


@at_gate("entry removed", NotListedError, "is not on the list")
def removed_entry(estate: Estate) -> FirmwareImage:
    by = ListParty(PartyKind.DCC if estate.kind is CHF else PartyKind.SUPPLIER, "")
    estate.products.remove_firmware(estate.models[estate.kind], NEW, "withdrawn", by, estate.now)
    return estate.file()


@at_gate("model removed", NotListedError, "is not on the list")
def removed_model(estate: Estate) -> FirmwareImage:
    estate.products.remove_model(estate.models[estate.kind], "withdrawn", ListParty(PartyKind.PANEL, ""), estate.now)
    return estate.file()


@at_gate("device suspended", StatusError, "is suspended")
def suspended(estate: Estate) -> FirmwareImage:
    estate.inventory.suspend([estate.identity], estate.now, "a weakness was found")
    return estate.file()


@row("gate, device unknown", goes_on=False)
def unknown_device(estate: Estate) -> None:
    file = estate.file().encode()
    refused(estate, NotInInventoryError, "not in the inventory", lambda: estate.gate.clear(file, STRANGER, estate.now))


@row("gate, activation without clearance", ON_COMMAND, goes_on=False)
def activation_without_clearance(estate: Estate) -> None:
    digest = estate.file().digest
    named = asn1("CS06", lambda header: ActivateFirmwareCommand(digest, header.counter, None))
    refused(estate, NoClearanceError, digest.hex(), lambda: estate.command(named, estate.identity))


@row("gate, cleared for another model", goes_on=False)
def cleared_for_another(estate: Estate) -> None:
    cleared = estate.clear(estate.file())
    model = estate.models[estate.kind]._replace(model=0x77)
    estate.inventory.add(STRANGER, estate.kind, START, model=model, hardware=1, firmware=OLD)
    estate.inventory.set_status(STRANGER, Status.INSTALLED, START, "fitted")
    refused(estate, WrongModelError, "cleared for", lambda: cleared.confirm(STRANGER, estate.now))


@row("gate, withdrawn between delivery and activation", ON_COMMAND, goes_on=False)
def withdrawn_before_activation(estate: Estate) -> None:
    """What was cleared, delivered and received is still not activated when the list says no by then."""
    cleared = estate.clear(estate.file())
    estate.put(cleared.file)
    removed_entry(estate)
    sent = len(estate.head_end.sent)
    with pytest.raises(NotListedError, match="is not on the list"):
        estate.activation(cleared)
    assert len(estate.head_end.sent) == sent
