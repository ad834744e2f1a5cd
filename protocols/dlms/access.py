"""The application units that carry GBCS use cases: access request, access response, data notification.

IEC 62056-5-3 (the DLMS ACCESS service and DataNotification) as profiled by GBCS: a request lists *specifications*
(what to read, write or invoke) and exactly one data value for each, null for reads; a response gives exactly one data
value and one result for each specification, in the same order.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any, ClassVar, NamedTuple

from ..enumerations import plain_members
from ..errors import DecodeError, EncodeError
from ..grammar import Counted, Fixed, Format, ListOf, Record, Uint, put_length, take_length, truncated
from .axdr import DATA, DATA_LIST
from .data import NULL, Data

ACCESS_REQUEST = 0xD9
ACCESS_RESPONSE = 0xDA
DATA_NOTIFICATION = 0x0F


@plain_members
class Service(IntEnum):
    """What a specification asks for; the choice octet on the wire."""

    GET = 1
    SET = 2
    ACTION = 3
    GET_SELECTED = 4
    SET_SELECTED = 5


@plain_members
class ResultCode(IntEnum):
    """Data-access-result and action-result; any other octet is kept as an int."""

    SUCCESS = 0
    HARDWARE_FAULT = 1
    TEMPORARY_FAILURE = 2
    READ_WRITE_DENIED = 3
    OBJECT_UNDEFINED = 4
    OBJECT_CLASS_INCONSISTENT = 9
    OBJECT_UNAVAILABLE = 11
    TYPE_UNMATCHED = 12
    SCOPE_OF_ACCESS_VIOLATED = 13
    DATA_BLOCK_UNAVAILABLE = 14
    LONG_TRANSFER_ABORTED = 15
    NO_LONG_TRANSFER_IN_PROGRESS = 16
    LONG_SET_ABORTED = 17
    NO_LONG_SET_IN_PROGRESS = 18
    DATA_BLOCK_NUMBER_INVALID = 19
    OTHER_REASON = 250


class Specification(NamedTuple):
    """One thing asked for: ``attribute`` is the attribute of a get or set, the method of an action (-128 to 127).

    ``selector`` and ``selection`` belong to GET_SELECTED and SET_SELECTED only.
    """

    service: Service
    class_id: int
    obis: bytes
    attribute: int
    selector: int | None = None
    selection: Data | None = None


class Result(NamedTuple):
    """How one specification ended. ``service`` is GET, SET or ACTION (a selected get answers as GET)."""

    service: Service
    code: int


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Things to do, in order. ``invoke_id`` is the long-invoke-id-and-priority, unsigned 32 bits."""

    tag: ClassVar[int] = ACCESS_REQUEST
    invoke_id: int
    specifications: tuple[Specification, ...]
    data: tuple[Data, ...]
    date_time: bytes = b""

    def encode(self) -> bytes:
        """The octets of the request. Raises EncodeError."""
        if len(self.specifications) != len(self.data):
            raise EncodeError(f"{len(self.specifications)} needed, {len(self.data)} given", ("data",))
        return _REQUEST.encode(self)


@dataclass(frozen=True, slots=True)
class AccessResponse:
    """What became of a request, one data value and one result for each of its specifications.

    ``specifications`` is None where the request is not repeated, which is always so in GBCS.
    """

    tag: ClassVar[int] = ACCESS_RESPONSE
    invoke_id: int
    data: tuple[Data, ...]
    results: tuple[Result, ...]
    date_time: bytes = b""
    specifications: tuple[Specification, ...] | None = None

    def encode(self) -> bytes:
        """The octets of the response. Raises EncodeError."""
        if len(self.results) != len(self.data):
            raise EncodeError(f"{len(self.data)} needed, {len(self.results)} given", ("results",))
        return _RESPONSE.encode(self)


@dataclass(frozen=True, slots=True)
class DataNotification:
    """What a device sends unasked; in GBCS ``body`` is a structure { alert code, date-time, ... }."""

    tag: ClassVar[int] = DATA_NOTIFICATION
    invoke_id: int
    body: Data
    date_time: bytes = b""

    def encode(self) -> bytes:
        """The octets of the notification. Raises EncodeError."""
        return _NOTIFICATION.encode(self)


Apdu = AccessRequest | AccessResponse | DataNotification


# -- formats -----------------------------------------------------------------------------------------------------


class _Count(Format):
    """A number of items, coded like a length."""

    def take(self, data: bytes, at: int, end: int) -> tuple[int, int]:
        if at < end and data[at] < 0x80:  # nearly always; saves a call
            return data[at], at + 1
        return take_length(data, at, end)

    def put(self, value: Any) -> bytes:
        return put_length(value)


class _DateTime(Counted):
    """Nothing, or the 12 octets of a COSEM date-time."""

    def take(self, data: bytes, at: int, end: int) -> tuple[bytes, int]:
        if at < end and not data[at]:
            return b"", at + 1
        value, stop = super().take(data, at, end)
        if len(value) not in (0, 12):
            raise DecodeError(at, "a date-time of 0 or 12 octets", f"{len(value)}")
        return value, stop

    def put(self, value: Any) -> bytes:
        if value == b"":
            return b"\x00"
        if len(value) != 12:
            raise EncodeError(f"0 or 12 octets needed, {len(value)} given")
        return super().put(value)


_OBJECT = struct.Struct(">BH6sb")  # choice, class, logical name, attribute or method
_SERVICES: dict[int, Service] = {int(service): service for service in Service}
_specification: Callable[[tuple[Any, ...]], Specification] = partial(tuple.__new__, Specification)  # the cheaper call
_SELECTED = (Service.GET_SELECTED, Service.SET_SELECTED)
_UNSELECTED = frozenset(_SERVICES) - frozenset(_SELECTED)


class SpecificationFormat(Format):
    """Choice, class, logical name, attribute or method; with a selection: selector and one data value."""

    def take(self, data: bytes, at: int, end: int) -> tuple[Specification, int]:
        stop = at + _OBJECT.size
        if stop > end:
            raise truncated(at, end, _OBJECT.size)
        choice, class_id, name, attribute = _OBJECT.unpack_from(data, at)
        service = _SERVICES.get(choice)
        if service is None:
            raise DecodeError(at, "a specification (choice 01 to 05)", f"{choice:02X}")
        if service not in _SELECTED:
            return _specification((service, class_id, name, attribute, None, None)), stop
        if stop >= end:
            raise truncated(stop, end, 1).inside("selector")
        try:
            selection, after = DATA.take(data, stop + 1, end)
        except DecodeError as error:
            raise error.inside("selection") from None
        return Specification(service, class_id, name, attribute, data[stop], selection), after

    def put(self, value: Any) -> bytes:
        service, class_id, name, attribute, selector, selection = value
        if len(name) != 6:
            raise EncodeError(f"6 octets needed, {len(name)} given", ("obis",))
        octets = _OBJECT.pack(service, class_id, name, attribute)
        if service not in _SERVICES or (service in _SELECTED) != (selection is not None):
            raise EncodeError(f"service {service!r} with selection {selection!r}", ("selection",))
        return octets if selection is None else octets + bytes((selector,)) + DATA.put(selection)


class _Specifications(ListOf):
    """Specifications without selections, as nearly all are, are read in one sweep."""

    def take(self, data: bytes, at: int, end: int) -> tuple[tuple[Specification, ...], int]:
        number, start = self.count.take(data, at, end)
        stop = start + number * _OBJECT.size
        choices = set(data[start : stop : _OBJECT.size])
        if stop > end or not choices <= _UNSELECTED:
            return super().take(data, at, end)
        found = _OBJECT.iter_unpack(data[start:stop])
        return tuple([_specification((_SERVICES[choice], *rest, None, None)) for choice, *rest in found]), stop


_RESULTS = [[Result(service, code) for code in range(256)] for service in (Service.GET, Service.SET, Service.ACTION)]


_CHOICES = frozenset((1, 2, 3))


class _ResultFormat(Format):
    def take(self, data: bytes, at: int, end: int) -> tuple[Result, int]:
        if at + 2 > end:
            raise truncated(at, end, 2)
        choice = data[at]
        if not 1 <= choice <= 3:
            raise DecodeError(at, "a result (choice 01, 02 or 03)", f"{choice:02X}")
        return _RESULTS[choice - 1][data[at + 1]], at + 2

    def put(self, value: Any) -> bytes:
        service, code = value
        if not 1 <= service <= 3:
            raise EncodeError(f"a result is GET, SET or ACTION, not {service!r}")
        return bytes((service, code))


class _Results(ListOf):
    """Results that are right are read in one sweep."""

    def take(self, data: bytes, at: int, end: int) -> tuple[tuple[Result, ...], int]:
        number, start = self.count.take(data, at, end)
        stop = start + 2 * number
        choices, codes = data[start:stop:2], data[start + 1 : stop : 2]
        if stop > end or not set(choices) <= _CHOICES:
            return super().take(data, at, end)
        return tuple([_RESULTS[choice - 1][code] for choice, code in zip(choices, codes, strict=True)]), stop


class _Echo(Format):
    """The specifications of the request, if the response repeats them."""

    def take(self, data: bytes, at: int, end: int) -> tuple[tuple[Specification, ...] | None, int]:
        if at >= end:
            raise truncated(at, end, 1)
        if data[at] > 1:
            raise DecodeError(at, "00 (absent) or 01 (present)", f"{data[at]:02X}")
        return SPECIFICATIONS.take(data, at + 1, end) if data[at] else (None, at + 1)

    def put(self, value: Any) -> bytes:
        return b"\x00" if value is None else b"\x01" + SPECIFICATIONS.put(value)


SPECIFICATIONS = _Specifications(SpecificationFormat(), _Count())
RESULTS = _Results(_ResultFormat(), _Count())

_REQUEST = Record(
    lambda invoke_id, date_time, specifications, data: AccessRequest(invoke_id, specifications, data, date_time),
    Fixed(bytes((ACCESS_REQUEST,))),
    "invoke_id" / Uint(4),
    "date_time" / _DateTime(),
    "specifications" / SPECIFICATIONS,
    "data" / DATA_LIST,
)
_RESPONSE = Record(
    lambda invoke_id, date_time, echo, data, results: AccessResponse(invoke_id, data, results, date_time, echo),
    Fixed(bytes((ACCESS_RESPONSE,))),
    "invoke_id" / Uint(4),
    "date_time" / _DateTime(),
    "specifications" / _Echo(),
    "data" / DATA_LIST,
    "results" / RESULTS,
)
_NOTIFICATION = Record(
    lambda invoke_id, date_time, body: DataNotification(invoke_id, body, date_time),
    Fixed(bytes((DATA_NOTIFICATION,))),
    "invoke_id" / Uint(4),
    "date_time" / _DateTime(),
    "body" / DATA,
)
_FORMATS = {ACCESS_REQUEST: _REQUEST, ACCESS_RESPONSE: _RESPONSE, DATA_NOTIFICATION: _NOTIFICATION}


def decode_apdu(data: bytes) -> Apdu:
    """Read one whole unit; nothing may follow it. Raises DecodeError naming field and octet."""
    if not data:
        raise truncated(0, 0, 1).inside("tag")
    form = _FORMATS.get(data[0])
    if form is None:
        raise DecodeError(0, "D9, DA or 0F", f"{data[0]:02X}", ("tag",))
    apdu: Apdu = form.decode(data)
    if isinstance(apdu, AccessRequest):
        _check_count(apdu.data, len(apdu.specifications), len(data), "data")
    elif isinstance(apdu, AccessResponse):
        _check_count(apdu.results, len(apdu.data), len(data), "results")
        if apdu.specifications is not None:
            _check_count(apdu.specifications, len(apdu.data), len(data), "specifications")
    return apdu


def _check_count(items: tuple[Any, ...], wanted: int, end: int, name: str) -> None:
    if len(items) != wanted:
        raise DecodeError(end, f"{wanted} items, one for each", f"{len(items)}", (name,))


# -- short ways to write a request -------------------------------------------------------------------------------


def get(class_id: int, name: bytes, attribute: int) -> tuple[Specification, Data]:
    """Read an attribute."""
    return Specification(Service.GET, class_id, name, attribute), NULL


def get_selected(
    class_id: int, name: bytes, attribute: int, selector: int, selection: Data
) -> tuple[Specification, Data]:
    """Read part of an attribute."""
    return Specification(Service.GET_SELECTED, class_id, name, attribute, selector, selection), NULL


def set_to(class_id: int, name: bytes, attribute: int, value: Data) -> tuple[Specification, Data]:
    """Write an attribute."""
    return Specification(Service.SET, class_id, name, attribute), value


def action(class_id: int, name: bytes, method: int, argument: Data) -> tuple[Specification, Data]:
    """Invoke a method."""
    return Specification(Service.ACTION, class_id, name, method), argument


def access_request(invoke_id: int, *steps: tuple[Specification, Data]) -> AccessRequest:
    """A request of steps in order: ``access_request(1, get(1, name, 2), action(9, table, 1, uint16(51)))``."""
    return AccessRequest(invoke_id, tuple(step[0] for step in steps), tuple(step[1] for step in steps))


def invoke_id_of(counter: int) -> int:
    """The long-invoke-id-and-priority of a GBCS message: 20 and the low 24 bits of its originator counter."""
    return 0x2000_0000 | counter & 0xFF_FFFF
