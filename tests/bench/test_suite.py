"""The suite against emulated devices: verdicts, planned defects, evidence that is the same every time."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from bench.evidence import Plot, RunRecord, SeenMessage, Strip, Verdict, verify_manifest
from bench.recording import OutputError, check_folder
from bench.rig import load_rig
from bench.runner import run_suite, suite_folder
from firmware_emu.alerts import Alerts
from protocols.dlms.access import AccessResponse, Result
from protocols.dlms.data import (
    Data,
    DataType,
    TypeDescription,
    array,
    compact_array,
    null,
    octet_string,
    structure,
    uint8,
)
from protocols.errors import DecodeError
from protocols.gbcs.gbz import Component, GbzPayload
from protocols.gbcs.message import Message
from protocols.zigbee.zcl import DefaultResponse

REFUSALS = str(suite_folder() / "test_9_refusals.py")
ELECTRICITY, GAS = "electricity-meter", "gas-meter"

DEFECTS = {
    "accepts-wrong-mac": {"MAC made with a wrong key", "One octet of the payload altered on the way"},
    "accepts-wrong-signature": {"Signature made with a wrong key, MAC right"},
    "accepts-replayed-counter": {
        "The same command once more, octet for octet",
        "The same critical command once more, octet for octet",
    },
}
"""Planned defects and the exchanges, and no others, at which the suite must find them."""
IGNORES_ROLE = ("ignores-role", {"A supplier's command from the network operator"})
"""A gas meter knows no party that could send it the wrong thing."""


def run(
    tmp_path: Path,
    *defects: str,
    device: str = ELECTRICITY,
    tests: tuple[str, ...] = (REFUSALS,),
    seed: int | None = None,
) -> RunRecord:
    rig = load_rig().with_seed(seed)
    return run_suite(rig.with_defects(device, *defects), tmp_path / "evidence", tests=tests)


def failed(record: RunRecord) -> set[tuple[str, str]]:
    return {(e.device, e.title) for e in record.exchanges if e.verdict is not Verdict.PASS}


def test_the_whole_suite_passes_on_the_embedded_home(tmp_path: Path) -> None:
    record = run_suite(load_rig(), tmp_path / "evidence")
    assert failed(record) == set()
    assert record.verdict is Verdict.PASS
    use_cases = {exchange.use_case for exchange in record.exchanges}
    assert len(use_cases) >= 40
    assert {exchange.device for exchange in record.exchanges} == {device.name for device in load_rig().devices}
    done = {(each.title, each.device) for each in record.procedures}
    updated = {"hub", ELECTRICITY, GAS, "load-switch", "load-controller", "prepayment-display"}
    assert {device for title, device in done if title == "Firmware update"} == updated
    assert {device for title, device in done if title == "Altered image at the gate"} == updated
    handed_over = {ELECTRICITY, GAS, "gas-proxy", "load-switch", "load-controller"}
    assert {device for title, device in done if title == "Hand-over from the access control broker"} == handed_over
    assert {record.verdict_of(each) for each in record.procedures} == {Verdict.PASS}
    shown = [text for each in record.exchanges for made in each.checks for text in (made.expected, made.found)]
    assert not [text for text in shown if "value=" in text or "<" in text], "types of the program"


def test_the_days_of_the_home_are_in_the_report(tmp_path: Path) -> None:
    record = run_suite(
        load_rig(), tmp_path / "evidence", tests=[str(suite_folder() / "test_4_electricity_prepayment.py")]
    )
    power, _gas, balance, supply = record.plots
    assert isinstance(power, Plot)
    assert isinstance(balance, Plot)
    assert isinstance(supply, Strip)
    (load,) = [device.load for device in load_rig().devices if device.name == ELECTRICITY]
    flows = dict(power.series[0].points)
    started = int(record.started)
    assert flows[started + 600] == pytest.approx(2 * load.wh[0], abs=6)  # a watt-hour in ten minutes
    assert 0.0 in flows.values()
    assert max(dict(balance.series[0].points).values()) > 10
    assert {text for _, text in supply.lanes[0].states} >= {"on", "off", "armed"}
    page = (tmp_path / "evidence" / "report.html").read_text()
    assert page.count('<svg class="plot"') == 4


def test_a_run_without_passing_time_has_no_pictures(tmp_path: Path) -> None:
    assert run(tmp_path).plots == ()


def test_every_planned_refusal_is_tried_on_both_meters(tmp_path: Path) -> None:
    tried = {(exchange.device, exchange.title) for exchange in run(tmp_path).exchanges}
    for title in {title for found in DEFECTS.values() for title in found}:
        assert {(ELECTRICITY, title), (GAS, title)} <= tried


@pytest.mark.parametrize(
    ("device", "defect", "titles"),
    [(device, *planned) for device in (ELECTRICITY, GAS) for planned in DEFECTS.items()]
    + [(ELECTRICITY, *IGNORES_ROLE)],
)
def test_a_meter_that_accepts_it_fails_at_exactly_that_exchange(
    tmp_path: Path, device: str, defect: str, titles: set[str]
) -> None:
    record = run(tmp_path, defect, device=device)
    assert failed(record) == {(device, title) for title in titles}
    assert record.verdict is Verdict.FAIL
    for exchange in record.exchanges:
        if exchange.verdict is Verdict.FAIL:
            assert exchange.reason.startswith("answer to what must be refused: expected none, found response")


@pytest.mark.parametrize(
    ("device", "defect", "test", "found"),
    [
        (GAS, "stops-reporting", "test_8_gas_proxy.py", "Read profile log"),
        ("gas-proxy", "sample-ids-swapped", "test_8_gas_proxy.py", "Read profile log"),
        (ELECTRICITY, "profile-in-watts", "test_2_electricity_reads.py", "Read half-hour profile"),
    ],
)
def test_other_planned_faults_are_found_too(tmp_path: Path, device: str, defect: str, test: str, found: str) -> None:
    record = run(tmp_path, defect, device=device, tests=(str(suite_folder() / test),))
    assert found in {title for _, title in failed(record)}
    assert run(tmp_path, tests=(str(suite_folder() / test),)).verdict is Verdict.PASS


def test_a_refusal_without_its_alert_or_log_entry_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Alerts, "event", lambda *_, **__: None)
    found = run(tmp_path).exchanges
    reasons = {e.title: e.reason for e in found if e.device == ELECTRICITY and e.verdict is Verdict.FAIL}
    assert reasons["MAC made with a wrong key"].startswith("alert: expected 8F3D")
    assert reasons["A supplier's command from the network operator"].startswith("alert: expected 8F30")
    assert reasons["Last octet of the message missing"].startswith("alert: expected 8F1E")
    assert reasons["The same command once more, octet for octet"].startswith("security log: expected 8F53")


# -- whose fault ------------------------------------------------------------------------------------------------------

OWN_TESTS = '''
import pytest
from bench.findings import Inconclusive
from bench.requests import dlms
from protocols.errors import LocalProtocolError, RemoteProtocolError
from hal.channel import TransientChannelError

def test_01_passes(esme):
    """Passes."""
    esme.ask(dlms("ECS52", title="passes"))

def test_02_finding(esme):
    """A value is wrong."""
    esme.ask(dlms("ECS52", title="value")).expect("version", b"other", b"this")

def test_03_assertion(esme):
    """An assertion of the test itself."""
    esme.ask(dlms("ECS52", title="assertion"))
    assert 1 == 2

def test_04_remote(esme):
    """The far side breaks the protocol."""
    raise RemoteProtocolError("nonsense")

def test_05_local(esme):
    """The bench breaks it."""
    raise LocalProtocolError("our fault")

def test_06_bug(esme):
    """A plain mistake in the bench."""
    esme.ask(dlms("ECS52", title="bug"))
    {}["missing"]

def test_07_inner_assertion(esme):
    """An assertion somewhere inside the bench."""
    import json
    def broken(*_):
        assert False
    exec(compile("def inner():\\n    assert False", "elsewhere.py", "exec"), globals())
    inner()

def test_08_inconclusive(esme):
    """Nobody can tell."""
    raise Inconclusive("no daylight")

def test_09_wire(esme):
    """The wire is gone."""
    raise TransientChannelError("unplugged")

def test_10_skipped(esme):
    """Not tried."""
    pytest.skip("not today")
'''


def test_fail_and_error_are_never_mixed_up(tmp_path: Path) -> None:
    own = tmp_path / "test_own.py"
    own.write_text(OWN_TESTS)
    record = run(tmp_path, tests=(str(own),))
    assert [exchange.verdict.value for exchange in record.exchanges] == [
        "PASS", "FAIL", "FAIL", "FAIL", "ERROR", "ERROR", "ERROR", "INCONCLUSIVE", "INCONCLUSIVE", "SKIPPED",
    ]  # fmt: skip
    reasons = {exchange.title: exchange.reason for exchange in record.exchanges}
    assert reasons["The bench breaks it"] == "LocalProtocolError: our fault"
    assert reasons["bug"] == "KeyError: 'missing'"
    assert reasons["value"].startswith("version: expected")
    assert reasons["Nobody can tell"] == "no daylight"


@pytest.mark.parametrize(
    "lie",
    [
        null(),
        structure(),
        array(uint8(1)),
        octet_string(b"abc"),
        compact_array(TypeDescription(DataType.UINT8), (1, 2)),
    ],
    ids=["null", "empty structure", "array", "octets", "compact array"],
)
def test_values_of_other_types_are_faults_of_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: Data
) -> None:
    def lying(invoke_id: int, data: tuple[Data, ...], results: tuple[Result, ...]) -> AccessResponse:
        return AccessResponse(invoke_id, tuple(value if value == null() else lie for value in data), results)

    monkeypatch.setattr("firmware_emu.cosem.AccessResponse", lying)
    record = run(tmp_path, tests=(str(suite_folder()),))
    assert {exchange.verdict for exchange in record.exchanges} == {Verdict.PASS, Verdict.FAIL}


def test_answers_in_more_or_fewer_parts_are_faults_of_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gas = [str(path) for path in suite_folder().glob("test_*gas*.py")]
    for times in (2, 0):

        def lying(components: tuple[Component, ...], times: int = times) -> GbzPayload:
            return GbzPayload(times * components or tuple(map(_default_response, components)))

        monkeypatch.setattr("firmware_emu.zcl_server.GbzPayload", lying)
        (tmp_path / str(times)).mkdir()
        record = run(tmp_path / str(times), tests=tuple(gas))
        assert {exchange.verdict for exchange in record.exchanges} == {Verdict.PASS, Verdict.FAIL}


def _default_response(to: Component) -> Component:
    return Component.general(to.cluster, DefaultResponse(to.frame.command, 0), to.frame.sequence, to_client=True)


# -- evidence ---------------------------------------------------------------------------------------------------------


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_seed_gives_the_same_evidence_octet_for_octet(tmp_path: Path) -> None:
    for name in ("one", "two", "other"):
        (tmp_path / name).mkdir()
    tests = (str(suite_folder()),)
    run(tmp_path / "one", tests=tests)
    run(tmp_path / "two", tests=tests)
    run(tmp_path / "other", tests=tests, seed=2)
    one, two, other = (folder_bytes(tmp_path / name / "evidence") for name in ("one", "two", "other"))
    assert one == two
    assert one["messages.pcapng"] != other["messages.pcapng"]
    assert verify_manifest(tmp_path / "one" / "evidence") == []


@pytest.mark.tshark
def test_tshark_names_the_same_message_codes_and_finds_nothing_malformed(tmp_path: Path) -> None:
    record = run(tmp_path, tests=(str(suite_folder()),))
    capture = tmp_path / "evidence" / "messages.pcapng"
    fields = ["-T", "fields", "-e", "gbcs_message.grouping_header.message_code", "-e", "_ws.malformed"]
    lines = subprocess.run(["tshark", "-r", str(capture), *fields], capture_output=True, check=True, text=True)
    found = [line.split("\t") for line in lines.stdout.splitlines()]
    ours = [_code(message.octets) for message in all_messages(record)]
    assert [int(code, 0) if code else None for code, *_ in found] == ours
    assert [line for line in found if len(line) > 1 and line[1]] == []


def _code(octets: bytes) -> int | None:
    try:
        return Message.decode(octets).message_code
    except DecodeError:
        return None


def test_every_message_is_in_the_json_lines(tmp_path: Path) -> None:
    record = run(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "evidence" / "messages.jsonl").read_text().splitlines()]
    messages = [line for line in lines if line["kind"] == "message"]
    assert [line["octets"] for line in messages] == [m.octets.hex().upper() for m in all_messages(record)]
    assert lines[-1]["kind"] == "total"


def all_messages(record: RunRecord) -> list[SeenMessage]:
    return [message for exchange in record.exchanges for message in exchange.messages]


def test_only_a_folder_of_evidence_is_used_again(tmp_path: Path) -> None:
    check_folder(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    check_folder(tmp_path / "empty")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="holds no evidence"):
        check_folder(tmp_path / "full")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be used"):
        check_folder(tmp_path / "file")
    run(tmp_path)
    check_folder(tmp_path / "evidence")


def test_tests_of_devices_that_the_rig_has_not_are_told_in_one_line_each(tmp_path: Path) -> None:
    rig = load_rig(Path("faulty-meter"))
    record = run_suite(rig, tmp_path / "evidence", tests=(str(suite_folder() / "test_1_hub.py"), REFUSALS))
    skipped = [exchange for exchange in record.exchanges if exchange.verdict is Verdict.SKIPPED]
    assert [exchange.reason for exchange in skipped] == ["the rig has no CHF", "the rig has no GSME"]
    assert record.verdict is Verdict.FAIL
    only_hub = run_suite(rig, tmp_path / "none", tests=(str(suite_folder() / "test_1_hub.py"),))
    assert only_hub.verdict is Verdict.SKIPPED
