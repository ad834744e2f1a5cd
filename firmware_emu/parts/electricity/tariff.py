"""The tariff of an electricity meter: switching tables, special days, block thresholds, prices, currency (SMETS2).

Tables are written as passive values and put into force by their activation times (use cases ECS01a to ECS01d), read
as they are in force (ECS24, ECS24b). Whoever must act before a tariff changes, with the old one, is in
``before_change``: metrology brings its registers up to date, billing takes a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from protocols.dlms.axdr import DATA
from protocols.dlms.data import Data, DataType, array, uint32

from ...cosem import Attribute, attribute
from ...engines import tariff as engine
from ...part import Part
from ...refusals import AccessFailed
from ...stored_values import EMPTY_ARRAY, Stored, plain_value, serve
from .tariff_values import (
    BLOCK_RATES,
    PRICE_CELLS,
    PRIMARY_SELECTORS,
    SECONDARY_SELECTORS,
    TOU_RATES,
    Check,
    is_charge,
    is_days,
    is_seasons,
    is_special_days,
    is_thresholds,
    is_weeks,
    new_days,
    new_prices,
    new_seasons,
    new_standing_charge,
    new_thresholds,
    new_weeks,
    price_keys,
    prices,
    secondary_price_keys,
    switching_table,
    thresholds,
)

if TYPE_CHECKING:
    from ...device import Device

PRIMARY, SECONDARY = 0, 1
"""The elements of a meter; only a twin-element meter has the second."""
SPECIAL_DAYS = 50

ACTIVITY_CALENDAR, SPECIAL_DAYS_TABLE, REGISTER_MONITOR, CHARGE, EXTENDED = 20, 11, 21, 113, 9000
CURRENCY = "0-0:94.44.2.0"

Before = Callable[[], None]


def _encoded(value: Data) -> bytes:
    return DATA.encode(value)


@dataclass(slots=True)
class TariffState:
    """Tables in force, as A-XDR octets: for each element, or for each of the eight block rates."""

    seasons: list[bytes] = field(default_factory=lambda: [_encoded(new_seasons())] * 2)
    weeks: list[bytes] = field(default_factory=lambda: [_encoded(new_weeks())] * 2)
    days: list[bytes] = field(default_factory=lambda: [_encoded(new_days(1)), _encoded(new_days(201))])
    special_days: list[bytes] = field(default_factory=lambda: [EMPTY_ARRAY] * 2)
    thresholds: list[bytes] = field(default_factory=lambda: [_encoded(new_thresholds())] * BLOCK_RATES)
    prices: list[bytes] = field(
        default_factory=lambda: [_encoded(new_prices(secondary=False)), _encoded(new_prices(secondary=True))]
    )
    standing_charge: bytes = field(default_factory=lambda: _encoded(new_standing_charge()))
    pounds: bool = True


class _Table(NamedTuple):
    """One value of the tariff: the object that holds it in force, the one it is written to, and its field."""

    class_id: int
    active: tuple[str, int]
    passive: tuple[str, int]
    field: str
    place: int | None
    check: Check
    kind: DataType | None = None
    adapt: Callable[[Data], Data] = lambda value: value


class Tariff(Part):
    """Keeps and serves the tables; ``in_force`` is what they come to."""

    name = "tariff"
    State = TariffState
    state: TariffState

    def __init__(self) -> None:
        super().__init__()
        self.before_change: list[Before] = []
        """Called, in this order, before a tariff value changes."""
        self.changed: list[Before] = []
        """Called after a value changed, by a command or otherwise."""
        self._tariffs: dict[int, engine.Tariff] = {}

    def attach(self, device: Device) -> None:
        super().attach(device)
        twin = device.personality.variant == "B"
        for element in (PRIMARY, SECONDARY) if twin else (PRIMARY,):
            self._serve_element(element)
        self._serve(attribute(EXTENDED, "0-0:63.1.1", 6), [_threshold_table(rate) for rate in range(BLOCK_RATES)])
        self._serve_charge(4, "standing_charge", None, [b""])
        currency = _Table(
            EXTENDED, (CURRENCY, 2), (CURRENCY, 4), "pounds", None, _is(DataType.BOOLEAN), DataType.BOOLEAN
        )
        self._serve(attribute(EXTENDED, CURRENCY, 6), [currency])

    def started(self) -> None:
        self._forget()

    # for other parts

    def in_force(self, element: int = PRIMARY) -> engine.Tariff:
        """The tariff of one element as the engines take it."""
        found = self._tariffs.get(element)
        if found is None:
            found = self._tariffs[element] = self._assemble(element)
        return found

    def standing_charge(self) -> int:
        """Millipence per day."""
        return prices(DATA.decode(self.state.standing_charge))[0]

    def _assemble(self, element: int) -> engine.Tariff:
        state = self.state
        tables = (state.seasons, state.weeks, state.days, state.special_days)
        table = switching_table(*(DATA.decode(each[element]) for each in tables))
        cells = prices(DATA.decode(state.prices[element]))
        if element == SECONDARY:
            return engine.Tariff(table, cells)
        limits = tuple(thresholds(DATA.decode(each)) for each in state.thresholds)
        blocks = tuple(cells[at : at + BLOCK_RATES] for at in range(TOU_RATES, PRICE_CELLS, BLOCK_RATES))
        return engine.Tariff(table, cells[:TOU_RATES], blocks, limits, self.standing_charge())

    # serving

    def _serve_element(self, element: int) -> None:
        name = f"0-0:13.0.{element}"
        checks = (is_seasons, is_weeks, is_days(SECONDARY_SELECTORS if element else PRIMARY_SELECTORS))
        tables = [
            _Table(ACTIVITY_CALENDAR, (name, 3 + at), (name, 7 + at), held, element, check)
            for at, (held, check) in enumerate(zip(("seasons", "weeks", "days"), checks, strict=True))
        ]
        self._serve(attribute(ACTIVITY_CALENDAR, name, 10), tables)
        active, passive = (f"0-{twin}:11.0.{element}" for twin in (0, 1))
        check = is_special_days(SPECIAL_DAYS)
        special = _Table(SPECIAL_DAYS_TABLE, (active, 2), (passive, 2), "special_days", element, check)
        self._serve(attribute(EXTENDED, f"0-0:94.44.128.{29 + element}", 6), [special])
        keys = secondary_price_keys() if element else price_keys()
        self._serve_charge(5 if element else 0, "prices", element, keys)

    def _serve_charge(self, number: int, held: str, place: int | None, keys: list[bytes]) -> None:
        name = f"0-0:19.20.{number}"
        self._serve(attribute(CHARGE, name, 7), [_Table(CHARGE, (name, 5), (name, 6), held, place, is_charge(keys))])

    def _serve(self, activate: Attribute, tables: Sequence[_Table]) -> None:
        """Values in force are read and preset; their passive twins are written, and put into force together."""
        serve(
            self,
            [
                Stored(
                    each.class_id,
                    *each.active,
                    each.field,
                    each.kind,
                    each.place,
                    check=each.check if each.kind is None else None,
                    changed=self._forget,
                )
                for each in tables
            ],
        )
        by_passive = {attribute(each.class_id, *each.passive): each for each in tables}

        def check(written: Attribute, value: Data) -> None:
            if not by_passive[written].check(value):
                raise AccessFailed

        self.device.passive.serve(activate, list(by_passive), partial(self._put_into_force, by_passive), check)

    def _put_into_force(self, tables: Mapping[Attribute, _Table], values: Mapping[Attribute, Data]) -> None:
        for before in self.before_change:
            before()
        for written, value in values.items():
            table = tables[written]
            held = plain_value(table.adapt(value), table.kind)
            if table.place is None:
                setattr(self.state, table.field, held)
            else:
                getattr(self.state, table.field)[table.place] = held
        self.touch()
        self._forget()

    def _forget(self) -> None:
        """The tables changed: what was made of them is made anew when asked for."""
        self._tariffs.clear()
        for tell in self.changed:
            tell()


def _threshold_table(rate: int) -> _Table:
    active, passive = (f"0-0:16.{twin}.{11 + rate}" for twin in (0, 1))
    return _Table(REGISTER_MONITOR, (active, 2), (passive, 2), "thresholds", rate, is_thresholds, adapt=_all_thresholds)


def _all_thresholds(value: Data) -> Data:
    """A write may name fewer thresholds than a read gives back."""
    return array(*[uint32(each) for each in thresholds(value)])


def _is(kind: DataType) -> Check:
    return lambda value: value.type is kind
