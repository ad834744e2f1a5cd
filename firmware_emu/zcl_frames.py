"""ZigBee Cluster Library frames as they travel in the home: three octets of header, then the payload (ZCL 2.4)."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.errors import DecodeError, EncodeError
from protocols.gbcs.gbz import Component
from protocols.zigbee.smart_energy import decode_command
from protocols.zigbee.zcl import FRAME_CONTROLS, AttributeRecord, Frame
from protocols.zigbee.zcl_types import DATA_TYPES

REPORT_ATTRIBUTES = 0x0A
"""The general command by which a server tells its attributes without being asked (ZCL 2.5.11)."""
_FROM_SERVER = 0x18
_HEADER = 3
_MANUFACTURER_SPECIFIC = 0x04


def encode_frame(component: Component) -> bytes:
    """The frame of a component. Raises EncodeError."""
    frame = component.frame
    return bytes((frame.frame_control, frame.sequence, frame.command)) + component.plaintext()


def decode_frame(cluster: int, octets: bytes) -> Component:
    """A frame that arrived for a cluster. Raises DecodeError, also for a manufacturer's own frame."""
    if len(octets) < _HEADER:
        raise DecodeError(len(octets), "a frame header of 3 octets", f"{len(octets)} octets")
    if octets[0] & _MANUFACTURER_SPECIFIC:
        raise DecodeError(0, "a frame of the cluster", "a manufacturer's frame")
    frame = Frame(FRAME_CONTROLS[octets[0]], octets[1], octets[2])
    return Component(cluster, frame, decode_command(cluster, frame.frame_control, frame.command, octets[_HEADER:]))


def report(cluster: int, records: Iterable[AttributeRecord], sequence: int) -> bytes:
    """A report of attributes of a server; no answer is wanted. Raises EncodeError."""
    octets = bytes((_FROM_SERVER, sequence, REPORT_ATTRIBUTES))
    for record in records:
        row = DATA_TYPES.get(-1 if record.type is None else record.type)
        if row is None:
            raise EncodeError(f"attribute {cluster:04X}/{record.attribute:04X} has no type that can be reported")
        octets += record.attribute.to_bytes(2, "little") + bytes((row.code,)) + row.format.put(record.value)
    return octets


def reported(octets: bytes) -> tuple[AttributeRecord, ...]:
    """The attributes in the payload of a report. Raises DecodeError."""
    records, at, end = [], 0, len(octets)
    while at < end:
        row = DATA_TYPES.get(octets[at + 2]) if at + 3 <= end else None
        if row is None:
            raise DecodeError(at, "an attribute, its type and its value", octets[at : at + 3].hex())
        value, stop = row.format.take(octets, at + 3, end)
        records.append(AttributeRecord(int.from_bytes(octets[at : at + 2], "little"), 0, row.code, value))
        at = stop
    return tuple(records)
