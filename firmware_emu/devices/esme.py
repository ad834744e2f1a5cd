"""Electricity meters: single element, twin element, polyphase; with or without auxiliary controllers and boost button.

One parts list for all: the personality's variant and its auxiliary controllers say what the parts serve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.gbcs.roles import DeviceType

from ..clock_object import ClockObject
from ..device import Device
from ..parts.credentials.asn1 import asn1_parts
from ..parts.electricity.account import AccountPart
from ..parts.electricity.alert_settings import AlertSettings
from ..parts.electricity.auxiliary import Auxiliary
from ..parts.electricity.billing import Billing
from ..parts.electricity.boost import Boost
from ..parts.electricity.consumer_access import SERVED, ConsumerAccess
from ..parts.electricity.consumer_history import ConsumerHistory
from ..parts.electricity.consumer_information import ConsumerInformation
from ..parts.electricity.han_face import HanFace
from ..parts.electricity.identity import Identity
from ..parts.electricity.load_limit import LoadLimit
from ..parts.electricity.load_switch import LoadSwitch
from ..parts.electricity.maximum_demand import MaximumDemands
from ..parts.electricity.metrology import Metrology
from ..parts.electricity.non_disablement import NonDisablement
from ..parts.electricity.profiles import Profiles
from ..parts.electricity.randomised_offset import RandomisedOffset
from ..parts.electricity.supply import Supply
from ..parts.electricity.tariff import Tariff
from ..parts.electricity.voltage import Voltage
from ..parts.sensors import Sensors
from ..parts.tamper import Tamper
from ..parts.token_gateway import TokenGateway

if TYPE_CHECKING:
    from protocols.eui64 import Eui64
    from protocols.gbcs.keys import MemoryKeyStore

    from ..load_model import LoadModel
    from ..mains import Mains
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
    mains: Mains | None = None,
) -> Device:
    """An electricity meter; ``load`` is what its home uses and makes, ``secret`` is that of its chip, ``mains``
    is what it is connected to: at rest at the nominal voltage if None.

    What is due at one instant is done in the order of the list: energy is booked before money is moved.
    """
    offset, switch, periods = RandomisedOffset(), LoadSwitch(), NonDisablement()
    tariff = Tariff()
    metrology = Metrology(tariff, load, lambda: switch.connected, lambda: offset.seconds)
    account = AccountPart(switch, periods)
    limit = LoadLimit(switch, lambda: sum(metrology.watts()))
    auxiliary = Auxiliary(offset)
    billing = Billing(metrology, account.money)
    gateway, face = TokenGateway(account), HanFace(SERVED)
    information, supply = ConsumerInformation(), Supply(lambda: sum(metrology.watts()))
    profiles = Profiles(metrology, prepayment=account.daily_entry)
    _connect(switch, offset, tariff, metrology, account)
    account.before_mode_change.append(billing.snapshot_change)
    parts: list[Part] = [
        *(Identity(), ClockObject(), AlertSettings(), information),
        *(offset, periods, switch, Tamper(switch), Sensors()),
        *(tariff, metrology, profiles, MaximumDemands(metrology)),
        *(billing, account, gateway, limit),
        *(supply, Voltage(mains)),
        *(auxiliary, Boost(auxiliary)),
        *(face, ConsumerAccess(face, metrology, account, gateway, switch, auxiliary, supply)),
        ConsumerHistory(face, information, metrology, profiles),
        *asn1_parts(DeviceType.ESME, secret),
    ]
    return Device(identity, personality, nvm, keys, parts)


def _connect(
    switch: LoadSwitch, offset: RandomisedOffset, tariff: Tariff, metrology: Metrology, account: AccountPart
) -> None:
    """Who tells whom."""
    switch.listeners.append(metrology.supply_moved)
    offset.listeners += [metrology.settle, metrology.retune]
    metrology.biller = account
    account.settle, account.after_change = metrology.settle, metrology.look_again
    account.standing_charge = tariff.standing_charge
    tariff.changed.append(account.retune)
