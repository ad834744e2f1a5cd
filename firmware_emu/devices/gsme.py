"""The gas meter: it measures, counts money, moves its valve, and wakes every half-hour to tell the gas proxy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from protocols.gbcs.roles import DeviceType

from ..device import Device
from ..parts.credentials.asn1 import asn1_parts
from ..parts.credentials.joining import Joining
from ..parts.firmware.upgrade_client import UpgradeClient
from ..parts.gas.account import GasAccount
from ..parts.gas.billing import GasBilling
from ..parts.gas.calendar import GasCalendars
from ..parts.gas.event_settings import GasEventSettings
from ..parts.gas.events import GasEvents
from ..parts.gas.guard import GasGuard
from ..parts.gas.han_server import GasHanServer
from ..parts.gas.identity import GasIdentity
from ..parts.gas.management import GasManagement
from ..parts.gas.metrology import GasMetrology
from ..parts.gas.payments import GasPayments
from ..parts.gas.prepayment import GasPrepayment
from ..parts.gas.price import GasPrice
from ..parts.gas.radio import GasRadio
from ..parts.gas.registers import GasRegisters
from ..parts.gas.samples import GasSamples
from ..parts.gas.snapshots import GasSnapshots
from ..parts.gas.top_up import GasTopUp
from ..parts.gas.valve import GasValve

if TYPE_CHECKING:
    from protocols.eui64 import Eui64
    from protocols.gbcs.keys import MemoryKeyStore

    from ..load_model import LoadModel
    from ..nvm import Nvm
    from ..part import Part
    from ..personality import Personality


def make_device(
    identity: Eui64,
    personality: Personality,
    nvm: Nvm,
    keys: MemoryKeyStore,
    load: LoadModel | None = None,
    secret: bytes = b"",
) -> Device:
    """A gas meter; ``load`` is what its home uses, ``secret`` is that of its chip.

    What is due at one instant is done in the order of the list: gas is booked before money is moved, snapshots are
    taken after both, and the radio tells of them last.
    """
    calendars, valve, registers, snapshots = GasCalendars(), GasValve(), GasRegisters(), GasSnapshots()
    price, account, payments = GasPrice(calendars), GasAccount(), GasPayments()
    samples = GasSamples(lambda: metrology.total())
    metrology = GasMetrology(registers, price, calendars, valve, samples, load)
    prepayment = GasPrepayment(account, valve, price, calendars)
    billing = GasBilling(registers, account, price, metrology, prepayment, snapshots)
    metrology.charge, metrology.headroom = prepayment.charge, prepayment.headroom
    prepayment.before_change, prepayment.after_change = metrology.settle, metrology.look_again
    registers.settle = account.settle = metrology.settle
    server = GasHanServer()
    radio = GasRadio(server, payments)
    radio.before_wake = metrology.settle
    billing.listeners.append(radio.tell)
    top_up = GasTopUp(prepayment, account, payments, valve)
    top_up.on_paid = radio.tell_payment
    parts: list[Part] = [
        *(GasIdentity(), GasManagement(), GasEventSettings(), GasEvents()),
        *(calendars, price, valve, GasGuard(valve), registers),
        *(metrology, samples, account, prepayment, payments, top_up),
        *(snapshots, billing, server, radio),
        *asn1_parts(DeviceType.GSME, secret),
    ]
    device = Device(identity, personality, nvm, keys, parts)
    radio.proxy = partial(_joined_proxy, device)
    device.find(UpgradeClient).hears = lambda: radio.awake
    return device


def _joined_proxy(device: Device) -> Eui64 | None:
    """The gas proxy in the meter's device log."""
    entries = device.find(Joining).entries()
    return next((entry.device for entry in entries if entry.device_type is DeviceType.GPF), None)
