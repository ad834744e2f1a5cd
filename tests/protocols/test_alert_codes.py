"""The table of alert and event codes, alone and against the reference messages."""

from __future__ import annotations

import pytest

from protocols.dlms.access import DataNotification
from protocols.gbcs.alert_codes import AlertCode, AlertKind, Log, Wan, all_codes, by_code
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Protection, all_use_cases, by_alert_code

from ..reference import reference_messages


def _code(code: int) -> AlertCode:
    found = by_code(code)
    assert found is not None
    return found


def test_a_security_event_is_signed_logged_and_not_configurable() -> None:
    row = _code(0x8F3F)
    assert (row.kind, row.wan, row.han, row.configurable) == (AlertKind.CRITICAL, Wan.GENERIC, False, False)
    assert row.log_on(DeviceType.GSME) is Log.SECURITY
    assert row.log_on(DeviceType.PPMID) is None
    assert RemotePartyRole.SUPPLIER in row.recipients


def test_a_voltage_alert_belongs_to_the_network_operator() -> None:
    row = _code(0x8003)
    assert row.recipients == {RemotePartyRole.NETWORK_OPERATOR}
    assert row.configurable_by is RemotePartyRole.NETWORK_OPERATOR
    assert (row.kind, row.meters, row.log_on(DeviceType.ESME)) == (AlertKind.NON_CRITICAL, "poly", Log.POWER)


def test_a_low_credit_alert_is_shared_on_the_han() -> None:
    row = _code(0x810D)
    assert (row.han, row.configurable_by) == (True, RemotePartyRole.SUPPLIER)


def test_unknown_codes_are_none() -> None:
    assert by_code(0x8000) is None
    assert by_code(-1) is None


def test_codes_are_in_order_and_there_once() -> None:
    codes = [row.code for row in all_codes()]
    assert codes == sorted(set(codes))
    assert len(codes) == 190


def test_the_prefix_says_who_may_configure() -> None:
    owners = {0x80: RemotePartyRole.NETWORK_OPERATOR, 0x81: RemotePartyRole.SUPPLIER}
    for row in all_codes():
        if row.configurable_by:
            assert row.configurable_by is owners[row.code >> 8], hex(row.code)
            assert row.kind is not AlertKind.CRITICAL, hex(row.code)


def test_what_is_only_logged_is_not_sent() -> None:
    for row in all_codes():
        if row.kind is AlertKind.LOG_ONLY:
            assert (row.wan, row.recipients) == (Wan.NONE, frozenset()), hex(row.code)
            assert row.logs, hex(row.code)


def test_what_nobody_established_is_marked() -> None:
    assert "kind" in _code(0x8F01).inferred
    assert "recipients" in _code(0x819D).inferred
    assert not _code(0x8F3F).inferred


def test_codes_with_a_use_case_of_their_own_say_so() -> None:
    for row in all_codes():
        assert (row.wan is Wan.OWN_USE_CASE) == bool(by_alert_code(row.code)), hex(row.code)
    for use_case in all_use_cases():
        for code in use_case.alert_codes:
            assert by_code(code), use_case.name


def test_kind_and_protection_of_the_use_case_agree() -> None:
    carried = {AlertKind.CRITICAL: Protection.SIGNATURE, AlertKind.NON_CRITICAL: Protection.MAC}
    for row in all_codes():
        for use_case in by_alert_code(row.code):
            assert use_case.alert in (carried[row.kind], Protection.NONE), use_case.name


@pytest.mark.shared
def test_reference_alerts_have_a_known_code_and_the_protection_of_its_kind() -> None:
    seen = set()
    for name, octets in reference_messages():
        message = Message.decode(octets)
        if message.cra is not Cra.ALERT:
            continue
        row = _code(_alert_code(message))
        assert (row.kind is AlertKind.CRITICAL) == bool(message.signature), name
        assert (row.kind is AlertKind.NON_CRITICAL) == bool(message.mac), name
        generic = message.message_code in (0x1000, 0x1001)
        assert (row.wan is Wan.GENERIC) == generic, name
        seen.add(row.code)
    assert {0x8F0A, 0x8F30, 0x8F66, 0x8F67, 0x810E, 0x81A0, 0x8071} <= seen


def _alert_code(message: Message) -> int:
    payload = decode_payload(message)
    if isinstance(payload, DataNotification):
        code = payload.body.value[0].value
    else:
        code = getattr(getattr(payload, "value", payload), "alert_code", None)  # an ASN.1 payload wraps its value
    assert isinstance(code, int)
    return code
