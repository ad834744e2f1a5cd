"""The prepayment daily read log: the account at 00:00 UTC, while prepayment mode is in force (SMETS2 5.7.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.dlms.data import DataType, described_structure
from protocols.instant import DAY, Instant

from ..part import Part
from ..profile_generic import serve_log
from ..protected_reads import serve_protected_read
from ..ring_log import RingLog

if TYPE_CHECKING:
    from ..device import Device
    from .account import AccountPart

LOG, PROTECTED_READ = "0-0:98.1.8.255", "0-0:43.2.6.255"
ENTRIES = 31
MONEY_COLUMNS = 6
"""Emergency credit, meter balance, payment debt, time debts 1 and 2, accumulated debt; millipence."""
_ROW = described_structure(DataType.UINT32, *[DataType.INT32] * MONEY_COLUMNS)


class PrepaymentLog(Part):
    """Captures and serves the log."""

    name = "prepayment log"

    def __init__(self, account: AccountPart) -> None:
        super().__init__()
        self._account = account
        self._log = RingLog("log/prepayment", "I6i", ENTRIES)

    def attach(self, device: Device) -> None:
        super().attach(device)
        self._log.attach(device)
        serve_protected_read(device, PROTECTED_READ, [serve_log(device.cosem, LOG, self._log, _ROW)])

    def started(self) -> None:
        newest = self._log.newest()
        last = self.device.now if newest is None else newest[0]
        self.due = max(last, self.device.now - DAY) // DAY * DAY + DAY

    def clock_stepped(self, before: Instant, after: Instant) -> None:  # noqa: ARG002 - the next midnight counts
        self.schedule(after // DAY * DAY + DAY)

    def advance(self, at: Instant) -> None:
        if self._account.prepayment:
            self._log.append(at, *self._account.balances())
        self.schedule(at + DAY)
