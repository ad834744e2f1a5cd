"""What the exit status of every ``meterbench`` command means."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """0 pass; 1 fail: the device or the input is wrong; 2 usage; 3 bench error; 4 inconclusive."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    BENCH_ERROR = 3
    INCONCLUSIVE = 4
