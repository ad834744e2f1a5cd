"""Firmware files: building, signing, reading and checking them, and examples for emulated devices.

A file has up to three layers: the ZigBee header and the authorising party's signature around it (the GB wrap), the
manufacturer image, and inside that, for images of the documented layout, manifest, content and maker's signature.
"""

from __future__ import annotations

from .building import build_manufacturer_image, filler, header_of, wrap
from .checking import Check, Outcome, verify_firmware
from .manifests import ManifestError, Recipe, parse_recipe
from .reading import FirmwareFile, Kind, decode_signature, encode_signature, read_firmware
from .signing_keys import (
    SigningKey,
    public_point,
    public_point_of,
    signing_key,
    signing_key_of_file,
    signing_key_of_seed,
    signing_key_of_store,
)

__all__ = [
    "Check",
    "FirmwareFile",
    "Kind",
    "ManifestError",
    "Outcome",
    "Recipe",
    "SigningKey",
    "build_manufacturer_image",
    "decode_signature",
    "encode_signature",
    "filler",
    "header_of",
    "parse_recipe",
    "public_point",
    "public_point_of",
    "read_firmware",
    "signing_key",
    "signing_key_of_file",
    "signing_key_of_seed",
    "signing_key_of_store",
    "verify_firmware",
    "wrap",
]
