"""General block transfer (IEC 62056-5-3): units longer than one block, cut up and put together again.

A block is E0, a control octet (bit 7 last block, bit 6 streaming, bits 0 to 5 window), block number and block number
acknowledged (16 bits each, big-endian), and its data behind a length. The sender streams up to a window of blocks; the
last of them has the streaming bit clear and asks for an acknowledgement. The receiver answers with an empty block
that acknowledges the last block before the first gap; the sender goes on behind it, so that the answer to a gap is also
the request to repeat.

Both machines do no I/O and own no clock: feed them units and the time, take their output, wake them when they ask.
Times are whole seconds of any one clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import DecodeError, EncodeError
from ..grammar import Counted, Fixed, Record, Uint, truncated

GENERAL_BLOCK_TRANSFER = 0xE0
MAX_BLOCK_DATA = 1149
"""Octets of data in one block, at most, in GBCS."""
MAX_BLOCKS = 63
"""Blocks that make up one unit, at most, in GBCS."""
MAX_WINDOW = 63
_LAST, _STREAMING = 0x80, 0x40


@dataclass(frozen=True, slots=True)
class Block:
    """One block. ``window`` is 0 to 63 blocks; ``number`` counts from 1 (0 to 65535 on the wire)."""

    tag: ClassVar[int] = GENERAL_BLOCK_TRANSFER
    last: bool
    streaming: bool
    window: int
    number: int
    acknowledged: int
    data: bytes

    @classmethod
    def decode(cls, data: bytes) -> Block:
        """Read a whole block; nothing may follow it. Raises DecodeError."""
        if not data:
            raise truncated(0, 0, 1).inside("tag")
        block: Block = _BLOCK.decode(data)
        return block

    def encode(self) -> bytes:
        """The octets of the block. Raises EncodeError."""
        return _BLOCK.encode(self)

    @property
    def control(self) -> int:
        """The control octet."""
        if not 0 <= self.window <= MAX_WINDOW:
            raise EncodeError(f"a window is 0 to {MAX_WINDOW} blocks, not {self.window}", ("window",))
        return (_LAST if self.last else 0) | (_STREAMING if self.streaming else 0) | self.window

    @property
    def is_acknowledgement(self) -> bool:
        """Whether the block carries no data of its own."""
        return not self.data


def _make_block(control: int, number: int, acknowledged: int, data: bytes) -> Block:
    return Block(bool(control & _LAST), bool(control & _STREAMING), control & MAX_WINDOW, number, acknowledged, data)


_BLOCK = Record(
    _make_block,
    Fixed(bytes((GENERAL_BLOCK_TRANSFER,))),
    "control" / Uint(1),
    "number" / Uint(2),
    "acknowledged" / Uint(2),
    "data" / Counted(),
)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The far side has acknowledged the last block."""


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """A transfer was given up, and what there was of it dropped."""

    reason: str


@dataclass(frozen=True, slots=True)
class UnitReceived:
    """A unit put together from its blocks."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class BadBlock:
    """A block that was passed over, and why."""

    reason: str
    octets: bytes


Event = Delivered | TransferFailed | UnitReceived | BadBlock


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds, and how much to hold.

    ``repeat_after``: wait for an acknowledgement, or for the rest of a window, before asking again, at most
    ``attempts`` times without progress. ``drop_after``: age at which an unfinished unit is dropped.
    """

    repeat_after: int = 10
    attempts: int = 5
    drop_after: int = 120
    max_blocks: int = MAX_BLOCKS
    max_block_data: int = MAX_BLOCK_DATA


_DEFAULT_LIMITS = Limits()


def _read(octets: bytes, events: list[Event]) -> Block | None:
    try:
        return Block.decode(octets)
    except DecodeError as error:
        events.append(BadBlock(str(error), octets))
        return None


class Segmenter:
    """Sends one unit in blocks of ``limits.max_block_data`` octets, ``window`` of them at a time.

    Raises EncodeError for an empty unit and one that needs more than ``limits.max_blocks`` blocks.
    """

    def __init__(self, unit: bytes, now: int, window: int = MAX_WINDOW, limits: Limits = _DEFAULT_LIMITS) -> None:
        size = limits.max_block_data
        self._bodies = [unit[at : at + size] for at in range(0, len(unit), size)]
        if not 1 <= len(self._bodies) <= limits.max_blocks:
            raise EncodeError(f"1 to {limits.max_blocks} blocks, {len(self._bodies)} needed", ("unit",))
        if not 1 <= window <= MAX_WINDOW:
            raise EncodeError(f"1 to {MAX_WINDOW} blocks, not {window}", ("window",))
        self._window, self._limits = window, limits
        self._acknowledged = self._highest_sent = 0
        self._attempts, self._repeated = 0, False
        self._timer: int | None = None
        self._output: list[bytes] = []
        self._events: list[Event] = []
        self._send_window(now)

    @property
    def finished(self) -> bool:
        """Whether the unit was delivered or given up."""
        return self._timer is None

    def feed(self, octets: bytes, now: int) -> None:
        """Take one block from the far side."""
        block = _read(octets, self._events)
        if block is None or self.finished:
            return
        if not block.is_acknowledgement:
            self._events.append(BadBlock("data, where only an acknowledgement is expected", octets))
        elif block.acknowledged > self._highest_sent:
            self._events.append(BadBlock(f"acknowledges block {block.acknowledged}", octets))
        elif block.acknowledged >= self._acknowledged:  # an older one was overtaken on the way
            self._go_on(block, now)

    def events(self) -> list[Event]:
        """What happened since the last call."""
        events, self._events = self._events, []
        return events

    def take_output(self) -> list[bytes]:
        """Blocks to be sent, in order."""
        output, self._output = self._output, []
        return output

    def next_timer(self) -> int | None:
        """When ``on_timer`` wants to be called."""
        return self._timer

    def on_timer(self, now: int) -> None:
        """Repeat what was not acknowledged in time, or give up."""
        if self._timer is None or now < self._timer:
            return
        self._attempts += 1
        self._repeated = False
        if self._attempts > self._limits.attempts:
            self._end(TransferFailed(f"no acknowledgement of block {self._acknowledged + 1}"))
        else:
            self._send_window(now)

    def _go_on(self, block: Block, now: int) -> None:
        progress = block.acknowledged > self._acknowledged
        self._acknowledged = block.acknowledged
        self._window = min(self._window, block.window or self._window)
        if self._acknowledged == len(self._bodies):
            self._end(Delivered())
        elif progress:
            self._attempts, self._repeated = 0, False
            self._send_window(now)
        elif not self._repeated:  # a gap; once only, since the same answer may have come twice
            self._repeated = True
            self._send_window(now)

    def _end(self, event: Event) -> None:
        self._timer = None
        self._output.clear()
        self._events.append(event)

    def _send_window(self, now: int) -> None:
        stop = min(self._acknowledged + self._window, len(self._bodies))
        self._highest_sent = max(self._highest_sent, stop)
        for number in range(self._acknowledged + 1, stop + 1):
            last, streaming = number == len(self._bodies), number != stop
            body = self._bodies[number - 1]
            self._output.append(Block(last, streaming, self._window, number, 0, body).encode())
        self._timer = now + self._limits.repeat_after


class Reassembler:
    """Puts units together from blocks that may come twice, late, or not at all. Holds at most two units' blocks.

    A finished unit is remembered for ``limits.drop_after`` seconds, so that a block repeated because its
    acknowledgement was lost is acknowledged again and does not begin a new unit.
    """

    def __init__(self, window: int = MAX_WINDOW, limits: Limits = _DEFAULT_LIMITS) -> None:
        if not 1 <= window <= MAX_WINDOW:
            raise EncodeError(f"1 to {MAX_WINDOW} blocks, not {window}", ("window",))
        self._window, self._limits = window, limits
        self._blocks: dict[int, bytes] = {}
        self._last: int | None = None
        self._finished: dict[int, bytes] = {}
        self._attempts = 0
        self._drop_at: int | None = None
        self._ask_at: int | None = None
        self._forget_at: int | None = None
        self._output: list[bytes] = []
        self._events: list[Event] = []

    def feed(self, octets: bytes, now: int) -> None:
        """Take one block from the far side."""
        self.on_timer(now)
        block = _read(octets, self._events)
        if block is None:
            return
        if block.number in self._finished and not self._blocks and self._finished[block.number] == block.data:
            if not block.streaming:
                self._acknowledge(len(self._finished))
            return
        reason = self._refusal(block)
        if reason:
            self._events.append(BadBlock(reason, octets))
        else:
            self._keep(block, now)

    def events(self) -> list[Event]:
        """What happened since the last call."""
        events, self._events = self._events, []
        return events

    def take_output(self) -> list[bytes]:
        """Blocks to be sent, in order."""
        output, self._output = self._output, []
        return output

    def next_timer(self) -> int | None:
        """When ``on_timer`` wants to be called."""
        return min((at for at in (self._ask_at, self._drop_at, self._forget_at) if at is not None), default=None)

    def on_timer(self, now: int) -> None:
        """Ask for what is missing, drop what is too old, forget what is done."""
        if self._forget_at is not None and now >= self._forget_at:
            self._finished, self._forget_at = {}, None
        if self._drop_at is not None and now >= self._drop_at:
            self._drop(f"unfinished after {self._limits.drop_after} s, block {self._contiguous + 1} missing")
        elif self._ask_at is not None and now >= self._ask_at:
            self._attempts += 1
            if self._attempts > self._limits.attempts:
                self._drop(f"block {self._contiguous + 1} did not come")
            else:
                self._acknowledge(self._contiguous)
                self._ask_at = now + self._limits.repeat_after

    @property
    def _contiguous(self) -> int:
        """The last block before the first gap."""
        number = 0
        while number + 1 in self._blocks:
            number += 1
        return number

    def _refusal(self, block: Block) -> str:
        if block.is_acknowledgement:
            return "an acknowledgement, where data is expected"
        if not 1 <= block.number <= self._limits.max_blocks:
            return f"block {block.number} of at most {self._limits.max_blocks}"
        if len(block.data) > self._limits.max_block_data:
            return f"{len(block.data)} octets of at most {self._limits.max_block_data}"
        if self._blocks.get(block.number, block.data) != block.data:
            return f"block {block.number} again, with other data"
        highest = max(self._blocks, default=0)
        if (self._last is not None and block.number > self._last) or (block.last and block.number < highest):
            return f"block {block.number} does not agree on which block is the last"
        return ""

    def _keep(self, block: Block, now: int) -> None:
        if not self._blocks:
            self._drop_at = now + self._limits.drop_after
        if block.number not in self._blocks:
            self._attempts = 0
        self._blocks[block.number] = block.data
        if block.last:
            self._last = block.number
        self._ask_at = now + self._limits.repeat_after
        contiguous = self._contiguous
        if contiguous == self._last:
            self._complete(now)
        elif not block.streaming:
            self._acknowledge(contiguous)

    def _complete(self, now: int) -> None:
        numbers = range(1, len(self._blocks) + 1)
        self._events.append(UnitReceived(b"".join(self._blocks[number] for number in numbers)))
        self._acknowledge(len(self._blocks))
        self._finished, self._forget_at = self._blocks, now + self._limits.drop_after
        self._clear()

    def _drop(self, reason: str) -> None:
        self._events.append(TransferFailed(reason))
        self._clear()

    def _clear(self) -> None:
        self._blocks, self._last, self._attempts = {}, None, 0
        self._drop_at = self._ask_at = None

    def _acknowledge(self, number: int) -> None:
        self._output.append(Block(True, False, self._window, 1, number, b"").encode())
