"""Firmware images as they travel: a ZigBee OTA header, the manufacturer's image, the authorising party's signature.

The header is that of the ZigBee Over-the-Air Upgrade cluster (document 095264), little-endian. GB images have no
sub-elements: behind the header stands the manufacturer image as it is, then, for meters and hubs, ``00 40`` and an
ECDSA signature over that image alone (GBCS 11.2). Images for PPMIDs and load controllers are not signed.
What a hash speaks of, in commands, alerts and product lists, is SHA-256 of the manufacturer image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from ..errors import DecodeError, EncodeError
from ..grammar import truncated
from ..sheet import Sheet
from ..smki.check import verifies
from ..zigbee.ota_file import OtaHeader
from .roles import DeviceType, RemotePartyRole

if TYPE_CHECKING:
    from ..firmware_container import ManufacturerImage

__all__ = [
    "AUTHORISERS",
    "MAX_IMAGE",
    "SIGNATURE_LENGTH",
    "FirmwareImage",
    "OtaHeader",
    "digest_with_identifier",
]

MAX_IMAGE = 10_240_000
"""The longest file, in octets (the limit of DUIS)."""
SIGNATURE_LENGTH = 64

AUTHORISERS: Mapping[DeviceType, RemotePartyRole] = {
    DeviceType.ESME: RemotePartyRole.SUPPLIER,
    DeviceType.GSME: RemotePartyRole.SUPPLIER,
    DeviceType.SAPC: RemotePartyRole.SUPPLIER,
    DeviceType.CHF: RemotePartyRole.WAN_PROVIDER,
}
"""Whose signature the image of a kind of device carries; hub and SAPC are inferred. Other kinds have none."""

_TRAILER = b"\x00\x40"  # the length of the signature, in two octets


def digest_with_identifier(manufacturer_image: bytes, version: bytes) -> bytes:
    """SHA-256 over a manufacturer image and its firmware identifier, 32 octets: the other form that lists may have.

    The Smart Energy Code hashes "firmware image and identifier" without saying how; the identifier is taken to be the
    4 octets of the version, behind the image.
    """
    return sha256(manufacturer_image + version).digest()


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

    def describe(self, sheet: Sheet, container: ManufacturerImage | None = None) -> None:
        """Append every field to ``sheet``; those of the image too where its reading is given."""
        self.header.describe(sheet)
        digest = f"SHA-256 {self.digest.hex()}"
        if container is None:
            sheet.leaf("manufacturer_image", self.manufacturer_image, self.manufacturer_image, digest)
        else:
            with sheet.group("manufacturer_image", digest):
                container.describe(sheet)
        if self.signature is not None:
            with sheet.group("signature"):
                sheet.leaf("length", _TRAILER, SIGNATURE_LENGTH)
                sheet.leaf("octets", self.signature, self.signature)


def _expect(holds: bool, at: int, member: str, expected: str, found: str) -> None:
    if not holds:
        raise DecodeError(at, expected, found, (member,))
