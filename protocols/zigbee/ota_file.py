"""The file of the ZigBee Over-the-Air Upgrade cluster: a header, then sub-elements of tag, length and data.

ZigBee document 095264; all little-endian. Great Britain's images have the same header and no sub-elements
(``protocols.gbcs.firmware_image``). Lengths of signatures and certificates are those of the two suites of Smart Energy.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, IntEnum

from ..enumerations import plain_members
from ..errors import DecodeError, EncodeError
from ..eui64 import Eui64, eui64_text
from ..grammar import truncated
from ..sheet import Sheet
from .mmo import mmo_hash

MAX_FILE = 16 * 1024 * 1024
"""The longest file that is read, in octets."""
MAX_ELEMENTS = 1024
"""The most sub-elements of a file; the cluster defines seven tags."""

_MAGIC = 0x0BEEF11E
_HEADER_VERSION = 0x0100
_START = struct.Struct("<IHHHHHIH32sI")
_CREDENTIAL_VERSION, _DESTINATION, _HARDWARE = 1, 2, 4
_KNOWN = _CREDENTIAL_VERSION | _DESTINATION | _HARDWARE
MAGIC = _MAGIC.to_bytes(4, "little")
"""What every file begins with."""


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

    def describe(self, sheet: Sheet) -> None:
        """Append every field to ``sheet``, in a group of its own."""
        octets = self.encode()
        with sheet.group("ota_header"):
            for name, start, width, text in _FIELDS:
                value = int.from_bytes(octets[start : start + width], "little")
                sheet.leaf(name, octets[start : start + width], value, text.format(value) if text else "")
            sheet.leaf("text", self.text, readable_text(self.text))
            sheet.leaf("total_size", octets[52:56], self.total_size, unit="octets")
            self._describe_optional(sheet, octets)

    def _describe_optional(self, sheet: Sheet, octets: bytes) -> None:
        at = _START.size
        if self.credential_version is not None:
            sheet.leaf("credential_version", octets[at : at + 1], self.credential_version)
            at += 1
        if self.destination is not None:
            sheet.leaf("destination", octets[at : at + 8], eui64_text(self.destination))
            at += 8
        if self.hardware is not None:
            for name, version in zip(("lowest_hardware", "highest_hardware"), self.hardware, strict=True):
                sheet.leaf(name, octets[at : at + 2], version, f"{version:04X}")
                at += 2


_WIDTHS = ((_CREDENTIAL_VERSION, 1), (_DESTINATION, 8), (_HARDWARE, 4))

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
)


def readable_text(octets: bytes) -> str | bytes:
    """The text of a header without the zeros behind it; the octets themselves where they are no text."""
    text = octets.rstrip(b"\0")
    return text.decode("ascii") if text.isascii() and text.decode("ascii").isprintable() else octets


@plain_members
class Tag(IntEnum):
    """What a sub-element holds. From F000 on the tags are each manufacturer's own."""

    IMAGE = 0x0000
    SIGNATURE_SUITE_1 = 0x0001
    CERTIFICATE_SUITE_1 = 0x0002
    INTEGRITY_CODE = 0x0003
    PICTURE = 0x0004
    SIGNATURE_SUITE_2 = 0x0005
    CERTIFICATE_SUITE_2 = 0x0006


FIRST_MANUFACTURER_TAG = 0xF000

LENGTHS = {
    Tag.SIGNATURE_SUITE_1: 8 + 42,
    Tag.CERTIFICATE_SUITE_1: 48,
    Tag.INTEGRITY_CODE: 16,
    Tag.SIGNATURE_SUITE_2: 8 + 72,
    Tag.CERTIFICATE_SUITE_2: 74,
}
"""Octets of what has a fixed length; a signature begins with its signer's EUI-64."""

_SIGNATURES = (Tag.SIGNATURE_SUITE_1, Tag.SIGNATURE_SUITE_2)
_ELEMENT = struct.Struct("<HI")


@dataclass(frozen=True, slots=True)
class SubElement:
    """One part of a file: ``tag`` is 0 to 65535."""

    tag: int
    data: bytes

    @property
    def name(self) -> str:
        """What the tag says it is."""
        if self.tag >= FIRST_MANUFACTURER_TAG:
            return f"manufacturer_{self.tag:04X}"
        return Tag(self.tag).name.lower() if self.tag in _TAGS else f"reserved_{self.tag:04X}"

    @property
    def signer(self) -> Eui64 | None:
        """Who made the signature; None for what is no signature."""
        return Eui64(self.data[:8][::-1]) if self.tag in _SIGNATURES else None

    def encode(self) -> bytes:
        """Tag, length and data. Raises EncodeError."""
        wanted = _length_of(self.tag)
        if wanted not in (None, len(self.data)):
            raise EncodeError(f"{wanted} octets needed, {len(self.data)} given", (self.name,))
        try:
            return _ELEMENT.pack(self.tag, len(self.data)) + self.data
        except struct.error as error:
            raise EncodeError(str(error), ("tag",)) from None

    @classmethod
    def take(cls, data: bytes, at: int, end: int) -> tuple[SubElement, int]:
        """Read the sub-element at ``at``; give it and the offset behind it. Raises DecodeError."""
        start = at + _ELEMENT.size
        if start > end:
            raise truncated(at, end, _ELEMENT.size)
        tag, length = _ELEMENT.unpack_from(data, at)
        wanted = _length_of(tag)
        if wanted not in (None, length):
            raise DecodeError(at + 2, f"a length of {wanted}", f"{length}")
        if length > end - start:
            raise truncated(start, end, length)
        return cls(tag, data[start : start + length]), start + length


_TAGS = frozenset(int(tag) for tag in Tag)


def _length_of(tag: int) -> int | None:
    return LENGTHS.get(Tag(tag)) if tag in _TAGS else None


class IntegrityScope(Enum):
    """Over which octets of the file an integrity code was made.

    No public text that could be had says it. ``BEFORE_CODE`` follows the rule for signatures of the same files, and is
    what ``OtaFile.build`` makes; the others are seen in devices' programs, so that reading tries all of them.
    """

    BEFORE_CODE = "all octets before the code"
    BEFORE_ELEMENT = "all octets before the sub-element of the code"
    IMAGE = "the data of the image sub-elements"


@dataclass(frozen=True, slots=True)
class OtaFile:
    """A whole file: ``elements`` in their order."""

    header: OtaHeader
    elements: tuple[SubElement, ...] = ()

    @classmethod
    def build(cls, header: OtaHeader, elements: Iterable[SubElement], *, with_integrity_code: bool = False) -> OtaFile:
        """A file whose header states the right size; the integrity code, if wanted, goes last."""
        listed = tuple(elements)
        code_size = _ELEMENT.size + LENGTHS[Tag.INTEGRITY_CODE] if with_integrity_code else 0
        size = header.length + sum(_ELEMENT.size + len(element.data) for element in listed) + code_size
        file = cls(replace(header, total_size=size), listed)
        if not with_integrity_code:
            return file
        unfinished = replace(file, elements=(*listed, SubElement(Tag.INTEGRITY_CODE, bytes(16))))
        code = unfinished.integrity_code(IntegrityScope.BEFORE_CODE)
        return replace(file, elements=(*listed, SubElement(Tag.INTEGRITY_CODE, code)))

    @classmethod
    def decode(cls, data: bytes) -> OtaFile:
        """Read a whole file. Raises DecodeError."""
        if len(data) > MAX_FILE:
            raise DecodeError(MAX_FILE, f"at most {MAX_FILE} octets", f"{len(data)}")
        header = OtaHeader.decode(data)
        _expect(header.total_size == len(data), 52, "total_size", f"{len(data)}", f"{header.total_size}")
        elements: list[SubElement] = []
        at, end = header.length, len(data)
        while at < end:
            if len(elements) == MAX_ELEMENTS:
                raise DecodeError(at, f"at most {MAX_ELEMENTS} sub-elements", "more")
            try:
                element, at = SubElement.take(data, at, end)
            except DecodeError as error:
                raise error.inside(f"elements[{len(elements)}]") from None
            elements.append(element)
        return cls(header, tuple(elements))

    def encode(self) -> bytes:
        """The octets of the file. Raises EncodeError naming the member."""
        return b"".join((self.header.encode(), *(element.encode() for element in self.elements)))

    def find(self, tag: int) -> SubElement | None:
        """The first sub-element of that tag."""
        return next((element for element in self.elements if element.tag == tag), None)

    def integrity_code(self, scope: IntegrityScope) -> bytes:
        """AES-MMO over the octets that ``scope`` names, 16 octets. Raises EncodeError, LocalProtocolError."""
        if scope is IntegrityScope.IMAGE:
            return mmo_hash(b"".join(element.data for element in self.elements if element.tag == Tag.IMAGE))
        place = next((at for at, each in enumerate(self.elements) if each.tag == Tag.INTEGRITY_CODE), None)
        before = replace(self, elements=self.elements[:place]).encode()
        if scope is IntegrityScope.BEFORE_CODE:
            before += _ELEMENT.pack(Tag.INTEGRITY_CODE, LENGTHS[Tag.INTEGRITY_CODE])
        return mmo_hash(before)

    def integrity_scope(self) -> IntegrityScope | None:
        """Over what the integrity code was made; None where it fits nothing, or the file has none."""
        held = self.find(Tag.INTEGRITY_CODE)
        if held is None:
            return None
        return next(
            (scope for scope in IntegrityScope if hmac.compare_digest(self.integrity_code(scope), held.data)), None
        )

    def describe(self, sheet: Sheet) -> None:
        """Append every field to ``sheet``."""
        self.header.describe(sheet)
        for element in self.elements:
            octets = element.encode()
            with sheet.group(element.name):
                sheet.leaf("tag", octets[:2], element.tag, f"{element.tag:04X}")
                sheet.leaf("length", octets[2:6], len(element.data))
                signer = element.signer
                if signer is not None:
                    sheet.leaf("signer", element.data[:8], eui64_text(signer))
                data = element.data if signer is None else element.data[8:]
                sheet.leaf("data", data, data)


def _expect(holds: bool, at: int, member: str, expected: str, found: str) -> None:
    if not holds:
        raise DecodeError(at, expected, found, (member,))
