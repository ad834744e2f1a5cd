"""Planned faults of the account's arithmetic, by the names that a personality uses."""

from __future__ import annotations

from collections.abc import Collection

from ..defects import register_defect
from ..engines.credit_state import CreditDefect

_BY_NAME = {
    register_defect(name, defect.value): defect
    for name, defect in (
        ("top-up-to-balance-first", CreditDefect.TOP_UP_TO_BALANCE_FIRST),
        ("cap-per-calendar-week", CreditDefect.CAP_PER_CALENDAR_WEEK),
        ("share-of-the-rest", CreditDefect.SHARE_OF_THE_REST),
        ("reset-empties-emergency", CreditDefect.RESET_EMPTIES_EMERGENCY),
        ("active-emergency-fails", CreditDefect.ACTIVE_EMERGENCY_FAILS),
        ("bill-adjusted-with-wrong-sign", CreditDefect.BILL_ADJUSTED_WITH_WRONG_SIGN),
        ("debt-taken-though-suspended", CreditDefect.DEBT_TAKEN_THOUGH_SUSPENDED),
    )
}


def credit_defects(names: Collection[str]) -> frozenset[CreditDefect]:
    """Those of a personality's defects that are the account's."""
    return frozenset(defect for name, defect in _BY_NAME.items() if name in names)
