"""``meterbench reproduce``: emulated devices give the answers, and raise the alerts, of a folder of messages."""

from __future__ import annotations

import sys
from pathlib import Path

from ..exit_codes import ExitCode
from ..reproduce import reproduce
from .key_folder import open_keystore, warn_of_problems
from .output import say, watched


def run_reproduce(folder: Path, keystore: Path | None, *, as_json: bool) -> ExitCode:
    """Reproduce every pair and alert below ``folder``; PASS only if nothing is different."""
    if not folder.is_dir():
        print(f"meterbench reproduce: {folder}: no such folder", file=sys.stderr)
        return ExitCode.USAGE
    store = open_keystore(keystore)
    report = reproduce(folder, store, lambda work: watched(work, "reproducing"))
    if not report.answers and not report.alerts and not report.problems:
        print(f"meterbench reproduce: {folder}: no command with a response, and no alert, below it", file=sys.stderr)
        return ExitCode.USAGE
    if as_json:
        import json

        say(json.dumps(report.to_json(), indent=2))
    else:
        say("\n".join(report.lines()))
        warn_of_problems(store)
    if store is None and not report.is_clean:
        advice = "without the keys of its parties nothing that has a MAC can be reproduced; give them with --keystore"
        print(f"meterbench reproduce: {advice}", file=sys.stderr)
    return ExitCode.PASS if report.is_clean else ExitCode.FAIL
