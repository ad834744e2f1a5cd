"""Passive values of COSEM objects: written now, put into force by a separate write of an activation time.

A part names the attributes that are written, the attribute that takes the time, and what then puts the values into
force. The values wait here, in non-volatile memory. One alert is raised per activation instruction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from protocols.dlms.axdr import DATA
from protocols.dlms.cosem_time import NEVER as DATE_NEVER
from protocols.dlms.cosem_time import NOW as DATE_NOW
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, DataType, octet_string
from protocols.instant import Instant

from .cosem import Attribute, expect
from .future_dating import AT_ONCE, CANCEL, Pending
from .part import Part
from .refusals import AccessFailed

FUTURE_DATED_DLMS_ALERT = 0x00CC

Values = Mapping[Attribute, Data]
Apply = Callable[[Values], None]
Check = Callable[[Attribute, Data], None]


@dataclass(slots=True)
class PassiveState:
    """Encoded values by "class obis attribute", in hexadecimal."""

    values: dict[str, bytes] = field(default_factory=dict)


class PassiveValues(Part):
    """Every passive value of a device with COSEM objects."""

    name = "passive values"
    State = PassiveState
    state: PassiveState

    def serve(self, activate: Attribute, writes: Sequence[Attribute], apply: Apply, check: Check | None = None) -> None:
        """Serve ``writes`` and ``activate``.

        ``check`` judges a value when it is written, ``apply`` gets all values that are held when they come into
        force; both may raise ``AccessFailed``. Values written once stay, as the attributes of an object do.
        """
        cosem = self.device.cosem
        for write in writes:
            hold = partial(self._hold, write, check)
            cosem.add_set(write, hold)
            cosem.add_preset(write, hold)
        cosem.add_set(activate, lambda value: self._activate(activate, value))
        cosem.activations.add(activate)
        self.device.future.register(_key(activate), lambda _pending: apply(self.values_of(writes)), self._report)

    def values_of(self, attributes: Sequence[Attribute]) -> dict[Attribute, Data]:
        """The values held for these attributes; those never written are left out."""
        held = self.state.values
        return {each: DATA.decode(held[key]) for each in attributes if (key := _key(each)) in held}

    def hold(self, write: Attribute, value: Data) -> None:
        """Let ``value`` wait as the passive value of ``write``."""
        self._hold(write, None, value)

    def _hold(self, write: Attribute, check: Check | None, value: Data) -> None:
        if check is not None:
            check(write, value)
        self.state.values[_key(write)] = DATA.encode(value)
        self.touch()

    def _activate(self, activate: Attribute, value: Data) -> None:
        command = self.device.commands.current
        if command is None:  # only a command writes attributes
            raise AccessFailed
        reference = activate.class_id.to_bytes(2, "big") + activate.obis + bytes((activate.number,))
        self.device.future.request(_key(activate), activation_time(value), command, reference)

    def _report(self, pending: Pending, code: int) -> None:
        body = pending.message_code.to_bytes(2, "big") + pending.counter.to_bytes(8, "big") + pending.reference
        alerts = self.device.alerts
        alerts.event(code)
        recipients = alerts.holder(pending.role)
        alerts.send_dlms(code, FUTURE_DATED_DLMS_ALERT, recipients, [octet_string(body)], at=pending.at)


def activation_time(value: Data) -> Instant:
    """The instant of an activation date-time (12 octets): AT_ONCE, CANCEL or a time. Raises AccessFailed."""
    octets = expect(value, DataType.OCTET_STRING)
    if octets == _NOW:
        return AT_ONCE
    if octets == _NEVER:
        return CANCEL
    moment = CosemDateTime.decode(octets).to_instant() if len(octets) == CosemDateTime.WIDTH else None
    if moment is None:
        raise AccessFailed
    return moment


_NOW, _NEVER = DATE_NOW.encode(), DATE_NEVER.encode()


def _key(attribute: Attribute) -> str:
    return f"{attribute.class_id} {attribute.obis.hex()} {attribute.number}"
