"""When a gas meter takes snapshots: daily, at the end of billing periods, before changes (SMETS2 4.4, 4.6; GCS53).

The end of a billing period is told to the supplier by an alert with the snapshot of the registers, encrypted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.errors import MissingKeyError
from protocols.gbcs.gbz import Component
from protocols.gbcs.message import Message
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.sensitive import encrypt_component
from protocols.instant import DAY, Instant
from protocols.zigbee.zcl import ClusterCommand

from ...part import Part
from .snapshots import BILLING_PERIOD, DAILY, MODE, PUBLISH_METERING, SUPPLIER, TARIFF

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...credentials import PartyChange
    from ...device import Device
    from .account import GasAccount
    from .metrology import GasMetrology
    from .prepayment import GasPrepayment
    from .price import GasPrice
    from .registers import GasRegisters
    from .snapshots import GasSnapshots

LARGEST_STEP: Instant = 31 * DAY
"""Steps of the clock over which missed snapshots are made up for: as many as are kept."""
BILLING_DATA, BILLING_DATA_ALERT = 0x8F0A, 0x008B


@dataclass(slots=True)
class GasBillingState:
    """``done_until``: everything due up to there has been taken."""

    done_until: Instant = 0


class GasBilling(Part):
    """Takes the snapshots. ``listeners`` are given each in the form that is published."""

    name = "gas billing"
    State = GasBillingState
    state: GasBillingState

    def __init__(
        self,
        registers: GasRegisters,
        account: GasAccount,
        price: GasPrice,
        metrology: GasMetrology,
        prepayment: GasPrepayment,
        snapshots: GasSnapshots,
    ) -> None:
        super().__init__()
        self._registers, self._account, self._price = registers, account, price
        self._metrology, self._prepayment, self._snapshots = metrology, prepayment, snapshots
        self.listeners: list[Callable[[ClusterCommand], None]] = []

    def attach(self, device: Device) -> None:
        super().attach(device)
        self._price.before_tariff.append(lambda: self.take(TARIFF))
        self._prepayment.before_mode.append(lambda: self.take(MODE))
        self._price.listeners.append(self._rearm)
        device.credentials.listeners.append(self._party_changed)

    def started(self) -> None:
        if not self.state.done_until:
            self.state.done_until = self.device.now
            self.touch()
        self._rearm()

    def clock_stepped(self, before: Instant, after: Instant) -> None:  # noqa: ARG002 - what was done counts
        """A midnight that was jumped over is made up for; after a large step everything begins anew."""
        if abs(after - self.state.done_until) > LARGEST_STEP:
            self.state.done_until = after
            self.touch()
        self._rearm()

    def advance(self, at: Instant) -> None:
        """Midnight, or the end of a billing or block period."""
        before = self.state.done_until
        if at % DAY == 0:
            self.take(DAILY, at)
        if self._price.next_billing(before) == at:
            self.take(self.device.personality.billing_causes, at)
            self.send_alert()
        if self._price.next_block_period(before) == at:
            self._metrology.reset_block_counters()
        self.state.done_until = at
        self.touch()
        self._rearm()

    def take(self, cause: int, at: Instant | None = None) -> None:
        """Take snapshots now; the daily one of the account in prepayment mode only."""
        self._metrology.settle()
        moment = self.device.now if at is None else at
        taken = [self._snapshots.add_metering(moment, cause, self._registers.reading())]
        if cause != DAILY or self._account.prepayment:
            taken.append(self._snapshots.add_prepayment(moment, cause, self._account.snapshot()))
        for published in taken:
            for tell in self.listeners:
                tell(published)

    def send_alert(self) -> None:
        """Tell the supplier of the newest billing snapshot (GCS53)."""
        newest = self._snapshots.newest(PUBLISH_METERING, BILLING_PERIOD)
        component = Component.of(newest, disable_default_response=True)
        device = self.device
        device.alerts.event(BILLING_DATA)

        def sealed(header: Message) -> Component:
            return encrypt_component(header, device.keys, component, 0)

        try:
            device.alerts.send_gbz(BILLING_DATA, BILLING_DATA_ALERT, device.alerts.recipients(BILLING_DATA), sealed)
        except MissingKeyError:  # without the supplier's key nobody could read it
            return

    def _party_changed(self, change: PartyChange) -> None:
        """A change of supplier closes the books of the old one."""
        if change.role is RemotePartyRole.SUPPLIER:
            self.take(SUPPLIER)

    def _rearm(self) -> None:
        done = self.state.done_until
        self.schedule(min((done // DAY + 1) * DAY, self._price.due_after(done)))
