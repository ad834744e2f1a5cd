"""The evidence folder of a run, filled while the run goes on and closed with hashes.

``messages.jsonl`` and ``messages.pcapng`` grow with every exchange; ``run.json``, ``junit.xml``, ``report.html`` and
the manifest are written at the end.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from .html import html_page
from .jsonl import JsonLines
from .junit import junit_xml
from .manifest import MANIFEST, SUMS, write_manifest
from .pcapng import Pcapng
from .records import Exchange, RunRecord

MESSAGES, CAPTURE, RUN, JUNIT, REPORT = "messages.jsonl", "messages.pcapng", "run.json", "junit.xml", "report.html"


class EvidenceFolder:
    """Made before the first exchange; ``run`` needs no exchanges yet. Raises OSError when the folder cannot be written.

    Files of an earlier run in the same folder are replaced; others are left alone and hashed with the rest.
    """

    def __init__(self, folder: Path, run: RunRecord) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (RUN, JUNIT, REPORT, MANIFEST, SUMS):
            (folder / name).unlink(missing_ok=True)
        self.path = folder
        with ExitStack() as files:
            lines = files.enter_context((folder / MESSAGES).open("w", encoding="utf-8", errors="backslashreplace"))
            packets = files.enter_context((folder / CAPTURE).open("wb"))
            self._lines, self._packets = JsonLines(lines), Pcapng(packets, f"meterbench {run.version}", run.rig)
            self._lines.start(run)
            self._files = files.pop_all()

    def exchange(self, exchange: Exchange) -> None:
        """Write down one exchange."""
        self._lines.exchange(exchange)
        self._packets.exchange(exchange)

    def finish(self, run: RunRecord) -> None:
        """Write the summary of the whole run and close the folder with its hashes."""
        self._lines.finish(run)
        self.close()
        summary = json.dumps(run.summary_json(), indent=2, ensure_ascii=False)
        self._write(RUN, summary + "\n")
        (self.path / JUNIT).write_bytes(junit_xml(run))
        self._write(REPORT, html_page(run, (MESSAGES, CAPTURE, RUN, JUNIT, MANIFEST, SUMS)))
        write_manifest(self.path, run.version)

    def close(self) -> None:
        """Close what is open; a run that breaks off leaves what it has seen."""
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text, encoding="utf-8", errors="backslashreplace")


def write_evidence(folder: Path, run: RunRecord) -> Path:
    """The evidence of a run that is over; returns the path of the report."""
    with EvidenceFolder(folder, run) as evidence:
        for exchange in run.exchanges:
            evidence.exchange(exchange)
        evidence.finish(run)
    return folder / REPORT
