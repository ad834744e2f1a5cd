"""A home with a device that the bench did not start: reached over a socket, in real time."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.clock import RealClock
from bench.devices import make_device
from bench.evidence import RunRecord, Verdict
from bench.findings import DeviceFinding, Inconclusive
from bench.home import Home
from bench.pki import TestPki
from bench.requests import Period, dlms
from bench.rig import Rig, RigError, load_rig, parse_rig
from bench.runner import run_suite, suite_folder
from firmware_emu.runtime import Server, on_tcp
from hal.channel import TransientChannelError
from hal.frame import Frame, WrapperChannel
from protocols.dlms.block_link import LONGEST_UNIT
from protocols.instant import DAY

RIG = """
name = "far away"
reply_seconds = 5.0
[[device]]
name = "meter"
type = "ESME"
eui64 = "00DB1234567890A0"
reach = "tcp:127.0.0.1:{port}"
"""


def rig_at(port: int) -> Rig:
    return parse_rig(RIG.format(port=port).encode(), "far.toml")


@contextmanager
def meter_elsewhere() -> Iterator[Rig]:
    """A meter that lives in another thread, as if in another building; the rig that reaches it."""
    started, stop, address = threading.Event(), asyncio.Event(), []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        clock, rig = RealClock(), rig_at(1)
        device = make_device(rig.devices[0], TestPki(rig))
        device.power_on(clock.now())
        async with on_tcp(Server(device, clock.now)) as (_, port):
            address.append(port)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(20)
        yield rig_at(address[0])
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


def suite(rig: Rig, folder: Path, *tests: str) -> RunRecord:
    return run_suite(rig, folder, tests=[str(suite_folder() / test) for test in tests])


def test_the_same_suite_runs_against_a_device_behind_a_socket(tmp_path: Path) -> None:
    with meter_elsewhere() as rig:
        record = suite(
            rig,
            tmp_path / "evidence",
            "test_3_electricity_changes.py",
            "test_9_refusals.py",
            "test_2_electricity_reads.py::test_import_register_follows_the_load",
        )
    verdicts = {exchange.title: exchange.verdict for exchange in record.exchanges}
    assert verdicts["MAC made with a wrong key"] is Verdict.PASS
    assert verdicts["The same critical command once more, octet for octet"] is Verdict.PASS
    assert verdicts["Open the load switch"] is Verdict.PASS
    assert {e.reason for e in record.exchanges if e.verdict is Verdict.INCONCLUSIVE} == {
        "the time has to be a multiple of 1800 s, and this rig has real devices"
    }
    assert Verdict.FAIL not in verdicts.values()
    assert Verdict.ERROR not in verdicts.values()


def test_counters_of_the_next_run_are_above_those_of_this_one() -> None:
    with meter_elsewhere() as rig:
        for _ in range(2):
            with Home(rig) as home:
                (meter,) = home.targets
                meter.ask(dlms("ECS42"))
                counter = home.head_end.sent[-1].message.counter
                assert counter >> 32 >= home.clock.now() - 10


def test_time_does_not_pass_on_demand_for_a_real_device() -> None:
    with meter_elsewhere() as rig, Home(rig) as home, pytest.raises(Inconclusive):
        home.pass_time(DAY)


def test_a_device_that_says_nothing_is_a_finding() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        rig = rig_at(nobody.getsockname()[1]).model_copy(update={"reply_seconds": 0.1})
        with Home(rig) as home, pytest.raises(DeviceFinding, match="answer: expected a response, found none"):
            home.targets[0].ask(dlms("ECS45"))


def test_a_wire_that_is_not_there_is_no_verdict_on_a_device() -> None:
    with pytest.raises(TransientChannelError), Home(rig_at(1)):
        pass


def test_a_key_folder_that_is_not_there_is_a_fault_of_the_rig() -> None:
    rig = parse_rig((RIG.format(port=1) + 'keystore = "nowhere"').encode(), "far.toml")
    with pytest.raises(RigError, match=r"far\.toml: device\[0\]\.keystore: nowhere: no such folder"):
        Home(rig)


def test_long_answers_come_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A month of half-hours is more than a unit of the wire holds; the meter cuts it up, the bench puts it together."""
    lengths: list[int] = []
    receive = WrapperChannel.receive

    async def counted(channel: WrapperChannel, seconds: float) -> Frame:
        frame = await receive(channel, seconds)
        lengths.append(len(frame.payload))
        return frame

    monkeypatch.setattr(WrapperChannel, "receive", counted)
    with Home(load_rig(Path("faulty-meter"))) as home:
        (meter,) = home.targets
        home.pass_time(30 * DAY)
        period = Period(home.rig.started, meter.now)
        reply = meter.ask(dlms("ECS22b", period=period, title="Read a month of half-hours"))
        assert len(reply.data[0].value[0].value.rows) == 30 * 48
        assert reply.answer.message is not None
        assert len(reply.answer.message.encode()) > 10_000
        assert max(lengths) <= LONGEST_UNIT
        meter.ask(dlms("ECS52", title="And the next question is answered as ever"))
