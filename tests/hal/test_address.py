"""The addresses of a rig file."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal import AddressError, MemoryAddress, PtyAddress, SerialAddress, TcpAddress, open_channel, parse_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("memory:", MemoryAddress()),
        ("pty:", PtyAddress()),
        ("pty:/dev/pts/7", PtyAddress("/dev/pts/7")),
        ("serial:/dev/ttyUSB0", SerialAddress("/dev/ttyUSB0")),
        ("serial:/dev/serial/by-id/a-b?baud=300&format=7e1", SerialAddress("/dev/serial/by-id/a-b", 300, "7E1")),
        ("tcp:127.0.0.1:4059", TcpAddress("127.0.0.1", 4059)),
        ("tcp:meter.example:1", TcpAddress("meter.example", 1)),
        ("tcp:[fe80::1%eth0]:4059", TcpAddress("fe80::1%eth0", 4059)),
    ],
)
def test_an_address_is_read_and_written_back(url: str, address: object) -> None:
    assert parse_address(url) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/dev/ttyUSB0", "no scheme"),
        ("", "no scheme"),
        ("seriel:/dev/ttyUSB0", "did you mean 'serial'"),
        ("http://192.0.2.7", "unknown scheme 'http'"),
        ("memory:kitchen", "remove 'kitchen'"),
        ("pty:7", "absolute path"),
        ("serial:ttyUSB0", "absolute path"),
        ("serial:/dev/ttyUSB0?buad=300", "did you mean 'baud'"),
        ("serial:/dev/ttyUSB0?baud=300&baud=300", "given twice"),
        ("serial:/dev/ttyUSB0?baud", "name=value"),
        ("serial:/dev/ttyUSB0?baud=fast", "not 'fast'"),
        ("serial:/dev/ttyUSB0?baud=³", "not '³'"),
        ("serial:/dev/ttyUSB0?baud=1", "50 to 4000000"),
        ("serial:/dev/ttyUSB0?format=9N1", "as in 8N1"),
        ("tcp:127.0.0.1", "host and port"),
        ("tcp:::1:4059", "host and port"),
        ("tcp:a:0", "1 to 65535"),
        ("tcp:a:65536", "1 to 65535"),
    ],
)
def test_a_bad_address_says_what_was_expected(url: str, said: str) -> None:
    with pytest.raises(AddressError, match=said.replace("?", r"\?")):
        parse_address(url)


@given(st.one_of(st.text(), st.text().map("serial:/".__add__), st.text().map("tcp:".__add__)))
def test_any_text_is_an_address_or_an_address_error(url: str) -> None:
    address: object = None
    with suppress(AddressError):
        address = parse_address(url)
    assert isinstance(address, MemoryAddress | PtyAddress | SerialAddress | TcpAddress | None)
    assert address is None or parse_address(str(address)) == address


@pytest.mark.parametrize("url", ["memory:", "pty:"])
def test_an_emulated_device_has_to_be_started_first(url: str) -> None:
    with pytest.raises(AddressError, match="started first"):
        asyncio.run(open_channel(url))
