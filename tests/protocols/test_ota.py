"""The upgrade cluster: frames there and back, and nothing but errors for what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import DecodeError, EncodeError
from protocols.eui64 import eui64
from protocols.zigbee.ota import (
    ABORT,
    INVALID_IMAGE,
    MALFORMED,
    MORE_IMAGES,
    NO_IMAGE,
    NOT_AUTHORIZED,
    STATUS_TEXT,
    SUCCESS,
    UNSUPPORTED,
    WAIT_FOR_DATA,
    FileId,
    ImageBlock,
    ImageBlockRequest,
    ImageNotify,
    OtaMessage,
    QueryNextImage,
    QueryNextImageResponse,
    UpgradeEnd,
    UpgradeEndResponse,
    decode_ota,
    encode_ota,
)

FILE = FileId(0x121D, 0x0084, 0xACDCACDC)
METER = eui64("00-DB-12-34-56-78-90-A0")
MESSAGES: list[OtaMessage] = [
    ImageNotify(),
    ImageNotify(1, 0x121D),
    ImageNotify(50, 0x121D, 0x0084),
    ImageNotify(100, *FILE),
    QueryNextImage(FILE),
    QueryNextImage(FILE, 0x1111),
    QueryNextImageResponse(SUCCESS, FILE, 361),
    QueryNextImageResponse(NO_IMAGE),
    ImageBlockRequest(FILE, 64, 64),
    ImageBlock(SUCCESS, FILE, 64, b"block"),
    ImageBlockRequest(FILE, 64, 64, METER),
    ImageBlockRequest(FILE, 64, 64, period=1500),
    ImageBlockRequest(FILE, 64, 64, METER, 0),
    ImageBlock.later(30, 250),
    ImageBlock(WAIT_FOR_DATA, current_time=800_000_000, request_time=800_000_060, period=0xFFFF),
    ImageBlock(ABORT),
    ImageBlock(NOT_AUTHORIZED),
    UpgradeEnd(SUCCESS, FILE),
    UpgradeEnd(MORE_IMAGES, FILE),
    UpgradeEndResponse(),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_is_read_back(message: OtaMessage) -> None:
    assert decode_ota(encode_ota(message, 7)) == (7, message)


def test_octets_of_two_messages_written_out() -> None:
    assert encode_ota(ImageBlockRequest(FILE, 64, 50), 1).hex() == "01010300" + "1d128400dcacdcac" + "4000000032"
    asked = encode_ota(ImageBlockRequest(FILE, 64, 50, METER, 1000), 1).hex()
    assert asked == "01010303" + "1d128400dcacdcac" + "4000000032" + "a090785634 12db00".replace(" ", "") + "e803"
    assert encode_ota(ImageBlock.later(60, 1000), 3).hex() == "19030597" + "00000000" + "3c000000" + "e803"
    assert encode_ota(UpgradeEndResponse(), 2).hex() == "190207" + "ff" * 8 + "00000000" + "ffffffff"


@given(st.binary(max_size=40) | st.sampled_from(MESSAGES).map(lambda each: encode_ota(each, 1)[:-1]))
def test_what_is_none_is_an_error_and_nothing_else(frame: bytes) -> None:
    try:
        _, message = decode_ota(frame)
    except DecodeError:
        return
    assert decode_ota(encode_ota(message, 0))[1] == message


def test_a_number_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(EncodeError, match="ImageBlockRequest"):
        encode_ota(ImageBlockRequest(FILE, 1 << 32, 1), 0)


def test_how_long_to_wait_is_a_difference_of_times() -> None:
    assert ImageBlock.later(30).wait == 30
    assert ImageBlock(WAIT_FOR_DATA, current_time=1000, request_time=1060).wait == 60
    assert ImageBlock(WAIT_FOR_DATA, current_time=1060, request_time=1000).wait == 0


def test_every_status_has_its_number_and_words() -> None:
    known = {SUCCESS: 0x00, NOT_AUTHORIZED: 0x7E, MALFORMED: 0x80, UNSUPPORTED: 0x81, ABORT: 0x95}
    known |= {INVALID_IMAGE: 0x96, WAIT_FOR_DATA: 0x97, NO_IMAGE: 0x98, MORE_IMAGES: 0x99}
    assert all(code == number for code, number in known.items())
    assert set(STATUS_TEXT) == set(known)
