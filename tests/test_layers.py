"""bench -> {hal, firmware_emu} -> protocols, and no input or output where none belongs: import-linter holds it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
LINT = [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LINT, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


def test_no_layer_imports_what_it_must_not() -> None:
    result = lint(TOP)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


def test_a_device_that_imports_the_wire_is_found(tmp_path: Path) -> None:
    for package in ("protocols", "hal", "firmware_emu", "bench"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    for module in ("runtime", "sqlite_nvm"):
        (tmp_path / "firmware_emu" / f"{module}.py").write_text("")
    (tmp_path / "firmware_emu" / "device.py").write_text("import hal\n")
    (tmp_path / "protocols" / "codec.py").write_text("import socket\n")
    contracts = (TOP / "pyproject.toml").read_text().split("ignore_imports", maxsplit=1)[0]
    (tmp_path / "pyproject.toml").write_text(contracts)
    result = lint(tmp_path)
    assert result.returncode != 0
    assert "firmware_emu.device -> hal" in result.stdout
    assert "protocols.codec -> socket" in result.stdout
