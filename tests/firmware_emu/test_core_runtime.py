"""A device behind a wire: pseudo-terminal, TCP, any stream; scaled time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from functools import partial

from firmware_emu import NEVER, Device, Output, Part, SwitchMoved
from firmware_emu.runtime import ScaledTime, Server, on_pty, on_tcp
from protocols.dlms.wrapper import FrameReceived, WrapperLink, encode_frame
from protocols.gbcs.message import Cra, Message
from protocols.image_delivery import PORT, Offer, Progress, Status, decode_frame

from .asn1_home import Asn1Rig
from .tiny import OPEN_SWITCH, READ_SWITCH, START, Rig


def run(work: Coroutine[object, object, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await work

    asyncio.run(bounded())


def read_frame(link: WrapperLink, octets: bytes) -> FrameReceived | None:
    return next((event for event in link.feed(octets) if isinstance(event, FrameReceived)), None)


async def ask_tcp(address: tuple[str, int], frame: bytes) -> FrameReceived:
    reader, writer = await asyncio.open_connection(*address)
    link = WrapperLink()
    try:
        for octet in frame:  # in the smallest pieces
            writer.write(bytes((octet,)))
        while (answer := read_frame(link, await reader.read(100))) is None:
            pass
        return answer
    finally:
        writer.close()
        await writer.wait_closed()


def test_a_device_answers_over_tcp_one_connection_after_the_other() -> None:
    async def work() -> None:
        rig = Rig()
        async with on_tcp(Server(rig.meter, lambda: START)) as address:
            for _ in range(2):
                frame = encode_frame(rig.build("ECS45", READ_SWITCH).encode(), 7, 1)
                answer = await ask_tcp(address, frame)
                assert (answer.source, answer.destination) == (1, 7)
                assert Message.decode(answer.payload).counter == rig.counter

    run(work())


def test_a_device_answers_on_a_pseudo_terminal() -> None:
    async def work() -> None:
        rig = Rig()
        async with on_pty(Server(rig.meter, lambda: START)) as path:
            end = os.open(path, os.O_RDWR | os.O_NOCTTY)
            try:
                os.write(end, b"noise" + encode_frame(rig.build("ECS45", READ_SWITCH).encode(), 7, 1))
                link = WrapperLink()
                answer = None
                while answer is None:
                    answer = read_frame(link, await asyncio.to_thread(os.read, end, 100))
                assert Message.decode(answer.payload).cra is Cra.RESPONSE
            finally:
                os.close(end)

    run(work())


def test_what_the_device_says_meanwhile_waits_for_the_next_connection() -> None:
    async def work() -> None:
        rig = Rig()
        server = Server(rig.meter, lambda: START)
        await server.give(rig.send(b"\x00"))  # raises an alert
        async with on_tcp(server) as address:
            reader, writer = await asyncio.open_connection(*address)
            link = WrapperLink()
            while (alert := read_frame(link, await reader.read(100))) is None:
                pass
            assert Message.decode(alert.payload).cra is Cra.ALERT
            writer.close()
            await writer.wait_closed()

    run(work())


def test_outputs_that_are_no_messages_go_to_the_watcher() -> None:
    async def work() -> None:
        rig = Rig()
        seen: list[Output] = []
        server = Server(rig.meter, lambda: START, seen.append)
        await server.give(rig.send(rig.build("ECS43", OPEN_SWITCH)))
        assert SwitchMoved("load switch", 0) in seen

    run(work())


class Ticker(Part):
    """Counts half hours."""

    name = "ticker"

    def __init__(self) -> None:
        super().__init__()
        self.enough = asyncio.Event()
        self.ticks = 0

    def started(self) -> None:
        self.due = self.device.now + 1800

    def advance(self, at: int) -> None:
        self.ticks += 1
        self.due = at + 1800 if self.ticks < 48 else NEVER
        if self.ticks == 48:
            self.enough.set()


def test_scaled_time_wakes_the_device() -> None:
    async def work() -> None:
        ticker = Ticker()
        rig = Rig(parts=[ticker])
        device: Device = rig.meter
        clock = ScaledTime(START, speed=2_000_000)
        keeper = asyncio.ensure_future(Server(device, clock).keep_time(clock))
        await ticker.enough.wait()
        keeper.cancel()
        assert device.now >= START + 24 * 3600

    run(work())


class Unread:
    """A stream whose far end neither reads nor says anything."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.written = asyncio.Event()

    async def read(self, limit: int = 0) -> bytes:  # noqa: ARG002 - there is nothing to read
        await self.closed.wait()
        return b""

    async def write(self, data: bytes) -> None:  # noqa: ARG002 - it is never taken
        self.written.set()
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed.set()


def test_a_device_does_not_wait_for_those_who_do_not_read() -> None:
    async def work() -> None:
        rig, stream = Rig(), Unread()
        server = Server(rig.meter, lambda: START)
        serving = asyncio.create_task(server.serve(stream))
        for _ in range(3):
            await server.give(rig.send(b"\x00"))  # raises an alert
        await stream.written.wait()
        await server.give(rig.send(b"\x00"))
        await stream.close()
        await serving

    run(work())


def test_images_come_in_on_a_port_of_their_own() -> None:
    """The answer goes to the port that asked; a device that takes no images says nothing, and what follows is heard."""

    async def work() -> None:
        asn1, rig = Asn1Rig(), Rig()
        offer = Offer(asn1.identity, 5000, bytes(32))
        for device, now, answered in ((asn1.device, asn1.now, True), (rig.meter, START, False)):
            async with on_tcp(Server(device, partial(int, now))) as address:
                frames = encode_frame(b"no frame", 9, PORT) + encode_frame(offer.encode(), 9, PORT)
                if not answered:
                    frames += encode_frame(rig.build("ECS45", READ_SWITCH).encode(), 7, 1)
                answer = await ask_tcp(address, frames)
            assert (answer.source, answer.destination) == ((PORT, 9) if answered else (1, 7))
            if answered:
                assert decode_frame(answer.payload) == Progress(offer.name, Status.CONTINUE)

    run(work())
