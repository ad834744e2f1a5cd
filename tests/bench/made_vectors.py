"""Pairs of command and response made from the catalogue of use cases, as a reference device might have answered.

Every value that is read is some plausible one of its shape, and everything that is asked for succeeds. What is right
these pairs cannot say; but whatever a device may be asked for can be loaded into it and read back.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bench.reproduce.vectors import Pair, Vector
from bench.requests import Header, dlms, gbz
from firmware_emu.clock import TIMES_WITH_STATUS
from protocols.dlms.access import AccessRequest, AccessResponse, DataNotification, Result, Service, invoke_id_of
from protocols.dlms.cosem_time import NO_STATUS, NOW, CosemDate, CosemDateTime, CosemTime
from protocols.dlms.data import NULL, CompactArray, Data, DataType, TypeDescription, octet_string, structure
from protocols.dlms.obis import obis
from protocols.errors import LocalProtocolError
from protocols.eui64 import Eui64
from protocols.gbcs.gbz import Component, GbzAlert, GbzPayload
from protocols.gbcs.keys import MemoryKeyStore
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.objects import CosemObject, find
from protocols.gbcs.objects_shapes import Shape
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import add_mac, sign
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.sensitive import encrypt_component, encrypt_data
from protocols.gbcs.use_cases import Protection, UseCase, by_code
from protocols.gbcs.use_cases_instructions import Instruction, Operation
from protocols.instant import HOUR, Instant
from protocols.zigbee.smart_energy import find_attribute
from protocols.zigbee.zcl import AttributeRecord, ReadAttributesResponse

_NUMBERS = {
    "u8": DataType.UINT8,
    "u16": DataType.UINT16,
    "u32": DataType.UINT32,
    "i8": DataType.INT8,
    "i16": DataType.INT16,
    "i32": DataType.INT32,
}
_UNITS = {"W": 27, "Wh": 30, "varh": 32, "V": 35, "millipence": 254}
_TIME = CosemTime(0, 0, 0, 0).encode()
_TARIFF_SCRIPTS = obis("0-0:10.0.100.255")
_DATES = {
    "season_start": CosemDateTime(CosemDate(0xFFFF, 1, 1), CosemTime(0, 0, 0, 0)).encode(),
    "begin_date": CosemDate(0xFFFF, 1, 1).encode(),
    "end_date": CosemDate(0xFFFF, 12, 31).encode(),
    "specialday_date": CosemDate(2015, 12, 25).encode(),
    "date": CosemDate(0xFFFF, 0xFF, 1).encode(),
    "time": _TIME,
    "start_time": _TIME,
    "switch_time": _TIME,
    "week_name": b"\1",
    "week_profile_name": b"\1",
    "season_profile_name": b"\1",
    "script_logical_name": _TARIFF_SCRIPTS,
}
_SMALL = {"day_id": 1, "index": 1, "script_selector": 1, "validity_window": 0xFFFF, "exec_specdays": 0}
_DAYS_OF_WEEK = frozenset(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))


class Maker:
    """Makes values of shapes. ``twin``: with the members that twin-element meters add."""

    def __init__(self, seed: str, at: Instant, *, twin: bool = False) -> None:
        self.random, self.at, self.twin = random.Random(seed), at, twin

    def value(self, shape: Shape, unit: str = "") -> Data:
        """A value of a shape; ``unit`` is that of the register whose scaler and unit this is."""
        kind = shape.type
        if kind == "structure":
            if {member.name for member in shape.members} == {"scaler", "unit"}:
                return _scaler(unit)
            members = [each for each in shape.inside if self.twin or not each.optional]
            return structure(*(self.value(each, _unit_before(members, place)) for place, each in enumerate(members)))
        if kind == "array":
            return Data(DataType.ARRAY, tuple(self.value(shape.inside[0]) for _ in range(_count(shape.bounds))))
        if kind == "log":
            return self.log(shape.inside[0])
        return self.plain(shape)

    def log(self, row: Shape) -> Data:
        """Two entries of a log, an hour apart."""
        members = [each for each in row.inside if self.twin or not each.optional]
        rows = []
        description: TypeDescription | None = None
        for back in (2, 1):
            values = [self.value(each) for each in members]
            times = [place for place, each in enumerate(members) if each.unit == "s since 2000"]
            for place in times:
                values[place] = Data(DataType.UINT32, self.at - back * HOUR)
            description = _described(structure(*values))
            rows.append(_bare(structure(*values)))
        assert description is not None
        return Data(DataType.COMPACT_ARRAY, CompactArray(description, tuple(rows)))

    def plain(self, shape: Shape) -> Data:
        """A number, text, or string of octets or bits."""
        kind, name = shape.type.partition("|")[0], shape.name
        if name in _DATES:
            return octet_string(_DATES[name])
        if kind in _NUMBERS:
            number = _SMALL.get(name, 1 if name in _DAYS_OF_WEEK else self.random.randint(1, 100))
            return Data(_NUMBERS[kind], number)
        if kind == "enum":
            return Data(DataType.ENUM, 1)
        if kind == "bool":
            return Data(DataType.BOOLEAN, True)
        if kind.startswith("bits"):
            return Data(DataType.BIT_STRING, "".join(self.random.choice("01") for _ in range(int(kind[4:] or 0))))
        return self._string(kind)

    def _string(self, kind: str) -> Data:
        word, bounded, most = kind.partition("<=")
        if not bounded:
            word = kind.rstrip("0123456789")
        length = min(int(most), 8) if bounded else int(kind.removeprefix(word) or 4)
        if kind == "oct12":
            return octet_string(CosemDateTime.at(self.at - HOUR).encode())
        text = "".join(self.random.choice("0123456789") for _ in range(length))
        if word == "oct":
            return octet_string(text.encode())
        return Data(DataType.VISIBLE_STRING if word == "vis" else DataType.UTF8_STRING, text)


def _scaler(unit: str) -> Data:
    scaler = -5 if unit == "millipence" else 0
    return structure(Data(DataType.INT8, scaler), Data(DataType.ENUM, _UNITS.get(unit, 255)))


def _unit_before(members: list[Shape], place: int) -> str:
    return members[place - 1].unit if place else ""


def _count(bounds: str) -> int:
    low, _, high = bounds.partition("..")
    return int(high) and 1 if high else int(low or 1)


def _described(value: Data) -> TypeDescription:
    if value.type is DataType.STRUCTURE:
        return TypeDescription(value.type, tuple(map(_described, value.value)))
    if value.type is DataType.ARRAY:
        return TypeDescription(value.type, (_described(value.value[0]),), len(value.value))
    return TypeDescription(value.type)


def _bare(value: Data) -> Any:
    return tuple(map(_bare, value.value)) if isinstance(value.value, tuple) else value.value


# pairs


READS = frozenset({Operation.GET, Operation.GET_WITH_SELECTION})


def only_reads(case: UseCase) -> bool:
    """True for a DLMS use case in which nothing is written, and no method invoked but protected reads."""
    steps = case.instructions
    return bool(steps) and all(step.op in READS or (step.op is Operation.ACTION and step.reads) for step in steps)


def reading_pair(
    case: UseCase,
    parties: dict[RemotePartyRole, Eui64],
    device: Eui64,
    keys: MemoryKeyStore,
    at: Instant,
    *,
    twin: bool,
) -> Pair:
    """A command that reads all that a DLMS use case reads, and a response with a plausible value of everything."""
    maker = Maker(f"{case.name} {twin}", at, twin=twin)
    command = _command(case, parties, device, keys, at, dlms(case.name).payload)
    request = decode_payload(command)
    assert isinstance(request, AccessRequest)
    header = _header(command, case, at)
    data = [answer_of(maker, step, case, header, keys) for step in case.instructions]
    results = tuple(Result(ANSWERED[step.op], 0) for step in case.instructions)
    return _pair(case, command, header, AccessResponse(request.invoke_id, tuple(data), results).encode(), keys)


ANSWERED = {
    Operation.GET: Service.GET,
    Operation.GET_WITH_SELECTION: Service.GET,
    Operation.ACTION: Service.ACTION,
    Operation.SET: Service.SET,
}


def answer_of(maker: Maker, step: Instruction, case: UseCase, header: Message, keys: MemoryKeyStore) -> Data:
    """What an instruction that reads gives back."""
    if step.reads:
        values = [maker.value(_object(each.class_id, each.obis, each.attribute).shape) for each in step.reads]
        return encrypt_data(header, keys, structure(*values)).to_data()
    found = _object(step.class_id, step.obis, step.index)
    if found.structure == "<scaler_unit>":
        return _scaler(_object(step.class_id, step.obis, 2).unit)
    if (step.class_id, step.obis, step.index) in _TELLING:
        return _TELLING[step.class_id, step.obis, step.index]
    return maker.value(found.shape)


def _charge(*keys: bytes, scale: int = 0) -> Data:
    scaling = structure(Data(DataType.INT8, scale), Data(DataType.INT8, -5))
    names = {0: (0, bytes(6), 0), 3: (3, obis("1-0:1.8.0.255"), 2)}
    class_id, name, index = names[scale]
    reference = structure(Data(DataType.UINT16, class_id), octet_string(name), Data(DataType.INT8, index))
    rows = [structure(octet_string(key), Data(DataType.INT16, 7 + place)) for place, key in enumerate(keys)]
    return structure(scaling, reference, Data(DataType.ARRAY, tuple(rows)))


_PRICE_KEYS = (
    *(bytes((number,)) for number in range(1, 49)),
    *(bytes((letter << 4 | number,)) for letter in range(0xA, 0xE) for number in range(1, 9)),
)
_NO_ENTRIES = Data(DataType.ARRAY, ())
_TELLING = {
    **{(113, obis(f"0-0:19.20.{number}.255"), 5): _charge(b"") for number in (1, 2, 4)},
    (113, obis("0-0:19.20.0.255"), 5): _charge(*_PRICE_KEYS, scale=3),
    **{(10, obis(f"0-0:12.0.{number}.255"), 2): _NO_ENTRIES for number in (0, 1, 2)},
    (1, obis("0-0:96.1.2.255"), 2): octet_string(b"A"),
    (70, obis("0-0:96.3.10.255"), 3): Data(DataType.ENUM, 2),
}


def _object(class_id: int, name: bytes, index: int) -> CosemObject:
    found = find(class_id, name, "attribute", index)
    assert found is not None
    return found


def attribute_pair(
    case: UseCase, parties: dict[RemotePartyRole, Eui64], device: Eui64, keys: MemoryKeyStore, at: Instant
) -> Pair:
    """A command that reads the attributes of a GBZ use case, and a response with a plausible value of each."""
    draw = random.Random(case.name)
    command = _command(case, parties, device, keys, at, gbz(case.name).payload)
    header, answers = _header(command, case, at), []
    for place, step in enumerate(case.components):
        records = tuple(record_of(draw, step.cluster, attribute) for attribute in step.attributes)
        secret = is_secret(step.cluster, records)
        content = ReadAttributesResponse(records)
        quiet = secret and case.name != "GCS14"
        made = Component.general(step.cluster, content, place, to_client=True, disable_default_response=quiet)
        answers.append(encrypt_component(header, keys, made, 0) if secret else made)
    return _pair(case, command, header, GbzPayload(tuple(answers)).encode(), keys)


_SECRET = frozenset({(0x0702, 0x0000), (0x0702, 0x0100), (0x0702, 0x0700), (0x0705, 0x0005)})
"""Attributes that are read under encryption only, one of each group."""


def is_secret(cluster: int, records: Iterable[AttributeRecord]) -> bool:
    """True for a read that is answered under encryption."""
    return any((cluster, record.attribute) in _SECRET for record in records)


def record_of(draw: random.Random, cluster: int, attribute: int) -> AttributeRecord:
    """A plausible value of an attribute."""
    row = find_attribute(cluster, attribute)
    assert row is not None
    value: Any = b"1234" if row.type in (0x41, 0x42) else draw.choice((1, 2))
    return AttributeRecord(attribute, 0, row.type, value)


def writing_pair(
    case: UseCase,
    parties: dict[RemotePartyRole, Eui64],
    device: Eui64,
    keys: MemoryKeyStore,
    at: Instant,
    *values: Data,
    leave_out: tuple[int, ...] = (),
) -> Pair:
    """A command with these values, and a response by which all of it succeeded."""
    command = _command(case, parties, device, keys, at, dlms(case.name, *values, leave_out=leave_out).payload)
    request = decode_payload(command)
    assert isinstance(request, AccessRequest)
    steps = [step for place, step in enumerate(case.instructions) if place not in leave_out]
    results = tuple(Result(ANSWERED[step.op], 0) for step in steps)
    response = AccessResponse(request.invoke_id, (NULL,) * len(steps), results)
    return _pair(case, command, _header(command, case, at), response.encode(), keys)


def _command(
    case: UseCase,
    parties: dict[RemotePartyRole, Eui64],
    device: Eui64,
    keys: MemoryKeyStore,
    at: Instant,
    payload: Any,
) -> Message:
    role = min((role for role in case.roles if role in parties), default=None)
    if role is None:
        raise LocalProtocolError(f"{case.name}: nobody may send it")
    sender = parties[role]
    octets = payload(Header(1000, sender, device, sender, at))
    message = Message(Cra.COMMAND, 1000, sender, device, OtherInformation(case.message_code), octets)
    if Protection.SIGNATURE in case.command:
        message = sign(message, keys)
    return add_mac(message, keys, parties[RemotePartyRole.ACCESS_CONTROL_BROKER])


def _header(command: Message, case: UseCase, at: Instant) -> Message:
    status = 0 if case.message_code in TIMES_WITH_STATUS else NO_STATUS
    moment = CosemDateTime.at(at, status).encode() if case.response_has_time else b""
    other = OtherInformation(case.message_code)
    return Message(Cra.RESPONSE, command.counter, command.recipient, command.originator, other, b"", moment)


def _pair(case: UseCase, command: Message, header: Message, payload: bytes, keys: MemoryKeyStore) -> Pair:
    response = replace(header, payload=payload)
    if Protection.SIGNATURE in case.response:
        response = replace(response, signature=bytes(64))  # of what a device signs, all but this is compared
    else:
        response = add_mac(response, keys)
    return Pair(_vector("command", command), _vector("response", response))


def _vector(name: str, message: Message) -> Vector:
    return Vector(name, message.encode(), message, decode_payload(message))


def made_alert(
    device: Eui64, recipient: Eui64, message_code: int, payload: DataNotification | GbzAlert, keys: MemoryKeyStore
) -> Vector:
    """An alert with the counter 2000."""
    case, other = by_code(message_code), OtherInformation(message_code)
    assert case is not None
    message = Message(Cra.ALERT, 2000, device, recipient, other, payload.encode())
    signed = Protection.SIGNATURE in case.alert
    return _vector("alert", replace(message, signature=bytes(64)) if signed else add_mac(message, keys))


def notification(code: int, at: Instant, *body: Data) -> DataNotification:
    """The payload of a DLMS alert with the counter 2000."""
    return DataNotification(invoke_id_of(2000), structure(Data(DataType.UINT16, code), date_time(at), *body))


def date_time(at: Instant) -> Data:
    """An octet string of twelve octets."""
    return octet_string(CosemDateTime.at(at).encode())


NOW_OCTETS = octet_string(NOW.encode())
