"""Registers and cost against a reckoning unit by unit and second by second, in fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_emu.engines.registers import Registers, TariffMeter
from firmware_emu.engines.tariff import ESME_PRIMARY, ESME_SECONDARY, GSME, Tariff, gas_energy, gas_pricing, millipence
from firmware_emu.engines.tariff_calendar import Calendar, DayProfile, Season, SpecialDay, Switch, SwitchingTable, Week
from firmware_emu.state import decode_state, encode_state
from protocols.dlms.cosem_time import CosemDate
from protocols.instant import DAY, HALF_HOUR, HOUR, instant

ALWAYS = (Season(b"all", CosemDate(), b"1"),)
EVERY_DAY = (Week(b"1", (1,) * 7),)
YEAR = instant(2027, 1, 1)

HYBRID = Tariff(
    SwitchingTable(
        (Season(b"winter", CosemDate(month=10, day=27), b"1"), Season(b"summer", CosemDate(month=3, day=29), b"2")),
        (Week(b"1", (1, 1, 1, 1, 1, 2, 2)), Week(b"2", (3,) * 7)),
        (
            DayProfile(1, (Switch(0, 101), Switch(7 * HOUR, 102), Switch(23 * HOUR, 101))),
            DayProfile(2, (Switch(0, 1),)),
            DayProfile(3, (Switch(HOUR // 2, 2), Switch(16 * HOUR, 48))),
        ),
        (SpecialDay(CosemDate(month=12, day=25), 2),),
    ),
    (21_211, 9_999, *(0,) * 45, 31_007),
    ((10_001, 20_003), (11_003, 22_007), (12_007, 23_011), (13_009, 24_017)),
    ((7_000,), (2_000, 5_000, 9_000)),
    20_000,
)


def flat(*selectors: tuple[int, int], **members: object) -> Tariff:
    profile = DayProfile(1, tuple(Switch(*switch) for switch in selectors))
    return Tariff(SwitchingTable(ALWAYS, EVERY_DAY, (profile,)), **members)  # type: ignore[arg-type]


def worth(tariff: Tariff, registers: Registers) -> Fraction:
    """What the registers' contents cost, from the registers alone."""
    total = Fraction(0)
    for prices, amounts in (
        (tariff.tou_prices, registers.tou),
        *zip(tariff.block_prices, registers.block, strict=True),
    ):
        total += sum(Fraction(price * amount, 1000) for price, amount in zip(prices, amounts, strict=False))
    return total


class UnitByUnit:
    """The same registers, filled one Wh at a time."""

    def __init__(self, tariff: Tariff, offset: int) -> None:
        self.tariff, self.calendar = tariff, Calendar(tariff.table, offset)
        self.tou = [0] * 48
        self.block = [[0] * 8 for _ in range(4)]
        self.used = [0] * 8

    def slice(self, start: int, amount: int) -> None:
        counted = 0
        for second in range(1, HALF_HOUR + 1):
            while counted < amount * second // HALF_HOUR:
                counted += 1
                self.unit(self.calendar.selector(start + second - 1))

    def unit(self, selector: int) -> None:
        if selector < 100:
            self.tou[selector - 1] += 1
            return
        column = selector - 101
        thresholds = self.tariff.thresholds[column] if column < len(self.tariff.thresholds) else ()
        self.block[sum(self.used[column] >= threshold for threshold in thresholds)][column] += 1
        self.used[column] += 1


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 364 * 48), st.lists(st.integers(0, 900), min_size=1, max_size=60), st.sampled_from((0, 1, 700, 1799))
)
def test_registers_are_those_of_every_single_unit(place: int, amounts: list[int], offset: int) -> None:
    start = YEAR + place * HALF_HOUR
    meter, plain = TariffMeter(Registers(), HYBRID, offset=offset), UnitByUnit(HYBRID, offset)
    cost = meter.apply(start, amounts)
    for number, amount in enumerate(amounts):
        plain.slice(start + number * HALF_HOUR, amount)
    registers = meter.registers
    assert (registers.tou, registers.block) == (plain.tou, plain.block)
    assert registers.counters == plain.block
    assert cost + Fraction(registers.remainder, 1000) == worth(HYBRID, registers)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 364 * 48),
    st.lists(st.integers(0, 5000), min_size=1, max_size=200),
    st.sampled_from((0, 700)),
    st.booleans(),
)
def test_many_at_once_are_as_one_by_one(place: int, amounts: list[int], offset: int, daily: bool) -> None:
    start = YEAR + place * HALF_HOUR
    together = TariffMeter(Registers(), HYBRID, offset=offset, daily_reset=daily)
    single = TariffMeter(Registers(), HYBRID, offset=offset, daily_reset=daily)
    cost = together.apply(start, amounts)
    assert cost == sum(single.apply(start + n * HALF_HOUR, [amount]) for n, amount in enumerate(amounts))
    assert together.registers == single.registers


def test_a_year_loses_nothing() -> None:
    amounts = [(n * 7919) % 1301 for n in range(365 * 48)]
    meter = TariffMeter(Registers(), HYBRID, offset=613)
    cost = sum(meter.apply(YEAR + day * DAY, amounts[day * 48 : day * 48 + 48]) for day in range(365))
    registers = meter.registers
    assert registers.total == sum(amounts)
    assert sum(registers.tou) + sum(map(sum, registers.block)) == registers.total
    assert cost + Fraction(registers.remainder, 1000) == worth(HYBRID, registers)
    assert all(sum(row) for row in registers.block), "every block was reached"
    assert decode_state(Registers, "r", encode_state(registers)) == registers


def test_a_switch_inside_the_half_hour_divides_it() -> None:
    meter = TariffMeter(Registers(), flat((0, 1), (600, 2)))
    meter.apply(YEAR, [100])
    assert meter.registers.tou[:2] == [33, 67]  # 100 x 600 / 1800, rounded down; the rest


def test_the_unit_after_a_threshold_is_in_the_next_block() -> None:
    tariff = flat((0, 101), thresholds=((1000, 1500, 0xFFFFFFFF),), block_prices=((10_000,), (20_000,), (40_000,)))
    meter = TariffMeter(Registers(), tariff)
    assert meter.apply(YEAR, [1000]) == 10_000
    assert meter.active_block(0) == 1
    assert meter.active_price(YEAR) == 20_000
    assert meter.apply(YEAR + HALF_HOUR, [501]) == 500 * 20 + 1 * 40
    assert [row[0] for row in meter.registers.block] == [1000, 500, 1, 0]
    assert meter.apply(YEAR + HOUR, [10**6]) == 40_000_000, "there is no fourth block without a third threshold"
    meter.reset_counters()
    assert meter.active_price(YEAR) == 10_000
    assert meter.registers.block[2][0] == 1_000_001, "registers stay"


def test_columns_count_their_own() -> None:
    tariff = flat((0, 101), (12 * HOUR, 102), thresholds=((1000,), (500,)), block_prices=((1, 1), (1, 1)))
    meter = TariffMeter(Registers(), tariff)
    meter.apply(YEAR, [25] * 48)
    assert meter.registers.counters[0][:2] == [600, 500]
    assert meter.registers.counters[1][:2] == [0, 100]


def test_counters_begin_anew_every_midnight_when_told() -> None:
    tariff = flat((0, 101), thresholds=((1000,),), block_prices=((10_000,), (20_000,)))
    meter = TariffMeter(Registers(), tariff)
    meter.set_daily_reset(True, YEAR)
    assert meter.apply(YEAR, [50] * 96) == 2 * (1000 * 10 + 1400 * 20)
    assert [row[0] for row in meter.registers.counters] == [1000, 1400, 0, 0]
    assert [row[0] for row in meter.registers.block] == [2000, 2800, 0, 0]
    meter.set_daily_reset(True, YEAR + 2 * DAY + 5)
    meter.apply(YEAR + 2 * DAY + HALF_HOUR, [1])
    assert meter.registers.counters[1][0] == 1401, "switching it on resets nothing"


def test_fractions_of_a_millipence_are_kept_for_later() -> None:
    meter = TariffMeter(Registers(), flat((0, 1), tou_prices=(21_211,)))
    costs = [meter.apply(YEAR + n * HALF_HOUR, [1]) for n in range(1000)]
    assert set(costs) == {21, 22}
    assert sum(costs) == 21_211
    assert meter.registers.remainder == 0


def test_a_new_tariff_leaves_registers_and_remainder() -> None:
    meter = TariffMeter(Registers(), flat((0, 1), tou_prices=(333,)))
    meter.apply(YEAR, [1])
    meter.use(flat((0, 2), tou_prices=(0, 667)))
    assert meter.apply(YEAR + HALF_HOUR, [1]) == 1
    assert meter.registers.tou[:2] == [1, 1]


def test_secondary_element() -> None:
    meter = TariffMeter(Registers(), flat((0, 201), (HOUR, 204), tou_prices=(1, 2, 3, 4_000)), ESME_SECONDARY)
    assert meter.apply(YEAR + HOUR, [1000]) == 4_000
    assert meter.registers.tou == [0, 0, 0, 1000]
    assert meter.registers.block == []


def test_without_a_tariff_the_first_register_counts_and_nothing_is_paid() -> None:
    for layout in (ESME_PRIMARY, ESME_SECONDARY, GSME):
        meter = TariffMeter(Registers(), layout=layout)
        assert meter.apply(YEAR, [5]) == 0
        assert meter.registers.tou[0] == meter.registers.total == 5
        assert meter.highest_price() == 0


def test_gas_is_paid_by_the_kilowatt_hour() -> None:
    # 100 m3 x 1.02264 x 39.2 / 3.6 = 1113.541333... kWh at 3.5 p
    pricing = gas_pricing(392, 102_264)
    exact = Fraction(100) * Fraction("1.02264") * Fraction("39.2") / Fraction("3.6") * 3_500
    meter = TariffMeter(Registers(), flat((0, 3), tou_prices=(0, 0, 3_500)), GSME, pricing)
    cost = sum(meter.apply(YEAR + n * HALF_HOUR, [125]) for n in range(800))
    assert cost == int(exact) == 3_897_394
    assert cost + Fraction(meter.registers.remainder, pricing.divisor) == exact
    assert meter.registers.tou == [0, 0, 100_000, 0]
    assert gas_energy(100_000, 392, 102_264) == 1_113_541


def test_gas_blocks() -> None:
    tariff = flat((0, 0), thresholds=((10_000, 20_000, 30_000),), block_prices=((36_000,), (72_000,), (0,), (3_600,)))
    meter = TariffMeter(Registers(), tariff, GSME, gas_pricing(100, 100_000))  # 10 MJ/m3: 1 m3 is 2.777... kWh
    assert meter.apply(YEAR, [31_000]) == 10 * 100_000 + 10 * 200_000 + 0 + 10_000
    assert [row[0] for row in meter.registers.block] == [10_000, 10_000, 10_000, 1_000]


def test_a_bound_on_the_cost() -> None:
    meter = TariffMeter(Registers(), HYBRID)
    assert meter.highest_price() == 31_007
    assert meter.apply(instant(2027, 6, 6, 17), [1000]) == 31_007 <= meter.highest_cost(1000)


@pytest.mark.parametrize(
    ("price", "scale", "expected"), [(2121, -5, 2121), (3, -1, 30_000), (7, 0, 700_000), (15, -6, 2), (14, -6, 1)]
)
def test_prices_become_millipence(price: int, scale: int, expected: int) -> None:
    assert millipence(price, scale) == expected
