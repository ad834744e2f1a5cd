"""ZigBee attributes that are a field of a part's state: read and preset, and nothing else.

A row is data; ``serve`` gives it to the ZCL server. What writes such a field is a command of its cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from protocols.zigbee.zcl import ClusterCommand

from .part import Part
from .refusals import ZclFailed

INVALID_FIELD = 0x85
"""Status of a command with a value that cannot be."""


class Held(NamedTuple):
    """An attribute kept in ``field`` of the state, in its ``place`` if that is a list."""

    cluster: int
    attribute: int
    field: str
    place: int | None = None
    sensitive: bool = False


def serve(part: Part, rows: Iterable[Held], changed: Callable[[], None] | None = None) -> None:
    """Serve attributes of a part that is attached to a device; ``changed`` is called after a preset."""
    for row in rows:
        access = _Access(part, row, changed)
        part.device.zcl.attribute(
            row.cluster, row.attribute, access.read, sensitive=row.sensitive, preset=access.preset
        )


class _Access:
    __slots__ = ("changed", "part", "row")

    def __init__(self, part: Part, row: Held, changed: Callable[[], None] | None) -> None:
        self.part, self.row, self.changed = part, row, changed

    def read(self) -> Any:
        held = getattr(self.part.state, self.row.field)
        return held if self.row.place is None else held[self.row.place]

    def preset(self, value: Any) -> None:
        state, row = self.part.state, self.row
        if row.place is None:
            setattr(state, row.field, value)
        else:
            getattr(state, row.field)[row.place] = value
        self.part.touch()
        if self.changed is not None:
            self.changed()


def fields_of(component: Any) -> Mapping[str, Any]:
    """The fields of a cluster command that stands in a component."""
    content = component.content
    if not isinstance(content, ClusterCommand):
        raise ZclFailed
    return content.fields


def require(condition: bool, status: int = INVALID_FIELD) -> None:
    """Refuse a command unless ``condition`` holds. Raises ZclFailed."""
    if not condition:
        raise ZclFailed(status)
