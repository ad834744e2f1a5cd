"""How a gas meter's account lives: charges, thresholds, emergency credit, debts, payment mode (SMETS2 4.6; ZSE D.7).

The arithmetic is the account engine's; this part gives it time and costs, carries its decisions to the valve, and
serves the supplier's commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from protocols.gbcs.gbz import Component
from protocols.instant import Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import PREPAYMENT
from protocols.zigbee.zcl import ClusterCommand

from ...dated_commands import DatedCommand
from ...dated_commands import serve as serve_dated
from ...engines.credit import Account
from ...engines.credit_state import SUPPLY_ARMED, CreditDefect, CreditEvent, Decision, PaymentMode, TopUp
from ...engines.tariff_calendar import Calendar
from ...han_commands import UserCommand, log_han_command, log_user_command
from ...part import NEVER, Part
from ...refusals import ZCL_FAILURE, ZclFailed
from ...zcl_server import Reply
from ...zcl_values import fields_of, require
from ..credit_defects import credit_defects
from .account import CREDIT_MODE, FREQUENCIES, NO_CAP, NO_LIMIT
from .calendar import FRIENDLY_CREDIT
from .valve import Reason, Supply

if TYPE_CHECKING:
    from ...device import Device
    from .account import GasAccount
    from .calendar import GasCalendars
    from .price import GasPrice
    from .valve import GasValve

NOT_ON_GAS = frozenset({SUPPLY_ARMED})
"""Codes of the account that the table gives to electricity meters only and gas meters do not raise. Inferred."""
NO_FREQUENCY = 0xFF
UNCHANGED_CUT_OFF = -1
EMERGENCY_KEY = "emergency credit"
ADD_TO_BALANCE, SET_BALANCE, SET_BILL, ADJUST_BILL = range(4)
"""Credit adjustment types."""
_TIME_DEBTS = {0: 0, 1: 0, 2: 1, 3: 1}
_INCREMENTAL = (1, 3, 5)

_MODE_RESPONSE = command_named("Change Payment Mode Response")


class GasPrepayment(Part):
    """Runs the account. ``before_mode`` is told before a change of the payment mode."""

    name = "gas prepayment"

    def __init__(self, account: GasAccount, valve: GasValve, price: GasPrice, calendars: GasCalendars) -> None:
        super().__init__()
        self._part, self._valve, self._price, self._calendars = account, valve, price, calendars
        self.before_mode: list[Callable[[], None]] = []
        self.before_change: Callable[[], None] = lambda: None
        """Called before anything changes: consumption up to now is to be charged."""
        self.after_change: Callable[[], None] = lambda: None
        """Called when money has moved or a rule has changed."""
        self.account = Account(account.state.credit, self._is_protected, separate_bill=True)
        self._friendly = Calendar(calendars.table(FRIENDLY_CREDIT), default=0)

    def attach(self, device: Device) -> None:
        super().attach(device)
        zcl = device.zcl
        zcl.command(PREPAYMENT, 0x00, self._select_emergency, preset=self._preset_emergency)
        zcl.command(PREPAYMENT, 0x02, self._change_debt)
        zcl.command(PREPAYMENT, 0x05, self._adjust_credit)
        mode = DatedCommand(
            command_named("Change Payment Mode"), self._set_mode, "implementation_date_time", check=self._check_mode
        )
        serve_dated(device, mode, self._answer_mode, self._preset_mode)
        for name, run, when in (
            ("Emergency Credit Setup", self._set_emergency, "start_time"),
            ("Set Low Credit Warning Level", self._set_low_credit, None),
            ("Set Maximum Credit Limit", self._set_limits, "implementation_date_time"),
            ("Set Overall Debt Cap", self._set_cap, "implementation_date_time"),
        ):
            serve_dated(device, DatedCommand(command_named(name), run, when))
        self._price.listeners.append(self._price_changed)
        self._calendars.listeners.append(self._calendar_changed)
        self._valve.listeners.append(self._valve_moved)
        self._part.listeners.append(self._rearm)
        device.on_new_firmware.append(self._take_defects)

    def started(self) -> None:
        self.account = Account(self._part.credit, self._is_protected, separate_bill=True)
        self._take_defects()
        self._friendly = Calendar(self._calendars.table(FRIENDLY_CREDIT), default=0)
        self._price_changed()
        self._valve_moved()
        if self._part.credit.charged_until is None:
            self._part.credit.charged_until = self.device.now
        self._rearm()

    def _take_defects(self) -> None:
        self.account.defects = credit_defects(self.device.personality.defects)

    def clock_stepped(self, before: Instant, after: Instant) -> None:  # noqa: ARG002 - the account knows
        self._rearm()

    def advance(self, at: Instant) -> None:
        """A time-based charge is due, or a friendly credit period begins or ends."""
        self._happened([*self.account.advance(at), *self.account.review(at)])
        self._rearm()

    # for other parts

    def headroom(self, now: Instant, until: Instant) -> int:
        """Millipence that may be charged until then without anything happening."""
        return self.account.headroom(now, until)

    def charge(self, at: Instant, cost: int) -> None:
        """Energy used up to ``at`` cost so much."""
        self._happened(self.account.charge(at, cost))

    def top_up(self, amount: int) -> TopUp:
        """A payment that was checked."""
        self.before_change()
        done = self.account.top_up(self.device.now, amount)
        self._happened(done.events)
        self._rearm()
        return done

    def activate_emergency(self) -> bool:
        """Make emergency credit usable; True if it is active afterwards."""
        self.before_change()
        active, events = self.account.activate_emergency(self.device.now)
        self._happened(events)
        return active

    def pressed(self, key: str) -> bool:
        if key != EMERGENCY_KEY:
            return False
        log_user_command(self.device, UserCommand.ACTIVATE_EMERGENCY_CREDIT, done=self.activate_emergency())
        return True

    # commands

    def _select_emergency(self, _component: Component) -> None:
        active = self.activate_emergency()
        log_han_command(self.device, active)
        if not active:
            raise ZclFailed(ZCL_FAILURE)

    def _preset_emergency(self, _asked: ClusterCommand, _answers: Sequence[ClusterCommand]) -> None:
        """Emergency credit can be activated now."""
        credit = self._part.credit
        credit.mode, credit.emergency_active, credit.emergency_used = PaymentMode.PREPAYMENT, False, 0
        settings = credit.settings
        settings.emergency_limit = max(settings.emergency_limit, 1)
        credit.balance = min(credit.balance, settings.emergency_threshold)
        self._part.changed()

    def _change_debt(self, component: Component) -> None:
        """One of the three debts; amounts and rates in the order of the specification's three commands."""
        fields = fields_of(component)
        kind, frequency = fields["debt_amount_type"], fields["debt_recovery_frequency"]
        require(kind <= 5 and frequency in (*FREQUENCIES, NO_FREQUENCY))
        self.before_change()
        if kind in _TIME_DEBTS:
            self._change_time_debt(_TIME_DEBTS[kind], fields)
        else:
            held = self._part.credit.payment_debt
            self.account.adjust_payment_debt(_increment(fields, held))
            self._part.settings.payment_share = fields["debt_recovery_balance_percentage"]
        self._changed()

    def _change_time_debt(self, place: int, fields: Any) -> None:
        debt = self._part.credit.time_debts[place]
        self.account.adjust_time_debt(place, _increment(fields, debt.remaining))
        debt.rate = max(0, fields["debt_recovery_amount"])
        if fields["debt_recovery_frequency"] != NO_FREQUENCY:
            self._part.set_frequency(place, fields["debt_recovery_frequency"])

    def _adjust_credit(self, component: Component) -> None:
        fields = fields_of(component)
        kind, value = fields["credit_adjustment_type"], fields["credit_adjustment_value"]
        require(kind in (ADD_TO_BALANCE, SET_BALANCE, SET_BILL, ADJUST_BILL))
        self.before_change()
        if kind in (SET_BILL, ADJUST_BILL):
            self._adjust_bill(kind, value)
        else:
            self._adjust_balance(kind, value)
        self._changed()

    def _adjust_bill(self, kind: int, value: int) -> None:
        """The balance of credit mode, also while another mode is in force."""
        credit = self._part.credit
        if kind == SET_BILL:
            credit.bill_to_date = value
        elif CreditDefect.BILL_ADJUSTED_WITH_WRONG_SIGN in self.account.defects:
            credit.bill_to_date += value
        else:
            credit.bill_to_date -= value  # the bill rises with use, so credit lowers it

    def _adjust_balance(self, kind: int, value: int) -> None:
        """The balance of prepayment mode, also while another mode is in force."""
        credit = self._part.credit
        if kind == ADD_TO_BALANCE:
            credit.balance += value
        elif self._part.prepayment:
            self._happened(self.account.reset_balance(self.device.now))
            credit.balance = value
        else:
            credit.balance, credit.accumulated_debt, credit.emergency_used = value, 0, 0
            credit.emergency_active = False

    def _check_mode(self, fields: Any) -> None:
        self._part.check_control(fields["proposed_payment_control_configuration"])

    def _set_mode(self, fields: Any) -> None:
        for tell in self.before_mode:
            tell()
        self.before_change()
        control, cut_off = fields["proposed_payment_control_configuration"], fields["cut_off_value"]
        self._part.set_suspension(control)
        if cut_off != UNCHANGED_CUT_OFF:
            self._part.settings.disablement = cut_off
        mode = PaymentMode.CREDIT if control == CREDIT_MODE else PaymentMode.PREPAYMENT
        self._happened(self.account.set_mode(self.device.now, mode))
        self._changed()

    def _answer_mode(self, _component: Component) -> Sequence[Reply]:
        state, settings = self._part.state, self._part.settings
        friendly = state.friendly_credit or int(self._calendars.has(FRIENDLY_CREDIT))
        answer = _MODE_RESPONSE.make(
            friendly_credit=friendly,
            friendly_credit_calendar_id=state.friendly_credit_calendar,
            emergency_credit_limit=settings.emergency_limit,
            emergency_credit_threshold=settings.emergency_threshold,
        )
        return [Reply(answer)]

    def _preset_mode(self, _asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        state, settings = self._part.state, self._part.settings
        for answer in answers:
            state.friendly_credit = answer["friendly_credit"]
            state.friendly_credit_calendar = answer["friendly_credit_calendar_id"]
            settings.emergency_limit = answer["emergency_credit_limit"]
            settings.emergency_threshold = answer["emergency_credit_threshold"]
        self._part.changed()

    def _set_emergency(self, fields: Any) -> None:
        settings = self._part.settings
        settings.emergency_limit = fields["emergency_credit_limit"]
        settings.emergency_threshold = fields["emergency_credit_threshold"]
        self._changed()

    def _set_low_credit(self, fields: Any) -> None:
        self._part.settings.low_credit = fields["low_credit_warning_level"]
        self._changed()

    def _set_limits(self, fields: Any) -> None:
        settings = self._part.settings
        settings.max_balance = _limit(fields["maximum_credit_level"], NO_LIMIT)
        settings.max_credit = _limit(fields["maximum_credit_per_top_up"], NO_LIMIT)
        self._changed()

    def _set_cap(self, fields: Any) -> None:
        self._part.settings.payment_cap = _limit(fields["overall_debt_cap"], NO_CAP)
        self._changed()

    # inside

    def _changed(self) -> None:
        """A rule or balance changed: look at the thresholds."""
        self._happened(self.account.review(self.device.now))
        self._rearm()

    def _happened(self, events: Iterable[CreditEvent]) -> None:
        self._part.touch()
        for event in events:
            if event.code not in NOT_ON_GAS:
                self.device.alerts.event(event.code)
            if event.decision is Decision.DISABLE:
                self._valve.close(Reason.CREDIT)
            elif event.decision is Decision.ARM:
                self._valve.release(Reason.CREDIT)
        self.after_change()

    def _is_protected(self, at: Instant) -> bool:
        return self._friendly.selector(at) == 1

    def _price_changed(self) -> None:
        self._part.settings.standing_charge = self._price.state.standing_charge
        self._part.touch()
        self._rearm()

    def _calendar_changed(self, kind: int) -> None:
        if kind == FRIENDLY_CREDIT:
            self._friendly = Calendar(self._calendars.table(FRIENDLY_CREDIT), default=0)
            self._changed()

    def _valve_moved(self) -> None:
        others = [reason for reason in self._valve.state.reasons if reason is not Reason.CREDIT]
        self.account.disabled_otherwise = bool(others) and self._valve.supply is Supply.OFF

    def _rearm(self) -> None:
        now = self.device.now
        moments = (self.account.next_charge(now), self._friendly.next_switch(now))
        self.schedule(min((moment for moment in moments if moment is not None), default=NEVER))


def _increment(fields: Any, held: int) -> int:
    amount: int = fields["debt_amount"]
    return amount if fields["debt_amount_type"] in _INCREMENTAL else amount - held


def _limit(value: int, absent: int) -> int | None:
    return None if value == absent else value
