"""The hashes by which lists of products name a firmware image.

The Code has a hash "of the firmware image and firmware ID", and does not say whether the identifier is part of what is
hashed. Commands and alerts carry the hash of the image alone; a list may hold both.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256

from protocols.gbcs.firmware_image import digest_with_identifier

HASH_LENGTH = 32
VERSION_LENGTH = 4


class HashForm(StrEnum):
    """Over what a SHA-256 hash is: the manufacturer image, or that and behind it the 4 octets of its version."""

    IMAGE = "image"
    IMAGE_AND_ID = "image-and-id"


ON_THE_WIRE = HashForm.IMAGE
"""What a device computes of the image that it holds, and what an activation names."""

Hashes = Mapping[HashForm, bytes]
"""Hashes of one image, 32 octets each; one of them at least."""


def hash_of(form: HashForm, image: bytes, version: bytes) -> bytes:
    """One hash of a manufacturer image; ``version`` has 4 octets, big-endian as messages carry it."""
    return sha256(image).digest() if form is HashForm.IMAGE else digest_with_identifier(image, version)


def hashes_of(image: bytes, version: bytes) -> dict[HashForm, bytes]:
    """Every hash of a manufacturer image."""
    return {form: hash_of(form, image, version) for form in HashForm}
