"""A home that is kept running for other programs: its devices at addresses of this computer, its time passing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress

from firmware_emu.runtime import on_pty, on_tcp
from hal.address import Address, PtyAddress, TcpAddress
from protocols.gbcs.roles import DeviceType
from protocols.instant import Instant

from .device_model import product_text
from .emulated import Emulated
from .installation import Installation
from .pace import Pace
from .rig import DeviceSection, Rig, RigError

LONGEST_SLEEP = 3600.0
STOPPED_BY = (signal.SIGINT, signal.SIGTERM)


class Emulation:
    """Use it as an asynchronous context: inside, the devices can be reached at ``addresses``, by name."""

    def __init__(self, rig: Rig, installation: Installation, pace: Pace, bind: str) -> None:
        self._rig, self._installation, self._pace, self._bind = rig, installation, pace, bind
        self.addresses: dict[str, Address] = {}
        self._wires = AsyncExitStack()

    @property
    def products(self) -> Mapping[str, str]:
        """What the devices are on lists of products, by name."""
        return {name: product_text(server.device) for name, server in self._installation.servers.items()}

    async def __aenter__(self) -> Emulation:
        try:
            await self._installation.start()
            for section in self._rig.devices:
                server = self._installation.servers.get(section.name)
                if server is not None and section.type is not DeviceType.TYPE_2:  # it takes no messages
                    self.addresses[section.name] = await self._serve(section, server)
        except BaseException:
            await self._wires.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._wires.aclose()

    async def live(self, stop: asyncio.Event, seconds: float | None = None) -> None:
        """Let time pass until told to stop, or for so many seconds of the computer's clock."""
        living, stopped = asyncio.create_task(self._keep_time()), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({living, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if living.done():
                living.result()  # what broke it off is raised
        finally:
            for task in (living, stopped):
                task.cancel()
            await asyncio.gather(living, stopped, return_exceptions=True)

    async def _keep_time(self) -> None:
        installation = self._installation
        while True:
            await installation.advance(self._pace())
            installation.disturbed.clear()
            await asyncio.sleep(0)  # whoever has something to say comes first
            with suppress(TimeoutError):
                async with asyncio.timeout(self._sleep(installation.next_wake())):
                    await installation.disturbed.wait()

    def _sleep(self, wake: Instant | None) -> float:
        return LONGEST_SLEEP if wake is None else min(self._pace.seconds_until(wake), LONGEST_SLEEP)

    async def _serve(self, section: DeviceSection, server: Emulated) -> Address:
        if isinstance(section.reach, PtyAddress):
            return PtyAddress(await self._wires.enter_async_context(on_pty(server)))
        try:
            host, port = await self._wires.enter_async_context(on_tcp(server, 0, self._bind))
        except OSError as error:
            raise RigError(f"--bind {self._bind}: cannot listen there: {error.strerror or error}") from None
        return TcpAddress(host, port)


def run_until_stopped(emulation: Emulation, seconds: float | None, started: Callable[[Emulation], None]) -> None:
    """Run it until a signal to stop comes; ``started`` is called when everything can be reached."""

    async def work() -> None:
        stop = asyncio.Event()
        for number in STOPPED_BY:
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with emulation:
            started(emulation)
            await emulation.live(stop, seconds)

    asyncio.run(work())
