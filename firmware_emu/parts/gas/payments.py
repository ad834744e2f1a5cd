"""The logs of payments: the last five top-ups and ten repayments of payment debt (SMETS2 billing data log; ZSE D.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from protocols.gbcs.gbz import Component
from protocols.instant import Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import PREPAYMENT
from protocols.zigbee.smart_energy_prepayment import DebtRepayment, TopUp
from protocols.zigbee.zcl import ClusterCommand

from ...part import Part
from ...refusals import ZCL_FAILURE, ZCL_NOT_FOUND, ZclFailed
from ...ring_log import RingLog
from ...zcl_server import Reply
from ...zcl_values import fields_of

if TYPE_CHECKING:
    from ...device import Device

TOP_UPS, REPAYMENTS = 5, 10
PAYMENT_DEBT, EVERY_DEBT = 2, 0xFF
"""Debt types."""
LONGEST_CODE = 32

_Entry = TypeVar("_Entry")

PUBLISH_TOP_UPS = command_named("Publish Top Up Log")
PUBLISH_REPAYMENTS = command_named("Publish Debt Log")


class GasPayments(Part):
    """Keeps and serves both logs: top-ups newest first, repayments oldest first."""

    name = "gas payments"

    def __init__(self) -> None:
        super().__init__()
        self.top_ups = RingLog("payments/top-ups", f"IiB{LONGEST_CODE}s", TOP_UPS)
        self.repayments = RingLog("payments/repayments", "IIBI", REPAYMENTS)

    def attach(self, device: Device) -> None:
        super().attach(device)
        self.top_ups.attach(device)
        self.repayments.attach(device)
        device.zcl.command(PREPAYMENT, 0x08, self._get_top_ups, preset=self._preset_top_ups)
        device.zcl.command(PREPAYMENT, 0x0A, self._get_repayments, preset=self._preset_repayments)

    def add_top_up(self, top_up: TopUp) -> None:
        """A payment was accepted. Raises ZclFailed for a code of more than 32 octets."""
        if len(top_up.code) > LONGEST_CODE:
            raise ZclFailed(ZCL_FAILURE)
        self.top_ups.append(top_up.time, top_up.amount, len(top_up.code), top_up.code)

    def add_repayment(self, repayment: DebtRepayment) -> None:
        """Debt was collected."""
        self.repayments.append(*repayment)

    def published_top_ups(self, earliest: Instant = 0, latest: Instant = 0xFFFFFFFF, most: int = 0) -> ClusterCommand:
        """The top-ups with earliest <= time <= latest, newest first; all if ``most`` is 0. Raises ZclFailed."""
        rows = self.top_ups.rows(earliest, latest)[::-1]
        found = tuple(TopUp(code[:size], amount, at) for at, amount, size, code in rows)
        return PUBLISH_TOP_UPS.make(top_ups=_some(found, most))

    def published_repayments(
        self, earliest: Instant = 0, latest: Instant = 0xFFFFFFFF, most: int = 0, debt: int = EVERY_DEBT
    ) -> ClusterCommand:
        """The newest repayments of a debt with earliest <= time <= latest, oldest first. Raises ZclFailed."""
        rows = [DebtRepayment(*row) for row in self.repayments.rows(earliest, latest)]
        found = [row for row in rows if debt in (EVERY_DEBT, row.debt_type)]
        return PUBLISH_REPAYMENTS.make(repayments=_some(tuple(found[-most:]), most))

    def copy(self, published: ClusterCommand) -> None:
        """Keep what another device published and is not held yet."""
        if published.row is PUBLISH_TOP_UPS:
            held = {(row[0], row[3][: row[2]]) for row in self.top_ups.rows()}
            for top_up in reversed(published["top_ups"]):
                if (top_up.time, top_up.code) not in held:
                    self.add_top_up(top_up)
        else:
            known = set(self.repayments.rows())
            for repayment in published["repayments"]:
                if tuple(repayment) not in known:
                    self.add_repayment(repayment)

    def _get_top_ups(self, component: Component) -> Sequence[Reply]:
        fields = fields_of(component)
        earliest = component.from_date_time or 0
        return [Reply(self.published_top_ups(earliest, fields["latest_end_time"], fields["number_of_records"]))]

    def _get_repayments(self, component: Component) -> Sequence[Reply]:
        fields = fields_of(component)
        earliest = component.from_date_time or 0
        published = self.published_repayments(
            earliest, fields["latest_end_time"], fields["number_of_debts"], fields["debt_type"]
        )
        return [Reply(published, sensitive=True)]

    def _preset_top_ups(self, _asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        self.top_ups.clear()
        for answer in answers:
            for top_up in reversed(answer["top_ups"]):
                self.add_top_up(top_up)

    def _preset_repayments(self, _asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        self.repayments.clear()
        for answer in answers:
            for repayment in answer["repayments"]:
                self.add_repayment(repayment)


def _some(found: tuple[_Entry, ...], most: int) -> tuple[_Entry, ...]:
    if not found:
        raise ZclFailed(ZCL_NOT_FOUND)
    return found[: most or None]
