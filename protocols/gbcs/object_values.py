"""Whether a value has the shape that the catalogue of objects gives its attribute."""

from __future__ import annotations

import re

from ..dlms.data import CompactArray, Data, DataType
from .objects_shapes import Shape

_TYPES = {
    "null": DataType.NULL,
    "bool": DataType.BOOLEAN,
    "enum": DataType.ENUM,
    "i8": DataType.INT8,
    "i16": DataType.INT16,
    "i32": DataType.INT32,
    "u8": DataType.UINT8,
    "u16": DataType.UINT16,
    "u32": DataType.UINT32,
    "oct": DataType.OCTET_STRING,
    "vis": DataType.VISIBLE_STRING,
    "utf8": DataType.UTF8_STRING,
    "bits": DataType.BIT_STRING,
}
_WORD = re.compile(r"(utf8|[ui]\d+|[a-z]+)(?:<?=?\d*)")  # the bound of a string is no part of its type


def misfit(shape: Shape, value: Data, place: str = "value") -> str:
    """What of a value is not as its shape says, in words; empty if nothing is.

    Types and the members of structures are looked at, lengths and numbers of elements are not: that a device holds
    more or less than another is no matter of form. A log may come as an array, and an array as a compact array.
    """
    if shape.type == "structure":
        return _misfit_structure(shape, value, place)
    if shape.type in ("array", "log"):
        return _misfit_array(shape, value, place)
    if value.type in _types(shape.type):
        return ""
    return f"{place} is {_words(value.type)}, not {' or '.join(map(_words, _types(shape.type)))}"


def _misfit_structure(shape: Shape, value: Data, place: str) -> str:
    if value.type is not DataType.STRUCTURE:
        return f"{place} is {_words(value.type)}, not structure"
    forms = (shape.inside, tuple(member for member in shape.inside if not member.optional))
    members = next((form for form in forms if len(form) == len(value.value)), None)
    if members is None:
        wanted = " or ".join(dict.fromkeys(str(len(form)) for form in forms))
        return f"{place} has {len(value.value)} members, not {wanted}" if shape.inside else ""
    found = (misfit(m, v, f"{place}.{m.name}") for m, v in zip(members, value.value, strict=True))
    return next(filter(None, found), "")


def _misfit_array(shape: Shape, value: Data, place: str) -> str:
    if value.type is DataType.COMPACT_ARRAY:
        packed: CompactArray = value.value
        value = CompactArray(packed.description, packed.rows[:1]).as_array()  # all rows are of one type
    if value.type is not DataType.ARRAY:
        return f"{place} is {_words(value.type)}, not array"
    found = (misfit(shape.inside[0], item, f"{place}[{number}]") for number, item in enumerate(value.value))
    return next(filter(None, found), "")


def _types(words: str) -> list[DataType]:
    """The types that a word of the notation allows: ``oct12|u16``."""
    return [_TYPES[match[1]] for word in words.split("|") if (match := _WORD.fullmatch(word))]


def _words(kind: DataType) -> str:
    return kind.name.lower().replace("_", " ")
