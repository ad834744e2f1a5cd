"""What makes the generic alerts, by the code of the event: sensors, keys, and commands that a device must refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from firmware_emu import Output
from firmware_emu.dispatcher import (
    AUTHENTICATION_FAILURE,
    FORMAT_FAILURE,
    NO_AUTHORITY,
    UNKNOWN_ORIGINATOR,
)
from firmware_emu.parts import tamper
from firmware_emu.parts.gas import guard as gas_guard
from firmware_emu.parts.token_gateway import (
    CREDIT_ADDED_LOCALLY,
    KEYPAD_LOCKED,
    REFUSED_WHILE_LOCKED,
    TYPED,
)
from protocols.dlms.access import DataNotification
from protocols.eui64 import eui64
from protocols.gbcs.gbz import GbzAlert
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.use_cases import Kind, UseCase, all_use_cases
from protocols.gbcs.utrn import ValueClass, make_utrn
from protocols.instant import DAY

from .stage import EARLIER, Cause, NoCause, Stage

CLOCK_NOT_CORRECTED = 0x8F0C
_FAR_OFF = 600
"""Seconds that a hub's time is off, so that a device does not take it."""
_STRANGER = eui64("02-00-00-00-00-00-00-01")
_WRONG_TOKEN = "0" * 20
_TRIES = 5


def cause_of_event(stage: Stage) -> list[Output]:
    """What leads to the event that a generic alert tells."""
    payload = stage.alert.payload
    if isinstance(payload, GbzAlert):
        code = payload.alert_code
    elif isinstance(payload, DataNotification):
        code = payload.body.value[0].value
    else:
        raise NoCause("the alert has no code")
    cause = _CAUSES.get(code)
    if cause is None:
        raise NoCause(f"no cause is known of the event {code:04X}")
    return cause(stage)


# commands that are refused


def refused_role(stage: Stage) -> list[Output]:
    """A party sends what its role may not send."""
    device = stage.make(stage.at)
    kind, roles = device.personality.device, device.credentials.roles_of(stage.recipient)

    def is_forbidden(use_case: UseCase) -> bool:
        return use_case.kind is Kind.COMMAND and kind in use_case.devices and not use_case.roles & frozenset(roles)

    code = next((use_case.message_code for use_case in all_use_cases() if is_forbidden(use_case)), None)
    if code is None:
        raise NoCause("the recipient may send everything")
    return device.receive(stage.command(code, stage.recipient, b""), stage.at)


def wrong_mac(stage: Stage) -> list[Output]:
    """A command is altered on its way."""
    device = stage.make(stage.at)
    kind, roles = device.personality.device, frozenset(device.credentials.roles_of(stage.recipient))

    def is_allowed(use_case: UseCase) -> bool:
        return use_case.kind is Kind.COMMAND and kind in use_case.devices and bool(use_case.roles & roles)

    code = next((use_case.message_code for use_case in all_use_cases() if is_allowed(use_case)), None)
    if code is None:
        raise NoCause("the recipient may send nothing")
    message = Message.decode(stage.command(code, stage.recipient, b"\x00"))
    return device.receive(replace(message, payload=b"\x01").encode(), stage.at)


def stranger(stage: Stage) -> list[Output]:
    """Somebody sends a command whom the device does not know."""
    device = stage.make(stage.at)
    code = next(use_case.message_code for use_case in all_use_cases() if device.personality.device in use_case.devices)
    message = Message(Cra.COMMAND, 1, _STRANGER, device.identity, OtherInformation(code), b"", b"", b"", bytes(12))
    return device.receive(message.encode(), stage.at)


def garbage(stage: Stage) -> list[Output]:
    """Octets come that are no message."""
    return stage.make(stage.at).receive(b"\x00", stage.at)


# the clock, tokens


def clock_far_off(stage: Stage) -> list[Output]:
    """The hub's time is far from the device's when they are compared."""
    device = stage.make(stage.at - DAY)
    device.hear_hub_time(stage.at - DAY + _FAR_OFF, True, stage.at - DAY)
    return device.advance(stage.at)


def local_top_up(stage: Stage) -> list[Output]:
    """The consumer types a token of the supplier."""
    device = stage.make(stage.at)
    supplier = stage.party(RemotePartyRole.SUPPLIER)
    token = make_utrn(stage.workshop.far_side, supplier, device.identity, 1, 1, ValueClass.POUNDS).encode()
    return device.press(f"{TYPED}{token.decode()}", stage.at)


def wrong_tokens(stage: Stage, tries: int = _TRIES) -> list[Output]:
    """The consumer types tokens that are none until the keypad is locked, or once more."""
    device = stage.make(stage.at)
    outputs: list[Output] = []
    for _ in range(tries):
        outputs += device.press(f"{TYPED}{_WRONG_TOKEN}", stage.at)
    return outputs


# sensors


def sensed(signal: str, active: bool, stage: Stage) -> list[Output]:
    """A sensor changes; for the end of something it has to begin first."""
    device = stage.make(stage.at - EARLIER)
    outputs = [] if active else device.sense(signal, True, stage.at - EARLIER)
    return [*outputs, *device.sense(signal, active, stage.at)]


def power_cut(stage: Stage) -> list[Output]:
    """A device with a battery is without power for a while."""
    device = stage.make(stage.at - EARLIER)
    return [*device.power_off(stage.at - EARLIER), *device.power_on(stage.at)]


def _sensor_causes() -> dict[int, Cause]:
    causes: dict[int, Cause] = {}
    for signal, sensor in (*tamper.SENSORS.items(), *gas_guard.TAMPERS.items()):
        causes.setdefault(sensor.begin, partial(sensed, signal, True))
        if sensor.end is not None:
            causes.setdefault(sensor.end, partial(sensed, signal, False))
    for signal, code in gas_guard.FAULTS.items():
        causes.setdefault(code, partial(sensed, signal, True))
    return causes


_CAUSES: Mapping[int, Cause] = {
    **_sensor_causes(),
    NO_AUTHORITY: refused_role,
    AUTHENTICATION_FAILURE: wrong_mac,
    UNKNOWN_ORIGINATOR: stranger,
    FORMAT_FAILURE: garbage,
    CLOCK_NOT_CORRECTED: clock_far_off,
    CREDIT_ADDED_LOCALLY: local_top_up,
    KEYPAD_LOCKED: wrong_tokens,
    REFUSED_WHILE_LOCKED: partial(wrong_tokens, tries=_TRIES + 1),
    gas_guard.POWER_LOST: power_cut,
}
