"""Building firmware files: from a manifest the manufacturer image, around that the header and the signature."""

from __future__ import annotations

from hashlib import shake_256

from protocols.firmware_container import Manifest, ManufacturerImage
from protocols.gbcs.firmware_image import FirmwareImage
from protocols.zigbee.ota_file import OtaHeader

from .signing_keys import SigningKey


def filler(manifest: Manifest, size: int) -> bytes:
    """``size`` octets that no block of a transfer can be mistaken in, the same each time for the same manifest."""
    return shake_256(manifest.encode()).digest(size)


def build_manufacturer_image(manifest: Manifest, content: bytes, maker: SigningKey) -> ManufacturerImage:
    """The image of a manifest and its content, signed by its maker. Raises EncodeError."""
    return ManufacturerImage.build(manifest, content, maker.point, maker.sign)


def header_of(manifest: Manifest, text: str = "") -> OtaHeader:
    """The header for the file of an image: what its manifest says, and a text of at most 32 octets."""
    return OtaHeader(
        manifest.manufacturer_code,
        manifest.image_type,
        int.from_bytes(manifest.version, "big"),
        text=(text or manifest.model_name).encode("ascii", "replace")[:32].ljust(32, b"\0"),
        hardware=manifest.hardware_versions,
    )


def wrap(image: ManufacturerImage | bytes, header: OtaHeader, authoriser: SigningKey | None) -> FirmwareImage:
    """The file of a manufacturer image, signed by the authorising party; without one, as PPMID and HCALCS have it."""
    octets = image if isinstance(image, bytes) else image.encode()
    return FirmwareImage.build(header, octets, None if authoriser is None else authoriser.sign)
