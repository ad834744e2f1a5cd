"""How a top-up is spent: payment debt, accumulated debt, shortage, emergency credit, balance (SMETS prepayment)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from protocols.instant import DAY, Instant

from .credit_state import CAP_PERIOD, WHOLE_PAYMENT, CreditDefect, CreditState, PaymentMode, Repayment

_MONDAY: Final = 2 * DAY  # 2000-01-03, the first Monday


def spend(state: CreditState, now: Instant, payment: int, defects: Collection[CreditDefect] = ()) -> None:
    """Change ``state`` by a payment (millipence). In credit mode all of it goes to the balance."""
    if state.mode is not PaymentMode.PREPAYMENT:
        rest = payment
    elif CreditDefect.TOP_UP_TO_BALANCE_FIRST in defects:
        rest = _to_payment_debt(state, now, payment, payment, defects)
        rest = _to_accumulated_debt(state, _to_emergency_credit(state, rest))
    elif CreditDefect.SHARE_OF_THE_REST in defects:
        rest = _to_emergency_credit(state, _to_accumulated_debt(state, payment))
        rest = _to_payment_debt(state, now, rest, rest, defects)
    else:
        rest = _to_payment_debt(state, now, payment, payment, defects)
        rest = _to_emergency_credit(state, _to_accumulated_debt(state, rest))
    state.balance += rest
    if state.emergency_used <= 0 and state.balance > state.settings.emergency_threshold:
        state.emergency_active = False  # inferred: activated, never needed, and now not available any more


# Each gives what is left of the amount.


def _to_payment_debt(
    state: CreditState, now: Instant, amount: int, payment: int, defects: Collection[CreditDefect]
) -> int:
    """The percentage of the payment, rounded down; no more than the debt, nor than the cap leaves."""
    settings = state.settings
    share = min(payment * settings.payment_share // WHOLE_PAYMENT, state.payment_debt)
    start = _cap_start(now, defects)
    state.repayments = [repaid for repaid in state.repayments if repaid.at > start]
    if settings.payment_cap is not None:
        share = min(share, max(0, settings.payment_cap - sum(repaid.amount for repaid in state.repayments)))
    if share:
        state.payment_debt -= share
        state.repayments.append(Repayment(now, share))
    return amount - share


def _cap_start(now: Instant, defects: Collection[CreditDefect]) -> Instant:
    """Repayments later than this count towards the cap."""
    if CreditDefect.CAP_PER_CALENDAR_WEEK in defects:
        return now - (now - _MONDAY) % CAP_PERIOD - 1
    return now - CAP_PERIOD


def _to_accumulated_debt(state: CreditState, amount: int) -> int:
    part = min(amount, state.accumulated_debt)
    state.accumulated_debt -= part
    return amount - part


def _to_emergency_credit(state: CreditState, amount: int) -> int:
    """First what the balance lacks to the disablement threshold, then emergency credit, which ends when repaid."""
    shortage = min(amount, max(0, state.settings.disablement - state.balance))
    state.balance += shortage
    part = min(amount - shortage, max(0, state.emergency_used))
    state.emergency_used -= part
    if part and not state.emergency_used:
        state.emergency_active = False
    return amount - shortage - part
