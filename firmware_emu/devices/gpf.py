"""The gas proxy function of a hub: the gas meter's mirror, which answers while the meter sleeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.gbcs.roles import DeviceType

from ..device import Device
from ..parts.credentials.asn1 import asn1_parts
from ..parts.gas.account import GasAccount
from ..parts.gas.calendar import GasCalendars
from ..parts.gas.events import GasEvents
from ..parts.gas.han_server import GasHanServer
from ..parts.gas.identity import GasIdentity
from ..parts.gas.management import GasManagement
from ..parts.gas.mirror import GasMirror
from ..parts.gas.payments import GasPayments
from ..parts.gas.price import GasPrice
from ..parts.gas.registers import GasRegisters
from ..parts.gas.samples import GasSamples
from ..parts.gas.snapshots import GasSnapshots
from ..parts.gas.tap import GasTap

if TYPE_CHECKING:
    from protocols.eui64 import Eui64
    from protocols.gbcs.keys import MemoryKeyStore

    from ..nvm import Nvm
    from ..part import Part
    from ..personality import Personality


def make_device(
    identity: Eui64, personality: Personality, nvm: Nvm, keys: MemoryKeyStore, secret: bytes = b""
) -> Device:
    """A gas proxy; ``secret`` is that of its chip."""
    calendars, management, server = GasCalendars(), GasManagement(), GasHanServer()
    registers, account, payments = GasRegisters(), GasAccount(), GasPayments()
    samples, snapshots = GasSamples(), GasSnapshots()
    mirror = GasMirror(registers, account, samples, snapshots, payments, server)
    server.visible_from = lambda: management.state.visible_from if not management.shows(0) else 0
    parts: list[Part] = [
        *(GasIdentity(), management, GasEvents(mirror.copies), calendars, GasPrice(calendars)),
        *(registers, account, samples, snapshots, payments, server, mirror, GasTap(mirror)),
        *asn1_parts(DeviceType.GPF, secret),
    ]
    return Device(identity, personality, nvm, keys, parts)
