"""Reference vectors made from the catalogue alone: every command, as a device in some state may have answered it.

No use case is named here. What a vector asks follows from its row; a value that is read is any of its shape; a fault of
the hardware strikes at any place, and what stands behind it fails for that reason. The senders are all who may send
it, for themselves or, behind the broker, for another party. Keys are made for the purpose.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha512
from itertools import count
from pathlib import Path
from typing import Any

from bench.pki import USES
from bench.reproduce.device_for import TEST_DEVICES
from bench.reproduce.vectors import Pair, Vector
from bench.requests import FIXED_TYPES, Header, dlms, gbz
from firmware_emu.clock import TIMES_WITH_STATUS
from firmware_emu.dispatcher import ANSWERED_TO_THE_SUPPLIER_ONLY
from firmware_emu.parts.credentials.rules import CELLS
from protocols.dlms.access import AccessRequest, AccessResponse, Result, ResultCode
from protocols.dlms.cosem_time import NO_STATUS, CosemDateTime
from protocols.dlms.data import NULL, Data
from protocols.errors import EncodeError
from protocols.eui64 import Eui64
from protocols.gbcs.elliptic_curve import ENTROPY_LENGTH
from protocols.gbcs.gbz import Component, GbzPayload
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.objects import find
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import add_mac, sign
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.sensitive import encrypt_component
from protocols.gbcs.use_cases import Kind, Payload, Protection, UseCase, all_use_cases
from protocols.gbcs.use_cases_instructions import Instruction, Operation
from protocols.instant import instant
from protocols.smki.infrastructure import make_infrastructure
from protocols.smki.names import KeyUsage
from protocols.zigbee.smart_energy import find_command
from protocols.zigbee.zcl import AttributeRecord, DefaultResponse, ReadAttributesResponse
from protocols.zigbee.zcl_types import NOT_GIVEN

from .made_vectors import ANSWERED, Maker, answer_of, is_secret, record_of

AT = instant(2019, 7, 8, 9, 10, 11)
DEVICES = {kind: device for device, kind in TEST_DEVICES.items()}
BROKER = RemotePartyRole.ACCESS_CONTROL_BROKER
PARTIES = {role: Eui64(bytes.fromhex(f"90B3D51F3000{number:04X}")) for number, role in enumerate(USES, 0x21)}
HARDWARE_FAILURE, FAILURE, ANY_COMMAND = 0xC0, 0x01, 0xFF
_counters = count(0x0000_0003_0000_0007, 0x1001)


def make_keys(folder: Path) -> FolderKeyStore:
    """A folder with the keys of all parties, and the public key agreement keys of the devices."""
    store, authority = FolderKeyStore.create(folder, b"synthetic"), make_infrastructure(_entropy("infrastructure"))
    for role, uses in USES.items():
        for use in uses:
            name = KeyName(PARTIES[role], use)
            usage = KeyUsage.DIGITAL_SIGNATURE if use is KeyUse.DIGITAL_SIGNING else KeyUsage.KEY_AGREEMENT
            point = store.generate(name, _entropy(f"{role} {use}"))
            store.put_certificate(name, authority.organisation(PARTIES[role], role, usage, point).encode())
    for device in TEST_DEVICES:
        name, own = KeyName(device, KeyUse.KEY_AGREEMENT), MemoryKeyStore()
        point = own.generate(name, _entropy(device.hex()))
        store.put_certificate(name, authority.device(device, KeyUsage.KEY_AGREEMENT, point).encode())
    return store


def _entropy(label: str) -> bytes:
    return sha512(f"synthetic {label}".encode()).digest()[:ENTROPY_LENGTH]


@dataclass(frozen=True, slots=True)
class Way:
    """One way that a command comes: to which device, from whom, for whom behind the broker (None: for itself)."""

    case: UseCase
    device: DeviceType
    sender: RemotePartyRole
    behind: RemotePartyRole | None = None

    def __str__(self) -> str:
        behind = f"-for-{self.behind.name.lower()}" if self.behind is not None else ""
        return f"{self.case.name}-{self.device.name}-{self.sender.name.lower()}{behind}"


@cache
def ways(payload: Payload) -> tuple[Way, ...]:
    """Every way of every command with such a payload."""
    return tuple(way for case in all_use_cases() if case.payload is payload for way in _ways_of(case))


def _ways_of(case: UseCase) -> Iterator[Way]:
    if case.kind is not Kind.COMMAND or case.device_to_device:
        return
    for device in sorted(case.devices, key=lambda kind: kind.name):
        known = {cell.role for cell in CELLS.get(device, ())}
        refers = device is DeviceType.GSME and case.message_code in ANSWERED_TO_THE_SUPPLIER_ONLY
        for sender in sorted(case.roles & known):
            if not (refers and sender is BROKER):
                yield Way(case, device, sender)
            if sender is BROKER and RemotePartyRole.SUPPLIER in known:
                yield Way(case, device, sender, RemotePartyRole.SUPPLIER)


@dataclass(slots=True)
class Synthesis:
    """Makes vectors for one way. ``status`` is what the header of an answer says of the clock."""

    way: Way
    keys: MemoryKeyStore
    twin: bool = False
    status: int = 0

    # DLMS

    def reading(self) -> Pair:
        """Everything that the use case reads is read."""
        return self._listed(len(self.way.case.instructions))

    def fault_at(self, place: int) -> Pair:
        """The hardware fails at an instruction; all before it reads, and goes well."""
        return self._listed(place)

    def _listed(self, good: int) -> Pair:
        case, maker = self.way.case, Maker(str(self.way), AT, twin=self.twin)
        arguments = [_argument(maker, step) for step in case.instructions if _needs_value(step)]
        command, header = self._command(dlms(case.name, *arguments).payload)
        request = decode_payload(command)
        assert isinstance(request, AccessRequest)
        data, results = [], []
        for place, step in enumerate(case.instructions):
            fine = place < good
            data.append(answer_of(maker, step, case, header, self.keys) if fine else NULL)
            late = ResultCode.HARDWARE_FAULT if place == good else ResultCode.OTHER_REASON
            results.append(Result(ANSWERED[step.op], ResultCode.SUCCESS if fine else late))
        return self._pair(command, header, AccessResponse(request.invoke_id, tuple(data), tuple(results)).encode())

    # GBZ

    def attributes(self, fault: int | None = None) -> Pair:
        """Attributes are read; the one of this number, counted through all components, is broken."""
        case, maker = self.way.case, Maker(str(self.way), AT)
        command, header = self._command(gbz(case.name).payload)
        answers, numbers, sealed, failed = list[Component](), count(), 0, False
        for place, step in enumerate(case.components):
            if failed:
                answers.append(_default(decoded_components(command)[place], ANY_COMMAND, FAILURE))
                continue
            records = [record_of(maker.random, step.cluster, attribute) for attribute in step.attributes]
            broken = [next(numbers) == fault for _ in records]
            failed = any(broken)
            records = [
                AttributeRecord(record.attribute, HARDWARE_FAILURE) if bad else record
                for record, bad in zip(records, broken, strict=True)
            ]
            answers.append(self._read(header, place, step.cluster, records, sealed))
            sealed += answers[-1].encrypted is not None
        return self._pair(command, header, GbzPayload(tuple(answers)).encode())

    def _read(
        self, header: Message, place: int, cluster: int, records: list[AttributeRecord], sealed: int
    ) -> Component:
        secret, content = is_secret(cluster, records), ReadAttributesResponse(tuple(records))
        quiet = secret and len(self.way.case.components) == 1  # where more is read, the default response stays enabled
        made = Component.general(cluster, content, place, to_client=True, disable_default_response=quiet)
        return encrypt_component(header, self.keys, made, sealed) if secret else made

    def refused(self) -> Pair:
        """The first component of a GBZ command fails for want of hardware, and with it all others."""
        case = self.way.case
        command, header = self._command(gbz(case.name, *_fields(case)).payload)
        components = decoded_components(command)
        first, *others = components
        answers = [_default(first, first.frame.command, HARDWARE_FAILURE)]
        answers += [_default(component, ANY_COMMAND, FAILURE) for component in others]
        return self._pair(command, header, GbzPayload(tuple(answers)).encode())

    # messages

    def _command(self, payload: Any) -> tuple[Message, Message]:
        """The command, and the header of its response."""
        way, case, number = self.way, self.way.case, next(_counters)
        sender, device = PARTIES[way.sender], DEVICES[way.device]
        reader = PARTIES[way.behind] if way.behind is not None else sender
        octets = payload(Header(number, sender, device, reader, AT))
        other = OtherInformation(case.message_code, *((reader, number - 300) if way.behind is not None else ()))
        message = Message(Cra.COMMAND, number, sender, device, other, octets)
        needed = case.protection_of(Cra.COMMAND, way.sender, way.device)
        message = sign(message, self.keys) if Protection.SIGNATURE in needed else message
        message = add_mac(message, self.keys, PARTIES[BROKER]) if Protection.MAC in needed else message
        status = self.status if case.message_code in TIMES_WITH_STATUS else NO_STATUS
        timed = CosemDateTime.at(AT, status).encode() if case.response_has_time else b""
        return message, Message(Cra.RESPONSE, number, device, sender, other, b"", timed)

    def _pair(self, command: Message, header: Message, payload: bytes) -> Pair:
        case, way = self.way.case, self.way
        response, needed = replace(header, payload=payload), case.protection_of(Cra.RESPONSE, way.sender, way.device)
        if Protection.SIGNATURE in needed:
            response = replace(response, signature=bytes(64))  # of what a device signs, all but this is compared
        else:
            response = add_mac(response, self.keys)
        return Pair(_vector("command", command), _vector("response", response))


def _vector(name: str, message: Message) -> Vector:
    return Vector(name, message.encode(), message, decode_payload(message))


def decoded_components(command: Message) -> tuple[Component, ...]:
    """The components of a GBZ command."""
    payload = decode_payload(command)
    assert isinstance(payload, GbzPayload)
    return payload.components


def _default(component: Component, command: int, status: int) -> Component:
    to_client = not component.frame.frame_control.to_client
    sequence = component.frame.sequence
    return Component.general(component.cluster, DefaultResponse(command, status), sequence, to_client=to_client)


def only_reads_attributes(case: UseCase) -> bool:
    """True for a GBZ use case that reads attributes and does nothing else."""
    return bool(case.components) and all(step.attributes for step in case.components)


def begins_with_command(case: UseCase) -> bool:
    """True for a GBZ use case whose first component is a command of a cluster."""
    return bool(case.components) and not case.components[0].attributes


# arguments


def _needs_value(step: Instruction) -> bool:
    if step.op not in (Operation.SET, Operation.ACTION) or step.reads:
        return False
    return not (len(step.fixed) == 1 and len(step.fixed[0].values) == 1 and step.fixed[0].name in FIXED_TYPES)


def _argument(maker: Maker, step: Instruction) -> Data:
    invoked = step.op is Operation.ACTION
    found = find(step.class_id, step.obis, "method" if invoked else "attribute", step.index)
    return maker.value(found.shape) if found is not None and found.shape.type else NULL


def _fields(case: UseCase) -> Iterator[dict[str, Any]]:
    """Fields that neither the use case fixes nor have a usual value: nothing, or none, of each."""
    for step in case.components:
        row = find_command(step.cluster, not step.to_server, step.command)
        if step.attributes or row is None:
            continue
        known = dict(row.fields.fields)
        fixed = {each.name for each in step.fixed} | {"issuer_event_id"}
        usual = {name for name, kind in known.items() if getattr(kind, "usual", NOT_GIVEN) is not NOT_GIVEN}
        missing = [name for name in known if name not in fixed | usual]
        for number in range(step.least if missing else 0):
            values = {each.name: each.values[min(number, len(each.values) - 1)] for each in step.fixed}
            yield _encodable(row, {name: values[name] for name in values if name in known}, missing)


_NOTHING: tuple[Any, ...] = (0, b"", (), (0, ()), (0,) * 7)


def _encodable(row: Any, given: dict[str, Any], missing: list[str]) -> dict[str, Any]:
    """The missing fields, each with the first kind of nothing that it can be written as."""
    chosen: dict[str, Any] = dict.fromkeys(missing, 0)
    event = {"issuer_event_id": 0} if "issuer_event_id" in dict(row.fields.fields) else {}
    for name in missing:
        for nothing in _NOTHING:
            chosen[name] = nothing
            if name not in _refused(row, {**event, **given, **chosen}):
                break
    return chosen


def _refused(row: Any, values: dict[str, Any]) -> tuple[Any, ...]:
    try:
        row.make(**values).encode()
    except (EncodeError, TypeError, ValueError, AttributeError) as error:
        return error.path if isinstance(error, EncodeError) else tuple(values)
    return ()
