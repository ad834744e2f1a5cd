"""``meterbench decode`` and ``meterbench corpus`` as a person and a program see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from bench.exit_codes import ExitCode
from bench.reading import InputError, message_octets

from ..reference import KEYSTORE, MESSAGES

PRE_COMMAND = (
    "DF090100000000000003E80890B3D51F300100000800DB1234567890A00002004F15"
    "D9200003E800010300090000 0A006AFF010112 0033".replace(" ", "")
)
RUNNER = CliRunner()


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


def test_a_key_folder_that_is_missing_is_a_bench_error(tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["decode", PRE_COMMAND, "--keystore", str(tmp_path / "none")])
    assert "none" in str(result.exception)


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
