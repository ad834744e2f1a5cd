"""Readable output of DLMS application units: every data value is a field with its place, name, unit and text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal, Protocol

from ..grammar import put_length
from ..instant import instant, text
from ..sheet import Sheet, number_of
from .access import AccessRequest, AccessResponse, Apdu, DataNotification, Result, ResultCode, Service, Specification
from .axdr import encode_data
from .compact_array import put_description, put_value
from .cosem_time import CosemDate, CosemDateTime, CosemTime, date_time_text
from .data import Data, DataType, TypeDescription
from .data_protection import ProtectedRead, ProtectedValue, ProtectionParameters
from .obis import obis_text
from .units import UNIT_TEXTS

Kind = Literal["attribute", "method"]


@dataclass(frozen=True, slots=True)
class ObjectName:
    """What a catalogue knows about one attribute or method, or about a part of its value.

    ``members`` name the members of a structure, or of the structures in an array or compact array, in order; what is
    known about a member stands in ``inside`` under its name, or just its unit in ``units``. ``unit`` belongs to a
    value that is no structure. ``texts`` gives the meaning of an enumeration's or selector's numbers. Members in
    ``optional`` are there or not, all of them together.
    """

    name: str
    members: tuple[str, ...] = ()
    unit: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[int, str] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    inside: Mapping[str, ObjectName] = field(default_factory=dict)

    def parts(self, kinds: Sequence[DataType]) -> list[ObjectName]:
        """What is known about each member of a structure; one without a name is called ``[0]``, ``[1]`` and so on."""
        names = self.members
        if len(kinds) == len(names) - len(self.optional):
            names = tuple(name for name in names if name not in self.optional)
        unnamed = [f"[{place}]" for place in range(len(names), len(kinds))]
        return [self._part(name, kind) for name, kind in zip([*names, *unnamed], kinds, strict=False)]

    def _part(self, name: str, kind: DataType) -> ObjectName:
        texts = self.texts if kind is DataType.ENUM else {}
        return self.inside.get(name) or ObjectName(name, unit=self.units.get(name, ""), texts=texts)


class ObjectNames(Protocol):
    """A catalogue of objects."""

    def name(self, class_id: int, obis: bytes, kind: Kind, index: int) -> ObjectName | None:
        """What is known about attribute or method ``index`` of an object, None if nothing is."""
        ...


class NoNames:
    """The catalogue that knows nothing."""

    def name(self, class_id: int, obis: bytes, kind: Kind, index: int) -> ObjectName | None:  # noqa: ARG002 - protocol
        """None."""
        return None


_UNKNOWN = ObjectName("")
_SCALER_UNIT = ObjectName("scaler_unit", ("scaler", "unit"), inside={"unit": ObjectName("unit", texts=UNIT_TEXTS)})
_KEY_INFORMATION = ObjectName(
    "key_information",
    ("key_information_type", "options"),
    inside={
        "key_information_type": ObjectName("key_information_type", texts={2: "agreed key"}),
        "options": ObjectName("options", ("key_parameters", "ciphered_data")),
    },
)
_OPTIONS = ObjectName(
    "options",
    ("transaction_id", "originator", "recipient", "other_information", "key_information"),
    inside={"key_information": _KEY_INFORMATION},
)
_PARAMETERS = ObjectName(
    "protection_parameters",
    ("protection_type", "options"),
    inside={
        "protection_type": ObjectName("protection_type", texts={2: "authentication and encryption"}),
        "options": _OPTIONS,
    },
)
_RESTRICTION = ObjectName(
    "restriction",
    ("restriction_type", "range"),
    inside={
        "restriction_type": ObjectName("restriction_type", texts={0: "none", 1: "by date"}),
        "range": ObjectName("range", ("from", "to")),
    },
)
_OBJECT = ("class_id", "logical_name", "attribute", "data_index", "restriction")
_READ = ObjectName(
    "protected_read",
    ("objects", "protection_parameters"),
    inside={"objects": ObjectName("objects", _OBJECT, inside={"restriction": _RESTRICTION})},
)
_VALUE = ObjectName(
    "protected_value", ("protection_parameters", "ciphered"), inside={"protection_parameters": _PARAMETERS}
)
_RANGE = ObjectName(
    "selection",
    ("restricting_object", "from_time", "to_time", "columns"),
    inside={"restricting_object": ObjectName("restricting_object", _OBJECT[:4])},
)
"""Selector 1 of a profile: the entries from one value of the restricting object to another, both included."""
_ALERT = ObjectName("body", ("alert_code", "time"))


# -- units -------------------------------------------------------------------------------------------------------


def describe_apdu(
    apdu: Apdu,
    sheet: Sheet,
    names: ObjectNames | None = None,
    specifications: Sequence[Specification] = (),
    body: ObjectName | None = None,
) -> None:
    """Append every field of a unit to ``sheet``.

    A response does not say what was asked; ``specifications`` (those of the request) give its values their names.
    ``body`` is what is known about the structure of a notification.
    """
    known = names or NoNames()
    if isinstance(apdu, AccessRequest):
        _describe_request(apdu, sheet, known)
    elif isinstance(apdu, AccessResponse):
        _describe_response(apdu, sheet, known, apdu.specifications or specifications)
    else:
        _describe_notification(apdu, sheet, body or _ALERT)


def _describe_head(apdu: Apdu, sheet: Sheet, text: str) -> None:
    sheet.leaf("tag", bytes((apdu.tag,)), apdu.tag, text)
    sheet.leaf("invoke_id", apdu.invoke_id.to_bytes(4, "big"), apdu.invoke_id, f"{apdu.invoke_id:08X}")
    octets = put_length(len(apdu.date_time)) + apdu.date_time
    sheet.leaf("date_time", octets, apdu.date_time, date_time_text(apdu.date_time) or "")


def _describe_request(apdu: AccessRequest, sheet: Sheet, names: ObjectNames) -> None:
    with sheet.group("access_request"):
        _describe_head(apdu, sheet, "access request")
        _describe_specifications(apdu.specifications, sheet, names)
        _describe_values(apdu.data, sheet, names, apdu.specifications)


def _describe_response(
    apdu: AccessResponse, sheet: Sheet, names: ObjectNames, specifications: Sequence[Specification]
) -> None:
    with sheet.group("access_response"):
        _describe_head(apdu, sheet, "access response")
        sheet.leaf("request_repeated", bytes((apdu.specifications is not None,)), apdu.specifications is not None)
        if apdu.specifications is not None:
            _describe_specifications(apdu.specifications, sheet, names)
        _describe_values(apdu.data, sheet, names, specifications)
        with sheet.group("results", number_of(apdu.results)):
            _describe_count(len(apdu.results), sheet)
            for place, result in enumerate(apdu.results):
                _describe_result(result, sheet, place)


def _describe_notification(apdu: DataNotification, sheet: Sheet, body: ObjectName) -> None:
    with sheet.group("data_notification"):
        _describe_head(apdu, sheet, "data notification")
        describe_data(apdu.body, sheet, "body", body)


def _describe_count(count: int, sheet: Sheet) -> None:
    sheet.leaf("count", put_length(count), count)


def _describe_specifications(specifications: Sequence[Specification], sheet: Sheet, names: ObjectNames) -> None:
    with sheet.group("specifications", number_of(specifications)):
        _describe_count(len(specifications), sheet)
        for place, each in enumerate(specifications):
            _describe_specification(each, sheet, place, names)


def _describe_specification(value: Specification, sheet: Sheet, place: int, names: ObjectNames) -> None:
    kind, known = _look_up(value, names)
    service = value.service.name.lower().replace("_", " ")
    with sheet.group(f"[{place}]", f"{service} {known.name if known else obis_text(value.obis)}"):
        sheet.leaf("service", bytes((value.service,)), int(value.service), service)
        sheet.leaf("class_id", value.class_id.to_bytes(2, "big"), value.class_id)
        sheet.leaf("logical_name", value.obis, value.obis, obis_text(value.obis))
        octet = value.attribute.to_bytes(1, "big", signed=True)
        sheet.leaf(kind, octet, value.attribute, known.name if known else "")
        if value.selection is not None and value.selector is not None:
            sheet.leaf("selector", bytes((value.selector,)), value.selector)
            describe_data(value.selection, sheet, "selection", _RANGE if value.selector == 1 else None)


def _look_up(value: Specification, names: ObjectNames) -> tuple[Kind, ObjectName | None]:
    kind: Kind = "method" if value.service is Service.ACTION else "attribute"
    return kind, names.name(value.class_id, value.obis, kind, value.attribute)


def _describe_values(
    values: Sequence[Data], sheet: Sheet, names: ObjectNames, specifications: Sequence[Specification]
) -> None:
    asked = specifications if len(specifications) == len(values) else ()
    with sheet.group("data", number_of(values)):
        _describe_count(len(values), sheet)
        for place, value in enumerate(values):
            known = _look_up(asked[place], names)[1] if asked else None
            describe_data(value, sheet, f"[{place}]" if known is None else known.name, known)


def _describe_result(result: Result, sheet: Sheet, place: int) -> None:
    try:
        meaning = ResultCode(result.code).name.lower().replace("_", " ")
    except ValueError:
        meaning = "unknown"
    with sheet.group(f"[{place}]", meaning):
        sheet.leaf("service", bytes((result.service,)), int(result.service), result.service.name.lower())
        sheet.leaf("code", bytes((result.code,)), result.code, meaning)


# -- values ------------------------------------------------------------------------------------------------------


def describe_data(value: Data, sheet: Sheet, name: str, known: ObjectName | None = None) -> None:
    """Append a data value, and everything in it, to ``sheet``."""
    known = known or _UNKNOWN
    if value.type in (DataType.STRUCTURE, DataType.ARRAY):
        _describe_several(value, sheet, name, known)
    elif value.type is DataType.COMPACT_ARRAY:
        _describe_compact_array(value, sheet, name, known)
    else:
        _describe_leaf(value, encode_data(value), sheet, name, known)


def _describe_several(value: Data, sheet: Sheet, name: str, known: ObjectName) -> None:
    kind, items = value
    recognised = _recognised(value)
    if recognised is not None:
        known = recognised
        name = recognised.name if name.startswith("[") else name
    with sheet.group(name, f"{kind.name.lower()} of {len(items)}"):
        sheet.leaf("type_and_count", bytes((kind,)) + put_length(len(items)), len(items), kind.name.lower())
        if kind is DataType.ARRAY:
            for place, item in enumerate(items):
                describe_data(item, sheet, f"[{place}]", known)
        else:
            for item, part in zip(items, known.parts([item.type for item in items]), strict=True):
                describe_data(item, sheet, part.name, part)


def _recognised(value: Data) -> ObjectName | None:
    """Structures that are known wherever they stand."""
    items = value.value
    if value.type is DataType.ARRAY:
        return _PARAMETERS if len(items) == 1 and ProtectionParameters.from_data(items[0]) else None
    if len(items) != 2:
        return None
    if (items[0].type, items[1].type) == (DataType.INT8, DataType.ENUM):
        return _SCALER_UNIT
    if ProtectedValue.from_data(value):
        return _VALUE
    return _READ if ProtectedRead.from_data(value) else None


def _describe_leaf(value: Data, octets: bytes, sheet: Sheet, name: str, known: ObjectName) -> None:
    content = value.value
    if isinstance(content, float) and not isfinite(content):
        content = str(content)  # JSON has no infinity
    numeric = isinstance(content, int | float) and not isinstance(content, bool)
    sheet.leaf(name, octets, content, _text(value, name, known), known.unit if numeric else "")


def _text(value: Data, name: str, known: ObjectName) -> str:
    kind, content = value
    if isinstance(content, bool):
        return str(content).upper()
    if kind is DataType.BOOLEAN:
        return f"TRUE ({content:02X})"
    if isinstance(content, int):
        if content in known.texts:
            return known.texts[content]
        if name == "alert_code":
            return f"{content:04X}"
        return _instant_text(content) if kind is DataType.UINT32 and _means_time(name) else ""
    return _octets_text(content, name) if isinstance(content, bytes) else ""


_TIME_WORDS = frozenset(("time", "start", "end", "from", "to", "begin", "date"))


def _means_time(name: str) -> bool:
    return not _TIME_WORDS.isdisjoint(name.lower().replace("_", " ").split())


def _instant_text(seconds: int) -> str:
    """The text of a plausible time stamp; small numbers and 'end of time' marks have none."""
    return text(seconds) if instant(2010, 1, 1) <= seconds < instant(2100, 1, 1) else ""


def _octets_text(octets: bytes, name: str) -> str:
    if len(octets) == CosemDateTime.WIDTH:
        return date_time_text(octets) or ""
    if len(octets) == 6 and (octets[5] == 0xFF or not any(octets)):
        return obis_text(octets)
    if len(octets) == CosemDate.WIDTH and _means_time(name):
        return str(CosemDate.decode(octets))
    if len(octets) == CosemTime.WIDTH and _means_time(name):
        return str(CosemTime.decode(octets))
    return octets.decode("ascii") if octets and all(0x20 <= octet < 0x7F for octet in octets) else ""


# -- compact arrays ----------------------------------------------------------------------------------------------


def _describe_compact_array(value: Data, sheet: Sheet, name: str, known: ObjectName) -> None:
    description, rows = value.value
    contents = [put_value(description, row) for row in rows]
    with sheet.group(name, f"compact array of {len(rows)} rows"):
        octets = bytes((DataType.COMPACT_ARRAY,)) + put_description(description)
        sheet.leaf("row_type", octets, _type_text(description))
        length = sum(map(len, contents))
        sheet.leaf("length", put_length(length), length)
        for place, row in enumerate(rows):
            _describe_row(description, row, sheet, f"[{place}]", known if known.members else _timed(description, known))


def _timed(description: TypeDescription, known: ObjectName) -> ObjectName:
    """Without other knowledge, the first column of a log is its time stamp."""
    first = description.members[0].type if description.type is DataType.STRUCTURE and description.members else None
    return ObjectName(known.name, ("time",)) if first is DataType.UINT32 else known


def _type_text(description: TypeDescription) -> str:
    kind, members, number = description
    if kind is DataType.STRUCTURE:
        return "{" + ", ".join(map(_type_text, members)) + "}"
    if kind is DataType.ARRAY:
        return f"{_type_text(members[0])}[{number}]"
    return kind.name.lower()


def _describe_row(description: TypeDescription, value: Any, sheet: Sheet, name: str, known: ObjectName) -> None:
    kind, members, number = description
    if kind is DataType.STRUCTURE:
        with sheet.group(name):
            parts = known.parts([member.type for member in members])
            for member, item, part in zip(members, value, parts, strict=True):
                _describe_row(member, item, sheet, part.name, part)
    elif kind is DataType.ARRAY:
        with sheet.group(name, f"{number} values"):
            for place, item in enumerate(value):
                _describe_row(members[0], item, sheet, f"[{place}]", known)
    else:
        _describe_leaf(Data(kind, value), put_value(description, value), sheet, name, known)
