"""What a meter's account holds, what its supplier set, and what the account reports (SMETS prepayment and credit mode).

All money is millipence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final, NamedTuple

from protocols.enumerations import plain_members
from protocols.instant import DAY, HOUR, Instant

LOW_CREDIT: Final = 0x810D
EMERGENCY_AVAILABLE: Final = 0x8119
EMERGENCY_ACTIVATED: Final = 0x81AB
EMERGENCY_USED_UP: Final = 0x81AA
BELOW_DISABLEMENT: Final = 0x8F0F
DISABLEMENT_SUSPENDED: Final = 0x8F83
ARMED_BY_EMERGENCY: Final = 0x8168
SUPPLY_ARMED: Final = 0x8F32
TIME_DEBT_COLLECTED: Final = (0x81A7, 0x81A8)
PAYMENT_DEBT_COLLECTED: Final = 0x81A9
VALUE_TOO_LARGE: Final = 0x8F5B
BALANCE_LIMIT: Final = 0x8F47

WHOLE_PAYMENT: Final = 10_000
"""Debt recovery per payment counts hundredths of a per cent."""
CAP_PERIOD: Final = 7 * DAY
"""The cap on payment debt holds for the 7 x 24 hours before the moment of calculation, not for calendar weeks."""
PERIODS: Final = (HOUR, DAY)
"""A time debt is collected every hour or every day, on the hour and at 00:00 UTC."""


@plain_members
class PaymentMode(IntEnum):
    """Values of the account's payment mode."""

    CREDIT = 1
    PREPAYMENT = 2


@plain_members
class Decision(Enum):
    """What the supply has to do about an event."""

    NOTHING = "nothing"
    DISABLE = "disable"
    ARM = "arm"


class CreditEvent(NamedTuple):
    """Something that happened on the account: when, its alert code, and what the supply has to do."""

    at: Instant
    code: int
    decision: Decision = Decision.NOTHING


@plain_members
class CreditDefect(Enum):
    """Planned faults of the arithmetic."""

    TOP_UP_TO_BALANCE_FIRST = "a top-up repays emergency credit before the accumulated debt"
    CAP_PER_CALENDAR_WEEK = "the cap on payment debt begins anew every Monday instead of rolling"
    SHARE_OF_THE_REST = "payment debt takes its percentage of what accumulated debt and emergency credit left over"
    RESET_EMPTIES_EMERGENCY = "a balance reset leaves the emergency credit balance at 0"
    ACTIVE_EMERGENCY_FAILS = "activating emergency credit that is active already is answered as a failure"
    BILL_ADJUSTED_WITH_WRONG_SIGN = "an adjustment of the gas credit mode balance is added instead of subtracted"
    DEBT_TAKEN_THOUGH_SUSPENDED = "debt is collected while supply is disabled though collection is suspended"


class Repayment(NamedTuple):
    """An amount of payment debt collected from a top-up."""

    at: Instant
    amount: int


@dataclass(slots=True)
class TimeDebt:
    """A debt collected by ``rate`` every ``period`` seconds until nothing remains."""

    remaining: int = 0
    rate: int = 0
    period: int = DAY


@dataclass(slots=True)
class CreditSettings:
    """What the supplier sets. None means that there is no such limit.

    ``suspend_disabled``: no debt and standing charge while supply is disabled. ``suspend_emergency``: none from
    emergency credit while it is in use. ``payment_share`` is in hundredths of a per cent.
    """

    emergency_limit: int = 0
    emergency_threshold: int = 0
    low_credit: int = 0
    disablement: int = 0
    max_balance: int | None = None
    max_credit: int | None = None
    payment_cap: int | None = None
    payment_share: int = 0
    suspend_disabled: bool = False
    suspend_emergency: bool = False
    standing_charge: int = 0


@dataclass(slots=True)
class CreditState:
    """What survives a power cut.

    ``bill_to_date`` is the balance of credit mode on devices that keep one for each mode; it rises with use.
    ``emergency_used`` is what has been taken of the emergency credit limit. ``charged_until`` is the last instant
    whose time-based charges were made. The flags remember which crossings were reported.
    """

    mode: PaymentMode = PaymentMode.CREDIT
    settings: CreditSettings = field(default_factory=CreditSettings)
    balance: int = 0
    bill_to_date: int = 0
    emergency_used: int = 0
    emergency_active: bool = False
    accumulated_debt: int = 0
    time_debts: list[TimeDebt] = field(default_factory=lambda: [TimeDebt(), TimeDebt()])
    payment_debt: int = 0
    repayments: list[Repayment] = field(default_factory=list)
    charged_until: Instant | None = None
    disabled: bool = False
    low_reported: bool = False
    available_reported: bool = False
    used_up_reported: bool = False
    suspension_reported: bool = False


@plain_members
class Refusal(Enum):
    """Why a top-up was not taken; the value is the code for the security log."""

    VALUE_TOO_LARGE = VALUE_TOO_LARGE
    BALANCE_LIMIT = BALANCE_LIMIT


class TopUp(NamedTuple):
    """What became of a top-up: a refusal, or how it was spent, in the order of spending."""

    refusal: Refusal | None
    payment_debt: int = 0
    accumulated_debt: int = 0
    emergency: int = 0
    balance: int = 0
    events: tuple[CreditEvent, ...] = ()
