"""The examples in the documents are run, so that they stay true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.__main__ import app
from bench.evidence import Verdict
from bench.exit_codes import ExitCode
from bench.rig import load_rig
from bench.runner import run_suite

TOP = Path(__file__).resolve().parents[1]
PRE_COMMAND = (
    "DF090100000000000003E80890B3D51F300100000800DB1234567890A00002004F15D9200003E8000103000900000A006AFF0101120033"
)


def examples(document: str) -> list[str]:
    """The command lines in the ``sh`` blocks of a document."""
    blocks = re.findall(r"```sh\n(.*?)```", (TOP / document).read_text(), re.DOTALL)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


def meterbench_lines() -> list[str]:
    lines = [line.removeprefix("sh .ci/in-venv ") for line in examples("README.md")]
    return [line for line in lines if line.startswith("meterbench ")]


def test_the_readme_has_the_two_commands_and_three_things_to_try() -> None:
    lines = examples("README.md")
    assert lines[:2] == ["sh .ci/in-venv meterbench run", "sh .ci/in-venv pytest -n auto"]
    assert [line.split()[1] for line in meterbench_lines()] == ["run", "decode", "corpus", "run"]


@pytest.mark.parametrize("line", meterbench_lines())
def test_an_example_of_the_readme_runs(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-messages").mkdir()
    (tmp_path / "my-messages" / "one.HEX").write_text(PRE_COMMAND)
    (tmp_path / "my-keys").mkdir()
    rig = TOP / "bench" / "data" / "dual-fuel-home.toml"
    (tmp_path / "my-rig.toml").write_text(rig.read_text())
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == ExitCode.PASS, result.output


def test_the_test_in_the_hardware_readme_passes(tmp_path: Path) -> None:
    (python,) = re.findall(r"```python\n(.*?)```", (TOP / "hardware/README.md").read_text(), re.DOTALL)
    file = tmp_path / "test_of_the_hardware_readme.py"  # a name of its own, since it is imported into this process
    file.write_text(python)
    record = run_suite(load_rig(), tmp_path / "evidence", tests=[str(file)])
    assert [(one.title, one.verdict) for one in record.exchanges] == [("Read firmware version", Verdict.PASS)]
    assert record.exchanges[0].requirements == ("my test plan 4.1",)


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_links_and_scripts_named_in_a_document_exist(document: str) -> None:
    text = (TOP / document).read_text()
    named = re.findall(r"\]\(([^)#]+)[)#]", text) + re.findall(r"(\.ci/[a-z-]+)", text)
    assert named
    assert [name for name in named if not (TOP / name).exists()] == []
