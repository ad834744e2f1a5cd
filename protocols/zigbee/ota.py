"""The ZigBee Over-the-Air Upgrade cluster: how an image goes from the hub to a device, block by block.

ZigBee document 095264; all little-endian. Frames are whole ZCL frames with their three octets of header.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ..errors import DecodeError, EncodeError

CLUSTER = 0x0019

SUCCESS, ABORT, INVALID_IMAGE, WAIT_FOR_DATA, NO_IMAGE = 0x00, 0x95, 0x96, 0x97, 0x98
UNTIL_TOLD = 0xFFFFFFFF
"""As the time of an upgrade: wait for the command that activates it."""
ANY, ANY_VERSION = 0xFFFF, 0xFFFFFFFF
"""Wildcards of manufacturer and image type, and of the version."""

_TO_SERVER, _TO_CLIENT = 0x01, 0x19  # cluster command; answers disable the default response
_DIRECTION = 0x08


class FileId(NamedTuple):
    """Which image: manufacturer code, image type, file version."""

    manufacturer: int
    image_type: int
    file_version: int


ANY_FILE = FileId(ANY, ANY, ANY_VERSION)


@dataclass(frozen=True, slots=True)
class ImageNotify:
    """There may be a new image. ``jitter`` is 1 to 100; the receiver asks if its own random number is not above."""

    jitter: int = 100
    command: ClassVar[int] = 0x00

    def payload(self) -> bytes:
        """The octets behind the ZCL header."""
        return bytes((0, self.jitter))


@dataclass(frozen=True, slots=True)
class QueryNextImage:
    """Is there an image for this device? ``file`` is what it runs."""

    file: FileId
    hardware_version: int | None = None
    command: ClassVar[int] = 0x01

    def payload(self) -> bytes:
        """The octets behind the ZCL header."""
        if self.hardware_version is None:
            return b"\x00" + _FILE.pack(*self.file)
        return b"\x01" + _FILE.pack(*self.file) + self.hardware_version.to_bytes(2, "little")


@dataclass(frozen=True, slots=True)
class QueryNextImageResponse:
    """``file`` and ``size`` (octets) are there where ``status`` is success."""

    status: int
    file: FileId | None = None
    size: int = 0
    command: ClassVar[int] = 0x02

    def payload(self) -> bytes:
        """The octets behind the ZCL header."""
        if self.file is None:
            return bytes((self.status,))
        return bytes((self.status,)) + _FILE.pack(*self.file) + self.size.to_bytes(4, "little")


@dataclass(frozen=True, slots=True)
class ImageBlockRequest:
    """Give at most ``most`` octets of the image from ``offset`` on."""

    file: FileId
    offset: int
    most: int
    command: ClassVar[int] = 0x03

    def payload(self) -> bytes:
        """The octets behind the ZCL header."""
        return b"\x00" + _FILE.pack(*self.file) + struct.pack("<IB", self.offset, self.most)


@dataclass(frozen=True, slots=True)
class ImageBlock:
    """A block of the image, or with another status why there is none; ``wait`` is in seconds."""

    status: int
    file: FileId | None = None
    offset: int = 0
    data: bytes = b""
    wait: int = 0
    command: ClassVar[int] = 0x05

    def payload(self) -> bytes:
        """The octets behind the ZCL header."""
        if self.status == WAIT_FOR_DATA:
            return bytes((self.status,)) + struct.pack("<IIH", 0, self.wait, 0)
        if self.file is None:
            return bytes((self.status,))
        head = _FILE.pack(*self.file) + struct.pack("<IB", self.offset, len(self.data))
        return bytes((self.status,)) + head + self.data


@dataclass(frozen=True, slots=True)
class UpgradeEnd:
    """The device has the image, or has given up."""

    status: int
    file: FileId
    command: ClassVar[int] = 0x06

    def payload(self) -> bytes:
        """The octets behind the ZCL header."""
        return bytes((self.status,)) + _FILE.pack(*self.file)


@dataclass(frozen=True, slots=True)
class UpgradeEndResponse:
    """When to activate. Meters wait for a command of their own."""

    file: FileId = ANY_FILE
    current_time: int = 0
    upgrade_time: int = UNTIL_TOLD
    command: ClassVar[int] = 0x07

    def payload(self) -> bytes:
        """The octets behind the ZCL header."""
        return _FILE.pack(*self.file) + struct.pack("<II", self.current_time, self.upgrade_time)


OtaMessage = (
    ImageNotify
    | QueryNextImage
    | QueryNextImageResponse
    | ImageBlockRequest
    | ImageBlock
    | UpgradeEnd
    | UpgradeEndResponse
)
_FROM_SERVER = (ImageNotify, QueryNextImageResponse, ImageBlock, UpgradeEndResponse)
_FILE = struct.Struct("<HHI")
_FILE_AT = 1
_END = _FILE_AT + _FILE.size


def encode_ota(message: OtaMessage, sequence: int) -> bytes:
    """The ZCL frame of a message. Raises EncodeError."""
    control = _TO_CLIENT if isinstance(message, _FROM_SERVER) else _TO_SERVER
    try:
        return bytes((control, sequence, message.command)) + message.payload()
    except (struct.error, ValueError, OverflowError) as error:
        raise EncodeError(f"{type(message).__name__}: {error}") from None


def decode_ota(frame: bytes) -> tuple[int, OtaMessage]:
    """Sequence number and message of a frame. Raises DecodeError, also for commands that GB devices do not use."""
    if len(frame) < 3:
        raise DecodeError(0, "a ZCL frame", f"{len(frame)} octets")
    control, sequence, command = frame[0], frame[1], frame[2]
    read = _READERS.get((bool(control & _DIRECTION), command))
    if control & 7 != _TO_SERVER or read is None:
        raise DecodeError(0, "a command of the upgrade cluster", f"{control:02X}, command {command:02X}")
    try:
        message: OtaMessage = read(frame[3:])
    except (struct.error, IndexError):
        raise DecodeError(3, "the fields of the command", f"{len(frame) - 3} octets") from None
    return sequence, message


def _file(data: bytes, at: int = _FILE_AT) -> FileId:
    return FileId(*_FILE.unpack_from(data, at))


def _query(data: bytes) -> QueryNextImage:
    hardware = struct.unpack_from("<H", data, _END)[0] if data[0] & 1 else None
    return QueryNextImage(_file(data), hardware)


def _query_response(data: bytes) -> QueryNextImageResponse:
    if data[0] != SUCCESS:
        return QueryNextImageResponse(data[0])
    return QueryNextImageResponse(SUCCESS, _file(data), struct.unpack_from("<I", data, _END)[0])


def _block_request(data: bytes) -> ImageBlockRequest:
    return ImageBlockRequest(_file(data), *struct.unpack_from("<IB", data, _END))


def _block(data: bytes) -> ImageBlock:
    if data[0] == WAIT_FOR_DATA:
        current, asked, _period = struct.unpack_from("<IIH", data, 1)
        return ImageBlock(WAIT_FOR_DATA, wait=max(0, asked - current))
    if data[0] != SUCCESS:
        return ImageBlock(data[0])
    offset, length = struct.unpack_from("<IB", data, _END)
    octets = data[_END + 5 : _END + 5 + length]
    if len(octets) != length:
        raise IndexError
    return ImageBlock(SUCCESS, _file(data), offset, octets)


_READERS: dict[tuple[bool, int], Callable[[bytes], Any]] = {
    (True, ImageNotify.command): lambda data: ImageNotify(data[1]),
    (False, QueryNextImage.command): _query,
    (True, QueryNextImageResponse.command): _query_response,
    (False, ImageBlockRequest.command): _block_request,
    (True, ImageBlock.command): _block,
    (False, UpgradeEnd.command): lambda data: UpgradeEnd(data[0], _file(data)),
    (True, UpgradeEndResponse.command): lambda data: UpgradeEndResponse(
        _file(data, 0), *struct.unpack_from("<II", data, _FILE.size)
    ),
}
"""By whether the server sends it, and command."""
