"""The ZigBee Cluster Library frame: frame control, general commands, status codes (ZCL chapter 2).

A command's meaning hangs on its cluster, its direction and its id; the cluster tables (``smart_energy``) are made
of the row types ``CommandRow`` and ``AttributeRow`` defined here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import EncodeError
from ..grammar import Format, Record, truncated
from ..sheet import Sheet
from .zcl_types import DATA_TYPES, NOT_GIVEN, ToTheEnd, u8, u16

READ_ATTRIBUTES = 0x00
READ_ATTRIBUTES_RESPONSE = 0x01
DEFAULT_RESPONSE = 0x0B

SUCCESS = 0x00
STATUS_TEXTS: Mapping[int, str] = {
    0x00: "success",
    0x01: "failure",
    0x7E: "not authorised",
    0x7F: "reserved field not zero",
    0x80: "malformed command",
    0x81: "unsupported cluster command",
    0x82: "unsupported general command",
    0x83: "unsupported manufacturer cluster command",
    0x84: "unsupported manufacturer general command",
    0x85: "invalid field",
    0x86: "unsupported attribute",
    0x87: "invalid value",
    0x88: "read only",
    0x89: "insufficient space",
    0x8A: "duplicate exists",
    0x8B: "not found",
    0x8C: "unreportable attribute",
    0x8D: "invalid data type",
    0x8E: "invalid selector",
    0x8F: "write only",
    0x90: "inconsistent startup state",
    0x91: "defined out of band",
    0x92: "inconsistent",
    0x93: "action denied",
    0x94: "timeout",
    0x95: "abort",
    0x96: "invalid image",
    0x97: "wait for data",
    0x98: "no image available",
    0x99: "require more image",
    0x9A: "notification pending",
    0xC0: "hardware failure",
    0xC1: "software failure",
    0xC2: "calibration error",
    0xC3: "unsupported cluster",
}
"""Status enumerations (ZCL table 2-12)."""


class FrameControl(int):
    """The frame control octet (ZCL 2.4.1.1) with its bits named."""

    __slots__ = ()

    @property
    def frame_type(self) -> int:
        """0 general command, 1 cluster command; 2 and 3 are reserved."""
        return self & 3

    @property
    def cluster_specific(self) -> bool:
        """The command is one of the cluster, not a general one."""
        return self & 3 == 1

    @property
    def manufacturer_specific(self) -> bool:
        """A manufacturer code belongs to the frame; its commands are none of ours."""
        return bool(self & 4)

    @property
    def to_client(self) -> bool:
        """The frame travels from the cluster's server to its client."""
        return bool(self & 8)

    @property
    def disable_default_response(self) -> bool:
        """No default response is wanted when the command succeeds."""
        return bool(self & 16)

    @property
    def text(self) -> str:
        """All bits in words."""
        kind = ("general", "cluster", "reserved type 2", "reserved type 3")[self.frame_type]
        words = [kind, "server to client" if self.to_client else "client to server"]
        words += ["manufacturer specific"] if self.manufacturer_specific else []
        words += ["default response disabled"] if self.disable_default_response else []
        return ", ".join(words)


FRAME_CONTROLS = tuple(map(FrameControl, range(256)))
"""Every frame control octet, made once."""


class Frame(NamedTuple):
    """The three octets before a ZCL payload."""

    frame_control: FrameControl
    sequence: int
    command: int


@dataclass(frozen=True, slots=True, eq=False)
class CommandRow:
    """One cluster command: a row of a cluster's table. ``fields`` reads and writes a dictionary by field name."""

    cluster: int
    to_client: bool
    command: int
    name: str
    fields: Record

    def make(self, **values: Any) -> ClusterCommand:
        """The command with these values; a field left out gets its usual value. Raises EncodeError naming a field."""
        known = dict(self.fields.fields)
        for name in values:
            if name not in known:
                raise EncodeError(f"{self.name} has no such field", (name,))
        return ClusterCommand(self, {name: self._value(name, kind, values) for name, kind in known.items()})

    def _value(self, name: str, kind: Any, values: Mapping[str, Any]) -> Any:
        value = values[name] if name in values else getattr(kind, "usual", NOT_GIVEN)
        if value is NOT_GIVEN:
            raise EncodeError(f"{self.name} needs a value", (name,))
        return value


def client_command(cluster: int, command: int, name: str, *fields: Any) -> CommandRow:
    """A command that the cluster's client sends and its server receives."""
    return CommandRow(cluster, False, command, name, Record(None, *fields))


def server_command(cluster: int, command: int, name: str, *fields: Any) -> CommandRow:
    """A command that the cluster's server sends and its client receives."""
    return CommandRow(cluster, True, command, name, Record(None, *fields))


class AttributeRow(NamedTuple):
    """One attribute of a cluster's server. ``type`` is its data type's octet; ``format`` gives texts and unit."""

    cluster: int
    attribute: int
    name: str
    type: int
    format: Format


def attributes(cluster: int, *rows: tuple[int, str, int] | tuple[int, str, int, Format]) -> tuple[AttributeRow, ...]:
    """Rows of attribute id, name, data type octet and, where unit or texts are known, a format that gives them."""
    return tuple(
        AttributeRow(cluster, row[0], row[1], row[2], row[3] if len(row) == 4 else DATA_TYPES[row[2]].format)
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class ClusterCommand:
    """A known cluster command with its fields by name. Not to be changed; ``row.make`` builds another."""

    row: CommandRow
    fields: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The command's name in the specification."""
        return self.row.name

    def __getitem__(self, field: str) -> Any:
        return self.fields[field]

    def encode(self) -> bytes:
        """The ZCL payload. Raises EncodeError naming the field."""
        return self.row.fields.encode(self.fields)

    def describe(self, sheet: Sheet) -> None:
        """Append every field."""
        self.row.fields.describe_fields(self.fields, sheet)


class UnknownCommand(NamedTuple):
    """A command that no table has: its payload as it is."""

    octets: bytes

    @property
    def name(self) -> str:
        """Says that it is unknown."""
        return "unknown command"

    def encode(self) -> bytes:
        """The ZCL payload."""
        return self.octets

    def describe(self, sheet: Sheet) -> None:
        """Append the octets."""
        if self.octets:
            sheet.leaf("octets", self.octets, self.octets, "unknown command, not decoded")


class ReadAttributes(NamedTuple):
    """General command 00: the ids of the attributes wanted."""

    attributes: tuple[int, ...]

    @property
    def name(self) -> str:
        """The command's name in the specification."""
        return "Read Attributes"

    def encode(self) -> bytes:
        """The ZCL payload. Raises EncodeError."""
        return _ATTRIBUTE_IDS.encode(self.attributes)


class AttributeRecord(NamedTuple):
    """One attribute of a read response. ``type`` and ``value`` are None unless ``status`` is 0 (success).

    Where the type has no format of known length, ``value`` is all the octets behind the type octet.
    """

    attribute: int
    status: int = SUCCESS
    type: int | None = None
    value: Any = None


class ReadAttributesResponse(NamedTuple):
    """General command 01: the attributes asked for, in order."""

    records: tuple[AttributeRecord, ...]

    @property
    def name(self) -> str:
        """The command's name in the specification."""
        return "Read Attributes Response"

    def encode(self) -> bytes:
        """The ZCL payload. Raises EncodeError."""
        return _RECORDS.encode(self.records)


class DefaultResponse(NamedTuple):
    """General command 0B: the command answered and how it went."""

    command: int
    status: int

    @property
    def name(self) -> str:
        """The command's name in the specification."""
        return "Default Response"

    def encode(self) -> bytes:
        """The ZCL payload. Raises EncodeError."""
        return _DEFAULT_RESPONSE.encode(self)


Content = ClusterCommand | ReadAttributes | ReadAttributesResponse | DefaultResponse | UnknownCommand


class _RecordFormat(Format):
    """Attribute id, status, and on success the data type and value (ZCL 2.5.2)."""

    def take(self, data: bytes, at: int, end: int) -> tuple[AttributeRecord, int]:
        if at + 3 > end:
            raise truncated(at, end, 3)
        attribute, status = data[at] | data[at + 1] << 8, data[at + 2]
        at += 3
        if status != SUCCESS:
            return AttributeRecord(attribute, status), at
        if at >= end:
            raise truncated(at, end, 1).inside("type")
        row = DATA_TYPES.get(data[at])
        if row is None:  # its length is unknown, so nothing behind it can be told apart
            return AttributeRecord(attribute, SUCCESS, data[at], data[at + 1 : end]), end
        value, stop = row.format.take(data, at + 1, end)
        return AttributeRecord(attribute, SUCCESS, row.code, value), stop

    def put(self, value: Any) -> bytes:
        attribute, status, kind, content = value
        head: bytes = attribute.to_bytes(2, "little") + bytes((status,))
        if status != SUCCESS:
            if kind is not None or content is not None:
                raise EncodeError("an attribute that could not be read has neither type nor value")
            return head
        if kind is None:
            raise EncodeError("an attribute that was read needs a type", ("type",))
        row = DATA_TYPES.get(kind)
        return head + bytes((kind,)) + (bytes(content) if row is None else row.format.put(content))


_ATTRIBUTE_IDS = ToTheEnd(u16())
_RECORDS = ToTheEnd(_RecordFormat())
_DEFAULT_RESPONSE = Record(DefaultResponse, "command" / u8(), "status" / u8(STATUS_TEXTS))


def decode_general(command: int, data: bytes) -> Content:
    """The payload of a general command. Raises DecodeError."""
    if command == READ_ATTRIBUTES:
        return ReadAttributes(_ATTRIBUTE_IDS.decode(data))
    if command == READ_ATTRIBUTES_RESPONSE:
        return ReadAttributesResponse(_RECORDS.decode(data))
    if command == DEFAULT_RESPONSE:
        made: DefaultResponse = _DEFAULT_RESPONSE.decode(data)
        return made
    return UnknownCommand(data)
