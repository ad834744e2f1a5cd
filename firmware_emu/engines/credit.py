"""The account of a meter: charges, thresholds, emergency credit, debts, top-ups (SMETS payment mode functions).

Deterministic: every method takes the time it happens at and gives the events it causes, in order. The account only
decides about the supply; the load switch or valve acts. Energy used up to an instant is charged before the time-based
charges of that instant: ``charge(at, cost)``, then ``advance(at)``.

``headroom`` makes whole days cheap: as long as less than that is charged, nothing can happen, and one call of
``charge`` does for any number of half-hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from protocols.instant import DAY, Instant

from .credit_state import (
    ARMED_BY_EMERGENCY,
    BELOW_DISABLEMENT,
    DISABLEMENT_SUSPENDED,
    EMERGENCY_ACTIVATED,
    EMERGENCY_AVAILABLE,
    EMERGENCY_USED_UP,
    LOW_CREDIT,
    PAYMENT_DEBT_COLLECTED,
    SUPPLY_ARMED,
    TIME_DEBT_COLLECTED,
    CreditDefect,
    CreditEvent,
    CreditState,
    Decision,
    PaymentMode,
    Refusal,
    TimeDebt,
    TopUp,
)
from .payments import spend

UNLIMITED: Final = 1 << 62
COLLECT_TIME_DEBTS_IN_CREDIT_MODE: Final = False
"""Inferred: time debts rest in credit mode, where a debt is on the bill."""

Protected = Callable[[Instant], bool]


def never_protected(_at: Instant) -> bool:
    """No non-disablement period."""
    return False


class Account:
    """``protected`` tells whether an instant lies in a non-disablement period.

    ``separate_bill``: credit mode has its own balance, which rises with use (gas). ``disabled_otherwise`` is set while
    supply is disabled for another reason than credit; charges then follow the same rules as without credit.
    """

    def __init__(
        self,
        state: CreditState,
        protected: Protected = never_protected,
        *,
        separate_bill: bool = False,
        defects: Iterable[CreditDefect] = (),
    ) -> None:
        self.state, self.protected, self.separate_bill = state, protected, separate_bill
        self.defects = frozenset(defects)
        self.disabled_otherwise = False

    # what can be read

    @property
    def emergency_balance(self) -> int:
        """What is left of the emergency credit; all of it when none is in use."""
        return self.state.settings.emergency_limit - self.state.emergency_used

    @property
    def credit(self) -> int:
        """Balance, with emergency credit once it is active: what the thresholds look at."""
        return self.state.balance + (self.emergency_balance if self.state.emergency_active else 0)

    @property
    def emergency_in_use(self) -> bool:
        """Emergency credit is active and the balance used up: charges come from emergency credit."""
        return self.state.emergency_active and self.state.balance <= self._used_up_at

    @property
    def prepayment(self) -> bool:
        """Prepayment mode is in force."""
        return self.state.mode is PaymentMode.PREPAYMENT

    @property
    def debt_to_clear(self) -> int:
        """The least that goes elsewhere before a top-up raises the balance, payment debt left aside."""
        shortage = max(0, self.state.settings.disablement - self.state.balance)
        return self.state.accumulated_debt + shortage + self.state.emergency_used

    def headroom(self, now: Instant, until: Instant) -> int:
        """Millipence that can be charged from ``now`` to ``until``, time-based charges aside, without any event."""
        state, settings = self.state, self.state.settings
        if not self.prepayment:
            return UNLIMITED
        if state.emergency_active or self._supply_disabled:
            return 0
        room = UNLIMITED
        if not state.low_reported:
            room = min(room, state.balance - settings.low_credit)
        if not state.available_reported and settings.emergency_limit > 0:
            room = min(room, state.balance - settings.emergency_threshold - 1)
        if not state.disabled and not state.suspension_reported:
            room = min(room, state.balance - settings.disablement - 1)
        charges = self._quiet_charges(now, until)
        return 0 if charges is None else max(0, room - charges)

    def next_charge(self, after: Instant) -> Instant | None:
        """The first instant later than ``after`` with a time-based charge, or None."""
        periods = [debt.period for debt in self._collected_debts()]
        if self.state.settings.standing_charge:
            periods.append(DAY)
        return min(((after // period + 1) * period for period in periods), default=None)

    # what happens by itself

    def advance(self, now: Instant) -> list[CreditEvent]:
        """Make the time-based charges due after the last call, up to and including ``now``, in time order.

        At one instant: standing charge, time debt 1, time debt 2. A clock set back charges nothing twice.
        """
        state = self.state
        if state.charged_until is None:
            state.charged_until = now
        if now > state.charged_until and self.prepayment and self.headroom(state.charged_until, now) > 0:
            self._charge_quietly(state.charged_until, now)
            return []
        events: list[CreditEvent] = []
        at = self.next_charge(state.charged_until)
        while at is not None and at <= now:
            events += self._charge_time(at)
            at = self.next_charge(at)
        state.charged_until = max(state.charged_until, now)
        return events

    def charge(self, now: Instant, cost: int) -> list[CreditEvent]:
        """Charge energy consumed up to ``now``."""
        state = self.state
        if not self.prepayment:
            self._bill(cost)
            return []
        if not state.emergency_active:
            state.balance -= cost
        else:
            self._take(cost)
        return self.review(now)

    def review(self, now: Instant) -> list[CreditEvent]:
        """Compare with the thresholds. Call it too when a non-disablement period begins or ends, or settings change."""
        if not self.prepayment:
            return []
        events = [*self._review_low_credit(now), *self._review_emergency(now)]
        settings, state = self.state.settings, self.state
        if self.credit > settings.disablement:
            state.suspension_reported = False
            if state.disabled:
                state.disabled = False
                events.append(CreditEvent(now, SUPPLY_ARMED, Decision.ARM))
        elif not state.disabled:
            events += self._lack(now)
        return events

    # what the consumer does

    def top_up(self, now: Instant, amount: int) -> TopUp:
        """Spend a payment: payment debt, accumulated debt, what is missing to the disablement threshold, emergency
        credit used, balance.
        """
        state, settings = self.state, self.state.settings
        if settings.max_credit is not None and amount > settings.max_credit:
            return TopUp(Refusal.VALUE_TOO_LARGE)
        if settings.max_balance is not None and state.balance + amount > settings.max_balance:
            return TopUp(Refusal.BALANCE_LIMIT)
        before = (state.payment_debt, state.accumulated_debt, state.emergency_used, state.balance)
        spend(state, now, amount, self.defects)
        debt, accumulated, used, balance = before
        events: list[CreditEvent] = []
        if debt and not state.payment_debt:
            events.append(CreditEvent(now, PAYMENT_DEBT_COLLECTED))
        events += self.review(now)
        return TopUp(
            None,
            debt - state.payment_debt,
            accumulated - state.accumulated_debt,
            used - state.emergency_used,
            state.balance - balance,
            tuple(events),
        )

    def activate_emergency(self, now: Instant) -> tuple[bool, list[CreditEvent]]:
        """Make emergency credit usable. True if it is active afterwards, also if it was before."""
        state, settings = self.state, self.state.settings
        if state.emergency_active and self.prepayment:
            return CreditDefect.ACTIVE_EMERGENCY_FAILS not in self.defects, []
        if not self.emergency_available:
            return False, []
        state.emergency_active = True
        state.used_up_reported = False
        events = [CreditEvent(now, EMERGENCY_ACTIVATED)]
        if state.disabled and self.credit > settings.disablement:
            state.disabled = False
            events.append(CreditEvent(now, ARMED_BY_EMERGENCY, Decision.ARM))
        return True, events + self.review(now)

    @property
    def emergency_available(self) -> bool:
        """Emergency credit may be activated now."""
        state, settings = self.state, self.state.settings
        low = state.balance <= settings.emergency_threshold
        unused = not state.emergency_active and state.emergency_used <= 0
        return self.prepayment and low and unused and settings.emergency_limit > 0

    # what the supplier does

    def adjust_balance(self, now: Instant, amount: int) -> list[CreditEvent]:
        """Add a signed amount to the balance of the mode in force; a bill to date is lowered by it."""
        if self.prepayment or not self.separate_bill:
            self.state.balance += amount
        elif CreditDefect.BILL_ADJUSTED_WITH_WRONG_SIGN in self.defects:
            self.state.bill_to_date += amount
        else:
            self.state.bill_to_date -= amount
        return self.review(now)

    def reset_balance(self, now: Instant) -> list[CreditEvent]:
        """Balance, accumulated debt and use of emergency credit become 0: all of that credit is there again."""
        state = self.state
        if not self.prepayment and self.separate_bill:
            state.bill_to_date = 0
            return []
        state.balance = state.accumulated_debt = state.emergency_used = 0
        if CreditDefect.RESET_EMPTIES_EMERGENCY in self.defects:
            state.emergency_used = state.settings.emergency_limit
        state.emergency_active = False
        return self.review(now)

    def set_mode(self, now: Instant, mode: PaymentMode) -> list[CreditEvent]:
        """Change the payment mode; balances stay. Lack of credit ends with prepayment mode: supply is armed."""
        state = self.state
        state.mode = mode
        if mode is PaymentMode.PREPAYMENT:
            return self.review(now)
        was_disabled = state.disabled
        state.disabled = state.suspension_reported = state.low_reported = state.available_reported = False
        return [CreditEvent(now, SUPPLY_ARMED, Decision.ARM)] if was_disabled else []

    def adjust_time_debt(self, number: int, increment: int) -> None:
        """Change what remains of time debt 0 or 1; it never falls below 0."""
        debt = self.state.time_debts[number]
        debt.remaining = max(0, debt.remaining + increment)

    def adjust_payment_debt(self, increment: int) -> None:
        """Change the payment debt; it never falls below 0."""
        self.state.payment_debt = max(0, self.state.payment_debt + increment)

    # charging

    @property
    def _used_up_at(self) -> int:
        """The balance at which emergency credit is used instead. Inferred: where supply would be disabled."""
        return self.state.settings.disablement

    @property
    def _supply_disabled(self) -> bool:
        return self.state.disabled or self.disabled_otherwise

    def _bill(self, cost: int) -> None:
        if self.separate_bill:
            self.state.bill_to_date += cost
        else:
            self.state.balance -= cost

    def _take(self, amount: int) -> None:
        """From the balance until it is used up, then from active emergency credit, then from the balance again."""
        state = self.state
        from_balance = amount
        if state.emergency_active:
            from_balance = min(amount, max(0, state.balance - self._used_up_at))
            from_emergency = min(amount - from_balance, max(0, self.emergency_balance))
            state.emergency_used += from_emergency
            from_balance = amount - from_emergency
        state.balance -= from_balance

    def _is_collected(self, debt: TimeDebt) -> bool:
        due = debt.remaining > 0 and debt.rate > 0 and debt.period > 0
        return due and (self.prepayment or COLLECT_TIME_DEBTS_IN_CREDIT_MODE)

    def _collected_debts(self) -> list[TimeDebt]:
        return [debt for debt in self.state.time_debts if self._is_collected(debt)]

    def _charge_time(self, at: Instant) -> list[CreditEvent]:
        state = self.state
        events: list[CreditEvent] = []
        if at % DAY == 0:
            self._collect(state.settings.standing_charge)
        for debt, code in zip(state.time_debts, TIME_DEBT_COLLECTED, strict=True):
            if self._is_collected(debt) and at % debt.period == 0:
                debt.remaining -= self._collect(min(debt.rate, debt.remaining))
                if not debt.remaining:
                    events.append(CreditEvent(at, code))
        return events + self.review(at)

    def _charge_quietly(self, after: Instant, until: Instant) -> None:
        """All time-based charges at once, from the balance, where the headroom says that nothing else can happen."""
        state = self.state
        state.balance -= self._quiet_charges(after, until) or 0
        for debt in self._collected_debts():
            debt.remaining -= debt.rate * (until // debt.period - after // debt.period)
        state.charged_until = until

    def _collect(self, amount: int) -> int:
        """Take a time-based charge from where the supply state says; gives what was collected."""
        state, settings = self.state, self.state.settings
        if not self.prepayment:
            self._bill(amount)
        elif self._supply_disabled:
            if settings.suspend_disabled and CreditDefect.DEBT_TAKEN_THOUGH_SUSPENDED not in self.defects:
                return 0
            state.accumulated_debt += amount
        elif self.emergency_in_use and settings.suspend_emergency:
            state.accumulated_debt += amount
        else:
            self._take(amount)
        return amount

    def _quiet_charges(self, after: Instant, until: Instant) -> int | None:
        """Time-based charges after an instant up to another; None if a debt ends there, which is an event."""
        charges = (until // DAY - after // DAY) * self.state.settings.standing_charge
        for debt in self._collected_debts():
            collected = (until // debt.period - after // debt.period) * debt.rate
            if debt.remaining <= collected:
                return None
            charges += collected
        return charges

    # thresholds

    def _review_low_credit(self, now: Instant) -> list[CreditEvent]:
        state = self.state
        was, state.low_reported = state.low_reported, self.credit < state.settings.low_credit
        return [CreditEvent(now, LOW_CREDIT)] if state.low_reported and not was else []

    def _review_emergency(self, now: Instant) -> list[CreditEvent]:
        state = self.state
        if state.emergency_active:
            if self.emergency_balance > 0:
                state.used_up_reported = False
            elif not state.used_up_reported:
                state.used_up_reported = True
                return [CreditEvent(now, EMERGENCY_USED_UP)]
            return []
        was, state.available_reported = state.available_reported, self.emergency_available
        return [CreditEvent(now, EMERGENCY_AVAILABLE)] if state.available_reported and not was else []

    def _lack(self, now: Instant) -> list[CreditEvent]:
        """Credit at or below the disablement threshold, supply not disabled yet."""
        state = self.state
        if not self.protected(now):
            state.disabled, state.suspension_reported = True, False
            return [CreditEvent(now, BELOW_DISABLEMENT, Decision.DISABLE)]
        if state.suspension_reported:
            return []
        state.suspension_reported = True
        return [CreditEvent(now, DISABLEMENT_SUSPENDED)]
