"""Reading firmware files, whatever they are: their layers are told by their content."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from protocols.errors import DecodeError
from protocols.firmware_container import ManufacturerImage
from protocols.gbcs.firmware_image import MAX_IMAGE, SIGNATURE_LENGTH, FirmwareImage, digest_with_identifier
from protocols.sheet import Sheet
from protocols.zigbee.ota_file import MAGIC, OtaFile, OtaHeader

_TRAILER = b"\x00\x40"


class Kind(StrEnum):
    """What a file is."""

    WRAPPED = "GB firmware file"
    MANUFACTURER_IMAGE = "manufacturer image"
    OPAQUE = "opaque manufacturer image"
    ZIGBEE = "ZigBee OTA file"


@dataclass(frozen=True, slots=True)
class FirmwareFile:
    """A file and its layers. A layer that it does not have is None.

    ``manufacturer_image`` is always there: of a ZigBee OTA file it is the whole file. ``container`` is its reading,
    where it is of the documented layout.
    """

    octets: bytes
    kind: Kind
    manufacturer_image: bytes
    container: ManufacturerImage | None = None
    wrapped: FirmwareImage | None = None
    zigbee: OtaFile | None = None

    @property
    def header(self) -> OtaHeader | None:
        """The ZigBee header, in a GB firmware file or a ZigBee OTA file."""
        outer = self.wrapped or self.zigbee
        return None if outer is None else outer.header

    @property
    def authoriser_signature(self) -> bytes | None:
        """r || s of the authorising party."""
        return None if self.wrapped is None else self.wrapped.signature

    @property
    def version(self) -> bytes | None:
        """The firmware version, 4 octets: the header's, or else the manifest's."""
        if self.header is not None:
            return self.header.version
        return None if self.container is None else self.container.manifest.version

    @property
    def digest(self) -> bytes:
        """SHA-256 of the manufacturer image: what commands, alerts and lists of products name it by."""
        return sha256(self.manufacturer_image).digest()

    @property
    def digest_with_identifier(self) -> bytes | None:
        """SHA-256 of manufacturer image and version, the other form that lists may have; None without a version."""
        return None if self.version is None else digest_with_identifier(self.manufacturer_image, self.version)

    @property
    def findings(self) -> tuple[str, ...]:
        """Where the layers disagree."""
        if self.header is None or self.container is None:
            return ()
        manifest, header = self.container.manifest, self.header
        pairs = (
            ("manufacturer", manifest.manufacturer, f"{header.manufacturer:04X}"),
            ("image type", f"{manifest.image_type:04X}", f"{header.image_type:04X}"),
            ("firmware version", manifest.firmware_version, f"{header.file_version:08X}"),
            ("hardware versions", _versions(manifest.hardware_versions), _versions(header.hardware)),
        )
        return tuple(
            f"{name}: the manifest says {inner}, the header {outer}" for name, inner, outer in pairs if inner != outer
        )

    def sheet(self) -> Sheet:
        """Every field with its place in the file."""
        sheet = Sheet()
        if self.zigbee is not None:
            self.zigbee.describe(sheet)
        elif self.wrapped is not None:
            self.wrapped.describe(sheet, self.container)
        elif self.container is not None:
            self.container.describe(sheet)
        else:
            sheet.leaf("manufacturer_image", self.octets, self.octets, f"SHA-256 {self.digest.hex()}")
        return sheet


def read_firmware(octets: bytes, *, signed: bool | None = None) -> FirmwareFile:
    """The layers of a file. Raises DecodeError for one that begins like a known layer and is none.

    ``signed`` says whether a GB firmware file carries the authorising party's signature; None lets the content tell.
    """
    if len(octets) > MAX_IMAGE:
        raise DecodeError(MAX_IMAGE, f"at most {MAX_IMAGE} octets", f"{len(octets)}")
    if ManufacturerImage.begins(octets):
        return FirmwareFile(octets, Kind.MANUFACTURER_IMAGE, octets, ManufacturerImage.decode(octets))
    if not octets.startswith(MAGIC):
        return FirmwareFile(octets, Kind.OPAQUE, octets)
    header = OtaHeader.decode(octets)
    if ManufacturerImage.begins(octets[header.length : header.length + 16]):
        return _read_ours(octets, header.length)
    if signed is None and (zigbee := _zigbee(octets)) is not None:
        return FirmwareFile(octets, Kind.ZIGBEE, octets, zigbee=zigbee)
    return _read_opaque(octets, _ends_signed(octets) if signed is None else signed)


def _read_ours(octets: bytes, start: int) -> FirmwareFile:
    """An image of the documented layout says itself where it ends."""
    container, stop = ManufacturerImage.take(octets, start, len(octets))
    wrapped = FirmwareImage.decode(octets, signed=stop != len(octets))
    if wrapped.header.length + len(wrapped.manufacturer_image) != stop:
        raise DecodeError(stop, "the end, or 66 octets of signature", f"{len(octets) - stop} octets")
    return FirmwareFile(octets, Kind.WRAPPED, wrapped.manufacturer_image, container, wrapped)


def _read_opaque(octets: bytes, signed: bool) -> FirmwareFile:
    wrapped = FirmwareImage.decode(octets, signed=signed)
    return FirmwareFile(octets, Kind.WRAPPED, wrapped.manufacturer_image, wrapped=wrapped)


def _zigbee(octets: bytes) -> OtaFile | None:
    """The file with sub-elements that these octets are, if they are; sub-elements end by chance with few files."""
    try:
        file = OtaFile.decode(octets)
    except DecodeError:
        return None
    return file if file.elements else None


def _ends_signed(octets: bytes) -> bool:
    return octets[-SIGNATURE_LENGTH - len(_TRAILER) : -SIGNATURE_LENGTH] == _TRAILER


def decode_signature(octets: bytes) -> bytes:
    """A detached signature as r || s (64 octets), from that or from DER (RFC 3279 2.2.3). Raises DecodeError."""
    if len(octets) == SIGNATURE_LENGTH:
        return octets
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    try:
        r, s = decode_dss_signature(octets)
        return r.to_bytes(SIGNATURE_LENGTH // 2, "big") + s.to_bytes(SIGNATURE_LENGTH // 2, "big")
    except (ValueError, OverflowError):
        raise DecodeError(0, "r || s in 64 octets, or an ECDSA signature in DER", f"{len(octets)} octets") from None


def encode_signature(signature: bytes) -> bytes:
    """r || s in DER, as other programs take it."""
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    half = SIGNATURE_LENGTH // 2
    return encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))


def _versions(versions: tuple[int, int] | None) -> str:
    return "any" if versions is None else "-".join(f"{version:04X}" for version in versions)
