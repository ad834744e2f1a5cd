"""What follows when a model's certification ends (Smart Energy Code: assurance lasts six years).

The model leaves the list; the head end speaks to its devices no more: they are suspended, and those that hang on them
too. Supplier and network operator are told; what was planned for the devices is withdrawn, and who ordered it is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from protocols.eui64 import Eui64, eui64_text
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import Instant

from ..device_model import DeviceModel
from ..inventory import Inventory, InventoryDevice, Status
from .entries import Notice, Standing
from .listing import CertifiedProducts
from .parties import ListParty, PartyKind
from .planned_work import PlannedWork, Work

LIST_KEEPER = ListParty(PartyKind.PANEL, "")
"""On whose behalf a model lapses: the Panel maintains the list."""
REASON = "certification has lapsed: "
"""How the reason of such a suspension begins, by which it is known again."""
TOLD = (RemotePartyRole.SUPPLIER, RemotePartyRole.NETWORK_OPERATOR)


class Lapse(NamedTuple):
    """What has lapsed, and what followed."""

    models: tuple[DeviceModel, ...]
    suspended: tuple[Eui64, ...]
    withdrawn: tuple[Work, ...]
    notices: tuple[Notice, ...]


def advance(products: CertifiedProducts, inventory: Inventory, planned: PlannedWork, now: Instant) -> Lapse:
    """Let everything lapse that has by now, with all that follows. A second time nothing follows.

    Broken off in the middle it is completed by the next call: somebody may then be told twice, but nobody not at all.
    """
    models = tuple(entry.model for entry in list(products.models()) if products.lapse(entry.model, LIST_KEEPER, now))
    suspended: list[Eui64] = []
    withdrawn: list[Work] = []
    notices: list[Notice] = []
    for entry in list(products.models()):
        devices = [device.eui64 for device in inventory.devices(model=entry.model)]
        for device in inventory.to_suspend(devices) if entry.standing is Standing.LAPSED else ():
            told = _notices(inventory.device(device), entry.model, inventory, planned.standing(device, now), now)
            notices += _told(products, told)
            withdrawn += planned.withdraw(device, now)
            inventory.set_status(device, Status.SUSPENDED, now, f"{REASON}{entry.model}")
            suspended.append(device)
    return Lapse(models, tuple(suspended), tuple(withdrawn), tuple(notices))


def reinstate(products: CertifiedProducts, inventory: Inventory, now: Instant) -> tuple[Eui64, ...]:
    """End the suspensions whose reason has gone: neither a device's model nor that of anything it hangs on has lapsed.

    Gives the devices. What was withdrawn stays so.
    """
    lapsed = {entry.model for entry in products.models() if entry.standing is not Standing.LISTED}
    lifted = []
    for device in inventory.devices(status=Status.SUSPENDED):
        if _reason(inventory, device.eui64).startswith(REASON) and not lapsed & set(_models(inventory, device)):
            inventory.lift(device.eui64, now, "certified again")
            lifted.append(device.eui64)
    return tuple(lifted)


def _told(products: CertifiedProducts, notices: Iterable[Notice]) -> list[Notice]:
    made = list(notices)
    with products.one_change():
        for notice in made:
            products.tell(notice)
    return made


def _reason(inventory: Inventory, device: Eui64) -> str:
    return next(each.why for each in reversed(inventory.history(device)) if each.what == "status")


def _models(inventory: Inventory, device: InventoryDevice) -> Iterator[DeviceModel | None]:
    """The models of a device and of all that it hangs on, directly or not."""
    seen: dict[Eui64, None] = {device.eui64: None}
    for each in (ordered := [device.eui64]):
        yield inventory.device(each).model
        ordered += [upper for upper in inventory.hangs_on(each) if upper not in seen]
        seen.update(dict.fromkeys(ordered))


def _notices(
    device: InventoryDevice, model: DeviceModel, inventory: Inventory, planned: Iterable[Work], now: Instant
) -> Iterator[Notice]:
    name, parties = eui64_text(device.eui64), inventory.parties(device.eui64)
    because = f"the certification of {model} has lapsed"
    for role in TOLD:
        who = role.name.lower().replace("_", " ")
        to = f"{who} {eui64_text(parties[role])}" if role in parties else who
        yield Notice(now, to, f"{name} is suspended: {because}")
    for work in planned:
        yield Notice(now, work.ordered_by, f"{work.kind} withdrawn: {work.what} on {name}: {because}")
