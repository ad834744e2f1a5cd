"""Energy that flows through an electricity meter, half-hour by half-hour (SMETS2 5.7.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Flows(NamedTuple):
    """Energy of half-hours one after another, in Wh and varh. ``secondary`` is the active import of a second element.

    On a polyphase meter these are sums over the phases; on a twin-element meter reactive import is that of both
    elements, everything else but ``secondary`` that of the first.
    """

    imported: Sequence[int] = (0,)
    exported: Sequence[int] = (0,)
    reactive_imported: Sequence[int] = (0,)
    reactive_exported: Sequence[int] = (0,)
    secondary: Sequence[int] = (0,)
