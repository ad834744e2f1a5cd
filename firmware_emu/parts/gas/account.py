"""The account of a gas meter as it can be read: payment mode, balances, debts, limits (SMETS2 4.6; ZSE D.7).

A gas meter's prepayment part lives by it, a gas proxy copies it. Money is in 10^-5 of the currency unit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protocols.instant import DAY, HOUR, Instant
from protocols.zigbee.smart_energy_common import METERING, PREPAYMENT

from ...engines.credit_state import CreditSettings, CreditState, PaymentMode
from ...part import Part
from ...zcl_values import require
from ..electricity.charge_values import bounded
from .snapshots import Account

if TYPE_CHECKING:
    from ...device import Device

CREDIT_MODE = 0x0C94
PREPAYMENT_MODES: Mapping[int, tuple[bool, bool]] = {
    0x0497: (True, True),
    0x0097: (False, True),
    0x0C97: (True, False),
    0x0897: (False, False),
}
"""Payment control configurations: debt is suspended while supply is disabled, while emergency credit is in use."""
FREQUENCIES: Mapping[int, Instant] = {0: HOUR, 1: DAY}
"""Debt recovery frequencies that gas meters have."""
NO_CAP, NO_LIMIT = 0x7FFFFFFF, 0xFFFFFFFF
"""What is read where the supplier set no cap or limit. Inferred."""
BILL_LIMIT = 1 << 32
"""A bill that credit has made negative is read modulo this, its attribute being unsigned. Inferred."""


@dataclass(slots=True)
class GasAccountState:
    """``frequencies`` of the time debts as on the wire; ``friendly_credit`` is 1 once there is such a calendar."""

    credit: CreditState = field(default_factory=CreditState)
    frequencies: list[int] = field(default_factory=lambda: [1, 1])
    friendly_credit: int = 0
    friendly_credit_calendar: int = 2


class GasAccount(Part):
    """Serves the account. ``listeners`` hear when the maker, or a mirror's push, changed something."""

    name = "gas account"
    State = GasAccountState
    state: GasAccountState

    def __init__(self) -> None:
        super().__init__()
        self.listeners: list[Callable[[], None]] = []
        self.settle: Callable[[], None] = lambda: None
        """Called before a balance is read: consumption up to now is to be charged."""

    def attach(self, device: Device) -> None:
        super().attach(device)
        serve = device.zcl.attribute
        serve(PREPAYMENT, 0x0000, lambda: self.control, preset=self._preset_control)
        serve(METERING, 0x0A00, lambda: self.settled.bill_to_date % BILL_LIMIT, preset=self._setter("bill_to_date"))
        serve(PREPAYMENT, 0x0001, lambda: bounded(self.settled.balance), preset=self._setter("balance"))
        serve(
            PREPAYMENT, 0x0002, lambda: self.snapshot().emergency_credit, sensitive=True, preset=self._preset_emergency
        )
        serve(
            PREPAYMENT,
            0x0005,
            lambda: bounded(self.settled.accumulated_debt),
            sensitive=True,
            preset=self._setter("accumulated_debt"),
        )
        payment_debt = self._setter("payment_debt")
        serve(PREPAYMENT, 0x0231, lambda: _unsigned(self.credit.payment_debt), sensitive=True, preset=payment_debt)
        for attribute, name, absent in _SETTINGS:
            setting = _Setting(self, name, absent)
            serve(PREPAYMENT, attribute, setting.read, preset=setting.preset)
        for place, first in enumerate((0x0211, 0x0221)):
            debt = _Debt(self, place)
            serve(PREPAYMENT, first, debt.read_remaining, sensitive=True, preset=debt.preset_remaining)
            serve(PREPAYMENT, first + 5, debt.read_frequency, preset=debt.preset_frequency)
            serve(PREPAYMENT, first + 6, debt.read_rate, preset=debt.preset_rate)

    @property
    def credit(self) -> CreditState:
        """The account itself, for the engine; ``touch`` after a change."""
        return self.state.credit

    @property
    def settled(self) -> CreditState:
        """The account with all that was used up to now charged."""
        self.settle()
        return self.state.credit

    @property
    def settings(self) -> CreditSettings:
        """What the supplier set."""
        return self.state.credit.settings

    @property
    def prepayment(self) -> bool:
        """Prepayment mode is in force."""
        return self.credit.mode is PaymentMode.PREPAYMENT

    @property
    def emergency(self) -> int:
        """What is left of emergency credit."""
        return self.settings.emergency_limit - self.credit.emergency_used

    @property
    def control(self) -> int:
        """The payment control configuration in force."""
        if not self.prepayment:
            return CREDIT_MODE
        flags = (self.settings.suspend_disabled, self.settings.suspend_emergency)
        return next(control for control, held in PREPAYMENT_MODES.items() if held == flags)

    def snapshot(self) -> Account:
        """All balances now, each as the nearest number that its field of a snapshot holds."""
        credit = self.settled
        first, second = (_unsigned(debt.remaining) for debt in credit.time_debts)
        accumulated, balance = bounded(credit.accumulated_debt), bounded(credit.balance)
        return Account(accumulated, first, second, _unsigned(credit.payment_debt), bounded(self.emergency), balance)

    def copy(self, account: Account) -> None:
        """Show another device's balances."""
        credit = self.credit
        credit.accumulated_debt, credit.payment_debt = account.accumulated_debt, account.payment_debt
        credit.time_debts[0].remaining, credit.time_debts[1].remaining = account.time_debt_1, account.time_debt_2
        credit.balance = account.balance
        credit.emergency_used = self.settings.emergency_limit - account.emergency_credit
        self.changed()

    def set_suspension(self, control: int) -> None:
        """Take the two flags of a prepayment mode. Raises ZclFailed for a configuration that is none."""
        self.check_control(control)
        if control in PREPAYMENT_MODES:
            self.settings.suspend_disabled, self.settings.suspend_emergency = PREPAYMENT_MODES[control]

    @staticmethod
    def check_control(control: int) -> None:
        """Refuse a payment control configuration that is none. Raises ZclFailed."""
        require(control in PREPAYMENT_MODES or control == CREDIT_MODE)

    def set_frequency(self, place: int, frequency: int) -> None:
        """Hourly or daily recovery of a time debt; another number is only shown."""
        self.state.frequencies[place] = frequency
        self.credit.time_debts[place].period = FREQUENCIES.get(frequency, DAY)

    def changed(self) -> None:
        """Something was changed from outside."""
        self.touch()
        for tell in self.listeners:
            tell()

    def _setter(self, name: str) -> Callable[[Any], None]:
        def preset(value: Any) -> None:
            setattr(self.credit, name, value)
            self.changed()

        return preset

    def _preset_control(self, control: int) -> None:
        self.set_suspension(control)
        self.credit.mode = PaymentMode.CREDIT if control == CREDIT_MODE else PaymentMode.PREPAYMENT
        self.changed()

    def _preset_emergency(self, value: int) -> None:
        self.credit.emergency_used = self.settings.emergency_limit - value
        self.changed()


_SETTINGS: tuple[tuple[int, str, int], ...] = (
    (0x0006, "payment_cap", NO_CAP),
    (0x0010, "emergency_limit", 0),
    (0x0011, "emergency_threshold", 0),
    (0x0021, "max_balance", NO_LIMIT),
    (0x0022, "max_credit", NO_LIMIT),
    (0x0031, "low_credit", 0),
    (0x0040, "disablement", 0),
    (0x0239, "payment_share", 0),
)


class _Setting:
    """An attribute that is one of the supplier's settings."""

    def __init__(self, part: GasAccount, name: str, absent: int) -> None:
        self._part, self._name, self._absent = part, name, absent

    def read(self) -> int:
        value: int | None = getattr(self._part.settings, self._name)
        return self._absent if value is None else value

    def preset(self, value: int) -> None:
        setattr(self._part.settings, self._name, value)
        self._part.changed()


class _Debt:
    """One of the two time debts."""

    def __init__(self, part: GasAccount, place: int) -> None:
        self._part, self._place = part, place

    def read_remaining(self) -> int:
        return _unsigned(self._part.credit.time_debts[self._place].remaining)

    def read_frequency(self) -> int:
        return self._part.state.frequencies[self._place]

    def read_rate(self) -> int:
        return self._part.credit.time_debts[self._place].rate

    def preset_remaining(self, value: int) -> None:
        self._part.credit.time_debts[self._place].remaining = value
        self._part.changed()

    def preset_frequency(self, value: int) -> None:
        self._part.set_frequency(self._place, value)
        self._part.changed()

    def preset_rate(self, value: int) -> None:
        self._part.credit.time_debts[self._place].rate = value
        self._part.changed()


def _unsigned(amount: int) -> int:
    """The amount, or the nearest that an unsigned integer of 32 bits holds."""
    return min(max(amount, 0), 0xFFFFFFFF)
