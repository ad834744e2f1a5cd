"""What a laboratory does by itself as time passes: lists, the renewal of a key, lodging what was accepted."""

from __future__ import annotations

from protocols.instant import Instant

from .laboratory import Laboratory
from .lists import KeptList, Lists
from .registration import Registration
from .renewal import Renewal


class Upkeep:
    """Runs on the clock of whoever calls it: a rig's, or the present."""

    def __init__(self, lab: Laboratory) -> None:
        self._lists, self._renewal, self._registration = Lists(lab), Renewal(lab), Registration(lab)

    def due(self) -> Instant:
        """When something has to be done next."""
        return min(self._lists.due(), self._renewal.due())

    def advance(self, now: Instant) -> list[KeptList]:
        """Do what has become due, once; gives the lists that were made.

        Who lets days pass at once calls it at each ``due``: a list is made for the time at which it is made.
        """
        self._registration.lodge(now)
        self._renewal.advance(now)
        return self._lists.advance(now)

    def run_until(self, end: Instant) -> list[KeptList]:
        """Do everything that is due up to a time, at its own time; gives the lists that were made."""
        made = []
        while (due := self.due()) <= end:
            made += self.advance(due)
        return made
