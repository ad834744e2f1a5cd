"""DER (ITU-T X.690): tags, lengths, integers and times as plain functions on octets.

Devices exist that write every length from 128 to 255 as ``82 00 xx``, which DER forbids; readers take that form only
when asked to. Tags are one octet. No length is believed before its octets are seen to be there.
"""

from __future__ import annotations

from datetime import UTC, datetime

from .errors import DecodeError
from .grammar import truncated
from .instant import Instant, from_datetime, instant, to_datetime

BOOLEAN = 0x01
INTEGER, BIT_STRING, OCTET_STRING, NULL, OBJECT_IDENTIFIER = 0x02, 0x03, 0x04, 0x05, 0x06
ENUMERATED, UTF8_STRING, PRINTABLE_STRING, UTC_TIME, GENERALIZED_TIME = 0x0A, 0x0C, 0x13, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
CONSTRUCTED, CONTEXT = 0x20, 0x80

NEVER: Instant = instant(9999, 12, 31, 23, 59, 59)
"""``99991231235959Z``: no end of validity, or (as an execution time) cancel."""


def take_header(data: bytes, at: int, end: int, *, long_lengths: bool = False) -> tuple[int, int, int]:
    """Tag, start and stop of the value at ``at``; its content is ``data[start:stop]``, within ``end``.

    ``long_lengths`` takes ``82 00 xx`` instead of the DER length from 128 to 255. Raises DecodeError.
    """
    start = at + 2
    if start > end:
        raise truncated(at, end, 2)
    length = data[at + 1]
    if length >= 0x80:
        length, start = _take_long_length(data, at + 1, end, long_lengths)
    stop = start + length
    if stop > end:
        raise truncated(start, end, length)
    return data[at], start, stop


def _take_long_length(data: bytes, at: int, end: int, long_lengths: bool) -> tuple[int, int]:
    octets = data[at] & 0x7F
    if not 1 <= octets <= 4:
        raise DecodeError(at, "a definite length of at most four octets", f"{data[at]:02X}")
    stop = at + 1 + octets
    if stop > end:
        raise truncated(at, end, octets + 1)
    length = int.from_bytes(data[at + 1 : stop], "big")
    if put_header(0, length, long_lengths=long_lengths)[1:] != data[at:stop]:
        wanted = (
            "the form 82 00 xx of the length" if long_lengths and octets == 1 else "the shortest form of the length"
        )
        raise DecodeError(at, wanted, data[at:stop].hex(" ").upper())
    return length, stop


def put_header(tag: int, length: int, *, long_lengths: bool = False) -> bytes:
    """Tag and length octets: DER, or with ``82 00 xx`` for 128 to 255."""
    if length < 0x80:
        return bytes((tag, length))
    octets = 2 if long_lengths and length < 0x100 else (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | octets)) + length.to_bytes(octets, "big")


def tlv(tag: int, *contents: bytes) -> bytes:
    """One DER value of ``tag`` around ``contents``."""
    content = b"".join(contents)
    return put_header(tag, len(content)) + content


def shortened(value: int) -> str:
    """The number in decimal digits for an error's text; of a long one, which would take long to write, its size."""
    return str(value) if value.bit_length() <= 80 else f"an integer of {value.bit_length()} bits"


def take_integer(data: bytes, start: int, stop: int) -> int:
    """The content of an INTEGER: two's complement, big-endian, of the fewest octets. Raises DecodeError."""
    if start == stop:
        raise DecodeError(start, "an INTEGER of at least one octet", "none")
    if stop - start > 1 and (data[start] << 1 | data[start + 1] >> 7) in (0, 0x1FF):
        raise DecodeError(start, "an INTEGER of the fewest octets", data[start : start + 2].hex(" ").upper() + " ...")
    return int.from_bytes(data[start:stop], "big", signed=True)


def put_integer(value: int) -> bytes:
    """The content octets of an INTEGER: two's complement of the fewest octets."""
    bits = (value if value >= 0 else ~value).bit_length()
    return int(value).to_bytes(bits // 8 + 1, "big", signed=True)


def take_time(tag: int, data: bytes, start: int, stop: int) -> Instant:
    """The content of a UTCTime (RFC 5280: years 1950 to 2049) or GeneralizedTime. Raises DecodeError."""
    digits = data[start : stop - 1]
    wanted = 12 if tag == UTC_TIME else 14
    shape = "YYMMDDhhmmssZ" if tag == UTC_TIME else "YYYYMMDDhhmmssZ"
    if stop - start == wanted + 1 and data[stop - 1] == 0x5A and digits.isdigit():
        year, rest = divmod(int(digits), 10**10)
        if tag == UTC_TIME:
            year += 2000 if year < 50 else 1900
        month, day, hour, minute, second = (rest // 100**power % 100 for power in (4, 3, 2, 1, 0))
        try:
            return from_datetime(datetime(year, month, day, hour, minute, second, tzinfo=UTC))
        except ValueError as error:
            raise DecodeError(start, shape, str(error)) from None
    raise DecodeError(start, shape, repr(bytes(data[start : min(stop, start + 24)]))[1:])


def put_time(tag: int, at: Instant) -> bytes:
    """The content octets of a UTCTime or GeneralizedTime. Raises ValueError for a year that UTCTime cannot hold."""
    moment = to_datetime(at)
    if tag == UTC_TIME and not 1950 <= moment.year < 2050:
        raise ValueError(f"UTCTime ends in 2049 and begins in 1950; {moment.year} given")
    year = f"{moment.year % 100:02}" if tag == UTC_TIME else f"{moment.year:04}"
    return f"{year}{moment:%m%d%H%M%S}Z".encode()


def oid(text: str) -> bytes:
    """The content octets of an OBJECT IDENTIFIER in dotted decimal."""
    first, second, *arcs = (int(arc) for arc in text.split("."))
    out = bytearray()
    for arc in (40 * first + second, *arcs):
        septets = [arc >> shift & 0x7F for shift in range(0, max(1, arc.bit_length()), 7)]
        out += bytes(septet | 0x80 for septet in septets[:0:-1]) + bytes(septets[:1])
    return bytes(out)


def oid_text(content: bytes) -> str:
    """Dotted decimal of an OBJECT IDENTIFIER; hexadecimal digits where it is malformed or an arc has over 64 bits."""
    arcs, arc = [], 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if arc >> 64:
            return content.hex()
        if octet < 0x80:
            arcs.append(arc)
            arc = 0
    if not arcs or content[-1] & 0x80:
        return content.hex()
    first = min(2, arcs[0] // 40)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


class Walk:
    """A reader that goes through DER values one after the other. Every error names the octet and the value."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    @property
    def tag(self) -> int | None:
        """The tag of the next value; None at the end."""
        return self.data[self.at] if self.at < self.end else None

    def enter(self, tag: int, name: str) -> Walk:
        """A walk through the content of the next value, which must have ``tag``. Raises DecodeError."""
        try:
            if self.at < self.end and self.data[self.at] != tag:
                raise DecodeError(self.at, f"{tag:02X}", f"{self.data[self.at]:02X}")
            _, start, stop = take_header(self.data, self.at, self.end)
        except DecodeError as error:
            raise error.inside(name) from None
        self.at = stop
        return Walk(self.data, start, stop)

    def content(self, tag: int, name: str) -> bytes:
        """The content of the next value, which must have ``tag``. Raises DecodeError."""
        inner = self.enter(tag, name)
        return self.data[inner.at : inner.end]

    def integer(self, name: str) -> int:
        """The next value, an INTEGER. Raises DecodeError."""
        inner = self.enter(INTEGER, name)
        try:
            return take_integer(self.data, inner.at, inner.end)
        except DecodeError as error:
            raise error.inside(name) from None

    def finish(self, name: str) -> None:
        """Nothing may be left. Raises DecodeError."""
        if self.at != self.end:
            raise DecodeError(self.at, f"the end of {name}", f"{self.end - self.at} more octets", (name,))
