"""The wrapper: frames cut out of a stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.wrapper import BadFrame, Event, FrameReceived, WrapperLink, encode_frame
from protocols.errors import EncodeError

PAYLOADS = st.lists(st.binary(max_size=40), max_size=5)


def _feed(link: WrapperLink, octets: bytes, pieces: list[int]) -> list[Event]:
    events: list[Event] = []
    at = 0
    for piece in pieces:
        events += link.feed(octets[at : at + piece])
        at += piece
    return events + link.feed(octets[at:])


def test_the_header_is_version_ports_and_length() -> None:
    assert encode_frame(b"\xd9\x01", 1, 0x0102) == bytes.fromhex("0001 0001 0102 0002 D901")


@given(PAYLOADS, st.lists(st.integers(1, 20), max_size=30))
def test_frames_arrive_in_pieces_of_any_size(payloads: list[bytes], pieces: list[int]) -> None:
    link = WrapperLink()
    stream = b"".join(encode_frame(payload, number, 9) for number, payload in enumerate(payloads))
    assert _feed(link, stream, pieces) == [FrameReceived(n, 9, payload) for n, payload in enumerate(payloads)]
    assert link.unfinished == 0


@given(st.binary(min_size=1, max_size=30), st.lists(st.integers(1, 10), max_size=10))
def test_noise_is_reported_and_the_next_frame_found(noise: bytes, pieces: list[int]) -> None:
    noise = noise.replace(b"\x00", b"\x02")
    frame = encode_frame(b"after", 1, 2)
    events = _feed(WrapperLink(), encode_frame(b"before", 1, 2) + noise + frame, pieces)
    bad = [event.octets for event in events if isinstance(event, BadFrame)]
    good = [event.payload for event in events if isinstance(event, FrameReceived)]
    assert (good, b"".join(bad)) == ([b"before", b"after"], noise)


@given(st.binary(max_size=200), st.lists(st.integers(1, 20), max_size=20))
def test_no_octet_is_lost_or_made(octets: bytes, pieces: list[int]) -> None:
    link = WrapperLink(longest=50)
    events = [*_feed(link, octets, pieces), *link.discard("end")]
    again = b"".join(
        event.octets if isinstance(event, BadFrame) else encode_frame(event.payload, event.source, event.destination)
        for event in events
    )
    assert again == octets


def test_zeros_before_a_frame_are_noise() -> None:
    events = WrapperLink().feed(b"\x00\x00\x00" + encode_frame(b"x", 1, 2))
    assert events == [BadFrame("no version 0001", b"\x00\x00\x00"), FrameReceived(1, 2, b"x")]


def test_a_length_beyond_the_limit_is_noise() -> None:
    link = WrapperLink(longest=100)
    bad, good = link.feed(encode_frame(bytes(101), 0x1111, 0x2222)[:8] + encode_frame(b"x", 1, 2))
    assert isinstance(bad, BadFrame)
    assert "101" in bad.reason
    assert good == FrameReceived(1, 2, b"x")


def test_an_unfinished_frame_is_given_up_when_asked() -> None:
    link = WrapperLink()
    assert link.feed(encode_frame(b"abc", 1, 2)[:-1]) == []
    assert link.unfinished == 10
    assert link.discard("the line went quiet") == [BadFrame("the line went quiet", encode_frame(b"abc", 1, 2)[:-1])]
    assert link.discard("again") == []


@pytest.mark.parametrize(("payload", "source"), [(bytes(65536), 1), (b"", 65536), (b"", -1)])
def test_what_no_frame_can_hold_is_refused(payload: bytes, source: int) -> None:
    with pytest.raises(EncodeError):
        encode_frame(payload, source, 1)
