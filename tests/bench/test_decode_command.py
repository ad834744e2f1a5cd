"""``meterbench decode`` and ``meterbench corpus`` as a person and a program see them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
from typer.testing import CliRunner

from bench.__main__ import app, main
from bench.exit_codes import ExitCode
from bench.reading import InputError, message_octets

from ..reference import KEYSTORE, MESSAGES

PRE_COMMAND = (
    "DF090100000000000003E80890B3D51F300100000800DB1234567890A00002004F15"
    "D9200003E800010300090000 0A006AFF010112 0033".replace(" ", "")
)
RUNNER = CliRunner()
ROOT = Path(__file__).parents[2]


def run(*arguments: str, given: str | bytes = "") -> tuple[int, str, str]:
    result = RUNNER.invoke(app, list(arguments), input=given)
    return result.exit_code, result.stdout, result.stderr


def test_a_message_given_as_digits_is_shown_with_names_places_and_meanings() -> None:
    status, out, _ = run("decode", PRE_COMMAND)
    assert status == ExitCode.PASS
    assert out.startswith("ECS42 command: ")
    assert "no signature field: a pre-command" in out
    assert "counter: 1000" in out
    assert "0-0:10.0.106.255" in out
    assert "enable supply" in out


def test_a_message_may_come_from_standard_input_with_white_space() -> None:
    spaced = " ".join(PRE_COMMAND[i : i + 2] for i in range(0, len(PRE_COMMAND), 2)) + "\n"
    assert run("decode", "-", given=spaced)[:2] == run("decode", PRE_COMMAND)[:2]


def test_a_file_of_octets_is_read_like_one_of_digits(tmp_path: Path) -> None:
    binary, digits = tmp_path / "m.bin", tmp_path / "m.hex"
    binary.write_bytes(bytes.fromhex(PRE_COMMAND))
    digits.write_text(PRE_COMMAND)
    assert run("decode", str(binary))[:2] == run("decode", str(digits))[:2]


def test_json_says_the_same_to_programs() -> None:
    status, out, _ = run("decode", PRE_COMMAND, "--json")
    said = json.loads(out)
    assert status == ExitCode.PASS
    assert (said["use_case"], said["message_code"], said["counter"]) == ("ECS42", "004F", 1000)
    assert said["rebuilt_identical"] is True
    assert said["fields"][0]["name"] == "general_signing"


def test_a_malformed_message_fails_naming_octet_and_field() -> None:
    status, _, err = run("decode", PRE_COMMAND[:-2])
    assert status == ExitCode.FAIL
    assert "octet 34 (payload)" in err or "octet 35 (payload)" in err


def test_a_malformed_message_fails_in_json_too() -> None:
    status, out, _ = run("decode", PRE_COMMAND[:-2], "--json")
    assert status == ExitCode.FAIL
    assert json.loads(out)["error"]["field"] == "payload"


@pytest.mark.parametrize("source", ["no-such-file.hex", "XYZ", ""])
def test_what_is_neither_file_nor_digits_is_a_usage_error(source: str) -> None:
    status, _, err = run("decode", source)
    assert status == ExitCode.USAGE
    assert "neither a file that exists nor hexadecimal digits" in err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"DF0", "odd number"),
        (b"DF 0G", "'G' is no hexadecimal digit"),
        (b"00" * 600_000, "more than"),
    ],
)
def test_a_file_that_holds_no_message_is_named_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=rf"^m\.hex: .*{reason}"):
        message_octets(content, "m.hex")


def meterbench(
    *arguments: str, stdin: int | None = subprocess.DEVNULL, stdout: IO[bytes] | int = subprocess.PIPE
) -> tuple[int, str]:
    """Exit status and standard error of the command in a process of its own."""
    command = [sys.executable, "-m", "bench", *arguments]
    if stdin is None:
        command = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
    done = subprocess.run(command, cwd=ROOT, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("content", ["folder", "no folder", "purpose"])
def test_a_key_folder_that_cannot_be_used_is_a_usage_error(tmp_path: Path, content: str) -> None:
    keys = tmp_path / "keys"
    if content == "no folder":
        keys.write_text("")
    elif content == "purpose":
        keys.mkdir()
        (keys / "purpose").write_text("live")
    status, err = meterbench("decode", PRE_COMMAND, "--keystore", str(keys))
    assert status == ExitCode.USAGE
    assert err.startswith(f"meterbench: --keystore: {keys}")
    assert err.endswith("; a folder of test keys in PEM files is needed\n")


@pytest.mark.parametrize("command", ["decode", "corpus"])
def test_a_key_file_that_cannot_be_used_is_named(tmp_path: Path, command: str) -> None:
    (tmp_path / "90b3d51f30010000-ds.pem").write_text("no certificate")
    (tmp_path / "m.HEX").write_text(PRE_COMMAND + "40" + "11" * 64)
    source = str(tmp_path / "m.HEX") if command == "decode" else str(tmp_path)
    _, _, err = run(command, source, "--keystore", str(tmp_path))
    assert err == "meterbench: --keystore: 90b3d51f30010000-ds.pem: neither a certificate nor a public key\n"


def test_a_message_longer_than_a_file_name_may_be_is_taken_as_digits() -> None:
    status, _, err = run("decode", PRE_COMMAND + "00" * 300)
    assert status == ExitCode.FAIL
    assert "the end of the message" in err


def test_a_closed_standard_input_is_a_usage_error() -> None:
    status, err = meterbench("decode", "-", stdin=None)
    assert (status, err) == (ExitCode.USAGE, "meterbench decode: standard input: closed; a message is needed on it\n")


def test_a_reader_that_has_seen_enough_does_not_change_the_outcome(tmp_path: Path) -> None:
    (tmp_path / "m.HEX").write_text("no message")
    for arguments, expected in ((("decode", PRE_COMMAND), ExitCode.PASS), (("corpus", str(tmp_path)), ExitCode.FAIL)):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as stdout:
            assert meterbench(*arguments, stdout=stdout) == (expected, "")


def test_a_command_that_is_interrupted_has_neither_passed_nor_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.commands.decode.run_decode", interrupted)
    monkeypatch.setattr(sys, "argv", ["meterbench", "decode", PRE_COMMAND])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_an_output_that_cannot_be_written_is_a_bench_error() -> None:
    with Path("/dev/full").open("wb") as full:
        status, err = meterbench("decode", PRE_COMMAND, stdout=full)
    assert status == ExitCode.BENCH_ERROR
    assert err == "meterbench: standard output cannot be written: No space left on device\n"


def test_an_unknown_message_code_is_said_and_its_payload_kept() -> None:
    status, out, _ = run("decode", PRE_COMMAND.replace("0002004F15", "000277EE15"))
    assert status == ExitCode.PASS
    assert "unknown message code 77EE" in out


@pytest.mark.shared
def test_every_reference_message_is_decoded_rebuilt_and_verified() -> None:
    status, out, _ = run("corpus", str(MESSAGES), "--keystore", str(KEYSTORE), "--json")
    said = json.loads(out)
    messages = said["messages"]
    assert status == ExitCode.PASS
    assert messages >= 893
    assert (said["decoded"], said["rebuilt_identical"], said["problems"]) == (messages, messages, [])
    for kind in ("signatures", "macs"):
        counted = said[kind]
        assert counted["invalid"] == 0
        assert counted["present"] == counted["valid"] + counted["no_key"]
    assert said["signatures"]["no_key"] == 0
    assert said["encrypted"]["parts"] == said["encrypted"]["decrypted"] > 0


@pytest.mark.shared
def test_messages_without_a_key_are_those_between_devices_only(tmp_path: Path) -> None:
    (tmp_path / "m.hex").write_bytes(next(MESSAGES.rglob("PCS01*COMMAND*.HEX")).read_bytes())
    _, out, _ = run("corpus", str(tmp_path), "--keystore", str(KEYSTORE), "--json")
    assert json.loads(out)["macs"] == {"present": 1, "valid": 0, "invalid": 0, "no_key": 1}


@pytest.mark.shared
@pytest.mark.parametrize("octet", [-1, 60])
def test_a_changed_octet_is_found(tmp_path: Path, octet: int) -> None:
    changed = bytearray.fromhex(next(MESSAGES.rglob("ECS42*SUCCESS_COMMAND*.HEX")).read_text().strip())
    changed[octet] ^= 1
    (tmp_path / "m.HEX").write_text(changed.hex())
    status, out, _ = run("corpus", str(tmp_path), "--keystore", str(KEYSTORE), "--json")
    said = json.loads(out)
    assert status == ExitCode.FAIL
    assert said["macs"]["invalid"] == 1
    assert {p["file"] for p in said["problems"]} == {"m.HEX"}


def test_a_corpus_goes_on_behind_a_file_that_is_no_message(tmp_path: Path) -> None:
    (tmp_path / "a.HEX").write_text("DF09")
    (tmp_path / "b.HEX").write_text("this is no message")
    (tmp_path / "c.HEX").write_text(PRE_COMMAND)
    status, out, _ = run("corpus", str(tmp_path), "--json")
    said = json.loads(out)
    assert status == ExitCode.FAIL
    assert (said["messages"], said["decoded"], said["rebuilt_identical"]) == (3, 1, 1)
    assert [p["file"] for p in said["problems"]] == ["a.HEX", "b.HEX"]


def test_a_corpus_names_what_is_no_file_and_goes_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.HEX")
    (tmp_path / "b.HEX").symlink_to("nowhere")
    (tmp_path / "c.HEX").write_text(PRE_COMMAND)
    said = json.loads(run("corpus", str(tmp_path), "--json")[1])
    assert (said["messages"], said["decoded"]) == (3, 1)
    assert [(p["file"], p["reason"]) for p in said["problems"]] == [
        ("a.HEX", "not a file"),
        ("b.HEX", "No such file or directory"),
    ]


def test_a_folder_that_cannot_be_searched_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(top: Path, onerror: Callable[[OSError], None]) -> Iterator[tuple[str, list[str], list[str]]]:
        yield str(top), ["closed"], ["m.HEX"]
        onerror(PermissionError(13, "Permission denied", str(top / "closed")))

    (tmp_path / "m.HEX").write_text(PRE_COMMAND)
    monkeypatch.setattr("bench.commands.corpus.os.walk", walk)  # root may search every folder
    status, out, _ = run("corpus", str(tmp_path), "--json")
    assert status == ExitCode.FAIL
    assert json.loads(out)["problems"] == [{"file": "closed", "reason": "Permission denied"}]


def test_a_corpus_without_messages_is_a_usage_error(tmp_path: Path) -> None:
    assert run("corpus", str(tmp_path))[0] == ExitCode.USAGE
    assert run("corpus", str(tmp_path / "none"))[0] == ExitCode.USAGE


def test_the_keys_of_the_corpus_json_are_as_documented(tmp_path: Path) -> None:
    (tmp_path / "a.hex").write_text(PRE_COMMAND)
    said = json.loads(run("corpus", str(tmp_path), "--json")[1])
    protection = {"present", "valid", "invalid", "no_key"}
    assert list(said) == [
        "messages",
        "decoded",
        "rebuilt_identical",
        "signatures",
        "macs",
        "encrypted",
        "problems",
    ]
    assert set(said["signatures"]) == set(said["macs"]) == protection
    assert set(said["encrypted"]) == {"parts", "decrypted"}
