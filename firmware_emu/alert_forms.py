"""Bodies of alerts whose layout is not published: which facts they tell, in what order, as which type.

That of the sub-GHz alerts (GBCS DBCH06 to DBCH08), of operational updates (ECS200) and of a gas meter's
integrity warning is inferred; a personality can choose another. A form is text, ``channel:bits trigger:octets``: facts
by name, each with its type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations, product
from typing import Any, NamedTuple

from protocols.dlms.data import Data, DataType
from protocols.gbcs.gbz_alert import INTEGRITY_ALERT

Facts = Mapping[str, int | str]
TEXT = 0
"""The width of a fact that is text; of others it is the number of octets."""

FACTS: Mapping[int, Mapping[str, int]] = {
    0x0110: {"device": 8},
    0x0111: {"channel": 4, "trigger": 1, "change": 7},
    0x0112: {"assessment": 1},
    0x0123: {"controller": 1, "number": 1, "output": 1, "input": 1, "text": TEXT},
}
"""What each alert may tell, by message code. A ``change`` is a channel and its trigger as the channel log has them."""
USUAL: Mapping[int, str] = {
    0x0110: "device:octets",
    0x0111: "channel:bits trigger:octets",
    0x0112: "assessment:octets",
    0x0123: "controller:u8 output:u8 input:u8 text:utf8",
    0x00F2: "reason:plain",
}
"""The inferred forms."""
REASONS: Mapping[str, bytes] = {"reason:plain": b"", "reason:counted": b"\x02", "reason:octets": b"\x09\x02"}
"""What stands before the two octets of an integrity warning's reason (00F2), which is no DLMS alert."""


class _Type(NamedTuple):
    """How a fact is written; ``width`` None for a type that takes numbers of any width."""

    type: DataType
    width: int | None


_TYPES: Mapping[str, _Type] = {
    "bits": _Type(DataType.BIT_STRING, None),
    "octets": _Type(DataType.OCTET_STRING, None),
    "u8": _Type(DataType.UINT8, 1),
    "enum": _Type(DataType.ENUM, 1),
    "u32": _Type(DataType.UINT32, 4),
    "utf8": _Type(DataType.UTF8_STRING, TEXT),
    "visible": _Type(DataType.VISIBLE_STRING, TEXT),
}


def is_form(message_code: int, form: str) -> bool:
    """True if every part of the form is a fact of this alert in a type that holds it, and none comes twice."""
    if message_code == INTEGRITY_ALERT:
        return form in REASONS
    facts = FACTS.get(message_code)
    if facts is None:
        return False
    pairs = [part.partition(":")[::2] for part in form.split()]
    names = [name for name, _ in pairs]
    return len(set(names)) == len(names) and all(
        name in facts and kind in _TYPES and _holds(_TYPES[kind], facts[name]) for name, kind in pairs
    )


def written(message_code: int, form: str, facts: Facts) -> list[Data]:
    """The members of a body, behind code and time."""
    widths = FACTS[message_code]
    pairs = (part.partition(":")[::2] for part in form.split())
    return [_put(_TYPES[kind], facts[name], widths[name]) for name, kind in pairs]


def readings(message_code: int, body: Sequence[Data]) -> Iterator[tuple[str, Facts]]:
    """Every form in which ``body`` may have been written, with what it then tells; the more usual ones first."""
    widths = FACTS.get(message_code)
    if widths is None:
        return
    for names in permutations(widths, len(body)):
        kinds = [
            [kind for kind, row in _TYPES.items() if row.type is member.type and _holds(row, widths[name])]
            for name, member in zip(names, body, strict=True)
        ]
        for chosen in product(*kinds):
            found = [_take(member, widths[name]) for name, member in zip(names, body, strict=True)]
            if None not in found:
                form = " ".join(f"{name}:{kind}" for name, kind in zip(names, chosen, strict=True))
                yield form, {name: value for name, value in zip(names, found, strict=True) if value is not None}


def _holds(row: _Type, width: int) -> bool:
    if row.width is None:
        return width != TEXT or row.type is DataType.OCTET_STRING
    return row.width == width


def _put(row: _Type, value: Any, width: int) -> Data:
    if row.type is DataType.BIT_STRING:
        return Data(row.type, f"{value:0{8 * width}b}")
    if row.type is DataType.OCTET_STRING:
        return Data(row.type, value.encode() if width == TEXT else value.to_bytes(width, "big"))
    return Data(row.type, value)


def _take(member: Data, width: int) -> int | str | None:
    """What a member tells; None if it has another width."""
    value: Any = member.value
    if member.type is DataType.BIT_STRING:
        return int(value, 2) if len(value) == 8 * width else None
    if member.type is DataType.OCTET_STRING and width == TEXT:
        return bytes(value).decode("utf-8", "replace")
    if member.type is DataType.OCTET_STRING:
        return int.from_bytes(value, "big") if len(value) == width else None
    found: int | str = value
    return found
