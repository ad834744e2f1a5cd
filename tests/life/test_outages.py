"""A month with outages and crashes at random moments, days on which clocks change, and a clock that is set.

Every energy, bill and log entry is reckoned from the moments at which the supply was there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from bench.requests import Period, Request, dlms
from firmware_emu import PowerCut
from firmware_emu.load_model import Household
from protocols.dlms.cosem_time import NOW, CosemDate, CosemDateTime, CosemTime
from protocols.dlms.data import array, octet_string, structure, uint32
from protocols.instant import DAY, HALF_HOUR, HOUR, Instant, instant

from .tariffs import Ledger, PlainTariff, set_tariff
from .test_year import flat
from .world import START, SUPPLIER, Steady, Wire, plain

AT_ONCE = octet_string(NOW.encode())
HOME = Household(seed=21, daily_wh=8000)
TARIFF = PlainTariff(
    seasons=[(3, 29, "summer"), (10, 25, "winter")],
    weeks={"summer": (1, 1, 1, 1, 1, 2, 2), "winter": (2, 1, 1, 1, 1, 1, 2)},
    days={
        1: [(0, 1), (7 * HOUR, 101), (16 * HOUR, 2), (19 * HOUR + HALF_HOUR, 101), (23 * HOUR, 1)],
        2: [(0, 1), (HOUR, 102), (2 * HOUR, 3)],
    },
    prices={1: 10_001, 2: 29_999, 3: 15_005},
    block_prices={101: (17_001, 23_003, 29_009), 102: (1_003, 2_005)},
    thresholds={101: (1_500, 20_000), 102: (40,)},
    standing=22_222,
)
LOST, BACK, BACK_LATE = 0x8F57, 0x8F35, 0x8F36
LONG = 180
"""Seconds from which an outage is a long one."""


class Mains:
    """A meter with a tariff and a monthly bill, and the times at which its supply was off."""

    def __init__(self, start: Instant) -> None:
        self.meter = Wire(load=HOME, start=start)
        self.ledger = Ledger(HOME, start, TARIFF)
        self.meter.ask(set_tariff(TARIFF, AT_ONCE))
        time, date = CosemTime(0, 30, 0, 0), CosemDate(weekday=1)
        self.meter.ask(dlms("ECS30a", array(structure(octet_string(time.encode()), octet_string(date.encode())))))
        self.bills: list[tuple[int, ...]] = []

    @property
    def now(self) -> Instant:
        """True time."""
        return self.meter.now

    def outage(self, until: Instant) -> None:
        """The supply fails, and comes back; nothing flows meanwhile."""
        self.ledger.off.append((self.now, until))
        self.meter.switch_off()
        self.meter.restart(until)

    def crash(self, nth: int, work: Callable[[], object]) -> bool:
        """Cut the power before the nth write of some work; what was committed last is when the supply failed.

        False if the work was done before it came to so many writes.
        """
        medium, goal = self.meter.medium, self.now
        medium.cut_power_before(nth)
        try:
            work()
        except PowerCut:
            self.meter.restart(max(self.meter.now, goal))
            self.ledger.off.append((self.meter.device.last_ran, self.meter.now))
            return True
        medium.cut_before = None
        return False

    def reckon(self) -> None:
        """Close the ledger up to now; bills at half past midnight of Monday."""
        bill = next_bill(self.ledger.now)
        while bill <= self.now:
            self.ledger.run(bill)
            self.bills.append((bill, *self.ledger.registers()))
            self.ledger.reset_counters()
            bill = next_bill(bill)
        self.ledger.run(self.now)

    def check(self) -> None:
        """The meter holds what the ledger says; now is the end of a half-hour."""
        self.reckon()
        meter, ledger = self.meter, self.ledger
        assert meter.value("ECS17b")[0][0] == ledger.total
        assert meter.value("ECS17d")[0][0] == [ledger.rates.get(rate, 0) for rate in range(1, 49)]
        (numbers,) = meter.value("ECS17e")[0]
        for block in range(4):
            held = [ledger.blocks.get((block, column), 0) for column in range(101, 109)]
            counted = [ledger.counted(block, column) for column in range(101, 109)]
            assert (numbers[16 * block : 16 * block + 8], numbers[16 * block + 8 : 16 * block + 16]) == (held, counted)
        assert meter.value("ECS82") == -ledger.cost()

    def check_logs(self, start: Instant) -> None:
        """Every half-hour, day and bill has its one entry, also those of an outage."""
        meter, ledger = self.meter, self.ledger
        assert meter.log("ECS22b", Period(start + 1, self.now)) == ledger.half_hours
        assert [flat(row) for row in meter.log("ECS21a")] == ledger.midnights[-31:]
        days = [(at, amount) for at, amount in meter.log("ECS66")]
        assert days == by_day(ledger.half_hours)
        registers = plain(meter.ask(dlms("ECS20c")).data[0].value[0])
        assert [flat(row) for row in registers] == self.bills[-12:]


def next_bill(after: Instant) -> Instant:
    """The next Monday 00:30; 2000-01-03 was the first."""
    week = 7 * DAY
    first = 2 * DAY + HALF_HOUR
    return after + (first - after - 1) % week + 1


def by_day(half_hours: list[tuple[Instant, int]]) -> list[tuple[Instant, int]]:
    """The midnight at which each whole day ended, and its energy."""
    sums: dict[Instant, int] = {}
    for at, amount in half_hours:
        midnight = at + -at % DAY
        sums[midnight] = sums.get(midnight, 0) + amount
    last = half_hours[-1][0]
    return [(at, amount) for at, amount in sums.items() if at <= last]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_a_month_of_outages_and_crashes(seed: int) -> None:
    """About four a day, from the middle of March to that of April: the change of summer time between."""
    chance = Random(seed)
    start = instant(2026, 3, 12)
    mains = Mains(start)
    crashes = 0
    outages: list[tuple[Instant, Instant]] = []
    for day in range(31):
        for moment in sorted(chance.sample(range(1, DAY), 4)):
            at = start + day * DAY + moment
            if at <= mains.now:
                continue
            if chance.random() < 0.5:
                mains.meter.run(at)
                back = at + chance.choice([1, 59, 179, 180, 3_000, 20_000, 50_000])
                outages.append((at, back))
                mains.outage(back)
                continue
            crashes += mains.crash(chance.randrange(1, 30), partial(mains.meter.run, at))
            crashes += mains.crash(chance.randrange(1, 30), partial(mains.meter.ask, set_thresholds(day)))
    mains.meter.run(start + 32 * DAY)
    mains.check()
    mains.check_logs(start)
    check_outages(mains, outages)
    assert crashes > 20


def set_thresholds(day: int) -> Request:
    """Any setting."""
    return dlms("ECS34", array(uint32(1000 + day), uint32(3000 + day)))


def check_outages(mains: Mains, outages: list[tuple[Instant, Instant]]) -> None:
    """Each was told when it was over, long or short, and stands in the power event log."""
    told = {
        tuple(CosemDateTime.decode(member.value).to_instant() for member in heard.payload.body.value[2:]): heard.code
        for heard in mains.meter.alerts
        if heard.message.message_code == 0x0067
    }
    for lost, back in outages:
        assert told[lost, back] == (BACK_LATE if back - lost >= LONG else BACK)
    entries = mains.meter.log("ECS35e", Period(outages[-5][0], mains.now))
    assert [(at, code) for at, code, _ in entries if code == LOST and at in dict(outages)] == [
        (lost, LOST) for lost, _ in outages[-5:]
    ]


# the clock is set

REFUSED, SET = 0x8F0C, 0x8145
_PRESET = octet_string(bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF"))


def set_clock(meter: Wire, time: Instant, tolerance: int = 10) -> tuple[Instant, int]:
    """ECS70: take the hub's time if it is near ``time``. The meter's time and status."""
    bounds = [octet_string(CosemDateTime.at(time + offset).encode()) for offset in (-tolerance, tolerance)]
    answer = meter.ask(dlms("ECS70", structure(_PRESET, *bounds)))
    shown = CosemDateTime.decode(answer.data[3].value).to_instant()
    assert shown is not None
    meter.clock_error = shown - meter.now
    return shown, int(answer.data[4].value)


def steady_meter(energy: int) -> Wire:
    """A meter that uses the same in every half-hour, has one rate and is billed on Mondays at 00:30."""
    meter = Wire(load=Steady(energy=energy), start=START)
    plain_tariff = PlainTariff([(1, 1, "all")], {"all": (1,) * 7}, {1: [(0, 1)]}, {1: 10_000}, standing=10_000)
    meter.ask(set_tariff(plain_tariff, AT_ONCE))
    return meter


STEPS = [-3 * HALF_HOUR - 7, -HALF_HOUR, -700, 700, HALF_HOUR, 5 * HALF_HOUR + 13]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("second", [600, 1500])
def test_a_clock_set_back_or_forward_loses_and_makes_no_energy(step: int, second: int) -> None:
    """The register follows true time; the profile sums up to it; each half-hour of the new time has an entry."""
    meter = steady_meter(1800)
    at = START + 9 * HOUR + second
    meter.run(at)
    meter.hub_says(at + step)
    assert set_clock(meter, at + step) == (at + step, 0)
    end = at + DAY
    meter.run(end)
    register = meter.value("ECS17b")[0][0]
    assert register == end - START  # one watt-hour a second
    stamps, amounts = zip(*meter.log("ECS22b"), strict=True)
    assert all(stamp % HALF_HOUR == 0 for stamp in stamps)
    open_since = (end + step) // HALF_HOUR * HALF_HOUR
    rest = min(end + step - open_since, register)
    assert sum(amounts) + rest == register
    own = at + step - (at + step) % HALF_HOUR + HALF_HOUR
    later = list(stamps[-46:])
    assert later == list(range(later[0], later[0] + 46 * HALF_HOUR, HALF_HOUR))
    assert own in stamps
    midnights = (end + step) // DAY - START // DAY
    assert meter.value("ECS82") == -(register * 10 + midnights * 10_000)


def test_a_midnight_that_comes_twice_is_charged_and_billed_once() -> None:
    """Set back over midnight; the day's charge, the bill and what was dated for midnight come once."""
    meter = steady_meter(1800)
    time, date = CosemTime(0, 0, 0, 0), CosemDate()
    meter.ask(dlms("ECS30a", array(structure(octet_string(time.encode()), octet_string(date.encode())))))
    midnight = START + DAY
    dear = PlainTariff([(1, 1, "all")], {"all": (1,) * 7}, {1: [(0, 1)]}, {1: 20_000}, standing=10_000)
    meter.ask(set_tariff(dear, octet_string(CosemDateTime.at(midnight).encode())))
    meter.run(midnight + 600)
    meter.hub_says(midnight - 900)
    set_clock(meter, midnight - 900)
    meter.run(midnight + 600 + HOUR)
    codes = [heard.code for heard in meter.alerts]
    assert (codes.count(0x8F0A), codes.count(0x8F66)) == (1, 6)
    used = meter.value("ECS17b")[0][0]
    assert used == DAY + 600 + HOUR
    assert meter.value("ECS82") == -(DAY * 10 + (600 + HOUR) * 20 + 10_000)


def test_a_midnight_that_is_skipped_is_not_missed() -> None:
    """Set forward over midnight: what was due then is done at once."""
    meter = steady_meter(1800)
    time, date = CosemTime(0, 0, 0, 0), CosemDate()
    meter.ask(dlms("ECS30a", array(structure(octet_string(time.encode()), octet_string(date.encode())))))
    midnight = START + DAY
    meter.run(midnight - 600)
    meter.hub_says(midnight + 900)
    set_clock(meter, midnight + 900)
    meter.run(midnight)
    assert [heard.code for heard in meter.alerts if heard.code == 0x8F0A] == [0x8F0A]
    assert meter.value("ECS82") == -(DAY * 10 + 10_000)


def test_a_clock_outside_the_interval_stays_and_is_told() -> None:
    """The hub's time must lie in the interval of the command; then dated work waits for a reliable clock."""
    meter = steady_meter(1800)
    meter.run(START + HOUR)
    meter.hub_says(START + HOUR + 600)
    assert set_clock(meter, START + HOUR) == (START + HOUR, 2)
    assert [heard.code for heard in meter.alerts] == [REFUSED]
    assert meter.alerts[-1].message.recipient == meter.head_end.identity(SUPPLIER)
    dear = PlainTariff([(1, 1, "all")], {"all": (1,) * 7}, {1: [(0, 1)]}, {1: 20_000}, standing=10_000)
    meter.ask(set_tariff(dear, octet_string(CosemDateTime.at(START + 2 * HOUR).encode())))
    meter.run(START + 3 * HOUR)
    assert meter.value("ECS82") == -3 * HOUR * 10
    assert set_clock(meter, START + 3 * HOUR + 600) == (START + 3 * HOUR + 600, 0)
    meter.run(START + 4 * HOUR)
    assert meter.value("ECS82") == -(3 * HOUR * 10 + HOUR * 20)
    log = meter.ask(dlms("ECS35a"))
    assert SET in [row[1] for row in log.data[0].value.rows]


@pytest.mark.parametrize(("difference", "told"), [(10, []), (-10, []), (11, [REFUSED]), (-11, [REFUSED])])
def test_the_daily_comparison_with_the_hub(difference: int, told: list[int]) -> None:
    """Ten seconds are taken over in silence, eleven are reported and left."""
    meter = steady_meter(1800)
    meter.hub_says(meter.now + difference)
    meter.run(START + DAY + HOUR)
    assert [heard.code for heard in meter.alerts if heard.code == REFUSED] == told
    answer = meter.ask(
        dlms("ECS70", structure(_PRESET, *[octet_string(CosemDateTime.at(0).encode())] * 2)), success=False
    )
    shown = CosemDateTime.decode(answer.data[3].value).to_instant()
    assert shown == meter.now + (0 if told else difference)
