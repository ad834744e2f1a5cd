"""Devices' certification requests, read by comparison with the one layout that they have.

Batches have tens of thousands of them. The layout is made by the writer; what differs from it anywhere but in the
public key, the identifier and the signature is left to the reader that goes through it value by value.
"""

from __future__ import annotations

from typing import NamedTuple

from ..der import BIT_STRING, INTEGER, SEQUENCE, put_header
from ..eui64 import Eui64
from .building import ALGORITHM, EMPTY_NAME, device_name_extension, key_usage_extension, request_info
from .names import KEY_USAGE, SUBJECT_ALTERNATIVE_NAME, KeyUsage
from .reading import KEY_USAGE_FORMAT, POINT_LENGTH, Extension, Name


class UsualRequest(NamedTuple):
    """What such a request says, in the order of ``CertificationRequest``."""

    octets: bytes
    info: bytes
    subject: Name
    public_point: bytes
    extensions: tuple[Extension, ...]
    key_usage: KeyUsage | None
    device: Eui64 | None
    signature: tuple[int, int]


class _Layout(NamedTuple):
    """What stands between the public key and the device's identifier, and what it says."""

    before_device: bytes
    key_usage: KeyUsage
    extension: Extension


_SOME_POINT = b"\x04" + b"\xff" * (POINT_LENGTH - 1)
_SOME_NAME = device_name_extension(Eui64(bytes(8)))


def _parts(use: KeyUsage) -> tuple[bytes, _Layout]:
    info = request_info(EMPTY_NAME, (key_usage_extension(use), _SOME_NAME), _SOME_POINT)
    before, _, after = info.partition(_SOME_POINT)
    return before, _Layout(after[:-8], use, Extension(KEY_USAGE, True, KEY_USAGE_FORMAT.encode(use)))


_BEFORE_POINT, _SIGNING = _parts(KeyUsage.DIGITAL_SIGNATURE)
_LAYOUTS = {layout.before_device: layout for layout in (_SIGNING, _parts(KeyUsage.KEY_AGREEMENT)[1])}
_INFO = 4  # the whole has a header of four octets
_POINT = _INFO + len(_BEFORE_POINT)
_AFTER_POINT = _POINT + POINT_LENGTH
_DEVICE = _AFTER_POINT + len(_SIGNING.before_device)
_ALGORITHM = _DEVICE + 8
_SIGNATURE = _ALGORITHM + len(ALGORITHM)
_NAME_VALUE = _SOME_NAME.index(b"\x04") + 2  # the OCTET STRING's content, of under 128 octets
_BEFORE_NAME_DEVICE = _SOME_NAME[_NAME_VALUE:-8]
_NAMELESS = Name(EMPTY_NAME, ())


def take_usual(der: bytes) -> UsualRequest | None:
    """A request in the usual layout, or None."""
    layout = _LAYOUTS.get(der[_AFTER_POINT:_DEVICE])
    if (
        layout is None
        or der[:_INFO] != put_header(SEQUENCE, len(der) - _INFO)
        or der[_INFO:_POINT] != _BEFORE_POINT
        or der[_POINT] != 4
        or der[_ALGORITHM:_SIGNATURE] != ALGORITHM
    ):
        return None
    signature = _take_signature(der, _SIGNATURE)
    if signature is None:
        return None
    device = der[_DEVICE:_ALGORITHM]
    return UsualRequest(
        der,
        der[_INFO:_ALGORITHM],
        _NAMELESS,
        der[_POINT:_AFTER_POINT],
        (layout.extension, Extension(SUBJECT_ALTERNATIVE_NAME, True, _BEFORE_NAME_DEVICE + device)),
        layout.key_usage,
        Eui64(device),
        signature,
    )


def _take_signature(der: bytes, at: int) -> tuple[int, int] | None:
    """(r, s) of a BIT STRING that ends the request, if its integers are positive and have the fewest octets."""
    length = len(der) - at - 2
    if not 9 <= length < 0x80 or der[at : at + 5] != bytes((BIT_STRING, length, 0, SEQUENCE, length - 3)):
        return None
    first = at + 5
    second = first + 2 + der[first + 1]
    if second + 2 > len(der) or second + 2 + der[second + 1] != len(der):
        return None
    r, s = der[first + 2 : second], der[second + 2 :]
    if der[first] != INTEGER or der[second] != INTEGER or not (_is_positive(r) and _is_positive(s)):
        return None
    return int.from_bytes(r, "big"), int.from_bytes(s, "big")


def _is_positive(octets: bytes) -> bool:
    return len(octets) > 0 and octets[0] < 0x80 and (octets[0] > 0 or (len(octets) > 1 and octets[1] >= 0x80))
