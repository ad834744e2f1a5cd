"""How long ``meterbench decode`` takes from nothing, beside a Python that only imports elliptic curve cryptography.

Both find the byte code of what they import, as after a first run, in a folder of this test's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from ..reference import KEYSTORE, reference_messages
from .ratios import note, seconds

ROUNDS = 21
GOAL = 5
YARDSTICK = "import cryptography.hazmat.primitives.asymmetric.ec"
COMMAND = "from bench.__main__ import main; main()"


@pytest.mark.shared
@pytest.mark.parametrize("with_keys", [False, True], ids=["without_keys", "with_keys"])
def test_one_message_decoded_by_a_new_process(benchmark: Any, tmp_path: Path, with_keys: bool) -> None:
    message = next(each for each in reference_messages() if "ECS17b" in each.name and "RESPONSE" in each.name)
    arguments = ["decode", message.octets.hex(), *(["--keystore", str(KEYSTORE)] if with_keys else [])]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path)

    def process(*words: str) -> str:
        command = [sys.executable, "-c", *words]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    process(YARDSTICK)
    shown = process(COMMAND, *arguments)
    assert "general_signing" in shown
    assert ("MAC" in shown and "valid" in shown) or not with_keys
    ratios = []
    for _ in range(ROUNDS):
        floor = seconds(lambda: process(YARDSTICK), perf_counter)
        ratios.append(seconds(lambda: process(COMMAND, *arguments), perf_counter) / floor)
    benchmark.pedantic(process, args=(COMMAND, *arguments), rounds=1)
    note(benchmark, ratios, GOAL)
