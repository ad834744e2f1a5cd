"""Whatever octets arrive: a value that gives the same octets back, or a typed error. Nothing else."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from bench.inspection import Inspection, inspect_message
from protocols.errors import DecodeError
from protocols.gbcs.message import Message

from ..reference import reference_messages

SEED = 20260101

# For checkouts without the reference messages: one of each payload family.
EXAMPLES = (
    "DF090100000000000003E80890B3D51F300100000800DB1234567890A00002004F15D9200003E8000103000900000A006AFF0101120033",
    "DF090200000000000003E80800DB1234567890A10890B3D51F300100000002008216010901010702000E180001050200216400140000300200",
    "DF090200000000000003E80800DB1234567890A10890B3D51F300100000002007F163014180F32303135303130313030303030305A02010000",
)


def seeds() -> list[bytes]:
    return [m.octets for m in reference_messages()] or [bytes.fromhex(text) for text in EXAMPLES]


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_is_a_message_of_its_family(text: str) -> None:
    octets = bytes.fromhex(text)
    assert inspect_message(octets).rebuilt == octets


def mutate(octets: bytes, random: Random) -> bytes:
    """One to four changes: an octet altered, removed, inserted, doubled; a cut; a length blown up; a splice."""
    data = bytearray(octets)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data)) if data else 0
        match random.randrange(7):
            case 0 if data:
                data[at] ^= 1 << random.randrange(8)
            case 1 if data:
                data[at] = random.choice((0, 1, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFF, random.randrange(256)))
            case 2 if data:
                del data[at : at + random.randint(1, 4)]
            case 3:
                data[at:at] = random.randbytes(random.randint(1, 4))
            case 4 if data:
                del data[at:]
            case 5:
                data[at : at + 1] = b"\x84\xff\xff\xff\xff"
            case 6 if data:
                end = at + random.randint(1, 40)
                data[at:at] = data[at:end] * random.randint(1, 3)
    return bytes(data)


def with_mutated_payload(octets: bytes, random: Random) -> bytes:
    """The same envelope, its lengths right, around a mutated payload: this gets past the first checks."""
    message = Message.decode(octets)
    return replace(message, payload=mutate(message.payload, random)).encode()


def outcome(octets: bytes) -> Inspection | DecodeError:
    """What comes of inspecting a message; any other exception ends the test."""
    try:
        return inspect_message(octets)
    except DecodeError as error:
        return error


def check(number: int, random: Random) -> int:
    """Mutate and inspect ``number`` messages; return how many still decoded."""
    decoded, sources = 0, seeds()
    for _ in range(number):
        octets = random.choice(sources)
        octets = mutate(octets, random) if random.random() < 0.3 else with_mutated_payload(octets, random)
        found = outcome(octets)
        if isinstance(found, DecodeError):
            assert 0 <= found.offset <= len(octets), octets.hex()
            continue
        decoded += 1
        assert found.rebuilt == octets, octets.hex()
        assert bytes(found.sheet().octets) == octets, octets.hex()
    return decoded


def test_five_thousand_mutated_messages_end_in_a_value_or_a_typed_error() -> None:
    assert 0 < check(5_000, Random(SEED)) < 5_000


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_thousand_mutated_messages_end_in_a_value_or_a_typed_error() -> None:
    assert 0 < check(200_000, Random(SEED + 1)) < 200_000


@pytest.mark.parametrize("length", [0, 1, 2, 100, 70_000, 200_000])
def test_octets_without_any_meaning_are_a_typed_error(length: int) -> None:
    with pytest.raises(DecodeError):
        inspect_message(Random(length).randbytes(length))


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\xd9\x20\x00\x03\xe8\x00\x01\x01\x00\x01" + b"\x01\x01" * 20_000, id="arrays in arrays"),
        pytest.param(b"\x0f\x20\x00\x07\xd0\x00" + b"\x02\x01" * 20_000, id="structures in structures"),
        pytest.param(b"\x0f\x20\x00\x07\xd0\x00\x01\x84\xff\xff\xff\xff", id="four thousand million elements"),
        pytest.param(
            b"\x0f\x20\x00\x07\xd0\x00\x13" + b"\x01\xff\xff" * 10 + b"\x00\x01\x00", id="compact array of nothing"
        ),
    ],
)
def test_nesting_and_counts_are_bounded(payload: bytes) -> None:
    start = bytes.fromhex("DF090300000000000007D00800DB1234567890A00890B3D51F3001000000021000")
    length = b"\x82" + len(payload).to_bytes(2, "big") if len(payload) > 255 else bytes((len(payload),))
    with pytest.raises(DecodeError):
        inspect_message(start + length + payload + b"\x00")
