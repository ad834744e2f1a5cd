"""The same DLMS subset as an ordinary, interpreted construct grammar: the yardstick of the codec's speed.

It is written as construct's documentation does it: Struct, Switch, Prefixed, PrefixedArray, LazyBound, lambdas where
they read best, nothing compiled. ``as_plain`` brings its containers and the codec's values into one comparable form.
"""

from __future__ import annotations

from typing import Any

from construct import (
    Array,
    Bytes,
    Const,
    Construct,
    GreedyBytes,
    GreedyRange,
    Int8sb,
    Int8ub,
    Int16sb,
    Int16ub,
    Int32sb,
    Int32ub,
    Int64sb,
    Int64ub,
    LazyBound,
    Pass,
    Prefixed,
    PrefixedArray,
    Sequence,
    Struct,
    Switch,
    Terminated,
    byte2int,
    stream_read,
    stream_write,
    this,
)

from protocols.dlms.access import AccessRequest, AccessResponse, Apdu
from protocols.dlms.data import Data, DataType, TypeDescription
from protocols.grammar import put_length


class _Length(Construct):
    """A DLMS length: one octet below 80, else the number of octets that follow; written like construct's VarInt."""

    def _parse(self, stream: Any, context: Any, path: Any) -> int:  # noqa: ARG002 - construct's signature
        first = int(byte2int(stream_read(stream, 1, path)))
        if first < 0x80:
            return first
        return int.from_bytes(stream_read(stream, first & 0x7F, path), "big")

    def _build(self, obj: Any, stream: Any, context: Any, path: Any) -> Any:  # noqa: ARG002 - construct's signature
        octets = put_length(obj)
        stream_write(stream, octets, len(octets), path)
        return obj


Length = _Length()
OctetString = Prefixed(Length, GreedyBytes)
BitString = Struct("bits" / Length, "octets" / Bytes((this.bits + 7) // 8))

Description: Any = Struct(
    "type" / Int8ub,
    "of"
    / Switch(
        this.type,
        {
            1: Struct("number" / Int16ub, "item" / LazyBound(lambda: Description)),
            2: PrefixedArray(Length, LazyBound(lambda: Description)),
        },
        default=Pass,
    ),
)


class _Rows(Construct):
    """The rows of a compact array; the grammar of a row is made from the description, once per array."""

    def _parse(self, stream: Any, context: Any, path: Any) -> Any:
        return GreedyRange(_row_of(context.description))._parsereport(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: Any) -> Any:
        return GreedyRange(_row_of(context.description))._build(obj, stream, context, path)


def _row_of(description: Any) -> Any:
    if description.type == 1:
        return Array(description.of.number, _row_of(description.of.item))
    if description.type == 2:
        return Sequence(*map(_row_of, description.of))
    return LEAVES[description.type]


Rows = Struct("description" / Description, "rows" / Prefixed(Length, _Rows()))

LEAVES: dict[int, Any] = {
    0: Pass,
    3: Int8ub,
    4: BitString,
    5: Int32sb,
    6: Int32ub,
    9: OctetString,
    10: OctetString,
    12: OctetString,
    13: Int8ub,
    15: Int8sb,
    16: Int16sb,
    17: Int8ub,
    18: Int16ub,
    20: Int64sb,
    21: Int64ub,
    22: Int8ub,
}
Value: Any = Struct(
    "type" / Int8ub,
    "value"
    / Switch(
        this.type,
        LEAVES
        | {
            1: PrefixedArray(Length, LazyBound(lambda: Value)),
            2: PrefixedArray(Length, LazyBound(lambda: Value)),
            19: Rows,
        },
    ),
)
Specification = Struct(
    "choice" / Int8ub,
    "class_id" / Int16ub,
    "obis" / Bytes(6),
    "attribute" / Int8sb,
    "selection" / Switch(this.choice, {4: Struct("selector" / Int8ub, "value" / Value)}, default=Pass),
)
Result = Struct("choice" / Int8ub, "code" / Int8ub)
Request = Struct(
    "invoke_id" / Int32ub,
    "date_time" / OctetString,
    "specifications" / PrefixedArray(Length, Specification),
    "data" / PrefixedArray(Length, Value),
)
Response = Struct(
    "invoke_id" / Int32ub,
    "date_time" / OctetString,
    "echo" / Const(b"\x00"),
    "data" / PrefixedArray(Length, Value),
    "results" / PrefixedArray(Length, Result),
)
Notification = Struct("invoke_id" / Int32ub, "date_time" / OctetString, "body" / Value)
ApduGrammar = Struct(
    "tag" / Int8ub,
    "apdu" / Switch(this.tag, {0xD9: Request, 0xDA: Response, 0x0F: Notification}),
    Terminated,
)


def plain_from_construct(parsed: Any) -> Any:
    """What ``ApduGrammar`` parsed, as lists and plain values."""
    apdu = parsed.apdu
    head = [parsed.tag, apdu.invoke_id, apdu.date_time]
    if parsed.tag == 0x0F:
        return [*head, _plain_value(apdu.body)]
    if parsed.tag == 0xDA:
        results = [(result.choice, result.code) for result in apdu.results]
        return [*head, list(map(_plain_value, apdu.data)), results]
    return [*head, list(map(_plain_specification, apdu.specifications)), list(map(_plain_value, apdu.data))]


def _plain_specification(parsed: Any) -> list[Any]:
    selection = parsed.selection and [parsed.selection.selector, _plain_value(parsed.selection.value)]
    return [parsed.choice, parsed.class_id, parsed.obis, parsed.attribute, selection]


def _plain_value(parsed: Any) -> list[Any]:
    kind, value = parsed.type, parsed.value
    if kind in (1, 2):
        return [kind, list(map(_plain_value, value))]
    if kind == 19:
        return [kind, _plain_description(value.description), _plain_row(value.rows)]
    return [kind, (value.bits, value.octets) if kind == 4 else value]


def _plain_description(parsed: Any) -> list[Any]:
    if parsed.type == 1:
        return [1, parsed.of.number, _plain_description(parsed.of.item)]
    return [parsed.type, list(map(_plain_description, parsed.of))] if parsed.type == 2 else [parsed.type]


def _plain_row(value: Any) -> Any:
    return [_plain_row(item) for item in value] if isinstance(value, list | tuple) else value


def plain_from_codec(apdu: Apdu) -> Any:
    """What the codec decoded, in the same form."""
    head = [apdu.tag, apdu.invoke_id, apdu.date_time]
    if isinstance(apdu, AccessResponse):
        return [*head, list(map(_plain_data, apdu.data)), [tuple(result) for result in apdu.results]]
    if isinstance(apdu, AccessRequest):
        specifications = [
            [*each[:4], each.selection and [each.selector, _plain_data(each.selection)]] for each in apdu.specifications
        ]
        return [*head, specifications, list(map(_plain_data, apdu.data))]
    return [*head, _plain_data(apdu.body)]


def _plain_data(data: Data) -> list[Any]:
    kind, value = data
    if kind in (DataType.ARRAY, DataType.STRUCTURE):
        return [kind, list(map(_plain_data, value))]
    if kind is DataType.COMPACT_ARRAY:
        return [kind, _plain_type(value.description), _plain_row(value.rows)]
    if kind is DataType.BIT_STRING:
        width = (len(value) + 7) // 8
        return [kind, (len(value), int(value.ljust(8 * width, "0") or "0", 2).to_bytes(width, "big"))]
    if kind is DataType.BOOLEAN:
        return [kind, 0xFF if value is True else int(value)]
    return [kind, value.encode() if isinstance(value, str) else value]


def _plain_type(description: TypeDescription) -> list[Any]:
    kind, members, number = description
    if kind is DataType.ARRAY:
        return [1, number, _plain_type(members[0])]
    return [2, list(map(_plain_type, members))] if kind is DataType.STRUCTURE else [int(kind)]
