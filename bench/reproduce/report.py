"""Reproduces everything in a folder, and tells it in numbers and problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from protocols.gbcs.key_folder import FolderKeyStore

from .answering import Answering
from .causes import Causes
from .compare import Comparison, Likeness
from .device_for import Workshop
from .moment import Moments
from .vectors import find_vectors

Shown = Callable[[list[Any]], Iterable[Any]]
"""Gives the items of a list one by one, showing how far it is."""


@dataclass(slots=True)
class Report:
    """What became of the pairs and alerts of a folder. ``problems`` are (file, reason)."""

    answers: Counter[Likeness] = field(default_factory=Counter)
    alerts: Counter[Likeness] = field(default_factory=Counter)
    problems: list[tuple[str, str]] = field(default_factory=list)
    unreadable: int = 0

    @property
    def is_clean(self) -> bool:
        """True if everything was reproduced and every file could be read."""
        return not self.answers[Likeness.DIFFERENT] + self.alerts[Likeness.DIFFERENT] + self.unreadable

    def to_json(self) -> dict[str, Any]:
        """The numbers under the documented keys."""
        return {
            "pairs": self.answers.total(),
            "identical": self.answers[Likeness.IDENTICAL],
            "verified_only_signature_differs": self.answers[Likeness.SIGNATURE_DIFFERS],
            "different": self.answers[Likeness.DIFFERENT],
            "alerts": self.alerts.total(),
            "alerts_reproduced": self.alerts.total() - self.alerts[Likeness.DIFFERENT],
            "problems": [{"file": file, "reason": reason} for file, reason in self.problems],
        }

    def lines(self) -> Iterator[str]:
        """The same for people."""
        for name, number in self.to_json().items():
            if isinstance(number, int):
                yield f"{name.replace('_', ' '):32}{number:6}"
        yield f"{'problems':32}{len(self.problems):6}"
        yield from (f"  {file}: {reason}" for file, reason in self.problems)

    def count(self, numbers: Counter[Likeness], name: str, found: Comparison) -> None:
        """Add one message."""
        numbers[found.likeness] += 1
        if found.reason:
            self.problems.append((name, found.reason))


def reproduce(folder: Path, keys: FolderKeyStore | None, shown: Shown = iter, defects: Iterable[str] = ()) -> Report:
    """Reproduce every pair and every alert below ``folder``."""
    vectors = find_vectors(folder)
    report = Report(problems=list(vectors.problems), unreadable=len(vectors.problems))
    workshop, moments = Workshop(vectors, keys), Moments(vectors)
    answering, causes = Answering(workshop, moments, defects), Causes(workshop, vectors, defects)
    work = [(report.answers, pair.response.name, partial(answering.reproduce, pair)) for pair in vectors.pairs]
    work += [(report.alerts, alert.name, partial(causes.reproduce, alert)) for alert in vectors.alerts]
    for numbers, name, run in shown(work):
        report.count(numbers, name, _outcome(run))
    return report


def _outcome(run: Callable[[], Comparison]) -> Comparison:
    """The comparison; a device that breaks off with an error has not reproduced anything, and the next one follows."""
    try:
        return run()
    except Exception as error:  # noqa: BLE001 - one broken part of a device must not hide what the others do
        return Comparison(Likeness.DIFFERENT, f"the emulated device broke off: {type(error).__name__}: {error}")
