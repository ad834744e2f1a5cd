"""General block transfer: both machines, over a wire that loses, repeats and reorders."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.block_transfer import (
    BadBlock,
    Block,
    Delivered,
    Event,
    Limits,
    Reassembler,
    Segmenter,
    TransferFailed,
    UnitReceived,
)
from protocols.errors import DecodeError, EncodeError

SMALL = Limits(repeat_after=10, attempts=5, drop_after=1000, max_block_data=4)
UNIT = bytes(range(40))  # ten blocks of four


def _pump(sender: Segmenter, receiver: Reassembler, now: int = 0) -> list[Event]:
    """Carry blocks to and fro until nothing moves any more."""
    events: list[Event] = []
    while True:
        forth = sender.take_output()
        for block in forth:
            receiver.feed(block, now)
        back = receiver.take_output()
        for block in back:
            sender.feed(block, now)
        events += receiver.events() + sender.events()
        if not forth and not back:
            return events


def test_a_block_has_its_octets() -> None:
    block = Block(last=True, streaming=False, window=5, number=3, acknowledged=1, data=b"\x01\x02")
    assert block.encode() == bytes.fromhex("E0 85 0003 0001 02 0102")
    assert Block.decode(block.encode()) == block


@given(
    st.builds(
        Block,
        st.booleans(),
        st.booleans(),
        st.integers(0, 63),
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFFFF),
        st.binary(max_size=200),
    )
)
def test_every_block_comes_back(block: Block) -> None:
    octets = block.encode()
    assert Block.decode(octets) == block
    for cut in (0, 1, 5, len(octets) - 1):
        with pytest.raises(DecodeError):
            Block.decode(octets[:cut])


@pytest.mark.parametrize("window", [1, 2, 3, 10, 63])
def test_a_unit_arrives_whole_for_every_window(window: int) -> None:
    sender, receiver = Segmenter(UNIT, 0, window, SMALL), Reassembler(63, SMALL)
    assert _pump(sender, receiver) == [UnitReceived(UNIT), Delivered()]
    assert sender.finished
    assert sender.next_timer() is None


def test_the_receivers_window_holds_the_sender_back() -> None:
    sender, receiver = Segmenter(UNIT, 0, 4, SMALL), Reassembler(2, SMALL)
    for block in sender.take_output():
        receiver.feed(block, 0)
    for block in receiver.take_output():
        sender.feed(block, 0)
    assert [Block.decode(block).number for block in sender.take_output()] == [5, 6]


def test_only_the_end_of_a_window_asks_for_an_answer() -> None:
    blocks = [Block.decode(block) for block in Segmenter(UNIT, 0, 3, SMALL).take_output()]
    assert [(block.number, block.streaming, block.last) for block in blocks] == [
        (1, True, False),
        (2, True, False),
        (3, False, False),
    ]


def test_blocks_may_come_in_any_order_and_twice() -> None:
    blocks = Segmenter(UNIT, 0, 63, SMALL).take_output()
    receiver = Reassembler(63, SMALL)
    for block in [*reversed(blocks), *blocks]:
        receiver.feed(block, 0)
    assert receiver.events() == [UnitReceived(UNIT)]


def test_a_gap_is_answered_with_the_last_block_before_it_and_filled() -> None:
    sender, receiver = Segmenter(UNIT, 0, 63, SMALL), Reassembler(63, SMALL)
    for number, block in enumerate(sender.take_output(), 1):
        if number != 4:
            receiver.feed(block, 0)
    (request,) = receiver.take_output()
    assert Block.decode(request).acknowledged == 3
    sender.feed(request, 0)
    repeated = sender.take_output()
    for _ in range(9):  # one more repetition, in case the first was lost too, and then no more
        sender.feed(request, 0)
    assert sender.take_output() == repeated
    assert [Block.decode(block).number for block in repeated] == [4, 5, 6, 7, 8, 9, 10]
    receiver.feed(repeated[0], 0)
    assert _pump(sender, receiver) == [UnitReceived(UNIT), Delivered()]


def test_a_lost_end_of_window_is_asked_for_in_time() -> None:
    sender, receiver = Segmenter(UNIT, 0, 63, SMALL), Reassembler(63, SMALL)
    for block in sender.take_output()[:-1]:
        receiver.feed(block, 0)
    assert receiver.take_output() == []
    assert receiver.next_timer() == 10
    receiver.on_timer(9)
    assert receiver.take_output() == []
    receiver.on_timer(10)
    (request,) = receiver.take_output()
    assert Block.decode(request).acknowledged == 9
    sender.feed(request, 10)
    assert _pump(sender, receiver, 10) == [UnitReceived(UNIT), Delivered()]


def test_a_lost_acknowledgement_makes_no_second_unit() -> None:
    sender, receiver = Segmenter(UNIT, 0, 63, SMALL), Reassembler(63, SMALL)
    for block in sender.take_output():
        receiver.feed(block, 0)
    receiver.take_output()
    assert receiver.events() == [UnitReceived(UNIT)]
    sender.on_timer(10)
    assert _pump(sender, receiver, 10) == [Delivered()]


def test_the_next_unit_follows_a_finished_one() -> None:
    receiver = Reassembler(63, SMALL)
    for unit in (UNIT, UNIT[::-1], b"x"):
        assert _pump(Segmenter(unit, 0, 3, SMALL), receiver) == [UnitReceived(unit), Delivered()]


def test_a_silent_receiver_is_given_up() -> None:
    sender = Segmenter(UNIT, 0, 2, SMALL)
    for _ in range(SMALL.attempts):
        timer = sender.next_timer()
        assert timer is not None
        sender.on_timer(timer)
    assert sender.events() == []
    sender.on_timer(sender.next_timer() or 0)
    assert sender.events() == [TransferFailed("no acknowledgement of block 1")]
    assert sender.finished


def test_an_unfinished_unit_is_dropped_at_its_age() -> None:
    limits = Limits(repeat_after=10, attempts=100, drop_after=35, max_block_data=4)
    receiver = Reassembler(63, limits)
    receiver.feed(Segmenter(UNIT, 0, 63, limits).take_output()[0], 0)
    for now in (10, 20, 30):
        assert receiver.next_timer() == now
        receiver.on_timer(now)
        assert receiver.events() == []
    assert receiver.next_timer() == 35
    receiver.on_timer(35)
    assert receiver.events() == [TransferFailed("unfinished after 35 s, block 2 missing")]
    assert receiver.next_timer() is None


def test_asking_without_an_answer_ends() -> None:
    receiver = Reassembler(63, SMALL)
    receiver.feed(Segmenter(UNIT, 0, 63, SMALL).take_output()[0], 0)
    for _ in range(SMALL.attempts + 1):
        receiver.on_timer(receiver.next_timer() or 0)
    assert receiver.events() == [TransferFailed("block 2 did not come")]


def _block(number: int, data: bytes = b"abcd", *, last: bool = False) -> bytes:
    return Block(last, True, 1, number, 0, data).encode()


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (_block(1), _block(1, b"other"[:4]), "block 1 again, with other data"),
        (_block(1), _block(0), "block 0 of at most 63"),
        (_block(1), _block(64), "block 64 of at most 63"),
        (_block(1), _block(2, b"abcde"), "5 octets of at most 4"),
        (_block(5, last=True), _block(6), "block 6 does not agree on which block is the last"),
        (_block(5), _block(4, last=True), "block 4 does not agree on which block is the last"),
        (_block(1), Block(True, False, 1, 1, 0, b"").encode(), "an acknowledgement, where data is expected"),
        (_block(1), b"\xe0\x01", "octet 2 (number)"),
        (_block(1), b"\xd9" + _block(2)[1:], "octet 0: expected E0, found D9"),
    ],
)
def test_a_bad_block_is_reported_and_passed_over(first: bytes, second: bytes, reason: str) -> None:
    receiver = Reassembler(63, SMALL)
    receiver.feed(first, 0)
    assert receiver.events() == []
    receiver.feed(second, 0)
    (event,) = receiver.events()
    assert isinstance(event, BadBlock)
    assert event.reason.startswith(reason)
    assert event.octets == second


def test_the_sender_takes_only_acknowledgements_of_what_it_sent() -> None:
    sender = Segmenter(UNIT, 0, 2, SMALL)
    for octets in (Block(True, False, 1, 1, 3, b"").encode(), _block(1), b"\xe0"):
        sender.feed(octets, 0)
    assert [type(event) for event in sender.events()] == [BadBlock] * 3
    assert not sender.finished


@pytest.mark.parametrize(("unit", "window"), [(b"", 1), (bytes(4 * 63 + 1), 1), (b"x", 0), (b"x", 64)])
def test_what_cannot_be_sent_is_refused(unit: bytes, window: int) -> None:
    with pytest.raises(EncodeError):
        Segmenter(unit, 0, window, SMALL)


@given(
    st.integers(0, 2**32),
    st.integers(1, 63),
    st.integers(1, 63),
    st.integers(1, 4 * 63),
    st.sampled_from((0, 0.1, 0.4)),
)
def test_a_bad_wire_delays_or_fails_but_never_alters(
    seed: int, window: int, other_window: int, length: int, loss: float
) -> None:
    chance = random.Random(seed)
    unit = chance.randbytes(length)
    sender, receiver = Segmenter(unit, 0, window, SMALL), Reassembler(other_window, SMALL)
    events: list[Event] = []

    def carried(blocks: list[bytes]) -> list[bytes]:
        blocks = [block for block in blocks for _ in range(chance.choice((1, 1, 2))) if chance.random() >= loss]
        for at in range(len(blocks) - 1):
            if chance.random() < loss:
                blocks[at], blocks[at + 1] = blocks[at + 1], blocks[at]
        return blocks

    now = 0
    while not sender.finished:
        for block in carried(sender.take_output()):
            receiver.feed(block, now)
        for block in carried(receiver.take_output()):
            sender.feed(block, now)
        now += 1
        sender.on_timer(now)
        receiver.on_timer(now)
        events += receiver.events() + sender.events()
    received = [event.octets for event in events if isinstance(event, UnitReceived)]
    assert received in ([], [unit])
    assert [event for event in events if isinstance(event, BadBlock)] == []
    if Delivered() in events:
        assert received == [unit]
    if loss == 0:
        assert Delivered() in events
