"""The gate: what passes, and each check failing once; that there is no other way to a cleared image."""

from __future__ import annotations

import copy
import dataclasses
import gc
import pickle
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest

from bench.database import DatabaseError
from bench.firmware import build_manufacturer_image, header_of, wrap
from bench.inventory import Status
from bench.products.assurance import Assurance, AssuranceKind
from bench.products.entries import ListedFirmware, Standing
from bench.products.gate import ClearedImage, Gate, is_issued
from bench.products.hashes import HashForm, hash_of
from bench.products.listing import CertifiedProducts
from bench.products.refusals import (
    AssuranceError,
    GateCheck,
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
from protocols.eui64 import eui64
from protocols.gbcs.elliptic_curve import POINT_LENGTH
from protocols.gbcs.firmware_image import FirmwareImage
from protocols.gbcs.roles import DeviceType

from .certified import (
    ANYBODY,
    DEVICES,
    ESME,
    KINDS,
    LAPSES,
    LATER,
    MODELS,
    NOW,
    PANEL,
    SUPPLIER,
    VERSION,
    authoriser,
    certificates,
    entry,
    gate,
    image,
    inventory,
    key,
    listed,
    manifest,
    opaque,
    products,
    with_octet_changed,
)

METER = DEVICES[ESME]


def clear(file: FirmwareImage | None = None, made: Gate | None = None, **how: Any) -> ClearedImage:
    return (made or gate()).clear((file or image()).encode(), how.pop("device", METER), how.pop("now", NOW), **how)


def refusal(kind: type[GateError], said: str, work: Callable[[], object]) -> GateError:
    with pytest.raises(kind, match=said) as refused:
        work()
    error = refused.value
    assert type(error) is kind
    assert str(error).startswith(f"{error.check}: ")
    for digest in error.hashes():
        assert len(digest) == 64 or digest == "none"
        assert digest in str(error)
    return error


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_image_passes_for_each_kind_of_device(kind: DeviceType) -> None:
    file = image(kind)
    cleared = gate().clear(file.encode(), DEVICES[kind], NOW)
    assert cleared.file == file.encode()
    assert cleared.digest == sha256(file.manufacturer_image).digest()
    assert (cleared.version, cleared.model, cleared.cleared_at) == (VERSION, MODELS[kind], NOW)
    assert cleared.hardware == (1, 3)
    cleared.confirm(DEVICES[kind], LATER)
    assert cleared.digest.hex() in repr(cleared)


def test_a_model_can_be_asked_for_in_place_of_a_device() -> None:
    cleared = clear(device=MODELS[ESME])
    cleared.confirm(METER, NOW)


# each check fails once


@pytest.mark.parametrize(
    "octets", [b"", b"no image", b"\x1e\xf1\xee\x0b", image().encode()[:-1], image().encode()[:70]]
)
def test_what_no_device_could_be_sent_is_refused(octets: bytes) -> None:
    with pytest.raises(UnreadableFileError) as refused:
        gate().clear(octets, METER, NOW)
    assert refused.value.check is GateCheck.FILE


def test_a_manufacturer_image_without_header_is_refused() -> None:
    bare = image().manufacturer_image
    error = refusal(UnreadableFileError, "in the header of its firmware file", lambda: gate().clear(bare, METER, NOW))
    assert error.computed == sha256(bare).digest()


def test_an_unknown_device_is_refused() -> None:
    stranger = eui64("00DB1234567890FF")
    error = refusal(NotInInventoryError, "is not in the inventory", lambda: clear(device=stranger))
    assert error.computed == image().digest
    made = gate()
    made.inventory.add(stranger, ESME, NOW)
    refusal(NotInInventoryError, "without its model", lambda: clear(made=made, device=stranger))


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.RECOVERY, Status.DECOMMISSIONED, Status.WITHDRAWN])
def test_a_device_that_nobody_speaks_to_is_refused(status: Status) -> None:
    made = gate()
    cleared = clear(made=made)
    made.inventory.set_status(METER, status, NOW, "test")
    error = refusal(StatusError, f"is {status}; updates go to", lambda: clear(made=made))
    assert error.computed == error.listed == image().digest
    refusal(StatusError, f"is {status}", lambda: cleared.confirm(METER, NOW))


def test_an_image_for_something_else_is_refused() -> None:
    refusal(WrongModelError, "maker and model 1234:0002, the device is ESME", lambda: clear(image(DeviceType.GSME)))
    other = replace(image(), header=replace(image().header, manufacturer=0x4321))
    refusal(WrongModelError, "maker and model 4321:0001", lambda: clear(other))
    inner = replace(image(), header=replace(image().header, file_version=0x02000003))
    refusal(WrongModelError, "the manifest says 02000002, the header 02000003", lambda: clear(inner))


def test_an_image_of_another_kind_with_the_same_numbers_is_refused() -> None:
    said = replace(manifest(), device_type=DeviceType.GSME)
    made = wrap(build_manufacturer_image(said, b"", key("maker")), header_of(said), key("SUPPLIER"))
    refusal(WrongModelError, "the image is for GSME, the device is ESME", lambda: clear(made))


def test_an_image_for_other_hardware_is_refused() -> None:
    said = manifest(hardware=(7, 9))
    made = wrap(build_manufacturer_image(said, b"", key("maker")), header_of(said), key("SUPPLIER"))
    refusal(WrongHardwareError, "hardware is 0001, the image is for 0007-0009", lambda: clear(made))
    refusal(WrongHardwareError, "for 0007-0009, on the list are 0001, 0002", lambda: clear(made, device=MODELS[ESME]))


def test_hardware_that_is_not_listed_is_refused() -> None:
    made = gate()
    device = eui64("00DB1234567890FE")
    made.inventory.add(device, ESME, NOW, model=MODELS[ESME], hardware=3)
    made.inventory.set_status(device, Status.INSTALLED, NOW, "fitted")
    refusal(WrongHardwareError, "the device's is 0003, on the list are 0001", lambda: clear(made=made, device=device))


def test_a_version_that_is_not_listed_is_refused() -> None:
    newer = image(version=b"\x02\x00\x00\x03")
    error = refusal(NotListedError, "firmware 02000003 of ESME 1234:0001 is not on the list", lambda: clear(newer))
    assert (error.computed, error.listed) == (newer.digest, None)


def test_a_model_that_is_not_listed_is_refused() -> None:
    made = Gate(products(DeviceType.GSME), inventory(), authoriser)
    refusal(NotListedError, "ESME 1234:0001 is not on the list", lambda: clear(made=made))


def test_what_was_removed_is_refused() -> None:
    made = gate()
    cleared = clear(made=made)
    made.products.remove_firmware(MODELS[ESME], VERSION, "does not count in winter", SUPPLIER, NOW)
    error = refusal(NotListedError, "02000002 of ESME 1234:0001 is not on the list", lambda: clear(made=made))
    assert error.listed == image().digest
    refusal(NotListedError, "is not on the list", lambda: cleared.confirm(METER, NOW))
    made.products.remove_model(MODELS[ESME], "withdrawn", PANEL, NOW)
    refusal(NotListedError, "^certified products list: ESME 1234:0001 is not", lambda: clear(made=made))


def test_a_lapsed_entry_is_refused_from_the_second_on_at_which_it_lapses() -> None:
    made = gate()
    cleared = clear(made=made, now=LAPSES - 1)
    cleared.confirm(METER, LAPSES - 1)
    refusal(AssuranceError, "has lapsed, on 2032-01-01T00:00:00Z without zigbee", lambda: clear(made=made, now=LAPSES))
    refusal(AssuranceError, "has lapsed", lambda: cleared.confirm(METER, LAPSES))


def test_an_entry_that_lapsed_is_refused_until_it_is_renewed() -> None:
    made = gate()
    made.products.lapse(MODELS[ESME], PANEL, LAPSES)
    for kind in AssuranceKind:
        refusal(AssuranceError, "has lapsed", lambda: clear(made=made, now=LAPSES))
        made.products.renew(MODELS[ESME], Assurance(kind, "renewed", LAPSES + 1000), SUPPLIER, LAPSES)
    assert clear(made=made, now=LAPSES).cleared_at == LAPSES


def test_an_entry_that_was_taken_over_as_lapsed_is_refused_with_every_certificate() -> None:
    taken = CertifiedProducts()
    taken.add_model(replace(entry(), standing=Standing.LAPSED), [listed(image())], ANYBODY, NOW)
    made = Gate(taken, inventory(), authoriser)
    refusal(AssuranceError, "has lapsed, and was not listed again", lambda: clear(made=made))


def test_an_image_of_another_maker_is_refused() -> None:
    error = refusal(MakerError, "given is", lambda: clear(image(maker="somebody else")))
    assert error.listed == image().digest != error.computed


@pytest.mark.parametrize("at", [60, -100, -1])
def test_an_image_with_one_octet_changed_is_refused(at: int) -> None:
    """Here the supplier has signed what it got."""
    spoiled = with_octet_changed(image(), at)
    signed = replace(spoiled, signature=key("SUPPLIER").sign(spoiled.manufacturer_image))
    with pytest.raises(GateError) as refused:
        clear(signed)
    assert refused.value.check in (GateCheck.MAKER, GateCheck.FILE)
    if refused.value.check is GateCheck.MAKER:
        assert refused.value.computed == signed.digest != refused.value.listed


def test_an_image_that_the_maker_signed_and_nobody_listed_is_refused() -> None:
    other = image(content=b"other firmware of the same version")
    error = refusal(HashMismatchError, "is not what is on the list", lambda: clear(other))
    assert error.form is HashForm.IMAGE
    assert error.hashes() == (other.digest.hex(), image().digest.hex())


def test_each_form_of_hash_must_be_right() -> None:
    made = gate()
    file = image(version=b"\x02\x00\x00\x05")
    right = hash_of(HashForm.IMAGE_AND_ID, file.manufacturer_image, b"\x02\x00\x00\x05")
    assert right == sha256(file.manufacturer_image + b"\x02\x00\x00\x05").digest()
    for number, hashes in enumerate(
        (
            {HashForm.IMAGE: file.digest, HashForm.IMAGE_AND_ID: bytes(32)},
            {HashForm.IMAGE_AND_ID: bytes(32)},
            {HashForm.IMAGE: bytes(32), HashForm.IMAGE_AND_ID: right},
        )
    ):
        _list(made, ListedFirmware(MODELS[ESME], b"\x02\x00\x00\x05", hashes, "same"))
        error = refusal(HashMismatchError, "is not what is on the list", lambda: clear(file, made))
        assert error.form is (HashForm.IMAGE if number == 2 else HashForm.IMAGE_AND_ID)
        assert error.listed == bytes(32)
        made.products.remove_firmware(MODELS[ESME], b"\x02\x00\x00\x05", "wrong", SUPPLIER, NOW)
    _list(made, ListedFirmware(MODELS[ESME], b"\x02\x00\x00\x05", {HashForm.IMAGE_AND_ID: right}, "same"))
    assert clear(file, made).digest == file.digest


def _list(made: Gate, firmware: ListedFirmware) -> None:
    made.products.add_firmware(firmware, SUPPLIER, NOW)


def test_a_missing_wrong_or_needless_authorising_signature_is_refused() -> None:
    unsigned = FirmwareImage.build(image().header, image().manufacturer_image)
    error = refusal(NotAuthorisedError, "the signature of the supplier is missing", lambda: clear(unsigned))
    assert error.computed == error.listed == image().digest
    foreign = replace(image(), signature=key("another supplier").sign(image().manufacturer_image))
    refusal(NotAuthorisedError, "supplier: the signature behind the image does not verify", lambda: clear(foreign))
    display = image(DeviceType.PPMID)
    signed = FirmwareImage.build(display.header, display.manufacturer_image, key("SUPPLIER").sign)
    refusal(
        NotAuthorisedError,
        "a PPMID takes files without signature",
        lambda: clear(signed, device=DEVICES[DeviceType.PPMID]),
    )
    keyless = Gate(products(), inventory(), lambda _role, _device: None)
    refusal(NotAuthorisedError, "there is no key of the supplier", lambda: clear(made=keyless))


# images of others


def test_an_opaque_image_needs_a_detached_signature() -> None:
    octets = b"what only its maker understands" * 100
    file, made = opaque(octets), gate()
    made.products.remove_firmware(MODELS[ESME], VERSION, "replaced", SUPPLIER, NOW)
    _list(made, listed(file, evidence="the same code"))
    refusal(MakerError, "opaque and there is no detached signature", lambda: clear(file, made))
    wrong = key("maker").sign(octets + b"!")
    refusal(MakerError, "the detached signature does not verify", lambda: clear(file, made, detached=wrong))
    refusal(MakerError, "the detached signature: octet 0", lambda: clear(file, made, detached=b"short"))
    assert clear(file, made, detached=key("maker").sign(octets)).digest == file.digest


def test_a_detached_signature_beside_one_inside_must_be_right_too() -> None:
    refusal(MakerError, "the detached signature does not verify", lambda: clear(detached=bytes(64)))
    assert clear(detached=key("maker").sign(image().manufacturer_image)).version == VERSION


# a clearance is for its model, and for today


def test_a_clearance_is_for_one_model() -> None:
    made = gate()
    cleared = clear(made=made)
    refusal(WrongModelError, "which .* is not", lambda: cleared.confirm(DEVICES[DeviceType.GSME], NOW))
    refusal(NotInInventoryError, "not in the inventory", lambda: cleared.confirm(eui64("00DB1234567890FF"), NOW))


def test_a_clearance_ends_when_the_list_has_another_hash_or_maker() -> None:
    made = gate()
    cleared = clear(made=made)
    model = MODELS[ESME]
    made.products.remove_firmware(model, VERSION, "wrong", SUPPLIER, NOW)
    _list(made, listed(image(content=b"the right one"), evidence="same"))
    refusal(HashMismatchError, "is not what is on the list", lambda: cleared.confirm(METER, NOW))
    made.products.remove_model(model, "sold", PANEL, NOW)
    sold = replace(entry(), maker_key=key("the new maker").point)
    made.products.add_model(sold, [listed(image())], ANYBODY, NOW)
    refusal(MakerError, "another maker's key than when", lambda: cleared.confirm(METER, NOW))


def test_what_lapsed_or_was_removed_can_still_have_its_activation_cancelled() -> None:
    made = gate()
    made.products.remove_firmware(MODELS[ESME], VERSION, "wrong", SUPPLIER, NOW)
    cleared = made.clear_for_cancelling(image().encode(), METER, LAPSES)
    assert cleared.digest == image().digest
    cleared.confirm_cancelling(METER)
    refusal(NoClearanceError, "cleared only to have its activation cancelled", lambda: cleared.file)
    refusal(NoClearanceError, "cleared only to", lambda: cleared.confirm(METER, NOW))
    refusal(WrongModelError, "which .* is not", lambda: cleared.confirm_cancelling(DEVICES[DeviceType.GSME]))
    other = image(content=b"never listed")
    refusal(HashMismatchError, "not what", lambda: made.clear_for_cancelling(other.encode(), METER, NOW))
    unknown = image(version=b"\x09\x09\x09\x09")
    refusal(NotListedError, "never was", lambda: made.clear_for_cancelling(unknown.encode(), METER, NOW))


# the authorising party signs nothing else


@pytest.mark.parametrize("kind", KINDS)
def test_the_authorising_party_signs_what_passes_all_other_checks(kind: DeviceType) -> None:
    file, device = image(kind), DEVICES[kind]
    sign = key("WAN_PROVIDER" if kind is DeviceType.CHF else "SUPPLIER").sign
    unsigned = FirmwareImage.build(file.header, file.manufacturer_image).encode()
    for given in (file.manufacturer_image, unsigned):
        made = gate().authorise(given, device, NOW, sign)
        assert gate().clear(made, device, NOW).digest == file.digest
        assert FirmwareImage.decode(made, signed=file.signature is not None).header.hardware == (1, 3)
    assert gate().authorise(file.encode(), device, NOW, _never) in (file.encode(), unsigned)


def _never(_octets: bytes) -> bytes:
    raise AssertionError("nothing is to be signed")


@pytest.mark.parametrize(
    ("file", "wrong"),
    [
        (image(content=b"other").manufacturer_image, HashMismatchError),
        (image(maker="somebody else").manufacturer_image, MakerError),
        (image(version=b"\x09\x09\x09\x09").manufacturer_image, NotListedError),
        (image(DeviceType.GSME).manufacturer_image, WrongModelError),
        (b"opaque, without a header", UnreadableFileError),
    ],
)
def test_the_authorising_party_signs_nothing_that_does_not_pass(file: bytes, wrong: type[GateError]) -> None:
    with pytest.raises(wrong):
        gate().authorise(file, METER, NOW, _never)


# no other way


def test_the_constructor_makes_none() -> None:
    for arguments in ((), (1,), (gate(), image())):
        with pytest.raises(TypeError):
            cast("Any", ClearedImage)(*arguments)


def test_there_is_no_subclass() -> None:
    with pytest.raises(TypeError, match="one kind"):
        type("Mine", (ClearedImage,), {})


@pytest.mark.parametrize("trick", [copy.copy, copy.deepcopy, pickle.dumps, dataclasses.replace])
def test_none_is_copied_or_stored(trick: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError):
        trick(clear())


@pytest.mark.parametrize("name", ["digest", "file", "model", "_digest", "anything"])
def test_nothing_about_one_is_changed(name: str) -> None:
    cleared = clear()
    with pytest.raises(TypeError, match="cannot be changed"):
        setattr(cleared, name, b"")
    with pytest.raises(AttributeError):
        object.__setattr__(cleared, name, b"")
    assert cleared.digest == image().digest


def test_an_object_that_the_gate_did_not_make_stands_for_nothing() -> None:
    forged = object.__new__(ClearedImage)
    assert not is_issued(forged)
    assert "has not made" in repr(forged)
    for look in (
        lambda: forged.digest,
        lambda: forged.file,
        lambda: forged.model,
        lambda: forged.confirm(METER, NOW),
        lambda: forged.confirm_cancelling(METER),
    ):
        refusal(NoClearanceError, "has cleared nothing here", look)


def test_something_that_looks_like_one_is_none() -> None:
    members = {"digest": bytes(32), "file": b"", "model": MODELS[ESME], "version": VERSION}
    lookalike = type("Lookalike", (), {**members, "__class__": property(lambda _: ClearedImage)})()
    assert isinstance(lookalike, ClearedImage)  # as it says of itself
    assert not is_issued(lookalike)
    assert not is_issued(None)


def test_a_clearance_that_nobody_holds_is_gone() -> None:
    from bench.products import gate as module

    before = len(module._ISSUED)
    cleared = clear()
    assert len(module._ISSUED) >= 1
    del cleared
    gc.collect()
    assert len(module._ISSUED) <= before


def test_the_file_of_a_clearance_is_not_the_caller_s_to_change() -> None:
    octets = bytearray(image().encode())
    cleared = gate().clear(octets, METER, NOW)  # type: ignore[arg-type]  # what an untyped caller may pass
    octets[-80] ^= 1
    assert cleared.file == image().encode()


def test_certificates_of_the_tests_are_what_a_kind_needs() -> None:
    assert {each.kind for each in certificates()} == set(AssuranceKind)
    assert len(key("maker").point) == POINT_LENGTH


def test_what_is_read_of_a_file_is_what_it_holds() -> None:
    """Not what it says of itself: somebody's own kind of octets might answer with others."""
    good = image().encode()

    class TwoFaced(bytes):
        """It shows a good image, and holds another."""

        def __bytes__(self) -> bytes:
            return self

        def __getitem__(self, at: Any) -> Any:
            return good[at]

    other = TwoFaced(image(content=b"never seen!!!").encode())
    assert len(other) == len(good)
    with pytest.raises(HashMismatchError):
        gate().clear(other, METER, NOW)
    with pytest.raises(HashMismatchError):
        gate().clear_for_cancelling(other, METER, NOW)
    assert type(gate().clear(TwoFaced(good), METER, NOW).file) is bytes


def test_a_list_whose_file_gave_way_to_another_clears_nothing(tmp_path: Path) -> None:
    """An open file lives on behind its name: what it says may be out of date by years."""
    for name in ("list", "newer"):
        with closing(CertifiedProducts(tmp_path / name)) as made:
            made.add_model(entry(), [listed(image())], ANYBODY, NOW)
    made = CertifiedProducts(tmp_path / "list")
    cleared = clear(made=Gate(made, inventory(), authoriser))
    (tmp_path / "newer").rename(tmp_path / "list")
    with pytest.raises(DatabaseError, match="is not the file any more that was opened"):
        cleared.confirm(METER, NOW)
    made.close()
    made = CertifiedProducts(tmp_path / "list")
    cleared = clear(made=Gate(made, inventory(), authoriser))
    (tmp_path / "list").write_bytes(b"something else" * 4000)
    with pytest.raises(DatabaseError, match="cannot be read"):
        cleared.confirm(METER, NOW)
    (tmp_path / "list").unlink()
    with pytest.raises(DatabaseError, match="is not the file any more"):
        cleared.confirm(METER, NOW)
    made.close()
