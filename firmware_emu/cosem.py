"""The COSEM objects of a device: parts register attributes and methods, access requests are carried out on them.

Handlers are plain functions. A get gives a ``Data``; a set takes one; a range read takes two instants, both
included; a method takes its argument and may give a value. Each may raise ``AccessFailed``. A preset is the maker's
way in: it puts the device into the state in which a read, or a method, gives back the value that it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from protocols.dlms.access import AccessRequest, AccessResponse, Result, ResultCode, Service, Specification
from protocols.dlms.axdr import encoded
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import NULL, Data, DataType
from protocols.dlms.obis import obis
from protocols.errors import LocalProtocolError
from protocols.gbcs.use_cases_instructions import dlms_instructions
from protocols.instant import Instant

from .refusals import AccessFailed
from .ring_log import ALWAYS_AFTER, ALWAYS_BEFORE

if TYPE_CHECKING:
    from protocols.gbcs.use_cases import UseCase

Get = Callable[[], Data]
Set = Callable[[Data], None]
RangeGet = Callable[[Instant, Instant], Data]
Method = Callable[[Data], "Data | None"]
Preset = Callable[[Data], None]

LATER_RESULT = ResultCode.OTHER_REASON
"""The result of every instruction behind a failed one; they are not carried out."""
UNKNOWN_OBJECT = ResultCode.OTHER_REASON
"""The result for an object, attribute or method that this device does not have."""

_RESTRICTING_OBJECT = (1, obis("0-0:94.44.100.255"), 2, 0)
"""What the entry selector of every log names: a stand-in for the clock."""
_START_OF_TIME, _END_OF_TIME = 0, 0xFFFFFFFF


class NoPreset(LocalProtocolError, LookupError):  # noqa: N818 - says what is missing
    """The maker's way in does not exist for this attribute or method of this device."""


class Attribute(NamedTuple):
    """One attribute or method: class, logical name (6 octets), number."""

    class_id: int
    obis: bytes
    number: int


@lru_cache(maxsize=4096)
def attribute(class_id: int, name: str, number: int) -> Attribute:
    """``attribute(70, "0-0:96.3.10.255", 3)``. A thousand devices share one key for each of their attributes."""
    return Attribute(class_id, obis(name), number)


class CosemServer:
    """All objects of one device."""

    def __init__(self) -> None:
        self._gets: dict[tuple[int, bytes, int], Get] = {}
        self._sets: dict[tuple[int, bytes, int], Set] = {}
        self._ranges: dict[tuple[int, bytes, int], RangeGet] = {}
        self._methods: dict[tuple[int, bytes, int], Method] = {}
        self._presets: dict[tuple[int, bytes, int, bool], Preset] = {}
        self._kept: dict[tuple[int, bytes, int], Callable[[], bytes]] = {}
        self.leaves_end_out: Callable[[], bool] = lambda: False
        """True for a planned defect: logs are read without their last second."""
        self.activations: set[tuple[int, bytes, int]] = set()
        """Attributes that take an activation time; all times in one request must agree."""
        self.faults: dict[tuple[int, bytes, int], int] = {}
        """Attributes and methods that fail with a result code, as broken hardware does."""
        self.good_uses: dict[tuple[int, bytes, int], int] = {}
        """How often what is to fail still works before its fault shows; 0 where nothing is said."""

    # registering

    def attribute(
        self,
        class_id: int,
        name: str,
        number: int,
        get: Get | None = None,
        set: Set | None = None,  # noqa: A002 - the service's name
        get_range: RangeGet | None = None,
        preset: Preset | None = None,
        kept: Callable[[], bytes] | None = None,
    ) -> Attribute:
        """Serve an attribute. Raises LocalProtocolError if another part serves it already.

        ``preset`` takes what a read is to give back; for a log that is all its entries. ``kept`` gives the octets of
        what ``get`` gives, where it is kept so: tables are long, and an answer needs their octets only.
        """
        key = attribute(class_id, name, number)
        tables: Iterable[tuple[dict[tuple[int, bytes, int], Any], Any]]
        tables = ((self._gets, get), (self._sets, set), (self._ranges, get_range), (self._kept, kept))
        for table, handler in tables:
            if handler is not None:
                self._enter(table, key, handler)
        if preset is not None:
            self.add_preset(key, preset)
        return key

    def constant(self, class_id: int, name: str, number: int, value: Data) -> Attribute:
        """Serve an attribute that never changes. It can be preset to nothing else."""

        def preset(wanted: Data) -> None:
            if wanted != value:
                raise AccessFailed

        return self.attribute(class_id, name, number, get=lambda: value, preset=preset)

    def method(self, class_id: int, name: str, number: int, invoke: Method, preset: Preset | None = None) -> Attribute:
        """Serve a method. Raises LocalProtocolError if another part serves it already.

        ``preset`` takes what the method is to give back.
        """
        key = attribute(class_id, name, number)
        self._enter(self._methods, key, invoke)
        if preset is not None:
            self.add_preset(key, preset, method=True)
        return key

    def add_set(self, key: Attribute, handler: Set) -> None:
        """Serve the writing of an attribute."""
        self._enter(self._sets, key, handler)

    def add_preset(self, key: Attribute, handler: Preset, *, method: bool = False) -> None:
        """Let the maker set an attribute, or what a method gives back."""
        self._enter(self._presets, (*key, method), handler)

    @staticmethod
    def _enter(table: dict[Any, Any], key: Any, handler: Any) -> None:
        if key in table:
            raise LocalProtocolError(f"two parts serve {key}")
        table[key] = handler

    # the maker's way in

    def preset(self, key: tuple[int, bytes, int], value: Data, *, method: bool = False) -> None:
        """Put the device into the state in which reading ``key`` (or invoking it) gives ``value``.

        Raises NoPreset if no part offers that, AccessFailed if the value cannot be.
        """
        handler = self._presets.get((*key, method))
        if handler is None:
            kind = "method" if method else "attribute"
            raise NoPreset(f"no preset for class {key[0]}, {key[1].hex()}, {kind} {key[2]}")
        handler(value)

    def pin(self, key: tuple[int, bytes, int], value: Data) -> None:
        """Have an attribute read as ``value`` until the device is made anew; nothing follows from it.

        For values of which the device's rules say that they cannot be, and for objects that it does not have.
        """
        unknown = key not in self._gets and key not in self._ranges
        self._kept.pop(key, None)
        for table in (self._gets, self._ranges):
            if unknown or key in table:
                table[key] = lambda *_range: value  # a get takes no range, the read of a log has one

    def shows(
        self, key: tuple[int, bytes, int], value: Data, start: Instant = ALWAYS_BEFORE, end: Instant = ALWAYS_AFTER
    ) -> bool:
        """True if reading an attribute gives ``value`` now, of a log its entries from ``start`` to ``end``.

        Faults do not count, and neither does an attribute that is not served.
        """
        get, ranged = self._gets.get(key), self._ranges.get(key)
        try:
            if ranged is not None:
                return ranged(start, end) == value
            return get is None or get() == value
        except AccessFailed:
            return False

    def presets(self) -> list[tuple[Attribute, bool]]:
        """Everything that can be preset, each with whether it is a method."""
        return [(Attribute(class_id, name, number), method) for class_id, name, number, method in self._presets]

    # carrying out

    def execute(self, request: AccessRequest, *, go_on: bool = False) -> AccessResponse:
        """Carry out a request in order; the first failure ends it, unless ``go_on``."""
        if not self._times_agree(request):
            return refusal(request)
        data: list[Data] = []
        results: list[Result] = []
        failed = False
        for spec, argument in zip(request.specifications, request.data, strict=True):
            value, result = (NULL, int(LATER_RESULT)) if failed else self._carry_out(spec, argument)
            failed = failed or (result != 0 and not go_on)
            data.append(value)
            results.append(_RESULTS.get((spec.service, result)) or Result(_ANSWERED[spec.service], result))
        return AccessResponse(request.invoke_id, tuple(data), tuple(results))

    def read(self, key: tuple[int, bytes, int]) -> Data:
        """Get an attribute. Raises AccessFailed."""
        value: Data = self._of(self._gets, key)()
        return value

    def read_range(self, key: tuple[int, bytes, int], start: Instant, end: Instant) -> Data:
        """Get the entries of a log with ``start`` <= time <= ``end``. Raises AccessFailed."""
        value: Data = self._of(self._ranges, key)(start, end)
        return value

    def _carry_out(self, spec: Specification, argument: Data) -> tuple[Data, int]:
        key = (spec.class_id, spec.obis, spec.attribute)
        service = spec.service
        try:
            if service is Service.GET:
                kept = self._kept.get(key)
                return (encoded(kept()) if kept and not self.faults else self._of(self._gets, key)()), 0
            if service is Service.SET:
                self._of(self._sets, key)(argument)
                return NULL, 0
            if service is Service.ACTION:
                return self._of(self._methods, key)(argument) or NULL, 0
            if service is Service.GET_SELECTED:
                start, end = entry_range(spec)
                return self._of(self._ranges, key)(start, end), 0
        except AccessFailed as failure:
            return NULL, failure.result
        return NULL, int(UNKNOWN_OBJECT)

    def _of(self, table: Mapping[tuple[int, bytes, int], Any], key: tuple[int, bytes, int]) -> Any:
        if self.faults and key in self.faults:
            self._show_fault(key)
        handler = table.get(key)
        if handler is None:
            raise AccessFailed(UNKNOWN_OBJECT)
        return handler

    def _show_fault(self, key: tuple[int, bytes, int]) -> None:
        left = self.good_uses.get(key, 0)
        if not left:
            raise AccessFailed(self.faults[key])
        self.good_uses[key] = left - 1

    def _times_agree(self, request: AccessRequest) -> bool:
        activations = self.activations
        if not activations:
            return True
        times = {
            argument
            for spec, argument in zip(request.specifications, request.data, strict=True)
            if spec.service is Service.SET and (spec.class_id, spec.obis, spec.attribute) in activations
        }
        return len(times) < 2


_ANSWERED = {
    Service.GET: Service.GET,
    Service.SET: Service.SET,
    Service.ACTION: Service.ACTION,
    Service.GET_SELECTED: Service.GET,
    Service.SET_SELECTED: Service.SET,
}
_RESULTS = {
    (service, int(code)): Result(answered, code)
    for service, answered in _ANSWERED.items()
    for code in (ResultCode.SUCCESS, ResultCode.HARDWARE_FAULT, ResultCode.OTHER_REASON)
}


def refusal(request: AccessRequest) -> AccessResponse:
    """The answer when nothing of a request is carried out."""
    refused = tuple(Result(_ANSWERED[spec.service], LATER_RESULT) for spec in request.specifications)
    return AccessResponse(request.invoke_id, (NULL,) * len(refused), refused)


def allowed(use_case: UseCase, request: AccessRequest) -> bool:
    """True if the request asks for nothing that the use case does not list; order and omissions are the sender's."""
    listed = _listed(use_case.name)
    return not listed or all((s.service, s.class_id, s.obis, s.attribute) in listed for s in request.specifications)


@cache
def _listed(name: str) -> frozenset[tuple[int, int, bytes, int]]:
    return frozenset((int(i.op), i.class_id, i.obis, i.index) for i in dlms_instructions(name))


# values of requests


def expect(data: Data, kind: DataType) -> Any:
    """The value of ``data`` if it has that type. Raises AccessFailed."""
    if data.type is not kind:
        raise AccessFailed
    return data.value


def expect_items(data: Data, kind: DataType, least: int, most: int | None = None) -> tuple[Data, ...]:
    """The members of an array or structure of ``least`` to ``most`` (``least`` if None). Raises AccessFailed."""
    items: tuple[Data, ...] = expect(data, kind)
    if not least <= len(items) <= (least if most is None else most):
        raise AccessFailed
    return items


def entry_range(spec: Specification) -> tuple[Instant, Instant]:
    """The instants that a log is to be read between, by the entry selector. Raises AccessFailed."""
    if spec.selector != 1 or spec.selection is None:
        raise AccessFailed
    restricting, start, end, _columns = expect_items(spec.selection, DataType.STRUCTURE, 4)
    if tuple(member.value for member in expect(restricting, DataType.STRUCTURE)) != _RESTRICTING_OBJECT:
        raise AccessFailed
    first, last = expect(start, DataType.UINT32), expect(end, DataType.UINT32)
    return (
        ALWAYS_BEFORE if first == _START_OF_TIME else first,
        ALWAYS_AFTER if last == _END_OF_TIME else last,
    )


def date_range(data: Data) -> tuple[Instant, Instant]:
    """The instants of a structure of two date-times of 12 octets; open parts mean no limit. Raises AccessFailed."""
    start, end = expect_items(data, DataType.STRUCTURE, 2)
    return _bound(start, ALWAYS_BEFORE), _bound(end, ALWAYS_AFTER)


def _bound(data: Data, otherwise: Instant) -> Instant:
    octets = expect(data, DataType.OCTET_STRING)
    if len(octets) != CosemDateTime.WIDTH:
        raise AccessFailed
    moment = CosemDateTime.decode(octets).to_instant()
    return otherwise if moment is None else moment
