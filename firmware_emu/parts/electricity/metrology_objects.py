"""The COSEM objects of metrology: import and export registers, collections, power, price registers (SMETS2 5.7.5).

Before a register is read, what has flowed is booked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from protocols.dlms.data import Data, DataType, array, enum, int8, structure, uint32

from ...cosem import attribute, expect, expect_items
from ...protected_reads import serve_protected_read
from .register_rows import WRAP

if TYPE_CHECKING:
    from .metrology import Metrology

DATA_CLASS, REGISTER = 1, 3
IMPORT_COLLECTION, POWER_COLLECTION = "0-0:94.44.34.10", "0-0:94.44.34.20"
TOU_COLLECTION, BLOCK_COLLECTION = "0-0:94.44.34.1", "0-0:94.44.34.2"
ACTIVE_EXPORT, REACTIVE_EXPORT = "1-0:2.8.0", "1-0:4.8.0"
PRICE_REGISTERS = ("0-0:94.44.1.7", "0-0:94.44.1.8")
WATT, WATT_HOUR, VAR_HOUR, PRICE = 27, 30, 32, 254


def serve_metrology(part: Metrology) -> None:
    """Serve everything that is read of a metrology part attached to a device."""
    cosem = part.device.cosem
    for number, name, get, preset in (
        (8, IMPORT_COLLECTION, _import, _preset_import),
        (9, TOU_COLLECTION, _tou, _preset_tou),
        (10, BLOCK_COLLECTION, _blocks, _preset_blocks),
    ):
        cosem.attribute(DATA_CLASS, name, 2, get=_settled(part, get), preset=_settled_preset(part, preset))
        serve_protected_read(part.device, f"0-0:43.2.{number}", [attribute(DATA_CLASS, name, 2)])
    _serve_register(part, ACTIVE_EXPORT, "active_export", WATT_HOUR)
    _serve_register(part, REACTIVE_EXPORT, "reactive_export", VAR_HOUR)
    _serve_measured(part, DATA_CLASS, POWER_COLLECTION, _power)
    for element in range(1 + part.twin):
        _serve_measured(part, REGISTER, PRICE_REGISTERS[element], partial(_price, element))
        cosem.constant(REGISTER, PRICE_REGISTERS[element], 3, structure(int8(-5), enum(PRICE)))


def _settled(part: Metrology, get: Callable[[Metrology], Data]) -> Callable[[], Data]:
    def read() -> Data:
        part.settle()
        return get(part)

    return read


def _settled_preset(part: Metrology, preset: Callable[[Metrology, Data], None]) -> Callable[[Data], None]:
    def put(value: Data) -> None:
        part.settle()
        preset(part, value)
        part.touch()

    return put


def _serve_register(part: Metrology, name: str, held: str, unit: int) -> None:
    def preset(part: Metrology, value: Data) -> None:
        setattr(part.state, held, expect(value, DataType.UINT32))

    read = _settled(part, lambda part: uint32(getattr(part.state, held) % WRAP))
    part.device.cosem.attribute(REGISTER, name, 2, get=read, preset=_settled_preset(part, preset))
    part.device.cosem.constant(REGISTER, name, 3, _unit(unit))


def _serve_measured(part: Metrology, class_id: int, name: str, get: Callable[[Metrology], Data]) -> None:
    """A value that follows from what is going on: one that is preset lasts until the half-hour ends."""
    measure = _settled(part, get)

    def read() -> Data:
        return part.presets.get(name) or measure()

    def preset(value: Data) -> None:
        part.presets[name] = value

    part.device.cosem.attribute(class_id, name, 2, get=read, preset=preset)


def _price(element: int, part: Metrology) -> Data:
    return uint32(max(0, part.meters()[element].active_price(part.device.now)))


def _power(part: Metrology) -> Data:
    first, second = part.watts()
    return structure(uint32(first + second), _unit(WATT), uint32(first))


def _import(part: Metrology) -> Data:
    """Active import of the first element, or all phases; inferred, since the registers of rates add up to it."""
    state = part.state
    reactive = uint32(state.reactive_import % WRAP)
    members = [uint32(state.primary.total % WRAP), _unit(WATT_HOUR), reactive, _unit(VAR_HOUR)]
    if part.twin:
        members.append(uint32(state.secondary.total % WRAP))
    return structure(*members)


def _preset_import(part: Metrology, value: Data) -> None:
    active, _unit, reactive, _reactive_unit, *second = expect_items(value, DataType.STRUCTURE, 4 + part.twin)
    part.state.primary.total = expect(active, DataType.UINT32)
    part.state.reactive_import = expect(reactive, DataType.UINT32)
    for each in second:
        part.state.secondary.total = expect(each, DataType.UINT32)


def _tou(part: Metrology) -> Data:
    return structure(*[_numbers(meter.registers.tou) for meter in part.meters()])


def _preset_tou(part: Metrology, value: Data) -> None:
    arrays = expect_items(value, DataType.STRUCTURE, 1 + part.twin)
    for meter, numbers in zip(part.meters(), arrays, strict=True):
        meter.registers.tou[:] = _plain(numbers, len(meter.registers.tou))


def _block_rows(part: Metrology) -> list[list[int]]:
    """Registers and counters of each block in turn, by rate."""
    registers = part.meters()[0].registers
    return [row for pair in zip(registers.block, registers.counters, strict=True) for row in pair]


def _blocks(part: Metrology) -> Data:
    return structure(_numbers([number for row in _block_rows(part) for number in row]))


def _preset_blocks(part: Metrology, value: Data) -> None:
    (numbers,) = expect_items(value, DataType.STRUCTURE, 1)
    rows = _block_rows(part)
    width = len(rows[0])
    plain = _plain(numbers, width * len(rows))
    for at, row in enumerate(rows):
        row[:] = plain[at * width : (at + 1) * width]


def _unit(unit: int) -> Data:
    return structure(int8(0), enum(unit))


def _numbers(numbers: Sequence[int]) -> Data:
    return array(*[uint32(number % WRAP) for number in numbers])


def _plain(value: Data, count: int) -> list[int]:
    return [expect(item, DataType.UINT32) for item in expect_items(value, DataType.ARRAY, count)]
