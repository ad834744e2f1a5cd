"""Demand, voltage, load limit and token counters against looking at every second, or at every entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_emu.engines.demand import DemandPeriod, MaximumDemand
from firmware_emu.engines.load_limit import LimitDecision, LimitEvent, LimitSettings, LimitState, LoadLimit
from firmware_emu.engines.token_counters import KeypadLock, TokenCounters, TokenVerdict
from firmware_emu.engines.voltage import Average, Limit, Phase, PhaseState, Quality, VoltageEvent, VoltageSettings
from firmware_emu.state import decode_state, encode_state
from protocols.instant import DAY, HALF_HOUR, HOUR, instant

MIDNIGHT = instant(2027, 6, 7)


def held(changes: list[tuple[int, int]], first: int) -> Iterator[tuple[int, bool, int]]:
    """(second, is a change, value) for every second of (length, value) pieces."""
    now = first
    for length, value in changes:
        for second in range(length):
            yield now + second, second == 0, value
        now += length


# maximum demand


def test_the_highest_half_hour_stays_with_its_end() -> None:
    demand = MaximumDemand()
    demand.offer(MIDNIGHT, [100, 700, 300, 700])
    assert (demand.watts, demand.at) == (1400, MIDNIGHT + HOUR)
    demand.offer(MIDNIGHT + 2 * HOUR, [700])
    assert demand.at == MIDNIGHT + HOUR
    demand.offer(MIDNIGHT + 3 * HOUR, [701])
    assert demand == MaximumDemand(1402, MIDNIGHT + 3 * HOUR + HALF_HOUR)
    demand.reset(MIDNIGHT + DAY)
    assert demand == MaximumDemand(0, None, MIDNIGHT + DAY)
    demand.offer(MIDNIGHT + DAY, [0, 0])
    assert demand.at is None


@given(st.integers(0, DAY), st.integers(0, DAY), st.lists(st.integers(0, 50), max_size=120))
def test_only_blocks_inside_the_window_count(begin: int, end: int, amounts: list[int]) -> None:
    demand = MaximumDemand()
    DemandPeriod(begin % DAY, end % DAY).offer(demand, MIDNIGHT, amounts)
    begin, end = begin % DAY, end % DAY
    best, at = 0, None
    for place, amount in enumerate(amounts):
        first = place * HALF_HOUR % DAY
        minutes = range(first, first + HALF_HOUR, 60)
        inside = begin == end or all(
            (begin <= second % DAY and second + 60 <= end) or (end < begin and (begin <= second or second + 60 <= end))
            for second in minutes
        )
        if begin == end:
            inside = first >= begin or first + HALF_HOUR <= begin
        if inside and amount * 2 > best:
            best, at = amount * 2, MIDNIGHT + (place + 1) * HALF_HOUR
    if begin % 60 == end % 60 == 0:
        assert (demand.watts, demand.at) == (best, at)
    assert decode_state(MaximumDemand, "d", encode_state(demand)) == demand


def test_a_window_that_ends_inside_a_block_leaves_it_out() -> None:
    window = DemandPeriod(16 * HOUR, 19 * HOUR - 1)
    held = [window.holds(MIDNIGHT + place * HALF_HOUR) for place in range(48)]
    assert held == [32 <= place < 37 for place in range(48)]


# load limit


def plain_limit(changes: list[tuple[int, int]], settings: LimitSettings) -> tuple[list[tuple[int, int]], int]:
    """Second by second. Power of an interrupted supply is 0 until a change after it is restored."""
    events, counter, above, restore, reported = [], 0, 0, None, False
    watts = 0
    assert settings.threshold is not None
    for at, changed, value in held(changes, MIDNIGHT):
        if restore is not None and at >= restore:
            events.append((at, 0x8F34))
            restore = None
        if above >= settings.period and not reported:  # so many whole seconds
            reported, counter = True, counter + 1
            events.append((at, 0x8F01))
            if settings.interrupts:
                events.append((at, 0x8F33))
                watts, restore = 0, at + settings.restoration
        if changed:
            watts = value if restore is None else 0
        above = above + 1 if watts > settings.threshold else 0
        reported = reported and above > 0
    return events, counter


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 300), st.integers(0, 10)), min_size=1, max_size=20),
    st.integers(1, 200),
    st.integers(1, 200),
    st.booleans(),
)
def test_load_limit_second_by_second(
    changes: list[tuple[int, int]], period: int, restoration: int, interrupts: bool
) -> None:
    setting = LimitSettings(5, period, restoration, interrupts)
    limit = LoadLimit(LimitState(), setting)
    events: list[LimitEvent] = []
    now = MIDNIGHT
    for length, watts in changes:
        events += limit.advance(now)
        events += limit.observe(now, watts if limit.state.restore_at is None else 0)
        now += length
    events += limit.advance(now - 1)
    expected, counter = plain_limit(changes, setting)
    assert [event[:2] for event in events] == expected
    assert limit.state.counter == counter
    assert decode_state(LimitState, "l", encode_state(limit.state)) == limit.state


def test_load_limit_interrupts_and_restores() -> None:
    limit = LoadLimit(LimitState(), LimitSettings(6900, 300, 30, True))
    assert limit.observe(MIDNIGHT, 7000) == []
    assert limit.due == MIDNIGHT + 300
    assert limit.advance(MIDNIGHT + 299) == []
    assert limit.advance(MIDNIGHT + 310) == [
        LimitEvent(MIDNIGHT + 300, 0x8F01),
        LimitEvent(MIDNIGHT + 300, 0x8F33, LimitDecision.INTERRUPT),
    ]
    assert limit.advance(MIDNIGHT + 330) == [LimitEvent(MIDNIGHT + 330, 0x8F34, LimitDecision.RESTORE)]
    assert limit.advance(MIDNIGHT + HOUR) == [], "nothing flows until power is seen again"
    assert limit.observe(MIDNIGHT + HOUR, 7000) == []
    assert [event.at for event in limit.advance(MIDNIGHT + HOUR + 310)] == [MIDNIGHT + HOUR + 300] * 2
    limit.advance(MIDNIGHT + 2 * HOUR)
    counted = limit.state.counter
    limit.reset_counter()
    assert [counted, limit.state.counter] == [2, 0]
    assert limit.due is None


def test_without_a_threshold_there_is_no_limit() -> None:
    limit = LoadLimit(LimitState(), LimitSettings())
    limit.observe(MIDNIGHT, 100_000)
    assert limit.due is None
    limit.set(MIDNIGHT + 5, LimitSettings(1000, 10))
    assert limit.advance(MIDNIGHT + 15) == [LimitEvent(MIDNIGHT + 15, 0x8F01)], "counted from the new settings"
    limit.set(MIDNIGHT + 20, LimitSettings(1000, 0, 60, True))
    assert limit.state.restore_at == MIDNIGHT + 80
    limit.supply_changed()
    assert limit.advance(MIDNIGHT + 100) == []


# voltage

VOLTS = VoltageSettings(600, 253, 216, Limit(287, 30), Limit(262, 60), Limit(180, 30), Limit(200, 45))


def plain_voltage(changes: list[tuple[int, int]], number: int) -> tuple[list[tuple[int, int]], list[Average]]:
    """Second by second: one at a time, each condition with its own clock."""
    limits: dict[int, tuple[Callable[[int], bool], int]] = {
        0x8020: (lambda v: v > 287, 30), 0x8024: (lambda v: v > 262, 60),
        0x8028: (lambda v: v < 180, 30), 0x802C: (lambda v: v < 200, 45),
    }  # fmt: skip
    ended = {0x8020: 0x808D, 0x8024: 0x8091, 0x8028: 0x8095, 0x802C: 0x8099, 0x8002: 0x8085, 0x8006: 0x8089}
    events: list[tuple[int, int]] = []
    averages: list[Average] = []
    since: dict[int, int | None] = dict.fromkeys(limits)
    active: set[int] = set()
    window: list[int] = []

    def change(at: int, code: int, on: bool) -> None:
        if on != (code in active):
            active.symmetric_difference_update({code})
            events.append((at, (code if on else ended[code]) + number))

    last = None
    for at, _changed, volts in held(changes, MIDNIGHT + 100):
        if last is not None and at % 600 == 0:
            mean = int(sum(window) / len(window) + 0.5)
            averages.append(Average(at, mean))
            change(at, 0x8002, mean > 253)
            change(at, 0x8006, mean < 216)
            window.clear()
        for code, (passed, period) in limits.items():
            begun = since[code]
            if begun is not None and at - begun >= period:
                change(at, code, True)
            if not passed(volts):
                since[code] = None
                change(at, code, False)
            elif begun is None:
                since[code] = at
        window.append(volts)
        last = at
    return events, averages


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from((1, 10, 29, 30, 31, 44, 45, 60, 200, 600, 1500, 4000)),
            st.sampled_from((0, 179, 190, 210, 215, 216, 240, 253, 254, 270, 290)),
        ),
        min_size=1,
        max_size=15,
    ),
    st.integers(0, 3),
    st.booleans(),
)
def test_voltage_second_by_second(changes: list[tuple[int, int]], number: int, restarted: bool) -> None:
    phase = Phase(PhaseState(), VOLTS, number)
    events: list[VoltageEvent] = []
    averages: list[Average] = []
    now = MIDNIGHT + 100
    for length, volts in changes:
        for outcome in (phase.observe(now, volts), phase.advance(now + length // 2)):
            events += outcome.events
            averages += outcome.averages
        if restarted:
            phase = Phase(decode_state(PhaseState, "v", encode_state(phase.state)), VOLTS, number)
        now += length
    outcome = phase.advance(now - 1)
    expected, expected_averages = plain_voltage(changes, number)
    events += outcome.events
    assert sorted(event[:2] for event in events) == sorted(expected)
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert averages + outcome.averages == expected_averages


def test_a_steady_year_is_short_and_keeps_the_newest_averages() -> None:
    phase = Phase(PhaseState(), VOLTS)
    phase.observe(MIDNIGHT, 260)
    outcome = phase.advance(MIDNIGHT + 365 * DAY + 7, keep=100)
    assert outcome.events == [VoltageEvent(MIDNIGHT + 600, 0x8002, 260)]
    assert outcome.averages[-100:] == [Average(MIDNIGHT + 365 * DAY - 600 * n, 260) for n in range(99, -1, -1)]
    assert len(outcome.averages) <= 102
    assert phase.state.over_counter == 1
    assert phase.due == MIDNIGHT + 365 * DAY + 600


def test_no_averages_without_a_period() -> None:
    phase = Phase(PhaseState(), VoltageSettings(0, 253))
    phase.observe(MIDNIGHT, 260)
    assert phase.advance(MIDNIGHT + DAY) == ([], [])


def test_counters_count_crossings_of_the_average() -> None:
    phase = Phase(PhaseState(), VOLTS, 2)
    codes = []
    for number, volts in enumerate((254, 254, 240, 200, 255)):
        codes += [event.code for event in phase.observe(MIDNIGHT + 600 * number, volts).events]
    codes += [event.code for event in phase.advance(MIDNIGHT + 3000).events]
    assert codes == [0x8004, 0x8087, 0x8008, 0x808B, 0x8004]
    assert (phase.state.over_counter, phase.state.under_counter) == (2, 1)
    assert Quality.AVERAGE_OVER + 2 == 0x8004


# tokens


def test_used_tokens_are_known_in_any_order() -> None:
    tokens = TokenCounters(floor=10)
    assert tokens.highest == 10
    for counter in (15, 12, 400):
        assert tokens.judge(counter) is TokenVerdict.NEW
        tokens.use(counter)
    assert [tokens.judge(counter) for counter in (12, 15, 400)] == [TokenVerdict.DUPLICATE] * 3
    assert tokens.judge(10) is TokenVerdict.TOO_OLD
    assert tokens.judge(13) is TokenVerdict.NEW, "out of order, but not used"
    assert tokens.judge(13, highest_only=True) is TokenVerdict.DUPLICATE, "the planned defect"
    assert tokens.highest == 400


@given(st.lists(st.integers(0, 300), max_size=400))
def test_no_token_is_ever_used_twice(counters: list[int]) -> None:
    tokens, used = TokenCounters(), set()
    for counter in counters:
        if tokens.judge(counter) is TokenVerdict.NEW:
            assert counter not in used
            used.add(counter)
            tokens.use(counter)
            assert tokens.judge(counter) is TokenVerdict.DUPLICATE
        else:
            assert counter in used or len(used) >= 100
        assert len(tokens.used) <= 100
    assert decode_state(TokenCounters, "t", encode_state(tokens)) == tokens


def test_a_floor_forgets_the_former_supplier() -> None:
    tokens = TokenCounters()
    tokens.use(5000)
    tokens.set_floor(7)
    assert [tokens.judge(counter) for counter in (7, 8)] == [TokenVerdict.TOO_OLD, TokenVerdict.NEW]
    assert tokens.highest == 7


def test_a_floor_under_the_same_key_forgets_nothing_that_was_used() -> None:
    tokens = TokenCounters(floor=3)
    for counter in (5, 9, 12):
        tokens.use(counter)
    tokens.raise_floor(8)
    assert tokens.used == [9, 12]
    tokens.raise_floor(1)
    judged = [tokens.judge(counter) for counter in (2, 8, 9, 10, 12, 13)]
    old, new, used = TokenVerdict.TOO_OLD, TokenVerdict.NEW, TokenVerdict.DUPLICATE
    assert judged == [old, old, used, new, used, new]


def test_a_full_cache_remembers_what_it_has_lost_when_the_floor_rises() -> None:
    tokens = TokenCounters()
    for counter in range(50, 250):
        tokens.use(counter)
    tokens.raise_floor(200)
    assert {tokens.judge(counter) for counter in range(40, 200)} == {TokenVerdict.TOO_OLD}
    full = TokenCounters(used=list(range(150, 250)))
    full.raise_floor(10)
    assert full.judge(120) is TokenVerdict.TOO_OLD


def test_five_wrong_tokens_in_ten_minutes_lock_the_keypad_for_an_hour() -> None:
    lock = KeypadLock()
    assert [lock.failed(MIDNIGHT + second) for second in (0, 1, 2, 3, 601)] == [False] * 5, "the first ones are old"
    assert lock.failed(MIDNIGHT + 602) is False
    assert [lock.failed(MIDNIGHT + 650 + n) for n in range(3)] == [False, False, True]
    assert lock.is_locked(MIDNIGHT + 652 + HOUR - 1)
    assert not lock.is_locked(MIDNIGHT + 652 + HOUR)
    lock.failed(MIDNIGHT + 2 * HOUR)
    lock.succeeded()
    assert lock.failures == []
