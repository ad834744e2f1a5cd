"""ZigBee commands that may carry the time at which they take effect (GBCS 9.2, future dated commands in GBZ).

At most one waits for each command of a cluster (for calendars: for each type of calendar); a newer one replaces it,
one with the cancelling time drops it. What was done later is told by an alert that names the instruction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from protocols.gbcs.gbz import Component, ExecutionOutcome
from protocols.instant import Instant
from protocols.zigbee.smart_energy_common import CANCEL as CANCEL_FFFFFFFF
from protocols.zigbee.smart_energy_common import NO_END as CANCEL_FFFFFFFE
from protocols.zigbee.zcl import ClusterCommand, CommandRow

from .future_dating import AT_ONCE, CANCEL, Pending
from .zcl_server import CommandPreset, Reply
from .zcl_values import fields_of

if TYPE_CHECKING:
    from .device import Device

__all__ = ["CANCEL_FFFFFFFE", "CANCEL_FFFFFFFF", "DatedCommand", "ask_for", "serve"]

FUTURE_DATED_GBZ_ALERT = 0x00CD
FRAME_CONTROLS_REPORTED: Mapping[int, int] = {0x006F: 0x01}
"""By message code: the frame control that an alert names in place of the command's own. The reference meter reports
every part of the prepayment configuration as a client's command, the published calendar too."""

Fields = Mapping[str, Any]
Run = Callable[[Fields], None]
Answer = Callable[[Component], "Sequence[Reply] | None"]


class DatedCommand(NamedTuple):
    """``when`` is the field with the time; None: the component's from-date-time. ``cancel`` is the cancelling time.

    ``run`` puts the fields into force, ``check`` refuses impossible ones when they arrive; both may raise ZclFailed.
    """

    row: CommandRow
    run: Run
    when: str | None
    cancel: int = CANCEL_FFFFFFFF
    check: Run | None = None


def serve(
    device: Device, dated: DatedCommand, answer: Answer | None = None, preset: CommandPreset | None = None
) -> None:
    """Serve a command; ``answer`` gives what is answered when it was taken, in place of success alone."""
    row = dated.row
    key = f"{row.cluster:04X}/{row.command:02X}"

    def handle(component: Component) -> Sequence[Reply] | None:
        fields = fields_of(component)
        if dated.check is not None:
            dated.check(fields)
        when = component.from_date_time if dated.when is None else fields[dated.when]
        ask_for(device, key, when, dated.cancel, component)
        return answer(component) if answer is not None else None

    def run(octets: bytes) -> None:
        dated.run(row.fields.decode(octets))

    def time_of(component: Component) -> Instant | None:
        when = component.from_date_time if dated.when is None else _field(component, dated.when)
        return moment_of(device, when)

    register(device, key, run)
    device.zcl.times[row.cluster, row.to_client, row.command] = time_of
    device.zcl.command(row.cluster, row.command, handle, to_client=row.to_client, preset=preset)


def moment_of(device: Device, when: Instant | None) -> Instant | None:
    """A time asked for: CANCEL (in either form), one to come, or None for at once."""
    if when in (CANCEL_FFFFFFFE, CANCEL_FFFFFFFF):
        return CANCEL
    return when if when is not None and when > device.now else None


def _field(component: Component, name: str) -> Instant | None:
    content = component.content
    return content.fields.get(name) if isinstance(content, ClusterCommand) else None


def register(device: Device, key: str, run: Callable[[bytes], None]) -> None:
    """Say what is done with the data that waits under ``key``."""
    device.future.register(key, lambda pending: run(pending.data), lambda pending, code: _report(device, pending, code))


def ask_for(
    device: Device, key: str, when: Instant | None, cancel: int, component: Component, data: bytes | None = None
) -> None:
    """Have ``data`` (the component's payload if None) put into force at a time; None is at once."""
    frame = component.frame
    command = device.commands.current
    octets = component.plaintext() if data is None else data
    moment = CANCEL if when == cancel else AT_ONCE if when is None else when
    if command is None:  # not from a remote party: a copy that is taken over, which has no alert of its own
        device.future.run_at_once(key, moment, octets)
        return
    control = FRAME_CONTROLS_REPORTED.get(command.use_case.message_code, int(frame.frame_control))
    reference = component.cluster.to_bytes(2, "big") + bytes((control, frame.command))
    device.future.request(key, moment, command, reference, octets)


def _report(device: Device, pending: Pending, code: int) -> None:
    reference = pending.reference
    body = ExecutionOutcome(
        pending.message_code, pending.counter, int.from_bytes(reference[:2], "big"), reference[2], reference[3]
    )
    alerts = device.alerts
    alerts.event(code)
    alerts.send_gbz(code, FUTURE_DATED_GBZ_ALERT, alerts.holder(pending.role), body, at=pending.at)
