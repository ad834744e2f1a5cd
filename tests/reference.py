"""Where the reference messages are, when they are there.

They lie beside a checkout of the project, not in it; ``METERBENCH_REFERENCE`` names another folder. Tests that need
them carry the mark ``shared`` and skip, saying so, when they are absent.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

_BESIDE = Path(__file__).resolve().parents[1].parent / "shared" / "corpus" / "rtds-4.5.0"
REFERENCE = Path(os.environ.get("METERBENCH_REFERENCE", _BESIDE))
MESSAGES = REFERENCE / "messages"
KEYSTORE = REFERENCE / "keystore"


class ReferenceMessage(NamedTuple):
    """One reference message; ``name`` is the file name without its end."""

    name: str
    octets: bytes


@cache
def reference_messages() -> tuple[ReferenceMessage, ...]:
    """Every reference message, sorted by folder and name; empty when the folder is absent."""
    files = sorted(MESSAGES.rglob("*.HEX")) if MESSAGES.is_dir() else []
    return tuple(ReferenceMessage(f.stem, bytes.fromhex(f.read_text().strip())) for f in files)
