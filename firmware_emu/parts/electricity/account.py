"""The account of an electricity meter: credit or prepayment mode, balance, emergency credit, debts (SMETS2 5.7.5).

The engine reckons; this part lets it hear of energy, time and commands, and carries out what it decides: alerts, the
load switch, the logs of credits and repayments. Its objects are served by ``account_objects``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocols.dlms.axdr import DATA
from protocols.instant import Instant

from ...engines.credit import Account as Reckoning
from ...engines.credit_state import (
    CAP_PERIOD,
    SUPPLY_ARMED,
    CreditEvent,
    CreditSettings,
    CreditState,
    Decision,
    PaymentMode,
    Refusal,
)
from ...han_commands import UserCommand, log_user_command
from ...part import NEVER, Part
from ...profile_generic import serve_log
from ...ring_log import RingLog
from ..credit_defects import credit_defects
from .account_objects import LOG_ROW, serve_account
from .charge_values import MILLIPENCE, Suspension, bounded, collection_pattern, rate_of, rate_value, suspension_of
from .load_switch import Reason, Supply

if TYPE_CHECKING:
    from ...device import Device
    from .load_switch import LoadSwitch
    from .non_disablement import NonDisablement

EMERGENCY_KEY = "emergency credit"
CREDIT_LOG_ENTRIES, REPAYMENT_LOG_ENTRIES = 5, 10
NO_LIMIT = 0x7FFFFFFF
"""Largest amounts of a new meter: none."""
CURRENCY_UNIT = 10**-MILLIPENCE
"""Millipence in a pound or a euro."""


def _new_credit() -> CreditState:
    settings = CreditSettings(max_balance=NO_LIMIT, max_credit=NO_LIMIT)
    return CreditState(settings=settings)


def _no_rates() -> list[bytes]:
    return [DATA.encode(rate_value(0))] * 2


@dataclass(slots=True)
class AccountState:
    """``credit`` is the engine's. Rates and ``collection`` are encoded values; ``cap`` is in whole currency units."""

    credit: CreditState = field(default_factory=_new_credit)
    collection: bytes = b""
    cap: int = 0xFFFF
    cap_period: int = CAP_PERIOD
    rates: list[bytes] = field(default_factory=_no_rates)
    passive_rates: list[bytes] = field(default_factory=_no_rates)


class AccountPart(Part):
    """Keeps the account. ``settle`` is called before anything is read or changed: energy used is charged first."""

    name = "account"
    State = AccountState
    state: AccountState

    def __init__(self, switch: LoadSwitch, periods: NonDisablement) -> None:
        super().__init__()
        self._switch, self._periods = switch, periods
        self.settle: Callable[[], None] = lambda: None
        self.after_change: Callable[[], None] = lambda: None
        """Called when money has moved or a rule has changed."""
        self.standing_charge: Callable[[], int] = lambda: 0
        """Millipence a day."""
        self.before_mode_change: list[Callable[[], None]] = []
        self._credits = RingLog("log/credits", "II", CREDIT_LOG_ENTRIES)
        self._repayments = RingLog("log/repayments", "II", REPAYMENT_LOG_ENTRIES)
        self.reckoning = Reckoning(CreditState())

    def attach(self, device: Device) -> None:
        super().attach(device)
        self._credits.attach(device)
        self._repayments.attach(device)
        serve_log(device.cosem, "0-0:98.1.5.255", self._credits, LOG_ROW)
        serve_log(device.cosem, "0-0:98.1.4.255", self._repayments, LOG_ROW)
        serve_account(self)
        self._periods.listeners.append(self.review)
        self._switch.listeners.append(self._supply_moved)
        device.on_new_firmware.append(self._take_defects)

    def started(self) -> None:
        state, device = self.state, self.device
        if not state.collection:
            twin = device.personality.variant == "B"
            state.collection = DATA.encode(collection_pattern(Suspension(), twin=twin))
        if state.credit.charged_until is None:
            state.credit.charged_until = device.now
        self.reckoning = Reckoning(state.credit, self._periods.holds)
        self._take_defects()
        self._supply_moved()
        self.retune()

    def _take_defects(self) -> None:
        self.reckoning.defects = credit_defects(self.device.personality.defects)

    def clock_stepped(self, before: Instant, after: Instant) -> None:  # noqa: ARG002 - charges are due by date
        self._rearm()

    def advance(self, at: Instant) -> None:
        self.settle()
        self.apply(self.reckoning.advance(at))

    # what metrology tells

    def headroom(self, now: Instant, until: Instant) -> int:
        """Millipence that may be charged until then without anything happening."""
        return self.reckoning.headroom(now, until)

    def charge(self, at: Instant, cost: int) -> None:
        """Energy used up to ``at`` cost this much, in millipence."""
        self.apply(self.reckoning.charge(at, cost))

    def pressed(self, key: str) -> bool:
        if key != EMERGENCY_KEY:
            return False
        log_user_command(self.device, UserCommand.ACTIVATE_EMERGENCY_CREDIT, done=self.activate_emergency())
        return True

    # what others do

    @property
    def prepayment(self) -> bool:
        """Prepayment mode is in force."""
        return self.reckoning.prepayment

    def money(self) -> tuple[int, int, int, int, int, int]:
        """Emergency credit, meter balance, payment debt, time debts 1 and 2, accumulated debt: as logs have them.

        An amount that does not fit 32 bits is given as the nearest that does.
        """
        credit = self.state.credit
        first, second = credit.time_debts
        return (
            bounded(self.reckoning.emergency_balance),
            bounded(credit.balance),
            bounded(credit.payment_debt),
            bounded(first.remaining),
            bounded(second.remaining),
            bounded(credit.accumulated_debt),
        )

    def daily_entry(self) -> tuple[int, ...] | None:
        """The money columns of the prepayment daily read log; None in credit mode."""
        return self.money() if self.prepayment else None

    def top_up(self, amount: int) -> Refusal | None:
        """Spend a payment, in millipence; the reason if it is not taken."""
        self.settle()
        now = self.device.now
        outcome = self.reckoning.top_up(now, amount)
        if outcome.refusal is None:
            self._credits.append(now, amount)
            if outcome.payment_debt:
                self._repayments.append(now, outcome.payment_debt)
            self.apply(outcome.events)
        return outcome.refusal

    def activate_emergency(self) -> bool:
        """True if emergency credit is active afterwards."""
        self.settle()
        active, events = self.reckoning.activate_emergency(self.device.now)
        self.apply(events)
        return active

    def set_mode(self, mode: PaymentMode) -> None:
        """Change the payment mode. Who takes snapshots is told before."""
        self.settle()
        for listener in self.before_mode_change:
            listener()
        self.apply(self.reckoning.set_mode(self.device.now, mode))

    def review(self) -> None:
        """Compare the balance with the thresholds, after something they depend on has changed."""
        if self.device.on:
            self.settle()
            self.apply(self.reckoning.review(self.device.now))

    def retune(self) -> None:
        """Take over settings that the engine holds in another form."""
        state, settings = self.state, self.state.credit.settings
        if not state.collection:  # the tariff was started before the account
            return
        settings.payment_cap = state.cap * CURRENCY_UNIT
        settings.standing_charge = self.standing_charge()
        settings.suspend_disabled, settings.suspend_emergency = suspension_of(DATA.decode(state.collection))
        for debt, rate in zip(state.credit.time_debts, state.rates, strict=True):
            debt.rate = rate_of(DATA.decode(rate))
        self.touch()
        self._rearm()

    def apply(self, events: Iterable[CreditEvent]) -> None:
        """Carry out what the engine has decided."""
        self.touch()
        for event in events:
            if event.decision is Decision.DISABLE:
                self._switch.disable(Reason.CREDIT)
            elif event.decision is Decision.ARM:
                self._switch.release(Reason.CREDIT)
            if event.code != SUPPLY_ARMED:  # the switch tells that itself, if it is armed
                self.device.alerts.event(event.code)
        self._rearm()
        self.after_change()

    # inside

    def _supply_moved(self) -> None:
        others = [reason for reason in self._switch.state.reasons if reason is not Reason.CREDIT]
        self.reckoning.disabled_otherwise = self._switch.supply is Supply.DISABLED and bool(others)

    def _rearm(self) -> None:
        charged = self.state.credit.charged_until
        due = self.reckoning.next_charge(self.device.now if charged is None else charged)
        self.schedule(NEVER if due is None else due)
