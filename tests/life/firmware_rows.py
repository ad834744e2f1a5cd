"""The matrix of what can be wrong with a firmware update: its rows register here.

A row puts one thing wrong, and shows that it is refused, where, and with which reason. That the device works on its
old version is shown after every row, in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from protocols.gbcs.roles import DeviceType

from .firmware import HCALCS, KINDS, PPMID, SAPC, Estate
from .world import CHF, ESME, GSME

METERS = (ESME, GSME, SAPC)
"""Devices that are updated through the hub, activated by command, and report receipts."""
ON_COMMAND = (*METERS, CHF)
SMALL = (PPMID, HCALCS)
THROUGH_HUB = (*METERS, *SMALL)

Play = Callable[[Estate], None]


class Row(NamedTuple):
    """One way of being wrong: what it is, what is done and shown, and the kinds of device that it concerns.

    ``settings`` are of the device's personality. ``goes_on``: a good update afterwards shows that nothing is stuck.
    """

    what: str
    play: Play
    kinds: tuple[DeviceType, ...]
    settings: dict[str, Any]
    goes_on: bool


ROWS: list[Row] = []


def row(
    what: str, kinds: tuple[DeviceType, ...] = KINDS, *, goes_on: bool = True, **settings: Any
) -> Callable[[Play], Play]:
    """Put a function into the matrix."""

    def put(play: Play) -> Play:
        ROWS.append(Row(what, play, kinds, settings, goes_on))
        return play

    return put
