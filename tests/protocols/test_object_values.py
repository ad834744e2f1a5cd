"""Values against the shapes of the catalogue."""

from __future__ import annotations

import pytest

from protocols.dlms.access import AccessRequest, AccessResponse, Service
from protocols.dlms.data import (
    CompactArray,
    Data,
    DataType,
    TypeDescription,
    array,
    null,
    octet_string,
    structure,
    uint8,
    uint16,
    uint32,
)
from protocols.gbcs.message import Message
from protocols.gbcs.object_values import misfit
from protocols.gbcs.objects import all_objects, find
from protocols.gbcs.objects_shapes import shape
from protocols.gbcs.payload import decode_payload

from ..reference import reference_messages

ROW = TypeDescription(DataType.STRUCTURE, (TypeDescription(DataType.UINT32), TypeDescription(DataType.UINT8)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("u8", uint8(1)),
        ("u32 Wh", uint32(1)),
        ("oct12|u16", uint16(1)),
        ("oct12|u16", octet_string(b"any length")),
        ("null", null()),
        ("[] of u8", array()),
        ("[1..4] of {a: u8, b?: u16}", array(structure(uint8(1)), structure(uint8(1), uint16(2)))),
        ("log of {time: u32 s since 2000, x: u8}", Data(DataType.COMPACT_ARRAY, CompactArray(ROW, ((1, 2), (3, 4))))),
        ("log of {time: u32, x: u8}", array(structure(uint32(1), uint8(2)))),
        ("{}", structure(uint8(1))),
    ],
)
def test_what_fits(text: str, value: Data) -> None:
    assert misfit(shape(text), value) == ""


@pytest.mark.parametrize(
    ("text", "value", "said"),
    [
        ("u8", uint16(1), "value is uint16, not uint8"),
        ("oct12|u16", null(), "value is null, not octet string or uint16"),
        ("{a: u8, b?: u16}", structure(), "value has 0 members, not 2 or 1"),
        ("{a: u8, b: [] of u16}", structure(uint8(1), array(uint16(1), uint8(1))), "value.b[1] is uint8, not uint16"),
        ("{a: u8}", uint8(1), "value is uint8, not structure"),
        ("[] of u8", structure(uint8(1)), "value is structure, not array"),
        (
            "log of {time: u32, x: u16}",
            Data(DataType.COMPACT_ARRAY, CompactArray(ROW, ((1, 2),))),
            "value[0].x is uint8, not uint16",
        ),
    ],
)
def test_what_does_not_fit_is_said(text: str, value: Data, said: str) -> None:
    assert misfit(shape(text), value) == said


def test_every_shape_of_the_catalogue_refuses_what_it_cannot_be() -> None:
    nothing = Data(DataType.DONT_CARE, None)
    for known in all_objects():
        assert misfit(known.shape, nothing, known.name).startswith(f"{known.name} is dont care, not ")


@pytest.mark.shared
def test_the_reference_answers_have_the_shapes_of_the_catalogue() -> None:
    named, checked = {reference.name: reference.octets for reference in reference_messages()}, 0
    for name, octets in named.items():
        answer = named.get(name.replace("_COMMAND", "_RESPONSE"))
        asked = decode_payload(Message.decode(octets))
        if "_COMMAND" not in name or not isinstance(asked, AccessRequest) or answer is None:
            continue
        told = decode_payload(Message.decode(answer))
        assert isinstance(told, AccessResponse)
        for each, value, result in zip(asked.specifications, told.data, told.results, strict=True):
            known = find(each.class_id, each.obis, "attribute", each.attribute)
            if result.code == 0 and each.service in (Service.GET, Service.GET_SELECTED) and known is not None:
                assert misfit(known.shape, value, known.name) == "", name
                checked += 1
    assert checked > 200
