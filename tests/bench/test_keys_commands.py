"""``meterbench keys``: what people and programs are told, exit codes, errors; and the document's own examples."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from bench.authority import sealing
from bench.authority.files import pem
from bench.authority.tables import DATABASE
from bench.exit_codes import ExitCode
from bench.pass_phrase import PASS_PHRASE_VARIABLE
from protocols.eui64 import eui64
from protocols.smki.infrastructure import make_infrastructure
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest

from .laboratories import METER, device_request

TOP = Path(__file__).resolve().parents[2]
DOCUMENT = TOP / "bench" / "authority" / "README.md"
AT = "2026-06-01T12:00:00Z"


class Said:
    """What a command said, and how it ended."""

    def __init__(self, *words: str | Path) -> None:
        result = CliRunner().invoke(app, ["keys", *map(str, words)])
        assert not result.exception or isinstance(result.exception, SystemExit), result.exc_info
        self.code, self.out, self.err = result.exit_code, result.stdout, result.stderr

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def _no_pass_phrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASS_PHRASE_VARIABLE, raising=False)


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    said = Said("init", tmp_path / "lab", "--at", AT)
    assert said.code == ExitCode.PASS, said.err
    return tmp_path / "lab"


# The document


def lines() -> list[str]:
    (block,) = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return [line.split("  #")[0].strip() for line in block.splitlines() if line.strip()]


def test_the_examples_of_the_document_run_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("meter.csr").write_bytes(pem("CERTIFICATE REQUEST", device_request(1, eui64("00DB1234567890AF"))))
    Path("devices.csv").write_text("eui64\n00DB123456789001\n00DB123456789002\n")
    Path("their-keys").mkdir()
    infrastructure = make_infrastructure(bytes(48))
    for number, one in enumerate(infrastructure.authorities):
        Path("their-keys", f"{number}.pem").write_bytes(pem("CERTIFICATE", one.octets))
    for line in lines():
        program, command, *rest = shlex.split(line)
        assert (program, command) == ("meterbench", "keys")
        said = Said(*rest)
        assert said.code == ExitCode.PASS, f"{line}: {said.out} {said.err}"
        assert "for testing only" in said.out, line
    assert {"meter.pem", "devices.zip", "lists", "repository.zip", "my-keys"} <= set(os.listdir())


def test_every_command_is_in_the_document() -> None:
    named = {line.split()[2] for line in lines()} | {"accept"}
    help_text = CliRunner().invoke(app, ["keys", "--help"]).stdout
    assert set(re.findall(r"^  ([a-z]+)  ", help_text.partition("Commands:")[2], re.MULTILINE)) == named
    assert "`accept`" in DOCUMENT.read_text()


def test_the_document_is_linked_and_its_rules_are_those_of_the_program() -> None:
    assert "bench/authority/README.md" in (TOP / "README.md").read_text()
    text = DOCUMENT.read_text()
    assert all(part in text for part in ("100,000", "49,999", "3 months", "every 12 hours", "every 12 months"))


# Commands


def test_a_new_laboratory_says_what_it_has_made(tmp_path: Path) -> None:
    said = Said("init", tmp_path / "lab", "--at", AT, "--json")
    assert said.json["for_testing_only"] is True
    names = [one["name"] for one in said.json["authorities"]]
    assert len(names) == 4
    assert all("TEST" in name for name in names)
    assert Path(said.json["pass_phrase_file"]).read_text().strip() not in said.out + said.err
    again = Said("init", tmp_path / "lab")
    assert (again.code, again.err) == (
        ExitCode.USAGE,
        f"meterbench keys init: {tmp_path / 'lab'}: holds a laboratory already\n",
    )


def test_a_pass_phrase_of_ones_own_is_kept_nowhere(tmp_path: Path) -> None:
    (tmp_path / "phrase").write_text("of my own\n")
    lab = tmp_path / "lab"
    assert Said("init", lab, "--pass-phrase-file", tmp_path / "phrase").code == ExitCode.PASS
    assert not (lab / sealing.PASS_PHRASE_FILE).exists()
    assert not any(b"of my own" in path.read_bytes() for path in lab.rglob("*") if path.is_file())
    words = ("issue", lab, "--role", "supplier", "--eui64", "90B3D51F30010000")
    without = Said(*words)
    assert (without.code, "give --pass-phrase-file or set METERBENCH_PASS_PHRASE" in without.err) == (2, True)
    assert Said("show", lab).code == ExitCode.PASS
    assert Said(*words, "--pass-phrase-file", tmp_path / "phrase").code == ExitCode.PASS
    (tmp_path / "phrase").write_text("of another\n")
    wrong = Said(*words, "--pass-phrase-file", tmp_path / "phrase")
    assert (wrong.code, wrong.err) == (2, f"meterbench keys issue: {lab}: the pass phrase is wrong\n")


def test_issuing_from_a_request_and_finding_it_again(lab: Path, tmp_path: Path) -> None:
    for name, octets in (("a.der", device_request(1)), ("b.pem", pem("CERTIFICATE REQUEST", device_request(2)))):
        (tmp_path / name).write_bytes(octets)
        out = tmp_path / f"{name}.pem"
        said = Said("issue", lab, "--type", "ESME", "--request", tmp_path / name, "--out", out, "--json", "--at", AT)
        assert said.code == ExitCode.PASS, said.err
        (entry,) = said.json["requests"]
        assert (entry["state"], entry["eui64"], entry["use"]) == ("lodged", "00-DB-12-34-56-78-90-A0", "ds")
        assert said.json["files"] == [str(out)]
        read = subprocess.run(["openssl", "x509", "-in", out, "-noout", "-serial"], capture_output=True, text=True)
        serial = read.stdout.strip().removeprefix("serial=")
        shown = Said("show", lab, "--serial", serial, "--json").json["certificates"]
        assert [one["id"] for one in shown] == [entry["certificate"]]
        for option, value in (("--id", str(shown[0]["id"])), ("--key-id", shown[0]["key_identifier"])):
            assert Said("show", lab, option, value, "--json").json["certificates"] == shown
    assert len(Said("show", lab, "--eui64", METER.hex(), "--json").json["certificates"]) == 2
    assert Said("show", lab, "--serial", "1234").code == ExitCode.FAIL


def test_a_rejected_request_fails_with_its_reason(lab: Path, tmp_path: Path) -> None:
    said = Said("issue", lab, "--type", "CHF", "--eui64", METER.hex(), "--as", "gas-supplier")
    assert said.code == ExitCode.FAIL
    assert "rejected: gas-supplier may not apply for a device of type CHF; dcc may" in said.out
    (tmp_path / "request").write_bytes(device_request(1))
    words = ("issue", lab, "--type", "ESME", "--request", tmp_path / "request")
    assert Said(*words).code == ExitCode.PASS
    again = Said(*words)
    assert again.code == ExitCode.FAIL
    assert "(ESME 00-DB-12-34-56-78-90-A0): rejected: this key has a certificate already" in again.out
    late = Said("issue", lab, "--type", "GSME", "--eui64", METER.hex(), "--as", "party", "--status", "commissioned")
    assert (late.code, "that is commissioned" in late.out) == (ExitCode.FAIL, True)


def test_a_certificate_that_waits_for_its_applicant(lab: Path) -> None:
    words = ("issue", lab, "--type", "GSME", "--eui64", METER.hex(), "--await-acceptance", "--json")
    first, second = (entry["request"] for entry in Said(*words).json["requests"])
    assert Said("show", lab, "--eui64", METER.hex()).code == ExitCode.FAIL
    assert "waits for its applicant: request 1 (GSME" in Said("show", lab).out
    assert Said("accept", lab, str(first), "--json").json["state"] == "lodged"
    assert Said("accept", lab, str(second), "--decline", "misspelt", "--json").json["reason"] == "misspelt"
    assert len(Said("show", lab, "--eui64", METER.hex(), "--json").json["certificates"]) == 1
    assert len(Said("show", lab, "--eui64", METER.hex(), "--all", "--json").json["certificates"]) == 2
    assert Said("accept", lab, str(first)).code == ExitCode.USAGE


def test_an_interrupted_batch_waits_for_its_applicant_as_it_was_asked(lab: Path, tmp_path: Path) -> None:
    from bench.authority.batches import Batches

    from .laboratories import for_meter, reopened

    phrase = (lab / sealing.PASS_PHRASE_FILE).read_bytes().strip()
    with reopened(lab, phrase) as opened:
        given = [for_meter(eui64(f"{number:016X}")) for number in range(60)]
        Batches(opened).receive("killed here", given, 0, lodge=False)
    assert Said("accept", lab, "--batch", "1").err.endswith("batch 1: nothing of it waits for its applicant\n")
    resumed = Said("batch", lab, "--resume", "--json")
    assert resumed.json["batches"][0]["states"] == {"issued": 60}
    assert "... and 10 more; --json gives all" in Said("show", lab).out
    assert Said("accept", lab).code == Said("accept", lab, "1", "--batch", "1").code == ExitCode.USAGE
    assert Said("accept", lab, "1", "--decline", "misspelt").code == ExitCode.PASS
    taken = Said("accept", lab, "--batch", "1", "--json").json["requests"]
    assert [(entry["request"], entry["state"]) for entry in taken] == [(n, "lodged") for n in range(2, 61)]


def test_a_place_that_cannot_be_written_to_is_told_with_what_was_issued(lab: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    said = Said("issue", lab, "--type", "ESME", "--eui64", METER.hex(), "--out", tmp_path / "file", "--at", AT)
    assert (said.code, "issued all the same: 5, 6, which meterbench keys export writes" in said.err) == (2, True)
    assert (tmp_path / "file").read_text() == "mine"


def test_an_endless_request_is_not_read_to_its_end(lab: Path) -> None:
    said = Said("issue", lab, "--type", "ESME", "--request", "/dev/zero")
    assert (said.code, "/dev/zero: longer than 65536 octets" in said.err) == (ExitCode.USAGE, True)


def test_a_request_in_der_may_say_anything(lab: Path, tmp_path: Path) -> None:
    key = make_infrastructure(bytes(48)).organisation_root  # any key
    name = "-----BEGIN CERTIFICATE REQUEST-----"
    request = CertificationRequest.make_organisation(
        eui64("90B3D51F30010000"), 2, KeyUsage.DIGITAL_SIGNATURE, key.certificate.public_point, key.sign, name
    )
    (tmp_path / "request.der").write_bytes(request.encode())
    assert Said("issue", lab, "--request", tmp_path / "request.der").code == ExitCode.PASS
    assert Said("export", lab, tmp_path / "der", "--form", "der", "--role", "2").code == ExitCode.PASS
    again = Said("import", lab, tmp_path / "der", "--json").json
    assert (again["known"], again["problems"][1:]) == (1, [])  # beside the file README


def test_a_key_folder_is_begun_under_the_right_pass_phrase_alone(lab: Path, tmp_path: Path) -> None:
    issue = ("issue", lab, "--role", "supplier", "--eui64", "90B3D51F30010000", "--at", AT)
    assert Said(*issue).code == ExitCode.PASS
    shown = Said("show", lab, "--role", "2").out.splitlines()[:3]
    assert [line.endswith("for top-ups") for line in shown] == [False, False, True]
    (tmp_path / "wrong").write_text("wrong")
    words = ("export", lab, tmp_path / "keys", "--keystore")
    said = Said(*words, "--pass-phrase-file", tmp_path / "wrong")
    assert (said.code, said.err) == (2, f"meterbench keys export: {lab}: the pass phrase is wrong\n")
    assert not (tmp_path / "keys").exists()
    assert Said(*words).code == ExitCode.PASS
    db = sqlite3.connect(lab / DATABASE)
    db.execute("UPDATE pair SET sealed = zeroblob(length(sealed))")
    db.commit()
    db.close()
    damaged = Said("export", lab, tmp_path / "again", "--keystore")
    assert (damaged.code, "certificate 5 was changed on the disk" in damaged.err) == (ExitCode.BENCH_ERROR, True)


def test_revoking_makes_the_list_and_openssl_believes_it(lab: Path, tmp_path: Path) -> None:
    issue = ("issue", lab, "--role", "2", "--eui64", "90B3D51F30010000", "--at", AT, "--json")
    numbers = [entry["certificate"] for entry in Said(*issue).json["requests"]]
    said = Said("revoke", lab, "--id", str(numbers[0]), "--reason", "key-compromise", "--at", AT, "--json")
    assert said.code == ExitCode.PASS
    assert (said.json["status"], said.json["lists"][0]["revoked"]) == ("revoked", [said.json["serial"]])
    assert Said("crl", lab, "--out", tmp_path, "--at", AT).code == ExitCode.PASS
    assert Said("crl", lab, "--arl", "--out", tmp_path, "--at", AT).code == ExitCode.PASS
    assert Said("export", lab, tmp_path / "above.pem", "--kind", "authority").code == ExitCode.PASS
    assert Said("export", lab, tmp_path / "der", "--role", "2", "--form", "der").code == ExitCode.PASS
    lists = tmp_path / "lists.pem"
    names = ("organisation-crl.pem", "organisation-arl.pem")
    lists.write_text("".join((tmp_path / name).read_text() for name in names))
    at = str(int(datetime.fromisoformat(AT).timestamp()) + 1)
    verify: list[str | Path] = ["openssl", "verify", "-attime", at, "-CAfile", tmp_path / "above.pem", "-crl_check_all"]
    verify += ["-CRLfile", lists]
    results = {}
    for use in ("ds", "ka", "pp-ka"):
        file = tmp_path / "der" / f"90b3d51f30010000-{use}.der"
        results[use] = subprocess.run([*verify, file], capture_output=True, text=True)
    assert [results[use].returncode == 0 for use in ("ds", "ka", "pp-ka")] == [False, True, True], results
    assert "certificate revoked" in results["ds"].stdout + results["ds"].stderr
    for name in names:
        checked: list[str | Path] = [
            "openssl",
            "crl",
            "-in",
            tmp_path / name,
            "-CAfile",
            tmp_path / "above.pem",
            "-noout",
        ]
        assert "verify OK" in subprocess.run(checked, capture_output=True, text=True).stderr
    spoiled = (tmp_path / names[0]).read_text().replace("M", "N", 3)
    (tmp_path / names[0]).write_text(spoiled)
    checked = ["openssl", "crl", "-in", tmp_path / names[0], "-CAfile", tmp_path / "above.pem", "-noout"]
    assert "verify OK" not in subprocess.run(checked, capture_output=True, text=True).stderr


def test_lists_come_when_they_are_due_and_when_asked_for(lab: Path, tmp_path: Path) -> None:
    def number(at: str, *more: str) -> int:
        (one,) = Said("crl", lab, "--at", at, "--json", *more).json["lists"]
        return int(one["number"])

    assert number(AT) == 1
    assert number("2026-06-01T23:59:59Z") == 1
    assert number("2026-06-02T00:00:00Z") == 2
    assert number("2026-06-02T00:00:01Z", "--new") == 3
    assert "late: CRL of the organisation hierarchy" in Said("show", lab, "--at", "2026-06-03").out
    der = Said("crl", lab, "--arl", "--form", "der", "--out", tmp_path / "out", "--at", AT, "--json").json
    assert [Path(one).name for one in der["files"]] == ["organisation-arl.der", "device-arl.der"]
    assert (tmp_path / "out" / "device-arl.der").read_bytes()[:1] == b"\x30"


def test_rules_are_told_when_something_may_not_be_revoked(lab: Path) -> None:
    entry = Said("issue", lab, "--type", "ESME", "--eui64", METER.hex(), "--use", "ka", "--json").json["requests"][0]
    said = Said("revoke", lab, "--id", str(entry["certificate"]))
    assert said.code == ExitCode.FAIL
    assert "certificates of devices are for the life of the device" in said.err
    assert Said("revoke", lab, "--id", "999").code == ExitCode.USAGE
    assert "which certificate? give --id, --serial or --key-id" in Said("revoke", lab).err
    unused = Said("revoke", lab, "--id", "9" * 30)
    assert (unused.code, "Invalid value for '--id'" in unused.err) == (ExitCode.USAGE, True)
    assert "no reason 'anger'; known are unspecified, key-compromise" in Said("revoke", lab, "--reason", "anger").err


def test_a_batch_of_requests_with_a_bad_one(lab: Path, tmp_path: Path) -> None:
    folder = tmp_path / "requests"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.csr").write_bytes(device_request(number, eui64(f"{number:016X}")))
    (folder / "9.csr").write_bytes(b"no request")
    out = tmp_path / "out"
    said = Said("batch", lab, folder, "--type", "ESME", "--out", out, "--at", AT, "--json")
    assert said.code == ExitCode.FAIL
    (batch,) = said.json["batches"]
    assert (batch["states"], batch["deadline"]) == ({"rejected": 1, "lodged": 3}, "2026-06-02T07:00:00Z")
    rows = list(csv.DictReader((out / "answers.csv").read_text().splitlines()))
    assert [row["state"] for row in rows] == ["lodged", "lodged", "lodged", "rejected"]
    assert [row["origin"] for row in rows] == ["0.csr", "1.csr", "2.csr", "9.csr"]
    assert all((out / row["file"]).exists() for row in rows[:3])
    assert "no certification request" in rows[3]["reason"]
    assert [(one["number"], one["reason"]) for one in batch["rejections"]] == [(1, rows[3]["reason"])]
    again = Said("batch", lab, folder, "--type", "ESME")
    assert f"  1 rejected: {rows[3]['reason']}" in again.out
    assert "received before as batch 1, answered already" in again.err
    assert Said("batch", lab, "--resume").out == "no batch was interrupted\nfor testing only\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "absent"), "absent: no laboratory; make one with: meterbench keys init absent"),
        (("issue", "lab"), "for whom? --role or --type, with --eui64"),
        (("issue", "lab", "--role", "suplier", "--eui64", "90B3D51F30010000"), "did you mean 'supplier'?"),
        (("issue", "lab", "--type", "OVEN", "--eui64", "90B3D51F30010000"), "no type of device 'OVEN'; known are ESME"),
        (("issue", "lab", "--type", "ESME", "--eui64", "12"), "an EUI-64 of 16 hexadecimal digits is needed"),
        (("issue", "lab", "--type", "ESME", "--eui64", METER.hex(), "--use", "xx"), "no use 'xx'"),
        (("issue", "lab", "--request", "absent"), "absent: cannot be read: No such file"),
        (("issue", "lab", "--request", "lab/purpose"), "no certification request"),
        (("issue", "lab", "--request", "one.csr"), "say with --type which kind of device"),
        (("issue", "lab", "--rig", "absent.toml"), "absent.toml: cannot be read"),
        (("issue", "lab", "--type", "ESME", "--eui64", METER.hex(), "--at", "today"), "'today' was given"),
        (
            ("batch", "lab", "twice.csv", "--type", "ESME"),
            "twice.csv: line 3: 00DB1234567890A0 ds is asked for in line 2",
        ),
        (("batch", "lab", "twice.csv"), "twice.csv: line 2: a type of device needed, in a column type or by --type"),
        (("batch", "lab", "one.csr"), "one.csr: whose requests? say with --type or --role"),
        (("show", "lab", "--at", "1999-01-01"), "a time from 2000 to 2135 is needed"),
        (("show", "lab", "--serial", "xyz"), "--serial: hexadecimal digits are needed"),
        (("show", "lab", "--kind", "meter"), "no kind of certificate 'meter'"),
        (("batch", "lab"), "what batch?"),
        (("batch", "lab", "absent"), "absent: no such file or folder"),
        (("batch", "lab", "one.csr", "--type", "ESME"), "1 requests; a batch has 2 to 49,999"),
        (("export", "lab", "out", "--form", "text"), "pem, der, zip are the forms"),
        (("export", "lab", "out", "--plain"), "give --keystore too"),
        (("export", "lab", "out", "--role", "99"), "no certificate fits"),
        (("export", "lab", "lab", "--keystore"), "lab: is there already; name a new folder"),
        (("import", "lab", "absent"), "a folder of PEM files is needed"),
        (("accept", "lab", "7"), "no request 7"),
        (("crl", "lab", "--form", "text"), "pem or der is needed"),
        (("init", "new", "--begins", "2100-01-01"), "is later than the time"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_why(
    lab: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(lab.parent)
    Path("one.csr").write_bytes(device_request(1))
    Path("twice.csv").write_text("eui64,use\n00DB1234567890A0,\n00DB1234567890A0,ds\n")
    if words[:3] == ("export", "lab", "lab"):
        assert Said("issue", "lab", "--type", "ESME", "--eui64", METER.hex()).code == ExitCode.PASS
    result = Said(*words)
    assert (result.code, said in result.err) == (ExitCode.USAGE, True), result.err
    assert result.err.count("\n") == 1
    assert result.err.startswith(f"meterbench keys {words[0]}: ")


def test_a_damaged_laboratory_is_a_fault_of_the_bench(lab: Path) -> None:
    (lab / DATABASE).write_bytes(b"spoiled" * 1000)
    for words in (("show", lab), ("crl", lab), ("issue", lab, "--type", "ESME", "--eui64", METER.hex())):
        said = Said(*words)
        assert (said.code, f"{lab / DATABASE}" in said.err) == (ExitCode.BENCH_ERROR, True)


def test_live_certificates_are_refused_with_the_file(
    lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from .test_authority_exchange import live_folder

    said = Said("import", lab, live_folder(tmp_path, monkeypatch), "--json")
    assert said.code == ExitCode.FAIL
    assert [one["file"] for one in said.json["problems"]] == ["90b3d51f30010000-ds.pem", "root.pem"]
    assert all("for live use, refused for test use" in one["reason"] for one in said.json["problems"])


def test_an_exported_key_folder_is_read_by_other_commands(lab: Path, tmp_path: Path) -> None:
    Said("issue", lab, "--rig", "dual-fuel-home")
    plain = Said("export", lab, tmp_path / "plain", "--keystore", "--plain", "--json")
    assert (plain.code, plain.json["private_keys"]) == (ExitCode.PASS, 26)
    sealed = Said("export", lab, tmp_path / "sealed", "--keystore")
    assert "METERBENCH_PASS_PHRASE" in sealed.out
    (tmp_path / "messages").mkdir()
    message = (
        "DF090100000000000003E80890B3D51F300100000800DB1234567890A00002004F15D9200003E8000103000900000A006AFF0101120033"
    )
    (tmp_path / "messages" / "one.HEX").write_text(message)
    phrase = (lab / sealing.PASS_PHRASE_FILE).read_text().strip()
    for folder, given in (("plain", ""), ("sealed", phrase)):
        words = ["corpus", str(tmp_path / "messages"), "--keystore", str(tmp_path / folder)]
        result = CliRunner().invoke(app, words, env={PASS_PHRASE_VARIABLE: given})
        assert result.exit_code == ExitCode.PASS, result.output


def test_the_history_says_what_was_done(lab: Path) -> None:
    said = Said("show", lab, "--history", "--json")
    assert said.json["history"][0]["what"].startswith("CRL 1 of the organisation hierarchy")
    assert said.json["history"][0]["at"] == AT


def test_two_commands_at_once_are_told(lab: Path) -> None:
    from .laboratories import reopened

    with reopened(lab):
        said = Said("crl", lab)
        assert (said.code, "in use by another meterbench (process" in said.err) == (ExitCode.USAGE, True)
        assert Said("show", lab).code == ExitCode.PASS


def test_the_commands_load_little_until_they_are_called() -> None:
    script = (
        "import sys, bench.__main__; print([m for m in sys.modules if m.startswith(('bench.authority', 'sqlite3'))])"
    )
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert said.stdout.strip() == "[]"


def test_a_device_of_another_infrastructure_keeps_its_own(lab: Path, tmp_path: Path) -> None:
    """An imported device certificate is found beside those issued here."""
    from protocols.gbcs.elliptic_curve import point_of, private_from

    point = point_of(private_from(bytes(48)).public_key())
    foreign = make_infrastructure(bytes(48)).device(METER, KeyUsage.KEY_AGREEMENT, point)
    (tmp_path / "foreign.pem").write_bytes(pem("CERTIFICATE", foreign.octets))
    assert Said("import", lab, tmp_path / "foreign.pem").code == ExitCode.PASS
    (shown,) = Said("show", lab, "--eui64", METER.hex(), "--json").json["certificates"]
    assert (shown["origin"], shown["not_after"], shown["serial"]) == ("imported", None, f"{foreign.serial:X}")
