"""A prepayment account as the rules tell it, minute by minute: nothing is looked ahead, nothing is done at once.

Written from the order of charges and payments that suppliers publish, for comparison with a meter.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware_emu.load_model import LoadModel
from protocols.instant import DAY, HALF_HOUR, Instant, to_datetime

from .tariffs import PlainTariff

LOW_CREDIT, AVAILABLE, ACTIVATED, EXHAUSTED = 0x810D, 0x8119, 0x81AB, 0x81AA
BELOW, SUSPENDED, ARMED = 0x8F0F, 0x8F83, 0x8F32
FIRST_CLEARED, SECOND_CLEARED, PAYMENT_CLEARED = 0x81A7, 0x81A8, 0x81A9
CODES = frozenset(
    (
        *(LOW_CREDIT, AVAILABLE, ACTIVATED, EXHAUSTED, BELOW, SUSPENDED, ARMED),
        *(FIRST_CLEARED, SECOND_CLEARED, PAYMENT_CLEARED),
    )
)
MINUTE = 60
WEEK = 7 * DAY


@dataclass
class Debt:
    """``rate`` is taken every ``period``."""

    left: int
    rate: int
    period: int


@dataclass
class Purse:
    """All money in millipence. The supply goes off when credit is at 0, but not from Saturday to Monday, 10:00."""

    load: LoadModel
    tariff: PlainTariff
    now: Instant
    balance: int = 0
    emergency_limit: int = 0
    emergency_threshold: int = 0
    low_credit: int = 0
    cap: int = 0
    share: int = 0
    payment_debt: int = 0
    debts: list[Debt] = field(default_factory=list)
    suspend_disabled: bool = False
    suspend_emergency: bool = False
    used: int = 0
    active: bool = False
    accumulated: int = 0
    supplied: bool = True
    disabled: bool = False
    events: list[tuple[Instant, int]] = field(default_factory=list)
    midnights: list[tuple[int, ...]] = field(default_factory=list)
    repaid: list[tuple[Instant, int]] = field(default_factory=list)
    wh: int = 0
    _thousandths: int = 0
    _told: set[int] = field(default_factory=set)

    def run(self, until: Instant) -> None:
        """Let minutes pass."""
        while self.now < until:
            self._minute()

    def run_to(self, code: int, within: int) -> None:
        """Let minutes pass until something happens."""
        end, seen = self.now + within, len(self.events)
        while not any(event == code for _, event in self.events[seen:]):
            assert self.now < end, f"{code:04X} did not happen"
            self._minute()

    def state(self) -> list[int]:
        """Balance, emergency credit, accumulated debt, time debts 1 and 2, payment debt."""
        left = [debt.left for debt in self.debts]
        return [self.balance, self.emergency_limit - self.used, self.accumulated, *left, self.payment_debt]

    def pay(self, amount: int) -> None:
        """A payment, in the order in which it is spent."""
        recent = sum(paid for at, paid in self.repaid if at > self.now - WEEK)
        part = max(0, min(amount * self.share // 10_000, self.payment_debt, self.cap - recent))
        if part:
            self.repaid.append((self.now, part))
            self.payment_debt -= part
            if not self.payment_debt:
                self._tell(PAYMENT_CLEARED)
        amount -= part
        part = min(amount, self.accumulated)
        self.accumulated -= part
        amount -= part
        part = min(amount, max(0, -self.balance))
        self.balance += part
        amount -= part
        part = min(amount, self.used)
        self.used -= part
        self.balance += amount - part
        if not self.used and (part or self.balance > self.emergency_threshold):
            self.active = False
        self._look()

    def adjust(self, amount: int) -> None:
        """The supplier adds to the balance, or takes from it."""
        self.balance += amount
        self._look()

    def activate(self) -> None:
        """The consumer, or the supplier for her."""
        assert not self.active
        self.active = True
        self._tell(ACTIVATED)
        if self.disabled and self.credit > 0:
            self.disabled = False
            self._tell(ARMED)
        self._look()

    def close_switch(self) -> None:
        """The consumer closes the armed switch."""
        assert not self.disabled
        self.supplied = True

    @property
    def credit(self) -> int:
        """What there is to live on."""
        return self.balance + (self.emergency_limit - self.used if self.active else 0)

    # inside

    def _minute(self) -> None:
        slot = self.now - self.now % HALF_HOUR
        amount = self.load.day(slot // DAY).imported[slot % DAY // HALF_HOUR]
        begin, end = self.now - slot, self.now - slot + MINUTE
        energy = (amount * end // HALF_HOUR - amount * begin // HALF_HOUR) if self.supplied else 0
        price = self.tariff.price(self.tariff.rate(self.now), 0)
        self.now += MINUTE
        self.wh += energy
        cost, self._thousandths = divmod(self._thousandths + energy * price, 1000)
        self._take(cost)
        self._look()
        if self.now % DAY == 0:
            self._note_midnight()
            self._collect(self.tariff.standing)
        for debt, code in zip(self.debts, (FIRST_CLEARED, SECOND_CLEARED), strict=True):
            if debt.left and self.now % debt.period == 0:
                debt.left -= self._collect(min(debt.rate, debt.left))
                if not debt.left:
                    self._tell(code)
        self._look()

    def _note_midnight(self) -> None:
        """The day's entry is made before the charges of that midnight, as the meter's is. Inferred."""
        balance, emergency, accumulated, first, second, payment = self.state()
        self.midnights.append((self.now, emergency, balance, payment, first, second, accumulated))

    def _take(self, amount: int) -> None:
        """From the balance, then from emergency credit while there is some, then from the balance again."""
        if self.active:
            from_balance = min(amount, max(0, self.balance))
            from_emergency = min(amount - from_balance, self.emergency_limit - self.used)
            self.used += from_emergency
            amount -= from_emergency
        self.balance -= amount

    def _collect(self, amount: int) -> int:
        if self.disabled:  # armed is not disabled: there is credit again
            if self.suspend_disabled:
                return 0
            self.accumulated += amount
        elif self.active and self.balance <= 0 and self.suspend_emergency:
            self.accumulated += amount
        else:
            self._take(amount)
        return amount

    def _look(self) -> None:
        self._edge(LOW_CREDIT, self.credit < self.low_credit)
        available = self.balance <= self.emergency_threshold and not self.active and not self.used
        self._edge(AVAILABLE, available and not self.active)
        self._edge(EXHAUSTED, self.active and self.used >= self.emergency_limit)
        if self.credit > 0:
            self._told.discard(SUSPENDED)
            if self.disabled:
                self.disabled = False
                self._tell(ARMED)
        elif not self.disabled:
            if self._weekend():
                self._edge(SUSPENDED, True)
            else:
                self.disabled, self.supplied = True, False
                self._told.discard(SUSPENDED)
                self._tell(BELOW)

    def _weekend(self) -> bool:
        moment = to_datetime(self.now)
        return moment.isoweekday() > 5 or (moment.isoweekday() == 1 and moment.hour < 10)

    def _edge(self, code: int, holds: bool) -> None:
        if holds and code not in self._told:
            self._tell(code)
        (self._told.add if holds else self._told.discard)(code)

    def _tell(self, code: int) -> None:
        self.events.append((self.now, code))
