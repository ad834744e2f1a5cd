"""What a response says of the device that gave it, and how a device is brought into that state.

Values that were read are preset as they were read; a log as its entries; what a protected read or an encrypted
component hides, after it is decrypted. An instruction that failed with a hardware fault becomes a fault of that piece
of hardware; what else can fail has its cause in the state or in the command.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from firmware_emu import Device
from firmware_emu.clock import ClockStatus
from firmware_emu.cosem import NoPreset, date_range, entry_range
from firmware_emu.protected_reads import BY_RANGE
from firmware_emu.refusals import ZCL_HARDWARE_FAILURE, Refused
from firmware_emu.zcl_server import ANY_COMMAND, Reply
from protocols.dlms.access import AccessRequest, AccessResponse, ResultCode, Service, Specification
from protocols.dlms.cosem_time import ClockStatus as CosemClockStatus
from protocols.dlms.data import Data, DataType
from protocols.dlms.data_protection import ProtectedRead
from protocols.errors import MeterbenchError
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.gbz import Component, GbzPayload
from protocols.gbcs.keys import KeyStore
from protocols.gbcs.sensitive import decrypt_payload
from protocols.instant import Instant
from protocols.zigbee.zcl import ClusterCommand, DefaultResponse, ReadAttributes, ReadAttributesResponse

from .moment import header_status
from .vectors import Pair

Step = Callable[[], None]
Seen = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing that the state must have: ``what`` names it, ``apply`` brings it about.

    ``pin`` has the device show the value where its rules say that it cannot be, and ``seen`` tells whether it does
    show it; None where there is no such way.
    """

    what: str
    apply: Step
    pin: Step | None = None
    seen: Seen | None = None


class Loaded(NamedTuple):
    """``missing`` is what could not be had; ``forbidden`` what is shown though the device's rules forbid it."""

    missing: list[str]
    forbidden: list[str]


def load(device: Device, pair: Pair, keys: KeyStore) -> Loaded:
    """Bring a device into the state that a response speaks of.

    A value may be refused because another one is not there yet; what was refused is tried again behind the rest.
    """
    _set_clock(device, header_status(pair))
    everything = list(_wanted(device, pair, keys))
    waiting = everything
    while waiting:
        refused = [(wanted, reason) for wanted in waiting if (reason := _try(wanted.apply))]
        if len(refused) == len(waiting):
            break
        waiting = [wanted for wanted, _ in refused]
    else:
        refused = []
    _set_counters(device, pair)
    loaded = Loaded([], [])
    tried = {id(wanted) for wanted, _ in refused}
    otherwise = [each for each in everything if id(each) not in tried and each.seen is not None and not each.seen()]
    for wanted, reason in [*refused, *((each, _SHOWN_OTHERWISE) for each in otherwise)]:
        pinned = wanted.pin is not None and not _try(wanted.pin)
        (loaded.forbidden if pinned else loaded.missing).append(f"{wanted.what}: {reason}")
    return loaded


_SHOWN_OTHERWISE = "the device takes this state, but shows another"


def _set_clock(device: Device, status: CosemClockStatus) -> None:
    """How far the device trusts its clock, or that what it holds was measured by another one."""
    if status & CosemClockStatus.DOUBTFUL:
        device.clock.set_status(ClockStatus.UNRELIABLE)
    if status & CosemClockStatus.DIFFERENT_CLOCK_BASE and device.clock.preset_data_time is not None:
        device.clock.preset_data_time(device.now)


def _try(apply: Step) -> str:
    """Why a thing cannot be had; empty if it now is."""
    try:
        apply()
    except NoPreset as missing:
        return str(missing)
    except Refused as refused:
        return f"the device refuses this state ({refused})"
    except MeterbenchError as error:  # such as a certificate that cannot be read
        return str(error)
    return ""


def _set_counters(device: Device, pair: Pair) -> None:
    """The device's own counter for an unknown party is one below what it now answers with."""
    own = pair.response.message.other.supplementary_originator_counter
    if own is not None:
        device.counters.state.supplementary = own - 1
        device.counters.touch()


def _wanted(device: Device, pair: Pair, keys: KeyStore) -> Iterator[Wanted]:
    request, answer = pair.command.payload, pair.response.payload
    if isinstance(request, AccessRequest) and isinstance(answer, AccessResponse):
        yield from _wanted_dlms(device, pair, request, answer, keys)
    elif isinstance(request, GbzPayload) and isinstance(answer, GbzPayload):
        yield from _wanted_gbz(device, pair, request, answer, keys)
    elif isinstance(request, Asn1Payload) and isinstance(answer, Asn1Payload):
        code = pair.command.message.message_code
        yield Wanted(f"message code {code:04X}", partial(device.asn1.preset, code, answer.value, request.value))


# DLMS


def _wanted_dlms(
    device: Device, pair: Pair, request: AccessRequest, answer: AccessResponse, keys: KeyStore
) -> Iterator[Wanted]:
    hidden = {part.place: part.value for part in decrypt_payload(pair.response.message, answer, keys)}
    answers = zip(request.specifications, request.data, answer.data, answer.results, strict=False)
    presets = frozenset(device.cosem.presets())
    uses: Counter[tuple[int, bytes, int]] = Counter()
    for place, (spec, argument, value, result) in enumerate(answers):
        key = (spec.class_id, spec.obis, spec.attribute)
        if result.code == ResultCode.HARDWARE_FAULT:
            device.cosem.faults[key] = ResultCode.HARDWARE_FAULT
            device.cosem.good_uses[key] = uses[key]
        uses[key] += 1
        if result.code:
            continue
        if place in hidden:
            yield from _wanted_protected(device, argument, hidden[place])
        elif value.type is not DataType.NULL or (spec.service is Service.ACTION and (key, True) in presets):
            yield _wanted_value(device, spec, value)


def _wanted_value(device: Device, spec: Specification, value: Data) -> Wanted:
    key, cosem = (spec.class_id, spec.obis, spec.attribute), device.cosem
    if spec.service is Service.ACTION:
        return Wanted(_named(*key), partial(cosem.preset, key, value, method=True))
    between = entry_range(spec) if spec.service is Service.GET_SELECTED else ()
    return _wanted_reading(device, key, value, between)


def _wanted_reading(
    device: Device, key: tuple[int, bytes, int], value: Data, between: tuple[Instant, Instant] | tuple[()]
) -> Wanted:
    """An attribute, or the entries of a log ``between`` two times."""
    cosem = device.cosem
    seen = partial(cosem.shows, key, value, *between)
    return Wanted(_named(*key), partial(cosem.preset, key, value), partial(cosem.pin, key, value), seen)


def _wanted_protected(device: Device, argument: Data, hidden: Data | Component) -> Iterator[Wanted]:
    """The objects that a protected read lists, with the members of the decrypted structure."""
    asked = ProtectedRead.from_data(argument)
    if asked is None or isinstance(hidden, Component) or hidden.type is not DataType.STRUCTURE:
        return
    for each, value in zip(asked.objects, hidden.value, strict=False):
        between = date_range(each.restriction) if each.restriction_type == BY_RANGE else ()
        yield _wanted_reading(device, (each.class_id, each.obis, each.attribute), value, between)


def _named(class_id: int, obis: bytes, number: int) -> str:
    a, b, c, d, e, f = obis
    return f"{class_id}/{a}-{b}:{c}.{d}.{e}.{f} {number}"


# GBZ


def _wanted_gbz(
    device: Device, pair: Pair, request: GbzPayload, answer: GbzPayload, keys: KeyStore
) -> Iterator[Wanted]:
    hidden = {part.place: part.value for part in decrypt_payload(pair.response.message, answer, keys)}
    opened = [hidden.get(place, component) for place, component in enumerate(answer.components)]
    uses: Counter[tuple[int, bool, int]] = Counter()
    for asked in request.components:
        answers = [
            each for each in opened if isinstance(each, Component) and each.frame.sequence == asked.frame.sequence
        ]
        if isinstance(asked.content, ReadAttributes):
            yield from _wanted_attributes(device, asked, answers)
        elif isinstance(asked.content, ClusterCommand):
            yield from _wanted_command(device, asked, asked.content, answers, uses)


def _wanted_attributes(device: Device, asked: Component, answers: list[Component]) -> Iterator[Wanted]:
    cluster = asked.cluster
    for answer in answers:
        records = answer.content.records if isinstance(answer.content, ReadAttributesResponse) else ()
        for record in records:
            if record.status == ZCL_HARDWARE_FAILURE:
                device.zcl.faults[cluster, record.attribute] = ZCL_HARDWARE_FAILURE
            elif not record.status:
                preset = partial(device.zcl.preset_attribute, cluster, record.attribute, record.value)
                pin = partial(device.zcl.pin_attribute, cluster, record)
                seen = partial(device.zcl.shows_attribute, cluster, record)
                yield Wanted(f"attribute {cluster:04X}/{record.attribute:04X}", preset, pin, seen)


def _wanted_command(
    device: Device,
    asked: Component,
    command: ClusterCommand,
    answers: list[Component],
    uses: Counter[tuple[int, bool, int]],
) -> Iterator[Wanted]:
    row = command.row
    key = (row.cluster, row.to_client, row.command)
    published = [each.content for each in answers if isinstance(each.content, ClusterCommand)]
    defaults = [each.content for each in answers if isinstance(each.content, DefaultResponse)]
    if any(default.status == ZCL_HARDWARE_FAILURE for default in defaults):
        device.zcl.faults[key] = ZCL_HARDWARE_FAILURE
        device.zcl.good_uses[key] = uses[key]
    else:
        name = f"command {row.cluster:04X}/{row.command:02X} [{asked.frame.sequence}]"
        wanted = Wanted(name, _nothing)
        if published or (device.zcl.can_preset(row) and any(not default.status for default in defaults)):
            wanted = Wanted(name, partial(device.zcl.preset_command, command, published))
        yield wanted if not _only_asks(command) else _with_answer(device, wanted, asked, answers)
    uses[key] += 1


def _nothing() -> None:
    """The state is not known to need anything."""


def _only_asks(command: ClusterCommand) -> bool:
    """True for a command that changes nothing; the specification's names of these, and no others, begin so."""
    return command.name.startswith("Get ")


def _with_answer(device: Device, wanted: Wanted, asked: Component, answers: list[Component]) -> Wanted:
    """The same, with a way to have just this command answered so."""
    replies = [_reply(each, each.content) for each in answers if isinstance(each.content, ClusterCommand)]
    statuses = [each.content for each in answers if isinstance(each.content, DefaultResponse)]
    if any(each.command == ANY_COMMAND for each in statuses):
        return wanted  # an earlier one has failed
    answer = statuses[0].status if statuses else replies
    zcl = device.zcl
    return Wanted(
        wanted.what, wanted.apply, partial(zcl.pin_answer, asked, answer), partial(zcl.shows_answer, asked, answer)
    )


def _reply(answer: Component, content: ClusterCommand) -> Reply:
    return Reply(content, answer.frame.frame_control.disable_default_response, answer.encrypted is not None)
