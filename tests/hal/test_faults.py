"""Planned faults follow from the seed alone."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal import (
    ChannelTimeout,
    Direction,
    FaultKind,
    FaultPlan,
    Faults,
    FaultyByteChannel,
    FaultyFrameChannel,
    TransientChannelError,
    WrapperChannel,
    memory_pair,
)

from .test_channels import run
from .wires import PATIENCE

DATA = bytes(range(256)) * 4
ALL = Faults(loss=0.1, duplication=0.1, corruption=0.1)


def planned(faults: Faults, seed: int) -> FaultPlan:
    return FaultPlan(faults, Random(seed))


async def spoiled(faults: Faults, seed: int, chunks: list[bytes]) -> tuple[bytes, FaultPlan]:
    near, far = memory_pair()
    plan = planned(faults, seed)
    channel = FaultyByteChannel(near, plan)
    for chunk in chunks:
        await channel.write(chunk)
    await near.close()
    octets = b""
    while far._incoming.buffer:
        octets += await far.read()
    return octets, plan


def test_without_faults_everything_passes() -> None:
    octets, plan = asyncio.run(spoiled(Faults(), 1, [DATA]))
    assert octets == DATA
    assert plan.happened == []


@given(st.lists(st.integers(0, len(DATA)), max_size=5))
def test_the_same_seed_gives_the_same_faults_however_the_octets_are_chunked(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(DATA)]
    chunks = [DATA[start:stop] for start, stop in pairwise(edges)]
    whole, plan = asyncio.run(spoiled(ALL, 7, [DATA]))
    pieces, other = asyncio.run(spoiled(ALL, 7, chunks))
    assert pieces == whole != DATA
    assert other.happened == plan.happened
    assert {event.kind for event in plan.happened} == {FaultKind.LOSS, FaultKind.DUPLICATION, FaultKind.CORRUPTION}


def test_another_seed_gives_other_faults() -> None:
    assert asyncio.run(spoiled(ALL, 7, [DATA]))[0] != asyncio.run(spoiled(ALL, 8, [DATA]))[0]


def test_each_fault_does_what_its_name_says() -> None:
    def passed(faults: Faults) -> list[bytes]:
        return planned(faults, 3).passing(Direction.SENT, b"\x00\x00").copies

    assert passed(Faults(loss=1)) == []
    assert passed(Faults(duplication=1)) == [b"\x00\x00"] * 2
    assert sum(octet.bit_count() for octet in passed(Faults(corruption=1))[0]) == 1
    plan = planned(Faults(delay=1, delay_seconds=2.5), 3)
    assert plan.passing(Direction.SENT, b"x").delay == 2.5
    assert plan.passing_octets(Direction.SENT, b"xx").delay == 5
    assert [event.kind for event in plan.happened] == [FaultKind.DELAY] * 3


def test_a_probability_is_from_0_to_1() -> None:
    with pytest.raises(ValueError, match="loss is a probability"):
        Faults(loss=2)


def test_frames_are_lost_and_doubled_both_ways() -> None:
    async def test() -> None:
        near, far = memory_pair()
        device = WrapperChannel(far)
        doubling = FaultyFrameChannel(WrapperChannel(near), planned(Faults(duplication=1), 1))
        await doubling.send(b"a", 1, 2)
        assert [(await device.receive(PATIENCE)).payload for _ in range(2)] == [b"a", b"a"]
        await device.send(b"b")
        assert [(await doubling.receive(PATIENCE)).payload for _ in range(2)] == [b"b", b"b"]
        losing = FaultyFrameChannel(WrapperChannel(near), planned(Faults(loss=1), 1))
        await device.send(b"c")
        with pytest.raises(ChannelTimeout):
            await losing.receive(0.001)
        await losing.send(b"d")
        with pytest.raises(ChannelTimeout):
            await device.receive(0)

    run(test())


def test_lost_octets_are_waited_past() -> None:
    async def test() -> None:
        near, far = memory_pair()
        channel = FaultyByteChannel(near, planned(Faults(loss=0.5), 5))
        await far.write(DATA)
        octets = await channel.read()
        assert 0 < len(octets) < len(DATA)

    run(test())


def test_unplugged_after_so_many_frames_until_replugged() -> None:
    async def test() -> None:
        near, far = memory_pair()
        device = WrapperChannel(far)
        plan = planned(Faults(unplug_after=2), 1)
        channel = FaultyFrameChannel(WrapperChannel(near), plan)
        await channel.send(b"1")
        await channel.send(b"2")
        with pytest.raises(TransientChannelError, match="unplugged"):
            await channel.send(b"3")
        with pytest.raises(TransientChannelError, match="unplugged"):
            await channel.receive(PATIENCE)
        assert plan.unplugged
        plan.replug()
        await channel.send(b"4")
        assert [(await device.receive(PATIENCE)).payload for _ in range(3)] == [b"1", b"2", b"4"]
        assert [event.kind for event in plan.happened] == [FaultKind.UNPLUG]
        plan.unplug()
        with pytest.raises(TransientChannelError):
            await channel.send(b"5")
        await channel.close()

    run(test())


def test_a_delay_takes_its_time_before_the_frame_passes() -> None:
    async def test() -> None:
        near, far = memory_pair()
        plan = planned(Faults(delay=1, delay_seconds=1e-6), 1)
        channel = FaultyByteChannel(near, plan)
        await channel.write(b"x")
        assert await far.read() == b"x"
        assert [event.kind for event in plan.happened] == [FaultKind.DELAY]

    run(test())
