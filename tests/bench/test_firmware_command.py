"""``meterbench firmware``: files in, files out, what is said and with which exit status."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from typer.testing import CliRunner, Result

import protocols
from bench.__main__ import app
from bench.exit_codes import ExitCode
from bench.firmware import examples
from bench.reading import InputError
from protocols.gbcs.firmware_image import FirmwareImage
from protocols.zigbee.ota_file import OtaFile, OtaHeader, SubElement, Tag

DOCUMENT = Path(protocols.__file__).with_name("FIRMWARE.md")
OPAQUE = ("--manufacturer", "121D", "--image-type", "0001", "--firmware-version", "00000005")


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["firmware", *arguments])


def said(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code in (ExitCode.PASS, ExitCode.FAIL), result.output
    return json.loads(result.stdout)


def build(name: str = "esme-good") -> None:
    assert run("build", name, "--key", "test:maker", "--out", "my.img").exit_code == ExitCode.PASS


def sign(*arguments: str) -> Result:
    return run("sign", "my.img", "--out", "my.ota", *arguments)


def test_the_examples_of_the_document_run() -> None:
    text = DOCUMENT.read_text()
    (manifest,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    Path("my-firmware.toml").write_text(manifest)
    Path("opaque.bin").write_bytes(b"opaque" * 50)
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    assert len(lines) == 9
    for line in lines:
        result = CliRunner().invoke(app, shlex.split(line)[1:])
        assert result.exit_code == ExitCode.PASS, (line, result.output)


def test_a_file_is_built_and_signed_and_verifies() -> None:
    build()
    made = said("sign", "my.img", "--key", "test:supplier", "--out", "my.ota")
    image = examples.build_example("esme-good")
    assert Path("my.img").read_bytes() == image.encode()
    assert made["sha256_of_manufacturer_image"] == image.digest.hex()
    assert made["signed_by_authoriser"] is True
    good = said("verify", "my.ota", "--maker-key", "test:maker", "--supplier-certificate", "test:supplier")
    assert good["verdict"] == "PASS"
    assert [check["outcome"] for check in good["checks"]] == ["PASS"] * 3
    bad = run("verify", "my.ota", "--maker-key", "test:maker", "--supplier-certificate", "test:maker")
    assert bad.exit_code == ExitCode.FAIL
    assert "FAIL        authoriser's signature: the signature behind the image does not verify" in bad.stdout


def test_both_hashes_are_said_by_name() -> None:
    build()
    image = examples.build_example("esme-good")
    lines = run("hash", "my.img").stdout.splitlines()
    assert lines[0] == f"SHA-256 of the manufacturer image, as in commands and alerts: {image.digest.hex()}"
    assert lines[1].startswith("SHA-256 of manufacturer image and identifier 00000002, as lists may have it: ")
    found = said("hash", "my.img")
    assert found["sha256_of_manufacturer_image_and_identifier"] == lines[1][-64:]
    assert found["manifest"]["model"] == "00010001"


def test_every_field_is_shown() -> None:
    build()
    sign("--key", "test:supplier")
    text = run("inspect", "my.ota").stdout
    for field in ("file_version: 2  (00000002)", "device_type: ESME", "content_length: 8192", "maker_signature"):
        assert field in text
    found = said("inspect", "my.ota")
    assert (found["kind"], found["findings"]) == ("GB firmware file", [])
    assert [field["name"] for field in found["fields"]] == ["ota_header", "manufacturer_image", "signature"]


def test_a_zigbee_file_is_shown_too() -> None:
    file = OtaFile.build(OtaHeader(1, 2, 3), [SubElement(Tag.IMAGE, b"abc")], with_integrity_code=True)
    Path("file.ota").write_bytes(file.encode())
    found = said("inspect", "file.ota")
    assert [field["name"] for field in found["fields"]] == ["ota_header", "image", "integrity_code"]


def test_layers_that_disagree_are_a_finding() -> None:
    build()
    assert sign("--key", "test:supplier", "--firmware-version", "00000009").exit_code == ExitCode.PASS
    result = run("inspect", "my.ota")
    assert result.exit_code == ExitCode.FAIL
    assert "finding: firmware version: the manifest says 00000002, the header 00000009" in result.stdout


def test_an_opaque_image_is_wrapped_with_what_is_said_of_it() -> None:
    Path("my.img").write_bytes(b"opaque" * 40)
    made = sign("--key", "test:supplier", *OPAQUE, "--hardware", "0001-0003", "--text", "an opaque one")
    assert made.exit_code == ExitCode.PASS, made.output
    file = FirmwareImage.decode(Path("my.ota").read_bytes())
    assert (file.header.manufacturer, file.header.image_type, file.header.file_version) == (0x121D, 1, 5)
    assert (file.header.hardware, file.header.text.rstrip(b"\0")) == ((1, 3), b"an opaque one")
    assert sign("--unsigned", *OPAQUE, "--hardware", "0002").exit_code == ExitCode.PASS
    assert FirmwareImage.decode(Path("my.ota").read_bytes(), signed=False).header.hardware == (2, 2)


def test_openssl_and_we_take_each_others_detached_signatures() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    Path("maker.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    Path("maker.pem").write_bytes(public)
    Path("my.img").write_bytes(b"opaque" * 40)
    assert said("sign", "my.img", "--detached", "--key", "maker.key")["signature"] == "my.img.sig"
    openssl = ["openssl", "dgst", "-sha256", "-verify", "maker.pem", "-signature", "my.img.sig", "my.img"]
    assert subprocess.run(openssl, check=True, capture_output=True).stdout == b"Verified OK\n"
    assert run("verify", "my.img", "--maker-key", "maker.pem").exit_code == ExitCode.PASS
    theirs = ["openssl", "dgst", "-sha256", "-sign", "maker.key", "-out", "theirs.sig", "my.img"]
    subprocess.run(theirs, check=True)
    assert sign("--key", "test:supplier", *OPAQUE).exit_code == ExitCode.PASS
    assert run("verify", "my.ota", "--maker-key", "maker.pem").exit_code == ExitCode.FAIL
    good = run("verify", "my.ota", "--maker-key", "maker.pem", "--signature", "theirs.sig")
    assert good.exit_code == ExitCode.PASS
    Path("theirs.sig").write_bytes(b"no signature")
    bad = run("verify", "my.ota", "--maker-key", "maker.pem", "--signature", "theirs.sig")
    assert bad.exit_code == ExitCode.FAIL


def test_a_private_key_is_never_said() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    Path("maker.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    secret = f"{key.private_numbers().private_value:064x}"
    good = run("build", "esme-good", "--key", "maker.key", "--out", "my.img")
    assert good.exit_code == ExitCode.PASS
    assert secret not in good.output.lower()
    assert bytes.fromhex(secret) not in Path("my.img").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("build", "no-such", "--key", "test:maker", "--out", "x"), "no-such: neither a file nor an example"),
        (("build", "esme-good", "--key", "none.key", "--out", "x"), "none.key: No such file"),
        (("build", "esme-good", "--key", "test:m", "--out", "x", "--party", "1"), "--party: "),
        (("build", "esme-good", "--key", "test:m", "--out", "x", "--content", "none"), "none: No such file"),
        (("sign", "my.img", "--key", "test:supplier"), "--out: missing"),
        (("sign", "my.img", "--out", "x"), "give either --key or --unsigned"),
        (("sign", "my.img", "--out", "x", "--key", "test:s", "--unsigned"), "give either --key or --unsigned"),
        (("sign", "my.img", "--out", "x", "--unsigned"), "files for ESME are signed by the supplier: give --key"),
        (("sign", "display.img", "--out", "x", "--key", "test:s"), "files for PPMID are not signed: give --unsigned"),
        (("sign", "my.ota", "--out", "x", "--unsigned"), "my.ota: a GB firmware file already"),
        (("sign", "opaque", "--out", "x", "--unsigned"), "--manufacturer: missing"),
        (("sign", "my.img", "--detached"), "--key: missing"),
        (("sign", "my.img", "--out", "x", "--key", "test:s", "--hardware", "1"), "--hardware: 4 hexadecimal digits"),
        (("sign", "my.img", "--out", "x", "--key", "test:s", "--text", "é"), "--text: at most 32 ASCII"),
        (("verify", "my.ota"), "give --maker-certificate"),
        (("verify", "my.ota", "--maker-key", "opaque"), "opaque: neither a certificate nor a public key"),
        (("inspect", "none"), "none: No such file"),
    ],
)
def test_what_a_person_did_wrong_is_said(arguments: tuple[str, ...], said: str) -> None:
    build("ppmid-good")
    Path("my.img").rename("display.img")
    build()
    sign("--key", "test:supplier")
    Path("opaque").write_bytes(b"opaque")
    result = run(*arguments)
    assert isinstance(result.exception, InputError)
    assert said in str(result.exception)
    assert not Path("x").exists()


@pytest.mark.parametrize("command", ["inspect", "hash", "verify"])
def test_a_malformed_file_is_a_failure_that_names_the_octet(command: str) -> None:
    build()
    sign("--key", "test:supplier")
    Path("my.ota").write_bytes(Path("my.ota").read_bytes()[:-1])
    more = ["--maker-key", "test:maker"] if command == "verify" else []
    result = run(command, "my.ota", *more)
    assert result.exit_code == ExitCode.FAIL
    assert "my.ota: octet " in result.stderr


def test_examples_are_listed_with_what_is_wrong_with_them() -> None:
    rows = said("examples")
    assert [row["name"] for row in rows] == examples.names()
    text = run("examples").stdout
    assert re.search(r"^esme-good +ESME +00000002  good$", text, re.MULTILINE)
    assert re.search(r"^esme-alert-storm +ESME +0000000B  alert-storm$", text, re.MULTILINE)
    assert re.search(r"^esme-does-not-start .* does not start$", text, re.MULTILINE)
