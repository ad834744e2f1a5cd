"""Image delivery: frames there and back, and a file that arrives whatever the wire does to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from random import Random
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import DecodeError, EncodeError
from protocols.eui64 import eui64
from protocols.gbcs.firmware_image import MAX_IMAGE
from protocols.image_delivery import (
    LONGEST_BLOCK,
    STATUS_TEXT,
    DeliveryFrame,
    FileBlock,
    FileName,
    Offer,
    Progress,
    Status,
    Withdraw,
    decode_frame,
)
from protocols.image_delivery_ends import MOST_ATTEMPTS, DeliveryClient, DeliveryServer, MemoryDepot
from protocols.sheet import Sheet

METER, OTHER = eui64("00-DB-12-34-56-78-90-A0"), eui64("00-DB-12-34-56-78-90-A1")
FILE = bytes(range(256)) * 20
OFFER = Offer(METER, len(FILE), sha256(FILE).digest())
NAME = OFFER.name
FRAMES: list[DeliveryFrame] = [
    OFFER,
    FileBlock(NAME, 1024, b"block"),
    Withdraw(NAME),
    Progress(NAME, Status.CONTINUE, 1024),
    Progress(NAME, Status.COMPLETE),
]

SOME = st.sampled_from(FRAMES)

Wire = Callable[[list[bytes]], list[bytes]]


def sealed(octets: bytes) -> bytes:
    return octets + crc32(octets).to_bytes(4, "big")


def perfect(frames: list[bytes]) -> list[bytes]:
    return frames


def run(client: DeliveryClient, server: DeliveryServer, there: Wire = perfect, back: Wire = perfect) -> None:
    """Bring frames to and fro until the client has ended."""
    for _ in range(100_000):
        if client.ended:
            return
        out = there(client.take_output())
        answers = back([answer for frame in out if (answer := server.receive(frame)) is not None])
        for answer in answers:
            client.receive(answer)
        if not answers:
            client.on_silence()
    raise AssertionError("no end")


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_every_frame_is_read_back(frame: DeliveryFrame) -> None:
    assert decode_frame(frame.encode()) == frame


def test_octets_of_three_frames_written_out() -> None:
    target, digest = "00db1234567890a0", OFFER.digest.hex()
    written = (
        f"01{target}00001400{digest}",
        f"02{target}{digest[:16]}00000400" + b"block".hex(),
        f"81{target}{digest[:16]}0000000400",
    )
    for frame, octets in zip((OFFER, FRAMES[1], FRAMES[3]), map(bytes.fromhex, written), strict=True):
        assert frame.encode() == octets + crc32(octets).to_bytes(4, "big")


def test_what_a_person_reads_of_a_frame_is_all_of_it() -> None:
    for frame in (OFFER, FRAMES[3]):
        sheet = Sheet()
        frame.describe(sheet)  # type: ignore[union-attr]  # both have it
        assert bytes(sheet.octets) == frame.encode()
    assert set(STATUS_TEXT) == set(Status)


@given(st.binary(max_size=60) | st.builds(sealed, st.binary(max_size=60) | SOME.map(lambda each: each.encode()[:-5])))
def test_what_is_no_frame_is_an_error_and_nothing_else(octets: bytes) -> None:
    try:
        frame = decode_frame(octets)
    except DecodeError:
        return
    assert frame.encode() == octets


def test_what_does_not_fit_is_an_error() -> None:
    bad: tuple[DeliveryFrame, ...] = (
        Offer(METER, 1 << 32, OFFER.digest),
        Offer(METER, 1, b"short"),
        FileBlock(NAME, 0, b""),
        FileBlock(NAME, 0, bytes(LONGEST_BLOCK + 1)),
        Withdraw(FileName(METER, b"short")),
        Progress(NAME, Status.CONTINUE, 1 << 32),
    )
    for frame in bad:
        with pytest.raises(EncodeError):
            frame.encode()


def test_a_file_arrives() -> None:
    depot = MemoryDepot(frozenset((METER,)))
    client = DeliveryClient(METER, FILE)
    run(client, DeliveryServer(depot))
    assert (client.status, client.sent, client.repeated, client.began_at) == (Status.COMPLETE, 5, 0, 0)
    assert depot.files == [(METER, FILE)]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 1 << 32), st.integers(1, 1500), st.integers(1, 9))
def test_a_file_arrives_over_any_wire(seed: int, block: int, window: int) -> None:
    """Frames are lost, doubled, altered and out of order in both directions."""
    random = Random(seed)

    def bad_wire(frames: list[bytes]) -> list[bytes]:
        arrived = []
        for frame in frames:
            fate = random.random()
            if fate < 0.1:
                continue
            if fate < 0.2:
                at = random.randrange(len(frame))
                frame = frame[:at] + bytes((frame[at] ^ 1 << random.randrange(8),)) + frame[at + 1 :]
            arrived += [frame] * (2 if fate > 0.9 else 1)
        if random.random() < 0.2:
            random.shuffle(arrived)
        return arrived

    depot = MemoryDepot(frozenset((METER,)))
    file = FILE[: 1 + seed % len(FILE)]
    client = DeliveryClient(METER, file, min(block, LONGEST_BLOCK), window)
    run(client, DeliveryServer(depot), bad_wire, bad_wire)
    if client.status is Status.COMPLETE:
        assert (METER, file) in depot.files
    assert all(each == (METER, file) for each in depot.files)
    assert client.status in (Status.COMPLETE, None)


def test_a_client_goes_on_after_a_restart_of_either_side() -> None:
    depot = MemoryDepot(frozenset((METER,)))
    first = DeliveryClient(METER, FILE, 100, 1)
    for _ in range(11):
        for frame in first.take_output():
            answer = DeliveryServer(depot).receive(frame)  # a new server each time: the depot is all it has
            assert answer is not None
            first.receive(answer)
    second = DeliveryClient(METER, FILE, 100)
    run(second, DeliveryServer(depot))
    assert (first.arrived, second.began_at, second.status) == (1000, 1000, Status.COMPLETE)
    assert depot.files == [(METER, FILE)]


def test_a_server_that_forgets_everything_is_offered_the_file_again() -> None:
    targets = frozenset((METER,))
    old, new = MemoryDepot(targets), MemoryDepot(targets)
    client = DeliveryClient(METER, FILE, 100, 1)
    server = DeliveryServer(old)
    for frame in client.take_output():
        client.receive(server.receive(frame) or b"")
    run(client, DeliveryServer(new))
    assert (old.files, new.files, client.status) == ([], [(METER, FILE)], Status.COMPLETE)


def test_a_server_that_loses_the_last_octets_gets_them_again() -> None:
    """It was killed before it had written them, and the client lives on."""
    depot = MemoryDepot(frozenset((METER,)))
    server = DeliveryServer(depot)
    client = DeliveryClient(METER, FILE, 100, 4)
    for _ in range(6):
        for frame in client.take_output():
            client.receive(server.receive(frame) or b"")
    arrived = client.arrived
    del depot._held[METER][1][1024:]
    run(client, server)
    assert (arrived > 1024, client.status, depot.files) == (True, Status.COMPLETE, [(METER, FILE)])


def test_another_offer_takes_the_place_of_the_one_before() -> None:
    depot = MemoryDepot(frozenset((METER,)))
    server = DeliveryServer(depot)
    server.receive(OFFER.encode())
    server.receive(FileBlock(NAME, 0, FILE[:1024]).encode())
    client = DeliveryClient(METER, FILE[::-1])
    run(client, server)
    assert depot.files == [(METER, FILE[::-1])]
    late = server.receive(FileBlock(NAME, 1024, FILE[1024:2048]).encode())
    assert late == Progress(NAME, Status.NO_OFFER).encode()


def test_a_lost_verdict_is_asked_for_and_not_the_file_sent_again() -> None:
    depot = MemoryDepot(frozenset((METER,)))
    lost: list[bytes] = []

    def forgets_the_verdict(frames: list[bytes]) -> list[bytes]:
        verdicts = [each for each in frames if each[17] == Status.COMPLETE]
        if verdicts and not lost:
            lost.extend(verdicts)
            return []
        return frames

    client = DeliveryClient(METER, FILE, 100, 1)
    run(client, DeliveryServer(depot), back=forgets_the_verdict)
    assert (lost != [], client.status, client.repeated) == (True, Status.COMPLETE, 1)
    assert depot.files == [(METER, FILE)]


def test_a_wrong_hash_is_said_and_ends_after_some_attempts() -> None:
    depot = MemoryDepot(frozenset((METER,)))
    client = DeliveryClient(METER, FILE, digest=bytes(32))
    run(client, DeliveryServer(depot))
    assert (client.status, client.sent, depot.files) == (Status.HASH_WRONG, 5 * MOST_ATTEMPTS, [])


def test_a_silent_server_is_given_up() -> None:
    client = DeliveryClient(METER, FILE)
    run(client, DeliveryServer(MemoryDepot(frozenset())), there=lambda _frames: [])
    assert (client.ended, client.status) == (True, None)


@pytest.mark.parametrize(
    ("offer", "status"),
    [
        (replace(OFFER, target=OTHER), Status.UNKNOWN_TARGET),
        (replace(OFFER, size=0), Status.TOO_LONG),
        (replace(OFFER, size=MAX_IMAGE + 1), Status.TOO_LONG),
        (replace(OFFER, size=0xFFFFFFFF), Status.TOO_LONG),
        (OFFER, Status.BUSY),
    ],
)
def test_an_offer_is_refused_before_anything_is_sent(offer: Offer, status: Status) -> None:
    depot = MemoryDepot(frozenset((METER,)), most=0)
    assert DeliveryServer(depot).receive(offer.encode()) == Progress(offer.name, status).encode()
    assert depot.held(offer.target) is None


def test_only_the_expected_block_is_taken() -> None:
    depot = MemoryDepot(frozenset((METER,)))
    server = DeliveryServer(depot)
    assert server.receive(FileBlock(NAME, 0, b"a").encode()) == Progress(NAME, Status.NO_OFFER).encode()
    server.receive(OFFER.encode())
    waits = Progress(NAME, Status.CONTINUE).encode()
    good = FileBlock(NAME, 0, FILE[:100])
    beyond = FileBlock(NAME, 0, bytes(1024))
    assert server.receive(replace(good, offset=100).encode()) == waits
    assert server.receive(good.encode()[:-1] + b"?") is None
    assert server.receive(good.encode()) == Progress(NAME, Status.CONTINUE, 100).encode()
    short = Offer(METER, 1000, OFFER.digest)
    server.receive(short.encode())
    assert server.receive(beyond.encode()) == Progress(NAME, Status.CONTINUE).encode()


def test_a_file_is_withdrawn() -> None:
    depot = MemoryDepot(frozenset((METER,)))
    server = DeliveryServer(depot)
    server.receive(OFFER.encode())
    other = FileName(METER, bytes(8))
    server.receive(Withdraw(other).encode())
    assert depot.held(METER) is not None
    assert server.receive(Withdraw(NAME).encode()) == Progress(NAME, Status.WITHDRAWN).encode()
    assert depot.held(METER) is None


@settings(deadline=None)
@given(st.lists(st.binary(max_size=80).map(sealed) | SOME.map(lambda each: each.encode()), max_size=30))
def test_neither_end_is_upset_by_anything(frames: list[bytes]) -> None:
    server = DeliveryServer(MemoryDepot(frozenset((METER,))))
    client = DeliveryClient(METER, FILE)
    for frame in frames:
        answer = server.receive(frame)
        assert answer is None or isinstance(decode_frame(answer), Progress)
        client.receive(frame)
        assert len(client.take_output()) <= 9
