"""Billing of an electricity meter: calendar, billing data log, block counter resets (SMETS2 billing data log).

At every date of the billing calendar registers and money are written down, the block counters start anew, and the
newest register entry goes to the supplier, encrypted (ECS68). Before a tariff or the payment mode changes they are
written to a log of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from protocols.dlms.axdr import DATA
from protocols.dlms.cosem_time import CosemDate, CosemTime
from protocols.dlms.data import Data, DataType, array, compact_array, octet_string, structure
from protocols.errors import MeterbenchError, MissingKeyError
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.sensitive import encrypt_data
from protocols.instant import Instant

from ...cosem import expect
from ...defects import register_defect
from ...engines.billing_calendar import BillingCalendar, Execution
from ...part import NEVER, Part
from ...protected_reads import serve_protected_read
from ...refusals import AccessFailed
from ...ring_log import RingLog
from ...stored_values import Stored, serve
from .profiles import MONEY_ROW, serve_rows
from .register_rows import MONEY, register_rows

if TYPE_CHECKING:
    from protocols.gbcs.message import Message

    from ...credentials import PartyChange
    from ...device import Device
    from .metrology import Metrology

SCHEDULE_CLASS = 22
CALENDAR, DAILY_RESET = "0-0:15.0.0", "0-0:15.1.0"
TARIFF_SCRIPTS, RESET_BLOCK_COUNTERS = "0-0:10.0.100", 99
REGISTERS_LOG, MONEY_LOG, CHANGE_LOG = "0-0:98.1.0", "0-0:98.1.1", "0-0:98.1.2"
MOST_TIMES = 4
NEW_BILL, BILLING_ALERT = 0x8F0A, 0x0061

COUNTERS_SURVIVE_BILL = register_defect("block-counters-survive-bill", "does not reset block counters with the bill")
SNAPSHOT_AFTER_CHANGE: Final = register_defect("no-snapshot-before-tariff-change", "changes tariffs without a snapshot")


def times(time: CosemTime, date: CosemDate) -> Data:
    """One execution time, as the calendar's attribute holds it."""
    return array(structure(octet_string(time.encode()), octet_string(date.encode())))


MIDNIGHT = CosemTime(0, 0, 0, 0)
EVERY_DAY = DATA.encode(times(MIDNIGHT, CosemDate()))
"""The daily reset is on while it holds this; any other value is taken as off, whose form is not published."""
NO_TIMES = DATA.encode(array())
USUAL_CALENDAR = DATA.encode(times(MIDNIGHT, CosemDate(day=1)))
"""A new meter is billed on the first of each month. Inferred."""


@dataclass(slots=True)
class BillingState:
    """``billed`` is the calendar's last time that was dealt with; -1 on a new meter."""

    calendar: bytes = USUAL_CALENDAR
    daily_reset: bytes = NO_TIMES
    billed: Instant = -1


Money = Callable[[], "tuple[int, ...]"]
"""The six money values of an entry, in the order of its columns."""


class Billing(Part):
    """``money`` gives the money columns at the moment of an entry; zeros without an account."""

    name = "billing"
    State = BillingState
    state: BillingState

    def __init__(self, metrology: Metrology, money: Money = lambda: (0,) * MONEY) -> None:
        super().__init__()
        self.metrology, self.money = metrology, money
        metrology.daily_reset = lambda: self.state.daily_reset == EVERY_DAY
        metrology.tariff.before_change.append(self._tariff_changes)

    def attach(self, device: Device) -> None:
        super().attach(device)
        twin = device.personality.variant == "B"
        self._shape, with_money = register_rows(twin=twin), register_rows(twin=twin, money=True)
        entries = device.personality.logs.billing
        self.registers_log = RingLog("billing/registers", self._shape.layout, entries)
        self.money_log = RingLog("billing/money", f"I{MONEY}i", entries)
        self.change_log = RingLog("billing/changes", with_money.layout, entries)
        for ring in (self.registers_log, self.money_log, self.change_log):
            ring.attach(device)
        registers = serve_rows(device, REGISTERS_LOG, self.registers_log, self._shape.description, self._shape)
        money = serve_rows(device, MONEY_LOG, self.money_log, MONEY_ROW)
        changes = serve_rows(device, CHANGE_LOG, self.change_log, with_money.description, with_money)
        serve_protected_read(device, "0-0:43.2.2", [registers, money])
        serve_protected_read(device, "0-0:43.2.3", [changes])
        device.cosem.method(9, TARIFF_SCRIPTS, 1, self._run_script)
        device.credentials.listeners.append(self._party_changed)
        self._serve_calendars()

    def _serve_calendars(self) -> None:
        serve(
            self,
            [
                Stored(
                    SCHEDULE_CLASS,
                    CALENDAR,
                    4,
                    "calendar",
                    None,
                    writable=True,
                    check=is_times,
                    changed=self._rewritten,
                ),
                Stored(
                    SCHEDULE_CLASS,
                    DAILY_RESET,
                    4,
                    "daily_reset",
                    None,
                    writable=True,
                    check=is_times,
                    changed=self.metrology.daily_reset_written,
                ),
            ],
        )

    def started(self) -> None:
        if self.state.billed < 0:
            self.state.billed = self.device.now
            self.touch()
        self._rearm()

    def clock_stepped(self, before: Instant, after: Instant) -> None:  # noqa: ARG002 - dates dealt with stay so
        self._rearm()

    def advance(self, at: Instant) -> None:
        self.metrology.settle(at)
        self.registers_log.append(at, *self.metrology.registers())
        self.money_log.append(at, *self.money())
        if not self.device.defective(COUNTERS_SURVIVE_BILL):
            self.metrology.reset_block_counters()
        self.state.billed = at
        self.touch()
        self._send_newest()
        self._rearm()

    # for other parts

    def snapshot_change(self) -> None:
        """Write down registers and money, because the tariff, the payment mode or the supplier is about to change.

        One entry for all changes of one instant.
        """
        now = self.device.now
        newest = self.change_log.newest()
        if newest is None or newest[0] != now:
            self.metrology.settle()
            self.change_log.append(now, *self.metrology.registers(), *self.money())

    # inside

    def _tariff_changes(self) -> None:
        if not self.device.defective(SNAPSHOT_AFTER_CHANGE):
            self.snapshot_change()

    def _party_changed(self, change: PartyChange) -> None:
        if change.role is RemotePartyRole.SUPPLIER:
            self.snapshot_change()

    def _rewritten(self) -> None:
        """A new calendar counts from now on."""
        self.state.billed = self.device.now
        self._rearm()

    def _rearm(self) -> None:
        at = BillingCalendar(executions(DATA.decode(self.state.calendar))).next(self.state.billed)
        self.schedule(NEVER if at is None else at)

    def _run_script(self, argument: Data) -> None:
        if expect(argument, DataType.UINT16) != RESET_BLOCK_COUNTERS:
            raise AccessFailed
        self.metrology.reset_block_counters()

    def _send_newest(self) -> None:
        alerts = self.device.alerts
        newest = self.registers_log.newest()
        if newest is None:
            return
        entry = structure(compact_array(self._shape.description, [self._shape.nest(newest)]))

        def body(header: Message) -> tuple[Data, Data]:
            return encrypt_data(header, self.device.keys, entry).members()

        alerts.event(NEW_BILL)
        with suppress(MissingKeyError):  # nobody's certificate is there to encrypt for
            alerts.send_dlms(NEW_BILL, BILLING_ALERT, alerts.recipients(NEW_BILL), body)


def executions(value: Data) -> tuple[Execution, ...]:
    """The execution times of a schedule's attribute 4. Raises AccessFailed."""
    try:
        rows = [row.value for row in value.value]
        return tuple(Execution(CosemTime.decode(time.value), CosemDate.decode(date.value)) for time, date in rows)
    except (AttributeError, TypeError, ValueError, MeterbenchError) as error:
        raise AccessFailed from error


def is_times(value: Data) -> bool:
    """An array of up to four { time, date }."""
    if value.type is not DataType.ARRAY or len(value.value) > MOST_TIMES:
        return False
    try:
        executions(value)
    except AccessFailed:
        return False
    return True
