"""The upgrade cluster: frames there and back, and nothing but errors for what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import DecodeError, EncodeError
from protocols.zigbee.ota import (
    ABORT,
    NO_IMAGE,
    SUCCESS,
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
MESSAGES: list[OtaMessage] = [
    ImageNotify(),
    QueryNextImage(FILE),
    QueryNextImage(FILE, 0x1111),
    QueryNextImageResponse(SUCCESS, FILE, 361),
    QueryNextImageResponse(NO_IMAGE),
    ImageBlockRequest(FILE, 64, 64),
    ImageBlock(SUCCESS, FILE, 64, b"block"),
    ImageBlock(WAIT_FOR_DATA, wait=30),
    ImageBlock(ABORT),
    UpgradeEnd(SUCCESS, FILE),
    UpgradeEndResponse(),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_is_read_back(message: OtaMessage) -> None:
    assert decode_ota(encode_ota(message, 7)) == (7, message)


def test_octets_of_two_messages_written_out() -> None:
    assert encode_ota(ImageBlockRequest(FILE, 64, 50), 1).hex() == "01010300" + "1d128400dcacdcac" + "4000000032"
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
