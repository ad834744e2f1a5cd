"""``meterbench firmware build|sign|inspect|verify|hash|examples``."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from protocols.errors import DecodeError
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.firmware_image import AUTHORISERS, MAX_IMAGE, FirmwareImage
from protocols.zigbee.ota_file import OtaHeader

from ..exit_codes import ExitCode
from ..firmware import (
    FirmwareFile,
    Kind,
    Outcome,
    Recipe,
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
    verify_firmware,
    wrap,
)
from ..reading import InputError
from .decode import field_lines
from .output import say


class HeaderOptions(NamedTuple):
    """What a person says of the header; None where nothing was said. Numbers are in hexadecimal digits."""

    manufacturer: str | None = None
    image_type: str | None = None
    firmware_version: str | None = None
    hardware: str | None = None
    text: str | None = None


def run_build(
    manifest: str,
    key: str,
    out: Path,
    content: Path | None,
    party: str | None,
    pass_phrase_file: Path | None,
    *,
    as_json: bool,
) -> ExitCode:
    """Write a manufacturer image. Raises InputError."""
    recipe = _recipe(manifest)
    octets = filler(recipe.manifest, recipe.content_size) if content is None else _read(content)
    maker = signing_key(key, pass_phrase_file, _party(party))
    image = build_manufacturer_image(recipe.manifest, octets, maker)
    return _written(out, image.encode(), as_json=as_json)


def run_sign(
    image: Path,
    key: str | None,
    out: Path | None,
    options: HeaderOptions,
    party: str | None,
    pass_phrase_file: Path | None,
    *,
    unsigned: bool,
    as_json: bool,
) -> ExitCode:
    """Write the file around a manufacturer image. Raises InputError."""
    if out is None:
        raise InputError("missing; say where the file goes", "--out")
    if unsigned is (key is not None):
        raise InputError("give either --key or --unsigned", "sign")
    file = _firmware(image)
    if isinstance(file, ExitCode):
        return file
    if file.kind not in (Kind.MANUFACTURER_IMAGE, Kind.OPAQUE):
        raise InputError(f"a {file.kind} already; a manufacturer image is needed", str(image))
    _refuse_wrong_kind(file, unsigned=unsigned)
    authoriser = None if key is None else signing_key(key, pass_phrase_file, _party(party))
    return _written(out, wrap(file.octets, _header(file, options), authoriser).encode(), as_json=as_json)


def run_sign_detached(
    image: Path, key: str | None, out: Path | None, party: str | None, pass_phrase_file: Path | None, *, as_json: bool
) -> ExitCode:
    """Write a maker's signature of a manufacturer image, in DER. Raises InputError."""
    if key is None:
        raise InputError("missing; the maker's key is needed", "--key")
    maker: SigningKey = signing_key(key, pass_phrase_file, _party(party))
    target = out or _signature_beside(image)
    signature = encode_signature(maker.sign(_read(image)))
    target.write_bytes(signature)
    if as_json:
        say(json.dumps({"signature": str(target), "octets": len(signature)}, indent=2))
    else:
        say(f"{target}: {len(signature)} octets, ECDSA P-256 with SHA-256, DER")
    return ExitCode.PASS


def run_inspect(path: Path, *, unsigned: bool, as_json: bool) -> ExitCode:
    """Show every field. FAIL for a file that is malformed or whose layers disagree."""
    file = _firmware(path, signed=False if unsigned else None)
    if isinstance(file, ExitCode):
        return file
    if as_json:
        fields = [field.to_json() for field in file.sheet().fields]
        say(json.dumps({**_about(file), "findings": list(file.findings), "fields": fields}, indent=2))
    else:
        notes = [f"  {note}" for note in (*_notes(file), *(f"finding: {each}" for each in file.findings))]
        say("\n".join([f"{file.kind}, {len(file.octets)} octets", *notes, "", *field_lines(file.sheet().fields)]))
    return ExitCode.FAIL if file.findings else ExitCode.PASS


def run_verify(
    path: Path, maker: str | None, supplier: str | None, signature: Path | None, *, as_json: bool
) -> ExitCode:
    """Check signatures and layers; FAIL if any check fails. Raises InputError."""
    if maker is None and supplier is None:
        raise InputError("give --maker-certificate, --supplier-certificate or both", "verify")
    file = _firmware(path)
    if isinstance(file, ExitCode):
        return file
    detached = _detached(path, file, signature)
    if isinstance(detached, ExitCode):
        return detached
    maker_point = None if maker is None else public_point(maker)
    authoriser_point = None if supplier is None else public_point(supplier)
    checks = verify_firmware(file, maker_point, authoriser_point, detached)
    failed = any(check.outcome is Outcome.FAIL for check in checks)
    verdict = Outcome.FAIL if failed else Outcome.PASS
    if as_json:
        listed = [check._asdict() for check in checks]
        say(json.dumps({**_about(file), "verdict": verdict, "checks": listed}, indent=2))
    else:
        say(
            "\n".join(
                [*(f"{check.outcome:11} {check.name}: {check.reason}" for check in checks), f"{verdict:11} {path}"]
            )
        )
    return ExitCode.FAIL if failed else ExitCode.PASS


def run_hash(path: Path, *, as_json: bool) -> ExitCode:
    """Say both hashes, and which is which."""
    file = _firmware(path)
    if isinstance(file, ExitCode):
        return file
    if as_json:
        say(json.dumps(_about(file), indent=2))
    else:
        say("\n".join(_notes(file)))
    return ExitCode.PASS


def run_examples(*, as_json: bool) -> ExitCode:
    """List the examples."""
    rows = [
        {
            "name": name,
            "device_type": found.device_type.value,
            "firmware_version": found.firmware_version,
            "defects": sorted(found.behaviour.defects or ()),
            "starts": found.behaviour.starts,
        }
        for name, found in ((name, examples.manifest(name)) for name in examples.names())
    ]
    if as_json:
        say(json.dumps(rows, indent=2))
    else:
        say("\n".join(_example_line(row) for row in rows))
    return ExitCode.PASS


def _example_line(row: dict[str, Any]) -> str:
    what = ", ".join(row["defects"]) or ("good" if row["starts"] else "does not start")
    return f"{row['name']:36} {row['device_type']:7} {row['firmware_version']}  {what}"


def _recipe(source: str) -> Recipe:
    if not os.path.exists(source) and source in examples.names():
        return examples.recipe(source)
    if not os.path.exists(source):
        raise InputError("neither a file nor an example (meterbench firmware examples)", source)
    return parse_recipe(_read(Path(source)), source)


def _party(text: str | None) -> Eui64 | None:
    try:
        return None if text is None else eui64(text)
    except ValueError as error:
        raise InputError(str(error), "--party") from None


def _refuse_wrong_kind(file: FirmwareFile, *, unsigned: bool) -> None:
    if file.container is None:
        return
    device = file.container.manifest.device_type
    role = AUTHORISERS.get(device)
    if unsigned is (role is not None):
        signer = "" if role is None else role.name.lower().replace("_", " ")
        wanted = f"signed by the {signer}: give --key" if unsigned else "not signed: give --unsigned"
        raise InputError(f"files for {device.value} are {wanted}", "sign")


def _header(file: FirmwareFile, options: HeaderOptions) -> OtaHeader:
    """The header that the manifest gives, changed by what a person says; without a manifest what they say."""
    if file.container is not None:
        header = header_of(file.container.manifest)
    else:
        for name in ("manufacturer", "image_type", "firmware_version"):
            if getattr(options, name) is None:
                raise InputError("missing; an opaque image does not say it", f"--{name.replace('_', '-')}")
        header = OtaHeader(0, 0, 0)
    changes: dict[str, Any] = {}
    for option, member, digits in (
        ("manufacturer", "manufacturer", 4),
        ("image_type", "image_type", 4),
        ("firmware_version", "file_version", 8),
    ):
        if getattr(options, option) is not None:
            changes[member] = _number(getattr(options, option), digits, option)
    if options.hardware is not None:
        low, _, high = options.hardware.partition("-")
        changes["hardware"] = (_number(low, 4, "hardware"), _number(high or low, 4, "hardware"))
    if options.text is not None:
        if not options.text.isascii() or len(options.text) > 32:
            raise InputError("at most 32 ASCII characters expected", "--text")
        changes["text"] = options.text.encode().ljust(32, b"\0")
    return replace(header, **changes)


def _number(text: str, digits: int, option: str) -> int:
    if len(text) != digits or not all(digit in "0123456789abcdefABCDEF" for digit in text):
        raise InputError(f"{digits} hexadecimal digits expected, found {text!r}", f"--{option.replace('_', '-')}")
    return int(text, 16)


def _firmware(path: Path, *, signed: bool | None = None) -> FirmwareFile | ExitCode:
    """The file, or the exit status where it is malformed, which is said."""
    try:
        return read_firmware(_read(path), signed=signed)
    except DecodeError as error:
        print(f"meterbench firmware: {path}: {error}", file=sys.stderr)
        return ExitCode.FAIL


def _detached(path: Path, file: FirmwareFile, given: Path | None) -> bytes | ExitCode | None:
    source = given or _signature_beside(path)
    if given is None and (file.container is not None or not source.is_file()):
        return None
    try:
        return decode_signature(_read(source))
    except DecodeError as error:
        print(f"meterbench firmware: {source}: {error}", file=sys.stderr)
        return ExitCode.FAIL


def _signature_beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sig")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_IMAGE + 1)
    except OSError as error:
        raise InputError(error.strerror or str(error), str(path)) from None
    if len(octets) > MAX_IMAGE:
        raise InputError(f"more than {MAX_IMAGE} octets, the longest firmware file", str(path))
    return octets


def _written(path: Path, octets: bytes, *, as_json: bool) -> ExitCode:
    """Write a file and say what it is."""
    file = read_firmware(octets)
    path.write_bytes(octets)
    if as_json:
        say(json.dumps({"file": str(path), **_about(file)}, indent=2))
    else:
        say("\n".join([f"{path}: {file.kind}, {len(octets)} octets", *(f"  {note}" for note in _notes(file))]))
    return ExitCode.PASS


def _about(file: FirmwareFile) -> dict[str, Any]:
    other = file.digest_with_identifier
    return {
        "kind": str(file.kind),
        "octets": len(file.octets),
        "manufacturer_image_octets": len(file.manufacturer_image),
        "firmware_version": None if file.version is None else file.version.hex().upper(),
        "sha256_of_manufacturer_image": file.digest.hex(),
        "sha256_of_manufacturer_image_and_identifier": None if other is None else other.hex(),
        "signed_by_authoriser": isinstance(file.wrapped, FirmwareImage) and file.wrapped.signature is not None,
        "manifest": None if file.container is None else json.loads(file.container.manifest.encode()),
    }


def _notes(file: FirmwareFile) -> list[str]:
    notes = [f"SHA-256 of the manufacturer image, as in commands and alerts: {file.digest.hex()}"]
    other, version = file.digest_with_identifier, file.version
    if other is not None and version is not None:
        notes.append(
            f"SHA-256 of manufacturer image and identifier {version.hex().upper()}, as lists may have it: {other.hex()}"
        )
    return notes
