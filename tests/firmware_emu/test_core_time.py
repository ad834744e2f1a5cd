"""Time passes: in order, across restarts, clock steps and drift; dated work is done once, at its time."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_emu import NEVER, CorruptRecord, Device, MemoryNvm, Part, Personality, PowerCut
from firmware_emu.clock import Clock, ClockSettings, ClockState, ClockStatus
from firmware_emu.cosem import attribute, expect
from firmware_emu.defects import CANCEL_MEANS_NOW
from firmware_emu.refusals import AccessFailed
from protocols.dlms.access import AccessRequest, AccessResponse, access_request, set_to
from protocols.dlms.cosem_time import NEVER as DATE_NEVER
from protocols.dlms.cosem_time import NOW as DATE_NOW
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, DataType, boolean, octet_string, uint32
from protocols.dlms.obis import obis
from protocols.errors import LocalProtocolError
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.instant import DAY, HALF_HOUR, Instant

from .tiny import OPEN_SWITCH, START, Rig, messages, set_clock


@dataclass(slots=True)
class Diary:
    entries: list[Instant] = field(default_factory=list)
    outages: list[tuple[Instant, Instant]] = field(default_factory=list)


class Every(Part):
    """Writes down every multiple of ``period``."""

    State = Diary
    state: Diary

    def __init__(self, name: str, period: int, shared: list[tuple[str, Instant]]) -> None:
        super().__init__()
        self.name, self.period, self.shared = name, period, shared  # type: ignore[misc]  # a name for each instance

    def started(self) -> None:
        self.due = (self.device.last_ran // self.period + 1) * self.period

    def advance(self, at: Instant) -> None:
        self.state.entries.append(at)
        self.shared.append((self.name, at))
        assert self.device.now == at
        self.touch()
        self.due = at + self.period

    def power_restored(self, lost: Instant, at: Instant) -> None:
        self.state.outages.append((lost, at))
        self.touch()


class Batch(Every):
    """The same, but goes on by itself as far as it may."""

    def advance(self, at: Instant) -> None:
        while at <= self.device.horizon:
            self.device.now = at
            super().advance(at)
            at += self.period


def rig_with(*parts: Part) -> Rig:
    return Rig(parts=parts)


@pytest.mark.parametrize("kind", [Every, Batch])
def test_parts_run_in_time_order_and_in_the_order_of_the_list(kind: type[Every]) -> None:
    shared: list[tuple[str, Instant]] = []
    rig = rig_with(kind("half hour", HALF_HOUR, shared), Every("hour", 3600, shared), kind("day", DAY, shared))
    rig.meter.advance(START + 3 * DAY)
    order = {"half hour": 0, "hour": 1, "day": 2}
    assert len(shared) == 144 + 72 + 3
    assert shared == sorted(shared, key=lambda entry: (entry[1], order[entry[0]]))


def test_time_may_pass_in_steps_of_any_size() -> None:
    diaries = []
    for steps in ([3 * DAY], [HALF_HOUR] * 144, [1, DAY - 1, 77, 2 * DAY - 77]):
        shared: list[tuple[str, Instant]] = []
        rig = rig_with(Batch("half hour", HALF_HOUR, shared), Every("day", DAY, shared))
        now = START
        for step in steps:
            now += step
            rig.meter.advance(now)
        diaries.append(shared)
    assert diaries[0] == diaries[1] == diaries[2]


def test_the_next_wake_is_the_earliest_due_time() -> None:
    rig = rig_with(Every("half hour", HALF_HOUR, []))
    assert rig.meter.next_wake() == START + HALF_HOUR
    rig.meter.power_off(START)
    assert rig.meter.next_wake() is None


def test_what_was_missed_in_an_outage_is_made_up_in_order() -> None:
    part = Every("day", DAY, [])
    rig = rig_with(part)
    rig.meter.power_off(START + 5)
    assert rig.meter.advance(START + 100) == []
    assert rig.send(rig.build("ECS43", OPEN_SWITCH)) == []
    rig.meter.power_on(START + 2 * DAY + 5)
    midnight = START + DAY // 2
    assert part.state.entries == [midnight, midnight + DAY]
    assert part.state.outages == [(START + 5, START + 2 * DAY + 5)]


def test_a_killed_device_knows_to_the_minute_when_it_last_ran() -> None:
    rig = rig_with(Every("day", DAY, []))
    rig.meter.advance(START + 3599)
    assert isinstance(rig.nvm, MemoryNvm)
    part = Every("day", DAY, [])
    rig.nvm, rig.parts, rig.now = MemoryNvm(rig.nvm.medium), [part], START + DAY
    rig.start()
    ((lost, back),) = part.state.outages
    assert (back, START + 3599 - lost < 60) == (START + DAY, True)


def test_time_does_not_go_back_and_power_is_not_switched_twice() -> None:
    rig = Rig()
    with pytest.raises(LocalProtocolError, match="back"):
        rig.meter.advance(START - 1)
    with pytest.raises(LocalProtocolError, match="on already"):
        rig.meter.power_on(START)
    rig.meter.power_off(START)
    with pytest.raises(LocalProtocolError, match="off already"):
        rig.meter.power_off(START)


def test_two_parts_of_one_name_are_our_own_fault() -> None:
    with pytest.raises(LocalProtocolError, match="'day'"):
        rig_with(Every("day", DAY, []), Every("day", DAY, []))


def test_a_corrupt_record_is_named() -> None:
    rig = Rig()
    rig.nvm.put("part/load switch", b'{"state":"open"}')
    rig.nvm.commit()
    rig.meter.power_off(START)
    with pytest.raises(CorruptRecord, match="part/load switch"):
        rig.meter.power_on(START)


# the clock


@given(st.integers(-500, 500), st.integers(-(10**6), 10**6), st.integers(0, 10**8))
def test_true_time_is_the_first_that_shows_the_local_time(drift: int, offset: int, later: int) -> None:
    clock = Clock(ClockSettings(drift=drift))
    clock.state = ClockState(offset, START)
    local = START + later
    assert clock.local(clock.true(local)) >= local
    assert clock.local(clock.true(local) - 1) < local


def test_a_drifting_clock_corrects_itself_every_day_without_a_word() -> None:
    rig = Rig(Personality(clock=ClockSettings(drift=50)))
    for day in range(1, 30):
        rig.meter.advance(START + day * DAY)
        assert abs(rig.meter.now - (START + day * DAY)) <= 5
    assert rig.meter.logs.security() == []
    assert rig.meter.clock.status is ClockStatus.RELIABLE


@pytest.mark.parametrize(("difference", "reported"), [(10, False), (11, True), (-11, True)])
def test_a_difference_of_more_than_ten_seconds_is_reported_and_left(difference: int, reported: bool) -> None:
    rig = Rig()
    rig.meter.hear_hub_time(START + difference, True, START)
    outputs = rig.meter.advance(START + DAY)
    assert [entry.code for entry in rig.meter.logs.security()] == [0x8F0C] * reported
    assert len(messages(outputs)) == reported
    assert rig.meter.now - (START + DAY) == (0 if reported else difference)
    assert rig.meter.clock.status is (ClockStatus.UNRELIABLE if reported else ClockStatus.RELIABLE)


def test_without_the_hub_the_clock_is_unreliable_after_a_day() -> None:
    rig = Rig()
    rig.meter.hear_hub_time(None, False, START)
    rig.meter.advance(START + DAY)
    assert rig.meter.clock.status is ClockStatus.UNRELIABLE


def test_a_clock_set_back_runs_nothing_twice_and_forward_skips_nothing() -> None:
    for step in (-3600, 3600):
        part = Every("half hour", HALF_HOUR, [])
        rig = rig_with(part)
        rig.now = START + 2 * 3600
        rig.meter.hear_hub_time(rig.now + step, True, rig.now)
        rig.ask("ECS70", set_clock(START, START + DAY))
        rig.meter.advance(rig.now + 4 * 3600)
        assert part.state.entries == [START + HALF_HOUR * n for n in range(1, 1 + 12 + step // 1800)]


def test_a_clock_that_was_set_keeps_its_time_across_a_restart() -> None:
    rig = Rig()
    rig.meter.hear_hub_time(START + 300, True, START)
    rig.ask("ECS70", set_clock(START, START + DAY))
    rig.meter.power_off(START + 10)
    rig.meter.power_on(START + 20)
    assert rig.meter.now == START + 320


# dated work

LIMIT = attribute(9000, "0-0:94.44.0.3", 4)
LIMIT_AT = attribute(9000, "0-0:94.44.0.3", 6)


@dataclass(slots=True)
class LimitState:
    value: bool = True


class LoadLimit(Part):
    """One value with a passive twin."""

    name = "load limit"
    State = LimitState
    state: LimitState

    def __init__(self) -> None:
        super().__init__()
        self.applied: list[Instant] = []
        self.broken = False

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.passive.serve(LIMIT_AT, [LIMIT], lambda values: self._apply(values[LIMIT]), self._check)
        for name in ("128.6", "128.7", "128.8"):
            write, at = (attribute(9000, f"0-0:94.44.{name}", number) for number in (4, 6))
            device.passive.serve(at, [write], lambda _values: None)

    @staticmethod
    def _check(_write: object, value: Data) -> None:
        expect(value, DataType.BOOLEAN)

    def _apply(self, value: Data) -> None:
        if self.broken:
            raise AccessFailed
        self.state.value = bool(value.value)
        self.applied.append(self.device.now)
        self.touch()


def limit_command(
    value: bool, at: Instant | CosemDateTime, others: Instant | CosemDateTime | None = None
) -> AccessRequest:
    moments = [octet_string((CosemDateTime.at(t) if isinstance(t, int) else t).encode()) for t in (at, others or at)]
    names = [obis(f"0-0:94.44.{name}") for name in ("0.3", "128.7", "128.6", "128.8")]
    values = [boolean(value), uint32(1), uint32(2), uint32(3)]
    return access_request(
        0,
        *(set_to(9000, name, 4, each) for name, each in zip(names, values, strict=True)),
        *(set_to(9000, name, 6, moments[min(n, 1)]) for n, name in enumerate(names)),
    )


def codes(response: Message) -> list[int]:
    payload = decode_payload(response)
    assert isinstance(payload, AccessResponse)
    return [result.code for result in payload.results]


def limited() -> tuple[Rig, LoadLimit]:
    part = LoadLimit()
    return rig_with(part), part


def test_now_is_done_in_the_command_without_an_alert() -> None:
    rig, part = limited()
    assert codes(rig.ask("ECS28a", limit_command(False, DATE_NOW))) == [0] * 8
    assert (part.state.value, part.applied) == (False, [START])


def test_a_date_in_the_past_is_now() -> None:
    rig, part = limited()
    rig.ask("ECS28a", limit_command(False, START - 1))
    assert part.applied == [START]


def test_a_dated_value_is_put_into_force_at_its_time_and_each_instruction_reported() -> None:
    rig, part = limited()
    response = rig.ask("ECS28a", limit_command(False, START + 7 * DAY))
    assert codes(response) == [0] * 8
    assert rig.meter.advance(START + 7 * DAY - 1) == []
    assert part.state.value is True
    alerts = messages(rig.meter.advance(START + 7 * DAY + 50))
    assert (part.state.value, part.applied) == (False, [START + 7 * DAY])
    assert [alert.message_code for alert in alerts] == [0x00CC] * 4
    bodies = [decode_payload(alert).body.value for alert in alerts]  # type: ignore[union-attr]  # all are notifications
    assert {body[0].value for body in bodies} == {0x8F66}
    assert {body[1].value for body in bodies} == {CosemDateTime.at(START + 7 * DAY).encode()}
    counter = response.counter.to_bytes(8, "big").hex()
    assert bodies[0][2].value.hex() in {
        f"0043{counter}2328{obis(f'0-0:94.44.{name}').hex()}06" for name in ("0.3", "128.6", "128.7", "128.8")
    }
    assert len({body[2].value for body in bodies}) == 4


def test_dated_work_survives_an_outage_and_is_done_when_power_returns() -> None:
    rig, _ = limited()
    rig.ask("ECS28a", limit_command(False, START + DAY))
    rig.meter.power_off(START + 10)
    assert isinstance(rig.nvm, MemoryNvm)
    part = LoadLimit()
    rig.nvm, rig.parts, rig.now = MemoryNvm(rig.nvm.medium), [part], START + 2 * DAY
    assert [m.message_code for m in messages(rig.start())] == [0x00CC] * 4
    assert (part.state.value, part.applied) == (False, [START + DAY])


def test_cancelling_drops_what_is_pending_without_an_alert() -> None:
    rig, part = limited()
    rig.ask("ECS28a", limit_command(False, START + DAY))
    assert codes(rig.ask("ECS28a", limit_command(False, DATE_NEVER))) == [0] * 8
    assert messages(rig.meter.advance(START + 2 * DAY)) == []
    assert part.applied == []


def test_a_later_command_replaces_what_is_pending() -> None:
    rig, part = limited()
    rig.ask("ECS28a", limit_command(False, START + DAY))
    rig.ask("ECS28a", limit_command(True, START + 2 * DAY))
    rig.meter.advance(START + 3 * DAY)
    assert (part.state.value, part.applied) == (True, [START + 2 * DAY])


def test_times_that_disagree_refuse_the_whole_command() -> None:
    rig, part = limited()
    assert codes(rig.ask("ECS28a", limit_command(False, DATE_NOW, START + DAY))) == [250] * 8
    assert part.applied == []


def test_what_cannot_be_done_at_its_time_is_reported_so() -> None:
    rig, part = limited()
    rig.ask("ECS28a", limit_command(False, START + DAY))
    part.broken = True
    alerts = messages(rig.meter.advance(START + DAY))
    bodies = [decode_payload(alert).body.value for alert in alerts]  # type: ignore[union-attr]  # all are notifications
    assert sorted(body[0].value for body in bodies) == [0x8F66] * 3 + [0x8F67]


def test_a_value_of_the_wrong_type_is_refused_when_written() -> None:
    rig, part = limited()
    request = limit_command(False, DATE_NOW)
    wrong = AccessRequest(0, request.specifications, (uint32(1), *request.data[1:]))
    assert codes(rig.ask("ECS28a", wrong)) == [250] * 8
    assert part.applied == []


def test_dated_work_waits_while_the_clock_is_not_reliable() -> None:
    rig, part = limited()
    rig.ask("ECS28a", limit_command(False, START + DAY // 2))
    rig.meter.clock.set_status(ClockStatus.UNRELIABLE)
    rig.meter.advance(START + DAY - 1)
    assert part.applied == []
    rig.meter.advance(START + DAY)  # the daily comparison finds the clock right
    assert part.applied == [START + DAY // 2]


def test_a_defect_takes_cancel_for_now() -> None:
    for defects in (frozenset[str](), frozenset({CANCEL_MEANS_NOW})):
        part = LoadLimit()
        rig = Rig(Personality(defects=defects), parts=[part])
        rig.ask("ECS28a", limit_command(False, DATE_NEVER))
        assert bool(part.applied) == bool(defects)


# power cuts


def scenario(rig: Rig, part: LoadLimit) -> list[tuple[object, ...]]:
    """A few days with commands and dated work; gives the committed states that a cut may leave."""
    states = []
    for step in (
        lambda: rig.ask("ECS43", OPEN_SWITCH),
        lambda: rig.ask("ECS28a", limit_command(False, START + DAY)),
        lambda: rig.meter.receive(b"\x00", rig.now),
        lambda: rig.meter.advance(START + 2 * DAY),
    ):
        step()
        states.append(fingerprint(rig, part))
    return states


def fingerprint(rig: Rig, part: LoadLimit) -> tuple[object, ...]:
    device = rig.meter
    switch = device.part("load switch").state
    return switch.state, part.state.value, len(device.future.state.pending), len(device.logs.security())


def test_a_cut_before_any_write_leaves_a_device_that_starts_with_all_committed_data() -> None:
    rig, part = limited()
    rig.meter.commit()
    assert isinstance(rig.nvm, MemoryNvm)
    first = rig.nvm.medium.writes
    states = [fingerprint(rig, part), *scenario(rig, part)]
    assert rig.meter.unsaved() == []
    total = rig.nvm.medium.writes - first
    assert total > 40
    reached = set()
    for nth in range(1, total + 1):
        rig, part = limited()
        assert isinstance(rig.nvm, MemoryNvm)
        rig.nvm.medium.cut_power_before(nth)
        with pytest.raises(PowerCut):
            scenario(rig, part)
        rig.nvm, part = MemoryNvm(rig.nvm.medium), LoadLimit()
        rig.parts = [part]
        rig.start()
        assert fingerprint(rig, part) in states, nth
        reached.add(states.index(fingerprint(rig, part)))
        rig.send(rig.build("ECS43", OPEN_SWITCH, counter=10**6))  # it lives
    assert reached == set(range(5))


@given(st.integers(1, 120), st.lists(st.integers(1, DAY), min_size=1, max_size=12))
def test_after_a_cut_nothing_periodic_is_missing_or_double(nth: int, steps: list[int]) -> None:
    parts = [Every("half hour", HALF_HOUR, []), Every("day", DAY, [])]
    rig = rig_with(*parts)
    assert isinstance(rig.nvm, MemoryNvm)
    rig.nvm.medium.cut_power_before(nth)
    try:
        for step in steps:
            rig.now += step
            rig.meter.advance(rig.now)
    except PowerCut:
        parts = [Every("half hour", HALF_HOUR, []), Every("day", DAY, [])]
        rig.nvm, rig.parts = MemoryNvm(rig.nvm.medium), parts
        rig.start()
    for part in parts:
        assert part.state.entries == list(range((START // part.period + 1) * part.period, rig.now + 1, part.period))


def test_a_counter_is_stored_before_the_command_is_carried_out() -> None:
    rig = Rig()
    command = rig.build("ECS43", OPEN_SWITCH)
    assert isinstance(rig.nvm, MemoryNvm)
    rig.nvm.medium.cut_power_before(5)  # the counter is committed by then, the switch is not
    with pytest.raises(PowerCut):
        rig.send(command)
    rig.nvm = MemoryNvm(rig.nvm.medium)
    rig.start()
    assert rig.meter.part("load switch").state.state == 1
    assert [m for m in messages(rig.send(command)) if m.cra is Cra.RESPONSE] == []


def test_nothing_waits_for_ever() -> None:
    assert Rig().meter.clock.due < NEVER
