"""Reference answers and alerts from emulated devices; what differs is told; everything in the catalogue is served."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from bench.exit_codes import ExitCode
from bench.reproduce import Report, reproduce
from bench.reproduce.answering import Answering
from bench.reproduce.compare import Likeness
from bench.reproduce.device_for import TEST_DEVICES, Workshop
from bench.reproduce.moment import Moments
from bench.reproduce.vectors import Vectors, find_vectors
from firmware_emu.parts.credential_rules import CELLS
from protocols.eui64 import Eui64
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.message import Message
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Kind, Payload, UseCase, all_use_cases
from protocols.instant import instant

from ..reference import KEYSTORE, MESSAGES
from .made_vectors import attribute_pair, only_reads, reading_pair

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not MESSAGES.is_dir(), reason="the reference messages are not beside this checkout"),
]

NOT_REPRODUCIBLE = {
    # Both ends of the MAC are devices, and neither's private key is published.
    "NA_PCS01/PCS01_NA_SUCCESS_RESPONSE_GBCS.HEX",
    # A snapshot that names causes (AA) which no date of a billing calendar has.
    "NA_GCS53/GCS53_NA_8F0A_ALERT_GBCS.HEX",
}
AT = instant(2015, 1, 1)
DEVICES = {kind: device for device, kind in TEST_DEVICES.items()}
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
    assert (found["alerts"], found["alerts_reproduced"]) == (66, 65)


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
