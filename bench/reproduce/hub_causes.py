"""What makes the alerts of a communications hub: its device log, its sub-GHz radio, messages that it cannot deliver."""

from __future__ import annotations

from functools import partial

from firmware_emu import Device, Output
from firmware_emu.parts.hub.device_log import (
    BACKUP,
    CAPACITY,
    INSTALL_CODE,
    LOG_IN_FORCE,
    NETWORK_CONTROL,
    REGISTER,
    UNREGISTER,
    HubDeviceLog,
    ListedType,
)
from firmware_emu.parts.hub.forwarding import Forwarding
from firmware_emu.parts.hub.sub_ghz import (
    CONFIGURATION,
    HAND_HELD_TERMINAL,
    MOST_DEVICES,
    SCAN,
    SCAN_LASTS,
    Assessment,
    SubGhz,
    Trigger,
)
from protocols.dlms.access import action, set_to
from protocols.dlms.data import Data, DataType, array, enum, octet_string, structure, uint8
from protocols.dlms.obis import obis
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.roles import RemotePartyRole

from .stage import NoCause, Stage

_ADD, _REMOVE, _CONFIGURE, _SCAN = 0x0001, 0x0002, 0x010D, 0x010E
_BROKER = RemotePartyRole.ACCESS_CONTROL_BROKER
_ANOTHER = eui64("02-00-00-00-00-00-00-01")
_READ = 0x0059
"""The message code of messages that only pass through; any will do."""
_LONG_MESSAGE = 60_000
_MOST_MESSAGES = 100
_MUCH_NOISE = 100


def device_log_changed(stage: Stage) -> list[Output]:
    """A device that was in the log beside those that the alert lists is taken out of it."""
    pan, listed = stage.octets(1, 8), stage.body[2] if len(stage.body) == 3 else None
    if listed is None or listed.type is not DataType.ARRAY:
        raise NoCause("the alert lists no devices")
    if len(listed.value) >= CAPACITY:
        return _joins(stage, pan, listed)
    device = stage.make(stage.at)
    another = structure(octet_string(_ANOTHER), octet_string(b""))
    _put_log(stage, pan, array(*listed.value, another))
    remove = stage.request(action(NETWORK_CONTROL, obis(LOG_IN_FORCE), UNREGISTER, octet_string(_ANOTHER)))
    return device.receive(stage.command(_REMOVE, stage.party(_BROKER), remove.encode()), stage.at)


def _joins(stage: Stage, pan: bytes, listed: Data) -> list[Output]:
    """The log is full: one of its devices comes to have its link key."""
    device = stage.make(stage.at)
    for place, pair in enumerate(listed.value):
        party, key_hash = (member.value for member in pair.value)
        if key_hash:
            waiting = structure(octet_string(party), octet_string(b""))
            before = array(*listed.value[:place], waiting, *listed.value[place + 1 :])
            _put_log(stage, pan, before)
            log = device.find(HubDeviceLog)
            return device.through(partial(log.joined, Eui64(party), key_hash), stage.at)
    raise NoCause("a full log in which no device has a key")


def _put_log(stage: Stage, pan: bytes, devices: Data) -> None:
    device, key = stage.device, (NETWORK_CONTROL, obis(LOG_IN_FORCE), BACKUP)
    value = structure(octet_string(b""), octet_string(pan), devices)
    device.through(lambda: device.cosem.preset(key, value, method=True), stage.at)


# the radio


def configuration_changed(stage: Stage) -> list[Output]:
    """The broker writes the configuration that the alert repeats."""
    (configuration,) = stage.body
    device = stage.make(stage.at)
    request = stage.request(set_to(1, obis(CONFIGURATION), 2, configuration))
    return device.receive(stage.command(_CONFIGURE, stage.party(_BROKER), request.encode()), stage.at)


def scan_requested(stage: Stage) -> list[Output]:
    """The broker asks for a scan; the radio is as busy as the alert says, or an installer is there."""
    device = stage.make(stage.at)
    assessment = stage.fact("assessment", Assessment.ACCEPTED)
    outputs = _keep_busy(stage, _ANOTHER) if assessment == Assessment.DUTY_CYCLE_TOO_HIGH else []
    terminal = assessment == Assessment.HAND_HELD_TERMINAL_CONNECTED
    outputs += device.sense(HAND_HELD_TERMINAL, terminal, stage.at)
    request = stage.request(set_to(1, obis(SCAN), 2, uint8(0)))
    return [*outputs, *device.receive(stage.command(_SCAN, stage.party(_BROKER), request.encode()), stage.at)]


def channel_changed(stage: Stage) -> list[Output]:
    """A scan, for the reason that the alert gives, finds that all channels but one are noisy."""
    change = stage.fact("change", 0)
    channel, number = stage.fact("channel", change >> 24), stage.fact("trigger", change & 0xFF)
    if not channel or number not in {*Trigger}:
        raise NoCause("the alert names no channel in a form that is known")
    before, mask = stage.at - SCAN_LASTS, f"{channel:032b}"
    device, trigger = stage.make(before), Trigger(number)
    radio = device.find(SubGhz)
    if radio.state.channel == mask:
        radio.state.channel = next(each for each in radio.channels() if each != mask)
    radio.noise = {each: _MUCH_NOISE for each in radio.channels() if each != mask}
    if trigger is Trigger.REMOTE_COMMAND:
        request = stage.request(set_to(1, obis(SCAN), 2, uint8(0)))
        outputs = device.receive(stage.command(_SCAN, stage.party(_BROKER), request.encode()), before)
    else:
        outputs = device.through(lambda: radio.request_scan(trigger), before)
    return [*outputs, *device.advance(stage.at)]


def limited_duty_cycle(stage: Stage) -> list[Output]:
    """So much is sent to a device that the hub has to silence it."""
    number = stage.fact("device", 0)
    stage.make(stage.at)
    return _keep_busy(stage, Eui64(number.to_bytes(8, "big")) if number else _ANOTHER)


def message_dropped(stage: Stage) -> list[Output]:
    """A message comes for a device that has been silenced."""
    message = _passing(stage.octets(0, 25))
    stage.make(stage.at)
    outputs = _keep_busy(stage, message.recipient)
    return [*outputs, *stage.device.receive(message.encode(), stage.at)]


def capacity_reached(stage: Stage) -> list[Output]:
    """One device more than the radio can serve wants to join in this band."""
    wanted = Eui64(stage.octets(0, 8))
    device = stage.make(stage.at)
    radio = device.find(SubGhz)
    others = [Eui64(number.to_bytes(8, "big")) for number in range(1, MOST_DEVICES + 1)]
    outputs: list[Output] = []
    for each in (*others, wanted):
        outputs += device.through(partial(radio.admit, each), stage.at)
    return outputs


def message_undelivered(stage: Stage) -> list[Output]:
    """The radio cannot hand over a message for the electricity meter."""
    message = _passing(stage.octets(0, 25))
    device = stage.make(stage.at)
    outputs = _register(stage, message.recipient, ListedType.ESME)
    forwarding = device.find(Forwarding)
    return [*outputs, *device.through(lambda: forwarding.undelivered(message.encode()), stage.at)]


def _keep_busy(stage: Stage, recipient: Eui64) -> list[Output]:
    """Have the hub send long messages to a device in the sub-GHz band until it must not any more."""
    device = stage.device
    outputs = _register(stage, recipient, ListedType.ESME)
    radio = device.find(SubGhz)
    outputs += device.through(lambda: radio.admit(recipient), stage.at)
    long = Message(
        Cra.RESPONSE, 1, stage.recipient, recipient, OtherInformation(_READ), bytes(_LONG_MESSAGE), b"", b"", bytes(12)
    ).encode()
    for _ in range(_MOST_MESSAGES):
        if recipient in radio.state.suspended:
            break
        outputs += device.receive(long, stage.at)
    return outputs


def _register(stage: Stage, party: Eui64, kind: ListedType) -> list[Output]:
    """The broker enters a device in the log."""
    members = (octet_string(party), enum(INSTALL_CODE), octet_string(bytes(16)), enum(kind))
    request = stage.request(action(NETWORK_CONTROL, obis(LOG_IN_FORCE), REGISTER, structure(*members)))
    device: Device = stage.device
    return device.receive(stage.command(_ADD, stage.party(_BROKER), request.encode()), stage.at)


def _passing(identification: bytes) -> Message:
    """A message with the originator, recipient, kind and counter that an alert names."""
    originator, recipient = Eui64(identification[:8]), Eui64(identification[8:16])
    cra, counter = Cra(identification[16]), int.from_bytes(identification[17:], "big")
    return Message(cra, counter, originator, recipient, OtherInformation(_READ), b"", b"", b"", bytes(12))
