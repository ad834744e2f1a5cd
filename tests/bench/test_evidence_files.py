"""The files of an evidence folder, each read back by something else than what wrote it."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from bench.evidence import (
    Check,
    EvidenceFolder,
    Exchange,
    Procedure,
    SeenMessage,
    Verdict,
    verify_manifest,
    write_evidence,
)
from bench.evidence.html import html_page
from bench.evidence.junit import junit_xml
from protocols.gbcs.message import Message

from ..reference import reference_messages
from . import runs
from .runs import HOSTILE, START, exchange, run, seen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_evidence(tmp_path / "run", run())
    return tmp_path / "run"


def test_the_folder_holds_every_kind_of_file(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "SHA256SUMS",
        "junit.xml",
        "manifest.json",
        "messages.jsonl",
        "messages.pcapng",
        "report.html",
        "run.json",
    ]


def test_a_broken_off_run_leaves_what_it_has_seen(tmp_path: Path) -> None:
    def broken_off() -> None:
        with EvidenceFolder(tmp_path, run()) as evidence:
            evidence.exchange(exchange(Verdict.PASS))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert len((tmp_path / "messages.jsonl").read_text().splitlines()) == 4
    assert not (tmp_path / "manifest.json").exists()


def test_json_lines_hold_every_message_raw_and_decoded(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "messages.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["kind"] for line in lines] == ["run", *["message", "message", "verdict"] * 5, "total"]
    sent, received, verdict = lines[1:4]
    assert (sent["direction"], received["direction"]) == ("sent", "received")
    assert (sent["exchange"], received["exchange"], verdict["exchange"]) == (1, 1, 1)
    assert bytes.fromhex(sent["octets"]) == runs.OCTETS
    assert sent["fields"][0]["fields"][3] == {"name": "counter", "offset": 3, "length": 8, "value": 1000}
    assert received["at"] == "2026-01-31T12:01:01.250000Z"
    assert verdict["verdict"] == "PASS"
    assert verdict["checks"][0]["found"] == "3 read-write denied"
    assert lines[-1] == {"kind": "total", "verdict": "FAIL", "totals": dict.fromkeys(map(str, Verdict), 1)}


def test_the_summary_is_json_without_messages(folder: Path) -> None:
    summary = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert summary["seed"] == 7
    assert summary["devices"][0]["eui64"] == "00-DB-12-34-56-78-90-A0"
    assert [one["verdict"] for one in summary["exchanges"]] == list(map(str, Verdict))
    assert json.dumps(run().to_json())


def test_junit_never_mixes_up_fail_and_error() -> None:
    root = Xml.fromstring(junit_xml(run()))  # noqa: S314 - our own text
    counted = {name: root.get(name) for name in ("tests", "failures", "errors", "skipped", "time")}
    assert counted == {"tests": "5", "failures": "1", "errors": "1", "skipped": "2", "time": "6.250"}
    outcomes = [[child.tag for child in case if child.tag != "properties"] for case in root.iter("testcase")]
    assert outcomes == [[], ["failure"], ["error"], ["skipped"], ["skipped"]]
    (failure,) = root.iter("failure")
    assert failure.get("message") == "FAIL: because"
    assert "expected 0 success, found 3 read-write denied" in (failure.text or "")
    requirements = [p.get("value") for p in root.iter("property") if p.get("name") == "requirement"]
    assert requirements == ["DEV-1", "KEY-5"] * 5


def test_junit_survives_hostile_text() -> None:
    hostile = exchange(Verdict.FAIL, HOSTILE, HOSTILE, HOSTILE)
    root = Xml.fromstring(junit_xml(run(hostile)))  # noqa: S314 - our own text
    (failure,) = root.iter("failure")
    assert failure.get("message") == "FAIL: <script>alert('x')</script> & \"quotes\" \ufffd\ufffd"


class _Page(HTMLParser):
    """What a browser makes of a page: tags in order, ids, links, and whether every element is closed."""

    VOID = frozenset({"meta", "br", "line", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        members = dict(attrs)
        self.ids += [members["id"] or ""] if "id" in members else []
        self.links += [members["href"] or ""] if "href" in members else []
        self.loads += [members["src"] or ""] if "src" in members else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.VOID or self.open.pop() == tag, self.getpos()


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    text = html_page(run(), ("run.json",))
    page = _Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#x")} == set(page.ids)
    assert [link for link in page.links if not link.startswith("#")] == ["run.json"]
    assert page.loads == []
    assert "http://" not in text
    assert "https://" not in text


def test_the_page_escapes_hostile_text_wherever_it_stands() -> None:
    clean = _Page(html_page(run(exchange(Verdict.FAIL))))
    message = SeenMessage(HOSTILE, b"\x00", START, (), (HOSTILE,), HOSTILE)
    checks = (Check(HOSTILE, Verdict.FAIL, HOSTILE, HOSTILE),)
    fields = exchange(Verdict.FAIL, HOSTILE, HOSTILE, HOSTILE)
    hostile = type(fields)(
        HOSTILE, HOSTILE, HOSTILE, Verdict.FAIL, HOSTILE, START, 1, (HOSTILE,), message, (message,), checks
    )
    text = html_page(run(hostile))
    assert _Page(text).tags.count("script") == clean.tags.count("script") == 1
    assert text.count("&lt;script&gt;alert(&#39;x&#39;)") >= 12


def test_what_did_not_pass_is_shown_in_full_and_first() -> None:
    text = html_page(run(exchange(Verdict.PASS, reason="all well"), exchange(Verdict.FAIL, "ECS99", reason="denied")))
    assert text.index("What did not pass") < text.index("Use cases and devices")
    assert 'id="x2" open' in text
    assert 'id="x1" open' not in text
    everything_well = html_page(run(exchange(Verdict.PASS)))
    assert "What did not pass" not in everything_well


def test_faults_stand_before_what_was_not_tried() -> None:
    left_out = replace(exchange(Verdict.SKIPPED, ""), device="nobody", title="4 tests for a CHF")
    text = html_page(run(left_out, exchange(Verdict.PASS), exchange(Verdict.FAIL, reason="denied")))
    assert "2 exchanges with 1 device\n" in text
    assert "1 did not pass, and is listed first" in text
    urgent = text[text.index("What did not pass") : text.index("Use cases and devices")]
    assert urgent.index("denied") < urgent.index("4 tests for a CHF")
    matrix = text[text.index("Use cases and devices") : text.index("Requirements")]
    assert "nobody" not in matrix
    harmless = html_page(run(left_out, exchange(Verdict.PASS)))
    assert "Everything that was tried passed." in harmless
    assert "What was not tried" in harmless


def test_a_large_run_stays_light(monkeypatch: pytest.MonkeyPatch) -> None:
    many = run(*[exchange(Verdict.PASS)] * 20, exchange(Verdict.FAIL))
    full = html_page(many)
    monkeypatch.setattr("bench.evidence.html.FIELD_BUDGET", 100)
    light = html_page(many)
    assert light.count("this page leaves them out") == 2 * 18
    assert light.count('class="tree"') == 2 * 3
    assert len(light) < len(full) / 2


@pytest.mark.tshark
def test_tshark_times_and_comments_of_the_capture(folder: Path) -> None:
    rows = tshark(folder / "messages.pcapng", "frame.time_epoch", "frame.packet_flags_direction", "frame.comment")
    assert rows[0] == ["1769860860.000000000", "0x00000002", "bench -> kitchen, ECS0 command"]
    assert rows[1][:2] == ["1769860861.250000000", "0x00000001"]
    assert rows[3][2] == "kitchen -> bench, ECS1 response, FAIL: because"


@pytest.mark.shared
@pytest.mark.tshark
def test_tshark_names_the_same_message_codes_and_finds_nothing_malformed(tmp_path: Path) -> None:
    # Wireshark expects a signature field, which pre-commands lack.
    whole = [m.octets for m in reference_messages() if Message.decode(m.octets).signature is not None]
    assert len(whole) > 500
    with EvidenceFolder(tmp_path, run()) as evidence:
        for octets in whole:
            evidence.exchange(_only_received(SeenMessage("", octets, START)))
    capture = tmp_path / "messages.pcapng"
    codes = [int(row[0], 16) for row in tshark(capture, "gbcs_message.grouping_header.message_code")]
    assert codes == [Message.decode(octets).message_code for octets in whole]
    assert tshark(capture, "frame.number", only="_ws.malformed") == []


@pytest.mark.tshark
def test_tshark_would_find_a_malformed_message(tmp_path: Path) -> None:
    with EvidenceFolder(tmp_path, run()) as evidence:
        evidence.exchange(_only_received(SeenMessage("", runs.OCTETS[:-20], START)))
    assert tshark(tmp_path / "messages.pcapng", "frame.number", only="_ws.malformed") == [["1"]]


def _only_received(message: SeenMessage) -> Exchange:
    return Exchange("meter", "any", "any", Verdict.PASS, "", START, received=(message,))


def tshark(capture: Path, *names: str, only: str = "frame") -> list[list[str]]:
    """The fields of each packet that a filter lets through."""
    fields = [part for name in names for part in ("-e", name)]
    command = [shutil.which("tshark") or "", "-n", "-r", str(capture), "-Y", only, "-T", "fields", *fields]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    return [line.split("\t") for line in output.splitlines()]


def test_a_long_comment_is_cut_between_characters(tmp_path: Path) -> None:
    with EvidenceFolder(tmp_path, run()) as evidence:
        evidence.exchange(exchange(Verdict.FAIL, reason="é" * 5000))
    octets = (tmp_path / "messages.pcapng").read_bytes()
    assert len(octets) % 4 == 0
    assert 1900 < octets.count("é".encode()) <= 2000


def test_the_manifest_finds_every_change(folder: Path) -> None:
    assert verify_manifest(folder) == []
    with (folder / "run.json").open("r+b") as file:
        file.write(b"[")
    (folder / "junit.xml").unlink()
    (folder / "more.txt").write_text("new")
    assert verify_manifest(folder) == ["junit.xml: missing", "more.txt: not in the manifest", "run.json: changed"]


def test_the_manifest_is_protected_itself(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"size": ', '"size": 1'))
    assert verify_manifest(folder) == ["manifest.json: changed"]


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_the_hashes_can_be_checked_without_this_program(folder: Path) -> None:
    def check() -> int:
        return subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, capture_output=True).returncode

    assert check() == 0
    (folder / "report.html").write_text("")
    assert check() != 0


def test_hostile_text_can_be_written_everywhere(tmp_path: Path) -> None:
    write_evidence(tmp_path, run(exchange(Verdict.FAIL, HOSTILE, HOSTILE, HOSTILE)))
    assert verify_manifest(tmp_path) == []


def test_a_message_that_could_not_be_decoded_says_so() -> None:
    page = html_page(run(_only_received(seen("response", problem="octet 5: expected a length"))))
    assert "Not decoded: octet 5: expected a length" in page


def test_the_page_shows_procedures_by_title_with_verdict_and_exchanges() -> None:
    """Exchanges that do one thing together stand together near the top, with what came of them."""
    made = run(exchange(Verdict.PASS), exchange(Verdict.FAIL), exchange(Verdict.PASS))
    steps = ("gate: cleared", HOSTILE)
    procedures = (Procedure("Firmware update", "kitchen", steps, 1, 3), Procedure("Hand-over", "hall", ("done",), 3, 3))
    made = replace(made, procedures=procedures)
    page = html_page(made)
    section = page[page.index("Firmware and credentials") : page.index("Use cases and devices")]
    assert section.index("Firmware update") < section.index("gate: cleared") < section.index("Hand-over")
    assert all(f'href="#x{number}"' in section for number in (1, 2, 3))
    assert section.index("✗ FAIL") < section.index("✓ PASS")
    assert "<script>" not in section
    assert [each["verdict"] for each in made.summary_json()["procedures"]] == ["FAIL", "PASS"]
    assert "Firmware and credentials" not in html_page(run())
