"""From the verdict of a run to the exit status of the command."""

from __future__ import annotations

from .evidence import Verdict
from .exit_codes import ExitCode

EXIT_CODES = {
    Verdict.PASS: ExitCode.PASS,
    Verdict.FAIL: ExitCode.FAIL,
    Verdict.ERROR: ExitCode.BENCH_ERROR,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Verdict.SKIPPED: ExitCode.INCONCLUSIVE,
}
