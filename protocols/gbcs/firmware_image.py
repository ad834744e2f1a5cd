"""Firmware images as they travel: a ZigBee OTA header, the manufacturer's image, the authorising party's signature.

The header is that of the ZigBee Over-the-Air Upgrade cluster (document 095264), little-endian. GB images have no
sub-elements: behind the header stands the manufacturer image as it is, then, for meters and hubs, ``00 40`` and an
ECDSA signature over that image alone (GBCS 11.2). Images for PPMIDs and load controllers are not signed.
What a hash speaks of, in commands, alerts and product lists, is SHA-256 of the manufacturer image.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256

from ..errors import DecodeError, EncodeError
from ..eui64 import Eui64, eui64_text
from ..grammar import truncated
from ..sheet import Sheet
from ..smki.check import verifies

MAX_IMAGE = 10_240_000
"""The longest file, in octets (the limit of DUIS)."""
SIGNATURE_LENGTH = 64

_MAGIC = 0x0BEEF11E
_HEADER_VERSION = 0x0100
_START = struct.Struct("<IHHHHHIH32sI")
_TRAILER = b"\x00\x40"  # the length of the signature, in two octets
_CREDENTIAL_VERSION, _DESTINATION, _HARDWARE = 1, 2, 4
_KNOWN = _CREDENTIAL_VERSION | _DESTINATION | _HARDWARE


@dataclass(frozen=True, slots=True)
class OtaHeader:
    """The header of an image file.

    ``total_size`` counts the whole file in octets. ``text`` is 32 octets, filled up with zeros. ``hardware`` is the
    lowest and highest hardware version that the image is for. Members that the file lacks are None.
    """

    manufacturer: int
    image_type: int
    file_version: int
    total_size: int = 0
    text: bytes = bytes(32)
    stack_version: int = 2
    credential_version: int | None = None
    destination: Eui64 | None = None
    hardware: tuple[int, int] | None = None

    @property
    def length(self) -> int:
        """Octets of the header."""
        optional = (self.credential_version is not None, self.destination is not None, self.hardware is not None)
        return _START.size + sum(width for width, there in zip((1, 8, 4), optional, strict=True) if there)

    @property
    def version(self) -> bytes:
        """The file version as messages carry it: 4 octets, big-endian."""
        return self.file_version.to_bytes(4, "big")

    def suits(self, hardware_version: int) -> bool:
        """True if the image is for this hardware version, or does not say."""
        return self.hardware is None or self.hardware[0] <= hardware_version <= self.hardware[1]

    @classmethod
    def decode(cls, data: bytes) -> OtaHeader:
        """Read the header at the start of ``data``; the image may follow. Raises DecodeError."""
        if len(data) < _START.size:
            raise truncated(len(data), len(data), _START.size - len(data)).inside("header")
        magic, version, length, control, manufacturer, image_type, file_version, stack, text, size = _START.unpack_from(
            data
        )
        _expect(magic == _MAGIC, 0, "magic", "1E F1 EE 0B", data[:4].hex(" ").upper())
        _expect(version == _HEADER_VERSION, 4, "header_version", "0100", f"{version:04X}")
        _expect(not control & ~_KNOWN, 8, "field_control", "bits 0 to 2", f"{control:04X}")
        header = cls(manufacturer, image_type, file_version, size, text, stack)
        header = header._with_optional(data, control)
        _expect(length == header.length, 6, "header_length", f"{header.length}", f"{length}")
        return header

    def _with_optional(self, data: bytes, control: int) -> OtaHeader:
        at = _START.size
        wanted = sum(width for bit, width in _WIDTHS if control & bit)
        if len(data) < at + wanted:
            raise truncated(at, len(data), wanted).inside("header")
        header = self
        if control & _CREDENTIAL_VERSION:
            header, at = replace(header, credential_version=data[at]), at + 1
        if control & _DESTINATION:
            header, at = replace(header, destination=Eui64(data[at : at + 8][::-1])), at + 8
        if control & _HARDWARE:
            low, high = struct.unpack_from("<HH", data, at)
            header = replace(header, hardware=(low, high))
        return header

    def encode(self) -> bytes:
        """The octets of the header. Raises EncodeError naming the member."""
        if len(self.text) != 32:
            raise EncodeError(f"32 octets needed, {len(self.text)} given", ("text",))
        optional = b""
        control = 0
        if self.credential_version is not None:
            control, optional = _CREDENTIAL_VERSION, bytes((self.credential_version,))
        if self.destination is not None:
            control, optional = control | _DESTINATION, optional + bytes(self.destination)[::-1]
        try:
            if self.hardware is not None:
                control, optional = control | _HARDWARE, optional + struct.pack("<HH", *self.hardware)
            start = _START.pack(
                _MAGIC,
                _HEADER_VERSION,
                self.length,
                control,
                self.manufacturer,
                self.image_type,
                self.file_version,
                self.stack_version,
                self.text,
                self.total_size,
            )
        except struct.error as error:
            raise EncodeError(str(error), ("header",)) from None
        return start + optional


_WIDTHS = ((_CREDENTIAL_VERSION, 1), (_DESTINATION, 8), (_HARDWARE, 4))


@dataclass(frozen=True, slots=True)
class FirmwareImage:
    """One image file. ``signature`` is r || s (64 octets) over ``manufacturer_image``; None for unsigned kinds."""

    header: OtaHeader
    manufacturer_image: bytes
    signature: bytes | None = None

    @classmethod
    def build(
        cls, header: OtaHeader, manufacturer_image: bytes, sign: Callable[[bytes], bytes] | None = None
    ) -> FirmwareImage:
        """An image whose header states the right size. ``sign`` makes r || s (64 octets) of what it is given."""
        signature = None if sign is None else sign(manufacturer_image)
        trailer = 0 if signature is None else len(_TRAILER) + SIGNATURE_LENGTH
        size = header.length + len(manufacturer_image) + trailer
        return cls(replace(header, total_size=size), manufacturer_image, signature)

    @classmethod
    def decode(cls, data: bytes, *, signed: bool = True) -> FirmwareImage:
        """Read a whole file; ``signed`` says whether its kind carries a signature. Raises DecodeError."""
        if len(data) > MAX_IMAGE:
            raise DecodeError(MAX_IMAGE, f"at most {MAX_IMAGE} octets", f"{len(data)}")
        header = OtaHeader.decode(data)
        _expect(header.total_size == len(data), 52, "total_size", f"{len(data)}", f"{header.total_size}")
        start, stop = header.length, len(data)
        if not signed:
            return cls(header, data[start:])
        stop -= len(_TRAILER) + SIGNATURE_LENGTH
        if stop < start:
            raise truncated(start, len(data), len(_TRAILER) + SIGNATURE_LENGTH).inside("signature")
        image = stop + len(_TRAILER)
        _expect(data[stop:image] == _TRAILER, stop, "signature", "00 40", data[stop:image].hex(" ").upper())
        return cls(header, data[start:stop], data[image:])

    def encode(self) -> bytes:
        """The octets of the file. Raises EncodeError."""
        if self.signature is None:
            return self.header.encode() + self.manufacturer_image
        if len(self.signature) != SIGNATURE_LENGTH:
            raise EncodeError(f"{SIGNATURE_LENGTH} octets needed, {len(self.signature)} given", ("signature",))
        return self.header.encode() + self.manufacturer_image + _TRAILER + self.signature

    @property
    def digest(self) -> bytes:
        """SHA-256 of the manufacturer image, 32 octets."""
        return sha256(self.manufacturer_image).digest()

    def is_signed_by(self, public_point: bytes) -> bool:
        """Whether the signature is there and verifies under a public key (65 octets)."""
        if self.signature is None:
            return False
        r, s = (int.from_bytes(self.signature[at : at + 32], "big") for at in (0, 32))
        return verifies(public_point, self.manufacturer_image, (r, s))

    def describe(self, sheet: Sheet) -> None:
        """Append every field to ``sheet``."""
        octets = self.header.encode()
        with sheet.group("ota_header"):
            for name, start, width, text in _FIELDS:
                value = int.from_bytes(octets[start : start + width], "little")
                sheet.leaf(name, octets[start : start + width], value, text.format(value) if text else "")
            self._describe_optional(sheet, octets)
        sheet.leaf(
            "manufacturer_image", self.manufacturer_image, self.manufacturer_image, f"SHA-256 {self.digest.hex()}"
        )
        if self.signature is not None:
            with sheet.group("signature"):
                sheet.leaf("length", _TRAILER, SIGNATURE_LENGTH)
                sheet.leaf("octets", self.signature, self.signature)

    def _describe_optional(self, sheet: Sheet, octets: bytes) -> None:
        at, header = _START.size, self.header
        if header.credential_version is not None:
            sheet.leaf("credential_version", octets[at : at + 1], header.credential_version)
            at += 1
        if header.destination is not None:
            sheet.leaf("destination", octets[at : at + 8], header.destination, eui64_text(header.destination))
            at += 8
        if header.hardware is not None:
            for name, version in zip(("lowest_hardware", "highest_hardware"), header.hardware, strict=True):
                sheet.leaf(name, octets[at : at + 2], version, f"{version:04X}")
                at += 2


# name, offset, width, how the number is shown
_FIELDS = (
    ("magic", 0, 4, "{:08X}"),
    ("header_version", 4, 2, "{:04X}"),
    ("header_length", 6, 2, ""),
    ("field_control", 8, 2, "{:04X}"),
    ("manufacturer", 10, 2, "{:04X}"),
    ("image_type", 12, 2, "{:04X}"),
    ("file_version", 14, 4, "{:08X}"),
    ("stack_version", 18, 2, "{:04X}"),
    ("text", 20, 32, ""),
    ("total_size", 52, 4, ""),
)


def _expect(holds: bool, at: int, member: str, expected: str, found: str) -> None:
    if not holds:
        raise DecodeError(at, expected, found, (member,))
