"""How alerts come about: not by telling a device to send one, but by what makes it.

A command whose date comes, an outage, a tamper, an image, a date of the billing calendar, ... - chosen by the message
code of the alert, and for the generic ones by the code of the event. What differs from one alert to another of its
kind is read from the alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product

from firmware_emu import Output, SendMessage
from firmware_emu.alert_forms import REASONS, Facts, readings
from firmware_emu.parts.credentials.rules import UPDATE_CODES, alert_code_of
from firmware_emu.parts.tamper import INTEGRITY, INTEGRITY_REASONS
from protocols.dlms.access import DataNotification
from protocols.errors import MeterbenchError
from protocols.gbcs.alert_codes import by_code
from protocols.gbcs.asn1_credentials import UpdateCredentialsAlert
from protocols.gbcs.asn1_device import ActivateFirmwareAlert
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.gbz import ExecutionOutcome, GbzAlert, Reason
from protocols.gbcs.message import Cra, Message, OtherInformation

from .billing_causes import electricity_bill, gas_bill
from .compare import Comparison, Likeness, compare, difference
from .controller_causes import limit_ended, limit_processed, load_reports
from .device_for import Manner, Variant, Workshop
from .event_causes import cause_of_event
from .hub_causes import (
    capacity_reached,
    channel_changed,
    configuration_changed,
    device_log_changed,
    limited_duty_cycle,
    message_dropped,
    message_undelivered,
    scan_requested,
)
from .stage import EARLIER, Cause, NoCause, Stage
from .vectors import Vector, Vectors

_GENERIC = frozenset({0x1000, 0x1001})
_ACTIVATE = 0x0012
_BEFORE_HAND_OVER = "reproduced by a device on which one party holds the cells of all that change hands"


class Causes:
    """Reproduces alerts."""

    def __init__(self, workshop: Workshop, vectors: Vectors, defects: Iterable[str] = ()) -> None:
        self._workshop, self._vectors, self._defects = workshop, vectors, frozenset(defects)

    def reproduce(self, alert: Vector) -> Comparison:
        """How an alert compares with what an emulated device sends when the same happens to it."""
        failures: list[Comparison] = []
        for manner, facts in self._manners(alert):
            for variant in self._workshop.variants(alert.message.originator):
                found = self._attempt(alert, variant, manner, facts)
                if found.likeness is not Likeness.DIFFERENT:
                    return found._replace(reason=_BEFORE_HAND_OVER) if manner.alone else found
                failures.append(found)
        return failures[0]

    def _attempt(self, alert: Vector, variant: Variant, manner: Manner, facts: Facts) -> Comparison:
        """The device may have other things to tell first: then its counter begins as many below."""
        counter = alert.message.counter - 1
        try:
            self._stage = self._staged(alert, variant, counter, manner, facts)
            place = _place_of(alert, self._run())
            self._stage = self._staged(alert, variant, counter - place, manner, facts)
            sent = self._run()
        except MeterbenchError as error:
            return Comparison(Likeness.DIFFERENT, str(error))
        return compare(sent[place], alert.octets, self._stage.device.keys)

    def _manners(self, alert: Vector) -> Iterator[tuple[Manner, Facts]]:
        """What is not published of how a device tells of things, with what the alert then says; the usual first.

        One party alone is assumed only of an alert to somebody whom the published table does not name for it.
        """
        message, payload = alert.message, alert.payload
        names = message.other.supplementary_party is not None and message.other.supplementary_counter is None
        read: list[tuple[str | None, Facts]] = [*_readings(message.message_code, payload)]
        row = by_code(_code_of(alert))
        named = row is None or row.recipients & self._workshop.roles_of(message.recipient)
        for alone, (form, facts) in product((False,) if named else (False, True), read or [(None, {})]):
            forms = () if form is None else (f"{message.message_code:04X} {form}",)
            yield Manner(alone, names, forms), facts

    def _staged(self, alert: Vector, variant: Variant, counter: int, manner: Manner, facts: Facts) -> Stage:
        return Stage(self._workshop, self._vectors, alert, variant, counter, self._defects, manner, facts)

    def _run(self) -> list[bytes]:
        """The alerts that a device sends."""
        outputs = _cause_of(self._stage.alert)(self._stage)
        return [octets for octets in _messages(outputs) if Message.decode(octets).cra is Cra.ALERT]


def _readings(message_code: int, payload: object) -> Iterator[tuple[str, Facts]]:
    """The forms that an alert may have, with what it then tells."""
    if isinstance(payload, DataNotification):
        yield from readings(message_code, payload.body.value[2:])
    elif isinstance(payload, GbzAlert) and isinstance(payload.body, Reason):
        yield from ((form, {}) for form, prefix in REASONS.items() if prefix == payload.body.prefix)


def _messages(outputs: list[Output]) -> list[bytes]:
    return [output.octets for output in outputs if isinstance(output, SendMessage)]


def _place_of(alert: Vector, sent: list[bytes]) -> int:
    """Which of the alerts is the one; counters, which are as yet wrong, are left out. Raises NoCause."""
    wanted = _without_counter(alert.message, alert.payload)
    nearest = "the device sent no alert"
    for place, octets in enumerate(sent):
        message = Message.decode(octets)
        if message.message_code != alert.message.message_code:
            continue
        if len(message.payload) == len(alert.message.payload):
            from protocols.gbcs.payload import decode_payload

            if _without_counter(message, decode_payload(message)) == wanted:
                return place
        nearest = difference(replace(message, counter=alert.message.counter), alert.message)
    raise NoCause(nearest)


def _without_counter(message: Message, payload: object) -> tuple[object, ...]:
    """What an alert says, but for what depends on its counter: the invoke id, and what is encrypted."""
    header = (message.originator, message.recipient, message.other)
    if isinstance(payload, DataNotification):
        hidden = _BILLING_ALERTS.get(message.message_code)
        return (*header, payload.body.value[:2] if hidden else payload.body)
    if isinstance(payload, GbzAlert) and message.message_code in _BILLING_ALERTS:
        return (*header, payload.alert_code, payload.time)
    return (*header, message.payload)


# causes, by the message code of the alert


def _cause_of(alert: Vector) -> Cause:
    code = alert.message.message_code
    if code in _GENERIC:
        return cause_of_event
    cause = _CAUSES.get(code)
    if cause is None:
        raise NoCause(f"no cause is known of alerts with message code {code:04X}")
    return cause


def date_comes(stage: Stage) -> list[Output]:
    """A future-dated command is there, and its time comes."""
    counter, codes = _reported_command(stage.alert)
    command = stage.vectors.command_of(stage.alert.message.originator, counter, codes, stage.alert.name)
    if command is None:
        raise NoCause("the command that the alert reports on is not in the folder")
    before = stage.at - EARLIER
    device, payload = stage.make(before, party=command.message.originator), stage.alert.payload
    if isinstance(payload, Asn1Payload) and isinstance(command.payload, Asn1Payload):
        code, told, asked = stage.alert.message.message_code, payload.value, command.payload.value
        device.through(lambda: device.asn1.preset(code, told, asked), before)
    return [*device.receive(command.octets, before), *device.advance(stage.at)]


def _reported_command(alert: Vector) -> tuple[int, frozenset[int]]:
    """Counter and possible message codes of the command that an alert is about. Raises NoCause."""
    payload = alert.payload
    if isinstance(payload, DataNotification):
        octets = payload.body.value[2].value if len(payload.body.value) > 2 else b""
        if isinstance(octets, bytes) and len(octets) >= 10:
            return int.from_bytes(octets[2:10], "big"), frozenset({int.from_bytes(octets[:2], "big")})
    if isinstance(payload, GbzAlert) and isinstance(payload.body, ExecutionOutcome):
        return payload.body.counter, frozenset({payload.body.message_code})
    value = payload.value if isinstance(payload, Asn1Payload) else None
    if isinstance(value, ActivateFirmwareAlert):
        return value.originator_counter, frozenset({_ACTIVATE})
    if isinstance(value, UpdateCredentialsAlert):
        mode, told = value.outcome.mode, alert.message.message_code
        codes = {code for code, made in UPDATE_CODES.items() if made is mode and alert_code_of(code) == told}
        return value.outcome.sequence_number, frozenset(codes)
    raise NoCause("the alert names no command")


def unknown_command(stage: Stage) -> list[Output]:
    """A command comes with a message code that this device does not know."""
    octets, other = stage.octets(0, 10), stage.alert.message.other
    code, counter = int.from_bytes(octets[:2], "big"), int.from_bytes(octets[2:], "big")
    device = stage.make(stage.at, without=(code,))
    known = OtherInformation(code, other.supplementary_party, other.supplementary_counter)
    stage.sent = counter - 1
    return device.receive(stage.command(code, stage.recipient, b"", known), stage.at)


def supply_back(stage: Stage) -> list[Output]:
    """The supply, or that of one phase, fails and comes back."""
    from firmware_emu.parts.electricity.supply import PHASE_SIGNALS, SUPPLY_BACK

    lost, back = stage.moment(0), stage.moment(1)
    start_up = max(0, stage.at - back)
    device = stage.make(lost - EARLIER, start_up=start_up)
    phase = (_code_of(stage.alert) - SUPPLY_BACK) // 2
    if not phase:
        return [*device.power_off(lost), *device.power_on(back), *device.advance(back + start_up)]
    signal = PHASE_SIGNALS[phase - 1]
    return [*device.sense(signal, True, lost), *device.sense(signal, False, back)]


def integrity_fault(stage: Stage) -> list[Output]:
    """The device finds that something in it is not as it should be."""
    payload = stage.alert.payload
    if isinstance(payload, GbzAlert):
        number = payload.body.reason if isinstance(payload.body, Reason) else 0
    else:
        number = int.from_bytes(stage.octets(0, 2), "big")
    if number >= len(INTEGRITY_REASONS):
        raise NoCause(f"the reason {number} has no name")
    device = stage.make(stage.at)
    return device.sense(f"{INTEGRITY}{INTEGRITY_REASONS[number]}", True, stage.at)


def as_registered(stage: Stage) -> list[Output]:
    """What the part that serves a message says is its cause: an image arrives, a device joins, ..."""
    device, payload = stage.make(stage.at), stage.alert.payload
    told = payload.value if isinstance(payload, Asn1Payload) else payload
    return device.through(lambda: device.asn1.cause(stage.alert.message.message_code, told), stage.at)


def _code_of(alert: Vector) -> int:
    payload = alert.payload
    if isinstance(payload, GbzAlert):
        return payload.alert_code
    if isinstance(payload, DataNotification):
        code: int = payload.body.value[0].value
        return code
    if isinstance(payload, Asn1Payload):
        told: int = payload.value.alert_code
        return told
    raise NoCause("the alert has no code")


_BILLING_ALERTS: Mapping[int, Cause] = {0x0061: electricity_bill, 0x008B: gas_bill}
_CAUSES: Mapping[int, Cause] = {
    **dict.fromkeys((0x00CA, 0x00CB, 0x00CC, 0x00CD, 0x0124), date_comes),
    **dict.fromkeys((0x00CE, 0x00CF, 0x0128, 0x012B, 0x00B2), as_registered),
    **dict.fromkeys((0x00F0, 0x00F2), integrity_fault),
    **_BILLING_ALERTS,
    0x0018: device_log_changed,
    0x0067: supply_back,
    0x00D5: message_undelivered,
    0x0110: limited_duty_cycle,
    0x0111: channel_changed,
    0x0112: scan_requested,
    0x0113: configuration_changed,
    0x0114: message_dropped,
    0x0115: capacity_reached,
    0x0120: unknown_command,
    0x0121: limit_processed,
    0x0122: limit_ended,
    0x0123: load_reports,
}
