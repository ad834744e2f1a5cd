"""The counters of remote parties, kept from run to run in a file.

A device takes a message only above the last counter of its sender, and completes the ten bits of a counter that a
prepayment token carries to one near the last: counters may neither go back nor far ahead.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from protocols.gbcs.roles import RemotePartyRole

from .rig import RigError

IN_RESERVE = 32 << 32
"""Added while a run goes on: should it be killed, the next one begins above all that it may have used."""


def read_counters(path: Path) -> dict[RemotePartyRole, int]:
    """The counters used last, by role; none if there is no file yet. Raises RigError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {RemotePartyRole[role.upper().replace("-", "_")]: int(last) for role, last in found.items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RigError(f"head_end.counters: {path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise RigError(f"head_end.counters: {path}: no file of counters by role; remove it to begin anew") from None


def write_counters(path: Path, counters: Mapping[RemotePartyRole, int], reserve: int = 0) -> None:
    """Write them in the place of those before, wholly or not at all. Raises RigError."""
    text = {role.name.lower().replace("_", "-"): last + reserve for role, last in counters.items()}
    new = path.with_name(path.name + ".new")
    try:
        new.write_text(json.dumps(text, indent=2) + "\n", encoding="utf-8")
        os.replace(new, path)
    except OSError as error:
        raise RigError(f"head_end.counters: {path}: cannot be written: {error.strerror}") from None
