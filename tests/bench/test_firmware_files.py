"""Firmware files on the bench: manifests, building, signing, reading, checking, examples."""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from bench.firmware import (
    Check,
    FirmwareFile,
    Kind,
    ManifestError,
    Outcome,
    SigningKey,
    build_manufacturer_image,
    decode_signature,
    encode_signature,
    examples,
    filler,
    header_of,
    parse_recipe,
    public_point,
    read_firmware,
    signing_key,
    signing_key_of_seed,
    verify_firmware,
    wrap,
)
from bench.pass_phrase import PASS_PHRASE_VARIABLE
from bench.reading import InputError
from firmware_emu.defects import known_defects
from firmware_emu.firmware_content import FirmwareContent
from firmware_emu.personalities import named
from protocols.errors import DecodeError
from protocols.eui64 import eui64
from protocols.gbcs.firmware_image import AUTHORISERS, FirmwareImage
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.roles import DeviceType
from protocols.smki.infrastructure import make_infrastructure
from protocols.smki.names import KeyUsage
from protocols.zigbee.ota_file import OtaFile, OtaHeader, SubElement, Tag
from tests.reference import KEYSTORE, REFERENCE

MAKER, SUPPLIER = signing_key_of_seed("maker"), signing_key_of_seed("supplier")
OTHER = signing_key_of_seed("other")
PERSONALITIES = {
    DeviceType.ESME: "esme-twin",
    DeviceType.GSME: "gsme",
    DeviceType.CHF: "chf",
    DeviceType.PPMID: "ppmid",
    DeviceType.HCALCS: "hcalcs",
    DeviceType.SAPC: "sapc",
}
MANIFEST = """
device_type = "ESME"
manufacturer = "12ab"
model = "00010001"
firmware_version = "0000000a"
"""


def ours(key: SigningKey | None = SUPPLIER) -> FirmwareImage:
    image = examples.build_example("esme-good")
    return wrap(image, header_of(image.manifest), key)


def outcomes(checks: tuple[Check, ...]) -> list[Outcome]:
    return [check.outcome for check in checks]


PASS, FAIL, NOT = Outcome.PASS, Outcome.FAIL, Outcome.NOT_CHECKED


# Manifests


def test_a_manifest_has_defaults_and_takes_small_digits() -> None:
    recipe = parse_recipe(MANIFEST.encode(), "my.toml")
    manifest = recipe.manifest
    assert (manifest.manufacturer, manifest.firmware_version) == ("12AB", "0000000A")
    assert (manifest.hardware_versions, manifest.behaviour.defects) == ((0, 0xFFFF), frozenset())
    assert (recipe.content_size, recipe.header_text) == (4096, "")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("surplus = 1", "my.toml: expected one of the keys"),
        ("model_name = 5", "my.toml: model_name: expected a printable text"),
        ("content_size = -1", "content_size: a whole number"),
        ("content_size = true", "content_size: a whole number"),
        ("header_text = 'far too long for the thirty-two octets'", "header_text"),
        ("hardware_versions = 1", "hardware_versions: expected a list of two"),
        ("[behaviour]\ndefect = []", "behaviour: expected one of the keys"),
        ("[behaviour]\ndefects = [1]", "defects"),
        ("behaviour = 1", "behaviour: expected an object"),
        ("[notes]\nx = 2026-01-01", "a date or time"),
        ("nonsense", "not TOML"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_said_by_file_and_key(more: str, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        parse_recipe(f"{MANIFEST}{more}".encode(), "my.toml")


def test_other_faults_of_a_manifest_file() -> None:
    for octets, said in (
        (b"", "device_type: missing"),
        (b"\xff", "not UTF-8"),
        (bytes(300_000), "no manifest"),
        (b"x = " + b"[" * 5000, "not TOML"),
    ):
        with pytest.raises(ManifestError, match=said):
            parse_recipe(octets, "my.toml")


# Building and reading


def test_a_wrapped_image_is_read_in_all_its_layers() -> None:
    made = ours()
    file = read_firmware(made.encode())
    assert (file.kind, file.wrapped, file.header) == (Kind.WRAPPED, made, made.header)
    assert file.container == examples.build_example("esme-good")
    assert file.authoriser_signature == made.signature
    assert file.version == bytes((0, 0, 0, 2))
    assert file.digest == sha256(made.manufacturer_image).digest()
    assert file.digest_with_identifier == sha256(made.manufacturer_image + bytes((0, 0, 0, 2))).digest()
    assert file.findings == ()
    assert bytes(file.sheet().octets) == file.octets


def test_an_unsigned_image_ends_where_it_says_itself() -> None:
    image = examples.build_example("ppmid-good", content_size=500)
    tricky = replace(image, signature=b"\0\x40" * 32)  # as if the last octets were a signature with its length
    file = read_firmware(wrap(tricky, header_of(image.manifest), None).encode())
    assert (file.kind, file.authoriser_signature, file.container) == (Kind.WRAPPED, None, tricky)


def test_an_opaque_image_is_told_by_its_last_octets_or_by_hand() -> None:
    header = OtaHeader(0x121D, 0x0001, 7)
    for signer in (SUPPLIER, None):
        file = read_firmware(wrap(b"opaque octets", header, signer).encode())
        assert (file.kind, file.manufacturer_image, file.container) == (Kind.WRAPPED, b"opaque octets", None)
        assert (file.authoriser_signature is None) is (signer is None)
        assert bytes(file.sheet().octets) == file.octets
    whole = wrap(b"opaque octets", header, SUPPLIER).encode()
    assert len(read_firmware(whole, signed=False).manufacturer_image) == 13 + 66


def test_a_zigbee_file_is_known_by_its_sub_elements() -> None:
    made = OtaFile.build(OtaHeader(1, 2, 3), [SubElement(Tag.IMAGE, b"abc")], with_integrity_code=True)
    file = read_firmware(made.encode())
    assert (file.kind, file.zigbee, file.header) == (Kind.ZIGBEE, made, made.header)
    assert bytes(file.sheet().octets) == file.octets
    assert outcomes(verify_firmware(file, None, SUPPLIER.point)) == [NOT, NOT, FAIL]


def test_anything_else_is_an_opaque_image() -> None:
    file = read_firmware(b"anything")
    assert (file.kind, file.version, file.digest_with_identifier) == (Kind.OPAQUE, None, None)
    assert bytes(file.sheet().octets) == b"anything"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda octets: octets[:-1],
        lambda octets: octets + b"\0",
        lambda octets: octets[:40],
        lambda octets: octets[:80] + b"\xff" + octets[81:],
        lambda octets: octets + bytes(11_000_000),
    ],
)
def test_a_spoilt_file_is_an_error(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(DecodeError):
        read_firmware(spoil(ours().encode()))


@given(st.data())
def test_a_changed_file_is_read_or_refused_and_never_passes(data: st.DataObject) -> None:
    octets = bytearray(SHORT)
    place = data.draw(st.integers(60, len(octets) - 1))
    octets[place] ^= data.draw(st.integers(1, 255))
    try:
        file = read_firmware(bytes(octets))
    except DecodeError:
        return
    assert Outcome.FAIL in outcomes(verify_firmware(file, MAKER.point, SUPPLIER.point))


_SHORT = examples.build_example("esme-good", content_size=10)
SHORT = wrap(_SHORT, header_of(_SHORT.manifest), SUPPLIER).encode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"manufacturer": 1}, "manufacturer: the manifest says 1234, the header 0001"),
        ({"image_type": 9}, "image type: the manifest says 0001, the header 0009"),
        ({"file_version": 3}, "firmware version: the manifest says 00000002, the header 00000003"),
        ({"hardware": (1, 2)}, "hardware versions: the manifest says 0001-0001, the header 0001-0002"),
        ({"hardware": None}, "hardware versions: the manifest says 0001-0001, the header any"),
    ],
)
def test_a_header_that_disagrees_with_the_manifest_is_a_finding(change: dict[str, Any], said: str) -> None:
    image = examples.build_example("esme-good")
    header = replace(header_of(image.manifest), **change)
    file = read_firmware(wrap(image, header, SUPPLIER).encode())
    assert file.findings == (said,)
    (layers, *others) = verify_firmware(file, MAKER.point, SUPPLIER.point)
    assert layers == ("layers agree", FAIL, said)
    assert [check.outcome for check in others] == [PASS, PASS]


# Checking


def test_every_check_passes_on_a_good_file_and_fails_with_another_key() -> None:
    file = read_firmware(ours().encode())
    assert outcomes(verify_firmware(file, MAKER.point, SUPPLIER.point)) == [PASS, PASS, PASS]
    assert outcomes(verify_firmware(file, OTHER.point, SUPPLIER.point)) == [PASS, FAIL, PASS]
    assert outcomes(verify_firmware(file, MAKER.point, OTHER.point)) == [PASS, PASS, FAIL]
    assert outcomes(verify_firmware(file)) == [PASS, NOT, NOT]


def test_a_signature_of_the_maker_that_names_the_right_key_is_verified_all_the_same() -> None:
    image = examples.build_example("esme-good")
    forged = replace(image, signature=OTHER.sign(image.signed_octets))
    file = read_firmware(forged.encode())
    (_, maker, _) = verify_firmware(file, MAKER.point)
    assert (maker.outcome, maker.reason[:36]) == (FAIL, "the signature in the image does not ")


@pytest.mark.parametrize(
    ("name", "signer", "expected"),
    [
        ("esme-good", None, FAIL),
        ("ppmid-good", SUPPLIER, FAIL),
        ("ppmid-good", None, FAIL),
        ("hcalcs-good", SUPPLIER, FAIL),
        ("chf-good", SUPPLIER, PASS),
    ],
)
def test_whether_a_signature_belongs_there(name: str, signer: SigningKey | None, expected: Outcome) -> None:
    image = examples.build_example(name)
    file = read_firmware(wrap(image, header_of(image.manifest), signer).encode())
    (*_, authoriser) = verify_firmware(file, MAKER.point, SUPPLIER.point)
    assert authoriser.outcome is expected
    (*_, unasked) = verify_firmware(file, MAKER.point)
    right = (signer is not None) is (image.manifest.device_type in AUTHORISERS)
    assert unasked.outcome is (NOT if right else FAIL)


def test_an_opaque_image_has_its_makers_signature_beside_it() -> None:
    octets = b"opaque" * 100
    signature = MAKER.sign(octets)
    file = read_firmware(wrap(octets, OtaHeader(1, 2, 3), SUPPLIER).encode())
    for form in (signature, encode_signature(signature)):
        checks = verify_firmware(file, MAKER.point, SUPPLIER.point, decode_signature(form))
        assert outcomes(checks) == [NOT, PASS, PASS]
    assert outcomes(verify_firmware(file, OTHER.point, None, signature)) == [NOT, FAIL, NOT]
    assert outcomes(verify_firmware(file, MAKER.point)) == [NOT, FAIL, NOT]


@pytest.mark.parametrize("octets", [b"", bytes(63), b"\x30\x06\x02\x01\xff\x02\x01\x01", b"\x30" * 71])
def test_what_is_no_signature_is_an_error(octets: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_signature(octets)


@pytest.mark.shared
def test_the_published_samples_are_read_and_their_signature_checked() -> None:
    folder = REFERENCE.parent / "duis-5.4"
    if not folder.is_dir():
        pytest.skip("the sample service requests are absent")
    supplier = public_point(str(KEYSTORE / "90b3d51f30010000-ds.pem"))
    for name, expected in (("11.1_UPDATE_FIRMWARE", PASS), ("11.4_UPDATE_PPMID_FIRMWARE", FAIL)):
        text = (folder / f"{name}_REQUEST_DUIS.XML").read_text()
        found = re.search(r"FirmwareImage>([^<]*)<", text)
        assert found is not None
        file = read_firmware(base64.b64decode(found[1]))
        assert (file.kind, file.version) == (Kind.WRAPPED, bytes.fromhex("acdcacdc"))
        assert file.digest.hex() == "7542f475e3f12eae887d81e32c46d313741d67076b13caec2f82e00ba5e1bb36"
        assert outcomes(verify_firmware(file, None, supplier)) == [NOT, NOT, expected]
        assert outcomes(verify_firmware(file, None, OTHER.point))[2] is FAIL


# Keys


def pem(path: Path, pass_phrase: bytes | None = None) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    how = NoEncryption() if pass_phrase is None else BestAvailableEncryption(pass_phrase)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
    return key


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def test_keys_come_from_files_with_and_without_a_pass_phrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, sealed, phrase = tmp_path / "plain.key", tmp_path / "sealed.key", tmp_path / "phrase"
    key = pem(plain)
    assert signing_key(str(plain)).point == point(key)
    assert len(signing_key(str(plain)).sign(b"x")) == 64
    key = pem(sealed, b"a secret")
    phrase.write_text("a secret\n")
    assert signing_key(str(sealed), phrase).point == point(key)
    monkeypatch.setenv(PASS_PHRASE_VARIABLE, "a secret")
    assert signing_key(str(sealed)).point == point(key)
    monkeypatch.setenv(PASS_PHRASE_VARIABLE, "another")
    with pytest.raises(InputError, match=r"sealed\.key: .*pass phrase is wrong"):
        signing_key(str(sealed))
    monkeypatch.delenv(PASS_PHRASE_VARIABLE)
    with pytest.raises(InputError, match="a pass phrase is needed"):
        signing_key(str(sealed))
    with pytest.raises(InputError, match="No such file"):
        signing_key(str(tmp_path / "none"))


def test_keys_come_from_a_folder_of_keys(tmp_path: Path) -> None:
    one, other = eui64("90-B3-D5-1F-30-01-00-00"), eui64("90-B3-D5-1F-30-02-00-00")
    phrase = tmp_path / "phrase"
    phrase.write_text("for a test")
    store = FolderKeyStore.create(tmp_path / "keys", b"for a test")
    with pytest.raises(InputError, match="no private key"):
        signing_key(str(tmp_path / "keys"), phrase)
    made = store.generate(KeyName(one, KeyUse.DIGITAL_SIGNING), bytes(48))
    store.generate(KeyName(one, KeyUse.KEY_AGREEMENT), bytes(range(48)))
    assert signing_key(str(tmp_path / "keys"), phrase).point == made
    store.generate(KeyName(other, KeyUse.DIGITAL_SIGNING), bytes(range(1, 49)))
    with pytest.raises(InputError, match="say whose"):
        signing_key(str(tmp_path / "keys"), phrase)
    assert signing_key(str(tmp_path / "keys"), phrase, one).point == made
    assert "BEGIN" not in repr(signing_key(str(tmp_path / "keys"), phrase, one))


def test_public_keys_come_in_every_usual_form(tmp_path: Path) -> None:
    key = pem(tmp_path / "key")
    certificate = make_infrastructure(b"firmware").device(
        eui64("00-DB-12-34-56-78-90-A0"), KeyUsage.DIGITAL_SIGNATURE, point(key)
    )
    forms = {
        "point": point(key),
        "public.pem": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "public.der": key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "certificate.der": certificate.octets,
    }
    for name, octets in forms.items():
        (tmp_path / name).write_bytes(octets)
        assert public_point(str(tmp_path / name)) == point(key)
    command = ["openssl", "x509", "-inform", "DER", "-in", str(tmp_path / "certificate.der")]
    (tmp_path / "certificate.pem").write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    assert public_point(str(tmp_path / "certificate.pem")) == point(key)
    assert public_point("test:maker") == MAKER.point
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    for bad in (b"", b"\4" + bytes(64), other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)):
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(InputError, match="bad: neither a certificate nor a public key"):
            public_point(str(tmp_path / "bad"))


# Examples


def test_every_kind_of_device_has_a_good_example_and_a_bad_one() -> None:
    for device in PERSONALITIES:
        assert len(examples.names(device)) >= 2
        assert [examples.manifest(name).version for name in examples.names(device, defective=False)][:1]
        assert examples.names(device, defective=True)
    found = {defect for name in examples.names() for defect in examples.manifest(name).behaviour.defects or ()}
    assert len(found) >= 20
    assert found <= known_defects().keys()


@pytest.mark.parametrize("name", examples.names())
def test_an_example_is_built_for_a_device_and_says_how_it_behaves(name: str) -> None:
    personality = named(PERSONALITIES[examples.manifest(name).device_type])
    image = examples.build_example(name, personality)
    assert image.is_signed_by(examples.maker().point)
    assert (image.manifest.manufacturer, image.manifest.model) == (personality.manufacturer, personality.model)
    assert image.encode() == examples.build_example(name, personality).encode()
    content = FirmwareContent.decode(image.encode())
    assert content.defects == image.manifest.behaviour.defects
    assert content.starts_on(personality.device) is (name != "esme-does-not-start")
    header = header_of(image.manifest)
    assert (header.manufacturer, header.image_type) == (0x1234, int(personality.model[:4], 16))
    assert header.suits(personality.hardware_version)


def test_examples_of_a_device_have_versions_of_their_own() -> None:
    for device in PERSONALITIES:
        versions = [examples.manifest(name).firmware_version for name in examples.names(device)]
        assert len(set(versions)) == len(versions)
        assert "00000001" not in versions


def test_an_example_can_be_made_another_size_version_or_makers() -> None:
    image = examples.build_example("gsme-good", signer=OTHER, version="000000ab", content_size=7)
    assert (len(image.content), image.manifest.firmware_version) == (7, "000000AB")
    assert image.is_signed_by(OTHER.point)
    for_meter = examples.build_example("gsme-good", named("gsme"), version="000000ab")
    assert for_meter.manifest.firmware_version == "000000AB"
    texts = replace(named("gsme"), manufacturer="A maker", model="A model", hardware_version=3)
    manifest = examples.manifest_for("gsme-good", texts)
    assert (manifest.manufacturer, manifest.model, manifest.hardware_versions) == ("1234", "00840001", (3, 3))


def test_an_example_for_another_device_or_of_no_such_name_is_refused() -> None:
    with pytest.raises(InputError, match="an example for ESME, not for GSME"):
        examples.build_example("esme-good", named("gsme"))
    with pytest.raises(InputError, match="no such example"):
        examples.recipe("nothing")


def test_filler_differs_from_block_to_block_and_image_to_image() -> None:
    one, other = (filler(examples.manifest(name), 6400) for name in ("esme-good", "gsme-good"))
    assert len({one[at : at + 64] for at in range(0, 6400, 64)}) == 100
    assert one != other


def test_a_built_image_is_signed_by_whom_it_says() -> None:
    manifest = examples.manifest("esme-good")
    image = build_manufacturer_image(manifest, b"", OTHER)
    assert outcomes(verify_firmware(read_firmware(image.encode()), OTHER.point)) == [NOT, PASS, NOT]
    assert isinstance(read_firmware(image.encode()), FirmwareFile)
