"""Payloads from the catalogue's lists, against the reference commands."""

from __future__ import annotations

from typing import Any

import pytest

from bench.requests import FIXED_TYPES, Header, Period, Request, dlms, gbz
from protocols.dlms.access import AccessRequest, Service
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import octet_string, uint16
from protocols.dlms.data_protection import ProtectedRead
from protocols.errors import LocalProtocolError
from protocols.eui64 import eui64
from protocols.gbcs.gbz import GbzPayload, decode_gbz
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.use_cases import Payload, UseCase, all_use_cases, by_code
from protocols.gbcs.use_cases_instructions import Operation
from protocols.zigbee.smart_energy import find_command
from protocols.zigbee.zcl import ClusterCommand
from tests.reference import reference_messages

HEADER = Header(0x1_0000_0007, eui64("90B3D51F30010000"), eui64("00DB1234567890A0"), eui64("90B3D51F30010000"), 5)


def dlms_again(case: UseCase, payload: AccessRequest) -> Request:
    """The request that gives this payload, made from its values alone."""
    left, values, leave_out, period = list(zip(payload.specifications, payload.data, strict=True)), [], [], None
    for index, wanted in enumerate(case.instructions):
        found = left[0][0] if left else None
        if found is None or (found.class_id, found.obis, found.attribute) != (
            wanted.class_id,
            wanted.obis,
            wanted.index,
        ):
            leave_out.append(index)
            continue
        specification, data = left.pop(0)
        if specification.selection is not None:
            period = Period(*(specification.selection.value[at].value for at in (1, 2)))
        elif wanted.reads:
            read = ProtectedRead.from_data(data)
            assert read is not None
            if read.objects[0].restriction_type:
                moments = [CosemDateTime.decode(m.value).to_instant() for m in read.objects[0].restriction.value]
                period = Period(*(moment or 0 for moment in moments))
        elif specification.service in (Service.SET, Service.ACTION):
            values.append(data)
    constants = [
        w.fixed[0].name if len(w.fixed) == 1 and len(w.fixed[0].values) == 1 else "" for w in case.instructions
    ]
    written = [
        name
        for at, (w, name) in enumerate(zip(case.instructions, constants, strict=True))
        if at not in leave_out and not w.reads and w.op in (Operation.SET, Operation.ACTION)
    ]
    given = [value for value, name in zip(values, written, strict=True) if name not in FIXED_TYPES]
    return dlms(case.name, *given, period=period, leave_out=leave_out)


def gbz_again(case: UseCase, payload: GbzPayload) -> Request:
    commands: list[dict[str, Any]] = [
        dict(component.content.fields)
        for component in payload.components
        if isinstance(component.content, ClusterCommand)
    ]
    dated = [c.from_date_time for c in payload.components if c.from_date_time is not None]
    return gbz(case.name, *commands, at=dated[0] if dated else None)


@pytest.mark.shared
def test_reference_commands_are_made_again_octet_for_octet() -> None:
    made = 0
    for reference in reference_messages():
        message = Message.decode(reference.octets)
        case = by_code(message.message_code)
        if (
            message.cra is not Cra.COMMAND
            or case is None
            or case.payload is Payload.ASN1
            or "SUCCESS" not in reference.name
        ):
            continue
        payload = decode_payload(message)
        reader = message.other.supplementary_party or message.originator
        header = Header(message.counter, message.originator, message.recipient, reader, 0)
        if isinstance(payload, AccessRequest):
            request = dlms_again(case, payload)
        else:
            assert isinstance(payload, GbzPayload)
            request = gbz_again(case, payload)
        assert request.payload(header) == message.payload, reference.name
        made += 1
    assert made > 200


def test_too_few_and_too_many_values_are_refused() -> None:
    with pytest.raises(LocalProtocolError, match="a value is missing"):
        dlms("ECS16", octet_string(b"1")).payload(HEADER)
    with pytest.raises(LocalProtocolError, match="1 values too many"):
        dlms("ECS42", uint16(51)).payload(HEADER)
    with pytest.raises(LocalProtocolError, match="1 components too many"):
        gbz("GCS33", {"no_such_field": 1}).payload(HEADER)
    with pytest.raises(LocalProtocolError, match="may not be left out"):
        dlms("ECS16", leave_out=(0,))
    with pytest.raises(LocalProtocolError, match="no use case is called"):
        dlms("ECS999")


def test_what_a_gas_command_issues_is_numbered_by_time() -> None:
    component = decode_gbz(gbz("GCS32").payload(HEADER)).components[0]
    assert isinstance(component.content, ClusterCommand)
    assert component.content["issuer_event_id"] == HEADER.now


def test_what_use_cases_fix_are_fields_of_their_commands() -> None:
    """All but the selection of GCS20, which is a list and not one field."""
    for case in all_use_cases():
        for wanted in case.components:
            row = None if wanted.attributes else find_command(wanted.cluster, not wanted.to_server, wanted.command)
            for fixed in wanted.fixed if row is not None and case.name != "GCS20" else ():
                assert row is not None
                known = dict(row.fields.fields)
                assert all(isinstance(known[fixed.name].put(value), bytes) for value in fixed.values), case.name
