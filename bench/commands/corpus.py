"""``meterbench corpus``: decode, rebuild and verify every message below a folder."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocols.errors import DecodeError, EncodeError
from protocols.gbcs.keys import KeyStore
from protocols.gbcs.protection import Verdict

from ..exit_codes import ExitCode
from ..inspection import Inspection, inspect_message
from ..reading import InputError, message_files, read_stored_message
from .key_folder import open_keystore, warn_of_problems
from .output import say, watched


@dataclass(slots=True)
class Totals:
    """What was found in a corpus, as numbers; ``problems`` are (file, reason)."""

    messages: int = 0
    decoded: int = 0
    rebuilt_identical: int = 0
    signatures: Counter[Verdict] = field(default_factory=Counter)
    macs: Counter[Verdict] = field(default_factory=Counter)
    encrypted_parts: int = 0
    decrypted_parts: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, found: Inspection) -> None:
        """Count one decoded message and note what is wrong with it."""
        self.decoded += 1
        if found.rebuilt == found.octets:
            self.rebuilt_identical += 1
        else:
            self.problems.append((name, "the message rebuilt from its values differs"))
        self._add_protection(name, found)
        self.encrypted_parts += len(found.hidden)
        self.decrypted_parts += len(found.opened)
        if found.secrecy_problem:
            self.problems.append((name, f"encrypted part: {found.secrecy_problem}"))

    def _add_protection(self, name: str, found: Inspection) -> None:
        if found.verdicts is None:  # without keys there is presence to count, nothing to verify
            self.signatures[Verdict.NO_KEY if found.message.signature else Verdict.ABSENT] += 1
            self.macs[Verdict.NO_KEY if found.message.mac is not None else Verdict.ABSENT] += 1
            return
        self.signatures[found.verdicts.signature] += 1
        self.macs[found.verdicts.mac] += 1
        for what, verdict in zip(("signature", "MAC"), found.verdicts, strict=True):
            if verdict is Verdict.INVALID:
                self.problems.append((name, f"the {what} does not verify"))

    def to_json(self) -> dict[str, Any]:
        """The numbers under the documented keys."""
        return {
            "messages": self.messages,
            "decoded": self.decoded,
            "rebuilt_identical": self.rebuilt_identical,
            "signatures": _protection_json(self.signatures),
            "macs": _protection_json(self.macs),
            "encrypted": {"parts": self.encrypted_parts, "decrypted": self.decrypted_parts},
            "problems": [{"file": file, "reason": reason} for file, reason in self.problems],
        }


def run_corpus(folder: Path, keystore: Path | None, *, as_json: bool) -> ExitCode:
    """Check every ``*.HEX`` file below ``folder``; PASS only if nothing is wrong."""
    if not os.path.isdir(folder):
        print(f"meterbench corpus: {folder}: no such folder", file=sys.stderr)
        return ExitCode.USAGE
    files, problems = message_files(folder)
    if not files and not problems:
        print(f"meterbench corpus: {folder}: no *.HEX file below it", file=sys.stderr)
        return ExitCode.USAGE
    store = open_keystore(keystore)
    totals = check_corpus(watched(files, "checking"), folder, store)
    totals.problems += problems
    if as_json:
        import json

        say(json.dumps(totals.to_json(), indent=2))
    else:
        say("\n".join(_lines(totals)))
        warn_of_problems(store)
    return ExitCode.FAIL if totals.problems else ExitCode.PASS


def check_corpus(files: Iterable[Path], folder: Path, store: KeyStore | None) -> Totals:
    """Decode, rebuild and verify each file; what goes wrong with one is noted, and the next one follows."""
    totals = Totals()
    for path in files:
        name = str(path.relative_to(folder))
        totals.messages += 1
        try:
            totals.add(name, inspect_message(read_stored_message(path), store))
        except InputError as error:
            totals.problems.append((name, error.reason))
        except (DecodeError, EncodeError) as error:
            totals.problems.append((name, str(error)))
    return totals


def _protection_json(counted: Counter[Verdict]) -> dict[str, int]:
    numbers = {verdict: counted[verdict] for verdict in (Verdict.VALID, Verdict.INVALID, Verdict.NO_KEY)}
    named = {verdict.value.replace(" ", "_"): number for verdict, number in numbers.items()}
    return {"present": sum(numbers.values()), **named}


def _lines(totals: Totals) -> list[str]:
    signatures, macs = _protection_json(totals.signatures), _protection_json(totals.macs)
    lines = [
        f"messages    {totals.messages}: {totals.decoded} decoded, {totals.rebuilt_identical} rebuilt identical",
        "signatures  {present}: {valid} valid, {invalid} invalid, {no_key} without a key".format(**signatures),
        "MACs        {present}: {valid} valid, {invalid} invalid, {no_key} without a key".format(**macs),
        f"encrypted   {totals.encrypted_parts} parts, {totals.decrypted_parts} decrypted",
        f"problems    {len(totals.problems)}",
    ]
    return lines + [f"  {file}: {reason}" for file, reason in totals.problems]
