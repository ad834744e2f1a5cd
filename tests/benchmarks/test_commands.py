"""How fast a whole electricity meter handles commands, beside the cryptography that each of them needs.

The meter's clock goes on by a second for every command, its memory takes every commit, and every answer leaves it as
octets. Commands are made beforehand: the remote party's work does not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from protocols.dlms.access import AccessRequest, access_request, get
from protocols.dlms.obis import obis
from protocols.gbcs.message import Message
from protocols.gbcs.use_cases import UseCase, by_name

from ..firmware_emu.tiny import CLOSE_SWITCH, OPEN_SWITCH, READ_VERSION, SUPPLIER, messages
from ..firmware_emu.whole_meter import Steady, WholeMeter
from .ratios import Operation, compare
from .test_protection import SIGNING, VERIFYING, gmac_of

ROUNDS, BATCH = 25, 40


def use_case(name: str) -> UseCase:
    """The row of a use case."""
    row = by_name(name)
    assert row is not None
    return row


READ_POWER = access_request(0, get(1, obis("0-0:94.44.34.20"), 2))
READ_TARIFF = access_request(0, *[get(each.class_id, each.obis, each.index) for each in use_case("ECS24").instructions])
NON_CRITICAL = {
    "firmware_version": ("ECS52", READ_VERSION),  # a constant
    "power": ("ECS17c", READ_POWER),  # what has flowed since the last command is booked first, and kept
    "whole_tariff": ("ECS24", READ_TARIFF),  # 17 values of a kilobyte
}


def batches(meter: WholeMeter, commands: list[tuple[str, AccessRequest]]) -> Iterator[list[bytes]]:
    """Batches of commands with counters that go up, enough for every round."""
    made = [meter.build(*commands[index % len(commands)], SUPPLIER).encode() for index in range(BATCH)]
    while True:
        yield made
        made = [meter.build(*commands[index % len(commands)], SUPPLIER).encode() for index in range(BATCH)]


def handling(meter: WholeMeter, commands: list[tuple[str, AccessRequest]]) -> Operation:
    """Have the meter handle the next batch; every command is answered."""
    ready = [batch for _, batch in zip(range(ROUNDS + 3), batches(meter, commands), strict=False)]

    def run() -> None:
        for octets in ready.pop():
            meter.now += 1
            outputs = meter.send(octets)
            assert outputs

    ready.reverse()
    return run


@pytest.mark.parametrize("kind", NON_CRITICAL)
def test_non_critical_commands(benchmark: Any, kind: str) -> None:
    meter = WholeMeter(load=Steady(300))
    (answer,) = messages(meter.send(meter.build(*NON_CRITICAL[kind], SUPPLIER)))
    begun = sha256(bytes(36))
    asked = bytes(6) + meter.build(*NON_CRITICAL[kind], SUPPLIER).body_octets()
    told = bytes(6) + answer.body_octets()

    def floor() -> None:
        for _ in range(BATCH):
            gmac_of(begun, asked)
            gmac_of(begun, told)

    compare(benchmark, handling(meter, [NON_CRITICAL[kind]]), floor, 25, ROUNDS)


def test_critical_commands(benchmark: Any) -> None:
    meter = WholeMeter(load=Steady(300))
    switching = [("ECS43", OPEN_SWITCH), ("ECS42", CLOSE_SWITCH)]
    (answer,) = messages(meter.send(meter.build(*switching[0], SUPPLIER)))
    compare(
        benchmark, handling(meter, switching), critical_floor(meter.build(*switching[0], SUPPLIER), answer), 4, ROUNDS
    )


def critical_floor(command: Message, answer: Message) -> Operation:
    """Check a MAC and a signature, make a signature."""
    begun = sha256(bytes(36))
    private = ec.derive_private_key(0x1234567, ec.SECP256R1())
    public = private.public_key()
    asked, body, told = command.signed_octets(), bytes(6) + command.body_octets(), answer.signed_octets()
    signature = encode_dss_signature(*decode_dss_signature(private.sign(asked, SIGNING)))

    def run() -> None:
        for _ in range(BATCH):
            gmac_of(begun, body)
            public.verify(signature, asked, VERIFYING)
            decode_dss_signature(private.sign(told, SIGNING))

    return run
