"""ZigBee OTA files: header with every option, sub-elements, integrity code."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import DecodeError, EncodeError
from protocols.eui64 import eui64
from protocols.sheet import Sheet
from protocols.zigbee import ota_file
from protocols.zigbee.mmo import mmo_hash
from protocols.zigbee.ota_file import (
    FIRST_MANUFACTURER_TAG,
    LENGTHS,
    IntegrityScope,
    OtaFile,
    OtaHeader,
    SubElement,
    Tag,
    readable_text,
)

SIGNER = eui64("0A-0B-0C-0D-0E-0F-10-11")
HEADER = OtaHeader(0x121D, 0x0084, 0x01020304, text=b"a file".ljust(32, b"\0"))
ALL_OPTIONS = replace(HEADER, credential_version=2, destination=SIGNER, hardware=(0x0100, 0x01FF))


def file(*, integrity: bool = False) -> OtaFile:
    elements = (
        SubElement(Tag.IMAGE, b"the image"),
        SubElement(Tag.PICTURE, b"a picture"),
        SubElement(Tag.CERTIFICATE_SUITE_2, bytes(range(74))),
        SubElement(Tag.SIGNATURE_SUITE_2, bytes(SIGNER)[::-1] + bytes(72)),
        SubElement(0xF00D, b""),
    )
    return OtaFile.build(ALL_OPTIONS, elements, with_integrity_code=integrity)


def test_a_file_is_laid_out_as_the_cluster_says() -> None:
    octets = OtaFile.build(ALL_OPTIONS, [SubElement(Tag.IMAGE, b"abc"), SubElement(0xF001, b"\1\2")]).encode()
    head = struct.pack("<IHHHHHIH32sI", 0x0BEEF11E, 0x0100, 69, 7, 0x121D, 0x84, 0x01020304, 2, b"a file", 86)
    optional = b"\x02" + bytes.fromhex("11100F0E0D0C0B0A") + struct.pack("<HH", 0x0100, 0x01FF)
    assert octets == head + optional + bytes.fromhex("0000 03000000") + b"abc" + bytes.fromhex("01F0 02000000 0102")
    assert OtaFile.decode(octets).encode() == octets


def test_sub_elements_are_found_and_signers_named() -> None:
    made = OtaFile.decode(file().encode())
    assert [each.name for each in made.elements] == [
        *("image", "picture", "certificate_suite_2", "signature_suite_2"),
        "manufacturer_F00D",
    ]
    signature = made.find(Tag.SIGNATURE_SUITE_2)
    assert signature is not None
    assert signature.signer == SIGNER
    assert made.elements[0].signer is None
    assert made.find(Tag.SIGNATURE_SUITE_1) is None
    assert SubElement(0x0123, b"").name == "reserved_0123"


def test_the_integrity_code_is_over_all_octets_before_it() -> None:
    made = file(integrity=True)
    octets = made.encode()
    assert made.header.total_size == len(octets)
    assert octets[-22:-16] == bytes.fromhex("0300 10000000")
    assert octets[-16:] == mmo_hash(octets[:-16])
    assert OtaFile.decode(octets).integrity_scope() is IntegrityScope.BEFORE_CODE
    assert file().integrity_scope() is None


@pytest.mark.parametrize("scope", list(IntegrityScope))
def test_integrity_codes_made_in_another_way_are_told(scope: IntegrityScope) -> None:
    made = file(integrity=True)
    code = made.integrity_code(scope)
    other = replace(made, elements=(*made.elements[:-1], SubElement(Tag.INTEGRITY_CODE, code)))
    assert OtaFile.decode(other.encode()).integrity_scope() is scope


def test_every_change_spoils_the_integrity_code() -> None:
    octets = bytearray(file(integrity=True).encode())
    for place in (10, 30, 69 + 6, len(octets) - 1):
        changed = bytearray(octets)
        changed[place] ^= 1
        assert OtaFile.decode(bytes(changed)).integrity_scope() is None


@pytest.mark.parametrize(
    ("change", "path", "offset"),
    [
        (lambda octets: octets[:-1], "total_size", 52),
        (lambda octets: octets[:69] + b"\x00\x00\xff\xff\xff\xff" + octets[75:], "elements[0]", 75),
        (lambda octets: octets[:69] + b"\x03\x00" + octets[71:], "elements[0]", 71),
        (lambda octets: octets[:-3] + b"\xff\xff\xff", "elements[4]", 271),
    ],
)
def test_an_error_names_the_sub_element(change: object, path: str, offset: int) -> None:
    assert callable(change)
    octets = file().encode()
    assert len(octets) == 271
    with pytest.raises(DecodeError) as error:
        OtaFile.decode(change(octets))
    assert (error.value.path[0], error.value.offset) == (path, offset)


def test_octets_behind_the_last_sub_element_are_an_error() -> None:
    octets = OtaFile.build(HEADER, [SubElement(Tag.IMAGE, b"abc")]).encode() + b"\0\0"
    stated = octets[:52] + len(octets).to_bytes(4, "little") + octets[56:]
    with pytest.raises(DecodeError, match="6 octets"):
        OtaFile.decode(stated)


def test_files_and_numbers_of_sub_elements_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    octets = file().encode()
    monkeypatch.setattr(ota_file, "MAX_ELEMENTS", 4)
    with pytest.raises(DecodeError, match="at most 4 sub-elements"):
        OtaFile.decode(octets)
    monkeypatch.setattr(ota_file, "MAX_FILE", 100)
    with pytest.raises(DecodeError, match="at most 100"):
        OtaFile.decode(octets)


def test_values_that_do_not_fit_are_named() -> None:
    for tag, length in LENGTHS.items():
        with pytest.raises(EncodeError, match=tag.name.lower()):
            SubElement(tag, bytes(length + 1)).encode()
    with pytest.raises(EncodeError, match="tag"):
        SubElement(0x10000, b"").encode()


def test_texts_of_headers() -> None:
    assert readable_text(HEADER.text) == "a file"
    assert readable_text(bytes(32)) == ""
    assert readable_text(b"\xff" * 32) == b"\xff" * 32
    assert readable_text(b"a\nb".ljust(32, b"\0")) == b"a\nb".ljust(32, b"\0")


TAGS = st.sampled_from([0, 4, 7, 0x1234, FIRST_MANUFACTURER_TAG, 0xFFFF])
ELEMENTS = st.builds(SubElement, TAGS, st.binary(max_size=60)) | st.sampled_from(sorted(LENGTHS)).flatmap(
    lambda tag: st.builds(SubElement, st.just(int(tag)), st.binary(min_size=LENGTHS[tag], max_size=LENGTHS[tag]))
)
HEADERS = st.builds(
    OtaHeader,
    *(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)),
    text=st.binary(min_size=32, max_size=32),
    stack_version=st.integers(0, 0xFFFF),
    credential_version=st.none() | st.integers(0, 255),
    destination=st.none() | st.just(SIGNER),
    hardware=st.none() | st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)),
)


@given(HEADERS, st.lists(ELEMENTS, max_size=6), st.booleans())
def test_every_file_survives_reading_and_writing(
    header: OtaHeader, elements: list[SubElement], integrity: bool
) -> None:
    made = OtaFile.build(header, elements, with_integrity_code=integrity)
    octets = made.encode()
    assert OtaFile.decode(octets) == made
    sheet = Sheet()
    made.describe(sheet)
    assert bytes(sheet.octets) == octets


@given(st.data())
def test_a_changed_file_is_read_as_what_it_then_says_or_refused(data: st.DataObject) -> None:
    octets = bytearray(file(integrity=True).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(octets) - 1))
        octets[place] = data.draw(st.integers(0, 255))
    cut = bytes(octets[: data.draw(st.integers(0, len(octets)))]) if data.draw(st.booleans()) else bytes(octets)
    try:
        read = OtaFile.decode(cut)
    except DecodeError:
        return
    assert read.encode() == cut


def test_zigpy_reads_our_files_and_we_read_zigpys() -> None:
    image = pytest.importorskip("zigpy.ota.image", reason="zigpy, the other reading of such files, is not installed")
    ours = file(integrity=True)
    theirs, rest = image.OTAImage.deserialize(ours.encode())
    assert rest == b""
    assert (int(theirs.header.manufacturer_id), int(theirs.header.image_type)) == (0x121D, 0x0084)
    assert (int(theirs.header.file_version), int(theirs.header.image_size)) == (0x01020304, ours.header.total_size)
    assert [(int(each.tag_id), bytes(each.data)) for each in theirs.subelements] == [
        (each.tag, each.data) for each in ours.elements
    ]
    assert OtaFile.decode(theirs.serialize()) == ours
