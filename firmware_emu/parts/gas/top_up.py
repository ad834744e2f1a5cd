"""Top-up of a gas meter: by the supplier (CS01b), a display of the home (PCS01), or at the meter's keypad (GBCS 14)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from protocols.gbcs.gbz import Component
from protocols.gbcs.utrn import Utrn, UtrnError, complete_counter
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import PREPAYMENT
from protocols.zigbee.smart_energy_prepayment import DebtRepayment, TopUp
from protocols.zigbee.zcl import ClusterCommand

from ...engines.credit_state import PaymentMode, Refusal
from ...han_commands import log_han_command
from ...zcl_server import Reply
from ...zcl_values import fields_of
from ..token_gateway import TokenGateway, TokenResult
from .payments import PAYMENT_DEBT
from .valve import Supply

if TYPE_CHECKING:
    from ...device import Device
    from .account import GasAccount
    from .payments import GasPayments
    from .prepayment import GasPrepayment
    from .valve import GasValve

TOP_UP_COMMAND = 0x0097
FROM_DISPLAY = 2
"""Originating device: a display of the home."""
NOT_GIVEN = -1
ACCEPTED_DISABLED, ACCEPTED_ARMED = 0x11, 0x12
"""Results of a top-up that left supply disabled, or armed it."""

_RESPONSE = command_named("Consumer Top Up Response")
_ACCEPTED = (TokenResult.ACCEPTED, 0x10, ACCEPTED_DISABLED, ACCEPTED_ARMED)


class GasTopUp(TokenGateway):
    """Takes tokens for the gas account and keeps the log of top-ups."""

    command = TOP_UP_COMMAND

    def __init__(self, prepayment: GasPrepayment, account: GasAccount, payments: GasPayments, valve: GasValve) -> None:
        super().__init__(self)
        self._prepayment, self._held, self._payments, self._valve = prepayment, account, payments, valve
        self._debt_taken = 0
        self.on_paid: Callable[[bool], None] = lambda _debt_taken: None
        """Told of every accepted top-up, and whether debt was taken from it."""

    def attach(self, device: Device) -> None:
        self.device = device
        device.zcl.command(PREPAYMENT, 0x04, self._take, preset=self._preset)
        device.counters.floor_listeners.append(self._floor_set)
        device.dispatcher.replay_checks[self.command] = self._is_new

    def top_up(self, amount: int) -> Refusal | None:
        """Spend a payment that was checked."""
        done = self._prepayment.top_up(amount)
        if done.refusal is None:
            self._debt_taken = done.payment_debt
            if done.payment_debt:
                credit = self._held.credit
                now = self.device.now
                self._payments.add_repayment(DebtRepayment(now, done.payment_debt, PAYMENT_DEBT, credit.payment_debt))
        return done.refusal

    def enter(self, digits: str) -> TokenResult:
        """Check a token and credit it, whichever way it came."""
        result = super().enter(digits)
        if result is TokenResult.ACCEPTED:
            self._payments.add_top_up(TopUp(digits.encode("ascii"), self.last_amount, self.device.now))
            self.on_paid(self._debt_taken > 0)
        return result

    def _take(self, component: Component) -> Sequence[Reply]:
        fields = fields_of(component)
        source, digits = fields["originating_device"], (fields["top_up_code"] or b"").decode("latin-1")
        before = self._valve.supply
        result = self.enter_locally(digits) if source == FROM_DISPLAY else self.enter(digits)
        accepted = result is TokenResult.ACCEPTED
        log_han_command(self.device, accepted)
        answer = _RESPONSE.make(
            result_type=self._accepted_as(before) if accepted else int(result),
            top_up_value=self.last_amount if accepted else NOT_GIVEN,
            source_of_top_up=source,
            credit_remaining=self._held.credit.balance if accepted else NOT_GIVEN,
        )
        return [Reply(answer, quiet=False)]

    def _accepted_as(self, before: Supply) -> int:
        """Says what became of the supply, where it was not simply on. Inferred."""
        if self._valve.supply is Supply.ARMED and before is Supply.OFF:
            return ACCEPTED_ARMED
        return ACCEPTED_DISABLED if self._valve.supply is Supply.OFF else int(TokenResult.ACCEPTED)

    def _preset(self, asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        """The balance before the token, or what is to make the meter refuse it."""
        credit, settings = self._held.credit, self._held.settings
        for answer in answers:
            result = answer["result_type"]
            if result in _ACCEPTED:
                credit.mode = PaymentMode.PREPAYMENT
                credit.balance = answer["credit_remaining"] - answer["top_up_value"]
            elif result == TokenResult.VALUE_TOO_LARGE:
                settings.max_credit = 0
            elif result == TokenResult.BALANCE_LIMIT:
                settings.max_balance = credit.balance
            elif result == TokenResult.DUPLICATE:
                self._remember(asked["top_up_code"])
        self.touch()
        self._held.changed()

    def _remember(self, code: bytes) -> None:
        """The token was used before."""
        try:
            bits = Utrn.decode(code.decode("latin-1")).counter_bits
            self.state.counters.use(complete_counter(bits, self.state.counters.highest))
        except UtrnError:
            return
