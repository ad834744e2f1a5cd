"""A thousand emulated homes in one process: what each takes to start and to keep, and that it stays the same.

They are made in a process of their own, so that nothing else counts, in four parts of 250. The last part against the
first says whether memory and time grow in proportion.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

HOMES = 1000


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_a_thousand_homes(benchmark: Any) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.many_homes", str(HOMES)]
    root = Path(__file__).resolve().parents[2]

    def run() -> str:
        return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout

    found: dict[str, list[float]] = json.loads(benchmark.pedantic(run, rounds=1))
    kib, started, keys = found["kib"], found["ms"], found["keys_ms"]
    benchmark.extra_info["memory_last_part_to_first"] = round(kib[-1] / kib[0], 2)
    benchmark.extra_info["time_last_part_to_first"] = round(started[-1] / started[0], 2)
    benchmark.extra_info["start_to_making_keys"] = round(mean(started) / min(keys), 1)
    benchmark.extra_info["kib_for_a_home"] = round(mean(kib))
    benchmark.extra_info["ms_for_a_home"] = round(mean(started), 1)
    assert len(kib) == len(started) == 4
    assert min(kib) > 0
