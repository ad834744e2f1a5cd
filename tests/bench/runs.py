"""A small run, made up, for the tests of what is written about runs."""

from __future__ import annotations

from bench.evidence import (
    CertificateRecord,
    Check,
    DeviceRecord,
    Exchange,
    Plot,
    RunRecord,
    SeenMessage,
    Series,
    Verdict,
)
from protocols.eui64 import eui64
from protocols.gbcs.message import Message
from protocols.instant import HALF_HOUR, instant
from protocols.sheet import Sheet

START = instant(2026, 1, 31, 12)
OCTETS = bytes.fromhex(
    "DF0901 00000000000003E8 08 90B3D51F30010000 08 00DB1234567890A0 00 02004F 15"
    "D9 200003E8 00 01 03 0009 00000A006AFF 01 01 120033 00"
)
HOSTILE = "<script>alert('x')</script> & \"quotes\" \x00\ud800"
"""What a device may put into any text."""


def seen(name: str, at: float = START, octets: bytes = OCTETS, problem: str = "") -> SeenMessage:
    """A message with its fields."""
    sheet = Sheet()
    Message.decode(octets).describe(sheet)
    return SeenMessage(name, octets, at, tuple(sheet.fields), ("signed by nobody",), problem)


def exchange(verdict: Verdict, use_case: str = "ECS17b", device: str = "kitchen", reason: str = "because") -> Exchange:
    """An exchange with one check that has the verdict of the whole."""
    return Exchange(
        device,
        use_case,
        "Read registers",
        verdict,
        reason,
        START + 60,
        1.25,
        ("DEV-1", "KEY-5"),
        seen("command", START + 60),
        (seen("response", START + 61.25),),
        (Check("result code", verdict, "0 success", "3 read-write denied"),),
    )


def run(*exchanges: Exchange) -> RunRecord:
    """A run with one device for these exchanges, or with one exchange for each verdict."""
    fingerprint = "0f" * 32
    certificate = CertificateRecord("digital signature", "90-B3-D5-1F-30-01-00-00", fingerprint)
    meter = DeviceRecord("kitchen", "ESME", eui64("00DB1234567890A0"), "0100-0001", (certificate,))
    points = [(START + number * HALF_HOUR, 0.5 + number % 7) for number in range(48)]
    return RunRecord(
        "home",
        "ab" * 32,
        7,
        START,
        (meter,),
        exchanges or tuple(exchange(verdict, f"ECS{number}") for number, verdict in enumerate(Verdict)),
        (Plot("Power", (Series("import", points),), "kW"),),
        (certificate,),
        "0.1.0",
        "3.11.2",
        (("construct", "2.10.70"),),
    )
