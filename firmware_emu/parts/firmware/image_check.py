"""Whether a firmware image is for a device: maker, model, hardware, and who has signed it (GBCS 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.firmware_container import ManufacturerImage
from protocols.gbcs.firmware_image import AUTHORISERS
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.roles import RemotePartyRole

from ...credentials import Cell
from ...defects import register_defect

if TYPE_CHECKING:
    from protocols.gbcs.firmware_image import FirmwareImage

    from ...device import Device

SKIPS_IMAGE_SIGNATURE = register_defect("skips-image-signature", "keeps an image whatever its signature")


def authoriser(device: Device) -> RemotePartyRole | None:
    """Whose signature the images of a device need; None if they have none."""
    return AUTHORISERS.get(device.personality.device)


def suits(device: Device, image: FirmwareImage, maker_key: bytes = b"") -> bool:
    """True for an image that the device may keep.

    Maker and model count where the personality has them as codes. A device that knows its maker's public key
    (``maker_key``, 65 octets) takes only what that has signed, and only under the header that was signed with it.
    """
    header, personality = image.header, device.personality
    if header.destination not in (None, device.identity):
        return False
    maker, model = number_of(personality.manufacturer, 4), number_of(personality.model, 8)
    if maker not in (None, header.manufacturer) or not header.suits(personality.hardware_version):
        return False
    if model is not None and model >> 16 != header.image_type:
        return False
    if maker_key and not _is_of_maker(image, maker_key):
        return False
    role = authoriser(device)
    return role is None or _is_signed(device, role, image)


def number_of(text: str, digits: int) -> int | None:
    """The number of a maker's or model's text, where it is that many hexadecimal digits; else None."""
    try:
        return int(text, 16) if len(text) == digits else None
    except ValueError:
        return None


def _is_of_maker(image: FirmwareImage, maker_key: bytes) -> bool:
    try:
        made = ManufacturerImage.decode(image.manufacturer_image)
    except DecodeError:
        return False
    manifest, header = made.manifest, image.header
    told = (header.manufacturer, header.image_type, header.version)
    same = told == (manifest.manufacturer_code, manifest.image_type, manifest.version)
    return same and header.hardware in (None, manifest.hardware_versions) and made.is_signed_by(maker_key)


def _is_signed(device: Device, role: RemotePartyRole, image: FirmwareImage) -> bool:
    if device.defective(SKIPS_IMAGE_SIGNATURE):
        return True
    anchor = device.credentials.anchor(Cell(role, KeyUse.DIGITAL_SIGNING))
    return anchor is not None and bool(anchor.point) and image.is_signed_by(anchor.point)
