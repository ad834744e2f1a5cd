"""``meterbench reproduce``: emulated devices give the answers, and raise the alerts, of a folder of messages."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..exit_codes import ExitCode
from ..reproduce import reproduce
from .key_folder import open_keystore


def run_reproduce(folder: Path, keystore: Path | None, *, as_json: bool) -> ExitCode:
    """Reproduce every pair and alert below ``folder``; PASS only if nothing is different."""
    if not folder.is_dir():
        print(f"meterbench reproduce: {folder}: no such folder", file=sys.stderr)
        return ExitCode.USAGE
    report = reproduce(folder, open_keystore(keystore), _shown)
    if not report.answers and not report.alerts and not report.problems:
        print(f"meterbench reproduce: {folder}: no command with a response, and no alert, below it", file=sys.stderr)
        return ExitCode.USAGE
    if as_json:
        import json

        print(json.dumps(report.to_json(), indent=2))
    else:
        print("\n".join(report.lines()))
    return ExitCode.PASS if report.is_clean else ExitCode.FAIL


def _shown(work: list[Any]) -> Iterable[Any]:
    """The work, with a progress bar when a person watches."""
    if not sys.stderr.isatty():
        return work
    from rich.console import Console
    from rich.progress import track

    return track(work, "reproducing", console=Console(stderr=True), transient=True)
