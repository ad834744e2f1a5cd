"""The load switch of a meter: supply enabled, disabled or armed, with every reason for it kept apart (SMETS2 5.5, 5.6).

Supply that was disabled for several reasons stays disabled until the last has gone; then it is armed, and the
consumer closes it. Only the supplier's own command enables it from afar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from protocols.dlms.data import Data, DataType, enum
from protocols.enumerations import plain_members

from ...cosem import expect
from ...defects import register_defect
from ...han_commands import UserCommand, log_user_command
from ...outputs import Show, SwitchMoved
from ...part import Part
from ...refusals import AccessFailed

if TYPE_CHECKING:
    from ...device import Device

SCRIPTS, SWITCH = "0-0:10.0.106.255", "0-0:96.3.10.255"
ENABLE, DISABLE, ARM = 51, 52, 54
"""Selectors of the script table."""
SUPPLY_ARMED = 0x8F32
CONNECT_FAILED, DISCONNECT_FAILED = 0x81BD, 0x81C0
STUCK_OPEN, STUCK_CLOSED = "fault: load switch stuck open", "fault: load switch stuck closed"
"""Signals of a switch that does not follow."""
ENABLE_KEY = "enable supply"

SWITCH_IGNORES_REASONS = register_defect(
    "switch-ignores-reasons", "arms the supply when one of several reasons for disabling it has gone"
)
ENABLES_UNASKED = register_defect("enables-supply-unasked", "closes the load switch where it should only arm it")


@plain_members
class Supply(IntEnum):
    """The state of the supply, with the values of the disconnect control's attribute 3."""

    DISABLED = 0
    ENABLED = 1
    ARMED = 2


@plain_members
class Reason(StrEnum):
    """Why the supply is disabled."""

    COMMAND = "command"
    CREDIT = "credit"
    LOAD_LIMIT = "load limit"
    TAMPER = "tamper"


ENDED_BY_SUPPLIER = frozenset({Reason.COMMAND, Reason.LOAD_LIMIT, Reason.TAMPER})
"""Reasons that the supplier's commands to enable or arm take away. Lack of credit stays one: inferred."""


@dataclass(slots=True)
class LoadSwitchState:
    """``reasons`` only while the supply is disabled."""

    supply: Supply = Supply.ENABLED
    reasons: list[Reason] = field(default_factory=list)


class LoadSwitch(Part):
    """Connects the home; other parts disable and release it, each for its own reason."""

    name = "load switch"
    State = LoadSwitchState
    state: LoadSwitchState

    def __init__(self) -> None:
        super().__init__()
        self.listeners: list[Callable[[], None]] = []
        """Told when the supply has been switched on or off, or armed."""
        self._stuck: set[str] = set()

    @property
    def connected(self) -> bool:
        """True while current can flow."""
        if STUCK_CLOSED in self._stuck:
            return True
        return self.state.supply is Supply.ENABLED and STUCK_OPEN not in self._stuck

    @property
    def supply(self) -> Supply:
        """The state of the supply."""
        return self.state.supply

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.cosem.attribute(70, SWITCH, 3, get=lambda: enum(self.state.supply), preset=self._preset)
        device.cosem.method(9, SCRIPTS, 1, self._run, preset=self._preset_for_scripts)

    # for other parts

    def disable(self, reason: Reason) -> None:
        """Open the switch for a reason, or add one to those for which it is open."""
        if reason not in self.state.reasons:
            self.state.reasons.append(reason)
            self.touch()
        self._move(Supply.DISABLED)

    def release(self, reason: Reason) -> None:
        """The reason has gone: arm the supply if it was the last one."""
        if reason not in self.state.reasons:
            return
        self.state.reasons.remove(reason)
        self.touch()
        if self.device.defective(SWITCH_IGNORES_REASONS):
            self.state.reasons.clear()
        if not self.state.reasons:
            self._arm()

    def arm_at_once(self, reason: Reason) -> None:
        """Disable, then arm, as a load limit does: the consumer may close it again."""
        self.disable(reason)
        self.release(reason)

    def enable(self) -> None:
        """Close the switch from armed, without the consumer; does nothing in another state."""
        if self.state.supply is Supply.ARMED:
            self._move(Supply.ENABLED)

    def enable_locally(self) -> bool:
        """The consumer asks, at the meter or at a display of the home; False unless the supply is armed."""
        if self.state.supply is not Supply.ARMED:
            return False
        self._move(Supply.ENABLED)
        return True

    # inputs

    def pressed(self, key: str) -> bool:
        if key != ENABLE_KEY:
            return False
        done = self.enable_locally()
        log_user_command(self.device, UserCommand.ENABLE_SUPPLY, done=done)
        if not done:
            self.device.emit(Show("supply", "not armed"))
        return True

    def sensed(self, signal: str, active: bool) -> None:
        if signal in (STUCK_OPEN, STUCK_CLOSED):
            (self._stuck.add if active else self._stuck.discard)(signal)

    # inside

    def _run(self, argument: Data) -> None:
        script = {ENABLE: self._on_enable, DISABLE: self._on_disable, ARM: self._on_arm}.get(
            expect(argument, DataType.UINT16)
        )
        if script is None:
            raise AccessFailed
        script()

    def _on_disable(self) -> None:
        self.disable(Reason.COMMAND)

    def _on_enable(self) -> None:
        self._end_supplier_reasons()
        if self.state.reasons:
            raise AccessFailed
        self._move(Supply.ENABLED)

    def _on_arm(self) -> None:
        if self.state.supply is Supply.ENABLED:
            raise AccessFailed
        self._end_supplier_reasons()
        if self.state.reasons:
            raise AccessFailed
        self._arm()

    def _end_supplier_reasons(self) -> None:
        self.state.reasons = [reason for reason in self.state.reasons if reason not in ENDED_BY_SUPPLIER]
        self.touch()

    def _arm(self) -> None:
        if self.device.defective(ENABLES_UNASKED):
            self._move(Supply.ENABLED)
        elif self.state.supply is Supply.DISABLED:
            self._move(Supply.ARMED)
            self.device.alerts.event(SUPPLY_ARMED)

    def _move(self, supply: Supply) -> None:
        if supply is self.state.supply:
            return
        before = self.connected
        self.state.supply = supply
        self.touch()
        if supply is Supply.ENABLED and STUCK_OPEN in self._stuck:
            self.device.alerts.event(CONNECT_FAILED)
        if supply is Supply.DISABLED and STUCK_CLOSED in self._stuck:
            self.device.alerts.event(DISCONNECT_FAILED)
        if before != self.connected:
            self.device.emit(SwitchMoved(self.name, 100 * self.connected))
        for listener in self.listeners:
            listener()

    def _preset(self, value: Data) -> None:
        try:
            self._force(Supply(expect(value, DataType.ENUM)))
        except ValueError:
            raise AccessFailed from None

    def _preset_for_scripts(self, _value: Data) -> None:
        """Armed: the state in which every script can be carried out."""
        self._force(Supply.ARMED)

    def _force(self, supply: Supply) -> None:
        self.state.supply = supply
        self.state.reasons = [Reason.COMMAND] if supply is Supply.DISABLED else []
        self.touch()
