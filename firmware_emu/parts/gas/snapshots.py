"""Snapshots of registers and of the account: a gas meter takes, a gas proxy copies them (SMETS2 4.6; ZSE D.3, D.7).

The daily ones and those at the end of billing periods and at changes are kept apart: 31 and 12 of each kind. A
request asks for one by its number among those that match; a remote party asks for every number at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from protocols.gbcs.gbz import Component
from protocols.instant import Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import METERING, PREPAYMENT
from protocols.zigbee.zcl import ClusterCommand, CommandRow

from ...defects import register_defect
from ...part import Part
from ...refusals import ZCL_FAILURE, ZCL_NOT_FOUND, ZclFailed
from ...ring_log import RingLog
from ...zcl_server import Reply
from ...zcl_values import fields_of
from .registers import Reading

if TYPE_CHECKING:
    from ...device import Device

DAILY, BILLING_PERIOD, TARIFF, SUPPLIER, MODE = 1 << 0, 1 << 1, 1 << 3, 1 << 13, 1 << 14
"""Causes of snapshots."""
DAYS, BILLS = 31, 12
"""Snapshots kept."""
TIERS_AND_BLOCKS_IN_USE = 0x14

ANSWERS_ONLY_WHAT_IS_THERE = register_defect(
    "billing-log-too-short", "answers the numbers beyond the last snapshot with nothing at all"
)

PUBLISH_METERING = command_named("Publish Snapshot")
PUBLISH_PREPAYMENT = command_named("Publish Prepay Snapshot")
_HEAD = "IIBI"
"""Time, number, number found as the maker set it (0: counted), cause."""


class Account(NamedTuple):
    """All balances at one moment, in the order of a prepayment snapshot."""

    accumulated_debt: int
    time_debt_1: int
    time_debt_2: int
    payment_debt: int
    emergency_credit: int
    balance: int


@dataclass(slots=True)
class GasSnapshotState:
    """Numbers of the next snapshots."""

    next_metering: int = 0
    next_prepayment: int = 0


class _Kind:
    """The snapshots of one kind: two rings, and how a row becomes a command."""

    def __init__(self, name: str, layout: str, publish: CommandRow) -> None:
        self.publish = publish
        self.rings = {
            True: RingLog(f"snapshots/{name}/daily", _HEAD + layout, DAYS),
            False: RingLog(f"snapshots/{name}/billing", _HEAD + layout, BILLS),
        }

    def add(self, at: Instant, number: int, found: int, cause: int, values: Sequence[int]) -> None:
        self.rings[cause == DAILY].append(at, number, found, cause, *values)

    def matching(self, earliest: Instant, latest: Instant, cause: int) -> list[tuple[int, ...]]:
        """Rows with earliest <= time < latest and one of the causes, oldest first."""
        rows = [row for ring in self.rings.values() for row in ring.rows(earliest, latest - 1) if row[3] & cause]
        return sorted(rows, key=lambda row: row[0])


class GasSnapshots(Part):
    """Keeps and serves snapshots; ``add_metering`` and ``add_prepayment`` take a new one."""

    name = "gas snapshots"
    State = GasSnapshotState
    state: GasSnapshotState

    def __init__(self) -> None:
        super().__init__()
        self.metering = _Kind("metering", "Q4QB4Q", PUBLISH_METERING)
        self.prepayment = _Kind("prepayment", "iIIIii", PUBLISH_PREPAYMENT)

    def attach(self, device: Device) -> None:
        super().attach(device)
        for kind in (self.metering, self.prepayment):
            for ring in kind.rings.values():
                ring.attach(device)
        device.zcl.command(METERING, 0x06, self._get_metering, preset=self._preset_metering)
        device.zcl.command(PREPAYMENT, 0x07, self._get_prepayment, preset=self._preset_prepayment)

    def add_metering(self, at: Instant, cause: int, reading: Reading) -> ClusterCommand:
        """Keep a snapshot of the registers; gives it in the form that is published."""
        values = (reading.total, *reading.tiers, TIERS_AND_BLOCKS_IN_USE, *reading.blocks)
        self.metering.add(at, self.state.next_metering, 0, cause, values)
        self.state.next_metering = self.state.next_metering + 1 & 0xFFFFFFFF
        self.touch()
        return self.newest(PUBLISH_METERING, cause)

    def add_prepayment(self, at: Instant, cause: int, account: Account) -> ClusterCommand:
        """Keep a snapshot of the account."""
        self.prepayment.add(at, self.state.next_prepayment, 0, cause, account)
        self.state.next_prepayment = self.state.next_prepayment + 1 & 0xFFFFFFFF
        self.touch()
        return self.newest(PUBLISH_PREPAYMENT, cause)

    def newest(self, publish: CommandRow, cause: int) -> ClusterCommand:
        """The snapshot added last among the daily ones, or among the others. Raises ZclFailed if there is none."""
        row = self._kind(publish).rings[cause == DAILY].newest()
        if row is None:
            raise ZclFailed(ZCL_NOT_FOUND)
        return _metering_command(row, 1) if publish is PUBLISH_METERING else _prepayment_command(row, 1)

    def copy(self, published: ClusterCommand, found: int = 0) -> bool:
        """Keep another device's snapshot as it is; False if it is held already."""
        fields = published.fields
        kind = self._kind(published.row)
        at, cause = fields["snapshot_time"], fields["snapshot_cause"]
        held = any(row[3] == cause for ring in kind.rings.values() for row in ring.rows(at, at))
        if not held:
            kind.add(at, fields["snapshot_id"], found, cause, _values(published))
        return not held

    def newest_time(self, publish: CommandRow, *, daily: bool) -> Instant:
        """When the newest snapshot of a kind was taken; 0 if there is none."""
        row = self._kind(publish).rings[daily].newest()
        return 0 if row is None else row[0]

    def _kind(self, publish: CommandRow) -> _Kind:
        return self.metering if publish is PUBLISH_METERING else self.prepayment

    # serving

    def _get_metering(self, component: Component) -> Sequence[Reply]:
        row, found = self._find(self.metering, fields_of(component))
        return [Reply(_metering_command(row, found), sensitive=True)] if row else []

    def _get_prepayment(self, component: Component) -> Sequence[Reply]:
        row, found = self._find(self.prepayment, fields_of(component))
        return [Reply(_prepayment_command(row, found), sensitive=True)] if row else []

    def _find(self, kind: _Kind, fields: Any) -> tuple[tuple[int, ...], int]:
        """The row of the wanted number, and how many match. Raises ZclFailed."""
        rows = kind.matching(fields["earliest_start_time"], fields["latest_end_time"], fields["snapshot_cause"])
        number = fields["snapshot_offset"]
        if number >= len(rows):
            if self.device.defective(ANSWERS_ONLY_WHAT_IS_THERE) and number:
                return (), 0
            raise ZclFailed(ZCL_NOT_FOUND)
        return rows[number], rows[number][2] or min(len(rows), 0xFF)

    def _preset_metering(self, asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        self._preset(self.metering, asked, answers)

    def _preset_prepayment(self, asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        self._preset(self.prepayment, asked, answers)

    def _preset(self, kind: _Kind, asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        """The number and count that the maker asks for are kept with the snapshot."""
        if not asked["snapshot_offset"]:
            for ring in kind.rings.values():
                ring.clear()
        for answer in answers:
            if _plain(answer) != answer.encode():
                raise ZclFailed(ZCL_FAILURE)
            self.copy(answer, answer["total_snapshots_found"])


def _plain(answer: ClusterCommand) -> bytes:
    """The same snapshot as this part would publish it."""
    fields = answer.fields
    make = _metering_command if answer.row is PUBLISH_METERING else _prepayment_command
    found = fields["total_snapshots_found"]
    head = (fields["snapshot_time"], fields["snapshot_id"], found, fields["snapshot_cause"])
    return make((*head, *_values(answer)), found).encode()


def _values(published: ClusterCommand) -> tuple[int, ...]:
    fields = published.fields
    if published.row is PUBLISH_PREPAYMENT:
        return tuple(fields.values())[-len(Account._fields) :]
    tiers, blocks = fields["tier_summations_delivered"], fields["block_summations_delivered"]
    if len(tiers) != 4 or len(blocks) != 4:
        raise ZclFailed(ZCL_FAILURE)
    return (fields["current_summation_delivered"], *tiers, fields["tiers_and_blocks_in_use"], *blocks)


def _metering_command(row: Sequence[int], found: int) -> ClusterCommand:
    at, number, _, cause, total, *rest = row
    return PUBLISH_METERING.make(
        snapshot_id=number,
        snapshot_time=at,
        total_snapshots_found=found,
        snapshot_cause=cause,
        current_summation_delivered=total,
        tier_summations_delivered=tuple(rest[:4]),
        tiers_and_blocks_in_use=rest[4],
        block_summations_delivered=tuple(rest[5:]),
    )


def _prepayment_command(row: Sequence[int], found: int) -> ClusterCommand:
    at, number, _, cause, *values = row
    names = list(dict(PUBLISH_PREPAYMENT.fields.fields))[-len(Account._fields) :]
    return PUBLISH_PREPAYMENT.make(
        snapshot_id=number,
        snapshot_time=at,
        total_snapshots_found=found,
        snapshot_cause=cause,
        **dict(zip(names, values, strict=True)),
    )
