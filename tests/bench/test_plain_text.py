"""Values as the evidence shows them."""

from __future__ import annotations

from typing import Any

import pytest

from bench.plain_text import plain_text
from bench.products.refusals import GateCheck
from protocols.dlms.data import DataType, octet_string, structure, uint8
from protocols.gbcs.asn1_device import ActivateFirmwareResponse, ActivationOutcome, ActivationResult


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (7, "7"),
        (None, "none"),
        (True, "True"),
        (b"1234567890", "1234567890"),
        (b"\x00\xab", "00AB"),
        (b"A1", "4131"),
        (b"caf\xe9", "636166E9"),
        (b"", ""),
        (DataType.COMPACT_ARRAY, "compact array"),
        (GateCheck.MAKER, "maker's signature"),
        (structure(uint8(1), octet_string(b"\xff")), "[1, FF]"),
        (["a", ("b", 2)], "[a, [b, 2]]"),
        ({"hub": "recovered"}, "hub: recovered"),
        (ActivateFirmwareResponse(), "outcome none"),
        (
            ActivateFirmwareResponse(ActivationOutcome(ActivationResult.HASH_MISMATCH, bytes(4))),
            "outcome result hash mismatch, version 00000000",
        ),
    ],
)
def test_values_bear_no_marks_of_the_program(value: Any, text: str) -> None:
    assert plain_text(value) == text
