"""Manufacturer images of emulated devices: layout, signature, and what is refused."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import replace
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from protocols import firmware_container
from protocols.errors import DecodeError, EncodeError
from protocols.eui64 import Eui64
from protocols.firmware_container import MAX_CONTENT, MAX_MANIFEST, Behaviour, Manifest, ManufacturerImage
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.roles import DeviceType
from protocols.sheet import Sheet

MAKER = Eui64(bytes(8))
MANIFEST = Manifest(
    DeviceType.ESME,
    "121D",
    "00010001",
    "0000000A",
    "A meter",
    (1, 0x0102),
    Behaviour(frozenset({"ECS17b", "CS06"}), frozenset({"alert-storm"})),
    (("built", "on a Friday"), ("release", "2.0")),
)
MEMBERS: dict[str, Any] = json.loads(MANIFEST.encode())


def keys() -> MemoryKeyStore:
    store = MemoryKeyStore()
    store.generate(KeyName(MAKER, KeyUse.DIGITAL_SIGNING), bytes(range(48)))
    return store


def point() -> bytes:
    return keys().public_point(KeyName(MAKER, KeyUse.DIGITAL_SIGNING)) or b""


def image(manifest: Manifest = MANIFEST, content: bytes = b"content") -> ManufacturerImage:
    return ManufacturerImage.build(manifest, content, point(), lambda octets: keys().sign(MAKER, octets))


def by_hand(members: dict[str, Any], content: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """An image written from the document alone."""
    manifest = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    head = bytes.fromhex("89 4D 42 46 57 0D 0A 1A 00 01") + struct.pack(">I", len(manifest)) + manifest
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    low = sha1(public).digest()[-8:]  # noqa: S324 - an identifier, as RFC 5280 has it
    identifier = bytes((low[0] & 0x0F | 0x40,)) + low[1:]
    signed = head + struct.pack(">I", len(content)) + content + identifier
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    return signed + r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_an_image_written_by_hand_is_read_and_its_signature_verifies() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    octets = by_hand(MEMBERS, b"\0" * 100, key)
    read = ManufacturerImage.decode(octets)
    assert (read.manifest, read.content) == (MANIFEST, bytes(100))
    assert read.encode() == octets
    assert read.is_signed_by(public)
    assert not read.is_signed_by(point())
    assert read.digest == sha256(octets).digest()


def test_the_document_names_every_key_and_limit() -> None:
    text = Path(firmware_container.__file__).with_name("FIRMWARE.md").read_text()
    table = set(re.findall(r"^\| `([a-z_.]+)` \|", text, re.MULTILINE))
    wanted = {*MEMBERS, *(f"behaviour.{key}" for key in MEMBERS["behaviour"])}
    assert table == wanted
    assert firmware_container.MAGIC.hex(" ").upper() in text
    for limit in (MAX_MANIFEST, MAX_CONTENT, firmware_container.MAX_NAMES, firmware_container.MAX_TEXT):
        assert f"{limit:,}" in text
    for device in DeviceType:
        assert f"`{device.value}`" in text


def test_what_an_image_says() -> None:
    assert (MANIFEST.manufacturer_code, MANIFEST.image_type, MANIFEST.version.hex()) == (0x121D, 1, "0000000a")
    assert ManufacturerImage.begins(image().encode())
    assert not ManufacturerImage.begins(b"anything else")
    assert image().encode() == image().encode()


def test_every_change_of_an_image_is_seen() -> None:
    octets = image().encode()
    for place in range(0, len(octets), 7):
        changed = bytearray(octets)
        changed[place] ^= 1
        try:
            assert not ManufacturerImage.decode(bytes(changed)).is_signed_by(point())
        except DecodeError:
            continue
    assert image().is_signed_by(point())


def changed(**members: Any) -> dict[str, Any]:
    return {**MEMBERS, **members}


def behaving(**members: Any) -> dict[str, Any]:
    return changed(behaviour={**MEMBERS["behaviour"], **members})


@pytest.mark.parametrize(
    ("members", "path"),
    [
        (changed(surplus=1), ()),
        ({key: value for key, value in MEMBERS.items() if key != "notes"}, ("notes",)),
        (changed(device_type="toaster"), ("device_type",)),
        (changed(device_type=["ESME"]), ("device_type",)),
        (changed(manufacturer="121d"), ("manufacturer",)),
        (changed(manufacturer=0x121D), ("manufacturer",)),
        (changed(model="0001"), ("model",)),
        (changed(firmware_version="0000000G"), ("firmware_version",)),
        (changed(hardware_versions=["0001"]), ("hardware_versions",)),
        (changed(hardware_versions=["0002", "0001"]), ("hardware_versions",)),
        (changed(model_name="two\nlines"), ("model_name",)),
        (changed(model_name="x" * 257), ("model_name",)),
        (changed(model_name="\ud800"), ("model_name",)),
        (changed(notes={"a": 1}), ("notes", "a")),
        (changed(notes=[]), ("notes",)),
        (changed(notes={str(number): "" for number in range(513)}), ("notes",)),
        (changed(behaviour=None), ("behaviour",)),
        (behaving(starts=1), ("behaviour", "starts")),
        (behaving(surplus=1), ("behaviour",)),
        (behaving(defects="alert-storm"), ("behaviour", "defects")),
        (behaving(use_cases=["CS06", 7]), ("behaviour", "use_cases[1]")),
        (behaving(use_cases=["CS06", "CS02a"]), ()),
        (behaving(use_cases=["CS06", "CS06"]), ()),
    ],
)
def test_a_manifest_that_says_anything_else_is_refused_by_the_key(members: Any, path: tuple[str, ...]) -> None:
    octets = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(DecodeError) as error:
        Manifest.decode(octets)
    assert error.value.path == path


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(MEMBERS),
        json.dumps(MEMBERS, separators=(",", ":"), sort_keys=False)[::-1],
        '{"notes":{}' + json.dumps(MEMBERS, sort_keys=True, separators=(",", ":"))[1:],
        "[" * 100_000,
        '{"notes":' + "[" * 400 + "]" * 400 + "}",
        "1" * 5000,
        "NaN",
        "[]",
        "",
        "é",
        " " * (MAX_MANIFEST + 1),
    ],
)
def test_other_forms_of_a_manifest_are_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        Manifest.decode(text.encode())


def test_an_error_names_field_and_offset() -> None:
    octets = image().encode()
    size = len(MANIFEST.encode())
    for spoilt, path, offset in (
        (b"X" + octets[1:], ("magic",), 0),
        (octets[:9] + b"\2" + octets[10:], ("layout_version",), 8),
        (octets[:10] + b"\xff\xff\xff\xff" + octets[14:], ("manifest",), 10),
        (octets[:10] + b"\0\0\xff\xff" + octets[14:], ("manifest",), 14),
        (octets[: 14 + size] + b"\xff\xff\xff\xff" + octets[18 + size :], ("content",), 14 + size),
        (octets[: 14 + size] + b"\0\0\xff\xff" + octets[18 + size :], ("content",), 18 + size),
        (octets[: 16 + size], ("content_length",), 14 + size),
        (octets[:-1], ("signature",), len(octets) - 64),
        (octets + b"\0", (), len(octets)),
        (octets[:20] + b"!" + octets[21:], ("manifest",), 14),
    ):
        with pytest.raises(DecodeError) as error:
            ManufacturerImage.decode(spoilt)
        assert (error.value.path[:1], error.value.offset) == (path, offset)


def test_a_value_that_has_no_encoding_is_named() -> None:
    for bad, path in (
        (replace(MANIFEST, model="1"), "model"),
        (replace(MANIFEST, manufacturer="121d"), "manufacturer"),
        (replace(MANIFEST, hardware_versions=(2, 1)), "hardware_versions"),
    ):
        with pytest.raises(EncodeError, match=path):
            bad.encode()
    with pytest.raises(EncodeError, match="in order"):
        replace(MANIFEST, notes=(("b", ""), ("a", ""))).encode()
    with pytest.raises(EncodeError, match="signature"):
        replace(image(), signature=b"").encode()
    with pytest.raises(EncodeError, match="maker_key_identifier"):
        replace(image(), maker_key_identifier=b"").encode()
    with pytest.raises(EncodeError, match="content"):
        replace(image(), content=bytes(MAX_CONTENT + 1)).encode()


TEXTS = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)
DIGITS = st.integers(0, 0xFFFFFFFF).map(lambda number: f"{number:08X}")
MANIFESTS = st.builds(
    Manifest,
    st.sampled_from(DeviceType),
    DIGITS.map(lambda digits: digits[:4]),
    DIGITS,
    DIGITS,
    TEXTS,
    st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)).map(lambda pair: (min(pair), max(pair))),
    st.builds(
        Behaviour,
        st.none() | st.frozensets(TEXTS, max_size=4),
        st.none() | st.frozensets(TEXTS, max_size=4),
        st.booleans(),
    ),
    st.dictionaries(TEXTS, TEXTS, max_size=3).map(lambda notes: tuple(sorted(notes.items()))),
)


@given(MANIFESTS, st.binary(max_size=100))
def test_every_image_survives_reading_and_writing(manifest: Manifest, content: bytes) -> None:
    made = ManufacturerImage(manifest, content)
    octets = made.encode()
    assert ManufacturerImage.decode(octets) == made
    sheet = Sheet()
    made.describe(sheet)
    assert bytes(sheet.octets) == octets


@given(st.data())
def test_a_spoilt_image_is_refused_or_read_as_what_it_then_says(data: st.DataObject) -> None:
    octets = bytearray(image().encode())
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = ManufacturerImage.decode(bytes(octets))
    except DecodeError:
        return
    assert read.encode() == bytes(octets)
