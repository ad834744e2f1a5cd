"""``meterbench cpl`` as a person meets it."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import bench.products
from bench.__main__ import app
from bench.exit_codes import ExitCode
from bench.firmware import examples
from bench.inventory import Inventory, Status
from bench.products.planned_work import PlannedWork, Work, WorkKind
from bench.reading import InputError

from .certified import DEVICES, ESME, MODELS, NOW, inventory

DOCUMENT = Path(bench.products.__file__).with_name("CERTIFIED-PRODUCTS.md")
NEW_MODEL = (
    *("--maker-key", "test:maker", "--hardware", "0001", "--certificate", "zigbee=Z-1", "--certificate", "dlms=D-1"),
    *("--certificate", "cpa=C-1@2031-01-01", "--at", "2026-01-01"),
)
MODEL = "ESME:1234:0001"


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("METERBENCH_CPL", raising=False)
    return tmp_path


def cpl(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["cpl", *arguments])


def said(*arguments: str) -> Any:
    result = cpl(*arguments, "--json")
    assert result.exit_code in (ExitCode.PASS, ExitCode.FAIL), result.output
    return json.loads(result.stdout)


def build(name: str = "esme-good", path: str = "meter.img") -> None:
    Path(path).write_bytes(examples.build_example(name).encode())


def listed() -> None:
    build()
    assert cpl("add", "meter.img", "--by", "other:Maker", *NEW_MODEL).exit_code == ExitCode.PASS


def test_the_examples_of_the_document_run() -> None:
    text = DOCUMENT.read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    assert len(lines) == 17
    for line in lines:
        result = CliRunner().invoke(app, shlex.split(line)[1:])
        assert result.exit_code == ExitCode.PASS, (line, result.output)
    assert cpl("list", "--list", "another.sqlite").exit_code == ExitCode.PASS


def test_an_image_is_listed_with_both_hashes() -> None:
    listed()
    image = examples.build_example("esme-good")
    ((model,),) = (said("list")["models"],)
    assert (model["model"], model["standing"], model["hardware"]) == ("ESME 1234:0001", "listed", ["0001"])
    assert model["expires"] == "2031-01-01T00:00:00Z"
    (firmware,) = model["firmware"]
    assert firmware["version"] == "00000002"
    assert firmware["hashes"]["image"] == image.digest.hex()
    assert set(firmware["hashes"]) == {"image", "image-and-id"}
    text = cpl("list", MODEL.lower()).stdout
    assert "ESME 1234:0001: listed, certified until 2031-01-01T00:00:00Z" in text
    assert f"image         {image.digest.hex()}" in text


def test_hashes_can_be_given_without_an_image() -> None:
    arguments = ("--model", MODEL, "--firmware-version", "0000000A", "--hash", "ab" * 32)
    assert (
        cpl("add", *arguments, "--hash", "image-and-id:" + "cd" * 32, "--by", "other", *NEW_MODEL).exit_code
        == ExitCode.PASS
    )
    (firmware,) = said("list")["models"][0]["firmware"]
    assert firmware["hashes"] == {"image": "ab" * 32, "image-and-id": "cd" * 32}


def test_an_opaque_image_is_listed_and_checked() -> None:
    from bench.firmware.examples import maker

    Path("opaque").write_bytes(b"opaque" * 100)
    arguments = ("add", "opaque", "--model", MODEL, "--firmware-version", "0000000A", "--by", "other")
    assert cpl(*arguments, *NEW_MODEL).exit_code == ExitCode.PASS
    sign = ("firmware", "sign", "opaque", "--key", "test:s", "--manufacturer", "1234", "--image-type", "0001")
    header = ("--firmware-version", "0000000A", "--hardware", "0001-0001", "--out", "file")
    assert CliRunner().invoke(app, [*sign, *header]).exit_code == ExitCode.PASS
    assert "the image does not say its kind of device: give --type" in cpl("check", "file").output
    refused = cpl("check", "file", "--type", "esme")
    assert refused.exit_code == ExitCode.FAIL
    assert "opaque and there is no detached signature" in refused.stdout
    Path("file.sig").write_bytes(maker().sign(b"opaque" * 100))
    assert cpl("check", "file", "--type", "esme", "--at", "2026-02-01").exit_code == ExitCode.PASS


def test_a_check_says_what_is_wrong_with_both_hashes() -> None:
    listed()
    good = examples.build_example("esme-good")
    assert said("check", "meter.img", "--at", "2026-02-01") == {
        "image": "meter.img",
        "model": "ESME 1234:0001",
        "passed": True,
        "version": "00000002",
        "computed": good.digest.hex(),
        "listed": good.digest.hex(),
    }
    other = examples.build_example("esme-good", content_size=10)
    Path("other.img").write_bytes(other.encode())
    result = cpl("check", "other.img", "--at", "2026-02-01")
    assert result.exit_code == ExitCode.FAIL
    assert "REFUSED by the check of the hash" in result.stdout
    assert f"computed  {other.digest.hex()}" in result.stdout
    assert f"listed    {good.digest.hex()}" in result.stdout
    lapsed = said("check", "meter.img", "--at", "2031-01-01")
    assert (lapsed["passed"], lapsed["check"]) == (False, "assurance certificates")


def test_who_may_not_is_told_who_may() -> None:
    listed()
    build("esme-alert-storm", "newer.img")
    before = said("log")
    for by in ("other", "dcc", "panel", "network-operator"):
        result = cpl("add", "newer.img", "--by", by, "--evidence", "small", "--at", "2026-02-01")
        assert result.exit_code == ExitCode.FAIL
        assert "those who may: supplier" in result.output
    assert "the evidence is missing" in cpl("add", "newer.img", "--by", "supplier", "--at", "2026-02-01").output
    assert said("log") == before
    result = cpl("add", "newer.img", "--by", "supplier:B", "--evidence", "small", "--at", "2026-02-01")
    assert result.exit_code == ExitCode.PASS
    assert said("log")[-1]["evidence"] == "small"
    result = cpl(
        "add", "--model", MODEL, "--hardware", "0002", "--by", "supplier", "--evidence", "x", "--at", "2026-02-01"
    )
    assert result.exit_code == ExitCode.PASS
    assert said("list")["models"][0]["hardware"] == ["0001", "0002"]


def test_a_version_and_a_model_are_removed() -> None:
    listed()
    remove = ("remove", MODEL, "--by", "supplier:B", "--at", "2026-02-01")
    assert cpl(*remove, "--firmware-version", "00000002", "--why", "old").exit_code == ExitCode.PASS
    assert said("list")["models"][0]["firmware"] == []
    assert said("list", "--all")["models"][0]["firmware"][0]["standing"] == "removed"
    again = cpl(*remove, "--firmware-version", "00000002", "--why", "old")
    assert (again.exit_code, "is not on the list" in again.output) == (ExitCode.FAIL, True)
    assert cpl(*remove, "--why", "all of it").exit_code == ExitCode.PASS
    assert said("list") == {"models": []}
    assert cpl("list").stdout == "the list is empty\n"
    assert cpl("list", MODEL).exit_code == ExitCode.FAIL


def test_a_lapse_reaches_inventory_and_planned_work() -> None:
    build()
    arguments = ("--model", "ESME:1234:0001", *NEW_MODEL)
    assert cpl("add", "meter.img", "--by", "other", *arguments).exit_code == ExitCode.PASS
    _stored_inventory(Path("inventory.sqlite"))
    with closing(PlannedWork(Path("work.sqlite"))) as planned:
        planned.add(Work(DEVICES[ESME], WorkKind.SCHEDULE, "read the registers", NOW, "supplier Bright"))
    files = ("--inventory", "inventory.sqlite", "--work", "work.sqlite")
    assert cpl("advance", *files, "--at", "2030-12-31T23:59:59Z").stdout == "nothing has lapsed\n"
    done = said("advance", *files, "--at", "2031-01-01")
    assert done["models"] == ["ESME 1234:0001"]
    assert done["suspended"] == ["00-DB-12-34-56-78-90-A0"]
    assert done["withdrawn"] == [{"device": "00-DB-12-34-56-78-90-A0", "what": "read the registers"}]
    assert [each["to"] for each in done["notices"]] == ["supplier", "network operator", "supplier Bright"]
    assert said("notices") == done["notices"]
    with closing(Inventory(Path("inventory.sqlite"))) as stored:
        assert stored.device(DEVICES[ESME]).status is Status.SUSPENDED
    assert cpl("advance", *files, "--at", "2031-01-02").stdout == "nothing has lapsed\n"
    assert cpl("advance", "--inventory", "none.sqlite").exit_code == ExitCode.USAGE


def _stored_inventory(path: Path) -> None:
    made, stored = inventory(), Inventory(path)
    known = made.device(DEVICES[ESME])
    stored.add(known.eui64, known.type, NOW, model=MODELS[ESME], hardware=1)
    stored.close()


def test_tables_go_out_and_in() -> None:
    listed()
    text = cpl("export").stdout
    assert cpl("export", "--out", "list.csv").exit_code == ExitCode.PASS
    assert Path("list.csv").read_text() == text
    assert cpl("export", "--out", "list.json").exit_code == ExitCode.PASS
    assert json.loads(cpl("export", "--json").stdout) == json.loads(Path("list.json").read_text())
    for name in ("list.csv", "list.json"):
        arguments = ("import", name, "--by", "panel", "--list", f"{name}.sqlite", "--at", "2026-02-01")
        assert said(*arguments) == {"new": 2, "known": 0}
        assert said(*arguments) == {"new": 0, "known": 2}
        assert cpl("export", "--list", f"{name}.sqlite").stdout == text
    Path("list.csv").write_text(text.replace("0001,", "001,", 1))
    wrong = cpl("import", "list.csv", "--by", "panel", "--list", "new.sqlite")
    assert wrong.exit_code == ExitCode.FAIL
    assert "list.csv: line 2, column model: 4 hexadecimal digits expected, found '001'" in wrong.output
    assert cpl("export", "--out", "list.txt").exit_code == ExitCode.USAGE


def test_subscribers_hear_of_changes_once() -> None:
    listed()
    assert cpl("subscribe", "Grid").stdout == "changes are announced to Grid\n"
    assert cpl("announcements", "Grid").stdout == "nothing new\n"
    cpl("remove", MODEL, "--why", "gone", "--by", "panel")
    (told,) = said("announcements", "Grid", "--heard")
    assert (told["what"], told["detail"]) == ("model removed", "gone")
    assert said("announcements", "Grid") == []
    assert cpl("announcements", "Nobody").exit_code == ExitCode.FAIL


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list",), "certified-products.sqlite: no such file; it should hold a list of certified products"),
        (("check", "none"), "none: No such file"),
        (("add", "--by", "other"), "an image, or a --model, is needed"),
        (("add", "meter.img", "--by", "king"), "--by: one of supplier, network-operator, dcc, panel, other expected"),
        (("add", "meter.img", "--by", "other"), "--maker-key: ESME 1234:0001 is new to the list"),
        (("add", "meter.img", "--by", "other", "--maker-key", "test:maker"), "--hardware: ESME 1234:0001 is new"),
        (("add", "meter.img", "--by", "other", "--hash", "ab" * 32), "--hash: the image says it"),
        (("add", "meter.img", "--by", "other", "--type", "GSME"), "--type: the image is for ESME"),
        (("add", "--by", "other", "--model", MODEL, "--hash", "ab" * 32), "go together"),
        (("add", "--by", "other", "--model", "ESME"), "--model: kind, maker and model such as ESME:1234:0001 expected"),
        (("add", "--by", "other", "--model", "X:1234:0001"), "--model: one of ESME"),
        (("add", "--by", "other", "--model", MODEL, "--at", "soon"), "--at: a time such as"),
        (
            ("add", "--by", "other", "--model", MODEL, "--firmware-version", "1", "--hash", "ab" * 32),
            "--firmware-version: 8 hexadecimal digits expected, found '1'",
        ),
        (
            ("add", "--by", "other", "--model", MODEL, "--firmware-version", "00000001", "--hash", "md5:ab"),
            "--hash: one of image, image-and-id expected, found 'md5'",
        ),
        (
            ("add", "meter.img", "--by", "other", *NEW_MODEL, "--certificate", "oak=1"),
            "--certificate: zigbee|dlms|cpa=NUMBER[@EXPIRES] expected, found 'oak=1'",
        ),
        (("renew", MODEL, "--by", "supplier"), "--certificate: one at least is needed"),
        (("remove", "ESME", "--by", "panel", "--why", "x"), "MODEL: kind, maker and model"),
    ],
)
def test_what_cannot_be_used_is_said(arguments: tuple[str, ...], said: str) -> None:
    build()
    result = cpl(*arguments)
    assert result.exit_code == ExitCode.USAGE, result.output
    assert said in result.output
    assert len(result.output.splitlines()) == 1
    assert not Path("certified-products.sqlite").exists(), "a list of nothing"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (NEW_MODEL[:6], "without a valid certificate: dlms, cpa; an entry for ESME needs zigbee, dlms, cpa"),
        ((*NEW_MODEL[:8], "--certificate", "cpa=C-1"), "CPA certificate C-1 expires within six years; say when"),
        ((*NEW_MODEL, "--certificate", "cpa=C-2@2040-01-01"), "CPA certificate C-2 holds at most six years"),
    ],
)
def test_what_the_list_does_not_take_is_said(arguments: tuple[str, ...], said: str) -> None:
    build()
    result = cpl("add", "meter.img", "--by", "other", *arguments, "--at", "2026-01-01")
    assert result.exit_code == ExitCode.FAIL
    assert said in result.output
    assert not Path("certified-products.sqlite").exists()


def test_a_broken_image_and_a_broken_list_are_said() -> None:
    listed()
    Path("broken.img").write_bytes(Path("meter.img").read_bytes()[:-1])
    assert cpl("check", "broken.img").exit_code == ExitCode.FAIL
    Path("text.sqlite").write_text("no list " * 100)
    result = cpl("list", "--list", "text.sqlite")
    assert result.exit_code == ExitCode.USAGE
    assert "text.sqlite: holds no a list" not in result.output
    assert "text.sqlite" in result.output


def test_the_environment_names_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERBENCH_CPL", "mine.sqlite")
    listed()
    assert Path("mine.sqlite").exists()
    assert len(said("list")["models"]) == 1
    assert issubclass(InputError, ValueError)


def test_no_text_passes_for_a_line_that_is_not_there() -> None:
    build()
    line = "A\n    9  2026-01-01T00:00:00Z  panel: model removed: \x1b[2K\u2028\u202e"
    assert cpl("add", "meter.img", "--by", f"other:{line}", "--maker", line, *NEW_MODEL).exit_code == ExitCode.PASS
    for printed in (cpl("log").stdout, cpl("list").stdout):
        assert r"A\n    9  2026-01-01T00:00:00Z  panel: model removed: \x1b[2K\u2028\u202e" in printed
        assert "\n    9" not in printed
        assert not set("\x1b\u2028\u202e") & set(printed)
    assert said("list")["models"][0]["maker"] == line


def test_a_spoiled_list_is_said_to_be_so() -> None:
    listed()
    file = Path("certified-products.sqlite")
    octets = bytearray(file.read_bytes())
    octets[4096:] = bytes(len(octets) - 4096)
    file.write_bytes(octets)
    for arguments in (("list",), ("export",), ("advance",), ("check", "meter.img")):
        result = cpl(*arguments)
        assert result.exit_code == ExitCode.USAGE, arguments
        assert "malformed" in result.stderr


def test_a_new_list_is_said_and_so_is_who_hears_of_changes() -> None:
    """Nobody finds a file that nothing has spoken of."""
    build()
    first = cpl("add", "meter.img", "--by", "other:Maker", *NEW_MODEL)
    assert (first.exit_code, "new list: certified-products.sqlite" in first.stderr) == (ExitCode.PASS, True)
    again = cpl("renew", MODEL, "--by", "supplier:B", "--certificate", "dlms=D-2", "--at", "2026-02-01")
    assert (again.exit_code, again.stderr) == (ExitCode.PASS, "")
    assert said("subscribe", "Grid Ltd") == {"subscribers": ["Grid Ltd"]}
