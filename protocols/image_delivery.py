"""Delivery of an image file to a hub, or to a device on a bench: a small protocol of this project.

How a WAN provider hands images to its hubs is not public. This one runs beside the GBCS messages on the same wire, in
IEC 62056-47 frames to port 2. All numbers are big-endian; the first octet says what a frame is:

====  ========  =====================================================================================
01    offer     target EUI-64 (8), size of the file (4), SHA-256 of the file (32)
02    block     target (8), file (8), offset (4), data (1 to 1024 octets)
03    withdraw  target (8), file (8): forget what has arrived
81    status    target (8), file (8), status (1), offset of the octet that is expected next (4)
====  ========  =====================================================================================

``file`` is the first eight octets of the SHA-256. A frame ends with the CRC-32 of all before it (4 octets); an altered
one is not heard. Every other frame to the server is answered with a status. An offer of the file that is under way
goes on where it was, whichever side has started anew; blocks that are lost, doubled, altered or out of order do no
harm, since the server takes the expected one alone. When all octets are there the server compares the SHA-256, hands
the file over and says what became of it. Nobody is authenticated here, and nothing is started: an image proves itself
to the device that gets it, and a signed command activates it.

Here are the frames; ``image_delivery_ends`` has the machines of both ends.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple
from zlib import crc32

from .enumerations import plain_members
from .errors import DecodeError, EncodeError
from .eui64 import Eui64, eui64_text
from .sheet import Sheet

PORT = 2
"""The wrapper port of both ends; GBCS messages are on port 1."""
LONGEST_BLOCK = 1024
"""Octets of file data in one block."""

_OFFER, _BLOCK, _WITHDRAW, _STATUS = 0x01, 0x02, 0x03, 0x81
_OFFER_FIELDS = struct.Struct(">8sI32s")
_BLOCK_FIELDS = struct.Struct(">8s8sI")
_OFFSET, _STANDING = struct.Struct(">I"), struct.Struct(">BI")
_SEAL = 4
_FILE_FIELDS = struct.Struct(">8s8s")
_STATUS_FIELDS = struct.Struct(">8s8sBI")


@plain_members
class Status(IntEnum):
    """What the server says. All but the first end the delivery, or ask for an offer."""

    CONTINUE = 0
    COMPLETE = 1
    NO_OFFER = 2
    UNKNOWN_TARGET = 3
    TOO_LONG = 4
    BUSY = 5
    HASH_WRONG = 6
    DISCARDED = 7
    HARDWARE_MISMATCH = 8
    WITHDRAWN = 9


STATUS_TEXT = {
    Status.CONTINUE: "blocks are expected",
    Status.COMPLETE: "complete and kept",
    Status.NO_OFFER: "nothing of this file was offered",
    Status.UNKNOWN_TARGET: "no device here that takes images has this identifier",
    Status.TOO_LONG: "the file is empty or too long",
    Status.BUSY: "too many files are under way",
    Status.HASH_WRONG: "the file that arrived does not have the hash that was offered",
    Status.DISCARDED: "complete, but no image for this device: thrown away",
    Status.HARDWARE_MISMATCH: "complete, but not for this hardware version: thrown away",
    Status.WITHDRAWN: "forgotten as asked",
}


class FileName(NamedTuple):
    """Which file for whom: the target and the first eight octets of the SHA-256."""

    target: Eui64
    start: bytes

    def encode(self) -> bytes:
        """The octets. Raises EncodeError."""
        _check_length("target", self.target, 8)
        _check_length("file", self.start, 8)
        return self.target + self.start


@dataclass(frozen=True, slots=True)
class Offer:
    """A file of ``size`` octets with this SHA-256 (32 octets) is to come for ``target``."""

    target: Eui64
    size: int
    digest: bytes

    @property
    def name(self) -> FileName:
        """By which blocks name the file."""
        return FileName(self.target, self.digest[:8])

    def encode(self) -> bytes:
        """The octets. Raises EncodeError."""
        _check_length("target", self.target, 8)
        _check_length("digest", self.digest, 32)
        return _sealed(bytes((_OFFER,)) + _pack(_OFFER_FIELDS, bytes(self.target), self.size, self.digest))

    def describe(self, sheet: Sheet) -> None:
        """Append every field to ``sheet``."""
        sheet.leaf("frame", bytes((_OFFER,)), "offer")
        sheet.leaf("target", bytes(self.target), self.target, eui64_text(self.target))
        sheet.leaf("size", self.size.to_bytes(4, "big"), self.size, f"{self.size} octets")
        sheet.leaf("digest", self.digest, self.digest, "SHA-256 of the file")
        _describe_check(sheet, self.encode())


@dataclass(frozen=True, slots=True)
class FileBlock:
    """A piece of a file."""

    name: FileName
    offset: int
    data: bytes

    def encode(self) -> bytes:
        """The octets. Raises EncodeError."""
        if not 1 <= len(self.data) <= LONGEST_BLOCK:
            raise EncodeError(f"1 to {LONGEST_BLOCK} octets, {len(self.data)} given", ("data",))
        return _sealed(bytes((_BLOCK,)) + self.name.encode() + _pack(_OFFSET, self.offset) + self.data)


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The rest of a file will not come."""

    name: FileName

    def encode(self) -> bytes:
        """The octets. Raises EncodeError."""
        return _sealed(bytes((_WITHDRAW,)) + self.name.encode())


@dataclass(frozen=True, slots=True)
class Progress:
    """What the server says: how it stands with a file, and the offset of the octet that it expects next."""

    name: FileName
    status: Status
    next: int = 0

    def encode(self) -> bytes:
        """The octets. Raises EncodeError."""
        return _sealed(bytes((_STATUS,)) + self.name.encode() + _pack(_STANDING, self.status, self.next))

    def describe(self, sheet: Sheet) -> None:
        """Append every field to ``sheet``."""
        sheet.leaf("frame", bytes((_STATUS,)), "status")
        sheet.leaf("target", bytes(self.name.target), self.name.target, eui64_text(self.name.target))
        sheet.leaf("file", self.name.start, self.name.start, "the start of its SHA-256")
        sheet.leaf("status", bytes((self.status,)), int(self.status), STATUS_TEXT[self.status])
        sheet.leaf("next", self.next.to_bytes(4, "big"), self.next, f"octet {self.next}")
        _describe_check(sheet, self.encode())


DeliveryFrame = Offer | FileBlock | Withdraw | Progress


def decode_frame(frame: bytes) -> DeliveryFrame:
    """One frame of the protocol. Raises DecodeError."""
    if len(frame) <= _SEAL:
        raise DecodeError(0, "a frame of image delivery", f"{len(frame)} octets")
    if frame[-_SEAL:] != _check(frame[:-_SEAL]):
        raise DecodeError(len(frame) - _SEAL, "CRC-32 of the octets before", frame[-_SEAL:].hex().upper(), ("check",))
    kind, fields = frame[0], frame[1:-_SEAL]
    if kind == _OFFER:
        target, size, digest = _unpack(_OFFER_FIELDS, fields)
        return Offer(Eui64(target), size, digest)
    if kind == _BLOCK:
        return _decode_block(fields)
    if kind == _WITHDRAW:
        target, start = _unpack(_FILE_FIELDS, fields)
        return Withdraw(FileName(Eui64(target), start))
    if kind != _STATUS:
        raise DecodeError(0, "01, 02, 03 or 81", f"{kind:02X}")
    target, start, status, expected = _unpack(_STATUS_FIELDS, fields)
    if status > max(Status):
        raise DecodeError(1 + _FILE_FIELDS.size, f"at most {max(Status)}", f"{status}", ("status",))
    return Progress(FileName(Eui64(target), start), Status(status), expected)


def _decode_block(fields: bytes) -> FileBlock:
    size = _BLOCK_FIELDS.size
    if not size < len(fields) <= size + LONGEST_BLOCK:
        raise DecodeError(1, f"{size + 1} to {size + LONGEST_BLOCK} octets", f"{len(fields)}", ("block",))
    target, start, offset = _BLOCK_FIELDS.unpack_from(fields)
    return FileBlock(FileName(Eui64(target), start), offset, fields[size:])


def _unpack(fields: struct.Struct, octets: bytes) -> tuple[Any, ...]:
    if len(octets) != fields.size:
        raise DecodeError(1, f"{fields.size} octets", f"{len(octets)}")
    return fields.unpack(octets)


def _pack(fields: struct.Struct, *values: Any) -> bytes:
    try:
        return fields.pack(*values)
    except struct.error as error:
        raise EncodeError(str(error)) from None


def _check_length(name: str, octets: bytes, length: int) -> None:
    if len(octets) != length:
        raise EncodeError(f"{length} octets needed, {len(octets)} given", (name,))


def _check(octets: bytes) -> bytes:
    return crc32(octets).to_bytes(_SEAL, "big")


def _sealed(octets: bytes) -> bytes:
    return octets + _check(octets)


def _describe_check(sheet: Sheet, frame: bytes) -> None:
    sheet.leaf("check", frame[-_SEAL:], frame[-_SEAL:], "CRC-32")
