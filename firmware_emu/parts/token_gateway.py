"""Prepayment tokens: from the network (CS01a), the keypad, or a display of the home (GBCS 14).

The steps: 20 digits and check digit, value class, counter completed from its ten bits, not used before, authentic,
not too large for the account; then it is credited and its counter remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, Protocol

from protocols.dlms.data import Data, DataType
from protocols.errors import MissingKeyError
from protocols.eui64 import Eui64
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.utrn import Utrn, UtrnError, UtrnFailure, check_utrn, complete_counter

from ..cosem import expect
from ..counters import TOP_UP
from ..credentials import Cell
from ..defects import register_defect
from ..engines.credit_state import Refusal
from ..engines.token_counters import KeypadLock, TokenCounters, TokenVerdict
from ..han_commands import UserCommand, log_user_command
from ..outputs import Show
from ..part import Part
from ..refusals import AccessFailed

if TYPE_CHECKING:
    from ..command import Command
    from ..device import Device

GATEWAY = "0-0:19.40.0.255"
TOP_UP_COMMAND = 0x0007
CREDIT_ADDED_LOCALLY = 0x810E
DUPLICATE, NOT_AUTHENTIC, NOT_FOR_THIS_DEVICE = 0x8F51, 0x8F63, 0x8F64
KEYPAD_LOCKED, REFUSED_WHILE_LOCKED = 0x81C4, 0x81C5
TYPED = "token "
"""Begins what the consumer types: the digits follow."""
MILLIPENCE_IN_PENNY = 1000

COUNTER_WITHOUT_WINDOW = register_defect(
    "token-counter-without-window", "completes a token's counter without looking past the next multiple of 1024"
)
HIGHEST_COUNTER_ONLY = register_defect(
    "token-counter-highest-only", "compares a token's counter with the highest used only, not with the last hundred"
)


class TokenResult(IntEnum):
    """What became of a token, with the values of the top-up response in a home."""

    ACCEPTED = 0
    INVALID = 1
    DUPLICATE = 2
    ERROR = 3
    BALANCE_LIMIT = 4
    KEYPAD_LOCKED = 5
    VALUE_TOO_LARGE = 6


_REFUSALS = {
    Refusal.VALUE_TOO_LARGE: TokenResult.VALUE_TOO_LARGE,
    Refusal.BALANCE_LIMIT: TokenResult.BALANCE_LIMIT,
}
_UNREADABLE = {UtrnFailure.DIGITS, UtrnFailure.CHECK_DIGIT}


@dataclass(slots=True)
class TokenState:
    """Which counters were used, and the wrong tokens at the keypad."""

    counters: TokenCounters = field(default_factory=TokenCounters)
    lock: KeypadLock = field(default_factory=KeypadLock)


class Payable(Protocol):
    """An account that takes payments."""

    def top_up(self, amount: int) -> Refusal | None:
        """Spend millipence; a refusal if the limits forbid it."""


class TokenGateway(Part):
    """Takes tokens for an account. ``command`` is the message code of the command that brings them."""

    name = "token gateway"
    State = TokenState
    state: TokenState
    command: ClassVar[int] = TOP_UP_COMMAND

    def __init__(self, account: Payable) -> None:
        super().__init__()
        self._account = account
        self.last_amount = 0
        """What the token credited last was worth, in millipence."""

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.cosem.method(115, GATEWAY, 1, self._enter_remotely)
        device.counters.floor_listeners.append(self._floor_set)
        device.dispatcher.replay_checks[self.command] = self._is_new

    # ways in

    def pressed(self, key: str) -> bool:
        if not key.startswith(TYPED):
            return False
        result = self.enter_at_keypad(key.removeprefix(TYPED))
        log_user_command(self.device, UserCommand.ADD_CREDIT, done=result is TokenResult.ACCEPTED)
        self.device.emit(Show("token", result.name.lower().replace("_", " ")))
        return True

    def enter_at_keypad(self, digits: str) -> TokenResult:
        """The consumer types a token. Wrong ones lock the keypad for a while."""
        lock, now = self.state.lock, self.device.now
        self.touch()
        if lock.is_locked(now):
            self.device.alerts.event(REFUSED_WHILE_LOCKED)
            return TokenResult.KEYPAD_LOCKED
        result = self.enter_locally(digits)
        if result is TokenResult.ACCEPTED:
            lock.succeeded()
        elif lock.failed(now):
            self.device.alerts.event(KEYPAD_LOCKED)
        return result

    def enter_locally(self, digits: str) -> TokenResult:
        """A token from inside the home; the supplier is told that it was credited."""
        result = self.enter(digits)
        if result is TokenResult.ACCEPTED:
            self.device.alerts.event(CREDIT_ADDED_LOCALLY)
        return result

    def _enter_remotely(self, argument: Data) -> None:
        digits = expect(argument, DataType.OCTET_STRING)
        if self.enter(digits.decode("latin-1")) is not TokenResult.ACCEPTED:
            raise AccessFailed

    # steps

    def enter(self, digits: str) -> TokenResult:
        """Check a token and credit it."""
        supplier = self._supplier()
        if supplier is None:
            return TokenResult.ERROR
        try:
            token = Utrn.decode(digits)
            counter = complete_counter(token.counter_bits, self._highest())
            if not self._unused(counter):
                self.device.alerts.event(DUPLICATE)
                return TokenResult.DUPLICATE
            check_utrn(digits, self.device.keys, supplier, self.device.identity, self._highest())
        except UtrnError as error:
            return self._refuse(error.failure)
        except MissingKeyError:
            return TokenResult.ERROR
        return self._credit(token.pence * MILLIPENCE_IN_PENNY, counter)

    def _credit(self, amount: int, counter: int) -> TokenResult:
        refusal = self._account.top_up(amount)
        if refusal is not None:
            self.device.alerts.event(refusal.value)
            return _REFUSALS[refusal]
        self.state.counters.use(counter)
        self.touch()
        self.last_amount = amount
        return TokenResult.ACCEPTED

    def _refuse(self, failure: UtrnFailure) -> TokenResult:
        if failure is UtrnFailure.NOT_AUTHENTIC:
            self.device.alerts.event(NOT_AUTHENTIC)
        elif failure not in _UNREADABLE:  # a right check digit before what cannot be: another device's. Inferred
            self.device.alerts.event(NOT_FOR_THIS_DEVICE)
        return TokenResult.INVALID

    def _highest(self) -> int:
        """What the ten bits of a token are completed with."""
        highest = self.state.counters.highest
        if self.device.defective(COUNTER_WITHOUT_WINDOW):
            return highest - highest % 1024 + 512
        return highest

    def _supplier(self) -> Eui64 | None:
        cell = Cell(RemotePartyRole.SUPPLIER, KeyUse.PREPAYMENT_KEY_AGREEMENT)
        anchor = self.device.credentials.anchor(cell)
        return None if anchor is None else Eui64(anchor.subject)

    def _is_new(self, command: Command) -> bool:
        """The check in place of the execution counter: the hundred last counters, in any order."""
        return self._unused(command.message.counter >> 32)

    def _unused(self, counter: int) -> bool:
        highest_only = self.device.defective(HIGHEST_COUNTER_ONLY)
        return self.state.counters.judge(counter, highest_only=highest_only) is TokenVerdict.NEW

    def _floor_set(self, role: int, counter: int, anew: bool) -> None:
        """New credentials of the supplier: tokens begin anew from here, but not with the key that they had."""
        if role == TOP_UP:
            counters = self.state.counters
            (counters.set_floor if anew else counters.raise_floor)(counter >> 32)
            self.touch()
