"""A run as JSON lines, written while it goes on: a crash loses nothing that was seen before.

Kinds of line: ``run`` (first), ``message`` (each message, raw and decoded), ``verdict`` (after the messages of an
exchange), ``total`` (last). ``exchange`` numbers start at 1.
"""

from __future__ import annotations

import json
from typing import Any, TextIO

from .records import Exchange, RunRecord, SeenMessage


class JsonLines:
    """Writes lines to an open text file and flushes each one. ``line`` is the number of lines written so far."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.line = 0
        self._exchange = 0

    def start(self, run: RunRecord) -> None:
        """The line of what is known before the first exchange."""
        self._write("run", run.head_json())

    def exchange(self, exchange: Exchange) -> None:
        """The lines of one exchange."""
        self._exchange += 1
        if exchange.sent:
            self._message("sent", exchange, exchange.sent)
        for message in exchange.received:
            self._message("received", exchange, message)
        self._write("verdict", {"exchange": self._exchange, **exchange.verdict_json()})

    def finish(self, run: RunRecord) -> None:
        """The line of totals."""
        totals = {verdict.value: count for verdict, count in run.totals.items()}
        self._write("total", {"verdict": run.verdict.value, "totals": totals})

    def _message(self, direction: str, exchange: Exchange, message: SeenMessage) -> None:
        where = {"exchange": self._exchange, "device": exchange.device, "use_case": exchange.use_case}
        self._write("message", {**where, "direction": direction, **message.to_json()})

    def _write(self, kind: str, members: dict[str, Any]) -> None:
        self._file.write(json.dumps({"kind": kind, **members}, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._file.flush()
        self.line += 1
