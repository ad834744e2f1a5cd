"""Frames over every wire, bad frames, the tap, the blocking face."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from hal import (
    ByteTap,
    Captured,
    ChannelClosed,
    ChannelTimeout,
    Direction,
    Frame,
    FrameChannel,
    FrameTap,
    TransientChannelError,
    WrapperChannel,
    memory_pair,
    open_blocking,
)
from hal.blocking import BlockingFrames
from protocols.dlms.wrapper import BadFrame, encode_frame
from protocols.errors import EncodeError

from .test_channels import every_wire, run
from .wires import PATIENCE, wire


@every_wire
def test_frames_pass_both_ways(kind: str) -> None:
    async def test() -> None:
        async with wire(kind) as (channel, far):
            near, device = WrapperChannel(channel), WrapperChannel(_Named(far))
            assert isinstance(near, FrameChannel)
            await near.send(b"\xdd" * 700, 3, 0x100)
            await near.send(b"", 3, 4)
            assert await device.receive(PATIENCE) == Frame(b"\xdd" * 700, 3, 0x100)
            assert await device.receive(PATIENCE) == Frame(b"", 3, 4)
            await device.send(b"answer")
            assert await near.receive(PATIENCE) == Frame(b"answer", 1, 1)

    run(test())


class _Named(ByteTap):
    """A far end as a byte channel."""

    def __init__(self, far: object) -> None:
        super().__init__(far, lambda _: None, lambda: 0.0)  # type: ignore[arg-type]  # it lacks only the name


def test_a_bad_frame_is_recorded_and_the_next_one_received() -> None:
    async def test() -> None:
        near, far = memory_pair()
        heard: list[BadFrame] = []
        channel = WrapperChannel(near, heard.append)
        await far.write(b"\xffnoise" + encode_frame(b"good", 1, 2))
        assert (await channel.receive(PATIENCE)).payload == b"good"
        assert b"".join(bad.octets for bad in heard) == b"\xffnoise"
        assert list(channel.bad_frames) == heard
        assert channel.bad_frame_count == len(heard)

    run(test())


def test_an_unfinished_frame_goes_on_later_and_is_given_up_after_silence() -> None:
    async def test() -> None:
        near, far = memory_pair()
        channel = WrapperChannel(near)
        frame = encode_frame(b"slow", 1, 2)
        await far.write(frame[:9])
        with pytest.raises(ChannelTimeout):
            await channel.receive(0.001)
        await far.write(frame[9:] + frame[:5])
        assert (await channel.receive(PATIENCE)).payload == b"slow"
        with pytest.raises(ChannelTimeout, match="no frame"):
            await channel.receive(0)
        assert [bad.octets for bad in channel.bad_frames] == [frame[:5]]
        await far.write(frame)
        assert (await channel.receive(PATIENCE)).payload == b"slow"

    run(test())


def test_a_frame_that_cannot_be_is_our_own_fault() -> None:
    async def test() -> None:
        channel = WrapperChannel(memory_pair()[0])
        with pytest.raises(EncodeError):
            await channel.send(b"", 0x10000, 1)
        with pytest.raises(EncodeError):
            await channel.send(bytes(0x10000))

    run(test())


def test_a_tap_records_everything_from_the_first_octet() -> None:
    async def test() -> None:
        near, far = memory_pair()
        chunks: list[Captured] = []
        frames: list[Captured] = []
        clock = iter(range(100)).__next__
        channel = FrameTap(WrapperChannel(ByteTap(near, chunks.append, clock)), frames.append, clock)
        await channel.send(b"question", 1, 2)
        await far.write(b"\xff" + encode_frame(b"answer", 2, 1))
        assert await channel.receive(PATIENCE) == Frame(b"answer", 2, 1)
        sent, received = Direction.SENT, Direction.RECEIVED
        assert frames == [Captured(sent, 0, b"question"), Captured(received, 3, b"answer")]
        assert [(c.direction, c.at) for c in chunks] == [(sent, 1), (received, 2)]
        assert chunks[0].octets == encode_frame(b"question", 1, 2)
        assert chunks[1].octets == b"\xff" + encode_frame(b"answer", 2, 1)
        assert channel.name == "memory:"
        await channel.close()
        with pytest.raises(ChannelClosed):
            await channel.send(b"")
        assert [c.octets for c in frames][2:] == [b""], "what could not be sent is recorded too"

    run(test())


def test_a_script_needs_no_await() -> None:
    def echo(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(connection.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as device:
        answering = device.submit(echo, listener)
        with open_blocking(f"tcp:127.0.0.1:{listener.getsockname()[1]}") as channel:
            channel.send(b"hello", 5, 6)
            assert channel.receive(PATIENCE) == Frame(b"hello", 5, 6)
            assert channel.name.startswith("tcp:127.0.0.1:")
        answering.result(PATIENCE)


def test_a_script_gets_the_same_errors() -> None:
    with pytest.raises(TransientChannelError, match="not there"):
        open_blocking("serial:/dev/absent")

    async def opener() -> FrameChannel:
        return WrapperChannel(memory_pair()[0])

    with BlockingFrames(opener) as channel, pytest.raises(ChannelTimeout):
        channel.receive(0)


def test_closing_while_a_frame_is_awaited() -> None:
    async def test() -> None:
        near, far = memory_pair()
        waiting = asyncio.create_task(WrapperChannel(near).receive(PATIENCE))
        await asyncio.sleep(0)
        await far.close()
        with pytest.raises(ChannelClosed):
            await waiting

    run(test())
