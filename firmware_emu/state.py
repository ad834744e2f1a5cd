"""What a part keeps, as a record: a dataclass of plain values to compact JSON and back.

The fields' annotations are the schema: ``int``, ``bool``, ``str``, ``bytes`` (as hexadecimal), enumerations,
dataclasses and named tuples of these, ``X | None``, ``list[X]``, ``tuple[X, ...]``, ``tuple[X, Y]``,
``dict[str, X]`` and ``dict[int, X]``. The same state always gives the same octets. A field missing from a record
takes its default, so that a newer firmware reads the records of an older one; an unknown field is refused.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

from protocols.errors import EncodeError

from .nvm import CorruptRecord

T = TypeVar("T")
_Reader = Callable[[Any], Any]


def encode_state(state: Any) -> bytes:
    """The record of a dataclass instance. Raises EncodeError for a value that has no plain form."""
    try:
        return _ENCODER.encode(_plain(state)).encode()
    except (TypeError, ValueError) as error:
        raise EncodeError(f"{type(state).__name__}: {error}") from error


def decode_state(kind: Callable[..., T], key: str, octets: bytes) -> T:
    """The dataclass that ``octets`` were made from. Raises CorruptRecord naming ``key`` and the field."""
    try:
        state: T = _reader(kind)(json.loads(octets))
    except (TypeError, ValueError, LookupError, RecursionError) as error:
        raise CorruptRecord(key, str(error)) from error
    return state


def _plain(value: Any) -> Any:
    """A form that the JSON encoder takes; it calls this for what it does not know itself."""
    return _writer(value.__class__)(value)


@cache
def _writer(kind: Any) -> Callable[[Any], Any]:
    """What makes the plain form of values of a class. Raises TypeError for a class that has none."""
    if is_dataclass(kind):
        names = tuple(field.name for field in fields(kind))
        if len(names) < 2:  # attrgetter gives a tuple for several names only
            return lambda value: {name: getattr(value, name) for name in names}
        members = attrgetter(*names)
        return lambda value: dict(zip(names, members(value)))  # noqa: B905 - one member for each name
    if issubclass(kind, bytes | bytearray):
        return kind.hex  # type: ignore[no-any-return]  # of bytes and of bytearray alike
    if issubclass(kind, Enum):
        return attrgetter("value")
    raise TypeError(f"{kind.__name__} cannot be kept")


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=_plain, ensure_ascii=False, check_circular=False)


def _exactly(kind: type) -> _Reader:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"{kind.__name__} expected, found {value!r:.40}")
        return value

    return read


def _items(value: Any, kind: type = list) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{kind.__name__} expected, found {value!r:.40}")
    return value


@cache
def _reader(kind: Any) -> _Reader:
    """A function from plain JSON values to values of the annotated type."""
    if kind in (int, bool, str):
        return _exactly(kind)
    if kind is bytes:
        return lambda value: bytes.fromhex(_exactly(str)(value))
    if kind is type(None):
        return _exactly(type(None))
    if isinstance(kind, typing.NewType):
        return _reader(kind.__supertype__)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        readers = [_reader(hint) for hint in typing.get_type_hints(kind).values()]
        return lambda value: kind(*(read(item) for read, item in zip(readers, _items(value), strict=True)))
    return _generic_reader(kind)


def _generic_reader(kind: Any) -> _Reader:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType) and type(None) in arguments and len(arguments) == 2:
        inner = _reader(next(argument for argument in arguments if argument is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is list:
        inner = _reader(arguments[0])
        return lambda value: [inner(item) for item in _items(value)]
    if origin is tuple and arguments[1:] == (...,):
        inner = _reader(arguments[0])
        return lambda value: tuple(inner(item) for item in _items(value))
    if origin is tuple:
        readers = [_reader(argument) for argument in arguments]
        return lambda value: tuple(read(item) for read, item in zip(readers, _items(value), strict=True))
    if origin is dict and arguments[0] in (str, int):
        make, inner = arguments[0], _reader(arguments[1])
        return lambda value: {make(key): inner(item) for key, item in _items(value, dict).items()}
    raise TypeError(f"{kind} cannot be kept")


def _dataclass_reader(kind: Any) -> _Reader:
    hints = typing.get_type_hints(kind)
    names = {field.name: hints[field.name] for field in fields(kind)}

    def read(value: Any) -> Any:
        members = {}
        for name, item in _items(value, dict).items():
            if name not in names:
                raise ValueError(f"unknown field {name!r}")
            try:
                members[name] = _reader(names[name])(item)
            except (TypeError, ValueError, LookupError) as error:
                raise ValueError(f"{name}: {error}") from error
        return kind(**members)

    return read
