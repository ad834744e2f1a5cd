"""What an update of firmware must leave alone: registers, settings, logs, device logs - read before it and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from protocols import instant
from protocols.gbcs.asn1_device import ReadDeviceLogCommand
from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY, Instant

from ..requests import Period, asn1, dlms, gbz
from ..rows import rows
from ..security_log import entries, log_request
from ..target import Target

METERING, PREPAYMENT = 0x0702, 0x0705
VERSION_CHANGED = 0x8F43
LOG_SECONDS = 600
"""How far beyond now a log is read; the clock of a real device may be ahead a little."""
LOGGING = frozenset({DeviceType.ESME, DeviceType.GSME, DeviceType.CHF})
"""Devices whose security log tells of a new version."""
TOLERANCE = 2
"""Wh or litres by which a register may be off: one for each of two readings."""
NOT_FOUND = 0x8B

Log = tuple[tuple[Instant, int, bytes], ...]


@dataclass(slots=True)
class State:
    """``fixed`` must be the same afterwards, ``used`` may only have grown by what was used since: Wh or litres.

    ``log`` is the security log, which may only have grown; None where there is none. All of it is from ``since`` on,
    and logs of consumption go up to ``until``.
    """

    at: Instant
    since: Instant
    until: Instant
    fixed: dict[str, Any] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    log: Log | None = None


def look_at(target: Target, when: str, before: State | None = None) -> State:
    """Read it all; ``when`` completes the titles of the exchanges, ``before`` is what this will be compared with."""
    since = target.now - DAY if before is None else before.since
    state = State(target.now, since, target.now if before is None else before.until)
    read = _READS.get(target.type)
    if read is not None:
        read(target, state, when)
    if target.type in LOGGING:
        request = log_request(target.type, Period(since, target.now + LOG_SECONDS))
        reply = target.ask(replace(request, title=f"Read security log {when}"), success=False)
        state.log = () if NOT_FOUND in reply.statuses else tuple(entries(reply.answer))
    return state


def compare(target: Target, before: State, after: State, *, load_known: bool) -> None:
    """That an update has changed nothing but the firmware. Raises DeviceFinding.

    ``load_known``: what was used in between follows from the rig.
    """
    if not before.fixed and not before.used and before.log is None:
        return
    seen = target.observe("CS06", "What the update has left alone")
    for name, value in before.fixed.items():
        seen.expect(name, value, after.fixed.get(name))
    for name, value in before.used.items():
        found = after.used.get(name, 0)
        if load_known:
            seen.within(name, value + _used(target, before.at, after.at), found, TOLERANCE)
        else:
            seen.that(name, f"{value} or more", found, good=found >= value)
    if before.log is not None and after.log is not None:
        gone = [f"{instant.text(at)} {code:04X}" for at, code, _ in before.log if (at, code, _) not in after.log]
        seen.expect("entries that are gone from the security log", [], gone)
        new = [code for at, code, other in after.log if (at, code, other) not in before.log]
        seen.expect("new entries about the version", 1, new.count(VERSION_CHANGED))


def _used(target: Target, start: Instant, end: Instant) -> int:
    load = target.section.load
    gas = target.type is DeviceType.GSME
    return load.litres_between(start, end) if gas else load.watt_hours_between(start, end)


def _electricity(target: Target, state: State, when: str) -> None:
    registers = target.ask(dlms("ECS17b", title=f"Read import registers {when}"))
    state.used["import register, Wh"] = int(registers.data[0].value[0].value[0].value)
    profile = dlms("ECS22b", period=Period(state.since, state.until), title=f"Read half-hour profile {when}")
    table = rows(target.ask(profile).data[0].value[0])
    state.fixed["half-hour profile"] = [(instant.text(at), *values) for at, *values in table]
    for case, name in (("ECS24", "tariff"), ("ECS26b", "voltage configuration"), ("ECS26j", "payment mode")):
        state.fixed[name] = target.ask(dlms(case, title=f"Read {name} {when}")).data
    state.fixed["state of the supply"] = target.ask(dlms("ECS45", title=f"Read state of the supply {when}")).data


def _gas(target: Target, state: State, when: str) -> None:
    reply = target.ask(gbz("GCS13a", title=f"Read register {when}"))
    value, multiplier, divisor = (reply.attribute(METERING, each) for each in (0x0000, 0x0301, 0x0302))
    state.used["register, litres"] = int(value) * int(multiplier) * 1000 // int(divisor)
    mode = target.ask(gbz("GCS21j", title=f"Read payment mode {when}"))
    state.fixed["payment mode"] = mode.attribute(PREPAYMENT, 0x0000)
    state.fixed["state of the valve"] = target.ask(gbz("GCS33", title=f"Read valve {when}")).attribute(METERING, 0x0014)


def _hub(target: Target, state: State, when: str) -> None:
    log = target.ask(dlms("CCS06", title=f"Read device log {when}")).data[0]
    state.fixed["devices in the log"] = sorted(entry.value[0].value.hex() for entry in log.value)


def _controller(target: Target, state: State, when: str) -> None:
    period = Period(state.since, state.until)
    log = target.ask(dlms("ECS35a", period=period, title=f"Read event log {when}")).answer
    state.fixed["event log"] = [(instant.text(at), f"{code:04X}") for at, code, _ in entries(log)]


def _joined(target: Target, state: State, when: str) -> None:
    reply = target.ask(asn1("CS07", ReadDeviceLogCommand(), title=f"Read device log {when}"))
    state.fixed["devices in the log"] = sorted(entry.device.hex() for entry in reply.value.entries or ())


_READS: Mapping[DeviceType, Callable[[Target, State, str], None]] = {
    DeviceType.ESME: _electricity,
    DeviceType.GSME: _gas,
    DeviceType.CHF: _hub,
    DeviceType.SAPC: _controller,
    DeviceType.PPMID: _joined,
    DeviceType.HCALCS: _joined,
}
