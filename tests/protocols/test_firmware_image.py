"""Firmware image files: header, manufacturer image, signature."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import DecodeError, EncodeError
from protocols.eui64 import eui64
from protocols.gbcs.firmware_image import MAX_IMAGE, FirmwareImage, OtaHeader
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.sheet import Sheet
from tests.reference import KEYSTORE, REFERENCE

SUPPLIER = eui64("90-B3-D5-1F-30-01-00-00")
HEADER = OtaHeader(0x121D, 0x0000, 0xACDCACDC, text=b"an image".ljust(32, b"\0"), hardware=(0x1111, 0x1211))


def keys() -> MemoryKeyStore:
    store = MemoryKeyStore()
    store.generate(KeyName(SUPPLIER, KeyUse.DIGITAL_SIGNING), bytes(48))
    return store


def signed(image: bytes = b"new firmware") -> FirmwareImage:
    store = keys()
    return FirmwareImage.build(HEADER, image, lambda octets: store.sign(SUPPLIER, octets))


def point() -> bytes:
    return keys().public_point(KeyName(SUPPLIER, KeyUse.DIGITAL_SIGNING)) or b""


def test_a_signed_file_is_read_back_and_its_size_is_stated() -> None:
    image = signed()
    octets = image.encode()
    assert octets[:10].hex() == "1ef1ee0b00013c000400"
    assert image.header.total_size == len(octets) == 60 + 12 + 2 + 64
    assert FirmwareImage.decode(octets) == image
    assert image.is_signed_by(point())
    assert image.header.version.hex() == "acdcacdc"


def test_every_change_of_the_image_or_the_signature_is_seen() -> None:
    octets = signed().encode()
    for place in (60, 71, 74, 105, 106, 137):
        changed = bytearray(octets)
        changed[place] ^= 1
        assert not FirmwareImage.decode(bytes(changed)).is_signed_by(point())
    assert not FirmwareImage.build(HEADER, b"x").is_signed_by(point())


def test_the_hash_is_that_of_the_manufacturer_image_alone() -> None:
    one, other = FirmwareImage.build(HEADER, b"abc"), FirmwareImage.build(replace(HEADER, file_version=1), b"abc")
    assert one.digest == other.digest
    assert one.digest.hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_an_image_suits_the_hardware_versions_that_it_names() -> None:
    assert [HEADER.suits(version) for version in (0x1110, 0x1111, 0x1211, 0x1212)] == [False, True, True, False]
    assert replace(HEADER, hardware=None).suits(7)


OPTIONAL = st.builds(
    OtaHeader,
    *(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)),
    text=st.binary(min_size=32, max_size=32),
    credential_version=st.none() | st.integers(0, 255),
    destination=st.none() | st.just(SUPPLIER),
    hardware=st.none() | st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)),
)


@given(OPTIONAL, st.binary(max_size=200), st.booleans())
def test_every_file_survives_reading_and_writing(header: OtaHeader, image: bytes, with_signature: bool) -> None:
    made = FirmwareImage.build(header, image, (lambda _octets: bytes(64)) if with_signature else None)
    octets = made.encode()
    assert FirmwareImage.decode(octets, signed=with_signature) == made
    sheet = Sheet()
    made.describe(sheet)
    assert sheet.octets == octets


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: signed().encode()[:60] + tail))
def test_what_is_no_image_is_an_error_and_nothing_else(octets: bytes) -> None:
    try:
        FirmwareImage.decode(octets)
    except DecodeError:
        return
    pytest.fail("random octets were an image")


@pytest.mark.parametrize(
    ("place", "octet", "path"),
    [
        (0, 0, "magic"),
        (5, 2, "header_version"),
        (8, 8, "field_control"),
        (6, 61, "header_length"),
        (52, 0, "total_size"),
    ],
)
def test_an_error_names_the_field(place: int, octet: int, path: str) -> None:
    octets = bytearray(signed().encode())
    octets[place] = octet
    with pytest.raises(DecodeError) as error:
        FirmwareImage.decode(bytes(octets))
    assert (error.value.offset, error.value.path) == (place if path != "header_version" else 4, (path,))


def test_a_file_cut_short_too_long_or_without_its_signature_is_an_error() -> None:
    octets = signed().encode()
    for bad in (octets[:-1], octets + b"\0", octets[:30], b"", FirmwareImage.build(HEADER, b"short").encode()):
        with pytest.raises(DecodeError):
            FirmwareImage.decode(bad)
    with pytest.raises(DecodeError, match="10240000"):
        FirmwareImage.decode(bytes(MAX_IMAGE + 1))


def test_a_value_that_does_not_fit_is_named() -> None:
    with pytest.raises(EncodeError, match="text"):
        replace(HEADER, text=b"short").encode()
    with pytest.raises(EncodeError, match="signature"):
        replace(signed(), signature=b"short").encode()
    with pytest.raises(EncodeError, match="header"):
        replace(HEADER, manufacturer=1 << 16).encode()


@pytest.mark.shared
def test_the_published_samples_are_read_and_the_signature_verifies() -> None:
    folder = REFERENCE.parent / "duis-5.4"
    if not folder.is_dir():
        pytest.skip("the sample service requests are absent")
    store = FolderKeyStore.open(KEYSTORE)
    for name, with_signature in (("11.1_UPDATE_FIRMWARE", True), ("11.4_UPDATE_PPMID_FIRMWARE", False)):
        text = (folder / f"{name}_REQUEST_DUIS.XML").read_text()
        found = re.search(r"FirmwareImage>([^<]*)<", text)
        assert found is not None
        octets = base64.b64decode(found[1])
        image = FirmwareImage.decode(octets, signed=with_signature)
        assert image.encode() == octets
        assert image.digest.hex() == "7542f475e3f12eae887d81e32c46d313741d67076b13caec2f82e00ba5e1bb36"
        supplier = store.public_point(KeyName(SUPPLIER, KeyUse.DIGITAL_SIGNING)) or b""
        assert image.is_signed_by(supplier) is with_signature
