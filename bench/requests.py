"""Payloads of commands, made from the catalogue: the list that a use case fixes, with the values that a test gives.

A ``Request`` is a use case with what is needed to make its payload once the header is known: the counter is part of
DLMS invoke ids, of protected reads and of tokens, so a payload cannot be made before its header.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from protocols.der import NEVER
from protocols.dlms.access import Specification, access_request, action, get, get_selected, invoke_id_of, set_to
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, array, boolean, enum, int8, int32, octet_string, structure, uint8, uint16, uint32
from protocols.dlms.data_protection import ProtectedObject, ProtectedRead, ProtectionParameters
from protocols.errors import LocalProtocolError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_device import ActivateFirmwareCommand
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.gbz import Component, GbzPayload
from protocols.gbcs.use_cases import UseCase, by_name
from protocols.gbcs.use_cases_instructions import Fixed, GbzInstruction, Instruction, Operation
from protocols.instant import Instant
from protocols.zigbee.smart_energy import find_command
from protocols.zigbee.zcl import CommandRow, ReadAttributes

if TYPE_CHECKING:
    from .products.gate import ClearedImage

ACTIVATE_FIRMWARE = 0x0012
"""The message code of the command that activates firmware (CS06)."""
START_OF_TIME: Instant = 0
END_OF_TIME: Instant = 0xFFFF_FFFE
"""The open ends of a range of entries, in seconds; how the specification writes them is not public."""


class Header(NamedTuple):
    """What a payload may depend on. ``reader`` is the party that encrypted parts of the answer are for.

    ``now`` is the head end's time, by which it numbers what it issues to gas devices.
    """

    counter: int
    originator: Eui64
    recipient: Eui64
    reader: Eui64
    now: Instant


class Period(NamedTuple):
    """From and to, both included."""

    start: Instant = START_OF_TIME
    end: Instant = END_OF_TIME


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask of a device. ``title`` says it in words; ``top_up``: the counter must suit a prepayment token.

    ``cleared`` is the image that an activation of firmware is for, without which none is built. ``due`` is when the
    device carries it out, None for at once.
    """

    use_case: UseCase
    payload: Callable[[Header], bytes]
    title: str
    top_up: bool = False
    cleared: ClearedImage | None = None
    due: Instant | None = None


def use_case(name: str) -> UseCase:
    """The use case of a short name. Raises LocalProtocolError."""
    found = by_name(name)
    if found is None:
        raise LocalProtocolError(f"no use case is called {name!r}")
    return found


# -- DLMS --------------------------------------------------------------------------------------------------------

FIXED_TYPES: Mapping[str, Callable[[Any], Data]] = {
    "script": uint16,
    "reset": int8,
    "clock_base": enum,
    "adjust_to_preset_time": int8,
    "invoke_credit": int8,
    "activate_passive_unit_charge": int8,
    "set_amount_to_value": int32,
    "enable_disable_joining": boolean,
    "value": uint8,
}
"""How the one constant argument of an instruction is written, by its name."""

_CAPTURE_TIME = structure(uint16(1), octet_string(bytes.fromhex("00005E2C64FF")), int8(2), uint16(0))
"""The column by which log entries are selected: the time of capture (class 1, 0-0:94.44.100.255, attribute 2)."""


def dlms(
    name: str,
    *values: Data,
    period: Period | None = None,
    leave_out: Collection[int] = (),
    title: str = "",
) -> Request:
    """A DLMS request: every instruction of the use case, in order.

    ``values`` fill, in order, the instructions that write or invoke and whose argument the use case does not fix
    wholly; ``period`` limits reads of logs; ``leave_out`` numbers (from 0) optional instructions to omit.
    """
    case = use_case(name)
    chosen = _chosen(case, leave_out)

    def payload(header: Header) -> bytes:
        left = deque(values)
        steps = [_step(instruction, left, period or Period(), header) for instruction in chosen]
        if left:
            raise LocalProtocolError(f"{name}: {len(left)} values too many")
        return access_request(invoke_id_of(header.counter), *steps).encode()

    return Request(case, payload, title or case.what)


def _chosen(case: UseCase, leave_out: Collection[int]) -> tuple[Instruction, ...]:
    for index in leave_out:
        if not case.instructions[index].optional:
            raise LocalProtocolError(f"{case.name}: instruction {index} may not be left out")
    return tuple(made for index, made in enumerate(case.instructions) if index not in leave_out)


def _step(wanted: Instruction, values: deque[Data], period: Period, header: Header) -> tuple[Specification, Data]:
    target = (wanted.class_id, wanted.obis, wanted.index)
    if wanted.op is Operation.GET:
        return get(*target)
    if wanted.op is Operation.GET_WITH_SELECTION:
        return get_selected(*target, 1, _range(period))
    argument = _argument(wanted, values, period, header)
    return set_to(*target, argument) if wanted.op is Operation.SET else action(*target, argument)


def _range(period: Period) -> Data:
    return structure(_CAPTURE_TIME, uint32(period.start), uint32(period.end), array())


def _argument(wanted: Instruction, values: deque[Data], period: Period, header: Header) -> Data:
    if wanted.reads:
        return protected_read(wanted, period, header).to_data()
    if len(wanted.fixed) == 1 and len(wanted.fixed[0].values) == 1 and wanted.fixed[0].name in FIXED_TYPES:
        return FIXED_TYPES[wanted.fixed[0].name](wanted.fixed[0].values[0])
    if not values:
        raise LocalProtocolError(f"a value is missing for class {wanted.class_id}, {wanted.obis.hex('.')}")
    return values.popleft()


def protected_read(wanted: Instruction, period: Period, header: Header) -> ProtectedRead:
    """The argument of a protected read, for the party that may read the answer."""
    objects = tuple(
        ProtectedObject.between(read.class_id, read.obis, read.attribute, _cosem(period.start), _cosem(period.end))
        if read.by_range
        else ProtectedObject(read.class_id, read.obis, read.attribute)
        for read in wanted.reads
    )
    return ProtectedRead(objects, ProtectionParameters.of(header.counter, header.reader, header.recipient))


def _cosem(at: Instant) -> bytes:
    return CosemDateTime.at(at).encode()


# -- GBZ ---------------------------------------------------------------------------------------------------------


def gbz(name: str, *fields: Mapping[str, Any], at: Instant | None = None, title: str = "") -> Request:
    """A GBZ request: every component of the use case, in order.

    ``fields`` give, in order, the fields of the cluster commands that neither the use case fixes nor have a usual
    value. A component that the use case repeats a fixed number of times is repeated; its fixed fields may then be a
    list of values, one for each. ``at`` is the from-date-time of dated components.
    """
    case = use_case(name)

    def payload(header: Header) -> bytes:
        left = deque(fields)
        made: list[Component] = []
        for wanted in case.components:
            made += _components(wanted, left, at, len(made), header)
        if left:
            raise LocalProtocolError(f"{name}: fields of {len(left)} components too many")
        return GbzPayload(tuple(made)).encode()

    return Request(case, payload, title or case.what, due=at)


def _components(
    wanted: GbzInstruction, fields: deque[Mapping[str, Any]], at: Instant | None, sequence: int, header: Header
) -> list[Component]:
    if wanted.attributes:
        return [Component.general(wanted.cluster, ReadAttributes(wanted.attributes), sequence)]
    row = find_command(wanted.cluster, not wanted.to_server, wanted.command)
    if row is None:
        raise LocalProtocolError(f"no command {wanted.command:02X} of cluster {wanted.cluster:04X}")
    made: list[Component] = []
    while len(made) < wanted.least or (_more(wanted, len(made)) and fields and _fits(row, wanted, fields[0])):
        values = _fixed_fields(row, wanted, len(made), header)
        if fields and (len(made) >= wanted.least or set(fields[0]) <= set(dict(row.fields.fields))):
            values |= fields.popleft()
        moment = (0 if at is None else at) if wanted.timed else None
        made.append(Component.of(row.make(**values), sequence + len(made), moment))
    return made


def _more(wanted: GbzInstruction, number: int) -> bool:
    return wanted.most is None or number < wanted.most


def _fits(row: CommandRow, wanted: GbzInstruction, given: Mapping[str, Any]) -> bool:
    """Whether ``given`` makes another component of this row: nothing strange in it and nothing missing."""
    known = dict(row.fields.fields)
    fixed = {each.name for each in wanted.fixed}
    needed = {name for name, kind in known.items() if not hasattr(kind, "usual")} - fixed - {"issuer_event_id"}
    return needed <= set(given) <= set(known)


def _fixed_fields(row: CommandRow, wanted: GbzInstruction, number: int, header: Header) -> dict[str, Any]:
    known = dict(row.fields.fields)
    values = {fixed.name: _of_many(fixed, number) for fixed in wanted.fixed if fixed.name in known}
    return values | ({"issuer_event_id": header.now} if "issuer_event_id" in known else {})


def _of_many(fixed: Fixed, number: int) -> Any:
    return fixed.values[number] if number < len(fixed.values) else fixed.values[0]


# -- ASN.1 -------------------------------------------------------------------------------------------------------


def asn1(name: str, value: Any, title: str = "") -> Request:
    """An ASN.1 request. ``value`` is the command's dataclass, or a function that makes it from the header."""
    case = use_case(name)

    def payload(header: Header) -> bytes:
        return Asn1Payload(value(header) if callable(value) else value).encode()

    return Request(case, payload, title or case.what, due=_later(getattr(value, "execute_at", None)))


def activate_firmware(cleared: ClearedImage, at: Instant | None = None, title: str = "") -> Request:
    """Activate an image that the device holds: at once, or ``at`` a time in the future."""
    case = use_case("CS06")

    def payload(header: Header) -> bytes:
        return Asn1Payload(ActivateFirmwareCommand(cleared.digest, header.counter, at)).encode()

    return Request(case, payload, title or case.what, cleared=cleared, due=_later(at))


def cancel_activation(cleared: ClearedImage, title: str = "Cancel the activation of firmware") -> Request:
    """Take back an activation that is still to come."""
    return activate_firmware(cleared, NEVER, title)


def _later(at: Instant | None) -> Instant | None:
    """A time of execution; that which cancels is none."""
    return None if at == NEVER else at


def all_texts(values: Sequence[str]) -> tuple[Data, ...]:
    """Texts as octet strings, the way DLMS use cases carry them."""
    return tuple(octet_string(text.encode()) for text in values)
