"""The manufacturer image of emulated devices: what a maker says of a firmware, its content, and the maker's signature.

Images of real devices are opaque to everyone but their makers; those of emulated devices follow this layout. Integers
are big-endian. The document beside this module, ``FIRMWARE.md``, says the same for those who write images themselves.

======  ===========  ==================================================================================
octet   length       field
======  ===========  ==================================================================================
0       8            magic ``89 4D 42 46 57 0D 0A 1A``
8       2            version of the layout, 0001
10      4            length M of the manifest, at most 65,536
14      M            manifest: one JSON object in its only form
14+M    4            length C of the content
18+M    C            content, octets that mean nothing to a reader
18+M+C  8            key identifier of the maker's public key (RFC 5280 4.2.1.2, method 2)
26+M+C  64           r || s, ECDSA P-256 with SHA-256 over all octets before this field
======  ===========  ==================================================================================

The only form of the manifest: ASCII, keys in the order of their code points, no white space outside texts, every key
there, lists sorted and without doubles. So a value has one encoding, and one hash.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from .errors import DecodeError, EncodeError
from .gbcs.roles import DeviceType
from .grammar import Fixed, Octets, Record, Uint, truncated
from .sheet import Sheet
from .smki.certificate import key_identifier
from .smki.check import verifies

MAGIC = bytes.fromhex("894D4246570D0A1A")
LAYOUT_VERSION = 1
MAX_MANIFEST = 65_536
"""Octets of the longest manifest."""
MAX_CONTENT = 10_240_000
"""Octets of the longest content: no longer than a whole file may be."""
MAX_TEXT = 256
"""Characters of the longest text of a manifest."""
MAX_NAMES = 512
"""The most names of a list, and the most notes."""
KEY_IDENTIFIER_LENGTH, SIGNATURE_LENGTH = 8, 64

_NOT_SIGNED = bytes(KEY_IDENTIFIER_LENGTH), bytes(SIGNATURE_LENGTH)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a device that runs the image does.

    ``use_cases``: short names of those it supports, none for all; ``defects``: planned ones. None in either: as the
    device was made. ``starts``: false for an image that fails when it is activated.
    """

    use_cases: frozenset[str] | None = None
    defects: frozenset[str] | None = frozenset()
    starts: bool = True


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the maker says of a firmware.

    ``manufacturer`` is 4 hexadecimal digits, ``model`` 8: the image type and the hardware version by which product
    lists know a model; ``firmware_version`` 8; all in upper case. ``hardware_versions`` are the lowest and the highest
    that the image is for, 0 to 65535. ``notes`` are the maker's own texts by their names; nobody else heeds them.
    """

    device_type: DeviceType
    manufacturer: str
    model: str
    firmware_version: str
    model_name: str = ""
    hardware_versions: tuple[int, int] = (0, 0xFFFF)
    behaviour: Behaviour = field(default_factory=Behaviour)
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def image_type(self) -> int:
        """The image type in the header of a file: the first half of the model."""
        return int(self.model[:4], 16)

    @property
    def manufacturer_code(self) -> int:
        """The manufacturer code in the header of a file."""
        return int(self.manufacturer, 16)

    @property
    def version(self) -> bytes:
        """The firmware version as messages carry it, 4 octets."""
        return bytes.fromhex(self.firmware_version)

    def encode(self) -> bytes:
        """The JSON object in its only form. Raises EncodeError naming the key."""
        octets = _json(_to_json(self))
        try:
            again = Manifest.decode(octets)
        except DecodeError as error:
            raise EncodeError(f"expected {error.expected}, found {error.found}", error.path) from None
        if again != self:
            raise EncodeError("a value that has another form: hexadecimal digits in upper case, notes in order")
        return octets

    @classmethod
    def decode(cls, octets: bytes) -> Manifest:
        """A manifest from its JSON object. Raises DecodeError naming the key."""
        if len(octets) > MAX_MANIFEST:
            raise DecodeError(0, f"at most {MAX_MANIFEST} octets", f"{len(octets)}")
        try:
            members = json.loads(octets.decode("ascii"))
        except UnicodeDecodeError as error:
            raise DecodeError(error.start, "ASCII", octets[error.start : error.start + 1].hex().upper()) from None
        except json.JSONDecodeError as error:
            raise DecodeError(error.pos, "JSON", error.msg) from None
        except (RecursionError, ValueError):
            raise DecodeError(0, "JSON", "what is nested too deep, or a number too long") from None
        manifest = _from_json(members)
        if _json(_to_json(manifest)) != octets:
            raise DecodeError(0, "the only form of the manifest: sorted, no white space, no doubles", "another form")
        return manifest


@dataclass(frozen=True, slots=True)
class ManufacturerImage:
    """A manufacturer image: manifest, content, and the maker's signature over both (r || s, 64 octets)."""

    manifest: Manifest
    content: bytes
    maker_key_identifier: bytes = _NOT_SIGNED[0]
    signature: bytes = _NOT_SIGNED[1]

    @classmethod
    def build(
        cls, manifest: Manifest, content: bytes, maker_point: bytes, sign: Callable[[bytes], bytes]
    ) -> ManufacturerImage:
        """A signed image. ``maker_point`` is the maker's public key, 65 octets; ``sign`` makes r || s, 64 octets."""
        image = cls(manifest, content, key_identifier(maker_point))
        return replace(image, signature=sign(image.signed_octets))

    @staticmethod
    def begins(octets: bytes) -> bool:
        """Whether octets begin like a manufacturer image of this layout."""
        return octets.startswith(MAGIC)

    @classmethod
    def decode(cls, octets: bytes) -> ManufacturerImage:
        """Read an image that fills ``octets``. Raises DecodeError."""
        image, stop = cls.take(octets, 0, len(octets))
        if stop != len(octets):
            raise DecodeError(stop, "the end", f"{len(octets) - stop} more octets")
        return image

    @classmethod
    def take(cls, octets: bytes, at: int, end: int) -> tuple[ManufacturerImage, int]:
        """Read the image at the start of ``octets[at:end]``; give it and the offset behind it. Raises DecodeError."""
        head, at = _HEAD.take(octets, at, end)
        text, start = _bounded(octets, at, end, head["manifest_length"], MAX_MANIFEST, "manifest")
        try:
            manifest = Manifest.decode(text)
        except DecodeError as error:
            raise error.shifted(at).inside("manifest") from None
        length, at = _take_length(octets, start, end, "content_length")
        content, at = _bounded(octets, at, end, length, MAX_CONTENT, "content")
        tail, at = _TAIL.take(octets, at, end)
        return cls(manifest, content, tail["maker_key_identifier"], tail["signature"]), at

    @property
    def signed_octets(self) -> bytes:
        """All octets before the signature, which it is over. Raises EncodeError."""
        manifest = self.manifest.encode()
        if len(self.content) > MAX_CONTENT:
            raise EncodeError(f"at most {MAX_CONTENT} octets, {len(self.content)} given", ("content",))
        if len(self.maker_key_identifier) != KEY_IDENTIFIER_LENGTH:
            raise EncodeError(f"{KEY_IDENTIFIER_LENGTH} octets needed", ("maker_key_identifier",))
        head = _HEAD.encode({"manifest_length": len(manifest)})
        length = _LENGTH.put(len(self.content))
        return b"".join((head, manifest, length, self.content, self.maker_key_identifier))

    def encode(self) -> bytes:
        """The octets of the image. Raises EncodeError naming the field."""
        if len(self.signature) != SIGNATURE_LENGTH:
            raise EncodeError(f"{SIGNATURE_LENGTH} octets needed, {len(self.signature)} given", ("signature",))
        return self.signed_octets + self.signature

    @property
    def digest(self) -> bytes:
        """SHA-256 of the whole image, 32 octets: what commands, alerts and product lists name it by."""
        return sha256(self.encode()).digest()

    def is_signed_by(self, maker_point: bytes) -> bool:
        """Whether the signature verifies under a public key (65 octets) and names it."""
        if self.maker_key_identifier != key_identifier(maker_point):
            return False
        r, s = (int.from_bytes(self.signature[at : at + 32], "big") for at in (0, 32))
        return verifies(maker_point, self.signed_octets, (r, s))

    def describe(self, sheet: Sheet) -> None:
        """Append every field to ``sheet``."""
        manifest = self.manifest.encode()
        _HEAD.describe_fields({"manifest_length": len(manifest)}, sheet)
        _describe_manifest(self.manifest, manifest, sheet)
        sheet.leaf("content_length", _LENGTH.put(len(self.content)), len(self.content))
        sheet.leaf("content", self.content, self.content, f"SHA-256 {sha256(self.content).hexdigest()}")
        sheet.leaf("maker_key_identifier", self.maker_key_identifier, self.maker_key_identifier)
        sheet.leaf("maker_signature", self.signature, self.signature)


_LENGTH = Uint(4)
_HEAD = Record(
    None,
    "magic" / Fixed(MAGIC),
    "layout_version" / Fixed(LAYOUT_VERSION.to_bytes(2, "big")),
    "manifest_length" / _LENGTH,
)
_TAIL = Record(None, "maker_key_identifier" / Octets(KEY_IDENTIFIER_LENGTH), "signature" / Octets(SIGNATURE_LENGTH))


def _take_length(octets: bytes, at: int, end: int, name: str) -> tuple[int, int]:
    try:
        return _LENGTH.take(octets, at, end)
    except DecodeError as error:
        raise error.inside(name) from None


def _bounded(octets: bytes, at: int, end: int, length: int, most: int, name: str) -> tuple[bytes, int]:
    """The ``length`` octets at ``at``, of which there may be ``most``."""
    if length > most:
        raise DecodeError(at - _LENGTH.width, f"at most {most} octets", f"{length}", (name,))
    if at + length > end:
        raise truncated(at, end, length).inside(name)
    return octets[at : at + length], at + length


def _json(members: Any) -> bytes:
    return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _to_json(manifest: Manifest) -> dict[str, Any]:
    behaviour = manifest.behaviour
    return {
        "behaviour": {
            "defects": _listed(behaviour.defects),
            "starts": behaviour.starts,
            "use_cases": _listed(behaviour.use_cases),
        },
        "device_type": manifest.device_type.value,
        "firmware_version": manifest.firmware_version,
        "hardware_versions": [f"{version:04X}" for version in manifest.hardware_versions],
        "manufacturer": manifest.manufacturer,
        "model": manifest.model,
        "model_name": manifest.model_name,
        "notes": dict(manifest.notes),
    }


def _listed(names: Iterable[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


_KEYS = (
    *("behaviour", "device_type", "firmware_version", "hardware_versions"),
    *("manufacturer", "model", "model_name", "notes"),
)
_BEHAVIOUR_KEYS = ("defects", "starts", "use_cases")


def _from_json(members: Any) -> Manifest:
    _expect_keys(members, _KEYS, ())
    behaviour = members["behaviour"]
    _expect_keys(behaviour, _BEHAVIOUR_KEYS, ("behaviour",))
    _expect(type(behaviour["starts"]) is bool, "true or false", behaviour["starts"], "behaviour", "starts")
    low, high = _versions(members["hardware_versions"])
    return Manifest(
        device_type=_device_type(members["device_type"]),
        manufacturer=_digits(members["manufacturer"], 4, "manufacturer"),
        model=_digits(members["model"], 8, "model"),
        firmware_version=_digits(members["firmware_version"], 8, "firmware_version"),
        model_name=_text(members["model_name"], "model_name"),
        hardware_versions=(low, high),
        behaviour=Behaviour(
            _names(behaviour["use_cases"], "use_cases"), _names(behaviour["defects"], "defects"), behaviour["starts"]
        ),
        notes=_notes(members["notes"]),
    )


def _expect_keys(members: Any, keys: tuple[str, ...], path: tuple[str, ...]) -> None:
    _expect(type(members) is dict, "an object", members, *path)
    for key in members:
        _expect(key in keys, f"one of the keys {', '.join(keys)}", key, *path)
    for key in keys:
        _expect(key in members, "the key", "none", *path, key)


def _device_type(value: Any) -> DeviceType:
    known = {device.value: device for device in DeviceType}
    _expect(type(value) is str and value in known, f"one of {', '.join(known)}", value, "device_type")
    return known[value]


def _digits(value: Any, number: int, *path: str) -> str:
    good = type(value) is str and re.fullmatch(f"[0-9A-F]{{{number}}}", value) is not None
    _expect(good, f"{number} hexadecimal digits in upper case", value, *path)
    return str(value)


def _versions(value: Any) -> tuple[int, int]:
    _expect(type(value) is list and len(value) == 2, "a list of two", value, "hardware_versions")
    low, high = (int(_digits(each, 4, "hardware_versions"), 16) for each in value)
    _expect(low <= high, "the lowest before the highest", value, "hardware_versions")
    return low, high


def _text(value: Any, *path: str) -> str:
    good = type(value) is str and len(value) <= MAX_TEXT and value.isprintable()
    _expect(good, f"a printable text of at most {MAX_TEXT} characters", value, *path)
    return str(value)


def _names(value: Any, key: str) -> frozenset[str] | None:
    if value is None:
        return None
    _expect(
        type(value) is list and len(value) <= MAX_NAMES, f"null or at most {MAX_NAMES} texts", value, "behaviour", key
    )
    return frozenset(_text(each, "behaviour", f"{key}[{at}]") for at, each in enumerate(value))


def _notes(value: Any) -> tuple[tuple[str, str], ...]:
    _expect(type(value) is dict and len(value) <= MAX_NAMES, f"at most {MAX_NAMES} texts by name", value, "notes")
    return tuple(sorted((_text(name, "notes"), _text(text, "notes", name)) for name, text in value.items()))


def _expect(holds: bool, expected: str, found: Any, *path: str) -> None:
    if not holds:
        raise DecodeError(0, expected, _shown(found), path)


def _shown(found: Any) -> str:
    """Short: what was found may be long, or deep."""
    if isinstance(found, dict | list):
        return "an object" if isinstance(found, dict) else f"a list of {len(found)}"
    shown = repr(found[:60] if isinstance(found, str) else found)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _describe_manifest(manifest: Manifest, octets: bytes, sheet: Sheet) -> None:
    """What it says, and then the text that says it; the values have no octets of their own."""
    members = _to_json(manifest)
    behaviour = members.pop("behaviour")
    with sheet.group("manifest"):
        for name, value in (*members.items(), *behaviour.items()):
            sheet.leaf(name, b"", *_readable(value))
        sheet.leaf("json", octets, octets.decode("ascii"))


def _readable(value: Any) -> tuple[Any, str]:
    if value is None:
        return None, "as the device was made"
    return (json.dumps(value) if isinstance(value, list | dict) else value), ""
