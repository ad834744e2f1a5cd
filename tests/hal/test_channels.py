"""Every wire behaves alike: memory, pseudo-terminal, socket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

import pytest

from hal import (
    AddressError,
    ByteChannel,
    ChannelBusy,
    ChannelClosed,
    ChannelTimeout,
    SerialAddress,
    SerialChannel,
    TcpAddress,
    TransientChannelError,
    memory_pair,
    open_channel,
    open_serial,
    open_tcp,
    within,
)
from hal.memory import CAPACITY

from .wires import PATIENCE, FarEnd, PtyMaster, wire

every_wire = pytest.mark.parametrize("kind", ["memory", "pty", "tcp"])


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test to its end, or fail when it hangs."""
    asyncio.run(asyncio.wait_for(test, PATIENCE))


async def exactly(channel: ByteChannel | FarEnd, count: int) -> bytes:
    octets = b""
    while len(octets) < count:
        octets += await channel.read()
    return octets


@every_wire
def test_octets_pass_both_ways_unchanged(kind: str) -> None:
    async def test() -> None:
        every = bytes(range(256)) * 3
        async with wire(kind) as (channel, far):
            await channel.write(every)
            assert await exactly(far, len(every)) == every
            await far.write(every)
            assert await exactly(channel, len(every)) == every

    run(test())


@every_wire
def test_a_read_takes_at_most_its_limit(kind: str) -> None:
    async def test() -> None:
        async with wire(kind) as (channel, far):
            await far.write(b"abc")
            assert await channel.read(1) == b"a"
            assert await exactly(channel, 2) == b"bc"

    run(test())


@every_wire
def test_silence_is_a_timeout_and_the_channel_goes_on(kind: str) -> None:
    async def test() -> None:
        async with wire(kind) as (channel, far):
            with pytest.raises(ChannelTimeout, match="no answer within 0 s"):
                async with within(0, "answer"):
                    await channel.read()
            await far.write(b"late")
            assert await exactly(channel, 4) == b"late"

    run(test())


@every_wire
def test_a_channel_has_one_reader(kind: str) -> None:
    async def test() -> None:
        async with wire(kind) as (channel, far):
            first = asyncio.create_task(channel.read())
            await asyncio.sleep(0)
            with pytest.raises(ChannelBusy, match="another read"):
                await channel.read()
            await far.write(b"x")
            assert await first == b"x"

    run(test())


@every_wire
def test_closing_ends_everything(kind: str) -> None:
    async def test() -> None:
        async with wire(kind) as (channel, _):
            waiting = asyncio.create_task(channel.read())
            await asyncio.sleep(0)
            await channel.close()
            await channel.close()
            with pytest.raises(ChannelClosed):
                await waiting
            with pytest.raises(ChannelClosed):
                await channel.read()
            with pytest.raises(ChannelClosed):
                await channel.write(b"x")

    run(test())


@pytest.mark.parametrize("kind", ["memory", "tcp"])
def test_what_was_sent_before_the_far_end_closed_is_read(kind: str) -> None:
    async def test() -> None:
        async with wire(kind) as (channel, far):
            await far.write(b"bye")
            await far.close()
            assert await exactly(channel, 3) == b"bye"
            with pytest.raises(ChannelClosed):
                await channel.read()

    run(test())


def test_a_memory_writer_waits_for_its_reader() -> None:
    async def test() -> None:
        near, far = memory_pair()
        await near.write(bytes(CAPACITY))
        writing = asyncio.create_task(near.write(b"more"))
        await asyncio.sleep(0)
        assert not writing.done()
        assert len(await exactly(far, CAPACITY + 4)) == CAPACITY + 4
        await writing

    run(test())


def test_a_port_that_vanishes_is_a_transient_error_and_can_be_reopened() -> None:
    async def test() -> None:
        first = PtyMaster()
        channel = await open_serial(SerialAddress(first.path))
        waiting = asyncio.create_task(channel.read())
        await asyncio.sleep(0)
        await first.close()
        with pytest.raises(TransientChannelError, match="vanished"):
            await waiting
        with pytest.raises(TransientChannelError, match="gone"):
            await channel.write(b"x")
        second = PtyMaster()
        channel.address = SerialAddress(second.path)  # the kernel may give another number
        await channel.reopen(PATIENCE)
        await second.write(b"back")
        assert await exactly(channel, 4) == b"back"
        await channel.close()
        await second.close()

    run(test())


def test_reopening_gives_up_in_time() -> None:
    async def test() -> None:
        with pytest.raises(ChannelTimeout, match="port /dev/absent"):
            await SerialChannel(SerialAddress("/dev/absent")).reopen(0)

    run(test())


def test_a_port_in_use_is_named_with_its_owner() -> None:
    async def test() -> None:
        async with wire("pty") as (channel, _):
            assert isinstance(channel, SerialChannel)
            with pytest.raises(ChannelBusy, match=f"{channel.address.path} is in use by process {os.getpid()} "):
                await open_channel(f"pty:{channel.address.path}")
            await channel.close()
            again = await open_channel(str(channel.address))
            await again.close()

    run(test())


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [("/dev/absent", TransientChannelError, "not there"), ("/dev/null", AddressError, "not a serial port")],
)
def test_a_port_that_cannot_be_opened(path: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        run(_opened(path))


async def _opened(path: str) -> None:
    await open_serial(SerialAddress(path))


def test_a_long_write_on_a_port_waits_until_it_is_taken() -> None:
    async def test() -> None:
        async with wire("pty") as (channel, far):
            data = bytes(range(256)) * 400
            writing = asyncio.create_task(channel.write(data))
            assert await exactly(far, len(data)) == data
            await writing

    run(test())


def test_nobody_listening_is_a_transient_error() -> None:
    async def test() -> None:
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        with pytest.raises(TransientChannelError, match="no connection"):
            await open_tcp(TcpAddress("127.0.0.1", port), PATIENCE)

    run(test())
