"""Reference answers and alerts from emulated devices; what differs is told; everything in the catalogue is served."""

from __future__ import annotations

import json
import os
import shutil
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from bench.exit_codes import ExitCode
from bench.reproduce import Report, reproduce
from bench.reproduce.answering import Answering
from bench.reproduce.causes import Causes
from bench.reproduce.compare import Likeness
from bench.reproduce.device_for import TEST_DEVICES, Workshop
from bench.reproduce.moment import Moments
from bench.reproduce.vectors import Vectors, find_vectors
from firmware_emu.parts.credentials.rules import CELLS
from firmware_emu.parts.electricity.charge_values import Suspension, collection_pattern
from protocols.dlms.access import DataNotification
from protocols.dlms.data import (
    Data,
    array,
    bit_string,
    boolean,
    enum,
    int32,
    octet_string,
    structure,
    uint8,
    uint16,
    utf8_string,
    visible_string,
)
from protocols.eui64 import Eui64
from protocols.gbcs.gbz import GbzAlert, ImageHash, Reason
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.message import Message
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Kind, Payload, UseCase, all_use_cases, by_name
from protocols.instant import instant

from ..reference import KEYSTORE, MESSAGES
from .made_vectors import (
    NOW_OCTETS,
    attribute_pair,
    date_time,
    made_alert,
    notification,
    only_reads,
    reading_pair,
    writing_pair,
)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not MESSAGES.is_dir(), reason="the reference messages are not beside this checkout"),
]

NOT_REPRODUCIBLE = {
    # Both ends of the MAC are devices, and neither's private key is published.
    "NA_PCS01/PCS01_NA_SUCCESS_RESPONSE_GBCS.HEX",
}
AT = instant(2015, 1, 1)
DEVICES = {kind: device for device, kind in TEST_DEVICES.items()}
MODE_OF_CREDIT, MODE_OF_PREPAYMENT = structure(enum(1), enum(1)), structure(enum(2), enum(1))
HASHED_DEVICE = structure(octet_string(bytes(DEVICES[DeviceType.ESME])), octet_string(bytes(16)))
KEYS = ("pairs", "identical", "verified_only_signature_differs", "different", "alerts", "alerts_reproduced", "problems")


@cache
def keys() -> FolderKeyStore:
    return FolderKeyStore.open(KEYSTORE)


@cache
def whole() -> Report:
    return reproduce(MESSAGES, keys())


def test_all_but_what_the_vectors_forbid() -> None:
    found = whole().to_json()
    assert {problem["file"] for problem in found["problems"]} == NOT_REPRODUCIBLE
    assert all(problem["reason"].startswith("the vector forbids it") for problem in found["problems"])
    assert (found["pairs"], found["different"]) == (347, 1)
    assert found["identical"] + found["verified_only_signature_differs"] == 346
    assert (found["alerts"], found["alerts_reproduced"]) == (66, 66)


def copied(folder: Path, *cases: str) -> Path:
    for case in cases:
        shutil.copytree(MESSAGES / case, folder / case)
    return folder


def test_a_folder_that_is_reproduced_passes(tmp_path: Path) -> None:
    folder = copied(tmp_path, "7.1_ECS42")
    result = CliRunner().invoke(app, ["reproduce", str(folder), "--keystore", str(KEYSTORE), "--json"])
    assert result.exit_code == ExitCode.PASS
    found = json.loads(result.output)
    assert tuple(found) == KEYS
    assert (found["pairs"], found["verified_only_signature_differs"], found["problems"]) == (2, 2, [])


def test_text_for_people(tmp_path: Path) -> None:
    folder = copied(tmp_path, "7.1_ECS42")
    result = CliRunner().invoke(app, ["reproduce", str(folder), "--keystore", str(KEYSTORE)])
    assert result.output.split("\n")[0].split() == ["pairs", "2"]


def test_no_folder_and_nothing_in_it_are_usage_errors(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["reproduce", str(tmp_path / "none")]).exit_code == ExitCode.USAGE
    assert CliRunner().invoke(app, ["reproduce", str(tmp_path)]).exit_code == ExitCode.USAGE


def test_without_keys_nothing_is_claimed(tmp_path: Path) -> None:
    report = reproduce(copied(tmp_path, "7.1_ECS42"), None)
    assert report.answers == {Likeness.DIFFERENT: 2}
    result = CliRunner().invoke(app, ["reproduce", str(tmp_path)])
    assert result.exit_code == ExitCode.FAIL
    assert "give them with --keystore" in result.stderr


@pytest.mark.parametrize(
    ("case", "part"),
    [
        *[(case, "counter") for case in ("7.4_ECS45", "7.1_ECS42", "4.1.1_ECS17b", "7.4_GCS33", "6.24.1_CS02aMAC")],
        *[(case, "payload") for case in ("7.4_ECS45", "4.1.1_ECS17b", "7.4_GCS33", "6.24.1_CS02aMAC")],
    ],
)
def test_a_changed_response_is_told(tmp_path: Path, case: str, part: str) -> None:
    """One octet changed in the counter, or at the end of the payload."""
    folder = copied(tmp_path, case)
    (path,) = folder.rglob("*SINGLE_SUCCESS_RESPONSE*") if "17b" in case else folder.rglob("*_SUCCESS_RESPONSE*")
    octets = bytearray.fromhex(path.read_text())
    message = Message.decode(bytes(octets))
    within = octets.find(message.payload) + len(message.payload) - 1
    octets[octets.find(message.counter.to_bytes(8, "big")) + 7 if part == "counter" else within] ^= 1
    path.write_text(octets.hex())
    told = [file for file, _ in reproduce(folder, keys()).problems]
    assert told == [str(path.relative_to(folder))]


def test_a_changed_alert_is_told(tmp_path: Path) -> None:
    folder = copied(tmp_path, "NA_MIIWA-DLMS")
    (path,) = folder.rglob("*ALERT*")
    octets = bytearray.fromhex(path.read_text())
    octets[octets.find(Message.decode(bytes(octets)).payload) + 10] ^= 1  # in the alert code
    path.write_text(octets.hex())
    report = reproduce(folder, keys())
    assert report.alerts == {Likeness.DIFFERENT: 1}


@pytest.mark.parametrize(
    ("defect", "case"),
    [
        ("goes-on-after-failure", "6.5_ECS29a"),
        ("encrypts-with-header-counter", "4.14_ECS21b"),
        ("cancel-means-now", "11.3_CS06"),
    ],
)
def test_a_device_with_a_defect_is_told(tmp_path: Path, defect: str, case: str) -> None:
    folder = copied(tmp_path, case)
    assert not reproduce(folder, keys()).answers[Likeness.DIFFERENT]
    assert reproduce(folder, keys(), defects=[defect]).answers[Likeness.DIFFERENT]


def test_alerts_to_the_wrong_party_are_told(tmp_path: Path) -> None:
    folder = copied(tmp_path, "NA_MIIWA-DLMS")
    assert reproduce(folder, keys()).is_clean
    assert not reproduce(folder, keys(), defects=["alerts-go-to-wrong-party"]).is_clean


def test_a_file_that_is_no_message_is_told(tmp_path: Path) -> None:
    folder = copied(tmp_path, "7.1_ECS42")
    (folder / "X_COMMAND_GBCS.HEX").write_text("00")
    report = reproduce(folder, keys())
    assert [file for file, _ in report.problems] == ["X_COMMAND_GBCS.HEX"]
    assert not report.is_clean


def test_what_is_signed_before_the_broker_adds_its_mac_is_no_command() -> None:
    names = [vector.name for vector in find_vectors(MESSAGES).commands]
    assert names
    assert not [name for name in names if "PRECOMMAND" in name]


# Everything in the catalogue, with made values


@cache
def answering() -> Answering:
    return Answering(Workshop(Vectors(), keys()), Moments(Vectors()))


def cases(kind: DeviceType) -> list[UseCase]:
    roles = {cell.role for cell in CELLS[kind]}
    return [
        case for case in all_use_cases() if case.kind is Kind.COMMAND and kind in case.devices and case.roles & roles
    ]


READINGS = [
    pytest.param(case, kind, twin, id=f"{case.name}-{kind.name}-{'twin' if twin else 'single'}")
    for kind in (DeviceType.ESME, DeviceType.CHF, DeviceType.SAPC)
    for case in cases(kind)
    if case.payload is Payload.DLMS and only_reads(case)
    for twin in (False, True)
]


def parties(kind: DeviceType) -> dict[RemotePartyRole, Eui64]:
    return {cell.role: party for cell in CELLS[kind] if (party := keys().party_of_role(cell.role)) is not None}


@pytest.mark.parametrize(("case", "kind", "twin"), READINGS)
def test_every_read_over_dlms(case: UseCase, kind: DeviceType, twin: bool) -> None:
    store = answering().workshop.far_side
    pair = reading_pair(case, parties(kind), DEVICES[kind], store, AT, twin=twin)
    found = answering().reproduce(pair)
    assert found.likeness is not Likeness.DIFFERENT, found.reason


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        pytest.param(case, kind, id=f"{case.name}-{kind.name}")
        for kind in (DeviceType.GSME, DeviceType.GPF)
        for case in cases(kind)
        if case.components and all(step.attributes for step in case.components)
    ],
)
def test_every_read_of_attributes_over_gbz(case: UseCase, kind: DeviceType) -> None:
    pair = attribute_pair(case, parties(kind), DEVICES[kind], answering().workshop.far_side, AT)
    found = answering().reproduce(pair)
    assert found.likeness is not Likeness.DIFFERENT, found.reason


WRITES: list[tuple[str, DeviceType, tuple[Data, ...]]] = [
    ("ECS02", DeviceType.ESME, (MODE_OF_CREDIT, collection_pattern(Suspension(), twin=False), NOW_OCTETS)),
    (
        "ECS03",
        DeviceType.ESME,
        (MODE_OF_PREPAYMENT, int32(0), collection_pattern(Suspension(), twin=False), NOW_OCTETS, NOW_OCTETS),
    ),
    ("ECS05", DeviceType.ESME, ()),
    ("ECS10", DeviceType.ESME, (octet_string(b"Hello"),)),
    ("ECS14", DeviceType.ESME, (octet_string(b""),)),
    ("ECS28b", DeviceType.ESME, ()),
    ("ECS29f", DeviceType.ESME, ()),
    ("ECS38", DeviceType.ESME, (uint16(1000),)),
    ("ECS38", DeviceType.SAPC, (uint16(1000),)),
    ("ECS46a", DeviceType.ESME, (visible_string("Heater"),) * 5),
    ("ECS46a", DeviceType.SAPC, (visible_string("Heater"),) * 5),
    ("ECS62", DeviceType.ESME, (boolean(True),) * 5),
    ("ECS62", DeviceType.SAPC, (boolean(True),) * 5),
    ("ECS39a", DeviceType.ESME, (octet_string(b"1234567890123"),)),
    ("ECS39a", DeviceType.ESME, (octet_string(b"1234567890123" * 2),)),
    ("ECS39b", DeviceType.ESME, (octet_string(b"1234567890123"),)),
    ("ECS44", DeviceType.ESME, ()),
    ("ECS81", DeviceType.ESME, (boolean(True),)),
    ("ECS25a1", DeviceType.ESME, (bit_string("0" * 512),)),
    ("ECS15a", DeviceType.SAPC, ()),
    ("CCS03", DeviceType.CHF, (structure(octet_string(bytes(8)), array(HASHED_DEVICE)),)),
]


@pytest.mark.parametrize(("name", "kind", "values"), WRITES, ids=[f"{name}-{kind.name}" for name, kind, _ in WRITES])
def test_writes_that_no_reference_message_shows(name: str, kind: DeviceType, values: tuple[Data, ...]) -> None:
    case = by_name(name)
    assert case is not None
    pair = writing_pair(case, parties(kind), DEVICES[kind], answering().workshop.far_side, AT, *values)
    found = answering().reproduce(pair)
    assert found.likeness is not Likeness.DIFFERENT, found.reason


_R = RemotePartyRole
_E, _G, _H = DeviceType.ESME, DeviceType.GSME, DeviceType.CHF
_PAN, _METER = octet_string(b"12345678"), octet_string(bytes(DEVICES[_E]))
ALERTS: list[tuple[DeviceType, RemotePartyRole, int, DataNotification | GbzAlert]] = [
    (_E, _R.NETWORK_OPERATOR, 0x0067, notification(0x8F35, AT, date_time(AT - 60), date_time(AT))),
    (_E, _R.NETWORK_OPERATOR, 0x0067, notification(0x8F36, AT, date_time(AT - 600), date_time(AT))),
    (_E, _R.NETWORK_OPERATOR, 0x0067, notification(0x8F3A, AT, date_time(AT - 600), date_time(AT))),
    (_E, _R.SUPPLIER, 0x0122, notification(0x8F87, AT, uint8(0x15), uint8(30))),
    (_E, _R.SUPPLIER, 0x0123, notification(0x8F88, AT, uint8(0x13), uint8(40), uint8(20), utf8_string("warm"))),
    (_H, _R.ACCESS_CONTROL_BROKER, 0x0018, notification(0x8F12, AT, date_time(AT), _PAN, array(HASHED_DEVICE))),
    (_H, _R.ACCESS_CONTROL_BROKER, 0x0018, notification(0x8F12, AT, date_time(AT), _PAN, array(*[HASHED_DEVICE] * 16))),
    (_H, _R.ACCESS_CONTROL_BROKER, 0x0110, notification(0x8F20, AT, _METER)),
    (_H, _R.ACCESS_CONTROL_BROKER, 0x0111, notification(0x8F26, AT, bit_string(f"1110{2:028b}"), octet_string(b"\0"))),
    (_H, _R.ACCESS_CONTROL_BROKER, 0x0112, notification(0x8F28, AT, octet_string(b"\0"))),
    (_H, _R.ACCESS_CONTROL_BROKER, 0x0112, notification(0x8F28, AT, octet_string(b"\2"))),
    (_G, _R.SUPPLIER, 0x00F2, GbzAlert(0x81A0, AT, Reason(5), 1)),
    (_G, _R.SUPPLIER, 0x00CF, GbzAlert(0x8F72, AT, ImageHash(b"\1" * 32), 1)),
    *[
        (_E, _R.SUPPLIER, 0x1000, notification(code, AT))
        for code in (0x8F1E, 0x8F3D, 0x8F3E, 0x8F3F, 0x8F74, 0x8F75, 0x8F76, 0x8F0C, 0x8F78)
    ],
    *[
        (_G, _R.SUPPLIER, 0x1000, GbzAlert(code, AT))
        for code in (0x8F1D, 0x8F1E, 0x8F30, 0x8F3D, 0x8F3E, 0x8F3F, 0x8F73, 0x8F74, 0x8F0C)
    ],
    *[(_E, _R.SUPPLIER, 0x1001, notification(code, AT)) for code in (0x81B9, 0x81BC, 0x81C4, 0x81C5)],
    *[(_G, _R.SUPPLIER, 0x1001, GbzAlert(code, AT)) for code in (0x81A1, 0x81B4, 0x81C3)],
]


@pytest.mark.parametrize(("kind", "role", "code", "payload"), ALERTS)
def test_alerts_that_no_reference_message_shows(
    kind: DeviceType, role: RemotePartyRole, code: int, payload: DataNotification | GbzAlert
) -> None:
    workshop = answering().workshop
    alert = made_alert(DEVICES[kind], parties(kind)[role], code, payload, workshop.far_side)
    found = Causes(workshop, Vectors()).reproduce(alert)
    assert found.likeness is not Likeness.DIFFERENT, found.reason


def test_an_alert_that_nothing_causes_is_told() -> None:
    workshop = answering().workshop
    alert = made_alert(DEVICES[_E], parties(_E)[_R.SUPPLIER], 0x1000, notification(0x8FFF, AT), workshop.far_side)
    found = Causes(workshop, Vectors()).reproduce(alert)
    assert (found.likeness, found.reason) == (Likeness.DIFFERENT, "no cause is known of the event 8FFF")


def test_a_pipe_among_the_messages_is_a_problem_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "one.HEX")
    result = CliRunner().invoke(app, ["reproduce", str(tmp_path), "--json"])
    assert result.exit_code == ExitCode.FAIL
    assert json.loads(result.stdout)["problems"] == [{"file": "one.HEX", "reason": "not a file"}]
