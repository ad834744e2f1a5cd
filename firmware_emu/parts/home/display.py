"""What displays of the home show of both meters: they ask, and show what has changed.

Electricity is asked of the meter every ten seconds, gas of the proxy every half-hour, when it has something new. Which
fuel an answer is about is told by its unit of measure. Money is in millipence, energy in Wh, gas in litres.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from protocols.eui64 import Eui64
from protocols.instant import DAY, HALF_HOUR, Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import METERING, PREPAYMENT, PRICE
from protocols.zigbee.zcl import ClusterCommand, ReadAttributes, ReadAttributesResponse

from ...defects import register_defect
from ...engines.tariff import gas_energy
from ...outputs import Show
from ...part import Part
from ...tunnel import EVERY_SERVER
from ..gas.samples import DAYS
from ..gas.samples import INVALID as UNKNOWN

if TYPE_CHECKING:
    from protocols.gbcs.gbz import Component

    from ...device import Device
    from ..electricity.han_face import HanFace

DISPLAY_FREEZES = register_defect("display-freezes", "goes on showing the first register readings that it has got")

IMPORT, SUPPLY, UNIT, DEMAND, LIGHT = 0x0000, 0x0014, 0x0300, 0x0400, 0x0207
FACTOR, CALORIFIC = 0x0302, 0x0304
BALANCE, EMERGENCY, DEBT = 0x0001, 0x0002, 0x0005


class Fuel(IntEnum):
    """By the unit of measure of its meter: kWh or m3."""

    ELECTRICITY = 0
    GAS = 1


ASK_EVERY: Instant = 10
"""Seconds between two questions to the electricity meter."""
_ASKED = ((METERING, (UNIT, IMPORT, SUPPLY, DEMAND, LIGHT)), (PREPAYMENT, (BALANCE, EMERGENCY)))
_GAS_CONVERSION = (FACTOR, CALORIFIC)
DAYS_SHOWN = 8
"""Days of history beside today's (SMETS: cumulative and historical values)."""
_LIGHTS = ("low", "medium", "high")
_SUPPLY = {0: "off", 1: "armed", 2: "on"}


def pounds(millipence: int) -> str:
    """``£1.23``, ``-£0.05``; fractions of a penny cut off."""
    pence = abs(millipence) // 1000
    return f"{'-' if millipence < 0 else ''}£{pence // 100}.{pence % 100:02d}"


@dataclass(slots=True)
class Readings:
    """What is known of one fuel. ``day_cost``: cost in millionths of a pound by Wh x price since ``day`` began."""

    values: dict[str, int] = field(default_factory=dict)
    day: int = 0
    day_cost: int = 0


@dataclass(slots=True)
class DisplayState:
    """``servers``: the fuel that a device answers for, by its identifier."""

    servers: dict[str, int] = field(default_factory=dict)


class Display(Part):
    """Asks and shows. ``prices``: the price and the cost of the day too, as an in-home display must."""

    name = "display"
    State = DisplayState
    state: DisplayState

    def __init__(self, face: HanFace, *, prices: bool, ask_every: Instant = ASK_EVERY) -> None:
        super().__init__()
        self._face, self._prices, self._every = face, prices, ask_every
        self.shown: dict[str, str] = {}
        """What the display shows now, by item."""
        self.readings = {fuel: Readings() for fuel in Fuel}

    def attach(self, device: Device) -> None:
        super().attach(device)
        for cluster in (METERING, PREPAYMENT, PRICE):
            self._face.listen(cluster, self.hear)

    def started(self) -> None:
        self.shown.clear()
        self.readings = {fuel: Readings() for fuel in Fuel}
        self.due = self.device.now

    def clock_stepped(self, before: Instant, after: Instant) -> None:  # noqa: ARG002 - only the new time matters
        self.schedule(after)

    def advance(self, at: Instant) -> None:
        unknown = [fuel for fuel in Fuel if fuel not in self.state.servers.values()]
        half_hour = at % HALF_HOUR < self._every
        for server, number in self.state.servers.items():
            if Fuel(number) is Fuel.ELECTRICITY or half_hour:
                self._ask(Eui64(bytes.fromhex(server)))
            if half_hour:
                self._ask_history(Eui64(bytes.fromhex(server)), at)
        if unknown and (half_hour or not self.state.servers):
            self._ask(EVERY_SERVER)
        self.schedule((at // self._every + 1) * self._every)

    def server(self, fuel: Fuel) -> Eui64 | None:
        """The device that answers for a fuel, once it has."""
        return next((Eui64(bytes.fromhex(key)) for key, held in self.state.servers.items() if held == fuel), None)

    def show(self, item: str, text: str) -> None:
        """Show a text where it is another than before."""
        if self.shown.get(item) != text:
            self.shown[item] = text
            self.device.emit(Show(item, text))

    # answers

    def hear(self, source: Eui64, component: Component) -> None:
        """A frame from a server."""
        content = component.content
        if isinstance(content, ReadAttributesResponse):
            good = (each for each in content.records if not each.status and isinstance(each.value, int))
            self._take(source, component.cluster, {record.attribute: record.value for record in good})
        elif isinstance(content, ClusterCommand) and content.name == "Publish Price":
            self._take_price(source, content)
        elif isinstance(content, ClusterCommand) and content.name == "Get Sampled Data Response":
            self._take_history(source, content)

    def _take(self, source: Eui64, cluster: int, read: dict[int, int]) -> None:
        if cluster == METERING and read.get(UNIT) in (Fuel.ELECTRICITY, Fuel.GAS):
            self._note_server(source, read[UNIT])
        fuel = self._fuel(source)
        if fuel is None:
            return
        if cluster == METERING:
            self._take_metering(fuel, read)
        elif cluster == PRICE:
            self.readings[fuel].values.update({str(each): read[each] for each in _GAS_CONVERSION if each in read})
        else:
            self._take_account(fuel, read)

    def _note_server(self, source: Eui64, unit: int) -> None:
        if self.state.servers.get(source.hex()) != unit:
            self.state.servers[source.hex()] = unit
            self.touch()

    def _fuel(self, source: Eui64) -> Fuel | None:
        number = self.state.servers.get(source.hex())
        return None if number is None else Fuel(number)

    def _take_metering(self, fuel: Fuel, read: dict[int, int]) -> None:
        name, readings = fuel.name.lower(), self.readings[fuel]
        if IMPORT in read:
            used = read[IMPORT] - readings.values.get("import", read[IMPORT])
            readings.values["import"] = read[IMPORT]
            self._add_cost(readings, self._watt_hours(fuel, used))
            self._show_import(f"{name} import", read[IMPORT], "kWh" if fuel is Fuel.ELECTRICITY else "m3")
            if self._prices and "price" in readings.values:
                self.show(f"{name} cost today", pounds(readings.day_cost // 1000))
        if DEMAND in read:
            self.show(f"{name} power", f"{read[DEMAND]} W")
        if LIGHT in read and read[LIGHT] < len(_LIGHTS):
            self.show(f"{name} light", _LIGHTS[read[LIGHT]])
        if SUPPLY in read:
            self.show(f"{name} supply", _SUPPLY.get(read[SUPPLY], "?"))

    def _show_import(self, item: str, amount: int, unit: str) -> None:
        if item not in self.shown or not self.device.defective(DISPLAY_FREEZES):
            self.show(item, f"{amount / 1000:.3f} {unit}")

    def _watt_hours(self, fuel: Fuel, used: int) -> int:
        """Energy in what a register has moved by; gas is priced by energy and measured by volume."""
        if fuel is Fuel.ELECTRICITY:
            return used
        values = self.readings[fuel].values
        return gas_energy(used, values.get(str(CALORIFIC), 0), values.get(str(FACTOR), 0))

    def _add_cost(self, readings: Readings, used: int) -> None:
        day = self.device.now // DAY
        if day != readings.day:
            readings.day, readings.day_cost = day, 0
        readings.day_cost += max(0, used) * readings.values.get("price", 0)

    def _take_account(self, fuel: Fuel, read: dict[int, int]) -> None:
        name = fuel.name.lower()
        if BALANCE in read:
            self.show(f"{name} balance", pounds(read[BALANCE]))
        if EMERGENCY in read:
            self.show(f"{name} emergency credit", pounds(read[EMERGENCY]))

    def _take_price(self, source: Eui64, published: ClusterCommand) -> None:
        fuel = self._fuel(source)
        if fuel is None:
            return
        self.readings[fuel].values["price"] = published["price"]
        self.show(f"{fuel.name.lower()} price", f"{published['price'] / 1000:.3f} p/kWh")

    def _take_history(self, source: Eui64, answer: ClusterCommand) -> None:
        """Days, oldest first; one that is not known is a dash."""
        fuel = self._fuel(source)
        if fuel is None or answer["sample_id"] != DAYS:
            return
        days = ["-" if amount == UNKNOWN else f"{amount / 1000:.3f}" for amount in answer["samples"]]
        self.show(f"{fuel.name.lower()} days", f"{' '.join(days)} {'kWh' if fuel is Fuel.ELECTRICITY else 'm3'}")

    def _ask_history(self, server: Eui64, at: Instant) -> None:
        earliest = at // DAY * DAY - DAYS_SHOWN * DAY
        asked = command_named("Get Sampled Data").make(
            sample_id=DAYS, earliest_sample_time=earliest, number_of_samples=DAYS_SHOWN
        )
        self._face.ask(server, asked)

    def _ask(self, server: Eui64) -> None:
        for cluster, attributes in _ASKED:
            self._face.ask(server, ReadAttributes(attributes), cluster)
        if self._prices:
            self._face.ask(server, command_named("Get Current Price").make())
            if self._fuel(server) is Fuel.GAS:
                self._face.ask(server, ReadAttributes(_GAS_CONVERSION), PRICE)
