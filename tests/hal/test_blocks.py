"""Messages longer than a unit of the wire, to a device and back."""

from __future__ import annotations

import asyncio

import pytest

from hal import BlockChannel, ChannelTimeout, WrapperChannel, memory_pair
from hal.frame import Frame
from protocols.dlms.block_link import LONGEST_UNIT
from protocols.errors import EncodeError

from .wires import PATIENCE


class CountedChannel(WrapperChannel):
    """Remembers the lengths of the units that were sent; loses those numbered in ``lost``."""

    def __init__(self, *args: object, lost: tuple[int, ...] = ()) -> None:
        super().__init__(*args)  # type: ignore[arg-type]  # handed through
        self.lengths: list[int] = []
        self._lost = lost

    async def send(self, payload: bytes, source: int = 1, destination: int = 1) -> None:
        self.lengths.append(len(payload))
        if len(self.lengths) not in self._lost:
            await super().send(payload, source, destination)


async def exchange(message: bytes, lost: tuple[int, ...] = ()) -> tuple[bytes, list[int]]:
    """Send there and echo back; what came back, and the lengths of the units sent."""
    near, far = memory_pair()
    units = CountedChannel(near, lost=lost)
    one, other = BlockChannel(units), BlockChannel(WrapperChannel(far))
    await one.send(message)

    async def echo() -> None:
        await other.send((await other.receive(PATIENCE)).payload)

    echoed = asyncio.create_task(echo())
    found = (await one.receive(PATIENCE)).payload
    await echoed
    return found, units.lengths


@pytest.mark.parametrize("length", [1, LONGEST_UNIT, LONGEST_UNIT + 1, 20_000, 63 * 1149])
def test_a_message_of_any_length_comes_whole(length: int) -> None:
    message = bytes(n * 7 & 0xFF for n in range(length))
    found, units = asyncio.run(exchange(message))
    assert found == message
    assert max(units) <= LONGEST_UNIT
    assert (len(units) == 1) == (length <= LONGEST_UNIT)


def test_a_message_that_begins_like_a_block_is_none() -> None:
    found, _ = asyncio.run(exchange(b"\xdf" + bytes(40)))
    assert found == b"\xdf" + bytes(40)


def test_a_gap_is_asked_for_again() -> None:
    message = bytes(5000)
    found, units = asyncio.run(exchange(message, lost=(2,)))
    assert found == message
    assert len(units) > 5


def test_too_long_a_message_and_silence_are_typed_errors() -> None:
    async def run() -> None:
        channel = BlockChannel(WrapperChannel(memory_pair()[0]))
        with pytest.raises(EncodeError):
            await channel.send(bytes(63 * 1149 + 1))
        with pytest.raises(ChannelTimeout):
            await channel.receive(0.01)

    asyncio.run(run())


def test_a_message_waits_for_the_acknowledgement_of_the_one_before_though_nobody_receives() -> None:
    """The answer to a long message may never come; then nobody has heard that all its blocks arrived."""

    async def two() -> list[bytes]:
        near, far = memory_pair()
        one, other = BlockChannel(WrapperChannel(near)), BlockChannel(WrapperChannel(far))
        taken: list[bytes] = []

        async def take() -> None:
            while len(taken) < 2:
                taken.append((await other.receive(PATIENCE)).payload)

        taking = asyncio.create_task(take())
        for number in range(2):
            await one.send(bytes((number,)) * (LONGEST_UNIT + 1))
        await asyncio.wait_for(taking, PATIENCE)
        return taken

    assert [message[0] for message in asyncio.run(two())] == [0, 1]


def test_what_goes_to_another_port_passes_as_it_is_and_so_does_what_comes_back() -> None:
    """Whatever it begins with: the first octet of a block, too."""

    async def two_ports() -> tuple[Frame, Frame]:
        near, far = memory_pair()
        one, raw = BlockChannel(WrapperChannel(near)), WrapperChannel(far)
        await one.send(b"\xe0" + bytes(3000), 2, 2)
        there = await raw.receive(PATIENCE)
        await raw.send(b"\xe0 no block", 2, there.source)
        return there, await one.receive(PATIENCE)

    there, back = asyncio.run(two_ports())
    assert there == Frame(b"\xe0" + bytes(3000), 2, 2)
    assert back == Frame(b"\xe0 no block", 2, 2)
