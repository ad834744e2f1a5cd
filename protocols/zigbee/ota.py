"""The ZigBee Over-the-Air Upgrade cluster: how an image goes from the hub to a device, block by block.

ZigBee document 095264; all little-endian. Frames are whole ZCL frames with their three octets of header.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ..errors import DecodeError, EncodeError
from ..eui64 import Eui64

CLUSTER = 0x0019

SUCCESS, ABORT, INVALID_IMAGE, WAIT_FOR_DATA, NO_IMAGE = 0x00, 0x95, 0x96, 0x97, 0x98
NOT_AUTHORIZED, MALFORMED, UNSUPPORTED, MORE_IMAGES = 0x7E, 0x80, 0x81, 0x99
STATUS_TEXT = {
    SUCCESS: "success",
    NOT_AUTHORIZED: "not authorised",
    MALFORMED: "malformed command",
    UNSUPPORTED: "unsupported cluster command",
    ABORT: "abort",
    INVALID_IMAGE: "invalid image",
    WAIT_FOR_DATA: "wait for data",
    NO_IMAGE: "no image available",
    MORE_IMAGES: "require more image",
}
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
    """There may be a new image. ``jitter`` is 1 to 100; the receiver asks if its own random number is not above.

    The file is named no further than it is told: by manufacturer, then image type, then version.
    """

    jitter: int = 100
    manufacturer: int | None = None
    image_type: int | None = None
    file_version: int | None = None
    command: ClassVar[int] = 0x00

    def payload(self) -> bytes:
        """The octets behind the ZCL header."""
        named = (self.manufacturer, self.image_type, self.file_version)
        given = next((number for number, value in enumerate(named) if value is None), len(named))
        return bytes((given, self.jitter)) + _NAMED[given].pack(*named[:given])


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
    """Give at most ``most`` octets of the image from ``offset`` on.

    ``requester`` names the device that asks; ``period`` is the time in milliseconds that it leaves between two
    requests, 0 to 65535, and says that it can be told another.
    """

    file: FileId
    offset: int
    most: int
    requester: Eui64 | None = None
    period: int | None = None
    command: ClassVar[int] = 0x03

    def payload(self) -> bytes:
        """The octets behind the ZCL header."""
        if self.requester is None and self.period is None:
            return b"\x00" + _FILE.pack(*self.file) + _BLOCK_ASKED.pack(self.offset, self.most)
        control = (self.requester is not None) * _HAS_REQUESTER | (self.period is not None) * _HAS_PERIOD
        octets = bytes((control,)) + _FILE.pack(*self.file) + _BLOCK_ASKED.pack(self.offset, self.most)
        if self.requester is not None:
            octets += bytes(self.requester)[::-1]
        return octets if self.period is None else octets + self.period.to_bytes(2, "little")


@dataclass(frozen=True, slots=True)
class ImageBlock:
    """A block of the image, or with another status why there is none.

    Told to wait, a device asks again when as many seconds have passed as ``request_time`` is after ``current_time``
    (both seconds of UTC; a current time of 0 says that the other is a delay), and leaves ``period`` milliseconds
    between its requests from then on.
    """

    status: int
    file: FileId | None = None
    offset: int = 0
    data: bytes = b""
    current_time: int = 0
    request_time: int = 0
    period: int = 0
    command: ClassVar[int] = 0x05

    @classmethod
    def later(cls, seconds: int, period: int = 0) -> ImageBlock:
        """Ask again in so many seconds."""
        return cls(WAIT_FOR_DATA, request_time=seconds, period=period)

    @property
    def wait(self) -> int:
        """Seconds to wait."""
        return max(0, self.request_time - self.current_time)

    def payload(self) -> bytes:
        """The octets behind the ZCL header."""
        if self.status == WAIT_FOR_DATA:
            return bytes((self.status,)) + _WAIT.pack(self.current_time, self.request_time, self.period)
        if self.file is None:
            return bytes((self.status,))
        return (
            bytes((self.status,)) + _FILE.pack(*self.file) + _BLOCK_ASKED.pack(self.offset, len(self.data)) + self.data
        )


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
_NAMED = (struct.Struct("<"), struct.Struct("<H"), struct.Struct("<HH"), _FILE)
_BLOCK_ASKED, _WAIT = struct.Struct("<IB"), struct.Struct("<IIH")
_HAS_REQUESTER, _HAS_PERIOD = 1, 2
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


def _notify(data: bytes) -> ImageNotify:
    return ImageNotify(data[1], *_NAMED[data[0]].unpack_from(data, 2))


def _block_request(data: bytes) -> ImageBlockRequest:
    at = _END + _BLOCK_ASKED.size
    requester = period = None
    if data[0] & _HAS_REQUESTER:
        requester, at = Eui64(_exactly(data[at : at + 8], 8)[::-1]), at + 8
    if data[0] & _HAS_PERIOD:
        period = int.from_bytes(_exactly(data[at : at + 2], 2), "little")
    offset, most = _BLOCK_ASKED.unpack_from(data, _END)
    return ImageBlockRequest(_file(data), offset, most, requester, period)


def _block(data: bytes) -> ImageBlock:
    if data[0] == WAIT_FOR_DATA:
        current, asked, period = _WAIT.unpack_from(data, 1)
        return ImageBlock(WAIT_FOR_DATA, current_time=current, request_time=asked, period=period)
    if data[0] != SUCCESS:
        return ImageBlock(data[0])
    offset, length = _BLOCK_ASKED.unpack_from(data, _END)
    return ImageBlock(SUCCESS, _file(data), offset, _exactly(data[_END + 5 : _END + 5 + length], length))


def _exactly(octets: bytes, length: int) -> bytes:
    if len(octets) != length:
        raise IndexError
    return octets


_READERS: dict[tuple[bool, int], Callable[[bytes], Any]] = {
    (True, ImageNotify.command): _notify,
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
