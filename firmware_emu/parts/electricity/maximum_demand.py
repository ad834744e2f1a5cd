"""Maximum demand registers: the highest half-hour of import, of export, and of import inside a daily window (SMETS2).

Each is read with the time of its maximum (ECS18a, ECS18b) and reset by itself (ECS57); the window is a schedule with
a start and an end (ECS37), whose change resets nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from protocols.dlms.axdr import DATA
from protocols.dlms.cosem_time import CosemDate, CosemTime
from protocols.dlms.data import (
    Data,
    DataType,
    array,
    bit_string,
    boolean,
    enum,
    int8,
    octet_string,
    structure,
    uint16,
    uint32,
)
from protocols.dlms.obis import obis
from protocols.errors import MeterbenchError
from protocols.instant import HALF_HOUR, Instant

from ...cosem import expect
from ...engines.demand import DemandPeriod, MaximumDemand
from ...engines.schedule import DEMAND_PERIOD_ENDS, DEMAND_PERIOD_STARTS
from ...part import Part
from ...refusals import AccessFailed
from ...stored_values import Stored, serve
from .moments import moment_of, moment_value
from .tariff_values import second_of_day

if TYPE_CHECKING:
    from ...device import Device
    from .flows import Flows
    from .metrology import Metrology

EXTENDED_REGISTER, SCHEDULE = 4, 10
PERIOD = "0-0:12.0.0"
DEMAND_SCRIPTS = obis("0-0:10.128.100.255")
WATT = 27

REGISTERS = {
    "imported": ("1-0:1.6.0", "0-0:94.44.5.1"),
    "in_period": ("1-0:1.6.1", "0-0:94.44.5.0"),
    "exported": ("1-0:2.6.0", "0-0:94.44.5.2"),
}
"""Fields of the state: the register, and the object that holds the time of its last reset."""


def period_entry(index: int, selector: int, time: CosemTime) -> Data:
    """One entry of the period's schedule: every day, for ever."""
    return structure(
        uint16(index),
        boolean(True),
        octet_string(DEMAND_SCRIPTS),
        uint16(selector),
        octet_string(time.encode()),
        uint16(0xFFFF),
        bit_string("1111111"),
        bit_string(""),
        octet_string(CosemDate(year=0, month=1).encode()),
        octet_string(CosemDate().encode()),
    )


def _whole_day() -> bytes:
    midnight = CosemTime(0, 0, 0, 0)
    entries = (DEMAND_PERIOD_STARTS, DEMAND_PERIOD_ENDS)
    return DATA.encode(array(*[period_entry(index, selector, midnight) for index, selector in enumerate(entries)]))


@dataclass(slots=True)
class DemandState:
    """``period`` is the schedule as it was written; that of a new meter is the whole day."""

    imported: MaximumDemand = field(default_factory=MaximumDemand)
    in_period: MaximumDemand = field(default_factory=MaximumDemand)
    exported: MaximumDemand = field(default_factory=MaximumDemand)
    period: bytes = field(default_factory=_whole_day)


class MaximumDemands(Part):
    """Hears of half-hours from metrology. On a twin-element meter import is that of both elements."""

    name = "maximum demand"
    State = DemandState
    state: DemandState

    def __init__(self, metrology: Metrology) -> None:
        super().__init__()
        self._period = DemandPeriod()
        metrology.half_hours.append(self._offer)

    def attach(self, device: Device) -> None:
        super().attach(device)
        for held, (name, reset_time) in REGISTERS.items():
            self._serve(held, name, reset_time)
        check = is_period
        serve(self, [Stored(SCHEDULE, PERIOD, 2, "period", None, writable=True, check=check, changed=self.started)])

    def started(self) -> None:
        self._period = demand_period(DATA.decode(self.state.period))

    def _demand(self, held: str) -> MaximumDemand:
        found: MaximumDemand = getattr(self.state, held)
        return found

    def _serve(self, held: str, name: str, reset_time: str) -> None:
        serve_attribute = self.device.cosem.attribute
        demand = partial(self._demand, held)
        preset = partial(partial, self._preset, held)
        serve_attribute(
            EXTENDED_REGISTER, name, 2, get=lambda: uint32(min(demand().watts, 0xFFFF_FFFF)), preset=preset("watts")
        )
        self.device.cosem.constant(EXTENDED_REGISTER, name, 3, structure(int8(0), enum(WATT)))
        serve_attribute(EXTENDED_REGISTER, name, 5, get=lambda: moment_value(demand().at), preset=preset("at"))
        serve_attribute(1, reset_time, 2, get=lambda: moment_value(demand().reset_at), preset=preset("reset_at"))
        self.device.cosem.method(EXTENDED_REGISTER, name, 1, partial(self._reset, held))

    def _preset(self, held: str, member: str, value: Data) -> None:
        plain = expect(value, DataType.UINT32) if member == "watts" else moment_of(value)
        setattr(self._demand(held), member, plain)
        self.touch()

    def _reset(self, held: str, _argument: Data) -> None:
        self._demand(held).reset(self.device.now)
        self.touch()

    def _offer(self, first_end: Instant, flows: Flows) -> None:
        state, start = self.state, first_end - HALF_HOUR
        imported = flows.imported
        if any(flows.secondary):
            imported = [first + second for first, second in zip(imported, flows.secondary, strict=True)]
        before = (state.imported.watts, state.in_period.watts, state.exported.watts)
        state.imported.offer(start, imported)
        if 2 * max(imported) > state.in_period.watts:
            self._period.offer(state.in_period, start, imported)
        state.exported.offer(start, flows.exported)
        if before != (state.imported.watts, state.in_period.watts, state.exported.watts):
            self.touch()


def demand_period(value: Data) -> DemandPeriod:
    """The window of a schedule; without a start and an end it is the whole day. Raises AccessFailed."""
    seconds: dict[int, int] = {}
    try:
        for row in value.value:
            _index, _enable, table, selector, time, *_rest = (member.value for member in row.value)
            if table != DEMAND_SCRIPTS:
                raise AccessFailed
            seconds[selector] = second_of_day(CosemTime.decode(time))
    except (AttributeError, TypeError, ValueError, MeterbenchError) as error:
        raise AccessFailed from error
    if not seconds.keys() <= {DEMAND_PERIOD_STARTS, DEMAND_PERIOD_ENDS}:
        raise AccessFailed
    return DemandPeriod(seconds.get(DEMAND_PERIOD_STARTS, 0), seconds.get(DEMAND_PERIOD_ENDS, 0))


def is_period(value: Data) -> bool:
    """An array of one or two entries of the demand period's script table."""
    if value.type is not DataType.ARRAY or not 1 <= len(value.value) <= 2:
        return False
    try:
        demand_period(value)
    except AccessFailed:
        return False
    return True
