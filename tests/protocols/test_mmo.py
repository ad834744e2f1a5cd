"""AES-MMO and installation codes, against the published examples of ZigBee Smart Energy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import LocalProtocolError
from protocols.zigbee import mmo
from protocols.zigbee.mmo import (
    InstallCodeError,
    checked_install_code,
    install_code_check,
    install_code_key,
    mmo_hash,
)


@pytest.mark.parametrize(
    ("code", "check", "key"),
    [
        ("83FED3407A939723A5C639B26916D505", "C3B5", "66B6900981E1EE3CA4206B6B861C02BB"),
        ("83FED3407A93", "2B70", "CD4FA064773F46941EC986C09963D1A8"),
    ],
)
def test_published_installation_codes(code: str, check: str, key: str) -> None:
    octets = bytes.fromhex(code)
    assert install_code_check(octets) == bytes.fromhex(check)
    assert install_code_key(octets) == bytes.fromhex(key)
    assert checked_install_code(bytes.fromhex(code + check)) == octets


def test_published_hash_of_a_link_key() -> None:
    assert mmo_hash(bytes(range(0xC0, 0xD0))).hex().upper() == "A7977E88BC0B61E8210827109A228F2D"


def test_hash_of_published_short_messages() -> None:
    # ZigBee specification, C.5: one octet, and sixteen
    assert mmo_hash(b"\xc0").hex().upper() == "AE3A102A28D43EE0D4A09E22788B206C"


@given(st.sampled_from([6, 8, 12, 16]), st.data())
def test_one_wrong_bit_is_noticed(length: int, data: st.DataObject) -> None:
    code = data.draw(st.binary(min_size=length, max_size=length))
    octets = bytearray(code + install_code_check(code))
    place = data.draw(st.integers(0, 8 * len(octets) - 1))
    octets[place // 8] ^= 1 << place % 8
    with pytest.raises(InstallCodeError):
        checked_install_code(bytes(octets))


@pytest.mark.parametrize("length", [0, 1, 5, 7, 15, 17, 18])
def test_other_lengths_are_no_installation_code(length: int) -> None:
    with pytest.raises(InstallCodeError):
        install_code_key(bytes(length))


@pytest.mark.parametrize(
    ("length", "digest"),
    [
        (8191, "24EC2FE75BBFFCB34789BC0610E7F165"),
        (8192, "DC6B0687F09F8607131C170B3BD31591"),
        (8201, "72C9B15E178AA843E4A16C58E33643A3"),
        (8202, "BC9828D59B2AA323DAF20BE5F2E66511"),
    ],
)
def test_hash_of_published_long_messages(length: int, digest: str) -> None:
    # ZigBee specification, C.5: on both sides of where the length takes 32 bits, and where a block is added
    assert mmo_hash(bytes(place & 0xFF for place in range(length))).hex().upper() == digest


def test_longest_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmo, "LONGEST_MESSAGE", 20)
    assert len(mmo_hash(bytes(20))) == 16
    with pytest.raises(LocalProtocolError):
        mmo_hash(bytes(21))
