"""One device whose power is cut before some write to memory, and what one does about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bench.answers import Answer
from bench.head_end import Command
from bench.requests import Request
from firmware_emu import PowerCut
from protocols.instant import Instant

from .world import Wire

Done = TypeVar("Done")
PIECES = 8
"""In so many tests the writes of a story are divided."""


class Cuttable:
    """``off``: from when to when the device was without power; ``cuts``: how often that came unannounced."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.off: list[tuple[Instant, Instant]] = []
        self.cuts = 0

    @property
    def now(self) -> Instant:
        """True time."""
        return self.wire.now

    def attempt(self, work: Callable[[], object]) -> bool:
        """True if the work was done; False if the power was cut, and the device has started again."""
        try:
            work()
        except PowerCut:
            self.cuts += 1
            self.wire.restart()
            self.off.append((self.wire.device.last_ran, self.now))
            return False
        return True

    def until_done(self, work: Callable[[], Done]) -> Done:
        """What changes nothing is done again after a cut."""
        done: list[Done] = []
        if not self.attempt(lambda: done.append(work())):
            return work()
        return done[0]

    def go(self, until: Instant) -> None:
        """Time passes; after a cut there is nothing left to pass."""
        if not self.attempt(lambda: self.wire.run(until)):
            self.wire.run(until)

    def say(self, request: Request) -> Answer:
        """A setting: sent again in a new command if nothing came back."""
        return self.until_done(lambda: self.ask(request))

    def ask(self, request: Request) -> Answer:
        """Without a second try."""
        return self.wire.ask(request, self.wire.device.identity)

    def send(self, command: Command) -> None:
        """Send a command and check its answer."""
        (answer,) = self.wire.send(command.octets)
        self.wire.judge(command, answer)

    def say_once(self, command: Command) -> None:
        """What must not be done twice: the same octets again, which are carried out once at most."""
        if not self.attempt(lambda: self.send(command)):
            self.wire.send(command.octets)

    def go_off(self, back: Instant) -> None:
        """An outage, which the device notices or not."""
        lost = self.now
        if self.attempt(self.wire.switch_off):
            self.off.append((lost, back))
            self.attempt(lambda: self.wire.restart(back))
        else:
            self.go(back)

    def arm(self, cut: int) -> None:
        """Cut the power before that write, counted from now; beyond the last one nothing happens."""
        self.wire.medium.cut_power_before(cut)

    def disarm(self) -> None:
        """No cut any more."""
        self.wire.medium.cut_before = None
