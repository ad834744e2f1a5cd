"""Planned faults on a wire: loss, duplication, corruption, delay, unplugging.

What goes wrong follows from the seed and from what passes, not from timing: each direction draws from a generator of
its own, octet by octet on a byte channel (however the octets are chunked) and frame by frame on a frame channel.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, fields
from enum import Enum
from random import Random
from typing import NamedTuple

from .capture import Direction
from .channel import READ_LIMIT, ByteChannel, TransientChannelError, within
from .frame import Frame, FrameChannel


class FaultKind(Enum):
    """What went wrong."""

    LOSS = "loss"
    DUPLICATION = "duplication"
    CORRUPTION = "corruption"
    DELAY = "delay"
    UNPLUG = "unplug"


@dataclass(frozen=True, slots=True)
class Faults:
    """How often what goes wrong: probabilities from 0 to 1 for each octet or frame.

    ``delay_seconds`` is how long a delayed octet or frame takes; ``unplug_after`` how many octets or frames pass, in
    both directions together, before the wire is gone.
    """

    loss: float = 0.0
    duplication: float = 0.0
    corruption: float = 0.0
    delay: float = 0.0
    delay_seconds: float = 0.0
    unplug_after: int | None = None

    def __post_init__(self) -> None:
        for member in fields(self)[:4]:
            value = getattr(self, member.name)
            if not 0 <= value <= 1:
                raise ValueError(f"{member.name} is a probability from 0 to 1, not {value}")


class FaultEvent(NamedTuple):
    """One fault that happened to the unit (octet or frame) number ``at`` of its direction, counted from 0."""

    direction: Direction
    at: int
    kind: FaultKind


class _Passing(NamedTuple):
    copies: list[bytes]
    delay: float


class FaultPlan:
    """Decides, unit by unit, what goes wrong, and remembers it in ``happened`` for the evidence.

    Probabilities are drawn in a fixed order for every unit, so that changing one leaves the others' draws alone.
    """

    def __init__(self, faults: Faults, random: Random) -> None:
        self.faults = faults
        self.happened: list[FaultEvent] = []
        self._random = {direction: Random(random.getrandbits(64)) for direction in Direction}  # noqa: S311 - no secret
        self._passed = dict.fromkeys(Direction, 0)
        self._left = faults.unplug_after
        self._unplugged = False

    @property
    def unplugged(self) -> bool:
        """Whether the wire is gone."""
        return self._unplugged

    def unplug(self) -> None:
        """Pull the plug now."""
        self._unplugged = True

    def replug(self) -> None:
        """Put the plug back; it is not pulled by itself again."""
        self._unplugged, self._left = False, None

    def check(self, name: str) -> None:
        """Raises TransientChannelError while the wire is unplugged."""
        if self._unplugged:
            raise TransientChannelError(f"{name}: unplugged by the fault plan")

    def passing(self, direction: Direction, unit: bytes) -> _Passing:
        """What arrives of ``unit``, and how many seconds later."""
        index = self._passed[direction]
        self._passed[direction] += 1
        self._count_down(direction, index)
        if self._unplugged:
            return _Passing([], 0.0)
        random, faults = self._random[direction], self.faults
        draws = [random.random() for _ in range(4)]
        spoiled = self._corrupted(unit, random.getrandbits(32))
        lost = draws[0] < faults.loss
        kinds = [
            (FaultKind.LOSS, lost),
            (FaultKind.DUPLICATION, not lost and draws[1] < faults.duplication),
            (FaultKind.CORRUPTION, not lost and bool(unit) and draws[2] < faults.corruption),
            (FaultKind.DELAY, not lost and draws[3] < faults.delay),
        ]
        now = {kind for kind, happens in kinds if happens}
        self.happened += [FaultEvent(direction, index, kind) for kind, happens in kinds if happens]
        first = spoiled if FaultKind.CORRUPTION in now else unit
        copies = [] if lost else [first, unit] if FaultKind.DUPLICATION in now else [first]
        return _Passing(copies, faults.delay_seconds if FaultKind.DELAY in now else 0.0)

    def passing_octets(self, direction: Direction, data: bytes) -> _Passing:
        """The same for each octet of ``data``; the delays add up."""
        outcomes = [self.passing(direction, data[at : at + 1]) for at in range(len(data))]
        arrived = b"".join(copy for outcome in outcomes for copy in outcome.copies)
        return _Passing([arrived] if arrived else [], sum(outcome.delay for outcome in outcomes))

    def _corrupted(self, unit: bytes, draw: int) -> bytes:
        """``unit`` with one bit flipped."""
        if not unit:
            return unit
        at, bit = divmod(draw % (8 * len(unit)), 8)
        return unit[:at] + bytes((unit[at] ^ 1 << bit,)) + unit[at + 1 :]

    def _count_down(self, direction: Direction, index: int) -> None:
        if self._left is None or self._unplugged:
            return
        if self._left == 0:
            self._unplugged = True
            self.happened.append(FaultEvent(direction, index, FaultKind.UNPLUG))
        else:
            self._left -= 1


class FaultyByteChannel:
    """A ``ByteChannel`` on which a plan's faults happen."""

    def __init__(self, channel: ByteChannel, plan: FaultPlan) -> None:
        self._channel, self._plan = channel, plan

    @property
    def name(self) -> str:
        """The address of the channel inside."""
        return self._channel.name

    async def read(self, limit: int = READ_LIMIT) -> bytes:
        """See ``ByteChannel.read``. Duplicated octets may make it give up to twice ``limit``."""
        while True:
            self._plan.check(self.name)
            passing = self._plan.passing_octets(Direction.RECEIVED, await self._channel.read(limit))
            await _pause(passing.delay)
            if passing.copies:
                return passing.copies[0]

    async def write(self, data: bytes) -> None:
        """See ``ByteChannel.write``."""
        self._plan.check(self.name)
        passing = self._plan.passing_octets(Direction.SENT, bytes(data))
        await _pause(passing.delay)
        if passing.copies:
            await self._channel.write(passing.copies[0])
        self._plan.check(self.name)

    async def close(self) -> None:
        """See ``ByteChannel.close``."""
        await self._channel.close()


class FaultyFrameChannel:
    """A ``FrameChannel`` on which a plan's faults happen."""

    def __init__(self, channel: FrameChannel, plan: FaultPlan) -> None:
        self._channel, self._plan = channel, plan
        self._arrived: deque[Frame] = deque()

    @property
    def name(self) -> str:
        """The address of the channel inside."""
        return self._channel.name

    async def send(self, payload: bytes, source: int = 1, destination: int = 1) -> None:
        """See ``FrameChannel.send``."""
        self._plan.check(self.name)
        passing = self._plan.passing(Direction.SENT, bytes(payload))
        await _pause(passing.delay)
        for copy in passing.copies:
            await self._channel.send(copy, source, destination)
        self._plan.check(self.name)

    async def receive(self, seconds: float) -> Frame:
        """See ``FrameChannel.receive``."""
        async with within(seconds, "frame"):
            while not self._arrived:
                self._plan.check(self.name)
                frame = await self._channel.receive(seconds)
                passing = self._plan.passing(Direction.RECEIVED, frame.payload)
                await _pause(passing.delay)
                self._arrived += [frame._replace(payload=copy) for copy in passing.copies]
        return self._arrived.popleft()

    async def close(self) -> None:
        """See ``FrameChannel.close``."""
        await self._channel.close()


async def _pause(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)
