"""Values that a device keeps as octets are answered by them, unread."""

from __future__ import annotations

from firmware_emu.cosem import CosemServer
from protocols.dlms.access import AccessResponse, Result, Service, access_request, decode_apdu, get
from protocols.dlms.axdr import encode_data, encoded
from protocols.dlms.data import array, int16, octet_string, structure, uint32
from protocols.dlms.obis import obis

TABLE = array(structure(octet_string(b"\x01"), int16(-5)))
KEY = (20, obis("0-0:13.0.0.255"), 3)


def serving() -> CosemServer:
    server = CosemServer()
    server.attribute(20, "0-0:13.0.0.255", 3, get=lambda: TABLE, kept=lambda: encode_data(TABLE))
    return server


def test_a_kept_table_is_answered_by_its_octets() -> None:
    answer = serving().execute(access_request(7, get(*KEY)))
    assert answer.data == (encoded(encode_data(TABLE)),)
    assert decode_apdu(answer.encode()) == AccessResponse(7, (TABLE,), (Result(Service.GET, 0),))


def test_who_reads_it_within_the_device_gets_the_value() -> None:
    assert serving().read(KEY) == TABLE


def test_a_pin_takes_its_place_and_a_fault_goes_before_it() -> None:
    server, request = serving(), access_request(7, get(*KEY))
    server.pin(KEY, uint32(5))
    assert server.execute(request).data == (uint32(5),)
    server = serving()
    server.faults[KEY] = 1
    assert server.execute(request).results == (Result(Service.GET, 1),)
