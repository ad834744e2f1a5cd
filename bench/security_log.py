"""Reading the security log of any kind of device, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols import instant
from protocols.dlms.data import CompactArray, Data, DataType
from protocols.errors import RemoteProtocolError
from protocols.gbcs.roles import DeviceType
from protocols.instant import Instant

from .answers import Answer
from .requests import Period, Request, dlms, gbz

if TYPE_CHECKING:
    from .target import Reply

EVENTS_CLUSTER, PUBLISH_EVENT_LOG = 0x0709, 0x01
GSME_SECURITY_LOG = 4
_READS = {DeviceType.ESME: "ECS35b", DeviceType.SAPC: "ECS35b", DeviceType.CHF: "ECS35d"}


def log_request(kind: DeviceType, period: Period) -> Request:
    """The read of a device's security log."""
    title = "Read the security log"
    if kind in _READS:
        return dlms(_READS[kind], period=period, title=title)
    fields = {"event_control_and_log_id": GSME_SECURITY_LOG, "start_time": period.start, "end_time": period.end}
    return gbz("CS10b", fields, title=title)


def entries(answer: Answer) -> list[tuple[Instant, int, bytes]]:
    """The entries of an event or security log that was read: time, code, other information.

    Raises RemoteProtocolError for an answer of another form.
    """
    if answer.components:
        return [entry for made in answer.command_fields(EVENTS_CLUSTER, PUBLISH_EVENT_LOG) for entry in _events(made)]
    if len(answer.data) != 1:
        raise RemoteProtocolError(f"a log is one value, not {len(answer.data)}")
    return [_entry(row) for row in _rows(answer.data[0])]


def check_times(reply: Reply, period: Period) -> list[str]:
    """That the entries of a log that was read lie in the period asked for; gives their times, in ISO 8601."""
    times = [at for at, _, _ in entries(reply.answer)]
    shown = [instant.text(at) for at in times]
    good = all(period.start <= at <= period.end for at in times)
    span = f"from {instant.text(period.start)} to {instant.text(period.end)}"
    reply.that("times of the entries", span, shown, good=good)
    return shown


def logged_codes(answer: Answer) -> list[int]:
    """The codes in a log that was read; none where it could not be read, which its own checks report."""
    try:
        return [code for _, code, _ in entries(answer)]
    except RemoteProtocolError:
        return []


def _rows(log: Data) -> list[object]:
    if log.type is DataType.COMPACT_ARRAY and isinstance(log.value, CompactArray):
        return list(log.value.rows)
    if log.type is DataType.ARRAY:
        return [tuple(member.value for member in row.value) for row in log.value if row.type is DataType.STRUCTURE]
    raise RemoteProtocolError(f"a log is an array, not {log.type.name}")


def _entry(row: object) -> tuple[Instant, int, bytes]:
    if not isinstance(row, tuple) or len(row) < 2:  # of a compact array a row may be a plain value
        raise RemoteProtocolError("an entry of a log begins with time and code")
    at, code, other = (*row, b"")[:3]
    if not isinstance(at, int) or not isinstance(code, int):
        raise RemoteProtocolError("an entry of a log begins with time and code")
    return at, code, other if isinstance(other, bytes) else b""


def _events(made: object) -> list[tuple[Instant, int, bytes]]:
    events = getattr(made, "fields", {}).get("events")
    if events is None:
        raise RemoteProtocolError("a log that cannot be read")
    return [(event.time, event.event_id, event.data or b"") for event in events]
