"""Logs as COSEM objects of class 7 (profile generic): read by a range of dates, reset where that is allowed.

A log is answered as a compact array of its rows, oldest first. Plain reads select with u32 seconds, protected reads
with date-times; both ends are included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from protocols.dlms.data import Data, DataType, TypeDescription, compact_array, described_structure
from protocols.gbcs.roles import DeviceType
from protocols.instant import Instant

from .cosem import Attribute, expect
from .logs import MAX_OTHER
from .refusals import AccessFailed

if TYPE_CHECKING:
    from .cosem import CosemServer
    from .logs import Logs
    from .ring_log import RingLog

CLASS_ID = 7
BUFFER = 2
RESET = 1

Row = tuple[Any, ...]

EVENT_LOG, SECURITY_LOG, POWER_LOG = "0-0:99.98.0.255", "0-0:99.98.1.255", "0-0:99.98.4.255"
AUXILIARY_LOG = "0-17:99.98.2.255"

_EVENT = described_structure(DataType.UINT32, DataType.UINT16, DataType.OCTET_STRING)
_SECURITY = described_structure(DataType.UINT32, DataType.UINT16)
_POWER = described_structure(DataType.UINT32, DataType.UINT16, DataType.UINT32)
_AUXILIARY = described_structure(DataType.UINT32, DataType.UINT16, DataType.ENUM, DataType.UINT32)


def serve_log(
    cosem: CosemServer,
    name: str,
    ring: RingLog,
    description: TypeDescription,
    row: Callable[[Row], Row] | None = None,
    reset: Callable[[], None] | None = None,
    held: Callable[[Row], Row] | None = None,
    before: Callable[[], None] | None = None,
) -> Attribute:
    """Serve a ring's rows as the buffer of the object ``name``.

    ``description`` is the type of a row; ``row`` turns what the ring holds into the plain values of a row, where
    they differ, and ``held`` turns those into what the ring holds. ``before`` is called before a read or a preset, to
    write down what is due. Returns the buffer's attribute.
    """

    def read(start: Instant, end: Instant) -> Data:
        if before is not None:
            before()
        rows = ring.rows(start, end - cosem.leaves_end_out())
        return compact_array(description, rows if row is None else map(row, rows))

    def preset(value: Data) -> None:
        rows = rows_of(value, description)
        if before is not None:
            before()
        ring.clear()
        for each in rows:
            ring.append(*(each if held is None else held(each)))

    if reset is not None:
        cosem.method(CLASS_ID, name, RESET, lambda _argument: reset())
    return cosem.attribute(CLASS_ID, name, BUFFER, get_range=read, preset=preset)


def rows_of(value: Data, description: TypeDescription) -> tuple[Row, ...]:
    """The rows of a compact array of that type. Raises AccessFailed."""
    table = expect(value, DataType.COMPACT_ARRAY)
    if table.description != description:
        raise AccessFailed
    rows: tuple[Row, ...] = table.rows
    return rows


def serve_event_logs(cosem: CosemServer, logs: Logs, device: DeviceType) -> None:
    """The event and security log, and those that only meters and controllers have."""
    serve_log(cosem, EVENT_LOG, logs.event_ring, _EVENT, _event_row, logs.clear_events, _event_held)
    serve_log(cosem, SECURITY_LOG, logs.security_ring, _SECURITY)
    if device is DeviceType.ESME:
        serve_log(cosem, POWER_LOG, logs.power_ring, _POWER)
    if device in (DeviceType.ESME, DeviceType.SAPC):
        serve_log(cosem, AUXILIARY_LOG, logs.auxiliary_ring, _AUXILIARY, reset=logs.clear_auxiliary)


def _event_row(row: Row) -> Row:
    at, code, size, other = row
    return at, code, other[:size]


def _event_held(row: Row) -> Row:
    at, code, other = row
    if len(other) > MAX_OTHER:
        raise AccessFailed
    return at, code, len(other), other
