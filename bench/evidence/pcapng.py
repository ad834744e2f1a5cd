"""A run as a pcapng file that Wireshark opens with its GBCS dissector.

Link type 252 (Wireshark's exported PDU): each packet begins with tags naming the dissector, then the message follows as
it is. Direction is a flag and the devices are in the comment of each packet. (IETF draft pcapng, sections 4.1 to 4.3.)
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from .records import Exchange, SeenMessage

LINK_TYPE_EXPORTED_PDU = 252
DISSECTOR = b"gbcs_message"
PLAIN_DATA = b"data"
"""The dissector of what is no GBCS message, such as one cut short on purpose, or a frame of an image delivery."""
MESSAGE_BEGINS = (b"\xdd", b"\xdf")
"""General ciphering and general signing: the first octet of every GBCS message."""
_SECTION_HEADER, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER = 0x1A2B3C4D
_OPTION_END, _OPTION_COMMENT = 0, 1
_SECTION_APPLICATION = 4
_INTERFACE_NAME = 2
_PACKET_FLAGS = 2
_INBOUND, _OUTBOUND = 1, 2
_TAG_END, _TAG_DISSECTOR_NAME = 0, 12
_UNIX_SECONDS_AT_2000 = 946_684_800
_COMMENT_LIMIT = 4000


class Pcapng:
    """Writes packets to an open binary file, each one flushed."""

    def __init__(self, file: BinaryIO, application: str, interface: str) -> None:
        self._file = file
        header = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1)
        self._block(_SECTION_HEADER, header + _options((_SECTION_APPLICATION, application.encode())))
        described = struct.pack("<HHI", LINK_TYPE_EXPORTED_PDU, 0, 0)
        self._block(_INTERFACE, described + _options((_INTERFACE_NAME, interface.encode())))

    def exchange(self, exchange: Exchange) -> None:
        """One packet for each message of an exchange; the verdict stands in the comment of the last one."""
        verdict = f"{exchange.verdict.value}: {exchange.reason}"
        for message in exchange.messages:
            sent = message is exchange.sent
            way = f"bench -> {exchange.device}" if sent else f"{exchange.device} -> bench"
            comment = f"{way}, {exchange.use_case} {message.name}"
            self.packet(message, sent, f"{comment}, {verdict}" if message is exchange.messages[-1] else comment)

    def packet(self, message: SeenMessage, sent: bool, comment: str) -> None:
        """One message as a packet; time in microseconds."""
        microseconds = round(message.at * 1_000_000) + _UNIX_SECONDS_AT_2000 * 1_000_000
        plain = message.problem or message.octets[:1] not in MESSAGE_BEGINS
        data = _tags(PLAIN_DATA if plain else DISSECTOR) + message.octets
        stamp = struct.pack("<IIII", microseconds >> 32, microseconds & 0xFFFFFFFF, len(data), len(data))
        flags = struct.pack("<I", _OUTBOUND if sent else _INBOUND)
        options = _options((_PACKET_FLAGS, flags), (_OPTION_COMMENT, _text(comment)))
        self._block(_PACKET, struct.pack("<I", 0) + stamp + _padded(data) + options)

    def _block(self, kind: int, body: bytes) -> None:
        length = struct.pack("<I", len(body) + 12)
        self._file.write(struct.pack("<I", kind) + length + body + length)
        self._file.flush()


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _text(comment: str) -> bytes:
    """UTF-8, cut between two characters where it is too long."""
    return comment.encode(errors="replace")[:_COMMENT_LIMIT].decode(errors="ignore").encode()


def _options(*options: tuple[int, bytes]) -> bytes:
    written = b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options)
    return written + struct.pack("<HH", _OPTION_END, 0)


def _tag(code: int, value: bytes) -> bytes:
    return struct.pack(">HH", code, len(_padded(value))) + _padded(value)


def _tags(dissector: bytes) -> bytes:
    return _tag(_TAG_DISSECTOR_NAME, dissector) + _tag(_TAG_END, b"")
