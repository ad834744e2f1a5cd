"""What makes the alerts of auxiliary proportional controllers: limits are set, and end."""

from __future__ import annotations

from firmware_emu import Output
from firmware_emu.parts.electricity.auxiliary import LOAD
from firmware_emu.parts.electricity.auxiliary_control import CONTROLLERS, FULL, Direction
from protocols.dlms.access import Specification, action, set_to
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, DataType, octet_string, uint16
from protocols.dlms.obis import obis
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import Instant

from .stage import EARLIER, NoCause, Stage

_SET_STATE, _SET_LIMIT = 0x011E, 0x011F
_STATES, _LIMITS = "0-0:10.0.103.255", "0-0:10.0.107.255"
_STATE_PERIOD, _LIMIT_PERIOD = (1, 2), (3, 4)


def limit_processed(stage: Stage) -> list[Output]:
    """The load controller limits a controller for the period that the alert names."""
    level = _number(stage, 3)
    device = stage.make(stage.at)
    request = stage.request(*_steps(stage, _LIMITS, _LIMIT_PERIOD, (stage.moment(1), stage.moment(2)), level))
    return device.receive(_send(stage, _SET_LIMIT, RemotePartyRole.LOAD_CONTROLLER, request.encode()), stage.at)


def limit_ended(stage: Stage) -> list[Output]:
    """The supplier has set a level, the load controller limits it, and the limit ends."""
    before, level = stage.at - EARLIER, _number(stage, 1)
    device = stage.make(before)
    state = stage.request(*_steps(stage, _STATES, _STATE_PERIOD, (before, stage.at + EARLIER), level))
    outputs = device.receive(_send(stage, _SET_STATE, RemotePartyRole.SUPPLIER, state.encode()), before)
    limit = stage.request(*_steps(stage, _LIMITS, _LIMIT_PERIOD, (before, stage.at), 0))
    outputs += device.receive(_send(stage, _SET_LIMIT, RemotePartyRole.LOAD_CONTROLLER, limit.encode()), before)
    return [*outputs, *device.advance(stage.at)]


def load_reports(stage: Stage) -> list[Output]:
    """The controlled load says something of itself while its levels are as the alert has them."""
    number = stage.fact("number", stage.fact("controller", Direction.OUTPUT << 4 | 1) & 15)
    output, feed, text = stage.fact("output", 0), stage.fact("input", 0), stage.facts.get("text", "")
    if not stage.facts or not 1 <= number <= CONTROLLERS or max(output, feed) > FULL:
        raise NoCause("the alert has no form that is known")
    device, outputs = stage.make(stage.at), list[Output]()
    for direction, level in ((1, output), (2, feed)):
        period = (stage.at, stage.at + EARLIER)
        target = uint16(direction << 12 | number << 8 | level)
        state = stage.request(*_bounds(number, _STATE_PERIOD, period), action(9, obis(_STATES), 1, target))
        outputs += device.receive(_send(stage, _SET_STATE, RemotePartyRole.SUPPLIER, state.encode()), stage.at)
    return [*outputs, *device.sense(f"{LOAD}{number}: {text}", True, stage.at)]


def _number(stage: Stage, place: int) -> int:
    members = stage.body
    if place >= len(members) or members[place].type is not DataType.UINT8:
        raise NoCause(f"member {place} of the body is no number")
    number: int = members[place].value
    return number


def _steps(
    stage: Stage, script: str, period: tuple[int, int], moments: tuple[Instant, Instant], level: int
) -> list[tuple[Specification, Data]]:
    """Start, end, and the script that names direction, controller and level."""
    direction, number = divmod(_number(stage, 0), 16)
    return [
        *_bounds(number, period, moments),
        action(9, obis(script), 1, uint16(direction << 12 | number << 8 | level)),
    ]


def _bounds(number: int, period: tuple[int, int], moments: tuple[Instant, Instant]) -> list[tuple[Specification, Data]]:
    """Writes of start and end."""
    return [
        set_to(1, obis(f"0-0:94.44.{116 + number}.{which}"), 2, octet_string(CosemDateTime.at(moment).encode()))
        for which, moment in zip(period, moments, strict=True)
    ]


def _send(stage: Stage, message_code: int, role: RemotePartyRole, payload: bytes) -> bytes:
    return stage.command(message_code, stage.party(role), payload)
