"""What the commands of ``meterbench cpl`` have in common: what people write, and what they are told."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from unicodedata import category

from protocols.errors import DecodeError
from protocols.gbcs.firmware_image import MAX_IMAGE
from protocols.gbcs.roles import DeviceType
from protocols.instant import Instant
from protocols.instant import text as instant_text

from ..clock import RealClock
from ..database import DatabaseError
from ..device_model import DeviceModel
from ..exit_codes import ExitCode
from ..firmware import FirmwareFile, decode_signature, read_firmware
from ..products.assurance import Assurance, AssuranceKind
from ..products.entries import ListChange, ListedFirmware, ListedModel, Standing
from ..products.entry_checks import ListError
from ..products.examination import model_numbers
from ..products.hashes import HASH_LENGTH, VERSION_LENGTH, HashForm
from ..products.listing import CertifiedProducts
from ..products.parties import ListParty, PartyKind
from ..products.tables import TableError
from ..reading import InputError
from ..rig import KINDS, kind_name
from ..written_time import EXAMPLE, read_time
from .output import say

T = TypeVar("T")

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of characters that end a line, or control how text is shown."""


def guarded(command: str, work: Callable[[], ExitCode]) -> ExitCode:
    """Do the work; an error that it raises on purpose is one line on standard error and an exit code."""
    try:
        return work()
    except (TableError, ListError, DecodeError) as error:
        print(f"meterbench cpl {command}: {error}", file=sys.stderr)
        return ExitCode.FAIL
    except (InputError, DatabaseError) as error:
        print(f"meterbench cpl {command}: {error}", file=sys.stderr)
        return ExitCode.USAGE
    except sqlite3.Error as error:  # a file that is spoiled, or a full disk
        print(f"meterbench cpl {command}: the list cannot be used: {error}", file=sys.stderr)
        return ExitCode.USAGE


@contextmanager
def opened(file: Path, *, create: bool = False) -> Iterator[CertifiedProducts]:
    """The list in a file. Raises DatabaseError."""
    with closing(CertifiedProducts(file, create=create)) as products:
        yield products


def changed(file: Path, change: Callable[[CertifiedProducts], T]) -> T:
    """Change the list in a file, which is made if it is not there; a change that fails makes none.

    Raises DatabaseError and what ``change`` raises.
    """
    new = not file.exists()
    if new:
        with closing(CertifiedProducts()) as rehearsed:
            change(rehearsed)
    with opened(file, create=True) as products:
        done = change(products)
    if new:
        print(f"new list: {file}", file=sys.stderr)
    return done


def tell(lines: Sequence[str], value: Any, *, as_json: bool) -> None:
    """Say it, as text or as JSON."""
    say(json.dumps(value, indent=2, ensure_ascii=False) if as_json else "\n".join(map(one_line, lines)))


def one_line(text: str) -> str:
    """The text with what ends a line, or controls a terminal, written out: none can pass for lines that are not there.

    Evidence and names come from whoever changes the list, and may have several lines.
    """
    return "".join(repr(each)[1:-1] if category(each) in _UNSEEN else each for each in text)


# -- what people write -------------------------------------------------------------------------------------------


def moment(given: str | None) -> Instant:
    """A time; the present for None. Raises InputError."""
    if given is None:
        return RealClock().now()
    try:
        return read_time(given)
    except ValueError:
        raise InputError(f"a time such as {EXAMPLE} expected, found {given!r}", "--at") from None


def party(given: str) -> ListParty:
    """``supplier:Bright``. Raises InputError."""
    kind, _, name = given.partition(":")
    try:
        return ListParty(PartyKind(kind.lower()), name.strip())
    except ValueError:
        raise InputError(f"one of {', '.join(PartyKind)} expected, found {kind!r}", "--by") from None


def device_model(given: str, option: str = "MODEL") -> DeviceModel:
    """``ESME:1234:0001``. Raises InputError."""
    parts = given.split(":")
    if len(parts) != 3:
        raise InputError(f"kind, maker and model such as ESME:1234:0001 expected, found {given!r}", option)
    numbers = (int.from_bytes(digits(part, 4, option), "big") for part in parts[1:])
    return DeviceModel(device_type(parts[0], option), *numbers)


def device_type(given: str, option: str = "--type") -> DeviceType:
    """``ESME``. Raises InputError."""
    found = KINDS.get(given.upper())
    if found is None:
        raise InputError(f"one of {', '.join(KINDS)} expected, found {given!r}", option)
    return found


def certificate(given: str) -> Assurance:
    """``cpa=CPA-123@2032-01-31``. Raises InputError."""
    kind, equals, rest = given.partition("=")
    number, _, expires = rest.rpartition("@") if "@" in rest else (rest, "", "")
    try:
        until = read_time(expires) if expires else None
        return Assurance(AssuranceKind(kind.lower() if equals else ""), number, until)
    except ValueError:
        raise InputError(
            f"{'|'.join(AssuranceKind)}=NUMBER[@EXPIRES] expected, found {given!r}", "--certificate"
        ) from None


def version(given: str) -> bytes:
    """Eight hexadecimal digits. Raises InputError."""
    return digits(given, 2 * VERSION_LENGTH, "--firmware-version")


def hash_of(given: str) -> tuple[HashForm, bytes]:
    """``image:44f5...``, or the digits alone. Raises InputError."""
    form, colon, rest = given.rpartition(":")
    try:
        return HashForm(form) if colon else HashForm.IMAGE, digits(rest, 2 * HASH_LENGTH, "--hash")
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"one of {', '.join(HashForm)} expected, found {form!r}", "--hash") from None


def digits(given: str, number: int, option: str) -> bytes:
    """So many hexadecimal digits. Raises InputError."""
    if len(given) != number or not all(c in "0123456789abcdefABCDEF" for c in given):
        raise InputError(f"{number} hexadecimal digits expected, found {given!r}", option)
    return bytes.fromhex(given)


# -- files -------------------------------------------------------------------------------------------------------


def read_octets(path: Path, most: int = MAX_IMAGE) -> bytes:
    """The content of a file. Raises InputError naming it."""
    try:
        with path.open("rb") as file:
            octets = file.read(most + 1)
    except OSError as error:
        raise InputError(error.strerror or str(error), str(path)) from None
    if len(octets) > most:
        raise InputError(f"more than {most} octets", str(path))
    return octets


def detached_signature(path: Path, given: Path | None) -> bytes | None:
    """The maker's signature in a file: the one given, or that beside an image. Raises InputError, DecodeError."""
    beside = path.with_name(f"{path.name}.sig")
    if given is None and not beside.is_file():
        return None
    return decode_signature(read_octets(given or beside))


def image_of(path: Path, kind: str | None, model: str | None = None) -> tuple[FirmwareFile, DeviceModel]:
    """A firmware file, and the model that it says it is for, or that is said. Raises InputError, DecodeError."""
    file = read_firmware(read_octets(path))
    if model is not None:
        return file, device_model(model, "--model")
    numbers = model_numbers(file)
    if numbers is None:
        raise InputError(
            "an opaque image without a header: give it one (meterbench firmware sign), or, to add it, say its --model "
            "and --firmware-version",
            str(path),
        )
    said = None if kind is None else device_type(kind)
    inside = None if file.container is None else file.container.manifest.device_type
    if inside is not None and said not in (None, inside):
        raise InputError(f"the image is for {kind_name(inside)}", "--type")
    found = said or inside
    if found is None:
        raise InputError("the image does not say its kind of device: give --type", str(path))
    return file, DeviceModel(found, *numbers)


# -- what people are told ----------------------------------------------------------------------------------------


def entry_lines(entry: ListedModel, versions: Sequence[ListedFirmware]) -> Iterator[str]:
    """A model and its firmware."""
    named = " ".join(part for part in (str(entry.model), entry.maker, entry.name) if part)
    until = "" if entry.expires is None else f", certified until {instant_text(entry.expires)}"
    yield f"{named}: {entry.standing}{until}"
    if entry.hardware:
        yield f"  hardware  {' '.join(f'{version:04X}' for version in entry.hardware)}"
    for each in entry.certificates:
        yield f"  {each.kind:8}  {each.number}" + (
            "" if each.expires is None else f" until {instant_text(each.expires)}"
        )
    for firmware in versions:
        removed = "" if firmware.standing is Standing.LISTED else f" ({firmware.standing})"
        yield f"  firmware  {firmware.version.hex().upper()}{removed}"
        for form, digest in firmware.hashes.items():
            yield f"    {form:12}  {digest.hex()}"
        if firmware.evidence:
            yield f"    evidence      {firmware.evidence}"


def entry_json(entry: ListedModel, versions: Sequence[ListedFirmware]) -> dict[str, Any]:
    """A model and its firmware."""
    return {
        "model": str(entry.model),
        "maker": entry.maker,
        "name": entry.name,
        "maker_key": entry.maker_key.hex().upper(),
        "standing": str(entry.standing),
        "expires": _time(entry.expires),
        "hardware": [f"{version:04X}" for version in entry.hardware],
        "certificates": [
            {"kind": str(each.kind), "number": each.number, "expires": _time(each.expires)}
            for each in entry.certificates
        ],
        "firmware": [
            {
                "version": each.version.hex().upper(),
                "standing": str(each.standing),
                "hashes": {str(form): digest.hex() for form, digest in each.hashes.items()},
                "evidence": each.evidence,
            }
            for each in versions
        ],
    }


def _time(at: Instant | None) -> str | None:
    return None if at is None else instant_text(at)


def change_lines(changes: Sequence[ListChange]) -> list[str]:
    """The history."""
    return [
        f"{each.number:5}  {instant_text(each.at)}  {each.by}: {each.what}: {each.model}"
        + (f": {each.detail}" if each.detail else "")
        + (f" [evidence: {each.evidence}]" if each.evidence else "")
        for each in changes
    ]


def change_json(each: ListChange) -> dict[str, Any]:
    """A line of the history."""
    return {**each._asdict(), "at": instant_text(each.at), "model": str(each.model)}
