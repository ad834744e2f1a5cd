"""The registers of a gas meter: import, time of use, block counters (SMETS2 4.6.5; ZSE D.3), in litres.

A gas meter books into them, a gas proxy copies them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from protocols.zigbee.smart_energy_common import METERING

from ...engines.registers import Registers
from ...engines.tariff import GSME
from ...part import Part
from ...zcl_values import Held, serve

if TYPE_CHECKING:
    from ...device import Device

UNIT_M3, LITRES_IN_M3 = 1, 1000


class Reading(NamedTuple):
    """All registers at one moment: what a snapshot holds."""

    total: int
    tiers: tuple[int, ...]
    blocks: tuple[int, ...]


@dataclass(slots=True)
class GasRegisterState:
    """``registers.counters[block][0]`` are the block counters."""

    registers: Registers = field(default_factory=Registers)
    unit: int = UNIT_M3
    multiplier: int = 1
    divisor: int = LITRES_IN_M3


class GasRegisters(Part):
    """Serves the registers; everything about consumption is encrypted."""

    name = "gas registers"
    State = GasRegisterState
    state: GasRegisterState

    def __init__(self) -> None:
        super().__init__()
        self.state.registers.fit(GSME)
        self.settle: Callable[[], None] = lambda: None
        """Called before a read: consumption up to now is to be booked."""

    def attach(self, device: Device) -> None:
        super().attach(device)
        units = ((0x0300, "unit"), (0x0301, "multiplier"), (0x0302, "divisor"))
        serve(self, [Held(METERING, attribute, name) for attribute, name in units])
        attribute = device.zcl.attribute
        attribute(METERING, 0x0000, lambda: self.reading().total, sensitive=True, preset=self._preset_total)
        for place in range(GSME.tou_count):
            tier = _Place(self, place)
            attribute(METERING, 0x0100 + 2 * place, tier.read_tier, sensitive=True, preset=tier.preset_tier)
        for place in range(GSME.blocks):
            block = _Place(self, place)
            attribute(METERING, 0x0700 + place, block.read_block, sensitive=True, preset=block.preset_block)

    def started(self) -> None:
        self.state.registers.fit(GSME)

    @property
    def registers(self) -> Registers:
        """The registers themselves, for the engine; ``touch`` after a change."""
        return self.state.registers

    def reading(self) -> Reading:
        """What they show now."""
        self.settle()
        registers = self.registers
        return Reading(registers.total, tuple(registers.tou), tuple(row[0] for row in registers.counters))

    def copy(self, reading: Reading) -> None:
        """Show what another device's registers showed."""
        registers = self.registers
        registers.total = reading.total
        registers.tou[:] = reading.tiers
        for row, counter in zip(registers.counters, reading.blocks, strict=True):
            row[0] = counter
        self.touch()

    def _preset_total(self, value: int) -> None:
        self.registers.total = value
        self.touch()


class _Place:
    """One register among several."""

    def __init__(self, part: GasRegisters, place: int) -> None:
        self._part, self._place = part, place

    def read_tier(self) -> int:
        self._part.settle()
        return self._part.registers.tou[self._place]

    def preset_tier(self, value: int) -> None:
        self._part.registers.tou[self._place] = value
        self._part.touch()

    def read_block(self) -> int:
        self._part.settle()
        return self._part.registers.counters[self._place][0]

    def preset_block(self, value: int) -> None:
        self._part.registers.counters[self._place][0] = value
        self._part.touch()
