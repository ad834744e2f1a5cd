"""The lists that the head end of a home keeps: certified products, inventory, planned work; and the gate between them.

The inventory begins with what the rig says: an installation that is complete, or devices that have yet to be handed
over. Of an emulated device the bench knows the model; of a real one the rig file tells it (``product``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from protocols.eui64 import Eui64, eui64_text
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import Instant

from ..device_model import DeviceModel, product_text
from ..head_end import party_text
from ..inventory import Inventory, Status, SuspendedError
from ..relations import RELATIONS
from .gate import Gate
from .listing import CertifiedProducts
from .planned_work import PlannedWork, Work, WorkKind

if TYPE_CHECKING:
    from ..head_end import Command, HeadEnd
    from ..home import Home
    from ..target import Target

HANGS_ON = {
    DeviceType.PPMID: (DeviceType.ESME, DeviceType.GPF, DeviceType.CHF),
    DeviceType.TYPE_2: (DeviceType.ESME, DeviceType.GPF, DeviceType.CHF),
    DeviceType.HCALCS: (DeviceType.ESME, DeviceType.CHF),
    DeviceType.GSME: (DeviceType.CHF, DeviceType.GPF),
}
"""What a device of a rig hangs on, so far as the rig has it; all others on the hub alone."""
RESPONSIBLE = (RemotePartyRole.SUPPLIER, RemotePartyRole.NETWORK_OPERATOR)


class HeadEndLists(NamedTuple):
    """What the head end of a home keeps. All of it is in memory, but for a list of products from a file."""

    products: CertifiedProducts
    inventory: Inventory
    planned: PlannedWork
    gate: Gate


def lists_of(home: Home, products: CertifiedProducts | None = None) -> HeadEndLists:
    """The lists of a home, with the list of products given or an empty one."""
    kept, inventory = products or CertifiedProducts(), _inventory(home)
    gate = Gate(kept, inventory, lambda role, device: signing_point(home.head_end, role, device))
    planned = PlannedWork()
    home.head_end.planned = lambda command, due: _plan(planned, home.head_end, command, due)
    home.head_end.may_speak_to = lambda device: _check_status(inventory, device)
    return HeadEndLists(kept, inventory, planned, gate)


def _check_status(inventory: Inventory, device: Eui64) -> None:
    known = inventory.find(device)
    if known is not None and known.status is Status.SUSPENDED:
        why = next(each.why for each in reversed(inventory.history(device)) if each.what == "status")
        raise SuspendedError(f"{eui64_text(device)} is suspended, and nobody speaks to it: {why}")


def _plan(planned: PlannedWork, head_end: HeadEnd, command: Command, due: Instant) -> None:
    who = party_text(head_end, command.message.originator)
    planned.add(Work(command.device, WorkKind.COMMAND, command.request.title, due, who))


def signing_point(head_end: HeadEnd, role: RemotePartyRole, device: Eui64 | None = None) -> bytes | None:
    """The public signing key, 65 octets, of the party of a role, as a device knows it."""
    if role not in head_end.parties:
        return None
    party = head_end.holder(role, device)
    return party.store.public_point(KeyName(party.eui64, KeyUse.DIGITAL_SIGNING))


def product_of(home: Home, target: Target) -> tuple[DeviceModel, int] | None:
    """Model and hardware version of a device; None where neither it nor the rig says them in digits."""
    emulated = home.emulated(target.name)
    text = target.section.product if emulated is None else product_text(emulated.device)
    if not text:
        return None
    manufacturer, _, rest = text.partition(":")
    return DeviceModel(target.type, int(manufacturer, 16), int(rest[:4], 16)), int(rest[4:], 16)


def _inventory(home: Home) -> Inventory:
    made, now = Inventory(), home.clock.now()
    for target in home.targets:
        _enter(made, home, target, now)
    for target in home.targets:
        _relate(made, home, target, now)
    for target in home.targets:
        if target.eui64 not in home.awaiting_hand_over and not made.missing(target.eui64):
            made.set_status(target.eui64, Status.COMMISSIONED, now, "the rig is a complete installation")
    return made


def _enter(made: Inventory, home: Home, target: Target, now: Instant) -> None:
    model, hardware = product_of(home, target) or (None, None)
    firmware = bytes.fromhex(target.firmware)
    made.add(target.eui64, target.type, now, model=model, hardware=hardware, firmware=firmware, why="is in the rig")
    made.set_status(target.eui64, Status.INSTALLED, now, "is in the rig")
    if target.type is not DeviceType.TYPE_2:  # which takes no messages
        made.contact(target.eui64, now, "has a wire in the rig")
    for role in RESPONSIBLE:
        if role in home.head_end.parties:
            made.set_party(target.eui64, role, home.head_end.identity(role, target.eui64), now, "of the rig")


def _relate(made: Inventory, home: Home, target: Target, now: Instant) -> None:
    for kind in HANGS_ON.get(target.type, tuple(RELATIONS[target.type])):
        upper = next((each for each in home.targets if each.type is kind), None)
        if upper is not None:
            made.relate(target.eui64, upper.eui64, now, "is in the rig")
