"""The hashes of an evidence folder, written last: a file that changes later is found out.

``SHA256SUMS`` is checked with ``sha256sum -c SHA256SUMS``, without this program; ``manifest.json`` says the same and
the sizes. Whoever can write the folder can write new hashes too: keep or sign ``SHA256SUMS`` elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

MANIFEST, SUMS = "manifest.json", "SHA256SUMS"


def write_manifest(folder: Path, version: str) -> None:
    """Hash every file below ``folder`` and write both lists. Raises OSError."""
    files = {name: _described(folder / name) for name in _names(folder, {MANIFEST, SUMS})}
    listed = [{"path": name, **described} for name, described in files.items()]
    text = json.dumps({"tool": "meterbench", "version": version, "hash": "SHA-256", "files": listed}, indent=2)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    sums = {name: str(described["sha256"]) for name, described in files.items()} | {
        MANIFEST: _sha256(folder / MANIFEST)
    }
    (folder / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()), encoding="utf-8")


def verify_manifest(folder: Path) -> list[str]:
    """What is wrong with an evidence folder, one line each; empty when it is as it was written. Raises OSError."""
    listed = {}
    for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    there = set(_names(folder, {SUMS}))
    problems = [f"{name}: missing" for name in listed if name not in there]
    problems += [f"{name}: not in the manifest" for name in sorted(there - set(listed))]
    return problems + [
        f"{name}: changed" for name in listed if name in there and _sha256(folder / name) != listed[name]
    ]


def _names(folder: Path, leave_out: set[str]) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted({path.relative_to(folder).as_posix() for path in files} - leave_out)


def _described(path: Path) -> dict[str, object]:
    return {"size": path.stat().st_size, "sha256": _sha256(path)}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
