"""The account's COSEM objects: account, credits, charges for debts, and the passive values of prepayment (GBCS)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from protocols.dlms.axdr import DATA
from protocols.dlms.data import Data, DataType, array, described_structure, enum, int32, structure

from ...cosem import Attribute, attribute, expect, expect_items
from ...engines.credit_state import PERIODS, WHOLE_PAYMENT, PaymentMode
from ...protected_reads import serve_protected_read
from ...refusals import AccessFailed
from ...stored_values import EXTENDED_DATA, PASSIVE, Stored, serve, serve_passive, within
from .charge_values import bounded, is_collection_pattern, is_rate

if TYPE_CHECKING:
    from .account import AccountPart

ACCOUNT, CREDIT, CHARGE, MONITOR = 111, 112, 113, 21
ACTIVE_ACCOUNT, PASSIVE_ACCOUNT = "0-0:19.0.0.255", "0-1:19.0.0.255"
BALANCE, EMERGENCY, ACCUMULATED = "0-0:19.10.0.255", "0-0:19.10.1.255", "0-0:19.10.2.255"
TIME_DEBTS, PAYMENT_DEBT = ("0-0:19.20.1.255", "0-0:19.20.2.255"), "0-0:19.20.3.255"
BALANCES, BALANCES_READ = "0-0:94.44.34.30", "0-0:43.2.1.255"
MAX_BALANCE = "0-0:94.44.2.20"
IN_USE = 2
"""Status of the account in force; the passive one has 1."""
LOG_ROW = described_structure(DataType.UINT32, DataType.UINT32)

_I32, _U32, _U16 = DataType.INT32, DataType.UINT32, DataType.UINT16


def serve_account(part: AccountPart) -> None:
    """Serve everything."""
    _serve_settings(part)
    _serve_mode(part)
    _serve_balances(part)
    for place, name in enumerate(TIME_DEBTS):
        _serve_time_debt(part, place, name)
    _serve_payment_debt(part)


def _serve_settings(part: AccountPart) -> None:
    """Passive values, each with the place where the value in force is read."""
    reviewed, settings = part.review, "credit.settings."
    rows = (
        ("0-0:94.44.2.10", "max_credit", reviewed),
        (MAX_BALANCE, "max_balance", reviewed),
        ("0-0:94.44.128.2", "emergency_limit", reviewed),
        ("0-0:94.44.128.3", "emergency_threshold", reviewed),
        ("0-0:94.44.128.9", "low_credit", reviewed),
        ("0-0:94.44.128.22", "disablement", reviewed),
    )
    for name, held, changed in rows:
        serve_passive(part, Stored(EXTENDED_DATA, name, 2, settings + held, _I32, changed=changed, quiet_preset=True))
    serve_passive(part, Stored(EXTENDED_DATA, "0-0:94.44.128.12", 2, "cap", _U16, changed=part.retune))
    serve_passive(part, Stored(EXTENDED_DATA, "0-0:94.44.128.13", 2, "cap_period", _I32))
    serve(
        part,
        [
            Stored(ACCOUNT, ACTIVE_ACCOUNT, 16, settings + "low_credit", _I32),
            Stored(ACCOUNT, ACTIVE_ACCOUNT, 18, "cap", _U16, changed=part.retune),
            Stored(ACCOUNT, ACTIVE_ACCOUNT, 19, "cap_period", _I32),
            Stored(CREDIT, EMERGENCY, 9, settings + "emergency_limit", _I32),
            Stored(CREDIT, EMERGENCY, 10, settings + "emergency_threshold", _I32),
        ],
    )
    # The older ECS08 writes attribute 2 and then its activation time: it is taken as the passive value.
    passive = attribute(EXTENDED_DATA, MAX_BALANCE, PASSIVE)
    part.device.cosem.attribute(EXTENDED_DATA, MAX_BALANCE, 2, set=partial(_hold_amount, part, passive))

    def preset_threshold(value: Data) -> None:
        (threshold,) = expect_items(value, DataType.ARRAY, 1)
        part.state.credit.settings.disablement = expect(threshold, _I32)
        part.touch()

    part.device.cosem.attribute(
        MONITOR,
        "0-0:16.0.1.255",
        2,
        get=lambda: array(int32(part.state.credit.settings.disablement)),
        preset=preset_threshold,
    )


def _hold_amount(part: AccountPart, passive: Attribute, value: Data) -> None:
    expect(value, _I32)
    part.device.passive.hold(passive, value)


def _serve_mode(part: AccountPart) -> None:
    """Payment mode and collection pattern, written to the passive account and copied when it is activated."""
    cosem = part.device.cosem
    mode, pattern = attribute(ACCOUNT, PASSIVE_ACCOUNT, 2), attribute(ACCOUNT, PASSIVE_ACCOUNT, 11)

    def check(written: Attribute, value: Data) -> None:
        if written == mode:
            _mode_of(value)
        elif not is_collection_pattern(value):
            raise AccessFailed

    def apply(values: Mapping[Attribute, Data]) -> None:
        if pattern in values:
            part.state.collection = DATA.encode(values[pattern])
            part.retune()
        if mode in values:
            part.set_mode(_mode_of(values[mode]))

    def preset(value: Data) -> None:
        wanted = _mode_of(value)
        if value != structure(enum(wanted), enum(IN_USE)):
            raise AccessFailed
        part.state.credit.mode = wanted
        part.touch()

    part.device.passive.serve(attribute(ACCOUNT, PASSIVE_ACCOUNT, 13), [mode, pattern], apply, check)
    cosem.attribute(
        ACCOUNT,
        ACTIVE_ACCOUNT,
        2,
        get=lambda: structure(enum(part.state.credit.mode), enum(IN_USE)),
        preset=preset,
    )
    serve(
        part,
        [Stored(ACCOUNT, ACTIVE_ACCOUNT, 11, "collection", None, check=is_collection_pattern, changed=part.retune)],
    )


def _mode_of(value: Data) -> PaymentMode:
    mode, _status = expect_items(value, DataType.STRUCTURE, 2)
    try:
        return PaymentMode(expect(mode, DataType.ENUM))
    except ValueError:
        raise AccessFailed from None


def _serve_balances(part: AccountPart) -> None:
    cosem = part.device.cosem

    def amounts() -> Data:
        part.settle()
        emergency, balance, payment, first, second, accumulated = map(_money, part.money())
        return structure(balance, emergency, accumulated, first, second, payment)

    def preset(value: Data) -> None:
        members = expect_items(value, DataType.STRUCTURE, 6)
        balance, emergency, accumulated, first, second, payment = (expect(member, _I32) for member in members)
        credit = part.state.credit
        credit.balance, credit.accumulated_debt, credit.payment_debt = balance, accumulated, payment
        credit.emergency_used = credit.settings.emergency_limit - emergency
        credit.time_debts[0].remaining, credit.time_debts[1].remaining = first, second
        part.touch()

    def preset_balance(value: Data) -> None:
        part.state.credit.balance = expect(value, _I32)
        part.touch()

    def read_balance() -> Data:
        part.settle()
        return _money(part.state.credit.balance)

    cosem.attribute(CREDIT, BALANCE, 2, get=read_balance, preset=preset_balance)
    cosem.attribute(1, BALANCES, 2, get=amounts, preset=preset)
    serve_protected_read(part.device, BALANCES_READ, [attribute(1, BALANCES, 2)])
    cosem.method(CREDIT, BALANCE, 1, _settled(part, lambda value: _adjust_balance(part, value)))
    cosem.method(CREDIT, BALANCE, 2, _settled(part, lambda value: _reset(part, value)))
    # Emergency credit and accumulated debt were reset with the balance: the three come in one command.
    cosem.method(CREDIT, EMERGENCY, 2, _only_zero)
    cosem.method(CREDIT, ACCUMULATED, 2, _only_zero)
    cosem.method(CREDIT, EMERGENCY, 3, lambda _value: _activate(part), preset=lambda _value: _preset_active(part))


def _adjust_balance(part: AccountPart, value: Data) -> None:
    part.apply(part.reckoning.adjust_balance(part.device.now, expect(value, _I32)))


def _reset(part: AccountPart, value: Data) -> None:
    _only_zero(value)
    part.apply(part.reckoning.reset_balance(part.device.now))


def _only_zero(value: Data) -> None:
    if expect(value, _I32) != 0:
        raise AccessFailed


def _preset_active(part: AccountPart) -> None:
    """The state in which activating emergency credit succeeds whatever the balance: it is active already."""
    credit = part.state.credit
    credit.mode, credit.emergency_active = PaymentMode.PREPAYMENT, True
    part.touch()


def _activate(part: AccountPart) -> None:
    if not part.activate_emergency():
        raise AccessFailed


def _serve_time_debt(part: AccountPart, place: int, name: str) -> None:
    cosem = part.device.cosem

    def activate(_argument: Data) -> None:
        part.state.rates[place] = part.state.passive_rates[place]
        part.retune()

    def adjust(value: Data) -> None:
        part.reckoning.adjust_time_debt(place, expect(value, _I32))
        part.apply(())

    def read_period() -> Data:
        return Data(_U32, part.state.credit.time_debts[place].period)

    def preset_period(value: Data) -> None:
        part.state.credit.time_debts[place].period = expect(value, _U32)
        part.touch()

    def set_period(value: Data) -> None:
        if expect(value, _U32) not in PERIODS:
            raise AccessFailed
        preset_period(value)
        part.retune()

    serve(
        part,
        [
            Stored(CHARGE, name, 5, "rates", None, place, check=is_rate, changed=part.retune),
            Stored(CHARGE, name, 6, "passive_rates", None, place, readable=False, writable=True, check=is_rate),
        ],
    )
    cosem.attribute(CHARGE, name, 8, get=read_period, set=set_period, preset=preset_period)
    cosem.method(CHARGE, name, 2, _settled(part, activate))
    cosem.method(CHARGE, name, 4, _settled(part, adjust))


def _serve_payment_debt(part: AccountPart) -> None:
    share = "credit.settings.payment_share"
    serve(part, [Stored(CHARGE, PAYMENT_DEBT, 13, share, _U16, writable=True, check=within(0, WHOLE_PAYMENT))])

    def adjust(value: Data) -> None:
        part.reckoning.adjust_payment_debt(expect(value, _I32))
        part.apply(())

    part.device.cosem.method(CHARGE, PAYMENT_DEBT, 4, _settled(part, adjust))


def _settled(part: AccountPart, act: Callable[[Data], None]) -> Callable[[Data], None]:
    """What has been used until now is charged before ``act``."""

    def settled(value: Data) -> None:
        part.settle()
        act(value)

    return settled


def _money(amount: int) -> Data:
    """An amount in millipence."""
    return int32(bounded(amount))
