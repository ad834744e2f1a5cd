"""Every command of the catalogue, in vectors made from its rows: emulated devices in those states answer so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.reproduce.answering import Answering
from bench.reproduce.causes import Causes
from bench.reproduce.compare import Comparison, Likeness
from bench.reproduce.device_for import Workshop
from bench.reproduce.moment import Moments
from bench.reproduce.vectors import Pair, Vectors
from firmware_emu.alert_forms import FACTS, USUAL, readings, written
from firmware_emu.clock import TIMES_WITH_STATUS
from protocols.dlms.access import AccessRequest, AccessResponse, Result, Service, get
from protocols.dlms.data import Data, DataType, null, octet_string
from protocols.dlms.obis import obis
from protocols.eui64 import Eui64
from protocols.gbcs.gbz import GbzAlert, GbzPayload, Reason
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.message import OtherInformation
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import add_mac
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Payload
from protocols.zigbee.zcl import ReadAttributesResponse

from .made_vectors import date_time, made_alert, notification, only_reads
from .synthetic import (
    AT,
    BROKER,
    DEVICES,
    PARTIES,
    Synthesis,
    Way,
    begins_with_command,
    make_keys,
    only_reads_attributes,
    ways,
)

DLMS, GBZ = ways(Payload.DLMS), ways(Payload.GBZ)
READS = [way for way in DLMS if only_reads(way.case)]
ATTRIBUTES = [way for way in GBZ if only_reads_attributes(way.case)]
SUPPLIER, OPERATOR, CONTROLLER = (
    RemotePartyRole.SUPPLIER,
    RemotePartyRole.NETWORK_OPERATOR,
    RemotePartyRole.LOAD_CONTROLLER,
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> FolderKeyStore:
    return make_keys(tmp_path_factory.mktemp("synthetic") / "keys")


@pytest.fixture(scope="module")
def answering(keys: FolderKeyStore) -> Answering:
    return Answering(Workshop(Vectors(), keys), Moments(Vectors()))


def check(found: Comparison) -> None:
    assert found.likeness is not Likeness.DIFFERENT, found.reason


def test_the_catalogue_is_all_there() -> None:
    assert len({way.case.name for way in (*DLMS, *GBZ)}) > 150
    assert {way.device for way in (*DLMS, *GBZ)} == {*DeviceType} - {
        DeviceType.PPMID,
        DeviceType.HCALCS,
        DeviceType.TYPE_2,
    }


@pytest.mark.parametrize("way", READS, ids=str)
def test_what_is_read_is_read(way: Way, keys: FolderKeyStore, answering: Answering) -> None:
    for twin in (False, True):
        check(answering.reproduce(Synthesis(way, keys, twin).reading()))


@pytest.mark.parametrize("way", READS, ids=str)
def test_a_read_fails_anywhere(way: Way, keys: FolderKeyStore, answering: Answering) -> None:
    for place in range(len(way.case.instructions)):
        check(answering.reproduce(Synthesis(way, keys).fault_at(place)))


@pytest.mark.parametrize("way", [way for way in DLMS if way not in READS], ids=str)
def test_a_write_fails_at_once(way: Way, keys: FolderKeyStore, answering: Answering) -> None:
    check(answering.reproduce(Synthesis(way, keys).fault_at(0)))


@pytest.mark.parametrize("way", ATTRIBUTES, ids=str)
def test_attributes_are_read(way: Way, keys: FolderKeyStore, answering: Answering) -> None:
    statuses = [0] if way.case.message_code not in TIMES_WITH_STATUS else [0, 2]
    if way.device is DeviceType.GPF:  # it may tell what was measured by the meter's clock
        statuses += [4] * (len(statuses) > 1)
    for status in statuses:
        check(answering.reproduce(Synthesis(way, keys, status=status).attributes()))


@pytest.mark.parametrize("way", ATTRIBUTES, ids=str)
def test_the_read_of_an_attribute_fails(way: Way, keys: FolderKeyStore, answering: Answering) -> None:
    for number in range(sum(len(step.attributes) for step in way.case.components)):
        check(answering.reproduce(Synthesis(way, keys).attributes(fault=number)))


@pytest.mark.parametrize("way", [way for way in GBZ if begins_with_command(way.case)], ids=str)
def test_a_gas_command_fails_at_once(way: Way, keys: FolderKeyStore, answering: Answering) -> None:
    check(answering.reproduce(Synthesis(way, keys).refused()))


def altered(pair: Pair, keys: FolderKeyStore) -> Pair:
    """The last instruction of the answer went another way."""
    message, payload = pair.response.message, pair.response.payload
    assert isinstance(payload, AccessResponse)
    last = payload.results[-1]._replace(code=3)
    results = (*payload.results[:-1], last)
    data = (*payload.data[:-1], Data(DataType.NULL, None))
    made = replace(message, payload=AccessResponse(payload.invoke_id, data, results).encode(), mac=None)
    made = add_mac(made, keys)
    return Pair(pair.command, replace(pair.response, octets=made.encode(), message=made, payload=decode_payload(made)))


@pytest.mark.parametrize("way", [way for way in READS if way.sender is SUPPLIER][::7], ids=str)
def test_an_answer_that_no_such_state_gives_is_told(way: Way, keys: FolderKeyStore, answering: Answering) -> None:
    found = answering.reproduce(altered(Synthesis(way, keys).reading(), keys))
    assert (found.likeness, found.reason != "") == (Likeness.DIFFERENT, True)


def test_devices_that_go_on_after_a_failure_are_told(keys: FolderKeyStore) -> None:
    """All but those of which some variant has none of the objects, and so gives the same answer."""
    workshop, long = Workshop(Vectors(), keys), [way for way in READS if len(way.case.instructions) > 1][::5]
    pairs = [Synthesis(way, keys).fault_at(0) for way in long]
    for defects, least, most in (((), 0, 0), (("goes-on-after-failure",), 0.9 * len(long), len(long))):
        answering = Answering(workshop, Moments(Vectors()), defects)
        told = sum(answering.reproduce(pair).likeness is Likeness.DIFFERENT for pair in pairs)
        assert least <= told <= most


# alerts of which not everything is published

MASK = 0xE0000002
TOLD: dict[int, list[dict[str, int | str]]] = {
    0x0110: [{"device": int.from_bytes(DEVICES[DeviceType.ESME], "big")}],
    0x0111: [{"channel": MASK, "trigger": number, "change": MASK << 24 | 0x090100 | number} for number in range(8)],
    0x0112: [{"assessment": number} for number in range(3)],
    0x0123: [{"controller": 0x12, "number": 2, "output": 40, "input": 25, "text": "warm"}],
}
FORMS = {
    0x0110: ["device:octets", ""],
    0x0111: ["channel:bits trigger:octets", "channel:octets trigger:u8", "change:octets", "channel:u32 trigger:enum"],
    0x0112: ["assessment:octets", "assessment:u8", "assessment:enum"],
    0x0123: ["controller:u8 output:u8 input:u8 text:utf8", "number:u8 text:visible", "output:u8 input:u8 text:octets"],
}
ALERT_CODES = {0x0110: 0x8F20, 0x0111: 0x8F26, 0x0112: 0x8F28, 0x0123: 0x8F88}
CASES = [(code, form, told) for code in FORMS for form in FORMS[code] for told in TOLD[code]]


def causes(keys: FolderKeyStore) -> Causes:
    return Causes(Workshop(Vectors(), keys), Vectors())


def reproduced(
    keys: FolderKeyStore, recipient: Eui64, code: int, alert: int, *body: Data, supplementary: Eui64 | None = None
) -> Comparison:
    device = DEVICES[DeviceType.CHF if 0x0110 <= code <= 0x0115 else DeviceType.ESME]
    vector = made_alert(device, recipient, code, notification(alert, AT, *body), keys)
    if supplementary is not None:
        other = OtherInformation(code, supplementary)
        message = replace(vector.message, other=other)
        vector = replace(vector, octets=message.encode(), message=message)
    return causes(keys).reproduce(vector)


def test_every_unpublished_form_is_tried_here() -> None:
    assert FORMS.keys() == TOLD.keys() == FACTS.keys()
    assert all(USUAL[code] == forms[0] for code, forms in FORMS.items())


@pytest.mark.parametrize(("code", "form", "told"), CASES)
def test_unpublished_forms_of_alerts(keys: FolderKeyStore, code: int, form: str, told: dict[str, int | str]) -> None:
    body = written(code, form, told)
    assert form in dict(readings(code, body))
    recipient = PARTIES[SUPPLIER if code == 0x0123 else BROKER]
    check(reproduced(keys, recipient, code, ALERT_CODES[code], *body))


@pytest.mark.parametrize("prefix", [b"", b"\x02", b"\x09\x02"])
def test_a_reason_in_any_form(keys: FolderKeyStore, prefix: bytes) -> None:
    alert = GbzAlert(0x81A0, AT, Reason(5, prefix), 1)
    check(causes(keys).reproduce(made_alert(DEVICES[DeviceType.GSME], PARTIES[SUPPLIER], 0x00F2, alert, keys)))


def test_an_alert_that_names_the_load_controller(keys: FolderKeyStore) -> None:
    body = [Data(DataType.UINT8, 0x13), Data(DataType.UINT8, 60)]
    controller = PARTIES[CONTROLLER]
    check(reproduced(keys, PARTIES[SUPPLIER], 0x0122, 0x8F87, *body, supplementary=controller))
    check(reproduced(keys, PARTIES[SUPPLIER], 0x0122, 0x8F87, *body))


@pytest.mark.parametrize("late", [0, 240])
def test_an_outage_told_late(keys: FolderKeyStore, late: int) -> None:
    body = (date_time(AT - late - 600), date_time(AT - late))
    check(reproduced(keys, PARTIES[OPERATOR], 0x0067, 0x8F36, *body))


def test_an_alert_to_somebody_whom_the_table_does_not_name_is_reproduced_and_told(keys: FolderKeyStore) -> None:
    found = reproduced(keys, PARTIES[SUPPLIER], 0x0067, 0x8F36, date_time(AT - 600), date_time(AT))
    check(found)
    assert "one party" in found.reason


def test_an_alert_whose_body_is_none_of_the_forms_is_told(keys: FolderKeyStore) -> None:
    found = reproduced(keys, PARTIES[BROKER], 0x0112, 0x8F28, octet_string(b"\0\0\0"))
    assert found.likeness is Likeness.DIFFERENT


def test_a_state_that_is_shown_otherwise_is_pinned_and_told(keys: FolderKeyStore, answering: Answering) -> None:
    """A date-time of which every octet is zero is none that a device would write."""
    (way,) = [way for way in READS if way.case.name == "ECS18a" and way.sender is OPERATOR]
    pair = Synthesis(way, keys).reading()
    message, payload = pair.response.message, pair.response.payload
    assert isinstance(payload, AccessResponse)
    assert payload.results[0].service is Service.GET
    data = (octet_string(bytes(12)), *payload.data[1:])
    made = replace(message, payload=AccessResponse(payload.invoke_id, data, payload.results).encode(), mac=None)
    made = add_mac(made, keys)
    odd = Pair(pair.command, replace(pair.response, octets=made.encode(), message=made, payload=decode_payload(made)))
    found = answering.reproduce(odd)
    check(found)
    assert "shows another" in found.reason


def test_an_object_that_the_device_does_not_have_is_shown_and_told(keys: FolderKeyStore, answering: Answering) -> None:
    """Lists of use cases that are retired, or in no public text, are not certain."""
    way = next(way for way in READS if way.sender is BROKER and len(way.case.instructions) == 1)
    pair = Synthesis(way, keys).reading()
    message, payload = pair.command.message, pair.command.payload
    assert isinstance(payload, AccessRequest)
    asked = replace(payload, specifications=(get(1, obis("0-0:77.7.7.255"), 2)[0],), data=(null(),))
    made = add_mac(replace(message, payload=asked.encode(), mac=None), keys, PARTIES[BROKER])
    command = replace(pair.command, octets=made.encode(), message=made, payload=decode_payload(made))
    shown = AccessResponse(payload.invoke_id, (octet_string(b"odd"),), (Result(Service.GET, 0),))
    answer = add_mac(replace(pair.response.message, payload=shown.encode(), mac=None), keys)
    odd = replace(pair.response, octets=answer.encode(), message=answer, payload=decode_payload(answer))
    found = answering.reproduce(Pair(command, odd))
    check(found)
    assert "no preset" in found.reason


def test_an_attribute_of_another_type_is_shown_and_told(keys: FolderKeyStore, answering: Answering) -> None:
    way = next(way for way in ATTRIBUTES if way.case.name == "GCS60")
    pair = Synthesis(way, keys).attributes()
    payload = pair.response.payload
    assert isinstance(payload, GbzPayload)
    first, *others = payload.components
    assert isinstance(first.content, ReadAttributesResponse)
    (record,) = first.content.records
    assert (record.type, record.value is not None) == (0x23, True)
    content = ReadAttributesResponse((record._replace(type=0x25),))  # 48 bits in the place of 32
    made = GbzPayload((first._replace(content=content), *others)).encode()
    answer = add_mac(replace(pair.response.message, payload=made, mac=None), keys)
    odd = replace(pair.response, octets=answer.encode(), message=answer, payload=decode_payload(answer))
    found = answering.reproduce(Pair(pair.command, odd))
    check(found)
    assert "shows another" in found.reason
